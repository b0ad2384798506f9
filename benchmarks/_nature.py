"""What lies between two images of one ground: cloud, sea, seasons, leaning roofs, the sensor.

Images are float32, (band, row, col), on a scale of 0 to 255.
"""

from __future__ import annotations

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture
from scipy import fft, ndimage

Image = NDArray[np.float32]
Rng = np.random.Generator


def fractal(shape: tuple[int, int], slope: float, rng: Rng) -> Image:
    """A random surface whose power falls as ``frequency ** -slope``; mean 0, deviation 1."""
    noise = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    rows, cols = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :]
    frequency = np.maximum(np.hypot(rows, cols), 1 / max(shape))
    surface = fft.irfft2(noise * frequency ** (-slope / 2), s=shape)
    return ((surface - surface.mean()) / surface.std()).astype(np.float32)


def cloud_over(image: Image, cover: float, rng: Rng) -> tuple[Image, NDArray[np.bool_]]:
    """The image under an opaque cloud of its own texture, and where the ground is still seen."""
    shape = image.shape[1:]
    height = fractal(shape, 3.4, rng)
    edge = 0.15
    cut = np.quantile(height, 1 - cover) if cover < 1 else height.min() - edge
    opacity = np.clip((height - cut) / edge + 1, 0, 1)
    tone = 215 + 16 * fractal(shape, rng.uniform(2.0, 3.0), rng)
    tints = np.array([1.0, 0.99, 0.97, 1.0], np.float32)[: len(image), None, None]
    return image * (1 - opacity) + np.clip(tone, 140, 252) * tints * opacity, opacity < 0.05


def sea(shape: tuple[int, int], rng: Rng, *, wind: float, peak: float, depth: float) -> Image:
    """A draw of waves around a direction; two draws share their spectrum and no wave.

    ``wind`` in radians, ``peak`` the longest waves in px, ``depth`` the deviation in grey values.
    """
    rows, cols = fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])[None, :]
    frequency = np.hypot(rows, cols)
    angle = np.arctan2(rows, cols) - wind
    safe = np.maximum(frequency, 1e-6)
    spectrum = np.exp(-1.25 * (1 / (peak * safe)) ** 4) * safe**-3.5 * np.cos(angle) ** 4
    noise = fft.rfft2(rng.standard_normal(shape))
    waves = fft.irfft2(noise * np.sqrt(spectrum), s=shape)
    waves *= depth / waves.std()
    tints = np.array([26.0, 40.0, 52.0])[:, None, None]
    return (tints + waves * np.array([0.8, 0.9, 1.0])[:, None, None]).astype(np.float32)


def glint(shape: tuple[int, int], wind: float) -> Image:
    """A smooth brightening across the image, the same at every pass of one orbit."""
    rows, cols = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    return (12 * (rows * math.sin(wind) + cols * math.cos(wind))).astype(np.float32)


def noisy(image: Image, rng: Rng, *, deviation: float, blur: float = 0.0) -> Image:
    """With noise, correlated over ``blur`` px, of its own in each band."""
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    if blur:
        noise = ndimage.gaussian_filter(noise, (0, blur, blur))
        noise /= noise.std()
    return np.asarray(image + deviation * noise, dtype=np.float32)


def jpeg(image: Image, quality: int) -> Image:
    """Through JPEG: blocks of 8 px on a lattice from the first pixel."""
    values = np.clip(np.rint(image[:3]), 0, 255).astype(np.uint8)
    packed = io.BytesIO()
    Picture.fromarray(np.moveaxis(values, 0, -1)).save(packed, "JPEG", quality=quality)
    packed.seek(0)
    with Picture.open(packed) as picture:
        return np.moveaxis(np.asarray(picture, dtype=np.float32), -1, 0)


def stripes(shape: tuple[int, int], rng: Rng, *, deviation: float, slant: float) -> Image:
    """The pattern of a push-broom's detectors: constant along lines, ``slant`` of them radians."""
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    across = cols * math.cos(slant) + rows * math.sin(slant)
    gains = (
        rng.normal(0, 1, 2 * sum(shape))
        + np.repeat(rng.normal(0, 0.7, -(-2 * sum(shape) // 96)), 96)[: 2 * sum(shape)]
    )
    pattern = ndimage.map_coordinates(gains, [across + sum(shape) / 2], order=1, mode="nearest")
    return (deviation * pattern).astype(np.float32)


def season(image: Image, rng: Rng, *, strength: float) -> Image:
    """Another season: every class of ground with gains and offsets of its own in each band.

    Classes are quantiles of smoothed brightness and colour; at full strength some turn from darker
    than their neighbours to brighter.
    """
    smooth = ndimage.gaussian_filter(image, (0, 2.0, 2.0))
    bright = smooth.mean(0)
    tint = smooth[0] - smooth[-1] if len(image) > 1 else ndimage.gaussian_filter(bright, 6.0)
    classes = 3 * _quantiles(bright, 3) + _quantiles(tint, 3)
    gains = np.exp(rng.normal(0, 0.45 * strength, (9, len(image))))
    levels = 60 * strength * rng.normal(0, 1, (9, 1)) + 15 * rng.normal(0, 1, (9, len(image)))
    weights = np.stack([ndimage.gaussian_filter((classes == k) * 1.0, 1.0) for k in range(9)])
    gain, level = (np.einsum("krc,kb->brc", weights, table) for table in (gains, levels))
    mean = bright.mean()
    return np.asarray(np.clip((image - mean) * gain + mean + level, 1, 254), dtype=np.float32)


def _quantiles(values: Image, count: int) -> NDArray[np.intp]:
    cuts = np.quantile(values, np.arange(1, count) / count)
    return np.digitize(values, cuts)


def raised(
    shape: tuple[int, int], rng: Rng, *, cover: float, sides: tuple[float, float] = (12, 60)
) -> Image:
    """Heights, from 0 to 1, of flat blocks over a share of the ground."""
    heights = np.zeros(shape, np.float32)
    while (heights > 0).mean() < cover:
        height, width = rng.uniform(*sides, 2)
        top, left = rng.uniform(-10, shape[0]), rng.uniform(-10, shape[1])
        place = np.s_[int(max(top, 0)) : int(top + height), int(max(left, 0)) : int(left + width)]
        heights[place] = rng.uniform(0.3, 1.0)
    return heights


def leaning(heights: Image, lean: tuple[float, float]) -> tuple[Image, NDArray[np.bool_]]:
    """What each pixel of an image shows once blocks lean by ``lean`` times their height, and where
    it shows a block: the lean, (2, row, col), of what is seen there."""
    seen = np.zeros_like(heights)
    for height in np.unique(np.round(heights[heights > 0], 2)):  # the higher ones hide the lower
        block = (np.round(heights, 2) == height).astype(np.float32)
        moved = ndimage.shift(block, np.array(lean) * height, order=1, mode="nearest")
        seen[moved > 0.5] = height
    return np.stack([seen * lean[0], seen * lean[1]]), seen > 0


def orchard(shape: tuple[int, int], rng: Rng, *, period: float) -> Image:
    """Trees in rows at one distance, everywhere alike."""
    rows, cols = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    angle = rng.uniform(0, math.pi)
    u = rows * math.cos(angle) + cols * math.sin(angle)
    v = cols * math.cos(angle) - rows * math.sin(angle)
    trees = (np.cos(2 * np.pi * u / period) + np.cos(2 * np.pi * v / period)) / 2
    grey = 110 - 55 * np.clip(trees, 0, 1)
    return np.stack([grey * t for t in (1.0, 1.1, 0.8)]).astype(np.float32)
