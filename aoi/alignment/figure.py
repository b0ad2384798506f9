"""The figure of an alignment: how the image was moved, and what is left, as numbers and places."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from aoi.alignment import words
from aoi.alignment.map import Arrows, arrows_of, draw_arrows, draw_map
from aoi.alignment.pictures import Picture
from aoi.alignment.scatter import SIDE, draw_scatter
from aoi.alignment.ties import CLASSES
from aoi.alignment.words import Told
from aoi.report.files import png_of
from aoi.report.sheet import (
    DPI,
    INK,
    MUTED,
    RED,
    Line,
    axes_at,
    blank,
    draw_banner,
    draw_lines,
    font,
    height_of,
    picture_of,
    set_lines,
    text_width,
)
from aoi.report.words import NOT_GEOREFERENCED, SIMULATED, clean, count

_EDGE, _BANNER, _NARROWEST = 0.3, 0.38, 8.0
_BETWEEN, _RIGHT, _TITLE = 0.85, 0.6, 0.26
"""Inches: from the map to the plots, for the plots' metres, for their titles."""

_MAP_WIDTH, _MAP_HEIGHT = 6.7, 6.6


def draw_alignment(told: Told, still: Picture) -> bytes:
    """The figure as a PNG file; the same for the same input.

    Parameters
    ----------
    told
        The alignment, or its refusal.
    still
        The image that stays.
    """
    with _own_style():
        arrows = arrows_of(told, still)
        at = _layout(told, still, arrows)
        heading = set_lines(_heading(told), width=at.across)
        foot = set_lines(_foot(told), width=at.across)
        banners = [SIMULATED] if any(s.simulated for s in told.scenes.values()) else []
        banners += [_warning(told)] if told.bad else []
        top = _EDGE + _BANNER * len(banners) + height_of(heading) + 0.15
        figure = blank(
            width=at.across + 2 * _EDGE,
            height=top + at.height + 0.12 + height_of(foot) + 0.7 * _EDGE,
        )
        for number, text in enumerate(banners):
            draw_banner(figure, text, left=_EDGE, top=_EDGE + _BANNER * number, width=at.across)
        draw_lines(figure, heading, left=_EDGE, top=_EDGE + _BANNER * len(banners))
        axes = axes_at(figure, left=_EDGE, top=top, width=at.map[0], height=at.map[1])
        draw_map(axes, told, still, arrows, pixel=at.pixel)
        _draw_legend(figure, told, arrows, at=at, top=top + at.legend)
        for (left, down), after in zip(at.plots, (False, True), strict=True):
            draw_scatter(figure, told, left=_EDGE + left, top=top + down, after=after)
        draw_lines(figure, foot, left=_EDGE, top=top + at.height + 0.12)
        notes = {"Title": _title(told), "Description": words.verdict(told), "Software": "twopass"}
        return png_of(picture_of(figure), notes, dpi=DPI)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where things stand under the heading, in inches from there."""

    across: float
    height: float
    map: tuple[float, float]
    """Width and height."""

    legend: float
    plots: tuple[tuple[float, float], tuple[float, float]]
    """Left and top of either."""

    pixel: float
    """Px of the working grid for an inch."""


def _layout(told: Told, still: Picture, arrows: Arrows | None) -> _Layout:
    """Plots stand beside the map; under it where it is wide and low."""
    rows, cols = still.window.shape
    scale = min(_MAP_WIDTH / cols, _MAP_HEIGHT / rows)
    wide, high = cols * scale, rows * scale
    legend_width, legend_height = _legend_size(told, arrows, pixel=1 / scale)
    plot = _TITLE + SIDE + 0.45
    if high < plot:
        legend, below = high + 0.1, high + 0.1 + legend_height + 0.15 + _TITLE
        plots = (0.5, below), (0.5 + SIDE + 1.4, below)
        across, height = 0.5 + 2 * SIDE + 1.4 + _RIGHT, below + SIDE + 0.45
    else:
        left = wide + _BETWEEN
        plots = (left, _TITLE), (left, _TITLE + plot)
        # Under a narrow map the legend would run into the plots.
        legend = 0.1 + (high if legend_width < left - 0.3 else max(high, 2 * plot - 0.1))
        across, height = left + SIDE + _RIGHT, max(legend + legend_height, 2 * plot - 0.1)
    return _Layout(
        across=max(_NARROWEST, across),
        height=height,
        map=(wide, high),
        legend=legend,
        plots=plots,
        pixel=1 / scale,
    )


@contextmanager
def _own_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's settings; put back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["text.hinting"] = "no_hinting"
        matplotlib.rcParams["text.parse_math"] = False
        yield


def _title(told: Told) -> str:
    how = "against" if told.verdict in ("refused", "not measured") else "aligned to"
    return f"{clean(told.moving.name, longest=80)} {how} {clean(told.still.name, longest=80)}"


def _warning(told: Told) -> str:
    if told.verdict == "accepted":
        return "Refused, and accepted by the analyst: not to be relied on"
    return "This alignment is not to be relied on"


def _heading(told: Told) -> list[Line]:
    return [
        Line(text=_title(told), size=15, bold=True),
        Line(
            text=_bound(words.verdict(told)), size=10.5, colour=RED if told.bad else INK, gap=0.03
        ),
        Line(text=_bound(words.move(told)), size=10.5, colour=INK),
    ]


def _bound(text: str) -> str:
    """The text with its numbers bound to their units, so that no line begins with a unit."""
    return re.sub(r"(?<=\d) (?=(?:px|m|km|%)\b|%)", "\u00a0", text)


def _foot(told: Told) -> list[Line]:
    size = words.metres(told.plan.pixel_size_m)
    lines = []
    if told.plan.geobox.crs is None:
        text = f"{NOT_GEOREFERENCED}: metres of the images' own frame"
        lines.append(Line(text=text, size=9, bold=True, colour=RED))
    return [
        *lines,
        Line(text=f"Stays: {words.image(told.still)}", size=8.5, alarms=("date unknown",)),
        Line(text=f"Moved: {words.image(told.moving)}", size=8.5, alarms=("date unknown",)),
        Line(
            text=f"1 px of the working grid is {size} on the ground. CE90: 90 % of the windows "
            f"that judge lie inside the circle. They were {_independent(told)}, show ground, and "
            "lie where the move is known within the limit.",
            size=8.5,
            colour=MUTED,
        ),
    ]


def _independent(told: Told) -> str:
    return "held out of the fit" if told.alignment is None else words.independent(told.alignment)


def _entries(told: Told) -> list[list[tuple[str, str, str]]]:
    """Rows of the legend: marker, colour, label."""
    ties = told.alignment.tie_points if told.alignment is not None else None
    if ties is None or not len(ties):
        return []
    ground = ties.status == "ground"
    first = [("s", colour, label) for _, colour, label in CLASSES]
    second = [
        ("o", "white", f"{count(int((ground & ~ties.held_out).sum()), 'window')} in the fit"),
        ("D", "white", f"{int((ground & ties.held_out).sum()):,} held out"),
    ]
    if raised := int((ties.status == "raised").sum()):
        second.append(("^", "white", f"{raised:,} on raised structures"))
    if outliers := int((ties.status == "outlier").sum()):
        second.append(("x", INK, f"{outliers:,} changed or mismatched"))
    return [first, second]


def _key(told: Told, arrows: Arrows) -> str:
    length = f"{arrows.unit:g} px = {words.metres(arrows.unit * told.plan.pixel_size_m)}"
    if arrows.times == 1:
        return f"{length}; the arrows are as long as the move"
    return f"{length}; the arrows are drawn {arrows.times:,g} times as long"


def _legend_size(told: Told, arrows: Arrows | None, *, pixel: float) -> tuple[float, float]:
    """Width and height in inches."""
    rows = _entries(told)
    widths = [sum(_entry_width(label) for _, _, label in row) for row in rows]
    if arrows is not None:
        shaft = arrows.unit * arrows.times / pixel
        widths.append(shaft + 0.1 + text_width(_key(told, arrows), size=8.5))
    title = 0.22 if rows else 0.0
    return max(widths, default=0.0), title + 0.21 * len(widths)


def _entry_width(label: str) -> float:
    return 0.36 + text_width(label, size=8.5)


def _draw_legend(
    figure: Figure, told: Told, arrows: Arrows | None, *, at: _Layout, top: float
) -> None:
    """The key of the arrows, then what the windows' symbols and colours mean."""
    across, down = figure.get_size_inches()
    if arrows is not None:
        shaft, high = arrows.unit * arrows.times, 0.21
        axes = axes_at(figure, left=_EDGE, top=top, width=shaft / at.pixel, height=high)
        axes.set_axis_off()
        axes.set_xlim(0, shaft)
        axes.set_ylim(high * at.pixel, 0)
        start = np.array([[0.0, high / 2 * at.pixel]])
        draw_arrows(axes, start, start + np.array([[shaft, 0.0]]), pixel=at.pixel)
        _write(figure, _key(told, arrows), left=_EDGE + shaft / at.pixel + 0.1, top=top + high / 2)
        top += high
    rows = _entries(told)
    if rows:
        title = [Line(text="What the move leaves at each window", size=8.5, bold=True)]
        draw_lines(figure, set_lines(title, width=6), left=_EDGE, top=top)
    for number, row in enumerate(rows):
        x, y = _EDGE, top + 0.32 + 0.21 * number
        for marker, colour, label in row:
            figure.add_artist(
                Line2D(
                    [(x + 0.06) / across],
                    [1 - y / down],
                    marker=marker,
                    markersize=5.5 if marker in "sx" else 4.8,
                    markerfacecolor=colour,
                    markeredgecolor=INK,
                    markeredgewidth=0.5,
                    linestyle="none",
                    transform=figure.transFigure,
                )
            )
            _write(figure, label, left=x + 0.16, top=y)
            x += _entry_width(label)


def _write(figure: Figure, text: str, *, left: float, top: float) -> None:
    across, down = figure.get_size_inches()
    figure.text(
        left / across,
        1 - top / down,
        text,
        fontproperties=font(text, size=8.5),
        color=INK,
        va="center_baseline",
    )
