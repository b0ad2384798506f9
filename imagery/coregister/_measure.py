"""Ties over the whole area: windows matched in blocks, and decoys that tell which to believe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import TILE, Window, spread_out, tiles_over
from imagery.blockwise import map_tiles
from imagery.coregister._coarse import CoarseShift
from imagery.coregister._match import DECOYS, Matches, match_windows
from imagery.coregister._mutual import match_by_information
from imagery.coregister._pair import MatchPair
from imagery.coregister._ties import Ties
from imagery.shift import Shift

_DECOY_QUANTILE = 0.99
"""A tie must cohere better than this share of windows matched with another place's."""

_MOST_DECOYS = 1024
"""Windows matched with another place's, about: their quantile needs no more."""

_RUN = 8
"""Blocks side by side that a task matches at the most: what a thread has decoded of the file at the
end of one, the next one needs too."""

_UNEVEN = 0.2
"""Change of the prior from a window's middle to its edge, px, from which the scene is warped."""

SETTLED = 1.0
"""So far, px, a window may be cut off its place without harm (0.0002 px on made pairs): only those
for which the prior has moved farther are measured again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measured:
    """Windows that were matched, with texture or without."""

    number: NDArray[np.intp]
    """Their place in the lattice, row by row."""

    ties: Ties
    textured: NDArray[np.bool_]
    decoys: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[_Measured]) -> _Measured:
        """Those of several sets; of a window that is in two, the last."""
        number = np.concatenate([np.zeros(0, np.intp), *(part.number for part in parts)])
        _, last = np.unique(number[::-1], return_index=True)
        order = len(number) - 1 - last
        ties = Ties.joined([part.ties for part in parts])
        textured = np.concatenate([np.zeros(0, bool), *(part.textured for part in parts)])
        return cls(
            number=number[order],
            ties=ties.where(order),
            textured=textured[order],
            decoys=np.concatenate([np.zeros(0), *(part.decoys for part in parts)]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Windows measured over the area."""

    ties: Ties
    """Those that cohere better than windows of unrelated ground, held-out ones among them."""

    textured: int
    """Windows with structure in both scenes, held-out ones left out."""

    textured_held_out: int

    measured: _Measured | None = None
    """All windows, as they were matched; None where they weren't matched for this."""

    @property
    def fit(self) -> Ties:
        """The ties that a fit may use."""
        return self.ties.where(~self.ties.held_out)

    @property
    def held_out(self) -> Ties:
        """The ties that judge it."""
        return self.ties.where(self.ties.held_out)


def measure(
    pair: MatchPair,
    prior: Shift,
    *,
    search: int,
    executor: Executor,
    most_blocks: int | None = None,
    known: tuple[Found, Shift] | None = None,
) -> Found:
    """Match the windows over the area, after moving the scene by ``prior``.

    Whatever the pair's coarseness, the ties and ``prior`` are in px of the working grid.

    Parameters
    ----------
    pair, prior
        What is matched, and the move from which on.
    search
        Largest whole-pixel move looked for, px.
    executor
        Where blocks of windows are matched.
    most_blocks
        Blocks at the most, spread over the area; all where None.
    known
        What was found from another prior: only windows that have moved since are matched again.
    """
    work, factor = pair.as_matched(), pair.coarseness
    origin = float(pair.area.top), float(pair.area.left)

    def here(shift: Shift) -> Shift:
        return shift if factor == 1 else shift.rescaled(1 / factor, origin=origin)

    before = None if known is None else here(known[1])
    blocks = _blocks(work)
    runs = _runs(work) if most_blocks is None else spread_out(blocks, most=most_blocks)
    count = max(1, min(len(blocks), most_blocks or len(blocks)))
    decoys = min(DECOYS, -(-_MOST_DECOYS // count))
    match = partial(_match_run, work, here(prior), before, search=search, decoys=decoys)
    parts = [part for _, found in map_tiles(match, runs, executor=executor) for part in found]
    if known is not None and known[0].measured is not None:
        parts.insert(0, known[0].measured)
    every = _Measured.joined(parts)
    ties = every.ties.where(every.textured)
    if factor > 1:
        ties = _enlarged(ties, pair.area, factor)
    found = believed(replace(ties, fold=_fold(pair, ties.row, ties.col)), every.decoys)
    return replace(found, measured=every)


def _blocks(pair: MatchPair, run: Window | None = None) -> list[Window]:
    """The lattice of windows, or a run of it, cut into blocks of about a tile; in windows."""
    rows, cols = (len(line) for line in pair.lattice)
    side = max(1, (TILE - pair.size) // pair.step + 1)
    return list(tiles_over(run or Window(0, 0, rows, cols), size=side))


def _runs(pair: MatchPair) -> list[Window]:
    """The lattice of windows in runs of blocks side by side, each for a task."""
    blocks = _blocks(pair)
    beside = sum(block.top == 0 for block in blocks)
    most = max(1, min(_RUN, beside // 2))
    return [
        replace(first, right=blocks[min(start + most, row + beside) - 1].right)
        for row in range(0, len(blocks), beside or 1)
        for start in range(row, row + beside, most)
        for first in (blocks[start],)
    ]


def believed(ties: Ties, decoys: NDArray[np.float64]) -> Found:
    """The ties that stand out from the decoys."""
    floor = float(np.quantile(decoys, _DECOY_QUANTILE)) if len(decoys) else -np.inf
    held = int(ties.held_out.sum())
    return Found(
        ties=ties.where(ties.coherence > floor),
        textured=len(ties) - held,
        textured_held_out=held,
    )


def reduced_ties(pair: MatchPair, guess: CoarseShift, *, factor: int) -> Found:
    """The windows of the reduced image, as ties on the working grid."""
    matches = guess.matches
    ties = _enlarged(_as_ties(matches, matches.shift), pair.area, factor)
    ties = replace(ties, fold=_fold(pair, ties.row, ties.col))
    # That they agree, more of them than chance would have it, is known from the votes.
    return believed(ties.where(matches.textured), np.zeros(0))


def _as_ties(matches: Matches, shift: NDArray[np.float64]) -> Ties:
    return Ties(
        row=matches.row,
        col=matches.col,
        shift=shift,
        covariance=matches.covariance,
        coherence=matches.coherence,
        fold=np.zeros(len(matches.row), np.intp),
    )


def _enlarged(ties: Ties, area: Window, factor: int) -> Ties:
    """Ties measured on a coarser grid over the area, in px of the grid itself."""
    return replace(
        ties,
        row=(ties.row + 0.5) * factor - 0.5 + area.top,
        col=(ties.col + 0.5) * factor - 0.5 + area.left,
        shift=ties.shift * factor,
        covariance=ties.covariance * factor**2,
    )


def _match_run(
    pair: MatchPair,
    prior: Shift,
    before: Shift | None,
    run: Window,
    *,
    search: int,
    decoys: int,
) -> list[_Measured]:
    """The windows of a run of blocks."""
    blocks = _blocks(pair, run)
    parts = [
        _match_block(pair, prior, before, block, search=search, decoys=decoys) for block in blocks
    ]
    return [part for part in parts if part is not None]


def _match_block(
    pair: MatchPair,
    prior: Shift,
    before: Shift | None,
    block: Window,
    *,
    search: int,
    decoys: int,
) -> _Measured | None:
    """The windows of a block; where one was known ``before``, those that moved since, if any."""
    tops, lefts = pair.lattice
    row, col = np.mgrid[block.top : block.bottom, block.left : block.right]
    number, top, left = (a.ravel() for a in (row * len(lefts) + col, tops[row], lefts[col]))
    if before is not None:
        centre = top + (pair.size - 1) / 2, left + (pair.size - 1) / 2
        moved = np.hypot(*(prior.at(*centre) - before.at(*centre))) >= SETTLED
        number, top, left = number[moved], top[moved], left[moved]
    if not len(number):
        return None
    matches, shift = _matched(pair, prior, top, left, search=search, decoys=decoys)
    return _Measured(
        number=number,
        ties=_as_ties(matches, shift),
        textured=matches.textured,
        decoys=matches.decoys,
    )


def _matched(
    pair: MatchPair,
    prior: Shift,
    top: NDArray[np.intp],
    left: NDArray[np.intp],
    *,
    search: int,
    decoys: int,
) -> tuple[Matches, NDArray[np.float64]]:
    """Windows matched, and their whole shift."""
    frame = _around(top, left, size=pair.size, margin=search)
    if pair.same_pixels and _even(prior, frame, size=pair.size):
        matches = _match_as_they_are(pair, prior, top, left, search=search, decoys=decoys)
        return matches, matches.shift
    still, moving = pair.image("still", frame), pair.image("moving", frame, prior)
    matches = _similar(pair, search, decoys)(
        still.data[0],
        moving.data[0],
        (still.valid, moving.valid),
        tops=top - frame.top,
        lefts=left - frame.left,
        size=pair.size,
    )
    matches = replace(matches, row=matches.row + frame.top, col=matches.col + frame.left)
    # The prior was applied at the place that the scene is moved from.
    at = matches.row - matches.shift[:, 0], matches.col - matches.shift[:, 1]
    return matches, matches.shift + prior.at(*at).T


def _match_as_they_are(
    pair: MatchPair,
    prior: Shift,
    top: NDArray[np.intp],
    left: NDArray[np.intp],
    *,
    search: int,
    decoys: int,
) -> Matches:
    """Windows of both scenes' own pixels, each cut where the prior has it to the next pixel."""
    middle = (pair.size - 1) / 2
    row, col = top.astype(np.float64) + middle, left.astype(np.float64) + middle
    moves = np.rint(prior.at(row, col).T).astype(np.intp)
    frame = _around(top, left, size=pair.size, margin=search)
    other = _around(top - moves[:, 0], left - moves[:, 1], size=pair.size, margin=search)
    still, moving = pair.image("still", frame), pair.image("moving", other)
    between = np.array([other.top - frame.top, other.left - frame.left])
    matches = _similar(pair, search, decoys)(
        still.data[0],
        moving.data[0],
        (still.valid, moving.valid),
        tops=top - frame.top,
        lefts=left - frame.left,
        size=pair.size,
        moves=moves + between,
    )
    return replace(
        matches,
        row=matches.row + frame.top,
        col=matches.col + frame.left,
        shift=matches.shift - between,
    )


def _similar(pair: MatchPair, search: int, decoys: int) -> Callable[..., Matches]:
    if pair.similarity == "information":
        return partial(match_by_information, decoys=decoys)
    return partial(match_windows, search=search, decoys=decoys)


def _around(top: NDArray[np.intp], left: NDArray[np.intp], *, size: int, margin: int) -> Window:
    return Window(
        int(top.min()), int(left.min()), int(top.max()) + size, int(left.max()) + size
    ).padded(margin)


def _even(prior: Shift, frame: Window, *, size: int) -> bool:
    """Whether the prior changes little enough inside of a window for its pixels to stay."""
    rows = np.linspace(frame.top, frame.bottom, 5)
    cols = np.linspace(frame.left, frame.right, 5)
    shift = prior.on_grid(rows, cols)
    slopes = (
        np.diff(shift, axis=1) / (rows[1] - rows[0]),
        np.diff(shift, axis=2) / (cols[1] - cols[0]),
    )
    return max(float(np.abs(slope).max()) for slope in slopes) * size / 2 < _UNEVEN


def _fold(pair: MatchPair, row: NDArray[np.float64], col: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which fifth of the blocks each place lies in."""
    rows, cols = (-(-side // pair.block) for side in pair.area.shape)
    block_row = ((row - pair.area.top) // pair.block).astype(np.intp)
    block_col = ((col - pair.area.left) // pair.block).astype(np.intp)
    return (_knights_move(block_row, block_col) + _turn(rows, cols)) % 5


def _knights_move(row: NDArray[np.intp], col: NDArray[np.intp]) -> NDArray[np.intp]:
    """A number for each block: those of one number modulo 5 never lie side by side."""
    return row + 2 * col


def _turn(rows: int, cols: int) -> int:
    """What to add so that the fifth that is held out has as few corners as can be.

    Beyond a corner that is held out there is nothing to hold the field.
    """
    corners = _knights_move(np.array([0, 0, rows - 1, rows - 1]), np.array([0, cols - 1] * 2))
    return min(range(5), key=lambda turn: int(((corners + turn) % 5 == 0).sum()))
