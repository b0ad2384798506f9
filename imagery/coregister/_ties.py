"""Ties, and which of them agree: with one affine move, and with their neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from imagery.shift import Shift

_HYPOTHESES = 500
_VOTERS = 1000
"""Ties that are enough to compare hypotheses."""

_MOST_TURN = 0.05
"""Change of the shift per px above which a hypothesis is nonsense."""

_FLOOR = 0.15
"""Difference from its neighbours, px, below which no tie stands out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ties:
    """Points with a measured shift, on the working grid."""

    row: NDArray[np.float64]
    col: NDArray[np.float64]
    shift: NDArray[np.float64]
    """Shape (ties, 2): the move of the moving scene."""

    covariance: NDArray[np.float64]
    """Shape (ties, 2, 2), px²."""

    coherence: NDArray[np.float64]
    fold: NDArray[np.intp]
    """Which fifth of the area's blocks a tie lies in, 0 to 4; ties of fold 0 are held out: they
    judge the fit and have no part in it."""

    @property
    def held_out(self) -> NDArray[np.bool_]:
        return np.asarray(self.fold == 0)

    def __len__(self) -> int:
        return len(self.row)

    @classmethod
    def joined(cls, parts: Sequence[Ties]) -> Ties:
        """All the ties of several sets, in their order; none, of the right shapes, of none."""
        none = np.zeros(0)
        empty = cls(
            row=none,
            col=none,
            shift=np.zeros((0, 2)),
            covariance=np.zeros((0, 2, 2)),
            coherence=none,
            fold=np.zeros(0, np.intp),
        )
        return cls(
            **{
                f.name: np.concatenate([getattr(part, f.name) for part in (empty, *parts)])
                for f in fields(cls)
            }
        )

    def left_by(self, shift: Shift) -> NDArray[np.float64]:
        """What a shift leaves of the ties' own; shape (ties, 2), px."""
        return np.asarray(self.shift - shift.at(self.row, self.col).T)

    def where(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> Ties:
        """The ties that are kept, by a mask or by their numbers."""
        return Ties(**{f.name: getattr(self, f.name)[keep] for f in fields(self)})


def accepted(ties: Ties, prior: Shift, *, tolerance: float) -> NDArray[np.bool_]:
    """Which ties agree on one affine move on top of the prior, and with their neighbours."""
    if not len(ties):
        return np.zeros(0, bool)
    rest = ties.left_by(prior)
    keep = consensus(replace(ties, shift=rest), tolerance=tolerance)
    keep[keep] = agrees_with_neighbours(ties.where(keep), rest[keep])
    return keep


def consensus(ties: Ties, *, tolerance: float) -> NDArray[np.bool_]:
    """The largest set of ties that one affine move explains within ``tolerance`` px.

    MSAC (Torr & Zisserman 2000) over affine hypotheses from three ties each, and constant ones
    from one tie each, with a fixed seed.
    """
    rng = np.random.default_rng(20240613)
    every = np.column_stack([np.ones(len(ties)), ties.row, ties.col])
    every[:, 1:] -= every[:, 1:].mean(axis=0)
    voters = rng.permutation(len(ties))[:_VOTERS]
    design, shift = every[voters], ties.shift[voters]
    solutions = np.zeros((len(shift[: _HYPOTHESES // 2]), 3, 2))
    solutions[:, 0] = shift[: _HYPOTHESES // 2]
    if len(shift) >= 3:
        threes = rng.permuted(np.tile(np.arange(len(shift)), (_HYPOTHESES, 1)), axis=1)[:, :3]
        planes = _through(design[threes], shift[threes])
        solutions = np.concatenate([solutions, planes])
    costs = [
        np.minimum(((shift - design @ one) ** 2).sum(axis=1), tolerance**2).sum()
        for one in solutions
    ]
    best = solutions[int(np.argmin(costs))]
    agrees: NDArray[np.bool_] = np.hypot(*(ties.shift - every @ best).T) < tolerance
    return agrees


def _through(design: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine moves through three ties each, shapes (n, 3, 3) and (n, 3, 2); the sane ones."""
    apart = np.abs(np.linalg.det(design)) > 1e-3
    solutions = np.linalg.solve(design[apart], shift[apart])
    # A satellite pair doesn't turn or stretch by more than a few per cent.
    sane = np.abs(solutions[:, 1:]).max(axis=(1, 2)) < _MOST_TURN
    return np.asarray(solutions[sane])


def agrees_with_neighbours(ties: Ties, residual: NDArray[np.float64]) -> NDArray[np.bool_]:
    """False where a tie's residual stands out from the median of its eight nearest ties.

    The local median test (Westerweel & Scarano 2005, Experiments in Fluids 39), with a floor of
    0.15 px below which nothing stands out.
    """
    from scipy.spatial import cKDTree

    if len(ties) < 10:
        return np.ones(len(ties), bool)
    points = np.column_stack([ties.row, ties.col])
    _, near = cKDTree(points).query(points, k=9)
    around = residual[near[:, 1:]]
    middle = np.median(around, axis=1)
    spread = 1.4826 * np.median(np.abs(around - middle[:, None]), axis=1)
    stands_out = np.abs(residual - middle) > np.maximum(3 * spread, _FLOOR)
    keep: NDArray[np.bool_] = ~stands_out.any(axis=1)
    return keep
