"""Two classes of patches of the change vector's length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._patches import Classes, fit_classes
from imagery.difference._vector import change_vector
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_SIZE = 5
"""Side of a patch, px."""

HALO = _SIZE // 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Clustered:
    """The two classes, and the noise of the change vector."""

    classes: Classes
    noise: Noise


def fit_clusters(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Clustered:
    """Learn the classes on the sampled tiles."""
    maps = [(_length(tile, noise), tile.seen) for tile in tiles]
    return Clustered(classes=fit_classes(maps, weights=np.ones((_SIZE, _SIZE))), noise=noise)


def clustered(pair: Pair, fitted: Clustered) -> Scores:
    """Distance of a patch of differences from the unchanged class of two (Celik 2009).

    Principal components of 5 × 5 px patches of the change vector's length, two means on the first
    three, learnt on a sample; the score is where a patch lies along the line between the two.
    """
    return Scores(
        score=fitted.classes.along(_length(pair, fitted.noise)),
        signed=brighter(pair, fitted.noise),
    )


def _length(pair: Pair, noise: Noise) -> NDArray[np.float32]:
    return np.where(pair.seen, change_vector(pair, noise).score, np.float32(0))
