"""Pairs of invented ground on which nothing happened, but what is planted.

The ground is sampled twice as finely as the pair, and blurred by half a pixel of it.  The earlier
image is every second pixel; the later one lies beside it by smooth local waves, is resampled once,
and has a gain, an offset and a haze of its own.  Both have a sensor's noise, which rises with the
signal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from _displacement import Displacement, random_waves
from _nature import Image, Rng, fractal, orchard, raised, season
from _places import picture, simulated_places
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage

MARGIN = 32
"""Pixels of the fine ground around the pair."""

CELL = 48
"""Objects lie one in a cell of so many px."""

_GAIN = np.array([1.12, 0.95, 1.05])[:, None, None]
_OFFSET = np.array([60.0, -30.0, 20.0])[:, None, None]
_HAZE = 2600 * np.array([1.0, 1.1, 1.25])[:, None, None]
_TINT = np.array([1.05, 1.0, 0.9], np.float32)[:, None, None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """How the later image of a ground differs, without anything having happened."""

    haze: float = 0.12
    wave: float = 0.6
    """Amplitude of displacements of 900 to 2500 px, px; these an alignment follows."""

    distortion: float = 0.0
    """Deviation of displacements of 48 to 96 px, px; these no alignment follows."""

    noise: float = 1.0
    """Times the sensor's usual noise, in both images."""

    season: float = 0.0
    patch: float = 0.0
    """Opacity of a cloud of thin haze over a part of the later image."""


USUAL = Look()


@dataclass(frozen=True, kw_only=True)
class Object:
    """A rectangle that the later image alone shows, in px of the earlier one."""

    top: float
    left: float
    height: float
    width: float
    contrast: float

    def near(self, reach: int = 2) -> tuple[slice, slice]:
        """Its pixels and those around it."""
        return (
            slice(int(self.top) - reach, math.ceil(self.top + self.height) + reach),
            slice(int(self.left) - reach, math.ceil(self.left + self.width) + reach),
        )


def _natural(side: int, rng: Rng, level: float, *waves: tuple[float, float]) -> Image:
    """A surface of fractals, given by depth and slope."""
    shape = (side, side)
    grey = level + sum(depth * fractal(shape, slope, rng) for depth, slope in waves)
    return np.asarray(grey * _TINT, np.float32)


def _built(side: int, rng: Rng, cover: float, sides: tuple[float, float]) -> Image:
    blocks = raised((side, side), rng, cover=cover, sides=sides)
    return np.asarray((85 + 100 * blocks + 8 * fractal((side, side), 2.1, rng)) * _TINT, np.float32)


def _town(side: int, rng: Rng, work: Path) -> Image:
    """Crops of a simulated town, turned by chance, side by side."""
    town = picture(simulated_places(work)[0].files[0])
    step = 700
    ground = np.empty((3, side, side), np.float32)
    for top in range(0, side, step):
        for left in range(0, side, step):
            row, col = (int(rng.integers(length - step)) for length in town.shape[1:])
            crop = np.rot90(
                town[:, row : row + step, col : col + step], int(rng.integers(4)), (1, 2)
            )
            place = ground[:, top : top + step, left : left + step]
            place[...] = crop[:, : place.shape[1], : place.shape[2]]
    return ground


GROUNDS = ("smooth", "rough", "bare", "fields", "roofs", "orchard", "town")


def ground_of(kind: str, size: int, rng: Rng, *, work: Path) -> Image:
    """The fine ground of a pair of ``size`` px, from 1 to 255; (band, row, col)."""
    side = 2 * (size + MARGIN)
    if kind == "smooth":
        image = _natural(side, rng, 110, (14, 3.0), (4, 1.5))
    elif kind == "rough":
        image = _natural(side, rng, 110, (22, 2.2))
    elif kind == "bare":
        image = _natural(side, rng, 130, (8, 2.6), (3, 1.0))
    elif kind == "fields":
        image = _built(side, rng, 0.75, (80, 300))
    elif kind == "roofs":
        image = _built(side, rng, 0.35, (16, 70))
    elif kind == "orchard":
        trees = orchard((side, side), rng, period=16)
        image = trees + 8 * fractal((side, side), 2.4, rng)
    elif kind == "town":
        image = _town(side, rng, work)
    else:
        raise ValueError(f"no such ground: {kind}")
    return np.clip(image, 1, 255).astype(np.float32)


def scattered(
    count: int,
    size: int,
    rng: Rng,
    *,
    sides: tuple[float, float],
    contrasts: tuple[float, float],
    oblong: bool = False,
) -> list[Object]:
    """Objects in cells of their own, away from the border.

    Parameters
    ----------
    sides
        Shortest and longest side, px; both sides of all objects where ``oblong``.
    contrasts
        Least and most, as shares of the ground's brightness, of either sign.
    """
    across = size // CELL - 2
    found = []
    for number in rng.choice(across**2, count, replace=False):
        corner = CELL * (np.array(divmod(int(number), across)) + 1)
        height, width = rng.permutation(sides) if oblong else np.exp(rng.uniform(*np.log(sides), 2))
        room = CELL - 8 - np.array([height, width])
        top, left = corner + 4 + rng.uniform(0, 1, 2) * room
        contrast = rng.uniform(*contrasts) * rng.choice([-1, 1])
        found.append(
            Object(top=top, left=left, height=height, width=width, contrast=float(contrast))
        )
    return found


def truth_of(objects: Sequence[Object], size: int) -> NDArray[np.int32]:
    """The number, from 1, of the object at or beside each pixel; 0 elsewhere."""
    truth = np.zeros((size, size), np.int32)
    for number, item in enumerate(objects, 1):
        truth[item.near()] = number
    return truth


def write_scene(
    folder: Path,
    ground: Image,
    *,
    pixel_m: float,
    rng: Rng,
    look: Look = USUAL,
    objects: Sequence[Object] = (),
) -> tuple[Path, Path]:
    """Write ``before.tif`` and ``after.tif`` (uint16, three bands); their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    size = ground.shape[1] // 2 - MARGIN
    later = season(ground, rng, strength=look.season) if look.season else ground.copy()
    for item in objects:
        rows, cols = (
            slice(round(2 * first) + MARGIN, round(2 * (first + length)) + MARGIN)
            for first, length in ((item.top, item.height), (item.left, item.width))
        )
        later[:, rows, cols] *= 1 + item.contrast
    inner = slice(MARGIN, MARGIN + 2 * size, 2)
    images = {
        "before": 200 + 14 * _blurred(ground)[:, inner, inner],
        "after": _hazed(200 + 14 * _beside(_blurred(later), size, look, rng), look, rng),
    }
    paths = []
    for role, image in images.items():
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        seen = image + look.noise * noise * np.sqrt(144 + 0.12 * image.clip(0))
        paths.append(folder / f"{role}.tif")
        with rasterio.open(
            paths[-1], "w", driver="GTiff", width=size, height=size, count=3, dtype="uint16",
            nodata=0, crs="EPSG:32633", tiled=True, blockxsize=256, blockysize=256,
            transform=from_origin(300_000, 5_200_000, pixel_m, pixel_m),
        ) as dataset:  # fmt: skip
            dataset.write(np.clip(np.rint(seen), 1, 65535).astype(np.uint16))
    return paths[0], paths[1]


def _blurred(image: Image) -> Image:
    return np.stack([ndimage.gaussian_filter(band, 1.0) for band in image])


def _beside(image: Image, size: int, look: Look, rng: Rng) -> Image:
    """Resampled once, beside where it was."""
    long = random_waves(rng, count=4, amplitude=look.wave, lengths=(900, 2500))
    # Four waves of 0.3 to 0.6 times the amplitude: together of about 0.64 times as deviation.
    short = random_waves(rng, count=4, amplitude=look.distortion / 0.64, lengths=(48, 96))
    moved = Displacement(
        centre=((size - 1) / 2, (size - 1) / 2),
        move=(-1.68, 2.37),
        waves=(*long, *(short if look.distortion else ())),
    )
    rows = np.arange(size, dtype=np.float64)[:, None]
    away = moved.of_after(rows, rows.T)
    at = [
        np.broadcast_to(2 * (place - left) + MARGIN, (size, size))
        for place, left in zip((rows, rows.T), away, strict=True)
    ]
    return np.stack([ndimage.map_coordinates(band, at, order=3, mode="reflect") for band in image])


def _hazed(image: Image, look: Look, rng: Rng) -> Image:
    size = image.shape[1]
    rows = np.arange(size, dtype=np.float32)[:, None]
    cols = rows.T
    around = 2 * np.pi / max(size, 1500)
    share = look.haze * (
        1 + np.sin(around * (0.9 * cols + 0.5 * rows)) * np.cos(around * 0.7 * rows)
    )
    if look.patch:
        row, col = rng.uniform(0.25, 0.75, 2) * size
        share = share + look.patch * np.exp(
            -((rows - row) ** 2 + (cols - col) ** 2) / (2 * (size / 8) ** 2)
        )
    return np.asarray((image * _GAIN + _OFFSET) * (1 - share) + _HAZE * share, np.float32)
