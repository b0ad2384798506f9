"""The command line: help, summary, JSON, progress, and every way to end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from small_pair import Pair

import aoi.cli._detect as running
from aoi.cli import main
from aoi.cli._options import build, from_class
from aoi.cli._show import Shown, summary_lines
from aoi.options import AreaOptions, ProductOptions
from imagery.errors import AlignmentError, TwopassError
from imagery.options import DetectOptions, EngineOptions

COMMANDS = (
    *(
        "accuracy",
        "align",
        "aoi",
        "archive",
        "batch",
        "demo",
        "detect",
        "fetch",
        "inspect",
        "methods",
        "report",
    ),
    "search",
)
Captured = pytest.CaptureFixture[str]


def options_of(kind: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each option of a class, nested ones included, by its flag."""
    for field in fields(kind):
        hint = get_type_hints(kind)[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            below = f"{field.name}-" if field.name in ("before", "after") else ""
            yield from options_of(hint, below)
        else:
            yield f"--{prefix}{field.name.replace('_', '-')}", field


class TestHelp:
    def test_every_command(self, capsys: Captured) -> None:
        assert main(["--help"]) == 0
        text = capsys.readouterr().out
        for name in COMMANDS:
            assert f"\n  {name} " in text
            assert main([name, "-h"]) == 0
            assert "..." not in text.partition("Commands:")[2], "a short help is cut"

    def test_detect_lists_every_option(self, capsys: Captured) -> None:
        assert main(["detect", "--help"]) == 0
        text = " ".join(capsys.readouterr().out.split())
        listed = set(re.findall(r"--[a-z0-9-]+", text))
        count = 0
        for kind in (AreaOptions, DetectOptions, ProductOptions, EngineOptions):
            for flag, field in options_of(kind):
                count += 1
                assert flag in listed
                assert field.metadata["help"].split("  ")[0].split()[0] in text
        assert count > 30
        assert {"--out", "--json", "--quiet"} <= listed
        assert "[default: 2000]" in text

    def test_defaults_of_the_command_line_are_the_classes_own(self) -> None:
        import click

        for kind in (AreaOptions, DetectOptions, ProductOptions, EngineOptions):

            @click.command()
            @from_class(kind)
            def command(**values: Any) -> None:
                made.append(build(kind, values))  # noqa: B023 (called at once)

            made: list[Any] = []
            command.main([], standalone_mode=False)
            assert made == [kind()]

    def test_version(self, capsys: Captured) -> None:
        assert main(["--version"]) == 0
        assert re.fullmatch(r"twopass \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


class TestUsage:
    @pytest.mark.parametrize("arguments", [[], ["aoi"]])
    def test_a_bare_command_shows_its_help(self, arguments: list[str], capsys: Captured) -> None:
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("Usage: twopass")
        assert "Commands:" in err

    @pytest.mark.parametrize(
        ("arguments", "word"),
        [
            (["nosuch"], "nosuch"),
            (["--nope"], "--nope"),
            (["aoi", "nosuch"], "twopass aoi --help"),
            (["report"], "CASE"),
            (["demo", "--seed", "-1"], "option: --seed"),
            (["methods", "extra"], "extra"),
        ],
    )
    def test_a_slip_is_one_line(self, arguments: list[str], word: str, capsys: Captured) -> None:
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("twopass: ")
        assert err.count("\n") == 1
        assert word in err


class TestEnds:
    @pytest.fixture
    def ends(self, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> Any:
        def ends(error: BaseException) -> tuple[int, str, str]:
            def fail(*_: Any, **__: Any) -> None:
                raise error

            monkeypatch.setattr(running, "detect_case", fail)
            status = main(["detect", "b.tif", "a.tif"])
            return status, *capsys.readouterr()

        return ends

    def test_a_defect(self, ends: Any) -> None:
        status, out, err = ends(ZeroDivisionError("division\nby zero"))
        assert (status, out) == (1, "")
        assert err.count("\n") == 1
        assert err.startswith("twopass: a defect in twopass")
        assert "ZeroDivisionError: division by zero" in err
        assert "TWOPASS_DEBUG" in err

    def test_an_interruption(self, ends: Any) -> None:
        status, out, err = ends(KeyboardInterrupt())
        assert (status, out) == (130, "")
        assert err == "twopass: interrupted; no new case was written\n"

    def test_an_alignment_that_is_not_trusted(self, ends: Any) -> None:
        error = AlignmentError("no", found="9 px", needed="2 px", option="--usable-ce90")
        status, out, err = ends(error)
        assert (status, out) == (4, "")
        assert err == "twopass: no | found: 9 px | needed: 2 px | option: --usable-ce90\n"

    def test_text_from_a_file_cannot_drive_the_terminal(self, ends: Any) -> None:
        _, _, err = ends(TwopassError("a\x1b[2Jb\u202ec\nd"))
        assert err == "twopass: a [2Jb c d\n"

    def test_where_a_defect_is_on_request(
        self, ends: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setenv("TWOPASS_DEBUG", "1")
        ends(ZeroDivisionError("x"))
        assert "in fail" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_ends_a_run_and_leaves_nothing(pair: Pair, tmp_path: Path) -> None:
    # A signal that lands inside a callback of a C library is lost to Python: the run goes on, and
    # the user presses again.  One of several presses must be heard.
    for attempt in range(5):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        status, told = interrupted(pair, folder / "above" / "case")
        if status != 0:
            break
    assert status == 130
    assert told == ("", "twopass: interrupted; no new case was written\n")
    assert list(folder.iterdir()) == []


def interrupted(pair: Pair, out: Path) -> tuple[int, tuple[str, str]]:
    """Start a run, interrupt it once while it scores; its status and what it told."""
    started = subprocess.Popen(
        [sys.executable, "-m", "aoi", "detect", pair.before, pair.after, "--out", out],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    # Not earlier: the count of BLAS threads is set in a callback that swallows the signal.
    while not list(out.parent.glob("case.partial/case/rasters/score*")) and started.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    told = started.communicate(timeout=240)  # where it is lost, the run goes to its end
    return started.returncode, told


@pytest.mark.skipif(os.name == "nt", reason="terminals of POSIX")
def test_progress_stands_on_a_terminal_alone(pair: Pair, tmp_path: Path) -> None:
    """The bars go to stderr, the summary to stdout; neither warning nor log comes between."""
    reading, writing = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    undrawn = (
        "import sys, aoi.workflow; aoi.workflow._draw = lambda case: ();"
        "from aoi.cli import main; sys.exit(main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", undrawn, "detect", pair.before, pair.after],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=writing,
    ) as started:
        os.close(writing)
        shown = b""
        while True:
            try:
                part = os.read(reading, 65536)
            except OSError:  # how Linux tells that the other end was closed
                break
            if not part:
                break
            shown += part
        out = started.stdout.read().decode() if started.stdout else ""
    os.close(reading)
    assert started.returncode == 0
    for step in (b"read", b"align", b"difference", b"draw"):
        assert step in shown
    assert b"Warning" not in shown
    assert out.startswith("area       Overlap of the two images\nbefore     before.tif, ")
    assert out.endswith("report     case_before_after/report.html\n")
    assert out.count("\nwarning    ") == 3
    assert (tmp_path / "case_before_after" / "case.json").is_file()


class TestTold:
    """What is printed of a record, without running anything."""

    @pytest.fixture
    def record(self, case: Path) -> dict[str, Any]:
        return dict(json.loads((case / "case.json").read_text()))

    def told(self, record: dict[str, Any], capsys: Captured, **how: bool) -> tuple[str, str]:
        Shown(**{"as_json": False, "quiet": False, **how}).summary(record, Path("some") / "case")
        out, err = capsys.readouterr()
        return out, err

    def test_json(self, record: dict[str, Any], capsys: Captured) -> None:
        out, err = self.told(record, capsys, as_json=True)
        told = json.loads(out)
        assert (out.count("\n"), err) == (1, "")
        assert told["status"] == "changes"
        assert told["exit_status"] == 0
        assert told["case"] == str(Path("some") / "case")
        assert told["report"] == "report.html"
        result = record["result"]
        for key in ("simulated", "georeferenced", "observed", "alignment", "changes", "warnings"):
            assert told[key] == result[key]

    def test_quiet(self, record: dict[str, Any], capsys: Captured) -> None:
        assert self.told(record, capsys, quiet=True) == ("", "")

    def test_quiet_json_is_json(self, record: dict[str, Any], capsys: Captured) -> None:
        assert json.loads(self.told(record, capsys, quiet=True, as_json=True)[0])

    def test_the_summary(self, record: dict[str, Any], capsys: Captured) -> None:
        out, _ = self.told(record, capsys)
        lines = out.splitlines()
        assert lines[0] == "area       area"
        assert lines[1] == "before     before.tif, 2024-06-06 02:10 UTC"
        assert lines[2] == "after      after.tif, 2024-06-13"
        assert re.fullmatch(r"observed   [\d.]+ % of the area seen in both images", lines[3])
        assert re.fullmatch(
            r"alignment  trusted: CE90 0\.\d\d px = 0\.\d\d m on the ground "
            r"\(median 0\.\d\d px\), on \d+ (held-out|cross-validated) windows",
            lines[4],
        )
        assert re.fullmatch(
            r" {11}of all windows CE90 \d\.\d\d px, 1\.\d\d px before the move", lines[5]
        )
        assert re.fullmatch(r"changes    \d sites?, \d outlines?, [\d,]+ m²", lines[6])
        assert re.fullmatch(r" {11}its bounds [\d,]+ to [\d,]+ m²", lines[7])
        assert lines[8] == "alarms     not known (uncalibrated)"
        assert lines[-1] == "report     some/case/report.html"

    def test_nothing_found_is_said_of_what_was_seen(self, record: dict[str, Any]) -> None:
        result = record["result"]
        result["changes"] |= {"sites": 0, "polygons": 0, "area_m2": 0.0, "area_in_aoi_m2": 0.0}
        result["observed"]["share"] = 0.9996
        text = "\n".join(summary_lines(result))
        seen = "more than 99.9 % of the area seen in both images"
        assert f"changes    none found in the {seen}" in text

    def test_what_was_not_measured(self, record: dict[str, Any]) -> None:
        result = record["result"]
        result["alignment"]["ce90_px"] = None
        result["simulated"] = True
        lines = summary_lines(result)
        assert lines[0].startswith("SIMULATED")
        assert "alignment  not measured" in lines

    def test_what_was_accepted(self, record: dict[str, Any]) -> None:
        alignment = record["result"]["alignment"]
        alignment |= {"verdict": "accepted", "accepted": "held against\nroads"}
        lines = summary_lines(record["result"])
        assert any(line.startswith("alignment  accepted: CE90 0.") for line in lines)
        assert "accepted   held against roads" in lines
        alignment["ce90_px"] = None
        lines = summary_lines(record["result"])
        assert "alignment  accepted: none was found" in lines
        assert "accepted   held against roads" in lines

    def test_words_of_a_file_stay_on_their_line(self, record: dict[str, Any]) -> None:
        record["result"]["area"]["name"] = "a\nchanges    none\x1b[2J"
        record["result"]["warnings"] = [{"code": "x", "message": "one\ntwo"}]
        lines = summary_lines(record["result"])
        assert "area       a changes none [2J" in lines
        assert "warning    one two" in lines


class TestOthers:
    def test_the_places(self, capsys: Captured) -> None:
        assert main(["aoi", "list"]) == 0
        assert "kim-il-sung-square" in capsys.readouterr().out
        assert main(["aoi", "show", "Kim Il Sung Square"]) == 0
        out = capsys.readouterr().out
        assert "centre     39.01953, 125.75247 (latitude, longitude)" in out
        assert "accuracy   " in out
        assert out.count("source     ") == 2

    def test_the_methods(self, capsys: Captured) -> None:
        from imagery import difference, normalise, threshold

        assert main(["methods"]) == 0
        out = capsys.readouterr().out
        for module in (normalise, difference, threshold):
            for name in module.METHODS:
                line = re.search(rf"^  {name} +\S.*", out, re.MULTILINE)
                assert line is not None
                # With its source, where there is one paper.
                assert name in ("none", "monotone") or re.search(r"[A-Z]\S+.*\d{4}", line[0])

    def test_the_decisions_and_where_they_are_from(self, capsys: Captured) -> None:
        assert main(["methods"]) == 0
        out = capsys.readouterr().out
        page = Path(__file__).parents[2].joinpath("docs", "decision.md").read_text("utf-8")
        for name in ("--max-false-alarms", "--confidence", "--fdr", "rank_bound"):
            line = re.search(rf"^  {name} +\S.*", out, re.MULTILINE)
            assert line is not None
            for author, year in re.findall(r"([A-Z]\w+)[^(;]*? (\d{4})", line[0].partition("(")[2]):
                assert re.search(rf"{author}[^)]*?{year}", page), (author, year)

    def test_help_tells_the_exit_statuses(self, capsys: Captured) -> None:
        assert main(["detect", "--help"]) == 0
        out = " ".join(capsys.readouterr().out.split())
        assert "6 a rate of false alarms can't be honoured" in out
        assert "--quiet-pair BEFORE AFTER" in out

    def test_a_demo_paints_over_nobodys_images(self, tmp_path: Path, capsys: Captured) -> None:
        (tmp_path / "before.tif").write_text("mine")
        for words in ([], ["--overwrite"]):
            assert main(["demo", "--out", str(tmp_path), *words]) == 2
            assert "found: before.tif" in capsys.readouterr().err
        assert (tmp_path / "before.tif").read_text() == "mine"
        assert [p.name for p in tmp_path.iterdir()] == ["before.tif"]

    def test_a_demo_looks_at_its_place_before_it_paints(
        self, tmp_path: Path, capsys: Captured
    ) -> None:
        (tmp_path / "case").mkdir()
        (tmp_path / "case" / "notes.txt").write_text("mine")
        assert main(["demo", "--out", str(tmp_path)]) == 2
        assert "case: exists already" in capsys.readouterr().err
        assert [p.name for p in tmp_path.iterdir()] == ["case"]

    def test_a_reader_that_goes_away(self) -> None:
        done = subprocess.run(
            f"{sys.executable} -m aoi aoi list | true",
            shell=True,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""

    def test_letters_that_the_terminal_lacks(self) -> None:
        environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
        command = [sys.executable, "-m", "aoi", "aoi", "show", "kim-il-sung-square"]
        done = subprocess.run(command, capture_output=True, env=environment, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        assert b"(?????)" in done.stdout
