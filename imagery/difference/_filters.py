"""Means of the seen pixels around each; what is unseen or beyond the tile counts for nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def box_mean(
    data: NDArray[np.float32], seen: NDArray[np.bool_], *, size: int
) -> NDArray[np.float32]:
    """Mean of the seen pixels in a square of ``size`` px (odd) around each.

    Parameters
    ----------
    data
        Of shape (..., row, col).
    seen
        Of shape (row, col).

    Returns
    -------
    ndarray
        Of data's shape; 0 where the square holds no seen pixel.
    """
    weight = ndimage.uniform_filter(seen.astype(np.float64), size, mode="constant")
    sizes = (*[1] * (data.ndim - 2), size, size)
    total = ndimage.uniform_filter(
        np.where(seen, data, 0).astype(np.float64), sizes, mode="constant"
    )
    some = weight > 0.5 / size**2
    return np.where(some, total / np.where(some, weight, 1), 0).astype(np.float32)
