"""Two passes compared: against plane trigonometry, and by the laws that hold for any two."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagery.comparability import Comparability, Displacement, Pass, compare
from imagery.scene import Acquisition, Fact

DAY = "2021-06-13T02:10:00"


def when(text: str, until: str | None = None) -> Acquisition:
    start, end = (
        dt.datetime.fromisoformat(t).replace(tzinfo=dt.UTC) for t in (text, until or text)
    )
    return Acquisition(start, end, "second" if until is None else "interval", "test")


def taken(text: str | None = DAY, **facts: Any) -> Pass:
    """A pass with facts by their names after the colon."""
    spaces = {
        "platform": "", "constellation": "",
        "orbit_state": "sat:", "relative_orbit": "sat:", "polarizations": "sar:",
        "observation_direction": "sar:", "instrument_mode": "sar:",
    }  # fmt: skip
    return Pass(
        acquisition=Acquisition() if text is None else when(text),
        facts={spaces.get(n, "view:") + n: Fact(value, "test") for n, value in facts.items()},
    )


def seen(incidence: float, towards: float) -> Pass:
    return taken(incidence_angle=incidence, azimuth=towards)


def at(first: Pass, second: Pass, *, px: float = 1.0) -> Comparability:
    return compare(first, second, pixel_size_m=px)


def codes(found: Comparability) -> list[str]:
    return [caution.code for caution in found.cautions]


angle = st.floats(0, 85)
azimuth = st.floats(0, 360)
sky = st.floats(5, 88)
moment = st.datetimes(dt.datetime(1972, 1, 1), dt.datetime(2030, 12, 31)).map(
    lambda t: t.isoformat()
)


def test_bounds_that_read_the_same_are_one_number() -> None:
    near, low = (taken(off_nadir=angle) for angle in (0.01, 4.0))
    found = at(near, low)
    assert found.lean is not None
    assert found.lean.px is None
    assert "move 0.7 px (0.7 m) between" in " ".join(found.sentences)
    (wide,) = (one for one in at(low, low).sentences if one.startswith("Seen"))
    assert "move 0.0 to 1.4 px (0.0 to 1.4 m) between" in wide


# Lean


def test_a_view_from_the_other_side_adds_both_leans() -> None:
    found = at(
        taken(incidence_angle=30.0, azimuth=90.0), taken(incidence_angle=30.0, azimuth=270.0)
    )
    assert found.lean_px == pytest.approx(2 * 10 * math.tan(math.radians(30)))


def test_the_same_view_leans_alike() -> None:
    found = at(
        taken(incidence_angle=30.0, azimuth=350.0), taken(incidence_angle=30.0, azimuth=350.0)
    )
    assert found.lean_px == 0
    assert codes(found) == []


def test_directions_wrap_at_north() -> None:
    found = at(
        taken(incidence_angle=45.0, azimuth=350.0), taken(incidence_angle=45.0, azimuth=10.0)
    )
    assert found.lean_px == pytest.approx(20 * math.sin(math.radians(10)))


@given(angle, azimuth, angle, azimuth, st.floats(0.1, 30))
def test_lean_is_the_difference_of_two_vectors(
    i1: float, a1: float, i2: float, a2: float, px: float
) -> None:
    def top(incidence: float, towards: float) -> np.ndarray[Any, Any]:
        t = math.radians(towards)
        return 10 / px * math.tan(math.radians(incidence)) * np.array([math.sin(t), math.cos(t)])

    found = at(seen(i1, a1), seen(i2, a2), px=px).lean
    assert found is not None
    wanted = float(np.linalg.norm(top(i2, a2) - top(i1, a1)))
    assert found.px == pytest.approx(wanted, abs=1e-6 * (1 + found.before_px + found.after_px))
    # What would be told without the directions holds it.
    bounds = at(taken(incidence_angle=i1), taken(incidence_angle=i2), px=px).lean
    assert bounds is not None
    assert bounds.least_px - 1e-6 <= found.most_px <= bounds.most_px + 1e-6


def test_without_directions_only_bounds_are_told() -> None:
    found = at(taken(off_nadir=25.0), taken(off_nadir=12.0), px=0.5)
    one, other = (20 * math.tan(math.radians(a)) for a in (25, 12))
    assert found.lean_px is None
    assert found.lean == Displacement(one, other, one - other, one + other)
    (caution,) = found.cautions
    assert caution.code == "lean"
    assert "5.1 to 14 px (2.5 to 6.8 m)" in caution.message
    assert any("--before-view and --after-view" in s for s in found.unknown)


def test_at_ten_metres_nobody_is_asked_for_the_side() -> None:
    found = at(taken(off_nadir=5.0), taken(off_nadir=8.0), px=10)
    assert found.lean_px is None
    assert not any("-view" in sentence for sentence in found.unknown)


def test_a_view_straight_down_needs_no_direction() -> None:
    found = at(taken(off_nadir=0.0), taken(off_nadir=20.0, azimuth=100.0))
    assert found.lean_px == pytest.approx(10 * math.tan(math.radians(20)))


def test_the_angle_at_the_ground_goes_before_that_at_the_satellite() -> None:
    found = at(
        taken(off_nadir=25.0, incidence_angle=27.7, azimuth=0.0), taken(off_nadir=0.0, azimuth=0.0)
    )
    assert found.lean_px == pytest.approx(10 * math.tan(math.radians(27.7)))


@pytest.mark.parametrize("stated", [62.0, 10.0])
def test_an_incidence_that_cannot_be_is_left_out_and_told(stated: float) -> None:
    found = at(
        taken(off_nadir=25.0, incidence_angle=stated, azimuth=0.0),
        taken(off_nadir=0.0, azimuth=0.0),
    )
    assert found.lean_px == pytest.approx(10 * math.tan(math.radians(25)))
    assert any("earlier image can't belong" in sentence for sentence in found.sentences)


def test_a_satellite_that_never_turns_sees_alike_from_one_orbit() -> None:
    one = taken(platform="Sentinel-2A", relative_orbit=3, incidence_angle=8.0)
    found = at(one, taken(platform="sentinel-2b", relative_orbit=3, incidence_angle=8.0), px=10)
    assert found.same_orbit is True
    assert found.lean_px == 0
    nothing = at(taken(platform="Sentinel-2A", relative_orbit=3),
                 taken(platform="sentinel-2b", relative_orbit=3), px=10)  # fmt: skip
    assert nothing.lean_px is None
    assert not any("-view" in sentence for sentence in nothing.unknown)


def test_one_that_turns_does_not() -> None:
    one = taken(platform="PHR 1A", relative_orbit=3, incidence_angle=20.0)
    assert at(one, one).lean_px is None


def test_the_lean_is_warned_of_from_three_pixels_on() -> None:
    flat, tilted = taken(off_nadir=0.0), taken(off_nadir=45.0)
    assert codes(at(flat, tilted, px=10 / 2.99)) == []
    assert codes(at(flat, tilted, px=10 / 3.01)) == ["lean"]


# Sun


def test_shadows_reach_away_from_the_sun() -> None:
    found = at(
        taken(sun_elevation=45.0, sun_azimuth=90.0), taken(sun_elevation=45.0, sun_azimuth=180.0)
    )
    assert found.shadow_px == pytest.approx((10, 10, math.sqrt(200)))
    assert found.sun_elevation_change_deg == 0
    assert found.sun_azimuth_change_deg == 90
    assert codes(found) == ["shadow"]


def test_the_sun_turns_the_shorter_way_round() -> None:
    one, other = taken(sun_azimuth=350.0), taken(sun_azimuth=10.0)
    assert at(one, other).sun_azimuth_change_deg == pytest.approx(20)
    assert at(other, one).sun_azimuth_change_deg == pytest.approx(-20)


def test_shadows_of_a_winter_at_ten_metres_do_not_show() -> None:
    found = at(
        taken(sun_elevation=25.0, sun_azimuth=165.0),
        taken(sun_elevation=60.0, sun_azimuth=140.0),
        px=10,
    )
    assert codes(found) == []


def test_a_low_sun_is_warned_of() -> None:
    found = at(taken(sun_elevation=9.0), taken(sun_elevation=60.0), px=100)
    assert codes(found) == ["low-sun"]
    assert "only 9° high in the earlier image" in found.cautions[0].message


@pytest.mark.parametrize("elevation", [0.0, -12.0])
def test_by_night_there_is_no_shadow(elevation: float) -> None:
    found = at(taken(sun_elevation=elevation), taken(sun_elevation=60.0))
    assert found.shadow is None
    assert codes(found) == ["night"]
    assert found.penalty > 1000


# Time


@pytest.mark.parametrize(
    ("one", "other", "season"),
    [
        ("2020-12-31T00:00:00", "2022-01-01T00:00:00", 1),
        ("2021-01-01T00:00:00", "2022-01-01T00:00:00", 0),
        ("2020-03-01T00:00:00", "2021-03-01T00:00:00", 0.8),
        ("2021-01-15T00:00:00", "2021-07-16T12:00:00", 182.5),
        ("2021-12-15T00:00:00", "2021-02-13T00:00:00", 60),
    ],
)
def test_seasons_go_round(one: str, other: str, season: float) -> None:
    assert at(taken(one), taken(other)).season_days == pytest.approx(season, abs=0.3)


def test_time_is_told_in_words() -> None:
    later = taken("2021-06-13T08:10:00")
    assert at(taken(), later).sentences[0] == "Taken 6.0 hours apart."
    for seconds, words in (
        (0, "within one minute"),
        (70, "1 minute apart"),
        (180, "3 minutes apart"),
    ):
        soon = dt.datetime.fromisoformat(DAY) + dt.timedelta(seconds=seconds)
        assert at(taken(), taken(soon.isoformat())).sentences[0] == f"Taken {words}."
    day = Pass(acquisition=when("2021-06-13T00:00:00", "2021-06-13T23:59:59"))
    assert at(day, later).sentences[0] == "Taken on about the same day."
    june, january = "2024-06-13T02:00:00", "2021-01-13T02:00:00"
    assert (
        at(taken(january), taken(june))
        .sentences[0]
        .startswith("Taken 3.4 years apart, 5 months apart in the year:")
    )


def test_a_long_mosaic_has_no_season_but_a_middle() -> None:
    mosaic = Pass(acquisition=when("2021-01-01T00:00:00", "2021-12-31T00:00:00"))
    found = at(mosaic, taken("2021-07-02T00:00:00"))
    assert found.season_days is None
    assert found.days == pytest.approx(0, abs=1)


def test_a_file_time_is_no_date() -> None:
    start = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    unconfirmed = Acquisition(start, start, "second", "TIFFTAG_DATETIME", confirmed=False)
    found = at(Pass(acquisition=unconfirmed), taken())
    assert found.days is None
    assert any("--before-date" in sentence for sentence in found.unknown)


# Who, and from where


@pytest.mark.parametrize(
    ("one", "other", "platform", "family"),
    [
        ("sentinel-2a", "Sentinel-2A", True, True),
        ("sentinel-2a", "sentinel-2c", False, True),
        ("sentinel-2a", "sentinel-1a", False, False),
        ("LANDSAT_8", "landsat-8", True, True),
        ("landsat-8", "landsat-9", False, True),
        ("landsat-7", "landsat-8", False, False),
        ("planetscope 101c", "planetscope 2440", False, True),
        ("worldview-2", "worldview-3", False, False),
    ],
)
def test_platforms_and_families(one: str, other: str, platform: bool, family: bool) -> None:
    found = at(taken(platform=one), taken(platform=other))
    assert (found.same_platform, found.same_family) == (platform, family)


def test_a_constellation_makes_a_family() -> None:
    one, other = (taken(platform=p, constellation="pleiades") for p in ("PHR1A", "Pleiades 1B"))
    assert at(one, other).same_family is True


def test_all_landsats_are_no_family() -> None:
    one, other = (taken(platform=p, constellation="Landsat") for p in ("landsat-5", "landsat-8"))
    assert at(one, other).same_family is False


def test_an_orbit_is_the_same_only_in_one_family() -> None:
    one = taken(platform="sentinel-2a", relative_orbit=89)
    assert at(one, taken(platform="sentinel-2b", relative_orbit=89)).same_orbit is True
    assert at(one, taken(platform="sentinel-2b", relative_orbit=46)).same_orbit is False
    assert at(one, taken(platform="landsat-8", relative_orbit=89)).same_orbit is False
    assert at(one, taken(platform="sentinel-2b")).same_orbit is None


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"orbit_state": "descending"}, "directions of flight (ascending before"),
        ({"observation_direction": "left"}, "look directions"),
        ({"polarizations": "HH"}, "no polarisation in common"),
    ],
)
def test_radar_from_another_side_is_not_comparable(facts: dict[str, str], words: str) -> None:
    one: dict[str, Any] = {
        "orbit_state": "ascending",
        "observation_direction": "right",
        "polarizations": "VV, VH",
    }
    alike = at(taken(**one), taken(**one))
    assert codes(alike) == []
    found = at(taken(**one), taken(**one | facts))
    assert codes(found) == ["radar-geometry"]
    assert words in found.cautions[0].message
    assert found.penalty > 1000 > alike.penalty


def test_radar_needs_no_sun() -> None:
    sides = {"orbit_state": "ascending", "observation_direction": "right"}
    radar = taken(platform="sentinel-1a", instrument_mode="IW", sun_elevation=-20.0, **sides)
    found = at(radar, radar)
    assert found.radar == (True, True)
    assert (found.shadow, found.lean, found.cautions, found.unknown) == (None, None, (), ())


def test_radar_from_an_unknown_side_is_told() -> None:
    one = taken(platform="sentinel-1a", orbit_state="ascending")
    (sentence,) = at(one, one).unknown
    assert sentence.startswith("Unknown: the direction of look of either image")


def test_radar_against_optical_is_told() -> None:
    assert codes(at(taken(platform="sentinel-1a"), taken())) == ["radar-optical"]


# What is unknown


def test_nothing_is_invented() -> None:
    found = at(taken(None), taken(None))
    assert found.sentences == found.unknown
    assert [option for option in ("date", "sun", "view")
            if any(f"--before-{option} and --after-{option} supply" in s for s in found.unknown)
            ] == ["date", "sun", "view"]  # fmt: skip
    for name in ("days", "season_days", "shadow", "lean", "same_orbit", "same_platform"):
        assert getattr(found, name) is None
    assert found.cautions == ()


@pytest.mark.parametrize("value", ["north", math.nan, math.inf, True])
def test_a_fact_of_another_kind_is_unknown(value: Any) -> None:
    found = at(taken(sun_elevation=value, off_nadir=value), taken(sun_elevation=30.0))
    assert found.shadow is None
    assert found.lean is None


@pytest.mark.parametrize(("px", "height"), [(0, 10), (-1, 10), (math.nan, 10), (1, 0)])
def test_lengths_must_be_positive(px: float, height: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        compare(taken(), taken(), pixel_size_m=px, height_m=height)


# Laws

full = st.builds(
    taken,
    moment,
    sun_elevation=sky,
    sun_azimuth=azimuth,
    off_nadir=angle,
    azimuth=azimuth,
    platform=st.sampled_from(["sentinel-2a", "sentinel-2b", "landsat-8", "PHR 1A"]),
    relative_orbit=st.integers(1, 3),
)
some = full.flatmap(
    lambda p: st.sets(st.sampled_from(sorted(p.facts))).map(
        lambda kept: Pass(
            acquisition=p.acquisition, facts={n: f for n, f in p.facts.items() if n in kept}
        )
    )
)


@given(some, some)
def test_swapping_swaps(one: Pass, other: Pass) -> None:
    found, back = at(one, other), at(other, one)
    same = ("days", "same_orbit", "same_platform", "same_family")
    assert all(getattr(found, name) == getattr(back, name) for name in same)
    assert found.penalty == pytest.approx(back.penalty)
    assert found.season_days == pytest.approx(back.season_days)
    assert sorted(codes(found)) == sorted(codes(back))
    if found.shadow is not None and back.shadow is not None:
        assert found.shadow.before_px == back.shadow.after_px
        assert found.shadow.most_px == pytest.approx(back.shadow.most_px)
    if found.sun_elevation_change_deg is not None:
        assert found.sun_elevation_change_deg == -(back.sun_elevation_change_deg or 0)


def test_the_penalty_adds_up_as_documented() -> None:
    one = taken("2021-06-13T00:00:00", platform="PHR 1A", off_nadir=20.0, sun_elevation=45.0)
    other = taken("2021-12-13T00:00:00", platform="PHR 1B", off_nadir=10.0, sun_elevation=30.0)
    lean = 10 * (math.tan(math.radians(20)) + math.tan(math.radians(10)))
    shadow = 10 * (1 + math.sqrt(3))
    season = 3 * 365.25 / 365 * 182 / (365.25 / 2)
    wanted = lean + shadow / 2 + season + 183 / 365.25 + 0.2
    assert at(one, other).penalty == pytest.approx(wanted, abs=0.02)


def test_silence_is_no_advantage() -> None:
    view = {"off_nadir": 3.0, "azimuth": 90.0}
    sun = {"sun_elevation": 60.0, "sun_azimuth": 150.0}
    known = at(taken(**view, **sun), taken(**view, **sun)).penalty
    for told in ({}, view, sun):
        assert at(taken(**told), taken(**told)).penalty > known


@given(full)
def test_a_pass_compared_with_itself_costs_nothing(one: Pass) -> None:
    found = at(one, one)
    assert found.penalty == pytest.approx(0)
    assert (found.days, found.season_days, found.lean_px) == (0, 0, 0)


@given(full, st.sampled_from(["sun_elevation", "off_nadir", "days", "season"]), st.data())
def test_the_penalty_never_falls_as_a_difference_grows(
    one: Pass, what: str, data: st.DataObject
) -> None:
    facts = {name.split(":")[-1]: fact.value for name, fact in one.facts.items()}
    start = one.acquisition.start
    assert start is not None
    if what in ("days", "season"):
        near, far = sorted(data.draw(st.tuples(st.integers(0, 180), st.integers(0, 180))))
        years = 365 if what == "season" else 0
        passes = [
            taken((start + dt.timedelta(days=years + d)).replace(tzinfo=None).isoformat(), **facts)
            for d in (near, far)
        ]
    else:
        value = float(facts[what])
        larger = st.floats(value, 88)
        text = start.replace(tzinfo=None).isoformat()
        changed = sorted((data.draw(larger), data.draw(larger)))
        passes = [taken(text, **facts | {what: v}) for v in changed]
    costs = [at(one, other).penalty for other in passes]
    assert costs[0] <= costs[1] + 1e-6
