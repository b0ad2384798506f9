"""Thresholds: from a sample of scores to one number; a candidate is where score > threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.empirical_null import LEAST, fit_null
from imagery.errors import UsageError
from imagery.options import ThresholdOptions

_BINS = 512
_TAIL = 1e-4
"""Share of the unchanged pixels that may pass the empirical null's cut, if its fit holds."""

_CANDIDATES = 0.01
"""The same share where candidates are decided on as regions."""

_SHARE = 0.1
"""Share of the pixels above the cut that unchanged ones may make up, by the empirical null."""

_DEFAULT = "tail-fdr"
"""What "auto" stands for where the difference measure has no cut of its own."""


@dataclass(frozen=True)
class Cut:
    """A threshold and the rule that found it."""

    value: float
    rule: str


def find_threshold(
    scores: NDArray[np.float32],
    *,
    options: ThresholdOptions,
    own: float | None = None,
    asks: bool = False,
) -> Cut:
    """The cut that the options ask for, from a sample of finite scores, shape (pixels,).

    ``own`` is the cut that the difference measure found itself; "auto" takes it, where there is
    one.  ``asks`` says that regions are decided on by decoys: then "auto" is "candidates".

    Raises
    ------
    UsageError
        If the rule is unknown or its number makes no sense.
    """
    name, number = parse_rule(options.threshold)
    if name == "auto":
        if own is not None:
            return Cut(own, "the measure's own")
        name = "candidates" if asks else _DEFAULT
    if name == "fixed":
        return Cut(number, f"fixed at {number:g}")
    if name == "percentile":
        return Cut(float(np.percentile(scores, number)), f"percentile {number:g}")
    return Cut(METHODS[name](scores), name)


def parse_rule(text: str) -> tuple[str, float]:
    """The rule's name and its number: "otsu", "percentile:99.5", "6.5" or "fixed:6.5"."""
    name, _, rest = text.partition(":")
    if (name in METHODS or name == "auto") and not rest:
        return name, float("nan")
    try:
        number = float(rest if name in ("fixed", "percentile") else text)
    except ValueError:
        number = float("nan")
    rule = "percentile" if name == "percentile" else "fixed"
    sane = 0 <= number <= 100 if rule == "percentile" else 0 <= number < np.inf
    if not sane:
        raise UsageError(
            "no such threshold rule",
            found=text,
            needed=", ".join(["auto", *METHODS])
            + ", percentile:P with P from 0 to 100, or a number >= 0",
            option="--threshold",
        )
    return rule, number


def otsu(scores: NDArray[np.float32]) -> float:
    """Largest variance between two classes (Otsu 1979, IEEE TSMC 9(1), eq. 18)."""
    from skimage.filters import threshold_otsu

    counts, centres = _histogram(scores)
    if np.count_nonzero(counts) < 2:
        return _upper_edge(centres, int(np.argmax(counts)))
    # The library names a bin's centre, with the bin itself below.
    cut = threshold_otsu(hist=(counts, centres))  # type: ignore[no-untyped-call]
    return float(cut) + float(centres[1] - centres[0]) / 2


def triangle(scores: NDArray[np.float32]) -> float:
    """Farthest from the line between the peak and the tail's end (Zack et al. 1977)."""
    counts, centres = _histogram(scores)
    peak, last = int(np.argmax(counts)), int(np.flatnonzero(counts).max(initial=0))
    if last <= peak + 1:
        return _upper_edge(centres, last)
    x = np.arange(peak, last + 1, dtype=float)
    y = counts[peak : last + 1] / counts[peak]
    # Down to zero: the last bin holds all that lies beyond the histogram.
    below = 1 - (x - peak) / (last - peak) - y
    return _upper_edge(centres, peak + int(np.argmax(below)))


def kittler_illingworth(scores: NDArray[np.float32]) -> float:
    """Smallest error of two Gaussian classes (Kittler & Illingworth 1986, eq. 15)."""
    counts, centres = _histogram(scores)
    share = counts / max(counts.sum(), 1)
    p = np.cumsum(share)
    q = 1 - p
    first, second = np.cumsum(share * centres), np.cumsum(share * centres**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        var_p = second / p - (first / p) ** 2
        var_q = (second[-1] - second) / q - ((first[-1] - first) / q) ** 2
        cost = 1 + p * np.log(var_p) + q * np.log(var_q) - 2 * (p * np.log(p) + q * np.log(q))
    width = centres[1] - centres[0]
    # A class narrower than a bin has no variance worth a logarithm.
    usable = np.isfinite(cost) & (var_p > width**2 / 12) & (var_q > width**2 / 12)
    if not usable.any():
        return _upper_edge(centres, len(centres) - 1)
    return _upper_edge(centres, int(np.argmin(np.where(usable, cost, np.inf))))


def empirical_null(scores: NDArray[np.float32]) -> float:
    """Where the bulk of the scores, taken for unchanged, would leave one pixel in ten thousand.

    A gamma distribution is fitted to the squared scores through their 20 % quantile and median,
    which change hardly reaches, in the spirit of the empirical null of Efron (2004, JASA 99,
    sec. 4); the theoretical chi-square is not used, because it is wrong by orders of magnitude on
    real pairs.  The cut is never below three standard deviations of the noise.
    """
    null = fit_null(scores)
    return LEAST if null is None else max(null.reached_by(_TAIL), LEAST)


def candidates(scores: NDArray[np.float32]) -> float:
    """Where the empirical null of Efron (2004) leaves one unchanged pixel in a hundred.

    So low that decoys hold more regions than any rate asked for takes, and that faint objects are
    not lost before they are decided on; and the same for a pair in which much or nothing changed.
    """
    null = fit_null(scores)
    return LEAST if null is None else null.reached_by(_CANDIDATES)


def tail_fdr(scores: NDArray[np.float32]) -> float:
    """Where unchanged pixels make up a tenth of those above, by the empirical null.

    The tail-area false discovery rate of Efron (2004, JASA 99, sec. 3): the share of scores above a
    cut that the empirical null expects there, over the share that is found.  Where much changed the
    cut is low, where little did it is high; a fixed tail of the null misses the one or the other.
    It is a rate over pixels of the null's own shape, and certifies nothing about regions.  The cut
    is never below three standard deviations of the noise.
    """
    null = fit_null(scores)
    if null is None:
        return LEAST
    rising = np.sort(scores.astype(np.float64))
    found = 1 - np.arange(len(rising)) / len(rising)
    expected = null.reaching(rising)
    above = np.flatnonzero(expected > _SHARE * found)
    first = int(above[-1]) + 1 if len(above) else 0
    cut = rising[first] if first < len(rising) else np.nextafter(rising[-1], np.inf)
    return max(float(cut), LEAST)


def _histogram(scores: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = scores.astype(np.float64)  # in 32 bits NumPy rounds the bins' edges
    # The far tail, a thousandth of the pixels, would leave the bulk in a few bins.
    top = float(np.quantile(values, 0.999)) if len(values) else 0.0
    top = top or float(values.max(initial=0)) or 1.0
    counts, edges = np.histogram(np.minimum(values, top), bins=_BINS, range=(0.0, top))
    return counts.astype(np.float64), (edges[:-1] + edges[1:]) / 2


def _upper_edge(centres: NDArray[np.float64], index: int) -> float:
    return float(centres[index] + (centres[1] - centres[0]) / 2)


METHODS: Mapping[str, Callable[[NDArray[np.float32]], float]] = {
    "candidates": candidates,
    "tail-fdr": tail_fdr,
    "null": empirical_null,
    "otsu": otsu,
    "triangle": triangle,
    "kittler-illingworth": kittler_illingworth,
}
