"""Seams of a mosaic that a user drew: lines from a file, and the parts that they make of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.places.files import read_outlines
from aoi.places.position import pyproj_crs, through
from imagery.errors import InputError, MissingInputError
from imagery.options import CoregisterOptions, ReadOptions
from imagery.scene import InputFile

_MOST_PARTS = 16
_LEAST_SHARE = 0.002
"""A part smaller than this share of the grid is a slip of the pen, and goes to its neighbour."""

_NO_PART = 255


@dataclass(frozen=True, kw_only=True, eq=False)
class DrawnSeams:
    """Lines, and outlines of polygons, along which an image may break."""

    lines: tuple[Any, ...]
    """shapely lines in the file's own coordinates."""

    crs: Any
    """``pyproj.CRS`` of the file; None in the metric frame."""

    file: InputFile

    def parts(self, geobox: GeoBox) -> NDArray[np.uint8]:
        """The number of the part that each pixel's centre lies in, the largest part's 0.

        Raises
        ------
        InputError
            If the lines don't part the grid, or in more than 16 parts.
        """
        from rasterio.features import rasterize
        from scipy import ndimage

        rows, cols = geobox.shape
        frame = shapely.box(0, 0, cols, rows)
        lines = shapely.intersection(np.array(self._on(geobox), dtype=object), frame)
        noded = shapely.union_all([frame.exterior, *lines])
        faces = shapely.get_parts(shapely.polygonize(list(shapely.get_parts(noded))))
        # A stable order, whatever that of the lines.
        faces = sorted(faces, key=lambda face: (-face.area, *face.bounds))
        faces = [face for face in faces if face.area >= _LEAST_SHARE * frame.area]
        if not 2 <= len(faces) <= _MOST_PARTS:
            raise InputError(
                f"{self.file.name}: its lines don't part what both images show",
                found="one part" if len(faces) < 2 else f"{len(faces)} parts",
                needed=f"2 to {_MOST_PARTS} parts: lines that run across, and beyond the edges",
                option="--seams",
            )
        burnt: NDArray[np.uint8] = rasterize(
            [(face, number) for number, face in enumerate(faces)],
            out_shape=(rows, cols),
            fill=_NO_PART,
            dtype="uint8",
        )
        index = ndimage.distance_transform_edt(
            burnt == _NO_PART, return_distances=False, return_indices=True
        )
        return np.asarray(burnt[tuple(index)])

    def _on(self, geobox: GeoBox) -> list[Any]:
        """The lines in a grid's pixel coordinates: x the column, y the row, (0, 0) a corner."""
        import pyproj

        lines: Any = list(self.lines)
        if self.crs is not None and geobox.crs is not None:
            # A straight edge of one projection isn't straight in another.
            lines = [shapely.segmentize(line, max(line.length / 2000, 1e-9)) for line in lines]
            move = pyproj.Transformer.from_crs(self.crs, pyproj_crs(geobox.crs), always_xy=True)
            lines = shapely.transform(lines, lambda xy: np.column_stack(move.transform(*xy.T)))
        if not all(np.isfinite(shapely.get_coordinates(line)).all() for line in lines):
            raise InputError(
                f"{self.file.name}: lies where the images' CRS has no coordinates",
                found="an infinite coordinate",
                needed="lines on the images",
                option="--seams",
            )
        return list(shapely.transform(lines, through(~geobox.affine)))


def load_seams(path: Path, *, georeferenced: bool = True, crs: Any = None) -> DrawnSeams:
    """The seams in a file: its lines, and the outlines of its polygons.

    Parameters
    ----------
    path
        GeoJSON, GeoPackage, KML or shapefile.
    georeferenced
        False where the scenes have no georeference: coordinates are then metres of the frame.
    crs
        The CRS of a file that has none.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it holds no line that can be used.
    """
    try:
        found = read_outlines(path)
    except InputError as error:
        kind = MissingInputError if isinstance(error, MissingInputError) else InputError
        message = error.message.replace("areas are", "seams are").replace("an area", "seams")
        raise kind(
            message.replace("seams's outline", "seams"),
            found=error.found,
            needed=error.needed,
            option="--seams",
        ) from error
    rings = [ring for polygon in found.polygons for ring in _rings(polygon)]
    lines = tuple(line for line in (*found.lines, *rings) if line.length > 0)
    if not lines:
        raise _wrong(path, "no line", "lines along the seams, or outlines of the parts")
    if not all(np.isfinite(shapely.get_coordinates(line)).all() for line in lines):
        raise _wrong(path, "a coordinate that is no number", "finite coordinates")
    system = found.crs if found.crs is not None else crs
    if georeferenced and system is None:
        raise InputError(f"{path.name}: has no CRS", found="none", needed="its CRS", option="--crs")
    if not georeferenced and path.suffix.lower() == ".kml":
        raise _wrong(path, "longitude and latitude", "metres of the image")
    return DrawnSeams(
        lines=lines, crs=pyproj_crs(system) if georeferenced else None, file=found.file
    )


def drawn_seams(options: CoregisterOptions, read: ReadOptions) -> DrawnSeams | None:
    """The seams that options name, before a long look at two large files; None without."""
    if options.seams is None:
        return None
    return load_seams(Path(options.seams), georeferenced=not read.no_georeference, crs=read.crs)


def _rings(polygon: Any) -> list[Any]:
    return [shapely.LineString(ring.coords) for ring in (polygon.exterior, *polygon.interiors)]


def _wrong(path: Path, found: str, needed: str) -> InputError:
    return InputError(
        f"{path.name}: cannot be read as seams", found=found, needed=needed, option="--seams"
    )
