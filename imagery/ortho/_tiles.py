"""Tiles of the orthoimage, in the numbers in which the image is stored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.grid import moved, transformer
from imagery.ortho._grid import Model
from imagery.ortho._heights import Heights
from imagery.read import read_window
from imagery.resample import FILLED, REACH, fill, interpolate, prefilter
from imagery.rounding import fill_of, stored_values
from imagery.scene import Scene

Floats = NDArray[np.float64]

_NODE_STEP = 32
"""Distance in px of the nodes at which projections and cameras are evaluated; between them is
bilinear.  They lie on a lattice of the grid, as tiles do."""

_PIECE = 4_000_000
"""Pixels of the image, a band, that are resampled at a time."""

_FAR = 1e9
"""A position outside of any image."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """Makes tiles of the orthoimage."""

    raw: Scene
    """The image as it came, on its own pixels, in its stored numbers."""

    model: Model
    heights: Heights
    grid: GeoBox
    nodata: float | None

    @property
    def count(self) -> int:
        """Bands of the file, as many as reach to the last that is used, alpha among them."""
        alpha = self.raw.alpha
        return max([band.index for band in self.raw.bands] + ([alpha.index] if alpha else []))

    def tile(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """A window of the grid.

        Returns
        -------
        data, valid
            Shapes (band, row, col), every band of the file, and (row, col).
        """
        indexes = [band.index for band in self.raw.bands]
        values = np.zeros((len(indexes), *window.shape), np.float32)
        seen = np.zeros(window.shape, bool)
        rows, cols = self._positions(window)
        for part, needed in self._pieces(window, window, rows, cols):
            at = part.within(window)
            source = read_window(self.raw, needed, bands=indexes)
            if not source.valid.all():
                fill(source.data, source.valid, FILLED)
            prefilter(source.data)
            found = np.empty((len(indexes), *part.shape), np.float32)
            known = np.empty(part.shape, bool)
            places = np.ascontiguousarray(np.stack([rows[at], cols[at]]))
            corner = needed.top, needed.left
            interpolate(source.data, source.valid, places, *corner, 1, found, known)
            values[(slice(None), *at)], seen[at] = found, known
        return self._stored(values, seen, indexes), seen

    def _stored(
        self, values: NDArray[np.float32], seen: NDArray[np.bool_], indexes: list[int]
    ) -> NDArray[np.generic]:
        dtype = self.raw.dtype
        data = np.full((self.count, *seen.shape), fill_of(dtype, self.nodata), dtype)
        data[[index - 1 for index in indexes]] = stored_values(
            values, seen, dtype=dtype, nodata=self.nodata, mark=self.nodata
        )
        alpha = self.raw.alpha
        if alpha is not None:
            data[alpha.index - 1] = np.where(seen, alpha.opaque, 0)
        return data

    def _pieces(
        self, part: Window, window: Window, rows: Floats, cols: Floats
    ) -> Iterator[tuple[Window, Window]]:
        """The window, cut until a piece takes a bounded part of the image."""
        at = part.within(window)
        row, col = rows[at], cols[at]
        height, width = self.raw.geobox.shape
        inside = (row > -1) & (row < height) & (col > -1) & (col < width)
        if not inside.any():
            return
        row, col = row[inside], col[inside]
        needed = Window(
            math.floor(row.min()),
            math.floor(col.min()),
            math.ceil(row.max()) + 1,
            math.ceil(col.max()) + 1,
        ).padded(REACH)
        if needed.height * needed.width <= _PIECE or max(part.shape) == 1:
            yield part, needed
            return
        for half in part.halves():
            yield from self._pieces(half, window, rows, cols)

    def _positions(self, window: Window) -> tuple[Floats, Floats]:
        """Where a window's pixels lie in the image; far outside where no height is known."""
        rows = np.arange(window.top, window.bottom, dtype=float)
        cols = np.arange(window.left, window.right, dtype=float)
        nodes = _nodes(rows), _nodes(cols)
        weights = _weights(rows, nodes[0]), _weights(cols, nodes[1])
        x, y = self._ground(nodes[0] * _NODE_STEP, nodes[1] * _NODE_STEP)
        height, known = self.heights.on(self.grid, window)
        if not known.any():
            return np.full(window.shape, -_FAR), np.full(window.shape, -_FAR)
        low, high = float(height[known].min()), float(height[known].max())
        middle, half = (low + high) / 2, (high - low) / 2
        at = self.model.pixels(x, y, middle)
        if half == 0 or not self.model.uses_height:
            row, col = (_between(axis, weights) for axis in at)
        else:
            # In height a camera is all but linear: a parabola is within 0.005 px.
            up = (height - middle) / half
            ends = self.model.pixels(x, y, low), self.model.pixels(x, y, high)
            row, col = (
                _between(_tame(c), weights)
                + up * _between((_tame(b) - _tame(a)) / 2, weights)
                + up**2 * _between((_tame(b) + _tame(a)) / 2 - _tame(c), weights)
                for a, c, b in zip(ends[0], at, ends[1], strict=True)
            )
        return _tame(np.where(known, row, np.nan)), _tame(np.where(known, col, np.nan))

    def _ground(self, rows: Floats, cols: Floats) -> tuple[Floats, Floats]:
        """Positions of the grid, every row with every column, as the model takes them."""
        x, y = moved(self.grid.affine, cols[None, :] + 0.5, rows[:, None] + 0.5)
        x, y = np.broadcast_arrays(x, y)
        x, y = transformer(self.grid.crs, self.model.crs).transform(x, y)
        x, y = np.asarray(x), np.asarray(y)
        if self.model.geographic:  # without a jump at 180 degrees
            x = self.model.start[0] + (x - self.model.start[0] + 180) % 360 - 180
        return x, y


def _nodes(places: Floats) -> Floats:
    """Numbers of the lattice's nodes around pixels."""
    return np.arange(places[0] // _NODE_STEP, places[-1] // _NODE_STEP + 2)


def _weights(places: Floats, nodes: Floats) -> Floats:
    """How much each node (columns) counts at each place (rows), bilinear."""
    return np.asarray(np.maximum(0.0, 1.0 - np.abs(places[:, None] / _NODE_STEP - nodes)))


def _between(nodes: Floats, weights: tuple[Floats, Floats]) -> Floats:
    """Values at pixels, bilinear between those at nodes."""
    down, across = weights
    return np.asarray(down @ _tame(nodes) @ across.T)


def _tame(positions: Floats) -> Floats:
    """Positions that are no numbers, or beyond all images, far outside of the image."""
    finite = np.nan_to_num(positions, nan=-_FAR, posinf=_FAR, neginf=-_FAR)
    return np.asarray(np.clip(finite, -_FAR, _FAR))
