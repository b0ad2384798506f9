"""Seams from files: the parts that lines and outlines make of a grid."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from aoi.places import load_seams
from imagery.errors import InputError, MissingInputError

GRID = GeoBox((200, 300), Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000), "EPSG:32651")
"""From (400000, 4319900) to (400150, 4320000)."""

ACROSS = shapely.LineString([(400_050, 4_319_800), (400_050, 4_320_100)])


def drawn(path: Path, *shapes: object, crs: str | None = "EPSG:32651") -> Path:
    features = [
        {"type": "Feature", "properties": {}, "geometry": json.loads(shapely.to_geojson(shape))}
        for shape in shapes
    ]
    content: dict[str, object] = {"type": "FeatureCollection", "features": features}
    if crs:
        content["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_line_makes_two_parts(tmp_path: Path) -> None:
    seams = load_seams(drawn(tmp_path / "s.geojson", ACROSS))
    parts = seams.parts(GRID)
    assert parts.dtype == np.uint8
    expected = np.broadcast_to(np.where(np.arange(300) < 100, 1, 0), (200, 300))
    np.testing.assert_array_equal(parts, expected)  # the larger part is 0
    assert seams.file.name == "s.geojson"


def test_the_file_may_be_in_degrees(tmp_path: Path) -> None:
    import pyproj

    move = pyproj.Transformer.from_crs("EPSG:32651", "EPSG:4326", always_xy=True)
    line = shapely.transform(ACROSS, lambda xy: np.column_stack(move.transform(*xy.T)))
    there = load_seams(drawn(tmp_path / "d.geojson", line, crs=None)).parts(GRID)
    here = load_seams(drawn(tmp_path / "m.geojson", ACROSS)).parts(GRID)
    assert (there != here).mean() < 0.001


def test_outlines_are_seams_too(tmp_path: Path) -> None:
    one, other = (
        shapely.box(399_000, 4_319_950, 401_000, 4_321_000),
        shapely.box(399_000, 4_319_000, 401_000, 4_319_950),
    )
    parts = load_seams(drawn(tmp_path / "s.geojson", one, other)).parts(GRID)
    assert (parts[:100] == parts[0, 0]).all()
    assert (parts[100:] == parts[-1, 0]).all()
    assert parts[0, 0] != parts[-1, 0]


def test_several_lines_make_several_parts_in_whatever_order(tmp_path: Path) -> None:
    side = shapely.LineString([(399_000, 4_319_960), (400_050, 4_319_960)])
    one = load_seams(drawn(tmp_path / "a.geojson", ACROSS, side)).parts(GRID)
    two = load_seams(drawn(tmp_path / "b.geojson", side, ACROSS)).parts(GRID)
    assert set(np.unique(one)) == {0, 1, 2}
    np.testing.assert_array_equal(one, two)


def test_a_sliver_is_no_part(tmp_path: Path) -> None:
    near = shapely.transform(ACROSS, lambda xy: xy + np.array([0.1, 0.0]))
    assert set(np.unique(load_seams(drawn(tmp_path / "s.geojson", ACROSS, near)).parts(GRID))) == {
        0,
        1,
    }


def test_without_a_georeference_it_is_in_metres(tmp_path: Path) -> None:
    grid = GeoBox((200, 300), Affine(0.5, 0, 0, 0, -0.5, 100), None)
    line = shapely.LineString([(-1, 50), (500, 50)])
    seams = load_seams(drawn(tmp_path / "s.geojson", line, crs=None), georeferenced=False)
    assert (np.diff(seams.parts(grid)[:, 0].astype(int)).nonzero()[0] == [99]).all()


@pytest.mark.parametrize(
    ("shapes", "found"),
    [
        ([shapely.LineString([(400_050, 4_319_950), (400_060, 4_319_960)])], "one part"),
        ([shapely.LineString([(0, 0), (1, 1)])], "one part"),
    ],
    ids=["inside", "elsewhere"],
)
def test_a_line_that_parts_nothing_is_refused(
    tmp_path: Path, shapes: list[object], found: str
) -> None:
    seams = load_seams(drawn(tmp_path / "s.geojson", *shapes))
    with pytest.raises(InputError, match="don't part") as refusal:
        seams.parts(GRID)
    assert refusal.value.found == found
    assert refusal.value.option == "--seams"


def test_bad_files_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError) as missing:
        load_seams(tmp_path / "none.geojson")
    assert missing.value.option == "--seams"
    with pytest.raises(InputError, match="cannot be read as seams") as points:
        load_seams(drawn(tmp_path / "p.geojson", shapely.Point(400_000, 4_320_000)))
    assert points.value.found == "no line"
    (tmp_path / "bad.geojson").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as seams") as broken:
        load_seams(tmp_path / "bad.geojson")
    assert broken.value.option == "--seams"
