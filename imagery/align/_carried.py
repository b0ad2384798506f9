"""A shift on another grid than the one that it was measured on."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.grid import moved, transformer
from imagery.seamed_shift import SeamedShift
from imagery.shift import Shift

_CHUNK = 65_536
"""Points at which a spline is evaluated at a time."""

Floats = NDArray[np.float64]


def carried(shift: Shift, home: GeoBox, grid: GeoBox) -> Shift:
    """The same move, told in px of another grid.

    Parameters
    ----------
    shift
        The move on ``home``.
    home
        The grid that it was measured on.
    grid
        Another grid of the same ground: of other pixels, another origin, rotated, flipped, or in
        another projection.
    """
    if shift.zero:
        return Shift.constant(0.0, 0.0)
    if home.crs == grid.crs:
        link = ~home.affine * grid.affine
        side = max(grid.shape)
        skew = max(abs(link.b), abs(link.d), abs(link.a - link.e)) * side
        # A shift is smooth: a thousandth of a pixel of place is nothing to it.
        if link.a > 0 and skew < 1e-3:
            return shift.rescaled(1 / link.a, origin=(link.f, link.c))
    # What resamples asks a shift for no more than these two.
    return cast(Shift, _Carried(shift, home, grid))


class _Carried:
    """A shift whose places and moves are taken to another grid, point by point."""

    zero = False

    def __init__(self, shift: Shift, home: GeoBox, grid: GeoBox) -> None:
        self._shift, self._home, self._grid = shift, home, grid

    def on_grid(self, rows: Floats, cols: Floats) -> Floats:
        """The shift where every of ``rows`` meets every of ``cols``; shape (2, rows, cols)."""
        found = np.empty((2, len(rows), len(cols)))
        step = max(1, _CHUNK // max(1, len(cols)))
        for top in range(0, len(rows), step):
            row, col = np.meshgrid(rows[top : top + step], cols, indexing="ij")
            found[:, top : top + step] = self._at(row, col)
        return found

    def _at(self, row: Floats, col: Floats) -> Floats:
        home_row, home_col = places(self._grid, self._home, row, col)
        move = self._shift.at(home_row.ravel(), home_col.ravel()).reshape(2, *row.shape)
        there_row, there_col = places(
            self._home, self._grid, home_row - move[0], home_col - move[1]
        )
        # Outside of what a projection shows there is no image to move.
        return np.nan_to_num(np.stack([row - there_row, col - there_col]), posinf=0.0, neginf=0.0)


def places(grid: GeoBox, other: GeoBox, rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
    """Where pixel positions of a grid lie on another one; whole numbers are pixel centres."""
    if grid.crs == other.crs:
        x, y = moved(~other.affine * grid.affine, cols + 0.5, rows + 0.5)
    else:
        x, y = moved(grid.affine, cols + 0.5, rows + 0.5)
        x, y = transformer(grid.crs, other.crs).transform(x, y)
        x, y = moved(~other.affine, np.asarray(x), np.asarray(y))
    return y - 0.5, x - 0.5


def whole_move(shift: Shift, grid: GeoBox) -> tuple[int, int] | None:
    """The move (rows, cols) where it is of whole pixels all over the grid, to a thousandth.

    None where it isn't, or where it can't be told (a shift that was carried point by point, or
    that breaks at seams).
    """
    if shift.zero:
        return 0, 0
    if not isinstance(shift, Shift) or isinstance(shift, SeamedShift):
        return None
    if shift.coefficients is not None and np.abs(shift.coefficients).max() > 1e-3:
        return None
    height, width = grid.shape
    corners = shift.on_grid(np.array([0.0, height - 1]), np.array([0.0, width - 1]))
    whole = np.rint(corners[:, 0, 0])
    if np.abs(corners - whole[:, None, None]).max() > 1e-3:
        return None
    return int(whole[0]), int(whole[1])
