"""The demo, held against what was planted in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely

from aoi.cli import main
from imagery.simulate import true_shift

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", "--out", str(folder), "--quiet"]) == 0
    return folder


def record(demo: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((demo / "case" / "case.json").read_text())["result"]
    return found


def layer(demo: Path) -> gpd.GeoDataFrame:
    return gpd.read_file(demo / "case" / "changes.gpkg", layer="changes")


def planted(demo: Path, kind: str) -> gpd.GeoDataFrame:
    everything = gpd.read_file(demo / "planted.geojson").to_crs(32651)
    return everything[everything["kind"] == kind]


def test_every_planted_rectangle_is_one_site(demo: Path) -> None:
    changes = layer(demo)
    sites = set()
    for rectangle in planted(demo, "walled_rectangle").geometry:
        hits = changes[changes.intersects(rectangle)]
        assert hits["site"].nunique() == 1
        whole = shapely.oriented_envelope(hits.union_all())
        ring = shapely.get_coordinates(whole)
        sides = sorted(np.hypot(*np.diff(ring[:3], axis=0).T))
        # 22 and 34 m, with walls that lean and their shadow.
        np.testing.assert_allclose(sides, [22.0, 34.0], atol=2.5)
        sites.add(int(hits["site"].iloc[0]))
    assert len(sites) == 2


def test_most_staging_pens_are_found(demo: Path) -> None:
    changes = layer(demo).union_all()
    pens = planted(demo, "pen").geometry
    assert pens.intersects(changes).mean() >= 0.8


def test_what_was_planted_appeared_and_most_of_it_is_not_explained_away(demo: Path) -> None:
    changes = layer(demo)
    pens = changes[changes.intersects(planted(demo, "pen").union_all())]
    assert pens["kind"].isin(["appeared", "modified"]).mean() >= 0.9
    assert (pens["kind"] == "appeared").mean() >= 0.7
    assert (pens["flags"] == "").mean() >= 0.8
    told = changes["reasons"].str.len() > 0
    assert told.all()


def test_the_shift_is_recovered(demo: Path) -> None:
    truth = json.loads((demo / "truth.json").read_text())
    with rasterio.open(demo / "before.tif") as dataset:
        whole = dataset.transform
    with rasterio.open(demo / "case" / "rasters" / "shift.tif") as dataset:
        shift, grid = dataset.read(), dataset.transform
    rows, cols = np.meshgrid(*(np.arange(n) + 0.5 for n in shift.shape[1:]), indexing="ij")
    x, y = grid.a * cols + grid.c, grid.e * rows + grid.f
    error = shift - true_shift(truth, (y - whole.f) / whole.e - 0.5, (x - whole.c) / whole.a - 0.5)
    assert np.sqrt((error**2).sum(axis=0).mean()) <= 0.1


def test_nothing_is_reported_where_a_corner_is_missing(demo: Path, tmp_path: Path) -> None:
    """The whole scene, without an area: the corner without data, and its border, stay empty."""
    out = tmp_path / "case"
    pair = [str(demo / name) for name in ("before.tif", "after.tif")]
    assert main(["detect", *pair, "--out", str(out), "--quiet"]) == 0
    with rasterio.open(demo / "before.tif") as dataset:
        missing = dataset.read_masks(1) == 0
    with rasterio.open(out / "rasters" / "change.tif") as dataset:
        changes = dataset.read(1)
    assert missing.any()
    assert not changes[missing].any()
    reasons = json.loads((out / "case.json").read_text())["result"]["observed"]["reasons"]
    assert reasons["not seen in the earlier image"] == pytest.approx(missing.mean(), abs=2e-3)


def test_it_says_that_it_is_simulated(demo: Path) -> None:
    assert record(demo)["simulated"] is True
    page = (demo / "case" / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED IMAGE" in page
    with rasterio.open(demo / "before.tif") as dataset:
        assert "SIMULATED" in dataset.tags()["TIFFTAG_IMAGEDESCRIPTION"]


def test_dates_come_from_the_items_beside_the_images(demo: Path) -> None:
    scenes = record(demo)["scenes"]
    assert scenes["before"]["acquisition"]["text"] == "2024-06-06 02:17 UTC"
    assert "before.json" in scenes["before"]["acquisition"]["source"]
    assert [s["name"] for s in scenes["before"]["sidecars"]] == ["before.json"]
