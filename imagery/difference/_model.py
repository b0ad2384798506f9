"""What every difference measure takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.options import DifferenceOptions
from imagery.sampling import Pair


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """What unchanged pixels differ by: the mean and covariance of the difference, per band."""

    mean: NDArray[np.float64]
    """Shape (bands,)."""

    covariance: NDArray[np.float64]
    """Shape (bands, bands), in squared units of the earlier scene."""

    @property
    def whitening(self) -> NDArray[np.float64]:
        """W with W Wᵀ⁻¹ the covariance's inverse root: W d has the identity for covariance."""
        return np.linalg.inv(np.linalg.cholesky(self.covariance))

    @property
    def brightness(self) -> NDArray[np.float64]:
        """Weights of the bands' differences that make their mean in standard deviations."""
        return np.asarray(1 / np.sqrt(np.diag(self.covariance)) / len(self.mean))


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """The result of a difference measure, of the pixels' shape."""

    score: NDArray[np.float32]
    """How much a pixel differs, 0 for not at all, in standard deviations of the noise."""

    signed: NDArray[np.float32]
    """Mean difference over the bands in the same unit: above 0 where the later is brighter."""


Fit = Callable[[Sequence[Pair], Noise, DifferenceOptions], Any]
Score = Callable[[Pair, Any], Scores]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A difference measure: a fit on a sample, and a score for every pixel by what was fitted."""

    fit: Fit
    """From sampled tiles, the later scene in the earlier's radiometry, to a frozen value.

    A method without a halo is given pixels from all over the estimation, as one row.
    """

    score: Score
    """Scores of a tile, of its shape; within ``halo`` px of its border they are of no worth."""

    halo: int = 0
    """Pixels around a pixel that its score depends on, besides its gradient."""

    least_bands: int = 1
    radar: bool = False
    """For the brightness of radar, whose noise is multiplied, and for nothing else."""

    symmetric: bool = True
    """Whether exchanged scenes get the same score and the opposite sign."""

    outlined: bool = False
    """Whether a change ends where half of its difference is left: not where scores are means."""

    cut: Callable[[Any], float] | None = None
    """The score that parts changed from unchanged, where the method finds it itself."""


def brighter(pair: Pair, noise: Noise) -> NDArray[np.float32]:
    """Mean over the bands of the difference in standard deviations of the noise."""
    weight = noise.brightness
    signed = np.tensordot(weight.astype(np.float32), pair.after - pair.before, axes=1)
    return np.asarray(signed - np.float32(weight @ noise.mean), np.float32)
