from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from imagery.mask import (
    Edges,
    can_hold,
    find_collar,
    in_collar,
    is_nodata,
    opaque_value,
    valid_pixels,
)
from imagery.scene import Collar

NAN = float("nan")


@pytest.mark.parametrize(
    ("dtype", "value", "holds"),
    [
        ("uint8", 0, True),
        ("uint8", 255, True),
        ("uint8", 256, False),
        ("uint8", -9999, False),
        ("uint8", 0.5, False),
        ("uint16", NAN, False),
        ("int16", -32768, True),
        ("int32", 2147483647.0, True),
        ("float32", NAN, True),
        ("float32", -3.4028235e38, True),
        ("float32", -3.4029e38, True),  # the same, written with fewer digits
        ("float32", -1.7976931348623157e308, False),
        ("float64", -1.7976931348623157e308, True),
        ("uint16", float("inf"), False),
    ],
)
def test_what_a_dtype_can_hold(dtype: str, value: float, holds: bool) -> None:
    assert can_hold(dtype, value) is holds


@pytest.mark.parametrize(
    ("stored", "nodata", "expected"),
    [
        (np.array([0, 1, 255], np.uint8), 255, [False, False, True]),
        (np.array([0, 1, 255], np.uint8), -9999, [False, False, False]),
        (np.array([0, 1, 255], np.uint8), NAN, [False, False, False]),
        (np.array([0.0, NAN, 5.0], np.float32), NAN, [False, True, False]),
        (np.array([0.0, -0.0, 1e-30], np.float32), 0.0, [True, True, False]),
        (np.array([0.1, 0.2, NAN], np.float32), 0.1, [True, False, False]),
        (np.array([-3.4028235e38, 0.0], np.float32), -3.40282346638529e38, [True, False]),
        (np.array([-3.4e38, 3.4e38], np.float64), -3.3999999521443642e38, [True, False]),
        (np.array([-9999.0, -9998.0], np.float32), -9999, [True, False]),
        (np.array([np.inf, 0.0], np.float32), float("inf"), [True, False]),
    ],
)
def test_nodata_is_found_in_the_dtype_of_the_pixels(
    stored: NDArray[Any], nodata: float, expected: list[bool]
) -> None:
    assert is_nodata(stored, nodata).tolist() == expected


def test_a_pixel_without_one_band_is_missing() -> None:
    raw = np.array([[[0, 5, 7]], [[0, 0, 7]]], np.uint16)
    assert valid_pixels(raw, nodata=0).tolist() == [[False, False, True]]


def test_black_in_one_8_bit_band_is_a_dark_pixel_not_a_missing_one() -> None:
    raw = np.array([[[0, 5, 7]], [[0, 0, 7]]], np.uint8)
    assert valid_pixels(raw, nodata=0).tolist() == [[False, True, True]]
    assert valid_pixels(raw, nodata=7).tolist() == [[True, True, False]]


def test_nan_and_infinity_and_huge_are_missing_whatever_the_tag_says() -> None:
    raw = np.array([[[NAN, np.inf, -np.inf, -3.4e38, 1e29, 0.0]]], np.float32)
    for nodata in (None, -9999.0, NAN):
        assert valid_pixels(raw, nodata=nodata).tolist() == [[False] * 4 + [True, True]]


@pytest.mark.parametrize(
    ("samples", "opaque"),
    [
        ([np.array([0, 255, 255], np.uint8)], 255),
        ([np.full(9, 255, np.uint8)], 255),
        ([np.zeros(9, np.uint8)], 255),
        ([np.array([0, 65535], np.uint16)], 65535),
        ([np.array([0, 1], np.uint8)], 1),
        ([np.array([0.0, 1.0], np.float32)], 1),
        ([np.arange(256, dtype=np.uint8)], None),
        ([np.array([NAN, 1.0], np.float32)], None),
        ([np.array([-3, -1], np.int16)], None),
    ],
)
def test_alpha_has_two_values(samples: list[NDArray[Any]], opaque: float | None) -> None:
    assert opaque_value(samples) == opaque


def test_alpha_may_have_feathered_edges() -> None:
    band = np.full(1000, 255, np.uint8)
    band[:300] = 0
    band[300:330] = 100
    assert opaque_value([band]) == 255
    band[300:400] = np.arange(100)
    assert opaque_value([band]) is None


def edges_of(image: NDArray[Any]) -> Edges:
    return Edges(top=image[:, 0], bottom=image[:, -1], left=image[:, :, 0], right=image[:, :, -1])


def sampled(image: NDArray[Any], factor: int) -> NDArray[Any]:
    """Nearest neighbours on the grid that is ``factor`` times coarser, as GDAL takes them."""
    index = []
    for size in image.shape[1:]:
        cells = -(-size // factor)
        index.append(((np.arange(cells) + 0.5) * size / cells).astype(int))
    return image[:, index[0][:, None], index[1][None, :]]


def scene_with_collar(seed: int = 0, dtype: str = "uint8") -> tuple[NDArray[Any], NDArray[Any]]:
    """A 200 x 160 px image with a slanting black border, black roofs inside, and the truth."""
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 200, (3, 200, 160)).astype(dtype)
    rows, cols = np.mgrid[:200, :160]
    collar = (cols < 30 - rows * 0.1) | (rows > 170 + cols * 0.1)
    image[:, collar] = 0
    image[:, 60:80, 60:90] = 0
    return image, collar


def apply(image: NDArray[Any], collar: Collar, top: int = 0, left: int = 0) -> NDArray[Any]:
    return in_collar(image, collar, values=collar.values, top=top, left=left)


@pytest.mark.parametrize("factor", [1, 3, 8])
def test_a_collar_is_found_and_a_black_roof_inside_stays(factor: int) -> None:
    image, truth = scene_with_collar()
    found = find_collar(sampled(image, factor), edges_of(image), factor=factor)
    assert found is not None
    collar, share = found
    assert collar.values == (0.0, 0.0, 0.0)
    assert share == pytest.approx(truth.mean(), abs=0.02)
    np.testing.assert_array_equal(apply(image, collar), truth)


def test_a_window_of_a_collar_is_the_window_of_the_whole() -> None:
    image, truth = scene_with_collar()
    found = find_collar(sampled(image, 5), edges_of(image), factor=5)
    assert found is not None
    part = apply(image[:, 163:191, 7:140], found[0], top=163, left=7)
    np.testing.assert_array_equal(part, truth[163:191, 7:140])
    assert apply(image[:, :0, 7:140], found[0], top=163, left=7).shape == (0, 133)


def test_a_collar_thinner_than_the_sampling_is_found() -> None:
    image = np.random.default_rng(1).integers(1, 200, (1, 400, 300)).astype(np.uint16)
    image[:, :, -2:] = 65535
    found = find_collar(sampled(image, 8), edges_of(image), factor=8)
    assert found is not None
    truth = np.zeros((400, 300), bool)
    truth[:, -2:] = True
    np.testing.assert_array_equal(apply(image, found[0]), truth)


def test_bands_may_pad_with_one_value_only_together() -> None:
    image, _ = scene_with_collar()
    image[1] = np.maximum(image[1], 3)  # one band is not black there
    found = find_collar(image, edges_of(image), factor=1)
    assert found is not None  # (0, 3, 0) is unusual, but fills far more than a tenth
    assert found[0].values == (0.0, 3.0, 0.0)


def test_a_flat_stretch_of_an_ordinary_value_is_no_collar() -> None:
    image = np.random.default_rng(2).integers(0, 250, (1, 600, 600)).astype(np.uint8)
    image[:, :60, :60] = 77  # a flat sea in a corner: 5 % of the border
    assert find_collar(image, edges_of(image), factor=1) is None
    image[:, :60, :60] = 0
    assert find_collar(image, edges_of(image), factor=1) is not None


def test_a_constant_image_has_no_collar() -> None:
    image = np.zeros((1, 64, 64), np.uint8)
    assert find_collar(image, edges_of(image), factor=1) is None


def test_nan_is_no_collar() -> None:
    image = np.random.default_rng(3).random((1, 64, 64)).astype(np.float32)
    image[:, :, :20] = NAN
    assert find_collar(image, edges_of(image), factor=1) is None


def test_lossy_stains_around_a_collar_go_with_it() -> None:
    image, truth = scene_with_collar()
    stained = image.astype(int)
    rng = np.random.default_rng(4)
    near = truth & ~np.roll(truth, 3, axis=1)  # the collar's inner edge
    stained[:, near] += rng.integers(0, 4, (3, int(near.sum())))
    stained = stained.astype(np.uint8)
    found = find_collar(stained, edges_of(stained), factor=1, tolerance=8)
    assert found is not None
    assert apply(stained, found[0])[truth].all()
    assert not apply(stained, found[0])[60:80, 60:90].any()


@given(
    width=st.integers(0, 40),
    factor=st.integers(1, 9),
    value=st.sampled_from([0, 255]),
    seed=st.integers(0, 99),
)
def test_property_a_straight_collar_is_exactly_found(
    width: int, factor: int, value: int, seed: int
) -> None:
    image = np.random.default_rng(seed).integers(1, 255, (2, 90, 110)).astype(np.uint8)
    image[:, :, :width] = value
    found = find_collar(sampled(image, factor), edges_of(image), factor=factor)
    truth = np.zeros((90, 110), bool)
    truth[:, :width] = True
    if width == 0:
        assert found is None
    else:
        assert found is not None
        np.testing.assert_array_equal(apply(image, found[0]), truth)
