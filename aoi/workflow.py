"""The main job as one function: two images and an area in, a case folder out."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aoi.case import (
    RECORD,
    STEPS,
    case_record,
    new_case,
    read_record,
    renew_manifest,
    write_manifest,
    write_record,
)
from aoi.case.decision import quiet_files
from aoi.inputs import decisive, every_file, recorded
from aoi.options import AreaOptions, ProductOptions
from aoi.places import Area, area_from_overlap, check_against, drawn_seams, load_area
from aoi.places.left_out import drawn_masks
from aoi.report.alignment import check_reason
from imagery.blockwise import Progress, engine
from imagery.errors import AlignmentError, UsageError
from imagery.options import DetectOptions, EngineOptions
from imagery.record import Caution, sha256_of
from imagery.scene import InputFile, Role, Scene
from imagery.stamp import check_unchanged, unchanged

if TYPE_CHECKING:
    from imagery.bands import BandPairs
    from imagery.coregister import Alignment
    from imagery.detect import ChangeMap
    from imagery.grid import Plan


def detect_case(
    before: Path,
    after: Path,
    *,
    out: Path,
    area_options: AreaOptions | None = None,
    options: DetectOptions | None = None,
    products: ProductOptions | None = None,
    engine_options: EngineOptions | None = None,
    diagnosis: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Compare two images of a place and write the case.

    Parameters
    ----------
    before, after
        The image files.
    out
        The case folder to make; refused where it exists, unless ``products.overwrite``.
    area_options, options, products, engine_options
        What is asked for; the defaults where None.
    diagnosis
        A folder for what tells how good the alignment is, or why it is refused; none where None.
    progress
        Called as the work goes on.

    Returns
    -------
    dict
        The record, as it stands in ``case.json``.

    Raises
    ------
    imagery.errors.TwopassError
        With what was found, what is needed and the option to set; nothing is left behind then but
        the diagnosis.
    """
    area_options = area_options or AreaOptions()
    options = options or DetectOptions()
    products = products or ProductOptions()
    engine_options = engine_options or EngineOptions()
    start = dt.datetime.now(dt.UTC)
    check_reason(options.coregister.accept_alignment)
    if diagnosis is not None:
        _check_diagnosis(diagnosis, out, (before, after))
    files = every_file(before, after, area_options, options)
    with new_case(out, overwrite=products.overwrite) as case, unchanged(files):
        named = named_area(area_options, options)
        seams = drawn_seams(options.coregister, options.read)
        left_out = drawn_masks(options)
        quiet = quiet_files(options.decision, left_out)
        told = recorded(named.file if named else None, area_options, options, products)
        rasters = case / "rasters"
        rasters.mkdir()
        if progress is not None:
            progress(Progress("read", 0, 1))
        # Its libraries take a second to load: slips above are told, and a bar stands, before that.
        from imagery.detect import detect
        from imagery.kept import Keeping

        decided_by = decisive(
            told, options, area=named, seams=seams, left_out=left_out, quiet=quiet
        )
        with _told_why(diagnosis):
            found = detect(
                before,
                after,
                folder=rasters,
                extent=None if named is None else partial(_shown, named),
                seams=seams,
                left_out=left_out,
                options=options,
                engine_options=engine_options,
                progress=progress,
                examine=partial(_examine, case, diagnosis),
                keeping=Keeping(folder=case.with_name(STEPS), decisive=decided_by),
            )
        if products.keep_aligned:
            _keep_aligned(found, rasters, engine_options, progress)
        else:
            _drop_orthos(found)
        _keep_context(case, found.plan)
        area = named or area_from_overlap(found.plan.geobox, found.plan.result)
        if area_options.area_name:
            area = replace(area, name=area_options.area_name)
        record = _write(
            case,
            found,
            area,
            options=options,
            told=told,
            products=products,
            quiet=quiet,
            run={"start": start, "end": dt.datetime.now(dt.UTC), "workers": engine_options.workers},
        )
        check_unchanged(found.inputs)
        return record


def named_area(area_options: AreaOptions, options: DetectOptions) -> Area | None:
    """The area that the user names, before a long look at two large files; None without one."""
    if area_options.aoi is None:
        return None
    return load_area(
        area_options.aoi,
        georeferenced=not options.read.no_georeference,
        crs=options.read.crs,
    )


def _shown(area: Area, before: Scene, after: Scene) -> Area:
    check_against(area, before.geobox, after.geobox)
    return area


def redraw(case: Path) -> tuple[Path, ...]:
    """Draw the maps and the report of a case again, and renew their lines of the manifest.

    The case alone is read, wherever it lies now; nothing else of it changes.

    Raises
    ------
    imagery.errors.TwopassError
        If the folder is no whole case, or can't be written to.
    """
    read_record(case)
    drawn = _draw(case)
    renew_manifest(case)
    return drawn


def _write(
    case: Path,
    found: ChangeMap,
    area: Area,
    *,
    options: DetectOptions,
    told: dict[str, Any],
    products: ProductOptions,
    quiet: dict[str, Any],
    run: dict[str, Any],
) -> dict[str, Any]:
    from aoi.changes import describe, polygonize, write_geojson, write_gpkg

    outlines = polygonize(found.rasters["change"])
    changes = describe(outlines, found, area, site_gap_m=products.site_gap)
    write_gpkg(changes, case / "changes.gpkg")
    if found.plan.geobox.crs is not None:
        write_geojson(changes, case / "changes.geojson", pixel_size_m=found.plan.pixel_size_m)
    record = case_record(
        found,
        area,
        changes,
        options=told,
        grid_file=_grid_file(found, options),
        quiet=quiet,
        cautions=found.cautions + _same_file_cautions(found) + _credit_cautions(found),
        case=case,
        run=run,
    )
    write_record(record, case / RECORD)
    _draw(case)
    # The rasters, which are large, were hashed for the record.
    hashed = {output["path"]: output["sha256"] for output in record["result"]["outputs"]}
    write_manifest(case, known=hashed)
    return record


def _draw(case: Path) -> tuple[Path, ...]:
    """Draw everything that is drawn from a case alone."""
    from aoi.alignment.stored import figure_of
    from aoi.report import draw_report

    return draw_report(case, alignment=figure_of(case))


def _check_diagnosis(folder: Path, out: Path, images: tuple[Path, Path]) -> None:
    """Refuse a folder for the diagnosis in which something would be lost."""
    from aoi.alignment.diagnosis import FILES, check_free

    place, case = (Path(os.path.realpath(path)) for path in (folder, out))
    partial_case = case.with_name(case.name + ".partial")
    if {case, partial_case} & {place, *place.parents}:
        raise UsageError(
            f"{place.name}: is the case, or lies in it, where nothing else may be",
            found=f"--out {case.name}",
            needed="another folder",
            option="--diagnose",
        )
    files = {place / name for name in FILES}
    for image in images:
        if Path(os.path.realpath(image)) in files:
            raise UsageError(
                f"{image.name}: is an input, which is never written to",
                found=f"--diagnose {place.name}",
                needed="another folder",
                option="--diagnose",
            )
    check_free(folder)


def _examine(
    case: Path,
    diagnosis: Path | None,
    plan: Plan,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    alignment: Alignment,
) -> None:
    """Keep what tells of an alignment, while the images are at hand."""
    from aoi.alignment.diagnosis import diagnose
    from aoi.alignment.stored import keep_ties

    if diagnosis is not None:
        diagnose(diagnosis, scenes=scenes, plan=plan, bands=bands, alignment=alignment)
    if alignment.verdict != "refused":
        keep_ties(case, plan=plan, scenes=scenes, bands=bands, alignment=alignment)


def _keep_context(case: Path, plan: Plan) -> None:
    from aoi.alignment.stored import keep_context

    keep_context(case, plan)


@contextmanager
def _told_why(diagnosis: Path | None) -> Iterator[None]:
    """A refused alignment says where it is shown why, or how to have that shown."""
    try:
        yield
    except AlignmentError as error:
        place = "--diagnose DIR" if diagnosis is None else diagnosis.absolute().name
        options = [error.option] if error.option else []
        raise AlignmentError(
            error.message,
            found=error.found,
            needed=error.needed,
            option="; ".join([*options, f"{place} shows why"]),
        ) from error


def _keep_aligned(
    found: ChangeMap,
    folder: Path,
    options: EngineOptions,
    progress: Callable[[Progress], None] | None,
) -> None:
    from imagery.aligned import write_aligned

    with engine(options) as executor:
        write_aligned(
            found.plan,
            found.scenes,
            found.bands,
            found.alignment.shift,
            folder=folder,
            executor=executor,
            tell=progress or (lambda _: None),
        )


def _drop_orthos(found: ChangeMap) -> None:
    """Remove what was put on the ground, which has been read for the last time."""
    for scene in found.scenes.values():
        if scene.called is not None:
            scene.path.unlink()


def _grid_file(found: ChangeMap, options: DetectOptions) -> InputFile | None:
    """The file that gave the grid, which decides the result as the images do."""
    if found.plan.reference != "other" or options.grid.grid in ("coarser", "before", "after"):
        return None
    path = Path(options.grid.grid)
    return InputFile(path.name, sha256_of(path), path.stat().st_size)


def _same_file_cautions(found: ChangeMap) -> tuple[Caution, ...]:
    before, after = found.scenes["before"], found.scenes["after"]
    if before.pixels_sha256 != after.pixels_sha256:
        return ()
    message = f"{before.name} and {after.name} are the same image: they hold the same bytes."
    return (Caution("same-image", message),)


def _credit_cautions(found: ChangeMap) -> tuple[Caution, ...]:
    return tuple(
        Caution(
            f"credit-unknown-{role}",
            f"{scene.name}: no credit is known; maps say so. Set --{role}-credit.",
        )
        for role, scene in found.scenes.items()
        if not scene.credit
    )
