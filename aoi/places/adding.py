"""Keeping an area as one of the user's own places."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from aoi.places import catalogue, own
from aoi.places.area import Area
from aoi.places.files import READERS
from aoi.places.place import LONGEST_TEXT, Place, Source, one_line, plain_name, slug_of
from aoi.places.wkt import looks_like_wkt
from aoi.places.written import looks_like_numbers
from imagery.errors import UsageError

LONGEST_NAME = 120


def add(
    area: Area,
    *,
    name: str,
    name_local: str | None = None,
    kind: str = "",
    sources: Sequence[str] = (),
    accuracy_m: float | None = None,
    overwrite: bool = False,
) -> Place:
    """Keep an area under a name that ``--aoi`` then takes.

    Parameters
    ----------
    area
        A georeferenced area.
    name, name_local
        The full name, and the one in the place's own script.
    kind
        What it is: ``"square"``.
    sources
        The documents behind it, each in words.
    accuracy_m
        How far the outline may be off, in metres.
    overwrite
        Whether an own place of that name goes.

    Returns
    -------
    Place

    Raises
    ------
    UsageError
        If the name is taken, or is one that ``--aoi`` would take for something else.
    OutputError
        If the place cannot be written.
    """
    slug = check_name(name, name_local, overwrite=overwrite)
    if accuracy_m is not None and not 0 < accuracy_m <= 1e6:
        raise UsageError(
            "an accuracy is above 0 and at most 1000 km",
            found=f"{accuracy_m:g}",
            needed="metres",
            option="--accuracy",
        )
    place = Place(
        slug=slug,
        name=one_line(name),
        name_local=one_line(name_local) or None,
        kind=one_line(kind),
        geometry=area.geometry,
        outline=f"from {one_line(area.source)}"[:LONGEST_TEXT],
        accuracy_m=accuracy_m,
        sources=tuple(Source(title=one_line(text)) for text in sources if one_line(text)),
        own=True,
    )
    own.store(place, overwrite=overwrite)
    return place


def check_name(name: str, name_local: str | None = None, *, overwrite: bool) -> str:
    """The short name that a place gets, before a long look at anything else.

    Raises
    ------
    UsageError
        As in :func:`add`.
    """
    slug = slug_of(name)
    if not slug or len(name) > LONGEST_NAME or not one_line(name):
        raise _refused("no name", name, f"letters or digits, at most {LONGEST_NAME}")
    if Path(name.strip()).suffix.lower() in READERS or looks_like_wkt(name):
        raise _refused("a file or an outline, and no name", name, "a name in words")
    if looks_like_numbers(name):
        raise _refused("numbers, and no name", name, "a name in words")
    taken = {plain_name(text) for text in (slug, name, name_local or "") if text}
    for place in catalogue.documented():
        if taken & place.names:
            raise _refused(f"the name of {place.slug} in the catalogue", name, "another name")
    for place in own.places()[0]:
        if taken & place.names and not overwrite:
            raise UsageError(
                f"there is an own place {place.slug!r} of that name",
                found=name,
                needed="another name",
                option="--overwrite",
            )
        if taken & place.names:
            return place.slug
    return slug


def _refused(what: str, name: str, needed: str) -> UsageError:
    return UsageError(
        f"a place cannot be called so: this is {what}",
        found=one_line(name)[:LONGEST_NAME],
        needed=needed,
        option="--name",
    )
