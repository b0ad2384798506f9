"""Sentinel-2: the product's and the granule's XML, the SAFE manifest, and the buckets' JSON.

Source: ESA, Sentinel-2 products specification document (S2-PDGS-TAS-DI-PSD), and the layout of the
AWS buckets sentinel-s2-l1c and -l2a.
"""

from __future__ import annotations

import cmath
import datetime as dt
import math
import re
from xml.etree.ElementTree import Element

from imagery.metadata._angles import azimuth, elevation
from imagery.metadata._dates import acquired, in_utc
from imagery.metadata._documents import Document, text_at, told
from imagery.metadata._model import Metadata, Stated, number_of, plain

_PRODUCTS = ("Level-1C_User_Product", "Level-2A_User_Product")
_TILES = ("Level-1C_Tile_ID", "Level-2A_Tile_ID")
_NAME = re.compile(r"S2([A-D])_MSIL(1C|2A)_\d{8}T\d{6}_N(\d{2})(\d{2})_R(\d{3})_T")
_DATATAKE = re.compile(r"^(?:(?:L2A_)?T\d{2}[A-Z]{3}|S2[A-D]_MSIL(?:1C|2A))_(\d{8}T\d{6})_")
_ONE_PASS = dt.timedelta(hours=1)
_TOO_MANY = 200


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What one of Sentinel-2's metadata files says, if it is of the image's own pass."""
    found = _understood(document)
    named = None if image is None else _DATATAKE.search(image)
    if found is None or found.acquisition is None or found.acquisition.start is None or not named:
        return found
    try:
        start = in_utc(dt.datetime.strptime(named[1], "%Y%m%dT%H%M%S"))
    except ValueError:
        return found
    return found if abs(found.acquisition.start - start) < _ONE_PASS else None


def _understood(document: Document) -> Metadata | None:
    if document.json is not None:
        return _tile_info(document)
    if document.xml is None:
        return None
    if document.xml.tag in _PRODUCTS:
        return _product(document)
    if document.xml.tag in _TILES:
        return _granule(document, document.xml)
    if document.xml.tag == "XFDU" and "sentinel-2" in document.xml.get("version", ""):
        return _manifest(document)
    return None


def _product(document: Document) -> Metadata | None:
    source = f"Sentinel-2 product metadata {document.name}"
    # The sensing of the datatake: product start and stop are the same moment.
    when = acquired(
        document.value("DATATAKE_SENSING_START", "PRODUCT_START_TIME"),
        f"{source}: DATATAKE_SENSING_START",
    )
    cloud = document.value("Cloud_Coverage_Assessment", "CLOUD_COVERAGE_ASSESSMENT")
    return told(
        document,
        when,
        [
            (
                "platform",
                document.value("SPACECRAFT_NAME"),
                f"{source}: SPACECRAFT_NAME",
            ),
            ("eo:cloud_cover", cloud, f"{source}: Cloud_Coverage_Assessment"),
            (
                "sat:orbit_state",
                plain(document.value("SENSING_ORBIT_DIRECTION")).lower(),
                f"{source}: SENSING_ORBIT_DIRECTION",
            ),
            (
                "sat:relative_orbit",
                document.value("SENSING_ORBIT_NUMBER"),
                f"{source}: SENSING_ORBIT_NUMBER",
            ),
            ("processing:level", _level(document), f"{source}: PROCESSING_LEVEL"),
            (
                "processing:baseline",
                document.value("PROCESSING_BASELINE"),
                f"{source}: PROCESSING_BASELINE",
            ),
        ],
    )


def _level(document: Document) -> str:
    """``"L2A"`` of ``Level-2A`` and ``Level-2Ap``."""
    return re.sub(r"^Level-(\d[A-Z]).*$", r"L\1", plain(document.value("PROCESSING_LEVEL")))


def _granule(document: Document, root: Element) -> Metadata | None:
    source = f"Sentinel-2 granule metadata {document.name}"
    zenith = text_at(root, "Mean_Sun_Angle/ZENITH_ANGLE")
    stated = [
        elevation(zenith, f"{source}: Mean_Sun_Angle/ZENITH_ANGLE"),
        azimuth(
            "view:sun_azimuth",
            text_at(root, "Mean_Sun_Angle/AZIMUTH_ANGLE"),
            f"{source}: Mean_Sun_Angle/AZIMUTH_ANGLE",
        ),
        (
            "eo:cloud_cover",
            text_at(root, "CLOUDY_PIXEL_PERCENTAGE"),
            f"{source}: CLOUDY_PIXEL_PERCENTAGE",
        ),
        *_viewed(root, source),
    ]
    when = acquired(text_at(root, "SENSING_TIME"), f"{source}: SENSING_TIME")
    return told(document, when, stated)


def _viewed(root: Element, source: str) -> list[Stated]:
    """The mean over the bands, whose detectors look a little apart."""
    angles = []
    for element in root.findall(".//Mean_Viewing_Incidence_Angle")[:_TOO_MANY]:
        zenith = number_of(text_at(element, "ZENITH_ANGLE"))
        towards = number_of(text_at(element, "AZIMUTH_ANGLE"))
        if zenith is not None and towards is not None and abs(zenith) < 90 and abs(towards) <= 360:
            angles.append((zenith, towards))
    if not angles:
        return []
    # Azimuths are averaged as directions, so that 359° and 1° give 0°.
    mean = sum(cmath.rect(1, math.radians(towards)) for _, towards in angles)
    where = f"{source}: Mean_Viewing_Incidence_Angle, mean of {len(angles)} bands"
    stated: list[Stated] = [
        ("view:incidence_angle", sum(zenith for zenith, _ in angles) / len(angles), where)
    ]
    if abs(mean) > 1e-6:
        # Towards the satellite, as the sun's azimuth is towards the sun.
        away = (math.degrees(cmath.phase(mean)) + 180) % 360
        turned = f"{where} (direction to the satellite, turned by 180°)"
        stated.append(("view:azimuth", away, turned))
    return stated


def _manifest(document: Document) -> Metadata | None:
    source = f"Sentinel-2 manifest {document.name}"
    orbit = None if document.xml is None else document.xml.find(".//orbitNumber")
    number = plain(document.value("platform/number")).lower()
    return told(
        document,
        acquired(document.value("acquisitionPeriod/startTime"), f"{source}: startTime"),
        [
            (
                "platform",
                f"sentinel-{number}" if re.fullmatch("2[a-d]", number) else None,
                f"{source}: platform",
            ),
            (
                "sat:orbit_state",
                None if orbit is None else plain(orbit.get("groundTrackDirection")).lower(),
                f"{source}: groundTrackDirection",
            ),
            (
                "sat:relative_orbit",
                document.value("relativeOrbitNumber"),
                f"{source}: relativeOrbitNumber",
            ),
        ],
    )


def _tile_info(document: Document) -> Metadata | None:
    info = document.json or {}
    if not isinstance(info.get("utmZone"), int) or not isinstance(info.get("timestamp"), str):
        return None
    source = f"Sentinel-2 tile information {document.name}"
    stated: list[Stated] = [
        ("eo:cloud_cover", info.get("cloudyPixelPercentage"), f"{source}: cloudyPixelPercentage")
    ]
    name = _NAME.match(plain(info.get("productName")))
    if name:
        where = f"{source}: productName"
        stated += [
            ("platform", f"sentinel-2{name[1].lower()}", where),
            ("processing:level", f"L{name[2]}", where),
            ("processing:baseline", f"{name[3]}.{name[4]}", where),
            ("sat:relative_orbit", name[5], where),
        ]
    return told(document, acquired(info["timestamp"], f"{source}: timestamp"), stated)
