"""The one call that decodes pixels, and what its failure means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.env import RASTER_ERRORS
from imagery.errors import InputError

_UNREADABLE: tuple[type[Exception], ...] = (*RASTER_ERRORS, ValueError)


def decode(
    dataset: Any,
    indexes: Sequence[int],
    corners: tuple[int, int, int, int],
    *,
    name: str,
    out_shape: tuple[int, int] | None = None,
    masks: bool = False,
) -> NDArray[np.generic]:
    """Stored values of a window that lies inside the file.

    Parameters
    ----------
    dataset
        The open file.
    indexes
        Bands, from 1.
    corners
        top, left, bottom, right.
    name
        The file's name, for messages.
    out_shape
        Sample to this shape, nearest neighbour.
    masks
        The bands' masks (0 where missing) in place of their values.

    Returns
    -------
    ndarray
        Of shape (band, row, col) and the file's dtype (uint8 for masks).

    Raises
    ------
    InputError
        If the file is damaged there.
    """
    from rasterio.windows import Window as RasterioWindow

    top, left, bottom, right = corners
    read = dataset.read_masks if masks else dataset.read
    try:
        values: NDArray[np.generic] = read(
            list(indexes),
            window=RasterioWindow(left, top, right - left, bottom - top),
            out_shape=None if out_shape is None else (len(indexes), *out_shape),
        )
    except _UNREADABLE as error:
        raise InputError(
            f"{name}: damaged or cut off: cannot be decoded in rows {top} to {bottom}, "
            f"columns {left} to {right}",
            found=str(error.__cause__ or error).replace(dataset.name, name)[:200],
            needed="a whole file",
        ) from error
    return values
