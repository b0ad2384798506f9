"""Differences of texture and form, with and without what the brightness says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference._filters import box_mean
from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._noise import Maps, distance, fit_maps, sampled, scale_to
from imagery.options import DifferenceOptions
from imagery.sampling import Pair, gradients

_SMOOTH, _AROUND = 3, 5
"""Sides, px, of the square that gradients are taken on, and of that over which they are told."""

_SIZES = (3, 5, 9)
"""Sides of the squares of the multi-scale features, px."""

HALO = _SMOOTH // 2 + 1 + _AROUND // 2
SCALES_HALO = 2 * (_SIZES[-1] // 2) + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Features:
    """The noise of maps of features, and that of the bands."""

    features: Noise
    scale: float
    """What the squared score is multiplied with."""

    noise: Noise


def fit_structure(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Features:
    """The noise of the gradients' differences."""
    return _fitted(tiles, noise, _gradients)


def structure(pair: Pair, fitted: Features) -> Scores:
    """Difference of gradients around a pixel, however bright it is (after Wang et al. 2004).

    Contrast and structure without luminance: gradients of 3 × 3 px
    means in every band, their difference in units of its noise, its mean square over 5 × 5 px.
    Blind to flat ground that changed its colour.
    """
    score = _around(pair, fitted, _gradients)
    return Scores(score=score, signed=brighter(pair, fitted.noise))


def fit_multiscale(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Features:
    """The noise of the features' differences."""
    features = fit_maps(tiles, _scales)
    return Features(features=features, scale=1.0, noise=noise)


def multiscale(pair: Pair, fitted: Features) -> Scores:
    """Difference of means and of mean gradients at three scales (Bruna & Mallat 2013).

    The first order of a scattering transform with boxes for wavelets: means
    over 3, 5 and 9 px, and the mean size of their gradients over as much.  Nothing is trained.
    """
    score = distance(_scales(pair), fitted.features)
    return Scores(score=score, signed=brighter(pair, fitted.noise))


def _fitted(tiles: Sequence[Pair], noise: Noise, maps: Maps) -> Features:
    features = fit_maps(tiles, maps)
    fitted = Features(features=features, scale=1.0, noise=noise)
    squared = sampled(tiles, lambda tile: _around(tile, fitted, maps)[None]) ** 2
    return Features(features=features, scale=scale_to(squared, len(noise.mean)), noise=noise)


def _around(pair: Pair, fitted: Features, maps: Maps) -> NDArray[np.float32]:
    """Root of the mean squared distance of features over the seen pixels around each."""
    squared = distance(maps(pair), fitted.features)[None] ** 2
    mean = box_mean(squared, pair.seen, size=_AROUND)[0]
    return np.asarray(np.sqrt(mean * np.float32(fitted.scale)), np.float32)


def _gradients(pair: Pair) -> NDArray[np.float32]:
    """Differences of both components of the gradient, shape (2 bands, row, col)."""
    change = box_mean(pair.after - pair.before, pair.seen, size=_SMOOTH)
    return np.concatenate(list(gradients(change, pair.seen)))


def _scales(pair: Pair) -> NDArray[np.float32]:
    """Differences of means and of mean gradient sizes, shape (6 bands, row, col)."""
    maps = []
    for size in _SIZES:
        means = [box_mean(image, pair.seen, size=size) for image in (pair.before, pair.after)]
        edges = [
            box_mean(np.sqrt((gradients(mean, pair.seen) ** 2).sum(axis=0)), pair.seen, size=size)
            for mean in means
        ]
        maps += [means[1] - means[0], edges[1] - edges[0]]
    return np.concatenate(maps)
