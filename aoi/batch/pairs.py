"""The table of pairs: a CSV file, strict, because it may come from anywhere."""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from imagery.errors import InputError, MissingInputError
from imagery.options import SceneOptions

SUMMARY = "summary.csv"
"""Stands beside the cases, so that none is called so."""

_LARGEST_FILE = 20_000_000
_LONGEST_NAME = 120
"""Bytes: with ``.partial`` and what a case holds, it fits into every file system."""

_SCENE = tuple(known.name for known in fields(SceneOptions))
COLUMNS = (
    *("before", "after", "area", "name", "title"),
    *(f"{role}_{name}" for role in ("before", "after") for name in _SCENE),
)

_FORBIDDEN = set('/\\:*?"<>|')
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10)}
"""Files of these names can't be made on Windows, whatever they end in."""


@dataclass(frozen=True, kw_only=True)
class BatchPair:
    """A row: two images, and what is said of them alone."""

    name: str
    """Of the case folder: a name, never a path."""

    before: Path
    after: Path
    area: str | None = None
    """As ``--aoi`` takes it; that of the whole batch where None."""

    title: str | None = None
    """Name of the area."""

    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of ``before`` and ``after``: options of ``SceneOptions`` by name."""


def read_pairs(path: Path) -> tuple[BatchPair, ...]:
    """The pairs of a table.

    Parameters
    ----------
    path
        A CSV file in UTF-8, with commas (or semicolons, as spreadsheets of some countries write),
        and a header of some of ``COLUMNS``, ``before`` and ``after`` among them.  Paths are
        relative to its folder.  An empty cell says nothing.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no such table, a column is unknown, or a name is no safe name of a folder or
        another row's.
    """
    header, rows = _table(path)
    pairs = [
        _pair(path, line, dict(zip(header, cells, strict=True)))
        for line, cells in rows
        if any(cells)
    ]
    if not pairs:
        raise _unusable(path, "no pair", "a row for each pair")
    taken: dict[str, str] = {}
    for pair in pairs:
        key = unicodedata.normalize("NFC", pair.name).casefold()
        if key in taken:
            raise _unusable(
                path,
                f"two pairs called {taken[key]!r}",
                "a column name, in which no name stands twice, however it is written",
            )
        taken[key] = pair.name
    return tuple(pairs)


def _table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and every row, with its line, as many cells wide."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise _unusable(path, f"{path.stat().st_size:,} bytes", f"at most {_LARGEST_FILE:,}")
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unusable(path, "bytes that are no UTF-8", "a CSV file in UTF-8") from error
    except OSError as error:
        raise MissingInputError(
            f"{path.name}: cannot be read",
            found=error.strerror or str(error),
            needed="a CSV file of pairs",
        ) from error
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    try:
        table = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise _unusable(path, str(error), "a CSV file") from error
    header = [name.lower() for name in table[0][1]] if table else []
    _check_header(path, header)
    for line, cells in table[1:]:
        if cells and len(cells) != len(header):
            raise _unusable(
                path,
                f"{len(cells)} cells in line {line}",
                f'{len(header)}, as in the header; a cell that holds a comma stands in quotes: "…"',
            )
    return header, table[1:]


def _check_header(path: Path, header: list[str]) -> None:
    for name in header:
        if name not in COLUMNS:
            close = difflib.get_close_matches(name, COLUMNS, n=1)
            needed = f"{close[0]}?" if close else ", ".join(COLUMNS)
            raise _unusable(path, f"an unknown column {name[:40]!r}", needed)
        if header.count(name) > 1:
            raise _unusable(path, f"two columns {name}", "one of each")
    if missing := [name for name in ("before", "after") if name not in header]:
        raise _unusable(path, f"no column {' and '.join(missing)}", "the columns before and after")


def _pair(path: Path, line: int, row: Mapping[str, str]) -> BatchPair:
    for name in ("before", "after"):
        if not row[name]:
            raise _unusable(path, f"line {line} without {name}", "two images a row")
    folder = path.absolute().parent
    before, after = folder / row["before"], folder / row["after"]
    name = row.get("name") or _default_name(before, after)
    if why := _unsafe(name):
        raise _unusable(
            path, f"the name {name[:60]!r} in line {line}: {why}", "a name of a folder, not a path"
        )
    said = {role: _said(row, role, folder) for role in ("before", "after")}
    return BatchPair(
        name=name,
        before=before,
        after=after,
        area=_area(row.get("area", ""), folder),
        title=row.get("title") or None,
        said=said,
    )


def _said(row: Mapping[str, str], role: str, folder: Path) -> dict[str, str]:
    """What a row says of one scene; the file of a mask lies relative to the table."""
    found = {name: cell for name in _SCENE if (cell := row.get(f"{role}_{name}"))}
    if "mask" in found:
        found["mask"] = str(folder / found["mask"])
    return found


def _area(text: str, folder: Path) -> str | None:
    """An area as ``--aoi`` takes it: what ends as a file of outlines does is relative."""
    from aoi.places.files import READERS

    file = re.sub(r"(\.gpkg):.+$", r"\1", text, flags=re.IGNORECASE | re.DOTALL)
    return str(folder / text) if Path(file).suffix.lower() in READERS else text or None


def _default_name(before: Path, after: Path) -> str:
    """Both images' names; what no folder can bear in them becomes a low line."""
    from aoi.case import stem_of

    text = f"{stem_of(before)}_{stem_of(after)}"
    plain = "".join("_" if c in _FORBIDDEN or not c.isprintable() else c for c in text)
    return plain if plain[0].isalnum() else f"_{plain}"


def _unsafe(name: str) -> str | None:
    """Why a name can't be that of a folder on every system; None where it can."""
    low = name.casefold()
    if _FORBIDDEN & set(name) or not name.isprintable():
        return "a letter that no folder can bear everywhere"
    if not (name[0].isalnum() or name[0] == "_") or name[-1] in ". ":
        return "it begins with no letter, or ends with a dot"
    if len(name.encode("utf-8", "replace")) > _LONGEST_NAME:
        return "it is too long"
    if low.partition(".")[0].strip() in _DEVICES:
        return "Windows keeps it for a device"
    if low == SUMMARY or re.search(r"\.(partial|old\d*)$", low):
        return "twopass needs it for itself"
    return None


def _unusable(path: Path, found: str, needed: str) -> InputError:
    return InputError(
        f"{path.name}: cannot be used as a table of pairs", found=found, needed=needed
    )
