from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagery.blocks import TILE, Window, spread_out, tiles_in_panels, tiles_over


def window(top: int, left: int, height: int, width: int) -> Window:
    return Window(top, left, top + height, left + width)


windows = st.builds(
    window, st.integers(-40, 40), st.integers(-40, 40), st.integers(0, 50), st.integers(0, 50)
)


def drawn(window: Window) -> np.ndarray:
    """A canvas of rows and cols -100 to 99, True inside the window."""
    canvas = np.zeros((200, 200), bool)
    canvas[window.top + 100 : window.bottom + 100, window.left + 100 : window.right + 100] = True
    return canvas


def test_a_window_counts_rows_before_cols() -> None:
    w = Window(1, 2, 4, 9)
    assert (w.height, w.width, w.shape, w.empty) == (3, 7, (3, 7), False)
    assert w.padded(2) == Window(-1, 0, 6, 11)
    assert w.shifted(10, -10) == Window(11, -8, 14, -1)
    assert w.within(Window(-1, 0, 6, 11)) == (slice(2, 5), slice(2, 9))


@pytest.mark.parametrize("corners", [(1, 0, 0, 5), (0, 5, 3, 4)])
def test_a_window_with_its_ends_exchanged_is_refused(corners: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="bottom >= top"):
        Window(*corners)


def test_a_window_outside_cannot_be_cut_out() -> None:
    with pytest.raises(ValueError, match="is not inside"):
        Window(0, 0, 5, 5).within(Window(0, 0, 5, 4))


@given(one=windows, two=windows)
def test_property_clipping_is_intersection(one: Window, two: Window) -> None:
    clipped = one.clipped(two)
    assert two.contains(clipped)
    np.testing.assert_array_equal(drawn(clipped), drawn(one) & drawn(two))
    assert clipped.empty or clipped == two.clipped(one)


@given(
    over=st.builds(
        window, st.integers(-99, 50), st.integers(-99, 50), st.integers(0, 49), st.integers(0, 49)
    ),
    size=st.integers(1, 40),
)
def test_property_tiles_cover_each_pixel_once_on_the_grids_own_lattice(
    over: Window, size: int
) -> None:
    count = np.zeros((200, 200), int)
    tiles = list(tiles_over(over, size=size))
    for tile in tiles:
        count += drawn(tile)
        assert not tile.empty
        assert tile.top // size == (tile.bottom - 1) // size
        assert tile.left // size == (tile.right - 1) // size
    np.testing.assert_array_equal(count, drawn(over))
    assert tiles == sorted(tiles)


def test_a_pixel_lies_in_the_same_tile_whatever_the_window() -> None:
    wide = list(tiles_over(Window(-700, -700, 900, 900)))
    near = list(tiles_over(Window(-10, 500, 30, 530)))
    cells = {(tile.top // TILE, tile.left // TILE): tile for tile in wide}
    for tile in near:
        assert cells[tile.top // TILE, tile.left // TILE].contains(tile)
    assert near == [
        Window(-10, 500, 0, 512),
        Window(-10, 512, 0, 530),
        Window(0, 500, 30, 512),
        Window(0, 512, 30, 530),
    ]


def test_tiles_are_taken_evenly_with_both_ends() -> None:
    tiles = [Window(0, i, 1, i + 1) for i in range(101)]
    assert [tile.left for tile in spread_out(tiles, most=5)] == [0, 25, 50, 75, 100]
    assert spread_out(tiles, most=101) is tiles
    assert len(spread_out(tiles, most=64)) == 64


@given(over=windows, size=st.integers(1, 9), panel=st.integers(1, 5))
def test_property_panels_hold_the_same_tiles(over: Window, size: int, panel: int) -> None:
    found = list(tiles_in_panels(over, size=size, panel=panel))
    assert sorted(found) == sorted(tiles_over(over, size=size))
    numbers = [tile.left // (size * panel) for tile in found]
    assert numbers == sorted(numbers)
