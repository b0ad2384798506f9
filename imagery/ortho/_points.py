"""Ground control points: from the ground to an image by a surface through or near its points."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.errors import InputError

Floats = NDArray[np.float64]

_TERMS = {1: 3, 2: 6, 3: 10}
"""Coefficients of a polynomial in two variables, by its order."""

_MOST = 2000
"""Points that are fitted; of more, evenly spread ones."""

_SPLINE_FROM = 10
_BETTER = 0.8
"""A surface with more freedom is taken where it errs less than this share of a simpler one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Points:
    """An image's own points, and the surface that was fitted to them.

    Heights are of no use to it: how the image leans is in its points, as far as they are dense.
    """

    crs: Any
    geographic: bool
    start: tuple[float, float]
    half: tuple[float, float]
    """Middle of the points, and half of what they span, which x and y are normalised by."""

    surface: Callable[[Floats, Floats], tuple[Floats, Floats]]
    """Rows and columns, whole numbers at pixel centres, of normalised positions."""

    method: str
    """In words: ``"a polynomial of order 2"``."""

    count: int
    residual_px: float
    """Root mean square distance of points from where the fit without them has them."""

    height = 0.0
    uses_height = False

    @property
    def step(self) -> tuple[float, float]:
        """A small step on the ground."""
        return 1e-4 * self.half[0], 1e-4 * self.half[1]

    def pixels(self, x: Floats, y: Floats, _height: Floats | float) -> tuple[Floats, Floats]:
        """Rows and columns of places on the ground."""
        return self.surface(
            np.asarray((x - self.start[0]) / self.half[0]),
            np.asarray((y - self.start[1]) / self.half[1]),
        )


def fit_points(points: Sequence[Any], crs: Any, *, geographic: bool, name: str) -> Points:
    """Fit the surface that foretells points best that it wasn't fitted to.

    Parameters
    ----------
    points
        With ``row`` and ``col``, counted from the outer corner of the first pixel, ``x`` and ``y``.
    crs, geographic
        What x and y are in, and whether that is degrees.
    name
        The image's name, for messages.

    Raises
    ------
    InputError
        If they are too few, lie on a line, or hold no numbers.

    Notes
    -----
    Polynomials of order 1 to 3, from four points on and as long as there are twice as many points
    as coefficients, and a thin plate spline (Duchon 1977) from ten points on.  What each leaves of
    a point that it wasn't fitted to is known without fitting again: of a polynomial by its
    leverages, of a spline by Rippa (1999, Advances in Computational Mathematics 11).
    """
    table = np.array([(p.row - 0.5, p.col - 0.5, p.x, p.y) for p in points], float)
    table = table[np.isfinite(table).all(axis=1)]
    if len(table) > _MOST:
        table = table[np.linspace(0, len(table) - 1, _MOST).astype(int)]
    if geographic and len(table):
        table[:, 2] = table[0, 2] + (table[:, 2] - table[0, 2] + 180) % 360 - 180
    _, first = np.unique(table[:, 2:], axis=0, return_index=True)
    table = table[np.sort(first)]
    if len(table) < 4:
        raise _unfit(name, f"{len(table)} of {len(points)} usable")
    low, high = table[:, 2:].min(axis=0), table[:, 2:].max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2
    if not (half > 0).all():
        raise _unfit(name, "points on one line")
    x, y = ((table[:, 2:] - middle) / half).T
    wanted = table[:, :2]
    best: tuple[float, str, Callable[[Floats, Floats], tuple[Floats, Floats]]] | None = None
    for method, left, surface in _fits(x, y, wanted):
        error = math.sqrt(float((left**2).sum(axis=1).mean()))
        if math.isfinite(error) and (best is None or error < _BETTER * best[0]):
            best = error, method, surface
    if best is None:
        raise _unfit(name, "points on one line")
    return Points(
        crs=crs,
        geographic=geographic,
        start=(float(middle[0]), float(middle[1])),
        half=(float(half[0]), float(half[1])),
        surface=best[2],
        method=best[1],
        count=len(table),
        residual_px=best[0],
    )


def _fits(x: Floats, y: Floats, wanted: Floats) -> Any:
    """Each surface that the points bear: its name, what it leaves of points left out, itself."""
    for order, terms in _TERMS.items():
        if len(x) >= max(4, 2 * terms) or (order == 1 and len(x) >= 4):
            fitted = _polynomial(x, y, wanted, order)
            if fitted is not None:
                yield f"a polynomial of order {order}", *fitted
    if len(x) >= _SPLINE_FROM:
        fitted = _spline(x, y, wanted)
        if fitted is not None:
            yield "a thin plate spline", *fitted


def _powers(x: Floats, y: Floats, order: int) -> Floats:
    """The terms of a polynomial along a new last axis."""
    terms = [x**i * y**j for total in range(order + 1) for i, j in _exponents(total)]
    return np.stack(np.broadcast_arrays(*terms), axis=-1)


def _exponents(total: int) -> list[tuple[int, int]]:
    return [(total - j, j) for j in range(total + 1)]


def _polynomial(x: Floats, y: Floats, wanted: Floats, order: int) -> Any:
    design = _powers(x, y, order)
    if np.linalg.cond(design) > 1e6:
        return None
    inverse = np.linalg.pinv(design)
    solved = inverse @ wanted
    leverage = np.einsum("ij,ji->i", design, inverse)
    if leverage.max() > 1 - 1e-6:
        return None
    left = (wanted - design @ solved) / (1 - leverage)[:, None]

    def surface(at_x: Floats, at_y: Floats) -> tuple[Floats, Floats]:
        found = _powers(at_x, at_y, order) @ solved
        return found[..., 0], found[..., 1]

    return left, surface


def _spline(x: Floats, y: Floats, wanted: Floats) -> Any:
    count = len(x)
    matrix = np.zeros((count + 3, count + 3))
    matrix[:count, :count] = _bending(x[:, None] - x, y[:, None] - y)
    matrix[:count, count:] = _powers(x, y, 1)
    matrix[count:, :count] = matrix[:count, count:].T
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        return None
    solved = inverse[:, :count] @ wanted
    left = solved[:count] / np.diagonal(inverse)[:count, None]

    def surface(at_x: Floats, at_y: Floats) -> tuple[Floats, Floats]:
        found = _powers(at_x, at_y, 1) @ solved[count:]
        for px, py, weight in zip(x, y, solved[:count], strict=True):
            found += _bending(at_x - px, at_y - py)[..., None] * weight
        return found[..., 0], found[..., 1]

    return left, surface


def _bending(x: Floats, y: Floats) -> Floats:
    """The thin plate's kernel, r² log r², without its constant."""
    square = x * x + y * y
    return np.asarray(square * np.log(np.where(square > 0, square, 1.0)))


def _unfit(name: str, found: str) -> InputError:
    return InputError(
        f"{name}: its ground control points can't put it on the ground",
        found=found,
        needed="at least four different points that don't lie on a line",
    )
