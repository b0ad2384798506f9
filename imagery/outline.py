"""Where a change ends: at half of its strength, not where it first stands out of the noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, readonly

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


def covered(
    score: NDArray[np.float32], difference: NDArray[np.floating], candidate: NDArray[np.bool_]
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
        The candidates' change vectors in units of their noise, whitened, in row-major order; of
        shape (bands, candidates).
    candidate
        Observed pixels above the threshold, of shape (row, col); only they stand for a change.

    Returns
    -------
    ndarray
        Of shape (row, col).  What lies beyond the array's own border counts for nothing: a caller
        that cuts tiles gives a margin of ``HALO``.
    """
    kept = np.array(candidate, order="C")
    place = np.flatnonzero(kept)
    if len(place):
        vectors = np.ascontiguousarray(difference.T, np.float64)
        weak = np.empty(len(place), bool)
        _find_weak(np.ascontiguousarray(score), kept, place, vectors, weak)
        _peel(kept, place[weak])
    return kept


@compiled(
    f"void({readonly('float32', 2)}, {readonly('boolean', 2)}, {readonly('int64', 1)}, "
    f"{readonly('float64', 2)}, boolean[::1])"
)
def _find_weak(
    score: NDArray[np.float32],
    candidate: NDArray[np.bool_],
    place: NDArray[np.int64],
    vectors: NDArray[np.float64],
    weak: NDArray[np.bool_],
) -> None:
    """Candidates that are a share, surely less than half, of the strongest one beside them.

    ``place`` are the candidates' pixels in row-major order, ``vectors`` theirs, and ``weak`` takes
    the result.
    """
    rows, cols = score.shape
    bands = vectors.shape[1]
    # What is left across the peak's direction is, of noise alone, chi-square in one band less.
    mixed = (bands - 1) + _SURE_MIXED * np.sqrt(2.0 * (bands - 1))
    # Numbers of the candidates of three rows: the one above, the own, the one below.
    number = np.empty((3, cols), np.int64)
    filled, ahead = -1, 0
    for i in range(len(place)):
        row, col = place[i] // cols, place[i] % cols
        while filled <= row:
            filled += 1
            while ahead < len(place) and place[ahead] // cols == filled:
                number[filled % 3, place[ahead] % cols] = ahead
                ahead += 1
        best, highest = i, np.float32(-np.inf)
        for r in range(max(row - 1, 0), min(row + 2, rows)):
            for c in range(max(col - 1, 0), min(col + 2, cols)):
                if candidate[r, c] and score[r, c] > highest:
                    best, highest = number[r % 3, c], score[r, c]
        peak, along, whole = 0.0, 0.0, 0.0
        for band in range(bands):
            own, strongest = vectors[i, band], vectors[best, band]
            peak += strongest * strongest
            along += own * strongest
            whole += own * own
        # The share is (own · peak) / |peak|², its standard error 1 / |peak|: no division is needed.
        length = np.sqrt(peak)
        across = whole * (1 - 1e-9) - (along / max(length, 1e-12)) ** 2
        weak[i] = along < length * (_SHARE * length - _SURE) and across <= mixed


@compiled(f"void(boolean[:,::1], {readonly('int64', 1)})")
def _peel(kept: NDArray[np.bool_], weak: NDArray[np.int64]) -> None:
    """Take weak pixels away, in place, rim by rim; ``weak`` are pixels in row-major order."""
    rows, cols = kept.shape
    going = np.empty(len(weak), np.bool_)
    for _ in range(_ROUNDS):
        some = False
        for i in range(len(weak)):
            row, col = weak[i] // cols, weak[i] % cols
            going[i] = False
            if kept[row, col]:
                for r in range(max(row - 1, 0), min(row + 2, rows)):
                    for c in range(max(col - 1, 0), min(col + 2, cols)):
                        going[i] |= not kept[r, c]
                some |= going[i]
        if not some:
            return
        for i in range(len(weak)):
            if going[i]:
                kept[weak[i] // cols, weak[i] % cols] = False


def ends_at(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a change that a pixel on its outline has at the least, for its score inside."""
    return np.maximum(_SHARE - _SURE / np.asarray(strength, np.float64), 0.0)
