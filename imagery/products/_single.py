"""Folders that hold one image, beside masks, previews and metadata; and tiles, which don't.

Source of Planet's names: Planet, "Understanding asset types"; of tiles: Maxar (DigitalGlobe),
"Imagery Support Data", where ``-R1C1`` is a tile's row and column.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from imagery.errors import InputError
from imagery.products._files import RASTERS, kept_inside, listed
from imagery.products._model import Image

MASK_NAME = re.compile(
    r"(?:^|[_.-])(?:udm2?|scl|bqa|qa(?:_?60|_?pixel|_?radsat|_?aerosol)?|pixel_qa|radsat_qa|"
    r"msk_\w+|cldprb|snwprb|cloudmask|clouds?|masks?)(?:_clip)?(?:_\d+m)?$",
    re.IGNORECASE,
)
"""Of the name, without its ending, of what tells which pixels of another image can be used."""

_PREVIEWS = (".png", ".jpg", ".jpeg", ".webp")
_PREVIEW_NAME = re.compile(
    r"(?:^|[_.-])(?:browse|thumb(?:nail|_small|_large)?|preview|quicklook|ql)$", re.IGNORECASE
)
_ANALYTIC = re.compile(
    r"^\d{8}_\d{6}_.+_[13][AB]_(?:AnalyticMS|BasicAnalyticMS|Analytic)\w*\.tiff?$"
    r"|^\d{8}_\d{6}_ssc\w+_analytic\w*\.tiff?$",
    re.IGNORECASE,
)
_TILE = re.compile(r"[-_]R\d+C\d+(?:[-_.].*)?$", re.IGNORECASE)


def find_planet(folder: Path) -> Image | None:
    """The analytic image of a Planet order, which may have a visual one beside it."""
    analytic = [path for path in _rasters(folder) if _ANALYTIC.match(path.name)]
    if not analytic:
        return None
    return Image(_the_one(folder, analytic))


def find(folder: Path) -> Image | None:
    """The only image of a folder."""
    images = _rasters(folder)
    if not images:
        images = [p for p in _images(folder, _PREVIEWS) if not _PREVIEW_NAME.search(p.stem)]
    if not images:
        return None
    tiles = [path for path in images if _TILE.search(path.stem)]
    if len(tiles) > 1:
        raise InputError(
            f"{folder.name}: holds {len(tiles)} tiles of an image; make one image of them first",
            found=_few(tiles),
            needed="one GeoTIFF, which gdalbuildvrt and then gdal_translate make of the tiles",
        )
    return Image(_the_one(folder, images))


def only_folder(folder: Path) -> Path | None:
    """The one folder inside, as unpacking an archive leaves it; None where there isn't just one."""
    inner = [path for path in listed(folder) if path.is_dir() and not path.is_symlink()]
    return inner[0] if len(inner) == 1 else None


def contents(folder: Path) -> str:
    """What a folder holds, in few words."""
    there = listed(folder)
    return _few(there) if there else "nothing"


def _the_one(folder: Path, images: Sequence[Path]) -> Path:
    if len(images) > 1:
        raise InputError(
            f"{folder.name}: holds {len(images)} images, and nothing tells that they belong "
            "together",
            found=_few(images),
            needed="one of them in place of the folder, or a product's folder as it was delivered",
        )
    return images[0]


def _rasters(folder: Path) -> list[Path]:
    return [path for path in _images(folder, RASTERS) if not _PREVIEW_NAME.search(path.stem)]


def _images(folder: Path, endings: Sequence[str]) -> list[Path]:
    return [
        kept_inside(folder, path)
        for path in listed(folder)
        if path.suffix.lower() in endings and not MASK_NAME.search(path.stem) and path.is_file()
    ]


def _few(paths: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in paths[:6])
    return names + (f" and {len(paths) - 6} more" if len(paths) > 6 else "")
