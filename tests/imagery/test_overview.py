"""Copies of scenes on larger pixels: what they hold, and when they are used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pairs import UTM, bands_of, box_of, opened_as, plan_of, scene_of, written

import imagery.overview
from imagery.blocks import Window
from imagery.overview import Overview, overviews, reduced
from imagery.read import read_window
from imagery.scene import Role, Scene
from imagery.warp import warp_window

pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def noisy(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).uniform(50, 200, shape).astype(np.float32)


@pytest.mark.parametrize("factor", [2, 3, 7])
@pytest.mark.parametrize("window", [Window(0, 0, 252, 378), Window(42, 84, 210, 420)])
@pytest.mark.parametrize("part", [16, 4096])
def test_a_copy_holds_the_means_of_the_valid_pixels(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    executor: Executor,
    factor: int,
    window: Window,
    part: int,
) -> None:
    monkeypatch.setattr(imagery.overview, "_PART", part)
    image = noisy(3, 230, 400)
    image[:, 60:120, 90:140] = 0
    scene = scene_of(tmp_path, image, nodata=0)
    small = reduced(
        scene, window, factor=factor, bands=[1, 3], path=tmp_path / "o.tif", executor=executor
    )
    expected = read_window(scene, window, bands=[1, 3], decimate=factor)
    found = read_window(small, small.window, bands=[1, 3])
    np.testing.assert_array_equal(found.valid, expected.valid)
    np.testing.assert_array_equal(found.data, expected.data)
    assert found.geobox == expected.geobox
    assert [band.index for band in small.bands] == [1, 3]
    assert small.name == scene.name


def test_a_copy_is_in_physical_values_and_bounds_its_own_file(
    tmp_path: Path, executor: Executor
) -> None:
    counts = np.random.default_rng(0).integers(1, 255, (1, 64, 64)).astype(np.uint8)
    path = written(tmp_path, "scaled", counts)
    import rasterio

    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.5,), (-3.0,)
    scene = opened_as(path, "before")
    small = reduced(
        scene, scene.window, factor=4, bands=[1], path=tmp_path / "o.tif", executor=executor
    )
    means = counts[0].reshape(16, 4, 16, 4).mean(axis=(1, 3)) * 0.5 - 3
    np.testing.assert_allclose(read_window(small, small.window, bands=[1]).data[0], means, 1e-6)
    assert not list(tmp_path.glob("*.partial"))


def views_of(
    folder: Path, executor: Executor, *scenes: Scene, extent: Any = None
) -> dict[Role, Overview]:
    before, after = scenes
    plan = plan_of(before, after, extent, margin=0)
    return overviews(
        plan,
        {"before": before, "after": after},
        bands_of(before, after),
        folder=folder,
        executor=executor,
    )


def test_small_images_stay_as_they_are(tmp_path: Path, executor: Executor) -> None:
    image = noisy(1, 60, 70)
    before, after = scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
    for view in views_of(tmp_path, executor, before, after).values():
        assert view.small is view.scene
        assert view.source(view.scene.geobox.zoom_out(8), moved_px=1e6) is view.scene
    assert not list(tmp_path.glob("*overview*"))


def test_each_image_is_reduced_by_its_own_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor
) -> None:
    monkeypatch.setattr(imagery.overview, "PIXELS", 10_000)
    before = scene_of(tmp_path, noisy(1, 210, 200), transform=UTM * Affine.scale(2))
    after = scene_of(tmp_path, noisy(1, 420, 400), role="after")
    views = views_of(tmp_path, executor, before, after)
    assert views["before"].small.geobox.shape == (105, 100)
    assert views["after"].small.geobox.shape == (105, 100)
    assert views["before"].small.geobox.affine.almost_equals(views["after"].small.geobox.affine)


def test_the_larger_pixels_draw_what_is_no_finer_and_not_moved_too_far(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor
) -> None:
    monkeypatch.setattr(imagery.overview, "PIXELS", 10_000)
    image = noisy(1, 300, 320)
    before, after = scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
    view = views_of(tmp_path, executor, before, after)["after"]
    grid = view.scene.geobox
    assert view.small.geobox.shape == (100, 107)
    assert view.source(grid.zoom_out(3)) is view.small
    assert view.source(grid.zoom_out(5), moved_px=20) is view.small
    assert view.source(grid.zoom_out(5), moved_px=21) is view.scene
    assert view.source(grid.zoom_out(2)) is view.scene


def test_what_is_drawn_from_a_copy_lies_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: Executor
) -> None:
    """A ramp, to a hundredth of a grey value for a pixel."""
    monkeypatch.setattr(imagery.overview, "PIXELS", 10_000)
    row, col = np.indices((300, 320))
    ramp = (row + 3 * col)[None].astype(np.float32)
    before, after = scene_of(tmp_path, ramp), scene_of(tmp_path, ramp, role="after")
    area = box_of(before.geobox, Window(150, 150, 160, 160))
    for extent in (None, area):
        view = views_of(tmp_path, executor, before, after, extent=extent)["before"]
        shape = (60, 64)
        grid = GeoBox(shape, UTM * Affine.scale(5), before.geobox.crs)
        assert view.source(grid) is view.small
        drawn = warp_window(view.small, grid, Window(0, 0, *shape), bands=[1])
        row, col = np.indices(shape)
        truth = (5 * row + 2) + 3 * (5 * col + 2)
        inner = np.zeros(shape, bool)
        inner[8:-8, 8:-8] = True
        assert drawn.valid[inner].all()
        np.testing.assert_allclose(drawn.data[0][inner], truth[inner], atol=0.05)


def test_missing_pixels_and_places_beyond_the_image_stay_missing(
    tmp_path: Path, executor: Executor
) -> None:
    scene = scene_of(tmp_path, noisy(1, 40, 40))
    small = reduced(
        scene, Window(-8, 24, 56, 56), factor=8, bands=[1], path=tmp_path / "o.tif",
        executor=executor,
    )  # fmt: skip
    found = read_window(small, small.window, bands=[1])
    expected = np.zeros((8, 4), bool)
    expected[1:6, :2] = True
    np.testing.assert_array_equal(found.valid, expected)
    assert math.isnan(small.nodata or 0)
