"""Heights of the ground: one for all of an image, or those of an elevation model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.env import open_raster
from imagery.errors import InputError, TwopassError, UsageError
from imagery.grid import moved, transformer
from imagery.metadata import plain
from imagery.options import ReadOptions, SceneOptions
from imagery.read import open_scene, read_window
from imagery.record import Caution
from imagery.scene import InputFile, Scene
from imagery.warp import warp_window

Floats = NDArray[np.float64]

LOWEST, HIGHEST = -500.0, 9000.0
"""Metres between which the land of the Earth lies: what a file that marks no missing pixels has
there instead, such as -32768, would be taken for a height."""

_STRIP = 4_000_000
"""Pixels of the model that are looked at at a time."""

_METRES = ("", "m", "metre", "metres", "meter", "meters")


@dataclass(frozen=True)
class Level:
    """One height for all of the ground, in metres above the ellipsoid."""

    metres: float
    files: tuple[InputFile, ...] = ()
    cautions: tuple[Caution, ...] = ()

    @property
    def label(self) -> str:
        return f"at {self.metres:g} m above the ellipsoid"

    def between(self, _lon: Floats, _lat: Floats) -> tuple[float, float, float]:
        """Lowest and highest, and the share of places whose height is known."""
        return self.metres, self.metres, 1.0

    def on(self, _grid: GeoBox, window: Window) -> tuple[Floats, NDArray[np.bool_]]:
        """Heights of a window's pixels, and where they are known."""
        return np.full(window.shape, self.metres), np.ones(window.shape, bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dem:
    """An elevation model, read window by window."""

    scene: Scene
    cautions: tuple[Caution, ...]

    @property
    def files(self) -> tuple[InputFile, ...]:
        return self.scene.files

    @property
    def label(self) -> str:
        model = self.scene.files[0]
        return f"on the heights of {model.name} (SHA-256 {model.sha256[:12]}…)"

    def between(self, lon: Floats, lat: Floats) -> tuple[float, float, float]:
        """Lowest and highest around places, and the share of them whose height is known.

        Raises
        ------
        InputError
            If what is none stands there as a height.
        """
        geobox = self.scene.geobox
        x, y = transformer("EPSG:4326", geobox.crs).transform(lon, lat)
        col, row = moved(~geobox.affine, np.asarray(x), np.asarray(y))
        inside = (row >= 0) & (row < geobox.shape[0]) & (col >= 0) & (col < geobox.shape[1])
        if not inside.any():
            return math.nan, math.nan, 0.0
        row, col = np.floor(row[inside]).astype(int), np.floor(col[inside]).astype(int)
        window = Window(int(row.min()), int(col.min()), int(row.max()) + 1, int(col.max()) + 1)
        low, high, hits = math.inf, -math.inf, 0
        step = max(1, _STRIP // window.width)
        for top in range(window.top, window.bottom, step):
            strip = replace(window, top=top, bottom=min(window.bottom, top + step))
            seen = read_window(self.scene, strip, bands=(1,))
            if seen.valid.any():
                low = min(low, float(seen.data[0][seen.valid].min()))
                high = max(high, float(seen.data[0][seen.valid].max()))
            here = (row >= strip.top) & (row < strip.bottom)
            hits += int(seen.valid[row[here] - strip.top, col[here] - strip.left].sum())
        if low < LOWEST or high > HIGHEST:
            raise InputError(
                f"{self.scene.name}: holds heights that are none (the elevation model)",
                found=f"{low:g} m" if low < LOWEST else f"{high:g} m",
                needed="a nodata tag, where that marks missing heights (gdal_edit -a_nodata)",
                option="--dem",
            )
        return (low, high, hits / inside.size) if hits else (math.nan, math.nan, 0.0)

    def on(self, grid: GeoBox, window: Window) -> tuple[Floats, NDArray[np.bool_]]:
        """Heights of a window's pixels, and where they are known."""
        found = warp_window(self.scene, grid, window, bands=(1,))
        heights = found.data[0].astype(np.float64)
        return heights, found.valid & (heights >= LOWEST) & (heights <= HIGHEST)


Heights = Level | Dem


def heights_of(text: str) -> Heights:
    """What ``--dem`` names: a height in metres, or a file.

    Raises
    ------
    UsageError
        If it is a number that is no height.
    InputError
        If the file is no elevation model.
    """
    try:
        metres = float(text)
    except ValueError:
        return _dem(Path(text))
    if LOWEST <= metres <= HIGHEST:
        return Level(metres)
    raise UsageError(
        "--dem is no height of the ground",
        found=text[:60],
        needed=f"metres above the ellipsoid, {LOWEST:g} to {HIGHEST:g}, or a GeoTIFF",
        option="--dem",
    )


def _dem(path: Path) -> Dem:
    try:
        with open_raster(path, option="--dem") as dataset:
            bare, unit = dataset.nodata is None, plain(dataset.units[0]).lower()
            cautions = _datum_cautions(dataset.crs, name=path.name)
        if unit not in _METRES:
            raise InputError(
                f"{path.name}: its heights are not in metres", found=unit, needed="metres"
            )
        scene = open_scene(
            path,
            role="before",
            scene_options=SceneOptions(bands="1"),
            # The sea at its border, all of one height, is no border without data.
            read_options=ReadOptions(nodata=math.nan if bare else None),
        )
    except TwopassError as error:
        raise type(error)(
            f"{error.message} (the elevation model)",
            found=error.found,
            needed=error.needed,
            option="--dem",
        ) from error
    # Of what else it says, nothing concerns an image.
    return Dem(scene=replace(scene, cautions=()), cautions=cautions)


def _datum_cautions(crs: Any, *, name: str) -> tuple[Caution, ...]:
    """One where heights aren't, or may not be, above the ellipsoid, which coefficients count from.

    No grid of a geoid is at hand that could tell the difference.
    """
    import pyproj

    above = "doesn't say what its heights count from (most models: the geoid)"
    try:
        known = pyproj.CRS.from_wkt(crs.to_wkt()) if crs else None
    except (pyproj.exceptions.CRSError, ValueError):
        known = None
    if known is not None and known.is_compound:
        above = f"counts heights in {plain(known.sub_crs_list[-1].name)}"
    elif known is not None and len(known.axis_info) == 3:
        return ()
    return (
        Caution(
            "dem-datum",
            f"{name} {above}; coefficients count from the ellipsoid. A difference of 25 m, as over "
            "Korea, moves an image that was taken 25° off nadir by 12 m, which the "
            "co-registration takes away as far as it is the same everywhere.",
        ),
    )
