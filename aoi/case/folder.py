"""The case folder: written beside its place, under a lock, and renamed whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from imagery.errors import OutputError, UsageError
from imagery.record import sha256_of

RECORD = "case.json"
MANIFEST = "manifest-sha256.txt"
_LOCK = ".lock"


@contextmanager
def new_case(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to write a case into; it takes its place only if the block ends well.

    Parameters
    ----------
    out
        Where the case shall be.
    overwrite
        Whether a case that is there may be replaced.

    Yields
    ------
    Path
        ``CASE.partial`` beside ``out``, empty, locked against a second run.

    Raises
    ------
    UsageError
        If something is in the way.
    OutputError
        If the place can't be written, or another run is writing this case.
    """
    _check_place(out, overwrite=overwrite)
    partial = out.with_name(out.name + ".partial")
    lock = FileLock(partial / _LOCK)
    try:
        partial.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"{out.name}: another run is writing this case",
            needed="another folder, or the other run's end",
            option="--out",
        ) from None
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        _empty(partial)
        yield partial
    except BaseException:
        lock.release()
        shutil.rmtree(partial, ignore_errors=True)
        raise
    lock.release()
    (partial / _LOCK).unlink(missing_ok=True)
    _put_in_place(partial, out)


def write_manifest(case: Path) -> None:
    """List every file of a case but the manifest itself, with its SHA-256, sorted by name."""
    lines = [
        f"{sha256_of(path)}  {path.relative_to(case).as_posix()}\n"
        for path in sorted(case.rglob("*"))
        if path.is_file() and path.name not in (MANIFEST, _LOCK)
    ]
    (case / MANIFEST).write_text("".join(lines), encoding="utf-8")


def _check_place(out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UsageError(f"{out.name}: is a file", needed="a folder to make", option="--out")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise UsageError(
            f"{out.name}: exists already", needed="a new folder", option="--out, or --overwrite"
        )
    if not (out / RECORD).is_file():
        raise UsageError(
            f"{out.name}: is not a case, so it is not overwritten",
            found=f"no {RECORD} in it",
            needed="a case, or a new folder",
            option="--out",
        )


def _empty(partial: Path) -> None:
    """Clear what an interrupted run left."""
    for path in partial.iterdir():
        if path.name == _LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _put_in_place(partial: Path, out: Path) -> None:
    old = out.with_name(out.name + ".old")
    try:
        if out.exists():
            if old.exists():
                shutil.rmtree(old)
            out.rename(old)
        partial.rename(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    shutil.rmtree(old, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{out.name}: cannot be written",
        found=error.strerror or type(error).__name__,
        needed="a folder that this account may write to, with room left",
        option="--out",
    )
