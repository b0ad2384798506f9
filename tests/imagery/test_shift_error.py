from __future__ import annotations

import numpy as np

from imagery.shift_error import ShiftError

ERROR = ShiftError(
    rows=np.array([0.0, 10.0, 30.0]),
    cols=np.array([5.0, 15.0]),
    values=np.array([[0.0, 1.0], [2.0, 3.0], [0.0, 5.0]]),
)


def test_between_nodes_it_is_bilinear_rows_first() -> None:
    found = ERROR.on_grid(np.array([0.0, 5.0, 20.0]), np.array([5.0, 10.0]))
    np.testing.assert_allclose(found, [[0.0, 0.5], [1.0, 1.5], [1.0, 2.5]])


def test_beyond_the_nodes_it_is_held() -> None:
    found = ERROR.on_grid(np.array([-50.0, 99.0]), np.array([-1.0, 99.0]))
    np.testing.assert_allclose(found, [[0.0, 1.0], [0.0, 5.0]])


def test_points_are_those_of_the_grid() -> None:
    rows, cols = np.linspace(-3, 40, 9), np.linspace(0, 20, 7)
    row, col = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
    np.testing.assert_allclose(ERROR.at(row, col), ERROR.on_grid(rows, cols).ravel())


def test_a_constant_is_the_same_everywhere() -> None:
    found = ShiftError.constant(0.4).on_grid(np.arange(3.0), np.arange(-2.0, 2.0))
    assert found.shape == (3, 4)
    assert (found == 0.4).all()
