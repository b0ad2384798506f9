"""Sub-pixel shifts of many windows at once, from the phase of their cross-power spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

LOWEST, HIGHEST = 0.02, 0.35
"""Frequencies used, in cycles/px: below is illumination, above is aliased and noise."""

_WHITENING = 0.25
"""Power of a frequency's strength that remains its weight: 0 is pure phase, which noise drowns;
1 is plain correlation, which large bright fields alone decide."""

_ITERATIONS = 8
_CAUCHY = 0.6
"""Phase residual, in radians, at which a frequency's weight has halved, in the later rounds."""

_MIN_COMMON = 0.6
"""Share of a window that must be valid in both scenes."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """Shifts of windows: the move, (rows, cols) in px, that brings ``moving`` onto ``reference``.

    All arrays have one entry a window, in the order of the windows asked for.
    """

    row: NDArray[np.float64]
    col: NDArray[np.float64]
    """Centre of each window, in the frame of the arrays."""

    shift: NDArray[np.float64]
    """Shape (windows, 2)."""

    covariance: NDArray[np.float64]
    """Shape (windows, 2, 2), in px²: curvature of the phase fit times its residual."""

    coherence: NDArray[np.float64]
    """Length of the mean aligned phase vector, 0 (unrelated) to 1 (the same)."""

    textured: NDArray[np.bool_]
    """Whether both windows hold structure above their noise, and enough valid pixels."""


def match_windows(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    size: int,
    search: int,
    against: NDArray[np.intp] | None = None,
) -> Matches:
    """Measure the shift of square windows of two images of one frame.

    A whole-pixel peak of the whitened cross-power spectrum (Kuglin & Hines 1975) comes first; the
    moving window is then cut there anew, and the plane of its phase is fitted (Stone et al. 2001,
    IEEE TGRS 39(10), eq. 7) by maximising the mean cosine of the residual phase.  Least squares of
    the wrapped phase would be drawn to whole pixels where noise is strong.

    Parameters
    ----------
    reference, moving
        Images of one shape (row, col), float32; values under invalid pixels are not used.
    valid
        True where usable, of ``reference`` and ``moving``.
    tops, lefts
        First row and column of each window; every window must stay ``search`` px inside.
    size
        Side of a window in px.
    search
        Largest whole-pixel move looked for, in px, at most half of ``size``.
    against
        For each window of ``reference``, the number of the window of ``moving`` to match it with;
        its own by default.  Another place's windows tell what coherence unrelated ground reaches.
    """
    own_tops, own_lefts = tops, lefts
    if against is not None:
        own_tops, own_lefts = tops[against], lefts[against]
    view = np.lib.stride_tricks.sliding_window_view
    taper = _hann(size)
    first = view(reference, (size, size))[tops, lefts]
    first_valid = view(valid[0], (size, size))[tops, lefts]
    views = view(moving, (size, size)), view(valid[1], (size, size))
    a = _spectrum(first, first_valid, taper)
    b = _spectrum(views[0][own_tops, own_lefts], views[1][own_tops, own_lefts], taper)
    whole = _whole_pixel_peak(a * b.conj(), size=size, search=search)
    moved_tops, moved_lefts = own_tops - whole[:, 0], own_lefts - whole[:, 1]
    second = views[0][moved_tops, moved_lefts]
    second_valid = views[1][moved_tops, moved_lefts]
    common = first_valid & second_valid
    a, b = _spectrum(first, common, taper), _spectrum(second, common, taper)
    fraction, covariance, coherence = _phase_plane(a * b.conj(), size=size)
    textured = (
        (common.mean(axis=(1, 2)) >= _MIN_COMMON) & _structured(a, size) & _structured(b, size)
    )
    return Matches(
        row=tops.astype(np.float64) + (size - 1) / 2,
        col=lefts.astype(np.float64) + (size - 1) / 2,
        shift=whole + fraction,
        covariance=covariance,
        coherence=coherence,
        textured=textured,
    )


def frequencies(rows: int, cols: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Row and column frequencies, in cycles/px, of a real transform; they broadcast."""
    return (
        np.fft.fftfreq(rows).astype(np.float32)[:, None],
        np.fft.rfftfreq(cols).astype(np.float32)[None, :],
    )


def band_mask(rows: int, cols: int) -> NDArray[np.bool_]:
    """True at the frequencies that carry position."""
    by_row, by_col = frequencies(rows, cols)
    radius = np.hypot(by_row, by_col)
    lowest = max(LOWEST, 1.5 / min(rows, cols))
    return (radius >= lowest) & (radius <= HIGHEST)


def _hann(size: int) -> NDArray[np.float32]:
    ramp = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    return np.outer(ramp, ramp).astype(np.float32)


def _spectrum(
    windows: NDArray[np.float32], valid: NDArray[np.bool_], taper: NDArray[np.float32]
) -> NDArray[np.complex64]:
    weight = taper * valid
    total = weight.sum(axis=(1, 2), keepdims=True)
    mean = (windows * weight).sum(axis=(1, 2), keepdims=True) / np.maximum(total, 1e-6)
    spectrum: NDArray[np.complex64] = fft.rfft2((windows - mean) * weight).astype(np.complex64)
    return spectrum


def _whole_pixel_peak(cross: NDArray[np.complex64], *, size: int, search: int) -> NDArray[np.intp]:
    whitened = cross * band_mask(size, size) * (np.abs(cross) + 1e-12) ** (_WHITENING - 1)
    surface = fft.irfft2(whitened, s=(size, size))
    reach = np.arange(-search, search + 1)
    near = surface[:, reach[:, None], reach[None, :]].reshape(len(surface), -1)
    best = near.argmax(axis=1)
    return np.stack([reach[best // len(reach)], reach[best % len(reach)]], axis=1)


def _phase_plane(
    cross: NDArray[np.complex64], *, size: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Shift (n, 2), covariance (n, 2, 2) and coherence (n,) from cross-power spectra."""
    by_row, by_col = frequencies(size, size)
    mask = band_mask(size, size)
    k = 2 * np.pi * np.stack([np.broadcast_to(f, mask.shape)[mask] for f in (by_row, by_col)])
    flat = cross[:, mask]
    strength = np.abs(flat) ** _WHITENING
    unit = flat / (np.abs(flat) + 1e-12)
    total = np.maximum(strength.sum(axis=1), 1e-12)
    spread = np.einsum("nf,if,jf->nij", strength, k, k, optimize=True)
    shift, weight = np.zeros((len(flat), 2)), strength
    for number in range(_ITERATIONS):
        # Moving by t turns the phase by -k.t; what is left over is fitted again.
        turned = unit * np.exp(1j * (shift @ k).astype(np.float32))
        if number >= _ITERATIONS // 2:
            # Near the maximum, what a second surface in the window says loses its weight.
            weight = strength / (1 + (np.angle(turned) / _CAUCHY) ** 2)
            spread = np.einsum("nf,if,jf->nij", weight, k, k, optimize=True)
        agreement = (weight * turned.real).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-12)
        # The expected curvature of the maximum, which noise lowers but doesn't tilt.
        curvature = np.maximum(agreement, 0.05)[:, None, None] * spread
        slope = -np.einsum("nf,nf,if->ni", weight, turned.imag, k, optimize=True)
        shift += np.clip(_solve(curvature, slope), -0.5, 0.5)
    turned = unit * np.exp(1j * (shift @ k).astype(np.float32))
    coherence = (strength * turned.real).sum(axis=1) / total
    scatter = (weight * turned.imag) ** 2
    # The taper leaves about one independent frequency in 2.25 (Hann, in two directions).
    middle = 2.25 * np.einsum("nf,if,jf->nij", scatter, k, k, optimize=True)
    inverse = np.linalg.pinv(np.maximum(coherence, 0.05)[:, None, None] * spread)
    return shift, inverse @ middle @ inverse, coherence


def _solve(normal: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    ridge = 1e-9 * (1 + np.trace(normal, axis1=1, axis2=2))[:, None, None] * np.eye(2)
    solved: NDArray[np.float64] = np.linalg.solve(normal + ridge, right[..., None])[..., 0]
    return solved


def _structured(spectrum: NDArray[np.complex64], size: int) -> NDArray[np.bool_]:
    """Whether the frequencies used stand above those where only noise is left."""
    by_row, by_col = frequencies(size, size)
    radius = np.hypot(by_row, by_col)
    power = np.abs(spectrum) ** 2
    signal = power[:, band_mask(size, size) & (radius < 0.25)].mean(axis=1)
    noise = power[:, radius > 0.45].mean(axis=1)
    found: NDArray[np.bool_] = (signal > 3 * noise) & (signal > 0)
    return found
