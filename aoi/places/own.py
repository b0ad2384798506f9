"""The user's own places: a folder of GeoJSON files outside of twopass."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

from aoi.places.place import Place, from_feature
from imagery.errors import InputError, OutputError, UsageError

FOLDER = "TWOPASS_PLACES"
"""The environment variable that names the folder."""

MOST_BYTES = 50_000_000
MOST_PLACES = 10_000


@dataclass(frozen=True)
class Unreadable:
    """A file of the folder that is no place."""

    name: str
    why: str


def folder() -> Path:
    """Where own places are kept: what ``TWOPASS_PLACES`` names, else the user's data folder."""
    named = os.environ.get(FOLDER)
    if named:
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("twopass", appauthor=False) / "places"


def places() -> tuple[tuple[Place, ...], tuple[Unreadable, ...]]:
    """The own places in alphabetical order, and what in their folder is none.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    """
    found, unreadable = [], []
    for path in _files():
        try:
            found.append(_read(path))
        except (OSError, ValueError, RecursionError) as error:
            why = "cannot be opened" if isinstance(error, OSError) else str(error)
            unreadable.append(Unreadable(path.name, why))
    return tuple(found), tuple(unreadable)


def store(place: Place, *, overwrite: bool) -> None:
    """Keep a place, whole or not at all.

    Raises
    ------
    UsageError
        If there is one of that name, and ``overwrite`` doesn't say that it goes.
    OutputError
        If the folder cannot be written to.
    """
    path = folder() / f"{place.slug}.geojson"
    if path.exists() and not overwrite:
        raise UsageError(
            f"there is an own place {place.slug!r}",
            found=place.slug,
            needed="another name",
            option="--overwrite",
        )
    text = json.dumps(place.feature(), indent=2, ensure_ascii=False)
    partial = path.with_suffix(".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text + "\n", encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        raise _refused("written", error) from error


def remove(slug: str) -> None:
    """Forget an own place.

    Raises
    ------
    OutputError
        If its file cannot be removed.
    """
    try:
        (folder() / f"{slug}.geojson").unlink()
    except OSError as error:
        raise _refused("removed", error) from error


def _files() -> list[Path]:
    try:
        # Sorted by what the user reads, and bounded: a folder may be named by mistake.
        paths = [path for path in folder().iterdir() if path.suffix == ".geojson"]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(
            "the folder of own places cannot be listed",
            found=error.strerror,
            needed="a folder that can be read",
            option=FOLDER,
        ) from error
    if len(paths) > MOST_PLACES:
        raise InputError(
            "the folder of own places holds too many files",
            found=len(paths),
            needed=f"at most {MOST_PLACES}",
            option=FOLDER,
        )
    return sorted(paths)


def _read(path: Path) -> Place:
    with path.open("rb") as stream:
        data = stream.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES / 1e6:.0f} MB")
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError("not JSON") from error
    return from_feature(content, slug=path.stem, own=True)


def _refused(what: str, error: OSError) -> OutputError:
    return OutputError(
        f"the own place cannot be {what}",
        found=error.strerror,
        needed="a folder that can be written to",
        option=FOLDER,
    )
