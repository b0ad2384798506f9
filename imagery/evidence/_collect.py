"""Sums over regions, tile by tile, of what both images show in and around each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window
from imagery.env import open_raster
from imagery.evidence._displaced import left_over
from imagery.evidence._model import Floats, Traits, Vector
from imagery.evidence._setting import Setting, unit
from imagery.observed import saturated
from imagery.sampling import PairReader, gradients
from imagery.scoring import Measure

_GAP, _RING = 2, 6
"""A ring reaches from beyond so many px around a region, which its blurred outline takes, to so
many."""

_SPREAD = 3.0
"""Standard deviation, px, of the Gaussian that tells which way is out of a region."""

_TOWARDS = math.cos(math.radians(60))
"""A side of a region faces a direction within 60° of it."""

_EIGHT = np.ones((3, 3), bool)

Of = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class TraitReader:
    """Collects the traits of the regions in a tile.  Small, and fit to travel."""

    pair: PairReader
    measure: Measure
    setting: Setting
    changes: Path
    """The raster of region ids, over the display window."""

    display: Window

    @property
    def margin(self) -> int:
        """Pixels read around a tile."""
        around = _RING + math.ceil(2 * _SPREAD)
        return max(around, math.ceil(self.setting.displacements.reach) + 2, self.pair.halo)

    def __call__(self, window: Window) -> tuple[Of, Traits] | None:
        """Ids, and sums of that part of each that lies in the window; None where there is none."""
        padded = window.padded(self.margin)
        labels = self._labels(padded)
        if not labels.any():
            return None
        view = self._view(window, padded, labels)
        ids = np.unique(view.grown[view.grown > 0]).astype(np.int64)
        if not len(ids):
            return None
        traits = Traits.none(
            len(ids),
            bands=len(self.measure.noise.mean),
            displacements=len(self.setting.displacements),
        )
        _insides(traits, view, view.of(view.inside, ids), window, self)
        _rings(traits, view, view.of(view.ring, ids), self)
        _outlines(traits, view, view.of(view.rim, ids))
        return ids - 1, traits

    def _labels(self, padded: Window) -> NDArray[np.uint32]:
        labels = np.zeros(padded.shape, np.uint32)
        there = padded.clipped(self.display)
        if there.empty:
            return labels
        place = there.shifted(-self.display.top, -self.display.left)
        with open_raster(self.changes) as raster:
            labels[there.within(padded)] = raster.read(
                1, window=((place.top, place.bottom), (place.left, place.right))
            )
        return labels

    def _view(self, window: Window, padded: Window, labels: NDArray[np.uint32]) -> _View:
        before, after = self.pair.read(padded.padded(-self.pair.halo))
        mapped = self.measure.radiometry.apply(after.data)
        scale = self.setting.noise.astype(np.float32)[:, None, None]
        images = before.data, mapped
        seen = before.valid & after.valid
        full = np.stack(
            [
                saturated(scene, bands, raster.data)
                for scene, bands, raster in (
                    (self.pair.before, self.pair.before_bands, before),
                    (self.pair.after, self.pair.after_bands, after),
                )
            ]
        )
        mean = self.measure.noise.mean.astype(np.float32)[:, None, None]
        grown, rounds = grow(labels, rounds=_RING)
        own = window.within(padded)
        return _View(
            own=own,
            grown=grown[own],
            inside=labels[own],
            ring=np.where(rounds > _GAP, grown, np.uint32(0))[own],
            rim=_rim(labels, grown, rounds)[own],
            seen=seen,
            images=images,
            slopes=tuple(gradients(x / scale, seen) for x in images),
            # Taken off the later image: where nothing changed, both are the same on average.
            bright=(
                (before.data / scale).mean(axis=0),
                ((mapped - mean) / scale).mean(axis=0),
            ),
            energy=(((mapped - mean - before.data) / scale) ** 2).mean(axis=0),
            full=full,
            errors=self.pair.errors(padded),
            outward=outward(labels > 0),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _View:
    """Both images around a tile; arrays cover the padded window but for the first few."""

    own: tuple[slice, slice]
    """Cuts the tile itself out."""

    grown: NDArray[np.uint32]
    """The tile: ids of regions, and around them that of the region which is nearest."""

    inside: NDArray[np.uint32]
    ring: NDArray[np.uint32]
    """The tile: ids in regions, and in the rings around them."""

    rim: NDArray[np.uint32]
    """The tile: ids at the two rows of pixels along each outline."""

    seen: NDArray[np.bool_]
    images: tuple[NDArray[np.float32], NDArray[np.float32]]
    slopes: tuple[NDArray[np.float32], ...]
    """Shape (2, band, row, col), in units of noise, for either date."""

    bright: tuple[NDArray[np.float32], NDArray[np.float32]]
    energy: NDArray[np.float32]
    full: NDArray[np.bool_]
    errors: NDArray[np.float32]
    outward: NDArray[np.float32]

    def of(self, image: NDArray[np.uint32], ids: Of) -> _Pixels:
        """Those pixels of the tile that have one of the ids, and are seen in both images."""
        rows, cols = np.nonzero((image > 0) & self.seen[self.own])
        return _Pixels(
            rows=rows + self.own[0].start,
            cols=cols + self.own[1].start,
            place=np.searchsorted(ids, image[rows, cols].astype(np.int64)),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pixels:
    """Pixels of a padded window, and the place of the region that each belongs to."""

    rows: NDArray[np.int64]
    cols: NDArray[np.int64]
    place: Of

    def add(self, total: Floats, values: NDArray[Any] | None = None) -> None:
        """Add values of shape (pixels,), or 1 each, to the regions' totals; in place."""
        weights = None if values is None else values.astype(np.float64)
        total += np.bincount(self.place, weights=weights, minlength=len(total))


def grow(
    labels: NDArray[np.uint32], *, rounds: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Regions grown by so many px, and the round that reached each pixel, 0 inside.

    Where two meet, the pixel goes to the larger id: by a rule that looks no farther than it grows,
    so that tiles agree with the whole.
    """
    grown, reached = labels.copy(), np.zeros(labels.shape, np.uint8)
    for number in range(1, rounds + 1):
        around = ndimage.maximum_filter(grown, size=3, mode="constant")
        free = (grown == 0) & (around > 0)
        grown[free], reached[free] = around[free], number
    return grown, reached


def outward(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unit vectors that lead out of regions, shape (2, row, col); 0 far from any."""
    near = ndimage.gaussian_filter(inside.astype(np.float32), _SPREAD, mode="nearest", truncate=2.0)
    slope = -np.stack(np.gradient(near))
    length = np.hypot(*slope)
    return np.asarray(slope / np.maximum(length, np.float32(1e-6)), np.float32)


def _rim(
    labels: NDArray[np.uint32], grown: NDArray[np.uint32], rounds: NDArray[np.uint8]
) -> NDArray[np.uint32]:
    """Ids at the pixels on either side of each outline."""
    inner = (labels > 0) & ~ndimage.binary_erosion(labels > 0, structure=_EIGHT, border_value=1)
    return np.where(inner | (rounds == 1), grown, np.uint32(0))


def _insides(
    traits: Traits, view: _View, pixels: _Pixels, window: Window, reader: TraitReader
) -> None:
    """Sums over the pixels of regions."""
    at = pixels.rows, pixels.cols
    pixels.add(traits.pixels)
    # Counted from the display, so that squares of them lose no digit in a large grid.
    rows = at[0] + window.top - reader.margin - reader.display.top
    cols = at[1] + window.left - reader.margin - reader.display.left
    for place, values in enumerate((rows, cols, rows * rows, rows * cols, cols * cols)):
        pixels.add(traits.moments[:, place], values)
    for date, image in enumerate(view.images):
        for band, values in enumerate(image):
            own = values[at].astype(np.float64)
            pixels.add(traits.inside[:, date, 0, band], own)
            pixels.add(traits.inside[:, date, 1, band], own * own)
            for axis in (0, 1):
                pixels.add(traits.gradient[:, date, band, axis], view.slopes[date][axis, band][at])
        pixels.add(traits.saturated[:, date], view.full[date][at])
        blocks = reader.setting.blocks[date]
        if blocks is not None:
            _block_steps(traits.steps[:, date], view, pixels, image, blocks, window, reader.margin)
    own = (view.bright[1] - view.bright[0])[at].astype(np.float64)
    pixels.add(traits.energy[:, 0], view.energy[at])
    pixels.add(traits.energy[:, 1], own * own)
    traits.displaced[:] = left_over(
        *view.bright,
        view.seen,
        at,
        place=pixels.place,
        count=len(traits.pixels),
        errors=view.errors[at],
        displacements=reader.setting.displacements,
    )
    if reader.setting.parts is not None:
        rows, cols = (x - cut.start for x, cut in zip(at, view.own, strict=True))
        pixels.add(traits.seam, _at_seam(window, reader)[rows, cols])


def _rings(traits: Traits, view: _View, pixels: _Pixels, reader: TraitReader) -> None:
    """Sums over the rings around regions, and over their sides towards and away from the sun."""
    at = pixels.rows, pixels.cols
    pixels.add(traits.ring_pixels)
    values = [[band[at].astype(np.float64) for band in image] for image in view.images]
    for date, bands in enumerate(values):
        for band, own in enumerate(bands):
            pixels.add(traits.ring[:, date, 0, band], own)
            pixels.add(traits.ring[:, date, 1, band], own * own)
        slope = np.sqrt((view.slopes[date][:, :, at[0], at[1]].astype(np.float64) ** 2).sum(axis=1))
        pixels.add(traits.texture[:, date], slope.mean(axis=0))
    for sun, shadow in enumerate(reader.setting.shadow):
        if shadow is None:
            continue
        away = np.tensordot(np.array(unit(shadow)), view.outward[:, at[0], at[1]], axes=1)
        for side, chosen in enumerate((away < -_TOWARDS, away > _TOWARDS)):
            pixels.add(traits.side_pixels[:, sun, side], chosen)
            for date, bands in enumerate(values):
                for band, own in enumerate(bands):
                    pixels.add(traits.sides[:, sun, side, date, band], own * chosen)


def _outlines(traits: Traits, view: _View, pixels: _Pixels) -> None:
    """Sums along the outlines: the gradient across them."""
    at = pixels.rows, pixels.cols
    pixels.add(traits.outline_pixels)
    normal = view.outward[:, None, at[0], at[1]].astype(np.float64)
    for date in (0, 1):
        across = (view.slopes[date][:, :, at[0], at[1]] * normal).sum(axis=0)
        pixels.add(traits.outline[:, date], np.sqrt((across**2).sum(axis=0)))


def _block_steps(
    total: Floats,
    view: _View,
    pixels: _Pixels,
    image: NDArray[np.float32],
    blocks: Vector,
    window: Window,
    margin: int,
) -> None:
    """Steps from a pixel to the next one, along rows and along cols, apart by block borders."""
    grey = image.mean(axis=0)
    rows, cols = pixels.rows, pixels.cols
    for axis, (dr, dc) in enumerate(((1, 0), (0, 1))):
        step = np.abs(grey[rows + dr, cols + dc] - grey[rows, cols]).astype(np.float64)
        seen = view.seen[rows + dr, cols + dc]
        start = (rows + window.top, cols + window.left)[axis] - margin
        border = (start + 1 - blocks[axis]) % 8 == 0
        for place, chosen in enumerate((border & seen, ~border & seen)):
            for power, values in enumerate((chosen, step * chosen, step * step * chosen)):
                pixels.add(total[:, place, power], values)


def _at_seam(window: Window, reader: TraitReader) -> NDArray[np.bool_]:
    """Pixels of the tile within the ring's reach of another part of a mosaic."""
    parts = reader.setting.parts
    wide = window.padded(_RING)
    if parts is None:
        return np.zeros(window.shape, bool)
    number = parts.on_grid(
        np.arange(wide.top, wide.bottom, dtype=np.float64),
        np.arange(wide.left, wide.right, dtype=np.float64),
    )
    size = 2 * _RING + 1
    low, high = ndimage.minimum_filter(number, size), ndimage.maximum_filter(number, size)
    return np.asarray((low != high)[window.within(wide)])
