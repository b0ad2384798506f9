"""DIMAP 1 and 2: SPOT, Pléiades, Pléiades Neo.

Source: Airbus, Pléiades and SPOT 6/7 user guides, "DIM file"; DIMAP 1.1 dictionary.
"""

from __future__ import annotations

import math
from xml.etree.ElementTree import Element

from imagery.metadata._angles import azimuth, opposite, size
from imagery.metadata._dates import acquired
from imagery.metadata._documents import Document, text_at, told
from imagery.metadata._model import Metadata, Stated, number_of, plain

_TOO_MANY = 1000


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What a DIMAP file says."""
    root = document.xml
    if root is None or root.tag != "Dimap_Document":
        return None
    source = f"DIMAP {document.name}"
    strips = root.findall(".//Strip_Source") or root.findall(".//Scene_Source")
    strip = strips[0] if strips else root
    when = acquired(_time(strips[:_TOO_MANY]), f"{source}: IMAGING_DATE, IMAGING_TIME")
    stated: list[Stated] = [
        ("platform", _joined(strip, "MISSION"), f"{source}: MISSION, MISSION_INDEX"),
        ("instruments", _joined(strip, "INSTRUMENT"), f"{source}: INSTRUMENT, INSTRUMENT_INDEX"),
        (
            "eo:cloud_cover",
            text_at(root, "Dataset_Content/CLOUD_COVERAGE"),
            f"{source}: CLOUD_COVERAGE",
        ),
        ("processing:level", text_at(root, "PROCESSING_LEVEL"), f"{source}: PROCESSING_LEVEL"),
        ("provider", text_at(root, "PRODUCER_NAME"), f"{source}: PRODUCER_NAME"),
        ("credit", text_at(root, "Legal_Constraints/COPYRIGHT"), f"{source}: COPYRIGHT"),
        ("license", text_at(root, "Legal_Constraints/LICENSE"), f"{source}: LICENSE"),
        *_geometry(_centre(root), strip, source),
    ]
    return told(document, when, stated)


def _joined(strip: Element, key: str) -> str:
    """``"PHR 1B"`` of ``PHR`` and ``1B``; DIMAP 1 may have both in one."""
    name, index = plain(text_at(strip, key)), plain(text_at(strip, f"{key}_INDEX"))
    return name if name.endswith(index) else f"{name} {index}".strip()


def _time(strips: list[Element]) -> str:
    """The moment of the first strip; an interval where strips are of several days."""
    moments = []
    for strip in strips:
        day, clock = (plain(text_at(strip, f"IMAGING_{key}")) for key in ("DATE", "TIME"))
        moments.append(f"{day}T{clock}" if day and clock else day)
    moments = sorted(moment for moment in moments if moment)
    if not moments:
        return ""
    several = moments[0][:10] != moments[-1][:10]
    return f"{moments[0]}/{moments[-1]}" if several else moments[0]


def _centre(root: Element) -> Element | None:
    """The geometry at the scene's centre, where DIMAP 2 states it at several places."""
    for place in root.findall(".//Located_Geometric_Values")[:_TOO_MANY]:
        if plain(text_at(place, "LOCATION_TYPE")).lower() == "center":
            return place
    return None


def _geometry(centre: Element | None, strip: Element, source: str) -> list[Stated]:
    if centre is not None:
        where, source = centre, f"{source}: Located_Geometric_Values (Center)"
    else:
        where = strip

    def at(*keys: str) -> str | None:
        return text_at(where, *keys)

    return [
        size(
            "view:incidence_angle",
            at("Acquisition_Angles/INCIDENCE_ANGLE", "INCIDENCE_ANGLE"),
            f"{source}: INCIDENCE_ANGLE",
        ),
        size(
            "view:off_nadir",
            at("Acquisition_Angles/VIEWING_ANGLE", "VIEWING_ANGLE"),
            f"{source}: VIEWING_ANGLE",
        ),
        *_azimuth(where, source),
        azimuth("view:sun_azimuth", at("SUN_AZIMUTH"), f"{source}: SUN_AZIMUTH"),
        ("view:sun_elevation", at("SUN_ELEVATION"), f"{source}: SUN_ELEVATION"),
        ("gsd", _gsd(where), f"{source}: GSD_ACROSS_TRACK, GSD_ALONG_TRACK (their mean)"),
        ("gsd", at("THEORETICAL_RESOLUTION"), f"{source}: THEORETICAL_RESOLUTION"),
    ]


def _gsd(where: Element) -> float | None:
    across, along = (number_of(text_at(where, f"GSD_{way}_TRACK")) for way in ("ACROSS", "ALONG"))
    return None if across is None or along is None else (across + along) / 2


def _azimuth(where: Element, source: str) -> list[Stated]:
    """The direction of the view in DIMAP 2, whose ``AZIMUTH_ANGLE`` is that of the image's axis.

    The satellite stands at that axis less the angle between the incidence along and across it.
    Source: Orfeo ToolBox, ``PleiadesImageMetadataInterface::FetchSatAngles``; checked against a
    Pléiades Neo product, whose viewing angle grows away from that direction.
    """
    axis, along, across = (
        number_of(text_at(where, f"Acquisition_Angles/{key}"))
        for key in ("AZIMUTH_ANGLE", "INCIDENCE_ANGLE_ALONG_TRACK", "INCIDENCE_ANGLE_ACROSS_TRACK")
    )
    if axis is None or along is None or across is None:
        return []
    if not (abs(axis) <= 360 and abs(along) < 90 and abs(across) < 90) or along == across == 0:
        return []
    turn = math.atan2(math.tan(math.radians(across)), math.tan(math.radians(along)))
    keys = "AZIMUTH_ANGLE, INCIDENCE_ANGLE_ALONG_TRACK, _ACROSS_TRACK"
    return [opposite("view:azimuth", (axis - math.degrees(turn)) % 360, f"{source}: {keys}")]
