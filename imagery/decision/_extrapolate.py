"""Rates lower than an area of decoys can show: the tail of their scores, drawn on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.decision._bound import Bound, too_small
from imagery.decision._decoys import Decoys
from imagery.errors import RateError

_SHARE, _LEAST = 0.05, 100
"""The tail is the highest twentieth of the regions, and no fewer than these."""

_ENOUGH = 30
"""Regions below which no tail is fitted."""

_REACH = 10.0
"""How many times rarer than one alarm in all decoys a rate may be."""

_HEAVIEST = 0.5
"""Shape beyond which scores would have no variance: more is the fit's own noise."""


def extrapolate(decoys: Decoys, *, asked: float) -> Bound:
    """The cut at which a tail fitted to the decoys' region scores leaves ``asked`` per km².

    Excesses over u follow a generalised Pareto distribution (Pickands 1975), so that::

        rate(s) = nu (1 + xi (s - u) / beta)^(-1 / xi)

    with nu the decoys' rate above u.  xi and beta are those of probability-weighted moments
    (Hosking & Wallis 1987, Technometrics 29(3), eq. 4), xi within 0 (exponential) and 0.5: a
    tail that ends would promise that nothing passes.  This is a fit, not a bound.

    Raises
    ------
    RateError
        If the rate is rarer than a tenth of an alarm in all decoys, or too few regions were found
        to fit a tail to.
    """
    check_reach(decoys, asked=asked)
    ranked = decoys.ranked()
    count = min(max(int(_SHARE * len(ranked.scores)), _LEAST), len(ranked.scores) - 1)
    if count < _ENOUGH:
        raise RateError(
            f"at most {asked:.3g} false alarms per km² can't be honoured: too few regions show in "
            "the decoys to draw on the tail of their scores",
            found=f"{len(ranked.scores)} regions in {decoys.words}",
            needed=f"{_ENOUGH + 1} regions, or a larger area",
            option="--max-false-alarms, --quiet-pair",
        )
    start = float(ranked.scores[count])
    shape, scale = fit_tail(ranked.scores[:count] - start)
    times = max(count / (asked * decoys.km2), 1.0)
    beyond = np.expm1(shape * np.log(times)) / shape if shape > 1e-6 else np.log(times)
    high = start + scale * float(beyond)
    return Bound(
        high=high,
        value=asked,
        alarms=int(np.count_nonzero(ranked.scores >= high)),
        dispersion=float(ranked.dispersion()[count]),
    )


def check_reach(decoys: Decoys, *, asked: float) -> None:
    """Refuse a rate that is rarer than a tenth of an alarm in all decoys, whatever they hold."""
    if not decoys.km2 or asked * decoys.km2 * _REACH < 1:
        raise too_small(
            decoys,
            asked=asked,
            smallest=1 / (decoys.km2 * _REACH) if decoys.km2 else np.inf,
            needed_km2=1 / (asked * _REACH),
            how="(drawn on from the tail of the scores)",
        )


def fit_tail(excesses: NDArray[np.float64]) -> tuple[float, float]:
    """Shape and scale of a generalised Pareto distribution, from excesses, shape (regions,)."""
    rising = np.sort(excesses)
    count = len(rising)
    # b0 = E[X], b1 = E[X (1 - F(X))], unbiased.
    b0 = float(rising.mean())
    b1 = float(np.mean(rising * (count - 1 - np.arange(count)) / (count - 1)))
    shape = float(np.clip(2 - b0 / max(b0 - 2 * b1, 1e-12), 0.0, _HEAVIEST))
    # The mean is scale / (1 - shape), whatever the shape was held to.
    return shape, max(b0 * (1 - shape), 1e-12)
