from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pairs import UTM, aligned, bands_of, plan_of, scene_of
from scipy import ndimage

import imagery.coregister
from imagery.blocks import Window
from imagery.coregister import Alignment, Residual, _measure
from imagery.coregister._field import FittedField
from imagery.coregister._measure import measure
from imagery.coregister._pair import MatchPair, match_pair
from imagery.env import raster_environment
from imagery.errors import AlignmentError, InputError
from imagery.options import CoregisterOptions
from imagery.record import to_json
from imagery.scene import Scene
from imagery.shift import Shift
from imagery.simulate import TexturedPair, textured_pair

ROWS = COLS = np.arange(40.0, 370, 30)


@pytest.fixture(autouse=True, scope="module")
def rasters() -> Iterator[None]:
    with raster_environment():
        yield


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., tuple[Scene, Scene]]:
    """The two scenes of a pair of images."""

    def make(before: NDArray[Any], after: NDArray[Any], **how: Any) -> tuple[Scene, Scene]:
        return scene_of(tmp_path, before, **how), scene_of(tmp_path, after, role="after", **how)

    return make


Opened = Callable[..., tuple[Scene, Scene]]


def scenes(opened: Opened, **how: Any) -> tuple[Scene, Scene]:
    made = textured_pair(**{"seed": 3, "shape": (400, 400), **how})
    return opened(made.before, made.after)


def error(found: Alignment, truth: Any) -> float:
    """The largest error over the image, px."""
    here = found.shift.on_grid(ROWS, COLS)
    expected = np.asarray(truth).reshape(2, 1, 1) if np.ndim(truth) == 1 else truth
    return float(np.hypot(*(here - expected)).max())


@pytest.mark.parametrize(
    ("shift", "how"),
    [
        ((0.37, -2.64), {}),
        ((40.3, -20.2), {"noise": 0.1}),
        ((-60.4, 60.6), {"gain": 3.0, "offset": -12.0, "bands": 3}),
    ],
    ids=["a little", "40 px", "60 px and another gain"],
)
def test_a_known_shift_is_recovered(
    opened: Opened, shift: tuple[float, float], how: dict[str, Any]
) -> None:
    found = aligned(*scenes(opened, shift=shift, **how))
    assert found.verdict == "trusted"
    assert found.moving == "after"
    assert error(found, shift) <= 0.02
    assert found.residual is not None
    assert found.initial is not None
    assert found.initial.median == pytest.approx(np.hypot(*shift), abs=0.05)
    numbers = found.record.numbers
    assert numbers["mean_shift_px"] == pytest.approx(shift, abs=0.02)
    assert numbers["residual_px"]["ce90"] == found.residual.ce90
    to_json(found.record)


def wave(rows: NDArray[Any], cols: NDArray[Any]) -> NDArray[np.float64]:
    """A smooth move of up to 1.3 px with a bend every 250 px."""
    return np.stack(
        [
            2.0 + 0.9 * np.sin(2 * np.pi * (rows + 0.4 * cols) / 500),
            -1.0 + 0.8 * np.cos(2 * np.pi * cols / 560),
        ]
    )


def displaced(image: NDArray[Any], move: Callable[..., NDArray[Any]]) -> NDArray[np.float32]:
    """The image that ``move`` brings back: after(p - move(p)) = image(p)."""
    q = np.indices(image.shape).astype(float)
    p = q + move(*q)
    for _ in range(8):
        p = q + move(*p)
    out: NDArray[np.float32] = ndimage.map_coordinates(
        image.astype(float), p, order=5, mode="nearest"
    ).astype(np.float32)
    return out


def test_a_smooth_local_field_is_recovered(opened: Opened) -> None:
    before = textured_pair(shape=(512, 512), seed=4).before[0]
    found = aligned(*opened(before, displaced(before, wave)))
    assert found.model == "local"
    truth = wave(*np.meshgrid(ROWS, COLS, indexing="ij"))
    errors = np.hypot(*(found.shift.on_grid(ROWS, COLS) - truth))
    assert np.median(errors) < 0.05
    assert errors.max() < 0.3


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_unrelated_scenes_are_refused(opened: Opened, seed: int) -> None:
    one = textured_pair(shape=(400, 400), seed=10 + seed).before
    two = textured_pair(shape=(400, 400), seed=20 + seed).before
    with pytest.raises(
        AlignmentError, match=r"agree on no common move.*of \d+ windows with texture"
    ) as caught:
        aligned(*opened(one, two))
    assert caught.value.exit_status == 4


def test_scenes_without_structure_are_not_measured(opened: Opened) -> None:
    noise = np.random.default_rng(0).normal(100, 5, (2, 1, 400, 400)).astype(np.float32)
    found = aligned(*opened(noise[0], noise[1]))
    assert found.verdict == "not measured"
    assert found.shift.zero
    assert (found.residual, found.initial, found.model, found.ties) == (None, None, "none", 0)
    assert found.error is None
    assert len(found.tie_points) == 0
    (caution,) = found.record.cautions
    assert caution.code == "alignment-not-measured"


def test_a_tiny_pair_is_not_measured(opened: Opened) -> None:
    made = textured_pair(shape=(40, 50), seed=3, shift=(0.4, 0.4))
    assert aligned(*opened(made.before, made.after)).verdict == "not measured"


def test_scenes_that_share_no_valid_pixel_are_refused(opened: Opened) -> None:
    made = textured_pair(shape=(200, 200), seed=3)
    made.before[:, :, :100] = -1
    made.after[:, :, 100:] = -1
    with pytest.raises(InputError, match="share too few valid pixels"):
        aligned(*opened(made.before, made.after, nodata=-1))


def test_identical_scenes_do_not_move(opened: Opened) -> None:
    image = textured_pair(shape=(400, 400), seed=3).before
    counts = (image * 50).astype(np.uint16)
    for one in (image, counts):
        found = aligned(*opened(one, one))
        assert (found.model, found.verdict) == ("none", "trusted")
        assert found.shift.zero
        assert found.residual is not None
        assert found.residual.ce90 < 1e-6


def test_the_finer_earlier_scene_moves_onto_the_later_one(tmp_path: Path) -> None:
    """The shift is that of the scene that moves, in pixels of the grid that stays."""
    shift = (5.3, -8.6)
    made = textured_pair(shape=(640, 640), seed=6, shift=shift)
    coarse = made.after[0].reshape(320, 2, 320, 2).mean(axis=(1, 3))
    before = scene_of(tmp_path, made.before)
    after = scene_of(tmp_path, coarse, role="after", transform=UTM * Affine.scale(2))
    found = aligned(before, after)
    # before(p) = after(p - shift), so that before must move the other way: by -shift / 2.
    assert found.moving == "before"
    expected = np.array(shift) / -2
    rows = cols = np.arange(20.0, 300, 20)
    assert np.abs(found.shift.on_grid(rows, cols) - expected.reshape(2, 1, 1)).max() <= 0.02


def test_exchanged_scenes_move_the_other_way(opened: Opened) -> None:
    made = textured_pair(seed=3, shape=(400, 400), shift=(3.4, -1.7))
    there = aligned(*opened(made.before, made.after))
    back = aligned(*opened(made.after, made.before))
    rows = cols = np.arange(40.0, 360, 40)
    total = there.shift.on_grid(rows, cols) + back.shift.on_grid(rows, cols)
    assert np.abs(total).max() < 0.02


def test_changes_and_missing_pixels_do_not_pull(opened: Opened) -> None:
    shift = (2.3, -1.6)
    made = textured_pair(seed=3, shift=shift, noise=0.1, changes=25)
    other = textured_pair(seed=77).before
    before, after = made.before.copy(), made.after.copy()
    after[:, 150:360, 180:400] = other[:, 150:360, 180:400]  # a fifth of the image is another
    before[:, :, :60] = -9999
    after[:, 470:, 100:] = -9999
    found = aligned(*opened(before, after, nodata=-9999))
    assert found.verdict == "trusted"
    assert error(found, shift) <= 0.03
    assert found.residual is not None
    assert found.residual.agreeing > 0.5


@pytest.mark.parametrize("noise", [0.2, 0.5])
def test_the_residual_is_no_smaller_than_the_error(opened: Opened, noise: float) -> None:
    shift = (1.4, 0.8)
    found = aligned(*scenes(opened, shift=shift, noise=noise))
    assert found.residual is not None
    errors = np.hypot(*(found.shift.on_grid(ROWS, COLS) - np.reshape(shift, (2, 1, 1))))
    assert found.residual.ce90 >= np.quantile(errors, 0.9)
    assert found.residual.median <= found.residual.rmse <= 2 * found.residual.ce90


@pytest.fixture
def wrong_by(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let every fit be wrong by so many rows."""

    def spoil(rows: float) -> None:
        real = imagery.coregister.fit_field

        def wrong(*args: Any, **kwargs: Any) -> FittedField:
            found = real(*args, **kwargs)
            linear = found.shift.linear.copy()
            linear[0, 0] += rows
            return replace(
                found,
                shift=replace(found.shift, linear=linear),
                predicted=found.predicted - (rows, 0.0),
            )

        monkeypatch.setattr(imagery.coregister, "fit_field", wrong)

    return spoil


@pytest.mark.parametrize(
    ("rows", "verdict", "codes"),
    [(0.3, "trusted", []), (0.8, "usable", ["alignment-usable"])],
)
def test_the_residual_is_measured_and_not_fitted(
    opened: Opened, wrong_by: Any, rows: float, verdict: str, codes: list[str]
) -> None:
    wrong_by(rows)
    found = aligned(*scenes(opened, shift=(1.0, 2.0), noise=0.1))
    assert found.residual is not None
    assert found.residual.median == pytest.approx(rows, abs=0.03)
    assert found.residual.ce90 == pytest.approx(rows, abs=0.08)
    assert found.verdict == verdict
    assert [caution.code for caution in found.record.cautions] == codes


def test_a_residual_above_the_limit_is_refused(opened: Opened, wrong_by: Any) -> None:
    wrong_by(0.8)
    options = CoregisterOptions(usable_ce90=0.6)
    with pytest.raises(AlignmentError, match=r"CE90 0\.\d+ px = 0\.\d+ m.*--usable-ce90"):
        aligned(*scenes(opened, shift=(1.0, 2.0), noise=0.1), options=options)


def test_numbers_do_not_depend_on_the_workers(opened: Opened) -> None:
    pair = scenes(opened, shift=(1.3, -2.2), noise=0.3, changes=5, shape=(400, 440))
    one, two = (aligned(*pair, workers=workers) for workers in (1, 2))
    assert to_json(one.record) == to_json(two.record)
    rows = cols = np.arange(0.0, 400, 50)
    np.testing.assert_array_equal(one.shift.on_grid(rows, cols), two.shift.on_grid(rows, cols))


@pytest.fixture
def pair(opened: Opened) -> MatchPair:
    """What is matched of two images that are 1.3 rows and -2.2 columns apart."""
    before, after = scenes(opened, shift=(1.3, -2.2), shape=(400, 440))
    with ThreadPoolExecutor(2) as executor:
        made, _ = match_pair(
            plan_of(before, after),
            {"before": before, "after": after},
            bands_of(before, after),
            executor=executor,
        )
    return made


@pytest.mark.parametrize(
    ("side", "step"), [(400, 32), (4096, 96), (10_000, 160), (20_000, 160), (60_000, 464)]
)
def test_windows_are_spread_from_edge_to_edge(pair: MatchPair, side: int, step: int) -> None:
    large = replace(pair, area=Window(10, 20, 10 + side, 20 + side + 7))
    tops, lefts = large.lattice
    assert set(np.diff(tops)) == set(np.diff(lefts)) == {step}
    for starts, first, last in ((tops, 10, 10 + side), (lefts, 20, 27 + side)):
        margins = starts[0] - first, last - (starts[-1] + large.size)
        assert 0 <= margins[0] <= margins[1] <= margins[0] + 1 <= step
    assert len(tops) * len(lefts) <= 17_000


def test_no_window_fits_a_small_area(pair: MatchPair) -> None:
    small = replace(pair, area=Window(0, 0, 60, 300))
    assert [len(starts) for starts in small.lattice] == [0, 8]


def test_only_windows_that_moved_are_matched_again(pair: MatchPair) -> None:
    still = Shift.constant(1.0, -2.0)
    # From one column to the last, 0 to 2 px more.
    turned = replace(still, linear=np.array([[1.0, 0.0, 2.0], [-2.0, 0.0, 0.0]]), scale=439.0)
    with ThreadPoolExecutor(2) as executor:
        first = measure(pair, still, search=8, executor=executor)
        asked: list[float] = []

        def noted(*given: Any, **how: Any) -> Any:
            asked.extend(given[3] + pair.size / 2)
            return match(*given, **how)

        match = _measure._matched
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_measure, "_matched", noted)
            again = measure(pair, turned, search=8, executor=executor, known=(first, still))
    assert len(again.ties) >= 0.9 * len(first.ties)
    assert 0 < len(asked) < len(first.ties)
    assert min(asked) > 439 / 2
    np.testing.assert_allclose(again.ties.shift.mean(axis=0), (1.3, -2.2), atol=0.02)


def test_inputs_are_not_needed_in_one_radiometry(opened: Opened) -> None:
    """A band that is empty, and one of another order of magnitude, have no undue say."""
    made: TexturedPair = textured_pair(shape=(400, 400), seed=3, shift=(1.2, 0.6), bands=3)
    before, after = made.before.copy(), made.after.copy()
    before[1], after[1] = 7, 7
    after[2] = after[2] * 5000 + 3e4
    assert error(aligned(*opened(before, after)), (1.2, 0.6)) <= 0.03


def test_what_a_residual_says() -> None:
    errors = np.random.default_rng(0).normal((0.2, 0), 0.3, (40_000, 2))
    found = Residual.of(errors, agreeing=0.9)
    radial = np.sort(np.hypot(errors[:, 0], errors[:, 1]))
    assert found.ce90 == pytest.approx(radial[36_000], rel=1e-3)
    assert found.median == pytest.approx(radial[20_000], rel=1e-3)
    assert found.rmse == pytest.approx(np.sqrt(2 * 0.3**2 + 0.2**2), rel=0.01)
    assert found.nmad == pytest.approx(0.3, rel=0.02)  # around the median, which is off by 0.2
    assert (found.ties, found.agreeing) == (40_000, 0.9)
