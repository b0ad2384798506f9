"""How comparable two passes over a place are: in time, under the sun, from where, by what."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from dataclasses import replace

from imagery.comparability import _geometry as geometry
from imagery.comparability import _words
from imagery.comparability._geometry import incidence, number
from imagery.comparability._model import Comparability, Displacement, Pass
from imagery.comparability._words import OTHER_SEASON_DAYS
from imagery.scene import Acquisition, Facts

__all__ = [
    "OTHER_SEASON_DAYS",
    "Comparability",
    "Displacement",
    "Pass",
    "compare",
    "incidence",
    "is_radar",
    "number",
    "seen_aside",
]

_YEAR = 365.25
_VAGUE_DAYS = 60.0
"""A mosaic of a longer interval has no season."""

_ASIDE_DEG = 3.0
"""A view closer to the vertical needs no side."""

_FIXED_VIEW = re.compile(r"sentinel-2|landsat", re.IGNORECASE)
"""Satellites that don't turn aside: from one orbit, they see a place from one direction."""

# What each difference costs, in px by which what stands on the ground seems to move.  Lean costs
# twice what a shadow does: it moves walls and roofs, a shadow one edge of one tone.
_LEAN, _SHADOW, _HALF_A_YEAR, _A_YEAR = 1.0, 0.5, 3.0, 1.0
_OTHER_UNIT, _UNKNOWN_PLATFORM, _OTHER_FAMILY = 0.2, 0.5, 1.0
_INCOMPARABLE = 1000.0

# What is unknown costs as much as a middling case, so that silence is no advantage: a view 20°
# aside, a sun at 45° against one in the zenith, a quarter of a year, a year.
_UNKNOWN_LEAN, _UNKNOWN_SHADOW = math.tan(math.radians(20)), 1.0
_UNKNOWN_SEASON, _UNKNOWN_DAYS = _YEAR / 4, _YEAR


def compare(
    before: Pass, after: Pass, *, pixel_size_m: float, height_m: float = 10.0
) -> Comparability:
    """Tell how comparable two passes are.

    Parameters
    ----------
    before, after
        The two.  Swapped, they give the same numbers, those of before and after swapped, and the
        changes of the sun with the other sign.
    pixel_size_m
        Side of a pixel of the working grid on the ground, in m.
    height_m
        Height of what leans and casts a shadow, in m.

    Returns
    -------
    Comparability
        What is unknown is None in it and said in words; nothing is guessed.

    Raises
    ------
    ValueError
        If a length isn't a positive number.
    """
    if not (0 < pixel_size_m < math.inf and 0 < height_m < math.inf):
        raise ValueError(f"needs positive lengths, found {pixel_size_m=}, {height_m=}")
    first, second = before.facts, after.facts
    height_px = height_m / pixel_size_m
    radar = is_radar(first), is_radar(second)
    optical = not any(radar)
    same_family = _same_family(first, second)
    same_orbit = _same_orbit(first, second, same_family=same_family)
    same_view = same_orbit is True and all(_FIXED_VIEW.match(_family(f)) for f in (first, second))
    found = Comparability(
        pixel_size_m=pixel_size_m,
        height_m=height_m,
        days=_days(before.acquisition, after.acquisition),
        season_days=_season_days(before.acquisition, after.acquisition),
        sun_elevation_change_deg=geometry.change(first, second, "view:sun_elevation"),
        sun_azimuth_change_deg=geometry.turn(geometry.change(first, second, "view:sun_azimuth")),
        shadow=geometry.shadow(first, second, height_px=height_px) if optical else None,
        lean=geometry.lean(first, second, height_px=height_px, same_view=same_view)
        if optical
        else None,
        same_orbit=same_orbit,
        same_platform=_same(_text(first, "platform"), _text(second, "platform")),
        same_family=same_family,
        radar=radar,
    )
    unknown = tuple(_words.unknown(found, before, after, same_view=same_view))
    return replace(
        found,
        penalty=_penalty(found, before, after, same_view=same_view),
        sentences=(*_words.sentences(found, before, after), *unknown),
        unknown=unknown,
        cautions=tuple(_words.cautions(found, before, after)),
    )


def is_radar(facts: Facts) -> bool:
    """Whether the facts are those of a radar image."""
    return any(name.startswith("sar:") for name in facts) or _family(facts) == "sentinel-1"


def seen_aside(facts: Facts) -> bool:
    """Whether an angle of view is stated that is more than 3° from the vertical."""
    angle = geometry.incidence(facts)
    return angle is not None and angle > _ASIDE_DEG


def _penalty(found: Comparability, before: Pass, after: Pass, *, same_view: bool) -> float:
    """What the pair's differences cost together, in px by which things seem to move.

    It is the sum of: the most that a top moves; half of what a shadow's end moves; 3 for half a
    year in the circle of the year; 1 for every year between the dates; 0.2 for another satellite
    of one family, 1 for another family.  What is unknown costs as a middling case does.  A pair
    that can't be compared at all (one image by night, radar and optical, radar from another
    side) comes after all others.  It never falls when a difference grows.
    """
    height_px = found.height_m / found.pixel_size_m
    cost = 0.0
    if not any(found.radar):
        unknown = 0.0 if same_view else _UNKNOWN_LEAN * height_px
        cost += _LEAN * (unknown if found.lean is None else found.lean.most_px)
        shadow = _UNKNOWN_SHADOW * height_px if found.shadow is None else found.shadow.most_px
        cost += _SHADOW * shadow
    season = _UNKNOWN_SEASON if found.season_days is None else found.season_days
    cost += _HALF_A_YEAR * season / (_YEAR / 2)
    cost += _A_YEAR * (_UNKNOWN_DAYS if found.days is None else found.days) / _YEAR
    if found.same_family is False:
        cost += _OTHER_FAMILY
    elif found.same_platform is None:
        cost += _UNKNOWN_PLATFORM
    elif not found.same_platform:
        cost += _OTHER_UNIT
    return cost + (_INCOMPARABLE if _words.incomparable(found, before, after) else 0.0)


def _days(before: Acquisition, after: Acquisition) -> float | None:
    first, second = _middle(before), _middle(after)
    if first is None or second is None:
        return None
    return abs((second - first).total_seconds()) / 86400


def _season_days(before: Acquisition, after: Acquisition) -> float | None:
    """Days apart in the circle of the year; None too where an interval has no season."""
    places = []
    for acquisition in (before, after):
        middle = _middle(acquisition)
        if middle is None or acquisition.start is None or acquisition.end is None:
            return None
        if acquisition.end - acquisition.start > dt.timedelta(days=_VAGUE_DAYS):
            return None
        start = middle.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
        length = dt.timedelta(days=366 if calendar.isleap(middle.year) else 365)
        places.append((middle - start) / length)
    return abs(math.remainder(places[1] - places[0], 1)) * _YEAR


def _middle(acquisition: Acquisition) -> dt.datetime | None:
    if not acquisition.known or acquisition.start is None or acquisition.end is None:
        return None
    return acquisition.start + (acquisition.end - acquisition.start) / 2


def _same(one: str, other: str) -> bool | None:
    """Whether two texts are the same; None where either is empty."""
    return one == other if one and other else None


def _text(facts: Facts, name: str) -> str:
    """A fact as a word to compare: LANDSAT_8 is landsat-8.  Empty where it is unknown."""
    fact = facts.get(name)
    return "" if fact is None else str(fact.value).strip().lower().replace("_", "-")


def _family(facts: Facts) -> str:
    """The kind of satellite, in small letters; empty where it is unknown."""
    platform = _text(facts, "platform")
    if not platform:
        return _text(facts, "constellation")
    if re.fullmatch(r"landsat.?[89]", platform):
        return "landsat-8/9"
    # "planetscope 101c": a unit's own name; "sentinel-2a", "phr1b": a letter after a number.
    platform = re.sub(r" \S*\d\S*$", "", platform)
    return re.sub(r"(?<=\d)[a-z]$", "", platform)


def _same_family(before: Facts, after: Facts) -> bool | None:
    families = _family(before), _family(after)
    # A producer may give each unit a name of its own, and all of them one constellation; that of
    # the Landsats holds half a century of sensors.
    if _same(_text(before, "constellation"), _text(after, "constellation")) and not all(
        family.startswith("landsat-") for family in families
    ):
        return True
    return _same(*families)


def _same_orbit(before: Facts, after: Facts, *, same_family: bool | None) -> bool | None:
    """Whether both passed on one track over the ground; None where that is unknown."""
    states = _same(_text(before, "sat:orbit_state"), _text(after, "sat:orbit_state"))
    if states is False or same_family is False:
        return False
    tracks = [geometry.number(facts, "sat:relative_orbit") for facts in (before, after)]
    if None in tracks or same_family is None:
        return None
    return tracks[0] == tracks[1]
