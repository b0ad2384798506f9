"""What a case keeps of its alignment, and the figure drawn from that alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.alignment.figure import draw_alignment
from aoi.alignment.pictures import Picture, picture, picture_from
from aoi.alignment.ties import LAYER, write_ties
from aoi.alignment.words import Told
from aoi.case import read_record
from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.coregister import Alignment, Residual, TiePoints
from imagery.env import open_raster, raster_environment
from imagery.errors import AlignmentError, InputError
from imagery.grid import Plan
from imagery.record import StepRecord
from imagery.scene import Acquisition, Fact, InputFile, Role, Scene
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.warp import crop
from imagery.write import create

TIES = "ties.gpkg"
CONTEXT = "rasters/context_preview.tif"


def keep_ties(
    case: Path,
    *,
    plan: Plan,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    alignment: Alignment,
) -> None:
    """Write what the figure is drawn from: every window, and the image that stays, small.

    Nothing is written where no window was measured.  Of an image that is shown as a whole, which
    would be read once more for it, the picture comes from its preview: see :func:`keep_context`.

    Parameters
    ----------
    case
        The folder that is being filled, with its ``rasters``.
    plan, scenes, bands, alignment
        What was aligned, and what was found.

    Raises
    ------
    OutputError
        If a file can't be written.

    Notes
    -----
    It reads pixels, so it is to be called inside the engine, or a raster environment.
    """
    if not len(alignment.tie_points):
        return
    write_ties(alignment.tie_points, plan, case / TIES)
    if plan.estimation != plan.display:
        _write_context(case, plan, picture(scenes[plan.still], plan, bands, role=plan.still))


def keep_context(case: Path, plan: Plan) -> None:
    """Write the image that stays, small, where :func:`keep_ties` left it to its preview.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    if (case / TIES).exists() and plan.estimation == plan.display:
        preview = case / "rasters" / f"{plan.still}_preview.tif"
        with raster_environment():
            _write_context(case, plan, picture_from(preview, plan))


def _write_context(case: Path, plan: Plan, shown: Picture) -> None:
    rows, cols = shown.grey.shape
    scale = Affine.scale(plan.estimation.width / cols, plan.estimation.height / rows)
    geobox = GeoBox(
        (rows, cols), crop(plan.geobox, plan.estimation).affine * scale, plan.geobox.crs
    )
    with create(
        case / CONTEXT,
        geobox=geobox,
        count=2,
        dtype="uint8",
        nodata=None,
        descriptions=("grey", "alpha"),
    ) as raster:
        alpha = shown.seen * np.uint8(255)
        raster.write(Window(0, 0, rows, cols), np.stack([shown.grey, alpha]))


def figure_of(case: Path) -> bytes | None:
    """The figure of a case's alignment as PNG, from the case alone; None where it holds no ties.

    Raises
    ------
    InputError
        If a file of the case that it needs is damaged or missing.
    """
    if not (case / TIES).is_file():
        return None
    result = read_record(case)["result"]
    try:
        ties = _ties(case / TIES)
        plan = _plan(result["grid"], moving=result["alignment"]["moving"])
        scenes: dict[Role, Scene] = {
            role: _scene(role, result["scenes"][role], plan) for role in ("before", "after")
        }
        alignment = _alignment(result, ties)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{case.absolute().name}: what it keeps of its alignment is damaged",
            found=f"{type(error).__name__}: {error}",
            needed="a case as twopass detect wrote it",
        ) from error
    told = Told(scenes=scenes, plan=plan, alignment=alignment, refusal=alignment.refusal)
    return draw_alignment(told, _context(case / CONTEXT, plan))


def _ties(path: Path) -> TiePoints:
    table = gpd.read_file(path, layer=LAYER, ignore_geometry=True)

    def column(name: str) -> NDArray[np.float64]:
        return np.asarray(table[name], np.float64)

    return TiePoints(
        row=column("row"),
        col=column("col"),
        shift=np.stack([column("shift_y_px"), column("shift_x_px")], axis=1),
        residual=np.stack([column("residual_y_px"), column("residual_x_px")], axis=1),
        sigma=column("sigma_px"),
        coherence=column("coherence"),
        held_out=np.asarray(table["use"] == "check"),
        status=np.asarray(table["status"], dtype=str),
    )


def _plan(grid: dict[str, Any], *, moving: Role) -> Plan:
    return Plan(
        geobox=GeoBox(tuple(grid["shape"]), Affine(*grid["transform"]), grid["crs"]),
        reference=grid["reference"],
        moving=moving,
        reasons={},
        estimation=Window(**grid["estimation"]),
        display=Window(**grid["display"]),
        result=Window(**grid["result"]),
        pixel_size_m=grid["pixel_size_m"],
    )


def _scene(role: Role, told: dict[str, Any], plan: Plan) -> Scene:
    """As much of a scene as the record tells; its pixels are elsewhere."""
    when = told["acquisition"]
    return Scene(
        path=Path(told["file"]),
        role=role,
        geobox=GeoBox(tuple(told["shape"]), Affine(*told["transform"]), plan.geobox.crs),
        driver="",
        dtype=told["dtype"],
        bands=(),
        nodata=told["nodata"],
        has_mask=False,
        alpha=None,
        collar=None,
        display_product=told["display_product"],
        acquisition=Acquisition(
            start=_time(when["start"]),
            end=_time(when["end"]),
            precision=when["precision"],
            source=when["source"],
            confirmed=when["confirmed"],
        ),
        facts={name: Fact(**fact) for name, fact in told["facts"].items()},
        simulated=told["simulated"],
        files=(InputFile(told["file"], told["sha256"], told["size"]),),
    )


def _time(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)


def _alignment(result: dict[str, Any], ties: TiePoints) -> Alignment:
    told = result["alignment"]
    (step,) = (step for step in result["steps"] if step["step"] == "coregister")
    numbers, refusal = step["numbers"], told["refusal"]
    return Alignment(
        shift=_shift(numbers.get("shift"), mean=told["shift_px"]),
        moving=told["moving"],
        verdict=told["verdict"],
        residual=_residual(numbers.get("residual_px")),
        residual_all=_residual(numbers.get("residual_all_px")),
        initial=_residual(numbers.get("initial_px")),
        coverage=told["coverage_90"],
        error=None,
        tie_points=ties,
        ties=told["ties"],
        model=told["model"],
        record=StepRecord(step="coregister", numbers=numbers),
        refusal=None
        if refusal is None
        else AlignmentError(refusal["message"], found=refusal["found"], needed=refusal["needed"]),
        accepted=told["accepted"],
    )


def _shift(numbers: dict[str, Any] | None, *, mean: list[float] | None) -> Shift:
    if numbers is None:
        return Shift.constant(*(mean or (0.0, 0.0)))
    smooth, seams = _smooth(numbers), numbers.get("seams")
    if seams is None:
        return smooth
    rows = [np.repeat(row[::2], row[1::2]) for row in seams["labels"]]
    parts = Parts(
        origin=tuple(seams["origin"]),
        spacing=seams["spacing"],
        labels=np.stack(rows).astype(np.uint8),
    )
    return SeamedShift.of((smooth, *map(_smooth, seams["others"])), parts)


def _smooth(numbers: dict[str, Any]) -> Shift:
    coefficients = numbers["coefficients"]
    return Shift(
        centre=tuple(numbers["centre"]),
        scale=numbers["scale"],
        linear=np.array(numbers["linear"]),
        knot_origin=tuple(numbers["knot_origin"]),
        knot_spacing=numbers["knot_spacing"],
        coefficients=None if coefficients is None else np.array(coefficients),
    )


def _residual(numbers: dict[str, Any] | None) -> Residual | None:
    return None if numbers is None else Residual(**numbers)


def _context(path: Path, plan: Plan) -> Picture:
    with raster_environment(), open_raster(path) as source:
        grey, alpha = source.read()
    return Picture(grey=grey, seen=alpha > 0, window=plan.estimation)
