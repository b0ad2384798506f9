"""From corners on a picture to an outline on the Earth."""

from __future__ import annotations

import math

import numpy as np
import shapely

from aoi.places.area import Area
from aoi.places.degrees import check_degrees
from aoi.places.drawing._picture import Picture
from aoi.places.position import coordinate_digits, pyproj_crs, through, to_lonlat
from imagery.errors import InputError

MOST_CORNERS = 10_000
_CHORD_M = 1000.0  # a straight edge of a projection isn't straight in degrees: 1 km leaves 2 cm


def outline_of(corners: object, picture: Picture) -> Area:
    """The area that corners on a picture enclose.

    Parameters
    ----------
    corners
        What the page sent, which may be anything: a list of [x, y] in pixels of the picture, x to
        the right, y down, (0, 0) its outer corner.
    picture
        The picture.

    Raises
    ------
    InputError
        If they enclose nothing, or cross themselves.
    """
    rows, cols = picture.geobox.shape
    if not isinstance(corners, list) or not 3 <= len(corners) <= MOST_CORNERS:
        found = f"{len(corners)} corners" if isinstance(corners, list) else "no list"
        raise _refused(found, f"3 to {MOST_CORNERS} corners")
    if not all(_is_position(corner, rows, cols) for corner in corners):
        raise _refused("a corner outside the picture", "corners on the picture")
    drawn = shapely.Polygon(corners)
    if not drawn.is_valid or not drawn.area > 0:
        raise _refused(shapely.is_valid_reason(drawn), "an outline that doesn't cross itself")
    crs = pyproj_crs(picture.geobox.crs)
    if not crs.is_geographic:
        drawn = shapely.segmentize(drawn, max(1.0, _CHORD_M / picture.pixel_m))
    outline = shapely.transform(drawn, through(picture.geobox.affine))
    outline = shapely.orient_polygons(shapely.transform(outline, to_lonlat(crs)))
    check_degrees(outline, "the outline")
    digits = coordinate_digits(picture.pixel_m)
    rounded = shapely.transform(outline, lambda xy: np.round(xy, digits))
    if rounded.is_valid:  # which corners closer than a tenth of a pixel may prevent
        outline = rounded
    return Area(name="Drawn outline", geometry=outline, source=f"drawn on {picture.name}")


def _is_position(corner: object, rows: int, cols: int) -> bool:
    if not isinstance(corner, list) or len(corner) != 2:
        return False
    if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in corner):
        return False
    x, y = corner
    return math.isfinite(x) and math.isfinite(y) and 0 <= x <= cols and 0 <= y <= rows


def _refused(found: str, needed: str) -> InputError:
    return InputError("the corners are no outline", found=found, needed=needed)
