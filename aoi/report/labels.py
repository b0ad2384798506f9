"""Where the numbers of sites go on a map: beside their site, on no other number, in the frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Box = tuple[float, float, float, float]  # left, bottom, right, top

_DIRECTIONS = ((1, 1), (1, 0), (1, -1), (0, 1), (0, -1), (-1, 1), (-1, 0), (-1, -1))
_GAPS = (0.35, 0.9, 1.7, 2.6)  # in heights of a label


@dataclass(frozen=True)
class Placed:
    """A label's place: which label, and its box."""

    index: int
    box: Box


def place_labels(
    targets: Sequence[Box],
    sizes: Sequence[tuple[float, float]],
    *,
    within: Box,
    keep: Sequence[Box] = (),
    taken: Iterable[Box] = (),
) -> tuple[Placed, ...]:
    """Place labels one after another, the first ones best.

    Parameters
    ----------
    targets
        Bounds of what the labels name.
    sizes
        Width and height of each label.
    within
        The frame that no label leaves.
    keep
        Bounds of what should stay in sight.
    taken
        Boxes that no label may touch.

    Returns
    -------
    tuple[Placed, ...]
        The labels that found a place: one that would lie on another label, or hide more than half
        of something that should stay in sight, is left out.  Of the places left, the one that
        hides least and stands nearest is taken.
    """
    sights = np.array(keep, float).reshape(-1, 4)
    areas = np.maximum((sights[:, 2] - sights[:, 0]) * (sights[:, 3] - sights[:, 1]), 1e-12)
    occupied = np.array(list(taken), float).reshape(-1, 4)
    placed = []
    for index, (target, (wide, high)) in enumerate(zip(targets, sizes, strict=True)):
        boxes = _candidates(target, wide, high)
        inside = (
            (boxes[:, 0] >= within[0])
            & (boxes[:, 1] >= within[1])
            & (boxes[:, 2] <= within[2])
            & (boxes[:, 3] <= within[3])
        )
        covered = _overlaps(boxes, sights)
        hidden = covered.sum(axis=1) / (wide * high)
        order = np.arange(len(boxes)) / len(_DIRECTIONS)  # candidates go from near to far
        buries = ((covered / areas) > 0.5).any(axis=1)
        free = inside & (_overlaps(boxes, occupied).sum(axis=1) == 0) & ~buries
        if not free.any():
            continue
        best = boxes[np.argmin(np.where(free, hidden * 4 + order * 0.5, np.inf))]
        occupied = np.vstack([occupied, best])
        box: Box = (float(best[0]), float(best[1]), float(best[2]), float(best[3]))
        placed.append(Placed(index, box))
    return tuple(placed)


def free_corner(boxes: dict[str, Box], targets: Sequence[Box]) -> str:
    """The corner whose box hides least of the targets; the first of equals."""
    everything = np.array(targets, float).reshape(-1, 4)
    hidden = {
        corner: float(_overlaps(np.array([box], float), everything).sum())
        for corner, box in boxes.items()
    }
    return min(hidden, key=lambda corner: hidden[corner])


def _candidates(target: Box, wide: float, high: float) -> NDArray[np.float64]:
    """Boxes of the label around its target, from near to far."""
    left, bottom, right, top = target
    found = []
    for gap in _GAPS:
        for x, y in _DIRECTIONS:
            away = gap * high
            cx = (left + right) / 2 + x * ((right - left) / 2 + away + wide / 2)
            cy = (bottom + top) / 2 + y * ((top - bottom) / 2 + away + high / 2)
            found.append((cx - wide / 2, cy - high / 2, cx + wide / 2, cy + high / 2))
    return np.array(found)


def _overlaps(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area that each box shares with each other box, of shape (boxes, others)."""
    a, b = boxes[:, None, :], others[None, :, :]
    wide = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
    high = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
    shared: NDArray[np.float64] = np.clip(wide, 0, None) * np.clip(high, 0, None)
    return shared
