"""Positions: to and from degrees, and how they are written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Moves = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""From coordinates (n, 2), x before y, to others: what ``shapely.transform`` takes."""

_METRES_PER_DEGREE = 111_320.0


def coordinate_digits(pixel_size_m: float) -> int:
    """Decimals of a degree that resolve a tenth of a pixel: 7 at 0.5 m, 6 at 10 m.

    Raises
    ------
    ValueError
        If the pixel has no size.
    """
    if not (math.isfinite(pixel_size_m) and pixel_size_m > 0):
        raise ValueError(f"pixel_size_m must be positive; found {pixel_size_m}")
    return min(9, max(0, math.ceil(-math.log10(pixel_size_m / 10 / _METRES_PER_DEGREE))))


def mgrs_text(lon: float, lat: float, *, pixel_size_m: float) -> str:
    """The MGRS square that holds a point: of 1 m, of 10 m from 5 m pixels, of 100 m from 50 m.

    Parameters
    ----------
    lon, lat
        Degrees, WGS 84.
    pixel_size_m
        Ground sample of the grid that the point was found on.

    Returns
    -------
    str
        Without spaces, such as ``"51SYD3829422549"``.
    """
    import mgrs

    precision = 5 if pixel_size_m < 5 else 4 if pixel_size_m < 50 else 3
    return str(mgrs.MGRS().toMGRS(lat, lon, MGRSPrecision=precision))


def pyproj_crs(crs: Any) -> Any:
    """Any form of a CRS (odc.geo, rasterio, pyproj, text) as ``pyproj.CRS``.

    Raises
    ------
    pyproj.exceptions.CRSError
        If it names no CRS.
    """
    import pyproj

    proj = getattr(crs, "proj", None)
    if isinstance(proj, pyproj.CRS):
        return proj
    if hasattr(crs, "to_wkt") and not isinstance(crs, pyproj.CRS):
        return pyproj.CRS.from_wkt(crs.to_wkt())
    return pyproj.CRS.from_user_input(crs)


def to_lonlat(crs: Any) -> Moves:
    """From a CRS, x before y, to longitude and latitude; infinite where there is none.

    Raises
    ------
    pyproj.exceptions.ProjError
        If no way leads from the CRS to the Earth.
    """
    return _transformed(crs, "FORWARD")


def from_lonlat(crs: Any) -> Moves:
    """From longitude and latitude to a CRS; else as :func:`to_lonlat`."""
    return _transformed(crs, "INVERSE")


def _transformed(crs: Any, direction: str) -> Moves:
    import pyproj

    transformer = pyproj.Transformer.from_crs(pyproj_crs(crs), "EPSG:4326", always_xy=True)

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = transformer.transform(
            xy[:, 0], xy[:, 1], direction=pyproj.enums.TransformDirection(direction)
        )
        return np.asarray(np.column_stack((x, y)), dtype=np.float64)

    return move


def geodesic() -> Any:
    """The WGS 84 ellipsoid's geodesics."""
    import pyproj

    return pyproj.Geod(ellps="WGS84")


def through(affine: Any) -> Moves:
    """An affine transform, or its inverse ``~affine``, as a function of many coordinates."""
    matrix = np.array([[affine.a, affine.d], [affine.b, affine.e]])
    origin = np.array([affine.c, affine.f])

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        # Not a matrix product, whose rounding depends on how many coordinates come at once.
        return np.asarray(xy[:, :1] * matrix[0] + xy[:, 1:] * matrix[1] + origin, dtype=np.float64)

    return move


def extent_text(geometry: Any) -> str:
    """The bounds of a geometry, in words."""
    west, south, east, north = shapely.total_bounds(geometry)
    return f"x {west:.8g} to {east:.8g}, y {south:.8g} to {north:.8g}"
