"""A piecewise linear map of values and its slope, as a compiled loop."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, readonly


@compiled(
    f"void({readonly('float32', 1)}, {readonly('float64', 1)}, {readonly('float64', 1)}, "
    "float32[::1], float32[::1])"
)
def map_values(
    values: NDArray[np.float32],
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    mapped: NDArray[np.float32],
    slope: NDArray[np.float32],
) -> None:
    """Map values by straight pieces between knots; beyond the outer knots the outer pieces go on.

    Parameters
    ----------
    values
        Shape (pixels,).
    source, target
        Knots, two or more, and their values; shape (knots,), ``source`` rising.
    mapped, slope
        Shape (pixels,), for the results: the values' images, and how much the map stretches there.
    """
    last = len(source) - 2
    piece = 0
    start, end, steep = source[0], target[0], (target[1] - target[0]) / (source[1] - source[0])
    if last == 0:
        for i in range(len(values)):
            mapped[i] = end + steep * (values[i] - start)
            slope[i] = steep
        return
    for i in range(len(values)):
        value = values[i]
        # Neighbours mostly lie on one piece.
        if not (
            (piece == 0 or source[piece] < value) and (piece == last or value <= source[piece + 1])
        ):
            low, high = 0, last
            while low < high:
                middle = (low + high) // 2
                if value <= source[middle + 1]:
                    high = middle
                else:
                    low = middle + 1
            piece = low
            start, end = source[piece], target[piece]
            steep = (target[piece + 1] - end) / (source[piece + 1] - start)
        mapped[i] = end + steep * (value - start)
        slope[i] = steep
