"""Sums over what both images show at the pixels in and around regions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window
from imagery.compiled import compiled, readonly
from imagery.evidence._around import GAP, RING, Of, Pixels
from imagery.evidence._displaced import left_over
from imagery.evidence._model import Floats, Traits, Vector
from imagery.evidence._setting import Setting, unit
from imagery.observed import saturated
from imagery.scene import Scene

_TOWARDS = math.cos(math.radians(60))
"""A side of a region faces a direction within 60° of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """Both images over a window with regions."""

    window: Window
    pixels: Pixels
    """Those in and around regions that are seen in both images, from the window's corner."""

    seen: NDArray[np.bool_]
    images: tuple[NDArray[np.float32], NDArray[np.float32]]
    """Shape (band, row, col), in the earlier scene's radiometry; of worth around the pixels."""

    stored: tuple[NDArray[np.float32], NDArray[np.float32]]
    """The same, each in its own radiometry."""

    scenes: tuple[tuple[Scene, tuple[int, ...]], ...]
    """Each scene, and its bands that are compared."""

    mean: NDArray[np.float32]
    """Of the difference where nothing changed, per band; shape (bands, 1)."""

    bright: NDArray[np.float32]
    """Shape (2, row, col): the mean over the bands in units of noise, of worth as far around the
    pixels as displacements reach."""

    errors: NDArray[np.float32]
    """Standard error of the alignment, px, of each pixel."""

    outward: NDArray[np.float32]
    """Shape (2, pixels): the unit vector that leads out of the region."""


def add_traits(traits: Traits, view: View, setting: Setting, display: Window) -> None:
    """Add the sums of a view's regions; in place."""
    reached = view.pixels.reached
    _insides(traits, _Part.of(view, reached == 0), setting, display)
    _rings(traits, _Part.of(view, reached > GAP), setting)
    _outlines(traits, _Part.of(view, view.pixels.rim), setting)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Some of a view's pixels."""

    view: View
    which: NDArray[np.bool_]
    rows: Of
    cols: Of
    place: Of

    @classmethod
    def of(cls, view: View, which: NDArray[np.bool_]) -> _Part:
        pixels = view.pixels.chosen(which)
        return cls(view=view, which=which, rows=pixels.rows, cols=pixels.cols, place=pixels.place)

    def add(self, total: Floats, values: NDArray[Any] | None = None) -> None:
        """Add values of shape (pixels,), or 1 each, to the regions' totals; in place."""
        weights = None if values is None else values.astype(np.float64)
        total += np.bincount(self.place, weights=weights, minlength=len(total))

    def values(
        self, image: NDArray[np.float32], *, down: int = 0, across: int = 0
    ) -> NDArray[np.float32]:
        """An image at the pixels, or so many rows and cols away; shape (bands, pixels)."""
        flat = (self.rows + down) * image.shape[2] + self.cols + across
        return np.asarray(image.reshape(len(image), -1).take(flat, axis=1))

    def slopes(self, date: int, noise: Floats) -> NDArray[np.float32]:
        """Change per px along rows and cols, in units of noise; shape (2, bands, pixels).

        As :func:`imagery.sampling.gradients` has it of whole images.
        """
        image = self.view.images[date]
        found = np.empty((2, len(image), len(self.rows)), np.float32)
        _slopes(image, self.view.seen, noise.astype(np.float32), self.rows, self.cols, found)
        return found


def _insides(traits: Traits, part: _Part, setting: Setting, display: Window) -> None:
    """Sums over the pixels of regions."""
    view = part.view
    part.add(traits.pixels)
    # Counted from the display, so that squares of them lose no digit in a large grid.
    rows = part.rows + view.window.top - display.top
    cols = part.cols + view.window.left - display.left
    for place, values in enumerate((rows, cols, rows * rows, rows * cols, cols * cols)):
        part.add(traits.moments[:, place], values)
    own = [part.values(image) for image in view.images]
    for date in (0, 1):
        _squares(part, traits.inside[:, date], own[date])
        slopes = part.slopes(date, setting.noise)
        for band in range(len(own[date])):
            for axis in (0, 1):
                part.add(traits.gradient[:, date, band, axis], slopes[axis, band])
        scene, bands = view.scenes[date]
        part.add(traits.saturated[:, date], saturated(scene, bands, part.values(view.stored[date])))
        blocks = setting.blocks[date]
        if blocks is not None:
            _block_steps(traits.steps[:, date], part, date, blocks)
    noise = setting.noise.astype(np.float32)[:, None]
    part.add(traits.energy[:, 0], (((own[1] - view.mean - own[0]) / noise) ** 2).mean(axis=0))
    first, second = part.values(view.bright)
    part.add(traits.energy[:, 1], (second - first).astype(np.float64) ** 2)
    traits.displaced[:] += left_over(
        view.bright[0],
        view.bright[1],
        view.seen,
        (part.rows, part.cols),
        place=part.place,
        count=len(traits.pixels),
        errors=view.errors[part.which],
        displacements=setting.displacements,
    )
    if setting.parts is not None:
        part.add(traits.seam, _at_seam(view.window, setting)[part.rows, part.cols])


def _rings(traits: Traits, part: _Part, setting: Setting) -> None:
    """Sums over the rings around regions, and over their sides towards and away from the sun."""
    part.add(traits.ring_pixels)
    own = [part.values(image) for image in part.view.images]
    for date in (0, 1):
        _squares(part, traits.ring[:, date], own[date])
        slopes = part.slopes(date, setting.noise).astype(np.float64)
        part.add(traits.texture[:, date], np.sqrt((slopes**2).sum(axis=1)).mean(axis=0))
    for sun, shadow in enumerate(setting.shadow):
        if shadow is None:
            continue
        away = np.tensordot(np.array(unit(shadow)), part.view.outward[:, part.which], axes=1)
        for side, chosen in enumerate((away < -_TOWARDS, away > _TOWARDS)):
            part.add(traits.side_pixels[:, sun, side], chosen)
            for date, bands in enumerate(own):
                for band, values in enumerate(bands):
                    part.add(traits.sides[:, sun, side, date, band], values * chosen)


def _outlines(traits: Traits, part: _Part, setting: Setting) -> None:
    """Sums along the outlines: the gradient across them."""
    part.add(traits.outline_pixels)
    normal = part.view.outward[:, None, part.which].astype(np.float64)
    for date in (0, 1):
        across = (part.slopes(date, setting.noise) * normal).sum(axis=0)
        part.add(traits.outline[:, date], np.sqrt((across**2).sum(axis=0)))


def _squares(part: _Part, total: Floats, values: NDArray[np.float32]) -> None:
    """Sums and sums of squares by band, into ``total`` of shape (regions, 2, bands)."""
    for band, own in enumerate(values.astype(np.float64)):
        part.add(total[:, 0, band], own)
        part.add(total[:, 1, band], own * own)


def _block_steps(total: Floats, part: _Part, date: int, blocks: Vector) -> None:
    """Steps from a pixel to the next one, along rows and along cols, apart by block borders."""
    view = part.view
    grey = part.values(view.images[date]).mean(axis=0)
    for axis, (dr, dc) in enumerate(((1, 0), (0, 1))):
        beside = part.values(view.images[date], down=dr, across=dc).mean(axis=0)
        step = np.abs(beside - grey).astype(np.float64)
        seen = view.seen[part.rows + dr, part.cols + dc]
        start = (part.rows + view.window.top, part.cols + view.window.left)[axis]
        border = (start + 1 - blocks[axis]) % 8 == 0
        for place, chosen in enumerate((border & seen, ~border & seen)):
            for power, values in enumerate((chosen, step * chosen, step * step * chosen)):
                part.add(total[:, place, power], values)


def _at_seam(window: Window, setting: Setting) -> NDArray[np.bool_]:
    """Pixels of the window within the ring's reach of another part of a mosaic."""
    if setting.parts is None:
        return np.zeros(window.shape, bool)
    wide = window.padded(RING)
    number = setting.parts.on_grid(
        np.arange(wide.top, wide.bottom, dtype=np.float64),
        np.arange(wide.left, wide.right, dtype=np.float64),
    )
    size = 2 * RING + 1
    low, high = ndimage.minimum_filter(number, size), ndimage.maximum_filter(number, size)
    return np.asarray((low != high)[window.within(wide)])


@compiled(
    f"void({readonly('float32', 3)}, {readonly('boolean', 2)}, {readonly('float32', 1)}, "
    f"{readonly('int64', 1)}, {readonly('int64', 1)}, float32[:,:,::1])"
)
def _slopes(
    image: NDArray[np.float32],
    seen: NDArray[np.bool_],
    noise: NDArray[np.float32],
    rows: Of,
    cols: Of,
    found: NDArray[np.float32],
) -> None:
    """The mean of the differences to both neighbours, or to the one that is seen; 0 with none."""
    bands, height, width = image.shape
    for pixel in range(len(rows)):
        row, col = rows[pixel], cols[pixel]
        for axis in range(2):
            down, across = 1 - axis, axis
            first = row - down >= 0 and col - across >= 0 and seen[row - down, col - across]
            last = row + down < height and col + across < width and seen[row + down, col + across]
            for band in range(bands):
                here, step = image[band, row, col] / noise[band], np.float32(0)
                if first:
                    step += here - image[band, row - down, col - across] / noise[band]
                if last:
                    step += image[band, row + down, col + across] / noise[band] - here
                found[axis, band, pixel] = step / np.float32(2 if first and last else 1)
