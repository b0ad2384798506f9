"""An image as a small picture to draw on, and where its pixels lie."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

LONGEST = 2000
"""Pixels along the longer side of the picture at the most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A picture of an image on the Earth."""

    name: str
    """The image's file name."""

    png: bytes
    geobox: GeoBox
    """The picture's own grid, in the image's CRS."""

    pixel_m: float
    """Side of a pixel of the picture on the ground, at its middle."""


def picture_of(path: Path, *, crs: str | None) -> Picture:
    """An image, at most ``LONGEST`` px a side, each band stretched from its 1 % to its 99 % value.

    Parameters
    ----------
    path
        A georeferenced image.
    crs
        The CRS of an image that has none.

    Raises
    ------
    InputError
        If the image can't be read, or doesn't say where on the Earth it lies.
    """
    from imagery.bands import pair_bands
    from imagery.env import raster_environment
    from imagery.grid import ground_pixel
    from imagery.options import ReadOptions, SceneOptions
    from imagery.read import open_scene, read_window

    with raster_environment():
        scene = open_scene(
            path, role="before", scene_options=SceneOptions(), read_options=ReadOptions(crs=crs)
        )
        bands = pair_bands(scene, scene, explicit=False)
        shown = [bands.before[place] for place in bands.display]
        factor = math.ceil(max(scene.geobox.shape) / LONGEST)
        seen = read_window(scene, scene.window, bands=shown, decimate=factor)
    return Picture(
        name=path.name,
        png=_png(seen.data, seen.valid),
        geobox=seen.geobox,
        pixel_m=ground_pixel(seen.geobox),
    )


def _png(values: NDArray[np.float32], valid: NDArray[np.bool_]) -> bytes:
    """Red, green and blue, or one grey, transparent where the image has no pixels."""
    from PIL import Image

    grey = np.zeros((*valid.shape, 3), np.uint8)
    for i in range(3 if valid.any() else 0):
        band = values[i % len(values)]
        low, high = np.percentile(band[valid], [1, 99])
        stretched = np.where(valid, band - low, 0) / max(high - low, 1e-30)
        grey[..., i] = np.clip(255 * stretched, 0, 255).round()
    alpha = (valid * np.uint8(255))[..., None]
    stream = io.BytesIO()
    Image.fromarray(np.concatenate([grey, alpha], axis=2)).save(stream, "PNG")
    return stream.getvalue()
