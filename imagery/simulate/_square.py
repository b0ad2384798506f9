"""The parade ground, what surrounds it, and what is planted on it."""

from __future__ import annotations

import numpy as np

from imagery.simulate._frame import Points, box, span
from imagery.simulate._plan import Draft, Plan, Planted, Solid, Surface, Tree

HALF_U, HALF_V = 110.0, 170.0
"""Half the sides of the paved square in metres: 74,800 m2."""

WALLED = ((-6.0, 34.0), (4.0, -36.0))
WALLED_SIDES = (34.0, 22.0)
WALL_THICKNESS, WALL_HEIGHT = 1.3, 3.4

PEN_SIDES = (4.0, 12.0)


def paved_square() -> Planted:
    """The outline of the pavement: the area that an analyst would draw."""
    return Planted("area", "Kim Il Sung Square (simulated)", box(0.0, 0.0, 2 * HALF_U, 2 * HALF_V))


def parade_ground_plan(rng: np.random.Generator) -> Plan:
    """The square with the buildings on its four sides and the river bank."""
    draft = Draft()
    _ground(draft)
    _markings(draft)
    _study_house(draft)
    _flanks(draft)
    _museums(draft)
    _boats(draft)
    _greenery(draft, rng)
    return draft.plan()


def planted_plan(rng: np.random.Generator) -> Plan:
    """What only the later image shows: two walled rectangles and the staging pens."""
    plan = Plan()
    for number, (u, v) in enumerate(WALLED, start=1):
        plan += _walled(f"walled rectangle {number}", u, v, rng)
    for side, v in (("north", 148.0), ("south", -148.0)):
        for column in range(12):
            u = -77.0 + column * 14.0
            if rng.random() < 0.12:  # a row with gaps looks less like a lattice
                continue
            plan += _pen(f"pen {side} {column + 1}", u, v + float(rng.normal(0, 0.3)))
    return plan


def _walled(name: str, u: float, v: float, rng: np.random.Generator) -> Plan:
    """Four walls around a floor with a few stacks; the outline is the walls' outer one."""
    turn = float(rng.uniform(-1.5, 1.5))
    length, width = WALLED_SIDES
    thick = WALL_THICKNESS
    long_side, short_side = length - thick, width - thick
    bars = [
        (0.0, short_side / 2, length, thick),
        (0.0, -short_side / 2, length, thick),
        (long_side / 2, 0.0, thick, width - 2 * thick),
        (-long_side / 2, 0.0, thick, width - 2 * thick),
    ]
    centre = np.array([u, v])
    walls = tuple(
        Solid(
            _turned(box(du, dv, a, b), turn) + centre,
            WALL_HEIGHT,
            "wall_new",
            "wall_new",
            storey=0.0,
            parapet=False,
        )
        for du, dv, a, b in bars
    )
    outline = box(u, v, length, width, turn=turn)
    inside = box(u, v, length - 2 * thick, width - 2 * thick, turn=turn)
    stacks = tuple(
        Solid(
            _turned(box(du, float(rng.uniform(-6, 6)), 3.4, 1.8), turn) + centre,
            1.5,
            roof,
            storey=0.0,
            parapet=False,
        )
        for du, roof in ((-11.0, "roof_brown"), (-2.0, "roof_white"), (9.0, "roof_grey"))
    )
    return Plan(
        new_surfaces=(Surface("floor", inside),),
        new_solids=walls + stacks,
        planted=(Planted("walled_rectangle", name, outline),),
    )


def _pen(name: str, u: float, v: float) -> Plan:
    """A strip fenced with ropes on low posts."""
    length, width = PEN_SIDES
    line = 0.35
    ropes = [
        (0.0, (width - line) / 2, length, line),
        (0.0, -(width - line) / 2, length, line),
        ((length - line) / 2, 0.0, line, width),
        (-(length - line) / 2, 0.0, line, width),
    ]
    fence = tuple(
        Solid(box(u + du, v + dv, a, b), 1.1, "rope", "rope", storey=0.0, parapet=False)
        for du, dv, a, b in ropes
    )
    outline = box(u, v, length, width)
    return Plan(
        new_surfaces=(Surface("pen_floor", outline),),
        new_solids=fence,
        planted=(Planted("pen", name, outline),),
    )


def _turned(points: Points, turn: float) -> Points:
    angle = np.radians(turn)
    turned: Points = points @ np.array(
        [[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]
    )
    return turned


def _ground(draft: Draft) -> None:
    draft.lay("sidewalk", span(-116, 181, -253, 253))
    draft.lay("paving_light", span(-116, 116, -178, 178))
    draft.lay("paving", span(-HALF_U, HALF_U, -HALF_V, HALF_V))
    # The stairs and lawns between the square and the river.
    draft.lay("paving_light", span(110, 181, -46, 46))
    for v in (-34.0, 34.0):
        draft.lay("lawn", box(148, v, 52, 18))
    draft.lay("paving_red", box(130, 0, 3, 40))
    for sign in (-1, 1):
        draft.lay("lawn", box(149, sign * 211, 50, 66))
        draft.lay("paving_light", box(149, sign * 211, 50, 4))
        draft.lay("paving_light", box(149, sign * 211, 4, 66))
        draft.lay("paving_red", box(149, sign * 211, 14, 14))
    draft.lay("sidewalk", span(199, 216, -700, 700))
    draft.lay("lawn", span(206, 212, -700, -70), tone=0.9)
    draft.lay("lawn", span(206, 212, 70, 700))
    draft.lay("embankment", span(216, 225, -700, 700))
    draft.lay("sidewalk", span(216, 218, -700, 700), tone=1.15)
    draft.lay("water", span(225, 900, -700, 700))
    for step in range(6):
        draft.lay("paving_light", box(219 + 1.4 * step, 0, 0.7, 66), tone=1.2 - 0.1 * (step % 2))


def _markings(draft: Draft) -> None:
    """Painted rows of dots and the lines of the march route."""
    for u in np.arange(-100.0, 101.0, 10.0):
        for v in np.arange(-160.0, 161.0, 10.0):
            draft.lay("mark", box(float(u), float(v), 0.55, 0.55))
    for u in (-98.0, -88.0, -74.0):
        draft.lay("mark", box(u, 0.0, 0.3, 2 * HALF_V - 10), tone=0.82)
    for v in (-166.0, 166.0):
        draft.lay("mark", box(0.0, v, 2 * HALF_U - 12, 0.35), tone=0.82)
    for v in (-120.0, -60.0, 60.0, 120.0):
        draft.lay("paving_light", box(0.0, v, 2 * HALF_U, 1.1), tone=0.88)
    draft.lay("paving_light", box(104.0, 0.0, 1.4, 2 * HALF_V), tone=0.9)


def _study_house(draft: Draft) -> None:
    """The big house of green roofs on its terraces, with the reviewing stand before it."""
    draft.lay("lawn", span(-334, -146, -103, 103))
    draft.lay("paving_light", span(-318, -150, -82, 82))
    draft.lay("lawn", box(-196, -62, 26, 30))
    draft.lay("lawn", box(-196, 62, 26, 30))
    draft.lay("sidewalk", box(-196, 0, 40, 46))
    draft.lay("fountain", box(-196, -14, 16, 7))
    draft.lay("fountain", box(-196, 14, 16, 7))

    def hall(u: float, v: float, a: float, b: float, height: float, ridge: float) -> None:
        corners = box(u, v, a, b)
        draft.build([Solid(corners, height, "roof_teal", "facade_light", ridge=ridge)])

    for v in (-52.0, 52.0):
        hall(-236.0, v, 24.0, 30.0, 17.0, 5.0)
        hall(-292.0, v, 24.0, 30.0, 17.0, 5.0)
        hall(-264.0, v, 30.0, 42.0, 24.0, 6.0)
    hall(-232.0, 0.0, 20.0, 62.0, 21.0, 5.0)
    hall(-296.0, 0.0, 20.0, 62.0, 21.0, 5.0)
    hall(-264.0, 0.0, 42.0, 58.0, 30.0, 7.0)
    hall(-264.0, 0.0, 24.0, 34.0, 38.0, 6.0)
    stand = Solid(box(-160, 0, 14, 58), 8.0, "roof_white", "facade_light", tone=0.8)
    terrace = Solid(box(-151, 0, 4, 66), 3.5, "roof_concrete", "facade_light", parapet=False)
    draft.build([stand, terrace])
    for v in (-56.0, 56.0):
        for step in range(5):
            draft.lay("paving_light", box(-162 + 2.4 * step, v, 1.2, 42), tone=1.1)


def _flanks(draft: Draft) -> None:
    """The ministries on the short sides of the square."""
    for sign, roof in ((1, "roof_concrete"), (-1, "roof_grey")):
        v = sign * 208.0
        body = Solid(box(0, v, 176, 19), 27.0, roof, "facade_warm")
        draft.build([body])
        for u in (-96.0, 96.0):
            draft.build([Solid(box(u, v, 15, 34), 31.0, "roof_concrete", "facade_warm")])
        middle = box(0, v, 40, 24)
        draft.build([Solid(middle, 33.0, "roof_beige", "facade_warm", tone=0.9)])
        for u in (-70.0, -48.0, 44.0, 66.0):
            draft.build(
                [Solid(box(u, v, 8, 5), 30.5, "roof_white", base=27.0, storey=0.0, tone=0.7)]
            )
        draft.lay("lawn", box(-52, sign * 187.0, 70, 8))
        draft.lay("lawn", box(52, sign * 187.0, 70, 8))
        draft.lay("asphalt", span(-110, 110, sign * 226, sign * 246))


def _boats(draft: Draft) -> None:
    for v, length in ((-58.0, 34.0), (62.0, 27.0), (-238.0, 16.0)):
        draft.build([Solid(box(229.5, v, 6.5, length), 2.2, "roof_white", "roof_white", tone=0.85)])
        cabin = box(229.5, v - 2.0, 4.4, length * 0.6)
        draft.build([Solid(cabin, 5.0, "roof_beige", "facade_light", base=2.2)])


def _museums(draft: Draft) -> None:
    """Two houses around courtyards between the square and the river."""
    for sign, roof in ((1, "roof_beige"), (-1, "roof_concrete")):
        v = sign * 112.0
        draft.lay("yard", box(144, v, 52, 112))
        for u in (124.0, 164.0):
            draft.build([Solid(box(u, v, 13, 104), 19.0, roof, "facade_light")])
        for dv in (-45.0, 45.0):
            draft.build([Solid(box(144, v + dv, 27, 14), 19.0, roof, "facade_light")])
        draft.build([Solid(box(144, v, 20, 44), 11.0, "roof_bitumen", "facade_grey")])
        draft.build([Solid(box(124, v, 16, 30), 24.0, roof, "facade_light", ridge=4.0)])


def _greenery(draft: Draft, rng: np.random.Generator) -> None:
    def row(u: float, v: float, du: float, dv: float, count: int, radius: float) -> None:
        for k in range(count):
            jitter = rng.normal(0, 0.5, 2)
            size = radius * float(rng.uniform(0.7, 1.25))
            draft.trees.append(
                Tree(
                    u + k * du + jitter[0],
                    v + k * dv + jitter[1],
                    size,
                    2.2 * size + 1.0,
                    int(rng.integers(3)),
                )
            )

    for sign in (-1, 1):
        row(-104, sign * 182.5, 8.5, 0, 25, 2.7)
        row(-84, sign * 190.0, 10.0, 0, 17, 2.2)
        row(122, sign * 42.0, 7.5, 0, 8, 2.6)
        row(126, sign * 26.5, 7.5, 0, 7, 2.3)
        row(209, sign * 74.0, 0, sign * 8.5, 55, 3.1)
        row(203, sign * 60.0, 0, sign * 9.5, 52, 2.4)
        row(176, sign * 60.0, 0, sign * 8.0, 24, 2.6)
        for _ in range(70):
            u, v = rng.uniform(126, 172), rng.uniform(180, 242)
            if min(abs(u - 149), abs(v - 211)) > 5 and np.hypot(u - 149, v - 211) > 13:
                row(u, sign * v, 0, 0, 1, 2.8)
    # The wooded slopes of the study house's hill.
    for _ in range(520):
        u, v = rng.uniform(-332, -150), rng.uniform(-101, 101)
        if (-312 < u < -212 and abs(v) < 78) or (u >= -218 and abs(v) < 82):
            continue
        size = float(rng.uniform(2.0, 4.2))
        draft.trees.append(Tree(u, v, size, 2.1 * size + 1.5, int(rng.integers(3))))
