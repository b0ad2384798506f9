"""Kinds of places by texture and brightness, told cell by cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window

CELL = 64
"""Side of a cell, px; cells lie on a lattice anchored at pixel (0, 0) of the working grid."""


def cells_over(window: Window, *, reach: int) -> Window:
    """The cells, by number, whose block touches a window.

    A block is a cell grown by ``reach`` px downwards and to the right.
    """
    return Window(
        (window.top - reach) // CELL,
        (window.left - reach) // CELL,
        -(-window.bottom // CELL),
        -(-window.right // CELL),
    )


def measured(
    data: NDArray[np.float32], valid: NDArray[np.bool_], *, scale: NDArray[np.float64], side: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Texture and brightness of squares.

    Parameters
    ----------
    data
        Shape (bands, rows, cols), both multiples of ``side``.
    valid
        Shape (rows, cols); the rest counts for nothing.
    scale
        What each band is divided by before the bands' mean is taken; shape (bands,).
    side
        Of a square, px.

    Returns
    -------
    (texture, brightness)
        Mean size of the steps between neighbours, and mean, of each square's valid pixels; shape
        (rows / side, cols / side); 0 where none is valid.
    """
    grey = np.tensordot(1 / scale / len(scale), data.astype(np.float64), axes=1)
    rows, cols = (length // side for length in valid.shape)
    squares = grey.reshape(rows, side, cols, side).swapaxes(1, 2)
    seen = valid.reshape(rows, side, cols, side).swapaxes(1, 2)
    texture, count = np.zeros((2, rows, cols))
    for axis in (2, 3):
        both = np.diff(seen.astype(np.int8), axis=axis) == 0
        both &= seen.take(range(1, side), axis=axis)
        texture += np.abs(np.diff(squares, axis=axis) * both).sum(axis=(2, 3))
        count += both.sum(axis=(2, 3))
    brightness = (squares * seen).sum(axis=(2, 3)) / np.maximum(seen.sum(axis=(2, 3)), 1)
    return texture / np.maximum(count, 1), brightness


def stratum(
    texture: NDArray[np.float64],
    brightness: NDArray[np.float64],
    *,
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.intp]:
    """0 to 8: three times the third of the texture, plus that of the brightness."""
    return np.asarray(
        3 * np.searchsorted(ends[0], texture) + np.searchsorted(ends[1], brightness), np.intp
    )
