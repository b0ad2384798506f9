"""The local time of a place: by the law there, and by the sun."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True)
class LocalTime:
    """What clocks show somewhere at a moment.

    ``zone`` is the zone's name in the IANA database (``"Asia/Pyongyang"``), None at sea and where
    none is known; the time is then that of the mean sun.
    """

    zone: str | None
    time: dt.datetime

    @property
    def offset(self) -> str:
        """Ahead of UTC: ``"+08:30"``."""
        minutes = round((self.time.utcoffset() or dt.timedelta()).total_seconds() / 60)
        sign, size = "-" if minutes < 0 else "+", abs(minutes)
        return f"{sign}{size // 60:02d}:{size % 60:02d}"

    def __str__(self) -> str:
        by = self.zone or "mean solar time"
        return f"{self.time:%Y-%m-%d %H:%M}, UTC{self.offset} ({by})"


def local_time(lon: float, lat: float, at: dt.datetime, *, zone: str | None = None) -> LocalTime:
    """What clocks show at a place.

    Parameters
    ----------
    lon, lat
        Degrees, WGS 84.
    at
        The moment, with its zone.
    zone
        The place's zone, where it is known.

    Returns
    -------
    LocalTime
        By the law of that day: Pyongyang was 8:30 h ahead of UTC from 2015-08-15 to 2018-05-04.

    Raises
    ------
    ValueError
        If ``at`` has no zone.

    Notes
    -----
    A zone that nobody named is looked up in outlines of OpenStreetMap (simplified by 111 m), if
    tzfpy is installed; without it the time is the mean sun's.  The history of a zone is that of the
    IANA database (zoneinfo).
    """
    if at.tzinfo is None:
        raise ValueError(f"a moment needs its zone; found {at}")
    zone = zone or _looked_up(lon, lat)
    if zone:
        try:
            return LocalTime(zone, at.astimezone(ZoneInfo(zone)))
        except (ZoneInfoNotFoundError, ValueError):  # younger than this system's database, or none
            pass
    return LocalTime(None, at.astimezone(dt.timezone(solar_offset(lon))))


def _looked_up(lon: float, lat: float) -> str | None:
    try:
        from tzfpy import get_tz
    except ModuleNotFoundError:
        return None
    zone = str(get_tz(lon, lat))
    # Zones at sea are named after hours, with signs that read the wrong way round.
    return None if zone.startswith("Etc/") else zone


def solar_offset(lon: float) -> dt.timedelta:
    """How far the mean sun is ahead of UTC: four minutes a degree, to the minute."""
    return dt.timedelta(minutes=round(4 * lon))
