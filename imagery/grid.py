"""The plan: on which grid two scenes meet, over which windows, and why not as they are.

Everything here is decided on grids, before a pixel is read.
"""

from __future__ import annotations

import functools
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Geod, Transformer

from imagery.blocks import Window
from imagery.errors import InputError, UsageError
from imagery.grid_file import grid_of_file
from imagery.options import GridOptions
from imagery.record import Caution
from imagery.scene import Role, Scene

MIN_CONTEXT_PX = 2048
MIN_MARGIN_PX = 64
WARN_RATIO = 1.5
LARGEST_RATIO = 4.0
_GEOD = Geod(ellps="WGS84")
_local = threading.local()


class Extent(Protocol):
    """An area of interest, as far as pixels need to know it."""

    @property
    def area_m2(self) -> float:
        """Its area on the ground."""
        ...

    def bounds(self, crs: Any) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in ``crs``; in the frame's metres where that is None."""
        ...

    def mask(self, geobox: GeoBox) -> NDArray[np.bool_]:
        """True where a pixel's centre lies in the area, of the grid's shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The working grid and the three extents on it."""

    geobox: GeoBox
    """The whole working grid; its pixel (0, 0) anchors the lattice of compute tiles."""

    reference: Role | Literal["other"]
    """Whose grid it is; that scene stays untouched, unless it is "other"."""

    moving: Role
    """The scene that the co-registration moves."""

    reasons: dict[Role, str]
    """For each scene that is resampled, why it can't be used as it is."""

    estimation: Window
    """Where alignment and noise are estimated."""

    display: Window
    """Where maps and rasters reach: the area with a margin."""

    result: Window
    """The area's bounding window."""

    pixel_size_m: float
    """Side of a working pixel on the ground, geodesic, at the centre of the result."""

    cautions: tuple[Caution, ...] = ()

    @property
    def still(self) -> Role:
        """The scene that is not moved."""
        return "after" if self.moving == "before" else "before"


def plan_pair(before: Scene, after: Scene, extent: Extent | None, *, options: GridOptions) -> Plan:
    """Decide the grid on which two scenes meet.

    By default it is the coarser scene's (the earlier one's where they tie within 1 %), which stays
    untouched; the other is low-passed and resampled once.

    Raises
    ------
    InputError
        If the scenes don't overlap (with the gap in km), if the area lies outside of them, or if
        one is more than four times finer than the other and no ``--resolution`` says that this is
        meant.
    UsageError
        If an option contradicts the scenes.
    """
    scenes: dict[Role, Scene] = {"before": before, "after": after}
    check_overlap(before, after)
    sizes: dict[Role, float] = {r: ground_pixel(s.geobox) for r, s in scenes.items()}
    geobox, reference = _choose_grid(scenes, sizes, options)
    overlap = footprint_window(before.geobox, geobox).clipped(
        footprint_window(after.geobox, geobox)
    )
    rows, cols = geobox.shape
    overlap = overlap.clipped(Window(0, 0, rows, cols))
    if overlap.empty:
        raise InputError(
            f"{before.name} and {after.name} don't overlap on the working grid",
            needed="two images of one place",
            option="--grid",
        )
    result = _result_window(extent, geobox, overlap)
    size = ground_pixel(geobox, result)
    finest = min(sizes.values())
    return Plan(
        geobox=geobox,
        reference=reference,
        moving="before" if reference == "after" else "after",
        reasons=_reasons(scenes, geobox),
        estimation=_grown(result, options.context, MIN_CONTEXT_PX, size).clipped(overlap),
        display=_grown(result, options.margin, MIN_MARGIN_PX, size).clipped(overlap),
        result=result,
        pixel_size_m=size,
        cautions=_ratio_cautions(size, finest),
    )


def ground_pixel(geobox: GeoBox, window: Window | None = None) -> float:
    """Side in metres, on the ground, of a pixel at the middle of a window of the grid.

    Geodesic on WGS 84, since metres of a map projection may not be metres (EPSG:3857 is 29 % long
    at 39° N).  Without a CRS the frame's own metres count.
    """
    rows, cols = geobox.shape
    row, col = (
        (rows / 2, cols / 2)
        if window is None
        else ((window.top + window.bottom) / 2, (window.left + window.right) / 2)
    )
    if geobox.crs is None:
        return math.sqrt(abs(geobox.affine.determinant))
    # A step of several pixels keeps clear of rounding in degrees.
    step = 8.0
    lon, lat = to_lonlat(geobox, np.array([row, row, row + step]), np.array([col, col + step, col]))
    _, _, across = _GEOD.inv(lon[0], lat[0], lon[1], lat[1])
    _, _, down = _GEOD.inv(lon[0], lat[0], lon[2], lat[2])
    return math.sqrt(across * down) / step


def moved(
    affine: Any, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points moved by an affine transform."""
    return affine.a * x + affine.b * y + affine.c, affine.d * x + affine.e * y + affine.f


def to_lonlat(
    geobox: GeoBox, rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude in degrees (WGS 84) of pixel positions, edges counted from 0."""
    x, y = moved(geobox.affine, cols, rows)
    lon, lat = transformer(geobox.crs, "EPSG:4326").transform(x, y)
    return np.asarray(lon), np.asarray(lat)


def transformer(source: Any, target: Any) -> Transformer:
    """A transformer of this thread's own: PROJ objects are not shared between threads."""
    cache = getattr(_local, "transformers", None)
    if cache is None:
        cache = _local.transformers = functools.lru_cache(maxsize=16)(_new_transformer)
    result: Transformer = cache(str(source), str(target))
    return result


def _new_transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def footprint_window(source: GeoBox, grid: GeoBox) -> Window:
    """The window of ``grid`` that holds the footprint of ``source`` (it may leave the grid)."""
    rows, cols = outline(source)
    x, y = moved(source.affine, cols, rows)
    if source.crs != grid.crs:
        x, y = transformer(source.crs, grid.crs).transform(x, y)
    col, row = moved(~grid.affine, np.asarray(x), np.asarray(y))
    if not (np.isfinite(col).all() and np.isfinite(row).all()):
        raise InputError(
            "an image cannot be brought onto the other's map projection",
            found=f"{source.crs} onto {grid.crs}",
            needed="images of one region of the Earth",
            option="--grid",
        )
    # The rounding forgives float noise in the transform, far below a thousandth of a pixel.
    return Window(
        math.floor(row.min() + 1e-6),
        math.floor(col.min() + 1e-6),
        math.ceil(row.max() - 1e-6),
        math.ceil(col.max() - 1e-6),
    )


def outline(geobox: GeoBox, *, points: int = 33) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions (rows, cols) along the edge of a grid, closed, ``points`` to a side."""
    rows, cols = geobox.shape
    t = np.linspace(0.0, 1.0, points)
    one, zero = np.ones(points), np.zeros(points)
    row = np.concatenate([zero, t, one, 1 - t]) * rows
    col = np.concatenate([t, one, 1 - t, zero]) * cols
    return row, col


def check_overlap(before: Scene, after: Scene) -> None:
    """Refuse two scenes whose footprints don't meet, with the gap in km."""
    import shapely

    shapes = []
    for scene in (before, after):
        rows, cols = outline(scene.geobox)
        if scene.geobox.crs is None:
            x, y = moved(scene.geobox.affine, cols, rows)
        else:
            x, y = to_lonlat(scene.geobox, rows, cols)
        shapes.append(shapely.Polygon(np.column_stack([x, y])))
    if (before.geobox.crs is None) != (after.geobox.crs is None):
        raise InputError("one image is georeferenced and the other is not", option="--crs")
    if shapes[0].intersects(shapes[1]):
        return
    near = shapely.get_coordinates(shapely.shortest_line(*shapes))
    if before.geobox.crs is None:
        gap = float(np.hypot(*(near[1] - near[0])))
    else:
        _, _, gap = _GEOD.inv(*near[0], *near[1])
    raise InputError(
        f"{before.name} and {after.name} don't overlap",
        found=f"a gap of {gap / 1000:,.{1 if gap >= 1000 else 3}f} km between them",
        needed="two images of one place",
    )


def _metres(length: float) -> str:
    return f"{length:,.0f}" if length >= 100 else f"{length:.3g}"


def same_lattice(source: GeoBox, grid: GeoBox) -> tuple[int, int] | str:
    """The whole-pixel offset (rows, cols) of ``source`` on ``grid``, or why there is none.

    Returns
    -------
    tuple of int, or str
        Where ``source``'s pixel (0, 0) lies on the grid, if pixels coincide within a thousandth of
        a pixel over the whole of ``source``; else the reason in words.
    """
    if source.crs != grid.crs:
        return f"{_crs_name(source)} against {_crs_name(grid)}"
    link = ~grid.affine * source.affine
    rows, cols = source.shape
    skew = max(
        abs(link.a - 1) * cols, abs(link.b) * rows, abs(link.d) * cols, abs(link.e - 1) * rows
    )
    if skew > 1e-3:
        ratio = math.sqrt(abs(link.determinant))
        if abs(ratio - 1) > 1e-6:
            return f"pixels {ratio:.{4 if abs(ratio - 1) > 1e-3 else 7}g} times as large"
        return "rotated or flipped against the grid"
    row, col = round(link.f), round(link.c)
    if abs(link.f - row) > 1e-3 or abs(link.c - col) > 1e-3:
        return f"sub-pixel offset of {link.f - row:+.3f} rows, {link.c - col:+.3f} cols"
    return row, col


def _crs_name(geobox: GeoBox) -> str:
    if geobox.crs is None:
        return "no CRS"
    code = geobox.crs.to_epsg()
    return f"EPSG:{code}" if code else "a CRS without EPSG code"


def _reasons(scenes: dict[Role, Scene], geobox: GeoBox) -> dict[Role, str]:
    found = {role: same_lattice(scene.geobox, geobox) for role, scene in scenes.items()}
    return {role: why for role, why in found.items() if isinstance(why, str)}


def _choose_grid(
    scenes: dict[Role, Scene], sizes: dict[Role, float], options: GridOptions
) -> tuple[GeoBox, Role | Literal["other"]]:
    coarser: Role = "after" if sizes["after"] > sizes["before"] * 1.01 else "before"
    finer: Role = "before" if coarser == "after" else "after"
    ratio = sizes[coarser] / sizes[finer]
    if ratio > LARGEST_RATIO and options.resolution is None and options.grid == "coarser":
        raise InputError(
            f"{scenes[finer].name} is {ratio:.1f} times finer than {scenes[coarser].name}: "
            f"on a common grid nothing under {_metres(3 * sizes[coarser])} m can be seen",
            found=f"{_metres(sizes[finer])} m against {_metres(sizes[coarser])} m a pixel",
            needed=f"a ratio up to {LARGEST_RATIO:g}, or your word that this is meant",
            option=f"--resolution {sizes[coarser]:.3g}",
        )
    grid, reference = _named_grid(scenes, coarser, options.grid)
    if options.resolution is None:
        return grid, reference
    if options.resolution < sizes[coarser] * 0.99:
        raise UsageError(
            "--resolution would invent detail that the coarser image hasn't",
            found=f"{options.resolution:g} m",
            needed=f"at least {sizes[coarser]:.4g} m",
            option="--resolution",
        )
    factor = options.resolution / ground_pixel(grid)
    if abs(factor - 1) < 1e-3:
        return grid, reference
    if min(grid.shape) < 2 * factor:
        raise UsageError(
            "--resolution leaves nothing of the images",
            found=f"{options.resolution:g} m on an image of {max(grid.shape)} px "
            f"of {sizes[coarser]:.4g} m",
            needed="two pixels a side or more",
            option="--resolution",
        )
    return grid.zoom_out(factor), "other"


def _named_grid(
    scenes: dict[Role, Scene], coarser: Role, name: str
) -> tuple[GeoBox, Role | Literal["other"]]:
    if name == "coarser":
        return scenes[coarser].geobox, coarser
    for role, scene in scenes.items():
        if name == role:
            return scene.geobox, role
    georeferenced = scenes["before"].geobox.crs is not None
    words = ("coarser", "before", "after")
    found = grid_of_file(Path(name), georeferenced=georeferenced, words=words, use="work on")
    return found, "other"


def _result_window(extent: Extent | None, geobox: GeoBox, overlap: Window) -> Window:
    if extent is None:
        return overlap
    window = window_of(extent, geobox)
    if window.clipped(overlap).empty:
        raise InputError(
            "the area lies outside the part that both images show",
            needed="an area inside both images",
            option="--aoi",
        )
    return window


def window_of(extent: Extent, geobox: GeoBox) -> Window:
    """The window of a grid around an area."""
    left, bottom, right, top = extent.bounds(geobox.crs)
    cols, rows = moved(
        ~geobox.affine,
        np.array([left, right, right, left]),
        np.array([bottom, bottom, top, top]),
    )
    return Window(
        math.floor(rows.min()), math.floor(cols.min()), math.ceil(rows.max()), math.ceil(cols.max())
    )


def _grown(window: Window, metres: float, at_least: int, size: float) -> Window:
    return window.padded(max(math.ceil(metres / size), at_least))


def _ratio_cautions(size: float, finest: float) -> tuple[Caution, ...]:
    ratio = size / finest
    if ratio <= WARN_RATIO:
        return ()
    return (
        Caution(
            "coarse-grid",
            f"The finer image ({finest:.3g} m a pixel) was reduced {ratio:.1f} times to the "
            f"working grid of {size:.3g} m: an object smaller than about {3 * size:.3g} m across "
            "cannot be seen in this comparison.",
        ),
    )
