"""The first guess: a whole-image shift, on a reduced image, from any offset."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, special

from imagery.coregister._match import Matches, band_mask, match_windows

_PEAKS = 5
_TALL = 0.6
"""Height of a peak, in units of the highest, at the least: lower ones are no candidates."""

_APART = 3
"""Pixels around a peak that belong to it."""

_SURE = 0.6
"""Share of the windows that must agree for neither edges nor smaller images to be tried."""

_RIVAL = 0.5
"""A move is a rival of the best if so many times as many windows agree with it."""

_PERIOD = 128
"""Farther away than this, px, a move is no rival: rows of trees and of houses repeat more closely,
and no two images come so far from their place by chance."""

_VOTERS = 300
"""Windows that are enough to compare candidates."""

_CHUNK = 128
"""Windows that a task matches."""

NEAR = 2
"""A window agrees that finds no further move of more than so many px."""

MIN_SUPPORT = 0.10
"""Share of textured windows that must agree with one move; unrelated scenes reach 1 to 3 %."""

_CHANCE = 1e-5
"""And so many that chance would bring them together less often than this."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CoarseShift:
    """The best whole-pixel move on the reduced image, and how it was supported."""

    shift: tuple[int, int]
    matches: Matches
    """Windows matched around it, over the whole image."""

    agreeing: int
    """Textured windows that agree with it."""

    chance: float
    """Share of the windows that would agree with a wrong move."""

    rival: tuple[int, int] | None = None
    """Another move with which nearly as many windows agree: what is seen repeats itself."""

    @property
    def windows(self) -> int:
        """Textured windows, which could judge."""
        return int(self.matches.textured.sum())

    @property
    def support(self) -> float:
        """Share of them that agree."""
        return self.agreeing / self.windows if self.windows else 0.0

    @property
    def sure(self) -> bool:
        """Whether most windows agree, so that neither edges nor smaller images need be tried."""
        return self.support >= _SURE and self.significant

    @property
    def significant(self) -> bool:
        """Whether so many agree as chance doesn't bring together."""
        return self.support >= MIN_SUPPORT and self._by_chance(self.agreeing) < _CHANCE

    @property
    def could_tell(self) -> bool:
        """Whether there are so many windows that half of them would be significant."""
        return self._by_chance(self.windows / 2) < _CHANCE

    @property
    def rank(self) -> tuple[bool, float]:
        """What is larger, the more it is to be believed."""
        # Of insignificant ones the first stays, which had most windows to tell.
        return self.significant, self.support if self.significant else 0.0

    def _by_chance(self, agreeing: float) -> float:
        """How often as many windows would agree with a wrong move."""
        # Windows overlap by half: about every second one is a witness of its own.
        witnesses, least = self.windows // 2, agreeing // 2
        if not witnesses or least < 1:
            return 1.0
        # The binomial distribution's upper tail.
        return float(special.betainc(least, witnesses - least + 1, self.chance))


def coarse_shift(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    executor: Executor,
) -> CoarseShift:
    """The move, (rows, cols), that brings ``moving`` onto ``reference``; both (row, col).

    Candidates are the peaks of two correlations of the whole images, of intensity and of the
    double-angle gradient ``(gx + i gy)²`` (blind to the sign of contrast), and no move at all.
    Windows then vote: the candidate with which most of them agree wins.
    """
    vote = partial(_vote, reference, moving, valid)
    images = (reference, valid[0]), (moving, valid[1])
    peaks = _peaks(_intensity_correlation(images, executor))
    shifts = list(dict.fromkeys([(0, 0), *peaks]))
    rough = list(executor.map(partial(vote, most=_VOTERS), shifts))
    best = max(rough, key=lambda found: found.agreeing)
    if not best.sure:
        peaks = _peaks(_gradient_correlation(images, executor))
        # A peak of both correlations is voted on once.
        more = [shift for shift in dict.fromkeys(peaks) if shift not in shifts]
        rough += executor.map(partial(vote, most=_VOTERS), more)
        best = max(rough, key=lambda found: found.agreeing)
    rivals = [
        found.shift
        for found in rough
        if found.significant
        and found.agreeing > _RIVAL * best.agreeing
        and 2 * NEAR < _distance(found.shift, best.shift) <= _PERIOD
    ]
    rival = min(rivals, key=lambda shift: _distance(shift, best.shift)) if rivals else None
    return replace(vote(best.shift, run=executor.map), rival=rival)


def _distance(one: tuple[int, int], other: tuple[int, int]) -> int:
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


_Image = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Values, and where they are valid."""


def _intensity_correlation(
    images: tuple[_Image, _Image], executor: Executor
) -> NDArray[np.float32]:
    one, other = executor.map(_intensity_spectrum, images)
    rows, cols = images[0][0].shape
    other = np.conjugate(other, out=other)
    cross = np.multiply(one, other, out=one)
    cross *= band_mask(rows, cols) / np.sqrt(np.abs(cross) + 1e-12)
    surface: NDArray[np.float32] = fft.irfft2(cross, s=(rows, cols))
    return surface


def _intensity_spectrum(image: _Image) -> NDArray[np.complex64]:
    values, valid = image
    spectrum: NDArray[np.complex64] = fft.rfft2(_centred(values, valid) * _taper(*valid.shape))
    return spectrum


def _gradient_correlation(images: tuple[_Image, _Image], executor: Executor) -> NDArray[np.float32]:
    one, other = executor.map(_gradient_spectrum, images)
    cross = one * other.conj()
    cross /= np.sqrt(np.abs(cross) + 1e-12)
    surface: NDArray[np.float32] = np.real(fft.ifft2(cross)).astype(np.float32)
    return surface


def _gradient_spectrum(image: _Image) -> NDArray[np.complex64]:
    values, valid = image
    # One pixel in from the border of the valid area, where a gradient is only the border's.
    inside = ndimage.binary_erosion(valid, iterations=2)
    gradient = (
        ndimage.gaussian_filter(values, 1.0, order=(0, 1))
        + 1j * ndimage.gaussian_filter(values, 1.0, order=(1, 0))
    ) * inside
    double = gradient**2 / np.maximum(np.abs(gradient), 1e-9)
    # The root of the strength keeps a few bright roofs from deciding alone.
    double /= np.sqrt(np.maximum(np.abs(double), 1e-9))
    spectrum: NDArray[np.complex64] = fft.fft2(double * _taper(*valid.shape))
    return spectrum


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
    left, highest = surface.copy(), float(surface.max())
    found: list[tuple[int, int]] = []
    for _ in range(_PEAKS):
        row, col = np.unravel_index(int(left.argmax()), left.shape)
        if found and left[row, col] < _TALL * highest:
            break
        found.append(
            (
                int((row + rows // 2) % rows - rows // 2),
                int((col + cols // 2) % cols - cols // 2),
            )
        )
        near = np.arange(-_APART, _APART + 1)
        left[(row + near[:, None]) % rows, (col + near[None, :]) % cols] = -np.inf
    return found


def _vote(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    shift: tuple[int, int],
    *,
    most: int | None = None,
    run: Callable[..., Iterable[Any]] = map,
) -> CoarseShift:
    """How many windows, ``most`` of them if given, find no further move after ``shift``.

    ``run`` is what matches chunks of them: ``map``, or that of an executor.
    """
    rows, cols = reference.shape
    size = 64 if min(rows, cols) >= 192 else 32
    search = size // 4
    # Only where the windows of both lie inside their images.
    tops, lefts = (
        np.arange(max(0, move), count - size + min(0, move) + 1, size // 2)
        for count, move in ((rows, shift[0]), (cols, shift[1]))
    )
    top, left = (a.ravel() for a in np.meshgrid(tops, lefts, indexing="ij"))
    every = max(1, -(-len(top) // most)) if most else 1
    top, left = top[::every], left[::every]

    def matched(start: int) -> Matches:
        chunk = slice(start, start + _CHUNK)
        return match_windows(
            reference,
            moving,
            valid,
            tops=top[chunk],
            lefts=left[chunk],
            size=size,
            search=search,
            moves=np.tile(np.array(shift, np.intp), (len(top[chunk]), 1)),
            decoys=0,
        )

    matches = Matches.joined(list(run(matched, range(0, max(1, len(top)), _CHUNK))))
    agree = (
        matches.textured
        & (matches.coherence > 0)
        & (np.abs(matches.shift - shift).max(axis=1) <= NEAR)
    )
    return CoarseShift(
        shift=shift,
        matches=matches,
        agreeing=int(agree.sum()),
        chance=((2 * NEAR + 1) / (2 * search + 1)) ** 2,
    )
