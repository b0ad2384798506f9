"""What a thread reads for another machine: where its paths lead, and which files they were."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

Stamp = tuple[int, str]
"""What tells a file from another of its name: its size, and a hash of its first megabyte."""

_local = threading.local()


@dataclass
class Visit:
    """What a thread reads for another machine."""

    base: Path
    """That machine's working folder, from which relative paths count."""

    read: dict[str, Stamp] = field(default_factory=dict)
    opening: str = ""
    """The file that could not be opened, where one could not."""


@contextmanager
def reading_for(base: Path) -> Iterator[Visit]:
    """Take relative paths from ``base`` in this thread, and note which files are read."""
    visit = _local.visit = Visit(base)
    try:
        yield visit
    finally:
        _local.visit = None


def found_at(path: Path) -> Path:
    """A path as it counts in this thread; it is being opened until :func:`note` is told of it."""
    visit: Visit | None = getattr(_local, "visit", None)
    if visit is None:
        return path
    path = visit.base / path
    visit.opening = str(path)
    return path


def note(path: Path) -> None:
    """A file was opened, or was open already."""
    visit: Visit | None = getattr(_local, "visit", None)
    if visit is not None:
        visit.read[str(path)] = stamp(path)
        visit.opening = ""


def stamp(path: Path) -> Stamp:
    """The stamp of a file, read once as long as the file doesn't change.

    Raises
    ------
    OSError
        If there is no such file, or it can't be read.
    """
    known = path.stat()
    return _stamp(str(path), known.st_size, known.st_mtime_ns)


@lru_cache(maxsize=1024)
def _stamp(path: str, size: int, _mtime_ns: int) -> Stamp:
    with Path(path).open("rb") as stream:
        return size, hashlib.sha256(stream.read(2**20)).hexdigest()
