"""Where the images themselves have the boundary between two parts of a mosaic."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window, tiles_over
from imagery.blockwise import map_tiles
from imagery.coregister._pair import MatchPair
from imagery.seamed_shift import Parts
from imagery.shift import Shift

Floats = NDArray[np.float64]

_SIGHT = 6.0
"""Standard deviation, px, of the window in which images are compared along a boundary."""

_ROUNDS = 4

_EVEN = 2.0
"""Standard deviation, in nodes, of the filter that evens a boundary."""


def seen_parts(
    pair: MatchPair, parts: Parts, shifts: tuple[Shift, ...], *, reach: float, executor: Executor
) -> Parts:
    """Parts whose boundaries lie where the images agree better to either side.

    In each of a few rounds a boundary moves by ``reach`` px at the most.
    """
    for _ in range(_ROUNDS):
        labels = parts.labels
        band = _gap(labels) * parts.spacing <= reach
        tiles = [t for t in tiles_over(pair.area) if band[_nodes_in(parts, t)].any()]
        score = partial(_agreement, pair, parts, shifts, reach)
        new = labels.copy()
        for tile, seen in map_tiles(score, tiles, executor=executor):
            at = _nodes_in(parts, tile)
            new[at] = np.where(band[at] & (seen >= 0), seen, labels[at])
        parts = replace(parts, labels=_in_one_piece(new, labels, band))
        moved = parts.labels != labels
        if not moved.any() or (_gap(labels)[moved] * parts.spacing).max() < reach / 2:
            break
    return parts


def _gap(labels: NDArray[np.uint8]) -> Floats:
    """Distance of each node from the next part, in nodes; infinite where there is but one."""
    gap = np.full(labels.shape, np.inf)
    for number in np.unique(labels):
        here = labels == number
        if not here.all():
            gap[here] = ndimage.distance_transform_edt(here)[here]
    return gap


def _nodes_in(parts: Parts, window: Window) -> tuple[slice, slice]:
    ends = ((window.top, window.bottom), (window.left, window.right))
    rows, cols = (
        slice(*(int(np.ceil((end - start) / parts.spacing)) for end in pair))
        for start, pair in zip(parts.origin, ends, strict=True)
    )
    return slice(max(rows.start, 0), rows.stop), slice(max(cols.start, 0), cols.stop)


def _agreement(
    pair: MatchPair, parts: Parts, shifts: tuple[Shift, ...], reach: float, tile: Window
) -> NDArray[np.int16]:
    """The part whose field lets the images agree best at each node of a tile; -1 where none."""
    rows, cols = (axis[cut] for axis, cut in zip(parts.nodes, _nodes_in(parts, tile), strict=True))
    frame = tile.padded(int(5 * _SIGHT) + 32)
    row, col = (np.rint(a - o).astype(np.intp) for a, o in ((rows, frame.top), (cols, frame.left)))
    still = pair.image("still", frame)
    near = np.unique(parts.labels[_nodes_in(parts, tile.padded(int(reach)))])
    best = np.full((len(rows), len(cols)), -np.inf)
    part = np.full(best.shape, -1, np.int16)
    for number in near:
        moving = pair.image("moving", frame, shifts[int(number)])
        alike = _likeness(still.data[0], moving.data[0], still.valid & moving.valid)
        alike = alike[row[:, None], col[None, :]]
        better = alike > best
        best, part = np.where(better, alike, best), np.where(better, np.int16(number), part)
    return part


def _likeness(
    one: NDArray[np.float32], other: NDArray[np.float32], valid: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Correlation of two images around each pixel, whatever the sign of their contrast."""

    def mean(image: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(ndimage.gaussian_filter(image.astype(np.float32), _SIGHT))

    seen = np.maximum(mean(valid), 1e-3)
    a, b = (
        np.where(valid, image - mean(np.where(valid, image, 0)) / seen, 0) for image in (one, other)
    )
    likeness = np.abs(mean(a * b)) / np.sqrt(np.maximum(mean(a * a) * mean(b * b), 1e-12))
    return np.asarray(np.where(seen > 0.5, likeness, -np.inf))


def _in_one_piece(
    new: NDArray[np.uint8], old: NDArray[np.uint8], band: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Labels without islands: smoothed, and what isn't joined to its part outside the band goes."""
    count = int(old.max()) + 1
    soft = np.stack(
        [ndimage.gaussian_filter((new == k).astype(np.float32), _EVEN) for k in range(count)]
    )
    smooth = np.where(band, soft.argmax(axis=0), old).astype(np.uint8)
    lost = np.zeros(old.shape, bool)
    for number in range(count):
        pieces, _ = ndimage.label(smooth == number)
        core = np.unique(pieces[(old == number) & (smooth == number) & ~band])
        lost |= (smooth == number) & ~np.isin(pieces, core)
    if lost.all():
        return old
    index = ndimage.distance_transform_edt(lost, return_distances=False, return_indices=True)
    return np.asarray(smooth[tuple(index)])
