"""What an inspection finds, as plain JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from aoi.inspection._model import Inspected
from aoi.inspection._pair import Pair
from imagery.errors import TwopassError
from imagery.record import to_json
from imagery.scene import Scene


def file_values(found: Inspected, *, roles: tuple[str, ...], hashes: bool) -> dict[str, Any]:
    """One file.  A refused one has its name and ``error`` alone."""
    if found.refusal is not None:
        return {"file": found.name, "usable": False, "error": refusal_values(found.refusal)}
    when = found.acquisition
    values = {
        "file": found.name,
        "usable": True,
        "error": None,
        "kind": "image" if found.scene is not None else "metadata alone",
        "acquisition": asdict(when) | {"text": str(when), "solar_time": found.solar_time},
        "facts": {name: asdict(fact) for name, fact in sorted(found.facts.items())},
        "missing": {what: [f"--{role}-{what}" for role in roles] for what in found.missing},
        "files": [
            {"name": file.name, "size": file.size} | ({"sha256": file.sha256} if hashes else {})
            for file in found.files
        ],
        "warnings": [asdict(caution) for caution in found.cautions],
    }
    if found.scene is not None:
        values |= _image_values(found, found.scene)
    return dict(to_json(values))


def _image_values(found: Inspected, scene: Scene) -> dict[str, Any]:
    crs = scene.geobox.crs
    code = None if crs is None else crs.to_epsg()
    size = found.pixel_size_m or 0.0
    rows, cols = scene.geobox.shape
    return {
        "format": scene.driver,
        "shape": [rows, cols],
        "size_m": [rows * size, cols * size],
        "pixel_size_m": size,
        "crs": None if crs is None else f"EPSG:{code}" if code else str(crs.to_wkt()),
        "transform": list(scene.geobox.affine[:6]),
        "centre": found.centre and dict(zip(("lon", "lat"), found.centre, strict=True)),
        "bands": [
            {
                name: getattr(band, name)
                for name in ("index", "name", "named_by", "description", "scale", "offset")
            }
            for band in scene.bands
        ],
        "dtype": scene.dtype,
        "nodata": scene.nodata,
        "has_mask": scene.has_mask,
        "alpha": scene.alpha and scene.alpha.index,
        "untagged_border": scene.collar is not None,
        "masks": [mask.source for mask in scene.masks],
        "display_product": scene.display_product,
        "simulated": scene.simulated,
        "storage": found.storage and asdict(found.storage),
        "coverage": found.coverage and asdict(found.coverage),
    }


def pair_values(pair: Pair, before: Inspected, after: Inspected) -> dict[str, Any]:
    """Two files together."""
    plan, bands = pair.plan, pair.bands
    comparability = pair.comparability and {
        name: value for name, value in asdict(pair.comparability).items() if name != "cautions"
    }
    values = {
        "before": before.name,
        "after": after.name,
        "error": pair.refusal and refusal_values(pair.refusal),
        "comparability": comparability,
        "overlap": pair.overlap and asdict(pair.overlap),
        "area_shared": pair.area_shared,
        "grid": plan
        and {
            "reference": plan.reference,
            "pixel_size_m": plan.pixel_size_m,
            "resampled_because": dict(plan.reasons),
        },
        "bands": bands and {"names": list(bands.names), "paired_by": bands.how},
        "warnings": [asdict(caution) for caution in pair.cautions],
    }
    return dict(to_json(values))


def refusal_values(error: TwopassError) -> dict[str, str | None]:
    """A refusal, as the command line tells it."""
    return {name: getattr(error, name) for name in ("message", "found", "needed", "option")}
