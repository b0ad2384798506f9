from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pairs import bands_of, box_of, plan_of, scene_of

from imagery.blocks import Window, tiles_over
from imagery.coregister import Alignment, Residual
from imagery.difference import METHODS, Noise
from imagery.normalise import Radiometry
from imagery.options import DetectOptions, DifferenceOptions, RegionOptions
from imagery.record import StepRecord
from imagery.sampling import PairReader, Sample
from imagery.scene import Scene
from imagery.scoring import Measure, _score_tile, fit_measure, least_pixels
from imagery.shift import Shift

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


def reader(before: Scene, after: Scene, *, smoothing: float, shift: Shift) -> PairReader:
    plan, bands = plan_of(before, after), bands_of(before, after)
    return PairReader(
        before=before,
        after=after,
        before_bands=bands.before,
        after_bands=bands.after,
        grid=plan.geobox,
        moving=plan.moving,
        shift=shift,
        smoothing=smoothing,
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("smoothing", [0.0, 1.1])
@pytest.mark.parametrize("shift", [Shift.constant(0, 0), Shift.constant(0.4, -1.7)])
def test_tiles_of_the_map_are_those_of_the_whole(
    scenes: tuple[Scene, Scene], method: str, smoothing: float, shift: Shift
) -> None:
    pair = reader(*scenes, smoothing=smoothing, shift=shift)
    noise = Noise(mean=np.ones(2), covariance=np.diag([9.0, 16.0]), registration=0.3)
    measure = Measure(method=method, radiometry=LINE, noise=noise)
    window = Window(-3, -2, 93, 100)
    area = box_of(pair.grid, Window(10, 20, 60, 70))
    whole, codes = _score_tile(pair, measure, area, window)
    assert set(np.unique(codes)) == {0, 1, 2, 3}
    for tile in tiles_over(window, size=31):
        at = tile.within(window)
        part, code = _score_tile(pair, measure, area, tile)
        assert part.window == tile
        np.testing.assert_array_equal(code, codes[at])
        for name in ("seen", "beside_unseen", "inside"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[at])
        for name in ("score", "signed"):
            here = getattr(part, name)[part.seen]
            np.testing.assert_allclose(here, getattr(whole, name)[at][part.seen], atol=1e-4)


def test_codes_tell_which_scene_did_not_show_a_pixel(scenes: tuple[Scene, Scene]) -> None:
    pair = reader(*scenes, smoothing=0, shift=Shift.constant(0, 0))
    noise = Noise(mean=np.zeros(2), covariance=np.eye(2), registration=0)
    measure = Measure(method="cva", radiometry=LINE, noise=noise)
    tile, codes = _score_tile(pair, measure, None, Window(0, 0, 90, 100))
    expected = np.zeros((90, 100), np.uint8)
    expected[30:50, 40:60] = 1
    expected[66, 66] = 2
    expected[:, 95:] = 2
    np.testing.assert_array_equal(codes, expected)
    np.testing.assert_array_equal(tile.seen, expected == 0)
    assert tile.beside_unseen[65:68, 65:68].all()
    assert not tile.beside_unseen[60:64, 62:90].any()
    assert tile.inside.all()


def sample_of(change: NDArray[Any]) -> Sample:
    before = np.random.default_rng(1).normal(100, 30, change.shape).astype(np.float32)
    return Sample(
        before=before,
        after=((before + change - 10) / 1.5).astype(np.float32),
        gradient=np.zeros((2, *change.shape), np.float32),
        seen=change.shape[1],
        total=change.shape[1],
    )


def alignment(median: float | None) -> Alignment:
    residual = None
    if median is not None:
        residual = Residual(
            ce90=2 * median, median=median, rmse=median, nmad=median, ties=50, agreeing=1.0
        )
    return Alignment(
        shift=Shift.constant(0, 0),
        moving="after",
        verdict="trusted" if residual else "not measured",
        residual=residual,
        initial=residual,
        ties=50,
        model="none",
        record=StepRecord(step="coregister"),
    )


@pytest.mark.parametrize(
    ("median", "expected"), [(None, 0.5), (0.01, 0.1), (0.3532, 0.3), (1.1774, 1.0)]
)
def test_the_misregistration_along_an_axis_is_that_of_the_residual(
    scenes: tuple[Scene, Scene], median: float | None, expected: float
) -> None:
    change = np.random.default_rng(0).normal(3, 2, (2, 5000))
    fitted = fit_measure(
        sample_of(change),
        LINE,
        alignment(median),
        {"before": scenes[0], "after": scenes[1]},
        bands_of(*scenes),
        options=DifferenceOptions(),
    )
    assert fitted.noise.registration == pytest.approx(expected, abs=1e-4)
    np.testing.assert_allclose(fitted.noise.mean, 3, atol=0.2)
    # Variance 4 and that of rounding: a count of the one, and of the other 1.5 counts.
    np.testing.assert_allclose(np.diag(fitted.noise.covariance), 4 + (1 + 1.5**2) / 12, rtol=0.08)


def test_floats_are_not_rounded(scenes: tuple[Scene, Scene]) -> None:
    floats = [replace(scene, dtype="float32") for scene in scenes]
    fitted = fit_measure(
        sample_of(np.zeros((2, 5000))),
        replace(LINE, target=np.array([[0.0, 100.0]] * 2)),
        alignment(0.1),
        {"before": floats[0], "after": floats[1]},
        bands_of(*scenes),
        options=DifferenceOptions(method="difference"),
    )
    assert fitted.method == "difference"
    same = np.zeros((2, 3, 3), np.float32)
    found = fitted.score(same, same, np.zeros((2, 2, 3, 3), np.float32))
    assert np.isfinite(found.score).all()


@pytest.mark.parametrize(
    ("min_area", "pixels"), [(None, 16), (0, 1), (0.1, 1), (4.0, 16), (100, 400)]
)
def test_the_least_region_is_in_square_metres(
    scenes: tuple[Scene, Scene], min_area: float | None, pixels: int
) -> None:
    plan = plan_of(*scenes)
    options = DetectOptions(regions=RegionOptions(min_area=min_area))
    assert least_pixels(plan, options) == pytest.approx(pixels, abs=1)
