"""What a co-registration gives: the shift, how far it may be off, the ties, and the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imagery.errors import AlignmentError
from imagery.record import StepRecord
from imagery.scene import Role
from imagery.shift import Shift
from imagery.shift_error import ShiftError

Verdict = Literal["trusted", "usable", "accepted", "refused", "not measured"]


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

    @classmethod
    def of(cls, errors: NDArray[np.float64], *, agreeing: float, few: bool = False) -> Residual:
        """What errors of shape (ties, 2), px, say; of a few, no error lies between two ties."""
        radial = np.hypot(*errors.T)
        deviation = np.abs(errors - np.median(errors, axis=0))
        return cls(
            ce90=float(np.quantile(radial, 0.9, method="higher" if few else "linear")),
            median=float(np.median(radial)),
            rmse=float(np.sqrt(np.mean(radial**2))),
            nmad=float(1.4826 * np.median(deviation, axis=0).mean()),
            ties=len(errors),
            agreeing=agreeing,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TiePoints:
    """Every window that was matched, one entry a tie, on the working grid; n may be 0."""

    row: NDArray[np.float64]
    col: NDArray[np.float64]
    """Where its middle lies, px, pixel centres at whole numbers."""

    shift: NDArray[np.float64]
    """The measured move of the moving scene (rows, cols), px; shape (n, 2)."""

    residual: NDArray[np.float64]
    """What the field leaves of it, px; shape (n, 2)."""

    sigma: NDArray[np.float64]
    """Expected standard deviation of the residual along an axis, px."""

    coherence: NDArray[np.float64]
    held_out: NDArray[np.bool_]
    status: NDArray[np.str_]
    """"ground", "raised" (on a structure that leans) or "outlier" (change, or a wrong match)."""

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def none(cls) -> TiePoints:
        empty = np.zeros(0)
        return cls(
            row=empty,
            col=empty,
            shift=np.zeros((0, 2)),
            residual=np.zeros((0, 2)),
            sigma=empty,
            coherence=empty,
            held_out=np.zeros(0, bool),
            status=np.zeros(0, "U7"),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """The result of the co-registration."""

    shift: Shift
    moving: Role
    verdict: Verdict
    residual: Residual | None
    """After the warp, of ties on the ground; None where it could not be measured."""

    residual_all: Residual | None
    """The same with ties on raised structures."""

    initial: Residual | None
    """Before: the geolocation error between the two scenes as they came."""

    coverage: float | None
    """Share of the held-out ties on the ground inside their 90 % ellipse."""

    error: ShiftError | None
    """How far the shift may be off, place by place."""

    tie_points: TiePoints
    ties: int
    """Ties that the fit kept."""

    model: str
    record: StepRecord
    refusal: AlignmentError | None = None
    """Why the alignment is not to be used; its verdict is "refused" or "accepted" then."""

    accepted: str | None = None
    """The user's reason to go on in spite of the refusal."""

    def enforced(self) -> Alignment:
        """Itself, where it may be used.

        Raises
        ------
        AlignmentError
            If the verdict is "refused".
        """
        if self.verdict == "refused" and self.refusal is not None:
            raise self.refusal
        return self
