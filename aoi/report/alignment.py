"""The words on how well the two images lie on one another, made from the record alone."""

from __future__ import annotations

from collections.abc import Mapping

from aoi.report.words import UNALIGNED, clean, count, file_name, fine, number, share
from imagery.errors import UsageError
from imagery.record import Json

MOST_OF_A_REASON = 500
"""Characters of the reason for which an alignment is accepted, which is never cut."""

MODELS = {
    "none": "no move",
    "shift": "one shift for the whole image",
    "affine": "an affine move",
    "local": "an affine move and a smooth local field",
}

_SIMILARITIES = {
    "phase": "phase",
    "gradient phase": "the phase of their gradients",
    "information": "mutual information",
}


def alignment(record: Mapping[str, Json]) -> str:
    """The line of every map."""
    found = record["alignment"]
    verdict = clean(found.get("verdict"))
    size = length(found, "ce90")
    if size and verdict != "not measured":
        return f"aligned to {size} (CE90 on the ground), {verdict}"
    return "alignment accepted, not measured" if verdict == "accepted" else "alignment not measured"


def length(found: Mapping[str, Json], name: str) -> str:
    """``0.12 px = 0.06 m``; empty where it was not measured."""
    pixels, metres = found.get(f"{name}_px"), found.get(f"{name}_m")
    if pixels is None:
        return ""
    return f"{fine(pixels)} px" + ("" if metres is None else f" = {fine(metres)} m")


def direction(rows: float, cols: float) -> str:
    """``2.4 px down, 5.6 px left``."""
    return (
        f"{fine(abs(rows))} px {'down' if rows >= 0 else 'up'}, "
        f"{fine(abs(cols))} px {'right' if cols >= 0 else 'left'}"
    )


def acceptance(record: Mapping[str, Json]) -> str:
    """That the analyst accepted an alignment that was refused, and why; else empty.

    The reason is whole, however long.
    """
    reason = reason_given(record)
    if not reason:
        return ""
    return f"Alignment refused, and accepted by the analyst. Reason given: {reason}"


def reason_given(record: Mapping[str, Json]) -> str:
    """The analyst's reason to accept an alignment that was refused; empty where none was."""
    return clean(record["alignment"].get("accepted"), longest=10 * MOST_OF_A_REASON)


def check_reason(reason: str | None) -> None:
    """Refuse a reason for an alignment that says nothing, or that no map can hold.

    Raises
    ------
    UsageError
        If it is empty, or longer than a map's foot should be.
    """
    if reason is None:
        return
    told = clean(reason, longest=len(reason) + 1)
    if not told or len(told) > MOST_OF_A_REASON:
        raise UsageError(
            "an alignment is accepted for a reason, which is printed on every map",
            found=f"{len(told):,} characters" if told else "none",
            needed=f"a sentence of at most {MOST_OF_A_REASON} characters",
            option="--accept-alignment",
        )


def meaning(record: Mapping[str, Json]) -> str:
    """What the verdict means for a reader of the outlines."""
    found = record["alignment"]
    trusted = number((found.get("limits") or {}).get("trusted_px"), digits=2)
    verdict = clean(found.get("verdict"))
    if verdict == "trusted":
        return (
            f"Nine in ten of the check points on the ground {_judged(found)} agree to within this "
            f"distance, below the limit of {trusted} px. An outline no wider than that can still "
            "be an edge that doesn't quite lie on itself."
        )
    if verdict == "usable":
        return (
            f"{_why_usable(found)} Narrow outlines along the edges of buildings and roads may be "
            "misalignment rather than a difference on the ground."
        )
    if verdict == "accepted":
        refusal = found.get("refusal") or {}
        why = [clean(refusal.get(name)) for name in ("found", "needed")]
        told = f" ({why[0]}; {why[1]} is needed)" if all(why) else ""
        return (
            f"This alignment was refused{told}, and the analyst accepted it all the same. Any "
            "outline along an edge may be misalignment rather than a difference on the ground; "
            "compare both images before relying on one."
        )
    return (
        "How well the two images lie on one another could not be measured. Any outline along an "
        "edge may be misalignment rather than a difference on the ground."
    )


def remarks(record: Mapping[str, Json]) -> list[str]:
    """What else is to be known of the alignment, one sentence each."""
    found, told = record["alignment"], []
    usable = number((found.get("limits") or {}).get("usable_px"), digits=2)
    raised = length(found, "all_ce90")
    on_ground = found.get("on_ground")
    if raised and on_ground is not None and on_ground < 1:
        told.append(
            f"{share(1 - on_ground)} of the check points lie on structures that lean, such as "
            f"roofs, which no move of the ground can align; CE90 of all is {raised}."
        )
    middle, largest = length(found, "expected_median_ce90"), length(found, "expected_largest_ce90")
    if middle:
        told.append(
            "How far the move may be off is estimated place by place: over the area CE90 is "
            f"expected to be {middle} in the middle, and {largest} where it is worst."
        )
    if found.get("coverage_90") is not None:
        told.append(
            f"{share(found['coverage_90'])} of the check points lie within the limits that this "
            "estimate sets for 90 % of them."
        )
    unaligned = (record["observed"].get("reasons") or {}).get(UNALIGNED)
    if unaligned:
        told.append(
            f"In {share(unaligned)} of the area the move isn't known to within {usable} px: these "
            "places count as not observed, and are hatched on the maps."
        )
    return told


def method(record: Mapping[str, Json]) -> str:
    """How it was measured, in a few short sentences."""
    found = record["alignment"]
    model = clean(found.get("model"))
    told = [f"{count(found.get('ties') or 0, 'tie point')} in the fit"]
    if found.get("held_out"):
        told[0] += f", {count(found['held_out'], 'check point')} {_judged(found)}"
    similarity = found.get("similarity")
    if file := found.get("ties_file"):
        told.append(f"Ties set by hand, in {file_name(file.get('name'))}")
    elif similarity and found.get("window_px"):
        how = _SIMILARITIES.get(similarity, clean(similarity))
        told.append(f"Windows of {found['window_px']} px, matched by {how}")
    told.append(f"Model: {MODELS.get(model, model) or 'unknown'}")
    told.append(f"Moved: the {clean(found.get('moving')) or 'unknown'} image")
    told.append("CE90: the distance within which nine in ten check points lie")
    return ". ".join(told) + "."


def _judged(found: Mapping[str, Json]) -> str:
    if "cross-validation" in (found.get("judged_by") or ""):
        return "(each against a fit without its surroundings)"
    return "(held out of the fit)"


def _why_usable(found: Mapping[str, Json]) -> str:
    limits = found.get("limits") or {}
    trusted = number(limits.get("trusted_px"), digits=2)
    usable = number(limits.get("usable_px"), digits=2)
    ce90, on_ground = found.get("ce90_px"), found.get("on_ground")
    if ce90 is not None and limits.get("trusted_px") is not None and ce90 <= limits["trusted_px"]:
        ground = "few" if on_ground is None else f"only {share(on_ground)}"
        return (
            f"The residual on the ground is below {trusted} px, but {ground} of the check points "
            "show ground and nothing that leans."
        )
    return (
        f"The residual is above {trusted} px, below which an alignment is trusted, and not above "
        f"{usable} px."
    )


def rows(record: Mapping[str, Json]) -> list[tuple[str, str, str]]:
    """The table: what, in px, on the ground."""
    found = record["alignment"]
    named = [
        ("CE90 on the ground", "ce90"),
        ("Median on the ground", "median"),
        ("RMSE on the ground", "rmse"),
        ("NMAD on the ground", "nmad"),
        ("CE90 of all, on raised structures too", "all_ce90"),
        ("CE90 of all before the move", "before_ce90"),
        ("CE90 expected, middle of the area", "expected_median_ce90"),
        ("CE90 expected, worst place of the area", "expected_largest_ce90"),
    ]
    told = [
        (label, _pixels(found.get(f"{key}_px")), _ground(found.get(f"{key}_m")))
        for label, key in named
    ]
    shift = found.get("shift_px")
    if shift:
        told.append(("Mean move applied", direction(*shift), _ground(found.get("shift_m"))))
    return told


def _pixels(value: Json) -> str:
    return "not measured" if value is None else f"{fine(value)} px"


def _ground(value: Json) -> str:
    return "" if value is None else f"{fine(value)} m"
