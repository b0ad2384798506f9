"""SHADOW: light that the sky alone gives, where the sun's direction can throw it."""

from __future__ import annotations

import math

import numpy as np

from imagery.evidence._displaced import explained
from imagery.evidence._model import AFTER, BEFORE, Floats, Traits, Vector, Verdict
from imagery.evidence._setting import Setting, difference, unit

TALLEST_M = 100.0
"""What would have to be taller throws no shadow here."""

MOST_EXPLAINED = 0.6
"""Share of a difference that a displacement must explain.  What appeared on even ground is
explained by half (:func:`imagery.evidence._displaced.left_over`)."""

BEYOND_CHANCE = 0.15
"""By how much more than displacements across it."""

_HALF = 0.5
_BLUE_SHARE = 0.85
"""The sky is blue: a shadow's loss of light in blue, as a logarithm, is at most so much of that in
red or near infrared.  Paint and wet ground lose alike; 0.85 is the middle between 1 and the 0.7 of
a clear sky."""

_MOST_OF_NIR = 2.0
"""That in near infrared is at most so much of that in red.  Water takes more."""


def shadow(region: Traits, setting: Setting) -> Verdict:
    """Whether a shadow that came, went or moved would make the difference.

    With colour: every band lost light, blue least (the sky's share; Finlayson, Hordley, Lu & Drew
    2006, IEEE TPAMI 28, sec. 2).  With the sun: in the darker image something stands on the sunward
    side, or the difference is that of edges that moved as the ends of shadows do.
    """
    change = (region.mean(AFTER) - region.mean(BEFORE)) / setting.noise
    if not np.all(change < 0) and not np.all(change > 0):
        return Verdict("clear", "Not all bands lost light, as they do in a shadow.")
    dark = AFTER if change.sum() < 0 else BEFORE
    colour = _as_sky(region, dark, setting)
    suns = setting.shadow
    cast = None
    if suns[dark] is not None:
        cast = _cast(region, dark, setting, strict=colour is None)
    if colour is None and cast is None:
        why = "no angles of the sun, and no blue band beside a red or near infrared one"
        return Verdict("untested", f"There are {why}.")
    told = [] if colour is None else [colour[1]]
    told += ["the sun's direction is unknown"] if cast is None else [cast[1]]
    words = "; ".join(told)
    if (colour is None or colour[0]) and (cast is None or cast[0]):
        return Verdict("flagged", f"May be a shadow in the {setting.called[dark]} image: {words}.")
    return Verdict("clear", f"No shadow: {words}.")


def _as_sky(region: Traits, dark: int, setting: Setting) -> tuple[bool, str] | None:
    """Whether the light that is left is the sky's, and the words; None without enough bands."""
    nir = next((name for name in ("nir", "nir08") if name in setting.band), None)
    long = "red" if "red" in setting.band else nir
    if "blue" not in setting.band or long is None:
        return None
    low, high = (setting.light(region.mean(date)) for date in (dark, 1 - dark))
    loss = dict(zip(setting.band, np.log(high / low).tolist(), strict=True))
    least = max(loss[long], 1e-6)
    share = loss["blue"] / least
    fits = 0 <= share <= _BLUE_SHARE
    words = f"blue lost {share:.2f} times as much light as {_spoken(long)}"
    if nir is not None and nir != long:
        share = loss[nir] / least
        fits = fits and share <= _MOST_OF_NIR
        words += f", near infrared {share:.2f} times"
    return fits, words


def _spoken(name: str) -> str:
    return "red" if name == "red" else "near infrared"


def _cast(region: Traits, dark: int, setting: Setting, *, strict: bool) -> tuple[bool, str]:
    """Whether the sun's direction fits, and the words for it."""
    moved = moved_along(region, setting, "shadow", difference(*setting.shadow))
    if moved is not None and moved[0]:
        return True, f"{moved[1]}, as the end of a shadow does"
    return _attached(region, dark, setting, strict=strict)


def moved_along(
    region: Traits, setting: Setting, name: str, by_metre: Vector | None
) -> tuple[bool, str] | None:
    """Whether a displacement of a family explains the difference, and the words for it."""
    found = explained(setting.displacements, name, energy=region.energy, left=region.displaced)
    if found is None:
        return None
    fits = found.share >= MOST_EXPLAINED and found.share - found.by_chance >= BEYOND_CHANCE
    words = f"{found.share:.0%} of it would come from a move by {found.length:.1f} px"
    if by_metre is not None and (length := math.hypot(*by_metre)) > 0:
        words += f" (that of something {found.length / length:.0f} m tall)"
    return fits, f"{words}, {found.by_chance:.0%} from moves across"


def _attached(region: Traits, dark: int, setting: Setting, *, strict: bool) -> tuple[bool, str]:
    """Whether something on the sunward side may throw it.

    Nothing does where the sunward side is the same open ground as the side away from the sun, lit
    and unchanged.  Without colour it must also be clear that it ends there on ground as bright as
    it was itself: among roofs and walls a true shadow often doesn't.
    """
    vector = setting.shadow[dark]
    if vector is None or not region.side_pixels[dark].all():
        return False, "its sides towards the sun and away from it are not seen"
    tall = region.extent(unit(vector)) / math.hypot(*vector)
    if tall > TALLEST_M:
        return False, f"it would take something {tall:.0f} m tall"
    lit = 1 - dark
    mean = region.sides[dark] / region.side_pixels[dark][:, None, None]
    grey: Floats = (mean / setting.noise).mean(axis=-1)
    inside = [float((region.mean(date) / setting.noise).mean()) for date in (BEFORE, AFTER)]
    (sunward_dark, sunward_lit), (lee_dark, lee_lit) = (
        (float(side[dark]), float(side[lit])) for side in grey
    )
    drop = inside[lit] - inside[dark]
    ends = lee_dark - inside[dark] >= _HALF * drop
    same_ground = abs(inside[lit] - lee_lit) <= _HALF * drop
    starts = (
        sunward_dark - inside[dark] <= _HALF * drop
        or abs(sunward_dark - sunward_lit) >= _HALF * drop
        or abs(sunward_lit - lee_lit) >= _HALF * drop
    )
    if not starts:
        return False, "on its sunward side lies the same open ground as beyond it"
    if strict and not (ends and same_ground):
        return False, "beyond it, away from the sun, lies no ground as bright as it was"
    return True, f"it starts on its sunward side, as that of something {tall:.0f} m tall would"
