"""The first guess: a whole-image shift, on a reduced image, from any offset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from imagery.coregister._match import band_mask, match_windows

Scalar = TypeVar("Scalar", bound=np.generic)

_PEAKS = 3
_APART = 3
"""Pixels around a peak that belong to it."""


@dataclass(frozen=True, kw_only=True)
class CoarseShift:
    """The best whole-pixel move on the reduced image, and how it was supported."""

    shift: tuple[int, int]
    support: float
    """Share of the textured windows that agree with it."""

    windows: int
    """Textured windows that could judge."""


def coarse_shift(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> CoarseShift:
    """The move, (rows, cols), that brings ``moving`` onto ``reference``; both (row, col).

    Candidates are the peaks of two correlations of the whole images, of intensity and of the
    double-angle gradient ``(gx + i gy)²`` (blind to the sign of contrast), and no move at all.
    Windows then vote: the candidate with which most of them agree wins.
    """
    candidates = [(0, 0)]
    for surface in (
        _intensity_correlation(reference, moving, valid),
        _gradient_correlation(reference, moving, valid),
    ):
        candidates += _peaks(surface)
    votes = [_votes(reference, moving, valid, shift=shift) for shift in dict.fromkeys(candidates)]
    return max(votes, key=lambda vote: vote.support * vote.windows)


def _intensity_correlation(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> NDArray[np.float32]:
    rows, cols = reference.shape
    taper = _taper(rows, cols)
    a, b = (
        fft.rfft2(_centred(image, mask) * taper)
        for image, mask in zip((reference, moving), valid, strict=True)
    )
    cross = a * b.conj()
    cross *= band_mask(rows, cols) / np.sqrt(np.abs(cross) + 1e-12)
    surface: NDArray[np.float32] = fft.irfft2(cross, s=(rows, cols))
    return surface


def _gradient_correlation(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
) -> NDArray[np.float32]:
    taper = _taper(*reference.shape)
    spectra = []
    for image, mask in zip((reference, moving), valid, strict=True):
        # One pixel in from the border of the valid area, where a gradient is only the border's.
        inside = ndimage.binary_erosion(mask, iterations=2)
        gradient = (
            ndimage.gaussian_filter(image, 1.0, order=(0, 1))
            + 1j * ndimage.gaussian_filter(image, 1.0, order=(1, 0))
        ) * inside
        double = gradient**2 / np.maximum(np.abs(gradient), 1e-9)
        # The root of the strength keeps a few bright roofs from deciding alone.
        double /= np.sqrt(np.maximum(np.abs(double), 1e-9))
        spectra.append(fft.fft2(double * taper))
    cross = spectra[0] * spectra[1].conj()
    cross /= np.sqrt(np.abs(cross) + 1e-12)
    surface: NDArray[np.float32] = np.real(fft.ifft2(cross)).astype(np.float32)
    return surface


def _taper(rows: int, cols: int) -> NDArray[np.float32]:
    """A cosine edge of an eighth of each side."""

    def ramp(count: int) -> NDArray[np.float64]:
        edge = max(1, count // 8)
        distance = np.minimum(np.arange(count), np.arange(count)[::-1]) + 0.5
        return 0.5 - 0.5 * np.cos(np.pi * np.minimum(distance / edge, 1.0))

    return np.outer(ramp(rows), ramp(cols)).astype(np.float32)


def _centred(image: NDArray[np.float32], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    centred: NDArray[np.float32] = np.where(valid, image - image[valid].mean(), np.float32(0))
    return centred


def _peaks(surface: NDArray[np.float32]) -> list[tuple[int, int]]:
    rows, cols = surface.shape
    left = surface.copy()
    found = []
    for _ in range(_PEAKS):
        row, col = np.unravel_index(int(left.argmax()), left.shape)
        found.append(
            (
                int((row + rows // 2) % rows - rows // 2),
                int((col + cols // 2) % cols - cols // 2),
            )
        )
        near = np.arange(-_APART, _APART + 1)
        left[(row + near[:, None]) % rows, (col + near[None, :]) % cols] = -np.inf
    return found


def _votes(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    shift: tuple[int, int],
) -> CoarseShift:
    """How many windows find no further move of more than 2 px after ``shift``."""
    rows, cols = reference.shape
    moved = _moved(moving, shift)
    moved_valid = _moved(valid[1], shift)
    size = 64 if min(rows, cols) >= 192 else 32
    search = size // 4
    tops = np.arange(search, rows - size - search + 1, size // 2)
    lefts = np.arange(search, cols - size - search + 1, size // 2)
    if not (len(tops) and len(lefts)):
        return CoarseShift(shift=shift, support=0.0, windows=0)
    top, left = (a.ravel() for a in np.meshgrid(tops, lefts, indexing="ij"))
    step = -(-len(top) // 400)  # four hundred windows are enough to vote
    matches = match_windows(
        reference,
        moved,
        (valid[0], moved_valid),
        tops=top[::step],
        lefts=left[::step],
        size=size,
        search=search,
    )
    agree = matches.textured & (np.abs(matches.shift).max(axis=1) <= 2)
    textured = int(matches.textured.sum())
    return CoarseShift(
        shift=shift, support=float(agree.sum() / textured) if textured else 0.0, windows=textured
    )


def _moved(image: NDArray[Scalar], shift: tuple[int, int]) -> NDArray[Scalar]:
    moved = np.zeros_like(image)
    rows, cols = image.shape
    r, c = shift
    if abs(r) >= rows or abs(c) >= cols:
        return moved
    moved[max(r, 0) : rows + min(r, 0), max(c, 0) : cols + min(c, 0)] = image[
        max(-r, 0) : rows + min(-r, 0), max(-c, 0) : cols + min(-c, 0)
    ]
    return moved
