"""Fetching: the right pixels, only those, whatever the server does; and the whole way to a case."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stac_server import (
    AFTER,
    BEFORE,
    Files,
    band_asset,
    item_of,
    serving,
    stac_app,
    write_cog,
    write_parquet,
)

from aoi.cli import main
from aoi.finding.archive import put
from aoi.finding.choose import choose
from aoi.finding.fetch import Fetched, fetch_item
from aoi.finding.item import Item, read_item, read_items
from aoi.finding.partial import Partial
from aoi.finding.reach import Signer
from aoi.places import Area, load_area
from imagery.env import RASTER_ERRORS
from imagery.errors import InputError, UsageError
from imagery.record import sha256_of

Captured = pytest.CaptureFixture[str]
AREA = "123.0010,39.0245,123.0030,39.0270"
SIDE = 1024


def ramp(size: int, *, step: int = 1, start: int = 100) -> Any:
    """Counts that tell where they lie: row and column of the finest grid, never 0."""
    rows, cols = np.indices((size, size))
    return (start + step * (3 * rows + cols))[None].astype(np.uint16)


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    folder = tmp_path / "remote"
    folder.mkdir()
    write_cog(folder / "red.tif", ramp(SIDE))
    write_cog(folder / "nir.tif", ramp(SIDE // 2, step=2), pixel=2.0)
    scl = np.full((1, SIDE // 4, SIDE // 4), 4, np.uint8)
    scl[:, :100] = 9
    write_cog(folder / "scl.tif", scl, pixel=4.0)
    server = Files(folder)
    yield server
    server.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries without waiting."""
    monkeypatch.setitem(__import__("imagery.env").env.REMOTE, "GDAL_HTTP_RETRY_DELAY", 0.01)


def large(files: Files) -> None:
    """Noise, which no compression makes small."""
    noise = np.random.default_rng(1).integers(1, 60_000, (1, SIDE, SIDE)).astype(np.uint16)
    write_cog(files.folder / "red.tif", noise)


def scene(files: Files, **more: Any) -> Item:
    assets = {
        "red": band_asset(files.url + "/red.tif?sv=1&sig=SECRET", "red"),
        "nir": band_asset(files.url + "/nir.tif", "nir"),
        "scl": {"href": files.url + "/scl.tif", "type": "image/tiff", "roles": ["data"]},
        **more,
    }
    return read_item(item_of("S2A_51SXX_20240603_0_L2A", BEFORE, assets))


def area() -> Area:
    return load_area(AREA)


def get(item: Item, out: Path, **more: Any) -> Fetched:
    return fetch_item(item, area(), out=out, **{"margin_m": 50, "assets": ("red",), **more})


def opened(path: Path) -> Any:
    import rasterio

    return rasterio.open(path)


class TestPixels:
    def test_they_are_those_of_the_window(self, files: Files, tmp_path: Path) -> None:
        got = get(scene(files), tmp_path / "out")
        with opened(got.image) as local, opened(files.folder / "red.tif") as remote:
            window = remote.window(*local.bounds)
            np.testing.assert_array_equal(local.read(), remote.read(window=window))
            assert local.shape[0] < SIDE / 2, "more than the window"
            west, _, _, north = area().bounds(local.crs)
            assert local.bounds.left <= west - 49
            assert local.bounds.top >= north + 49
            assert local.descriptions == ("red",)
            assert (local.scales, local.offsets) == ((0.0001,), (-0.1,))
            assert (local.nodata, local.dtypes) == (0, ("uint16",))

    def test_finer_assets_are_averaged_onto_the_coarsest(
        self, files: Files, tmp_path: Path
    ) -> None:
        """A ramp's mean over a block is its value at the block's centre."""
        got = get(scene(files), tmp_path / "out", assets=("red", "nir"))
        with opened(got.image) as local:
            assert local.res == (2, 2)
            red, nir = local.read()
            top = round((4_320_000 - local.bounds.top) / 2)
            left = round((local.bounds.left - 500_000) / 2)
            rows, cols = np.indices(red.shape)
            rows, cols = rows + top, cols + left
            np.testing.assert_array_equal(nir, 100 + 2 * (3 * rows + cols))
            np.testing.assert_array_equal(red, 100 + 3 * 2 * rows + 2 * cols + 2)

    def test_missing_pixels_stay_missing_and_pull_no_mean(
        self, files: Files, tmp_path: Path
    ) -> None:
        holed = ramp(SIDE, step=0, start=700)
        holed[:, 400:500, 150:250] = 0
        holed[:, 400, 350] = 0
        write_cog(files.folder / "red.tif", holed)
        got = get(scene(files), tmp_path / "out", assets=("red", "nir"))
        with opened(got.image) as local:
            assert set(np.unique(local.read(1))) == {0, 700}
            assert (local.read(1) == 0).sum() == 50 * 50

    def test_a_mask_inside_the_file_comes_along(self, files: Files, tmp_path: Path) -> None:
        picture = np.repeat(ramp(SIDE).astype(np.uint8), 3, axis=0)
        mask = np.full((SIDE, SIDE), 255, np.uint8)
        mask[450:470] = 0
        write_cog(files.folder / "visual.tif", picture, nodata=None, photometric="RGB", mask=mask)
        visual = {"href": files.url + "/visual.tif", "type": "image/tiff", "roles": ["visual"]}
        got = get(scene(files, visual=visual), tmp_path / "out", assets=("visual",))
        assert got.bands == ("red", "green", "blue")
        with opened(got.image) as local:
            assert [c.name for c in local.colorinterp] == ["red", "green", "blue"]
            assert (local.dataset_mask() == 0).sum() == 20 * local.width

    def test_the_mask_asset_lies_beside(self, files: Files, tmp_path: Path) -> None:
        got = get(scene(files), tmp_path / "out")
        assert got.mask is not None
        assert got.mask.name == "S2A_51SXX_20240603_0_L2A_SCL.tif"
        with opened(got.mask) as local:
            assert set(np.unique(local.read())) == {4, 9}

    def test_the_local_scene_knows_what_the_item_says(
        self, files: Files, tmp_path: Path, environment: None
    ) -> None:
        from imagery.options import ReadOptions, SceneOptions
        from imagery.read import open_scene

        got = get(scene(files), tmp_path / "out", assets=("red", "nir"))
        found = open_scene(
            got.image, role="before", scene_options=SceneOptions(), read_options=ReadOptions()
        )
        assert str(found.acquisition) == "2024-06-03 02:21 UTC"
        assert [band.name for band in found.bands] == ["red", "nir"]
        assert found.facts["view:sun_elevation"].value == 68.4
        assert found.bands[0].scale == 0.0001

    def test_the_offset_that_earth_search_has_applied_is_left_out(
        self, files: Files, tmp_path: Path
    ) -> None:
        raw = dict(scene(files).raw)
        raw["properties"] = {**raw["properties"], "earthsearch:boa_offset_applied": True}
        got = get(read_item(raw), tmp_path / "out")
        with opened(got.image) as local:
            assert (local.scales, local.offsets) == ((0.0001,), (0.0,))


class TestItem:
    def test_it_names_the_local_file_with_its_hash(self, files: Files, tmp_path: Path) -> None:
        got = get(scene(files), tmp_path / "out")
        item = json.loads(got.item.read_text())
        asset = item["assets"]["data"]
        assert asset["href"] == got.image.name
        assert asset["file:checksum"] == "1220" + sha256_of(got.image)
        assert asset["file:size"] == got.image.stat().st_size
        assert asset["twopass:source_href"] == files.url + "/red.tif"
        assert set(item["assets"]) == {"data", "scl"}
        assert item["properties"]["platform"] == "sentinel-2a"

    def test_no_secret_and_no_folder_reaches_it(self, files: Files, tmp_path: Path) -> None:
        got = get(scene(files), tmp_path / "out")
        for path in got.item.parent.iterdir():
            content = path.read_bytes()
            assert b"SECRET" not in content
            assert str(tmp_path).encode() not in content

    @pytest.mark.parametrize(
        ("name", "stem"),
        [("../../etc/x", "etc_x"), ("a b/ü", "a_b"), ("...", "scene"), ("x" * 300, "x" * 120)],
    )
    def test_an_id_is_no_path(self, files: Files, tmp_path: Path, name: str, stem: str) -> None:
        item = read_item({**dict(scene(files).raw), "id": name})
        got = get(item, tmp_path / "out")
        assert got.image == tmp_path / "out" / f"{stem}.tif"


class TestAgain:
    def test_what_is_whole_is_not_asked_for(self, files: Files, tmp_path: Path) -> None:
        get(scene(files), tmp_path / "out")
        files.asked.clear()
        again = get(scene(files), tmp_path / "out")
        assert again.reused
        assert files.asked == []

    def test_a_new_signature_is_the_same_scene(self, files: Files, tmp_path: Path) -> None:
        get(scene(files), tmp_path / "out")
        red = band_asset(files.url + "/red.tif?sv=2&sig=OTHER", "red")
        assert get(scene(files, red=red), tmp_path / "out").reused

    @pytest.mark.parametrize("more", [{"margin_m": 60}, {"assets": ("nir",)}])
    def test_other_words_are_another_fetch(
        self, files: Files, tmp_path: Path, more: dict[str, Any]
    ) -> None:
        get(scene(files), tmp_path / "out")
        assert not get(scene(files), tmp_path / "out", **more).reused

    def test_a_file_that_was_touched_is_fetched_again(self, files: Files, tmp_path: Path) -> None:
        got = get(scene(files), tmp_path / "out")
        whole = got.image.read_bytes()
        got.image.write_bytes(whole[:-1] + b"x")
        assert not get(scene(files), tmp_path / "out").reused
        assert got.image.read_bytes() == whole

    def test_a_fetch_that_was_cut_goes_on(
        self, files: Files, tmp_path: Path, quick: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the first try read isn't sent again, but for the file's header."""
        large(files)
        whole = get(scene(files), tmp_path / "whole", margin_m=300)
        all_bytes = files.sent["red.tif"]
        plain = Partial.write

        def third(self: Partial, plane: int, top: int, pixels: Any) -> None:
            if top >= 300:
                files.always["red.tif"] = 404  # the server goes away
            plain(self, plane, top, pixels)

        monkeypatch.setattr(Partial, "write", third)
        files.sent.clear()
        with pytest.raises(InputError, match="run the same command again"):
            get(scene(files), tmp_path / "cut", margin_m=300)
        first = files.sent["red.tif"]
        monkeypatch.undo()
        assert list((tmp_path / "cut").glob("*.jsonl"))
        assert not list((tmp_path / "cut").glob("*.json"))
        files.always.clear()
        files.sent.clear()
        again = get(scene(files), tmp_path / "cut", margin_m=300)
        header = 40_000
        assert files.sent["red.tif"] < all_bytes - first + 2 * header
        assert first > 2 * header
        assert again.image.read_bytes() == whole.image.read_bytes()
        assert not list((tmp_path / "cut").glob("*fetching*"))

    def test_a_journal_with_a_cut_line_or_other_pixels_is_not_believed(
        self, tmp_path: Path
    ) -> None:
        def made(key: str = "key") -> Partial:
            return Partial(tmp_path / "x", key=key, shape=(1, 9, 4), dtype="uint16")

        pixels = np.arange(12, dtype=np.uint16).reshape(3, 4)
        made().write(0, 0, pixels)
        made().write(0, 3, pixels)
        assert made().has(0, 3, 3)
        np.testing.assert_array_equal(made().read(0, 3, 3), pixels)
        with (tmp_path / "x").open("r+b") as stream:
            stream.write(b"\xff")
        assert not made().has(0, 0, 3)
        journal = tmp_path / "x.jsonl"
        journal.write_text(journal.read_text()[:-9])
        assert not made().has(0, 3, 3)
        made().write(0, 0, pixels)
        assert not made("other").has(0, 0, 3)


class TestFailures:
    def test_a_busy_server_is_asked_again(self, files: Files, tmp_path: Path, quick: None) -> None:
        files.faults["red.tif"] = [429, 429, 500, 503]
        get(scene(files), tmp_path / "out")
        assert files.faults["red.tif"] == []

    @pytest.mark.parametrize("fault", [403, 404, 429, 503, "whole"])
    def test_a_server_that_does_not_give_it_is_named_without_its_signature(
        self, files: Files, tmp_path: Path, quick: None, fault: Any
    ) -> None:
        large(files)
        files.always["red.tif"] = fault
        with pytest.raises(InputError, match=r"red\.tif") as caught:
            get(scene(files), tmp_path / "out")
        assert "SECRET" not in str(caught.value)
        assert caught.value.exit_status == 3
        assert not list((tmp_path / "out").glob("*.tif"))

    def test_a_mask_that_is_withheld_is_no_missing_mask(
        self, files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """GDAL takes a mask that it can't read for none; what is masked would then be seen."""
        import logging

        import imagery.env as env

        class Deaf:
            @property
            def mask_flag_enums(self) -> list[Any]:
                for _ in range(env.REMOTE["GDAL_HTTP_MAX_RETRY"]):
                    logging.getLogger("rasterio._env").warning("HTTP error code: 0. Retrying")
                return []

        with pytest.raises(InputError, match="all of its header"):
            env._check_mask_was_read(Deaf(), "x.tif")

    def test_answers_that_stop_half_way_are_named(
        self, files: Files, tmp_path: Path, quick: None
    ) -> None:
        files.faults["red.tif"] = ["cut"] * 200
        with pytest.raises(InputError, match=r"S2A_51SXX|red\.tif") as caught:
            get(scene(files), tmp_path / "out")
        assert "SECRET" not in str(caught.value)

    def test_an_asset_that_is_not_there(self, files: Files, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="swir") as caught:
            get(scene(files), tmp_path / "out", assets=("red", "swir16"))
        assert caught.value.option == "--assets"
        assert "red, nir, scl" in str(caught.value.needed)

    def test_an_area_elsewhere(self, files: Files, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="doesn't reach") as caught:
            fetch_item(scene(files), load_area("10,10,11,11"), out=tmp_path / "out")
        assert caught.value.option == "--aoi"

    def test_assets_that_do_not_fit_together(self, files: Files, tmp_path: Path) -> None:
        write_cog(files.folder / "nir.tif", ramp(400), pixel=1.5, corner=(500_000.3, 4_320_000))
        with pytest.raises(UsageError, match="different grids"):
            get(scene(files), tmp_path / "out", assets=("red", "nir"))

    @pytest.mark.parametrize("href", ["s3://bucket/red.tif", "ftp://h/red.tif", "/vsizip/red.tif"])
    def test_an_href_that_leads_elsewhere(self, files: Files, tmp_path: Path, href: str) -> None:
        item = read_item({**dict(scene(files).raw)}, base=str(tmp_path))
        raw = json.loads(json.dumps(item.raw))
        raw["assets"]["red"]["href"] = href
        with pytest.raises(InputError, match="twopass doesn't read"):
            get(read_item(raw, base=str(tmp_path)), tmp_path / "out")

    def test_the_network_stays_closed_to_everything_else(self, files: Files) -> None:
        """Only the one address that is opened is open, and none after it."""
        import rasterio

        from imagery.env import open_remote, raster_environment

        with raster_environment(), open_remote(files.url + "/red.tif") as dataset:
            assert dataset.count == 1
            files.asked.clear()
            with pytest.raises(RASTER_ERRORS):
                rasterio.open(f"/vsicurl/{files.url}/nir.tif")
        with raster_environment(), pytest.raises(RASTER_ERRORS):
            rasterio.open(f"/vsicurl/{files.url}/red.tif")
        assert files.asked == []

    @pytest.mark.parametrize("address", ["file:///x.tif", "http://h/x.vrt", "/vsicurl/x.tif"])
    def test_only_images_on_the_web_are_opened(self, address: str) -> None:
        from imagery.env import open_remote

        with pytest.raises(InputError, match="not read from the web"), open_remote(address):
            pass


class TestSigning:
    BLOB = "https://account.blob.core.windows.net/container/red.tif"

    def signer(self, folder: Path, answer: str) -> tuple[Signer, Files]:
        (folder / "token").mkdir(parents=True)
        (folder / "token" / "sentinel-2-l2a").write_text(answer)
        files = Files(folder)
        return Signer(files.url + "/token/"), files

    def test_a_token_is_asked_for_once(self, tmp_path: Path) -> None:
        signer, files = self.signer(tmp_path, '{"token": "sv=1&sig=abc"}')
        item = read_item(item_of("x", BEFORE, {}))
        for _ in range(2):
            assert signer.signed(self.BLOB, item) == self.BLOB + "?sv=1&sig=abc"
        assert len(files.asked) == 1

    def test_what_needs_none_gets_none(self) -> None:
        signer, item = Signer("http://127.0.0.1:9/"), read_item(item_of("x", BEFORE, {}))
        for address in ("https://h.example/red.tif", self.BLOB + "?sig=own"):
            assert signer.signed(address, item) == address

    @pytest.mark.parametrize("answer", ["", "[]", "{}", '{"token": 5}', '{"token": "x"}'])
    def test_an_answer_without_a_token_is_named(self, tmp_path: Path, answer: str) -> None:
        signer, _ = self.signer(tmp_path, answer)
        with pytest.raises(InputError, match=r"no token|does not answer"):
            signer.signed(self.BLOB, read_item(item_of("x", BEFORE, {})))


class TestChoice:
    def item(self, **assets: Any) -> Item:
        return read_item(item_of("x", BEFORE, assets))

    def keys(self, item: Item, *words: str) -> list[Any]:
        return [(one.asset.key, one.indexes) for one in choose(item, words)]

    def test_bands_win_over_a_picture(self) -> None:
        bands = {name: band_asset(f"{name}.tif", name) for name in ("blue", "green", "red")}
        visual = {"href": "tci.tif", "roles": ["visual"]}
        item = self.item(visual=visual, **bands, nir08=band_asset("n.tif", "nir08"))
        assert self.keys(item) == [("red", ()), ("green", ()), ("blue", ()), ("nir08", ())]

    def test_a_picture_where_there_are_no_bands(self) -> None:
        item = self.item(visual={"href": "v.tif"}, thumbnail={"href": "t.png"})
        assert self.keys(item) == [("visual", ())]

    def test_a_band_by_its_common_name(self) -> None:
        assert self.keys(self.item(B04=band_asset("b.tif", "red")), "red") == [("B04", ())]

    def test_a_band_of_several_in_one_file(self) -> None:
        image = {"href": "i.tif", "eo:bands": [{"common_name": n} for n in ("red", "nir")]}
        assert self.keys(self.item(image=image), "nir") == [("image", (2,))]

    def test_a_geotiff_wins_over_jpeg_2000(self) -> None:
        item = self.item(
            a=band_asset("a.jp2", "red", type="image/jp2"), b=band_asset("b.tif", "red")
        )
        assert self.keys(item, "red") == [("b", ())]

    def test_several_images_without_a_name_are_refused(self) -> None:
        with pytest.raises(UsageError, match="2 images"):
            choose(self.item(a={"href": "a.tif"}, b={"href": "b.tif"}), ())


def test_from_the_search_to_the_case_by_a_server_and_by_an_archive(
    tmp_path: Path, undrawn: Any, capsys: Captured
) -> None:
    """The same items, asked for at a STAC API and in one's own archive, give the same case."""
    pytest.importorskip("stac_fastapi.api")
    from imagery.simulate import textured_pair

    made = textured_pair(shape=(320, 320), shift=(1.3, -0.7), seed=3, noise=0.05, changes=3)
    remote = tmp_path / "remote"
    remote.mkdir()
    files = Files(remote)
    items = []
    for name, when, values in (("before", BEFORE, made.before), ("after", AFTER, made.after)):
        counts = (values * 200).clip(1, 65535).astype(np.uint16)
        write_cog(remote / f"{name}.tif", counts)
        asset = band_asset(f"{files.url}/{name}.tif", "red")
        items.append(item_of(name, when, {"red": asset}, gsd=1.0, attribution="Nobody"))
    parquet, archive = write_parquet(tmp_path / "items.parquet", items), tmp_path / "own.parquet"
    put(archive, read_items(items)[0])
    place = "123.0002,39.0264,123.0034,39.0288"
    with serving(stac_app(parquet)) as url:
        for name, source in (("api", url), ("archive", str(archive))):
            found = str(tmp_path / f"{name}.json")
            words = ["search", "--aoi", place, "--before", "2024-06-04", "--after", "2024-06-13"]
            assert main([*words, "--source", source, "--out", found, "--quiet"]) == 0
            fetched = ["fetch", found, "--pair", "1", "--out", str(tmp_path / name), "--json"]
            capsys.readouterr()
            assert main(fetched) == 0
            told = json.loads(capsys.readouterr().out)
            assert [Path(one["image"]).name for one in told["scenes"]] == [
                "before.tif",
                "after.tif",
            ]
            assert main([*fetched[:-1]]) == 0
            last = capsys.readouterr().out.splitlines()[-1]
            assert last.startswith("next       twopass detect ")
            assert last.endswith(f"--aoi {place}")
    cases = {}
    for name in ("api", "archive"):
        from aoi.options import AreaOptions

        folder = tmp_path / name
        undrawn(
            folder / "before.tif", folder / "after.tif", out=tmp_path / f"case_{name}",
            area_options=AreaOptions(aoi=place),
        )  # fmt: skip
        cases[name] = tmp_path / f"case_{name}"
    one, two = (json.loads((case / "case.json").read_text()) for case in cases.values())
    assert one["result"] == two["result"]
    assert "Nobody" in json.dumps(one["result"])
    rasters = (cases["api"] / "rasters").glob("*.tif")
    for file in (*rasters, cases["api"] / "changes.geojson"):
        other = cases["archive"] / file.relative_to(cases["api"])
        assert file.read_bytes() == other.read_bytes(), file.name
    changes = json.loads((cases["api"] / "changes.geojson").read_text())["features"]
    assert changes
    assert math.isfinite(changes[0]["properties"]["area_m2"])
