"""How rough ground is, on images whose steps are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.blocks import Window, tiles_over
from imagery.regions import ScoredTile
from imagery.roughness import CELL, Cells, cells_over, roughness_of, steps_in

RNG = np.random.default_rng(3)


def steps(image: NDArray[Any], window: Window, seen: NDArray[Any] | None = None) -> NDArray[Any]:
    there = np.ones(window.shape, bool) if seen is None else seen
    return steps_in(
        image.astype(np.float32), there, window=window, scale=np.array([2.0] * len(image))
    )


def test_a_slope_has_steps_of_its_own_size() -> None:
    window = Window(0, 0, 48, 32)
    rows, cols = np.mgrid[:48, :32]
    image = np.stack([3.0 * rows, 1.0 * cols])
    # Over two pixels 6 down and 0 across, 0 and 2; the mean of axes and bands, in units of 2.
    np.testing.assert_allclose(steps(image, window), np.full((3, 2), (3 + 0 + 0 + 1) / 4))


def test_what_is_unseen_counts_for_nothing() -> None:
    window = Window(0, 0, 32, 32)
    image = np.where(np.arange(32) < 20, 0.0, 1e6) * np.ones((1, 32, 1))
    seen = np.broadcast_to(np.arange(32) < 20, (32, 32))
    np.testing.assert_array_equal(steps(image, window, seen), 0)
    np.testing.assert_array_equal(steps(image, window, np.zeros((32, 32), bool)), 0)


def test_the_rougher_neighbour_counts_and_the_smoother_image() -> None:
    both = np.zeros((2, 5, 5), np.float32)
    both[:, 0, 0] = 4, 3
    both[1, 4, 4] = 9  # what only one image shows
    found = roughness_of(both)
    expected = np.zeros((5, 5))
    expected[:2, :2] = 3
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("window", [Window(0, 0, 80, 96), Window(-7, 21, 70, 150)])
def test_no_tiling_changes_what_is_gathered(window: Window) -> None:
    image = RNG.normal(0, 5, (2, *window.shape))
    seen = RNG.random(window.shape) < 0.9
    strength = RNG.random(window.shape).astype(np.float32)
    found = []
    for size in (512, 32):
        cells = Cells.over(window)
        for tile in tiles_over(window, size=size):
            at = tile.within(window)
            own = steps(image[(slice(None), *at)], tile, seen[at])
            cells.add(tile_of(tile, strength[at], seen[at], np.stack([own, 2 * own])))
        found.append(cells)
    one, two = found
    np.testing.assert_array_equal(one.steps, two.steps)
    np.testing.assert_array_equal(one.strongest, two.strongest)
    assert one.seen.sum() == seen.sum()
    assert one.lattice == cells_over(window)
    assert one.ground(pixel_km2=0.5).km2.sum() == pytest.approx(seen.sum() / 2)
    places = RNG.integers(0, seen.size, 50)
    rows, cols = np.divmod(places, window.width)
    for place, row, col in zip(one.at(places), rows, cols, strict=True):
        down, right = (row + window.top) // CELL, (col + window.left) // CELL
        assert place == one.roughness[down - one.lattice.top, right - one.lattice.left]


def test_where_nobody_asked_nothing_is_gathered() -> None:
    window = Window(0, 0, 32, 32)
    cells = Cells.over(window)
    ones = np.ones(window.shape)
    cells.add(tile_of(window, ones.astype(np.float32), ones > 0, None))
    assert not len(cells.ground(pixel_km2=1.0).km2)
    assert (cells.at(np.arange(4)) == 0).all()
    assert Cells.over(Window(5, 5, 5, 5)).at(np.zeros(0, np.int64)).shape == (0,)


def tile_of(
    window: Window, strength: NDArray[Any], seen: NDArray[Any], own: NDArray[Any] | None
) -> ScoredTile:
    return ScoredTile(
        window=window,
        score=strength,
        strength=strength,
        signed=strength,
        seen=seen,
        candidate=seen,
        beside_unseen=~seen,
        inside=np.ones_like(seen),
        steps=own,
    )
