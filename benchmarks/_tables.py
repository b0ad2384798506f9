"""Tables in Markdown, their place in a page, and intervals of shares."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; floats are the caller's to format."""
    lines = [_line(head), "|" + "---|" * len(head), *(_line(row) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def publish(root: Path, name: str, text: str) -> None:
    """Put a table into docs/benchmarks.md, and into README.md where that has its markers."""
    between_markers(root / "docs" / "benchmarks.md", name, text)
    readme = root / "README.md"
    if f"<!-- {name} -->" in readme.read_text(encoding="utf-8"):
        between_markers(readme, name, text)


def between_markers(page: Path, name: str, text: str) -> None:
    """Put text between ``<!-- name -->`` and ``<!-- /name -->`` of a page."""
    content = page.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(content):
        raise SystemExit(f"{page.name} has no markers <!-- {name} --> and <!-- /{name} -->")
    page.write_text(
        pattern.sub(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", content), encoding="utf-8"
    )


def wilson(hits: int, trials: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, JASA 22(158))."""
    if not trials:
        return 0.0, 1.0
    share = hits / trials
    middle = share + z * z / (2 * trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    below = 1 + z * z / trials
    return max(0.0, (middle - half) / below), min(1.0, (middle + half) / below)


def share(hits: int, trials: int) -> str:
    """A share with its interval, in per cent."""
    if not trials:
        return "–"
    low, high = wilson(hits, trials)
    return f"{hits} of {trials}: {hits / trials:.1%} ({low:.1%} to {high:.1%})"


def machine() -> str:
    """Cores, memory and system, without a name."""
    memory = "unknown"
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    return (
        f"{os.cpu_count()} cores, {memory} of memory, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def today() -> str:
    return datetime.now(UTC).date().isoformat()
