"""Images that aren't on the ground yet: put there once, before anything is measured.

An image straight from its camera has rows and columns alone, and rational polynomial coefficients
(RPC) or ground control points (GCP) that tie them to the ground.  It is brought onto a grid in UTM,
resampled once by the cubic B-spline of :mod:`imagery.warp`, and is a scene like any other then,
with the name, the date and all the facts of the image that it came from.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from odc.geo.geobox import GeoBox

from imagery.blocks import Window, tiles_over
from imagery.blockwise import Progress, map_tiles
from imagery.env import close_handles, open_raster
from imagery.errors import InputError, UsageError
from imagery.metadata import SIMULATED
from imagery.options import ReadOptions, SceneOptions
from imagery.ortho._grid import Model, Place, place_image
from imagery.ortho._heights import Dem, Heights, Level, heights_of
from imagery.ortho._points import Points, fit_points
from imagery.ortho._rpc import rpc_of
from imagery.ortho._tiles import Sheet
from imagery.products import Image, find_product
from imagery.read import open_scene
from imagery.read._georeference import sensor_geometry
from imagery.record import Caution
from imagery.scene import InputFile, Role, Scene
from imagery.write import Looks, create

__all__ = ["ORTHO", "Ground", "ground_beside", "how_on_ground"]

ORTHO = "TWOPASS_ORTHO"
"""The tag of a file that tells how it was put on the ground."""

_CODE = "orthorectified"


@dataclass(frozen=True, kw_only=True)
class _Ortho:
    """An orthoimage, written, and what a scene takes from it."""

    path: Path
    geobox: GeoBox
    nodata: float | None
    mask: bool
    files: tuple[InputFile, ...]
    cautions: tuple[Caution, ...]


class Ground:
    """Opens scenes on the ground: an image that isn't there yet is put there, once.

    Parameters
    ----------
    folder
        Takes ``ortho_before.tif`` and ``ortho_after.tif``, if there is need of them; it is made
        then.  Who owns it removes them, when no scene is read any more.
    executor
        Where tiles are resampled.
    tell
        Called as the work goes on.
    """

    def __init__(
        self, folder: Path, *, executor: Executor, tell: Callable[[Progress], None] | None = None
    ) -> None:
        self._folder = folder
        self._executor = executor
        self._tell = tell or (lambda _: None)
        self._orthos: dict[tuple[Path, Role], _Ortho] = {}
        self._heights: dict[str, Heights] = {}

    def open(
        self, path: Path, *, role: Role, scene_options: SceneOptions, read_options: ReadOptions
    ) -> Scene:
        """Open an image as :func:`imagery.read.open_scene` does, on the ground.

        Without ``--dem`` this is that very function, which refuses an image that isn't there.

        Returns
        -------
        Scene
            Of an image that had to be put there: its pixels and its grid are the orthoimage's; its
            name, files, date and facts those of the image.

        Raises
        ------
        InputError, UsageError
            As ``open_scene``; and if coefficients, points or the elevation model can't be used.
        OutputError
            If the orthoimage can't be written.
        """
        if read_options.dem is None:
            return open_scene(
                path, role=role, scene_options=scene_options, read_options=read_options
            )
        if read_options.no_georeference:
            raise UsageError(
                "--dem and --no-georeference contradict each other",
                found=f"--dem {Path(read_options.dem).name}",
                needed="one of the two",
                option="--dem or --no-georeference",
            )
        if _is_raw(path):
            return self._on_ground(path, role, scene_options, read_options)
        scene = open_scene(path, role=role, scene_options=scene_options, read_options=read_options)
        caution = Caution(
            "dem-not-used", f"{scene.name}: is on the ground already; --dem isn't used for it."
        )
        return replace(scene, cautions=(*scene.cautions, caution))

    def _on_ground(
        self, path: Path, role: Role, scene_options: SceneOptions, read_options: ReadOptions
    ) -> Scene:
        as_it_came = replace(read_options, dem=None, crs=None, no_georeference=True, pixel_size=1.0)
        asked = open_scene(path, role=role, scene_options=scene_options, read_options=as_it_came)
        key = path.absolute(), role
        if key not in self._orthos:
            # All bands, in the order of the file, whichever are asked for.
            raw = open_scene(
                path,
                role=role,
                scene_options=SceneOptions(),
                read_options=replace(as_it_came, bands=None),
            )
            self._orthos[key] = self._write(raw, read_options)
        ortho = self._orthos[key]
        return replace(
            asked,
            path=ortho.path,
            called=asked.name,
            geobox=ortho.geobox,
            bands=tuple(replace(band, stored=None) for band in asked.bands),
            nodata=ortho.nodata,
            has_mask=ortho.mask or asked.alpha is not None,
            collar=None,
            files=(*asked.files, *ortho.files),
            cautions=(*asked.cautions, *ortho.cautions),
        )

    def _write(self, raw: Scene, options: ReadOptions) -> _Ortho:
        model = _model_of(raw, options)
        heights: Heights = Level(model.height)
        if model.uses_height:
            heights = self._heights_of(str(options.dem))
        rows, cols = raw.geobox.shape
        place = place_image(model, heights, (rows, cols), name=raw.name)
        nodata, mask = _mark(raw)
        # As it is stored: what scale, offset and masks make of it is for whoever reads it.
        plain = tuple(replace(band, scale=1.0, offset=0.0) for band in raw.bands)
        sheet = Sheet(
            raw=replace(raw, bands=plain, masks=()),
            model=model,
            heights=heights,
            grid=place.geobox,
            nodata=nodata,
        )
        cautions = _cautions(raw, model, heights, place)
        path = self._folder / f"ortho_{raw.role}.tif"
        self._folder.mkdir(exist_ok=True)
        self._draw(sheet, path, mask=mask, told=cautions[0].message)
        return _Ortho(
            path=path,
            geobox=place.geobox,
            nodata=nodata,
            mask=mask,
            files=heights.files if model.uses_height else (),
            cautions=cautions,
        )

    def _heights_of(self, text: str) -> Heights:
        if text not in self._heights:
            self._heights[text] = heights_of(text)
        return self._heights[text]

    def _draw(self, sheet: Sheet, path: Path, *, mask: bool, told: str) -> None:
        raw = sheet.raw
        names = {band.index: band.description for band in raw.bands}
        indexes = range(1, sheet.count + 1)
        alpha = None if raw.alpha is None else raw.alpha.index
        tiles = list(tiles_over(Window(0, 0, *sheet.grid.shape)))
        with create(
            path,
            geobox=sheet.grid,
            count=sheet.count,
            dtype=raw.dtype,
            nodata=sheet.nodata,
            descriptions=tuple(names.get(index, "") for index in indexes),
            tags={ORTHO: told} | ({SIMULATED: "YES"} if raw.simulated else {}),
            looks=Looks(
                colours=tuple("alpha" if index == alpha else "undefined" for index in indexes)
                if alpha
                else (),
                mask=mask,
            ),
            overviews="means",
        ) as raster:
            done = map_tiles(sheet.tile, tiles, executor=self._executor)
            for number, (tile, (data, valid)) in enumerate(done, start=1):
                raster.write(tile, data, valid=valid if mask else None)
                self._tell(Progress(f"orthorectify {raw.role}", number, len(tiles)))


def how_on_ground(scene: Scene) -> str | None:
    """How a scene was put on the ground; None where it came so."""
    return next((c.message for c in scene.cautions if c.code == _CODE), None)


@contextmanager
def ground_beside(
    out: Path, *, executor: Executor, tell: Callable[[Progress], None] | None = None
) -> Iterator[Ground]:
    """A :class:`Ground` for the making of one file, whose folder is removed at the end."""
    folder = out.absolute().with_name(f"{out.name}.ortho.partial")
    try:
        yield Ground(folder, executor=executor, tell=tell)
    finally:
        close_handles()
        shutil.rmtree(folder, ignore_errors=True)


def _is_raw(path: Path) -> bool:
    """Whether a path stands for an image that isn't on the ground.

    A product of several files is opened as it is: what it lacks, ``open_scene`` says.
    """
    found = find_product(path)
    if not isinstance(found, Image):
        return False
    with open_raster(found.path) as dataset:
        return sensor_geometry(dataset) is not None


def _model_of(raw: Scene, options: ReadOptions) -> Model:
    with open_raster(raw.path) as dataset:
        if sensor_geometry(dataset) == "RPC":
            return rpc_of(dataset.tags(ns="RPC"), name=raw.name)
        points, crs = dataset.gcps
    known = _crs_of(crs, options, name=raw.name)
    return fit_points(points, known.to_wkt(), geographic=known.is_geographic, name=raw.name)


def _crs_of(crs: Any, options: ReadOptions, *, name: str) -> Any:
    """The CRS of an image's points, or that which the user gives."""
    import pyproj

    try:
        known = pyproj.CRS.from_wkt(crs.to_wkt()) if crs else None
        if known is None and options.crs is not None:
            known = pyproj.CRS.from_user_input(options.crs)
    except (pyproj.exceptions.CRSError, ValueError) as error:
        raise InputError(
            f"{name}: the CRS of its ground control points can't be understood",
            found=str(error)[:200],
            needed="a known CRS",
        ) from error
    if known is None or not (known.is_geographic or known.is_projected):
        raise InputError(
            f"{name}: its ground control points have no CRS",
            found="no CRS" if known is None else known.name,
            needed="a geographic or projected CRS, such as EPSG:4326",
            option="--crs",
        )
    return known


def _mark(raw: Scene) -> tuple[float | None, bool]:
    """What marks missing pixels on the ground: a nodata value, and whether a mask."""
    if raw.nodata is not None:
        return raw.nodata, False
    if raw.alpha is not None:
        return None, False
    if raw.dtype.startswith("float"):
        return math.nan, False
    return None, True


def _cautions(raw: Scene, model: Model, heights: Heights, place: Place) -> tuple[Caution, ...]:
    """What was done, for the record, and what may be wrong with it."""
    rows, cols = place.geobox.shape
    grid = (
        f"{place.geobox.crs}, {rows} x {cols} px of {place.pixel_size_m:g} m, resampled once by a "
        "cubic B-spline"
    )
    if isinstance(model, Points):
        left = model.residual_px
        message = (
            f"{raw.name}: put on the ground by its {model.count} ground control points, through "
            f"{model.method} that misses points left out by {left:.2f} px = "
            f"{left * place.pixel_size_m:.3g} m (RMS); --dem isn't used for that. {grid}."
        )
        return (Caution(_CODE, message),)
    message = (
        f"{raw.name}: put on the ground by its rational polynomial coefficients (RPC) "
        f"{heights.label}; {grid}. Ground that is 10 m higher or lower than that lies "
        f"{10 * place.per_metre:.1f} m off."
    )
    told = (Caution(_CODE, message), *heights.cautions)
    if place.covered < 1 and isinstance(heights, Dem):
        gaps = (
            f"{heights.scene.name} covers {math.floor(100 * place.covered)} % of {raw.name}; the "
            "rest counts as missing."
        )
        told += (Caution("dem-gaps", gaps),)
    return told
