"""Acquisition metadata: one small reader a source; the first that answers a field wins it.

A reader is a function ``read(path, tags) -> Metadata | None``, where ``tags`` are the raster's tags
by domain (``""`` is the plain one).  A new product is a module with one such function and a line in
``READERS``, the surest first.  A reader never raises for what a file says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from imagery.metadata import _names, _stac, _tags
from imagery.metadata._dates import parse_date
from imagery.metadata._model import FACTS, Metadata, plain
from imagery.metadata._tags import SIMULATED
from imagery.record import Caution
from imagery.scene import Acquisition

__all__ = [
    "FACTS",
    "READERS",
    "SIMULATED",
    "Metadata",
    "overlap",
    "parse_date",
    "plain",
    "read_metadata",
]

Reader = Callable[[Path, Mapping[str, Mapping[str, str]]], Metadata | None]

READERS: tuple[Reader, ...] = (
    _tags.read_own,
    _stac.read,
    _tags.read_aligned,
    _tags.read_imagery,
    _tags.read_dimap,
    _tags.read_landsat,
    _tags.read_sentinel2,
    _names.read,
    _tags.read_file_time,
)

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
