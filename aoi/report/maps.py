"""The maps of a case as PNG figures: each image, the changes, an overview, and the first sites."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib
import shapely
from PIL import Image

from aoi.output import write_whole
from aoi.report import words
from aoi.report.alignment import alignment
from aoi.report.contents import Contents, Site, cropped
from aoi.report.files import jpeg_of, png_of
from aoi.report.findings import best_corner, draw_findings, extents_of, place_numbers
from aoi.report.labels import Box
from aoi.report.layers import Panel, draw_changes, draw_image, draw_unobserved, panel_on
from aoi.report.layout import LEFT, RIGHT, TALLEST, Sheet, View, compose, map_size
from aoi.report.margins import BLANK, about, compared, dated, foot, heading, summary, swatches
from aoi.report.ornaments import draw_furniture, furniture_box
from aoi.report.sheet import DPI, INK, RED, Line, axes_at, blank

MOST_SITES = 6
"""How many sites get a pair of chips, the strongest first."""

QUALITY = 88
"""Of figures as JPEG."""

_MOST_NUMBERS = 60  # on the map of changes, so that they don't bury what they number
_PAGE, _OVERVIEW = 8.0, 13.0  # inches


@dataclass(frozen=True, kw_only=True, eq=False)
class Plate:
    """One figure: its file's name, its size, its files, and its words."""

    name: str
    size: tuple[int, int]
    """Width and height in px."""

    png: bytes
    jpeg: bytes
    caption: str
    alt: str


def draw_maps(contents: Contents) -> tuple[Plate, ...]:
    """Draw every map of a case: overview, before, after, changes, and the strongest sites."""
    with _own_style():
        plates = [_overview(contents)]
        plates += [_image_sheet(contents, role) for role in ("before", "after")]
        plates.append(_changes_sheet(contents))
        plates += [_site_sheet(contents, site) for site in contents.sites[:MOST_SITES]]
    return tuple(plates)


def write_maps(plates: Sequence[Plate], folder: Path) -> tuple[Path, ...]:
    """Write figures to a folder, each whole or not at all; those of an earlier drawing go."""
    folder.mkdir(exist_ok=True)
    written = tuple(write_whole(folder / plate.name, plate.png) for plate in plates)
    for path in folder.iterdir():
        if re.fullmatch(r"(site_\d+|alignment)\.png", path.name) and path not in written:
            path.unlink()
    return written


def alignment_plate(contents: Contents, png: bytes) -> Plate:
    """The figure of the alignment, which is drawn elsewhere, as one of the case's."""
    with Image.open(io.BytesIO(png)) as image:
        size, jpeg = image.size, jpeg_of(image, quality=QUALITY)
    line = alignment(contents.result)
    caption = (
        f"{line[:1].upper()}{line[1:]}. Arrows show the move that was applied, colours what it "
        "leaves at each window; the plots show the errors before and after it."
    )
    alt = f"Map of the windows that were matched, with plots of their errors. {caption}"
    return Plate(name="alignment.png", size=size, png=png, jpeg=jpeg, caption=caption, alt=alt)


@contextmanager
def _own_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the user's settings; put back afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams["hatch.linewidth"] = 0.9
        # Glyphs as wide as they were measured to be, at any resolution.
        matplotlib.rcParams["text.hinting"] = "no_hinting"
        yield


def _image_sheet(contents: Contents, role: str) -> Plate:
    """One image alone, with its furniture."""
    picture = contents.before if role == "before" else contents.after
    subject = dated(contents, role)

    def draw(panel: Panel) -> Sequence[Box]:
        draw_image(panel, picture)
        return [*extents_of(contents), draw_furniture(panel, corner=best_corner(panel, contents))]

    sheet = Sheet(
        width=_PAGE,
        frame=contents.frame,
        heading=heading(contents, subject=subject),
        headings=_headings(contents),
        views=[View(draw=draw)],
        legend=[BLANK] if (picture.pixels[..., 3] == 0).any() else (),
        foot=foot(contents, roles=(role,)),
        simulated=contents.result["simulated"],
    )
    alt = f"Satellite image of {words.title(contents.result)}. {subject}."
    return _plate(contents, f"{role}.png", sheet, caption=subject, alt=alt)


def _changes_sheet(contents: Contents) -> Plate:
    """The later image with outlines, numbers, the area and what was not observed."""
    subject = compared(contents)
    width, _ = map_size(contents.frame, _PAGE - LEFT - RIGHT, tallest=TALLEST)
    numbered = _numbered(contents, width=width, most=_MOST_NUMBERS, plate=True)

    def draw(panel: Panel) -> Sequence[Box]:
        draw_image(panel, contents.after)
        corner = best_corner(panel, contents)
        busy = draw_findings(panel, contents, corner=corner, most=_MOST_NUMBERS)
        return [*busy, draw_furniture(panel, corner=corner)]

    sheet = Sheet(
        width=_PAGE,
        frame=contents.frame,
        heading=heading(contents, subject=subject),
        headings=_headings(contents),
        views=[View(draw=draw)],
        legend=swatches(contents),
        foot=[*summary(contents, numbered=numbered), *foot(contents)],
        simulated=contents.result["simulated"],
    )
    alt = (
        f"Map of {words.title(contents.result)}: the later image with visible differences "
        f"outlined and numbered by site. {words.finding(contents.result)}"
    )
    return _plate(contents, "changes.png", sheet, caption=subject, alt=alt)


def _overview(contents: Contents) -> Plate:
    """Before, after and changes side by side (one above the other where the area is wide)."""
    frame, record = contents.frame, contents.result
    stacked = frame.width > 2.2 * frame.height

    def before(panel: Panel) -> Sequence[Box]:
        draw_image(panel, contents.before)
        return [*extents_of(contents), draw_furniture(panel, corner=best_corner(panel, contents))]

    def after(panel: Panel) -> Sequence[Box]:
        draw_image(panel, contents.after)
        return [*extents_of(contents), furniture_box(panel, corner=best_corner(panel, contents))]

    def changes(panel: Panel) -> Sequence[Box]:
        draw_image(panel, contents.after)
        busy = draw_findings(panel, contents, corner=None, most=_MOST_NUMBERS // 3)
        # The plate stands on the first map only; the watermark is to stand alike on all three.
        return [*busy, furniture_box(panel, corner=best_corner(panel, contents))]

    sheet = Sheet(
        width=_PAGE if stacked else _OVERVIEW,
        frame=frame,
        columns=1 if stacked else 3,
        tallest=8.2 if stacked else 6.6,
        heading=heading(contents, subject=compared(contents), size=15 if stacked else 20)[:1],
        views=[
            View(draw=draw, title=title, ticks=ticks)
            for draw, title, ticks in zip(
                (before, after, changes),
                _titles(contents, size=10 if stacked else 13),
                (not stacked, False, stacked),
                strict=True,
            )
        ],
        legend=swatches(contents),
        legend_size=8.5 if stacked else 11,
        tick_size=7.5 if stacked else 10,
        foot=(),
        simulated=record["simulated"],
    )
    numbered = _numbered(contents, width=sheet.map_size[0], most=_MOST_NUMBERS // 3, plate=False)
    sheet = replace(
        sheet,
        foot=[
            *summary(contents, numbered=numbered, size=9.5 if stacked else 12.5),
            *foot(contents, size=8 if stacked else 10.5),
        ],
    )
    alt = (
        f"{words.title(record)} in the earlier image, in the later image, and in the later image "
        f"with visible differences outlined. {words.finding(record)}"
    )
    return _plate(contents, "overview.png", sheet, caption=compared(contents), alt=alt)


def _site_sheet(contents: Contents, site: Site) -> Plate:
    """A pair of chips, before and after, around one site, at one scale."""
    part = cropped(contents, _around(contents, site))
    here = next(other for other in part.sites if other.number == site.number)
    extents = [change.outline.bounds for change in here.changes]

    def chip(role: str) -> View:
        def draw(panel: Panel) -> Sequence[Box]:
            draw_image(panel, part.before if role == "before" else part.after)
            draw_unobserved(panel, part.unobserved)
            draw_changes(panel, here.changes, width=1.4)
            corner = best_corner(panel, part, avoid=extents)
            if role == "before":
                draw_furniture(panel, corner=corner)
            return [*extents, furniture_box(panel, corner=corner)]

        title = _titles(contents, size=10)[0 if role == "before" else 1]
        return View(draw=draw, title=title, ticks=role == "before")

    covered = sum(change.row.get("area_m2") or 0.0 for change in site.changes)
    subject = (
        f"Site {site.number}: visible difference, {words.area(covered, spelled=True)}, "
        f"score {words.number(site.score)}"
    )
    sheet = Sheet(
        width=_PAGE,
        frame=part.frame,
        columns=2,
        heading=heading(contents, subject=subject, size=14),
        views=[chip("before"), chip("after")],
        foot=foot(contents),
        simulated=contents.result["simulated"],
    )
    alt = f"Site {site.number} in the earlier and in the later image, with its outline."
    return _plate(contents, f"site_{site.number:02d}.png", sheet, caption=subject, alt=alt)


def _plate(contents: Contents, name: str, sheet: Sheet, *, caption: str, alt: str) -> Plate:
    image = compose(sheet)
    if sheet.simulated:
        alt = f"{words.SIMULATED}. {alt}"
    return Plate(
        name=name,
        size=image.size,
        png=png_of(image, about(contents, subject=caption), dpi=DPI),
        jpeg=jpeg_of(image, quality=QUALITY),
        caption=caption,
        alt=alt,
    )


def _numbered(contents: Contents, *, width: float, most: int, plate: bool) -> int:
    """How many sites find room for their number on a map so many inches wide."""
    frame = contents.frame
    height = width * frame.height / frame.width
    axes = axes_at(blank(width=width, height=height), left=0, top=0, width=width, height=height)
    panel = panel_on(axes, frame, width=width)
    corner = best_corner(panel, contents) if plate else None
    return len(place_numbers(panel, contents, corner=corner, most=most))


def _around(contents: Contents, site: Site) -> Box:
    """A square around a site, inside the map where that is large enough."""
    frame = contents.frame
    left, bottom, right, top = shapely.total_bounds([change.outline for change in site.changes])
    # As much ground again around it as it is long, and no less than 48 px.
    pixel = contents.result["grid"].get("pixel_size_m") or 1.0
    side = max(2.2 * max(right - left, top - bottom), 48 * pixel)
    wide, high = min(side, frame.width), min(side, frame.height)
    x = min(max((left + right) / 2 - wide / 2, 0.0), frame.width - wide)
    y = min(max((bottom + top) / 2 - high / 2, 0.0), frame.height - high)
    return x, y, x + wide, y + high


def _titles(contents: Contents, *, size: float) -> list[tuple[Line, ...]]:
    """Over each panel: what it is, and its date."""
    scenes = contents.result["scenes"]
    found: list[tuple[Line, ...]] = []
    for role in ("before", "after"):
        when = words.date(scenes[role])
        found.append(
            (
                Line(text=role.capitalize(), size=size, bold=True),
                Line(text=when or "date unknown", size=size * 0.88, colour=INK if when else RED),
            )
        )
    found.append(
        (
            Line(text="Visible differences", size=size, bold=True),
            Line(text="outlined on the later image", size=size * 0.88),
        )
    )
    return found


def _headings(contents: Contents) -> list[list[Line]]:
    """The headings of the three sheets that show one map each, which stand alike."""
    subjects = (dated(contents, "before"), dated(contents, "after"), compared(contents))
    return [heading(contents, subject=subject) for subject in subjects]
