"""The layer ``changes`` as a GeoPackage with its QGIS style, and as GeoJSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from aoi.changes import schema
from aoi.geopackage import Layer, single_symbol, write_layers
from aoi.places.position import coordinate_digits, to_lonlat
from imagery.errors import OutputError

_STYLE = {
    "style": "no",
    "color": "255,0,255,0",
    "outline_style": "solid",
    "outline_color": "255,0,255,255",
    "outline_width": "0.5",
    "outline_width_unit": "MM",
    "joinstyle": "miter",
}


def write_gpkg(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write the layer ``changes``, in the frame's CRS, with outlines that QGIS shows by itself.

    The same frame gives the same bytes.  A file that is there is replaced.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ValueError
        If the frame's columns aren't the schema's.
    """
    layer = Layer(
        name=schema.LAYER,
        frame=schema.conform(frame).reset_index(drop=True),
        kind="MultiPolygon",
        style=single_symbol("fill", _STYLE),
        about="Outlines of changes",
    )
    write_layers([layer], path)


def write_geojson(frame: gpd.GeoDataFrame, path: Path, *, pixel_size_m: float) -> bool:
    """Write the changes as RFC 7946 GeoJSON, one feature a line.

    Longitude before latitude on WGS 84, outer rings counter-clockwise, as many decimals as a tenth
    of a pixel deserves, and no ``crs`` member.

    Returns
    -------
    bool
        False, and nothing is written, where the frame is not georeferenced: GeoJSON cannot say so.

    Raises
    ------
    OutputError
        If the file cannot be written.
    ValueError
        If the frame's columns aren't the schema's.
    """
    frame = schema.conform(frame)
    if frame.crs is None:
        return False
    digits = coordinate_digits(pixel_size_m)
    outlines = _outlines(frame, digits=digits, pixel_size_m=pixel_size_m)
    described = schema.columns(georeferenced=True)
    features = []
    for row, outline in zip(frame.to_dict("records"), outlines, strict=True):
        properties = {column.name: _plain(row[column.name], column.digits) for column in described}
        feature = {
            "type": "Feature",
            "id": properties["id"],
            "geometry": shapely.geometry.mapping(outline),
            "properties": properties,
        }
        features.append(json.dumps(feature, ensure_ascii=False, allow_nan=False))
    head = '{"type": "FeatureCollection",\n'
    if features:
        head += f'"bbox": {json.dumps(shapely.total_bounds(outlines).tolist())},\n'
    text = head + '"features": [\n' + ",\n".join(features) + "\n]}\n"
    try:
        path.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(
            f"{path.name}: cannot be written", found=error, needed="a folder to write into"
        ) from error
    return True


def _outlines(frame: gpd.GeoDataFrame, *, digits: int, pixel_size_m: float) -> Any:
    """The polygons on WGS 84, with rounded coordinates and rings the right way round."""
    to_degrees = to_lonlat(frame.crs)
    # A straight side of a projection is none in degrees; one of 1 km bends by 2 cm.
    unit = frame.crs.axis_info[0].unit_conversion_factor if frame.crs.is_projected else None
    geometry = frame.geometry.to_numpy()
    if unit:
        geometry = shapely.segmentize(geometry, max(1000.0, 100 * pixel_size_m) / unit)
    degrees = shapely.transform(geometry, lambda xy: np.round(to_degrees(xy), digits))
    return np.asarray(shapely.orient_polygons(degrees), dtype=object)


def _plain(value: Any, digits: int | None) -> Any:
    if value is pd.NA:
        return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return value if digits is None else round(value, digits)
    return value
