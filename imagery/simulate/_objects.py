"""What stands on the ground: shadows, leaning walls and roofs, crowns, vehicles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPoint, Polygon

from imagery.simulate._frame import Frame, Points, box, heading
from imagery.simulate._ground import Ground, Plane, covered
from imagery.simulate._materials import LABELS, roughness
from imagery.simulate._passes import Pass
from imagery.simulate._plan import Solid, Vehicle

BUILDING, CROWN = 1, 2
"""Bits of the shadow plane: what may fall on a crown, and what crowns and vehicles cast."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """Planes of one date, painted in place by the functions of this module."""

    frame: Frame
    label: NDArray[np.uint8]
    light: Plane
    shadow: NDArray[np.uint8]
    ground: Ground
    rough: NDArray[np.float32]
    """Roughness of every label."""

    lean: Points
    """Move (u, v), in metres, of a point by metre of its height, away from the satellite."""

    dark: Points
    """Move (u, v), in metres, of a shadow by metre of height, away from the sun."""

    @classmethod
    def over(cls, frame: Frame, ground: Ground, view: Pass) -> Canvas:
        """A canvas with nothing but the ground on it."""
        return cls(
            frame,
            ground.label.copy(),
            ground.light.copy(),
            np.zeros(ground.label.shape, dtype=np.uint8),
            ground,
            roughness(),
            heading(view.view_azimuth) * np.tan(np.radians(view.off_nadir)),
            -heading(view.sun_azimuth) / np.tan(np.radians(view.sun_elevation)),
        )

    def inside(self, corners: Points) -> NDArray[np.int64]:
        """Flat indices of the pixels under a convex polygon."""
        return covered(*self.frame.scene(corners), shape=self.label.shape)

    def fill(self, corners: Points, material: str, factor: float) -> NDArray[np.int64]:
        """Paint one material, textured; give the pixels."""
        inside = self.inside(corners)
        number = LABELS[material]
        fine, stain = self.rough[number]
        self.label.reshape(-1)[inside] = number
        self.light.reshape(-1)[inside] = factor * (
            1
            + fine * self.ground.fine.reshape(-1)[inside]
            + stain * self.ground.stain.reshape(-1)[inside]
        )
        return inside


def swept(corners: Points, first: Points, second: Points) -> Points:
    """The convex outline of a polygon that is moved from one offset to another."""
    hull = MultiPoint(np.concatenate([corners + first, corners + second])).convex_hull
    return np.asarray(hull.exterior.coords)[:-1]


def cast_shadows(canvas: Canvas, solids: Iterable[Solid]) -> None:
    """Darken the ground behind every solid that stands on it."""
    flat = canvas.shadow.reshape(-1)
    for solid in solids:
        if solid.base == 0:
            top = canvas.dark * (solid.height + 0.6 * solid.ridge)
            flat[canvas.inside(swept(solid.corners, 0 * top, top))] |= BUILDING


def raise_solids(canvas: Canvas, solids: Sequence[Solid], view: Pass) -> None:
    """Paint walls and roofs, the farthest from the satellite first.

    A roof leans away from the satellite over what lies behind it, so that the nearer solid is
    painted later.
    """
    groups: list[list[Solid]] = []
    for solid in solids:
        if solid.base == 0 or not groups:
            groups.append([])
        groups[-1].append(solid)

    def order(group: list[Solid]) -> tuple[float, float]:
        away = float(group[0].corners.mean(axis=0) @ canvas.lean)
        return -round(away, 1), group[0].height

    shades = _shades_on_roofs(canvas, [group[0] for group in groups])
    for group in sorted(groups, key=order):
        for solid in group:
            if solid.base > 0:
                top = canvas.dark * (solid.height - solid.base)
                at = solid.base * canvas.lean
                canvas.shadow.reshape(-1)[canvas.inside(swept(solid.corners, at, at + top))] |= (
                    BUILDING
                )
            _walls(canvas, solid, view)
            _roof(canvas, solid, view)
            for shade in shades.get(id(solid), ()):
                canvas.shadow.reshape(-1)[canvas.inside(shade)] |= BUILDING


def _shades_on_roofs(canvas: Canvas, solids: Sequence[Solid]) -> dict[int, list[Points]]:
    """Where taller neighbours darken a roof, as polygons on the image's ground."""
    shades: dict[int, list[Points]] = {}
    middles = np.array([solid.corners.mean(axis=0) for solid in solids])
    heights = np.array([solid.height for solid in solids])
    radii = np.array([np.ptp(solid.corners, axis=0).max() / 2 for solid in solids])
    reach = float(np.hypot(*canvas.dark))
    for number, solid in enumerate(solids):
        above = heights - solid.height
        distance = np.hypot(*(middles - middles[number]).T)
        near = (above > 4) & (distance < above * reach + radii + radii[number])
        for other in np.flatnonzero(near).tolist():
            top = canvas.dark * above[other]
            cast = Polygon(swept(solids[other].corners, 0 * top, top))
            part = cast.intersection(Polygon(solid.corners))
            if part.geom_type == "Polygon" and part.area > 1:
                corners = np.asarray(part.exterior.coords)[:-1] + solid.height * canvas.lean
                shades.setdefault(id(solid), []).append(corners)
    return shades


def _walls(canvas: Canvas, solid: Solid, view: Pass) -> None:
    """The walls that face the satellite, with rows of windows."""
    sun = heading(view.sun_azimuth)
    low, high = solid.base * canvas.lean, solid.height * canvas.lean
    shadow, light = canvas.shadow.reshape(-1), canvas.light.reshape(-1)
    for start, stop in zip(solid.corners, np.roll(solid.corners, -1, axis=0), strict=True):
        along = stop - start
        length = float(np.hypot(*along))
        outward = np.array([along[1], -along[0]]) / length
        if outward @ canvas.lean >= 0:
            continue
        facing = float(outward @ sun) / np.tan(np.radians(view.sun_elevation))
        quad = np.array([start + low, stop + low, stop + high, start + high])
        inside = canvas.fill(quad, solid.facade, solid.tone * (max(facing, 0.0) + 0.22))
        shadow[inside] = 0
        if facing <= 0.05:
            # A wall that turns its back on the sun has the sky's light only.
            shadow[inside] = BUILDING
            light[inside] = solid.tone * 0.85
        if solid.storey and inside.size:
            u, v = canvas.frame.town(*np.divmod(inside, canvas.label.shape[1]))
            basis = np.linalg.inv(np.array([along / length, canvas.lean]).T)
            du, dv = u - quad[0, 0], v - quad[0, 1]
            s, z = basis[0, 0] * du + basis[0, 1] * dv, basis[1, 0] * du + basis[1, 1] * dv
            window = (z % solid.storey > 1.1) & (s % 3.6 > 1.3)
            light[inside[window]] *= 0.55


def _roof(canvas: Canvas, solid: Solid, view: Pass) -> None:
    corners = solid.corners + solid.height * canvas.lean
    if solid.ridge > 0 and len(corners) == 4:
        _hipped_roof(canvas, solid, view)
        return
    inside = canvas.fill(corners, solid.roof, solid.tone)
    canvas.shadow.reshape(-1)[inside] = 0
    if not solid.parapet:
        return
    # The rim stands out of the roof: bright, with a thin shadow along its sunny sides.
    canvas.light.reshape(-1)[inside] *= 1.22
    middle = corners.mean(axis=0)
    side = np.ptp(solid.corners, axis=0).min()
    shrink = max(0.5, 1 - 1.2 / max(side, 1.0))
    inner = canvas.fill(middle + (corners - middle) * shrink, solid.roof, solid.tone * 0.72)
    moved = middle + (corners - middle) * shrink * 0.985 + 0.7 * canvas.dark
    canvas.shadow.reshape(-1)[inner] = 0
    canvas.fill(moved, solid.roof, solid.tone)


def _hipped_roof(canvas: Canvas, solid: Solid, view: Pass) -> None:
    """Four slopes, each as bright as the sun's angle on it makes it."""
    c = solid.corners
    if np.hypot(*(c[1] - c[0])) < np.hypot(*(c[2] - c[1])):
        c = np.roll(c, -1, axis=0)
    half = 0.5 * float(np.hypot(*(c[2] - c[1])))
    axis = (c[1] - c[0]) / np.hypot(*(c[1] - c[0]))
    left, right = (c[0] + c[3]) / 2 + axis * half, (c[1] + c[2]) / 2 - axis * half
    eaves, peak = solid.height * canvas.lean, (solid.height + solid.ridge) * canvas.lean
    slope = solid.ridge / half
    sun = heading(view.sun_azimuth)
    tangent = np.tan(np.radians(view.sun_elevation))
    faces = (
        (c[0], c[1], right, left),
        (c[2], c[3], left, right),
        (c[1], c[2], right),
        (c[3], c[0], left),
    )
    for face in faces:
        along = face[1] - face[0]
        outward = np.array([along[1], -along[0]]) / np.hypot(*along)
        facing = (1 + slope * float(outward @ sun) / tangent) / np.hypot(1, slope)
        tops = [point + peak for point in face[2:]]
        quad = np.array([face[0] + eaves, face[1] + eaves, *tops])
        inside = canvas.fill(quad, solid.roof, solid.tone * max(0.25, facing))
        canvas.shadow.reshape(-1)[inside] = 0


def park_vehicles(canvas: Canvas, vehicles: Iterable[Vehicle]) -> None:
    """Paint vehicles with their shadow and their windows."""
    shadow = canvas.shadow.reshape(-1)
    for item in vehicles:
        corners = item.corners
        shadow[canvas.inside(swept(corners, 0 * canvas.dark, canvas.dark * item.height))] |= CROWN
        body = corners + canvas.lean * item.height * 0.7
        inside = canvas.fill(body, f"vehicle_{item.colour}", 1.0)
        shadow[inside] &= BUILDING
        if item.length > 8:
            continue
        ahead = np.array([np.cos(np.radians(item.turn)), np.sin(np.radians(item.turn))])
        middle = body.mean(axis=0)
        for place, length in ((0.17, 0.7), (-0.33, 0.5)):
            at = middle + ahead * place * item.length
            glass = box(float(at[0]), float(at[1]), length, item.width * 0.82, turn=item.turn)
            canvas.fill(glass, "glass", 1.0)


def shows(canvas: Canvas, vehicle: Vehicle) -> bool:
    """Whether most of a painted vehicle is still to be seen, under crowns and leaning walls."""
    body = canvas.inside(vehicle.corners + canvas.lean * vehicle.height * 0.7)
    if not body.size:
        return False
    numbers = np.array([LABELS[f"vehicle_{vehicle.colour}"], LABELS["glass"]], dtype=np.uint8)
    return bool(np.isin(canvas.label.reshape(-1)[body], numbers).mean() > 0.6)
