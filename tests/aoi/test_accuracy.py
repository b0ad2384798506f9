"""A case held against a reference: counts, rankings, objects, samples, and how they are told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from small_pair import write_image

from aoi.changes.accuracy import (
    Assessment,
    CaseMap,
    Confusion,
    Labelled,
    assess,
    confusion,
    draw_sample,
    estimate,
    match_objects,
    ranking,
    read_case_map,
    read_reference,
    read_sample,
    strata_of,
    stratified_ratio,
)
from aoi.changes.accuracy._mask import read_mask
from aoi.cli import main
from aoi.places import Area
from imagery.errors import InputError, MissingInputError, UsageError

PLACE = Affine(2, 0, 500_000, 0, -2, 4_320_000)
"""Pixels of 2 m in EPSG:32651, on whose central meridian the scale is 0.9996."""

ROWS, COLS = 40, 50
PIXEL_M2 = 4 / 0.9996**2

MakeCase = Callable[..., Path]


def grid_square(top: int, left: int, bottom: int, right: int) -> Any:
    """A rectangle of pixels, in EPSG:32651."""
    (west, north), (east, south) = PLACE * (left, top), PLACE * (right, bottom)
    return shapely.box(west, south, east, north)


def to_degrees(shape: Any) -> Any:
    move = Transformer.from_crs(32651, 4326, always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(move.transform(*xy.T)))


def regions_with(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint32]:
    regions = np.zeros((ROWS, COLS), np.uint32)
    for number, (top, left, bottom, right) in enumerate(boxes, start=3):
        regions[top:bottom, left:right] = number
    return regions


@pytest.fixture
def make_case(tmp_path: Path) -> MakeCase:
    """Write the files of a case that accuracy reads; the area is all but two pixels at the rim."""

    def make(
        regions: NDArray[np.uint32],
        *,
        valid: NDArray[np.uint8] | None = None,
        score: NDArray[np.float32] | None = None,
        georeferenced: bool = True,
        name: str = "case",
        area: Any = None,
    ) -> Path:
        folder = tmp_path / name
        (folder / "rasters").mkdir(parents=True)
        valid = np.zeros(regions.shape, np.uint8) if valid is None else valid
        score = (regions > 0).astype(np.float32) * 9 if score is None else score
        crs = "EPSG:32651" if georeferenced else None
        for file, values in (("change", regions), ("valid", valid), ("score", score)):
            place = {"transform": PLACE, "crs": crs}
            write_image(folder / "rasters" / f"{file}.tif", values[None], **place)
        outline = area or grid_square(2, 2, ROWS - 2, COLS - 2)
        outline = to_degrees(outline) if georeferenced else outline
        result = {
            "area": {"name": "Square", "geometry": shapely.geometry.mapping(outline)},
            "georeferenced": georeferenced,
            "simulated": False,
        }
        (folder / "case.json").write_text(json.dumps({"schema": 1, "result": result}))
        return folder

    return make


def opened(case: Path) -> CaseMap:
    return read_case_map(case, json.loads((case / "case.json").read_text())["result"])


def write_shapes(path: Path, shapes: list[Any], crs: str | None = "EPSG:32651") -> Path:
    gpd.GeoDataFrame(geometry=shapes, crs=crs).to_file(path, engine="pyogrio")
    return path


# Pixels


class TestConfusion:
    def test_a_table_worked_by_hand(self) -> None:
        table = Confusion(both=20, map_only=5, reference_only=10, neither=65)
        assert table.precision == 0.8
        assert table.recall == pytest.approx(2 / 3)
        assert table.f1 == pytest.approx(40 / 55)
        assert table.iou == pytest.approx(20 / 35)
        assert table.overall == 0.85
        # Chance agrees on .25 * .30 + .75 * .70 = .60 of the pixels.
        assert table.kappa == pytest.approx((0.85 - 0.6) / 0.4)

    def test_a_perfect_map_has_1_and_its_complement_0(self) -> None:
        truth = np.random.default_rng(1).random((30, 30)) < 0.2
        perfect, worst = confusion(truth, truth), confusion(~truth, truth)
        for name in ("precision", "recall", "f1", "iou", "overall", "kappa"):
            assert getattr(perfect, name) == 1
        for name in ("precision", "recall", "f1", "iou", "overall"):
            assert getattr(worst, name) == 0
        assert worst.kappa is not None
        assert worst.kappa < 0

    @given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
    def test_kappa_of_independent_maps_is_0(self, a: int, b: int, c: int, d: int) -> None:
        table = Confusion(both=a * c, map_only=a * d, reference_only=b * c, neither=b * d)
        assert table.kappa == pytest.approx(0, abs=1e-12)

    def test_it_counts_every_pixel_once(self) -> None:
        random = np.random.default_rng(2)
        mapped, truth = random.random((2, 500)) < 0.3
        table = confusion(mapped, truth)
        assert table.pixels == 500
        assert table.both == (mapped & truth).sum()
        assert table.map_only == (mapped & ~truth).sum()
        assert table.reference_only == (~mapped & truth).sum()

    def test_what_has_no_meaning_is_none(self) -> None:
        nothing = Confusion(both=0, map_only=0, reference_only=0, neither=9)
        assert nothing.precision is nothing.recall is nothing.f1 is nothing.iou is None
        assert nothing.kappa is None  # both say one thing of all
        assert nothing.overall == 1


def by_every_threshold(score: NDArray[Any], truth: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Average precision, best F1 and its threshold, by trying every score there is."""
    average = recall = best = at = 0.0
    for value in np.unique(score)[::-1]:
        table = confusion(score >= value, truth)
        precision, now = table.precision or 0.0, table.recall or 0.0
        average, recall = average + precision * (now - recall), now
        if (table.f1 or 0) > best + 1e-12:
            best, at = table.f1 or 0.0, float(value)
    return average, best, at


class TestRanking:
    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60),
        st.integers(1, 9),
    )
    def test_it_equals_brute_force_with_ties_and_in_parts(
        self, pixels: list[tuple[int, bool]], part: int
    ) -> None:
        score = np.array([value for value, _ in pixels], np.float32)
        truth = np.array([changed for _, changed in pixels])
        cuts = range(part, len(score), part)
        parts = list(zip(np.split(score, cuts), np.split(truth, cuts), strict=True))
        found = ranking(lambda: parts)
        if not truth.any():
            assert found.average_precision is found.auroc is found.oracle_f1 is None
            return
        average, best, at = by_every_threshold(score, truth)
        assert found.average_precision == pytest.approx(average)
        assert (found.oracle_f1, found.oracle_threshold) == (pytest.approx(best), at)
        if truth.all():
            assert found.auroc is None
            return
        pairs = np.sign(score[truth][:, None] - score[~truth][None])
        assert found.auroc == pytest.approx((pairs.mean() + 1) / 2)

    def test_auroc_is_mann_and_whitneys_statistic(self) -> None:
        from scipy.stats import mannwhitneyu

        random = np.random.default_rng(3)
        truth = random.random(4000) < 0.1
        score = (random.normal(size=4000) + truth).round(1).astype(np.float32)
        u = mannwhitneyu(score[truth], score[~truth]).statistic
        found = ranking(lambda: [(score, truth)])
        assert found.auroc == pytest.approx(u / (truth.sum() * (~truth).sum()))

    def test_scores_that_say_nothing(self) -> None:
        truth = np.arange(50) % 5 == 0
        found = ranking(lambda: [(np.ones(50, np.float32), truth)])
        assert found.average_precision == pytest.approx(0.2)
        assert found.auroc == 0.5

    def test_scores_that_say_all(self) -> None:
        truth = np.arange(50) % 5 == 0
        found = ranking(lambda: [(truth.astype(np.float32) + 2, truth)])
        assert found.average_precision == found.auroc == found.oracle_f1 == 1
        assert found.oracle_threshold == 3

    def test_pixels_without_a_score_are_found_last(self) -> None:
        score = np.array([1, -np.inf, 0, 0], np.float32)
        found = ranking(lambda: [(score, np.array([True, True, False, False]))])
        assert found.average_precision == pytest.approx((1 + 2 / 4) / 2)


# Objects


GRID = GeoBox((ROWS, COLS), PLACE, "EPSG:32651")
EVERYWHERE = np.ones((ROWS, COLS), bool)


def labelled_boxes(*boxes: tuple[int, int, int, int]) -> NDArray[np.int32]:
    return np.where(regions_with(*boxes) > 0, regions_with(*boxes).astype(np.int32) - 2, 0)


def matched(objects: NDArray[np.int32], regions: NDArray[np.uint32], **options: Any) -> Any:
    judged = options.pop("judged", EVERYWHERE)
    return match_objects(objects, regions, judged, geobox=GRID, pixel_area_m2=PIXEL_M2, **options)


class TestObjects:
    def test_found_missed_and_false(self) -> None:
        objects = labelled_boxes((4, 4, 14, 14), (20, 4, 30, 14), (4, 30, 14, 40))
        # Covers all of the first, one row of the second, which is 10 %, none of the third.
        regions = regions_with((4, 4, 14, 14), (29, 4, 33, 14), (32, 30, 34, 40))
        found = matched(objects, regions)
        assert (found.objects, found.found, found.touched) == (3, 2, 2)
        assert (found.changes, found.correct) == (3, 2)
        assert found.completeness == found.correctness == found.f1 == pytest.approx(2 / 3)
        assert found.object_hits == {1: True, 2: True, 3: False}
        assert found.change_hits == {3: True, 4: True, 5: False}
        assert found.false_per_km2 == pytest.approx(1e6 / (ROWS * COLS * PIXEL_M2))

    def test_the_least_overlap_counts_at_its_limit_and_not_below(self) -> None:
        objects = labelled_boxes((4, 4, 14, 14))
        regions = regions_with((13, 4, 20, 14))
        assert matched(objects, regions, min_overlap=0.1).found == 1
        below = matched(objects, regions, min_overlap=0.11)
        assert (below.found, below.touched, below.correct) == (0, 1, 1)

    def test_one_to_many_and_many_to_one(self) -> None:
        objects = labelled_boxes((4, 4, 10, 20), (20, 4, 24, 8), (20, 12, 24, 16))
        regions = regions_with((4, 4, 10, 8), (4, 14, 10, 20), (20, 4, 24, 16))
        found = matched(objects, regions)
        assert (found.one_to_many, found.many_to_one) == (1, 1)

    def test_centres_are_told_in_metres_on_the_ground(self) -> None:
        objects, regions = labelled_boxes((4, 4, 14, 14)), regions_with((7, 8, 17, 18))
        found = matched(objects, regions)
        # 3 rows and 4 columns of 2 m, drawn at 0.9996.
        assert found.distance_median_m == pytest.approx(10 / 0.9996, rel=1e-5)
        assert found.distance_90_m == pytest.approx(10 / 0.9996, rel=1e-5)

    def test_the_centre_is_that_of_the_change_that_shares_most(self) -> None:
        objects = labelled_boxes((4, 4, 14, 14))
        regions = regions_with((4, 13, 14, 40), (4, 4, 14, 13))
        found = matched(objects, regions)
        assert found.distance_median_m == pytest.approx(1 / 0.9996, rel=1e-5)

    def test_what_is_not_judged_counts_on_neither_side(self) -> None:
        objects = labelled_boxes((4, 4, 14, 14), (20, 4, 30, 14))
        regions = regions_with((4, 4, 6, 14), (32, 30, 34, 40))
        judged = EVERYWHERE.copy()
        judged[6:18] = False  # of the first, two rows are left, which are covered
        judged[20:] = False
        found = matched(objects, regions, judged=judged, min_overlap=1)
        assert (found.objects, found.found, found.changes, found.correct) == (1, 1, 1, 1)

    def test_classes_of_size_add_up(self) -> None:
        objects = labelled_boxes((4, 4, 6, 6), (10, 4, 20, 14))  # 16 m² and 400 m²
        regions = regions_with((4, 4, 6, 6), (30, 4, 32, 6))
        small, large = matched(objects, regions).sizes
        assert (small.low_m2, small.high_m2, small.objects, small.found) == (0, 30, 1, 1)
        assert (small.changes, small.correct, small.correctness) == (2, 1, 0.5)
        assert (large.low_m2, large.high_m2, large.objects, large.found) == (300, 1000, 1, 0)
        assert large.completeness == 0
        assert large.correctness is None

    def test_nothing_against_nothing(self) -> None:
        found = matched(np.zeros((ROWS, COLS), np.int32), regions_with())
        assert found.completeness is found.correctness is found.f1 is None
        assert found.distance_median_m is None
        assert found.sizes == ()

    def test_all_missed_and_all_false_has_f1_0(self) -> None:
        found = matched(labelled_boxes((4, 4, 8, 8)), regions_with((20, 20, 24, 24)))
        assert (found.completeness, found.correctness, found.f1) == (0, 0, 0)

    def test_ids_may_be_large_and_sparse(self) -> None:
        regions = regions_with((4, 4, 14, 14)) * np.uint32(1_000_000_000)
        found = matched(labelled_boxes((4, 4, 14, 14)), regions)
        assert found.change_hits == {3_000_000_000: True}

    @pytest.mark.parametrize("overlap", [0, -0.1, 1.1])
    def test_an_overlap_that_is_no_share(self, overlap: float) -> None:
        with pytest.raises(ValueError, match="min_overlap"):
            matched(labelled_boxes(), regions_with(), min_overlap=overlap)


# The reference on the grid


class TestPolygons:
    @pytest.mark.parametrize("degrees", [False, True])
    def test_a_pixel_is_changed_where_its_centre_lies_inside(
        self, make_case: MakeCase, tmp_path: Path, degrees: bool
    ) -> None:
        found = opened(make_case(regions_with()))
        shape = grid_square(4, 5, 14, 17)
        shape = shape.buffer(-0.9) if not degrees else to_degrees(shape.buffer(0.9))
        crs = "EPSG:4326" if degrees else "EPSG:32651"
        reference = read_reference(write_shapes(tmp_path / "r.gpkg", [shape], crs), found)
        assert reference.kind == "polygons"
        expected = np.zeros((ROWS, COLS), np.int32)
        expected[4:14, 5:17] = 1
        assert (reference.objects == expected).all()

    def test_polygons_that_touch_are_two_and_those_that_overlap_one(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        found = opened(make_case(regions_with()))
        touching = [grid_square(4, 4, 8, 8), grid_square(4, 8, 8, 12)]
        chained = [grid_square(20, 4 + 3 * n, 24, 8 + 3 * n) for n in range(3)]
        path = write_shapes(tmp_path / "r.gpkg", touching + chained)
        reference = read_reference(path, found)
        assert reference.count == 3
        assert len(np.unique(reference.objects[4:8, 4:12])) == 2
        assert len(np.unique(reference.objects[20:24, 4:14])) == 1

    def test_one_that_holds_no_centre_gets_what_it_touches(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        found = opened(make_case(regions_with()))
        x, y = PLACE * (7.9, 9.9)
        path = write_shapes(tmp_path / "r.gpkg", [shapely.box(x - 0.1, y - 0.1, x, y)])
        assert np.argwhere(read_reference(path, found).objects).tolist() == [[9, 7]]

    def test_one_off_the_grid_is_counted_and_not_judged(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        found = opened(make_case(regions_with((4, 4, 8, 8))))
        shapes = [grid_square(4, 4, 8, 8), grid_square(900, 4, 910, 8)]
        path = write_shapes(tmp_path / "r.gpkg", shapes)
        held = assess(found, read_reference(path, found))
        assert (held.reference.count, held.objects.objects) == (2, 1)

    def test_one_that_crosses_itself_is_mended_with_a_warning(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        found = opened(make_case(regions_with()))
        (x, y), (u, v) = PLACE * (4, 4), PLACE * (14, 14)
        bow = shapely.Polygon([(x, y), (u, v), (u, y), (x, v)])
        reference = read_reference(write_shapes(tmp_path / "r.gpkg", [bow]), found)
        assert [caution.code for caution in reference.cautions] == ["reference-mended"]
        assert 40 <= (reference.objects > 0).sum() <= 60

    def test_points_besides_are_told(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        shapes = [grid_square(4, 4, 8, 8), shapely.Point(PLACE * (9, 9))]
        reference = read_reference(write_shapes(tmp_path / "r.gpkg", shapes), found)
        assert [caution.code for caution in reference.cautions] == ["reference-not-polygons"]

    def test_points_alone_are_no_reference(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        path = write_shapes(tmp_path / "r.gpkg", [shapely.Point(PLACE * (9, 9))])
        with pytest.raises(InputError, match="holds no polygon") as caught:
            read_reference(path, found)
        assert caught.value.option == "--reference"

    def test_a_file_without_crs_needs_one(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        path = write_shapes(tmp_path / "r.shp", [grid_square(4, 4, 8, 8)])
        path.with_suffix(".prj").unlink()
        with pytest.raises(InputError, match="has no CRS") as caught:
            read_reference(path, found)
        assert caught.value.option == "--crs"
        assert (read_reference(path, found, crs="EPSG:32651").objects[4:8, 4:8] == 1).all()

    @pytest.mark.parametrize("name", ["none.gpkg", "none.txt"])
    def test_a_file_that_is_not_there(self, make_case: MakeCase, tmp_path: Path, name: str) -> None:
        with pytest.raises(MissingInputError) as caught:
            read_reference(tmp_path / name, opened(make_case(regions_with())))
        assert caught.value.option == "--reference"

    def test_in_a_metric_frame(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 8, 8)), georeferenced=False))
        assert found.pixel_area_m2 == pytest.approx(4)
        shape = shapely.to_geojson(grid_square(4, 4, 8, 8))
        path = tmp_path / "r.geojson"
        path.write_text(shape)
        held = assess(found, read_reference(path, found))
        assert held.pixels.f1 == 1

    def test_only_within_what_it_covers(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 8, 8), (30, 4, 34, 8))))
        path = write_shapes(tmp_path / "r.gpkg", [grid_square(4, 4, 8, 8)])
        north = Area(name="North", geometry=to_degrees(grid_square(0, 0, 20, COLS)), source="")
        held = assess(found, read_reference(path, found, within=north))
        assert held.pixels.f1 == 1
        assert held.pixels.pixels == 18 * (COLS - 4)
        assert assess(found, read_reference(path, found)).pixels.map_only == 16


def write_mask(path: Path, values: NDArray[Any], **profile: Any) -> Path:
    return write_image(path, values[None], **{"transform": PLACE, **profile})


class TestMask:
    def test_values_and_objects(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 8, 8))))
        mask = np.zeros((ROWS, COLS), np.uint8)
        mask[4:8, 4:8] = mask[8:10, 8:10] = 1  # meet at a corner: one object
        mask[20:] = 255
        reference = read_reference(write_mask(tmp_path / "m.tif", mask), found)
        assert (reference.kind, reference.count) == ("mask", 1)
        assert ((reference.objects == -1) == (mask == 255)).all()
        assert ((reference.objects == 1) == (mask == 1)).all()
        held = assess(found, reference)
        assert held.pixels.pixels == 18 * (COLS - 4)
        assert (held.pixels.both, held.pixels.reference_only) == (16, 4)

    def test_another_grid_and_crs_by_nearest(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        random = np.random.default_rng(5)
        mask = random.choice(np.array([0, 1, 255], np.uint8), (35, 30), p=[0.6, 0.3, 0.1])
        (lon, lat) = to_degrees(shapely.Point(500_006, 4_319_992)).coords[0]
        place = Affine(3e-5, 2e-6, lon, -1e-6, -2.5e-5, lat)
        path = write_mask(tmp_path / "m.tif", mask, transform=place, crs="EPSG:4326")
        objects = read_reference(path, found).objects
        row, col = np.indices((ROWS, COLS)) + 0.5
        degrees = Transformer.from_crs(32651, 4326, always_xy=True).transform(*(PLACE * (col, row)))
        at_col, at_row = (np.floor(at).astype(int) for at in ~place * degrees)
        inside = (at_row >= 0) & (at_row < 35) & (at_col >= 0) & (at_col < 30)
        expected = np.full((ROWS, COLS), 255)
        expected[inside] = mask[at_row[inside], at_col[inside]]
        found_values = np.where(objects < 0, 255, objects > 0)
        assert 0 < inside.sum() < inside.size
        assert (found_values == expected).all()

    @pytest.mark.parametrize("finer", [1, 8])
    def test_nearest_is_exact_where_the_projection_bends(self, tmp_path: Path, finer: int) -> None:
        """GDAL's warp approximates such a line of pixels, and takes the neighbours' values."""
        grid = GeoBox((4, 3000), Affine(100, 0, 200_000, 0, -100, 6_000_000), "EPSG:32651")
        row, col = np.indices(grid.shape) + 0.5
        move = Transformer.from_crs(32651, 4326, always_xy=True)
        lon, lat = move.transform(*(grid.affine * (col, row)))
        step = 1e-3 / finer
        place = Affine(step, 0, lon.min(), 0, -step, lat.max())
        shape = (np.ptp(lat) / step + 2, np.ptp(lon) / step + 2)
        mask = np.random.default_rng(6).integers(0, 2, np.array(shape, int), np.uint8)
        path = write_mask(tmp_path / "m.tif", mask, transform=place, crs="EPSG:4326")
        at_col, at_row = (np.floor(at).astype(int) for at in ~place * (lon, lat))
        assert (read_mask(path, grid) == mask[at_row, at_col]).all()

    def test_a_mask_far_finer_than_the_case(self, tmp_path: Path) -> None:
        grid = GeoBox((64, 64), Affine(1000, 0, 500_000, 0, -1000, 4_320_000), "EPSG:32651")
        path = write_mask(
            tmp_path / "m.tif",
            np.zeros((20_000, 20_000), np.uint8),
            transform=Affine(1, 0, 500_000, 0, -1, 4_320_000),
            compress="deflate",
        )
        with pytest.raises(InputError, match="far finer"):
            read_mask(path, grid)

    def test_floats_gaps_and_nodata(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        mask = np.zeros((ROWS, COLS), np.float32)
        mask[5, 5], mask[6, 6], mask[7, 7] = 1, np.nan, -9
        reference = read_reference(write_mask(tmp_path / "m.tif", mask, nodata=-9), found)
        assert np.argwhere(reference.objects == -1).tolist() == [[6, 6], [7, 7]]
        assert np.argwhere(reference.objects == 1).tolist() == [[5, 5]]

    def test_nodata_0_says_that_nothing_changed(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        mask = np.zeros((ROWS, COLS), np.uint8)
        mask[5, 5] = 1
        reference = read_reference(write_mask(tmp_path / "m.tif", mask, nodata=0), found)
        assert (reference.objects == 0).sum() == ROWS * COLS - 1

    @pytest.mark.parametrize("value", [2, 128, 254])
    def test_values_that_mean_nothing(
        self, make_case: MakeCase, tmp_path: Path, value: int
    ) -> None:
        mask = np.zeros((ROWS, COLS), np.uint8)
        mask[5, 5] = value
        path = write_mask(tmp_path / "m.tif", mask)
        with pytest.raises(InputError, match="mean nothing") as caught:
            read_reference(path, opened(make_case(regions_with())))
        assert caught.value.found == str(value)

    def test_large_values_do_not_pass_as_255(self, make_case: MakeCase, tmp_path: Path) -> None:
        path = write_mask(tmp_path / "m.tif", np.full((ROWS, COLS), 300, np.uint16))
        with pytest.raises(InputError, match="mean nothing"):
            read_reference(path, opened(make_case(regions_with())))

    def test_a_mask_of_another_place(self, make_case: MakeCase, tmp_path: Path) -> None:
        away = Affine(2, 0, 600_000, 0, -2, 4_320_000)
        path = write_mask(tmp_path / "m.tif", np.zeros((9, 9), np.uint8), transform=away)
        with pytest.raises(InputError, match="says nothing about"):
            read_reference(path, opened(make_case(regions_with())))

    def test_three_bands_are_no_mask(self, make_case: MakeCase, tmp_path: Path) -> None:
        path = write_image(tmp_path / "m.tif", np.zeros((3, 9, 9), np.uint8))
        with pytest.raises(InputError, match="is no mask"):
            read_reference(path, opened(make_case(regions_with())))

    def test_a_mask_without_a_place_needs_a_case_without_one(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        mask = np.zeros((ROWS, COLS), np.uint8)
        mask[4:8, 4:8] = 1
        path = write_mask(tmp_path / "m.tif", mask, crs=None, transform=Affine.identity())
        with pytest.raises(InputError, match="is not georeferenced"):
            read_reference(path, opened(make_case(regions_with())))
        flat = opened(make_case(regions_with((4, 4, 8, 8)), georeferenced=False, name="flat"))
        assert assess(flat, read_reference(path, flat)).pixels.f1 == 1
        small = write_mask(tmp_path / "s.tif", mask[1:], crs=None, transform=Affine.identity())
        with pytest.raises(InputError, match="another size"):
            read_reference(small, flat)
        placed = write_mask(tmp_path / "p.tif", mask, crs=None)
        assert assess(flat, read_reference(placed, flat)).pixels.f1 == 1

    def test_an_image_taken_for_polygons(self, make_case: MakeCase, tmp_path: Path) -> None:
        path = write_mask(tmp_path / "m.tif", np.zeros((ROWS, COLS), np.uint8))
        with pytest.raises(InputError):
            read_reference(path, opened(make_case(regions_with())), kind="polygons")


# The whole


def held_against(found: CaseMap, shapes: list[Any], folder: Path) -> Assessment:
    return assess(found, read_reference(write_shapes(folder / "truth.gpkg", shapes), found))


class TestAssess:
    def test_only_what_was_observed_in_the_area_counts(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        valid = np.zeros((ROWS, COLS), np.uint8)
        valid[10:20], valid[20:30] = 2, 4
        boxes = (4, 4, 34, 8)
        found = opened(make_case(regions_with(boxes), valid=valid))
        held = held_against(found, [grid_square(*boxes)], tmp_path)
        assert held.pixels.both == 10 * 4
        assert held.pixels.pixels == 16 * (COLS - 4) == held.observed
        assert found.share_of_area(held.pixels.pixels) == pytest.approx(16 / 36, rel=1e-6)

    def test_areas_on_the_ground(self, make_case: MakeCase) -> None:
        assert opened(make_case(regions_with())).pixel_area_m2 == pytest.approx(PIXEL_M2, rel=1e-6)

    def test_scores_rank_only_what_is_judged(self, make_case: MakeCase, tmp_path: Path) -> None:
        box = (4, 4, 8, 8)
        score = np.ones((ROWS, COLS), np.float32)
        score[4:8, 4:8] = 5
        score[0, 0] = 50  # in the margin
        valid = np.zeros((ROWS, COLS), np.uint8)
        valid[20, 20], score[20, 20] = 1, np.nan
        found = opened(make_case(regions_with(), valid=valid, score=score))
        held = held_against(found, [grid_square(*box)], tmp_path)
        assert held.ranking.average_precision == held.ranking.auroc == 1
        assert held.ranking.oracle_threshold == 5
        assert held.pixels.recall == 0

    def test_a_reference_without_change_warns(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 8, 8))))
        held = held_against(found, [grid_square(900, 900, 910, 910)], tmp_path)
        assert [caution.code for caution in held.cautions] == ["reference-no-change"]
        assert held.pixels.recall is held.ranking.average_precision is None
        assert held.pixels.precision == 0

    def test_few_objects_warn_and_many_do_not(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        boxes = [grid_square(r, c, r + 2, c + 2) for r in range(4, 34, 6) for c in range(4, 46, 6)]
        assert len(boxes) >= 30
        assert held_against(found, boxes, tmp_path).cautions == ()
        few = held_against(found, boxes[:4], tmp_path).cautions
        assert [caution.code for caution in few] == ["reference-few-objects"]
        assert "25 percentage points" in few[0].message

    def test_a_reference_that_judges_nothing(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with()))
        mask = np.full((ROWS, COLS), 255, np.uint8)
        mask[:2] = 0  # the margin alone
        reference = read_reference(write_mask(tmp_path / "m.tif", mask), found)
        with pytest.raises(InputError, match="judges nothing"):
            assess(found, reference)

    def test_a_case_that_saw_nothing(self, make_case: MakeCase) -> None:
        with pytest.raises(InputError, match="nothing of the area was observed"):
            opened(make_case(regions_with(), valid=np.ones((ROWS, COLS), np.uint8)))

    @pytest.mark.parametrize("name", ["change", "valid", "score"])
    def test_a_case_that_lacks_a_raster(self, make_case: MakeCase, name: str) -> None:
        case = make_case(regions_with())
        (case / "rasters" / f"{name}.tif").unlink()
        with pytest.raises(MissingInputError, match=name):
            opened(case)

    def test_rasters_of_two_grids(self, make_case: MakeCase) -> None:
        case = make_case(regions_with())
        write_mask(case / "rasters" / "valid.tif", np.zeros((9, 9), np.uint8))
        with pytest.raises(InputError, match="another grid"):
            opened(case)

    @pytest.mark.parametrize(
        "area", [None, {}, {"name": "x", "geometry": {"type": "Point", "coordinates": [1, 2]}}, 7]
    )
    def test_a_record_with_no_area(self, make_case: MakeCase, area: Any) -> None:
        case = make_case(regions_with())
        with pytest.raises(InputError, match=r"case\.json"):
            read_case_map(case, {"area": area, "georeferenced": True})


# Estimates


def of_a_matrix(counts: list[list[int]]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Stratum, mapped class and reference class of points; strata are the map's classes."""
    matrix = np.array(counts)
    mapped, reference = np.divmod(np.repeat(np.arange(matrix.size), matrix.ravel()), len(matrix))
    return mapped, mapped, reference


class TestPublishedExamples:
    """Worked examples of the papers."""

    OLOFSSON = ([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]],
                [200_000, 150_000, 3_200_000, 6_450_000])  # fmt: skip
    """Olofsson et al. (2014), table 8: deforestation, forest gain, stable forest, stable
    non-forest; pixels of 30 m."""

    @pytest.mark.parametrize(
        ("number", "users", "producers", "hectares", "half_width"),
        [
            (0, (0.88, 0.07), 0.75, 21_158, 6_158),
            (1, (0.73, 0.10), 0.85, 11_686, 3_756),
            (2, (0.93, 0.04), 0.93, 285_770, 15_510),
            (3, (0.96, 0.02), 0.96, 581_386, 16_282),
        ],
    )
    def test_olofsson_2014(
        self,
        number: int,
        users: tuple[float, float],
        producers: float,
        hectares: float,
        half_width: float,
    ) -> None:
        counts, sizes = self.OLOFSSON
        stratum, mapped, reference = of_a_matrix(counts)
        found = estimate(
            Labelled(
                stratum=stratum, mapped=mapped == number, reference=reference == number, sizes=sizes
            )
        )
        total = sum(sizes) * 0.09
        assert found.users_changed.value == pytest.approx(users[0], abs=0.005)
        assert found.users_changed.error is not None
        assert 1.96 * found.users_changed.error == pytest.approx(users[1], abs=0.005)
        assert found.producers_changed.value == pytest.approx(producers, abs=0.005)
        assert found.changed.value is not None
        assert found.changed.error is not None
        assert found.changed.value * total == pytest.approx(hectares, abs=1)
        # The paper leaves out the correction for finite strata, here below 0.03 %.
        assert 1.96 * found.changed.error * total == pytest.approx(half_width, rel=3e-4)
        assert found.mapped.value == pytest.approx(sizes[number] / sum(sizes))

    def test_olofsson_2014_overall(self) -> None:
        counts, sizes = self.OLOFSSON
        stratum, mapped, reference = of_a_matrix(counts)
        whole = np.ones(len(stratum), bool)
        overall = stratified_ratio(mapped == reference, whole, stratum, sizes)
        assert overall.value == pytest.approx(0.947, abs=5e-4)
        assert overall.error is not None
        assert 1.96 * overall.error == pytest.approx(0.018, abs=5e-4)

    def test_equation_7_written_out(self) -> None:
        """The error of the producer's accuracy, which the paper gives another form of."""
        counts, sizes = self.OLOFSSON
        stratum, mapped, reference = of_a_matrix(counts)
        n, size = np.array(counts, float), np.array(sizes, float)
        of_stratum = n.sum(axis=1)
        share = n / of_stratum[:, None]
        column = size @ share
        for j in range(4):
            producers = size[j] * share[j, j] / column[j]
            own = size[j] ** 2 * (1 - producers) ** 2 * share[j, j] * (1 - share[j, j])
            own /= of_stratum[j] - 1
            others = sum(
                size[i] ** 2 * share[i, j] * (1 - share[i, j]) / (of_stratum[i] - 1)
                for i in range(4)
                if i != j
            )
            expected = np.sqrt(own + producers**2 * others) / column[j]
            found = stratified_ratio(
                (mapped == j) & (reference == j), reference == j, stratum, sizes
            )
            assert found.value == pytest.approx(producers)
            assert found.error == pytest.approx(expected, rel=3e-4)

    def test_stehman_2014_where_strata_are_not_the_classes(self) -> None:
        """Stehman (2014), table 2 and section 4: four strata of ten points."""
        stratum = np.repeat(np.arange(4), 10)
        mapped = np.array(list("AAAAAAABBBABBBBBBBBBBBCCCCCCBBDDDDDDDDDD"))
        reference = np.array(list("AAAAACBABCABBBBBAABBCCCCCDDBBADDDDDDDCCB"))
        sizes = [40_000, 30_000, 20_000, 10_000]
        whole = np.ones(40, bool)

        def ratio(part: Any, of: Any = whole) -> tuple[float, float]:
            found = stratified_ratio(part, of, stratum, sizes)
            assert found.value is not None
            assert found.error is not None
            return round(found.value, 3), round(found.error, 3)

        both = (mapped == "B") & (reference == "B")
        assert ratio(reference == "A") == (0.35, 0.082)
        assert ratio(reference == "C") == (0.2, 0.064)
        assert ratio(mapped == reference) == (0.63, 0.085)
        assert ratio(both, mapped == "B") == (0.574, 0.125)
        assert ratio(both, reference == "B") == (0.794, 0.117)
        assert ratio((mapped == "B") & (reference == "C"))[0] == 0.08


class TestEstimate:
    def test_the_interval_covers_the_truth_in_95_of_100_samples(self) -> None:
        random = np.random.default_rng(11)
        pixels = 20_000
        truth = random.random(pixels) < 0.3
        mapped = np.where(random.random(pixels) < 0.85, truth, ~truth)
        strata = [np.flatnonzero(mapped), np.flatnonzero(~mapped)]
        sizes = [len(one) for one in strata]
        true_users = truth[mapped].mean()
        true_producers = mapped[truth].mean()
        true_overall = (mapped == truth).mean()
        trials, hits = 500, np.zeros(4)
        for _ in range(trials):
            drawn = [random.choice(one, 200, replace=False) for one in strata]
            at = np.concatenate(drawn)
            found = estimate(
                Labelled(
                    stratum=np.repeat([0, 1], 200),
                    mapped=mapped[at],
                    reference=truth[at],
                    sizes=sizes,
                )
            )
            for n, (one, value) in enumerate(
                [
                    (found.changed, truth.mean()),
                    (found.users_changed, true_users),
                    (found.producers_changed, true_producers),
                    (found.overall, true_overall),
                ]
            ):
                low, high = one.interval or (1, 0)
                hits[n] += low <= value <= high
        # 95 % within three standard errors of 500 trials.
        assert (hits / trials > 0.92).all()
        assert (hits / trials < 0.98).all()

    def test_every_pixel_labelled_is_the_truth_without_error(self) -> None:
        random = np.random.default_rng(12)
        truth, mapped = random.random((2, 400)) < 0.3
        found = estimate(
            Labelled(
                stratum=np.where(mapped, 0, 1),
                mapped=mapped,
                reference=truth,
                sizes=[int(mapped.sum()), int((~mapped).sum())],
            )
        )
        table = confusion(mapped, truth)
        assert found.users_changed.value == pytest.approx(table.precision)
        assert found.producers_changed.value == pytest.approx(table.recall)
        assert found.overall.value == pytest.approx(table.overall)
        assert found.changed.value == pytest.approx(truth.mean())
        assert found.changed.error == found.overall.error == 0
        assert np.sum(found.matrix) == pytest.approx(1)

    def test_intervals_end_at_none_and_all(self) -> None:
        labels = np.array([True] * 9 + [False])
        found = stratified_ratio(labels, np.ones(10, bool), np.zeros(10, int), [10_000])
        assert found.interval is not None
        assert found.interval[1] == 1
        assert found.interval[0] == pytest.approx(0.9 - 1.96 * 0.1, abs=1e-3)

    def test_a_lone_point_has_no_known_error(self) -> None:
        found = stratified_ratio(np.ones(3, bool), np.ones(3, bool), np.array([0, 1, 1]), [9, 9])
        assert found.value == 1
        assert found.error is found.interval is None

    def test_a_share_of_nothing(self) -> None:
        none = np.zeros(4, bool)
        assert stratified_ratio(none, none, np.array([0, 0, 1, 1]), [9, 9]).value is None

    @pytest.mark.parametrize("sizes", [[9, 1], [9, 9, 9]])
    def test_points_and_pixels_that_contradict_each_other(self, sizes: list[int]) -> None:
        ones = np.ones(4, bool)
        with pytest.raises(ValueError, match="stratum"):
            stratified_ratio(ones, ones, np.array([0, 0, 1, 1]), sizes)


# The sample


@pytest.fixture
def drawn(make_case: MakeCase, tmp_path: Path) -> tuple[CaseMap, Path]:
    """A case whose margin and a strip are not judged, and a sample with a buffer."""
    valid = np.zeros((ROWS, COLS), np.uint8)
    valid[30:34] = 1
    found = opened(make_case(regions_with((4, 4, 14, 14), (26, 20, 32, 30)), valid=valid))
    path = tmp_path / "sample.gpkg"
    draw_sample(found, path, per_stratum=40, buffer_m=4.1, seed=3)
    return found, path


def relabel(path: Path, change: Callable[[Any], Any]) -> Path:
    """Change a sample as a GIS would."""
    table = gpd.read_file(path, layer="sample", engine="pyogrio")
    table = change(table)
    path.unlink()
    table.to_file(path, layer="sample", driver="GPKG", engine="pyogrio")
    return path


def labelled_by(truth: NDArray[np.bool_]) -> Callable[[Any], Any]:
    def change(table: Any) -> Any:
        return table.assign(reference=truth[table["row"], table["col"]].astype(int))

    return change


class TestDraw:
    def test_points_lie_at_centres_of_their_strata(self, drawn: tuple[CaseMap, Path]) -> None:
        found, path = drawn
        table = gpd.read_file(path, layer="sample", engine="pyogrio")
        row, col = table["row"].to_numpy(), table["col"].to_numpy()
        x, y = PLACE * (col + 0.5, row + 0.5)
        assert np.allclose(shapely.get_coordinates(table.geometry), np.column_stack([x, y]))
        strata = strata_of(found, buffer_m=4.1)[row, col]
        assert np.bincount(strata).tolist() == [40, 40, 40]
        assert len(set(zip(row.tolist(), col.tolist(), strict=True))) == 120
        assert table["reference"].isna().all()

    def test_strata_by_hand(self, drawn: tuple[CaseMap, Path]) -> None:
        found, _ = drawn
        strata = strata_of(found, buffer_m=4.1)
        assert (strata[:2] == 255).all()
        assert strata[30, 5] == 255
        assert strata[4, 4] == strata[13, 13] == 0
        assert strata[15, 8] == 1  # two pixels, 4 m
        assert strata[16, 8] == 2
        assert strata_of(found)[15, 8] == 2

    def test_a_buffer_is_as_wide_on_the_ground_in_a_grid_of_degrees(self, tmp_path: Path) -> None:
        rasters = tmp_path / "case" / "rasters"
        rasters.mkdir(parents=True)
        step = 2 / 111_320
        place = {"transform": Affine(step, 0, 125.75, 0, -step, 39.02), "crs": "EPSG:4326"}
        change = np.zeros((60, 60), np.uint8)
        change[30, 30] = 1
        for name in ("change", "valid", "score"):
            write_image(rasters / f"{name}.tif", change[None] * (name == "change"), **place)
        area = shapely.box(125.75 + step, 39.02 - 59 * step, 125.75 + 59 * step, 39.02 - step)
        told = {"name": "x", "geometry": shapely.geometry.mapping(area)}
        found = read_case_map(tmp_path / "case", {"area": told, "georeferenced": True})
        near = np.argwhere(strata_of(found, buffer_m=11) == 1) - 30
        # A degree of longitude is shorter there by the cosine of the latitude.
        assert near[:, 0].max() == 5
        assert near[:, 1].max() == 7

    def test_whoever_labels_cannot_tell_the_stratum(self, drawn: tuple[CaseMap, Path]) -> None:
        found, path = drawn
        table = gpd.read_file(path, layer="sample", engine="pyogrio")
        stratum = strata_of(found, buffer_m=4.1)[table["row"], table["col"]]
        # Neither by a column, nor by the order.
        constant = {"seed", "buffer_m", "result", "reference", "note"}
        assert set(table.columns) == {"point", "row", "col", "geometry"} | constant
        assert all(table[name].nunique() <= 1 for name in constant)
        assert all(len(set(part)) == 3 for part in np.array_split(stratum, 4))

    def test_the_same_seed_draws_the_same_bytes_and_another_others(
        self, drawn: tuple[CaseMap, Path], tmp_path: Path
    ) -> None:
        found, path = drawn
        again, other = tmp_path / "again.gpkg", tmp_path / "other.gpkg"
        draw_sample(found, again, per_stratum=40, buffer_m=4.1, seed=3)
        draw_sample(found, other, per_stratum=40, buffer_m=4.1, seed=4)
        assert again.read_bytes() == path.read_bytes()
        assert other.read_bytes() != path.read_bytes()

    def test_every_pixel_is_as_likely(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 8, 9))))
        counts = np.zeros(20)
        for seed in range(120):
            draw_sample(found, tmp_path / "s.gpkg", per_stratum=5, seed=seed)
            with closing(sqlite3.connect(tmp_path / "s.gpkg")) as base:
                for row, col in base.execute("SELECT row, col FROM sample"):
                    if 4 <= row < 8 and 4 <= col < 9:
                        counts[(row - 4) * 5 + col - 4] += 1
        assert counts.sum() == 600
        chi_square = ((counts - 30) ** 2 / (30 * 0.75)).sum() * 19 / 20
        assert chi_square < 43.8  # 99.9 % of 19 degrees of freedom

    def test_a_small_stratum_is_taken_whole(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 6, 6))))
        strata = draw_sample(found, tmp_path / "s.gpkg", per_stratum=40)
        assert [(one.name, one.pixels, one.points) for one in strata] == [
            ("changed", 4, 4),
            ("unchanged", 36 * 46 - 4, 40),
        ]

    @pytest.mark.parametrize(
        "design",
        [
            {"per_stratum": 1},
            {"per_stratum": 10**6},
            {"per_stratum": 40, "buffer_m": 0.0},
            {"per_stratum": 40, "buffer_m": float("nan")},
            {"per_stratum": 40, "seed": -1},
        ],
    )
    def test_designs_that_make_no_sense(
        self, make_case: MakeCase, tmp_path: Path, design: dict[str, Any]
    ) -> None:
        with pytest.raises(UsageError):
            draw_sample(opened(make_case(regions_with())), tmp_path / "s.gpkg", **design)
        assert not (tmp_path / "s.gpkg").exists()


class TestLabels:
    def test_they_come_back(self, drawn: tuple[CaseMap, Path]) -> None:
        found, path = drawn
        truth = found.changed.copy()
        truth[15:17] = True
        sample = read_sample(relabel(path, labelled_by(truth)), found)
        assert (sample.drawn, len(sample.points.stratum)) == (120, 120)
        assert sum(one.pixels for one in sample.strata) == found.observed.sum()
        assert (sample.points.mapped == (sample.points.stratum == 0)).all()
        accuracy = estimate(sample.points)
        assert accuracy.users_changed.value == 1
        low, high = accuracy.changed.interval or (1, 0)
        assert low <= truth[found.observed].mean() <= high

    @pytest.mark.parametrize("form", [str, float, bool])
    def test_whatever_type_a_gis_made_of_them(
        self, drawn: tuple[CaseMap, Path], form: type
    ) -> None:
        found, path = drawn
        change = labelled_by(found.changed)
        relabel(path, lambda t: change(t).assign(reference=change(t)["reference"].astype(form)))
        assert estimate(read_sample(path, found).points).overall.value == 1

    def test_points_without_a_label_are_left_out_with_a_warning(
        self, drawn: tuple[CaseMap, Path]
    ) -> None:
        found, path = drawn

        def change(table: Any) -> Any:
            labels = labelled_by(found.changed)(table)["reference"].astype("Int64")
            return table.assign(reference=labels.where(table["point"] > 10))

        sample = read_sample(relabel(path, change), found)
        assert len(sample.points.stratum) == 110
        assert "sample-unlabelled" in [caution.code for caution in sample.cautions]

    def test_small_strata_and_labels_that_agree_warn(
        self, make_case: MakeCase, tmp_path: Path
    ) -> None:
        found = opened(make_case(regions_with((4, 4, 14, 14))))
        path = tmp_path / "s.gpkg"
        draw_sample(found, path, per_stratum=20)
        nothing = np.zeros((ROWS, COLS), bool)
        cautions = read_sample(relabel(path, labelled_by(nothing)), found).cautions
        codes = [caution.code for caution in cautions]
        assert codes == ["sample-small", "sample-no-change", *["sample-one-sided"] * 2]
        assert "changed (20), unchanged (20)" in cautions[0].message
        assert "13.9 %" in cautions[2].message  # 1 - 0.05^(1/20)

    def test_enough_mixed_labels_do_not_warn(self, drawn: tuple[CaseMap, Path]) -> None:
        found, path = drawn
        mixed = np.indices((ROWS, COLS)).sum(axis=0) % 2 == 0
        assert read_sample(relabel(path, labelled_by(mixed)), found).cautions == ()

    def test_a_few_labels_that_differ_warn(self, make_case: MakeCase, tmp_path: Path) -> None:
        found = opened(make_case(regions_with((4, 4, 14, 14))))
        path = tmp_path / "s.gpkg"
        draw_sample(found, path, per_stratum=90)
        truth = found.changed.copy()
        truth[4:8, 4:14] = False
        truth[20:22, 4:34] = True  # 60 of some 1500 pixels
        cautions = read_sample(relabel(path, labelled_by(truth)), found).cautions
        assert [caution.code for caution in cautions] == ["sample-rare"]
        assert "of 90 labels differ in the stratum unchanged" in cautions[0].message

    def refused(self, drawn: tuple[CaseMap, Path], change: Callable[[Any], Any]) -> str:
        found, path = drawn
        relabel(path, lambda table: change(labelled_by(found.changed)(table)))
        with pytest.raises(InputError) as caught:
            read_sample(path, found)
        assert caught.value.option == "--sample"
        assert path.name in caught.value.message
        return caught.value.message

    def test_a_stratum_without_a_label(self, drawn: tuple[CaseMap, Path]) -> None:
        found, _ = drawn
        message = self.refused(drawn, lambda t: t[~found.changed[t["row"], t["col"]]])
        assert "stratum 'changed'" in message

    def test_a_point_that_was_moved(self, drawn: tuple[CaseMap, Path]) -> None:
        def change(table: Any) -> Any:
            table.loc[7, "geometry"] = shapely.Point(PLACE * (20, 20))
            return table

        assert "were moved" in self.refused(drawn, change)

    def test_a_point_twice(self, drawn: tuple[CaseMap, Path]) -> None:
        def change(table: Any) -> Any:
            table.loc[7] = table.loc[8]
            return table

        assert "a point twice" in self.refused(drawn, change)

    def test_a_point_that_was_added_where_nothing_was_seen(
        self, drawn: tuple[CaseMap, Path]
    ) -> None:
        def change(table: Any) -> Any:
            table.loc[7, ["row", "col"]] = 31, 7
            table.loc[7, "geometry"] = shapely.Point(PLACE * (7.5, 31.5))
            return table

        assert "weren't drawn" in self.refused(drawn, change)

    def test_a_point_off_the_rasters(self, drawn: tuple[CaseMap, Path]) -> None:
        assert "off the case's" in self.refused(drawn, lambda t: t.assign(row=t["row"] + 100))

    @pytest.mark.parametrize("label", ["yes", "2", "-1", "nan0"])
    def test_a_label_that_means_nothing(self, drawn: tuple[CaseMap, Path], label: str) -> None:
        assert "means nothing" in self.refused(drawn, lambda t: t.assign(reference=label))

    def test_a_sample_of_another_result(self, drawn: tuple[CaseMap, Path]) -> None:
        assert "another result" in self.refused(drawn, lambda t: t.assign(result="0" * 16))

    @pytest.mark.parametrize("name", ["reference", "row", "buffer_m"])
    def test_a_column_that_is_gone(self, drawn: tuple[CaseMap, Path], name: str) -> None:
        assert "lacks columns" in self.refused(drawn, lambda t: t.drop(columns=name))

    def test_two_designs_in_one(self, drawn: tuple[CaseMap, Path]) -> None:
        def change(table: Any) -> Any:
            table.loc[7, "buffer_m"] = 9.0
            return table

        assert "mixes two" in self.refused(drawn, change)

    @pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"{}" * 50])
    def test_what_is_no_geopackage(self, drawn: tuple[CaseMap, Path], content: bytes) -> None:
        found, path = drawn
        path.write_bytes(content)
        with pytest.raises(InputError, match="no GeoPackage"):
            read_sample(path, found)

    def test_a_geopackage_cut_short(self, drawn: tuple[CaseMap, Path]) -> None:
        found, path = drawn
        path.write_bytes(path.read_bytes()[:5000])
        with pytest.raises(InputError):
            read_sample(path, found)

    def test_a_file_that_is_not_there(self, drawn: tuple[CaseMap, Path]) -> None:
        with pytest.raises(MissingInputError, match="no such file"):
            read_sample(drawn[1].with_name("none.gpkg"), drawn[0])


# The command


@pytest.fixture
def case(make_case: MakeCase) -> Path:
    return make_case(regions_with((4, 4, 14, 14), (30, 30, 34, 34)))


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return write_shapes(tmp_path / "truth.gpkg", [grid_square(4, 4, 14, 14)])


class TestCommand:
    def test_it_names_what_it_was_held_against(
        self, case: Path, truth: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main(["accuracy", str(case), "--reference", str(truth)]) == 0
        text = capsys.readouterr().out
        assert "truth.gpkg: polygons, 1 object\n" in text
        assert "1,656 px, 6,629 m²: 100 % of the area, 100 % of what was observed of it" in text
        assert "outside the polygons counts as unchanged" in text
        assert "precision 0.862, recall 1.000" in text
        assert "1 of 2 touch an object: correctness 0.500" in text
        assert "accuracy" not in text.lower()

    def test_one_json_object_and_its_file(
        self, case: Path, truth: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "held"
        command = ["accuracy", "assess", str(case), "--reference", str(truth), "--json"]
        assert main([*command, "--out", str(out)]) == 0
        told = json.loads(capsys.readouterr().out)
        held = told["against_reference"]
        assert held["reference"]["kind"] == "polygons"
        assert held["judged"]["share_of_area"] == pytest.approx(1, abs=1e-6)
        assert held["pixels"]["both"] == 100
        assert (told["status"], told["exit_status"]) == ("assessed", 0)
        stored = (out / "accuracy.json").read_text()
        assert json.loads(stored)["against_reference"] == held
        assert str(tmp_path) not in stored
        layers = {
            name: gpd.read_file(out / "objects.gpkg", layer=name, engine="pyogrio")
            for name in ("reference", "changes")
        }
        assert layers["reference"]["found"].tolist() == [1]
        assert layers["reference"].geometry[0].equals(grid_square(4, 4, 14, 14))
        assert layers["changes"][["number", "correct"]].to_numpy().tolist() == [[3, 1], [4, 0]]
        assert layers["changes"]["area_m2"].tolist() == pytest.approx(
            [100 * PIXEL_M2, 16 * PIXEL_M2]
        )

    def test_a_sample_from_drawing_to_area(
        self, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "sample.gpkg"
        command = ["accuracy", "sample", str(case), "--per-stratum", "60", "--out", str(path)]
        assert main([*command, "--buffer", "4", "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [one["points"] for one in told["strata"]] == [60, 60, 60]
        truth = np.zeros((ROWS, COLS), bool)
        truth[4:16, 4:14] = True
        relabel(path, labelled_by(truth))
        assert main(["accuracy", str(case), "--sample", str(path)]) == 0
        text = capsys.readouterr().out
        assert "sample.gpkg: stratified random sample, labelled by a person; 180 of 180" in text
        assert "drawn from 1,656 px" in text
        assert main(["accuracy", str(case), "--sample", str(path), "--json"]) == 0
        area = json.loads(capsys.readouterr().out)["against_sample"]["area"]
        assert area["mapped_m2"] == pytest.approx(116 * PIXEL_M2, rel=1e-5)
        found = opened(case)
        share = estimate(read_sample(path, found).points).changed
        assert share.value is not None
        assert area["adjusted_m2"] == pytest.approx(share.value * 1656 * PIXEL_M2, rel=1e-5)
        assert 0 < area["low_m2"] < area["adjusted_m2"] < area["high_m2"]

    def refused(self, capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
        status = main(["accuracy", *map(str, words)])
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return status, said.err

    def test_against_nothing(self, case: Path, capsys: pytest.CaptureFixture[str]) -> None:
        status, text = self.refused(capsys, case)
        assert status == 2
        assert "--reference, --sample" in text

    def test_what_is_no_case(
        self, tmp_path: Path, truth: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        status, text = self.refused(capsys, tmp_path, "--reference", truth)
        assert status == 3
        assert "is not a case" in text

    def test_nothing_is_written_into_a_case(
        self, case: Path, truth: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = sorted(case.rglob("*"))
        for words in (
            [case, "--reference", truth, "--out", case],
            [case, "--reference", truth, "--out", case / "maps", "--overwrite"],
            ["sample", case, "--out", case / "sample.gpkg"],
        ):
            status, text = self.refused(capsys, *words)
            assert status == 2
            assert "would lie in the case" in text
        assert sorted(case.rglob("*")) == before

    def test_nothing_is_overwritten_unasked(
        self, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = tmp_path / "sample.gpkg"
        path.write_text("labels of a day")
        status, _ = self.refused(capsys, "sample", case, "--out", path)
        assert (status, path.read_text()) == (2, "labels of a day")
        assert main(["accuracy", "sample", str(case), "--out", str(path), "--overwrite"]) == 0
        assert path.read_bytes().startswith(b"SQLite")

    def test_an_input_is_never_overwritten(
        self, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = write_shapes(tmp_path / "objects.gpkg", [grid_square(4, 4, 14, 14)])
        words = (case, "--reference", path, "--out", tmp_path, "--overwrite")
        status, text = self.refused(capsys, *words)
        assert status == 2
        assert "is an input" in text

    def test_within_names_its_option(
        self, case: Path, truth: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = (case, "--reference", truth, "--within", "no-such-place")
        status, text = self.refused(capsys, *words)
        assert status == 3
        assert "option: --within" in text

    def test_a_sample_has_a_geopackages_name(
        self, case: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        status, _ = self.refused(capsys, "sample", case, "--out", tmp_path / "sample.shp")
        assert status == 2
