"""How strongly a place differs: scores over 3 × 3 px, which regions are ranked and decided by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALO = 1
"""Pixels around a pixel that its strength depends on."""


def strength_of(score: NDArray[np.float32], seen: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Root mean square of the scores of the seen pixels among a pixel and its eight neighbours.

    A single pixel of noise reaches what nine of them together never do, while an object of a few
    pixels keeps its score: the smallest matched filter, whose null falls off the faster (matched
    filtering, Turin 1960, IRE Transactions on Information Theory 6(3)).

    Parameters
    ----------
    score
        Of shape (row, col).
    seen
        Where the score means something, of shape (row, col).

    Returns
    -------
    ndarray
        Of shape (row, col), in units of the score; 0 where nothing is seen around.  What lies
        beyond the array's border counts for nothing: give a margin of ``HALO``.
    """
    squared = np.pad(np.square(np.where(seen, score, np.float32(0))), 1)
    count = np.pad(seen.astype(np.float32), 1)
    # Added in one order everywhere, so that no tiling changes a bit.
    total, near = (_added(_added(a, axis=0), axis=1) for a in (squared, count))
    return np.asarray(np.sqrt(total / np.maximum(near, 1)), np.float32)


def _added(values: NDArray[np.float32], *, axis: int) -> NDArray[np.float32]:
    """Sums of three neighbours along an axis."""
    moved = values.swapaxes(0, axis)
    return np.asarray((moved[:-2] + moved[1:-1] + moved[2:]).swapaxes(0, axis))
