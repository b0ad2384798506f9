"""How rough the ground of a window is, cell by cell, gathered while its tiles are scored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window
from imagery.decision import Ground
from imagery.difference import Noise
from imagery.regions import ScoredTile
from imagery.sampling import Pair

CELL = 16
"""Side of a cell, px; cells lie on a lattice anchored at pixel (0, 0) of the working grid, and no
compute tile cuts one."""

_STEP = 2
"""Pixels between which steps are taken: an edge is blurred over them, and noise adds no more."""

_AROUND = 3
"""Side, cells, of the square whose roughest cell counts: what stands beside a place leans on it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """What is known of each cell of a window; filled tile by tile, small beside its pixels."""

    window: Window
    """In px of the working grid."""

    lattice: Window
    """The cells that it touches, by number."""

    steps: NDArray[np.float32]
    """Mean size of the steps in either image, in standard deviations of the noise; shape
    (2, rows, cols), 0 where nothing is seen."""

    seen: NDArray[np.int32]
    """Pixels that are seen inside the area, shape (rows, cols)."""

    strongest: NDArray[np.float32]
    """The highest strength among these, shape (rows, cols)."""

    @classmethod
    def over(cls, window: Window) -> Cells:
        """Cells of which nothing is known yet."""
        lattice = cells_over(window)
        return cls(
            window=window,
            lattice=lattice,
            steps=np.zeros((2, *lattice.shape), np.float32),
            seen=np.zeros(lattice.shape, np.int32),
            strongest=np.zeros(lattice.shape, np.float32),
        )

    def add(self, tile: ScoredTile) -> None:
        """Write a tile's cells into these arrays; nothing, where its steps were not looked at."""
        if tile.steps is None:
            return
        rows, cols = cells_over(tile.window).within(self.lattice)
        self.steps[:, rows, cols] = tile.steps
        here = tile.seen & tile.inside
        self.seen[rows, cols] = _by_cell(here, tile.window).sum(axis=(1, 3))
        strength = np.where(here, tile.strength, np.float32(0))
        self.strongest[rows, cols] = _by_cell(strength, tile.window).max(axis=(1, 3))

    @property
    def roughness(self) -> NDArray[np.float32]:
        """Of each cell, shape (rows, cols); see :func:`roughness_of`."""
        return roughness_of(self.steps)

    def at(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """The roughness at pixels of the window, counted in row-major order; shape (places,)."""
        rows, cols = np.divmod(places, max(self.window.width, 1))
        down = (rows + self.window.top) // CELL - self.lattice.top
        right = (cols + self.window.left) // CELL - self.lattice.left
        return np.asarray(self.roughness[down, right], np.float64)

    def ground(self, *, pixel_km2: float) -> Ground:
        """The cells of which anything is seen."""
        some = self.seen > 0
        return Ground(
            roughness=np.asarray(self.roughness[some], np.float64),
            strongest=np.asarray(self.strongest[some], np.float64),
            km2=np.asarray(self.seen[some] * pixel_km2, np.float64),
        )


def cells_over(window: Window) -> Window:
    """The cells, by number, that a window touches."""
    return Window(
        window.top // CELL,
        window.left // CELL,
        -(-window.bottom // CELL),
        -(-window.right // CELL),
    )


def steps_in(
    image: NDArray[np.float32],
    seen: NDArray[np.bool_],
    *,
    window: Window,
    scale: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Mean size of the steps over two pixels, along rows and cols, within each cell of a window.

    Parameters
    ----------
    image
        Shape (bands, rows, cols), over ``window``.
    seen
        Shape (rows, cols); the rest counts for nothing.
    window
        Where the image lies on the working grid.
    scale
        What each band's steps are measured in; shape (bands,).

    Returns
    -------
    ndarray
        The mean over the bands, shape (cell rows, cell cols); 0 where nothing is seen.
    """
    there = _by_cell(seen, window)
    total = np.zeros((there.shape[0], there.shape[2]))
    count = np.zeros_like(total)
    for axis in (1, 3):
        both = _later(there, axis) & _earlier(there, axis)
        count += both.sum(axis=(1, 3))
        for band, unit in zip(image, scale, strict=True):
            cells = _by_cell(band, window)
            step = np.abs(_later(cells, axis) - _earlier(cells, axis)) * both
            total += step.sum(axis=(1, 3), dtype=np.float64) / (unit * len(image))
    return np.asarray(total / np.maximum(count, 1), np.float32)


def steps_of(pair: Pair, window: Window, *, noise: Noise) -> NDArray[np.float32]:
    """The steps of both images in a window of a normalised pair, in units of the noise.

    Shape (2, cell rows, cell cols).
    """
    rows, cols = window.within(_window_of(pair))
    seen, scale = pair.seen[rows, cols], np.sqrt(np.diag(noise.covariance))
    images = (pair.before[:, rows, cols], pair.after[:, rows, cols])
    return np.stack([steps_in(image, seen, window=window, scale=scale) for image in images])


def roughness_at(pair: Pair, *, noise: Noise) -> NDArray[np.float32]:
    """The roughness at each pixel of a normalised pair, by what it shows alone; shape (row, col)"""
    window = _window_of(pair)
    cells = cells_over(window)
    rows = np.arange(window.top, window.bottom) // CELL - cells.top
    cols = np.arange(window.left, window.right) // CELL - cells.left
    return roughness_of(steps_of(pair, window, noise=noise))[rows[:, None], cols]


def _window_of(pair: Pair) -> Window:
    rows, cols = pair.seen.shape
    return Window(pair.top, pair.left, pair.top + rows, pair.left + cols)


def roughness_of(steps: NDArray[np.float32]) -> NDArray[np.float32]:
    """The roughest cell among 3 × 3, in the smoother of both images; shape (rows, cols).

    The smoother, so that what is new on bare ground, or gone from it, doesn't make the ground
    rough; and both alike, so that the order of the images is of no matter.
    """
    before, after = (ndimage.maximum_filter(one, _AROUND, mode="nearest") for one in steps)
    return np.asarray(np.minimum(before, after), np.float32)


def _by_cell(values: NDArray[Any], window: Window) -> NDArray[Any]:
    """Values over a window as cells: shape (cell rows, row, cell cols, col), 0 beyond its edge."""
    cells = cells_over(window)
    whole = Window(*(CELL * n for n in (cells.top, cells.left, cells.bottom, cells.right)))
    if whole != window:
        rows, cols = window.within(whole)
        filled = np.zeros(whole.shape, values.dtype)
        filled[rows, cols] = values
        values = filled
    return values.reshape(cells.height, CELL, cells.width, CELL)


def _later(cells: NDArray[Any], axis: int) -> NDArray[Any]:
    return cells[(slice(None),) * axis + (slice(_STEP, None),)]


def _earlier(cells: NDArray[Any], axis: int) -> NDArray[Any]:
    return cells[(slice(None),) * axis + (slice(None, -_STEP),)]
