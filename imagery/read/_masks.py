"""Why pixels are not usable: what a scene's masks say of them, on any grid."""

from __future__ import annotations

import math

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.env import handle
from imagery.errors import InputError
from imagery.mask import is_nodata
from imagery.masks import CLOUD, KINDS, MASKING, SHADOW, USER
from imagery.positions import positions_in
from imagery.read._decode import decode
from imagery.scene import DrawnMask, Mask, Scene
from imagery.shift import Shift

_PIECE = 4_000_000
"""Pixels of a mask that are read at a time."""


def usable(scene: Scene, window: Window) -> NDArray[np.bool_]:
    """Where no mask of the scene forbids a pixel, over a window of its own grid."""
    return np.asarray((reasons(scene, window) & MASKING) == 0)


def reasons(scene: Scene, window: Window) -> NDArray[np.uint8]:
    """What the masks of a scene say, over a window of its own grid.

    Parameters
    ----------
    scene
        The scene.
    window
        In pixels of the scene's own grid; it may leave the image.

    Returns
    -------
    ndarray
        Bits of ``imagery.masks`` (``CLOUD``, ``SHADOW``, ...), 0 where no mask says anything, also
        beyond a mask's edge; of shape (row, col).  A mask is sampled at the nearest of its pixels.
    """
    return reasons_on(scene.masks, scene.geobox, window)


def reasons_on(
    masks: tuple[Mask | DrawnMask, ...],
    grid: GeoBox,
    window: Window,
    shift: Shift | None = None,
) -> NDArray[np.uint8]:
    """The same over a window of any grid, of a scene that is moved by ``shift``."""
    found = np.zeros(window.shape, np.uint8)
    for mask in masks:
        found |= (
            _drawn(mask, grid, window)
            if isinstance(mask, DrawnMask)
            else _sampled(mask, grid, window, shift)
        )
    return found


def _drawn(mask: DrawnMask, grid: GeoBox, window: Window) -> NDArray[np.uint8]:
    # Drawn on the Earth, so a scene's misplacement doesn't carry it along.
    corner = grid.affine * Affine.translation(window.left, window.top)
    inside = mask.outline.mask(GeoBox(window.shape, corner, grid.crs))
    return np.asarray(inside * np.uint8(USER), np.uint8)


def _sampled(mask: Mask, grid: GeoBox, window: Window, shift: Shift | None) -> NDArray[np.uint8]:
    found = np.zeros(window.shape, np.uint8)
    rows, cols = np.floor(positions_in(mask.geobox, grid, window, shift) + 0.5)
    whole = Window(0, 0, *mask.geobox.shape)
    inside = (rows >= 0) & (rows < whole.bottom) & (cols >= 0) & (cols < whole.right)
    if not inside.any():
        return found
    row, col = rows[inside].astype(np.intp), cols[inside].astype(np.intp)
    needed = Window(int(row.min()), int(col.min()), int(row.max()) + 1, int(col.max()) + 1)
    if needed.height * needed.width > _PIECE and max(window.shape) > 1:
        for half in window.halves():
            found[half.within(window)] = _sampled(mask, grid, half, shift)
        return found
    read = _read(mask, needed)
    found[inside] = read[row - needed.top, col - needed.left]
    return found


def _read(mask: Mask, window: Window) -> NDArray[np.uint8]:
    """Reasons over a window inside the mask's own grid, clouds and shadows with their margin."""
    padded = window.padded(math.ceil(mask.margin_px)).clipped(Window(0, 0, *mask.geobox.shape))
    corners = (padded.top, padded.left, padded.bottom, padded.right)
    dataset = handle(mask.path)
    if (dataset.height, dataset.width) != tuple(mask.geobox.shape):
        raise InputError(
            f"{mask.path.name}: has changed since it was opened",
            found=f"{dataset.height} x {dataset.width} px",
            needed="{} x {} px".format(*mask.geobox.shape),
        )
    codes = decode(dataset, mask.indexes, corners, name=mask.path.name)
    found = KINDS[mask.kind].read(codes)
    if mask.kind == "user" and mask.nodata is not None:
        found[is_nodata(codes[0], mask.nodata)] = 0
    if mask.margin_px:
        _grow(found, mask.margin_px)
    return found[window.within(padded)]


def _grow(reasons: NDArray[np.uint8], radius: float) -> None:
    """Let clouds and shadows reach ``radius`` px further, in place."""
    from scipy import ndimage

    for reason in (CLOUD, SHADOW):
        clear = (reasons & reason) == 0
        if clear.all():
            continue
        near = ndimage.distance_transform_edt(clear) <= radius
        reasons[near] |= reason
