"""Windows of a scene as physical values with their validity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.env import handle
from imagery.errors import InputError
from imagery.mask import HUGE, in_collar, valid_pixels
from imagery.raster import Raster
from imagery.read._decode import decode
from imagery.read._means import block_means
from imagery.read._validity import own_mask
from imagery.scene import Band, Scene

_CHUNK, _LARGE_CHUNK = 250_000, 2_000_000
"""Pixels of a band that a decimated read holds at a time: as many as stay in a processor's cache,
and as many as keep down how often a block is decoded, where a row of blocks is decoded anew."""

_CACHED = 14_000_000
"""Bytes that GDAL's cache surely holds; the environment gives it 16 MB at the least."""


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
    dataset = handle(scene.path)
    if (dataset.height, dataset.width) != tuple(scene.geobox.shape):
        raise InputError(
            f"{scene.name}: has changed since it was opened",
            found=f"{dataset.height} x {dataset.width} px",
            needed="{} x {} px".format(*scene.geobox.shape),
        )
    if decimate == 1:
        data, valid = _full(dataset, scene, window, used)
    else:
        data, valid = _decimated(dataset, scene, window, used, factor=decimate)
    return Raster(data=data, valid=valid, geobox=_grid(scene.geobox, window, decimate))


def _bands_of(scene: Scene, indexes: Sequence[int]) -> list[Band]:
    known = {band.index: band for band in scene.bands}
    if not indexes or any(index not in known for index in indexes):
        raise ValueError(f"bands must be among {sorted(known)}; found {list(indexes)}")
    return [known[index] for index in indexes]


def _grid(whole: GeoBox, window: Window, factor: int) -> GeoBox:
    a, b, c, d, e, f = tuple(whole.affine)[:6]
    x = a * window.left + b * window.top + c
    y = d * window.left + e * window.top + f
    affine = Affine(a * factor, b * factor, x, d * factor, e * factor, y)
    return GeoBox(_coarse_shape(window, factor), affine, whole.crs)


def _coarse_shape(window: Window, factor: int) -> tuple[int, int]:
    return math.ceil(window.height / factor), math.ceil(window.width / factor)


def _full(
    dataset: Any,
    scene: Scene,
    window: Window,
    bands: Sequence[Band],
    room: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Values and validity of a window, laid into ``room``, flat and large enough, if there is one.

    Fresh memory costs more than the arithmetic.
    """
    inside = window.clipped(scene.window)
    if inside == window:
        return _stored(dataset, scene, inside, bands, room)
    data = np.zeros((len(bands), *window.shape), np.float32)
    valid = np.zeros(window.shape, bool)
    if not inside.empty:
        place = inside.within(window)
        data[(slice(None), *place)], valid[place] = _stored(dataset, scene, inside, bands, room)
    return data, valid


def _stored(
    dataset: Any,
    scene: Scene,
    inside: Window,
    bands: Sequence[Band],
    room: NDArray[np.float32] | None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The same of a window that lies inside the image."""
    corners = (inside.top, inside.left, inside.bottom, inside.right)
    indexes = [band.index for band in bands]
    raw = decode(dataset, indexes, corners, name=scene.name)
    seen = valid_pixels(raw, nodata=scene.nodata)
    if scene.alpha is not None:
        alpha = decode(dataset, [scene.alpha.index], corners, name=scene.name)[0]
        seen &= alpha >= alpha.dtype.type(scene.alpha.opaque)
    if scene.has_mask and own_mask(dataset):
        masks = decode(dataset, indexes, corners, name=scene.name, masks=True)
        seen &= (masks != 0).all(axis=0)
    if scene.collar is not None:
        of = dict(zip((band.index for band in scene.bands), scene.collar.values, strict=True))
        own = [of[index] for index in indexes]
        seen &= ~in_collar(raw, scene.collar, values=own, top=inside.top, left=inside.left)
    values = np.empty(raw.size, np.float32) if room is None else room[: raw.size]
    values = values.reshape(raw.shape)
    _physical(raw, bands, seen, values)
    return values, seen


def _physical(
    raw: NDArray[np.generic],
    bands: Sequence[Band],
    seen: NDArray[np.bool_],
    values: NDArray[np.float32],
) -> None:
    """Physical values, 0 where invalid; clears ``seen`` where a value isn't fit for arithmetic."""
    # What overflows or is no number lies under pixels that are invalid.
    with np.errstate(over="ignore", invalid="ignore"):
        for out, stored, band in zip(values, raw, bands, strict=True):
            if band.scale == 1 and band.offset == 0:
                out[...] = stored
                continue
            wide = stored.astype(np.float64) * band.scale + band.offset
            seen &= np.abs(wide) <= HUGE
            out[...] = wide
    if not seen.all():
        np.copyto(values, np.float32(0), where=~seen)


def _decimated(
    dataset: Any, scene: Scene, window: Window, bands: Sequence[Band], *, factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, cols = _coarse_shape(window, factor)
    data = np.zeros((len(bands), rows, cols), np.float32)
    valid = np.zeros((rows, cols), bool)
    chunk = _CHUNK if _fits(dataset, window) else _LARGE_CHUNK
    step = max(1, chunk // (window.width * factor))
    room = np.empty(len(bands) * min(step, rows) * factor * window.width, np.float32)
    for row in range(0, rows, step):
        stop = min(rows, row + step)
        top = window.top + row * factor
        bottom = min(window.bottom, window.top + stop * factor)
        part = Window(top, window.left, bottom, window.right)
        if part.clipped(scene.window).empty:
            continue
        data[:, row:stop], valid[row:stop] = block_means(
            *_full(dataset, scene, part, bands, room), factor=factor
        )
    return data, valid


def _fits(dataset: Any, window: Window) -> bool:
    """Whether a row of the file's blocks stays in GDAL's cache until all of it has been read."""
    stored = sum(np.dtype(dtype).itemsize for dtype in dataset.dtypes)
    return bool(dataset.block_shapes[0][0] * window.width * stored <= _CACHED)
