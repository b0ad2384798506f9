"""Clouds by a network: ukis-csmask, whose weights come with its package.

Wieland, Li & Martinis 2019, Remote Sensing of Environment 230, 111203; the models of version 1 are
described in its README (github.com/dlr-eoc/ukis-csmask).  Nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import sensor_of
from imagery.blocks import Window, tiles_over
from imagery.blockwise import map_tiles
from imagery.grid import Plan, footprint_window, ground_pixel
from imagery.read import read_window
from imagery.scene import Mask, Scene
from imagery.warp import crop
from imagery.write import create

_VISIBLE = ("blue", "green", "red")
_SWIR = ("swir16", "swir22")
_PIXEL_M = (9.0, 60.0)
_MODEL_M = 30.0
"""The pixel that the network knows best: finer images are averaged towards it."""

_TILE, _HALO = 1024, 64
_LEAST_SIDE = 256
"""Below which the package warns: such images are continued by their mirror."""

_SENTINEL2_UNIT = 1e-4
"""Reflectance per count of Sentinel-2 (ESA; baselines from 04.00 on also have an offset)."""


def unfit(scene: Scene) -> str:
    """Why the network can't look at a scene; empty where it can."""
    if not all(importlib.util.find_spec(name) for name in ("ukis_csmask", "onnxruntime")):
        return "ukis-csmask is not installed"
    if scene.geobox.crs is None:
        return "the image is not georeferenced"
    if _band_order(scene) is None:
        return "it needs bands named blue, green, red and nir"
    size = ground_pixel(scene.geobox)
    if not _PIXEL_M[0] <= size <= _PIXEL_M[1]:
        return f"it is made for pixels of 10 to 50 m, not {size:.3g} m"
    if scene.display_product or _unit(scene) is None:
        return "the image's values are no reflectance"
    return ""


def is_reliable(scene: Scene) -> bool:
    """Whether the network has all six bands: with four it misses most clouds (docs/masks.md)."""
    return len(_band_order(scene) or ()) == len(_VISIBLE) + 1 + len(_SWIR)


def learn(scene: Scene, plan: Plan, *, path: Path, executor: Executor, margin_m: float) -> Mask:
    """Classify all that is estimated and shown of a scene, and write it as a raster.

    Parameters
    ----------
    scene
        A scene that isn't ``unfit``.
    plan
        Where the images meet.
    path
        The raster to be: 0 clear, 1 cloud, 2 cloud shadow.
    executor
        Runs tiles, each on one thread.
    margin_m
        How far around clouds and their shadows is masked too.
    """
    order = _band_order(scene) or ()
    factor = max(1, int(_MODEL_M / ground_pixel(scene.geobox) + 1e-3))
    window = _needed(scene, plan, factor)
    shape = window.height // factor, window.width // factor
    geobox = GeoBox(
        shape, crop(scene.geobox, window).affine * Affine.scale(factor), scene.geobox.crs
    )
    whole = Window(0, 0, *shape)
    tiles = list(tiles_over(whole, size=_TILE))
    run = partial(_classified, replace(scene, masks=()), order, window, factor, _level(scene))
    with create(path, geobox=geobox, count=1, dtype="uint8", nodata=None) as raster:
        for tile, classes in map_tiles(run, tiles, executor=executor, in_flight=2):
            raster.write(tile, classes[None])
    told = f"ukis-csmask {_version()}, {len(order)} bands, {_level(scene).upper()}"
    return Mask(
        kind="learned",
        path=path,
        geobox=geobox,
        margin_px=margin_m / ground_pixel(geobox),
        source=f"learned cloud mask ({told})",
    )


def _version() -> str:
    import importlib.metadata

    return importlib.metadata.version("ukis-csmask")


def _band_order(scene: Scene) -> tuple[tuple[str, int], ...] | None:
    """(name, index) of the bands that the network takes, or None where one is missing."""
    index = {band.name: band.index for band in scene.bands}
    nir = index.get("nir", index.get("nir08"))
    if nir is None or not all(name in index for name in _VISIBLE):
        return None
    four = (*((name, index[name]) for name in _VISIBLE), ("nir", nir))
    more = tuple((name, index[name]) for name in _SWIR if name in index)
    return four + more if len(more) == len(_SWIR) else four


def _unit(scene: Scene) -> float | None:
    """What a scene's physical values are multiplied by to be reflectance; None where unknown."""
    used = {index for _, index in _band_order(scene) or ()}
    if all(band.scale != 1 for band in scene.bands if band.index in used):
        return 1.0
    platform = scene.facts.get("platform")
    if np.dtype(scene.dtype).kind in "iu":
        known = platform is not None and sensor_of(str(platform.value)) == "sentinel-2"
        return _SENTINEL2_UNIT if known else None
    return 1.0 if _looks_like_reflectance(scene) else None


def _looks_like_reflectance(scene: Scene) -> bool:
    rows, cols = scene.geobox.shape
    factor = max(1, max(rows, cols) // 256)
    index = [index for _, index in _band_order(scene) or ()]
    raster = read_window(replace(scene, masks=()), scene.window, bands=index, decimate=factor)
    seen = raster.data[:, raster.valid]
    return bool(seen.size) and 0 < float(np.median(seen)) < 1.5


def _level(scene: Scene) -> str:
    """The model of the processing level: at the surface where that is stated, else at the top."""
    stated = scene.facts.get("processing:level")
    text = "" if stated is None else str(stated.value).upper()
    return "l2a" if text.startswith(("L2", "2")) or "MSIL2A" in scene.name.upper() else "l1c"


def _needed(scene: Scene, plan: Plan, factor: int) -> Window:
    """The part of a scene that is estimated and shown, in whole blocks of ``factor`` px."""
    parts = [
        footprint_window(crop(plan.geobox, window), scene.geobox)
        for window in (plan.estimation, plan.display)
    ]
    top, left = min(p.top for p in parts), min(p.left for p in parts)
    bottom, right = max(p.bottom for p in parts), max(p.right for p in parts)
    inside = Window(top, left, bottom, right).padded(8 * factor).clipped(scene.window)
    return Window(
        inside.top // factor * factor,
        inside.left // factor * factor,
        -(-inside.bottom // factor) * factor,
        -(-inside.right // factor) * factor,
    )


def _classified(
    scene: Scene,
    order: tuple[tuple[str, int], ...],
    origin: Window,
    factor: int,
    level: str,
    tile: Window,
) -> NDArray[np.uint8]:
    """Classes of a tile, 0 where the scene shows nothing."""
    from ukis_csmask.mask import CSmask

    padded = tile.padded(_HALO)
    own = Window(
        origin.top + padded.top * factor,
        origin.left + padded.left * factor,
        origin.top + padded.bottom * factor,
        origin.left + padded.right * factor,
    )
    read = read_window(scene, own, bands=[index for _, index in order], decimate=factor)
    if not read.valid.any():
        return np.zeros(tile.shape, np.uint8)
    image = np.moveaxis(read.data * np.float32(_unit(scene) or 1.0), 0, -1)
    rows, cols = read.valid.shape
    more = [(0, max(0, _LEAST_SIDE - side)) for side in (rows, cols)]
    found = CSmask(
        img=np.pad(image, (*more, (0, 0)), mode="symmetric"),
        band_order=[name for name, _ in order],
        product_level=level,
        # One thread each: their number must not decide a class.
        intra_op_num_threads=1,
        inter_op_num_threads=1,
        providers=["CPUExecutionProvider"],
    )
    classes = np.where(read.valid, found.csm[:rows, :cols, 0], 0).astype(np.uint8)
    return classes[tile.within(padded)]
