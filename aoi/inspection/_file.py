"""One file, inspected: what it is, or why it can't be used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from aoi.inspection._coverage import coverage
from aoi.inspection._metadata import collection_of, metadata_alone
from aoi.inspection._model import Coverage, Inspected, Storage
from aoi.places import Area
from aoi.places.area import footprint
from imagery.bands import pair_bands
from imagery.env import open_raster
from imagery.errors import InputError
from imagery.grid import to_lonlat
from imagery.masks import find_masks
from imagery.options import ReadOptions, SceneOptions
from imagery.read import open_scene
from imagery.record import Caution
from imagery.scene import Role, Scene


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
        covered = coverage(scene, area, bands=displayed(scene))
        return Inspected(
            name=scene.name,
            scene=scene,
            acquisition=scene.acquisition,
            facts=scene.facts,
            files=scene.files,
            cautions=scene.cautions + cautions + _empty(scene.name, covered),
            storage=_storage(scene),
            coverage=covered,
            centre=_centre(scene),
            footprint=_footprint(scene),
        )
    except InputError as error:
        name = path.name or path.absolute().name
        return metadata_alone(path, name=name) or Inspected(
            name=name, refusal=_no_item(path, name=name) or error
        )


def _no_item(path: Path, *, name: str) -> InputError | None:
    other = collection_of(path)
    if other is None:
        return None
    return InputError(
        f"{name}: is a STAC {other}, not an item",
        found=f"a {other}",
        needed="one of its items, or an image",
    )


def _empty(name: str, found: Coverage) -> tuple[Caution, ...]:
    if found.valid > 0:
        return ()
    where = " in the parts that were looked at" if found.sampled else ""
    return (Caution("no-data", f"{name} holds no data at all{where}: nothing can be compared."),)


def displayed(scene: Scene) -> tuple[int, ...]:
    """Indexes of the bands that are shown: red, green and blue, or the first three, or one."""
    both = pair_bands(scene, scene, explicit=False)
    return tuple(both.before[place] for place in both.display)


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


def _footprint(scene: Scene) -> Any:
    """Where it lies; None where its CRS has no longitude and latitude there."""
    import numpy as np

    shape = footprint(scene.geobox)
    return shape if np.isfinite(shape.bounds).all() and shape.is_valid else None
