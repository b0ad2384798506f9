from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from imagery.outline import HALO, covered

NOISE_FREE = 4.0
"""A cut in standard deviations."""


def disc(radius: float, *, size: int = 64, fine: int = 16) -> NDArray[np.float64]:
    """The share of each pixel that a disc covers, its centre off the pixels' own."""
    at = (np.arange(size * fine) + 0.5) / fine
    inside = (at[:, None] - size / 2 - 0.3) ** 2 + (at[None, :] - size / 2 + 0.2) ** 2 < radius**2
    return np.asarray(inside.reshape(size, fine, size, fine).mean(axis=(1, 3)))


def change(
    strength: float, *, radius: float, blur: float = 0.6, bands: int = 3
) -> NDArray[np.float32]:
    """A disc as a sensor shows it, in units of noise, without noise."""
    shape = ndimage.gaussian_filter(disc(radius), blur)
    weights = np.array([1.0, -0.5, 0.2])[:bands, None, None]
    return np.asarray(strength * shape * weights / np.linalg.norm(weights[:, 0, 0]), np.float32)


@pytest.mark.parametrize("strength", [10.0, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize("radius", [3.0, 6.0, 15.0])
def test_the_area_of_a_disc_is_right_whatever_its_strength(strength: float, radius: float) -> None:
    difference = change(strength, radius=radius)
    score = np.sqrt((difference**2).sum(axis=0))
    candidate = score > NOISE_FREE
    truth = np.pi * radius**2
    # What is too weak to be measured to less than a half is given the benefit of the doubt.
    rel = 0.45 if strength < 30 else 0.12
    assert covered(score, difference[:, candidate], candidate).sum() == pytest.approx(
        truth, rel=rel, abs=6
    )
    if strength >= 100:
        assert candidate.sum() > 1.1 * truth  # what the threshold alone would say


def test_what_is_weak_all_over_stays_whole() -> None:
    """Just above the threshold there is no rim to cut."""
    difference = np.full((2, 12, 12), 5.0, np.float32)
    score = np.sqrt((difference**2).sum(axis=0))
    assert covered(score, difference[:, score > 0], score > 0).all()


def test_a_neighbour_that_changed_otherwise_does_not_cover() -> None:
    """A faint darkening beside a strong brightening is no part of it."""
    difference = np.zeros((1, 7, 9), np.float32)
    difference[0, 2:5, 2:5], difference[0, 2:5, 5] = 50, -6
    score = np.abs(difference[0])
    found = covered(score, difference[:, score > NOISE_FREE], score > NOISE_FREE)
    assert found[2:5, 2:5].all()
    assert not found[2:5, 5].any()


def test_a_neighbour_of_another_colour_is_a_change_of_its_own() -> None:
    """A mixture of ground and change lies between the two; a pixel that lies elsewhere is none."""
    difference = np.zeros((3, 7, 9), np.float32)
    difference[:, 2:5, 2:5] = 30
    mixed, other = difference.copy(), difference.copy()
    mixed[:, 2:5, 5] = 6
    other[:, 2:5, 5] = np.array([6, 6, -6])[:, None]
    for values, stays in ((mixed, False), (other, True)):
        score = np.sqrt((values**2).sum(axis=0))
        found = covered(score, values[:, score > NOISE_FREE], score > NOISE_FREE)
        assert found[2:5, 2:5].all()
        assert (found[2:5, 5] == stays).all()


def test_a_weak_part_inside_a_strong_change_stays() -> None:
    difference = np.zeros((1, 15, 15), np.float32)
    difference[0, 2:13, 2:13] = 60
    difference[0, 6:9, 6:9] = 9
    score = np.abs(difference[0])
    np.testing.assert_array_equal(
        covered(score, difference[:, score > NOISE_FREE], score > NOISE_FREE), score > 0
    )


def test_a_line_one_pixel_wide_stays() -> None:
    difference = np.zeros((1, 9, 30), np.float32)
    difference[0, 4, 3:27] = 20
    score = np.abs(difference[0])
    np.testing.assert_array_equal(
        covered(score, difference[:, score > NOISE_FREE], score > NOISE_FREE), score > 0
    )


def test_only_candidates_stand_for_a_change_and_only_they_are_kept() -> None:
    rng = np.random.default_rng(3)
    difference = rng.normal(0, 5, (3, 40, 50)).astype(np.float32)
    score = np.sqrt((difference**2).sum(axis=0))
    candidate = (score > 6) & (rng.random(score.shape) < 0.7)
    found = covered(score, difference[:, candidate], candidate)
    assert not (found & ~candidate).any()
    strongest = score[candidate].max()
    assert found[score == strongest].all()
    # What is no candidate has no say, whatever it holds.
    wild = np.where(candidate, difference, np.float32(1e6))
    np.testing.assert_array_equal(
        covered(np.where(candidate, score, np.float32(np.nan)), wild[:, candidate], candidate),
        found,
    )


def test_tiles_with_a_margin_are_the_whole() -> None:
    rng = np.random.default_rng(5)
    difference = ndimage.gaussian_filter(rng.normal(0, 30, (2, 60, 70)), (0, 1, 1))
    difference = difference.astype(np.float32)
    score = np.sqrt((difference**2).sum(axis=0))
    candidate = score > NOISE_FREE
    whole = covered(score, difference[:, candidate], candidate)
    for top, left in ((10, 20), (33, 5)):
        near = np.s_[top - HALO : top + 20 + HALO, left - HALO : left + 25 + HALO]
        part = covered(
            score[near], difference[(slice(None), *near)][:, candidate[near]], candidate[near]
        )
        np.testing.assert_array_equal(
            part[HALO:-HALO, HALO:-HALO], whole[top : top + 20, left : left + 25]
        )


def test_nothing_is_nothing() -> None:
    none = np.zeros((4, 5), bool)
    assert not covered(np.zeros((4, 5), np.float32), np.zeros((2, 0), np.float32), none).any()
