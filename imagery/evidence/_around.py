"""Which pixels lie in and around the regions of a tile, and what must be read for them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.compiled import compiled, readonly

GAP, RING = 2, 6
"""A ring reaches from beyond so many px around a region, which its blurred outline takes, to so
many."""

_SPREAD = 3.0
"""Standard deviation, px, of the Gaussian that tells which way is out of a region."""

_REACH = int(2 * _SPREAD)
MARGIN = RING + _REACH
"""Pixels around a tile that decide which of its own lie around regions, and which way is out."""

_READING = 40_000
"""Pixels in whose time a window is begun to be read: fewer, larger ones may take less."""

_MOST_WINDOWS = 16

Of = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Pixels:
    """Pixels in and around regions, in row-major order; every array has one entry a pixel."""

    rows: Of
    cols: Of
    place: Of
    """Of the region that each belongs to, among those that are there, from 0."""

    reached: NDArray[np.uint8]
    """How many px out of its region it lies; 0 inside."""

    rim: NDArray[np.bool_]
    """Whether it is one of the two rows of pixels along an outline."""

    def chosen(self, which: NDArray[np.bool_]) -> Pixels:
        """Some of them."""
        return Pixels(
            rows=self.rows[which],
            cols=self.cols[which],
            place=self.place[which],
            reached=self.reached[which],
            rim=self.rim[which],
        )

    def moved(self, rows: int, cols: int) -> Pixels:
        """Counted from another corner."""
        return replace(self, rows=self.rows + rows, cols=self.cols + cols)


def pixels_around(labels: NDArray[np.uint32], own: tuple[slice, slice]) -> tuple[Of, Pixels]:
    """The ids of regions in or near a tile, rising, and its pixels in and around them.

    Parameters
    ----------
    labels
        Ids of regions, ``MARGIN`` px around the tile or more.
    own
        Cuts the tile out of them.
    """
    grown, reached = grow(labels, rounds=RING)
    rows, cols = np.nonzero(grown[own] > 0)
    rows, cols = rows + own[0].start, cols + own[1].start
    number, out = grown[rows, cols], reached[rows, cols]
    there = np.bincount(number) > 0
    ids, place = np.flatnonzero(there), (np.cumsum(there) - 1)[number]
    rim = out == 1
    inside = np.flatnonzero(out == 0)
    edge = np.zeros(len(inside), bool)
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            edge |= labels[rows[inside] + down, cols[inside] + across] == 0
    rim[inside] = edge
    return ids, Pixels(rows=rows, cols=cols, place=place, reached=out, rim=rim)


def grow(
    labels: NDArray[np.uint32], *, rounds: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Regions grown by so many px, and the round that reached each pixel, 0 inside.

    Where two meet, the pixel goes to the larger id: by a rule that looks no farther than it grows,
    so that tiles agree with the whole.
    """
    grown = np.array(labels, np.uint32, order="C")
    reached = np.zeros(labels.shape, np.uint8)
    _grow(grown, reached, rounds)
    return grown, reached


def outward(labels: NDArray[np.uint32], boxes: Of, rows: Of, cols: Of) -> NDArray[np.float32]:
    """Unit vectors that lead out of regions, shape (2, pixels); 0 far from any.

    Parameters
    ----------
    labels
        Ids of regions.
    boxes
        Shape (boxes, 4), rows from and to, cols from and to: in one of them lies every pixel.
    rows, cols
        The pixels, none of them along the border.
    """
    steps = np.arange(_REACH + 1)
    weights = np.exp(-0.5 * (steps / _SPREAD) ** 2)
    weights /= weights[0] + 2 * weights[1:].sum()
    near = np.zeros(labels.shape, np.float32)
    _blur(labels, boxes, weights, near)
    slope = np.stack(
        [
            (near[rows - 1, cols] - near[rows + 1, cols]) / np.float32(2),
            (near[rows, cols - 1] - near[rows, cols + 1]) / np.float32(2),
        ]
    )
    return np.asarray(slope / np.maximum(np.hypot(*slope), np.float32(1e-6)), np.float32)


def boxes_of(pixels: Pixels, count: int) -> Of:
    """Where each region's pixels lie: rows from and to, cols from and to; shape (count, 4)."""
    boxes = np.empty((count, 4), np.int64)
    _boxes(pixels.rows, pixels.cols, pixels.place, boxes)
    return boxes


def windows_over(
    boxes: Of, *, margin: int, within: Window
) -> list[tuple[Window, NDArray[np.bool_]]]:
    """Windows to be read for regions, and which of the regions each is for.

    One for several regions where that is less to do than one for each.

    Parameters
    ----------
    boxes
        Where each region's pixels lie, from the corner of ``within``; shape (regions, 4).
    margin
        Pixels that are wanted around them.
    within
        What is wanted at all.
    """
    groups = [
        (Window(top, left, bottom, right), {place})
        for place, (top, bottom, left, right) in enumerate(boxes.tolist())
    ]
    if len(groups) > _MOST_WINDOWS:
        groups = [(_around([box for box, _ in groups]), set(range(len(groups))))]
    groups = _joined(groups, margin)
    found = []
    for box, places in groups:
        window = box.padded(margin).shifted(within.top, within.left).clipped(within)
        found.append((window, np.isin(np.arange(len(boxes)), list(places))))
    return found


def _joined(groups: list[tuple[Window, set[int]]], margin: int) -> list[tuple[Window, set[int]]]:
    """Groups of boxes, two joined as long as that is less to read."""

    def cost(box: Window) -> int:
        return (box.height + 2 * margin) * (box.width + 2 * margin) + _READING

    first = 0
    while first < len(groups):
        box, places = groups[first]
        for second in range(first + 1, len(groups)):
            other, more = groups[second]
            both = _around([box, other])
            if cost(both) <= cost(box) + cost(other):
                groups = [g for i, g in enumerate(groups) if i not in (first, second)]
                groups.append((both, places | more))
                first = -1
                break
        first += 1
    return groups


def _around(boxes: list[Window]) -> Window:
    return Window(
        min(box.top for box in boxes),
        min(box.left for box in boxes),
        max(box.bottom for box in boxes),
        max(box.right for box in boxes),
    )


@compiled("void(uint32[:,::1], uint8[:,::1], int64)")
def _grow(grown: NDArray[np.uint32], reached: NDArray[np.uint8], rounds: int) -> None:
    """Grow regions, in place, looking only at the pixels that the round before reached."""
    height, width = grown.shape
    front = np.empty(grown.size, np.int64)
    count = 0
    for row in range(height):
        for col in range(width):
            if grown[row, col] == 0:
                continue
            free = False
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(col - 1, 0), min(col + 2, width)):
                    free |= grown[r, c] == 0
            if free:
                front[count] = row * width + col
                count += 1
    begin = 0
    for number in range(1, rounds + 1):
        end = count
        for place in range(begin, end):
            row, col = front[place] // width, front[place] % width
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(col - 1, 0), min(col + 2, width)):
                    if grown[r, c]:
                        continue
                    largest = np.uint32(0)
                    for rr in range(max(r - 1, 0), min(r + 2, height)):
                        for cc in range(max(c - 1, 0), min(c + 2, width)):
                            if grown[rr, cc] > largest and reached[rr, cc] < number:
                                largest = grown[rr, cc]
                    grown[r, c], reached[r, c] = largest, number
                    front[count] = r * width + c
                    count += 1
        begin = end


@compiled(
    f"void({readonly('int64', 1)}, {readonly('int64', 1)}, {readonly('int64', 1)}, int64[:,::1])"
)
def _boxes(rows: Of, cols: Of, place: Of, boxes: Of) -> None:
    for number in range(len(boxes)):
        boxes[number, 0], boxes[number, 1] = np.iinfo(np.int64).max, 0
        boxes[number, 2], boxes[number, 3] = np.iinfo(np.int64).max, 0
    for pixel in range(len(rows)):
        box, row, col = boxes[place[pixel]], rows[pixel], cols[pixel]
        box[0], box[1] = min(box[0], row), max(box[1], row + 1)
        box[2], box[3] = min(box[2], col), max(box[3], col + 1)


@compiled(
    f"void({readonly('uint32', 2)}, {readonly('int64', 2)}, {readonly('float64', 1)}, "
    "float32[:,::1])"
)
def _blur(
    labels: NDArray[np.uint32],
    boxes: Of,
    weights: NDArray[np.float64],
    near: NDArray[np.float32],
) -> None:
    """The share of regions around the pixels of boxes, and one px around them, into ``near``."""
    height, width = labels.shape
    reach = len(weights) - 1
    for number in range(len(boxes)):
        top, bottom = max(boxes[number, 0] - 1, 0), min(boxes[number, 1] + 1, height)
        left, right = max(boxes[number, 2] - 1, 0), min(boxes[number, 3] + 1, width)
        # Down the columns first, also those that the rows are then summed over.
        down = np.empty((bottom - top, right - left + 2 * reach), np.float32)
        for row in range(top, bottom):
            for place in range(down.shape[1]):
                col = min(max(left - reach + place, 0), width - 1)
                total = weights[0] * (labels[row, col] > 0)
                for step in range(reach, 0, -1):
                    above, below = max(row - step, 0), min(row + step, height - 1)
                    total += ((labels[above, col] > 0) + (labels[below, col] > 0)) * weights[step]
                down[row - top, place] = total
        for row in range(top, bottom):
            for col in range(left, right):
                place = col - left + reach
                total = down[row - top, place] * weights[0]
                for step in range(reach, 0, -1):
                    pair = np.float64(down[row - top, place - step]) + down[row - top, place + step]
                    total += pair * weights[step]
                near[row, col] = total
