from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray
from pairs import UTM, Box, box_of, written
from pyproj import Transformer
from scipy import ndimage

import imagery.detect
from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.coregister import Alignment
from imagery.detect import VALID_BITS, ChangeMap, Progress, detect
from imagery.errors import AlignmentError, InputError, MissingInputError, UsageError
from imagery.grid import Plan
from imagery.options import (
    CoregisterOptions,
    DetectOptions,
    DifferenceOptions,
    EngineOptions,
    GridOptions,
    NormaliseOptions,
    ReadOptions,
    RegionOptions,
    SceneOptions,
    ThresholdOptions,
)
from imagery.record import sha256_of, to_json
from imagery.scene import Role, Scene
from imagery.simulate import textured_pair

SHAPE = (330, 350)
SHIFT = (1.3, -2.4)
PLANTED = (
    (slice(40, 60), slice(50, 74), 900),
    (slice(150, 162), slice(200, 240), -700),
    (slice(250, 266), slice(100, 116), 800),
)
"""Rows, columns and strength of what only the later image shows, far apart."""


def images() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Counts of 11 bits in two bands; the later ones with another gain, moved and with changes."""
    made = textured_pair(shape=SHAPE, bands=2, shift=SHIFT, seed=11, noise=0.08)
    before, after = made.before * 100, made.after * 100
    for rows, cols, strength in PLANTED:
        # What lies at p in the earlier image lies at p - shift in the later one.
        row, col = (round(s) for s in SHIFT)
        at = (
            slice(rows.start - row, rows.stop - row),
            slice(cols.start - col, cols.stop - col),
        )
        after[(slice(None), *at)] += strength
    after = 0.8 * after + 60
    before[:, 300:, :40] = 0
    after[:, 5:25, 320:345] = 0
    return tuple(image.round().clip(0, 2047).astype(np.uint16) for image in (before, after))


def run(
    folder: Path, before: NDArray[Any], after: NDArray[Any], **how: Any
) -> tuple[ChangeMap, list[Progress]]:
    folder.mkdir()
    files = [
        written(folder, name, image, nodata=0) for name, image in (("a", before), ("b", after))
    ]
    told: list[Progress] = []
    out = folder / "rasters"
    out.mkdir()
    return detect(*files, folder=out, progress=told.append, **how), told


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[ChangeMap, list[Progress]]:
    return run(tmp_path_factory.mktemp("detect") / "base", *images())


@pytest.fixture
def result(found: tuple[ChangeMap, list[Progress]]) -> ChangeMap:
    return found[0]


def pixels(path: Path) -> NDArray[Any]:
    with rasterio.open(path) as dataset:
        image: NDArray[Any] = dataset.read()
        return image


def test_planted_changes_are_found_and_nothing_else(result: ChangeMap) -> None:
    assert len(result.regions) == len(PLANTED)
    labels = pixels(result.rasters["change"])[0]
    for number, (rows, cols, strength) in enumerate(PLANTED, start=1):
        planted = np.zeros(SHAPE, bool)
        planted[rows, cols] = True
        there = labels == number
        assert (there & planted).sum() > 0.9 * planted.sum()
        assert there.sum() < 1.6 * planted.sum()
        brighter = result.regions.brighter_share[number - 1]
        assert brighter > 0.75 if strength > 0 else brighter < 0.25
    assert (result.regions.strength >= result.decision.high).all()
    assert not result.regions.at_edge.any()


def test_steps_are_found_in_the_record(result: ChangeMap) -> None:
    assert [step.step for step in result.steps] == [
        "read", "mask", "coregister", "normalise", "difference", "threshold", "decision",
        "regions", "evidence",
    ]  # fmt: skip
    read, _, align, normalise, difference, threshold, decision, regions, evidence = result.steps
    assert read.numbers["reference"] == "before"
    assert align.numbers["mean_shift_px"] == pytest.approx(SHIFT, abs=0.05)
    # The later image was 0.8 x + 60.
    gain = np.ptp(normalise.numbers["target_knots"], axis=1) / np.ptp(
        normalise.numbers["source_knots"], axis=1
    )
    np.testing.assert_allclose(gain, 1.25, rtol=0.03)
    assert difference.numbers["registration_px"] >= 0.1
    assert threshold.numbers == {"threshold": result.cut.value, "rule": "tail-fdr"}
    assert decision.numbers["high"] == result.decision.high > threshold.numbers["threshold"]
    assert decision.numbers["calibration"] == "uncalibrated"
    assert regions.numbers["regions"] == 3
    assert sum(evidence.numbers["kinds"].values()) == 3
    assert regions.numbers["least_pixels"] == 16
    to_json(result.steps)


def test_rasters_tell_one_story(result: ChangeMap) -> None:
    score, change, valid = (pixels(result.rasters[k])[0] for k in ("score", "change", "valid"))
    assert (score.dtype, change.dtype, valid.dtype) == (np.float32, np.uint32, np.uint8)
    assert set(np.unique(valid)) <= {0, 1, 2, 3, 4}
    np.testing.assert_array_equal(np.isnan(score), valid != 0)
    assert (valid[300:, :40] == 1).sum() > 0.9 * 30 * 40
    assert (valid[7:26, 319:341] == 2).mean() > 0.9
    assert (change[valid != 0] == 0).all()
    assert (score[change > 0] > result.cut.value).all()
    sizes = np.bincount(change.ravel())[1:]
    np.testing.assert_array_equal(sizes, result.regions.pixels)
    # Candidates that were not kept are smaller than the least.
    labels, count = ndimage.label(np.nan_to_num(score) > result.cut.value, np.ones((3, 3)))
    assert ((np.bincount(labels.ravel())[1:] >= 16).sum(), count >= 3) == (3, True)


def test_the_observed_share_is_that_of_the_codes(result: ChangeMap) -> None:
    valid = pixels(result.rasters["valid"])[0]
    assert result.observed.pixels == valid.size
    assert result.observed.share == pytest.approx((valid == 0).mean())
    told = result.observed.by_reason
    for code, why in VALID_BITS.items():
        if code:
            assert told.get(why, 0) == pytest.approx((valid == code).mean())


def test_rasters_lie_on_the_display_of_the_grid(result: ChangeMap) -> None:
    for name in ("score", "change", "valid"):
        with rasterio.open(result.rasters[name]) as dataset:
            assert dataset.crs.to_epsg() == 32651
            assert dataset.transform.almost_equals(UTM)
            assert dataset.shape == tuple(result.geobox.shape) == result.plan.display.shape
    shift = pixels(result.rasters["shift"])
    np.testing.assert_allclose(shift.mean(axis=(1, 2)), SHIFT, atol=0.05)
    for role in ("before", "after"):
        picture = pixels(result.rasters[f"{role}_preview"])
        assert picture.dtype == np.uint8
        assert set(np.unique(picture[-1])) == {0, 255}
    # Both pictures show the unchanged ground alike, in one stretch.
    before, after = (
        pixels(result.rasters[f"{role}_preview"]).astype(float) for role in ("before", "after")
    )
    both = (before[-1] > 0) & (after[-1] > 0)
    assert np.median(np.abs(before[0] - after[0])[both]) < 6


def test_progress_is_told_in_the_order_of_the_flow(
    found: tuple[ChangeMap, list[Progress]],
) -> None:
    told = found[1]
    assert list(dict.fromkeys(message.step for message in told)) == [
        "read", "align", "estimate", "difference", "evidence", "draw",
    ]  # fmt: skip
    tiles = [message for message in told if message.step == "difference"]
    assert [message.done for message in tiles] == list(range(1, len(tiles) + 1))
    assert {message.total for message in tiles} == {len(tiles)}


def test_workers_and_memory_decide_no_number(tmp_path: Path) -> None:
    # On a grid whose lattice of tiles meets in the middle of the images.
    grid = written(tmp_path, "grid", np.zeros((800, 800), np.uint8),
                   transform=UTM * Affine.translation(-352, -330))  # fmt: skip
    options = DetectOptions(grid=GridOptions(grid=str(grid)))
    (one, told), (two, _) = (
        run(tmp_path / name, *images(), options=options, engine_options=engine)
        for name, engine in (
            ("one", EngineOptions(workers=1, memory=64)),
            ("two", EngineOptions(workers=4)),
        )
    )
    assert max(message.total for message in told) == 4
    assert len(one.regions) == len(PLANTED)
    assert {k: sha256_of(p) for k, p in one.rasters.items()} == {
        k: sha256_of(p) for k, p in two.rasters.items()
    }
    assert to_json(one.steps) == to_json(two.steps)
    assert to_json(one.regions) == to_json(two.regions)
    assert one.evidence == two.evidence


def test_the_same_ground_in_another_projection_has_not_changed(tmp_path: Path) -> None:
    """The later image is the earlier one in UTM 52, as another program resampled it."""
    rng = np.random.default_rng(0)
    made = textured_pair(shape=(420, 420), seed=12).before * 100
    place = Affine(10, 0, 750_000, 0, -10, 4_320_000)  # 125.9 E
    west = written(tmp_path, "west", made.astype(np.float32), transform=place, nodata=-1)
    there = Transformer.from_crs("EPSG:32651", "EPSG:32652", always_xy=True)
    x, y = there.transform(750_000, 4_320_000)
    other = np.zeros((1, 420, 420), np.float32)
    moved = Affine(10, 0, round(x) + 3, 0, -10, round(y) + 4)
    with rasterio.open(west) as dataset:
        rasterio.warp.reproject(
            rasterio.band(dataset, 1), other[0], dst_crs="EPSG:32652", dst_transform=moved,
            dst_nodata=-1, resampling=rasterio.warp.Resampling.cubic_spline,
        )  # fmt: skip
    other += np.where(other > 0, rng.normal(0, 8, other.shape), 0)
    east = written(
        tmp_path, "east", other.astype(np.float32), crs="EPSG:32652", transform=moved, nodata=-1
    )
    out = tmp_path / "out"
    out.mkdir()
    found = detect(west, east, folder=out)
    assert found.plan.reasons == {"after": "EPSG:32652 against EPSG:32651"}
    shift = found.alignment.shift.on_grid(np.arange(40.0, 380, 40), np.arange(40.0, 380, 40))
    assert np.abs(shift).max() < 0.05
    assert found.alignment.verdict == "trusted"
    assert len(found.regions) == 0


def test_an_area_keeps_what_reaches_into_it(result: ChangeMap, tmp_path: Path) -> None:
    """The first change alone, cut by the area's border; the alignment is that of the whole."""
    area = Window(30, 60, 130, 160)
    extent = box_of(result.plan.geobox, area)
    found, _ = run(
        tmp_path / "x",
        *images(),
        extent=lambda before, after: extent,
        options=DetectOptions(grid=GridOptions(margin=0)),
    )
    assert found.plan.result == area
    assert found.plan.display == area.padded(64).clipped(Window(0, 0, *SHAPE))
    assert found.observed.pixels == 100 * 100
    # Each pixel scores as it did: what is estimated rests on the surroundings.
    rows, cols = found.plan.display.within(result.plan.display)
    np.testing.assert_array_equal(
        pixels(found.rasters["score"])[0], pixels(result.rasters["score"])[0][rows, cols]
    )
    assert len(found.regions) == 1
    assert found.regions.pixels[0] == result.regions.pixels[0]
    inside = pixels(found.rasters["change"])[0][30 : 30 + 100, 60 : 60 + 100]
    assert found.regions.pixels_inside[0] == (inside > 0).sum() < found.regions.pixels[0]


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_identical_scenes_give_no_region(tmp_path: Path, dtype: Any) -> None:
    image = images()[0].astype(dtype)
    found, _ = run(tmp_path / "x", image, image)
    assert len(found.regions) == 0
    assert found.alignment.shift.zero
    assert np.nanmax(pixels(found.rasters["score"])) == 0
    assert not pixels(found.rasters["change"]).any()


def test_identical_scenes_but_for_one_change(tmp_path: Path) -> None:
    image = images()[0]
    other = image.copy()
    other[:, 100:110, 100:110] += 40
    found, _ = run(tmp_path / "x", image, other)
    assert len(found.regions) == 1
    assert found.regions.pixels[0] == 100


def test_options_reach_their_steps(tmp_path: Path) -> None:
    found, _ = run(
        tmp_path / "x",
        *images(),
        options=DetectOptions(
            normalise=NormaliseOptions(normalise="monotone"),
            threshold=ThresholdOptions(threshold="7.5"),
            regions=RegionOptions(min_area=75),
        ),
    )
    numbers = {step.step: step.numbers for step in found.steps}
    assert numbers["normalise"]["method"] == "monotone"
    assert found.cut.value == 7.5
    assert numbers["regions"]["least_pixels"] == 300
    # Of 480, 480 and 256 px the third is too small; edges may take the others below too.
    assert len(found.regions) <= 2
    assert (found.regions.pixels >= 300).all()


@pytest.mark.parametrize("method", ["irmad", "pca-kmeans", "object"])
def test_every_kind_of_measure_finds_what_was_planted(tmp_path: Path, method: str) -> None:
    """One that looks at single pixels, one with a cut of its own, one that looks far around."""
    found, _ = run(
        tmp_path / "x",
        *images(),
        options=DetectOptions(difference=DifferenceOptions(method=method)),  # type: ignore[arg-type]
    )
    labels = pixels(found.rasters["change"])[0]
    top, left = found.plan.display.top, found.plan.display.left
    for rows, cols, _ in PLANTED:
        inner = labels[rows.start - top : rows.stop - top, cols.start - left : cols.stop - left]
        assert (inner > 0).mean() > 0.6
    numbers = {step.step: step.numbers for step in found.steps}["difference"]
    assert numbers["method"] == method
    assert "--method" in numbers["why"]
    assert numbers["fitted"]
    assert (found.cut.rule == "the measure's own") == (method == "pca-kmeans")


def test_radar_is_compared_by_ratios(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    ground = ndimage.gaussian_filter(rng.gamma(1, 40, (1, 300, 320)), (0, 3, 3)) + 5
    speckled = [np.sqrt(ground * rng.gamma(5, 1 / 5, ground.shape)) for _ in range(2)]
    speckled[1][:, 100:130, 150:190] *= 2.5
    found, _ = run(
        tmp_path / "x",
        *(np.clip(60 * a, 1, 60_000).astype(np.uint16) for a in speckled),
        options=DetectOptions(
            difference=DifferenceOptions(radar_units="amplitude"),
            coregister=CoregisterOptions(accept_alignment="speckle"),
        ),
    )
    numbers = {step.step: step.numbers for step in found.steps}
    assert numbers["difference"]["method"] == "energy-log-ratio"
    assert numbers["normalise"]["method"] == "none"
    labels = pixels(found.rasters["change"])[0]
    top, left = found.plan.display.top, found.plan.display.left
    assert (labels[102 - top : 128 - top, 152 - left : 188 - left] > 0).mean() > 0.95
    assert (labels > 0).sum() < 1.3 * 30 * 40


# Refusals


def refused(folder: Path, kind: type[Exception], *arrays: Any, **how: Any) -> str:
    with pytest.raises(kind) as caught:
        run(folder, *arrays, **how)
    assert [path.name for path in (folder / "rasters").iterdir()] == []
    return str(caught.value)


def test_too_little_seen_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    area = Box(UTM.c + 2, UTM.f - 160, UTM.c + 18, UTM.f - 151)  # in the missing corner
    message = refused(tmp_path / "x", InputError, *images(), extent=lambda before, after: area)
    assert "too little of the area is seen in both a.tif and b.tif" in message
    assert "% not seen in the earlier image" in message
    assert "--min-coverage" in message


def test_a_share_of_the_area_beyond_the_images_is_not_seen(tmp_path: Path) -> None:
    height, width = SHAPE[0] / 2, SHAPE[1] / 2
    area = Box(UTM.c - 3 * width, UTM.f - height, UTM.c + width, UTM.f)
    message = refused(
        tmp_path / "x",
        InputError,
        *images(),
        extent=lambda before, after: area,
        options=DetectOptions(grid=GridOptions(min_coverage=0.3)),
    )
    assert "75.0% outside the images' overlap" in message
    assert "needed: at least 30%" in message


@pytest.mark.parametrize("constant", [0, 1])
def test_a_scene_without_anything_to_see_is_refused(tmp_path: Path, constant: int) -> None:
    pair = list(images())
    pair[constant] = np.full_like(pair[constant], 77)
    message = refused(
        tmp_path / "x", InputError, *pair, options=DetectOptions(read=ReadOptions(nodata=0))
    )
    assert f"{'ab'[constant]}.tif: no band varies" in message
    assert "found: the value 77 everywhere" in message


def test_unrelated_scenes_are_refused(tmp_path: Path) -> None:
    other = (textured_pair(shape=SHAPE, bands=2, seed=99).before * 100).astype(np.uint16)
    refused(tmp_path / "x", AlignmentError, images()[0], other)


class TestAlignment:
    def test_a_refused_one_is_examined_before_it_is_raised(self, tmp_path: Path) -> None:
        seen: list[Alignment] = []
        limit = DetectOptions(coregister=CoregisterOptions(trusted_ce90=0, usable_ce90=1e-6))

        def examine(
            plan: Plan, scenes: dict[Role, Scene], bands: BandPairs, alignment: Alignment
        ) -> None:
            assert plan.moving == alignment.moving == "after"
            assert list(scenes) == ["before", "after"]
            assert len(bands.names) == 2
            seen.append(alignment)

        refused(tmp_path / "x", AlignmentError, *images(), options=limit, examine=examine)
        (alignment,) = seen
        assert alignment.verdict == "refused"
        assert len(alignment.tie_points) > 8

    def test_it_is_accepted_for_a_reason(self, tmp_path: Path) -> None:
        options = DetectOptions(
            coregister=CoregisterOptions(
                trusted_ce90=0, usable_ce90=1e-6, accept_alignment="only these two"
            )
        )
        found, _ = run(tmp_path / "x", *images(), options=options)
        assert found.alignment.verdict == "accepted"
        assert found.alignment.accepted == "only these two"
        assert "alignment-accepted" in [caution.code for caution in found.cautions]
        assert len(found.regions) == len(PLANTED)
        assert not (pixels(found.rasters["valid"]) == 4).any()

    def test_its_expected_error_is_a_raster(self, result: ChangeMap) -> None:
        error = pixels(result.rasters["shift_error"])
        shift = pixels(result.rasters["shift"])
        assert error.shape == (1, *shift.shape[1:])
        assert error.dtype == np.float32
        assert (error > 0).all()
        assert 2.146 * np.median(error) < 0.5
        with rasterio.open(result.rasters["shift_error"]) as dataset:
            assert dataset.tags()["UNIT"] == "px of the working grid"

    def test_what_was_not_measured_has_none(self, tmp_path: Path) -> None:
        small = [image[:, 50:90, 50:90] for image in images()]
        found, _ = run(tmp_path / "x", *small)
        assert found.alignment.verdict == "not measured"
        assert "shift_error" not in found.rasters
        assert not pixels(found.rasters["shift"]).any()


def test_an_earlier_scene_that_is_later_is_refused(tmp_path: Path) -> None:
    dates = DetectOptions(
        before=SceneOptions(date="2024-06-13"), after=SceneOptions(date="2024-06-06")
    )
    message = refused(tmp_path / "x", UsageError, *images(), options=dates)
    assert "a.tif (BEFORE) was acquired after b.tif (AFTER)" in message
    meant, _ = run(
        tmp_path / "y", *images(), options=replace(dates, read=ReadOptions(allow_reversed=True))
    )
    assert "order-reversed" in [caution.code for caution in meant.cautions]


def test_a_slip_in_the_threshold_is_told_before_anything_is_read(tmp_path: Path) -> None:
    options = DetectOptions(threshold=ThresholdOptions(threshold="otso"))
    with pytest.raises(UsageError, match="no such threshold rule"):
        detect(tmp_path / "a.tif", tmp_path / "b.tif", folder=tmp_path, options=options)
    with pytest.raises(MissingInputError, match=r"a\.tif: no such file"):
        detect(tmp_path / "a.tif", tmp_path / "b.tif", folder=tmp_path)


def test_the_extent_is_made_of_both_scenes(tmp_path: Path) -> None:
    seen: list[Scene] = []

    def extent(before: Scene, after: Scene) -> None:
        seen.extend((before, after))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "x", *images(), extent=extent)
    assert [scene.role for scene in seen] == ["before", "after"]


def test_an_error_in_a_tile_surfaces_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError("a tile")

    monkeypatch.setattr(imagery.scoring, "beside", fails)
    with pytest.raises(MemoryError, match="a tile"):
        run(tmp_path / "x", *images())
    assert list((tmp_path / "x" / "rasters").iterdir()) == []
