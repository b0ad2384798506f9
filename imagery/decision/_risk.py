"""At most so many false alarms per km², on average: conformal risk control."""

from __future__ import annotations

import numpy as np

from imagery.decision._bound import Bound, too_small
from imagery.decision._decoys import Decoys

_TOGETHER = 3.0
"""False alarms that one tile counts at the most, unless the decoys show that more come together.

Three ask for 3/rate km² of decoys, as much as zero alarms at 95 % confidence do.  In simulations
the realised rate stays within a tenth of the asked one, for single alarms and clusters alike."""


def control_risk(decoys: Decoys, *, asked: float) -> Bound:
    """The lowest cut at which at most ``asked`` false alarms per km² are expected.

    With n tiles of a km² and L_i = min(alarms in tile i, c) / a, the lowest s with::

        (n mean L_i(s) + B) / (n + 1) <= asked,      B = c / a

    after Angelopoulos, Bates, Fisch, Lei & Schuster (2022, "Conformal risk control", eq. 4): where
    a new tile is exchangeable with the decoys', its expected loss, over decoys and tile, is then no
    more than asked, for any number of tiles.  c is 3, or the decoys' own over-dispersion where that
    is more: B is what a single unlucky tile can cost, and clusters come as one.

    Raises
    ------
    RateError
        If B / (n + 1) alone is more than asked.
    """
    ranked = decoys.ranked()
    spread = ranked.dispersion()
    # One level decides, not each its own, so that the loss falls with the cut.
    at = min(int(asked * decoys.km2), len(ranked.scores))
    together = max(_TOGETHER, float(np.ceil(spread[at])))
    area = decoys.km2 + decoys.tile_km2
    if not area or together > asked * area:
        raise too_small(
            decoys,
            asked=asked,
            smallest=together / area if area else np.inf,
            needed_km2=together / asked - decoys.tile_km2,
            how="on average",
        )
    levels = ranked.levels()
    capped = np.concatenate([[0], np.cumsum(ranked.before < together)])[levels]
    risk = (capped + together) / area
    last = int(np.flatnonzero(risk <= asked)[-1])
    count = int(levels[last])
    return Bound(
        high=ranked.cut(count), value=float(risk[last]), alarms=count, dispersion=float(spread[at])
    )
