"""Means of the valid pixels in blocks: how an image is read at a coarser pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, helper, readonly


def block_means(
    data: NDArray[np.float32], valid: NDArray[np.bool_], *, factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Means of the valid pixels in blocks of ``factor`` x ``factor``, the last ones cut.

    Parameters
    ----------
    data
        Values, 0 where invalid, of shape (band, row, col).
    valid
        True where usable, of shape (row, col).
    factor
        Side of a block in pixels.

    Returns
    -------
    (means, any)
        Shapes (band, block row, block col) and (block row, block col); 0 where no pixel is valid.
        Sums are in float64.
    """
    shape = -(-valid.shape[0] // factor), -(-valid.shape[1] // factor)
    means, some = np.empty((len(data), *shape), np.float32), np.empty(shape, bool)
    _block_means(data, valid, factor, means, some)
    return means, some


@helper
def _summed(line: NDArray[np.float64], factor: int, sums: NDArray[np.float64]) -> None:
    """Sums of every ``factor`` places of a line, the last ones fewer."""
    sums[:] = 0
    for first in range(min(factor, len(line))):
        for number in range((len(line) - first - 1) // factor + 1):
            sums[number] += line[np.uint64(number * factor + first)]


@compiled(
    f"void({readonly('float32', 3)}, {readonly('boolean', 2)}, int64, float32[:,:,::1], "
    "boolean[:,::1])"
)
def _block_means(
    data: NDArray[np.float32],
    valid: NDArray[np.bool_],
    factor: int,
    means: NDArray[np.float32],
    some: NDArray[np.bool_],
) -> None:
    bands, rows, cols = data.shape
    _, height, width = means.shape
    sums, totals, counts = np.empty(cols), np.empty(width), np.empty(width)
    whole = valid.all()
    for row in range(height):
        top, bottom = row * factor, min(rows, (row + 1) * factor)
        for col in range(width):
            counts[col] = (bottom - top) * (min(cols, (col + 1) * factor) - col * factor)
        if not whole:
            sums[:] = 0
            for r in range(top, bottom):
                for col in range(cols):
                    sums[col] += valid[r, col]
            _summed(sums, factor, counts)
        for col in range(width):
            some[row, col] = counts[col] > 0
            counts[col] = max(counts[col], 1.0)
        for band in range(bands):
            # Down the columns first, which a processor does for several at a time.
            sums[:] = 0
            for r in range(top, bottom):
                for col in range(cols):
                    sums[col] += data[band, r, col]
            _summed(sums, factor, totals)
            for col in range(width):
                means[band, row, col] = totals[col] / counts[col]
