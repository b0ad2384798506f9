"""An image on a map: brought to the paper's own pixels once, and laid there as it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import NDArray
from PIL import Image

_SHARP = 3.0
"""Pixels on paper for one of the image from which on each is drawn as a square."""


def draw_pixels(axes: Axes, pixels: NDArray[np.uint8], matrix: NDArray[np.float64]) -> None:
    """Draw an image under everything else of some axes, whose limits stay as they are.

    Parameters
    ----------
    axes
        Linear ones.
    pixels
        Red, green, blue, alpha, of shape (row, col, 4).
    matrix
        From (col, row, 1), counted from the outer corner of the first pixel, to data coordinates,
        shape (2, 3): any shift, turn or flip.

    Notes
    -----
    Matplotlib's own way makes a dozen copies in floats of the image, and takes ten times as long.
    """
    axes.add_artist(_Pixels(pixels, matrix))


class _Pixels(Artist):
    def __init__(self, pixels: NDArray[np.uint8], matrix: NDArray[np.float64]) -> None:
        super().__init__()
        self._pixels, self._matrix = pixels, matrix
        self.set_zorder(0)

    def draw(self, renderer: Any) -> None:
        axes = self.axes
        if axes is None:
            return
        left, bottom = (int(side) for side in np.floor(axes.bbox.min))
        right, top = (int(side) for side in np.ceil(axes.bbox.max))
        on_paper = axes.transData.get_matrix() @ np.vstack([self._matrix, [0, 0, 1]])
        drawn = _resampled(
            self._pixels, on_paper, corner=(left, bottom), size=(right - left, top - bottom)
        )
        context = renderer.new_gc()
        context.set_clip_rectangle(axes.bbox)
        renderer.draw_image(context, left, bottom, drawn)
        context.restore()


def _resampled(
    pixels: NDArray[np.uint8],
    matrix: NDArray[np.float64],
    *,
    corner: tuple[int, int],
    size: tuple[int, int],
) -> NDArray[np.uint8]:
    """The image over a rectangle of the paper's pixels, its lowest row first.

    ``matrix`` leads from the image's to the paper's pixels, ``corner`` is the lower left one.
    """
    image = Image.fromarray(pixels)
    cols, rows = image.size
    sides = np.hypot(*matrix[:2, :2])
    if min(sides) < _SHARP:
        # To the paper's scale first, so that no pixel of the image is left out.
        scaled = max(1, round(cols * sides[0])), max(1, round(rows * sides[1]))
        image = image.resize(scaled, Image.Resampling.HAMMING)
    scale = np.diag([image.width / cols, image.height / rows, 1.0])
    place = np.array([[1, 0, corner[0]], [0, 1, corner[1]], [0, 0, 1.0]])
    back = scale @ np.linalg.inv(matrix) @ place
    drawn = image.transform(
        size, Image.Transform.AFFINE, tuple(back[:2].ravel()), Image.Resampling.NEAREST
    )
    # A copy: matplotlib asks for memory that it could write to.
    return np.array(drawn)
