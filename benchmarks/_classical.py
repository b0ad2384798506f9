"""Classical change detection, written plainly, to stand beside ours on the same pixels.

Each takes two images as float arrays of shape (band, row, col) and where both are valid, and gives
a score, shape (row, col), and a map of changes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import chi2
from skimage.filters import threshold_otsu

Image = NDArray[np.float64]
Answer = tuple[Image, NDArray[np.bool_]]


def cva_otsu(before: Image, after: Image, valid: NDArray[np.bool_]) -> Answer:
    """Length of the difference of z-scored bands (Malila 1980), Otsu's cut."""
    return _cut(_length(before, after, valid), valid)


def irmad_otsu(before: Image, after: Image, valid: NDArray[np.bool_]) -> Answer:
    """Root of IR-MAD's chi-square (Nielsen 2007), Otsu's cut."""
    x, y = before[:, valid], after[:, valid]
    bands, weight, last = len(x), np.ones(x.shape[1]), np.zeros(len(x))
    for _ in range(50):
        both = np.concatenate([x, y])
        both = both - (both @ weight / weight.sum())[:, None]
        c = (both * weight) @ both.T / weight.sum() + 1e-9 * np.eye(2 * bands)
        root_x, root_y = (
            np.linalg.cholesky(c[:bands, :bands]),
            np.linalg.cholesky(c[bands:, bands:]),
        )
        shared = np.linalg.solve(root_x, np.linalg.solve(root_y, c[bands:, :bands]).T)
        left, correlation, right = np.linalg.svd(shared)
        u = np.linalg.solve(root_x.T, left).T @ both[:bands]
        v = np.linalg.solve(root_y.T, right.T).T @ both[bands:]
        variance = np.maximum(2 * (1 - correlation), 1e-9)
        squared = ((u - v) ** 2 / variance[:, None]).sum(axis=0)
        weight = chi2.sf(squared, bands)
        if np.abs(correlation - last).max() < 1e-4 or weight.sum() < 10:
            break
        last = correlation
    score = np.zeros(valid.shape)
    score[valid] = np.sqrt(squared)
    return _cut(score, valid)


def celik(before: Image, after: Image, valid: NDArray[np.bool_]) -> Answer:
    """Two means of the principal components of 5 × 5 px patches of the difference (Celik 2009)."""
    return _two_means(_length(before, after, valid), valid)


def log_ratio_otsu(before: Image, after: Image, valid: NDArray[np.bool_]) -> Answer:
    """Absolute log ratio, Otsu's cut."""
    return _cut(_log_ratio(before, after), valid)


def log_ratio_celik(before: Image, after: Image, valid: NDArray[np.bool_]) -> Answer:
    """Two means of patches of the absolute log ratio (Celik 2009)."""
    return _two_means(_log_ratio(before, after), valid)


def _length(before: Image, after: Image, valid: NDArray[np.bool_]) -> Image:
    x, y = (
        (a - a[:, valid].mean(axis=1)[:, None, None])
        / np.maximum(a[:, valid].std(axis=1), 1e-9)[:, None, None]
        for a in (before, after)
    )
    return np.where(valid, np.sqrt(((y - x) ** 2).sum(axis=0)), 0)


def _log_ratio(before: Image, after: Image) -> Image:
    return np.abs(np.log((after[0] + 1) / (before[0] + 1)))


def _cut(score: Image, valid: NDArray[np.bool_]) -> Answer:
    values = score[valid]
    top = np.quantile(values, 0.999)
    return score, valid & (score > threshold_otsu(np.minimum(values, top)))


def _two_means(score: Image, valid: NDArray[np.bool_]) -> Answer:
    padded = np.pad(score, 2, mode="reflect")
    patches = np.lib.stride_tricks.sliding_window_view(padded, (5, 5)).reshape(-1, 25)
    patches = patches - patches.mean(axis=0)
    _, axes = np.linalg.eigh(patches.T @ patches)
    places = patches @ axes[:, ::-1][:, :3]
    if places[:, 0] @ score.ravel() < 0:
        places = -places
    upper = places[:, 0] > places[:, 0].mean()
    for _ in range(100):
        centres = [places[upper == k].mean(axis=0) for k in (False, True)]
        near = [((places - centre) ** 2).sum(axis=1) for centre in centres]
        settled = near[1] < near[0]
        if (settled == upper).all() or settled.all() or not settled.any():
            break
        upper = settled
    return ndimage.uniform_filter(score, 5), valid & upper.reshape(score.shape)


OPTICAL: dict[str, Callable[[Image, Image, NDArray[np.bool_]], Answer]] = {
    "z-scored CVA, Otsu": cva_otsu,
    "IR-MAD, Otsu": irmad_otsu,
    "PCA and k-means (Celik)": celik,
}
RADAR: dict[str, Callable[[Image, Image, NDArray[np.bool_]], Answer]] = {
    "log ratio, Otsu": log_ratio_otsu,
    "log ratio, PCA and k-means": log_ratio_celik,
}
