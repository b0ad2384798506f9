"""Landsat's MTL file, as text, XML or JSON, of any collection or before, levels 1 and 2.

Source: USGS, Landsat 8-9 level 1 and collection 2 level 2 data format control books (LSDS-1822,
LSDS-1328), and those of Landsat 1-5 MSS, 4-5 TM and 7 ETM+.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from imagery.metadata._angles import azimuth, size
from imagery.metadata._dates import Told, acquired
from imagery.metadata._documents import Document, told
from imagery.metadata._model import Metadata, Stated

_GROUPS = ("L1_METADATA_FILE", "LANDSAT_METADATA_FILE")
_BEFORE_2012 = {
    "ACQUISITION_DATE": "DATE_ACQUIRED",
    "SCENE_CENTER_SCAN_TIME": "SCENE_CENTER_TIME",
    "GRID_CELL_SIZE_REF": "GRID_CELL_SIZE_REFLECTIVE",
    "PRODUCT_TYPE": "DATA_TYPE",
}
_LINE = re.compile(r"^\s*([A-Z0-9_]+)\s*=\s*(.*?)\s*$", re.MULTILINE)
_LONGEST = 2_000_000


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What an MTL file says."""
    values = _values(document)
    if values is None:
        return None
    return told(document, *_facts(values, f"Landsat MTL {document.name}"))


def _facts(values: Mapping[str, str], source: str) -> tuple[Told, list[Stated]]:
    day, clock = values.get("DATE_ACQUIRED", ""), values.get("SCENE_CENTER_TIME", "")
    where = f"{source}: DATE_ACQUIRED" + (", SCENE_CENTER_TIME" if clock else "")
    when = acquired(f"{day}T{clock}" if day and clock else day, where)
    stated: list[Stated] = [
        (name, values.get(key), f"{source}: {key}")
        for name, key in (
            ("platform", "SPACECRAFT_ID"),
            ("instruments", "SENSOR_ID"),
            ("gsd", "GRID_CELL_SIZE_REFLECTIVE"),
            ("view:sun_elevation", "SUN_ELEVATION"),
            ("processing:level", "PROCESSING_LEVEL"),
            ("processing:level", "DATA_TYPE"),
            ("processing:baseline", "PROCESSING_SOFTWARE_VERSION"),
            ("credit", "ORIGIN"),
        )
    ]
    cloud = values.get("CLOUD_COVER", "")
    stated += [
        # "-1" says that nobody looked.
        ("eo:cloud_cover", None if cloud.startswith("-1") else cloud, f"{source}: CLOUD_COVER"),
        azimuth("view:sun_azimuth", values.get("SUN_AZIMUTH"), f"{source}: SUN_AZIMUTH"),
        size("view:off_nadir", values.get("ROLL_ANGLE"), f"{source}: ROLL_ANGLE"),
    ]
    return when, stated


def _values(document: Document) -> dict[str, str] | None:
    """The file's values by key; of several of one key, the first, which is the product's own."""
    values: dict[str, str] = {}
    if document.text is not None:
        head = document.text[:_LONGEST]
        if not any(f"GROUP = {group}" in head[:500] for group in _GROUPS):
            return None
        for key, value in _LINE.findall(head):
            values.setdefault(key, value.strip('"'))
    elif document.xml is not None:
        if document.xml.tag not in _GROUPS:
            return None
        for element in document.xml.iter():
            text = (element.text or "").strip()
            if text:
                values.setdefault(str(element.tag), text)
    else:
        groups = document.json or {}
        root = next((groups[group] for group in _GROUPS if group in groups), None)
        if not isinstance(root, dict):
            return None
        for group in root.values():
            for key, value in group.items() if isinstance(group, dict) else ():
                if isinstance(value, (str, int, float)):
                    values.setdefault(key, str(value))
    for old, new in _BEFORE_2012.items():
        if old in values:
            values.setdefault(new, values[old])
    return values
