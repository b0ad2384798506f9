"""Errors of the windows as scatter plots, with the circle that holds 90 % of them."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from aoi.alignment.words import Told, judging
from aoi.report.furniture import round_down
from aoi.report.sheet import INK, MUTED, RED, axes_at, font
from aoi.report.words import number

SIDE = 2.85
"""Of a plot, inches."""

BLUE = "#12467b"


def draw_scatter(figure: Figure, told: Told, *, left: float, top: float, after: bool) -> None:
    """Draw the errors of the windows as on a target: to the right and down, in px and in metres.

    Parameters
    ----------
    figure
        The sheet.
    told
        The alignment.
    left, top
        Upper left corner of the plot in inches from that of the sheet.
    after
        What the move leaves; else as the images came.
    """
    found = told.alignment
    axes = axes_at(figure, left=left, top=top, width=SIDE, height=SIDE)
    title = "After the move" if after else "As the images came"
    residual = None if found is None else found.residual if after else found.initial
    if found is None or residual is None or not len(found.tie_points):
        _empty(axes, title)
        return
    ties = found.tie_points
    values = ties.residual if after else ties.shift
    judged = judging(found)
    others = ~judged & (ties.status != "outlier")
    if not judged.any():
        judged, others = others, judged
    reach = 1.15 * max(residual.ce90, float(np.quantile(np.abs(values[judged]), 0.99)), 1e-3)
    if after:  # of a residual far below a pixel, noise is no news
        reach = max(reach, 0.25)
    axes.set_xlim(-reach, reach)
    axes.set_ylim(reach, -reach)
    axes.axhline(0, color=MUTED, linewidth=0.5, zorder=1)
    axes.axvline(0, color=MUTED, linewidth=0.5, zorder=1)
    axes.scatter(values[others, 1], values[others, 0], s=4, color="#b9b7ae", linewidths=0, zorder=2)
    axes.scatter(
        values[judged, 1], values[judged, 0], s=11, marker="D", color=BLUE, alpha=0.75,
        linewidths=0, zorder=3,
    )  # fmt: skip
    axes.add_patch(
        Circle((0, 0), residual.ce90, facecolor="none", edgecolor=RED, linewidth=1.3, zorder=4)
    )
    told_ce90 = f"CE90 {told.px(residual.ce90)}"
    _label(axes, title, told_ce90)
    _ticks(axes, told, reach)


def _empty(axes: Axes, title: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("#f4f3ef")
    text = "not measured"
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center",
              fontproperties=font(text, size=9), color=MUTED)  # fmt: skip
    _label(axes, title, "")


def _label(axes: Axes, title: str, size: str) -> None:
    axes.text(0, 1.03, title, transform=axes.transAxes, color=INK, va="bottom",
              fontproperties=font(title, size=9.5, bold=True))  # fmt: skip
    if size:
        axes.text(1, 1.03, size, transform=axes.transAxes, color=RED, va="bottom", ha="right",
                  fontproperties=font(size, size=9))  # fmt: skip
    for side in axes.spines.values():
        side.set_linewidth(0.6)


def _ticks(axes: Axes, told: Told, reach: float) -> None:
    """Three ticks a side: px below and on the left, metres on the right."""
    step = round_down(reach * 0.8)
    at = np.array([-step, 0.0, step])
    labels = [_signed(value) for value in at]
    axes.set_xticks(at, labels)
    axes.set_yticks(at, labels)
    right = axes.secondary_yaxis("right")
    right.set_yticks(at, [f"{_signed(v * told.plan.pixel_size_m)} m" for v in at])
    below, left = "to the right, px", "down, px"
    axes.set_xlabel(below, fontproperties=font(below, size=8.5), color=MUTED, labelpad=2)
    axes.set_ylabel(left, fontproperties=font(left, size=8.5), color=MUTED, labelpad=2)
    for axis in (axes.xaxis, axes.yaxis, right.yaxis):
        axis.set_tick_params(length=3, width=0.6, pad=2)
        for label in axis.get_ticklabels():
            label.set_fontproperties(font(label.get_text(), size=8.5))
            label.set_color(MUTED if axis is right.yaxis else INK)


def _signed(value: float) -> str:
    if not value:
        return "0"
    return f"{'−' if value < 0 else '+'}{number(abs(value), digits=2)}"
