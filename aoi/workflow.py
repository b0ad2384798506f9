"""The main job as one function: two images and an area in, a case folder out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from aoi.case import RECORD, case_record, new_case, read_record, write_manifest, write_record
from aoi.changes import describe, polygonize, write_geojson, write_gpkg
from aoi.options import AreaOptions, ProductOptions
from aoi.places import Area, area_from_overlap, check_against, load_area
from imagery.detect import ChangeMap, Progress, detect
from imagery.options import DetectOptions, EngineOptions
from imagery.record import Caution
from imagery.scene import Scene


def detect_case(
    before: Path,
    after: Path,
    *,
    out: Path,
    area_options: AreaOptions | None = None,
    options: DetectOptions | None = None,
    products: ProductOptions | None = None,
    engine: EngineOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Any]:
    """Compare two images of a place and write the case.

    Parameters
    ----------
    before, after
        The image files.
    out
        The case folder to make; refused where it exists, unless ``products.overwrite``.
    area_options, options, products, engine
        What is asked for; the defaults where None.
    progress
        Called as the work goes on.

    Returns
    -------
    dict
        The record, as it stands in ``case.json``.

    Raises
    ------
    imagery.errors.TwopassError
        With what was found, what is needed and the option to set; nothing is left behind then.
    """
    area_options = area_options or AreaOptions()
    options = options or DetectOptions()
    products = products or ProductOptions()
    engine = engine or EngineOptions()
    start = dt.datetime.now(dt.UTC)
    with new_case(out, overwrite=products.overwrite) as case:
        chosen: list[Area] = []

        def extent(first: Scene, second: Scene) -> Area | None:
            if area_options.aoi is None:
                return None
            area = load_area(
                area_options.aoi,
                georeferenced=first.geobox.crs is not None,
                crs=options.read.crs,
            )
            check_against(area, first.geobox, second.geobox)
            chosen.append(area)
            return area

        rasters = case / "rasters"
        rasters.mkdir()
        found = detect(
            before,
            after,
            folder=rasters,
            extent=extent,
            options=options,
            engine_options=engine,
            progress=progress,
        )
        area = chosen[0] if chosen else area_from_overlap(found.plan.geobox, found.plan.result)
        if area_options.area_name:
            area = replace(area, name=area_options.area_name)
        return _write(
            case,
            found,
            area,
            options={
                "area": asdict(area_options),
                "detect": asdict(options),
                "products": asdict(products),
            },
            products=products,
            run={"start": start, "end": dt.datetime.now(dt.UTC), "workers": engine.workers},
        )


def redraw(case: Path) -> tuple[Path, ...]:
    """Draw the maps and the report of a case again, and renew the manifest."""
    from aoi.report import draw_report

    read_record(case)
    drawn = draw_report(case)
    write_manifest(case)
    return drawn


def _write(
    case: Path,
    found: ChangeMap,
    area: Area,
    *,
    options: dict[str, Any],
    products: ProductOptions,
    run: dict[str, Any],
) -> dict[str, Any]:
    from aoi.report import draw_report

    outlines = polygonize(found.rasters["change"])
    changes = describe(outlines, found, area, site_gap_m=products.site_gap)
    write_gpkg(changes, case / "changes.gpkg")
    if found.plan.geobox.crs is not None:
        write_geojson(changes, case / "changes.geojson", pixel_size_m=found.plan.pixel_size_m)
    record = case_record(
        found,
        area,
        changes,
        options=options,
        cautions=found.cautions + _credit_cautions(found),
        case=case,
        run=run,
    )
    write_record(record, case / RECORD)
    draw_report(case)
    write_manifest(case)
    return record


def _credit_cautions(found: ChangeMap) -> tuple[Caution, ...]:
    return tuple(
        Caution(
            f"credit-unknown-{role}",
            f"{scene.name}: no credit is known; maps say so. Set --{role}-credit.",
        )
        for role, scene in found.scenes.items()
        if not scene.credit
    )
