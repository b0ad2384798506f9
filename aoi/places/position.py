"""Positions: to and from degrees, whether they are any, and how they are written down."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from imagery.errors import InputError

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


def check_degrees(geometry: Any, name: str) -> None:
    """Refuse what is no longitude and latitude, in words that tell the likely cause.

    Raises
    ------
    InputError
        If a coordinate is out of range, or the geometry reaches across the antimeridian.
    """
    west, south, east, north = shapely.total_bounds(geometry)
    found = extent_text(geometry)
    if not np.isfinite([west, south, east, north]).all():
        raise InputError(
            f"{name}: lies where its CRS has no coordinates",
            found=found,
            needed="longitude and latitude",
            option="--aoi",
        )
    if max(abs(south), abs(north)) > 90 or max(abs(west), abs(east)) > 360:
        if max(abs(west), abs(east)) <= 90 and max(abs(south), abs(north)) <= 180:
            message = "it looks like latitude and longitude are swapped"
        elif max(map(abs, (west, south, east, north))) > 1000:
            message = "the coordinates are no degrees; metres, it seems"
        else:
            message = "the coordinates are out of range"
        raise InputError(
            f"{name}: {message}",
            found=found,
            needed="longitude -180 to 180 before latitude -90 to 90, or a file with its CRS",
            option="--aoi",
        )
    if west < -180 or east > 180 or east - west > 180:
        raise across_the_antimeridian(name, found)


def across_the_antimeridian(name: str, found: str) -> InputError:
    """The refusal of an area that lies on both sides of 180 degrees."""
    return InputError(
        f"{name}: longitudes beyond 180 degrees, or an area across the antimeridian, are not "
        "supported",
        found=found,
        needed="west of east, both within -180 to 180, or one area on either side",
        option="--aoi",
    )


def extent_text(geometry: Any) -> str:
    """The bounds of a geometry, in words."""
    west, south, east, north = shapely.total_bounds(geometry)
    return f"x {west:.8g} to {east:.8g}, y {south:.8g} to {north:.8g}"
