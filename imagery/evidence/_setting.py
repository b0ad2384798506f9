"""What both passes and the pair bring to every test: directions, bands, noise, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.bands import BandPairs
from imagery.comparability import Comparability, incidence, number
from imagery.coregister import Alignment
from imagery.evidence._displaced import Displacements, fan, line
from imagery.evidence._model import Floats, Vector
from imagery.grid import Plan, same_lattice, to_lonlat
from imagery.measure import Measure
from imagery.sampling import Sample
from imagery.scene import Acquisition, Facts, Role, Scene
from imagery.seamed_shift import Parts, SeamedShift

TALL_M = 50.0
"""What stands on the ground is taken to be no taller: 16 storeys."""

FARTHEST_PX = 16.0
"""Displacements beyond it are not searched."""

_ROLES: tuple[Role, Role] = ("before", "after")
_STEP = 10.0
_VIEW_PX = 0.5
"""Below it a displacement of tops is no more than what the co-registration leaves."""

_DARK = 0.001
"""Share of the scene's pixels that are darker than what counts as no light from the ground."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Setting:
    """What the tests know beside a region's traits; small, and fit to travel."""

    band: Mapping[str, int]
    """Position of each named band in the pair, from 0."""

    noise: Floats
    """Standard deviation of the difference where nothing changed, per band."""

    dark: Floats
    """What to take off each band before bands are divided by each other, per band."""

    physical: bool
    """Whether the values are reflectances or the like, not counts or a display's grey values."""

    display: bool
    pixel_size_m: float
    shadow: tuple[Vector | None, Vector | None]
    """Where the shadow of what is 1 m tall ends, (rows, cols) in px, in either scene."""

    lean: Vector | None
    """How far the top of what is 1 m tall moves from the earlier to the later scene, in px."""

    lean_axis: Vector | None
    """Unit vector along which residuals of the ties tell of a lean; its sense is unknown."""

    lean_most_px: float | None
    """How far a top of ``TALL_M`` moves at the most; None where that is unknown."""

    north: bool
    """Whether directions can be told on the grid."""

    displacements: Displacements
    parts: Parts | None
    """The parts of a mosaic, where the alignment knows of several."""

    seams_sought: bool
    blocks: tuple[Vector | None, Vector | None]
    """Where the first whole block of 8 x 8 pixels starts on the working grid; None where a scene
    is not of 8 bits, or is resampled."""

    ordered: bool
    """Whether the earlier scene is known to be the earlier one."""

    error_px: float
    """Median standard error of the alignment along an axis."""

    @property
    def called(self) -> tuple[str, str]:
        """Which image is meant: the earlier and the later one, where that is known."""
        return ("earlier", "later") if self.ordered else ("first", "second")

    def light(self, values: Floats) -> Floats:
        """Light from the ground: without what the air and counts' offsets add (Chavez 1988).

        No less than the noise, so that one can be divided by another.
        """
        return np.asarray(np.maximum(values - self.dark, self.noise))


def setting_of(
    plan: Plan,
    scenes: Mapping[Role, Scene],
    bands: BandPairs,
    *,
    alignment: Alignment,
    comparability: Comparability,
    measure: Measure,
    sample: Sample,
    error_px: float,
) -> Setting:
    """Gather what the tests need from what the steps before found."""
    axes = ground_axes(plan)
    facts = scenes["before"].facts, scenes["after"].facts
    radar = any(comparability.radar)
    shadows = [None if radar else shadow_vector(f, axes) for f in facts]
    lean = None if radar else lean_vector(*facts, axes)
    axis = _axis(alignment)
    physical = not any(s.display_product or _counts(s) for s in scenes.values())
    dark = np.zeros(len(bands.names))
    if not physical:
        dark = np.quantile(sample.before, _DARK, axis=1).astype(np.float64)
    shift = alignment.shift
    return Setting(
        band={name: place for place, name in enumerate(bands.names)},
        noise=np.sqrt(np.diag(measure.noise.covariance)),
        dark=dark,
        physical=physical,
        display=any(s.display_product for s in scenes.values()),
        pixel_size_m=plan.pixel_size_m,
        shadow=(shadows[0], shadows[1]),
        lean=lean,
        lean_axis=axis,
        lean_most_px=_most(comparability),
        north=axes is not None,
        displacements=_displacements(shadows[0], shadows[1], lean, axis),
        parts=shift.parts if isinstance(shift, SeamedShift) else None,
        seams_sought=alignment.verdict != "not measured",
        blocks=(_blocks(plan, scenes["before"]), _blocks(plan, scenes["after"])),
        ordered=in_order(scenes["before"].acquisition, scenes["after"].acquisition),
        error_px=error_px,
    )


def in_order(before: Acquisition, after: Acquisition) -> bool:
    """Whether the one is known to have been acquired before the other."""
    if not (before.known and after.known) or before.end is None or after.start is None:
        return False
    return before.end < after.start


def ground_axes(plan: Plan) -> NDArray[np.float64] | None:
    """Takes (east, north) in ground metres to (rows, cols) in px; None without a georeference.

    Of the middle of the display; true north, not the grid's.
    """
    if plan.geobox.crs is None:
        return None
    import pyproj

    window = plan.display
    row, col = (window.top + window.bottom) / 2, (window.left + window.right) / 2
    rows, cols = np.array([row, row + _STEP, row]), np.array([col, col, col + _STEP])
    lon, lat = to_lonlat(plan.geobox, rows, cols)
    azimuth, _, metres = pyproj.Geod(ellps="WGS84").inv(
        np.repeat(lon[0], 2), np.repeat(lat[0], 2), lon[1:], lat[1:]
    )
    turn = np.radians(azimuth)
    ground = np.stack([np.sin(turn), np.cos(turn)]) * metres / _STEP
    return np.asarray(np.linalg.inv(ground))


def shadow_vector(facts: Facts, axes: NDArray[np.float64] | None) -> Vector | None:
    """Where the shadow of what is 1 m tall ends, in px; None where the sun is unknown or down."""
    azimuth, elevation = number(facts, "view:sun_azimuth"), number(facts, "view:sun_elevation")
    if axes is None or azimuth is None or elevation is None or not 0 < elevation < 90:
        return None
    return _vector(axes, azimuth + 180, 1 / math.tan(math.radians(elevation)))


def lean_vector(before: Facts, after: Facts, axes: NDArray[np.float64] | None) -> Vector | None:
    """How far the top of what is 1 m tall moves between the scenes, in px; None where unknown."""
    tops = []
    for facts in (before, after):
        azimuth, angle = number(facts, "view:azimuth"), incidence(facts)
        if axes is None or angle is None or (azimuth is None and angle > 0):
            return None
        tops.append(_vector(axes, azimuth or 0.0, math.tan(math.radians(angle))))
    return tops[1][0] - tops[0][0], tops[1][1] - tops[0][1]


def difference(first: Vector | None, second: Vector | None) -> Vector | None:
    """Second - first; None where either is unknown."""
    if first is None or second is None:
        return None
    return second[0] - first[0], second[1] - first[1]


def unit(vector: Vector) -> Vector:
    """A vector of length 1 in the same direction; that along rows for none."""
    length = math.hypot(*vector)
    return (vector[0] / length, vector[1] / length) if length else (1.0, 0.0)


def _vector(axes: NDArray[np.float64], azimuth: float, metres: float) -> Vector:
    turn = math.radians(azimuth)
    row, col = axes @ (metres * np.array([math.sin(turn), math.cos(turn)]))
    return float(row), float(col)


def _axis(alignment: Alignment) -> Vector | None:
    lean = alignment.record.numbers.get("lean")
    if not lean:
        return None
    row, col = lean["axis"]
    return unit((float(row), float(col)))


def _most(comparability: Comparability) -> float | None:
    if comparability.lean is None:
        return None
    return comparability.lean.most_px * TALL_M / comparability.height_m


def _displacements(
    first: Vector | None, second: Vector | None, lean: Vector | None, axis: Vector | None
) -> Displacements:
    """What each test displaces by: the alignment's error, a lean, a move of shadows."""
    families = [fan("error")]
    for name, vector in (("lean", lean), ("shadow", difference(first, second))):
        if vector is not None:
            reach = min(math.hypot(*vector) * TALL_M, FARTHEST_PX)
            if reach >= _VIEW_PX:
                families.append(line(name, unit(vector), reach=reach, both_ways=False))
    if lean is None and axis is not None:
        families.append(line("lean", axis, reach=FARTHEST_PX / 2, both_ways=True))
    return Displacements.of(families)


def _counts(scene: Scene) -> bool:
    """Whether values are integers as stored, so that their zero need not be darkness."""
    plain = all(band.scale == 1 and band.offset == 0 for band in scene.bands)
    return plain and np.dtype(scene.dtype).kind in "iu"


def _blocks(plan: Plan, scene: Scene) -> Vector | None:
    """Where blocks of 8 x 8 px start, of an image of 8 bits that is used as it is stored."""
    if scene.dtype != "uint8" or scene.role == plan.moving:
        return None
    offset = same_lattice(scene.geobox, plan.geobox)
    if isinstance(offset, str):
        return None
    return offset[0] % 8, offset[1] % 8
