"""Multivariate alteration detection: what two images share, band by band, and what they don't."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 50
_SETTLED = 1e-4
"""Change of the canonical correlations below which the weights are settled."""

_MOST = 100_000
"""Pixels that a fit looks at, every n-th of those given."""

_RIDGE = 1e-6
"""Of the mean variance, added to every variance: bands that repeat each other have an inverse."""

_LEAST_NOISE = 1e-6
"""Of a variate's variance, at the least: images that agree exactly have no other noise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mad:
    """Canonical variates of two images, fitted to the pixels that did not change.

    The variates of the one and of the other are paired: each pair correlates by ``correlation``
    and with no other, whatever the gain, offset or mixture of the bands was.
    """

    before: NDArray[np.float64]
    """Weights of the bands in the variates, shape (variates, bands)."""

    after: NDArray[np.float64]
    mean_before: NDArray[np.float64]
    """Shape (bands,)."""

    mean_after: NDArray[np.float64]
    correlation: NDArray[np.float64]
    """Shape (variates,), from the largest down."""

    def statistic(
        self, before: NDArray[np.floating], after: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Sum of the squared differences of the variates, each over its variance.

        Parameters
        ----------
        before, after
            Of shape (bands, pixels).

        Returns
        -------
        ndarray
            Of shape (pixels,): chi-square of as many degrees as bands, if the model holds.
        """
        u = self.before @ (before - self.mean_before[:, None])
        v = self.after @ (after - self.mean_after[:, None])
        variance = np.maximum(2 * (1 - self.correlation), _LEAST_NOISE)
        return np.asarray(((u - v) ** 2 / variance[:, None]).sum(axis=0))


def fit_mad(before: NDArray[np.floating], after: NDArray[np.floating]) -> Mad:
    """Fit the variates, with every pixel's weight its probability of no change, until it settles.

    Iteratively reweighted multivariate alteration detection (Nielsen 2007, IEEE Transactions on
    Image Processing 16(2), sec. III).

    Parameters
    ----------
    before, after
        Of shape (bands, pixels), finite.
    """
    from scipy.stats import chi2

    step = max(1, -(-before.shape[1] // _MOST))
    x, y = before[:, ::step].astype(np.float64), after[:, ::step].astype(np.float64)
    weight = np.ones(x.shape[1])
    fitted = _weighted(x, y, weight)
    for _ in range(_ROUNDS):
        weight = chi2.sf(fitted.statistic(x, y), len(x))
        # All of them far out: the model holds nowhere, and what was fitted last stays.
        if weight.sum() <= 4 * len(x):
            break
        last, fitted = fitted, _weighted(x, y, weight)
        if np.abs(fitted.correlation - last.correlation).max() < _SETTLED:
            break
    return fitted


def _weighted(x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]) -> Mad:
    bands = len(x)
    both = np.concatenate([x, y])
    mean = both @ weight / weight.sum()
    centred = both - mean[:, None]
    covariance = (centred * weight) @ centred.T / weight.sum()
    of_x, of_y = (
        c + (_RIDGE * np.trace(c) / bands + 1e-12) * np.eye(bands)
        for c in (covariance[:bands, :bands], covariance[bands:, bands:])
    )
    root_x, root_y = np.linalg.cholesky(of_x), np.linalg.cholesky(of_y)
    shared = np.linalg.solve(root_x, np.linalg.solve(root_y, covariance[bands:, :bands]).T)
    left, correlation, right = np.linalg.svd(shared)
    return Mad(
        before=np.linalg.solve(root_x.T, left).T,
        after=np.linalg.solve(root_y.T, right.T).T,
        mean_before=mean[:bands],
        mean_after=mean[bands:],
        correlation=np.clip(correlation, 0, 1),
    )
