"""Which regions lie at a cloud, masked or suspected."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from imagery.blocks import Window, tiles_over
from imagery.env import open_raster, raster_environment
from imagery.masks import CLOUD
from imagery.observed import CLOUD_AFTER, CLOUD_BEFORE
from imagery.read import reasons_on
from imagery.scene import Mask


def touched_by_clouds(rasters: Mapping[str, Path]) -> frozenset[int]:
    """The ids of regions that meet a pixel masked as cloud, or a suspected cloud or its shadow.

    Parameters
    ----------
    rasters
        ``change`` and ``valid``, on one grid, and where clouds were suspected
        ``suspected_clouds``.
    """
    found: set[int] = set()
    with (
        raster_environment(),
        open_raster(rasters["change"]) as changes,
        open_raster(rasters["valid"]) as valids,
    ):
        grid = GeoBox(changes.shape, changes.transform, changes.crs)
        suspected = _suspected(rasters.get("suspected_clouds"), grid)
        whole = Window(0, 0, *changes.shape)
        for tile in tiles_over(whole, size=2048):
            # One pixel more, so that a region at the tile's edge meets what lies beyond.
            window = tile.padded(1).clipped(whole)
            place = ((window.top, window.bottom), (window.left, window.right))
            labels = changes.read(1, window=place)
            if not labels.any():
                continue
            near = (valids.read(1, window=place) & (CLOUD_BEFORE | CLOUD_AFTER)) != 0
            if near.any():
                near = ndimage.binary_dilation(near, np.ones((3, 3)))
            near |= (reasons_on(suspected, grid, window) & CLOUD) != 0
            found |= {int(number) for number in _numbers(labels[near])}
    return frozenset(found)


def _numbers(labels: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return np.unique(labels[labels > 0])


def _suspected(path: Path | None, grid: GeoBox) -> tuple[Mask, ...]:
    if path is None:
        return ()
    with open_raster(path) as dataset:
        geobox = GeoBox(dataset.shape, dataset.transform, grid.crs)
    return tuple(
        Mask(kind=kind, path=path, geobox=geobox, source="suspected clouds")
        for kind in ("suspected-before", "suspected-after")
    )
