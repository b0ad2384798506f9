"""Which pieces of change belong to one site."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

_OVERLAP = 0.5  # of the smaller rectangle


def group_sites(shapes: NDArray[np.object_], *, gap_m: float, span_m: float) -> NDArray[np.int64]:
    """Put pieces together that are near, or that lie in one another's enclosing rectangle.

    Two groups join where the gap between them is at most ``gap_m``, or where their smallest
    rectangles, at any angle, share half of the smaller one and the larger is at most ``span_m``
    long: the rest of a walled court belongs to the wall, whereas not everything within a ring road
    belongs to the road.  Joining goes on until nothing joins.

    Parameters
    ----------
    shapes
        Polygons in a plane of metres.
    gap_m, span_m
        Metres.

    Returns
    -------
    NDArray[np.int64]
        For each shape, its group, counted from 0 in order of the groups' first shapes.
    """
    count = len(shapes)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    shapely.prepare(shapes)
    near = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=gap_m)
    labels = _joined(count, near)
    corners, owner = shapely.get_coordinates(shapely.convex_hull(shapes), return_index=True)
    while True:
        order = np.argsort(labels[owner], kind="stable")
        boxes = shapely.oriented_envelope(
            shapely.multipoints(corners[order], indices=labels[owner][order])
        )
        overlapping = _overlapping(boxes, span_m=span_m)
        if overlapping.shape[1] == 0:
            return labels
        labels = _joined(len(boxes), overlapping)[labels]


def _overlapping(boxes: NDArray[np.object_], *, span_m: float) -> NDArray[np.int64]:
    pairs = shapely.STRtree(boxes).query(boxes, predicate="intersects")
    one, other = pairs[:, pairs[0] < pairs[1]]
    shared = shapely.area(shapely.intersection(boxes[one], boxes[other]))
    areas, lengths = shapely.area(boxes), _lengths(boxes)
    smaller = np.minimum(areas[one], areas[other])
    joins = (shared >= _OVERLAP * smaller) & (np.maximum(lengths[one], lengths[other]) <= span_m)
    return np.stack((one[joins], other[joins]))


def _lengths(boxes: NDArray[np.object_]) -> NDArray[np.float64]:
    """The longer side of each rectangle."""
    corners = shapely.get_coordinates(boxes).reshape(len(boxes), 5, 2)
    sides = np.linalg.norm(corners[:, 1:3] - corners[:, :2], axis=2)
    return np.asarray(sides.max(axis=1))


def _joined(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups, counted from 0 in order of their first members, of things joined in pairs."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(pairs.shape[1], dtype=np.int8), tuple(pairs)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int64)
