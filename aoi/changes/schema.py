"""The columns of the layer ``changes``: names, types, units and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

LAYER = "changes"

EDGE = "EDGE"
CLOUD = "CLOUD"
UNTESTED = (
    "SHADOW",
    "PARALLAX",
    "VEGETATION",
    "CLOUD",
    "WATER",
    "SNOW",
    "SEAM",
    "QUALITY",
    "ALIGNMENT",
)
"""The flags that no step evaluates, ``CLOUD`` only where clouds weren't looked for in both images:
an empty ``flags`` must not read as cleared."""

Kind = Literal["text", "integer", "real"]
Where = Literal["always", "georeferenced", "not georeferenced"]


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes
    ----------
    name
        As in the files.
    kind
        ``text``, ``integer`` or ``real``.
    unit
        Of its values; empty where there is none.
    meaning
        In one line.
    digits
        Decimals in the GeoJSON; None for all of them.
    where
        In which layers it stands.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    digits: int | None = None
    where: Where = "always"


COLUMNS = (
    Column("id", "text", "", "Stable name, from the place and the two dates"),
    Column(
        "site",
        "integer",
        "",
        "Number of its site: pieces that belong together share one; site 1 holds the highest score",
    ),
    Column("direction", "text", "", "`brighter`, `darker` (after against before) or `mixed`"),
    Column("score", "real", "", "Highest score of its pixels, in units of noise", 4),
    Column("rank", "integer", "", "1 has the highest score"),
    Column(
        "calibration",
        "text",
        "",
        "What stands behind the score: `uncalibrated`, no rate of false alarms is known",
    ),
    Column("area_m2", "real", "m²", "Area on the ground, on the ellipsoid; holes left out", 3),
    Column("area_in_aoi_m2", "real", "m²", "The part of it inside the area of interest", 3),
    Column(
        "footprint_m2", "real", "m²", "Area of the smallest rectangle, at any angle, around it", 2
    ),
    Column("length_m", "real", "m", "Longer side of that rectangle", 2),
    Column("width_m", "real", "m", "Shorter side of that rectangle", 2),
    Column(
        "orientation_deg",
        "real",
        "°",
        "Direction of the longer side, 0 to 180 clockwise from "
        "true north (from the image's up where not georeferenced)",
        1,
    ),
    Column("rectangularity", "real", "", "Area over footprint: 1 for a full rectangle", 3),
    Column("lon", "real", "°", "Longitude of a point inside, WGS 84", where="georeferenced"),
    Column("lat", "real", "°", "Latitude of that point", where="georeferenced"),
    Column(
        "mgrs",
        "text",
        "",
        "MGRS square of that point, 1 m, 10 m or 100 m by pixel size",
        where="georeferenced",
    ),
    Column(
        "x_m",
        "real",
        "m",
        "X of a point inside, in the image's metric frame",
        2,
        where="not georeferenced",
    ),
    Column("y_m", "real", "m", "Y of that point", 2, where="not georeferenced"),
    Column(
        "flags",
        "text",
        "",
        "What makes it doubtful, comma-separated: `EDGE` where it crosses "
        "the area's border or lies at what was not seen, `CLOUD` where it lies at what is masked "
        "as cloud or its shadow, or where these are suspected",
    ),
    Column(
        "untested",
        "text",
        "",
        "Flags that could not be evaluated, comma-separated: absent "
        "from `flags` doesn't clear them",
    ),
    Column(
        "before_datetime",
        "text",
        "",
        "Acquisition of the earlier image, UTC, ISO 8601: time, "
        "day or interval; null where unknown",
    ),
    Column("after_datetime", "text", "", "Acquisition of the later image"),
    Column(
        "alignment_ce90_px",
        "real",
        "px",
        "Residual of the co-registration, CE90; null where not measured",
        3,
    ),
)


def columns(*, georeferenced: bool = True) -> tuple[Column, ...]:
    """The columns of a layer, in order, geometry apart."""
    absent = "not georeferenced" if georeferenced else "georeferenced"
    return tuple(column for column in COLUMNS if column.where != absent)


def conform(frame: Any) -> Any:
    """The frame with the schema's columns, types and order, sorted by rank.

    Parameters
    ----------
    frame
        A GeoDataFrame; one without CRS is not georeferenced.

    Raises
    ------
    ValueError
        If a column is missing or unknown.
    """
    wanted = {column.name: column for column in columns(georeferenced=frame.crs is not None)}
    present = set(frame.columns) - {frame.geometry.name}
    if present != set(wanted):
        raise ValueError(
            f"columns must be the schema's; missing {sorted(set(wanted) - present)}, "
            f"unknown {sorted(present - set(wanted))}"
        )
    types = {"text": object, "integer": "int64", "real": "float64"}
    frame = frame.astype({name: types[column.kind] for name, column in wanted.items()})
    return frame[[*wanted, frame.geometry.name]].sort_values("rank", kind="stable")


def markdown_table() -> str:
    """The table of columns that ``docs/case-folder.md`` holds."""
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for column in COLUMNS:
        only = "" if column.where == "always" else f" (only where {column.where})"
        cells = (f"`{column.name}`", column.kind, column.unit, column.meaning + only)
        lines.append(f"| {' | '.join(cells)} |".replace("  ", " "))
    return "\n".join(lines) + "\n"
