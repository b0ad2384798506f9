"""The words on false alarms: what was asked, what holds, and what would be missed."""

from __future__ import annotations

from collections.abc import Mapping

from aoi.report.words import clean, missed, number
from imagery.record import Json

_LONGEST = 1000
"""Characters of a sentence of the record."""


def briefly(record: Mapping[str, Json], *, spelled: bool = False) -> str:
    """In a few words, after "false alarms": what is expected in the area, and by what.

    Spelled out for maps, as areas are.
    """
    found = record.get("decision") or {}
    expected = found.get("expected_in_area")
    asked = _asked(record)
    if spelled:
        asked = asked.replace("/km²", " per square kilometre").replace("/area", " in the area")
    if not asked:
        told = f"not known ({_calibration(record)})"
        if expected is None:
            return told
        # No prediction, which the number often refutes: the area may be unlike the quiet places.
        kind = clean(found["decoys"].get("kind"))
        return f"{told}; {kind} raise about {number(expected, digits=2)} on as much ground"
    if found.get("bound_is") == "share of false changes" and not record["changes"]["polygons"]:
        return f"{asked}: no change is told ({_calibration(record)}{_but(record)})"
    return f"{asked}: {_expected(record)} expected here ({_calibration(record)}{_but(record)})"


def headline(record: Mapping[str, Json]) -> str:
    """The same as a sentence."""
    text = briefly(record)
    if not _asked(record):
        return f"The rate of false alarms is {text}."
    return f"{text[:1].upper()}{text[1:]}."


def sentences(record: Mapping[str, Json]) -> tuple[str, ...]:
    """What the decision rests on, what holds, and what would be missed, sentence by sentence."""
    found = record.get("decision") or {}
    told = (clean(item, longest=_LONGEST) for item in found.get("sentences") or ())
    return tuple(text for text in (*told, missed(record)) if text)


def certainty(record: Mapping[str, Json]) -> str:
    """How the outlines came about, and what may stand among them."""
    changes = record["changes"]
    rule = clean(changes.get("threshold_rule")) or "rule unknown"
    least = (record.get("decision") or {}).get("least_score")
    cut = f"{number(changes.get('threshold'))} (by the rule “{rule}”)"
    if least:
        how = (
            f"Pixels with a score above {cut} are candidates, and a region of candidates is "
            f"outlined where its own score reaches {number(least)}."
        )
    else:
        how = f"Every region of pixels with a score above {cut} is outlined."
    if _calibration(record) == "calibrated":
        return how
    return (
        f"{how} No rate of false alarms is certified. Shadows, seasons, vehicles in motion and the "
        "angle of view differ between any two images and can be outlined here."
    )


def not_covered(record: Mapping[str, Json]) -> str:
    """What decoys that are simulated don't know; empty where they were photographed, or none."""
    decoys = (record.get("decision") or {}).get("decoys") or {}
    return clean(decoys.get("does_not_cover"))


def _asked(record: Mapping[str, Json]) -> str:
    """``asked 1/km²``; empty where nothing was."""
    found = record.get("decision") or {}
    if not found.get("asked"):
        return ""
    options = ((record.get("options") or {}).get("detect") or {}).get("decision") or {}
    rate, share, sure = (options.get(key) for key in ("max_false_alarms", "fdr", "confidence"))
    if rate:
        text = clean(rate).replace(" ", "").replace("km2", "km²")
        return f"asked {text}" + (f" with {100 * sure:.4g} % confidence" if sure else "")
    if share:
        return f"asked at most {100 * share:.3g} % false"
    return f"asked: {clean(found['asked'])}"


def _expected(record: Mapping[str, Json]) -> str:
    """``at most 0.08``; of a share, ``at most 1.2 of 23``."""
    found = record["decision"]
    text = number(found.get("expected_in_area"), digits=2)
    if found.get("bound_is") == "share of false changes":
        return f"at most {text} of {record['changes']['polygons']:,}"
    # What is drawn on beyond the decoys, or from unlike ones, is no bound.
    return f"{'about' if _calibration(record) == 'extrapolated' else 'at most'} {text}"


def _calibration(record: Mapping[str, Json]) -> str:
    return clean(record["changes"].get("calibration")) or "uncalibrated"


def _but(record: Mapping[str, Json]) -> str:
    """What the decoys don't know: it goes with every number of theirs."""
    gap = not_covered(record)
    return f"; does not cover {gap}" if gap else ""
