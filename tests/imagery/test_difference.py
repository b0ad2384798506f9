from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from imagery.difference import METHODS, Choice, Noise, Scores, choose, fit_noise
from imagery.errors import InputError
from imagery.options import DifferenceOptions
from imagery.sampling import Pair
from imagery.scene import Fact


def noise_of(bands: int, *, seed: int = 0) -> Noise:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(bands, bands)) + 2 * np.eye(bands)
    return Noise(mean=rng.normal(0, 3, bands), covariance=root @ root.T)


def pair_of(difference: NDArray[np.floating], spill: NDArray[np.floating] | None = None) -> Pair:
    """A pair that differs so, as one row of pixels where it has no rows."""
    d = np.asarray(difference, np.float32)
    g = np.zeros((2, *d.shape), np.float32) if spill is None else np.asarray(spill, np.float32)
    if d.ndim == 2:
        d, g = d[:, None], g[:, :, None]
    shape = d.shape[1:]
    return Pair(
        before=np.zeros_like(d),
        after=d,
        spill=g,
        error=np.zeros(shape, np.float32),
        seen=np.ones(shape, bool),
    )


def score(
    name: str, difference: NDArray[np.floating], spill: NDArray[np.floating] | None, noise: Noise
) -> Scores:
    pair, method = pair_of(difference, spill), METHODS[name]
    fitted = method.fit([pair], noise, DifferenceOptions())
    return method.score(pair, fitted)


def pixels(
    bands: int, *shape: int, seed: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A difference, and what a misalignment spills."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, 10, (bands, *shape)).astype(np.float32),
        rng.normal(0, 30, (2, bands, *shape)).astype(np.float32),
    )


@pytest.mark.parametrize("bands", [1, 2, 3, 8])
def test_where_nothing_spills_it_is_mahalanobis(bands: int) -> None:
    d = pixels(bands, 7, 9)[0]
    noise = noise_of(bands)
    centred = d - noise.mean[:, None, None]
    inverse = np.linalg.inv(noise.covariance)
    expected = np.sqrt(np.einsum("irc,ij,jrc->rc", centred, inverse, centred))
    found = score("cva", d, None, noise)
    np.testing.assert_allclose(found.score, expected, rtol=1e-5)
    assert found.score.dtype == found.signed.dtype == np.float32


@pytest.mark.parametrize("bands", [1, 2, 3, 8])
@pytest.mark.parametrize("error", [0.1, 0.5, 3.0])
def test_the_registration_error_widens_the_covariance(bands: int, error: float) -> None:
    d, g = pixels(bands, 60)
    g *= error
    noise = noise_of(bands)
    found = score("cva", d, g, noise).score[0]
    for at in range(60):
        rows, cols = g[0, :, at].astype(float), g[1, :, at].astype(float)
        wide = noise.covariance + np.outer(rows, rows) + np.outer(cols, cols)
        centred = d[:, at] - noise.mean
        expected = np.sqrt(centred @ np.linalg.inv(wide) @ centred)
        assert found[at] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("strength", [1e2, 6e4, 1e9])
def test_an_edge_far_above_the_noise_keeps_its_score(strength: float) -> None:
    """In 32 bits the two terms would cancel to nothing, or to NaN."""
    d = np.array([[1.0, 2e4, -5.0]], np.float32)
    g = np.full((2, 1, 3), strength, np.float32)
    noise = Noise(mean=np.zeros(1), covariance=np.eye(1))
    expected = np.abs(d) / np.sqrt(1 + 2 * strength**2)
    np.testing.assert_allclose(score("cva", d, g, noise).score, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["cva", "difference", "robust-cva"])
def test_identical_scenes_score_nothing_however_little_noise_there_is(name: str) -> None:
    d, g = np.zeros((2, 500), np.float32), pixels(2, 500)[1]
    noise = fit_noise(d, quantisation=np.zeros(2))
    found = score(name, d, g, noise)
    assert not found.score.any()
    assert not found.signed.any()


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if not method.radar])
def test_the_sign_is_that_of_the_later_scene(name: str) -> None:
    d = np.array([[10.0, -10.0], [20.0, -20.0]], np.float32)
    noise = Noise(mean=np.zeros(2), covariance=np.diag([4.0, 100.0]))
    np.testing.assert_allclose(score(name, d, None, noise).signed, [[3.5, -3.5]])


def test_opposite_bands_cancel_in_the_mean_and_not_in_the_vector() -> None:
    d = np.array([[9.0], [-9.0]], np.float32)
    noise = Noise(mean=np.zeros(2), covariance=np.eye(2))
    assert score("difference", d, None, noise).score[0, 0] == 0
    assert score("cva", d, None, noise).score[0, 0] == pytest.approx(9 * np.sqrt(2))


# The other measures, each against what it is defined by


def scene(
    *, bands: int = 3, size: int = 60, sigma: float = 1.0, seed: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Two dates of ground with structure that differ by noise alone."""
    rng = np.random.default_rng(seed)
    ground = ndimage.gaussian_filter(rng.normal(0, 300, (bands, size, size)), (0, 2, 2)) + 200
    return (
        (ground + rng.normal(0, sigma, ground.shape)).astype(np.float32),
        (ground + rng.normal(0, sigma, ground.shape)).astype(np.float32),
    )


def dates(before: NDArray[np.floating], after: NDArray[np.floating], *, error: float = 0.0) -> Pair:
    seen = np.ones(before.shape[1:], bool)
    return Pair(
        before=np.asarray(before, np.float32),
        after=np.asarray(after, np.float32),
        spill=np.zeros((2, *before.shape), np.float32),
        error=np.full(seen.shape, error, np.float32),
        seen=seen,
    )


def found(name: str, pair: Pair, units: Any = "auto") -> tuple[NDArray[np.float32], Any]:
    method = METHODS[name]
    noise = fit_noise(
        (pair.after - pair.before)[:, pair.seen], quantisation=np.full(len(pair.before), 1e-6)
    )
    fitted = method.fit([pair], noise, DifferenceOptions(radar_units=units))
    return method.score(pair, fitted).score, fitted


def test_irmad_is_blind_to_a_mixture_of_the_bands() -> None:
    x, y = scene()
    mixture = np.array([[1.0, 0.3, 0], [-0.2, 0.8, 0.1], [0, 0.4, 2.0]])
    y[:, 20:24, 20:24] += 60
    mixed = np.tensordot(mixture, y, axes=1) + np.array([5.0, -7, 30])[:, None, None]
    plain, other = (found("irmad", dates(x, after))[0] for after in (y, mixed))
    np.testing.assert_allclose(other, plain, rtol=0.02, atol=0.02)
    # While the change vector takes the mixture for a change everywhere.
    assert (found("cva", dates(x, mixed))[0] > 3).mean() != pytest.approx(
        (plain > 3).mean(), abs=1e-3
    )
    assert np.median(plain[20:24, 20:24]) > 20 * np.median(plain)


def test_irmad_of_unchanged_pixels_is_chi_square() -> None:
    plain, _ = found("irmad", dates(*scene(size=200)))
    assert np.median(plain**2) == pytest.approx(2.366, rel=0.01)
    assert (plain**2).mean() == pytest.approx(3, rel=0.03)


def test_the_angle_does_not_see_a_shadow_and_sees_a_colour() -> None:
    x, y = scene(sigma=0.5)
    y[:, :, 40:] *= 0.6
    y[:, 10:20, 10:20] = y[[2, 0, 1], 10:20, 10:20] * np.array([2.0, 0.5, 1])[:, None, None]
    angles, _ = found("angle", dates(x, y))
    vectors, _ = found("cva", dates(x, y))
    usual = np.median(angles[25:, :35])
    assert np.median(angles[:, 44:]) < 2.5 * usual
    assert np.median(vectors[:, 44:]) > 10 * np.median(vectors[25:, :35])
    assert np.median(angles[12:18, 12:18]) > 10 * usual


def test_structure_does_not_see_how_bright_it_is() -> None:
    x, y = scene()
    brighter = y + np.linspace(0, 1, 60)[None, None] * 40
    calm = found("structure", dates(x, y))[0]
    np.testing.assert_allclose(
        np.median(found("structure", dates(x, brighter))[0]), np.median(calm), rtol=0.05
    )
    y[:, 30:40, 30:40] = y[:, 30:40, 30:40].mean(axis=(1, 2), keepdims=True)
    assert np.median(found("structure", dates(x, y))[0][32:38, 32:38]) > 5 * np.median(calm)


def test_robust_vectors_forgive_a_pixel_where_the_alignment_is_bad_alone() -> None:
    x, y = scene(sigma=0.1)
    moved = np.roll(y, 1, axis=2)
    noise = Noise(mean=np.zeros(3), covariance=np.eye(3))
    method = METHODS["robust-cva"]
    good, bad = (method.score(dates(x, moved, error=e), noise).score for e in (0.25, 0.26))
    np.testing.assert_array_equal(good, METHODS["cva"].score(dates(x, moved), noise).score)
    assert np.median(bad[:, 2:-2]) < 0.4
    assert np.median(good) > 10
    # A change of several pixels is no neighbour's.
    moved[:, 20:28, 20:28] += 500
    assert (method.score(dates(x, moved, error=0.3), noise).score[20:28, 20:28] > 100).all()


def test_robust_vectors_are_plain_pixel_by_pixel_where_the_alignment_is_good() -> None:
    x, y = scene(sigma=0.1)
    pair = dates(x, np.roll(y, 1, axis=2))
    pair.error[:, :30], pair.error[:, 30:] = 0.25, 0.4
    noise = Noise(mean=np.zeros(3), covariance=np.eye(3))
    robust, plain = (METHODS[name].score(pair, noise).score for name in ("robust-cva", "cva"))
    np.testing.assert_array_equal(robust[:, :30], plain[:, :30])
    assert np.median(robust[:, 31:-2]) < 0.1 * np.median(plain[:, 31:-2])


def test_an_anomalous_change_is_not_what_all_did() -> None:
    x, y = scene()
    season = 0.5 * y + np.array([80.0, -20, 10])[:, None, None]
    season[:, 30:33, 30:33] = y[:, 30:33, 30:33]  # what stayed as it was, is odd here
    score, _ = found("anomalous", dates(x, season))
    assert np.median(score[30:33, 30:33]) > 5 * np.median(score)


@pytest.mark.parametrize("size", [3, 5, 9])
def test_small_objects_stand_out_of_a_change_all_around(size: int) -> None:
    x, y = scene(sigma=3)
    y += np.linspace(0, 200, 60)[None, :, None]  # haze on one side
    at = slice(30 - size // 2, 30 + size // 2 + 1)
    y[:, at, at] += 25
    matched, vectors = (found(name, dates(x, y))[0] for name in ("matched", "cva"))
    inner = np.s_[10:50, 10:50]
    assert np.unravel_index(matched[inner].argmax(), (40, 40)) == pytest.approx((20, 20), abs=2)
    assert vectors[30, 30] < vectors.max()
    assert matched[30, 30] > 5 * np.median(matched[inner])


def test_a_region_gathers_what_its_pixels_hardly_show() -> None:
    x, y = scene(sigma=12)
    x[:, 16:40, 16:40] += 900  # a field that both dates show
    y[:, 16:40, 16:40] += 900 + 14
    regions, vectors = (found(name, dates(x, y))[0] for name in ("object", "cva"))
    field, rest = np.s_[18:38, 18:38], np.s_[44:, :]
    assert np.median(regions[field]) / np.median(regions[rest]) > 2.5
    assert np.median(vectors[field]) / np.median(vectors[rest]) < 1.8


def test_patches_bring_their_own_cut() -> None:
    x, y = scene()
    y[:, 20:32, 20:32] += 40
    score, fitted = found("pca-kmeans", dates(x, y))
    own = METHODS["pca-kmeans"].cut
    assert own is not None
    changed = score > own(fitted)
    assert changed[21:31, 21:31].all()
    assert not changed[:17].any()
    assert not changed[36:].any()


def test_fused_deviates_are_normal_where_nothing_changed() -> None:
    """Their size has the null of one: half of them above 0.674, a hundredth above 2.576."""
    score, fitted = found("fused", dates(*scene(size=160)))
    assert np.median(score) == pytest.approx(0.674, abs=0.1)
    assert (score > 2.576).mean() == pytest.approx(0.01, abs=0.01)
    assert [expert.name for expert in fitted.experts] == ["cva", "irmad"]


# Radar


def speckle(looks: float, *, size: int = 120, seed: int = 5) -> NDArray[np.float32]:
    """Intensities of ground whose brightness varies a hundredfold."""
    rng = np.random.default_rng(seed)
    ground = np.logspace(0, 2, size)[None, :, None].transpose(0, 2, 1) * np.ones((1, size, size))
    return (ground * rng.gamma(looks, 1 / looks, ground.shape)).astype(np.float32)


def test_a_ratio_has_one_noise_wherever_it_is_bright() -> None:
    pair = dates(speckle(5), speckle(5, seed=6))
    score, fitted = found("log-ratio", pair, "intensity")
    dark, bright = np.median(score[:, 30:50]), np.median(score[:, -20:])
    assert bright == pytest.approx(dark, rel=0.15)
    assert np.median(score) == pytest.approx(0.674, abs=0.02)
    for looks in fitted.looks:
        assert looks == pytest.approx(5, rel=0.25)
    differences, _ = found("cva", pair)
    assert np.median(differences[:, -20:]) > 10 * np.median(differences[:, 30:50])


def test_the_units_of_one_radar_image_give_one_answer() -> None:
    before, after = speckle(5), 3 * speckle(5, seed=6)
    after[:, 50:60, 50:60] *= 10
    as_units = {"intensity": lambda a: a, "amplitude": np.sqrt, "db": lambda a: 10 * np.log10(a)}
    for name in ("log-ratio", "energy-log-ratio"):
        scores = [
            found(name, dates(of(before), of(after)), units)[0] for units, of in as_units.items()
        ]
        np.testing.assert_allclose(scores[1], scores[0], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(scores[2], scores[0], rtol=1e-3, atol=1e-3)


def test_a_gain_between_two_radar_images_is_no_change() -> None:
    before, after = speckle(5), speckle(5, seed=6)
    one, two = (found("log-ratio", dates(before, k * after), "intensity")[0] for k in (1, 4))
    assert np.median(two) == pytest.approx(np.median(one), rel=0.05)


def test_ratios_count_for_less_on_calm_water() -> None:
    """The same ratio, on land and where it is a hundred times darker."""
    before, after = speckle(8), speckle(8, seed=6)
    level = np.logspace(0, 2, 120)[None, None, :]
    before, after = (np.asarray(a / level * 100, np.float32) for a in (before, after))
    before[:, :, :20], after[:, :, :20] = before[:, :, :20] / 1e4, after[:, :, :20] / 1e4
    for cols in (slice(5, 15), slice(60, 70)):
        after[:, 40:80, cols] *= 8
    score, _ = found("energy-log-ratio", dates(before, after), "intensity")
    assert np.median(score[45:75, 7:13]) < 0.5 * np.median(score[45:75, 62:68])


def test_weighted_ratios_part_a_change_from_speckle() -> None:
    before, after = speckle(4), speckle(4, seed=6)
    after[:, 40:60, 60:80] *= 8
    score, fitted = found("energy-log-ratio", dates(before, after), "intensity")
    own = METHODS["energy-log-ratio"].cut
    assert own is not None
    changed = score > own(fitted)
    assert changed[42:58, 62:78].mean() > 0.9
    assert changed[:30].mean() < 0.02


# Which measure


def scene_with(name: str, facts: dict[str, str] | None = None, *, bands: int = 3) -> Any:
    return SimpleNamespace(
        name=name,
        facts={k: Fact(v, "a sidecar") for k, v in (facts or {}).items()},
    )


S1 = {"sar:instrument_mode": "IW", "sar:product_type": "GRD", "sat:orbit_state": "ascending"}


def chosen(
    first: dict[str, str],
    second: dict[str, str],
    *,
    bands: int = 3,
    error: float = 0.1,
    season: float | None = None,
    **options: Any,
) -> Choice:
    scenes = scene_with("a.tif", first), scene_with("b.tif", second)
    return choose(
        DifferenceOptions(**options), scenes, bands=bands, error_px=error, season_days=season
    )


def test_optical_pairs_are_compared_by_change_vectors() -> None:
    choice = chosen({}, {"platform": "x"})
    assert choice.method == "cva"
    assert choice.why


def test_seasons_are_compared_by_what_is_unlike_the_rest() -> None:
    choice = chosen({}, {}, season=120)
    assert choice.method == "anomalous"
    assert "120 days apart in the year" in choice.why
    assert chosen({}, {}, season=45).method == "cva"
    assert chosen(S1, S1, bands=1, season=120).method == "energy-log-ratio"


def test_badly_aligned_pairs_are_compared_loosely() -> None:
    choice = chosen({}, {}, error=0.4)
    assert choice.method == "robust-cva"
    assert "0.40 px" in choice.why
    assert chosen({}, {}, error=0.4, season=120).method == "robust-cva"
    assert chosen({}, {}, error=0.25).method == "cva"


def test_radar_is_told_by_its_metadata_or_by_the_user() -> None:
    by_facts = chosen(S1, S1, bands=1)
    assert by_facts.method == "energy-log-ratio"
    assert by_facts.options.radar_units == "amplitude"
    assert "metadata" in by_facts.why
    told = chosen({}, {}, bands=1, radar_units="db")
    assert told.method == "energy-log-ratio"
    assert told.options.radar_units == "db"
    assert "--radar-units" in told.why
    assert chosen(S1 | {"sar:product_type": "RTC"}, S1, bands=1).options.radar_units == "intensity"


def test_a_method_that_is_asked_for_is_kept() -> None:
    choice = chosen(S1, S1, method="cva")
    assert choice.method == "cva"
    assert "--method" in choice.why


@pytest.mark.parametrize(
    ("first", "second", "options", "words"),
    [
        (S1, {}, {}, "not both radar"),
        (S1, S1 | {"sat:orbit_state": "descending"}, {}, "different sides"),
        (
            S1 | {"sar:observation_direction": "right"},
            S1 | {"sar:observation_direction": "left"},
            {},
            "different sides",
        ),
        (S1, S1 | {"sar:product_type": "SLC"}, {}, "slant range"),
        ({}, {}, {"method": "log-ratio"}, "nothing says"),
    ],
)
def test_radar_that_cannot_be_compared_is_refused(
    first: dict[str, str], second: dict[str, str], options: dict[str, str], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        chosen(first, second, bands=1, **options)
    assert ".tif" in str(caught.value)
    assert caught.value.found
    assert caught.value.needed
    assert caught.value.exit_status == 3


def test_a_method_of_several_bands_is_refused_for_one() -> None:
    with pytest.raises(InputError, match="compares bands") as caught:
        chosen({}, {}, bands=1, method="irmad")
    assert caught.value.option == "--method"


# Noise


def gaussian(covariance: NDArray[np.float64], count: int = 60_000) -> NDArray[np.float32]:
    rng = np.random.default_rng(3)
    bands = len(covariance)
    return rng.multivariate_normal(np.arange(bands) * 5.0, covariance, count).T.astype(np.float32)


COVARIANCE = np.array([[4.0, 3, 0], [3, 9, -2], [0, -2, 1.5]])


@pytest.mark.parametrize("changed", [0.0, 0.2])
def test_noise_is_that_of_the_unchanged_pixels(changed: float) -> None:
    d = gaussian(COVARIANCE)
    d[:, : int(changed * d.shape[1])] += 300
    found = fit_noise(d, quantisation=np.zeros(3))
    # Changed pixels move the median outwards: the scale is a little high, never low.
    scale = np.trace(found.covariance) / np.trace(COVARIANCE)
    assert 0.97 < scale < (1.03 if not changed else 1.5)
    np.testing.assert_allclose(found.mean, [0, 5, 10], atol=0.05)
    np.testing.assert_allclose(found.covariance / scale, COVARIANCE, atol=0.25)


def test_unchanged_pixels_score_as_chi() -> None:
    d = gaussian(COVARIANCE)
    noise = fit_noise(d, quantisation=np.zeros(3))
    scores = score("cva", d, None, noise).score
    assert np.median(scores**2) == pytest.approx(2.366, rel=0.02)
    assert (scores**2).mean() == pytest.approx(3, rel=0.02)


def test_rounding_is_a_floor_under_the_noise() -> None:
    found = fit_noise(np.zeros((1, 900), np.float32), quantisation=np.array([1 / 6]))
    assert found.covariance[0, 0] == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    "d",
    [
        np.zeros((3, 300), np.float32),
        np.full((1, 300), 7, np.float32),
        np.tile(np.arange(300, dtype=np.float32), (3, 1)),  # bands that are one another
        np.ones((2, 1), np.float32),
        np.eye(300, dtype=np.float32)[:1] * 1000,
    ],
    ids=["zero", "constant", "one band thrice", "one pixel", "one spike"],
)
def test_odd_differences_give_usable_noise(d: NDArray[np.float32]) -> None:
    noise = fit_noise(d, quantisation=np.zeros(len(d)))
    found = score("cva", d, np.ones((2, *d.shape), np.float32), noise)
    assert np.isfinite(noise.covariance).all()
    assert np.isfinite(found.score).all()
    assert np.isfinite(found.signed).all()
