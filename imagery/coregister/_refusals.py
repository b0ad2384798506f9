"""Alignments that can't be used as they are, and the words that say why."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from imagery.coregister._alignment import Alignment, TiePoints, Verdict
from imagery.coregister._coarse import MIN_SUPPORT
from imagery.errors import AlignmentError
from imagery.grid import Plan
from imagery.options import CoregisterOptions
from imagery.record import Caution, StepRecord
from imagery.scene import Role, Scene
from imagery.shift import Shift

MIN_TIES = 8
"""Ties that judge below which a residual is not a measurement."""

LEAST_KEPT = 0.15
"""Share of the windows with texture that a field must keep; a watermark that two images of
different places share brings up to 0.1 of them together."""

MIN_AGREEING = 0.5
"""Share of the windows that match at all which must agree with the field."""


def recorded(options: CoregisterOptions) -> dict[str, Any]:
    """The options as a record holds them: a file by its name alone."""
    files = {"ties": options.ties, "seams": options.seams}
    named = {name: None if file is None else Path(file).name for name, file in files.items()}
    return asdict(options) | named


def not_measured(plan: Plan, options: CoregisterOptions, textured: int) -> Alignment:
    """Nothing is moved and nothing claimed: too few windows hold structure."""
    caution = Caution(
        "alignment-not-measured",
        f"The alignment could not be measured: only {textured} windows hold enough structure. "
        "The scenes are taken as they came; edges may be misalignment.",
    )
    return _unfitted(plan, options, "not measured", {"textured": textured}, (caution,))


def refused(plan: Plan, refusal: AlignmentError, options: CoregisterOptions) -> Alignment:
    """No move that could be trusted was found."""
    alignment = replace(_unfitted(plan, options, "refused", {}, ()), refusal=refusal)
    return accepted_by_user(alignment, options)


def _unfitted(
    plan: Plan,
    options: CoregisterOptions,
    verdict: Verdict,
    numbers: dict[str, Any],
    cautions: tuple[Caution, ...],
) -> Alignment:
    return Alignment(
        shift=Shift.constant(0.0, 0.0),
        moving=plan.moving,
        verdict=verdict,
        residual=None,
        residual_all=None,
        initial=None,
        coverage=None,
        error=None,
        tie_points=TiePoints.none(),
        ties=0,
        model="none",
        record=StepRecord(
            step="coregister",
            numbers={"verdict": verdict, "moving": plan.moving} | numbers,
            options=recorded(options),
            cautions=cautions,
        ),
    )


def accepted_by_user(alignment: Alignment, options: CoregisterOptions) -> Alignment:
    """A refused alignment, accepted where the user gave a reason."""
    if alignment.verdict != "refused" or not options.accept_alignment:
        return alignment
    caution = Caution(
        "alignment-accepted",
        f"The alignment was refused ({_briefly(alignment.refusal)}) and accepted by the analyst: "
        f"{options.accept_alignment}",
    )
    record = replace(
        alignment.record,
        numbers=dict(alignment.record.numbers) | {"verdict": "accepted"},
        cautions=(*alignment.record.cautions, caution),
    )
    return replace(alignment, verdict="accepted", accepted=options.accept_alignment, record=record)


def no_consensus(scenes: dict[Role, Scene], agreeing: int, windows: int) -> AlignmentError:
    """The refusal of scenes whose windows agree on no common move."""
    return AlignmentError(
        f"{_both(scenes)} could not be aligned: their windows agree on no common move, as with "
        "images of two places or one under cloud",
        found=f"{agreeing} of {windows} windows with texture agree",
        needed=f"more than chance brings together, at least {MIN_SUPPORT:.0%} of many and most "
        "of a few",
    )


def too_few_agree(scenes: dict[Role, Scene], agreeing: int, matching: int) -> AlignmentError:
    """The refusal of scenes of which most windows that match do so elsewhere."""
    return AlignmentError(
        f"{_both(scenes)} could not be aligned: too few of the windows that match agree with one "
        "smooth move, as with images of two places, or one under cloud or largely changed",
        found=f"{agreeing} of {matching} matching windows agree",
        needed=f"at least {MIN_AGREEING:.0%}, and {MIN_TIES} or more",
    )


def lost(scenes: dict[Role, Scene]) -> AlignmentError:
    """The refusal of scenes that seemed to fit, but whose windows then didn't."""
    return AlignmentError(
        f"{_both(scenes)} could not be aligned: they seem to fit as a whole, but their windows "
        "don't follow one smooth move",
        found=f"fewer than {MIN_TIES} windows, or less than {LEAST_KEPT:.0%}, that agree",
        needed="images that show the same ground",
    )


def repeated(scenes: dict[Role, Scene], between: tuple[int, int]) -> AlignmentError:
    """The refusal of scenes that fit as well elsewhere."""
    rows, cols = between
    return AlignmentError(
        f"{_both(scenes)} could not be aligned: what they show repeats itself, and they fit about "
        "as well in two places",
        found=f"two moves, {rows:+d} rows and {cols:+d} columns apart",
        needed="images that hold more than a repeated pattern, or ties set by hand",
        option="--ties",
    )


def not_well_enough(scenes: dict[Role, Scene], *, found: str, needed: str) -> AlignmentError:
    """The refusal of scenes that fit, but not closely."""
    return AlignmentError(
        f"{_both(scenes)} could not be aligned well enough",
        found=found,
        needed=needed,
        option="--usable-ce90, or --accept-alignment REASON",
    )


def _briefly(refusal: AlignmentError | None) -> str:
    """What was found, without what could be done about it."""
    return "" if refusal is None else f"{refusal.message}: {refusal.found}"


def _both(scenes: dict[Role, Scene]) -> str:
    return f"{scenes['before'].name} and {scenes['after'].name}"
