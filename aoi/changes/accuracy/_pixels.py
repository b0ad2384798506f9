"""Agreement pixel by pixel: of a map at its threshold, and of its scores at every threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Judged = tuple[NDArray[np.float32], NDArray[np.bool_]]
"""Scores of some pixels, and whether the reference has them changed; both of shape (pixels,)."""


def share(part: float, whole: float) -> float | None:
    """A quotient, None where it has no meaning."""
    return part / whole if whole else None


@dataclass(frozen=True)
class Confusion:
    """Pixels by what the map and the reference say.

    Attributes
    ----------
    both, map_only, reference_only, neither
        Pixels that are changed in both (true positives), in the map alone (false positives), in
        the reference alone (false negatives), in neither (true negatives).

    Notes
    -----
    A measure is None where it has no meaning: the precision of a map without changes, the recall
    against a reference without.
    """

    both: int
    map_only: int
    reference_only: int
    neither: int

    @property
    def pixels(self) -> int:
        return self.both + self.map_only + self.reference_only + self.neither

    @property
    def precision(self) -> float | None:
        """Share of the map's changed pixels that the reference has changed."""
        return share(self.both, self.both + self.map_only)

    @property
    def recall(self) -> float | None:
        """Share of the reference's changed pixels that the map has changed."""
        return share(self.both, self.both + self.reference_only)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return share(2 * self.both, 2 * self.both + self.map_only + self.reference_only)

    @property
    def iou(self) -> float | None:
        """Intersection over union of the changed pixels."""
        return share(self.both, self.both + self.map_only + self.reference_only)

    @property
    def overall(self) -> float | None:
        """Share of the pixels that both say the same of."""
        return share(self.both + self.neither, self.pixels)

    @property
    def kappa(self) -> float | None:
        """Agreement beyond that of two independent maps with the same totals (Cohen 1960)."""
        if not self.pixels:
            return None
        in_map = (self.both + self.map_only) / self.pixels
        in_reference = (self.both + self.reference_only) / self.pixels
        chance = in_map * in_reference + (1 - in_map) * (1 - in_reference)
        observed = (self.both + self.neither) / self.pixels
        return share(observed - chance, 1 - chance)


def confusion(mapped: NDArray[np.bool_], reference: NDArray[np.bool_]) -> Confusion:
    """Count the pixels of two maps of one shape."""
    both = int((mapped & reference).sum())
    in_map, in_reference = int(mapped.sum()), int(reference.sum())
    return Confusion(
        both=both,
        map_only=in_map - both,
        reference_only=in_reference - both,
        neither=mapped.size - in_map - in_reference + both,
    )


@dataclass(frozen=True)
class Ranking:
    """How well scores set apart what the reference has changed, whatever the threshold.

    Attributes
    ----------
    average_precision
        Sum over the distinct scores of changed pixels, from the highest, of the precision at
        ``score >= it`` times the recall that it adds: the area under the stepped curve, without
        interpolation.  None without a changed pixel.
    auroc
        Probability that a changed pixel scores higher than an unchanged one, ties counting half
        (Mann and Whitney 1947).  None where either kind is missing.
    oracle_f1, oracle_threshold
        The best F1 that any threshold reaches, and the score from which on it does.  It is chosen
        with the reference in hand: no map made without it is that good by right.
    """

    average_precision: float | None
    auroc: float | None
    oracle_f1: float | None
    oracle_threshold: float | None


def ranking(read: Callable[[], Iterable[Judged]]) -> Ranking:
    """Rank the scores; exact, with ties, while no more than the changed pixels are held.

    Precision, recall and F1 need only be known at the scores of changed pixels: between two of them
    a lower threshold adds false alarms and nothing else.

    Parameters
    ----------
    read
        Gives the pixels, in parts; called twice.  No score may be NaN.
    """
    changed = [score[reference] for score, reference in read()]
    values, hits = np.unique(
        np.concatenate([np.empty(0, np.float32), *changed]), return_counts=True
    )
    # By how many of the values each unchanged pixel reaches, and how many equal one.
    reaching = np.zeros(len(values) + 1, dtype=np.int64)
    equal = np.zeros(len(values), dtype=np.int64)
    for score, reference in read():
        others = score[~reference]
        reached = np.searchsorted(values, others, side="right")
        reaching += np.bincount(reached, minlength=len(values) + 1)
        tied = reached > 0
        tied[tied] = values[reached[tied] - 1] == others[tied]
        equal += np.bincount(reached[tied] - 1, minlength=len(values))
    total, unchanged = int(hits.sum()), int(reaching.sum())
    if not total:
        return Ranking(None, None, None, None)
    found = np.cumsum(hits[::-1])[::-1]
    false = np.cumsum(reaching[:0:-1])[::-1]
    f1 = 2 * found / (found + false + total)
    # Of equal ones the highest threshold.
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    auroc = None
    if unchanged:
        higher = np.append(found, 0)
        pairs = float((reaching * higher).sum()) + 0.5 * float((equal * hits).sum())
        auroc = pairs / (total * unchanged)
    threshold = float(values[best])
    return Ranking(
        average_precision=float((hits * found / (found + false)).sum() / total),
        auroc=auroc,
        oracle_f1=float(f1[best]),
        oracle_threshold=threshold if math.isfinite(threshold) else None,
    )
