"""Patches of a map of differences, parted into two classes along their principal components."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_COMPONENTS = 3
_ROUNDS = 100
_MOST = 100_000
"""Patches that a fit looks at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Classes:
    """A line between two classes of patches, from the unchanged one's middle through the other's.

    Where a patch lies along it is linear in the patch: a correlation with a kernel.
    """

    kernel: NDArray[np.float64]
    """Shape (size, size)."""

    start: float
    """Where the unchanged class lies along the line (its median)."""

    spread: float
    """Its standard deviation, by the median, in which scores are told."""

    cut: float
    """The score half-way between the classes' middles."""

    def along(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """How far the patch around each pixel lies from the unchanged class, never below 0.

        Parameters
        ----------
        values
            Of shape (row, col), 0 where unseen: no difference is taken for granted there.
        """
        place = ndimage.correlate(values.astype(np.float64), self.kernel, mode="constant")
        return np.asarray(np.maximum((place - self.start) / self.spread, 0), np.float32)


def taper(size: int) -> NDArray[np.float64]:
    """Weights of a patch's pixels: their squares are a Gaussian of a quarter of the patch's side.

    With equal weights a patch reaches as far as its corner, and every outline grows by that.
    """
    away = np.arange(size) - size // 2
    sigma = size / 4
    one = np.exp(-(away**2) / (4 * sigma**2))
    return np.outer(one, one)


def fit_classes(
    maps: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]], *, weights: NDArray[np.float64]
) -> Classes:
    """Two classes of patches: principal components, then two means (Celik 2009).

    Parameters
    ----------
    maps
        Values and where they are seen, of shape (row, col) each; 0 where unseen.
    weights
        Of a patch's pixels, shape (size, size).
    """
    patches = _patches(maps, weights)
    empty = Classes(kernel=np.zeros(weights.shape), start=0.0, spread=1.0, cut=np.inf)
    if patches.shape[0] < 2:
        return empty
    middle = patches.mean(axis=0)
    _, axes = np.linalg.eigh((patches - middle).T @ (patches - middle))
    axes = axes[:, ::-1][:, :_COMPONENTS]
    places = (patches - middle) @ axes
    upper = _two_means(places, patches.sum(axis=1))
    if not upper.any() or upper.all():
        return empty
    low, high = places[~upper].mean(axis=0), places[upper].mean(axis=0)
    length = float(np.linalg.norm(high - low))
    line = axes @ ((high - low) / max(length, 1e-30))
    along = patches @ line
    start = float(np.median(along[~upper]))
    spread = 1.4826 * float(np.median(np.abs(along[~upper] - start)))
    spread = max(spread, 1e-6 * length, 1e-30)
    half = float((along[~upper].mean() + along[upper].mean()) / 2)
    return Classes(
        kernel=line.reshape(weights.shape) * weights,
        start=start,
        spread=spread,
        cut=(half - start) / spread,
    )


def _patches(
    maps: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Patches around every n-th seen pixel, tapered, one a row."""
    size = len(weights)
    step = max(1, -(-sum(int(seen.sum()) for _, seen in maps) // _MOST))
    found = []
    for values, seen in maps:
        row, col = (at[::step] for at in np.nonzero(seen))
        if not len(row):
            continue
        padded = np.pad(values, size // 2)
        around = np.lib.stride_tricks.sliding_window_view(padded, (size, size))
        found.append((around[row, col] * weights).reshape(len(row), -1))
    return np.concatenate(found or [np.zeros((0, size * size))]).astype(np.float64)


def _two_means(places: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which of the places belong to the class of larger patches; begun at their mean."""
    upper = size > size.mean()
    for _ in range(_ROUNDS):
        if not upper.any() or upper.all():
            break
        centres = [places[~upper].mean(axis=0), places[upper].mean(axis=0)]
        near = [((places - centre) ** 2).sum(axis=1) for centre in centres]
        settled = near[1] < near[0]
        if (settled == upper).all():
            break
        upper = settled
    if upper.any() and not upper.all() and size[upper].mean() < size[~upper].mean():
        return np.asarray(~upper)
    return np.asarray(upper)
