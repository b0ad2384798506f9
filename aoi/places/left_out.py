"""What a user drew: outlines in files that are left out, ignored, or known to be quiet."""

from __future__ import annotations

from pathlib import Path

from aoi.places.area import Area
from aoi.places.files import READERS
from aoi.places.load import load_area
from imagery.errors import InputError, MissingInputError, UsageError
from imagery.masks import LeftOut
from imagery.options import DetectOptions
from imagery.scene import DrawnMask


def drawn_masks(options: DetectOptions) -> LeftOut:
    """The outlines in the files that options name, before a long look at two large images.

    A mask that is no file of outlines, by its name, is a raster, which is read with the images.

    Raises
    ------
    InputError
        If a file of outlines can't be used; the message names its option.
    """
    named = {
        "--mask": options.masks.mask,
        "--before-mask": options.before.mask,
        "--after-mask": options.after.mask,
    }
    areas = {
        option: _outlines(name, option, options)
        for option, name in named.items()
        if name is not None and Path(name).suffix.lower() in READERS
    }
    # Those that are no masks are outlines whatever their names are.
    others = {"--ignore": options.masks.ignore, "--quiet-area": options.decision.quiet_area}
    drawn = {
        option: _outlines(name, option, options)
        for option, name in others.items()
        if name is not None
    }
    return LeftOut(
        drawn={
            option: DrawnMask(outline=area, source=f"outlines of the user ({area.source})")
            for option, area in areas.items()
        },
        ignored=drawn.get("--ignore"),
        quiet=drawn.get("--quiet-area"),
        files={
            option: area.file for option, area in (areas | drawn).items() if area.file is not None
        },
    )


def _outlines(name: str, option: str, options: DetectOptions) -> Area:
    if Path(name).suffix.lower() not in READERS:
        raise UsageError(
            f"{Path(name).name}: holds no outlines, by its name",
            found=Path(name).suffix or "no suffix",
            needed="one of " + ", ".join(READERS),
            option=option,
        )
    try:
        return load_area(name, georeferenced=not options.read.no_georeference, crs=options.read.crs)
    except InputError as error:
        kind = MissingInputError if isinstance(error, MissingInputError) else InputError
        raise kind(
            error.message.replace("AOI", "outlines").replace("an area", "outlines"),
            found=error.found,
            needed=error.needed,
            option=option,
        ) from error
