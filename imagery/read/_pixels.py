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
from imagery.read._validity import own_mask
from imagery.scene import Band, Scene

_CHUNK = 2_000_000  # px a band that a decimated read holds at a time


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
    dataset: Any, scene: Scene, window: Window, bands: Sequence[Band]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    data = np.zeros((len(bands), *window.shape), np.float32)
    valid = np.zeros(window.shape, bool)
    inside = window.clipped(scene.window)
    if inside.empty:
        return data, valid
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
    place = inside.within(window)
    data[(slice(None), *place)] = _physical(raw, bands, seen)
    valid[place] = seen
    return data, valid


def _physical(
    raw: NDArray[np.generic], bands: Sequence[Band], seen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Physical values, 0 where invalid; clears ``seen`` where a value isn't fit for arithmetic."""
    values = np.zeros(raw.shape, np.float32)
    for out, stored, band in zip(values, raw, bands, strict=True):
        wide = np.where(seen, stored, 0)
        if band.scale != 1 or band.offset != 0:
            wide = wide.astype(np.float64) * band.scale + band.offset
        if wide.dtype.kind == "f":
            seen &= np.abs(wide) <= HUGE
            wide = np.where(seen, wide, 0)
        out[...] = wide
    values[:, ~seen] = 0
    return values


def _decimated(
    dataset: Any, scene: Scene, window: Window, bands: Sequence[Band], *, factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    rows, cols = _coarse_shape(window, factor)
    data = np.zeros((len(bands), rows, cols), np.float32)
    valid = np.zeros((rows, cols), bool)
    step = max(1, _CHUNK // (window.width * factor))
    for row in range(0, rows, step):
        stop = min(rows, row + step)
        top = window.top + row * factor
        bottom = min(window.bottom, window.top + stop * factor)
        chunk = Window(top, window.left, bottom, window.right)
        if chunk.clipped(scene.window).empty:
            continue
        data[:, row:stop], valid[row:stop] = block_means(
            *_full(dataset, scene, chunk, bands), factor=factor
        )
    return data, valid


def block_means(
    data: NDArray[np.float32], valid: NDArray[np.bool_], *, factor: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Means of the valid pixels in blocks of ``factor`` x ``factor``, the last ones cut.

    Parameters
    ----------
    data
        Values, 0 where invalid, of shape (band, row, col).
    valid
        True where usable, of shape (row, col).
    factor
        Side of a block in pixels.
    """
    rows, cols = valid.shape
    first_rows = np.arange(0, rows, factor)
    first_cols = np.arange(0, cols, factor)
    counts = np.add.reduceat(valid, first_rows, axis=0, dtype=np.int64)
    counts = np.add.reduceat(counts, first_cols, axis=1)
    means = np.empty((data.shape[0], *counts.shape), np.float32)
    for mean, band in zip(means, data, strict=True):
        sums = np.add.reduceat(band, first_rows, axis=0, dtype=np.float64)
        sums = np.add.reduceat(sums, first_cols, axis=1)
        mean[...] = sums / np.maximum(counts, 1)
    return means, counts > 0
