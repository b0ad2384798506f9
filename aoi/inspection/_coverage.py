"""How much of an image holds data, and how much of an area it shows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import shapely

from aoi.inspection._model import Coverage
from aoi.places import Area
from aoi.places.area import footprint
from imagery.blocks import TILE, Window
from imagery.read import read_window
from imagery.scene import Scene

_TILES = 8
"""Tiles each way that stand for a large image."""

_SIDE = 2000
"""Pixels along the longer side at which an area is looked at, at the most."""


def coverage(scene: Scene, area: Area | None, *, bands: tuple[int, ...]) -> Coverage:
    """How much of an image, and of an area, holds data in these bands.

    Parameters
    ----------
    scene
        The image, with the masks that lie beside it.
    area
        The area; None where none was asked for.
    bands
        Indexes of the bands that must hold data together.

    Raises
    ------
    InputError
        If the file is damaged where it is looked at.

    Notes
    -----
    A large image is looked at in 64 tiles spread over it, an area wider than 2000 px decimated.
    """
    masked, scene = scene, replace(scene, masks=())
    valid, sampled = _valid(scene, bands)
    if area is None or area.georeferenced != (scene.geobox.crs is not None):
        return Coverage(valid=valid, sampled=sampled)
    inside = _inside(scene, area)
    held = clear = 0.0
    if inside is None or inside > 0:
        held = _held(scene, area, bands)
        clear = _held(masked, area, bands) if masked.masks else held
    return Coverage(
        valid=valid,
        sampled=sampled,
        area=area.name,
        area_inside=inside,
        area_valid=None if inside is None else inside * held,
        area_clear=None if inside is None or not masked.masks else inside * clear,
    )


def _valid(scene: Scene, bands: tuple[int, ...]) -> tuple[float, bool]:
    rows, cols = scene.geobox.shape
    tops, lefts = _spread(rows), _spread(cols)
    seen = total = 0
    for top in tops:
        for left in lefts:
            tile = Window(top, left, min(top + TILE, rows), min(left + TILE, cols))
            valid = read_window(scene, tile, bands=bands).valid
            seen, total = seen + int(valid.sum()), total + valid.size
    sampled = len(tops) * len(lefts) < math.ceil(rows / TILE) * math.ceil(cols / TILE)
    return seen / total, sampled


def _spread(length: int) -> list[int]:
    """Where tiles begin along a side: all of them, or some with both ends."""
    tiles = math.ceil(length / TILE)
    chosen = range(tiles) if tiles <= _TILES else np.linspace(0, tiles - 1, _TILES).round()
    return [int(number) * TILE for number in chosen]


def _inside(scene: Scene, area: Area) -> float | None:
    """The share of the area that lies in the image; None across the antimeridian."""
    shown = footprint(scene.geobox)
    if area.georeferenced and float(np.ptp(shown.bounds[::2])) > 180:
        return None
    part = shapely.intersection(area.geometry, shown)
    shared = Area(
        name=area.name, geometry=part, source=area.source, georeferenced=area.georeferenced
    )
    return 0.0 if part.area == 0 else min(1.0, shared.area_m2 / area.area_m2)


def _held(scene: Scene, area: Area, bands: tuple[int, ...]) -> float:
    """The share that holds data of the area's part inside the image."""
    left, top, right, bottom = area.outline_on(scene.geobox).bounds
    whole = scene.window
    window = Window(
        max(0, min(math.floor(top), whole.bottom)),
        max(0, min(math.floor(left), whole.right)),
        max(0, min(math.ceil(bottom), whole.bottom)),
        max(0, min(math.ceil(right), whole.right)),
    )
    if window.empty:
        return 0.0
    factor = math.ceil(max(window.shape) / _SIDE)
    seen = read_window(scene, window, bands=bands, decimate=factor)
    inside = area.mask(seen.geobox)
    return float(seen.valid[inside].mean()) if inside.any() else 0.0
