"""Acquisition metadata: one small reader a source; the first that states a fact wins it.

A reader of an image is a function ``read(path, tags) -> Metadata | None``, where ``tags`` are the
raster's tags by domain (``""`` is the plain one).  What a metadata file says is told by its
content: a product's module has a function ``understood(document, image) -> Metadata | None``.  A
new product is a module with one such function, its name in ``UNDERSTOOD`` and, if need be, its
files' names in ``_sidecars``.  None ever raises for what a file says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from imagery.metadata import (
    _dimap,
    _landsat,
    _maxar,
    _naip,
    _names,
    _planet,
    _radar,
    _sentinel1,
    _sentinel2,
    _stac,
    _tags,
)
from imagery.metadata._dates import parse_date
from imagery.metadata._documents import Document, load
from imagery.metadata._model import FACTS, Metadata, number_of, plain
from imagery.metadata._platforms import platform_name
from imagery.metadata._sidecars import candidates
from imagery.metadata._stac import facts_of_item
from imagery.metadata._tags import SIMULATED, tag_of
from imagery.record import Caution
from imagery.scene import Acquisition

__all__ = [
    "FACTS",
    "READERS",
    "SIMULATED",
    "Metadata",
    "facts_of_item",
    "number_of",
    "overlap",
    "parse_date",
    "plain",
    "platform_name",
    "read_metadata",
    "read_metadata_file",
    "tag_of",
]

Reader = Callable[[Path, Mapping[str, Mapping[str, str]]], Metadata | None]
Understood = Callable[[Document, str | None], Metadata | None]

UNDERSTOOD: tuple[Understood, ...] = (
    _stac.understood,
    _landsat.understood,
    _sentinel2.understood,
    _sentinel1.understood,
    _planet.understood,
    _maxar.understood,
    _dimap.understood,
    _radar.understood,
    _naip.understood,
)
"""What each product's files say; they know their own by content, so that the order is free."""

_SAME = dt.timedelta(days=1)


def read_metadata(path: Path, tags: Mapping[str, Mapping[str, str]]) -> Metadata:
    """All that the sources say of an image.

    Parameters
    ----------
    path
        The image.
    tags
        Its tags by domain.

    Returns
    -------
    Metadata
        Each fact from the first source that states it.  Product metadata that disagree on the day
        raise a caution; a mere file time neither disagrees nor wins.
    """
    merged = Metadata()
    for reader in READERS:
        found = reader(path, tags)
        if found is not None:
            merged = merged.filled_by(_with_disagreement(merged, found))
    return merged


def read_metadata_file(path: Path) -> Metadata | None:
    """What a metadata file says by itself, whatever its name.

    Parameters
    ----------
    path
        A STAC item, or a file of a vendor (see ``docs/metadata.md``).

    Returns
    -------
    Metadata or None
        None where it is none that is known.
    """
    document = load(path)
    return None if document is None else _said(document, None)


def _said(document: Document, image: str | None) -> Metadata | None:
    for understood in UNDERSTOOD:
        found = understood(document, image)
        if found is not None:
            return found
    return None


def _read_sidecars(path: Path, tags: Mapping[str, Mapping[str, str]]) -> Metadata | None:
    """What the files beside an image say together."""
    merged = Metadata()
    for candidate in candidates(path):
        document = load(candidate)
        found = None if document is None else _said(document, path.name)
        # A file system that doesn't tell capitals from small letters shows one file twice.
        if found is not None and not any(_same(candidate, other) for other in merged.files):
            merged = merged.filled_by(_with_disagreement(merged, found))
    return merged


def _same(one: Path, two: Path) -> bool:
    try:
        return one.samefile(two)
    except OSError:
        return False


READERS: tuple[Reader, ...] = (
    _tags.read_own,
    _read_sidecars,
    _tags.read_aligned,
    _tags.read_imd,
    _tags.read_imagery,
    _tags.read_dimap,
    _tags.read_landsat,
    _tags.read_sentinel2,
    _names.read,
    _tags.read_file_time,
)
"""Readers of an image, the surest first."""


def _with_disagreement(first: Metadata, second: Metadata) -> Metadata:
    """The second with a caution where both state a date, more than a day apart."""
    one, two = first.acquisition, second.acquisition
    if one is None or two is None or not (one.known and two.known):
        return second
    if overlap(one, two):
        return second
    caution = Caution(
        "dates-disagree",
        f"{one.source} says {one}, but {two.source} says {two}: the former is used.",
    )
    return replace(second, cautions=(*second.cautions, caution))


def overlap(one: Acquisition, two: Acquisition) -> bool:
    """Whether two acquisitions may be one, to a day; True where either has no date."""
    if one.start is None or one.end is None or two.start is None or two.end is None:
        return True
    return two.start <= one.end + _SAME and two.end >= one.start - _SAME
