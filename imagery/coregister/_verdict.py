"""The verdict: what is left of the misalignment on held-out windows, and what follows from it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.coregister._alignment import Alignment, Residual, TiePoints, Verdict
from imagery.coregister._by_hand import HandFit
from imagery.coregister._field import FittedField
from imagery.coregister._ground import Lean, find_lean
from imagery.coregister._measure import Found
from imagery.coregister._pair import MatchPair
from imagery.coregister._refusals import (
    MIN_AGREEING,
    MIN_TIES,
    accepted_by_user,
    not_measured,
    not_well_enough,
    recorded,
    refused,
    too_few_agree,
)
from imagery.coregister._ties import Ties
from imagery.coregister._uncertainty import expected_error, squared_distances, tie_error
from imagery.errors import AlignmentError
from imagery.grid import Plan
from imagery.options import CoregisterOptions
from imagery.record import Caution, StepRecord
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.shift_error import CE90, ShiftError
from imagery.transform import shift_numbers

TOLERANCE = 3.0
"""Farther than this from the field, in px, a window shows something that moved, not the ground."""

_FEW = 30
"""Held-out ties below which the others judge as well, by cross-validation."""

_MIN_ON_GROUND = 0.5
"""Share of the held-out ties that must lie on the ground for a verdict of "trusted"."""

_MIN_KEPT = 0.25
"""Share of the windows with texture that the field must keep for a verdict of "trusted"."""

_MIN_WELL = 0.5
"""Share of the held-out ties that must lie at places within the limit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Judgement:
    """Held-out ties against the field, with what the other ties tell of it."""

    points: TiePoints
    error: ShiftError
    lean: Lean | None
    residual: Residual
    residual_all: Residual
    initial: Residual
    coverage: float
    by: str
    """What makes the ties that judge independent of the fit."""

    followed: float
    """Share of the windows with texture that follow the field, on the ground or leaning."""

    on_ground: float
    well: float
    """Share of the held-out ties at places within the limit."""


def judged(
    plan: Plan,
    pair: MatchPair,
    scenes: dict[Role, Scene],
    found: Found,
    field: FittedField,
    kept: NDArray[np.bool_],
    *,
    options: CoregisterOptions,
) -> Alignment:
    """The alignment with its verdict.

    Parameters
    ----------
    plan, pair, scenes
        What was aligned.
    found
        The windows measured, held-out ones among them.
    field
        The field, fitted to ``found.fit.where(kept)``.
    kept
        Which of the ties of ``found.fit`` the fit took.
    options
        The limits.
    """
    ties = found.ties
    jury = ties.held_out
    if jury.sum() < _FEW:
        # In a small area the others judge as well, each by the fit without its block.
        jury = np.ones(len(ties), bool)
    if jury.sum() < MIN_TIES:
        return not_measured(plan, options, found.textured + found.textured_held_out)
    residual = _out_of_sample(found, field, kept)
    lean = find_lean(residual[~ties.held_out])
    raised = np.zeros(len(ties), bool) if lean is None else lean.raised(residual)
    # The others show change.
    near = raised | (np.hypot(*residual.T) <= TOLERANCE)
    agreeing = float(near[jury].mean())
    ground = near & ~raised
    if agreeing < MIN_AGREEING or ground[jury].sum() < MIN_TIES:
        refusal = too_few_agree(scenes, int(ground[jury].sum()), int(jury.sum()))
        alignment = refused(plan, refusal, options)
        numbers = dict(alignment.record.numbers) | _shift_numbers(plan, field)
        return replace(
            alignment,
            shift=field.shift,
            model=field.model,
            ties=field.ties,
            tie_points=_points(ties, residual, near, raised, tie_error(ties)),
            record=replace(alignment.record, numbers=numbers),
        )
    told = _judge(pair, found, residual, jury, field, lean, near, raised, limit=options.usable_ce90)
    refusal_or_none = _beyond(plan, scenes, told, options)
    trusted = (
        told.residual.ce90 <= options.trusted_ce90
        and told.on_ground >= _MIN_ON_GROUND
        and told.followed >= _MIN_KEPT
    )
    verdict: Verdict = "trusted" if trusted else "usable"
    if refusal_or_none is not None:
        verdict = "refused"
    alignment = Alignment(
        shift=field.shift,
        moving=plan.moving,
        verdict=verdict,
        residual=told.residual,
        residual_all=told.residual_all,
        initial=told.initial,
        coverage=told.coverage,
        error=told.error,
        tie_points=told.points,
        ties=field.ties,
        model=field.model,
        record=StepRecord(
            step="coregister",
            numbers=_numbers(plan, pair, field, told) | {"verdict": verdict},
            options=recorded(options),
            cautions=(
                *_cautions(plan, told, verdict, options),
                *(() if field.seams is None else field.seams.cautions()),
            ),
        ),
        refusal=refusal_or_none,
    )
    return accepted_by_user(alignment, options)


def judged_by_hand(
    plan: Plan, scenes: dict[Role, Scene], fit: HandFit, *, options: CoregisterOptions
) -> Alignment:
    """The alignment through ties set by hand, with the verdict of its check points."""
    residual = fit.residual
    refusal = _too_large(plan, scenes, residual, "check points", options)
    verdict: Verdict = "trusted" if residual.ce90 <= options.trusted_ce90 else "usable"
    if refusal is not None:
        verdict = "refused"
    error = ShiftError.constant(max(residual.rmse / math.sqrt(2), residual.ce90 / CE90))
    alignment = Alignment(
        shift=fit.shift,
        moving=plan.moving,
        verdict=verdict,
        residual=residual,
        residual_all=residual,
        initial=fit.initial,
        coverage=None,
        error=error,
        tie_points=fit.points,
        ties=fit.fitted,
        model=fit.model,
        record=StepRecord(
            step="coregister",
            numbers={
                "verdict": verdict,
                "moving": plan.moving,
                "similarity": "set by hand",
                "ties_file": asdict(fit.file),
                "model": fit.model,
                "ties": fit.fitted,
                "residual_px": asdict(residual),
                "residual_all_px": asdict(residual),
                "initial_px": asdict(fit.initial),
                "judged_by": "check points set by hand",
                "mean_shift_px": _mean_shift(fit.shift, plan.result),
                "shift": shift_numbers(fit.shift),
            },
            options=recorded(options),
            cautions=(
                Caution(
                    "alignment-by-hand",
                    f"The alignment rests on {fit.fitted} ties set by hand, checked by "
                    f"{residual.ties} more: CE90 {residual.ce90:.2f} px "
                    f"({residual.ce90 * plan.pixel_size_m:.2f} m).",
                ),
            ),
        ),
        refusal=refusal,
    )
    return accepted_by_user(alignment, options)


def _out_of_sample(
    found: Found, field: FittedField, kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """What the field leaves of each tie; of one that was fitted, the fit without its block."""
    ties = found.ties
    residual = ties.left_by(field.shift)
    fitted = np.flatnonzero(~ties.held_out)[kept]
    known = np.isfinite(field.predicted).all(axis=1)
    residual[fitted[known]] = field.predicted[known]
    return residual


def _judge(
    pair: MatchPair,
    found: Found,
    residual: NDArray[np.float64],
    jury: NDArray[np.bool_],
    field: FittedField,
    lean: Lean | None,
    near: NDArray[np.bool_],
    raised: NDArray[np.bool_],
    *,
    limit: float,
) -> _Judgement:
    ties, agreeing = found.ties, float(near[jury].mean())
    ground = near & ~raised
    error = expected_error(pair.area, field, ties.where(ground), residual[ground])
    distance = squared_distances(ties, residual, error)
    learnt = ground & ~ties.held_out
    ellipse = float(np.quantile(distance[learnt], 0.9)) if learnt.any() else np.inf
    here = error.at(ties.row, ties.col)
    well = CE90 * here <= limit
    judges = jury & ground & well & _precise(ties)
    if judges.sum() < MIN_TIES:
        judges = jury & ground
    sigma = np.sqrt(np.maximum((residual**2).sum(axis=1) / np.maximum(distance, 1e-12), 1e-12))
    return _Judgement(
        points=_points(ties, residual, near, raised, sigma * np.sqrt(ellipse) / CE90),
        error=error,
        lean=lean,
        residual=Residual.of(residual[judges], agreeing=agreeing),
        residual_all=Residual.of(residual[jury & near], agreeing=agreeing),
        initial=Residual.of(ties.shift[jury & near], agreeing=agreeing),
        coverage=float((distance[judges] <= ellipse).mean()),
        by="held-out blocks" if jury.sum() < len(ties) else "cross-validation over blocks",
        followed=float(near.sum() / max(found.textured + found.textured_held_out, 1)),
        on_ground=float((jury & ground).sum() / (jury & near).sum()),
        well=float((jury & near & well).sum() / (jury & near).sum()),
    )


def _points(
    ties: Ties,
    residual: NDArray[np.float64],
    near: NDArray[np.bool_],
    raised: NDArray[np.bool_],
    sigma: NDArray[np.float64],
) -> TiePoints:
    return TiePoints(
        row=ties.row,
        col=ties.col,
        shift=ties.shift,
        residual=residual,
        sigma=sigma,
        coherence=ties.coherence,
        held_out=ties.held_out,
        status=np.where(raised, "raised", np.where(near, "ground", "outlier")),
    )


def _precise(ties: Ties) -> NDArray[np.bool_]:
    """Whether a tie measures at least half as well as the middle one.

    The others say more of themselves than of the field; that is known before they are compared
    with it.
    """
    sigma = tie_error(ties)
    return np.asarray(sigma <= 2 * np.median(sigma))


def _beyond(
    plan: Plan, scenes: dict[Role, Scene], told: _Judgement, options: CoregisterOptions
) -> AlignmentError | None:
    """The refusal, where the residual exceeds the limit."""
    refusal = _too_large(plan, scenes, told.residual, "windows that check", options)
    if refusal is None and told.well < _MIN_WELL:
        within = f"{options.usable_ce90:g} px"
        found = f"{told.well:.0%} of the windows lie where the error stays within {within}"
        return not_well_enough(scenes, found=found, needed=f"at least {_MIN_WELL:.0%}")
    return refusal


def _too_large(
    plan: Plan,
    scenes: dict[Role, Scene],
    residual: Residual,
    judges: str,
    options: CoregisterOptions,
) -> AlignmentError | None:
    """The refusal, where the CE90 exceeds the limit."""
    if residual.ce90 <= options.usable_ce90:
        return None
    metres = residual.ce90 * plan.pixel_size_m
    found = f"CE90 {residual.ce90:.2f} px = {metres:.2f} m on {residual.ties} {judges}"
    return not_well_enough(scenes, found=found, needed=f"at most {options.usable_ce90:g} px")


def _cautions(
    plan: Plan, told: _Judgement, verdict: Verdict, options: CoregisterOptions
) -> tuple[Caution, ...]:
    if verdict != "usable":
        return ()
    residual = told.residual
    size = f"CE90 {residual.ce90:.2f} px ({residual.ce90 * plan.pixel_size_m:.2f} m)"
    if residual.ce90 > options.trusted_ce90:
        why = f"{size}, above {options.trusted_ce90:g} px"
    elif told.on_ground < _MIN_ON_GROUND:
        why = (
            f"{size} on the ground, but only {told.on_ground:.0%} of the windows show ground "
            "and nothing that leans"
        )
    else:
        why = f"{size}, but on only {told.followed:.0%} of the windows, the others having changed"
    return (
        Caution(
            "alignment-usable",
            f"The alignment is only usable: {why}. Thin changes along edges may be misalignment.",
        ),
    )


def _numbers(plan: Plan, pair: MatchPair, field: FittedField, told: _Judgement) -> dict[str, Any]:
    return {
        "moving": plan.moving,
        "similarity": pair.similarity,
        "window_px": pair.size,
        "held_out_block_px": pair.block,
        "residual_px": asdict(told.residual),
        "residual_all_px": asdict(told.residual_all),
        "initial_px": asdict(told.initial),
        "judged_by": told.by,
        "coverage_90": told.coverage,
        "followed": told.followed,
        "on_ground": told.on_ground,
        "lean": None if told.lean is None else asdict(told.lean),
        "well_aligned_share": told.well,
        "cross_validation_px": field.errors,
    } | _shift_numbers(plan, field)


def _shift_numbers(plan: Plan, field: FittedField) -> dict[str, Any]:
    return {
        "model": field.model,
        "ties": field.ties,
        "mean_shift_px": _mean_shift(field.shift, plan.result),
        "shift": shift_numbers(field.shift),
        "seams": None if field.seams is None else field.seams.numbers(),
    }


def _mean_shift(shift: Shift, window: Window) -> list[float]:
    rows = np.linspace(window.top, window.bottom, 9)
    cols = np.linspace(window.left, window.right, 9)
    return [float(v) for v in shift.on_grid(rows, cols).mean(axis=(1, 2))]
