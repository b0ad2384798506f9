"""What decides a run's result: the options as the record holds them, and the files they name."""

from __future__ import annotations

import importlib.metadata
import math
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aoi.case.decision import quiet_paths
from aoi.case.record import software
from aoi.options import AreaOptions, ProductOptions
from imagery.masks import LeftOut
from imagery.options import DetectOptions
from imagery.record import sha256_of
from imagery.scene import InputFile

if TYPE_CHECKING:
    from aoi.places import Area
    from imagery.coregister import SeamLines


def recorded(
    area_file: InputFile | None,
    area_options: AreaOptions,
    options: DetectOptions,
    products: ProductOptions,
) -> dict[str, Any]:
    """The options that decide a result, as the record holds them.

    A file stands there by its name, beside its hash elsewhere in the record: no folder does.
    """
    grid = asdict(options.grid) | {"grid": Path(options.grid.grid).name}
    ties, nodata = options.coregister.ties, options.read.nodata
    seams = options.coregister.seams
    by_hand = asdict(options.coregister) | {
        "ties": ties and Path(ties).name,
        "seams": seams and Path(seams).name,
    }
    # JSON has no NaN, and null means that no value was given.
    unusual = nodata is not None and not math.isfinite(nodata)
    dem = options.read.dem
    read = asdict(options.read) | {
        "nodata": str(nodata) if unusual else nodata,
        "dem": dem and Path(dem).name,
    }
    return {
        "area": asdict(area_options) | {"aoi": area_file.name if area_file else area_options.aoi},
        "detect": asdict(options)
        | {"grid": grid, "read": read, "coregister": by_hand}
        | {"decision": options.decision.named()}
        | _named_masks(options),
        "products": {k: v for k, v in asdict(products).items() if k != "overwrite"},
    }


def _named_masks(options: DetectOptions) -> dict[str, Any]:
    """The options of which a mask is one, each file by its name."""
    masks = options.masks
    both = {
        "mask": masks.mask and Path(masks.mask).name,
        "ignore": masks.ignore and Path(masks.ignore).name,
    }
    scenes = {
        role: asdict(scene) | {"mask": scene.mask and Path(scene.mask).name}
        for role, scene in (("before", options.before), ("after", options.after))
    }
    return {"masks": asdict(masks) | both, **scenes}


def named_files(options: DetectOptions) -> list[Path]:
    """The files that options name, but those of quiet pairs."""
    names = (
        *(options.grid.grid, options.read.dem, options.coregister.ties, options.coregister.seams),
        *(options.masks.mask, options.masks.ignore, options.before.mask, options.after.mask),
        options.decision.quiet_area,
    )
    return [Path(name) for name in names if name is not None and _is_file(Path(name))]


def every_file(
    before: Path, after: Path, area_options: AreaOptions, options: DetectOptions
) -> list[Path]:
    """The files that a command names.

    Those of a product, which is a folder, and those beside an image are known once it is opened.
    """
    named = [before, after] + ([Path(area_options.aoi)] if area_options.aoi else [])
    files = [path for path in named if _is_file(path)] + named_files(options)
    quiet = [path for pair in options.decision.quiet_pair for name in pair for path in _quiet(name)]
    return files + quiet


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # an area may be written out at length, and is no path then
        return False


def _quiet(name: str) -> list[Path]:
    return [path for path in quiet_paths(Path(name)) if path.is_file()]


def decisive(
    told: Mapping[str, Any],
    options: DetectOptions,
    *,
    area: Area | None,
    seams: SeamLines | None,
    left_out: LeftOut,
    quiet: Mapping[str, Any],
) -> dict[str, Any]:
    """All that decides a result but the two scenes, whose files are hashed when they are opened.

    Parameters
    ----------
    told
        The options as :func:`recorded` holds them.
    options
        The options, of which two name files that are read later.
    area, seams, left_out, quiet
        What was read of the other files that they name, with the hashes.
    """
    ties, grid = options.coregister.ties, options.grid.grid
    return {
        "software": software()
        | {name: importlib.metadata.version(name) for name in ("numba", "llvmlite")}
        | {"machine": platform.machine()},
        "options": told,
        "area": None if area is None else area.geometry.wkb_hex,
        "seams": None if seams is None else seams.file,
        "left_out": dict(left_out.files),
        "quiet": quiet,
        "hashes": [sha256_of(name) for name in (ties, grid) if name and _is_file(Path(name))],
    }
