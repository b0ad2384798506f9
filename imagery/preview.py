"""Small 8-bit pictures of both scenes, aligned, for maps and reports."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window, tiles_over
from imagery.blockwise import map_tiles
from imagery.grid import Plan, ground_pixel
from imagery.normalise import Radiometry
from imagery.overview import Overview
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import crop, warp_window
from imagery.write import create

LONGEST = 2000
"""Pixels along the longer side of a preview at the most."""

_STRETCH_SIDE = 500
_PROBES = 9


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The one display stretch of both dates, per displayed band, in the earlier scene's units."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    text: str


def write_previews(
    plan: Plan,
    views: Mapping[Role, Overview],
    bands: BandPairs,
    shift: Shift,
    radiometry: Radiometry,
    *,
    folder: Path,
    executor: Executor,
) -> tuple[dict[Role, Path], Stretch]:
    """Write ``before_preview.tif`` and ``after_preview.tif``: uint8 bands and alpha.

    Each scene is drawn at its own pixel size (at most ``LONGEST`` px a side) over the display
    window, the moving one aligned, the later one in the earlier one's radiometry, both with one
    linear stretch.

    Parameters
    ----------
    plan, bands, shift, radiometry
        What the comparison found.
    views
        Both scenes; small pictures are drawn from their larger pixels.
    folder
        Takes the pictures.
    executor
        Draws parts of them.
    """
    index = {"before": bands.before, "after": bands.after}
    pictures = {
        role: _Picture(
            view=view,
            bands=tuple(index[role][i] for i in bands.display),
            display=bands.display,
            shift=shift if role == plan.moving else None,
            radiometry=radiometry if role == "after" else None,
        )
        for role, view in views.items()
    }
    stretch = _shared_stretch(plan, bands, pictures, executor)
    paths: dict[Role, Path] = {}
    for role, picture in pictures.items():
        paths[role] = folder / f"{role}_preview.tif"
        drawing = picture.drawing(plan, factor=_factor(plan, picture.view.scene))
        with create(
            paths[role],
            geobox=drawing.geobox,
            count=len(bands.display) + 1,
            dtype="uint8",
            nodata=None,
            descriptions=(*(bands.names[i] for i in bands.display), "alpha"),
        ) as raster:
            for tile, (values, valid) in map_tiles(drawing, drawing.tiles, executor=executor):
                raster.write(tile, np.concatenate([_stretched(values, stretch), _alpha(valid)]))
    return paths, stretch


@dataclass(frozen=True, kw_only=True, eq=False)
class _Picture:
    """How one scene is drawn."""

    view: Overview
    bands: tuple[int, ...]
    display: tuple[int, ...]
    shift: Shift | None
    radiometry: Radiometry | None

    def drawing(self, plan: Plan, *, factor: float) -> _Drawing:
        """Of the display window, with ``factor`` px for one of the grid's."""
        window = plan.display
        rows, cols = (max(1, math.ceil(side * factor - 1e-6)) for side in window.shape)
        affine = crop(plan.geobox, window).affine * Affine.scale(1 / factor)
        geobox = GeoBox((rows, cols), affine, plan.geobox.crs)
        moved, farthest = None, 0.0
        if self.shift is not None:
            moved = self.shift.rescaled(factor, origin=(float(window.top), float(window.left)))
            farthest = _farthest(self.shift, window) * _own_pixels(plan, self.view.scene)
        return _Drawing(
            source=self.view.source(geobox, moved_px=farthest),
            geobox=geobox,
            bands=self.bands,
            shift=moved,
            radiometry=None if self.radiometry is None else self.radiometry.of(self.display),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Drawing:
    """One scene on one grid; called with a window of it.  Small, and fit to travel."""

    source: Scene
    geobox: GeoBox
    bands: tuple[int, ...]
    shift: Shift | None
    radiometry: Radiometry | None

    @property
    def tiles(self) -> list[Window]:
        return list(tiles_over(Window(0, 0, *self.geobox.shape)))

    def __call__(self, window: Window) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Values, shape (band, row, col), and where they are valid."""
        raster = warp_window(self.source, self.geobox, window, bands=self.bands, shift=self.shift)
        if self.radiometry is None:
            return raster.data, raster.valid
        return self.radiometry.apply(raster.data), raster.valid


def _own_pixels(plan: Plan, scene: Scene) -> float:
    """How many of a scene's pixels lie along one of the grid's."""
    return plan.pixel_size_m / ground_pixel(scene.geobox)


def _farthest(shift: Shift, window: Window) -> float:
    """About the longest move along an axis, px, of an area."""
    rows, cols = (
        np.linspace(first, last, _PROBES)
        for first, last in ((window.top, window.bottom), (window.left, window.right))
    )
    return float(np.abs(shift.on_grid(rows, cols)).max())


def _factor(plan: Plan, scene: Scene) -> float:
    own = _own_pixels(plan, scene)
    # Within a few per cent the working pixel serves, and the reference stays untouched.
    own = 1.0 if abs(own - 1) < 0.05 else own
    return min(own, LONGEST / max(plan.display.shape))


def _shared_stretch(
    plan: Plan, bands: BandPairs, pictures: Mapping[Role, _Picture], executor: Executor
) -> Stretch:
    factor = min(1.0, _STRETCH_SIDE / max(plan.display.shape))
    found = []
    for picture in pictures.values():
        drawing = picture.drawing(plan, factor=factor)
        parts = map_tiles(drawing, drawing.tiles, executor=executor)
        seen = np.concatenate([values[:, valid] for _, (values, valid) in parts], axis=1)
        if seen.shape[1]:
            found.append(np.percentile(seen, [1, 99], axis=1).astype(float))
    if not found:
        found = [np.zeros((2, len(bands.display)))]
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
