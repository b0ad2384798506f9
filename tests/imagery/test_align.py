"""Aligning: the sign, the axes, what is kept of the image, and every misuse."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pairs import written
from pyproj import Transformer
from rasterio.enums import ColorInterp, MaskFlags
from scipy import ndimage

import imagery.align._measure
from imagery.align import align_images, apply_transform, move, open_stored
from imagery.align._carried import carried
from imagery.align._pixels import stored_values
from imagery.env import raster_environment
from imagery.errors import AlignmentError, InputError, MissingInputError, TwopassError, UsageError
from imagery.metadata import read_metadata
from imagery.options import AlignOptions, CoregisterOptions, ReadOptions
from imagery.shift import Shift
from imagery.simulate import textured_pair
from imagery.transform import Image, Transform

UTM = Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000)
TURNED = Affine.translation(400_050, 4_319_950) * Affine.rotation(33) * Affine.scale(0.5, -0.5)


@pytest.fixture(autouse=True)
def rasters() -> Iterator[None]:
    with raster_environment():
        yield


def image_of(geobox: GeoBox) -> Image:
    return Image(file="x.tif", sha256="0" * 64, geobox=geobox)


def transform_on(
    grid: GeoBox, shift: Shift, *, reference: GeoBox | None = None, target: GeoBox | None = None
) -> Transform:
    return Transform(
        grid=grid,
        pixel_size_m=0.5,
        shift=shift,
        model="affine",
        verdict="trusted",
        accepted=None,
        residual=None,
        reference=image_of(reference or grid),
        target=image_of(target or grid),
        software={},
    )


def moved(
    path: Path, transform: Transform, out: Path, *, read: ReadOptions | None = None, **options: Any
) -> Any:
    """The image, moved, as an open dataset."""
    asked = AlignOptions(read=read or ReadOptions(), **options)
    stored = open_stored(path, options=asked.read)
    with ThreadPoolExecutor(2) as pool:
        move(stored, transform, out, options=asked, executor=pool, tell=lambda _: None)
    return rasterio.open(out)


def centres(geobox: GeoBox) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, cols = np.indices(geobox.shape) + 0.5
    a = geobox.affine
    return a.a * cols + a.b * rows + a.c, a.d * cols + a.e * rows + a.f


def own_places(folder: Path, geobox: GeoBox, *, off: tuple[float, float], crs: Any = None) -> Path:
    """An image whose values are where its pixels truly lie, and whose georeference is ``off``."""
    x, y = centres(geobox)
    x, y = x + off[0], y + off[1]
    if crs is not None:
        x, y = Transformer.from_crs(geobox.crs, crs, always_xy=True).transform(x, y)
    values = np.stack([x - 400_000, y - 4_320_000])
    return written(folder, "places", values, transform=geobox.affine, crs=str(geobox.crs))


def check_places(dataset: Any, *, within: float, least: float = 0.3) -> None:
    """The value at every pixel is where that pixel lies.

    But for a rim, where the spline has pixels on one side alone.
    """
    values = dataset.read()
    valid = dataset.dataset_mask() > 0
    assert valid.mean() > least
    valid = ndimage.binary_erosion(valid, iterations=12, border_value=0)
    x, y = centres(GeoBox(dataset.shape, dataset.transform, "EPSG:32651"))
    assert np.abs(values[0] + 400_000 - x)[valid].max() < within
    assert np.abs(values[1] + 4_320_000 - y)[valid].max() < within


class TestSign:
    """aligned(p) = target(p - shift(p)), rows down."""

    @pytest.mark.parametrize(
        "shift", [(0, 0), (3, 0), (0, -5), (2.37, 0), (0, 4.62), (-3.4, 7.8)], ids=str
    )
    def test_every_pixel_comes_to_where_it_lies(
        self, tmp_path: Path, shift: tuple[float, float]
    ) -> None:
        # Half a metre a pixel: up the rows is down in y.
        grid = GeoBox((300, 360), UTM, "EPSG:32651")
        path = own_places(tmp_path, grid, off=(0.5 * shift[1], -0.5 * shift[0]))
        with moved(path, transform_on(grid, Shift.constant(*shift)), tmp_path / "o.tif") as found:
            assert found.transform.almost_equals(
                UTM @ Affine.translation(max(0, int(shift[1] // 1)), max(0, int(shift[0] // 1)))
            )
            check_places(found, within=0.005)

    def test_a_turned_image_of_other_pixels(self, tmp_path: Path) -> None:
        reference = GeoBox((500, 520), UTM, "EPSG:32651")
        target = GeoBox((180, 240), TURNED * Affine.scale(1.6, 1.3), "EPSG:32651")
        path = own_places(tmp_path, target, off=(1.7, -2.3))
        shift = Shift.constant(4.6, 3.4)
        transform = transform_on(reference, shift, target=target)
        with moved(path, transform, tmp_path / "o.tif") as found:
            a = found.transform
            assert (a.a, a.e) == pytest.approx((0.8, -0.65))
            steps = (a.c - UTM.c) / a.a, (a.f - UTM.f) / a.e
            assert steps == pytest.approx(np.round(steps), abs=1e-6), "anchored at the reference"
            check_places(found, within=0.005)
        with moved(path, transform, tmp_path / "r.tif", grid="reference") as found:
            assert found.transform.a == 0.5
            check_places(found, within=0.005)

    def test_a_shift_that_is_told_on_the_turned_grid(self, tmp_path: Path) -> None:
        reference = GeoBox((500, 520), UTM, "EPSG:32651")
        target = GeoBox((300, 300), TURNED, "EPSG:32651")
        path = own_places(tmp_path, target, off=(1.7, -2.3))
        cols, rows = ~Affine(TURNED.a, TURNED.b, 0, TURNED.d, TURNED.e, 0) * (1.7, -2.3)
        transform = transform_on(
            target, Shift.constant(rows, cols), reference=reference, target=target
        )
        for number, how in enumerate(({}, {"grid": "target"}, {"extent": "target"})):
            with moved(path, transform, tmp_path / f"{number}.tif", **how) as found:
                check_places(found, within=0.005)

    def test_a_shift_through_a_projection(self, tmp_path: Path) -> None:
        """The target on the next zone, whose north leans by 4° here, and the shift on its grid."""
        reference = GeoBox((400, 400), UTM, "EPSG:32651")
        to52 = Transformer.from_crs("EPSG:32651", "EPSG:32652", always_xy=True)
        x, y = to52.transform(400_100, 4_319_900)
        target = GeoBox((300, 300), Affine(0.6, 0, x - 90, 0, -0.6, y + 90), "EPSG:32652")
        path = own_places(tmp_path, target, off=(1.2, -1.8), crs="EPSG:32651")
        transform = transform_on(
            target, Shift.constant(3.0, 2.0), reference=reference, target=target
        )
        with moved(path, transform, tmp_path / "o.tif") as found:
            assert found.crs.to_epsg() == 32651
            check_places(found, within=0.01)

    def test_a_local_shift_carried_to_finer_pixels_is_the_same_move(self) -> None:
        rng = np.random.default_rng(3)
        home = GeoBox((200, 240), UTM * Affine.scale(4), "EPSG:32651")
        shift = Shift(
            centre=(100.0, 120.0), scale=120.0, linear=rng.normal(size=(2, 3)),
            knot_origin=(0.0, 0.0), knot_spacing=60.0, coefficients=rng.normal(size=(2, 7, 7)),
        )  # fmt: skip
        fine = GeoBox((300, 300), UTM * Affine.translation(31, 44), "EPSG:32651")
        place = np.array([10.0, 250.0])
        there = carried(shift, home, fine).on_grid(place, place)
        row, col = (place + 44 + 0.5) / 4 - 0.5, (place + 31 + 0.5) / 4 - 0.5
        assert there == pytest.approx(4 * shift.on_grid(row, col), abs=1e-9)
        # Point by point it is the same: a grid that is flipped can't be told otherwise.
        flipped = GeoBox((300, 300), fine.affine * Affine.translation(0, 300) * Affine.scale(1, -1),
                         "EPSG:32651")  # fmt: skip
        mirrored = carried(shift, home, flipped).on_grid(299 - place, place)
        assert mirrored == pytest.approx(there * np.array([-1, 1])[:, None, None], abs=1e-6)


class TestMeasured:
    @pytest.mark.parametrize("shift", [(4.0, 0.0), (0.0, -3.0), (2.37, 0.0), (0.0, -5.6)], ids=str)
    def test_the_target_comes_to_lie_on_the_reference(
        self, tmp_path: Path, shift: tuple[float, float]
    ) -> None:
        pair = textured_pair(shape=(400, 400), shift=shift, seed=2)
        reference = written(tmp_path, "ref", pair.before)
        target = written(tmp_path, "tgt", pair.after)
        found = align_images(reference, target, tmp_path / "o.tif")
        assert found.shift_px == pytest.approx(shift, abs=0.02)
        assert found.transform.verdict == "trusted"
        with rasterio.open(found.path) as dataset:
            assert dataset.tags()["TWOPASS_ALIGNED_TO"] == "ref.tif"
            assert float(dataset.tags()["TWOPASS_ALIGNED_CE90_PX"]) < 0.1
            col, row = (round(v) for v in ~UTM * (dataset.transform.c, dataset.transform.f))
            here = pair.before[0, row : row + dataset.height, col : col + dataset.width]
            valid = dataset.dataset_mask() > 0
            assert np.abs(dataset.read(1) - here)[valid].mean() < 0.05

    def test_the_target_moves_even_where_it_is_coarser(self, tmp_path: Path) -> None:
        pair = textured_pair(shape=(1200, 1200), shift=(6.0, -9.0), seed=4)
        reference = written(tmp_path, "ref", pair.before)
        blocks = pair.after.reshape(1, 400, 3, 400, 3).mean(axis=(2, 4))
        target = written(tmp_path, "tgt", blocks, transform=UTM * Affine.scale(3))
        found = align_images(reference, target, tmp_path / "o.tif")
        assert found.transform.grid.affine.a == 1.5
        assert found.shift_px == pytest.approx((2.0, -3.0), abs=0.03)
        assert found.geobox.affine.a == pytest.approx(1.5)
        with rasterio.open(tmp_path / "o.tif") as dataset:
            values, valid = dataset.read(1), dataset.dataset_mask() > 0
            col, row = (round(v) for v in ~UTM * (dataset.transform.c, dataset.transform.f))
        height, width = 3 * values.shape[0], 3 * values.shape[1]
        here = pair.before[0, row : row + height, col : col + width]
        means = here[: here.shape[0] // 3 * 3, : here.shape[1] // 3 * 3]
        means = means.reshape(means.shape[0] // 3, 3, -1, 3).mean(axis=(1, 3))
        same = np.abs(values[: means.shape[0], : means.shape[1]] - means)
        assert same[valid[: means.shape[0], : means.shape[1]]].mean() < 0.1

    def test_an_unaligned_pair_is_refused_and_nothing_written(self, tmp_path: Path) -> None:
        one, two = (textured_pair(shape=(400, 400), seed=s).before for s in (1, 2))
        reference, target = written(tmp_path, "ref", one), written(tmp_path, "tgt", two)
        with pytest.raises(AlignmentError):
            align_images(reference, target, tmp_path / "o.tif")
        assert sorted(p.name for p in tmp_path.iterdir()) == ["ref.tif", "tgt.tif"]

    def test_what_could_not_be_measured_is_no_alignment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair = textured_pair(shape=(400, 400), shift=(0.5, 0.0), seed=2)
        reference, target = written(tmp_path, "r", pair.before), written(tmp_path, "t", pair.after)
        real = imagery.align._measure.coregister

        def unmeasured(*args: Any, **how: Any) -> Any:
            return replace(
                real(*args, **how), verdict="not measured", model="none", residual=None,
                shift=Shift.constant(0, 0),
            )  # fmt: skip

        monkeypatch.setattr(imagery.align._measure, "coregister", unmeasured)
        with pytest.raises(AlignmentError, match="could be measured"):
            align_images(reference, target, tmp_path / "o.tif")
        accepted = AlignOptions(coregister=CoregisterOptions(accept_alignment="as it came"))
        found = align_images(reference, target, tmp_path / "o.tif", options=accepted)
        assert (found.transform.verdict, found.method) == ("accepted", "copied")
        with rasterio.open(found.path) as dataset:
            assert dataset.tags()["TWOPASS_ALIGNED_ACCEPTED"] == "as it came"

    def test_an_old_way_to_refuse_is_a_refusal(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pair = textured_pair(shape=(64, 64))
        reference, target = written(tmp_path, "r", pair.before), written(tmp_path, "t", pair.after)

        def refuses(*_: Any, **__: Any) -> Any:
            raise AlignmentError("no")

        monkeypatch.setattr(imagery.align._measure, "coregister", refuses)
        with pytest.raises(AlignmentError, match="no"):
            align_images(reference, target, tmp_path / "o.tif")


SMALL = GeoBox((40, 50), UTM, "EPSG:32651")
HALF = transform_on(SMALL, Shift.constant(0.5, 1.25))
WHOLE = transform_on(SMALL, Shift.constant(2.0, -3.0))


def random(dtype: str, *, bands: int = 2, low: int = 20, high: int = 100) -> NDArray[Any]:
    return np.random.default_rng(1).integers(low, high, (bands, 40, 50)).astype(dtype)


class TestKept:
    @pytest.mark.parametrize(
        "dtype",
        ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"],
    )
    def test_dtype_and_bands(self, tmp_path: Path, dtype: str) -> None:
        path = written(tmp_path, "t", random(dtype, bands=5))
        with moved(path, HALF, tmp_path / "o.tif") as found:
            assert found.dtypes == (dtype,) * 5
            assert found.count == 5
            valid = found.dataset_mask() > 0
            values = found.read()
            assert 0 < valid.mean() < 1
            assert values[:, valid].min() >= 0
            assert values[:, valid].max() <= 127

    @pytest.mark.parametrize("dtype", ["uint8", "uint32", "float64"])
    def test_whole_pixels_are_copied_untouched(self, tmp_path: Path, dtype: str) -> None:
        values = random(dtype)
        values[0, 7, 8] = np.iinfo(dtype).max if dtype != "float64" else 1 / 3
        path = written(tmp_path, "t", values)
        with moved(path, WHOLE, tmp_path / "o.tif") as found:
            assert found.tags()["TWOPASS_ALIGNED_METHOD"] == "copied"
            assert found.transform == UTM * Affine.translation(0, 2)
            assert np.array_equal(found.read(), values[:, :38, 3:])
            assert found.dataset_mask().all()

    def test_rounding_makes_no_valid_pixel_missing(self) -> None:
        data = np.array([[[0.4, -0.3, 7.0, 0.4]], [[5.0, 0.2, 7.0, 0.1]]], np.float32)
        valid = np.array([[True, True, True, False]])
        how: dict[str, Any] = {"dtype": "uint16", "nodata": 0.0, "mark": 0.0}
        assert stored_values(data, valid, **how).tolist() == [[[1, 1, 7, 0]], [[5, 1, 7, 0]]]
        # In 8 bits, 0 is missing only where it is so in all bands.
        how["dtype"] = "uint8"
        assert stored_values(data, valid, **how).tolist() == [[[0, 1, 7, 0]], [[5, 1, 7, 0]]]
        top: dict[str, Any] = {"dtype": "int16", "nodata": 32767.0, "mark": 32767.0}
        high = np.full((1, 1, 2), 40_000, np.float32)
        assert stored_values(high, np.array([[True, False]]), **top).tolist() == [[[32766, 32767]]]

    @pytest.mark.parametrize(
        ("dtype", "nodata"), [("uint16", 0.0), ("int16", -9999.0), ("float32", float("nan"))]
    )
    def test_nodata(self, tmp_path: Path, dtype: str, nodata: float) -> None:
        values = random(dtype)
        values[1, 10:20, 10:20] = nodata
        path = written(tmp_path, "t", values, nodata=nodata)
        with moved(path, HALF, tmp_path / "o.tif") as found:
            assert found.nodata == pytest.approx(nodata, nan_ok=True)
            first, second = (found.read_masks(i) > 0 for i in (1, 2))
            # A hole in one band is none in the other.
            assert not second[12:20, 13:20].any()
            assert first[12:20, 13:20].all()
            assert not found.read_masks(1)[:, 0].any()

    def test_floats_without_a_mark_get_nan(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t", random("float32"))
        with moved(path, HALF, tmp_path / "o.tif") as found:
            assert np.isnan(found.nodata)
            assert np.isnan(found.read(1)[0]).all()

    def test_integers_without_a_mark_get_a_mask(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t", random("uint8", bands=3))
        with moved(path, HALF, tmp_path / "o.tif") as found:
            assert found.mask_flag_enums[0] == [MaskFlags.per_dataset]
            assert found.nodata is None
            mask = found.dataset_mask()
            assert not mask[0].any()
            assert not mask[:, :1].any()
            assert mask[1:, 2:].all()
        assert not (tmp_path / "o.tif.msk").exists()

    def test_a_mask_moves_along(self, tmp_path: Path, write_tif: Any) -> None:
        mask = np.full((40, 50), 255, np.uint8)
        mask[10:20, 20:30] = 0
        path = write_tif(random("uint16"), transform=UTM, mask=mask)
        with moved(path, WHOLE, tmp_path / "o.tif") as found:
            assert np.array_equal(found.dataset_mask(), mask[:38, 3:])

    def test_alpha_moves_along(self, tmp_path: Path, write_tif: Any) -> None:
        values = random("uint8", bands=4)
        values[3] = 255
        values[3, 10:20, 20:30] = 0
        colours = ("red", "green", "blue", "alpha")
        path = write_tif(values, transform=UTM, colours=colours)
        with moved(path, HALF, tmp_path / "o.tif") as found:
            assert found.colorinterp[3] == ColorInterp.alpha
            assert found.nodata is None
            alpha = found.read(4)
            assert set(np.unique(alpha)) == {0, 255}
            assert not alpha[11:20, 22:31].any()
            assert not alpha[0].any()

    def test_names_colours_scales_and_tags(self, tmp_path: Path, write_tif: Any) -> None:
        path = write_tif(
            random("uint16", bands=4),
            transform=UTM,
            colours=("red", "green", "blue", "undefined"),
            descriptions=("red", "green", "blue", "nir"),
            tags={"DATE_ACQUIRED": "2024-06-06", "MINE": "yes", "AREA_OR_POINT": "Point"},
            scales=(0.0001,) * 4,
            offsets=(-0.1,) * 4,
        )
        with rasterio.open(path, "r+") as dataset:
            dataset.update_tags(2, WAVELENGTH="560", STATISTICS_MEAN="12")
            dataset.update_tags(ns="VENDOR", ANGLE="12.5")
            dataset.units = ("1",) * 4
        with rasterio.open(path) as before, moved(path, HALF, tmp_path / "o.tif") as found:
            assert found.descriptions == before.descriptions
            assert found.colorinterp == before.colorinterp
            assert found.scales == before.scales
            assert found.offsets == before.offsets
            assert found.units == before.units
            assert found.tags()["MINE"] == "yes"
            assert found.tags(2) == {"WAVELENGTH": "560"}
            assert found.tags()["VENDOR_ANGLE"] == "12.5"
            assert found.profile["tiled"]
            assert found.profile["compress"] == "zstd"
            said = read_metadata(tmp_path / "o.tif", {"": found.tags()})
            assert str(said.acquisition) == "2024-06-06"

    def test_what_stood_beside_the_image_is_kept_in_it(self, tmp_path: Path) -> None:
        """A product's name and a STAC item are lost with the file's name."""
        path = written(tmp_path, "t", random("uint8"))
        path.with_suffix(".json").write_text(
            '{"type": "Feature", "stac_version": "1.0.0", "id": "t", "geometry": null, '
            '"links": [], "assets": {}, "properties": {"datetime": "2024-06-06T02:10:11Z", '
            '"platform": "worldview-2", "attribution": "A. Maker", "license": "CC-BY-4.0", '
            '"view:sun_elevation": 61.2}}',
            encoding="utf-8",
        )
        with moved(path, HALF, tmp_path / "o.tif") as found:
            said = read_metadata(tmp_path / "o.tif", {"": found.tags()})
        assert str(said.acquisition) == "2024-06-06 02:10 UTC"
        texts = [said.facts[name].value for name in ("platform", "credit", "license")]
        assert texts == ["worldview-2", "A. Maker", "CC-BY-4.0"]
        assert said.facts["view:sun_elevation"].value == 61.2

    def test_a_collar_that_nothing_tags_is_masked(self, tmp_path: Path) -> None:
        values = random("uint8", bands=3)
        values[:, :, :12] = 0
        path = written(tmp_path, "t", values)
        with moved(path, WHOLE, tmp_path / "o.tif") as found:
            mask = found.dataset_mask()
            assert not mask[:, :9].any()
            assert mask[:, 9:].all()

    def test_classes_stay_classes(self, tmp_path: Path) -> None:
        values = np.random.default_rng(2).integers(0, 4, (1, 40, 50)).astype(np.uint8)
        path = written(tmp_path, "t", values)
        table = {i: (50 * i, 10, 20, 255) for i in range(4)}
        with rasterio.open(path, "r+") as dataset:
            dataset.write_colormap(1, table)
        with moved(path, HALF, tmp_path / "o.tif") as found:
            assert found.tags()["TWOPASS_ALIGNED_METHOD"] == "nearest"
            assert {k: v for k, v in found.colormap(1).items() if k < 4} == table
            assert found.transform == UTM * Affine.translation(1, 0)
            # p - 0.5 and p - 1.25: the first of two that are as near, and the nearest.
            assert np.array_equal(found.read(1)[1:], values[0, :39, :49])
            inside = found.dataset_mask() > 0
            assert not inside[0].any()
            assert inside[1:].all()

    @pytest.mark.parametrize(
        ("name", "told"),
        [("SCL", True), ("pixel_qa", True), ("SR_QA_AEROSOL", True), ("nir", False),
         ("glasses", False)],
    )  # fmt: skip
    def test_bands_of_classes_are_told(
        self, tmp_path: Path, write_tif: Any, name: str, told: bool
    ) -> None:
        path = write_tif(random("uint8"), transform=UTM, descriptions=("red", name))
        found = apply_transform(HALF, path, tmp_path / "o.tif")
        assert ("classes-resampled" in [c.code for c in found.cautions]) is told
        whole = apply_transform(WHOLE, path, tmp_path / "o.tif")
        assert "classes-resampled" not in [c.code for c in whole.cautions]

    def test_nearest_may_be_asked_for(self, tmp_path: Path) -> None:
        values = random("int32") * 100_000_007
        path = written(tmp_path, "t", values)
        with moved(path, HALF, tmp_path / "o.tif", resampling="nearest") as found:
            assert set(np.unique(found.read())) <= {0, *np.unique(values)}


class TestApplied:
    def test_a_mask_of_other_pixels_and_extent(self, tmp_path: Path) -> None:
        """A square in a 20 m mask comes to where the shift of the 10 m image puts it."""
        ten = GeoBox((400, 400), Affine(10, 0, 500_000, 0, -10, 4_320_000), "EPSG:32651")
        transform = transform_on(ten, Shift.constant(4.0, -6.0))
        mask = np.zeros((1, 150, 170), np.uint8)
        mask[0, 50:60, 80:100] = 3
        twenty = Affine(20, 0, 500_400, 0, -20, 4_319_800)
        path = written(tmp_path, "mask", mask, transform=twenty)
        found = apply_transform(
            transform, path, tmp_path / "o.tif", options=AlignOptions(resampling="nearest",
                                                                      read=ReadOptions(nodata=255)),
        )  # fmt: skip
        assert [c.code for c in found.cautions] == ["transform-of-other-file"]
        with rasterio.open(tmp_path / "o.tif") as dataset:
            assert dataset.transform.a == 20
            rows, cols = np.nonzero(dataset.read(1) == 3)
            left, top = dataset.transform * (int(cols.min()), int(rows.min()))
            # 40 m down and 60 m to the left.
            assert (left, top) == (500_400 + 80 * 20 - 60, 4_319_800 - 50 * 20 - 40)
            assert (np.ptp(rows) + 1, np.ptp(cols) + 1) == (10, 20)

    def test_bands_of_two_sizes_come_to_lie_on_each_other(self, tmp_path: Path) -> None:
        ten = GeoBox((120, 120), Affine(10, 0, 500_000, 0, -10, 4_320_000), "EPSG:32651")
        shifted = Affine(10, 0, 500_003, 0, -10, 4_320_004)
        transform = transform_on(ten, Shift.constant(0.7, 0.4))
        places = []
        for size in (1, 2):
            path = written(
                tmp_path, f"b{size}", np.ones((1, 100 // size, 100 // size), np.float32),
                transform=shifted * Affine.scale(size),
            )  # fmt: skip
            with moved(path, transform, tmp_path / f"o{size}.tif") as found:
                places.append(found.transform)
        assert [p.a for p in places] == [10, 20]
        assert all((p.c - 500_000) % 10 == 0 and (4_320_000 - p.f) % 10 == 0 for p in places)

    def test_the_reference_itself_is_told(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t", random("uint8"))
        digest = open_stored(path, options=ReadOptions()).scene.files[0].sha256
        transform = replace(HALF, reference=replace(HALF.reference, sha256=digest))
        found = apply_transform(transform, path, tmp_path / "o.tif")
        assert "is the reference" in found.cautions[0].message
        own = replace(HALF, target=replace(HALF.target, sha256=digest))
        assert apply_transform(own, path, tmp_path / "o.tif").cautions == ()

    def test_beyond_what_was_measured_is_told(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t", random("uint8"), transform=UTM * Affine.translation(-20, 5))
        transform = replace(HALF, target=image_of(SMALL))
        found = apply_transform(
            transform, path, tmp_path / "o.tif", options=AlignOptions(extent="target")
        )
        assert "shift-extrapolated" in [c.code for c in found.cautions]
        assert found.geobox.shape == (41, 51)

    def test_the_reference_s_extent_is_for_stacks(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t", random("uint8"), transform=UTM * Affine.translation(20, 5))
        with moved(path, HALF, tmp_path / "o.tif", extent="reference") as found:
            assert (found.shape, found.transform) == ((40, 50), UTM)

    def test_a_file_names_the_lattice(self, tmp_path: Path) -> None:
        lattice = UTM * Affine.translation(0.25, 0.5) * Affine.scale(2)
        grid = written(tmp_path, "grid", np.ones((1, 5, 5), np.uint8), transform=lattice)
        path = written(tmp_path, "t", random("uint8"))
        with moved(path, HALF, tmp_path / "o.tif", grid=str(grid)) as found:
            assert found.transform.a == 1.0
            assert (found.transform.c - lattice.c) % 1 == 0

    def test_ungeoreferenced_images(self, tmp_path: Path) -> None:
        frame = GeoBox((40, 50), Affine(0.7, 0, 0, 0, -0.7, 0), None)
        path = written(tmp_path, "t", random("uint8"), crs=None)
        read = ReadOptions(no_georeference=True, pixel_size=0.7)
        transform = transform_on(frame, Shift.constant(2.0, -3.0))
        with moved(path, transform, tmp_path / "o.tif", read=read) as found:
            assert found.crs is None
            assert found.shape == (38, 47)

    @pytest.mark.parametrize(
        ("kind", "how", "options", "words"),
        [
            (InputError, {"crs": "EPSG:32652"}, {}, "is not on the CRS"),
            (InputError, {"transform": Affine(0.5, 0, 0, 0, -0.5, 0)}, {}, "doesn't overlap"),
            (MissingInputError, {}, {"grid": "nosuch.tif"}, "no such grid"),
            (MissingInputError, {}, {"grid": ""}, "no such grid"),
        ],
    )
    def test_misuse(
        self, tmp_path: Path, kind: type[TwopassError], how: Any, options: Any, words: str
    ) -> None:
        path = written(tmp_path, "t", random("uint8"), **how)
        with pytest.raises(kind, match=words):
            apply_transform(HALF, path, tmp_path / "o.tif", options=AlignOptions(**options))
        assert not (tmp_path / "o.tif").exists()
        assert not list(tmp_path.glob("*partial*"))

    def test_a_grid_without_a_crs_is_none(self, tmp_path: Path) -> None:
        grid = written(tmp_path, "grid", np.ones((1, 5, 5), np.uint8), crs=None)
        path = written(tmp_path, "t", random("uint8"))
        with pytest.raises(InputError, match="no grid to write on"):
            apply_transform(HALF, path, tmp_path / "o.tif", options=AlignOptions(grid=str(grid)))
        tiny = written(
            tmp_path, "tiny", np.ones((1, 5, 5), np.uint8), transform=UTM * Affine.scale(1e-6)
        )
        with pytest.raises(UsageError, match="too large"):
            apply_transform(HALF, path, tmp_path / "o.tif", options=AlignOptions(grid=str(tiny)))

    def test_a_damaged_target_leaves_nothing(self, tmp_path: Path) -> None:
        path = written(tmp_path, "t", random("uint8", high=255), compress="deflate")
        path.write_bytes(path.read_bytes()[:-900])
        with pytest.raises(InputError):
            apply_transform(HALF, path, tmp_path / "o.tif")
        assert [p.name for p in tmp_path.iterdir()] == ["t.tif"]


def test_tiles_and_workers_change_nothing(tmp_path: Path) -> None:
    grid = GeoBox((700, 1100), UTM, "EPSG:32651")
    values = np.random.default_rng(0).integers(0, 4000, (2, 700, 1100)).astype(np.uint16)
    path = written(tmp_path, "t", values)
    stored = open_stored(path, options=ReadOptions())
    transform = transform_on(grid, Shift.constant(0.3, -0.6))
    found = []
    for workers in (1, 3):
        out = tmp_path / f"o{workers}.tif"
        with ThreadPoolExecutor(workers) as pool:
            move(stored, transform, out, options=AlignOptions(), executor=pool, tell=lambda _: None)
        found.append(out.read_bytes())
    assert found[0] == found[1]
