"""What is told of an area: grids, borders of zones, and clocks, against other libraries' word."""

from __future__ import annotations

import datetime as dt
import json
import re
import sys

import mgrs
import numpy as np
import pyproj
import pytest
import shapely

from aoi.cli import main
from aoi.places import load_area
from aoi.places.local_time import local_time, solar_offset
from aoi.places.profile import profile, utm_border_m, utm_zones

GEOD = pyproj.Geod(ellps="WGS84")
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


class TestZones:
    def test_every_zone_is_that_of_mgrs(self) -> None:
        random = np.random.default_rng(5)
        known = mgrs.MGRS()
        for lon, lat in zip(
            random.uniform(-179, 179, 3000), random.uniform(-79, 83, 3000), strict=True
        ):
            square = shapely.box(lon, lat, lon + 1e-7, lat + 1e-7)
            assert utm_zones(square) == (f"{known.toMGRS(lat, lon)[:2].lstrip('0')}"
                                         f"{'N' if lat >= 0 else 'S'}",)  # fmt: skip

    @pytest.mark.parametrize(
        ("bounds", "zones"),
        [
            ("125.9,39,126.1,39.1", ("51N", "52N")),
            ("125.9,39,126,39.1", ("51N",)),
            ("126,39,126.1,39.1", ("52N",)),
            ("100,39,126.1,39.1", ("47N", "48N", "49N", "50N", "51N", "52N")),
            ("36,-1,36.1,1", ("37N", "37S")),
            ("5,60,5.5,60.5", ("32N",)),
            ("16,78,17,79", ("33N",)),
            ("8,78,10,79", ("31N", "33N")),
            ("179,0,180,1", ("60N",)),
            ("10,83.9,11,84.5", ("33N", "UPS")),
            ("10,-85,11,-81", ("UPS",)),
        ],
    )
    def test_of_a_wide_area(self, bounds: str, zones: tuple[str, ...]) -> None:
        assert utm_zones(load_area(bounds).geometry) == zones

    def test_the_border_is_so_far(self) -> None:
        area = load_area("kim-il-sung-square")
        east = area.geometry.bounds[2]
        truth = GEOD.inv(east, 39.0195, 126, 39.0195)[2]
        assert utm_border_m(area.geometry) == pytest.approx(truth, abs=2)
        assert utm_border_m(load_area("123,39,123.1,39.1").geometry) is None
        assert utm_border_m(load_area("125.9,39,126.1,39.1").geometry) is None


class TestClocks:
    @pytest.mark.parametrize(
        ("day", "offset"),
        [
            ("2015-08-14T14:59", "+09:00"),
            ("2015-08-14T15:00", "+08:30"),
            ("2018-05-04T14:59", "+08:30"),
            ("2018-05-04T15:00", "+09:00"),
            ("2026-01-01T00:00", "+09:00"),
        ],
    )
    def test_pyongyang_had_its_own_time_for_three_years(self, day: str, offset: str) -> None:
        moment = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
        found = local_time(125.7525, 39.0195, moment)
        assert (found.zone, found.offset) == ("Asia/Pyongyang", offset)
        assert found.time.astimezone(dt.UTC) == moment

    @pytest.mark.parametrize(
        ("lon", "lat", "zone", "offset"),
        [
            (126.978, 37.5665, "Asia/Seoul", "+09:00"),
            (-52.7, 47.56, "America/St_Johns", "-02:30"),
            (85.32, 27.71, "Asia/Kathmandu", "+05:45"),
            (-30.0, 40.0, None, "-02:00"),
            (0.0, 0.0, None, "+00:00"),
        ],
    )
    def test_elsewhere_and_at_sea(
        self, lon: float, lat: float, zone: str | None, offset: str
    ) -> None:
        found = local_time(lon, lat, NOON)
        assert (found.zone, found.offset) == (zone, offset)

    def test_without_the_outlines_it_is_the_zone_that_is_known_or_the_sun(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "tzfpy", None)
        assert local_time(125.7525, 39.0195, NOON).zone is None
        assert local_time(125.7525, 39.0195, NOON).offset == "+08:23"
        assert local_time(125.7525, 39.0195, NOON, zone="Asia/Pyongyang").offset == "+09:00"
        assert local_time(125.7525, 39.0195, NOON, zone="../etc/passwd").zone is None
        told = profile(load_area("kim-il-sung-square"), at=NOON)
        assert (told["time_zone"], told["utc_offset"]) == ("Asia/Pyongyang", "+09:00")

    def test_the_sun(self) -> None:
        assert solar_offset(125.7525) == dt.timedelta(hours=8, minutes=23)
        assert solar_offset(-0.1) == dt.timedelta()

    def test_it_is_written_out(self) -> None:
        text = str(local_time(125.7525, 39.0195, dt.datetime(2016, 1, 1, tzinfo=dt.UTC)))
        assert text == "2016-01-01 08:30, UTC+08:30 (Asia/Pyongyang)"

    def test_a_moment_without_a_zone(self) -> None:
        with pytest.raises(ValueError, match="needs its zone"):
            local_time(0, 0, dt.datetime(2026, 1, 1))


def test_the_numbers_are_those_of_the_area() -> None:
    area = load_area("125.750,39.018,125.755,39.021")
    told = profile(area, at=NOON)
    assert told["area_m2"] == pytest.approx(area.area_m2, abs=0.1)
    assert told["area_ha"] == pytest.approx(area.area_m2 / 1e4, abs=1e-4)
    assert told["bounds"] == [125.75, 39.018, 125.755, 39.021]
    assert (told["vertices"], told["valid"]) == (5, True)
    lat, lon = mgrs.MGRS().toLatLon(told["centre"]["mgrs"])
    assert GEOD.inv(lon, lat, told["centre"]["lon"], told["centre"]["lat"])[2] < 2
    assert told["local_time"] == "2026-06-01T21:00+09:00"
    assert json.loads(json.dumps(told)) == told


def test_show_takes_what_every_area_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aoi", "show", "125.9,39,126.1,39.1"]) == 0
    out = capsys.readouterr().out
    assert "UTM        51N and 52N: across the border between them" in out
    assert re.search(r"^time       20\d\d-\d\d-\d\d \d\d:\d\d, UTC\+09:00 \(Asia/Pyong", out, re.M)
    assert "accuracy   not stated" in out
    assert main(["aoi", "show", "--", "-30.1,40,-30,40.1"]) == 0
    assert "mean solar time" in capsys.readouterr().out
    assert main(["aoi", "show", "POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))"]) == 3
    assert "crosses or touches itself" in capsys.readouterr().err


def test_a_name_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aoi", "show", "kim-il-sung-sqare"]) == 3
    assert "did you mean kim-il-sung-square" in capsys.readouterr().err
    assert main(["aoi", "remove", "nowhere"]) == 3
    assert main(["aoi", "show"]) == 2


def test_show_of_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["aoi", "show", "김일성광장", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["place"], told["kind"], told["own"]) == ("kim-il-sung-square", "square", False)
    assert told["accuracy_m"] == 30
    assert told["radius_m"] == 250
    assert told["sources"][0]["url"].startswith("https://en.wikipedia.org/")
    assert told["utm_border_m"] == pytest.approx(21_200, abs=100)
