"""The part of an image that a place needs."""

from __future__ import annotations

import math
from typing import Any

from pyproj.exceptions import ProjError

from aoi.places import Area
from imagery.blocks import Window
from imagery.errors import InputError

_METRES_PER_DEGREE = 111_320.0


def window_on(dataset: Any, area: Area, *, margin_m: float) -> Window | None:
    """The window of an image that holds an area with a margin, cut to the image.

    Parameters
    ----------
    dataset
        The image, open.
    area
        On the Earth.
    margin_m
        Margin on every side, in metres.

    Returns
    -------
    Window or None
        None where the image doesn't reach the area itself.

    Raises
    ------
    InputError
        If the image doesn't say where it lies.
    """
    if dataset.crs is None or not dataset.transform.determinant:
        raise InputError(
            f"{dataset.name.partition('?')[0].rpartition('/')[2]}: doesn't say where it lies",
            found="no CRS",
            needed="a georeferenced image",
        )
    whole = Window(0, 0, dataset.height, dataset.width)
    try:
        core = _pixels(dataset, area.bounds(dataset.crs)).clipped(whole)
    except (InputError, ProjError):
        return None  # the area has no place in the image's projection
    if core.empty:
        return None
    west, south, east, north = area.geometry.bounds
    up = margin_m / _METRES_PER_DEGREE
    along = up / max(0.01, math.cos(math.radians(max(abs(south), abs(north)))))
    import shapely

    around = Area(
        name=area.name,
        geometry=shapely.box(
            max(-180, west - along), max(-90, south - up),
            min(180, east + along), min(90, north + up),
        ),
        source="",
    )  # fmt: skip
    try:
        return _pixels(dataset, around.bounds(dataset.crs)).clipped(whole)
    except (InputError, ProjError):
        return core


def _pixels(dataset: Any, bounds: tuple[float, float, float, float]) -> Window:
    """The smallest window that holds a box of the image's CRS, which may be rotated in it."""
    left, bottom, right, top = bounds
    back = ~dataset.transform
    corners = [back * (x, y) for x in (left, right) for y in (bottom, top)]
    cols, rows = zip(*corners, strict=True)
    return Window(
        math.floor(min(rows) + 1e-6), math.floor(min(cols) + 1e-6),
        math.ceil(max(rows) - 1e-6), math.ceil(max(cols) - 1e-6),
    )  # fmt: skip
