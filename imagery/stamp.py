"""How a file was when it was first read, and whether it is still that file."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from imagery.errors import InputError
from imagery.record import sha256_of


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """A file's size and times, and, where it was hashed, its SHA-256."""

    path: Path
    size: int
    written_ns: int
    inode: int
    changed_ns: int
    """When anything of it was changed, its name and owner too; when it was made, on Windows."""

    sha256: str = ""

    @classmethod
    def of(cls, path: Path, *, sha256: str = "") -> Stamp:
        """The stamp of a file as it is now.

        Raises
        ------
        OSError
            If it can't be looked at.
        """
        now = path.stat()
        return cls(
            path=path.absolute(),
            size=now.st_size,
            written_ns=now.st_mtime_ns,
            inode=now.st_ino,
            changed_ns=now.st_ctime_ns,
            sha256=sha256,
        )

    def check(self) -> None:
        """Refuse a file that isn't any more what it was.

        Another size or time of writing is enough.  A file that only took another's place, or
        another name, is hashed again, where it was hashed before.

        Raises
        ------
        InputError
            If it changed, or is gone.
        """
        try:
            now = Stamp.of(self.path, sha256=self.sha256)
            if now == self:
                return
            same = (now.size, now.written_ns) == (self.size, self.written_ns)
            if same and self.sha256 in ("", sha256_of(self.path)):
                return
            found = "other bytes" if same else f"{now._told}; it was {self._told}"
        except OSError as error:
            found = error.strerror or str(error)
        raise InputError(
            f"{self.path.name}: was changed while it was being used",
            found=found,
            needed="images, and files beside them, that stay as they are until the run ends: "
            "run it again",
        )

    @property
    def _told(self) -> str:
        when = dt.datetime.fromtimestamp(self.written_ns / 1e9, dt.UTC)
        return f"{self.size} bytes of {when:%Y-%m-%d %H:%M:%S} UTC"


def check_unchanged(stamps: Iterable[Stamp]) -> None:
    """Refuse files that aren't any more what they were; see :meth:`Stamp.check`."""
    for stamp in stamps:
        stamp.check()


@contextmanager
def unchanged(paths: Sequence[Path]) -> Iterator[None]:
    """A block at whose end files must be what they were at its start.

    Those that aren't there are left to whoever reads them.  Where the block fails and one of them
    was changed, that is what is told: half of a file is damaged in many ways.

    Raises
    ------
    InputError
        If a file was changed.
    """
    stamps = [Stamp.of(path) for path in dict.fromkeys(paths) if path.is_file()]
    try:
        yield
    except Exception:
        check_unchanged(stamps)
        raise
    check_unchanged(stamps)
