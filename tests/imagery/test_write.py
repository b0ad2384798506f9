from __future__ import annotations

import random
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window, tiles_over
from imagery.errors import OutputError
from imagery.write import Looks, create

NAN = float("nan")


def grid(rows: int, cols: int) -> GeoBox:
    return GeoBox((rows, cols), Affine(0.5, 0, 5e5, 0, -0.5, 4.3e6), "EPSG:32651")


def write_whole(path: Path, image: NDArray[Any], **options: Any) -> None:
    rows, cols = image.shape[1:]
    settings: dict[str, Any] = {"nodata": None, **options}
    with create(
        path, geobox=grid(rows, cols), count=len(image), dtype=str(image.dtype), **settings
    ) as raster:
        raster.write(Window(0, 0, rows, cols), image)


def test_a_raster_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    image = np.random.default_rng(0).random((2, 300, 270)).astype(np.float32)
    image[:, :20] = NAN
    path = tmp_path / "a.tif"
    write_whole(path, image, nodata=NAN, descriptions=("rows", "cols"), tags={"UNIT": "px"})
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), image)
        assert dataset.crs.to_epsg() == 32651
        assert dataset.transform == grid(1, 1).affine
        assert np.isnan(dataset.nodata)
        assert dataset.descriptions == ("rows", "cols")
        assert dataset.tags()["UNIT"] == "px"
        assert dataset.block_shapes == [(256, 256)] * 2
        assert dataset.profile["compress"] == "zstd"
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "int16", "int32", "float32"])
def test_every_dtype_that_a_case_holds(tmp_path: Path, dtype: str) -> None:
    image = np.random.default_rng(0).integers(0, 120, (1, 40, 50)).astype(dtype)
    write_whole(tmp_path / "a.tif", image, nodata=0)
    with rasterio.open(tmp_path / "a.tif") as dataset:
        assert dataset.dtypes == (dtype,)
        np.testing.assert_array_equal(dataset.read(), image)


@pytest.mark.parametrize("side", [0.7, 1.0])
def test_a_metric_frame_without_a_crs(tmp_path: Path, side: float) -> None:
    geobox = GeoBox((9, 9), Affine(side, 0, 0, 0, -side, 0), None)
    path = tmp_path / "a.tif"
    with create(path, geobox=geobox, count=1, dtype="uint8", nodata=None) as raster:
        raster.write(Window(0, 0, 9, 9), np.ones((1, 9, 9), np.uint8))
    with rasterio.open(path) as dataset:
        assert dataset.crs is None
        assert dataset.transform == geobox.affine


def test_overviews_are_means_of_floats_and_pixels_of_codes(tmp_path: Path) -> None:
    image = np.zeros((1, 600, 600), np.float32)
    image[:, ::2] = 4
    image[:, :300] = NAN
    write_whole(tmp_path / "f.tif", image, nodata=NAN)
    write_whole(tmp_path / "u.tif", np.nan_to_num(image).astype(np.uint8))
    with rasterio.open(tmp_path / "f.tif", overview_level=0) as dataset:
        small = dataset.read(1)
        assert np.isnan(small[:149]).all()
        assert (small[151:] == 2).all()
    with rasterio.open(tmp_path / "u.tif", overview_level=0) as dataset:
        assert set(np.unique(dataset.read(1))) <= {0, 4}


def test_overviews_of_the_highest_lose_no_pixel(tmp_path: Path) -> None:
    image = np.full((1, 1100, 1300), -1, np.float32)
    image[0, 700, 900], image[0, 1099, 1299] = 50, 60
    image[:, :300] = NAN
    ids = np.zeros((1, 1100, 1300), np.uint32)
    ids[0, 3, 5], ids[0, 1099, 1299] = 2**31 - 1, 7
    write_whole(tmp_path / "f.tif", image, nodata=NAN, overviews="highest")
    write_whole(tmp_path / "u.tif", ids, nodata=0, overviews="highest")
    # Where the missing value is above others.
    write_whole(
        tmp_path / "i.tif", np.nan_to_num(image).astype(np.int16), nodata=0, overviews="highest"
    )
    with rasterio.open(tmp_path / "f.tif") as dataset:
        assert dataset.overviews(1) == [2, 4, 8]
    for level in range(3):
        size = 2 ** (level + 1)
        with rasterio.open(tmp_path / "f.tif", overview_level=level) as dataset:
            small = dataset.read(1)
            assert small[700 // size, 900 // size] == 50
            assert small[-1, -1] == 60
            assert np.isnan(small).sum() == 300 // size * small.shape[1]
            assert set(np.unique(small[~np.isnan(small)])) == {-1, 50, 60}
        with rasterio.open(tmp_path / "u.tif", overview_level=level) as dataset:
            small = dataset.read(1)
            assert small[3 // size, 5 // size] == 2**31 - 1
            assert np.count_nonzero(small) == 2
        with rasterio.open(tmp_path / "i.tif", overview_level=level) as dataset:
            assert dataset.read(1)[-2, -2] == -1


def test_means_leave_out_what_a_mask_or_nodata_marks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    image = rng.integers(1, 4000, (2, 512, 768)).astype(np.uint16)
    valid = rng.random((512, 768)) > 0.4
    valid[:, 500:] = False
    expected = (image * valid).reshape(2, 256, 2, 384, 2).sum(axis=(2, 4))
    seen = valid.reshape(256, 2, 384, 2).sum(axis=(1, 3))
    expected = np.rint(expected / np.maximum(seen, 1))
    path = tmp_path / "m.tif"
    looks = Looks(mask=True, scales=(0.1, 0.2), units=("m", ""), band_tags=({"A": "b"}, {}))
    with create(
        path, geobox=grid(512, 768), count=2, dtype="uint16", nodata=None, looks=looks,
        overviews="means",
    ) as raster:  # fmt: skip
        for tile in tiles_over(Window(0, 0, 512, 768), size=200):
            place = np.s_[tile.top : tile.bottom, tile.left : tile.right]
            raster.write(tile, image[:, *place], valid=valid[place])
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), image)
        np.testing.assert_array_equal(dataset.dataset_mask() > 0, valid)
        assert dataset.scales == (0.1, 0.2)
        assert dataset.tags(1)["A"] == "b"
    with rasterio.open(path, overview_level=0) as dataset:
        np.testing.assert_array_equal(dataset.dataset_mask() > 0, seen > 0)
        np.testing.assert_array_equal(dataset.read(), expected)
    write_whole(tmp_path / "n.tif", np.where(valid, image, 0), nodata=0, overviews="means")
    with rasterio.open(tmp_path / "n.tif", overview_level=0) as dataset:
        np.testing.assert_array_equal(dataset.read(), expected)


def test_means_of_every_dtype_are_those_of_gdal(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    smooth = 100 + rng.normal(size=(1, 512, 512)).cumsum(axis=2)
    for dtype in ("uint8", "int8", "int16", "uint32", "float32", "float64", "complex64"):
        image = (smooth / 2).astype(dtype)
        write_whole(tmp_path / "a.tif", image, overviews="means")
        with rasterio.open(
            tmp_path / "b.tif", "w", driver="GTiff", height=512, width=512, count=1, dtype=dtype,
            crs="EPSG:32651", transform=grid(1, 1).affine,
        ) as dataset:  # fmt: skip
            dataset.write(image)
            dataset.build_overviews([2], rasterio.enums.Resampling.average)
        found, gdal = (
            rasterio.open(tmp_path / name, overview_level=0).read() for name in ("a.tif", "b.tif")
        )
        # Halves are rounded to even here, up there.
        assert np.abs(found.astype(complex) - gdal).max() <= 1


def test_a_large_file_is_a_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).random((1, 600, 700)).astype(np.float32)
    write_whole(tmp_path / "a.tif", image, nodata=NAN, descriptions=("score",))
    monkeypatch.setattr("imagery.write._layout._LARGEST_CLASSIC", 1000)
    write_whole(tmp_path / "b.tif", image, nodata=NAN, descriptions=("score",))
    assert (tmp_path / "a.tif").read_bytes()[2] == 42
    assert (tmp_path / "b.tif").read_bytes()[2] == 43
    for name in ("a.tif", "b.tif"):
        with rasterio.open(tmp_path / name) as dataset:
            np.testing.assert_array_equal(dataset.read(), image)
            assert dataset.descriptions == ("score",)
            assert dataset.crs.to_epsg() == 32651
            assert dataset.overviews(1) == [2, 4]
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_in_row_major_order_no_more_than_a_row_of_blocks_is_held(tmp_path: Path) -> None:
    image = np.ones((1, 512, 512), np.float32)
    tracemalloc.start()
    with create(
        tmp_path / "a.tif", geobox=grid(8192, 1024), count=1, dtype="float32", nodata=NAN
    ) as raster:
        for tile in tiles_over(Window(0, 0, 8192, 1024)):
            raster.write(tile, image)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8e6  # of 33.5e6 bytes


def test_a_pixel_is_written_once(tmp_path: Path) -> None:
    image = np.ones((1, 256, 256), np.uint8)

    def twice() -> None:
        with create(
            tmp_path / "a.tif", geobox=grid(300, 300), count=1, dtype="uint8", nodata=0
        ) as raster:
            raster.write(Window(0, 0, 256, 256), image)
            raster.write(Window(10, 10, 20, 20), image[:, :10, :10])

    with pytest.raises(ValueError, match="written before"):
        twice()
    assert not list(tmp_path.iterdir())


def test_a_picture_with_alpha_is_one_to_every_reader(tmp_path: Path) -> None:
    image = np.full((4, 600, 600), 200, np.uint8)
    image[:, :, 301:] = 0
    path = tmp_path / "a.tif"
    write_whole(path, image, descriptions=("red", "green", "blue", "alpha"))
    with rasterio.open(path) as dataset:
        assert [c.name for c in dataset.colorinterp] == ["red", "green", "blue", "alpha"]
    with rasterio.open(path, overview_level=0) as dataset:
        small = dataset.read()
        assert set(np.unique(small[:3, :, :151])) == {200}  # no black mixed in at the edge
    write_whole(path, image[:2], descriptions=("pan", "alpha"))
    with rasterio.open(path) as dataset:
        assert [c.name for c in dataset.colorinterp] == ["gray", "alpha"]
    write_whole(path, image[:4], descriptions=("nir", "red", "green", "alpha"))
    with rasterio.open(path) as dataset:
        assert [c.name for c in dataset.colorinterp] == ["red", "green", "blue", "alpha"]
        assert dataset.descriptions[0] == "nir"


def test_what_is_never_written_is_nodata(tmp_path: Path) -> None:
    with create(
        tmp_path / "a.tif", geobox=grid(600, 600), count=1, dtype="float32", nodata=NAN
    ) as raster:
        raster.write(Window(10, 10, 20, 20), np.ones((1, 10, 10), np.float32))
        raster.write(Window(0, 0, 0, 5), np.ones((1, 0, 5), np.float32))
    with rasterio.open(tmp_path / "a.tif") as dataset:
        values = dataset.read(1)
        assert np.nansum(values) == 100
        assert np.isnan(values).sum() == 600 * 600 - 100


def test_the_same_bytes_in_whatever_order_and_pieces(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    image = np.cumsum(rng.normal(size=(1, 700, 900)), axis=2).astype(np.float32)
    image[:, 100:200, 300:500] = NAN
    contents = set()
    for order, size, cache in ((0, 512, 64), (1, 512, 1), (2, 100, 1), (3, 900, 64)):
        tiles = list(tiles_over(Window(0, 0, 700, 900), size=size))
        random.Random(order).shuffle(tiles)
        path = tmp_path / f"{order}.tif"
        with (
            rasterio.Env(GDAL_CACHEMAX=cache * 2**20),
            create(path, geobox=grid(700, 900), count=1, dtype="float32", nodata=NAN) as raster,
        ):
            for tile in tiles:
                place = np.s_[:, tile.top : tile.bottom, tile.left : tile.right]
                raster.write(tile, image[place])
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_an_exception_leaves_nothing_and_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_text("old")

    def fail() -> None:
        with create(path, geobox=grid(9, 9), count=1, dtype="uint8", nodata=0) as raster:
            raster.write(Window(0, 0, 9, 9), np.ones((1, 9, 9), np.uint8))
            raise KeyError("elsewhere")

    with pytest.raises(KeyError):
        fail()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"^a\.tif: cannot be written"):
        write_whole(tmp_path / "none" / "a.tif", np.ones((1, 9, 9), np.uint8))


def test_a_target_that_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.tif").mkdir()
    with pytest.raises(OutputError, match="cannot be written"):
        write_whole(tmp_path / "a.tif", np.ones((1, 9, 9), np.uint8))
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


_FULL = """
import resource, sys
from pathlib import Path
import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox
from imagery.blocks import Window
from imagery.errors import OutputError
from imagery.write import create

path, limits = Path(sys.argv[1]), sys.argv[2:]
image = np.random.default_rng(0).integers(0, 255, (1, 512, 768), dtype=np.uint8)
grid = GeoBox((512, 768), Affine(2, 0, 9, 0, -2, 9), "EPSG:32651")
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
for limit in map(int, limits):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with create(path, geobox=grid, count=1, dtype="uint8", nodata=None) as raster:
            raster.write(Window(0, 0, 512, 768), image)
    except OutputError:
        sys.stdout.write("refused ")
    else:
        sys.stdout.write("written ")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="resource limits are of Unix")
def test_a_disk_that_is_full_at_any_moment_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    # 393,216 bytes of noise and 123,000 of overviews: the spool breaks at the first limits, the
    # file, which its headers make larger, at the last one.
    limits = ["500", "200000", "394000", "500000", "518000", "9000000"]
    done = subprocess.run(
        [sys.executable, "-c", _FULL, str(tmp_path / "a.tif"), *limits],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.split() == ["refused"] * 5 + ["written"]
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize(
    ("window", "data"),
    [
        (Window(0, 0, 10, 9), np.ones((1, 10, 9), np.uint8)),
        (Window(-1, 0, 5, 5), np.ones((1, 6, 5), np.uint8)),
        (Window(0, 0, 5, 5), np.ones((5, 5), np.uint8)),
        (Window(0, 0, 5, 5), np.ones((1, 5, 5), np.float32)),
        (Window(0, 0, 5, 5), np.ones((2, 5, 5), np.uint8)),
    ],
)
def test_misuse_of_write(tmp_path: Path, window: Window, data: NDArray[Any]) -> None:
    with (
        create(tmp_path / "a.tif", geobox=grid(9, 9), count=1, dtype="uint8", nodata=0) as raster,
        pytest.raises(ValueError, match=r"leaves the raster|data must be"),
    ):
        raster.write(window, data)


def test_misuse_of_create(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        write_whole(tmp_path / "a.tif", np.ones((1, 9, 9), np.uint8), nodata=-1)
    with pytest.raises(ValueError, match="descriptions"):
        write_whole(tmp_path / "a.tif", np.ones((1, 9, 9), np.uint8), descriptions=("a", "b"))
