"""Scenes, plans and alignments in few words, for the tests of the steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs, pair_bands
from imagery.blocks import Window
from imagery.blockwise import engine
from imagery.coregister import Alignment, TiePoints, coregister
from imagery.grid import Plan, plan_pair
from imagery.options import (
    CoregisterOptions,
    EngineOptions,
    GridOptions,
    ReadOptions,
    SceneOptions,
)
from imagery.raster import Raster
from imagery.read import open_scene
from imagery.record import StepRecord
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import warp_window

UTM = Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000)
"""Half-metre pixels near Pyongyang, in EPSG:32651."""


@dataclass(frozen=True)
class Box:
    """An area of interest that is a rectangle of the grid's CRS."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def area_m2(self) -> float:
        return (self.right - self.left) * (self.top - self.bottom)

    def bounds(self, crs: Any) -> tuple[float, float, float, float]:
        return self.left, self.bottom, self.right, self.top

    def mask(self, geobox: GeoBox) -> NDArray[np.bool_]:
        rows, cols = np.indices(geobox.shape) + 0.5
        a = geobox.affine
        x, y = a.a * cols + a.b * rows + a.c, a.d * cols + a.e * rows + a.f
        inside: NDArray[np.bool_] = (
            (self.left <= x) & (x < self.right) & (self.bottom < y) & (y <= self.top)
        )
        return inside


def box_of(grid: GeoBox, window: Window) -> Box:
    """The rectangle of a window of a north-up grid."""
    left, top = grid.affine @ (window.left, window.top)
    right, bottom = grid.affine @ (window.right, window.bottom)
    return Box(left, bottom, right, top)


def written(
    folder: Path,
    name: str,
    image: NDArray[Any],
    *,
    crs: str | None = "EPSG:32651",
    transform: Affine = UTM,
    nodata: float | None = None,
    **profile: Any,
) -> Path:
    """Write an image, of shape (band, row, col) or (row, col); returns its path."""
    image = np.atleast_3d(np.asarray(image)) if image.ndim == 1 else np.asarray(image)
    image = image[None] if image.ndim == 2 else image
    path = folder / f"{name}.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=image.shape[0], height=image.shape[1],
        width=image.shape[2], dtype=image.dtype, crs=crs, transform=transform, nodata=nodata,
        photometric="minisblack", **profile,
    ) as dataset:  # fmt: skip
        dataset.write(image)
    return path


def opened_as(path: Path, role: Role, **read: Any) -> Scene:
    return open_scene(
        path, role=role, scene_options=SceneOptions(), read_options=ReadOptions(**read)
    )


def scene_of(folder: Path, image: NDArray[Any], *, role: Role = "before", **how: Any) -> Scene:
    """A scene whose pixels are the image's."""
    return opened_as(written(folder, role, image, **how), role)


def plan_of(before: Scene, after: Scene, extent: Any = None, **options: Any) -> Plan:
    return plan_pair(before, after, extent, options=GridOptions(**options))


def bands_of(before: Scene, after: Scene) -> BandPairs:
    return pair_bands(before, after, explicit=True)


def aligned(
    before: Scene,
    after: Scene,
    *,
    extent: Any = None,
    workers: int = 2,
    options: CoregisterOptions | None = None,
    **grid: Any,
) -> Alignment:
    """The alignment of two scenes."""
    with engine(EngineOptions(workers=workers)) as executor:
        return coregister(
            plan_of(before, after, extent, **grid),
            {"before": before, "after": after},
            bands_of(before, after),
            options=options or CoregisterOptions(),
            executor=executor,
        ).enforced()


def alignment_of(**how: Any) -> Alignment:
    """An alignment that found nothing to move, but for what is told of it."""
    known: dict[str, Any] = {
        "shift": Shift.constant(0, 0),
        "moving": "after",
        "verdict": "trusted",
        "residual": None,
        "residual_all": None,
        "initial": None,
        "coverage": None,
        "error": None,
        "tie_points": TiePoints.none(),
        "ties": 50,
        "model": "none",
        "record": StepRecord(step="coregister"),
    }
    return Alignment(**(known | how))


def warped(
    scene: Scene, grid: GeoBox, window: Window | None = None, shift: Shift | None = None, **how: Any
) -> Raster:
    """The scene on a grid, all bands, over a window or the whole grid."""
    window = window or Window(0, 0, *grid.shape)
    return warp_window(
        scene, grid, window, bands=[band.index for band in scene.bands], shift=shift, **how
    )
