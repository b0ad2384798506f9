"""Landsat's MTL files, which say the same as text, XML or JSON: groups of names with values.

Source: USGS, Landsat Data Format Control Books: the text is in ODL, ``GROUP = ...`` and
``NAME = value``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagery.metadata._documents import load

MTL = Mapping[str, Mapping[str, str]]
"""Values as text, by group and name."""


def read_mtl(path: Path) -> MTL:
    """The groups of an MTL file; none where it can't be read."""
    document = load(path)
    if document is None:
        return {}
    if document.xml is not None:
        return {
            group.tag: {entry.tag: (entry.text or "").strip() for entry in group}
            for group in document.xml
        }
    if document.json is not None:
        root = document.json.get("LANDSAT_METADATA_FILE")
        groups = root.items() if isinstance(root, dict) else ()
        return {name: _texts(group) for name, group in groups if isinstance(group, dict)}
    return _of_text(document.text or "")


def _texts(group: Mapping[str, object]) -> dict[str, str]:
    return {k: str(v) for k, v in group.items() if isinstance(v, (str, int, float))}


def _of_text(text: str) -> MTL:
    groups: dict[str, dict[str, str]] = {}
    group = groups.setdefault("", {})
    for line in text.splitlines():
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals:
            continue
        if name == "GROUP":
            group = groups.setdefault(value, {})
        elif name != "END_GROUP":
            group.setdefault(name, value.strip('"'))
    return groups
