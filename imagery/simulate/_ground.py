"""The bare ground that both dates share: materials, joints, stains and noise of many scales."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from imagery.simulate._frame import Frame
from imagery.simulate._materials import LABELS, members, roughness
from imagery.simulate._plan import Surface
from imagery.simulate._square import HALF_U, HALF_V

Plane = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Ground:
    """Planes of the scene, each of shape (row, col)."""

    label: NDArray[np.uint8]
    """Number of the material."""

    light: Plane
    """Factor on the material's reflectance."""

    fine: Plane
    """Noise with power at every scale, standard deviation 1."""

    stain: Plane
    """Noise of large blotches, standard deviation 1."""


def make_ground(frame: Frame, surfaces: Iterable[Surface], rng: np.random.Generator) -> Ground:
    """Lay the surfaces in their order and give them texture."""
    side = frame.side
    label = np.full((side, side), LABELS["yard"], dtype=np.uint8)
    light = np.ones((side, side), dtype=np.float32)
    lay(frame, surfaces, label, light)
    fine, stain = fractal_pair(side, rng, exponents=(0.95, 1.9))
    _mottle(label, fine, stain)
    _pave(frame, label, light, rng)
    _ripple(label, light, fine)
    light *= texture(label, fine, stain)
    # Grain at the scale of a scene pixel: what a fractal lacks at its fine end.
    light *= 1 + 0.035 * rng.standard_normal((side, side), dtype=np.float32)
    return Ground(label, light, fine, stain)


def lay(frame: Frame, surfaces: Iterable[Surface], label: NDArray[np.uint8], light: Plane) -> None:
    """Paint surfaces, in order, into planes that the caller owns."""
    for surface in surfaces:
        inside = covered(*frame.scene(surface.corners), shape=label.shape)
        label.reshape(-1)[inside] = LABELS[surface.material]
        light.reshape(-1)[inside] = surface.tone


def texture(label: NDArray[np.uint8], fine: Plane, stain: Plane) -> Plane:
    """The factor that the noise makes of each label's roughness."""
    rough = roughness()
    number = label.astype(np.intp)
    factor: Plane = rough[:, 0].copy().take(number)
    factor *= fine
    factor += 1
    stains = rough[:, 1].copy().take(number)
    stains *= stain
    factor += stains
    np.clip(factor, 0.35, 2.2, out=factor)
    return factor


def covered(
    rows: NDArray[np.float64], cols: NDArray[np.float64], *, shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """Flat indices of the pixels whose centre a convex polygon covers.

    A row is covered from the rightmost of the polygon's left sides to the leftmost of its right
    ones: the cost goes with the area, not with the bounding box, which counts for avenues that
    cross the scene aslant.
    """
    if cols.max() < 0 or cols.min() > shape[1] - 1:
        return np.empty(0, dtype=np.int64)
    first, last = max(0, int(np.ceil(rows.min()))), min(shape[0] - 1, int(np.floor(rows.max())))
    if last < first:
        return np.empty(0, dtype=np.int64)
    row = np.arange(first, last + 1, dtype=np.float64)
    low, high = np.full(row.shape, -0.5), np.full(row.shape, shape[1] - 0.5)
    corners = list(zip(rows.tolist(), cols.tolist(), strict=True))
    sides = [(*corners[k - 1], *corners[k]) for k in range(len(corners))]
    turn = sum(c0 * r1 - c1 * r0 for r0, c0, r1, c1 in sides)
    for r0, c0, r1, c1 in sides:
        if r0 == r1:
            continue
        crossing = c0 + (row - r0) * ((c1 - c0) / (r1 - r0))
        if (r1 > r0) == (turn > 0):
            np.minimum(high, crossing, out=high)
        else:
            np.maximum(low, crossing, out=low)
    start = np.ceil(low).astype(np.int64)
    count = np.maximum(0, np.floor(high).astype(np.int64) - start + 1)
    offset = np.cumsum(count) - count
    begin = row.astype(np.int64) * shape[1] + start - offset
    return np.repeat(begin, count) + np.arange(int(count.sum()), dtype=np.int64)


def fractal_pair(
    side: int, rng: np.random.Generator, *, exponents: tuple[float, float]
) -> tuple[Plane, Plane]:
    """Two independent fields of noise whose amplitude falls with frequency to a power.

    They are what the spectrum of natural scenes is like (Field 1987, J. Opt. Soc. Am. A 4, 2379).
    """
    size = fft.next_fast_len(side, real=True)
    frequency = np.hypot(
        fft.fftfreq(size).astype(np.float32)[:, None],
        fft.rfftfreq(size).astype(np.float32)[None, :],
    )
    # Nothing larger than some 250 m: the illumination of a town is flat.
    large = frequency < 1.0 / 1000.0
    frequency[0, 0] = 1.0
    scale = np.log(frequency)
    white = fft.rfft2(rng.standard_normal((size, size), dtype=np.float32))
    white[large] = 0
    fields: list[Plane] = []
    for exponent in exponents:
        field = fft.irfft2(white * np.exp(np.float32(-exponent) * scale), s=(size, size))
        # The same white noise, a third of the scene away, is as good as another.
        field = np.roll(field, (len(fields) * size // 3, len(fields) * size // 3), axis=(0, 1))
        field /= field[::4, ::4].std()
        fields.append(np.ascontiguousarray(field[:side, :side]))
    return fields[0], fields[1]


def _mottle(label: NDArray[np.uint8], fine: Plane, stain: Plane) -> None:
    """Break yards and lawns into patches of soil, grass and concrete."""
    patch = stain + 0.25 * fine
    yard = label == LABELS["yard"]
    label[yard & (patch > 0.9)] = LABELS["grass"]
    label[yard & (patch < -0.8)] = LABELS["soil"]
    grass = label == LABELS["grass"]
    label[grass & (patch < -0.75)] = LABELS["soil"]
    worn = (label == LABELS["lawn"]) & (patch < -2.3)
    label[worn] = LABELS["soil"]


def _pave(frame: Frame, label: NDArray[np.uint8], light: Plane, rng: np.random.Generator) -> None:
    """Slabs of slightly different tone, their joints, and the joints of larger bays."""
    stone = members(("paving", "paving_light", "sidewalk", "mark", "paving_red")).take(label)
    flat = np.flatnonzero(stone)
    rows, cols = np.divmod(flat, label.shape[1])
    u, v = frame.town(rows, cols)
    factor = np.ones(flat.shape, dtype=np.float32)
    for cell, spread, joint, depth in ((2.4, 0.028, 0.0, 0.0), (12.0, 0.035, 0.3, 0.10)):
        number_u, number_v = np.floor(u / cell), np.floor(v / cell)
        tones = rng.normal(1.0, spread, (64, 64)).astype(np.float32)
        factor *= tones[number_u.astype(np.int64) % 64, number_v.astype(np.int64) % 64]
        if joint:
            near = (u - number_u * cell < joint) | (v - number_v * cell < joint)
            factor[near] *= 1 - depth
    # The marching lanes along the western side are swept and worn by wheels.
    route = (np.abs(u + HALF_U - 24) < 13) & (np.abs(v) < HALF_V)
    factor[route] *= 0.93 + 0.035 * np.sin(u[route] * np.float32(2 * np.pi / 3.3))
    light.reshape(-1)[flat] *= factor


def _ripple(label: NDArray[np.uint8], light: Plane, fine: Plane) -> None:
    """Wavelets on the water, drawn out along the wind by averaging along rows."""
    water = label == LABELS["water"]
    if not water.any():
        return
    drawn = (fine + np.roll(fine, 3, axis=1) + np.roll(fine, 6, axis=1)) / 3
    light[water] *= 1 + 0.05 * drawn[water]
