from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from reading import UTM, WriteTif, codes, crs_code, noise, opened, whole

from imagery.blocks import Window
from imagery.errors import UsageError
from imagery.read import read_window
from imagery.record import sha256_of

pytestmark = pytest.mark.usefixtures("environment")


# What opens.


def test_a_plain_image(write_tif: WriteTif) -> None:
    image = noise(3, 30, 40)
    scene = opened(write_tif(image, nodata=0))
    assert scene.name == "image.tif"
    assert scene.geobox.shape == (30, 40)
    assert scene.geobox.affine == UTM
    assert crs_code(scene) == 32651
    assert (scene.driver, scene.dtype, scene.nodata) == ("GTiff", "uint16", 0)
    assert [band.label for band in scene.bands] == ["band 1", "band 2", "band 3"]
    assert not scene.display_product
    assert not scene.simulated
    assert str(scene.acquisition) == "date unknown"
    assert scene.cautions == ()
    raster = whole(scene)
    assert raster.data.dtype == np.float32
    np.testing.assert_array_equal(raster.data, image)
    assert raster.valid.all()
    assert raster.geobox == scene.geobox


@pytest.mark.parametrize(
    "dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
)
def test_every_real_dtype_is_read_as_float32(write_tif: WriteTif, dtype: str) -> None:
    image = noise(1, 20, 20, dtype=dtype) if dtype != "int8" else noise(1, 20, 20) // 2
    image = image.astype(dtype)
    scene = opened(write_tif(image))
    assert scene.dtype == dtype
    raster = whole(scene)
    assert raster.data.dtype == np.float32
    np.testing.assert_array_equal(raster.data, image.astype(np.float32))


@pytest.mark.parametrize(
    "transform",
    [
        UTM,
        Affine(9.4, 3.4, 5e5, 3.4, -9.4, 4.3e6),  # rotated
        Affine(10, 0, 5e5, 0, 10, 4.3e6),  # south up
        Affine(10, 3, 5e5, 0, -10, 4.3e6),  # sheared
        Affine(10, 0, 5e5, 0, -30, 4.3e6),  # oblong
    ],
)
def test_every_sound_geotransform_is_kept(write_tif: WriteTif, transform: Affine) -> None:
    scene = opened(write_tif(noise(1, 9, 9), transform=transform))
    assert scene.geobox.affine.almost_equals(transform, 1e-6)
    part = read_window(scene, Window(2, 3, 6, 8), bands=[1])
    corner = part.geobox.affine.c, part.geobox.affine.f
    a, b, c, d, e, f = tuple(transform)[:6]
    assert corner == pytest.approx((3 * a + 2 * b + c, 3 * d + 2 * e + f))


def test_crs_of_degrees_and_the_antimeridian(write_tif: WriteTif) -> None:
    far = Affine(0.01, 0, 179.97, 0, -0.01, 5)
    path = write_tif(noise(1, 9, 9), crs="EPSG:4326", transform=far)
    assert crs_code(opened(path)) == 4326


def test_a_compound_crs_is_taken_as_its_horizontal_part(write_tif: WriteTif) -> None:
    scene = opened(write_tif(noise(1, 9, 9), crs="EPSG:32651+5773"))
    assert crs_code(scene) == 32651


def test_scale_and_offset_are_applied_and_nodata_is_compared_before(write_tif: WriteTif) -> None:
    image = noise(2, 12, 12, dtype="int16")
    image[:, :3] = -999
    scene = opened(write_tif(image, nodata=-999, scales=(0.5, 2.0), offsets=(-10.0, 0.0)))
    assert [(band.scale, band.offset) for band in scene.bands] == [(0.5, -10.0), (2.0, 0.0)]
    raster = whole(scene)
    assert not raster.valid[:3].any()
    assert raster.valid[3:].all()
    np.testing.assert_allclose(raster.data[0, 3:], image[0, 3:] * 0.5 - 10)
    np.testing.assert_allclose(raster.data[1, 3:], image[1, 3:] * 2.0)
    assert (raster.data[:, :3] == 0).all()


def test_a_scale_of_zero_is_left_out_with_a_caution(write_tif: WriteTif) -> None:
    scene = opened(write_tif(noise(1, 9, 9), scales=(0.0,)))
    assert scene.bands[0].scale == 1
    assert codes(scene) == ["scale-ignored"]


def test_a_file_is_named_with_its_hash_and_that_of_its_sidecars(
    write_tif: WriteTif, tmp_path: Path
) -> None:
    path = write_tif(noise(1, 9, 9), "a.tif")
    item = {"type": "Feature", "stac_version": "1.0.0", "properties": {}, "assets": {}}
    (tmp_path / "a.json").write_text(json.dumps(item))
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset></PAMDataset>")
    (tmp_path / "b.json").write_text(json.dumps(item))
    files = {file.name: file for file in opened(path).files}
    assert next(iter(files)) == "a.tif"
    assert set(files) == {"a.tif", "a.json", "a.tif.aux.xml"}
    assert files["a.json"].sha256 == sha256_of(tmp_path / "a.json")
    assert files["a.tif"].size == path.stat().st_size


def test_simulated_is_read_from_the_tag(write_tif: WriteTif) -> None:
    assert opened(write_tif(noise(1, 9, 9), tags={"TWOPASS_SIMULATED": "YES"})).simulated


@pytest.mark.parametrize(
    ("driver", "end", "world"), [("PNG", "png", "pgw"), ("JPEG", "jpg", "jgw")]
)
def test_a_picture_with_a_world_file_is_a_display_product(
    tmp_path: Path, driver: str, end: str, world: str
) -> None:
    from PIL import Image

    path = tmp_path / f"export.{end}"
    Image.fromarray(noise(30, 30, 3, dtype="uint8")).save(path)
    (tmp_path / f"export.{world}").write_text("0.5\n0\n0\n-0.5\n500000.25\n4319999.75\n")
    scene = opened(path, read={"crs": "EPSG:32651"})
    assert scene.driver == driver
    assert scene.display_product
    assert scene.geobox.affine == Affine(0.5, 0, 500_000, 0, -0.5, 4_320_000)
    assert {file.name for file in scene.files} == {path.name, f"export.{world}"}


@pytest.mark.parametrize(
    ("count", "dtype", "colours", "display"),
    [
        (3, "uint8", ("red", "green", "blue"), True),
        (4, "uint8", ("red", "green", "blue", "undefined"), True),
        (3, "uint8", ("gray", "undefined", "undefined"), True),
        (1, "uint8", ("gray",), False),
        (3, "uint16", ("red", "green", "blue"), False),
    ],
)
def test_8_bit_colours_are_a_display_product(
    write_tif: WriteTif, count: int, dtype: str, colours: tuple[str, ...], display: bool
) -> None:
    path = write_tif(noise(count, 9, 9, dtype=dtype), colours=colours)
    assert opened(path).display_product is display


def test_8_bit_with_a_scale_is_a_measurement(write_tif: WriteTif) -> None:
    path = write_tif(
        noise(3, 9, 9, dtype="uint8"), colours=("red", "green", "blue"), scales=(0.004,) * 3
    )
    assert not opened(path).display_product


# Options of the user.


@pytest.mark.parametrize(
    ("bands", "indexes"),
    [("3,2,1", [3, 2, 1]), ("2", [2]), ("red, nir", [1, 4]), ("Mystery,1", [5, 1])],
)
def test_bands_are_chosen_by_number_or_name(
    write_tif: WriteTif, bands: str, indexes: list[int]
) -> None:
    path = write_tif(noise(5, 9, 9), descriptions=("Red", "Green", "Blue", "NIR", "mystery"))
    assert [band.index for band in opened(path, bands=bands).bands] == indexes
    assert [band.index for band in opened(path, read={"bands": bands}).bands] == indexes
    assert [b.index for b in opened(path, bands="2", read={"bands": bands}).bands] == [2]


@pytest.mark.parametrize("bands", ["6", "0", "swir16", "1,1", "red,1", "", "1,,2"])
def test_bands_that_are_not_there(write_tif: WriteTif, bands: str) -> None:
    path = write_tif(noise(5, 9, 9), descriptions=("Red", "Green", "Blue", "NIR", "mystery"))
    with pytest.raises(UsageError, match="--before-bands") as caught:
        opened(path, bands=bands)
    assert "4 (nir)" in str(caught.value)


def test_chosen_bands_keep_their_own_scale_and_collar(write_tif: WriteTif) -> None:
    image = noise(3, 40, 40)
    image[:, :, :9] = 0
    path = write_tif(image, scales=(1.0, 2.0, 3.0))
    scene = opened(path, bands="3,1")
    raster = read_window(scene, scene.window, bands=[1, 3])
    np.testing.assert_allclose(raster.data[1, :, 9:], image[2, :, 9:] * 3)
    assert not raster.valid[:, :9].any()


def test_the_users_date_wins_and_is_named(write_tif: WriteTif) -> None:
    path = write_tif(noise(1, 9, 9), "LC08_L1TP_116033_20180428_20180502_01_T1_B4.tif")
    scene = opened(path)
    assert str(scene.acquisition) == "2018-04-28"
    assert scene.acquisition.source == "file name (Landsat product ID)"
    assert scene.platform == "landsat-8"
    assert scene.bands[0].name == "red"
    scene = opened(path, date="2018-04-28T02:11:04Z")
    assert str(scene.acquisition) == "2018-04-28 02:11 UTC"
    assert scene.acquisition.source == "option --before-date"
    assert scene.cautions == ()
    scene = opened(path, date="2019-05-01/2019-05-09")
    assert str(scene.acquisition) == "2019-05-01 to 2019-05-09"
    assert codes(scene) == ["date-overridden"]


@pytest.mark.parametrize(
    "date", ["yesterday", "2024-13-01", "06/06/2024", "", "2024-06-09/2024-06-01"]
)
def test_a_date_that_is_none_names_the_option(write_tif: WriteTif, date: str) -> None:
    with pytest.raises(UsageError, match="--before-date"):
        opened(write_tif(noise(1, 9, 9)), date=date)


def test_a_file_time_is_no_date(write_tif: WriteTif) -> None:
    scene = opened(write_tif(noise(1, 9, 9), tags={"TIFFTAG_DATETIME": "2023:05:11 10:46:49"}))
    assert not scene.acquisition.known
    assert str(scene.acquisition) == "date unknown"
    assert "2023-05-11" in scene.cautions[0].message
    assert codes(scene) == ["date-not-confirmed"]


def test_credit_and_licence(write_tif: WriteTif, tmp_path: Path) -> None:
    path = write_tif(noise(1, 9, 9))
    item = {
        "type": "Feature", "stac_version": "1.0.0", "assets": {},
        "properties": {"license": "CC-BY-4.0", "attribution": "© Somebody"},
    }  # fmt: skip
    (tmp_path / "image.json").write_text(json.dumps(item))
    scene = opened(path)
    assert (scene.credit, scene.license) == ("© Somebody", "CC-BY-4.0")
    assert scene.facts["license"].source == "STAC item image.json: license"
    scene = opened(path, credit="© Me", license="mine")
    assert (scene.credit, scene.license) == ("© Me", "mine")
    assert {name: fact.source for name, fact in scene.facts.items()} == {
        "credit": "option --before-credit",
        "license": "option --before-license",
    }
