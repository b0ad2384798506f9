from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from reading import UTM, WriteTif, noise, opened, whole

from imagery.blocks import Window
from imagery.env import close_handles, raster_environment
from imagery.errors import InputError, MissingInputError
from imagery.raster import Raster
from imagery.read import read_window
from imagery.scene import Scene

pytestmark = pytest.mark.usefixtures("environment")


Lattice = tuple[Scene, NDArray[Any], NDArray[Any]]


@pytest.fixture(scope="module")
def lattice(tmp_path_factory: pytest.TempPathFactory) -> Lattice:
    """A scene with nodata and a mask, its values, and its validity."""
    rng = np.random.default_rng(7)
    image = rng.integers(1, 60000, (2, 97, 131)).astype(np.uint16)
    mask = np.where(rng.random((97, 131)) < 0.1, 0, 255).astype(np.uint8)
    image[0, rng.random((97, 131)) < 0.1] = 0
    path = tmp_path_factory.mktemp("lattice") / "a.tif"
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES"),
        rasterio.open(
            path, "w", driver="GTiff", width=131, height=97, count=2, dtype="uint16", nodata=0,
            crs="EPSG:32651", transform=UTM, tiled=True, blockxsize=32, blockysize=16,
        ) as dataset,
    ):  # fmt: skip
        dataset.write(image)
        dataset.write_mask(mask)
    with raster_environment():
        scene = opened(path)
    return scene, image, (mask > 0) & (image > 0).all(axis=0)


def expected(lattice: Lattice, window: Window) -> tuple[NDArray[Any], NDArray[Any]]:
    """The window from the arrays, by padding them far enough."""
    _, image, valid = lattice
    far = 400
    data = np.pad(np.where(valid, image, 0), ((0, 0), (far, far), (far, far)))
    seen = np.pad(valid, far)
    rows, cols = (
        slice(window.top + far, window.bottom + far),
        slice(window.left + far, window.right + far),
    )
    return data[:, rows, cols].astype(np.float32), seen[rows, cols]


windows = st.builds(
    lambda top, left, height, width: Window(top, left, top + height, left + width),
    st.integers(-150, 200),
    st.integers(-150, 200),
    st.integers(1, 180),
    st.integers(1, 180),
)
on_one_scene = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@on_one_scene
@given(window=windows)
def test_property_a_window_may_leave_the_image(lattice: Lattice, window: Window) -> None:
    raster = read_window(lattice[0], window, bands=[1, 2])
    data, valid = expected(lattice, window)
    np.testing.assert_array_equal(raster.valid, valid)
    np.testing.assert_array_equal(raster.data, data)
    assert raster.geobox.shape == window.shape


@on_one_scene
@given(window=windows, factor=st.integers(1, 40))
def test_property_a_decimated_window_holds_the_means_of_valid_pixels(
    lattice: Lattice, window: Window, factor: int
) -> None:
    raster = read_window(lattice[0], window, bands=[2, 1], decimate=factor)
    data, valid = expected(lattice, window)
    rows, cols = -(-window.height // factor), -(-window.width // factor)
    more = (0, rows * factor - window.height), (0, cols * factor - window.width)
    blocks = (rows, factor, cols, factor)
    counts = np.pad(valid, more).reshape(blocks).sum(axis=(1, 3))
    np.testing.assert_array_equal(raster.valid, counts > 0)
    for band in (0, 1):
        padded = np.pad(data[band].astype(np.float64), more)
        sums = padded.reshape(blocks).sum(axis=(1, 3))
        means = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
        np.testing.assert_allclose(raster.data[1 - band], means, rtol=1e-6)


@on_one_scene
@given(window=windows, row=st.integers(1, 179), col=st.integers(1, 179))
def test_property_parts_make_the_whole(
    lattice: Lattice, window: Window, row: int, col: int
) -> None:
    row, col = window.top + row % window.height, window.left + col % window.width
    around = read_window(lattice[0], window, bands=[1])
    for part in (
        Window(window.top, window.left, row, col),
        Window(window.top, col, row, window.right),
        Window(row, window.left, window.bottom, col),
        Window(row, col, window.bottom, window.right),
    ):
        if part.empty:
            continue
        raster = read_window(lattice[0], part, bands=[1])
        place = part.within(window)
        np.testing.assert_array_equal(raster.data[0], around.data[0][place])
        np.testing.assert_array_equal(raster.valid, around.valid[place])


def test_a_decimated_read_in_chunks_is_that_in_one_piece(
    lattice: Lattice, monkeypatch: pytest.MonkeyPatch
) -> None:
    from imagery.read import _pixels

    window = Window(-5, -9, 100, 120)
    once = read_window(lattice[0], window, bands=[1, 2], decimate=4)
    monkeypatch.setattr(_pixels, "_CHUNK", 1)
    chunks = read_window(lattice[0], window, bands=[1, 2], decimate=4)
    np.testing.assert_array_equal(once.data, chunks.data)
    np.testing.assert_array_equal(once.valid, chunks.valid)


def test_the_grid_of_a_decimated_window_is_as_many_times_coarser(lattice: Lattice) -> None:
    geobox = read_window(lattice[0], Window(-4, 6, 41, 30), bands=[1], decimate=8).geobox
    assert geobox.shape == (6, 3)
    assert geobox.affine == Affine(80, 0, 500_060, 0, -80, 4_320_040)
    assert geobox.crs is not None
    assert geobox.crs.epsg == 32651


def test_rasterio_reads_the_same_inside(lattice: Lattice) -> None:
    scene = lattice[0]
    raster = read_window(scene, Window(10, 20, 60, 90), bands=[2, 1])
    with rasterio.open(scene.path) as dataset:
        oracle = dataset.read([2, 1], window=rasterio.windows.Window(20, 10, 70, 50))
    np.testing.assert_array_equal(raster.data, np.where(raster.valid, oracle, 0))


@pytest.mark.parametrize(
    ("window", "bands", "decimate"),
    [
        (Window(0, 0, 0, 5), [1], 1),
        (Window(0, 0, 5, 5), [3], 1),
        (Window(0, 0, 5, 5), [], 1),
        (Window(0, 0, 5, 5), [1], 0),
    ],
)
def test_misuse_of_read_window(
    lattice: Lattice, window: Window, bands: list[int], decimate: int
) -> None:
    with pytest.raises(ValueError, match="found"):
        read_window(lattice[0], window, bands=bands, decimate=decimate)


@pytest.mark.parametrize("compress", ["deflate", "jpeg"])
def test_a_file_that_is_cut_off_names_itself_and_the_window(
    write_tif: WriteTif, compress: str
) -> None:
    path = write_tif(
        noise(1, 512, 512, dtype="uint8"), nodata=0, tiled=True, blockxsize=256, blockysize=256,
        compress=compress,
    )  # fmt: skip
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    scene = opened(path)
    assert whole_window(scene, Window(0, 0, 100, 100)).valid.any()
    with pytest.raises(InputError, match=r"image\.tif: damaged or cut off.*rows 256 to 512"):
        whole_window(scene, Window(300, 300, 512, 512))


def whole_window(scene: Scene, window: Window) -> Raster:
    return read_window(scene, window, bands=[1])


def test_a_file_that_changed_or_went_after_it_was_opened(
    write_tif: WriteTif, tmp_path: Path
) -> None:
    path = write_tif(noise(1, 20, 20))
    scene = opened(path)
    other = write_tif(noise(1, 30, 30), "other.tif")
    shutil.copy(other, path)
    with pytest.raises(InputError, match="has changed"):
        whole(scene)
    close_handles()
    path.unlink()
    with pytest.raises(MissingInputError, match="no such file"):
        whole(scene)
