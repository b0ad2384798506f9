"""The outcomes of a batch as a table: a CSV file, and lines for a terminal."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from aoi.batch.pairs import SUMMARY
from aoi.batch.run import Outcome
from aoi.output import write_whole
from imagery.errors import OutputError

_COLUMNS = tuple(field.name for field in fields(Outcome))


def check_summary(folder: Path) -> None:
    """Refuse a folder in which a file of that name is not a summary of ours.

    Raises
    ------
    OutputError
        Before any pair is run.
    """
    path = folder / SUMMARY
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            first = stream.readline(1000)
    except FileNotFoundError:
        return
    except OSError as error:
        first = error.strerror or ""
    if first.strip() != ",".join(_COLUMNS):
        raise OutputError(
            f"{SUMMARY}: is in the way, and no summary of a batch",
            found=first.strip()[:60],
            needed="another folder",
            option="--out",
        )


def write_summary(outcomes: Sequence[Outcome], folder: Path) -> Path:
    """Write the table beside the cases, in the order of the pairs.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    told = io.StringIO()
    writer = csv.writer(told, lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([_cell(value) for value in astuple(outcome)] for outcome in outcomes)
    return write_whole(folder / SUMMARY, told.getvalue().encode(), option="--out")


def _cell(value: str | int | None) -> str | int:
    """A cell that no spreadsheet takes for a formula: names in it come from files."""
    if value is None or isinstance(value, int):
        return "" if value is None else value
    plain = _plain(value)
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@")) else plain


def _plain(text: str) -> str:
    """Text on one line, without letters that drive a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """The table in words, and how many came out how."""
    width = max(len(outcome.name) for outcome in outcomes)
    yield f"{'name':{width}}  status       changes  alignment"
    for outcome in outcomes:
        yield line(outcome, width=width)
    counts = {
        status: sum(outcome.status == status for outcome in outcomes)
        for status in ("done", "done before", "failed", "not run")
    }
    yield ", ".join(f"{count} {status}" for status, count in counts.items() if count)


def line(outcome: Outcome, *, width: int = 0) -> str:
    """An outcome in words; warnings stand in the case."""
    told = f"{outcome.name:{width}}  {outcome.status:11}"
    if outcome.status == "failed":
        return f"{told}  {_plain(outcome.message)} (exit status {outcome.exit_status})"
    if outcome.changes is None:
        return told.rstrip()
    return f"{told}  {outcome.changes:7}  {outcome.verdict}"
