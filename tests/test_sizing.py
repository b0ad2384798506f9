"""How many machines an area needs: the arithmetic, and the table that the page shows."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from _sizing import JOBS, MEASURED, Job, Rates, size, table  # noqa: E402

RATES = Rates(
    decode_ns=100, work_ns=1000, alone_ns=100, stored_bytes=6, case_bytes=10, sent_bytes=20, idle=0
)
JOB = Job(name="a square", area_km2=3.6, pixel_m=1, side_px=1000, border_px=200, hours=0.001)


def test_a_square_by_hand() -> None:
    """3.6 million pixels in 10 pieces of 600 px, each read with its border: 1000 px of 600."""
    found = size(JOB, RATES)
    assert found.pixels == 3.6e6
    assert found.pairs == 10
    assert found.worked_pixels == pytest.approx(1e7)
    assert found.decode_hours * 3600 == pytest.approx(1)
    assert found.work_hours * 3600 == pytest.approx(10)
    assert found.threads == 3  # 10 s of work in 3.6 s
    assert found.asking == 1
    assert found.seconds_a_pair == pytest.approx(0.1 + 1 / 3)
    assert found.input_gb == pytest.approx(0.06)
    assert found.case_gb == pytest.approx(0.036)
    assert found.year_gb == pytest.approx(52 * 0.096)
    assert found.gbit_s == pytest.approx(1.6 / 3.6)


def test_north_korea_every_week() -> None:
    found = size(next(job for job in JOBS if job.name == "North Korea"), MEASURED)
    assert found.pixels == pytest.approx(1.3393e10, rel=1e-4)
    assert found.threads >= found.work_hours


def test_less_time_asks_for_more() -> None:
    short = size(replace(JOB, hours=JOB.hours / 10), RATES)
    assert short.threads == 28
    assert short.asking == 3
    assert short.year_gb == size(JOB, RATES).year_gb


def test_waiting_asks_for_more() -> None:
    assert size(JOB, replace(RATES, idle=0.5)).threads == 6


@pytest.mark.parametrize(
    "wrong",
    [{"area_km2": 0}, {"pixel_m": -1}, {"hours": 0}, {"side_px": 400}],
)
def test_what_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="that are some"):
        size(replace(JOB, **wrong), RATES)  # type: ignore[arg-type]


def test_the_page_shows_the_table_of_what_was_measured() -> None:
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    shown = page.partition("<!-- sizing -->")[2].partition("<!-- /sizing -->")[0]
    assert shown.strip() == table(JOBS, MEASURED)
