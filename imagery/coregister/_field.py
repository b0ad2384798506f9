"""From ties to a smooth shift: consensus, then the simplest model that predicts best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagery.shift import Shift, bspline_basis

_HYPOTHESES = 500
_FOLDS = 5
_MAX_KNOTS = 16
_MIN_SPACING = 96.0
"""Distance of knots in px: what windows of 128 px can tell apart."""
_ROUNDS = 6
"""Rounds of reweighting."""

_RAYLEIGH_30 = 0.8446
"""The 30 % quantile of the length of a vector of two unit Gaussians."""

SMOOTHNESS = tuple(10.0**e for e in range(-4, 4))
"""Penalties on the spline's bending among which cross-validation chooses."""

_GAIN_NEEDED = 0.98
"""A richer model must bring the error in cross-validation below this share of the simpler's."""

_LEAST_GAIN = 1e-4
"""And it must gain as many px: of scenes that coincide, rounding is not to be fitted."""


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
    block: NDArray[np.intp]
    """The spatial block of each tie, for what must be held apart."""

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
            block=np.zeros(0, np.intp),
        )
        return cls(
            **{
                f.name: np.concatenate([getattr(part, f.name) for part in (empty, *parts)])
                for f in fields(cls)
            }
        )

    def where(self, keep: NDArray[np.bool_]) -> Ties:
        """The ties that are kept."""
        return Ties(
            row=self.row[keep],
            col=self.col[keep],
            shift=self.shift[keep],
            covariance=self.covariance[keep],
            coherence=self.coherence[keep],
            block=self.block[keep],
        )


@dataclass(frozen=True, kw_only=True)
class FittedField:
    """The chosen model."""

    shift: Shift
    model: str
    """"none", "shift", "affine" or "local"."""

    errors: dict[str, float]
    """Median error of each model in blocked cross-validation, px."""

    ties: int
    """Ties that the fit kept."""


def consensus(ties: Ties, *, tolerance: float) -> NDArray[np.bool_]:
    """The largest set of ties that one affine move explains within ``tolerance`` px.

    MSAC (Torr & Zisserman 2000) over affine hypotheses from three ties each, and constant ones
    from one tie each, with a fixed seed.
    """
    rng = np.random.default_rng(20240613)
    count = len(ties)
    design = np.column_stack([np.ones(count), ties.row, ties.col])
    design[:, 1:] -= design[:, 1:].mean(axis=0)
    singles = ties.shift[rng.permutation(count)[: _HYPOTHESES // 2]]
    solutions = [np.stack([s, np.zeros(2), np.zeros(2)]) for s in singles]
    if count >= 3:
        for _ in range(_HYPOTHESES):
            three = rng.choice(count, 3, replace=False)
            try:
                solution = np.linalg.solve(design[three], ties.shift[three])
            except np.linalg.LinAlgError:
                continue
            # A satellite pair doesn't turn or stretch by more than a few per cent.
            if np.abs(solution[1:]).max() < 0.05:
                solutions.append(solution)
    best, best_cost = np.zeros(count, bool), np.inf
    for solution in solutions:
        squared = ((ties.shift - design @ solution) ** 2).sum(axis=1)
        cost = float(np.minimum(squared, tolerance**2).sum())
        if cost < best_cost:
            best, best_cost = squared < tolerance**2, cost
    return best


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
    stands_out = np.abs(residual - middle) > np.maximum(3 * spread, 0.15)
    keep: NDArray[np.bool_] = ~stands_out.any(axis=1)
    return keep


def fit_field(ties: Ties, *, shape: tuple[float, float, float, float]) -> FittedField:
    """Fit no move, a shift, an affine move and local fields; keep what predicts best.

    Parameters
    ----------
    ties
        The ties to fit, held-out ones left out.
    shape
        (top, left, bottom, right) of the area that the field must cover, px.

    Notes
    -----
    The local part is a P-spline surface (Eilers & Marx 1996): a uniform cubic B-spline with a
    penalty on second differences, which leaves the affine part free.  Models are compared by
    the median error in cross-validation over spatial blocks, so that a model can't win by
    following a neighbour's error, nor lose by ties on roofs.
    """
    fits: dict[str, Callable[[Ties], Shift]] = {
        "none": lambda _: Shift.constant(0.0, 0.0),
        "shift": partial(_fit_linear, terms=1, shape=shape),
        "affine": partial(_fit_linear, terms=3, shape=shape),
    }
    errors = {name: _cross_validated(ties, fit) for name, fit in fits.items()}
    if len(ties) >= 40:
        errors |= _local_errors(ties, shape=shape)
        smoothest = min(SMOOTHNESS, key=lambda s: errors[f"local {s:g}"])
        fits[f"local {smoothest:g}"] = partial(_fit_local, smoothness=smoothest, shape=shape)
    chosen = "none"
    for name in fits:
        if errors[name] < _GAIN_NEEDED * errors[chosen] - _LEAST_GAIN:
            chosen = name
    shift = fits[chosen](ties)
    residual = ties.shift - shift.at(ties.row, ties.col).T
    limit = max(4.685 * _spread(residual), 0.15)
    return FittedField(
        shift=shift,
        model=chosen.split()[0],
        errors=errors,
        ties=int((np.hypot(*residual.T) < limit).sum()),
    )


def _cross_validated(ties: Ties, fit: Callable[[Ties], Shift]) -> float:
    fold = ties.block % _FOLDS
    errors = np.full(len(ties), np.nan)
    for number in np.unique(fold):
        away = fold != number
        if away.sum() < 6:
            continue
        shift = fit(ties.where(away))
        here = ~away
        errors[here] = np.hypot(*(ties.shift[here].T - shift.at(ties.row[here], ties.col[here])))
    errors = errors[np.isfinite(errors)]
    if not len(errors):
        return float("inf")
    return float(np.median(errors))


def _local_errors(ties: Ties, *, shape: tuple[float, float, float, float]) -> dict[str, float]:
    """The error in cross-validation of the local model at each smoothness.

    The weights come from one fit and stay, so that a fold's normal equations are made once and
    only the penalty changes.
    """
    fitted = _fit_local(ties, smoothness=10.0, shape=shape)
    weight = _weights(ties)
    weight = weight / weight.mean() * _tukey(ties.shift - fitted.at(ties.row, ties.col).T)
    _, design, rest, counts = _local_problem(ties, shape=shape)
    fold = ties.block % _FOLDS
    parts = {}
    for number in np.unique(fold):
        here = fold == number
        weighted = design[here] * weight[here, None]
        parts[int(number)] = (design[here].T @ weighted, weighted.T @ rest[here])
    normal = sum(part[0] for part in parts.values())
    right = sum(part[1] for part in parts.values())
    errors = {}
    for smoothness in SMOOTHNESS:
        penalty = smoothness * _bending(*counts)
        lengths = []
        for number, (its_normal, its_right) in parts.items():
            solution = np.linalg.solve(normal - its_normal + penalty, right - its_right)
            here = fold == number
            lengths.append(np.hypot(*(rest[here] - design[here] @ solution).T))
        errors[f"local {smoothness:g}"] = float(np.median(np.concatenate(lengths)))
    return errors


def _weights(ties: Ties) -> NDArray[np.float64]:
    # The floor keeps a few ties of seeming perfection from carrying all the weight.
    variance = np.trace(ties.covariance, axis1=1, axis2=2) / 2
    return np.asarray(1 / (variance + 0.03**2))


def _spread(residual: NDArray[np.float64]) -> float:
    """Standard deviation along one axis of the best third of the residuals.

    Ties on the ground agree sharply; those on roofs trail off along the view difference.  The
    third that agrees best tells the ground's spread even where most windows hold some roof.
    """
    return float(np.quantile(np.hypot(*residual.T), 0.3) / _RAYLEIGH_30)


def _tukey(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    scale = 4.685 * max(_spread(residual), 0.02)
    ratio = np.hypot(*residual.T) / scale
    return np.where(ratio < 1, (1 - ratio**2) ** 2, 0.0)


def _frame(shape: tuple[float, float, float, float]) -> tuple[tuple[float, float], float]:
    top, left, bottom, right = shape
    return ((top + bottom) / 2, (left + right) / 2), max(bottom - top, right - left, 2.0) / 2


def _fit_linear(ties: Ties, *, terms: int, shape: tuple[float, float, float, float]) -> Shift:
    centre, scale = _frame(shape)
    design = np.column_stack(
        [np.ones(len(ties)), (ties.row - centre[0]) / scale, (ties.col - centre[1]) / scale]
    )[:, :terms]
    solution = _reweighted(design, ties, penalty=1e-9 * np.eye(terms))
    linear = np.zeros((2, 3))
    linear[:, :terms] = solution.T
    return Shift(centre=centre, scale=scale, linear=linear)


def _fit_local(ties: Ties, *, smoothness: float, shape: tuple[float, float, float, float]) -> Shift:
    base, design, rest, counts = _local_problem(ties, shape=shape)
    solution = _reweighted(
        design, replace(ties, shift=rest), penalty=smoothness * _bending(*counts)
    )
    return replace(
        base,
        knot_origin=(shape[0], shape[1]),
        knot_spacing=_spacing(shape),
        coefficients=solution.T.reshape(2, *counts),
    )


def _local_problem(
    ties: Ties, *, shape: tuple[float, float, float, float]
) -> tuple[Shift, NDArray[np.float64], NDArray[np.float64], tuple[int, int]]:
    """The affine part, the design of the splines, what is left for them, their numbers."""
    base = _fit_linear(ties, terms=3, shape=shape)
    top, left, bottom, right = shape
    spacing = _spacing(shape)
    counts = (
        int(np.ceil((bottom - top) / spacing)) + 3,
        int(np.ceil((right - left) / spacing)) + 3,
    )
    by_row = bspline_basis((ties.row - top) / spacing, counts[0])
    by_col = bspline_basis((ties.col - left) / spacing, counts[1])
    design = (by_row[:, :, None] * by_col[:, None, :]).reshape(len(ties), -1)
    return base, design, ties.shift - base.at(ties.row, ties.col).T, counts


def _spacing(shape: tuple[float, float, float, float]) -> float:
    top, left, bottom, right = shape
    return max((bottom - top) / _MAX_KNOTS, (right - left) / _MAX_KNOTS, _MIN_SPACING)


def _bending(rows: int, cols: int) -> NDArray[np.float64]:
    """Second differences along both directions and across, as a quadratic form."""

    def second(count: int) -> NDArray[np.float64]:
        d = np.diff(np.eye(count), n=2, axis=0)
        return np.asarray(d.T @ d)

    def first(count: int) -> NDArray[np.float64]:
        d = np.diff(np.eye(count), axis=0)
        return np.asarray(d.T @ d)

    # The ridge ties down knots that no tie reaches.
    return np.asarray(
        np.kron(second(rows), np.eye(cols))
        + np.kron(np.eye(rows), second(cols))
        + 2 * np.kron(first(rows), first(cols))
        + 1e-6 * np.eye(rows * cols)
    )


def _reweighted(
    design: NDArray[np.float64], ties: Ties, *, penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares with Tukey's biweight (Holland & Welsch 1977), from a median start."""
    base = _weights(ties)
    base = base / base.mean()
    weight = base * _tukey(ties.shift - np.median(ties.shift, axis=0)) if len(ties) > 6 else base
    if weight.sum() < 1e-3 * base.sum():
        weight = base
    solution = np.zeros((design.shape[1], 2))
    for _ in range(_ROUNDS):
        weighted = design * weight[:, None]
        solution = np.linalg.solve(design.T @ weighted + penalty, weighted.T @ ties.shift)
        weight = base * _tukey(ties.shift - design @ solution)
        if weight.sum() < 1e-3 * base.sum():
            break
    return solution
