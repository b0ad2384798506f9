"""The change vector in the noise's own metric, alone and with places let move a little."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagery.difference._model import Noise, Scores, brighter
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

_PIECE = 8192
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
    difference = pair.after - pair.before
    bands = len(difference)
    whiten = noise.whitening
    d, g = difference.reshape(bands, -1), pair.spill.reshape(2, bands, -1)
    mean = noise.mean[:, None]
    score = np.empty(d.shape[1], np.float32)
    # In 64 bits, because an edge far above the noise leaves a small difference of large terms; in
    # pieces that the processor's cache holds, which costs no more than 32 bits did.
    for start in range(0, len(score), _PIECE):
        piece = slice(start, start + _PIECE)
        z = whiten @ (d[:, piece] - mean)
        u, v = whiten @ g[:, :, piece]
        score[piece] = np.sqrt(_unexplained(z, u, v))
    return Scores(score=score.reshape(difference.shape[1:]), signed=brighter(pair, noise))


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
