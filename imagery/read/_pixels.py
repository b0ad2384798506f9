"""Windows of a scene as physical values with their validity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.block_cache import BLOCKS
from imagery.blocks import Window
from imagery.env import handle
from imagery.errors import InputError
from imagery.mask import HUGE, in_collar, valid_pixels
from imagery.raster import Raster
from imagery.read._blocks import stored, unit
from imagery.read._decode import decode
from imagery.read._masks import usable
from imagery.read._means import block_means
from imagery.read._validity import own_mask
from imagery.scene import Band, Scene, Stored

_CHUNK, _LARGE_CHUNK = 250_000, 2_000_000
"""Pixels of a band that a decimated read holds at a time: as many as stay in a processor's cache,
and as many as keep down how often a block is decoded, where a row of blocks is decoded anew."""

_CACHED = 0.5
"""Share of the cache of blocks that a row of them may take."""


@dataclass(frozen=True)
class _Part:
    """Bands that one file keeps; a plain image is one part, a product has several."""

    dataset: Any
    name: str
    factor: int
    """How many of the file's pixels, each way, go into one of the scene's."""

    places: tuple[int, ...]
    """Where the bands stand among those that are read, from 0."""

    bands: tuple[Band, ...]

    @property
    def indexes(self) -> list[int]:
        return [band.index if band.stored is None else band.stored.index for band in self.bands]

    @property
    def shape(self) -> tuple[int, int]:
        """In pixels of the scene, those counted that the file fills in part."""
        height, width = self.dataset.height, self.dataset.width
        return math.ceil(height / self.factor), math.ceil(width / self.factor)


def read_window(scene: Scene, window: Window, *, bands: Sequence[int], decimate: int = 1) -> Raster:
    """Read a window of a scene.

    Parameters
    ----------
    scene
        The scene.
    window
        In pixels of the scene's own grid; it may leave the image, where nothing is valid.
    bands
        Indexes in the file, from 1, each among the scene's bands.
    decimate
        How many pixels, each way, go into one: their mean over those that are valid.  Counted
        from the window's own corner.

    Returns
    -------
    Raster
        float32 values with scale and offset applied, of shape (band, row, col), finite, 0 where
        invalid; its grid is the scene's, cut to the window and, decimated, that many times coarser.
        Validity is that of the bands asked for.  A decimated pixel is valid where any in it is.

    Raises
    ------
    InputError
        If the file is damaged there, or not the one that was opened.
    ValueError
        If the window is empty, a band is not the scene's or ``decimate`` is below 1.

    Notes
    -----
    A decimated read averages the pixels themselves, in chunks of rows: overviews are often sampled,
    not averaged, or mix nodata in.  Sums are in float64.
    """
    used = _bands_of(scene, bands)
    if window.empty or decimate < 1:
        raise ValueError(f"a window with pixels and decimate >= 1; found {window}, {decimate}")
    parts = _parts(scene, used)
    if decimate == 1:
        data, valid = _full(scene, window, parts)
    else:
        data, valid = _decimated(scene, window, parts, factor=decimate)
    return Raster(data=data, valid=valid, geobox=_grid(scene.geobox, window, decimate))


def in_tiles(scene: Scene, bands: Sequence[int]) -> bool:
    """Whether all files of some of a scene's bands are stored in blocks less wide than they are."""
    parts = _parts(scene, _bands_of(scene, bands))
    return all(unit(part.dataset)[1] < part.dataset.width for part in parts)


def _bands_of(scene: Scene, indexes: Sequence[int]) -> list[Band]:
    known = {band.index: band for band in scene.bands}
    if not indexes or any(index not in known for index in indexes):
        raise ValueError(f"bands must be among {sorted(known)}; found {list(indexes)}")
    return [known[index] for index in indexes]


def _parts(scene: Scene, bands: Sequence[Band]) -> list[_Part]:
    """The files that keep the bands, each once."""
    places: dict[tuple[Path, int], list[tuple[int, Band]]] = {}
    for place, band in enumerate(bands):
        stored = band.stored or Stored(scene.path, band.index)
        places.setdefault((stored.path, stored.factor), []).append((place, band))
    parts = []
    for (path, factor), kept in places.items():
        dataset = handle(path)
        part = _Part(dataset, path.name, factor, *zip(*kept, strict=True))
        if part.shape != tuple(scene.geobox.shape):
            raise InputError(
                f"{path.name}: has changed since it was opened",
                found=f"{dataset.height} x {dataset.width} px",
                needed="{} x {} px".format(*(factor * side for side in scene.geobox.shape)),
            )
        parts.append(part)
    return parts


def _grid(whole: GeoBox, window: Window, factor: int) -> GeoBox:
    a, b, c, d, e, f = tuple(whole.affine)[:6]
    x = a * window.left + b * window.top + c
    y = d * window.left + e * window.top + f
    affine = Affine(a * factor, b * factor, x, d * factor, e * factor, y)
    return GeoBox(_coarse_shape(window, factor), affine, whole.crs)


def _coarse_shape(window: Window, factor: int) -> tuple[int, int]:
    return math.ceil(window.height / factor), math.ceil(window.width / factor)


def _full(
    scene: Scene,
    window: Window,
    parts: Sequence[_Part],
    room: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Values and validity of a window, laid into ``room``, flat and large enough, if there is one.

    Fresh memory costs more than the arithmetic.
    """
    inside = window.clipped(scene.window)
    if inside == window:
        return _stored(scene, inside, parts, room)
    data = np.zeros((_count(parts), *window.shape), np.float32)
    valid = np.zeros(window.shape, bool)
    if not inside.empty:
        place = inside.within(window)
        data[(slice(None), *place)], valid[place] = _stored(scene, inside, parts, room)
    return data, valid


def _count(parts: Sequence[_Part]) -> int:
    return sum(len(part.bands) for part in parts)


def _stored(
    scene: Scene,
    inside: Window,
    parts: Sequence[_Part],
    room: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The same of a window that lies inside the image."""
    shape = _count(parts), *inside.shape
    size = math.prod(shape)
    values = (np.empty(size, np.float32) if room is None else room[:size]).reshape(shape)
    seen = np.ones(inside.shape, bool)
    for part in parts:
        own = [values[place] for place in part.places]
        if part.factor == 1:
            seen &= _direct(scene, inside, part, own)
        else:
            seen &= _averaged(scene, inside, part, own)
    if scene.masks:
        seen &= usable(scene, inside)
    if not seen.all():
        np.copyto(values, np.float32(0), where=~seen)
    return values, seen


def _averaged(
    scene: Scene, inside: Window, part: _Part, values: Sequence[NDArray[np.float32]]
) -> NDArray[np.bool_]:
    """Means of a finer file's pixels, laid into ``values``, and where all of them are usable.

    A part of a pixel is not the pixel: at a swath's edge the means of what is left would lean.
    """
    factor = part.factor
    seen = np.empty(inside.shape, bool)
    step = max(1, _LARGE_CHUNK // (inside.width * factor**2))
    for top in range(inside.top, inside.bottom, step):
        rows = replace(inside, top=top, bottom=min(inside.bottom, top + step))
        fine = Window(*(factor * side for side in (rows.top, rows.left, rows.bottom, rows.right)))
        there = fine.clipped(Window(0, 0, part.dataset.height, part.dataset.width))
        wide = np.zeros((len(values), *fine.shape), np.float32)
        known = np.zeros(fine.shape, bool)
        place = there.within(fine)
        own = [band[place] for band in wide]
        known[place] = _direct(scene, there, part, own)
        np.copyto(wide, np.float32(0), where=~known)
        means, _ = block_means(wide, known, factor=factor)
        strip = slice(rows.top - inside.top, rows.bottom - inside.top)
        seen[strip] = known.reshape(rows.height, factor, rows.width, factor).all(axis=(1, 3))
        for out, mean in zip(values, means, strict=True):
            out[strip] = mean
    return seen


def _direct(
    scene: Scene, inside: Window, part: _Part, values: Sequence[NDArray[np.float32]]
) -> NDArray[np.bool_]:
    """Physical values of a window of a file, laid into ``values``, and where they are usable."""
    dataset, indexes = part.dataset, part.indexes
    corners = (inside.top, inside.left, inside.bottom, inside.right)
    raw = stored(dataset, indexes, inside, name=part.name)
    seen = valid_pixels(raw, nodata=scene.nodata)
    if scene.alpha is not None:
        alpha = decode(dataset, [scene.alpha.index], corners, name=part.name)[0]
        seen &= alpha >= alpha.dtype.type(scene.alpha.opaque)
    if scene.has_mask and own_mask(dataset):
        masks = decode(dataset, indexes, corners, name=part.name, masks=True)
        seen &= (masks != 0).all(axis=0)
    if scene.collar is not None:
        of = dict(zip((band.index for band in scene.bands), scene.collar.values, strict=True))
        own = [of[index] for index in indexes]
        seen &= ~in_collar(raw, scene.collar, values=own, top=inside.top, left=inside.left)
    _physical(raw, part.bands, seen, values)
    return seen


def _physical(
    raw: NDArray[np.generic],
    bands: Sequence[Band],
    seen: NDArray[np.bool_],
    values: Sequence[NDArray[np.float32]],
) -> None:
    """Physical values; clears ``seen`` where a value isn't fit for arithmetic."""
    # What overflows or is no number lies under pixels that are invalid.
    with np.errstate(over="ignore", invalid="ignore"):
        for out, stored, band in zip(values, raw, bands, strict=True):
            if band.scale == 1 and band.offset == 0:
                out[...] = stored
                continue
            wide = stored.astype(np.float64) * band.scale + band.offset
            seen &= np.abs(wide) <= HUGE
            out[...] = wide


def _decimated(
    scene: Scene, window: Window, parts: Sequence[_Part], *, factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, cols = _coarse_shape(window, factor)
    count = _count(parts)
    data = np.zeros((count, rows, cols), np.float32)
    valid = np.zeros((rows, cols), bool)
    chunk = _CHUNK if _fits(parts, window) else _LARGE_CHUNK
    step = max(1, chunk // (window.width * factor))
    room = np.empty(count * min(step, rows) * factor * window.width, np.float32)
    for row in range(0, rows, step):
        stop = min(rows, row + step)
        top = window.top + row * factor
        bottom = min(window.bottom, window.top + stop * factor)
        part = Window(top, window.left, bottom, window.right)
        if part.clipped(scene.window).empty:
            continue
        data[:, row:stop], valid[row:stop] = block_means(
            *_full(scene, part, parts, room), factor=factor
        )
    return data, valid


def _fits(parts: Sequence[_Part], window: Window) -> bool:
    """Whether a row of the files' blocks is kept until all of it has been read."""
    taken = 0
    for part in parts:
        item = sum(np.dtype(dtype).itemsize for dtype in part.dataset.dtypes)
        taken += unit(part.dataset)[0] * window.width * part.factor * item
    return taken <= _CACHED * BLOCKS.limit
