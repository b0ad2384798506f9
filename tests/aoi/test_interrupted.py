"""Runs that are killed at any moment, and finished by the same command."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from small_pair import Pair

from aoi.case import MANIFEST, RECORD, STEPS
from aoi.cli import main
from imagery.blockwise import Progress
from imagery.errors import InputError
from imagery.options import DecisionOptions, DetectOptions

Undrawn = Callable[..., dict[str, Any]]

ROOT = Path(__file__).parents[2]
ANNOUNCED = ("read", "align", "estimate", "difference", "evidence", "draw")
TIMES = 3
"""Kills at times that chance picks; ``TWOPASS_KILLS`` says how many in their place."""

# Forked, so that libraries are loaded once; no thread is started before the fork.
_KILLED = """
import json, os, signal, sys, time
from pathlib import Path
import numba, scipy.ndimage, scipy.signal
import aoi.alignment.stored, aoi.changes, imagery.kept
from aoi import workflow
from imagery.detect import detect

before, after, plan = sys.argv[1:]
workflow._draw = lambda case: ()

def work(out, moment):
    def tell(message):
        if message.step == moment:
            os.kill(os.getpid(), signal.SIGKILL)
    workflow.detect_case(Path(before), Path(after), out=Path(out), progress=tell)

whole = None
for out, moment in json.loads(plan):
    start = time.monotonic()
    child = os.fork()
    if not child:
        status = 1
        try:
            work(out, moment)
            status = 0
        finally:
            os._exit(status)
    if isinstance(moment, float):
        time.sleep(moment * whole)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    whole = whole or time.monotonic() - start
    print(os.waitstatus_to_exitcode(status), flush=True)
"""

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")


@dataclass(frozen=True)
class Killed:
    """Runs by when they were killed, and one that wasn't."""

    whole: Path
    other: Path
    """To be finished with other options."""

    out: dict[str, Path]


def kill(pair: Pair, plan: list[tuple[str, str | float | None]]) -> list[int]:
    """Exit codes of runs that are killed at their moments: a step's name, or a share of a run."""
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(pair.before), str(pair.after), json.dumps(plan)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return [int(line) for line in done.stdout.split()]


@pytest.fixture(scope="module")
def killed(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    folder = tmp_path_factory.mktemp("killed")
    chance = random.Random(20240613)
    times = int(os.environ.get("TWOPASS_KILLS", TIMES))
    moments: dict[str, str | float | None] = {"whole": None}
    moments |= {f"at_{step}": step for step in ANNOUNCED}
    moments["other"] = "draw"
    moments |= {f"time_{number}": chance.uniform(0.02, 1.0) for number in range(times)}
    codes = kill(pair, [(str(folder / name), moment) for name, moment in moments.items()])
    assert codes[0] == 0
    assert codes[1 : 1 + len(ANNOUNCED)] == [-9] * len(ANNOUNCED)
    out = {name: folder / name for name in moments}
    return Killed(out.pop("whole"), out.pop("other"), out)


def content(case: Path) -> dict[str, bytes]:
    """Every file of a case, but for the times of the run and the sums of files that hold them."""
    files = {p.relative_to(case).as_posix(): p.read_bytes() for p in case.rglob("*") if p.is_file()}
    record = json.loads(files.pop(RECORD))
    run = record.pop("run")
    files[RECORD] = json.dumps(record).encode()
    if "report.html" in files:
        for when in (run["start"], run["end"]):
            files["report.html"] = files["report.html"].replace(when.encode(), b"TIME")
    timed = (RECORD.encode(), b"report.html")
    lines = files[MANIFEST].splitlines()
    files[MANIFEST] = b"\n".join(line for line in lines if not line.endswith(timed))
    return files


def assert_same(one: Path, two: Path) -> None:
    first, second = content(one), content(two)
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []


def finish(pair: Pair, undrawn: Undrawn, out: Path, **how: Any) -> str:
    """Run the same again; what it said that it takes over."""
    told: list[Progress] = []
    undrawn(pair.before, pair.after, out, progress=told.append, **how)
    return "".join(message.note for message in told)


def test_a_killed_run_is_finished_by_the_next(pair: Pair, undrawn: Undrawn, killed: Killed) -> None:
    taken = {}
    for name, out in killed.out.items():
        if not out.exists():  # else chance waited until it was done
            taken[name] = finish(pair, undrawn, out)
            assert not out.with_name(f"{out.name}.partial").exists(), name
        assert_same(out, killed.whole)
    assert taken["at_read"] == taken["at_align"] == ""
    assert "had done align:" in taken["at_estimate"]
    assert "had done align:" in taken["at_difference"]
    assert "had done align, difference:" in taken["at_evidence"]
    assert taken["at_draw"] == taken["at_evidence"]


def test_one_that_is_killed_again_and_again(pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
    out = tmp_path / "case"
    moments = ("estimate", "evidence", "read")
    assert kill(pair, [(str(out), moment) for moment in moments]) == [-9] * len(moments)
    assert "had done align, difference:" in finish(pair, undrawn, out)
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


def test_nothing_is_taken_over_by_other_options(
    pair: Pair, undrawn: Undrawn, killed: Killed, tmp_path: Path
) -> None:
    out, other = killed.other, DetectOptions(decision=DecisionOptions(fdr=0.3))
    assert len(list(out.with_name("other.partial").glob(f"{STEPS}/*"))) == 2
    assert finish(pair, undrawn, out, options=other) == ""
    finish(pair, undrawn, tmp_path / "direct", options=other)
    assert_same(out, tmp_path / "direct")


def test_the_command_itself(
    pair: Pair, case: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """As a process of its own, with maps and report; killed once its alignment is kept."""
    out = tmp_path / "case"
    command = [
        *("detect", str(pair.before), str(pair.after), "--aoi", str(pair.area)),
        *("--before-date", "2024-06-06T02:10Z", "--after-date", "2024-06-13"),
        *("--before-credit", "One", "--after-credit", "Two", "--out", str(out)),
    ]
    started = subprocess.Popen(
        [sys.executable, "-m", "aoi", *command], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    aligned = tmp_path / "case.partial" / STEPS / "align"
    deadline = time.monotonic() + 120
    while not aligned.exists():
        assert started.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    started.kill()
    assert started.wait() == -9
    assert main(command) == 0
    said = capfd.readouterr().err
    assert said == "note       an interrupted run had done align: this one goes on from there\n"
    assert_same(out, case)
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


@pytest.mark.parametrize("step", ["align", "evidence"])
def test_an_input_that_changes_under_a_run(
    pair: Pair, undrawn: Undrawn, tmp_path: Path, step: str
) -> None:
    """It is said so, and nothing that looks whole is left; here another program writes anew."""
    images = [tmp_path / path.name for path in (pair.before, pair.after)]
    for image, path in zip(images, (pair.before, pair.after), strict=True):
        image.write_bytes(path.read_bytes())

    def change(message: Progress) -> None:
        if message.step == step:
            images[1].write_bytes(pair.before.read_bytes())

    with pytest.raises(InputError, match=r"after\.tif: was changed while it was being used"):
        undrawn(*images, tmp_path / "out" / "case", progress=change)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["after.tif", "before.tif"]


_FULL = """
import json, os, resource, signal, sys
from aoi.cli import main

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
for limit in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        os._exit(main(sys.argv[2:]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def test_a_full_disk_is_told_and_leaves_nothing(pair: Pair, tmp_path: Path) -> None:
    """Full for a step that is kept, and for a raster."""
    limits = [1000, 300_000]
    words = ["detect", str(pair.before), str(pair.after), "--out", str(tmp_path / "case")]
    done = subprocess.run(
        [sys.executable, "-c", _FULL, json.dumps(limits), *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.split() == ["3"] * len(limits)
    lines = done.stderr.splitlines()
    assert len(lines) == len(limits)
    assert all("cannot be written" in line for line in lines)
    assert list(tmp_path.iterdir()) == []
