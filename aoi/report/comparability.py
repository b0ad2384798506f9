"""The words on how comparable the two images are, from the record alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aoi.facts import fact_text, label
from aoi.report import words
from imagery.record import Json

HEEDED = ("radar-optical", "radar-geometry", "night", "lean")
"""Codes of the warnings that head the page: they bear on every outline."""

_ANGLES = (
    "view:sun_elevation",
    "view:sun_azimuth",
    "view:incidence_angle",
    "view:off_nadir",
    "view:azimuth",
    "sat:orbit_state",
    "sat:relative_orbit",
)
_LEAN_MEANS = (
    "A building's roof is not where it was in the other image, though the building stands still. "
    "An outline that follows a roof's edge or a wall may be this and no change; what lies flat on "
    "the ground is not affected."
)


def heeded(record: Mapping[str, Json]) -> list[str]:
    """What heads the page: sentences of the warnings that bear on every outline."""
    warnings = [item for item in record.get("warnings") or () if item.get("code") in HEEDED]
    told = [words.clean(item.get("message"), longest=2000) for item in warnings]
    if any(item.get("code") == "lean" for item in warnings):
        told.append(_LEAN_MEANS)
    return told


def comparability(record: Mapping[str, Json]) -> dict[str, Any] | None:
    """The page's section: sentences, and the table by date; None in a record without them."""
    found = record.get("comparability")
    if not found:
        return None
    unknown = found.get("unknown") or ()
    return {
        "sentences": [words.clean(s) for s in found.get("sentences") or () if s not in unknown],
        "unknown": [words.clean(sentence) for sentence in unknown],
        "rows": _rows(record["scenes"]),
    }


def _rows(scenes: Mapping[str, Json]) -> list[tuple[str, list[str]]]:
    """The date, the day in the year, the platform, and each angle that either image states."""
    both = [scenes[role] for role in ("before", "after")]
    rows = [
        ("Acquired", [words.date(scene) or "date unknown" for scene in both]),
        ("Platform", [words.platform(scene) for scene in both]),
    ]
    for name in _ANGLES:
        facts = [(scene.get("facts") or {}).get(name) for scene in both]
        if any(facts):
            rows.append((label(name), [_told(name, fact) for fact in facts]))
    return rows


def _told(name: str, fact: Mapping[str, Json] | None) -> str:
    return "unknown" if not fact else words.clean(fact_text(name, fact["value"]))
