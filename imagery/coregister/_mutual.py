"""Sub-pixel shifts of windows by mutual information: of two sensors, without common radiometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, helper, readonly
from imagery.coregister._match import BALANCE, DECOYS, Matches, decoy_pairs, textured_windows

_BINS = 16
_REACH = 5
"""Largest move looked for, in px: what the first matching leaves, and room to disagree."""

_LEVELS = 255
_MISSING = np.uint8(255)

_CORRELATED = 10.0
"""Neighbouring pixels that say about the same: one in so many is counted as independent."""


def match_by_information(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    size: int,
    moves: NDArray[np.intp] | None = None,
    decoys: int = DECOYS,
) -> Matches:
    """Measure the shift, up to 4 px, of square windows of two images of one frame.

    Mutual information (Viola & Wells 1997; Maes et al. 1997) of 16 equally filled bins a window, at
    every whole-pixel move; a quadratic through the nine values around the highest gives the
    fraction.  It asks for no common radiometry, only that one image foretells the other.

    Parameters
    ----------
    reference, moving
        Images of one shape (row, col), float32.
    valid
        True where usable, of ``reference`` and ``moving``.
    tops, lefts
        First row and column of each window.
    size
        Side of a window in px.
    moves
        The whole-pixel move around which each window is tried; shape (windows, 2).
    decoys
        How many windows, about, to try against those of other places.

    Returns
    -------
    Matches
        Their coherence is the information, in nats, above the median over all moves.
    """
    levels = _levels(reference, valid[0]), _levels(moving, valid[1])
    moves = np.zeros((len(tops), 2), np.intp) if moves is None else moves
    places = np.column_stack([tops, lefts])
    others = np.ascontiguousarray(places - moves)
    surface = _information(*levels, places, others, size)
    whole, fraction, covariance, inside = _peaks(surface, size)
    textured = textured_windows(
        reference, moving, valid, tops=tops, lefts=lefts, size=size, moves=moves
    )
    chosen, against = decoy_pairs(tops, lefts, textured, size=size, most=decoys)
    unrelated = _information(*levels, places[chosen], others[against], size)
    return Matches(
        row=tops.astype(np.float64) + (size - 1) / 2,
        col=lefts.astype(np.float64) + (size - 1) / 2,
        shift=moves + whole + fraction,
        covariance=covariance,
        # A peak on the border of the moves tried is none.
        coherence=np.where(inside, _height(surface), 0.0),
        decoys=_height(unrelated),
        textured=textured,
    )


def _levels(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The image in 255 equal steps between its 0.5 % and 99.5 % quantiles; 255 where invalid."""
    levels = np.full(image.shape, _MISSING)
    if not valid.any():
        return levels
    low, high = np.percentile(image[valid], [0.5, 99.5])
    step = max(high - low, 1e-12) / _LEVELS
    levels[valid] = np.clip((image[valid] - low) / step, 0, _LEVELS - 1).astype(np.uint8)
    return levels


def _height(surface: NDArray[np.float64]) -> NDArray[np.float64]:
    if not len(surface):
        return np.zeros(0)
    flat = surface.reshape(len(surface), -1)
    return np.asarray(flat.max(axis=1) - np.median(flat, axis=1))


def _peaks(
    surface: NDArray[np.float64], size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Whole move, fraction, covariance, and whether the peak lies inside of the moves tried."""
    count, side, _ = surface.shape
    at = surface.reshape(count, -1).argmax(axis=1)
    row, col = at // side, at % side
    inside = (row > 0) & (row < side - 1) & (col > 0) & (col < side - 1)
    row, col = np.clip(row, 1, side - 2), np.clip(col, 1, side - 2)
    n, near = np.arange(count), (-1, 0, 1)
    v = np.stack([np.stack([surface[n, row + i, col + j] for j in near]) for i in near])
    # Least squares of a quadratic over the nine values.
    slope = np.stack([v[2].sum(0) - v[0].sum(0), v[:, 2].sum(0) - v[:, 0].sum(0)], axis=1) / 6
    by_row = (v[0] + v[2] - 2 * v[1]).sum(0) / 3
    by_col = (v[:, 0] + v[:, 2] - 2 * v[:, 1]).sum(0) / 3
    across = (v[2, 2] + v[0, 0] - v[2, 0] - v[0, 2]) / 4
    det = by_row * by_col - across**2
    inside &= (by_row < 0) & (by_col < 0) & (det > 0)
    # The lesser curvature against the greater: a ridge has no place along itself.
    half, apart = -(by_row + by_col) / 2, np.hypot((by_row - by_col) / 2, across)
    inside &= half - apart >= BALANCE * (half + apart)
    det, by_row, by_col = (
        np.where(inside, x, y) for x, y in ((det, 1), (by_row, -1), (by_col, -1))
    )
    across = np.where(inside, across, 0)
    bend = np.stack([np.stack([by_col, -across], 1), np.stack([-across, by_row], 1)], 1)
    inverse = bend / det[:, None, None]
    fraction = -np.einsum("nij,nj->ni", inverse, slope)
    covariance = -inverse / (size**2 / _CORRELATED)
    whole = np.stack([row, col], axis=1) - side // 2
    return whole.astype(np.float64), np.clip(fraction, -1, 1), covariance, inside


def _information(
    reference: NDArray[np.uint8],
    moving: NDArray[np.uint8],
    places: NDArray[np.intp],
    others: NDArray[np.intp],
    size: int,
) -> NDArray[np.float64]:
    return information_surfaces(reference, moving, places, others, size, _REACH, _BINS)


@helper
def _binned(window: NDArray[np.uint8], bins: int) -> NDArray[np.uint8]:
    """Levels as numbers of equally filled bins; ``bins`` where a level is missing."""
    counts = np.zeros(256, np.int64)
    for r in range(window.shape[0]):
        for c in range(window.shape[1]):
            counts[window[r, c]] += 1
    total = max(1, window.size - counts[255])
    table = np.zeros(256, np.uint8)
    below = 0
    for level in range(255):
        # The middle of the level's pixels decides, so that a full level isn't torn.
        table[level] = min(bins - 1, (2 * below + counts[level]) * bins // (2 * total))
        below += counts[level]
    table[255] = bins
    binned = np.empty(window.shape, np.uint8)
    for r in range(window.shape[0]):
        for c in range(window.shape[1]):
            binned[r, c] = table[window[r, c]]
    return binned


@helper
def _information_of(joint: NDArray[np.int64], bins: int, entropy: NDArray[np.float64]) -> float:
    """Mutual information of counts; ``entropy[n]`` is ``n log n``."""
    total, sums = 0, 0.0
    for a in range(bins):
        row = 0
        for b in range(bins):
            row += joint[a, b]
            sums += entropy[joint[a, b]]
        sums -= entropy[row]
        total += row
    if total == 0:
        return 0.0
    for b in range(bins):
        col = 0
        for a in range(bins):
            col += joint[a, b]
        sums -= entropy[col]
    return float(sums / total + np.log(total))


@compiled(
    f"float64[:,:,::1]({readonly('uint8', 2)}, {readonly('uint8', 2)}, {readonly('int64', 2)}, "
    f"{readonly('int64', 2)}, int64, int64, int64)"
)
def information_surfaces(
    reference: NDArray[np.uint8],
    moving: NDArray[np.uint8],
    places: NDArray[np.intp],
    others: NDArray[np.intp],
    size: int,
    reach: int,
    bins: int,
) -> NDArray[np.float64]:
    """Mutual information, in nats, of windows at every move of up to ``reach`` px.

    ``places`` and ``others``, shape (n, 2), are the first row and col of the windows of
    ``reference`` and of ``moving``; a window must stay ``reach`` px inside.  The value at (i, j) is
    that of the moving window cut at ``others - (i - reach, j - reach)``.
    """
    side = 2 * reach + 1
    surfaces = np.zeros((len(places), side, side))
    entropy = np.zeros(size * size + 1)
    for n in range(1, len(entropy)):
        entropy[n] = n * np.log(n)
    joint = np.zeros((bins + 1, bins + 1), np.int64)
    for n in range(len(places)):
        top, left = places[n]
        other_top, other_left = others[n] - reach
        one = _binned(reference[top : top + size, left : left + size], bins)
        around = _binned(
            moving[
                other_top : other_top + size + 2 * reach,
                other_left : other_left + size + 2 * reach,
            ],
            bins,
        )
        for i in range(side):
            for j in range(side):
                joint[:] = 0
                for r in range(size):
                    row = around[r + side - 1 - i]
                    for c in range(size):
                        joint[one[r, c], row[c + side - 1 - j]] += 1
                surfaces[n, i, j] = _information_of(joint, bins, entropy)
    return surfaces
