"""Files of the pair: GeoTIFF, STAC item, truth and what was planted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from pyproj import Geod, Transformer
from rasterio.transform import Affine

from imagery.errors import OutputError
from imagery.simulate._frame import CRS, PIXEL, Frame, world
from imagery.simulate._materials import BANDS
from imagery.simulate._passes import Pass
from imagery.simulate._plan import Planted

PROVIDER = "twopass, simulated"
LICENSE = "Apache-2.0"
_DIGITS = 8  # of degrees: about a millimetre


def description(view: Pass) -> str:
    """The sentence that every file carries."""
    return (
        "SIMULATED image, not a real acquisition: a town invented for testing change detection, "
        f"as if seen at {view.datetime}"
    )


def write_image(path: Path, counts: NDArray[np.uint16], frame: Frame, view: Pass) -> None:
    """Write the counts, of shape (band, row, col), as a tiled GeoTIFF with nodata 0."""
    try:
        with rasterio.open(
            path, "w", driver="GTiff", dtype="uint16", count=len(BANDS), crs=CRS, nodata=0,
            height=counts.shape[1], width=counts.shape[2], transform=Affine(*frame.transform),
            tiled=True, blockxsize=256, blockysize=256, interleave="pixel",
            compress="deflate", predictor=2, zlevel=1, photometric="minisblack",
        ) as target:  # fmt: skip
            target.write(counts)
            target.descriptions = BANDS
            target.update_tags(
                TWOPASS_SIMULATED="YES",
                TIFFTAG_IMAGEDESCRIPTION=description(view),
                TIFFTAG_SOFTWARE="twopass",
            )
    except (rasterio.errors.RasterioError, OSError) as error:
        raise OutputError(
            f"{path.name}: cannot be written", found=str(error), needed="a writable folder"
        ) from error


def write_item(path: Path, frame: Frame, view: Pass, *, image: str) -> None:
    """Write the STAC item of an image, so that its date is found beside it."""
    left, top = frame.transform[2], frame.transform[5]
    right, bottom = left + frame.size * PIXEL, top - frame.size * PIXEL
    east = np.array([left, right, right, left, left])
    north = np.array([bottom, bottom, top, top, bottom])
    ring = _lonlat(east, north)
    lon, lat = [point[0] for point in ring], [point[1] for point in ring]
    stac = "https://stac-extensions.github.io"
    write_json(
        path,
        {
            "type": "Feature",
            "stac_version": "1.0.0",
            "stac_extensions": [f"{stac}/view/v1.0.0/schema.json"],
            "id": f"twopass-simulated-{view.role}",
            "geometry": {"type": "Polygon", "coordinates": [ring]},
            "bbox": [min(lon), min(lat), max(lon), max(lat)],
            "properties": {
                "datetime": view.datetime,
                "title": description(view),
                "platform": "simulated",
                "instruments": ["simulated"],
                "gsd": PIXEL,
                "view:off_nadir": view.off_nadir,
                "view:azimuth": view.view_azimuth,
                "view:sun_azimuth": view.sun_azimuth,
                "view:sun_elevation": view.sun_elevation,
                "license": LICENSE,
                "providers": [{"name": PROVIDER, "roles": ["producer", "licensor"]}],
                "twopass:simulated": True,
            },
            "links": [],
            "assets": {
                "visual": {
                    "href": f"./{image}",
                    "type": "image/tiff; application=geotiff",
                    "title": "blue, green, red and near infrared, uint16 counts",
                    "roles": ["data", "visual"],
                }
            },
        },
    )


def write_planted(path: Path, planted: Iterable[Planted]) -> None:
    """Write what was planted as RFC 7946 GeoJSON, at its true place (that of the before image)."""
    geod = Geod(ellps="WGS84")
    features = []
    for item in planted:
        ring = _lonlat(*world(np.concatenate([item.outline, item.outline[:1]])))
        area, _ = geod.polygon_area_perimeter(
            [point[0] for point in ring], [point[1] for point in ring]
        )
        features.append(
            {
                "type": "Feature",
                "properties": {
                    "kind": item.kind,
                    "name": item.name,
                    "area_m2": round(abs(area), 2),
                    "simulated": True,
                },
                "geometry": {"type": "Polygon", "coordinates": [ring]},
            }
        )
    write_json(path, {"type": "FeatureCollection", "features": features})


def write_json(path: Path, value: Any) -> None:
    """Write JSON with a newline at its end."""
    try:
        path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(
            f"{path.name}: cannot be written", found=str(error), needed="a writable folder"
        ) from error


def _lonlat(east: NDArray[np.float64], north: NDArray[np.float64]) -> list[list[float]]:
    transformer = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    lon, lat = transformer.transform(east, north)
    return [
        [round(float(x), _DIGITS), round(float(y), _DIGITS)] for x, y in zip(lon, lat, strict=True)
    ]
