"""Images on maps, and sheets as files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from aoi.report.files import png_of
from aoi.report.pixels import draw_pixels
from aoi.report.sheet import DPI, axes_at, blank, picture_of


def on_paper(
    pixels: NDArray[np.uint8], matrix: Any, *, limits: tuple[float, float], side: float = 1.0
) -> NDArray[np.uint8]:
    """What axes of ``side`` inches show between two limits of x and y."""
    figure = blank(width=side, height=side)
    axes = axes_at(figure, left=0, top=0, width=side, height=side)
    axes.set_axis_off()
    axes.set_xlim(*limits)
    axes.set_ylim(*limits)
    draw_pixels(axes, pixels, np.array(matrix, float))
    return np.asarray(picture_of(figure))


def coloured(rows: int, cols: int) -> NDArray[np.uint8]:
    pixels = np.full((rows, cols, 4), 255, np.uint8)
    pixels[..., :3] = np.random.default_rng(0).integers(0, 255, (rows, cols, 3))
    return pixels


class TestPixels:
    @pytest.mark.parametrize(
        ("matrix", "turned"),
        [
            ([[1, 0, 0], [0, -1, 4]], lambda image: image),
            ([[1, 0, 0], [0, 1, 0]], np.flipud),
            ([[-1, 0, 4], [0, -1, 4]], np.fliplr),
            ([[0, 1, 0], [1, 0, 0]], lambda image: np.rot90(image, 1)),
        ],
    )
    def test_each_pixel_is_a_square_where_the_matrix_puts_it(
        self, matrix: Any, turned: Any
    ) -> None:
        pixels = coloured(4, 4)
        drawn = on_paper(pixels, matrix, limits=(0, 4))
        expected = turned(pixels[..., :3]).repeat(DPI // 4, axis=0).repeat(DPI // 4, axis=1)
        np.testing.assert_array_equal(drawn, expected)

    def test_limits_cut_it_and_what_is_transparent_or_beyond_shows_the_paper(self) -> None:
        pixels = coloured(4, 4)
        pixels[0, 0, 3] = 0
        drawn = on_paper(pixels, [[1, 0, 0], [0, -1, 4]], limits=(-4, 4))
        size = DPI // 8
        assert (drawn[:, : 4 * size] == 255).all()
        assert (drawn[:size, 4 * size : 5 * size] == 255).all()
        corner = drawn[3 * size : 4 * size, 7 * size :].reshape(-1, 3)
        assert set(map(tuple, corner.tolist())) == {tuple(pixels[3, 3, :3].tolist())}

    def test_a_smaller_picture_is_the_mean_of_what_it_leaves_out(self) -> None:
        rng = np.random.default_rng(1)
        pixels = np.full((1000, 1000, 4), 255, np.uint8)
        pixels[..., :3] = rng.choice([0, 200], (1000, 1000, 1))
        drawn = on_paper(pixels, [[1, 0, 0], [0, -1, 1000]], limits=(0, 1000)).astype(float)
        assert abs(drawn.mean() - 100) < 1
        assert drawn.std() < 30  # of 100, if pixels were picked

    def test_transparent_pixels_darken_no_edge(self) -> None:
        pixels = np.full((1000, 1000, 4), 200, np.uint8)
        pixels[:, 501:] = 0
        pixels[:, :501, 3] = 255
        drawn = on_paper(pixels, [[1, 0, 0], [0, -1, 1000]], limits=(0, 1000))
        assert drawn.min() >= 199


def test_a_png_is_read_back_with_its_words() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (30, 47, 3), dtype=np.uint8)
    about = {"Title": "김일성광장", "Copyright": "a © b"}
    png = png_of(Image.fromarray(pixels), about, dpi=200)
    with Image.open(io.BytesIO(png)) as image:
        image.verify()
    with Image.open(io.BytesIO(png)) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
        assert image.mode == "RGB"
        assert image.info["Title"] == "김일성광장"
        assert image.info["Copyright"] == "a © b"
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.1)
    assert png == png_of(Image.fromarray(pixels), about, dpi=200)
