"""What ``twopass inspect`` tells: of an image, an area, metadata alone, a pair; and of no image."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from PIL import Image

from aoi.cli import main
from aoi.inspection import _coverage

ROWS, COLS = 60, 80
ODD = sorted((Path(os.environ.get("TWOPASS_DATA") or "/nowhere") / "odd").glob("*"))

UTM = Affine(10, 0, 500_000, 0, -10, 4_320_000)
"""The grid of the images that are written, in EPSG:32651."""

Inspect = Callable[..., dict[str, Any]]
WriteTif = Callable[..., Path]


@pytest.fixture
def inspect(capsys: pytest.CaptureFixture[str]) -> Inspect:
    """Run the command and give its JSON object."""

    def run(*words: object, status: int = 0) -> dict[str, Any]:
        assert main(["inspect", *map(str, words), "--json"]) == status
        told: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert told["exit_status"] == status
        return told

    return run


def ramp(*, bands: int = 3, rows: int = ROWS, cols: int = COLS) -> np.ndarray[Any, Any]:
    values = np.arange(1, bands * rows * cols + 1) % 4000 + 1
    return values.reshape(bands, rows, cols).astype("uint16")


def item(**properties: Any) -> str:
    return json.dumps({"type": "Feature", "stac_version": "1.0.0", "properties": properties})


PROPERTIES = {
    "datetime": "2024-06-06T02:17:00Z",
    "platform": "sentinel-2a",
    "view:sun_elevation": 66.6,
    "view:sun_azimuth": 128.5,
    "view:off_nadir": 5.0,
    "view:azimuth": 100.0,
    "eo:cloud_cover": 12.5,
    "license": "CC-BY-4.0",
}


def with_item(image: Path, **changed: Any) -> Path:
    image.with_suffix(".json").write_text(item(**PROPERTIES | changed))
    return image


# One image


def test_an_image_is_told_with_its_numbers(write_tif: WriteTif, inspect: Inspect) -> None:
    image = ramp()
    image[:, :15] = 0
    path = write_tif(
        image, colours=("red", "green", "blue"), nodata=0, scales=(0.5,) * 3, offsets=(1.0,) * 3
    )
    told = inspect(path)
    assert (told["status"], told["pair"]) == ("inspected", None)
    (found,) = told["files"]
    assert found["usable"] is True
    assert found["file"] == "image.tif"
    assert (found["format"], found["dtype"], found["nodata"]) == ("GTiff", "uint16", 0)
    assert (found["shape"], found["crs"]) == ([ROWS, COLS], "EPSG:32651")
    assert found["pixel_size_m"] == pytest.approx(10, rel=1e-3)
    assert found["size_m"] == pytest.approx([600, 800], rel=1e-3)
    assert [band["name"] for band in found["bands"]] == ["red", "green", "blue"]
    assert {(band["scale"], band["offset"]) for band in found["bands"]} == {(0.5, 1.0)}
    assert found["coverage"]["valid"] == 0.75
    assert found["coverage"]["sampled"] is False
    assert found["acquisition"]["text"] == "date unknown"
    assert set(found["missing"]) == {"date", "sun", "view", "credit", "license"}
    assert found["missing"]["sun"] == ["--before-sun", "--after-sun"]


def test_every_fact_comes_with_its_source(write_tif: WriteTif, inspect: Inspect) -> None:
    path = with_item(write_tif(ramp()))
    (found,) = inspect(path)["files"]
    assert found["facts"]["eo:cloud_cover"]["value"] == 12.5
    assert "image.json" in found["facts"]["eo:cloud_cover"]["source"]
    assert found["facts"]["view:sun_elevation"]["value"] == 66.6
    assert set(found["missing"]) == {"credit"}
    assert [file["name"] for file in found["files"]] == ["image.tif", "image.json"]


def test_local_time_is_that_of_the_sun(write_tif: WriteTif, inspect: Inspect) -> None:
    (found,) = inspect(with_item(write_tif(ramp())))["files"]
    # 15° of longitude are an hour; the image lies at 123.0° E.
    assert found["acquisition"]["solar_time"].startswith("2024-06-06T10:29")
    (day,) = inspect(with_item(write_tif(ramp()), datetime="2024-06-06"))["files"]
    assert day["acquisition"]["solar_time"] is None


def test_hashes_are_told_where_they_are_asked_for(write_tif: WriteTif, inspect: Inspect) -> None:
    path = write_tif(ramp())
    assert "sha256" not in inspect(path)["files"][0]["files"][0]
    (file,) = inspect(path, "--hash")["files"][0]["files"]
    assert file["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_product_of_several_files_is_one_scene(
    write_tif: WriteTif, tmp_path: Path, inspect: Inspect
) -> None:
    scene = "LC08_L2SP_117033_20240606_20240610_02_T1"
    (tmp_path / "product").mkdir()
    for band in ("B2", "B3", "B4"):
        write_tif(ramp(bands=1), f"product/{scene}_SR_{band}.TIF", nodata=0)
    (found,) = inspect(tmp_path / "product")["files"]
    assert [band["name"] for band in found["bands"]] == ["blue", "green", "red"]
    assert found["bands"][0]["scale"] == pytest.approx(2.75e-5)
    assert found["acquisition"]["text"] == "2024-06-06"
    assert found["coverage"]["valid"] == 1
    assert found["storage"]["tiled"] is False


def test_how_the_pixels_are_stored(write_tif: WriteTif, inspect: Inspect) -> None:
    strips = inspect(write_tif(ramp(bands=1)))["files"][0]["storage"]
    assert (strips["tiled"], strips["overviews"], strips["cloud_optimised"]) == (False, [], False)
    big = ramp(bands=1, rows=600, cols=600)
    cog = inspect(write_tif(big, "cog.tif", driver="COG", compress="deflate"))["files"][0]
    assert cog["storage"] == {
        "block": [512, 512],
        "tiled": True,
        "overviews": [2],
        "compression": "deflate",
        "cloud_optimised": True,
    }


@pytest.mark.parametrize(("tiles", "sampled"), [(8, False), (2, True)])
def test_a_large_image_is_sampled(
    write_tif: WriteTif,
    inspect: Inspect,
    monkeypatch: pytest.MonkeyPatch,
    tiles: int,
    sampled: bool,
) -> None:
    monkeypatch.setattr(_coverage, "_TILES", tiles)
    image = np.ones((1, 1536, 1536), "uint8")
    image[:, :, 768:] = 0
    found = inspect(write_tif(image, nodata=0))["files"][0]["coverage"]
    assert found["valid"] == 0.5
    assert found["sampled"] is sampled


# An area


def area_file(tmp_path: Path, *, left: float, right: float) -> Path:
    """An area over columns of the image, all rows, in its own CRS."""
    west, east = (UTM.c + 10 * col for col in (left, right))
    south, north = UTM.f - 10 * ROWS, UTM.f
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32651"}}
    path = tmp_path / "area.geojson"
    path.write_text(json.dumps({
        "type": "FeatureCollection", "crs": crs,
        "features": [{"type": "Feature", "properties": {},
                      "geometry": {"type": "Polygon", "coordinates": [ring]}}],
    }))  # fmt: skip
    return path


@pytest.mark.parametrize(
    ("left", "right", "inside", "valid"),
    [(0, 40, 1, 0.5), (20, 80, 1, 1), (60, 100, 0.5, 0.5), (0, 80, 1, 0.75), (90, 99, 0, 0)],
)
def test_the_share_of_an_area(
    write_tif: WriteTif,
    inspect: Inspect,
    tmp_path: Path,
    left: int,
    right: int,
    inside: float,
    valid: float,
) -> None:
    image = ramp(bands=1)
    image[:, :, :20] = 0
    area = area_file(tmp_path, left=left, right=right)
    found = inspect(write_tif(image, nodata=0), "--aoi", area)["files"][0]["coverage"]
    assert found["area_inside"] == pytest.approx(inside, abs=2e-3)
    assert found["area_valid"] == pytest.approx(valid, abs=2e-3)


def test_a_wrong_area_is_wrong_usage(
    write_tif: WriteTif, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(write_tif(ramp())), "--aoi", "1,2,3"]) == 2
    assert "--aoi" in capsys.readouterr().err


# What can't be used


def test_a_file_that_is_refused_stops_no_other(
    write_tif: WriteTif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = write_tif(ramp(), "whole.tif")
    lost = write_tif(ramp(), "lost.tif", crs=None)
    text = tmp_path / "notes.txt"
    text.write_text("nothing to see")
    assert main(["inspect", *map(str, (lost, text, tmp_path / "none.tif", whole))]) == 3
    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["lost.tif", "notes.txt", "none.tif"]
    assert "file                 whole.tif" in said.out


def test_a_refusal_stands_in_the_json(write_tif: WriteTif, inspect: Inspect) -> None:
    path = write_tif(ramp(), crs=None)
    (found,) = inspect(path, status=3)["files"]
    assert set(found) == {"file", "usable", "error"}
    assert found["error"]["option"].startswith("--crs")
    (given,) = inspect(path, "--no-georeference", "--pixel-size", "2")["files"]
    assert (given["crs"], given["pixel_size_m"]) == (None, 2)


def test_without_a_file_it_is_wrong_usage() -> None:
    assert main(["inspect"]) == 2


@pytest.mark.data
@pytest.mark.parametrize("path", ODD or [None], ids=lambda p: p.name if p else "none")
def test_every_odd_file_is_told_or_refused_in_one_line(
    path: Path | None, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert path is not None
    status = main(["inspect", str(path), "--quicklook", str(tmp_path)])
    said = capsys.readouterr()
    assert status in (0, 3)
    assert len(said.err.splitlines()) == (1 if status else 0)
    assert "defect" not in said.err
    assert str(data) not in said.out + said.err
    assert len(list(tmp_path.iterdir())) == (0 if status else 1)


# Text from files


def test_what_a_file_says_cannot_drive_a_terminal(
    write_tif: WriteTif, capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_item(
        write_tif(ramp(bands=1), descriptions=("a\x1b[31mb\nc",)),
        license="\x1b]0;title\x07 evil\u202eecil",
    )
    assert main(["inspect", str(path)]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\u202e" not in out


def test_quiet_is_quiet(write_tif: WriteTif, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(write_tif(ramp())), "--quiet"]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_no_folder_enters_the_output(
    write_tif: WriteTif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = (with_item(write_tif(ramp(), name)) for name in ("one.tif", "two.tif"))
    for words in ([], ["--json"], ["--hash"]):
        assert main(["inspect", str(one), str(two), *words]) == 0
        said = capsys.readouterr()
        assert str(tmp_path) not in said.out + said.err


# Metadata alone


def test_metadata_alone_are_told(tmp_path: Path, inspect: Inspect) -> None:
    path = tmp_path / "item.json"
    path.write_text(item(**PROPERTIES))
    (found,) = inspect(path)["files"]
    assert (found["kind"], found["usable"]) == ("metadata alone", True)
    assert found["facts"]["platform"]["value"] == "sentinel-2a"
    assert "shape" not in found


def test_two_items_are_compared_before_anything_is_bought(tmp_path: Path, inspect: Inspect) -> None:
    paths = []
    for name, changed in (
        ("a.json", {"gsd": 0.5}),
        ("b.json", {"gsd": 0.5, "view:off_nadir": 30.0, "datetime": "2024-12-06T02:17:00Z"}),
    ):
        paths.append(tmp_path / name)
        paths[-1].write_text(item(**PROPERTIES | changed))
    pair = inspect(*paths)["pair"]
    assert pair["comparability"]["pixel_size_m"] == 0.5
    assert pair["comparability"]["season_days"] == pytest.approx(182.5, abs=1)
    assert [warning["code"] for warning in pair["warnings"]] == ["lean"]
    assert pair["grid"] is None


def test_a_product_without_its_images_is_told_from_its_metadata(
    tmp_path: Path, inspect: Inspect
) -> None:
    folder = tmp_path / "LC08_L1TP_117033_20240606_20240610_02_T1"
    folder.mkdir()
    (folder / f"{folder.name}_MTL.txt").write_text(
        "GROUP = LANDSAT_METADATA_FILE\n  GROUP = IMAGE_ATTRIBUTES\n"
        '    SPACECRAFT_ID = "LANDSAT_8"\n    DATE_ACQUIRED = 2024-06-06\n'
        "    SUN_ELEVATION = 65.4\n  END_GROUP = IMAGE_ATTRIBUTES\n"
        "END_GROUP = LANDSAT_METADATA_FILE\nEND\n"
    )
    (found,) = inspect(folder)["files"]
    assert (found["kind"], found["file"]) == ("metadata alone", folder.name)
    assert found["facts"]["view:sun_elevation"]["value"] == 65.4
    assert [file["name"] for file in found["files"]] == [f"{folder.name}_MTL.txt"]
    (folder / "LC09_MTL.txt").write_text("")
    assert not inspect(folder, status=3)["files"][0]["usable"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ({"type": "Collection", "stac_version": "1.0.0", "extent": {}, "links": []}, "collection"),
        ({"type": "Catalog", "stac_version": "1.0.0", "links": []}, "catalog"),
        ({"stac_version": "0.9.0", "extent": {}, "links": []}, "collection"),
        ({"type": "FeatureCollection", "features": [{"stac_version": "1.0.0"}]}, "list of items"),
    ],
)
def test_a_collection_is_no_item(
    tmp_path: Path, inspect: Inspect, content: dict[str, Any], kind: str
) -> None:
    path = tmp_path / "collection.json"
    path.write_text(json.dumps({"id": "x"} | content))
    (found,) = inspect(path, status=3)["files"]
    assert found["error"]["message"] == f"collection.json: is a STAC {kind}, not an item"


def item_over(path: Path, *, bbox: Any, **properties: Any) -> Path:
    whole = json.loads(item(**PROPERTIES | properties)) | {"bbox": bbox}
    path.write_text(json.dumps(whole))
    return path


def test_items_of_two_places_share_no_ground(
    tmp_path: Path, inspect: Inspect, capsys: pytest.CaptureFixture[str]
) -> None:
    one = item_over(tmp_path / "a.json", bbox=[125, 39, 126, 40], gsd=10)
    near = item_over(tmp_path / "b.json", bbox=[125.5, 39, 0, 126.5, 40, 50], gsd=10)
    far = item_over(tmp_path / "c.json", bbox=[20, 10, 21, 11], gsd=10)
    assert inspect(one, near)["pair"]["overlap"]["share"] == pytest.approx(0.5, abs=1e-6)
    pair = inspect(one, far, status=3)["pair"]
    assert pair["error"]["message"] == "a.json and c.json share no ground"
    assert main(["inspect", str(one), str(far)]) == 3
    assert "overlap              the two share no ground" in capsys.readouterr().out


def test_items_of_unlike_pixels_would_be_refused(tmp_path: Path, inspect: Inspect) -> None:
    box = [125, 39, 126, 40]
    fine = item_over(tmp_path / "a.json", bbox=box, gsd=0.5)
    coarse = item_over(tmp_path / "b.json", bbox=box, gsd=10)
    middle = item_over(tmp_path / "c.json", bbox=box, gsd=2)
    assert inspect(fine, middle)["pair"]["error"] is None
    error = inspect(fine, coarse, status=3)["pair"]["error"]
    assert error["message"] == "a.json is 20.0 times finer than b.json"


@pytest.mark.parametrize(
    "bbox",
    [None, "x", [1, 2, 3], [1, 2, "3", 4], [170, 0, -170, 1], [0, 0, 0, 0], [1, 2, 3, 1e400]],
)
def test_bounds_that_are_none_tell_nothing(
    tmp_path: Path, inspect: Inspect, capsys: pytest.CaptureFixture[str], bbox: Any
) -> None:
    one = item_over(tmp_path / "a.json", bbox=bbox)
    two = item_over(tmp_path / "b.json", bbox=[125, 39, 126, 40])
    assert inspect(one, two)["pair"]["overlap"] is None
    assert main(["inspect", str(one), str(two)]) == 0
    out = capsys.readouterr().out
    assert "overlap              can't be told" in out
    assert "comparable           can't be told: neither states the size of its pixels" in out


@pytest.mark.parametrize(
    ("properties", "unknown"),
    [
        ({"view:off_nadir": 20.0}, ["credit, view azimuth"]),
        ({"view:off_nadir": 20.0, "view:azimuth": 90.0}, ["credit"]),
        ({"view:off_nadir": 2.0}, ["credit"]),
        ({}, ["credit, view"]),
    ],
)
def test_a_view_from_aside_wants_its_side(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    properties: dict[str, float],
    unknown: list[str],
) -> None:
    path = tmp_path / "a.json"
    known = {n: v for n, v in PROPERTIES.items() if n not in ("view:off_nadir", "view:azimuth")}
    path.write_text(item(**known | properties))
    assert main(["inspect", str(path)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("unknown")]
    told = [line.removeprefix("unknown").strip().split(": detect's --before-") for line in lines]
    assert [sorted(words.split(", ")) for words, _ in told] == [
        sorted(words.split(", ")) for words in unknown
    ]
    assert ("--before-view" in lines[0]) == ("view" in unknown[0])


# A pair


def test_images_of_one_place_share_ground(
    write_tif: WriteTif, inspect: Inspect, capsys: pytest.CaptureFixture[str]
) -> None:
    one = write_tif(ramp(), "a.tif")
    two = write_tif(ramp(), "b.tif", transform=UTM * Affine.translation(COLS / 2, 0))
    found = inspect(one, two)["pair"]["overlap"]
    assert found["share"] == pytest.approx(0.5, abs=1e-3)
    assert found["area_m2"] == pytest.approx(400 * 600, rel=2e-3)
    assert main(["inspect", str(one), str(two)]) == 0
    assert "overlap              50 % of the smaller, 0.24 km²" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("left", "right", "shared", "status"), [(40, 80, 1, 0), (20, 60, 0.5, 0), (0, 30, 0, 3)]
)
def test_an_area_must_lie_in_both_images(
    write_tif: WriteTif,
    tmp_path: Path,
    inspect: Inspect,
    capsys: pytest.CaptureFixture[str],
    left: int,
    right: int,
    shared: float,
    status: int,
) -> None:
    one = write_tif(ramp(), "a.tif")
    two = write_tif(ramp(), "b.tif", transform=UTM * Affine.translation(COLS / 2, 0))
    area = area_file(tmp_path, left=left, right=right)
    pair = inspect(one, two, "--aoi", area, status=status)["pair"]
    assert pair["area_shared"] == pytest.approx(shared, abs=2e-3)
    assert main(["inspect", str(one), str(two), "--aoi", str(area)]) == status
    said = capsys.readouterr().out
    assert ("none of area lies in both images" in said) == (status == 3)
    assert (pair["error"] is not None) == (status == 3)


def test_an_image_without_data_is_warned_of(write_tif: WriteTif, inspect: Inspect) -> None:
    (found,) = inspect(write_tif(np.zeros((1, ROWS, COLS), "uint8"), nodata=0))["files"]
    assert [warning["code"] for warning in found["warnings"]] == ["no-data"]


def test_a_pair_is_told_why_it_cannot_be_differenced_as_it_is(
    write_tif: WriteTif, inspect: Inspect
) -> None:
    before = with_item(write_tif(ramp(), "before.tif"))
    after = with_item(
        write_tif(ramp(), "after.tif", transform=UTM * Affine.translation(0.25, 0)),
        datetime="2024-06-16T02:17:00Z",
    )
    pair = inspect(before, after)["pair"]
    assert pair["comparability"]["days"] == 10
    assert pair["grid"]["reference"] == "before"
    assert "sub-pixel offset" in pair["grid"]["resampled_because"]["after"]
    assert pair["bands"]["paired_by"]
    assert pair["error"] is None


def test_each_image_of_a_pair_is_told_its_own_options(
    write_tif: WriteTif, inspect: Inspect
) -> None:
    files = inspect(write_tif(ramp(), "a.tif"), write_tif(ramp(), "b.tif"))["files"]
    assert [file["missing"]["date"] for file in files] == [["--before-date"], ["--after-date"]]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"transform": UTM * Affine.translation(9000, 0)}, "don't overlap"),
        ({"transform": UTM * Affine.scale(0.1)}, "times finer"),
    ],
)
def test_a_pair_that_would_be_refused_is_told_so(
    write_tif: WriteTif, inspect: Inspect, changed: dict[str, Any], words: str
) -> None:
    told = inspect(write_tif(ramp(), "a.tif"), write_tif(ramp(), "b.tif", **changed), status=3)
    assert words in told["pair"]["error"]["message"]
    assert [file["usable"] for file in told["files"]] == [True, True]


@pytest.mark.parametrize("word", ["--quiet", "--json", None])
def test_a_refused_pair_is_told_of_once(
    write_tif: WriteTif, capsys: pytest.CaptureFixture[str], word: str | None
) -> None:
    far = write_tif(ramp(), "b.tif", transform=UTM * Affine.translation(9000, 0))
    words = [word] if word else []
    assert main(["inspect", str(write_tif(ramp(), "a.tif")), str(far), *words]) == 3
    said = capsys.readouterr()
    assert said.err.count("don't overlap") == (1 if word else 0)
    assert said.out.count("don't overlap") == (0 if word == "--quiet" else 1)


def test_a_pair_the_wrong_way_round_is_told_so(write_tif: WriteTif, inspect: Inspect) -> None:
    later = with_item(write_tif(ramp(), "later.tif"))
    earlier = with_item(write_tif(ramp(), "earlier.tif"), datetime="2023-01-01T00:00:00Z")
    assert "was acquired after" in inspect(later, earlier, status=3)["pair"]["error"]["message"]


def test_the_pair_is_told_in_words(write_tif: WriteTif, capsys: pytest.CaptureFixture[str]) -> None:
    one = with_item(write_tif(ramp(), "one.tif"))
    two = with_item(write_tif(ramp(), "two.tif"), datetime="2024-12-06T02:17:00Z")
    assert main(["inspect", str(one), str(two)]) == 0
    out = capsys.readouterr().out
    assert "comparable           Taken 183 days apart, 6 months apart in the year" in out
    assert "neither is resampled onto it: pixels coincide" in out
    assert "unknown              credit: detect's --before-credit" in out


def test_a_pair_with_a_refused_file_has_no_comparability(
    write_tif: WriteTif, tmp_path: Path, inspect: Inspect
) -> None:
    told = inspect(write_tif(ramp()), tmp_path / "none.tif", status=3)
    assert told["pair"]["comparability"] is None
    assert "no such file" in told["pair"]["error"]["message"]


# Quicklooks


def test_a_quicklook_shows_the_image(write_tif: WriteTif, tmp_path: Path) -> None:
    image = np.random.default_rng(1).integers(1, 20, (3, 100, 200)).astype("uint8")
    image[0, :, 100:] += 200
    path = write_tif(image, colours=("red", "green", "blue"))
    folder = tmp_path / "new" / "looks"
    assert main(["inspect", str(path), "--quicklook", str(folder), "--quiet"]) == 0
    with Image.open(folder / "image.tif.quicklook.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    width, below = pixels.shape[1], pixels[-50]
    assert below[3 * width // 4, 0] - below[width // 4, 0] > 200
    assert (pixels[:5] == 255).all()


def test_a_quicklook_shows_what_a_mask_forbids(write_tif: WriteTif, tmp_path: Path) -> None:
    folder = tmp_path / "product"
    folder.mkdir()
    scene = "LC08_L2SP_117033_20240606_20240610_02_T1"
    image = np.full((1, 100, 100), 9000, "uint16")
    image[:, :, 50:] = 20000
    for band in ("B2", "B3", "B4"):
        write_tif(image, f"product/{scene}_SR_{band}.TIF", nodata=0)
    quality = np.full((1, 100, 100), 1 << 6, "uint16")  # clear
    quality[:, :, 50:] = 1 << 3  # cloud
    write_tif(quality, f"product/{scene}_QA_PIXEL.TIF", nodata=1)
    assert main(["inspect", str(folder), "--quicklook", str(tmp_path / "looks"), "--json"]) == 0
    (path,) = (tmp_path / "looks").iterdir()
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    below = pixels[-50]
    assert (below[3 * pixels.shape[1] // 4] == 255).all()
    assert (below[pixels.shape[1] // 4] == 0).all()


def test_images_of_one_name_are_numbered(write_tif: WriteTif, tmp_path: Path) -> None:
    path = write_tif(ramp())
    words = ["inspect", str(path), str(path), "--quicklook", str(tmp_path / "looks"), "--quiet"]
    assert main(words) == 0
    assert sorted(p.name for p in (tmp_path / "looks").iterdir()) == [
        "image.tif.2.quicklook.png",
        "image.tif.quicklook.png",
    ]


def test_a_quicklook_folder_that_cannot_be_made_is_told(
    write_tif: WriteTif, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("")
    assert main(["inspect", str(write_tif(ramp())), "--quicklook", str(taken)]) == 3
    assert "--quicklook" in capsys.readouterr().err


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1)])
def test_thin_images_can_be_drawn(
    write_tif: WriteTif, tmp_path: Path, shape: tuple[int, int]
) -> None:
    path = write_tif(ramp(bands=1, rows=shape[0], cols=shape[1]))
    assert main(["inspect", str(path), "--quicklook", str(tmp_path), "--quiet"]) == 0
    with Image.open(tmp_path / "image.tif.quicklook.png") as picture:
        assert max(picture.size) < 1600
