"""Strength: scores over 3 × 3 px."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from imagery.strength import HALO, strength_of


def test_it_is_the_root_mean_square_of_the_seen_neighbours() -> None:
    rng = np.random.default_rng(1)
    score = rng.gamma(2, 1, (12, 15)).astype(np.float32)
    seen = rng.random(score.shape) < 0.8
    found = strength_of(score, seen)
    for row in range(12):
        for col in range(15):
            near = np.s_[max(row - 1, 0) : row + 2, max(col - 1, 0) : col + 2]
            values = score[near][seen[near]].astype(float)
            expected = np.sqrt((values**2).mean()) if len(values) else 0
            assert found[row, col] == pytest.approx(expected, rel=1e-5)


def test_what_is_unseen_counts_for_nothing_whatever_it_holds() -> None:
    score = np.ones((5, 5), np.float32)
    seen = np.ones((5, 5), bool)
    seen[2, 2] = False
    for value in (np.nan, np.inf, 1e30):
        score[2, 2] = value
        np.testing.assert_array_equal(strength_of(score, seen), 1)


def test_nothing_seen_is_nothing() -> None:
    assert not strength_of(np.full((3, 4), 9, np.float32), np.zeros((3, 4), bool)).any()


def test_noise_reaches_less_than_its_pixels_and_an_object_keeps_its_score() -> None:
    rng = np.random.default_rng(2)
    score = np.sqrt((rng.normal(size=(3, 200, 200)) ** 2).sum(axis=0)).astype(np.float32)
    whole = np.ones(score.shape, bool)
    assert strength_of(score, whole).max() < 0.75 * score.max()
    score[100:105, 100:105] = 20
    assert strength_of(score, whole)[102, 102] == 20


def test_tiles_with_a_margin_are_the_whole_to_the_bit() -> None:
    score = ndimage.gaussian_filter(np.random.default_rng(3).normal(0, 9, (50, 60)), 1)
    score, seen = np.abs(score).astype(np.float32), score < 3
    whole = strength_of(score, seen)
    near = np.s_[10 - HALO : 30 + HALO, 20 - HALO : 45 + HALO]
    part = strength_of(score[near], seen[near])[HALO:-HALO, HALO:-HALO]
    np.testing.assert_array_equal(part, whole[10:30, 20:45])
