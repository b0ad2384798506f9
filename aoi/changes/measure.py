"""Lengths and areas on the ground, whatever the grid's CRS, of shapes in pixel coordinates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.places.position import Moves, geodesic, through, to_lonlat

Shapes = NDArray[np.object_]
"""Shapely geometries in pixel coordinates: x the column, y the row, (0, 0) the grid's corner."""


@dataclass(frozen=True)
class Rectangle:
    """The smallest rectangle, at any angle, around a shape.

    Attributes
    ----------
    length, width
        Ground metres; the length is the longer.
    orientation
        Of the long side, in degrees clockwise from true north, 0 to 180; from the image's up where
        the grid is not georeferenced.
    """

    length: float
    width: float
    orientation: float

    @property
    def area(self) -> float:
        """Square metres."""
        return self.length * self.width


def degrees_of(geobox: GeoBox) -> Moves:
    """From pixel coordinates of a georeferenced grid to longitude and latitude."""
    to_world, to_degrees = through(geobox.affine), to_lonlat(geobox.crs)
    return lambda xy: to_degrees(to_world(xy))


def metres_of(geobox: GeoBox) -> Moves:
    """From pixel coordinates to an equal-area plane of metres around the middle of the grid.

    Lambert's azimuthal projection of the WGS 84 ellipsoid: areas are exact (the geodesic formula
    loses 4 digits on pixels of 0.1 m), lengths good to 1e-5 up to 50 km from the middle.  Where the
    grid is not georeferenced: its metric frame, with y up the image.
    """
    import pyproj

    if geobox.crs is None:
        across, down = _frame_steps(geobox)
        return lambda xy: xy * (across, -down)
    rows, cols = geobox.shape
    to_degrees = degrees_of(geobox)
    ((lon, lat),) = to_degrees(np.array([[cols / 2, rows / 2]]))
    plane = pyproj.Proj(proj="laea", lat_0=lat, lon_0=lon, ellps="WGS84")

    def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
        degrees = to_degrees(xy)
        return np.asarray(np.column_stack(plane(degrees[:, 0], degrees[:, 1])), dtype=np.float64)

    return move


def on_ground(shapes: Shapes, *, geobox: GeoBox) -> Shapes:
    """The shapes in the plane of :func:`metres_of`, each side cut at every pixel.

    Cut so, shapes that share pixels' sides share vertices, and their areas add up exactly.
    """
    cut = shapely.segmentize(shapes, 1 + 1e-9)
    return np.asarray(shapely.transform(cut, metres_of(geobox)), dtype=object)


def rectangles(shapes: Shapes, *, geobox: GeoBox) -> list[Rectangle]:
    """The smallest rectangle around each shape, in a plane of its own.

    The plane is the azimuthal equidistant projection around the shape's centroid, so that lengths
    and true north are right for each, in any CRS.
    """
    hulls = shapely.convex_hull(shapes)
    corners, owner = shapely.get_coordinates(hulls, return_index=True)
    if geobox.crs is None:
        plane = metres_of(geobox)(corners)
    else:
        to_degrees = degrees_of(geobox)
        middles = to_degrees(shapely.get_coordinates(shapely.centroid(shapes)))[owner]
        ends = to_degrees(corners)
        azimuth, _, distance = geodesic().inv(middles[:, 0], middles[:, 1], ends[:, 0], ends[:, 1])
        turn = np.radians(azimuth)
        plane = np.column_stack((distance * np.sin(turn), distance * np.cos(turn)))
    boxes = shapely.oriented_envelope(shapely.multipoints(plane, indices=owner))
    return [_rectangle(shapely.get_coordinates(box)) for box in boxes]


def _rectangle(corners: NDArray[np.float64]) -> Rectangle:
    sides = corners[1:3] - corners[:2]
    first, second = np.hypot(sides[:, 0], sides[:, 1]).tolist()
    dx, dy = sides[0] if first >= second else sides[1]
    orientation = round(math.degrees(math.atan2(dx, dy)), 6)
    # A square has two long sides: the one nearer to north clockwise, or rounding would choose.
    square = abs(first - second) <= 1e-6 * max(first, second)
    return Rectangle(max(first, second), min(first, second), orientation % (90 if square else 180))


def _frame_steps(geobox: GeoBox) -> tuple[float, float]:
    affine = geobox.affine
    return math.hypot(affine.a, affine.d), math.hypot(affine.b, affine.e)
