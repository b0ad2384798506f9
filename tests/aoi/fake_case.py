"""Makes a finished case folder without a detection: painted imagery, true geometry, any grid."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import CRS, Geod, Transformer
from rasterio.transform import Affine
from scipy import ndimage
from shapely.geometry import Polygon, mapping

Array = NDArray[np.float64]
Box = tuple[int, float, float, float, float, float]
"""A change: its site, then east, north, width and height in metres around the place, its score."""
PLACE = (125.75238, 39.01970)


@dataclass(frozen=True, kw_only=True)
class Fake:
    """What a fake case is to be like."""

    crs: str | None = "EPSG:32651"
    centre: tuple[float, float] = PLACE
    pixel: float = 1.0
    """Metres on the ground, or near enough: a grid in degrees has square pixels in degrees."""
    shape: tuple[int, int] = (150, 170)
    rotation: float = 0.0
    """Degrees that the grid is turned by, anticlockwise."""
    south_up: bool = False
    finer: int = 1
    """How many times finer the later image's preview is."""
    boxes: Sequence[Box] | None = None
    name: str = "Parade ground"
    name_local: str | None = "열병식 광장"
    simulated: bool = True
    grey: bool = False
    unseen: bool = True
    """Whether the east of the later image lacks a strip."""
    unaligned: bool = False
    """Whether the images don't lie on one another in the north."""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    """Overrides of the record's parts."""


def boxes_in_rows(count: int, *, pitch: float = 14.0) -> list[Box]:
    """So many small changes in rows, two to a site."""
    across = 2 * math.ceil(math.sqrt(count) / 2)
    return [
        (
            1 + n // 2,
            (n % across - across / 2) * pitch,
            (n // across - across / 2) * pitch,
            5.0,
            3.0,
            40.0 - n / 10,
        )
        for n in range(count)
    ]


def default_boxes(reach: float) -> list[Box]:
    """A few changes around the middle of a scene that reaches so many metres each way."""
    at = reach / 300
    return [
        (1, -60 * at, 20 * at, 46 * at, 18 * at, 41.0),
        (1, -60 * at, -10 * at, 46 * at, 18 * at, 35.0),
        (1, -60 * at, 50 * at, 46 * at, 18 * at, 33.2),
        (2, 62 * at, 62 * at, 40 * at, 26 * at, 28.4),
        (3, 120 * at, -60 * at, 14 * at, 30 * at, 22.5),
        (4, -10 * at, -120 * at, 70 * at, 9 * at, 19.9),
        (5, 24 * at, 30 * at, 9 * at, 9 * at, 14.1),
        (6, 40 * at, -20 * at, 8 * at, 12 * at, 12.6),
        (7, -150 * at, -96 * at, 10 * at, 10 * at, 12.2),
    ]


def make_case(folder: Path, fake: Fake | None = None) -> Path:
    """Write a finished case folder and return it."""
    fake = fake or Fake()
    box = grid_of(fake)
    reach = min(fake.shape) * fake.pixel / 2
    boxes = list(fake.boxes if fake.boxes is not None else default_boxes(reach))
    (folder / "rasters").mkdir(parents=True)
    write_rasters(folder / "rasters", fake, box, boxes)
    rows = change_rows(fake, box, boxes)
    write_changes(folder / "changes.gpkg", fake, rows)
    result = record_of(fake, box, rows)
    for part, values in fake.result.items():
        merged = isinstance(values, Mapping) and isinstance(result.get(part), dict)
        result[part] = {**result[part], **values} if merged else values
    run = {"start": "2025-03-02T09:12:44Z", "end": "2025-03-02T09:13:31Z", "workers": 2}
    record = {"schema": 1, "result": result, "run": run}
    (folder / "case.json").write_text(json.dumps(record, indent=1, ensure_ascii=False))
    return folder


def grid_of(fake: Fake) -> GeoBox:
    """The working grid, around the place, turned and flipped as wished."""
    x, y, step = 0.0, 0.0, fake.pixel
    if fake.crs is not None:
        x, y = Transformer.from_crs(4326, fake.crs, always_xy=True).transform(*fake.centre)
        crs = CRS.from_user_input(fake.crs)
        if crs.is_geographic:
            step = fake.pixel / 111_320
        elif crs.to_epsg() == 3857:
            step = fake.pixel / math.cos(math.radians(fake.centre[1]))
    rows, cols = fake.shape
    turn = math.radians(fake.rotation)
    a, d = step * math.cos(turn), step * math.sin(turn)
    b, e = (step * math.sin(turn), -step * math.cos(turn))
    if fake.south_up:
        b, e = -b, -e
    affine = Affine(a, b, x - a * cols / 2 - b * rows / 2, d, e, y - d * cols / 2 - e * rows / 2)
    return GeoBox((rows, cols), affine, fake.crs)


def ground_offsets(fake: Fake, box: GeoBox, *, finer: int) -> tuple[Array, Array]:
    """Metres to the east and north of the place, for every pixel of a grid so many times finer."""
    rows, cols = (side * finer for side in box.shape)
    c, r = np.meshgrid((np.arange(cols) + 0.5) / finer, (np.arange(rows) + 0.5) / finer)
    t = box.transform
    x, y = t.a * c + t.b * r + t.c, t.d * c + t.e * r + t.f
    if fake.crs is None:
        return x, y
    east, north = _local(fake).transform(x, y)
    return np.asarray(east), np.asarray(north)


def paint(
    east: Array,
    north: Array,
    boxes: Sequence[Box],
    *,
    reach: float,
    later: bool,
    grey: bool,
) -> NDArray[np.uint8]:
    """A square with roads, buildings, trees and a river, as (band, row, col) uint8."""
    random = np.random.default_rng(11)
    at = reach / 300
    rough = ndimage.gaussian_filter(random.normal(size=east.shape), 6) * 60
    fine = ndimage.gaussian_filter(random.normal(size=east.shape), 0.7) * 7
    red = 96 + rough * 1.4 + fine
    green = 104 + rough * 1.7 + fine
    blue = 80 + rough + fine

    def cover(mask: NDArray[np.bool_], colour: tuple[float, float, float], grain: float) -> None:
        for band, value in zip((red, green, blue), colour, strict=True):
            band[mask] = value + fine[mask] * grain

    square = (np.abs(east) < 190 * at) & (np.abs(north) < 140 * at)
    cover(square, (171, 166, 158), 0.8)
    joints = square & ((np.mod(east, 24 * at) < 1.6 * at) | (np.mod(north, 24 * at) < 1.6 * at))
    cover(joints, (156, 151, 144), 0.8)
    for centre in (-215, 215):
        cover(np.abs(east - centre * at) < 12 * at, (92, 93, 96), 0.7)
    cover(np.abs(north - 165 * at) < 10 * at, (92, 93, 96), 0.7)
    cover(north < -200 * at + 14 * at * np.sin(east / (80 * at)), (52, 74, 78), 0.5)
    cell = 34 * at
    column, row = np.floor(east / cell), np.floor(north / cell)
    hashed = np.mod(np.sin(column * 12.9898 + row * 78.233) * 43758.5453, 1)
    u, v = np.mod(east, cell) / cell, np.mod(north, cell) / cell
    town = ((np.abs(east) > 232 * at) | (north > 180 * at)) & (north > -180 * at) & (hashed > 0.35)
    shade = town & (u > 0.2) & (u < 0.92) & (v > 0.16) & (v < 0.78)
    cover(shade, (38, 40, 44), 0.4)
    roof = town & (u > 0.1) & (u < 0.8) & (v > 0.24) & (v < 0.84)
    tone = 120 + 110 * np.mod(hashed * 7, 1)
    for band, tint in zip((red, green, blue), (1.0, 0.94, 0.9), strict=True):
        band[roof] = (tone * tint + fine)[roof]
    if later:
        for site, x, y, width, height, _ in boxes:
            inside = (np.abs(east - x) < width / 2) & (np.abs(north - y) < height / 2)
            bright = (232, 226, 214) if site % 3 else (52, 48, 50)
            cover(inside, bright, 1.2)
            if width > 24:  # rows, where they are wider than a pixel
                cover(inside & (np.mod(east - x, width / 8) < width / 24), (150, 146, 142), 1.0)
    bands = np.stack([red, green, blue])
    if grey:
        bands = bands.mean(axis=0, keepdims=True)
    gain = 1.04 if later else 1.0
    return np.clip(bands * gain, 0, 255).astype(np.uint8)


def write_rasters(
    folder: Path,
    fake: Fake,
    box: GeoBox,
    boxes: Sequence[Box],
) -> None:
    """The previews and the codes of validity."""
    reach = min(fake.shape) * fake.pixel / 2
    unseen = np.zeros(tuple(box.shape), bool)
    for role, finer in (("before", 1), ("after", fake.finer)):
        east, north = ground_offsets(fake, box, finer=finer)
        later = role == "after"
        image = paint(east, north, boxes, reach=reach, later=later, grey=fake.grey)
        alpha = np.full(image.shape[1:], 255, np.uint8)
        if later and fake.unseen:
            strip = east > reach * (0.9 + 0.08 * np.sin(north / reach * 3))
            alpha[strip] = 0
            image[:, strip] = 0
            unseen = strip[:: fake.finer, :: fake.finer]
        scale = Affine(1 / finer, 0, 0, 0, 1 / finer, 0)
        _write(folder / f"{role}_preview.tif", np.concatenate([image, alpha[None]]), box, scale)
    codes = np.where(unseen, 2, 0).astype(np.uint8)
    if fake.unaligned:
        codes[: box.shape[0] // 6][codes[: box.shape[0] // 6] == 0] = 4
    _write(folder / "valid.tif", codes[None], box, Affine(1, 0, 0, 0, 1, 0))


def change_rows(fake: Fake, box: GeoBox, boxes: Sequence[Box]) -> list[dict[str, Any]]:
    """The attribute table with its geometry, in the grid's CRS."""
    rows = []
    for n, (site, x, y, width, height, score) in enumerate(boxes):
        outline = [
            (x + sx * width / 2, y + sy * height / 2)
            for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
        place: dict[str, Any] = {"x_m": x, "y_m": y}
        if fake.crs is not None:
            back = _local(fake)
            outline = [back.transform(u, v, direction="INVERSE") for u, v in outline]
            lon, lat, _ = Geod(ellps="WGS84").fwd(
                *fake.centre, math.degrees(math.atan2(x, y)), math.hypot(x, y)
            )
            mgrs = f"51SXD{int(x) % 1000:03d}{int(y) % 1000:03d}"
            place = {"lon": lon, "lat": lat, "mgrs": mgrs}
        rows.append(
            {
                "id": hashlib.sha256(f"{n}".encode()).hexdigest()[:12],
                "site": site,
                "kind": "modified" if site % 5 == 0 else "appeared" if site % 3 else "surface",
                "direction": "mixed" if site % 5 == 0 else "brighter" if site % 3 else "darker",
                "score": score,
                "rank": n + 1,
                "rank_bound": None,
                "calibration": "uncalibrated",
                "area_m2": width * height,
                "area_low_m2": 0.9 * width * height,
                "area_high_m2": 1.2 * width * height,
                "area_in_aoi_m2": width * height,
                "footprint_m2": width * height,
                "length_m": max(width, height),
                "width_m": min(width, height),
                "orientation_deg": 90.0 if width > height else 0.0,
                "rectangularity": 0.97,
                **place,
                "flags": "EDGE" if n == 3 else "",
                "untested": "SHADOW,PARALLAX,VEGETATION,CLOUD,WATER,SNOW",
                "reasons": "Visible in the later image, not discernible in the earlier.",
                "before_datetime": "2024-06-06T02:10:00Z",
                "after_datetime": "2024-09-12T02:14:00Z",
                "alignment_ce90_px": 0.12,
                "geometry": Polygon(outline),
            }
        )
    return rows


def write_changes(path: Path, fake: Fake, rows: list[dict[str, Any]]) -> None:
    """changes.gpkg, whose layer keeps its columns also without a row."""
    columns = ["site", "score", "direction", "geometry"] if not rows else list(rows[0])
    table = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=fake.crs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "'crs' was not provided", and no row
        table.to_file(path, layer="changes", driver="GPKG", engine="pyogrio")


def record_of(fake: Fake, box: GeoBox, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The `result` of case.json."""
    t = box.transform
    window = {"top": 0, "left": 0, "bottom": box.shape[0], "right": box.shape[1]}
    reach = min(fake.shape) * fake.pixel / 2 * 0.8
    corners = [(-reach, -reach), (reach, -reach), (reach, reach), (-reach, reach)]
    if fake.crs is not None:
        local = Transformer.from_crs(_local_crs(fake), 4326, always_xy=True)
        corners = [local.transform(*corner) for corner in corners]
    total = sum(row["area_m2"] for row in rows)
    sites = len({row["site"] for row in rows})
    centre = {"lon": fake.centre[0], "lat": fake.centre[1], "mgrs": "51SXD1143921137"}
    return {
        "software": {
            "twopass": "0.1.0",
            "python": "3.11.7",
            "numpy": "2.1.0",
            "rasterio": "1.4.4",
            "gdal": "3.9.3",
            "proj": "9.4.1",
        },
        "status": "changes" if rows else "no change found",
        "simulated": fake.simulated,
        "georeferenced": fake.crs is not None,
        "area": {
            "name": fake.name,
            "name_local": fake.name_local,
            "source": "file area.geojson",
            "accuracy": "10 m",
            "sources": ["a public facilities list, 2019"],
            "file": {"name": "area.geojson", "sha256": "a5" * 32, "size": 412},
            "geometry": mapping(Polygon(corners)),
            "area_m2": 4 * reach**2,
            "centre": centre if fake.crs is not None else None,
        },
        "scenes": {
            "before": {**_scene(fake, "before"), **fake.before},
            "after": {**_scene(fake, "after"), **fake.after},
        },
        "grid": {
            "crs": fake.crs,
            "transform": [t.a, t.b, t.c, t.d, t.e, t.f],
            "shape": list(box.shape),
            "pixel_size_m": fake.pixel,
            "reference": "before",
            "reasons": ["the earlier image is the coarser one", "sub-pixel offset"],
            "estimation": window,
            "display": window,
            "result": window,
        },
        "display": {
            "stretch": {
                "low": [24, 26, 20],
                "high": [231, 228, 219],
                "text": "2 to 98 % of both images, linear, one stretch for both",
            },
            "bands": ["grey"] if fake.grey else ["red", "green", "blue"],
        },
        "observed": {
            "share": 0.9734 if fake.unseen else 1.0,
            "observed_m2": 3.89 * reach**2,
            "area_m2": 4 * reach**2,
            "reasons": _reasons(fake),
        },
        "alignment": {
            "verdict": "trusted",
            "accepted": None,
            "refusal": None,
            "moving": "after",
            "model": "local",
            "similarity": "phase",
            "window_px": 64,
            "ties": 412,
            "ties_file": None,
            "held_out": 103,
            "judged_by": "held-out blocks",
            "on_ground": 0.94,
            "lean_axis": [0.6, 0.8],
            "coverage_90": 0.883,
            "limits": {"trusted_px": 0.5, "usable_px": 2.0},
            "shift_px": [1.84, -0.71],
            "shift_m": 0.99,
            **_lengths(
                ce90=0.12,
                median=0.06,
                rmse=0.08,
                nmad=0.05,
                all_ce90=0.31,
                before_ce90=2.02,
                expected_median_ce90=0.14,
                expected_largest_ce90=0.52,
            ),
        },
        "steps": _steps(),
        "options": {"grid": {"grid": "coarser", "context": 2000.0}, "regions": {"min_area": None}},
        "warnings": [
            {
                "code": "display-product",
                "message": "after.tif is an 8-bit display product: no radiometric claim is made.",
            },
        ],
        "decision": {
            "asked": None,
            "calibration": "uncalibrated",
            "least_score": 12.1,
            "bound": None,
            "bound_is": None,
            "expected_in_area": None,
            "decoys": None,
            "quiet_pairs": [],
            "quiet_area": None,
            "sentences": ["The rate of false alarms is not known: none was asked for."],
            "missed": None,
        },
        "changes": {
            "sites": sites,
            "polygons": len(rows),
            "area_m2": total,
            "area_in_aoi_m2": sum(row["area_in_aoi_m2"] for row in rows),
            **{f"area_{part}low_m2": 0.9 * total for part in ("", "in_aoi_")},
            **{f"area_{part}high_m2": 1.2 * total for part in ("", "in_aoi_")},
            "threshold": 11.8,
            "threshold_rule": "null",
            "method": "cva",
            "calibration": "uncalibrated",
        },
        "outputs": [
            {"path": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), "size": 48_213}
            for name in ("rasters/score.tif", "rasters/change.tif", "changes.gpkg")
        ],
    }


def _reasons(fake: Fake) -> dict[str, float]:
    reasons = {"not seen in the later image": 0.0266} if fake.unseen else {}
    return reasons | ({"not aligned well enough": 0.041} if fake.unaligned else {})


def _lengths(**pixels: float) -> dict[str, float]:
    """Each length in px, and in m where a pixel has half a metre."""
    return {f"{n}_{u}": v * s for n, v in pixels.items() for u, s in (("px", 1), ("m", 0.5))}


def unmeasured(**values: Any) -> dict[str, Any]:
    """The numbers of an alignment of which nothing was measured."""
    names = ("ce90", "median", "rmse", "nmad", "all_ce90", "before_ce90", "shift",
             "expected_median_ce90", "expected_largest_ce90")  # fmt: skip
    nothing = ("similarity", "window_px", "judged_by", "on_ground", "lean_axis", "coverage_90")
    return {
        **dict.fromkeys(f"{name}_{unit}" for name in names for unit in ("px", "m")),
        **dict.fromkeys(nothing),
        **{"model": "none", "ties": 0, "held_out": 0},
        **values,
    }


def _scene(fake: Fake, role: str) -> dict[str, Any]:
    later = role == "after"
    start = "2024-09-12T02:14:07Z" if later else "2024-06-06T02:10:31Z"
    return {
        "name": f"{role}.tif",
        "file": f"{role}.tif",
        "sha256": hashlib.sha256(role.encode()).hexdigest(),
        "size": 1_483_920,
        "sidecars": [{"name": f"{role}.json", "sha256": "0f" * 32, "size": 812}],
        "acquisition": {
            "text": "2024-09-12 02:14 UTC" if later else "2024-06-06 02:10 UTC",
            "start": start,
            "end": start,
            "precision": "second",
            "source": "sidecar",
            "confirmed": True,
        },
        "platform": "SkySat-C" if later else "WorldView-2",
        "credit": f"Image © 2024 {'Example Imaging PBC' if later else 'Sample Space Inc.'}",
        "license": "CC BY 4.0",
        "crs": fake.crs,
        "shape": list(fake.shape),
        "pixel_size_m": fake.pixel,
        "bands": ["red", "green", "blue"],
        "dtype": "uint8",
        "nodata": None,
        "display_product": later,
        "simulated": fake.simulated,
    }


def _steps() -> list[dict[str, Any]]:
    return [
        {
            "step": "coregister",
            "numbers": {"ties": 412, "kept": 397, "ce90_px": 0.1234567, "model": "affine"},
            "options": {"trusted_ce90": 0.5, "usable_ce90": 2.0},
            "cautions": [],
        },
        {
            "step": "normalise",
            "numbers": {"gain": [1.03, 0.99, 1.01], "offset": [2.1, -0.4, 0.2]},
            "options": {"normalise": "auto"},
            "cautions": [{"code": "few-pixels", "message": "Only 8 % of the pixels were used."}],
        },
        {
            "step": "threshold",
            "numbers": {"threshold": 11.8, "candidates": 1893, "null": {"scale": 1.2, "dof": 3}},
            "options": {"threshold": "null"},
            "cautions": [],
        },
    ]


def _local_crs(fake: Fake) -> CRS:
    return CRS.from_proj4(f"+proj=aeqd +lon_0={fake.centre[0]} +lat_0={fake.centre[1]} +units=m")


def _local(fake: Fake) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(fake.crs), _local_crs(fake), always_xy=True)


def _write(path: Path, data: NDArray[np.uint8], box: GeoBox, scale: Affine) -> None:
    t = box.transform
    transform = Affine(t.a * scale.a, t.b * scale.e, t.c, t.d * scale.a, t.e * scale.e, t.f)
    with (
        warnings.catch_warnings(),
        rasterio.open(
            path,
            "w",
            driver="GTiff",
            dtype="uint8",
            count=data.shape[0],
            height=data.shape[1],
            width=data.shape[2],
            compress="deflate",
            transform=transform,
            crs=None if box.crs is None else str(box.crs),
        ) as target,
    ):
        target.write(data)
