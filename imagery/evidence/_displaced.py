"""How much of a difference a displacement of one image against the other would explain."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, helper, readonly
from imagery.evidence._model import Floats, Vector

_STEPS = 8
"""Displacements tried along a line, each way."""

_AS_MUCH = 0.05
"""Shares that differ by less count as the same."""

_DIRECTIONS = 8
FAN = (1.0, 2.0)
"""Standard errors of the alignment tried in each direction."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Family:
    """Displacements that one test tries."""

    name: str
    moves: Floats
    """Shape (count, 2): (rows, cols) in px, or in standard errors of the alignment."""

    control: NDArray[np.bool_]
    """Those across the direction, which tell what chance explains; shape (count,)."""

    in_errors: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Displacements:
    """All displacements that are tried, one after the other."""

    families: Mapping[str, Family]
    place: Mapping[str, slice]

    @classmethod
    def of(cls, families: Iterable[Family]) -> Displacements:
        """One after the other, in this order."""
        known = {family.name: family for family in families}
        place, start = {}, 0
        for name, family in known.items():
            place[name] = slice(start, start + len(family.moves))
            start += len(family.moves)
        return cls(families=known, place=place)

    def __len__(self) -> int:
        return sum(len(family.moves) for family in self.families.values())

    @property
    def reach(self) -> float:
        """The farthest, px, but for those in standard errors."""
        return max(
            (float(np.abs(f.moves).max()) for f in self.families.values() if not f.in_errors),
            default=0.0,
        )


@dataclass(frozen=True)
class Explained:
    """The shortest displacement of a family that explains most of a region's difference."""

    share: float
    """Of the squared difference in all bands, 0 to 1."""

    by_chance: float
    """What displacements across the direction explain; 0 where there are none."""

    move: Vector
    """(rows, cols), of the earlier image's content to where the later one shows it."""

    @property
    def length(self) -> float:
        """Of the move."""
        return math.hypot(*self.move)


def fan(name: str) -> Family:
    """All directions, as far as the alignment may be off."""
    turns = np.arange(_DIRECTIONS) * (2 * np.pi / _DIRECTIONS)
    moves = [(r * np.sin(turn), r * np.cos(turn)) for r in FAN for turn in turns]
    return Family(
        name=name,
        moves=np.array(moves),
        control=np.zeros(len(moves), bool),
        in_errors=True,
    )


def line(name: str, direction: Vector, *, reach: float, both_ways: bool) -> Family:
    """Along a unit vector up to ``reach`` px, and, for control, as far across it."""
    lengths = np.geomspace(min(0.75, reach / 2), reach, _STEPS)
    along, across = np.array(direction), np.array([-direction[1], direction[0]])
    ahead, beside = lengths[:, None] * along, lengths[:, None] * across
    wanted = [ahead, -ahead] if both_ways else [ahead]
    moves = np.concatenate([*wanted, beside, -beside])
    control = np.arange(len(moves)) >= len(lengths) * len(wanted)
    return Family(name=name, moves=moves, control=control, in_errors=False)


def left_over(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    valid: NDArray[np.bool_],
    at: tuple[NDArray[np.int64], NDArray[np.int64]],
    *,
    place: NDArray[np.int64],
    count: int,
    errors: NDArray[np.float32],
    displacements: Displacements,
) -> Floats:
    """Squared difference of regions that is left at each displacement.

    Both ways: the earlier image against the later one where its content went, and the later image
    against the earlier one where its content came from; the mean of both.  What is displaced
    vanishes from both.  What merely appeared on even ground vanishes from one alone, so that no
    displacement explains more than half of it.

    Parameters
    ----------
    before, after
        One band, in one radiometry, of shape (row, col).
    valid
        Seen in both, of the same shape.
    at
        Rows and cols of the regions' pixels.
    place, count
        The region that each belongs to, from 0, and how many there are.
    errors
        Standard error of the alignment, px, at the pixels.

    Returns
    -------
    ndarray
        Of shape (regions, displacements); what is displaced to where nothing is seen stays whole.
    """
    families = displacements.families.values()
    moves = np.concatenate([family.moves for family in families])
    in_errors = np.concatenate([np.full(len(f.moves), f.in_errors) for f in families])
    left = np.zeros((count, len(moves)))
    images = np.ascontiguousarray(before, np.float32), np.ascontiguousarray(after, np.float32)
    rows, cols = (np.ascontiguousarray(x, np.int64) for x in at)
    _add_left(*images, valid, rows, cols, place, errors, moves, in_errors, left)
    return left


@helper
def _between(image: NDArray[np.float32], valid: NDArray[np.bool_], row: float, col: float) -> float:
    """The bilinear value between pixels; NaN where one of the four around isn't seen."""
    height, width = image.shape
    top, left = int(np.floor(row)), int(np.floor(col))
    if top < 0 or left < 0 or top > height - 2 or left > width - 2:
        return np.nan
    if not (valid[top, left] and valid[top, left + 1]):
        return np.nan
    if not (valid[top + 1, left] and valid[top + 1, left + 1]):
        return np.nan
    down, across = row - top, col - left
    upper = image[top, left] * (1 - across) + image[top, left + 1] * across
    lower = image[top + 1, left] * (1 - across) + image[top + 1, left + 1] * across
    return float(upper * (1 - down) + lower * down)


@compiled(
    f"void({readonly('float32', 2)}, {readonly('float32', 2)}, {readonly('boolean', 2)}, "
    f"{readonly('int64', 1)}, {readonly('int64', 1)}, {readonly('int64', 1)}, "
    f"{readonly('float32', 1)}, {readonly('float64', 2)}, {readonly('boolean', 1)}, "
    "float64[:,::1])"
)
def _add_left(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    valid: NDArray[np.bool_],
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    place: NDArray[np.int64],
    errors: NDArray[np.float32],
    moves: Floats,
    in_errors: NDArray[np.bool_],
    left: Floats,
) -> None:
    """Add what each displacement leaves to ``left``, shape (regions, displacements); in place."""
    for pixel in range(len(rows)):
        row, col, region = rows[pixel], cols[pixel], place[pixel]
        first, second = before[row, col], after[row, col]
        for number in range(len(moves)):
            scale = errors[pixel] if in_errors[number] else 1.0
            dr, dc = moves[number, 0] * scale, moves[number, 1] * scale
            went = _between(after, valid, row + dr, col + dc)
            came = _between(before, valid, row - dr, col - dc)
            squared = ((went - first) ** 2 + (second - came) ** 2) / 2
            if np.isnan(squared):
                squared = (second - first) ** 2
            left[region, number] += squared


def explained(
    displacements: Displacements, name: str, *, energy: Floats, left: Floats
) -> Explained | None:
    """What a family explains of one region; None where it was not tried.

    Parameters
    ----------
    energy
        Shape (2,): the region's squared difference in all bands, and of their mean.  What lies
        between the two differs in colour, which no displacement of the mean explains.
    left
        Shape (displacements,): what each displacement leaves of the latter.
    """
    family = displacements.families.get(name)
    if family is None or energy[1] <= 0:
        return None
    share = (1 - left[displacements.place[name]] / energy[1]) * min(1.0, energy[1] / energy[0])
    wanted = np.flatnonzero(~family.control)
    # On even ground every move that is long enough explains as much: the shortest tells most.
    enough = wanted[share[wanted] >= share[wanted].max() - _AS_MUCH]
    best = enough[np.argmin(np.hypot(*family.moves[enough].T))]
    chance = float(share[family.control].max()) if family.control.any() else 0.0
    row, col = family.moves[best]
    return Explained(max(float(share[best]), 0.0), max(chance, 0.0), (float(row), float(col)))
