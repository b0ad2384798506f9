"""Several measures of the same pixels as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference import _irmad, _vector
from imagery.difference._model import Method, Noise, Scores, brighter
from imagery.difference._noise import sampled
from imagery.empirical_null import fit_null
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_CALM = 2.0
"""Standard normal deviates within which pixels tell how the measures correlate without change."""

_KNOTS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Expert:
    """One measure, fitted, and what its scores are as deviates of its own empirical null."""

    name: str
    fitted: object
    scores: NDArray[np.float64]
    """Knots, rising, shape (knots,)."""

    deviates: NDArray[np.float64]
    """Standard normal deviate at each knot; beyond the last they go on along a line."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fused:
    """The measures, and the standard deviation of their sum without change."""

    experts: tuple[Expert, ...]
    spread: float
    noise: Noise


METHODS = {
    "cva": Method(fit=_vector.fit_nothing, score=_vector.change_vector),
    "irmad": Method(fit=_irmad.fit_variates, score=_irmad.altered, least_bands=2),
}
"""What is fused: by value, and by what the bands share.  Both look at single pixels."""


def fit_fused(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Fused:
    """Fit every measure, its null, and how the measures correlate where nothing changed."""
    experts = []
    for name, method in METHODS.items():
        if len(noise.mean) < method.least_bands:
            continue
        fitted = method.fit(tiles, noise, options)
        scores = sampled(tiles, lambda t, m=method, f=fitted: m.score(t, f).score[None])[0]  # type: ignore[misc]
        experts.append(_expert(name, fitted, scores))
    summed = Fused(experts=tuple(experts), spread=1.0, noise=noise)
    deviates = sampled(tiles, lambda tile: _deviates(tile, summed))
    calm = deviates[:, (np.abs(deviates) < _CALM).all(axis=0)]
    spread = float(len(experts))  # as if they were one, where nothing tells
    if calm.shape[1] > 100 and (calm.std(axis=1) > 0).all():
        spread = float(np.sqrt(np.corrcoef(calm).sum()))
    return Fused(experts=tuple(experts), spread=spread, noise=noise)


def fused(pair: Pair, fitted: Fused) -> Scores:
    """Two measures as one: deviates of their own nulls, summed (Stouffer et al. 1949).

    The change vector and, from two bands on, IR-MAD: each score becomes the standard normal
    deviate that its own empirical null gives it, and the sum is divided by its standard deviation
    without change, which is told by the deviates' correlation there.
    """
    total = _deviates(pair, fitted).sum(axis=0) / np.float32(fitted.spread)
    return Scores(score=_two_sided(total), signed=brighter(pair, fitted.noise))


def _two_sided(deviate: NDArray[np.float32]) -> NDArray[np.float32]:
    """The length that a deviate's tail has on both sides: 0 at no difference, and never below."""
    from scipy.special import ndtr, ndtri

    near = np.clip(deviate, -10, 30)
    length = -ndtri(ndtr(-near.astype(np.float64)) / 2)
    return np.asarray(length + np.maximum(deviate - 30, 0), np.float32)


def _deviates(pair: Pair, fitted: Fused) -> NDArray[np.float32]:
    return np.stack([_deviate(pair, expert) for expert in fitted.experts])


def _deviate(pair: Pair, expert: Expert) -> NDArray[np.float32]:
    score = METHODS[expert.name].score(pair, expert.fitted).score
    x, z = expert.scores, expert.deviates
    slope = (z[-1] - z[-2]) / (x[-1] - x[-2])
    beyond = np.maximum(score - x[-1], 0) * slope
    return np.asarray(np.interp(score, x, z) + beyond, np.float32)


def _expert(name: str, fitted: object, scores: NDArray[np.float32]) -> Expert:
    """Deviates up to where the null leaves 1e-12, by the gamma distribution of squared scores."""
    from scipy.special import ndtri

    null = fit_null(scores)
    if null is None:  # most agree exactly: the score itself, in standard deviations
        knots = np.array([0.0, 8.0])
        return Expert(name=name, fitted=fitted, scores=knots, deviates=knots)
    knots = np.linspace(0, null.reached_by(1e-12), _KNOTS)
    upper = np.clip(null.reaching(knots), 1e-300, 1 - 1e-3)
    return Expert(name=name, fitted=fitted, scores=knots, deviates=-ndtri(upper))
