"""How the weighted log ratio of radar is made: the choices, on simulated pairs alone.

    python benchmarks/radar_choice.py [--pairs 2] [--seed 0] [--readme]

Every choice is tried on the same pairs, of all kinds of ground and change in ``_radar_scenes.py``,
and judged by the kappa of the regions that it outlines, in the mean over the kinds.  First what is
averaged, how dark ground fades and the patch, all together; then, from the best of these, one thing
at a time.  No labelled image is read.  Takes some minutes.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
from _radar_scenes import FAMILIES, Family, RadarPair, looks_drawn, simulated
from _tables import markdown, publish
from change import judged
from numpy.typing import NDArray
from scipy import ndimage

from imagery.difference import Noise
from imagery.difference._radar import (
    RECIPE,
    Recipe,
    energy_log_ratio,
    fit_energy,
    looks_of,
    own_cut,
)
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

ROOT = Path(__file__).resolve().parents[1]
LEAST_PIXELS = 16

ALIKE, WIDEST = 1.25, 1.25
"""Ratio of looks up to which dates count as alike, and the widest blur that evens them, px."""

SIZES = (1, 3, 5)
FADES = (0.0, 0.25, 0.5)
PATCHES = (5, 7)
OTHERS: tuple[tuple[str, dict[str, object]], ...] = (
    ("patches of 3 px", {"patch": 3}),
    ("patches of 9 px", {"patch": 9}),
    ("patches of 5 px, not tapered", {"patch": 5, "tapered": False}),
    ("patches not tapered", {"tapered": False}),
    ("brightness to the power 1", {"fade": 1.0}),
    ("floor 0.03 of the median", {"floor": 0.03}),
    ("floor 0.1 of the median", {"floor": 0.1}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=2, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.workers) as pool:
        judge = partial(kappas, pool=pool, pairs=options.pairs, seed=options.seed)
        first = [
            Recipe(size=size, fade=fade, patch=patch, tapered=True, floor=0.01)
            for size, fade, patch in product(SIZES, FADES, PATCHES)
        ]
        found = judge(first)
        top = found[int(found.mean(axis=1).argmax())]
        best = first[int(found.mean(axis=1).argmax())]
        rows = [row(told(r), k, top) for r, k in zip(first, found, strict=True)]
        second = [replace(best, **how) for _, how in OTHERS]  # type: ignore[arg-type]
        names = [f"the best of these, {name}" for name, _ in OTHERS]
        rows += [row(n, k, top) for n, k in zip(names, judge(second), strict=True)]
        evened = judge([best], evened=True)
        rows.append(row("the best of these, looks evened", evened[0], top))
    head = ["what is made", "kappa, mean", "against the best", "looks alike", "looks unlike"]
    text = (
        f"{options.pairs} pairs of each of {len(FAMILIES)} kinds, seed {options.seed}. Best of the "
        f"first: {told(best)}. In use: {told(RECIPE)}.\n\n" + markdown(head, rows)
    )
    print(text)
    if options.readme:
        publish(ROOT, "radar-choice", text)


def kappas(
    recipes: list[Recipe],
    *,
    pool: ProcessPoolExecutor,
    pairs: int,
    seed: int,
    evened: bool = False,
) -> NDArray[np.float64]:
    """Shape (recipe, pair); pairs of one family follow each other."""
    work = [(family, number, seed) for family in FAMILIES for number in range(pairs)]
    return np.array(list(pool.map(partial(_of_one, recipes, evened=evened), work, chunksize=2))).T


def _of_one(recipes: list[Recipe], work: tuple[Family, int, int], *, evened: bool) -> list[float]:
    family, number, seed = work
    pair = simulated(family, number=number, seed=seed)
    tile = even(tile_of(pair)) if evened else tile_of(pair)
    return [kappa(tile, pair.truth, recipe) for recipe in recipes]


def kappa(tile: Pair, truth: NDArray[np.bool_], recipe: Recipe) -> float:
    """Of the regions, by the measure's own cut."""
    noise = Noise(mean=np.zeros(1), covariance=np.eye(1))  # of differences: a ratio needs none
    fitted = fit_energy([tile], noise, DifferenceOptions(radar_units="amplitude"), recipe=recipe)
    score = energy_log_ratio(tile, fitted).score
    change = _regions(score > own_cut(fitted))
    valid = np.ones(change.shape, bool)
    return judged(score, change, truth.astype(np.uint8), valid).kappa


def even(tile: Pair) -> Pair:
    """With the date of fewer looks blurred until its speckle is as strong as the other's."""
    looks = looks_of([tile], "amplitude")
    if max(looks) < ALIKE * min(looks):
        return tile
    fewer = "before" if looks[0] < looks[1] else "after"
    narrow, wide = 0.0, WIDEST
    for _ in range(6):
        sigma = (narrow + wide) / 2
        power = ndimage.gaussian_filter(getattr(tile, fewer) ** 2, (0, sigma, sigma))
        blurred = replace(tile, **{fewer: np.sqrt(power)})  # type: ignore[arg-type]
        now = looks_of([blurred], "amplitude")[fewer == "after"]
        narrow, wide = (sigma, wide) if now < max(looks) else (narrow, sigma)
    return blurred


def _regions(candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    label, _ = ndimage.label(candidates, np.ones((3, 3)))
    large = np.bincount(label.ravel()) >= LEAST_PIXELS
    large[0] = False
    return np.asarray(large[label])


def tile_of(pair: RadarPair) -> Pair:
    before, after = (image.astype(np.float32)[None] for image in (pair.before, pair.after))
    shape = before.shape[1:]
    return Pair(
        before=before,
        after=after,
        spill=np.zeros((2, *before.shape), np.float32),
        error=np.full(shape, 0.1, np.float32),
        seen=np.ones(shape, bool),
    )


def told(recipe: Recipe) -> str:
    return (
        f"means of {recipe.size} px, brightness to the power {recipe.fade:g}, patches of "
        f"{recipe.patch} px"
    )


def row(name: str, found: NDArray[np.float64], best: NDArray[np.float64]) -> list[str]:
    """Means over the pairs; how far from the best, with the standard error of that."""
    pairs = len(found) // len(FAMILIES)
    work = [(family, number) for family in FAMILIES for number in range(pairs)]
    unlike = np.array([len(set(looks_drawn(*one))) > 1 for one in work])
    away = found - best
    return [
        name,
        f"{found.mean():.3f}",
        f"{away.mean():+.3f} ± {away.std() / np.sqrt(len(away)):.3f}",
        f"{found[~unlike].mean():.3f}",
        f"{found[unlike].mean():.3f}",
    ]


if __name__ == "__main__":
    main()
