"""Shares of false ones among the changes told: by competition of the area with decoys."""

from __future__ import annotations

from math import ceil

import numpy as np
from numpy.typing import NDArray

from imagery.decision._bound import Bound
from imagery.decision._decoys import Decoys
from imagery.errors import RateError


def control_fdr(
    scores: NDArray[np.float64], decoys: Decoys, *, area_km2: float, asked: float
) -> Bound:
    """The lowest cut at which at most a share ``asked`` of the regions kept is expected false.

    With r the area's km² over the decoys', D(s) decoys and R(s) regions of the area that reach s,
    the lowest s among these with::

        r (phi + D(s)) / max(R(s), 1) <= asked

    after Barber & Candès (2015, Annals of Statistics 43(5), eq. 3), whose +1 and r = 1 it has for
    regions that come one by one: V / (1 + D) of the false ones V is a supermartingale from loose
    to strict cuts, whose mean is at most r where each false region lies in the area with
    probability r / (1 + r).  phi is the over-dispersion of the decoys' counts over tiles: clusters
    come as one.

    Parameters
    ----------
    scores
        Scores of the area's regions, shape (regions,).
    decoys
        Their area stands for the same rate of false regions.
    area_km2
        What was seen of the area.
    asked
        The share.

    Raises
    ------
    RateError
        If not even all regions of the area, without a single decoy, would be enough.
    """
    falling = np.sort(scores)[::-1].astype(np.float64)
    ranked = decoys.ranked()
    spread = ranked.dispersion()
    ratio = area_km2 / decoys.km2 if decoys.km2 else np.inf
    alone = ratio * float(spread[0])
    if len(falling) and alone > asked * len(falling):
        missing = area_km2 * float(spread[0]) / (asked * len(falling)) - decoys.km2
        raise RateError(
            f"a share of {asked * 100:.3g} % false ones can't be honoured among so few regions "
            "with so small an area of decoys: the smallest share that can is "
            f"{min(ceil(1000 * alone / len(falling)) / 10, 100):.3g} %"
            if np.isfinite(alone)
            else "no share of false ones can be honoured without decoys",
            found=f"{len(falling)} regions in {area_km2:.3g} km², and {decoys.words}",
            needed=f"{missing:.3g} km² of decoys more",
            option="--fdr, --quiet-pair",
        )
    passing = count_reaching(ranked.scores, falling)
    kept = count_reaching(falling, falling)
    share = ratio * (spread[passing] + passing) / np.maximum(kept, 1)
    good = np.flatnonzero(share <= asked)
    if not len(good):
        high = max(float(falling.max(initial=0.0)), float(ranked.scores.max(initial=0.0)))
        return Bound(
            high=float(np.nextafter(high, np.inf)), value=0.0, alarms=0, dispersion=float(spread[0])
        )
    last = int(good[-1])
    return Bound(
        high=float(falling[last]),
        value=float(share[last]),
        alarms=int(passing[last]),
        dispersion=float(spread[passing[last]]),
    )


def count_reaching(scores: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many of ``scores``, the highest first, are no less than each cut; shape (cuts,)."""
    return np.searchsorted(-scores, -cuts, side="right").astype(np.int64)
