"""Where things stand on a sheet: heading, panels in columns, legend, foot, in inches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image

from aoi.report import words
from aoi.report.furniture import Frame
from aoi.report.labels import Box
from aoi.report.layers import Panel, panel_on
from aoi.report.margins import Swatch, draw_legend, legend_height, legend_rows
from aoi.report.ornaments import draw_ticks, draw_watermark
from aoi.report.sheet import (
    Line,
    axes_at,
    blank,
    draw_banner,
    draw_lines,
    height_of,
    picture_of,
    set_lines,
)

TOP, LEFT, RIGHT, BOTTOM = 0.2, 0.42, 0.2, 0.18
_GAP = 0.16
_TICKS = 0.3  # under a map with ticks
_BANNER = 0.3
TALLEST = 8.2  # of a map, so that the sheet fits on a page
_NARROWEST = (4.8, 2.2)  # a column alone, a column of several: what its text needs


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """One map of a sheet: the lines over it, and what draws its layers."""

    draw: Callable[[Panel], Sequence[Box]]
    """Draws, and gives the boxes in map coordinates that a watermark should not hide."""

    title: tuple[Line, ...] = ()
    ticks: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class Sheet:
    """A sheet to compose; all its maps show the same frame."""

    width: float
    frame: Frame
    heading: Sequence[Line]
    views: Sequence[View]
    foot: Sequence[Line]
    columns: int = 1
    legend: Sequence[Swatch] = ()
    legend_size: float = 8.5
    tick_size: float = 7.5
    simulated: bool
    headings: Sequence[Sequence[Line]] = ()
    """Headings of sheets whose maps are to stand at the same place as this one's."""

    tallest: float = TALLEST

    @property
    def map_size(self) -> tuple[float, float]:
        """Width and height in inches of each map."""
        widest = (self.width - LEFT - RIGHT - (self.columns - 1) * _GAP) / self.columns
        return map_size(self.frame, widest, tallest=self.tallest)

    @property
    def column(self) -> float:
        """Width in inches of a column: that of its map, or what text needs."""
        return max(self.map_size[0], _NARROWEST[self.columns > 1])

    @property
    def room(self) -> float:
        """Width in inches between the margins."""
        return self.columns * self.column + (self.columns - 1) * _GAP


def map_size(frame: Frame, width: float, *, tallest: float) -> tuple[float, float]:
    """Width and height in inches of a map in a column of some width; a tall one is narrower."""
    height = width * frame.height / frame.width
    return (width, height) if height <= tallest else (tallest / height * width, tallest)


def compose(sheet: Sheet) -> Image.Image:
    """Draw a sheet."""
    width, height = sheet.map_size
    head = set_lines(sheet.heading, width=sheet.room)
    titles = [set_lines(view.title, width=sheet.column) for view in sheet.views]
    foot = set_lines(sheet.foot, width=sheet.room)
    legend = legend_rows(sheet.legend, width=sheet.room, size=sheet.legend_size)
    head_high = max(
        height_of(set_lines(lines, width=sheet.room)) for lines in (sheet.heading, *sheet.headings)
    )
    title_high = max(height_of(title) for title in titles)
    over = title_high + 0.06 * (title_high > 0) + _BANNER * sheet.simulated
    deep = over + height + _GAP
    rows = -(-len(sheet.views) // sheet.columns)
    top = TOP + head_high + 0.1
    under = top + rows * deep - _GAP + _TICKS
    legend_high = legend_height(legend) if sheet.legend else 0.0
    figure = blank(
        width=LEFT + sheet.room + RIGHT, height=under + legend_high + height_of(foot) + BOTTOM
    )
    draw_lines(figure, head, left=LEFT, top=TOP)
    for n, (view, title) in enumerate(zip(sheet.views, titles, strict=True)):
        left = LEFT + n % sheet.columns * (sheet.column + _GAP)
        upper = top + n // sheet.columns * deep
        draw_lines(figure, title, left=left, top=upper)
        upper += over
        if sheet.simulated:
            draw_banner(figure, words.SIMULATED, left=left, top=upper - _BANNER, width=width)
        axes = axes_at(figure, left=left, top=upper, width=width, height=height)
        panel = panel_on(axes, sheet.frame, width=width)
        busy = view.draw(panel)
        if sheet.simulated:
            draw_watermark(panel, words.SIMULATED, avoid=busy)
        if view.ticks:
            draw_ticks(panel, size=sheet.tick_size)
    if sheet.legend:
        draw_legend(figure, legend, left=LEFT, top=under - 0.04, size=sheet.legend_size)
    draw_lines(figure, foot, left=LEFT, top=under + legend_high)
    return picture_of(figure)
