"""The change vector in the noise's own metric, alone and with places let move a little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagery.compiled import compiled, readonly
from imagery.difference._model import Noise, Scores, brighter
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_PIECE = 1024
"""Pixels compared at a time."""

BADLY_ALIGNED = 0.25
"""Expected registration error, px, above which a pixel is compared with those around it too."""

_NEIGHBOURS = [(row, col) for row in (-1, 0, 1) for col in (-1, 0, 1) if (row, col) != (0, 0)]


def fit_nothing(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Noise:
    """The noise is all that is needed."""
    return noise


def change_vector(pair: Pair, noise: Noise) -> Scores:
    """Length of the change vector in units of its own noise (Malila 1980).

    Change vector analysis with the noise's covariance instead of the bands' units,
    and widened, at edges, by what the expected misregistration makes of the gradient there:
    ``T² = dᵀ [Σ + σ² (g_r g_rᵀ + g_c g_cᵀ)]⁻¹ d`` with the residual registration error σ in px.
    """
    bands = len(pair.before)
    score, signed = (np.empty(pair.seen.shape, np.float32) for _ in range(2))
    _change_vectors(
        np.ascontiguousarray(pair.before, np.float32).reshape(bands, -1),
        np.ascontiguousarray(pair.after, np.float32).reshape(bands, -1),
        np.ascontiguousarray(pair.spill, np.float32).reshape(2, bands, -1),
        np.ascontiguousarray(noise.mean, np.float64),
        np.ascontiguousarray(noise.whitening),
        noise.brightness,
        score.reshape(-1),
        signed.reshape(-1),
    )
    return Scores(score=score, signed=signed)


def mean_difference(pair: Pair, noise: Noise) -> Scores:
    """Absolute mean of the bands' differences, each in units of its noise (Singh 1989, sec. 2.1).

    Univariate image differencing: for one band, or where only brightness counts.
    """
    signed = brighter(pair, noise)
    return Scores(score=np.abs(signed), signed=signed)


def robust_change_vector(pair: Pair, noise: Noise) -> Scores:
    """The least change vector to nine pixels where the alignment is bad (Thonfeld et al. 2016).

    Robust change vector analysis: a pixel of either scene differs by no more
    than it does from the pixel that is most like it within 1 px in the other, and by the larger
    of the two, so that neither scene is privileged.  Small objects are lost; it is used where the
    expected registration error is above 0.25 px, and the plain change vector elsewhere.
    """
    plain = change_vector(pair, noise)
    loose = pair.error > BADLY_ALIGNED
    if not loose.any():
        return plain
    root = noise.whitening.astype(np.float32)
    x = np.tensordot(root, pair.before + noise.mean.astype(np.float32)[:, None, None], axes=1)
    y = np.tensordot(root, pair.after, axes=1)
    least = np.maximum(_nearest(x, y, pair.seen), _nearest(y, x, pair.seen))
    score = np.where(loose, np.minimum(plain.score, least), plain.score)
    return Scores(score=score, signed=plain.signed)


def _nearest(
    here: NDArray[np.float32], there: NDArray[np.float32], seen: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Distance from each pixel to the most like of the seen ones around its place in the other."""
    rows, cols = seen.shape
    wide = np.pad(there, ((0, 0), (1, 1), (1, 1)))
    known = np.pad(seen, 1)
    least = ((here - there) ** 2).sum(axis=0)
    for row, col in _NEIGHBOURS:
        at = np.s_[1 + row : 1 + row + rows, 1 + col : 1 + col + cols]
        squared = ((here - wide[(slice(None), *at)]) ** 2).sum(axis=0)
        least = np.where(known[at], np.minimum(least, squared), least)
    return np.asarray(np.sqrt(least), np.float32)


@compiled(
    f"void({readonly('float32', 2)}, {readonly('float32', 2)}, {readonly('float32', 3)}, "
    f"{readonly('float64', 1)}, {readonly('float64', 2)}, {readonly('float64', 1)}, "
    "float32[::1], float32[::1])"
)
def _change_vectors(
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    spill: NDArray[np.float32],
    mean: NDArray[np.float64],
    whitening: NDArray[np.float64],
    brightness: NDArray[np.float64],
    score: NDArray[np.float32],
    signed: NDArray[np.float32],
) -> None:
    """``sqrt(zᵀ [I + u uᵀ + v vᵀ]⁻¹ z)`` by Woodbury's identity, and the brightening.

    z is the whitened change vector, u and v are the whitened spills; shapes (bands, pixels).
    In 64 bits, because an edge far above the noise leaves a small difference of large terms; in
    pieces that the processor's cache holds.  The whitening is lower triangular.
    """
    bands, count = before.shape
    d = np.empty((bands, _PIECE))
    g, h = np.empty((bands, _PIECE)), np.empty((bands, _PIECE))
    z, u, v, light = np.empty(_PIECE), np.empty(_PIECE), np.empty(_PIECE), np.empty(_PIECE)
    zz, zu, zv = np.empty(_PIECE), np.empty(_PIECE), np.empty(_PIECE)
    uu, uv, vv = np.empty(_PIECE), np.empty(_PIECE), np.empty(_PIECE)
    for start in range(0, count, _PIECE):
        size = min(_PIECE, count - start)
        for sums in (zz, zu, zv, uu, uv, vv, light):
            sums[:] = 0
        for band in range(bands):
            x, y = before[band, start : start + size], after[band, start : start + size]
            across = spill[1, band, start : start + size]
            down = spill[0, band, start : start + size]
            for n in range(size):
                d[band, n] = np.float64(y[n] - x[n]) - mean[band]
                g[band, n], h[band, n] = down[n], across[n]
                light[n] += brightness[band] * d[band, n]
        for band in range(bands):
            z[:], u[:], v[:] = 0, 0, 0
            for k in range(band + 1):
                w, dk, gk, hk = whitening[band, k], d[k], g[k], h[k]
                for n in range(size):
                    z[n] += w * dk[n]
                    u[n] += w * gk[n]
                    v[n] += w * hk[n]
            for n in range(size):
                zz[n] += z[n] * z[n]
                zu[n] += z[n] * u[n]
                zv[n] += z[n] * v[n]
                uu[n] += u[n] * u[n]
                uv[n] += u[n] * v[n]
                vv[n] += v[n] * v[n]
        for n in range(size):
            share = 1 / (1 + uu[n])
            # Never below 1, but for rounding where u and v are long and parallel.
            rest = max(1 + vv[n] - uv[n] * uv[n] * share, 1.0)
            left = zv[n] - uv[n] * zu[n] * share
            squared = zz[n] - zu[n] * zu[n] * share - left * left / rest
            score[start + n] = np.sqrt(max(squared, 0.0))
            signed[start + n] = light[n]
