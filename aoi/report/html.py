"""The page of a case: one file with its figures inside, no script, no request to any network."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from aoi.report import alarms, alignment, words
from aoi.report.comparability import comparability, heeded
from aoi.report.contents import Change, Contents
from aoi.report.files import jpeg_of
from aoi.report.inventory import record_rows
from aoi.report.maps import Plate
from aoi.report.sheet import glyph_path
from imagery.record import Json

MOST_ROWS = 400
"""Rows of the table of changes; whole sites beyond that are named in a sentence."""

_MOST_LISTED = 3
"""Flags that are listed in every row, though all rows say the same."""

_LONGEST_REASONS = 1200
"""Characters of a change's reasons: all flags at once stay whole."""

_MEASURE = re.compile(r"([\d.,]+ (?:%|m²|ha|km²))")  # not to be broken at the end of a line
_MOST_BYTES = 10_500_000  # of figures, before base64 adds a third
_SMALLER = ((82, 1600), (72, 1200))  # JPEG quality, longest side in px


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure as the page holds it."""

    name: str
    uri: str
    width: int
    height: int
    alt: str
    caption: str


def page(contents: Contents, plates: Sequence[Plate]) -> str:
    """The page as text.

    Parameters
    ----------
    contents
        The case.
    plates
        Its figures, as :func:`aoi.report.maps.draw_maps` gives them.

    Notes
    -----
    Every value is escaped by the template engine; nothing is marked as safe.
    """
    environment = Environment(
        loader=PackageLoader("aoi.report", "templates"),
        autoescape=True,  # the template's name ends in .j2, which select_autoescape wouldn't know
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = {figure.name: figure for figure in _figures(plates)}
    return environment.get_template("report.html.j2").render(
        **_head(contents),
        **_changes(contents),
        overview=figures["overview.png"],
        passes=[figures[f"{name}.png"] for name in ("before", "after", "changes")],
        chips=[figure for name, figure in figures.items() if name.startswith("site_")],
        heeded=heeded(contents.result),
        comparability=comparability(contents.result),
        alignment=_alignment(contents.result),
        residuals=figures.get("alignment.png"),
        alarms=_alarms(contents.result),
        warnings=[_caution(item) for item in contents.result.get("warnings") or ()],
        steps=_steps(contents.result),
        options=words.flat(contents.result.get("options") or {}),
        **record_rows(contents),
    )


def _head(contents: Contents) -> dict[str, Any]:
    record = contents.result
    scenes = record["scenes"]
    local = words.clean(record["area"].get("name_local"), longest=60)
    dates = [words.date(scenes[role]) for role in ("before", "after")]
    observed, changes = record["observed"], record["changes"]
    reasons = [
        f"{words.clean(reason)} {words.share(value)}"
        for reason, value in (observed.get("reasons") or {}).items()
        if value
    ]
    between = words.between(record)
    told = sum(value or 0 for value in (observed.get("reasons") or {}).values())
    if len(reasons) > 1 and told > 1.005 - (observed.get("share") or 0.0):
        reasons[-1] += " (some for more than one reason)"
    return {
        "name": words.title(record),
        "local_name": local,
        "local_path": glyph_path(local, height=100.0) if local else None,
        "dates": dates,
        "simulated": words.SIMULATED if record["simulated"] else "",
        "georeferenced": bool(record["georeferenced"]),
        "acceptance": alignment.acceptance(record),
        "finding": _MEASURE.split(words.finding(record)),
        "status": words.clean(record.get("status")),
        "facts": [
            ("Sites", f"{changes['sites']:,}"),
            ("Outlines", f"{changes['polygons']:,}"),
            ("Area outlined", words.outlined(record) if changes["polygons"] else "none"),
            *([("Bounds of that area", between)] if between else []),
            ("Observed", words.share(observed.get("share"))),
            ("Alignment", _verdict(record)),
            ("False alarms", alarms.briefly(record)),
        ],
        "between": between,
        "unseen": reasons,
        "clouds": words.clouds(record),
        "credits": [
            {
                "role": role.capitalize(),
                "date": words.date(scenes[role]),
                "platform": words.platform(scenes[role]),
                "credit": words.credit(scenes[role]),
                "licence": words.licence(scenes[role]),
            }
            for role in ("before", "after")
        ],
        "stretch": words.clean((record["display"].get("stretch") or {}).get("text")),
        "bands": ", ".join(words.clean(band) for band in record["display"].get("bands") or ()),
    }


def _changes(contents: Contents) -> dict[str, Any]:
    """The table of changes by site, the strongest first, cut after whole sites."""
    untested = {str(change.row.get("untested") or "") for change in contents.changes}
    digits = _coordinate_digits(contents.result["grid"].get("pixel_size_m"))
    groups: list[dict[str, Any]] = []
    rows = 0
    for site in contents.sites:
        if groups and rows + len(site.changes) > MOST_ROWS:
            break
        rows += len(site.changes)
        groups.append(
            {
                "number": site.number,
                "rows": [
                    _row(change, digits=digits, uniform=len(untested) == 1)
                    for change in site.changes
                ],
            }
        )
    return {
        "groups": groups,
        "kinds": any(change.row.get("kind") for change in contents.changes),
        "does_not_cover": alarms.not_covered(contents.result),
        "bounds": any(change.row.get("rank_bound") is not None for change in contents.changes),
        "metric": any("x_m" in change.row for change in contents.changes),
        "left_out": (
            words.count(len(contents.sites) - len(groups), "site"),
            words.count(len(contents.changes) - rows, "outline"),
        )
        if rows < len(contents.changes)
        else None,
        "untested": _listed(next(iter(untested))) if len(untested) == 1 else "",
    }


def _row(change: Change, *, digits: int, uniform: bool) -> dict[str, str | bool]:
    row = change.row
    lon, lat = row.get("lon"), row.get("lat")
    untested = _listed(row.get("untested"))
    return {
        "rank": words.plain(row.get("rank")),
        "kind": words.clean(row.get("kind")),
        "direction": words.clean(change.direction) or "unknown",
        "score": _tenths(row.get("score")),
        "area": _tenths(row.get("area_m2")),
        "between": _between(row),
        "size": f"{_tenths(row.get('length_m'))} × {_tenths(row.get('width_m'))}",
        "orientation": ""
        if row.get("orientation_deg") is None
        else f"{row['orientation_deg']:.0f}°",
        "place": ""
        if lon is None or lat is None
        else f"{abs(lat):.{digits}f}° {'N' if lat >= 0 else 'S'}, "
        f"{abs(lon):.{digits}f}° {'E' if lon >= 0 else 'W'}",
        "mgrs": words.clean(row.get("mgrs")),
        "metres": f"{_tenths(row['x_m'])}, {_tenths(row['y_m'])}" if "x_m" in row else "",
        "bound": "" if row.get("rank_bound") is None else f"{row['rank_bound']:,.0f}",
        "reasons": words.clean(row.get("reasons"), longest=_LONGEST_REASONS),
        "flagged": bool(row.get("flags")),
        "flags": _listed(row.get("flags")) or "none raised",
        "untested": f"{untested.count(',') + 1}, see above"
        if uniform and untested.count(",") >= _MOST_LISTED
        else untested or "none",
    }


def _between(row: Mapping[str, Any]) -> str:
    """``1,150 to 1,330``: a change's area at the ends of its interval; empty where not known."""
    low, high = row.get("area_low_m2"), row.get("area_high_m2")
    return "" if low is None or high is None else f"{_tenths(low)} to {_tenths(high)}"


def _alarms(record: Mapping[str, Json]) -> dict[str, Any]:
    return {
        "headline": alarms.headline(record),
        "sentences": alarms.sentences(record),
        "certainty": alarms.certainty(record),
    }


def _alignment(record: Mapping[str, Json]) -> dict[str, Any]:
    line = alignment.alignment(record)
    return {
        "line": line[:1].upper() + line[1:],
        "meaning": alignment.meaning(record),
        "reason": alignment.reason_given(record),
        "remarks": alignment.remarks(record),
        "rows": alignment.rows(record),
        "method": alignment.method(record),
    }


def _verdict(record: Mapping[str, Json]) -> str:
    verdict = words.clean(record["alignment"].get("verdict"))
    return "refused, accepted" if verdict == "accepted" else verdict or "unknown"


def _steps(record: Mapping[str, Json]) -> list[dict[str, Any]]:
    return [
        {
            "name": words.clean(step.get("step")),
            "numbers": words.flat(step.get("numbers") or {}),
            "options": words.flat(step.get("options") or {}),
            "cautions": [_caution(item) for item in step.get("cautions") or ()],
        }
        for step in record.get("steps") or ()
    ]


def _figures(plates: Sequence[Plate]) -> list[Figure]:
    """The figures as data URIs, JPEG or PNG, whichever is smaller, within the page's budget."""
    packed = [
        (plate.png, "png") if len(plate.png) <= len(plate.jpeg) else (plate.jpeg, "jpeg")
        for plate in plates
    ]
    for quality, side in _SMALLER:
        if sum(len(data) for data, _ in packed) <= _MOST_BYTES:
            break
        packed = [(_shrunk(plate, quality=quality, side=side), "jpeg") for plate in plates]
    return [
        Figure(
            name=plate.name,
            uri=f"data:image/{kind};base64,{base64.b64encode(data).decode()}",
            width=plate.size[0],
            height=plate.size[1],
            alt=plate.alt,
            caption=plate.caption,
        )
        for plate, (data, kind) in zip(plates, packed, strict=True)
    ]


def _shrunk(plate: Plate, *, quality: int, side: int) -> bytes:
    """A figure as JPEG, no longer than that many px."""
    with Image.open(io.BytesIO(plate.png)) as image:
        drawn = image.convert("RGB")
    drawn.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=None)
    return jpeg_of(drawn, quality=quality)


def _coordinate_digits(pixel: Json) -> int:
    """Decimals of degrees that suit a pixel: five (1 m) where it is fine, four (11 m) else."""
    return 5 if pixel is not None and pixel < 4 else 4


def _caution(item: Mapping[str, Json]) -> dict[str, str]:
    return {
        "code": words.clean(item.get("code")),
        "message": words.clean(item.get("message"), longest=2000),
    }


def _tenths(value: Json) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.1f}" if abs(value) < 100 else f"{value:,.0f}"


def _listed(text: Json) -> str:
    """Comma-separated words with a space after each comma, so that a narrow cell can wrap them."""
    return ", ".join(part.strip() for part in words.clean(text).split(",") if part.strip())
