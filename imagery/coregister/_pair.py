"""What is matched: both scenes as one image each, on the working grid and on a reduced one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.errors import InputError
from imagery.grid import Plan, same_lattice
from imagery.raster import Raster
from imagery.read import block_means, read_window
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import combined, crop, warp_window

COARSE_SIDE = 1024
"""Longest side of the reduced image, px."""

_WINDOWS, _FARTHEST, _MOST_WINDOWS = 1600, 160, 16_384
"""Windows measured, about, where the area is large enough for them; but more where they would be
farther apart than so many px, up to so many."""

_STRIP = 128
"""Rows of the reduced image that a task reads: whole blocks of most files."""

_TELLING = 50_000
"""Pixels of a band, about, that tell its spread."""

Similarity = Literal["phase", "gradient phase", "information"]
"""By what windows are compared: the phase of their intensities; that of the strength of their
gradients, for which contrast may be reversed; mutual information."""


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

    similarity: Similarity = "phase"
    coarseness: int = 1
    """Pixels of the grid, each way, for one of those that windows are made of."""

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """top, left, bottom, right of the area."""
        area = self.area
        return float(area.top), float(area.left), float(area.bottom), float(area.right)

    @property
    def step(self) -> int:
        """Distance between windows, about: half a window, or as much as enough of them need."""
        rows, cols = self.area.shape
        wanted, least = (
            int((rows * cols / count) ** 0.5 // 8 * 8) for count in (_WINDOWS, _MOST_WINDOWS)
        )
        return max(self.size // 2, min(wanted, _FARTHEST), least)

    @property
    def lattice(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First rows and first columns of the windows, as far from either edge."""
        area = self.area
        tops, lefts = (
            np.arange(start + (stop - start - self.size) % self.step // 2, last + 1, self.step)
            for start, stop in ((area.top, area.bottom), (area.left, area.right))
            for last in (stop - self.size,)
        )
        return tops, lefts

    @property
    def block(self) -> int:
        """Side in px of the blocks in which windows are held out."""
        longest, window = max(self.area.shape), self.size * self.coarseness
        # No larger than a few windows: the field has no ties in them, and must bridge them.
        return min(max(2 * window, -(-longest // 12)), 4 * window)

    def as_matched(self) -> MatchPair:
        """The pair on the grid whose pixels windows are made of."""
        if self.coarseness == 1:
            return self
        grid, window = coarse_grid(self.grid, self.area, factor=self.coarseness)
        return replace(self, grid=grid, area=window, coarseness=1)

    @property
    def same_pixels(self) -> bool:
        """Whether the pixels of both scenes are those of the grid."""
        scenes = self.still, self.moving
        return all(not isinstance(same_lattice(s.geobox, self.grid), str) for s in scenes)

    def image(
        self, which: Literal["still", "moving"], window: Window, shift: Shift | None = None
    ) -> Raster:
        """A scene over a window as one image, moved by ``shift``."""
        if which == "still":
            scene, bands, weights = self.still, self.still_bands, self.still_weights
        else:
            scene, bands, weights = self.moving, self.moving_bands, self.moving_weights
        image = warp_window(scene, self.grid, window, bands=bands, weights=weights, shift=shift)
        return _edges(image) if self.similarity == "gradient phase" else image


def _edges(image: Raster) -> Raster:
    """The root of the gradient's strength, which keeps a few bright roofs from deciding alone."""
    # One pixel in from the border of the valid area, where a gradient is only the border's.
    inside = ndimage.binary_erosion(image.valid, iterations=2)
    strength = ndimage.gaussian_gradient_magnitude(image.data[0], 1.0)
    data = np.where(inside, np.sqrt(strength), np.float32(0)).astype(np.float32)
    return Raster(data=data[None], valid=inside, geobox=image.geobox)


@dataclass(frozen=True, kw_only=True, eq=False)
class Reduced:
    """The whole area as one small image of each scene, not moved."""

    still: Raster
    moving: Raster
    factor: int
    """Pixels of the working grid, each way, for one of these."""

    def as_edges(self) -> Reduced:
        """Drawn as edges, for which contrast may be reversed."""
        return replace(self, still=_edges(self.still), moving=_edges(self.moving))

    def halved(self) -> Reduced:
        """Half as large."""
        return replace(
            self, still=_halved(self.still), moving=_halved(self.moving), factor=2 * self.factor
        )

    @property
    def shortest(self) -> int:
        rows, cols = self.still.valid.shape
        return int(min(rows, cols))


def _halved(image: Raster) -> Raster:
    data, valid = block_means(image.data, image.valid, factor=2)
    return Raster(data=data, valid=valid, geobox=image.geobox.zoom_out(2))


def match_pair(
    plan: Plan, scenes: dict[Role, Scene], bands: BandPairs, *, executor: Executor
) -> tuple[MatchPair, Reduced]:
    """What is to be matched, and a small view of it.

    Raises
    ------
    InputError
        If no pixel is seen in both scenes, or one of them shows nothing.
    """
    index = {"before": bands.before, "after": bands.after}
    factor = max(1, -(-max(plan.estimation.shape) // COARSE_SIDE))
    reading = {
        role: [
            executor.submit(_small_view, scenes[role], plan, factor, rows, bands=index[role])
            for rows in _strips(plan, factor)
        ]
        for role in scenes
    }
    views = {role: _stacked([f.result() for f in strips]) for role, strips in reading.items()}
    check_usable(views, scenes)
    weights = {role: _band_weights(view) for role, view in views.items()}
    small = {
        role: Raster(data=combined(view.data, weights[role]), valid=view.valid, geobox=view.geobox)
        for role, view in views.items()
    }
    still, moving = plan.still, plan.moving
    pair = MatchPair(
        still=scenes[still],
        moving=scenes[moving],
        still_bands=tuple(index[still]),
        moving_bands=tuple(index[moving]),
        still_weights=weights[still],
        moving_weights=weights[moving],
        grid=plan.geobox,
        area=plan.estimation,
        size=64 if min(plan.estimation.shape) >= 192 else 32,
    )
    return pair, Reduced(still=small[still], moving=small[moving], factor=factor)


def _strips(plan: Plan, factor: int) -> list[Window]:
    """The area on pixels so many times larger, cut across its rows."""
    _, window = coarse_grid(plan.geobox, plan.estimation, factor=factor)
    edges = [*range(0, window.height, _STRIP), window.height]
    return [replace(window, top=top, bottom=end) for top, end in pairwise(edges)]


def _small_view(
    scene: Scene, plan: Plan, factor: int, window: Window, *, bands: tuple[int, ...]
) -> Raster:
    """A part of the area on pixels so many times larger."""
    grid, _ = coarse_grid(plan.geobox, plan.estimation, factor=factor)
    offset = same_lattice(scene.geobox, plan.geobox)
    if isinstance(offset, str):
        return warp_window(scene, grid, window, bands=bands)
    # Its own pixels are those of the grid: their means need no resampling.
    sides = (window.top, window.left, window.bottom, window.right)
    own = Window(*(side * factor for side in sides)).shifted(
        plan.estimation.top - offset[0], plan.estimation.left - offset[1]
    )
    view = read_window(scene, own, bands=bands, decimate=factor)
    return replace(view, geobox=crop(grid, window))


def _stacked(strips: Sequence[Raster]) -> Raster:
    """Strips as one image."""
    first = strips[0].geobox
    valid = np.concatenate([strip.valid for strip in strips])
    return Raster(
        data=np.concatenate([strip.data for strip in strips], axis=1),
        valid=valid,
        geobox=GeoBox(valid.shape, first.affine, first.crs),
    )


def coarse_grid(grid: GeoBox, area: Window, *, factor: int) -> tuple[GeoBox, Window]:
    """A grid of pixels so many times larger over the area, and the window of all of it."""
    cropped = crop(grid, area)
    shape = max(1, area.height // factor), max(1, area.width // factor)
    coarse = GeoBox(shape, cropped.affine * Affine.scale(factor), grid.crs)
    return coarse, Window(0, 0, *shape)


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
        bands = [band[view.valid] for band in view.data]
        ends = [(float(band.min()), float(band.max())) for band in bands]
        # Resampling a constant leaves rounding errors of float32.
        if all(high - low <= 1e-6 * max(-low, high) for low, high in ends):
            raise InputError(
                f"{scenes[role].name}: no band varies over the part that both images show",
                found=f"the value {bands[0][0]:g} everywhere",
                needed="an image with something to see",
                option="--nodata",
            )


def _band_weights(small: Raster) -> NDArray[np.float64]:
    """Weights, shape (1, bands), that make of the bands one image in which all have equal say."""
    bands = len(small.data)
    every = max(1, int(small.valid.sum()) // _TELLING)
    values = np.stack([band[small.valid][::every] for band in small.data])
    low, high = np.percentile(values, [5, 95], axis=1)
    spread = np.where(high > low, high - low, np.inf)
    if not np.isfinite(spread).any():
        return np.ones((1, bands)) / bands
    return np.asarray((1 / spread / bands)[None])
