"""Where tops lean and shadows fall, from the angles that the metadata state.

Seen from the direction ``a`` (STAC's ``view:azimuth``, from the point under the satellite to the
scene) at the incidence angle ``i``, the top of what is ``h`` tall lies ``h tan(i)`` from its foot,
towards ``a``.  Under a sun at the azimuth ``s`` and the elevation ``e``, its shadow ends
``h / tan(e)`` from the foot, towards ``s + 180°``.  Between two images either moves by the
difference of the two vectors: where a direction is unknown, by anything from the difference of
their lengths to the sum.

Sources: plane trigonometry; names and senses of the angles, STAC extensions View Geometry and
Satellite 1.0.
"""

from __future__ import annotations

import math

from imagery.comparability._model import Displacement
from imagery.scene import Facts

_HIGHEST = 1.16
"""Distance from the Earth's centre of the highest imaging satellites, in its radii (1,000 km)."""

_SLACK_DEG = 1.5
_GRAZING_DEG = 89.0


def number(facts: Facts, name: str) -> float | None:
    """A fact as a finite number; None where it is unknown or is none."""
    fact = facts.get(name)
    if fact is None or isinstance(fact.value, (str, bool)) or not math.isfinite(fact.value):
        return None
    return float(fact.value)


def change(before: Facts, after: Facts, name: str) -> float | None:
    """After - before; None where either is unknown."""
    first, second = number(before, name), number(after, name)
    return None if first is None or second is None else second - first


def turn(degrees: float | None) -> float | None:
    """A change of direction as the shorter way round, from -180 to 180."""
    return None if degrees is None else math.remainder(degrees, 360)


def incidence(facts: Facts) -> float | None:
    """The angle at the ground between the vertical and the line of sight, in degrees.

    The off-nadir angle stands for it where it is all that is stated, or where what is stated as
    incidence can't belong to it.  It is a lower bound, because the Earth is round: by the law of
    sines ``sin(i) = (1 + H/R) sin(off-nadir)``, so from 620 km up the tangent of 25° comes out
    11 % too small.
    """
    at_ground, at_satellite = (
        number(facts, f"view:{name}") for name in ("incidence_angle", "off_nadir")
    )
    angle = at_satellite if at_ground is None or implausible(facts) else at_ground
    # A line of sight along the ground leans without end.
    return None if angle is None or not 0 <= angle <= _GRAZING_DEG else angle


def implausible(facts: Facts) -> bool:
    """Whether the incidence angle that is stated can't belong to the off-nadir angle."""
    at_ground, at_satellite = (
        number(facts, f"view:{name}") for name in ("incidence_angle", "off_nadir")
    )
    if at_ground is None or at_satellite is None:
        return False
    most = math.degrees(math.asin(min(1.0, _HIGHEST * math.sin(math.radians(at_satellite)))))
    return not at_satellite - _SLACK_DEG <= at_ground <= most + _SLACK_DEG


def lean(before: Facts, after: Facts, *, height_px: float, same_view: bool) -> Displacement | None:
    """How far the top of what is ``height_px`` tall leans; None where an angle is unknown.

    ``same_view`` says that both looked in one direction, wherever that is.
    """
    angles = incidence(before), incidence(after)
    if angles[0] is None or angles[1] is None:
        return None
    first, second = (height_px * math.tan(math.radians(a)) for a in angles if a is not None)
    apart = 0.0 if same_view else change(before, after, "view:azimuth")
    return _displacement(first, second, apart)


def shadow(before: Facts, after: Facts, *, height_px: float) -> Displacement | None:
    """How far the shadow of what is ``height_px`` tall reaches; None without a sun in the sky."""
    elevations = [number(facts, "view:sun_elevation") for facts in (before, after)]
    first, second = (_reach(height_px, elevation) for elevation in elevations)
    if first is None or second is None:
        return None
    return _displacement(first, second, change(before, after, "view:sun_azimuth"))


def _reach(height_px: float, elevation: float | None) -> float | None:
    if elevation is None or not 0 < elevation <= 90:
        return None
    return height_px / math.tan(math.radians(elevation))


def _displacement(first: float, second: float, apart: float | None) -> Displacement:
    """Two vectors of these lengths, whose directions are ``apart`` by so many degrees."""
    if apart is None:
        return Displacement(first, second, abs(first - second), first + second)
    # The law of cosines, in the form that doesn't cancel for vectors that are almost equal.
    half = math.sin(math.radians(apart) / 2)
    distance = math.hypot(first - second, 2 * math.sqrt(first * second) * half)
    return Displacement(first, second, distance, distance)
