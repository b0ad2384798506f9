from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.mad import fit_mad


def bands_of(
    correlation: list[float], *, count: int = 60_000, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two images whose variates correlate so, each mixed by a matrix of its own."""
    rng = np.random.default_rng(seed)
    rho = np.array(correlation)[:, None]
    u = rng.normal(size=(len(rho), count))
    v = rho * u + np.sqrt(1 - rho**2) * rng.normal(size=u.shape)
    mixtures = rng.normal(size=(2, len(rho), len(rho))) + 2 * np.eye(len(rho))
    return 40 * mixtures[0] @ u + 300, 7 * mixtures[1] @ v - 20


def test_the_correlations_are_found_through_any_mixture() -> None:
    true = np.array([0.98, 0.9, 0.6])
    x, y = bands_of(list(true))
    fitted = fit_mad(x, y)
    # The weights favour what agrees, and raise every correlation.
    assert (fitted.correlation > true).all()
    assert (np.diff(fitted.correlation) < 0).all()
    assert (fitted.correlation < 1).all()
    u = fitted.before @ (x - fitted.mean_before[:, None])
    v = fitted.after @ (y - fitted.mean_after[:, None])
    together = np.corrcoef(np.concatenate([u, v]))[:3, 3:]
    np.testing.assert_allclose(together, np.diag(true), atol=0.03)


def test_the_statistic_does_not_depend_on_units() -> None:
    x, y = bands_of([0.95, 0.8], count=5000)
    plain = fit_mad(x, y).statistic(x, y)
    other = np.array([[2.0, 1], [-1, 3]]) @ y + 1000
    found = fit_mad(x, other).statistic(x, other)
    # To within what the rounds leave open when they stop.
    np.testing.assert_allclose(np.sqrt(found), np.sqrt(plain), rtol=0.05, atol=0.1)


def test_exchanged_images_have_one_statistic() -> None:
    x, y = bands_of([0.95, 0.8], count=5000)
    np.testing.assert_allclose(
        fit_mad(y, x).statistic(y, x), fit_mad(x, y).statistic(x, y), rtol=1e-3
    )


def test_changed_pixels_have_no_say() -> None:
    x, y = bands_of([0.99, 0.97, 0.9], count=20_000)
    clean = fit_mad(x, y).statistic(x, y)
    altered = y.copy()
    altered[:, :4000] = np.random.default_rng(1).normal(0, 90, (3, 4000))
    found = fit_mad(x, altered).statistic(x, altered)
    assert np.median(found[4000:]) == pytest.approx(np.median(clean[4000:]), rel=0.1)
    assert np.median(found[:4000]) > 50 * np.median(found[4000:])


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 300)),
        np.full((1, 300), 7.0),
        np.tile(np.arange(300.0), (3, 1)),  # bands that are one another
        np.ones((2, 1)),
    ],
    ids=["zero", "constant", "one band thrice", "one pixel"],
)
def test_odd_images_have_a_statistic(x: NDArray[np.float64]) -> None:
    x.setflags(write=False)
    found = fit_mad(x, x).statistic(x, x)
    assert found.shape == x.shape[1:]
    np.testing.assert_allclose(found, 0, atol=1e-3)
