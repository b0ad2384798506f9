"""The words of an alignment: its verdict, its numbers, and what may help where it is refused."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.report.alignment import MODELS, direction
from aoi.report.words import clean, count, fine
from imagery.coregister import Alignment, Residual
from imagery.errors import AlignmentError
from imagery.grid import Plan
from imagery.scene import Role, Scene
from imagery.shift import Shift

_VERDICTS = {
    "trusted": "Trusted",
    "usable": "Usable, with care",
    "accepted": "Refused, and accepted by the analyst",
    "refused": "Refused",
    "not measured": "Not measured",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Told:
    """All that a figure or a diagnosis tells of."""

    scenes: dict[Role, Scene]
    plan: Plan
    alignment: Alignment | None
    """None where the measuring itself was refused."""

    refusal: AlignmentError | None

    @property
    def verdict(self) -> str:
        return "refused" if self.alignment is None else self.alignment.verdict

    @property
    def bad(self) -> bool:
        """Whether the alignment is not to be relied on."""
        return self.verdict in ("refused", "accepted", "not measured")

    @property
    def moving(self) -> Scene:
        return self.scenes[self.plan.moving]

    @property
    def still(self) -> Scene:
        return self.scenes[self.plan.still]

    def px(self, value: float) -> str:
        """``0.21 px (0.11 m)``."""
        return f"{fine(value)} px ({metres(value * self.plan.pixel_size_m)})"


def metres(value: float) -> str:
    """``0.11 m``, ``18 m``, ``1.2 km``: as many digits as a residual deserves."""
    if value >= 1000:
        return f"{value / 1000:,.1f} km"
    return f"{value:.0f} m" if value >= 10 else f"{value:.{1 if value >= 1 else 2}f} m"


def verdict(told: Told) -> str:
    """The verdict in a sentence, made from the numbers."""
    head, found = _VERDICTS[told.verdict], told.alignment
    # Of a refusal, the reason comes first.
    parts = [f"{head}{': ' if told.refusal is not None else '. '}{_why(told)}".strip(" :.") + "."]
    if found is not None and found.residual is not None:
        size = told.px(found.residual.ce90)
        text = (
            f"90 % of the errors are below {size}, on {_judges(found, found.residual)} "
            f"{independent(found)}."
        )
        if found.initial is not None:
            text += f" They were below {told.px(found.initial.ce90)} before."
        parts = [f"{head}: {text}"] if told.refusal is None else [*parts, text]
    if found is not None and found.accepted:
        parts.append(f"Reason given: {clean(found.accepted).rstrip('.')}.")
    return " ".join(parts)


def _judges(found: Alignment, residual: Residual) -> str:
    """``137 of 169 windows``: the others lie where the move isn't known well enough to count."""
    held = int(judging(found).sum())
    of = f"{residual.ties:,} of " if held > residual.ties else ""
    return of + count(max(held, residual.ties), "window")


def judging(found: Alignment) -> NDArray[np.bool_]:
    """Which ties were held against the fit: those held out, or all where these were too few."""
    ties = found.tie_points
    jury = ties.held_out if _held_out(found) else np.ones(len(ties), bool)
    return np.asarray(jury & (ties.status == "ground"))


def independent(found: Alignment) -> str:
    """What makes the ties that judge independent of the fit."""
    if _held_out(found):
        return "held out of the fit"
    return "judged by cross-validation: each against a fit without its surroundings"


def _held_out(found: Alignment) -> bool:
    return "cross-validation" not in str(found.record.numbers.get("judged_by"))


def _why(told: Told) -> str:
    if told.refusal is not None:
        found, needed = clean(told.refusal.found), clean(told.refusal.needed)
        return f"{found}; {needed} is needed" if found and needed else found
    if told.verdict == "not measured":
        return "Too few windows hold enough structure to measure a shift"
    return ""


def move(told: Told) -> str:
    """How the moving image was moved, in a sentence."""
    found = told.alignment
    if found is None or found.model == "none":
        return "No move was found."
    rows, cols = mean_shift(found.shift, told.plan)
    model = MODELS.get(found.model, clean(found.model))
    average = "" if found.model == "shift" else "on average "
    return f"Moved by {model}: {average}{direction(rows, cols)}, {_length(told, rows, cols)}."


def _length(told: Told, rows: float, cols: float) -> str:
    return f"{metres(float(np.hypot(rows, cols)) * told.plan.pixel_size_m)} on the ground"


def mean_shift(shift: Shift, plan: Plan) -> tuple[float, float]:
    """The mean move (rows, cols) where the alignment was measured, px."""
    window = plan.estimation
    rows = np.linspace(window.top, window.bottom, 9)
    cols = np.linspace(window.left, window.right, 9)
    mean = shift.on_grid(rows, cols).mean(axis=(1, 2))
    return float(mean[0]), float(mean[1])


def image(scene: Scene) -> str:
    """``after.tif, 2024-09-12 02:14 UTC``."""
    return f"{clean(scene.name, longest=80)}, {scene.acquisition}"


def advice(told: Told) -> list[str]:
    """What may be wrong and what may help, from the numbers alone."""
    found, told_of = told.alignment, []
    if told.verdict in ("trusted", "usable"):
        return []
    if told.verdict == "not measured" or found is None or not len(found.tie_points):
        told_of.append(
            "Compare before.png and after.png: do they show the same place? Cloud, snow, water and "
            "haze hold no structure to match."
        )
        told_of.append(
            "If positions are off by more than a few dozen pixels, correct one image's "
            "georeference first."
        )
        told_of.append("Bands of other colours may match better: --bands, or bands of each image.")
        return told_of
    states = found.tie_points.status
    outliers = float(np.mean(states == "outlier"))
    raised = float(np.mean(states == "raised"))
    if outliers > 0.5:
        told_of.append(
            f"{outliers:.0%} of the windows match nothing or somewhere else: much has changed, or "
            "the images don't show the same place."
        )
    if raised > 0.25:
        told_of.append(
            f"{raised:.0%} of the windows lie on structures that lean differently: choose images "
            "of a similar viewing angle."
        )
    if _large(found.residual, told) and not told_of:
        told_of.append(
            "What is left varies from place to place, as with relief that was not orthorectified: "
            "orthorectify both images with one elevation model."
        )
    return told_of or ["Look at alignment.png for where the residuals are large."]


def _large(residual: Residual | None, told: Told) -> bool:
    return residual is not None and residual.ce90 > 0.5
