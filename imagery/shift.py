"""A smooth displacement of one scene on the working grid, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, readonly


@dataclass(frozen=True, kw_only=True, eq=False)
class Shift:
    """The move, (rows, cols) in px, to apply to the moving scene at each pixel of the grid.

    The aligned scene at ``p`` is the moving scene at ``p - shift(p)``, on the working grid.

    ``shift(p) = linear @ (1, u, v) + spline(p)`` with ``(u, v) = (p - centre) / scale``; the
    spline is a uniform cubic B-spline surface (Eilers & Marx 1996, eq. 1; its edge value is held
    outside its knots).
    """

    centre: tuple[float, float]
    """(row, col) of the working grid around which the linear part turns."""

    scale: float
    """Pixels for which ``u`` and ``v`` grow by one."""

    linear: NDArray[np.float64]
    """Shape (2, 3): rows and cols; constant, by ``u``, by ``v``."""

    knot_origin: tuple[float, float] = (0.0, 0.0)
    """(row, col) of the first interior knot."""

    knot_spacing: float = 1.0
    """Distance between knots in px."""

    coefficients: NDArray[np.float64] | None = None
    """Spline coefficients, shape (2, knot rows, knot cols); None without a local part."""

    @classmethod
    def constant(cls, rows: float, cols: float) -> Shift:
        """The same move everywhere."""
        return cls(
            centre=(0.0, 0.0), scale=1.0, linear=np.array([[rows, 0.0, 0.0], [cols, 0.0, 0.0]])
        )

    @property
    def zero(self) -> bool:
        """Whether nothing moves at all."""
        return not self.linear.any() and (self.coefficients is None or not self.coefficients.any())

    def rescaled(self, factor: float, *, origin: tuple[float, float]) -> Shift:
        """The same move on a grid with ``factor`` px for one, whose corner lies at ``origin``.

        ``origin`` is the (row, col) of the corner of its first pixel, counted from the corner of
        this grid's first pixel.
        """

        def place(point: tuple[float, float]) -> tuple[float, float]:
            # Corners scale; a pixel's centre lies half a pixel inside.
            return (
                (point[0] + 0.5 - origin[0]) * factor - 0.5,
                (point[1] + 0.5 - origin[1]) * factor - 0.5,
            )

        return Shift(
            centre=place(self.centre),
            scale=self.scale * factor,
            linear=self.linear * factor,
            knot_origin=place(self.knot_origin),
            knot_spacing=self.knot_spacing * factor,
            coefficients=None if self.coefficients is None else self.coefficients * factor,
        )

    def on_grid(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shift where every of ``rows`` meets every of ``cols``; shape (2, rows, cols)."""
        u = (rows[:, None] - self.centre[0]) / self.scale
        v = (cols[None, :] - self.centre[1]) / self.scale
        shift = np.empty((2, len(rows), len(cols)))
        for axis, (a, b, c) in zip(shift, self.linear, strict=True):
            np.add(a + b * u, c * v, out=axis)
        if self.coefficients is not None:
            _, knot_rows, knot_cols = self.coefficients.shape
            row = bspline_weights((rows - self.knot_origin[0]) / self.knot_spacing, knot_rows)
            col = bspline_weights((cols - self.knot_origin[1]) / self.knot_spacing, knot_cols)
            _add_surface(np.ascontiguousarray(self.coefficients, float), *row, *col, shift)
        return shift

    def at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shift at points; shape (2, points)."""
        u = (rows - self.centre[0]) / self.scale
        v = (cols - self.centre[1]) / self.scale
        shift = np.stack([a + b * u + c * v for a, b, c in self.linear])
        if self.coefficients is not None:
            _, knot_rows, knot_cols = self.coefficients.shape
            row, by_row = bspline_weights(
                (rows - self.knot_origin[0]) / self.knot_spacing, knot_rows
            )
            col, by_col = bspline_weights(
                (cols - self.knot_origin[1]) / self.knot_spacing, knot_cols
            )
            four = np.arange(4)
            near = self.coefficients[
                :, (row[:, None] + four)[:, :, None], (col[:, None] + four)[:, None, :]
            ]
            shift += np.einsum("ip,kpij,jp->kp", by_row, near, by_col)
        return shift


def bspline_weights(
    positions: NDArray[np.float64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The four of ``count`` uniform cubic B-splines that are not zero at positions in knot units.

    Parameters
    ----------
    positions
        Shape (points,).  The splines cover ``[0, count - 3]``; positions outside are moved to its
        edge.
    count
        Number of splines, at least 4.

    Returns
    -------
    (first, weights)
        The first of the four, shape (points,), and their values, shape (4, points), which sum to
        one.
    """
    inside = np.clip(positions, 0.0, count - 3.0)
    first = np.minimum(np.floor(inside).astype(np.int64), count - 4)
    t = inside - first
    weights = np.stack(
        [
            (1 - t) ** 3 / 6,
            (3 * t**3 - 6 * t**2 + 4) / 6,
            (-3 * t**3 + 3 * t**2 + 3 * t + 1) / 6,
            t**3 / 6,
        ]
    )
    return first, weights


@compiled(
    f"void({readonly('float64', 3)}, {readonly('int64', 1)}, {readonly('float64', 2)}, "
    f"{readonly('int64', 1)}, {readonly('float64', 2)}, float64[:,:,::1])"
)
def _add_surface(
    coefficients: NDArray[np.float64],
    first_row: NDArray[np.int64],
    by_row: NDArray[np.float64],
    first_col: NDArray[np.int64],
    by_col: NDArray[np.float64],
    shift: NDArray[np.float64],
) -> None:
    """Add the spline surface to ``shift``; each pixel takes the 4 x 4 coefficients around it."""
    axes, rows, cols = shift.shape
    line = np.empty(coefficients.shape[2])
    for axis in range(axes):
        for row in range(rows):
            top = first_row[row]
            line[:] = 0
            for k in range(4):
                for knot in range(len(line)):
                    line[knot] += by_row[k, row] * coefficients[axis, top + k, knot]
            begin = 0
            while begin < cols:
                left, end = first_col[begin], begin + 1
                while end < cols and first_col[end] == left:
                    end += 1
                a, b, c, d = line[left], line[left + 1], line[left + 2], line[left + 3]
                for at in range(begin, end):
                    col = np.uint64(at)  # unsigned: it doesn't count from the end
                    shift[axis, row, col] += (a * by_col[0, col] + b * by_col[1, col]) + (
                        c * by_col[2, col] + d * by_col[3, col]
                    )
                begin = end
