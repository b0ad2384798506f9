"""A stratified random sample of a case's pixels, drawn and handed out without the answer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.changes.accuracy._case_map import CaseMap
from aoi.changes.measure import metres_of
from aoi.geopackage import Layer, single_symbol, write_layers
from aoi.places.position import through
from imagery.errors import UsageError

LAYER = "sample"
STRATA = ("changed", "near a change", "unchanged")
FEWEST = 30
"""Points of a stratum below which its error is itself hardly known."""

MOST_POINTS = 99_999

_STYLE = {
    "name": "cross",
    "outline_color": "255,255,0,255",
    "size": "3",
    "size_unit": "MM",
}


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """A part of the area that points are drawn from on its own."""

    name: str
    pixels: int
    points: int


def strata_of(found: CaseMap, *, buffer_m: float | None = None) -> NDArray[np.uint8]:
    """The stratum of each pixel.

    Parameters
    ----------
    found
        The case.
    buffer_m
        Up to how far from a change a pixel is near it, in metres: where a change that was drawn too
        small, or missed beside another, most likely lies.  None for no such stratum.

    Returns
    -------
    NDArray[np.uint8]
        Of shape (row, col): 0 changed, 1 near a change, 2 unchanged; 255 where not observed.
    """
    from scipy import ndimage

    strata = np.where(found.changed, 0, 2).astype(np.uint8)
    if buffer_m is not None and found.changed.any():
        distance = ndimage.distance_transform_edt(~found.changed, sampling=_sides(found))
        strata[(strata == 2) & (distance <= buffer_m)] = 1
    strata[~found.observed] = 255
    return strata


def _sides(found: CaseMap) -> tuple[float, float]:
    """Height and width of a pixel on the ground, in metres, in the middle of the grid."""
    rows, cols = found.geobox.shape
    middle = np.array([cols / 2, rows / 2])
    plane = metres_of(found.geobox)(middle + np.array([[0, 0], [0, 1], [1, 0]]))
    down, across = np.hypot(*(plane[1:] - plane[0]).T).tolist()
    return down, across


def draw_sample(
    found: CaseMap,
    path: Path,
    *,
    per_stratum: int,
    buffer_m: float | None = None,
    seed: int = 0,
) -> tuple[Stratum, ...]:
    """Draw points, as many in each stratum, and write them to be labelled.

    The layer ``sample`` has a point at the centre of each pixel, numbered in random order, and an
    empty column ``reference`` for 1 (changed) or 0 (not).  The stratum isn't in it, because whoever
    labels must not know what the map says there.

    Parameters
    ----------
    found
        The case.
    path
        The GeoPackage to write; one that is there is replaced.
    per_stratum
        Points in each stratum; all its pixels where there are fewer.
    buffer_m
        As in :func:`strata_of`.
    seed
        The same seed draws the same points, with the same version of NumPy.

    Raises
    ------
    UsageError
        If a number makes no sense.
    OutputError
        If the file cannot be written.
    """
    import geopandas as gpd
    import pandas as pd

    _check_design(per_stratum, buffer_m, seed)
    strata = strata_of(found, buffer_m=buffer_m)
    chosen, told = [], []
    for number, name in enumerate(STRATA):
        here = strata == number
        in_rows = here.sum(axis=1)
        pixels = int(in_rows.sum())
        if not pixels:
            continue
        chance = np.random.default_rng([seed, number])
        order = chance.choice(pixels, min(per_stratum, pixels), replace=False)
        chosen.append(_pixels_at(here, in_rows, order))
        told.append(Stratum(name=name, pixels=pixels, points=len(order)))
    places = np.concatenate(chosen)
    np.random.default_rng([seed, len(STRATA)]).shuffle(places)
    row, col = places.T
    frame = pd.DataFrame(
        {
            "point": np.arange(1, len(places) + 1),
            "reference": pd.array([None] * len(places), dtype="Int64"),
            "note": pd.array([None] * len(places), dtype=object),
            "row": row,
            "col": col,
            "seed": seed,
            "buffer_m": math.nan if buffer_m is None else float(buffer_m),
            "result": found.sha256[:16],
        }
    )
    crs = found.geobox.crs
    layer = gpd.GeoDataFrame(
        frame,
        geometry=shapely.points(centres(found, row, col)),
        crs=None if crs is None else crs.to_wkt(),
    )
    about = "Points to be labelled: reference 1 changed, 0 not"
    write_layers(
        [
            Layer(
                name=LAYER,
                frame=layer,
                kind="Point",
                style=single_symbol("marker", _STYLE),
                about=about,
            )
        ],
        path,
    )
    return tuple(told)


def _check_design(per_stratum: int, buffer_m: float | None, seed: int) -> None:
    most = MOST_POINTS // len(STRATA)
    if not 2 <= per_stratum <= most:
        raise UsageError(
            "a sample needs points in each stratum",
            found=per_stratum,
            needed=f"2 to {most}, and {FEWEST} or more to be worth much",
            option="--per-stratum",
        )
    if buffer_m is not None and not (math.isfinite(buffer_m) and buffer_m > 0):
        raise UsageError(
            "a buffer needs a width", found=buffer_m, needed="above 0", option="--buffer"
        )
    if seed < 0:
        raise UsageError("a seed isn't negative", found=seed, needed="0 or more", option="--seed")


def _pixels_at(
    where: NDArray[np.bool_], in_rows: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """(row, col) of the pixels of a mask with these numbers, counted row by row."""
    ends = np.cumsum(in_rows)
    rows = np.searchsorted(ends, order, side="right")
    within = order - (ends - in_rows)[rows]
    cols = [np.flatnonzero(where[row])[at] for row, at in zip(rows, within, strict=True)]
    return np.column_stack([rows, np.array(cols, dtype=np.int64)])


def centres(found: CaseMap, row: Any, col: Any) -> NDArray[np.float64]:
    return through(found.geobox.affine)(np.column_stack([col, row]).astype(np.float64) + 0.5)
