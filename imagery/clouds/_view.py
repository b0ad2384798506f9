"""Both images as clouds are looked for in them: reduced, in units of their own spread."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window, tiles_over
from imagery.blockwise import map_tiles
from imagery.grid import Plan
from imagery.overview import PIXELS
from imagery.scene import Scene
from imagery.warp import crop, warp_window

_VIEW_M = 3.0
_WHITE = 0.25
"""Largest (max - min) / max of red, green and blue."""

_SMOOTH = 0.15
"""Largest standard deviation over 5 x 5 px of the view, as a part of the cloud's brightness."""


@dataclass(frozen=True, eq=False)
class View:
    """One date in the reduced view, in robust standard deviations from its median."""

    level: NDArray[np.float32]
    grey: NDArray[np.bool_]
    smooth: NDArray[np.bool_]
    valid: NDArray[np.bool_]


def view_grid(plan: Plan) -> tuple[GeoBox, float]:
    """The reduced grid over all that is estimated and shown, and its pixel in metres."""
    a, b = plan.estimation, plan.display
    window = Window(
        min(a.top, b.top), min(a.left, b.left), max(a.bottom, b.bottom), max(a.right, b.right)
    )
    pixels = window.height * window.width
    factor = max(1.0, _VIEW_M / plan.pixel_size_m, math.sqrt(pixels / PIXELS))
    rows, cols = (max(1, math.ceil(side / factor)) for side in window.shape)
    affine = crop(plan.geobox, window).affine * Affine.scale(factor)
    return GeoBox((rows, cols), affine, plan.geobox.crs), factor * plan.pixel_size_m


def chosen_bands(bands: BandPairs) -> tuple[list[int], bool]:
    """Which pairs of bands to look at, and whether they are red, green and blue."""
    names = list(bands.names)
    if {"red", "green", "blue"} <= set(names):
        return [names.index(name) for name in ("red", "green", "blue")], True
    # Three bands that nothing names are colours most often; others tell brightness alone.
    return list(range(min(3, len(names)))), False


def view_of(
    scene: Scene,
    geobox: GeoBox,
    *,
    bands: tuple[int, ...],
    colours: bool,
    executor: Executor,
) -> View:
    """A scene on the reduced grid; with ``colours`` its bands are red, green and blue."""
    from scipy import ndimage

    level, grey, valid = (np.zeros(tuple(geobox.shape), kind) for kind in (np.float32, bool, bool))
    tiles = tiles_over(Window(0, 0, *geobox.shape))
    read = partial(_tile, scene, geobox, bands=bands, colours=colours)
    for tile, (own, *told) in map_tiles(read, tiles, executor=executor):
        place = slice(tile.top, tile.bottom), slice(tile.left, tile.right)
        level[place] = own
        grey[place], valid[place] = told
    seen = level[valid]
    middle = float(np.median(seen)) if seen.size else 0.0
    spread = 1.4826 * float(np.median(np.abs(seen - middle))) if seen.size else 0.0
    level = np.where(valid, (level - middle) / max(spread, 1e-6), 0).astype(np.float32)
    mean = ndimage.uniform_filter(level, 5)
    deviation = np.sqrt(np.maximum(ndimage.uniform_filter(level**2, 5) - mean**2, 0))
    return View(level, grey, deviation <= _SMOOTH * np.maximum(mean, 0), valid)


def _tile(
    scene: Scene, geobox: GeoBox, window: Window, *, bands: tuple[int, ...], colours: bool
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]:
    """The mean of the bands, where they are alike, and where they are seen."""
    raster = warp_window(scene, geobox, window, bands=bands)
    grey = np.ones(window.shape, bool)
    if colours:
        top, low = raster.data.max(axis=0), raster.data.min(axis=0)
        grey = top - low <= _WHITE * np.maximum(np.abs(top), 1e-6)
    return raster.data.mean(axis=0), grey, raster.valid
