"""Small 8-bit pictures of both scenes, aligned, for maps and reports."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.grid import Plan, ground_pixel
from imagery.normalise import Radiometry
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import crop, warp_window
from imagery.write import create

LONGEST = 2000
"""Pixels along the longer side of a preview at the most."""

_STRETCH_SIDE = 700


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The one display stretch of both dates, per displayed band, in the earlier scene's units."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    text: str


def write_previews(
    plan: Plan,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    shift: Shift,
    radiometry: Radiometry,
    *,
    folder: Path,
) -> tuple[dict[Role, Path], Stretch]:
    """Write ``before_preview.tif`` and ``after_preview.tif``: uint8 bands and alpha.

    Each scene is drawn at its own pixel size (at most ``LONGEST`` px a side) over the display
    window, the moving one aligned, the later one in the earlier one's radiometry, both with one
    linear stretch.
    """
    index = {"before": bands.before, "after": bands.after}
    read = {
        role: _Picture(
            scene=scene,
            bands=tuple(index[role][i] for i in bands.display),
            display=bands.display,
            shift=shift if role == plan.moving else None,
            radiometry=radiometry if role == "after" else None,
        )
        for role, scene in scenes.items()
    }
    stretch = _shared_stretch(plan, read)
    paths: dict[Role, Path] = {}
    for role, picture in read.items():
        factor = _factor(plan, scenes[role])
        values, valid, geobox = picture.draw(plan.geobox, plan.display, factor=factor)
        paths[role] = folder / f"{role}_preview.tif"
        with create(
            paths[role],
            geobox=geobox,
            count=len(values) + 1,
            dtype="uint8",
            nodata=None,
            descriptions=(*(bands.names[i] for i in bands.display), "alpha"),
        ) as raster:
            rows, cols = valid.shape
            raster.write(
                Window(0, 0, rows, cols),
                np.concatenate([_stretched(values, stretch), _alpha(valid)]),
            )
    return paths, stretch


@dataclass(frozen=True, kw_only=True, eq=False)
class _Picture:
    """How one scene is drawn."""

    scene: Scene
    bands: tuple[int, ...]
    display: tuple[int, ...]
    shift: Shift | None
    radiometry: Radiometry | None

    def draw(
        self, grid: GeoBox, window: Window, *, factor: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], GeoBox]:
        """The displayed bands over a window of the grid, with ``factor`` px for one."""
        rows, cols = (max(1, math.ceil(side * factor - 1e-6)) for side in window.shape)
        shape = rows, cols
        geobox = GeoBox(shape, crop(grid, window).affine * Affine.scale(1 / factor), grid.crs)
        moved = (
            None
            if self.shift is None
            else self.shift.rescaled(factor, origin=(float(window.top), float(window.left)))
        )
        raster = warp_window(
            self.scene, geobox, Window(0, 0, *shape), bands=self.bands, shift=moved
        )
        data = raster.data
        if self.radiometry is not None:
            data = self.radiometry.of(self.display).apply(data)
        return data, raster.valid, geobox


def _factor(plan: Plan, scene: Scene) -> float:
    own = plan.pixel_size_m / ground_pixel(scene.geobox)
    # Within a few per cent the working pixel serves, and the reference stays untouched.
    own = 1.0 if abs(own - 1) < 0.05 else own
    return min(own, LONGEST / max(plan.display.shape))


def _shared_stretch(plan: Plan, read: dict[Role, _Picture]) -> Stretch:
    factor = min(1.0, _STRETCH_SIDE / max(plan.display.shape))
    seen = []
    for picture in read.values():
        values, valid, _ = picture.draw(plan.geobox, plan.display, factor=factor)
        seen.append(values[:, valid])
    found = [np.percentile(v, [1, 99], axis=1).astype(float) for v in seen if v.shape[1]]
    if not found:
        found = [np.zeros((2, len(seen[0])))]
    # The lower of both ends: clouds in one image may turn white, the ground stays to be seen.
    low, high = np.min(found, axis=0)
    high = np.where(high > low, high, low + 1)
    return Stretch(
        low=tuple(float(v) for v in low),
        high=tuple(float(v) for v in high),
        text="linear, one stretch for both images, from the lower of their 1 % values to the lower "
        "of their 99 % values; the later image is shown in the earlier one's radiometry",
    )


def _stretched(values: NDArray[np.float32], stretch: Stretch) -> NDArray[np.uint8]:
    low, high = (np.array(v, np.float32)[:, None, None] for v in (stretch.low, stretch.high))
    return np.asarray(np.clip((values - low) / (high - low) * 255, 0, 255).round(), np.uint8)


def _alpha(valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.asarray(valid[None] * np.uint8(255), np.uint8)
