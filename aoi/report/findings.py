"""What was found, laid over a map: outlines with their numbers, and the corner left free."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from aoi.report.contents import Contents, Site
from aoi.report.labels import Box, Placed, free_corner, place_labels
from aoi.report.layers import (
    Panel,
    draw_area,
    draw_changes,
    draw_groups,
    draw_label,
    draw_unobserved,
    label_size,
)
from aoi.report.ornaments import furniture_box

_CORNERS = ("lower left", "lower right", "upper right", "upper left")


def draw_findings(
    panel: Panel, contents: Contents, *, corner: str | None, most: int
) -> Sequence[Box]:
    """Everything that was found, over the image: hatching, the area, outlines, numbers.

    Returns the boxes of what should stay in sight.  No number stands where ``corner`` keeps the
    scale bar and north, and no more than ``most`` stand on the map.
    """
    draw_unobserved(panel, contents.unobserved)
    draw_area(panel, contents.area)
    extents = [_extent(site, panel) for site in contents.sites]
    draw_groups(
        panel,
        [
            extent
            for site, extent in zip(contents.sites, extents, strict=True)
            if len(site.changes) > 1
        ],
    )
    draw_changes(panel, contents.changes, width=_line_width(panel, contents))
    numbers = place_numbers(panel, contents, corner=corner, most=most)
    for placed in numbers:
        middle = shapely.box(*placed.box).centroid
        _, target = nearest_points(middle, extents[placed.index])
        draw_label(
            panel, str(contents.sites[placed.index].number), placed.box, target=(target.x, target.y)
        )
    return [*extents_of(contents), *(placed.box for placed in numbers)]


def extents_of(contents: Contents) -> list[Box]:
    """The bounds of every change, in map coordinates."""
    return [change.outline.bounds for change in contents.changes]


def place_numbers(
    panel: Panel, contents: Contents, *, corner: str | None, most: int
) -> tuple[Placed, ...]:
    """Where the numbers of the strongest sites go, each beside its site."""
    gap = 0.03 * panel.metres_per_inch
    taken = [furniture_box(panel, corner=corner)] if corner else []
    sites = contents.sites[:most]
    return place_labels(
        [_extent(site, panel).bounds for site in sites],
        [label_size(str(site.number), panel) for site in sites],
        within=(gap, gap, panel.frame.width - gap, panel.frame.height - gap),
        keep=extents_of(contents),
        taken=taken,
    )


def best_corner(panel: Panel, contents: Contents, *, avoid: Sequence[Box] | None = None) -> str:
    """The corner where the scale bar and north hide least of what was found."""
    avoid = extents_of(contents) if avoid is None else avoid
    boxes = {corner: furniture_box(panel, corner=corner) for corner in _CORNERS}
    return free_corner(boxes, avoid)


def _line_width(panel: Panel, contents: Contents) -> float:
    """Points: thinner where most changes are so small on paper that lines would fill them."""
    areas = shapely.area([change.outline for change in contents.changes])
    if not len(areas):
        return 1.5
    inches = float(np.median(np.sqrt(areas))) / panel.metres_per_inch
    return min(1.5, max(0.8, 12 * inches))


def _extent(site: Site, panel: Panel) -> BaseGeometry:
    """A site's only piece, or what encloses its pieces with a little gap on paper."""
    if len(site.changes) == 1:
        return site.changes[0].outline
    pieces = shapely.multipoints(
        shapely.get_coordinates([change.outline for change in site.changes])
    )
    return pieces.convex_hull.buffer(0.05 * panel.metres_per_inch, join_style="mitre")
