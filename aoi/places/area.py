"""The area of interest: one checked outline, on the Earth or in an image's metric frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.places.degrees import check_degrees
from aoi.places.position import (
    from_lonlat,
    geodesic,
    mgrs_text,
    pyproj_crs,
    through,
    to_lonlat,
)
from imagery.blocks import Window
from imagery.errors import InputError
from imagery.scene import InputFile

_CHORD_DEGREES = 0.002  # a chord of this length leaves its parallel by less than 1 mm
_LARGEST_OWN_WINDOW = 10_000_000  # px


@dataclass(frozen=True, kw_only=True, eq=False)
class Area:
    """A place to look at, as one valid outline.

    Attributes
    ----------
    name
        For titles.
    geometry
        A valid shapely Polygon or MultiPolygon: longitude and latitude (WGS 84), or the metric
        frame's coordinates where ``georeferenced`` is False.
    source
        Where the outline is from, in words: ``"file area.geojson"``.
    name_local
        The name in the place's own script.
    accuracy
        What is known of the outline's accuracy, in words.
    sources
        The documents behind it.
    time_zone
        Its name in the IANA database, where it is known.
    file
        The file that it was read from.
    georeferenced
        Whether ``geometry`` lies on the Earth.
    """

    name: str
    geometry: Any
    source: str
    name_local: str | None = None
    accuracy: str | None = None
    sources: tuple[str, ...] = ()
    time_zone: str | None = None
    file: InputFile | None = None
    georeferenced: bool = True

    @property
    def area_m2(self) -> float:
        """Square metres: geodesic, or planar in the metric frame."""
        if not self.georeferenced:
            return float(self.geometry.area)
        outline = shapely.orient_polygons(_with_chords(self.geometry))
        return abs(float(geodesic().geometry_area_perimeter(outline)[0]))

    @property
    def centre_position(self) -> dict[str, Any] | None:
        """The centroid: ``lon``, ``lat`` to 1 m, ``mgrs`` to 10 m; None in the metric frame."""
        if not self.georeferenced:
            return None
        lon, lat = (round(number, 5) for number in self.centre)
        return {"lon": lon, "lat": lat, "mgrs": mgrs_text(lon, lat, pixel_size_m=10)}

    @property
    def centre(self) -> tuple[float, float]:
        """The centroid: (longitude, latitude), or (x, y) of the metric frame."""
        point = self.geometry.centroid
        return float(point.x), float(point.y)

    def outline_in(self, crs: Any) -> Any:
        """The outline in a CRS, with enough vertices that its edges stay where they were.

        Parameters
        ----------
        crs
            Any form of a CRS; None for the metric frame.

        Raises
        ------
        InputError
            If the outline lies where the CRS has no coordinates.
        ValueError
            If one of the two is georeferenced and the other isn't.
        """
        if (crs is not None) != self.georeferenced:
            raise ValueError(
                f"area {self.name!r} is {'' if self.georeferenced else 'not '}georeferenced; "
                f"found crs {crs}"
            )
        if not self.georeferenced:
            return self.geometry
        outline = shapely.transform(_with_chords(self.geometry), from_lonlat(crs))
        if not np.isfinite(shapely.get_coordinates(outline)).all():
            raise InputError(
                f"AOI {self.name!r} lies where the scenes' CRS has no coordinates",
                found="around {:.5f}, {:.5f}".format(*self.centre),
                needed=f"an area within the use of {pyproj_crs(crs).name}",
                option="--aoi",
            )
        return outline if outline.is_valid else shapely.make_valid(outline, method="structure")

    def outline_on(self, geobox: GeoBox) -> Any:
        """The outline in a grid's pixel coordinates: x the column, y the row, (0, 0) a corner."""
        outline = self.outline_in(geobox.crs)
        return shapely.transform(outline, through(~geobox.affine))

    def bounds(self, crs: Any) -> tuple[float, float, float, float]:
        """The extent (left, bottom, right, top) in a CRS, of the edges and not only the corners."""
        left, bottom, right, top = self.outline_in(crs).bounds
        return left, bottom, right, top

    def mask(self, geobox: GeoBox) -> NDArray[np.bool_]:
        """The pixels whose centre lies inside.

        An area so small or thin that it holds no pixel's centre gets every pixel that it touches.
        Whether that is so is decided on the whole area, whatever part of it ``geobox`` covers, so
        that a mask made in blocks equals the whole.

        Returns
        -------
        NDArray[np.bool_]
            Of shape (row, col).
        """
        outline = self.outline_on(geobox)
        rows, cols = geobox.shape
        if not shapely.box(*outline.bounds).intersects(shapely.box(0, 0, cols, rows)):
            return np.zeros((rows, cols), dtype=bool)
        inside = _burn(outline, (0, 0, rows, cols))
        if inside.any() or not _holds_no_centre(outline):
            return inside
        touched = _burn(outline, (0, 0, rows, cols), touched=True)
        # GDAL forgives a hundredth of a pixel at a side, and with it a whole small area.
        point = outline.representative_point()
        row, col = math.floor(point.y), math.floor(point.x)
        if 0 <= row < rows and 0 <= col < cols:
            touched[row, col] = True
        return touched


def area_from_overlap(geobox: GeoBox, window: Window | None = None) -> Area:
    """A window of a grid as an area: what is looked at where the user names none.

    Parameters
    ----------
    geobox
        The grid.
    window
        The part of it that both scenes show; the whole grid by default.

    Raises
    ------
    InputError
        If the window reaches across the antimeridian.
    """
    name = "Overlap of the two images"
    outline = footprint(geobox, window)
    if geobox.crs is not None:
        check_degrees(outline, name)
    return Area(
        name=name,
        geometry=outline,
        source="scenes' overlap",
        georeferenced=geobox.crs is not None,
    )


def footprint(geobox: GeoBox, window: Window | None = None) -> Any:
    """The outline of a grid's window in longitude and latitude, or in the metric frame."""
    rows, cols = geobox.shape
    part = Window(0, 0, rows, cols) if window is None else window
    ring = shapely.box(part.left, part.top, part.right, part.bottom)
    ring = shapely.segmentize(ring, max(part.height, part.width) / 256)
    outline = shapely.transform(ring, through(geobox.affine))
    if geobox.crs is not None:
        outline = shapely.transform(outline, to_lonlat(geobox.crs))
    return shapely.orient_polygons(outline)


def _with_chords(geometry: Any) -> Any:
    return shapely.segmentize(geometry, max(_CHORD_DEGREES, geometry.length / 50_000))


def _burn(
    outline: Any, window: tuple[int, int, int, int], *, touched: bool = False
) -> NDArray[np.bool_]:
    """Pixels (top, left, rows, cols) of the lattice that lie in an outline of pixel coordinates."""
    from rasterio.features import rasterize
    from rasterio.transform import Affine

    top, left, rows, cols = window
    if rows == 0 or cols == 0:
        return np.zeros((rows, cols), dtype=bool)
    burnt = rasterize(
        [outline],
        out_shape=(rows, cols),
        transform=Affine.translation(left, top),
        all_touched=touched,
        dtype="uint8",
    )
    return np.asarray(burnt, dtype=bool)


def _holds_no_centre(outline: Any) -> bool:
    left, top, right, bottom = outline.bounds
    top, left = math.floor(top), math.floor(left)
    rows, cols = math.ceil(bottom) - top, math.ceil(right) - left
    if rows * cols > _LARGEST_OWN_WINDOW:
        return False
    return not _burn(outline, (top, left, rows, cols)).any()
