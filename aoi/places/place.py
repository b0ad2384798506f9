"""A place: an outline with its names, sources and accuracy, as a GeoJSON Feature."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import shapely

from aoi.places.area import Area
from aoi.places.degrees import check_degrees
from imagery.errors import InputError

LONGEST_TEXT = 500
MOST_SOURCES = 50
MOST_VERTICES = 1_000_000
_EARTH_M = 20_040_000.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """A document behind a place; empty where nothing is known."""

    title: str
    publisher: str = ""
    date: str = ""
    states: str = ""
    """What it states of the place."""

    url: str = ""

    def __str__(self) -> str:
        parts = [self.publisher, self.title, self.date]
        told = ", ".join(part for part in parts if part)
        return f"{told}: {self.states}" if self.states else told


@dataclass(frozen=True, kw_only=True, eq=False)
class Place:
    """A place that is known by name."""

    slug: str
    """The name that ``--aoi`` takes: small letters, digits and hyphens."""

    name: str
    geometry: Any
    """A valid Polygon or MultiPolygon in longitude and latitude (WGS 84)."""

    name_local: str | None = None
    kind: str = ""
    outline: str = ""
    """What the outline is, in words."""

    accuracy: str = ""
    accuracy_m: float | None = None
    """How far the outline may be off, in metres; None where nobody said."""

    centre: tuple[float, float] | None = None
    """Longitude and latitude, where the outline is a circle."""

    radius_m: float | None = None
    time_zone: str | None = None
    """Name in the IANA database, where it is known."""

    sources: tuple[Source, ...] = ()
    own: bool = False
    """Whether it is the user's own, and no part of twopass."""

    @property
    def names(self) -> frozenset[str]:
        """Every name that it is found by, as :func:`plain_name` writes them."""
        texts = (self.slug, self.name, self.name_local or "")
        return frozenset(plain for text in texts if (plain := plain_name(text)))

    def area(self) -> Area:
        """The place as an area of interest."""
        told = [text for text in (self.outline, self.accuracy) if text]
        if self.own and self.accuracy_m is not None:
            told.append(f"within {self.accuracy_m:g} m, as its owner says")
        elif self.own and not self.accuracy:
            told.insert(0, "not stated")
        return Area(
            name=self.name,
            name_local=self.name_local,
            geometry=self.geometry,
            source=f"{'own place' if self.own else 'catalogue'}: {self.slug}",
            accuracy="; ".join(told) or None,
            time_zone=self.time_zone,
            sources=tuple(str(source) for source in self.sources),
        )

    def feature(self) -> dict[str, Any]:
        """As a GeoJSON Feature, which :func:`from_feature` reads."""
        properties: dict[str, Any] = {"name": self.name, "name_local": self.name_local}
        properties |= {"kind": self.kind, "outline": self.outline, "accuracy": self.accuracy}
        properties |= {"accuracy_m": self.accuracy_m, "time_zone": self.time_zone}
        if self.centre is not None:
            properties |= {"centre": list(self.centre), "radius_m": self.radius_m}
        properties["sources"] = [
            {key: text for key, text in asdict(source).items() if text} for source in self.sources
        ]
        geometry = json.loads(shapely.to_geojson(self.geometry))
        return {"type": "Feature", "properties": properties, "geometry": geometry}


def one_line(value: object) -> str:
    """A text from a file on one line, without control characters, not endless; empty if none."""
    if not isinstance(value, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in value[: 2 * LONGEST_TEXT])
    text = " ".join(printable.split())
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"


def plain_name(text: str) -> str:
    """A name as it is compared: neither case nor spaces, hyphens and underscores matter.

    Korean names are written with spaces and without; and Hangul that a system wrote in parts (NFD,
    as macOS does) equals the whole letters.
    """
    return "".join(_words(text))


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFC", text).casefold()
    return text.replace("_", " ").replace("-", " ").split()


def slug_of(name: str) -> str:
    """The short name of a place, which is also its file's; empty where no letter is left."""
    return re.sub(r"[^\w-]|_", "", "-".join(_words(name))).strip("-")[:80]


def from_feature(content: object, *, slug: str, own: bool) -> Place:
    """A place from a GeoJSON Feature, each value checked.

    Parameters
    ----------
    content
        The parsed JSON, which may be anything.
    slug
        The name of its file, without the suffix.
    own
        Whether it is the user's own.

    Raises
    ------
    ValueError
        If it is no place; the message says why.
    """
    if not isinstance(content, Mapping) or content.get("type") != "Feature":
        raise ValueError("not a GeoJSON Feature")
    properties = content.get("properties")
    if not isinstance(properties, Mapping):
        raise ValueError("no properties")
    name = one_line(properties.get("name"))
    if not name:
        raise ValueError("no name")
    radius = _number(properties.get("radius_m"), most=_EARTH_M)
    return Place(
        slug=slug,
        name=name,
        geometry=_outline(content.get("geometry")),
        name_local=one_line(properties.get("name_local")) or None,
        kind=one_line(properties.get("kind")),
        outline=one_line(properties.get("outline")),
        accuracy=one_line(properties.get("accuracy")),
        accuracy_m=_number(properties.get("accuracy_m"), most=_EARTH_M),
        centre=_position(properties.get("centre")) if radius is not None else None,
        radius_m=radius,
        time_zone=one_line(properties.get("time_zone")) or None,
        sources=_sources(properties.get("sources")),
        own=own,
    )


def _outline(geometry: object) -> Any:
    try:
        outline = shapely.force_2d(shapely.from_geojson(json.dumps(geometry)))
    except (shapely.errors.ShapelyError, TypeError, ValueError, RecursionError) as error:
        raise ValueError("a geometry that is none") from error
    if outline is None or outline.geom_type not in ("Polygon", "MultiPolygon") or outline.is_empty:
        raise ValueError("no outline")
    if shapely.get_num_coordinates(outline) > MOST_VERTICES:
        raise ValueError(f"more than {MOST_VERTICES} vertices")
    if not outline.is_valid:
        raise ValueError(f"an outline that crosses itself: {shapely.is_valid_reason(outline)}")
    try:
        check_degrees(outline, "the outline")
    except InputError as error:
        raise ValueError(error.message) from error
    return outline


def _number(value: object, *, most: float) -> float | None:
    """A positive number, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if math.isfinite(value) and 0 < value <= most else None


def _position(value: object) -> tuple[float, float] | None:
    if not isinstance(value, list) or len(value) != 2:
        return None
    if any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in value):
        return None
    lon, lat = (float(number) for number in value)
    return (lon, lat) if abs(lon) <= 180 and abs(lat) <= 90 else None


def _sources(value: object) -> tuple[Source, ...]:
    found = []
    for entry in value[:MOST_SOURCES] if isinstance(value, list) else ():
        if isinstance(entry, Mapping) and one_line(entry.get("title")):
            keys = ("title", "publisher", "date", "states", "url")
            found.append(Source(**{key: one_line(entry.get(key)) for key in keys}))
    return tuple(found)
