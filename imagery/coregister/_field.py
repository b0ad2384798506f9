"""From ties to a smooth shift: the simplest model that predicts best, and how well it is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.coregister._splines import Splines
from imagery.coregister._ties import Ties
from imagery.record import Caution
from imagery.shift import Shift
from imagery.shift_error import ShiftError

_ROUNDS = 6
"""Rounds of reweighting."""

_LEAST_FOR_LOCAL = 40
"""Ties below which no local model is tried."""

_OVERLAP = 1.4
"""Variance of means of ties whose windows overlap by half, in units of that without overlap: the
sum of the correlations of Hann's windows squared."""

_RAYLEIGH_30 = 0.8446
"""The 30 % quantile of the length of a vector of two unit Gaussians."""

_TUKEY = 4.685
"""Residual, in standard deviations, from which a tie has no weight (95 % efficiency)."""

SMOOTHNESS = tuple(10.0**e for e in range(-3, 4))
"""Penalties on the spline's bending among which cross-validation chooses."""

_GAIN_NEEDED = 0.98
"""A richer model must bring the error in cross-validation below this share of the simpler's."""

_LEAST_GAIN = 1e-4
"""And it must gain as many px: of scenes that coincide, rounding is not to be fitted."""

Extent = tuple[float, float, float, float]
"""top, left, bottom, right of the area that a field covers, px."""


class Blurred(Protocol):
    """Seams, as far as a field needs to know them."""

    def blurred(self, error: ShiftError, area: Window) -> ShiftError:
        """An error of the shift, with that of the place of the seams."""
        ...

    def numbers(self) -> dict[str, Any]:
        """What the record tells."""
        ...

    def cautions(self) -> tuple[Caution, ...]:
        """What the user is told."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedField:
    """The chosen model."""

    shift: Shift
    model: str
    """"none", "shift", "affine" or "local"."""

    errors: dict[str, float]
    """Median error of each model in blocked cross-validation, px."""

    ties: int
    """Ties that the fit kept."""

    predicted: NDArray[np.float64]
    """For each tie, its shift less what the model without its block foretells; shape (ties, 2)."""

    variance: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    """Variance of the field, per axis, px², at rows and cols: what the ties leave open."""

    seams: Blurred | None = None
    """Where the field breaks."""


def fit_field(ties: Ties, *, extent: Extent) -> FittedField:
    """Fit no move, a shift, an affine move and local fields; keep what predicts best.

    Parameters
    ----------
    ties
        The ties to fit, held-out ones left out.
    extent
        The area that the field must cover.

    Notes
    -----
    The local part is a P-spline surface (Eilers & Marx 1996): a uniform cubic B-spline with a
    penalty on second differences, which leaves the affine part free.  Models are compared by
    the median error in cross-validation over spatial blocks, so that a model can't win by
    following a neighbour's error, nor lose by ties on roofs.

    The variance is that of the Bayesian interval of a smoothing spline (Wahba 1983; Nychka 1988),
    with the ties' own spread around the model.
    """
    fits: dict[str, Callable[[Ties], Shift]] = {
        "none": lambda _: Shift.constant(0.0, 0.0),
        "shift": partial(_fit_linear, terms=1, extent=extent),
        "affine": partial(_fit_linear, terms=3, extent=extent),
    }
    predicted = {name: _cross_validated(ties, fit) for name, fit in fits.items()}
    smoothest = 0.0
    if len(ties) >= _LEAST_FOR_LOCAL:
        local = _local_predictions(ties, extent=extent)
        smoothest = min(local, key=lambda s: _error(local[s]))
        fits["local"] = partial(_fit_local, smoothness=smoothest, extent=extent)
        predicted["local"] = local[smoothest]
    errors = {name: _error(rest) for name, rest in predicted.items()}
    chosen = "none"
    for name in fits:
        if errors[name] < _GAIN_NEEDED * errors[chosen] - _LEAST_GAIN:
            chosen = name
    shift = fits[chosen](ties)
    residual = ties.left_by(shift)
    limit = max(_TUKEY * spread(residual), 0.15)
    return FittedField(
        shift=shift,
        model=chosen,
        errors=errors | ({"smoothness": smoothest} if chosen == "local" else {}),
        ties=int((np.hypot(*residual.T) < limit).sum()),
        predicted=predicted[chosen],
        # Where a simpler model was chosen, the local one still tells what it may have missed.
        variance=_variance(ties, residual, chosen, smoothness=smoothest, extent=extent),
    )


def fit_constant(ties: Ties, *, extent: Extent) -> Shift:
    """The shift through ties."""
    return _fit_linear(ties, terms=1, extent=extent)


def fit_affine(ties: Ties, *, extent: Extent) -> Shift:
    """The affine move through ties, whatever else would predict better."""
    return _fit_linear(ties, terms=3, extent=extent)


def _error(predicted: NDArray[np.float64]) -> float:
    lengths = np.hypot(*predicted.T)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.median(lengths)) if len(lengths) else float("inf")


def _cross_validated(ties: Ties, fit: Callable[[Ties], Shift]) -> NDArray[np.float64]:
    fold = ties.fold
    rest = np.full((len(ties), 2), np.nan)
    for number in np.unique(fold):
        here = fold == number
        if (~here).sum() >= 6:
            shift = fit(ties.where(~here))
            rest[here] = ties.shift[here] - shift.at(ties.row[here], ties.col[here]).T
    return rest


def _local_predictions(ties: Ties, *, extent: Extent) -> dict[float, NDArray[np.float64]]:
    """What cross-validation leaves of the ties with the local model at each smoothness.

    The weights come from one fit and stay, so that a fold's normal equations are made once and
    only the penalty changes.
    """
    fitted = _fit_local(ties, smoothness=10.0, extent=extent)
    weight = _weights(ties)
    weight = weight / weight.mean() * _tukey(ties.left_by(fitted))
    base = _fit_linear(ties, terms=3, extent=extent)
    rest = ties.left_by(base)
    splines = Splines.over(extent, ties.row, ties.col)
    design = splines.design(ties.row, ties.col)
    fold = ties.fold
    parts = {
        int(number): splines.normal(
            design[fold == number], weight[fold == number], rest[fold == number]
        )
        for number in np.unique(fold)
    }
    normal = sum(part[0] for part in parts.values())
    right = sum(part[1] for part in parts.values())
    left = {smoothness: np.full((len(ties), 2), np.nan) for smoothness in SMOOTHNESS}
    for smoothness in SMOOTHNESS:
        for number, (its_normal, its_right) in parts.items():
            solution = splines.solve(normal - its_normal, right - its_right, smoothness=smoothness)
            here = fold == number
            left[smoothness][here] = rest[here] - design[here] @ solution
    return left


def _weights(ties: Ties) -> NDArray[np.float64]:
    # The floor keeps a few ties of seeming perfection from carrying all the weight.
    variance = np.trace(ties.covariance, axis1=1, axis2=2) / 2
    return np.asarray(1 / (variance + 0.03**2))


def spread(residual: NDArray[np.float64]) -> float:
    """Standard deviation along one axis of the best third of the residuals.

    Ties on the ground agree sharply; those on roofs trail off along the view difference.  The
    third that agrees best tells the ground's spread even where most windows hold some roof.
    """
    return float(np.quantile(np.hypot(*residual.T), 0.3) / _RAYLEIGH_30)


def _tukey(residual: NDArray[np.float64]) -> NDArray[np.float64]:
    ratio = np.hypot(*residual.T) / (_TUKEY * max(spread(residual), 0.02))
    return np.asarray(np.where(ratio < 1, (1 - ratio**2) ** 2, 0.0))


def _frame(extent: Extent) -> tuple[tuple[float, float], float]:
    top, left, bottom, right = extent
    return ((top + bottom) / 2, (left + right) / 2), max(bottom - top, right - left, 2.0) / 2


def _linear_design(
    row: NDArray[np.float64], col: NDArray[np.float64], *, terms: int, extent: Extent
) -> NDArray[np.float64]:
    centre, scale = _frame(extent)
    return np.column_stack(
        [np.ones(len(row)), (row - centre[0]) / scale, (col - centre[1]) / scale]
    )[:, :terms]


def _fit_linear(ties: Ties, *, terms: int, extent: Extent) -> Shift:
    design = _linear_design(ties.row, ties.col, terms=terms, extent=extent)

    def solve(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        weighted = design * weight[:, None]
        ridge = 1e-9 * np.eye(terms)
        return np.asarray(np.linalg.solve(design.T @ weighted + ridge, weighted.T @ ties.shift))

    linear = np.zeros((2, 3))
    linear[:, :terms] = _reweighted(ties, solve, lambda solution: design @ solution).T
    centre, scale = _frame(extent)
    return Shift(centre=centre, scale=scale, linear=linear)


def _fit_local(ties: Ties, *, smoothness: float, extent: Extent) -> Shift:
    base = _fit_linear(ties, terms=3, extent=extent)
    rest = replace(ties, shift=ties.left_by(base))
    splines = Splines.over(extent, ties.row, ties.col)
    design = splines.design(ties.row, ties.col)

    def solve(weight: NDArray[np.float64]) -> NDArray[np.float64]:
        return splines.solve(*splines.normal(design, weight, rest.shift), smoothness=smoothness)

    solution = _reweighted(rest, solve, lambda coefficients: design @ coefficients)
    return splines.on_top_of(base, solution)


def _reweighted(
    ties: Ties,
    solve: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    foretold: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Least squares with Tukey's biweight (Holland & Welsch 1977), from a median start."""
    base = _weights(ties)
    base = base / base.mean()
    weight = base * _tukey(ties.shift - np.median(ties.shift, axis=0)) if len(ties) > 6 else base
    if weight.sum() < 1e-3 * base.sum():
        weight = base
    for _ in range(_ROUNDS):
        solution = solve(weight)
        weight = base * _tukey(ties.shift - foretold(solution))
        if weight.sum() < 1e-3 * base.sum():
            break
    return solution


def _variance(
    ties: Ties,
    residual: NDArray[np.float64],
    model: str,
    *,
    smoothness: float,
    extent: Extent,
) -> Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]:
    """Variance of the fitted field per axis, as a function of rows and cols."""
    base = _weights(ties)
    base = base / base.mean()
    weight = base * _tukey(residual)
    kept = max(float((weight / base).sum()), 1e-9)
    noise = _OVERLAP * float((weight * (residual**2).sum(axis=1)).sum()) / 2 / kept
    noise = max(noise, 1e-6)
    if not smoothness:
        # That nothing moves is known no better than a shift would be.
        terms = 3 if model == "affine" else 1
        design = _linear_design(ties.row, ties.col, terms=terms, extent=extent)
        inverse = np.linalg.pinv(design.T @ (design * weight[:, None])) * noise

        def linear(row: NDArray[np.float64], col: NDArray[np.float64]) -> NDArray[np.float64]:
            at = _linear_design(row, col, terms=terms, extent=extent)
            return np.asarray(np.einsum("pi,ij,pj->p", at, inverse, at))

        return linear
    splines = Splines.over(extent, ties.row, ties.col)
    design = splines.design(ties.row, ties.col)
    normal, _ = splines.normal(design, weight, residual)

    def local(row: NDArray[np.float64], col: NDArray[np.float64]) -> NDArray[np.float64]:
        return noise * splines.spread(normal, row, col, smoothness=smoothness)

    return local
