"""Small objects that appeared or went: kernels of their size on the whitened difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference._filters import box_mean
from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._noise import distance, fit_maps
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_SIZES = ((3, 7), (5, 11), (9, 19))
"""Sides of an object and of its surroundings, px, at each scale."""

HALO = _SIZES[-1][1] // 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Kernels:
    """The noise of each kernel's response, from the smallest up."""

    responses: tuple[Noise, ...]
    noise: Noise


def fit_kernels(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Kernels:
    """The noise of the responses on the sampled tiles."""
    responses = tuple(fit_maps(tiles, lambda tile, s=s: _response(tile, *s)) for s in _SIZES)  # type: ignore[misc]
    return Kernels(responses=responses, noise=noise)


def matched(pair: Pair, fitted: Kernels) -> Scores:
    """Blobs of three sizes that differ from their surroundings (Lindeberg 1998).

    A matched filter for blobs of 3, 5 and 9 px (a difference of boxes for the Laplacian of a
    Gaussian), each in units of its own noise: what changed over a larger area,
    like haze or a season, is taken away with the surroundings.
    """
    scores = [
        distance(_response(pair, *sizes), noise)
        for sizes, noise in zip(_SIZES, fitted.responses, strict=True)
    ]
    return Scores(score=np.maximum.reduce(scores), signed=brighter(pair, fitted.noise))


def _response(pair: Pair, inner: int, outer: int) -> NDArray[np.float32]:
    """Mean difference in the inner square less that in the outer; shape (band, row, col)."""
    change = pair.after - pair.before
    around = box_mean(change, pair.seen, size=outer)
    return box_mean(change, pair.seen, size=inner) - around
