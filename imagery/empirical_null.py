"""How surprising a strength is among unchanged pixels, by a null fitted to the bulk of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST = 3.0
"""Standard deviations of the noise, rounding included, below which nothing is a change."""

_QUANTILES = (0.2, 0.5)
_SHAPES = (0.2, 1000.0)
_ENOUGH = 10


@dataclass(frozen=True, kw_only=True)
class Null:
    """Squared strengths of unchanged pixels: a gamma distribution."""

    shape: float
    scale: float

    def reached_by(self, share: float) -> float:
        """The strength that a share of unchanged pixels reaches."""
        from scipy.special import gammainccinv

        return float(np.sqrt(self.scale * gammainccinv(self.shape, share)))

    def reaching(self, strengths: NDArray[np.floating]) -> NDArray[np.float64]:
        """The share of unchanged pixels that reach a strength; same shape."""
        from scipy.special import gammaincc

        squared = np.square(strengths.astype(np.float64))
        return np.asarray(gammaincc(self.shape, squared / self.scale))


def fit_null(strengths: NDArray[np.floating]) -> Null | None:
    """The null through the 20 % quantile and the median of a sample of strengths, shape (pixels,).

    Both lie in the bulk that change hardly reaches, in the spirit of the empirical null of Efron
    (2004, JASA 99, sec. 4).  None where most pixels agree exactly, so that there is no bulk.
    """
    from scipy.special import gammaincinv

    squared = np.square(strengths.astype(np.float64))
    positive = squared[squared > 0]
    if len(positive) < _ENOUGH or 2 * len(positive) < len(squared):
        return None
    low, middle = (float(q) for q in np.quantile(positive, _QUANTILES))
    shape = _shape(low / middle)
    return Null(shape=shape, scale=middle / float(gammaincinv(shape, _QUANTILES[1])))


def a_contrario(null: Null | None, *, pixels: int) -> float:
    """The strength that one of ``pixels`` unchanged ones is expected to reach; 3 at the least.

    ``pixels`` P0(strength > cut) = 1: the number of false alarms of Desolneux, Moisan & Morel
    (2000, IJCV 40(1), def. 1) at one in the map, with every pixel a test; regions of several
    pixels are fewer.  It rests on the null being right so far out, which nothing here verifies.
    """
    return LEAST if null is None else max(null.reached_by(1 / max(pixels, 2)), LEAST)


def _shape(ratio: float) -> float:
    """The gamma distribution whose 20 % quantile is ``ratio`` of its median."""
    from scipy.optimize import brentq
    from scipy.special import gammaincinv

    def excess(log_shape: float) -> float:
        low, middle = (float(gammaincinv(np.exp(log_shape), q)) for q in _QUANTILES)
        return low / middle - ratio

    first, last = (float(np.log(shape)) for shape in _SHAPES)
    if excess(first) > 0:
        return _SHAPES[0]
    if excess(last) < 0:
        return _SHAPES[1]
    return float(np.exp(brentq(excess, first, last)))
