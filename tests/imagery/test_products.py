from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from delivered import (
    CORNER,
    LANDSAT,
    SIXTY,
    TEN,
    TWENTY,
    bands_of,
    ground,
    landsat,
    mtl_text,
    product_xml,
    sentinel2,
    write_band,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reading import codes, crs_code, opened, refused, whole

from imagery.align._stored import open_stored
from imagery.blocks import Window
from imagery.detect import detect
from imagery.errors import InputError, MissingInputError, UsageError
from imagery.options import DetectOptions, MaskOptions, ReadOptions
from imagery.products import Image, Product, find_product
from imagery.read import read_window
from imagery.record import sha256_of
from imagery.scene import Scene
from imagery.simulate import textured_pair

pytestmark = pytest.mark.usefixtures("environment")


def labels(scene: Scene) -> list[str]:
    return [band.label for band in scene.bands]


def means(pixels: NDArray[Any], factor: int) -> NDArray[np.float64]:
    """An oracle."""
    rows, cols = (side // factor for side in pixels.shape)
    blocks = pixels.astype(np.float64).reshape(rows, factor, cols, factor)
    return np.asarray(blocks.mean(axis=(1, 3)))


# Sentinel-2.


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_a_safe_folder_is_one_scene_of_its_ten_metre_bands(tmp_path: Path, level: str) -> None:
    bands = bands_of()
    safe = sentinel2(tmp_path, bands, level=level)
    scene = opened(safe)
    assert scene.name == safe.name
    assert labels(scene) == ["blue", "green", "red", "nir"]
    assert [band.description for band in scene.bands] == list(TEN)
    assert [band.index for band in scene.bands] == [2, 3, 4, 8]
    assert {band.named_by for band in scene.bands} == {"product"}
    assert scene.geobox.shape == (120, 120)
    assert scene.geobox.affine == Affine(10, 0, CORNER[0], 0, -10, CORNER[1])
    assert crs_code(scene) == 32651
    assert (scene.driver, scene.dtype, scene.nodata) == ("JP2OpenJPEG", "uint16", 0)
    assert not scene.display_product
    assert str(scene.acquisition) == "2024-06-06 02:25 UTC"
    assert scene.platform == "sentinel-2a"
    raster = whole(scene)
    for place, band in enumerate(TEN):
        expected = (bands[band].astype(float) - 1000) / 10_000
        np.testing.assert_allclose(raster.data[place], expected, rtol=1e-6)
    assert raster.valid.all()


def test_every_file_that_is_read_stands_in_the_record_the_metadata_first(tmp_path: Path) -> None:
    safe = sentinel2(tmp_path, bands_of())
    files = opened(safe).files
    assert files[0].name == "MTD_MSIL2A.xml"
    assert files[0].sha256 == sha256_of(safe / "MTD_MSIL2A.xml")
    images = [file.name for file in files if file.name.endswith(".jp2")]
    assert images == [f"T51SYB_20240606T022531_{band}_10m.jp2" for band in TEN]


def test_a_product_is_named_by_its_folder_or_by_its_metadata_file_alike(tmp_path: Path) -> None:
    safe = sentinel2(tmp_path, bands_of())
    granule = next((safe / "GRANULE").iterdir())
    (granule / "MTD_TL.xml").write_text("<Level-2A_Tile_ID/>", "utf-8")
    scene = opened(safe)
    assert opened(safe / "MTD_MSIL2A.xml") == scene
    assert opened(tmp_path).bands == scene.bands  # the folder around it, as unpacking leaves it
    for path in (granule, granule / "MTD_TL.xml"):
        other = opened(path)
        assert other.name == granule.name
        assert other.bands == scene.bands
        np.testing.assert_array_equal(whole(other).data, whole(scene).data)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_same_ground_before_and_after_the_offset_came_differs_by_nothing(
    tmp_path: Path, level: str
) -> None:
    former = bands_of()
    later = {band: pixels + np.uint16(1000) for band, pixels in former.items()}
    one = sentinel2(tmp_path / "1", former, level=level, baseline="03.01", offset=None)
    two = sentinel2(tmp_path / "2", later, level=level, baseline="04.00", offset=-1000)
    before, after = whole(opened(one)), whole(opened(two))
    np.testing.assert_allclose(before.data, after.data, atol=1e-7)
    expected = former["B04"] / 10_000
    np.testing.assert_allclose(before.data[2], expected, rtol=1e-6)


def test_offsets_and_quantification_are_those_of_the_metadata_band_by_band(tmp_path: Path) -> None:
    bands = bands_of()
    safe = sentinel2(tmp_path, bands)
    text = product_xml(offset=None).replace("10000<", "20000<")
    added = '<BOA_ADD_OFFSET band_id="3">-7000</BOA_ADD_OFFSET>'  # B04
    text = text.replace("<BOA_ADD_OFFSET_VALUES_LIST>", "<BOA_ADD_OFFSET_VALUES_LIST>" + added)
    (safe / "MTD_MSIL2A.xml").write_text(text, "utf-8")
    of = {band.description: band for band in opened(safe).bands}
    assert of["B04"].scale == 1 / 20_000
    assert of["B04"].offset == -7000 / 20_000
    assert of["B03"].offset == 0


@pytest.mark.parametrize(("baseline", "offset"), [("02.09", 0.0), ("04.00", -0.1), ("05.11", -0.1)])
def test_without_its_metadata_the_name_of_the_product_tells_the_baseline(
    tmp_path: Path, baseline: str, offset: float
) -> None:
    safe = sentinel2(tmp_path, bands_of(), baseline=baseline, metadata=False)
    scene = opened(safe / "GRANULE" / next((safe / "GRANULE").iterdir()).name)
    assert {band.scale for band in scene.bands} == {1e-4}
    assert {band.offset for band in scene.bands} == {offset}
    assert codes(scene) == []


def test_where_nothing_tells_the_offset_stored_numbers_are_compared_and_said(
    tmp_path: Path,
) -> None:
    bands = bands_of()
    for band in TEN:
        write_band(tmp_path / f"T51SYB_20240606T022531_{band}.jp2", bands[band], size=10)
    scene = opened(tmp_path)
    assert codes(scene) == ["product-unscaled"]
    assert {(band.scale, band.offset) for band in scene.bands} == {(1.0, 0.0)}
    np.testing.assert_array_equal(whole(scene).data[0], bands["B02"])


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "<n1:Level",
        product_xml().replace("10000<", "0<"),
        product_xml().replace("10000<", "nan<"),
        product_xml().replace("10000<", "-1e400<"),
        product_xml().replace(
            "<n1:General_Info>", "&a;<n1:General_Info>"
        ).replace("?>", '?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'),
    ],
)  # fmt: skip
def test_broken_metadata_tell_nothing(tmp_path: Path, broken: str) -> None:
    """What the product's name tells is all that is left."""
    safe = sentinel2(tmp_path, bands_of(), baseline="03.01")
    (safe / "MTD_MSIL2A.xml").write_text(broken, "utf-8")
    assert {(band.scale, band.offset) for band in opened(safe).bands} == {(1e-4, 0.0)}


def test_zero_is_missing_and_65535_is_a_value(tmp_path: Path) -> None:
    bands = bands_of()
    bands["B03"][:, :7] = 0
    bands["B04"][5, 9] = 65535
    raster = whole(opened(sentinel2(tmp_path, bands)))
    valid = np.ones((120, 120), bool)
    valid[:, :7] = False
    np.testing.assert_array_equal(raster.valid, valid)
    assert raster.data[2, 5, 9] == pytest.approx(6.4535)
    assert (raster.data[:, :, :7] == 0).all()


def test_coarser_bands_bring_the_scene_to_their_grid_and_finer_ones_are_averaged(
    tmp_path: Path,
) -> None:
    bands = bands_of()
    safe = sentinel2(tmp_path, bands)
    scene = opened(safe, bands="red,swir16")
    assert labels(scene) == ["red", "swir16"]
    assert scene.geobox.shape == (60, 60)
    assert scene.geobox.affine == Affine(20, 0, CORNER[0], 0, -20, CORNER[1])
    assert scene.dtype == "float32"
    assert [band.stored.factor for band in scene.bands if band.stored] == [2, 1]
    raster = whole(scene)
    np.testing.assert_allclose(raster.data[0], means(bands["B04"], 2) / 1e4 - 0.1, rtol=1e-5)
    np.testing.assert_allclose(raster.data[1], bands["B11"] / 1e4 - 0.1, rtol=1e-5)
    sixty = whole(opened(safe, bands="coastal,red,swir16"))
    np.testing.assert_allclose(sixty.data[1], means(bands["B04"], 6) / 1e4 - 0.1, rtol=1e-5)
    np.testing.assert_allclose(sixty.data[2], means(bands["B11"], 3) / 1e4 - 0.1, rtol=1e-5)


def test_a_mean_counts_only_where_all_its_pixels_do(tmp_path: Path) -> None:
    bands = bands_of()
    bands["B04"][10, 31] = 0
    bands["B11"][40, 2] = 0
    scene = opened(sentinel2(tmp_path, bands), bands="red,swir16")
    valid = np.ones((60, 60), bool)
    valid[5, 15] = valid[40, 2] = False
    raster = whole(scene)
    np.testing.assert_array_equal(raster.valid, valid)
    assert (raster.data[:, ~valid] == 0).all()
    assert whole(opened(next(tmp_path.iterdir()), bands="red")).valid.sum() == 120 * 120 - 1


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    top=st.integers(-9, 65), left=st.integers(-9, 65), height=st.integers(1, 40),
    width=st.integers(1, 40), decimate=st.integers(1, 4), order=st.permutations((4, 12, 2)),
)  # fmt: skip
def test_any_window_is_cut_from_the_whole(
    averaged: Scene,
    top: int,
    left: int,
    height: int,
    width: int,
    decimate: int,
    order: list[int],
) -> None:
    """Windows that leave the image, every order of bands, decimated or not."""
    window = Window(top, left, top + height, left + width)
    got = read_window(averaged, window, bands=order, decimate=decimate)
    everything = read_window(averaged, averaged.window, bands=order)
    padded = np.zeros((3, 160, 160), np.float64)
    valid = np.zeros((160, 160), bool)
    padded[:, 50:110, 50:110], valid[50:110, 50:110] = everything.data, everything.valid
    data = padded[:, top + 50 : top + height + 50, left + 50 : left + width + 50]
    seen = valid[top + 50 : top + height + 50, left + 50 : left + width + 50]
    for row in range(got.data.shape[1]):
        for col in range(got.data.shape[2]):
            block = np.s_[
                row * decimate : (row + 1) * decimate, col * decimate : (col + 1) * decimate
            ]
            used = seen[block]
            assert got.valid[row, col] == used.any()
            expected = data[(slice(None), *block)][:, used].mean(axis=1) if used.any() else 0
            np.testing.assert_allclose(got.data[:, row, col], expected, atol=1e-6)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    bands = bands_of(seed=5)
    bands["B04"][50:70, 50:90] = 0
    safe = sentinel2(tmp_path_factory.mktemp("averaged"), bands)
    return opened(safe, bands="red,swir16,blue")


def test_the_usual_bands_are_those_of_the_finest_pixel_that_is_there(tmp_path: Path) -> None:
    coarse = {band: pixels for band, pixels in bands_of().items() if band in TWENTY + SIXTY}
    scene = opened(sentinel2(tmp_path, coarse))
    assert labels(scene) == ["rededge071", "nir08", "swir16", "swir22"]
    sky = {"B09": ground(20), "B01": ground(20)}
    scene = opened(sentinel2(tmp_path / "sky", sky))
    assert labels(scene) == ["coastal"]  # water vapour shows the air, and is there to be asked for
    assert labels(opened(scene.path, bands="nir09")) == ["nir09"]


def test_of_several_copies_of_a_band_the_finest_is_taken(tmp_path: Path) -> None:
    bands = bands_of()
    safe = sentinel2(tmp_path, bands)
    inner = next((safe / "GRANULE").iterdir()) / "IMG_DATA"
    for size in (20, 60):
        name = f"T51SYB_20240606T022531_B04_{size}m.jp2"
        write_band(inner / f"R{size}m" / name, ground(1200 // size, seed=99), size=size)
    np.testing.assert_allclose(whole(opened(safe)).data[2], bands["B04"] / 1e4 - 0.1, rtol=1e-5)


def test_a_band_that_was_not_delivered_is_told(tmp_path: Path) -> None:
    bands = {band: pixels for band, pixels in bands_of().items() if band != "B08"}
    scene = opened(sentinel2(tmp_path, bands))
    assert labels(scene) == ["blue", "green", "red"]
    assert [c.message for c in scene.cautions if c.code == "product-incomplete"] == [
        f"{scene.name}: has no image of band B08."
    ]


def test_old_names_and_several_granules(tmp_path: Path) -> None:
    name = "S2A_OPER_PRD_MSIL1C_PDMC_20160605T200814_R008_V20160605T102026_20160605T102026.SAFE"
    safe, bands = tmp_path / name, bands_of()
    granule = "S2A_OPER_MSI_L1C_TL_SGS__20160605T155933_A004976_T51SYB"
    inner = safe / "GRANULE" / f"{granule}_N02.02" / "IMG_DATA"
    for band in TEN:
        write_band(inner / f"{granule}_{band}.jp2", bands[band], size=10)
    metadata = "S2A_OPER_MTD_SAFL1C_PDMC_20160605T200814_R008_V20160605T102026_20160605T102026.xml"
    text = product_xml(level="L1C", baseline="02.02", offset=None, day="20160605")
    (safe / metadata).write_text(text, "utf-8")
    scene = opened(safe)
    assert labels(scene) == ["blue", "green", "red", "nir"]
    np.testing.assert_allclose(whole(scene).data[0], bands["B02"] / 1e4, rtol=1e-6)
    second = safe / "GRANULE" / "S2A_OPER_MSI_L1C_TL_SGS__20160605T155933_A004976_T51SXB_N02.02"
    second.mkdir()
    told = refused(safe)
    assert "2 granules" in told
    assert second.name in told
    assert opened(inner.parent).bands == scene.bands


def test_a_clouds_flat_folder_with_its_tile_info(tmp_path: Path) -> None:
    bands = bands_of()
    for band in (*TEN, "B11"):
        write_band(tmp_path / f"{band}.jp2", bands[band], size=10 if band in TEN else 20)
    info = {"productName": "S2A_MSIL1C_20240606T022531_N0510_R046_T51SYB_20240606T060000"}
    (tmp_path / "tileInfo.json").write_text(json.dumps(info), "utf-8")
    scene = opened(tmp_path)
    assert labels(scene) == ["blue", "green", "red", "nir"]
    np.testing.assert_allclose(whole(scene).data[3], bands["B08"] / 1e4 - 0.1, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "offset"),
    [
        ("S2A_MSIL2A_20230625T234621_N0509_R073_T01WCP_20230626T022158.SAFE/MTD_MSIL2A.xml", -0.1),
        ("S2A_MSIL1C_20210908T042701_N0301_R133_T46RER_20210908T070248.SAFE/MTD_MSIL1C.xml", 0),
        ("S2A_OPER_MSI_L2A_TL_VGS1_20220401T110010_A035382_T34LBQ/product_metadata.xml", -0.7),
    ],
)
def test_real_metadata(data: Path, tmp_path: Path, name: str, offset: float) -> None:
    metadata = data / "metadata/native/sentinel2" / name
    shutil.copy(metadata, tmp_path / metadata.name)
    for band in TEN:
        write_band(tmp_path / f"{band}.jp2", ground(30), size=10)
    scene = opened(tmp_path)
    assert {band.scale for band in scene.bands} == {1e-4}
    assert {band.offset for band in scene.bands} == {offset}
    assert scene.acquisition.known


# Landsat.

SECOND_LEVEL: dict[str, dict[str, Any]] = {
    "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": f'"{LANDSAT}"'},
    "IMAGE_ATTRIBUTES": {"DATE_ACQUIRED": "2024-06-06", "SUN_ELEVATION": 30.0},
    "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {
        "REFLECTANCE_MULT_BAND_4": 3e-05, "REFLECTANCE_ADD_BAND_4": -0.25,
        "REFLECTANCE_MULT_BAND_5": 2.75e-05, "REFLECTANCE_ADD_BAND_5": -0.2,
    },
    "LEVEL1_RADIOMETRIC_RESCALING": {
        "REFLECTANCE_MULT_BAND_4": 2e-05, "REFLECTANCE_ADD_BAND_4": -0.1,
    },
}  # fmt: skip


def test_a_landsat_folder_is_one_scene_in_surface_reflectance(tmp_path: Path) -> None:
    bands = {"SR_B4": ground(40, seed=1), "SR_B5": ground(40, seed=2), "ST_B10": ground(40)}
    bands["SR_B5"][3, 4] = 0
    folder = landsat(tmp_path / "before", bands, mtl=mtl_text(SECOND_LEVEL))
    landsat(folder, {"QA_PIXEL": ground(40), "SR_QA_AEROSOL": ground(40)})
    scene = opened(folder)
    assert scene.name == "before"
    assert labels(scene) == ["red", "nir08"]
    assert [band.index for band in scene.bands] == [4, 5]
    assert scene.nodata == 0
    assert scene.files[0].name == f"{LANDSAT}_MTL.txt"
    assert str(scene.acquisition).startswith("2024-06-06")
    assert scene.platform == "landsat-8"
    raster = whole(scene)
    valid = np.ones((40, 40), bool)
    valid[3, 4] = False
    np.testing.assert_array_equal(raster.valid, valid)
    expected = bands["SR_B4"] * 3e-5 - 0.25
    np.testing.assert_allclose(raster.data[0][valid], expected[valid], rtol=1e-5)
    thermal = opened(folder, bands="lwir11")
    assert thermal.bands[0].description == "ST_B10"
    assert (thermal.bands[0].scale, thermal.bands[0].offset) == (0.00341802, 149.0)


@pytest.mark.parametrize("form", ["txt", "xml", "json"])
def test_the_metadata_are_the_same_in_each_form_and_stand_for_the_scene(
    tmp_path: Path, form: str
) -> None:
    for identifier in (LANDSAT, LANDSAT.replace("20240606", "20240622")):
        landsat(tmp_path, {"SR_B4": ground(20), "SR_B5": ground(20)}, scene=identifier)
    path = tmp_path / f"{LANDSAT}_MTL.{form}"
    path.write_text(_mtl(form), "utf-8")
    scene = opened(path)
    assert scene.name == path.name
    assert [(band.scale, band.offset) for band in scene.bands] == [(3e-5, -0.25), (2.75e-5, -0.2)]
    assert "20240606" in scene.files[1].name
    told = refused(tmp_path)
    assert "holds 2 Landsat scenes" in told
    assert "_MTL" in told


def _mtl(form: str) -> str:
    if form == "txt":
        return mtl_text(SECOND_LEVEL)
    plain = {
        group: {name: str(value).strip('"') for name, value in values.items()}
        for group, values in SECOND_LEVEL.items()
    }
    if form == "json":
        return json.dumps({"LANDSAT_METADATA_FILE": plain})
    inner = "".join(
        f"<{group}>" + "".join(f"<{n}>{v}</{n}>" for n, v in values.items()) + f"</{group}>"
        for group, values in plain.items()
    )
    return f'<?xml version="1.0"?><LANDSAT_METADATA_FILE>{inner}</LANDSAT_METADATA_FILE>'


def test_collection_2_level_2_without_its_metadata_is_scaled_as_documented(tmp_path: Path) -> None:
    scene = opened(landsat(tmp_path, {"SR_B4": ground(20)}), bands="red")
    assert (scene.bands[0].scale, scene.bands[0].offset) == (2.75e-5, -0.2)
    assert codes(scene) == []


def test_level_1_is_reflectance_at_the_top_of_the_atmosphere_for_the_suns_height(
    tmp_path: Path,
) -> None:
    scene = "LC08_L1TP_117033_20240606_20240610_02_T1"
    groups: dict[str, dict[str, Any]] = {
        "IMAGE_ATTRIBUTES": {"DATE_ACQUIRED": "2024-06-06", "SUN_ELEVATION": 30.0},
        "LEVEL1_RADIOMETRIC_RESCALING": {
            f"REFLECTANCE_{part}_BAND_{n}": value
            for part, value in (("MULT", 2e-5), ("ADD", -0.1)) for n in (3, 4, 9)
        }
        | {"RADIANCE_MULT_BAND_10": 3.342e-4, "RADIANCE_ADD_BAND_10": 0.1},
    }  # fmt: skip
    pixels = ground(30)
    bands = dict.fromkeys(("B3", "B4", "B9", "B10", "BQA"), pixels)
    folder = landsat(tmp_path, bands, scene=scene, mtl=mtl_text(groups))
    write_band(folder / f"{scene}_B8.TIF", ground(60), size=15)
    found = opened(folder)
    assert labels(found) == ["green", "red"]  # no cirrus, no thermal band, no pan
    np.testing.assert_allclose(whole(found).data[0], (pixels * 2e-5 - 0.1) / 0.5, rtol=1e-5)
    assert opened(folder, bands="pan").geobox.shape == (60, 60)
    assert opened(folder, bands="lwir11").bands[0].scale == 3.342e-4


@pytest.mark.parametrize(
    ("scene", "files", "named"),
    [
        ("LT05_L1TP_047027_20101006_20160512_01_T1", ["B1", "B4", "B6"], ["blue", "nir08"]),
        ("LE07_L1TP_160031_20110416_20161210_01_T1", ["B3", "B6_VCID_1", "B6_VCID_2"],
         ["red"]),
        ("LM01_L1GS_005037_19720823_20200909_02_T2", ["B4", "B5", "B7"], ["green", "red", "nir09"]),
        ("LM05_L1GS_001001_19850524_20210918_02_T2", ["B1", "B2", "B3"], ["green", "red", "nir08"]),
        ("LT50470272010279PAC01", ["B1", "B3"], ["blue", "red"]),
        ("LC08_L1TP_013032_20180131", ["B2", "B3", "B5", "BQA"], ["blue", "green", "nir08"]),
    ],
)  # fmt: skip
def test_bands_of_every_landsat(
    tmp_path: Path, scene: str, files: list[str], named: list[str]
) -> None:
    found = opened(landsat(tmp_path, dict.fromkeys(files, ground(20)), scene=scene))
    assert labels(found) == named
    assert codes(found) == ["product-unscaled"]
    assert {(band.scale, band.offset) for band in found.bands} == {(1.0, 0.0)}


def test_surface_reflectance_before_collection_2(tmp_path: Path) -> None:
    pixels = ground(20).astype(np.int16)
    pixels[0, 0] = -9999
    scene = "LC08_L1TP_117033_20170606_20170610_01_T1"
    found = opened(landsat(tmp_path, {"sr_band4": pixels, "sr_band5": pixels}, scene=scene))
    assert labels(found) == ["red", "nir08"]
    assert found.nodata == -9999
    raster = whole(found)
    assert raster.valid.sum() == 399
    assert raster.data[0, 1, 1] == pytest.approx(pixels[1, 1] / 1e4)


@pytest.mark.parametrize(
    ("name", "band", "scale", "offset"),
    [
        # Its sun stands below the horizon, by a mistake in it, and so scales nothing.
        ("LM01_L1GS_005037_19720823_20200909_02_T2_MTL.xml", "B4", 1.7143e-3, -0.033278),
        ("LC08_L2SP_017036_20130419_20200913_02_T2_MTL.txt", "SR_B4", 2.75e-5, -0.2),
        ("LC08_L2SR_099120_20191129_20201016_02_T2_MTL.txt", "SR_B5", 2.75e-5, -0.2),
        ("LC08_L1TP_195025_20130707_20170503_01_T1_MTL.txt", "B4", 2e-5 / 0.85714, -0.1 / 0.85714),
    ],
)
def test_real_mtl_files(
    data: Path, tmp_path: Path, name: str, band: str, scale: float, offset: float
) -> None:
    shutil.copy(data / "metadata/native/landsat" / name, tmp_path / name)
    landsat(tmp_path, {band: ground(20)}, scene=name[:40])
    found = opened(tmp_path / name)
    assert codes(found) == []
    assert found.acquisition.known
    assert found.bands[0].scale == pytest.approx(scale, rel=1e-3)
    assert found.bands[0].offset == pytest.approx(offset, rel=1e-3)


def test_real_images_of_one_day_in_one_folder(data: Path, tmp_path: Path) -> None:
    source = data / "pairs/landsat8_new_york"
    for path in source.glob("LC08_L1TP_013032_20180131_*.TIF"):
        shutil.copy(path, tmp_path)
    scene = opened(tmp_path)
    assert set(labels(scene)) <= {"blue", "green", "red", "nir08"}
    assert len(scene.bands) >= 3
    assert scene.acquisition.known
    assert "holds" in refused(source)


# STAC items with their assets beside them.


def item(
    folder: Path, assets: dict[str, Any], name: str = "S2A_51SYB_20240606_0_L2A", **said: Any
) -> Path:
    properties = {"datetime": "2024-06-06T02:25:31Z", "platform": "sentinel-2a", **said}
    content = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "properties": properties,
        "assets": assets,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def asset(href: str, common: str, **raster: float) -> dict[str, Any]:
    said: dict[str, Any] = {"href": href, "eo:bands": [{"common_name": common}], "roles": ["data"]}
    return said | ({"raster:bands": [{"nodata": 0, **raster}]} if raster else {})


@pytest.mark.parametrize(
    ("said", "raster", "offset"),
    [
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True},
         {"scale": 1e-4, "offset": -0.1}, 0.0),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": False},
         {"scale": 1e-4, "offset": -0.1}, -0.1),
        ({"s2:processing_baseline": "05.09"}, {"scale": 1e-4, "offset": -0.1}, -0.1),
        ({"s2:processing_baseline": "05.09"}, {}, -0.1),
        ({"s2:processing_baseline": "03.01"}, {}, 0.0),
        ({"s2:product_uri": "S2A_MSIL2A_20240606T022531_N0400_R046_T51SYB_20240606T060000.SAFE"},
         {}, -0.1),
        ({"sentinel:product_id": "S2A_MSIL2A_20240606T022531_N0214_R046_T51SYB_20240606T060000"},
         {}, 0.0),
        ({"sentinel:boa_offset_applied": True, "sentinel:processing_baseline": "04.00"}, {}, 0.0),
    ],
)  # fmt: skip
def test_an_item_s_offset_is_applied_once(
    tmp_path: Path, said: dict[str, Any], raster: dict[str, float], offset: float
) -> None:
    for band in ("B02", "B04"):
        write_band(tmp_path / f"{band}.tif", ground(30), size=10)
    assets = {
        "blue": asset("./B02.tif", "blue", **raster),
        "red": asset("B04.tif", "red", **raster),
    }
    path = item(tmp_path, assets, **said)
    for place in (path, tmp_path):
        scene = opened(place)
        assert scene.name == path.name
        assert labels(scene) == ["blue", "red"]
        assert [band.scale for band in scene.bands] == [1e-4] * 2
        assert [band.offset for band in scene.bands] == pytest.approx([offset] * 2)
        assert scene.nodata == 0
        assert codes(scene) == []
        assert str(scene.acquisition) == "2024-06-06 02:25 UTC"


def test_assets_of_a_server_are_found_under_their_names_beside_the_item(tmp_path: Path) -> None:
    far = "https://example.org/tiles/51/S/YB/"
    for name, size in (("B04", 10), ("B11", 20), ("SCL", 20)):
        write_band(tmp_path / f"{name}.tif", ground(600 // size), size=size)
    assets = {
        "red": asset(f"{far}B04.tif", "red", scale=1e-4, offset=0),
        "rededge1": asset(f"{far}B05.tif", "rededge", scale=1e-4, offset=0),  # not here
        "swir16": asset(f"{far}B11.tif", "swir16", scale=1e-4, offset=0),
        "scl": {"href": f"{far}SCL.tif", "roles": ["data"], "raster:bands": [{}]},
    }
    scene = opened(item(tmp_path, assets))
    assert labels(scene) == ["red"]
    assert labels(opened(scene.path, bands="red,swir16")) == ["red", "swir16"]


def test_sentinel_2_s_red_edges_are_told_apart(tmp_path: Path) -> None:
    assets = {}
    for number in (5, 6, 7):
        write_band(tmp_path / f"B0{number}.tif", ground(30), size=20)
        assets[f"rededge{number - 4}"] = asset(f"B0{number}.tif", "rededge", scale=1e-4)
    assert labels(opened(item(tmp_path, assets))) == ["rededge071", "rededge075", "rededge078"]


def test_an_item_of_one_image_is_that_image_and_its_date(tmp_path: Path) -> None:
    write_band(tmp_path / "visual.tif", ground(30), size=1)
    write_band(tmp_path / "thumb.tif", ground(3), size=10)
    assets = {
        "visual": {"href": "visual.tif", "roles": ["visual"]},
        "thumbnail": {"href": "thumb.tif", "roles": ["thumbnail"]},
    }
    scene = opened(item(tmp_path, assets, name="some-id", platform="worldview-3"))
    assert scene.name == "visual.tif"
    assert str(scene.acquisition) == "2024-06-06 02:25 UTC"
    assert scene.platform == "worldview-3"
    second = assets | {
        "second": {"href": "visual2.tif", "roles": ["data"]},
        "third": {"href": "third.tif"},
    }
    for name in ("visual2", "third"):
        write_band(tmp_path / f"{name}.tif", ground(30), size=1)
    assert "2 images" in refused(item(tmp_path, second, name="some-id"))


@pytest.mark.parametrize(
    "href",
    [
        "../out.tif",
        "/{out}",
        "sub/../../out.tif",
        "link.tif",
        "file:///{out}",
        "/vsicurl/http://x/y.tif",
    ],
)
def test_no_asset_leads_out_of_its_folder(tmp_path: Path, href: str) -> None:
    out = write_band(tmp_path / "out.tif", ground(30), size=10)
    folder = tmp_path / "item"
    folder.mkdir()
    write_band(folder / "B02.tif", ground(30), size=10)
    (folder / "link.tif").symlink_to(out)
    assets = {
        "red": asset(href.format(out=str(out).lstrip("/")), "red", scale=1e-4),
        "blue": asset("B02.tif", "blue", scale=1e-4),
    }
    path = item(folder, assets)
    if href in ("../out.tif", "sub/../../out.tif", "link.tif"):
        if href.startswith("sub"):
            (folder / "sub").mkdir()
        with pytest.raises(InputError, match="leads out of the product's folder"):
            find_product(path)
    else:  # absolute: looked for under its name beside the item, where it isn't
        assert find_product(path) == Image(folder / "B02.tif", (path,))


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
            st.sampled_from(["href", "assets", "properties", "raster:bands", "eo:bands", "bands",
                             "roles", "scale", "offset", "type", "platform", "proj:transform"]),
            inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_no_item_breaks_the_finder(tmp_path: Path, value: object) -> None:
    write_band(tmp_path / "B02.tif", ground(3), size=10)
    path = tmp_path / "item.json"
    for content in (
        value,
        {"type": "Feature", "properties": value, "assets": value},
        {"type": "Feature", "properties": {}, "assets": {"a": value}},
        {"type": "Feature", "properties": {"platform": value},
         "assets": {"a": {"href": "B02.tif", "eo:bands": value, "raster:bands": value,
                          "roles": value}}},
    ):  # fmt: skip
        path.write_text(json.dumps(content), "utf-8")
        assert isinstance(find_product(path), (Image, Product))


# Folders of other kinds.


def test_a_folder_with_one_image_is_that_image(tmp_path: Path) -> None:
    image = write_band(tmp_path / "square.tif", ground(30), size=1)
    for name in ("square_udm2.tif", "square_scl.tif", "square_thumb.tif", "square.png"):
        (tmp_path / name).write_bytes(b"not looked at")
    (tmp_path / "notes.txt").write_text("seen in June", "utf-8")
    assert find_product(tmp_path) == Image(image)
    assert opened(tmp_path).name == "square.tif"


def test_several_images_that_do_not_belong_together_are_named(tmp_path: Path) -> None:
    for name in ("june.tif", "july.tif"):
        write_band(tmp_path / name, ground(30), size=1)
    told = refused(tmp_path)
    assert "holds 2 images" in told
    assert "july.tif, june.tif" in told


def test_a_planet_order(tmp_path: Path) -> None:
    stem = "20240606_014458_104b_3B"
    analytic = write_band(tmp_path / f"{stem}_AnalyticMS_SR_clip.tif", ground(30), size=3)
    for name in ("_udm2_clip.tif", "_Visual_clip.tif", "_AnalyticMS_metadata_clip.xml"):
        (tmp_path / (stem + name)).write_bytes(b"not looked at")
    assert find_product(tmp_path) == Image(analytic)
    other = tmp_path / f"{stem}_AnalyticMS_clip.tif"
    shutil.copy(analytic, other)
    assert other.name in refused(tmp_path)


def test_tiles_of_one_image_are_refused_with_the_step(tmp_path: Path) -> None:
    for tile in ("R1C1", "R1C2"):
        write_band(tmp_path / f"24JUN06022531-M2AS-{tile}.TIF", ground(30), size=1)
    assert "gdalbuildvrt" in refused(tmp_path)


@pytest.mark.parametrize(("start", "step"), [(b"PK\3\4", "unzip"), (b"\x1f\x8b\x08\0", "tar -xf")])
def test_an_archive_is_refused_with_the_step(tmp_path: Path, start: bytes, step: str) -> None:
    path = tmp_path / "S2A_MSIL2A_20240606T022531_N0510_R046_T51SYB_20240606T060000.SAFE.zip"
    path.write_bytes(start + b"...")
    assert step in refused(path)


def test_a_folder_without_an_image(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here", "utf-8")
    assert "notes.txt" in refused(tmp_path, MissingInputError)


def test_a_product_without_its_images(tmp_path: Path) -> None:
    safe = sentinel2(tmp_path, {})
    assert "without its images" in refused(safe / "MTD_MSIL2A.xml")
    (safe / "GRANULE" / "L2A_T51SYB_A046000_20240606T022530").mkdir(parents=True)
    assert "without its images" in refused(safe)
    path = tmp_path / f"{LANDSAT}_MTL.txt"
    path.write_text(mtl_text(SECOND_LEVEL), "utf-8")
    assert "none of its images" in refused(path)


def test_an_item_without_its_images(tmp_path: Path) -> None:
    path = item(tmp_path, {"red": asset("https://example.org/B04.tif", "red")})
    assert "twopass fetch" in refused(path)
    image = write_band(tmp_path / "square.tif", ground(30), size=1)
    assert find_product(tmp_path) == Image(image)


def test_a_folder_of_very_many_files_is_no_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagery.products._files.MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"{number}.txt").touch()
    assert "more than 3 files" in refused(tmp_path)


def test_two_files_of_one_band_are_one(tmp_path: Path) -> None:
    folder = landsat(tmp_path, {"SR_B4": ground(20), "SR_B5": ground(20)})
    shutil.copy(folder / f"{LANDSAT}_SR_B4.TIF", folder / f"{LANDSAT}_sr_b4.tif")
    assert labels(opened(folder)) == ["red", "nir08"]


def test_a_link_out_of_a_product_is_refused(tmp_path: Path) -> None:
    outside = write_band(tmp_path / "elsewhere.jp2", ground(120), size=10)
    safe = sentinel2(tmp_path / "product", bands_of())
    band = next(safe.rglob("*_B04_10m.jp2"))
    band.unlink()
    band.symlink_to(outside)
    told = refused(safe)
    assert band.name in told
    assert str(tmp_path) not in told


# What doesn't fit together.


def test_grids_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = landsat(tmp_path, {"SR_B4": ground(20), "SR_B5": ground(20)})
    path = folder / f"{LANDSAT}_SR_B6.TIF"
    moved = Affine(30, 0, CORNER[0] + 15, 0, -30, CORNER[1])
    for how in (
        {"transform": moved},
        {"crs": "EPSG:32652"},
        {"transform": Affine(20, 0, CORNER[0], 0, -20, CORNER[1])},
    ):
        write_band(path, ground(20), size=30, **how)
        assert "don't lie on grids" in refused(folder, bands="red,swir16")
        assert labels(opened(folder, bands="red,nir08")) == ["red", "nir08"]


def test_a_finer_file_may_end_inside_the_last_coarse_pixel(tmp_path: Path) -> None:
    fine, coarse = ground(121)[:119], ground(61)[:60]
    for band, pixels, size in (("B04", fine, 10), ("B11", coarse, 20)):
        write_band(tmp_path / f"T51SYB_20240606T022531_{band}.jp2", pixels, size=size)
    raster = whole(opened(tmp_path, bands="red,swir16"))
    assert raster.data.shape == (2, 60, 61)
    assert raster.valid[:59, :60].all()
    assert not raster.valid[59].any()
    assert not raster.valid[:, 60].any()
    np.testing.assert_allclose(raster.data[0, :59, :60], means(fine[:118, :120], 2), rtol=1e-6)


def test_options_that_a_product_has_no_answer_to(tmp_path: Path) -> None:
    safe = sentinel2(tmp_path, bands_of())
    with pytest.raises(UsageError, match="no such band") as caught:
        opened(safe, bands="ultraviolet")
    assert "4 (red)" in str(caught.value)
    with pytest.raises(UsageError, match="--no-georeference works on a single image"):
        opened(safe, read={"no_georeference": True, "pixel_size": 10.0})
    assert opened(safe, read={"nodata": 7.0}).nodata == 7
    assert opened(safe, read={"nodata": float("nan")}).nodata is None
    assert labels(opened(safe, bands="4,b11")) == ["red", "swir16"]


def test_a_file_that_has_changed_since_it_was_opened_is_told(tmp_path: Path) -> None:
    scene = opened(sentinel2(tmp_path, bands_of()))
    band = next(scene.path.rglob("*_B04_10m.jp2"))
    band.unlink()
    write_band(band, ground(60), size=10)
    with pytest.raises(InputError, match="has changed since it was opened") as caught:
        whole(scene)
    assert band.name in str(caught.value)


def test_a_damaged_band_is_told_by_its_own_name(tmp_path: Path) -> None:
    safe = sentinel2(tmp_path, bands_of())
    band = next(safe.rglob("*_B03_10m.jp2"))
    band.write_bytes(b"hello")
    with pytest.raises(InputError, match=f"^{band.name}"):
        opened(safe)


# All the way.


def test_a_change_between_two_products_of_either_baseline_is_found(tmp_path: Path) -> None:
    made = textured_pair(shape=(400, 400), bands=4, shift=(0.6, -1.3), seed=3, noise=0.05)
    before, after = (np.clip(i * 300 + 2000, 1, 60_000) for i in (made.before, made.after))
    after[:, 200:224, 120:160] += 1500
    former = dict(zip(TEN, before.astype(np.uint16), strict=True))
    later = dict(zip(TEN, after.astype(np.uint16) + np.uint16(1000), strict=True))
    found = detect(
        sentinel2(tmp_path, former, day="20210606", baseline="03.01", offset=None),
        sentinel2(tmp_path, later, day="20240606", baseline="05.10"),
        folder=tmp_path,
        options=DetectOptions(masks=MaskOptions(clouds="none")),
    )
    assert found.alignment.verdict == "trusted"
    assert found.bands.names == ("blue", "green", "red", "nir")
    assert found.bands.how == "product"
    assert found.plan.pixel_size_m == pytest.approx(10, rel=1e-3)
    with rasterio.open(found.rasters["change"]) as dataset:
        change = dataset.read(1) != 0
    # What lies at p in the earlier image lies at p - shift in the later one.
    rows, cols = np.nonzero(change)
    top, left = (-found.plan.display.top, -found.plan.display.left)
    assert abs(rows.mean() - (211.5 + 0.6 + top)) < 0.5
    assert abs(cols.mean() - (139.5 - 1.3 + left)) < 0.5
    assert change.sum() == pytest.approx(24 * 40, rel=0.2)


def test_a_product_stays_and_is_not_moved(tmp_path: Path) -> None:
    safe = sentinel2(tmp_path, bands_of())
    with pytest.raises(InputError, match="only one file can be moved") as caught:
        open_stored(safe, options=ReadOptions())
    assert str(caught.value).startswith(safe.name)
    assert "gdal_translate" in str(caught.value)
    alone = tmp_path / "alone"
    write_band(alone / "square.tif", ground(30), size=1)
    assert open_stored(alone, options=ReadOptions()).scene.name == "square.tif"
