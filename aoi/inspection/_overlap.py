"""The ground that two files share, with each other and with an area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import shapely

from aoi.places import Area

_WIDEST_DEG = 180.0
"""A footprint that is wider lies across the antimeridian, where its outline tells nothing."""


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """The ground that two files share."""

    share: float
    """Of the smaller one, 0 to 1."""

    area_m2: float


def overlap(first: Any, second: Any, *, georeferenced: bool) -> Overlap | None:
    """What two footprints share; None where either can't be told."""
    if first is None or second is None:
        return None
    if georeferenced and any(_wide(shape) for shape in (first, second)):
        return None
    smaller = min(_size(shape, georeferenced=georeferenced) for shape in (first, second))
    common = _size(shapely.intersection(first, second), georeferenced=georeferenced)
    if not smaller > 0:
        return None
    return Overlap(share=min(1.0, common / smaller), area_m2=common)


def area_shared(area: Area, first: Any, second: Any) -> float | None:
    """The share of an area that lies in both footprints; None where that can't be told."""
    if first is None or second is None:
        return None
    if area.georeferenced and any(_wide(shape) for shape in (first, second)):
        return None
    common = shapely.intersection(area.geometry, shapely.intersection(first, second))
    return min(1.0, _size(common, georeferenced=area.georeferenced) / area.area_m2)


def _wide(shape: Any) -> bool:
    west, _, east, _ = shape.bounds
    return bool(east - west > _WIDEST_DEG)


def _size(shape: Any, *, georeferenced: bool) -> float:
    """Square metres; 0 of points and lines, where two outlines only touch."""
    if shape.area == 0:
        return 0.0
    return Area(name="", geometry=shape, source="", georeferenced=georeferenced).area_m2
