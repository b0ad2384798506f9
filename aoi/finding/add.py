"""Filling an archive: from images, folders of them, and items without pixels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aoi.finding.archive import put
from aoi.finding.describe import item_of_image
from aoi.finding.files import moved_hrefs, read_json
from aoi.finding.item import Item, read_items
from imagery.blockwise import Progress
from imagery.env import RASTER_ERRORS, raster_environment
from imagery.errors import InputError, MissingInputError, TwopassError
from imagery.products import Product, find_product

IMAGES = (".tif", ".tiff", ".jp2")
ITEMS = (".json", ".geojson")
_BATCH = 1000


@dataclass(kw_only=True)
class Added:
    """What came of it."""

    added: int = 0
    renewed: int = 0
    undated: list[str] = field(default_factory=list)
    """Names of images without a date."""

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
    waiting: list[Item] = []
    found = list(_found(paths))
    with raster_environment():
        for done, path in enumerate(found, start=1):
            try:
                waiting += _items(path, archive, told, checksum=checksum)
            except TwopassError as error:
                told.skipped.append((path.name, str(error)))
            except RASTER_ERRORS as error:
                told.skipped.append((path.name, " ".join(str(error).split())[:200]))
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


def _items(path: Path, archive: Path, told: Added, *, checksum: bool) -> list[Item]:
    folder = archive.absolute().parent
    if path.suffix.lower() in ITEMS and path.is_file():
        content: Any = read_json(path)
        many = isinstance(content, dict) and isinstance(content.get("features"), list)
        raw = content["features"] if many else [content]
        items, cautions = read_items(
            (moved_hrefs(one, str(path.absolute().parent), folder) for one in raw), base=str(folder)
        )
        told.skipped += [(path.name, caution.message) for caution in cautions]
    else:
        raw_item = item_of_image(path, folder=folder, checksum=checksum)
        items, _ = read_items([raw_item], base=str(folder))
    told.undated += [item.id for item in items if not item.acquisition.known]
    return list(items)


def _found(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from _below(path)
        elif path.exists():
            yield path
        else:
            raise MissingInputError(
                f"{path.name}: no such file or folder", needed="images, folders or STAC items"
            )


def _below(folder: Path) -> Iterator[Path]:
    """Products as a whole, and every other image below a folder, in the order of their names."""
    for place, folders, names in os.walk(folder):
        here = Path(place)
        folders.sort()
        if any(name.lower().endswith((*IMAGES, ".xml")) for name in names) and _is_product(here):
            folders.clear()
            yield here
            continue
        for name in sorted(names):
            path = here / name
            if name.lower().endswith(IMAGES) and not _is_mask(path):
                yield path


def _is_product(folder: Path) -> bool:
    try:
        return isinstance(find_product(folder), Product)
    except TwopassError:
        return False  # several images that aren't one product: each is added alone


def _is_mask(path: Path) -> bool:
    from imagery.products import MASK_NAME

    return bool(MASK_NAME.search(path.stem))
