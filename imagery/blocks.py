"""Integer geometry of windows and tiles: no pixel, no file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

TILE = 512
"""Side, in px, of the compute tiles that every number is computed on.

A constant of the method: how many tiles are in flight may change, the tiles may not, so that
results agree bit for bit whatever the memory and the number of workers.
"""

PANEL = 16
"""Tiles, side by side, that a pass over a large image goes down at a time."""


@dataclass(frozen=True, order=True)
class Window:
    """A half-open rectangle of pixels: rows ``[top, bottom)``, columns ``[left, right)``."""

    top: int
    left: int
    bottom: int
    right: int

    def __post_init__(self) -> None:
        if self.bottom < self.top or self.right < self.left:
            raise ValueError(f"a window must have bottom >= top and right >= left; found {self}")

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, cols)."""
        return self.height, self.width

    @property
    def empty(self) -> bool:
        return self.height == 0 or self.width == 0

    def padded(self, margin: int) -> Window:
        """The window grown by ``margin`` px on every side (it may leave the grid)."""
        return Window(
            self.top - margin, self.left - margin, self.bottom + margin, self.right + margin
        )

    def shifted(self, rows: int, cols: int) -> Window:
        """The window moved by whole pixels."""
        return Window(self.top + rows, self.left + cols, self.bottom + rows, self.right + cols)

    def clipped(self, other: Window) -> Window:
        """The part inside ``other``; empty, at a corner of ``other``, where they don't meet."""
        top = min(max(self.top, other.top), other.bottom)
        left = min(max(self.left, other.left), other.right)
        return Window(
            top,
            left,
            max(top, min(self.bottom, other.bottom)),
            max(left, min(self.right, other.right)),
        )

    def halves(self) -> tuple[Window, Window]:
        """The window cut across its longer side."""
        if self.height >= self.width:
            middle = (self.top + self.bottom) // 2
            return replace(self, bottom=middle), replace(self, top=middle)
        middle = (self.left + self.right) // 2
        return replace(self, right=middle), replace(self, left=middle)

    def contains(self, other: Window) -> bool:
        return (
            self.top <= other.top
            and self.left <= other.left
            and self.bottom >= other.bottom
            and self.right >= other.right
        )

    def within(self, outer: Window) -> tuple[slice, slice]:
        """The slices that cut this window out of an array that covers ``outer``."""
        if not outer.contains(self):
            raise ValueError(f"{self} is not inside {outer}")
        return (
            slice(self.top - outer.top, self.bottom - outer.top),
            slice(self.left - outer.left, self.right - outer.left),
        )


def tiles_over(window: Window, *, size: int = TILE) -> Iterator[Window]:
    """The tiles of the fixed lattice that cover ``window``, cut to it, in row-major order.

    The lattice is anchored at pixel (0, 0) of the grid, not at the window, so that a pixel always
    lies in the same tile.
    """
    for top in range(window.top // size * size, window.bottom, size):
        for left in range(window.left // size * size, window.right, size):
            tile = Window(top, left, top + size, left + size).clipped(window)
            if not tile.empty:
                yield tile


def tiles_in_panels(window: Window, *, size: int = TILE, panel: int = PANEL) -> Iterator[Window]:
    """The same tiles, one panel of ``panel`` tiles' width after the other, each in row-major order.

    What a row of tiles reads is needed by the next one too; in a panel it is little enough to be
    kept, however wide the grid is.
    """
    wide = size * panel
    for left in range(window.left // wide * wide, window.right, wide):
        part = replace(window, left=max(left, window.left), right=min(left + wide, window.right))
        yield from tiles_over(part, size=size)


def spread_out(tiles: list[Window], *, most: int) -> list[Window]:
    """At most ``most`` of the tiles, two or more, evenly over the list with both its ends."""
    if len(tiles) <= most:
        return tiles
    step = (len(tiles) - 1) / (most - 1)
    return [tiles[i] for i in sorted({round(number * step) for number in range(most)})]
