from __future__ import annotations

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
from imagery.difference import METHODS, Noise
from imagery.errors import InputError
from imagery.measure import normalised
from imagery.normalise import Radiometry
from imagery.nulls import NullReader, Residuals, fit_residuals, look, null_of, undone
from imagery.nulls._noise import OVERLAP, SIDE
from imagery.nulls._spilled import coloured, in_expected, whitened
from imagery.nulls._strata import CELL, cells_over, measured, stratum
from imagery.nulls._wander import Wander
from imagery.options import EngineOptions
from imagery.sampling import Pair, PairReader
from imagery.shift import Shift
from imagery.shift_error import ShiftError
from imagery.simulate import textured_pair

pytestmark = pytest.mark.usefixtures("environment")

ENDS = np.array([0.5, 1.0]), np.array([5.0, 10.0])
SLOPED = ShiftError(
    rows=np.array([0.0, 300.0]),
    cols=np.array([0.0, 300.0]),
    values=np.array([[0.1, 0.4], [0.2, 0.3]]),
)


def line(gain: float, offset: float, bands: int) -> Radiometry:
    """The later scene times the gain plus the offset."""
    return Radiometry(
        source=np.array([[0.0, 100.0]] * bands),
        target=np.array([[offset, 100 * gain + offset]] * bands),
        method="fixed",
        residual=(1.0,) * bands,
        core_share=1.0,
        correlation=(1.0,) * bands,
    )


def noise_of(*variances: float) -> Noise:
    return Noise(mean=np.zeros(len(variances)), covariance=np.diag(variances))


def reader(
    folder: Path,
    before: NDArray[Any],
    after: NDArray[Any],
    *,
    error: ShiftError | float = 0.1,
    moving: str = "after",
    shift: Shift | None = None,
    smoothing: float = 0.0,
    largest_error: float = np.inf,
) -> PairReader:
    scenes = (
        scene_of(folder, before, nodata=0),
        scene_of(folder, after, role="after", nodata=0),
    )
    bands = bands_of(*scenes)
    return PairReader(
        before=scenes[0],
        after=scenes[1],
        before_bands=bands.before,
        after_bands=bands.after,
        grid=plan_of(*scenes).geobox,
        moving=moving,  # type: ignore[arg-type]
        shift=shift or Shift.constant(0, 0),
        error=ShiftError.constant(error) if isinstance(error, float) else error,
        largest_error=largest_error,
        smoothing=smoothing,
    )


def blocks_of(values: NDArray[Any], strata: NDArray[Any] | None = None) -> Residuals:
    kinds = np.arange(len(values)) % 9 if strata is None else strata
    return Residuals.of(values.astype(np.float32), kinds, ends=ENDS)


def nothing_found(pair: Pair) -> Any:
    return np.zeros(pair.seen.shape, bool)


# The displacement


@pytest.mark.parametrize("base", [None, Shift.constant(0.4, -1.7)])
def test_a_wander_is_a_function_of_the_place(base: Shift | None) -> None:
    wander = Wander.around(base, error=SLOPED, length=40.0, seed=3)
    rows, cols = np.arange(-20.0, 200.0), np.arange(10.0, 260.0)
    whole = wander.on_grid(rows, cols)
    part = wander.on_grid(rows[30:90], cols[100:])
    np.testing.assert_allclose(part, whole[:, 30:90, 100:], atol=1e-12)
    at = wander.at(rows[[5, 70]], cols[[200, 3]])
    np.testing.assert_allclose(at, whole[:, [5, 70], [200, 3]], atol=1e-12)


def test_a_wander_has_the_expected_error_and_its_correlation() -> None:
    rows, cols = np.array([40.0, 90.0]), np.array([100.0, 200.0])
    fields = np.stack(
        [
            Wander.around(None, error=SLOPED, length=50.0, seed=seed).on_grid(rows, cols)
            for seed in range(3000)
        ]
    )
    assert abs(fields.mean()) < 0.01
    error = SLOPED.on_grid(rows, cols)
    np.testing.assert_allclose(fields.std(axis=0), np.broadcast_to(error, (2, 2, 2)), rtol=0.05)
    unit = fields / error
    down = (unit[:, :, 0] * unit[:, :, 1]).mean()  # one correlation length apart
    across = (unit[..., 0] * unit[..., 1]).mean()  # two
    axes = (unit[:, 0] * unit[:, 1]).mean()
    assert down == pytest.approx(np.exp(-0.5), abs=0.04)
    assert across == pytest.approx(np.exp(-2), abs=0.04)
    assert axes == pytest.approx(0, abs=0.04)


def test_a_wander_without_error_is_its_base() -> None:
    none = ShiftError.constant(0.0)
    base = Shift.constant(1.0, 2.0)
    wander = Wander.around(base, error=none, length=9.0, seed=1)
    assert not wander.zero
    assert Wander.around(None, error=none, length=9.0, seed=1).zero
    rows = np.arange(5.0)
    np.testing.assert_array_equal(wander.on_grid(rows, rows), base.on_grid(rows, rows))


# What is expected of a difference


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_a_residual_is_as_long_as_its_score(bands: int) -> None:
    rng = np.random.default_rng(bands)
    root = rng.normal(size=(bands, bands))
    noise = Noise(mean=rng.normal(size=bands), covariance=root @ root.T + np.eye(bands))
    difference = rng.normal(0, 5, (bands, 6, 7)).astype(np.float32)
    spill = rng.normal(0, 8, (2, bands, 6, 7)).astype(np.float32)
    spill[:, :, 0] = 0  # a lawn
    spill[1, :, 1] = 3 * spill[0, :, 1]  # an edge that is parallel to itself
    spill[1, :, 2] = 0
    away = difference - noise.mean.astype(np.float32)[:, None, None]
    residual = in_expected(whitened(away, noise), whitened(spill, noise))
    length = np.sqrt((residual.astype(float) ** 2).sum(axis=0))
    pair = Pair(
        before=np.zeros_like(difference),
        after=difference,
        spill=spill,
        error=np.zeros((6, 7), np.float32),
        seen=np.ones((6, 7), bool),
    )
    np.testing.assert_allclose(length, METHODS["cva"].score(pair, noise).score, rtol=2e-3)
    np.testing.assert_allclose(coloured(whitened(away, noise), noise), away, atol=1e-4)


def test_what_is_expected_has_the_identity_for_covariance() -> None:
    rng = np.random.default_rng(8)
    u, v = rng.normal(0, 3, (2, 3))
    count = 200_000
    misplaced = rng.normal(size=(2, count))
    values = rng.normal(size=(3, count)) + u[:, None] * misplaced[0] + v[:, None] * misplaced[1]
    spill = np.broadcast_to(np.stack([u, v])[:, :, None, None], (2, 3, 1, count))
    out = in_expected(values[:, None].astype(np.float32), spill.astype(np.float32))[:, 0]
    np.testing.assert_allclose(np.cov(out), np.eye(3), atol=0.02)


# Kinds of places


def test_texture_and_brightness_are_measured_on_valid_pixels() -> None:
    ramp = np.broadcast_to(np.arange(CELL, dtype=np.float32) * 4, (CELL, CELL))
    data = np.concatenate([np.full((CELL, CELL), 6, np.float32), ramp], axis=1)[None]
    valid = np.ones(data.shape[1:], bool)
    texture, brightness = measured(data, valid, scale=np.array([2.0]), side=CELL)
    np.testing.assert_allclose(texture, [[0, 1]])  # half of the steps are 0, half 4 / 2
    np.testing.assert_allclose(brightness, [[3, 63]])
    holed = data.copy()
    holed[0, 10:20, 5:9] = 1e6
    valid[10:20, 5:9] = False
    same = measured(holed, valid, scale=np.array([2.0]), side=CELL)
    np.testing.assert_allclose(same[0][0, 0], 0)
    np.testing.assert_allclose(same[1][0, 0], 3)
    none = measured(data, np.zeros_like(valid), scale=np.array([2.0]), side=CELL)
    assert not np.any(none)


def test_strata_count_from_smooth_and_dark_to_rough_and_bright() -> None:
    found = stratum(np.array([0.1, 0.7, 2.0]), np.array([1.0, 20.0, 7.0]), ends=ENDS)
    assert found.tolist() == [0, 5, 7]


def test_a_stratum_of_few_blocks_borrows_from_its_neighbours() -> None:
    strata = np.array([0] * 9 + [8] * 2)
    residuals = blocks_of(np.ones((11, 1, SIDE, SIDE)), strata)
    assert residuals.members[0].tolist() == list(range(9))
    assert set(range(9)) < set(residuals.members[7].tolist())
    one = blocks_of(np.ones((1, 1, SIDE, SIDE)))
    assert all(m.tolist() == [0] for m in one.members)


# Noise


def test_noise_keeps_its_variance_and_covariance() -> None:
    rng = np.random.default_rng(5)
    white = rng.normal(size=(200, 2, SIDE + 8, SIDE + 8))
    fine = ndimage.gaussian_filter(white, (0, 0, 0.7, 0.7))[:, :, 4:-4, 4:-4]
    fine[:, 1] = 0.6 * fine[:, 0] + 0.8 * fine[:, 1]
    residuals = blocks_of(fine / fine[:, 0].std())
    window = Window(-70, 30, 1000, 1100)
    cells = cells_over(window, reach=OVERLAP)
    strata = np.arange(cells.height * cells.width).reshape(cells.shape) % 9
    noise = residuals.over(window, strata, seed=1)
    wanted = np.cov(residuals.values.swapaxes(0, 1).reshape(2, -1))
    np.testing.assert_allclose(np.cov(noise.reshape(2, -1)), wanted, atol=0.02)
    for step in (1, 2):
        kept = (noise[0, :, step:] * noise[0, :, :-step]).mean()
        own = (residuals.values[:, 0, :, step:] * residuals.values[:, 0, :, :-step]).mean()
        assert kept == pytest.approx(own, abs=0.02)
    # Seams, too: rows of the window where blocks meet.
    seam = [r for r in range(window.height) if (r + window.top) % CELL in range(OVERLAP)]
    assert noise[:, seam].var() == pytest.approx(noise.var(), rel=0.03)
    assert (
        np.abs(
            np.corrcoef(noise[0].ravel(), residuals.over(window, strata, seed=2)[0].ravel())[0, 1]
        )
        < 0.01
    )


def test_noise_of_a_part_is_that_of_the_whole() -> None:
    rng = np.random.default_rng(6)
    residuals = blocks_of(rng.normal(size=(20, 1, SIDE, SIDE)))
    whole_window = Window(-10, -10, 300, 280)
    cells = cells_over(whole_window, reach=OVERLAP)
    strata = rng.integers(0, 9, cells.shape)
    whole = residuals.over(whole_window, strata, seed=4)
    for tile in tiles_over(whole_window, size=100):
        own = cells_over(tile, reach=OVERLAP)
        part = residuals.over(tile, strata[own.within(cells)], seed=4)
        np.testing.assert_array_equal(part, whole[(slice(None), *tile.within(whole_window))])


# Radiometry, backwards


def test_undone_is_the_inverse_of_the_radiometry() -> None:
    values = np.linspace(-50, 400, 200, dtype=np.float32)[None]
    bent = replace(
        line(1, 0, 1),
        source=np.array([[0.0, 50.0, 80.0, 200.0]]),
        target=np.array([[10.0, 20.0, 100.0, 160.0]]),
    )
    for radiometry in (line(1.5, 10, 1), bent):
        np.testing.assert_allclose(
            radiometry.apply(undone(values, radiometry)), values, rtol=1e-5, atol=1e-3
        )


def test_undone_takes_the_lowest_where_many_mean_one() -> None:
    flat = replace(
        line(1, 0, 1),
        source=np.array([[0.0, 50.0, 80.0, 200.0]]),
        target=np.array([[0.0, 50.0, 50.0, 170.0]]),
    )
    found = undone(np.array([[50.0, 170.0]], np.float32), flat)
    np.testing.assert_allclose(found, [[50, 200]])


# The reader


def holed(seed: int, shape: tuple[int, int, int] = (2, 210, 230)) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    image = ndimage.gaussian_filter(rng.normal(0, 60, shape), (0, 1.5, 1.5)) + 100
    image = image.astype(np.float32)
    image[:, 40:60, 100:130] = 0
    return image


def test_without_error_and_noise_the_null_is_the_earlier_image(tmp_path: Path) -> None:
    before, after = holed(1), holed(2)
    after[:, 150:170, 20:30] = 0
    pair = reader(tmp_path, before, after, error=0.0)
    radiometry = line(1.5, 10, 2)
    null = null_of(
        pair,
        radiometry=radiometry,
        noise=noise_of(4.0, 9.0),
        residuals=blocks_of(np.zeros((3, 2, SIDE, SIDE))),
        seed=0,
    )
    assert isinstance(null, PairReader)
    window = Window(0, 0, 210, 230)
    (earlier, imagined), (same, real) = null.read(window), pair.read(window)
    np.testing.assert_array_equal(earlier.data, same.data)
    np.testing.assert_array_equal(imagined.valid, real.valid)
    both = earlier.valid & imagined.valid
    assert both.sum() > 40_000
    np.testing.assert_allclose(
        radiometry.apply(imagined.data)[:, both], earlier.data[:, both], rtol=1e-5
    )


@pytest.mark.parametrize("smoothing", [0.0, 1.1])
@pytest.mark.parametrize("moving", ["before", "after"])
def test_tiles_of_the_null_are_those_of_the_whole(
    tmp_path: Path, smoothing: float, moving: str
) -> None:
    rng = np.random.default_rng(9)
    pair = reader(
        tmp_path,
        holed(1),
        holed(2),
        error=SLOPED,
        moving=moving,
        shift=Shift.constant(0.4, -1.7),
        smoothing=smoothing,
    )
    null = null_of(
        pair,
        radiometry=line(1.5, 10, 2),
        noise=noise_of(4.0, 9.0),
        residuals=blocks_of(rng.normal(size=(30, 2, SIDE, SIDE))),
        seed=7,
    )
    whole_window, halo = Window(0, 0, 210, 230), null.halo
    whole = null.read(whole_window)
    for tile in tiles_over(whole_window, size=100):
        rows, cols = tile.within(whole_window.padded(halo))
        inner = slice(halo, -halo), slice(halo, -halo)
        for part, image in zip(null.read(tile), whole, strict=True):
            np.testing.assert_array_equal(part.valid[inner], image.valid[rows, cols])
            seen = part.valid[inner]
            np.testing.assert_allclose(
                part.data[(slice(None), *inner)][:, seen], image.data[:, rows, cols][:, seen],
                rtol=1e-5,
            )  # fmt: skip
    again = replace(null, seed=8).read(whole_window)[1].data
    assert not np.allclose(again, whole[1].data, atol=1)


def test_the_null_is_displaced_as_far_as_the_error_says(tmp_path: Path) -> None:
    ramp = np.broadcast_to(100 + np.arange(120, dtype=np.float32), (1, 120, 120)).copy()
    pair = reader(tmp_path, ramp, ramp, error=0.3)
    middle = Window(59, 59, 60, 60)
    moved = []
    for seed in range(300):
        null = null_of(
            pair,
            radiometry=line(1, 0, 1),
            noise=noise_of(1.0),
            residuals=blocks_of(np.zeros((1, 1, SIDE, SIDE))),
            seed=seed,
        )
        before, after = null.read(middle)
        at = null.halo, null.halo
        moved.append(float(after.data[0][at] - before.data[0][at]))
    assert np.std(moved) == pytest.approx(0.3, rel=0.15)
    assert abs(np.mean(moved)) < 0.06


# What is gathered


def gathered(pair: PairReader, windows: list[Window], **how: Any) -> Residuals:
    known: dict[str, Any] = {
        "radiometry": line(1, 0, 1),
        "noise": noise_of(2.0),
        "found": nothing_found,
    }
    with engine(EngineOptions(workers=2)) as executor:
        return fit_residuals(pair, windows, executor=executor, **(known | how))


def bright(pair: Pair) -> Any:
    return pair.seen & (pair.after[0] - pair.before[0] > 20)


def noisy(seed: int, shape: tuple[int, int] = (450, 460)) -> NDArray[np.float32]:
    """Two images, (2, 1, row, col), that differ by noise of variance 2."""
    noise = np.random.default_rng(seed).normal(100, 1, (2, 1, *shape))
    return noise.astype(np.float32)


def test_residuals_are_in_units_of_the_noise_and_hold_no_change(tmp_path: Path) -> None:
    before, after = noisy(3)
    after[0, 30:50, 30:50] += 60
    pair = reader(tmp_path, before, after, error=0.01)
    residuals = gathered(pair, [Window(0, 0, 450, 460)], found=bright)
    assert len(residuals.values) == 35
    assert residuals.changed == 0
    np.testing.assert_allclose(residuals.level, 1, atol=0.05)
    assert np.abs(residuals.values).max() < 6


def test_where_nearly_all_changed_blocks_are_mended(tmp_path: Path) -> None:
    before, after = noisy(4)
    after[0, 10::SIDE, 10::SIDE] += 60
    pair = reader(tmp_path, before, after, error=0.01)
    residuals = gathered(pair, [Window(0, 0, 450, 460)], found=bright)
    assert len(residuals.values) == 16
    assert 0 < residuals.changed < 0.1
    assert np.abs(residuals.values).max() < 6
    np.testing.assert_allclose(residuals.level, 1, atol=0.05)


def test_a_pair_that_shows_no_block_whole_is_refused(tmp_path: Path) -> None:
    before, after = noisy(5, (150, 160))
    after[0, ::30] = 0
    pair = reader(tmp_path, before, after)
    with pytest.raises(InputError, match=r"no square of 72 px.*at least one"):
        gathered(pair, [Window(0, 0, 150, 160)])
    with pytest.raises(InputError):
        gathered(pair, [Window(0, 0, 50, 60)])


# Whether it resembles the truth


def strengths(pair: PairReader, window: Window, noise: Noise, gain: float) -> NDArray[np.float64]:
    radiometry = line(1 / gain, 0, len(noise.mean))
    seen = look(pair, window)
    score = METHODS["cva"].score(normalised(seen, radiometry), noise).score
    inner = slice(pair.halo, -pair.halo)
    box = ndimage.uniform_filter(score.astype(float) ** 2, 3)[inner, inner]
    return np.sqrt(np.maximum(box, 0))


def test_the_null_of_an_unchanged_pair_resembles_it(tmp_path: Path) -> None:
    made = textured_pair(shape=(640, 640), bands=3, seed=11, noise=0.1, gain=1.2)
    # An error that the aligned pair has, and is expected: textures spill as much as the noise.
    other = textured_pair(
        shape=(640, 640), bands=3, seed=11, noise=0.1, gain=1.2, shift=(0.15, -0.15)
    )
    pair = reader(tmp_path, 100 * made.before, 100 * other.after, error=0.15)
    noise = noise_of(*[200 * (1 + 1 / 1.44) / 2] * 3)
    window = Window(0, 0, 640, 640)
    residuals = gathered(pair, [window], radiometry=line(1 / 1.2, 0, 3), noise=noise)
    levels = [0.5, 0.9, 0.99, 0.999, 0.9999]
    real = np.quantile(strengths(pair, window, noise, 1.2), levels)
    for seed in range(2):
        null = null_of(
            pair, radiometry=line(1 / 1.2, 0, 3), noise=noise, residuals=residuals, seed=seed
        )
        assert isinstance(null, NullReader)
        imagined = np.quantile(strengths(null, window, noise, 1.2), levels)
        np.testing.assert_allclose(imagined, real, rtol=0.1)
