"""A surface of uniform cubic B-splines over an area, with a penalty on its bending."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from imagery.shift import Shift, bspline_weights

_MAX_KNOTS = 64
"""Intervals between knots along the longer side, at the most."""

_MIN_SPACING = 96.0
"""Distance of knots, px, at the least: what windows of 64 to 128 px can tell apart."""

_KNOTS_APART = 1.5
"""And at the least, in distances between ties."""

_RIDGE = 1e-6
"""Ties down the coefficients that no tie reaches."""


Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Splines:
    """``rows`` times ``cols`` splines, ``spacing`` px apart, from ``origin`` on."""

    origin: tuple[float, float]
    spacing: float
    rows: int
    cols: int

    @classmethod
    def over(cls, extent: tuple[float, float, float, float], row: Floats, col: Floats) -> Splines:
        """The splines that cover an area (top, left, bottom, right), fit for ties at points."""
        return cls._spaced(extent, round(_KNOTS_APART * _distance(row, col)))

    @classmethod
    @lru_cache(maxsize=4)
    def _spaced(cls, extent: tuple[float, float, float, float], least: float) -> Splines:
        top, left, bottom, right = extent
        longest = max(bottom - top, right - left)
        spacing = max(longest / _MAX_KNOTS, _MIN_SPACING, least)
        return cls(
            origin=(top, left),
            spacing=spacing,
            rows=int(np.ceil((bottom - top) / spacing)) + 3,
            cols=int(np.ceil((right - left) / spacing)) + 3,
        )

    @property
    def _band(self) -> int:
        """How far from the diagonal the normal equations reach."""
        return 3 * self.cols + 3

    def design(self, row: NDArray[np.float64], col: NDArray[np.float64]) -> sparse.csr_array:
        """Values of the splines at points; shape (points, splines), sixteen of them a point."""
        first_row, by_row = bspline_weights((row - self.origin[0]) / self.spacing, self.rows)
        first_col, by_col = bspline_weights((col - self.origin[1]) / self.spacing, self.cols)
        four = np.arange(4)
        index = (first_row[:, None, None] + four[:, None]) * self.cols + (
            first_col[:, None, None] + four
        )
        value = by_row.T[:, :, None] * by_col.T[:, None, :]
        return sparse.csr_array(
            (value.ravel(), index.ravel(), np.arange(len(row) + 1) * 16),
            shape=(len(row), self.rows * self.cols),
        )

    def normal(
        self, design: sparse.csr_array, weight: NDArray[np.float64], values: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Normal equations of weighted least squares: banded left side, right side."""
        weighted = design.multiply(weight[:, None]).tocsr()
        return self._banded(design.T @ weighted), np.asarray(weighted.T @ values)

    def solve(
        self,
        normal: NDArray[np.float64],
        right: NDArray[np.float64],
        *,
        smoothness: float,
    ) -> NDArray[np.float64]:
        """Coefficients, shape (splines, columns of ``right``)."""
        left = normal + smoothness * self._bending
        return np.asarray(linalg.solveh_banded(left, right, lower=True, check_finite=False))

    def spread(
        self,
        normal: NDArray[np.float64],
        row: NDArray[np.float64],
        col: NDArray[np.float64],
        *,
        smoothness: float,
    ) -> NDArray[np.float64]:
        """Variance of the surface at points, for ties of unit weight and variance."""
        left = normal + smoothness * self._bending
        factor = linalg.cholesky_banded(left, lower=True, check_finite=False)
        at = self.design(row, col)
        solved = linalg.cho_solve_banded((factor, True), at.T.toarray(), check_finite=False)
        return np.asarray(at.multiply(solved.T).sum(axis=1)).ravel()

    def on_top_of(self, base: Shift, coefficients: NDArray[np.float64]) -> Shift:
        """A shift with the surface added; ``coefficients`` as :meth:`solve` gives them."""
        return replace(
            base,
            knot_origin=self.origin,
            knot_spacing=self.spacing,
            coefficients=coefficients.T.reshape(2, self.rows, self.cols),
        )

    @cached_property
    def _bending(self) -> NDArray[np.float64]:
        """Second differences along both directions and across, as a quadratic form; banded."""

        def squared(count: int, order: int) -> sparse.csr_array:
            d = sparse.csr_array(np.diff(np.eye(count), n=order, axis=0))
            return sparse.csr_array(d.T @ d)

        def eye(count: int) -> sparse.csr_array:
            return sparse.csr_array(sparse.eye_array(count))

        return self._banded(
            sparse.csr_array(
                sparse.kron(squared(self.rows, 2), eye(self.cols))
                + sparse.kron(eye(self.rows), squared(self.cols, 2))
                + 2 * sparse.kron(squared(self.rows, 1), squared(self.cols, 1))
                + _RIDGE * eye(self.rows * self.cols)
            )
        )

    def _banded(self, matrix: sparse.csr_array) -> NDArray[np.float64]:
        """The lower half of a symmetric matrix as LAPACK's bands."""
        entries = matrix.tocoo()
        lower = entries.row >= entries.col
        row, col = entries.row[lower], entries.col[lower]
        bands = np.zeros((self._band + 1, matrix.shape[0]))
        bands[row - col, col] = entries.data[lower]  # a sparse product holds an entry once
        return bands


def _distance(row: Floats, col: Floats) -> float:
    """Distance of a point from the next, px: the median."""
    from scipy.spatial import cKDTree

    if len(row) < 2:
        return 0.0
    points = np.column_stack([row, col])
    return float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
