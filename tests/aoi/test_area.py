"""Areas: what is read is what was drawn, and every bad one is refused in words."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely
from affine import Affine
from hypothesis import example, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from aoi.places import Area, area_from_overlap, check_against, files, load_area
from imagery.blocks import Window
from imagery.errors import InputError, MissingInputError, UsageError

SQUARE = shapely.box(125.750, 39.018, 125.755, 39.021)
UTM = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32651", always_xy=True)


def geojson(path: Path, *geometries: object, **members: object) -> str:
    features = [
        {
            "type": "Feature",
            "properties": {},
            "geometry": None
            if g is None
            else g
            if isinstance(g, dict)
            else json.loads(shapely.to_geojson(g)),
        }
        for g in geometries
    ]
    content = {"type": "FeatureCollection", "features": features, **members}
    path.write_text(json.dumps(content), encoding="utf-8")
    return str(path)


def kml(path: Path, body: str, *, head: str = "") -> str:
    path.write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>{head}'
        f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Folder>{body}</Folder>'
        "</Document></kml>",
        encoding="utf-8",
    )
    return str(path)


def polygon_kml(ring: str, hole: str = "") -> str:
    inner = (
        f"<innerBoundaryIs><LinearRing><coordinates>{hole}</coordinates></LinearRing>"
        "</innerBoundaryIs>"
        if hole
        else ""
    )
    return (
        "<Placemark><name>x</name><Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{ring}</coordinates></LinearRing></outerBoundaryIs>{inner}</Polygon></Placemark>"
    )


RING = "125.750,39.018,0 125.755,39.018,0 125.755,39.021,0 125.750,39.021,0 125.750,39.018,0"


class TestWhatIsRead:
    def test_bounds(self) -> None:
        area = load_area(" 125.750, 39.018,125.755,39.021")
        assert area.geometry.equals(SQUARE)
        assert area.source == "bounds 125.75,39.018,125.755,39.021"
        assert area.georeferenced
        assert area.file is None

    @pytest.mark.parametrize("suffix", [".geojson", ".json"])
    def test_geojson(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"court{suffix}"
        area = load_area(geojson(path, SQUARE))
        assert area.geometry.equals(SQUARE)
        assert (area.name, area.source) == ("court", f"file court{suffix}")
        assert area.file is not None
        assert area.file.name == path.name
        assert area.file.size == path.stat().st_size
        assert area.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()

    @pytest.mark.parametrize("wrap", ["geometry", "feature", "collection"])
    def test_geojson_of_any_type(self, tmp_path: Path, wrap: str) -> None:
        content = json.loads(shapely.to_geojson(SQUARE))
        if wrap == "feature":
            content = {"type": "Feature", "geometry": content, "properties": None}
        if wrap == "collection":
            content = {"type": "GeometryCollection", "geometries": [content]}
        path = tmp_path / "a.geojson"
        path.write_text("\ufeff" + json.dumps(content), encoding="utf-8")
        assert load_area(str(path)).geometry.equals(SQUARE)

    def test_features_are_united_and_the_rest_is_told(self, tmp_path: Path) -> None:
        left, right = shapely.box(0, 0, 2, 2), shapely.box(1, 0, 3, 2)
        text = geojson(tmp_path / "a.geojson", left, None, right, shapely.Point(1, 1))
        area = load_area(text)
        assert area.geometry.equals(shapely.box(0, 0, 3, 2))
        assert area.source == "file a.geojson, 2 polygons united, 1 points or lines left out"

    def test_multipolygon_with_hole_and_height(self, tmp_path: Path) -> None:
        ring = SQUARE - SQUARE.centroid.buffer(5e-4)
        shape = shapely.MultiPolygon([ring, shapely.box(1, 1, 2, 2)])
        area = load_area(geojson(tmp_path / "a.geojson", shapely.force_3d(shape, 7.0)))
        assert area.geometry.equals(shape)
        assert not area.geometry.has_z

    def test_old_geojson_with_a_crs(self, tmp_path: Path) -> None:
        projected = shapely.transform(SQUARE, UTM.transform, interleaved=False)
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32651"}}
        area = load_area(geojson(tmp_path / "a.geojson", projected, crs=crs))
        assert shapely.hausdorff_distance(area.geometry, SQUARE) < 1e-8

    def test_kml(self, tmp_path: Path) -> None:
        hole = "125.751,39.019 125.752,39.019 125.752,39.020 125.751,39.019"
        body = (
            polygon_kml(RING, hole)
            + "<NetworkLink><Link><href>http://x.invalid/</href>"
            + (
                "</Link></NetworkLink><Placemark><Point><coordinates>125.7,39</coordinates></Point>"
                "</Placemark>"
            )
        )
        area = load_area(kml(tmp_path / "a.kml", body))
        assert len(area.geometry.interiors) == 1
        assert area.geometry.bounds == SQUARE.bounds
        assert area.source == "file a.kml, 1 points or lines left out"

    def test_kml_with_spaces_after_commas(self, tmp_path: Path) -> None:
        text = kml(tmp_path / "a.kml", polygon_kml(RING.replace(",", ", ")))
        assert load_area(text).geometry.equals(SQUARE)

    @pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
    @pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32651", "EPSG:3857"])
    def test_geopackage_and_shapefile(self, tmp_path: Path, suffix: str, crs: str) -> None:
        path = tmp_path / f"a{suffix}"
        gpd.GeoDataFrame(geometry=[SQUARE], crs="EPSG:4326").to_crs(crs).to_file(path)
        area = load_area(str(path))
        assert shapely.hausdorff_distance(area.geometry, SQUARE) < 1e-8
        assert [entry.name for entry in tmp_path.glob("*-*")] == []  # no -wal, no -shm

    def test_a_straight_edge_stays_where_it_was(self, tmp_path: Path) -> None:
        edge = shapely.box(600_000, 4_300_000, 700_000, 4_301_000)
        path = tmp_path / "a.gpkg"
        gpd.GeoDataFrame(geometry=[edge], crs="EPSG:32651").to_file(path)
        area = load_area(str(path))
        back = area.outline_in("EPSG:32651")
        assert shapely.hausdorff_distance(back, edge, densify=0.05) < 0.05

    def test_all_layers_of_a_geopackage(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gpkg"
        for number in range(2):
            box = shapely.box(number * 2, 0, number * 2 + 1, 1)
            frame = gpd.GeoDataFrame(geometry=[box], crs="EPSG:4326")
            pyogrio.write_dataframe(frame, path, layer=f"l{number}")
        assert load_area(str(path)).geometry.area == pytest.approx(2)

    def test_the_crs_of_a_file_without_one(self, tmp_path: Path) -> None:
        projected = shapely.transform(SQUARE, UTM.transform, interleaved=False)
        path = tmp_path / "a.shp"
        gpd.GeoDataFrame(geometry=[projected], crs="EPSG:32651").to_file(path)
        path.with_suffix(".prj").unlink()
        with pytest.raises(InputError, match=r"a\.shp: has no CRS .* option: --crs"):
            load_area(str(path))
        area = load_area(str(path), crs="EPSG:32651")
        assert shapely.hausdorff_distance(area.geometry, SQUARE) < 1e-8

    def test_in_the_metric_frame(self, tmp_path: Path) -> None:
        area = load_area(
            geojson(tmp_path / "a.geojson", shapely.box(0, 0, 30, 20)), georeferenced=False
        )
        assert area.area_m2 == 600
        assert area.centre == (15, 10)
        assert load_area("0,-20,30,0", georeferenced=False).area_m2 == 600


BAD_FILES = {
    "no-polygon": (
        [shapely.Point(1, 2), shapely.LineString([(0, 0), (1, 1)])],
        r"holds no polygon \| found: 2 points or lines \| .*draw a buffer",
    ),
    "empty-collection": ([], r"holds no polygon \| found: no geometry"),
    "null": ([None], r"holds no polygon"),
    "empty-polygon": ([{"type": "Polygon", "coordinates": []}], r"holds no polygon"),
    "crosses": (
        [shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])],
        r"polygon 1 of 1 crosses or touches itself \| found: Self-intersection\[1 1\]",
    ),
    "line": ([shapely.Polygon([(0, 0), (2, 2), (1, 1)])], r"crosses or touches itself"),
    "nan": (
        [{"type": "Polygon", "coordinates": [[[0, 0], [1, float("nan")], [1, 1], [0, 0]]]}],
        r"no number|none",
    ),
    "open-ring": (
        [{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]}],
        r"a geometry that is none",
    ),
    "unknown-type": ([{"type": "Circle", "coordinates": [1, 2]}], r"a geometry that is none"),
    "text": ([{"type": "Polygon", "coordinates": [[["a", "b"]]]}], r"a geometry that is none"),
    "swapped": (
        [shapely.box(39.018, 125.750, 39.021, 125.755)],
        r"looks like latitude and longitude are swapped",
    ),
    "metres": (
        [shapely.box(738_000, 4_322_000, 739_000, 4_323_000)],
        r"no degrees; metres, it seems",
    ),
    "range": ([shapely.box(100, 95, 101, 96)], r"the coordinates are out of range"),
    "antimeridian": ([shapely.box(179, 0, 181, 1)], r"across the antimeridian"),
    "pole": (
        [shapely.Polygon([(-180, 80), (-60, 80), (60, 80), (180, 80), (180, 90), (-180, 90)])],
        r"around a pole",
    ),
    "around": ([shapely.Polygon([(-120, 80), (0, 70), (120, 80)])], r"around a pole"),
    "beyond": ([shapely.box(190, 0, 191, 1)], r"beyond 180 degrees .*subtract 360"),
    "beyond-west": ([shapely.box(-191, 0, -190, 1)], r"beyond 180 degrees .*add 360"),
    "wide": ([shapely.box(-100, 0, 100, 1)], r"across the antimeridian"),
    "naive": ([shapely.box(-179, 0, 179, 1)], r"across the antimeridian"),
    "split": (
        [shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)],
        r"across the antimeridian",
    ),
}


class TestWhatIsRefused:
    @pytest.mark.parametrize("case", BAD_FILES)
    def test_bad_geojson(self, tmp_path: Path, case: str) -> None:
        geometries, message = BAD_FILES[case]
        with pytest.raises(InputError, match=message) as caught:
            load_area(geojson(tmp_path / "bad.geojson", *geometries))
        assert "bad.geojson" in str(caught.value)
        assert str(tmp_path) not in str(caught.value)
        assert caught.value.option == "--aoi"

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "not JSON"),
            ("version https://git-lfs.github.com/spec/v1", "not JSON"),
            ("[1, 2]", "not GeoJSON"),
            ('{"type": "Topology"}', "a geometry that is none"),
            ('{"type": "FeatureCollection"}', "without features"),
            ('{"type": "FeatureCollection", "features": [3]}', "a feature that is none"),
            ("[" * 200_000, "not JSON"),
            ('{"type": "Polygon", "coordinates": ' + "[" * 500 + "]" * 500 + "}", "is none"),
            ('{"type": "Point", "coordinates": [0, 0], "crs": {"x": 1}}', "names none"),
        ],
    )
    def test_no_geojson(self, tmp_path: Path, text: str, message: str) -> None:
        path = tmp_path / "bad.geojson"
        path.write_text(text)
        with pytest.raises(InputError, match=message):
            load_area(str(path))

    @pytest.mark.parametrize(
        ("body", "head", "message"),
        [
            (polygon_kml("1,2 3"), "", "a position without latitude"),
            (polygon_kml("a,b c,d"), "", "could not convert"),
            (polygon_kml("1,2 3,4"), "", "not KML"),
            ("<Polygon></Polygon>", "", "0 outer boundaries"),
            ("<Placemark>", "", "mismatched tag"),
            ("&a;", '<!DOCTYPE k [<!ENTITY a "aaaaaaaa">]>', "declares a document type"),
            (
                "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>",
                "",
                "draw a buffer",
            ),
        ],
    )
    def test_bad_kml(self, tmp_path: Path, body: str, head: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            load_area(kml(tmp_path / "bad.kml", body, head=head))

    @pytest.mark.parametrize(
        "root", ["<OGRVRTDataSource/>", "<OGRWFSDataSource/>", "<html><kml/></html>"]
    )
    def test_another_document_that_calls_itself_kml(self, tmp_path: Path, root: str) -> None:
        path = tmp_path / "bad.kml"
        path.write_text(root)
        with pytest.raises(InputError, match="the document is a <"):
            load_area(str(path))

    @pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
    @pytest.mark.parametrize(
        "start", [b"", b"<OGRVRTDataSource/>", b"SQLite format 3\0" + b"\0" * 99]
    )
    def test_another_file_that_calls_itself_one(
        self, tmp_path: Path, suffix: str, start: bytes
    ) -> None:
        path = tmp_path / f"bad{suffix}"
        path.write_bytes(start)
        with pytest.raises(InputError, match="by its first bytes"):
            load_area(str(path))

    @pytest.mark.parametrize("suffix", [".gpkg", ".shp"])
    def test_a_cut_file(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"a{suffix}"
        gpd.GeoDataFrame(geometry=[SQUARE], crs="EPSG:4326").to_file(path)
        path.write_bytes(path.read_bytes()[:104])
        with pytest.raises(InputError, match=f"a{suffix}") as caught:
            load_area(str(path))
        assert str(tmp_path) not in str(caught.value)

    def test_layers_of_different_crs(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gpkg"
        for crs in ("EPSG:4326", "EPSG:32651"):
            frame = gpd.GeoDataFrame(geometry=[SQUARE], crs="EPSG:4326").to_crs(crs)
            pyogrio.write_dataframe(frame, path, layer=crs.replace(":", ""))
        with pytest.raises(InputError, match="its layers have different CRS"):
            load_area(str(path))

    @pytest.mark.parametrize("name", ["a.vrt", "a.gml", "a.7z", "a.csv"])
    def test_other_formats(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_text("x")
        with pytest.raises(InputError, match=r"not a format .* GeoJSON"):
            load_area(str(tmp_path / name))

    def test_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        text = geojson(tmp_path / "a.geojson", SQUARE)
        monkeypatch.setattr(files, "MAX_VERTICES", 4)
        with pytest.raises(InputError, match="too many vertices"):
            load_area(text)
        monkeypatch.setattr(files, "MAX_BYTES", 20)
        with pytest.raises(InputError, match="too large"):
            load_area(text)

    @pytest.mark.parametrize(
        "text", ["/vsicurl/http://x.invalid/a.geojson", "https://x.invalid/a.geojson", "/vsizip/a"]
    )
    def test_not_this_machine(self, text: str) -> None:
        with pytest.raises(InputError, match="from this machine only"):
            load_area(text)

    @pytest.mark.parametrize("name", ["none.geojson", "folder/none.shp", "none.gpkg"])
    def test_missing_file(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(MissingInputError, match="no such file"):
            load_area(str(tmp_path / name))

    def test_folder(self, tmp_path: Path) -> None:
        with pytest.raises(MissingInputError, match="is a folder"):
            load_area(str(tmp_path))

    @pytest.mark.parametrize("text", ["nowhere", "", "x" * 5000, "a\0b", "Sq. of nothing"])
    def test_unknown_name(self, text: str) -> None:
        with pytest.raises(MissingInputError, match="no such file, and no place of that name"):
            load_area(text)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("1,2,3", "four numbers"),
            ("1,2,3,4,5", "four numbers"),
            ("1,2,x,4", "four numbers"),
            ("1,2,nan,4", "four numbers"),
            ("1,2,inf,4", "four numbers"),
            ("1,4,3,2", "wrong order"),
            ("1,2,1,4", "enclose nothing"),
        ],
    )
    def test_bounds_that_are_none(self, text: str, message: str) -> None:
        with pytest.raises(UsageError, match=f"{message}.*needed: west,south,east,north"):
            load_area(text)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("39.018,125.750,39.021,125.755", "latitude and longitude are swapped"),
            ("738000,4322000,739000,4323000", "metres, it seems"),
            ("179,0,-179,1", "antimeridian"),
            ("179,0,181,1", "antimeridian"),
            ("-200,0,10,1", "antimeridian"),
            ("190,0,191,1", "beyond 180 degrees .*subtract 360"),
            ("-180,60,180,90", "around a pole"),
            ("-180,-10,180,10", "antimeridian"),
        ],
    )
    def test_bounds_out_of_range(self, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            load_area(text)

    def test_the_earth_where_the_images_are_not_on_it(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="not georeferenced"):
            load_area("kim-il-sung-square", georeferenced=False)
        with pytest.raises(InputError, match="KML is longitude and latitude"):
            load_area(kml(tmp_path / "a.kml", polygon_kml(RING)), georeferenced=False)


class TestAgainstTheScenes:
    def test_inside_and_crossing(self) -> None:
        area = load_area("125.750,39.018,125.755,39.021")
        check_against(area, shapely.box(125, 39, 126, 40))
        check_against(area, shapely.box(125.752, 39, 126, 40))

    def test_outside_by_so_much(self) -> None:
        area = load_area("125.750,39.018,125.755,39.021")
        with pytest.raises(InputError, match=r"outside the scenes: (\S+) km away") as caught:
            check_against(area, shapely.box(126, 39, 127, 40))
        found = float(re.search(r"scenes: (\S+) km", str(caught.value))[1])  # type: ignore[index]
        truth = pyproj.Geod(ellps="WGS84").inv(125.755, 39.02, 126, 39.02)[2] / 1000
        assert found == pytest.approx(truth, abs=0.06)

    def test_a_common_edge_is_outside(self) -> None:
        with pytest.raises(InputError, match="0 m away"):
            check_against(load_area("0,50,1,51"), shapely.box(1, 50, 2, 51))

    def test_swapped(self) -> None:
        with pytest.raises(InputError, match="latitude and longitude are swapped"):
            check_against(load_area("48.1,11.5,48.2,11.6"), shapely.box(11, 48, 12, 49))

    def test_scenes_as_grids(self) -> None:
        area = load_area("125.750,39.018,125.755,39.021")
        x, y = UTM.transform(125.7525, 39.0195)
        here = GeoBox((400, 400), Affine(1, 0, x - 200, 0, -1, y + 200), "EPSG:32651")
        degrees = GeoBox((100, 100), Affine(1e-4, 0, 125.75, 0, -1e-4, 39.025), "EPSG:4326")
        beside = GeoBox((100, 100), Affine(1, 0, x + 300, 0, -1, y), "EPSG:32651")
        wrapped = GeoBox((9, 9), Affine(1, 0, 175, 0, -1, 5), "EPSG:4326")
        check_against(area, here, degrees)
        check_against(area, here, beside)  # the two don't meet, which is told elsewhere
        check_against(area, here, wrapped)
        with pytest.raises(InputError, match="m away"):
            check_against(area, beside)

    def test_in_the_metric_frame(self) -> None:
        area = load_area("0,0,10,10", georeferenced=False)
        with pytest.raises(InputError, match="90 m away"):
            check_against(area, shapely.box(100, 0, 200, 10))


class TestOnGrids:
    grid = GeoBox((60, 80), Affine(0.5, 0, 738_000, 0, -0.5, 4_322_030), "EPSG:32651")

    def test_bounds_hold_the_bend_of_an_edge(self) -> None:
        area = load_area("120,39,126,40")
        left, bottom, right, _ = area.bounds("EPSG:32651")
        corners = shapely.transform(area.geometry, UTM.transform, interleaved=False).bounds
        # A parallel bends towards the equator's side of its chord in the middle of the zone.
        assert bottom < corners[1] - 1000
        assert (left, right) == pytest.approx((corners[0], corners[2]), abs=1)
        assert area.bounds("EPSG:4326") == pytest.approx((120, 39, 126, 40))

    def test_bounds_where_the_crs_ends(self) -> None:
        with pytest.raises(InputError, match="no coordinates"):
            load_area("-60,-40,-50,-35").bounds("+proj=ortho +lat_0=39 +lon_0=125")

    def test_mismatch_of_frames(self) -> None:
        with pytest.raises(ValueError, match="georeferenced"):
            load_area("0,0,1,1").bounds(None)
        with pytest.raises(ValueError, match="georeferenced"):
            load_area("0,0,1,1", georeferenced=False).mask(self.grid)

    @pytest.mark.parametrize("crs", ["EPSG:32651", "EPSG:4326", "EPSG:3857", None])
    def test_mask_takes_the_pixels_whose_centre_is_inside(self, crs: str | None) -> None:
        circle = shapely.Point(738_021.3, 4_322_014.1).buffer(9.7)
        to_degrees = UTM.transform if crs else None
        geometry = (
            shapely.transform(
                circle, lambda x, y: to_degrees(x, y, direction="INVERSE"), interleaved=False
            )
            if to_degrees
            else circle
        )
        area = Area(name="c", geometry=geometry, source="test", georeferenced=crs is not None)
        west, _, east, north = area.outline_in(crs).bounds
        step = (east - west) / 37.3
        along, across = step * math.cos(math.radians(7)), step * math.sin(math.radians(7))
        turned = Affine(along, -across, west - 3 * step, -across, -along, north + 5 * step)
        grid = GeoBox((55, 60), turned, crs)
        rows, cols = np.mgrid[:55, :60]
        inside = shapely.contains_xy(area.outline_on(grid), cols + 0.5, rows + 0.5)
        assert 700 < inside.sum() < 1200
        np.testing.assert_array_equal(area.mask(grid), inside)

    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(st.floats(5, 70), st.floats(5, 50), st.floats(0.01, 3), st.floats(0.01, 3))
    @example(5.0, 5.0, 0.99999, 0.5)  # burnt by nothing of GDAL's
    def test_a_small_area_is_never_lost_and_blocks_equal_the_whole(
        self, col: float, row: float, width: float, height: float
    ) -> None:
        grid = GeoBox((60, 80), Affine(1, 0, 0, 0, -1, 0), None)
        box = shapely.box(col, -row - height, col + width, -row)
        area = Area(name="s", geometry=box, source="test", georeferenced=False)
        whole = area.mask(grid)
        assert whole.any()
        touched = np.zeros(whole.shape, dtype=bool)
        touched[int(row) : math.ceil(row + height), int(col) : math.ceil(col + width)] = True
        assert not (whole & ~touched).any()
        cut = [
            area.mask(GeoBox((min(7, 60 - top), 80), Affine(1, 0, 0, 0, -1, -top), None))
            for top in range(0, 60, 7)
        ]
        np.testing.assert_array_equal(np.concatenate(cut), whole)

    def test_outside_the_grid(self) -> None:
        assert not load_area("0,0,1,1").mask(GeoBox((5, 5), Affine(1, 0, 9, 0, -1, 9), 4326)).any()

    def test_area_and_centre(self) -> None:
        area = load_area("125.750,39.018,125.755,39.021")
        geod = pyproj.Geod(ellps="WGS84")
        across = geod.inv(125.750, 39.0195, 125.755, 39.0195)[2]
        up = geod.inv(125.7525, 39.018, 125.7525, 39.021)[2]
        assert area.area_m2 == pytest.approx(across * up, rel=1e-5)
        assert area.centre == pytest.approx((125.7525, 39.0195))
        assert area.centre_position == {"lon": 125.7525, "lat": 39.0195, "mgrs": "51SYD38292254"}
        assert load_area("0,0,1,1", georeferenced=False).centre_position is None
        ring = SQUARE - SQUARE.centroid.buffer(1e-3)
        for shape in (ring, ring.reverse()):
            assert Area(name="r", geometry=shape, source="t").area_m2 < area.area_m2

    @pytest.mark.parametrize("crs", ["EPSG:32651", "EPSG:4326", None])
    def test_the_footprint_is_the_whole_grid(self, crs: str | None) -> None:
        step = 1e-5 if crs == "EPSG:4326" else 0.5
        left, top = {"EPSG:32651": (738_000, 4_322_030), "EPSG:4326": (125, 39)}.get(
            str(crs), (0, 0)
        )
        grid = GeoBox((60, 80), Affine(step, 0, left, 0, -step, top), crs)
        area = area_from_overlap(grid)
        assert area.georeferenced is (crs is not None)
        assert area.source == "scenes' overlap"
        assert area.mask(grid).all()
        if crs != "EPSG:4326":
            assert area.area_m2 == pytest.approx(1200, rel=2e-3)

    def test_the_overlap_is_a_window_of_the_grid(self) -> None:
        area = area_from_overlap(self.grid, Window(10, 20, 30, 60))
        mask = area.mask(self.grid)
        assert mask[10:30, 20:60].all()
        assert mask.sum() == 20 * 40

    def test_a_footprint_across_the_antimeridian(self) -> None:
        with pytest.raises(InputError, match="antimeridian"):
            area_from_overlap(GeoBox((9, 9), Affine(1, 0, 175, 0, -1, 5), "EPSG:4326"))
