"""Avenues with lane markings, crossings, vehicles and street trees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from imagery.simulate._frame import Points, box
from imagery.simulate._plan import Draft, Plan, Planted, Tree, Vehicle

COLOURS = ("white", "silver", "black", "blue", "red")
_SHARES = (0.30, 0.22, 0.28, 0.12, 0.08)


@dataclass(frozen=True)
class Street:
    """A straight street at ``position`` on the axis that it crosses, of so many lanes."""

    along: str
    """The town axis that it runs along, ``"u"`` or ``"v"``."""

    position: float
    width: float
    start: float
    stop: float
    lanes: int
    traffic: float
    """Vehicles a metre and lane."""

    trees: bool = True

    def point(self, s: float, t: float) -> tuple[float, float]:
        """(u, v) at ``s`` along the street and ``t`` across from its middle."""
        return (s, self.position + t) if self.along == "u" else (self.position + t, s)

    def strip(self, s: float, t: float, length: float, width: float) -> Points:
        """A rectangle with its middle at (s, t), ``length`` along the street."""
        u, v = self.point(s, t)
        return box(u, v, length, width) if self.along == "u" else box(u, v, width, length)


STREETS = (
    Street("v", -131.0, 30.0, -700.0, 700.0, 6, 0.010),
    Street("v", 190.0, 18.0, -700.0, 700.0, 4, 0.008),
    Street("v", -345.0, 22.0, -700.0, 700.0, 4, 0.009),
    Street("v", -470.0, 14.0, -700.0, 700.0, 2, 0.006),
    Street("u", 262.0, 18.0, -700.0, 181.0, 4, 0.009),
    Street("u", -262.0, 18.0, -700.0, 181.0, 4, 0.009),
    Street("u", 372.0, 12.0, -700.0, 181.0, 2, 0.007),
    Street("u", -372.0, 12.0, -700.0, 181.0, 2, 0.007),
    Street("u", 460.0, 14.0, -700.0, 181.0, 2, 0.007),
    Street("u", -460.0, 14.0, -700.0, 181.0, 2, 0.007),
    Street("u", 110.0, 14.0, -700.0, -146.0, 2, 0.007),
    Street("u", -110.0, 14.0, -700.0, -146.0, 2, 0.007),
    Street("v", 30.0, 9.0, 271.0, 700.0, 2, 0.003, trees=False),
    Street("v", 30.0, 9.0, -700.0, -271.0, 2, 0.003, trees=False),
    Street("v", -240.0, 9.0, 271.0, 700.0, 2, 0.003, trees=False),
    Street("v", -240.0, 9.0, -700.0, -271.0, 2, 0.003, trees=False),
)


def streets_plan(rng: np.random.Generator) -> Plan:
    """All streets, with the vehicles of both dates."""
    draft = Draft()
    for street in STREETS:
        middle, length = (street.start + street.stop) / 2, street.stop - street.start
        draft.lay("sidewalk", street.strip(middle, 0.0, length, street.width + 7.0))
    for street in STREETS:
        middle, length = (street.start + street.stop) / 2, street.stop - street.start
        draft.lay("asphalt", street.strip(middle, 0.0, length, street.width))
        lane = street.width / street.lanes
        for number in range(street.lanes):
            # Wheels wear a darker band into the middle of a lane.
            offset = (number + 0.5) * lane - street.width / 2
            draft.lay("lane", street.strip(middle, offset, length, lane * 0.5))
    for street in STREETS:
        _mend(draft, street, rng)
        _paint(draft, street)
        _traffic(draft, street, rng)
        if street.trees:
            _street_trees(draft, street, rng)
    _car_parks(draft, rng)
    return draft.plan()


def planted_vehicle(vehicle: Vehicle, number: int) -> Planted:
    """The record of a vehicle that only one of the dates shows."""
    kind = "bus" if vehicle.length > 8 else "car"
    fate = "appeared" if vehicle.after else "disappeared"
    return Planted(f"{kind}_{fate}", f"vehicle {number}", vehicle.corners)


def _crossings(street: Street) -> list[tuple[float, float]]:
    """Where other streets cross it: middle and half width, along it."""
    return [
        (other.position, other.width / 2 + 2.0)
        for other in STREETS
        if other.along != street.along
        and other.start - 10 <= street.position <= other.stop + 10
        and street.start <= other.position <= street.stop
    ]


def _free(s: float, crossings: list[tuple[float, float]], *, gap: float = 0.0) -> bool:
    return all(abs(s - middle) > half + gap for middle, half in crossings)


def _mend(draft: Draft, street: Street, rng: np.random.Generator) -> None:
    """Patches where the asphalt was opened and closed again."""
    for _ in range(int(rng.poisson((street.stop - street.start) * street.width / 900))):
        length, width = float(rng.uniform(2, 16)), float(rng.uniform(1.2, 3.2))
        s = float(rng.uniform(street.start, street.stop))
        t = float(rng.uniform(-0.5, 0.5)) * (street.width - width)
        draft.lay("asphalt", street.strip(s, t, length, width), tone=float(rng.normal(1, 0.11)))


def _paint(draft: Draft, street: Street) -> None:
    crossings = _crossings(street)
    lane = street.width / street.lanes
    for number in range(1, street.lanes):
        offset = number * lane - street.width / 2
        centre = 2 * number == street.lanes
        step, dash = (14.0, 13.0) if centre and street.lanes > 2 else (10.0, 4.0)
        for s in np.arange(street.start, street.stop, step):
            if _free(float(s), crossings, gap=8.0):
                draft.lay("paint", street.strip(float(s), offset, dash, 0.3), tone=0.75)
    for middle, half in crossings:
        if street.lanes < 4:
            continue
        for side in (-1, 1):
            for t in np.arange(-street.width / 2 + 0.8, street.width / 2 - 0.4, 1.2):
                bar = street.strip(middle + side * (half + 2.5), float(t), 4.0, 0.55)
                draft.lay("paint", bar, tone=0.8)


def _traffic(draft: Draft, street: Street, rng: np.random.Generator) -> None:
    crossings = _crossings(street)
    lane = street.width / street.lanes
    for number in range(street.lanes):
        offset = (number + 0.5) * lane - street.width / 2
        turn = (0.0 if street.along == "u" else 90.0) + (180.0 if number < street.lanes / 2 else 0)
        s = street.start + float(rng.exponential(1 / street.traffic))
        while s < street.stop:
            before = bool(rng.random() < 0.55)
            # What drives is elsewhere a week later: hardly ever is a vehicle in both images.
            after = not before or bool(rng.random() < 0.04)
            u, v = street.point(s, offset + float(rng.normal(0, 0.25)))
            if _free(s, crossings, gap=0.0):
                draft.vehicles.append(
                    _vehicle(u, v, turn + float(rng.normal(0, 1)), rng, before=before, after=after)
                )
            s += 9.0 + float(rng.exponential(2 / street.traffic))


def _vehicle(
    u: float, v: float, turn: float, rng: np.random.Generator, *, before: bool, after: bool
) -> Vehicle:
    colour = COLOURS[int(rng.choice(len(COLOURS), p=_SHARES))]
    if rng.random() < 0.09:
        return Vehicle(u, v, turn, "red" if colour == "red" else "white", 11.0, 2.5, 3.0,
                       before, after)  # fmt: skip
    length = 4.5 + float(rng.normal(0, 0.2))
    return Vehicle(u, v, turn, colour, length, 1.85, 1.5, before, after)


def _car_parks(draft: Draft, rng: np.random.Generator) -> None:
    """Rows of parked vehicles behind the ministries; some stay, some come and go."""
    for sign in (-1, 1):
        for row, v in enumerate((229.5, 242.5)):
            for u in np.arange(-104.0, 105.0, 2.9):
                draw = rng.random()
                if draw > 0.42:
                    continue
                before, after = draw < 0.34, draw > 0.08
                turn = 90.0 + 180.0 * row
                draft.vehicles.append(
                    _vehicle_parked(float(u), sign * v, turn, rng, before=before, after=after)
                )
            bars = np.arange(-105.5, 106.0, 2.9)
            for u in bars:
                draft.lay("paint", box(float(u), sign * v, 0.28, 4.8), tone=0.7)


def _vehicle_parked(
    u: float, v: float, turn: float, rng: np.random.Generator, *, before: bool, after: bool
) -> Vehicle:
    colour = COLOURS[int(rng.choice(len(COLOURS), p=_SHARES))]
    jitter = rng.normal(0, 0.15, 2)
    return Vehicle(
        u + jitter[0], v + jitter[1], turn + float(rng.normal(0, 1)), colour,
        before=before, after=after,
    )  # fmt: skip


def _street_trees(draft: Draft, street: Street, rng: np.random.Generator) -> None:
    crossings = _crossings(street)
    for side in (-1, 1):
        t = side * (street.width / 2 + 2.3)
        for place in np.arange(street.start, street.stop, 8.0):
            s = float(place + rng.normal(0, 0.6))
            u, v = street.point(s, t + float(rng.normal(0, 0.25)))
            beside_square = abs(v) < 178 and -117 < u < 117
            before_stand = -160 < u < -140 and abs(v) < 84
            if rng.random() < 0.18 or beside_square or before_stand:
                continue
            if not _free(s, crossings, gap=5.0):
                continue
            radius = float(rng.uniform(1.7, 3.4))
            draft.trees.append(Tree(u, v, radius, 2.2 * radius + 1.5, int(rng.integers(3))))
