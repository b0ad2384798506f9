"""What ground is made of, and how far strengths usually reach on ground as rough as a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.empirical_null import LEAST

KINDS = 8
_LEAST = 100
"""Kinds of ground told apart by roughness at the most, and cells that each holds at the least."""

_UPPER = 0.98
"""Share of the cells of a kind of ground whose strongest pixel stays below what is usual there."""

_FLAT = 1e-6
"""Roughness of ground without any step."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ground:
    """Small cells of a map, in any order; all of shape (cells,)."""

    roughness: NDArray[np.float64]
    """Size of the steps in and beside the cell, in standard deviations of the noise."""

    strongest: NDArray[np.float64]
    """The highest strength of its pixels."""

    km2: NDArray[np.float64]
    """What is seen of it."""

    @classmethod
    def unknown(cls) -> Ground:
        """No cells."""
        return cls(roughness=np.zeros(0), strongest=np.zeros(0), km2=np.zeros(0))

    @classmethod
    def joined(cls, parts: Sequence[Ground]) -> Ground:
        """The cells of several maps."""
        return cls(
            roughness=np.concatenate([part.roughness for part in parts]),
            strongest=np.concatenate([part.strongest for part in parts]),
            km2=np.concatenate([part.km2 for part in parts]),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Reach:
    """How many times as far strengths reach on rough ground as on the smoothest."""

    roughness: NDArray[np.float64]
    """Of each kind of ground, rising, shape (kinds,)."""

    times: NDArray[np.float64]
    """1 at the first, and rising."""

    @classmethod
    def alike(cls) -> Reach:
        """As far everywhere."""
        return cls(roughness=np.ones(1), times=np.ones(1))

    def at(self, roughness: NDArray[np.floating]) -> NDArray[np.float64]:
        """The factor, of roughness's shape: between kinds of ground by logarithms."""
        known = np.log(np.maximum(self.roughness, _FLAT))
        asked = np.log(np.maximum(roughness.astype(np.float64), _FLAT))
        return np.asarray(np.exp(np.interp(asked, known, np.log(self.times))))


def fit_reach(ground: Ground) -> Reach:
    """How far strengths reach where nothing happened, by how rough the ground is.

    Cells are parted into eight kinds of as many cells, by their roughness; of each the strength
    that one cell in fifty reaches is taken, and no less than of a smoother kind.  A score that is
    divided by it, a locally normalised one (Papadopoulos, Gammerman & Vovk 2008; Lei, G'Sell,
    Rinaldo, Tibshirani & Wasserman 2018, JASA 113, sec. 5.2), can be held against one cut on
    all kinds of ground.  Whatever this factor is, what holds for regions' scores holds for these:
    it decides how many of the allowed false alarms each kind of ground takes, not how many there
    are.

    As far everywhere, where there are too few cells for two kinds.
    """
    kinds = min(KINDS, len(ground.roughness) // _LEAST)
    if kinds < 2:
        return Reach.alike()
    parts = np.array_split(np.argsort(ground.roughness, kind="stable"), kinds)
    far = np.array([np.quantile(ground.strongest[part], _UPPER) for part in parts])
    # Below the least change there is nothing to tell kinds of ground apart by.
    rising = np.maximum.accumulate(np.maximum(far, LEAST))
    return Reach(
        roughness=np.array([np.median(ground.roughness[part]) for part in parts]),
        times=rising / rising[0],
    )
