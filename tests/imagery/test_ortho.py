"""Images straight from a camera, put on the ground: against analytic truth, GDAL and misuse."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.control import GroundControlPoint
from rasterio.errors import NotGeoreferencedWarning
from rasterio.rpc import RPC
from rasterio.transform import RPCTransformer
from raw_images import (
    CRS,
    EAST,
    LAT,
    LON,
    NORTH,
    TO_LONLAT,
    Camera,
    flat,
    pattern,
    tilted,
    write_dem,
    write_raw,
)

from imagery.blocks import Window
from imagery.blockwise import engine
from imagery.errors import InputError, MissingInputError, TwopassError, UsageError
from imagery.grid import moved
from imagery.options import EngineOptions, ReadOptions, SceneOptions
from imagery.ortho import Ground, _tiles
from imagery.ortho._heights import heights_of
from imagery.ortho._points import fit_points
from imagery.ortho._rpc import rpc_of
from imagery.read import read_window
from imagery.scene import Scene

CAMERA = Camera()

Put = Callable[..., Scene]


@pytest.fixture
def pool() -> Iterator[Executor]:
    with engine(EngineOptions(workers=1)) as executor:
        yield executor


@pytest.fixture
def put(tmp_path: Path, pool: Executor) -> Put:
    """Open an image on the ground."""

    def opened(path: Path, dem: Any, *, scene: dict[str, Any] | None = None, **read: Any) -> Scene:
        return Ground(tmp_path / "run", executor=pool).open(
            path,
            role="before",
            scene_options=SceneOptions(**(scene or {})),
            read_options=ReadOptions(dem=str(dem), **read),
        )

    return opened


LEVEL = flat(130.0)


@cache
def picture(height: Any) -> NDArray[np.float64]:
    return CAMERA.picture(height)


def counts(height: Any = LEVEL, dtype: str = "uint16") -> NDArray[Any]:
    return np.rint(picture(height)).astype(dtype)


def seen_and_true(scene: Scene) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """What the orthoimage shows, what the ground is like there, and where it shows anything."""
    raster = read_window(scene, scene.window, bands=[scene.bands[0].index])
    rows, cols = np.indices(scene.geobox.shape) + 0.5
    return raster.data[0], pattern(*moved(scene.geobox.affine, cols, rows)), raster.valid


def displacement(scene: Scene) -> tuple[float, float, float]:
    """How far off it lies (rows, cols) in px, and the greatest difference to the ground."""
    shown, true, valid = seen_and_true(scene)
    assert valid.mean() > 0.5
    slopes = np.stack([slope[valid] for slope in np.gradient(true)], axis=1)
    error = (shown - true)[valid]
    rows, cols = np.linalg.lstsq(slopes, error, rcond=None)[0]
    return float(rows), float(cols), float(np.abs(error).max())


def codes(scene: Scene) -> list[str]:
    return [caution.code for caution in scene.cautions]


def said(scene: Scene, code: str) -> str:
    (message,) = (c.message for c in scene.cautions if c.code == code)
    return message


def refused(
    put: Put, path: Path, dem: Any, kind: type[TwopassError] = InputError, **read: Any
) -> str:
    with pytest.raises(kind) as caught:
        put(path, dem, **read)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Where it comes to lie


def test_flat_ground_at_a_height_lies_where_it_should(tmp_path: Path, put: Put) -> None:
    scene = put(write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc()), 130)
    rows, cols, worst = displacement(scene)
    assert abs(rows) < 0.005
    assert abs(cols) < 0.005
    assert worst < 4  # of 1000: what resampling leaves
    assert str(scene.geobox.crs) == CRS
    assert scene.geobox.affine.a == pytest.approx(CAMERA.pixel_m)


def test_sloping_ground_needs_the_model_and_lies_where_it_should(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(tilted), rpcs=CAMERA.rpc())
    rows, cols, worst = displacement(put(path, write_dem(tmp_path / "dem.tif", tilted)))
    assert abs(rows) < 0.01
    assert abs(cols) < 0.01
    assert worst < 4
    # One height for all of it can't do that.
    shown, true, valid = seen_and_true(put(path, 120))
    assert np.abs(shown - true)[valid].max() > 40


def test_a_wrong_height_moves_it_by_as_much_as_the_caution_says(tmp_path: Path, put: Put) -> None:
    scene = put(write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc()), 140)
    message = said(scene, "orthorectified")
    assert "at 140 m above the ellipsoid" in message
    metres = np.hypot(0.4, 0.04) * 10  # columns and rows per metre of height, of the camera
    assert f"{metres:.1f} m off" in message
    rows, cols, _ = displacement(scene)
    assert np.hypot(rows, cols) * 2 == pytest.approx(metres, rel=0.1)


def test_a_flat_model_is_a_height(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    by_height = seen_and_true(put(path, 130))
    by_model = seen_and_true(put(path, write_dem(tmp_path / "dem.tif", flat(130.0))))
    assert by_height[0].shape == by_model[0].shape
    both = by_height[2] & by_model[2]
    assert both.sum() > 0.99 * by_height[2].sum()
    # Counts are whole: of some thousands a few are rounded the other way.
    assert np.abs(by_height[0][both] - by_model[0][both]).mean() < 0.001


def test_a_model_in_another_projection_does_as_well(tmp_path: Path, put: Put) -> None:
    import rasterio.warp

    utm = write_dem(tmp_path / "utm.tif", tilted, nodata=-9999)
    degrees = tmp_path / "degrees.tif"
    with rasterio.open(utm) as source:
        affine, width, height = rasterio.warp.calculate_default_transform(
            source.crs, "EPSG:4326", source.width, source.height, *source.bounds
        )
        profile = source.profile | {
            "crs": "EPSG:4326", "transform": affine, "width": width, "height": height,
        }  # fmt: skip
        with rasterio.open(degrees, "w", **profile) as target:
            rasterio.warp.reproject(
                rasterio.band(source, 1),
                rasterio.band(target, 1),
                resampling=rasterio.enums.Resampling.cubic,
            )
    path = write_raw(tmp_path / "a.tif", counts(tilted), rpcs=CAMERA.rpc())
    rows, cols, _ = displacement(put(path, degrees))
    assert abs(rows) < 0.02
    assert abs(cols) < 0.02


def test_positions_are_those_of_the_camera_pixel_by_pixel(tmp_path: Path, pool: Executor) -> None:
    """On steep ground, for a camera whose every coefficient counts."""
    chance = np.random.default_rng(5)

    def near(*first: float) -> list[float]:
        size = np.where(np.arange(20) < 10, 1e-3, 3e-6)  # those of third order, as of real ones
        return [*first, *(chance.normal(0, size)[len(first) :])]

    rpc = RPC(
        height_off=150, height_scale=600, lat_off=LAT, lat_scale=0.05, long_off=LON,
        long_scale=0.06, line_off=5500, line_scale=5501, samp_off=5200, samp_scale=5202,
        line_num_coeff=near(0, 0.01, -1, 0.02), line_den_coeff=near(1.0),
        samp_num_coeff=near(0, 1, 0.01, 0.1), samp_den_coeff=near(1.0),
    )  # fmt: skip
    dem = write_dem(tmp_path / "dem.tif", lambda e, n: 300 + 250 * np.sin((e + n) / 400))
    model, heights = rpc_of(rpc.to_gdal(), name="a.tif"), heights_of(str(dem))
    grid = GeoBox((1024, 1024), Affine(1, 0, EAST - 500, 0, -1, NORTH + 500), CRS)
    sheet = _tiles.Sheet(raw=None, model=model, heights=heights, grid=grid, nodata=None)  # type: ignore[arg-type]
    window = Window(512, 0, 1024, 512)
    rows, cols = sheet._positions(window)
    height, known = heights.on(grid, window)
    assert known.all()
    assert np.ptp(height) > 350
    row, col = np.indices(window.shape) + 0.5
    x, y = moved(grid.affine, col + window.left, row + window.top)
    wanted = model.pixels(*TO_LONLAT.transform(x, y), height)
    np.testing.assert_allclose(rows, wanted[0], atol=5e-3)
    np.testing.assert_allclose(cols, wanted[1], atol=5e-3)


@pytest.mark.parametrize("across", [False, True])
def test_coefficients_are_read_as_gdal_reads_them(across: bool) -> None:
    chance = np.random.default_rng(3)
    lon = 179.99 if across else 126.0

    def near(*first: float) -> list[float]:
        return [*first, *(chance.normal(0, 1e-3, 20 - len(first)))]

    rpc = RPC(
        height_off=150, height_scale=600, lat_off=39, lat_scale=0.1, long_off=lon, long_scale=0.12,
        line_off=6000, line_scale=6001, samp_off=5000, samp_scale=5002,
        line_num_coeff=near(0, 0.01, -1, 0.02), line_den_coeff=near(1.0),
        samp_num_coeff=near(0, 1, 0.01, 0.1), samp_den_coeff=near(1.0),
    )  # fmt: skip
    x = lon + chance.uniform(-0.1, 0.1, 50)
    y, z = 39 + chance.uniform(-0.1, 0.1, 50), chance.uniform(0, 800, 50)
    model = rpc_of(rpc.to_gdal(), name="a.tif")
    with RPCTransformer(rpc) as gdal:
        rows, cols = gdal.rowcol(x, y, zs=z, op=lambda value: value)
    found = model.pixels(x, y, z)
    # GDAL counts from the outer corner of the first pixel.
    np.testing.assert_allclose(found[0] + 0.5, rows, atol=1e-6)
    np.testing.assert_allclose(found[1] + 0.5, cols, atol=1e-6)


def test_an_image_across_the_antimeridian(tmp_path: Path, put: Put) -> None:
    moved_rpc = CAMERA.rpc()
    moved_rpc.long_off = 180.0
    scene = put(write_raw(tmp_path / "a.tif", counts(), rpcs=moved_rpc), 130)
    *_, valid = seen_and_true(scene)
    assert max(scene.geobox.shape) < 500
    assert valid.mean() > 0.5


# Ground control points


def affine_points(side: int, *, pixel: Affine, every: int = 4) -> list[GroundControlPoint]:
    """Points on a lattice whose longitude and latitude are affine in column and row."""
    places = np.linspace(0, side, every)
    return [
        GroundControlPoint(float(r), float(c), *map(float, pixel @ (c, r)))
        for r in places
        for c in places
    ]


def test_affine_points_are_an_affine_warp(tmp_path: Path, put: Put) -> None:
    step = 2.0 / 111_000
    pixel = (
        Affine.translation(LON, LAT)
        * Affine.rotation(12)
        * Affine.scale(step / np.cos(np.radians(LAT)), -step)
    )
    col, row = np.meshgrid(np.arange(200) + 0.5, np.arange(200) + 0.5)
    lon, lat = moved(pixel, col, row)
    east, north = TO_LONLAT.transform(lon, lat, direction="INVERSE")
    path = write_raw(
        tmp_path / "a.tif",
        np.rint(pattern(east, north)).astype("uint16"),
        gcps=affine_points(200, pixel=pixel),
    )
    scene = put(path, 0)
    rows, cols, worst = displacement(scene)
    assert abs(rows) < 0.005
    assert abs(cols) < 0.005
    assert worst < 4
    message = said(scene, "orthorectified")
    assert "16 ground control points" in message
    assert "a polynomial of order 1" in message
    assert "0.00 px" in message
    assert "--dem isn't used" in message


def bent(chance: np.random.Generator, count: int, bend: float, noise: float) -> list[Any]:
    x, y = 126 + chance.uniform(-0.1, 0.1, count), 39 + chance.uniform(-0.1, 0.1, count)
    u, v = (x - 126) * 10, (y - 39) * 10
    row = 500 - 400 * v + bend * u * v + chance.normal(0, noise, count)
    col = 500 + 400 * u + bend * v * v + chance.normal(0, noise, count)
    return [
        GroundControlPoint(float(r), float(c), float(a), float(b))
        for r, c, a, b in zip(row, col, x, y, strict=True)
    ]


@pytest.mark.parametrize(
    ("bend", "order"), [(0.0, "a polynomial of order 1"), (30.0, "a polynomial of order 2")]
)
def test_the_simplest_surface_that_foretells_points_is_taken(bend: float, order: str) -> None:
    points = bent(np.random.default_rng(1), 40, bend, 0.5)
    found = fit_points(points, "EPSG:4326", geographic=True, name="a.tif")
    assert found.method == order
    assert 0.4 < found.residual_px < 1.1  # the noise, of two axes, is 0.7


def test_a_wave_takes_a_spline() -> None:
    places = [(r, c) for r in np.linspace(0, 1000, 12) for c in np.linspace(0, 1000, 12)]
    points = [
        GroundControlPoint(r, c, 126 + c / 1e4 + 0.001 * np.sin(r / 120), 39 - r / 1e4)
        for r, c in places
    ]
    found = fit_points(points, "EPSG:4326", geographic=True, name="a.tif")
    assert found.method == "a thin plate spline"
    row, col = found.pixels(np.array([p.x for p in points]), np.array([p.y for p in points]), 0.0)
    np.testing.assert_allclose(row + 0.5, [p.row for p in points], atol=1e-6)
    np.testing.assert_allclose(col + 0.5, [p.col for p in points], atol=1e-6)


@pytest.mark.parametrize(("bend", "noise"), [(0.0, 0.5), (30.0, 0.5), (0.0, 0.0)])
def test_the_residual_is_that_of_points_truly_left_out(bend: float, noise: float) -> None:
    from imagery.ortho._points import _fits

    points = bent(np.random.default_rng(2), 24, bend, noise)
    x, y = (np.array([getattr(p, a) for p in points]) for a in "xy")
    x, y = (x - 126) * 10, (y - 39) * 10
    wanted = np.array([(p.row, p.col) for p in points])
    every = list(_fits(x, y, wanted))
    assert [method for method, *_ in every][-1] == "a thin plate spline"
    for number, (method, left, _) in enumerate(every):
        for out in (0, 7, 23):
            rest = np.arange(len(x)) != out
            again = list(_fits(x[rest], y[rest], wanted[rest]))
            surface = next(fit for name, _, fit in again if name == method)
            truly = wanted[out] - np.stack(surface(x[out], y[out]))
            np.testing.assert_allclose(left[out], truly, atol=1e-6, err_msg=str(number))


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([(0, 0, 126, 39), (0, 9, 126.1, 39), (9, 0, 126, 38.9)], "3 of 3 usable"),
        ([(i, i, 126 + i / 9, 39 + i / 9) for i in range(9)], "on one line"),
        ([(i, i, 126.0, 39 + i / 9) for i in range(9)], "on one line"),
        ([(i, 2 * i, 126.0, 39.0) for i in range(9)], "1 of 9 usable"),
        ([(i % 3, i, float("nan"), 39 + i / 9) for i in range(9)], "0 of 9 usable"),
    ],
)
def test_points_that_cannot_be_used(points: list[Any], found: str) -> None:
    with pytest.raises(InputError, match=found) as caught:
        fit_points(
            [GroundControlPoint(*map(float, p)) for p in points],
            "EPSG:4326",
            geographic=True,
            name="a.tif",
        )
    assert str(caught.value).startswith("a.tif")


def test_points_without_a_crs_take_the_one_that_is_given(tmp_path: Path, put: Put) -> None:
    pixel = Affine(2, 0, EAST, 0, -2, NORTH)
    path = write_raw(tmp_path / "a.tif", counts())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as dataset:
            dataset.gcps = (affine_points(300, pixel=pixel), rasterio.crs.CRS())
    assert "--crs" in refused(put, path, 0)
    scene = put(path, 0, crs=CRS)
    assert scene.geobox.affine.almost_equals(pixel, precision=1e-3)


# What it says of itself


def test_it_is_the_image_by_name_date_and_files(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "20240606_square.tif", np.stack([counts()] * 3), rpcs=CAMERA.rpc())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(ns="IMAGERY", ACQUISITIONDATETIME="2024-06-06 02:10:00")
            dataset.descriptions = ("blue", "green", "red")
    dem = write_dem(tmp_path / "dem.tif", flat(130.0))
    scene = put(path, dem, scene={"bands": "3,1", "credit": "Somebody"})
    assert scene.name == path.name
    assert scene.path.parent == tmp_path / "run"
    assert [file.name for file in scene.files] == [path.name, "dem.tif"]
    assert scene.acquisition.start == dt.datetime(2024, 6, 6, 2, 10, tzinfo=dt.UTC)
    assert scene.credit == "Somebody"
    assert [band.name for band in scene.bands] == ["red", "blue"]
    assert [band.index for band in scene.bands] == [3, 1]
    message = said(scene, "orthorectified")
    assert scene.files[1].sha256[:12] in message
    with rasterio.open(scene.path) as dataset:
        assert dataset.tags()["TWOPASS_ORTHO"] == message
    assert str(tmp_path) not in " ".join(c.message for c in scene.cautions)


def test_scale_and_offset_are_the_image_s(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    plain = seen_and_true(put(path, 130))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "r+") as dataset:
            dataset.scales, dataset.offsets = (0.1,), (5.0,)
    scaled = seen_and_true(put(path, 130))
    np.testing.assert_allclose(scaled[0][scaled[2]], 5 + 0.1 * plain[0][plain[2]], rtol=1e-5)


@pytest.mark.parametrize("end", ["_RPC.TXT", "_rpc.txt", ".RPB", ".rpb"])
def test_coefficients_beside_the_image_are_found_and_named(
    end: str, tmp_path: Path, put: Put
) -> None:
    path = write_raw(tmp_path / "scene.tif", counts())
    beside = tmp_path / f"scene{end}"
    beside.write_text(as_rpb(CAMERA.rpc()) if "rpb" in end.lower() else as_text(CAMERA.rpc()))
    scene = put(path, 130)
    rows, cols, _ = displacement(scene)
    assert np.hypot(rows, cols) < 0.01
    assert beside.name.lower() in [file.name.lower() for file in scene.files]


def as_text(rpc: RPC, **other: str) -> str:
    lines = dict(rpc.to_gdal())
    for key in [key for key in lines if key.endswith("_COEFF")]:
        for number, word in enumerate(lines.pop(key).split(), start=1):
            lines[f"{key}_{number}"] = word
    return "".join(f"{key}: {value}\n" for key, value in (lines | other).items())


def as_rpb(rpc: RPC) -> str:
    told = rpc.to_gdal()
    single = {
        "LINE_OFF": "lineOffset", "SAMP_OFF": "sampOffset", "LAT_OFF": "latOffset",
        "LONG_OFF": "longOffset", "HEIGHT_OFF": "heightOffset", "LINE_SCALE": "lineScale",
        "SAMP_SCALE": "sampScale", "LAT_SCALE": "latScale", "LONG_SCALE": "longScale",
        "HEIGHT_SCALE": "heightScale",
    }  # fmt: skip
    lists = {
        "LINE_NUM_COEFF": "lineNumCoef", "LINE_DEN_COEFF": "lineDenCoef",
        "SAMP_NUM_COEFF": "sampNumCoef", "SAMP_DEN_COEFF": "sampDenCoef",
    }  # fmt: skip
    lines = [f"\t{name} = {told[key]};" for key, name in single.items()]
    lines += [f"\t{name} = (\n{', '.join(told[key].split())});" for key, name in lists.items()]
    inner = "\n".join(lines)
    head = 'satId = "X";\nbandId = "P";\nSpecId = "RPC00B";'
    return f"{head}\nBEGIN_GROUP = IMAGE\n{inner}\nEND_GROUP = IMAGE\nEND;\n"


# What is missing


@pytest.mark.parametrize(
    ("dtype", "profile"),
    [("uint16", {}), ("uint16", {"nodata": 0}), ("uint16", {"nodata": 500}), ("float32", {})],
)
def test_outside_of_the_image_nothing_is_ground(
    dtype: str, profile: dict[str, Any], tmp_path: Path, put: Put
) -> None:
    image = counts(dtype=dtype)
    if profile.get("nodata") == 0:
        image[:40] = 0
    path = write_raw(tmp_path / "a.tif", image, rpcs=CAMERA.rpc(), **profile)
    scene = put(path, 130)
    shown, true, valid = seen_and_true(scene)
    assert scene.dtype == dtype
    assert 0.4 < valid.mean() < 0.8  # turned by 12 degrees, in an upright frame
    assert not valid[:3, :3].any()
    assert not valid[-3:, -3:].any()
    assert np.abs(shown - true)[valid].max() < 5
    with rasterio.open(scene.path) as dataset:
        assert dataset.dtypes[0] == dtype
        # Another reader sees the same.
        np.testing.assert_array_equal(dataset.read_masks(1) > 0, valid)


def test_an_alpha_stays_an_alpha(tmp_path: Path, put: Put) -> None:
    image = np.clip(counts() / 4, 1, 254).astype("uint8")
    alpha = np.full_like(image, 255)
    alpha[:, :50] = 0
    path = write_raw(tmp_path / "a.tif", np.stack([image, alpha]), rpcs=CAMERA.rpc(), alpha="YES")
    scene = put(path, 130)
    assert [band.index for band in scene.bands] == [1]
    assert scene.alpha is not None
    *_, valid = seen_and_true(scene)
    full = put(write_raw(tmp_path / "b.tif", image, rpcs=CAMERA.rpc()), 130)
    # The same picture without an alpha shows the 50 columns more.
    assert valid.sum() == pytest.approx(seen_and_true(full)[2].sum() * 250 / 300, rel=0.01)


def test_an_untagged_border_is_missing_on_the_ground_too(tmp_path: Path, put: Put) -> None:
    image = counts()
    image[:, -60:] = 0
    scene = put(write_raw(tmp_path / "a.tif", image, rpcs=CAMERA.rpc()), 130)
    shown, true, valid = seen_and_true(scene)
    assert "untagged-collar" in codes(scene)
    assert np.abs(shown - true)[valid].max() < 5


# Elevation models


def test_a_model_that_does_not_reach_is_refused(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    dem = tmp_path / "dem.tif"
    with rasterio.open(
        dem, "w", driver="GTiff", count=1, height=9, width=9, dtype="int16", crs="EPSG:32652",
        transform=Affine(30, 0, EAST + 50_000, 0, -30, NORTH),
    ) as dataset:  # fmt: skip
        dataset.write(np.full((1, 9, 9), 100, "int16"))
    message = refused(put, path, dem)
    assert "0 % of the image" in message
    assert "option: --dem" in message


@pytest.fixture
def half_a_model(tmp_path: Path) -> Path:
    """Heights west of the middle alone."""
    path = write_dem(tmp_path / "half.tif", LEVEL)
    with rasterio.open(path, "r+") as dataset:
        heights = dataset.read(1)
        heights[:, 75:] = -32767
        dataset.write(heights, 1)
    return path


def test_a_model_that_covers_a_part_says_how_much(
    tmp_path: Path, half_a_model: Path, put: Put
) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    with rasterio.open(half_a_model, "r+") as dataset:
        dataset.nodata = -32767
    scene = put(path, half_a_model)
    message = said(scene, "dem-gaps")
    share = float(message.split("covers ")[1].split(" %")[0])
    shown, true, valid = seen_and_true(scene)
    whole = seen_and_true(put(path, 130))[2]
    assert 100 * valid.sum() / whole.sum() == pytest.approx(share, abs=5)
    assert np.abs(shown - true)[valid].max() < 5


def test_missing_heights_that_nothing_marks_are_refused(
    tmp_path: Path, half_a_model: Path, put: Put
) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    message = refused(put, path, half_a_model)
    assert "-32767 m" in message
    assert "nodata tag" in message


@pytest.mark.parametrize(
    ("crs", "code"),
    [
        ("EPSG:32652+5773", "EGM96 height"),  # above the geoid
        ("EPSG:32652", "doesn't say what its heights count from"),
        ("EPSG:4979", None),  # above the ellipsoid
    ],
)
def test_what_heights_count_from_is_told(
    crs: str, code: str | None, tmp_path: Path, put: Put
) -> None:
    dem = tmp_path / "dem.tif"
    degrees = crs == "EPSG:4979"
    affine = (
        Affine(0.001, 0, LON - 0.05, 0, -0.001, LAT + 0.05)
        if degrees
        else Affine(90, 0, EAST - 4500, 0, -90, NORTH + 4500)
    )
    with rasterio.open(
        dem, "w", driver="GTiff", count=1, height=100, width=100, dtype="int16", crs=crs,
        transform=affine,
    ) as dataset:  # fmt: skip
        dataset.write(np.full((1, 100, 100), 130, "int16"))
    scene = put(write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc()), dem)
    assert np.hypot(*displacement(scene)[:2]) < 0.02
    if code is None:
        assert "dem-datum" not in codes(scene)
    else:
        assert code in said(scene, "dem-datum")


def test_files_that_are_no_elevation_model(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    assert "option: --dem" in refused(put, path, tmp_path / "none.tif", MissingInputError)
    text = tmp_path / "text.tif"
    text.write_text("heights")
    assert "option: --dem" in refused(put, path, text)
    nowhere = write_raw(tmp_path / "nowhere.tif", np.ones((9, 9), "int16"))
    message = refused(put, path, nowhere)
    assert "the elevation model" in message
    assert message.endswith("option: --dem")
    feet = write_dem(tmp_path / "feet.tif", flat(400.0))
    with rasterio.open(feet, "r+") as dataset:
        dataset.units = ("ft",)
    assert "not in metres" in refused(put, path, feet)


@pytest.mark.parametrize("dem", ["nan", "inf", "-1e9", "9001", "-501"])
def test_a_number_that_is_no_height(dem: str, tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    assert "above the ellipsoid" in refused(put, path, dem, UsageError)


# Hostile coefficients


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"LINE_NUM_COEFF_3": "nan"}, "LINE_NUM_COEFF"),
        ({"SAMP_NUM_COEFF_1": "inf"}, "SAMP_NUM_COEFF"),
        ({"LINE_DEN_COEFF_1": "0"}, "LINE_DEN_COEFF all zero"),
        ({"LAT_SCALE": "0"}, "LAT_SCALE 0"),
        ({"LONG_OFF": "far"}, "LONG_OFF 'far'"),
        ({"LAT_OFF": "123"}, "123 degrees"),
        ({"HEIGHT_SCALE": "nan"}, "HEIGHT_SCALE"),
        ({"LINE_NUM_COEFF_2": "0", "LINE_NUM_COEFF_3": "0"}, "without a position"),
        ({"LAT_SCALE": "1e-9", "LONG_SCALE": "1e-9"}, "no size on the ground"),
        ({"LAT_SCALE": "200", "LONG_SCALE": "200"}, "without a position"),
        ({"LINE_DEN_COEFF_2": "1e5"}, ""),
        ({"LINE_NUM_COEFF_2": "1e300"}, ""),
    ],
)
def test_hostile_coefficients_are_refused_in_one_line(
    other: dict[str, str], found: str, tmp_path: Path, put: Put
) -> None:
    path = write_raw(tmp_path / "a.tif", counts())
    (tmp_path / "a_RPC.TXT").write_text(as_text(CAMERA.rpc(), **other))
    message = refused(put, path, 130)
    assert message.startswith("a.tif")
    assert found in message
    assert not (tmp_path / "run" / "ortho_before.tif").exists()


def test_coefficients_that_are_missing(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts())
    (tmp_path / "a.tif.aux.xml").write_text(
        '<PAMDataset><Metadata domain="RPC"><MDI key="LINE_OFF">1</MDI></Metadata></PAMDataset>'
    )
    assert "SAMP_OFF" in refused(put, path, 130)


# Whether and when


def test_without_dem_the_refusal_names_the_option(tmp_path: Path, pool: Executor) -> None:
    ground = Ground(tmp_path / "run", executor=pool)
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    with pytest.raises(InputError) as caught:
        ground.open(path, role="before", scene_options=SceneOptions(), read_options=ReadOptions())
    assert caught.value.exit_status == 3
    assert "coefficients (RPC) only" in caught.value.message
    assert "elevation model or a mean height" in str(caught.value.needed)
    assert str(caught.value.option).startswith("--dem")
    assert not (tmp_path / "run").exists()


def test_what_is_on_the_ground_already_stays(write_tif: Any, put: Put, tmp_path: Path) -> None:
    path = write_tif(np.random.default_rng(0).integers(1, 99, (1, 50, 50)).astype("uint16"))
    scene = put(path, 130)
    assert scene.path == path
    assert "dem-not-used" in codes(scene)
    assert not (tmp_path / "run").exists()


def test_dem_and_no_georeference_contradict_each_other(tmp_path: Path, put: Put) -> None:
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    assert "contradict" in refused(put, path, 130, UsageError, no_georeference=True, pixel_size=2.0)


# How it is made


def test_the_same_image_gives_the_same_bytes(tmp_path: Path) -> None:
    path = write_raw(tmp_path / "a.tif", np.tile(counts(tilted), (3, 3)), rpcs=CAMERA.rpc())
    dem = write_dem(tmp_path / "dem.tif", tilted)
    made = []
    for workers in (1, 3):
        with engine(EngineOptions(workers=workers)) as executor:
            scene = Ground(tmp_path / f"run{workers}", executor=executor).open(
                path,
                role="before",
                scene_options=SceneOptions(),
                read_options=ReadOptions(dem=str(dem)),
            )
            made.append(scene.path.read_bytes())
    assert made[0] == made[1]


def test_it_is_put_there_once_for_all_who_ask(tmp_path: Path, pool: Executor) -> None:
    path = write_raw(tmp_path / "a.tif", np.stack([counts()] * 2), rpcs=CAMERA.rpc())
    ground = Ground(tmp_path / "run", executor=pool)
    options = ReadOptions(dem="130")
    scenes = []
    for bands in (None, "2"):
        scenes.append(
            ground.open(
                path, role="after", scene_options=SceneOptions(bands=bands), read_options=options
            )
        )
        written = scenes[-1].path.stat().st_mtime_ns
    assert scenes[0].path == scenes[1].path
    assert scenes[0].path.stat().st_mtime_ns == written
    assert [len(scene.bands) for scene in scenes] == [2, 1]
    one, two = (read_window(s, s.window, bands=[2]).data for s in scenes)
    np.testing.assert_array_equal(one, two)


def test_no_tile_takes_more_of_the_image_than_a_piece(
    tmp_path: Path, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def spying(scene: Scene, window: Window, *, bands: Any) -> Any:
        sizes.append(window.height * window.width)
        return read_window(scene, window, bands=bands)

    monkeypatch.setattr(_tiles, "read_window", spying)
    path = write_raw(tmp_path / "a.tif", counts(), rpcs=CAMERA.rpc())
    whole = seen_and_true(put(path, 130))[0]
    bound = 110 * 110
    monkeypatch.setattr(_tiles, "_PIECE", bound)
    sizes.clear()
    pieces = seen_and_true(put(path, 130))[0]
    assert len(sizes) > 10
    assert max(sizes) <= bound
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.data
def test_real_images_with_points_come_to_the_ground(data: Path, put: Put) -> None:
    for name, method in (
        ("odc-geo__au-gcp.tif", "24 ground control points"),
        ("rio-tiler__cog_gcps.tif", "210 ground control points"),
    ):
        scene = put(data / "odd" / name, 0)
        assert method in said(scene, "orthorectified")
        raster = read_window(scene, scene.window, bands=[1])
        assert raster.valid.mean() > 0.3
