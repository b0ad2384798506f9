"""The words of the maps and the page: hedged sentences and numbers made from the record alone.

Text from a record is whatever stood in a file or on a command line; :func:`clean` makes it fit to
be drawn or shown.  No sentence here says what a change means on the ground.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from imagery.metadata import platform_name
from imagery.record import Json

SIMULATED = "SIMULATED IMAGE — not a real acquisition"
NOT_GEOREFERENCED = "not georeferenced"

UNALIGNED = "not aligned well enough"
"""The reason why a place that both images show was not observed."""

_MOST_ITEMS = 12

DIRECTIONS = {
    "brighter": "brighter in the later image",
    "darker": "darker in the later image",
    "mixed": "brighter and darker parts",
}


def clean(value: object, *, longest: int = 400) -> str:
    """Untrusted text as one line without control, format, private and unassigned characters.

    Those would let a credit line turn the direction of reading, hide text or show as boxes.
    """
    text = "" if value is None else str(value)
    if not (text.isascii() and text.isprintable()):  # most of it is
        text = "".join(
            " " if unicodedata.category(character) in {"Cc", "Zl", "Zp", "Zs"} else character
            for character in unicodedata.normalize("NFC", text)
            if unicodedata.category(character) not in {"Cf", "Cs", "Co", "Cn"}
        )
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def file_name(value: object) -> str:
    """A file's name without a folder, whatever system wrote it."""
    return clean(str(value or "").replace("\\", "/").rstrip("/").rsplit("/", maxsplit=1)[-1])


def number(value: Json, *, digits: int = 3, unit: str = "") -> str:
    """A number with so many significant digits, never as 1e+06; "unknown" where it is null."""
    if value is None or not math.isfinite(value):
        return "unknown"
    if value == 0:
        text = "0"
    else:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        text = f"{value:,.{places}f}"
        if "." in text:
            text = text.rstrip("0").rstrip(".")
    return f"{text} {unit}".rstrip()


def area(value: Json, *, spelled: bool = False) -> str:
    """An area in square metres, with hectares beside a large one; square kilometres from one on.

    Spelled out for maps, where a superscript is hardly seen at the size of a footnote.
    """
    if value is None:
        return "unknown area"
    if value >= 1e6:
        return number(value / 1e6, unit="square kilometres" if spelled else "km²")
    unit = "square metres" if spelled else "m²"
    told = f"{metres(value)} {unit}"
    return f"{told} ({number(value / 1e4)} ha)" if value >= 1e4 else told


def fine(value: float) -> str:
    """A residual: two decimals, one from 10 on."""
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def share(value: Json) -> str:
    """A share as a percentage, which reads 100 % (or 0 %) only where it is exactly that."""
    if value is None:
        return "unknown share"
    percent = 100 * value
    if 0 < percent < 0.1:
        return "less than 0.1 %"
    if 99.9 < percent < 100:
        return "more than 99.9 %"
    return f"{round(percent, 1):g} %"


def count(value: int, noun: str) -> str:
    """``1 site``, ``2 sites``."""
    return f"{value:,} {noun}{'' if value == 1 else 's'}"


def title(record: Mapping[str, Json]) -> str:
    """The area's Latin name."""
    return clean(record["area"].get("name"), longest=120) or "Unnamed area"


def date(scene: Mapping[str, Json]) -> str | None:
    """A scene's date in words, UTC; None where it is unknown or stands on a file time alone."""
    acquisition = scene.get("acquisition") or {}
    if not acquisition.get("start") or acquisition.get("confirmed") is False:
        return None
    return clean(acquisition.get("text")) or None


def platform(scene: Mapping[str, Json]) -> str:
    """The platform's name, or that it is unknown."""
    return platform_name(clean(scene.get("platform"), longest=80)) or "platform unknown"


def credit(scene: Mapping[str, Json]) -> str | None:
    """A scene's credit line, None where there is none."""
    return clean(scene.get("credit")) or None


def licence(scene: Mapping[str, Json]) -> str:
    """A scene's licence, or that it is unknown."""
    text = clean(scene.get("license"))
    return f"licence: {text}" if text else "licence unknown"


def observed(record: Mapping[str, Json]) -> str:
    """How much of the area was observed, and what that means in this case."""
    return f"{share(record['observed'].get('share'))} of the area {seen(record)}"


def seen(record: Mapping[str, Json]) -> str:
    """What a place has in common with all that were observed."""
    reasons = record["observed"].get("reasons") or {}
    return "seen in both images" + (" and well aligned" if UNALIGNED in reasons else "")


def clouds(record: Mapping[str, Json]) -> str:
    """By what clouds were told in either image; empty where no record tells."""
    told = record["observed"].get("clouds") or {}
    before, after = (clean(told.get(role), longest=200) for role in ("before", "after"))
    if not before or not after:
        return ""
    if before == after:
        return f"Clouds: {before}."
    return f"Clouds: earlier image, {before}; later image, {after}."


def finding(record: Mapping[str, Json]) -> str:
    """The sentence on what was found: numbers, hedged, never without the share that was seen."""
    changes = record["changes"]
    where = f"in the {observed(record)}"
    if record["observed"].get("share") is None:
        where = f"in the part of the area {seen(record)}, whose share is unknown"
    if not changes["polygons"]:
        price = missed(record)
        return f"No visible difference above the cut was found {where}." + (price and f" {price}")
    pieces = ""
    if changes["polygons"] != changes["sites"]:
        pieces = f" ({count(changes['polygons'], 'outline')})"
    return (
        f"{count(changes['sites'], 'site')}{pieces} with visible difference, covering "
        f"{outlined(record)}, {where}."
    )


def missed(record: Mapping[str, Json]) -> str:
    """What would not be found at the rate that was asked for; empty where nobody tried."""
    told = (record.get("decision") or {}).get("missed") or {}
    return clean(told.get("sentence"))


def outlined(record: Mapping[str, Json], *, spelled: bool = False) -> str:
    """How much of the area is outlined, and, where that is more, how much with what reaches out."""
    changes = record["changes"]
    inside, whole = (changes.get(key) for key in ("area_in_aoi_m2", "area_m2"))
    told = area(whole if inside is None else inside, spelled=spelled)
    if inside is None or whole is None or whole <= 1.005 * inside:
        return told
    return f"{told} ({area(whole, spelled=spelled)} with what reaches beyond the area)"


def between(record: Mapping[str, Json]) -> str:
    """Between what bounds that area lies: ``1,310 to 1,790 m²``; empty where it isn't known."""
    changes = record["changes"]
    low, high = (changes.get(f"area_in_aoi_{end}_m2") for end in ("low", "high"))
    if low is None or high is None or not changes["polygons"]:
        return ""
    if high >= 1e6:
        return f"{number(low / 1e6)} to {number(high / 1e6)} km²"
    return f"{metres(low)} to {metres(high)} m²"


def metres(value: float) -> str:
    """Square metres without their unit: whole ones from 10 on."""
    return f"{value:,.0f}" if value >= 10 else number(value, digits=2)


def found_briefly(record: Mapping[str, Json]) -> str:
    """The finding in a few words, for a map: with the share that was seen."""
    changes = record["changes"]
    if not changes["polygons"]:
        return f"no visible difference above the cut · {observed(record)}"
    covered = outlined(record, spelled=True)
    return f"{count(changes['sites'], 'site')}, {covered} · {observed(record)}"


def plain(value: Json) -> str:
    """Any value of a record as short text."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return number(value, digits=4)
    if isinstance(value, Mapping):
        return clean("; ".join(f"{key}: {plain(item)}" for key, item in value.items())) or "none"
    if isinstance(value, Sequence) and not isinstance(value, str):
        text = ", ".join(plain(item) for item in value[:_MOST_ITEMS])
        more = len(value) - _MOST_ITEMS
        return clean(text + (f" and {more:,} more in case.json" if more > 0 else "")) or "none"
    return clean(value) or "none"


def flat(values: Mapping[str, Any], *, prefix: str = "") -> tuple[tuple[str, str], ...]:
    """Nested values of a record as (name, text), with the names of a nesting joined by a point."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = clean(f"{prefix}{key}")
        if isinstance(value, Mapping) and value:
            rows += flat(value, prefix=f"{name}.")
        else:
            rows.append((name, plain(value)))
    return tuple(rows)
