"""An image of one's own as a STAC item."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import shapely

from aoi.finding.extent import extent
from aoi.finding.files import href_from
from aoi.finding.item import FOOTPRINT
from imagery.errors import InputError
from imagery.grid import ground_pixel
from imagery.options import ReadOptions, SceneOptions
from imagery.read import open_scene
from imagery.record import sha256_of, to_json
from imagery.scene import Band, Scene

_LISTS = ("instruments", "sar:polarizations")
_OWN = {"credit": "attribution"}
_MEDIA = {
    "GTiff": "image/tiff; application=geotiff",
    "JP2OpenJPEG": "image/jp2",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
}


def item_of_image(path: Path, *, folder: Path, checksum: bool = False) -> dict[str, Any]:
    """Open an image and describe it.

    Parameters
    ----------
    path
        An image, or the folder of a product.
    folder
        Where the archive lies, from which hrefs start.
    checksum
        Whether to hash the files.

    Returns
    -------
    dict
        A STAC item; its geometry is that of :func:`aoi.finding.extent.extent`.  Its ``datetime``
        is None where nothing states the date; a date of the file alone counts as nothing.

    Raises
    ------
    InputError
        If it is no image that can be compared, or doesn't say where it lies.
    """
    scene = open_scene(
        path,
        role="before",
        scene_options=SceneOptions(),
        read_options=ReadOptions(),
        hashes=False,
    )
    outline, of = extent(scene)
    west, _, east, _ = outline.bounds
    if not east - west < 180:
        raise InputError(
            f"{path.name}: reaches across the antimeridian",
            found=f"longitudes from {west:.1f} to {east:.1f}",
            needed="an image on one side of it",
        )
    properties: dict[str, Any] = {"datetime": None, **_dates(scene), FOOTPRINT: of}
    for name, fact in scene.facts.items():
        value: Any = fact.value
        if name in _LISTS:
            value = [part.strip() for part in str(value).split(",")]
        if name == "provider":
            properties["providers"] = [{"name": value, "roles": ["host"]}]
        else:
            properties[_OWN.get(name, name)] = value
    properties.setdefault("gsd", round(ground_pixel(scene.geobox), 3))
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": f"{path.stem}-{_short_hash(path, folder)}",
        "geometry": json.loads(shapely.to_geojson(outline.simplify(1e-6))),
        "bbox": [round(side, 7) for side in outline.bounds],
        "properties": dict(to_json(properties)),
        "links": [],
        "assets": _assets(scene, folder, checksum=checksum),
    }


def joined(items: Sequence[dict[str, Any]], name: str, folder: Path) -> dict[str, Any]:
    """Items of one scene's bands as one item, called by the path ``name`` without its band.

    The pixel size is the coarsest one, on whose grid they are fetched.
    """
    assets: dict[str, Any] = {}
    for item in items:
        for asset in item["assets"].values():
            named = asset["eo:bands"][0]
            key = named.get("common_name") or Path(asset["href"]).stem
            assets[key if key not in assets else Path(asset["href"]).stem] = asset
    path = Path(name)
    properties = items[0]["properties"] | {"gsd": max(i["properties"]["gsd"] for i in items)}
    return items[0] | {
        "id": f"{path.name}-{_short_hash(path, folder)}",
        "properties": properties,
        "assets": assets,
    }


def _short_hash(path: Path, folder: Path) -> str:
    """Tells images of one name in two folders apart, and is the same when they are added again."""
    return hashlib.sha256(href_from(path, folder).encode("utf-8", "replace")).hexdigest()[:6]


def _dates(scene: Scene) -> dict[str, str]:
    when = scene.acquisition
    if not when.known or when.start is None or when.end is None:
        return {}
    start, end = (f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in (when.start, when.end))
    if when.precision == "interval":
        return {"start_datetime": start, "end_datetime": end}
    return {"datetime": start}  # midnight stands for a day


def _assets(scene: Scene, folder: Path, *, checksum: bool) -> dict[str, Any]:
    """One asset for each file that holds bands."""
    files: dict[Path, list[Band]] = {}
    for band in scene.bands:
        files.setdefault(band.stored.path if band.stored else scene.path, []).append(band)
    made: dict[str, Any] = {}
    for path, bands in files.items():
        key = "data" if len(files) == 1 else bands[0].name or path.stem
        asset: dict[str, Any] = {
            "href": href_from(path, folder),
            "type": _MEDIA.get(scene.driver, "image/tiff; application=geotiff"),
            "roles": ["visual"] if scene.display_product else ["data"],
            "eo:bands": [_named(band) for band in bands],
            "raster:bands": [{"scale": b.scale, "offset": b.offset} for b in bands],
        }
        if checksum:
            asset |= {"file:checksum": "1220" + sha256_of(path), "file:size": path.stat().st_size}
        made[key if key not in made else path.stem] = asset
    return made


def _named(band: Band) -> dict[str, str]:
    return {"name": band.label} | ({"common_name": band.name} if band.name else {})
