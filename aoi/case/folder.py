"""The case folder: written beside its place, under a lock, and renamed whole."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from aoi.case.manifest import MANIFEST, RECORD, listed_names
from imagery.errors import OutputError, UsageError

LOCK = ".lock"
STEPS = "steps"
"""Beside the folder that is being filled: what a run keeps of its steps until it is over."""

_CASE = "case"

_OTHERS_LEAVINGS = (".aux.xml", "-wal", "-shm", "-journal", "thumbs.db", "desktop.ini")
"""What viewers leave beside the files that they show."""

_DISK = {
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "ENAMETOOLONG")
    if hasattr(errno, name)  # no system has them all
}


@contextmanager
def new_case(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to write a case into; it takes its place only if the block ends well.

    Parameters
    ----------
    out
        Where the case shall be; folders above it are made.
    overwrite
        Whether a case that is there may be replaced.

    Yields
    ------
    Path
        An empty folder in ``CASE.partial``, beside ``out``, which is locked against a second run.
        Beside it lies the folder ``STEPS``, where a run that was killed had begun one.

    Raises
    ------
    UsageError
        If something is in the way that is not to be replaced.
    OutputError
        If the place can't be written, or another run is writing this case.

    Notes
    -----
    Whatever ends the block early, nothing is left behind, and a case that was to be replaced stays
    as it was.  Only where the process is killed does ``CASE.partial`` stay, for the next run.
    """
    place = free_place(out, overwrite=overwrite)
    partial = place.with_name(place.name + ".partial")
    made: list[Path] = []
    try:
        made = _missing_parents(partial)
        lock = _locked(partial)
    except Timeout:
        raise OutputError(
            f"{place.name}: another run is writing this case",
            found=f"{partial.name}, locked",
            needed="another folder, or the other run's end",
            option="--out",
        ) from None
    except OSError as error:
        _remove(made)
        raise _unwritable(place, error) from error
    try:
        # Once more: another run may have ended between the first look and the lock.
        free_place(out, overwrite=overwrite)
        _empty(partial)
        case = partial / _CASE
        case.mkdir()
        yield case
        _put_in_place(case, place)
    except BaseException as error:
        _drop(partial, lock)
        _remove(made)
        if isinstance(error, OSError) and error.errno in _DISK:
            raise _unwritable(place, error) from error
        raise
    _drop(partial, lock)


def free_place(out: Path, *, overwrite: bool) -> Path:
    """The absolute place of a case to be, links followed, or a refusal.

    Raises
    ------
    UsageError
        If something is in the way that is not to be replaced.
    OutputError
        If the place cannot be looked at.
    """
    try:
        place, here = out.resolve(), Path.cwd()
        str(place).encode()  # GDAL takes no other path
        there = place.exists()
        if there and not place.is_dir():
            raise UsageError(
                f"{place.name}: is in the way",
                found="a file",
                needed="a folder to make",
                option="--out",
            )
        if place == here or place in here.parents:
            raise UsageError(
                f"{place.name or place}: is, or holds, the folder that you are in",
                found=f"--out {out.name or '.'}",
                needed="a folder to make",
                option="--out",
            )
        if there and any(place.iterdir()):
            _check_replaceable(place, overwrite=overwrite)
        _check_unused(place.with_name(place.name + ".partial"))
    except UnicodeEncodeError as error:
        raise OutputError(
            f"{out.name}: its path is not UTF-8",
            found=ascii(out.name),
            needed="another name",
            option="--out",
        ) from error
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links
        raise _unwritable(out, error) from error
    return place


def _check_replaceable(place: Path, *, overwrite: bool) -> None:
    if not overwrite:
        raise UsageError(
            f"{place.name}: exists already",
            found="a folder that holds something",
            needed="a folder to make",
            option="--out, or --overwrite to replace a case",
        )
    if not is_case(place):
        raise UsageError(
            f"{place.name}: is not a case, so it is not replaced",
            found=f"no {RECORD} of twopass in it",
            needed="a case, or a folder to make",
            option="--out",
        )
    own = {RECORD, MANIFEST, *listed_names(place)}
    foreign = [
        name
        for name in sorted(_names(place) - own)
        if not name.lower().endswith(_OTHERS_LEAVINGS) and not Path(name).name.startswith(".")
    ]
    if foreign:
        raise UsageError(
            f"{place.name}: holds files that are not the case's, so it is not replaced",
            found=", ".join(foreign[:3]) + (", ..." if len(foreign) > 3 else ""),
            needed="these moved elsewhere, or a folder to make",
            option="--out",
        )


def stem_of(image: Path) -> str:
    """What to call an image; of MTD_MSIL2A.xml, which every product has, its folder."""
    absolute = image.absolute()
    return absolute.parent.stem if absolute.name.startswith("MTD_") else absolute.stem


def is_case(folder: Path) -> bool:
    """Whether a folder holds the record of a case."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(record, dict) and {"schema", "result"} <= record.keys()


def _names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def _check_unused(partial: Path) -> None:
    """Refuse a folder of the name that we write into, unless a run of ours left it."""
    if not partial.is_symlink() and not partial.exists():
        return
    ours = partial.is_dir() and not partial.is_symlink()
    if ours and ((partial / LOCK).is_file() or not any(partial.iterdir())):
        return
    raise UsageError(
        f"{partial.name}: is in the way, and no interrupted run left it",
        found="a folder without a lock" if ours else "a file or a link",
        needed="that name free, because the case is written there first",
        option="--out",
    )


def _missing_parents(partial: Path) -> list[Path]:
    """The folders that have to be made, the outermost last."""
    return list(itertools.takewhile(lambda folder: not folder.exists(), partial.parents))


def _locked(partial: Path) -> FileLock:
    made = not partial.exists()
    partial.mkdir(parents=True, exist_ok=True)
    lock = FileLock(partial / LOCK)
    try:
        lock.acquire(timeout=0)
    except OSError as error:
        # A Timeout is an OSError too: then the folder is the other run's.
        if made and not isinstance(error, Timeout):
            shutil.rmtree(partial, ignore_errors=True)
        raise
    return lock


def _empty(partial: Path) -> None:
    """Clear what an interrupted run left, but for its steps."""
    for path in partial.iterdir():
        kept = path.name == STEPS and path.is_dir() and not path.is_symlink()
        if kept or path.name == LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _put_in_place(case: Path, place: Path) -> None:
    old = None
    if place.exists():
        names = (f"{place.name}.old{number or ''}" for number in itertools.count())
        old = next(p for p in map(place.with_name, names) if not p.exists())
        place.rename(old)
    try:
        case.rename(place)
    except OSError:
        if old is not None:
            old.rename(place)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


def _drop(partial: Path, lock: FileLock) -> None:
    # The lock last, which tells whose folder it is; and before it is let go, because what another
    # run makes there after that is not ours.
    with suppress(OSError):
        for path in partial.iterdir():
            if path.name != LOCK:
                shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(partial, ignore_errors=True)
    lock.release()
    if os.name == "nt":  # where an open file, the lock, cannot be removed
        shutil.rmtree(partial, ignore_errors=True)


def _remove(made: list[Path]) -> None:
    for folder in made:
        with suppress(OSError):  # not empty: another run's
            folder.rmdir()


def _unwritable(place: Path, error: Exception) -> OutputError:
    return OutputError(
        f"{place.name}: cannot be written",
        found=getattr(error, "strerror", None) or str(error) or type(error).__name__,
        needed="a folder that this account may write to, with room left",
        option="--out",
    )
