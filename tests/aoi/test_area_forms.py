"""Every form that an area may be given in has the size and centre that it was made with."""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path

import geopandas as gpd
import pyogrio
import pyproj
import pytest
import shapely

from aoi.cli import main
from aoi.places import files, load_area, zipped
from imagery.errors import InputError, UsageError

GEOD = pyproj.Geod(ellps="WGS84")
UTM = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32651", always_xy=True)
METRES = shapely.box(738_000, 4_322_000, 738_300, 4_322_200)
"""300 m by 200 m on the ground of EPSG:32651, whose scale here is 1.0003."""

SQUARE = shapely.transform(
    METRES, lambda x, y: UTM.transform(x, y, direction="INVERSE"), interleaved=False
)
CENTRE = UTM.transform(738_150, 4_322_100, direction="INVERSE")
CIRCLE_SHARE = 72 / 2 * math.sin(2 * math.pi / 72) / math.pi
"""Of a circle's area, what its 72 corners enclose."""


def kml(*geometries: str) -> bytes:
    placed = "".join(f"<Placemark>{geometry}</Placemark>" for geometry in geometries)
    return (
        '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"{placed}</Document></kml>"
    ).encode()


def ring_kml(shape: shapely.Polygon) -> str:
    ring = " ".join(f"{x:.12f},{y:.12f},0" for x, y in shapely.get_coordinates(shape))
    return (
        "<Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    )


def archive(path: Path, entries: dict[str, bytes], **options: int) -> str:
    with zipfile.ZipFile(path, "w", options.get("compression", zipfile.ZIP_DEFLATED)) as out:
        for name, data in entries.items():
            out.writestr(name, data)
    return str(path)


def shapefile(folder: Path, shape: object = METRES, crs: str | None = "EPSG:32651") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "court.shp"
    gpd.GeoDataFrame(geometry=[shape], crs=crs).to_file(path)
    return path


def make_geojson(folder: Path) -> str:
    (folder / "a.geojson").write_text(shapely.to_geojson(SQUARE))
    return str(folder / "a.geojson")


def make_geopackage(folder: Path) -> str:
    gpd.GeoDataFrame(geometry=[METRES], crs="EPSG:32651").to_file(folder / "a.gpkg")
    return str(folder / "a.gpkg")


def make_kml(folder: Path) -> str:
    (folder / "a.kml").write_bytes(kml(ring_kml(SQUARE)))
    return str(folder / "a.kml")


def make_kmz(folder: Path) -> str:
    other = kml(ring_kml(shapely.box(1, 1, 2, 2)))
    entries = {"files/other.kml": other, "doc.kml": kml(ring_kml(SQUARE)), "files/a.png": b"x"}
    return archive(folder / "a.kmz", entries)


def make_zip(folder: Path) -> str:
    parts = shapefile(folder / "parts").parent.iterdir()
    entries = {f"sub/Court{p.suffix.upper()}": p.read_bytes() for p in parts}
    return archive(folder / "a.zip", entries | {"__MACOSX/sub/._Court.shp": b"x", "readme": b"y"})


def make_wkt_file(folder: Path) -> str:
    (folder / "a.wkt").write_text(f"\ufeff{SQUARE.wkt}\n", encoding="utf-8")
    return str(folder / "a.wkt")


FORMS = {
    "geojson": make_geojson,
    "geopackage": make_geopackage,
    "kml": make_kml,
    "kmz": make_kmz,
    "shapefile": lambda folder: str(shapefile(folder)),
    "zipped shapefile": make_zip,
    "wkt file": make_wkt_file,
    "wkt": lambda _: SQUARE.wkt,
    "ewkt": lambda _: f" srid=32651; {METRES.wkt.lower()}",
    "wkt in three dimensions": lambda _: shapely.force_3d(SQUARE, 5.0).wkt,
}


@pytest.mark.parametrize("form", FORMS)
def test_a_form_has_the_size_and_the_centre(tmp_path: Path, form: str) -> None:
    area = load_area(FORMS[form](tmp_path))
    scale = pyproj.Proj("EPSG:32651").get_factors(*CENTRE).areal_scale
    assert area.area_m2 == pytest.approx(60_000 / scale, rel=1e-5)
    assert GEOD.inv(*area.centre, *CENTRE)[2] < 0.01
    assert not area.geometry.has_z
    assert area.geometry.exterior.is_ccw
    assert str(tmp_path) not in area.source
    assert (area.file is None) is (form in ("wkt", "ewkt", "wkt in three dimensions"))


@pytest.mark.parametrize(
    ("text", "radius"),
    [
        ("125.7523,39.0194,250m", 250),
        (" 125.7523 , 39.0194 , 0.25 KM ", 250),
        ("125.7523,39.0194,1e3m", 1000),
        ("-70.5,-33.4,3km", 3000),
        ("0,85,20km", 20_000),
    ],
)
def test_a_point_with_a_radius(text: str, radius: float) -> None:
    area = load_area(text)
    lon, lat = (float(number) for number in text.split(",")[:2])
    for x, y in shapely.get_coordinates(area.geometry):
        assert GEOD.inv(lon, lat, x, y)[2] == pytest.approx(radius, rel=1e-9)
    assert area.area_m2 == pytest.approx(CIRCLE_SHARE * math.pi * radius**2, rel=1e-4)
    assert area.geometry.exterior.is_ccw
    assert area.source == f"point {lon:.10g},{lat:.10g},{radius:.10g}m"


def test_a_point_in_the_metric_frame() -> None:
    area = load_area("100,-50,20m", georeferenced=False)
    assert area.area_m2 == pytest.approx(CIRCLE_SHARE * math.pi * 400)
    assert area.centre == pytest.approx((100, -50))
    assert area.geometry.exterior.is_ccw


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("125.75,39.02,250", UsageError, "four numbers.*lon,lat,radius with a unit"),
        ("125.75,39.02,250ft", UsageError, "four numbers"),
        ("125.75,39.02,0m", UsageError, "radius is above 0"),
        ("125.75,39.02,-5m", UsageError, "radius is above 0"),
        ("125.75,39.02,501km", UsageError, "at most 500 km"),
        ("39.02,125.75,5km", InputError, "latitude and longitude are swapped"),
        ("738000,4322000,5km", InputError, "metres, it seems"),
        ("179.99,10,5km", InputError, "across the antimeridian"),
        ("-179.99,10,5km", InputError, "across the antimeridian"),
        ("180,10,5km", InputError, "across the antimeridian"),
        ("190,10,5km", InputError, "beyond 180 degrees"),
        ("20,89.99,5km", InputError, "around a pole"),
        ("20,-89.99,5km", InputError, "around a pole"),
        ("0,90,5km", InputError, "around a pole|antimeridian"),
    ],
)
def test_a_point_that_is_none(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        load_area(text)


def test_a_point_beside_the_antimeridian_and_the_pole_is_used() -> None:
    assert load_area("179.9,10,5km").area_m2 == pytest.approx(7.85e7, rel=2e-3)
    assert load_area("20,89.9,5km").area_m2 == pytest.approx(7.85e7, rel=2e-2)


@pytest.mark.parametrize("centre", [(0, 0), (2_000_000, -2_000_000)])
def test_an_outline_around_or_beside_the_pole_in_a_polar_projection(
    tmp_path: Path, centre: tuple[float, float]
) -> None:
    shape = shapely.Point(centre).buffer(100_000)
    gpd.GeoDataFrame(geometry=[shape], crs="EPSG:3413").to_file(tmp_path / "a.gpkg")
    if centre == (0, 0):
        with pytest.raises(InputError, match="around a pole"):
            load_area(str(tmp_path / "a.gpkg"))
    else:
        area = load_area(str(tmp_path / "a.gpkg"))
        scale = pyproj.Proj("EPSG:3413").get_factors(*area.centre).areal_scale
        assert area.area_m2 == pytest.approx(shape.area / scale, rel=2e-3)


def test_a_projected_outline_across_the_antimeridian(tmp_path: Path) -> None:
    shape = shapely.box(800_000, 0, 900_000, 1000)  # zone 60 ends at 833,978
    gpd.GeoDataFrame(geometry=[shape], crs="EPSG:32660").to_file(tmp_path / "a.gpkg")
    with pytest.raises(InputError, match="across the antimeridian"):
        load_area(str(tmp_path / "a.gpkg"))


class TestPoints:
    @pytest.mark.parametrize("form", ["kml", "wkt", "utm"])
    def test_points_with_a_radius_are_circles(self, tmp_path: Path, form: str) -> None:
        far = CENTRE[0] + 0.1, CENTRE[1]
        if form == "kml":
            points = [
                f"<Point><coordinates>{x},{y}</coordinates></Point>" for x, y in (CENTRE, far)
            ]
            (tmp_path / "a.kml").write_bytes(kml(*points))
        text = str(tmp_path / "a.kml")
        if form == "wkt":
            text = shapely.MultiPoint([CENTRE, far]).wkt
        if form == "utm":
            frame = gpd.GeoDataFrame(
                geometry=gpd.points_from_xy(*zip(CENTRE, far, strict=True)), crs=4326
            )
            frame.to_crs(32651).to_file(tmp_path / "a.gpkg")
            text = str(tmp_path / "a.gpkg")
        area = load_area(text, radius_m=200)
        assert area.area_m2 == pytest.approx(2 * CIRCLE_SHARE * math.pi * 200**2, rel=1e-4)
        assert "2 points with a radius of 200 m" in area.source
        with pytest.raises(InputError, match=r"holds no polygon .*give points a radius"):
            load_area(text)

    def test_points_and_polygons_are_united(self, tmp_path: Path) -> None:
        point = f"<Point><coordinates>{CENTRE[0]},{CENTRE[1]}</coordinates></Point>"
        (tmp_path / "a.kml").write_bytes(kml(ring_kml(SQUARE), point))
        alone = load_area(str(tmp_path / "a.kml"))
        assert alone.source.endswith("1 points or lines left out")
        both = load_area(str(tmp_path / "a.kml"), radius_m=500)
        assert both.area_m2 == pytest.approx(CIRCLE_SHARE * math.pi * 500**2, rel=1e-4)
        assert "left out" not in both.source

    def test_in_the_metric_frame(self) -> None:
        area = load_area("POINT (3 4)", georeferenced=False, radius_m=10)
        assert area.area_m2 == pytest.approx(CIRCLE_SHARE * math.pi * 100)

    @pytest.mark.parametrize("radius", [0, -1, math.nan, math.inf, 6e5])
    def test_a_radius_that_is_none(self, radius: float) -> None:
        with pytest.raises(UsageError, match="radius is above 0"):
            load_area("POINT (3 4)", radius_m=radius)

    def test_too_many(self) -> None:
        with pytest.raises(InputError, match="1001 points"):
            load_area(shapely.MultiPoint([(i / 100, 0) for i in range(1001)]).wkt, radius_m=5)


class TestLayers:
    @pytest.fixture
    def package(self, tmp_path: Path) -> str:
        path = tmp_path / "sites.gpkg"
        for name, shape in (("north court", SQUARE), ("two", shapely.box(1, 1, 2, 2))):
            frame = gpd.GeoDataFrame(geometry=[shape], crs="EPSG:4326")
            pyogrio.write_dataframe(frame, path, layer=name)
        return str(path)

    def test_all_are_read_and_named(self, package: str) -> None:
        area = load_area(package)
        assert area.source == "file sites.gpkg, layer north court, two, 2 polygons united"

    def test_one_is_read(self, package: str) -> None:
        area = load_area(f"{package}:north court")
        assert area.geometry.equals(SQUARE)
        assert area.source == "file sites.gpkg, layer north court"
        assert area.name == "sites"

    def test_one_that_is_not_there(self, package: str) -> None:
        with pytest.raises(InputError, match=r"no layer 'three' .* 'north court', 'two'"):
            load_area(f"{package}:three")

    def test_a_package_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"none\.gpkg: no such file"):
            load_area(f"{tmp_path / 'none.gpkg'}:one")


class TestArchives:
    """A KMZ and a zip from a stranger."""

    good = kml(ring_kml(SQUARE))

    def test_the_first_document_counts_where_none_is_called_doc(self, tmp_path: Path) -> None:
        entries = {"b.kml": self.good, "a.kml": kml(ring_kml(shapely.box(1, 1, 2, 2)))}
        assert load_area(archive(tmp_path / "a.kmz", entries)).geometry.equals_exact(SQUARE, 1e-9)

    def test_a_link_to_elsewhere_is_not_followed(self, tmp_path: Path) -> None:
        link = b"<NetworkLink><Link><href>http://127.0.0.1:9/x.kml</href></Link></NetworkLink>"
        data = self.good.replace(b"<Document>", b"<Document>" + link)
        assert load_area(archive(tmp_path / "a.kmz", {"doc.kml": data})).area_m2 > 0

    def test_nothing_is_written_by_the_names_inside(self, tmp_path: Path) -> None:
        inner = tmp_path / "inner"
        inner.mkdir()
        entries = {"../evil.kml": self.good, "/evil.kml": self.good, "a/../../evil.kml": self.good}
        before = sorted(tmp_path.rglob("*"))
        path = archive(inner / "a.kmz", entries)
        with pytest.raises(InputError, match=r"without a \.kml file"):
            load_area(path)
        assert sorted(tmp_path.rglob("*")) == sorted([*before, inner / "a.kmz"])

    def test_a_shapefile_with_such_names_is_none(self, tmp_path: Path) -> None:
        parts = shapefile(tmp_path / "parts").parent.iterdir()
        entries = {f"../../evil{p.suffix}": p.read_bytes() for p in parts}
        with pytest.raises(InputError, match=r"an archive with no \.shp files"):
            load_area(archive(tmp_path / "a.zip", entries))

    @pytest.mark.parametrize("name", ["a.kmz", "a.zip"])
    def test_a_bomb(self, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "MAX_BYTES", 100_000)
        inner = {
            "doc.kml": b" " * 10_000_000,
            "a.shp": b"\0" * 10_000_000,
            "a.shx": b"",
            "a.dbf": b"",
        }
        path = archive(tmp_path / name, inner)
        assert Path(path).stat().st_size < 100_000
        with pytest.raises(InputError, match="MB when unpacked"):
            load_area(path)

    def test_a_bomb_whose_header_lies(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "MAX_BYTES", 100_000)
        path = tmp_path / "a.kmz"
        archive(path, {"doc.kml": b" " * 10_000_000})
        size = (10_000_000).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(size, (50).to_bytes(4, "little")))
        with pytest.raises(InputError, match="a\\.kmz: cannot be read"):
            load_area(str(path))

    def test_too_many_entries(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(zipped, "MOST_DIRECTORY", 5000)
        entries = {f"{i}.png": b"" for i in range(200)} | {"doc.kml": self.good}
        with pytest.raises(InputError, match="too many files"):
            load_area(archive(tmp_path / "a.kmz", entries))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            (b"", "no end record"),
            (b"PK\x03\x04" + b"\0" * 100, "no end record"),
            (b"PK\x05\x06" + b"\xff" * 18, "too many files"),
            (b"PK\x05\x06" + b"\0" * 18, r"without a \.kml"),
        ],
    )
    def test_no_archive(self, tmp_path: Path, data: bytes, message: str) -> None:
        (tmp_path / "a.kmz").write_bytes(data)
        with pytest.raises(InputError, match=message):
            load_area(str(tmp_path / "a.kmz"))

    def test_a_damaged_one(self, tmp_path: Path) -> None:
        path = Path(archive(tmp_path / "a.kmz", {"doc.kml": self.good * 3}))
        data = bytearray(path.read_bytes())
        data[60:90] = b"\xff" * 30
        path.write_bytes(data)
        with pytest.raises(InputError, match="a damaged archive"):
            load_area(str(path))

    def test_an_encrypted_one(self, tmp_path: Path) -> None:
        path = Path(archive(tmp_path / "a.kmz", {"doc.kml": self.good}))
        data = bytearray(path.read_bytes())
        data[6] |= 1
        data[data.rindex(b"PK\x01\x02") + 8] |= 1
        path.write_bytes(data)
        with pytest.raises(InputError, match="encrypted"):
            load_area(str(path))

    def test_one_packed_in_an_unusual_way(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "a.kmz", {"doc.kml": self.good}, compression=zipfile.ZIP_LZMA)
        with pytest.raises(InputError, match="unusual way"):
            load_area(path)

    def test_entities_are_not_expanded(self, tmp_path: Path) -> None:
        laughs = b'<!DOCTYPE k [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
        data = self.good.replace(b"<kml", laughs + b"<kml")
        with pytest.raises(InputError, match="declares a document type"):
            load_area(archive(tmp_path / "a.kmz", {"doc.kml": data}))

    @pytest.mark.parametrize(
        ("drop", "message"),
        [(".shx", "without its .shx"), (".dbf", "without its .dbf"), (".shp", "no .shp files")],
    )
    def test_a_part_that_is_missing(self, tmp_path: Path, drop: str, message: str) -> None:
        parts = shapefile(tmp_path / "parts").parent.iterdir()
        entries = {p.name: p.read_bytes() for p in parts if p.suffix != drop}
        with pytest.raises(InputError, match=message):
            load_area(archive(tmp_path / "a.zip", entries))

    def test_two_shapefiles(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"archive with 2 \.shp files"):
            load_area(archive(tmp_path / "a.zip", {"a.shp": b"", "b.shp": b""}))

    def test_a_zipped_shapefile_without_a_crs(self, tmp_path: Path) -> None:
        folder = shapefile(tmp_path / "parts").parent
        entries = {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".prj"}
        path = archive(tmp_path / "a.zip", entries)
        with pytest.raises(InputError, match=r"a\.zip: has no CRS .* option: --crs"):
            load_area(path)
        assert load_area(path, crs="EPSG:32651").area_m2 == pytest.approx(60_000, rel=1e-3)

    def test_an_archive_of_no_shapefile(self, tmp_path: Path) -> None:
        entries = {"a.shp": b"<OGRVRTDataSource/>", "a.shx": b"", "a.dbf": b""}
        with pytest.raises(InputError, match="not a shapefile by its first bytes"):
            load_area(archive(tmp_path / "a.zip", entries))

    def test_kmz_where_the_images_are_not_on_the_earth(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "a.kmz", {"doc.kml": self.good})
        with pytest.raises(InputError, match="KML is longitude and latitude"):
            load_area(path, georeferenced=False)


class TestWellKnownText:
    def test_a_collection_is_united(self) -> None:
        text = (
            f"GEOMETRYCOLLECTION (POINT (1 2), MULTIPOLYGON (((0 0, 2 0, 2 2, 0 0))), {SQUARE.wkt})"
        )
        area = load_area(text)
        assert area.source == "WKT, 2 polygons united, 1 points or lines left out"
        assert area.name == "WKT outline"

    def test_in_the_metric_frame(self) -> None:
        assert load_area("POLYGON ((0 0, 4 0, 4 3, 0 0))", georeferenced=False).area_m2 == 6

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("POLYGON ((0 0, 1 1", "not well-known text"),
            ("POLYGON ((0 0, a b, 1 1, 0 0))", "not well-known text"),
            ("POLYGON EMPTY", "holds no polygon"),
            ("LINESTRING (0 0, 1 1)", "holds no polygon"),
            ("POLYGON ((0 0, 2 2, 2 0, 0 2, 0 0))", "crosses or touches itself"),
            ("POLYGON ((0 0, 1 0, 1 nan, 0 0))", "a coordinate that is no number"),
            ("SRID=99;POLYGON ((0 0, 1 0, 1 1, 0 0))", "no EPSG code"),
            ("GEOMETRYCOLLECTION (" * 100_000, "brackets more than 6 deep"),
            (METRES.wkt, "metres, it seems"),
            ("POLYGON ((39 125, 40 125, 40 126, 39 125))", "swapped"),
            ("POLYGON ((170 0, -170 0, -170 5, 170 0))", "antimeridian"),
        ],
    )
    def test_what_is_none(self, text: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            load_area(text)

    def test_a_file_that_is_called_so_is_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "polygon (2).geojson"
        path.write_text(shapely.to_geojson(SQUARE))
        assert load_area(str(path)).file is not None
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path)
            assert load_area("polygon (2).geojson").geometry.equals(SQUARE)

    @pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"", b"hello", b"POLYGON"])
    def test_a_file_that_is_none(self, tmp_path: Path, data: bytes) -> None:
        (tmp_path / "a.wkt").write_bytes(data)
        with pytest.raises(InputError, match=r"a\.wkt: cannot be read as an area"):
            load_area(str(tmp_path / "a.wkt"))

    def test_too_many_vertices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "MAX_VERTICES", 4)
        with pytest.raises(InputError, match="too many vertices"):
            load_area(SQUARE.wkt)


def test_an_area_that_is_split_at_the_antimeridian(tmp_path: Path) -> None:
    """Split at 180 degrees as RFC 7946, 3.1.9, shows, it is refused in words."""
    content = {
        "type": "MultiPolygon",
        "coordinates": [
            [[[180.0, 40.0], [180.0, 50.0], [170.0, 50.0], [170.0, 40.0], [180.0, 40.0]]],
            [[[-170.0, 40.0], [-170.0, 50.0], [-180.0, 50.0], [-180.0, 40.0], [-170.0, 40.0]]],
        ],
    }
    (tmp_path / "a.geojson").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"across the antimeridian .*one run for each"):
        load_area(str(tmp_path / "a.geojson"))


class TestWithoutItsSystem:
    def test_wkt_takes_the_crs_that_is_given(self) -> None:
        area = load_area(METRES.wkt, crs="EPSG:32651")
        assert area.centre == pytest.approx(CENTRE, abs=1e-6)
        assert load_area(SQUARE.wkt).centre == pytest.approx(CENTRE, abs=1e-6)

    def test_its_own_srid_wins(self) -> None:
        area = load_area(f"SRID=4326;{SQUARE.wkt}", crs="EPSG:32651")
        assert area.centre == pytest.approx(CENTRE, abs=1e-6)

    def test_the_refusal_says_how_to_name_it(self) -> None:
        with pytest.raises(InputError, match=r"SRID=32651;POLYGON .* option: --crs"):
            load_area(METRES.wkt)


@pytest.mark.parametrize("text", ["zzz", "https://example.org/a.geojson"])
def test_the_refusal_of_an_unknown_area_lists_every_form(text: str) -> None:
    with pytest.raises(InputError) as refused:
        load_area(text)
    said = str(refused.value)
    for form in ("aoi list", "GeoJSON", "KMZ", "west,south,east,north", "lon,lat,radius", "WKT"):
        assert form in said


class TestLeadingMinus:
    @pytest.mark.parametrize("text", ["-60.1,-3.2,2km", "-.5,-3.2,2km"])
    def test_it_is_an_area(self, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["aoi", "show", text, "--json"]) == 0
        lon = json.loads(capsys.readouterr().out)["centre"]["lon"]
        assert lon == pytest.approx(float(text.split(",")[0]), abs=1e-4)

    @pytest.mark.parametrize("words", [["--jsn"], ["--jsn", "kim-il-sung-square"], ["-x"]])
    def test_a_wrong_option_is_none(
        self, words: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["aoi", "show", *words]) == 2
        assert capsys.readouterr().out == ""

    def test_an_option_takes_it(self, capsys: pytest.CaptureFixture[str]) -> None:
        """A file that isn't there is told of after the area was read."""
        assert main(["inspect", "none.tif", "--aoi", "-60.1,-3.2,2km"]) == 3
        assert "none.tif" in capsys.readouterr().err
