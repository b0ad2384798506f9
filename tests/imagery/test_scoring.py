from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pairs import alignment_of, bands_of, box_of, plan_of, scene_of

from imagery.blocks import Window, tiles_over
from imagery.difference import METHODS, Choice, Noise
from imagery.measure import (
    Measure,
    expected_misregistration,
    fit_measure,
    largest_misregistration,
    normalised,
)
from imagery.normalise import Radiometry
from imagery.options import DetectOptions, DifferenceOptions, RegionOptions
from imagery.sampling import PairReader, Sample, read_pair
from imagery.scene import Scene
from imagery.scoring import least_pixels, score_tile
from imagery.shift import Shift
from imagery.shift_error import ShiftError

pytestmark = pytest.mark.usefixtures("environment")

LINE = Radiometry(
    source=np.array([[0.0, 100.0]] * 2),
    target=np.array([[10.0, 160.0]] * 2),
    method="fixed",
    residual=(1.0, 1.0),
    core_share=1.0,
    correlation=(1.0, 1.0),
)


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Scene, Scene]:
    """Noise with holes."""
    image = np.random.default_rng(4).integers(50, 150, (2, 2, 90, 100)).astype(np.uint16)
    image[0, :, 30:50, 40:60] = image[1, :, 66, 66] = image[1, :, :, 95:] = 0
    before = scene_of(tmp_path, image[0], nodata=0)
    return before, scene_of(tmp_path, image[1], role="after", nodata=0)


def reader(
    before: Scene,
    after: Scene,
    *,
    smoothing: float,
    shift: Shift,
    largest_error: float = np.inf,
    reach: int = 0,
) -> PairReader:
    plan, bands = plan_of(before, after), bands_of(before, after)
    return PairReader(
        before=before,
        after=after,
        before_bands=bands.before,
        after_bands=bands.after,
        grid=plan.geobox,
        moving=plan.moving,
        shift=shift,
        error=ShiftError.constant(0.3),
        largest_error=largest_error,
        smoothing=smoothing,
        reach=reach,
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("smoothing", [0.0, 1.1])
@pytest.mark.parametrize("shift", [Shift.constant(0, 0), Shift.constant(0.4, -1.7)])
def test_tiles_of_the_map_are_those_of_the_whole(
    scenes: tuple[Scene, Scene], method: str, smoothing: float, shift: Shift
) -> None:
    pair = reader(*scenes, smoothing=smoothing, shift=shift, reach=METHODS[method].halo)
    noise = Noise(mean=np.ones(2), covariance=np.diag([9.0, 16.0]))
    window = Window(-3, -2, 93, 100)
    fitted = METHODS[method].fit(
        [normalised(read_pair(pair, window), LINE)],
        noise,
        DifferenceOptions(method=method, radar_units="amplitude"),  # type: ignore[arg-type]
    )
    measure = Measure(method=method, radiometry=LINE, noise=noise, fitted=fitted)
    area = box_of(pair.grid, Window(10, 20, 60, 70))
    whole, codes = score_tile(pair, measure, area, window, threshold=1)
    assert set(np.unique(codes.valid)) == {0, 1, 2, 3}
    assert whole.candidate.any()
    assert not (whole.candidate & ~(whole.seen & (whole.score > 1))).any()
    for tile in tiles_over(window, size=31):
        at = tile.within(window)
        part, code = score_tile(pair, measure, area, tile, threshold=1)
        assert part.window == tile
        np.testing.assert_array_equal(code.valid, codes.valid[at])
        for name in ("seen", "candidate", "beside_unseen", "inside"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[at])
        for name in ("score", "signed"):
            here = getattr(part, name)[part.seen]
            np.testing.assert_allclose(here, getattr(whole, name)[at][part.seen], atol=2e-4)


def test_codes_tell_which_scene_did_not_show_a_pixel(scenes: tuple[Scene, Scene]) -> None:
    pair = reader(*scenes, smoothing=0, shift=Shift.constant(0, 0))
    noise = Noise(mean=np.zeros(2), covariance=np.eye(2))
    measure = Measure(method="cva", radiometry=LINE, noise=noise)
    tile, codes = score_tile(pair, measure, None, Window(0, 0, 90, 100), threshold=6)
    expected = np.zeros((90, 100), np.uint8)
    expected[30:50, 40:60] = 1
    expected[66, 66] = 2
    expected[:, 95:] = 2
    np.testing.assert_array_equal(codes.valid, expected)
    np.testing.assert_array_equal(tile.seen, expected == 0)
    assert tile.beside_unseen[65:68, 65:68].all()
    assert not tile.beside_unseen[60:64, 62:90].any()
    assert tile.inside.all()


def sample_of(change: NDArray[Any]) -> Sample:
    before = np.random.default_rng(1).normal(100, 30, change.shape).astype(np.float32)
    return Sample(
        before=before,
        after=((before + change - 10) / 1.5).astype(np.float32),
        spill=np.zeros((2, *change.shape), np.float32),
        seen=change.shape[1],
        total=change.shape[1],
    )


@pytest.mark.parametrize(("sigma", "expected"), [(None, 0.5), (0.0, 0.1), (0.3, 0.3162)])
def test_the_misregistration_is_that_of_the_alignment_and_no_less_than_a_tenth(
    sigma: float | None, expected: float
) -> None:
    error = None if sigma is None else ShiftError.constant(sigma)
    found = expected_misregistration(alignment_of(error=error))
    assert found.values.max() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [("trusted", 0.937), ("usable", 0.937), ("accepted", np.inf), ("not measured", np.inf)],
)
def test_only_the_user_lets_badly_aligned_places_count(verdict: Any, expected: float) -> None:
    found = largest_misregistration(alignment_of(verdict=verdict), usable_ce90=2.0)
    assert found == pytest.approx(expected, abs=1e-3)


def test_badly_aligned_places_are_not_observed(scenes: tuple[Scene, Scene]) -> None:
    error = ShiftError(
        rows=np.array([0.0, 89.0]), cols=np.array([0.0]), values=np.array([[0.0], [2.0]])
    )
    pair = replace(
        reader(*scenes, smoothing=0, shift=Shift.constant(0, 0), largest_error=1.0), error=error
    )
    noise = Noise(mean=np.zeros(2), covariance=np.eye(2))
    measure = Measure(method="cva", radiometry=LINE, noise=noise)
    tile, codes = score_tile(pair, measure, None, Window(0, 0, 90, 90), threshold=6)
    assert not (codes.valid[:44] == 4).any()
    assert (codes.valid[46:66, 60:] == 4).all()
    assert codes.valid[46:50, 40:60].max() == 1  # that it wasn't seen comes first
    assert not tile.seen[46:].any()


def test_the_noise_is_that_of_the_sample(scenes: tuple[Scene, Scene]) -> None:
    change = np.random.default_rng(0).normal(3, 2, (2, 5000))
    fitted = fit_measure(
        sample_of(change),
        LINE,
        {"before": scenes[0], "after": scenes[1]},
        bands_of(*scenes),
        choice=Choice("cva", DifferenceOptions(), "asked for"),
    )
    np.testing.assert_allclose(fitted.noise.mean, 3, atol=0.2)
    # Variance 4 and that of rounding: a count of the one, and of the other 1.5 counts.
    np.testing.assert_allclose(np.diag(fitted.noise.covariance), 4 + (1 + 1.5**2) / 12, rtol=0.08)


def test_floats_are_not_rounded(scenes: tuple[Scene, Scene]) -> None:
    floats = [replace(scene, dtype="float32") for scene in scenes]
    fitted = fit_measure(
        sample_of(np.zeros((2, 5000))),
        replace(LINE, target=np.array([[0.0, 100.0]] * 2)),
        {"before": floats[0], "after": floats[1]},
        bands_of(*scenes),
        choice=Choice("difference", DifferenceOptions(), "asked for"),
    )
    assert fitted.method == "difference"
    assert fitted.why == "asked for"
    found = fitted.score_sample(sample_of(np.zeros((2, 50))))
    assert found.shape == (50,)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("min_area", "pixels"), [(None, 16), (0, 1), (0.1, 1), (4.0, 16), (100, 400)]
)
def test_the_least_region_is_in_square_metres(
    scenes: tuple[Scene, Scene], min_area: float | None, pixels: int
) -> None:
    plan = plan_of(*scenes)
    options = DetectOptions(regions=RegionOptions(min_area=min_area))
    assert least_pixels(plan, options) == pytest.approx(pixels, abs=1)
