from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from imagery.shift import Shift, bspline_weights


def smooth(seed: int = 0, *, knots: tuple[int, int] = (6, 7)) -> Shift:
    """A shift with every part."""
    rng = np.random.default_rng(seed)
    return Shift(
        centre=(120.0, 90.0),
        scale=150.0,
        linear=rng.normal(0, 2, (2, 3)),
        knot_origin=(-3.0, 8.0),
        knot_spacing=61.0,
        coefficients=rng.normal(0, 0.5, (2, *knots)),
    )


def basis_of(positions: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """All splines' values at positions, from the four that aren't zero."""
    first, weights = bspline_weights(positions, count)
    basis = np.zeros((len(positions), count))
    for number in range(4):
        basis[np.arange(len(positions)), first + number] = weights[number]
    return basis


@given(positions=st.lists(st.floats(-50, 50), min_size=1, max_size=30), count=st.integers(4, 12))
def test_property_the_basis_sums_to_one(positions: list[float], count: int) -> None:
    first, weights = bspline_weights(np.array(positions), count)
    assert weights.shape == (4, len(positions))
    assert ((first >= 0) & (first <= count - 4)).all()
    assert (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-12)


def test_the_basis_is_that_of_cubic_b_splines() -> None:
    at = np.linspace(0, 5, 41)
    ours = basis_of(at, 8)
    for number in range(8):
        theirs = BSpline.basis_element(np.arange(number - 3, number + 2), extrapolate=False)
        np.testing.assert_allclose(ours[:, number], np.nan_to_num(theirs(at)), atol=1e-12)


def test_beyond_the_knots_the_edge_is_held() -> None:
    np.testing.assert_array_equal(
        basis_of(np.array([-9.0, 70.0]), 6), basis_of(np.array([0.0, 3.0]), 6)
    )


@pytest.mark.parametrize("shift", [Shift.constant(1.5, -2.0), smooth()])
def test_a_grid_of_points_is_the_points(shift: Shift) -> None:
    rows, cols = np.array([-40.0, 0.0, 3.25, 200.0, 900.0]), np.array([1.0, 80.5, 700.0])
    at = np.meshgrid(rows, cols, indexing="ij")
    points = shift.at(at[0].ravel(), at[1].ravel())
    np.testing.assert_allclose(shift.on_grid(rows, cols).reshape(2, -1), points, atol=1e-12)


def test_rows_come_first() -> None:
    shift = Shift(centre=(10.0, 20.0), scale=5.0, linear=np.array([[1.0, 2, 3], [4.0, 5, 6]]))
    # u = (15 - 10) / 5 = 1 along rows, v = (30 - 20) / 5 = 2 along cols.
    np.testing.assert_allclose(shift.at(np.array([15.0]), np.array([30.0]))[:, 0], [9, 21])


def test_zero_is_zero_only_without_any_part() -> None:
    assert Shift.constant(0, 0).zero
    assert not Shift.constant(0, 1e-9).zero
    local = Shift(
        centre=(0, 0), scale=1, linear=np.zeros((2, 3)), coefficients=np.full((2, 4, 4), 0.1)
    )
    assert not local.zero


@given(
    factor=st.floats(0.1, 8), top=st.floats(-300, 300), left=st.floats(-300, 300),
    seed=st.integers(0, 9),
)  # fmt: skip
def test_property_a_rescaled_shift_is_the_same_move_on_another_grid(
    factor: float, top: float, left: float, seed: int
) -> None:
    shift = smooth(seed)
    rows, cols = np.array([0.0, 17.0, 250.0]), np.array([-20.0, 33.0, 400.0])
    other = shift.rescaled(factor, origin=(top, left))
    # The same ground, where pixel centres are whole numbers and corners scale.
    there = (rows + 0.5 - top) * factor - 0.5, (cols + 0.5 - left) * factor - 0.5
    np.testing.assert_allclose(
        other.on_grid(*there), shift.on_grid(rows, cols) * factor, rtol=1e-9, atol=1e-9
    )
