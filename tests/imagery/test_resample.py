"""The compiled loops, each beside SciPy or NumPy."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from imagery.read._means import block_means
from imagery.resample import FILLED, convolve, fill, gaussian_taps, interpolate, prefilter

ROOT = Path(__file__).resolve().parents[2]


def noise(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


def interpolated(
    coefficients: NDArray[np.float32],
    rows: NDArray[np.float64],
    cols: NDArray[np.float64],
    valid: NDArray[np.bool_] | None = None,
    size: int = 1,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    positions = np.stack(np.broadcast_arrays(rows, cols)).astype(float)
    values = np.full((len(coefficients), *positions.shape[1:]), 99, np.float32)
    seen = np.ones(positions.shape[1:], bool)
    usable = np.ones(coefficients.shape[1:], bool) if valid is None else valid
    interpolate(coefficients, usable, positions, 0, 0, size, values, seen)
    return values, seen


@pytest.mark.parametrize("shape", [(60, 75), (33, 200), (40, 41)])
def test_the_prefilter_is_scipys(shape: tuple[int, int]) -> None:
    image = noise(2, *shape)
    found = image.copy()
    prefilter(found)
    for band, ours in zip(image, found, strict=True):
        theirs = ndimage.spline_filter(band.astype(float), order=3, mode="mirror")
        np.testing.assert_allclose(ours[15:-15, 15:-15], theirs[15:-15, 15:-15], atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3), (16, 16), (2, 70)])
def test_what_is_too_small_for_the_prefilter_stays_finite(shape: tuple[int, int]) -> None:
    image = noise(1, *shape)
    prefilter(image)
    assert np.isfinite(image).all()


def test_a_constant_stays_one() -> None:
    image = np.full((1, 50, 60), 40_000, np.float32)
    prefilter(image)
    np.testing.assert_allclose(image[0, 15:-15, 15:-15], 40_000, rtol=4e-7)
    convolve(image, gaussian_taps(1.1, 5))
    np.testing.assert_allclose(image[0, 20:-20, 20:-20], 40_000, rtol=8e-7)


@pytest.mark.parametrize("sigma", [0.2, 0.5, 1.0, 1.7])
def test_the_low_pass_is_scipys(sigma: float) -> None:
    image = noise(2, 60, 75)
    found, radius = image.copy(), int(np.ceil(4 * sigma))
    convolve(found, gaussian_taps(sigma, radius))
    inner = (slice(None), slice(radius, -radius), slice(radius, -radius))
    theirs = ndimage.gaussian_filter(image.astype(float), (0, sigma, sigma), radius=radius)
    np.testing.assert_allclose(found[inner], theirs[inner], atol=1e-6)
    found[inner] = 0
    assert not found.any()


@pytest.mark.parametrize(
    ("down", "across"),
    [(1.0, 1.0), (1.003, 0.99), (0.4, 0.45), (-0.7, 0.8), (1.6, -1.2)],
)
def test_values_between_pixels_are_scipys(down: float, across: float) -> None:
    """Long runs, short ones and single pixels all go the same way."""
    coefficients = noise(3, 150, 170)
    row, col = np.indices((75, 131))
    rows = 5.3 + (0 if down > 0 else 130) + down * row + 0.02 * col
    cols = 4.1 + (0 if across > 0 else 160) + across * col - 0.01 * row
    found, seen = interpolated(coefficients, rows, cols)
    inside = (rows >= 1) & (cols >= 1) & (rows < 148) & (cols < 168)
    assert inside.mean() > 0.5
    np.testing.assert_array_equal(seen, inside)
    assert not found[:, ~seen].any()
    for ours, band in zip(found, coefficients, strict=True):
        theirs = ndimage.map_coordinates(band.astype(float), (rows, cols), order=3, prefilter=False)
        np.testing.assert_allclose(ours[seen], theirs[seen], atol=2e-6)


def test_a_pixel_that_stands_for_several_is_found_by_its_middle() -> None:
    coefficients = np.tile(np.arange(40, dtype=np.float32), (1, 30, 1))
    # Three pixels for one: the middle of number 10 lies at 31, half a pixel on at 32.5.
    found, _ = interpolated(coefficients, np.array([[31.0]]), np.array([[31.0, 32.5]]), size=3)
    np.testing.assert_allclose(found[0, 0], [10, 10.5], atol=1e-6)


def test_only_the_pixels_around_a_position_must_be_valid() -> None:
    valid = np.ones((20, 20), bool)
    valid[10, 10] = False
    rows = np.array([9.0, 9.0005, 9.5, 9.9995, 10.0, 11.0, 11.5, 8.9995])
    _, seen = interpolated(noise(1, 20, 20), rows[:, None], rows[None, :], valid)
    touching = np.array([False, False, True, True, True, False, False, False])
    np.testing.assert_array_equal(seen, ~(touching[:, None] & touching[None, :]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e18])
def test_a_position_that_is_no_place_is_not_seen(bad: float) -> None:
    places = np.array([[bad, 8.0]])
    found, seen = interpolated(noise(1, 20, 20), np.full((1, 2), 8.0), places)
    assert seen.tolist() == [[False, True]]
    assert found[0, 0, 0] == 0
    assert not interpolated(noise(1, 20, 20), places, np.full((1, 2), 8.0))[1][0, 0]


def test_missing_pixels_take_their_surroundings_values() -> None:
    data = np.array([[[1.0, 2, 99, 99, 5]], [[10, 20, np.inf, 99, 50]]], np.float32)
    fill(data, np.array([[True, True, False, False, True]]), 12)
    np.testing.assert_array_equal(data, [[[1, 2, 2, 5, 5]], [[10, 20, 20, 50, 50]]])


def test_a_straight_edge_is_carried_on() -> None:
    data = np.tile(np.arange(30, dtype=np.float32)[:, None], (1, 1, 30))
    expected = data.copy()
    valid = np.ones((30, 30), bool)
    valid[:, :20] = False
    data[:, ~valid] = 99
    fill(data, valid, FILLED)
    np.testing.assert_array_equal(data[0, :, 8:], expected[0, :, 8:])
    assert not data[0, :, :8].any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 9999), share=st.floats(0, 1), depth=st.integers(1, 6))
def test_property_what_is_filled_lies_between_what_is_near(
    seed: int, share: float, depth: int
) -> None:
    rng = np.random.default_rng(seed)
    valid = rng.random((23, 31)) < share
    data = rng.normal(100, 10, (2, 23, 31)).astype(np.float32)
    before = data.copy()
    fill(data, valid, depth)
    np.testing.assert_array_equal(data[:, valid], before[:, valid])
    side = (1, 2 * depth + 1, 2 * depth + 1)
    near = ndimage.maximum_filter(valid, side[1:], mode="constant", cval=0)
    low = ndimage.minimum_filter(
        np.where(valid, before, np.inf), side, mode="constant", cval=np.inf
    )
    high = ndimage.maximum_filter(
        np.where(valid, before, -np.inf), side, mode="constant", cval=-np.inf
    )
    filled = near & ~valid
    slack = 1e-4
    assert (data[:, filled] >= low[:, filled] - slack).all()
    assert (data[:, filled] <= high[:, filled] + slack).all()
    assert not data[:, ~near].any()


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 40), cols=st.integers(1, 40), factor=st.integers(1, 12))
def test_property_block_means(rows: int, cols: int, factor: int) -> None:
    rng = np.random.default_rng(rows * 41 + cols)
    valid = rng.random((rows, cols)) < 0.5
    data = np.where(valid, rng.normal(0, 100, (2, rows, cols)), 0).astype(np.float32)
    means, some = block_means(data, valid, factor=factor)
    for row in range(means.shape[1]):
        for col in range(means.shape[2]):
            top, left = row * factor, col * factor
            block = slice(top, top + factor), slice(left, left + factor)
            inside = valid[block]
            assert some[row, col] == inside.any()
            for band in range(2):
                expected = data[band][block][inside].mean(dtype=float) if inside.any() else 0
                assert means[band, row, col] == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_what_is_read_only_is_taken() -> None:
    valid = np.ones((20, 20), bool)
    image = noise(1, 20, 20)
    for array in (valid, image):
        array.setflags(write=False)
    assert interpolated(image, np.full((1, 1), 8.2), np.full((1, 1), 8.2), valid)[1].all()
    block_means(image, valid, factor=3)


def test_threads_find_the_same_bits() -> None:
    def work(seed: int) -> bytes:
        image = noise(2, 90, 90, seed=seed % 3)
        prefilter(image)
        row, col = np.indices((50, 50))
        return interpolated(image, 20.3 + row, 20.7 + 0.9 * col)[0].tobytes()

    alone = [work(seed) for seed in range(3)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(24))) == alone * 8


# Where the machine code is kept


def child(code: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code with the package as a user without a home might have it."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


USE = """
import numpy as np
from kernel import double
print(double(np.ones(3, np.float32)).sum())
"""

KERNEL = """
from imagery.compiled import compiled
@compiled("float32[::1](float32[::1])")
def double(x):
    return x + x
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A module with one compiled loop, in a folder of its own."""
    (tmp_path / "kernel.py").write_text(KERNEL, "utf-8")
    return tmp_path


def run(package: Path, **environment: str) -> str:
    done = child(f"import sys; sys.path.insert(1, {str(ROOT)!r})" + USE, package, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


def test_machine_code_is_kept_beside_the_module(package: Path) -> None:
    assert run(package) == "6.0"
    assert list(package.glob("__pycache__/kernel.double*.nbc"))


def test_machine_code_is_kept_where_the_user_says(package: Path, tmp_path: Path) -> None:
    assert run(package, NUMBA_CACHE_DIR=str(tmp_path / "cache")) == "6.0"
    assert list(tmp_path.glob("cache/*/kernel.double*.nbc"))
    assert not (package / "__pycache__").exists()


def test_without_any_place_for_it_loops_are_compiled_anew(package: Path) -> None:
    """No folder can be made under a file, whoever asks."""
    (package / "__pycache__").write_text("a file", "utf-8")
    nowhere = str(package / "kernel.py" / "no")
    assert run(package, HOME=nowhere, XDG_CACHE_HOME=nowhere, NUMBA_CACHE_DIR=nowhere) == "6.0"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_install_uses_the_users_cache(package: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    package.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert run(package, XDG_CACHE_HOME=str(home)) == "6.0"
        assert list(home.glob("numba/*/kernel.double*.nbc"))
    finally:
        package.chmod(stat.S_IRWXU)


def test_kinds_of_array_beyond_the_one_signature_are_refused() -> None:
    """One specialisation each: no other is compiled in passing."""
    image: Any = np.zeros((1, 40, 40))
    with pytest.raises(TypeError, match="No matching definition"):
        prefilter(image)
