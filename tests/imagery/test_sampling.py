from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pairs import plan_of, scene_of
from scipy import ndimage

import imagery.sampling
from imagery.blocks import Window, tiles_over
from imagery.errors import InputError
from imagery.sampling import PairReader, Sample, gradients, sample_pair, smooth
from imagery.scene import Scene
from imagery.shift import Shift
from imagery.shift_error import ShiftError

pytestmark = pytest.mark.usefixtures("environment")


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(100, 20, shape).astype(np.float32)


def pair(before: Scene, after: Scene, *, smoothing: float = 0.0, **how: Any) -> PairReader:
    bands = tuple(band.index for band in before.bands)
    plan = plan_of(before, after)
    return PairReader(
        before=before,
        after=after,
        before_bands=bands,
        after_bands=bands,
        grid=plan.geobox,
        moving=plan.moving,
        shift=how.get("shift", Shift.constant(0, 0)),
        error=ShiftError.constant(0.3),
        largest_error=np.inf,
        smoothing=smoothing,
    )


def drawn(before: Scene, after: Scene, **how: Any) -> Sample:
    with ThreadPoolExecutor(2) as executor:
        return sample_pair(plan_of(before, after), pair(before, after, **how), executor=executor)


# Gradients


def test_gradients_are_central_differences() -> None:
    image = noise(2, 30, 40)
    found = gradients(image, np.ones((30, 40), bool))
    for axis in (0, 1):
        np.testing.assert_allclose(found[axis], np.gradient(image, axis=axis + 1), atol=2e-5)


def test_gradients_of_a_ramp_are_the_ramps_rows_first_even_beside_missing_pixels() -> None:
    row, col = np.indices((20, 25))
    image = (3 * row - 2 * col + 50)[None].astype(np.float32)
    valid = np.ones((20, 25), bool)
    valid[5:9, 6:11] = valid[0, 0] = valid[10:, 24] = False
    image[:, ~valid] = 60_000
    image.setflags(write=False)
    found = gradients(image, valid)
    np.testing.assert_allclose(found[0][0][valid], 3, atol=1e-5)
    np.testing.assert_allclose(found[1][0][valid], -2, atol=1e-5)


def test_a_pixel_without_valid_neighbours_has_no_gradient() -> None:
    image = np.array([[[5.0, 90, 7]]], np.float32)
    assert not gradients(image, np.array([[True, False, True]])).any()
    assert gradients(image[:, :, :1], np.ones((1, 1), bool)).shape == (2, 1, 1, 1)


# Smoothing


def test_smoothing_is_gaussian_and_takes_valid_pixels_alone() -> None:
    image = noise(1, 60, 60)
    whole = smooth(image, np.ones((60, 60), bool), sigma=1.5)
    np.testing.assert_allclose(whole[0], ndimage.gaussian_filter(image[0], 1.5, mode="nearest"))
    valid = np.random.default_rng(1).random((60, 60)) > 0.2
    flat = np.full((1, 60, 60), 7, np.float32)
    flat[:, ~valid] = 1e6
    found = smooth(flat, valid, sigma=1.5)
    np.testing.assert_allclose(found[0][valid], 7, rtol=1e-5)
    assert not found[0][~valid].any()


@pytest.mark.parametrize("smoothing", [0.0, 0.6, 2.3])
@pytest.mark.parametrize("shift", [Shift.constant(0, 0), Shift.constant(0.3, -1.2)])
def test_tiles_of_a_pair_are_those_of_the_whole(
    tmp_path: Path, smoothing: float, shift: Shift
) -> None:
    image = np.random.default_rng(4).integers(50, 150, (2, 2, 90, 100)).astype(np.uint16)
    image[:, :, 30:50, 40:60] = 0
    before = scene_of(tmp_path, image[0], nodata=0)
    after = scene_of(tmp_path, image[1], role="after", nodata=0)
    reader = pair(before, after, smoothing=smoothing, shift=shift)
    window = Window(-3, -5, 95, 100)
    whole = reader.read(window)
    at_whole = window.within(window.padded(reader.halo))
    for tile in tiles_over(window, size=33):
        for one, two in zip(reader.read(tile), whole, strict=True):
            at = tile.within(tile.padded(reader.halo))
            there = tuple(
                slice(a.start + b.start, a.start + b.stop)
                for a, b in zip(at_whole, tile.within(window), strict=True)
            )
            np.testing.assert_array_equal(one.valid[at], two.valid[there])
            part, same = one.data[(slice(None), *at)], two.data[(slice(None), *there)]
            valid = one.valid[at]
            np.testing.assert_allclose(part[:, valid], same[:, valid], rtol=1e-5)


# The sample


def test_a_small_pair_is_sampled_whole(tmp_path: Path) -> None:
    before = scene_of(tmp_path, noise(2, 40, 50))
    after = scene_of(tmp_path, noise(2, 40, 50, seed=1), role="after")
    found = drawn(before, after)
    assert (found.seen, found.total) == (2000, 2000)
    np.testing.assert_array_equal(found.before, noise(2, 40, 50).reshape(2, -1))
    np.testing.assert_array_equal(found.after, noise(2, 40, 50, seed=1).reshape(2, -1))
    slopes = gradients(noise(2, 40, 50, seed=1), np.ones((40, 50), bool))
    np.testing.assert_allclose(found.spill, 0.3 * slopes.reshape(2, 2, -1), atol=1e-5)


def test_a_sample_takes_pixels_seen_in_both(tmp_path: Path) -> None:
    one, two = noise(1, 60, 60), noise(1, 60, 60, seed=1)
    one[:, :20], two[:, :, :20] = -1, -1
    found = drawn(
        scene_of(tmp_path, one, nodata=-1), scene_of(tmp_path, two, role="after", nodata=-1)
    )
    assert (found.seen, found.total) == (1600, 3600)
    np.testing.assert_array_equal(found.before, one[:, 20:, 20:].reshape(1, -1))
    assert np.abs(found.spill).max() < 36


def test_a_large_sample_is_thinned_by_place_and_not_by_tiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scene_of(tmp_path, noise(1, 600, 700))
    after = scene_of(tmp_path, noise(1, 600, 700, seed=1), role="after")
    monkeypatch.setattr(imagery.sampling, "MAX_PIXELS", 20_000)
    found = drawn(before, after)
    assert found.before.shape[1] == pytest.approx(20_000, rel=0.05)
    again = drawn(before, after)
    np.testing.assert_array_equal(found.before, again.before)
    rows, cols = np.nonzero(imagery.sampling._hashed(Window(0, 0, 600, 700), 21))
    # Neither rows, columns nor quarters of the image are preferred.
    for place, size in ((rows, 600), (cols, 700)):
        counts = np.histogram(place, 10, (0, size))[0]
        assert counts.std() < 3 * np.sqrt(counts.mean())


def test_a_place_is_taken_or_not_whatever_the_window() -> None:
    whole = imagery.sampling._hashed(Window(-50, -60, 100, 120), 7)
    part = imagery.sampling._hashed(Window(-20, 10, 30, 40), 7)
    np.testing.assert_array_equal(part, whole[30:80, 70:100])
    assert 0.12 < whole.mean() < 0.17


def test_too_few_pixels_in_common_are_refused(tmp_path: Path) -> None:
    one, two = noise(1, 60, 60), noise(1, 60, 60, seed=1)
    one[:, 2:] = -1
    before = scene_of(tmp_path, one, nodata=-1)
    after = scene_of(tmp_path, two, role="after", nodata=-1)
    with pytest.raises(InputError, match=r"found: 120 pixels seen in both, of 3600.*--nodata"):
        drawn(before, after)


# Whole windows


def test_windows_are_sampled_where_a_measure_looks_around(tmp_path: Path) -> None:
    before = scene_of(tmp_path, noise(2, 90, 100))
    after = scene_of(tmp_path, noise(2, 90, 100, seed=1), role="after")
    assert drawn(before, after).windows == ()
    with ThreadPoolExecutor(2) as executor:
        reader = replace(pair(before, after), reach=3)
        found = sample_pair(plan_of(before, after), reader, executor=executor)
    (window,) = found.windows
    assert reader.halo == pair(before, after).halo + 3
    assert window.seen.sum() == found.seen
    np.testing.assert_array_equal(window.before[:, window.seen], found.before)
    np.testing.assert_array_equal(window.spill[:, :, window.seen], found.spill)


def test_windows_of_a_large_pair_are_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagery.sampling.MAX_AROUND", 8000)
    before = scene_of(tmp_path, noise(1, 600, 700))
    after = scene_of(tmp_path, noise(1, 600, 700, seed=1), role="after")
    with ThreadPoolExecutor(2) as executor:
        reader = replace(pair(before, after), reach=1)
        found = sample_pair(plan_of(before, after), reader, executor=executor).windows
    assert len(found) == 4
    assert sum(window.seen.size for window in found) <= 8000
    # Each in the middle of its tile, and told where it lies.
    assert [(w.top, w.left) for w in found] == [(234, 234), (234, 584), (534, 234), (534, 584)]
