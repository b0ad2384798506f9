"""Whether a case that is there is the one that a run would make."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aoi.case import read_manifest, read_record
from aoi.case.decision import quiet_files
from aoi.inputs import named_files, recorded
from aoi.options import AreaOptions, ProductOptions
from aoi.workflow import named_area
from imagery.env import raster_environment
from imagery.masks import LeftOut
from imagery.options import DetectOptions
from imagery.read import open_scene
from imagery.record import sha256_of, to_json
from imagery.scene import Role

Hashes = dict[str, set[str]]
"""SHA-256 of every file that a record names, by the file's name."""


def difference(
    case: Path,
    before: Path,
    after: Path,
    *,
    area_options: AreaOptions,
    options: DetectOptions,
    products: ProductOptions,
) -> str | None:
    """In what a case differs from what a run would make; None where it is that, and whole.

    It compares twopass's version, the options, the area, and the bytes of every file that decides
    the result: both images with what lies beside them, masks, ties, seams, quiet places.

    Raises
    ------
    imagery.errors.TwopassError
        If the folder is no case, or an input can't be read.
    """
    import importlib.metadata

    result = read_record(case)["result"]
    if any(not (case / name).is_file() for name in read_manifest(case)):
        return "a case of which files are missing"
    if result["software"]["twopass"] != importlib.metadata.version("twopass"):
        return "a case of another version of twopass"
    area = named_area(area_options, options)
    file = None if area is None else area.file
    if result["options"] != to_json(recorded(file, area_options, options, products)):
        return "a case with other options"
    if area is not None and result["area"]["geometry"] != _geometry(area.geometry):
        return "a case of another area"
    hashes = _hashes(result)
    for path in named_files(options):
        if path.name in hashes and sha256_of(path) not in hashes[path.name]:
            return f"a case with another {path.name}"
    for quiet in _quiet(options):
        if quiet["sha256"] not in hashes[quiet["name"]]:
            return f"a case with another {quiet['name']}"
    images: dict[Role, Path] = {"before": before, "after": after}
    for role, path in images.items():
        if not _same_scene(path, role, result["scenes"][role], options, hashes):
            return f"a case of another image {role}"
    return None


def _same_scene(
    path: Path, role: Role, told: dict[str, Any], options: DetectOptions, hashes: Hashes
) -> bool:
    """Whether an image holds the same bytes, and what lies beside it says the same."""
    if options.read.dem is not None and path.is_file():
        # An image that isn't on the ground can't be opened as it is.
        return bool(told["sha256"] == sha256_of(path))
    with raster_environment():
        scene = open_scene(
            path,
            role=role,
            scene_options=options.before if role == "before" else options.after,
            read_options=options.read,
        )
    facts = {name: asdict(fact) for name, fact in sorted(scene.facts.items())}
    return bool(
        told["sha256"] == scene.files[0].sha256
        and all(file.sha256 in hashes[file.name] for file in scene.files)
        and told["facts"] == to_json(facts)
        and told["acquisition"]["text"] == str(scene.acquisition)
    )


def _quiet(options: DetectOptions) -> list[dict[str, Any]]:
    """The files of quiet pairs, as the record names them."""
    pairs = to_json(quiet_files(options.decision, LeftOut()))["quiet_pairs"]
    return [file for pair in pairs for files in pair.values() for file in files]


def _geometry(geometry: Any) -> Any:
    import shapely

    return json.loads(shapely.to_geojson(geometry))


def _hashes(result: dict[str, Any]) -> Hashes:
    """What the record says of files that were read."""
    found: Hashes = defaultdict(set)
    inputs = {key: value for key, value in result.items() if key != "outputs"}
    for entry in _mappings(inputs):
        if isinstance(sha := entry.get("sha256"), str):
            for key in ("name", "file"):
                if isinstance(entry.get(key), str):
                    found[entry[key]].add(sha)
    return found


def _mappings(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in plain JSON values, however deep."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from _mappings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _mappings(item)
