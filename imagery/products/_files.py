"""A product's folder, which may come from anybody: listed within bounds, never left."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

from imagery.errors import InputError
from imagery.metadata._model import number_of

MOST_FILES = 10_000

RASTERS = (".tif", ".tiff", ".jp2")
"""Endings, in lower case, of images that products consist of."""


def listed(folder: Path) -> tuple[Path, ...]:
    """What lies in a folder, by name; nothing where there is no such folder.

    Raises
    ------
    InputError
        If it can't be listed, or holds more than any product does.
    """
    try:
        if not folder.is_dir():
            return ()
        found = tuple(islice(folder.iterdir(), MOST_FILES + 1))
    except OSError as error:
        raise InputError(
            f"{folder.name}: the folder cannot be listed",
            found=error.strerror or str(error),
            needed="a folder that can be read",
        ) from error
    if len(found) > MOST_FILES:
        raise InputError(
            f"{folder.name}: is no product's folder",
            found=f"more than {MOST_FILES} files",
            needed="the folder of one image",
        )
    return tuple(sorted(path for path in found if not path.name.startswith(".")))


def kept_inside(root: Path, path: Path) -> Path:
    """The path itself, once it is sure that it leads to something in the product's folder.

    Raises
    ------
    InputError
        If it leads out, by ``..``, as an absolute path or over a link.
    """
    try:
        sure = path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a null character
        sure = False
    if not sure:
        raise InputError(
            f"{root.name}: {path.name!r} leads out of the product's folder",
            found="a link, or a path from its metadata",
            needed="files that lie in the folder themselves",
        )
    return path


def number(value: object) -> float | None:
    """A finite number, of a JSON value or a text; else None."""
    found = number_of(value)
    return found if found is not None and math.isfinite(found) else None
