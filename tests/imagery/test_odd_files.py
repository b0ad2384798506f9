"""Real files, among them ones that break tools: each opens or is refused, never a traceback."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from imagery.errors import InputError, TwopassError
from imagery.options import ReadOptions, SceneOptions
from imagery.read import open_scene, read_window
from imagery.scene import Scene

pytestmark = [pytest.mark.data, pytest.mark.usefixtures("environment")]

REFUSED = {
    "image-tiff__12bit.cropped.tiff": "not georeferenced",
    "image-tiff__BigTIFF.tif": "not georeferenced",
    "image-tiff__colormap-shl-overflow.tiff": "damaged",
    "image-tiff__graydepth-invert-overflow-5a0aad5024cc4ff3.tiff": "damaged",
    "lfs-pointer__amsterdam_patches_A.tif": "Git LFS pointer",
    "odc-geo__au-gcp.tif": "ground control points only",
    "rasterio__rotated.tif": "has no CRS",
    "rio-cogeo__image_colormap.tif": "palette",
    "rio-stac__dataset_colormap.tif": "palette",
    "rio-tiler__cog_gcps.tif": "ground control points only",
    "rio-tiler__cog_hirise_mars.tif": "not on Earth",
}


def opened(path: Path, **read: object) -> Scene:
    return open_scene(
        path,
        role="after",
        scene_options=SceneOptions(),
        read_options=ReadOptions(**read),  # type: ignore[arg-type]
    )


def first_bands(scene: Scene) -> list[int]:
    return [band.index for band in scene.bands][:3]


def test_every_odd_file_opens_or_is_refused_in_one_line(data: Path) -> None:
    refused = {}
    for path in sorted((data / "odd").iterdir()):
        try:
            scene = opened(path)
        except InputError as error:
            refused[path.name] = str(error)
            continue
        assert all("\n" not in caution.message for caution in scene.cautions)
    assert set(refused) == set(REFUSED)
    for name, message in refused.items():
        assert message.startswith(name)
        assert REFUSED[name] in message
        assert "\n" not in message
        assert str(data) not in message


def test_every_odd_file_is_read_finite_or_refused(data: Path) -> None:
    broken = {}
    for path in sorted((data / "odd").iterdir()):
        try:
            scene = opened(path, no_georeference=True, pixel_size=1.0)
            raster = read_window(
                scene, scene.window.padded(5), bands=first_bands(scene), decimate=3
            )
        except TwopassError as error:
            broken[path.name] = str(error)
            continue
        assert np.isfinite(raster.data).all()
        assert not raster.data[:, ~raster.valid].any()
    assert all(message.startswith(name) for name, message in broken.items())
    assert "rasterio__corrupt.tif" in broken
    assert len(broken) == 6


@pytest.mark.parametrize(
    ("name", "share"),
    [
        ("geotrellis__propval_bg_01_01.tif", 0.0),
        ("rasterio__all-nodata.tif", 0.0),
        ("rasterio__float_raster_with_nodata.tif", 0.628),
        ("rio-cogeo__image_rgb_mask.tif", 0.905),
        ("rio-cogeo__image_rgba_nodata.tif", 1.0),
        ("rio-stac__dataset_missing_nodata_nan.tif", 0.001),
        ("rio-tiler__cog_nodata_nan.tif", 0.489),
        ("rio-tiler__cog_dateline.tif", 0.669),
        ("rio-tiler__pix4d_alpha_nodata.tif", 0.876),
        ("telluric__overlap1.tif", 0.794),
        ("rioxarray__2d_test.tif", 1.0),
    ],
)
def test_validity_of_odd_files(data: Path, name: str, share: float) -> None:
    scene = opened(data / "odd" / name)
    raster = read_window(scene, scene.window, bands=first_bands(scene))
    assert raster.valid.mean() == pytest.approx(share, abs=0.001)


def test_every_georeferenced_pair_opens(data: Path) -> None:
    count = 0
    for path in sorted((data / "pairs").glob("*/*")):
        if path.suffix.lower() != ".tif":
            continue
        with rasterio.open(path) as dataset:
            georeferenced = dataset.crs is not None
        if georeferenced:
            scene = opened(path)
            assert scene.geobox.crs is not None
            count += 1
        else:
            assert opened(path, no_georeference=True, pixel_size=0.7).geobox.crs is None
    assert count > 100


def test_dates_of_real_files(data: Path) -> None:
    pairs = data / "pairs"
    expected = {
        "naip_north_dakota/m_4709963_se_14_1_20090818.tif": "2009-08-18",
        "landsat8_new_york/LC08_L1TP_013032_20180131_B2.TIF": "2018-01-31",
        "planet_udm2/20200629_030740_0f28_3B_udm2_clip.tif": "2020-06-29 03:07 UTC",
        "cross_sensor_south_africa/landsat8_byte.tif": "2015-09-23 08:10 UTC",
        "sentinel2_berlin/ref_S2A_20160608T153121_T33UUU_sub.tif": "date unknown",
    }
    for name, text in expected.items():
        assert str(opened(pairs / name).acquisition) == text
    written = opened(
        pairs / "pleiades_kahramanmaras" / "post_event_img1.tif",
        no_georeference=True,
        pixel_size=0.7,
    )
    assert not written.acquisition.known
    assert [caution.code for caution in written.cautions] == ["date-not-confirmed"]


def test_constant_alpha_of_a_real_file(data: Path) -> None:
    scene = opened(data / "pairs" / "gaofen2" / "before.tif")
    assert scene.alpha is not None
    assert [band.index for band in scene.bands] == [1, 2, 3]
    raster = read_window(scene, scene.window, bands=[1, 2, 3])
    assert raster.valid.all()


def test_untagged_swath_edge_of_a_real_file(data: Path) -> None:
    folder = data / "pairs" / "landsat8_new_york"
    scene = opened(folder / "LC08_L1TP_013032_20180131_B3.TIF")
    assert scene.collar is not None
    assert [caution.code for caution in scene.cautions] == ["untagged-collar"]
    with rasterio.open(scene.path) as dataset:
        stored = dataset.read(1)
    raster = read_window(scene, scene.window, bands=[1])
    np.testing.assert_array_equal(raster.valid, stored != 0)
