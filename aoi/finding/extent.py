"""Where an image has pixels, roughly: a swath's edge leaves much of its grid empty.

Seen on a decimated read alone, so that a large archive is filled at the speed of its overviews.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.places.area import footprint
from aoi.places.position import through, to_lonlat
from imagery.env import open_raster
from imagery.mask import valid_pixels
from imagery.scene import Scene

LARGEST_WITHOUT_OVERVIEWS = 100_000_000
"""Pixels of an image that is read whole for want of overviews."""

_SIDE, _FINER, _BANDS = 256, 4, 3


def extent(scene: Scene) -> tuple[Any, str]:
    """The outline of an image's valid pixels in longitude and latitude.

    Parameters
    ----------
    scene
        The image, on the Earth.

    Returns
    -------
    (outline, of)
        ``"data"``: it holds every valid pixel that a read of every n-th one finds, and reaches at
        most two coarse pixels (of 256 along the longer side) beyond them.  ``"grid"``: the
        outline of the grid, where looking would take long or finds nothing; fill may lie in it.
    """
    valid = _decimated(scene)
    if valid is None or not valid.any():
        return footprint(scene.geobox), "grid"
    if valid.all():
        return footprint(scene.geobox), "data"
    rows, cols = scene.geobox.shape
    factor = max(1, math.ceil(max(valid.shape) / _SIDE))
    pixel = factor * cols / valid.shape[1], factor * rows / valid.shape[0]
    return _outline(_any(valid, factor), pixel, scene.geobox), "data"


def _decimated(scene: Scene) -> NDArray[np.bool_] | None:
    """Validity of every n-th pixel; None where reading them would take long."""
    first = scene.bands[0]
    path = first.stored.path if first.stored else scene.path
    bands = [b for b in scene.bands if b.stored is None or b.stored.path == path][:_BANDS]
    indexes = [band.stored.index if band.stored else band.index for band in bands]
    with open_raster(path) as dataset:
        rows, cols = dataset.height, dataset.width
        if rows * cols > LARGEST_WITHOUT_OVERVIEWS and not dataset.overviews(indexes[0]):
            return None
        step = max(1.0, max(rows, cols) / (_SIDE * _FINER))
        shape = max(1, round(rows / step)), max(1, round(cols / step))
        raw = dataset.read(indexes, out_shape=(len(indexes), *shape))
        valid = np.zeros(shape, bool)
        for plane in raw:
            valid |= valid_pixels(plane[np.newaxis], nodata=scene.nodata)
        if scene.alpha is not None:
            valid &= dataset.read(scene.alpha.index, out_shape=shape) >= scene.alpha.opaque
        if scene.has_mask and scene.alpha is None:
            valid &= (dataset.read_masks(indexes, out_shape=raw.shape) != 0).any(axis=0)
    if scene.collar is not None:
        valid &= ~_collar(scene, raw, [scene.bands.index(band) for band in bands])
    return valid


def _collar(scene: Scene, raw: NDArray[Any], numbers: list[int]) -> NDArray[np.bool_]:
    collar: Any = scene.collar
    coarse = np.array([np.frombuffer(row, np.uint8) for row in collar.coarse]) != 0
    places = [
        np.minimum(((np.arange(n) + 0.5) * whole / n / collar.factor).astype(int), limit - 1)
        for n, whole, limit in zip(raw.shape[1:], scene.geobox.shape, coarse.shape, strict=True)
    ]
    lies = coarse[np.ix_(*places)]
    for plane, number in zip(raw, numbers, strict=True):
        lies &= np.abs(plane.astype(np.float64) - collar.values[number]) <= collar.tolerance
    return np.asarray(lies)


def _any(valid: NDArray[np.bool_], factor: int) -> NDArray[np.bool_]:
    padded = np.pad(valid, [(0, -side % factor) for side in valid.shape], mode="edge")
    rows, cols = (side // factor for side in padded.shape)
    return np.asarray(padded.reshape(rows, factor, cols, factor).any(axis=(1, 3)))


def _outline(coarse: NDArray[np.bool_], pixel: tuple[float, float], geobox: GeoBox) -> Any:
    """Coarse pixels as an outline; ``pixel`` is the width and height of one on the grid."""
    from rasterio.features import shapes

    found = shapes(coarse.astype(np.uint8), mask=coarse)
    parts = shapely.union_all([shapely.geometry.shape(part) for part, _ in found])
    # A simpler line may cut a corner by 0.7 of a coarse pixel: the margin is more than that.
    parts = parts.simplify(0.7).buffer(0.9, join_style="mitre")
    rows, cols = geobox.shape
    parts = shapely.transform(parts, lambda xy: xy * pixel)
    parts = shapely.intersection(parts, shapely.box(0, 0, cols, rows))
    parts = shapely.segmentize(parts, max(rows, cols) / _SIDE)
    outline = shapely.transform(parts, through(geobox.affine))
    if geobox.crs is not None:
        outline = shapely.transform(outline, to_lonlat(geobox.crs))
    return shapely.orient_polygons(outline if outline.is_valid else shapely.make_valid(outline))
