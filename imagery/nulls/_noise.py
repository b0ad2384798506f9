"""Noise that looks like a pair's own: blocks of its residual, put to other places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.nulls._strata import CELL, cells_over

Scalar = TypeVar("Scalar", bound=np.generic)

OVERLAP = 8
"""Pixels over which neighbours fade into each other: more than noise is correlated over, and few,
because a sum of two independent residuals has lighter tails than either."""

SIDE = CELL + OVERLAP
"""Of a block, px."""

_ENOUGH = 8
"""Blocks of a stratum below which its neighbours lend it theirs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Residuals:
    """Blocks of what differs in unchanged places, and the kinds of places that they are from."""

    values: NDArray[np.float32]
    """In units of what noise and misalignment are expected to make of a pixel, so that the length
    of its vector is its score; shape (blocks, bands, side, side)."""

    ends: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Where the lower two thirds of texture and of brightness end; shape (2,) each."""

    members: tuple[NDArray[np.intp], ...]
    """For each of the nine strata, the blocks that stand for it."""

    level: tuple[float, ...]
    """Root mean square of each stratum's blocks, by band, in standard deviations of the noise."""

    changed: float
    """Largest share of a block that had to be mended, because it was found to be changed: 0, but
    where hardly a place is unchanged."""

    @classmethod
    def of(
        cls,
        values: NDArray[np.float32],
        strata: NDArray[np.intp],
        *,
        ends: tuple[NDArray[np.float64], NDArray[np.float64]],
        changed: float = 0.0,
    ) -> Residuals:
        """Blocks, of ``strata``, shape (blocks,); a stratum of few borrows from those beside it."""
        members = tuple(_standing_for(kind, strata) for kind in range(9))
        level = tuple(float(np.sqrt(np.square(values[m]).mean())) for m in members)
        return cls(values=values, ends=ends, members=members, level=level, changed=changed)

    def over(self, window: Window, strata: NDArray[np.intp], *, seed: int) -> NDArray[np.float32]:
        """Noise over a window, in the blocks' units; shape (bands, row, col).

        A block bootstrap (Künsch 1989, Annals of Statistics 17(3)): each cell takes a
        block of its own stratum, turned, mirrored and with a sign by chance.  Blocks fade into each
        other with weights whose squares sum to one, which keeps the variance of what is
        independent.

        Parameters
        ----------
        window
            A window of the working grid.
        strata
            The stratum of each cell of ``cells_over(window, reach=OVERLAP)``, of its shape.
        seed
            Of the realisation; a cell's block depends on it and on the cell's place alone.
        """
        noise = np.zeros((self.values.shape[1], *window.shape), np.float32)
        cells = cells_over(window, reach=OVERLAP)
        for row in range(cells.top, cells.bottom):
            for col in range(cells.left, cells.right):
                top, left = CELL * row, CELL * col
                place = Window(top, left, top + SIDE, left + SIDE)
                part = place.clipped(window)
                kind = int(strata[row - cells.top, col - cells.left])
                block = self._block(kind, row, col, seed)
                into, out_of = part.within(window), part.within(place)
                noise[(slice(None), *into)] += block[(slice(None), *out_of)]
        return noise

    def _block(self, kind: int, row: int, col: int, seed: int) -> NDArray[np.float32]:
        # Cells may lie before the first pixel of the grid, but a generator's seed not below 0.
        rng = np.random.default_rng([seed, row % 2**32, col % 2**32])
        block = self.values[rng.choice(self.members[kind])]
        block = turned(block, int(rng.integers(8)))
        return block * (_WEIGHT if rng.integers(2) else -_WEIGHT)


def turned(block: NDArray[Scalar], way: int) -> NDArray[Scalar]:
    """One of the eight symmetries of a square, by number from 0, on the last two axes."""
    block = np.rot90(block, way % 4, axes=(-2, -1))
    return block if way < 4 else block.swapaxes(-2, -1)


def _standing_for(kind: int, strata: NDArray[np.intp]) -> NDArray[np.intp]:
    """The blocks of a stratum; with those of the nearest strata, as far as needed."""
    away = np.abs(strata // 3 - kind // 3) + np.abs(strata % 3 - kind % 3)
    reach = 0
    while (away <= reach).sum() < min(_ENOUGH, len(strata)):
        reach += 1
    return np.flatnonzero(away <= reach)


def _weight() -> NDArray[np.float32]:
    rising = np.sin(np.pi / 2 * (np.arange(OVERLAP) + 0.5) / OVERLAP)
    line = np.concatenate([rising, np.ones(SIDE - 2 * OVERLAP), rising[::-1]])
    return np.outer(line, line).astype(np.float32)


_WEIGHT = _weight()
"""Of a block's pixels where blocks are joined; shape (side, side)."""
