"""A deterministic sample of pixels of both scenes, for whatever is estimated from the whole."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from imagery import outline
from imagery.blocks import Window, spread_out, tiles_over
from imagery.blockwise import map_tiles
from imagery.compiled import compiled, readonly
from imagery.errors import InputError
from imagery.grid import Plan
from imagery.raster import Raster
from imagery.read import in_tiles
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.shift_error import ShiftError
from imagery.warp import warp_window

MAX_TILES = 64
"""Tiles sampled at the most, evenly over the estimation window."""

MAX_READ = 2**22
"""Pixels of all of them that are read: of larger tiles their middles."""

MAX_PIXELS = 300_000
MAX_WINDOWS = 16
MAX_AROUND = 2**20
"""Windows, and pixels in all of them, that are sampled whole, for what looks at surroundings."""

_LEAST = 200
"""Pixels seen in both scenes below which nothing can be estimated."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PairReader:
    """Reads a window of both scenes, aligned, on the working grid.  Small, and fit to travel."""

    before: Scene
    after: Scene
    before_bands: tuple[int, ...]
    after_bands: tuple[int, ...]
    grid: GeoBox
    moving: Role
    shift: Shift
    error: ShiftError
    """How far the shift may be off, place by place."""

    largest_error: float
    """Standard error, px, beyond which a pixel counts as not observed."""

    smoothing: float
    """Standard deviation in px of the Gaussian that both scenes pass before they are compared."""

    reach: int = 0
    """Pixels around a pixel that the difference measure looks at."""

    @property
    def halo(self) -> int:
        """Pixels read around a window: smoothing, gradient, outline and measure look there."""
        return int(np.ceil(4 * self.smoothing)) + 1 + outline.HALO + self.reach

    @property
    def tiled(self) -> bool:
        """Whether a part of either scene can be decoded without all that lies beside it."""
        return in_tiles(self.before, self.before_bands) and in_tiles(self.after, self.after_bands)

    def read(self, window: Window) -> tuple[Raster, Raster]:
        """Before and after over a window of the working grid, smoothed; halos are cut off.

        A pixel is valid by its own scene; smoothing takes valid pixels only.
        """
        padded = window.padded(self.halo)
        rasters = []
        for scene, bands in ((self.before, self.before_bands), (self.after, self.after_bands)):
            raster = warp_window(
                scene,
                self.grid,
                padded,
                bands=bands,
                shift=self.shift if scene.role == self.moving else None,
            )
            rasters.append(self._smoothed(raster))
        return rasters[0], rasters[1]

    def errors(self, window: Window) -> NDArray[np.float32]:
        """Standard error of the alignment along an axis, px, over a window."""
        rows = np.arange(window.top, window.bottom, dtype=np.float64)
        cols = np.arange(window.left, window.right, dtype=np.float64)
        return self.error.on_grid(rows, cols).astype(np.float32)

    def _smoothed(self, raster: Raster) -> Raster:
        if not self.smoothing or not raster.valid.any():
            return raster
        return Raster(
            data=smooth(raster.data, raster.valid, sigma=self.smoothing),
            valid=raster.valid,
            geobox=raster.geobox,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Pixels of both scenes at the same places."""

    before: NDArray[np.float32]
    """Shape (bands, pixels)."""

    after: NDArray[np.float32]
    """Shape (bands, pixels), on the same bands."""

    spill: NDArray[np.float32]
    """Shape (2, bands, pixels): what one standard error of the alignment along rows and along cols
    changes in the later scene."""

    seen: int
    """Pixels seen in both scenes among those of the tiles."""

    total: int
    windows: tuple[Pair, ...] = ()
    """Whole windows, for what looks at a pixel's surroundings; else none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """Both scenes over a window: what a difference measure looks at."""

    before: NDArray[np.float32]
    """Shape (band, row, col)."""

    after: NDArray[np.float32]
    """Shape (band, row, col), on the same bands."""

    spill: NDArray[np.float32]
    """Shape (2, band, row, col): what one standard error of the alignment along rows and along cols
    changes in the later scene."""

    error: NDArray[np.float32]
    """That standard error, px, of shape (row, col)."""

    seen: NDArray[np.bool_]
    """True where both scenes are, of shape (row, col)."""

    top: int = 0
    left: int = 0
    """Row and col of the first pixel on the working grid."""


def smooth(
    data: NDArray[np.float32], valid: NDArray[np.bool_], *, sigma: float
) -> NDArray[np.float32]:
    """Gaussian mean of the valid pixels (normalised convolution, Knutsson & Westin 1993)."""
    if valid.all():
        return np.asarray(ndimage.gaussian_filter(data, (0, sigma, sigma), mode="nearest"))
    weight = ndimage.gaussian_filter(valid.astype(np.float32), sigma, mode="nearest")
    total = ndimage.gaussian_filter(data * valid, (0, sigma, sigma), mode="nearest")
    return np.where(valid, total / np.maximum(weight, 1e-6), np.float32(0))


def gradients(data: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Change per px along rows and cols; shape (2, band, row, col).

    The mean of the differences to both neighbours, or to the one that is valid; 0 where none is.
    """
    found = np.empty((2, *data.shape), np.float32)
    _gradients(
        np.ascontiguousarray(data, np.float32), np.ascontiguousarray(valid, np.float32), found
    )
    return found


@compiled(f"void({readonly('float32', 3)}, {readonly('float32', 2)}, float32[:,:,:,::1])")
def _gradients(
    data: NDArray[np.float32], known: NDArray[np.float32], found: NDArray[np.float32]
) -> None:
    bands, rows, cols = data.shape
    one, none = np.float32(1), np.zeros(cols, np.float32)
    for band in range(bands):
        for row in range(rows):
            here, valid, out = data[band, row], known[row], found[0, band, row]
            above, seen_above = (here, none) if row == 0 else (data[band, row - 1], known[row - 1])
            below, seen_below = (
                (here, none) if row == rows - 1 else (data[band, row + 1], known[row + 1])
            )
            for col in range(cols):
                a, b = valid[col] * seen_above[col], valid[col] * seen_below[col]
                total = (here[col] - above[col]) * a + (below[col] - here[col]) * b
                out[col] = total / max(a + b, one)
            out = found[1, band, row]
            if cols == 1:
                out[0] = 0
                continue
            for col in range(1, cols - 1):
                a, b = valid[col] * valid[col - 1], valid[col] * valid[col + 1]
                total = (here[col] - here[col - 1]) * a + (here[col + 1] - here[col]) * b
                out[col] = total / max(a + b, one)
            out[0] = (here[1] - here[0]) * (valid[0] * valid[1])
            out[cols - 1] = (here[cols - 1] - here[cols - 2]) * (valid[cols - 1] * valid[cols - 2])


def sample_pair(
    plan: Plan, pair: PairReader, *, executor: Executor, windows: bool = False
) -> Sample:
    """Pixels of both scenes, hashed by their place, over the estimation window.

    Whole windows are read too where ``windows`` are asked for, or the measure looks around a pixel.

    Raises
    ------
    InputError
        If fewer than a few hundred pixels are seen in both.
    """
    tiles = _middles(plan, most=MAX_TILES, pixels=MAX_READ)
    total = sum(tile.height * tile.width for tile in tiles)
    one_in = max(1, -(-total // MAX_PIXELS))
    found = [
        part
        for _, part in map_tiles(
            partial(_sample_tile, pair, one_in=one_in), tiles, executor=executor
        )
    ]
    seen = sum(part.seen for part in found)
    sample = Sample(
        before=np.concatenate([part.before for part in found], axis=1),
        after=np.concatenate([part.after for part in found], axis=1),
        spill=np.concatenate([part.spill for part in found], axis=2),
        seen=seen,
        total=total,
        windows=_sample_windows(plan, pair, executor=executor) if windows or pair.reach else (),
    )
    if sample.before.shape[1] < _LEAST:
        raise InputError(
            f"{pair.before.name} and {pair.after.name} share too few valid pixels",
            found=f"{seen} pixels seen in both, of {total}",
            needed=f"at least {_LEAST}",
            option="--nodata",
        )
    return sample


def _sample_windows(plan: Plan, pair: PairReader, *, executor: Executor) -> tuple[Pair, ...]:
    """Whole windows of both scenes, in the middles of tiles spread over the estimation window.

    Each is as large as its share of ``MAX_AROUND`` pixels, whatever tiles there are, so that what
    is learnt on them takes a bounded time and memory.
    """
    windows = _middles(plan, most=MAX_WINDOWS, pixels=MAX_AROUND)
    read = partial(read_pair, pair)
    return tuple(found for _, found in map_tiles(read, windows, executor=executor))


def read_pair(pair: PairReader, window: Window) -> Pair:
    """Both scenes over a window; its borders are of use as far as the gradient reaches."""
    before, after = pair.read(window)
    rows, cols = window.within(window.padded(pair.halo))
    errors = pair.errors(window)
    seen = (before.valid & after.valid)[rows, cols] & (errors <= pair.largest_error)
    return Pair(
        before=before.data[:, rows, cols],
        after=after.data[:, rows, cols],
        spill=gradients(after.data, after.valid)[:, :, rows, cols] * errors,
        error=errors,
        seen=seen,
        top=window.top,
        left=window.left,
    )


def _middles(plan: Plan, *, most: int, pixels: int) -> list[Window]:
    """Squares in the middles of tiles, which have at most so many pixels in all."""
    tiles = spread_out(list(tiles_over(plan.estimation)), most=most)
    side = int(math.sqrt(pixels / max(len(tiles), 1)))
    return [_middle(tile, side) for tile in tiles]


def _middle(tile: Window, side: int) -> Window:
    """A square of at most ``side`` px in the middle of a tile."""
    top = tile.top + max(0, tile.height - side) // 2
    left = tile.left + max(0, tile.width - side) // 2
    return Window(top, left, top + min(side, tile.height), left + min(side, tile.width))


def _sample_tile(pair: PairReader, window: Window, *, one_in: int) -> Sample:
    whole = read_pair(pair, window)
    take = whole.seen & _hashed(window, one_in)
    return Sample(
        before=whole.before[:, take],
        after=whole.after[:, take],
        spill=whole.spill[:, :, take],
        seen=int(whole.seen.sum()),
        total=whole.seen.size,
    )


def _hashed(window: Window, one_in: int) -> NDArray[np.bool_]:
    """True at one pixel in ``one_in``, by place alone, so that no tiling changes the sample."""
    rows = np.arange(window.top, window.bottom).astype(np.uint64)[:, None]
    cols = np.arange(window.left, window.right).astype(np.uint64)[None, :]
    # The finaliser of MurmurHash3 (Appleby, public domain): neighbours become unrelated.
    mixed = rows * np.uint64(0x9E3779B97F4A7C15) ^ cols * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= mixed >> np.uint64(33)
    mixed *= np.uint64(0xFF51AFD7ED558CCD)
    mixed ^= mixed >> np.uint64(33)
    chosen: NDArray[np.bool_] = mixed % np.uint64(one_in) == 0
    return chosen
