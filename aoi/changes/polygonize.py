"""From the raster of region ids to polygons: exact, valid, one row a region."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from aoi.places.position import through
from imagery.blocks import TILE
from imagery.env import open_raster, raster_environment
from imagery.errors import InputError, TwopassError

STRIPE = TILE
"""Rows that are held at once.  What is returned doesn't depend on it."""


def polygonize(change_tif: Path) -> gpd.GeoDataFrame:
    """Draw the outline of every region in a raster of region ids.

    A region is what carries one id, in however many pieces: pixels that meet at a corner alone
    become two parts of one MultiPolygon.  Edges follow the pixels' sides, holes are kept, nothing
    is simplified.

    Parameters
    ----------
    change_tif
        The first band holds region ids, 0 for none, below 2^31; any integer type.

    Returns
    -------
    GeoDataFrame
        In the raster's CRS (None where it has none), with the index ``region`` (the ids, in
        ascending order) and the column ``geometry``: valid, its area that of the pixels exactly.

    Raises
    ------
    InputError
        If the raster cannot be read or its ids are too large.
    """
    pieces: defaultdict[int, list[Any]] = defaultdict(list)
    counts: defaultdict[int, int] = defaultdict(int)
    stripes: defaultdict[int, set[int]] = defaultdict(set)
    with raster_environment(), open_raster(change_tif) as dataset:
        crs, affine = dataset.crs, dataset.transform
        for top, stripe in _stripes(dataset, change_tif):
            ids, columns = _without_empty_columns(stripe)
            if not ids.size:
                continue
            found, pixels = np.unique(ids[ids > 0], return_counts=True)
            for region, count in zip(found.tolist(), pixels.tolist(), strict=True):
                counts[region] += count
                stripes[region].add(top)
            for polygon, region in _shapes(ids, columns, top):
                pieces[region].append(polygon)
    regions = sorted(pieces)
    outlines = [
        _whole(pieces[region], cut=len(stripes[region]) > 1, pixels=counts[region])
        for region in regions
    ]
    geometry = shapely.transform(np.array(outlines, dtype=object), through(affine))
    return gpd.GeoDataFrame(
        index=pd.Index(regions, name="region", dtype=np.int64),
        geometry=geometry,
        crs=crs.to_wkt() if crs is not None else None,
    )


def _read(dataset: Any, path: Path, top: int, bottom: int) -> NDArray[Any]:
    from rasterio.errors import RasterioIOError
    from rasterio.windows import Window

    try:
        return np.asarray(dataset.read(1, window=Window(0, top, dataset.width, bottom - top)))
    except RasterioIOError as error:
        raise InputError(
            f"{path.name}: cannot be read at rows {top} to {bottom}", needed="a whole file"
        ) from error


def _stripes(dataset: Any, path: Path) -> Iterator[tuple[int, NDArray[np.int32]]]:
    for top in range(0, dataset.height, STRIPE):
        ids = _read(dataset, path, top, min(dataset.height, top + STRIPE))
        if ids.dtype.kind not in "iu" or (ids.size and int(ids.max()) > np.iinfo(np.int32).max):
            raise InputError(
                f"{path.name}: holds no region ids",
                found=f"{ids.dtype}, largest {ids.max()}",
                needed="integers below 2^31",
            )
        # GDAL draws outlines of int32, not of uint32.
        yield top, ids.astype(np.int32)


def _without_empty_columns(
    ids: NDArray[np.int32],
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """A stripe with one empty column after each run of filled ones, and which columns are left.

    Most of an image is no region, and needn't be searched for outlines.
    """
    wide = np.pad(ids, ((0, 0), (0, 1)))
    used = np.asarray((wide > 0).any(axis=0))
    columns = np.flatnonzero(used | np.roll(used, 1))
    return wide[:, columns], columns


def _shapes(
    ids: NDArray[np.int32], columns: NDArray[np.int64], top: int
) -> Iterator[tuple[Any, int]]:
    """Outlines of the pieces in a stripe, in pixel coordinates of the raster."""
    from rasterio.features import shapes

    polygons, regions = [], []
    # Connected by sides alone: an outline that goes through a corner twice is not valid.
    for polygon, region in shapes(ids, mask=ids > 0, connectivity=4):
        rings = polygon["coordinates"]
        polygons.append(shapely.Polygon(rings[0], rings[1:]))
        regions.append(int(region))

    def placed(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([columns[points[:, 0].astype(np.intp)], points[:, 1] + top], axis=1)

    drawn = shapely.transform(np.array(polygons, dtype=object), placed)
    return zip(drawn, regions, strict=True)


def _whole(polygons: list[Any], *, cut: bool, pixels: int) -> Any:
    """One region's polygons, in pixel coordinates, as one geometry."""
    if cut:
        outline = _without_seams(shapely.union_all(polygons))
    else:
        outline = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    if not outline.is_valid:
        outline = shapely.make_valid(outline, method="structure")
    if outline.area != pixels:  # whole numbers, so exact
        raise TwopassError(
            "the outline of a region encloses another area than its pixels",
            found=f"{outline.area} px",
            needed=f"{pixels} px",
        )
    return shapely.normalize(outline)


def _without_seams(outline: Any) -> Any:
    """A rectilinear outline without the vertices that a cut between stripes leaves in its sides."""
    parts = [
        shapely.Polygon(_corners(part.exterior), [_corners(ring) for ring in part.interiors])
        for part in shapely.get_parts(outline)
    ]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _corners(ring: Any) -> NDArray[np.float64]:
    points = shapely.get_coordinates(ring)[:-1]
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    straight = ((before == points) & (points == after)).any(axis=1)
    return np.asarray(points[~straight])
