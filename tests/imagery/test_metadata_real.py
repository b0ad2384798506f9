"""Real metadata files: what each says, read off it by eye."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from imagery.metadata import Metadata, facts_of_item, read_metadata, read_metadata_file

pytestmark = pytest.mark.data

USGS = "Image courtesy of the U.S. Geological Survey"
SENTINEL = "https://sentinel.esa.int/documents/247904/690755/Sentinel_Data_Legal_Notice"
SCIHUB = "https://scihub.copernicus.eu/twiki/do/view/SciHubWebPortal/TermsConditions"
INDIGO = "https://www.indigoag.com/forms/atlas-sentinel-license"
PL_EULA = "20160101 - Inc - Single User"
NAIP_2011 = "USDA-FSA-APFO Aerial Photography Field Office"
FPAC = "USDA-Farm Production and Conservation Business Center (FPAC-BC)"
FPAC_GEO = (
    "United States Department of Agriculture, Farm Production and Conservation Business Center, "
    "Geospatial Enterprise Operations (FPAC-BC-GEO)"
)


def names(*values: Any) -> dict[str, Any]:
    """Facts by the names that most files state, in this order; None where one is not stated."""
    order = ("platform", "view:sun_azimuth", "view:sun_elevation", "view:off_nadir",
             "eo:cloud_cover", "gsd")  # fmt: skip
    return dict(zip(order, values, strict=False))


def orbit(state: str, number: int | None = None) -> dict[str, Any]:
    return {"sat:orbit_state": state, "sat:relative_orbit": number}


def radar(mode: str, polarizations: str, product: str | None = "GRD") -> dict[str, Any]:
    return {"sar:instrument_mode": mode, "sar:polarizations": polarizations,
            "sar:product_type": product}  # fmt: skip


def level(name: str, baseline: str | None = None) -> dict[str, Any]:
    return {"processing:level": name, "processing:baseline": baseline}


LANDSAT: dict[str, tuple[str, dict[str, Any]]] = {
    "LC08_L1TP_195025_20130707_20170503_01_T1_MTL.txt": (
        "2013-07-07 10:17:42",
        names("landsat-8", 146.98479703, 58.9967518, 0.001, 6.03, 30)
        | level("L1TP", "LPGS_2.7.0") | {"instruments": "OLI_TIRS", "credit": USGS}),
    "LC08_L2SP_017036_20130419_20200913_02_T2_MTL.txt": (
        "2013-04-19 16:01:51",
        names("landsat-8", 133.70859229, 59.24977384, 11.696, 100, 30)
        | level("L2SP", "LPGS_15.3.1c") | {"instruments": "OLI_TIRS", "credit": USGS}),
    "LC08_L2SR_099120_20191129_20201016_02_T2_MTL.txt": (
        "2019-11-29 01:00:37",
        names("landsat-8", 97.57722796, 20.49329425, 0, 100, 30) | level("L2SR", "LPGS_15.3.1c")),
    "LE07_L1TP_160031_20110416_20161210_01_T1_MTL.TXT": (
        "2011-04-16 06:35:23",
        names("landsat-7", 143.60783648, 53.22910777, None, 0, 30) | {"instruments": "ETM"}),
    "LM01_L1GS_005037_19720823_20200909_02_T2_MTL.xml": (  # cloud cover -1: nobody looked
        "1972-08-23 01:30:57",
        names("landsat-1", 360 - 48.44635224, -30.74709801, None, None, 60)
        | level("L1GS", "LPGS_15.3.1c") | {"instruments": "MSS"}),
    "LT05_L1TP_047027_20101006_20160512_01_T1_MTL.txt": (
        "2010-10-06 18:51:52",
        names("landsat-5", 158.55413095, 35.04073331, None, 1, 30) | {"instruments": "TM"}),
    "LT05_L1TP_218072_20100801_20161015_01_T1_MTL.txt": (
        "2010-08-01 12:46:59", names("landsat-5", 44.64643344, 41.72529109, None, 0, 30)),
    "mss_MTL.txt": (
        "1978-08-05 18:31:40",
        names("landsat-3", 136.35612961, 50.134069, None, 8, 60)
        | level("L1T", "LPGS_12.7.0") | {"instruments": "MSS", "credit": USGS}),
}  # fmt: skip

NAIP: dict[str, tuple[str, dict[str, Any]]] = {
    "m_3008501_ne_16_1_20110815.txt": (
        "2011-08-15", {"platform": "NAIP", "credit": NAIP_2011, "gsd": 1, "license": None}),
    "m_3008501_ne_16_1_20110815_incorrect.txt": (
        "2011-08-15", {"platform": "NAIP", "credit": NAIP_2011, "gsd": 1}),
    "m_3211605_ne_11_060_20200415_20200730.xml": (
        "2020-04-15",
        {"credit": FPAC, "gsd": 0.6,
         "license": f"use constraints: None. The {FPAC} asks to be credited in derived products."}),
    "m_3211605_ne_11_060_20200415_20200730_missing_resource_desc.xml": (
        "2020-04-15", {"credit": FPAC, "gsd": 0.6}),
    "m_3907864_sw_17_060_20210912_20211220.xml": (
        "2021-09-12", {"credit": "USDA-FSA Aerial Photography Field Office"}),
    "m_4107212_se_18_060_20180816.txt": (
        "2018-08-16", {"credit": "USDA-FPAC-BC-APFO Aerial Photography Field Office", "gsd": 0.6}),
    "m_4112001_sw_10_060_20220716.xml": ("", {"credit": FPAC_GEO, "gsd": 0.6}),
    "m_4207201_ne_18_h_20160809.txt": ("2016-08-09", {"credit": NAIP_2011}),
}  # fmt: skip

PLANET: dict[str, tuple[str, dict[str, Any]]] = {
    "20200629_030740_0f28_3B_AnalyticMS_metadata_clip.xml": (
        "2020-06-29 03:07:40",
        names("planetscope 0f28", 45.91636, 50.25255, 4.977794, 0.25)
        | orbit("descending") | {"view:incidence_angle": 5.360689, "view:azimuth": None,
                                 "instruments": "PS2", "license": PL_EULA}),
    "20200629_030740_0f28_metadata.json": (
        "2020-06-29 03:07:40",
        names("planetscope 0f28", 45.9, 50.3, 5, 0, 3.9) | {"instruments": "PS2"}),
    "20200727_014458_104b_3B_AnalyticMS_metadata_clip.xml": (
        "2020-07-27 01:44:58", {"platform": "planetscope 104b"}),
    "20200727_014458_104b_metadata.json": (
        "2020-07-27 01:44:58", names("planetscope 104b", 63.8, 34.3, 2, 1, 3.6)),
    "20200727_014459_104b_3B_AnalyticMS_metadata_clip.xml": (
        "2020-07-27 01:44:59", {"platform": "planetscope 104b"}),
    "20200727_014459_104b_metadata.json": (
        "2020-07-27 01:44:59", names("planetscope 104b", 63.8, 34.3, 2, 1, 3.6)),
    "20200814_024229_65_2278_metadata.json": (
        "2020-08-14 02:42:29",
        names("planetscope 2278", 63.1, 49.2, 1.1, 21, 3.9) | {"instruments": "PSB.SD"}),
    "20200906_024424_51_2259_3B_AnalyticMS_metadata_clip.xml": (
        "2020-09-06 02:44:24",
        names("planetscope 2259", 74.21349, 53.60331, 3.059949, 1.46)
        | orbit("descending") | {"view:incidence_angle": 3.308189, "license": PL_EULA}),
}  # fmt: skip

_S1 = "native/sentinel1/"
_IW = "grd/S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13_6FF8.SAFE/"
_EW = "grd/S1A_EW_GRDM_1SDH_20221130T014342_20221130T014446_046117_058549_BB15/"
_S4 = "grd/S1C_S4_GRDH_1SDH_20250118T171404_20250118T171421_000638_000538_4B8B.SAFE/"
_RTC = "S1A_IW_GRDH_1SDV_20200103T233621_20200103T233646_030643_0382F7_2CFD/"
_RFI = "annotation/rfi/rfi-s1c-s4-grd-{}-20250118t171404-20250118t171421-000638-000538-00{}.xml"

SENTINEL1: dict[str, tuple[str, dict[str, Any]]] = {
    _S1 + _IW + "manifest.safe": (
        "2021-08-09 17:39:53",
        {"platform": "sentinel-1a"} | orbit("ascending", 59) | radar("IW", "VV, VH")),
    _S1 + _EW + "manifest.safe": (
        "2022-11-30 01:43:42",
        {"platform": "sentinel-1a"} | orbit("descending", 20) | radar("EW", "HH, HV")),
    _S1 + _S4 + "manifest.safe": (
        "2025-01-18 17:14:04",
        {"platform": "sentinel-1c"} | orbit("ascending", 15) | radar("SM", "HH, HV")),
    _S1 + "rtc/S1A_20200103_17RMJ_ASC/" + _RTC + "manifest.safe": (
        "2020-01-03 23:36:21",
        {"platform": "sentinel-1a"} | orbit("ascending", 121) | radar("IW", "VV, VH")),
    _S1 + _EW + "annotation/rfi/rfi-ew-hh.xml": (
        "2022-11-30 01:43:42", {"platform": "sentinel-1a"} | radar("EW", "HH")),
    _S1 + _EW + "annotation/rfi/rfi-ew-hv.xml": (
        "2022-11-30 01:43:42", {"platform": "sentinel-1a"} | radar("EW", "HV")),
    _S1 + _S4 + _RFI.format("hh", 1): (
        "2025-01-18 17:14:04", {"platform": "sentinel-1c"} | radar("S4", "HH")),
    _S1 + _S4 + _RFI.format("hv", 2): (
        "2025-01-18 17:14:04", {"platform": "sentinel-1c"} | radar("S4", "HV")),
}  # fmt: skip

_S2 = "native/sentinel2/"
_L1C = "S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE/"
_L2A = "S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022158.SAFE/"
_AWS_L1C = "S2A_OPER_MSI_L1C_TL_SGS__20181231T203637_A018414_T10SDG/"
_AWS_L2A = "S2A_OPER_MSI_L2A_TL_VGS1_20220401T110010_A035382_T34LBQ"
_S2A = {"platform": "sentinel-2a"}

SENTINEL2: dict[str, tuple[str, dict[str, Any]]] = {
    _S2 + _L1C + "MTD_MSIL1C.xml": (
        "2021-09-08 04:27:01",
        _S2A | orbit("descending", 133) | level("L1C", "03.01") | {"eo:cloud_cover": 88.2972}),
    _S2 + _L1C + "manifest.safe": ("2021-09-08 04:27:01", _S2A | orbit("descending", 133)),
    _S2 + _L2A + "MTD_MSIL2A.xml": (
        "2023-06-25 23:46:21",
        _S2A | orbit("descending", 73) | level("L2A", "05.09") | {"eo:cloud_cover": 15.047897}),
    _S2 + _L2A + "manifest.safe": ("2023-06-25 23:46:21", _S2A | orbit("descending", 73)),
    _S2 + _AWS_L1C + "tileInfo.json": (
        "2018-12-31 19:04:06",
        _S2A | level("L1C", "02.07") | {"eo:cloud_cover": 0.01, "sat:relative_orbit": 113}),
    _S2 + _AWS_L2A + "/product_metadata.xml": (
        "2022-04-01 08:36:01",
        _S2A | orbit("descending", 64) | level("L2A", "04.00") | {"eo:cloud_cover": 92.696983}),
    _S2 + _AWS_L2A + "/tileInfo.json": (
        "2022-04-01 09:03:19",
        _S2A | level("L2A", "04.00") | {"eo:cloud_cover": 0, "sat:relative_orbit": 64}),
    _S2 + _AWS_L2A + "-no-tileDataGeometry-no-product-metadata/tileInfo.json": (
        "2022-04-01 09:03:19", _S2A | level("L2A", "04.00")),
}  # fmt: skip

_ODC = "stac/opendatacube+odc-stac/"
_SAR = "stac/stac-extensions+sar/"
_USGS = "stac/stactools-packages+landsat/"
_PL = "stac/stactools-packages+planet/"
_ST1 = "stac/stactools-packages+sentinel1/"
_ST2 = "stac/stactools-packages+sentinel2/"
_RIGHT = {"sar:observation_direction": "right", "sar:frequency_band": "C", "credit": "ESA"}

STAC: dict[str, tuple[str, dict[str, Any]]] = {
    _ODC + "LC08_L2SR_081119_20200101_20200823_02_T2.json": (  # STAC 0.9, with eo:platform
        "2020-01-01", names("landsat-8", 93.54107327, 22.72192082, 0, 0, 30)
        | {"instruments": "oli, tirs"}),
    _ODC + "LE07_L2SP_044033_20210329_20210424_02_T1_SR.json": (
        "2021-03-29 17:57:33", names("landsat-7", 130.53782366, 43.38653299, 0, 0)
        | level("L2SP")),
    _ODC + "S2A_28QCH_20200714_0_L2A.json": (
        "2020-07-14 11:55:52", names("sentinel-2a", None, None, 0, 2.36, 10)),
    _ODC + "S2B_MSIL2A_20190629T212529_R043_T06VVN_20201006T080531.json": (
        "2019-06-29 21:25:29",
        names("sentinel-2b", 170.148039164397, 90 - 37.9128805424161, None, 0.314306)
        | orbit("descending", 43) | level("L2A", "02.12") | {"license": SENTINEL}),
    _ODC + "ga_ls8c_ard_3-1-0_088080_2020-05-25_final.stac-item.json": (
        "2020-05-25 23:35:47", names("landsat-8", 34.22994171, 31.7895917, None, 42.42102985910952)
        | {"gsd": 15}),
    _ODC + "lidar_dem.json": ("2012-01-01", {"platform": "Aircraft"}),
    _ODC + "only_crs_proj.json": ("2019-01-01", {"platform": "landsat-5,landsat-7,landsat-8"}),
    _SAR + "envisat.json": (
        "2009-05-20 02:40:46",
        {"platform": "envisat", "instruments": "asar"} | radar("GM", "HH", None)),
    _SAR + "sentinel-1-grd-ew.json": (
        "2018-11-03 23:58:55", {"platform": "sentinel-1a"} | radar("EW", "HH", None)),
    _SAR + "sentinel-1-grd-s4.json": (  # its platform is misspelled "platforn"
        "2024-05-31 07:31:24",
        {"platform": "sentinel-1"} | orbit("descending", 140) | level("L1", "003.71")
        | radar("SM", "VV, VH", None)),
    _SAR + "sentinel-1-slc-iw.json": (
        "2024-06-18 17:39:36",
        {"platform": "sentinel-1a"} | orbit("ascending", 59) | level("L1", "003.80")),
    "stac/stac-extensions+view/item.json": (
        "2020-12-11 22:38:32", names("cool_sat2", 135.7, 54.9, 3.8, None, 0.66)),
    _USGS + "LC09_L2SP_010065_20220129_02_T1.json": (
        "2022-01-29 15:28:34", names("landsat-9", 112.2005908, 57.84396063, 0, 21.12, 30)
        | level("L2SP") | {"instruments": "oli, tirs"}),
    _USGS + "LE07_L2SP_021030_20100109_02_T1.json": (
        "2010-01-09 16:13:46", names("landsat-7", 156.98419323, 21.38957268, 0, 8, 30)),
    _USGS + "LM01_L1GS_001010_19720908_02_T2.json": (
        "1972-09-08 13:43:34", names("landsat-1", 172.41815593, 24.87312023, 0, 43, 79)),
    _USGS + "LM02_L1GS_001004_19750411_02_T2.json": (
        "1975-04-11 13:29:55", names("landsat-2", 188.97324656, 20.56808495, 0, 100, 79)),
    _USGS + "LM03_L1GS_001001_19780510_02_T2.json": (
        "1978-05-10 13:28:09", names("landsat-3", 209.99619372, 26.41213243, 0, 58, 79)),
    _USGS + "LM04_L1GS_001001_19830527_02_T2.json": (
        "1983-05-27 13:36:40", names("landsat-4", 210.31823865, 29.32047976, 0, 32, 79)),
    _USGS + "LM05_L1GS_001001_19850524_02_T2.json": (
        "1985-05-24 13:37:18", names("landsat-5", 210.47337363, 28.86981221, 0, 29, 79)),
    _PL + "20170831_162740_ssc1d1.json": (
        "2017-08-31 16:27:42",
        names("skysat ssc1", 122, 56.3, 27.2, 0, 0.9) | {"view:azimuth": None}),
    _PL + "20170831_172754_101c.json": (
        "2017-08-31 17:27:54", names("planetscope 101c", 145.4, 65.1, 0.2, 2, 2.6)
        | {"instruments": "PS2"}),
    _PL + "20170831_195425_SS02.json": (
        "2017-08-31 19:54:26",
        names("skysat ss02", 231.9, 58.4, 27.3, 0, 1.1) | {"view:azimuth": 329.8 - 180}),
    _PL + "2017831_195552_SS02.json": (
        "2017-08-31 19:55:53",
        names("skysat ss02", 230.3, 59.4, 25, 24, 1.1) | {"view:azimuth": None}),
    _PL + "Houston-East-20170831-103f-100d-0f4f-RGB.json": (
        "2017-08-31 17:24:57", names("planetscope", 145.5, 64.9, 0.2, 2, 3.7)),
    _ST1 + "S1A_20200103_17RMJ_ASC.json": (
        "2020-01-03 23:36:21",
        {"platform": "sentinel-1a", "gsd": 20, "credit": "ESA, Indigo Ag Inc.",
         "provider": "Indigo Ag Inc.", "license": INDIGO}
        | orbit("ascending", 121) | radar("IW", "VV, VH", "RTC")),
    _ST1 + "S1B_20161121_12SYJ_ASC.json": (
        "2016-11-21 01:09:37",
        {"platform": "sentinel-1b", "license": INDIGO} | orbit("ascending", 49)),
    _ST1 + "S1A_EW_GRDM_1SDH_20221130T014342_20221130T014446_046117_058549.json": (
        "2022-11-30 01:44:14",
        _RIGHT | {"license": SCIHUB} | orbit("descending", 20) | radar("EW", "HH, HV")),
    _ST1 + "S1A_IW_GRDH_1SDV_20210809T173953_20210809T174018_039156_049F13.json": (
        "2021-08-09 17:40:05",
        _RIGHT | {"license": SCIHUB} | orbit("ascending", 59) | radar("IW", "VV, VH")),
    _ST1 + "S1A_IW_SL1__1_SH_20141031T095929_20141031T100002_003072_003842.json": (
        "2014-10-31 09:59:45",
        _RIGHT | level("L1") | orbit("descending", 25) | radar("IW", "HH", "SLC")),
    "stac/stactools-packages+sentinel1-grd/item.json": (  # dates with a space, "SENTINEL-1A"
        "2021-08-09 17:40:05",
        {"platform": "sentinel-1a", "license": SENTINEL} | orbit("ascending", 59)),
    _ST2 + "S2A_T01LAC_20200717T221944_L1C.json": (
        "2020-07-17 22:19:41",
        names("sentinel-2a", 36.1960474596642, 44.816914793905, None, 5.4828)
        | orbit("descending", 29) | level("L1C", "02.09")
        | {"view:incidence_angle": 3.084630341560113, "view:azimuth": 139.42540278202193 + 180}),
    _ST2 + "S2A_T07HFE_20190212T192646_L2A.json": (
        "2019-02-12 19:26:51",
        names("sentinel-2a", 62.3286549448294, 57.292926148638, None, 51.580326)
        | orbit("descending", 13) | level("L2A", "02.12")
        | {"view:incidence_angle": 10.813814451500992, "view:azimuth": 288.9954893614781 - 180}),
    _ST2 + "expected_output.json": (
        "2018-12-31 19:04:06",
        names("sentinel-2a", 161.105709274255, 27.099070943431997, None, 0.0138)
        | {"view:incidence_angle": 9.246039496241822, "credit": "ESA", "license": SENTINEL}),
}  # fmt: skip

OF_NO_IMAGE = {
    _ODC + "sentinel-2-l2a.collection.json",
    _USGS + "collection.json",
    _PL + "catalog.json",
    _PL + "collection.json",
    _ST1 + "collection.json",
    _ST2 + "collection.json",
}
SEVERAL = "stac/maxar_open_data/kahramanmaras_items.geojson"

EXPECTED = (
    {f"native/landsat/{name}": told for name, told in LANDSAT.items()}
    | {f"native/naip/{name}": told for name, told in NAIP.items()}
    | {f"native/planet-psscene4band/{name}": told for name, told in PLANET.items()}
    | SENTINEL1
    | SENTINEL2
    | STAC
)


def moment(found: Metadata) -> str:
    """The acquisition, as finely as it is known."""
    acquisition = found.acquisition
    if acquisition is None or acquisition.start is None:
        return ""
    form = "%Y-%m-%d %H:%M:%S" if acquisition.precision == "second" else "%Y-%m-%d"
    return acquisition.start.strftime(form)


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_says_what_it_says(data: Path, name: str) -> None:
    when, facts = EXPECTED[name]
    found = read_metadata_file(data / "metadata" / name)
    assert found is not None
    assert moment(found) == when
    for fact, value in facts.items():
        stated = found.facts.get(fact)
        if value is None:
            assert stated is None, fact
        else:
            assert stated is not None, fact
            assert stated.value == pytest.approx(value), fact
            assert Path(name).name in stated.source
    assert found.files == (data / "metadata" / name,)
    assert {caution.code for caution in found.cautions} <= {"azimuth-ignored"}


def test_every_file_is_in_the_table(data: Path) -> None:
    folder = data / "metadata"
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == set(EXPECTED) | OF_NO_IMAGE | {SEVERAL}


@pytest.mark.parametrize("name", sorted(OF_NO_IMAGE))
def test_a_collection_is_of_no_image(data: Path, name: str) -> None:
    assert read_metadata_file(data / "metadata" / name) is None


# Maxar Open Data


def open_data(data: Path) -> list[dict[str, Any]]:
    features: list[dict[str, Any]] = json.loads((data / "metadata" / SEVERAL).read_text())[
        "features"
    ]
    return features


def test_several_items_in_one_file_are_of_no_one_image(data: Path) -> None:
    found = read_metadata_file(data / "metadata" / SEVERAL)
    assert found is not None
    assert (found.acquisition, found.facts) == (None, {})
    assert [caution.code for caution in found.cautions] == ["several-items"]


def test_an_item_whose_incidence_angle_is_an_elevation(data: Path) -> None:
    found = facts_of_item(open_data(data)[1], source="STAC item x.json")
    assert moment(found) == "2022-07-20 08:39:25"
    values = {name: fact.value for name, fact in found.facts.items()}
    assert values == {
        "platform": "worldview-2", "gsd": 0.57, "view:off_nadir": 26.2,
        "view:incidence_angle": pytest.approx(90 - 60.3), "view:azimuth": pytest.approx(154.1),
        "view:sun_azimuth": 138.3, "view:sun_elevation": 69.5,
    }  # fmt: skip
    assert "elevation" in found.facts["view:incidence_angle"].source
    assert "180°" in found.facts["view:azimuth"].source
    assert [caution.code for caution in found.cautions] == ["incidence-is-elevation"]


def test_every_item_of_the_quake_is_understood_so(data: Path) -> None:
    for feature in open_data(data):
        found = facts_of_item(feature)
        incidence, off_nadir = (
            float(found.facts[f"view:{name}"].value) for name in ("incidence_angle", "off_nadir")
        )
        # From 500 and 770 km: (1 + h / R) sin(off-nadir), R = 6371 km.
        height = math.sin(math.radians(incidence)) / math.sin(math.radians(off_nadir)) - 1
        low, high = (450, 560) if found.facts["platform"].value == "worldview-1" else (720, 830)
        assert low < 6371 * height < high


def test_the_view_of_neighbouring_tiles_shows_which_way_the_azimuth_runs(data: Path) -> None:
    """Off nadir grows away from the satellite; the three tiles lie from west to east."""
    passes: dict[str, list[dict[str, Any]]] = {}
    for feature in open_data(data):
        passes.setdefault(feature["properties"]["catalog_id"], []).append(feature)
    judged = 0
    for tiles in passes.values():
        tiles.sort(key=lambda feature: feature["properties"]["quadkey"])
        first, last = (facts_of_item(tile).facts for tile in (tiles[0], tiles[-1]))
        eastwards = math.sin(math.radians(float(first["view:azimuth"].value)))
        growth = float(last["view:off_nadir"].value) - float(first["view:off_nadir"].value)
        if abs(eastwards) > 0.5 and len(tiles) == 3:
            assert growth * eastwards > 0
            judged += 1
    assert judged >= 3


# Beside an image


def test_planets_files_are_found_beside_the_image_and_add_up(data: Path) -> None:
    folder = data / "metadata" / "native" / "planet-psscene4band"
    found = read_metadata(folder / "20200629_030740_0f28_3B_AnalyticMS_clip.tif", {})
    assert {file.name for file in found.files} == {
        "20200629_030740_0f28_metadata.json",
        "20200629_030740_0f28_3B_AnalyticMS_metadata_clip.xml",
    }
    assert found.facts["gsd"].value == 3.9
    assert found.facts["view:incidence_angle"].value == pytest.approx(5.360689)
    assert found.cautions == ()


def test_a_safe_folder_is_walked_upwards(data: Path) -> None:
    folder = data / "metadata" / "native" / "sentinel2" / _L1C
    band = (
        folder
        / "GRANULE/L1C_T46RER_A032448_20210908T043714/IMG_DATA/T46RER_20210908T042701_B04.jp2"
    )
    found = read_metadata(band, {})
    assert [file.name for file in found.files] == ["MTD_MSIL1C.xml", "manifest.safe"]
    assert found.facts["sat:relative_orbit"].value == 133
    assert found.bands == ("red",)


def test_the_mtl_of_a_landsat_band(data: Path) -> None:
    folder = data / "metadata" / "native" / "landsat"
    found = read_metadata(folder / "LC08_L2SP_017036_20130419_20200913_02_T2_SR_B4.TIF", {})
    assert [file.name for file in found.files] == [
        "LC08_L2SP_017036_20130419_20200913_02_T2_MTL.txt"
    ]
    assert found.facts["view:off_nadir"].value == 11.696


def test_naip_beside_its_image(data: Path) -> None:
    folder = data / "metadata" / "native" / "naip"
    found = read_metadata(folder / "m_4107212_se_18_060_20180816.tif", {})
    assert [file.name for file in found.files] == ["m_4107212_se_18_060_20180816.txt"]


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_never_raises(data: Path, tmp_path: Path, part: float) -> None:
    for name in EXPECTED:
        content = (data / "metadata" / name).read_bytes()
        cut = tmp_path / Path(name).name
        cut.write_bytes(content[: int(part * len(content))])
        found = read_metadata_file(cut)
        # What is cut of a text may still be read; nothing else is made up of it.
        assert found is None or cut.suffix.lower() == ".txt"
