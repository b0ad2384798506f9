"""Objects of known area, planted into unchanged ground, as the later of two images shows them.

The ground is one image used twice, each time with noise of its own; the later image has objects
whose outlines are polygons at any place between the pixels.  A sensor's blur makes shares of pixels
of them; then the later image is resampled once, and lies beside the earlier one by what its
registration failed to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine
from scipy import ndimage

CELL, CELLS, MARGIN = 96, 3, 16
SIDE = CELL * CELLS + 2 * MARGIN
"""An object a cell of a lattice, in a ground of this many px a side."""

SHAPES = ("rectangle", "L", "disc", "wall")
FINE = 8
"""Steps to a pixel in which the shares of pixels are counted."""

Image = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Planted:
    """An object, and how it was made."""

    shape: str
    outline: shapely.Polygon
    """In pixel coordinates: x the column, y the row, whole numbers at the pixels' corners."""

    contrast: float
    """Relative to the ground around it; below 0 where it is darker."""

    opaque: bool
    """Whether it covers the ground; else the ground's texture stays, brighter or darker."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """An aligned pair with what was planted into its later image."""

    before: Image
    after: Image
    objects: tuple[Planted, ...]
    blur: float
    """Deviation of the sensor's point spread, px."""

    beside: float
    """How far the later image lies beside the earlier one, px."""


def plant(ground: Image, rng: np.random.Generator) -> Trial:
    """A pair of one ground, of shape (band, ``SIDE``, ``SIDE``), with an object in every cell."""
    blur, noise = float(rng.uniform(0.4, 0.8)), float(np.exp(rng.uniform(*np.log([0.005, 0.03]))))
    angle, beside = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 0.4))
    objects = tuple(
        _object(col, row, rng, SHAPES[int(rng.integers(len(SHAPES)))])
        for row in range(CELLS)
        for col in range(CELLS)
    )
    # The raw image lies at any place between the pixels; what is left of that is ``beside``.
    away = rng.uniform(-0.5, 0.5, 2)
    left = beside * np.array([np.sin(angle), np.cos(angle)])
    raw = _moved(ground, away)
    for item in objects:
        raw = _covered(raw, item, away=away, blur=blur, rng=rng)
    level = ground.mean(axis=(1, 2), keepdims=True)
    before, raw = (_seen(image, noise * level, rng) for image in (ground, raw))
    return Trial(
        before=before, after=_moved(raw, left - away), objects=objects, blur=blur, beside=beside
    )


def _object(col: int, row: int, rng: np.random.Generator, shape: str) -> Planted:
    middle = MARGIN + CELL * (np.array([col, row]) + 0.5) + rng.uniform(-0.5, 0.5, 2)
    # Half of what is built lies along the pixels, as it does where streets run to the north.
    turn = rng.uniform(0, 180) if rng.random() < 0.5 else rng.normal(0, 1)
    outline = shapely.affinity.rotate(_shape(shape, rng), turn, origin=(0, 0))
    return Planted(
        shape=shape,
        outline=shapely.affinity.translate(outline, *middle),
        contrast=float(rng.uniform(0.1, 0.6) * rng.choice([-1, 1])),
        opaque=bool(rng.random() < 0.5),
    )


def _shape(shape: str, rng: np.random.Generator) -> shapely.Polygon:
    """Around (0, 0), sides from 4 to 60 px; walls are 2 px wide."""
    a, b = np.exp(rng.uniform(*np.log([4, 60]), 2))
    if shape == "disc":
        return shapely.Point(0, 0).buffer(a / 2, quad_segs=64)
    if shape == "wall":
        return shapely.box(-max(a, 8) / 2, -1, max(a, 8) / 2, 1)
    whole = shapely.box(-a / 2, -b / 2, a / 2, b / 2)
    if shape == "rectangle":
        return whole
    arms = rng.uniform(0.35, 0.65, 2) * (a, b)
    return whole - shapely.box(a / 2 - arms[0], b / 2 - arms[1], a, b)


def _covered(
    image: Image, item: Planted, *, away: NDArray[np.float64], blur: float, rng: np.random.Generator
) -> Image:
    """The image with an object, blurred, moved by ``away`` (rows, cols)."""
    outline = shapely.affinity.translate(item.outline, away[1], away[0])
    left, top, right, bottom = (int(v) for v in np.floor(outline.bounds))
    rows, cols = slice(top - 5, bottom + 6), slice(left - 5, right + 6)
    height, width = rows.stop - rows.start, cols.stop - cols.start
    fine = rasterize(
        [(outline, 1)],
        out_shape=(height * FINE, width * FINE),
        transform=Affine(1 / FINE, 0, cols.start, 0, 1 / FINE, rows.start),
        dtype="uint8",
    )
    spread = ndimage.gaussian_filter(fine.astype(np.float32), blur * FINE)
    share = spread.reshape(height, FINE, width, FINE).mean(axis=(1, 3))
    part = image[:, rows, cols]
    level = (part * share).sum(axis=(1, 2), keepdims=True) / share.sum()
    bands = rng.uniform(0.8, 1.2, (len(part), 1, 1))
    under = level * (1 + 0.02 * rng.standard_normal(part.shape)) if item.opaque else part
    shown = under * (1 + item.contrast * bands)
    result = image.copy()
    result[:, rows, cols] = part * (1 - share) + shown * share
    return result


def _seen(image: Image, deviation: NDArray[np.float32], rng: np.random.Generator) -> Image:
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(image + deviation * noise, np.float32)


def _moved(image: Image, shift: NDArray[np.float64]) -> Image:
    """The image moved by (rows, cols), by one cubic spline."""
    return np.asarray(ndimage.shift(image, (0, *shift), order=3, mode="mirror"), np.float32)


def windows(files: Sequence[Path], *, most: int, rng: np.random.Generator) -> list[Image]:
    """Grounds of ``SIDE`` px from images, without missing pixels; in turns, so that each counts."""
    from _places import picture

    found = []
    for number in range(20 * most):
        image = picture(files[number % len(files)])
        room = np.array(image.shape[1:]) - SIDE
        if (room < 0).any():
            continue
        top, left = rng.integers(0, room + 1)
        ground = image[:, top : top + SIDE, left : left + SIDE].astype(np.float32)
        if (ground.min(axis=0) > 1).mean() > 0.99:
            found.append(ground)
        if len(found) == most:
            break
    return found
