"""case.json: the record from which anyone can draw the report and repeat the result."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aoi.case.decision import decision_part
from aoi.case.manifest import RECORD
from imagery.errors import InputError
from imagery.grid import ground_pixel
from imagery.record import Caution, sha256_of, to_json
from imagery.scene import InputFile, Scene
from imagery.shift_error import CE90

if TYPE_CHECKING:
    import geopandas as gpd

    from aoi.places import Area
    from imagery.detect import ChangeMap

SCHEMA = 1
_LIBRARIES = (
    "numpy",
    "scipy",
    "scikit-image",
    "rasterio",
    "geopandas",
    "shapely",
    "pyproj",
    "odc-geo",
    "matplotlib",
)


def case_record(
    found: ChangeMap,
    area: Area,
    changes: gpd.GeoDataFrame,
    *,
    options: Mapping[str, Any],
    grid_file: InputFile | None,
    quiet: Mapping[str, Any],
    cautions: tuple[Caution, ...],
    case: Path,
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole record, as plain JSON values.

    ``result`` is the same for the same inputs, options and versions; ``run`` tells when and how
    this run went, and no comparison reads it.
    """
    result = {
        "software": software(),
        "status": "changes" if len(changes) else "no change found",
        "simulated": any(scene.simulated for scene in found.scenes.values()),
        "georeferenced": found.plan.geobox.crs is not None,
        "area": _area(area),
        "scenes": {role: _scene(scene, found) for role, scene in found.scenes.items()},
        "comparability": _comparability(found),
        "grid": _grid(found, grid_file),
        "display": {
            "stretch": asdict(found.stretch),
            "bands": [found.bands.names[i] for i in found.bands.display],
        },
        "observed": {
            "share": found.observed.share,
            "area_m2": area.area_m2,
            "observed_m2": area.area_m2 * found.observed.share,
            "reasons": found.observed.by_reason,
            "clouds": found.clouds.told,
        },
        "alignment": _alignment(found),
        "steps": [asdict(step) for step in found.steps],
        "options": options,
        "warnings": [asdict(caution) for caution in cautions],
        "decision": decision_part(found, quiet),
        "changes": {
            "sites": int(changes["site"].nunique()),
            "polygons": len(changes),
            **_areas(changes),
            "threshold": found.cut.value,
            "threshold_rule": found.cut.rule,
            "method": _used_method(found),
            "calibration": found.decision.calibration,
        },
        "outputs": [
            {
                "path": path.relative_to(case).as_posix(),
                "sha256": sha256_of(path),
                "size": path.stat().st_size,
            }
            for path in sorted(case.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        ],
    }
    record: dict[str, Any] = to_json({"schema": SCHEMA, "result": result, "run": run})
    return record


def write_record(record: Mapping[str, Any], path: Path) -> None:
    """Write the record as JSON that a person can read: numbers that belong together on one line."""
    path.write_text(_laid_out(record) + "\n", encoding="utf-8", newline="\n")


def _laid_out(value: Any, indent: str = "\n") -> str:
    deeper = indent + " "
    if isinstance(value, Mapping) and value:
        items = [f"{json.dumps(key)}: {_laid_out(item, deeper)}" for key, item in value.items()]
        return "{" + deeper + f",{deeper}".join(items) + indent + "}"
    if isinstance(value, list) and any(isinstance(item, (list, Mapping)) for item in value):
        items = [_laid_out(item, deeper) for item in value]
        return "[" + deeper + f",{deeper}".join(items) + indent + "]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def read_record(case: Path) -> dict[str, Any]:
    """The record of a case.

    Raises
    ------
    imagery.errors.InputError
        If the folder holds no record that this version reads.
    """
    try:
        record = json.loads((case / RECORD).read_text(encoding="utf-8"))
    except OSError as error:
        found = f"no {RECORD} in it" if case.is_dir() else "no such folder"
        raise _no_case(case, found) from error
    except (ValueError, RecursionError) as error:
        raise _no_case(case, f"a {RECORD} that is not JSON") from error
    if not isinstance(record, dict) or not isinstance(record.get("result"), dict):
        raise _no_case(case, f"a {RECORD} that is not a record")
    if record.get("schema") != SCHEMA:
        raise InputError(
            f"{case.absolute().name}: its record is of another version",
            found=f"schema {record.get('schema')}",
            needed=f"schema {SCHEMA}",
        )
    return record


def _no_case(case: Path, found: str) -> InputError:
    return InputError(
        f"{case.absolute().name}: is not a case",
        found=found,
        needed="a folder that twopass detect wrote",
    )


def case_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of ``case.json``."""
    text = resources.files("aoi.case").joinpath("case.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def software() -> dict[str, str]:
    """Versions of everything that can change a number."""
    import pyproj
    import rasterio

    versions = {"twopass": importlib.metadata.version("twopass")}
    versions |= {name: importlib.metadata.version(name) for name in _LIBRARIES}
    return versions | {
        "python": platform.python_version(),
        "gdal": rasterio.__gdal_version__,
        "proj": pyproj.proj_version_str,
    }


def _areas(changes: gpd.GeoDataFrame) -> dict[str, float | None]:
    """The areas of all outlines together, and between what bounds they lie.

    What makes one outline too large or too small (where the cut lies, how sharp the images are)
    makes all of a map so: their errors don't cancel as chance does, and lows are added to lows.
    Of what reaches beyond the area of interest, the part inside takes its share of the bounds.
    """
    whole, inside = changes["area_m2"], changes["area_in_aoi_m2"]
    totals: dict[str, float | None] = {
        "area_m2": float(whole.sum()),
        "area_in_aoi_m2": float(inside.sum()),
    }
    for end in ("low", "high"):
        bound = changes[f"area_{end}_m2"]
        known = bool(bound.notna().all())
        totals[f"area_{end}_m2"] = float(bound.sum()) if known else None
        part = float((bound * inside / whole).sum()) if known else None
        totals[f"area_in_aoi_{end}_m2"] = part
    return totals


def _used_method(found: ChangeMap) -> str:
    """The difference measure, where "auto" was asked for too."""
    step = next(step for step in found.steps if step.step == "difference")
    return str(step.numbers["method"])


def _area(area: Area) -> dict[str, Any]:
    import shapely

    return {
        "name": area.name,
        "name_local": area.name_local,
        "source": area.source,
        "accuracy": area.accuracy,
        "sources": list(area.sources),
        "file": area.file,
        "geometry": json.loads(shapely.to_geojson(area.geometry)),
        "area_m2": area.area_m2,
        "centre": area.centre_position,
    }


def _scene(scene: Scene, found: ChangeMap) -> dict[str, Any]:
    image, *sidecars = scene.files
    when = scene.acquisition
    index = found.bands.before if scene.role == "before" else found.bands.after
    labels = {band.index: band.label for band in scene.bands}
    crs = scene.geobox.crs
    return {
        "name": scene.name,
        "file": image.name,
        "sha256": image.sha256,
        "size": image.size,
        "sidecars": sidecars,
        "acquisition": asdict(when) | {"text": str(when)},
        "platform": scene.platform,
        "credit": scene.credit,
        "license": scene.license,
        "facts": {name: asdict(fact) for name, fact in sorted(scene.facts.items())},
        "crs": None if crs is None else _crs_text(crs),
        "transform": list(scene.geobox.affine[:6]),
        "shape": list(scene.geobox.shape),
        "pixel_size_m": ground_pixel(scene.geobox),
        "bands": [labels.get(i, f"band {i}") for i in index],
        "band_indexes": list(index),
        "dtype": scene.dtype,
        "nodata": scene.nodata,
        "display_product": scene.display_product,
        "simulated": scene.simulated,
    }


def _comparability(found: ChangeMap) -> dict[str, Any]:
    """How comparable the images are; its cautions stand among the record's warnings."""
    told = asdict(found.comparability)
    return {name: value for name, value in told.items() if name != "cautions"}


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


def _grid(found: ChangeMap, file: InputFile | None) -> dict[str, Any]:
    plan = found.plan
    return {
        "crs": None if plan.geobox.crs is None else _crs_text(plan.geobox.crs),
        "transform": list(plan.geobox.affine[:6]),
        "shape": list(plan.geobox.shape),
        "pixel_size_m": plan.pixel_size_m,
        "reference": plan.reference,
        "file": file,
        "reasons": [f"{role}: {why}" for role, why in plan.reasons.items()],
        "estimation": plan.estimation,
        "display": plan.display,
        "result": plan.result,
    }


def _alignment(found: ChangeMap) -> dict[str, Any]:
    """How well the images lie on one another; what was not measured is null."""
    alignment, told = found.alignment, found.alignment.record
    residual, every, initial = alignment.residual, alignment.residual_all, alignment.initial
    refusal, lean = alignment.refusal, told.numbers.get("lean")
    measured = {
        "shift": _mean_shift(found),
        **{
            name: getattr(residual, name) if residual else None
            for name in ("ce90", "median", "rmse", "nmad")
        },
        "all_ce90": every.ce90 if every else None,
        "before_ce90": initial.ce90 if initial else None,
        **_expected(found),
    }
    return {
        "verdict": alignment.verdict,
        "accepted": alignment.accepted,
        "refusal": refusal
        and {name: getattr(refusal, name) for name in ("message", "found", "needed")},
        "moving": alignment.moving,
        "model": alignment.model,
        "similarity": told.numbers.get("similarity"),
        "window_px": told.numbers.get("window_px"),
        "ties": alignment.ties,
        "ties_file": told.numbers.get("ties_file"),
        "held_out": residual.ties if residual else 0,
        "judged_by": told.numbers.get("judged_by"),
        "on_ground": told.numbers.get("on_ground"),
        "lean_axis": lean and lean["axis"],
        "coverage_90": alignment.coverage,
        "limits": {
            "trusted_px": told.options["trusted_ce90"],
            "usable_px": told.options["usable_ce90"],
        },
        **_in_px_and_m(measured, pixel_size_m=found.plan.pixel_size_m),
    }


def _mean_shift(found: ChangeMap) -> list[float] | None:
    """The mean move over the result, (rows, cols) px; None where none was found."""
    alignment, window = found.alignment, found.plan.result
    if alignment.model == "none" and alignment.residual is None and alignment.shift.zero:
        return None
    rows = np.linspace(window.top, window.bottom, 9)
    cols = np.linspace(window.left, window.right, 9)
    return [float(v) for v in alignment.shift.on_grid(rows, cols).mean(axis=(1, 2))]


def _expected(found: ChangeMap) -> dict[str, float | None]:
    """The 90 % radius of the error that is expected over the result: its middle, its largest."""
    error, window = found.alignment.error, found.plan.result
    if error is None:
        return {"expected_median_ce90": None, "expected_largest_ce90": None}
    rows = np.linspace(window.top, window.bottom - 1, min(window.height, 257))
    cols = np.linspace(window.left, window.right - 1, min(window.width, 257))
    radius = CE90 * error.on_grid(rows, cols)
    return {
        "expected_median_ce90": float(np.median(radius)),
        "expected_largest_ce90": float(radius.max()),
    }


def _in_px_and_m(
    lengths: Mapping[str, float | list[float] | None], *, pixel_size_m: float
) -> dict[str, Any]:
    """Each length in px of the working grid and on the ground; of a vector its length."""
    told: dict[str, Any] = {}
    for name, value in lengths.items():
        told[f"{name}_px"] = value
        told[f"{name}_m"] = None if value is None else float(np.linalg.norm(value)) * pixel_size_m
    return told
