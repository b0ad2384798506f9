"""The town as values: surfaces, solids, trees, vehicles and what is planted, in town metres."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from imagery.simulate._frame import OVERSAMPLING, PIXEL, Frame, Points, box


@dataclass(frozen=True, eq=False)
class Surface:
    """A flat polygon of one material on the ground."""

    material: str
    corners: Points
    tone: float = 1.0


@dataclass(frozen=True, eq=False)
class Solid:
    """An upright prism with a convex footprint, its corners anticlockwise.

    ``base`` is the height that it stands on, ``height`` that of its roof above the ground.  A
    hipped roof rises by ``ridge`` metres more (footprints of four corners only).
    """

    corners: Points
    height: float
    roof: str
    facade: str = "facade_grey"
    base: float = 0.0
    ridge: float = 0.0
    tone: float = 1.0
    storey: float = 3.2
    """Height of a storey in metres; 0 for a blank wall."""

    parapet: bool = True


@dataclass(frozen=True)
class Tree:
    """A crown of ``radius`` metres around (u, v)."""

    u: float
    v: float
    radius: float
    height: float
    species: int


@dataclass(frozen=True)
class Vehicle:
    """A vehicle that stands at (u, v), turned anticlockwise from the u axis by ``turn`` degrees."""

    u: float
    v: float
    turn: float
    colour: str
    length: float = 4.5
    width: float = 1.9
    height: float = 1.5
    before: bool = True
    after: bool = True

    @property
    def corners(self) -> Points:
        return box(self.u, self.v, self.length, self.width, turn=self.turn)


@dataclass(frozen=True, eq=False)
class Planted:
    """Something that only one of the images shows, by its outline on the ground."""

    kind: str
    name: str
    outline: Points


@dataclass(frozen=True)
class Plan:
    """All that stands and lies in the town."""

    surfaces: tuple[Surface, ...] = ()
    solids: tuple[Solid, ...] = ()
    trees: tuple[Tree, ...] = ()
    vehicles: tuple[Vehicle, ...] = ()
    new_surfaces: tuple[Surface, ...] = ()
    """Surfaces of the later image only, over all the others."""

    new_solids: tuple[Solid, ...] = ()
    """Solids of the later image only."""

    planted: tuple[Planted, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        return Plan(
            self.surfaces + other.surfaces,
            self.solids + other.solids,
            self.trees + other.trees,
            self.vehicles + other.vehicles,
            self.new_surfaces + other.new_surfaces,
            self.new_solids + other.new_solids,
            self.planted + other.planted,
        )

    def seen_from(self, frame: Frame) -> Plan:
        """The plan without what cannot touch the frame's scene."""
        side = frame.side

        def seen(points: Points, *, more: float = 0.0) -> bool:
            rows, cols = frame.scene(points)
            margin = more / PIXEL * OVERSAMPLING
            low, high = -margin, side + margin
            return bool(
                rows.max() > low and cols.max() > low and rows.min() < high and cols.min() < high
            )

        return replace(
            self,
            surfaces=tuple(item for item in self.surfaces if seen(item.corners)),
            solids=tuple(item for item in self.solids if seen(item.corners, more=item.height)),
            trees=tuple(
                item for item in self.trees if seen(np.array([[item.u, item.v]]), more=12.0)
            ),
            vehicles=tuple(item for item in self.vehicles if seen(item.corners, more=3.0)),
        )


@dataclass
class Draft:
    """A plan in the making: what the builders of the town append to."""

    surfaces: list[Surface] = field(default_factory=list)
    solids: list[Solid] = field(default_factory=list)
    trees: list[Tree] = field(default_factory=list)
    vehicles: list[Vehicle] = field(default_factory=list)

    def lay(self, material: str, corners: Points, *, tone: float = 1.0) -> None:
        self.surfaces.append(Surface(material, corners, tone))

    def build(self, solids: Iterable[Solid]) -> None:
        self.solids.extend(solids)

    def plan(self) -> Plan:
        return Plan(
            tuple(self.surfaces), tuple(self.solids), tuple(self.trees), tuple(self.vehicles)
        )
