"""Where the pixels of the working grid lie in a scene: through projection, scale and shift."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.compiled import compiled, readonly
from imagery.grid import moved, transformer
from imagery.shift import Shift

_NODE_STEP = 32
"""Distance in px of the nodes at which map projections are evaluated; between them is bilinear
(error below 2 mm at 10 m, 0.02 mm at 1 m).  They lie on a lattice of the grid, as tiles do, so
that a pixel's place doesn't depend on the window."""


def positions_in(
    source: GeoBox, grid: GeoBox, window: Window, shift: Shift | None
) -> NDArray[np.float64]:
    """Where the pixels of a window lie in a scene, once the scene is moved.

    Parameters
    ----------
    source
        The scene's own grid.
    grid
        The working grid.
    window
        A window of the working grid.
    shift
        The move of the scene, on the working grid.

    Returns
    -------
    NDArray
        Shape (2, rows, cols): rows and columns of the scene, pixel centres at whole numbers.
    """
    rows = np.arange(window.top, window.bottom, dtype=float)
    cols = np.arange(window.left, window.right, dtype=float)
    positions = np.zeros((2, *window.shape)) if shift is None else shift.on_grid(rows, cols)
    np.subtract(rows[:, None], positions[0], out=positions[0])
    np.subtract(cols[None, :], positions[1], out=positions[1])
    if source.crs == grid.crs:
        link = ~source.affine * grid.affine
        _transform(positions, *link[:6])
    else:
        _through_projection(source, grid, positions)
    return positions


def _through_projection(source: GeoBox, grid: GeoBox, positions: NDArray[np.float64]) -> None:
    rows, cols = (_nodes(axis) for axis in positions)
    x, y = moved(grid.affine, cols[None, :] * _NODE_STEP + 0.5, rows[:, None] * _NODE_STEP + 0.5)
    x, y = np.broadcast_arrays(x, y)
    x, y = transformer(grid.crs, source.crs).transform(x, y)
    source_col, source_row = moved(~source.affine, np.asarray(x), np.asarray(y))
    nodes = np.stack([source_row - 0.5, source_col - 0.5])
    _between_nodes(positions, nodes, int(rows[0]), int(cols[0]), _NODE_STEP)


def _nodes(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers of the lattice's nodes around positions."""
    first, last = math.floor(positions.min() / _NODE_STEP), math.floor(positions.max() / _NODE_STEP)
    return np.arange(first, last + 2, dtype=float)


@compiled("void(float64[:,:,::1], float64, float64, float64, float64, float64, float64)")
def _transform(
    positions: NDArray[np.float64], a: float, b: float, c: float, d: float, e: float, f: float
) -> None:
    """Move positions, in place, by an affine transform of corners, as ``affine.Affine`` has it.

    Parameters
    ----------
    positions
        Shape (2, rows, cols): rows and columns, pixel centres at whole numbers.
    a, b, c, d, e, f
        x' = a x + b y + c, y' = d x + e y + f, where pixel centres lie half a pixel inside.
    """
    _, rows, cols = positions.shape
    for row in range(rows):
        for col in range(cols):
            y, x = positions[0, row, col] + 0.5, positions[1, row, col] + 0.5
            positions[0, row, col] = d * x + e * y + f - 0.5
            positions[1, row, col] = a * x + b * y + c - 0.5


@compiled(f"void(float64[:,:,::1], {readonly('float64', 3)}, int64, int64, int64)")
def _between_nodes(
    positions: NDArray[np.float64], nodes: NDArray[np.float64], top: int, left: int, step: int
) -> None:
    """Replace positions by what nodes say of them, bilinear between the nodes.

    Parameters
    ----------
    positions
        Shape (2, rows, cols), written into; each lies between nodes.
    nodes
        Shape (2, node rows, node cols), the first at (``top``, ``left``) times ``step``.
    top, left, step
        Number of the first node along rows and columns, and the distance between nodes.
    """
    _, rows, cols = positions.shape
    for row in range(rows):
        for col in range(cols):
            y, x = positions[0, row, col] / step, positions[1, row, col] / step
            i, j = int(np.floor(y)), int(np.floor(x))
            v, u = y - i, x - j
            i, j = i - top, j - left
            for axis in range(2):
                above = nodes[axis, i, j] * (1 - u) + nodes[axis, i, j + 1] * u
                below = nodes[axis, i + 1, j] * (1 - u) + nodes[axis, i + 1, j + 1] * u
                positions[axis, row, col] = above * (1 - v) + below * v
