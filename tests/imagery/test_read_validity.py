from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from reading import UTM, WriteTif, codes, noise, opened, whole

from imagery.blocks import Window
from imagery.read import read_window

pytestmark = pytest.mark.usefixtures("environment")


def test_nan_is_missing_though_nodata_is_another_value(write_tif: WriteTif) -> None:
    image = noise(1, 9, 9).astype(np.float32)
    image[0, 0] = np.nan
    image[0, 1] = -9999
    image[0, 2, 0] = np.inf
    raster = whole(opened(write_tif(image, nodata=-9999)))
    assert not raster.valid[:2].any()
    assert not raster.valid[2, 0]
    assert raster.valid[3:].all()
    assert np.isfinite(raster.data).all()


def test_nodata_that_the_pixels_cannot_hold_is_left_out(write_tif: WriteTif) -> None:
    path = write_tif(noise(1, 30, 30, dtype="uint8"), nodata=77)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"77\0", b"-9\0", 1))
    scene = opened(path)
    assert scene.nodata is None
    assert whole(scene).valid.all()
    scene = opened(path, read={"nodata": -9999.0})
    assert scene.nodata is None
    assert codes(scene) == ["nodata-ignored"]


def test_given_nodata_overrides_the_files(write_tif: WriteTif) -> None:
    image = noise(1, 9, 9)
    image[0, :2] = 0
    image[0, 2:4] = 500
    scene = opened(write_tif(image, nodata=0), read={"nodata": 500.0})
    assert scene.nodata == 500
    valid = whole(scene).valid
    assert valid[:2].all()
    assert not valid[2:4].any()


def test_given_nan_says_that_an_integer_image_has_no_nodata(write_tif: WriteTif) -> None:
    image = noise(1, 40, 40)
    image[0, :, :12] = 0
    for nodata in (0, None):
        scene = opened(write_tif(image, nodata=nodata), read={"nodata": float("nan")})
        assert scene.nodata is None
        assert scene.collar is None
        assert whole(scene).valid.all()
        assert scene.cautions == ()


def test_an_internal_mask(write_tif: WriteTif) -> None:
    mask = np.full((9, 9), 255, np.uint8)
    mask[:3] = 0
    scene = opened(write_tif(noise(3, 9, 9, dtype="uint8"), mask=mask))
    assert scene.has_mask
    assert scene.alpha is None
    np.testing.assert_array_equal(whole(scene).valid, mask > 0)


def test_a_mask_beside_the_file(write_tif: WriteTif, tmp_path: Path) -> None:
    mask = np.full((1, 9, 9), 255, np.uint8)
    mask[:, :, 4:] = 0
    path = write_tif(noise(1, 9, 9))
    with rasterio.open(
        tmp_path / "image.tif.msk", "w", driver="GTiff", width=9, height=9, count=1, dtype="uint8",
        crs="EPSG:32651", transform=UTM,
    ) as dataset:  # fmt: skip
        dataset.write(mask)
        dataset.update_tags(INTERNAL_MASK_FLAGS_1="2")
    scene = opened(path)
    assert [file.name for file in scene.files] == ["image.tif", "image.tif.msk"]
    np.testing.assert_array_equal(whole(scene).valid, mask[0] > 0)


def rgba(alpha: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([noise(3, *alpha.shape, dtype="uint8"), alpha[None]])


COLOURS = ("red", "green", "blue", "alpha")


def test_alpha_says_where_the_image_is(write_tif: WriteTif) -> None:
    alpha = np.full((20, 20), 255, np.uint8)
    alpha[:, 15:] = 0
    scene = opened(write_tif(rgba(alpha), colours=COLOURS, photometric="rgb"))
    assert scene.alpha is not None
    assert (scene.alpha.index, scene.has_mask) == (4, True)
    assert [band.name for band in scene.bands] == ["red", "green", "blue"]
    np.testing.assert_array_equal(whole(scene).valid, alpha > 0)


def test_alpha_counts_beside_nodata(write_tif: WriteTif) -> None:
    alpha = np.full((20, 20), 255, np.uint8)
    alpha[:, 15:] = 0
    image = rgba(alpha)
    image[:3, :4] = 0
    scene = opened(write_tif(image, colours=COLOURS, photometric="rgb", nodata=0))
    truth = alpha > 0
    truth[:4] = False
    np.testing.assert_array_equal(whole(scene).valid, truth)


def test_constant_alpha_is_alpha(write_tif: WriteTif) -> None:
    path = write_tif(rgba(np.full((20, 20), 255, np.uint8)), colours=COLOURS, photometric="rgb")
    scene = opened(path)
    assert len(scene.bands) == 3
    assert whole(scene).valid.all()


def test_near_infrared_that_is_tagged_alpha_is_a_band(write_tif: WriteTif) -> None:
    path = write_tif(noise(4, 40, 40, dtype="uint8"), colours=COLOURS, photometric="rgb")
    scene = opened(path)
    assert scene.alpha is None
    assert len(scene.bands) == 4
    assert codes(scene) == ["alpha-is-measurement"]
    assert whole(scene).valid.all()


def test_alpha_of_a_picture_is_always_alpha(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "a.png"
    picture = noise(20, 20, 4, dtype="uint8")
    Image.fromarray(picture).save(path)
    scene = opened(path, read={"no_georeference": True, "pixel_size": 1.0})
    np.testing.assert_array_equal(whole(scene).valid, picture[:, :, 3] >= 128)


def test_an_untagged_collar_is_missing_and_a_black_roof_is_not(write_tif: WriteTif) -> None:
    image = noise(3, 60, 80, dtype="uint8")
    image[:, :, :15] = 0
    image[:, 30:40, 40:55] = 0
    scene = opened(write_tif(image))
    assert codes(scene) == ["untagged-collar"]
    assert "19 %" in scene.cautions[0].message
    assert "of 0 over" in scene.cautions[0].message
    truth = np.ones((60, 80), bool)
    truth[:, :15] = False
    np.testing.assert_array_equal(whole(scene).valid, truth)
    # One band alone, and a part of the image, see the same.
    part = read_window(scene, Window(20, 5, 45, 70), bands=[2])
    np.testing.assert_array_equal(part.valid, truth[20:45, 5:70])


def test_a_collar_in_an_image_larger_than_the_sampling(write_tif: WriteTif) -> None:
    rows, cols = np.mgrid[:1300, :2200]
    truth = (cols > 90 + rows // 13) & (rows < 1290)
    image = np.where(truth, noise(1300, 2200), 0).astype(np.uint16)
    scene = opened(write_tif(image[None], tiled=True, blockxsize=256, blockysize=256))
    assert scene.collar is not None
    assert scene.collar.factor == 3
    np.testing.assert_array_equal(whole(scene).valid, truth)


def test_a_tagged_border_is_no_collar(write_tif: WriteTif) -> None:
    image = noise(1, 60, 80)
    image[:, :, :15] = 0
    assert opened(write_tif(image, nodata=65535)).collar is None
