"""What the canonical variates of two images differ by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._noise import sampled, scale_to
from imagery.mad import Mad, fit_mad
from imagery.options import DifferenceOptions
from imagery.sampling import Pair


@dataclass(frozen=True, kw_only=True, eq=False)
class Variates:
    """Fitted variates, and how much wider than the model unchanged pixels scatter."""

    mad: Mad
    scale: float
    """What the statistic is multiplied with: its median is then chi-square's."""

    noise: Noise


def fit_variates(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Variates:
    """Fit the variates on the sample."""
    before, after = (sampled(tiles, of) for of in (lambda t: t.before, lambda t: t.after))
    if before.shape[1] < 2:
        bands = len(before)
        before = after = np.eye(bands, 2 * bands, dtype=np.float32)  # nothing is seen
    mad = fit_mad(before, after)
    return Variates(mad=mad, scale=scale_to(mad.statistic(before, after), len(before)), noise=noise)


def altered(pair: Pair, fitted: Variates) -> Scores:
    """Alteration of the canonical variates, weights iterated (Nielsen 2007).

    IR-MAD: blind to any gain, offset or mixture of the bands that both images share; the square
    root of its chi-square-like statistic, scaled so that its median is chi-square's.
    """
    bands = len(pair.before)
    squared = fitted.mad.statistic(pair.before.reshape(bands, -1), pair.after.reshape(bands, -1))
    score = np.sqrt(squared * fitted.scale).astype(np.float32).reshape(pair.before.shape[1:])
    return Scores(score=score, signed=brighter(pair, fitted.noise))
