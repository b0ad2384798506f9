"""The benchmarks, small: that their truth is true, their trials repeat and their counts count."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from skimage.registration import phase_cross_correlation

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import areas  # noqa: E402
import campaign_alignment as campaign  # noqa: E402
import change  # noqa: E402
import false_alarms  # noqa: E402
import optical_choice  # noqa: E402
import radar_choice  # noqa: E402
import scale  # noqa: E402
from _alarm_tables import above_twice, pooled, report, surely_twice, warned  # noqa: E402
from _classical import OPTICAL, RADAR  # noqa: E402
from _decided import Held, Run, held_against, mapped, run_of  # noqa: E402
from _displacement import Displacement, random_waves  # noqa: E402
from _nature import fractal, leaning, raised  # noqa: E402
from _pairs import SCENARIOS, Truth, write_pair  # noqa: E402
from _places import CATALOGUE, Place, picture, places  # noqa: E402
from _planting import SIDE, Planted, plant  # noqa: E402
from _quiet_real import Squares  # noqa: E402
from _radar_scenes import FAMILIES, Family, looks_drawn, simulated  # noqa: E402
from _scale_tables import aims, figures, profile_table  # noqa: E402
from _scenery import GROUNDS, Look, Object, ground_of, scattered, truth_of, write_scene  # noqa: E402
from _steps import PRODUCTS, Clock  # noqa: E402
from _tables import between_markers, markdown, share, wilson  # noqa: E402
from _trials import ACCEPT, EITHER, KINDS, REFUSE, make  # noqa: E402

LARGE = {"area in 1 km²", "area in 25 km²"}


@pytest.fixture(scope="session")
def grounds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three images of invented grounds."""
    found = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        image = np.clip(120 + 40 * np.stack([fractal((330, 340), 2.2, rng)] * 3), 1, 255)
        path = tmp_path_factory.mktemp("ground") / f"{seed}.tif"
        with rasterio.open(
            path, "w", driver="GTiff", count=3, height=330, width=340, dtype="uint8",
            crs="EPSG:32651", transform=from_origin(300_000, 4_320_000, 1, 1),
        ) as dataset:  # fmt: skip
            dataset.write(image.astype(np.uint8))
        found.append(path)
    return found


@pytest.fixture(scope="session")
def library(grounds: list[Path]) -> list[Place]:
    first, second, third = grounds
    return [
        Place("one", "a", (first, first)),
        Place("two", "a", (second,)),
        Place("three", "b", (third,)),
    ]


# Truth


def test_the_displacement_of_either_image_is_that_of_the_other() -> None:
    rng = np.random.default_rng(1)
    known = Displacement(
        centre=(500, 500),
        move=(-59.7, 80.3),
        rotation=0.05,
        scale=1.0002,
        waves=random_waves(rng, count=4, amplitude=1.2, lengths=(900, 2500)),
    )
    before = rng.uniform(0, 1000, (2, 50))
    moved = known.of_before(*before)
    assert np.abs(known.of_after(*(before + moved)) - moved).max() < 1e-9
    assert Displacement.from_json(json.loads(json.dumps(known.to_json()))) == known


def test_a_turn_about_the_centre_leaves_it_in_place() -> None:
    turned = Displacement(centre=(100, 200), rotation=1.0, scale=1.01)
    assert np.abs(turned.of_after(np.array(100.0), np.array(200.0))).max() < 1e-12
    # A hundred pixels below the centre; turned by a degree, and a hundredth larger.
    row, col = turned.of_after(np.array(200.0), np.array(200.0))
    assert row == pytest.approx(100 - 100 * np.cos(np.pi / 180) / 1.01)
    assert col == pytest.approx(-100 * np.sin(np.pi / 180) / 1.01)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_pair_shows_its_truth(scenario: str, grounds: list[Path], tmp_path: Path) -> None:
    size = 320
    write_pair(tmp_path, scenario=scenario, size=size, seed=3, base=grounds)
    truth = Truth.read(tmp_path)
    before, after = (rasterio.open(tmp_path / f"{r}.tif").read(2) for r in ("before", "after"))
    assert before.shape == after.shape == (size, size)
    rows, cols = truth.points(9)
    away = truth.displacement.of_before(rows, cols)
    errors = []
    for row, col, move in zip(rows, cols, away.T, strict=True):
        at, there = np.array([row, col]).astype(int), np.rint(move).astype(int)
        windows = [
            image[tuple(slice(p - 24, p + 24) for p in place)]
            for image, place in ((before, at), (after, at + there))
        ]
        if any(w.shape != (48, 48) or (w == 0).any() for w in windows):
            continue
        taper = np.outer(np.hanning(48), np.hanning(48))
        found, *_ = phase_cross_correlation(
            *((w - w.mean()) * taper for w in windows), upsample_factor=50, normalization=None
        )
        errors.append(np.hypot(*(-found + there - move)))
    assert len(errors) >= 9
    assert np.median(errors) < 0.1


def test_a_pair_repeats(grounds: list[Path], tmp_path: Path) -> None:
    for name in "ab":
        write_pair(tmp_path / name, scenario="full", size=300, seed=1, base=grounds)
    for file in ("before.tif", "after.tif", "truth.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_pair_of_four_bands_knows_what_changed(grounds: list[Path], tmp_path: Path) -> None:
    write_pair(
        tmp_path, scenario="full", size=600, seed=3, base=grounds, bands=4, compress="deflate"
    )
    with rasterio.open(tmp_path / "before.tif") as file:
        assert file.descriptions == ("red", "green", "blue", "nir")
        assert (file.dtypes[0], file.compression.value) == ("uint16", "DEFLATE")
        before = file.read().astype(float)
    after = rasterio.open(tmp_path / "after.tif").read().astype(float)
    label = rasterio.open(tmp_path / "truth.tif").read(1)
    assert np.unique(label).tolist() == [0, 1, 255]
    assert 0.01 < (label == 1).mean() < 0.025
    known = Truth.read(tmp_path)
    rows, cols = np.meshgrid(np.arange(600.0), np.arange(600.0), indexing="ij")
    unlike = (label != 255) != known.valid(rows, cols)
    assert unlike.mean() < 1e-3  # the displacement is taken as one over 16 px
    # The move is some 3 px, undone here by whole pixels.
    moved = np.roll(after, (2, -2), axis=(1, 2))
    apart = np.abs(moved - before).mean(0)
    assert apart[label == 1].mean() > 2 * apart[label == 0].mean()


def test_a_roof_leans_by_its_height() -> None:
    heights = np.zeros((60, 60), np.float32)
    heights[20:30, 20:30] = 0.5
    lean, seen = leaning(heights, (8.0, 0.0))
    assert seen[24:34, 20:30].all()
    assert seen.sum() == 100
    assert np.unique(lean[0][seen]).tolist() == [4.0]
    cover = (raised((200, 200), np.random.default_rng(0), cover=0.3) > 0).mean()
    assert 0.3 <= cover < 0.45


# Trials


@pytest.mark.parametrize("kind", sorted(set(KINDS) - LARGE))
def test_every_kind_makes_a_trial_that_repeats(kind: str, library: list[Place]) -> None:
    one, again, other = (make(kind, seed, library) for seed in (0, 0, 1))
    assert np.array_equal(one.before, again.before)
    assert np.array_equal(one.after, again.after)
    assert one.before.shape != other.before.shape or not np.array_equal(one.before, other.before)
    assert not np.array_equal(one.before, one.after)
    for image in (one.before, one.after):
        assert image.ndim == 3
        assert np.isfinite(image).all()
    if one.ground is not None:
        assert one.ground.shape == one.before.shape[1:]
        assert one.ground.any()


def test_a_trial_of_a_small_area_lies_in_its_scene(library: list[Place]) -> None:
    trial = make("area in 1 km²", 0, library)
    top, left, bottom, right = trial.area
    assert trial.pixel_m * (bottom - top) == pytest.approx(316, abs=2)
    assert 0 <= top < bottom <= trial.before.shape[1]
    assert 0 <= left < right <= trial.before.shape[2]


def test_the_campaign_is_large_enough_and_a_tenth_of_it_small() -> None:
    assert sum(kind.trials for kind in {**REFUSE, **EITHER}.values()) >= 200
    assert sum(kind.trials for kind in ACCEPT.values()) >= 200
    tasks = campaign.chosen(None, None, tenth=True)
    assert {kind for kind, _ in tasks} == set(KINDS)
    assert len(tasks) < len(campaign.chosen(None, None, tenth=False)) / 7
    assert campaign.chosen("sea", 4, tenth=False) == [("sea", 4)]


def test_trials_are_run_and_counted(library: list[Place], tmp_path: Path) -> None:
    rows = [
        campaign.run(task, library=library, keep=None)
        for task in (("sea, noise", 0), ("seasons", 0))
    ]
    sea, season = rows
    assert not sea.accepted
    assert not sea.wrong
    assert season.accepted
    assert season.ce90_true < 0.5
    assert not season.wrong
    campaign.write_csv(tmp_path / "rows.csv", rows)
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 3
    said = campaign.report(rows, tenth=True)
    assert "Wrongly accepted: 0 of 1" in said
    assert "Wrongly refused: 0 of 1" in said


def test_places_are_those_at_hand(data: Path, tmp_path: Path) -> None:
    found = places(data, [], work=tmp_path)
    assert len(found) == len(CATALOGUE)
    for place in found:
        image = picture(place.files[0])
        assert len(image) == 3
        assert min(image.shape[1:]) >= 256
        assert (image == 0).mean() < 0.03


# Areas


def test_planted_objects_add_their_area_and_repeat() -> None:
    ground = np.full((3, SIDE, SIDE), 100, np.float32)
    one, again = (plant(ground, np.random.default_rng(4)) for _ in range(2))
    assert np.array_equal(one.after, again.after)
    for item in one.objects:
        left, top, right, bottom = (int(v) for v in item.outline.bounds)
        near = (slice(top - 6, bottom + 7), slice(left - 6, right + 7))
        added = (one.after - one.before)[:, *near].mean(axis=0).sum()
        # Each band's contrast is its own, 0.8 to 1.2 of the object's.
        assert 0.75 < added / (100 * item.contrast * item.outline.area) < 1.25


def test_intervals_hold_the_areas_of_planted_objects() -> None:
    rng = np.random.default_rng(8)
    found: list[areas.Found] = []
    for _ in range(5):
        ground = 120 + 25 * np.stack([fractal((SIDE, SIDE), 2.2, rng)] * 3)
        trial = plant(ground.astype(np.float32), rng)
        rows, (one, parts, missed) = areas.searched(trial, ground="waves", threshold="null")
        assert len(rows) == one
        assert one + parts + missed == len(trial.objects)
        found += rows
    assert len(found) > 30
    held = sum(row.low <= row.truth <= row.high for row in found)
    assert 0.8 <= held / len(found) <= 1
    assert all(row.low <= row.area <= row.high for row in found)
    said = areas.report(found, [areas.Counts(ground="waves", one=40, parts=3, missed=2)], seed=8)
    assert "| walls of 2 px |" in said
    assert "| waves | 45 | 40 | 3 | 2 |" in said


def test_a_class_of_areas_is_counted() -> None:
    box = areas.shapely.box(0, 0, 10, 10)
    planted = Planted(shape="rectangle", outline=box, contrast=0.3, opaque=True)
    rows = [
        areas.Found(ground="g", planted=planted, beside=0.1, area=96.0, low=low, high=high)
        for low, high in ((90, 110), (101, 120), (80, 99), (95, 105))
    ]
    assert areas.line("x", rows)[:2] == ("x", "4")
    assert areas.line("x", rows)[2].startswith("50.0% (")
    assert areas.line("x", rows)[3:] == ("25.0%", "25.0%", "0.96", "0.10")
    assert areas.line("none", [])[1] == "0"


# False alarms


@pytest.mark.parametrize("kind", [kind for kind in GROUNDS if kind != "town"])
def test_a_ground_is_as_large_as_asked_and_repeats(kind: str, tmp_path: Path) -> None:
    one, again = (ground_of(kind, 100, np.random.default_rng(1), work=tmp_path) for _ in "ab")
    assert one.shape == (3, 264, 264)
    assert one.min() >= 1
    assert one.max() <= 255
    assert one.std() > 3
    assert np.array_equal(one, again)


def test_no_other_ground() -> None:
    with pytest.raises(ValueError, match="no such ground"):
        ground_of("sea", 100, np.random.default_rng(1), work=Path())


def test_a_scene_shows_its_objects_and_nothing_else(tmp_path: Path) -> None:
    ground = np.full((3, 464, 464), 100, np.float32)
    item = Object(top=80.0, left=120.0, height=10.0, width=20.0, contrast=0.3)
    look = Look(haze=0.0, noise=0.0)
    files = write_scene(
        tmp_path, ground, pixel_m=10, rng=np.random.default_rng(3), look=look, objects=[item]
    )
    before, after = (rasterio.open(file).read(2).astype(float) for file in files)
    assert np.unique(before).tolist() == [1600]
    # The gain is 0.95, the offset -30.
    added = (after - (0.95 * 1600 - 30)) / (0.95 * 1400)
    assert added.sum() == pytest.approx(0.3 * 200, rel=0.01)
    rows, cols = np.nonzero(added > 0.15)
    # The later image lies elsewhere by -1.68 and 2.37, and less than a pixel of waves.
    assert rows.mean() == pytest.approx(84.5 - 1.68, abs=1.5)
    assert cols.mean() == pytest.approx(129.5 + 2.37, abs=1.5)


def test_distortion_is_as_large_as_said() -> None:
    rng, place = np.random.default_rng(0), np.linspace(0, 1000, 300)
    found = [
        Displacement(
            centre=(0, 0), waves=random_waves(rng, count=4, amplitude=0.5 / 0.64, lengths=(48, 96))
        )
        .of_after(place[:, None], place[None, :])
        .std()
        for _ in range(30)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.05)


def test_objects_lie_apart_and_away_from_the_border() -> None:
    items = scattered(50, 480, np.random.default_rng(2), sides=(4, 20), contrasts=(0.05, 0.4))
    truth = truth_of(items, 480)
    assert np.unique(truth).tolist() == list(range(51))
    assert (truth[:40].max(), truth[-40:].max()) == (0, 0)
    for number, item in enumerate(items, 1):
        assert (truth[item.near()] == number).all()
        assert 0.05 <= abs(item.contrast) <= 0.4


def held(labels: np.ndarray, truth: np.ndarray, tmp_path: Path, **how: float) -> Held:
    """Of a map whose first pixel is the earlier image's second in its first row."""
    moved = from_origin(300_010, 5_200_000, 10, 10)
    with rasterio.open(
        tmp_path / "change.tif", "w", driver="GTiff", count=1, height=labels.shape[0],
        width=labels.shape[1], dtype="uint32", crs="EPSG:32633", transform=moved,
    ) as dataset:  # fmt: skip
        dataset.write(labels.astype(np.uint32), 1)
    pixels = np.bincount(labels.ravel())[1:]
    before = SimpleNamespace(geobox=SimpleNamespace(affine=from_origin(300_000, 5_200_000, 10, 10)))
    found = SimpleNamespace(
        rasters={"change": tmp_path / "change.tif"},
        scenes={"before": before},
        geobox=SimpleNamespace(affine=moved),
        regions=SimpleNamespace(pixels=pixels),
        observed=SimpleNamespace(seen=10_000),
        plan=SimpleNamespace(pixel_size_m=10.0),
    )
    return held_against(truth, **how)(found)


def test_regions_are_held_against_objects(tmp_path: Path) -> None:
    truth = np.zeros((8, 10), int)
    truth[1:3, 1:4], truth[6, 6] = 1, 2
    labels = np.zeros((8, 9), int)
    labels[1:3, 0:3], labels[4, 0:4], labels[5:8, 3:9] = 1, 2, 3  # a column to the left of truth
    found = held(labels, truth, tmp_path)
    every = np.ones(3, bool)
    assert found.km2 == 1.0
    assert found.true.tolist() == [True, False, False]  # the third covers far more than an object
    assert (found.false(every), found.found(every)) == (2, 1)
    assert (found.false(~found.true), found.found(~found.true)) == (2, 0)
    assert held(labels, truth, tmp_path, share=0.0).true.tolist() == [True, False, True]
    # Truth that ends before the map begins: all is false.
    assert not held(labels, truth[:1, :1], tmp_path).true.any()


def test_the_smallest_regions_go_until_few_enough_are_false() -> None:
    found = Held(
        pixels=np.array([30, 20, 50, 40]),
        true=np.array([False, True, True, False]),
        touched=np.array([[1, 2, 2], [1, 2, 3]]),
        km2=1.0,
    )
    one = false_alarms.no_more_false((None, found, 0.0), 1)[1]
    assert (one.pixels.tolist(), one.true.tolist()) == ([50, 40], [True, False])
    assert one.touched.tolist() == [[0, 0], [2, 3]]
    assert one.found(np.ones(2, bool)) == 2
    every = false_alarms.no_more_false((None, found, 0.0), 5)[1]
    assert every.pixels.tolist() == found.pixels.tolist()
    assert false_alarms.no_more_false((None, found, 0.0), 0)[1].pixels.tolist() == [50]


def test_squares_part_an_image() -> None:
    geobox = SimpleNamespace(affine=from_origin(0, 400, 10, 10), shape=(40, 60))
    one, other = (Squares((0.0, 0.0, 600.0, 400.0), 100.0, odd) for odd in (False, True))
    assert (one.mask(geobox) ^ other.mask(geobox)).all()
    assert one.mask(geobox)[:10, :10].all()
    assert one.area_m2 == other.area_m2 == 120_000


def test_alarms_are_counted() -> None:
    def run(false: int, *codes: str, expected: float = 5.0, **more: object) -> Run:
        values = {"part": "nulls 10 m", "scene": "bare", "asked": "1/km2", **more}
        return Run(**values, km2=5.0, expected=expected, told=9, false=false, codes=codes)

    assert pooled([run(5), run(5)]) == "1.00 (1.00 to 1.00)"
    assert pooled([run(0), run(10)]).startswith("1.00 (0.00 to 2.00")
    assert pooled([]) == "–"
    # Of a rate of 2: three are no surprise, twenty of ten are.
    assert not surely_twice(run(3, expected=1.0))
    assert surely_twice(run(20))
    assert above_twice([run(3, expected=1.0), run(20), run(1)]) == "2 (1) of 3"
    assert warned(run(0, "alignment-usable"))
    assert not warned(run(0, "simulated-decoys"))
    sabotaged = run(20, part="sabotage, quiet pairs")
    refused = Run(part="nulls 10 m", scene="rough", asked="1/km2", refused="RateError: too small")
    said = report([run(5), refused, sabotaged], seed=1, seconds=60)
    assert "| simulated, 10 m | 1/km2 | 1 of 2 | 5 | 5 | 5 | 1.00 (1.00 to 1.00) |" in said
    assert "| bare | quiet pairs | 0 of 1 | 0 | 4.00 (4.00 to 4.00) | 1 (1) of 1 | 1 |" in said


def test_a_tenth_of_the_decisions_is_small() -> None:
    quick, whole = (false_alarms.tasks(list(false_alarms.PARTS), quick=q) for q in (True, False))
    assert set(quick) < set(whole)
    assert len(quick) <= len(whole) / 10
    assert len({false_alarms.place(n) for n in range(2 * len(GROUNDS))}) == 2 * len(GROUNDS)


def test_a_decision_is_made_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    size = 320
    items = scattered(9, size, rng, sides=(8, 12), contrasts=(0.5, 0.6))
    ground = ground_of("bare", size, rng, work=tmp_path)
    pair = write_scene(tmp_path, ground, pixel_m=10, rng=rng, objects=items)
    see = held_against(truth_of(items, size))
    rows = [
        run_of(
            mapped(pair, options=false_alarms.asking(asked), work=tmp_path, see=see),
            part="objects 10 m", scene="bare", asked=asked, planted=9,
        )
        for asked in ("1/km2", "0/km2", "otsu")
    ]  # fmt: skip
    one, none, otsu = rows
    assert (one.found, one.planted, one.refused) == (9, 9, "")
    assert one.calibration == "simulated"
    assert one.expected == one.km2 > 8
    assert one.false <= one.expected
    assert none.refused.startswith("UsageError: no such rate")
    assert otsu.calibration == "uncalibrated"
    assert otsu.found > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after.tif", "before.tif"]


# Tables


def test_shares_have_their_intervals() -> None:
    assert wilson(0, 200) == pytest.approx((0, 0.01885), abs=1e-4)
    low, high = wilson(5, 10)
    assert (low, high) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert share(1, 4).startswith("1 of 4: 25.0%")
    assert share(0, 0) == "–"


def test_a_table_finds_its_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- /x -->\nb\n")
    between_markers(page, "x", markdown(("h",), [(1,)]))
    assert page.read_text() == "a\n<!-- x -->\n\n| h |\n|---|\n| 1 |\n\n<!-- /x -->\nb\n"
    with pytest.raises(SystemExit, match="no markers"):
        between_markers(page, "y", "")


def test_the_tables_have_their_markers() -> None:
    page = (BENCHMARKS.parent / "docs" / "benchmarks.md").read_text("utf-8")
    names = (
        "coregistration", "campaign", "change", "areas", "radar-choice", "optical-choice",
        "false-alarms",
    )  # fmt: skip
    for name in names:
        assert f"<!-- {name} -->\n" in page
        assert f"<!-- /{name} -->" in page


@pytest.mark.parametrize(
    ("page", "name"),
    [("README.md", "scale"), ("docs/performance.md", "scale"), ("docs/performance.md", "profile")],
)
def test_the_tables_of_scale_have_their_markers(page: str, name: str) -> None:
    text = (BENCHMARKS.parent / page).read_text("utf-8")
    assert f"<!-- {name} -->\n" in text
    assert f"<!-- /{name} -->" in text


# Scale


def ran(seconds: float, mib: float, *, cpu: float = 1) -> dict[str, float]:
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mib": mib, "status": 0}


@pytest.fixture
def results() -> dict[str, Any]:
    small = {
        "floor": [ran(1, 80), ran(3, 80), ran(2, 80)],
        "detect": [ran(8, 1000, cpu=12)],
        "detect, 1 worker": [ran(16, 900)],
        "usual script": [ran(10, 5000)],
        "align": [ran(3, 500)],
        "AROSICS local": [ran(29, 500)],
    }
    large = {"floor": [ran(20, 80)], "detect": [ran(60, 1090, cpu=110)]}
    return {
        "date": "2026-01-01", "machine": "a machine", "versions": "versions", "ground": "a town",
        "workers": 2, "rounds": [3, 1], "huge": 12000,
        "start_up": {"twopass --help": 0.31, "import imagery": 0.1, "python": 0.02},
        "pairs": {
            "1000": {"runs": small, "f1": {"detect": 0.9, "usual script": 0.5}, "failed": []},
            "3000": {"runs": large, "f1": {"detect": 0.9}, "failed": ["align"]},
        },
        "profile": {"size": 3000, "steps": {"read": ran(1, 100), "align": ran(3, 200, cpu=5)}},
    }  # fmt: skip


def test_what_was_measured_is_held_against_the_aims(results: dict[str, Any]) -> None:
    rows = [line.strip("| ").split(" | ") for line in aims(results).splitlines()[2:]]
    said = {row[0]: row[2:] for row in rows}
    assert said["`detect`, 1,000 px a side, against the floor"] == [
        "4.0 × (8.0 s against 2.0 s; 12.0 × by processor time)", "yes",
    ]  # fmt: skip
    assert said["its peak memory"] == ["1.05, 1.14 GB at 1,000, 3,000 px a side", "yes"]
    assert said["growth of its peak memory"] == ["+9% from 1,000 to 3,000 px", "yes"]
    assert said["its time for a pixel"][1] == "**no**"
    assert said["2 workers against 1, 1,000 px"] == ["2.00 ×", "yes"]
    assert said["`twopass --help`"] == ["0.31 s (Python alone: 0.02 s)", "**no**"]
    assert said["`import imagery`"][1] == "yes"
    assert said["`align`, 1,000 px, against AROSICS local"][1] == "**no**"
    beside = "`detect`, 1,000 px, against the usual script"
    assert [said[f"{beside}: {what}"][1] for what in ("time", "memory", "F1 of pixels")] == [
        "yes", "yes", "yes",
    ]  # fmt: skip
    assert len(said) == 12
    table = figures(results)
    assert "| 1,000 | floor | 2.0 (1.0 to 3.0) | 1.0 | 1.0 | 2000 | 0.08 |  |" in table
    assert "| 3,000 | align | failed |" in table
    assert "| align | 3.0 | 75% | 5.0 | 0.21 |" in profile_table(results)


def test_a_run_of_few_programs_has_its_tables_too(results: dict[str, Any]) -> None:
    results["pairs"] = {
        "1000": {"runs": {"usual script": [ran(10, 5000)]}, "f1": {}, "failed": ["floor"]}
    }
    assert len(aims(results).splitlines()) == 2 + 2  # the start-up alone
    assert "| 1,000 | usual script | 10.0 |" in figures(results)


def test_a_map_is_held_against_the_truth_on_its_pixels(tmp_path: Path) -> None:
    label = np.zeros((1, 600, 700), np.uint8)
    label[0, 505:530, 100:120] = 1
    label[0, :, :50] = 255
    found = np.zeros((1, 580, 660), np.int32)  # from row 20 and col 30 on
    found[0, 485:510, 70:80] = 7
    found[0, 300:310, 0:20] = 3  # not seen in both
    for name, values, at in (("truth", label, (0, 0)), ("map", found, (20, 30))):
        with rasterio.open(
            tmp_path / f"{name}.tif", "w", driver="GTiff", count=1, dtype=values.dtype,
            height=values.shape[1], width=values.shape[2], crs="EPSG:32633",
            transform=from_origin(300_000 + 0.6 * at[1], 5_000_000 - 0.6 * at[0], 0.6, 0.6),
        ) as dataset:  # fmt: skip
            dataset.write(values)
    assert scale.f1(tmp_path / "map.tif", tmp_path / "truth.tif") == pytest.approx(2 / 3)


def test_the_floor_and_the_usual_script_are_programs(grounds: list[Path], tmp_path: Path) -> None:
    write_pair(
        tmp_path, scenario="full", size=600, seed=3, base=grounds, bands=4, compress="deflate"
    )
    before, after, mask = (str(tmp_path / f"{n}.tif") for n in ("before", "after", "mask"))
    subprocess.run(scale.program("_floor.py", before, after, mask, "2"), check=True)
    with rasterio.open(mask) as file:
        assert (file.shape, file.dtypes, file.compression) == ((600, 600), ("uint8",), None)
        assert (file.read(1) == 1).all()
    outlines = tmp_path / "changes.geojson"
    subprocess.run(scale.program("_usual.py", before, after, mask, str(outlines)), check=True)
    assert scale.f1(Path(mask), tmp_path / "truth.tif") > 0.6
    assert json.loads(outlines.read_text().splitlines()[0])["geometry"]["type"] == "Polygon"


def test_the_steps_after_the_map_are_those_of_the_workflow() -> None:
    from aoi import changes, workflow

    known = {**vars(changes), **vars(workflow)}
    assert [name for name in PRODUCTS if not callable(known.get(name))] == []


def test_a_clock_knows_what_each_step_took() -> None:
    clock = Clock(time.time() - 2)
    clock.begin("read")
    clock.begin("read")
    assert clock.timed(lambda: 3, "write")() == 3
    clock.begin("end")
    assert list(clock.rows) == ["start-up", "read", "write", "between products"]
    assert clock.rows["start-up"]["seconds"] >= 2
    assert clock.rows["write"]["peak_mib"] > 10


# Programs


def test_a_program_is_watched(tmp_path: Path) -> None:
    result = tmp_path / "run.json"
    code = "import time; held = bytearray(80_000_000); time.sleep(0.4); raise SystemExit(3)"
    watch = [sys.executable, "-I", str(BENCHMARKS / "_watch.py"), str(result)]
    subprocess.run([*watch, sys.executable, "-c", code], check=True)
    run = json.loads(result.read_text())
    assert run["status"] == 3
    assert 0.4 <= run["seconds"] < 20
    assert 76 < run["peak_mib"] < 200
    assert 0 < run["cpu_seconds"] < 20


@pytest.mark.parametrize("method", ["ours", "phase_correlation"])
def test_a_method_is_a_program(method: str, grounds: list[Path], tmp_path: Path) -> None:
    write_pair(tmp_path, scenario="shift", size=320, seed=2, base=grounds)
    np.save(tmp_path / "points.npy", np.array([[100.0, 200.0], [150.0, 90.0]]))
    files = [
        tmp_path / n for n in ("before.tif", "after.tif", "out.tif", "points.npy", "found.npy")
    ]
    subprocess.run(
        [sys.executable, str(BENCHMARKS / "_methods.py"), method, *map(str, files)], check=True
    )
    assert np.load(tmp_path / "found.npy") == pytest.approx(
        np.array([[-1.68, -1.68], [2.37, 2.37]]), abs=0.12
    )
    with rasterio.open(tmp_path / "out.tif") as moved, rasterio.open(files[0]) as still:
        a, b = (image.read(1)[20:-20, 20:-20].astype(float) for image in (moved, still))
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("name", [*OPTICAL, *RADAR])
def test_classical_methods_find_a_change(name: str) -> None:
    rng = np.random.default_rng(0)
    before = 50 + 30 * np.stack([fractal((80, 80), 2.2, rng)] * 2) + rng.normal(0, 2, (2, 80, 80))
    after = before + rng.normal(0, 2, before.shape)
    label = np.zeros((80, 80), np.uint8)
    label[20:40, 30:50] = 1
    after[:, label == 1] += [[120], [60]]
    before, after = np.maximum(before, 1), np.maximum(after, 1)
    valid = np.ones(label.shape, bool)
    found = change.judged(*(OPTICAL | RADAR)[name](before, after, valid), label, valid)
    assert found.kappa > 0.75
    assert found.precision > 0.8


def test_a_map_is_judged_on_labelled_pixels() -> None:
    label = np.array([[1, 1, 0, 0, 255]], np.uint8)
    score = np.array([[4.0, 1, 3, 0, 9]])
    found = change.judged(score, score > 2, label, np.ones(label.shape, bool))
    assert (found.hits, found.missed, found.false, found.right) == (1, 1, 1, 1)
    assert found.f1 == 0.5
    assert found.kappa == 0
    assert found.precision == pytest.approx((1 + 2 / 3) / 2)
    assert np.isnan(change.average_precision(score[0], np.zeros(5, bool)))


# Choices without labels


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f"{f.ground}-{f.change}")
def test_simulated_radar_has_changed_where_its_truth_says(family: Family) -> None:
    pair = simulated(family, number=3, side=100)
    again = simulated(family, number=3, side=100)
    assert all(np.array_equal(a, b) for a, b in zip(pair, again, strict=True))
    assert pair.before.dtype == pair.after.dtype == np.uint8
    assert 0.004 < pair.truth.mean() < 0.3
    ratio = np.abs(np.log((pair.after + 1.0) / (pair.before + 1.0)))
    assert ratio[pair.truth].mean() > ratio[~pair.truth].mean()


def test_simulated_speckle_has_the_looks_that_it_says() -> None:
    family = FAMILIES[0]
    number = next(n for n in range(8) if looks_drawn(family, n) == (8, 3))
    pair = simulated(family, number=number)
    before, after = radar_choice.looks_of([radar_choice.tile_of(pair)], "amplitude")
    assert before / after == pytest.approx(8 / 3, rel=0.35)
    evened = radar_choice.looks_of([radar_choice.even(radar_choice.tile_of(pair))], "amplitude")
    assert evened[1] / evened[0] == pytest.approx(1, abs=0.3)


def test_a_recipe_is_judged_on_simulated_radar() -> None:
    pair = simulated(Family("fields", "edge"), number=2, side=100)
    tile = radar_choice.tile_of(pair)
    assert radar_choice.kappa(tile, pair.truth, radar_choice.RECIPE) > 0.6
    assert radar_choice.kappa(tile, ~pair.truth, radar_choice.RECIPE) < 0


@pytest.mark.parametrize("between", optical_choice.BETWEEN, ids=lambda b: b.name)
def test_objects_are_planted_in_pairs_that_differ_as_they_say(
    between: optical_choice.Between,
) -> None:
    rng = np.random.default_rng(2)
    pair, truth, near = optical_choice.simulated(between, rng)
    assert pair.before.shape == (between.bands, 256, 256)
    assert 0.01 < truth.mean() < 0.2
    assert (near | ~truth).all()
    assert (pair.error == np.float32(between.told)).all()
    correlation = np.corrcoef(pair.before[0][~near], pair.after[0][~near])[0, 1]
    assert correlation > (0.99 if between.name.startswith("nothing") else 0.5)


def test_planted_objects_are_found_where_nothing_else_happened() -> None:
    ((precision, recall),) = optical_choice.judged(
        optical_choice.BETWEEN[0], ["cva"], np.random.default_rng(1)
    )
    assert precision > 0.99
    assert recall > 0.95
