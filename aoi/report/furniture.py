"""Map furniture as numbers: the frame of a map, its scale bar, north and ticks.

Nothing here draws.  A map is drawn in ground metres around its centre, so that a metre to the
right and a metre up are equally long on paper whatever the CRS (EPSG:3857 stretches both axes at
39° N by 29 %, a grid in degrees only one of them).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyproj import CRS, Geod, Transformer

Array = NDArray[np.float64]

_STEPS = (1.0, 2.0, 5.0)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The rectangle of a map and how it lies in the world.

    Map coordinates are ``(x, y)``: metres to the right and up from the lower left corner, true to
    the ground at the centre of the map that the frame was made for.
    """

    crs: str | None
    """The working grid's CRS; None for a metric frame that is not georeferenced."""

    origin: tuple[float, float]
    """World coordinates of the lower left corner."""

    right: tuple[float, float]
    """World step of one metre to the right."""

    up: tuple[float, float]
    """World step of one metre up."""

    width: float
    height: float

    @property
    def centre(self) -> tuple[float, float]:
        return self.width / 2, self.height / 2

    def to_world(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """World coordinates (in the CRS, x first) of map coordinates."""
        x, y = np.asarray(x, float), np.asarray(y, float)
        return (
            self.origin[0] + x * self.right[0] + y * self.up[0],
            self.origin[1] + x * self.right[1] + y * self.up[1],
        )

    def from_world(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Map coordinates of world coordinates (in the CRS, x first)."""
        dx = np.asarray(x, float) - self.origin[0]
        dy = np.asarray(y, float) - self.origin[1]
        (a, d), (b, e) = self.right, self.up
        determinant = a * e - b * d
        return (e * dx - b * dy) / determinant, (a * dy - d * dx) / determinant

    def to_lonlat(self, x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
        """Longitude and latitude (WGS 84, degrees) of map coordinates."""
        lon, lat = _to_lonlat(self.crs).transform(*self.to_world(x, y))
        return np.asarray(lon, float), np.asarray(lat, float)

    def cropped(self, *, left: float, bottom: float, width: float, height: float) -> Frame:
        """The frame of a part of this map, with its own lower left corner."""
        x, y = self.to_world(left, bottom)
        return replace(self, origin=(float(x), float(y)), width=width, height=height)


@dataclass(frozen=True, kw_only=True)
class ScaleBar:
    """A scale bar: a round length on the ground, and how long that is in map coordinates."""

    metres: float
    length: float

    @property
    def label(self) -> str:
        if self.metres >= 1000:
            return f"{self.metres / 1000:g} km"
        return f"{self.metres:g} m" if self.metres >= 1 else f"{self.metres * 100:g} cm"


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A mark on the frame: where along its side, in map coordinates, and what it says."""

    at: float
    label: str


def frame_of(transform: Sequence[float], window: Mapping[str, int], *, crs: str | None) -> Frame:
    """The frame that shows a window of a grid upright and true to the ground.

    Parameters
    ----------
    transform
        Pixel (col, row) to world, as ``a, b, c, d, e, f`` of an affine.
    window
        ``top``, ``left``, ``bottom``, ``right`` in pixels of that grid.
    crs
        The grid's CRS.  None: a metric frame; the rows run down, as in the file.

    Notes
    -----
    Of the four directions of the pixel axes, the one nearest to geographic north points up: the
    grid is turned by quarter turns and flips alone, and north is within 45° of up.
    """
    a, b, c, d, e, f = transform[:6]
    cols = np.array([window["left"], window["right"]] * 2, float)
    rows = np.repeat([float(window["top"]), float(window["bottom"])], 2)
    x, y = a * cols + b * rows + c, d * cols + e * rows + f
    centre = float(x.mean()), float(y.mean())
    if crs is None:
        step, down = math.hypot(a, d), math.hypot(b, e)
        right, up = (a / step, d / step), (-b / down, -e / down)
    else:
        steps = [(a, d), (-a, -d), (b, e), (-b, -e)]
        right, up = _ground_axes(centre, steps, crs=crs)
    bare = Frame(crs=crs, origin=centre, right=right, up=up, width=0.0, height=0.0)
    us, vs = bare.from_world(x, y)
    corner = bare.to_world(us.min(), vs.min())
    return replace(
        bare,
        origin=(float(corner[0]), float(corner[1])),
        width=float(np.ptp(us)),
        height=float(np.ptp(vs)),
    )


def metres_per_unit(frame: Frame, *, x: float, y: float, length: float) -> float:
    """Geodesic metres for each unit of map coordinates, along a horizontal line around (x, y)."""
    if frame.crs is None:
        return 1.0
    lon, lat = frame.to_lonlat([x - length / 2, x + length / 2], [y, y])
    _, _, ground = Geod(ellps="WGS84").inv(lon[0], lat[0], lon[1], lat[1])
    return float(ground) / length


def scale_bar(frame: Frame, *, share: float = 0.3) -> ScaleBar:
    """The longest scale bar of a round length (1, 2 or 5 times a power of ten).

    Parameters
    ----------
    frame
        The map.
    share
        The part of the map's width that the bar may take.

    Notes
    -----
    The length is geodesic, on the WGS 84 ellipsoid, along the map's horizontal axis at its centre.
    """
    x, y = frame.centre
    room = share * frame.width
    metres = round_down(room * metres_per_unit(frame, x=x, y=y, length=room))
    length = metres
    for _ in range(3):  # the ratio over the bar itself, not over the room
        length = metres / metres_per_unit(frame, x=x, y=y, length=length)
    return ScaleBar(metres=metres, length=length)


def north_angle(frame: Frame) -> float | None:
    """The direction of geographic north at the map's centre, in degrees clockwise from up.

    None where the frame is not georeferenced.
    """
    if frame.crs is None:
        return None
    x, y = frame.centre
    lon, lat = frame.to_lonlat(x, y)
    step = max(frame.height / 10, 1e-3)
    lon2, lat2, _ = Geod(ellps="WGS84").fwd(float(lon), float(lat), 0.0, step)
    east, north = _to_lonlat(frame.crs).transform(lon2, lat2, direction="INVERSE")
    u, v = frame.from_world(_near(east, frame, crs=frame.crs), north)
    return math.degrees(math.atan2(float(u) - x, float(v) - y))


def bottom_ticks(frame: Frame, *, count: int = 4) -> tuple[Tick, ...]:
    """Ticks of longitude along the bottom side (of x in metres where not georeferenced)."""
    at = np.linspace(0.0, frame.width, 257)
    if frame.crs is None:
        values = frame.to_world(at, np.zeros_like(at))[0]
        return _ticks(at, values, count=count, label=_metres)
    lon = np.unwrap(frame.to_lonlat(at, np.zeros_like(at))[0], period=360.0)
    return _ticks(at, lon, count=count, label=_longitude)


def left_ticks(frame: Frame, *, count: int = 4) -> tuple[Tick, ...]:
    """Ticks of latitude along the left side (of y in metres where not georeferenced)."""
    at = np.linspace(0.0, frame.height, 257)
    if frame.crs is None:
        values = frame.to_world(np.zeros_like(at), at)[1]
        return _ticks(at, values, count=count, label=_metres)
    return _ticks(at, frame.to_lonlat(np.zeros_like(at), at)[1], count=count, label=_latitude)


def round_down(value: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above ``value``."""
    power = 10.0 ** math.floor(math.log10(value))
    # 10 ** -2 * 5 is not 0.05 in floating point: a hair of tolerance keeps a round value.
    return max(step * power for step in _STEPS if step * power <= value * (1 + 1e-9))


@lru_cache(maxsize=16)
def _to_lonlat(crs: str | None) -> Transformer:
    return Transformer.from_crs(CRS.from_user_input(crs), 4326, always_xy=True)


def _ground_axes(
    centre: tuple[float, float], steps: Sequence[tuple[float, float]], *, crs: str
) -> tuple[tuple[float, float], tuple[float, float]]:
    """World steps of a ground metre to the right and up; up is the step nearest to north."""
    to_lonlat, geod = _to_lonlat(crs), Geod(ellps="WGS84")
    lon, lat = to_lonlat.transform(*centre)
    reach = 10.0  # metres: far above rounding, far below where a projection bends
    jacobian = np.empty((2, 2))  # columns: world step of a metre to the east, to the north
    for column, azimuth in enumerate((90.0, 0.0)):
        ends = []
        for way in (azimuth, azimuth + 180.0):
            there = geod.fwd(lon, lat, way, reach)
            ends.append(to_lonlat.transform(there[0], there[1], direction="INVERSE"))
        (x1, y1), (x0, y0) = ends
        if CRS.from_user_input(crs).is_geographic:
            x1, x0 = (centre[0] + (x - centre[0] + 180) % 360 - 180 for x in (x1, x0))
        jacobian[:, column] = (x1 - x0) / (2 * reach), (y1 - y0) / (2 * reach)
    ground = np.linalg.solve(jacobian, np.asarray(steps, float).T)  # east, north of each step
    azimuths = np.arctan2(ground[0], ground[1])
    angle = float(azimuths[np.argmin(np.abs(azimuths))])
    east, north = jacobian[:, 0], jacobian[:, 1]
    up = math.sin(angle) * east + math.cos(angle) * north
    right = math.cos(angle) * east - math.sin(angle) * north
    return (float(right[0]), float(right[1])), (float(up[0]), float(up[1]))


def _near(x: float, frame: Frame, *, crs: str) -> float:
    """A longitude moved by whole turns to the frame's side of the antimeridian."""
    if not CRS.from_user_input(crs).is_geographic:
        return x
    middle = float(frame.to_world(*frame.centre)[0])
    return middle + (x - middle + 180) % 360 - 180


def _ticks(at: Array, values: Array, *, count: int, label: Any) -> tuple[Tick, ...]:
    if values[0] > values[-1]:
        at, values = at[::-1], values[::-1]
    spread = float(values[-1] - values[0])
    if not spread > 0:
        return ()
    step = round_down(spread / count)
    # The next coarser steps, until no more than count + 1 ticks stand on the side.
    while spread / step > count + 1:
        step = next(s for s in (step * 2, step * 2.5) if math.isclose(round_down(s), s))
    first, last = math.ceil(values[0] / step), math.floor(values[-1] / step)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return tuple(
        Tick(at=float(np.interp(n * step, values, at)), label=label(n * step, decimals))
        for n in range(first, last + 1)
    )


def _longitude(value: float, decimals: int) -> str:
    value = (value + 180) % 360 - 180
    return f"{abs(value):.{decimals}f}° {'E' if value >= 0 else 'W'}"


def _latitude(value: float, decimals: int) -> str:
    return f"{abs(value):.{decimals}f}° {'N' if value >= 0 else 'S'}"


def _metres(value: float, decimals: int) -> str:
    return f"{value + 0.0:,.{decimals}f} m"
