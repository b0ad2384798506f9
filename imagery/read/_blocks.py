"""Stored values of a window, put together from whole blocks of the file that are decoded once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.block_cache import BLOCKS
from imagery.blocks import Window
from imagery.env import version
from imagery.read._decode import decode

_LEAST = 256
"""Side in px, at the least, of what is decoded at a time: smaller blocks are taken together."""

_ROWS = 128
"""Rows of it where blocks are as wide as the file."""


def stored(
    dataset: Any, indexes: Sequence[int], window: Window, *, name: str
) -> NDArray[np.generic]:
    """Stored values of a window that lies inside the file; see :func:`decode`.

    Blocks are kept for the windows that follow, whatever thread reads them.  Those too large to be
    kept are left to GDAL.

    Parameters
    ----------
    dataset
        The open file.
    indexes
        Bands, from 1.
    window
        In pixels of the file.
    name
        The file's name, for messages.

    Returns
    -------
    ndarray
        Of shape (band, row, col) and the file's dtype.

    Raises
    ------
    InputError
        If the file is damaged there.
    """
    height, width = unit(dataset)
    size = len(indexes) * height * width * np.dtype(dataset.dtypes[0]).itemsize
    if size > BLOCKS.limit // 8:
        corners = window.top, window.left, window.bottom, window.right
        return decode(dataset, indexes, corners, name=name)
    whole = Window(0, 0, dataset.height, dataset.width)
    of = (version(dataset.name), tuple(indexes))
    out: NDArray[np.generic] | None = None
    for top in range(window.top // height * height, window.bottom, height):
        for left in range(window.left // width * width, window.right, width):
            block = Window(top, left, top + height, left + width).clipped(whole)
            corners = block.top, block.left, block.bottom, block.right

            def made(corners: tuple[int, int, int, int] = corners) -> NDArray[np.generic]:
                return decode(dataset, indexes, corners, name=name)

            values = BLOCKS.get((of, corners), made)
            part = block.clipped(window)
            if part == window:
                return values[(slice(None), *part.within(block))]
            if out is None:
                out = np.empty((len(indexes), *window.shape), values.dtype)
            out[(slice(None), *part.within(window))] = values[(slice(None), *part.within(block))]
    if out is None:
        raise ValueError(f"a window with pixels is needed; found {window}")
    return out


def unit(dataset: Any) -> tuple[int, int]:
    """Rows and columns of what is decoded at a time: one or several whole blocks."""
    rows, cols = dataset.block_shapes[0]
    if cols >= dataset.width:
        return rows * -(-_ROWS // rows), dataset.width
    return rows * -(-_LEAST // rows), cols * -(-_LEAST // cols)
