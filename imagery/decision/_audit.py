"""Whether decoys look like the pair that they stand for, away from anything that is a change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BULK = 2.0
"""Medians up to which strengths are compared: the unchanged bulk, and no candidate."""

_DISTANCE = 0.05
_VARIANCES = (0.8, 1.25)
_LEAST = 5000
"""Pixels below which a distance of 0.05 may be chance."""


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """How much the decoys' unchanged pixels look like the pair's."""

    alike: bool
    distance: float
    """Kolmogorov and Smirnov's, of the pair of decoys that is least alike; NaN if unknown."""

    variance_ratio: float
    """Of the decoys' over the pair's, in squared medians."""

    words: str


def audit(
    decoys: Sequence[NDArray[np.floating]],
    pair: NDArray[np.floating],
    *,
    names: Sequence[str] = (),
) -> Likeness:
    """Compare strengths below what is a change, in units of each sample's own median.

    Decoys bound the pair's false alarms if both are exchangeable.  That can't be shown, but it
    can be refuted: by strengths whose distribution differs where nothing is a change.  A sample
    passes up to a distance of 0.05 between the two distributions and a ratio of their variances
    within 0.8 to 1.25; these are sizes of an effect, not tests, since with many pixels everything
    differs.

    Parameters
    ----------
    decoys
        Strengths of a sample of pixels, one array for each pair of decoys.
    pair
        Those of the pair that is judged.
    names
        What to call each of the decoys.
    """
    one = _bulk(pair)
    if not decoys or min(len(one), *(len(_bulk(d)) for d in decoys)) < _LEAST:
        return Likeness(
            alike=False,
            distance=float("nan"),
            variance_ratio=float("nan"),
            words="too few unchanged pixels to tell whether the decoys are like this pair",
        )
    found = []
    for number, sample in enumerate(decoys):
        other = _bulk(sample)
        ratio = float(other.var() / max(float(one.var()), 1e-300))
        name = names[number] if number < len(names) else f"decoys {number + 1}"
        found.append((_distance(other, one), ratio, name))
    distance, ratio, name = max(found, key=lambda f: _badness(f[0], f[1]))
    alike = _badness(distance, ratio) <= 1
    numbers = f"distance {distance:.2f} of 0.05, ratio of variances {ratio:.2f} of 0.8 to 1.25"
    words = (
        "unchanged pixels of the decoys are like this pair's"
        if alike
        else (f"unchanged pixels of the decoys ({name}) are not like this pair's")
    )
    return Likeness(
        alike=alike, distance=distance, variance_ratio=ratio, words=f"{words} ({numbers})"
    )


def _badness(distance: float, variance_ratio: float) -> float:
    """Above 1 where one of the limits is passed."""
    low, high = _VARIANCES
    side = high if variance_ratio > 1 else low
    spread = np.log(max(variance_ratio, 1e-300)) / np.log(side)
    return float(max(distance / _DISTANCE, spread))


def _bulk(strengths: NDArray[np.floating]) -> NDArray[np.float64]:
    """Strengths in medians, up to ``_BULK``; those of 0, where nothing was measured, left out."""
    positive = strengths[strengths > 0].astype(np.float64)
    if not len(positive):
        return positive
    scaled = positive / np.median(positive)
    return np.asarray(scaled[scaled <= _BULK])


def _distance(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    a, b = np.sort(a), np.sort(b)
    both = np.concatenate([a, b])
    below_a = np.searchsorted(a, both, side="right") / len(a)
    below_b = np.searchsorted(b, both, side="right") / len(b)
    return float(np.abs(below_a - below_b).max())
