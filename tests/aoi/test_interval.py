"""Intervals of areas, term by term: against counted pixels, drawn edges and the measure itself."""

from __future__ import annotations

from types import SimpleNamespace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.features import shapes as traced
from scipy.special import ndtr

from aoi.changes import describe_regions
from aoi.changes.interval import (
    NORMAL_90,
    Outlining,
    _gaps,
    _inward,
    _outlines,
    area_interval,
    outlining_of,
)
from aoi.places import area_from_overlap
from imagery.blocks import Window
from imagery.difference import METHODS, Noise
from imagery.outline import covered, ends_at
from imagery.record import StepRecord
from imagery.sampling import Pair, gradients
from imagery.shift_error import ShiftError

SPREAD = float(np.sqrt(1 / 12 + 0.6**2))
UNSURE = 0.125 * SPREAD * np.sqrt(2 * np.pi)
SURE = 1e9
"""A strength beside which noise is nothing."""


def how(*, threshold: float = 4.0, error: float = 0.0, smoothing: float = 0.0) -> Outlining:
    constant = ShiftError.constant(error)
    return Outlining(threshold=threshold, misregistration=constant, smoothing=smoothing)


def array(*polygons: shapely.Geometry) -> NDArray[np.object_]:
    found = np.empty(len(polygons), dtype=object)
    found[:] = polygons
    return found


def bounds(
    *polygons: shapely.Geometry, strength: float = SURE, **options: float
) -> list[tuple[float, float]]:
    low, high = area_interval(
        array(*polygons), strength=np.full(len(polygons), strength), how=how(**options)
    )
    return list(zip(low.tolist(), high.tolist(), strict=True))


def pixels_in(shape: shapely.Geometry, *, size: int = 48) -> NDArray[np.bool_]:
    """Pixels whose centre lies inside."""
    cols, rows = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    return np.asarray(shapely.contains_xy(shape, cols, rows))


def drawn(mask: NDArray[np.bool_]) -> shapely.Geometry:
    """The polygon along the pixels' sides."""
    parts = [shapely.geometry.shape(p) for p, _ in traced(mask.astype(np.uint8), mask=mask)]
    return shapely.MultiPolygon(parts)


# The whole


def test_the_interval_of_a_square_is_that_of_its_terms() -> None:
    ((low, high),) = bounds(shapely.box(5, 5, 15, 15))
    length = 40 - 4 * (1 - np.sqrt(0.5))
    half = NORMAL_90 * np.sqrt((UNSURE * length) ** 2 + 4 * 10**2 / 12)
    assert (low, high) == pytest.approx((100 - half, 100 + half))


def test_a_weak_change_reaches_beyond_its_outline() -> None:
    box = shapely.box(5, 5, 15, 15)
    ((low, high),) = bounds(box, strength=6.0)
    assert high - 100 > 100 - low > 0
    ((strong_low, strong_high),) = bounds(box, strength=60.0)
    assert high > strong_high
    assert low > strong_low


def test_an_interval_always_holds_the_polygons_own_area() -> None:
    box = shapely.box(0, 0, 4, 4)
    for strength in (4.0001, 5.0, 20.0, 1e3, SURE):
        for error in (0.0, 0.5, 5.0):
            ((low, high),) = bounds(box, strength=strength, error=error)
            assert 0 <= low <= 16 <= high


def test_a_thread_of_pixels_may_be_nothing_but_not_less() -> None:
    thread = drawn(np.tri(40, dtype=bool) & ~np.tri(40, k=-1, dtype=bool))
    ((low, high),) = bounds(thread, smoothing=3.0)
    assert low == 0
    assert high > 40


def test_no_change_has_no_interval() -> None:
    low, high = area_interval(array(), strength=np.zeros(0), how=how())
    assert low.shape == high.shape == (0,)


def test_smoothing_leaves_outlines_less_sure() -> None:
    box = shapely.box(5, 5, 15, 15)
    ((low, high),), ((wide_low, wide_high),) = bounds(box), bounds(box, smoothing=2.0)
    assert wide_high - wide_low > 2 * (high - low)


def test_the_alignment_counts_where_the_change_lies() -> None:
    error = ShiftError(
        rows=np.array([0.0]), cols=np.array([9.5, 109.5]), values=np.array([[0.0, 0.4]])
    )
    outlining = Outlining(threshold=4.0, misregistration=error)
    left, right = shapely.box(5, 5, 15, 15), shapely.box(105, 5, 115, 15)
    _, high = area_interval(array(left, right), strength=np.full(2, 12.0), how=outlining)
    assert high[0] == pytest.approx(bounds(left, strength=12.0)[0][1])
    assert high[1] == pytest.approx(bounds(right, strength=12.0, error=0.4)[0][1])
    assert high[1] > high[0]


def test_a_change_does_not_depend_on_the_others() -> None:
    polygons = [shapely.box(0, 0, 9, 4), drawn(pixels_in(shapely.Point(20, 20).buffer(9)))]
    assert bounds(*polygons) == [bounds(one)[0] for one in polygons]


# Where an outline ends


@pytest.mark.parametrize("strength", [5.0, 7.0, 12.0, 40.0])
@pytest.mark.parametrize("error", [0.0, 0.1, 0.3])
def test_an_outline_lies_where_share_and_score_suffice(strength: float, error: float) -> None:
    (inward,) = _inward(np.array([strength]), threshold=4.0, error=np.array([error]), spread=SPREAD)
    x = np.linspace(-2, 2, 40_001)
    share = ndtr(x / SPREAD)
    gradient = (ndtr((x + 1) / SPREAD) - ndtr((x - 1) / SPREAD)) / 2
    score = strength * share / np.sqrt(1 + (error * strength * gradient) ** 2)
    assert (np.diff(score) > 0).all()
    reached = (score >= 4.0) & (share >= ends_at(np.array([strength])))
    assert inward == pytest.approx(x[reached.argmax()], abs=2e-4)


@pytest.mark.parametrize("strength", [6.0, 10.0, 30.0, 100.0])
@pytest.mark.parametrize("error", [0.0, 0.1, 0.3])
def test_drawn_edges_end_there(strength: float, error: float) -> None:
    """Edges at all places between the pixels, through the measure and the outline themselves."""
    found = []
    for place in np.linspace(0, 1, 21):
        centres = np.arange(24) + 0.5
        share = ndtr((centres - 8 - place) / SPREAD)
        after = np.tile(strength * share, (1, 24, 1)).astype(np.float32)
        seen = np.ones(after.shape[1:], bool)
        noise = Noise(mean=np.zeros(1), covariance=np.eye(1))
        pair = Pair(
            before=np.zeros_like(after),
            after=after,
            spill=gradients(after, seen) * np.float32(error),
            error=np.full(seen.shape, error, np.float32),
            seen=seen,
        )
        score = METHODS["cva"].score(pair, noise).score
        kept = covered(score, after[:, score > 4.0], score > 4.0)
        found.append(24 - kept[12].sum() - 8 - place)
    (inward,) = _inward(np.array([strength]), threshold=4.0, error=np.array([error]), spread=SPREAD)
    assert np.mean(found) == pytest.approx(inward, abs=0.12)


# Pixels


def test_pixels_along_an_object_err_by_whole_runs() -> None:
    rng = np.random.default_rng(1)
    errors, told = [], []
    for _ in range(400):
        box = shapely.affinity.translate(shapely.box(8, 8, 31.3, 19.6), *rng.uniform(0, 1, 2))
        mask = pixels_in(box)
        errors.append(mask.sum() - box.area)
        told.append(_outlines(array(drawn(mask)))[1][0])
    assert np.mean(errors) == pytest.approx(0, abs=1.0)
    # Both ends of a side move together, so that these few lengths spread less or more than told.
    assert np.std(errors) == pytest.approx(np.sqrt(np.mean(told)), rel=0.35)


def test_pixels_across_an_object_err_no_more_than_told() -> None:
    rng = np.random.default_rng(2)
    errors, told = [], []
    for _ in range(300):
        disc = shapely.Point(rng.uniform(20, 21), rng.uniform(20, 21)).buffer(
            rng.uniform(6, 14), quad_segs=64
        )
        mask = pixels_in(disc)
        errors.append(mask.sum() - disc.area)
        told.append(_outlines(array(drawn(mask)))[1][0])
    assert 0.4 < np.std(errors) / np.sqrt(np.mean(told)) < 1.0


def test_lengths_cut_corners() -> None:
    disc = shapely.Point(24, 24).buffer(15, quad_segs=64)
    (length,), _ = _outlines(array(drawn(pixels_in(disc))))
    assert 1 < length / disc.length < 1.08
    # A square on its corner: a diagonal line from middle to middle of the stairs' sides.
    stairs = np.abs(np.subtract.outer(np.arange(-20, 21), np.zeros(41))) + np.abs(
        np.arange(-20, 21)
    )
    (length,), _ = _outlines(array(drawn(stairs <= 15)))
    assert length == pytest.approx(4 * 30 * np.sqrt(0.5) + 4, rel=0.02)


def test_all_parts_and_holes_have_outlines() -> None:
    box, hole = shapely.box(0, 0, 9, 9), shapely.box(3, 3, 6, 6)
    (one, both, ring), _ = _outlines(
        array(box, shapely.MultiPolygon([box, shapely.box(20, 0, 23, 3)]), box - hole)
    )
    small = 12 - 4 * (1 - np.sqrt(0.5))
    assert one == pytest.approx(36 - 4 * (1 - np.sqrt(0.5)))
    assert both == pytest.approx(one + small)
    assert ring == pytest.approx(one + small)


# What may be missing


def test_narrow_holes_and_bays_may_belong_and_wide_ones_do_not() -> None:
    box = shapely.box(0, 0, 20, 20)
    shapes = array(
        box,
        box - shapely.box(4, 4, 5, 5),
        box - shapely.box(4, 0, 5, 7),
        box - shapely.box(4, 4, 9, 9),
        box - shapely.box(10, 10, 20, 20),
    )
    assert _gaps(shapes, shapely.area(shapes)) == pytest.approx([0, 1, 7, 0, 0])


def test_what_looks_like_the_ground_widens_upwards() -> None:
    rng = np.random.default_rng(3)
    mask = pixels_in(shapely.box(4, 4, 44, 44))
    holed = mask & (rng.random(mask.shape) > 0.1)
    ((low, high),) = bounds(drawn(holed))
    missing = mask.sum() - holed.sum()
    assert high > holed.sum() + missing
    assert high - holed.sum() > 2 * (holed.sum() - low)


# The columns


def test_what_decided_the_outlines_is_on_the_grid_of_the_rasters() -> None:
    nodes = ShiftError(
        rows=np.array([100.0, 164.0]), cols=np.array([200.0]), values=np.array([[0.3], [0.4]])
    )
    found = SimpleNamespace(
        alignment=SimpleNamespace(error=nodes),
        plan=SimpleNamespace(display=Window(100, 200, 164, 264)),
        cut=SimpleNamespace(value=4.5),
        steps=(StepRecord(step="difference", options={"smoothing": 1.5}),),
    )
    outlining = outlining_of(found)  # type: ignore[arg-type]
    assert (outlining.threshold, outlining.smoothing) == (4.5, 1.5)
    at = outlining.misregistration.at(np.array([0.0, 64.0]), np.zeros(2))
    assert at == pytest.approx(np.hypot([0.3, 0.4], 0.1))


def described(outlining: Outlining | None) -> gpd.GeoDataFrame:
    geobox = GeoBox((100, 100), Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000), "EPSG:32651")
    drawn = shapely.box(500_005, 3_999_985, 500_015, 3_999_990)
    regions = gpd.GeoDataFrame(
        index=pd.Index([1], name="region"), geometry=[drawn], crs=geobox.crs.to_wkt()
    )
    table = pd.DataFrame(
        {
            "strength": 30.0,
            "score_mean": 20.0,
            "signed_mean": 2.0,
            "brighter_share": 1.0,
            "at_edge": False,
        },
        index=[1],
    )
    return describe_regions(
        regions,
        geobox=geobox,
        pixel_size_m=0.5,
        table=table,
        area=area_from_overlap(geobox),
        outlining=outlining,
    )


def test_columns_are_square_metres_on_the_ground() -> None:
    row = described(how(error=0.1)).iloc[0]
    ((low, high),) = bounds(shapely.box(10, 20, 30, 30), strength=20.0, error=0.1)
    assert row.area_low_m2 == pytest.approx(low * row.area_m2 / 200)
    assert row.area_high_m2 == pytest.approx(high * row.area_m2 / 200)
    assert row.area_low_m2 < row.area_m2 < row.area_high_m2


def test_without_what_decided_the_outlines_no_interval_is_told() -> None:
    row = described(None).iloc[0]
    assert np.isnan(row.area_low_m2)
    assert np.isnan(row.area_high_m2)
