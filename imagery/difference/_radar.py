"""The brightness of radar, whose noise multiplies it: ratios, not differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imagery.difference._filters import box_mean
from imagery.difference._model import Noise, Scores
from imagery.difference._noise import fit_maps, sampled
from imagery.difference._patches import Classes, fit_classes, taper
from imagery.options import DifferenceOptions
from imagery.sampling import Pair


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What patches are made of: the choices that ``benchmarks/radar_choice.py`` compares.

    The values are those that do best on its simulated pairs, among the ones that fade.
    """

    size: int = 3
    """Side of the square whose mean is taken of either date, px."""

    fade: float = 0.25
    """Power of the brightness by which a ratio counts for less where it is below the median: on
    calm water and in shadow wind and the receiver decide it."""

    patch: int = 7
    tapered: bool = True
    floor: float = 0.01
    """Share of the median amplitude added to both: receivers measure their own noise, and 8 bits
    hold zeros."""


RECIPE = Recipe()

HALO = RECIPE.size // 2
PATCH_HALO = HALO + RECIPE.patch // 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Ratio:
    """The log ratio where nothing changed, per band."""

    units: str
    recipe: Recipe
    middle: NDArray[np.float64]
    """Median amplitude, shape (bands,)."""

    noise: Noise
    """Of the log ratio of local means."""

    looks: tuple[float, float]
    """Equivalent number of looks of either date, from the most common scatter in 7 × 7 px."""

    classes: Classes | None = None


def fit_ratio(
    tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions, *, recipe: Recipe = RECIPE
) -> Ratio:
    """Median, looks and noise of the log ratio on the sampled tiles."""
    units = options.radar_units
    dates = [
        sampled(tiles, lambda t, i=i: _amplitude((t.before, t.after)[i], units))  # type: ignore[misc]
        for i in (0, 1)
    ]
    bands = len(noise.mean)
    middle = np.ones(bands)
    if dates[0].size:
        middle = np.maximum(np.median((dates[0] + dates[1]) / 2, axis=1), 1e-20).astype(float)
    fitted = Ratio(
        units=units,
        recipe=recipe,
        middle=middle,
        noise=Noise(mean=np.zeros(bands), covariance=np.eye(bands)),
        looks=looks_of(tiles, units),
    )
    ratio = fit_maps(tiles, lambda tile: _log_ratio(tile, fitted)[0])
    return replace(fitted, noise=ratio)


def fit_energy(
    tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions, *, recipe: Recipe = RECIPE
) -> Ratio:
    """The same, and two classes of patches of the weighted ratio."""
    fitted = fit_ratio(tiles, noise, options, recipe=recipe)
    maps = [(_energy(tile, fitted), tile.seen) for tile in tiles]
    side = recipe.patch
    weights = taper(side) if recipe.tapered else np.ones((side, side))
    return replace(fitted, classes=fit_classes(maps, weights=weights))


def log_ratio(pair: Pair, fitted: Ratio) -> Scores:
    """Log ratio of local mean amplitudes, in standard deviations (Dekker 1998).

    Means over 3 × 3 px of either date, the logarithm of their ratio less its typical value, its
    length over the bands in units of its noise.  Speckle multiplies: a difference would find it
    wherever it is bright.
    """
    ratio, _ = _log_ratio(pair, fitted)
    flat = ratio.reshape(len(ratio), -1) - fitted.noise.mean[:, None]
    squared = ((fitted.noise.whitening @ flat) ** 2).sum(axis=0)
    score = np.sqrt(squared).astype(np.float32).reshape(pair.seen.shape)
    return Scores(score=score, signed=_signed(ratio, fitted))


def energy_log_ratio(pair: Pair, fitted: Ratio) -> Scores:
    """Log ratio that counts for less where it is dark, in patches of two classes (Celik 2009).

    The log ratio of means over 3 × 3 px, times the fourth root of the brightness where that is
    below its median, in patches of 7 × 7 px whose middle counts more; the score is where a patch
    lies along the line between the two classes, which bring their own cut.
    """
    if fitted.classes is None:
        raise ValueError("a ratio without classes: it was fitted for another method")
    ratio, _ = _log_ratio(pair, fitted)
    return Scores(score=fitted.classes.along(_energy(pair, fitted)), signed=_signed(ratio, fitted))


def own_cut(fitted: Ratio) -> float:
    """Half-way between the two classes."""
    return fitted.classes.cut if fitted.classes else float("inf")


def _amplitude(values: NDArray[np.float32], units: str) -> NDArray[np.float32]:
    if units == "db":
        return np.power(np.float32(10), np.clip(values, -100, 100) / 20)
    positive = np.maximum(values, 0)
    return np.sqrt(positive) if units == "intensity" else positive


def _log_ratio(pair: Pair, fitted: Ratio) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Log of later over earlier, and the brightness of both in medians; shape (band, row, col)."""
    middle = fitted.middle.astype(np.float32)[:, None, None]
    floor = np.float32(fitted.recipe.floor) * middle
    x, y = (  # sums of zeros may come out a hair below 0
        np.maximum(box_mean(_amplitude(image, fitted.units), pair.seen, size=fitted.recipe.size), 0)
        for image in (pair.before, pair.after)
    )
    ratio = np.where(pair.seen, np.log((y + floor) / (x + floor)), 0)
    return ratio.astype(np.float32), np.asarray((x + y) / 2 / middle, np.float32)


def _energy(pair: Pair, fitted: Ratio) -> NDArray[np.float32]:
    """Weighted ratio of every pixel, shape (row, col), 0 where unseen."""
    mean = fitted.noise.mean.astype(np.float32)[:, None, None]
    ratio, bright = _log_ratio(pair, fitted)
    weighted = np.abs(ratio - mean) * np.minimum(1, bright) ** np.float32(fitted.recipe.fade)
    total = np.sqrt((weighted**2).mean(axis=0))
    return np.where(pair.seen, total, np.float32(0))


def _signed(ratio: NDArray[np.float32], fitted: Ratio) -> NDArray[np.float32]:
    noise = fitted.noise
    weight = 1 / np.sqrt(np.diag(noise.covariance)) / len(ratio)
    signed = np.tensordot(weight, ratio, axes=1) - weight @ noise.mean
    return np.asarray(signed, np.float32)


def looks_of(tiles: Sequence[Pair], units: str) -> tuple[float, float]:
    """Equivalent number of looks of both dates; NaN where nothing tells."""
    return _looks(tiles, 0, units), _looks(tiles, 1, units)


def _looks(tiles: Sequence[Pair], date: int, units: str) -> float:
    """The most common ratio of squared mean to variance of intensities in 7 × 7 px."""
    found = []
    for tile in tiles:
        power = _amplitude((tile.before, tile.after)[date], units)[:1] ** 2
        mean, square = (box_mean(a, tile.seen, size=7) for a in (power, power**2))
        variance = square - mean**2
        use = tile.seen & (mean[0] > 0) & (variance[0] > 1e-6 * mean[0] ** 2)
        found.append(np.log(mean[0][use] ** 2 / variance[0][use]))
    values = np.concatenate(found)
    if len(values) < 100:
        return float("nan")
    counts, edges = np.histogram(values, bins=60)
    calm = np.convolve(counts, np.ones(5), mode="same")
    at = int(calm.argmax())
    return float(np.exp((edges[at] + edges[at + 1]) / 2))
