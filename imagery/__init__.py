"""Pixels: two scenes of a place become a change map.  This package knows no polygon.

The names below are public, in the order of the flow; all else may change.  They are imported when
first used, so that ``import imagery`` and the command line's help stay fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imagery.align import Moved, align_images, apply_transform
    from imagery.bands import BandPairs, pair_bands
    from imagery.coregister import Alignment, Residual, coregister
    from imagery.detect import ChangeMap, Observed, Progress, detect
    from imagery.errors import (
        AlignmentError,
        InputError,
        MissingInputError,
        OutputError,
        RateError,
        TwopassError,
        UsageError,
    )
    from imagery.grid import Extent, Plan, plan_pair
    from imagery.options import AlignOptions, DetectOptions, EngineOptions
    from imagery.raster import Raster
    from imagery.read import open_scene, read_window
    from imagery.scene import Acquisition, Band, Scene
    from imagery.shift import Shift
    from imagery.transform import Transform, read_transform, write_transform
    from imagery.warp import warp_window

_HOME = {
    "open_scene": "read",
    "read_window": "read",
    "Scene": "scene",
    "Band": "scene",
    "Acquisition": "scene",
    "Raster": "raster",
    "pair_bands": "bands",
    "BandPairs": "bands",
    "plan_pair": "grid",
    "Plan": "grid",
    "Extent": "grid",
    "warp_window": "warp",
    "Shift": "shift",
    "coregister": "coregister",
    "Alignment": "coregister",
    "Residual": "coregister",
    "Transform": "transform",
    "read_transform": "transform",
    "write_transform": "transform",
    "align_images": "align",
    "apply_transform": "align",
    "Moved": "align",
    "detect": "detect",
    "ChangeMap": "detect",
    "Observed": "detect",
    "Progress": "detect",
    "AlignOptions": "options",
    "DetectOptions": "options",
    "EngineOptions": "options",
    "TwopassError": "errors",
    "UsageError": "errors",
    "InputError": "errors",
    "MissingInputError": "errors",
    "OutputError": "errors",
    "AlignmentError": "errors",
    "RateError": "errors",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"imagery.{_HOME[name]}"), name)
    raise AttributeError(f"module 'imagery' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
