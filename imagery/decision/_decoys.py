"""Decoys: places where nothing happened, and the regions that the same detection finds there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imagery.decision._ground import Ground, Reach
from imagery.errors import InputError

Kind = Literal["quiet pairs", "quiet areas", "simulated"]

TILE_SIDE = 256
"""Side of a tile in px: some hundred times as far as the strengths of pixels are correlated, so
that what comes together (a car park, a row of trees) mostly lies in one."""

_LEAST_SEEN = 0.8
"""Share of a tile that must be seen: what is less would count as area in which nothing shows."""

_TILES_ALIKE = 1.5
"""Tiles may differ in area by this factor between pairs: views and overlaps differ, sensors not."""

_ENOUGH_FOR_SPREAD = 30
"""Regions below which the spread of their counts over tiles says nothing."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoys:
    """Scores of the regions found where nothing happened, tile by tile of about one area."""

    kind: Kind
    tiles: tuple[NDArray[np.float64], ...]
    """Region scores of each tile, the highest first; empty where a tile holds none."""

    tile_km2: float
    """Mean area that is seen of a tile."""

    pairs: tuple[str, ...]
    """What they come from, in plain words (names, dates)."""

    strengths: tuple[NDArray[np.float32], ...] = ()
    """A sample of the strengths of all pixels seen, one array for each of ``pairs``."""

    roughness: tuple[NDArray[np.float64], ...] = ()
    """Of the ground at each region, as in ``tiles``; empty where it isn't known."""

    ground: Ground = field(default_factory=Ground.unknown)
    """All that is seen of the maps, cell by cell."""

    @property
    def km2(self) -> float:
        """The area that is seen in all tiles."""
        return len(self.tiles) * self.tile_km2

    @property
    def words(self) -> str:
        """What the decoys are, in words."""
        names = "; ".join(self.pairs)
        if self.kind == "simulated":
            return f"a null simulated from the scene itself, {self.km2:.3g} km²"
        count = len(self.pairs)
        kind = self.kind if count != 1 else self.kind.removesuffix("s")
        return f"{count} {kind} ({names}), {self.km2:.3g} km²"

    def levelled(self, reach: Reach) -> Decoys:
        """The same with scores in terms of the smoothest ground."""
        if not self.roughness:
            return self
        level = [s / reach.at(r) for s, r in zip(self.tiles, self.roughness, strict=True)]
        order = [np.argsort(-scores, kind="stable") for scores in level]
        return replace(
            self,
            tiles=tuple(s[o] for s, o in zip(level, order, strict=True)),
            roughness=tuple(r[o] for r, o in zip(self.roughness, order, strict=True)),
        )

    def ranked(self) -> Ranked:
        """All regions, the highest first."""
        scores = np.concatenate([np.zeros(0), *self.tiles])
        before = np.concatenate([np.zeros(0, np.int64), *(np.arange(len(t)) for t in self.tiles)])
        order = np.argsort(-scores, kind="stable")
        return Ranked(
            scores=scores[order], before=before[order], order=order, tiles=len(self.tiles)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """The decoys' regions, the highest first; shape (regions,)."""

    scores: NDArray[np.float64]
    before: NDArray[np.int64]
    """How many of the same tile stand higher."""

    order: NDArray[np.intp]
    """Which of all tiles' regions, one tile after the other, each is."""

    tiles: int

    def levels(self) -> NDArray[np.int64]:
        """Numbers of regions that a cut can let pass: none, all, and where the score falls."""
        falls = np.flatnonzero(np.diff(self.scores) < 0) + 1
        return np.unique(np.concatenate([[0], falls, [len(self.scores)]])).astype(np.int64)

    def cut(self, count: int) -> float:
        """The lowest cut that lets ``count`` regions pass, one of ``levels``.

        A region passes where its score is no less than the cut.
        """
        if count >= len(self.scores):
            return 0.0  # every candidate passes
        return float(np.nextafter(self.scores[count], np.inf))

    def dispersion(self) -> NDArray[np.float64]:
        """Variance over mean of the tiles' counts of the k highest, for k = 0 to all of them.

        1 where regions come one by one (Poisson), the mean company of a region where they come in
        clusters; never less than 1.  Where k is small it is that of the 30 highest: the few
        highest are never seen together often enough to tell.
        """
        count = len(self.scores)
        if count < 2 or self.tiles < 2:
            return np.ones(count + 1)
        k = np.arange(count + 1)
        squares = np.concatenate([[0], np.cumsum(2 * self.before + 1)])  # sum of squared counts
        variance = (squares - k**2 / self.tiles) / (self.tiles - 1)
        spread = np.maximum(variance / np.maximum(k / self.tiles, 1e-300), 1.0)
        enough = min(_ENOUGH_FOR_SPREAD, count)
        spread[:enough] = spread[enough]
        return spread


def count_seen(seen: NDArray[np.bool_], *, side: int = TILE_SIDE) -> NDArray[np.int64]:
    """Pixels seen in each tile of ``side`` px, from the mask's first pixel on; (tile rows, cols).

    Tiles at the end may be cut off by the mask's edge.
    """
    rows, cols = (np.arange(0, length, side) for length in seen.shape)
    by_row = np.add.reduceat(seen, rows, axis=0, dtype=np.int64)
    return np.asarray(np.add.reduceat(by_row, cols, axis=1), np.int64)


def cut_tiles(
    rows: NDArray[np.int64],
    cols: NDArray[np.int64],
    scores: NDArray[np.floating],
    *,
    seen: NDArray[np.int64],
    pixel_km2: float,
    side: int = TILE_SIDE,
) -> tuple[tuple[NDArray[np.int64], ...], float]:
    """Part regions among square tiles; tiles less than 80 % seen are left out with their regions.

    Parameters
    ----------
    rows, cols
        One pixel of each region (its strongest), counted from the first tile's corner; shape
        (regions,).  A region belongs to the tile of that pixel, wherever else it reaches.
    scores
        The regions' scores, shape (regions,).
    seen
        Pixels seen in each tile, shape (tile rows, tile cols), as ``count_seen`` counts them.
    pixel_km2
        Area of a pixel.
    side
        Side of a tile in px.

    Returns
    -------
    (members, tile_km2)
        Numbers, from 0, of each tile's regions, the highest first, and the mean area seen of a
        tile; no tile and 0.0 where none is seen enough.

    Raises
    ------
    ValueError
        If a region lies outside of the tiles.
    """
    down, right = rows // side, cols // side
    if len(rows) and not (
        min(down.min(), right.min()) >= 0
        and down.max() < seen.shape[0]
        and right.max() < seen.shape[1]
    ):
        raise ValueError(f"a region lies outside of the {seen.shape} tiles of {side} px")
    kept = np.flatnonzero(seen.ravel() >= _LEAST_SEEN * side**2)
    if not len(kept):
        return (), 0.0
    of = down * seen.shape[1] + right
    order = np.lexsort((-scores, of))
    of = of[order]
    first, end = np.searchsorted(of, kept), np.searchsorted(of, kept, side="right")
    members = tuple(order[a:b] for a, b in zip(first, end, strict=True))
    return members, float(seen.ravel()[kept].mean()) * pixel_km2


def join(parts: Sequence[Decoys]) -> Decoys:
    """Decoys of several pairs or areas as one.

    Raises
    ------
    InputError
        If their tiles differ in area: pixels of another size find other false alarms.
    ValueError
        If there are none, or of several kinds.
    """
    kinds = {part.kind for part in parts}
    if len(kinds) != 1:
        raise ValueError(f"decoys of one kind are needed, found {sorted(kinds)}")
    tiles = tuple(tile for part in parts for tile in part.tiles)
    areas = [part.tile_km2 for part in parts if part.tiles]
    if areas and max(areas) > _TILES_ALIKE * min(areas):
        raise InputError(
            "the quiet pairs have pixels of different sizes, whose false alarms don't compare",
            found=f"pixels that differ by a factor of {(max(areas) / min(areas)) ** 0.5:.3g}",
            needed="pixels of about one size",
            option="--quiet-pair",
        )
    return Decoys(
        kind=parts[0].kind,
        tiles=tiles,
        tile_km2=sum(part.km2 for part in parts) / max(len(tiles), 1),
        pairs=tuple(name for part in parts for name in part.pairs),
        strengths=tuple(sample for part in parts for sample in part.strengths),
        roughness=tuple(tile for part in parts for tile in part.roughness),
        ground=Ground.joined([part.ground for part in parts]),
    )
