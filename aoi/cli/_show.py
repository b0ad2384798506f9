"""Progress and summary on a terminal, or one JSON object."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from aoi.cli._text import one_line
from aoi.report.words import area
from imagery.detect import Progress as Message


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
    def progress(self) -> Iterator[Callable[[Message], None]]:
        """A bar by step, on a terminal only."""
        console = Console(stderr=True)
        if not (self.talks and console.is_terminal):
            yield lambda _: None
            return
        with Progress(
            TextColumn("{task.description:12}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
        ) as bar:
            tasks: dict[str, Any] = {}

            def show(message: Message) -> None:
                for step, task in tasks.items():
                    if step != message.step:
                        bar.update(task, completed=bar.tasks[task].total)
                        bar.stop_task(task)
                if message.step not in tasks:
                    tasks[message.step] = bar.add_task(message.step, total=message.total)
                bar.update(tasks[message.step], completed=message.done, total=message.total)

            yield show

    def summary(self, record: dict[str, Any], out: Path) -> None:
        """The result in a few lines, or as JSON."""
        result = record["result"]
        if self.as_json:
            told = {
                key: result[key]
                for key in ("status", "simulated", "observed", "alignment", "changes", "warnings")
            }
            click.echo(json.dumps(told | {"exit_status": 0, "case": str(out)}))
            return
        if self.quiet:
            return
        for line in summary_lines(result):
            click.echo(line)
        click.echo(f"report     {out / 'report.html'}")


def summary_lines(result: dict[str, Any]) -> list[str]:
    """The result in words made from its numbers, one fact a line."""
    alignment, changes, observed = result["alignment"], result["changes"], result["observed"]
    lines = []
    if result["simulated"]:
        lines.append("SIMULATED  not a real acquisition")
    lines.append(f"area       {one_line(result['area']['name'])}")
    lines.append(f"observed   {observed['share']:.1%} of the area is seen in both images")
    if alignment["ce90_px"] is None:
        lines.append("alignment  not measured")
    else:
        lines.append(
            f"alignment  {alignment['verdict']}: CE90 {alignment['ce90_px']:.2f} px = "
            f"{alignment['ce90_m']:.2f} m on {alignment['held_out']} held-out windows "
            f"({alignment['before_ce90_px']:.2f} px before)"
        )
    if changes["polygons"]:
        lines.append(
            f"changes    {changes['sites']} sites, {changes['polygons']} polygons, "
            f"{area(changes['area_m2'])}; uncalibrated"
        )
    else:
        lines.append(
            f"changes    none found in the {observed['share']:.1%} of the area seen in both images"
        )
    lines += [f"warning    {one_line(w['message'])}" for w in result["warnings"]]
    return lines
