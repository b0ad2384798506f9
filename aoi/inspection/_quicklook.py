"""One image as a small picture with its name, date and credit."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aoi.inspection._file import displayed
from aoi.output import write_whole
from aoi.report.words import clean
from imagery.errors import OutputError
from imagery.read import read_window
from imagery.scene import Scene

_SIDE = 1200
"""Pixels along the longer side at the most."""

_LONG_IN, _LEAST_WIDTH_IN, _HEAD_IN = 6.0, 4.0, 0.55
_UNSEEN = (207, 205, 198)


def write_quicklooks(scenes: Sequence[Scene], folder: Path) -> list[Path]:
    """Draw images into a folder, which is made where it isn't there.

    Parameters
    ----------
    scenes
        The images; those of one name are numbered.
    folder
        Where ``NAME.quicklook.png`` comes to lie; an earlier one is replaced.

    Raises
    ------
    OutputError
        If the folder can't be written to.
    InputError
        If an image is damaged.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.absolute().name}: no folder can be made there",
            found=error.strerror,
            needed="a folder that can be written to",
            option="--quicklook",
        ) from error
    written: list[Path] = []
    for scene in scenes:
        path, count = folder / f"{scene.name}.quicklook.png", 1
        while path in written:
            count += 1
            path = folder / f"{scene.name}.{count}.quicklook.png"
        written.append(write_whole(path, _drawn(scene)))
    return written


def _drawn(scene: Scene) -> bytes:
    """The picture as PNG: stretched by band from its 1 % to its 99 % value, grey where not data."""
    from matplotlib.figure import Figure

    from aoi.report.sheet import DPI, INK, MUTED, drawable, font

    # What a mask beside the image forbids is in the image all the same: here, it is to be seen.
    scene = replace(scene, masks=())
    factor = math.ceil(max(scene.geobox.shape) / _SIDE)
    seen = read_window(scene, scene.window, bands=displayed(scene), decimate=factor)
    picture = _stretched(seen.data, seen.valid)
    rows, cols = seen.valid.shape
    scale = _LONG_IN / max(rows, cols)
    width = max(_LEAST_WIDTH_IN, cols * scale)
    height = rows * scale + _HEAD_IN
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, cols * scale / width, rows * scale / height))
    axes.imshow(picture, interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    when = str(scene.acquisition)
    stamp = "SIMULATED  " if scene.simulated else ""
    lines = (
        (f"{stamp}{clean(scene.name, longest=60)} · {when}", 8.0, INK),
        (f"{clean(scene.credit, longest=90) or 'credit unknown'}", 6.5, MUTED),
    )
    for place, (text, size, colour) in enumerate(lines):
        shown = drawable(text)
        figure.text(
            0.08 / width,
            1 - (0.24 + 0.2 * place) / height,
            shown,
            fontproperties=font(shown, size=size),
            color=colour,
            parse_math=False,
        )
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return target.getvalue()


def _stretched(data: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Red, green and blue, of shape (row, col, 3)."""
    bands = data if len(data) == 3 else data[:1].repeat(3, axis=0)
    picture = np.empty((*valid.shape, 3), np.uint8)
    for band, out in zip(bands, np.moveaxis(picture, 2, 0), strict=True):
        low, high = np.percentile(band[valid], [1, 99]) if valid.any() else (0.0, 1.0)
        # One value alone is drawn as a middle grey.
        low, high = (low, high) if high > low else (low - 1, low + 1)
        out[...] = np.clip((band - low) / (high - low) * 255, 0, 255)
    picture[~valid] = _UNSEEN
    return picture
