"""Outlines: valid, disjoint, and of exactly the area of their pixels."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from aoi.changes import polygonize
from imagery.errors import InputError, MissingInputError

FRAME = Affine(0.5, 0, 738_000, 0, -0.5, 4_322_030)


def write(
    path: Path,
    ids: NDArray[np.generic],
    *,
    transform: Affine = FRAME,
    crs: str | None = "EPSG:32651",
    dtype: str = "uint32",
) -> Path:
    rows, cols = ids.shape
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        height=rows,
        width=cols,
        count=1,
        dtype=dtype,
        crs=crs,
        transform=transform,
    ) as dataset:
        dataset.write(ids.astype(dtype), 1)
    return path


def burnt(regions: object, shape: tuple[int, int], transform: Affine) -> NDArray[np.int64]:
    """The ids of the polygons that hold each pixel's centre."""
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    x, y = transform.a * (cols + 0.5) + transform.c, transform.e * (rows + 0.5) + transform.f
    ids = np.zeros(shape, dtype=np.int64)
    for region, geometry in regions.geometry.items():  # type: ignore[attr-defined]
        ids[shapely.contains_xy(geometry, x, y)] += region
    return ids


def test_a_ring_keeps_its_hole(tmp_path: Path) -> None:
    ids = np.zeros((12, 14), dtype=np.uint32)
    ids[2:10, 3:12] = 5
    ids[4:8, 5:10] = 0
    regions = polygonize(write(tmp_path / "c.tif", ids))
    assert list(regions.index) == [5]
    assert regions.index.name == "region"
    assert regions.crs.to_epsg() == 32651
    outline = regions.geometry[5]
    assert outline.geom_type == "Polygon"
    outer = shapely.box(738_001.5, 4_322_025, 738_006, 4_322_029)
    assert outline.equals(outer - shapely.box(738_002.5, 4_322_026, 738_005, 4_322_028))
    assert shapely.get_num_coordinates(outline) == 10


def test_pixels_that_meet_at_a_corner_are_parts_of_one(tmp_path: Path) -> None:
    ids = np.diag(np.full(4, 9, dtype=np.uint32))
    outline = polygonize(write(tmp_path / "c.tif", ids)).geometry[9]
    assert outline.geom_type == "MultiPolygon"
    assert len(outline.geoms) == 4
    assert outline.is_valid
    assert outline.area == 1.0


@pytest.mark.parametrize(
    "gaps",
    [
        [(1, 1)],  # one pixel
        [(1, 1), (2, 2)],  # holes that meet at a corner
        [(0, 1), (1, 0)],  # notches that meet at a corner: the outline touches itself
        [(0, 2), (1, 1), (1, 3), (2, 2)],  # a hole and a notch around one pixel
        [(1, 1), (2, 2), (3, 1), (2, 0)],
    ],
)
def test_a_region_that_touches_itself_at_a_corner(
    tmp_path: Path, gaps: list[tuple[int, int]]
) -> None:
    ids = np.full((5, 5), 3, dtype=np.uint32)
    for gap in gaps:
        ids[gap] = 0
    regions = polygonize(write(tmp_path / "c.tif", ids))
    assert regions.geometry.is_valid.all()
    assert regions.geometry[3].area == (25 - len(gaps)) * 0.25
    np.testing.assert_array_equal(burnt(regions, (5, 5), FRAME), ids)


def test_ids_of_any_size(tmp_path: Path) -> None:
    wanted = [1, 2**24 + 1, 2**31 - 1]
    ids = np.array([wanted], dtype=np.uint32)
    assert list(polygonize(write(tmp_path / "c.tif", ids)).index) == wanted
    with pytest.raises(InputError, match=r"c\.tif: holds no region ids .* below 2\^31"):
        polygonize(write(tmp_path / "c.tif", ids + 1))
    with pytest.raises(InputError, match="float32"):
        polygonize(write(tmp_path / "c.tif", ids, dtype="float32"))
    with pytest.raises(MissingInputError):
        polygonize(tmp_path / "none.tif")


@pytest.mark.parametrize("crs", ["EPSG:32651", None])
def test_nothing_changed(tmp_path: Path, crs: str | None) -> None:
    regions = polygonize(write(tmp_path / "c.tif", np.zeros((3, 4)), crs=crs))
    assert len(regions) == 0
    assert (regions.crs is None) is (crs is None)
    assert regions.geometry.name == "geometry"


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    arrays(
        np.uint32, st.tuples(st.integers(1, 14), st.integers(1, 14)), elements=st.integers(0, 3)
    ),
    st.integers(1, 15),
)
def test_random_labels(tmp_path: Path, ids: NDArray[np.uint32], stripe: int) -> None:
    path = write(tmp_path / "c.tif", ids)
    regions = polygonize(path)
    found, counts = np.unique(ids[ids > 0], return_counts=True)
    assert list(regions.index) == found.tolist()
    assert regions.geometry.is_valid.all()
    np.testing.assert_array_equal(regions.geometry.area, counts * 0.25)
    np.testing.assert_array_equal(burnt(regions, ids.shape, FRAME), ids)
    for one in regions.geometry:
        for other in regions.geometry:
            assert one is other or shapely.intersection(one, other).area == 0
    with pytest.MonkeyPatch.context() as patch:
        # The package's name polygonize is the function, not the module.
        patch.setattr(sys.modules["aoi.changes.polygonize"], "STRIPE", stripe)
        cut = polygonize(path)
    assert cut.geometry.to_wkb().equals(regions.geometry.to_wkb())
