from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.normalise import (
    METHODS,
    Radiometry,
    choose,
    fit_linear,
    fit_monotone,
    fit_none,
)
from imagery.sampling import Sample


def sample(before: NDArray[np.float64], after: NDArray[np.float64]) -> Sample:
    """A sample of pixels, shape (bands, pixels), without gradient."""
    b, a = (np.atleast_2d(v).astype(np.float32) for v in (before, after))
    return Sample(
        before=b,
        after=a,
        spill=np.zeros((2, *b.shape), np.float32),
        seen=b.shape[1],
        total=b.shape[1],
    )


def ground(bands: int = 3, count: int = 20_000, seed: int = 0) -> NDArray[np.float64]:
    """Bands that resemble each other."""
    rng = np.random.default_rng(seed)
    common = rng.gamma(4, 60, count)
    return np.stack([common * (1 + 0.2 * i) + rng.normal(0, 15, count) for i in range(bands)])


def changed(values: NDArray[np.float64], share: float, seed: int = 1) -> NDArray[np.float64]:
    """The values with so many pixels of another ground."""
    rng = np.random.default_rng(seed)
    out = values.copy()
    where = rng.random(values.shape[1]) < share
    out[:, where] = 900 + rng.normal(0, 80, (len(values), where.sum()))
    return out


GAIN, OFFSET = np.array([0.8, 1.3, 2.0]), np.array([40.0, -20.0, 7.0])


def exposed(values: NDArray[np.float64], noise: float = 2.0) -> NDArray[np.float64]:
    """The later scene, of which gain x later + offset is the earlier one."""
    bands = len(values)
    rng = np.random.default_rng(2)
    noisy = values + rng.normal(0, noise, values.shape)
    return (noisy - OFFSET[:bands, None]) / GAIN[:bands, None]


@pytest.mark.parametrize("bands", [1, 3])
@pytest.mark.parametrize("share", [0.0, 0.2])
def test_gain_and_offset_are_recovered(bands: int, share: float) -> None:
    before = ground(bands)
    found = fit_linear(sample(before, exposed(changed(before, share))))
    probe = np.array([[50.0, 300.0]] * bands, np.float32)
    expected = GAIN[:bands, None] * probe + OFFSET[:bands, None]
    np.testing.assert_allclose(found.apply(probe), expected, atol=1.5)
    np.testing.assert_allclose(
        found.apply_with_slope(probe)[1], np.tile(GAIN[:bands, None], 2), rtol=0.01
    )
    assert min(found.correlation) > 0.99
    assert found.core_share == pytest.approx(1 - share, abs=0.1)
    # What is left is the noise that was added; changed pixels widen its median somewhat.
    np.testing.assert_allclose(found.residual, 2.0 / (1 - share) ** 1.5, rtol=0.1)


def test_the_line_treats_both_scenes_alike() -> None:
    before = ground(1)
    after = exposed(before, noise=10)
    noisy = before + np.random.default_rng(5).normal(0, 10, before.shape)
    there, back = fit_linear(sample(noisy, after)), fit_linear(sample(after, noisy))
    probe = np.array([[100.0, 400.0]], np.float32)
    np.testing.assert_allclose(back.apply(there.apply(probe)), probe, atol=2)


def test_none_leaves_values_alone() -> None:
    found = fit_none(sample(ground(), ground() * 2))
    values = np.array([[-5.0], [0.25], [7e4]], np.float32)
    np.testing.assert_array_equal(found.apply(values), values)
    np.testing.assert_array_equal(found.apply_with_slope(values)[1], np.ones_like(values))


def stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """An 8-bit export with a gamma, clipped at both ends."""
    return np.round(255 * np.clip((values - 60) / 600, 0, 1) ** 0.6)


def test_a_gamma_is_undone_by_a_monotone_map() -> None:
    before = ground(1)
    display = np.round(255 * np.clip(before / 800, 0, 1))
    later = stretched(changed(before, 0.2))
    found = fit_monotone(sample(display, later))
    probe = np.arange(256, dtype=np.float32)[None]
    mapped = found.apply(probe)[0]
    assert (np.diff(mapped) >= 0).all()
    middle = (later[0] > 40) & (later[0] < 220) & (changed(before, 0.2)[0] == before[0])
    errors = mapped[later[0][middle].astype(int)] - display[0][middle]
    assert np.abs(np.median(errors)) < 1
    line = fit_linear(sample(display, later)).apply(probe)[0]
    wrong = line[later[0][middle].astype(int)] - display[0][middle]
    for share in (0.5, 0.9, 0.99):
        ours, lines = (np.quantile(np.abs(e), share) for e in (errors, wrong))
        assert ours < 0.9 * lines


def test_a_clipped_white_maps_to_what_stands_there_and_no_further() -> None:
    """Knots of one value must not make a map that jumps, or runs away beyond them."""
    rng = np.random.default_rng(0)
    before = rng.normal(200, 40, (1, 20_000))
    before[0, :4000] = rng.normal(254, 1.5, 4000)
    later = np.clip(before * 1.05 + rng.normal(0, 1, before.shape), 0, 255).round()
    found = fit_monotone(sample(before, later))
    white = found.apply(np.array([[255.0, 255.1, 256.0, 258.0]], np.float32))[0]
    assert white[0] == pytest.approx(np.median(before[later == 255]), abs=1.5)
    assert (np.diff(white) >= 0).all()
    assert white[-1] - white[0] < 5


@pytest.mark.parametrize("method", METHODS)
def test_every_method_rises(method: str) -> None:
    before = ground(2)
    found = METHODS[method](sample(before, exposed(changed(before, 0.1))))
    assert found.method == method
    probe = np.tile(np.linspace(-200, 2000, 3000, dtype=np.float32), (2, 1))
    mapped = found.apply(probe)
    assert np.isfinite(mapped).all()
    assert (np.diff(mapped, axis=1) >= 0).all()
    slope = found.apply_with_slope(probe)[1]
    assert (slope >= 0).all()
    # The slope is that of the map.
    steps = np.diff(mapped, axis=1) / np.diff(probe, axis=1)
    assert np.median(np.abs(steps - slope[:, 1:])) < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (np.full((1, 500), 9.0), np.full((1, 500), 4.0)),
        (np.full((1, 500), 9.0), ground(1, 500)),
        (ground(1, 500), np.full((1, 500), 9.0)),
        (np.vstack([ground(1, 500), np.full((1, 500), 3.0)]), ground(2, 500, seed=8)),
        (np.repeat([[0.0, 1.0]], 250, axis=0).T.reshape(1, -1), np.zeros((1, 500))),
        (ground(2, 1), ground(2, 1)),
    ],
    ids=["both constant", "before constant", "after constant", "one band", "two values", "one px"],
)
def test_constant_bands_are_answered(
    method: str, before: NDArray[np.float64], after: NDArray[np.float64]
) -> None:
    found = METHODS[method](sample(before, after))
    probe = np.tile(np.array([-10.0, 4.0, 9.0, 5e4], np.float32), (len(before), 1))
    for values in (found.apply(probe), found.apply_with_slope(probe)[1]):
        assert np.isfinite(values).all()
    assert len(found.residual) == len(found.correlation) == len(before)


def test_bands_that_do_not_agree_are_told_by_their_correlation() -> None:
    found = fit_linear(sample(ground(1), ground(1, seed=9)))
    assert abs(found.correlation[0]) < 0.3


def test_some_of_the_bands() -> None:
    before = ground(3)
    found = fit_linear(sample(before, exposed(before)))
    probe = np.array([[100.0], [200.0], [300.0]], np.float32)
    part = found.of((2, 0))
    np.testing.assert_array_equal(part.apply(probe[[2, 0]]), found.apply(probe)[[2, 0]])


def test_pieces_go_on_beyond_the_outer_knots() -> None:
    found = Radiometry(
        source=np.array([[0.0, 10.0, 20.0]]),
        target=np.array([[0.0, 10.0, 40.0]]),
        method="by hand",
        residual=(0.0,),
        core_share=1.0,
        correlation=(1.0,),
    )
    values = np.array([[[-5.0, 5.0], [15.0, 30.0]]], np.float32)
    np.testing.assert_allclose(found.apply(values), [[[-5, 5], [25, 70]]])
    np.testing.assert_allclose(found.apply_with_slope(values)[1], [[[1, 1], [3, 3]]])


@pytest.mark.parametrize(
    ("method", "display", "chosen"),
    [
        ("auto", True, "monotone"),
        ("auto", False, "linear"),
        ("none", True, "none"),
        ("linear", True, "linear"),
    ],
)
def test_what_auto_stands_for(method: str, display: bool, chosen: str) -> None:
    assert choose(method, display_product=display) == chosen


# IR-MAD, and what is left


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_irmad_finds_gain_and_offset_among_changed_pixels(share: float) -> None:
    before = ground(4)
    rng = np.random.default_rng(3)
    after = (changed(before, share) - 40) / 1.7 + rng.normal(0, 1, before.shape)
    found = METHODS["irmad"](sample(before, after))
    gain = np.diff(found.target, axis=1) / np.diff(found.source, axis=1)
    np.testing.assert_allclose(gain, 1.7, rtol=0.01)
    np.testing.assert_allclose(found.target[:, 0] - gain[:, 0] * found.source[:, 0], 40, atol=4)
    assert found.method == "irmad"


def test_radar_is_not_normalised_unless_asked_for() -> None:
    assert choose("auto", display_product=True, radar=True) == "none"
    assert choose("linear", display_product=False, radar=True) == "linear"


def test_what_is_left_is_told_by_texture_and_brightness() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(0, 300, (2, 30_000))
    rough = rng.uniform(0, 30, 30_000)
    # Noise that grows with texture, and is twice as high in the second band.
    noise = rng.normal(size=before.shape) * (1 + rough / 10) * np.array([[1.0], [2.0]])
    pixels = sample(before, before + noise)
    pixels.spill[:] = rough
    found = METHODS["none"](pixels).strata
    assert len(found) == 9
    assert sum(stratum.share for stratum in found) == pytest.approx(1)
    left = {(s.texture, s.brightness): s.residual for s in found}
    for light in ("dark", "medium", "bright"):
        smooth, medium, rough_left = (left[t, light] for t in ("smooth", "medium", "rough"))
        assert smooth[0] < medium[0] < rough_left[0]
        assert smooth[0] == pytest.approx(1.5, rel=0.15)
        assert smooth[1] == pytest.approx(2 * smooth[0], rel=0.15)
