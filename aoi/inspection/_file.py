"""One file, inspected: what it is, or why it can't be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aoi.inspection._coverage import coverage
from aoi.inspection._model import Inspected, Storage
from aoi.places import Area
from imagery.bands import pair_bands
from imagery.env import SIGNATURES, open_raster
from imagery.errors import InputError
from imagery.grid import to_lonlat
from imagery.masks import find_masks
from imagery.metadata import read_metadata_file
from imagery.options import ReadOptions, SceneOptions
from imagery.read import open_scene
from imagery.record import sha256_of
from imagery.scene import Acquisition, InputFile, Role, Scene


def inspect_file(
    path: Path,
    *,
    role: Role = "before",
    area: Area | None = None,
    options: ReadOptions,
    hashes: bool = False,
) -> Inspected:
    """Tell what a file is; a refusal is part of the answer.

    Parameters
    ----------
    path
        An image, a product's folder, or a file of metadata alone.
    role
        Which image of a pair it would be.
    area
        An area of which the covered share is told.
    options
        What the user says of the file.
    hashes
        Whether the files are hashed, for which each is read whole.

    Notes
    -----
    Reads pixels, so it is to be called inside a raster environment.
    """
    try:
        scene = open_scene(
            path,
            role=role,
            scene_options=SceneOptions(),
            read_options=options,
            hashes=hashes,
        )
        masks, cautions = find_masks(scene)
        scene = replace(scene, masks=masks)
        return Inspected(
            name=scene.name,
            scene=scene,
            acquisition=scene.acquisition,
            facts=scene.facts,
            files=scene.files,
            cautions=scene.cautions + cautions,
            storage=_storage(scene),
            coverage=coverage(scene, area, bands=displayed(scene)),
            centre=_centre(scene),
        )
    except InputError as error:
        refused = Inspected(name=path.name or path.absolute().name, refusal=error)
        return _metadata_alone(path) or refused


def displayed(scene: Scene) -> tuple[int, ...]:
    """Indexes of the bands that are shown: red, green and blue, or the first three, or one."""
    both = pair_bands(scene, scene, explicit=False)
    return tuple(both.before[place] for place in both.display)


def _metadata_alone(path: Path) -> Inspected | None:
    """A file of metadata beside which no product lies; None where it is something else."""
    if not path.is_file() or _is_image(path):
        return None
    found = read_metadata_file(path)
    if found is None:
        return None
    return Inspected(
        name=path.name,
        acquisition=found.acquisition or Acquisition(),
        facts=found.facts,
        files=(InputFile(path.name, sha256_of(path), path.stat().st_size),),
        cautions=found.cautions,
    )


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError:
        return True  # why it can't be read has been told by the attempt to open it
    return any(start.startswith(first) for first, _ in SIGNATURES)


def _storage(scene: Scene) -> Storage:
    stored = scene.bands[0].stored
    with open_raster(scene.path if stored is None else stored.path) as dataset:
        rows, cols = dataset.block_shapes[0]
        structure = dataset.tags(ns="IMAGE_STRUCTURE")
        return Storage(
            block=(int(rows), int(cols)),
            tiled=cols != dataset.width or rows >= dataset.height,
            overviews=tuple(int(factor) for factor in dataset.overviews(1)),
            compression=str(structure.get("COMPRESSION", "none")).lower(),
            cloud_optimised=structure.get("LAYOUT") == "COG",
        )


def _centre(scene: Scene) -> tuple[float, float] | None:
    import numpy as np

    if scene.geobox.crs is None:
        return None
    rows, cols = scene.geobox.shape
    lon, lat = to_lonlat(scene.geobox, np.array([rows / 2]), np.array([cols / 2]))
    return float(lon[0]), float(lat[0])
