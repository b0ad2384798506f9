"""What a search found, as a table and a few lines."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence

from aoi.cli._text import one_line
from aoi.finding.pairs import Candidate, Pair
from aoi.finding.search import Found


def search_lines(found: Found, *, limit: int) -> list[str]:
    """A table of pairs, or of scenes, and what the search warns of."""
    lines = [f"source     {one_line(found.source)}", f"area       {one_line(found.area.name)}"]
    if found.single:
        lines.append(f"found      {len(found.before)} scenes")
        shown: Sequence[Candidate | Pair] = found.before[:limit]
    else:
        lines.append(
            f"found      {len(found.before)} scenes before, {len(found.after)} after, "
            f"{len(found.pairs)} pairs"
        )
        shown = found.pairs[:limit]
    if shown:
        lines += ["", *_table(found, shown), ""]
    if found.pairs:
        lines.append("pair 1")
        lines += [f"  {one_line(text)}" for text in found.pairs[0].comparability.sentences]
    lines += [f"warning    {one_line(caution.message)}" for caution in found.cautions]
    return lines


def _table(found: Found, rows: Sequence[Candidate | Pair]) -> list[str]:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    names = (
        ("#", "date", "platform", "covered", "cloud", "scene")
        if found.single
        else ("#", "before", "after", "covered", "cloud", "apart", "penalty")
    )
    for name in names:
        right = name in ("#", "covered", "penalty")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for number, row in enumerate(rows, start=1):
        cells = _scene(row) if isinstance(row, Candidate) else _pair(row)
        table.add_row(*(Text(one_line(cell)) for cell in (str(number), *cells)))
    width = max(100, shutil.get_terminal_size().columns)
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as got:
        console.print(table)
    return [line.rstrip() for line in got.get().splitlines() if line.strip()]


def _scene(one: Candidate) -> tuple[str, ...]:
    item = one.item
    return (str(item.acquisition), item.text("platform") or "?", f"{one.covered:.0%}", cloud(one),
            item.id)  # fmt: skip


def _pair(pair: Pair) -> tuple[str, ...]:
    both = [f"{one.item.acquisition}  {one.item.id}" for one in (pair.before, pair.after)]
    days = pair.comparability.days
    return (
        *both,
        f"{pair.covered:.0%}",
        f"{cloud(pair.before)}, {cloud(pair.after)}",
        "?" if days is None else f"{days:.0f} d",
        f"{pair.comparability.penalty:.1f}",
    )


def cloud(one: Candidate) -> str:
    """Cloud in words: of the area where a mask was read, else of the whole scene."""
    if one.cloud is None:
        return "unknown"
    return f"{one.cloud:.0f} % of the {'area' if one.cloud_over == 'area' else 'scene'}"
