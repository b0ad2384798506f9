"""Where the shift of ties jumps, and the line across an area along which it does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from imagery.blocks import Window
from imagery.coregister._ties import Ties

Floats = NDArray[np.float64]

_REACH = 4.5
"""Radius, in steps, of the ties around a place that tell whether the shift jumps there."""

_NEAREST = 64
"""Ties looked at around a place, at the most."""

_STRADDLING = 0.6
"""Windows nearer to a line than this, in steps, lie on both sides of it."""

_LEAST_ASIDE = 14
"""Ties needed on either side."""

_ROUNDS = 5
_TUKEY = 4.0
"""Residual, in medians, from which a tie has no weight."""

_NORMALS = np.deg2rad(np.arange(0, 180, 22.5))
"""Directions across the line that is tried at a place, from that of the columns on."""

_MOVES = (((0, 1), 4), ((1, 0), 0), ((1, 1), 6), ((1, -1), 2))
"""Steps of a line on the lattice, rows and cols, and the number of the normal of each."""

_UNKNOWN = 0.5
"""Strength of a seam where there are too few ties to tell."""

_CHEAPEST = 0.02
_LEAST_STRENGTH = 0.8
"""Mean strength along a line for it to be a candidate."""

_CANDIDATES = 40


@dataclass(frozen=True, kw_only=True, eq=False)
class Lattice:
    """Places over an area, a step apart."""

    top: float
    left: float
    step: float
    shape: tuple[int, int]

    @classmethod
    def over(cls, area: Window, *, step: float) -> Lattice:
        rows, cols = (max(2, int(side // step)) for side in area.shape)
        return cls(
            top=area.top + step / 2, left=area.left + step / 2, step=step, shape=(rows, cols)
        )

    def numbers(self, row: Floats, col: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The place nearest to each point, as its row and col of the lattice."""
        at = np.rint((row - self.top) / self.step), np.rint((col - self.left) / self.step)
        clipped = (np.clip(a, 0, n - 1) for a, n in zip(at, self.shape, strict=True))
        down, right = (a.astype(np.intp) for a in clipped)
        return down, right

    @property
    def places(self) -> tuple[Floats, Floats]:
        """Rows and cols of all, px, one row of places after the other."""
        rows = self.top + self.step * np.arange(self.shape[0])
        cols = self.left + self.step * np.arange(self.shape[1])
        row, col = np.meshgrid(rows, cols, indexing="ij")
        return row.ravel(), col.ravel()


@dataclass(frozen=True, kw_only=True, eq=False)
class Jumps:
    """The jump across each of eight lines through each place."""

    lattice: Lattice
    across: Floats
    """Shape (places, normals, 2), px; NaN where there are too few ties to tell."""

    noise: float
    """Length of what a tie's shift is off from its surroundings, px: the median."""


def find_jumps(ties: Ties, lattice: Lattice) -> Jumps:
    """How far the shift jumps across lines through places.

    Through the ties around a place goes a cubic polynomial with a step along the line, by least
    squares with Tukey's biweight: what bends smoothly takes no part in the step.
    """
    from scipy.spatial import cKDTree

    row, col = lattice.places
    step = lattice.step
    count = min(_NEAREST, len(ties))
    distance, near = cKDTree(np.column_stack([ties.row, ties.col])).query(
        np.column_stack([row, col]), k=count, distance_upper_bound=_REACH * step
    )
    there = np.isfinite(distance)
    near = np.where(there, near, 0)
    down = (ties.row[near] - row[:, None]) / step
    right = (ties.col[near] - col[:, None]) / step
    weight = np.where(there, np.exp(-((np.where(there, distance, 0) / step / 3) ** 2) / 2), 0.0)
    smooth = _cubic(down / _REACH, right / _REACH)
    across = np.full((len(row), len(_NORMALS), 2), np.nan)
    left = np.full((len(row), len(_NORMALS)), np.nan)
    for number, angle in enumerate(_NORMALS):
        aside = down * np.sin(angle) + right * np.cos(angle)
        clear = weight * (np.abs(aside) > _STRADDLING)
        sides = ((clear > 0) & (aside > 0)).sum(axis=1), ((clear > 0) & (aside < 0)).sum(axis=1)
        told = np.minimum(*sides) >= _LEAST_ASIDE
        if not told.any():
            continue
        side = np.where(aside > 0, 0.5, -0.5)[..., None]
        design = np.concatenate([smooth, side], axis=2)[told]
        solution, off = _robust(design, ties.shift[near[told]], clear[told])
        across[told, number], left[told, number] = solution[:, -1], off
    noise = float(np.nanmedian(left)) if np.isfinite(left).any() else float("inf")
    return Jumps(lattice=lattice, across=across, noise=noise)


def _cubic(y: Floats, x: Floats) -> Floats:
    one = np.ones_like(y)
    terms = [one, y, x, y * y, y * x, x * x, y**3, y * y * x, y * x * x, x**3]
    return np.stack(terms, axis=-1)


def _robust(design: Floats, values: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Solutions of many small least squares, shape (n, terms, 2), and their median residuals."""
    ridge = 1e-6 * np.eye(design.shape[2])
    now = weight
    for _ in range(_ROUNDS):
        weighted = np.swapaxes(design * now[..., None], 1, 2)
        solution = np.linalg.solve(weighted @ design + ridge, weighted @ values)
        rest = values - design @ solution
        length = np.hypot(rest[..., 0], rest[..., 1])
        off = np.maximum(np.nanmedian(np.where(weight > 0, length, np.nan), axis=1), 0.01)
        ratio = length / (_TUKEY * off[:, None])
        now = weight * np.where(ratio < 1, (1 - ratio**2) ** 2, 0.0)
    return np.asarray(solution), np.asarray(off)


def cut_along_jumps(
    jumps: Jumps, inside: NDArray[np.bool_], *, least_jump: float, least_share: float
) -> NDArray[np.bool_] | None:
    """The line from border to border along which the shift jumps most, as a wall of places.

    Parameters
    ----------
    jumps
        The jumps.
    inside
        The part of the lattice to cut in two; of the lattice's shape.
    least_jump
        What counts as a jump, px.
    least_share
        Share of ``inside`` that either side must hold.

    Returns
    -------
    NDArray or None
        True on the line, of the lattice's shape; None where there is no such line.
    """
    shape = jumps.lattice.shape
    graph = _graph(jumps, inside, least_jump)
    number = np.arange(inside.size).reshape(shape)
    rim = number[inside & ~ndimage.binary_erosion(inside, np.ones((3, 3)))]
    cost, before = sparse.csgraph.dijkstra(
        graph, directed=False, indices=rim, return_predecessors=True
    )
    row, col = np.divmod(rim, shape[1])
    chord = np.hypot(row[:, None] - row, col[:, None] - col)
    weakness = 1 / (1 - _LEAST_STRENGTH)
    worth = np.triu(chord - weakness * cost[:, rim], 1)
    best, most = None, 0.0
    for pick in np.argsort(worth, axis=None)[::-1][:_CANDIDATES]:
        first, last = (int(k) for k in np.unravel_index(pick, worth.shape))
        if not worth[first, last] > 0:
            break
        line = _walked(before[first], int(rim[last]))
        gain = _length(line, shape[1]) - weakness * float(cost[first, rim[last]])
        wall = np.zeros(shape, bool)
        wall.ravel()[line] = True
        if gain > most and _balanced(wall, inside, least_share=least_share):
            best, most = wall, gain
    return best


def _graph(jumps: Jumps, inside: NDArray[np.bool_], least_jump: float) -> sparse.csr_array:
    """What it costs a line to go from a place to the next: its length where nothing jumps."""
    shape = jumps.lattice.shape
    length = np.hypot(jumps.across[..., 0], jumps.across[..., 1]).reshape(*shape, -1)
    strength = np.where(np.isnan(length), _UNKNOWN, np.minimum(length / least_jump, 1.0))
    number = np.arange(inside.size).reshape(shape)
    starts, ends, costs = [], [], []
    for (down, right), normal in _MOVES:
        # A line on the lattice's eight directions is that of the seam to half of 45 degrees.
        strong = strength[..., [normal - 1, normal, (normal + 1) % 8]].max(axis=-1)
        here = slice(0, shape[0] - down), slice(max(0, -right), shape[1] - max(0, right))
        there = slice(down, shape[0]), slice(max(0, right), shape[1] - max(0, -right))
        both = inside[here] & inside[there]
        weak = 1 - (strong[here][both] + strong[there][both]) / 2
        starts.append(number[here][both])
        ends.append(number[there][both])
        costs.append(np.hypot(down, right) * np.maximum(weak, _CHEAPEST))
    return sparse.csr_array(
        (np.concatenate(costs), (np.concatenate(starts), np.concatenate(ends))),
        shape=(inside.size, inside.size),
    )


def _walked(before: NDArray[np.int32], last: int) -> list[int]:
    """The places of a line, from its last one back to where it starts."""
    line = [last]
    while before[line[-1]] >= 0:
        line.append(int(before[line[-1]]))
    return line


def _length(line: list[int], cols: int) -> float:
    row, col = np.divmod(np.array(line), cols)
    return float(np.hypot(np.diff(row), np.diff(col)).sum())


def sides(wall: NDArray[np.bool_], inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The parts on the sides of a line, numbered from 1 on; 0 on the line and outside."""
    return np.asarray(ndimage.label(inside & ~wall)[0])


def _balanced(wall: NDArray[np.bool_], inside: NDArray[np.bool_], *, least_share: float) -> bool:
    parts = sides(wall, inside)
    sizes = np.sort(np.bincount(parts.ravel())[1:])[::-1]
    return len(sizes) >= 2 and sizes[1] >= least_share * inside.sum()
