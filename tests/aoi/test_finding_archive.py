"""One's own archive: what goes in comes out, by place and date, and nobody is asked."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pair import write_image
from stac_server import AFTER, BEFORE, band_asset, item_of, write_cog, write_parquet

from aoi.cli import main
from aoi.finding.add import add_to_archive
from aoi.finding.archive import count, every_item, put, search_archive, take_out
from aoi.finding.item import read_items
from aoi.finding.query import Query, days_around, matching
from aoi.finding.search import search
from aoi.places import load_area
from imagery.errors import InputError, MissingInputError, OutputError
from imagery.record import sha256_of

Captured = pytest.CaptureFixture[str]
AREA = "123.0006,39.0255,123.0030,39.0268"


def query(days: str | None = "2024-06-03", *, area: str = AREA, **more: Any) -> Query:
    around = None if days is None else days_around(days, days=3, option="--before")
    return Query(area=load_area(area), days=around, **more)


def ids(items: Any) -> list[str]:
    return sorted(item.id for item in items)


def many(number: int, *, seed: int = 1) -> list[dict[str, Any]]:
    """Scenes all over the Earth and over ten years."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(number):
        west, south = rng.uniform(-179, 178), rng.uniform(-80, 79)
        day = np.datetime64("2015-01-01") + int(rng.integers(3650))
        made.append(
            item_of(f"scene-{seed}-{n}", f"{day}T02:00:00Z", {},
                    box=(west, south, west + 1, south + 1))
        )  # fmt: skip
    return made


class TestFile:
    def test_items_come_out_as_they_went_in(self, tmp_path: Path) -> None:
        raw = [item_of("one", BEFORE, {"red": band_asset("https://h.example/red.tif", "red")}),
               {**item_of("two", AFTER, {}), "own": {"deep": [1, None, "é"]}}]  # fmt: skip
        path = tmp_path / "a.parquet"
        assert put(path, read_items(raw)[0]) == 0
        back = {item["id"]: item for item in every_item(path)}
        assert back == {item["id"]: item for item in raw}

    def test_other_tools_read_it(self, tmp_path: Path) -> None:
        import pyarrow.parquet as pq
        from stac_geoparquet.arrow import stac_table_to_items

        path = tmp_path / "a.parquet"
        put(path, read_items(many(3))[0])
        items = list(stac_table_to_items(pq.read_table(path)))
        assert {item["properties"]["platform"] for item in items} == {"sentinel-2a"}
        assert b"geo" in pq.read_schema(path).metadata

    def test_what_other_tools_wrote_is_searched(self, tmp_path: Path) -> None:
        path = write_parquet(tmp_path / "theirs.parquet", [item_of("one", BEFORE, {})])
        found, cautions = search_archive(path, query())
        assert ids(found) == ["one"]
        assert found[0].number("eo:cloud_cover") == 12.5
        assert cautions == ()

    def test_items_of_quarrelling_types_live_together(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        for number, value in enumerate((5, "five", [5], {"five": 5}, None, 5.5)):
            raw = item_of(f"n{number}", BEFORE, {}, **{"own:value": value, "gsd": 10})
            assert put(path, read_items([raw])[0]) == 0
        told = {item["id"]: item["properties"]["own:value"] for item in every_item(path)}
        assert told == {"n0": 5, "n1": "five", "n2": [5], "n3": {"five": 5}, "n4": None, "n5": 5.5}

    def test_adding_again_renews(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        put(path, read_items(many(50))[0])
        changed = {**many(50)[7], "own": "new"}
        assert put(path, read_items([changed])[0]) == 1
        assert count(path) == 50
        assert [i["id"] for i in every_item(path) if i.get("own") == "new"] == [changed["id"]]

    def test_one_id_in_two_collections_is_two_scenes(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        for name in ("a", "b"):
            put(path, read_items([item_of("same", BEFORE, {}, collection=name)])[0])
        assert count(path) == 2

    def test_scenes_are_taken_out(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        put(path, read_items(many(5))[0])
        assert take_out(path, ["scene-1-3", "nosuch"]) == (1, ("nosuch",))
        assert count(path) == 4

    def test_a_failed_write_leaves_the_archive_as_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.parquet"
        put(path, read_items(many(5))[0])
        before = sha256_of(path)

        def fail(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("stac_geoparquet.arrow.to_parquet", fail)
        with pytest.raises(OutputError, match="No space left"):
            put(path, read_items(many(5, seed=2))[0])
        assert sha256_of(path) == before
        assert not list(tmp_path.glob("*.partial"))

    def test_writers_take_turns(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        threads = [
            threading.Thread(target=put, args=(path, read_items(many(20, seed=n))[0]))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert count(path) == 80

    def test_none_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(MissingInputError, match=r"a\.parquet: no such archive"):
            search_archive(tmp_path / "a.parquet", query())

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 500])
    def test_what_is_no_archive_is_named(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "a.parquet"
        path.write_bytes(content)
        with pytest.raises(InputError, match="is no archive"):
            search_archive(path, query())

    def test_another_table_is_named(self, tmp_path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"id": [1]}), path)
        with pytest.raises(InputError, match="no columns bbox"):
            search_archive(path, query())


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    path, raw = tmp_path_factory.mktemp("big") / "a.parquet", many(6000)
    put(path, read_items(raw[:4000])[0])
    put(path, read_items(raw[4000:])[0])
    return path, raw


class TestSearch:
    @pytest.mark.parametrize(
        ("area", "days"),
        [
            ("10,10,40,40", "2018"), ("-170,-70,-120,70", "2016/2019"),
            ("100,-20,101,-19", None), ("-20,30,5,60", "2020-02"),
        ],
    )  # fmt: skip
    def test_it_finds_what_looking_at_every_item_finds(
        self, big: tuple[Path, list[dict[str, Any]]], area: str, days: str | None
    ) -> None:
        path, raw = big
        asked = query(days, area=area)
        found, _ = search_archive(path, asked)
        assert ids(found) == ids(matching(read_items(raw)[0], asked))
        assert days is None or found

    def test_it_reads_only_the_groups_that_it_meets(
        self, big: tuple[Path, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import pyarrow.parquet as pq

        path, _ = big
        read = []
        plain = pq.ParquetFile.read_row_group

        def spy(self: Any, number: int, **options: Any) -> Any:
            read.append(number)
            return plain(self, number, **options)

        monkeypatch.setattr(pq.ParquetFile, "read_row_group", spy)
        search_archive(path, query("2018", area="100,70,110,75"))
        assert pq.ParquetFile(path).num_row_groups >= 3
        assert set(read) == {pq.ParquetFile(path).num_row_groups - 1}

    def test_undated_scenes_come_only_when_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        raw = item_of("undated", "never", {})
        put(path, read_items([raw, item_of("dated", BEFORE, {})])[0])
        assert ids(search_archive(path, query())[0]) == ["dated"]
        assert ids(search_archive(path, query(undated=True))[0]) == ["dated", "undated"]

    def test_a_mosaic_is_found_by_any_of_its_days(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        raw = item_of("mosaic", BEFORE, {})
        raw["properties"] |= {"datetime": None, "start_datetime": "2024-01-01T00:00:00Z",
                              "end_datetime": "2024-12-31T00:00:00Z"}  # fmt: skip
        put(path, read_items([raw, *many(5)])[0])
        for day, there in (("2024-06-03", True), ("2024-12-31", True), ("2023-06-01", False)):
            assert ("mosaic" in ids(search_archive(path, query(day))[0])) is there

    def test_the_collection_counts(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        put(path, read_items([item_of("one", BEFORE, {})])[0])
        assert search_archive(path, query(collections=("landsat",)))[0] == ()


class TestAdding:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Two dated images, one without a date, a broken one, and what isn't an image."""
        folder = tmp_path / "my scenes #1"
        (folder / "deep").mkdir(parents=True)
        array = np.full((1, 64, 64), 500, np.uint16)
        write_image(folder / "deep" / "one.tif", array)
        write_image(folder / "two.tif", array)
        write_image(folder / "bare.tif", array)
        for name, when in (("deep/one", BEFORE), ("two", AFTER)):
            beside = item_of(Path(name).name, when, {})
            (folder / f"{name}.json").write_text(json.dumps(beside))
        (folder / "broken.tif").write_bytes(b"II*\0nonsense")
        (folder / "notes.txt").write_text("x")
        return folder

    def test_a_folder_is_read_with_all_below_it(self, folder: Path, tmp_path: Path) -> None:
        archive = tmp_path / "a.parquet"
        told = add_to_archive([folder], archive)
        assert (told.added, told.renewed) == (3, 0)
        assert [name for name, _ in told.skipped] == ["broken.tif"]
        assert [name.rpartition("-")[0] for name in told.undated] == ["bare"]
        found, _ = search_archive(archive, query(area="123.0001,39.0286,123.0003,39.0288"))
        assert [item.id.rpartition("-")[0] for item in found] == ["one"]
        assert found[0].text("platform") == "sentinel-2a"
        again = add_to_archive([folder], archive)
        assert (again.added, again.renewed, count(archive)) == (0, 3, 3)

    def test_hrefs_are_relative_and_lead_to_the_files(self, folder: Path, tmp_path: Path) -> None:
        from aoi.finding.files import resolved

        archive = tmp_path / "kept" / "a.parquet"
        add_to_archive([folder / "two.tif"], archive, checksum=True)
        (item,) = every_item(archive)
        asset = item["assets"]["data"]
        assert asset["href"].startswith("../my%20scenes%20%231/")
        assert resolved(asset["href"], str(archive.parent)) == archive.parent / (
            "../my scenes #1/two.tif"
        )
        assert asset["file:checksum"] == "1220" + sha256_of(folder / "two.tif")

    def test_two_images_of_one_name_are_two_scenes(self, tmp_path: Path) -> None:
        archive = tmp_path / "a.parquet"
        for name in ("x", "y"):
            (tmp_path / name).mkdir()
            write_image(tmp_path / name / "same.tif", np.full((1, 8, 8), 5, np.uint16))
        assert add_to_archive([tmp_path / "x", tmp_path / "y"], archive).added == 2

    def test_items_without_pixels(self, tmp_path: Path) -> None:
        path = tmp_path / "catalogue.json"
        items = [item_of("one", BEFORE, {"red": band_asset("https://h.example/r.tif", "red")}),
                 item_of("two", AFTER, {"red": band_asset("pixels/r.tif", "red")})]  # fmt: skip
        path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        archive = tmp_path / "kept" / "a.parquet"
        assert add_to_archive([path], archive).added == 2
        hrefs = {i["id"]: i["assets"]["red"]["href"] for i in every_item(archive)}
        assert hrefs == {"one": "https://h.example/r.tif", "two": "../pixels/r.tif"}

    def test_nothing_readable_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "broken.tif").write_bytes(b"II*\0nonsense")
        with pytest.raises(InputError, match=r"broken\.tif"):
            add_to_archive([tmp_path], tmp_path / "a.parquet")
        assert not (tmp_path / "a.parquet").exists()

    def test_a_path_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(MissingInputError, match="nosuch"):
            add_to_archive([tmp_path / "nosuch"], tmp_path / "a.parquet")


class TestCommands:
    def test_add_list_search_remove(
        self, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TWOPASS_ARCHIVE", str(tmp_path / "own" / "a.parquet"))
        write_image(tmp_path / "bare.tif", np.full((1, 64, 64), 500, np.uint16))
        item = tmp_path / "item.json"
        item.write_text(json.dumps(item_of("one", BEFORE, {})))
        assert main(["archive", "add", str(item), str(tmp_path / "bare.tif")]) == 0
        text = capsys.readouterr().out
        assert "2 added, 0 renewed" in text
        assert "only with --undated" in text
        assert main(["archive", "list", "--json"]) == 0
        scenes = json.loads(capsys.readouterr().out)["scenes"]
        assert [scene["date"] for scene in scenes] == ["2024-06-03 02:21 UTC", "date unknown"]
        assert main(["archive", "search", "--aoi", AREA, "--before", "2024-06-04", "--json"]) == 0
        own = json.loads(capsys.readouterr().out)
        assert [scene["id"] for scene in own["scenes"]] == ["one"]
        words = ["search", "--source", "archive", "--aoi", AREA, "--before", "2024-06-04"]
        assert main([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == own
        assert main(["archive", "remove", "one", "nope"]) == 0
        assert "not there  nope" in capsys.readouterr().out
        assert main(["archive", "remove", "one"]) == 2
        assert "nothing was removed" in capsys.readouterr().err

    def test_an_archive_s_file_is_a_source(self, tmp_path: Path) -> None:
        path = tmp_path / "a.parquet"
        put(path, read_items([item_of("one", BEFORE, {})])[0])
        found = search(load_area(AREA), source=path, before=query().days, after=None)
        assert ids(one.item for one in found.before) == ["one"]
        assert found.source == "a.parquet"


class TestExtent:
    """The outline of an image of one's own is that of its pixels."""

    def item(self, tmp_path: Path, array: Any, **more: Any) -> Any:
        write_image(tmp_path / "one.tif", array, **more)
        add_to_archive([tmp_path / "one.tif"], tmp_path / "a.parquet")
        (raw,) = every_item(tmp_path / "a.parquet")
        return read_items([raw])[0][0]

    def test_a_swath_s_edge_covers_nothing(self, tmp_path: Path) -> None:
        """Fill beyond a diagonal: half of the box, and all of the valid pixels."""
        rows, cols = np.mgrid[:512, :700]
        valid = cols > rows * 0.8 + 100
        item = self.item(tmp_path, np.where(valid, 500, 0).astype(np.uint16)[np.newaxis], nodata=0)
        assert item.footprint_of == "data"
        import rasterio
        import shapely

        from aoi.places.position import to_lonlat

        with rasterio.open(tmp_path / "one.tif") as dataset:
            x, y = dataset.transform * (cols + 0.5, rows + 0.5)
            points = shapely.transform(shapely.points(x.ravel(), y.ravel()), to_lonlat(dataset.crs))
        inside = shapely.contains(item.footprint, points).reshape(valid.shape)
        assert inside[valid].all()
        assert not inside[cols < rows * 0.8 + 100 - 12].any(), "more than two coarse pixels beyond"

    @pytest.mark.parametrize("how", ["collar", "alpha"])
    def test_an_untagged_border_and_an_alpha_count_as_fill(self, tmp_path: Path, how: str) -> None:
        rng = np.random.default_rng(1)
        array = rng.integers(20, 250, (4, 600, 600)).astype(np.uint8)
        array[3] = 255
        array[:, :, :300] = 0
        more = {"photometric": "RGB", "alpha": "YES"} if how == "alpha" else {}
        item = self.item(tmp_path, array if how == "alpha" else array[:3], **more)
        west, _, east, _ = item.footprint.bounds
        assert item.footprint_of == "data"
        import rasterio

        with rasterio.open(tmp_path / "one.tif") as dataset:
            from rasterio.warp import transform_bounds

            box = transform_bounds(dataset.crs, "EPSG:4326", *dataset.bounds)
        assert 0.49 < (east - west) / (box[2] - box[0]) < 0.53

    def test_no_fill_keeps_the_grid_s_own_outline(self, tmp_path: Path) -> None:
        item = self.item(tmp_path, np.full((1, 300, 300), 7, np.uint16), nodata=0)
        assert item.footprint_of == "data"
        import shapely

        assert shapely.box(*item.footprint.bounds).area == pytest.approx(
            item.footprint.area, rel=0.05
        )

    def test_where_looking_is_dear_it_is_the_grid_and_said(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
    ) -> None:
        from aoi.finding import extent

        monkeypatch.setattr(extent, "LARGEST_WITHOUT_OVERVIEWS", 1000)
        array = np.zeros((1, 400, 400), np.uint16)
        array[:, :20] = 5
        item = self.item(tmp_path, array, nodata=0)
        assert item.footprint_of == "grid"
        west, south, east, north = item.footprint.bounds
        place = f"{west + 1e-5},{south + 1e-5},{(west + east) / 2},{(south + north) / 2}"
        words = ["--aoi", place, "--archive", str(tmp_path / "a.parquet")]
        assert main(["archive", "search", *words, "--undated"]) == 0
        assert "(fill may count)" in capsys.readouterr().out


class TestLooseFiles:
    """What lies in a folder as it was downloaded."""

    def test_bands_of_one_landsat_scene_are_one_scene(self, tmp_path: Path) -> None:
        for scene in ("LC08_L1TP_013032_20180131", "LC08_L1TP_013032_20180405"):
            for band in ("B2", "B4"):
                write_image(tmp_path / f"{scene}_{band}.TIF", np.full((1, 8, 8), 5, np.uint16))
        archive = tmp_path / "a.parquet"
        assert add_to_archive([tmp_path], archive).added == 2
        for item in every_item(archive):
            assert sorted(item["assets"]) == ["blue", "red"]

    def test_a_mask_that_is_left_out_is_named(self, tmp_path: Path, capsys: Captured) -> None:
        for name in ("image_rgb.tif", "image_rgb_mask.tif"):
            write_image(tmp_path / name, np.full((1, 8, 8), 5, np.uint16))
        told = add_to_archive([tmp_path], tmp_path / "a.parquet")
        assert (told.added, told.masks) == (1, ["image_rgb_mask.tif"])
        words = ["archive", "add", str(tmp_path), "--archive", str(tmp_path / "a.parquet")]
        assert main(words) == 0
        assert "image_rgb_mask.tif: left out" in capsys.readouterr().out

    def test_items_without_their_image_are_taken(self, tmp_path: Path) -> None:
        write_image(tmp_path / "here.tif", np.full((1, 8, 8), 5, np.uint16))
        beside = item_of("sidecar", BEFORE, {"data": band_asset("here.tif", "red")})
        alone = item_of("alone", AFTER, {"red": band_asset("https://h.example/r.tif", "red")})
        (tmp_path / "here.json").write_text(json.dumps(beside))
        (tmp_path / "other_name.json").write_text(json.dumps(beside))
        (tmp_path / "alone.json").write_text(json.dumps(alone))
        (tmp_path / "case.json").write_text('{"type": "Feature", "properties": {}}')
        archive = tmp_path / "kept" / "a.parquet"
        told = add_to_archive([tmp_path], archive)
        assert (told.added, told.skipped) == (2, [])
        names = sorted(item["id"].rpartition("-")[0] or item["id"] for item in every_item(archive))
        assert names == ["alone", "here"]

    def test_an_id_is_taken_from_the_properties(self, tmp_path: Path) -> None:
        items = [item_of("x", BEFORE, {}), item_of("y", AFTER, {})]
        for item in items:
            del item["id"]
        items[0]["properties"]["catalogID"] = "10400100ABCD"
        path = tmp_path / "c.json"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
        told = add_to_archive([path], tmp_path / "a.parquet")
        assert [item["id"] for item in every_item(tmp_path / "a.parquet")] == ["10400100ABCD"]
        assert "lacks its id" in told.skipped[0][1]


def test_the_list_names_files_and_breaks_no_id(tmp_path: Path, capsys: Captured) -> None:
    name = "S2A_MSIL2A_20240603T021611_N0510_R003_T51SXD_20240603T073256_" + "x" * 40
    raw = item_of(name, BEFORE, {"red": band_asset("pixels/r.tif", "red")})
    archive = tmp_path / "a.parquet"
    put(archive, read_items([raw])[0])
    assert main(["archive", "list", "--archive", str(archive)]) == 0
    text = capsys.readouterr().out
    assert name in text.splitlines()
    assert "pixels/r.tif" in text
    assert text.endswith("1 scene\n")
    assert main(["archive", "list", "--archive", str(archive), "--json"]) == 0
    (scene,) = json.loads(capsys.readouterr().out)["scenes"]
    assert scene["files"] == ["pixels/r.tif"]
    west, south, east, north = scene["bbox"]
    assert scene["centre"] == pytest.approx([(west + east) / 2, (south + north) / 2], abs=1e-5)
    words = ["--archive", str(archive), "--aoi", AREA, "--before", "2024-06-03"]
    assert main(["archive", "search", *words]) == 0
    text = capsys.readouterr().out
    assert name in text
    assert "1 scene\n" in text
    assert "footprint covers" in text


class TestNothingFound:
    def asked(self, tmp_path: Path, capsys: Captured, *words: str) -> tuple[Any, Path]:
        archive, sheet = tmp_path / "a.parquet", tmp_path / "sheet.png"
        raw = [item_of("one", BEFORE, {}), item_of("undated", "never", {})]
        put(archive, read_items(raw)[0])
        status = main(["archive", "search", "--archive", str(archive), *words, "--json",
                       "--quicklook", str(sheet)])  # fmt: skip
        assert status == 0
        return json.loads(capsys.readouterr().out), sheet

    def test_other_dates_and_undated_scenes_are_told(
        self, tmp_path: Path, capsys: Captured
    ) -> None:
        told, sheet = self.asked(tmp_path, capsys, "--aoi", AREA, "--before", "2020-01-01")
        said = {warning["code"]: warning["message"] for warning in told["warnings"]}
        assert set(said) == {"other-dates", "undated-there"}
        assert "2024-06-03" in said["other-dates"]
        assert not sheet.exists()
        assert told["files"] == {}

    def test_another_place_is_told(self, tmp_path: Path, capsys: Captured) -> None:
        told, _ = self.asked(tmp_path, capsys, "--aoi", "10,10,11,11", "--before", "2024-06-03")
        assert [warning["code"] for warning in told["warnings"]] == ["none-there"]

    def test_dates_the_wrong_way_round_are_told(self, tmp_path: Path, capsys: Captured) -> None:
        told, _ = self.asked(
            tmp_path, capsys, "--aoi", AREA, "--before", "2024-06-20", "--after", "2024-06-03"
        )
        assert "dates-reversed" in {warning["code"] for warning in told["warnings"]}

    def test_pad_has_no_meaning_for_an_archive(self, tmp_path: Path, capsys: Captured) -> None:
        words = ["search", "--source", str(tmp_path / "a.parquet"), "--aoi", AREA,
                 "--before", "2024-06-03", "--pad", "30", "--json"]  # fmt: skip
        assert main(words) == 2
        assert json.loads(capsys.readouterr().out)["error"]["option"] == "--pad"


@pytest.mark.data
def test_real_items_and_images_go_in(data: Path, tmp_path: Path) -> None:
    archive = tmp_path / "a.parquet"
    files = sorted((data / "metadata" / "stac").rglob("*.json"))
    told = add_to_archive(files, archive)
    assert told.added > 25
    for item in every_item(archive):
        assert item["type"] == "Feature"
    told = add_to_archive([data / "pairs" / "naip_north_dakota"], archive)
    assert told.added >= 4
    assert count(archive) == len({(i.get("collection"), i["id"]) for i in every_item(archive)})


def test_a_picture_of_what_was_found(tmp_path: Path) -> None:
    from PIL import Image

    from aoi.finding.quicklook import draw_quicklook

    rng = np.random.default_rng(3)
    write_cog(tmp_path / "red.tif", rng.integers(1, 4000, (1, 500, 500)).astype(np.uint16))
    raw = [item_of("before", BEFORE, {"red": band_asset("red.tif", "red")},
                   attribution="Copernicus 김일성"),
           item_of("after", AFTER, {"red": band_asset("gone.tif", "red")})]  # fmt: skip
    archive = tmp_path / "a.parquet"
    put(archive, read_items(raw, base=str(tmp_path))[0])
    area = load_area(AREA)
    found = search(area, source=archive, before=query("2024-06-03").days,
                   after=query("2024-06-14").days)  # fmt: skip
    out = tmp_path / "sheet.png"
    assert draw_quicklook(found, out) == 1
    with Image.open(out) as picture:
        assert picture.width > 1000
        left = np.asarray(picture.convert("L"))[120:500, 60:600]
    assert left.std() > 30, "the picture of the area isn't there"
