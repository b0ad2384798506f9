"""What each change is like: where, how large, which way it lies, how sure; and its name."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.changes import kinds, measure, schema
from aoi.changes.interval import Outlining, area_interval, outlining_of
from aoi.changes.measure import Shapes
from aoi.changes.sites import group_sites
from aoi.places.area import Area
from aoi.places.position import coordinate_digits, mgrs_text, through
from imagery.clouds import touched_by_clouds
from imagery.scene import Acquisition

if TYPE_CHECKING:
    from imagery.detect import ChangeMap
    from imagery.evidence import Evidence

MIN_SITE_GAP_M = 5.0
MIN_SITE_GAP_PX = 4.0
SITE_SPAN_M = 100.0
SITE_SPAN_PX = 20.0
ONE_WAY = 0.75  # share of a region's pixels of one sign that makes it brighter or darker

_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no letter that reads as another
_METRES_PER_DEGREE = 111_320.0


def describe(
    regions: gpd.GeoDataFrame,
    found: ChangeMap,
    area: Area,
    *,
    site_gap_m: float | None = None,
) -> gpd.GeoDataFrame:
    """Describe the changes of a change map; see :func:`describe_regions`."""
    table = {f.name: getattr(found.regions, f.name) for f in fields(found.regions)}
    if found.rank_bounds is not None:
        table["rank_bound"] = found.rank_bounds
    tested = found.clouds.tested
    cloudy = touched_by_clouds(found.rasters) if tested and len(found.regions) else frozenset()
    residual = found.alignment.residual
    return describe_regions(
        regions,
        geobox=found.geobox,
        pixel_size_m=found.plan.pixel_size_m,
        table=pd.DataFrame(table, index=np.arange(1, len(found.regions) + 1)),
        area=area,
        before=found.scenes["before"].acquisition,
        after=found.scenes["after"].acquisition,
        alignment_ce90_px=None if residual is None else residual.ce90,
        site_gap_m=site_gap_m,
        cloudy=cloudy if tested else None,
        outlining=outlining_of(found),
        evidence=found.evidence,
        calibration=found.decision.calibration,
    )


def describe_regions(
    regions: gpd.GeoDataFrame,
    *,
    geobox: GeoBox,
    pixel_size_m: float,
    table: pd.DataFrame,
    area: Area,
    before: Acquisition | None = None,
    after: Acquisition | None = None,
    alignment_ce90_px: float | None = None,
    site_gap_m: float | None = None,
    cloudy: Collection[int] | None = None,
    outlining: Outlining | None = None,
    evidence: Evidence | None = None,
    calibration: str = "uncalibrated",
) -> gpd.GeoDataFrame:
    """Fill the columns of the layer ``changes``.

    Parameters
    ----------
    regions
        What :func:`aoi.changes.polygonize` returns: polygons along the pixels' sides, indexed by
        region id.
    geobox
        The grid of the raster that they were drawn from.
    pixel_size_m
        Its ground sample, which digits and distances follow.
    table
        Indexed by region id, with the columns ``strength``, ``signed_mean``, ``brighter_share``
        and ``at_edge`` of :class:`imagery.regions.Regions`; ``rank_bound`` where decoys tell it.
    area
        The area of interest.  A region that doesn't reach into it is dropped.
    before, after
        When the scenes were acquired.
    alignment_ce90_px
        Residual of the co-registration; None where it wasn't measured.
    site_gap_m
        Largest gap between pieces of one site; by default 5 m and no less than 4 px.
    cloudy
        Ids of the regions that lie at a cloud; None where clouds weren't looked for.
    outlining
        What decided where outlines end; asks for a column ``score_mean``.  Without it, no interval.
    evidence
        Kind of every region, and the flags that other tests raise; None where none were made: then
        kinds are null, and those flags untested.
    calibration
        What stands behind the decision, in a word.

    Returns
    -------
    GeoDataFrame
        The columns of :data:`aoi.changes.schema.COLUMNS`, sorted by rank, with the index
        ``region`` (the ids in the raster).

    Raises
    ------
    ValueError
        If the regions don't lie on the grid, or one of them isn't in the table.
    """
    regions = regions.sort_index()
    absent = regions.index.difference(table.index)
    if len(absent):
        raise ValueError(f"table must hold every region; found none of {list(absent)[:5]}")
    shapes = _in_pixels(regions, geobox)
    inside, whole = _inside(shapes, area, geobox)
    kept = shapely.area(inside) > 1e-9
    regions, shapes, inside, whole = regions[kept], shapes[kept], inside[kept], whole[kept]
    table = table.loc[regions.index]

    ground = measure.on_ground(shapes, geobox=geobox)
    areas = shapely.area(ground)
    parts = np.where(whole, areas, shapely.area(measure.on_ground(inside, geobox=geobox)))
    score = np.asarray(table["strength"], dtype=np.float64)
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    order = np.lexsort((bounds[:, 0], bounds[:, 1], -areas, -score))
    dates = (_iso(before), _iso(after))
    edge = _at_edge(table, bounds, whole, geobox=geobox).tolist()
    frame = gpd.GeoDataFrame(
        {
            "id": _names(shapes, areas, geobox=geobox, pixel=pixel_size_m, dates=dates),
            "site": _site_numbers(ground, order, pixel=pixel_size_m, gap=site_gap_m),
            **kinds.columns(regions.index, edge=edge, cloudy=cloudy, evidence=evidence),
            "direction": _directions(table),
            "score": score,
            **_ranks(order, table),
            "calibration": calibration,
            "area_m2": areas,
            **_intervals(shapes, areas, table, outlining),
            "area_in_aoi_m2": np.minimum(parts, areas),
            **_extents(shapes, areas, geobox=geobox),
            **_places(shapes, geobox=geobox, pixel=pixel_size_m),
            "before_datetime": dates[0],
            "after_datetime": dates[1],
            "alignment_ce90_px": math.nan if alignment_ce90_px is None else alignment_ce90_px,
        },
        index=regions.index,
        geometry=regions.geometry.array,
        crs=regions.crs,
    )
    return schema.conform(frame)


def _in_pixels(regions: gpd.GeoDataFrame, geobox: GeoBox) -> Shapes:
    """The polygons in pixel coordinates, which are whole numbers again."""
    drawn = shapely.transform(regions.geometry.to_numpy(), through(~geobox.affine))
    shapes = shapely.transform(drawn, np.round)
    off = np.abs(shapely.get_coordinates(drawn) - shapely.get_coordinates(shapes))
    if off.size and off.max() > 0.01:
        raise ValueError(
            f"regions must lie on the grid's pixels; found one {off.max():.2f} px beside them"
        )
    if (regions.crs is None) != (geobox.crs is None):
        raise ValueError(
            f"regions and geobox must both be georeferenced or neither; found {regions.crs} and "
            f"{geobox.crs}"
        )
    return np.asarray(shapes, dtype=object)


def _inside(shapes: Shapes, area: Area, geobox: GeoBox) -> tuple[Shapes, NDArray[np.bool_]]:
    """The part of each shape in the area, and whether that is all of it."""
    outline = area.outline_on(geobox)
    shapely.prepare(outline)
    inside = shapes.copy()
    crossing = ~shapely.covers(outline, shapes)
    inside[crossing] = shapely.intersection(shapes[crossing], outline)
    # An area made from the grid itself comes back from degrees with a rounding error.
    return inside, shapely.area(shapes) - shapely.area(inside) < 1e-3


def _site_numbers(
    ground: Shapes, order: NDArray[np.int64], *, pixel: float, gap: float | None
) -> NDArray[np.int64]:
    """Sites, counted from 1 in order of their highest scores."""
    if gap is None:
        gap = max(MIN_SITE_GAP_M, MIN_SITE_GAP_PX * pixel)
    numbers = np.empty(len(order), dtype=np.int64)
    # Given in order of rank, groups are counted in the order of their highest scores.
    numbers[order] = 1 + group_sites(
        ground[order], gap_m=gap, span_m=max(SITE_SPAN_M, SITE_SPAN_PX * pixel)
    )
    return numbers


def _ranks(order: NDArray[np.int64], table: pd.DataFrame) -> dict[str, Any]:
    """Each change's rank, and at most how many of those up to it are false; null without decoys."""
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    if "rank_bound" not in table:
        return {"rank": rank, "rank_bound": pd.array([None] * len(rank), dtype="Int64")}
    # Changes of one score share the bound of them all, which the first ones needn't reach.
    bound = np.minimum(table["rank_bound"].to_numpy(), rank)
    return {"rank": rank, "rank_bound": pd.array(bound, dtype="Int64")}


def _directions(table: pd.DataFrame) -> list[str]:
    mean, share = table["signed_mean"].to_numpy(), table["brighter_share"].to_numpy()
    brighter, darker = (mean > 0) & (share >= ONE_WAY), (mean < 0) & (share <= 1 - ONE_WAY)
    words = np.where(brighter, "brighter", np.where(darker, "darker", "mixed"))
    return [str(word) for word in words]


def _intervals(
    shapes: Shapes,
    areas: NDArray[np.float64],
    table: pd.DataFrame,
    outlining: Outlining | None,
) -> dict[str, Any]:
    """Between what bounds each area lies, m²; NaN where that isn't known."""
    names = ("area_low_m2", "area_high_m2")
    if outlining is None:
        return dict.fromkeys(names, math.nan)
    strength = np.asarray(table["score_mean"], dtype=np.float64)
    bounds = area_interval(shapes, strength=strength, how=outlining)
    pixel = areas / shapely.area(shapes)
    return {name: bound * pixel for name, bound in zip(names, bounds, strict=True)}


def _extents(shapes: Shapes, areas: NDArray[np.float64], *, geobox: GeoBox) -> dict[str, Any]:
    boxes = measure.rectangles(shapes, geobox=geobox)
    footprints = np.array([box.area for box in boxes], dtype=np.float64)
    return {
        "footprint_m2": footprints,
        "length_m": [box.length for box in boxes],
        "width_m": [box.width for box in boxes],
        "orientation_deg": [box.orientation for box in boxes],
        # The two come from different projections, which part in the ninth digit.
        "rectangularity": np.minimum(1.0, areas / footprints),
    }


def _places(shapes: Shapes, *, geobox: GeoBox, pixel: float) -> dict[str, Any]:
    points = shapely.get_coordinates(shapely.point_on_surface(shapes))
    if geobox.crs is None:
        x, y = through(geobox.affine)(points).T
        return {"x_m": x, "y_m": y}
    lon, lat = np.round(measure.degrees_of(geobox)(points), coordinate_digits(pixel)).T
    squares = [
        mgrs_text(*point, pixel_size_m=pixel)
        for point in zip(lon.tolist(), lat.tolist(), strict=True)
    ]
    return {"lon": lon, "lat": lat, "mgrs": squares}


def _at_edge(
    table: pd.DataFrame,
    bounds: NDArray[np.float64],
    whole: NDArray[np.bool_],
    *,
    geobox: GeoBox,
) -> NDArray[np.bool_]:
    """Whether each crosses the area's border, or lies at what was not seen."""
    rows, cols = geobox.shape
    at_border = (bounds[:, :2] <= 0).any(axis=1) | (bounds[:, 2:] >= (cols, rows)).any(axis=1)
    return np.asarray(~whole | at_border | table["at_edge"].to_numpy(dtype=bool))


def _names(
    shapes: Shapes,
    areas: NDArray[np.float64],
    *,
    geobox: GeoBox,
    pixel: float,
    dates: tuple[str | None, str | None],
) -> list[str]:
    """Names that another run, with other options, gives to the same changes.

    A name stands for the two dates and the cell of a lattice, some ten pixels wide, that holds the
    centroid; of several in one cell the largest comes first.
    """
    cell = 2.0 ** round(math.log2(10 * pixel))
    middles = shapely.get_coordinates(shapely.centroid(shapes))
    if geobox.crs is None:
        cells = np.floor(through(geobox.affine)(middles) / cell)
    else:
        cells = np.floor(measure.degrees_of(geobox)(middles) * (_METRES_PER_DEGREE / cell))
    order = np.lexsort((middles[:, 0], middles[:, 1], -areas, cells[:, 0], cells[:, 1]))
    taken: set[str] = set()
    names = [""] * len(shapes)
    for index in order:
        place = f"{cell:g} {cells[index, 0]:.0f} {cells[index, 1]:.0f} {dates[0]} {dates[1]}"
        attempt = 0
        while (name := _short(f"{place} {attempt}")) in taken:
            attempt += 1
        taken.add(name)
        names[index] = name
    return names


def _short(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return "c-" + "".join(_BASE32[number >> 5 * place & 31] for place in range(6))


def _iso(acquisition: Acquisition | None) -> str | None:
    """A time, a day or an interval in ISO 8601; None where it is unknown or not confirmed."""
    if acquisition is None or not acquisition.known:
        return None
    start, end = acquisition.start, acquisition.end
    if start is None or end is None:
        return None
    if acquisition.precision == "day":
        return f"{start:%Y-%m-%d}"
    if acquisition.precision == "interval":
        return f"{start:%Y-%m-%d}/{end:%Y-%m-%d}"
    return f"{start:%Y-%m-%dT%H:%M:%S}Z"
