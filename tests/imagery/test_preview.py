from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from pairs import UTM, bands_of, box_of, plan_of, scene_of

import imagery.overview
import imagery.preview
from imagery.blocks import Window
from imagery.normalise import Radiometry
from imagery.overview import overviews
from imagery.preview import Stretch, write_previews
from imagery.scene import Role, Scene
from imagery.shift import Shift

pytestmark = pytest.mark.usefixtures("environment")


def radiometry(bands: int, *, gain: float = 1.0) -> Radiometry:
    return Radiometry(
        source=np.tile([0.0, 100.0], (bands, 1)),
        target=np.tile([0.0, 100.0 * gain], (bands, 1)),
        method="fixed",
        residual=(0.0,) * bands,
        core_share=1.0,
        correlation=(1.0,) * bands,
    )


def ramp(rows: int, cols: int, bands: int = 1) -> NDArray[np.float32]:
    row, col = np.indices((rows, cols))
    return np.stack([row + 3 * col + 50 * b for b in range(bands)]).astype(np.float32)


def drawn(
    folder: Path,
    before: Scene,
    after: Scene,
    *,
    shift: Shift | None = None,
    extent: Any = None,
    gain: float = 1.0,
) -> tuple[dict[Role, Any], Stretch]:
    """Each picture, open, and the stretch."""
    bands = bands_of(before, after)
    plan = plan_of(before, after, extent, margin=0)
    scenes: dict[Role, Scene] = {"before": before, "after": after}
    with ThreadPoolExecutor(2) as executor:
        paths, stretch = write_previews(
            plan,
            overviews(plan, scenes, bands, folder=folder, executor=executor),
            bands,
            shift or Shift.constant(0, 0),
            radiometry(len(bands.names), gain=gain),
            folder=folder,
            executor=executor,
        )
    return {role: rasterio.open(path) for role, path in paths.items()}, stretch


def test_a_move_that_differs_from_place_to_place_is_drawn_where_it_holds(tmp_path: Path) -> None:
    image = ramp(200, 240)
    before, after = scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
    shift = Shift(centre=(20.0, 190.0), scale=50.0, linear=np.array([[0, 2.0, 0], [0, 0, -3.0]]))
    area = Window(90, 100, 100, 115)
    pictures, stretch = drawn(
        tmp_path, before, after, shift=shift, extent=box_of(before.geobox, area)
    )
    display = plan_of(before, after, box_of(before.geobox, area), margin=0).display
    rows = np.arange(display.top, display.bottom, dtype=float)
    cols = np.arange(display.left, display.right, dtype=float)
    move = shift.on_grid(rows, cols)
    truth = (rows[:, None] - move[0]) + 3 * (cols[None, :] - move[1])
    low, high = stretch.low[0], stretch.high[0]
    found = pictures["after"].read(1) / 255.0 * (high - low) + low
    inner = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(found[inner], truth[inner], atol=(high - low) / 255 + 0.1)


@pytest.mark.parametrize(("bands", "count"), [(1, 2), (2, 2), (3, 4), (4, 4)])
def test_a_preview_is_grey_or_of_three_colours_with_an_alpha(
    tmp_path: Path, bands: int, count: int
) -> None:
    image = ramp(40, 50, bands)
    pictures, _ = drawn(
        tmp_path, scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
    )
    for picture in pictures.values():
        assert picture.count == count
        assert set(picture.dtypes) == {"uint8"}
        assert picture.colorinterp[-1].name == "alpha"
        assert (picture.read(count) == 255).all()
        assert (picture.crs.to_epsg(), picture.transform) == (32651, UTM)


def test_both_pictures_share_one_stretch_in_the_earlier_ones_radiometry(tmp_path: Path) -> None:
    image = np.random.default_rng(0).uniform(100, 300, (1, 60, 60)).astype(np.float32)
    pictures, stretch = drawn(
        tmp_path, scene_of(tmp_path, image), scene_of(tmp_path, image / 2, role="after"), gain=2
    )
    np.testing.assert_array_equal(pictures["before"].read(), pictures["after"].read())
    np.testing.assert_allclose((stretch.low[0], stretch.high[0]), (102, 298), atol=2)
    expected = np.clip((image[0] - stretch.low[0]) / (stretch.high[0] - stretch.low[0]), 0, 1)
    np.testing.assert_allclose(pictures["before"].read(1), expected * 255, atol=0.51)


def test_each_scene_is_drawn_at_its_own_pixel_size_in_one_place(tmp_path: Path) -> None:
    """The same ground in 0.5 m and, reduced, in 1.5 m; the finer one moves by 2 and -1 px."""
    fine = ramp(300, 330)
    coarse = fine.reshape(1, 100, 3, 110, 3).mean(axis=(2, 4))
    before = scene_of(tmp_path, coarse, transform=UTM * Affine.scale(3))
    after = scene_of(tmp_path, fine, role="after")
    area = Window(20, 30, 60, 80)
    pictures, stretch = drawn(
        tmp_path, before, after,
        shift=Shift.constant(2, -1), extent=box_of(before.geobox, area),
    )  # fmt: skip
    small, large = pictures["before"], pictures["after"]
    display = plan_of(before, after, box_of(before.geobox, area), margin=0).display
    assert small.shape == display.shape
    assert large.shape == pytest.approx([3 * side for side in display.shape], abs=2)
    corner = UTM * Affine.scale(3) @ (display.left, display.top)
    for picture in pictures.values():
        assert picture.transform @ (0, 0) == pytest.approx(corner)
    # What the large picture shows at a place is the ramp 6 rows up and 3 columns right of it.
    low, high = stretch.low[0], stretch.high[0]
    row, col = np.array([60, 90]), np.array([50, 120])
    x, y = large.transform @ (col + 0.5, row + 0.5)
    at_col, at_row = ~UTM @ (x, y)
    truth = (at_row - 0.5 - 6) + 3 * (at_col - 0.5 + 3)
    found = large.read(1)[row, col] / 255 * (high - low) + low
    np.testing.assert_allclose(found, truth, atol=(high - low) / 255 + 0.5)


def test_a_large_display_is_drawn_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imagery.preview, "LONGEST", 70)
    image = ramp(200, 300)
    pictures, _ = drawn(
        tmp_path, scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
    )
    for picture in pictures.values():
        assert picture.shape == (47, 70)
        assert (np.diff(picture.read(1).astype(int), axis=1) >= 0).all()


def test_what_is_missing_is_transparent(tmp_path: Path) -> None:
    one, two = ramp(40, 50) + 1, ramp(40, 50) + 1
    one[:, :10], two[:] = 0, 0
    two[:, 30:] = 7
    pictures, stretch = drawn(
        tmp_path,
        scene_of(tmp_path, one, nodata=0),
        scene_of(tmp_path, two, role="after", nodata=0),
    )
    np.testing.assert_array_equal(pictures["before"].read(2) == 255, one[0] > 0)
    np.testing.assert_array_equal(pictures["after"].read(2) == 255, two[0] > 0)
    assert stretch.high[0] > stretch.low[0]


def test_nothing_seen_at_all_is_drawn_empty(tmp_path: Path) -> None:
    empty = np.zeros((1, 30, 30), np.float32)
    pictures, stretch = drawn(
        tmp_path,
        scene_of(tmp_path, empty, nodata=0),
        scene_of(tmp_path, empty, role="after", nodata=0),
    )
    assert not pictures["before"].read().any()
    assert stretch.low[0] < stretch.high[0]
