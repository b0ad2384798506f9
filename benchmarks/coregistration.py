"""Co-registration: error against known truth, seconds and memory, beside others; and real pairs.

    python benchmarks/coregistration.py [--base FILE...] [--arosics-python PATH] [--readme]

Pairs with a known displacement are made from the base images (``_pairs.py``; a simulated town
without any).  Every method is a program that reads two files, aligns the target onto the reference,
warps it with all its bands and writes it: seconds and memory are of that whole program.  The runs
take turns, so that what else the machine does hits all of them.  Real pairs are read at the path in
TWOPASS_DATA.  ``--readme`` puts the tables between their markers in docs/benchmarks.md and
README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from _pairs import SCENARIOS, Truth
from _real import real_table
from _tables import machine, markdown, publish, today
from numpy.typing import NDArray

from imagery.transform import read_transform

HERE = Path(__file__).resolve().parent
DEFAULT_REACH = 5
"""AROSICS' own ``max_shift`` in px; where a pair lies farther apart, it is told so."""


@dataclass(frozen=True)
class Method:
    """A program that aligns."""

    name: str
    python: str
    method: str
    settings: dict[str, object]
    command: tuple[str, ...] = ()
    """What is timed in place of the program, REFERENCE, TARGET and ALIGNED filled in."""

    def words(self, folder: Path, aligned: Path, points: Sequence[str] = ()) -> list[str]:
        files = {
            "REFERENCE": str(folder / "before.tif"),
            "TARGET": str(folder / "after.tif"),
            "ALIGNED": str(aligned),
        }
        if self.command:
            return [files.get(word, word) for word in self.command]
        settings = [f"{key}={value}" for key, value in self.settings.items()]
        script = str(HERE / "_methods.py")
        return [self.python, script, self.method, *files.values(), *points, *settings]


@dataclass(frozen=True)
class Figures:
    """What a method reached on one pair."""

    rmse: float
    median: float
    p95: float
    seconds: float
    peak_mib: float


def main() -> None:
    options = arguments()
    parts = []
    if not options.only_real:
        with tempfile.TemporaryDirectory(dir=options.work) as scratch:
            parts.append(simulated_tables(options, Path(scratch)))
    data = os.environ.get("TWOPASS_DATA")
    if data and not options.no_real:
        parts.append(real_table(Path(data) / "pairs"))
    text = "\n\n".join(parts)
    print(text)
    if options.readme:
        publish(HERE.parent, "coregistration", text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument(
        "--large-scenarios",
        nargs="+",
        choices=SCENARIOS,
        default=["full"],
        help="those of them that are made larger than 1024 px",
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 4096, 10240], metavar="PX")
    parser.add_argument("--seeds", type=int, default=3, help="pairs of each size up to 1024 px")
    parser.add_argument("--large-seeds", type=int, default=1, help="pairs of each larger size")
    parser.add_argument("--repeat", type=int, default=3, help="runs, whose median counts")
    parser.add_argument("--ours", choices=("command", "library"), default="command")
    parser.add_argument("--arosics-python", metavar="PATH", help="interpreter that has AROSICS")
    parser.add_argument("--limit", type=int, default=900, help="seconds that a run may take")
    parser.add_argument("--work", type=Path, help="folder for the pairs (10240 px take 3 GB)")
    parser.add_argument("--only-real", action="store_true")
    parser.add_argument("--no-real", action="store_true")
    parser.add_argument("--readme", action="store_true")
    return parser.parse_args()


def simulated_tables(options: argparse.Namespace, scratch: Path) -> str:
    peers = arosics_version(options.arosics_python) if options.arosics_python else None
    rows = []
    for size in options.sizes:
        large = size > 1024
        for scenario in options.scenarios:
            if large and scenario not in options.large_scenarios:
                continue
            seeds = options.large_seeds if large else options.seeds
            found: dict[str, list[Figures | None]] = {}
            for seed in range(1, seeds + 1):
                folder = scratch / f"{scenario}_{size}_{seed}"
                make_pair(folder, scenario, size, seed, options.base)
                for name, figures in compared(folder, options, peers=bool(peers)).items():
                    found.setdefault(name, []).append(figures)
                for file in folder.glob("*.tif"):
                    file.unlink()
            rows += [(scenario, size, name, *summary(figures)) for name, figures in found.items()]
            print("\n".join(str(row) for row in rows[-len(found) :]), file=sys.stderr, flush=True)
    head = ("scenario", "size, px", "method", "RMSE px", "median px", "p95 px", "seconds",
            "peak memory, MiB")  # fmt: skip
    return "\n\n".join([lead(options, peers), markdown(head, rows)])


def lead(options: argparse.Namespace, peers: str | None) -> str:
    base = ", ".join(path.name for path in options.base) or "a simulated town"
    others = f"; AROSICS {peers}" if peers else "; AROSICS not at hand"
    return (
        f"{today()}; {machine()}. twopass {version('twopass')}, scikit-image "
        f"{version('scikit-image')}, NumPy {version('numpy')}, SciPy {version('scipy')}{others}. "
        f"Ground: {base}. Error: distance between the displacement found and the true one, over "
        f"the points of a 64 × 64 lattice that both images show; median over {options.seeds} "
        f"pairs (above 1024 px: {options.large_seeds}). Seconds and peak memory: median of "
        f"{options.repeat} run(s) of the whole program, from its start to the aligned file."
    )


def make_pair(folder: Path, scenario: str, size: int, seed: int, base: Sequence[Path]) -> None:
    words = ["--scenario", scenario, "--size", str(size), "--seed", str(seed), "--out", str(folder)]
    words += ["--base", *map(str, base)] if base else []
    subprocess.run([sys.executable, str(HERE / "_pairs.py"), *words], check=True)


def methods(options: argparse.Namespace, truth: Truth, *, peers: bool) -> list[Method]:
    """The programs, with settings that are their defaults but where they must be told."""
    command = (sys.executable, "-m", "aoi", "align", "REFERENCE", "TARGET", "--out", "ALIGNED")
    found = [
        Method("twopass", sys.executable, "ours", {}, command if options.ours == "command" else ()),
        Method("phase correlation, default", sys.executable, "phase_correlation", {}),
        Method(
            "phase correlation, not normalised",
            sys.executable,
            "phase_correlation",
            {"normalization": "none"},
        ),
    ]
    if peers:
        largest = float(np.abs(truth.displacement.move).max())
        reach = {} if largest < DEFAULT_REACH - 1 else {"max_shift": round(1.7 * largest)}
        spacing = {1024: 100, 4096: 200, 10240: 400}.get(truth.size, max(50, truth.size // 20))
        python = options.arosics_python
        found += [
            Method("AROSICS global", python, "arosics_global", reach),
            Method("AROSICS local", python, "arosics_local", {"grid_res": spacing, **reach}),
        ]
    return found


def compared(
    folder: Path, options: argparse.Namespace, *, peers: bool
) -> dict[str, Figures | None]:
    """Every method on one pair, taking turns; None where one failed."""
    truth = Truth.read(folder)
    programs = methods(options, truth, peers=peers)
    np.save(folder / "points.npy", truth.points())
    runs: dict[str, list[dict[str, float]]] = {program.name: [] for program in programs}
    failed: set[str] = set()
    for number in range(options.repeat):
        # Each round starts with another method.
        for program in programs[number % len(programs) :] + programs[: number % len(programs)]:
            if program.name in failed:
                continue
            run = watched(program, folder, field=number == 0, limit=options.limit)
            if run is None:
                failed.add(program.name)
            else:
                runs[program.name].append(run)
    return {
        program.name: None
        if program.name in failed
        else figures(truth, folder / f"{program.method}{_mark(program)}.npy", runs[program.name])
        for program in programs
    }


def _mark(program: Method) -> str:
    return "".join(f"_{value}" for value in program.settings.values())


def watched(program: Method, folder: Path, *, field: bool, limit: int) -> dict[str, float] | None:
    """One run: its seconds and memory, and its displacement where that isn't known yet."""
    aligned, result = folder / "aligned.tif", folder / "run.json"
    estimate = folder / f"{program.method}{_mark(program)}.npy"
    points = [str(folder / "points.npy"), str(estimate)] if field and not program.command else []
    if not finished(program.words(folder, aligned, points), result, limit):
        return None
    if field and program.command:
        np.save(estimate, told_by_transform(folder))
    for file in folder.glob("aligned*"):
        file.unlink()
    found: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))
    return found


def told_by_transform(folder: Path) -> NDArray[np.float64]:
    """The displacement at the points, from what ``twopass align`` writes beside its image."""
    transform = read_transform(folder / "aligned.transform.json")
    rows, cols = np.load(folder / "points.npy")
    # Both images of a pair have one grid, which the working grid may be a part of.
    link = ~transform.grid.affine * transform.reference.geobox.affine
    found: NDArray[np.float64] = -transform.shift.at(rows + link.f, cols + link.c)
    return found


def finished(words: Sequence[str], result: Path, limit: int) -> bool:
    """Run a program under watch; tell, and say False, where it fails or takes too long."""
    watch = [sys.executable, "-I", str(HERE / "_watch.py"), str(result), *words]
    try:
        # In its own folder, so that a program finds the packages of its interpreter alone.
        ended = subprocess.run(watch, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        print(f"over {limit} s: {' '.join(words[1:4])}", file=sys.stderr)
        return False
    status = json.loads(result.read_text(encoding="utf-8"))["status"] if result.exists() else 1
    if ended.returncode or status:
        print(f"failed: {' '.join(words[1:4])}\n{ended.stderr[-2000:]}", file=sys.stderr)
        return False
    return True


def figures(truth: Truth, estimate: Path, runs: Sequence[dict[str, float]]) -> Figures:
    rows, cols = truth.points()
    errors = np.hypot(*(np.load(estimate) - truth.displacement.of_before(rows, cols)))
    errors = errors[np.isfinite(errors)]
    return Figures(
        rmse=float(np.sqrt((errors**2).mean())),
        median=float(np.median(errors)),
        p95=float(np.percentile(errors, 95)),
        seconds=median(run["seconds"] for run in runs),
        peak_mib=median(run["peak_mib"] for run in runs),
    )


def summary(found: Sequence[Figures | None]) -> tuple[str, ...]:
    """The medians over pairs, and on how many the method failed."""
    good = [f for f in found if f is not None]
    if not good:
        return ("failed", "", "", "", "")
    failures = (
        f" ({len(found) - len(good)} of {len(found)} failed)" if len(good) < len(found) else ""
    )
    return (
        f"{median(f.rmse for f in good):.3f}{failures}",
        f"{median(f.median for f in good):.3f}",
        f"{median(f.p95 for f in good):.3f}",
        f"{median(f.seconds for f in good):.1f}",
        f"{median(f.peak_mib for f in good):.0f}",
    )


def version(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def arosics_version(python: str) -> str | None:
    """The version of AROSICS that an interpreter has."""
    code = "from importlib.metadata import version; import arosics; print(version('arosics'))"
    ended = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    if ended.returncode:
        print(f"{python} has no AROSICS: left out", file=sys.stderr)
        return None
    return ended.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main()
