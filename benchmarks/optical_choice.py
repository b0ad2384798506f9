"""Which measure suits which optical pair: objects planted in pairs where nothing else happened.

    python benchmarks/optical_choice.py [--methods cva ...] [--pairs 4] [--readme]

Grounds are simulated: classes with spectra of their own, texture, the sensor's blur and noise.
Between the dates lies one thing at a time (nothing, a misalignment, another season, other light,
other bands), and objects of 9 to 400 px are planted in the later one.  The later image
is normalised as the program does, each measure is fitted and scores.  No labelled image is read.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from _nature import Image, Rng, fractal
from _tables import markdown, publish
from change import average_precision
from numpy.typing import NDArray
from scipy import ndimage

from imagery import difference, normalise
from imagery.measure import normalised
from imagery.options import DifferenceOptions
from imagery.sampling import Pair, Sample, gradients

ROOT = Path(__file__).resolve().parents[1]
SIDE, MARGIN, CLASSES = 256, 12, 9
METHODS = ["cva", "irmad", "robust-cva", "anomalous", "structure", "fused"]
FALSE = 1e-4
"""Share of the unchanged pixels that may pass where recall is told."""

CLEAR = 2
"""Pixels around an object that are not judged: blur reaches there."""


@dataclass(frozen=True)
class Between:
    """What lies between the dates besides the objects."""

    name: str
    bands: int = 4
    shift: float = 0.0
    """Misalignment, px, in a direction drawn by chance."""

    told: float = 0.1
    """What the alignment says of its standard error along an axis, px."""

    season: float = 0.0
    light: float = 0.0
    mixed: float = 0.0
    """Share of its neighbours in each of the later image's bands."""


BETWEEN = (
    Between("nothing"),
    Between("nothing, 6 bands", bands=6),
    Between("0.2 px", shift=0.2, told=0.14),
    Between("0.35 px", shift=0.35, told=0.25),
    Between("0.5 px", shift=0.5, told=0.36),
    Between("0.8 px", shift=0.8, told=0.56),
    Between("1.2 px", shift=1.2, told=0.8),
    Between("a season, weak", season=0.3),
    Between("a season, strong", season=1.0),
    Between("a season, 6 bands", bands=6, season=0.6),
    Between("other light", light=0.15),
    Between("other bands", mixed=0.2),
    Between("other bands, 6", bands=6, mixed=0.2),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    optical = [name for name, method in difference.METHODS.items() if not method.radar]
    parser.add_argument("--methods", nargs="+", choices=optical, default=METHODS)
    parser.add_argument("--pairs", type=int, default=3, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    rows = []
    for index, between in enumerate(BETWEEN):
        found = np.array(
            [
                judged(between, options.methods, np.random.default_rng([options.seed, index, one]))
                for one in range(options.pairs)
            ]
        ).mean(axis=0)
        rows.append([between.name, *(f"{ap:.2f} ({recall:.2f})" for ap, recall in found)])
    text = (
        f"{options.pairs} pairs of each kind, seed {options.seed}: average precision and, in "
        "brackets, the share of the objects' pixels found where one unchanged pixel in 10,000 "
        "passes.\n\n" + markdown(["between the dates", *options.methods], rows)
    )
    print(text)
    if options.readme:
        publish(ROOT, "optical-choice", text)


def judged(between: Between, methods: list[str], rng: Rng) -> list[tuple[float, float]]:
    """Average precision and recall of each measure on one pair."""
    pair, truth, near = simulated(between, rng)
    sample = Sample(
        before=pair.before.reshape(between.bands, -1),
        after=pair.after.reshape(between.bands, -1),
        spill=pair.spill.reshape(2, between.bands, -1),
        seen=truth.size,
        total=truth.size,
    )
    pair = normalised(pair, normalise.METHODS["linear"](sample))
    use = truth | ~near
    found = []
    for name in methods:
        score = scored(name, pair)
        cut = np.quantile(score[~near], 1 - FALSE)
        precision = average_precision(score[use], truth[use])
        found.append((precision, float((score[truth] > cut).mean())))
    return found


def scored(name: str, pair: Pair) -> NDArray[np.float32]:
    bands = len(pair.before)
    away = (pair.after - pair.before).reshape(bands, -1)
    noise = difference.fit_noise(away, quantisation=np.full(bands, 1 / 6))
    method = difference.METHODS[name]
    return method.score(pair, method.fit([pair], noise, DifferenceOptions())).score


def simulated(between: Between, rng: Rng) -> tuple[Pair, NDArray[np.bool_], NDArray[np.bool_]]:
    """A pair, where objects stand in the later image, and what lies within blur of them."""
    side = SIDE + 2 * MARGIN
    label, spectra = _classes(side, rng), rng.uniform(30, 180, (CLASSES, between.bands))
    texture = np.stack([fractal((side, side), 2.0, rng)] * between.bands)
    texture += 0.3 * np.stack([fractal((side, side), 2.0, rng) for _ in range(between.bands)])
    before = _seen(label, spectra, texture)
    ground, truth = _planted(before, rng)
    later = _seen(label, _in_season(spectra, between.season, rng), texture)
    later[:, truth] = ground[:, truth]
    if between.light:
        later = later * (1 + between.light * fractal((side, side), 3.0, rng))
    if between.mixed:
        mixture = (1 - between.mixed) * np.eye(between.bands)
        mixture += between.mixed * rng.dirichlet(np.ones(between.bands), between.bands)
        later = np.tensordot(mixture, later, axes=1)
    angle = rng.uniform(0, 2 * np.pi)
    move = between.shift * np.array([np.sin(angle), np.cos(angle)])
    inner = np.s_[..., MARGIN:-MARGIN, MARGIN:-MARGIN]
    first = _sensed(before, np.zeros(2), rng)[inner]
    second = _sensed(1.1 * later + 8, move, rng)[inner]
    seen = np.ones((SIDE, SIDE), bool)
    pair = Pair(
        before=first,
        after=second,
        spill=gradients(second, seen) * np.float32(between.told),
        error=np.full(seen.shape, between.told, np.float32),
        seen=seen,
    )
    reach = ndimage.binary_dilation(truth, iterations=CLEAR)
    return pair, truth[inner], reach[inner]


def _classes(side: int, rng: Rng) -> NDArray[np.intp]:
    """A patchwork: fields and blocks of many sizes, straight edges."""
    label = np.zeros((side, side), np.intp)
    for size in (80, 40, 20):
        for _ in range(side * side // (4 * size * size)):
            height, width = (int(n) for n in rng.uniform(0.5, 1.5, 2) * size)
            top, left = rng.integers(-size // 2, side, 2)
            place = np.s_[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
            label[place] = rng.integers(CLASSES)
    return label


def _seen(label: NDArray[np.intp], spectra: NDArray[np.float64], texture: Image) -> Image:
    ground = np.moveaxis(spectra[label], -1, 0)
    return (ground * (1 + 0.06 * texture)).astype(np.float32)


def _in_season(spectra: NDArray[np.float64], strength: float, rng: Rng) -> NDArray[np.float64]:
    """Two classes in three are plants, which change alike, each as much as it is plant."""
    plants = np.r_[np.zeros(CLASSES // 3), rng.uniform(0.5, 1, CLASSES - CLASSES // 3)]
    direction = rng.normal(0, 0.5, spectra.shape[1])
    return np.asarray(spectra * np.exp(strength * np.outer(plants, direction)))


def _planted(ground: Image, rng: Rng) -> tuple[Image, NDArray[np.bool_]]:
    """Rectangles of one spectrum that differs from what they stand on by 15 to 40 %."""
    ground, truth = ground.copy(), np.zeros(ground.shape[1:], bool)
    side = len(truth)
    for _ in range(40):
        height, width = (int(n) for n in np.exp(rng.uniform(np.log(3), np.log(20), 2)))
        top, left = rng.integers(MARGIN + 4, side - MARGIN - 24, 2)
        place = np.s_[top : top + height, left : left + width]
        factor = 1 + rng.choice([-1, 1], len(ground)) * rng.uniform(0.15, 0.4, len(ground))
        colour = ground[:, *place].mean(axis=(1, 2)) * factor
        ground[:, *place] = colour[:, None, None]
        truth[place] = True
    return ground, truth


def _sensed(ground: Image, move: NDArray[np.float64], rng: Rng) -> Image:
    """Blurred by half a pixel, moved, with noise, rounded."""
    blurred = ndimage.gaussian_filter(ground, (0, 0.5, 0.5))
    image = ndimage.shift(blurred, (0, *move), order=3, mode="nearest") if move.any() else blurred
    return np.rint(image + rng.normal(0, 1.5, image.shape)).astype(np.float32)


if __name__ == "__main__":
    main()
