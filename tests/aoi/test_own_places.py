"""One's own places: kept in a folder that the user names, found by name, never told of."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapely
from small_pair import Pair

from aoi.cli import main
from aoi.options import AreaOptions
from aoi.places import load_area, names, own
from aoi.places.adding import add, check_name
from imagery.errors import InputError, MissingInputError, OutputError, UsageError

Captured = pytest.CaptureFixture[str]
POINT = "125.7523,39.0194,250m"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of own places, which isn't there yet."""
    path = tmp_path / "someones_secret_folder" / "places"
    monkeypatch.setenv(own.FOLDER, str(path))
    return path


def told(capsys: Captured, *words: str, status: int = 0) -> dict[str, Any]:
    assert main([*words, "--json"]) == status
    return dict(json.loads(capsys.readouterr().out))


class TestKept:
    def test_what_is_added_is_found_again(self, folder: Path, capsys: Captured) -> None:
        words = ("--name", "My Court", "--name-local", "내 마당", "--source", "Own survey, 2024")
        made = told(capsys, "aoi", "add", POINT, *words, "--kind", "court", "--accuracy", "5")
        assert (made["status"], made["place"], made["exit_status"]) == ("added", "my-court", 0)
        outline = load_area(POINT).geometry
        for name in ("my-court", "My Court", "MY_COURT", "내 마당"):
            area = load_area(name)
            assert shapely.hausdorff_distance(area.geometry, outline) < 1e-9
            assert area.source == "own place: my-court"
            assert area.file is None
        assert area.accuracy == f"from point {POINT}; within 5 m, as its owner says"
        assert area.sources == ("Own survey, 2024",)
        assert "my-court" in names()
        assert [entry.name for entry in folder.iterdir()] == ["my-court.geojson"]
        content = json.loads((folder / "my-court.geojson").read_text("utf-8"))
        assert content["type"] == "Feature"
        assert str(folder.parent.name) not in json.dumps(content)

    def test_the_list_marks_it(self, capsys: Captured) -> None:
        add(load_area(POINT), name="My Court", kind="court")
        listed = told(capsys, "aoi", "list")
        (mine,) = [place for place in listed["places"] if place["own"]]
        assert (mine["name"], mine["full_name"]) == ("my-court", "My Court")
        assert (mine["lon"], mine["lat"]) == (125.7523, 39.0194)
        assert listed["places"][-1] == mine
        assert main(["aoi", "list"]) == 0
        assert "my-court                           court, own       My Court\n" in (
            capsys.readouterr().out
        )

    def test_it_is_shown(self, capsys: Captured) -> None:
        add(load_area(POINT), name="My Court", sources=["one", "two"], accuracy_m=7)
        shown = told(capsys, "aoi", "show", "My Court")
        assert (shown["place"], shown["own"], shown["accuracy_m"]) == ("my-court", True, 7)
        assert [source["title"] for source in shown["sources"]] == ["one", "two"]
        assert main(["aoi", "show", "my-court"]) == 0
        out = capsys.readouterr().out
        assert "accuracy   7 m: from point" in out
        assert out.count("source     ") == 2

    def test_it_is_removed(self, folder: Path, capsys: Captured) -> None:
        add(load_area(POINT), name="My Court")
        assert told(capsys, "aoi", "remove", "MY COURT")["place"] == "my-court"
        assert list(folder.iterdir()) == []
        with pytest.raises(MissingInputError):
            load_area("my-court")
        assert told(capsys, "aoi", "remove", "my-court", status=3)["status"] == "refused"

    def test_one_is_replaced_where_that_is_meant(self, folder: Path, capsys: Captured) -> None:
        add(load_area(POINT), name="My Court")
        told(capsys, "aoi", "add", "0,0,1,1", "--name", "my_court", status=2)
        assert load_area("my-court").area_m2 < 1e6
        told(capsys, "aoi", "add", "0,0,1,1", "--name", "my_court", "--overwrite")
        assert load_area("my-court").area_m2 > 1e10
        assert [entry.name for entry in folder.iterdir()] == ["my-court.geojson"]

    def test_points_of_a_file(self, tmp_path: Path, capsys: Captured) -> None:
        (tmp_path / "posts.wkt").write_text("MULTIPOINT (125 39, 126 39)")
        words = ("aoi", "add", str(tmp_path / "posts.wkt"), "--name", "Posts")
        assert "give points a radius" in told(capsys, *words, status=3)["error"]["needed"]
        made = told(capsys, *words, "--radius", "100")
        assert made["area_m2"] == pytest.approx(2 * 3.1376 * 100**2, rel=1e-3)
        assert load_area("posts").geometry.geom_type == "MultiPolygon"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("Kim Il Sung Square", "the name of kim-il-sung-square in the catalogue"),
            ("KIM-IL-SUNG_square", "the name of kim-il-sung-square in the catalogue"),
            ("주체사상탑", "the name of juche-tower in the catalogue"),
            ("", "no name"),
            ("  ", "no name"),
            ("---", "no name"),
            ("!?", "no name"),
            ("x" * 121, "no name"),
            ("court.geojson", "a file or an outline"),
            ("court.KMZ", "a file or an outline"),
            ("POINT (1 2)", "a file or an outline"),
            ("1,2,3,4", "numbers"),
            ("1,2,3m", "numbers"),
        ],
    )
    def test_one_that_is_refused(self, folder: Path, name: str, why: str) -> None:
        with pytest.raises(UsageError, match=why):
            add(load_area(POINT), name=name)
        assert not folder.exists()

    def test_a_local_name_of_the_catalogue_is_refused(self) -> None:
        with pytest.raises(UsageError, match="juche-tower"):
            check_name("Mine", "주체사상탑", overwrite=True)

    @pytest.mark.parametrize(
        ("name", "slug"),
        [
            ("../../etc/passwd", "etcpasswd"),
            ("a/b\\c", "abc"),
            ("..", ""),
            ("C:\\x", "cx"),
            ("Court №1\x00", "court-1"),
            ("내 마당", "내-마당"),
        ],
    )
    def test_no_name_leaves_the_folder(self, folder: Path, name: str, slug: str) -> None:
        if not slug:
            with pytest.raises(UsageError, match="no name"):
                add(load_area(POINT), name=name)
            return
        assert add(load_area(POINT), name=name).slug == slug
        assert [entry.name for entry in folder.iterdir()] == [f"{slug}.geojson"]

    def test_the_catalogue_is_kept(self, capsys: Captured) -> None:
        refused = told(capsys, "aoi", "remove", "juche-tower", status=2)
        assert "catalogue cannot be removed" in refused["error"]["message"]

    @pytest.mark.parametrize("accuracy", ["0", "-1", "nan", "1e9"])
    def test_an_accuracy_that_is_none(self, accuracy: str, capsys: Captured) -> None:
        refused = told(
            capsys, "aoi", "add", POINT, "--name", "A", f"--accuracy={accuracy}", status=2
        )
        assert "accuracy" in refused["error"]["message"]


class TestTheFolder:
    def test_files_that_are_none_are_told(self, folder: Path, capsys: Captured) -> None:
        add(load_area(POINT), name="My Court")
        (folder / "bad.geojson").write_text("{")
        (folder / "worse\x1b[2J.geojson").write_text('{"type": "Feature"}')
        (folder / "deep.geojson").write_text("[" * 100_000)
        (folder / "notes.txt").write_text("mine")
        listed = told(capsys, "aoi", "list")
        assert [entry["file"] for entry in listed["unreadable"]] == [
            "bad.geojson",
            "deep.geojson",
            "worse\x1b[2J.geojson",
        ]
        assert listed["unreadable"][0]["why"] == "not JSON"
        assert main(["aoi", "list"]) == 0
        out = capsys.readouterr().out
        assert "warning    bad.geojson: not JSON" in out
        assert "\x1b" not in out
        assert load_area("my-court").area_m2 > 0

    def test_one_that_was_put_there_by_hand(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        outline = json.loads(shapely.to_geojson(shapely.box(1, 1, 2, 2)))
        content = {"type": "Feature", "properties": {"name": "By Hand"}, "geometry": outline}
        (folder / "My File.geojson").write_text("\ufeff" + json.dumps(content), encoding="utf-8")
        for name in ("by hand", "my-file"):
            assert load_area(name).geometry.equals(shapely.box(1, 1, 2, 2))
        add(load_area(POINT), name="By Hand", overwrite=True)
        assert [entry.name for entry in folder.iterdir()] == ["My File.geojson"]

    def test_one_that_shadows_the_catalogue_does_not_count(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        outline = json.loads(shapely.to_geojson(shapely.box(1, 1, 2, 2)))
        content = {"type": "Feature", "properties": {"name": "Juche Tower"}, "geometry": outline}
        (folder / "juche-tower.geojson").write_text(json.dumps(content))
        assert load_area("juche-tower").source == "catalogue: juche-tower"

    def test_a_file_in_its_place(self, folder: Path) -> None:
        folder.parent.mkdir()
        folder.write_text("x")
        with pytest.raises(InputError, match="cannot be listed") as caught:
            names()
        assert str(folder) not in str(caught.value)

    def test_one_that_cannot_be_written(self, folder: Path) -> None:
        place = add(load_area(POINT), name="My Court")
        (folder / "my-court.geojson").unlink()
        (folder / "my-court.partial").mkdir()
        with pytest.raises(OutputError, match="cannot be written") as caught:
            own.store(place, overwrite=False)
        assert str(folder) not in str(caught.value)
        assert own.places() == ((), ())

    def test_too_many(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        add(load_area(POINT), name="My Court")
        monkeypatch.setattr(own, "MOST_PLACES", 0)
        with pytest.raises(InputError, match="too many files"):
            names()

    def test_one_that_is_too_large(self, monkeypatch: pytest.MonkeyPatch) -> None:
        add(load_area(POINT), name="My Court")
        monkeypatch.setattr(own, "MOST_BYTES", 100)
        assert own.places()[1] == (own.Unreadable("my-court.geojson", "larger than 0 MB"),)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows names its folders by itself")
    def test_without_the_variable_it_is_the_users_data_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(own.FOLDER)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        assert own.folder().is_relative_to(tmp_path)
        assert own.folder().parts[-2:] == ("twopass", "places")
        assert not own.folder().exists()
        assert os.environ.get(own.FOLDER) is None
        assert own.places() == ((), ())


def test_a_case_holds_the_place_and_not_where_it_is_kept(
    pair: Pair, undrawn: Callable[..., dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    add(load_area(str(pair.area)), name="My Court", name_local="내 마당", sources=["A survey"])
    case = tmp_path / "case"
    record = undrawn(pair.before, pair.after, case, area_options=AreaOptions(aoi="my court"))
    area = record["result"]["area"]
    assert (area["name"], area["source"]) == ("My Court", "own place: my-court")
    for path in case.rglob("*"):
        if path.is_file():
            assert b"someones_secret_folder" not in path.read_bytes()


class TestSpacesInNames:
    @pytest.mark.parametrize(
        "text", ["김일성 광장", "김 일성광장", "Kim Il-sung Square", "kimilsungsquare"]
    )
    def test_a_documented_place_is_found_with_and_without(self, text: str) -> None:
        assert load_area(text).name == "Kim Il Sung Square"

    @pytest.mark.parametrize("name", ["북쪽마당", "북쪽 마당"])
    @pytest.mark.parametrize("asked", ["북쪽마당", "북쪽 마당", "북쪽-마당"])
    def test_an_own_place_in_its_own_script(self, name: str, asked: str, capsys: Captured) -> None:
        told(capsys, "aoi", "add", POINT, "--name", name)
        assert load_area(asked).name == name
        told(capsys, "aoi", "add", POINT, "--name", asked, "--overwrite")
        assert len(own.places()[0]) == 1

    def test_the_short_name_keeps_its_hyphens(self) -> None:
        place = add(load_area(POINT), name="North Court", name_local="북쪽 마당")
        assert place.slug == "north-court"
        assert load_area("북쪽마당").name == "North Court"


def test_an_accuracy_that_nobody_stated_is_told_so(capsys: Captured) -> None:
    add(load_area(POINT), name="North Court")
    assert main(["aoi", "show", "north-court"]) == 0
    assert "accuracy   not stated; from point" in capsys.readouterr().out
