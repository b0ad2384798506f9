"""Umbra, Capella and ICEYE: their own JSON or XML beside a radar image.

Source: Umbra Canopy documentation, "Tasking geometries" and product metadata; Capella SAR products
format specification, "extended metadata"; ICEYE product documentation, metadata of level 1.
"""

from __future__ import annotations

from typing import Any

from imagery.metadata._angles import azimuth, size
from imagery.metadata._dates import acquired
from imagery.metadata._documents import Document, told
from imagery.metadata._model import Metadata, listed, plain


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What the own metadata of a radar image say."""
    if document.xml is not None:
        name = plain(document.value("satellite_name")).upper()
        return _iceye(document) if name.startswith("ICEYE") else None
    values = document.json or {}
    if "umbraSatelliteName" in values:
        return _umbra(document, values)
    if plain(_at(values, "collect", "platform")).lower().startswith("capella"):
        return _capella(document, values)
    return None


def _at(values: Any, *keys: str) -> Any:
    """A value deep in JSON objects; None where any of them is missing or no object."""
    for key in keys:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _umbra(document: Document, values: dict[str, Any]) -> Metadata | None:
    source = f"Umbra metadata {document.name}"
    collects = values.get("collects")
    collect = collects[0] if isinstance(collects, list) and collects else None
    return told(
        document,
        acquired(plain(_at(collect, "startAtUTC")), f"{source}: startAtUTC"),
        [
            ("platform", values.get("umbraSatelliteName"), f"{source}: umbraSatelliteName"),
            # "from a point on the ground directly below the satellite": STAC's sense.
            azimuth(
                "view:azimuth",
                _at(collect, "angleAzimuthDegrees"),
                f"{source}: angleAzimuthDegrees",
            ),
            (
                "view:incidence_angle",
                _at(collect, "angleIncidenceDegrees"),
                f"{source}: angleIncidenceDegrees",
            ),
            (
                "sat:orbit_state",
                plain(_at(collect, "satelliteTrack")).lower(),
                f"{source}: satelliteTrack",
            ),
            (
                "sar:observation_direction",
                plain(_at(collect, "observationDirection")).lower(),
                f"{source}: observationDirection",
            ),
            ("sar:frequency_band", _at(collect, "radarBand"), f"{source}: radarBand"),
            (
                "sar:polarizations",
                listed(_at(collect, "polarizations")),
                f"{source}: polarizations",
            ),
            ("sar:instrument_mode", values.get("imagingMode"), f"{source}: imagingMode"),
        ],
    )


def _capella(document: Document, values: dict[str, Any]) -> Metadata | None:
    source = f"Capella metadata {document.name}"
    collect = values.get("collect")
    centre = _at(collect, "image", "center_pixel")
    sent, heard = (
        plain(_at(collect, "radar", f"{way}_polarization")) for way in ("transmit", "receive")
    )
    return told(
        document,
        acquired(plain(_at(collect, "start_timestamp")), f"{source}: start_timestamp"),
        [
            ("platform", _at(collect, "platform"), f"{source}: platform"),
            (
                "view:incidence_angle",
                _at(centre, "incidence_angle"),
                f"{source}: center_pixel/incidence_angle",
            ),
            size("view:off_nadir", _at(centre, "look_angle"), f"{source}: center_pixel/look_angle"),
            (
                "sat:orbit_state",
                plain(_at(collect, "state", "direction")).lower(),
                f"{source}: state/direction",
            ),
            (
                "sar:observation_direction",
                plain(_at(collect, "radar", "pointing")).lower(),
                f"{source}: radar/pointing",
            ),
            ("sar:instrument_mode", _at(collect, "mode"), f"{source}: mode"),
            ("sar:product_type", values.get("product_type"), f"{source}: product_type"),
            (
                "sar:polarizations",
                f"{sent}{heard}" if sent and heard else None,
                f"{source}: transmit_polarization, receive_polarization",
            ),
            ("credit", values.get("copyright"), f"{source}: copyright"),
            ("license", values.get("license"), f"{source}: license"),
        ],
    )


def _iceye(document: Document) -> Metadata | None:
    source = f"ICEYE metadata {document.name}"

    def small(key: str) -> str:
        return plain(document.value(key)).lower()

    return told(
        document,
        acquired(document.value("acquisition_start_utc"), f"{source}: acquisition_start_utc"),
        [
            ("platform", document.value("satellite_name"), f"{source}: satellite_name"),
            (
                "view:incidence_angle",
                document.value("incidence_center"),
                f"{source}: incidence_center",
            ),
            size(
                "view:off_nadir",
                document.value("satellite_look_angle"),
                f"{source}: satellite_look_angle",
            ),
            ("sat:orbit_state", small("orbit_direction"), f"{source}: orbit_direction"),
            ("sar:observation_direction", small("look_side"), f"{source}: look_side"),
            (
                "sar:instrument_mode",
                document.value("acquisition_mode"),
                f"{source}: acquisition_mode",
            ),
            ("sar:polarizations", document.value("polarization"), f"{source}: polarization"),
            ("sar:product_type", document.value("product_level"), f"{source}: product_level"),
        ],
    )
