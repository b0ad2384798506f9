"""Images straight from a camera, made for tests: where each pixel lies on the ground is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.rpc import RPC

Floats = NDArray[np.float64]

CRS = "EPSG:32652"
EAST, NORTH = 500_000.0, 4_320_000.0
"""A place south of Pyongyang, on the middle meridian of its zone."""

TO_LONLAT = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
LON, LAT = TO_LONLAT.transform(EAST, NORTH)
DEGREE_M = 111_000.0


def pattern(east: Floats, north: Floats) -> Floats:
    """A smooth picture on the ground, nowhere the same and along no axis: metres in, 0 to 1000."""
    e, n = east - EAST, north - NORTH
    return np.asarray(
        500 + 150 * np.sin(e / 17 + n / 31) + 150 * np.sin(e / 47 - n / 23) + 0.3 * e + 0.2 * n
    )


@dataclass(frozen=True)
class Camera:
    """A camera whose rows and columns are linear in longitude, latitude and height."""

    size: int = 300
    pixel_m: float = 2.0
    lean: float = 0.4
    """Columns on the ground, in metres, by which a metre of height moves a place."""

    turn: float = 0.2
    """Of the image against north, in radians."""

    height: float = 100.0
    """Of the ground that lies where it should."""

    def coefficients(self) -> tuple[list[float], list[float]]:
        """Numerators of row and column in normalised longitude, latitude and height."""
        half = self.size / 2
        span = self.size * self.pixel_m / DEGREE_M
        per_lon = span * DEGREE_M * np.cos(np.radians(LAT)) / self.pixel_m / half
        per_lat = span * DEGREE_M / self.pixel_m / half
        c, s = np.cos(self.turn), np.sin(self.turn)
        up = self.lean * 100.0 / self.pixel_m / half
        row = [0.0, -s * per_lon, -c * per_lat, 0.1 * up] + [0.0] * 16
        col = [0.0, c * per_lon, -s * per_lat, up] + [0.0] * 16
        return row, col

    def rpc(self) -> RPC:
        row, col = self.coefficients()
        one = [1.0] + [0.0] * 19
        span = self.size * self.pixel_m / DEGREE_M
        half = self.size / 2
        return RPC(
            height_off=self.height, height_scale=100.0, lat_off=LAT, lat_scale=span,
            line_den_coeff=one, line_num_coeff=row, line_off=half - 0.5, line_scale=half,
            long_off=LON, long_scale=span, samp_den_coeff=one, samp_num_coeff=col,
            samp_off=half - 0.5, samp_scale=half,
        )  # fmt: skip

    def ground(self, rows: Floats, cols: Floats, height: Floats | float) -> tuple[Floats, Floats]:
        """Easting and northing of positions in the image, exactly."""
        row, col = self.coefficients()
        span, half = self.size * self.pixel_m / DEGREE_M, self.size / 2
        up = (np.asarray(height) - self.height) / 100.0
        line, samp = (
            (rows - half + 0.5) / half - row[3] * up,
            (cols - half + 0.5) / half - col[3] * up,
        )
        lon, lat = np.linalg.solve(
            np.array([[row[1], row[2]], [col[1], col[2]]]), np.stack([line.ravel(), samp.ravel()])
        )
        east, north = TO_LONLAT.transform(
            LON + lon * span, LAT + lat * span, direction=pyproj.enums.TransformDirection.INVERSE
        )
        return np.reshape(east, rows.shape), np.reshape(north, rows.shape)

    def picture(
        self,
        height: Callable[[Floats, Floats], Floats],
        look: Callable[[Floats, Floats], Floats] = pattern,
    ) -> Floats:
        """What it sees of a pattern on ground of some height, by looking along each ray."""
        rows, cols = np.indices((self.size, self.size)).astype(float)
        up: Any = self.height
        for _ in range(12):  # it closes in by a tenth at a time
            east, north = self.ground(rows, cols, up)
            up = height(east, north)
        return look(east, north)


def flat(metres: float) -> Callable[[Floats, Floats], Floats]:
    return lambda east, _: np.full(np.shape(east), metres)


def tilted(east: Floats, north: Floats) -> Floats:
    """A plane that rises by 12 m to the east and falls by 8 m to the north, over 100 m."""
    return np.asarray(120.0 + 0.12 * (east - EAST) - 0.08 * (north - NORTH))


def write_raw(
    path: Path, pixels: NDArray[Any], *, rpcs: RPC | None = None, gcps: Any = None, **profile: Any
) -> Path:
    """An image without a geotransform."""
    import warnings

    data = np.atleast_3d(pixels) if pixels.ndim == 3 else pixels[None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path, "w", driver="GTiff", count=len(data), height=data.shape[1], width=data.shape[2],
            dtype=data.dtype, **profile,
        ) as dataset:  # fmt: skip
            dataset.write(data)
            if rpcs is not None:
                dataset.rpcs = rpcs
            if gcps is not None:
                dataset.gcps = (gcps, rasterio.crs.CRS.from_epsg(4326))
    return path


def write_dem(
    path: Path, height: Callable[[Floats, Floats], Floats], *, reach: float = 1500.0,
    west: float = 1500.0, crs: str = CRS, **profile: Any,
) -> Path:  # fmt: skip
    """Heights on pixels of 20 m around the place."""
    step = 20.0
    rows, cols = int(2 * reach / step), int((reach + west) / step)
    affine = Affine(step, 0, EAST - west, 0, -step, NORTH + reach)
    col, row = np.meshgrid(np.arange(cols) + 0.5, np.arange(rows) + 0.5)
    east, north = affine.c + col * step, affine.f - row * step
    heights = height(east, north).astype("float32")
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=rows, width=cols, dtype="float32", crs=crs,
        transform=affine, **profile,
    ) as dataset:  # fmt: skip
        dataset.write(heights[None])
    return path
