"""From reflectance to counts: point spread, sampling, cloud, haze, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d, map_coordinates

from imagery.simulate._frame import MARGIN, OVERSAMPLING
from imagery.simulate._ground import Plane
from imagery.simulate._passes import Pass

MAX_COUNT = 2047
"""Eleven bits, as the sensors of this class deliver."""


def spread_kernel(psf: float) -> NDArray[np.float64]:
    """The one-dimensional point spread on the scene's lattice, symmetric.

    A Gaussian of ``psf`` image pixels and the aperture of the detector, one image pixel wide.
    """
    sigma = psf * OVERSAMPLING
    reach = int(np.ceil(3.0 * sigma))
    x = np.arange(-reach, reach + 1)
    gauss = np.exp(-0.5 * (x / sigma) ** 2)
    kernel: NDArray[np.float64] = np.convolve(gauss / gauss.sum(), [0.25, 0.5, 0.25])
    return kernel


def spline_kernel(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel followed by the inverse of the cubic B-spline.

    Filtering with it gives the coefficients that cubic interpolation needs, in the one pass that
    the point spread costs anyway.  The inverse has the impulse response
    ``-6 z / (1 - z^2) z^|k|`` with z = sqrt(3) - 2 (Unser 1999, IEEE Sig. Proc. Mag. 16(6), 22),
    below 1e-4 beyond seven samples.
    """
    pole = np.sqrt(3.0) - 2.0
    k = np.abs(np.arange(-7, 8))
    inverse = -6 * pole / (1 - pole**2) * pole**k
    longer: NDArray[np.float64] = np.convolve(kernel, inverse / inverse.sum())
    return longer


def sample_lattice(scene: Plane, size: int, psf: float) -> Plane:
    """The image on the scene's own lattice: blurred and taken at every second pixel."""
    kernel = spread_kernel(psf)
    first = MARGIN * OVERSAMPLING
    taken = slice(first, first + size * OVERSAMPLING, OVERSAMPLING)
    rows = np.zeros((size, scene.shape[1]), dtype=np.float32)
    for weight, move in zip(kernel.astype(np.float32), _moves(kernel), strict=True):
        # Only the rows that are taken are worth filtering.
        rows += weight * scene[first + move : first + move + size * OVERSAMPLING : OVERSAMPLING]
    image: Plane = correlate1d(rows, kernel, axis=1, mode="nearest")[:, taken]
    return image


def _moves(kernel: NDArray[np.float64]) -> range:
    return range(-(kernel.size // 2), kernel.size // 2 + 1)


def sample_moved(scene: Plane, origin: NDArray[np.float64], psf: float) -> Plane:
    """The image whose pixels show the places ``origin`` (rows, cols) of the other image."""
    kernel = spline_kernel(spread_kernel(psf))
    rows = correlate1d(scene, kernel, axis=0, mode="nearest")
    coefficients = correlate1d(rows, kernel, axis=1, mode="nearest")
    where = (origin + MARGIN) * OVERSAMPLING
    image: Plane = map_coordinates(
        coefficients, where, order=3, mode="nearest", prefilter=False, output=np.float32
    )
    return image


def wave_field(size: int, rng: np.random.Generator) -> Plane:
    """A very smooth field between about -1 and 1, of shape (size, size)."""
    at = np.linspace(0.0, 1.0, size, dtype=np.float32)
    field = np.zeros((size, size), dtype=np.float32)
    for _ in range(4):
        down, right = rng.uniform(-5, 5, 2).astype(np.float32)
        y, x = down * at[:, None], right * at[None, :] + np.float32(rng.uniform(0, 6.28))
        # sin(y + x), whose sines are of lines instead of planes.
        field += np.sin(y) * np.cos(x)
        field += np.cos(y) * np.sin(x)
    field /= 4
    return field


def record(
    sample: Callable[[int], Plane],
    view: Pass,
    rng: np.random.Generator,
    *,
    cloud: Plane | None = None,
    cloud_shadow: Plane | None = None,
) -> NDArray[np.uint16]:
    """Turn four bands of reflectance into counts of at least 1.

    Parameters
    ----------
    sample
        Gives the reflectance of a band at the image's pixels, of shape (row, col).
    view
        Gain, haze and noise.
    rng
        Source of the noise.
    cloud, cloud_shadow
        Opacity of a cloud and of its shadow, from 0 to 1.
    """
    bands: list[NDArray[np.uint16]] = []
    haze: Plane | None = None
    for band in range(4):
        image = sample(band)
        if cloud_shadow is not None:
            # What the sky still gives: most in the blue, least in the near infrared.
            image *= 1 - cloud_shadow * (0.42, 0.48, 0.52, 0.58)[band]
        if cloud is not None:
            image += cloud * ((0.60, 0.60, 0.60, 0.62)[band] - image)
        if haze is None:
            # One air for all bands: how much each sees of it is its offset.
            haze = wave_field(image.shape[0], rng)
        image *= view.gain[band]
        image += view.offset[band] * (1 + view.haze * haze)
        spread = np.sqrt(view.read_noise**2 + view.shot_noise * np.maximum(image, 0))
        image += spread * rng.standard_normal(image.shape, dtype=np.float32)
        bands.append(np.clip(np.rint(image), 1, MAX_COUNT).astype(np.uint16))
    return np.stack(bands)
