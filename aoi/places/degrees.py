"""Whether coordinates are longitude and latitude, and if not, what they may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from aoi.places.position import extent_text
from imagery.errors import InputError


def check_degrees(geometry: Any, name: str) -> None:
    """Refuse what is no longitude and latitude, in words that tell the likely cause.

    An area across the antimeridian, drawn as one outline or split there as RFC 7946 (3.1.9) asks,
    and an area around a pole are refused too: planar geometry would take the first for its
    complement and has no inside for the second.

    Parameters
    ----------
    geometry
        Any shapely geometry.
    name
        What the refusal calls it.

    Raises
    ------
    InputError
        If a coordinate is out of range, or the geometry reaches across the antimeridian or around
        a pole.
    """
    west, south, east, north = shapely.total_bounds(geometry)
    found = extent_text(geometry)
    if not np.isfinite([west, south, east, north]).all():
        raise InputError(
            f"{name}: lies where its CRS has no coordinates",
            found=found,
            needed="longitude and latitude",
            option="--aoi",
        )
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 360:
        if max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180:
            message = "it looks like latitude and longitude are swapped"
        elif max(map(abs, (west, south, east, north))) > 1000:
            message = "the coordinates are no degrees; metres, it seems"
        else:
            message = "the coordinates are out of range"
        raise InputError(
            f"{name}: {message}",
            found=found,
            needed="longitude -180 to 180 before latitude -90 to 90, or a file with its CRS",
            option="--aoi",
        )
    if east - west > 180 and (max(abs(south), abs(north)) == 90 or _turns_around_a_pole(geometry)):
        raise InputError(
            f"{name}: an area around a pole is not supported",
            found=found,
            needed="an area that leaves the pole out, and is less than 180 degrees wide",
            option="--aoi",
        )
    if east - west > 180 or west < -180 < east or west < 180 < east:
        raise across_the_antimeridian(name, found)
    if west < -180 or east > 180:
        raise InputError(
            f"{name}: longitudes beyond 180 degrees are not supported",
            found=found,
            needed=f"longitudes from -180 to 180: {'add' if west < -180 else 'subtract'} 360",
            option="--aoi",
        )


def across_the_antimeridian(name: str, found: str) -> InputError:
    """The refusal of an area that lies on both sides of 180 degrees."""
    return InputError(
        f"{name}: an area across the antimeridian is not supported",
        found=found,
        needed="west of east, both within -180 to 180: one area on either side, one run for each",
        option="--aoi",
    )


def _turns_around_a_pole(geometry: Any) -> bool:
    """Whether a ring goes once around the Earth, each step the short way."""
    rings = [shapely.get_exterior_ring(part) for part in shapely.get_parts(geometry)]
    for ring in rings:
        if ring is None:  # points and lines have none
            continue
        steps = np.diff(shapely.get_coordinates(ring)[:, 0])
        steps -= 360 * np.round(steps / 360)
        if abs(steps.sum()) > 180:
            return True
    return False
