"""Blocks of buildings between the streets, by a few patterns and chance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from imagery.simulate._frame import box, span
from imagery.simulate._plan import Draft, Plan, Solid, Tree

_FLAT_ROOFS = (
    "roof_concrete", "roof_grey", "roof_bitumen", "roof_white", "roof_beige", "roof_blue",
)  # fmt: skip
_FLAT_SHARES = (0.30, 0.26, 0.16, 0.06, 0.18, 0.04)
_HIPPED_ROOFS = ("roof_tile", "roof_brown", "roof_teal", "roof_grey")
_HIPPED_SHARES = (0.42, 0.30, 0.12, 0.16)
_FACADES = ("facade_light", "facade_warm", "facade_grey")

_COLUMNS = ((-700.0, -477.0), (-463.0, -356.0))
_ROWS = ((-700.0, -467.0), (-453.0, -378.0), (-366.0, -271.0), (-253.0, -117.0))


@dataclass(frozen=True)
class Block:
    """The rectangle between streets that a pattern fills, in town metres."""

    u0: float
    u1: float
    v0: float
    v1: float

    @property
    def sides(self) -> tuple[float, float]:
        return self.u1 - self.u0, self.v1 - self.v0

    def inner(self, margin: float) -> Block:
        return Block(self.u0 + margin, self.u1 - margin, self.v0 + margin, self.v1 - margin)


def blocks_plan(rng: np.random.Generator) -> Plan:
    """Every block of the town that no plan of its own fills."""
    draft = Draft()
    patterns: tuple[Callable[[Draft, Block, np.random.Generator], None], ...] = (
        _perimeter, _slabs, _low_rise, _towers, _institution,
    )  # fmt: skip
    shares = np.array([0.32, 0.25, 0.19, 0.12, 0.12])
    last = 0
    for block in _blocks():
        draft.lay("yard", span(block.u0, block.u1, block.v0, block.v1))
        # Neighbours that look alike would look like copies.
        others = np.where(np.arange(5) == last, 0.1 * shares, shares)
        last = int(rng.choice(5, p=others / others.sum()))
        patterns[last](draft, block, rng)
    return draft.plan()


def _blocks() -> Iterator[Block]:
    rows = [*_ROWS, (-103.0, 103.0), *((-high, -low) for low, high in reversed(_ROWS))]
    for v0, v1 in rows:
        columns: list[tuple[float, float]] = list(_COLUMNS)
        if abs(v0 + v1) > 200:
            cut = [(-334.0, -245.0), (-235.0, -150.0)] if abs(v0 + v1) > 500 else [(-334.0, -150.0)]
            columns += cut
        if abs(v0 + v1) > 500:
            columns += [(-112.0, 25.0), (35.0, 177.0)]
        for u0, u1 in columns:
            yield from _cut(Block(u0 + 3.5, u1 - 3.5, v0 + 3.5, v1 - 3.5))


def _cut(block: Block) -> Iterator[Block]:
    """Long blocks are cut into pieces of at most 125 m."""
    a, b = block.sides
    if a >= b and a > 125:
        middle = (block.u0 + block.u1) / 2
        yield from _cut(Block(block.u0, middle - 3, block.v0, block.v1))
        yield from _cut(Block(middle + 3, block.u1, block.v0, block.v1))
    elif b > 125:
        middle = (block.v0 + block.v1) / 2
        yield from _cut(Block(block.u0, block.u1, block.v0, middle - 3))
        yield from _cut(Block(block.u0, block.u1, middle + 3, block.v1))
    else:
        yield block


def _house(
    rng: np.random.Generator,
    place: tuple[float, float, float, float],
    height: float,
    *,
    hipped: float = 0.25,
    turn: float = 0.0,
) -> list[Solid]:
    """One building with a roof by chance and what stands on it; ``place`` is u, v and sides."""
    u, v, a, b = place
    tone = float(rng.uniform(0.72, 1.22))
    facade = _FACADES[int(rng.integers(3))]
    turn += float(rng.normal(0, 0.4))
    if rng.random() < hipped and height < 24:
        roof = _HIPPED_ROOFS[int(rng.choice(4, p=_HIPPED_SHARES))]
        ridge = min(a, b) * float(rng.uniform(0.2, 0.32))
        return [Solid(box(u, v, a, b, turn=turn), height, roof, facade, ridge=ridge, tone=tone)]
    roof = _FLAT_ROOFS[int(rng.choice(6, p=_FLAT_SHARES))]
    solids = [Solid(box(u, v, a, b, turn=turn), height, roof, facade, tone=tone)]
    long_u = a >= b
    length = max(a, b)
    for offset in np.arange(-length / 2 + 7, length / 2 - 6, float(rng.uniform(13, 24))):
        size = rng.uniform(2.2, 4.2, 2)
        side = float(rng.uniform(-0.2, 0.2)) * min(a, b)
        du, dv = (float(offset), side) if long_u else (side, float(offset))
        angle = np.radians(turn)
        solids.append(
            Solid(
                box(
                    u + du * np.cos(angle) - dv * np.sin(angle),
                    v + du * np.sin(angle) + dv * np.cos(angle),
                    float(size[0]), float(size[1]), turn=turn,
                ),
                height + float(rng.uniform(1.8, 3.2)),
                "roof_concrete" if roof != "roof_concrete" else "roof_white",
                base=height, tone=float(rng.uniform(0.7, 1.1)), storey=0.0, parapet=False,
            )
        )  # fmt: skip
    return solids


def _perimeter(draft: Draft, block: Block, rng: np.random.Generator) -> None:
    """Slabs along the four sides with gaps, a yard with trees and sheds inside."""
    inner = block.inner(3.0)
    a, b = inner.sides
    deep = float(rng.uniform(11, 14))
    floors = float(rng.uniform(5, 9)) * 3.1
    u, v = (inner.u0 + inner.u1) / 2, (inner.v0 + inner.v1) / 2
    gap = float(rng.uniform(7, 13))
    sides = [
        (u, inner.v0 + deep / 2, a, deep),
        (u, inner.v1 - deep / 2, a, deep),
        (inner.u0 + deep / 2, v, deep, b - 2 * deep - 2 * gap),
        (inner.u1 - deep / 2, v, deep, b - 2 * deep - 2 * gap),
    ]
    for place in sides:
        if min(place[2:]) < 8 or rng.random() < 0.06:
            continue
        height = floors if rng.random() < 0.6 else floors * float(rng.uniform(0.7, 1.3))
        draft.build(_house(rng, place, height))
    yard = inner.inner(deep + 4)
    _yard(draft, yard, rng, sheds=3)


def _slabs(draft: Draft, block: Block, rng: np.random.Generator) -> None:
    """Parallel slabs with strips of green between."""
    inner = block.inner(4.0)
    a, b = inner.sides
    lengthwise = a >= b if rng.random() < 0.7 else a < b
    across, along = (b, a) if lengthwise else (a, b)
    deep, pitch = 12.0, float(rng.uniform(27, 36))
    count = max(1, int((across - deep) // pitch) + 1)
    step = (across - deep) / max(1, count - 1) if count > 1 else 0.0
    floors = float(rng.uniform(5, 11)) * 3.0
    for number in range(count):
        t = deep / 2 + number * step
        length = along * float(rng.uniform(0.8, 1.0))
        s = along / 2 + (along - length) * float(rng.uniform(-0.5, 0.5))
        place = (
            (inner.u0 + s, inner.v0 + t, length, deep)
            if lengthwise
            else (inner.u0 + t, inner.v0 + s, deep, length)
        )
        draft.build(_house(rng, place, floors, hipped=0.12))
        if number < count - 1:
            t += step / 2
            strip = (
                box(inner.u0 + along / 2, inner.v0 + t, along * 0.9, (step - deep) * 0.5)
                if lengthwise
                else box(inner.u0 + t, inner.v0 + along / 2, (step - deep) * 0.5, along * 0.9)
            )
            draft.lay("grass", strip)
            low, high = strip.min(axis=0), strip.max(axis=0)
            _trees(draft, Block(low[0], high[0], low[1], high[1]), rng, 0.010)


def _low_rise(draft: Draft, block: Block, rng: np.random.Generator) -> None:
    """Small houses close together, with hipped roofs and narrow lanes."""
    inner = block.inner(2.5)
    v = inner.v0
    while v < inner.v1 - 8:
        b = float(rng.uniform(8, 11))
        u = inner.u0 + float(rng.uniform(0, 4))
        while u < inner.u1 - 8:
            a = min(float(rng.uniform(9, 21)), inner.u1 - u)
            if rng.random() < 0.87 and v + b < inner.v1 and a > 7:
                place = (u + a / 2, v + b / 2, a, b)
                draft.build(_house(rng, place, float(rng.uniform(3.2, 6.5)), hipped=0.78))
            elif rng.random() < 0.7:
                _trees(draft, Block(u, u + a, v, v + b), rng, 0.02)
            u += a + float(rng.uniform(1.4, 3.6))
        v += b + float(rng.uniform(2.6, 6.0))
    _trees(draft, inner, rng, 0.0025)


def _towers(draft: Draft, block: Block, rng: np.random.Generator) -> None:
    """High points over a low podium, with lawns."""
    inner = block.inner(5.0)
    a, b = inner.sides
    draft.lay("lawn", span(inner.u0, inner.u1, inner.v0, inner.v1))
    _trees(draft, inner, rng, 0.006)
    middle = ((inner.u0 + inner.u1) / 2, (inner.v0 + inner.v1) / 2)
    draft.lay("paving_light", box(*middle, a * 0.72, b * 0.66))
    draft.build(_house(rng, (*middle, a * 0.6, b * 0.4), 8.0, hipped=0.0))
    for sign in (-1, 1):
        u = middle[0] + sign * a * 0.27
        side = float(rng.uniform(17, 22))
        height = float(rng.uniform(44, 68))
        draft.build(_house(rng, (u, middle[1], side, side), height, hipped=0.0))


def _institution(draft: Draft, block: Block, rng: np.random.Generator) -> None:
    """One large house with wings, a forecourt, lawns and a car park."""
    inner = block.inner(5.0)
    a, b = inner.sides
    draft.lay("lawn", span(inner.u0, inner.u1, inner.v0, inner.v1))
    _trees(draft, inner, rng, 0.005)
    u, v = (inner.u0 + inner.u1) / 2, (inner.v0 + inner.v1) / 2
    draft.lay("paving", box(u, v, a * 0.84, b * 0.84))
    draft.lay("asphalt", box(u, inner.v0 + b * 0.16, a * 0.6, b * 0.14))
    height = float(rng.uniform(13, 24))
    draft.build(_house(rng, (u, v, a * 0.66, b * 0.22), height, hipped=0.2))
    for sign in (-1, 1):
        wing = (u + sign * a * 0.26, v + b * 0.22, a * 0.13, b * 0.2)
        draft.build(_house(rng, wing, height * 0.8, hipped=0.2))


def _yard(draft: Draft, yard: Block, rng: np.random.Generator, *, sheds: int) -> None:
    a, b = yard.sides
    if min(a, b) < 10:
        return
    u, v = (yard.u0 + yard.u1) / 2, (yard.v0 + yard.v1) / 2
    if rng.random() < 0.6:
        draft.lay("grass", box(u, v, a * 0.6, b * 0.6))
    if rng.random() < 0.35:
        draft.lay("soil", box(u, v, a * 0.42, b * 0.36))
    _trees(draft, yard, rng, 0.010)
    for _ in range(sheds):
        place = (
            float(rng.uniform(yard.u0 + 4, yard.u1 - 4)),
            float(rng.uniform(yard.v0 + 3, yard.v1 - 3)),
            float(rng.uniform(5, 14)),
            float(rng.uniform(4, 6)),
        )
        draft.build(_house(rng, place, float(rng.uniform(2.8, 4.5)), hipped=0.4, turn=0.0))


def _trees(draft: Draft, block: Block, rng: np.random.Generator, density: float) -> None:
    """Trees by chance, ``density`` of them a square metre."""
    a, b = block.sides
    for _ in range(int(rng.poisson(max(0.0, a * b * density)))):
        u, v = float(rng.uniform(block.u0, block.u1)), float(rng.uniform(block.v0, block.v1))
        radius = float(rng.uniform(1.5, 3.6))
        draft.trees.append(Tree(u, v, radius, 2.1 * radius + 1.5, int(rng.integers(3))))
