"""A displacement that is known everywhere: a move, a turn, a scale and smooth local waves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Wave:
    """A sine over the image that moves rows and cols, a quarter of a turn apart."""

    cycles: tuple[float, float]
    """Cycles a pixel along rows and cols."""

    phase: float
    amplitude: tuple[float, float]
    """Pixels, of rows and cols."""


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """What the later image's pixels show of the earlier one's.

    The after image at ``q`` shows the ground that the before image shows at ``q - e(q)``; what lies
    at before pixel ``p`` lies at after pixel ``p + D(p)``, where ``D(p) = e(p + D(p))``.  Rows and
    cols, pixel centres at whole numbers.
    """

    centre: tuple[float, float]
    """Around which the image is turned and scaled."""

    move: tuple[float, float] = (0.0, 0.0)
    rotation: float = 0.0
    """Degrees."""

    scale: float = 1.0
    waves: tuple[Wave, ...] = ()

    def of_after(self, rows: Points, cols: Points) -> Points:
        """``e`` at pixels of the after image; shape (2, ...)."""
        rows, cols = np.broadcast_arrays(
            np.asarray(rows, dtype=np.float64), np.asarray(cols, dtype=np.float64)
        )
        y, x = rows - self.centre[0], cols - self.centre[1]
        cosine = math.cos(math.radians(self.rotation)) / self.scale
        sine = math.sin(math.radians(self.rotation)) / self.scale
        found = np.stack(
            [
                self.move[0] + y + sine * x - cosine * y,
                self.move[1] + x - cosine * x - sine * y,
            ]
        )
        for wave in self.waves:
            phase = 2 * math.pi * (wave.cycles[0] * rows + wave.cycles[1] * cols) + wave.phase
            found[0] += wave.amplitude[0] * np.cos(phase)
            found[1] += wave.amplitude[1] * np.sin(phase)
        return found

    def of_before(self, rows: Points, cols: Points) -> Points:
        """``D`` at pixels of the before image; shape (2, ...).

        A fixed point: ``e`` changes by under 0.02 px a pixel, so that ten rounds leave nothing.
        """
        found = np.zeros((2, *np.broadcast(rows, cols).shape))
        for _ in range(10):
            found = self.of_after(rows + found[0], cols + found[1])
        return found

    def shift(self, moving: str, rows: Points, cols: Points) -> Points:
        """The true shift of ``imagery.shift``: aligned(p) = moving(p - shift(p))."""
        return -self.of_before(rows, cols) if moving == "after" else self.of_after(rows, cols)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        waves = tuple(
            Wave(cycles=tuple(w["cycles"]), phase=w["phase"], amplitude=tuple(w["amplitude"]))
            for w in values["waves"]
        )
        return cls(
            centre=tuple(values["centre"]),
            move=tuple(values["move"]),
            rotation=values["rotation"],
            scale=values["scale"],
            waves=waves,
        )


def random_waves(
    rng: np.random.Generator, *, count: int, amplitude: float, lengths: tuple[float, float]
) -> tuple[Wave, ...]:
    """Waves of wavelengths, in px, in every direction, each of 0.3 to 0.6 of the amplitude."""
    waves = []
    for _ in range(count):
        length, angle = rng.uniform(*lengths), rng.uniform(0, 2 * math.pi)
        waves.append(
            Wave(
                cycles=(math.sin(angle) / length, math.cos(angle) / length),
                phase=float(rng.uniform(0, 2 * math.pi)),
                amplitude=(
                    float(amplitude * rng.uniform(0.3, 0.6)),
                    float(amplitude * rng.uniform(0.3, 0.6)),
                ),
            )
        )
    return tuple(waves)
