"""PARALLAX: tops of tall things, which move with the direction of the view."""

from __future__ import annotations

from imagery.evidence._model import Traits, Verdict
from imagery.evidence._setting import TALL_M, Setting
from imagery.evidence._shadow import moved_along

_NONE_PX = 0.5


def parallax(region: Traits, setting: Setting) -> Verdict:
    """Whether the difference is that of a top which the other view shows elsewhere.

    From the angles of both views the direction is known, and how far a top moves by metre of its
    height.  Without them the ties of the co-registration may tell the axis.  The difference must be
    explained by one displacement along it, and not as well by displacements across.
    """
    most = setting.lean_most_px
    if most is not None and most < _NONE_PX:
        return Verdict(
            "clear", f"Both views agree: a top {TALL_M:.0f} m tall moves by {most:.1f} px."
        )
    found = moved_along(region, setting, "lean", setting.lean)
    if found is None:
        return Verdict(
            "untested",
            "The direction of one view is unknown, and the co-registration saw no lean.",
        )
    by = "the angles of both views" if setting.lean is not None else "the lean that the ties show"
    if found[0]:
        return Verdict("flagged", f"May be a top that leans, by {by}: {found[1]}.")
    return Verdict("clear", f"No leaning top, by {by}: {found[1]}.")
