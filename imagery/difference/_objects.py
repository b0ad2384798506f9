"""Regions that both dates share, compared as wholes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._noise import fit_noise, mahalanobis
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_STEP = 8
"""Distance of the regions' seeds, px; they lie on the grid's own lattice."""

_ROUNDS = 3
_COMPACT = 2.0
"""Standard deviations of the noise that count as much as one step in distance."""

HALO = 2 * _STEP * (_ROUNDS + 1)
"""A round moves a region by what lies within two steps of its seed's cell, and no farther."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """How the mean differences of unchanged regions are spread."""

    regions: Noise
    effective: float
    """Pixels of a region that are as good as independent ones."""

    noise: Noise


def fit_objects(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Objects:
    """The noise of regions on the sampled tiles."""
    found = []
    for tile in tiles:
        label = _regions(tile, noise)
        mean, count = _means(tile.after - tile.before, label)
        found.append(mean[:, count > 0])
    means = np.concatenate(found, axis=1).astype(np.float32)
    bands = len(noise.mean)
    if means.shape[1] < 2:
        return Objects(regions=noise, effective=1.0, noise=noise)
    floor = 1e-6 * np.diag(noise.covariance)
    regions = fit_noise(means, quantisation=floor)
    effective = np.trace(np.linalg.solve(regions.covariance, noise.covariance)) / bands
    return Objects(regions=regions, effective=float(effective), noise=noise)


def objects(pair: Pair, fitted: Objects) -> Scores:
    """Mean difference of a region of both dates, in units of that of regions (Hotelling 1931).

    Superpixels on both dates at once (after Achanta et al. 2012), seeded every 8 px on the grid's
    lattice and moved by three rounds, so that any tiling finds the same; T² of their mean
    difference with the covariance of unchanged regions' means.  What is smaller than a region is
    lost in it.
    """
    label = _regions(pair, fitted.noise)
    mean, _ = _means(pair.after - pair.before, label)
    squared = mahalanobis(mean - fitted.regions.mean[:, None], fitted.regions.covariance)
    score = np.where(label >= 0, np.sqrt(squared)[label], 0).astype(np.float32)
    return Scores(score=score, signed=brighter(pair, fitted.noise))


def _regions(pair: Pair, noise: Noise) -> NDArray[np.int64]:
    """The region of each pixel, shape (row, col); -1 where unseen."""
    rows, cols = pair.seen.shape
    sigma = np.sqrt(np.diag(noise.covariance)).astype(np.float32)[:, None, None]
    # From the tile's own middle, so that 32 bits hold what differs; seeds are means, and follow.
    stack = np.concatenate([pair.before / sigma, pair.after / sigma])
    row, col = np.indices((rows, cols)) + np.array([pair.top, pair.left])[:, None, None]
    cell = (row // _STEP - pair.top // _STEP + 1), (col // _STEP - pair.left // _STEP + 1)
    across = (pair.left + cols - 1) // _STEP - pair.left // _STEP + 3
    down = (pair.top + rows - 1) // _STEP - pair.top // _STEP + 3
    away = np.stack([row - row.min(initial=0), col - col.min(initial=0)])
    place = away.astype(np.float32) * np.float32(_COMPACT / _STEP)
    features = np.concatenate([stack, place])
    own = cell[0] * across + cell[1]
    label = np.where(pair.seen, own, -1)
    for _ in range(_ROUNDS):
        centre, count = _means(features, label, size=down * across)
        label = _nearest(features, own, centre, count, across)
        label[~pair.seen] = -1
    return label


def _nearest(
    features: NDArray[np.float32],
    own: NDArray[np.int64],
    centre: NDArray[np.float64],
    count: NDArray[np.int64],
    across: int,
) -> NDArray[np.int64]:
    """The nearest of the nine seeds of a pixel's own cell and those around."""
    least = np.full(own.shape, np.inf, np.float32)
    label = own.copy()
    known = centre.astype(np.float32)
    for step in (0, *(r * across + c for r in (-1, 0, 1) for c in (-1, 0, 1) if r or c)):
        there = own + step
        squared = np.zeros(own.shape, np.float32)
        for band, seeds in zip(features, known, strict=True):
            squared += (band - seeds[there]) ** 2
        squared[count[there] == 0] = np.inf
        nearer = squared < least
        least[nearer], label[nearer] = squared[nearer], there[nearer]
    return label


def _means(
    data: NDArray[np.float32], label: NDArray[np.int64], *, size: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Mean of each region, shape (band, region), and its pixels; 0 where it has none."""
    seen = label >= 0
    of = label[seen]
    size = max(size, int(of.max(initial=0)) + 1)
    count = np.bincount(of, minlength=size)
    total = np.stack([np.bincount(of, band[seen], minlength=size) for band in data])
    return total / np.maximum(count, 1), count
