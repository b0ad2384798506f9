"""Outlines that a user leaves out: which files are read as such, and how they are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from aoi.places.left_out import drawn_masks
from imagery.errors import InputError, MissingInputError, UsageError
from imagery.options import DecisionOptions, DetectOptions, MaskOptions, ReadOptions, SceneOptions

GRID = GeoBox((40, 40), Affine(10, 0, 400_000, 0, -10, 4_320_000), "EPSG:32651")


def outlines(folder: Path, name: str, *boxes: tuple[int, int, int, int]) -> str:
    """Boxes of the grid (top, left, bottom, right) as a GeoJSON file."""
    move = Transformer.from_crs("EPSG:32651", "EPSG:4326", always_xy=True)
    rings = [
        [
            list(move.transform(400_000 + 10 * col, 4_320_000 - 10 * row))
            for row, col in ((t, le), (b, le), (b, r), (t, r), (t, le))
        ]
        for t, le, b, r in boxes
    ]
    features = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
        for ring in rings
    ]
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(path)


def options(**named: Any) -> DetectOptions:
    before, after = (SceneOptions(mask=named.pop(role, None)) for role in ("before", "after"))
    return DetectOptions(before=before, after=after, masks=MaskOptions(**named))


def test_each_file_goes_to_its_option(tmp_path: Path) -> None:
    both = outlines(tmp_path, "both.geojson", (0, 0, 10, 10), (20, 20, 30, 30))
    late = outlines(tmp_path, "late.json", (5, 5, 15, 15))
    ignore = outlines(tmp_path, "sea.geojson", (0, 30, 40, 40))
    found = drawn_masks(options(mask=both, after=late, ignore=ignore))
    assert set(found.drawn) == {"--mask", "--after-mask"}
    burnt = found.drawn["--mask"].outline.mask(GRID)
    expected = np.zeros((40, 40), bool)
    expected[:10, :10] = expected[20:30, 20:30] = True
    np.testing.assert_array_equal(burnt, expected)
    assert found.ignored is not None
    assert np.flatnonzero(found.ignored.mask(GRID).any(axis=0)).tolist() == list(range(30, 40))
    assert {option: file.name for option, file in found.files.items()} == {
        "--mask": "both.geojson", "--after-mask": "late.json", "--ignore": "sea.geojson",
    }  # fmt: skip
    assert str(tmp_path) not in found.drawn["--mask"].source


def test_a_raster_is_left_to_the_images(tmp_path: Path) -> None:
    found = drawn_masks(options(mask=str(tmp_path / "mask.tif"), before="x.TIF"))
    assert (found.drawn, found.ignored, found.files) == ({}, None, {})


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("--mask", {"mask": "no.geojson"}),
        ("--before-mask", {"before": "no.gpkg"}),
        ("--ignore", {"ignore": "no.kml"}),
    ],
)
def test_one_that_is_not_there_names_its_option(option: str, named: dict[str, str]) -> None:
    with pytest.raises(MissingInputError) as caught:
        drawn_masks(options(**named))
    assert caught.value.option == option
    assert "AOI" not in str(caught.value)


def test_one_that_cannot_be_used_names_its_option(tmp_path: Path) -> None:
    path = tmp_path / "lines.geojson"
    path.write_text('{"type": "LineString", "coordinates": [[1, 2], [3, 4]]}')
    with pytest.raises(InputError) as caught:
        drawn_masks(options(after=str(path)))
    assert (caught.value.option, str(caught.value).startswith("lines.geojson")) == (
        "--after-mask", True,
    )  # fmt: skip


def test_a_quiet_area(tmp_path: Path) -> None:
    path = outlines(tmp_path, "calm.geojson", (0, 0, 20, 10))
    found = drawn_masks(DetectOptions(decision=DecisionOptions(quiet_area=path)))
    assert (found.drawn, found.ignored) == ({}, None)
    assert found.quiet is not None
    assert found.quiet.mask(GRID).sum() == 200
    assert found.files["--quiet-area"].name == "calm.geojson"
    assert len(found.files["--quiet-area"].sha256) == 64


@pytest.mark.parametrize(("name", "kind"), [("no.kml", MissingInputError), ("a.tif", UsageError)])
def test_a_quiet_area_that_cannot_be_used(name: str, kind: type[Exception], tmp_path: Path) -> None:
    options = DetectOptions(decision=DecisionOptions(quiet_area=str(tmp_path / name)))
    with pytest.raises(kind) as caught:
        drawn_masks(options)
    assert caught.value.option == "--quiet-area"  # type: ignore[attr-defined]


def test_only_outlines_are_ignored(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        drawn_masks(options(ignore=str(tmp_path / "mask.tif")))
    assert caught.value.option == "--ignore"


def test_in_the_metric_frame(tmp_path: Path) -> None:
    path = tmp_path / "frame.geojson"
    ring = [[0, -100], [100, -100], [100, 0], [0, 0], [0, -100]]
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    found = drawn_masks(
        DetectOptions(
            masks=MaskOptions(mask=str(path)),
            read=ReadOptions(no_georeference=True, pixel_size=10),
        )
    )
    grid = GeoBox((20, 20), Affine(10, 0, 0, 0, -10, 0), None)
    assert found.drawn["--mask"].outline.mask(grid).sum() == 100
