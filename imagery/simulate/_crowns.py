"""Trees as a canopy of heights, lit by the sun."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from imagery.simulate._frame import OVERSAMPLING, PIXEL, heading
from imagery.simulate._ground import Plane
from imagery.simulate._materials import LABELS, TREES
from imagery.simulate._objects import BUILDING, CROWN, Canvas
from imagery.simulate._passes import Pass
from imagery.simulate._plan import Tree

_STEP = PIXEL / OVERSAMPLING
_VARIANTS = 6


class Stamps:
    """Crowns of every radius in scene pixels and of a few shapes, drawn once and reused."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._shapes = [
            (rng.uniform(0, 2 * np.pi, 4), rng.uniform(0.03, 0.13, 4), rng.normal(0, 1, (9, 9)))
            for _ in range(_VARIANTS)
        ]
        self.tones = rng.uniform(0.78, 1.25, 997).astype(np.float32)
        self._drawn: dict[tuple[int, int], Plane] = {}

    def crown(self, radius: int, variant: int) -> Plane:
        """Heights from 0 to 1, of shape (2 radius + 3, 2 radius + 3)."""
        key = (radius, variant)
        if key not in self._drawn:
            self._drawn[key] = self._draw(radius, variant)
        return self._drawn[key]

    def _draw(self, radius: int, variant: int) -> Plane:
        phases, sizes, bumps = self._shapes[variant]
        reach = radius + 1
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        angle = np.arctan2(y, x)
        edge = 1 + sum(
            size * np.sin((k + 2) * angle + phase)
            for k, (phase, size) in enumerate(zip(phases, sizes, strict=True))
        )
        distance = np.hypot(x, y) / (radius * edge)
        dome = np.sqrt(np.clip(1 - distance**2, 0, None))
        # Boughs: bumps of about a metre, whatever the crown's size.
        grid = (y // 4) % 9, (x // 4) % 9
        height: Plane = (dome * (1 + 0.18 * bumps[grid])).astype(np.float32)
        return np.clip(height, 0, 1.2)


def _spots(canvas: Canvas, trees: Sequence[Tree], move: float, toward: NDArray[np.float64]) -> (
    tuple[NDArray[np.int64], NDArray[np.int64]]
):  # fmt: skip
    """Scene rows and columns of the crowns' middles, moved by a share of their height."""
    places = np.array([(tree.u, tree.v) for tree in trees])
    heights = np.array([tree.height for tree in trees])
    rows, cols = canvas.frame.scene(places + heights[:, None] * move * toward)
    return np.rint(rows).astype(np.int64), np.rint(cols).astype(np.int64)


def plant_trees(
    canvas: Canvas, trees: Sequence[Tree], stamps: Stamps, view: Pass, rng: np.random.Generator
) -> None:
    """Cast the trees' shadows, then paint their crowns."""
    if not trees:
        return
    radii = [max(3, round(tree.radius / _STEP)) for tree in trees]
    variants = [number % _VARIANTS for number in range(len(trees))]
    for row, col, radius, variant in zip(
        *_spots(canvas, trees, 0.55, canvas.dark), radii, variants, strict=True
    ):
        here, there = _windows(int(row), int(col), radius, canvas.label.shape)
        canvas.shadow[here] |= CROWN * (stamps.crown(radius, variant)[there] > 0.3).astype(np.uint8)
    height = np.zeros(canvas.label.shape, dtype=np.float32)
    species = np.zeros(canvas.label.shape, dtype=np.uint8)
    tone = np.ones(canvas.label.shape, dtype=np.float32)
    spots = _spots(canvas, trees, 0.55, canvas.lean)
    for number, (row, col) in enumerate(zip(*spots, strict=True)):
        tree = trees[number]
        here, there = _windows(int(row), int(col), radii[number], canvas.label.shape)
        crown = stamps.crown(radii[number], variants[number])[there] * np.float32(tree.height)
        higher = crown > height[here]
        height[here][higher] = crown[higher]
        species[here][higher] = tree.species
        tone[here][higher] = stamps.tones[number % stamps.tones.size]
    _paint(canvas, height, species, tone, view, rng)


def _paint(
    canvas: Canvas,
    height: Plane,
    species: NDArray[np.uint8],
    tone: Plane,
    view: Pass,
    rng: np.random.Generator,
) -> None:
    width = height.shape[1]
    crown = np.flatnonzero(height > 0.8)
    flat = height.reshape(-1)
    down = flat.take(crown + width, mode="clip") - flat.take(crown - width, mode="clip")
    right = flat.take(crown + 1, mode="clip") - flat.take(crown - 1, mode="clip")
    # Half of the slope: leaves let light through, so that a crown is softer than a hill.
    slope = np.float32(0.5 / (2 * _STEP))
    toward = _sun_in_scene(canvas, view)
    facing = 1 - slope * (down * toward[0] + right * toward[1]) / np.tan(
        np.radians(view.sun_elevation)
    )
    facing /= np.sqrt(1 + (slope * down) ** 2 + (slope * right) ** 2)
    leaves = 1 + 0.16 * canvas.ground.fine.reshape(-1)[crown]
    leaves += 0.14 * rng.standard_normal(crown.shape, dtype=np.float32)
    light = np.clip(0.35 + 0.75 * facing, 0.25, 1.4) * leaves * tone.reshape(-1)[crown]
    numbers = np.array([LABELS[name] for name in TREES], dtype=np.uint8)
    canvas.label.reshape(-1)[crown] = numbers[species.reshape(-1)[crown]]
    canvas.light.reshape(-1)[crown] = np.clip(light, 0.2, 2.2)
    canvas.shadow.reshape(-1)[crown] &= BUILDING


def _sun_in_scene(canvas: Canvas, view: Pass) -> tuple[float, float]:
    """The unit vector (rows, cols) towards the sun."""
    ends = np.array([[0.0, 0.0], heading(view.sun_azimuth)])
    rows, cols = canvas.frame.scene(ends)
    return float(rows[1] - rows[0]) * _STEP, float(cols[1] - cols[0]) * _STEP


def _windows(
    row: int, col: int, radius: int, shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a stamp lies in the scene, and which part of the stamp that is."""
    reach = radius + 1
    here, there = [], []
    for middle, size in zip((row, col), shape, strict=True):
        low, high = max(0, middle - reach), max(0, min(size, middle + reach + 1))
        low = min(low, high)
        here.append(slice(low, high))
        there.append(slice(low - middle + reach, high - middle + reach))
    return (here[0], here[1]), (there[0], there[1])
