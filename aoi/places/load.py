"""From what a user names to an area: a place, a file, numbers or WKT."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from aoi.places import catalogue
from aoi.places.area import Area
from aoi.places.circle import circle, flat_circle
from aoi.places.degrees import check_degrees
from aoi.places.files import MAX_BYTES, READERS, Outlines, read_outlines, sorted_out
from aoi.places.place import one_line
from aoi.places.position import pyproj_crs, to_lonlat
from aoi.places.wkt import looks_like_wkt, wkt_geometry
from aoi.places.written import area_from_numbers, check_radius, looks_like_numbers
from imagery.errors import InputError, MissingInputError

MOST_CIRCLES = 1000
"""Points that a radius makes circles of."""


def load_area(
    text: str, *, georeferenced: bool = True, crs: Any = None, radius_m: float | None = None
) -> Area:
    """The area that a user names.

    Parameters
    ----------
    text
        A name of the catalogue or of an own place; a file (GeoJSON, GeoPackage, KML, KMZ,
        shapefile, zipped shapefile, WKT), whose polygons are united, with ``:LAYER`` after a
        GeoPackage for one of its layers; ``"west,south,east,north"`` in degrees;
        ``"lon,lat,radius"``, whose radius ends in ``m`` or ``km``; or WKT itself.
    georeferenced
        False where the scenes have no georeference: the file's coordinates, and the numbers, are
        then metres of the metric frame.
    crs
        The CRS of a file, or WKT, that has none.
    radius_m
        Makes a circle of each point of a file or of WKT; without it points are left out.

    Raises
    ------
    MissingInputError
        If there is neither a file nor a place of that name.
    InputError
        If the area cannot be used; the message says what is wrong and where.
    UsageError
        If numbers are too few, too many, or in the wrong order.
    """
    if text.startswith("/vsi") or "://" in text:
        raise InputError(
            "an area is read from this machine only",
            found=text[:100],
            needed=catalogue.FORMS,
            option="--aoi",
        )
    place = catalogue.find(text)
    if place is not None:
        if not georeferenced:
            raise InputError(
                f"{place.slug} is a place on the Earth, and the images are not georeferenced",
                found=text,
                needed="an outline in metres of the image, or georeferenced images",
                option="--aoi",
            )
        return place.area()
    frame = _Frame(georeferenced=georeferenced, crs=crs, radius_m=radius_m)
    path, layer = _path_and_layer(text)
    there = bool(text.strip()) and _is_there(path)
    if not there and looks_like_wkt(text):
        return _from_wkt(text, frame)
    if not there and looks_like_numbers(text):
        return area_from_numbers(text, georeferenced=georeferenced)
    if not there and path.suffix.lower() not in READERS:
        raise MissingInputError(
            f"AOI {path.name!r}: no such file, and no place of that name",
            found="neither a file nor a place",
            needed=catalogue.suggestion(text),
            option="--aoi",
        )
    return _from_file(path, layer, frame)


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """What the user says of an outline's coordinates."""

    georeferenced: bool
    crs: Any
    radius_m: float | None


def _path_and_layer(text: str) -> tuple[Path, str | None]:
    """A path, and the layer of a GeoPackage that ``FILE.gpkg:LAYER`` names."""
    whole = Path(text)
    found = re.fullmatch(r"(.+\.gpkg):(.+)", text, re.IGNORECASE | re.DOTALL)
    if found is None or _is_there(whole):
        return whole, None
    return Path(found[1]), found[2]


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for a file, or not this user's to look at
        return False


def _from_wkt(text: str, frame: _Frame) -> Area:
    if len(text) > MAX_BYTES:
        raise _unusable("WKT", f"{len(text)} letters", f"at most {MAX_BYTES}")
    try:
        geometry, crs = wkt_geometry(text)
    except ValueError as error:
        raise _unusable("WKT", str(error), "an outline, such as POLYGON ((...))") from error
    name = "WKT outline"
    if crs is None:
        crs = frame.crs
    if crs is None and frame.georeferenced:
        _check_lonlat(geometry)
    outlines = sorted_out("WKT", [geometry], crs if crs is not None else pyproj_crs("OGC:CRS84"))
    return Area(
        name=name,
        geometry=_outline(name, outlines, frame),
        source=", ".join(["WKT", *_counts(outlines, frame)]),
        georeferenced=frame.georeferenced,
    )


def _check_lonlat(geometry: Any) -> None:
    """Refuse WKT in metres of a projection that it doesn't name."""
    bounds = shapely.bounds(geometry)
    # Slightly more than the Earth has is told of by its own refusal; NaN is no bound.
    if np.isfinite(bounds).all() and np.abs(bounds).max() > 1000:
        raise InputError(
            "WKT: is no longitude and latitude, and names no CRS",
            found=", ".join(f"{number:.10g}" for number in bounds) + ": metres, it seems",
            needed="degrees, or its code before it, such as SRID=32651;POLYGON ((...))",
            option="--crs",
        )


def _from_file(path: Path, layer: str | None, frame: _Frame) -> Area:
    outlines = read_outlines(path, layer=layer)
    if not frame.georeferenced and path.suffix.lower() in (".kml", ".kmz"):
        raise InputError(
            f"{path.name}: KML is longitude and latitude, and the images are not georeferenced",
            found=path.name,
            needed="an outline in metres of the image",
            option="--aoi",
        )
    notes = [f"file {path.name}"]
    if layer is not None or len(outlines.layers) > 1:
        notes.append(f"layer {', '.join(one_line(name) for name in outlines.layers[:10])}")
    return Area(
        name=path.stem,
        geometry=_outline(path.name, outlines, frame),
        source=", ".join(notes + _counts(outlines, frame)),
        file=outlines.file,
        georeferenced=frame.georeferenced,
    )


def _counts(outlines: Outlines, frame: _Frame) -> list[str]:
    """How much of what was drawn makes the area, for the record."""
    notes = []
    circles = len(outlines.points) if frame.radius_m is not None else 0
    if len(outlines.polygons) > 1:
        notes.append(f"{len(outlines.polygons)} polygons united")
    if circles:
        notes.append(f"{circles} points with a radius of {frame.radius_m:g} m")
    if outlines.others > circles:
        notes.append(f"{outlines.others - circles} points or lines left out")
    return notes


def _outline(name: str, outlines: Outlines, frame: _Frame) -> Any:
    """What a file encloses as one outline: in longitude and latitude, or in the metric frame."""
    system = outlines.crs if outlines.crs is not None else frame.crs
    if frame.georeferenced and system is None:
        raise InputError(f"{name}: has no CRS", found="none", needed="its CRS", option="--crs")
    with_circles = frame.radius_m is not None and outlines.points
    parts = []
    if outlines.polygons or not with_circles:
        parts.append(_united(name, outlines))
        if frame.georeferenced:
            parts[0] = _to_lonlat(name, parts[0], system)
    if with_circles:
        parts += _circles(name, outlines, frame, system)
    return parts[0] if len(parts) == 1 else shapely.orient_polygons(shapely.union_all(parts))


def _circles(name: str, outlines: Outlines, frame: _Frame, system: Any) -> list[Any]:
    """A circle around each point."""
    radius = frame.radius_m or 0.0
    check_radius(radius, option="--radius")
    if len(outlines.points) > MOST_CIRCLES:
        raise _unusable(name, f"{len(outlines.points)} points", f"at most {MOST_CIRCLES}")
    points = shapely.MultiPoint([(point.x, point.y) for point in outlines.points])
    if not np.isfinite(shapely.get_coordinates(points)).all():
        raise _unusable(name, "a coordinate that is no number", "finite coordinates")
    if not frame.georeferenced:
        return [flat_circle(x, y, radius) for x, y in shapely.get_coordinates(points)]
    found = []
    for lon, lat in shapely.get_coordinates(_to_lonlat(name, points, system)):
        found.append(circle(lon, lat, radius))
        check_degrees(found[-1], name)
    return found


def _unusable(name: str, found: str, needed: str) -> InputError:
    return InputError(
        f"{name}: cannot be used as an area", found=found, needed=needed, option="--aoi"
    )


def _united(name: str, outlines: Outlines) -> Any:
    """The polygons of a file as one, each checked first: in the file's own coordinates."""
    if not outlines.polygons:
        raise InputError(
            f"{name}: holds no polygon",
            found=f"{outlines.others} points or lines" if outlines.others else "no geometry",
            needed="an outline"
            + (
                ": give points a radius, or draw a buffer around the lines"
                if outlines.others
                else ""
            ),
            option="--aoi",
        )
    for number, polygon in enumerate(outlines.polygons, start=1):
        where = f"{name}: polygon {number} of {len(outlines.polygons)}"
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
            f"{name}: encloses nothing", found="no area", needed="an outline", option="--aoi"
        )
    return united


def _to_lonlat(name: str, geometry: Any, crs: Any) -> Any:
    import pyproj

    try:
        system = pyproj_crs(crs)
        move = to_lonlat(system)
    except pyproj.exceptions.ProjError as error:
        raise InputError(
            f"{name}: its CRS has no way to longitude and latitude",
            found=getattr(crs, "name", crs),
            needed="a CRS on the Earth",
            option="--aoi",
        ) from error
    if system.is_geographic:
        # Before the conversion, which would wrap what is out of range.
        check_degrees(geometry, name)
    else:
        # A straight edge of a projection isn't straight in degrees: 1 km leaves 2 cm.
        unit = system.axis_info[0].unit_conversion_factor or 1.0
        geometry = shapely.segmentize(geometry, max(1000 / unit, geometry.length / 20_000))
    geometry = shapely.transform(geometry, move)
    check_degrees(geometry, name)
    return shapely.orient_polygons(geometry)
