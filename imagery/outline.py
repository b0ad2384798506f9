"""Where a change ends: at half of its strength, not where it first stands out of the noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_ROUNDS = 3
"""Rims that are looked at, from outside: a strong change is seen so far beyond its own edge, in px,
through the blur of the sensor and of the resampling."""

HALO = _ROUNDS
"""Pixels around a window that the decision looks at."""

_SHARE = 0.5
_SURE = 2.0
"""Standard errors by which a share must be below one half."""

_SURE_MIXED = 3.0
"""Standard deviations by which what is left across must exceed its mean to be no mixture."""

_EIGHT = np.ones((3, 3), bool)


def covered(
    score: NDArray[np.float32], difference: NDArray[np.float32], candidate: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Candidates without the rim that less than half of the change reaches.

    A sensor blurs: a strong change stands far above the noise a pixel or two beyond its edge, so
    that a threshold alone widens every outline, the more the stronger the change.  Rim by rim, a
    pixel goes whose difference is surely less than half of that beside it: of the pixel with the
    highest score among its eight neighbours and itself, on which it is projected (a linear mixture
    of two, whose share is known to one over the length of that difference).  One that differs in
    another way, beyond what noise does, is no such mixture but a change of its own, and stays.  So
    does what lies inside, however weak: a change need not be of one strength.

    Parameters
    ----------
    score
        Of shape (row, col); finite where seen.
    difference
        The change vector in units of its noise, whitened, of shape (band, row, col).
    candidate
        Observed pixels above the threshold, of shape (row, col); only they stand for a change.

    Returns
    -------
    ndarray
        Of shape (row, col).  What lies beyond the array's own border counts for nothing: a caller
        that cuts tiles gives a margin of ``HALO``.
    """
    kept = candidate.copy()
    weak = _weak(score, difference, candidate)
    for _ in range(_ROUNDS):
        rim = kept & ndimage.binary_dilation(~kept, structure=_EIGHT)
        going = rim & weak
        if not going.any():
            break
        kept &= ~going
    return kept


def _weak(
    score: NDArray[np.float32], difference: NDArray[np.float32], candidate: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Candidates that are a share, surely less than half, of the strongest one beside them."""
    weak = np.zeros(candidate.shape, bool)
    row, col = np.nonzero(candidate)
    if not len(row):
        return weak
    strength = np.pad(np.where(candidate, score, np.float32(-np.inf)), 1, constant_values=-np.inf)
    steps = [(dr, dc) for dr in (0, 1, 2) for dc in (0, 1, 2)]
    best = np.stack([strength[row + dr, col + dc] for dr, dc in steps]).argmax(axis=0)
    offset = np.array(steps) - 1
    peak = difference[:, row + offset[best, 0], col + offset[best, 1]].astype(np.float64)
    own = difference[:, row, col].astype(np.float64)
    # The share is (own · peak) / |peak|², its standard error 1 / |peak|: no division is needed.
    length = np.sqrt(np.einsum("bp,bp->p", peak, peak))
    along = np.einsum("bp,bp->p", own, peak)
    small = along < length * (_SHARE * length - _SURE)
    # What is left across the peak's direction: of noise alone, chi-square in one band less.
    whole, freedom = np.einsum("bp,bp->p", own, own), len(own) - 1
    across = whole * (1 - 1e-9) - np.square(along / np.maximum(length, 1e-12))
    weak[row, col] = small & (across <= freedom + _SURE_MIXED * np.sqrt(2 * freedom))
    return weak


def ends_at(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a change that a pixel on its outline has at the least, for its score inside."""
    return np.maximum(_SHARE - _SURE / np.asarray(strength, np.float64), 0.0)
