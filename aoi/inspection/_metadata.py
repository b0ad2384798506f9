"""Metadata beside which no image lies: a file, or the folder of a product without images."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import shapely

from aoi.inspection._model import Inspected
from imagery.env import SIGNATURES
from imagery.metadata import read_metadata_file
from imagery.record import sha256_of
from imagery.scene import Acquisition, InputFile

_MOST_BYTES = 5_000_000
_MOST_FILES = 10_000

_PRODUCTS = ("MTD_MSI*.xml", "manifest.safe", "*_MTL.xml", "*_MTL.txt", "*_MTL.json")
"""What tells of a whole product in its folder, the fullest first."""

_RASTERS = (".tif", ".tiff", ".jp2")
_OTHERS = {
    "Collection": "collection",
    "Catalog": "catalog",
    "FeatureCollection": "list of items",
}


def metadata_alone(path: Path, *, name: str) -> Inspected | None:
    """What a file of metadata, or those of a product without its images, say.

    Parameters
    ----------
    path
        A file or a folder.
    name
        What it is called.

    Returns
    -------
    Inspected or None
        None where it is something else: an image, or a folder with images.
    """
    file = _product_file(path) if path.is_dir() else path
    if file is None or not file.is_file() or _is_image(file):
        return None
    found = read_metadata_file(file)
    if found is None:
        return None
    return Inspected(
        name=name,
        acquisition=found.acquisition or Acquisition(),
        facts=found.facts,
        files=(InputFile(file.name, sha256_of(file), file.stat().st_size),),
        cautions=found.cautions,
        footprint=_box_of(_json_of(file)),
    )


def collection_of(path: Path) -> str | None:
    """What a STAC file is that holds or lists items: "collection"; None of all other files."""
    content = _json_of(path)
    if content is None:
        return None
    kind = content.get("type")
    if kind == "FeatureCollection":
        features = content.get("features")
        first = features[0] if isinstance(features, list) and features else None
        is_stac = isinstance(first, dict) and "stac_version" in first
        return _OTHERS[kind] if is_stac else None
    if "stac_version" not in content or kind == "Feature":
        return None
    if isinstance(kind, str):
        return _OTHERS.get(kind)
    # Before STAC 1.0 neither had a type; an extent is what a collection alone has.
    if "properties" in content or "links" not in content:
        return None
    return "collection" if "extent" in content else "catalog"


def _product_file(folder: Path) -> Path | None:
    """The one file that tells of a product; None where images, or several products, are there."""
    try:
        inside = islice(folder.rglob("*"), _MOST_FILES)
        if any(path.suffix.lower() in _RASTERS for path in inside):
            return None
        for pattern in _PRODUCTS:
            found = sorted(folder.glob(pattern))
            if found:
                return found[0] if len(found) == 1 else None
    except OSError:
        return None
    return None


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError:
        return True  # why it can't be read has been told by the attempt to open it
    return any(start.startswith(first) for first, _ in SIGNATURES)


def _json_of(path: Path) -> dict[str, Any] | None:
    """A JSON object in a small file; None of anything else."""
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES or _is_image(path):
            return None
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _box_of(item: dict[str, Any] | None) -> Any:
    """The bounds that a STAC item states, as a polygon; None where they aren't sound."""
    box = None if item is None else item.get("bbox")
    if not isinstance(box, list) or len(box) not in (4, 6):
        return None
    if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in box):
        return None
    half = len(box) // 2
    west, south, east, north = box[0], box[1], box[half], box[half + 1]
    # West beyond east is an image across the antimeridian, whose box says little.
    sound = -180 <= west < east <= 180 and -90 <= south < north <= 90
    return shapely.box(west, south, east, north) if sound else None
