"""The angle between the spectra of two dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference._filters import box_mean
from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._noise import sampled, scale_to
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_SIZE = 3
"""Side of the square whose mean is compared, px."""

HALO = _SIZE // 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Angles:
    """How wide angles scatter where nothing changed."""

    scale: float
    """What a squared angle is multiplied with."""

    noise: Noise


def fit_angles(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Angles:
    """The scatter of the angles on the sampled tiles."""
    bands = len(noise.mean)
    squared = sampled(tiles, lambda tile: _angle(tile, noise)[None]) ** 2
    return Angles(scale=scale_to(squared, max(bands - 1, 1)), noise=noise)


def angle(pair: Pair, fitted: Angles) -> Scores:
    """Angle between the spectra of both dates, on means of 3 × 3 px (Kruse et al. 1993).

    The spectral angle mapper's: brightness alone, as of a shadow or another sun, turns no
    spectrum.  Blind to changes of brightness, and uncertain where it is dark.
    """
    score = _angle(pair, fitted.noise) * np.float32(np.sqrt(fitted.scale))
    return Scores(score=score, signed=brighter(pair, fitted.noise))


def _angle(pair: Pair, noise: Noise) -> NDArray[np.float32]:
    """Radians, from the chord between the unit vectors, which is exact where they agree."""
    # Half of what the scenes differ by as a whole on either side, so that none is privileged.
    half = (noise.mean / 2).astype(np.float32)[:, None, None]
    x, y = (
        box_mean(image, pair.seen, size=_SIZE).astype(np.float64)
        for image in (pair.before + half, pair.after - half)
    )
    # A spectrum shorter than its noise has no direction: the noise is added to its length.
    least = float(np.sqrt(np.trace(noise.covariance)))
    x, y = (image / np.sqrt((image**2).sum(axis=0) + least**2) for image in (x, y))
    chord = np.sqrt(((x - y) ** 2).sum(axis=0))
    return np.asarray(2 * np.arcsin(np.minimum(chord / 2, 1)), np.float32)
