"""Sentinel-1: the SAFE manifest and the annotation of an image.

Source: ESA, Sentinel-1 product specification (S1-RS-MDA-52-7441).
"""

from __future__ import annotations

import re

from imagery.metadata._dates import acquired
from imagery.metadata._documents import Document, told
from imagery.metadata._model import Metadata, listed, plain

_ANNOTATIONS = ("product", "rfi", "noise", "calibration")


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What a manifest or an annotation says."""
    root = document.xml
    if root is None:
        return None
    if root.tag == "XFDU" and "sentinel-1" in root.get("version", ""):
        return _manifest(document)
    if root.tag in _ANNOTATIONS and root.find("adsHeader/missionId") is not None:
        return _annotation(document)
    return None


def _manifest(document: Document) -> Metadata | None:
    source = f"Sentinel-1 manifest {document.name}"
    number = plain(document.value("platform/number")).lower()
    polarizations = document.values("transmitterReceiverPolarisation")
    return told(
        document,
        acquired(document.value("acquisitionPeriod/startTime"), f"{source}: startTime"),
        [
            (
                "platform",
                f"sentinel-1{number}" if re.fullmatch("[a-d]", number) else None,
                f"{source}: platform",
            ),
            ("sat:orbit_state", plain(document.value("pass")).lower(), f"{source}: pass"),
            (
                "sat:relative_orbit",
                document.value("relativeOrbitNumber"),
                f"{source}: relativeOrbitNumber",
            ),
            ("sar:instrument_mode", document.value("instrumentMode/mode"), f"{source}: mode"),
            (
                "sar:polarizations",
                listed(list(dict.fromkeys(polarizations))),
                f"{source}: transmitterReceiverPolarisation",
            ),
            ("sar:product_type", document.value("productType"), f"{source}: productType"),
        ],
    )


def _annotation(document: Document) -> Metadata | None:
    source = f"Sentinel-1 annotation {document.name}"
    mission = plain(document.value("adsHeader/missionId"))
    return told(
        document,
        acquired(document.value("adsHeader/startTime"), f"{source}: startTime"),
        [
            (
                "platform",
                mission if re.fullmatch("S1[A-D]", mission) else None,
                f"{source}: missionId",
            ),
            ("sat:orbit_state", plain(document.value("pass")).lower(), f"{source}: pass"),
            ("sar:instrument_mode", document.value("adsHeader/mode"), f"{source}: mode"),
            (
                "sar:polarizations",
                document.value("adsHeader/polarisation"),
                f"{source}: polarisation",
            ),
            ("sar:product_type", document.value("adsHeader/productType"), f"{source}: productType"),
            (
                "view:incidence_angle",
                document.value("incidenceAngleMidSwath"),
                f"{source}: incidenceAngleMidSwath",
            ),
        ],
    )
