"""Bring a scene onto the working grid: low-passed where it is finer, resampled once."""

from __future__ import annotations

import math
from collections.abc import Sequence

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

_NODES = 17
"""Nodes a side at which map projections are evaluated; between them is bilinear (error below
a millimetre for a tile at satellite scales)."""


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
    rows, cols = _source_positions(scene.geobox, grid, window, shift)
    ratio = _reduction(scene.geobox, grid, window)
    # Far coarser grids are fed with means of blocks, still twice as fine as the grid.
    decimate = int(ratio // 2) if ratio >= _DECIMATE_FROM else 1
    ratio /= decimate
    sigma = math.sqrt((ratio**2 - 1) / 12) if ratio > 1.05 else 0.0
    halo = (HALO + math.ceil(4 * sigma)) * decimate
    needed = _aligned(
        Window(
            math.floor(rows.min()),
            math.floor(cols.min()),
            math.ceil(rows.max()) + 1,
            math.ceil(cols.max()) + 1,
        )
        .padded(halo)
        .clipped(scene.window.padded(halo)),
        decimate,
    )
    if needed.clipped(scene.window).empty:
        count = len(bands) if weights is None else len(weights)
        return Raster(
            data=np.zeros((count, *window.shape), np.float32),
            valid=np.zeros(window.shape, bool),
            geobox=target,
        )
    source = read_window(scene, needed, bands=bands, decimate=decimate)
    data = source.data if weights is None else _combined(source.data, weights)
    data = filled(data, source.valid)
    if sigma:
        data = ndimage.gaussian_filter(data, (0, sigma, sigma), truncate=4.0, mode="nearest")
    rows = (rows - needed.top + 0.5) / decimate - 0.5
    cols = (cols - needed.left + 0.5) / decimate - 0.5
    return Raster(
        data=_interpolated(data, rows, cols),
        valid=_surrounded(source.valid, rows, cols),
        geobox=target,
    )


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
    # Widened by a pixel so that rounding can't carry a position out of the nodes.
    node_rows = np.linspace(row.min() - 1, row.max() + 1, _NODES)
    node_cols = np.linspace(col.min() - 1, col.max() + 1, _NODES)
    x, y = moved(grid.affine, node_cols[None, :] + 0.5, node_rows[:, None] + 0.5)
    x, y = np.broadcast_arrays(x, y)
    x, y = transformer(grid.crs, source.crs).transform(x, y)
    source_col, source_row = moved(~source.affine, np.asarray(x), np.asarray(y))
    where = (
        (row - node_rows[0]) / (node_rows[1] - node_rows[0]),
        (col - node_cols[0]) / (node_cols[1] - node_cols[0]),
    )
    return (
        ndimage.map_coordinates(source_row - 0.5, where, order=1),
        ndimage.map_coordinates(source_col - 0.5, where, order=1),
    )


def _reduction(source: GeoBox, grid: GeoBox, window: Window) -> float:
    """How many source pixels lie along one pixel of the grid, at the window's middle."""
    row = np.array([window.top + window.bottom, window.top + window.bottom + 2, 0]) / 2
    row[2] = row[0]
    col = np.array([window.left + window.right, 0, window.left + window.right + 2]) / 2
    col[1] = col[0]
    x, y = moved(grid.affine, col, row)
    if source.crs != grid.crs:
        x, y = transformer(grid.crs, source.crs).transform(x, y)
    source_col, source_row = moved(~source.affine, np.asarray(x), np.asarray(y))
    down = np.hypot(source_row[1] - source_row[0], source_col[1] - source_col[0])
    across = np.hypot(source_row[2] - source_row[0], source_col[2] - source_col[0])
    return float(math.sqrt(down * across))
