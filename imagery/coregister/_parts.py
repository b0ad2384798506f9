"""Parts of an area, each with a field of its own, found where the shift of ties jumps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window
from imagery.coregister._field import Extent, FittedField, fit_field, spread
from imagery.coregister._jumps import Lattice, cut_along_jumps, find_jumps, sides
from imagery.coregister._ties import Ties

Floats = NDArray[np.float64]
Labels = NDArray[np.bool_]
"""Which of two parts each tie lies in."""

_MOST_PARTS = 4

_LEAST_JUMP = 0.5
_NOISES = 5.0
"""A seam's jump is of so many px, and of so many times the ties' noise, at the least."""

_LEAST_SHARE = 0.1
_LEAST_TIES = 30
"""What either side must hold of the ties."""

_CLEAR = 1.25
_LEAST_TO_START = 12
"""Ties nearer to a boundary than this, in steps, take no part in the first fit; what it needs."""

_ROUNDS = 6
_SETTLED = 0.005
"""Share of the ties that change sides at the end."""

_MOVES = 3.2
"""How far from the boundary, in steps, a tie may change sides in a round."""

_TELLING = 3.0
"""Two fields tell ties apart where they differ by so many times the noise."""

_WIDE = 7.0
"""Distance from a boundary, in steps, of the ties that tell of it: another may lie farther off."""

_NEAR = 4.0
"""Distance from a boundary, in steps, within which it must show."""

_MOST_NEAR, _MOST_ALL = 0.6, 0.9
"""What may be left of the errors in cross-validation: near the boundary, and of all."""

_MOST_ODD = 0.05
"""Share of the ties of which most neighbours lie in the other part."""

_ALONG = 0.8
"""Share of a boundary along which the fields must jump."""

_WORST = 3.0
"""Error, px, from which on a tie's counts alike: it shows no ground."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What tells two parts from one; all but ``jump`` and ``noise`` are shares."""

    smaller: float
    """Of the ties, in the smaller part."""

    near: float
    every: float
    """Errors in cross-validation with two fields, in units of those with one: of the ties near the
    boundary, the lesser of the ratios of medians and of means; and the mean of those around."""

    odd: float
    along: float
    """Of the boundary, where the jump is large enough."""

    jump: float
    """Median along the boundary, px."""

    noise: float
    """Standard deviation, along an axis, of the ties of the rougher part, px."""

    @property
    def convincing(self) -> bool:
        """Whether there are two parts."""
        return (
            self.smaller >= _LEAST_SHARE
            and self.near <= _MOST_NEAR
            and self.every <= _MOST_ALL
            and self.odd <= _MOST_ODD
            and self.along >= _ALONG
        )


def find_parts(ties: Ties, area: Window, *, step: float, extent: Extent) -> NDArray[np.intp]:
    """Which part each tie lies in, numbered from 0 on; all in one where there is no seam.

    A candidate is the line across the area along which the shift jumps most.  It parts the ties;
    each part is fitted by itself, ties near the line go where they fit better, and the two fields
    must then foretell ties much better than one, jump along all of the boundary, and lie in one
    piece each.  Parts are parted again, to four at the most.

    Parameters
    ----------
    ties
        The ties that a fit may use.
    area
        What they cover.
    step
        Distance of their windows, px.
    extent
        The area that fields must cover.
    """
    part = np.zeros(len(ties), np.intp)
    lattice = Lattice.over(area, step=step)
    waiting, count = [0], 1
    while waiting and count < _MOST_PARTS:
        number = waiting.pop(0)
        label = _parted(ties, part, number, lattice, extent=extent)
        if label is None:
            continue
        part[np.flatnonzero(part == number)[label]] = count
        waiting += [number, count]
        count += 1
    return part


def _parted(
    ties: Ties, part: NDArray[np.intp], number: int, lattice: Lattice, *, extent: Extent
) -> Labels | None:
    """Two parts of one, if it has two."""
    own = ties.where(part == number)
    if len(own) < 2 * _LEAST_TIES:
        return None
    inside = part[_nearest(ties, *lattice.places)].reshape(lattice.shape) == number
    jumps = find_jumps(own, lattice)
    least = max(_LEAST_JUMP, _NOISES * jumps.noise)
    if not np.isfinite(least):
        return None
    wall = cut_along_jumps(jumps, inside, least_jump=least, least_share=_LEAST_SHARE)
    if wall is None:
        return None
    label, clear = _beside(wall, inside, own, lattice)
    for number_of_round in range(_ROUNDS):
        use = _gap(own, label) <= _WIDE * lattice.step
        use &= clear | (number_of_round > 0)
        if min((use & label).sum(), (use & ~label).sum()) < _LEAST_TO_START:
            return None
        again = _relabelled(own, label, _fields(own, label, use, extent=extent), lattice.step)
        settled = number_of_round > 0 and (again != label).mean() < _SETTLED
        label = again
        if settled:
            break
    if min(label.sum(), (~label).sum()) < _LEAST_TIES:
        return None
    return label if evidence(own, label, lattice.step, extent=extent).convincing else None


def _fields(
    ties: Ties, label: Labels, use: NDArray[np.bool_], *, extent: Extent
) -> tuple[FittedField, FittedField]:
    return (
        fit_field(ties.where(use & ~label), extent=extent),
        fit_field(ties.where(use & label), extent=extent),
    )


def _nearest(ties: Ties, row: Floats, col: Floats) -> NDArray[np.intp]:
    """The number of the tie nearest to each place."""
    from scipy.spatial import cKDTree

    tree = cKDTree(np.column_stack([ties.row, ties.col]))
    return np.asarray(tree.query(np.column_stack([row, col]))[1])


def _beside(
    wall: NDArray[np.bool_], inside: NDArray[np.bool_], ties: Ties, lattice: Lattice
) -> tuple[Labels, NDArray[np.bool_]]:
    """On which side of a line ties lie, and whether well away from it."""
    parts = sides(wall, inside)
    one, other = np.argsort(np.bincount(parts.ravel())[1:])[::-1][:2] + 1
    known = (parts == one) | (parts == other)
    index = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    place = lattice.numbers(ties.row, ties.col)
    away = ndimage.distance_transform_edt(~wall)
    return (parts[tuple(index)] == other)[place], away[place] > _CLEAR


def _relabelled(
    ties: Ties, label: Labels, fields: tuple[FittedField, FittedField], step: float
) -> Labels:
    """Ties near the boundary go where they fit better, and most of their neighbours."""
    from scipy.spatial import cKDTree

    rest = [ties.left_by(field.shift) for field in fields]
    off = np.stack([np.hypot(*one.T) for one in rest])
    noise = max(min(spread(rest[0][~label]), spread(rest[1][label])), 0.02)
    tells = np.abs(off[0] - off[1]) > _TELLING * noise
    tells &= (off.min(axis=0) < 2 * _TELLING * noise + 0.1) & (_gap(ties, label) <= _MOVES * step)
    new = np.where(tells, off[1] < off[0], label)
    points = np.column_stack([ties.row, ties.col])
    _, nine = cKDTree(points).query(points, k=9)
    for _ in range(2):
        new = new[nine].mean(axis=1) > 0.5
    return np.asarray(new)


def _gap(ties: Ties, label: Labels) -> Floats:
    """Distance of each tie from the other part's, px."""
    from scipy.spatial import cKDTree

    points = np.column_stack([ties.row, ties.col])
    gap = np.full(len(ties), np.inf)
    if label.any() and not label.all():
        gap[label] = cKDTree(points[~label]).query(points[label])[0]
        gap[~label] = cKDTree(points[label]).query(points[~label])[0]
    return gap


def evidence(ties: Ties, label: Labels, step: float, *, extent: Extent) -> Evidence:
    """What tells two parts from one."""
    from scipy.spatial import cKDTree

    smaller = float(min(label.mean(), 1 - label.mean()))
    points = np.column_stack([ties.row, ties.col])
    _, nine = cKDTree(points).query(points, k=9)
    odd = np.abs(label[nine[:, 1:]].mean(axis=1) - label) > 0.5
    gap = _gap(ties, label)
    wide = gap <= _WIDE * step
    ties, label, gap = ties.where(wide), label[wide], gap[wide]
    fields = _fields(ties, label, np.ones(len(ties), bool), extent=extent)
    two = np.empty((len(ties), 2))
    two[~label], two[label] = (field.predicted for field in fields)
    before, after = _lengths(fit_field(ties, extent=extent).predicted), _lengths(two)
    near, edge = gap <= _NEAR * step, gap <= 1.5 * step
    ratios = [float(f(after[near]) / max(f(before[near]), 1e-9)) for f in (np.median, np.mean)]
    at = ties.row[edge], ties.col[edge]
    jump = np.hypot(*(fields[1].shift.at(*at) - fields[0].shift.at(*at)))
    rest = [ties.left_by(field.shift) for field in fields]
    noise = max(spread(rest[0][~label]), spread(rest[1][label]))
    return Evidence(
        smaller=smaller,
        near=min(ratios),
        every=float(after.mean() / max(before.mean(), 1e-9)),
        odd=float(odd.mean()),
        along=float((jump >= max(_LEAST_JUMP, _NOISES * noise)).mean()) if len(jump) else 0.0,
        jump=float(np.median(jump)) if len(jump) else 0.0,
        noise=noise,
    )


def _lengths(errors: Floats) -> Floats:
    return np.asarray(np.minimum(np.nan_to_num(np.hypot(*errors.T), nan=_WORST), _WORST))
