"""Small grey pictures of both images on the working grid, for figures and diagnoses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.env import open_raster
from imagery.grid import Plan
from imagery.scene import Role, Scene
from imagery.warp import crop, warp_window

LONGEST = 1200
"""Pixels along the longer side of a picture at the most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One image over the part where the alignment was measured, as it came."""

    grey: NDArray[np.uint8]
    """Shape (row, col)."""

    seen: NDArray[np.bool_]
    window: Window
    """Of the working grid."""

    @property
    def rgba(self) -> NDArray[np.uint8]:
        """The picture, transparent where nothing is seen."""
        grey = self.grey[..., None].repeat(3, axis=2)
        return np.concatenate([grey, (self.seen * np.uint8(255))[..., None]], axis=2)


def picture(scene: Scene, plan: Plan, bands: BandPairs, *, role: Role) -> Picture:
    """The mean of the matched bands, each stretched to its own 1 % and 99 % values.

    Images that could not be aligned share no radiometry, so each has its own stretch.
    """
    window, shape = plan.estimation, shape_of(plan)
    scale = Affine.scale(window.width / shape[1], window.height / shape[0])
    grid = GeoBox(shape, crop(plan.geobox, window).affine * scale, plan.geobox.crs)
    indexes = bands.before if role == "before" else bands.after
    raster = warp_window(scene, grid, Window(0, 0, *shape), bands=indexes)
    layers = [_stretched(band, raster.valid) for band in raster.data]
    grey = np.mean(layers, axis=0) if raster.valid.any() else np.zeros(shape)
    return Picture(grey=(255 * grey).round().astype(np.uint8), seen=raster.valid, window=window)


def shape_of(plan: Plan) -> tuple[int, int]:
    """Rows and columns of a picture."""
    window = plan.estimation
    factor = max(1.0, max(window.shape) / LONGEST)
    return max(1, round(window.height / factor)), max(1, round(window.width / factor))


def picture_from(preview: Path, plan: Plan) -> Picture:
    """The picture out of a preview, which shows the same window and was stretched before.

    Parameters
    ----------
    preview
        Of one or three bands and alpha, uint8.
    plan
        Of the case, whose display is its estimation.
    """
    with open_raster(preview) as source:
        bands = source.read()
    grey = bands[:-1].mean(axis=0, dtype=np.float32).round().astype(np.uint8)
    rows, cols = shape_of(plan)
    # With alpha, so that what wasn't seen darkens no edge.
    image = Image.fromarray(np.stack([grey, bands[-1]], axis=2)).resize(
        (cols, rows), Image.Resampling.BOX
    )
    small = np.asarray(image)
    return Picture(grey=small[..., 0].copy(), seen=small[..., 1] > 0, window=plan.estimation)


def _stretched(band: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    if not valid.any():
        return np.zeros(band.shape)
    low, high = np.percentile(band[valid], [1, 99])
    return np.asarray(np.clip((band.astype(float) - low) / max(high - low, 1e-30), 0, 1))
