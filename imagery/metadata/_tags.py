"""Tags inside the image: GDAL's imagery domain, DIMAP, Landsat, our own, and the file's time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

from imagery.metadata._dates import parse_date, product_time
from imagery.metadata._model import Metadata, gathered
from imagery.record import Caution
from imagery.scene import Acquisition

SIMULATED = "TWOPASS_SIMULATED"
"""The tag, with the value YES, of an image that was made and not taken."""

Tags = Mapping[str, Mapping[str, str]]

_FILE_TIME = re.compile(r"^(\d{4})[:\-]?(\d{2})[:\-]?(\d{2})[ T](\d{2}):(\d{2}):(\d{2})")
_DATATAKE = re.compile(r"^GS2([A-D])_(\d{8})T(\d{6})_")


def read_imagery(path: Path, tags: Tags) -> Metadata | None:
    """GDAL's IMAGERY domain, which it fills from the sidecars of many vendors.

    Source: GDAL raster data model, "IMAGERY domain (remote sensing)"; times are UTC.
    """
    domain = tags.get("IMAGERY", {})
    source = "GDAL IMAGERY metadata"
    acquisition, cautions = _time(
        domain.get("ACQUISITIONDATETIME", ""), f"{source}: ACQUISITIONDATETIME"
    )
    facts, _ = gathered([("platform", domain.get("SATELLITEID"), f"{source}: SATELLITEID")])
    if not (acquisition or facts or cautions):
        return None
    return Metadata(acquisition=acquisition, facts=facts, cautions=cautions)


def read_dimap(path: Path, tags: Tags) -> Metadata | None:
    """DIMAP's keys (SPOT, Pléiades), as they lie in tags after a conversion from DIMAP."""
    plain = tags.get("", {})
    if "IMAGING_DATE" not in plain:
        return None
    clock = plain.get("IMAGING_TIME", "").strip()
    source = "DIMAP tags: IMAGING_DATE" + (", IMAGING_TIME" if clock else "")
    text = plain["IMAGING_DATE"].strip() + (f"T{clock}" if clock else "")
    acquisition, cautions = _time(text, source)
    mission = f"{plain.get('MISSION', '')} {plain.get('MISSION_INDEX', '')}".strip()
    return Metadata(
        acquisition=acquisition,
        facts=gathered([("platform", mission, "DIMAP tags: MISSION")])[0],
        cautions=cautions,
    )


def read_landsat(path: Path, tags: Tags) -> Metadata | None:
    """Landsat's MTL keys, as they lie in tags after an export."""
    plain = tags.get("", {})
    if "DATE_ACQUIRED" not in plain:
        return None
    clock = plain.get("SCENE_CENTER_TIME", "").strip()
    source = "Landsat tags: DATE_ACQUIRED" + (", SCENE_CENTER_TIME" if clock else "")
    text = plain["DATE_ACQUIRED"].strip() + (f"T{clock}" if clock else "")
    acquisition, cautions = _time(text, source)
    platform = plain.get("SPACECRAFT_ID", "").lower().replace("_", "-")
    return Metadata(
        acquisition=acquisition,
        facts=gathered([("platform", platform, "Landsat tags: SPACECRAFT_ID")])[0],
        cautions=cautions,
    )


def read_sentinel2(path: Path, tags: Tags) -> Metadata | None:
    """Sentinel-2's datatake, as it lies in tags after an export: ``GS2A_20151003T075826_...``."""
    match = _DATATAKE.match(tags.get("", {}).get("DATATAKE_IDENTIFIER", "").strip())
    if match is None:
        return None
    source = "Sentinel-2 tags: DATATAKE_IDENTIFIER"
    acquisition, cautions = _time(f"{match[2]}T{match[3]}", source)
    facts, _ = gathered([("platform", f"sentinel-2{match[1].lower()}", source)])
    return Metadata(acquisition=acquisition, facts=facts, cautions=cautions)


def read_own(path: Path, tags: Tags) -> Metadata | None:
    """Our own tag of simulated images."""
    if tags.get("", {}).get(SIMULATED, "").strip().upper() != "YES":
        return None
    return Metadata(simulated=True)


def read_aligned(path: Path, tags: Tags) -> Metadata | None:
    """Our own tags of an aligned image, which keep what stood beside the original."""
    plain = tags.get("", {})
    source = "tags of twopass align: TWOPASS_"
    acquisition, cautions = _time(plain.get("TWOPASS_ACQUIRED", ""), f"{source}ACQUIRED")
    facts, _ = gathered(
        (name.lower(), plain.get(f"TWOPASS_{name}"), source + name)
        for name in ("PLATFORM", "CREDIT", "LICENSE")
    )
    if not (acquisition or cautions or facts):
        return None
    return Metadata(acquisition=acquisition, facts=facts, cautions=cautions)


def read_file_time(path: Path, tags: Tags) -> Metadata | None:
    """TIFFTAG_DATETIME: when the file was written, often months after the exposure.

    Source: TIFF 6.0, "DateTime: date and time of image creation".  A candidate only.
    """
    match = _FILE_TIME.match(tags.get("", {}).get("TIFFTAG_DATETIME", "").strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups())
    try:
        time = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None
    source = "TIFFTAG_DATETIME: file time, not confirmed"
    return Metadata(acquisition=Acquisition(time, time, "second", source, confirmed=False))


def _time(text: str, source: str) -> tuple[Acquisition | None, tuple[Caution, ...]]:
    if not text.strip():
        return None, ()
    try:
        # Landsat gives seven decimals of a second, Python reads six.
        text = re.sub(r"(\.\d{6})\d+", r"\1", text.strip())
        first, slash, last = text.partition("/")
        if slash:
            start, end, precision = parse_date(f"{first}/{last}")
            return Acquisition(start, end, precision, source), ()
        return product_time(text, source), ()
    except ValueError as error:
        return None, (Caution("metadata-ignored", f"{source}: left out: {error}."),)
