"""What is asked for: a place, days, collections; and whether an item is that."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely
from shapely.errors import ShapelyError

from aoi.finding.item import Item
from imagery.errors import UsageError
from imagery.metadata import parse_date

if TYPE_CHECKING:
    from aoi.places import Area

Box = tuple[float, float, float, float]
_KM_PER_DEGREE = 111.32


@dataclass(frozen=True)
class Days:
    """An interval of time in UTC, both ends in it."""

    start: dt.datetime
    end: dt.datetime

    def __str__(self) -> str:
        """As STAC APIs take it."""
        return f"{self.start:%Y-%m-%dT%H:%M:%SZ}/{self.end:%Y-%m-%dT%H:%M:%SZ}"


def days_around(text: str, *, days: float, option: str) -> Days:
    """The days around a date, or around both ends of ``START/END``.

    Raises
    ------
    UsageError
        If the text is no date, or the days lead out of the calendar.
    """
    try:
        start, end, _ = parse_date(text)
        more = dt.timedelta(days=days)
        return Days(start - more, end + more)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{option}: {error}",
            found=text[:100],
            needed="a day (2024-06-06) or START/END (2024-06-01/2024-06-10)",
            option=option,
        ) from error


@dataclass(frozen=True, kw_only=True, eq=False)
class Query:
    """A search: the same words for a STAC API and for an archive."""

    area: Area
    days: Days | None = None
    """None for any date, and none."""

    collections: tuple[str, ...] = ()
    """Empty for every one."""

    pad_km: float = 0.0

    undated: bool = False
    """Whether scenes without a date are wanted too."""

    @property
    def box(self) -> Box:
        """What is asked for: west, south, east, north in degrees."""
        return padded(self.area.geometry.bounds, pad_km=self.pad_km)


def padded(bounds: Box, *, pad_km: float) -> Box:
    """A box around bounds that tells no more of them than the cell of a lattice that they lie in.

    Parameters
    ----------
    bounds
        West, south, east, north in degrees.
    pad_km
        Side of the lattice's cells, km; the box reaches about as far beyond a small area.

    Notes
    -----
    The box is that of all areas in the same cell, and the same on every search: boxes with a random
    offset would be laid over each other by whoever sees several of them, and what they share is the
    area.
    """
    if pad_km <= 0:
        return bounds
    west, south, east, north = bounds
    cell_lat = pad_km / _KM_PER_DEGREE
    row = math.floor((south + north) / 2 / cell_lat)
    middle = min(max((row + 0.5) * cell_lat, -85.0), 85.0)
    cell_lon = cell_lat / math.cos(math.radians(middle))
    col = math.floor((west + east) / 2 / cell_lon)
    # Whole cells on every side: how large the area is shows in steps of a cell alone.
    up = 1 + math.floor((north - south) / 2 / cell_lat)
    along = 1 + math.floor((east - west) / 2 / cell_lon)
    return (
        max(-180.0, (col - along) * cell_lon),
        max(-90.0, (row - up) * cell_lat),
        min(180.0, (col + 1 + along) * cell_lon),
        min(90.0, (row + 1 + up) * cell_lat),
    )


def matching(items: Iterable[Item], query: Query) -> tuple[Item, ...]:
    """The items that show some of the area on the days asked for."""
    return tuple(item for item in items if _in_time(item, query) and _in_place(item, query))


def covered_share(item: Item, area: Area) -> float:
    """Share of an area that an item's outline covers, 0 to 1."""
    outline = area.geometry
    try:
        inside = shapely.intersection(outline, item.footprint).area
    except ShapelyError:
        return 0.0
    return min(1.0, float(inside / outline.area))


def _in_place(item: Item, query: Query) -> bool:
    return covered_share(item, query.area) > 0


def _in_time(item: Item, query: Query) -> bool:
    if query.days is None:
        return True
    when: Any = item.acquisition
    if not when.known:
        return query.undated
    return bool(when.start <= query.days.end and when.end >= query.days.start)
