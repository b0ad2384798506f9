"""The places that are known by name: documented ones beside this module, and the user's own."""

from __future__ import annotations

import difflib
import json
from functools import lru_cache
from importlib import resources

from aoi.places import own
from aoi.places.area import Area
from aoi.places.place import Place, from_feature, plain_name
from imagery.errors import MissingInputError

FORMS = (
    "a name of the catalogue (twopass aoi list); "
    "a file (GeoJSON, GeoPackage, KML, KMZ, shapefile, WKT); "
    "west,south,east,north in degrees; "
    "lon,lat,radius such as 125.75,39.02,250m; "
    "or WKT such as POLYGON ((...))"
)
"""Every form that an area may be given in."""


def names() -> tuple[str, ...]:
    """The names that :func:`place` takes, in alphabetical order; own places last."""
    return tuple(found.slug for found in every())


def place(name: str) -> Area:
    """A place of the catalogue, or one of the user's own.

    Parameters
    ----------
    name
        As in :func:`names`, or the place's full name, in English or in its own script; neither
        case nor spaces, hyphens and underscores matter.

    Raises
    ------
    MissingInputError
        If there is none of that name; the message lists the nearest ones.
    """
    found = find(name)
    if found is None:
        raise MissingInputError(
            f"no place named {name!r}", found=name, needed=suggestion(name), option="--aoi"
        )
    return found.area()


def find(name: str) -> Place | None:
    """The place of that name, or None; one of the catalogue before an own one."""
    wanted = plain_name(name)
    if not wanted:
        return None
    # Own places are read only where the catalogue has none, because they are read anew each time.
    built_in = next((found for found in documented() if wanted in found.names), None)
    return built_in or next((found for found in own.places()[0] if wanted in found.names), None)


def every() -> tuple[Place, ...]:
    """All places, the catalogue's before the user's own."""
    return documented() + own.places()[0]


def suggestion(name: str) -> str:
    """What the user may have meant by a name that is none."""
    wanted, places = plain_name(name), every()
    known = {plain: found.slug for found in reversed(places) for plain in sorted(found.names)}
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    within = [known[plain] for plain in known if wanted and wanted in plain]
    meant = list(dict.fromkeys([known[match] for match in close] + within))[:4]
    return FORMS + (f"; did you mean {' or '.join(meant)}?" if meant else "")


def markdown_table() -> str:
    """The documented places as the table of ``docs/places.md``."""
    lines = [
        "| name | is | kind | centre (lat, lon) | radius, m | accuracy, m | sources |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in documented():
        lon, lat = one.centre or one.area().centre
        said = dict.fromkeys(source.publisher or source.title for source in one.sources)
        cells = (
            f"`{one.slug}`",
            f"{one.name} ({one.name_local})",
            one.kind,
            f"{lat:.5f}, {lon:.5f}",
            f"{one.radius_m:g}" if one.radius_m else "",
            f"{one.accuracy_m:g}",
            "; ".join(said),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@lru_cache(maxsize=1)
def documented() -> tuple[Place, ...]:
    """The places that twopass brings, in alphabetical order."""
    found = []
    for entry in resources.files("aoi.places").iterdir():
        if entry.name.endswith(".geojson"):
            slug = entry.name.removesuffix(".geojson")
            content = json.loads(entry.read_text("utf-8"))
            found.append(from_feature(content, slug=slug, own=False))
    return tuple(sorted(found, key=lambda one: one.slug))
