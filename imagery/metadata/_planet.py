"""Planet: the item's JSON of an order or a search, and the XML of PlanetScope and RapidEye.

Source: Planet imagery product specification, "metadata"; item properties of the Data API.  The
XML's ``azimuthAngle`` is the direction of the scan and tells nothing of the view.
"""

from __future__ import annotations

from typing import Any

from imagery.metadata._angles import azimuth, opposite, size
from imagery.metadata._dates import acquired
from imagery.metadata._documents import Document, told
from imagery.metadata._model import Metadata, Stated, number_of, plain


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What Planet's JSON or XML says."""
    item = document.json
    if item is not None:
        properties = item.get("properties")
        if not isinstance(properties, dict) or not {"acquired", "item_type"} <= set(properties):
            return None
        # A scene's files all start with its id.
        if image is not None and not image.startswith(plain(item.get("id"))):
            return None
        return _item(document, properties)
    if document.xml is not None and document.xml.tag == "EarthObservation":
        return _observation(document)
    return None


def _item(document: Document, properties: dict[str, Any]) -> Metadata | None:
    source = f"Planet item {document.name}"

    def of(name: str, key: str) -> Stated:
        return name, properties.get(key), f"{source}: {key}"

    cloud, percent = properties.get("cloud_cover"), properties.get("cloud_percent")
    share = number_of(cloud)
    stated: list[Stated] = [
        ("platform", _satellite(properties), f"{source}: provider, satellite_id"),
        of("constellation", "provider"),
        of("instruments", "instrument"),
        of("gsd", "gsd"),
        # Of the older, stored as a share, and the newer, of UDM2: the newer where both are there.
        ("eo:cloud_cover", percent, f"{source}: cloud_percent"),
        (
            "eo:cloud_cover",
            cloud if share is None else round(100 * share, 6),
            f"{source}: cloud_cover (a share, × 100)",
        ),
        size("view:off_nadir", properties.get("view_angle"), f"{source}: view_angle"),
        opposite(
            "view:azimuth", properties.get("satellite_azimuth"), f"{source}: satellite_azimuth"
        ),
        azimuth("view:sun_azimuth", properties.get("sun_azimuth"), f"{source}: sun_azimuth"),
        of("view:sun_elevation", "sun_elevation"),
    ]
    text = properties.get("acquired")
    when = acquired(text if isinstance(text, str) else None, f"{source}: acquired")
    return told(document, when, stated)


def _satellite(properties: dict[str, Any]) -> str:
    family, satellite = plain(properties.get("provider")), plain(properties.get("satellite_id"))
    if satellite.lower().startswith(family.lower()):
        return satellite
    return f"{family} {satellite}".strip()


def _observation(document: Document) -> Metadata | None:
    source = f"Planet metadata {document.name}"
    where = ("Acquisition/acquisitionDateTime", "acquisitionDate", "TimePeriod/beginPosition")
    family, number = (
        plain(document.value(f"Platform/{k}")) for k in ("shortName", "serialIdentifier")
    )

    def of(name: str, path: str) -> Stated:
        return name, document.value(path), f"{source}: {path.rpartition('/')[2]}"

    return told(
        document,
        acquired(document.value(*where), f"{source}: acquisitionDateTime"),
        [
            ("platform", f"{family} {number}".strip().lower(), f"{source}: Platform"),
            of("instruments", "Instrument/shortName"),
            of("eo:cloud_cover", "cloudCoverPercentage"),
            (
                "sat:orbit_state",
                plain(document.value("orbitDirection")).lower(),
                f"{source}: orbitDirection",
            ),
            size(
                "view:incidence_angle",
                document.value("incidenceAngle"),
                f"{source}: incidenceAngle",
            ),
            size(
                "view:off_nadir",
                document.value("spaceCraftViewAngle"),
                f"{source}: spaceCraftViewAngle",
            ),
            azimuth(
                "view:sun_azimuth",
                document.value("illuminationAzimuthAngle"),
                f"{source}: illuminationAzimuthAngle",
            ),
            of("view:sun_elevation", "illuminationElevationAngle"),
            of("processing:level", "EarthObservationMetaData/productType"),
            of("license", "license/licenseType"),
        ],
    )
