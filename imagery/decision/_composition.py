"""Whether the area's ground is of the kinds that the decoys show, and what these raise on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.decision._decoys import Decoys
from imagery.decision._ground import KINDS, Ground

_ROUGHEST = 0.99
"""Share of the decoys' ground below which roughness counts as known."""

_BEYOND = 0.05
"""Share of the area that may be rougher."""

_SURE = 1.645
"""Standard deviations by which a rate must lie above what is allowed: one-sided 95 %."""


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The decoys' alarms, on the area's own mixture of smooth and rough ground."""

    beyond: float = 0.0
    """Share of the area that is rougher than nearly all of the decoys' ground."""

    per_km2: float | None = None
    """False alarms that pass the cut where ground is mixed as in the area; None if unknown."""

    objections: tuple[str, ...] = ()
    """Why the rate may not hold here, in words; none where nothing speaks against it."""


def cut_here(decoys: Decoys, area: Ground, *, allowed: float) -> float:
    """The lowest cut that leaves ``allowed`` alarms per km² on ground mixed as the area's.

    A rate is an average over the decoys' ground.  The area may hold more of the kind of ground that
    alarms come from: its own share of each kind, times the rate of that kind, is the rate with
    weights for a shift of covariates (Shimodaira 2000, Journal of Statistical Planning and
    Inference 90; Tibshirani, Barber, Candès & Ramdas 2019).  0, which lets all pass, where the
    roughness of decoys or area isn't known.
    """
    if not _known(decoys, area):
        return 0.0
    inner, weight = _mixed(decoys, area)
    ranked = decoys.ranked()
    roughness = np.concatenate(decoys.roughness)[ranked.order]
    rate = np.concatenate([[0.0], np.cumsum(weight[np.searchsorted(inner, roughness)])])
    levels = ranked.levels()
    return ranked.cut(int(levels[rate[levels] <= allowed][-1]))


def compose(
    decoys: Decoys, area: Ground, *, high: float, allowed: float, dispersion: float
) -> Composition:
    """Hold the area's ground against the decoys'.

    Parameters
    ----------
    decoys
        With the roughness of every region; without it nothing is known.
    area
        What is seen of the area.
    high
        The cut of ``decoys``' scores.
    allowed
        False alarms per km²; more of them, on ground mixed as the area's, are an objection where
        chance doesn't explain it, since each kind of ground raises few.
    dispersion
        Variance over mean of the counts: clusters come as one.
    """
    if not _known(decoys, area):
        return Composition()
    known = decoys.ground
    order = np.argsort(known.roughness, kind="stable")
    share = np.cumsum(known.km2[order]) / known.km2.sum()
    roughest = np.interp(_ROUGHEST, share, known.roughness[order])
    beyond = float(area.km2[area.roughness > roughest].sum() / area.km2.sum())
    inner, weight = _mixed(decoys, area)
    passing = np.concatenate(decoys.roughness)[np.concatenate(decoys.tiles) >= high]
    weights = weight[np.searchsorted(inner, passing)]
    rate, spread = float(weights.sum()), float(np.sqrt(dispersion * (weights**2).sum()))
    objections = []
    if beyond > _BEYOND:
        objections.append(
            f"{beyond * 100:.0f} % of the area is rougher ground than nearly all of the decoys'"
        )
    if rate - _SURE * spread > allowed:
        objections.append(
            "the area holds more of the ground that alarms come from than the decoys do: mixed as "
            f"here, their ground raises {rate:.2g} alarms per km², not {allowed:.2g}"
        )
    return Composition(beyond=beyond, per_km2=rate, objections=tuple(objections))


def _known(decoys: Decoys, area: Ground) -> bool:
    return bool(decoys.roughness and len(area.km2) and len(decoys.ground.km2) >= KINDS)


def _mixed(decoys: Decoys, area: Ground) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where kinds of ground part, and what one alarm on each is per km² of the area's mixture."""
    inner = np.quantile(decoys.ground.roughness, np.arange(1, KINDS) / KINDS)

    def by_kind(ground: Ground) -> NDArray[np.float64]:
        kinds = np.searchsorted(inner, ground.roughness)
        return np.bincount(kinds, weights=ground.km2, minlength=KINDS).astype(np.float64)

    here, there = by_kind(area), by_kind(decoys.ground)
    # The decoys' tiles are a little less than all of their ground.
    there *= decoys.km2 / there.sum()
    # Where steps are alike in many cells, a kind may hold none: no alarm can come from it either.
    return inner, here / here.sum() / np.where(there > 0, there, np.inf)
