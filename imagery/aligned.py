"""Both scenes as they were compared, at full resolution: aligned, in their own units."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagery.bands import BandPairs
from imagery.blocks import tiles_over
from imagery.blockwise import Progress, map_tiles
from imagery.grid import Plan, same_lattice
from imagery.mask import can_hold
from imagery.metadata import SIMULATED
from imagery.raster import Raster
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import crop, warp_window
from imagery.write import create

_EXACT = ("uint8", "int8", "uint16", "int16", "float32")
"""What float32, in which pixels are handled, holds to the last bit."""


def write_aligned(
    plan: Plan,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    shift: Shift,
    *,
    folder: Path,
    executor: Executor,
    tell: Callable[[Progress], None],
) -> dict[Role, Path]:
    """Write ``before.tif`` and ``after.tif``: the compared bands over the display window.

    Parameters
    ----------
    plan, scenes, bands
        The pair and its working grid.
    shift
        The move of the moving scene.
    folder
        An existing folder.
    executor
        Where tiles are resampled.
    tell
        Takes messages as the work goes on.

    Returns
    -------
    dict
        The file of each scene.

    Raises
    ------
    InputError
        If a scene's file is damaged.
    OutputError
        If a file can't be written, wholly.

    Notes
    -----
    Values are the scene's own, with its scale and offset applied and before any normalisation.  A
    scene whose pixels were neither moved nor resampled keeps its dtype and its nodata value; else
    values are float32, NaN where the scene shows nothing.
    """
    index = {"before": bands.before, "after": bands.after}
    geobox = crop(plan.geobox, plan.display)
    tiles = list(tiles_over(plan.display))
    paths: dict[Role, Path] = {}
    for role, scene in scenes.items():
        move = shift if role == plan.moving and not shift.zero else None
        dtype, nodata = _kept(scene, plan, index[role], move)
        paths[role] = folder / f"{role}.tif"
        read = partial(warp_window, scene, plan.geobox, bands=index[role], shift=move)
        with create(
            paths[role],
            geobox=geobox,
            count=len(bands.names),
            dtype=dtype,
            nodata=nodata,
            descriptions=bands.names,
            tags={SIMULATED: "YES"} if scene.simulated else None,
        ) as raster:
            done = map_tiles(read, tiles, executor=executor)
            for number, (tile, pixels) in enumerate(done, start=1):
                place = tile.shifted(-plan.display.top, -plan.display.left)
                raster.write(place, _stored(pixels, dtype, nodata))
                tell(Progress(f"keep {role}", number, len(tiles)))
    return paths


def _kept(
    scene: Scene, plan: Plan, indexes: tuple[int, ...], shift: Shift | None
) -> tuple[str, float | None]:
    """The dtype to write a scene in, and its nodata value."""
    touched = shift is not None or isinstance(same_lattice(scene.geobox, plan.geobox), str)
    scaled = any(
        band.scale != 1 or band.offset != 0 for band in scene.bands if band.index in indexes
    )
    if touched or scaled or scene.dtype not in _EXACT:
        return "float32", float("nan")
    if scene.nodata is not None and can_hold(scene.dtype, scene.nodata):
        return scene.dtype, scene.nodata
    if _all_valid(scene, plan):
        return scene.dtype, None
    return "float32", float("nan")


def _all_valid(scene: Scene, plan: Plan) -> bool:
    """Whether nothing in the file could mark a pixel of the display as missing."""
    offset = same_lattice(scene.geobox, plan.geobox)
    return (
        not isinstance(offset, str)
        and not scene.has_mask
        and scene.collar is None
        and not scene.dtype.startswith("float")
        and scene.window.contains(plan.display.shifted(-offset[0], -offset[1]))
    )


def _stored(pixels: Raster, dtype: str, nodata: float | None) -> NDArray[np.generic]:
    values = pixels.data
    if nodata is not None:
        values = np.where(pixels.valid, values, np.float32(nodata))
    return values.astype(dtype)
