"""What a map shows, layer by layer: the image, hatching, the area, outlines and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Outline
from matplotlib.patheffects import withStroke
from shapely.geometry.base import BaseGeometry

from aoi.report.contents import Change, Picture
from aoi.report.furniture import Frame
from aoi.report.labels import Box
from aoi.report.pixels import draw_pixels
from aoi.report.sheet import INK, UNSEEN, font, text_width

COLOURS = {"brighter": "#ffd028", "darker": "#35b6ff", "mixed": "#f0226f"}
"""Told apart with any colour vision, and light enough to read, over their dark halo, on grey,
green and bright imagery."""

OTHER = "#ffffff"
_HALO = "#101010"
LABEL_SIZE = 8.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """A map on paper: its axes, its frame, and how many metres an inch holds."""

    axes: Axes
    frame: Frame
    metres_per_inch: float


def panel_on(axes: Axes, frame: Frame, *, width: float) -> Panel:
    """Set axes that are ``width`` inches wide up for a frame; where nothing is drawn is grey."""
    axes.set_xlim(0, frame.width)
    axes.set_ylim(0, frame.height)
    axes.set_aspect("auto")
    axes.set_facecolor(UNSEEN)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(INK)
        spine.set_linewidth(0.6)
        spine.set_zorder(20)
    return Panel(axes=axes, frame=frame, metres_per_inch=frame.width / width)


def draw_image(panel: Panel, picture: Picture) -> None:
    """The image, by its own affine: shifted, turned or flipped grids lie where they belong."""
    a, b, c, d, e, f = picture.transform
    x, y = panel.frame.from_world([c, c + a, c + b], [f, f + d, f + e])
    matrix = np.array([[x[1] - x[0], x[2] - x[0], x[0]], [y[1] - y[0], y[2] - y[0], y[0]]])
    draw_pixels(panel.axes, picture.pixels, matrix)


def draw_unobserved(panel: Panel, parts: Sequence[BaseGeometry]) -> None:
    """Hatching where the area was not seen in both images."""
    path = outline_of(parts)
    if path is None:
        return
    panel.axes.add_artist(PathPatch(path, facecolor="#3a3a38", alpha=0.35, linewidth=0, zorder=3))
    panel.axes.add_artist(
        PathPatch(path, facecolor="none", edgecolor="#ffffff", linewidth=0, hatch="////", zorder=4)
    )


def draw_area(panel: Panel, area: BaseGeometry) -> None:
    """The area's outline, dashed."""
    path = outline_of([area])
    if path is None:
        return
    for colour, width, style in ((_HALO, 2.2, "-"), ("#ffffff", 1.2, (0, (5, 3.4)))):
        panel.axes.add_artist(
            PathPatch(
                path,
                facecolor="none",
                edgecolor=colour,
                alpha=0.45 if style == "-" else 1.0,
                linewidth=width,
                linestyle=style,
                zorder=5,
            )
        )


def draw_changes(panel: Panel, changes: Iterable[Change], *, width: float = 1.5) -> None:
    """Outlines of changes by direction, with a dark halo under all of them."""
    by_direction: dict[str, list[BaseGeometry]] = {}
    for change in changes:
        by_direction.setdefault(change.direction, []).append(change.outline)
    paths = {
        direction: path
        for direction in sorted(by_direction)
        if (path := outline_of(by_direction[direction])) is not None
    }
    for layer, extra in ((6, 1.2 * width), (7, 0.0)):
        for direction, path in paths.items():
            panel.axes.add_artist(
                PathPatch(
                    path,
                    facecolor="none",
                    edgecolor=_HALO if extra else COLOURS.get(direction, OTHER),
                    alpha=0.8 if extra else 1.0,
                    linewidth=width + extra,
                    joinstyle="round",
                    zorder=layer,
                )
            )


def draw_groups(panel: Panel, hulls: Iterable[BaseGeometry]) -> None:
    """A dotted line around the pieces of one site."""
    path = outline_of(hulls)
    if path is None:
        return
    for colour, width in ((_HALO, 2.4), ("#ffffff", 1.0)):
        panel.axes.add_artist(
            PathPatch(
                path,
                facecolor="none",
                edgecolor=colour,
                alpha=0.6 if colour == _HALO else 1.0,
                linewidth=width,
                linestyle=(0, (1.2, 1.8) if colour != _HALO else (0.5, 0.75)),
                zorder=5.5,
            )
        )


def draw_label(panel: Panel, text: str, box: Box, *, target: tuple[float, float]) -> None:
    """A number in a dark badge, with a thin line to what it names."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    halo = [withStroke(linewidth=2.4, foreground=_HALO)]
    panel.axes.plot(
        [x, target[0]], [y, target[1]], color="white", linewidth=0.9, zorder=8, path_effects=halo
    )
    inset = 0.02 * panel.metres_per_inch
    panel.axes.add_patch(
        FancyBboxPatch(
            (box[0] + inset, box[1] + inset),
            box[2] - box[0] - 2 * inset,
            box[3] - box[1] - 2 * inset,
            boxstyle=f"round,pad=0,rounding_size={0.045 * panel.metres_per_inch}",
            facecolor="#141413",
            edgecolor="white",
            linewidth=0.7,
            zorder=9,
        )
    )
    panel.axes.text(
        x,
        y,
        text,
        color="white",
        ha="center",
        va="center_baseline",
        zorder=10,
        fontproperties=font(text, size=LABEL_SIZE, bold=True),
        parse_math=False,
    )


def label_size(text: str, panel: Panel) -> tuple[float, float]:
    """Width and height of a label in map metres."""
    wide = max(text_width(text, size=LABEL_SIZE, bold=True) + 0.12, 0.2)
    return wide * panel.metres_per_inch, 0.2 * panel.metres_per_inch


def outline_of(geometries: Iterable[BaseGeometry]) -> Outline | None:
    """Polygons, with their holes, as one path; None where there is none."""
    rings = []
    for part in shapely.get_parts(list(geometries)):
        if part.geom_type == "Polygon" and not part.is_empty:
            rings += [part.exterior, *part.interiors]
        elif part.geom_type != "Polygon":
            rings += [
                ring
                for piece in shapely.get_parts(part)
                if piece.geom_type == "Polygon"
                for ring in (piece.exterior, *piece.interiors)
            ]
    if not rings:
        return None
    return Outline.make_compound_path(
        *(Outline(np.asarray(ring.coords)[:, :2], closed=True) for ring in rings)
    )
