"""The benchmarks, small: that their truth is true, their trials repeat and their counts count."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from skimage.registration import phase_cross_correlation

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import campaign_alignment as campaign  # noqa: E402
import change  # noqa: E402
from _classical import OPTICAL, RADAR  # noqa: E402
from _displacement import Displacement, random_waves  # noqa: E402
from _nature import fractal, leaning, raised  # noqa: E402
from _pairs import SCENARIOS, Truth, write_pair  # noqa: E402
from _places import CATALOGUE, Place, picture, places  # noqa: E402
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
    for name in ("coregistration", "campaign", "change"):
        assert f"<!-- {name} -->\n" in page
        assert f"<!-- /{name} -->" in page


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
