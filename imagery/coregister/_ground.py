"""Ties on the ground and on what stands above it, told apart by their residuals."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

_LEAST_TIES = 20
"""Residuals below which no direction is read from them."""

_REACH = 6.0
"""Residuals, px, from which the direction is read: farther away are wrong matches."""

_FARTHEST = 12.0
"""Displacement, px, above which a tie is no roof but a wrong match."""

_ELONGATED = 1.5
"""A lean draws the residuals out along one direction: ratio of their 90 % ranges, at least; more
of few ties, which are longer one way than the other by chance."""

_LEAST_LEAN = 0.15
"""Displacement, px, below which a tie counts as ground."""

_WIDTHS = 3.0
"""Standard deviations across the lean beyond which a tie stands out."""

_ONE_SIDED = 3.0
"""So many times more ties on one side of the ground make of it the side of the roofs."""

_LEAST_SHARE = 0.04
"""Share of the ties that must stand out."""


@dataclass(frozen=True, kw_only=True)
class Lean:
    """The direction in which whatever is tall is displaced, from the view difference."""

    axis: tuple[float, float]
    """Unit vector (rows, cols)."""

    across: float
    """Standard deviation of the residuals across it, px: what the ground's ties scatter by."""

    ground: float
    """Where along it the ground lies: most ties agree there, px."""

    one_sided: bool
    """Whether hardly any tie lies behind the ground: the axis then points to the roofs."""

    @property
    def limit(self) -> float:
        """Displacement, px, from which a tie stands out."""
        return max(_WIDTHS * self.across, _LEAST_LEAN)

    def along(self, residual: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement along the lean, from the ground; residuals of shape (ties, 2)."""
        return np.asarray(residual @ np.array(self.axis) - self.ground)

    def at_ground_of(self, residual: NDArray[np.float64]) -> Lean:
        """The same direction, with the ground and the scatter of other residuals."""
        across, ground = _across_and_ground(residual, np.array(self.axis))
        return replace(self, across=across, ground=ground)

    def beside(self, residual: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether ties lie too far to the side of the lean to be of the ground, or of a roof."""
        aside = np.abs(residual @ np.array((-self.axis[1], self.axis[0])))
        far: NDArray[np.bool_] = aside > np.maximum(self.limit, 0.25 * np.abs(self.along(residual)))
        return far

    def on_ground(self, residual: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether ties may be taken for the ground, to fit it: low walls and trees left out."""
        along = self.along(residual)
        highest = self.across if self.one_sided else self.limit
        found: NDArray[np.bool_] = (
            (along >= -self.limit) & (along <= highest) & ~self.beside(residual)
        )
        return found

    def raised(self, residual: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether ties are displaced as structures that stand out of the ground are."""
        along = np.abs(self.along(residual))
        found: NDArray[np.bool_] = (
            (along > self.limit) & (along <= _FARTHEST) & ~self.beside(residual)
        )
        return found


def find_lean(residual: NDArray[np.float64]) -> Lean | None:
    """The lean that residuals of ties, shape (ties, 2), show; None where they show none.

    Between two views, a point at height ``h`` is displaced by ``h (tan v1 - tan v2)`` along the
    one direction in which the views differ.  The ground's ties scatter alike to all sides; those
    of roofs, and of pits, trail off along that direction.
    """
    residual = residual[np.hypot(*residual.T) <= _REACH]
    count = len(residual)
    if count < _LEAST_TIES:
        return None
    angles = np.deg2rad(np.arange(0, 180, 3))
    axes = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    along = residual @ axes.T
    along -= np.median(along, axis=0)
    reach = np.quantile(np.abs(along), 0.9, axis=0)
    # The direction across the i-th is the one 30 steps of 3 degrees on.
    ratio = reach / np.maximum(np.roll(reach, -30), 1e-6)
    best = int(np.argmax(ratio))
    if ratio[best] < _ELONGATED + 4 / np.sqrt(count) or reach[best] < _LEAST_LEAN:
        return None
    axis = axes[best]
    across, ground = _across_and_ground(residual, axis)
    lean = Lean(
        axis=(float(axis[0]), float(axis[1])), across=across, ground=ground, one_sided=False
    )
    if lean.raised(residual).mean() < _LEAST_SHARE:
        return None
    ahead = float((lean.along(residual) > lean.limit).mean())
    behind = float((lean.along(residual) < -lean.limit).mean())
    if behind > ahead:
        lean = replace(lean, axis=(-lean.axis[0], -lean.axis[1]), ground=-lean.ground)
        ahead, behind = behind, ahead
    return replace(lean, one_sided=ahead >= _ONE_SIDED * behind)


def _across_and_ground(
    residual: NDArray[np.float64], axis: NDArray[np.float64]
) -> tuple[float, float]:
    """Scatter across an axis, a median-based standard deviation, and the mode along it; px."""
    aside = residual @ np.array((-axis[1], axis[0]))
    across = float(1.4826 * np.median(np.abs(aside - np.median(aside))))
    return across, _mode(np.sort(residual @ axis))


def _mode(ordered: NDArray[np.float64]) -> float:
    """Where sorted values lie densest: the half-sample mode (Robertson & Cryer 1974)."""
    while len(ordered) > 3:
        half = -(-len(ordered) // 2)
        widths = ordered[half - 1 :] - ordered[: len(ordered) - half + 1]
        first = int(np.argmin(widths))
        ordered = ordered[first : first + half]
    return float(ordered.mean())
