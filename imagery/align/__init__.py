"""Align one image to another: measure the shift, and write the moved image with all its bands.

The reference stays.  The target is moved and resampled once, or copied where whole pixels suffice,
in its own numbers.  What was measured can be kept as a :class:`~imagery.transform.Transform` and
applied to other bands, masks and products of the same scene.
"""

from __future__ import annotations

import re
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from imagery.align._carried import carried, places
from imagery.align._lattice import place_output
from imagery.align._measure import Measured, Tell, enforced, measure, transform_of
from imagery.align._pixels import Method, mover
from imagery.align._stored import Stored, open_stored
from imagery.blocks import Window, tiles_over
from imagery.blockwise import Progress, engine, map_tiles
from imagery.coregister import SeamLines
from imagery.errors import InputError
from imagery.metadata import plain
from imagery.options import AlignOptions, EngineOptions
from imagery.ortho import ground_beside
from imagery.record import Caution
from imagery.transform import Transform, read_transform, software
from imagery.write import create

__all__ = [
    "Measured",
    "Moved",
    "align_images",
    "apply_transform",
    "check_applicable",
    "enforced",
    "measure",
    "move",
    "open_stored",
    "transform_of",
]


_CLASSES = re.compile(
    r"(?<![a-z])(b?qa|scl|f?mask|udm2?|class(es)?|labels?)(?![a-z])", re.IGNORECASE
)
"""Words in the names of bands that hold classes, not measurements."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moved:
    """An aligned image, written."""

    path: Path
    geobox: GeoBox
    method: Method
    """copied, where pixels are untouched; cubic or nearest, where they were resampled once."""

    shift_px: tuple[float, float]
    """The mean move (rows, cols) over it, in px of the transform's grid."""

    transform: Transform
    stored: Stored
    cautions: tuple[Caution, ...]


def align_images(
    reference: Path,
    target: Path,
    out: Path,
    *,
    seams: SeamLines | None = None,
    options: AlignOptions | None = None,
    engine_options: EngineOptions | None = None,
    progress: Tell | None = None,
) -> Moved:
    """Align one image to another and write it.

    Parameters
    ----------
    reference, target
        The image that stays, and the one that is moved.
    out
        The GeoTIFF to be; one that is there is replaced.
    seams
        What the file of ``options.coregister.seams`` holds.
    options, engine_options
        What is asked for; the defaults where None.
    progress
        Called with a message as the work goes on.

    Raises
    ------
    InputError
        If an image can't be used.
    AlignmentError
        If the co-registration isn't trusted, or nothing could be measured; nothing is written.
    """
    options, tell = options or AlignOptions(), progress or (lambda _: None)
    with (
        engine(engine_options or EngineOptions()) as executor,
        ground_beside(out, executor=executor, tell=tell) as ground,
    ):
        found = measure(
            reference,
            target,
            options=options,
            executor=executor,
            tell=tell,
            seams=seams,
            ground=ground,
        )
        enforced(found)
        stored = open_stored(target, options=options.read, ground=ground)
        return move(stored, transform_of(found), out, options=options, executor=executor, tell=tell)


def apply_transform(
    transform: Transform | Path,
    target: Path,
    out: Path,
    *,
    options: AlignOptions | None = None,
    engine_options: EngineOptions | None = None,
    progress: Tell | None = None,
) -> Moved:
    """Move another band, mask or product of an aligned scene as the scene was moved.

    Raises
    ------
    InputError
        If the file is no transform, or the image is none of that scene's: in another CRS, or of
        another place.
    """
    if isinstance(transform, Path):
        transform = read_transform(transform)
    options, tell = options or AlignOptions(), progress or (lambda _: None)
    with (
        engine(engine_options or EngineOptions()) as executor,
        ground_beside(out, executor=executor, tell=tell) as ground,
    ):
        stored = open_stored(target, options=options.read, ground=ground)
        cautions = check_applicable(stored, transform)
        moved = move(stored, transform, out, options=options, executor=executor, tell=tell)
    return replace(moved, cautions=cautions + moved.cautions)


def check_applicable(stored: Stored, transform: Transform) -> tuple[Caution, ...]:
    """Refuse an image that can't be of the scene that was aligned.

    Returns
    -------
    tuple of Caution
        One where it isn't the very file that was measured: only the user knows that it is of the
        same scene.

    Raises
    ------
    InputError
        If its CRS is another one.
    """
    scene, measured = stored.scene, transform.target
    if scene.geobox.crs != measured.geobox.crs:
        raise InputError(
            f"{scene.name}: is not on the CRS of the image that was aligned",
            found=_crs_name(scene.geobox),
            needed=f"{_crs_name(measured.geobox)}, as {measured.file} is on",
            option="--use-transform",
        )
    own = scene.files[0].sha256
    if own == measured.sha256:
        return ()
    if own == transform.reference.sha256:
        message = f"{scene.name} is the reference of this transform, which needs no move."
    else:
        message = (
            f"{scene.name} is not the file that the transform was measured on "
            f"({measured.file}): it is right for products of that very scene alone."
        )
    return (Caution("transform-of-other-file", message),)


def _crs_name(geobox: GeoBox) -> str:
    if geobox.crs is None:
        return "none"
    code = geobox.crs.to_epsg()
    return f"EPSG:{code}" if code else "a CRS without EPSG code"


def move(
    stored: Stored,
    transform: Transform,
    out: Path,
    *,
    options: AlignOptions,
    executor: Executor,
    tell: Tell,
) -> Moved:
    """Write an image as a transform moves it, with all its bands, in its own numbers.

    The file appears whole, or not at all; one that is there is replaced.

    Raises
    ------
    InputError
        If its file is damaged, or nothing of it is left there.
    OutputError
        If the output can't be written.
    """
    scene = stored.scene
    place = place_output(
        scene.geobox,
        reference=transform.reference.geobox,
        measured=transform.target.geobox,
        shift=transform.shift,
        home=transform.grid,
        options=options,
    )
    moving = mover(
        stored,
        place.geobox,
        carried(transform.shift, transform.grid, place.geobox),
        resampling=options.resampling,
    )
    mean = _mean_shift(transform, place.geobox)
    window = Window(0, 0, *place.geobox.shape)
    tiles = list(tiles_over(window))
    with create(
        out,
        geobox=place.geobox,
        count=stored.count,
        dtype=scene.dtype,
        nodata=stored.nodata,
        descriptions=stored.descriptions,
        tags={**stored.tags, **_told(transform, moving.method, mean)},
        looks=stored.looks,
        overviews="nearest" if options.resampling == "nearest" or stored.classes else "means",
    ) as raster:
        done = map_tiles(moving.tile, tiles, executor=executor)
        for number, (tile, pixels) in enumerate(done, start=1):
            raster.write(tile, pixels.data, valid=pixels.valid if stored.looks.mask else None)
            tell(Progress("write", number, len(tiles)))
    return Moved(
        path=out,
        geobox=place.geobox,
        method=moving.method,
        shift_px=mean,
        transform=transform,
        stored=stored,
        cautions=place.cautions + _class_cautions(stored, moving.method),
    )


def _class_cautions(stored: Stored, method: Method) -> tuple[Caution, ...]:
    """One where bands that hold classes, by their names, were resampled as measurements."""
    like = [text for text in stored.descriptions if _CLASSES.search(text)]
    if method != "cubic" or not like:
        return ()
    message = (
        f"Bands that look like classes ({', '.join(plain(text) for text in like[:3])}) were "
        "resampled as measurements: align them apart, with --resampling nearest."
    )
    return (Caution("classes-resampled", message),)


def _mean_shift(transform: Transform, grid: GeoBox) -> tuple[float, float]:
    height, width = grid.shape
    rows, cols = np.meshgrid(
        np.linspace(0, height - 1, 9), np.linspace(0, width - 1, 9), indexing="ij"
    )
    row, col = places(grid, transform.grid, rows, cols)
    mean = transform.shift.at(row.ravel(), col.ravel()).mean(axis=1)
    return float(mean[0]), float(mean[1])


def _told(transform: Transform, method: Method, mean: tuple[float, float]) -> dict[str, str]:
    """What was done, for whoever opens the file without the transform."""
    told: dict[str, Any] = {
        "TO": transform.reference.file,
        "FROM": transform.target.file,
        "BY": f"twopass {software()['twopass']}",
        "METHOD": method,
        "VERDICT": transform.verdict,
        "ACCEPTED": transform.accepted,
        "SHIFT_ROWS_PX": f"{mean[0]:.4f}",
        "SHIFT_COLS_PX": f"{mean[1]:.4f}",
        "PIXEL_M": f"{transform.pixel_size_m:.6g}",
    }
    if transform.residual is not None:
        told["CE90_PX"] = f"{transform.residual['ce90_px']:.4f}"
        told["CE90_M"] = f"{transform.residual['ce90_px'] * transform.pixel_size_m:.4f}"
    return {f"TWOPASS_ALIGNED_{key}": str(value) for key, value in told.items() if value}
