"""Places and products: an area becomes a grid, a change map becomes polygons, a case and a report.

The names below are public, in the order of the flow; all else may change.  They are imported when
first used, so that ``import aoi`` and the command line's help stay fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aoi.case import case_schema, read_record, write_manifest
    from aoi.changes import describe, polygonize, write_geojson, write_gpkg
    from aoi.options import AreaOptions, ProductOptions
    from aoi.places import Area, area_from_overlap, check_against, load_area, names, place
    from aoi.report import draw_report
    from aoi.workflow import detect_case, redraw

_HOME = {
    "names": "places",
    "place": "places",
    "load_area": "places",
    "area_from_overlap": "places",
    "check_against": "places",
    "Area": "places",
    "polygonize": "changes",
    "describe": "changes",
    "write_gpkg": "changes",
    "write_geojson": "changes",
    "read_record": "case",
    "case_schema": "case",
    "write_manifest": "case",
    "draw_report": "report",
    "detect_case": "workflow",
    "redraw": "workflow",
    "AreaOptions": "options",
    "ProductOptions": "options",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"aoi.{_HOME[name]}"), name)
    raise AttributeError(f"module 'aoi' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
