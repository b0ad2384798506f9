"""How many of the highest regions may be false, at every rank at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.decision._fdr import count_reaching

_PRIOR = 0.5
"""Both parameters of the mixture over alternatives (Jeffreys)."""


def rank_bounds(
    scores: NDArray[np.floating],
    decoys: NDArray[np.floating],
    *,
    area_ratio: float,
    confidence: float = 0.9,
    dispersion: NDArray[np.float64] | None = None,
) -> NDArray[np.int64]:
    """Upper bounds on the false ones among each region and those above it, all valid at once.

    From the highest score down, a false region lies in the area with probability p = r / (1 + r)
    and among the decoys with 1 - p.  With V false ones in the area and D decoys so far, each q > p
    makes a martingale, (q / p)^V ((1 - q) / (1 - p))^D, and so does their mixture M over a beta
    distribution of q cut off below p.  It ever reaches 1 / alpha with probability alpha at most
    (Ville), so that V is, at every rank at once, at most the largest number with
    M(V, D) < 1 / alpha.

    The frame is that of Katsevich & Ramdas (2020, Annals of Statistics 48(6), theorem 2), whose
    V <= c (1 + D) is one q with q = 1 - (1 - p) alpha; the mixture (Robbins 1970, Annals of
    Mathematical Statistics 41(5), sec. 3) is tight at all D, which one q is not where r is small.

    Parameters
    ----------
    scores
        Of the area's regions, shape (regions,), in any order.
    decoys
        Of the decoys' regions, shape (decoys,), in any order.
    area_ratio
        r, the area's km² over the decoys'.
    confidence
        1 - alpha.
    dispersion
        Over-dispersion of the counts of the 0, 1, ... highest decoys, as ``Ranked.dispersion`` has
        it; 1 where none is given.  Counts are divided by it, since clusters come as one.

    Returns
    -------
    ndarray
        Shape (regions,), in the order of ``scores``: at most so many of the regions that score no
        less than this one are false.
    """
    order = np.argsort(-scores, kind="stable")
    falling = scores[order].astype(np.float64)
    passing = count_reaching(np.sort(decoys.astype(np.float64))[::-1], falling)
    spread = np.ones(len(decoys) + 1) if dispersion is None else np.maximum.accumulate(dispersion)
    few, place = np.unique(passing, return_inverse=True)
    bound = _most_false(
        few,
        most=len(falling),
        chance=area_ratio / (1 + area_ratio),
        alpha=1 - confidence,
        spread=spread[few],
    )[place]
    # One more region is at most one more false one, from none among none.
    ranks = np.arange(1, len(falling) + 1)
    bound = np.minimum(np.minimum.accumulate(np.minimum(bound - ranks, 0)) + ranks, ranks)
    # Regions of one score come together: the last one's bound is that of all of them.
    last = count_reaching(falling, falling) - 1
    out = np.empty(len(falling), np.int64)
    out[order] = bound[last]
    return out


def _most_false(
    decoys: NDArray[np.int64],
    *,
    most: int,
    chance: float,
    alpha: float,
    spread: NDArray[np.float64],
) -> NDArray[np.int64]:
    """The largest V up to ``most`` with M(V / spread, D / spread) < 1 / alpha, by bisection."""
    low = np.zeros(len(decoys), np.int64)
    high = np.full(len(decoys), most + 1)
    while (high - low > 1).any():
        middle = (low + high) // 2
        good = _log_mixture(middle / spread, decoys / spread, chance) < -np.log(alpha)
        low, high = np.where(good, middle, low), np.where(good, high, middle)
    return low


def _log_mixture(
    false: NDArray[np.float64], decoys: NDArray[np.float64], chance: float
) -> NDArray[np.float64]:
    from scipy.special import betaincc, betaln

    def log_mass(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the beta density above ``chance``."""
        with np.errstate(divide="ignore"):  # far below what is expected there is none
            return np.asarray(betaln(a, b) + np.log(betaincc(a, b, chance)), np.float64)

    prior = np.full(1, _PRIOR)
    mass = log_mass(false + _PRIOR, decoys + _PRIOR) - log_mass(prior, prior)
    evidence = mass - false * np.log(chance) - decoys * np.log1p(-chance)
    return np.asarray(evidence, np.float64)
