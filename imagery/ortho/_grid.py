"""Where an image comes to lie on the ground: its outline, the size of its pixels, the grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.errors import InputError
from imagery.grid import outline, transformer
from imagery.ortho._heights import Heights

Floats = NDArray[np.float64]

_LARGEST = 16
"""How many times more pixels than the image the grid may have: a strip that runs askew has ten."""

_SIDES_M = 0.01, 100_000.0
_NODES = 33


class Model(Protocol):
    """How positions on the ground lie in an image."""

    @property
    def crs(self) -> Any:
        """What x and y are in."""
        ...

    @property
    def geographic(self) -> bool:
        """Whether that is degrees."""
        ...

    @property
    def uses_height(self) -> bool:
        """Whether heights of the ground move anything."""
        ...

    @property
    def start(self) -> tuple[float, float]:
        """A place near the image's middle."""
        ...

    @property
    def step(self) -> tuple[float, float]:
        """A small step on the ground."""
        ...

    @property
    def height(self) -> float:
        """A height that is about right."""
        ...

    def pixels(self, x: Floats, y: Floats, height: Floats | float, /) -> tuple[Floats, Floats]:
        """Rows and columns, whole numbers at pixel centres; not finite where there are none."""
        ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an image comes to lie."""

    geobox: GeoBox
    pixel_size_m: float
    per_metre: float
    """Metres on the ground by which the image's middle moves with a metre of height."""

    covered: float
    """Share of the image whose height is known."""


def place_image(model: Model, heights: Heights, shape: tuple[int, int], *, name: str) -> Place:
    """Find the grid that holds all of an image, in UTM, with pixels about as large as its own.

    Parameters
    ----------
    model
        How the ground lies in the image.
    heights
        Those of the ground.
    shape
        Rows and columns of the image.
    name
        Its name, for messages.

    Raises
    ------
    InputError
        If the model leads nowhere, or no height is known there.

    Notes
    -----
    The origin is a multiple of the pixel's side, which has three digits, so that two images of one
    sensor may come to share their pixels.
    """
    rows, cols = shape
    centre = np.array([(rows - 1) / 2]), np.array([(cols - 1) / 2])
    row, col = (a.ravel() for a in np.meshgrid(*(np.linspace(0, n - 1, _NODES) for n in shape)))
    lon, lat = _lonlat(model, *ground_of(model, row, col, model.height))
    if not np.isfinite(lon).all():
        raise _lost(name, int((~np.isfinite(lon)).sum()), len(lon))
    low, high, covered = heights.between(lon, lat) if model.uses_height else (0.0, 0.0, 1.0)
    if not covered:
        raise InputError(
            f"{name}: the elevation model holds no height of it",
            found=f"0 % of the image, around {np.median(lon):.4f}, {np.median(lat):.4f}",
            needed="a model of that place",
            option="--dem",
        )
    middle = (low + high) / 2
    (lon0,), (lat0,) = _lonlat(model, *ground_of(model, *centre, middle))
    crs = _utm(float(lon0), float(lat0))
    size, per_metre = _size(model, crs, centre, middle, name=name)
    edge_row, edge_col = outline(GeoBox(shape, Affine.identity(), None))
    xs, ys = [], []
    for height in {low, high}:
        edge = ground_of(model, edge_row - 0.5, edge_col - 0.5, height)
        lon, lat = _lonlat(model, *edge)
        x, y = transformer("EPSG:4326", crs).transform(lon, lat)
        xs.append(np.asarray(x))
        ys.append(np.asarray(y))
    x, y = np.concatenate(xs), np.concatenate(ys)
    finite = np.isfinite(x) & np.isfinite(y)
    if not finite.all():
        raise _lost(name, int((~finite).sum()), len(finite))
    # The rounding forgives what is left of the search for positions.
    left, right = math.floor(x.min() / size + 1e-3), math.ceil(x.max() / size - 1e-3)
    bottom, top = math.floor(y.min() / size + 1e-3), math.ceil(y.max() / size - 1e-3)
    height_px, width_px = top - bottom, right - left
    if height_px * width_px > _LARGEST * max(rows * cols, 64):
        raise InputError(
            f"{name}: on the ground it would not be an image any more",
            found=f"{rows} x {cols} px that reach over {height_px} x {width_px} px of {size:g} m",
            needed="coefficients or control points that belong to it",
        )
    affine = Affine(size, 0, left * size, 0, -size, top * size)
    return Place(
        geobox=GeoBox((height_px, width_px), affine, crs),
        pixel_size_m=size,
        per_metre=per_metre,
        covered=covered,
    )


def ground_of(model: Model, rows: Floats, cols: Floats, height: float) -> tuple[Floats, Floats]:
    """Where positions in the image lie on the ground, at a height; NaN where that isn't found.

    By Newton's steps from the middle; the camera is so nearly linear that a few suffice.
    """
    x, y = np.full(rows.shape, model.start[0]), np.full(rows.shape, model.start[1])
    dx, dy = model.step
    with np.errstate(all="ignore"):
        for _ in range(20):
            row, col = model.pixels(x, y, height)
            right_row, right_col = model.pixels(x + dx, y, height)
            up_row, up_col = model.pixels(x, y + dy, height)
            a, b = (right_row - row) / dx, (up_row - row) / dy
            c, d = (right_col - col) / dx, (up_col - col) / dy
            left_row, left_col, area = rows - row, cols - col, a * d - b * c
            x = x + (d * left_row - b * left_col) / area
            y = y + (a * left_col - c * left_row) / area
        row, col = model.pixels(x, y, height)
        found = np.hypot(row - rows, col - cols) < 0.01
    return np.where(found, x, np.nan), np.where(found, y, np.nan)


def _size(
    model: Model, crs: str, centre: tuple[Floats, Floats], height: float, *, name: str
) -> tuple[float, float]:
    """Side of a pixel on the ground at the image's middle, and how far a metre of height moves it.

    The side is the geometric mean of both, with three digits.
    """
    row, col = centre
    row = row + np.array([0.0, 1.0, 0.0])
    col = col + np.array([0.0, 0.0, 1.0])

    def metres(at: float) -> tuple[Floats, Floats]:
        place = transformer("EPSG:4326", crs).transform(
            *_lonlat(model, *ground_of(model, row, col, at))
        )
        return np.asarray(place[0]), np.asarray(place[1])

    x, y = metres(height)
    area = abs((x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]))
    size = math.sqrt(area) if math.isfinite(area) else math.nan
    if not _SIDES_M[0] <= size <= _SIDES_M[1]:
        raise InputError(
            f"{name}: its pixels have no size on the ground",
            found=f"{size:g} m at its middle",
            needed="{:g} to {:g} m".format(*_SIDES_M),
        )
    higher_x, higher_y = metres(height + 10.0)
    per_metre = math.hypot(higher_x[0] - x[0], higher_y[0] - y[0]) / 10.0
    return float(f"{size:.3g}"), per_metre if math.isfinite(per_metre) else 0.0


def _lonlat(model: Model, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude (WGS 84); NaN where there are none."""
    lon, lat = transformer(model.crs, "EPSG:4326").transform(x, y)
    lon, lat = np.asarray(lon), np.asarray(lat)
    known = np.isfinite(lon) & (np.abs(lat) <= 90)
    return np.where(known, lon, np.nan), np.where(known, lat, np.nan)


def _utm(lon: float, lat: float) -> str:
    """The UTM zone of a place; near the poles the universal polar stereographic projection."""
    if lat > 84 or lat < -80:
        return "EPSG:5041" if lat > 0 else "EPSG:5042"
    zone = int((lon + 180) % 360 // 6) + 1
    return f"EPSG:{(32600 if lat >= 0 else 32700) + zone}"


def _lost(name: str, lost: int, of: int) -> InputError:
    return InputError(
        f"{name}: its pixels can't be followed to the ground",
        found=f"{lost} of {of} places in it without a position",
        needed="coefficients or control points that belong to it",
    )
