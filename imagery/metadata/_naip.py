"""NAIP: the metadata of a quarter quad, as text or XML of the FGDC, or as XML of ISO 19115.

Source: FGDC-STD-001-1998, Content standard for digital geospatial metadata; ISO 19139.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from imagery.metadata._dates import acquired
from imagery.metadata._documents import Document, text_at, told
from imagery.metadata._model import Metadata, plain

_LONGEST = 500_000
_NAIP = "National Agriculture Imagery Program"
_PERIOD = re.compile(r"Time_Period_of_Content:(.*?)(?:Currentness_Reference|Status):", re.DOTALL)
_DATE = re.compile(r"(?:Calendar|Beginning|Ending)_Date:\s*(\d{8})")


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What NAIP's metadata say; FGDC and ISO files of anything else are left alone."""
    if document.text is not None:
        return _text(document, document.text[:_LONGEST])
    root = document.xml
    if root is None or root.tag not in ("metadata", "MI_Metadata", "MD_Metadata"):
        return None
    if not any(_NAIP in " ".join((e.text or "").split()) for e in root.iter()):
        return None
    return _fgdc(document) if root.tag == "metadata" else _iso(document, root)


def _fgdc(document: Document) -> Metadata | None:
    time = "idinfo/timeperd/timeinfo"
    return _told(
        document,
        dates=[
            date
            for path in (
                "sngdate/caldate",
                "mdattim/sngdate/caldate",
                "rngdates/begdate",
                "rngdates/enddate",
            )
            for date in document.values(f"{time}/{path}")
        ],
        credit=document.value("idinfo/citation/citeinfo/origin"),
        license=document.value("idinfo/useconst"),
        gsd=document.value("absres"),
    )


def _iso(document: Document, root: Element) -> Metadata | None:
    parties = {
        role.get("codeListValue", ""): text_at(party, "organisationName/CharacterString")
        for party in root.findall(".//identificationInfo//CI_ResponsibleParty")
        for role in party.findall("role/CI_RoleCode")
    }
    extent = "EX_TemporalExtent//"
    return _told(
        document,
        dates=[
            date
            for path in ("timePosition", "beginPosition", "endPosition")
            for date in document.values(extent + path)
        ],
        credit=parties.get("publisher") or parties.get("originator"),
        license=document.value("MD_LegalConstraints/otherConstraints/CharacterString"),
        gsd=document.value("axisDimensionProperties//resolution/Length"),
    )


def _text(document: Document, text: str) -> Metadata | None:
    if _NAIP not in " ".join(text.split()) or "Identification_Information:" not in text:
        return None
    period = _PERIOD.search(text)
    origin = re.search(r"Originator:[ \t]*(.+)", text)
    spacing = re.search(r"Abscissa_Resolution:[ \t]*([\d.]+)", text)
    use = re.search(r"Use_Constraints:\s*(.+?)\n\s*[A-Z]\w+:", text, re.DOTALL)
    return _told(
        document,
        dates=_DATE.findall(period[1]) if period else [],
        credit=origin[1] if origin else None,
        license=use[1] if use else None,
        gsd=spacing[1] if spacing else None,
    )


def _told(
    document: Document,
    *,
    dates: list[str],
    credit: str | None,
    license: str | None,  # the word of the facts
    gsd: str | None,
) -> Metadata | None:
    source = f"NAIP metadata {document.name}"
    days = sorted(plain(date) for date in dates)
    span = f"{days[0]}/{days[-1]}" if days and days[0] != days[-1] else "".join(days[:1])
    return told(
        document,
        acquired(span, f"{source}: time period of content"),
        [
            ("platform", "NAIP", f"{source}: abstract"),
            ("credit", credit, f"{source}: originator or publisher"),
            ("license", _use(license), f"{source}: use constraints"),
            ("gsd", gsd, f"{source}: resolution"),
        ],
    )


def _use(text: str | None) -> str | None:
    """The constraint on use, where it is that there is none; other prose there is no licence."""
    found = re.search(
        r"^(?:.*Use Constraints:)?\s*(None\..*?)(?:\s+[A-Z]\w+ [A-Z]\w+:|$)", plain(text)
    )
    return f"use constraints: {found[1]}" if found else None
