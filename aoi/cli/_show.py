"""Progress and summary on a terminal, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aoi.cli._text import one_line

if TYPE_CHECKING:
    from imagery.blockwise import Progress

_TOLD = (
    "status",
    "simulated",
    "georeferenced",
    "observed",
    "alignment",
    "decision",
    "changes",
    "warnings",
)


@dataclass(frozen=True)
class Shown:
    """How much a command says, and how."""

    as_json: bool
    quiet: bool

    @property
    def talks(self) -> bool:
        return not (self.as_json or self.quiet)

    def note(self, text: str) -> None:
        """One line for people."""
        if self.talks:
            click.echo(text)

    @contextmanager
    def progress(self) -> Iterator[Callable[[Progress], None]]:
        """A bar by step, on a terminal only; what must be known early, on stderr."""
        from rich.console import Console

        console = Console(stderr=True)
        if not self.talks:
            yield lambda _: None
            return
        if not console.is_terminal:
            yield _warn
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        with Progress(
            TextColumn("{task.description:12}"), BarColumn(), TimeElapsedColumn(), console=console
        ) as bars:
            steps = _Steps(bars)
            yield steps.show
            steps.finish()

    def summary(self, record: dict[str, Any], out: Path) -> None:
        """The result in a few lines, or as JSON."""
        result = record["result"]
        if self.as_json:
            told = {"status": result["status"], "exit_status": 0, "case": str(out)}
            told |= {"report": "report.html"} | {key: result[key] for key in _TOLD}
            click.echo(json.dumps(told))
            return
        for line in summary_lines(result):
            self.note(line)
        self.note(f"report     {out / 'report.html'}")

    def lines(self, told: dict[str, Any], lines: Sequence[str]) -> None:
        """What was done, as lines for people or as JSON."""
        if self.as_json:
            click.echo(json.dumps({"status": told["status"], "exit_status": 0} | told))
            return
        for line in lines:
            self.note(line)

    def drawn(self, case: Path, names: Sequence[Path]) -> None:
        """What was drawn again."""
        if self.as_json:
            told = {"status": "drawn", "exit_status": 0, "case": str(case)}
            files = [name.as_posix() for name in names]
            click.echo(json.dumps(told | {"report": "report.html", "drawn": files}))
            return
        self.note(f"drawn      {len(names)} files")
        self.note(f"report     {case / 'report.html'}")


def _early(message: Progress) -> list[str]:
    """What must be known before the run goes on."""
    notes = [f"note       {one_line(message.note)}"] if message.note else []
    return notes + [f"warning    {one_line(caution.message)}" for caution in message.cautions]


def _warn(message: Progress) -> None:
    for line in _early(message):
        click.echo(line, err=True)


class _Steps:
    """One bar a step; the one before is full when the next begins."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tasks: dict[str, Any] = {}

    def show(self, message: Progress) -> None:
        for line in _early(message):
            self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)
        if message.step not in self._tasks:
            self.finish()
            self._tasks[message.step] = self._bars.add_task(message.step, total=message.total)
        self._bars.update(self._tasks[message.step], completed=message.done, total=message.total)

    def finish(self) -> None:
        for task in self._bars.tasks:
            if not task.finished:
                self._bars.update(task.id, completed=task.total)


def summary_lines(result: dict[str, Any]) -> list[str]:
    """The result in words made from its numbers, one fact a line."""
    from aoi.report import alarms, words

    changes, between = result["changes"], words.between(result)
    seen = words.observed(result)
    lines = ["SIMULATED  not a real acquisition"] if result["simulated"] else []
    lines.append(f"area       {one_line(result['area']['name'])}")
    for role in ("before", "after"):
        scene = result["scenes"][role]
        text = f"{one_line(scene['name'])}, {words.date(scene) or 'date unknown'}"
        lines.append(f"{role:10} {text}")
    lines.append(f"observed   {seen}")
    lines += _alignment_lines(result["alignment"])
    if changes["polygons"]:
        lines.append(
            f"changes    {words.count(changes['sites'], 'site')}, "
            f"{words.count(changes['polygons'], 'outline')}, "
            f"{words.outlined(result)}"
        )
        lines += [f"{'':10} its bounds {between}"] if between else []
    else:
        lines.append(f"changes    none found in the {seen}")
    lines.append(f"alarms     {alarms.briefly(result)}")
    if missed := words.missed(result):
        lines.append(f"{'':10} {missed}")
    lines += [f"warning    {one_line(w['message'])}" for w in result["warnings"]]
    return lines


def _alignment_lines(alignment: dict[str, Any]) -> list[str]:
    verdict = one_line(alignment["verdict"])
    reason = alignment["accepted"]
    accepted = [f"accepted   {one_line(reason)}"] if reason else []
    if alignment["ce90_px"] is None:
        found = f"{verdict}: none was found" if reason else "not measured"
        return [f"alignment  {found}", *accepted]
    crossed = "cross-validation" in (alignment["judged_by"] or "")
    windows = "check points" if alignment["ties_file"] else "windows"
    by = f"{'cross-validated' if crossed else 'held-out'} {windows}"
    return [
        f"alignment  {verdict}: CE90 {alignment['ce90_px']:.2f} px = {alignment['ce90_m']:.2f} m "
        f"on the ground (median {alignment['median_px']:.2f} px), "
        f"on {alignment['held_out']} {by}",
        f"{'':10} of all {windows} CE90 {alignment['all_ce90_px']:.2f} px, "
        f"{alignment['before_ce90_px']:.2f} px before the move",
        *accepted,
    ]
