"""Changes that are unlike what all else did between the two dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.difference._model import Noise, Scores, brighter
from imagery.difference._noise import fit_maps, sampled, scale_to
from imagery.options import DifferenceOptions
from imagery.sampling import Pair


@dataclass(frozen=True, kw_only=True, eq=False)
class Joint:
    """The two scenes' pixels as one vector: how unchanged ones are spread."""

    mean: NDArray[np.float64]
    """Shape (2 bands,)."""

    form: NDArray[np.float64]
    """What makes a vector's anomaly, shape (2 bands, 2 bands): joint less marginal precision."""

    scale: float
    noise: Noise


def _both(pair: Pair) -> NDArray[np.float32]:
    return np.concatenate([pair.before, pair.after])


def fit_joint(tiles: Sequence[Pair], noise: Noise, options: DifferenceOptions) -> Joint:
    """The joint covariance, robust, and those of either scene within it."""
    joint = fit_maps(tiles, _both)
    bands = len(joint.mean) // 2
    # The noise of the difference is a floor: of scenes that agree the joint covariance has no
    # inverse.
    c = joint.covariance + 1e-3 * np.kron(np.eye(2), noise.covariance)
    form = np.linalg.inv(c)
    form[:bands, :bands] -= np.linalg.inv(c[:bands, :bands])
    form[bands:, bands:] -= np.linalg.inv(c[bands:, bands:])
    fitted = Joint(mean=joint.mean, form=form, scale=1.0, noise=noise)
    squared = _squared(sampled(tiles, _both), fitted)
    return Joint(mean=joint.mean, form=form, scale=scale_to(squared, bands), noise=noise)


def anomalous(pair: Pair, fitted: Joint) -> Scores:
    """Anomalous change: less likely together than apart (Theiler & Perkins 2006).

    The hyperbolic detector: the Mahalanobis distance of both dates' values as one vector, less
    those of each date by itself.  What changed like most of the scene, with the season, is
    expected; so is what is odd in both.
    """
    shape = pair.before.shape[1:]
    squared = _squared(_both(pair).reshape(len(fitted.mean), -1), fitted) * fitted.scale
    score = np.sqrt(squared).astype(np.float32).reshape(shape)
    return Scores(score=score, signed=brighter(pair, fitted.noise))


def _squared(values: NDArray[np.float32], fitted: Joint) -> NDArray[np.float64]:
    """The anomaly and its mean over unchanged pixels, as many as bands, so that few are below 0."""
    z = values - fitted.mean[:, None]
    anomaly = np.einsum("bp,bp->p", z, fitted.form @ z)
    return np.asarray(np.maximum(anomaly + len(z) // 2, 0))
