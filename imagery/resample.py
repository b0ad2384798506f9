"""Resampling by cubic B-splines as compiled loops on arrays: fill, filter, interpolate.

Every value is made from pixels within a fixed reach of its place, in one order, so that its bits
don't depend on how an image is cut into tiles.  Indexes in the inner loops are unsigned: a signed
one may count from the end, and no processor takes several pixels at a time then.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, helper, readonly

_POLE = math.sqrt(3.0) - 2.0
_MEMORY = 15
"""Pixels, each way, that the prefilter takes in: it fades as 0.268^n, to 1e-8."""

FILLED = 12
"""Rings of invalid pixels that are filled; what lies further off has faded to 1e-7."""

REACH = 2 + _MEMORY + FILLED
"""How far from a position, px, lie the pixels that decide its value, at most."""

_Powers = tuple[np.float32, np.float32, np.float32]
_NEAR: _Powers = np.float32(_POLE), np.float32(_POLE**2), np.float32(_POLE**3)
_FAR: _Powers = np.float32(_POLE**4), np.float32(_POLE**8), np.float32(_POLE**12)
_GAIN = np.float32(((1 - _POLE) / (1 - _POLE**16)) ** 4)

_RUN = 64
"""Pixels of a row that are interpolated at a time."""

_LEAN = 1e-3
"""A position within so many px of a pixel's centre leans on that pixel alone."""

_UNKNOWN = 255


def gaussian_taps(sigma: float, radius: int) -> NDArray[np.float32]:
    """One half, from the middle on, of a Gaussian cut off at ``radius`` px; its whole sums to 1."""
    half = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    taps: NDArray[np.float32] = (half / (2 * half.sum() - 1)).astype(np.float32)
    # What rounding takes from the sum would be lost from every pixel's value.
    taps[0] = 1 - 2 * taps[1:].sum(dtype=float)
    return taps


@helper
def _any_valid(ring: NDArray[np.uint8], row: int, col: int) -> bool:
    """Whether a valid pixel is among the eight neighbours."""
    rows, cols = ring.shape
    for r in range(max(row - 1, 0), min(row + 2, rows)):
        for c in range(max(col - 1, 0), min(col + 2, cols)):
            if ring[r, c] == 0:
                return True
    return False


@compiled(f"void(float32[:,:,::1], {readonly('boolean', 2)}, int64)")
def fill(data: NDArray[np.float32], valid: NDArray[np.bool_], depth: int) -> None:
    """Give invalid pixels, up to ``depth`` px from valid ones, their surroundings' values.

    It goes ring by ring: a pixel takes the mean of those of its four neighbours, or else of those
    at its corners, that are valid or were filled in rings before.  Thus no filter sees a step at
    the edge of what is valid.
    Invalid pixels further off become 0.

    Parameters
    ----------
    data
        Shape (band, row, col); written into.
    valid
        Shape (row, col).
    depth
        Rings to fill, below 250.
    """
    bands, rows, cols = data.shape
    ring = np.empty((rows, cols), np.uint8)
    count = 0
    for row in range(rows):
        for col in range(cols):
            if valid[row, col]:
                ring[row, col] = 0
            else:
                ring[row, col] = _UNKNOWN
                count += 1
                for band in range(bands):
                    data[band, row, col] = 0
    queue = np.empty(count, np.int64)
    stop = 0
    for row in range(rows):
        for col in range(cols):
            if ring[row, col] == _UNKNOWN and _any_valid(ring, row, col):
                ring[row, col] = 1
                queue[stop] = row * cols + col
                stop += 1
    start = 0
    for number in range(1, depth + 1):
        end = stop
        for at in range(start, end):
            row, col = queue[at] // cols, queue[at] % cols
            known = np.float32(0)
            for beside in (True, False):
                for r in range(max(row - 1, 0), min(row + 2, rows)):
                    for c in range(max(col - 1, 0), min(col + 2, cols)):
                        if (r == row or c == col) == beside and ring[r, c] < number:
                            known += np.float32(1)
                            for band in range(bands):
                                data[band, row, col] += data[band, r, c]
                        elif ring[r, c] == _UNKNOWN and number < depth:
                            ring[r, c] = number + 1
                            queue[stop] = r * cols + c
                            stop += 1
                if known:
                    break
            for band in range(bands):
                data[band, row, col] /= known
        start = end


@helper
def _folded(
    out: NDArray[np.float32],
    first: int,
    line: NDArray[np.float32],
    middle: int,
    step: int,
    taps: NDArray[np.float32],
    count: int,
) -> None:
    """A row made from those around it, or from what lies around each of its places."""
    for n in range(count):
        out[np.uint64(first + n)] = 0
    # The smallest terms first, which keeps the rounding errors of their sum small.
    for k in range(len(taps) - 1, 0, -1):
        tap, before, after = taps[k], middle - k * step, middle + k * step
        for n in range(count):
            out[np.uint64(first + n)] += tap * (
                line[np.uint64(before + n)] + line[np.uint64(after + n)]
            )
    tap = taps[0]
    for n in range(count):
        out[np.uint64(first + n)] += tap * line[np.uint64(middle + n)]


@compiled(f"void(float32[:,:,::1], {readonly('float32', 1)})")
def convolve(data: NDArray[np.float32], taps: NDArray[np.float32]) -> None:
    """Convolve every band, in place, along rows and columns, with a symmetric filter.

    Parameters
    ----------
    data
        Shape (band, row, col); what lies nearer to its border than the filter is long becomes 0.
    taps
        The filter from its middle on.
    """
    bands, rows, cols = data.shape
    radius = len(taps) - 1
    line, image = np.empty(cols, np.float32), np.empty(rows * cols, np.float32)
    for band in range(bands):
        out = data[band].reshape(-1)
        image[:] = out
        out[:] = 0
        for row in range(radius, rows - radius):
            start = row * cols
            _folded(line, 0, image, start, cols, taps, cols)
            _folded(out, start + radius, line, radius, 1, taps, cols - 2 * radius)


@helper
def _four(
    a: np.float32, b: np.float32, c: np.float32, d: np.float32,
    p: np.float32, q: np.float32, r: np.float32, s: np.float32,
) -> np.float32:  # fmt: skip
    return (a * p + b * q) + (c * r + d * s)


@helper
def _sum(
    out: NDArray[np.float32],
    first: int,
    line: NDArray[np.float32],
    at: tuple[int, int, int, int],
    powers: _Powers,
    count: int,
) -> None:
    """A row made from four, or from four places of one: that at ``at[0]`` with powers of others."""
    a, b, c = powers
    o, p, q, r, s = (
        np.uint64(first),
        np.uint64(at[0]),
        np.uint64(at[1]),
        np.uint64(at[2]),
        np.uint64(at[3]),
    )
    for col in range(count):
        n = np.uint64(col)
        out[o + n] = line[p + n] + (a * line[q + n] + (b * line[r + n] + c * line[s + n]))


@helper
def _copy(out: NDArray[np.float32], first: int, line: NDArray[np.float32], count: int) -> None:
    for col in range(count):
        out[np.uint64(first + col)] = line[np.uint64(col)]


@compiled("void(float32[:,:,::1])")
def prefilter(data: NDArray[np.float32]) -> None:
    """Turn every band, in place, into coefficients of a cubic B-spline that runs through it.

    The filter is (1 - z)^2 / ((1 - z x)(1 - z / x)), x a step of one pixel, z = sqrt(3) - 2,
    along both axes (Unser, Aldroubi & Eden 1993, IEEE Trans. Signal Processing 41(2)).  Each of
    the two factors stands for a geometric series, whose first 16 terms 1 + z x + (z x)^2 + ... are
    a product, (1 + z x)(1 + (z x)^2) times (1 + (z x)^4)(1 + (z x)^8): two steps without
    recursion, which a processor does for several pixels at a time.

    Parameters
    ----------
    data
        Shape (band, row, col), written into; coefficients within 15 px of its border mean nothing.
    """
    bands, rows, cols = data.shape
    image = data.reshape(-1)
    line, other = np.zeros(cols + 15, np.float32), np.zeros(cols + 15, np.float32)
    for band in range(bands):
        top = band * rows
        # Both steps in one sweep: the second follows 12 rows behind, which the first has passed.
        for row in range(rows - 1, -13, -1):
            for at, step, powers in ((row, 1, _NEAR), (row + 12, 4, _FAR)):
                if 3 * step <= at < rows:
                    i, down = (top + at) * cols, step * cols
                    _sum(line, 0, image, (i, i - down, i - 2 * down, i - 3 * down), powers, cols)
                    _copy(image, i, line, cols)
        for row in range(rows + 12):
            for at, step, powers in ((row, 1, _NEAR), (row - 12, 4, _FAR)):
                if 0 <= at < rows - 3 * step:
                    i, down = (top + at) * cols, step * cols
                    _sum(line, 0, image, (i, i + down, i + 2 * down, i + 3 * down), powers, cols)
                    _copy(image, i, line, cols)
        line[:15] = 0
        for row in range(rows):
            i = (top + row) * cols
            for col in range(cols):
                line[col + 15] = _GAIN * image[np.uint64(i + col)]
            _sum(other, 0, line, (3, 2, 1, 0), _NEAR, cols + 12)
            _sum(line, 0, other, (12, 8, 4, 0), _FAR, cols)
            line[cols:] = 0
            _sum(other, 0, line, (0, 1, 2, 3), _NEAR, cols + 12)
            _sum(image, i, other, (0, 4, 8, 12), _FAR, cols)
            line[:15] = 0


@helper
def _weigh(weights: NDArray[np.float32], place: NDArray[np.float32]) -> None:
    """Values of the four B-splines around places 0 to 1 behind a pixel, one row of each."""
    one, third, sixth = np.float32(1), np.float32(2 / 3), np.float32(1 / 6)
    half = np.float32(0.5)
    for at in range(_RUN):
        t = place[at]
        s = one - t
        weights[at] = sixth * (s * s * s)
        weights[_RUN + at] = third - t * t * (one - half * t)
        weights[2 * _RUN + at] = third - s * s * (one - half * s)
        weights[3 * _RUN + at] = sixth * (t * t * t)


@helper
def _at(
    image: NDArray[np.float32],
    corner: int,
    cols: int,
    down: NDArray[np.float32],
    across: NDArray[np.float32],
    at: int,
) -> np.float32:
    """The sum over 4 x 4 coefficients, the first of which is the image's number ``corner``."""
    w, i, step, run = np.uint64(at), np.uint64(corner), np.uint64(cols), np.uint64(_RUN)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    a, b, c, d = across[w], across[w + run], across[w + two * run], across[w + three * run]
    j, k, m = i + step, i + two * step, i + three * step
    return _four(
        down[w], down[w + run], down[w + two * run], down[w + three * run],
        _four(a, b, c, d, image[i], image[i + one], image[i + two], image[i + three]),
        _four(a, b, c, d, image[j], image[j + one], image[j + two], image[j + three]),
        _four(a, b, c, d, image[k], image[k + one], image[k + two], image[k + three]),
        _four(a, b, c, d, image[m], image[m + one], image[m + two], image[m + three]),
    )  # fmt: skip


@helper
def _locate(
    positions: NDArray[np.float64],
    start: int,
    stop: int,
    first: int,
    size: int,
    count: int,
    pixel: NDArray[np.int32],
    place: NDArray[np.float32],
) -> None:
    """Along one axis: the array's pixel before each position, -1 outside, and how far behind."""
    for at in range(start, stop):
        position = positions[np.uint64(at)]
        if size > 1:
            position = (position + 0.5) / size - 0.5
        whole = np.floor(position)
        n = np.uint64(at - start)
        place[n] = position - whole
        # Compared before it becomes an integer: a position may be infinite, or no number.
        behind = whole - first
        pixel[n] = np.int32(behind) if 1 <= behind <= count - 3 else np.int32(-1)


@compiled(
    f"void({readonly('float32', 3)}, {readonly('boolean', 2)}, {readonly('float64', 3)}, int64, "
    "int64, int64, float32[:,:,::1], boolean[:,::1])"
)
def interpolate(
    coefficients: NDArray[np.float32],
    valid: NDArray[np.bool_],
    positions: NDArray[np.float64],
    top: int,
    left: int,
    size: int,
    values: NDArray[np.float32],
    seen: NDArray[np.bool_],
) -> None:
    """Evaluate cubic B-splines at positions.

    Parameters
    ----------
    coefficients
        Shape (bands, rows, cols).
    valid
        Shape (rows, cols); which pixels of the image are usable.
    positions
        Shape (2, height, width): rows and columns in a scene, pixel centres at whole numbers.
    top, left
        The scene's pixel, counted in pixels of ``size``, that comes first in ``coefficients``.
    size
        Pixels of the scene, each way, that one of ``coefficients`` stands for.
    values
        Shape (bands, height, width), for the results: 0 where not seen.
    seen
        Shape (height, width), for whether the four pixels around a position are valid (fewer on a
        pixel's centre).  Positions less than two pixels inside the array are not seen.
    """
    bands, rows, cols = coefficients.shape
    _, height, width = positions.shape
    flat, out = coefficients.reshape(-1), values.reshape(-1)
    row_of, col_of = np.empty(_RUN, np.int32), np.empty(_RUN, np.int32)
    down_place, across_place = np.zeros(_RUN, np.float32), np.zeros(_RUN, np.float32)
    down, across = np.empty(4 * _RUN, np.float32), np.empty(4 * _RUN, np.float32)
    here = np.empty(_RUN, np.bool_)
    lean, rest = np.float32(_LEAN), np.float32(1 - _LEAN)
    clear = valid.all()
    for row in range(height):
        at_row, at_col = positions[0, row], positions[1, row]
        for start in range(0, width, _RUN):
            count = min(_RUN, width - start)
            _locate(at_row, start, start + count, top, size, rows, row_of, down_place)
            _locate(at_col, start, start + count, left, size, cols, col_of, across_place)
            _weigh(down, down_place)
            _weigh(across, across_place)
            for at in range(count):
                here[at] = (row_of[at] >= 0) & (col_of[at] >= 0)
            if not clear:
                for at in range(count):
                    if here[at]:
                        low = row_of[at] + (down_place[at] >= rest)
                        high = row_of[at] + (down_place[at] > lean)
                        near = col_of[at] + (across_place[at] >= rest)
                        far = col_of[at] + (across_place[at] > lean)
                        here[at] = valid[low, near] & valid[low, far]
                        here[at] &= valid[high, near] & valid[high, far]
            for at in range(count):
                seen[row, start + at] = here[at]
            begin = 0
            while begin < count:
                if not here[begin]:
                    for band in range(bands):
                        values[band, row, start + begin] = 0
                    begin += 1
                    continue
                # A run lies in one row of the array, in neighbouring columns.
                r, c, end = row_of[begin], col_of[begin], begin + 1
                while end < count and here[end] and row_of[end] == r and col_of[end] == c + 1:
                    c, end = c + 1, end + 1
                for band in range(bands):
                    corner = (band * rows + r - 1) * cols + c - (end - begin)
                    to = (band * height + row) * width + start + begin
                    for n in range(end - begin):
                        out[np.uint64(to + n)] = _at(
                            flat, corner + n, cols, down, across, begin + n
                        )
                begin = end
