"""Pixels with their validity and their grid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox


@dataclass(frozen=True, kw_only=True, eq=False)
class Raster:
    """Bands of pixels on a grid.

    ``valid`` is True where a pixel is usable, everywhere in this project (NumPy's masked arrays
    hold the inverse).  The values under invalid pixels are finite but mean nothing.
    """

    data: NDArray[np.float32]
    """Values, of shape (band, row, col)."""

    valid: NDArray[np.bool_]
    """True where usable in every band, of shape (row, col)."""

    geobox: GeoBox
    """CRS, affine and shape of the grid."""

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or self.data.shape[1:] != self.valid.shape:
            raise ValueError(
                f"data must be (band, row, col) over valid's (row, col); "
                f"found data {self.data.shape}, valid {self.valid.shape}"
            )
        if tuple(self.geobox.shape) != self.valid.shape:
            raise ValueError(
                f"geobox must have the shape of the pixels; "
                f"found {tuple(self.geobox.shape)} and {self.valid.shape}"
            )
