"""Sub-pixel shifts of many windows at once, from the phase of their cross-power spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from imagery.coregister._spectra import (
    cut_windows,
    fit_planes,
    highest_near,
    structure,
    whitened_products,
)

_Scalar = TypeVar("_Scalar", bound=np.generic)

LOWEST, HIGHEST = 0.02, 0.35
"""Frequencies used, in cycles/px: below is illumination, above is aliased and noise."""

_ITERATIONS = 6
_CHORD = 0.6
"""Residual of the phase, as a chord of the unit circle, at which a frequency's weight has halved,
in the later rounds."""

MIN_COMMON = 0.6
"""Share of a window that must be valid in both scenes."""

_STRUCTURE = 3.0
"""A window has texture where its power stands so many times above that of the noise."""

BALANCE = 0.1
"""Curvature of a match's maximum along its lesser direction, in units of that along the other, at
the least: stripes of a sensor, or a road, fit all along themselves."""

_BATCH = 64
"""Windows transformed at a time: 64 of 64 px fill a processor's cache."""

DECOYS = 128
"""Decoys a call, about."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """Shifts of windows: the move, (rows, cols) in px, that brings ``moving`` onto ``reference``.

    All arrays but the last have one entry a window, in the order of the windows asked for.
    """

    row: NDArray[np.float64]
    col: NDArray[np.float64]
    """Centre of each window, in the frame of the arrays."""

    shift: NDArray[np.float64]
    """Shape (windows, 2)."""

    covariance: NDArray[np.float64]
    """Shape (windows, 2, 2), in px²: what the fit alone tells of its own error."""

    coherence: NDArray[np.float64]
    """How well the windows agree once moved; of phases, the length of the mean aligned vector."""

    textured: NDArray[np.bool_]
    """Whether both windows hold structure above their noise, and enough valid pixels."""

    decoys: NDArray[np.float64]
    """The coherence of windows matched with another place's; fewer than there are windows."""

    @classmethod
    def joined(cls, parts: Sequence[Matches]) -> Matches:
        """Those of one or more sets, in their order."""
        return cls(
            **{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(cls)}
        )


def match_windows(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    size: int,
    search: int,
    moves: NDArray[np.intp] | None = None,
    decoys: int = DECOYS,
) -> Matches:
    """Measure the shift of square windows of two images of one frame.

    A whole-pixel peak of the whitened cross-power spectrum (Kuglin & Hines 1975) comes first; the
    moving window is then cut there anew, and the plane of its phase is fitted (Stone et al. 2001,
    IEEE TGRS 39(10), eq. 7) by maximising the mean cosine of the residual phase.  Least squares of
    the wrapped phase would be drawn to whole pixels where noise is strong.

    Windows are also matched with those of other places: what coherence unrelated ground
    reaches tells which matches to believe.

    Parameters
    ----------
    reference, moving
        Images of one shape (row, col), float32; values under invalid pixels are not used.
    valid
        True where usable, of ``reference`` and ``moving``.
    tops, lefts
        First row and column of each window in ``reference``.
    size
        Side of a window in px.
    search
        Largest whole-pixel move looked for around ``moves``, in px, at most half of ``size``.
    moves
        The whole-pixel move from which the search of each window starts; shape (windows, 2).
    decoys
        How many windows, about, to match with those of other places too.
    """
    reference, moving = np.ascontiguousarray(reference), np.ascontiguousarray(moving)
    valid = np.ascontiguousarray(valid[0]), np.ascontiguousarray(valid[1])
    tops, lefts = np.ascontiguousarray(tops), np.ascontiguousarray(lefts)
    taper = _hann(size)
    own = np.arange(len(tops))
    moves = np.zeros((len(tops), 2), np.intp) if moves is None else np.array(moves, order="C")
    first, second, share = _spectra(reference, moving, valid, tops, lefts, moves, taper)
    whole = _peaks(first, second, own, search)
    away = np.flatnonzero(whole.any(axis=1))
    if len(away):
        moves[away] += whole[away]
        first[away], second[away], share[away] = _spectra(
            reference, moving, valid, tops[away], lefts[away], moves[away], taper
        )
    mask = band_mask(size, size)
    still = np.zeros((len(tops), 2))
    fraction, covariance, coherence, balance = fit_planes(
        first, second, own, mask, still, _CHORD, _ITERATIONS
    )
    textured = _textured(first, second, share, size)
    chosen = decoy_pairs(tops, lefts, textured, size=size, most=decoys)
    return Matches(
        row=tops.astype(np.float64) + (size - 1) / 2,
        col=lefts.astype(np.float64) + (size - 1) / 2,
        shift=moves + fraction,
        covariance=covariance,
        # What one direction alone tells is no place.
        coherence=np.where(balance >= BALANCE, coherence, 0.0),
        decoys=_decoys(first, second, *chosen, search=search),
        textured=textured,
    )


def _decoys(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    chosen: NDArray[np.intp],
    other: NDArray[np.intp],
    *,
    search: int,
) -> NDArray[np.float64]:
    """Coherence of windows matched with windows that share no ground with them."""
    if not len(chosen):
        return np.zeros(0)
    one = np.ascontiguousarray(first[chosen])
    start = _peaks(one, second, other, search).astype(np.float64)
    mask = band_mask(one.shape[1], one.shape[1])
    coherence: NDArray[np.float64] = fit_planes(
        one, second, other, mask, start, _CHORD, _ITERATIONS
    )[2]
    return coherence


def decoy_pairs(
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    textured: NDArray[np.bool_],
    *,
    size: int,
    most: int,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of windows, and of windows of another place to match them with; both textured.

    Of ``most`` of them, about.
    """
    count = len(tops)
    # As far apart in the list as can be: windows come in rows.
    against = np.roll(np.arange(count), count // 2)
    apart = np.maximum(np.abs(tops - tops[against]), np.abs(lefts - lefts[against])) >= size
    chosen = np.flatnonzero(textured & textured[against] & apart)
    chosen = chosen[:: max(1, len(chosen) // most)] if most else chosen[:0]
    return chosen, against[chosen]


def textured_windows(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    *,
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    size: int,
    moves: NDArray[np.intp],
) -> NDArray[np.bool_]:
    """Whether both windows of each place hold structure, and enough valid pixels."""
    images = np.ascontiguousarray(reference), np.ascontiguousarray(moving)
    masks = np.ascontiguousarray(valid[0]), np.ascontiguousarray(valid[1])
    moves = np.ascontiguousarray(moves)
    spectra = _spectra(*images, masks, tops, lefts, moves, _hann(size))
    return _textured(*spectra, size)


def _textured(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    share: NDArray[np.float64],
    size: int,
) -> NDArray[np.bool_]:
    return np.asarray((share >= MIN_COMMON) & _structured(first, size) & _structured(second, size))


def _spectra(
    reference: NDArray[np.float32],
    moving: NDArray[np.float32],
    valid: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    moves: NDArray[np.intp],
    taper: NDArray[np.float32],
) -> tuple[NDArray[np.complex64], NDArray[np.complex64], NDArray[np.float64]]:
    """Spectra of both windows of each place, and the share of it that both show."""
    size = len(taper)
    shape = len(tops), size, size // 2 + 1
    first, second = np.empty(shape, np.complex64), np.empty(shape, np.complex64)
    share = np.empty(len(tops))
    for start in range(0, len(tops), _BATCH):
        batch = slice(start, start + _BATCH)
        one, two, share[batch] = cut_windows(
            reference, moving, *valid, tops[batch], lefts[batch], moves[batch], taper
        )
        first[batch] = fft.rfft2(one)
        second[batch] = fft.rfft2(two)
    return first, second, share


def _peaks(
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    against: NDArray[np.intp],
    search: int,
) -> NDArray[np.intp]:
    """The whole-pixel move at which each whitened correlation is highest; shape (windows, 2)."""
    size = first.shape[1]
    mask = band_mask(size, size)
    found = np.empty((len(first), 2), np.intp)
    for start in range(0, len(first), _BATCH):
        batch = slice(start, start + _BATCH)
        products = whitened_products(first[batch], second, against[batch], mask)
        found[batch] = highest_near(fft.irfft2(products, s=(size, size)), search)
    return found


def frequencies(rows: int, cols: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Row and column frequencies, in cycles/px, of a real transform; they broadcast."""
    return (
        np.fft.fftfreq(rows).astype(np.float32)[:, None],
        np.fft.rfftfreq(cols).astype(np.float32)[None, :],
    )


@lru_cache(maxsize=8)
def band_mask(rows: int, cols: int) -> NDArray[np.bool_]:
    """True at the frequencies that carry position."""
    by_row, by_col = frequencies(rows, cols)
    radius = np.hypot(by_row, by_col)
    lowest = max(LOWEST, 1.5 / min(rows, cols))
    return _kept((radius >= lowest) & (radius <= HIGHEST))


@lru_cache(maxsize=8)
def _signal_and_noise(size: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The frequencies used that hold most of a scene, and those where only noise is left."""
    radius = np.hypot(*frequencies(size, size))
    return _kept(band_mask(size, size) & (radius < 0.25)), _kept(radius > 0.45)


@lru_cache(maxsize=8)
def _hann(size: int) -> NDArray[np.float32]:
    ramp = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(size) + 0.5) / size)
    return _kept(np.outer(ramp, ramp).astype(np.float32))


def _kept(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """An array that all calls share: not to be written into."""
    array.flags.writeable = False
    return array


def _structured(spectra: NDArray[np.complex64], size: int) -> NDArray[np.bool_]:
    """Whether the frequencies used stand above those where only noise is left."""
    ratio = structure(spectra, *_signal_and_noise(size))
    return np.asarray(ratio > _STRUCTURE)
