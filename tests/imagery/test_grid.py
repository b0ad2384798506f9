from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from pairs import UTM, Box, box_of, plan_of, written
from pyproj import Geod, Transformer

from imagery.blocks import Window
from imagery.env import raster_environment
from imagery.errors import InputError, MissingInputError, UsageError
from imagery.grid import footprint_window, ground_pixel, same_lattice, to_lonlat
from imagery.scene import Acquisition, Band, Role, Scene

GEOD = Geod(ellps="WGS84")


def scene(geobox: GeoBox, role: Role = "before") -> Scene:
    """A scene of which nothing but its grid matters."""
    return Scene(
        path=Path(f"{role}.tif"),
        role=role,
        geobox=geobox,
        driver="GTiff",
        dtype="uint16",
        bands=(Band(1),),
        nodata=None,
        has_mask=False,
        alpha=None,
        collar=None,
        display_product=False,
        acquisition=Acquisition(),
        simulated=False,
        files=(),
    )


def grid(
    pixel: float = 0.5,
    shape: tuple[int, int] = (3000, 4000),
    *,
    at: tuple[float, float] = (400_000, 4_320_000),
    crs: Any = "EPSG:32651",
) -> GeoBox:
    return GeoBox(shape, Affine(pixel, 0, at[0], 0, -pixel, at[1]), crs)


def pair(before: GeoBox, after: GeoBox) -> tuple[Scene, Scene]:
    return scene(before), scene(after, "after")


# Whose grid


@pytest.mark.parametrize(("sizes", "reference"), [((0.5, 0.6), "after"), ((0.7, 0.6), "before")])
def test_the_coarser_scene_stays_and_the_other_moves(
    sizes: tuple[float, float], reference: Role
) -> None:
    before, after = pair(*(grid(size) for size in sizes))
    plan = plan_of(before, after)
    coarser, finer = (after, before) if reference == "after" else (before, after)
    assert plan.geobox == coarser.geobox
    assert (plan.reference, plan.still, plan.moving) == (reference, coarser.role, finer.role)
    assert list(plan.reasons) == [finer.role]
    assert plan.pixel_size_m == pytest.approx(max(sizes), rel=2e-3)


@pytest.mark.parametrize("after", [0.5, 0.5 * 1.009, 0.5 / 1.009])
def test_where_they_tie_the_earlier_one_stays(after: float) -> None:
    plan = plan_of(*pair(grid(0.5), grid(after)))
    assert (plan.reference, plan.moving) == ("before", "after")


def test_scenes_of_one_lattice_need_no_resampling() -> None:
    plan = plan_of(*pair(grid(), grid(at=(400_010, 4_319_990))))
    assert plan.reasons == {}


@pytest.mark.parametrize(("name", "moving"), [("before", "after"), ("after", "before")])
def test_the_user_may_name_the_grid(name: Role, moving: Role) -> None:
    before, after = pair(grid(0.5), grid(0.6))
    plan = plan_of(before, after, grid=name)
    assert plan.geobox == {"before": before, "after": after}[name].geobox
    assert (plan.reference, plan.moving) == (name, moving)


def test_a_file_may_give_the_grid(tmp_path: Path) -> None:
    place = Affine(0.7, 0, 400_100, 0, -0.7, 4_319_900)
    path = written(tmp_path, "other", np.zeros((900, 800), np.uint8), transform=place)
    with raster_environment():
        plan = plan_of(*pair(grid(), grid()), grid=str(path))
    assert plan.geobox == GeoBox((900, 800), place, "EPSG:32651")
    assert (plan.reference, plan.moving) == ("other", "after")
    assert set(plan.reasons) == {"before", "after"}
    assert plan.result == Window(0, 0, 900, 800)


def test_a_file_without_a_crs_is_no_grid(tmp_path: Path) -> None:
    path = written(tmp_path, "other", np.zeros((90, 80), np.uint8), crs=None)
    with raster_environment(), pytest.raises(InputError, match=r"no CRS.*--grid"):
        plan_of(*pair(grid(), grid()), grid=str(path))


def test_a_grid_that_is_nowhere_names_its_option() -> None:
    with (
        raster_environment(),
        pytest.raises(MissingInputError, match=r"coarse: no such grid or file.*--grid"),
    ):
        plan_of(*pair(grid(), grid()), grid="coarse")


def test_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    far = Affine(0.5, 0, 400_000, 0, -0.5, 1_000_000)
    path = written(tmp_path, "far", np.zeros((90, 80), np.uint8), transform=far)
    with raster_environment(), pytest.raises(InputError, match=r"don't overlap.*--grid"):
        plan_of(*pair(grid(), grid()), grid=str(path))


def test_a_file_on_the_other_side_of_the_earth_is_refused(tmp_path: Path) -> None:
    far = Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000)
    path = written(tmp_path, "far", np.zeros((90, 80), np.uint8), crs="EPSG:32621", transform=far)
    with raster_environment(), pytest.raises(InputError, match="--grid"):
        plan_of(*pair(grid(), grid()), grid=str(path))


def test_a_georeferenced_grid_is_not_for_scenes_without_one(tmp_path: Path) -> None:
    path = written(tmp_path, "other", np.zeros((90, 80), np.uint8))
    before, after = pair(grid(crs=None), grid(crs=None))
    with pytest.raises(UsageError, match=r"not for images without a georeference.*--grid"):
        plan_of(before, after, grid=str(path))


def test_resolution_makes_a_coarser_grid_of_one_origin() -> None:
    before, after = pair(grid(0.5), grid(0.6))
    plan = plan_of(before, after, resolution=1.2)
    assert plan.reference == "other"
    assert plan.pixel_size_m == pytest.approx(1.2, rel=1e-4)
    assert (plan.geobox.affine.c, plan.geobox.affine.f) == (400_000, 4_320_000)
    whole = Window(0, 0, *plan.geobox.shape)
    assert whole.contains(footprint_window(after.geobox, plan.geobox))


def test_a_resolution_that_is_the_grids_own_leaves_it() -> None:
    before, after = pair(grid(0.5), grid(0.6))
    plan = plan_of(before, after, resolution=ground_pixel(after.geobox))
    assert plan.reference == "after"


def test_a_resolution_finer_than_the_coarser_scene_is_refused() -> None:
    with pytest.raises(UsageError, match=r"found: 0.5 m \| needed: at least 0.6"):
        plan_of(*pair(grid(0.5), grid(0.6)), resolution=0.5)


# Ratio


def test_a_ratio_up_to_half_as_large_again_is_silent() -> None:
    assert plan_of(*pair(grid(0.5), grid(0.74))).cautions == ()


def test_a_larger_ratio_tells_what_cannot_be_seen() -> None:
    (caution,) = plan_of(*pair(grid(0.5), grid(1.5))).cautions
    assert caution.code == "coarse-grid"
    assert re.search(r"reduced 3\.0 times.*smaller than about 4\.5 m", caution.message)


def test_above_four_the_pair_is_refused_unless_it_is_meant() -> None:
    before, after = pair(grid(10, (300, 300)), grid(2, (900, 900)))
    with pytest.raises(InputError) as caught:
        plan_of(before, after)
    assert "after.tif is 5.0 times finer than before.tif" in str(caught.value)
    assert caught.value.option == "--resolution 10"
    plan = plan_of(before, after, resolution=10)
    assert [caution.code for caution in plan.cautions] == ["coarse-grid"]
    assert plan.pixel_size_m == pytest.approx(10, rel=1e-3)
    assert plan_of(before, after, grid="before").geobox == before.geobox


# Overlap


def test_scenes_apart_are_told_their_distance() -> None:
    # 3000 rows of 0.5 m are 1.5 km; the gap runs north to south.
    before, after = pair(grid(), grid(at=(400_000, 4_320_000 - 1_500 - 7_300)))
    with pytest.raises(InputError, match="don't overlap") as caught:
        plan_of(before, after)
    assert caught.value.found is not None
    gap = re.fullmatch(r"a gap of ([\d.]+) km between them", caught.value.found)
    assert gap is not None
    assert float(gap[1]) == pytest.approx(7.3, abs=0.06)


def test_a_gap_of_a_few_metres_is_not_told_as_none() -> None:
    before, after = pair(grid(), grid(at=(402_012, 4_320_000)))
    with pytest.raises(InputError, match=r"a gap of 0\.012 km"):
        plan_of(before, after)


def test_scenes_that_only_touch_are_refused() -> None:
    with pytest.raises(InputError, match="don't overlap"):
        plan_of(*pair(grid(), grid(at=(402_000, 4_320_000))))


def test_two_utm_zones_meet_on_one_grid() -> None:
    to_51 = Transformer.from_crs("EPSG:4326", "EPSG:32651", always_xy=True)
    to_52 = Transformer.from_crs("EPSG:4326", "EPSG:32652", always_xy=True)
    west, east = (
        (round(x), round(y)) for x, y in (to.transform(125.9, 39.0) for to in (to_51, to_52))
    )
    before, after = pair(
        grid(10, (500, 600), at=west), grid(10, (500, 600), at=east, crs="EPSG:32652")
    )
    plan = plan_of(before, after)
    assert plan.reference == "before"
    assert plan.reasons == {"after": "EPSG:32652 against EPSG:32651"}
    # The zones' norths differ by 3.8 degrees there.
    assert 0.85 < plan.result.height * plan.result.width / 300_000 < 1
    # The four corners of the other scene lie where pyproj says.
    across = Transformer.from_crs("EPSG:32652", "EPSG:32651", always_xy=True)
    x, y = across.transform(
        east[0] + np.array([0, 6000, 6000, 0]), east[1] - np.array([0, 0, 5000, 5000])
    )
    cols, rows = (x - west[0]) / 10, (west[1] - y) / 10
    expected = Window(
        math.floor(rows.min()), math.floor(cols.min()), math.ceil(rows.max()), math.ceil(cols.max())
    )
    assert footprint_window(after.geobox, before.geobox) == expected
    assert plan.result == expected.clipped(before.window)


# Ground pixel


@pytest.mark.parametrize(
    ("crs", "at", "size"),
    [
        ("EPSG:32651", (500_000, 4_320_000), 10.0),
        ("EPSG:32651", (200_000, 4_320_000), 0.5),
        ("EPSG:3857", (13_998_000, 4_721_000), 10.0),  # 39 N: a pixel is 7.8 m
        ("EPSG:4326", (125.7, 39.0), 1e-4),
        ("EPSG:4326", (-70.0, -53.0), 1e-3),
        ("EPSG:3413", (-800_000, -900_000), 250.0),
    ],
)
def test_the_ground_pixel_is_geodesic(crs: str, at: tuple[float, float], size: float) -> None:
    geobox = grid(size, (400, 400), at=at, crs=crs)
    lon, lat = to_lonlat(geobox, np.array([199.0, 199, 201, 201]), np.array([199.0, 201, 201, 199]))
    area, _ = GEOD.polygon_area_perimeter(lon, lat)
    assert ground_pixel(geobox) == pytest.approx(math.sqrt(abs(area) / 4), rel=1e-3)


def test_the_ground_pixel_follows_the_window() -> None:
    geobox = grid(100, (40_000, 10), at=(13_998_000, 7_000_000), crs="EPSG:3857")
    _, lat = to_lonlat(geobox, np.array([1000.0, 39_000]), np.array([5.0, 5]))
    for row, degrees in zip((1000, 39_000), lat, strict=True):
        # Mercator of the sphere stretches by 1 / cos(latitude), nearly.
        found = ground_pixel(geobox, Window(row, 0, row, 10))
        assert found == pytest.approx(100 * math.cos(math.radians(degrees)), rel=4e-3)


def test_without_a_crs_the_frame_is_in_metres() -> None:
    assert ground_pixel(grid(0.37, crs=None)) == pytest.approx(0.37)
    turned = GeoBox((9, 9), Affine.rotation(30) * Affine.scale(2, -2), None)
    assert ground_pixel(turned) == pytest.approx(2)


# Windows


def test_three_windows_around_an_area() -> None:
    before, after = pair(grid(0.5, (9000, 9000)), grid(0.5, (9000, 9000)))
    area = Window(4400, 4300, 4500, 4450)
    plan = plan_of(before, after, box_of(before.geobox, area))
    assert plan.result == area
    assert plan.display == area.padded(100)  # 50 m
    # 2 km of UTM are 4000 px less the projection's scale.
    assert plan.estimation == area.padded(math.ceil(2000 / plan.pixel_size_m))
    near = plan_of(before, after, box_of(before.geobox, area), margin=3, context=10)
    assert near.display == area.padded(64)
    assert near.estimation == area.padded(2048)


def test_metres_of_margin_are_metres_on_the_ground() -> None:
    geobox = grid(1, (9000, 9000), at=(13_998_000, 4_721_000), crs="EPSG:3857")
    area = Window(4400, 4300, 4500, 4450)
    plan = plan_of(*pair(geobox, geobox), box_of(geobox, area), margin=500)
    assert plan.display == area.padded(math.ceil(500 / plan.pixel_size_m))
    assert plan.display.height > 1300


def test_windows_stay_in_the_overlap() -> None:
    before, after = pair(grid(), grid(at=(400_500, 4_320_250)))
    plan = plan_of(before, after)
    overlap = Window(0, 1000, 2500, 4000)
    assert (plan.result, plan.display, plan.estimation) == (overlap, overlap, overlap)


def test_an_area_across_the_border_of_the_images_is_kept_whole() -> None:
    before, after = pair(grid(), grid())
    plan = plan_of(before, after, Box(399_900, 4_319_000, 400_100, 4_319_500))
    assert plan.result == Window(1000, -200, 2000, 200)
    assert plan.display == Window(900, 0, 2100, 300)


def test_an_area_outside_is_refused() -> None:
    with pytest.raises(InputError, match=r"outside the part that both images show.*--aoi"):
        plan_of(*pair(grid(), grid()), Box(300_000, 4_319_000, 300_100, 4_319_500))


# One lattice


@pytest.mark.parametrize("offset", [(0, 0), (3, -7), (-5000, 12)])
def test_whole_pixels_apart_is_one_lattice(offset: tuple[int, int]) -> None:
    moved = GeoBox((50, 60), UTM * Affine.translation(offset[1], offset[0]), "EPSG:32651")
    assert same_lattice(moved, GeoBox((100, 100), UTM, "EPSG:32651")) == offset


def test_a_thousandth_of_a_pixel_is_forgiven() -> None:
    near = GeoBox((50, 60), UTM * Affine.translation(4.0009, 0), "EPSG:32651")
    assert same_lattice(near, GeoBox((100, 100), UTM, "EPSG:32651")) == (0, 4)


@pytest.mark.parametrize(
    ("change", "crs", "reason"),
    [
        (Affine.translation(0.25, 2.9), "EPSG:32651", "offset of -0.100 rows, +0.250 cols"),
        (Affine.scale(2), "EPSG:32651", "pixels 2 times as large"),
        (Affine.scale(1.0001), "EPSG:32651", "pixels 1.0001 times as large"),
        (Affine.rotation(1), "EPSG:32651", "rotated or flipped"),
        (Affine.scale(1, -1), "EPSG:32651", "rotated or flipped"),
        (Affine.translation(0, 0), "EPSG:32652", "EPSG:32652 against EPSG:32651"),
        (Affine.translation(0, 0), None, "no CRS against EPSG:32651"),
        (Affine.translation(0, 0), "+proj=ortho +lat_0=39", "a CRS without EPSG code against"),
    ],
)
def test_why_two_grids_are_not_one(change: Affine, crs: str | None, reason: str) -> None:
    found = same_lattice(
        GeoBox((500, 600), UTM * change, crs), GeoBox((500, 600), UTM, "EPSG:32651")
    )
    assert isinstance(found, str)
    assert reason in found


# Without a CRS


def test_two_frames_without_a_crs_are_planned_in_metres() -> None:
    before, after = pair(
        grid(0.5, at=(0, 0), crs=None), grid(0.75, (1000, 2000), at=(0, 0), crs=None)
    )
    plan = plan_of(before, after, Box(100, -600, 200, -500))
    assert plan.geobox.crs is None
    assert plan.reference == "after"
    assert plan.pixel_size_m == 0.75
    assert plan.result == Window(666, 133, 800, 267)


def test_frames_apart_tell_the_gap_too() -> None:
    with pytest.raises(InputError, match=r"a gap of 3\.0 km"):
        plan_of(*pair(grid(at=(0, 0), crs=None), grid(at=(5_000, 0), crs=None)))


def test_one_frame_without_a_crs_is_refused() -> None:
    with pytest.raises(InputError, match=r"one image is georeferenced and the other is not.*--crs"):
        plan_of(*pair(grid(at=(0, 0), crs=None), grid()))
