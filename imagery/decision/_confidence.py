"""At most so many false alarms per km², with confidence: learn then test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.decision._bound import Bound, too_small
from imagery.decision._decoys import Decoys


def control_surely(decoys: Decoys, *, asked: float, confidence: float) -> Bound:
    """The lowest cut of a sequence, from strict to loose, at which the rate is surely low enough.

    With K alarms in A km², whose counts over tiles spread phi times as much as single ones would,
    the rate is at most, with confidence 1 - delta (Garwood 1936, for phi = 1)::

        U(K) = phi chi2(1 - delta; 2 K / phi + 2) / (2 A)

    Cuts are accepted one after the other while U <= asked, and the first that isn't ends the
    sequence (fixed sequence testing in Angelopoulos, Bates, Candès, Jordan & Lei 2021, "Learn then
    test", sec. 2.3): so none needs a correction for those before it.  phi clusters of mean size
    phi are K / phi independent events, hence the quasi-Poisson degrees of freedom.

    Raises
    ------
    RateError
        If not even the strictest cut, which no decoy passes, is accepted: that takes
        phi ln(1 / delta) / asked km², 3.0 / asked at 95 %.
    """
    ranked = decoys.ranked()
    levels = ranked.levels()
    spread = ranked.dispersion()[levels]
    alone = float(spread[0]) * float(np.log(1 / (1 - confidence)))
    if not decoys.km2 or alone > asked * decoys.km2:
        raise too_small(
            decoys,
            asked=asked,
            smallest=alone / decoys.km2 if decoys.km2 else np.inf,
            needed_km2=alone / asked,
            how=f"with {confidence * 100:.3g} % confidence",
        )
    upper = upper_rate(levels, decoys.km2, dispersion=spread, confidence=confidence)
    failed = np.flatnonzero(upper > asked)
    last = int(failed[0]) - 1 if len(failed) else len(levels) - 1
    return Bound(
        high=ranked.cut(int(levels[last])),
        value=float(upper[last]),
        alarms=int(levels[last]),
        dispersion=float(spread[last]),
    )


def upper_rate(
    alarms: NDArray[np.int64],
    km2: float,
    *,
    dispersion: NDArray[np.float64],
    confidence: float,
) -> NDArray[np.float64]:
    """The upper bound U of a rate per km², from ``alarms`` in ``km2``."""
    from scipy.special import gammaincinv

    # Half a chi-square of 2 k degrees of freedom is a gamma of shape k.
    upper = dispersion * gammaincinv(alarms / dispersion + 1, confidence) / km2
    return np.asarray(upper, np.float64)
