"""Difference measures: from two aligned, normalised scenes to a score for each pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 10
_TRIM = 0.75
"""Share of the pixels, the least changed, that the noise is estimated from."""

_PIECE = 8192
"""Pixels compared at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """What unchanged pixels differ by: the mean and covariance of the difference, per band."""

    mean: NDArray[np.float64]
    """Shape (bands,)."""

    covariance: NDArray[np.float64]
    """Shape (bands, bands), in squared units of the earlier scene."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The result of a difference measure, of the pixels' shape."""

    score: NDArray[np.float32]
    """How much a pixel differs, 0 for not at all, in standard deviations of the noise."""

    signed: NDArray[np.float32]
    """Mean difference over the bands in the same unit: above 0 where the later is brighter."""


def fit_noise(difference: NDArray[np.float32], *, quantisation: NDArray[np.float64]) -> Noise:
    """Mean and covariance of the difference on unchanged pixels.

    Parameters
    ----------
    difference
        Later minus earlier, shape (bands, pixels).
    quantisation
        Variance of each band's rounding to stored values, a floor under its noise; shape (bands,).

    Notes
    -----
    The covariance is that of the three quarters of the pixels with the smallest Mahalanobis
    distance, found by concentration steps (Rousseeuw & Van Driessen 1999) and scaled so that its
    median distance is that of the Gaussian.
    """
    d = difference.astype(np.float64)
    bands = len(d)
    mean = np.median(d, axis=1)
    spread = 1.4826 * np.median(np.abs(d - mean[:, None]), axis=1)
    floor = np.diag(np.maximum(quantisation, 1e-20))
    covariance = np.diag(spread**2) + floor
    expected = _chi2_median(bands)
    for _ in range(_ROUNDS):
        distance = _mahalanobis(d - mean[:, None], covariance)
        core = distance <= np.quantile(distance, _TRIM)
        mean = d[:, core].mean(axis=1)
        shape = np.atleast_2d(np.cov(d[:, core])) if core.sum() > bands + 1 else covariance
        shape = shape + 1e-9 * np.trace(shape) * np.eye(bands) + 1e-3 * floor
        middle = float(np.median(_mahalanobis(d - mean[:, None], shape)))
        covariance = shape * (middle / expected) + floor
    return Noise(mean=mean, covariance=covariance)


def change_vector(
    difference: NDArray[np.float32], spill: NDArray[np.float32], noise: Noise
) -> Scores:
    """Length of the change vector in units of its own noise.

    Change vector analysis (Malila 1980) with the noise's covariance instead of the bands' units,
    and widened, at edges, by what the expected misregistration makes of the gradient there:
    ``T² = dᵀ [Σ + σ² (g_r g_rᵀ + g_c g_cᵀ)]⁻¹ d`` with the residual registration error σ in px.

    Parameters
    ----------
    difference
        Later minus earlier, shape (bands, ...).
    spill
        What one standard error of the alignment along rows and along cols changes, shape
        (2, bands, ...): the gradient times that error.
    noise
        From :func:`fit_noise`.
    """
    bands = len(difference)
    whiten = np.linalg.inv(np.linalg.cholesky(noise.covariance))
    d, g = difference.reshape(bands, -1), spill.reshape(2, bands, -1)
    mean = noise.mean[:, None]
    score = np.empty(d.shape[1], np.float32)
    # In 64 bits, because an edge far above the noise leaves a small difference of large terms; in
    # pieces that the processor's cache holds, which costs no more than 32 bits did.
    for start in range(0, len(score), _PIECE):
        piece = slice(start, start + _PIECE)
        z = whiten @ (d[:, piece] - mean)
        u, v = whiten @ g[:, :, piece]
        score[piece] = np.sqrt(_unexplained(z, u, v))
    return Scores(score=score.reshape(difference.shape[1:]), signed=_signed(difference, noise))


def _unexplained(
    z: NDArray[np.float64], u: NDArray[np.float64], v: NDArray[np.float64]
) -> NDArray[np.float64]:
    """``zᵀ [I + u uᵀ + v vᵀ]⁻¹ z`` for columns of shape (bands, pixels).

    By Woodbury's identity, first for u, then for v: no matrix is inverted pixel by pixel.
    """
    zz, zu, zv, uu, uv, vv = (
        np.einsum("bp,bp->p", a, b) for a, b in ((z, z), (z, u), (z, v), (u, u), (u, v), (v, v))
    )
    # Never below 1, but for rounding where u and v are long and parallel.
    rest = np.maximum(1 + vv - uv * uv / (1 + uu), 1)
    squared = zz - zu * zu / (1 + uu) - (zv - uv * zu / (1 + uu)) ** 2 / rest
    return np.asarray(np.maximum(squared, 0))


def mean_difference(
    difference: NDArray[np.float32], spill: NDArray[np.float32], noise: Noise
) -> Scores:
    """Absolute mean of the bands' differences, each in units of its noise (Singh 1989, sec. 2.1).

    Univariate image differencing: for one band, or where only brightness counts.
    """
    signed = _signed(difference, noise)
    return Scores(score=np.abs(signed), signed=signed)


def _signed(difference: NDArray[np.float32], noise: Noise) -> NDArray[np.float32]:
    """Mean over the bands of the difference in standard deviations."""
    weight = 1 / np.sqrt(np.diag(noise.covariance)) / len(difference)
    signed = np.tensordot(weight.astype(np.float32), difference, axes=1)
    return np.asarray(signed - np.float32(weight @ noise.mean), np.float32)


def _mahalanobis(
    centred: NDArray[np.float64], covariance: NDArray[np.float64]
) -> NDArray[np.float64]:
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), centred)
    return np.asarray((whitened**2).sum(axis=0))


def _chi2_median(degrees: int) -> float:
    from scipy.special import chdtri

    return float(chdtri(degrees, 0.5))


Measure = Callable[[NDArray[np.float32], NDArray[np.float32], Noise], Scores]

METHODS: Mapping[str, Measure] = {"cva": change_vector, "difference": mean_difference}
