"""The catalogue: places are where their sources say, and say what they are and how well."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pyproj
import pytest
import shapely
from tzfpy import get_tz

from aoi.places import load_area, names, place
from aoi.places.catalogue import documented, markdown_table
from aoi.places.place import from_feature
from imagery.errors import MissingInputError

GEOD = pyproj.Geod(ellps="WGS84")
TEXT = {"type": "string", "minLength": 3, "maxLength": 500}
SCHEMA = {
    "type": "object",
    "required": ["type", "properties", "geometry"],
    "additionalProperties": False,
    "properties": {
        "type": {"const": "Feature"},
        "geometry": {"type": "object"},
        "properties": {
            "type": "object",
            "required": [
                *("name", "name_local", "kind", "outline", "accuracy", "accuracy_m"),
                *("centre", "radius_m", "radius_from", "sources", "time_zone"),
            ],
            "additionalProperties": False,
            "properties": {
                **dict.fromkeys(("name", "kind", "outline", "accuracy", "radius_from"), TEXT),
                "name_local": {"type": "string", "minLength": 2},
                "time_zone": {"const": "Asia/Pyongyang"},
                "accuracy_m": {"type": "number", "minimum": 10, "maximum": 5000},
                "radius_m": {"type": "number", "minimum": 50, "maximum": 10000},
                "documented_area_m2": {"type": "number", "exclusiveMinimum": 0},
                "centre": {"type": "array", "items": {"type": "number"}, "minItems": 2},
                "sources": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["title", "states"],
                        "additionalProperties": False,
                        "properties": {
                            **dict.fromkeys(("title", "publisher", "states"), TEXT),
                            "date": {"type": "string", "pattern": r"^\d{4}(-\d{2}(-\d{2})?)?$"},
                            "url": {"type": "string", "pattern": "^https?://[!-~]+$"},
                        },
                    },
                },
            },
        },
    },
}
ACROSS_A_BORDER = {"joint-security-area", "sino-korean-friendship-bridge"}
SLUGS = [one.slug for one in documented()]


def feature(name: str) -> Any:
    text = resources.files("aoi.places").joinpath(f"{name}.geojson").read_text("utf-8")
    return json.loads(text)


def positions(text: str) -> list[tuple[float, float]]:
    """Every (lon, lat) that a source's words hold, in degrees or in degrees, minutes, seconds."""
    part = r"(\d+(?:\.\d+)?)(?:°(\d+(?:\.\d+)?)′(?:(\d+(?:\.\d+)?)″)?)? "
    found = []
    for numbers in re.findall(rf"{part}N, {part}E", text):
        lat, lon = (
            sum(float(n or 0) / 60**i for i, n in enumerate(numbers[at : at + 3])) for at in (0, 3)
        )
        found.append((lon, lat))
    return found


def test_there_are_well_known_places() -> None:
    assert len(SLUGS) >= 20
    assert {"kim-il-sung-square", "mirim-parade-training-ground"} <= set(names())
    assert sorted(SLUGS) == SLUGS


@pytest.mark.parametrize("name", SLUGS)
def test_a_file_is_of_the_schema(name: str) -> None:
    jsonschema.validate(feature(name), SCHEMA)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)


@pytest.mark.parametrize("name", SLUGS)
def test_the_local_name_is_hangul(name: str) -> None:
    letters = [c for c in feature(name)["properties"]["name_local"] if c.isalpha()]
    assert letters
    assert all(unicodedata.name(c).startswith("HANGUL SYLLABLE") for c in letters)


@pytest.mark.parametrize("name", SLUGS)
def test_it_lies_in_the_country(name: str) -> None:
    corners = shapely.get_coordinates(place(name).geometry)
    inside = [get_tz(lon, lat) == "Asia/Pyongyang" for lon, lat in corners.tolist()]
    if name in ACROSS_A_BORDER:
        assert any(inside)
        assert not all(inside)
        assert re.search("reaches (across|into)", feature(name)["properties"]["radius_from"])
    else:
        assert all(inside)


@pytest.mark.parametrize("name", SLUGS)
def test_an_outline_is_the_circle_that_it_says(name: str) -> None:
    properties = feature(name)["properties"]
    lon, lat = properties["centre"]
    radius = properties["radius_m"]
    area = place(name)
    corners = shapely.get_coordinates(area.geometry)
    assert len(corners) == 73
    for x, y in corners:
        assert GEOD.inv(lon, lat, x, y)[2] == pytest.approx(radius, abs=0.15)
    assert area.geometry.is_valid
    assert area.geometry.exterior.is_ccw
    # The centroid in degrees leaves a large circle's centre by centimetres.
    assert GEOD.inv(*area.centre, lon, lat)[2] < 0.5
    assert area.area_m2 > properties.get("documented_area_m2", 0)
    assert area.accuracy is not None
    assert area.accuracy.startswith(f"not an outline: a circle of {radius} m around a documented")
    assert area.source == f"catalogue: {name}"
    assert len(area.sources) == len(properties["sources"])


@pytest.mark.parametrize("name", SLUGS)
def test_the_accuracy_is_borne_out_by_the_sources(name: str) -> None:
    properties = feature(name)["properties"]
    told = [source["states"] for source in properties["sources"]]
    found = [position for text in told for position in positions(text)]
    centre, radius = properties["centre"], properties["radius_m"]
    used = [at for text in told for at in positions(text.partition("(the centre used)")[0])]
    assert any("(the centre used)" in text for text in told)
    assert min(GEOD.inv(*at, *centre)[2] for at in used) < 2
    # Of the launching ground, a source gives the parts of the site.
    parts = name == "tonghae-satellite-launching-ground"
    for at in found:
        assert GEOD.inv(*at, *centre)[2] <= (radius if parts else properties["accuracy_m"])


def test_no_two_places_share_a_name() -> None:
    seen: dict[str, str] = {}
    for one in documented():
        for name in one.names:
            assert name not in seen or name == "미림비행장", f"{one.slug} and {seen.get(name)}"
            seen[name] = one.slug


def test_the_square_covers_both_documented_centres() -> None:
    area = place("kim-il-sung-square")
    assert area.name_local == "김일성광장"
    for lon, lat in ((125.75247, 39.01953), (125.75238, 39.01970)):
        assert area.geometry.contains(shapely.Point(lon, lat))


def test_the_airstrip_stands_for_the_training_ground_and_says_so() -> None:
    area = place("mirim-parade-training-ground")
    assert area.name_local == "미림 열병식훈련장"
    assert area.centre == pytest.approx((125.84466, 39.01636), abs=1e-6)
    assert area.accuracy is not None
    assert "airstrip" in area.accuracy


@pytest.mark.parametrize(
    "text",
    [
        *("kim-il-sung-square", "Kim Il Sung Square", "KIM_IL_SUNG_SQUARE", "김일성광장"),
        unicodedata.normalize("NFD", "김일성광장"),
    ],
)
def test_a_name_in_any_form(text: str) -> None:
    assert load_area(text).source == "catalogue: kim-il-sung-square"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("kim-il-sung-sqare", "did you mean kim-il-sung-square"),
        ("Kim Il-sung Sq", "did you mean kim-il-sung-square"),
        ("mirim", "mirim-parade-training-ground"),
        ("sunan", "pyongyang-sunan-airport"),
        ("zzz", "a name of the catalogue (twopass aoi list)"),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(text: str, meant: str) -> None:
    with pytest.raises(MissingInputError) as caught:
        load_area(text)
    assert meant in str(caught.value)
    with pytest.raises(MissingInputError, match="no place named"):
        place(text)


def test_the_page_holds_the_table() -> None:
    page = Path(__file__).parents[2].joinpath("docs", "places.md").read_text("utf-8")
    assert f"<!-- catalogue -->\n{markdown_table()}<!-- /catalogue -->" in page


class TestAFeature:
    """A place's file may come from a stranger."""

    def good(self) -> Any:
        return feature("juche-tower")

    def test_what_is_written_is_read(self) -> None:
        one = from_feature(self.good(), slug="juche-tower", own=True)
        again = from_feature(json.loads(json.dumps(one.feature())), slug="juche-tower", own=True)
        assert again.feature() == one.feature()
        assert again.geometry.equals(one.geometry)
        assert again.sources == one.sources
        assert len(one.sources) == 2

    @pytest.mark.parametrize(
        ("path", "value", "why"),
        [
            ((), [], "not a GeoJSON Feature"),
            (("type",), "FeatureCollection", "not a GeoJSON Feature"),
            (("properties",), None, "no properties"),
            (("properties", "name"), 7, "no name"),
            (("properties", "name"), "\x1b\n ", "no name"),
            (("geometry",), None, "no outline|is none"),
            (("geometry",), {"type": "Point", "coordinates": [1, 2]}, "no outline"),
            (("geometry", "coordinates"), [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]], "crosses"),
            (
                ("geometry", "coordinates"),
                [[[99, 95], [100, 95], [100, 96], [99, 95]]],
                "out of range",
            ),
            (("geometry", "coordinates"), "x", "is none"),
        ],
    )
    def test_what_is_none(self, path: tuple[str, ...], value: object, why: str) -> None:
        content = self.good()
        if path:
            inner = content
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
        else:
            content = value
        with pytest.raises(ValueError, match=why):
            from_feature(content, slug="x", own=True)

    def test_what_is_odd_is_left_out(self) -> None:
        content = self.good()
        content["properties"] |= {
            "name": "a\x1b[2Jb\u202ec" + "d" * 999,
            "accuracy_m": True,
            "radius_m": math.inf,
            "centre": ["x"],
            "name_local": {"a": 1},
            "sources": ["text", {"title": 3}, {"title": "t", "date": []}] + [{"title": "u"}] * 99,
        }
        one = from_feature(content, slug="x", own=True)
        assert one.name.startswith("a [2Jb cdd")
        assert len(one.name) == 500
        assert (one.accuracy_m, one.radius_m, one.centre, one.name_local) == (None,) * 4
        assert (one.sources[0].title, one.sources[0].date) == ("t", "")
        assert len(one.sources) <= 50
