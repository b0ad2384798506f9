"""Where the simulated town lies: town metres, the oversampled scene, the image and the Earth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Points or corners of a polygon in town metres, of shape (n, 2): u, v."""

CRS = "EPSG:32651"
CENTRE_LONLAT = (125.7525, 39.0195)
CENTRE = (738297.5, 4322546.0)
"""The square's centre in :data:`CRS`, on the 0.5 m lattice."""

CONVERGENCE = 1.733
"""Degrees from grid north to true north at the centre (meridian convergence of :data:`CRS`)."""

PIXEL = 0.5
OVERSAMPLING = 2
MARGIN = 24
"""Image pixels that the scene reaches beyond the image, for displacement and blur."""

AXIS = 107.0
"""Grid azimuth, in degrees, of the town's u axis: from the study house across to the river."""

_U = (math.sin(math.radians(AXIS)), math.cos(math.radians(AXIS)))  # (east, north)
_V = (-_U[1], _U[0])


@dataclass(frozen=True)
class Frame:
    """The square image of ``size`` px around the parade ground, and the scene under it.

    Town coordinates (u, v) are metres from the square's centre: u towards the river (east-south-
    east), v to its left (north-north-east).
    """

    size: int

    @property
    def side(self) -> int:
        """Rows and columns of the oversampled scene."""
        return (self.size + 2 * MARGIN) * OVERSAMPLING

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """The image's affine, pixel corner to :data:`CRS`, in rasterio's order."""
        half = self.size // 2 * PIXEL
        return (PIXEL, 0.0, CENTRE[0] - half, 0.0, -PIXEL, CENTRE[1] + half)

    def scene(self, uv: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows and columns of the scene (centre of its pixel = whole number).

        Every second pixel of the scene has the centre of one of the image.
        """
        rows, cols = self.image(uv)
        return (rows + MARGIN) * OVERSAMPLING, (cols + MARGIN) * OVERSAMPLING

    def image(self, uv: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rows and columns of the image (centre of its pixel = whole number)."""
        east, north = world(uv)
        _, _, left, _, _, top = self.transform
        return (top - north) / PIXEL - 0.5, (east - left) / PIXEL - 0.5

    def town(self, rows: Any, cols: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Town coordinates (u, v) of scene pixels: the inverse of :meth:`scene`."""
        _, _, left, _, _, top = self.transform
        east = left - CENTRE[0] + (np.asarray(cols) / OVERSAMPLING - MARGIN + 0.5) * PIXEL
        north = top - CENTRE[1] - (np.asarray(rows) / OVERSAMPLING - MARGIN + 0.5) * PIXEL
        u = east * _U[0] + north * _U[1]
        v = east * _V[0] + north * _V[1]
        return u.astype(np.float32), v.astype(np.float32)

    def holds(self, uv: Points, *, inside: float) -> bool:
        """Whether all points lie in the image, ``inside`` metres from its border or more."""
        rows, cols = self.image(uv)
        low, high = inside / PIXEL, self.size - 1 - inside / PIXEL
        return bool(min(rows.min(), cols.min()) >= low and max(rows.max(), cols.max()) <= high)


def world(uv: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Easting and northing, in :data:`CRS`, of town coordinates."""
    u, v = uv[..., 0], uv[..., 1]
    return CENTRE[0] + u * _U[0] + v * _V[0], CENTRE[1] + u * _U[1] + v * _V[1]


def heading(azimuth: float) -> Points:
    """The unit vector (u, v) that points to a true azimuth, in degrees clockwise from north."""
    grid = math.radians(azimuth - CONVERGENCE)
    east, north = math.sin(grid), math.cos(grid)
    return np.array([east * _U[0] + north * _U[1], east * _V[0] + north * _V[1]])


def box(u: float, v: float, length_u: float, length_v: float, *, turn: float = 0.0) -> Points:
    """The corners of a rectangle around (u, v), turned anticlockwise by ``turn`` degrees.

    They run anticlockwise, as everything that is painted with walls expects.
    """
    half = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [length_u / 2, length_v / 2]
    angle = math.radians(turn)
    rotation = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    corners: Points = half @ rotation + [u, v]
    return corners


def span(u0: float, u1: float, v0: float, v1: float) -> Points:
    """The corners of the rectangle from (u0, v0) to (u1, v1), anticlockwise."""
    return box((u0 + u1) / 2, (v0 + v1) / 2, u1 - u0, v1 - v0)
