"""Scale bar, north and ticks against geodesics, on every kind of grid."""

from __future__ import annotations

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_case import Fake, grid_of
from pyproj import Geod, Transformer

from aoi.report.fonts import font_files, font_for, has_glyphs
from aoi.report.furniture import (
    Frame,
    bottom_ticks,
    frame_of,
    left_ticks,
    north_angle,
    round_down,
    scale_bar,
)

GEOD = Geod(ellps="WGS84")
PYONGYANG, ARCTIC, SOUTH = (125.75, 39.02), (24.2, 70.1), (-70.0, -33.4)

GRIDS = {
    "utm-39": Fake(crs="EPSG:32651", centre=PYONGYANG),
    "utm-70": Fake(crs="EPSG:32635", centre=ARCTIC),
    "utm-south": Fake(crs="EPSG:32719", centre=SOUTH),
    "mercator-39": Fake(crs="EPSG:3857", centre=PYONGYANG),
    "mercator-70": Fake(crs="EPSG:3857", centre=ARCTIC),
    "degrees-39": Fake(crs="EPSG:4326", centre=PYONGYANG),
    "degrees-70": Fake(crs="EPSG:4326", centre=ARCTIC),
    "polar": Fake(crs="EPSG:3995", centre=ARCTIC),
    "rotated-30": Fake(centre=PYONGYANG, rotation=30),
    "rotated-110": Fake(centre=PYONGYANG, rotation=110),
    "rotated-200": Fake(centre=PYONGYANG, rotation=200),
    "rotated-degrees-70": Fake(crs="EPSG:4326", centre=ARCTIC, rotation=-28),
    "south-up": Fake(centre=PYONGYANG, south_up=True),
    "south-up-rotated": Fake(crs="EPSG:3857", centre=ARCTIC, south_up=True, rotation=75),
    "coarse": Fake(centre=PYONGYANG, pixel=30.0),
}


def frame_for(fake: Fake) -> Frame:
    box = grid_of(fake)
    window = {"top": 0, "left": 0, "bottom": box.shape[0], "right": box.shape[1]}
    return frame_of(tuple(box.transform)[:6], window, crs=fake.crs)


@pytest.fixture(params=GRIDS, name="fake")
def _fake(request: pytest.FixtureRequest) -> Fake:
    return GRIDS[request.param]


def lonlat(fake: Fake, frame: Frame, x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude by pyproj alone."""
    to_lonlat = Transformer.from_crs(fake.crs, 4326, always_xy=True)
    east, north = frame.to_world(x, y)
    lon, lat = to_lonlat.transform(float(east), float(north))
    return lon, lat


def test_scale_bar_is_as_long_on_the_ground_as_it_says(fake: Fake) -> None:
    frame = frame_for(fake)
    bar = scale_bar(frame)
    x, y = frame.centre
    start, end = (lonlat(fake, frame, x + side * bar.length / 2, y) for side in (-1, 1))
    _, _, metres = GEOD.inv(*start, *end)
    assert metres == pytest.approx(bar.metres, rel=1e-4)
    assert 0.1 * frame.width < bar.length <= 0.3 * frame.width * 1.0001


def test_a_metre_up_is_as_long_as_a_metre_to_the_right(fake: Fake) -> None:
    frame = frame_for(fake)
    x, y = frame.centre
    half = frame.height / 10
    below, above = (lonlat(fake, frame, x, y + side * half) for side in (-1, 1))
    _, _, metres = GEOD.inv(*below, *above)
    assert metres == pytest.approx(2 * half, rel=1e-3)


def test_north_is_where_geodesics_go_and_the_map_is_not_mirrored(fake: Fake) -> None:
    frame = frame_for(fake)
    angle = north_angle(frame)
    assert angle is not None
    assert abs(angle) <= 45.5
    x, y = frame.centre
    centre = lonlat(fake, frame, x, y)
    back = Transformer.from_crs(4326, fake.crs, always_xy=True)
    for azimuth in (0.0, 90.0, 180.0):
        lon, lat, _ = GEOD.fwd(*centre, azimuth, frame.height / 10)
        u, v = frame.from_world(*back.transform(lon, lat))
        found = math.degrees(math.atan2(float(u) - x, float(v) - y))
        assert (found - angle - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=0.05)


def test_azimuth_of_up_is_the_inverse_of_the_arrow(fake: Fake) -> None:
    frame = frame_for(fake)
    x, y = frame.centre
    up, _, _ = GEOD.inv(*lonlat(fake, frame, x, y), *lonlat(fake, frame, x, y + frame.height / 10))
    assert north_angle(frame) == pytest.approx(-up, abs=0.05)


def test_the_frame_holds_the_grid_to_its_corners(fake: Fake) -> None:
    frame, box = frame_for(fake), grid_of(fake)
    t = box.transform
    for row, col in itertools.product((0, box.shape[0]), (0, box.shape[1])):
        x, y = frame.from_world(t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f)
        assert -1e-6 * frame.width <= x <= frame.width * (1 + 1e-6)
        assert -1e-6 * frame.height <= y <= frame.height * (1 + 1e-6)


def test_ticks_stand_at_the_coordinate_that_they_name(fake: Fake) -> None:
    frame = frame_for(fake)
    bottom, left = bottom_ticks(frame), left_ticks(frame)
    for tick, side in [*((tick, 0) for tick in bottom), *((tick, 1) for tick in left)]:
        at = lonlat(fake, frame, *((tick.at, 0.0) if side == 0 else (0.0, tick.at)))[side]
        value, letter = tick.label.split("° ")
        named = float(value) * (-1 if letter in "WS" else 1)
        assert named == pytest.approx(at, abs=2e-6)
    assert 1 <= len(bottom) <= 5
    assert 1 <= len(left) <= 5
    labels = [tick.label for tick in (*bottom, *left)]
    assert len(set(labels)) == len(labels)


def test_a_part_of_a_map_keeps_its_place() -> None:
    frame = frame_for(GRIDS["rotated-30"])
    part = frame.cropped(left=20.0, bottom=30.0, width=40.0, height=50.0)
    assert np.allclose(part.to_world(1.0, 2.0), frame.to_world(21.0, 32.0))
    assert (part.width, part.height) == (40.0, 50.0)


def test_ticks_go_on_over_the_antimeridian() -> None:
    fake = Fake(crs="EPSG:32660", centre=(179.999, 51.0), pixel=10.0)
    labels = [tick.label for tick in bottom_ticks(frame_for(fake))]
    assert any(label.endswith("W") for label in labels)
    assert any(label.endswith("E") for label in labels)
    shifted = Fake(crs="EPSG:4326", centre=(180.0, 51.0), pixel=10.0)
    angle = north_angle(frame_for(shifted))
    assert angle == pytest.approx(0, abs=1e-3)


def test_without_georeference_there_are_metres_and_no_north() -> None:
    frame = frame_for(Fake(crs=None, pixel=0.5, shape=(100, 200)))
    assert (frame.width, frame.height) == (100.0, 50.0)
    assert north_angle(frame) is None
    assert scale_bar(frame).metres == scale_bar(frame).length == 20.0
    assert all(tick.label.endswith(" m") for tick in (*bottom_ticks(frame), *left_ticks(frame)))


@pytest.mark.parametrize(
    ("value", "expected"), [(0.05, 0.05), (0.99, 0.5), (1, 1), (4.99, 2), (5, 5), (73_000, 50_000)]
)
def test_round_lengths_are_one_two_or_five(value: float, expected: float) -> None:
    assert round_down(value) == pytest.approx(expected)


def test_fonts_have_what_they_draw() -> None:
    assert "koreanize_matplotlib" not in sys.modules
    for path in font_files():
        assert has_glyphs(path, "Kim Il Sung Square, 39.02° N © m² · 97 %")
    assert font_for("\U000e0fff") is None  # a code point that nothing is assigned to


def test_hangul_is_drawn_with_a_font_that_has_it_or_not_at_all() -> None:
    found = font_for("김일성광장", bold=True)
    assert found is None or has_glyphs(found, "김일성광장")
    assert not has_glyphs(Path(font_files()[-1]), "김일성광장")  # DejaVu Sans


def test_a_backslash_is_never_drawn_as_a_won_sign() -> None:
    found = font_for("\\frac")
    assert found is not None
    assert not found.name.startswith("Nanum")
