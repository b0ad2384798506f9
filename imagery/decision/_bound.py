"""A cut and what holds at it, as a value; and the refusal where nothing can."""

from __future__ import annotations

from dataclasses import dataclass

from imagery.decision._decoys import Decoys
from imagery.errors import RateError


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A cut, and what the decoys bear out at it."""

    high: float
    """Regions whose score is no less are changes."""

    value: float
    """What is bounded, per km² (or, of a false discovery rate, as a share): no more than asked."""

    alarms: int
    """The decoys' regions that pass the cut."""

    dispersion: float
    """Variance over mean of the tiles' counts that was allowed for."""


def too_small(
    decoys: Decoys, *, asked: float, smallest: float, needed_km2: float, how: str
) -> RateError:
    """The refusal of a rate per km² for which the decoys' area is too small."""
    alarms = "alarm" if asked == 1 else "alarms"
    return RateError(
        f"at most {asked:.3g} false {alarms} per km² {how} can't be honoured with so small an "
        f"area of decoys: the smallest rate that can is {_up(smallest)} per km²",
        found=decoys.words if decoys.tiles else f"no tile of {decoys.kind} that is seen enough",
        needed=f"{_up(needed_km2)} km², {_up(needed_km2 - decoys.km2)} km² more",
        option="--max-false-alarms, --quiet-pair",
    )


def _up(number: float) -> str:
    """Rounded up to three digits, so that who asks for what he was told isn't refused again."""
    from math import ceil, floor, inf, log10

    if not 0 < number < inf:
        return f"{number:g}"
    step = 10.0 ** (floor(log10(number)) - 2)
    return f"{ceil(number / step - 1e-9) * step:.3g}"
