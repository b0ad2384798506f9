"""The verdict: what is left of the misalignment on held-out windows, and what follows from it."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.coregister._field import FittedField
from imagery.coregister._measure import measure
from imagery.coregister._pair import MatchPair
from imagery.errors import AlignmentError
from imagery.grid import Plan
from imagery.options import CoregisterOptions
from imagery.record import Caution, StepRecord
from imagery.scene import Role, Scene
from imagery.shift import Shift

Verdict = Literal["trusted", "usable", "not measured"]

MIN_TIES = 8
"""Held-out ties below which a residual is not a measurement."""

MIN_SUPPORT = 0.10
"""Share of textured windows that must agree with one move; unrelated scenes reach 1 to 3 %."""

TOLERANCE = 3.0
"""Farther than this from the field, in px, a window shows something that moved, not the ground."""

_MIN_AGREEING = 0.5
"""Share of the held-out windows that match at all which must agree with the field."""


@dataclass(frozen=True, kw_only=True)
class Residual:
    """What is left of the misalignment, from held-out ties, in px of the working grid."""

    ce90: float
    """90th percentile of the radial error."""

    median: float
    rmse: float
    nmad: float
    """1.4826 times the median absolute deviation, mean of both axes."""

    ties: int
    agreeing: float
    """Share of the held-out windows that match at all whose match lies within 3 px of the field;
    the others show change, and are not counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """The result of the co-registration."""

    shift: Shift
    moving: Role
    verdict: Verdict
    residual: Residual | None
    """After the warp; None where it could not be measured."""

    initial: Residual | None
    """Before: the geolocation error between the two scenes as they came."""

    ties: int
    model: str
    record: StepRecord


def judged(
    plan: Plan,
    pair: MatchPair,
    scenes: dict[Role, Scene],
    field: FittedField,
    *,
    options: CoregisterOptions,
    executor: Executor,
) -> Alignment:
    found = measure(pair, field.shift, search=pair.size // 8, held_out=True, executor=executor)
    held = found.ties
    if len(held) < MIN_TIES:
        return not_measured(plan, options, found.textured)
    rest = held.shift - field.shift.at(held.row, held.col).T
    near = np.hypot(*rest.T) <= TOLERANCE
    if near.mean() < _MIN_AGREEING:
        raise no_consensus(scenes, float(near.mean()), len(held), needed=_MIN_AGREEING)
    residual = _residual(rest[near], agreeing=float(near.mean()))
    initial = _residual(held.shift[near], agreeing=float(near.mean()))
    if residual.ce90 > options.usable_ce90:
        raise AlignmentError(
            f"{scenes['before'].name} and {scenes['after'].name} could not be aligned well enough, "
            "so nothing was differenced",
            found=f"CE90 {residual.ce90:.2f} px = {residual.ce90 * plan.pixel_size_m:.2f} m "
            f"on {residual.ties} held-out windows",
            needed=f"at most {options.usable_ce90:g} px",
            option="--usable-ce90",
        )
    trusted = residual.ce90 <= options.trusted_ce90
    cautions: tuple[Caution, ...] = ()
    if not trusted:
        cautions = (
            Caution(
                "alignment-usable",
                f"The alignment is only usable: CE90 {residual.ce90:.2f} px "
                f"({residual.ce90 * plan.pixel_size_m:.2f} m), above {options.trusted_ce90:g} px. "
                "Thin changes along edges may be misalignment.",
            ),
        )
    verdict: Verdict = "trusted" if trusted else "usable"
    return Alignment(
        shift=field.shift,
        moving=plan.moving,
        verdict=verdict,
        residual=residual,
        initial=initial,
        ties=field.ties,
        model=field.model,
        record=StepRecord(
            step="coregister",
            numbers={
                "verdict": verdict,
                "moving": plan.moving,
                "model": field.model,
                "ties": field.ties,
                "window_px": pair.size,
                "residual_px": asdict(residual),
                "initial_px": asdict(initial),
                "cross_validation_px": field.errors,
                "mean_shift_px": _mean_shift(field.shift, plan.result),
                "shift": _shift_numbers(field.shift),
            },
            options=asdict(options),
            cautions=cautions,
        ),
    )


def _residual(errors: NDArray[np.float64], *, agreeing: float) -> Residual:
    radial = np.hypot(*errors.T)
    deviation = np.abs(errors - np.median(errors, axis=0))
    return Residual(
        ce90=float(np.percentile(radial, 90)),
        median=float(np.median(radial)),
        rmse=float(np.sqrt(np.mean(radial**2))),
        nmad=float(1.4826 * np.median(deviation, axis=0).mean()),
        ties=len(errors),
        agreeing=agreeing,
    )


def _mean_shift(shift: Shift, window: Window) -> list[float]:
    rows = np.linspace(window.top, window.bottom, 9)
    cols = np.linspace(window.left, window.right, 9)
    return [float(v) for v in shift.on_grid(rows, cols).mean(axis=(1, 2))]


def _shift_numbers(shift: Shift) -> dict[str, Any]:
    return {
        "centre": list(shift.centre),
        "scale": shift.scale,
        "linear": shift.linear.tolist(),
        "knot_origin": list(shift.knot_origin),
        "knot_spacing": shift.knot_spacing,
        "coefficients": None if shift.coefficients is None else shift.coefficients.tolist(),
    }


def not_measured(plan: Plan, options: CoregisterOptions, textured: int) -> Alignment:
    caution = Caution(
        "alignment-not-measured",
        f"The alignment could not be measured: only {textured} windows hold enough structure. "
        "The scenes were compared as they came; edges may be misalignment.",
    )
    return Alignment(
        shift=Shift.constant(0.0, 0.0),
        moving=plan.moving,
        verdict="not measured",
        residual=None,
        initial=None,
        ties=0,
        model="none",
        record=StepRecord(
            step="coregister",
            numbers={"verdict": "not measured", "moving": plan.moving, "textured": textured},
            options=asdict(options),
            cautions=(caution,),
        ),
    )


def no_consensus(
    scenes: dict[Role, Scene], share: float, windows: int, *, needed: float = MIN_SUPPORT
) -> AlignmentError:
    return AlignmentError(
        f"{scenes['before'].name} and {scenes['after'].name} could not be aligned: their windows "
        "agree on no common move, as with images of two places or one under cloud",
        found=f"{share:.0%} of {windows} textured windows agree",
        needed=f"at least {needed:.0%}",
    )
