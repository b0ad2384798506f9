"""A mask of what changed, brought to a grid by nearest neighbour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.places.position import Moves, pyproj_crs, through
from imagery.blocks import TILE, Window, tiles_over
from imagery.env import RASTER_ERRORS, open_raster, raster_environment
from imagery.errors import InputError

IGNORE = 255
"""In a mask: the reference doesn't say."""

_MOST_AT_ONCE = 100_000_000  # px


def read_mask(path: Path, geobox: GeoBox) -> NDArray[np.uint8]:
    """The mask's value at each pixel's centre; 255 beyond it.

    Parameters
    ----------
    path
        A raster of one band: 1 changed, 0 not, 255 ignore, as are NaN and a nodata value other than
        0 and 1.
    geobox
        The grid.  Where neither it nor the mask has a place, pixels correspond.

    Returns
    -------
    NDArray[np.uint8]
        Of shape (row, col): 0, 1 or 255.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no mask of this grid.
    """
    # Not by GDAL's warp: rasterio lets it misplace a pixel by an eighth.
    rows, cols = geobox.shape
    values = np.full((rows, cols), IGNORE, dtype=np.uint8)
    with raster_environment(), open_raster(path, option="--reference") as source:
        _check_mask(source, path, geobox)
        to_mask = _to_mask(source, path, geobox)
        nodata = source.nodata
        ends = to_mask(np.array([[cols / 2, rows / 2], [cols / 2 + 1, rows / 2 + 1]]))
        ratio = float(np.abs(ends[1] - ends[0]).max())
        side = TILE if not ratio > 1 else max(16, int(TILE / ratio))
        for tile in tiles_over(Window(0, 0, rows, cols), size=side):
            row, col = np.indices(tile.shape).reshape(2, -1)
            xy = np.column_stack([col + tile.left, row + tile.top]) + 0.5
            picked = _pick(source, to_mask(xy.astype(np.float64)), path)
            picked[~np.isfinite(picked)] = IGNORE
            if nodata is not None and nodata not in (0, 1):
                picked[picked == np.float32(nodata)] = IGNORE
            _check_values(picked, path)
            values[tile.top : tile.bottom, tile.left : tile.right] = picked.reshape(tile.shape)
    return values


def _to_mask(source: Any, path: Path, geobox: GeoBox) -> Moves:
    """From the grid's pixel coordinates to the mask's, x before y."""
    import pyproj

    affine = geobox.affine if source.crs is None and _unplaced(source) else source.transform
    if not affine.determinant:
        raise InputError(
            f"{path.name}: has a transform that can't be inverted",
            found=tuple(affine)[:6],
            needed="pixels with a width and a height",
            option="--reference",
        )
    out, back = through(geobox.affine), through(~affine)
    if source.crs is None:
        return lambda xy: back(out(xy))
    try:
        transformer = pyproj.Transformer.from_crs(
            pyproj_crs(geobox.crs), pyproj_crs(source.crs), always_xy=True
        )
    except pyproj.exceptions.ProjError as error:
        raise InputError(
            f"{path.name}: its CRS has no way to the case's",
            found=source.crs,
            needed="a CRS on the Earth",
            option="--reference",
        ) from error
    return lambda xy: back(np.column_stack(transformer.transform(*out(xy).T)))


def _pick(source: Any, places: NDArray[np.float64], path: Path) -> NDArray[np.float32]:
    """The values of a raster at places in its pixel coordinates; 255 beyond it."""
    # In float32, which holds every value that counts and shows every other.
    values = np.full(len(places), IGNORE, dtype=np.float32)
    inside = ((places >= 0) & (places < (source.width, source.height))).all(axis=1)
    if not inside.any():
        return values
    col, row = np.floor(places[inside]).astype(np.int64).T
    top, left, bottom, right = row.min(), col.min(), row.max() + 1, col.max() + 1
    if (bottom - top) * (right - left) > _MOST_AT_ONCE:
        raise InputError(
            f"{path.name}: is far finer than the case",
            found=f"{(bottom - top) * (right - left):,} of its pixels in a small part of the grid",
            needed="a mask of about the case's pixel size",
            option="--reference",
        )
    try:
        part = source.read(1, window=((int(top), int(bottom)), (int(left), int(right))))
    except RASTER_ERRORS as error:
        raise InputError(
            f"{path.name}: cannot be read",
            found=error,
            needed="a whole file",
            option="--reference",
        ) from error
    values[inside] = part[row - top, col - left]
    return values


def _unplaced(source: Any) -> bool:
    return bool(source.transform.is_identity)


def _check_mask(source: Any, path: Path, geobox: GeoBox) -> None:
    if source.count != 1 or np.dtype(source.dtypes[0]).kind not in "biuf":
        raise InputError(
            f"{path.name}: is no mask",
            found=f"{source.count} bands of {source.dtypes[0]}",
            needed="one band: 1 changed, 0 not, 255 ignore",
            option="--reference",
        )
    if (source.crs is None) != (geobox.crs is None):
        one, other = ("not ", "") if source.crs is None else ("", "not ")
        raise InputError(
            f"{path.name}: is {one}georeferenced, and the case is {other}georeferenced",
            found=f"CRS {source.crs}",
            needed=f"a mask that is {other}georeferenced",
            option="--reference",
        )
    if geobox.crs is None and _unplaced(source) and source.shape != tuple(geobox.shape):
        raise InputError(
            f"{path.name}: has no place, and another size than the case's rasters",
            found=f"{source.height} x {source.width} px",
            needed=f"{geobox.shape[0]} x {geobox.shape[1]} px",
            option="--reference",
        )


def _check_values(stripe: NDArray[np.float32], path: Path) -> None:
    wrong = np.unique(stripe[~np.isin(stripe, (0, 1, IGNORE))])
    if len(wrong):
        raise InputError(
            f"{path.name}: holds values that mean nothing in a mask",
            found=", ".join(f"{value:g}" for value in wrong[:5]),
            needed="1 changed, 0 not, 255 ignore",
            option="--reference",
        )
