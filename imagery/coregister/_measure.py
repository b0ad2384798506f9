"""Ties over the whole area: windows matched tile by tile, and decoys that tell which to believe."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window, spread_out, tiles_over
from imagery.blockwise import map_tiles
from imagery.coregister._field import Ties
from imagery.coregister._match import Matches, match_windows
from imagery.coregister._pair import MatchPair
from imagery.shift import Shift
from imagery.warp import warp_window

_MAX_TILES = 144
"""Tiles measured at the most: a smooth field needs no more, however large the scene."""

_DECOY_QUANTILE = 0.99
"""A tie must cohere better than this share of windows matched with another place's."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """Windows measured over the area."""

    ties: Ties
    """Those that cohere better than windows of unrelated ground."""

    textured: int
    """Windows with structure in both scenes."""


def measure(
    pair: MatchPair, prior: Shift, *, search: int, held_out: bool, executor: Executor
) -> Found:
    """Match the windows over the area, the held-out ones or the others."""
    tiles = spread_out(list(tiles_over(pair.area)), most=_MAX_TILES)
    match = partial(_match_tile, pair, prior, search=search, held_out=held_out)
    parts = [part for _, part in map_tiles(match, tiles, executor=executor)]
    ties = Ties.joined([part[0] for part in parts])
    decoys = np.concatenate([part[1] for part in parts])
    floor = float(np.quantile(decoys, _DECOY_QUANTILE)) if len(decoys) else 1.0
    return Found(ties=ties.where(ties.coherence > floor), textured=len(ties))


def _match_tile(
    pair: MatchPair, prior: Shift, tile: Window, *, search: int, held_out: bool
) -> tuple[Ties, NDArray[np.float64]]:
    """Ties of the textured windows whose centre lies in a tile, and the coherence of decoys."""
    top, left, block = _windows(pair, tile, held_out=held_out)
    if not len(top):
        return Ties.joined([]), np.zeros(0)
    size = pair.size
    frame = Window(
        int(top.min()), int(left.min()), int(top.max()) + size, int(left.max()) + size
    ).padded(search)
    still = warp_window(
        pair.still, pair.grid, frame, bands=pair.still_bands, weights=pair.still_weights
    )
    moving = warp_window(
        pair.moving,
        pair.grid,
        frame,
        bands=pair.moving_bands,
        weights=pair.moving_weights,
        shift=prior,
    )
    match = partial(
        match_windows,
        still.data[0],
        moving.data[0],
        (still.valid, moving.valid),
        tops=top - frame.top,
        lefts=left - frame.left,
        size=size,
        search=search,
    )
    matches = match()
    row, col = matches.row + frame.top, matches.col + frame.left
    measured = matches.shift
    ties = Ties(
        row=row,
        col=col,
        # The prior was applied at the place that the scene is moved from.
        shift=measured + prior.at(row - measured[:, 0], col - measured[:, 1]).T,
        covariance=matches.covariance,
        coherence=matches.coherence,
        block=block,
    )
    return ties.where(matches.textured), _decoys(match, top, left, size=size)


def _windows(
    pair: MatchPair, tile: Window, *, held_out: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """First row, first column and block of the windows whose centre lies in a tile."""
    size, step, area = pair.size, pair.step, pair.area
    tops, lefts = (
        np.arange(
            -(-(start - size // 2) // step) * step, -(-(stop - size // 2) // step) * step, step
        )
        for start, stop in ((tile.top, tile.bottom), (tile.left, tile.right))
    )
    top, left = (a.ravel() for a in np.meshgrid(tops, lefts, indexing="ij"))
    block_row = (top + size // 2 - area.top) // pair.block
    block_col = (left + size // 2 - area.left) // pair.block
    # A knight's move from block to block: every fifth one, never two side by side.
    held = (block_row + 2 * block_col) % 5 == 0
    inside = (
        (top >= area.top)
        & (left >= area.left)
        & (top + size <= area.bottom)
        & (left + size <= area.right)
    )
    keep = inside & (held == held_out)
    return top[keep], left[keep], (block_row * 1000 + block_col)[keep]


def _decoys(
    match: Callable[..., Matches],
    top: NDArray[np.intp],
    left: NDArray[np.intp],
    *,
    size: int,
) -> NDArray[np.float64]:
    """Coherence of windows matched with windows that share no ground with them."""
    against = np.roll(np.arange(len(top)), len(top) // 2)
    decoy = match(against=against)
    apart = np.maximum(np.abs(top - top[against]), np.abs(left - left[against])) >= size
    return np.asarray(decoy.coherence[decoy.textured & apart])
