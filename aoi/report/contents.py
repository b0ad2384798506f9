"""A finished case folder, read: what the maps and the page are drawn from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely.affinity import translate
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from aoi.report.furniture import Frame, frame_of
from imagery.env import open_raster, raster_environment
from imagery.errors import InputError, MissingInputError
from imagery.record import Json

SCHEMA = 1
_OBSERVED = 0  # in valid.tif; every bit of it is a reason why not
_MASK_SIDE = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """An image to draw."""

    pixels: NDArray[np.uint8]
    """Red, green, blue, alpha, of shape (row, col, 4); alpha 0 where nothing was seen."""

    transform: tuple[float, ...]
    """Pixel (col, row) to world, as ``a, b, c, d, e, f``."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Change:
    """One change: its row of the attribute table and its outline in map coordinates."""

    site: int
    score: float
    direction: str
    outline: BaseGeometry
    row: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Site:
    """The changes that share a site, the strongest first."""

    number: int
    score: float
    changes: tuple[Change, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Contents:
    """All that a report shows."""

    result: Mapping[str, Json]
    run: Mapping[str, Json]
    frame: Frame
    before: Picture
    after: Picture
    unobserved: tuple[BaseGeometry, ...]
    """Where the area was not observed, in map coordinates."""

    codes: frozenset[int]
    """Values of valid.tif that the map holds, each the sum of its bits."""

    area: BaseGeometry
    """The area, in map coordinates."""

    sites: tuple[Site, ...]
    """The sites, the strongest first."""

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for site in self.sites for change in site.changes)


def read_contents(case: Path) -> Contents:
    """Read a finished case folder.

    Raises
    ------
    MissingInputError
        If a file of the case isn't there.
    InputError
        If the record is damaged or of another schema, or a raster can't be read.
    """
    record = _read_record(case)
    result = record["result"]
    try:
        frame = frame_of(
            result["grid"]["transform"],
            result["grid"]["display"],
            crs=result["grid"]["crs"] if result["georeferenced"] else None,
        )
        area = result["area"]["geometry"]
    except KeyError as error:
        raise InputError(
            "case.json: the record is not whole", found=f"no {error}", needed="a finished case"
        ) from error
    with raster_environment():
        before = _read_preview(case / "rasters" / "before_preview.tif")
        after = _read_preview(case / "rasters" / "after_preview.tif")
        unobserved, codes = _read_unobserved(case / "rasters" / "valid.tif", frame)
    return Contents(
        result=result,
        run=record.get("run", {}),
        frame=frame,
        before=before,
        after=after,
        unobserved=unobserved,
        codes=codes,
        area=_area_on_map(area, frame),
        sites=_read_sites(case / "changes.gpkg", frame),
    )


def cropped(contents: Contents, box: tuple[float, float, float, float]) -> Contents:
    """The part of a case inside a box (left, bottom, right, top) of map coordinates."""
    left, bottom, right, top = box

    def moved(geometry: BaseGeometry) -> BaseGeometry:
        return translate(geometry, -left, -bottom)

    here = shapely.box(*box)
    return replace(
        contents,
        frame=contents.frame.cropped(
            left=left, bottom=bottom, width=right - left, height=top - bottom
        ),
        before=_cropped_picture(contents.before, contents.frame, box),
        after=_cropped_picture(contents.after, contents.frame, box),
        area=moved(contents.area),
        unobserved=tuple(moved(part) for part in contents.unobserved if part.intersects(here)),
        sites=tuple(
            replace(
                site,
                changes=tuple(
                    replace(change, outline=moved(change.outline)) for change in site.changes
                ),
            )
            for site in contents.sites
            if any(change.outline.intersects(here) for change in site.changes)
        ),
    )


def _cropped_picture(
    picture: Picture, frame: Frame, box: tuple[float, float, float, float]
) -> Picture:
    """The pixels that touch a box of map coordinates; the whole picture where none does."""
    left, bottom, right, top = box
    x, y = frame.to_world([left, right, right, left], [bottom, bottom, top, top])
    a, b, c, d, e, f = picture.transform
    pixels = np.linalg.solve([[a, b], [d, e]], np.array([x - c, y - f]))
    sides = np.array(picture.pixels.shape[1::-1])  # columns, rows
    low = np.clip(np.floor(pixels.min(axis=1)).astype(int) - 2, 0, sides)
    high = np.clip(np.ceil(pixels.max(axis=1)).astype(int) + 2, 0, sides)
    if (high <= low).any():
        return picture
    col, row = (int(value) for value in low)
    return Picture(
        pixels=picture.pixels[row : int(high[1]), col : int(high[0])],
        transform=(a, b, a * col + b * row + c, d, e, d * col + e * row + f),
    )


def _read_record(case: Path) -> Mapping[str, Json]:
    path = case / "case.json"
    if not path.is_file():
        raise MissingInputError(
            f"{case.name}: is no case folder", found="no case.json", needed="a finished case"
        )
    try:
        record = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError("case.json: is not JSON", found=error, needed="a finished case") from error
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema != SCHEMA or "result" not in record:
        raise InputError("case.json: unknown schema", found=schema, needed=SCHEMA)
    return dict(record)


def _read_preview(path: Path) -> Picture:
    with open_raster(path) as source:
        if source.dtypes[0] != "uint8" or source.count not in (2, 4):
            raise InputError(
                f"{path.name}: is no preview",
                found=f"{source.count} bands of {source.dtypes[0]}",
                needed="1 or 3 bands and alpha, uint8",
            )
        pixels = np.empty((*source.shape, 4), np.uint8)
        for place, band in enumerate((1, 2, 3, 4) if source.count == 4 else (1, 1, 1, 2)):
            pixels[..., place] = source.read(band)
        transform = tuple(source.transform)[:6]
    return Picture(pixels=pixels, transform=transform)


def _read_unobserved(path: Path, frame: Frame) -> tuple[tuple[BaseGeometry, ...], frozenset[int]]:
    with open_raster(path) as source:
        factor = max(1.0, max(source.shape) / _MASK_SIDE)
        rows, cols = (max(1, round(side / factor)) for side in source.shape)
        codes = source.read(1, out_shape=(rows, cols))
        a, b, c, d, e, f = tuple(source.transform)[:6]
        across, along = source.width / cols, source.height / rows
    mask = codes != _OBSERVED
    coarse = Affine(a * across, b * along, c, d * across, e * along, f)
    found = shapes(mask.astype(np.uint8), mask=mask, transform=coarse)
    parts = tuple(_on_map(shape(geometry), frame) for geometry, _ in found)
    return parts, frozenset(int(code) for code in np.unique(codes))


def _area_on_map(geometry: Json, frame: Frame) -> BaseGeometry:
    """The area on the map; its sides, straight in lon/lat, are cut finely enough to bend."""
    outline = shape(geometry)
    if frame.crs is None:
        return _on_map(outline, frame)
    left, bottom, right, top = outline.bounds
    step = max(right - left, top - bottom) / 200
    outline = shapely.segmentize(outline, step) if step > 0 else outline
    crs = CRS.from_user_input(frame.crs)
    to_grid = Transformer.from_crs(4326, crs, always_xy=True)
    middle = float(frame.to_world(*frame.centre)[0])

    def project(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = to_grid.transform(points[:, 0], points[:, 1])
        if crs.is_geographic:  # the map's side of the antimeridian
            x = middle + (x - middle + 180) % 360 - 180
        return np.column_stack(frame.from_world(x, y))

    return shapely.transform(outline, project)


def _read_sites(path: Path, frame: Frame) -> tuple[Site, ...]:
    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: no such file", found="no changes", needed="a finished case"
        )
    table = gpd.read_file(path, layer="changes")
    if frame.crs is not None and table.crs is not None and len(table):
        table = table.to_crs(frame.crs)
    columns = [name for name in table.columns if name != table.geometry.name]
    found: dict[int, list[Change]] = {}
    for values, geometry in zip(
        table[columns].itertuples(index=False, name=None), table.geometry, strict=True
    ):
        row = {name: _value(item) for name, item in zip(columns, values, strict=True)}
        change = Change(
            site=int(row["site"]),
            score=float(row["score"] if row["score"] is not None else math.nan),
            direction=str(row.get("direction") or ""),
            outline=_on_map(geometry, frame),
            row=row,
        )
        found.setdefault(change.site, []).append(change)
    sites = [
        Site(
            number=number,
            score=max(_strength(c) for c in changes),
            changes=tuple(sorted(changes, key=_strength, reverse=True)),
        )
        for number, changes in found.items()
    ]
    return tuple(sorted(sites, key=lambda site: (-site.score, site.number)))


def _strength(change: Change) -> float:
    return change.score if math.isfinite(change.score) else -math.inf


def _value(item: Any) -> Any:
    """A cell of the table as a plain value; missing ones, whatever their kind, as None."""
    if hasattr(item, "item"):
        item = item.item()
    if item is None or type(item).__name__ in {"NaTType", "NAType"}:
        return None
    return None if isinstance(item, float) and math.isnan(item) else item


def _on_map(geometry: BaseGeometry, frame: Frame) -> BaseGeometry:
    return shapely.transform(
        geometry, lambda points: np.column_stack(frame.from_world(points[:, 0], points[:, 1]))
    )
