from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pairs import bands_of, plan_of, scene_of
from scipy import ndimage

from imagery.blocks import Window, tiles_over
from imagery.blockwise import engine
from imagery.errors import InputError, UsageError
from imagery.injected import CONTRASTS, SIZES, Missed, _covers, _rising, completeness
from imagery.options import EngineOptions
from imagery.sampling import Pair, PairReader
from imagery.shift import Shift
from imagery.shift_error import ShiftError

pytestmark = pytest.mark.usefixtures("environment")

WINDOW = Window(0, 0, 448, 448)


@pytest.fixture
def flat(tmp_path: Path) -> PairReader:
    """Nothing but 100 and 200, in both images."""
    image = np.full((2, 448, 448), 100, np.float32)
    image[1] = 200
    scenes = scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
    bands = bands_of(*scenes)
    return PairReader(
        before=scenes[0],
        after=scenes[1],
        before_bands=bands.before,
        after_bands=bands.after,
        grid=plan_of(*scenes).geobox,
        moving="after",
        shift=Shift.constant(0, 0),
        error=ShiftError.constant(0.1),
        largest_error=np.inf,
        smoothing=0.0,
    )


def above(level: float, *, least: int = 1) -> Callable[..., NDArray[np.bool_]]:
    """A decision: regions of so many pixels whose second band differs by more than a level."""

    def found(pair: Pair) -> Any:
        labels, _ = ndimage.label(
            pair.seen & (np.abs(pair.after[1] - pair.before[1]) > level), np.ones((3, 3))
        )
        return (np.bincount(labels.ravel()) >= least)[labels] & (labels > 0)

    return found


def missed(pair: PairReader, **how: Any) -> Missed:
    known: dict[str, Any] = {"found": above(1.0), "pixel_size_m": 0.5}
    windows = how.pop("windows", [WINDOW])
    with engine(EngineOptions(workers=2)) as executor:
        return completeness(pair, windows, executor=executor, **(known | how))


def test_covers_are_exact() -> None:
    rng = np.random.default_rng(0)
    sides = np.repeat([1.0, 2.0, 7.0, 20.0], 50)
    cover = _covers(sides, 0.6, rng)
    assert cover.shape == (200, 32, 32)
    # A blur moves what a square covers, and loses none.
    np.testing.assert_allclose(cover.sum(axis=(1, 2)), sides**2, rtol=1e-6)
    assert cover.min() > -1e-9
    assert cover.max() < 1 + 1e-9
    np.testing.assert_allclose(cover[sides == 20][:, 15:17, 15:17], 1)
    # Second moment about the middle: a square's, a pixel's and the blur's.
    at = np.arange(32)
    weight = cover.sum(axis=2) / sides[:, None] ** 2
    middle = (weight * at).sum(axis=1)
    variance = (weight * at**2).sum(axis=1) - middle**2
    np.testing.assert_allclose(variance, sides**2 / 12 + 1 / 12 + 0.36, rtol=1e-3)
    assert np.ptp(middle) > 0.9  # objects lie anywhere in their pixel


def test_large_squares_are_found_from_the_contrast_that_the_decision_sees(flat: PairReader) -> None:
    # 25 of 200 is 12.5 %: squares of 10 % are never found, those of 15 % always.
    found = missed(flat, found=above(25.0))
    np.testing.assert_array_equal(found.share[-1], [0, 0, 1, 1, 1, 1])
    assert found.faintest is not None
    assert 0.1 < found.faintest < 0.15
    assert found.tried.min() >= 60


def test_small_squares_are_lost_in_their_pixels(flat: PairReader) -> None:
    # A square of 1 px that fills its pixel leaves 29 % of its contrast there; between four, 19 %.
    found = missed(flat, found=above(20.0))
    assert found.share[0, CONTRASTS.index(0.3)] == 0
    assert found.share[0, CONTRASTS.index(0.6)] == 1
    assert found.smallest_m is not None
    assert 0.5 < found.smallest_m < 1.0  # between one and two pixels of half a metre


def test_regions_must_be_as_large_as_the_decision_wants(flat: PairReader) -> None:
    found = missed(flat, found=above(10.0, least=16))
    assert not found.share[: SIZES.index(3)].any()
    assert found.share[SIZES.index(6) :, CONTRASTS.index(0.3)].min() == 1


def test_completeness_rises_with_size_and_contrast(flat: PairReader, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(200, 12, (2, 448, 448)).astype(np.float32)
    noisy = replace(flat, after=scene_of(tmp_path, image, role="after"))
    found = missed(noisy, found=above(60.0))
    assert (np.diff(found.share, axis=0) >= 0).all()
    assert (np.diff(found.share, axis=1) >= 0).all()
    assert found.share[0, 0] < 0.1
    assert found.share[-1, -1] == 1


def test_half_of_the_objects_are_darker(flat: PairReader) -> None:
    def brighter(pair: Pair) -> Any:
        return pair.after[0] - pair.before[0] > 1

    found = missed(flat, found=brighter)
    assert found.share[-1, 1:].mean() == pytest.approx(0.5, abs=0.1)
    assert found.faintest is None


def test_the_slope_of_an_object_is_told_to_the_decision(flat: PairReader) -> None:
    def steep(pair: Pair) -> Any:
        return np.abs(pair.spill).max(axis=(0, 1)) > 1

    assert missed(flat, found=steep).share[-1, -1] == 1


def test_tables_depend_on_the_seed_alone(flat: PairReader) -> None:
    found = above(25.0)
    windows = list(tiles_over(WINDOW, size=224))
    one, two = (missed(flat, found=found, windows=windows).share for _ in range(2))
    np.testing.assert_array_equal(one, two)
    other = missed(flat, found=above(30.0), seed=1).share
    assert not np.array_equal(other, missed(flat, found=above(30.0)).share)


def test_objects_go_where_nothing_was_found(flat: PairReader) -> None:
    def left(pair: Pair) -> Any:
        half = np.zeros(pair.seen.shape, bool)
        half[:, : half.shape[1] // 2] = True
        return half | (np.abs(pair.after[1] - pair.before[1]) > 1)

    assert missed(flat, found=left).share[-1, -1] == 1
    with pytest.raises(InputError, match="too few unchanged places"):
        missed(flat, found=lambda pair: np.ones(pair.seen.shape, bool))
    with pytest.raises(InputError):
        missed(flat, windows=[Window(0, 0, 20, 20)])


@pytest.mark.parametrize(
    "how", [{"pixel_size_m": 0.0}, {"pixel_size_m": np.nan}, {"blur": 0.0}, {"blur": np.inf}]
)
def test_sizes_must_make_sense(flat: PairReader, how: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="both above 0"):
        missed(flat, **how)


def table(smallest: int, faintest: int, pixel_size_m: float) -> Missed:
    """All is found from a size and a contrast on."""
    share = np.zeros((len(SIZES), len(CONTRASTS)))
    share[smallest:, faintest:] = 1
    return Missed(share=share, tried=np.full(share.shape, 100), pixel_size_m=pixel_size_m)


def test_the_sentence_says_what_would_be_missed() -> None:
    said = table(3, 2, 0.5).sentence
    assert said.startswith("Objects smaller than 1.9 m (at 30 % contrast) or fainter than 14 %")
    assert said.endswith("(at 10 m) would be missed more often than one time in ten.")
    assert "smaller than 39 m" in table(3, 2, 10.0).sentence
    assert "differ by less than 56 %" in table(3, 5, 0.5).sentence
    assert "whatever their size up to 10 m" in table(3, 5, 0.5).sentence
    assert table(10, 2, 0.5).sentence.startswith("Even objects of 10 m that differ by 60 %")


def test_a_size_in_metres_lies_between_those_tried() -> None:
    assert table(0, 0, 0.5).smallest_m == 0.5
    assert table(0, 0, 0.5).faintest == CONTRASTS[0]
    found = table(6, 2, 0.5)  # from 8 px; 5 m are 10 px
    assert found.faintest_of_5_m == found.faintest
    assert table(8, 2, 0.5).faintest_of_5_m is None  # from 14 px
    assert table(0, 2, 10.0).faintest_of_5_m is None  # half a pixel
    assert table(0, 2, 0.1).faintest_of_5_m == table(0, 2, 0.1).faintest  # 50 px


def test_rising_is_midway_and_keeps_what_rises() -> None:
    rising = np.array([[0.0, 0.2], [0.1, 0.9]])
    np.testing.assert_array_equal(_rising(rising), rising)
    np.testing.assert_allclose(
        _rising(np.array([[0.2, 0.1], [0.3, 0.9]])), [[0.15, 0.15], [0.3, 0.9]]
    )
