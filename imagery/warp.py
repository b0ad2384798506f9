"""Bring a scene onto the working grid: low-passed where it is finer, resampled once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.grid import moved, same_lattice, transformer
from imagery.positions import positions_in
from imagery.raster import Raster
from imagery.read import read_window
from imagery.resample import (
    FILLED,
    REACH,
    convolve,
    fill,
    gaussian_taps,
    interpolate,
    prefilter,
)
from imagery.scene import Scene
from imagery.shift import Shift

Pixels = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Values, shape (bands, rows, cols), and where they are valid."""

_DECIMATE_FROM = 4.0
"""Reduction from which a scene is read as means of blocks."""

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
        data = source.data if weights is None else combined(source.data, weights)
        return Raster(data=data, valid=source.valid, geobox=target)
    count = len(bands) if weights is None else len(weights)
    whole: Pixels | None = None
    reduction = _Reduction.of(scene.geobox, grid)
    for piece in _pieces(scene, grid, window, shift, reduction):
        part = _resampled(scene, piece, reduction, bands, weights)
        if piece.window == window:
            whole = part
            break
        data, valid = whole = whole or _nothing(count, window)
        at = piece.window.within(window)
        data[(slice(None), *at)], valid[at] = part
    data, valid = whole or _nothing(count, window)
    return Raster(data=data, valid=valid, geobox=target)


def _nothing(count: int, window: Window) -> Pixels:
    return np.zeros((count, *window.shape), np.float32), np.zeros(window.shape, bool)


@dataclass(frozen=True)
class _Reduction:
    """How a scene is low-passed before it is resampled."""

    decimate: int
    """Pixels, each way, whose mean is read as one."""

    sigma: float
    """Standard deviation, in the pixels as read, of the Gaussian that follows."""

    @property
    def rings(self) -> int:
        """Rings of invalid pixels, as read, to fill before the filters pass."""
        return FILLED + self.radius

    @property
    def radius(self) -> int:
        """Of the Gaussian, in the pixels as read."""
        return math.ceil(4 * self.sigma)

    @property
    def halo(self) -> int:
        """The scene's pixels to read around a position."""
        return (REACH + 2 * self.radius) * self.decimate

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
    positions: NDArray[np.float64]
    """Where its pixels lie in the scene: rows and cols, pixel centres at whole numbers."""

    needed: Window


def _pieces(
    scene: Scene, grid: GeoBox, window: Window, shift: Shift | None, reduction: _Reduction
) -> Iterator[_Piece]:
    """The window, cut until a piece takes a bounded part of the scene; but for what takes none."""
    if window.height * window.width <= _PIECE:
        positions = positions_in(scene.geobox, grid, window, shift)
        top, left = (math.floor(axis.min()) for axis in positions)
        bottom, right = (math.ceil(axis.max()) + 1 for axis in positions)
        needed = _aligned(
            Window(top, left, bottom, right)
            .padded(reduction.halo)
            .clipped(scene.window.padded(reduction.halo)),
            reduction.decimate,
        )
        if needed.clipped(scene.window).empty:
            return
        read = needed.height * needed.width / reduction.decimate**2
        if read <= _PIECE or max(window.shape) == 1:
            yield _Piece(window=window, positions=positions, needed=needed)
            return
    for half in window.halves():
        yield from _pieces(scene, grid, half, shift, reduction)


def _resampled(
    scene: Scene,
    piece: _Piece,
    reduction: _Reduction,
    bands: Sequence[int],
    weights: NDArray[np.float64] | None,
) -> Pixels:
    decimate = reduction.decimate
    source = read_window(scene, piece.needed, bands=bands, decimate=decimate)
    data = source.data if weights is None else combined(source.data, weights)
    if not source.valid.all():
        fill(data, source.valid, reduction.rings)
    if reduction.sigma:
        convolve(data, gaussian_taps(reduction.sigma, reduction.radius))
    prefilter(data)
    values = np.empty((len(data), *piece.window.shape), np.float32)
    seen = np.empty(piece.window.shape, bool)
    corner = piece.needed.top // decimate, piece.needed.left // decimate
    interpolate(data, source.valid, piece.positions, *corner, decimate, values, seen)
    return values, seen


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


def combined(data: NDArray[np.float32], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sums of the bands, by ``weights`` of shape (outputs, bands)."""
    # One band after the other: a product of matrices would sum in an order of its own.
    out = np.zeros((len(weights), *data.shape[1:]), np.float32)
    for image, row in zip(out, weights.astype(np.float32), strict=True):
        for band, weight in zip(data, row, strict=True):
            np.add(image, weight * band, out=image)
    return out


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
