from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from reading import UTM, WriteTif, crs_code, noise, opened, refused

from imagery.block_cache import BLOCKS
from imagery.blocks import Window
from imagery.env import open_raster
from imagery.errors import MissingInputError, UsageError
from imagery.read import read_window

pytestmark = pytest.mark.usefixtures("environment")


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "none.tif", MissingInputError)
    assert "is a folder" in refused(tmp_path, MissingInputError)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"II*\0\x08\0\0\0", "damaged or cut off"),
        (b"<VRTDataset></VRTDataset>", "text file"),
        (b"hello", "starts with b'hello'"),
    ],
)
def test_what_is_no_raster(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(content)
    assert found in refused(path)


def test_a_vrt_is_refused_because_it_reads_elsewhere(write_tif: WriteTif, tmp_path: Path) -> None:
    import rasterio.shutil

    path = tmp_path / "a.vrt"
    rasterio.shutil.copy(write_tif(noise(1, 9, 9)), path, driver="VRT")
    assert "text file" in refused(path)


def test_a_missing_crs_names_the_option(write_tif: WriteTif) -> None:
    message = refused(write_tif(noise(1, 9, 9), crs=None))
    assert "has no CRS" in message
    assert "--crs" in message


def test_a_given_crs_fills_a_gap_and_never_overrides(write_tif: WriteTif) -> None:
    bare = write_tif(noise(1, 9, 9), "bare.tif", crs=None)
    assert crs_code(opened(bare, read={"crs": "EPSG:32652"})) == 32652
    full = write_tif(noise(1, 9, 9), "full.tif")
    assert crs_code(opened(full, read={"crs": "EPSG:32651"})) == 32651
    message = refused(full, UsageError, crs="EPSG:32652")
    assert "32651" in message
    assert "32652" in message


@pytest.mark.parametrize("crs", ["EPSG:1", "nonsense", "http://example.org/crs", "EPSG:5773"])
def test_a_given_crs_that_is_none(write_tif: WriteTif, crs: str) -> None:
    assert "--crs" in refused(write_tif(noise(1, 9, 9), crs=None), UsageError, crs=crs)


def test_mars_is_not_on_earth(write_tif: WriteTif) -> None:
    mars = (
        'GEOGCS["Mars",DATUM["D",SPHEROID["Mars",3396190,169.8]],PRIMEM["0",0],'
        'UNIT["degree",0.0174532925199433]]'
    )
    path = write_tif(noise(1, 9, 9), crs=mars, transform=Affine(0.1, 0, 5, 0, -0.1, 5))
    message = refused(path)
    assert "not on Earth" in message
    assert "3396 km" in message


def test_a_local_crs(write_tif: WriteTif) -> None:
    assert "local" in refused(write_tif(noise(1, 9, 9), crs='LOCAL_CS["site",UNIT["metre",1]]'))


def test_off_the_earth(write_tif: WriteTif) -> None:
    path = write_tif(noise(1, 9, 9), crs="EPSG:4326", transform=UTM)
    assert "off the Earth" in refused(path)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_no_geotransform(write_tif: WriteTif) -> None:
    message = refused(write_tif(noise(1, 9, 9), crs=None, transform=None), crs="EPSG:32651")
    assert "not georeferenced" in message
    assert "--no-georeference" in message


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_ground_control_points_only(write_tif: WriteTif) -> None:
    from rasterio.control import GroundControlPoint

    points = [GroundControlPoint(r, c, 126 + c / 100, 39 - r / 100) for r in (0, 9) for c in (0, 9)]
    path = write_tif(noise(1, 9, 9), crs=None, transform=None)
    with rasterio.open(path, "r+") as dataset:
        dataset.gcps = (points, rasterio.crs.CRS.from_epsg(4326))
    message = refused(path)
    assert "ground control points only" in message
    assert "orthorectif" in message


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rational_polynomials_only(write_tif: WriteTif) -> None:
    from rasterio.rpc import RPC

    path = write_tif(noise(1, 9, 9), crs=None, transform=None)
    flat = [0.0] * 20
    with rasterio.open(path, "r+") as dataset:
        dataset.rpcs = RPC(0, 100, 39, 1, flat, [1.0] * 20, 5, 5, 126, 1, flat, [1.0] * 20, 5, 5)
    message = refused(path)
    assert "RPC" in message
    assert "orthorectif" in message


def test_a_geotransform_that_flattens(write_tif: WriteTif) -> None:
    path = write_tif(noise(1, 9, 9), transform=Affine(10, 10, 5e5, 10, 10, 4.3e6))
    assert "flattens" in refused(path)


def test_a_palette(write_tif: WriteTif) -> None:
    path = write_tif(noise(1, 9, 9, dtype="uint8"), photometric="palette")
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {0: (0, 0, 0, 255), 1: (255, 0, 0, 255)})
    assert "RGB" in refused(path)


@pytest.mark.parametrize("dtype", ["complex64", "complex_int16"])
def test_complex_numbers(write_tif: WriteTif, dtype: str) -> None:
    path = write_tif(noise(1, 9, 9).astype(np.complex64), dtype=dtype)
    assert "complex" in refused(path)


def test_integers_of_64_bits(write_tif: WriteTif) -> None:
    assert "int64" in refused(write_tif(noise(1, 9, 9).astype(np.int64)))


def test_a_file_that_cannot_be_opened_says_why(
    write_tif: WriteTif, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tif(noise(1, 9, 9))
    path.write_bytes(b"x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert "Permission denied" in refused(path)


# Without a georeference.


@pytest.mark.parametrize("crs", [None, "EPSG:32651"])
def test_no_georeference_is_a_metric_frame_whatever_the_file_says(
    write_tif: WriteTif, crs: str | None
) -> None:
    path = write_tif(noise(1, 12, 9), crs=crs, transform=Affine(1, 0, 12978, 0, 1, 6897))
    scene = opened(path, read={"no_georeference": True, "pixel_size": 0.7})
    assert scene.geobox.crs is None
    assert scene.geobox.affine == Affine(0.7, 0, 0, 0, -0.7, 0)
    part = read_window(scene, Window(2, 3, 5, 7), bands=[1])
    assert part.geobox.crs is None
    assert part.geobox.affine == Affine(0.7, 0, 3 * 0.7, 0, -0.7, -2 * 0.7)


@pytest.mark.parametrize(
    ("read", "option"),
    [
        ({"no_georeference": True}, "--pixel-size"),
        ({"no_georeference": True, "pixel_size": 0.0}, "--pixel-size"),
        ({"no_georeference": True, "pixel_size": float("nan")}, "--pixel-size"),
        ({"no_georeference": True, "pixel_size": 1.0, "crs": "EPSG:4326"}, "--crs"),
        ({"pixel_size": 1.0}, "--no-georeference"),
    ],
)
def test_contradicting_options(write_tif: WriteTif, read: dict[str, Any], option: str) -> None:
    assert option in refused(write_tif(noise(1, 9, 9)), UsageError, **read)


# The environment.


def test_the_caches_of_blocks_are_in_bytes() -> None:
    from rasterio._env import get_gdal_config

    assert get_gdal_config("GDAL_CACHEMAX") == 62 * 2**20
    assert BLOCKS.limit == 250 * 2**20


def test_a_name_with_a_scheme_is_a_file(
    write_tif: WriteTif, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tif(noise(1, 9, 9), "zip:b.tif")
    monkeypatch.chdir(tmp_path)
    with open_raster(Path("zip:b.tif")) as dataset:
        assert dataset.count == 1
