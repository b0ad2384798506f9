"""The map of an alignment: the image that stays, pale, with the move as arrows and every window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from numpy.typing import NDArray

from aoi.alignment.pictures import Picture
from aoi.alignment.scatter import BLUE
from aoi.alignment.ties import CLASSES
from aoi.alignment.words import Told
from aoi.report.furniture import round_down
from aoi.report.pixels import draw_pixels
from aoi.report.sheet import INK, UNSEEN
from imagery.coregister import TiePoints

_ALONG = 13
"""Arrows along the longer side."""

_COLOURS = ListedColormap([colour for _, colour, _ in CLASSES])
_LEVELS = BoundaryNorm([0.0, *(high for high, _, _ in CLASSES)], len(CLASSES))


@dataclass(frozen=True, kw_only=True, eq=False)
class Arrows:
    """The move at places of the map, (col, row) in px of the working grid; shape (arrows, 2)."""

    starts: NDArray[np.float64]
    ends: NDArray[np.float64]
    times: float
    """How many times as long as the move they are."""

    unit: float
    """A round move, px, for the key."""


def arrows_of(told: Told, still: Picture) -> Arrows | None:
    """The move over the picture; None where nothing moves."""
    found = told.alignment
    if found is None or found.shift.zero:
        return None
    window = still.window
    step = max(window.shape) / _ALONG
    rows = _evenly(window.top, window.bottom, step)
    cols = _evenly(window.left, window.right, step)
    move = found.shift.on_grid(rows, cols)
    row, col = np.meshgrid(rows, cols, indexing="ij")
    seen = _seen_at(still, row, col)
    longest = float(np.hypot(*move)[seen].max(initial=0.0))
    if longest <= 0:
        return None
    times = round_down(0.85 * step / longest)
    starts = np.stack([col[seen], row[seen]], axis=1)
    ends = starts + times * np.stack([move[1][seen], move[0][seen]], axis=1)
    return Arrows(starts=starts, ends=ends, times=times, unit=round_down(longest))


def _evenly(first: int, last: int, step: float) -> NDArray[np.float64]:
    count = max(1, round((last - first) / step))
    return first + (np.arange(count) + 0.5) * (last - first) / count - 0.5


def draw_map(
    axes: Axes, told: Told, still: Picture, arrows: Arrows | None, *, pixel: float
) -> None:
    """Draw the map; ``pixel`` is how many px of the working grid an inch holds."""
    window = still.window
    edges = (window.left - 0.5, window.right - 0.5, window.bottom - 0.5, window.top - 0.5)
    axes.set_facecolor(UNSEEN)
    # Light and of little contrast, so that it carries what is drawn on it.
    pale = still.rgba.copy()
    pale[..., :3] = 120 + (pale[..., :3] * 0.52).astype(np.uint8)
    down, along = (side / length for side, length in zip(window.shape, pale.shape[:2], strict=True))
    draw_pixels(axes, pale, np.array([[along, 0, edges[0]], [0, down, edges[3]]]))
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_linewidth(0.6)
    found = told.alignment
    if found is not None and len(found.tie_points):
        _draw_ties(axes, found.tie_points)
    if arrows is not None:
        draw_arrows(axes, arrows.starts, arrows.ends, pixel=pixel)
    axes.set_xlim(edges[0], edges[1])
    axes.set_ylim(edges[2], edges[3])


def _draw_ties(axes: Axes, ties: TiePoints) -> None:
    length = np.hypot(*ties.residual.T)
    counted = ties.status == "ground"
    for use, marker, size in ((ties.held_out, "D", 17), (~ties.held_out, "o", 9)):
        here = use & counted
        axes.scatter(
            ties.col[here],
            ties.row[here],
            c=length[here],
            cmap=_COLOURS,
            norm=_LEVELS,
            marker=marker,
            s=size,
            linewidths=0.35,
            edgecolors=INK,
            zorder=3,
        )
    for status, marker, inside in (("outlier", "x", INK), ("raised", "^", "none")):
        here = ties.status == status
        axes.scatter(
            ties.col[here],
            ties.row[here],
            marker=marker,
            s=9,
            facecolors=inside,
            edgecolors=None if marker == "x" else INK,
            linewidths=0.5,
            alpha=0.7,
            zorder=2,
        )


def _seen_at(
    still: Picture, row: NDArray[np.float64], col: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where the picture shows something: an arrow stands for a piece of image."""
    window, (height, width) = still.window, still.seen.shape
    at_row = ((row - window.top + 0.5) / window.height * height).astype(int)
    at_col = ((col - window.left + 0.5) / window.width * width).astype(int)
    return np.asarray(still.seen[at_row.clip(0, height - 1), at_col.clip(0, width - 1)])


def draw_arrows(
    axes: Axes, starts: NDArray[np.float64], ends: NDArray[np.float64], *, pixel: float
) -> None:
    """Arrows with a white edge, heads of one size on paper, on any background."""
    along = ends - starts
    length = np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    unit = along / length
    across = unit[:, ::-1] * (1, -1)
    head = np.minimum(0.075 * pixel, 0.55 * length)
    wings = [ends - head * unit + sign * 0.5 * head * across for sign in (1, -1)]
    strokes = [np.stack([starts, ends], axis=1)]
    strokes += [np.stack([wing, ends], axis=1) for wing in wings]
    lines = np.concatenate(strokes)
    for width, colour in ((2.6, "white"), (1.15, BLUE)):
        axes.add_collection(
            LineCollection(
                list(lines),
                colors=colour,
                linewidths=width,
                capstyle="round",
                zorder=5,
                alpha=0.85 if colour == "white" else 1.0,
            )
        )
