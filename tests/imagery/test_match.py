from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.coregister._coarse import coarse_shift
from imagery.coregister._match import Matches, band_mask, match_windows
from imagery.coregister._mutual import information_surfaces, match_by_information
from imagery.simulate import textured_pair

ALL = np.ones((256, 256), bool)


def grid_of_windows(size: int, *, margin: int = 24) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    starts = np.arange(margin, 256 - size - margin + 1, size // 2)
    tops, lefts = np.meshgrid(starts, starts, indexing="ij")
    return tops.ravel(), lefts.ravel()


def matched(
    one: NDArray[Any], two: NDArray[Any], valid: Any = None, *, size: int = 64, search: int = 16
) -> Matches:
    tops, lefts = grid_of_windows(size)
    return match_windows(
        one, two, valid or (ALL, ALL), tops=tops, lefts=lefts, size=size, search=search
    )


def pair(shift: tuple[float, float], **how: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    made = textured_pair(shape=(256, 256), shift=shift, seed=5, **how)
    return made.before[0], made.after[0]


@pytest.mark.parametrize(
    "shift", [(0.0, 0.0), (0.31, -0.27), (-3.5, 2.75), (7.4, 0.0), (0.0, -7.9)]
)
@pytest.mark.parametrize("size", [32, 64])
def test_windows_find_the_shift_rows_first(shift: tuple[float, float], size: int) -> None:
    found = matched(*pair(shift), size=size, search=size // 4)
    assert found.textured.all()
    np.testing.assert_allclose(np.median(found.shift, axis=0), shift, atol=0.015)
    assert np.quantile(np.abs(found.shift - shift), 0.9) < 0.05
    assert np.median(found.coherence) > 0.9
    # Centres are those of the windows, in whole and half pixels.
    tops, lefts = grid_of_windows(size)
    np.testing.assert_array_equal(found.row, tops + (size - 1) / 2)
    np.testing.assert_array_equal(found.col, lefts + (size - 1) / 2)


def test_gain_offset_and_the_sign_of_contrast() -> None:
    one, two = pair((1.3, -0.6), gain=30.0, offset=500.0)
    found = matched(one, two)
    np.testing.assert_allclose(np.median(found.shift, axis=0), (1.3, -0.6), atol=0.015)


def test_the_covariance_grows_with_noise_as_the_errors_do() -> None:
    spreads, told = [], []
    for noise in (0.1, 0.4):
        found = matched(*pair((0.4, -0.3), noise=noise))
        spreads.append(np.std(found.shift - np.median(found.shift, axis=0)))
        told.append(np.sqrt(np.median(np.trace(found.covariance, axis1=1, axis2=2) / 2)))
        assert 0.4 < told[-1] / spreads[-1] < 2.5
    assert spreads[1] > 2 * spreads[0]
    assert told[1] > 2 * told[0]


def test_unrelated_ground_coheres_little() -> None:
    one = textured_pair(shape=(256, 256), seed=1).before[0]
    two = textured_pair(shape=(256, 256), seed=2).before[0]
    found = matched(one, two)
    related = matched(*pair((0.4, -0.3), noise=0.3))
    assert np.quantile(found.coherence, 0.99) < np.quantile(related.coherence, 0.05)


def test_windows_matched_with_another_place_do_not_cohere() -> None:
    found = matched(*pair((0.0, 0.0)))
    assert len(found.decoys) > 10
    assert np.quantile(found.decoys, 0.9) < 0.5 < np.quantile(found.coherence, 0.1)


def test_the_search_starts_from_an_offset() -> None:
    one, two = pair((25.4, -31.7))
    starts = np.arange(60, 130, 32)
    tops, lefts = (a.ravel() for a in np.meshgrid(starts, starts, indexing="ij"))
    found = match_windows(
        one,
        two,
        (ALL, ALL),
        tops=tops,
        lefts=lefts,
        size=64,
        search=4,
        moves=np.tile(np.array([24, -30]), (len(tops), 1)),
    )
    np.testing.assert_allclose(np.median(found.shift, axis=0), (25.4, -31.7), atol=0.03)


def test_a_window_that_would_leave_its_image_is_no_window() -> None:
    one, two = pair((0.0, 0.0))
    at = np.array([10, 250, -5])
    found = match_windows(one, two, (ALL, ALL), tops=at, lefts=at, size=32, search=4)
    assert found.textured.tolist() == [True, False, False]


def test_values_under_invalid_pixels_have_no_say() -> None:
    one, two = (image.copy() for image in pair((0.4, -0.3)))
    holes = np.ones((2, 256, 256), bool)
    rng = np.random.default_rng(0)
    for valid in holes:
        for _ in range(40):
            row, col = rng.integers(0, 250, 2)
            valid[row : row + 6, col : col + 6] = False
    plain = matched(one, two, (holes[0], holes[1]))
    one[~holes[0]], two[~holes[1]] = 1e5, -1e5
    wild = matched(one, two, (holes[0], holes[1]))
    np.testing.assert_array_equal(wild.shift, plain.shift)
    np.testing.assert_allclose(np.median(wild.shift, axis=0), (0.4, -0.3), atol=0.05)


def test_what_has_no_structure_is_told() -> None:
    rng = np.random.default_rng(0)
    texture, _ = pair((0.0, 0.0))
    noise = rng.normal(0, 1, (256, 256)).astype(np.float32)
    flat = np.full((256, 256), 7, np.float32)
    for other in (noise, flat):
        assert not matched(texture, other).textured.any()
        assert not matched(other, texture).textured.any()
    little = np.zeros((256, 256), bool)
    little[:, ::2] = True
    assert not matched(texture, texture, (little, ALL)).textured.any()


def test_flat_windows_are_answered_without_a_warning() -> None:
    flat = np.zeros((256, 256), np.float32)
    found = matched(flat, flat, (~ALL, ~ALL))
    assert np.isfinite(found.shift).all()
    assert np.isfinite(found.covariance).all()
    assert not found.coherence.any()
    assert not found.textured.any()


def test_frequencies_that_carry_position() -> None:
    mask = band_mask(64, 64)
    assert not mask[0, 0]
    assert not mask[32, 32]
    assert mask[10, 10]
    assert not band_mask(32, 32)[0, 1]  # a wave as long as the window


# The first guess


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


@pytest.mark.parametrize("shift", [(0, 0), (40, -60), (-75, 10), (3, 90)])
def test_the_first_guess_from_any_offset(shift: tuple[int, int], executor: Executor) -> None:
    made = textured_pair(shape=(300, 340), shift=shift, seed=8, noise=0.2, gain=0.5)
    valid = np.ones((300, 340), bool)
    found = coarse_shift(made.before[0], made.after[0], (valid, valid), executor=executor)
    assert found.shift == shift
    assert found.support > 0.7
    assert found.sure


def test_the_first_guess_from_inverted_contrast(executor: Executor) -> None:
    made = textured_pair(shape=(300, 300), shift=(21, -34), seed=8)
    valid = np.ones((300, 300), bool)
    found = coarse_shift(made.before[0], -made.after[0], (valid, valid), executor=executor)
    # Windows can't vote for it, since their phase is turned, but no other move wins either.
    assert found.support < 0.1


def test_unrelated_images_have_no_support(executor: Executor) -> None:
    one = textured_pair(shape=(300, 300), seed=1).before[0]
    two = textured_pair(shape=(300, 300), seed=2).before[0]
    valid = np.ones((300, 300), bool)
    # The best of seven candidates, of which the farthest leave few windows to vote.
    found = coarse_shift(one, two, (valid, valid), executor=executor)
    assert found.support < 0.3
    assert not found.significant


# Mutual information


def by_information(one: NDArray[Any], two: NDArray[Any], *, size: int = 64) -> Matches:
    tops, lefts = grid_of_windows(size, margin=8)
    return match_by_information(one, two, (ALL, ALL), tops=tops, lefts=lefts, size=size)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (2.0, -3.0), (0.3, -1.6)])
@pytest.mark.parametrize(
    "seen_by_another",
    [lambda image: -image, lambda image: np.abs(image - np.median(image)), np.exp],
    ids=["reversed", "folded", "exponential"],
)
def test_information_asks_for_no_common_radiometry(
    shift: tuple[float, float], seen_by_another: Any
) -> None:
    one, two = pair(shift)
    scaled = (two - two.mean()) / two.std()
    found = by_information(one, seen_by_another(scaled).astype(np.float32))
    assert found.textured.all()
    # Fractions are drawn to whole pixels by up to a tenth; a second pass starts from them.
    np.testing.assert_allclose(np.median(found.shift, axis=0), shift, atol=0.12)
    assert np.quantile(found.decoys, 0.95) < np.quantile(found.coherence, 0.05)


def test_information_of_unrelated_windows_is_that_of_decoys() -> None:
    one = textured_pair(shape=(256, 256), seed=1).before[0]
    two = textured_pair(shape=(256, 256), seed=2).before[0]
    found = by_information(one, two)
    assert np.median(found.coherence) < 2 * np.median(found.decoys)


def test_information_is_that_of_the_joint_histogram() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 255, (40, 40)).astype(np.uint8)
    two = np.where(rng.random((40, 40)) < 0.7, one, rng.integers(0, 255, (40, 40))).astype(np.uint8)
    place = np.array([[4, 4]])
    surface = information_surfaces(one, two, place, place, 32, 3, 4)
    assert surface.shape == (1, 7, 7)
    assert np.unravel_index(surface[0].argmax(), (7, 7)) == (3, 3)
    a, b = (
        np.digitize(x[4:36, 4:36], np.quantile(x[4:36, 4:36], [0.25, 0.5, 0.75]))
        for x in (one, two)
    )
    joint = np.histogram2d(a.ravel(), b.ravel(), bins=4)[0] / 1024
    outer = joint.sum(axis=1)[:, None] * joint.sum(axis=0)
    assert surface[0, 3, 3] == pytest.approx((joint * np.log(joint / outer)).sum(), rel=0.05)
