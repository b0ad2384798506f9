"""A block at half its size: what an overview shows of four pixels."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Overviews = Literal["means", "nearest", "highest"]
"""What stands for four pixels: the mean of the usable ones, the upper left one, or the highest
usable one."""


def halved(
    data: NDArray[Any],
    usable: NDArray[np.bool_] | None,
    *,
    how: Overviews,
    missing: float,
) -> NDArray[Any]:
    """A block with one pixel for four; at an odd side the last ones stand for fewer.

    Parameters
    ----------
    data
        Of shape (band, row, col).
    usable
        Which values count, of the same shape; all of them where None.
    how
        What stands for four.
    missing
        The value where none of the four counts, which the dtype can hold.

    Returns
    -------
    ndarray
        Of the same dtype, each side half as long, rounded up.
    """
    if how == "nearest":
        return data[:, ::2, ::2]
    parts = _four(data)
    # Without invalid values there is nothing to leave out.
    counted = None if usable is None or usable.all() else _four(usable)
    found = _mean(parts, counted) if how == "means" else _highest(parts, counted)
    if counted is not None:
        some = counted[0] | counted[1] | counted[2] | counted[3]
        found = np.where(some, found, data.dtype.type(missing))
    return found


def _four(data: NDArray[Any]) -> list[NDArray[Any]]:
    """The pixels of each of the four places; at an odd side the last ones twice."""
    odd = [(0, 0), *((0, side % 2) for side in data.shape[1:])]
    if any(more for _, more in odd):
        data = np.pad(data, odd, mode="edge")
    return [data[:, row::2, col::2] for row in (0, 1) for col in (0, 1)]


def _mean(parts: list[NDArray[Any]], counted: list[NDArray[np.bool_]] | None) -> NDArray[Any]:
    dtype = parts[0].dtype
    wide = np.result_type(dtype, np.float32)
    if counted is None:
        first, *others = (part.astype(wide) for part in parts)
        number: Any = 4
    else:
        first, *others = (
            np.where(use, part, 0).astype(wide) for part, use in zip(parts, counted, strict=True)
        )
        number = np.maximum(np.sum(counted, axis=0, dtype=np.uint8), 1)
    for other in others:
        first += other
    first /= number
    return first if dtype == wide else np.rint(first).astype(dtype)


def _highest(parts: list[NDArray[Any]], counted: list[NDArray[np.bool_]] | None) -> NDArray[Any]:
    if counted is not None:
        dtype = parts[0].dtype
        least = -np.inf if dtype.kind == "f" else np.iinfo(dtype).min
        parts = [
            np.where(use, part, dtype.type(least)) for part, use in zip(parts, counted, strict=True)
        ]
    # Of a number and NaN, the number.
    one, two, three, four = parts
    return np.asarray(np.fmax(np.fmax(one, two), np.fmax(three, four)))
