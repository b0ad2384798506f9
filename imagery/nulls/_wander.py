"""A shift with a smooth error that could as well have been made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from imagery.shift import Shift
from imagery.shift_error import ShiftError

_WAVES = 64
"""Waves summed for each axis: their sum is close to Gaussian at every place."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Wander(Shift):
    """A shift plus a Gaussian process of the standard error that is expected of it.

    The process is a sum of waves with random frequencies and phases (Rahimi & Recht 2007, Advances
    in Neural Information Processing Systems 20): its covariance between places ``h`` px
    apart is ``exp(-h² / 2 L²)``.  It is a function of the place alone, so no tiling changes it.
    """

    base: Shift | None
    """What the scene is moved by without the error; None for nothing."""

    error: ShiftError
    length: float
    """The correlation length L, px."""

    seed: int

    @classmethod
    def around(cls, base: Shift | None, *, error: ShiftError, length: float, seed: int) -> Wander:
        """The shift ``base`` with an error of its own for each seed."""
        nothing = vars(Shift.constant(0.0, 0.0))
        return cls(**nothing, base=base, error=error, length=length, seed=seed)

    @property
    def zero(self) -> bool:
        return (self.base is None or self.base.zero) and not self.error.values.any()

    def on_grid(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        down, right, phase = self._waves
        lie = np.exp(1j * (rows[:, None] * down[:, None] + phase[:, None]))
        stand = np.exp(1j * (right[:, :, None] * cols))
        field: NDArray[np.float64] = math.sqrt(2 / _WAVES) * np.matmul(lie, stand).real
        field *= self.error.on_grid(rows, cols)
        return field if self.base is None else field + self.base.on_grid(rows, cols)

    def at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        down, right, phase = self._waves
        angle = rows[:, None] * down[:, None] + cols[:, None] * right[:, None] + phase[:, None]
        field: NDArray[np.float64] = math.sqrt(2 / _WAVES) * np.cos(angle).sum(axis=-1)
        field *= self.error.at(rows, cols)
        return field if self.base is None else field + self.base.at(rows, cols)

    @cached_property
    def _waves(self) -> NDArray[np.float64]:
        """Frequency along rows and cols, radians a px, and phase; shape (3, axes, waves)."""
        # The second number keeps this chance apart from that of other uses of the seed.
        rng = np.random.default_rng([self.seed, 1])
        frequency = rng.standard_normal((2, 2, _WAVES)) / self.length
        return np.concatenate([frequency, rng.uniform(0, 2 * np.pi, (1, 2, _WAVES))])
