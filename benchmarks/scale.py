"""How fast `twopass detect` is and how much memory it takes, as ratios, on large pairs.

    python benchmarks/scale.py [--base FILE...] [--arosics-python PATH] [--work DIR] [--profile]
                               [--readme]

Everything that the table of aims quotes, in one run: whole programs that take turns on one pair,
beside the floor (``_floor.py``: decode both images, write a mask), the script that one would write
without a toolkit (``_usual.py``) and AROSICS; and the time of start-up.  Pairs have four bands,
uint16, deflate, tiles of 512 px (``_pairs.py``), and are made once: a pair that lies in ``--work``
is taken as it is.  Of 30,000 px, a pair takes 12 GB there, twice that while it is made, and an
hour.  ``--readme`` puts the tables between their markers in docs/performance.md and README.md.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import rasterio
from _pairs import Truth
from _scale_tables import aims, figures, lead, profile_table
from _tables import between_markers, machine, today
from coregistration import arosics_version, finished, methods, version
from rasterio.windows import Window

HERE = Path(__file__).resolve().parent
ROWS = 512

PROGRAMS = ("floor", "detect", "detect, 1 worker", "usual script", "align", "AROSICS local")

MAPS = {"detect": "case/rasters/change.tif", "usual script": "mask.tif"}
"""Where the map of each program lies, in which 0 is no change."""

BESIDE = ("AROSICS local", "usual script")


def main() -> None:
    options = arguments()
    if options.tables_from:
        results = json.loads(options.tables_from.read_text(encoding="utf-8"))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            work = options.work or Path(scratch)
            work.mkdir(parents=True, exist_ok=True)
            results = measured(options, work)
    readme, page = HERE.parent / "README.md", HERE.parent / "docs" / "performance.md"
    if results["pairs"]:
        short = f"{lead(results)}\n\n{aims(results)}"
        whole = f"{short}\n\n{figures(results)}"
        print(whole)
        if options.readme:
            between_markers(readme, "scale", short)
            between_markers(page, "scale", whole)
    if results["profile"]:
        print(f"\n{profile_table(results)}")
        if options.readme:
            between_markers(page, "profile", profile_table(results))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--sizes", type=int, nargs="*", default=[4096, 10000, 30000], metavar="PX")
    parser.add_argument("--scenario", default="full", help="one of _pairs.py")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3, help="runs, whose median counts")
    parser.add_argument(
        "--beside-rounds", type=int, default=1, help="runs of AROSICS and of the usual script"
    )
    parser.add_argument(
        "--huge", type=int, default=12000, metavar="PX",
        help="above it, one run, of the floor and of detect alone",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=min(2, os.cpu_count() or 1), help="of floor and detect"
    )
    parser.add_argument("--arosics-python", metavar="PATH", help="interpreter that has AROSICS")
    parser.add_argument("--only", choices=PROGRAMS, nargs="+", default=PROGRAMS, help="run these")
    parser.add_argument("--limit", type=int, default=3600, help="seconds that a run may take")
    parser.add_argument("--work", type=Path, help="folder for pairs, which stay there")
    parser.add_argument("--results", type=Path, help="where the figures of every run are kept")
    parser.add_argument("--tables-from", type=Path, help="such figures, to write the tables from")
    parser.add_argument(
        "--profile", type=int, nargs="?", const=10000, metavar="PX",
        help="time the steps of detect on a pair of this size too (10000)",
    )  # fmt: skip
    parser.add_argument("--readme", action="store_true")
    return parser.parse_args()


def measured(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Every figure, as plain values."""
    results: dict[str, Any] = {
        "date": today(),
        "machine": machine(),
        "versions": versions(options),
        "ground": ", ".join(path.name for path in options.base) or "a simulated town",
        "workers": options.workers,
        "rounds": [options.rounds, options.beside_rounds],
        "huge": options.huge,
        "pairs": {},
        "start_up": {},
        "profile": {},
    }
    warm_up(made(work, 1024, options), options)
    if options.sizes:
        results["start_up"] = start_up()
    for size in options.sizes:
        found = on_pair(made(work, size, options), size, options)
        results["pairs"][str(size)] = found
        kept(results, options)
    if options.profile:
        rows = steps(made(work, options.profile, options), options)
        results["profile"] = {"size": options.profile, "steps": rows}
        kept(results, options)
    return results


def kept(results: dict[str, Any], options: argparse.Namespace) -> None:
    if options.results:
        options.results.write_text(json.dumps(results, indent=1), encoding="utf-8")


def versions(options: argparse.Namespace) -> str:
    python = options.arosics_python
    peer = python and arosics_version(python)
    named = [f"{name} {version(name)}" for name in ("twopass", "rasterio")]
    named.append(f"GDAL {rasterio.__gdal_version__}")
    named += [f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "scikit-image")]
    return ", ".join([*named, *([f"AROSICS {peer}"] if peer else [])])


def made(work: Path, size: int, options: argparse.Namespace) -> Path:
    """The folder of a pair, which is made where there is none."""
    folder = work / f"{round(size / 1000)}k"
    if (folder / "truth.json").is_file():
        if Truth.read(folder).size != size:
            raise SystemExit(f"{folder.name} in --work holds a pair of another size than {size}")
        return folder
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    words = ["--scenario", options.scenario, "--size", size, "--seed", options.seed]
    words += ["--out", partial, "--bands", 4, "--compress", "deflate"]
    words += ["--base", *options.base] if options.base else []
    subprocess.run(
        [sys.executable, str(HERE / "_pairs.py"), *(str(word) for word in words)], check=True
    )
    return partial.rename(folder)


def warm_up(folder: Path, options: argparse.Namespace) -> None:
    """Compile what is compiled once for all, and have the libraries in the system's cache."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        for name, words in programs(folder, Path(scratch), options, huge=False).items():
            run(name, words, Path(scratch), options)


def on_pair(folder: Path, size: int, options: argparse.Namespace) -> dict[str, Any]:
    """Every program on one pair, taking turns: their runs, and how right their maps are."""
    huge = size > options.huge
    runs: dict[str, list[dict[str, float]]] = {}
    right: dict[str, float] = {}
    failed: set[str] = set()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        place = Path(scratch)
        ways = programs(folder, place, options, huge=huge)
        read_once(folder)
        for number in range(1 if huge else options.rounds):
            # Each round starts with another program.
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                if name in failed or (name in BESIDE and number >= options.beside_rounds):
                    continue
                taken = run(name, ways[name], place, options)
                if taken is None:
                    failed.add(name)
                    continue
                runs.setdefault(name, []).append(taken)
                if name in MAPS and name not in right:
                    right[name] = f1(place / MAPS[name], folder / "truth.tif")
                empty(place)
    return {"runs": runs, "f1": right, "failed": sorted(failed)}


def programs(
    folder: Path, place: Path, options: argparse.Namespace, *, huge: bool
) -> dict[str, list[str]]:
    """The words of each command."""
    before, after = str(folder / "before.tif"), str(folder / "after.tif")
    detect = [sys.executable, "-m", "aoi", "detect", before, after, "--out", str(place / "case")]
    detect += ["--quiet", "--overwrite", "--workers"]
    mask, outlines = str(place / "mask.tif"), str(place / "changes.geojson")
    found = {
        "floor": program("_floor.py", before, after, mask, str(options.workers)),
        "detect": [*detect, str(options.workers)],
    }
    if not huge:
        found["detect, 1 worker"] = [*detect, "1"]
        found["usual script"] = program("_usual.py", before, after, mask, outlines)
        found |= aligners(folder, place / "aligned.tif", options)
    return {name: words for name, words in found.items() if name in options.only}


def aligners(folder: Path, aligned: Path, options: argparse.Namespace) -> dict[str, list[str]]:
    """The co-registration and AROSICS, run as benchmarks/coregistration.py runs them."""
    asked = argparse.Namespace(ours="command", arosics_python=options.arosics_python)
    peers = bool(options.arosics_python)
    ways = {m.name: m for m in methods(asked, Truth.read(folder), peers=peers)}
    named = {"align": "twopass", "AROSICS local": "AROSICS local"}
    return {
        name: ways[method].words(folder, aligned)
        for name, method in named.items()
        if method in ways
    }


def program(name: str, *words: str) -> list[str]:
    return [sys.executable, str(HERE / name), *words]


def run(
    name: str, words: Sequence[str], place: Path, options: argparse.Namespace
) -> dict[str, float] | None:
    """A whole program under watch: seconds, processor seconds and peak memory."""
    result = place / "run.json"
    if not finished(words, result, options.limit):
        print(f"{name}: failed", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(result.read_text(encoding="utf-8"))
    print(
        f"{name}: {found['seconds']:.1f} s, {found['cpu_seconds']:.1f} s of processors, "
        f"{found['peak_mib']:.0f} MiB", file=sys.stderr, flush=True,
    )  # fmt: skip
    return found


def empty(place: Path) -> None:
    for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def read_once(folder: Path) -> None:
    """Have the images in the system's memory, where it has room, before anything is timed."""
    for role in ("before", "after"):
        with (folder / f"{role}.tif").open("rb") as file:
            while file.read(1 << 24):
                pass


def f1(found: Path, truth: Path) -> float:
    """F1 of changed pixels, over what both images show; row by row, on the truth's pixels."""
    hits = told = true = 0
    with rasterio.open(found) as ours, rasterio.open(truth) as theirs:
        link = ~theirs.transform * ours.transform
        top, left = round(link.f), round(link.c)
        for first in range(0, theirs.height, ROWS):
            rows = min(ROWS, theirs.height - first)
            label = theirs.read(1, window=Window(0, first, theirs.width, rows))
            window = Window(-left, first - top, theirs.width, rows)
            changed = ours.read(1, window=window, boundless=True, fill_value=0) > 0
            hits += int(np.count_nonzero(changed & (label == 1)))
            told += int(np.count_nonzero(changed & (label != 255)))
            true += int(np.count_nonzero(label == 1))
    return 2 * hits / (told + true) if told + true else math.nan


def start_up(rounds: int = 9) -> dict[str, float]:
    """Median seconds of whole processes, taking turns."""
    ways = {
        "twopass --help": ["-m", "aoi", "--help"],
        "import imagery": ["-c", "import imagery"],
        "python": ["-c", "pass"],
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, words in ways.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], check=True, capture_output=True)
            if number:  # the first round warms up
                taken[name].append(time.perf_counter() - start)
    return {name: median(seconds) for name, seconds in taken.items()}


def steps(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Seconds, processor seconds and peak memory of each step of ``detect``."""
    before, after = str(folder / "before.tif"), str(folder / "after.tif")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        result = Path(scratch) / "steps.json"
        words = [before, after, str(Path(scratch) / "case"), str(result), str(options.workers)]
        words = program("_steps.py", *words, str(time.time()))
        subprocess.run(words, check=True, stdout=sys.stderr)
        found: dict[str, dict[str, float]] = json.loads(result.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
