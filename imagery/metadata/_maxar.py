"""Maxar (DigitalGlobe, Vantor): the IMD file and the IMD of the product's XML.

Source: DigitalGlobe, Imagery Support Data documentation, "Image metadata file"; GDAL's IMD domain.
Its satellite azimuth and elevation are those of the satellite, seen from the ground.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from imagery.metadata._angles import azimuth, incidence, opposite, size
from imagery.metadata._dates import acquired
from imagery.metadata._documents import Document, told
from imagery.metadata._model import Metadata, Stated, number_of
from imagery.record import Caution

_LINE = re.compile(r"^\s*(\w+)\s*=\s*(.*?)\s*;?\s*$", re.MULTILINE)
_LONGEST = 2_000_000
_NONE = -999.0
_TIMES = ("FIRSTLINETIME", "TLCTIME", "EARLIESTACQTIME")


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What an IMD file, or an XML that holds one, says."""
    values = _values(document)
    if "SATID" not in values:
        return None
    source = f"Maxar metadata {document.name}"
    key = next((key for key in _TIMES if key in values), _TIMES[0])
    moments = sorted(set(values.get(key, [])))
    several = len(moments) > 1
    # What differs between the images of a mosaic holds for none of its places alone.
    common = {name: found[0] for name, found in values.items() if not several or _one(found)}
    when = acquired(_span(moments, common), f"{source}: {key}")
    said = told(document, when, stated(common, source))
    if said is None or not several:
        return said
    message = f"{source}: is of {len(moments)} images: angles that differ are left out."
    return replace(said, cautions=(*said.cautions, Caution("several-images", message)))


def _one(found: list[str]) -> bool:
    return len(set(found)) == 1


def stated(values: Mapping[str, str], source: str) -> list[Stated]:
    """The facts in the keys of an IMD, in capitals, without their groups."""

    def of(key: str) -> str | None:
        # -999 stands for what isn't known; one image of an order without the word "mean".
        for name in (key, key.removeprefix("MEAN")):
            value = values.get(name)
            if value and number_of(value) != _NONE:
                return value
        return None

    cloud, share = of("CLOUDCOVER"), number_of(of("CLOUDCOVER"))
    gsd = next((k for k in ("MEANCOLLECTEDGSD", "MEANPRODUCTGSD") if of(k)), "MEANPRODUCTGSD")
    return [
        ("platform", values.get("SATID"), f"{source}: satId"),
        (
            "eo:cloud_cover",
            cloud if share is None else round(100 * share, 6),
            f"{source}: cloudCover (a share, × 100)",
        ),
        ("gsd", of(gsd), f"{source}: {gsd}"),
        size("view:off_nadir", of("MEANOFFNADIRVIEWANGLE"), f"{source}: meanOffNadirViewAngle"),
        incidence(of("MEANSATEL"), f"{source}: meanSatEl"),
        opposite("view:azimuth", of("MEANSATAZ"), f"{source}: meanSatAz"),
        azimuth("view:sun_azimuth", of("MEANSUNAZ"), f"{source}: meanSunAz"),
        ("view:sun_elevation", of("MEANSUNEL"), f"{source}: meanSunEl"),
        ("processing:level", values.get("PRODUCTLEVEL"), f"{source}: productLevel"),
    ]


def _span(moments: list[str], common: Mapping[str, str]) -> str:
    """The time of the image; an interval where it is a mosaic of several days."""
    first, last = common.get("EARLIESTACQTIME"), common.get("LATESTACQTIME")
    if not (first and last):
        first, last = (moments[0], moments[-1]) if moments else ("", "")
    return f"{first}/{last}" if first[:10] != last[:10] else (moments or [first])[0]


def _values(document: Document) -> dict[str, list[str]]:
    """All values by their keys, in capitals, as the XML has them; empty of another file."""
    values: dict[str, list[str]] = {}
    if document.text is not None and "BEGIN_GROUP" in document.text[:20_000]:
        for key, value in _LINE.findall(document.text[:_LONGEST]):
            values.setdefault(key.upper(), []).append(value.strip('"'))
    root = document.xml
    if root is not None and root.tag.lower() == "isd":
        imd = root.find("IMD")
        for element in () if imd is None else imd.iter():
            text = (element.text or "").strip()
            if text:
                values.setdefault(str(element.tag).upper(), []).append(text)
    return values
