"""Loops over windows and their spectra, compiled; they run without Python's lock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, helper, readonly


@compiled(
    "Tuple((float32[:,:,::1], float32[:,:,::1], float64[::1]))"
    f"({readonly('float32', 2)}, {readonly('float32', 2)}, "
    f"{readonly('boolean', 2)}, {readonly('boolean', 2)}, {readonly('int64', 1)}, "
    f"{readonly('int64', 1)}, {readonly('int64', 2)}, {readonly('float32', 2)})"
)
def cut_windows(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    reference_valid: NDArray[np.bool_],
    moving_valid: NDArray[np.bool_],
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    moves: NDArray[np.intp],
    taper: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Both windows of each place, mean removed and tapered over what both show, and its share.

    The moving window is cut ``moves`` (rows, cols) back: at ``tops - moves[:, 0]``.  A window that
    would leave its image shows nothing.
    """
    count, size = len(tops), taper.shape[0]
    rows, cols = reference.shape
    moving_rows, moving_cols = moving.shape
    first = np.zeros((count, size, size), np.float32)
    second = np.zeros((count, size, size), np.float32)
    share = np.zeros(count)
    for n in range(count):
        top, left = tops[n], lefts[n]
        other_top, other_left = top - moves[n, 0], left - moves[n, 1]
        if top < 0 or left < 0 or top + size > rows or left + size > cols:
            continue
        if other_top < 0 or other_left < 0:
            continue
        if other_top + size > moving_rows or other_left + size > moving_cols:
            continue
        total, one, two, seen = 0.0, 0.0, 0.0, 0
        for r in range(size):
            for c in range(size):
                if (
                    reference_valid[top + r, left + c]
                    and moving_valid[other_top + r, other_left + c]
                ):
                    weight = taper[r, c]
                    total += weight
                    one += weight * reference[top + r, left + c]
                    two += weight * moving[other_top + r, other_left + c]
                    seen += 1
        share[n] = seen / (size * size)
        if total <= 0:
            continue
        one, two = one / total, two / total
        # What rounding leaves of a flat window is no structure.
        least_one, least_two = 1e-6 * abs(one), 1e-6 * abs(two)
        for r in range(size):
            for c in range(size):
                if (
                    reference_valid[top + r, left + c]
                    and moving_valid[other_top + r, other_left + c]
                ):
                    weight = taper[r, c]
                    a = reference[top + r, left + c] - one
                    b = moving[other_top + r, other_left + c] - two
                    first[n, r, c] = weight * a if abs(a) > least_one else 0.0
                    second[n, r, c] = weight * b if abs(b) > least_two else 0.0
    return first, second, share


@compiled(
    f"complex64[:,:,::1]({readonly('complex64', 3)}, {readonly('complex64', 3)}, "
    f"{readonly('int64', 1)}, {readonly('boolean', 2)})"
)
def whitened_products(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    against: NDArray[np.intp],
    mask: NDArray[np.bool_],
) -> NDArray[np.complex64]:
    """Cross-power spectra with the fourth root of their strength, 0 outside of the mask."""
    products = np.zeros_like(first)
    count, rows, cols = first.shape
    for n in range(count):
        for r in range(rows):
            for c in range(cols):
                if mask[r, c]:
                    cross = first[n, r, c] * np.conj(second[against[n], r, c])
                    strength = np.sqrt(cross.real**2 + cross.imag**2)
                    if strength > 0:
                        products[n, r, c] = cross / np.sqrt(strength * np.sqrt(strength))
    return products


@compiled(f"int64[:,::1]({readonly('float32', 3)}, int64)")
def highest_near(surface: NDArray[np.float32], search: int) -> NDArray[np.intp]:
    """Where each correlation surface is highest within ``search`` px of no move."""
    count, rows, cols = surface.shape
    found = np.zeros((count, 2), np.intp)
    for n in range(count):
        best = -np.inf
        for r in range(-search, search + 1):
            for c in range(-search, search + 1):
                value = surface[n, r % rows, c % cols]
                if value > best:
                    best = value
                    found[n, 0], found[n, 1] = r, c
    return found


@compiled(
    f"float64[::1]({readonly('complex64', 3)}, {readonly('boolean', 2)}, {readonly('boolean', 2)})"
)
def structure(
    spectra: NDArray[np.complex64], signal: NDArray[np.bool_], noise: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Mean power over the signal's frequencies, in units of that over the noise's."""
    count, rows, cols = spectra.shape
    ratio = np.zeros(count)
    for n in range(count):
        high, low, highs, lows = 0.0, 0.0, 0, 0
        for r in range(rows):
            for c in range(cols):
                power = spectra[n, r, c].real ** 2 + spectra[n, r, c].imag ** 2
                if signal[r, c]:
                    high += power
                    highs += 1
                if noise[r, c]:
                    low += power
                    lows += 1
        if high > 0:
            ratio[n] = (high / highs) / (low / lows) if low > 0 else np.inf
    return ratio


@helper
def _plane_sums(
    real: NDArray[np.float64],
    imag: NDArray[np.float64],
    strength: NDArray[np.float64],
    starts: NDArray[np.intp],
    first_cols: NDArray[np.intp],
    by_row: NDArray[np.float64],
    by_col: NDArray[np.float64],
    move: tuple[float, float],
    softening: float,
) -> tuple[float, float, float, float, float, float, float]:
    """Sums over the frequencies of what Newton's step from ``move`` needs.

    Weighted cosine and weight, the curvature's three entries and the slope's two.  A frequency
    weighs ``1 / (1 + softening * chord²)`` of its strength.
    """
    cosines, weights = 0.0, 0.0
    a, b, d, p, q = 0.0, 0.0, 0.0, 0.0, 0.0
    cols = len(by_col)
    col_real, col_imag = np.empty(cols), np.empty(cols)
    for c in range(cols):
        col_real[c], col_imag[c] = np.cos(move[1] * by_col[c]), np.sin(move[1] * by_col[c])
    for r in range(len(by_row)):
        row_real, row_imag = np.cos(move[0] * by_row[r]), np.sin(move[0] * by_row[r])
        y, first = by_row[r], first_cols[r]
        cosine, weighed, x1, x2, s0, s1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for f in range(starts[r], starts[r + 1]):
            c = first + f - starts[r]
            turn_real = row_real * col_real[c] - row_imag * col_imag[c]
            turn_imag = row_real * col_imag[c] + row_imag * col_real[c]
            along = real[f] * turn_real - imag[f] * turn_imag
            across = real[f] * turn_imag + imag[f] * turn_real
            weight = strength[f] / (1 + softening * (2 - 2 * along))
            x = by_col[c]
            cosine += weight * along
            weighed += weight
            x1 += weight * x
            x2 += weight * x * x
            s0 += weight * across
            s1 += weight * across * x
        cosines += cosine
        weights += weighed
        a += weighed * y * y
        b += x1 * y
        d += x2
        p -= s0 * y
        q -= s1
    return cosines, weights, a, b, d, p, q


@helper
def _scatter_sums(
    real: NDArray[np.float64],
    imag: NDArray[np.float64],
    strength: NDArray[np.float64],
    starts: NDArray[np.intp],
    first_cols: NDArray[np.intp],
    by_row: NDArray[np.float64],
    by_col: NDArray[np.float64],
    move: tuple[float, float],
) -> tuple[float, float, float, float, float, float, float, float]:
    """At the maximum: cosines, the curvature's entries, and the outer product of the slope.

    Last comes how well the lesser of two directions is determined, 0 to 1: stripes that both images
    share leave the one along them open.
    """
    cosines, a, b, d, aa, bb, dd = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    h, i, j = 0.0, 0.0, 0.0
    for r in range(len(by_row)):
        for f in range(starts[r], starts[r + 1]):
            y, x = by_row[r], by_col[first_cols[r] + f - starts[r]]
            angle = move[0] * y + move[1] * x
            cos, sin = np.cos(angle), np.sin(angle)
            along, across = real[f] * cos - imag[f] * sin, real[f] * sin + imag[f] * cos
            weight, slope = strength[f], across * strength[f]
            cosines += weight * along
            h += weight * along * y * y
            i += weight * along * y * x
            j += weight * along * x * x
            a += weight * y * y
            b += weight * y * x
            d += weight * x * x
            aa += slope * slope * y * y
            bb += slope * slope * y * x
            dd += slope * slope * x * x
    half, apart = (h + j) / 2, np.sqrt(((h - j) / 2) ** 2 + i * i)
    balance = max(half - apart, 0.0) / (half + apart) if half + apart > 0 else 0.0
    return cosines, a, b, d, aa, bb, dd, balance


@compiled(
    "Tuple((float64[:,::1], float64[:,:,::1], float64[::1], float64[::1]))"
    f"({readonly('complex64', 3)}, {readonly('complex64', 3)}, {readonly('int64', 1)}, "
    f"{readonly('boolean', 2)}, {readonly('float64', 2)}, float64, int64)"
)
def fit_planes(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    against: NDArray[np.intp],
    mask: NDArray[np.bool_],
    start: NDArray[np.float64],
    chord: float,
    iterations: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Plane of the phase of each spectrum: shift (n, 2), covariance, coherence, balance.

    The weighted mean cosine of the residual phase is maximised from ``start`` by Newton's method
    with the expected curvature.  In the later rounds a frequency weighs
    1 / (1 + (residual / chord)²), so that a second surface in the window loses its say.
    """
    count, rows, cols = first.shape
    by_row, by_col = np.empty(rows), np.empty(cols)
    for r in range(rows):
        by_row[r] = 2 * np.pi * (r if r < (rows + 1) // 2 else r - rows) / rows
    for c in range(cols):
        by_col[c] = 2 * np.pi * c / rows  # windows are square
    # In a row, the frequencies used follow each other.
    starts, first_cols = np.zeros(rows + 1, np.intp), np.zeros(rows, np.intp)
    for r in range(rows):
        used = 0
        for c in range(cols):
            if mask[r, c]:
                if used == 0:
                    first_cols[r] = c
                used += 1
        starts[r + 1] = starts[r] + used
    real, imag = np.empty(starts[rows]), np.empty(starts[rows])
    strength = np.empty(starts[rows])
    shift, covariance = start.copy(), np.zeros((count, 2, 2))
    coherence, balance = np.zeros(count), np.zeros(count)
    for n in range(count):
        total = 0.0
        for r in range(rows):
            for f in range(starts[r], starts[r + 1]):
                c = first_cols[r] + f - starts[r]
                cross = first[n, r, c] * np.conj(second[against[n], r, c])
                length = np.sqrt(np.float64(cross.real) ** 2 + np.float64(cross.imag) ** 2)
                strength[f] = np.sqrt(np.sqrt(length))
                real[f] = cross.real / length if length > 0 else 0.0
                imag[f] = cross.imag / length if length > 0 else 0.0
                total += strength[f]
        if total <= 0:
            continue
        softening = 0.0
        for number in range(iterations):
            if number == iterations // 2:
                softening = 1 / chord**2
            move = (shift[n, 0], shift[n, 1])
            cosines, weights, a, b, d, p, q = _plane_sums(
                real, imag, strength, starts, first_cols, by_row, by_col, move, softening
            )
            # The expected curvature of the maximum, which noise lowers but doesn't tilt.
            curve = max(cosines / weights, 0.05)
            a, b, d = a * curve * (1 + 1e-9), b * curve, d * curve * (1 + 1e-9)
            det = a * d - b * b
            if det <= 0:
                break
            shift[n, 0] += min(max((d * p - b * q) / det, -0.5), 0.5)
            shift[n, 1] += min(max((a * q - b * p) / det, -0.5), 0.5)
        if det <= 0:
            continue
        move = (shift[n, 0], shift[n, 1])
        cosines, a, b, d, aa, bb, dd, balance[n] = _scatter_sums(
            real, imag, strength, starts, first_cols, by_row, by_col, move
        )
        # All frequencies at their full weight: those that a second surface turned aside count
        # as noise.
        coherence[n] = cosines / total
        curve = max(coherence[n], 0.05)
        a, b, d = a * curve, b * curve, d * curve
        det = a * d - b * b
        if det <= 0:
            continue
        # Sandwich: the taper leaves one independent frequency in 3.78 (the sum of the squared
        # correlations of neighbours under Hann's, in two directions).
        i, j, k = d / det, -b / det, a / det
        covariance[n, 0, 0] = 3.78 * (i * i * aa + 2 * i * j * bb + j * j * dd)
        covariance[n, 0, 1] = 3.78 * (i * j * aa + (i * k + j * j) * bb + j * k * dd)
        covariance[n, 1, 0] = covariance[n, 0, 1]
        covariance[n, 1, 1] = 3.78 * (j * j * aa + 2 * j * k * bb + k * k * dd)
    return shift, covariance, coherence, balance
