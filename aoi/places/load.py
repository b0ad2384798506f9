"""From what a user names to an area: a file, a place of the catalogue, or four numbers."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from aoi.places import catalogue
from aoi.places.area import Area
from aoi.places.files import SUFFIXES, Outlines, read_outlines
from aoi.places.position import across_the_antimeridian, check_degrees, pyproj_crs, to_lonlat
from imagery.errors import InputError, MissingInputError, UsageError


def load_area(text: str, *, georeferenced: bool = True, crs: Any = None) -> Area:
    """The area that a user names.

    Parameters
    ----------
    text
        A file (GeoJSON, GeoPackage, KML, shapefile; the polygons in it are united), a name of the
        catalogue, or ``"west,south,east,north"`` in degrees.
    georeferenced
        False where the scenes have no georeference: the file's coordinates, and the four numbers,
        are then metres of the metric frame.
    crs
        The CRS of a file that has none.

    Raises
    ------
    MissingInputError
        If there is neither a file nor a place of that name.
    InputError
        If the area cannot be used; the message says what is wrong and where.
    UsageError
        If the four numbers aren't four, or in the wrong order.
    """
    if text.startswith("/vsi") or "://" in text:
        raise InputError(
            "an area is read from this machine only",
            found=text[:100],
            needed="a local file, a name (twopass aoi list) or west,south,east,north",
            option="--aoi",
        )
    slug = catalogue.find(text)
    if slug is not None:
        if not georeferenced:
            raise InputError(
                f"{slug} is a place on the Earth, and the images are not georeferenced",
                found=text,
                needed="an outline in metres of the image, or georeferenced images",
                option="--aoi",
            )
        return catalogue.place(slug)
    path = Path(text)
    there = bool(text.strip()) and _is_there(path)
    if not there and _looks_like_bounds(text):
        return _from_bounds(text, georeferenced=georeferenced)
    if not there and path.suffix.lower() not in SUFFIXES:
        raise MissingInputError(
            f"AOI {path.name!r}: no such file, and no place of that name",
            found="neither a file nor a place",
            needed=catalogue.suggestion(text),
            option="--aoi",
        )
    return _from_file(path, georeferenced=georeferenced, crs=crs)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for a file, or not this user's to look at
        return False


def _looks_like_bounds(text: str) -> bool:
    parts = text.split(",")
    return len(parts) > 1 and 2 * len(_numbers(parts)) >= len(parts)


def _numbers(parts: list[str]) -> list[float]:
    found = []
    for part in parts:
        try:
            found.append(float(part))
        except ValueError:
            continue
    return found


def _from_bounds(text: str, *, georeferenced: bool) -> Area:
    parts = text.split(",")
    order = "west,south,east,north" if georeferenced else "left,bottom,right,top"
    needed = f"{order} in {'degrees' if georeferenced else 'metres'}"
    numbers = _numbers(parts)
    if len(parts) != 4 or len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise UsageError(
            "an area's bounds are four numbers", found=text, needed=needed, option="--aoi"
        )
    west, south, east, north = numbers
    if georeferenced:
        check_degrees(shapely.MultiPoint([(west, south), (east, north)]), text)
    if south >= north or west == east or (west > east and not georeferenced):
        raise UsageError(
            "an area's bounds are in the wrong order or enclose nothing",
            found=text,
            needed=needed,
            option="--aoi",
        )
    if west > east:
        raise across_the_antimeridian(text, f"west {west:g}, east {east:g}")
    name = ",".join(f"{number:.10g}" for number in numbers)
    return Area(
        name=name,
        geometry=shapely.box(*numbers),
        source=f"bounds {name}",
        georeferenced=georeferenced,
    )


def _from_file(path: Path, *, georeferenced: bool, crs: Any) -> Area:
    outlines = read_outlines(path)
    geometry = _united(path, outlines)
    if georeferenced:
        system = outlines.crs if outlines.crs is not None else crs
        if system is None:
            raise InputError(
                f"{path.name}: has no CRS", found="none", needed="its CRS", option="--crs"
            )
        geometry = _to_lonlat(path, geometry, system)
    elif path.suffix.lower() == ".kml":
        raise InputError(
            f"{path.name}: KML is longitude and latitude, and the images are not georeferenced",
            found=path.name,
            needed="an outline in metres of the image",
            option="--aoi",
        )
    notes = []
    if len(outlines.polygons) > 1:
        notes.append(f"{len(outlines.polygons)} polygons united")
    if outlines.others:
        notes.append(f"{outlines.others} points or lines left out")
    return Area(
        name=path.stem,
        geometry=geometry,
        source=", ".join([f"file {path.name}", *notes]),
        file=outlines.file,
        georeferenced=georeferenced,
    )


def _united(path: Path, outlines: Outlines) -> Any:
    """The polygons of a file as one, each checked first: in the file's own coordinates."""
    if not outlines.polygons:
        raise InputError(
            f"{path.name}: holds no polygon",
            found=f"{outlines.others} points or lines" if outlines.others else "no geometry",
            needed="an outline"
            + (": draw a buffer around the points or lines" if outlines.others else ""),
            option="--aoi",
        )
    for number, polygon in enumerate(outlines.polygons, start=1):
        where = f"{path.name}: polygon {number} of {len(outlines.polygons)}"
        if not np.isfinite(shapely.get_coordinates(polygon)).all():
            raise InputError(
                f"{where} has a coordinate that is no number",
                found="NaN or infinite",
                needed="finite coordinates",
                option="--aoi",
            )
        if not polygon.is_valid:
            raise InputError(
                f"{where} crosses or touches itself",
                found=shapely.is_valid_reason(polygon),
                needed="an outline that doesn't; mend it where it was drawn",
                option="--aoi",
            )
    united = shapely.union_all(list(outlines.polygons))
    if not united.area > 0:
        raise InputError(
            f"{path.name}: encloses nothing", found="no area", needed="an outline", option="--aoi"
        )
    return united


def _to_lonlat(path: Path, geometry: Any, crs: Any) -> Any:
    import pyproj

    try:
        system = pyproj_crs(crs)
        move = to_lonlat(system)
    except pyproj.exceptions.ProjError as error:
        raise InputError(
            f"{path.name}: its CRS has no way to longitude and latitude",
            found=getattr(crs, "name", crs),
            needed="a CRS on the Earth",
            option="--aoi",
        ) from error
    if system.is_geographic:
        # Before the conversion, which would wrap what is out of range.
        check_degrees(geometry, path.name)
    else:
        # A straight edge of a projection isn't straight in degrees: 1 km leaves 2 cm.
        unit = system.axis_info[0].unit_conversion_factor or 1.0
        geometry = shapely.segmentize(geometry, max(1000 / unit, geometry.length / 20_000))
    geometry = shapely.transform(geometry, move)
    check_degrees(geometry, path.name)
    return shapely.orient_polygons(geometry)
