"""How far a shift may be off, place by place, as a value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CE90 = 2.146
"""Radius that holds 90 % of a circular Gaussian, in its standard deviations along an axis."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShiftError:
    """How far a shift may be off: its expected standard error along each axis, on the grid.

    Bilinear between nodes, held outside of them.  The 90 % radius is 2.146 times as much.
    """

    rows: NDArray[np.float64]
    cols: NDArray[np.float64]
    """Where the nodes' rows and cols lie, px, rising."""

    values: NDArray[np.float64]
    """Shape (node rows, node cols), px."""

    @classmethod
    def constant(cls, value: float) -> ShiftError:
        """The same everywhere."""
        return cls(rows=np.zeros(1), cols=np.zeros(1), values=np.full((1, 1), value))

    def on_grid(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """The error where every of ``rows`` meets every of ``cols``; shape (rows, cols), px."""
        (top, lower), (left, right) = _between(rows, self.rows), _between(cols, self.cols)
        # Across first, of the few rows of nodes around: a window is small, and nodes may be many.
        first, last = (int(top.min()), int(top.max())) if len(top) else (0, 0)
        near = self.values[first : last + 2]
        beside = np.minimum(left + 1, len(self.cols) - 1)
        across = near[:, left] * (1 - right) + near[:, beside] * right
        above, below = top - first, np.minimum(top + 1, len(self.rows) - 1) - first
        return np.asarray(across[above] * (1 - lower[:, None]) + across[below] * lower[:, None])

    def at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """The error at points; shape (points,), px."""
        (top, lower), (left, right) = _between(rows, self.rows), _between(cols, self.cols)
        below = np.minimum(top + 1, len(self.rows) - 1)
        beside = np.minimum(left + 1, len(self.cols) - 1)
        values = self.values
        upper = values[top, left] * (1 - right) + values[top, beside] * right
        under = values[below, left] * (1 - right) + values[below, beside] * right
        return np.asarray(upper * (1 - lower) + under * lower)


def _between(
    positions: NDArray[np.float64], nodes: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The node before each position, and how far on to the next it lies, 0 to 1."""
    if len(nodes) == 1:
        return np.zeros(len(positions), np.intp), np.zeros(len(positions))
    inside = np.clip(positions, nodes[0], nodes[-1])
    before = np.clip(np.searchsorted(nodes, inside, side="right") - 1, 0, len(nodes) - 2)
    return before, (inside - nodes[before]) / (nodes[before + 1] - nodes[before])
