"""A displacement that breaks along seams, as in a mosaic of several acquisitions, as a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.shift import Shift


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """Which part of an area each pixel lies in: that of the nearest node of a lattice."""

    origin: tuple[float, float]
    """(row, col) of the first node on the working grid."""

    spacing: float
    """Distance between nodes in px."""

    labels: NDArray[np.uint8]
    """Number of the part of each node, shape (node rows, node cols); held outside of them."""

    @property
    def count(self) -> int:
        """Parts, those that no node lies in among them."""
        return int(self.labels.max()) + 1

    @property
    def nodes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the nodes' rows and cols lie, px."""
        rows, cols = (
            start + self.spacing * np.arange(count)
            for start, count in zip(self.origin, self.labels.shape, strict=True)
        )
        return rows, cols

    def on_grid(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The part where every of ``rows`` meets every of ``cols``; shape (rows, cols)."""
        return self.labels[self._nearest(rows, 0)[:, None], self._nearest(cols, 1)[None, :]]

    def at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.uint8]:
        """The part at points; shape (points,)."""
        return self.labels[self._nearest(rows, 0), self._nearest(cols, 1)]

    def _nearest(self, positions: NDArray[np.float64], axis: int) -> NDArray[np.intp]:
        number = np.floor((positions - self.origin[axis]) / self.spacing + 0.5)
        return np.asarray(np.clip(number, 0, self.labels.shape[axis] - 1).astype(np.intp))


@dataclass(frozen=True, kw_only=True, eq=False)
class SeamedShift(Shift):
    """A shift that is another one in each part of the area.

    In the part of number 0 it is what it is as a :class:`Shift`; in those of numbers 1, 2, …, it
    is the first, the second, … of ``others``.
    """

    others: tuple[Shift, ...]
    parts: Parts

    @classmethod
    def of(cls, shifts: tuple[Shift, ...], parts: Parts) -> SeamedShift:
        """The shift of each part, the first of number 0.

        Raises
        ------
        ValueError
            If a part has no shift.
        """
        if parts.count > len(shifts):
            raise ValueError(f"{parts.count} parts, and {len(shifts)} shifts")
        first = shifts[0]
        return cls(
            centre=first.centre,
            scale=first.scale,
            linear=first.linear,
            knot_origin=first.knot_origin,
            knot_spacing=first.knot_spacing,
            coefficients=first.coefficients,
            others=tuple(shifts[1:]),
            parts=parts,
        )

    @property
    def shifts(self) -> tuple[Shift, ...]:
        """The shift of each part."""
        first = Shift(
            centre=self.centre,
            scale=self.scale,
            linear=self.linear,
            knot_origin=self.knot_origin,
            knot_spacing=self.knot_spacing,
            coefficients=self.coefficients,
        )
        return first, *self.others

    @property
    def zero(self) -> bool:
        """Whether nothing moves at all."""
        return all(shift.zero for shift in self.shifts)

    def rescaled(self, factor: float, *, origin: tuple[float, float]) -> SeamedShift:
        """The same move on a grid with ``factor`` px for one, as :meth:`Shift.rescaled`."""
        parts, (row, col) = self.parts, self.parts.origin
        return SeamedShift.of(
            tuple(shift.rescaled(factor, origin=origin) for shift in self.shifts),
            Parts(
                origin=(
                    (row + 0.5 - origin[0]) * factor - 0.5,
                    (col + 0.5 - origin[1]) * factor - 0.5,
                ),
                spacing=parts.spacing * factor,
                labels=parts.labels,
            ),
        )

    def on_grid(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shift where every of ``rows`` meets every of ``cols``; shape (2, rows, cols)."""
        return self._chosen(self.parts.on_grid(rows, cols), lambda s: s.on_grid(rows, cols))

    def at(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.float64]:
        """The shift at points; shape (2, points)."""
        return self._chosen(self.parts.at(rows, cols), lambda s: s.at(rows, cols))

    def _chosen(
        self, part: NDArray[np.uint8], evaluate: Callable[[Shift], NDArray[np.float64]]
    ) -> NDArray[np.float64]:
        shifts = self.shifts
        there = np.unique(part)
        found = evaluate(shifts[int(there[0]) if len(there) else 0])
        for number in there[1:]:
            found = np.where(part == number, evaluate(shifts[int(number)]), found)
        return found
