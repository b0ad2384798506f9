"""The fitted way from two scenes' pixels to scores: radiometry, noise and a difference measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery import difference, normalise, outline
from imagery.bands import BandPairs
from imagery.coregister import Alignment
from imagery.sampling import MAX_PIXELS, Pair, Sample
from imagery.scene import Role, Scene
from imagery.shift_error import CE90, ShiftError
from imagery.strength import strength_of

_UNMEASURED_SHIFT = 0.5
_LEAST_SHIFT = 0.1
"""Misregistration assumed along each axis, px: where it wasn't measured, and at the least."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measure:
    """The fitted way from two scenes' pixels to scores."""

    method: str
    radiometry: normalise.Radiometry
    noise: difference.Noise
    fitted: Any = None
    """What the method was fitted to besides; None where the noise is all."""

    why: str = ""
    """Why this method, in words."""

    @property
    def halo(self) -> int:
        """Pixels around a pixel that its score depends on, besides its gradient."""
        return difference.METHODS[self.method].halo

    @property
    def cut(self) -> float | None:
        """The score that parts changed from unchanged, where the method found it itself."""
        found = difference.METHODS[self.method].cut
        return None if found is None else found(self.fitted)

    def score(self, pair: Pair) -> difference.Scores:
        """Scores of a window of both scenes, as they are, of its shape.

        Those within ``halo`` px of its border are of no worth.
        """
        return self.scored(self.normalised(pair))

    def normalised(self, pair: Pair) -> Pair:
        """A pair with the later scene in the earlier one's radiometry."""
        return normalised(pair, self.radiometry)

    def scored(self, pair: Pair) -> difference.Scores:
        """Scores, as :meth:`score`, of a pair that is normalised."""
        fitted = self.noise if self.fitted is None else self.fitted
        return difference.METHODS[self.method].score(pair, fitted)

    def score_sample(self, sample: Sample) -> NDArray[np.float32]:
        """Scores of sampled pixels, shape (pixels,): of windows, if the method looks around."""
        return self._sampled(sample, lambda scores: scores.score)

    def singles(self, sample: Sample) -> NDArray[np.float32]:
        """The same of what regions are decided by, before means over 3 × 3 px are taken."""
        return self._sampled(sample, self._decisive)

    def strength(self, scores: difference.Scores, seen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Strengths of a window, of its shape; see :func:`imagery.strength.strength_of`."""
        return strength_of(self._decisive(scores), seen)

    def strengths(self, sample: Sample) -> NDArray[np.float32]:
        """Strengths of the seen pixels of the sampled windows, shape (pixels,)."""
        return np.concatenate(
            [self.strength(self.score(pair), pair.seen)[pair.seen] for pair in sample.windows]
        )

    def _decisive(self, scores: difference.Scores) -> NDArray[np.float32]:
        """What regions are decided by, in standard deviations of noise.

        A method that parts two classes scores how far a patch lies between them, whatever noise
        does; then it is the difference itself.
        """
        return scores.score if self.cut is None else np.abs(scores.signed)

    def _sampled(
        self, sample: Sample, of: Callable[[difference.Scores], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        if not self.halo:
            return np.asarray(of(self.score(as_row(sample)))[0])
        step = max(1, -(-sum(int(pair.seen.sum()) for pair in sample.windows) // MAX_PIXELS))
        return np.concatenate([of(self.score(pair))[pair.seen][::step] for pair in sample.windows])

    def candidates(
        self, pair: Pair, score: NDArray[np.float32], *, above: float
    ) -> NDArray[np.bool_]:
        """Seen pixels of a normalised pair above a cut, within their change's outline."""
        candidate = pair.seen & (score > above)
        if not difference.METHODS[self.method].outlined:
            return candidate
        return outline.covered(score, self.in_noise(pair, candidate), candidate)

    def in_noise(self, pair: Pair, where: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Change vectors of a normalised pair, whitened by the noise; shape (bands, pixels)."""
        place = np.flatnonzero(where)
        after, before = (x.reshape(len(x), -1)[:, place] for x in (pair.after, pair.before))
        return np.asarray(self.noise.whitening @ (after - before - self.noise.mean[:, None]))


def fit_measure(
    sample: Sample,
    radiometry: normalise.Radiometry,
    scenes: Mapping[Role, Scene],
    bands: BandPairs,
    *,
    choice: difference.Choice,
) -> Measure:
    """The measure with the noise that the sample shows.

    Parameters
    ----------
    choice
        The method, its options, and why it was chosen.
    """
    noise = difference.fit_noise(
        radiometry.apply(sample.after) - sample.before,
        quantisation=_quantisation(scenes, bands, radiometry),
    )
    method = difference.METHODS[choice.method]
    tiles = sample.windows if method.halo else [as_row(sample)]
    return Measure(
        method=choice.method,
        radiometry=radiometry,
        noise=noise,
        fitted=method.fit([normalised(t, radiometry) for t in tiles], noise, choice.options),
        why=choice.why,
    )


def normalised(pair: Pair, radiometry: normalise.Radiometry) -> Pair:
    """A pair with the later scene in the earlier one's radiometry."""
    after, slope = radiometry.apply_with_slope(pair.after)
    return replace(pair, after=after, spill=pair.spill * slope)


def as_row(sample: Sample) -> Pair:
    """Sampled pixels as a window of one row, for methods that look at single pixels."""
    count = sample.before.shape[1]
    return Pair(
        before=sample.before[:, None],
        after=sample.after[:, None],
        spill=sample.spill[:, :, None],
        error=np.zeros((1, count), np.float32),
        seen=np.ones((1, count), bool),
    )


def expected_misregistration(alignment: Alignment) -> ShiftError:
    """How far pixels may be off after the alignment: along each axis, and no less than 0.1 px."""
    if alignment.error is None:
        return ShiftError.constant(_UNMEASURED_SHIFT)
    error = alignment.error
    return replace(error, values=np.hypot(error.values, _LEAST_SHIFT))


def largest_misregistration(alignment: Alignment, *, usable_ce90: float) -> float:
    """Beyond which error a pixel counts as not observed; nowhere, if the user accepted it so."""
    if alignment.verdict in ("trusted", "usable"):
        return math.hypot(usable_ce90 / CE90, _LEAST_SHIFT)
    return math.inf


def _quantisation(
    scenes: Mapping[Role, Scene], bands: BandPairs, radiometry: normalise.Radiometry
) -> NDArray[np.float64]:
    """Variance that rounding to stored integers adds to the difference, per band."""
    total = np.zeros(len(bands.before))
    index: dict[Role, tuple[int, ...]] = {"before": bands.before, "after": bands.after}
    for role, scene in scenes.items():
        if np.dtype(scene.dtype).kind not in "iu":
            continue
        scale = {band.index: band.scale for band in scene.bands}
        step = np.array([scale[i] for i in index[role]])
        if role == "after":
            ends = np.ptp(radiometry.target, axis=1) / np.ptp(radiometry.source, axis=1)
            step = step * ends
        total += step**2 / 12
    return total
