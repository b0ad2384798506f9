"""Laws that hold for every registered method; one that is added to a registry comes under them.

Exact for masks and whole numbers, to 1e-5 for floats, on aligned arrays with fixed parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagery import difference, normalise, threshold
from imagery.blocks import Window, tiles_over
from imagery.difference import Noise, Scores
from imagery.normalise import Radiometry
from imagery.sampling import Sample, gradients
from imagery.scoring import Measure

every_difference = pytest.mark.parametrize("method", difference.METHODS)
every_normalisation = pytest.mark.parametrize("method", normalise.METHODS)
every_threshold = pytest.mark.parametrize("method", threshold.METHODS)
some = settings(max_examples=12, deadline=None)

BANDS = 3


def close(found: NDArray[Any], expected: NDArray[Any]) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@dataclass(frozen=True)
class Pair:
    """Two aligned images, shape (band, row, col), and where both are valid; none can be written."""

    before: NDArray[Any]
    after: NDArray[Any]
    valid: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for array in (self.before, self.after, self.valid):
            array.setflags(write=False)

    def at(self, rows: slice, cols: slice) -> Pair:
        return Pair(
            self.before[:, rows, cols].copy(),
            self.after[:, rows, cols].copy(),
            self.valid[rows, cols].copy(),
        )


def pair(seed: int = 0, shape: tuple[int, int] = (40, 47), *, dtype: Any = np.float32) -> Pair:
    rng = np.random.default_rng(seed)
    before = rng.uniform(50, 250, (BANDS, *shape))
    after = before * 0.7 + 30 + rng.normal(0, 6, before.shape)
    after[:, shape[0] // 3 :, : shape[1] // 4] += 90
    valid = rng.random(shape) > 0.03
    before[:, ~valid] = 0
    return Pair(before.astype(dtype), after.astype(dtype), valid)


def noise_of(seed: int = 0, *, bands: int = BANDS) -> Noise:
    rng = np.random.default_rng(seed)
    root = rng.normal(0, 3, (bands, bands)) + 5 * np.eye(bands)
    return Noise(mean=rng.normal(0, 2, bands), covariance=root @ root.T)


def sample_of(images: Pair) -> Sample:
    valid = images.valid
    return Sample(
        before=images.before[:, valid],
        after=images.after[:, valid],
        spill=0.3 * gradients(images.after, valid)[:, :, valid],
        seen=int(valid.sum()),
        total=valid.size,
    )


def line(bands: int = BANDS) -> Radiometry:
    """A map that is fixed beforehand."""
    return Radiometry(
        source=np.tile([0.0, 300.0], (bands, 1)),
        target=np.tile([-40.0, 390.0], (bands, 1)),
        method="fixed",
        residual=(1.0,) * bands,
        core_share=1.0,
        correlation=(1.0,) * bands,
    )


def scored(images: Pair, method: str, *, noise: Noise | None = None) -> Scores:
    """What the map pass does with two images."""
    measure = Measure(method=method, radiometry=line(), noise=noise or noise_of())
    return measure.score(images.before, images.after, gradients(images.after, images.valid))


# Difference measures


@every_difference
@some
@given(seed=st.integers(0, 999), size=st.integers(3, 60))
def test_tiles_equal_the_whole(method: str, seed: int, size: int) -> None:
    images = pair(seed)
    slope = gradients(images.after, images.valid)
    measure = Measure(method=method, radiometry=line(), noise=noise_of(seed))
    whole = measure.score(images.before, images.after, slope)
    window = Window(0, 0, *images.valid.shape)
    for tile in tiles_over(window, size=size):
        rows, cols = tile.within(window)
        part = measure.score(
            images.before[:, rows, cols], images.after[:, rows, cols], slope[:, :, rows, cols]
        )
        close(part.score, whole.score[rows, cols])
        close(part.signed, whole.signed[rows, cols])


@every_difference
def test_a_tile_with_its_halo_equals_the_whole(method: str) -> None:
    images = pair()
    whole = scored(images, method)
    part = scored(images.at(slice(9, 31), slice(19, 41)), method)
    close(part.score[1:-1, 1:-1], whole.score[10:30, 20:40])
    close(part.signed[1:-1, 1:-1], whole.signed[10:30, 20:40])


@every_difference
@some
@given(seed=st.integers(0, 999))
def test_exchanged_scenes_keep_the_magnitude_and_turn_the_sign(method: str, seed: int) -> None:
    images, noise = pair(seed), noise_of(seed)
    change = (images.after - images.before).astype(np.float32)
    slope = gradients(images.after, images.valid)
    measure = difference.METHODS[method]
    there = measure(change, slope, noise)
    back = measure(
        -change,
        slope,
        Noise(mean=-noise.mean, covariance=noise.covariance),
    )
    close(back.score, there.score)
    close(back.signed, -there.signed)
    assert (there.score >= 0).all()


@every_difference
@some
@given(border=st.integers(1, 5), fill=st.sampled_from([0.0, 6e4, -9999.0]))
def test_an_invalid_border_changes_nothing(method: str, border: int, fill: float) -> None:
    images = pair()
    around = ((0, 0), (border, border), (border, border))
    wide = Pair(
        np.pad(images.before, around, constant_values=fill),
        np.pad(images.after, around, constant_values=-fill),
        np.pad(images.valid, border),
    )
    one, two = scored(images, method), scored(wide, method)
    inner = (slice(border, -border),) * 2
    valid = images.valid
    close(two.score[inner][valid], one.score[valid])
    close(two.signed[inner][valid], one.signed[valid])


@every_difference
@some
@given(values=st.sampled_from([-1e5, 0.0, 3e4]))
def test_values_under_invalid_pixels_mean_nothing(method: str, values: float) -> None:
    images = pair()
    before, after = images.before.copy(), images.after.copy()
    before[:, ~images.valid], after[:, ~images.valid] = values, values / 2
    one, two = scored(images, method), scored(Pair(before, after, images.valid), method)
    np.testing.assert_array_equal(one.score[images.valid], two.score[images.valid])


@every_difference
@some
@given(rows=st.integers(-6, 6), cols=st.integers(-6, 6))
def test_a_shift_of_both_scenes_shifts_the_answer(method: str, rows: int, cols: int) -> None:
    large = pair(3, (60, 66))
    one = scored(large.at(slice(8, 48), slice(8, 55)), method)
    two = scored(large.at(slice(8 + rows, 48 + rows), slice(8 + cols, 55 + cols)), method)
    # What both show, a pixel in from the borders, where gradients are one-sided.
    height, width = 40 - 2 - abs(rows), 47 - 2 - abs(cols)
    first = (slice(1 + max(rows, 0), None), slice(1 + max(cols, 0), None))
    second = (slice(1 + max(-rows, 0), None), slice(1 + max(-cols, 0), None))
    cut = (slice(height), slice(width))
    np.testing.assert_array_equal(one.score[first][cut], two.score[second][cut])
    np.testing.assert_array_equal(one.signed[first][cut], two.signed[second][cut])


@every_difference
def test_scenes_that_agree_score_nothing(method: str) -> None:
    images = pair()
    noise = Noise(mean=np.zeros(BANDS), covariance=np.eye(BANDS))
    change = np.zeros_like(images.after)
    found = difference.METHODS[method](change, gradients(images.after, images.valid), noise)
    assert not found.score.any()
    assert not found.signed.any()


ODD = {
    "constant": Pair(
        np.full((BANDS, 9, 8), 7, np.float32),
        np.full((BANDS, 9, 8), 90, np.float32),
        np.ones((9, 8), bool),
    ),
    "all invalid": Pair(
        np.zeros((BANDS, 9, 8), np.float32),
        np.zeros((BANDS, 9, 8), np.float32),
        np.zeros((9, 8), bool),
    ),
    "one row": pair(4, (1, 30)),
    "one column": pair(4, (30, 1)),
    "one pixel": Pair(
        np.full((BANDS, 1, 1), 5, np.float32),
        np.full((BANDS, 1, 1), 6, np.float32),
        np.ones((1, 1), bool),
    ),
    "nothing": pair(4, (0, 5)),
    "whole numbers": pair(5, dtype=np.int32),
    "huge": Pair(
        np.full((BANDS, 9, 8), -1e6, np.float32),
        np.random.default_rng(0).normal(0, 1e6, (BANDS, 9, 8)).astype(np.float32),
        np.ones((9, 8), bool),
    ),
}


@every_difference
@pytest.mark.parametrize("images", ODD.values(), ids=ODD)
def test_odd_images_are_scored(method: str, images: Pair) -> None:
    found = scored(images, method)
    for values in (found.score, found.signed):
        assert values.shape == images.valid.shape
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


@every_difference
def test_whole_numbers_score_as_floats(method: str) -> None:
    whole = pair(5, dtype=np.int16)
    floats = Pair(whole.before.astype(np.float32), whole.after.astype(np.float32), whole.valid)
    change, noise = whole.after - whole.before, noise_of()
    for one, two in zip(
        (change, gradients(whole.after, whole.valid)),
        (change.astype(np.float32), gradients(floats.after, floats.valid)),
        strict=True,
    ):
        close(one, two)
    measure = difference.METHODS[method]
    close(
        measure(change, gradients(whole.after, whole.valid), noise).score,
        measure(change.astype(np.float32), gradients(floats.after, floats.valid), noise).score,
    )


@every_difference
@pytest.mark.parametrize("bands", [1, 2, 12])
def test_any_number_of_bands_is_scored(method: str, bands: int) -> None:
    rng = np.random.default_rng(0)
    change = rng.normal(0, 9, (bands, 5, 6)).astype(np.float32)
    slope = rng.normal(0, 9, (2, bands, 5, 6)).astype(np.float32)
    found = difference.METHODS[method](change, slope, noise_of(bands=bands))
    assert found.score.shape == (5, 6)
    assert np.isfinite(found.score).all()


# Normalisations


@every_normalisation
@some
@given(seed=st.integers(0, 999), size=st.integers(3, 60))
def test_a_map_of_tiles_is_that_of_the_whole(method: str, seed: int, size: int) -> None:
    images = pair(seed)
    fitted = normalise.METHODS[method](sample_of(images))
    whole, slope = fitted.apply(images.after), fitted.slope(images.after)
    window = Window(0, 0, *images.valid.shape)
    for tile in tiles_over(window, size=size):
        rows, cols = tile.within(window)
        close(fitted.apply(images.after[:, rows, cols]), whole[:, rows, cols])
        close(fitted.slope(images.after[:, rows, cols]), slope[:, rows, cols])


@every_normalisation
@some
@given(seed=st.integers(0, 999))
def test_a_fit_does_not_depend_on_the_order_of_pixels(method: str, seed: int) -> None:
    images = pair(seed)
    sample = sample_of(images)
    order = np.random.default_rng(seed).permutation(sample.before.shape[1])
    mixed = Sample(
        before=sample.before[:, order],
        after=sample.after[:, order],
        spill=sample.spill[:, :, order],
        seen=sample.seen,
        total=sample.total,
    )
    one, two = (normalise.METHODS[method](s) for s in (sample, mixed))
    np.testing.assert_allclose(
        one.apply(images.after), two.apply(images.after), rtol=1e-5, atol=1e-3
    )


@every_normalisation
def test_scenes_that_agree_are_mapped_onto_themselves(method: str) -> None:
    images = pair()
    same = Pair(images.before, images.before.copy(), images.valid)
    fitted = normalise.METHODS[method](sample_of(same))
    valid = images.valid
    close(fitted.apply(same.after)[:, valid], same.after[:, valid])
    close(fitted.slope(same.after)[:, valid], np.ones_like(same.after[:, valid]))


@every_normalisation
@pytest.mark.parametrize("name", [name for name in ODD if name not in ("all invalid", "nothing")])
def test_odd_images_are_mapped(method: str, name: str) -> None:
    images = ODD[name]
    fitted = normalise.METHODS[method](sample_of(images))
    for values in (fitted.apply(images.after), fitted.slope(images.after)):
        assert values.shape == images.after.shape
        assert np.isfinite(values).all()


@every_normalisation
@pytest.mark.parametrize("measure", difference.METHODS)
def test_every_normalisation_goes_with_every_difference(method: str, measure: str) -> None:
    images = pair()
    sample = sample_of(images)
    fitted = normalise.METHODS[method](sample)
    noise = difference.fit_noise(
        fitted.apply(sample.after) - sample.before, quantisation=np.zeros(BANDS)
    )
    found = Measure(method=measure, radiometry=fitted, noise=noise).score(
        images.before, images.after, gradients(images.after, images.valid)
    )
    changed = np.zeros(images.valid.shape, bool)
    changed[40 // 3 :, : 47 // 4] = True
    assert np.median(found.score[changed]) > 3 * np.median(found.score[~changed & images.valid])
    assert np.median(found.signed[changed]) > 3


# Thresholds


def scores_of(seed: int, count: int = 3000) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    scores = np.sqrt(rng.chisquare(BANDS, count)).astype(np.float32)
    scores[: count // 15] += rng.uniform(4, 9, count // 15).astype(np.float32)
    scores.setflags(write=False)
    return scores


@every_threshold
@some
@given(seed=st.integers(0, 999))
def test_a_threshold_does_not_depend_on_the_order_of_scores(method: str, seed: int) -> None:
    scores = scores_of(seed)
    find = threshold.METHODS[method]
    mixed = np.random.default_rng(seed).permutation(scores)
    assert find(mixed) == pytest.approx(find(scores), rel=1e-5)


@every_threshold
def test_a_threshold_parts_what_changed_from_what_did_not(method: str) -> None:
    found = threshold.METHODS[method](scores_of(0, 60_000))
    assert 1 < found < 9


@every_threshold
@pytest.mark.parametrize(
    "scores",
    [
        np.zeros(0, np.float32),
        np.zeros(1, np.float32),
        np.ones(1, np.float32),
        np.full(999, 4.25, np.float32),
        np.zeros(999, np.float32),
        np.arange(999),
        np.repeat([0, 7], [990, 9]),
        np.full(99, 3e38, np.float32),
        np.full(99, 1e-30, np.float32),
    ],
    ids=[
        "nothing", "a zero", "a one", "constant", "zeros", "whole numbers", "few", "huge", "tiny",
    ],
)  # fmt: skip
def test_odd_scores_have_a_threshold(method: str, scores: NDArray[Any]) -> None:
    scores.setflags(write=False)
    found = threshold.METHODS[method](scores)
    assert isinstance(found, float)
    assert np.isfinite(found)
    assert found >= 0
