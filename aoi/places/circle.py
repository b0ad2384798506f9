"""A circle on the ground, as an outline."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely

from aoi.places.position import geodesic

CORNERS = 72
"""Corners of a circle: its area is 0.13 % short of a true circle's."""

LARGEST_RADIUS_M = 500_000.0


def circle(lon: float, lat: float, radius_m: float) -> Any:
    """The outline around a point of the Earth, its corners at the same geodesic distance.

    Parameters
    ----------
    lon, lat
        Degrees, WGS 84.
    radius_m
        Metres, above 0 and at most ``LARGEST_RADIUS_M``.

    Returns
    -------
    shapely.Polygon
        Longitude and latitude, anticlockwise from north.  It may leave -180 to 180, or jump there,
        which :func:`aoi.places.degrees.check_degrees` refuses.
    """
    turns = -360.0 * np.arange(CORNERS) / CORNERS
    every = np.ones(CORNERS)
    x, y, _ = geodesic().fwd(lon * every, lat * every, turns, radius_m * every)
    return shapely.Polygon(np.column_stack((x, y)))


def flat_circle(x: float, y: float, radius_m: float) -> Any:
    """The same in the metric frame of images without a georeference."""
    turns = 2 * math.pi * np.arange(CORNERS) / CORNERS
    corners = (x - radius_m * np.sin(turns), y + radius_m * np.cos(turns))
    return shapely.Polygon(np.column_stack(corners))
