"""Changes as polygons: outlines of a change map, described, named and written."""

from aoi.changes.describe import describe, describe_regions
from aoi.changes.polygonize import polygonize
from aoi.changes.schema import COLUMNS, LAYER, Column, columns
from aoi.changes.write import write_geojson, write_gpkg

__all__ = [
    "COLUMNS",
    "LAYER",
    "Column",
    "columns",
    "describe",
    "describe_regions",
    "polygonize",
    "write_geojson",
    "write_gpkg",
]
