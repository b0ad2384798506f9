"""What is drawn on a map besides its content: scale bar, north, ticks, watermark."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.patches import Polygon, Rectangle
from matplotlib.patheffects import withStroke

from aoi.report.furniture import ScaleBar, bottom_ticks, left_ticks, north_angle, scale_bar
from aoi.report.labels import Box, free_corner
from aoi.report.layers import Panel
from aoi.report.sheet import INK, MUTED, font, text_width

_WATERMARK_HEIGHTS = (0.12, 0.88, 0.24, 0.76, 0.36, 0.64, 0.5)


def draw_furniture(panel: Panel, *, corner: str) -> Box:
    """The scale bar and the north arrow, on a white plate in a corner; returns its box."""
    metres, frame, bar = panel.metres_per_inch, panel.frame, bar_for(panel)
    box = left, bottom, right, top = furniture_box(panel, corner=corner)
    panel.axes.add_patch(
        Rectangle(
            (left, bottom),
            right - left,
            top - bottom,
            facecolor="white",
            alpha=0.88,
            linewidth=0,
            zorder=12,
        )
    )
    angle = north_angle(frame)
    start = left + 0.12 * metres
    if angle is not None:
        _draw_north(panel, (left + 0.22 * metres, (bottom + top) / 2), angle=angle)
        start = left + 0.46 * metres
    end, base, high = start + bar.length, bottom + 0.1 * metres, 0.055 * metres
    for n, colour in enumerate((INK, "white")):
        panel.axes.add_patch(
            Rectangle(
                (start + n * bar.length / 2, base),
                bar.length / 2,
                high,
                facecolor=colour,
                edgecolor=INK,
                linewidth=0.6,
                zorder=13,
            )
        )
    panel.axes.text(
        (start + end) / 2,
        base + high + 0.045 * metres,
        bar.label,
        color=INK,
        ha="center",
        va="bottom",
        fontproperties=font(bar.label, size=8.5, bold=True),
        zorder=13,
        parse_math=False,
    )
    return box


def furniture_box(panel: Panel, *, corner: str) -> Box:
    """Where the plate of the furniture lies in one of the corners, in map metres."""
    wide, high = _furniture_size(panel, bar_for(panel))
    gap = 0.1 * panel.metres_per_inch
    left = gap if "left" in corner else panel.frame.width - gap - wide
    bottom = gap if "lower" in corner else panel.frame.height - gap - high
    return left, bottom, left + wide, bottom + high


def bar_for(panel: Panel) -> ScaleBar:
    """The scale bar of a map, never longer than 1.8 inches on paper."""
    wide = panel.frame.width / panel.metres_per_inch
    return scale_bar(panel.frame, share=min(0.3, 1.8 / wide))


def draw_ticks(panel: Panel, *, size: float = 7.5) -> None:
    """Coordinates at the frame: longitude below, latitude on the left (or metres)."""
    wide = panel.frame.width / panel.metres_per_inch
    tall = panel.frame.height / panel.metres_per_inch
    sides = (
        ("x", bottom_ticks(panel.frame, count=max(1, min(4, int(wide / 1.1)))), wide),
        ("y", left_ticks(panel.frame, count=max(1, min(4, int(tall / 1.1)))), tall),
    )
    for side, ticks, length in sides:
        fitting = [
            tick
            for tick in ticks
            if abs(tick.at / panel.metres_per_inch - length / 2)
            <= length / 2 - text_width(tick.label, size=size) / 2 + 0.06
        ]
        axis = panel.axes.xaxis if side == "x" else panel.axes.yaxis
        axis.set_ticks([tick.at for tick in fitting], [tick.label for tick in fitting])
        for label in axis.get_ticklabels():
            label.set_parse_math(False)
            label.set_fontproperties(font(label.get_text(), size=size))
            label.set_color(MUTED)
            if side == "y":
                label.set_rotation(90)
                label.set_verticalalignment("center")
    panel.axes.tick_params(length=3, width=0.6, color=INK, pad=2.5)


def draw_watermark(panel: Panel, text: str, *, avoid: Sequence[Box] = ()) -> None:
    """Words across the map that stay with it when it is cut out of its sheet.

    They stand at the height where they hide least of what is to be seen.
    """
    wide = panel.frame.width / panel.metres_per_inch
    size = min(17.0, 10.0 * 0.86 * wide / text_width(text, size=10, bold=True))
    half = text_width(text, size=size, bold=True) / 2 * panel.metres_per_inch
    high = size / 72 * 0.8 * panel.metres_per_inch
    x = panel.frame.width / 2
    heights = {str(share): share * panel.frame.height for share in _WATERMARK_HEIGHTS}
    strips = {name: (x - half, y - high, x + half, y + high) for name, y in heights.items()}
    panel.axes.text(
        x,
        heights[free_corner(strips, avoid)],
        text,
        color="white",
        alpha=0.62,
        ha="center",
        va="center",
        fontproperties=font(text, size=size, bold=True),
        path_effects=[withStroke(linewidth=1.4, foreground="#10101055")],
        zorder=11,
        parse_math=False,
    )


def _furniture_size(panel: Panel, bar: ScaleBar) -> tuple[float, float]:
    """Width and height, in map metres, of the plate that holds the scale bar and north."""
    metres = panel.metres_per_inch
    arrow = 0.34 * metres if panel.frame.crs is not None else 0.0
    text = text_width(bar.label, size=8.5, bold=True) * metres
    return arrow + max(bar.length, text) + 0.24 * metres, 0.42 * metres


def _draw_north(panel: Panel, at: tuple[float, float], *, angle: float) -> None:
    """A small arrow to geographic north with an N at its foot."""
    metres = panel.metres_per_inch
    turn = math.radians(angle)
    along = np.array([math.sin(turn), math.cos(turn)]) * metres
    across = np.array([math.cos(turn), -math.sin(turn)]) * metres
    middle = np.array(at)
    tip, foot = middle + 0.165 * along, middle - 0.045 * along
    notch = middle + 0.005 * along
    for sign, colour in ((-1, INK), (1, "white")):
        panel.axes.add_patch(
            Polygon(
                [tip, foot + sign * 0.075 * across, notch],
                facecolor=colour,
                edgecolor=INK,
                linewidth=0.6,
                joinstyle="round",
                zorder=13,
            )
        )
    x, y = middle - 0.115 * along
    panel.axes.text(
        x,
        y,
        "N",
        color=INK,
        ha="center",
        va="center_baseline",
        zorder=13,
        fontproperties=font("N", size=7.5, bold=True),
        parse_math=False,
    )
