"""The decision on regions end to end: what is asked, decoys, and what is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pairs import box_of, written
from scipy import ndimage

from imagery.blocks import Window
from imagery.decision import TILE_SIDE
from imagery.decoys import whole_tiles
from imagery.detect import ChangeMap, detect
from imagery.errors import InputError, RateError, UsageError
from imagery.injected import CONTRASTS, SIZES
from imagery.masks import LeftOut
from imagery.options import (
    CoregisterOptions,
    DecisionOptions,
    DetectOptions,
    EngineOptions,
    ThresholdOptions,
)
from imagery.record import to_json
from imagery.scene import InputFile
from imagery.simulate import textured_pair

SHAPE = (540, 550)
PLANTED = tuple(
    (slice(top, top + 14), slice(left, left + 14))
    for top in range(60, 480, 96)
    for left in range(60, 480, 96)
)
"""Objects that only the later image shows, far apart."""


def pictures(*, planted: bool, seed: int = 5) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Two images of one ground that differ by noise, and by objects."""
    made = textured_pair(shape=SHAPE, bands=3, shift=(0.0, 0.0), seed=seed, noise=0.1)
    before, after = made.before * 100, made.after * 100
    if planted:
        for place in PLANTED:
            after[(slice(None), *place)] += 250
    return tuple(image.round().clip(1, 4000).astype(np.uint16) for image in (before, after))


def options_of(**asked: Any) -> DetectOptions:
    return DetectOptions(
        decision=DecisionOptions(**asked),
        coregister=CoregisterOptions(accept_alignment="made without a shift"),
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("images")
    found = {}
    for name, planted, seed in (("pair", True, 5), ("quiet", False, 6)):
        for role, image in zip(("a", "b"), pictures(planted=planted, seed=seed), strict=True):
            found[f"{name} {role}"] = written(folder, f"{name}_{role}", image, nodata=0)
    return found


def changes(
    files: dict[str, Path], folder: Path, *, pair: str = "pair", **how: Any
) -> tuple[ChangeMap, int, int]:
    """The map; how many changes lie on no planted object; and how many objects are found."""
    folder.mkdir(exist_ok=True)
    found = detect(files[f"{pair} a"], files[f"{pair} b"], folder=folder, **how)
    with rasterio.open(found.rasters["change"]) as raster:
        labels = raster.read(1)
    window = found.plan.display
    whole = np.zeros(SHAPE, np.uint32)
    whole[window.top : window.bottom, window.left : window.right] = labels
    hit = {int(n) for place in PLANTED for n in np.unique(whole[place]) if n}
    objects = sum(bool(whole[place].any()) for place in PLANTED)
    return found, len(found.regions) - len(hit), objects


def test_nothing_asked_is_uncalibrated_and_finds_what_stands_out(
    files: dict[str, Path], tmp_path: Path
) -> None:
    found, false, objects = changes(files, tmp_path, options=options_of())
    assert objects == len(PLANTED)
    assert false == 0
    assert found.decision.calibration == "uncalibrated"
    assert found.decision.asked is None
    assert found.missed is None
    assert found.rank_bounds is None
    assert found.decision.high > found.cut.value > 0
    assert "not known" in found.decision.sentences[0]


def test_a_rate_is_simulated_where_no_quiet_place_is_named(
    files: dict[str, Path], tmp_path: Path
) -> None:
    found, false, objects = changes(files, tmp_path, options=options_of(max_false_alarms="60/km2"))
    decision = found.decision
    assert decision.calibration in ("simulated", "extrapolated")
    assert objects == len(PLANTED)
    assert decision.expected_in_area is not None
    assert decision.expected_in_area == pytest.approx(
        60 * found.observed.seen * found.plan.pixel_size_m**2 / 1e6
    )
    assert false <= 3 * max(decision.expected_in_area, 1)
    assert any("does not cover moved vehicles" in line for line in decision.sentences)
    assert found.rank_bounds is not None
    assert len(found.rank_bounds) == len(found.regions)
    assert found.missed is not None
    assert found.missed.share.shape == (len(SIZES), len(CONTRASTS))
    step = next(step for step in found.steps if step.step == "decision")
    assert to_json(step.numbers)["calibration"] == decision.calibration
    assert step.numbers["missed"] is not None
    assert any(caution.code == "simulated-decoys" for caution in found.cautions)


@pytest.mark.slow
def test_a_share_of_false_changes_is_kept(files: dict[str, Path], tmp_path: Path) -> None:
    _, false, objects = changes(files, tmp_path, options=options_of(fdr=0.1))
    assert objects == len(PLANTED)
    assert false <= 0.12 * (objects + false) + 1


def test_a_quiet_pair_calibrates(files: dict[str, Path], tmp_path: Path) -> None:
    quiet = ((str(files["quiet a"]), str(files["quiet b"])),)
    found, false, objects = changes(
        files, tmp_path, options=options_of(max_false_alarms="40/km2", quiet_pair=quiet)
    )
    assert found.decision.decoys_words is not None
    assert "quiet_a" in found.decision.decoys_words
    assert found.decision.calibration in ("calibrated", "extrapolated")
    assert objects == len(PLANTED)
    assert false <= 3 * max(found.decision.expected_in_area or 0, 1)
    step = next(step for step in found.steps if step.step == "decision")
    assert step.options["quiet_pair"] == [["quiet_a.tif", "quiet_b.tif"]]
    assert str(tmp_path) not in str(to_json(found.steps))
    # What was only looked at is gone.
    assert {path.suffix for path in tmp_path.iterdir()} == {".tif"}


@pytest.mark.slow
def test_what_a_quiet_pair_shows_false_is_false_here(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """Where the quiet pair holds the same objects, they are what a decoy produces."""
    loud = ((str(files["pair a"]), str(files["pair b"])),)
    found, _, objects = changes(
        files, tmp_path, options=options_of(max_false_alarms="40/km2", quiet_pair=loud)
    )
    assert objects < len(PLANTED) / 2
    assert len(found.regions) < len(PLANTED) / 2


@pytest.mark.slow
def test_a_quiet_area_calibrates(files: dict[str, Path], tmp_path: Path) -> None:
    known, _, _ = changes(files, tmp_path / "first", options=options_of())
    area = box_of(known.plan.geobox, Window(0, 0, *SHAPE))
    left_out = LeftOut(quiet=area, files={"--quiet-area": InputFile("quiet.geojson", "", 1)})
    found, _, _ = changes(
        files,
        tmp_path / "second",
        pair="quiet",
        options=options_of(max_false_alarms="40/km2", quiet_area="quiet.geojson"),
        left_out=left_out,
    )
    assert found.decision.decoys_words is not None
    assert "quiet.geojson" in found.decision.decoys_words


def leaning(*, seed: int, event: bool) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """A bare square in a town whose roofs stand elsewhere in the later image, as views differ."""
    side, square = 1100, slice(400, 700)
    rng, town = np.random.default_rng(seed), np.random.default_rng(1)
    ground = np.full((side, side), 1000.0)
    images = [ground.copy(), ground.copy()]
    leans = rng.integers(1, 6, 2)
    for row in range(16, side - 40, 36):
        for col in range(16, side - 40, 36):
            tone, height, width = 1000 * town.uniform(0.6, 1.5), *town.integers(10, 26, 2)
            share = town.uniform(0, 1)  # of the lean: buildings differ in height
            if row + height > 380 and row < 720 and col + width > 380 and col < 720:
                continue
            for image, lean in zip(images, ((0, 0), leans), strict=True):
                top, left = (int(at + share * by) for at, by in zip((row, col), lean, strict=True))
                image[top : top + height, left : left + width] = tone
    if event:
        images[1][500:540, 520:580] *= 1.25
    assert (images[0][square, square] == 1000).all()
    blurred = (ndimage.gaussian_filter(image, 0.7) for image in images)
    noisy = ((image + rng.normal(0, 12, (2, side, side))).round() for image in blurred)
    before, after = (image.clip(1, 60_000).astype(np.uint16) for image in noisy)
    return before, after


@pytest.mark.slow
def test_leaning_roofs_don_t_hide_what_is_new_on_the_square(tmp_path: Path) -> None:
    made = {
        name: [
            written(tmp_path, f"{name}_{role}", image, nodata=0)
            for role, image in zip("ab", leaning(seed=seed, event=name == "event"), strict=True)
        ]
        for name, seed in (("event", 1), ("held", 2), ("one", 3), ("two", 4))
    }
    quiet = tuple((str(made[name][0]), str(made[name][1])) for name in ("one", "two"))
    found = {}
    for name in ("event", "held"):
        folder = tmp_path / name
        folder.mkdir()
        found[name] = detect(
            *made[name],
            folder=folder,
            options=options_of(max_false_alarms="10/km2", quiet_pair=quiet),
        )
    labels = []
    for one in found.values():
        with rasterio.open(one.rasters["change"]) as raster:
            top, left = one.plan.display.top, one.plan.display.left
            whole = np.zeros((1100, 1100), np.uint32)
            data = raster.read(1)
            whole[top : top + data.shape[0], left : left + data.shape[1]] = data
            labels.append(whole)
    assert labels[0][505:535, 525:575].all()
    decision = found["event"].decision
    assert decision.reach.times[-1] > 3
    assert decision.decoys_words is not None
    assert "1: one_a" in decision.decoys_words
    assert "2: two_a" in decision.decoys_words
    expected = found["held"].decision.expected_in_area
    assert expected is not None
    assert len(found["held"].regions) <= 2 * expected + 3
    assert not labels[1][410:690, 410:690].any()


def test_a_simulation_that_could_never_show_a_rate_is_not_begun(
    files: dict[str, Path], tmp_path: Path
) -> None:
    told: list[str] = []
    with pytest.raises(RateError, match="smallest rate"):
        changes(
            files,
            tmp_path,
            options=options_of(max_false_alarms="0.0001/km2"),
            progress=lambda progress: told.append(progress.step),
        )
    assert "decoys" not in told


def test_an_impossible_rate_is_refused_with_what_is_missing(
    files: dict[str, Path], tmp_path: Path
) -> None:
    quiet = ((str(files["quiet a"]), str(files["quiet b"])),)
    with pytest.raises(RateError, match="km²") as caught:
        changes(files, tmp_path, options=options_of(max_false_alarms="0.01/km2", quiet_pair=quiet))
    assert caught.value.exit_status == 6
    assert not list(tmp_path.glob("change.tif"))


@pytest.mark.slow
def test_workers_change_nothing(files: dict[str, Path], tmp_path: Path) -> None:
    asked = options_of(max_false_alarms="100/km2")
    one, two = (
        changes(files, tmp_path / str(n), options=asked, engine_options=EngineOptions(workers=n))[0]
        for n in (1, 2)
    )
    assert one.decision.high == two.decision.high
    np.testing.assert_array_equal(one.regions.strength, two.regions.strength)


def test_a_rule_that_is_named_keeps_every_region(files: dict[str, Path], tmp_path: Path) -> None:
    named = replace(options_of(), threshold=ThresholdOptions(threshold="null"))
    found, _, objects = changes(files, tmp_path, options=named)
    assert found.decision.high == 0
    assert objects == len(PLANTED)
    assert "null" in found.decision.sentences[0]


def test_asks_exclude_each_other(files: dict[str, Path], tmp_path: Path) -> None:
    both = replace(options_of(fdr=0.1), threshold=ThresholdOptions(threshold="otsu"))
    with pytest.raises(UsageError, match="--fdr and --threshold"):
        changes(files, tmp_path, options=both)


def test_quiet_pairs_and_areas_exclude_each_other(files: dict[str, Path], tmp_path: Path) -> None:
    both = options_of(quiet_pair=(("a.tif", "b.tif"),), quiet_area="c.geojson")
    with pytest.raises(UsageError, match="--quiet-pair and --quiet-area"):
        changes(files, tmp_path, options=both)


def test_a_quiet_pair_that_is_of_another_place_is_named(
    files: dict[str, Path], tmp_path: Path
) -> None:
    quiet = ((str(files["quiet a"]), str(tmp_path / "nowhere.tif")),)
    with pytest.raises(InputError, match="a quiet pair can't be used"):
        changes(files, tmp_path, options=options_of(max_false_alarms="9/km2", quiet_pair=quiet))


def test_windows_of_whole_tiles() -> None:
    side = TILE_SIDE
    assert whole_tiles(Window(1, -1, 3 * side + 5, side)) == Window(side, 0, 3 * side, side)
    assert whole_tiles(Window(10, 10, 100, 100)).empty


def test_options_of_files_are_read_strictly() -> None:
    asked = DecisionOptions.from_mapping({"quiet_pair": [["a.tif", "b.tif"]]})
    assert asked.quiet_pair == (("a.tif", "b.tif"),)
    assert not asked.asks
