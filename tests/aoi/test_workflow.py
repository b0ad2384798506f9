"""The main job from Python: options and how they stand in the record, aligned rasters, order."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from small_pair import PLACE, Pair, write_image

import aoi
import imagery
from aoi.options import AreaOptions, ProductOptions
from imagery.blockwise import Progress
from imagery.errors import UsageError
from imagery.options import DetectOptions, GridOptions, ReadOptions, SceneOptions
from imagery.scene import Acquisition, check_order

Undrawn = Callable[..., dict[str, Any]]


class TestPublicNames:
    @pytest.mark.parametrize("package", [aoi, imagery])
    def test_each_is_there(self, package: Any) -> None:
        for name in package.__all__:
            assert getattr(package, name) is not None
        assert dir(package) == sorted(package.__all__)
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            _ = package.nothing

    def test_the_main_job_is_one_of_them(self) -> None:
        assert "out" in inspect.signature(aoi.detect_case).parameters


class TestOptions:
    def test_files_stand_in_the_record_by_name(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        record = undrawn(
            pair.before,
            pair.after,
            tmp_path / "case",
            area_options=AreaOptions(aoi=str(pair.area), area_name="A square"),
            options=DetectOptions(
                read=ReadOptions(nodata=float("nan")),
                after=SceneOptions(date="2024-06-13", credit="Someone"),
            ),
        )
        options = record["result"]["options"]
        assert options["area"] == {"aoi": "area.geojson", "area_name": "A square"}
        assert options["detect"]["read"]["nodata"] == "nan"
        assert options["detect"]["after"]["credit"] == "Someone"
        assert "overwrite" not in options["products"]
        assert record["result"]["area"]["name"] == "A square"

    def test_they_can_be_read_back(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        given = DetectOptions(grid=GridOptions(grid="after", margin=10))
        record = undrawn(pair.before, pair.after, tmp_path / "case", options=given)
        assert DetectOptions.from_mapping(record["result"]["options"]["detect"]) == given

    @pytest.mark.parametrize(
        ("kind", "values"),
        [
            (GridOptions, {"resolution": 0}),
            (GridOptions, {"margin": float("nan")}),
            (GridOptions, {"context": "far"}),
            (ProductOptions, {"site_gap": -1}),
        ],
    )
    def test_numbers_have_bounds(self, kind: Any, values: dict[str, Any]) -> None:
        option = "--" + next(iter(values)).replace("_", "-")
        with pytest.raises(UsageError, match=option):
            kind(**values)


@dataclass(frozen=True)
class Kept:
    rasters: Path
    told: list[Progress]


@pytest.fixture(scope="module")
def kept(pair: Pair, undrawn: Undrawn, tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A case with both scenes aligned, and what was told on the way."""
    out = tmp_path_factory.mktemp("kept") / "case"
    told: list[Progress] = []
    products = ProductOptions(keep_aligned=True)
    undrawn(pair.before, pair.after, out, products=products, progress=told.append)
    return Kept(out / "rasters", told)


def test_progress_tells_each_step(kept: Kept) -> None:
    steps = list(dict.fromkeys(message.step for message in kept.told))
    assert steps[:2] == ["read", "align"]
    assert steps[-2:] == ["keep before", "keep after"]
    assert all(0 <= message.done <= message.total for message in kept.told)


class TestKeepAligned:
    def test_off_by_default(self, case: Path) -> None:
        assert not (case / "rasters" / "before.tif").exists()

    def test_the_reference_is_untouched(self, kept: Kept, pair: Pair) -> None:
        with rasterio.open(kept.rasters / "before.tif") as image:
            assert image.dtypes == ("uint16",)
            assert image.nodata is None
            assert image.transform == PLACE
            np.testing.assert_array_equal(image.read(), pair.first)

    def test_the_other_lies_on_it_in_its_own_units(self, kept: Kept, pair: Pair) -> None:
        folder = kept.rasters
        with (
            rasterio.open(folder / "after.tif") as image,
            rasterio.open(folder / "valid.tif") as codes,
        ):
            values, valid = image.read(1), codes.read(1)
            assert image.dtypes == ("float32",)
            assert np.isnan(image.nodata)
            assert image.transform == codes.transform
            assert image.crs.to_epsg() == 32651
        np.testing.assert_array_equal(np.isnan(values), valid != 0)
        apart = values - pair.first[0]
        assert np.median(np.abs(apart[valid == 0])) < 15, "noise of 0.05 x 200, in both"
        unmoved = pair.second[0].astype(np.float32) - pair.first[0]
        assert np.median(np.abs(unmoved)) > 3 * np.median(np.abs(apart[valid == 0]))

    def test_nodata_and_scale(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        first = pair.first.copy()
        first[:, :40] = 0
        before = write_image(tmp_path / "b.tif", first, nodata=0)
        after = write_image(tmp_path / "a.tif", pair.second)
        with rasterio.open(after, "r+") as image:
            image.scales, image.offsets = (0.5,), (100.0,)
            image.update_tags(TWOPASS_SIMULATED="YES")
        products = ProductOptions(keep_aligned=True)
        result = undrawn(before, after, tmp_path / "case", products=products)["result"]
        assert result["simulated"] is True
        assert [scene["simulated"] for scene in result["scenes"].values()] == [False, True]
        with rasterio.open(tmp_path / "case" / "rasters" / "before.tif") as image:
            assert (image.dtypes, image.nodata) == (("uint16",), 0)
            np.testing.assert_array_equal(image.read(), first)
            assert "TWOPASS_SIMULATED" not in image.tags()
        with rasterio.open(tmp_path / "case" / "rasters" / "after.tif") as image:
            median = np.nanmedian(image.read())
            assert image.tags()["TWOPASS_SIMULATED"] == "YES"
        assert abs(median - (np.median(pair.second) * 0.5 + 100)) < 5

    def test_an_unmoved_scene_with_a_collar_has_nan_there(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        """Zeros that nothing tags are no counts; no count could mark them either."""
        first = pair.first.copy()
        first[:, :60] = 0
        before = write_image(tmp_path / "b.tif", first)
        undrawn(before, pair.after, tmp_path / "case", products=ProductOptions(keep_aligned=True))
        with rasterio.open(tmp_path / "case" / "rasters" / "before.tif") as image:
            values = image.read(1)
            assert image.dtypes == ("float32",)
        assert np.isnan(values[:60]).all()
        np.testing.assert_array_equal(values[60:], first[0, 60:])

    def test_the_finer_scene_comes_to_the_coarser_grid(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        coarse = pair.first.reshape(1, 160, 2, 160, 2).mean(axis=(2, 4)).astype(np.uint16)
        before = write_image(tmp_path / "b.tif", coarse, transform=PLACE * Affine.scale(2))
        undrawn(before, pair.after, tmp_path / "case", products=ProductOptions(keep_aligned=True))
        shapes = []
        for name in ("before", "after", "score"):
            with rasterio.open(tmp_path / "case" / "rasters" / f"{name}.tif") as image:
                shapes.append((image.shape, image.transform))
        assert shapes[0] == shapes[1] == shapes[2]


def scene_of(role: str, text: str | None, *, confirmed: bool = True) -> Any:
    """As much of a scene as its order takes."""
    from types import SimpleNamespace

    from imagery.metadata import parse_date

    acquisition = Acquisition()
    if text is not None:
        acquisition = Acquisition(*parse_date(text), "a test", confirmed=confirmed)
    return SimpleNamespace(name=f"{role}.tif", acquisition=acquisition)


class TestOrder:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("2024-06-06", "2024-06-07"),
            ("2024-06-06", "2024-06-06"),
            ("2024-06-06T02:10Z", "2024-06-06T02:10Z"),
            ("2024-06-06", "2024-06-06T02:10Z"),
            ("2024-06-06T02:10Z", "2024-06-06"),
            ("2024-06", "2024-06-01"),
            ("2024-06-20", "2024-06-01/2024-06-30"),
            ("2024-06-06T02:10+09:00", "2024-06-05"),
            (None, "2020-01-01"),
            ("2024-06-06", None),
        ],
    )
    def test_what_may_be_in_order(self, before: str | None, after: str | None) -> None:
        pair = scene_of("before", before), scene_of("after", after)
        assert check_order(*pair, allow_reversed=False) == ()
        assert check_order(*pair, allow_reversed=True) == ()

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("2024-06-07", "2024-06-06"),
            ("2024-06-06T02:10Z", "2024-06-06T02:09Z"),
            ("2024-07-01", "2024-06"),
            ("2024-06-06T12:00Z", "2024-06-06T12:00+09:00"),
        ],
    )
    def test_what_is_reversed(self, before: str, after: str) -> None:
        pair = scene_of("before", before), scene_of("after", after)
        with pytest.raises(UsageError, match="--allow-reversed"):
            check_order(*pair, allow_reversed=False)
        (caution,) = check_order(*pair, allow_reversed=True)
        assert caution.code == "order-reversed"

    def test_a_file_time_decides_nothing(self) -> None:
        pair = scene_of("before", "2024-06-07", confirmed=False), scene_of("after", "2024-06-06")
        assert check_order(*pair, allow_reversed=False) == ()

    def test_the_users_word_is_in_the_record(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        options = DetectOptions(
            before=SceneOptions(date="2024-06-07"),
            after=SceneOptions(date="2024-06-06"),
            read=ReadOptions(allow_reversed=True),
        )
        record = undrawn(pair.before, pair.after, tmp_path / "case", options=options)
        codes = [caution["code"] for caution in record["result"]["warnings"]]
        assert "order-reversed" in codes
