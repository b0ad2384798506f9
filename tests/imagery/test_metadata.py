from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagery.metadata import Metadata, plain, read_metadata, tag_of


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


def test_a_text_of_a_file_is_made_fit_to_print() -> None:
    assert plain("  a\n\tb\x1b[31m\u202e c ") == "a b [31m c"
    assert len(plain("x" * 10_000)) == 300
    assert plain(5) == plain(None) == plain(["a"]) == ""


# STAC items.


def item(**properties: Any) -> dict[str, Any]:
    return {
        "type": "Feature", "stac_version": "1.0.0", "id": "x", "geometry": None, "assets": {},
        "properties": {"datetime": "2024-06-06T02:10:30.5Z", **properties},
    }  # fmt: skip


def told(folder: Path, content: object, name: str = "a.json", image: str = "a.tif") -> Metadata:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_text(text)
    return read_metadata(folder / image, {})


def test_an_item_of_the_same_stem(tmp_path: Path) -> None:
    found = told(
        tmp_path, item(platform="sentinel-2a", constellation="sentinel-2", license="CC-BY-4.0")
    )
    assert found.acquisition is not None
    assert found.acquisition.start == utc(2024, 6, 6, 2, 10, 30)
    assert found.acquisition.source == "STAC item a.json: datetime"
    assert found.acquisition.known
    assert found.facts["platform"].value == "sentinel-2a"
    assert found.facts["platform"].source == "STAC item a.json: platform"
    assert found.facts["license"].value == "CC-BY-4.0"
    assert found.files == (tmp_path / "a.json",)


@pytest.mark.parametrize("name", ["a.tif.json", "a_metadata.json"])
def test_other_names_of_an_item(tmp_path: Path, name: str) -> None:
    assert told(tmp_path, item(), name).acquisition is not None


def test_an_item_of_a_shorter_stem_must_have_the_image_as_an_asset(tmp_path: Path) -> None:
    name, image = "20170831_172754_101c.json", "20170831_172754_101c_3B_AnalyticMS.tif"
    content = item(platform="101c", constellation="planetscope")
    assert told(tmp_path, content, name, image).files == ()
    content["assets"] = {
        "thumb": {"href": "./thumb.png"},
        "analytic": {
            "href": f"https://example.org/x/{image}?token=1",
            "eo:bands": [{"common_name": c} for c in ("blue", "green", "red", "nir")],
        },
    }
    found = told(tmp_path, content, name, image)
    assert found.files == (tmp_path / name,)
    assert found.bands == ("blue", "green", "red", "nir")
    assert found.facts["platform"].value == "planetscope 101c"


def test_names_of_bands_in_stac_1_1(tmp_path: Path) -> None:
    content = item()
    content["assets"] = {
        "x": {"href": "a.tif", "bands": [{"eo:common_name": "red"}, {"name": "B8A"}]}
    }
    assert told(tmp_path, content).bands == ("red", "")


@pytest.mark.parametrize(
    ("properties", "text", "precision"),
    [
        ({"datetime": "2024-06-06T00:00:00Z"}, "2024-06-06", "day"),
        (
            {"datetime": None, "start_datetime": "2024-06-01T00:00:00Z",
             "end_datetime": "2024-06-30T23:59:59Z"},
            "2024-06-01 to 2024-06-30", "interval",
        ),
        (
            {"start_datetime": "2024-06-01T00:00:00Z", "end_datetime": "2024-06-30T23:59:59Z"},
            "2024-06-01 to 2024-06-30", "interval",
        ),
        (  # a scene that took seconds
            {"start_datetime": "2024-06-06T02:10:28Z", "end_datetime": "2024-06-06T02:10:32Z"},
            "2024-06-06 02:10 UTC", "second",
        ),
        ({"datetime": None}, "date unknown", "unknown"),
    ],
)  # fmt: skip
def test_moments_days_and_intervals(
    tmp_path: Path, properties: dict[str, Any], text: str, precision: str
) -> None:
    found = told(tmp_path, item(**properties)).acquisition
    assert (str(found) if found else "date unknown") == text
    assert (found.precision if found else "unknown") == precision


@pytest.mark.parametrize(
    ("properties", "credit"),
    [
        ({"attribution": "© A"}, "© A"),
        (
            {"providers": [{"name": "ESA", "roles": ["producer", "licensor"]},
                           {"name": "Host", "roles": ["host"]},
                           {"name": "B", "roles": ["licensor"]}]},
            "ESA, B",
        ),
        ({"providers": [{"name": "Host", "roles": ["host"]}, {"name": "C"}]}, None),
        ({"providers": "ESA"}, None),
        ({"providers": [1, {"name": 2, "roles": ["producer"]}, {"roles": "producer"}]}, None),
    ],
)  # fmt: skip
def test_credit_only_where_it_is_plainly_given(
    tmp_path: Path, properties: dict[str, Any], credit: str | None
) -> None:
    found = told(tmp_path, item(**properties)).facts.get("credit")
    assert (found.value if found else None) == credit


@pytest.mark.parametrize(
    "content",
    [
        "", "{", "[]", "null", "5", '"text"', "[" * 100_000, '{"a":' * 100_000,
        '{"type":"Feature"}',
        '{"type":"Feature","stac_version":1,"properties":{}}',
        '{"type":"Feature","stac_version":"1.0.0","properties":[]}',
        '{"type":"FeatureCollection","stac_version":"1.0.0","properties":{}}',
        '{"type":"Feature","stac_version":"1.0.0","properties":{"datetime":' + "9" * 5000 + "}}",
        b"\xff\xfe\x00".decode("latin-1"),
        '{"type":"Feature","stac_version":"1.0.0","properties":{}}' + " " * 5_000_001,
    ],
)  # fmt: skip
def test_what_is_no_item_is_left_alone(tmp_path: Path, content: str) -> None:
    assert told(tmp_path, content) == Metadata()


def test_a_bad_date_is_left_out_with_a_caution_and_the_rest_is_kept(tmp_path: Path) -> None:
    found = told(tmp_path, item(datetime="soon", platform="x"))
    assert found.acquisition is None
    assert found.facts["platform"].value == "x"
    assert [caution.code for caution in found.cautions] == ["metadata-ignored"]


def test_a_folder_named_as_the_item_and_a_name_too_long(tmp_path: Path) -> None:
    (tmp_path / "a.json").mkdir()
    assert read_metadata(tmp_path / "a.tif", {}) == Metadata()
    assert read_metadata(tmp_path / ("x" * 250 + ".tif"), {}) == Metadata()


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    properties=st.dictionaries(
        st.sampled_from(
            ["datetime", "start_datetime", "end_datetime", "platform", "constellation", "license",
             "attribution", "providers"]
        ),
        json_values | st.just("2024-06-06T02:10:00Z"),
    ),
    assets=json_values
    | st.dictionaries(
        st.text(max_size=3),
        st.fixed_dictionaries(
            {"href": json_values | st.just("a.tif")}, optional={"eo:bands": json_values}
        ),
        max_size=2,
    ),
)  # fmt: skip
def test_property_no_item_raises(
    tmp_path_factory: pytest.TempPathFactory, properties: dict[str, Any], assets: Any
) -> None:
    folder = tmp_path_factory.getbasetemp()
    content = {
        "type": "Feature", "stac_version": "1.0.0", "properties": properties, "assets": assets
    }  # fmt: skip
    assert isinstance(told(folder, content), Metadata)


# Tags.


def tagged(**domains: dict[str, str]) -> Metadata:
    tags = {("" if name == "plain" else name): values for name, values in domains.items()}
    return read_metadata(Path("a.tif"), tags)


def test_gdals_imagery_domain() -> None:
    found = tagged(IMAGERY={"ACQUISITIONDATETIME": "2010-04-01 06:39:00", "SATELLITEID": "WV02"})
    assert str(found.acquisition) == "2010-04-01 06:39 UTC"
    assert found.facts["platform"].value == "worldview-2"
    assert found.acquisition is not None
    assert "ACQUISITIONDATETIME" in found.acquisition.source


def test_the_epoch_is_gdals_word_for_no_time() -> None:
    found = tagged(IMAGERY={"ACQUISITIONDATETIME": "1970-01-01 00:00:00", "SATELLITEID": "WV02"})
    assert found.acquisition is None
    assert found.cautions == ()


def test_dimap_landsat_and_sentinel_tags() -> None:
    found = tagged(
        plain={"IMAGING_DATE": "2023-04-15", "IMAGING_TIME": "08:34:39.9Z", "MISSION": "PHR",
               "MISSION_INDEX": "1B", "TIFFTAG_DATETIME": "2023:05:11 10:46:49"}
    )  # fmt: skip
    assert str(found.acquisition) == "2023-04-15 08:34 UTC"
    assert found.facts["platform"].value == "pleiades-1b"
    found = tagged(
        plain={"DATE_ACQUIRED": "2015-09-23", "SCENE_CENTER_TIME": "08:10:29.3656940Z",
               "SPACECRAFT_ID": "LANDSAT_8"}
    )  # fmt: skip
    assert str(found.acquisition) == "2015-09-23 08:10 UTC"
    assert found.facts["platform"].value == "landsat-8"
    found = tagged(plain={"DATATAKE_IDENTIFIER": "GS2A_20151003T075826_001462_N02.04"})
    assert str(found.acquisition) == "2015-10-03 07:58 UTC"
    found = tagged(plain={"IMAGING_DATE": "never"})
    assert found.acquisition is None
    assert [caution.code for caution in found.cautions] == ["metadata-ignored"]


@pytest.mark.parametrize(
    "text", ["2023:05:11 10:46:49", "20230511 10:46:49  ", "2023-05-11T10:46:49"]
)
def test_a_file_time_is_a_candidate_only(text: str) -> None:
    found = tagged(plain={"TIFFTAG_DATETIME": text}).acquisition
    assert found is not None
    assert found.start == utc(2023, 5, 11, 10, 46, 49)
    assert not found.known
    assert "not confirmed" in found.source


@pytest.mark.parametrize("text", ["", "2023:13:11 10:46:49", "0000:00:00 00:00:00", "yesterday"])
def test_a_file_time_that_is_none(text: str) -> None:
    assert tagged(plain={"TIFFTAG_DATETIME": text}).acquisition is None


def test_our_own_tags_of_an_aligned_image() -> None:
    facts: dict[str, str | float] = {
        "platform": "worldview-3", "license": "mine", "view:azimuth": 154.1, "sat:relative_orbit": 7
    }  # fmt: skip
    tags = {tag_of(name): str(value) for name, value in facts.items()}
    assert set(tags) == {
        "TWOPASS_PLATFORM", "TWOPASS_LICENSE", "TWOPASS_VIEW_AZIMUTH", "TWOPASS_SAT_RELATIVE_ORBIT"
    }  # fmt: skip
    found = tagged(plain={**tags, "TWOPASS_ACQUIRED": "2024-06-06"})
    assert {name: fact.value for name, fact in found.facts.items()} == facts
    assert found.facts["view:azimuth"].source == "tags of twopass align: TWOPASS_VIEW_AZIMUTH"
    assert str(found.acquisition) == "2024-06-06"


def test_our_own_tag_of_simulated_images() -> None:
    assert tagged(plain={"TWOPASS_SIMULATED": "YES"}).simulated
    assert not tagged(plain={"TWOPASS_SIMULATED": "no"}).simulated


# File names.


@pytest.mark.parametrize(
    ("name", "text", "platform", "band"),
    [
        ("LC08_L1TP_116033_20180428_20180502_01_T1_B4.TIF", "2018-04-28", "landsat-8", "red"),
        ("LC09_L2SP_010065_20220129_20220131_02_T1_SR_B5.TIF", "2022-01-29", "landsat-9", "nir08"),
        ("LC08_L1TP_013032_20180131_B2.TIF", "2018-01-31", "landsat-8", "blue"),
        ("LE07_L1TP_160031_20110416_20161210_01_T1_B4.TIF", "2011-04-16", "landsat-7", "nir08"),
        ("LC80130322018031LGN00_B8.TIF", "2018-01-31", "landsat-8", "pan"),
        ("S2A_MSIL1C_20160608T101032_N0202_R022_T33UUU_20160608T153121.SAFE.jp2",
         "2016-06-08 10:10 UTC", "sentinel-2a", ""),
        ("T33UUU_20160608T101032_B04.jp2", "2016-06-08 10:10 UTC", "sentinel-2", "red"),
        ("T33UUU_20160608T101032_B8A_20m.jp2", "2016-06-08 10:10 UTC", "sentinel-2", "nir08"),
        ("S1B_IW_GRDH_1SDV_20200106T015322_20200106T015347_019690_025387_1BC3.tif",
         "2020-01-06 01:53 UTC", "sentinel-1b", ""),
        ("20200629_030740_0f28_3B_AnalyticMS_clip.tif", "2020-06-29 03:07 UTC",
         "planetscope 0f28", ""),
        ("20200814_024229_65_2278_3B_AnalyticMS.tif", "2020-08-14 02:42 UTC",
         "planetscope 2278", ""),
        ("20170831_162740_ssc1d1_0012_analytic.tif", "2017-08-31 16:27 UTC", "skysat ssc1", ""),
        ("m_4709963_se_14_1_20090818.tif", "2009-08-18", "NAIP", ""),
        ("m_3607717_sw_18_1_20160620_subset.tif", "2016-06-20", "NAIP", ""),
    ],
)  # fmt: skip
def test_names_of_products(name: str, text: str, platform: str, band: str) -> None:
    found = read_metadata(Path(name), {})
    assert str(found.acquisition) == text
    assert found.facts["platform"].value == platform
    assert found.facts["platform"].source.startswith("file name (")
    assert found.bands == ((band,) if band else ())


@pytest.mark.parametrize(
    "name",
    [
        "20240606_square.tif",
        "20240606.tif",
        "before_2024-06-06.tif",
        "ref_S2A_20160608T153121_T33UUU_sub.tif",  # the time of processing
        "S2A_OPER_MSI_L1C_TL_SGS__20181231T203637_A018414_T10SDG.jp2",  # likewise
        "S2A1C_20170703_022_Barbellino_TOA_10.tif",
        "LC08_L1TP_116033_20181328_20180502_01_T1_B4.TIF",  # no such month
        "LC80130322018931LGN00_B8.TIF",  # no such day
        "20200629_990740_0f28_3B_AnalyticMS.tif",
        "IMG_20240606_021030.jpg",
    ],
)
def test_other_names_tell_nothing(name: str) -> None:
    assert read_metadata(Path(name), {}) == Metadata()


# Together.


def test_the_first_that_answers_wins_field_by_field(tmp_path: Path) -> None:
    image = "LC08_L1TP_116033_20180428_20180502_01_T1_B4.tif"
    content = item(datetime="2018-04-28T02:11:04Z", license="PDDL-1.0")
    found = told(tmp_path, content, image.replace(".tif", ".json"), image)
    assert str(found.acquisition) == "2018-04-28 02:11 UTC"
    assert found.facts["platform"].source == "file name (Landsat product ID)"
    assert found.cautions == ()


def test_sources_that_disagree_on_the_day_raise_a_caution(tmp_path: Path) -> None:
    image = "LC08_L1TP_116033_20180428_20180502_01_T1_B4.tif"
    content = item(datetime="2018-05-14T02:11:04Z")
    found = told(tmp_path, content, image.replace(".tif", ".json"), image)
    assert str(found.acquisition) == "2018-05-14 02:11 UTC"
    assert [caution.code for caution in found.cautions] == ["dates-disagree"]


def test_a_file_time_neither_wins_nor_disagrees() -> None:
    found = read_metadata(
        Path("m_4709963_se_14_1_20090818.tif"), {"": {"TIFFTAG_DATETIME": "2019:05:11 10:46:49"}}
    )
    assert str(found.acquisition) == "2009-08-18"
    assert found.cautions == ()
