"""Angles as products state them, brought to STAC's sense; the source tells what was done.

STAC's ``view:azimuth`` runs from the point under the satellite to the scene.  Most vendors give the
direction from the scene to the satellite, which is the opposite one.  Source: STAC view extension
1.0.0, "view:azimuth: the angle measured from the sub-satellite point ... between the scene center
and true north".
"""

from __future__ import annotations

import math

from imagery.metadata._model import Stated, number_of


def azimuth(name: str, value: object, source: str) -> Stated:
    """An azimuth, from -180..180° to 0..360°."""
    number = number_of(value)
    if number is not None and -180 <= number < 0:
        return name, number + 360, f"{source} (+ 360°)"
    return name, value, source


def opposite(name: str, value: object, source: str) -> Stated:
    """An azimuth that a product gives towards the satellite, turned round."""
    number = number_of(value)
    if number is None or not -180 <= number <= 360:
        return name, value, source
    return name, (number + 180) % 360, f"{source} (direction to the satellite, turned by 180°)"


def elevation(value: object, source: str) -> Stated:
    """The sun's elevation from its zenith angle."""
    number = number_of(value)
    if number is None:
        return "view:sun_elevation", value, source
    return "view:sun_elevation", 90 - number, f"{source} (90° - zenith angle)"


def incidence(value: object, source: str) -> Stated:
    """The incidence angle from the satellite's elevation above the horizon at the ground."""
    number = number_of(value)
    if number is None:
        return "view:incidence_angle", value, source
    return "view:incidence_angle", 90 - number, f"{source} (90° - elevation of the satellite)"


def size(name: str, value: object, source: str) -> Stated:
    """An angle whose sign only tells the side: its absolute value."""
    number = number_of(value)
    if number is None or number >= 0:
        return name, value, source
    return name, -number, f"{source} (absolute value; its sign tells the side)"


def is_elevation(incidence_angle: object, off_nadir: object) -> bool:
    """Whether what is called an incidence angle is the satellite's elevation above the horizon.

    Seen from a height h above a sphere of radius R, sin(incidence) = (1 + h / R) sin(off-nadir).
    Satellites that take images fly 300 to 1000 km high; with some room for rounding and the
    ellipsoid, one of the two readings is impossible but where they nearly agree.

    Returns
    -------
    bool
        True only where the value itself is impossible and 90° less it is not.
    """
    i, theta = number_of(incidence_angle), number_of(off_nadir)
    if i is None or theta is None:
        return False
    return not _fits(i, abs(theta)) and _fits(90 - i, abs(theta))


def _fits(incidence_angle: float, off_nadir: float) -> bool:
    least = math.sin(math.radians(min(off_nadir, 90.0))) * 1.04
    most = least * 1.18 / 1.04
    low = math.degrees(math.asin(min(1.0, least))) - 0.5
    high = math.degrees(math.asin(min(1.0, most))) + 1.0
    return low <= incidence_angle <= high
