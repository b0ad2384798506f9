"""Dates as people and products write them: ISO 8601, always with their precision."""

from __future__ import annotations

import datetime as dt
import re

from imagery.record import Caution
from imagery.scene import Acquisition, Precision

_DAY = re.compile(r"^(\d{4}-\d{2}-\d{2}|\d{8})$")
_YEAR = re.compile(r"^[12]\d{3}$")
_MONTH = re.compile(r"^(\d{4})-(\d{2})$")
_TIME = re.compile(r"^(?:\d{4}-\d{2}-\d{2}|\d{8})[T ]\d{2}")
_LONGEST = 80

Span = tuple[dt.datetime, dt.datetime, Precision]
Told = tuple[Acquisition | None, tuple[Caution, ...]]
"""When an image was acquired, as far as it is told, and what was wrong with the text."""


def parse_date(text: str) -> Span:
    """Read an ISO 8601 date, time or interval.

    Parameters
    ----------
    text
        A day (``2024-06-06``), a time (``2024-06-06T02:10Z``, or with a space for the T; UTC where
        no zone is given), a month (``2024-06``), a year (``2024``), or two of them with ``/``
        between.

    Returns
    -------
    (start, end, precision)
        In UTC.  A day is held as its first and last second, a month or a year as an interval.

    Raises
    ------
    ValueError
        If the text is none of these; its message says what is wrong.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise ValueError("too long for a date")
    first, slash, last = (part.strip() for part in text.partition("/"))
    if not slash:
        return _one(first)
    start, end = _one(first)[0], _one(last)[1]
    if end < start:
        raise ValueError("the interval ends before it starts")
    return start, end, "interval"


def _one(text: str) -> Span:
    if _DAY.match(text):
        return day(dt.date.fromisoformat(text))
    if _YEAR.match(text):
        start = dt.datetime(int(text), 1, 1, tzinfo=dt.UTC)
        return start, start.replace(year=int(text) + 1) - dt.timedelta(seconds=1), "interval"
    month = _MONTH.match(text)
    if month:
        start = dt.datetime(int(month[1]), int(month[2]), 1, tzinfo=dt.UTC)
        following = (start + dt.timedelta(days=31)).replace(day=1)
        return start, following - dt.timedelta(seconds=1), "interval"
    if not _TIME.match(text):
        raise ValueError("not an ISO 8601 date")
    time = in_utc(dt.datetime.fromisoformat(text))
    return time, time, "second"


def day(date: dt.date) -> Span:
    """The first and last second of a day in UTC."""
    start = dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC)
    return start, start.replace(hour=23, minute=59, second=59), "day"


def in_utc(time: dt.datetime) -> dt.datetime:
    """A time in UTC, which is assumed where it has no zone, to the second.

    Raises
    ------
    ValueError
        If it leaves the calendar.
    """
    try:
        time = time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError("a date outside the calendar") from error
    return time.replace(microsecond=0)


def product_time(text: str, source: str) -> Acquisition:
    """An acquisition from a product's metadata.

    A time of midnight to the second is a day written as a time far more often than the moment of
    an exposure, so that it counts as a day.

    Raises
    ------
    ValueError
        If the text is no date.
    """
    start, end, precision = parse_date(text)
    if precision == "second" and start.time() == dt.time(0):
        start, end, precision = day(start.date())
        source += " (midnight, taken as a day)"
    return Acquisition(start, end, precision, source)


def acquired(text: str | None, source: str) -> Told:
    """An acquisition from what a product writes, or a caution where that is no date.

    Parameters
    ----------
    text
        A date, a time or an interval; None or empty where nothing is written.
    source
        Who says it.
    """
    if not text or not text.strip():
        return None, ()
    try:
        # Landsat gives seven decimals of a second, Python reads six.
        text = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
        first, slash, last = text.partition("/")
        if slash:
            start, end, precision = parse_date(f"{first}/{last}")
            return Acquisition(start, end, precision, source), ()
        return product_time(text, source), ()
    except ValueError as error:
        return None, (Caution("metadata-ignored", f"{source}: left out: {error}."),)
