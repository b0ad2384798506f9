"""Laws that hold for every registered method; one that is added to a registry comes under them.

Exact for masks and whole numbers, to 1e-5 for floats, on aligned arrays with fixed parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from imagery import difference, normalise, threshold
from imagery.blocks import Window, tiles_over
from imagery.difference import Noise, Scores
from imagery.measure import Measure
from imagery.normalise import Radiometry
from imagery.options import DifferenceOptions
from imagery.sampling import Pair as Tile
from imagery.sampling import Sample, gradients


@dataclass(frozen=True)
class Case:
    """A difference measure with one value of its options."""

    name: str
    options: DifferenceOptions


CASES = [
    Case(name, DifferenceOptions(method=name, radar_units=units))
    for name, method in difference.METHODS.items()
    for units in (("amplitude", "intensity", "db") if method.radar else ("auto",))
]

ON_A_LATTICE = {"object"}
"""Measures whose regions are seeded on the grid: they shift with it by whole steps alone."""

RELATIVE = {"anomalous", "fused"}
"""Measures that score by what is usual in the scene: where nothing differs, nothing is unusual, and
their scores scatter about a middle that is not 0."""

every_difference = pytest.mark.parametrize(
    "case", CASES, ids=[f"{c.name}-{c.options.radar_units}" for c in CASES]
)
every_normalisation = pytest.mark.parametrize("method", normalise.METHODS)
every_threshold = pytest.mark.parametrize("method", threshold.METHODS)
some = settings(max_examples=12, deadline=None)

BANDS = 3


def close(
    found: NDArray[Any],
    expected: NDArray[Any],
    *,
    of: NDArray[Any] | None = None,
    within: float = 1e-5,
) -> None:
    """Equal but for rounding, which for a sum goes by its largest term, ``of``."""
    largest = 1.0 if of is None else max(1.0, float(np.abs(of).max(initial=0)))
    np.testing.assert_allclose(found, expected, rtol=within, atol=within * largest)


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


def pair(
    seed: int = 0,
    shape: tuple[int, int] = (40, 47),
    *,
    dtype: Any = np.float32,
    bands: int = BANDS,
) -> Pair:
    rng = np.random.default_rng(seed)
    before = rng.uniform(50, 250, (bands, *shape))
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


def window_of(images: Pair, *, top: int = 0, left: int = 0) -> Tile:
    """What a measure is given; where rows are odd the alignment may be off by more."""
    rows = np.arange(top, top + images.valid.shape[0])
    error = np.broadcast_to(np.where(rows % 2, 0.3, 0.2)[:, None], images.valid.shape)
    tile = Tile(
        before=images.before,
        after=images.after,
        spill=gradients(images.after, images.valid) * error,
        error=error.astype(np.float32),
        seen=images.valid,
        top=top,
        left=left,
    )
    for array in (tile.spill, tile.error):
        array.setflags(write=False)
    return tile


def cut(tile: Tile, window: Window) -> Tile:
    rows, cols = window.within(Window(0, 0, *tile.seen.shape))
    return Tile(
        before=tile.before[:, rows, cols],
        after=tile.after[:, rows, cols],
        spill=tile.spill[:, :, rows, cols],
        error=tile.error[rows, cols],
        seen=tile.seen[rows, cols],
        top=tile.top + window.top,
        left=tile.left + window.left,
    )


@cache
def fitted(case: Case, *, bands: int = BANDS) -> Any:
    """Fitted once, on a pair of its own."""
    tile = window_of(pair(77, (60, 64), bands=bands))
    return difference.METHODS[case.name].fit([tile], noise_of(bands=bands), case.options)


def scored(case: Case, tile: Tile, *, given: Any = None) -> Scores:
    given = fitted(case, bands=len(tile.before)) if given is None else given
    return difference.METHODS[case.name].score(tile, given)


# Difference measures


@every_difference
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 999), size=st.integers(16, 60))
def test_tiles_equal_the_whole(case: Case, seed: int, size: int) -> None:
    halo = difference.METHODS[case.name].halo
    tile = window_of(pair(seed, (40 + 2 * halo, 47 + 2 * halo)))
    whole = scored(case, tile)
    area = Window(halo, halo, halo + 40, halo + 47)
    for part in tiles_over(area, size=size):
        wide = part.padded(halo)
        rows, cols = part.within(wide)
        found = scored(case, cut(tile, wide))
        there = part.within(Window(0, 0, *tile.seen.shape))
        seen = tile.seen[there]
        close(found.score[rows, cols][seen], whole.score[there][seen], of=whole.score)
        close(found.signed[rows, cols][seen], whole.signed[there][seen], of=whole.signed)


@every_difference
@some
@given(seed=st.integers(0, 999))
def test_exchanged_scenes_keep_the_magnitude_and_turn_the_sign(case: Case, seed: int) -> None:
    tile, noise = window_of(pair(seed)), noise_of(seed)
    turned = replace(tile, before=tile.after, after=tile.before)
    opposite = Noise(mean=-noise.mean, covariance=noise.covariance)
    method = difference.METHODS[case.name]
    there = method.score(tile, method.fit([tile], noise, case.options))
    back = method.score(turned, method.fit([turned], opposite, case.options))
    seen = tile.seen
    assert (there.score >= 0).all()
    close(back.score[seen], there.score[seen], of=there.score, within=1e-3)
    close(back.signed[seen], -there.signed[seen], of=there.signed, within=1e-3)


@every_difference
@some
@given(border=st.integers(1, 5), fill=st.sampled_from([0.0, 6e4, -9999.0]))
def test_an_invalid_border_changes_nothing(case: Case, border: int, fill: float) -> None:
    images = pair()
    around = ((0, 0), (border, border), (border, border))
    wide = Pair(
        np.pad(images.before, around, constant_values=fill),
        np.pad(images.after, around, constant_values=-fill),
        np.pad(images.valid, border),
    )
    one, two = (
        scored(case, window_of(images, top=16, left=16)),
        scored(case, window_of(wide, top=16 - border, left=16 - border)),
    )
    inner = (slice(border, -border),) * 2
    valid = images.valid
    close(two.score[inner][valid], one.score[valid], of=one.score)
    close(two.signed[inner][valid], one.signed[valid], of=one.signed)


@every_difference
@some
@given(values=st.sampled_from([-1e5, 0.0, 3e4]))
def test_values_under_invalid_pixels_mean_nothing(case: Case, values: float) -> None:
    images = pair()
    before, after = images.before.copy(), images.after.copy()
    before[:, ~images.valid], after[:, ~images.valid] = values, values / 2
    tiles = [window_of(images), window_of(Pair(before, after, images.valid))]
    for params in (
        [fitted(case)] * 2,
        [difference.METHODS[case.name].fit([tile], noise_of(), case.options) for tile in tiles],
    ):
        one, two = (scored(case, tile, given=f) for tile, f in zip(tiles, params, strict=True))
        np.testing.assert_array_equal(one.score[images.valid], two.score[images.valid])


@every_difference
@some
@given(rows=st.integers(-6, 6), cols=st.integers(-6, 6))
def test_a_shift_of_both_scenes_shifts_the_answer(case: Case, rows: int, cols: int) -> None:
    """Of a measure with regions, whose seeds lie on the grid, by whole steps of the seeds."""
    halo = difference.METHODS[case.name].halo + 1
    if case.name in ON_A_LATTICE:
        rows, cols = 8 * np.sign(rows), 8 * np.sign(cols)
    images = pair(3, (20 + 2 * halo, 27 + 2 * halo))
    # The error goes by row, and must move with the images.
    rows = rows // 2 * 2
    one = scored(case, window_of(images))
    two = scored(case, window_of(images, top=16 + rows, left=16 + cols))
    inner = np.s_[halo:-halo, halo:-halo]
    seen = images.valid[inner]
    close(two.score[inner][seen], one.score[inner][seen], of=one.score)
    close(two.signed[inner][seen], one.signed[inner][seen], of=one.signed)


@every_difference
def test_scenes_that_agree_score_nothing(case: Case) -> None:
    images = pair()
    same = window_of(Pair(images.before, images.before.copy(), images.valid))
    method = difference.METHODS[case.name]
    noise = Noise(mean=np.zeros(BANDS), covariance=np.eye(BANDS))
    found = method.score(same, method.fit([same], noise, case.options))
    assert not found.signed[images.valid].any()
    if case.name not in RELATIVE:
        assert found.score[images.valid].max() < 1e-3


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
@pytest.mark.parametrize("own", [False, True], ids=["fitted elsewhere", "fitted to them"])
def test_odd_images_are_scored(case: Case, images: Pair, own: bool) -> None:
    tile = window_of(images)
    given = difference.METHODS[case.name].fit([tile], noise_of(), case.options) if own else None
    found = scored(case, tile, given=given)
    for values in (found.score, found.signed):
        assert values.shape == images.valid.shape
        assert values.dtype == np.float32
        assert np.isfinite(values).all()


@every_difference
def test_whole_numbers_score_as_floats(case: Case) -> None:
    whole = pair(5, dtype=np.int16)
    floats = Pair(whole.before.astype(np.float32), whole.after.astype(np.float32), whole.valid)
    one, two = (scored(case, window_of(images)) for images in (whole, floats))
    close(one.score, two.score, of=two.score)
    close(one.signed, two.signed, of=two.signed)


@every_difference
@pytest.mark.parametrize("bands", [1, 2, 8])
def test_any_number_of_bands_is_scored(case: Case, bands: int) -> None:
    method = difference.METHODS[case.name]
    if bands < method.least_bands:
        return
    images = pair(6, (30, 31), bands=bands)
    found = scored(case, window_of(images))
    assert found.score.shape == images.valid.shape
    assert np.isfinite(found.score).all()


@every_difference
def test_a_change_stands_out(case: Case) -> None:
    """Of 12 px, in every band by another amount; nothing else differs but by noise."""
    images, changed = change_of(5 if case.name == "matched" else 12)
    if case.options.radar_units == "db":
        images = Pair(*(20 * np.log10(a) for a in (images.before, images.after)), images.valid)
    tile = window_of(images)
    method = difference.METHODS[case.name]
    noise = fit_noise_of(images)
    found = method.score(tile, method.fit([tile], noise, case.options))
    rim = ndimage.binary_dilation(changed, iterations=3)
    # A flat change has structure at its rim alone.
    typical = np.max if case.name == "structure" else np.median
    assert typical(found.score[changed]) > 3 * np.median(found.score[~rim])
    if method.cut is not None:
        own = method.cut(method.fit([tile], noise, case.options))
        assert (found.score[changed] > own).mean() > 0.5
        assert (found.score[~rim] > own).mean() < 0.01


def change_of(size: int) -> tuple[Pair, NDArray[np.bool_]]:
    rng = np.random.default_rng(9)
    before = ndimage.gaussian_filter(rng.uniform(50, 250, (BANDS, 80, 80)), (0, 2, 2)) * 2
    after = before + rng.normal(0, 3, before.shape)
    changed = np.zeros((80, 80), bool)
    changed[30 : 30 + size, 40 : 40 + size] = True
    after[:, changed] += np.array([[90.0], [-60.0], [40.0]])
    return Pair(
        before.astype(np.float32), after.astype(np.float32), np.ones((80, 80), bool)
    ), changed


def fit_noise_of(images: Pair) -> Noise:
    away = (images.after - images.before)[:, images.valid]
    return difference.fit_noise(away, quantisation=np.zeros(len(away)))


# Normalisations


@every_normalisation
@some
@given(seed=st.integers(0, 999), size=st.integers(3, 60))
def test_a_map_of_tiles_is_that_of_the_whole(method: str, seed: int, size: int) -> None:
    images = pair(seed)
    mapped = normalise.METHODS[method](sample_of(images))
    whole, slope = mapped.apply(images.after), mapped.apply_with_slope(images.after)[1]
    window = Window(0, 0, *images.valid.shape)
    for tile in tiles_over(window, size=size):
        rows, cols = tile.within(window)
        close(mapped.apply(images.after[:, rows, cols]), whole[:, rows, cols])
        close(mapped.apply_with_slope(images.after[:, rows, cols])[1], slope[:, rows, cols])


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
    mapped = normalise.METHODS[method](sample_of(same))
    valid = images.valid
    close(mapped.apply(same.after)[:, valid], same.after[:, valid])
    close(mapped.apply_with_slope(same.after)[1][:, valid], np.ones_like(same.after[:, valid]))


@every_normalisation
@pytest.mark.parametrize("name", [name for name in ODD if name not in ("all invalid", "nothing")])
def test_odd_images_are_mapped(method: str, name: str) -> None:
    images = ODD[name]
    mapped = normalise.METHODS[method](sample_of(images))
    for values in (mapped.apply(images.after), mapped.apply_with_slope(images.after)[1]):
        assert values.shape == images.after.shape
        assert np.isfinite(values).all()


@every_normalisation
def test_every_normalisation_goes_with_a_difference(method: str) -> None:
    images = pair()
    sample = sample_of(images)
    mapped = normalise.METHODS[method](sample)
    noise = difference.fit_noise(
        mapped.apply(sample.after) - sample.before, quantisation=np.zeros(BANDS)
    )
    found = Measure(method="cva", radiometry=mapped, noise=noise).score(window_of(images))
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
