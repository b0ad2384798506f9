"""What a user says of places: not to be used (a raster or outlines), ignored, or quiet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from odc.geo.geobox import GeoBox

from imagery.env import open_raster
from imagery.errors import InputError
from imagery.grid import Extent
from imagery.masks._find import covered_share
from imagery.options import DetectOptions
from imagery.record import sha256_of
from imagery.scene import DrawnMask, InputFile, Mask, Outline, Scene


@dataclass(frozen=True, kw_only=True, eq=False)
class LeftOut:
    """Outlines that a user drew, read from their files: left out, ignored, or quiet."""

    drawn: Mapping[str, DrawnMask] = field(default_factory=dict)
    """Masks by the option that names their file: ``"--mask"``, ``"--before-mask"``."""

    ignored: Outline | None = None
    """Where no change is looked for."""

    quiet: Extent | None = None
    """Where nothing happened between the two images."""

    files: Mapping[str, InputFile] = field(default_factory=dict)
    """The files, by the option that names them."""


def user_masks(
    scene: Scene, options: DetectOptions, left_out: LeftOut
) -> tuple[tuple[Mask | DrawnMask, ...], tuple[InputFile, ...]]:
    """The masks that options name for a scene, and their files."""
    own = options.before.mask if scene.role == "before" else options.after.mask
    masks: list[Mask | DrawnMask] = []
    files: list[InputFile] = []
    for option, name in (("--mask", options.masks.mask), (f"--{scene.role}-mask", own)):
        if name is None:
            continue
        if option in left_out.drawn:
            masks.append(left_out.drawn[option])
            files.append(left_out.files[option])
        else:
            masks.append(raster_mask(Path(name), scene, option=option))
            files.append(hashed(Path(name)))
    return tuple(masks), tuple(files)


def hashed(path: Path) -> InputFile:
    """A file as the record names it."""
    return InputFile(path.name, sha256_of(path), path.stat().st_size)


def raster_mask(path: Path, scene: Scene, *, option: str) -> Mask:
    """The mask in a raster file, on whatever grid it lies.

    Parameters
    ----------
    path
        A raster of one band: 0 and its nodata leave a pixel as it is, anything else forbids it.
    scene
        The scene that it is for.
    option
        Which option named the file.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no raster of one band, doesn't say where it lies, or lies elsewhere.
    """
    with open_raster(path, option=option) as dataset:
        if dataset.count != 1 or dataset.dtypes[0].startswith("complex"):
            raise InputError(
                f"{path.name}: is no mask",
                found=f"{dataset.count} bands of {dataset.dtypes[0]}",
                needed="one band: 0 usable, anything else not",
                option=option,
            )
        shape, transform, crs, nodata = (
            dataset.shape,
            dataset.transform,
            dataset.crs,
            dataset.nodata,
        )
    frameless = scene.geobox.crs is None
    if (crs is None) != frameless or (frameless and shape != tuple(scene.geobox.shape)):
        raise InputError(
            f"{path.name}: can't be laid on {scene.name}",
            found=f"{'no CRS' if crs is None else 'a CRS'}, {shape[0]} x {shape[1]} px",
            needed="a mask of the image's own size" if frameless else "a georeferenced mask",
            option=option,
        )
    mask = Mask(
        kind="user",
        path=path,
        geobox=scene.geobox if frameless else GeoBox(shape, transform, crs),
        nodata=nodata,
        source=f"mask of the user ({path.name})",
    )
    if covered_share(mask, scene) == 0:
        raise InputError(
            f"{path.name}: lies outside of {scene.name}",
            found="no pixel in common",
            needed="a mask of the place that the image shows",
            option=option,
        )
    return mask
