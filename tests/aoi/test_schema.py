"""The files of the layer: their columns, their form, and the page that tells of them."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from aoi.changes import (
    COLUMNS,
    LAYER,
    columns,
    describe_regions,
    polygonize,
    write_geojson,
    write_gpkg,
)
from aoi.changes.schema import conform, markdown_table
from aoi.places import area_from_overlap
from imagery.errors import OutputError

GRIDS = {
    "utm": GeoBox((60, 80), Affine(0.5, 0, 738_000, 0, -0.5, 4_322_030), "EPSG:32651"),
    "degrees": GeoBox((60, 80), Affine(9e-5, 0, 125.7, 0, -9e-5, 39.1), "EPSG:4326"),
    "mercator": GeoBox((60, 80), Affine(6.4, 0, 14_000_000, 0, -6.4, 4_720_000), "EPSG:3857"),
    "south": GeoBox((60, 80), Affine(0.5, 0, 300_000, 0, 0.5, 6_000_000), "EPSG:32751"),
    "none": GeoBox((60, 80), Affine(0.7, 0, 0, 0, -0.7, 0), None),
}


def layer(tmp_path: Path, grid: str, *, empty: bool = False) -> gpd.GeoDataFrame:
    """A ring with a hole, pixels that meet at a corner, and a bar: through the raster."""
    geobox = GRIDS[grid]
    ids = np.zeros(geobox.shape, dtype=np.uint32)
    if not empty:
        ids[10:20, 10:25] = 1
        ids[13:17, 14:20] = 0
        ids[40, 40] = ids[41, 41] = ids[42, 40] = 2
        ids[5:50, 70:73] = 3
    path = tmp_path / "change.tif"
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=60,
        width=80,
        count=1,
        dtype="uint32",
        transform=geobox.affine,
        crs=None if geobox.crs is None else geobox.crs.to_wkt(),
    ) as dataset:
        dataset.write(ids, 1)
    index = pd.Index([1, 2, 3], name="region")
    table = pd.DataFrame(
        {
            "strength": [4.0, 6.5, 9.25],
            "signed_mean": [2.0, -2.0, 0.0],
            "brighter_share": [1.0, 0.0, 0.5],
            "at_edge": False,
        },
        index,
    )
    return describe_regions(
        polygonize(path),
        geobox=geobox,
        pixel_size_m=0.5,
        table=table,
        area=area_from_overlap(geobox),
    )


def nones(values: Any) -> list[Any]:
    """A column as a list, with None for whatever stands for nothing."""
    return values.astype(object).where(values.notna(), None).tolist()  # type: ignore[no-any-return]


def collection(frame: gpd.GeoDataFrame, path: Path, *, pixel_size_m: float = 0.5) -> dict[str, Any]:
    assert write_geojson(frame, path, pixel_size_m=pixel_size_m)
    return json.loads(path.read_text("utf-8"))  # type: ignore[no-any-return]


class TestGeoPackage:
    @pytest.mark.parametrize("grid", GRIDS)
    @pytest.mark.parametrize("empty", [False, True])
    def test_it_holds_what_was_described(self, tmp_path: Path, grid: str, empty: bool) -> None:
        frame = layer(tmp_path, grid, empty=empty)
        path = tmp_path / "changes.gpkg"
        write_gpkg(frame, path)
        info = pyogrio.read_info(path, layer=LAYER)
        named = columns(georeferenced=grid != "none")
        assert list(info["fields"]) == [column.name for column in named]
        kinds = {"text": "object", "integer": "int64", "real": "float64"}
        assert [str(t) for t in info["dtypes"]] == [kinds[column.kind] for column in named]
        assert info["geometry_type"] == "MultiPolygon"
        back = gpd.read_file(path, layer=LAYER)
        assert len(back) == (0 if empty else 3)
        assert back["rank"].tolist() == list(range(1, len(back) + 1))
        if grid != "none":
            assert back.crs == frame.crs
        assert shapely.equals(back.geometry.values, frame.geometry.values).all()
        for column in named:
            if column.kind == "real":
                np.testing.assert_array_equal(back[column.name], frame[column.name])
            else:
                assert nones(back[column.name]) == nones(frame[column.name])

    def test_bounds_by_rank_come_back_as_numbers(self, tmp_path: Path) -> None:
        frame = layer(tmp_path, "utm")
        frame["rank_bound"] = pd.array([0, 1, None], dtype="Int64")
        write_gpkg(frame, tmp_path / "changes.gpkg")
        back = gpd.read_file(tmp_path / "changes.gpkg", layer=LAYER)
        assert nones(back["rank_bound"]) == [0, 1, None]
        content = collection(frame, tmp_path / "changes.geojson")
        told = [feature["properties"]["rank_bound"] for feature in content["features"]]
        assert told == [0, 1, None]
        assert all(value is None or type(value) is int for value in told)

    def test_its_style_is_one_that_qgis_finds(self, tmp_path: Path) -> None:
        path = tmp_path / "changes.gpkg"
        write_gpkg(layer(tmp_path, "utm"), path)
        with closing(sqlite3.connect(path)) as database:
            (row,) = database.execute(
                "SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles"
            )
            contents = dict(database.execute("SELECT table_name, data_type FROM gpkg_contents"))
            (check,) = database.execute("PRAGMA integrity_check").fetchone()
            geometry = database.execute("SELECT column_name FROM gpkg_geometry_columns").fetchone()
        assert row[:3] == (LAYER, geometry[0], 1)
        assert contents == {LAYER: "features", "layer_styles": "attributes"}
        assert check == "ok"
        style = ET.fromstring(row[3])  # noqa: S314
        assert style.tag == "qgis"
        assert style.find("renderer-v2/symbols/symbol").get("type") == "fill"  # type: ignore[union-attr]
        assert pyogrio.read_dataframe(path, layer="layer_styles").shape[0] == 1

    def test_the_same_changes_give_the_same_bytes(self, tmp_path: Path) -> None:
        frame = layer(tmp_path, "utm")
        write_gpkg(frame, tmp_path / "a.gpkg")
        time.sleep(0.02)
        (tmp_path / "b.gpkg").write_bytes(b"what was there before")
        write_gpkg(frame.iloc[::-1], tmp_path / "b.gpkg")
        assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()

    def test_nowhere_to_write(self, tmp_path: Path) -> None:
        frame = layer(tmp_path, "utm")
        with pytest.raises(OutputError, match=r"changes\.gpkg: cannot be written"):
            write_gpkg(frame, tmp_path / "none" / "changes.gpkg")
        with pytest.raises(OutputError, match=r"changes\.geojson: cannot be written"):
            write_geojson(frame, tmp_path / "none" / "changes.geojson", pixel_size_m=1)


class TestGeoJson:
    @pytest.mark.parametrize("grid", [grid for grid in GRIDS if grid != "none"])
    def test_it_follows_rfc_7946(self, tmp_path: Path, grid: str) -> None:
        frame = layer(tmp_path, grid)
        content = collection(frame, tmp_path / "changes.geojson")
        assert set(content) == {"type", "bbox", "features"}
        assert content["type"] == "FeatureCollection"
        west, south, east, north = content["bbox"]
        degrees = frame.to_crs("OGC:CRS84")
        assert (west, south, east, north) == pytest.approx(degrees.total_bounds, abs=1e-7)
        for feature, (_, row) in zip(content["features"], degrees.iterrows(), strict=True):
            shape = shapely.geometry.shape(feature["geometry"])
            assert shape.is_valid
            assert shapely.hausdorff_distance(shape, row.geometry) < 1e-7
            for part in shapely.get_parts(shape):
                assert part.exterior.is_ccw
                assert not any(ring.is_ccw for ring in part.interiors)
            assert feature["id"] == feature["properties"]["id"] == row.id
            assert west <= feature["properties"]["lon"] <= east
        assert [f["geometry"]["type"] for f in content["features"]] == [
            "Polygon",
            "MultiPolygon",
            "Polygon",
        ]
        assert len(content["features"][2]["geometry"]["coordinates"]) == 2

    def test_its_properties_are_the_columns(self, tmp_path: Path) -> None:
        content = collection(layer(tmp_path, "utm"), tmp_path / "changes.geojson")
        for feature in content["features"]:
            assert list(feature["properties"]) == [column.name for column in columns()]
        first = content["features"][0]["properties"]
        assert (first["rank"], first["site"], first["score"]) == (1, 1, 9.25)
        assert first["direction"] == "mixed"
        assert first["alignment_ce90_px"] is None
        assert first["before_datetime"] is None
        assert round(first["area_m2"], 3) == first["area_m2"] == pytest.approx(33.75, rel=2e-3)

    @pytest.mark.parametrize(("pixel", "digits"), [(0.3, 7), (0.5, 7), (10, 6), (30, 5)])
    def test_its_digits_follow_the_pixel(self, tmp_path: Path, pixel: float, digits: int) -> None:
        path = tmp_path / "changes.geojson"
        content = collection(layer(tmp_path, "utm"), path, pixel_size_m=pixel)
        numbers = shapely.get_coordinates(
            [shapely.geometry.shape(feature["geometry"]) for feature in content["features"]]
        ).ravel()
        longest = max(len(repr(number).partition(".")[2]) for number in numbers.tolist())
        assert longest == digits

    def test_a_long_side_stays_where_it_was(self, tmp_path: Path) -> None:
        frame = layer(tmp_path, "utm")
        frame.geometry = [shapely.box(600_000, 4_300_000, 640_000, 4_300_100)] * 3
        content = collection(frame, tmp_path / "changes.geojson")
        shape = shapely.geometry.shape(content["features"][0]["geometry"])
        back = gpd.GeoSeries([shape], crs="OGC:CRS84").to_crs(frame.crs)[0]
        assert shapely.hausdorff_distance(back, frame.geometry.iloc[0], densify=0.1) < 0.05

    def test_nothing_changed(self, tmp_path: Path) -> None:
        content = collection(layer(tmp_path, "utm", empty=True), tmp_path / "changes.geojson")
        assert content == {"type": "FeatureCollection", "features": []}

    def test_not_georeferenced(self, tmp_path: Path) -> None:
        path = tmp_path / "changes.geojson"
        assert not write_geojson(layer(tmp_path, "none"), path, pixel_size_m=0.7)
        assert not path.exists()

    def test_the_same_changes_give_the_same_bytes(self, tmp_path: Path) -> None:
        frame = layer(tmp_path, "utm")
        write_geojson(frame, tmp_path / "a.geojson", pixel_size_m=0.5)
        write_geojson(frame.iloc[::-1], tmp_path / "b.geojson", pixel_size_m=0.5)
        assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()


class TestColumns:
    def test_names_are_unique_and_the_frame_decides_which(self) -> None:
        assert len({column.name for column in COLUMNS}) == len(COLUMNS)
        on_earth = {column.name for column in columns()}
        in_frame = {column.name for column in columns(georeferenced=False)}
        assert on_earth - in_frame == {"lon", "lat", "mgrs"}
        assert in_frame - on_earth == {"x_m", "y_m"}

    def test_another_column_is_refused(self, tmp_path: Path) -> None:
        frame = layer(tmp_path, "utm")
        with pytest.raises(ValueError, match=r"missing \['score'\], unknown \['sort'\]"):
            conform(frame.rename(columns={"score": "sort"}))

    def test_the_page_holds_the_table(self) -> None:
        page = Path(__file__).parents[2].joinpath("docs", "case-folder.md").read_text("utf-8")
        assert markdown_table() in page
