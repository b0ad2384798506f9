"""What stands around a map: its heading, its legend, and the lines at its foot."""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from aoi.report import alarms, words
from aoi.report.alignment import acceptance, alignment
from aoi.report.contents import Contents
from aoi.report.fonts import font_for
from aoi.report.layers import COLOURS, OTHER
from aoi.report.sheet import INK, MUTED, RED, UNSEEN, Line, font, text_width
from imagery.record import Json

Swatch = tuple[str, str]  # what it stands for, its label

_WHY = (
    (1 | 2, "not seen in both images"),
    (8 | 16, "under cloud or its shadow"),
    (32, "saturated in both images"),
    (4, words.UNALIGNED),
    (64, "left out by the user"),
)
"""Bits of valid.tif, and why a place is hatched where one of them is set."""

BLANK: Swatch = ("blank", "no image here")

_SWATCH, _SWATCH_HIGH, _SPACE = 0.32, 0.17, 0.24


def heading(contents: Contents, *, subject: str, size: float = 15.0) -> list[Line]:
    """The area's name and what the sheet shows."""
    record = contents.result
    name = words.title(record)
    local = words.clean(record["area"].get("name_local"), longest=60)
    both = f"{name} ({local})"
    shown = both if local and font_for(both, bold=True) is not None else name
    return [
        Line(text=shown, size=size, bold=True),
        Line(text=subject, size=size * 0.7, alarms=("date unknown",), gap=0.01),
    ]


def dated(contents: Contents, role: str) -> str:
    """``Before: 2024-06-06 02:10 UTC · WorldView-2``."""
    scene = contents.result["scenes"][role]
    when = words.date(scene) or "date unknown"
    return f"{role.capitalize()}: {when} · {words.platform(scene)}"


def compared(contents: Contents) -> str:
    """``Visible differences between 2024-06-06 02:10 UTC and 2024-09-12 02:14 UTC``."""
    scenes = contents.result["scenes"]
    dates = [words.date(scenes[role]) or "date unknown" for role in ("before", "after")]
    return f"Visible differences between {dates[0]} and {dates[1]}"


def foot(
    contents: Contents, *, roles: Sequence[str] = ("before", "after"), size: float = 8.0
) -> list[Line]:
    """Alignment, false alarms, both credits and the software.

    The scene that the sheet shows comes first; one that it doesn't show is named as the one
    compared with.
    """
    record = contents.result
    lines = []
    if not record["georeferenced"]:
        lines.append(
            Line(
                text=f"{words.NOT_GEOREFERENCED}: metres of the images' own frame, north unknown",
                size=size + 0.5,
                bold=True,
                colour=RED,
                gap=0.03,
            )
        )
    for role in ("before", "after") if "before" in roles else ("after", "before"):
        lines += _scene_lines(
            record["scenes"][role], role, shown=role in roles, size=size, first=role == roles[0]
        )
    if accepted := acceptance(record):
        lines.append(
            Line(text=accepted, size=size + 0.5, bold=True, colour=RED, gap=0.03, whole=True)
        )
    told = (
        alignment(record),
        f"false alarms: {alarms.briefly(record, spelled=True)}",
        f"twopass {words.clean(record['software'].get('twopass'))}",
    )
    lines.append(Line(text=" · ".join(told), size=size, colour=MUTED, gap=0.03))
    return lines


def summary(contents: Contents, *, numbered: int | None = None, size: float = 9.5) -> list[Line]:
    """The finding in a line, what would be missed, and how many sites bear their number."""
    lines = [Line(text=words.found_briefly(contents.result), size=size, bold=True, gap=0.05)]
    price = words.missed(contents.result)
    if price and not contents.result["changes"]["polygons"]:
        # Else the map would seem to say that there is nothing.
        lines.append(Line(text=price, size=size * 0.9, bold=True))
    sites = len(contents.sites)
    if numbered is not None and numbered < sites:
        text = (
            f"{numbered} of {words.count(sites, 'site')} numbered, the strongest where there is "
            "room; all are outlined"
        )
        lines.append(Line(text=text, size=size * 0.85, colour=MUTED))
    return lines


def swatches(contents: Contents) -> list[Swatch]:
    """The legend's entries for what this case holds."""
    present = {change.direction for change in contents.changes}
    entries = [(name, words.DIRECTIONS[name]) for name in COLOURS if name in present]
    if present - set(COLOURS):
        entries.append(("other", "visible difference"))
    entries.append(("area", "area of interest"))
    if contents.unobserved:
        entries.append(("unobserved", _unobserved(contents)))
    return entries


def _unobserved(contents: Contents) -> str:
    """Why places are hatched."""
    bits = functools.reduce(operator.or_, contents.codes, 0)
    found = [why for mask, why in _WHY if bits & mask] or ["not observed"]
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])}, or {found[-1]}"


def legend_rows(
    entries: Sequence[Swatch], *, width: float, size: float
) -> list[list[tuple[Swatch, float]]]:
    """The legend broken into rows; with each entry, where it starts, in inches."""
    rows: list[list[tuple[Swatch, float]]] = [[]]
    at = 0.0
    for entry in entries:
        wide = _SWATCH + 0.08 + text_width(entry[1], size=size)
        if rows[-1] and at + wide > width:
            rows.append([])
            at = 0.0
        rows[-1].append((entry, at))
        at += wide + _SPACE
    return rows


def legend_height(rows: Sequence[object]) -> float:
    """Height of a legend in inches."""
    return 0.06 + len(rows) * (_SWATCH_HIGH + 0.08)


def draw_legend(
    figure: Figure,
    rows: Sequence[Sequence[tuple[Swatch, float]]],
    *,
    left: float,
    top: float,
    size: float,
) -> float:
    """Draw a legend from a point in inches from the upper left; return the new top."""
    across, down = figure.get_size_inches()
    top += 0.06
    for row in rows:
        for (kind, label), start in row:
            _draw_swatch(figure, kind, left=left + start, top=top)
            figure.text(
                (left + start + _SWATCH + 0.08) / across,
                1 - (top + _SWATCH_HIGH / 2) / down,
                label,
                color=INK,
                va="center_baseline",
                fontproperties=font(label, size=size),
                parse_math=False,
            )
        top += _SWATCH_HIGH + 0.08
    return top


def about(contents: Contents, *, subject: str) -> Mapping[str, str]:
    """What a PNG file says of itself."""
    record = contents.result
    credits = [
        f"{role}: {words.credit(record['scenes'][role]) or 'credit unknown'} "
        f"({words.licence(record['scenes'][role])})"
        for role in ("before", "after")
    ]
    notes = {
        "Title": f"{words.title(record)}. {subject}",
        "Copyright": "; ".join(credits),
        "Software": f"twopass {words.clean(record['software'].get('twopass'))}",
    }
    marks = [words.SIMULATED] if record["simulated"] else []
    marks += [accepted] if (accepted := acceptance(record)) else []
    if marks:
        notes["Description"] = ". ".join(marks)
    return notes


def _scene_lines(
    scene: Mapping[str, Json], role: str, *, shown: bool, size: float, first: bool
) -> list[Line]:
    credit, when = words.credit(scene), words.date(scene)
    label = role.capitalize() if shown else f"Compared with ({role})"
    text = (
        f"{label}: {when or 'date unknown'} · {words.platform(scene)} · "
        f"{credit or 'credit unknown'} · {words.licence(scene)}"
    )
    alarms = ("date unknown", "credit unknown")
    return [Line(text=text, size=size, alarms=alarms, gap=0.04 if first else 0)]


def _draw_swatch(figure: Figure, kind: str, *, left: float, top: float) -> None:
    across, down = figure.get_size_inches()

    def box(inset: float, **style: Any) -> None:
        figure.add_artist(
            Rectangle(
                ((left + inset) / across, 1 - (top + _SWATCH_HIGH - inset) / down),
                (_SWATCH - 2 * inset) / across,
                (_SWATCH_HIGH - 2 * inset) / down,
                transform=figure.transFigure,
                **style,
            )
        )

    if kind == "unobserved":
        box(0.0, facecolor="#3a3a38", alpha=0.5, edgecolor="none")
        box(0.0, facecolor="none", edgecolor="white", hatch="//////", linewidth=0)
        return
    if kind == "blank":
        box(0.0, facecolor=UNSEEN, edgecolor=INK, linewidth=0.5)
        return
    box(0.0, facecolor="#6d6c66", edgecolor="none")
    if kind == "area":
        box(0.04, facecolor="none", edgecolor="white", linewidth=1.2, linestyle=(0, (3, 2)))
        return
    box(0.045, facecolor="none", edgecolor="#101010", linewidth=3.2)
    box(0.045, facecolor="none", edgecolor=COLOURS.get(kind, OTHER), linewidth=1.6)
