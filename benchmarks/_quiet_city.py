"""A simulated city on a quiet day: a bare square among buildings that lean with the view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.simulate import _pair as city
from imagery.simulate._displacement import make_displacement, origin_of
from imagery.simulate._frame import CENTRE, Frame, world
from imagery.simulate._passes import AFTER, BEFORE, Pass
from imagery.simulate._sensor import record, sample_lattice, sample_moved
from imagery.simulate._square import HALF_U, HALF_V, WALLED, WALLED_SIDES

AREA_KM2 = 4 * HALF_U * HALF_V / 1e6


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of the town as an area of interest."""

    u: float = 0.0
    v: float = 0.0
    half_u: float = HALF_U
    half_v: float = HALF_V

    @property
    def area_m2(self) -> float:
        return 4 * self.half_u * self.half_v

    def bounds(self, crs: object) -> tuple[float, float, float, float]:
        ends = np.array([(self.u + a, self.v + b) for a, b in self._corners()])
        x, y = world(ends)
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())

    def mask(self, geobox: GeoBox) -> NDArray[np.bool_]:
        rows, cols = (np.arange(length) + 0.5 for length in geobox.shape)
        east = geobox.affine.c + geobox.affine.a * cols[None] - CENTRE[0]
        north = geobox.affine.f + geobox.affine.e * rows[:, None] - CENTRE[1]
        (u_east, v_east), (u_north, v_north) = world(np.eye(2)) - np.array(CENTRE)[:, None]
        return np.asarray(
            (np.abs(east * u_east + north * u_north - self.u) <= self.half_u)
            & (np.abs(east * v_east + north * v_north - self.v) <= self.half_v)
        )

    def _corners(self) -> list[tuple[float, float]]:
        return [(a * self.half_u, b * self.half_v) for a in (-1, 1) for b in (-1, 1)]


SQUARE = Rectangle()
EVENT = tuple(Rectangle(u, v, WALLED_SIDES[0] / 2, WALLED_SIDES[1] / 2) for u, v in WALLED)
"""The walled rectangles that ``parade_ground`` plants on the square."""


def numbered(rectangles: tuple[Rectangle, ...], geobox: GeoBox) -> NDArray[np.int32]:
    """The number, from 1, of the rectangle at each pixel; 0 elsewhere."""
    truth = np.zeros(geobox.shape, np.int32)
    for number, rectangle in enumerate(rectangles, 1):
        truth[rectangle.mask(geobox)] = number
    return truth


def write_quiet(folder: Path, *, seed: int, pair: int, size: int) -> tuple[Path, Path]:
    """A pair of the town of ``parade_ground(seed=seed)``, with neither event, cloud nor gap.

    Both views lean as the demo's do, each by chance; vehicles stand where they stand by chance.
    """
    folder.mkdir(parents=True, exist_ok=True)
    frame, streams = Frame(size), np.random.default_rng(seed).spawn(12)
    own = np.random.default_rng([seed, pair])
    chance = own.spawn(12)
    town = replace(city._town(streams), new_solids=(), new_surfaces=(), planted=())
    there = own.random((2, len(town.vehicles))) < 0.5
    vehicles = tuple(
        replace(vehicle, before=bool(one), after=bool(two))
        for vehicle, one, two in zip(town.vehicles, *there, strict=True)
    )
    plan = replace(town, vehicles=vehicles).seen_from(frame)
    ground = city.make_ground(frame, plan.surfaces, streams[4])
    stamps = city.Stamps(streams[5])
    origin = origin_of(make_displacement(size, chance[6]), size)
    for number, usual in enumerate((BEFORE, AFTER)):
        view = _leaning(usual, own)
        scene, _ = city._render(frame, ground, plan, view, stamps, chance[7 + number])

        def sampled(band: int, scene=scene, view=view):  # type: ignore[no-untyped-def]
            if view.role == "before":
                return sample_lattice(scene(band), size, view.psf)
            return sample_moved(scene(band), origin, view.psf)

        counts = record(sampled, view, chance[9 + number])
        city._write_scene(folder, counts, frame, view)
    return folder / "before.tif", folder / "after.tif"


def _leaning(usual: Pass, rng: np.random.Generator) -> Pass:
    return replace(
        usual,
        off_nadir=float(rng.uniform(6, 17)),
        view_azimuth=float(rng.uniform(250, 300)),
    )
