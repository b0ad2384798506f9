"""Resampled values as a file stores them: rounded, in range, and no valid one missing."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imagery.mask import can_hold, is_nodata


def stored_values(
    data: NDArray[np.float32],
    valid: NDArray[np.bool_],
    *,
    dtype: str,
    nodata: float | None,
    mark: float | None,
) -> NDArray[np.generic]:
    """Resampled values as the file stores them: rounded, in range, and no valid one missing.

    Parameters
    ----------
    data
        Values in stored numbers, of shape (band, row, col).
    valid
        True where usable, of shape (row, col).
    dtype
        The file's.
    nodata
        What is written where nothing is usable; 0 where None.
    mark
        The value that the reader takes as missing, or None.

    Notes
    -----
    A valid value that comes out as the mark is moved by one (in floats, by the least that is told
    apart): in 8 bits with the mark 0 or 255 only where all bands come out so, as the reader takes
    them.
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        values = data.astype(kind)
    else:
        limits = np.iinfo(dtype)
        values = np.clip(np.rint(data.astype(np.float64)), limits.min, limits.max).astype(kind)
    if mark is not None and can_hold(dtype, mark):
        hit = is_nodata(values, mark) & valid
        if kind == np.uint8 and mark in (0, 255):
            hit &= hit.all(axis=0)
        if hit.any():
            values[hit] = _beside(mark, data[hit], dtype=dtype)
    values[:, ~valid] = fill_of(dtype, nodata)
    return values


def fill_of(dtype: str, nodata: float | None) -> float | int:
    """What stands where nothing is known: the nodata value as the dtype can hold it, 0 without."""
    if nodata is None:
        return 0
    if np.dtype(dtype).kind != "f":
        return int(nodata)
    if not math.isfinite(nodata):
        return nodata
    ends = np.finfo(dtype)
    return min(max(nodata, float(ends.min)), float(ends.max))


def _beside(mark: float, wanted: NDArray[np.float32], *, dtype: str) -> NDArray[np.generic]:
    """The values beside the mark, on the side on which the unrounded ones lie."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        # Farther than the tolerance with which readers look for the mark.
        return np.full(wanted.shape, mark * (1 - 3e-6) if mark else np.finfo(kind).tiny, kind)
    limits = np.iinfo(dtype)
    step = np.where(wanted < mark, -1, 1)
    step = np.where(mark <= limits.min, 1, np.where(mark >= limits.max, -1, step))
    return (int(mark) + step).astype(kind)
