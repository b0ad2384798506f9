"""The catalogue: places are where their sources say, and say what they are."""

from __future__ import annotations

import json
from importlib import resources

import pyproj
import pytest
import shapely

from aoi.places import load_area, names, place
from imagery.errors import MissingInputError

GEOD = pyproj.Geod(ellps="WGS84")


def feature(name: str) -> dict[str, dict[str, object]]:
    text = resources.files("aoi.places").joinpath(f"{name}.geojson").read_text("utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def test_names() -> None:
    assert names() == ("kim-il-sung-square", "mirim-parade-training-ground")


@pytest.mark.parametrize("name", names())
def test_an_outline_is_the_circle_that_it_says(name: str) -> None:
    properties = feature(name)["properties"]
    lon, lat = properties["centre"]  # type: ignore[misc]
    radius = properties["radius_m"]
    area = place(name)
    for x, y in shapely.get_coordinates(area.geometry):
        assert GEOD.inv(lon, lat, x, y)[2] == pytest.approx(radius, abs=0.15)
    assert area.geometry.is_valid
    assert area.geometry.exterior.is_ccw
    assert area.centre == pytest.approx((lon, lat), abs=1e-6)
    assert area.area_m2 > properties["documented_area_m2"]
    assert area.accuracy is not None
    assert area.accuracy.startswith(f"not an outline: a circle of {radius} m around a documented")
    assert area.source == f"catalogue: {name}"
    assert area.sources


def test_the_square_covers_both_documented_centres() -> None:
    area = place("kim-il-sung-square")
    assert area.name_local == "김일성광장"
    for lon, lat in ((125.75247, 39.01953), (125.75238, 39.01970)):
        assert area.geometry.contains(shapely.Point(lon, lat))


def test_the_airstrip_stands_for_the_training_ground_and_says_so() -> None:
    area = place("mirim-parade-training-ground")
    assert area.name_local is None
    assert area.centre == pytest.approx((125.84466, 39.01636), abs=1e-6)
    assert area.accuracy is not None
    assert "airstrip" in area.accuracy


@pytest.mark.parametrize(
    "text", ["kim-il-sung-square", "Kim Il Sung Square", "KIM_IL_SUNG_SQUARE", "김일성광장"]
)
def test_a_name_in_any_form(text: str) -> None:
    assert load_area(text).source == "catalogue: kim-il-sung-square"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("kim-il-sung-sqare", "did you mean kim-il-sung-square?"),
        ("Kim Il-sung Sq", "did you mean kim-il-sung-square?"),
        ("mirim", "mirim-parade-training-ground"),
        ("zzz", "kim-il-sung-square, mirim-parade-training-ground"),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(text: str, meant: str) -> None:
    with pytest.raises(MissingInputError) as caught:
        load_area(text)
    assert meant in str(caught.value)
    with pytest.raises(MissingInputError, match="no place named"):
        place(text)
