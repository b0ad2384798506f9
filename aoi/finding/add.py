"""Filling an archive: from images, folders of them, and items without pixels."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aoi.finding.archive import put
from aoi.finding.describe import item_of_image, joined
from aoi.finding.files import features_of, moved_hrefs, read_json, stands_alone
from aoi.finding.item import Item, read_items
from imagery.blockwise import Progress
from imagery.env import RASTER_ERRORS, raster_environment
from imagery.errors import InputError, MissingInputError, TwopassError
from imagery.products import Product, find_product

IMAGES = (".tif", ".tiff", ".jp2")
ITEMS = (".json", ".geojson")
_BATCH = 1000
_BAND = re.compile(
    r"^(?P<scene>(?:L[COTEM]\d|(?:L2A_)?T\d{2}[A-Z]{3}_\d{8}T\d{6}).*)"
    r"_(?:(?:SR|ST)_)?B(?:\d{1,2}|8A)(?:_\d{2}m)?$"
)
"""A Landsat or Sentinel-2 band's own file, named by its product."""


@dataclass(kw_only=True)
class Added:
    """What came of it."""

    added: int = 0
    renewed: int = 0
    undated: list[str] = field(default_factory=list)
    """Names of images without a date."""

    masks: list[str] = field(default_factory=list)
    """Names of images that are left out as masks, by their name."""

    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Names of files that can't be read, and why."""


def add_to_archive(
    paths: Sequence[Path],
    archive: Path,
    *,
    checksum: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Added:
    """Add images, products, folders and STAC items to an archive.

    Parameters
    ----------
    paths
        What to add; a folder with all below it.
    archive
        The archive's file; it is made where there is none.
    checksum
        Whether to keep the hash of each file.
    progress
        Told of every file.

    Returns
    -------
    Added
        Files that can't be read are named and left out.

    Raises
    ------
    MissingInputError
        If a path isn't there.
    InputError
        If none could be read.
    """
    told = Added()
    folder = archive.absolute().parent
    waiting: list[Item] = []
    found = _scenes(_found(paths, told))
    with raster_environment():
        for done, (name, files) in enumerate(found.items(), start=1):
            if files[0].suffix.lower() in ITEMS and files[0].is_file():
                waiting += _tried(files[0], told, lambda path: _from_json(path, archive, told))
            else:
                raw = [
                    one
                    for file in files
                    for one in _tried(
                        file,
                        told,
                        lambda path: [item_of_image(path, folder=folder, checksum=checksum)],
                    )
                ]
                if len(raw) > 1:
                    raw = [joined(raw, name, folder)]
                items, _ = read_items(raw, base=str(folder))
                told.undated += [item.id for item in items if not item.acquisition.known]
                waiting += items
            progress(Progress("archive", done, len(found)))
            if len(waiting) >= _BATCH:
                _put(archive, waiting, told)
                waiting = []
    _put(archive, waiting, told)
    if told.added + told.renewed == 0:
        first = f": {told.skipped[0][0]}: {told.skipped[0][1]}" if told.skipped else ""
        raise InputError(
            f"no scene could be added{first}",
            found=f"{len(told.skipped)} files that can't be read" if told.skipped else "no image",
            needed="GeoTIFF or JPEG 2000 images, products, or STAC items",
        )
    return told


def _put(archive: Path, items: list[Item], told: Added) -> None:
    unique = list({(item.collection, item.id): item for item in items}.values())
    renewed = put(archive, unique)
    told.renewed += renewed
    told.added += len(unique) - renewed


def _tried(path: Path, told: Added, read: Callable[[Path], Sequence[Any]]) -> Sequence[Any]:
    """What a file holds; nothing, and told, where it can't be read."""
    try:
        return read(path)
    except TwopassError as error:
        told.skipped.append((path.name, str(error)))
    except RASTER_ERRORS as error:
        told.skipped.append((path.name, " ".join(str(error).split())[:200]))
    return ()


def _from_json(path: Path, archive: Path, told: Added) -> Sequence[Item]:
    folder = archive.absolute().parent
    raw = features_of(read_json(path))
    items, cautions = read_items(
        (moved_hrefs(one, str(path.absolute().parent), folder) for one in raw), base=str(folder)
    )
    told.skipped += [(path.name, caution.message) for caution in cautions]
    told.undated += [item.id for item in items if not item.acquisition.known]
    return items


def _scenes(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Files by the scene that they are a band of, where their names tell it; else each alone."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        match = _BAND.match(path.stem) if path.suffix.lower() in IMAGES else None
        name = str(path.with_name(match["scene"])) if match and path.is_file() else str(path)
        found.setdefault(name, []).append(path)
    return found


def _found(paths: Sequence[Path], told: Added) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from _below(path, told)
        elif path.exists():
            yield path
        else:
            raise MissingInputError(
                f"{path.name}: no such file or folder", needed="images, folders or STAC items"
            )


def _below(folder: Path, told: Added) -> Iterator[Path]:
    """Products as a whole, every other image, and items that stand without one, by name."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders.sort()
        if any(name.lower().endswith((*IMAGES, ".xml")) for name in names) and _is_product(here):
            folders.clear()
            yield here
            continue
        images = [Path(name).stem for name in names if name.lower().endswith(IMAGES)]
        for name in sorted(names):
            path = here / name
            if name.lower().endswith(IMAGES):
                if _is_mask(path):
                    told.masks.append(name)
                else:
                    yield path
            elif name.lower().endswith(ITEMS) and stands_alone(path, images):
                yield path


def _is_product(folder: Path) -> bool:
    try:
        return isinstance(find_product(folder), Product)
    except TwopassError:
        return False  # several images that aren't one product: each is added alone


def _is_mask(path: Path) -> bool:
    from imagery.products import MASK_NAME

    return bool(MASK_NAME.search(path.stem))
