"""Names of satellites: one spelling of each, whoever writes it, and one to show.

The spelling is STAC's (lower case, hyphens), so that a file name's ``S2A``, a product's
``Sentinel-2A`` and an item's ``sentinel-2a`` are one platform.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_SPELLINGS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"s(?:entinel)?[-_ ]?([1-6])[-_ ]?([a-d]?)", lambda m: f"sentinel-{m[1]}{m[2]}"),
    (r"(?:landsat|l[cotem])[-_ ]?0?([1-9])", lambda m: f"landsat-{m[1]}"),
    (
        # DigitalGlobe's bundles append the instrument: WORLDVIEW03_VNIR.
        r"(?:wv|worldview)[-_ ]?0?([1-4])(?:[-_ ](?:vnir|pan|swir|cavis))?",
        lambda m: f"worldview-{m[1]}",
    ),
    (r"(?:lg|worldview[-_ ]legion)[-_ ]?0?(\d{1,2})", lambda m: f"worldview-legion-{m[1]}"),
    (r"(?:ge|geoeye)[-_ ]?0?1", lambda m: "geoeye-1"),
    (r"(?:qb|quickbird)[-_ ]?0?2", lambda m: "quickbird-2"),
    (r"(?:ik|ikonos)[-_ ]?0?2?", lambda m: "ikonos-2"),
    (r"(?:phr|pl[ée]iades)[-_ ]?1?([ab])", lambda m: f"pleiades-1{m[1]}"),
    (r"(?:pneo|pl[ée]iades[-_ ]neo)[-_ ]?0?([3-6])", lambda m: f"pleiades-neo-{m[1]}"),
    (r"spot[-_ ]?0?([1-7])", lambda m: f"spot-{m[1]}"),
    (r"(?:skysat[-_ ])?ssc[-_ ]?(\d{1,2})(?:d\d+)?", lambda m: f"skysat ssc{m[1]}"),
    (r"(?:skysat[-_ ])?ss(\d{2})(?:d\d+)?", lambda m: f"skysat ss{m[1]}"),
    (r"planetscope[-_ ]([0-9a-f]{3,4})", lambda m: f"planetscope {m[1]}"),
    (r"umbra[-_ ]?(?:sv[-_ ]?)?(\d{1,2})", lambda m: f"umbra-{int(m[1]):02}"),
    (r"capella[-_ ]?(?:c[-_ ]?)?(\d{1,2})", lambda m: f"capella-{int(m[1])}"),
    (r"iceye[-_ ]?x[-_ ]?(\d{1,3})", lambda m: f"iceye-x{int(m[1])}"),
    (r"naip", lambda m: "NAIP"),
)
_PATTERNS = tuple((re.compile(pattern), spelling) for pattern, spelling in _SPELLINGS)

_SHOWN = (
    ("sentinel-", "Sentinel-"),
    ("landsat-", "Landsat "),
    ("worldview-legion-", "WorldView Legion "),
    ("worldview-", "WorldView-"),
    ("geoeye-", "GeoEye-"),
    ("quickbird-", "QuickBird-"),
    ("ikonos-", "IKONOS-"),
    ("pleiades-neo-", "Pléiades Neo "),
    ("pleiades-", "Pléiades "),
    ("spot-", "SPOT "),
    ("skysat ", "SkySat "),
    ("planetscope ", "PlanetScope "),
    ("umbra-", "Umbra-"),
    ("capella-", "Capella-"),
    ("iceye-", "ICEYE-"),
)


def spelled(platform: str) -> str:
    """The one spelling of a platform's name; a name that isn't known stays as it is."""
    text = platform.strip().lower()
    for pattern, spelling in _PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            return spelling(match)
    return platform.strip()


def platform_name(platform: str) -> str:
    """A platform's name as people write it: ``"Sentinel-2A"`` for ``"sentinel-2a"``."""
    for start, shown in _SHOWN:
        if platform.startswith(start):
            rest = platform.removeprefix(start)
            # A Planet satellite's number is hexadecimal, and written small.
            return shown + (rest if shown == "PlanetScope " else rest.upper())
    return platform
