"""Every bad input: one line on stderr, the right exit status, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from small_pair import PLACE, SIDE, Pair, counts, square, write_image, write_outline

from aoi.cli import main

NOWHERE = "no-such-folder"


@pytest.fixture(scope="module")
def bad(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of good and bad files, by name."""
    from imagery.simulate import textured_pair

    folder = tmp_path_factory.mktemp("someones_private_folder")
    b, a = pair.first, pair.second
    write_image(folder / "b.tif", b)
    write_image(folder / "a.tif", a)
    whole = (folder / "b.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) // 6])
    (folder / "header.tif").write_bytes(whole[:300])
    (folder / "empty.tif").write_bytes(b"")
    (folder / "text.tif").write_text("hello there")
    (folder / "sub").mkdir()
    write_image(folder / "nocrs.tif", b, crs=None)
    write_image(folder / "nowhere.tif", b, crs=None, transform=None)
    write_image(folder / "far.tif", a, transform=Affine.translation(60_000, 0) * PLACE)
    write_image(folder / "near.tif", a, transform=Affine.translation(400, 0) * PLACE)
    write_image(folder / "flat.tif", np.full_like(b, 1000))
    write_image(folder / "blank.tif", np.zeros_like(b), nodata=0)
    upper, lower = b.copy(), a.copy()
    upper[:, SIDE // 2 :] = 0
    lower[:, : SIDE // 2] = 0
    write_image(folder / "upper.tif", upper, nodata=0)
    write_image(folder / "lower.tif", lower, nodata=0)
    # Wide enough for chance to be told from agreement.
    for name, seed in (("wide.tif", 3), ("other.tif", 77)):
        there = textured_pair(shape=(2 * SIDE, 2 * SIDE), seed=seed).before
        write_image(folder / name, counts(there))
    outlines(folder)
    return folder


def outlines(folder: Path) -> None:
    lon, lat = 123.001, 39.027
    bow = [(lon, lat), (lon + 0.001, lat + 0.001), (lon + 0.001, lat), (lon, lat + 0.001)]
    write_outline(folder / "bow.geojson", bow)
    write_outline(folder / "outside.geojson", square(124, 39))
    write_outline(folder / "swapped.geojson", [(y, x) for x, y in square(lon, lat)])
    (folder / "junk.geojson").write_text("{nope")


PAIR = ("b.tif", "a.tif")

CASES: dict[str, tuple[tuple[str, ...], int, tuple[str, ...]]] = {
    # files
    "missing file": (("gone.tif", "a.tif"), 3, ("gone.tif: no such file", "GeoTIFF")),
    "missing folder": ((f"{NOWHERE}/gone.tif", "a.tif"), 3, ("gone.tif", "not even its folder")),
    "folder": (("sub", "a.tif"), 3, ("sub: is a folder without an image", "an image")),
    "not a raster": (("text.tif", "a.tif"), 3, ("text.tif", "b'hello th'")),
    "empty file": (("a.tif", "empty.tif"), 3, ("empty.tif", "an empty file")),
    "pixels cut off": (("cut.tif", "a.tif"), 3, ("cut.tif", "damaged or cut off", "a whole file")),
    "header cut off": (("header.tif", "a.tif"), 3, ("header.tif", "header", "a whole file")),
    "name too long": (("x" * 300, "a.tif", "--out", "c"), 3, ("too long",)),
    # where it lies
    "no CRS": (("nocrs.tif", "a.tif"), 3, ("nocrs.tif: has no CRS", "option: --crs")),
    "no georeference": (("nowhere.tif", "a.tif"), 3, ("nowhere.tif", "--no-georeference")),
    "far apart": (("b.tif", "far.tif"), 3, ("b.tif and far.tif", "a gap of 59.7 km")),
    "just apart": (("b.tif", "near.tif"), 3, ("near.tif", "a gap of 0.080 km")),
    # nothing to see
    "no valid pixel": (("b.tif", "blank.tif"), 3, ("blank.tif", "too few valid", "--nodata")),
    "no common pixel": (("upper.tif", "lower.tif"), 3, ("upper.tif and lower.tif", "--nodata")),
    "flat before": (("flat.tif", "a.tif"), 3, ("flat.tif: no band varies", "the value 1000")),
    "flat after": (("b.tif", "flat.tif"), 3, ("flat.tif: no band varies",)),
    "unrelated": (
        ("wide.tif", "other.tif"),
        4,
        ("wide.tif and other.tif", "%", "at least", "option: --diagnose DIR shows why"),
    ),
    # area
    "area outside": (
        (*PAIR, "--aoi", "outside.geojson"),
        3,
        ("'outside' lies outside", "86.3 km away", "124", "123", "option: --aoi"),
    ),
    "area crosses itself": (
        (*PAIR, "--aoi", "bow.geojson"),
        3,
        ("bow.geojson", "crosses or touches itself", "option: --aoi"),
    ),
    "area swapped": (
        (*PAIR, "--aoi", "swapped.geojson"),
        3,
        ("swapped.geojson", "latitude and longitude are swapped", "option: --aoi"),
    ),
    "bounds swapped": ((*PAIR, "--aoi", "39.02,123.001,39.03,123.002"), 3, ("are swapped",)),
    "area missing": ((*PAIR, "--aoi", "gone.geojson"), 3, ("gone.geojson: no such", "--aoi")),
    "area not GeoJSON": ((*PAIR, "--aoi", "junk.geojson"), 3, ("junk.geojson", "not JSON")),
    "no such place": (
        (*PAIR, "--aoi", "kim-il-song"),
        3,
        ("'kim-il-song'", "did you mean kim-il-sung-square", "option: --aoi"),
    ),
    "three bounds": ((*PAIR, "--aoi", "1,2,3"), 2, ("four numbers", "found: 1,2,3", "--aoi")),
    # options
    "reversed": (
        (*PAIR, "--before-date", "2024-06-06", "--after-date", "2024-06-05"),
        2,
        ("b.tif", "a.tif", "BEFORE 2024-06-06, AFTER 2024-06-05", "--allow-reversed"),
    ),
    "no date": (
        (*PAIR, "--before-date", "yesterday"),
        2,
        ("found: yesterday", "2024-06-06", "option: --before-date"),
    ),
    "no such day": ((*PAIR, "--after-date", "2024-02-30"), 2, ("2024-02-30", "--after-date")),
    "no such band": ((*PAIR, "--bands", "1,9"), 2, ("b.tif", "'9'", "option: --bands")),
    "band twice": ((*PAIR, "--bands", "1,1"), 2, ("band twice", "option: --bands")),
    "no band": ((*PAIR, "--after-bands", ","), 2, ("a.tif", "option: --after-bands")),
    "no such rule": ((*PAIR, "--threshold", "best"), 2, ("found: best", "otsu", "--threshold")),
    "bad percentile": ((*PAIR, "--threshold", "percentile:101"), 2, ("percentile:101",)),
    "negative cut": ((*PAIR, "--threshold", "-3"), 2, ("found: -3", "option: --threshold")),
    "grid missing": ((*PAIR, "--grid", "gone.tif"), 3, ("gone.tif", "option: --grid")),
    "grid no raster": ((*PAIR, "--grid", "text.tif"), 3, ("text.tif", "option: --grid")),
    "grid nowhere": ((*PAIR, "--grid", "nowhere.tif"), 3, ("nowhere.tif", "option: --grid")),
    "too fine": ((*PAIR, "--resolution", "0.5"), 2, ("0.5 m", "at least 1 m", "--resolution")),
    "too coarse": ((*PAIR, "--resolution", "1e5"), 2, ("100000 m", "option: --resolution")),
    "contradiction": ((*PAIR, "--pixel-size", "1"), 2, ("option: --no-georeference",)),
    "no pixel size": ((*PAIR, "--no-georeference"), 2, ("option: --pixel-size",)),
    **{
        f"{option} {value}": ((*PAIR, option, value), 2, (f"found: {value}", f"option: {option}"))
        for option, value in (
            ("--min-area", "-5"),
            ("--min-area", "nan"),
            ("--resolution", "0"),
            ("--context", "-1"),
            ("--margin", "inf"),
            ("--min-coverage", "1.5"),
            ("--smoothing", "-0.5"),
            ("--trusted-ce90", "-1"),
            ("--usable-ce90", "nan"),
            ("--site-gap", "-1"),
            ("--workers", "0"),
            ("--memory", "1"),
        )
    },
    # words that the parser knows
    "no such option": ((*PAIR, "--nope"), 2, ("--nope", "twopass detect --help")),
    "no number": ((*PAIR, "--memory", "much"), 2, ("'much'", "option: --memory")),
    "no such method": ((*PAIR, "--method", "magic"), 2, ("'magic'", "option: --method")),
    "one image": (("b.tif",), 2, ("AFTER",)),
}


def refused(status: int, err: str, *, expected: int, words: tuple[str, ...], folder: Path) -> None:
    assert status == expected, err
    assert err.startswith("twopass: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert folder.name not in err
    assert "Traceback" not in err


def words_of(arguments: tuple[str, ...], folder: Path) -> list[str]:
    """The arguments, with absolute paths for the files of a folder."""
    known = {path.name for path in folder.iterdir()} | {"gone.tif", "gone.geojson"}
    return [
        str(folder / word) if word in known or word.startswith(NOWHERE) else word
        for word in arguments
    ]


@pytest.mark.parametrize("name", CASES)
def test_refused_with_json(
    name: str,
    bad: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    arguments, expected, words = CASES[name]
    monkeypatch.chdir(tmp_path)
    inputs = sorted(bad.iterdir())
    status = main(["detect", *words_of(arguments, bad), "--json"])
    out, err = capfd.readouterr()
    refused(status, err, expected=expected, words=words, folder=bad)
    told = json.loads(out)
    assert out.count("\n") == 1
    assert told["status"] == "refused"
    assert told["exit_status"] == expected
    assert set(told["error"]) == {"message", "found", "needed", "option"}
    assert told["error"]["message"] in err
    assert list(tmp_path.iterdir()) == []
    assert sorted(bad.iterdir()) == inputs


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The command as a process of its own, in an empty folder."""

    def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "aoi", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **options,
        )

    return run


@pytest.mark.parametrize("name", ["missing file", "pixels cut off", "unrelated", "no such option"])
def test_refused_as_a_process(name: str, bad: Path, tmp_path: Path, run: Run) -> None:
    arguments, expected, words = CASES[name]
    done = run("detect", *words_of(arguments, bad))
    refused(done.returncode, done.stderr, expected=expected, words=words, folder=bad)
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_damage_that_only_a_worker_meets(
    bad: Path, tmp_path: Path, pair: Pair, capfd: pytest.CaptureFixture[str]
) -> None:
    """With a nodata value nothing looks for a border, so the tiles are the first to be decoded."""
    whole = write_image(tmp_path / "whole.tif", pair.second, nodata=0).read_bytes()
    path = tmp_path / "late.tif"
    path.write_bytes(whole[: len(whole) * 3 // 4])
    status = main(["detect", str(bad / "b.tif"), str(path), "--out", str(tmp_path / "case")])
    out, err = capfd.readouterr()
    words = ("late.tif", "damaged or cut off")
    refused(status, err, expected=3, words=words, folder=tmp_path)
    assert out == ""
    assert sorted(p.name for p in tmp_path.iterdir()) == ["late.tif", "whole.tif"]


# Where the case shall go.


@pytest.mark.parametrize(
    ("out", "expected", "words"),
    [
        ("file", 2, ("file: is in the way", "option: --out")),
        ("file/case", 3, ("case: cannot be written", "option: --out")),
        ("/proc/case", 3, ("case: cannot be written", "option: --out")),
        ("full", 2, ("full: exists already", "--overwrite")),
        (".", 2, ("the folder that you are in", "option: --out")),
        ("..", 2, ("the folder that you are in", "option: --out")),
        ("", 2, ("the folder that you are in", "option: --out")),
        ("/", 2, ("the folder that you are in", "option: --out")),
        ("x" * 300, 3, ("too long", "option: --out")),
        ("loop/case", 3, ("option: --out",)),
    ],
)
def test_a_place_that_cannot_be(
    out: str,
    expected: int,
    words: tuple[str, ...],
    bad: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    status = main(["detect", str(bad / "b.tif"), str(bad / "a.tif"), "--out", out])
    refused(status, capfd.readouterr().err, expected=expected, words=words, folder=bad)
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "file").read_text() == "mine"


def test_folders_made_for_a_refused_case_go_too(
    bad: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "one" / "two" / "case"
    assert main(["detect", str(bad / "b.tif"), str(bad / "far.tif"), "--out", str(out)]) == 3
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr().err.count("\n") == 1


def test_a_name_that_is_no_utf8(
    bad: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "b\udcff.tif"
    try:
        odd.write_bytes((bad / "b.tif").read_bytes())
    except OSError:
        pytest.skip("this file system has no such names")
    out = str(tmp_path / "case")
    assert main(["detect", str(odd), str(bad / "a.tif"), "--out", out, "--json"]) == 3
    told, err = capfd.readouterr()
    assert "not UTF-8" in err
    assert json.loads(told)["error"]["found"] == "'b\\udcff.tif'"
    assert [p.name for p in tmp_path.iterdir()] == [odd.name]
