"""Bring a scene onto the working grid: low-passed where it is finer, resampled once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from imagery.blocks import Window
from imagery.grid import moved, same_lattice, transformer
from imagery.raster import Raster
from imagery.read import read_window
from imagery.scene import Scene
from imagery.shift import Shift

HALO = 16
"""Pixels read around a tile: the cubic B-spline prefilter's memory fades as 0.268^n (1e-9)."""

_DECIMATE_FROM = 6.0
"""Reduction from which a scene is read as means of blocks."""

_NODE_STEP = 32
"""Distance in px of the nodes at which map projections are evaluated; between them is bilinear
(error below 2 mm at 10 m, 0.02 mm at 1 m).  They lie on a lattice of the grid, as tiles do, so
that a pixel's place doesn't depend on the window."""

_PIECE = 4_000_000
"""Pixels of a scene, a band, that are resampled at a time."""


def warp_window(
    scene: Scene,
    grid: GeoBox,
    window: Window,
    *,
    bands: Sequence[int],
    shift: Shift | None = None,
    weights: NDArray[np.float64] | None = None,
) -> Raster:
    """A window of the working grid as a scene shows it, after moving the scene by ``shift``.

    Where the scene's own pixels coincide with the grid's and nothing moves, they are handed out
    untouched.  Otherwise the scene is low-passed to the grid's pixel (a Gaussian that adds the
    missing variance of the larger pixel's box) and resampled once by a cubic B-spline (Unser 1999,
    IEEE Signal Processing Magazine 16(6)), which reproduces a linear ramp exactly.

    Parameters
    ----------
    scene
        The scene to read.
    grid
        The working grid.
    window
        A window of the working grid; outside the scene is invalid.
    bands
        File indexes (from 1) of the bands to read.
    shift
        The move to apply to the scene: the result at ``p`` is the scene at ``p - shift(p)``.
    weights
        With weights, shape (outputs, bands), the bands are combined before the resampling.

    Returns
    -------
    Raster
        Shape (bands or outputs, rows, cols).  A pixel is valid where all the pixels that surround
        its position in the scene are.
    """
    offset = same_lattice(scene.geobox, grid)
    target = crop(grid, window)
    if not isinstance(offset, str) and (shift is None or shift.zero):
        source = read_window(scene, window.shifted(-offset[0], -offset[1]), bands=bands)
        data = source.data if weights is None else _combined(source.data, weights)
        return Raster(data=data, valid=source.valid, geobox=target)
    count = len(bands) if weights is None else len(weights)
    data = np.zeros((count, *window.shape), np.float32)
    valid = np.zeros(window.shape, bool)
    reduction = _Reduction.of(scene.geobox, grid)
    for piece in _pieces(scene, grid, window, shift, reduction):
        at = piece.window.within(window)
        data[(slice(None), *at)], valid[at] = _resampled(scene, piece, reduction, bands, weights)
    return Raster(data=data, valid=valid, geobox=target)


@dataclass(frozen=True)
class _Reduction:
    """How a scene is low-passed before it is resampled."""

    decimate: int
    """Pixels, each way, whose mean is read as one."""

    sigma: float
    """Standard deviation, in the pixels as read, of the Gaussian that follows."""

    @property
    def halo(self) -> int:
        """The scene's pixels to read around a position."""
        return (HALO + math.ceil(4 * self.sigma)) * self.decimate

    @classmethod
    def of(cls, source: GeoBox, grid: GeoBox) -> _Reduction:
        ratio = _size_ratio(source, grid)
        # Far coarser grids are fed with means of blocks, still twice as fine as the grid.
        decimate = int(ratio // 2) if ratio >= _DECIMATE_FROM else 1
        ratio /= decimate
        return cls(decimate, math.sqrt((ratio**2 - 1) / 12) if ratio > 1.05 else 0.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Piece:
    """A part of a window, and the scene's pixels that it takes."""

    window: Window
    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    """Where its pixels lie in the scene, pixel centres at whole numbers."""

    needed: Window


def _pieces(
    scene: Scene, grid: GeoBox, window: Window, shift: Shift | None, reduction: _Reduction
) -> Iterator[_Piece]:
    """The window, cut until a piece takes a bounded part of the scene; but for what takes none."""
    rows, cols = _source_positions(scene.geobox, grid, window, shift)
    needed = _aligned(
        Window(
            math.floor(rows.min()),
            math.floor(cols.min()),
            math.ceil(rows.max()) + 1,
            math.ceil(cols.max()) + 1,
        )
        .padded(reduction.halo)
        .clipped(scene.window.padded(reduction.halo)),
        reduction.decimate,
    )
    if needed.clipped(scene.window).empty:
        return
    read = needed.height * needed.width / reduction.decimate**2
    if read <= _PIECE or max(window.shape) == 1:
        yield _Piece(window=window, rows=rows, cols=cols, needed=needed)
        return
    for half in _halves(window):
        yield from _pieces(scene, grid, half, shift, reduction)


def _resampled(
    scene: Scene,
    piece: _Piece,
    reduction: _Reduction,
    bands: Sequence[int],
    weights: NDArray[np.float64] | None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    decimate, sigma = reduction.decimate, reduction.sigma
    source = read_window(scene, piece.needed, bands=bands, decimate=decimate)
    data = source.data if weights is None else _combined(source.data, weights)
    data = filled(data, source.valid)
    if sigma:
        data = ndimage.gaussian_filter(data, (0, sigma, sigma), truncate=4.0, mode="nearest")
    rows = (piece.rows - piece.needed.top + 0.5) / decimate - 0.5
    cols = (piece.cols - piece.needed.left + 0.5) / decimate - 0.5
    return _interpolated(data, rows, cols), _surrounded(source.valid, rows, cols)


def _halves(window: Window) -> tuple[Window, Window]:
    """The window cut across its longer side."""
    if window.height >= window.width:
        middle = (window.top + window.bottom) // 2
        return replace(window, bottom=middle), replace(window, top=middle)
    middle = (window.left + window.right) // 2
    return replace(window, right=middle), replace(window, left=middle)


def _aligned(window: Window, step: int) -> Window:
    return Window(
        window.top // step * step,
        window.left // step * step,
        -(-window.bottom // step) * step,
        -(-window.right // step) * step,
    )


def crop(grid: GeoBox, window: Window) -> GeoBox:
    """The grid of a window, which may leave ``grid``."""
    from affine import Affine

    return GeoBox(window.shape, grid.affine * Affine.translation(window.left, window.top), grid.crs)


def filled(data: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A copy whose invalid pixels hold the nearest valid value, so that no filter rings at them."""
    if valid.all() or not valid.any():
        return data
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    return np.ascontiguousarray(data[:, nearest[0], nearest[1]])


def _combined(data: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(np.einsum("ob,brc->orc", weights.astype(np.float32), data))


def _interpolated(
    data: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float32]:
    values = np.empty((len(data), *rows.shape), np.float32)
    for band, out in zip(data, values, strict=True):
        spline = ndimage.spline_filter(band, order=3, output=np.float32, mode="mirror")
        ndimage.map_coordinates(
            spline, (rows, cols), output=out, order=3, mode="nearest", prefilter=False
        )
    return values


def _surrounded(
    valid: NDArray[np.bool_], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """True where the four pixels around a position are valid (fewer on a pixel's centre)."""
    height, width = valid.shape
    # A position within a thousandth of a pixel's centre leans on that pixel alone.
    top = np.floor(rows + 1e-3).astype(np.intp)
    left = np.floor(cols + 1e-3).astype(np.intp)
    bottom = np.ceil(rows - 1e-3).astype(np.intp)
    right = np.ceil(cols - 1e-3).astype(np.intp)
    inside = (top >= 0) & (left >= 0) & (bottom < height) & (right < width)
    top, bottom = np.clip(top, 0, height - 1), np.clip(bottom, 0, height - 1)
    left, right = np.clip(left, 0, width - 1), np.clip(right, 0, width - 1)
    found: NDArray[np.bool_] = (
        inside & valid[top, left] & valid[top, right] & valid[bottom, left] & valid[bottom, right]
    )
    return found


def _source_positions(
    source: GeoBox, grid: GeoBox, window: Window, shift: Shift | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where the window's pixels lie in the scene: rows and cols, pixel centres at whole numbers."""
    rows = np.arange(window.top, window.bottom, dtype=float)
    cols = np.arange(window.left, window.right, dtype=float)
    if shift is None:
        row, col = (a.astype(float) for a in np.broadcast_arrays(rows[:, None], cols[None, :]))
    else:
        move = shift.on_grid(rows, cols)
        row, col = rows[:, None] - move[0], cols[None, :] - move[1]
    if source.crs == grid.crs:
        link = ~source.affine * grid.affine
        x, y = moved(link, col + 0.5, row + 0.5)
        return y - 0.5, x - 0.5
    return _through_projection(source, grid, row, col)


def _through_projection(
    source: GeoBox, grid: GeoBox, row: NDArray[np.float64], col: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    node_rows, node_cols = _nodes(row), _nodes(col)
    x, y = moved(grid.affine, node_cols[None, :] + 0.5, node_rows[:, None] + 0.5)
    x, y = np.broadcast_arrays(x, y)
    x, y = transformer(grid.crs, source.crs).transform(x, y)
    source_col, source_row = moved(~source.affine, np.asarray(x), np.asarray(y))
    where = (row - node_rows[0]) / _NODE_STEP, (col - node_cols[0]) / _NODE_STEP
    return (
        ndimage.map_coordinates(source_row - 0.5, where, order=1),
        ndimage.map_coordinates(source_col - 0.5, where, order=1),
    )


def _nodes(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The places of the lattice around positions."""
    first, last = math.floor(positions.min() / _NODE_STEP), math.floor(positions.max() / _NODE_STEP)
    return np.arange(first, last + 2) * float(_NODE_STEP)


def _size_ratio(source: GeoBox, grid: GeoBox) -> float:
    """How many source pixels lie along one pixel of the grid, at the middle of the source.

    One number for all windows, or neighbouring tiles might be low-passed differently.
    """
    row = source.shape[0] / 2 + np.array([0.0, 1.0, 0.0])
    col = source.shape[1] / 2 + np.array([0.0, 0.0, 1.0])
    x, y = moved(source.affine, col, row)
    if source.crs != grid.crs:
        x, y = transformer(source.crs, grid.crs).transform(x, y)
    grid_col, grid_row = moved(~grid.affine, np.asarray(x), np.asarray(y))
    down = np.hypot(grid_row[1] - grid_row[0], grid_col[1] - grid_col[0])
    across = np.hypot(grid_row[2] - grid_row[0], grid_col[2] - grid_col[0])
    return float(1 / math.sqrt(down * across))
