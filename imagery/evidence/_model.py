"""What is known of each region, and what follows: traits, verdicts, evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from imagery.record import StepRecord

State = Literal["flagged", "clear", "untested"]
Vector = tuple[float, float]
"""(rows, cols)."""

Floats = NDArray[np.float64]

BEFORE, AFTER = 0, 1
"""Places of the two dates along an axis."""

COUNT, SUM, SQUARES = 0, 1, 2


@dataclass(frozen=True)
class Verdict:
    """What one test says of one region, and in one sentence why."""

    state: State
    sentence: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Traits:
    """Sums over regions, which add up tile by tile; the first axis counts regions.

    Values are in the earlier scene's radiometry.
    """

    pixels: Floats
    """Shape (n,): seen in both scenes."""

    moments: Floats
    """Shape (n, 5): rows, cols, rows², rows x cols, cols² of the pixels, from the display."""

    inside: Floats
    """Shape (n, 2 dates, 2, bands): sum and sum of squares."""

    ring_pixels: Floats
    """Shape (n,): of the ring around it, outside of all regions."""

    ring: Floats
    """Shape (n, 2 dates, 2, bands): as ``inside``."""

    side_pixels: Floats
    """Shape (n, 2 suns, 2 sides): of the ring towards the sun of either date, and away."""

    sides: Floats
    """Shape (n, 2 suns, 2 sides, 2 dates, bands): sums."""

    outline_pixels: Floats
    outline: Floats
    """Shape (n, 2 dates): gradient across the outline, in units of the noise."""

    texture: Floats
    """Shape (n, 2 dates): gradient across any line in the ring, likewise."""

    gradient: Floats
    """Shape (n, 2 dates, bands, 2): sum of the gradient along rows and cols inside."""

    energy: Floats
    """Shape (n, 2): squared difference, of all bands, and of their mean, in units of noise."""

    displaced: Floats
    """Shape (n, displacements): what is left of the latter where one image is displaced."""

    saturated: Floats
    """Shape (n, 2 dates): pixels."""

    steps: Floats
    """Shape (n, 2 dates, 2, 3): count, sum and sum of squares of steps between neighbours, across
    the borders of blocks of 8 x 8 pixels, and elsewhere."""

    seam: Floats
    """Shape (n,): pixels at a seam of the alignment."""

    @classmethod
    def none(cls, count: int, *, bands: int, displacements: int) -> Self:
        """Zeros for so many regions."""
        shapes: dict[str, tuple[int, ...]] = {
            "pixels": (),
            "moments": (5,),
            "inside": (2, 2, bands),
            "ring_pixels": (),
            "ring": (2, 2, bands),
            "side_pixels": (2, 2),
            "sides": (2, 2, 2, bands),
            "outline_pixels": (),
            "outline": (2,),
            "texture": (2,),
            "gradient": (2, bands, 2),
            "energy": (2,),
            "displaced": (displacements,),
            "saturated": (2,),
            "steps": (2, 2, 3),
            "seam": (),
        }
        return cls(**{name: np.zeros((count, *shape)) for name, shape in shapes.items()})

    def add(self, at: NDArray[np.int64], part: Traits) -> None:
        """Add a tile's sums at the regions that it holds; in place."""
        for field in fields(self):
            getattr(self, field.name)[at] += getattr(part, field.name)

    def of(self, number: int) -> Traits:
        """The sums of one region, without the first axis."""
        return Traits(**{f.name: getattr(self, f.name)[number] for f in fields(self)})

    def mean(self, date: int) -> Floats:
        """Mean of each band inside one region."""
        return np.asarray(self.inside[date, 0] / max(float(self.pixels), 1))

    def ring_mean(self, date: int) -> Floats:
        """Mean of each band in the ring of one region."""
        return np.asarray(self.ring[date, 0] / max(float(self.ring_pixels), 1))

    def ring_spread(self, date: int) -> Floats:
        """Standard deviation of each band in the ring of one region."""
        count = max(float(self.ring_pixels), 1)
        mean = self.ring[date, 0] / count
        return np.asarray(np.sqrt(np.maximum(self.ring[date, 1] / count - mean**2, 0)))

    def extent(self, direction: Vector) -> float:
        """Length in px of one region along a unit vector: that of a bar of the same spread."""
        row, col, rows, both, cols = self.moments / max(float(self.pixels), 1)
        dr, dc = direction
        spread = (
            dr * dr * (rows - row * row)
            + 2 * dr * dc * (both - row * col)
            + dc * dc * (cols - col * col)
        )
        # 1 / 12 is the variance of a pixel itself.
        return float(np.sqrt(12 * max(spread, 0.0) + 1))


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Kind and verdicts of every region, in the order of their ids."""

    kinds: tuple[str, ...]
    kind_reasons: tuple[str, ...]
    verdicts: tuple[Mapping[str, Verdict], ...]
    """By flag."""

    def __len__(self) -> int:
        return len(self.kinds)

    def flags(self, number: int) -> tuple[str, ...]:
        """The flags raised on the region with the id ``number``."""
        return self._in_state(number, "flagged")

    def untested(self, number: int) -> tuple[str, ...]:
        """The flags that could not be evaluated there."""
        return self._in_state(number, "untested")

    def reasons(self, number: int) -> str:
        """Why it is of its kind, and why it is flagged, in a few sentences."""
        raised = self.verdicts[number - 1]
        told = [self.kind_reasons[number - 1]]
        told += [f"{name}: {raised[name].sentence}" for name in self.flags(number)]
        return " ".join(told)

    def _in_state(self, number: int, state: State) -> tuple[str, ...]:
        told = self.verdicts[number - 1]
        return tuple(name for name, verdict in told.items() if verdict.state == state)

    @property
    def record(self) -> StepRecord:
        """How many regions are of each kind, and how many each test flags, clears, leaves."""
        tests: dict[str, dict[str, Any]] = {}
        for told in self.verdicts:
            for name, verdict in told.items():
                entry = tests.setdefault(name, {"flagged": 0, "clear": 0, "untested": 0})
                entry[verdict.state] += 1
                if verdict.state == "untested":
                    entry.setdefault("why_untested", verdict.sentence)
        return StepRecord(
            step="evidence",
            numbers={"kinds": dict(sorted(Counter(self.kinds).items())), "tests": tests},
        )
