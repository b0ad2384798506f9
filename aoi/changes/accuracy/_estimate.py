"""Accuracy and area from a stratified random sample that a person labelled, with their errors.

Sources
-------
Olofsson, P., Foody, G. M., Herold, M., Stehman, S. V., Woodcock, C. E., Wulder, M. A. (2014): Good
practices for estimating area and assessing accuracy of land change.  Remote Sensing of Environment
148, 42-57, doi:10.1016/j.rse.2014.02.015; equations 1 to 11.

Stehman, S. V. (2014): Estimating area and map accuracy for stratified random sampling when the
strata are different from the map classes.  International Journal of Remote Sensing 35, 4923-4939,
doi:10.1080/01431161.2014.930207; of which the former is the case where each stratum is one class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Z95 = 1.959963984540054
"""Standard errors on either side that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class Estimate:
    """An estimated share.

    Attributes
    ----------
    value
        From 0 to 1; None where the sample says nothing of it.
    error
        Its standard error; None where a stratum has fewer than two points.
    """

    value: float | None
    error: float | None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the share lies by 95 %: 1.96 standard errors either way, within 0 and 1."""
        if self.value is None or self.error is None:
            return None
        half = Z95 * self.error
        return max(0.0, self.value - half), min(1.0, self.value + half)


@dataclass(frozen=True, kw_only=True, eq=False)
class Labelled:
    """Points of a stratified random sample.

    Attributes
    ----------
    stratum
        The stratum of each point, counting from 0; of shape (points,).
    mapped, reference
        Whether the map, and the person who labelled, has it changed.
    sizes
        Pixels of each stratum.
    """

    stratum: NDArray[np.intp]
    mapped: NDArray[np.bool_]
    reference: NDArray[np.bool_]
    sizes: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Accuracy:
    """What a labelled sample says of a map of two classes.

    Attributes
    ----------
    matrix
        Estimated shares of all pixels (eq. 4): rows the map's changed and unchanged, columns the
        reference's.
    users_changed, users_unchanged
        User's accuracy, 1 - commission error (eq. 2, 6).
    producers_changed, producers_unchanged
        Producer's accuracy, 1 - omission error (eq. 3, 7).
    overall
        Overall accuracy (eq. 1, 5).
    changed
        Share of the pixels that changed by the reference (eq. 9, 10): the area without the bias
        that counting the map's pixels has.
    mapped
        Share of the pixels that changed by the map, in the same terms.
    """

    matrix: tuple[tuple[float, float], tuple[float, float]]
    users_changed: Estimate
    users_unchanged: Estimate
    producers_changed: Estimate
    producers_unchanged: Estimate
    overall: Estimate
    changed: Estimate
    mapped: Estimate


def estimate(points: Labelled) -> Accuracy:
    """Estimate accuracy and area.

    Raises
    ------
    ValueError
        If a stratum with pixels has no point, or more points than pixels.
    """
    here, there = points.mapped, points.reference

    def ratio(part: NDArray[np.bool_], whole: NDArray[np.bool_] | None = None) -> Estimate:
        every = np.ones(len(part), dtype=bool) if whole is None else whole
        return stratified_ratio(part, every, points.stratum, points.sizes)

    cells = [
        [ratio((here == row) & (there == column)).value or 0.0 for column in (True, False)]
        for row in (True, False)
    ]
    return Accuracy(
        matrix=((cells[0][0], cells[0][1]), (cells[1][0], cells[1][1])),
        users_changed=ratio(here & there, here),
        users_unchanged=ratio(~here & ~there, ~here),
        producers_changed=ratio(here & there, there),
        producers_unchanged=ratio(~here & ~there, ~there),
        overall=ratio(here == there),
        changed=ratio(there),
        mapped=ratio(here),
    )


def stratified_ratio(
    part: NDArray[np.bool_],
    whole: NDArray[np.bool_],
    stratum: NDArray[np.intp],
    sizes: Sequence[int],
) -> Estimate:
    """The share of the pixels with ``whole`` that also have ``part``, by a stratified sample.

    Parameters
    ----------
    part, whole
        Of each point; ``part`` implies ``whole``.  All True in ``whole`` gives a share of all.
    stratum
        Of each point, counting from 0.
    sizes
        Pixels of each stratum.

    Notes
    -----
    The combined ratio estimator R = Y / X, Y = sum of N_h mean_h(y), with the variance of its
    linearised residuals, (1 / X²) sum of N_h² (1 - n_h / N_h) s_h²(y - R x) / n_h (Stehman 2014,
    eq. 24 to 28).  The correction for finite strata, which Olofsson et al. leave out, makes a
    stratum that is labelled pixel by pixel exact, and is nothing where few of many are.

    Raises
    ------
    ValueError
        If a stratum with pixels has no point, or more points than pixels.
    """
    y, x = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    counts = np.bincount(stratum, minlength=len(sizes))
    for number, (size, count) in enumerate(zip(sizes, counts.tolist(), strict=True)):
        if count > size or (size and not count):
            raise ValueError(f"stratum {number} of {size} pixels has {count} points")
    strata = [(size, stratum == number) for number, size in enumerate(sizes) if size]
    top = math.fsum(size * float(y[here].mean()) for size, here in strata)
    bottom = math.fsum(size * float(x[here].mean()) for size, here in strata)
    if not bottom:
        return Estimate(None, None)
    value = top / bottom
    variance = 0.0
    for size, here in strata:
        count = int(here.sum())
        if count == size:
            continue
        if count < 2:
            return Estimate(value, None)
        spread = float(np.var((y - value * x)[here], ddof=1))
        variance += size**2 * (1 - count / size) * spread / count
    return Estimate(value, math.sqrt(variance) / bottom)
