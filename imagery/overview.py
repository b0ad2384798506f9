"""Both images on larger pixels, decoded once for all that looks at the whole of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.blockwise import map_tiles
from imagery.env import handle
from imagery.grid import Plan, footprint_window, ground_pixel
from imagery.read import read_window
from imagery.scene import Role, Scene, Stored
from imagery.warp import crop
from imagery.write import create

PIXELS = 4_000_000
"""Pixels that a view of the whole has, about: for 2 to 9 million of an image it is copied."""

_AROUND = 16
"""Part of the longest side, one in so many, that is kept around what is compared: an image may have
to be moved."""

_PART, _LONGEST_STEP = 2048, 8192
"""Side in px of what a task decodes, about, and the longest one for which no block is decoded
twice."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """An image as it is, and on larger pixels."""

    scene: Scene
    small: Scene
    """The same bands under the same indexes, over what is compared; the scene where it is small."""

    around_px: float
    """How many of the scene's own pixels ``small`` holds around what is compared."""

    @classmethod
    def same(cls, scene: Scene) -> Overview:
        """Of an image that is small enough as it is."""
        return cls(scene=scene, small=scene, around_px=math.inf)

    def source(self, grid: GeoBox, *, moved_px: float = 0.0) -> Scene:
        """What to draw a grid from: the larger pixels, unless they are larger than the grid's.

        Parameters
        ----------
        grid
            What is to be drawn.
        moved_px
            How far the scene is moved, in its own pixels.
        """
        # A thousandth: sizes are taken in the middle of each grid.
        fine = ground_pixel(self.small.geobox) <= 1.001 * ground_pixel(grid)
        return self.small if fine and moved_px <= self.around_px else self.scene


def overviews(
    plan: Plan,
    scenes: Mapping[Role, Scene],
    bands: BandPairs,
    *,
    folder: Path,
    executor: Executor,
) -> dict[Role, Overview]:
    """Both scenes on larger pixels, over all that is estimated and shown.

    Parameters
    ----------
    plan, scenes, bands
        What is to be compared.
    folder
        Takes a file for each scene, which must stay for as long as the overviews are read.
    executor
        Where the scenes are decoded.

    Raises
    ------
    InputError
        If a scene's file is damaged.
    OutputError
        If there is no room in the folder.
    """
    index = {"before": bands.before, "after": bands.after}
    return {
        role: _overview(
            scene, plan, bands=index[role], path=folder / f"{role}_overview.tif", executor=executor
        )
        for role, scene in scenes.items()
    }


def _overview(
    scene: Scene, plan: Plan, *, bands: Sequence[int], path: Path, executor: Executor
) -> Overview:
    parts = [
        footprint_window(crop(plan.geobox, window), scene.geobox)
        for window in (plan.estimation, plan.display)
    ]
    compared = Window(
        min(part.top for part in parts),
        min(part.left for part in parts),
        max(part.bottom for part in parts),
        max(part.right for part in parts),
    )
    around = max(compared.shape) // _AROUND
    factor = math.isqrt(compared.height * compared.width // PIXELS)
    if factor <= 1:
        return Overview.same(scene)
    window = _whole_pixels(compared.padded(around).clipped(scene.window), factor)
    return Overview(
        scene=scene,
        small=reduced(scene, window, factor=factor, bands=bands, path=path, executor=executor),
        around_px=around,
    )


def _whole_pixels(window: Window, factor: int) -> Window:
    return Window(
        window.top // factor * factor,
        window.left // factor * factor,
        -(-window.bottom // factor) * factor,
        -(-window.right // factor) * factor,
    )


def reduced(
    scene: Scene,
    window: Window,
    *,
    factor: int,
    bands: Sequence[int],
    path: Path,
    executor: Executor,
) -> Scene:
    """Copy a window of a scene on pixels so many times larger, and open the copy as a scene.

    A pixel is the mean of the valid ones in it, as :func:`imagery.read.read_window` has it.

    Parameters
    ----------
    scene
        Its masks are not looked at; the copy has them too.
    window
        Its sides are multiples of ``factor``; it may leave the scene.
    factor
        Pixels, each way, that go into one.
    bands
        Those to copy, each once; they keep their indexes.
    path
        The file to be.
    executor
        Runs parts of the window.
    """
    shape = window.height // factor, window.width // factor
    geobox = GeoBox(
        shape, crop(scene.geobox, window).affine * Affine.scale(factor), scene.geobox.crs
    )
    read = partial(_part, replace(scene, masks=()), tuple(bands), factor, window)
    with create(path, geobox=geobox, count=len(bands), dtype="float32", nodata=math.nan) as raster:
        for part, values in map_tiles(read, _parts(scene, window, factor), executor=executor):
            raster.write(_coarse(part, window, factor), values)
    place = {index: number for number, index in enumerate(bands, start=1)}
    return replace(
        scene,
        geobox=geobox,
        driver="GTiff",
        dtype="float32",
        bands=tuple(
            replace(band, scale=1.0, offset=0.0, stored=Stored(path, place[band.index]))
            for band in scene.bands
            if band.index in place
        ),
        nodata=math.nan,
        has_mask=False,
        alpha=None,
        collar=None,
    )


def _part(
    scene: Scene, bands: tuple[int, ...], factor: int, whole: Window, part: Window
) -> NDArray[np.float32]:
    if part.clipped(scene.window).empty:
        return np.full((len(bands), *_coarse(part, whole, factor).shape), np.nan, np.float32)
    found = read_window(scene, part, bands=bands, decimate=factor)
    return np.where(found.valid, found.data, np.float32(np.nan))


def _coarse(part: Window, whole: Window, factor: int) -> Window:
    top, left = (part.top - whole.top) // factor, (part.left - whole.left) // factor
    return Window(top, left, top + part.height // factor, left + part.width // factor)


def _parts(scene: Scene, window: Window, factor: int) -> list[Window]:
    """The window cut, between the blocks of its file as far as that can be."""
    stored = scene.bands[0].stored or Stored(scene.path, 1)
    # In pixels of the scene; a finer file's blocks may end inside one.
    block = [-(-side // stored.factor) for side in handle(stored.path).block_shapes[0]]
    rows, cols = (
        _step(side, extent, factor) for side, extent in zip(block, scene.window.shape, strict=True)
    )
    return [
        Window(top, left, top + rows, left + cols).clipped(window)
        for top in range(window.top // rows * rows, window.bottom, rows)
        for left in range(window.left // cols * cols, window.right, cols)
    ]


def _step(block: int, extent: int, factor: int) -> int:
    """How many px a part has along an axis: whole blocks, and whole pixels of the copy."""
    if block >= extent:
        return -(-extent // factor) * factor
    both = math.lcm(block, factor)
    step = both if both <= _LONGEST_STEP else factor
    return step * max(1, _PART // step)
