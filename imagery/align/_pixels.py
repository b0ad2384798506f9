"""Tiles of the aligned image, in the numbers in which its source is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.align._carried import whole_move
from imagery.align._stored import Stored
from imagery.blocks import Window
from imagery.env import handle
from imagery.grid import same_lattice
from imagery.positions import positions_in
from imagery.read import read_window
from imagery.read._decode import decode
from imagery.rounding import fill_of, stored_values
from imagery.shift import Shift
from imagery.warp import warp_window

Method = Literal["copied", "cubic", "nearest"]

_PIECE = 4_000_000
"""Pixels of the source, a band, that are looked up at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tile:
    """A part of the aligned image."""

    data: NDArray[np.generic]
    """Every band of the file, of shape (band, row, col) and the source's dtype."""

    valid: NDArray[np.bool_]
    """True where any band is, of shape (row, col)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Mover:
    """Makes tiles of the aligned image.  Small, and fit to travel to a worker."""

    stored: Stored
    grid: GeoBox
    shift: Shift
    """On ``grid``."""

    method: Method
    offset: tuple[int, int] = (0, 0)
    """Of the source's first pixel on ``grid``, where whole pixels are copied."""

    def tile(self, window: Window) -> Tile:
        """A window of the grid."""
        if self.method == "copied":
            data, valid = _read(self.stored, window.shifted(-self.offset[0], -self.offset[1]))
        elif self.method == "nearest":
            data, valid = self._nearest(window)
        else:
            data, valid = self._cubic(window)
        seen = np.asarray(valid.any(axis=0))
        alpha = self.stored.scene.alpha
        if alpha is not None and self.method != "copied":
            data[alpha.index - 1] = np.where(seen, alpha.opaque, 0)
        return Tile(data=data, valid=seen)

    def _cubic(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        data, valid = _blank(self.stored, window)
        move = None if self.shift.zero else self.shift
        for group, bands in enumerate(self.stored.groups):
            raster = warp_window(self.stored.scene, self.grid, window, bands=bands, shift=move)
            index = [band - 1 for band in bands]
            data[index] = stored_values(
                raster.data,
                raster.valid,
                dtype=self.stored.scene.dtype,
                nodata=self.stored.nodata,
                mark=self.stored.scene.nodata,
            )
            valid[group] = raster.valid
        return data, valid

    def _nearest(self, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        data, valid = _blank(self.stored, window)
        for part, needed, rows, cols in self._pieces(window):
            source, seen = _read(self.stored, needed)
            inside = (
                (rows >= needed.top)
                & (rows < needed.bottom)
                & (cols >= needed.left)
                & (cols < needed.right)
            )
            row = np.clip(rows - needed.top, 0, needed.height - 1)
            col = np.clip(cols - needed.left, 0, needed.width - 1)
            place = (slice(None), *part.within(window))
            data[place] = np.where(inside, source[:, row, col], data[place])
            valid[place] = inside & seen[:, row, col]
        return data, valid

    def _pieces(
        self, window: Window
    ) -> Iterator[tuple[Window, Window, NDArray[np.intp], NDArray[np.intp]]]:
        """The window, cut until a piece takes a bounded part of the source."""
        scene = self.stored.scene
        rows, cols = positions_in(scene.geobox, self.grid, window, self.shift)
        row, col = _nearest_pixels(rows), _nearest_pixels(cols)
        needed = Window(
            int(row.min()), int(col.min()), int(row.max()) + 1, int(col.max()) + 1
        ).clipped(scene.window)
        if needed.empty:
            return
        if needed.height * needed.width <= _PIECE or max(window.shape) == 1:
            yield window, needed, row, col
            return
        for half in window.halves():
            yield from self._pieces(half)


def mover(stored: Stored, grid: GeoBox, shift: Shift, *, resampling: str) -> Mover:
    """How an image is brought onto a grid: copied where whole pixels suffice, else resampled once.

    Parameters
    ----------
    stored
        The image.
    grid
        The grid of the aligned image.
    shift
        The move on that grid.
    resampling
        auto, cubic or nearest.
    """
    whole = whole_move(shift, grid)
    offset = same_lattice(stored.scene.geobox, grid)
    if whole is not None and not isinstance(offset, str):
        at = offset[0] + whole[0], offset[1] + whole[1]
        return Mover(stored=stored, grid=grid, shift=shift, method="copied", offset=at)
    nearest = resampling == "nearest" or (resampling == "auto" and stored.classes)
    method: Method = "nearest" if nearest else "cubic"
    return Mover(stored=stored, grid=grid, shift=shift, method=method)


def _blank(stored: Stored, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Bands and their groups' validity, with nothing known."""
    dtype = stored.scene.dtype
    data = np.full((stored.count, *window.shape), fill_of(dtype, stored.nodata), dtype)
    alpha = stored.scene.alpha
    if alpha is not None:
        data[alpha.index - 1] = 0
    return data, np.zeros((len(stored.groups), *window.shape), bool)


def _read(stored: Stored, window: Window) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
    """Stored values of a window of the source, untouched, and each group's validity."""
    data, valid = _blank(stored, window)
    scene = stored.scene
    inside = window.clipped(scene.window)
    if inside.empty:
        return data, valid
    place = (slice(None), *inside.within(window))
    for group, bands in enumerate(stored.groups):
        valid[group] = read_window(scene, window, bands=bands).valid
    data[place] = decode(
        handle(scene.path),
        range(1, stored.count + 1),
        (inside.top, inside.left, inside.bottom, inside.right),
        name=scene.name,
    )
    return data, valid


def _nearest_pixels(places: NDArray[np.float64]) -> NDArray[np.intp]:
    # The middle between two pixels belongs to the first, whatever the rounding of its place.
    nearest = np.floor(places + 0.5 - 1e-6)
    # What a projection doesn't show lies outside of any image.
    return np.asarray(np.clip(np.nan_to_num(nearest, nan=-1e9), -1e9, 1e9), np.intp)
