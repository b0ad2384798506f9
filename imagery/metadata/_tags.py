"""Tags inside the image: GDAL's imagery domain, DIMAP, Landsat, our own, and the file's time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path

from imagery.metadata import _maxar
from imagery.metadata._dates import acquired
from imagery.metadata._model import FACTS, Metadata, gathered, number_of
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
    time = domain.get("ACQUISITIONDATETIME", "")
    # GDAL's word for a time that it could not read, as of Landsat's Collection 1.
    time = "" if time.startswith("1970-01-01 00:00:00") else time
    acquisition, cautions = acquired(time, f"{source}: ACQUISITIONDATETIME")
    cloud = domain.get("CLOUDCOVER", "").strip()
    facts, left_out = gathered(
        [
            ("platform", domain.get("SATELLITEID"), f"{source}: SATELLITEID"),
            # Above 100 GDAL tells why it isn't known.
            ("eo:cloud_cover", cloud if _share(cloud) else None, f"{source}: CLOUDCOVER"),
        ]
    )
    if not (acquisition or facts or cautions or left_out):
        return None
    return Metadata(acquisition=acquisition, facts=facts, cautions=cautions + left_out)


def _share(text: str) -> bool:
    number = number_of(text)
    return number is not None and 0 <= number <= 100


def read_imd(path: Path, tags: Tags) -> Metadata | None:
    """GDAL's IMD domain, which it fills from the files of Maxar."""
    values = {key.rpartition(".")[2].upper(): text for key, text in tags.get("IMD", {}).items()}
    values = {key: text.strip().strip('"') for key, text in values.items()}
    if "SATID" not in values:
        return None
    facts, cautions = gathered(_maxar.stated(values, "GDAL IMD metadata"))
    return Metadata(facts=facts, cautions=cautions)


def read_dimap(path: Path, tags: Tags) -> Metadata | None:
    """DIMAP's keys (SPOT, Pléiades), as they lie in tags after a conversion from DIMAP."""
    plain = tags.get("", {})
    if "IMAGING_DATE" not in plain:
        return None
    clock = plain.get("IMAGING_TIME", "").strip()
    source = "DIMAP tags: IMAGING_DATE" + (", IMAGING_TIME" if clock else "")
    text = plain["IMAGING_DATE"].strip() + (f"T{clock}" if clock else "")
    acquisition, cautions = acquired(text, source)
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
    acquisition, cautions = acquired(text, source)
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
    acquisition, cautions = acquired(f"{match[2]}T{match[3]}", source)
    facts, _ = gathered([("platform", f"sentinel-2{match[1].lower()}", source)])
    return Metadata(acquisition=acquisition, facts=facts, cautions=cautions)


def read_own(path: Path, tags: Tags) -> Metadata | None:
    """Our own tag of simulated images."""
    if tags.get("", {}).get(SIMULATED, "").strip().upper() != "YES":
        return None
    return Metadata(simulated=True)


def tag_of(fact: str) -> str:
    """The tag that keeps a fact in an aligned image: ``TWOPASS_VIEW_AZIMUTH``."""
    return "TWOPASS_" + fact.upper().replace(":", "_")


def read_aligned(path: Path, tags: Tags) -> Metadata | None:
    """Our own tags of an aligned image, which keep what stood beside the original."""
    plain = tags.get("", {})
    source = "tags of twopass align: "
    acquisition, cautions = acquired(plain.get("TWOPASS_ACQUIRED", ""), f"{source}TWOPASS_ACQUIRED")
    facts, left_out = gathered(
        (name, plain.get(tag_of(name)), source + tag_of(name)) for name in FACTS
    )
    if not (acquisition or cautions or facts or left_out):
        return None
    return Metadata(acquisition=acquisition, facts=facts, cautions=cautions + left_out)


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
