"""case.json: the record from which anyone can draw the report and repeat the result."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geopandas as gpd

from aoi.places import Area
from imagery.detect import ChangeMap
from imagery.grid import ground_pixel
from imagery.record import Caution, sha256_of, to_json
from imagery.scene import Scene

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
        "grid": _grid(found),
        "display": {
            "stretch": asdict(found.stretch),
            "bands": [found.bands.names[i] for i in found.bands.display],
        },
        "observed": {
            "share": found.observed.share,
            "area_m2": area.area_m2,
            "observed_m2": area.area_m2 * found.observed.share,
            "reasons": found.observed.by_reason,
        },
        "alignment": _alignment(found),
        "steps": [asdict(step) for step in found.steps],
        "options": options,
        "warnings": [asdict(caution) for caution in cautions],
        "changes": {
            "sites": int(changes["site"].nunique()),
            "polygons": len(changes),
            "area_m2": float(changes["area_m2"].sum()),
            "threshold": found.cut.value,
            "threshold_rule": found.cut.rule,
            "method": options["detect"]["difference"]["method"],
            "calibration": "uncalibrated",
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
    """Write the record as JSON that a person can read."""
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_record(case: Path) -> dict[str, Any]:
    """The record of a case.

    Raises
    ------
    imagery.errors.InputError
        If the folder holds no record that this version reads.
    """
    from imagery.errors import InputError

    try:
        record = json.loads((case / "case.json").read_text(encoding="utf-8"))
        schema = record["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{case.name}: is not a case",
            found=type(error).__name__,
            needed="a folder that twopass detect wrote, with a case.json",
        ) from error
    if schema != SCHEMA:
        raise InputError(
            f"{case.name}: its record is of another version", found=schema, needed=SCHEMA
        )
    if not isinstance(record, dict):
        raise InputError(f"{case.name}: is not a case", found="no record", needed="a case.json")
    return record


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
        "file": image.name,
        "sha256": image.sha256,
        "size": image.size,
        "sidecars": sidecars,
        "acquisition": asdict(when) | {"text": str(when)},
        "platform": scene.platform,
        "credit": scene.credit,
        "license": scene.license,
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


def _crs_text(crs: Any) -> str:
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else str(crs.to_wkt())


def _grid(found: ChangeMap) -> dict[str, Any]:
    plan = found.plan
    return {
        "crs": None if plan.geobox.crs is None else _crs_text(plan.geobox.crs),
        "transform": list(plan.geobox.affine[:6]),
        "shape": list(plan.geobox.shape),
        "pixel_size_m": plan.pixel_size_m,
        "reference": plan.reference,
        "reasons": [f"{role}: {why}" for role, why in plan.reasons.items()],
        "estimation": plan.estimation,
        "display": plan.display,
        "result": plan.result,
    }


def _alignment(found: ChangeMap) -> dict[str, Any]:
    alignment, size = found.alignment, found.plan.pixel_size_m
    residual, initial = alignment.residual, alignment.initial
    mean = alignment.record.numbers.get("mean_shift_px")
    numbers: dict[str, Any] = {
        "verdict": alignment.verdict,
        "moving": alignment.moving,
        "model": alignment.model,
        "ties": alignment.ties,
        "held_out": residual.ties if residual else 0,
        "shift_px": mean,
        "shift_m": None if mean is None else size * (mean[0] ** 2 + mean[1] ** 2) ** 0.5,
        "before_ce90_px": initial.ce90 if initial else None,
        "limits": {
            "trusted_px": alignment.record.options["trusted_ce90"],
            "usable_px": alignment.record.options["usable_ce90"],
        },
    }
    for name in ("ce90", "median", "rmse", "nmad"):
        value = getattr(residual, name) if residual else None
        numbers[f"{name}_px"] = value
        numbers[f"{name}_m"] = None if value is None else value * size
    return numbers
