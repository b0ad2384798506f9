"""The places that twopass knows by name: documented centres, each with its sources."""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from importlib import resources
from typing import Any

import shapely

from aoi.places.area import Area
from imagery.errors import MissingInputError


def names() -> tuple[str, ...]:
    """The names that :func:`place` takes, in alphabetical order."""
    return tuple(sorted(_features()))


def place(name: str) -> Area:
    """A place of the catalogue.

    Parameters
    ----------
    name
        As in :func:`names`, or the place's full name, in English or in its own script; neither
        case nor the choice of space, hyphen or underscore matters.

    Raises
    ------
    MissingInputError
        If there is none of that name; the message lists the nearest ones.
    """
    slug = find(name)
    if slug is None:
        raise MissingInputError(
            f"no place named {name!r}", found=name, needed=suggestion(name), option="--aoi"
        )
    feature = _features()[slug]
    properties = feature["properties"]
    return Area(
        name=properties["name"],
        name_local=properties["name_local"],
        geometry=shapely.from_geojson(json.dumps(feature["geometry"])),
        source=f"catalogue: {slug}",
        accuracy=f"{properties['outline']}; {properties['accuracy']}",
        sources=tuple(properties["sources"]),
    )


def find(name: str) -> str | None:
    """The catalogue's own form of a place's name, or None."""
    wanted = _plain(name)
    for slug, feature in _features().items():
        known = (slug, feature["properties"]["name"], feature["properties"]["name_local"])
        if wanted in {_plain(text) for text in known if text}:
            return slug
    return None


def suggestion(name: str) -> str:
    """What the user may have meant by a name that the catalogue doesn't hold."""
    every = {_plain(feature["properties"]["name"]): slug for slug, feature in _features().items()}
    close = difflib.get_close_matches(_plain(name), [*every, *every.values()], n=3, cutoff=0.5)
    if close:
        meant = dict.fromkeys(every.get(match, match) for match in close)
        return f"a file, or a name of the catalogue; did you mean {' or '.join(meant)}?"
    return f"a file, or a name of the catalogue: {', '.join(names())}"


def _plain(text: str) -> str:
    return "-".join(text.casefold().replace("_", " ").replace("-", " ").split())


@lru_cache(maxsize=1)
def _features() -> dict[str, dict[str, Any]]:
    found = {}
    for entry in resources.files("aoi.places").iterdir():
        if entry.name.endswith(".geojson"):
            found[entry.name.removesuffix(".geojson")] = json.loads(entry.read_text("utf-8"))
    return dict(sorted(found.items()))
