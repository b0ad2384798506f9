"""Dates in file names, only where the name is a product's own identifier.

A user's ``20240606_square.tif`` tells nothing: the day may be that of a download.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from imagery.bands import canonical_name
from imagery.metadata._dates import day, in_utc
from imagery.metadata._model import Metadata, Stated, gathered
from imagery.scene import Acquisition


def read(path: Path, tags: Mapping[str, Mapping[str, str]]) -> Metadata | None:
    """What the image's name says, if it is a product identifier.

    Parameters
    ----------
    path
        The image; only its name is looked at.
    tags
        Not used.
    """
    for product, pattern, platform_of in _PRODUCTS:
        match = pattern.match(path.stem)
        if match is None:
            continue
        source = f"file name ({product})"
        try:
            acquisition = _acquisition(match.groupdict(), source)
        except ValueError:
            continue
        platform = platform_of(match)
        band = canonical_name(match.groupdict().get("band") or "", platform=platform)
        facts, _ = gathered([("platform", platform, source), *_more(match.groupdict(), source)])
        return Metadata(acquisition=acquisition, facts=facts, bands=(band,) if band else ())
    return None


def _more(parts: Mapping[str, str | None], source: str) -> Iterator[Stated]:
    """What else an identifier holds."""
    for name, part in (
        ("processing:level", "level"),
        ("processing:baseline", "baseline"),
        ("sat:relative_orbit", "orbit"),
        ("sar:instrument_mode", "mode"),
        ("sar:product_type", "type"),
    ):
        text = parts.get(part)
        if text and part == "baseline":
            text = f"{text[:2]}.{text[2:]}"
        yield name, text, source


def _acquisition(parts: Mapping[str, str | None], source: str) -> Acquisition:
    if parts.get("doy"):
        date = dt.datetime.strptime(f"{parts['year']}{parts['doy']}", "%Y%j")
        return Acquisition(*day(date.date()), source)
    if parts.get("time"):
        text = f"{parts['date']}{parts['time']}"
        time = in_utc(dt.datetime.strptime(text, "%Y%m%d%H%M%S"))
        return Acquisition(time, time, "second", source)
    return Acquisition(*day(dt.date.fromisoformat(parts["date"] or "")), source)


def _landsat(match: re.Match[str]) -> str:
    return f"landsat-{int(match['mission'])}"


def _sentinel(family: int) -> Callable[[re.Match[str]], str]:
    return lambda match: f"sentinel-{family}{match['unit'].lower()}"


_PRODUCTS: tuple[tuple[str, re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        # USGS, Landsat collections: LXSS_LLLL_PPPRRR_YYYYMMDD[_yyyymmdd_CC_TX][_band]
        "Landsat product ID",
        re.compile(
            r"^L[COTEM](?P<mission>0[1-9])_(?P<level>L(?:1TP|1GT|1GS|2SP|2SR))_\d{6}_(?P<date>\d{8})"
            r"(?:_\d{8}_\d{2}_(?:T1|T2|RT|A1|A2))?(?:_(?:(?P<band>(?:(?:SR|ST)_)?B\d{1,2})|.+))?$"
        ),
        _landsat,
    ),
    (
        # USGS, before the collections: LXSPPPRRRYYYYDDDGSIVV
        "Landsat scene ID",
        re.compile(
            r"^L[COTEM](?P<mission>[1-9])\d{6}(?P<year>\d{4})(?P<doy>\d{3})[A-Z]{3}\d{2}"
            r"(?:_(?:(?P<band>B\d{1,2})|.+))?$"
        ),
        _landsat,
    ),
    (
        # ESA, Sentinel-2 products: the start of the datatake
        "Sentinel-2 product ID",
        re.compile(
            r"^S2(?P<unit>[A-D])_MSI(?P<level>L(?:1C|2A))_(?P<date>\d{8})T(?P<time>\d{6})_"
            r"N(?P<baseline>\d{4})_R(?P<orbit>\d{3})_T\d{2}[A-Z]{3}_\d{8}T\d{6}(?:[._].+)?$"
        ),
        _sentinel(2),
    ),
    (
        # ESA, an image inside a Sentinel-2 product
        "Sentinel-2 granule image",
        re.compile(
            r"^(?:L2A_)?T\d{2}[A-Z]{3}_(?P<date>\d{8})T(?P<time>\d{6})_"
            r"(?:(?P<band>B(?:\d{2}|8A))|TCI)(?:_\d{2}m)?$"
        ),
        lambda match: "sentinel-2",
    ),
    (
        # ESA, Sentinel-1 products: the start of the acquisition
        "Sentinel-1 product ID",
        re.compile(
            r"^S1(?P<unit>[A-D])_(?P<mode>S\d|IW|EW|WV)_(?P<type>GRD|SLC|RTC)[A-Z_]_1S[A-Z]{2}_"
            r"(?P<date>\d{8})T(?P<time>\d{6})_\d{8}T\d{6}_.+$"
        ),
        _sentinel(1),
    ),
    (
        # Planet, PlanetScope scenes and orthotiles' assets
        "PlanetScope item ID",
        re.compile(
            r"^(?P<date>\d{8})_(?P<time>\d{6})_(?:\d{2}_)?(?P<unit>[0-9a-f]{4})_[13][AB](?:_.*)?$"
        ),
        lambda match: f"planetscope {match['unit']}",
    ),
    (
        "SkySat item ID",
        re.compile(r"^(?P<date>\d{8})_(?P<time>\d{6})_(?P<unit>ssc\d{1,2})(?:d\d+)?(?:_.+)?$"),
        lambda match: f"skysat {match['unit'].upper()}",
    ),
    (
        # USDA, NAIP quarter quads: m_QUAD_quarter_zone_resolution_flown[_processed]
        "NAIP quarter quad",
        re.compile(
            r"^m_\d{7}_(?:ne|nw|se|sw)_\d{2}_(?:\d{1,3}|h|hc)_(?P<date>\d{8})(?:_.+)?$",
            re.IGNORECASE,
        ),
        lambda match: "NAIP",
    ),
)
