"""Areas that are written out instead of named: bounds, a point with a radius, well-known text."""

from __future__ import annotations

import math
import re

import shapely

from aoi.places.area import Area
from aoi.places.circle import LARGEST_RADIUS_M, circle, flat_circle
from aoi.places.degrees import across_the_antimeridian, check_degrees
from imagery.errors import UsageError

_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*"
_POINT = re.compile(rf"{_NUMBER},{_NUMBER},{_NUMBER}(m|km)\s*", re.IGNORECASE)


def looks_like_numbers(text: str) -> bool:
    """Whether a text is bounds or a point, or was meant to be."""
    parts = text.split(",")
    return _POINT.fullmatch(text) is not None or (
        len(parts) > 1 and 2 * len(_numbers(parts)) >= len(parts)
    )


def area_from_numbers(text: str, *, georeferenced: bool) -> Area:
    """``west,south,east,north``, or ``lon,lat,radius`` whose radius ends in ``m`` or ``km``.

    Without a georeference both are in metres of the frame: ``left,bottom,right,top`` and
    ``x,y,radius``.  The unit tells a point from bounds, so that neither is mistaken for the other.

    Raises
    ------
    UsageError
        If the numbers are too few or too many, or in the wrong order.
    InputError
        If they are no longitude and latitude.
    """
    point = _POINT.fullmatch(text)
    if point is not None:
        x, y, radius = (float(number) for number in point.groups()[:3])
        radius *= 1000 if point[4].lower() == "km" else 1
        return _from_point(text, x, y, radius, georeferenced=georeferenced)
    return _from_bounds(text, georeferenced=georeferenced)


def check_radius(radius_m: float, *, option: str = "--aoi") -> None:
    """Refuse a radius that no circle on the Earth has.

    Raises
    ------
    UsageError
        If it isn't above 0 and at most ``LARGEST_RADIUS_M``.
    """
    if not 0 < radius_m <= LARGEST_RADIUS_M:
        raise UsageError(
            "a radius is above 0 and at most 500 km",
            found=f"{radius_m:g} m",
            needed="such as 250m or 2km",
            option=option,
        )


def _from_point(text: str, x: float, y: float, radius_m: float, *, georeferenced: bool) -> Area:
    check_radius(radius_m)
    if georeferenced:
        check_degrees(shapely.Point(x, y), text)
    outline = (circle if georeferenced else flat_circle)(x, y, radius_m)
    if georeferenced:
        check_degrees(outline, text)
    name = f"{x:.10g},{y:.10g},{radius_m:.10g}m"
    return Area(name=name, geometry=outline, source=f"point {name}", georeferenced=georeferenced)


def _numbers(parts: list[str]) -> list[float]:
    found = []
    for part in parts:
        try:
            found.append(float(part))
        except ValueError:
            continue
    return found


def _from_bounds(text: str, *, georeferenced: bool) -> Area:
    parts = text.split(",")
    order = "west,south,east,north" if georeferenced else "left,bottom,right,top"
    needed = f"{order} in {'degrees' if georeferenced else 'metres'}"
    numbers = _numbers(parts)
    if len(parts) != 4 or len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        point = "lon,lat,radius" if georeferenced else "x,y,radius"
        raise UsageError(
            "an area's bounds are four numbers",
            found=text,
            needed=f"{needed}, or {point} with a unit, such as 250m",
            option="--aoi",
        )
    west, south, east, north = numbers
    if georeferenced:
        check_degrees(shapely.MultiPoint([(west, south), (east, north)]), text)
    if south >= north or west == east or (west > east and not georeferenced):
        raise UsageError(
            "an area's bounds are in the wrong order or enclose nothing",
            found=text,
            needed=needed,
            option="--aoi",
        )
    if west > east:
        raise across_the_antimeridian(text, f"west {west:g}, east {east:g}")
    name = ",".join(f"{number:.10g}" for number in numbers)
    return Area(
        name=name,
        geometry=shapely.box(*numbers),
        source=f"bounds {name}",
        georeferenced=georeferenced,
    )
