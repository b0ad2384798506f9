"""Searching: what is asked of a STAC API, what is kept of its answer, in which order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shapely
from stac_server import (
    AFTER,
    BEFORE,
    Files,
    band_asset,
    item_of,
    serving,
    stac_app,
    write_parquet,
)

from aoi.cli import main
from aoi.finding.api import search_api
from aoi.finding.item import Item, read_item, read_items
from aoi.finding.pairs import bands_apart, candidates, newest_versions, pairs_of
from aoi.finding.query import Query, days_around, padded
from aoi.finding.search import search
from aoi.finding.sources import Source, api_named, session, without_secrets
from aoi.places import load_area
from imagery.errors import InputError, UsageError

Captured = pytest.CaptureFixture[str]
AREA = "123.0006,39.0255,123.0030,39.0268"
DAYS = {"days": 3.0, "option": "--before"}


def scenes() -> list[dict[str, Any]]:
    """Two passes before, three after, some of them elsewhere, twice, cloudy, or much later."""
    half = (123.0018, 39.024, 123.006, 39.029)
    away = (124.0, 39.024, 124.1, 39.029)
    red = {"red": band_asset("red.tif", "red")}
    return [
        item_of("before_clear", BEFORE, red),
        item_of("before_half", "2024-06-05T02:21:19Z", red, box=half),
        item_of("after_old", AFTER, red, **{"processing:baseline": "05.10"}),
        item_of("after_new", AFTER, red, **{"processing:baseline": "05.11"}),
        item_of("after_cloudy", "2024-06-14T02:21:24Z", red, **{"eo:cloud_cover": 96.0}),
        item_of("after_winter", "2024-12-13T02:21:24Z", red),
        item_of("elsewhere", BEFORE, red, box=away),
        item_of("other", BEFORE, red, collection="landsat-c2-l2"),
    ]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("stac_fastapi.api")
    path = write_parquet(tmp_path_factory.mktemp("api") / "items.parquet", scenes())
    with serving(stac_app(path)) as url:
        yield url


def ids(items: Any) -> list[str]:
    return sorted(getattr(one, "item", one).id for one in items)


class TestApi:
    def test_only_what_meets_area_days_and_collection_is_kept(self, api: str) -> None:
        query = Query(
            area=load_area(AREA), days=days_around("2024-06-04", **DAYS),
            collections=("sentinel-2-l2a",),
        )  # fmt: skip
        found, cautions = search_api(Source("test", api), query)
        assert ids(found) == ["before_clear", "before_half"]
        assert cautions == ()

    def test_every_page_is_read_and_what_comes_twice_counts_once(self, api: str) -> None:
        query = Query(area=load_area(AREA), days=days_around("2024", days=0, option=""))
        found, _ = search_api(Source("test", api), query)
        assert ids(found) == [
            "after_cloudy", "after_new", "after_old", "after_winter", "before_clear",
            "before_half", "other",
        ]  # fmt: skip

    def test_a_padded_search_keeps_only_what_meets_the_area(self, api: str) -> None:
        query = Query(
            area=load_area(AREA), days=days_around("2024-06-04", **DAYS), pad_km=200,
        )  # fmt: skip
        found, _ = search_api(Source("test", api), query)
        assert "elsewhere" not in ids(found)
        assert "before_clear" in ids(found)

    def test_a_server_that_is_down_is_named(self, quick: None) -> None:
        query = Query(area=load_area(AREA), days=days_around("2024-06-04", **DAYS))
        with pytest.raises(InputError, match=r"127\.0\.0\.1.*connection refused") as caught:
            search_api(Source("gone", "http://127.0.0.1:9"), query)
        assert caught.value.option == "--source"
        assert "--source archive" in (caught.value.needed or "")

    @pytest.fixture
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Retries without waiting."""
        import urllib3

        monkeypatch.setattr(urllib3.Retry, "get_backoff_time", lambda _: 0)

    def test_too_many_requests_are_waited_for(self, tmp_path: Path, quick: None) -> None:
        files = Files(tmp_path)
        (tmp_path / "item.json").write_text('{"a": 1}')
        files.faults["item.json"] = [429, 503]
        from aoi.finding.sources import fetch_json

        assert fetch_json(files.url + "/item.json") == {"a": 1}
        assert len(files.asked) == 3

    def test_a_server_that_stays_busy_is_named_by_its_status(
        self, tmp_path: Path, quick: None
    ) -> None:
        files = Files(tmp_path)
        files.always[""] = 429
        query = Query(area=load_area(AREA), days=days_around("2024-06-04", **DAYS))
        with pytest.raises(InputError, match="429"):
            search_api(Source("busy", files.url), query)
        assert len(files.asked) == 6

    def test_an_answer_that_is_no_api_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "page").write_text("<html>")
        files = Files(tmp_path)
        query = Query(area=load_area(AREA), days=days_around("2024-06-04", **DAYS))
        with pytest.raises(InputError, match="no STAC API"):
            search_api(Source("page", files.url + "/page"), query)

    def test_an_endless_answer_is_cut(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from aoi.finding import sources

        monkeypatch.setattr(sources, "LARGEST_ANSWER", 1000)
        (tmp_path / "item.json").write_text(json.dumps("x" * 2000))
        with pytest.raises(InputError, match="endless"):
            sources.fetch_json(Files(tmp_path).url + "/item.json")

    def test_no_other_host_is_asked(self) -> None:
        import requests

        with pytest.raises(requests.exceptions.InvalidSchema):
            session("https://one.example/").get("https://two.example/")

    @pytest.mark.parametrize("text", ["nosuch", "ftp://host/x", "/vsicurl/http://x", ""])
    def test_what_is_no_source_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="no such source"):
            api_named(text)


class TestPad:
    BOUNDS = (125.7510, 39.0190, 125.7540, 39.0205)

    def test_the_box_holds_the_area_and_more(self) -> None:
        box = padded(self.BOUNDS, pad_km=30)
        assert shapely.box(*box).contains(shapely.box(*self.BOUNDS))
        assert 85 < (box[3] - box[1]) * 111.32 < 95
        east_west = (box[2] - box[0]) * 111.32 * math.cos(math.radians(39))
        assert 85 < east_west < 95

    def test_neighbours_ask_for_the_same_box(self) -> None:
        """So that no number of searches tells more than one does."""
        here = padded(self.BOUNDS, pad_km=30)
        west, south, east, north = self.BOUNDS
        assert padded((west + 0.01, south, east + 0.01, north), pad_km=30) == here

    def test_none_asks_for_the_area(self) -> None:
        assert padded(self.BOUNDS, pad_km=0) == self.BOUNDS

    def test_a_large_area_is_held_too(self) -> None:
        large = (120.0, 35.0, 127.0, 42.0)
        assert shapely.box(*padded(large, pad_km=10)).contains(shapely.box(*large))


class TestDays:
    def test_days_go_both_ways_from_both_ends(self) -> None:
        found = days_around("2024-06-06/2024-06-10", days=2, option="--before")
        assert str(found) == "2024-06-04T00:00:00Z/2024-06-12T23:59:59Z"

    @pytest.mark.parametrize("text", ["yesterday", "2024-13-01", "2024-06-10/2024-06-01", ""])
    def test_what_is_no_date_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            days_around(text, days=3, option="--after")
        assert caught.value.option == "--after"


class TestItem:
    def test_facts_come_by_their_names(self) -> None:
        item = read_item(scenes()[0])
        assert item.number("view:sun_elevation") == 68.4
        assert item.text("platform") == "sentinel-2a"
        assert str(item.acquisition) == "2024-06-03 02:21 UTC"
        band = item.assets["red"].bands[0]
        assert (band.name, band.scale, band.offset, band.nodata) == ("red", 0.0001, -0.1, 0)

    def test_stac_1_1_bands_read_alike(self) -> None:
        raw = scenes()[0]
        asset = raw["assets"]["red"]
        del asset["eo:bands"], asset["raster:bands"]
        asset["bands"] = [{"name": "B04", "eo:common_name": "red", "raster:scale": 0.5}]
        asset["nodata"] = 7
        band = read_item(raw).assets["red"].bands[0]
        assert (band.name, band.scale, band.nodata) == ("red", 0.5, 7)

    @pytest.mark.parametrize(
        "spoiled",
        [
            None, [], "x", {}, {"type": "Feature"}, {"geometry": None, "bbox": None},
            {"id": 5}, {"properties": None},
            {"bbox": None, "geometry": {"type": "Polygon", "coordinates": [[[0, math.nan]] * 4]}},
            {"bbox": [0, 0, 999, 9], "geometry": {}},
            {"bbox": ["a", "b", "c", "d"], "geometry": {"type": "Nope"}},
        ],
    )  # fmt: skip
    def test_what_is_no_item_is_refused_in_words(self, spoiled: Any) -> None:
        raw = {**scenes()[0], **spoiled} if isinstance(spoiled, dict) and spoiled else spoiled
        if isinstance(spoiled, dict) and set(spoiled) == {"type"}:
            raw = spoiled
        with pytest.raises(InputError):
            read_item(raw)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("assets", None), ("assets", []), ("assets", {"a": None, "b": {"href": 5}}),
            ("links", 5), ("collection", ["x"]), ("bbox", "x"), ("stac_version", None),
        ],
    )  # fmt: skip
    def test_what_is_odd_beside_the_point_is_left_out(self, key: str, value: Any) -> None:
        item = read_item({**scenes()[0], key: value})
        assert item.id == "before_clear"
        assert all(isinstance(asset.href, str) for asset in item.assets.values())

    @pytest.mark.parametrize("value", [None, 5, "soon", "2024-99-01", [], {"a": 1}])
    def test_a_date_that_is_none_is_unknown(self, value: Any) -> None:
        raw = scenes()[0]
        raw["properties"]["datetime"] = value
        assert not read_item(raw).acquisition.known

    def test_a_bad_item_costs_no_other(self) -> None:
        items, cautions = read_items([scenes()[0], {"type": "Feature"}, scenes()[1]])
        assert ids(items) == ["before_clear", "before_half"]
        assert [caution.code for caution in cautions] == ["items-unfit"]

    def test_signatures_are_secret(self) -> None:
        assert without_secrets("https://me:word@h.example/a.tif?sig=x&se=y") == (
            "https://h.example/a.tif"
        )


class TestRanking:
    def found(self, raw: list[dict[str, Any]]) -> tuple[Item, ...]:
        return read_items(raw)[0]

    def test_the_newest_processing_is_kept_and_said(self) -> None:
        kept, cautions = newest_versions(self.found(scenes()))
        assert "after_new" in ids(kept)
        assert "after_old" not in ids(kept)
        assert "after_old by after_new" in cautions[0].message

    def test_two_tiles_of_one_pass_both_stay(self) -> None:
        raw = [item_of("west", BEFORE, {}, box=(123, 39, 123.5, 39.5)),
               item_of("east", BEFORE, {}, box=(123.4, 39, 123.9, 39.5))]  # fmt: skip
        assert ids(newest_versions(self.found(raw))[0]) == ["east", "west"]

    def test_coverage_counts_before_cloud_and_cloud_before_comparability(self) -> None:
        area = load_area(AREA)
        half = (123.0018, 39.024, 123.006, 39.029)
        before = self.found([
            item_of("half", BEFORE, {}, box=half, **{"eo:cloud_cover": 0.0}),
            item_of("cloudy", BEFORE, {}, **{"eo:cloud_cover": 45.0}),
            item_of("clear", BEFORE, {}, **{"eo:cloud_cover": 5.0}),
        ])  # fmt: skip
        after = self.found([
            item_of("summer", AFTER, {}, **{"eo:cloud_cover": 5.0}),
            item_of("winter", "2024-12-13T02:21:24Z", {},
                    **{"eo:cloud_cover": 5.0, "view:sun_elevation": 25.0}),
        ])  # fmt: skip
        ranked = pairs_of(candidates(before, area), candidates(after, area))
        names = [(pair.before.item.id, pair.after.item.id) for pair in ranked]
        assert names == [
            ("clear", "summer"), ("clear", "winter"), ("cloudy", "summer"), ("cloudy", "winter"),
            ("half", "summer"), ("half", "winter"),
        ]  # fmt: skip
        assert ranked[0].covered == pytest.approx(1)
        assert ranked[-1].covered == pytest.approx(0.5, abs=1e-3)

    def test_a_later_before_is_no_pair(self) -> None:
        area = load_area(AREA)
        one = candidates(self.found([item_of("one", BEFORE, {})]), area)
        two = candidates(self.found([item_of("two", AFTER, {})]), area)
        assert pairs_of(two, one) == ()
        assert len(pairs_of(one, two)) == 1

    def test_radar_and_optical_are_no_pair(self) -> None:
        area = load_area(AREA)
        radar = item_of("radar", AFTER, {}, platform="sentinel-1a", constellation="sentinel-1",
                        **{"sar:instrument_mode": "IW"})  # fmt: skip
        one = candidates(self.found([item_of("one", BEFORE, {})]), area)
        assert pairs_of(one, candidates(self.found([radar]), area)) == ()

    def test_an_image_far_finer_is_no_pair(self) -> None:
        area = load_area(AREA)
        one = candidates(self.found([item_of("one", BEFORE, {})]), area)
        fine = candidates(self.found([item_of("fine", AFTER, {}, gsd=0.5)]), area)
        assert pairs_of(one, fine) == ()

    def test_scenes_without_a_band_in_common_are_no_pair(self) -> None:
        area = load_area(AREA)
        red, blue = ({c: band_asset(f"{c}.tif", c)} for c in ("red", "blue"))
        one = candidates(self.found([item_of("one", BEFORE, red)]), area)
        raw = [item_of("same", AFTER, red), item_of("other", AFTER, blue),
               item_of("unknown", AFTER, {})]  # fmt: skip
        later = candidates(self.found(raw), area)
        assert [pair.after.item.id for pair in pairs_of(one, later)] == ["same"]
        (caution,) = bands_apart(one, later)
        assert caution.message.startswith("2 combination(s)")
        assert bands_apart(one, one) == ()


class TestCommand:
    def run(self, capsys: Captured, *arguments: str) -> tuple[int, Any]:
        status = main([*arguments, "--json"])
        return status, json.loads(capsys.readouterr().out)

    def test_pairs_as_json_and_as_a_file(self, api: str, tmp_path: Path, capsys: Captured) -> None:
        out = tmp_path / "search.json"
        status, told = self.run(
            capsys, "search", "--aoi", AREA, "--before", "2024-06-04", "--after", "2024-06-13",
            "--source", api, "--collections", "sentinel-2-l2a", "--out", str(out),
        )  # fmt: skip
        assert status == 0
        assert told["status"] == "found"
        first = told["pairs"][0]
        assert (first["before"]["id"], first["after"]["id"]) == ("before_clear", "after_new")
        assert first["before"]["cloud_over"] == "scene"
        assert [pair["pair"] for pair in told["pairs"]] == [1, 2]
        assert {w["code"] for w in told["warnings"]} == {"older-processing", "too-cloudy"}
        kept = json.loads(out.read_text())
        assert {i["id"] for i in kept["items"]["features"]} == {
            "before_clear", "before_half", "after_new",
        }  # fmt: skip
        assert str(tmp_path) not in out.read_text()

    def test_a_table_for_people(self, api: str, capsys: Captured) -> None:
        assert main(["search", "--aoi", AREA, "--before", "2024-06-04", "--source", api]) == 0
        text = capsys.readouterr().out
        assert "before_clear" in text
        assert "12 % of the scene" in text
        assert "\x1b" not in text

    def test_nothing_found_is_no_error(self, api: str, capsys: Captured) -> None:
        status, told = self.run(
            capsys, "search", "--aoi", AREA, "--before", "1999-06-04", "--source", api
        )
        assert (status, told["status"], told["scenes"]) == (0, "nothing-found", [])

    def test_a_date_is_needed(self, capsys: Captured) -> None:
        status, told = self.run(capsys, "search", "--aoi", AREA)
        assert (status, told["error"]["option"]) == (2, "--before")

    def test_help_warns_that_a_search_tells_of_the_place(self, capsys: Captured) -> None:
        assert main(["search", "--help"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        assert "tells a third party which place interests you" in text


def test_masks_tell_the_cloud_over_the_area(tmp_path: Path) -> None:
    """A scene of 80 % cloud elsewhere is clear over the area, and the other way round."""
    import numpy as np
    from stac_server import write_cog

    clear, cloudy = (np.full((1, 400, 400), code, np.uint8) for code in (4, 9))
    clear[:, :200], cloudy[:, :200] = 9, 4  # the rows above the area
    assets = {}
    for name, codes in (("clear", clear), ("cloudy", cloudy)):
        write_cog(tmp_path / f"{name}.tif", codes)
        assets[name] = {"scl": {"href": f"{name}.tif", "type": "image/tiff"}}
    area = load_area("123.0006,39.0255,123.0030,39.0268")
    later = "2024-06-04T02:21:19Z"
    items = [
        item_of("clear", BEFORE, assets["clear"], **{"eo:cloud_cover": 80.0}),
        item_of("cloudy", later, assets["cloudy"], **{"eo:cloud_cover": 1.0}),
    ]
    from aoi.finding.archive import put

    archive = tmp_path / "a.parquet"
    put(archive, read_items(items, base=str(tmp_path))[0])
    plain = search(area, source=archive, before=days_around("2024-06-03", **DAYS), after=None,
                   max_cloud=20)  # fmt: skip
    assert ids(plain.before) == ["cloudy"]
    read = search(area, source=archive, before=days_around("2024-06-03", **DAYS), after=None,
                  max_cloud=20, read_masks=True)  # fmt: skip
    assert ids(read.before) == ["clear"]
    assert (read.before[0].cloud, read.before[0].cloud_over) == (0.0, "area")
    bare = item_of("bare", "2024-06-05T02:21:19Z", {})
    put(archive, read_items([bare])[0])
    told = search(area, source=archive, before=days_around("2024-06-03", **DAYS), after=None,
                  read_masks=True).cautions  # fmt: skip
    (caution,) = [caution for caution in told if caution.code == "cloud-mask-none"]
    assert caution.message.startswith("1 scene(s) have no mask")
    assert caution.message.endswith("bare")
