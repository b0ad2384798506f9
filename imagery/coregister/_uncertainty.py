"""How far the field may be off: place by place, and whether ties fall where it says they do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.coregister._field import FittedField
from imagery.coregister._ties import Ties
from imagery.shift_error import ShiftError

_NODES = 25
"""Nodes of the error along the longer side."""

_NEIGHBOURS = 16
"""Ties around a node that tell how well the field fits there."""

_MEDIAN_SQUARE = 1.386
"""Median of the squared length of a vector of two unit Gaussians."""

_TIE_FLOOR = 0.03
"""Standard error, px, that no tie is better than."""


def tie_variance(ties: Ties) -> NDArray[np.float64]:
    """Covariance of each tie's own noise, shape (ties, 2, 2), px²."""
    return np.asarray(ties.covariance + _TIE_FLOOR**2 * np.eye(2))


def tie_error(ties: Ties) -> NDArray[np.float64]:
    """Standard error of each tie's own noise along an axis, px."""
    return np.asarray(np.sqrt(np.trace(tie_variance(ties), axis1=1, axis2=2) / 2))


def expected_error(
    area: Window, field: FittedField, ties: Ties, residual: NDArray[np.float64]
) -> ShiftError:
    """The standard error of the shift over an area.

    Two parts: what the ties leave open of the field, which grows where there are few; and what the
    field leaves of the ties nearby beyond their own noise, which grows where it doesn't fit, as at
    a seam.  What stands above the ground is displaced further, by its height.

    Parameters
    ----------
    area
        The window of the working grid to cover.
    field
        The field.
    ties
        All that was matched on the ground there, whether the field follows it or not.
    residual
        What the field, fitted without them, leaves of the ties; shape (ties, 2), px.
    """
    rows, cols = _nodes(area)
    row, col = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
    variance = field.variance(row, col) + _misfit(row, col, ties, residual)
    values = np.sqrt(variance).reshape(len(rows), len(cols))
    error = ShiftError(rows=rows, cols=cols, values=values)
    return error if field.seams is None else field.seams.blurred(error, area)


def _nodes(area: Window) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    step = max(area.shape) / (_NODES - 1)
    return tuple(  # type: ignore[return-value]
        np.linspace(first, last - 1.0, max(2, round((last - first) / step) + 1))
        for first, last in ((area.top, area.bottom), (area.left, area.right))
    )


def _misfit(
    row: NDArray[np.float64],
    col: NDArray[np.float64],
    ties: Ties,
    residual: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Variance per axis, at points, of the ties' residuals beyond their own noise."""
    from scipy.spatial import cKDTree

    count = min(_NEIGHBOURS, len(ties))
    if count < 4:
        return np.zeros(len(row))
    tree = cKDTree(np.column_stack([ties.row, ties.col]))
    _, near = tree.query(np.column_stack([row, col]), k=count)
    square = (residual**2).sum(axis=1)
    noise = tie_error(ties) ** 2
    seen = np.median(square[near], axis=1) / _MEDIAN_SQUARE
    return np.asarray(np.maximum(0.0, seen - np.median(noise[near], axis=1)))


def squared_distances(
    ties: Ties, residual: NDArray[np.float64], error: ShiftError
) -> NDArray[np.float64]:
    """Mahalanobis distance, squared, of each residual in its own expected covariance."""
    expected = tie_variance(ties)
    expected += error.at(ties.row, ties.col)[:, None, None] ** 2 * np.eye(2)
    solved = np.linalg.solve(expected, residual[..., None])[..., 0]
    return np.asarray((residual * solved).sum(axis=1))
