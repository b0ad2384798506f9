from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.difference import METHODS, Noise, change_vector, fit_noise, mean_difference


def noise_of(bands: int, *, seed: int = 0) -> Noise:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(bands, bands)) + 2 * np.eye(bands)
    return Noise(mean=rng.normal(0, 3, bands), covariance=root @ root.T)


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
    found = change_vector(d, np.zeros((2, *d.shape), np.float32), noise)
    np.testing.assert_allclose(found.score, expected, rtol=1e-5)
    assert found.score.dtype == found.signed.dtype == np.float32


@pytest.mark.parametrize("bands", [1, 2, 3, 8])
@pytest.mark.parametrize("error", [0.1, 0.5, 3.0])
def test_the_registration_error_widens_the_covariance(bands: int, error: float) -> None:
    d, g = pixels(bands, 60)
    g *= error
    noise = noise_of(bands)
    found = change_vector(d, g, noise).score
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
    expected = np.abs(d[0]) / np.sqrt(1 + 2 * strength**2)
    np.testing.assert_allclose(change_vector(d, g, noise).score, expected, rtol=1e-3, atol=1e-4)


def test_identical_scenes_score_nothing_however_little_noise_there_is() -> None:
    d, g = np.zeros((2, 500), np.float32), pixels(2, 500)[1]
    noise = fit_noise(d, quantisation=np.zeros(2))
    for measure in METHODS.values():
        found = measure(d, g, noise)
        assert not found.score.any()
        assert not found.signed.any()


def test_the_sign_is_that_of_the_later_scene() -> None:
    d = np.array([[10.0, -10.0], [20.0, -20.0]], np.float32)
    noise = Noise(mean=np.zeros(2), covariance=np.diag([4.0, 100.0]))
    for measure in METHODS.values():
        np.testing.assert_allclose(
            measure(d, np.zeros((2, 2, 2), np.float32), noise).signed, [3.5, -3.5]
        )


def test_opposite_bands_cancel_in_the_mean_and_not_in_the_vector() -> None:
    d = np.array([[9.0], [-9.0]], np.float32)
    noise = Noise(mean=np.zeros(2), covariance=np.eye(2))
    none = np.zeros((2, 2, 1), np.float32)
    assert mean_difference(d, none, noise).score[0] == 0
    assert change_vector(d, none, noise).score[0] == pytest.approx(9 * np.sqrt(2))


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
    scores = change_vector(d, np.zeros((2, *d.shape), np.float32), noise).score
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
    found = change_vector(d, np.ones((2, *d.shape), np.float32), noise)
    assert np.isfinite(noise.covariance).all()
    assert np.isfinite(found.score).all()
    assert np.isfinite(found.signed).all()
