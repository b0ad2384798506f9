from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagery.metadata import parse_date


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


AT = utc(2024, 6, 6, 2, 10, 30)


@pytest.mark.parametrize(
    ("text", "start", "end", "precision"),
    [
        ("2024-06-06", utc(2024, 6, 6), utc(2024, 6, 6, 23, 59, 59), "day"),
        ("20240606", utc(2024, 6, 6), utc(2024, 6, 6, 23, 59, 59), "day"),
        ("2024-06-06T02:10", utc(2024, 6, 6, 2, 10), utc(2024, 6, 6, 2, 10), "second"),
        (" 2024-06-06 02:10:30 ", AT, AT, "second"),
        ("2024-06-06T02:10:30.5Z", AT, AT, "second"),
        ("2024-06-06T02:10+09:00", utc(2024, 6, 5, 17, 10), utc(2024, 6, 5, 17, 10), "second"),
        ("20240606T021030", AT, AT, "second"),
        ("2024-02", utc(2024, 2, 1), utc(2024, 2, 29, 23, 59, 59), "interval"),
        ("2024", utc(2024, 1, 1), utc(2024, 12, 31, 23, 59, 59), "interval"),
        ("2024-12", utc(2024, 12, 1), utc(2024, 12, 31, 23, 59, 59), "interval"),
        ("2024-06-01/2024-06-03", utc(2024, 6, 1), utc(2024, 6, 3, 23, 59, 59), "interval"),
        ("2024-06-01T01Z / 2024-06", utc(2024, 6, 1, 1), utc(2024, 6, 30, 23, 59, 59), "interval"),
    ],
)
def test_dates(text: str, start: dt.datetime, end: dt.datetime, precision: str) -> None:
    assert parse_date(text) == (start, end, precision)


@pytest.mark.parametrize(
    "text",
    ["", "today", "06/06/2024", "2024-06-31", "2024-13", "2024-06-06T25:00", "2024-W23-4",
     "2024-06-06/", "/", "2024-06-03/2024-06-01", "2024-06-01/P1D", "0001-01-01T00:00+14:00",
     "2024-06-06T02:10+99:00", "2024-06-06X02:10", "1" * 500],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_date(text)


@given(
    st.text(max_size=40)
    | st.builds(
        "{}-{:02}-{:02}{}{}".format,
        st.integers(1000, 9999),
        st.integers(0, 14),
        st.integers(0, 33),
        st.sampled_from("T /"),
        st.text("0123456789:+-Z.T/", max_size=20),
    )
)
def test_property_any_text_is_a_date_or_a_value_error(text: str) -> None:
    try:
        start, end, _ = parse_date(text)
    except ValueError:
        return
    assert start <= end
    assert start.utcoffset() == dt.timedelta(0)


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)))
def test_property_an_iso_time_is_read_back_to_the_second(time: dt.datetime) -> None:
    expected = time.replace(microsecond=0, tzinfo=dt.UTC)
    assert parse_date(time.isoformat()) == (expected, expected, "second")
