"""The case folder: its record, its manifest, its place, and what it never tells."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from filelock import FileLock
from PIL import Image
from small_pair import Pair, write_image

from aoi.case import (
    MANIFEST,
    RECORD,
    case_schema,
    new_case,
    read_manifest,
    read_record,
    renew_manifest,
    write_manifest,
    write_record,
)
from aoi.cli import main
from aoi.options import ProductOptions
from imagery.errors import InputError, OutputError, UsageError
from imagery.options import DetectOptions, EngineOptions, GridOptions, ReadOptions
from imagery.record import sha256_of

Undrawn = Callable[..., dict[str, Any]]


def wrong(record: dict[str, Any]) -> list[str]:
    """What in a record is against the schema."""
    schema = jsonschema.Draft202012Validator(
        case_schema(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(record)]


class TestRecord:
    def test_the_schema_is_one(self) -> None:
        jsonschema.Draft202012Validator.check_schema(case_schema())

    def test_a_case_with_changes(self, case: Path) -> None:
        record = read_record(case)
        assert wrong(record) == []
        assert record["result"]["status"] == "changes"
        assert record["result"]["alignment"]["verdict"] == "trusted"

    def test_no_change_found(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        record = undrawn(pair.before, pair.before, tmp_path / "case")
        assert wrong(record) == []
        assert record["result"]["status"] == "no change found"
        assert record["result"]["changes"]["polygons"] == 0
        assert "same-image" in {w["code"] for w in record["result"]["warnings"]}

    def test_not_georeferenced(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        options = DetectOptions(read=ReadOptions(no_georeference=True, pixel_size=0.5))
        record = undrawn(pair.before, pair.after, tmp_path / "case", options=options)
        assert wrong(record) == []
        result = record["result"]
        assert result["georeferenced"] is False
        assert result["area"]["centre"] is result["grid"]["crs"] is None
        assert not (tmp_path / "case" / "changes.geojson").exists()

    def test_alignment_not_measured(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        small = [
            write_image(tmp_path / f"{name}.tif", array[:, :40, :40], tiled=False)
            for name, array in (("b", pair.first), ("a", pair.second))
        ]
        record = undrawn(*small, tmp_path / "case")
        assert wrong(record) == []
        alignment = record["result"]["alignment"]
        assert alignment["verdict"] == "not measured"
        assert alignment["ce90_px"] is alignment["shift_m"] is None

    def test_a_grid_from_a_file(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        grid = write_image(tmp_path / "grid.tif", pair.first[:, 3:, 5:])
        options = DetectOptions(grid=GridOptions(grid=str(grid)))
        record = undrawn(pair.before, pair.after, tmp_path / "case", options=options)
        assert wrong(record) == []
        file = {"name": "grid.tif", "sha256": sha256_of(grid), "size": grid.stat().st_size}
        assert record["result"]["grid"]["file"] == file
        assert str(tmp_path) not in (tmp_path / "case" / RECORD).read_text()

    @pytest.mark.parametrize(
        "change",
        [
            lambda r: r.update(extra=1),
            lambda r: r["result"].update(extra=1),
            lambda r: r["result"].pop("software"),
            lambda r: r["result"]["observed"].update(share=1.2),
            lambda r: r["result"]["scenes"]["before"].update(file="/home/me/before.tif"),
            lambda r: r["result"]["outputs"][0].update(path="../elsewhere.tif"),
            lambda r: r["result"]["outputs"][0].update(path="/tmp/elsewhere.tif"),
            lambda r: r["result"]["alignment"].update(verdict="fine"),
            lambda r: r["result"]["alignment"].update(verdict="refused"),
            lambda r: r["result"]["alignment"].update(verdict="accepted"),
            lambda r: r["result"]["alignment"].update(accepted="why"),
            lambda r: r["result"]["alignment"].update(coverage_90=90),
            lambda r: r["result"]["alignment"].pop("all_ce90_px"),
            lambda r: r["run"].update(start="yesterday"),
        ],
    )
    def test_what_is_no_record(self, case: Path, change: Callable[[Any], Any]) -> None:
        record = read_record(case)
        change(record)
        assert wrong(record)

    def test_inputs_and_outputs_are_what_they_hash_to(self, case: Path, pair: Pair) -> None:
        result = read_record(case)["result"]
        for scene, path in zip(result["scenes"].values(), (pair.before, pair.after), strict=True):
            assert (scene["file"], scene["sha256"]) == (path.name, sha256_of(path))
        assert result["area"]["file"]["sha256"] == sha256_of(pair.area)
        for output in result["outputs"]:
            path = case / output["path"]
            assert (output["sha256"], output["size"]) == (sha256_of(path), path.stat().st_size)
        named = {output["path"] for output in result["outputs"]}
        assert {"changes.gpkg", "changes.geojson", "rasters/score.tif"} <= named
        assert not {name for name in named if name.startswith(("maps", "report"))}

    def test_it_reads_well(self, tmp_path: Path) -> None:
        value = {"a": [1.5, 2], "b": [[1, 2], [3, 4]], "c": {}, "d": [], "e": [{"f": "é"}]}
        write_record(value, tmp_path / "r.json")
        text = (tmp_path / "r.json").read_text(encoding="utf-8")
        assert json.loads(text) == value
        assert '"a": [1.5, 2],\n' in text
        assert "\n  [1, 2],\n" in text
        assert "é" in text


class TestNothingPrivate:
    def test_no_path_user_or_host(self, case: Path, pair: Pair) -> None:
        secrets = {pair.folder.name, pair.folder.parent.name, case.parent.name, "pytest-"}
        user, host = getpass.getuser(), socket.gethostname()
        secrets |= {word for word in (user, host) if len(word) > 4 and word != "root"}
        checked = 0
        for path in case.rglob("*"):
            if not path.is_file():
                continue
            data = path.read_bytes()
            if path.suffix == ".png":
                with Image.open(path) as image:
                    data += repr(image.info).encode()
            checked += 1
            for word in secrets:
                for spelt in (word.encode(), word.encode("utf-16-le")):
                    assert spelt not in data, f"{word} in {path.relative_to(case)}"
        assert checked > 12


class TestManifest:
    def test_sha256sum_accepts_it(self, case: Path) -> None:
        tool = shutil.which("sha256sum")
        if tool is None:
            pytest.skip("no sha256sum here")
        done = subprocess.run(
            [tool, "--check", "--strict", "--quiet", MANIFEST],
            cwd=case,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    def test_it_lists_every_file_but_itself(self, case: Path) -> None:
        files = {p.relative_to(case).as_posix() for p in case.rglob("*") if p.is_file()}
        listed = read_manifest(case)
        assert set(listed) == files - {MANIFEST}
        assert list(listed) == sorted(listed)
        assert all(sha == sha256_of(case / name) for name, sha in listed.items())

    def test_only_the_lines_of_derived_files_are_renewed(self, tmp_path: Path) -> None:
        (tmp_path / "maps").mkdir()
        for name in (RECORD, "maps/old.png", "maps/kept.png", "report.html"):
            (tmp_path / name).write_text(name)
        write_manifest(tmp_path)
        before = read_manifest(tmp_path)
        (tmp_path / RECORD).write_text("tampered with")
        (tmp_path / "report.html").write_text("drawn again")
        (tmp_path / "maps/old.png").unlink()
        (tmp_path / "maps/new.png").write_text("new")
        (tmp_path / "notes.txt").write_text("mine")
        renew_manifest(tmp_path)
        after = read_manifest(tmp_path)
        assert set(after) == {RECORD, "maps/kept.png", "maps/new.png", "report.html"}
        assert after[RECORD] == before[RECORD] != sha256_of(tmp_path / RECORD)
        assert after["report.html"] == sha256_of(tmp_path / "report.html")

    def test_none_is_made_where_there_was_none(self, tmp_path: Path) -> None:
        (tmp_path / "report.html").write_text("x")
        renew_manifest(tmp_path)
        assert not (tmp_path / MANIFEST).exists()

    @pytest.mark.parametrize("text", ["nonsense\n", f"{'a' * 64} name\n", f"{'g' * 64}  x\n"])
    def test_a_damaged_one(self, tmp_path: Path, text: str) -> None:
        (tmp_path / MANIFEST).write_text(text)
        with pytest.raises(InputError, match="manifest is damaged"):
            read_manifest(tmp_path)


def fill(case: Path, *, word: str = "new") -> None:
    """A least case."""
    record = {"schema": 1, "result": {"word": word}, "run": {}}
    (case / RECORD).write_text(json.dumps(record))
    write_manifest(case)


def broken(out: Path, error: Any) -> None:
    """A run that fails half way."""
    with new_case(out, overwrite=True) as partial:
        (partial / "rasters").mkdir()
        (partial / "rasters" / "half.tif").write_bytes(b"half")
        raise error


def word_of(case: Path) -> str:
    return str(json.loads((case / RECORD).read_text())["result"]["word"])


class TestPlace:
    def test_it_appears_whole(self, tmp_path: Path) -> None:
        out = tmp_path / "above" / "case"
        with new_case(out, overwrite=False) as partial:
            fill(partial)
            assert not out.exists()
            assert partial.parent.parent == out.parent
        assert sorted(p.name for p in out.iterdir()) == [RECORD, MANIFEST]
        assert [p.name for p in out.parent.iterdir()] == ["case"]

    def test_an_empty_folder_is_taken(self, tmp_path: Path) -> None:
        out = tmp_path / "case"
        out.mkdir()
        with new_case(out, overwrite=False) as partial:
            fill(partial)
        assert word_of(out) == "new"
        assert [p.name for p in tmp_path.iterdir()] == ["case"]

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError(28, "No space")])
    def test_nothing_stays_of_a_failure(self, tmp_path: Path, error: Any) -> None:
        expected = OutputError if isinstance(error, OSError) else error
        with pytest.raises(expected):
            broken(tmp_path / "a" / "case", error)
        assert list(tmp_path.iterdir()) == []

    def test_a_failed_overwrite_leaves_the_old_case(self, tmp_path: Path) -> None:
        out = tmp_path / "case"
        with new_case(out, overwrite=False) as partial:
            fill(partial, word="old")
        with pytest.raises(ValueError, match="bad"):
            broken(out, ValueError("bad"))
        assert word_of(out) == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["case"]

    def test_a_rename_that_fails_leaves_the_old_case(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "case"
        with new_case(out, overwrite=False) as partial:
            fill(partial, word="old")
        rename = Path.rename

        def refuse(self: Path, target: Path) -> Path:
            if self.parent.name == "case.partial":
                raise PermissionError(13, "Permission denied")
            return rename(self, target)

        monkeypatch.setattr(Path, "rename", refuse)
        with (
            pytest.raises(OutputError, match="Permission denied"),
            new_case(out, overwrite=True) as partial,
        ):
            fill(partial)
        assert word_of(out) == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["case"]

    def test_overwrite_replaces_a_case(self, tmp_path: Path) -> None:
        out = tmp_path / "case"
        (tmp_path / "case.old").mkdir()
        for word in ("old", "new"):
            with new_case(out, overwrite=True) as partial:
                fill(partial, word=word)
        assert word_of(out) == "new"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["case", "case.old"]

    def test_through_a_link_the_case_is_replaced_not_the_link(self, tmp_path: Path) -> None:
        real, link = tmp_path / "real", tmp_path / "link"
        with new_case(real, overwrite=False) as partial:
            fill(partial, word="old")
        link.symlink_to(real)
        with new_case(link, overwrite=True) as partial:
            fill(partial)
        assert link.is_symlink()
        assert word_of(real) == "new"

    def test_only_a_case_is_replaced(self, tmp_path: Path) -> None:
        for name, content in (("none", None), ("json", "[]"), ("other", '{"schema": 1}')):
            out = tmp_path / name
            out.mkdir()
            (out / "notes.txt").write_text("mine")
            if content is not None:
                (out / RECORD).write_text(content)
            with (
                pytest.raises(UsageError, match="is not a case"),
                new_case(out, overwrite=True),
            ):
                pass
            assert (out / "notes.txt").read_text() == "mine"
        assert len(list(tmp_path.iterdir())) == 3

    def test_a_case_with_someones_notes_is_not_replaced(self, tmp_path: Path) -> None:
        out = tmp_path / "case"
        with new_case(out, overwrite=False) as partial:
            fill(partial, word="old")
        (out / "score.tif.aux.xml").write_text("left by a viewer")
        (out / "notes.txt").write_text("mine")
        with (
            pytest.raises(UsageError, match=r"not the case's.*found: notes\.txt"),
            new_case(out, overwrite=True),
        ):
            pass
        (out / "notes.txt").unlink()
        with new_case(out, overwrite=True) as partial:
            fill(partial)
        assert word_of(out) == "new"

    def test_a_second_run_is_refused_and_harms_nothing(self, tmp_path: Path) -> None:
        out = tmp_path / "case"
        with new_case(out, overwrite=False) as partial:
            (partial / "work").write_text("going on")
            with (
                pytest.raises(OutputError, match=r"another run.*--out"),
                new_case(out, overwrite=False),
            ):
                pass
            assert (partial / "work").read_text() == "going on"
            fill(partial)
        assert word_of(out) == "new"

    def test_what_a_killed_run_left_is_cleared(self, tmp_path: Path) -> None:
        partial = tmp_path / "case.partial"
        (partial / "rasters").mkdir(parents=True)
        (partial / "rasters" / "half.tif").write_bytes(b"half")
        with FileLock(partial / ".lock"):
            pass
        (partial / ".lock").touch()
        with new_case(tmp_path / "case", overwrite=False) as again:
            assert list(again.iterdir()) == []
            assert sorted(p.name for p in again.parent.iterdir()) == [".lock", "case"]
            fill(again)
        assert [p.name for p in tmp_path.iterdir()] == ["case"]

    @pytest.mark.parametrize("kind", ["folder", "file", "link"])
    def test_what_no_run_left_is_not_touched(self, tmp_path: Path, kind: str) -> None:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "notes.txt").write_text("mine")
        partial = tmp_path / "case.partial"
        if kind == "folder":
            elsewhere.rename(partial)
        elif kind == "link":
            partial.symlink_to(elsewhere)
        else:
            partial.write_text("mine")
        before = sorted(tmp_path.rglob("*"))
        with (
            pytest.raises(UsageError, match=r"case\.partial: is in the way"),
            new_case(tmp_path / "case", overwrite=False),
        ):
            pass
        assert sorted(tmp_path.rglob("*")) == before


class TestReport:
    def test_it_is_drawn_from_the_case_alone(
        self, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(case, moved)
        before = read_manifest(moved)
        shutil.rmtree(moved / "maps")
        (moved / "report.html").unlink()
        (moved / "rasters" / "score.tif").write_bytes(b"tampered with")
        assert main(["report", str(moved), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["status"] == "drawn"
        assert told["case"] == str(moved)
        assert {"report.html", "maps/overview.png"} <= set(told["drawn"])
        after = read_manifest(moved)
        assert after == before, "the same drawing, and the raster's line as it was"
        for name in told["drawn"]:
            assert (moved / name).read_bytes() == (case / name).read_bytes()

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (None, "no case.json in it"),
            ("{nope", "not JSON"),
            ("[]", "not a record"),
            ('{"schema": 1}', "not a record"),
            ('{"schema": 2, "result": {}}', "schema 2"),
        ],
    )
    def test_a_folder_that_is_no_case(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, found: str
    ) -> None:
        if content is not None:
            (tmp_path / RECORD).write_text(content)
        before = sorted(tmp_path.iterdir())
        assert main(["report", str(tmp_path)]) == 3
        err = capsys.readouterr().err
        assert err.startswith(f"twopass: {tmp_path.name}: ")
        assert err.count("\n") == 1
        assert found in err
        assert sorted(tmp_path.iterdir()) == before

    def test_no_folder_at_all(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["report", str(tmp_path / "none")]) == 3
        assert "none: is not a case | found: no such folder" in capsys.readouterr().err


class TestRepeat:
    def test_equal_inputs_give_equal_cases(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        """Wherever they lie, however many work on it, and whatever it replaces."""
        moved, out = tmp_path / "elsewhere", tmp_path / "two"
        shutil.copytree(pair.folder, moved)
        with new_case(out, overwrite=False) as partial:
            fill(partial)
        first = undrawn(pair.before, pair.after, tmp_path / "one")
        second = undrawn(
            moved / "before.tif",
            moved / "after.tif",
            out,
            products=ProductOptions(overwrite=True),
            engine_options=EngineOptions(workers=1, memory=64),
        )
        assert first["result"] == second["result"]
        assert first["run"] != second["run"]
        for name in (
            "changes.geojson",
            "changes.gpkg",
            *(p.name for p in (tmp_path / "one").glob("rasters/*")),
        ):
            found = [next((tmp_path / case).rglob(name)).read_bytes() for case in ("one", "two")]
            assert found[0] == found[1], name


def test_a_name_that_is_no_utf8_is_recorded() -> None:
    from imagery.record import to_json

    assert to_json({"file": "b\udcff.tif"}) == {"file": "b?.tif"}
