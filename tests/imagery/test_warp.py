"""Where a pixel's value is its own coordinate, the warp's every axis and sign can be read off."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pairs import UTM, scene_of, warped
from pyproj import Transformer
from scipy import ndimage

import imagery.warp
from imagery.blocks import Window, tiles_over
from imagery.env import raster_environment
from imagery.scene import Scene
from imagery.shift import Shift
from imagery.warp import warp_window

pytestmark = pytest.mark.usefixtures("environment")

ROWS, COLS = 170, 220


def coordinates(rows: int = ROWS, cols: int = COLS) -> NDArray[np.float32]:
    """An image of two bands, the row and the column."""
    return np.indices((rows, cols)).astype(np.float32)


def positions(grid: GeoBox, scene: Scene, shift: Shift | None = None) -> NDArray[np.float64]:
    """The truth, (rows, cols) in the scene, for all pixels of a grid of the scene's CRS."""
    rows, cols = (np.arange(n, dtype=float) for n in grid.shape)
    move = np.zeros((2, *grid.shape)) if shift is None else shift.on_grid(rows, cols)
    row, col = rows[:, None] - move[0] + 0.5, cols[None, :] - move[1] + 0.5
    x, y = (row * b + col * a + c for a, b, c in (grid.affine[:3], grid.affine[3:6]))
    back = ~scene.geobox.affine
    return np.stack(
        [x * back.d + y * back.e + back.f - 0.5, x * back.a + y * back.b + back.c - 0.5]
    )


def check_positions(
    found: Any, truth: NDArray[np.float64], *, shape: tuple[int, int] = (ROWS, COLS), edge: int = 9
) -> None:
    """Within 0.001 px where the scene reaches ``edge`` px further; valid wherever it is."""
    inside = [(at >= 0) & (at <= n - 1) for at, n in zip(truth, shape, strict=True)]
    clear = [(at >= 1e-3) & (at <= n - 1 - 1e-3) for at, n in zip(truth, shape, strict=True)]
    assert found.valid[clear[0] & clear[1]].all()
    assert not found.valid[~(inside[0] & inside[1])].any() or abs(truth).max() < 1e4
    deep = [(at >= edge) & (at <= n - 1 - edge) for at, n in zip(truth, shape, strict=True)]
    deep_inside = deep[0] & deep[1]
    assert deep_inside.sum() > 500
    assert np.abs(found.data - truth)[:, deep_inside].max() < 1e-3
    # Up to the border the image goes on as its last pixels.
    assert np.abs(found.data - truth)[:, found.valid].max() < 0.1


GRIDS = {
    "moved": UTM * Affine.translation(3.3, -5.6),
    "rotated": UTM * Affine.translation(60, -40) * Affine.rotation(17),
    "south-up": UTM * Affine.translation(0.25, ROWS) * Affine.scale(1, -1),
    "mirrored": UTM * Affine.translation(COLS, 0.5) * Affine.scale(-1, 1),
    "a quarter turn": UTM * Affine.translation(0.25, ROWS) * Affine.rotation(-90),
    "oblong": UTM * Affine.scale(1.02, 0.97),
    "finer": UTM * Affine.translation(50, 60) * Affine.scale(0.4),
}

SMOOTH = Shift(
    centre=(100.0, 150.0),
    scale=200.0,
    linear=np.array([[4.0, -1.5, 0.7], [-7.0, 0.4, 2.1]]),
    knot_origin=(-20.0, -20.0),
    knot_spacing=90.0,
    coefficients=np.random.default_rng(5).normal(0, 0.8, (2, 7, 8)),
)
SHIFTS = {"no shift": None, "a constant": Shift.constant(2.37, -6.81), "a smooth one": SMOOTH}


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("affine", GRIDS.values(), ids=GRIDS)
def test_every_pixel_comes_from_its_place(
    tmp_path: Path, affine: Affine, shift: Shift | None
) -> None:
    scene = scene_of(tmp_path, coordinates())
    grid = GeoBox((ROWS, COLS), affine, "EPSG:32651")
    check_positions(warped(scene, grid, shift=shift), positions(grid, scene, shift))


@pytest.mark.parametrize("affine", [GRIDS["rotated"], GRIDS["south-up"]], ids=["rotated", "south"])
def test_a_scene_that_is_not_north_up_comes_from_its_place(tmp_path: Path, affine: Affine) -> None:
    scene = scene_of(tmp_path, coordinates(), transform=affine)
    grid = GeoBox((ROWS, COLS), UTM, "EPSG:32651")
    check_positions(warped(scene, grid, shift=SMOOTH), positions(grid, scene, SMOOTH))


def test_the_sign_of_the_shift(tmp_path: Path) -> None:
    """aligned(p) = scene(p - shift(p)): a shift of 3 rows brings row 7 to row 10."""
    image = np.random.default_rng(0).random((1, 40, 50)).astype(np.float32)
    image[0, 7, 20] = 90
    scene = scene_of(tmp_path, image)
    found = warped(scene, scene.geobox, shift=Shift.constant(3, -5))
    assert np.unravel_index(int(found.data[0].argmax()), (40, 50)) == (10, 15)
    assert found.data[0, 10, 15] == pytest.approx(90, abs=1e-4)


def test_a_shift_is_in_pixels_of_the_grid(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, coordinates())
    grid = GeoBox((70, 90), UTM * Affine.scale(3), "EPSG:32651")
    found = warped(scene, grid, shift=Shift.constant(2, 1))
    # Grid pixel (30, 40) has its centre at source 91, 121; 2 and 1 px of the grid are 6 and 3.
    np.testing.assert_allclose(found.data[:, 30, 40], [85, 118], atol=1e-3)


def test_a_scene_on_the_grid_is_handed_out_untouched(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(1, 60_000, (2, 80, 90)).astype(np.uint16)
    scene = scene_of(tmp_path, image)
    grid = GeoBox((200, 200), UTM * Affine.translation(-30, -20), "EPSG:32651")
    for shift in (None, Shift.constant(0, 0)):
        found = warped(scene, grid, Window(25, 35, 95, 120), shift=shift)
        np.testing.assert_array_equal(found.data, image[:, 5:75, 5:90])
        assert found.valid.all()
        assert found.geobox == GeoBox((70, 85), UTM * Affine.translation(5, 5), "EPSG:32651")
    # Moving it by nothing much is still within a count.
    near = warped(scene, grid, Window(25, 35, 95, 120), shift=Shift.constant(0, 1e-9))
    np.testing.assert_allclose(near.data, image[:, 5:75, 5:90], atol=0.05)


# Across projections


def near(crs: str, affine: Affine, *, rows: int, cols: int) -> GeoBox:
    """A grid of another CRS whose corner lies a little outside that of a 10 m scene at UTM."""
    to = Transformer.from_crs("EPSG:32651", crs, always_xy=True)
    x, y = to.transform(UTM.c - 300, UTM.f + 400)
    return GeoBox((rows, cols), Affine.translation(x, y) * affine, crs)


CASES = {
    "UTM 51 to 52": near("EPSG:32652", Affine.scale(10, -10), rows=400, cols=500),
    "UTM to degrees": near("EPSG:4326", Affine.scale(1.1e-4, -0.9e-4), rows=400, cols=500),
    "UTM to Mercator": near("EPSG:3857", Affine.scale(13, -13), rows=400, cols=500),
}


def truth_across(
    scene: Scene, grid: GeoBox, window: Window, shift: Shift | None = None
) -> NDArray[np.float64]:
    """Every pixel by itself through pyproj."""
    rows = np.arange(window.top, window.bottom, dtype=float)
    cols = np.arange(window.left, window.right, dtype=float)
    move = np.zeros((2, *window.shape)) if shift is None else shift.on_grid(rows, cols)
    row, col = rows[:, None] - move[0] + 0.5, cols[None, :] - move[1] + 0.5
    a = grid.affine
    x, y = a.a * col + a.b * row + a.c, a.d * col + a.e * row + a.f
    to = Transformer.from_crs(grid.crs.to_wkt(), scene.geobox.crs.to_wkt(), always_xy=True)
    x, y = to.transform(x, y)
    b = ~scene.geobox.affine
    return np.stack([b.d * x + b.e * y + b.f - 0.5, b.a * x + b.b * y + b.c - 0.5])


@pytest.mark.parametrize("shift", [None, SMOOTH], ids=["no shift", "a smooth one"])
@pytest.mark.parametrize("grid", CASES.values(), ids=CASES)
def test_across_projections_every_pixel_comes_from_its_place(
    tmp_path: Path, grid: GeoBox, shift: Shift | None
) -> None:
    rows, cols = 350, 450
    scene = scene_of(tmp_path, coordinates(rows, cols), transform=UTM * Affine.scale(20))
    window = Window(0, 0, *grid.shape)
    truth = truth_across(scene, grid, window, shift)
    found = warped(scene, grid, window, shift=shift)
    deep = np.all(
        [(t >= 9) & (t <= n - 10) for t, n in zip(truth, (rows, cols), strict=True)], axis=0
    )
    assert deep.sum() > 50_000
    assert found.valid[deep].all()
    assert np.abs(found.data - truth)[:, deep].max() < 1e-3


def test_positions_of_a_large_scene_are_not_rounded_to_32_bits(tmp_path: Path) -> None:
    image = np.zeros((1, 40, 40_000), np.float32)
    image[0] = np.arange(40_000) % 1000
    scene = scene_of(tmp_path, image)
    grid = GeoBox((40, 40_000), UTM * Affine.translation(0.125, 0), "EPSG:32651")
    found = warped(scene, grid, Window(10, 39_400, 20, 39_600))
    expected = np.arange(39_400, 39_600) % 1000 + 0.125
    np.testing.assert_allclose(found.data[0], np.tile(expected, (10, 1)), atol=2e-4)


# Reduction


def wave(rows: int, cols: int, *, length: float) -> NDArray[np.float32]:
    row, col = np.indices((rows, cols))
    image = 100 + 20 * np.sin(2 * np.pi * (row + 0.4 * col) / length) + 0.1 * row
    return image[None].astype(np.float32)


def block_mean(image: NDArray[Any], factor: int) -> NDArray[Any]:
    rows, cols = (n // factor for n in image.shape)
    cut = image[: rows * factor, : cols * factor].reshape(rows, factor, cols, factor)
    return cut.mean(axis=(1, 3))


@pytest.mark.parametrize("factor", [2, 3, 5, 7, 11])
def test_a_reduced_scene_is_the_mean_over_the_larger_pixel(tmp_path: Path, factor: int) -> None:
    image = wave(factor * 60, factor * 70, length=factor * 12)
    scene = scene_of(tmp_path, image)
    grid = GeoBox((60, 70), UTM * Affine.scale(factor), "EPSG:32651")
    found = warped(scene, grid)
    assert found.valid.all()
    inner = (slice(6, -6), slice(6, -6))
    # The wave is damped by 4.5 %; the two filters differ by a hundredth of that.
    np.testing.assert_allclose(found.data[0][inner], block_mean(image[0], factor)[inner], atol=0.03)


@pytest.mark.parametrize("ratio", [1.3, 2.0, 3.0, 5.7, 6.0, 8.4, 13.0])
def test_a_ramp_passes_every_reduction(tmp_path: Path, ratio: float) -> None:
    size = math.ceil(ratio * 60)
    scene = scene_of(tmp_path, coordinates(size, size))
    grid = GeoBox((60, 60), UTM * Affine.scale(ratio), "EPSG:32651")
    found = warped(scene, grid)
    middle = (np.arange(60) + 0.5) * ratio - 0.5
    inner = slice(8, 50)
    tolerance = 1e-3 * ratio
    np.testing.assert_allclose(found.data[0, inner, 20], middle[inner], atol=tolerance)
    np.testing.assert_allclose(found.data[1, 20, inner], middle[inner], atol=tolerance)


def test_detail_finer_than_the_grid_does_not_alias(tmp_path: Path) -> None:
    rows, cols = np.indices((240, 240))
    scene = scene_of(tmp_path, ((rows + cols) % 2 * 100.0)[None].astype(np.float32))
    grid = GeoBox((80, 80), UTM * Affine.scale(3), "EPSG:32651")
    found = warped(scene, grid).data[0][8:-8, 8:-8]
    assert np.abs(found - 50).max() < 1.5


# Validity


@pytest.mark.parametrize("ratio", [0.8, 1.0, 2.5, 9.0])
def test_no_valid_pixel_mixes_missing_ones(tmp_path: Path, ratio: float) -> None:
    """Valid pixels hold 100 to 110 and missing ones 60 000: what mixes them is far off."""
    rng = np.random.default_rng(1)
    size = max(200, round(ratio * 60))
    image = rng.integers(100, 111, (2, size, size)).astype(np.uint16)
    missing = rng.random((size, size)) < 0.002
    missing[:, : size // 5] = True
    missing[size // 2 :, size // 2 : size // 2 + 40] = True
    image[:, missing] = 60_000
    scene = scene_of(tmp_path, image, nodata=60_000)
    grid = GeoBox(
        (150, 150), UTM * Affine.translation(0.3, 0.7) * Affine.scale(ratio), "EPSG:32651"
    )
    found = warped(scene, grid, shift=Shift.constant(0.2, -0.4))
    assert 0.1 < found.valid.mean() < 1
    assert found.data[:, found.valid].min() > 95
    assert found.data[:, found.valid].max() < 115
    assert np.isfinite(found.data).all()


def test_a_pixel_is_valid_where_all_four_around_it_are(tmp_path: Path) -> None:
    image = np.full((1, 30, 30), 5, np.uint8)
    image[0, 10, 12] = 0
    image[0, 20, 4] = 0
    scene = scene_of(tmp_path, image, nodata=0)
    grid = GeoBox((30, 30), UTM * Affine.translation(0.5, 0.25), "EPSG:32651")
    found = warped(scene, grid).valid
    # Pixel (r, c) lies between rows r and r + 1, columns c and c + 1.
    expected = np.ones((30, 30), bool)
    expected[-1] = expected[:, -1] = False
    for row, col in ((10, 12), (20, 4)):
        expected[row - 1 : row + 1, col - 1 : col + 1] = False
    np.testing.assert_array_equal(found, expected)


def test_outside_the_scene_nothing_is_valid(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, np.ones((3, 50, 60), np.float32))
    for shift in (None, Shift.constant(0.5, 0.5)):
        found = warped(scene, scene.geobox, Window(-900, 2000, -880, 2030), shift=shift)
        assert found.data.shape == (3, 20, 30)
        assert not found.valid.any()
        assert not found.data.any()
        assert found.geobox.affine @ (0, 0) == UTM @ (2000, -900)


def test_a_scene_without_any_valid_pixel_is_answered(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, np.zeros((1, 50, 60), np.uint8), nodata=0)
    found = warped(scene, scene.geobox, shift=Shift.constant(0.5, 0.5))
    assert not found.valid.any()
    assert np.isfinite(found.data).all()


def test_bands_may_be_combined_before_they_are_resampled(tmp_path: Path) -> None:
    image = np.random.default_rng(2).random((3, 60, 70)).astype(np.float32)
    scene = scene_of(tmp_path, image)
    weights = np.array([[0.5, -2, 1.0], [1, 1, 1]])
    shift = Shift.constant(0.3, 0.4)
    apart, together = (
        warped(scene, scene.geobox, shift=shift),
        warped(scene, scene.geobox, shift=shift, weights=weights),
    )
    np.testing.assert_allclose(
        together.data, np.einsum("ob,brc->orc", weights, apart.data), atol=1e-4
    )
    still = warped(scene, scene.geobox, weights=weights)
    np.testing.assert_allclose(still.data, np.einsum("ob,brc->orc", weights, image), atol=1e-5)


def test_bands_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    image = np.random.default_rng(2).random((3, 20, 30)).astype(np.float32)
    scene = scene_of(tmp_path, image)
    found = warp_window(scene, scene.geobox, scene.window, bands=[3, 1])
    np.testing.assert_array_equal(found.data, image[[2, 0]])


# Against SciPy, and right to the edge


def oracle(image: NDArray[Any], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """SciPy's cubic B-spline in double precision."""
    spline = ndimage.spline_filter(image.astype(float), order=3, mode="mirror")
    found: NDArray[np.float64] = ndimage.map_coordinates(
        spline, truth, order=3, prefilter=False, mode="mirror"
    )
    return found


@pytest.mark.parametrize("shift", SHIFTS.values(), ids=SHIFTS)
@pytest.mark.parametrize("affine", GRIDS.values(), ids=GRIDS)
def test_inside_scipy_finds_the_same(tmp_path: Path, affine: Affine, shift: Shift | None) -> None:
    """White noise of 16 bits: no image has more to interpolate."""
    image = np.random.default_rng(8).integers(1, 65535, (2, ROWS, COLS)).astype(np.uint16)
    scene = scene_of(tmp_path, image)
    grid = GeoBox((ROWS, COLS), affine, "EPSG:32651")
    truth = positions(grid, scene, shift)
    found = warped(scene, grid, shift=shift)
    deep = np.all(
        [(at >= 17) & (at <= n - 18) for at, n in zip(truth, (ROWS, COLS), strict=True)], axis=0
    )
    assert deep.sum() > 5000
    assert found.valid[deep].all()
    for band, values in zip(image, found.data, strict=True):
        assert np.abs(values - oracle(band, truth))[deep].max() < 65535e-5 / 4


def test_axes_and_signs_on_an_image_without_symmetry(tmp_path: Path) -> None:
    """One bright pixel and its two unequal neighbours, moved by whole pixels and by halves."""
    image = np.random.default_rng(6).random((1, 90, 120)).astype(np.float32)
    image[0, 40, 70], image[0, 40, 71], image[0, 42, 70] = 100, 50, 30
    scene = scene_of(tmp_path, image)
    for rows, cols in ((4, -9), (-11, 2), (4.5, -9), (4, 2.5)):
        found = warped(scene, scene.geobox, shift=Shift.constant(rows, cols)).data[0]
        expected = ndimage.shift(image[0].astype(float), (rows, cols), order=3, mode="mirror")
        inner = (slice(30, -30), slice(30, -30))
        np.testing.assert_allclose(found[inner], expected[inner], atol=1e-3)
    up = warped(scene, scene.geobox, shift=Shift.constant(-5, 0)).data[0]
    assert up[35, 70] == pytest.approx(100, abs=1e-3)
    assert up[35, 71] == pytest.approx(50, abs=1e-3)
    assert up[37, 70] == pytest.approx(30, abs=1e-3)


def test_validity_reaches_right_to_the_edge(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, np.full((1, 60, 70), 7, np.float32))
    found = warped(scene, scene.geobox, shift=Shift.constant(0.25, -0.5))
    # Row r comes from r - 0.25, column c from c + 0.5.
    expected = np.ones((60, 70), bool)
    expected[0] = expected[:, -1] = False
    np.testing.assert_array_equal(found.valid, expected)
    np.testing.assert_allclose(found.data[0][expected], 7, rtol=1e-6)
    assert not found.data[0][~expected].any()


# Tiles equal the whole


@pytest.fixture(scope="module")
def patchy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Noise with holes."""
    rng = np.random.default_rng(3)
    image = rng.integers(1, 1000, (2, 200, 230)).astype(np.uint16)
    image[:, rng.random((200, 230)) < 0.02] = 0
    image[:, 100:150, 60:110] = 0
    with raster_environment():
        yield scene_of(
            tmp_path_factory.mktemp("patchy"), image, nodata=0, transform=UTM * Affine.scale(20)
        )


LATTICES = {
    "one CRS": GeoBox((220, 240), UTM * Affine.scale(20) * Affine.rotation(3), "EPSG:32651"),
    "coarser": GeoBox((130, 150), UTM * Affine.scale(33), "EPSG:32651"),
    "far coarser": GeoBox((30, 34), UTM * Affine.scale(137), "EPSG:32651"),
    "another CRS": near("EPSG:32652", Affine.scale(10, -10), rows=260, cols=280),
    "degrees": near("EPSG:4326", Affine.scale(1.2e-4, -1.2e-4), rows=220, cols=250),
}


@settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(size=st.integers(30, 90), shift=st.sampled_from([None, SMOOTH, Shift.constant(0.4, -3.2)]))
@pytest.mark.parametrize("grid", LATTICES.values(), ids=LATTICES)
def test_property_tiles_equal_the_whole(
    patchy: Scene, grid: GeoBox, size: int, shift: Shift | None
) -> None:
    window = Window(-7, -4, grid.shape[0], grid.shape[1])
    whole = warped(patchy, grid, window, shift=shift)
    assert whole.valid.any()
    for tile in tiles_over(window, size=size):
        part = warped(patchy, grid, tile, shift=shift)
        at = tile.within(window)
        np.testing.assert_array_equal(part.valid, whole.valid[at])
        np.testing.assert_array_equal(part.data, whole.data[(slice(None), *at)])


def test_a_large_window_is_made_of_pieces(patchy: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for grid in LATTICES.values():
        whole = warped(patchy, grid, shift=SMOOTH)
        with monkeypatch.context() as patch:
            patch.setattr(imagery.warp, "_PIECE", 12_000)
            pieces = warped(patchy, grid, shift=SMOOTH)
        np.testing.assert_array_equal(pieces.valid, whole.valid)
        np.testing.assert_array_equal(pieces.data, whole.data)
