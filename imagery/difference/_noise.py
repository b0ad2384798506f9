"""The noise that differences are measured in, estimated on unchanged pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from imagery.difference._model import Noise
from imagery.sampling import Pair

_ROUNDS = 10
_FEW, _LAST_ROUNDS = 40_000, 3
"""Pixels on which the first steps are taken, and how many steps are left for all of them."""

_TRIM = 0.75
"""Share of the pixels, the least changed, that the noise is estimated from."""

_MOST = 200_000
"""Pixels that a fit on maps looks at."""

Maps = Callable[[Pair], NDArray[np.float32]]
"""From a pair to what differs there, of shape (feature, row, col)."""


def fit_noise(difference: NDArray[np.float32], *, quantisation: NDArray[np.float64]) -> Noise:
    """Mean and covariance of the difference on unchanged pixels.

    Parameters
    ----------
    difference
        Later minus earlier, shape (bands, pixels).
    quantisation
        Variance of each band's rounding to stored values, a floor under its noise; shape (bands,).

    Notes
    -----
    The covariance is that of the three quarters of the pixels with the smallest Mahalanobis
    distance, found by concentration steps (Rousseeuw & Van Driessen 1999) and scaled so that its
    median distance is that of the Gaussian.
    """
    d = difference.astype(np.float64)
    bands = len(d)
    mean = np.median(d, axis=1)
    spread = 1.4826 * np.median(np.abs(d - mean[:, None]), axis=1)
    floor = np.diag(np.maximum(quantisation, 1e-20))
    covariance = np.diag(spread**2) + floor
    expected = chi2_median(bands)
    # The first steps on a few of the pixels, which come about as close; the last on all of them.
    few = np.ascontiguousarray(d[:, :: max(1, d.shape[1] // _FEW)])
    for number in range(_ROUNDS):
        some = few if number < _ROUNDS - _LAST_ROUNDS else d
        distance = mahalanobis(some - mean[:, None], covariance)
        core = distance <= np.quantile(distance, _TRIM)
        mean = some[:, core].mean(axis=1)
        shape = np.atleast_2d(np.cov(some[:, core])) if core.sum() > bands + 1 else covariance
        shape = shape + 1e-9 * np.trace(shape) * np.eye(bands) + 1e-3 * floor
        middle = float(np.median(mahalanobis(some - mean[:, None], shape)))
        covariance = shape * (middle / expected) + floor
    return Noise(mean=mean, covariance=covariance)


def mahalanobis(
    centred: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Squared distances from 0, in units of a covariance, of columns of shape (bands, pixels)."""
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), centred)
    return np.asarray((whitened**2).sum(axis=0))


def chi2_median(degrees: float) -> float:
    """Median of the chi-square distribution."""
    from scipy.special import chdtri

    return float(chdtri(degrees, 0.5))


def sampled(tiles: Sequence[Pair], maps: Maps, *, most: int = _MOST) -> NDArray[np.float32]:
    """What maps hold at seen pixels of all tiles, every n-th of them; shape (feature, pixels)."""
    total = sum(int(tile.seen.sum()) for tile in tiles)
    step = max(1, -(-total // most))
    return np.concatenate([maps(tile)[:, tile.seen][:, ::step] for tile in tiles], axis=1)


def fit_maps(tiles: Sequence[Pair], maps: Maps) -> Noise:
    """The noise of maps of differences, on unchanged pixels of the sampled tiles.

    Where no pixel is seen the noise is 1: nothing will be scored.
    """
    values = sampled(tiles, maps)
    if values.shape[1] < 2:
        return Noise(mean=np.zeros(len(values)), covariance=np.eye(len(values)))
    # Maps of what agrees exactly have no noise; a hair of the largest value keeps them usable.
    hair = max(1e-12, 1e-6 * float(np.abs(values).max())) ** 2
    return fit_noise(values, quantisation=np.full(len(values), hair))


def distance(maps: NDArray[np.float32], noise: Noise) -> NDArray[np.float32]:
    """Mahalanobis distance of maps, shape (feature, row, col), from no difference."""
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    squared = mahalanobis(flat - noise.mean[:, None], noise.covariance)
    return np.sqrt(squared).astype(np.float32).reshape(maps.shape[1:])


def scale_to(squared: NDArray[np.floating], degrees: float) -> float:
    """What a statistic is multiplied with so that its median is that of chi-square.

    1 where the statistic is 0 at half of the pixels: they agree exactly.
    """
    middle = float(np.median(squared)) if squared.size else 0.0
    return chi2_median(degrees) / middle if middle > 1e-9 else 1.0
