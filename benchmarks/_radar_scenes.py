"""Pairs of radar images with known truth: ground, what changed on it, speckle, 8 bits.

A pair is made of a ground's mean intensities, a change that multiplies them, what varies without
change, and for either date speckle of its own looks; it is stored as 8-bit amplitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from _nature import Rng, fractal
from numpy.typing import NDArray
from scipy import ndimage, spatial
from skimage.draw import polygon

Image = NDArray[np.float64]

SIDE = 160
GROUNDS = ("fields", "coast", "town", "hills", "ice")
CHANGES = ("flood", "edge", "fields", "strips")
LOOKS = ((1, 1), (3, 3), (4, 4), (8, 8), (4, 1), (1, 3), (8, 3), (3, 5))
"""Of the two dates."""

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2)
NOISE_DB = -20.0
"""What a receiver measures where nothing returns, against the ground's median."""

UNSTEADY_DB, WIND_DB = 0.5, 1.0
"""How far land and water vary between dates without change: standard deviation."""


@dataclass(frozen=True)
class Family:
    """One kind of ground and of change."""

    ground: str
    change: str


class RadarPair(NamedTuple):
    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    truth: NDArray[np.bool_]


FAMILIES = tuple(Family(ground, change) for ground in GROUNDS for change in CHANGES)


def looks_drawn(family: Family, number: int) -> tuple[int, int]:
    """Of the earlier and the later date."""
    return LOOKS[(number + FAMILIES.index(family)) % len(LOOKS)]


def simulated(family: Family, *, number: int, seed: int = 0, side: int = SIDE) -> RadarPair:
    """The ``number``-th pair of a family: looks, share and strength of the change differ."""
    index = FAMILIES.index(family)
    rng = np.random.default_rng([seed, index, number])
    looks = looks_drawn(family, number)
    share = SHARES[(number + 2 * index) % len(SHARES)]
    ground, water = _ground(family.ground, side, rng)
    truth, change = _change(family.change, side, share, rng)
    unsteady = UNSTEADY_DB * fractal((side, side), 3.0, rng) + WIND_DB * rng.normal() * water
    later = ndimage.shift(ground, rng.normal(0, 0.15, 2), order=3, mode="nearest")
    grain = rng.uniform(0, 0.7)
    clip = rng.uniform(0.2, 2.0)  # per cent of the pixels that a stretch makes white
    dark = rng.uniform(0, 1) if number % 2 else 0.0  # or black
    return RadarPair(
        _stored(_speckled(ground, looks[0], grain, rng), clip, dark),
        _stored(_speckled(later + unsteady + change, looks[1], grain, rng), clip, dark),
        truth,
    )


def _ground(kind: str, side: int, rng: Rng) -> tuple[Image, NDArray[np.bool_]]:
    """Mean intensities, dB, and what of it is water."""
    level, _ = _cells(side, 40, rng)
    ground = 2.5 * level + 0.7 * fractal((side, side), 2.0, rng)
    water = np.zeros((side, side), bool)
    if kind == "coast":
        height = fractal((side, side), 3.6, rng)
        water = height < np.quantile(height, rng.uniform(0.3, 0.5))
        ground[water] = rng.uniform(-18, -12)
    elif kind == "town":
        inside = ndimage.gaussian_filter(fractal((side, side), 3.4, rng), 3) > 0.3
        bright = inside & (rng.random((side, side)) < 0.08)
        power = 10 ** (ground / 10)
        power[bright] += 10 ** (rng.uniform(8, 20, bright.sum()) / 10)
        ground = 10 * np.log10(ndimage.gaussian_filter(power, 0.6))
    elif kind == "hills":
        ground = 3.0 * fractal((side, side), 2.8, rng)
    elif kind == "ice":
        floes = fractal((side, side), 3.0, rng)
        water = np.abs(floes) < 0.15  # leads between the floes
        ground = 2.0 * floes - 8.0 * water
    return ground.astype(float), water


def _cells(side: int, count: int, rng: Rng) -> tuple[Image, NDArray[np.intp]]:
    """A level for each of some cells of a plane, and which cell a pixel lies in."""
    seeds = rng.uniform(0, side, (count, 2))
    places = np.indices((side, side)).reshape(2, -1).T
    cell = spatial.cKDTree(seeds).query(places)[1].reshape(side, side)
    return rng.normal(0, 1, count)[cell], cell


def _change(kind: str, side: int, share: float, rng: Rng) -> tuple[NDArray[np.bool_], Image]:
    """Where it changed, and by how many dB."""
    truth = np.zeros((side, side), bool)
    strength = np.zeros((side, side))
    if kind == "flood":
        height = fractal((side, side), 3.4, rng)
        truth = height < np.quantile(height, share)
        strength[:] = -rng.uniform(4, 8)
    elif kind == "edge":  # of ice or a shore, that moved by as much as it takes
        line = side * (0.3 + 0.06 * fractal((2, side), 2.6, rng)[0])
        row = np.arange(side)[:, None]
        truth = (row >= line) & (row < line + share * side)
        strength[:] = rng.choice([-1, 1]) * rng.uniform(3, 8)
    elif kind == "fields":
        _, cell = _cells(side, 100, rng)
        for one in rng.permutation(100):
            if truth.mean() >= share:
                break
            truth |= cell == one
            strength[cell == one] = rng.choice([-1, 1]) * rng.uniform(2, 8)
    elif kind == "strips":
        while truth.mean() < min(share, 0.05):
            here = _strip(side, width=rng.uniform(2, 5), length=rng.uniform(25, 90), rng=rng)
            truth |= here
            strength[here] = rng.choice([-1, 1]) * rng.uniform(4, 8)
    return truth, np.where(truth, strength, 0)


def _strip(side: int, *, width: float, length: float, rng: Rng) -> NDArray[np.bool_]:
    middle, angle = rng.uniform(0.1 * side, 0.9 * side, 2), rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    across = np.array([-np.sin(angle), np.cos(angle)]) * width / 2
    corners = [middle + a * along + b * across for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))]
    row, col = polygon(*np.array(corners).T, (side, side))
    found = np.zeros((side, side), bool)
    found[row, col] = True
    return found


def _speckled(level_db: Image, looks: int, grain: float, rng: Rng) -> Image:
    """Intensities: the mean of the looks' squared circular Gaussians, correlated over ``grain`` px
    (Goodman 1976, J. Optical Society of America 66(11))."""
    mean = 10 ** (level_db / 10) + 10 ** (NOISE_DB / 10)
    total = np.zeros_like(mean)
    for _ in range(looks):
        for part in rng.standard_normal((2, *mean.shape)):
            smooth = ndimage.gaussian_filter(part, grain, mode="wrap") if grain > 0.1 else part
            total += (smooth / smooth.std()) ** 2
    return mean * total / (2 * looks)


def _stored(intensity: Image, clip: float, dark: float) -> NDArray[np.uint8]:
    """Amplitude stretched to 8 bits between two percentiles of its own."""
    amplitude = np.sqrt(intensity)
    low = np.percentile(amplitude, dark) if dark else 0.0
    high = np.percentile(amplitude, 100 - clip)
    return np.clip(np.rint(255 * (amplitude - low) / (high - low)), 0, 255).astype(np.uint8)
