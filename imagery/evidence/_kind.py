"""What kind of change a region is: appeared, disappeared, modified, or of the surface alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagery.evidence._model import AFTER, BEFORE, Traits
from imagery.evidence._setting import Setting

APPEARED, DISAPPEARED, MODIFIED, SURFACE = "appeared", "disappeared", "modified", "surface"
ONLY_FIRST, ONLY_SECOND = "only_in_first", "only_in_second"

STANDS_OUT = 2.0
"""An outline is seen where the gradient across it is twice what any line nearby would cross, and
a tone where it differs from that around by twice its spread."""


@dataclass(frozen=True)
class Outline:
    """How the outline of a change stands out in one image."""

    edge: float
    """Gradient across it, over that across any line in the ring: 1 where there is no outline."""

    contrast: float
    """Mean inside against that of the ring, in the ring's standard deviations, over the bands."""

    @property
    def seen(self) -> bool:
        return self.edge >= STANDS_OUT


def kind_of(region: Traits, setting: Setting) -> tuple[str, str]:
    """The kind of one region, and why, in one sentence.

    What appeared is seen in the later image and not discernible in the earlier one, though that
    could have shown it: its outline would have stood out of the texture there, and what lies inside
    of it looked like what lies around.
    """
    if not region.outline_pixels or not region.ring_pixels:
        return MODIFIED, "Nothing around it is free of other changes, so its outline is not tested."
    first, second = (_outline(region, date) for date in (BEFORE, AFTER))
    words = f"its outline stands {first.edge:.1f} and {second.edge:.1f} times above the texture"
    words += f" around it ({', '.join(setting.called)})"
    if first.seen == second.seen:
        if first.seen:
            return MODIFIED, f"Seen in both images: {words}."
        return SURFACE, f"No outline in either image: {words}."
    shown, other = (AFTER, first) if second.seen else (BEFORE, second)
    would = _would_stand(region, shown)
    if would < STANDS_OUT:
        return MODIFIED, (
            f"Seen in one image alone, but the other might not have shown it: {words}; there it "
            f"would stand {would:.1f} times above."
        )
    if other.contrast >= STANDS_OUT:
        return MODIFIED, (
            f"Seen in one image alone, but its place stood out in the other too, by "
            f"{other.contrast:.1f} standard deviations: {words}."
        )
    return _named(shown, setting), (
        f"{_where(shown, setting)}: {words}; in the other image it would stand {would:.1f} "
        "times above."
    )


def outlines(region: Traits) -> tuple[Outline, Outline] | None:
    """How the outline stands out before and after; None where there is no ring to compare with."""
    if not region.outline_pixels or not region.ring_pixels:
        return None
    return _outline(region, BEFORE), _outline(region, AFTER)


def _outline(region: Traits, date: int) -> Outline:
    spread = np.maximum(region.ring_spread(date), 1e-9)
    apart = (region.mean(date) - region.ring_mean(date)) / spread
    return Outline(
        edge=_across(region, date) / _texture(region, date),
        contrast=float(np.sqrt(np.mean(apart**2))),
    )


def _across(region: Traits, date: int) -> float:
    return float(region.outline[date] / region.outline_pixels)


def _texture(region: Traits, date: int) -> float:
    return max(float(region.texture[date] / region.ring_pixels), 1e-9)


def _would_stand(region: Traits, shown: int) -> float:
    """How the outline of the one date would stand above the texture of the other."""
    return _across(region, shown) / _texture(region, 1 - shown)


def _named(shown: int, setting: Setting) -> str:
    if setting.ordered:
        return APPEARED if shown == AFTER else DISAPPEARED
    return ONLY_SECOND if shown == AFTER else ONLY_FIRST


def _where(shown: int, setting: Setting) -> str:
    seen, other = setting.called[shown], setting.called[1 - shown]
    return f"Visible in the {seen} image, not discernible in the {other}"
