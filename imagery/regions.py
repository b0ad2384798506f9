"""8-connected regions of candidate pixels, joined across tiles, with what is known of each."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window

_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredTile:
    """What the map pass hands over for one tile; all of shape (row, col)."""

    window: Window
    score: NDArray[np.float32]
    strength: NDArray[np.float32]
    """Root mean square of the scores in 3 × 3 px, which regions are ranked and decided by."""

    signed: NDArray[np.float32]
    seen: NDArray[np.bool_]
    """Whether the pixel is observed in both scenes."""

    candidate: NDArray[np.bool_]
    """Whether the pixel is seen, above the threshold, and within the change's outline."""

    beside_unseen: NDArray[np.bool_]
    """Whether one of the eight pixels around, in whatever tile, is not observed."""

    inside: NDArray[np.bool_]
    """Whether the pixel lies in the area of interest."""

    steps: NDArray[np.float32] | None = None
    """How rough either image is, by cell (:func:`imagery.roughness.steps_in`), shape (2, cell rows,
    cell cols); None where nobody asked."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """One entry a region, in the order of their ids, which count from 1.

    Ids follow the first pixel of each region in row-major order, so that they depend on nothing
    but the map itself.
    """

    pixels: NDArray[np.int64]
    pixels_inside: NDArray[np.int64]
    """Pixels in the area of interest."""

    peak: NDArray[np.int64]
    """Place of the strongest pixel, counted in row-major order over the map's window."""

    strength: NDArray[np.float64]
    """Highest strength of its pixels."""

    score_mean: NDArray[np.float64]
    signed_mean: NDArray[np.float64]
    """Mean difference over bands and pixels, in standard deviations; above 0 is brighter."""

    brighter_share: NDArray[np.float64]
    """Share of the pixels that became brighter."""

    at_edge: NDArray[np.bool_]
    """Whether the region touches the edge of the map or a pixel that is not observed."""

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Sums over provisional regions; they add up."""

    first: NDArray[np.int64]
    pixels: NDArray[np.int64]
    pixels_inside: NDArray[np.int64]
    peak: NDArray[np.int64]
    strength: NDArray[np.float64]
    score_sum: NDArray[np.float64]
    signed_sum: NDArray[np.float64]
    brighter: NDArray[np.int64]
    at_edge: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class TileRegions:
    """The regions of one tile: small, and made where the tile was scored."""

    window: Window
    places: NDArray[np.uint32]
    """Candidate pixels, counted in row-major order over the tile."""

    labels: NDArray[np.uint32]
    """The region of each, counted from 1 in the tile."""

    part: _Part

    def __len__(self) -> int:
        return len(self.part.first)


class LabelledMap:
    """Regions and where they are."""

    def __init__(self, spool: BinaryIO) -> None:
        self.regions = _none()
        self.numbers = np.zeros(1, np.uint32)
        """The region, counted from 1, of each provisional label; 0 for none."""

        self._spool = spool
        self._kept: dict[Window, tuple[int, int]] = {}

    def put(self, window: Window, places: NDArray[np.uint32], labels: NDArray[np.uint32]) -> None:
        """Keep the provisional labels of a tile's candidate pixels."""
        self._kept[window] = self._spool.seek(0, os.SEEK_END), len(places)
        self._spool.write(np.stack([places, labels]).tobytes())

    def labels(self, window: Window) -> NDArray[np.uint32]:
        """The regions' numbers over one of the tiles, 0 where there is none."""
        if window not in self._kept:
            return np.zeros(window.shape, np.uint32)
        start, count = self._kept[window]
        self._spool.seek(start)
        places, labels = np.frombuffer(self._spool.read(8 * count), np.uint32).reshape(2, -1)
        return _spread(window, places, self.numbers[labels])


def _spread(
    window: Window, places: NDArray[np.uint32], labels: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    block = np.zeros(window.height * window.width, np.uint32)
    block[places] = labels
    return block.reshape(window.shape)


def regions_in(tile: ScoredTile, *, window: Window) -> TileRegions:
    """The regions of a tile of a map over ``window``, before they are joined to others'."""
    own, found = ndimage.label(tile.candidate, structure=_EIGHT)
    places = np.flatnonzero(own)
    of = own.ravel()[places]
    return TileRegions(
        window=tile.window,
        places=places.astype(np.uint32),
        labels=of.astype(np.uint32),
        part=_measure(tile, places, of - 1, found, window=window),
    )


def label_regions(
    tiles: Iterable[TileRegions], *, window: Window, least_pixels: int, spool: BinaryIO
) -> LabelledMap:
    """Join candidate pixels to the regions that are large enough and touch the area.

    Parameters
    ----------
    tiles
        The tiles of ``window``, each once, in whatever order.
    window
        The window of the map.
    least_pixels
        Smallest region kept.
    spool
        An empty file, which takes the labels of candidate pixels until the map is done with.
    """
    made = LabelledMap(spool)
    parts: dict[Window, _Part] = {}
    links: list[NDArray[np.int64]] = []
    seams = _Seams(window)
    count = 0
    for tile in tiles:
        if not len(tile):
            continue
        labels = tile.labels + np.uint32(count)
        made.put(tile.window, tile.places, labels)
        links.append(seams.links(tile.window, _spread(tile.window, tile.places, labels)))
        parts[tile.window] = tile.part
        count += len(tile)
    if not count:
        return made
    root = _roots(count, np.concatenate(links))
    merged = _merged(parts, root)
    keep = (merged.pixels >= least_pixels) & (merged.pixels_inside > 0)
    order = np.argsort(merged.first[keep], kind="stable")
    numbers = np.zeros(len(keep), np.uint32)
    numbers[np.flatnonzero(keep)[order]] = np.arange(1, keep.sum() + 1)
    kept = {f.name: getattr(merged, f.name)[keep][order] for f in fields(merged)}
    pixels = kept["pixels"]
    made.numbers = np.concatenate([[np.uint32(0)], numbers[root]])
    made.regions = Regions(
        pixels=pixels,
        pixels_inside=kept["pixels_inside"],
        peak=kept["peak"],
        strength=kept["strength"],
        score_mean=kept["score_sum"] / np.maximum(pixels, 1),
        signed_mean=kept["signed_sum"] / np.maximum(pixels, 1),
        brighter_share=kept["brighter"] / np.maximum(pixels, 1),
        at_edge=kept["at_edge"],
    )
    return made


def keep_regions(labelled: LabelledMap, kept: NDArray[np.bool_]) -> None:
    """Leave the regions that are kept, of shape (regions,), and number them anew from 1."""
    anew = np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.uint32)
    labelled.numbers = anew[labelled.numbers]
    regions = labelled.regions
    labelled.regions = Regions(**{f.name: getattr(regions, f.name)[kept] for f in fields(regions)})


class _Seams:
    """Labels along the tiles' borders, by which regions are joined."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._lines: tuple[dict[int, NDArray[np.uint32]], ...] = {}, {}
        """Of rows and of columns, each as long as the map."""

    def links(self, tile: Window, labels: NDArray[np.uint32]) -> NDArray[np.int64]:
        """Pairs of labels that touch across the tile's border, as far as they are known."""
        rows, cols = tile.within(self._window)
        pairs = [np.zeros((0, 2), np.uint32)]
        for axis, (block, along, across) in enumerate(
            ((labels, cols, rows), (labels.T, rows, cols))
        ):
            lines = self._lines[axis]
            length = (self._window.width, self._window.height)[axis]
            ends = ((across.start, 0, -1), (across.stop - 1, -1, 1))
            for line, own, step in ends:
                if line not in lines:
                    lines[line] = np.zeros(length, np.uint32)
                lines[line][along] = block[own]
                beyond = lines.get(line + step)
                if beyond is not None:
                    pairs += _beside_each_other(block[own], beyond, along)
        found = np.concatenate(pairs).astype(np.int64)
        return np.unique(found[(found > 0).all(axis=1)], axis=0)


def _beside_each_other(
    own: NDArray[np.uint32], beyond: NDArray[np.uint32], along: slice
) -> list[NDArray[np.uint32]]:
    """A tile's line and what lies across from it and at its corners, in pairs."""
    pairs = []
    for step in (-1, 0, 1):
        at = np.arange(along.start, along.stop) + step
        inside = (at >= 0) & (at < len(beyond))
        pairs.append(np.stack([own[inside], beyond[at[inside]]], axis=1))
    return pairs


def _measure(
    tile: ScoredTile, where: NDArray[np.intp], of: NDArray[np.intp], found: int, *, window: Window
) -> _Part:
    """Sums over a tile's candidate pixels, at ``where``, each ``of`` one of ``found`` regions."""
    rows, cols = np.divmod(where, tile.window.width)
    place = (rows + tile.window.top - window.top) * window.width
    place += cols + tile.window.left - window.left
    first = np.full(found, np.iinfo(np.int64).max)
    np.minimum.at(first, of, place)
    score, signed = tile.score.ravel()[where], tile.signed.ravel()[where]
    strength = tile.strength.ravel()[where].astype(np.float64)
    peak = _strongest(of, strength, place)
    edge = _edge(tile, window).ravel()[where]
    return _Part(
        first=first,
        pixels=np.bincount(of, minlength=found),
        pixels_inside=_summed(of, tile.inside.ravel()[where], found).astype(np.int64),
        peak=place[peak],
        strength=strength[peak],
        score_sum=_summed(of, score, found),
        signed_sum=_summed(of, signed, found),
        brighter=_summed(of, signed > 0, found).astype(np.int64),
        at_edge=_summed(of, edge, found) > 0,
    )


def _summed(of: NDArray[Any], values: NDArray[Any], count: int) -> NDArray[np.float64]:
    return np.bincount(of, weights=values, minlength=count).astype(np.float64)


def _strongest(
    of: NDArray[Any], strength: NDArray[np.float64], place: NDArray[np.int64]
) -> NDArray[np.intp]:
    """The entry of each region with the highest strength, the first by place among equals."""
    order = np.lexsort((place, -strength, of))
    _, first = np.unique(of[order], return_index=True)
    return np.asarray(order[first], np.intp)


def _edge(tile: ScoredTile, window: Window) -> NDArray[np.bool_]:
    """Pixels beside one that is not observed, or on the edge of the map."""
    edge = tile.beside_unseen.copy()
    edge[0] |= tile.window.top == window.top
    edge[-1] |= tile.window.bottom == window.bottom
    edge[:, 0] |= tile.window.left == window.left
    edge[:, -1] |= tile.window.right == window.right
    return edge


def beside(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True at pixels with a True one among the eight around; of shape (row, col)."""
    if not mask.any():
        return mask
    return np.asarray(ndimage.binary_dilation(mask, structure=_EIGHT))


def _roots(count: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each provisional label, the number of the region that it belongs to, from 0."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array(
        (np.ones(len(links), np.int8), (links[:, 0] - 1, links[:, 1] - 1)), shape=(count, count)
    )
    _, root = connected_components(graph, directed=False)
    return np.asarray(root, np.int64)


def _merged(parts: dict[Window, _Part], root: NDArray[np.int64]) -> _Part:
    """Sums over whole regions, added in the tiles' order on the lattice, however they came."""
    count = int(root.max()) + 1
    start = np.cumsum([0, *(len(part.first) for part in parts.values())])
    of = {tile: root[a:b] for tile, a, b in zip(parts, start, start[1:], strict=False)}
    order = sorted(parts)
    root = np.concatenate([of[tile] for tile in order])
    part = _Part(
        **{
            f.name: np.concatenate([getattr(parts[tile], f.name) for tile in order])
            for f in fields(_Part)
        }
    )
    first = np.full(count, np.iinfo(np.int64).max)
    np.minimum.at(first, root, part.first)
    peak = _strongest(root, part.strength, part.peak)

    def added(values: NDArray[Any]) -> NDArray[np.float64]:
        return _summed(root, values, count)

    return _Part(
        first=first,
        pixels=added(part.pixels).astype(np.int64),
        pixels_inside=added(part.pixels_inside).astype(np.int64),
        peak=part.peak[peak],
        strength=part.strength[peak],
        score_sum=added(part.score_sum),
        signed_sum=added(part.signed_sum),
        brighter=added(part.brighter).astype(np.int64),
        at_edge=added(part.at_edge.astype(np.float64)) > 0,
    )


def _none() -> Regions:
    empty, whole = np.zeros(0), np.zeros(0, np.int64)
    return Regions(
        pixels=whole,
        pixels_inside=whole,
        peak=whole,
        strength=empty,
        score_mean=empty,
        signed_mean=empty,
        brighter_share=empty,
        at_edge=np.zeros(0, bool),
    )
