"""What is made of an alignment: its ties for a GIS, its figure, its diagnosis, its files.

The names below are imported when first used: an alignment without a figure needs no plotting.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Products": "job",
    "Told": "words",
    "align_files": "job",
    "check_free": "diagnosis",
    "diagnose": "diagnosis",
    "draw_alignment": "figure",
    "figure_of": "stored",
    "keep_ties": "stored",
    "picture": "pictures",
    "write_ties": "ties",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"aoi.alignment.{_HOME[name]}"), name)
    raise AttributeError(f"module 'aoi.alignment' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
