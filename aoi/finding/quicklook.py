"""A sheet of what a search found: before and after side by side, with what is to be known of them.

Pictures are the area's own window, read through an overview; where no asset is an image, or its
server fails, the place says so.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.finding.choose import choose
from aoi.finding.item import Item
from aoi.finding.pairs import Candidate
from aoi.finding.reach import Signer, opened
from aoi.finding.search import Found
from aoi.finding.window import window_on
from aoi.output import write_whole
from aoi.places import Area
from aoi.report.fonts import font_for
from imagery.env import RASTER_ERRORS, raster_environment
from imagery.errors import OutputError, TwopassError

ROWS, PIXELS = 6, 480
_MARGIN_M = 300.0
_INK, _SOFT = "#1a1a1a", "#666666"


def draw_quicklook(found: Found, path: Path, *, signer: Signer | None = None) -> int:
    """Draw the first pairs of a search, or its first scenes, as a PNG.

    Parameters
    ----------
    found
        The search.
    path
        The file to be.
    signer
        Signs addresses that want it.

    Returns
    -------
    int
        How many rows it has.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    rows: list[tuple[str, tuple[Candidate, ...]]]
    if found.single:
        rows = [(f"Scene {n}", (one,)) for n, one in enumerate(found.before[:ROWS], start=1)]
    else:
        rows = [
            (f"Pair {n}", (pair.before, pair.after))
            for n, pair in enumerate(found.pairs[:ROWS], start=1)
        ]
    signer = signer or Signer()
    pictures: dict[tuple[str, str], NDArray[np.uint8] | str] = {}
    with raster_environment():
        for _, scenes in rows:
            for one in scenes:
                key = (one.item.collection, one.item.id)
                if key not in pictures:
                    pictures[key] = picture(one.item, found.area, signer)
    _draw(found, rows, pictures, path)
    return len(rows)


def picture(item: Item, area: Area, signer: Signer) -> NDArray[np.uint8] | str:
    """An area of an item as 8-bit grey or colours, shape (row, col, 3), or why there is none."""
    try:
        chosen = choose(item, ("visual",) if "visual" in item.assets else ())
        if len(chosen) == 1:
            planes = _planes(item, chosen[0].asset, area, signer, chosen[0].indexes)
        else:
            planes = np.concatenate(
                [_planes(item, one.asset, area, signer, one.indexes) for one in chosen[:3]]
            )
    except TwopassError as error:
        return f"{error.message}: {error.found}" if error.found else error.message
    except RASTER_ERRORS:
        return "its server doesn't give the picture"
    if not np.isfinite(planes).any():
        return "nothing but missing pixels in the area"
    return stretched(planes)


def stretched(planes: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Bands (band, row, col), NaN where missing, between their 2nd and 98th percentiles."""
    three = planes[:3] if len(planes) >= 3 else np.repeat(planes[:1], 3, axis=0)
    out = np.full((*three.shape[1:], 3), 255, np.uint8)
    for number, plane in enumerate(three):
        there = np.isfinite(plane)
        if not there.any():
            continue
        low, high = np.percentile(plane[there], (2, 98))
        scaled = (plane[there] - low) / max(float(high - low), 1e-6)
        out[there, number] = np.rint(255 * scaled.clip(0, 1))
    return out


def _planes(
    item: Item, asset: Any, area: Area, signer: Signer, indexes: Sequence[int]
) -> NDArray[np.float32]:
    from rasterio.windows import Window as RasterioWindow

    with opened(item, asset, signer) as dataset:
        window = window_on(dataset, area, margin_m=_MARGIN_M)
        if window is None:
            raise OutputError("doesn't reach the area")
        step = max(1.0, max(window.height, window.width) / PIXELS)
        shape = (math.ceil(window.height / step), math.ceil(window.width / step))
        read: Any = dataset.read(
            list(indexes) or list(range(1, min(3, dataset.count) + 1)),
            window=RasterioWindow(window.left, window.top, window.width, window.height),
            out_shape=(len(indexes) or min(3, dataset.count), *shape),
            masked=True,
        )
    return np.asarray(read.astype(np.float32).filled(np.nan))


def _draw(
    found: Found,
    rows: Sequence[tuple[str, tuple[Candidate, ...]]],
    pictures: dict[tuple[str, str], NDArray[np.uint8] | str],
    path: Path,
) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 1 if found.single else 2
    height = 0.9 + max(1, len(rows)) * 3.7
    figure = Figure(figsize=(4.2 * columns + 0.6, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    title = f"{found.area.name}: candidate {'scenes' if found.single else 'pairs'}"
    figure.text(0.03, 1 - 0.28 / height, title, color=_INK,
                va="center", fontproperties=_font(title, 12))  # fmt: skip
    below = f"From {found.source}. Not aligned, each picture stretched on its own."
    figure.text(0.03, 1 - 0.53 / height, below, size=7.5, color=_SOFT, va="center")
    if not rows:
        figure.text(0.03, 0.4, "Nothing was found.", size=10, color=_INK)
    for row, (name, scenes) in enumerate(rows):
        top = 1 - (0.75 + row * 3.7) / height
        for column, one in enumerate(scenes):
            left = 0.03 + column * 0.97 / columns
            role = "" if found.single else (", before", ", after")[column]
            _cell(figure, f"{name}{role}", one, pictures, (left, top), height, columns)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that no font has is drawn as a box
        drawn = io.BytesIO()
        figure.savefig(drawn, format="png", metadata={"Software": "twopass"})
    write_whole(path, drawn.getvalue(), option="--quicklook")


def _cell(
    figure: Any,
    name: str,
    one: Candidate,
    pictures: dict[tuple[str, str], NDArray[np.uint8] | str],
    corner: tuple[float, float],
    height: float,
    columns: int,
) -> None:
    left, top = corner
    width, tall = 0.94 / columns, 2.75 / height
    axes = figure.add_axes((left, top - tall, width - 0.01, tall))
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#bbbbbb")
    shown = pictures[one.item.collection, one.item.id]
    if isinstance(shown, str):
        axes.text(0.5, 0.5, f"no picture\n{shown[:90]}", ha="center", va="center", size=7,
                  color=_SOFT, wrap=True, transform=axes.transAxes)  # fmt: skip
    else:
        axes.imshow(shown, interpolation="nearest")
        axes.set_anchor("W")
    for number, (text, size, color) in enumerate(_lines(name, one)):
        figure.text(left, top - tall - (0.14 + 0.165 * number) / height, text, color=color,
                    va="center", fontproperties=_font(text, size))  # fmt: skip


def _font(text: str, size: float) -> Any:
    """The properties of a font that has every letter of a text."""
    from matplotlib.font_manager import FontProperties

    path = font_for(text)
    return FontProperties(size=size) if path is None else FontProperties(fname=path, size=size)


def _lines(name: str, one: Candidate) -> list[tuple[str, float, str]]:
    item = one.item
    cloud = "cloud unknown" if one.cloud is None else f"cloud {one.cloud:.0f} % of the "
    if one.cloud is not None:
        cloud += "area" if one.cloud_over == "area" else "whole scene"
    angles = [
        f"{word} {value:.0f}°"
        for word, key in (
            ("off nadir", "view:off_nadir"),
            ("sun elevation", "view:sun_elevation"),
            ("sun azimuth", "view:sun_azimuth"),
        )
        if (value := item.number(key)) is not None
    ]
    credit = item.text("credit")
    fill = ", fill may count" if item.footprint_of == "grid" else ""
    return [
        (f"{name} · {item.acquisition} · {item.text('platform') or 'platform unknown'}", 8, _INK),
        (f"{cloud}; footprint covers {one.covered:.0%} of the area{fill}", 7, _INK),
        (", ".join(angles) or "angles unknown", 7, _INK),
        (f"{item.id[:60]}", 6, _SOFT),
        (f"© {credit[:70]}" if credit else "credit unknown", 6, _SOFT),
    ]
