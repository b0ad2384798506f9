"""A difference in units of what noise and an expected misalignment make of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imagery.difference import Noise

Floats = NDArray[np.float32]


def whitened(values: Floats, noise: Noise) -> Floats:
    """Vectors, shape (..., bands, row, col), in units in which the noise has the identity."""
    root = np.linalg.inv(np.linalg.cholesky(noise.covariance)).astype(np.float32)
    return np.asarray(np.einsum("ij,...jrc->...irc", root, values))


def coloured(values: Floats, noise: Noise) -> Floats:
    """The inverse of :func:`whitened`."""
    root = np.linalg.cholesky(noise.covariance).astype(np.float32)
    return np.asarray(np.einsum("ij,...jrc->...irc", root, values))


def in_expected(values: Floats, spill: Floats) -> Floats:
    """``[I + u uᵀ + v vᵀ]^(-1/2)`` times each pixel's vector.

    A whitened difference that is noise plus what a misalignment spills becomes one of the identity
    for covariance; its length is the score by change vector analysis
    (:func:`imagery.difference.change_vector`).

    Parameters
    ----------
    values
        Whitened, shape (bands, row, col).
    spill
        The vectors u and v, whitened, shape (2, bands, row, col).

    Notes
    -----
    With U = (u, v) and G = UᵀU, ``(I + U Uᵀ)^(-1/2) = I + U h(G) Uᵀ`` where
    ``h(x) = ((1 + x)^(-1/2) - 1) / x``; with two eigenvalues ``h(G)`` is a I + b G.
    """
    u, v = spill
    uu, uv, vv = ((x * y).sum(axis=0, dtype=np.float64) for x, y in ((u, u), (u, v), (v, v)))
    wu, wv = ((x * values).sum(axis=0, dtype=np.float64) for x in (u, v))
    half, away = (uu + vv) / 2, np.hypot((uu - vv) / 2, uv)
    high, low = half + away, np.maximum(half - away, 0)
    apart = high - low
    differ = apart > 1e-6 * high
    b = np.where(differ, (_h(high) - _h(low)) / np.where(differ, apart, 1), 0)
    a = _h(high) - b * high
    along_u = a * wu + b * (uu * wu + uv * wv)
    along_v = a * wv + b * (uv * wu + vv * wv)
    return np.asarray(values + along_u * u + along_v * v, np.float32)


def _h(x: NDArray[np.float64]) -> NDArray[np.float64]:
    root = np.sqrt(1 + x)
    return np.asarray(-1 / (root * (1 + root)))
