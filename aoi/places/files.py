"""Outlines in vector files, which may come from strangers: few formats, local, of limited size."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from aoi.places.kml import kml_geometries
from aoi.places.wkt import wkt_geometry
from aoi.places.zipped import kml_in, shapefile_in
from imagery.errors import InputError, MissingInputError
from imagery.scene import InputFile

MAX_BYTES = 50_000_000
MAX_VERTICES = 1_000_000
FORMATS = (
    "GeoJSON (.geojson, .json), GeoPackage (.gpkg), KML (.kml, .kmz), shapefile (.shp, or zipped) "
    "or WKT (.wkt)"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlines:
    """What was drawn, in its own coordinates (x before y)."""

    polygons: tuple[Any, ...]
    """Single shapely polygons, two-dimensional; not checked for validity."""

    lines: tuple[Any, ...]
    """Single shapely lines, two-dimensional."""

    points: tuple[Any, ...]
    """Single shapely points, two-dimensional."""

    crs: Any
    """``pyproj.CRS``, or None where nothing tells it."""

    @property
    def others(self) -> int:
        """How many points and lines there are besides the polygons."""
        return len(self.lines) + len(self.points)


@dataclass(frozen=True, kw_only=True, eq=False)
class FileOutlines(Outlines):
    """What a vector file holds."""

    file: InputFile
    layers: tuple[str, ...]
    """The layers of a GeoPackage or shapefile that were read."""


def read_outlines(path: Path, *, layer: str | None = None) -> FileOutlines:
    """Read the polygons of a vector file.

    GeoJSON, KML and WKT are parsed here, so that no other driver of GDAL can claim the file by what
    it holds (some fetch from the network); a GeoPackage and a shapefile are known by their first
    bytes.  A KML's network links, styles and descriptions are passed over.  Of a KMZ the main
    document alone is read, of a zip archive the one shapefile.

    Parameters
    ----------
    path
        The file.
    layer
        The one layer of a GeoPackage to read; all of them by default.

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
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path.name}: not a format that areas are read from",
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
    data = path.read_bytes()
    try:
        held = reader(path, data, layer)
    except (ValueError, shapely.errors.ShapelyError) as error:
        if isinstance(error, InputError):
            raise
        raise _unreadable(path, error) from error
    found = sorted_out(path.name, held.geometries, held.crs)
    file = InputFile(path.name, hashlib.sha256(data).hexdigest(), size)
    return FileOutlines(**vars(found), file=file, layers=held.layers)


@dataclass(frozen=True, eq=False)
class _Held:
    """What a reader found, as it is stored."""

    geometries: list[Any]
    crs: Any
    layers: tuple[str, ...] = ()


def sorted_out(name: str, geometries: Sequence[Any], crs: Any) -> Outlines:
    """Geometries of any kind as single polygons, lines and points.

    Raises
    ------
    InputError
        If they have more than ``MAX_VERTICES`` vertices.
    """
    found = shapely.force_2d(np.array([g for g in geometries if g is not None], dtype=object))
    vertices = int(shapely.get_num_coordinates(found).sum())
    if vertices > MAX_VERTICES:
        raise InputError(
            f"{name}: too many vertices for an area's outline",
            found=vertices,
            needed=f"at most {MAX_VERTICES}",
            option="--aoi",
        )
    # Twice: a collection may hold a multipolygon.
    for _ in range(2):
        found = shapely.get_parts(found)
    found = found[~shapely.is_empty(found)]
    kinds = shapely.get_type_id(found)
    is_line = np.isin(kinds, (shapely.GeometryType.LINESTRING, shapely.GeometryType.LINEARRING))
    return Outlines(
        polygons=tuple(found[kinds == shapely.GeometryType.POLYGON]),
        lines=tuple(found[is_line]),
        points=tuple(found[kinds == shapely.GeometryType.POINT]),
        crs=crs,
    )


def _unreadable(path: Path, why: object) -> InputError:
    return InputError(
        f"{path.name}: cannot be read as an area", found=why, needed=FORMATS, option="--aoi"
    )


def _lonlat() -> Any:
    import pyproj

    return pyproj.CRS("OGC:CRS84")


def _read_geojson(path: Path, data: bytes, _layer: str | None) -> _Held:
    import pyproj

    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(content, dict) or "type" not in content:
        raise ValueError('JSON, but not GeoJSON: no "type"')
    geometries = []
    for geometry in _geojson_geometries(content):
        try:
            geometries.append(shapely.from_geojson(json.dumps(geometry)))
        except (shapely.errors.ShapelyError, ValueError, RecursionError) as error:
            raise ValueError(f"a geometry that is none: {error}") from error
    if content.get("crs") is None:
        return _Held(geometries, _lonlat())
    try:  # the form of 2008, which GIS programs still write
        crs = pyproj.CRS.from_user_input(content["crs"]["properties"]["name"])
    except (pyproj.exceptions.CRSError, TypeError, KeyError) as error:
        raise ValueError(f'a "crs" that names none: {str(content["crs"])[:100]}') from error
    return _Held(geometries, crs)


def _geojson_geometries(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    kind = content["type"]
    if kind == "FeatureCollection":
        features = content.get("features")
        if not isinstance(features, list):
            raise ValueError("a FeatureCollection without features")
    else:
        features = [content if kind == "Feature" else {"geometry": content}]
    for feature in features:
        geometry = feature.get("geometry") if isinstance(feature, dict) else feature
        if geometry is None:
            continue
        if not isinstance(geometry, dict):
            raise ValueError(f"a feature that is none: {str(feature)[:60]}")
        yield geometry


def _read_kml(_path: Path, data: bytes, _layer: str | None) -> _Held:
    return _Held(kml_geometries(data), _lonlat())


def _read_kmz(_path: Path, data: bytes, _layer: str | None) -> _Held:
    return _Held(kml_geometries(kml_in(data, most_bytes=MAX_BYTES)), _lonlat())


def _read_wkt(_path: Path, data: bytes, _layer: str | None) -> _Held:
    try:
        geometry, crs = wkt_geometry(data.decode("utf-8-sig"))
    except UnicodeError as error:
        raise ValueError("not text") from error
    return _Held([geometry], crs if crs is not None else _lonlat())


def _read_geopackage(path: Path, data: bytes, layer: str | None) -> _Held:
    # SQLite's own header, and the application id that tells a GeoPackage from other databases.
    if data[:16] != b"SQLite format 3\0" or data[68:72] not in (b"GPKG", b"GP10", b"GP11"):
        raise ValueError("not a GeoPackage by its first bytes")
    # From memory: GDAL then leaves no -wal and -shm files beside the user's.
    return _read_layers(path, lambda: io.BytesIO(data), layer)


def _read_shapefile(path: Path, data: bytes, _layer: str | None) -> _Held:
    if data[:4] != b"\x00\x00\x27\x0a":
        raise ValueError("not a shapefile by its first bytes")
    return _read_layers(path, path.resolve)


def _read_zipped(_path: Path, data: bytes, _layer: str | None) -> _Held:
    parts = shapefile_in(data, most_bytes=MAX_BYTES)
    with tempfile.TemporaryDirectory(prefix="twopass-") as folder:
        for suffix, content in parts.items():  # under names of ours
            (Path(folder) / f"outlines{suffix}").write_bytes(content)
        return _read_shapefile(Path(folder) / "outlines.shp", parts[".shp"], None)


READERS: Mapping[str, Callable[[Path, bytes, str | None], _Held]] = {
    ".geojson": _read_geojson,
    ".json": _read_geojson,
    ".kml": _read_kml,
    ".kmz": _read_kmz,
    ".gpkg": _read_geopackage,
    ".shp": _read_shapefile,
    ".zip": _read_zipped,
    ".wkt": _read_wkt,
}
"""What a file of an area may end in, and who reads it."""


def _read_layers(path: Path, source: Callable[[], Any], only: str | None = None) -> _Held:
    import pyogrio
    import pyproj

    geometries: list[Any] = []
    systems: list[Any] = []
    names: list[str] = []
    try:
        with warnings.catch_warnings():
            # That a GeoPackage in memory has no suffix, and no write-ahead log beside it, is known.
            warnings.filterwarnings("ignore", message=".*(application_id|WAL-enabled)")
            for layer, kind in pyogrio.list_layers(source()):
                if kind is None:  # a table without geometry, such as QGIS's layer_styles
                    continue
                names.append(str(layer))
                if only not in (None, layer):
                    continue
                frame = pyogrio.read_dataframe(source(), layer=layer, columns=[], force_2d=True)
                geometries.extend(frame.geometry)
                if len(frame):
                    systems.append(frame.crs)
    except pyproj.exceptions.CRSError as error:
        raise ValueError("a CRS that is none") from error
    except (RuntimeError, ValueError, NameError, shapely.errors.ShapelyError) as error:
        # RuntimeError is what all of pyogrio's errors are; NameError (an unbound local) is what it
        # raises, as of 0.13, on some damaged .prj files.
        raise ValueError(_without_folders(str(error), source())) from error
    if only is not None and only not in names:
        raise InputError(
            f"{path.name}: has no layer {only!r}",
            found=", ".join(map(repr, names)) or "no layer",
            needed="one of them",
            option="--aoi",
        )
    if any(system != systems[0] for system in systems[1:]):
        raise InputError(
            f"{path.name}: its layers have different CRS",
            found=", ".join(s.name if s is not None else "none" for s in systems),
            needed=f"one layer, as {path.name}:{names[0]}",
            option="--aoi",
        )
    crs = systems[0] if systems else None
    # How a GeoPackage says that it has none.
    undefined = crs is not None and crs.name.lower().startswith("undefined")
    read = tuple(names) if only is None else (only,)
    return _Held(geometries, None if undefined else crs, read)


def _without_folders(message: str, source: object) -> str:
    """GDAL's words without the folder of the file, which no output names."""
    return message.replace(str(source.parent), "") if isinstance(source, Path) else message
