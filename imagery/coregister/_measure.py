"""Ties over the whole area: windows matched tile by tile, and decoys that tell which to believe."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window, spread_out, tiles_over
from imagery.blockwise import map_tiles
from imagery.coregister._coarse import CoarseShift
from imagery.coregister._match import Matches, match_windows
from imagery.coregister._mutual import match_by_information
from imagery.coregister._pair import MatchPair
from imagery.coregister._ties import Ties
from imagery.shift import Shift

_MAX_TILES = 4096
"""Tiles measured at the most: a smooth field needs no more, however large the scene."""

_DECOY_QUANTILE = 0.99
"""A tie must cohere better than this share of windows matched with another place's."""

_UNEVEN = 0.2
"""Change of the prior from a window's middle to its edge, px, from which the scene is warped."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Windows measured over the area."""

    ties: Ties
    """Those that cohere better than windows of unrelated ground, held-out ones among them."""

    textured: int
    """Windows with structure in both scenes, held-out ones left out."""

    textured_held_out: int

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
    most_tiles: int = _MAX_TILES,
) -> Found:
    """Match the windows over the area, after moving the scene by ``prior``.

    Whatever the pair's coarseness, the ties and ``prior`` are in px of the working grid.
    """
    work, factor = pair.as_matched(), pair.coarseness
    origin = float(pair.area.top), float(pair.area.left)
    tiles = spread_out(list(tiles_over(work.area)), most=most_tiles)
    here = prior if factor == 1 else prior.rescaled(1 / factor, origin=origin)
    match = partial(_match_tile, work, here, search=search)
    parts = [part for _, part in map_tiles(match, tiles, executor=executor)]
    ties = Ties.joined([part[0] for part in parts])
    if factor > 1:
        ties = _enlarged(ties, pair.area, factor)
    decoys = np.concatenate([part[1] for part in parts]) if parts else np.zeros(0)
    return believed(replace(ties, fold=_fold(pair, ties.row, ties.col)), decoys)


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


def _match_tile(
    pair: MatchPair, prior: Shift, tile: Window, *, search: int
) -> tuple[Ties, NDArray[np.float64]]:
    """Ties of the textured windows whose centre lies in a tile, and the coherence of decoys."""
    top, left = _windows(pair, tile)
    if not len(top):
        return Ties.joined([]), np.zeros(0)
    frame = _around(top, left, size=pair.size, margin=search)
    if pair.same_pixels and _even(prior, frame, size=pair.size):
        matches = _match_as_they_are(pair, prior, top, left, search=search)
        return _as_ties(matches, matches.shift).where(matches.textured), matches.decoys
    still, moving = pair.image("still", frame), pair.image("moving", frame, prior)
    matches = _similar(pair, search)(
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
    ties = _as_ties(matches, matches.shift + prior.at(*at).T)
    return ties.where(matches.textured), matches.decoys


def _match_as_they_are(
    pair: MatchPair,
    prior: Shift,
    top: NDArray[np.intp],
    left: NDArray[np.intp],
    *,
    search: int,
) -> Matches:
    """Windows of both scenes' own pixels, each cut where the prior has it to the next pixel."""
    middle = (pair.size - 1) / 2
    row, col = top.astype(np.float64) + middle, left.astype(np.float64) + middle
    moves = np.rint(prior.at(row, col).T).astype(np.intp)
    frame = _around(top, left, size=pair.size, margin=search)
    other = _around(top - moves[:, 0], left - moves[:, 1], size=pair.size, margin=search)
    still, moving = pair.image("still", frame), pair.image("moving", other)
    between = np.array([other.top - frame.top, other.left - frame.left])
    matches = _similar(pair, search)(
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


def _similar(pair: MatchPair, search: int) -> Callable[..., Matches]:
    if pair.similarity == "information":
        return match_by_information
    return partial(match_windows, search=search)


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


def _windows(pair: MatchPair, tile: Window) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First row and first column of the windows whose centre lies in a tile."""
    size, step, area = pair.size, pair.step, pair.area
    tops, lefts = (
        np.arange(
            -(-(start - size // 2) // step) * step, -(-(stop - size // 2) // step) * step, step
        )
        for start, stop in ((tile.top, tile.bottom), (tile.left, tile.right))
    )
    tops = tops[(tops >= area.top) & (tops + size <= area.bottom)]
    lefts = lefts[(lefts >= area.left) & (lefts + size <= area.right)]
    top, left = np.meshgrid(tops, lefts, indexing="ij")
    return top.ravel(), left.ravel()


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
