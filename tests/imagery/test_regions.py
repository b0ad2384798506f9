from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window, tiles_over
from imagery.regions import (
    Regions,
    ScoredTile,
    beside,
    keep_regions,
    label_regions,
    regions_in,
)

EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True, kw_only=True)
class Found:
    """Regions, and their numbers over the whole map."""

    regions: Regions
    labels: NDArray[np.uint32]


def labelled(
    score: NDArray[Any],
    *,
    size: int,
    signed: NDArray[Any] | None = None,
    seen: NDArray[np.bool_] | None = None,
    inside: NDArray[np.bool_] | None = None,
    threshold: float = 0.5,
    least: int = 1,
    corner: tuple[int, int] = (0, 0),
    turn: int | None = None,
) -> Found:
    """The regions of a whole map, handed over in tiles of a size."""
    rows, cols = score.shape
    window = Window(corner[0], corner[1], corner[0] + rows, corner[1] + cols)
    signed = score if signed is None else signed
    seen = np.ones(score.shape, bool) if seen is None else seen
    inside = np.ones(score.shape, bool) if inside is None else inside
    around = beside(~seen)

    def tiles() -> Iterator[ScoredTile]:
        order = list(tiles_over(window, size=size))
        if turn is not None:
            np.random.default_rng(turn).shuffle(order)  # type: ignore[arg-type]
        for tile in order:
            at = tile.within(window)
            yield ScoredTile(
                window=tile,
                score=score[at].astype(np.float32),
                strength=(2 * score[at]).astype(np.float32),
                signed=signed[at].astype(np.float32),
                seen=seen[at],
                candidate=(seen & (score > threshold))[at],
                beside_unseen=around[at],
                inside=inside[at],
            )

    spool = io.BytesIO()
    parts = (regions_in(tile, window=window) for tile in tiles())
    found = label_regions(parts, window=window, least_pixels=least, spool=spool)
    keep_regions(found, np.ones(len(found.regions), bool))
    labels = np.zeros(score.shape, np.uint32)
    for tile in tiles_over(window, size=size):
        labels[tile.within(window)] = found.labels(tile)
    return Found(regions=found.regions, labels=labels)


def random_map(seed: int, rows: int, cols: int, density: float) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    candidate = rng.random((rows, cols)) < density
    return {
        "score": np.where(candidate, rng.uniform(1, 9, (rows, cols)), 0).astype(np.float32),
        "signed": rng.normal(0, 3, (rows, cols)).astype(np.float32),
        "seen": rng.random((rows, cols)) > 0.05,
        "inside": rng.random((rows, cols)) < 0.5,
    }


maps = st.builds(
    random_map, st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40),
    st.sampled_from([0.05, 0.3, 0.42, 0.6, 1.0]),
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(
    image=maps,
    size=st.integers(2, 15),
    corner=st.tuples(st.integers(-20, 20), st.integers(-20, 20)),
    least=st.integers(1, 6),
)
def test_property_regions_are_those_of_the_whole(
    image: dict[str, Any], size: int, corner: tuple[int, int], least: int
) -> None:
    found = labelled(**image, size=size, corner=corner, least=least)
    # The oracle: SciPy on the whole, whose labels follow the first pixel in row-major order.
    candidate = image["seen"] & (image["score"] > 0.5)
    labels, count = ndimage.label(candidate, structure=EIGHT)
    near_unseen = ndimage.binary_dilation(~image["seen"], structure=EIGHT)
    near_unseen[[0, -1]] = True
    near_unseen[:, [0, -1]] = True
    expected = np.zeros_like(labels)
    number = 0
    for label in range(1, count + 1):
        here = labels == label
        if here.sum() < least or not (here & image["inside"]).any():
            continue
        number += 1
        expected[here] = number
        i = number - 1
        assert found.regions.pixels[i] == here.sum()
        assert found.regions.pixels_inside[i] == (here & image["inside"]).sum()
        assert found.regions.strength[i] == 2 * image["score"][here].max()
        assert image["score"].ravel()[found.regions.peak[i]] == image["score"][here].max()
        assert here.ravel()[found.regions.peak[i]]
        assert found.regions.score_mean[i] == pytest.approx(image["score"][here].mean(), rel=1e-5)
        assert found.regions.signed_mean[i] == pytest.approx(
            image["signed"][here].mean(), rel=1e-4, abs=1e-5
        )
        assert found.regions.brighter_share[i] == pytest.approx((image["signed"][here] > 0).mean())
        assert found.regions.at_edge[i] == near_unseen[here].any()
    assert len(found.regions) == number
    np.testing.assert_array_equal(found.labels, expected)


@settings(deadline=None, max_examples=25)
@given(image=maps, sizes=st.tuples(st.integers(2, 15), st.integers(2, 50)))
def test_property_the_cut_into_tiles_decides_nothing(
    image: dict[str, Any], sizes: tuple[int, int]
) -> None:
    one, two = (labelled(**image, size=size) for size in sizes)
    np.testing.assert_array_equal(one.labels, two.labels)
    np.testing.assert_array_equal(one.regions.at_edge, two.regions.at_edge)
    np.testing.assert_array_equal(one.regions.pixels, two.regions.pixels)
    np.testing.assert_allclose(one.regions.score_mean, two.regions.score_mean, rtol=1e-12)


@settings(deadline=None, max_examples=25)
@given(image=maps, size=st.integers(2, 15), turn=st.integers(0, 99))
def test_property_the_order_of_the_tiles_decides_nothing(
    image: dict[str, Any], size: int, turn: int
) -> None:
    one, two = labelled(**image, size=size), labelled(**image, size=size, turn=turn)
    np.testing.assert_array_equal(one.labels, two.labels)
    for name in ("pixels", "peak", "strength", "score_mean", "signed_mean", "at_edge"):
        np.testing.assert_array_equal(getattr(one.regions, name), getattr(two.regions, name))


def drawn(*lines: str) -> NDArray[np.float64]:
    return np.array([[float(c == "#") for c in line] for line in lines])


@pytest.mark.parametrize("size", [2, 3, 4, 100])
def test_pixels_that_meet_at_corners_are_one_region(size: int) -> None:
    image = drawn(
        "#.....#",
        ".#...#.",
        "..#.#..",
        "...#...",
        ".......",
        "#......",
    )
    found = labelled(image, size=size)
    assert found.regions.pixels.tolist() == [7, 1]
    assert found.labels[0, 0] == found.labels[0, 6] == 1
    assert found.labels[5, 0] == 2


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_spiral_is_one_region(size: int) -> None:
    image = drawn(
        "##########",
        ".........#",
        "########.#",
        "#......#.#",
        "#.####.#.#",
        "#.#....#.#",
        "#.######.#",
        "#........#",
        "##########",
    )
    assert len(labelled(image, size=size).regions) == 1


def test_ids_follow_the_first_pixel_whatever_the_tiles() -> None:
    image = drawn(
        "......##",
        "#.......",
        "#....##.",
    )
    found = labelled(image, size=4)
    assert found.labels[0, 6] == 1  # first row, though in the second tile
    assert found.labels[1, 0] == 2
    assert found.labels[2, 5] == 3


def test_small_regions_and_those_beside_the_area_go() -> None:
    image = drawn(
        "##...###",
        "##......",
        "......##",
    )
    inside = np.zeros(image.shape, bool)
    inside[0, 1] = inside[0, 5] = True
    assert labelled(image, size=3, least=3).regions.pixels.tolist() == [4, 3]
    found = labelled(image, size=3, inside=inside)
    assert found.regions.pixels.tolist() == [4, 3]
    assert found.regions.pixels_inside.tolist() == [1, 1]
    assert set(np.unique(found.labels)) == {0, 1, 2}


def test_the_edge_is_that_of_the_map_or_of_what_was_seen() -> None:
    image = np.zeros((12, 12))
    image[0, 5] = image[5, 5] = image[8, 2] = 1
    seen = np.ones(image.shape, bool)
    seen[6, 6] = False  # across the border of tiles of 3 px
    found = labelled(image, size=3, seen=seen)
    assert found.regions.at_edge.tolist() == [True, True, False]


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (5, 7)])
def test_no_candidate_gives_no_region(shape: tuple[int, int]) -> None:
    found = labelled(np.zeros(shape), size=4)
    assert len(found.regions) == 0
    assert not found.labels.any()
    assert found.regions.score_mean.shape == found.regions.at_edge.shape == (0,)


def test_everything_a_candidate_is_one_region() -> None:
    found = labelled(np.ones((50, 33)), size=7)
    assert found.regions.pixels.tolist() == [50 * 33]
    assert (found.labels == 1).all()
