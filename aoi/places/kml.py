"""Outlines, lines and points in KML."""

from __future__ import annotations

import re
from typing import Any

import shapely


def kml_geometries(data: bytes) -> list[Any]:
    """The geometries of a KML document, in its order: longitude and latitude.

    Network links, styles, overlays and descriptions are passed over; nothing is fetched.

    Raises
    ------
    ValueError
        If the bytes are no KML; the message says why.
    """
    from xml.parsers import expat

    parser = expat.ParserCreate(namespace_separator=" ")
    content = _Kml()
    parser.StartElementHandler = content.start
    parser.EndElementHandler = content.end
    parser.CharacterDataHandler = content.text
    # No KML needs one, and entities that grow without bound are declared in it.
    parser.StartDoctypeDeclHandler = content.doctype
    try:
        parser.Parse(data, True)  # noqa: FBT003
    except (expat.ExpatError, shapely.errors.ShapelyError, ValueError, LookupError) as error:
        raise ValueError(f"not KML: {error}") from error
    return content.geometries


class _Kml:
    """Gathers the geometries of a KML document while expat reads it."""

    def __init__(self) -> None:
        self.geometries: list[Any] = []
        self._root = ""
        self._rings: dict[str, list[list[tuple[float, float]]]] | None = None
        self._boundary = "outerBoundaryIs"
        self._characters: list[str] | None = None

    def start(self, name: str, _attributes: dict[str, str]) -> None:
        tag = name.rsplit(" ", 1)[-1]
        if not self._root:
            self._root = tag
            if tag != "kml":
                raise ValueError(f"the document is a <{tag[:40]}>")
        if tag == "Polygon":
            self._rings = {"outerBoundaryIs": [], "innerBoundaryIs": []}
        elif tag in ("outerBoundaryIs", "innerBoundaryIs"):
            self._boundary = tag
        elif tag == "coordinates":
            self._characters = []

    def text(self, characters: str) -> None:
        if self._characters is not None:
            self._characters.append(characters)

    def end(self, name: str) -> None:
        tag = name.rsplit(" ", 1)[-1]
        if tag == "coordinates" and self._characters is not None:
            positions = _kml_positions("".join(self._characters))
            self._characters = None
            if self._rings is not None:
                self._rings[self._boundary].append(positions)
            elif len(positions) == 1:
                self.geometries.append(shapely.Point(positions[0]))
            elif positions:
                self.geometries.append(shapely.LineString(positions))
        elif tag == "Polygon" and self._rings is not None:
            outer, inner = self._rings["outerBoundaryIs"], self._rings["innerBoundaryIs"]
            self._rings = None
            if len(outer) != 1:
                raise ValueError(f"a polygon with {len(outer)} outer boundaries")
            self.geometries.append(shapely.Polygon(outer[0], inner))

    def doctype(self, *_arguments: object) -> None:
        raise ValueError("it declares a document type")


def _kml_positions(text: str) -> list[tuple[float, float]]:
    positions = []
    for position in re.sub(r"\s*,\s*", ",", text).split():
        numbers = position.split(",")
        if len(numbers) < 2:
            raise ValueError(f"a position without latitude: {position[:40]!r}")
        positions.append((float(numbers[0]), float(numbers[1])))
    return positions
