"""A small pair of images in a folder, and how to write others like them."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

PLACE = Affine(1, 0, 500_000, 0, -1, 4_320_000)
SIDE = 320


def write_image(path: Path, array: NDArray[Any], **profile: Any) -> Path:
    """Write an array, of shape (band, row, col), as a GeoTIFF of 1 m in EPSG:32651."""
    import rasterio

    options: dict[str, Any] = {
        "driver": "GTiff",
        "count": array.shape[0],
        "height": array.shape[1],
        "width": array.shape[2],
        "dtype": array.dtype,
        "crs": "EPSG:32651",
        "transform": PLACE,
        "tiled": True,
        "blockxsize": 128,
        "blockysize": 128,
        "compress": "deflate",
        **profile,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", **options) as target:
            target.write(array)
    return path


def write_outline(path: Path, ring: list[tuple[float, float]]) -> Path:
    """Write a polygon as GeoJSON."""
    polygon = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    path.write_text(json.dumps({"type": "Feature", "properties": {}, "geometry": polygon}))
    return path


def square(lon: float, lat: float, side: float = 0.001) -> list[tuple[float, float]]:
    """A square in degrees, by its lower left corner."""
    return [(lon, lat), (lon + side, lat), (lon + side, lat + side), (lon, lat + side)]


def counts(values: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Textures as counts of a sensor, never 0."""
    return np.asarray((values * 200).clip(1, 65535), np.uint16)


@dataclass(frozen=True)
class Pair:
    """A folder with a pair in it, and the arrays."""

    folder: Path
    first: NDArray[np.uint16]
    second: NDArray[np.uint16]

    @property
    def before(self) -> Path:
        return self.folder / "before.tif"

    @property
    def after(self) -> Path:
        return self.folder / "after.tif"

    @property
    def area(self) -> Path:
        return self.folder / "area.geojson"
