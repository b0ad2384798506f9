"""A comparison and an alignment of two images straight from their cameras."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from raw_images import CRS, EAST, NORTH, Camera, tilted, write_dem, write_raw
from scipy import ndimage

from aoi.alignment.job import Products, align_files
from aoi.options import ProductOptions
from aoi.workflow import detect_case
from imagery.options import AlignOptions, DetectOptions, ReadOptions

SIDE, STEP = 700, 2.0
CHANGED = np.s_[340:362, 330:356]
"""Rows and columns of the ground, on pixels of 2 m around the place, where something appears."""

CAMERAS = {
    "before": Camera(size=420, lean=0.4, turn=0.2),
    "after": Camera(size=420, lean=-0.2, turn=-0.1),
}


def ground() -> NDArray[np.float64]:
    chance = np.random.default_rng(0)
    fine, coarse = (
        ndimage.gaussian_filter(chance.normal(size=(SIDE, SIDE)), width) for width in (1.5, 8)
    )
    return np.asarray(600 + 150 * fine / fine.std() + 100 * coarse / coarse.std())


def seen(camera: Camera, texture: NDArray[np.float64], seed: int) -> NDArray[Any]:
    """The ground as a camera sees it over the sloping plane, with a sensor's noise."""
    half = SIDE * STEP / 2

    def look(east: NDArray[np.float64], north: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, cols = (NORTH + half - north) / STEP - 0.5, (east - EAST + half) / STEP - 0.5
        return np.asarray(ndimage.map_coordinates(texture, [rows, cols], order=3, mode="nearest"))

    noise = np.random.default_rng(seed).normal(0, 10, (camera.size, camera.size))
    return np.rint(np.maximum(camera.picture(tilted, look) + noise, 1)).astype("uint16")


@pytest.fixture(scope="session")
def raw_pair(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("someones_secret_folder")
    texture = ground()
    changed = texture.copy()
    changed[CHANGED] = 1700
    files = {"dem": write_dem(folder / "dem.tif", tilted, reach=1700.0, west=1700.0)}
    for number, (role, camera) in enumerate(CAMERAS.items()):
        pixels = seen(camera, changed if role == "after" else texture, number)
        files[role] = write_raw(folder / f"{role}.tif", pixels, rpcs=camera.rpc())
    return files


def made(pair: dict[str, Path], out: Path, dem: str, **products: Any) -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aoi.workflow._draw", lambda case: ())
        return detect_case(
            pair["before"],
            pair["after"],
            out=out,
            options=DetectOptions(read=ReadOptions(dem=dem)),
            products=ProductOptions(**products),
        )


@pytest.fixture(scope="session")
def record(raw_pair: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("cases") / "case"
    return made(raw_pair, out, str(raw_pair["dem"])) | {"case": out}


def test_what_appeared_is_found_where_it_is(record: dict[str, Any]) -> None:
    import geopandas as gpd

    changes = gpd.read_file(record["case"] / "changes.gpkg", layer="changes")
    strongest = changes.sort_values("rank").iloc[0]
    rows, cols = CHANGED
    half = SIDE * STEP / 2
    east = EAST - half + (cols.start + cols.stop) / 2 * STEP
    north = NORTH + half - (rows.start + rows.stop) / 2 * STEP
    place = strongest.geometry.centroid
    assert np.hypot(place.x - east, place.y - north) < STEP
    true = (rows.stop - rows.start) * (cols.stop - cols.start) * STEP**2
    assert strongest.area_m2 == pytest.approx(true, rel=0.15)


def test_two_cameras_need_no_move_once_on_the_ground(record: dict[str, Any]) -> None:
    alignment = record["result"]["alignment"]
    assert alignment["verdict"] == "trusted"
    assert np.hypot(*alignment["shift_px"]) < 0.1


def test_the_record_tells_how_and_names_no_folder(
    record: dict[str, Any], raw_pair: dict[str, Path]
) -> None:
    result = record["result"]
    for role in ("before", "after"):
        scene = result["scenes"][role]
        assert scene["file"] == f"{role}.tif"
        assert [file["name"] for file in scene["sidecars"]] == ["dem.tif"]
        assert scene["crs"] == CRS
        assert (
            sum(f"{role}.tif: put on the ground" in w["message"] for w in result["warnings"]) == 1
        )
    assert sum(w["code"] == "dem-datum" for w in result["warnings"]) == 1
    assert result["options"]["detect"]["read"]["dem"] == "dem.tif"
    for file in record["case"].rglob("*"):
        if file.is_file():
            assert str(raw_pair["dem"].parent.name).encode() not in file.read_bytes(), file.name


def test_orthoimages_are_kept_only_with_the_aligned_images(
    record: dict[str, Any], raw_pair: dict[str, Path], tmp_path: Path
) -> None:
    assert not list(record["case"].rglob("ortho*"))
    kept = made(raw_pair, tmp_path / "kept", str(raw_pair["dem"]), keep_aligned=True)
    paths = {output["path"] for output in kept["result"]["outputs"]}
    assert {f"rasters/ortho_{role}.tif" for role in CAMERAS} <= paths
    # Nothing but what is kept differs.
    same = ("alignment", "changes", "observed", "grid", "warnings")
    for key in same:
        assert kept["result"][key] == record["result"][key]


def test_align_moves_an_image_that_it_put_on_the_ground(
    raw_pair: dict[str, Path], tmp_path: Path
) -> None:
    options = AlignOptions(read=ReadOptions(dem=str(raw_pair["dem"])))
    products = Products(out=tmp_path / "aligned.tif")
    told = align_files(raw_pair["before"], raw_pair["after"], products=products, options=options)
    assert told["images"]["target"]["file"] == "after.tif"
    with rasterio.open(products.out) as dataset:
        assert str(dataset.crs) == CRS
        assert dataset.dtypes == ("uint16",)
        assert dataset.rpcs is None
        assert "put on the ground" in dataset.tags()["TWOPASS_ORTHO"]
        assert 0.2 < (dataset.read_masks(1) > 0).mean() < 1
    transform = json.loads((tmp_path / "aligned.transform.json").read_text("utf-8"))
    assert transform["target"]["file"] == "after.tif"
    # By that transform the image comes out the same.
    again = replace(products, out=tmp_path / "again.tif")
    align_files(
        None,
        raw_pair["after"],
        products=again,
        use_transform=tmp_path / "aligned.transform.json",
        options=options,
    )
    with rasterio.open(products.out) as one, rasterio.open(again.out) as two:
        np.testing.assert_array_equal(one.read(), two.read())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "again.tif",
        "aligned.tif",
        "aligned.transform.json",
    ]
