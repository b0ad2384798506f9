"""How the later image is displaced: a move, a small turn and smooth local waves, all analytic."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def make_displacement(size: int, rng: np.random.Generator) -> dict[str, Any]:
    """The parameters of a displacement, as they stand in ``truth.json``."""
    waves = []
    for axis in ("row", "col"):
        for _ in range(3):
            length = float(rng.uniform(330.0, 760.0))
            angle = float(rng.uniform(0.0, 2 * math.pi))
            waves.append(
                {
                    "axis": axis,
                    "amplitude_px": float(rng.uniform(0.11, 0.19)),
                    "cycles_per_px": [math.cos(angle) / length, math.sin(angle) / length],
                    "phase_rad": float(rng.uniform(0.0, 2 * math.pi)),
                }
            )
    return {
        "convention": "what lies at before pixel p lies at after pixel p + D(p); shift = -D; "
        "rows and columns of the before image, counted from the first pixel's centre",
        "translation_px": [5.37, -3.62],
        "rotation_deg": 0.02,
        "rotation_centre_px": [(size - 1) / 2, (size - 1) / 2],
        "waves": waves,
    }


def displacement(
    model: Mapping[str, Any], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float64]:
    """D at pixels of the before image, of shape (2, ...): rows, cols."""
    angle = math.radians(model["rotation_deg"])
    y, x = rows - model["rotation_centre_px"][0], cols - model["rotation_centre_px"][1]
    moved = np.stack(
        [
            model["translation_px"][0] + (math.cos(angle) - 1) * y - math.sin(angle) * x,
            model["translation_px"][1] + math.sin(angle) * y + (math.cos(angle) - 1) * x,
        ]
    )
    for wave in model["waves"]:
        down, right = wave["cycles_per_px"]
        phase = 2 * math.pi * (down * rows + right * cols) + wave["phase_rad"]
        moved[0 if wave["axis"] == "row" else 1] += wave["amplitude_px"] * np.sin(phase)
    return moved


def origin_of(model: Mapping[str, Any], size: int) -> NDArray[np.float64]:
    """Which place of the before image every pixel of the after image shows.

    Parameters
    ----------
    model
        A displacement.
    size
        Rows and columns of the image.

    Returns
    -------
    numpy.ndarray
        Rows and columns of the before image, of shape (2, size, size): p for q = p + D(p).

    Notes
    -----
    A fixed-point iteration.  D changes by less than 0.01 px a pixel, so that every round gains two
    digits: five leave an error below 1e-9 px.  It runs on every 16th pixel, between which D is
    smooth enough for cubic splines to be right to 1e-6 px.
    """
    from scipy.interpolate import CubicSpline

    step = 16
    lattice = np.arange(-2 * step, size + 3 * step, step, dtype=np.float64)
    rows, cols = np.meshgrid(lattice, lattice, indexing="ij")
    at_rows, at_cols = rows, cols
    for _ in range(5):
        moved = displacement(model, at_rows, at_cols)
        at_rows, at_cols = rows - moved[0], cols - moved[1]
    pixels = np.arange(size, dtype=np.float64)
    moved = displacement(model, at_rows, at_cols)
    dense = CubicSpline(lattice, moved, axis=1)(pixels)
    origin: NDArray[np.float64] = -CubicSpline(lattice, dense, axis=2)(pixels)
    origin[0] += pixels[:, None]
    origin[1] += pixels[None, :]
    return origin


def true_shift(truth: Mapping[str, Any], rows: ArrayLike, cols: ArrayLike) -> NDArray[np.float64]:
    """The true shift of a simulated pair at pixels of its before image.

    Parameters
    ----------
    truth
        The content of ``truth.json``.
    rows, cols
        Pixel coordinates of the before image, of any shapes that broadcast; the centre of the
        first pixel is (0, 0).  Fractions and places outside the image are allowed.

    Returns
    -------
    numpy.ndarray
        float64 of shape (2, ...): the move, in pixels (rows, cols), to apply to the after image so
        that it lies on the before image, ``aligned(p) = after(p - shift(p))``.
    """
    at_rows, at_cols = np.broadcast_arrays(
        np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64)
    )
    return -displacement(truth["displacement"], at_rows, at_cols)
