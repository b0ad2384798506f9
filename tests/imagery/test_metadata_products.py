"""Files of vendors in the shape that their documentation gives, and whose each is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from metadata_files import (
    ANNOTATION,
    CAPELLA,
    DIMAP1,
    DIMAP2,
    GRANULE,
    ICEYE,
    IMD,
    ISD,
    PLACE,
    STRIP,
    UMBRA,
    said,
    values,
)
from reading import WriteTif, noise, opened

from imagery.errors import UsageError
from imagery.metadata import (
    FACTS,
    Metadata,
    facts_of_item,
    platform_name,
    read_metadata,
)
from imagery.metadata._model import gathered
from imagery.scene import Fact

# Maxar


def test_an_imd(tmp_path: Path) -> None:
    found = said(tmp_path, IMD, "a.IMD")
    assert str(found.acquisition) == "2024-06-06 02:41 UTC"
    assert values(found) == {
        "platform": "worldview-3", "eo:cloud_cover": 1.4, "gsd": 0.342,
        "view:off_nadir": 22.9, "view:incidence_angle": pytest.approx(25.4),
        "view:azimuth": pytest.approx(259.7), "view:sun_azimuth": 152.3,
        "view:sun_elevation": 70.1, "processing:level": "LV2A",
    }  # fmt: skip
    assert "turned by 180°" in found.facts["view:azimuth"].source


def test_the_imd_of_a_products_xml(tmp_path: Path) -> None:
    found = said(tmp_path, ISD)
    assert str(found.acquisition) == "2024-06-06 02:41 UTC"
    assert values(found)["platform"] == "geoeye-1"
    assert values(found)["view:azimuth"] == pytest.approx(79.7)
    assert "eo:cloud_cover" not in found.facts
    assert found.cautions == ()


def test_a_mosaic_of_several_days(tmp_path: Path) -> None:
    text = IMD.replace(
        "\tfirstLineTime = 2024-06-06T02:41:30.287350Z;",
        "\tearliestAcqTime = 2024-05-02T02:41:30Z;\n\tlatestAcqTime = 2024-06-06T02:41:30Z;",
    )
    assert str(said(tmp_path, text, "a.IMD").acquisition) == "2024-05-02 to 2024-06-06"


def test_images_of_one_day_keep_what_they_share(tmp_path: Path) -> None:
    image = IMD[IMD.index("BEGIN_GROUP = IMAGE_1") : IMD.index("END;")]
    other = image.replace("02:41:30", "02:41:52").replace("79.7", "45.1").replace("22.9", "15.0")
    found = said(tmp_path, IMD.replace("END;", other + "END;"), "a.IMD")
    assert str(found.acquisition) == "2024-06-06 02:41 UTC"
    assert not {"view:azimuth", "view:off_nadir"} & set(found.facts)
    assert found.facts["view:sun_elevation"].value == 70.1
    assert [caution.code for caution in found.cautions] == ["several-images"]


def test_an_image_of_before_the_means(tmp_path: Path) -> None:
    text = IMD.replace("mean", "").replace("SunAz", "sunAz").replace("WV03", "QB02")
    found = said(tmp_path, text, "a.IMD")
    assert values(found)["platform"] == "quickbird-2"
    assert values(found)["view:sun_azimuth"] == 152.3
    assert values(found)["view:off_nadir"] == 22.9


def test_gdals_imd_domain() -> None:
    tags = {
        "IMD": {"IMAGE_1.satId": '"WV02"', "IMAGE_1.meanSatAz": "10", "IMAGE_1.meanSunEl": "50"},
        "IMAGERY": {"CLOUDCOVER": "101", "SATELLITEID": "WV02"},
    }
    found = read_metadata(Path("a.tif"), tags)
    assert values(found) == {
        "platform": "worldview-2", "view:azimuth": 190, "view:sun_elevation": 50
    }  # fmt: skip
    assert found.facts["view:sun_elevation"].source == "GDAL IMD metadata: meanSunEl"


# Airbus


def dimap(places: str, *days: str) -> str:
    return DIMAP2.format(places=places, strips="".join(STRIP.format(day) for day in days))


def test_dimap_2_at_the_centre(tmp_path: Path) -> None:
    # Angles of a Pléiades Neo product, whose viewing angle grows to the east south-east.
    places = PLACE.format("Top Left", 0, 1, 2, 3, 4) + PLACE.format(
        "Center", 179.96867893793004, 10.12318337396411, -2.1643482412893844, -10.922194058910987,
        11.124561131602404,
    )  # fmt: skip
    found = said(tmp_path, dimap(places, "2024-06-06"))
    assert str(found.acquisition) == "2024-06-06 02:34 UTC"
    assert values(found) == {
        "platform": "pleiades-1b", "instruments": "PHR 1B", "eo:cloud_cover": 1.5,
        "processing:level": "ORTHO", "credit": "© CNES 2024", "license": "Standard",
        "view:incidence_angle": pytest.approx(11.12456), "gsd": pytest.approx(0.72),
        "view:off_nadir": pytest.approx(10.12318), "view:azimuth": pytest.approx(101.08, abs=0.1),
        "view:sun_azimuth": 165.8, "view:sun_elevation": 52.3,
    }  # fmt: skip


def test_strips_of_several_days(tmp_path: Path) -> None:
    found = said(tmp_path, dimap("", "2024-06-06", "2024-05-02"))
    assert str(found.acquisition) == "2024-05-02 to 2024-06-06"


def test_dimap_1(tmp_path: Path) -> None:
    found = said(tmp_path, DIMAP1, "metadata.dim")
    assert str(found.acquisition) == "2004-09-13 02:31 UTC"
    assert values(found) == {
        "platform": "spot-5", "instruments": "HRG 1", "view:incidence_angle": 17.4,
        "view:off_nadir": 15.2, "view:sun_azimuth": 152.7, "view:sun_elevation": 51.2, "gsd": 2.5,
    }  # fmt: skip
    assert "absolute value" in found.facts["view:incidence_angle"].source


# Sentinel


def test_a_granule_of_sentinel_2(tmp_path: Path) -> None:
    found = said(tmp_path, GRANULE, "MTD_TL.xml")
    assert str(found.acquisition) == "2024-06-06 02:21 UTC"
    assert values(found) == {
        "view:sun_elevation": 69.5, "view:sun_azimuth": 141.5, "eo:cloud_cover": 3.5,
        "view:incidence_angle": 8.5, "view:azimuth": pytest.approx(181),
    }  # fmt: skip
    assert "zenith" in found.facts["view:sun_elevation"].source


def test_an_annotation_of_sentinel_1(tmp_path: Path) -> None:
    folder = tmp_path / "x.SAFE"
    (folder / "annotation").mkdir(parents=True)
    (folder / "measurement").mkdir()
    name = "s1a-iw-grd-vv-20240606t093301-20240606t093326-054202-069774-001"
    (folder / "annotation" / f"{name}.xml").write_text(ANNOTATION)
    found = read_metadata(folder / "measurement" / f"{name}.tiff", {})
    assert str(found.acquisition) == "2024-06-06 09:33 UTC"
    assert values(found) == {
        "platform": "sentinel-1a", "sat:orbit_state": "ascending", "sar:instrument_mode": "IW",
        "sar:polarizations": "VV", "sar:product_type": "GRD", "view:incidence_angle": 39.1,
    }  # fmt: skip


def test_an_mtl_as_json(tmp_path: Path) -> None:
    content = {
        "LANDSAT_METADATA_FILE": {
            "IMAGE_ATTRIBUTES": {
                "SPACECRAFT_ID": "LANDSAT_9", "DATE_ACQUIRED": "2022-01-29",
                "SCENE_CENTER_TIME": "15:28:34.3964280Z", "ROLL_ANGLE": "-0.001",
                "SUN_AZIMUTH": "112.2",
            },
            "LEVEL1_PROCESSING_RECORD": {"SPACECRAFT_ID": "another"},
        }
    }  # fmt: skip
    found = said(tmp_path, content, "LC09_MTL.json")
    assert str(found.acquisition) == "2022-01-29 15:28 UTC"
    assert values(found) == {
        "platform": "landsat-9", "view:sun_azimuth": 112.2, "view:off_nadir": 0.001
    }  # fmt: skip


def test_an_mtl_of_before_2012(tmp_path: Path) -> None:
    text = """GROUP = L1_METADATA_FILE
  GROUP = PRODUCT_METADATA
    PRODUCT_TYPE = "L1T"
    SPACECRAFT_ID = "Landsat7"
    SENSOR_ID = "ETM+"
    ACQUISITION_DATE = 2003-07-01
    SCENE_CENTER_SCAN_TIME = 02:01:29.3656940Z
  END_GROUP = PRODUCT_METADATA
END_GROUP = L1_METADATA_FILE
END
"""
    found = said(tmp_path, text, "L71116033_03320030701_MTL.txt")
    assert str(found.acquisition) == "2003-07-01 02:01 UTC"
    assert values(found) == {
        "platform": "landsat-7", "instruments": "ETM+", "processing:level": "L1T"
    }  # fmt: skip


# Planet


def test_the_satellites_azimuth_of_a_planet_item(tmp_path: Path) -> None:
    content = {
        "type": "Feature", "id": "x",
        "properties": {
            "acquired": "2024-06-06T02:10:30.5Z", "item_type": "SkySatScene", "provider": "skysat",
            "satellite_id": "SSC12", "satellite_azimuth": 329.8, "view_angle": -12.5,
            "cloud_cover": 0.07,
        },
    }  # fmt: skip
    found = said(tmp_path, content, "x_metadata.json")
    assert values(found) == {
        "platform": "skysat ssc12", "constellation": "skysat", "eo:cloud_cover": 7,
        "view:off_nadir": 12.5, "view:azimuth": pytest.approx(149.8),
    }  # fmt: skip


# Radar


def test_umbra(tmp_path: Path) -> None:
    found = said(tmp_path, UMBRA, "2023-07-18-02-30-33_UMBRA-05_METADATA.json")
    assert str(found.acquisition) == "2023-07-18 02:30 UTC"
    assert values(found) == {
        "platform": "umbra-05", "view:azimuth": 122.1, "view:incidence_angle": 47.4,
        "sat:orbit_state": "ascending", "sar:observation_direction": "left",
        "sar:frequency_band": "X", "sar:polarizations": "VV", "sar:instrument_mode": "SPOTLIGHT",
    }  # fmt: skip
    beside = read_metadata(tmp_path / "2023-07-18-02-30-33_UMBRA-05_GEC.tif", {})
    assert beside.facts == found.facts


def test_capella(tmp_path: Path) -> None:
    found = said(tmp_path, CAPELLA, "CAPELLA_C14_SP_GEO_HH_1_extended.json")
    assert str(found.acquisition) == "2024-07-09 04:03 UTC"
    assert values(found) == {
        "platform": "capella-14", "view:incidence_angle": 38.5, "view:off_nadir": 35.1,
        "sat:orbit_state": "descending", "sar:observation_direction": "left",
        "sar:instrument_mode": "spotlight", "sar:product_type": "GEO", "sar:polarizations": "HH",
        "credit": "Copyright 2024 Capella Space", "license": "https://example.org/licence",
    }  # fmt: skip
    assert read_metadata(tmp_path / "CAPELLA_C14_SP_GEO_HH_1.tif", {}).facts == found.facts


def test_iceye(tmp_path: Path) -> None:
    found = said(tmp_path, ICEYE)
    assert str(found.acquisition) == "2021-04-27 21:51 UTC"
    assert values(found) == {
        "platform": "iceye-x7", "view:incidence_angle": 29.5, "view:off_nadir": 27,
        "sat:orbit_state": "descending", "sar:observation_direction": "right",
        "sar:instrument_mode": "stripmap", "sar:polarizations": "VV", "sar:product_type": "GRD",
    }  # fmt: skip


# STAC


def item(**properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "stac_version": "1.0.0", "properties": properties, "links": []}


def test_an_assets_own_values_win() -> None:
    content = item(gsd=10, platform="sentinel-2a")
    content["assets"] = {"b11": {"href": "x/B11.tif", "gsd": 20}, "b04": {"href": "x/B04.tif"}}
    assert facts_of_item(content, "b11").facts["gsd"].value == 20
    assert facts_of_item(content, "b04").facts["gsd"].value == 10
    assert facts_of_item(content, "none").facts["gsd"].value == 10
    assert facts_of_item(content).facts["gsd"] == Fact(10.0, "STAC item: gsd")


@pytest.mark.parametrize(
    ("license", "href", "told"),
    [
        ("CC-BY-4.0", "https://example.org/l", "CC-BY-4.0"),
        ("proprietary", "https://example.org/l", "proprietary, https://example.org/l"),
        ("various", None, "various"),
        (None, "https://example.org/l?token=1", "https://example.org/l"),
        (None, "javascript:alert(1)", None),
        (None, None, None),
    ],
)
def test_a_licence_that_says_nothing_is_told_with_its_link(
    license: str | None,  # the word of the item
    href: str | None,
    told: str | None,
) -> None:
    content = item(license=license)
    content["links"] = [{"rel": "self", "href": "x"}, {"rel": "license", "href": href}, 5]
    fact = facts_of_item(content).facts.get("license")
    assert (fact.value if fact else None) == told


@pytest.mark.parametrize(
    ("properties", "name", "value", "words"),
    [
        ({"view:off_nadir": -12.5}, "view:off_nadir", 12.5, "absolute value"),
        ({"view:sun_azimuth": -48.5}, "view:sun_azimuth", 311.5, "+ 360°"),
        ({"view:azimuth": 105.2}, "view:azimuth", 105.2, "view:azimuth"),
        ({"s2:mean_solar_zenith": 30}, "view:sun_elevation", 60, "90° - zenith"),
        ({"view:sun_elevation": -5}, "view:sun_elevation", -5, "view:sun_elevation"),
        ({"s2:tile_id": "x", "view:azimuth": 104}, "view:azimuth", 284, "turned by 180°"),
        ({"view:off_nadir": 30, "view:incidence_angle": 33}, "view:incidence_angle", 33, ""),
        ({"view:off_nadir": 20, "view:incidence_angle": 68}, "view:incidence_angle", 22,
         "elevation"),
        ({"view:incidence_angle": 68}, "view:incidence_angle", 68, ""),
        ({"sar:polarizations": ["VV", "VH"]}, "sar:polarizations", "VV, VH", ""),
        ({"instruments": ["oli", 5, "tirs"]}, "instruments", "oli, tirs", ""),
        ({"sat:relative_orbit": 73.0}, "sat:relative_orbit", 73, ""),
    ],
)  # fmt: skip
def test_angles_are_brought_to_one_sense_and_the_source_says_so(
    properties: dict[str, Any], name: str, value: object, words: str
) -> None:
    fact = facts_of_item(item(**properties)).facts[name]
    assert fact.value == value
    assert words in fact.source


@pytest.mark.parametrize(
    ("name", "value"),
    [("view:off_nadir", 95), ("view:sun_elevation", "high"), ("view:sun_azimuth", 400),
     ("eo:cloud_cover", 101), ("gsd", 0), ("view:azimuth", True)],
)  # fmt: skip
def test_what_cannot_be_is_left_out_with_a_caution(name: str, value: object) -> None:
    found = facts_of_item(item(**{name: value, "platform": "x"}))
    assert name not in found.facts
    assert found.facts["platform"].value == "x"
    assert [caution.code for caution in found.cautions] == ["metadata-ignored"]


def test_numbers_that_no_float_holds_and_texts_that_are_numbers() -> None:
    facts, cautions = gathered([("gsd", 10**5000, "x"), ("processing:baseline", 5.11, "x")])
    assert {name: fact.value for name, fact in facts.items()} == {"processing:baseline": "5.11"}
    assert [caution.code for caution in cautions] == ["metadata-ignored"]


def test_what_stands_for_nothing_is_none_of_it() -> None:
    found = facts_of_item(item(**{"eo:cloud_cover": -1}))
    assert (found.facts, found.cautions) == ({}, ())


def test_a_constellation_stands_for_a_platform_that_is_not_told() -> None:
    found = facts_of_item(item(constellation="sentinel-1")).facts["platform"]
    assert found == Fact("sentinel-1", "STAC item: constellation")


def test_null_states_nothing() -> None:
    found = facts_of_item(item(**dict.fromkeys(FACTS)))
    assert (found.facts, found.cautions) == ({}, ())


# Platforms


@pytest.mark.parametrize(
    ("spellings", "name"),
    [
        (("Sentinel-2A", "sentinel-2a", "S2A", "SENTINEL-2A"), "Sentinel-2A"),
        (("LANDSAT_8", "landsat-8", "LC08", "Landsat 8"), "Landsat 8"),
        (("WV03", "WORLDVIEW03_VNIR", "worldview-3", "WorldView-3"), "WorldView-3"),
        (("GE01", "geoeye-1", "GeoEye-1"), "GeoEye-1"),
        (("PHR 1B", "PHR1B", "Pléiades 1B", "pleiades-1b"), "Pléiades 1B"),
        (("PNEO 4", "PNEO4", "pleiades-neo-4"), "Pléiades Neo 4"),
        (("planetscope 0f28", "PlanetScope 0F28"), "PlanetScope 0f28"),
        (("SSC12", "skysat SSC12", "ssc12d2"), "SkySat SSC12"),
        (("ICEYE_X7", "iceye-x7"), "ICEYE-X7"),
        (("Umbra_05", "UMBRA-05", "umbra-05"), "Umbra-05"),
        (("Gaofen 2",), "Gaofen 2"),
    ],
)
def test_one_platform_has_one_spelling(spellings: tuple[str, ...], name: str) -> None:
    told = {gathered([("platform", text, "x")])[0]["platform"].value for text in spellings}
    assert len(told) == 1
    assert platform_name(str(told.pop())) == name


# Whose a file is


def test_a_shorter_name_of_any_kind_is_anothers(tmp_path: Path) -> None:
    (tmp_path / "square.xml").write_text(ISD)
    assert values(read_metadata(tmp_path / "square.tif", {}))["platform"] == "geoeye-1"
    assert read_metadata(tmp_path / "square_after.tif", {}) == Metadata()


def test_the_item_of_another_planet_scene(tmp_path: Path) -> None:
    content = {"id": "b", "properties": {"acquired": "2024-06-06", "item_type": "PSScene"}}
    (tmp_path / "a_metadata.json").write_text(json.dumps(content))
    assert read_metadata(tmp_path / "a_3B.tif", {}) == Metadata()


def test_bands_of_two_passes_in_one_folder(tmp_path: Path) -> None:
    (tmp_path / "MTD_TL.xml").write_text(GRANULE)
    own = read_metadata(tmp_path / "T51SXD_20240606T022101_B04.jp2", {})
    assert [file.name for file in own.files] == ["MTD_TL.xml"]
    other = read_metadata(tmp_path / "T51SXD_20240527T022101_B04.jp2", {})
    assert other.files == ()
    assert str(other.acquisition) == "2024-05-27 02:21 UTC"
    assert read_metadata(tmp_path / "B04.jp2", {}).files == (tmp_path / "MTD_TL.xml",)


def test_tiles_of_one_image_and_names_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "24JUN06-P2AS-01_P001.IMD").write_text(IMD)
    found = read_metadata(tmp_path / "24JUN06-P2AS_R1C2-01_P001.TIF", {})
    assert values(found)["platform"] == "worldview-3"
    (tmp_path / "DIM_PHR1B_P_001.XML").write_text(dimap("", "2024-06-06"), "latin-1")
    found = read_metadata(tmp_path / "IMG_PHR1B_P_001_R1C1.TIF", {})
    assert values(found)["platform"] == "pleiades-1b"


# What the user says


def test_the_users_word_on_sun_and_view_wins(write_tif: WriteTif, tmp_path: Path) -> None:
    path = write_tif(noise(3, 40, 40))
    (tmp_path / "image.IMD").write_text(IMD)
    scene = opened(path)
    assert scene.facts["view:incidence_angle"].value == pytest.approx(25.4)
    assert "image.IMD" in {file.name for file in scene.files}
    scene = opened(path, sun="152.3, -5", view="105,26.2")
    told = {name: scene.facts[name] for name in scene.facts if name.startswith("view:")}
    assert told == {
        "view:sun_azimuth": Fact(152.3, "option --before-sun"),
        "view:sun_elevation": Fact(-5.0, "option --before-sun"),
        "view:azimuth": Fact(105.0, "option --before-view"),
        "view:off_nadir": Fact(26.2, "option --before-view"),
    }


@pytest.mark.parametrize("text", ["", "152", "a,b", "152,57,3", "-1,5", "361,5", "10,91", "nan,5"])
def test_angles_that_are_none(write_tif: WriteTif, text: str) -> None:
    path = write_tif(noise(3, 40, 40))
    for option in ("sun", "view"):
        with pytest.raises(UsageError, match=f"--before-{option}") as caught:
            opened(path, **{option: text})
        assert caught.value.option == f"--before-{option}"
    with pytest.raises(UsageError, match="from 0 to 90"):
        opened(path, view="10,-5")


def test_a_safe_of_before_2016(tmp_path: Path) -> None:
    safe = tmp_path / "S2A_OPER_PRD_MSIL1C_PDMC_20160608T205500_R022_V20160608.SAFE"
    tile = "S2A_OPER_{}_L1C_TL_SGS__20160608T153121_A005023_T33UUU"
    granule = safe / "GRANULE" / (tile.format("MSI") + "_N02.02")
    (granule / "IMG_DATA").mkdir(parents=True)
    (granule / (tile.format("MTD") + ".xml")).write_text(GRANULE)
    (safe / "S2A_OPER_MTD_SAFL1C_PDMC_20160608T205500_R022_V20160608.xml").write_text(
        "<n1:Level-1C_User_Product xmlns:n1='x'><Datatake><SPACECRAFT_NAME>Sentinel-2A"
        "</SPACECRAFT_NAME></Datatake></n1:Level-1C_User_Product>"
    )
    found = read_metadata(granule / "IMG_DATA" / (tile.format("MSI") + "_B04.jp2"), {})
    assert values(found)["platform"] == "sentinel-2a"
    assert values(found)["view:incidence_angle"] == 8.5
    assert len(found.files) == 2


def test_a_bare_band_name_is_not_followed_far_up(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (tmp_path / "MTD_TL.xml").write_text(GRANULE)
    assert read_metadata(folder / "B04.jp2", {}).files == ()
    assert read_metadata(tmp_path / "a" / "B04.jp2", {}).files == (tmp_path / "MTD_TL.xml",)


# Together


def test_the_item_comes_first_and_the_vendors_file_fills_what_it_lacks(tmp_path: Path) -> None:
    content = item(datetime="2024-06-06T02:41:30Z", platform="WV03", **{"view:off_nadir": 22.0})
    (tmp_path / "a.json").write_text(json.dumps(content))
    (tmp_path / "a.IMD").write_text(IMD)
    found = read_metadata(tmp_path / "a.tif", {})
    assert found.facts["view:off_nadir"] == Fact(22.0, "STAC item a.json: view:off_nadir")
    assert found.facts["view:sun_elevation"].source == "Maxar metadata a.IMD: meanSunEl"
    assert [file.name for file in found.files] == ["a.json", "a.IMD"]
    assert found.cautions == ()


def test_files_beside_one_image_that_disagree_on_the_day(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(item(datetime="2024-06-16T02:41:30Z")))
    (tmp_path / "a.IMD").write_text(IMD)
    found = read_metadata(tmp_path / "a.tif", {})
    assert str(found.acquisition) == "2024-06-16 02:41 UTC"
    assert [caution.code for caution in found.cautions] == ["dates-disagree"]


def test_a_granule_comes_before_its_product_and_the_tile_information_last(tmp_path: Path) -> None:
    product = (
        "<n1:Level-2A_User_Product xmlns:n1='x'><Cloud_Coverage_Assessment>50"
        "</Cloud_Coverage_Assessment><PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>"
        "</n1:Level-2A_User_Product>"
    )
    tile = {"utmZone": 51, "timestamp": "2024-06-06T02:21:09Z", "cloudyPixelPercentage": 0}
    (tmp_path / "metadata.xml").write_text(GRANULE)
    (tmp_path / "product_metadata.xml").write_text(product)
    (tmp_path / "tileInfo.json").write_text(json.dumps(tile))
    found = read_metadata(tmp_path / "B04.jp2", {})
    assert values(found)["eo:cloud_cover"] == 3.5
    assert values(found)["processing:level"] == "L2A"
    (tmp_path / "metadata.xml").unlink()
    assert values(read_metadata(tmp_path / "B04.jp2", {}))["eo:cloud_cover"] == 50


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("S2A_MSIL1C_20160608T101032_N0202_R022_T33UUU_20160608T153121.SAFE",
         {"platform": "sentinel-2a", "processing:level": "L1C", "processing:baseline": "02.02",
          "sat:relative_orbit": 22}),
        ("S1B_IW_GRDH_1SDV_20200106T015322_20200106T015347_019690_025387_1BC3.tif",
         {"platform": "sentinel-1b", "sar:instrument_mode": "IW", "sar:product_type": "GRD"}),
        ("LC09_L2SP_010065_20220129_20220131_02_T1_SR_B5.TIF",
         {"platform": "landsat-9", "processing:level": "L2SP"}),
        ("m_4709963_se_14_1_20090818.tif", {"platform": "NAIP"}),
    ],
)  # fmt: skip
def test_what_else_a_name_tells(name: str, facts: dict[str, Any]) -> None:
    assert values(read_metadata(Path(name), {})) == facts
