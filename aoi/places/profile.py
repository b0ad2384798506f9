"""What is known of an area: its size, where it lies in the usual grids, what time it is there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.places.area import Area
from aoi.places.local_time import LocalTime, local_time, solar_offset
from aoi.places.position import coordinate_digits, geodesic, mgrs_text

NEAR_M = 50_000.0
"""Up to this distance the next border of UTM zones is told."""


def profile(area: Area, *, at: dt.datetime) -> dict[str, Any]:
    """An area in plain values, for people and programs.

    Parameters
    ----------
    area
        A georeferenced area.
    at
        The moment whose local time is told, with its zone.

    Returns
    -------
    dict
        ``name``, ``name_local``, ``source``, ``area_m2``, ``area_ha``, ``bounds`` (west, south,
        east, north in degrees), ``centre`` (``lon``, ``lat``, ``mgrs``), ``vertices``, ``valid``,
        ``utm_zones``, ``utm_border_m``, ``time_zone``, ``local_time``, ``utc_offset``,
        ``solar_offset_minutes``, ``accuracy`` and ``sources``.
    """
    digits = coordinate_digits(1.0)
    lon, lat = area.centre
    clock: LocalTime = local_time(lon, lat, at, zone=area.time_zone)
    return {
        "name": area.name,
        "name_local": area.name_local,
        "source": area.source,
        "area_m2": round(area.area_m2, 1),
        "area_ha": round(area.area_m2 / 10_000, 4),
        "bounds": [round(number, digits) for number in area.geometry.bounds],
        "centre": {
            "lon": round(lon, digits),
            "lat": round(lat, digits),
            "mgrs": mgrs_text(lon, lat, pixel_size_m=1),
        },
        "vertices": int(shapely.get_num_coordinates(area.geometry)),
        "valid": bool(area.geometry.is_valid),
        "utm_zones": list(utm_zones(area.geometry)),
        "utm_border_m": utm_border_m(area.geometry),
        "time_zone": clock.zone,
        "local_time": clock.time.isoformat(timespec="minutes"),
        "utc_offset": clock.offset,
        "solar_offset_minutes": round(solar_offset(lon).total_seconds() / 60),
        "accuracy": area.accuracy,
        "sources": list(area.sources),
    }


def utm_zones(geometry: Any) -> tuple[str, ...]:
    """The UTM zones that an outline lies in, such as ``("51N", "52N")``.

    With the wider zones of Norway and Svalbard; beyond 84° N and 80° S it is ``"UPS"``.
    """
    # Steps of a degree miss no zone, of which none is narrower than three.
    lon, lat = shapely.get_coordinates(shapely.segmentize(geometry, 1.0)).T
    # An outline that ends on a border at its east has nothing in the next zone.
    west, east = float(lon.min()), float(lon.max())
    number = _zone(np.minimum(lon, east - min(1e-9, (east - west) / 2)), lat)
    north = np.where(lat >= 0, "N", "S")
    found = {f"{n}{half}" for n, half in zip(number.tolist(), north.tolist(), strict=True) if n}
    zones = sorted(found, key=lambda zone: (int(zone[:-1]), zone[-1]))
    return tuple(zones) + (("UPS",) if (number == 0).any() else ())


def utm_border_m(geometry: Any) -> float | None:
    """How far an outline in one zone is from the next one, in metres; None beyond ``NEAR_M``."""
    if len(utm_zones(geometry)) != 1:
        return None
    west, south, east, north = geometry.bounds
    lat = (south + north) / 2
    borders = (west, 6 * np.floor(west / 6)), (east, 6 * np.ceil(east / 6))
    distance = min(float(geodesic().inv(lon, lat, border, lat)[2]) for lon, border in borders)
    return round(distance) if distance <= NEAR_M else None


def _zone(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Zone numbers, 0 where UTM ends."""
    number = np.clip(np.floor((lon + 180) / 6).astype(np.int64) + 1, 1, 60)
    norway = (lat >= 56) & (lat < 64) & (lon >= 3) & (lon < 12)
    number[norway] = 32
    svalbard = (lat >= 72) & (lat <= 84) & (lon >= 0) & (lon < 42)
    number[svalbard] = 31 + 2 * np.floor((lon[svalbard] + 3) / 12).astype(np.int64)
    number[(lat > 84) | (lat < -80)] = 0
    return number
