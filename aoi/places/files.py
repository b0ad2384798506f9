"""Outlines in vector files, which may come from strangers: four formats, local, of limited size."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagery.errors import InputError, MissingInputError
from imagery.record import sha256_of
from imagery.scene import InputFile

MAX_BYTES = 50_000_000
MAX_VERTICES = 1_000_000
SUFFIXES = (".geojson", ".json", ".gpkg", ".kml", ".shp", ".kmz", ".zip")
"""What a file of an area may end in; the last two are known only to be refused in words."""

FORMATS = "GeoJSON (.geojson, .json), GeoPackage (.gpkg), KML (.kml) or shapefile (.shp)"


@dataclass(frozen=True, eq=False)
class Outlines:
    """What a vector file holds, in its own coordinates (x before y)."""

    polygons: tuple[Any, ...]
    """Single shapely polygons, two-dimensional; not checked for validity."""

    others: int
    """How many points and lines there are besides."""

    crs: Any
    """``pyproj.CRS``, or None where the file has none."""

    file: InputFile
    lines: tuple[Any, ...] = ()
    """Single shapely lines, two-dimensional."""


def read_outlines(path: Path) -> Outlines:
    """Read the polygons of a vector file.

    GeoJSON and KML are parsed here, so that no other driver of GDAL can claim the file by what it
    holds (some fetch from the network); a GeoPackage and a shapefile are known by their first
    bytes.  A KML's network links, styles and descriptions are passed over.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is of another format, too large, or cannot be read.
    """
    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: {'is a folder' if path.is_dir() else 'no such file'}",
            found="a folder" if path.is_dir() else "nothing of that name in its folder",
            needed=f"a {FORMATS} file on this machine",
            option="--aoi",
        )
    readers = {
        ".geojson": _read_geojson,
        ".json": _read_geojson,
        ".kml": _read_kml,
        ".gpkg": _read_geopackage,
        ".shp": _read_shapefile,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        hint = " (unpack it first)" if path.suffix.lower() in {".kmz", ".zip"} else ""
        raise InputError(
            f"{path.name}: not a format that areas are read from{hint}",
            found=path.suffix or "no suffix",
            needed=FORMATS,
            option="--aoi",
        )
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(
            f"{path.name}: too large for an area's outline",
            found=f"{size / 1e6:.0f} MB",
            needed=f"at most {MAX_BYTES / 1e6:.0f} MB",
            option="--aoi",
        )
    geometries, crs, digest = reader(path)
    return _sorted_out(path, geometries, crs, InputFile(path.name, digest, size))


def _sorted_out(path: Path, geometries: list[Any], crs: Any, file: InputFile) -> Outlines:
    import numpy as np
    import shapely

    found = shapely.force_2d(np.array([g for g in geometries if g is not None], dtype=object))
    vertices = int(shapely.get_num_coordinates(found).sum())
    if vertices > MAX_VERTICES:
        raise InputError(
            f"{path.name}: too many vertices for an area's outline",
            found=vertices,
            needed=f"at most {MAX_VERTICES}",
            option="--aoi",
        )
    # Twice: a collection may hold a multipolygon.
    for _ in range(2):
        found = shapely.get_parts(found)
    found = found[~shapely.is_empty(found)]
    is_polygon = shapely.get_type_id(found) == shapely.GeometryType.POLYGON
    is_line = np.isin(
        shapely.get_type_id(found),
        (shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING),
    )
    return Outlines(
        tuple(found[is_polygon]), int((~is_polygon).sum()), crs, file, tuple(found[is_line])
    )


def _unreadable(path: Path, why: object) -> InputError:
    return InputError(
        f"{path.name}: cannot be read as an area", found=why, needed=FORMATS, option="--aoi"
    )


def _read_geojson(path: Path) -> tuple[list[Any], Any, str]:
    import pyproj
    import shapely

    data = path.read_bytes()
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, f"not JSON: {error}") from error
    if not isinstance(content, dict) or "type" not in content:
        raise _unreadable(path, 'JSON, but not GeoJSON: no "type"')
    geometries = []
    for geometry in _geojson_geometries(path, content):
        try:
            geometries.append(shapely.from_geojson(json.dumps(geometry)))
        except (shapely.errors.ShapelyError, ValueError, RecursionError) as error:
            raise _unreadable(path, f"a geometry that is none: {error}") from error
    crs = pyproj.CRS("OGC:CRS84")
    if content.get("crs") is not None:  # the form of 2008, which GIS programs still write
        try:
            crs = pyproj.CRS.from_user_input(content["crs"]["properties"]["name"])
        except (pyproj.exceptions.CRSError, TypeError, KeyError) as error:
            raise _unreadable(path, f'a "crs" that names none: {content["crs"]}') from error
    return geometries, crs, hashlib.sha256(data).hexdigest()


def _geojson_geometries(path: Path, content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = content["type"]
    if kind == "FeatureCollection":
        features = content.get("features")
        if not isinstance(features, list):
            raise _unreadable(path, "a FeatureCollection without features")
    else:
        features = [content if kind == "Feature" else {"geometry": content}]
    for feature in features:
        geometry = feature.get("geometry") if isinstance(feature, dict) else feature
        if geometry is None:
            continue
        if not isinstance(geometry, dict):
            raise _unreadable(path, f"a feature that is none: {str(feature)[:60]}")
        yield geometry


def _read_kml(path: Path) -> tuple[list[Any], Any, str]:
    from xml.parsers import expat

    import pyproj
    import shapely

    data = path.read_bytes()
    parser = expat.ParserCreate(namespace_separator=" ")
    content = _Kml()
    parser.StartElementHandler = content.start
    parser.EndElementHandler = content.end
    parser.CharacterDataHandler = content.text
    # No KML needs one, and entities that grow without bound are declared in it.
    parser.StartDoctypeDeclHandler = content.doctype
    try:
        parser.Parse(data, True)  # noqa: FBT003
    except (expat.ExpatError, shapely.errors.ShapelyError, ValueError, LookupError) as error:
        raise _unreadable(path, f"not KML: {error}") from error
    return content.geometries, pyproj.CRS("OGC:CRS84"), hashlib.sha256(data).hexdigest()


class _Kml:
    """Gathers the geometries of a KML document while expat reads it."""

    def __init__(self) -> None:
        self.geometries: list[Any] = []
        self._root = ""
        self._rings: dict[str, list[list[tuple[float, float]]]] | None = None
        self._boundary = "outerBoundaryIs"
        self._characters: list[str] | None = None

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        tag = name.rsplit(" ", 1)[-1]
        if not self._root:
            self._root = tag
            if tag != "kml":
                raise ValueError(f"the document is a <{tag[:40]}>")
        if tag == "Polygon":
            self._rings = {"outerBoundaryIs": [], "innerBoundaryIs": []}
        elif tag in ("outerBoundaryIs", "innerBoundaryIs"):
            self._boundary = tag
        elif tag == "coordinates":
            self._characters = []

    def text(self, characters: str) -> None:
        if self._characters is not None:
            self._characters.append(characters)

    def end(self, name: str) -> None:
        import shapely

        tag = name.rsplit(" ", 1)[-1]
        if tag == "coordinates" and self._characters is not None:
            positions = _kml_positions("".join(self._characters))
            self._characters = None
            if self._rings is not None:
                self._rings[self._boundary].append(positions)
            elif len(positions) == 1:
                self.geometries.append(shapely.Point(positions[0]))
            elif positions:
                self.geometries.append(shapely.LineString(positions))
        elif tag == "Polygon" and self._rings is not None:
            outer, inner = self._rings["outerBoundaryIs"], self._rings["innerBoundaryIs"]
            self._rings = None
            if len(outer) != 1:
                raise ValueError(f"a polygon with {len(outer)} outer boundaries")
            self.geometries.append(shapely.Polygon(outer[0], inner))

    def doctype(self, *_arguments: object) -> None:
        raise ValueError("it declares a document type")


def _kml_positions(text: str) -> list[tuple[float, float]]:
    positions = []
    for position in re.sub(r"\s*,\s*", ",", text).split():
        numbers = position.split(",")
        if len(numbers) < 2:
            raise ValueError(f"a position without latitude: {position[:40]!r}")
        positions.append((float(numbers[0]), float(numbers[1])))
    return positions


def _read_geopackage(path: Path) -> tuple[list[Any], Any, str]:
    data = path.read_bytes()
    # SQLite's own header, and the application id that tells a GeoPackage from other databases.
    if data[:16] != b"SQLite format 3\0" or data[68:72] not in (b"GPKG", b"GP10", b"GP11"):
        raise _unreadable(path, "not a GeoPackage by its first bytes")
    # From memory: GDAL then leaves no -wal and -shm files beside the user's.
    geometries, crs = _read_layers(path, lambda: io.BytesIO(data))
    return geometries, crs, hashlib.sha256(data).hexdigest()


def _read_shapefile(path: Path) -> tuple[list[Any], Any, str]:
    with path.open("rb") as stream:
        if stream.read(4) != b"\x00\x00\x27\x0a":
            raise _unreadable(path, "not a shapefile by its first bytes")
    geometries, crs = _read_layers(path, path.resolve)
    return geometries, crs, sha256_of(path)


def _read_layers(path: Path, source: Any) -> tuple[list[Any], Any]:
    import pyogrio
    import pyproj
    import shapely

    geometries: list[Any] = []
    systems: list[Any] = []
    try:
        with warnings.catch_warnings():
            # That a GeoPackage in memory has no suffix, and no write-ahead log beside it, is known.
            warnings.filterwarnings("ignore", message=".*(application_id|WAL-enabled)")
            for layer, kind in pyogrio.list_layers(source()):
                if kind is None:  # a table without geometry, such as QGIS's layer_styles
                    continue
                frame = pyogrio.read_dataframe(source(), layer=layer, columns=[], force_2d=True)
                geometries.extend(frame.geometry)
                if len(frame):
                    systems.append(frame.crs)
    except pyproj.exceptions.CRSError as error:
        raise _unreadable(path, "a CRS that is none") from error
    except (RuntimeError, ValueError, NameError, shapely.errors.ShapelyError) as error:
        # RuntimeError is what all of pyogrio's errors are; NameError (an unbound local) is what it
        # raises, as of 0.13, on some damaged .prj files.
        raise _unreadable(path, str(error).replace(str(path.parent.resolve()), "")) from error
    if any(system != systems[0] for system in systems[1:]):
        raise InputError(
            f"{path.name}: its layers have different CRS",
            found=", ".join(s.name if s is not None else "none" for s in systems),
            needed="one layer",
            option="--aoi",
        )
    crs = systems[0] if systems else None
    # How a GeoPackage says that it has none.
    undefined = crs is not None and crs.name.lower().startswith("undefined")
    return geometries, None if undefined else crs
