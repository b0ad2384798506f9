"""What a case says of each pixel: observed or not, in which region, with what score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.changes.measure import on_ground
from aoi.places import Area
from imagery.blocks import TILE
from imagery.env import RASTER_ERRORS, open_raster, raster_environment
from imagery.errors import InputError
from imagery.record import sha256_of

_OBSERVED = 0  # in valid.tif; every other code is a reason why not


@dataclass(frozen=True, kw_only=True, eq=False)
class CaseMap:
    """A case's change map, on the grid of its rasters."""

    name: str
    """The folder's own name."""

    area: Area
    geobox: GeoBox
    regions: NDArray[np.uint32]
    """Ids of the regions, of shape (row, col); 0 is none."""

    observed: NDArray[np.bool_]
    """Pixels of the area that were seen in both images, of shape (row, col)."""

    area_pixels: float
    """How many pixels the area has, those beyond the rasters among them."""

    pixel_area_m2: float
    """Mean ground area of a pixel, in m²."""

    sha256: str
    """Of ``change.tif``: what a sample was drawn from."""

    simulated: bool
    folder: Path

    @property
    def changed(self) -> NDArray[np.bool_]:
        """Pixels of a region, of shape (row, col), whether observed or not."""
        return self.regions > 0

    def share_of_area(self, pixels: int) -> float:
        """What part of the area so many pixels are, 0 to 1."""
        return min(1.0, pixels / self.area_pixels)

    def scores(self) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """The scores by stripes of rows; -inf where there is none: never a change."""
        with raster_environment(), open_raster(self.folder / "rasters" / "score.tif") as source:
            for top in range(0, self.geobox.shape[0], TILE):
                rows = slice(top, min(top + TILE, self.geobox.shape[0]))
                score = _read(source, "score.tif", rows).astype(np.float32)
                yield rows, np.where(np.isfinite(score), score, np.float32(-np.inf))


def read_case_map(case: Path, result: Mapping[str, Any]) -> CaseMap:
    """Read a case's rasters.

    Parameters
    ----------
    case
        The case folder.
    result
        ``result`` of its record, as :func:`aoi.case.read_record` gives it.

    Raises
    ------
    MissingInputError
        If a raster isn't there.
    InputError
        If one cannot be read, they don't lie on one grid, or nothing was observed.
    """
    area = _area_of(result)
    with raster_environment():
        with open_raster(case / "rasters" / "change.tif") as source:
            geobox = GeoBox(source.shape, source.transform, source.crs)
            regions = _read(source, "change.tif")
        with open_raster(case / "rasters" / "valid.tif") as source:
            _check_grid(source, "valid.tif", geobox)
            observed = _read(source, "valid.tif") == _OBSERVED
        with open_raster(case / "rasters" / "score.tif") as source:
            _check_grid(source, "score.tif", geobox)
    if regions.dtype.kind not in "iu":
        raise InputError(
            "change.tif: holds no region ids", found=regions.dtype, needed="whole numbers"
        )
    inside = area.mask(geobox)
    observed &= inside
    if not observed.any():
        raise InputError(
            f"{case.absolute().name}: nothing of the area was observed",
            found="0 observed pixels",
            needed="a case with an observed share",
        )
    rows, cols = geobox.shape
    frame = shapely.box(0, 0, cols, rows)
    ground = on_ground(np.array([frame], dtype=object), geobox=geobox)
    pixel_area_m2 = float(shapely.area(ground)[0]) / (rows * cols)
    whole = frame.covers(area.outline_on(geobox))
    return CaseMap(
        name=case.absolute().name,
        area=area,
        geobox=geobox,
        regions=regions.astype(np.uint32),
        observed=observed,
        area_pixels=float(inside.sum()) if whole else area.area_m2 / pixel_area_m2,
        pixel_area_m2=pixel_area_m2,
        sha256=sha256_of(case / "rasters" / "change.tif"),
        simulated=bool(result.get("simulated")),
        folder=case,
    )


def _area_of(result: Mapping[str, Any]) -> Area:
    """The area, from a record that a stranger may have sent."""
    try:
        told = result["area"]
        outline = shapely.geometry.shape(told["geometry"])
        name, georeferenced = str(told["name"]), bool(result["georeferenced"])
    except (KeyError, TypeError, ValueError, AttributeError, shapely.errors.ShapelyError) as error:
        raise InputError(
            "case.json: the record is not whole", found=error, needed="a finished case"
        ) from error
    if outline.geom_type not in ("Polygon", "MultiPolygon") or not outline.area > 0:
        raise InputError(
            "case.json: the area is no outline", found=outline.geom_type, needed="a finished case"
        )
    return Area(name=name, geometry=outline, source="case.json", georeferenced=georeferenced)


def _read(source: Any, name: str, rows: slice | None = None) -> NDArray[Any]:
    from rasterio.windows import Window

    window = None
    if rows is not None:
        window = Window(0, rows.start, source.width, rows.stop - rows.start)
    try:
        return np.asarray(source.read(1, window=window))
    except RASTER_ERRORS as error:
        raise InputError(f"{name}: cannot be read", found=error, needed="a whole file") from error


def _check_grid(source: Any, name: str, geobox: GeoBox) -> None:
    if source.shape != tuple(geobox.shape) or not source.transform.almost_equals(geobox.affine):
        raise InputError(
            f"{name}: lies on another grid than change.tif",
            found=f"{source.height} x {source.width} px",
            needed=f"{geobox.shape[0]} x {geobox.shape[1]} px of the same place",
        )
