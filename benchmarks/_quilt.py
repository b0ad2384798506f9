"""A ground as large as is asked for, from images: one crop, or many with feathered seams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TILE, SEAM = 1100, 64


def quilted(
    base: Sequence[NDArray[np.float32]], side: int, rng: np.random.Generator, path: Path
) -> NDArray[np.uint8]:
    """A ground of ``side`` px on disk: one crop where an image is as large, else many."""
    canvas = np.memmap(path, np.uint8, "w+", shape=(3, side, side))
    whole = [image for image in base if min(image.shape[1:]) >= side]
    if whole:
        canvas[:] = whole[0][:, :side, :side]
        return canvas
    for top in range(0, side, TILE - SEAM):
        for left in range(0, side, TILE - SEAM):
            height, width = min(TILE, side - top), min(TILE, side - left)
            piece = _piece(base, rng)[:, :height, :width]
            weight = _feather(height, inner=top > 0)[:, None] * _feather(width, inner=left > 0)
            place = np.s_[:, top : top + height, left : left + width]
            canvas[place] = piece * weight + canvas[place] * (1 - weight)
    return canvas


def _piece(base: Sequence[NDArray[np.float32]], rng: np.random.Generator) -> NDArray[np.float32]:
    """A random crop, turned and mirrored by chance."""
    image = base[rng.integers(len(base))]
    side = min(TILE, *image.shape[1:])
    top, left = (int(rng.integers(length - side + 1)) for length in image.shape[1:])
    piece = np.rot90(image[:, top : top + side, left : left + side], int(rng.integers(4)), (1, 2))
    piece = piece[:, ::-1] if rng.random() < 0.5 else piece
    missing = TILE - side
    return np.pad(piece, ((0, 0), (0, missing), (0, missing)), mode="symmetric")


def _feather(length: int, *, inner: bool) -> NDArray[np.float32]:
    weights = np.ones(length, np.float32)
    if inner:
        seam = min(SEAM, length)
        weights[:seam] = (np.arange(seam) + 0.5) / SEAM
    return weights
