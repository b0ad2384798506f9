"""A light pair of textures in memory, with a known shift."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.errors import UsageError

_MEAN = 10.0
_COMMON = 0.8
"""Weight of the texture that all bands share; each has its own beside it."""

_BLUR = 0.8
"""Standard deviation of the point spread in pixels: at the Nyquist frequency 4 % pass, so that a
Fourier shift rings little."""


@dataclass(frozen=True, eq=False)
class TexturedPair:
    """Two images of a texture, and where they differ."""

    before: NDArray[np.float32]
    """Values, of shape (band, row, col)."""

    after: NDArray[np.float32]
    """Values, of shape (band, row, col)."""

    changed: NDArray[np.bool_]
    """True where something was planted, on the grid of ``before``, of shape (row, col)."""


def textured_pair(
    *,
    shape: tuple[int, int] = (512, 512),
    bands: int = 1,
    shift: tuple[float, float] = (0.0, 0.0),
    seed: int = 0,
    noise: float = 0.0,
    gain: float = 1.0,
    offset: float = 0.0,
    changes: int = 0,
) -> TexturedPair:
    """Make a pair of random textures with a known shift.

    Parameters
    ----------
    shape
        Rows and columns.
    bands
        Number of bands; they resemble each other as those of one sensor do.
    shift
        Rows and columns, in pixels, by which ``after`` must be moved to lie on ``before``:
        ``before(p) = after(p - shift)``.
    seed
        Seed of all chance.  The texture doesn't depend on ``shift`` (up to some tens of pixels),
        ``noise``, ``gain``, ``offset`` or ``changes``.
    noise
        Standard deviation of white noise that is added to either image, independently; the texture
        has a standard deviation of about 1 around a mean of 10.
    gain, offset
        ``after`` becomes gain x after + offset, before its noise.
    changes
        Number of rectangles, of 6 to 24 px a side and at most a quarter of the image's, planted in
        ``after``.  They may overlap.

    Returns
    -------
    TexturedPair
        float32 images, and the mask of the rectangles.

    Raises
    ------
    UsageError
        If the shape, the bands, the noise, the seed or the changes are not possible.

    Notes
    -----
    The spectrum's amplitude falls with frequency as that of natural scenes (Field 1987, J. Opt.
    Soc. Am. A 4, 2379).  Both images are cut from a larger periodic texture that the Fourier shift
    theorem moves, so that no content is interpolated and none wraps around.
    """
    if min(shape) < 1 or bands < 1 or min(changes, seed) < 0 or not noise >= 0:
        raise UsageError(
            "a textured pair of this kind cannot be made",
            found=f"shape {shape}, bands {bands}, changes {changes}, noise {noise}, seed {seed}",
            needed="shape and bands of 1 or more; changes, noise and seed of 0 or more",
        )
    texture_rng, change_rng, noise_rng = np.random.default_rng(seed).spawn(3)
    margin = 32 * math.ceil((max(abs(shift[0]), abs(shift[1])) + 16) / 32)
    rows, cols = (_even(size + 2 * margin) for size in shape)
    inside = slice(margin, margin + shape[0]), slice(margin, margin + shape[1])

    down = np.fft.fftfreq(rows)[:, None]
    right = np.fft.rfftfreq(cols)[None, :]
    frequency = np.hypot(down, right)
    blur = np.exp(-2 * (np.pi * _BLUR * frequency) ** 2)
    # after(q) = texture(q + shift): then after(p - shift) = texture(p).
    moved = np.exp(2j * np.pi * (down * shift[0] + right * shift[1]))
    rectangles, changed = _rectangles(shape, changes, bands, change_rng)

    common = _spectrum(frequency, texture_rng, (rows, cols))
    before, after = np.empty((2, bands, *shape), dtype=np.float32)
    for band in range(bands):
        own = _spectrum(frequency, texture_rng, (rows, cols))
        spectrum = _COMMON * common + math.sqrt(1 - _COMMON**2) * own
        before[band] = _MEAN + np.fft.irfft2(spectrum * blur, s=(rows, cols))[inside]
        if changes:
            planted = np.zeros((rows, cols))
            planted[inside] = rectangles[band]
            spectrum = spectrum + np.fft.rfft2(planted)
        content = _MEAN + np.fft.irfft2(spectrum * blur * moved, s=(rows, cols))[inside]
        after[band] = gain * content + offset
    if noise > 0:
        before += noise * noise_rng.standard_normal(before.shape, dtype=np.float32)
        after += noise * noise_rng.standard_normal(after.shape, dtype=np.float32)
    return TexturedPair(before, after, changed)


def _even(size: int) -> int:
    """The next multiple of 32: quick to transform."""
    return -(-size // 32) * 32


def _spectrum(
    frequency: NDArray[np.float64], rng: np.random.Generator, shape: tuple[int, int]
) -> NDArray[np.complex128]:
    """Transform of a field of mean 0 and standard deviation 1 with power at every scale."""
    weight = np.zeros_like(frequency)
    weight[frequency > 0] = frequency[frequency > 0] ** -0.9
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal(shape)) * weight, s=shape)
    spectrum: NDArray[np.complex128] = np.fft.rfft2(field / field.std())
    return spectrum


def _rectangles(
    shape: tuple[int, int], changes: int, bands: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What is added to each band, of shape (band, row, col), and where."""
    added = np.zeros((bands, *shape))
    changed = np.zeros(shape, dtype=bool)
    for _ in range(changes):
        sides = [min(int(rng.integers(6, 25)), max(1, size // 4)) for size in shape]
        top, left = (
            int(rng.integers(0, size - side + 1)) for size, side in zip(shape, sides, strict=True)
        )
        where = slice(top, top + sides[0]), slice(left, left + sides[1])
        sign = 1.0 if rng.random() < 0.5 else -1.0
        strength = sign * rng.uniform(4.0, 6.0) * rng.uniform(0.8, 1.2, bands)
        added[(slice(None), *where)] = strength[:, None, None]
        changed[where] = True
    return added, changed
