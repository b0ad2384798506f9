"""Between what bounds the area of each change lies: what an outline along pixels cannot tell.

A change's area is that of its polygon; the interval says how far the truth may be off it.  Four
things move it, each of which can be told from the outline, the score and the alignment:

*Where the outline ends.*  A sensor spreads an edge over some pixels, and pixels are kept from a
certain share of the change on: one that :func:`imagery.outline.ends_at` tells, or more, where a
weak change or one that may be misregistered reaches the threshold only further inside.  The true
outline lies where the share is one half, so the area is off by the same distance all along the
outline.  That distance is known from the spread, and moves the middle of the interval.

*How sure that is.*  A surface is not of one strength, so the share at which pixels end varies.  It
does so for the whole change together: standard error times the outline's length.

*Pixels.*  A straight run of an outline lies within half a pixel of the truth, uniformly, whatever
the other runs do: the sum of its squared lengths over 12.  Runs are long where an object lies along
the pixels, and short elsewhere, where errors cancel.

*What may be missing.*  Holes and bays narrower than two pixels are ground, or parts of the change
that look like the ground did before.  Half of them is taken to belong, give or take the other half.

Registration moves a change and leaves its area as it is; what it does to the score at the outline
is in the first term.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.changes.measure import Shapes
from imagery.measure import expected_misregistration
from imagery.outline import ends_at
from imagery.shift_error import ShiftError

if TYPE_CHECKING:
    from imagery.detect import ChangeMap

NORMAL_90 = 1.645
"""Standard errors to each side that hold 90 % of a Gaussian."""

_SPREAD = 0.6
"""Standard deviation of a sensor's point spread, px: a modulation at the Nyquist frequency of 0.17,
in the middle of the 0.1 to 0.3 that imaging satellites are built for."""

_PIXEL = 1 / 12
"""Variance of the mean over a pixel, px²."""

_UNSURE = 0.125
"""Standard error of the share at which an outline ends: a quarter of one half, as where a change's
strength varies by a quarter from place to place."""

_GAP = 2.0
"""Width of holes and bays that may be part of the change, px."""

_BEYOND = 3.0
"""Spreads around an edge within which an outline is looked for."""

_HALVINGS = 20


@dataclass(frozen=True, kw_only=True, eq=False)
class Outlining:
    """What decided where outlines end."""

    threshold: float
    """The score above which a pixel is a candidate."""

    misregistration: ShiftError
    """How far the images may be off each other, on the grid of the outlines."""

    smoothing: float = 0.0
    """Standard deviation, px, of the Gaussian that both images passed."""


def outlining_of(found: ChangeMap) -> Outlining:
    """What decided the outlines of a change map, on the grid of its rasters."""
    error, window = expected_misregistration(found.alignment), found.plan.display
    options = next(step.options for step in found.steps if step.step == "difference")
    return Outlining(
        threshold=found.cut.value,
        misregistration=replace(error, rows=error.rows - window.top, cols=error.cols - window.left),
        smoothing=float(options["smoothing"]),
    )


def area_interval(
    shapes: Shapes, *, strength: NDArray[np.float64], how: Outlining
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper bound of each change's area, which hold nine in ten of the true areas.

    Parameters
    ----------
    shapes
        Polygons along the pixels' sides, in pixel coordinates, with vertices at corners alone.
    strength
        The mean score of each, shape (shapes,): the highest is that of its strongest part.
    how
        What decided where they end.

    Returns
    -------
    tuple of ndarray
        In px², shape (shapes,), no lower than 0.  They lie unevenly around the polygon's own area,
        and always hold it.

    Notes
    -----
    The interval is that of a change that was found as one.  It knows nothing of parts that stand
    apart, of what lies under cloud, or of shadows and vehicles beside it.
    """
    area = np.asarray(shapely.area(shapes), dtype=np.float64)
    length, pixels = _outlines(shapes)
    gaps = _gaps(shapes, area)
    spread = float(np.sqrt(_PIXEL + _SPREAD**2 + how.smoothing**2))
    middles = shapely.get_coordinates(shapely.centroid(shapes)).reshape(-1, 2)
    error = how.misregistration.at(middles[:, 1] - 0.5, middles[:, 0] - 0.5)
    inward = _inward(strength, threshold=how.threshold, error=error, spread=spread)
    # At an edge's middle a share changes by 1 / (spread sqrt(2 pi)) a pixel.
    unsure = _UNSURE * spread * np.sqrt(2 * np.pi)
    middle = area + inward * length + gaps / 2
    half = NORMAL_90 * np.sqrt((unsure * length) ** 2 + pixels + (gaps / 2) ** 2)
    low, high = np.minimum(middle - half, area), np.maximum(middle + half, area)
    return np.maximum(low, 0.0), high


def _inward(
    strength: NDArray[np.float64], *, threshold: float, error: NDArray[np.float64], spread: float
) -> NDArray[np.float64]:
    """How far inside the true edge each outline lies, px; below 0 where it lies outside.

    At a distance x inside a straight edge the share is s(x) = Φ(x / spread), and the score that of
    :func:`imagery.difference.change_vector` for a change that appeared: strength times share, over
    ``sqrt(1 + (error strength g)²)`` with its own gradient g = (s(x + 1) - s(x - 1)) / 2.  Both
    rise with x, so that the first place where share and score suffice is found by halving.
    """
    from scipy.special import ndtr

    share_needed = ends_at(strength)
    outside = np.full(len(strength), -_BEYOND)
    inside = -outside
    for _ in range(_HALVINGS):
        x = (outside + inside) / 2
        share, gradient = ndtr(x), (ndtr(x + 1 / spread) - ndtr(x - 1 / spread)) / 2
        score = strength * share / np.hypot(1.0, error * strength * gradient)
        reached = (score >= threshold) & (share >= share_needed)
        inside, outside = np.where(reached, x, inside), np.where(reached, outside, x)
    return inside * spread


def _outlines(shapes: Shapes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of each outline, px, and the variance that its pixels leave in the area, px⁴.

    The length is that of the line through the middles of the pixels' sides, which cuts corners: it
    is exact along the pixels and at 45°, and at most 8 % long between.
    """
    parts, shape = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    same = ring[1:] == ring[:-1]
    runs = np.hypot(*np.diff(points, axis=0).T)[same]
    of = shape[part[ring[1:][same]]]
    # Sums as floats: without any run they would be counts.
    length, squares = (
        np.bincount(of, weights=weights, minlength=len(shapes)).astype(np.float64)
        for weights in (runs - (1 - np.sqrt(0.5)), runs**2)
    )
    return length, squares / 12


def _gaps(shapes: Shapes, area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area of the holes and bays narrower than ``_GAP``, px²: what a closing by a square fills."""
    grown = shapely.buffer(shapes, _GAP / 2, join_style="mitre")
    closed = shapely.buffer(grown, -_GAP / 2, join_style="mitre")
    return np.asarray(np.maximum(shapely.area(closed) - area, 0.0), dtype=np.float64)
