"""What is matched: both scenes as one image each, on the working grid and on a reduced one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.coregister._coarse import coarse_shift
from imagery.errors import InputError
from imagery.grid import Plan
from imagery.raster import Raster
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import crop, warp_window

_COARSE_SIDE = 1024
_WINDOWS = 2500
"""Windows measured, about, where the area is large enough for them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MatchPair:
    """What the matching of any window needs; small, and fit to travel to a worker."""

    still: Scene
    moving: Scene
    still_bands: tuple[int, ...]
    moving_bands: tuple[int, ...]
    still_weights: NDArray[np.float64]
    moving_weights: NDArray[np.float64]
    grid: GeoBox
    area: Window
    size: int
    """Side of a window in px."""

    @property
    def step(self) -> int:
        """Distance between windows: half a window, or as much as some thousands of them need."""
        rows, cols = self.area.shape
        wanted = (rows * cols / _WINDOWS) ** 0.5
        return int(min(max(self.size // 2, wanted // 8 * 8), 2 * self.size))

    @property
    def block(self) -> int:
        """Side in px of the blocks in which windows are held out."""
        longest = max(self.area.shape)
        return max(2 * self.size, -(-longest // 12))


def match_pair(plan: Plan, scenes: dict[Role, Scene], bands: BandPairs) -> MatchPair:
    index = {"before": bands.before, "after": bands.after}
    still, moving = plan.still, plan.moving
    coarse, window, _ = _coarse_grid(plan.geobox, plan.estimation)
    views = {role: warp_window(scenes[role], coarse, window, bands=index[role]) for role in scenes}
    check_usable(views, scenes)
    shortest = min(plan.estimation.shape)
    return MatchPair(
        still=scenes[still],
        moving=scenes[moving],
        still_bands=tuple(index[still]),
        moving_bands=tuple(index[moving]),
        still_weights=_band_weights(views[still]),
        moving_weights=_band_weights(views[moving]),
        grid=plan.geobox,
        area=plan.estimation,
        size=64 if shortest >= 192 else 32,
    )


def _coarse_grid(grid: GeoBox, area: Window) -> tuple[GeoBox, Window, int]:
    """A reduced grid over the area, the window on it, and how many times it is reduced."""
    factor = max(1, -(-max(area.shape) // _COARSE_SIDE))
    cropped = crop(grid, area)
    shape = max(1, area.height // factor), max(1, area.width // factor)
    coarse = GeoBox(shape, cropped.affine * Affine.scale(factor), grid.crs)
    return coarse, Window(0, 0, *shape), factor


def check_usable(views: dict[Role, Raster], scenes: dict[Role, Scene]) -> None:
    """Refuse what no alignment can mend: nothing seen in both, or nothing to see in one."""
    if not (views["before"].valid & views["after"].valid).any():
        raise InputError(
            f"{scenes['before'].name} and {scenes['after'].name} share too few valid pixels",
            found="no pixel seen in both",
            needed="images that show the same ground",
            option="--nodata",
        )
    for role, view in views.items():
        values = view.data[:, view.valid]
        # Resampling a constant leaves rounding errors of float32.
        if (np.ptp(values, axis=1) <= 1e-6 * np.abs(values).max(axis=1)).all():
            raise InputError(
                f"{scenes[role].name}: no band varies over the part that both images show",
                found=f"the value {values[0, 0]:g} everywhere",
                needed="an image with something to see",
                option="--nodata",
            )


def _band_weights(small: Raster) -> NDArray[np.float64]:
    """Weights, shape (1, bands), that make of the bands one image in which all have equal say."""
    bands = len(small.data)
    values = small.data[:, small.valid]
    low, high = np.percentile(values, [5, 95], axis=1)
    spread = np.where(high > low, high - low, np.inf)
    if not np.isfinite(spread).any():
        return np.ones((1, bands)) / bands
    return np.asarray((1 / spread / bands)[None])


def first_guess(pair: MatchPair) -> tuple[Shift, float, int]:
    coarse, window, factor = _coarse_grid(pair.grid, pair.area)
    still = warp_window(
        pair.still, coarse, window, bands=pair.still_bands, weights=pair.still_weights
    )
    moving = warp_window(
        pair.moving, coarse, window, bands=pair.moving_bands, weights=pair.moving_weights
    )
    if not (still.valid.any() and moving.valid.any()) or min(window.shape) < 48:
        return Shift.constant(0.0, 0.0), 0.0, 0
    found = coarse_shift(still.data[0], moving.data[0], (still.valid, moving.valid))
    rows, cols = found.shift
    return Shift.constant(float(rows * factor), float(cols * factor)), found.support, found.windows
