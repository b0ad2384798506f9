"""The columns of the layer ``changes``: names, types, units and what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

LAYER = "changes"

EDGE = "EDGE"
CLOUD = "CLOUD"
FLAGS = (
    "SHADOW",
    "PARALLAX",
    "VEGETATION",
    CLOUD,
    "WATER",
    "SNOW",
    "SEAM",
    EDGE,
    "QUALITY",
    "ALIGNMENT",
)
"""Every flag, in the order in which they are listed; what each means stands in docs/evidence.md."""

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
    nullable
        Whether an integer may be null; texts and real numbers may.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    digits: int | None = None
    where: Where = "always"
    nullable: bool = False


COLUMNS = (
    Column("id", "text", "", "Stable name, from the place and the two dates"),
    Column(
        "site",
        "integer",
        "",
        "Number of its site: pieces that belong together share one; site 1 holds the highest score",
    ),
    Column(
        "kind",
        "text",
        "",
        "`appeared` (visible in the later image, not discernible in the earlier, which could have "
        "shown it), `disappeared`, `modified` (in both, or in one alone where the other might not "
        "have shown it), `surface` (no outline in either); `only_in_first`, `only_in_second` where "
        "the order of the dates is not known",
    ),
    Column("direction", "text", "", "`brighter`, `darker` (after against before) or `mixed`"),
    Column(
        "score",
        "real",
        "",
        "Highest strength of its pixels, in units of noise: root of the mean square over 3 × 3 px; "
        "where a rate or a share was asked for, as on the smoothest ground",
        4,
    ),
    Column("rank", "integer", "", "1 has the highest score"),
    Column(
        "rank_bound",
        "integer",
        "",
        "At most so many of the changes ranked up to this one are false, with 90 % confidence, all "
        "ranks at once, if false ones are as in the decoys; null where there are none",
        nullable=True,
    ),
    Column(
        "calibration",
        "text",
        "",
        "What stands behind the decision: `calibrated`, by places where nothing happened; "
        "`simulated`, by a null made from the scene itself, which certifies nothing; "
        "`extrapolated`, drawn on beyond the decoys, or decoys unlike the pair; `uncalibrated`, no "
        "rate of false alarms is known",
    ),
    Column("area_m2", "real", "m²", "Area on the ground, on the ellipsoid; holes left out", 3),
    Column("area_low_m2", "real", "m²", "Lower bound of the area's 90 % interval", 3),
    Column("area_high_m2", "real", "m²", "Upper bound; null where the run doesn't tell it", 3),
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
        "What may explain it away, comma-separated: `SHADOW`, `PARALLAX`, `VEGETATION`, `CLOUD`, "
        "`WATER`, `SNOW`, `SEAM`, `EDGE`, `QUALITY`, `ALIGNMENT`",
    ),
    Column(
        "untested",
        "text",
        "",
        "Flags that could not be evaluated, comma-separated: absent "
        "from `flags` doesn't clear them",
    ),
    Column("reasons", "text", "", "Why it is of its kind and why it is flagged, with the numbers"),
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
    frame = frame.astype({name: _type(column) for name, column in wanted.items()})
    return frame[[*wanted, frame.geometry.name]].sort_values("rank", kind="stable")


def _type(column: Column) -> Any:
    """How pandas holds it."""
    if column.nullable:
        return "Int64"
    return {"text": object, "integer": "int64", "real": "float64"}[column.kind]


def markdown_table() -> str:
    """The table of columns that ``docs/case-folder.md`` holds."""
    lines = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for column in COLUMNS:
        only = "" if column.where == "always" else f" (only where {column.where})"
        cells = (f"`{column.name}`", column.kind, column.unit, column.meaning + only)
        lines.append(f"| {' | '.join(cells)} |".replace("  ", " "))
    return "\n".join(lines) + "\n"
