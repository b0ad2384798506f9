"""How strongly a place differs: scores over 3 × 3 px, which regions are ranked and decided by."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, readonly

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
    strength = np.empty(score.shape, np.float32)
    _root_mean_square(np.ascontiguousarray(score, np.float32), np.ascontiguousarray(seen), strength)
    return strength


@compiled(f"void({readonly('float32', 2)}, {readonly('boolean', 2)}, float32[:,::1])")
def _root_mean_square(
    score: NDArray[np.float32], seen: NDArray[np.bool_], strength: NDArray[np.float32]
) -> None:
    rows, cols = score.shape
    squares, counts = np.zeros((3, cols), np.float32), np.zeros((3, cols), np.float32)
    total, near = np.zeros(cols + 2, np.float32), np.zeros(cols + 2, np.float32)
    for row in range(rows + 1):
        # Three rows are kept, each in the place of the one that is no longer needed.
        at = row % 3
        for col in range(cols):
            usable = row < rows and seen[row, col]
            squares[at, col] = score[row, col] * score[row, col] if usable else np.float32(0)
            counts[at, col] = np.float32(1) if usable else np.float32(0)
        if row == 0:
            continue
        # Added in one order everywhere, so that no tiling changes a bit.
        first, second = (row - 2) % 3, (row - 1) % 3
        for col in range(cols):
            total[col + 1] = (squares[first, col] + squares[second, col]) + squares[at, col]
            near[col + 1] = (counts[first, col] + counts[second, col]) + counts[at, col]
        for col in range(cols):
            some = (near[col] + near[col + 1]) + near[col + 2]
            sum_of = (total[col] + total[col + 1]) + total[col + 2]
            strength[row - 1, col] = np.sqrt(sum_of / max(some, np.float32(1)))
