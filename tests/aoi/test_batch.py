"""Many pairs: the table that names them, what is done before, what fails, how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from small_pair import Pair, square, write_image, write_outline

from aoi.batch import (
    BatchOptions,
    BatchPair,
    Outcome,
    Processes,
    check_summary,
    exit_status,
    lines,
    read_pairs,
    run_batch,
    run_pair,
    write_summary,
)
from aoi.cli import main
from aoi.options import AreaOptions, ProductOptions
from imagery.errors import InputError, MissingInputError, OutputError
from imagery.options import DetectOptions, EngineOptions, RegionOptions

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "pairs.csv"
        path.write_text(text, "utf-8")
        return path

    return write


class TestTable:
    def test_paths_are_relative_to_it_and_empty_cells_say_nothing(
        self, table: Callable[[str], Path], tmp_path: Path
    ) -> None:
        first, second = read_pairs(
            table(
                "before,after,area,name,title,before_date,after_mask\n"
                "in/b.tif,/else/a.tif,in/area.geojson,one,The square,2024-06-06,in/m.tif\n"
                "\n"
                "in/b.tif,in/a.tif,,,,,\n"
            )
        )
        assert first == BatchPair(
            name="one",
            before=tmp_path / "in/b.tif",
            after=Path("/else/a.tif"),
            area=str(tmp_path / "in/area.geojson"),
            title="The square",
            said={"before": {"date": "2024-06-06"}, "after": {"mask": str(tmp_path / "in/m.tif")}},
        )
        assert (second.name, second.area, second.title) == ("b_a", None, None)
        assert second.said == {"before": {}, "after": {}}

    @pytest.mark.parametrize(
        ("cell", "area"),
        [
            ("kim-il-sung-square", "kim-il-sung-square"),
            ('"125.75,39.02,250m"', "125.75,39.02,250m"),
            ("x/area.gpkg:squares", "{}/x/area.gpkg:squares"),
            ("area.KML", "{}/area.KML"),
        ],
    )
    def test_an_area_is_what_the_option_takes(
        self, table: Callable[[str], Path], tmp_path: Path, cell: str, area: str
    ) -> None:
        (pair,) = read_pairs(table(f"before,after,area\nb.tif,a.tif,{cell}\n"))
        assert pair.area == area.format(tmp_path)

    def test_as_a_spreadsheet_may_write_it(self, table: Callable[[str], Path]) -> None:
        text = "\ufeffBefore;After;Name\r\nb.tif;a.tif;광장 2024\r\n;;\r\n"
        (pair,) = read_pairs(table(text))
        assert (pair.name, pair.before.name) == ("광장 2024", "b.tif")

    def test_default_names_are_safe(self, table: Callable[[str], Path]) -> None:
        (pair,) = read_pairs(table("before,after\n=b:1.tif,../x/a?.tif\n"))
        assert pair.name == "_=b_1_a_"

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("before,after,aera\nb,a,x\n", "unknown column 'aera' | needed: area?"),
            ("before,after,zzz\nb,a,x\n", "needed: before, after, area, name"),
            ("before,area\nb,x\n", "no column after"),
            ("before,after,after\nb,a,a\n", "two columns after"),
            ("before,after\nb,a,1\n", "3 cells in line 2"),
            ("before,after,area\nb,a,125.75,39.02,250m\n", "stands in quotes"),
            ("before,after\nb,\n", "line 2 without after"),
            ("before,after\n", "no pair"),
            ("", "no column before and after"),
            ('before,after\n"b,a\n', "end of data"),
            ("before,after\nb.tif,a.tif\nx/b.tif,y/a.tif\n", "two pairs called 'b_a'"),
            ("before,after,name\nb,a,Ä\nb,a,a\u0308\n", "two pairs called"),
        ],
    )
    def test_what_is_refused(self, table: Callable[[str], Path], text: str, told: str) -> None:
        with pytest.raises(InputError, match=r"^pairs\.csv: ") as error:
            read_pairs(table(text))
        assert told in str(error.value)

    @pytest.mark.parametrize(
        "name",
        [
            *("../x", "a/b", "a\\b", "/etc", "C:x", "..", ".hidden", "-x", "=1+1", "@x", "x."),
            *("x\x1b[2J", "con", "NUL.txt", "x.partial", "x.old", "x.old2", "Summary.csv"),
            "x" * 200,
        ],
    )
    def test_a_name_is_no_path_and_can_be_made_everywhere(
        self, table: Callable[[str], Path], name: str
    ) -> None:
        with pytest.raises(InputError, match="a name of a folder, not a path"):
            read_pairs(table(f"before,after,name\nb.tif,a.tif,{name}\n"))

    def test_a_file_that_is_not_there_or_not_text(self, tmp_path: Path) -> None:
        with pytest.raises(MissingInputError):
            read_pairs(tmp_path / "no.csv")
        (tmp_path / "latin.csv").write_bytes("before,after\nä,ö\n".encode("latin-1"))
        with pytest.raises(InputError, match="UTF-8"):
            read_pairs(tmp_path / "latin.csv")


@pytest.fixture
def batch(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Outcome]]:
    """Runs one pair in this process, undrawn, in a folder of its own images."""
    monkeypatch.setattr("aoi.workflow._draw", lambda case: ())
    write_image(tmp_path / "b.tif", pair.first)
    write_image(tmp_path / "a.tif", pair.second)
    write_outline(tmp_path / "area.geojson", square(123.0006, 39.0268, 0.002))
    one = BatchPair(
        name="one",
        before=tmp_path / "b.tif",
        after=tmp_path / "a.tif",
        area=str(tmp_path / "area.geojson"),
    )
    every = BatchOptions(
        out=tmp_path / "out",
        area=AreaOptions(),
        detect=DetectOptions(),
        products=ProductOptions(),
        engine=EngineOptions(),
    )

    def run(**changed: Any) -> Outcome:
        pair = {
            k: v for k, v in changed.items() if k in ("name", "before", "after", "area", "said")
        }
        asked = {k: v for k, v in changed.items() if k not in pair}
        return run_pair(replace(one, **pair), replace(every, **asked))

    return run


class TestPair:
    def test_what_is_done_is_not_done_again(
        self, batch: Callable[..., Outcome], tmp_path: Path, pair: Pair
    ) -> None:
        done = batch()
        assert (done.status, done.exit_status, done.verdict) == ("done", 0, "trusted")
        assert done.changes is not None
        assert done.changes > 0
        assert "no credit is known" in done.message
        record = tmp_path / "out" / "one" / "case.json"
        written = record.stat().st_mtime_ns
        assert batch() == replace(done, status="done before")
        assert batch(engine=EngineOptions(workers=1)).status == "done before"

        # Anything else that is asked for, or that a file holds, is another case: never replaced
        # unasked, and never taken for the one that is there.
        for changed, found in (
            ({"detect": DetectOptions(regions=RegionOptions(min_area=50))}, "other options"),
            ({"area": None}, "other options"),
            ({"said": {"before": {"date": "2024-06-06"}}}, "other options"),
            ({"before": tmp_path / "a.tif"}, "another image before"),
        ):
            refused = batch(**changed)
            assert (refused.status, refused.exit_status) == ("failed", 2)
            assert f"found: a case with {found}" in refused.message or found in refused.message
            assert "--overwrite" in refused.message
        (tmp_path / "a.json").write_text(
            json.dumps({"type": "Feature", "stac_version": "1.0.0", "id": "a", "geometry": None,
                        "properties": {"datetime": "2024-06-13T02:00:00Z"}, "links": [],
                        "assets": {}})
        )  # fmt: skip
        assert "another image after" in batch().message
        (tmp_path / "a.json").unlink()
        write_outline(tmp_path / "area.geojson", square(123.0006, 39.0268, 0.001))
        assert "another area" in batch().message
        write_outline(tmp_path / "area.geojson", square(123.0006, 39.0268, 0.002))
        assert batch().status == "done before"
        write_image(tmp_path / "a.tif", pair.first)
        assert "another image after" in batch().message
        assert record.stat().st_mtime_ns == written

        replaced = batch(products=ProductOptions(overwrite=True))
        assert (replaced.status, replaced.changes) == ("done", 0)
        assert batch(products=ProductOptions(overwrite=True)).status == "done before"
        (tmp_path / "out" / "one" / "rasters" / "score.tif").unlink()
        assert "files are missing" in batch().message

    def test_what_cannot_be_compared_is_an_outcome(
        self, batch: Callable[..., Outcome], tmp_path: Path
    ) -> None:
        (tmp_path / "broken.tif").write_bytes(b"no image")
        broken = batch(before=tmp_path / "broken.tif")
        assert (broken.status, broken.exit_status) == ("failed", 3)
        assert broken.message.startswith("broken.tif: cannot be read as an image")
        assert list((tmp_path / "out").glob("*")) == []

    def test_a_defect_is_an_outcome_and_tells_no_path(
        self, batch: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("/home/someone/secret")

        monkeypatch.setattr("aoi.workflow.detect_case", fail)
        failed = batch()
        assert (failed.status, failed.exit_status) == ("failed", 1)
        assert failed.message.startswith("a defect in twopass (RuntimeError)")
        assert "secret" not in failed.message

    def test_nothing_is_written_outside_the_folder(
        self, batch: Callable[..., Outcome], tmp_path: Path
    ) -> None:
        (tmp_path / "out").mkdir()
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "out" / "link").symlink_to(tmp_path / "elsewhere")
        for name in ("../elsewhere", "link", "."):
            assert "leaves the folder" in batch(name=name).message
        assert list((tmp_path / "elsewhere").iterdir()) == []

    def test_it_goes_to_any_worker(self, tmp_path: Path) -> None:
        job = (
            BatchPair(name="x", before=tmp_path / "no.tif", after=tmp_path / "no.tif"),
            BatchOptions(
                out=tmp_path / "out",
                area=AreaOptions(),
                detect=DetectOptions(),
                products=ProductOptions(),
                engine=EngineOptions(),
            ),
        )
        function, arguments = pickle.loads(pickle.dumps((run_pair, job)))  # noqa: S301
        outcome = function(*arguments)
        assert pickle.loads(pickle.dumps(outcome)) == outcome  # noqa: S301
        with ThreadPoolExecutor(1) as executor:
            assert run_batch([job[0]], job[1], executor=executor) == (outcome,)
        assert outcome.exit_status == 3


class TestProcesses:
    def test_one_that_dies_takes_its_own_work_along_alone(self) -> None:
        with Processes(1) as executor:
            first, dead, last = (
                executor.submit(os.getpid),
                executor.submit(os._exit, 1),
                executor.submit(os.getpid),
            )
            with pytest.raises(BrokenProcessPool):
                dead.result()
            assert os.getpid() not in (first.result(), last.result())
            assert first.result() != last.result()

    def test_what_is_at_work_ends_when_all_is_cancelled(self) -> None:
        executor = Processes(2)
        slow = [executor.submit(time.sleep, 60) for _ in range(4)]
        time.sleep(0.5)
        start = time.monotonic()
        executor.shutdown(cancel_futures=True)
        assert time.monotonic() - start < 30
        assert all(future.done() for future in slow)


DONE = Outcome(name="a", status="done", changes=3, verdict="trusted", message="One. Two.")
FAILED = Outcome(name="bb", status="failed", exit_status=4, message="no\nways \x1b[2J")


class TestSummary:
    def test_a_table_for_spreadsheets(self, tmp_path: Path) -> None:
        formulas = [replace(DONE, message=m) for m in ("=1+1", "+1", "-1", "@x", "\t=1", "a=b")]
        text = write_summary([DONE, FAILED, *formulas], tmp_path).read_text("utf-8")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert rows[0] == {
            "name": "a",
            "status": "done",
            "exit_status": "0",
            "changes": "3",
            "verdict": "trusted",
            "message": "One. Two.",
        }
        assert (rows[1]["changes"], rows[1]["message"]) == ("", "no ways [2J")
        assert [row["message"] for row in rows[2:]] == ["'=1+1", "'+1", "'-1", "'@x", "'=1", "a=b"]

    def test_lines(self) -> None:
        waits = Outcome(name="c", status="not run")
        assert list(lines([DONE, FAILED, waits])) == [
            "name  status       changes  alignment",
            "a   done               3  trusted",
            "bb  failed       no ways [2J (exit status 4)",
            "c   not run",
            "1 done, 1 failed, 1 not run",
        ]

    def test_a_file_of_somebody_else_stays(self, tmp_path: Path) -> None:
        check_summary(tmp_path)
        write_summary([DONE], tmp_path)
        check_summary(tmp_path)
        (tmp_path / "summary.csv").write_text("budget\n")
        with pytest.raises(OutputError, match="in the way"):
            check_summary(tmp_path)

    def test_how_it_ends(self) -> None:
        assert exit_status([DONE]) == 0
        assert exit_status([DONE, FAILED, replace(FAILED, exit_status=3)]) == 3
        assert exit_status([FAILED, Outcome(name="c", status="not run")]) == 130


@pytest.fixture
def folder(pair: Pair, tmp_path: Path) -> Path:
    """A table of two good pairs with a broken one between them."""
    (tmp_path / "broken.tif").write_bytes(b"no image")
    (tmp_path / "pairs.csv").write_text(
        f"name,before,after,area\none,{pair.before},{pair.after},{pair.area}\n"
        f"two,broken.tif,{pair.after},\nthree,{pair.before},{pair.after},\n"
    )
    return tmp_path


def test_the_command(folder: Path) -> None:
    def run(*options: str) -> tuple[int, dict[str, object], str]:
        done = subprocess.run(
            [sys.executable, "-m", "aoi", "batch", "pairs.csv", "--out", "out", "--json", *options],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    status, told, err = run("--jobs", "2", "--before-credit", "One")
    pairs = told.pop("pairs")
    assert (status, told) == (
        3,
        {"status": "some failed", "exit_status": 3, "out": "out", "summary": "summary.csv"},
    )
    assert isinstance(pairs, list)
    assert [(p["name"], p["status"]) for p in pairs] == [
        ("one", "done"),
        ("two", "failed"),
        ("three", "done"),
    ]
    assert err.count("\n") == 1
    assert "two  failed" in err
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["one", "summary.csv", "three"]
    case = json.loads((folder / "out" / "one" / "case.json").read_text())
    assert case["result"]["scenes"]["before"]["credit"] == "One"
    assert (folder / "out" / "one" / "report.html").is_file()

    status, told, _ = run("--before-credit", "One")
    pairs = told["pairs"]
    assert isinstance(pairs, list)
    assert [p["status"] for p in pairs] == ["done before", "failed", "done before"]
    assert status == 3


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (["no.csv", "--out", "out"], 3, "no.csv: cannot be read"),
        (["pairs.csv"], 2, "--out"),
        (["pairs.csv", "--out", "out", "--jobs", "0"], 2, "--jobs"),
        (["pairs.csv", "--out", "out", "--jobs", "9", "--memory", "500"], 2, "--memory or --jobs"),
        (["pairs.csv", "--out", "broken.tif"], 3, "broken.tif: cannot be made"),
    ],
)
def test_slips_are_told_before_any_pair(
    folder: Path,
    arguments: list[str],
    status: int,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.chdir(folder)
    assert main(["batch", *arguments]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_it_with_a_summary_and_no_half_case(folder: Path) -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "aoi", "batch", "pairs.csv", "--out", "out"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    # The first is done, the broken one has failed, the third is at work.
    while not list((folder / "out").glob("three.partial/case/rasters/*")):
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to every process
    out, err = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "Traceback" not in err
    assert "1 done, 1 failed, 1 not run\n" in out
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["one", "summary.csv"]
    assert "three,not run," in (folder / "out" / "summary.csv").read_text()
