"""Whether the scenes show an area, and if not, what went wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from odc.geo.geobox import GeoBox

from aoi.places.area import Area, footprint
from aoi.places.position import extent_text, geodesic
from imagery.errors import InputError


def check_against(area: Area, *shown: Any) -> None:
    """Refuse an area that the scenes don't show.

    Parameters
    ----------
    area
        The area.
    shown
        What each scene shows: its grid (GeoBox), or an outline (shapely) in longitude and latitude,
        or in the metric frame where the area is.  Scenes that don't meet one another are passed
        over: that is another refusal.

    Raises
    ------
    InputError
        If the two don't meet: how far apart they are, or that the area's coordinates look swapped.
    """
    outlines = [footprint(one) if isinstance(one, GeoBox) else one for one in shown]
    # Outlines across the antimeridian are wrapped around the Earth, and say nothing.
    outlines = [one for one in outlines if not area.georeferenced or np.ptp(one.bounds[::2]) <= 180]
    overlap = shapely.intersection_all(outlines) if outlines else None
    if overlap is not None and overlap.area > 0:
        _check_meets(area, overlap)


def _check_meets(area: Area, overlap: Any) -> None:
    if area.geometry.intersects(overlap) and not area.geometry.touches(overlap):
        return
    if area.georeferenced and _swapped(area.geometry).intersects(overlap):
        raise InputError(
            f"AOI {area.name!r} lies outside the scenes: it looks like latitude and longitude are "
            "swapped, because the swapped outline lies inside them",
            found=f"longitude {area.centre[0]:.5f}, latitude {area.centre[1]:.5f}",
            needed="longitude before latitude (x before y)",
            option="--aoi",
        )
    raise InputError(
        f"AOI {area.name!r} lies outside the scenes: {_distance(area, overlap)} away",
        found=f"area {extent_text(area.geometry)}",
        needed=f"an area that meets the scenes, {extent_text(overlap)}",
        option="--aoi",
    )


def _swapped(geometry: Any) -> Any:
    return shapely.transform(geometry, lambda xy: xy[:, ::-1])


def _distance(area: Area, overlap: Any) -> str:
    """How far apart the two are, in words."""
    if not area.georeferenced:
        return f"{area.geometry.distance(overlap):.0f} m"
    # The nearest points are looked for where a degree is as long either way.
    squeeze = max(0.01, math.cos(math.radians(area.centre[1])))
    scaled = [
        shapely.transform(shape, lambda xy: xy * (squeeze, 1.0))
        for shape in (area.geometry, overlap)
    ]
    (x0, y0), (x1, y1) = shapely.get_coordinates(shapely.shortest_line(*scaled))
    metres = geodesic().inv(x0 / squeeze, y0, x1 / squeeze, y1)[2]
    return f"{metres / 1000:.1f} km" if metres >= 100 else f"{metres:.0f} m"
