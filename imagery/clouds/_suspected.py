"""Clouds suspected from the pixels alone: bright, white, smooth, new, and with a shadow.

It takes no weights and knows no sensor.  A new white roof is bright, white, smooth and new as well,
but its shadow lies beside it, not hundreds of metres off; even so this is a suspicion, and where it
isn't asked to mask it only tells and flags.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.clouds._view import View, chosen_bands, view_grid, view_of
from imagery.grid import Extent, Plan
from imagery.overview import Overview
from imagery.scene import Role, Scene
from imagery.write import create

BITS: Mapping[Role, int] = {"before": 1, "after": 2}
"""Of ``suspected_clouds.tif``."""

LARGEST_PIXEL_M = 15.0
"""Coarser images show too little of a cloud of half a hectare."""

_LEAST_M2, _LEAST_PX = 5000.0, 30
_BRIGHT, _BRIGHTER, _DARKER = 2.0, 2.0, -0.7
"""In robust standard deviations of an image: how bright a cloud is, how much brighter than the
other date, and how much darker than there a shadow is."""

_BASE_M = (200.0, 6000.0)
"""Heights of clouds: lower ones would be the shadows of buildings."""

_REACH_M = (80.0, 4000.0)
"""How far the shadow lies, where the sun's elevation is unknown."""

_SHADED, _SHADED_ANYWHERE, _ABOVE_CHANCE = 0.5, 0.55, 0.35
"""Share of a cloud's outline that must be darker where its shadow falls: with the sun known, and
unknown; and by how much that must exceed the share of the whole image."""

_SPREAD_DEG = 20.0
"""How far from the anti-solar direction: the view's angle moves the cloud, not its shadow."""

_SHAPED = 0.25
"""How much more of it must be darker than of what surrounds it: a shadow has the cloud's shape."""

_COMMON = 1 / 3
"""Share of the candidates that must have a shadow, in one direction."""

_RING = (2, 4)
"""What surrounds a blob: from how many px away, how many px wide."""

_EDGE_M = 30.0
_MOST_BLOBS, _POINTS = 60, 120


@dataclass(frozen=True, kw_only=True, eq=False)
class Suspicion:
    """Where clouds or their shadows are suspected."""

    bits: NDArray[np.uint8]
    """``BITS`` of each date, of shape (row, col)."""

    geobox: GeoBox
    share: dict[Role, float]
    """Of the area, for each date."""

    sun: dict[Role, bool]
    """Whether the sun's direction was known."""


def suspect(
    plan: Plan,
    views: Mapping[Role, Overview],
    bands: BandPairs,
    *,
    area: Extent | None,
    executor: Executor,
) -> Suspicion | str:
    """Suspect clouds in either image, or say why that can't be done.

    Parameters
    ----------
    plan
        Where the images meet.
    views
        Both scenes, not yet aligned: a few metres decide nothing here.
    bands
        Which bands go together.
    area
        What the shares are of; the display window where None.
    executor
        Where the scenes are read.
    """
    if plan.pixel_size_m > LARGEST_PIXEL_M:
        return f"pixels of {plan.pixel_size_m:.3g} m are too coarse"
    geobox, size = view_grid(plan)
    index = {"before": bands.before, "after": bands.after}
    chosen, colours = chosen_bands(bands)
    seen = {
        role: view_of(
            view.source(geobox),
            geobox,
            bands=tuple(index[role][i] for i in chosen),
            colours=colours,
            executor=executor,
        )
        for role, view in views.items()
    }
    both = seen["before"].valid & seen["after"].valid
    if both.sum() < 4 * _LEAST_PX:
        return "the images share too few pixels"
    bits = np.zeros(both.shape, np.uint8)
    known: dict[Role, bool] = {}
    for role, view in views.items():
        other = seen["after" if role == "before" else "before"]
        moves = _moves(view.scene, geobox, size)
        known[role] = moves.sun
        bits[_clouds(seen[role], other, both, moves, size=size)] |= BITS[role]
    inside = _inside(area, plan, geobox)
    return Suspicion(
        bits=bits,
        geobox=geobox,
        share={role: float(((bits & bit) != 0)[inside].mean()) for role, bit in BITS.items()},
        sun=known,
    )


def write_suspicion(found: Suspicion, path: Path) -> None:
    """Write the bits as a raster."""
    with create(path, geobox=found.geobox, count=1, dtype="uint8", nodata=None) as raster:
        raster.write(Window(0, 0, *found.bits.shape), found.bits[None])


@dataclass(frozen=True, eq=False)
class _Moves:
    """Where a cloud's shadow may lie."""

    steps: NDArray[np.int64]
    """(rows, cols) of the view, of shape (n, 2)."""

    angles: NDArray[np.float64]
    """The direction of each, in degrees clockwise from the grid's north."""

    sun: bool
    """Whether the sun's direction is known, which leaves few of them."""

    def alike(self) -> Iterator[NDArray[np.bool_]]:
        """Sets of moves in about one direction."""
        for angle in np.unique(self.angles):
            yield np.abs((self.angles - angle + 180) % 360 - 180) <= _SPREAD_DEG


def _moves(scene: Scene, geobox: GeoBox, size: float) -> _Moves:
    facts = scene.facts
    azimuth, elevation = facts.get("view:sun_azimuth"), facts.get("view:sun_elevation")
    low, high = _REACH_M
    if elevation is not None and float(elevation.value) > 5:
        slope = 1 / math.tan(math.radians(float(elevation.value)))
        low, high = max(low, _BASE_M[0] * slope), _BASE_M[1] * slope
    known = azimuth is not None and geobox.crs is not None
    if azimuth is not None and known:
        towards = float(azimuth.value) + 180
        angles = towards + np.arange(-_SPREAD_DEG, _SPREAD_DEG + 1, 5.0)
    else:
        angles = np.arange(0.0, 360, 10)
    reach = min(high, math.hypot(*geobox.shape) * size)
    lengths = np.arange(low, max(reach, low) + size, 3 * size) / size
    angle, length = (grid.ravel() for grid in np.meshgrid(angles, lengths, indexing="ij"))
    turned = np.radians(angle)
    cols, rows = _on_grid(geobox, np.sin(turned) * length, np.cos(turned) * length)
    return _Moves(np.stack([rows, cols], axis=1).round().astype(np.int64), angle, known)


def _on_grid(
    geobox: GeoBox, east: NDArray[np.float64], north: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps to the east and the north, in pixels, as (cols, rows) of a grid that may be turned."""
    a, b, _, d, e, _ = tuple(geobox.affine)[:6]
    across, down = math.hypot(a, d), math.hypot(b, e)
    link = np.linalg.inv([[a / across, b / down], [d / across, e / down]])
    return link[0, 0] * east + link[0, 1] * north, link[1, 0] * east + link[1, 1] * north


def _clouds(
    view: View, other: View, both: NDArray[np.bool_], moves: _Moves, *, size: float
) -> NDArray[np.bool_]:
    """Where one date has a cloud with a shadow, or that shadow."""
    from scipy import ndimage

    change = view.level - other.level
    bright = both & (view.level > _BRIGHT) & (change > _BRIGHTER) & view.grey & view.smooth
    shade = np.asarray(both & (change < _DARKER))
    found = np.zeros(both.shape, bool)
    for blob, move in _with_shadows(list(_blobs(bright, size=size)), shade, both, moves):
        found[tuple(blob.points)] = True
        if move is None:
            continue
        rows, cols = blob.points + move[:, None]
        there = (rows >= 0) & (rows < both.shape[0]) & (cols >= 0) & (cols < both.shape[1])
        found[rows[there], cols[there]] = True
    if not found.any():
        return found
    return np.asarray(ndimage.distance_transform_edt(~found) * size <= _EDGE_M)


@dataclass(frozen=True, eq=False)
class _Blob:
    """A bright place: its pixels, and those around it, (rows, cols) of shape (2, n)."""

    points: NDArray[np.int64]
    ring: NDArray[np.int64]


def _blobs(bright: NDArray[np.bool_], *, size: float) -> Iterator[_Blob]:
    """Half a hectare of brightness or more, without what is thin; the largest first."""
    from scipy import ndimage

    reach = max(1, round(6 / size))
    closed = _shrunk(_spread(bright, reach), reach)
    opened = _spread(_shrunk(closed, reach), reach)
    if not opened.any():
        return
    labels, _ = ndimage.label(_filled(opened))
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    least = max(_LEAST_PX, _LEAST_M2 / size**2)
    boxes = ndimage.find_objects(labels)
    square, margin = np.ones((3, 3), bool), sum(_RING)
    for number in np.argsort(-areas, kind="stable")[:_MOST_BLOBS]:
        if areas[number] < least:
            return
        box = boxes[number - 1]
        own = np.pad(labels[box] == number, margin)
        inner = ndimage.binary_dilation(own, square, iterations=_RING[0])
        ring = ndimage.binary_dilation(inner, square, iterations=_RING[1]) & ~inner
        corner = np.array([[side.start - margin] for side in box])
        yield _Blob(np.array(np.nonzero(own)) + corner, np.array(np.nonzero(ring)) + corner)


def _spread(mask: NDArray[np.bool_], times: int) -> NDArray[np.bool_]:
    """Dilated by a cross, so many times; SciPy's own takes ten times as long on a whole view."""
    for _ in range(times):
        wide = mask.copy()
        wide[1:] |= mask[:-1]
        wide[:-1] |= mask[1:]
        wide[:, 1:] |= mask[:, :-1]
        wide[:, :-1] |= mask[:, 1:]
        mask = wide
    return mask


def _shrunk(mask: NDArray[np.bool_], times: int) -> NDArray[np.bool_]:
    """Eroded by a cross, so many times; beyond the border is nothing."""
    return ~_spread(np.pad(~mask, times, constant_values=True), times)[
        times : times + mask.shape[0], times : times + mask.shape[1]
    ]


def _filled(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without holes: with all that no way over sides leads out of."""
    from scipy import ndimage

    labels, count = ndimage.label(~mask)
    outside = np.zeros(count + 1, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[side] = True
    return np.asarray(mask | ~outside[labels])


def _with_shadows(
    blobs: Sequence[_Blob], shade: NDArray[np.bool_], both: NDArray[np.bool_], moves: _Moves
) -> list[tuple[_Blob, NDArray[np.int64] | None]]:
    """Blobs that have a shadow, with the move to it; with company, also those whose would lie
    outside.

    The shadows of one image lie in one direction, and most of what is bright, white, smooth and new
    under clouds is cloud: where few of many have such a shadow it is chance, as between fields.
    """
    fits = [_fit(blob, shade, both, moves) for blob in blobs]
    tested = [number for number, fit in enumerate(fits) if fit is not None]
    if not tested:
        return []
    scores = np.stack([fit for fit in fits if fit is not None])
    areas = np.array([blobs[number].points.shape[1] for number in tested])
    near = max(moves.alike(), key=lambda alike: float(areas @ scores[:, alike].max(axis=1)))
    scores = np.where(near, scores, 0)
    shaded = np.flatnonzero(scores.max(axis=1) > 0)
    if not len(shaded) or len(shaded) < _COMMON * len(tested):
        return []
    pairs: list[tuple[_Blob, NDArray[np.int64] | None]] = [
        (blobs[tested[row]], moves.steps[int(np.argmax(scores[row]))]) for row in shaded
    ]
    if len(shaded) > 1:
        pairs += [(blob, None) for blob, fit in zip(blobs, fits, strict=True) if fit is None]
    return pairs


def _fit(
    blob: _Blob, shade: NDArray[np.bool_], both: NDArray[np.bool_], moves: _Moves
) -> NDArray[np.float64] | None:
    """How well each move lays a blob on a shadow of its shape, 0 where it doesn't.

    None where its shadow, wherever it lay, could not be seen.
    """
    within, seen = _shaded(blob.points, shade, both, moves.steps)
    visible = seen >= 0.5
    if not visible.any():
        return None
    least = max(
        _SHADED if moves.sun else _SHADED_ANYWHERE, float(shade[both].mean()) + _ABOVE_CHANCE
    )
    fits = visible & (within >= least)
    if fits.any():
        beside, _ = _shaded(blob.ring, shade, both, moves.steps[fits])
        fits[fits] = within[fits] - beside >= _SHAPED
    return np.where(fits, within, 0)


def _shaded(
    points: NDArray[np.int64],
    shade: NDArray[np.bool_],
    both: NDArray[np.bool_],
    steps: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Which share of points, moved, is darker, and which share can be seen there."""
    taken = points[:, :: max(1, points.shape[1] // _POINTS)]
    row, col = taken[0][None, :] + steps[:, :1], taken[1][None, :] + steps[:, 1:]
    height, width = both.shape
    inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
    row, col = np.where(inside, row, 0), np.where(inside, col, 0)
    visible = inside & both[row, col]
    count = visible.sum(axis=1)
    share = (visible & shade[row, col]).sum(axis=1) / np.maximum(count, 1)
    return share, count / max(taken.shape[1], 1)


def _inside(area: Extent | None, plan: Plan, geobox: GeoBox) -> NDArray[np.bool_]:
    if area is not None:
        inside = area.mask(geobox)
        if inside.any():
            return inside
    return np.ones(tuple(geobox.shape), bool)
