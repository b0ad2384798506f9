"""Agreement object by object: which of the reference's were found, which changes are theirs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.changes.accuracy._pixels import share
from aoi.changes.measure import metres_of

MIN_OVERLAP = 0.1
"""Share of a reference object's area that changes must cover for it to be found."""

SIZES_M2 = (0.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, math.inf)
"""Edges of the size classes: about a vehicle, a house, a hall, a block."""


@dataclass(frozen=True, kw_only=True)
class SizeClass:
    """Objects and changes of one size, from ``low_m2`` to below ``high_m2`` (None: no limit)."""

    low_m2: float
    high_m2: float | None
    objects: int
    found: int
    changes: int
    correct: int

    @property
    def completeness(self) -> float | None:
        return share(self.found, self.objects)

    @property
    def correctness(self) -> float | None:
        return share(self.correct, self.changes)


@dataclass(frozen=True, kw_only=True, eq=False)
class Objects:
    """Objects of the reference held against the changes of a case.

    Only judged pixels count: an object or a change is what of it was observed, in the area and in
    what the reference covers; one with no such pixel is in no number here.
    """

    objects: int
    found: int
    """Objects that changes cover at ``min_overlap`` of their area or more."""

    touched: int
    """Objects that changes touch at all, those among them."""

    changes: int
    correct: int
    """Changes that touch an object."""

    min_overlap: float
    one_to_many: int
    """Objects that fall to two changes or more."""

    many_to_one: int
    """Changes that take in two objects or more."""

    distance_median_m: float | None
    """Between the centre of a found object and that of the change that covers most of it."""

    distance_90_m: float | None
    """The distance that 90 % of them keep within."""

    false_per_km2: float
    """Changes that touch no object, on a square kilometre judged."""

    sizes: tuple[SizeClass, ...]
    """Size classes that hold an object or a change."""

    object_hits: dict[int, bool]
    """By the number of the object: found."""

    change_hits: dict[int, bool]
    """By the id of the region: correct."""

    @property
    def completeness(self) -> float | None:
        """Share of the objects that were found."""
        return share(self.found, self.objects)

    @property
    def correctness(self) -> float | None:
        """Share of the changes that touch an object."""
        return share(self.correct, self.changes)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of completeness and correctness."""
        one, other = self.completeness, self.correctness
        return None if one is None or other is None else share(2 * one * other, one + other) or 0.0


def match_objects(
    objects: NDArray[np.int32],
    regions: NDArray[np.uint32],
    judged: NDArray[np.bool_],
    *,
    geobox: GeoBox,
    pixel_area_m2: float,
    min_overlap: float = MIN_OVERLAP,
) -> Objects:
    """Hold numbered objects against numbered regions.

    Parameters
    ----------
    objects
        The reference, of shape (row, col): a positive number where an object lies.
    regions
        Ids of the regions, of the same shape; 0 is none.
    judged
        The pixels that count.
    geobox
        Their grid.
    pixel_area_m2
        Ground area of a pixel.
    min_overlap
        Share of an object's judged pixels, above 0 up to 1, that regions must cover for it to be
        found.

    Raises
    ------
    ValueError
        If ``min_overlap`` is no such share.
    """
    if not 0 < min_overlap <= 1:
        raise ValueError(f"min_overlap must lie above 0 and up to 1; found {min_overlap}")
    theirs = _Parts.of(objects, judged & (objects > 0))
    ours = _Parts.of(regions, judged & (regions > 0))
    meet = judged & (objects > 0) & (regions > 0)
    first = np.searchsorted(theirs.ids, objects[meet])
    second = np.searchsorted(ours.ids, regions[meet])
    pairs, shared = np.unique(
        first.astype(np.int64) * max(1, len(ours.ids)) + second, return_counts=True
    )
    first, second = np.divmod(pairs, max(1, len(ours.ids)))
    covered = np.bincount(first, weights=shared, minlength=len(theirs.ids))
    # Pixels are whole numbers: no rounding may decide at the limit.
    found = (covered > 0) & (covered >= min_overlap * theirs.pixels - 1e-9)
    correct = np.bincount(second, minlength=len(ours.ids)) > 0
    distances = _distances(theirs, ours, first, second, shared, found, geobox=geobox)
    judged_km2 = float(judged.sum()) * pixel_area_m2 / 1e6
    return Objects(
        objects=len(theirs.ids),
        found=int(found.sum()),
        touched=int((covered > 0).sum()),
        changes=len(ours.ids),
        correct=int(correct.sum()),
        min_overlap=min_overlap,
        one_to_many=int((np.bincount(first, minlength=1) > 1).sum()),
        many_to_one=int((np.bincount(second, minlength=1) > 1).sum()),
        distance_median_m=float(np.median(distances)) if len(distances) else None,
        distance_90_m=float(np.quantile(distances, 0.9)) if len(distances) else None,
        false_per_km2=float((~correct).sum()) / judged_km2,
        sizes=_by_size(theirs.pixels * pixel_area_m2, found, ours.pixels * pixel_area_m2, correct),
        object_hits=dict(zip(theirs.ids.tolist(), found.tolist(), strict=True)),
        change_hits=dict(zip(ours.ids.tolist(), correct.tolist(), strict=True)),
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """Numbered sets of pixels."""

    ids: NDArray[np.int64]
    """In ascending order."""

    pixels: NDArray[np.int64]
    centres: NDArray[np.float64]
    """(col, row) in pixel coordinates, (0, 0) the grid's corner; of shape (parts, 2)."""

    @classmethod
    def of(
        cls, numbers: NDArray[np.int32] | NDArray[np.uint32], where: NDArray[np.bool_]
    ) -> _Parts:
        row, col = np.nonzero(where)
        ids, part = np.unique(numbers[where].astype(np.int64), return_inverse=True)
        pixels = np.bincount(part, minlength=len(ids))
        centres = [np.bincount(part, weights=at + 0.5, minlength=len(ids)) for at in (col, row)]
        return cls(ids, pixels, np.column_stack(centres) / np.maximum(pixels, 1)[:, None])


def _distances(
    theirs: _Parts,
    ours: _Parts,
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    shared: NDArray[np.int64],
    found: NDArray[np.bool_],
    *,
    geobox: GeoBox,
) -> NDArray[np.float64]:
    """From each found object's centre to that of the region that shares most with it, in metres."""
    order = np.lexsort((-shared, first))
    one, start = np.unique(first[order], return_index=True)
    other = second[order][start]
    kept = found[one]
    to_plane = metres_of(geobox)
    if not kept.any():
        return np.empty(0)
    gap = to_plane(theirs.centres[one[kept]]) - to_plane(ours.centres[other[kept]])
    return np.asarray(np.hypot(gap[:, 0], gap[:, 1]), dtype=np.float64)


def _by_size(
    object_m2: NDArray[Any],
    found: NDArray[np.bool_],
    change_m2: NDArray[Any],
    correct: NDArray[np.bool_],
) -> tuple[SizeClass, ...]:
    classes = []
    for low, high in pairwise(SIZES_M2):
        theirs = (object_m2 >= low) & (object_m2 < high)
        ours = (change_m2 >= low) & (change_m2 < high)
        if theirs.any() or ours.any():
            classes.append(
                SizeClass(
                    low_m2=low,
                    high_m2=high if math.isfinite(high) else None,
                    objects=int(theirs.sum()),
                    found=int(found[theirs].sum()),
                    changes=int(ours.sum()),
                    correct=int(correct[ours].sum()),
                )
            )
    return tuple(classes)
