"""The command that runs many pairs."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from aoi.cli._options import build, from_class
from aoi.cli._show import Shown
from aoi.options import AreaOptions, ProductOptions
from imagery.errors import OutputError, UsageError
from imagery.options import DetectOptions, EngineOptions

_PATH = click.Path(path_type=Path)
_LEAST_MEMORY = 64


@click.command(
    short_help="Compare many pairs, a case each.",
    epilog="Exit status: 0 all pairs are done; 130 interrupted; else the smallest of those with "
    "which the failed pairs would have ended alone (see: twopass detect --help).",
)
@click.argument("pairs", type=_PATH, metavar="PAIRS.csv")
@click.option(
    "--out", type=_PATH, metavar="FOLDER", required=True, help="Folder for the cases, one a pair."
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Pairs at a time, each in a process of its own.  They share --memory and the processors.",
)
@from_class(AreaOptions)
@from_class(DetectOptions)
@click.option(
    "--diagnose",
    type=_PATH,
    metavar="DIR",
    help="A folder that takes, in one of each pair's name, what shows how good its alignment is.",
)
@from_class(ProductOptions)
@from_class(EngineOptions)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def batch(
    pairs: Path,
    out: Path,
    jobs: int,
    diagnose: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> int:
    """Compare the pairs of a table: PAIRS.csv in, a case folder each and a summary out."""
    from aoi.batch import BatchOptions

    return _run(
        pairs,
        BatchOptions(
            out=out,
            area=build(AreaOptions, values),
            detect=build(DetectOptions, values),
            products=build(ProductOptions, values),
            engine=_shared(build(EngineOptions, values), jobs),
            diagnosis=diagnose,
        ),
        jobs=jobs,
        shown=Shown(as_json=as_json, quiet=quiet),
    )


def _shared(options: EngineOptions, jobs: int) -> EngineOptions:
    """What one of several cases at a time may take of the machine."""
    if options.memory < _LEAST_MEMORY * jobs:
        raise UsageError(
            "too little memory for so many pairs at a time",
            found=f"{options.memory} MB for {jobs}",
            needed=f"{_LEAST_MEMORY} MB each",
            option="--memory or --jobs",
        )
    workers = options.workers or max(1, (os.cpu_count() or 1) // jobs)
    return replace(options, memory=options.memory // jobs, workers=workers)


def _run(table: Path, options: Any, *, jobs: int, shown: Shown) -> int:
    from aoi.batch import (
        SUMMARY,
        Outcome,
        Processes,
        check_summary,
        exit_status,
        line,
        lines,
        read_pairs,
        run_batch,
        write_summary,
    )
    from imagery.blockwise import Progress

    pairs = read_pairs(table)
    _make_folder(options.out)
    check_summary(options.out)
    done = 0
    with shown.progress() as progress, Processes(min(jobs, len(pairs))) as executor:

        def tell(outcome: Outcome) -> None:
            nonlocal done
            done += 1
            if shown.talks or outcome.status == "failed":
                click.echo(line(outcome), err=True)
            progress(Progress("pairs", done, len(pairs)))

        progress(Progress("pairs", 0, len(pairs)))
        outcomes = run_batch(pairs, options, executor=executor, tell=tell)
    write_summary(outcomes, options.out)
    status = exit_status(outcomes)
    told = {
        "status": {0: "done", 130: "interrupted"}.get(status, "some failed"),
        "out": str(options.out),
        "summary": SUMMARY,
        "pairs": [asdict(outcome) for outcome in outcomes],
    }
    shown.lines(told | {"exit_status": status}, list(lines(outcomes)))
    shown.note(f"summary    {options.out / SUMMARY}")
    return status


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.name}: cannot be made",
            found=error.strerror or str(error),
            needed="a folder for the cases",
            option="--out",
        ) from error
