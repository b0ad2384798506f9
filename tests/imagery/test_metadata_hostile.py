"""What no metadata file may do, whoever wrote it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from metadata_files import IMD, ISD, said

from imagery.metadata import (
    FACTS,
    Metadata,
    facts_of_item,
    read_metadata,
    read_metadata_file,
)


def test_no_entity_is_expanded_and_nothing_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    bomb = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    for doctype in (
        f'<!DOCTYPE x [<!ENTITY a0 "{"x" * 100}">{bomb}<!ENTITY e "&a9;">]>',
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "{(tmp_path / "secret").as_uri()}">]>',
    ):
        (tmp_path / "a.xml").write_text(doctype + ISD[ISD.index("<isd>") :].replace("GE01", "&e;"))
        assert read_metadata_file(tmp_path / "a.xml") is None


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xef\xbb\xbf", b"<", b"<a>", b"<a/>", b"\x00" * 100, b"<a>" * 100_000,
        b'<?xml version="1.0" encoding="x-none"?><a/>', b"[" * 100_000, b'{"a":1}', b"[1]",
        b"GROUP = L1_METADATA_FILE", b"BEGIN_GROUP", b"<isd/>", b"<isd><IMD/></isd>",
        b"<Dimap_Document/>", b"<product/>", b"<metadata/>", b"<EarthObservation/>",
        b"<Dimap_Document>" + b"<Strip_Source/>" * 5000 + b"</Dimap_Document>",
        b"<isd><IMD>" + b" " * 20_000_000 + b"</IMD></isd>",
    ],
    ids=range(21),
)  # fmt: skip
def test_files_that_say_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xml").write_bytes(content)
    assert read_metadata_file(tmp_path / "a.xml") is None
    assert read_metadata(tmp_path / "a.tif", {}) == Metadata()


def test_an_xml_of_endlessly_many_elements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.xml").write_text(ISD)
    assert read_metadata_file(tmp_path / "a.xml") is not None
    monkeypatch.setattr("imagery.metadata._documents.MOST_ELEMENTS", 5)
    assert read_metadata_file(tmp_path / "a.xml") is None


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    assert read_metadata_file(tmp_path / "a.xml") is None
    assert read_metadata_file(tmp_path) is None


def test_text_is_made_fit_to_print(tmp_path: Path) -> None:
    found = said(tmp_path, IMD.replace('"WV03"', '"W\x1b[2J\u202eV"'), "a.IMD")
    assert found.facts["platform"].value == "W [2J V"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ("type", "stac_version", "properties", "features", "collects", "collect", "image", "radar",
        "center_pixel", "platform", "umbraSatelliteName", "acquired", "item_type", "utmZone",
        "timestamp", "LANDSAT_METADATA_FILE", "links", "assets", "datetime", "href",
        "ard_metadata_version", *FACTS)  # fmt: skip
objects = st.recursive(
    st.dictionaries(st.sampled_from(KEYS), json_values, max_size=6),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYS), inner | st.lists(inner, max_size=2) | json_values, max_size=6
    ),
    max_leaves=8,
)


@given(objects)
def test_property_no_json_raises(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps(content))
    assert isinstance(read_metadata_file(path), Metadata | None)
    assert isinstance(facts_of_item(content, "x"), Metadata)


TAGS = ("isd", "IMD", "IMAGE", "SATID", "MEANSATAZ", "Dimap_Document", "Strip_Source", "MISSION",
        "IMAGING_DATE", "Located_Geometric_Values", "LOCATION_TYPE", "Acquisition_Angles",
        "AZIMUTH_ANGLE", "INCIDENCE_ANGLE_ALONG_TRACK", "INCIDENCE_ANGLE_ACROSS_TRACK",
        "Level-2A_Tile_ID", "Mean_Viewing_Incidence_Angle", "ZENITH_ANGLE", "product", "adsHeader",
        "missionId", "EarthObservation", "metadata", "LANDSAT_METADATA_FILE", "SPACECRAFT_ID",
        "Level-1C_User_Product", "satellite_name")  # fmt: skip
texts = st.sampled_from(["", "1", "-1e999", "nan", "S1A", "Center", "2024-06-06", "ICEYE-X1", "é"])
elements = st.recursive(
    st.builds("<{0}>{1}</{0}>".format, st.sampled_from(TAGS), texts),
    lambda inner: st.builds(
        lambda tag, inside: f"<{tag}>{''.join(inside)}</{tag}>",
        st.sampled_from(TAGS),
        st.lists(inner, max_size=4),
    ),
    max_leaves=12,
)


@given(elements)
def test_property_no_xml_raises(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.xml"
    path.write_text(content)
    assert isinstance(read_metadata_file(path), Metadata | None)


@given(st.binary(max_size=200))
def test_property_no_bytes_raise(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(content)
    assert isinstance(read_metadata_file(path), Metadata | None)
