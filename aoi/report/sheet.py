"""The sheet of paper under a map: lines of text that are measured and wrapped, and its pixels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, get_font
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from matplotlib.textpath import TextToPath
from PIL import Image

from aoi.report.fonts import font_files, font_for, has_glyphs

INK, MUTED, RED, PAPER = "#1a1a18", "#57564f", "#b3201a", "#ffffff"
UNSEEN = "#cfcdc6"

DPI = 200
_LEADING = 1.42
_MOST_LINES = 4


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of text on a sheet."""

    text: str
    size: float = 8.5
    """Points."""

    bold: bool = False
    colour: str = INK
    alarms: tuple[str, ...] = ()
    """Words of the text that are drawn in red."""

    gap: float = 0.0
    """Inches of white above it."""

    whole: bool = False
    """Whether it is never cut, however many lines it takes."""

    @property
    def height(self) -> float:
        """Inches, with the white above."""
        return self.gap + self.size * _LEADING / 72


def font(text: str, *, size: float, bold: bool = False) -> FontProperties:
    """The font for a text that :func:`drawable` has passed."""
    path = font_for(text, bold=bold) or font_files(bold=bold)[-1]
    return FontProperties(fname=str(path), size=size)


def drawable(text: str, *, bold: bool = False) -> str:
    """The text, with a question mark for each character that no font at hand can draw."""
    if font_for(text, bold=bold) is not None:
        return text
    paths = font_files(bold=bold)
    kept = max(paths, key=lambda path: sum(has_glyphs(path, character) for character in text))
    return "".join(character if has_glyphs(kept, character) else "?" for character in text)


def text_width(text: str, *, size: float, bold: bool = False) -> float:
    """Width of a text in inches."""
    path = font_for(text, bold=bold) or font_files(bold=bold)[-1]
    return _width_at_100(str(path), text) * size / 100 / 72


def set_lines(lines: Iterable[Line], *, width: float) -> tuple[Line, ...]:
    """Wrap lines to a width in inches.

    The fifth line of one text and all after it are cut, unless it is to stay whole.
    """
    done: list[Line] = []
    for line in lines:
        ready = replace(line, text=drawable(line.text, bold=line.bold))
        parts = _wrap(ready, width)
        if len(parts) > _MOST_LINES and not line.whole:
            parts = [*parts[: _MOST_LINES - 1], parts[_MOST_LINES - 1][:-1].rstrip() + "…"]
        done += [
            replace(ready, text=part, gap=line.gap if n == 0 else 0.0)
            for n, part in enumerate(parts)
        ]
    return tuple(done)


def height_of(lines: Iterable[Line]) -> float:
    """Height in inches of lines that are set."""
    return sum(line.height for line in lines)


def draw_lines(figure: Figure, lines: Iterable[Line], *, left: float, top: float) -> float:
    """Draw lines that are set, from a point in inches from the upper left; return the new top."""
    width, height = figure.get_size_inches()
    for line in lines:
        top += line.height
        for start, text, colour in _pieces(line):
            figure.text(
                (left + start) / width,
                1 - (top - line.size * (_LEADING - 1) * 0.75 / 72) / height,
                text,
                color=colour,
                # Of the whole line, so that its pieces don't differ.
                fontproperties=font(line.text, size=line.size, bold=line.bold),
                va="baseline",
                ha="left",
                parse_math=False,
            )
    return top


def draw_banner(figure: Figure, text: str, *, left: float, top: float, width: float) -> float:
    """A red strip with white words across the map; return the new top."""
    size, high = 11.0, 0.3
    across, down = figure.get_size_inches()
    while text_width(text, size=size, bold=True) > width - 0.2 and size > 6:
        size -= 0.5
    figure.add_artist(
        Rectangle(
            (left / across, 1 - (top + high) / down),
            width / across,
            high / down,
            transform=figure.transFigure,
            facecolor=RED,
            edgecolor="none",
        )
    )
    figure.text(
        (left + width / 2) / across,
        1 - (top + high / 2) / down,
        text,
        color="white",
        fontproperties=font(text, size=size, bold=True),
        ha="center",
        va="center_baseline",
        parse_math=False,
    )
    return top + high


def blank(*, width: float, height: float) -> Figure:
    """An empty white sheet of so many inches, drawn by Agg."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def axes_at(figure: Figure, *, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place in inches from the upper left corner of the sheet."""
    across, down = figure.get_size_inches()
    return figure.add_axes(
        (left / across, 1 - (top + height) / down, width / across, height / down)
    )


def picture_of(figure: Figure) -> Image.Image:
    """The sheet as pixels, red, green, blue."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
    drawn = image.convert("RGB")
    # A figure and its parts hold one another, and stay until the collector comes by.
    canvas.renderer = None
    return drawn


def glyph_path(text: str, *, height: float) -> tuple[str, float] | None:
    """A text as the data of an SVG path, and its width: shown alike without its font.

    The path's baseline is at 0.8 of the height and y runs down.  None where no font at hand has
    the glyphs.
    """
    if font_for(text) is None:
        return None
    prop = font(text, size=height)
    vertices, codes = TextToPath().get_text_path(prop, text, ismath=False)
    path = Path(np.asarray(vertices).reshape(-1, 2), np.asarray(codes))
    scale = height * 0.85 / TextToPath.FONT_SCALE
    parts = []
    for points, code in path.iter_segments(simplify=False, curves=True):
        letter = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C"}.get(code)
        if letter is None:
            parts.append("Z")
            continue
        pairs = np.asarray(points, float).reshape(-1, 2) * scale
        parts.append(letter + " ".join(f"{x:.1f} {0.8 * height - y:.1f}" for x, y in pairs))
    return "".join(parts), float(path.get_extents().x1 * scale)


def _pieces(line: Line) -> list[tuple[float, str, str]]:
    """The parts of a line by colour: where each starts in inches, its text, its colour."""
    parts = [line.text]
    if line.alarms:
        parts = re.split("(" + "|".join(map(re.escape, line.alarms)) + ")", line.text)
    path = font(line.text, size=line.size, bold=line.bold).get_file()
    found, done = [], ""
    for part in parts:
        if part:
            # With a bar behind it, because the width of a text leaves spaces at its end out.
            start = _width_at_100(path, done + "|") - _width_at_100(path, "|")
            colour = RED if part in line.alarms else line.colour
            found.append((start * line.size / 100 / 72, part, colour))
        done += part
    return found


def _wrap(line: Line, width: float) -> list[str]:
    if text_width(line.text, size=line.size, bold=line.bold) <= width:
        return [line.text]
    parts: list[str] = []
    current = ""
    for word in line.text.split(" "):
        trial = f"{current} {word}" if current else word
        if text_width(trial, size=line.size, bold=line.bold) <= width:
            current = trial
            continue
        if current:
            parts.append(current)
        current = word
        while text_width(current, size=line.size, bold=line.bold) > width and len(current) > 1:
            cut = _that_fit(current, line, width)
            parts.append(current[:cut])
            current = current[cut:]
    parts.append(current)
    return parts


def _that_fit(word: str, line: Line, width: float) -> int:
    """How many characters of an endless word fit on a line, one at the least."""
    fits, too_many = 1, len(word)
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if text_width(word[:middle], size=line.size, bold=line.bold) <= width:
            fits = middle
        else:
            too_many = middle
    return fits


@lru_cache(maxsize=4096)
def _width_at_100(path: str, text: str) -> float:
    face = get_font(path)
    face.set_size(100, 72)
    face.set_text(text, 0.0)
    return float(face.get_width_height()[0]) / 64
