"""Masks that come with products: their codes, where they are found, how they lie on a scene."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.warp
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from reading import opened, whole

from imagery.blocks import Window
from imagery.errors import InputError, MissingInputError
from imagery.masks import (
    CLOUD,
    KINDS,
    SATURATED,
    SHADOW,
    SNOW,
    UNUSABLE,
    USER,
    LeftOut,
    find_masks,
    user_masks,
)
from imagery.options import DetectOptions, MaskOptions, SceneOptions
from imagery.read import read_window, reasons, reasons_on
from imagery.scene import DrawnMask, Mask, Scene, Stored
from imagery.shift import Shift

WriteTif = Callable[..., Path]

UTM = Affine(10, 0, 500_000, 0, -10, 4_320_000)

pytestmark = pytest.mark.usefixtures("environment")


def image(write_tif: WriteTif, name: str = "S2A_20240606T022531_B04.tif", side: int = 60) -> Scene:
    pixels = np.random.default_rng(1).integers(500, 3000, (1, side, side)).astype(np.uint16)
    return opened(write_tif(pixels, name))


def beside(
    write_tif: WriteTif, scene: Scene, name: str, codes: NDArray[Any], *, factor: int = 1
) -> Path:
    array = codes if codes.ndim == 3 else codes[None]
    transform = scene.geobox.affine * Affine.scale(factor)
    return write_tif(array, name, transform=transform)


# Codes


class TestCodes:
    @pytest.mark.parametrize(
        ("kind", "code", "expected"),
        [
            ("qa-pixel", 1 << 0, UNUSABLE),
            ("qa-pixel", 1 << 1, CLOUD),
            ("qa-pixel", 1 << 2, CLOUD),
            ("qa-pixel", 1 << 3, CLOUD),
            ("qa-pixel", 1 << 4, SHADOW),
            ("qa-pixel", 1 << 5, SNOW),
            ("qa-pixel", 21824, 0),  # USGS: clear land, all confidences low
            ("qa-pixel", 21952, 0),  # clear water
            ("qa-pixel", 22280, CLOUD),  # high-confidence cloud
            ("qa-pixel", 23888, SHADOW),
            ("qa-pixel", 30048, SNOW),
            ("qa-pixel", 54596, CLOUD),  # high-confidence cirrus
            ("bqa", 1, UNUSABLE),
            ("bqa", 2720, 0),  # USGS: clear, low confidences
            ("bqa", 2800, CLOUD),
            ("bqa", 2976, SHADOW),
            ("bqa", 3744, SNOW),
            ("bqa", 6816, CLOUD),  # cirrus
            ("bqa", 2724, 0),  # one or two bands saturated
            ("bqa", 2732, SATURATED),
            ("pixel-qa", 322, 0),  # USGS: clear land
            ("pixel-qa", 328, SHADOW),
            ("pixel-qa", 336, SNOW),
            ("pixel-qa", 480, CLOUD),
            ("pixel-qa", 834, CLOUD),  # clear, cirrus of high confidence
            ("pixel-qa", 1, UNUSABLE),
            ("qa-radsat", 0b1110, SATURATED),
            ("qa-radsat", 0b0110, 0),
            ("scl", 0, UNUSABLE),
            ("scl", 1, SATURATED),
            ("scl", 2, 0),
            ("scl", 3, SHADOW),
            ("scl", 4, 0),
            ("scl", 5, 0),
            ("scl", 6, 0),
            ("scl", 7, 0),
            ("scl", 8, CLOUD),
            ("scl", 9, CLOUD),
            ("scl", 10, CLOUD),
            ("scl", 11, SNOW),
            ("cloud-probability", 49, 0),
            ("cloud-probability", 50, CLOUD),
            ("qa60", 0, 0),
            ("qa60", 1024, CLOUD),
            ("qa60", 2048, CLOUD),
            ("qa60", 512, 0),
            ("udm", 0, 0),
            ("udm", 1, UNUSABLE),
            ("udm", 2, CLOUD),
            ("udm", 64, UNUSABLE),
            ("learned", 1, CLOUD),
            ("learned", 2, SHADOW),
            ("suspected-before", 1, CLOUD),
            ("suspected-before", 2, 0),
            ("suspected-after", 2, CLOUD),
            ("suspected-after", 1, 0),
            ("user", 0, 0),
            ("user", 7, USER),
        ],
    )
    def test_a_code_reads_as_its_document_says(self, kind: str, code: int, expected: int) -> None:
        read = KINDS[kind].read(np.array([[[code]]], np.uint16))
        assert (read.dtype, read.tolist()) == (np.uint8, [[expected]])

    @pytest.mark.parametrize(
        ("bands", "expected"),
        [
            ({1: 1}, 0),
            ({2: 1}, SNOW),
            ({3: 1}, SHADOW),
            ({4: 1}, 0),  # light haze: the ground is seen
            ({5: 1}, CLOUD),
            ({6: 1}, CLOUD),
            ({7: 99}, 0),
            ({8: 0b10}, 0),  # the old mask's cloud
            ({8: 1}, UNUSABLE),
            ({8: 28}, UNUSABLE),
            ({6: 1, 8: 3}, CLOUD | UNUSABLE),
        ],
    )
    def test_udm2_by_band(self, bands: dict[int, int], expected: int) -> None:
        codes = np.zeros((8, 1, 1), np.uint8)
        for band, value in bands.items():
            codes[band - 1] = value
        assert KINDS["udm2"].read(codes).item() == expected

    def test_classi_by_band(self) -> None:
        codes = np.array([[[1, 0, 0, 0]], [[0, 1, 0, 0]], [[0, 0, 1, 0]]], np.uint8)
        assert KINDS["classi"].read(codes).tolist() == [[CLOUD, CLOUD, SNOW, 0]]

    def test_a_users_nan_says_nothing(self) -> None:
        codes = np.array([[[np.nan, 0.0, 0.5]]], np.float32)
        assert KINDS["user"].read(codes).tolist() == [[0, 0, USER]]

    @pytest.mark.parametrize("kind", sorted(KINDS))
    def test_no_kind_marks_what_is_clear(self, kind: str) -> None:
        clear = np.zeros((KINDS[kind].bands, 3, 4), np.uint8) + (4 if kind == "scl" else 0)
        assert not KINDS[kind].read(clear).any()


# Where they are found


class TestFinding:
    @pytest.mark.parametrize(
        ("name", "mask", "kind"),
        [
            ("S2B_51SXD_20240606_0_L2A.tif", "S2B_51SXD_20240606_0_L2A_scl.tif", "scl"),
            ("S2A2A_20170703_022_Alp_BOA_10.tif", "S2A2A_20170703_022_Alp_SCL_10.tif", "scl"),
            (
                "LC09_L2SP_117033_20240606_20240607_02_T1_SR_B4.TIF",
                "LC09_L2SP_117033_20240606_20240607_02_T1_QA_PIXEL.TIF",
                "qa-pixel",
            ),
            ("LC08_L1TP_013032_20180131_B4.TIF", "LC08_L1TP_013032_20180131_BQA.TIF", "bqa"),
            ("LC80130322018031LGN00_B4.TIF", "LC80130322018031LGN00_pixel_qa.tif", "pixel-qa"),
            ("T51SXD_20240606T022531_B04_10m.tif", "T51SXD_20240606T022531_SCL_20m.tif", "scl"),
            (
                "20171212_021530_1_0f28_3B_AnalyticMS.tif",
                "20171212_021530_1_0f28_3B_AnalyticMS_DN_udm.tif",
                "udm",
            ),
            ("S2A_20240606.tif", "S2A_20240606_cloud.tif", "cloud-probability"),
        ],
    )
    def test_by_the_names_of_products(
        self, write_tif: WriteTif, name: str, mask: str, kind: str
    ) -> None:
        scene = image(write_tif, name)
        codes = np.full((60, 60), 4, np.uint16 if KINDS[kind].largest > 255 else np.uint8)
        path = beside(write_tif, scene, mask, codes)
        found, cautions = find_masks(scene)
        assert [(m.kind, m.path) for m in found] == [(kind, path)]
        assert mask in found[0].source
        assert cautions == ()

    def test_udm2_of_a_planet_order(self, write_tif: WriteTif) -> None:
        scene = image(write_tif, "20200629_030740_0f28_3B_AnalyticMS_SR_8b_harmonized_clip.tif")
        name = "20200629_030740_0f28_3B_udm2_clip.tif"
        beside(write_tif, scene, name, np.zeros((8, 60, 60), np.uint8))
        ((mask,), _) = find_masks(scene)
        assert (mask.kind, mask.indexes) == ("udm2", tuple(range(1, 9)))

    def test_in_the_folders_of_a_sentinel_2_product(self, write_tif: WriteTif) -> None:
        folder = "G/IMG_DATA"
        for part in ("R10m", "R20m"):
            (write_tif(np.zeros((1, 4, 4), np.uint8), "x.tif").parent / folder / part).mkdir(
                parents=True
            )
        scene = image(write_tif, f"{folder}/R10m/T51SXD_20240606T022531_B04_10m.tif")
        codes = np.full((30, 30), 4, np.uint8)
        name = f"{folder}/R20m/T51SXD_20240606T022531_SCL_20m.jp2"
        path = beside(write_tif, scene, name, codes, factor=2)
        ((mask,), _) = find_masks(scene)
        assert mask.path.resolve() == path.resolve()

    def test_beside_the_bands_of_a_product(self, write_tif: WriteTif) -> None:
        base = "LC09_L2SP_117033_20240606_20240607_02_T1"
        scene = image(write_tif, f"{base}_SR_B2.TIF")
        stored = replace(scene.bands[0], stored=Stored(scene.path))
        product = replace(scene, path=scene.path.parent, bands=(stored,))
        path = beside(write_tif, scene, f"{base}_QA_PIXEL.TIF", np.zeros((60, 60), np.uint16))
        ((mask,), _) = find_masks(product)
        assert mask.path == path

    def test_of_two_the_surer_and_saturation_beside_it(self, write_tif: WriteTif) -> None:
        base = "LC09_L2SP_117033_20240606_20240607_02_T1"
        scene = image(write_tif, f"{base}_SR_B4.TIF")
        zero = np.zeros((60, 60), np.uint16)
        for word in ("BQA", "QA_PIXEL", "QA_RADSAT"):
            beside(write_tif, scene, f"{base}_{word}.TIF", zero)
        found, _ = find_masks(scene)
        assert [mask.kind for mask in found] == ["qa-pixel", "qa-radsat"]

    @pytest.mark.parametrize(
        ("name", "mask"),
        [
            ("square_1.tif", "square_scl.tif"),  # whose?
            ("square_20240606_1.tif", "square_20240912_scl.tif"),
            ("20240606_square.tif", "20240606_udm2.tif"),  # a day is no identifier
        ],
    )
    def test_not_what_may_be_another_images(
        self, write_tif: WriteTif, name: str, mask: str
    ) -> None:
        scene = image(write_tif, name)
        beside(write_tif, scene, mask, np.full((60, 60), 4, np.uint8))
        assert find_masks(scene) == ((), ())

    def test_as_a_band_of_the_file(self, write_tif: WriteTif) -> None:
        pixels = np.full((3, 20, 20), 900, np.uint16)
        pixels[2] = 4
        path = write_tif(pixels, "x.tif", descriptions=("red", "nir", "SCL"))
        ((mask,), cautions) = find_masks(opened(path, bands="red,nir"))
        assert (mask.kind, mask.indexes, mask.path) == ("scl", (3,), path)
        assert cautions == ()

    @pytest.mark.parametrize(
        ("day", "used"),
        [("2021-06-06", True), ("2022-06-06", False), ("2024-02-01", False), ("2024-06-06", True)],
    )
    def test_qa60_only_while_it_means_something(
        self, write_tif: WriteTif, day: str, *, used: bool
    ) -> None:
        pixels = np.full((2, 20, 20), 1024, np.uint16)
        path = write_tif(pixels, "x.tif", descriptions=("red", "QA60"))
        found, cautions = find_masks(opened(path, bands="red", date=day))
        assert [mask.kind for mask in found] == (["qa60"] if used else [])
        assert [caution.code for caution in cautions] == ([] if used else ["mask-ignored"])

    @pytest.mark.parametrize(
        ("codes", "how", "why"),
        [
            (np.full((60, 60), 200, np.uint8), {}, "no code of Sentinel-2 SCL"),
            (np.full((60, 60), -3, np.int16), {}, "no code of Sentinel-2 SCL"),
            (np.full((60, 60), 4, np.float32), {}, "whole numbers"),
            (np.full((2, 60, 60), 4, np.uint8), {}, "1 band(s), not 2"),
            (np.full((60, 60), 4, np.uint8), {"crs": None}, "no CRS"),
        ],
    )
    def test_what_is_no_such_mask_is_left_out_and_told(
        self, write_tif: WriteTif, codes: NDArray[Any], how: dict[str, Any], why: str
    ) -> None:
        scene = image(write_tif, "a_20240606.tif")
        write_tif(codes if codes.ndim == 3 else codes[None], "a_20240606_SCL.tif", **how)
        found, (caution,) = find_masks(scene)
        assert found == ()
        assert caution.code == "mask-ignored"
        assert why in caution.message
        assert caution.message.startswith("a_20240606_SCL.tif")

    def test_codes_that_were_stretched_to_8_bits_are_left_out(self, write_tif: WriteTif) -> None:
        pixels = np.full((2, 20, 20), 82, np.uint8)
        path = write_tif(pixels, "x.tif", descriptions=("red", "QA_PIXEL"))
        found, (caution,) = find_masks(opened(path, bands="red", date="2024-06-06"))
        assert found == ()
        assert "codes of 16 bits, not uint8" in caution.message

    def test_a_text_by_a_masks_name_is_left_out(self, write_tif: WriteTif) -> None:
        scene = image(write_tif, "a_20240606.tif")
        scene.path.with_name("a_20240606_SCL.tif").write_text("<VRT/>")
        found, (caution,) = find_masks(scene)
        assert (found, caution.code) == ((), "mask-ignored")

    def test_one_that_covers_a_part_is_used_and_told(self, write_tif: WriteTif) -> None:
        scene = image(write_tif, "a_20240606.tif")
        beside(write_tif, scene, "a_20240606_SCL.tif", np.full((60, 30), 9, np.uint8))
        (mask,), (caution,) = find_masks(scene)
        assert caution.code == "mask-partly"
        assert "of the image" in caution.message
        assert (reasons(replace(scene, masks=(mask,)), scene.window)[:, 30:] == 0).all()


# How they lie on a scene


def masked(scene: Scene, path: Path, kind: str = "scl", **how: Any) -> Scene:
    with rasterio.open(path) as dataset:
        geobox = GeoBox(dataset.shape, dataset.transform, dataset.crs)
    return replace(scene, masks=(Mask(kind=kind, path=path, geobox=geobox, source="x", **how),))


class TestSampling:
    def test_a_coarser_mask_repeats(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        codes = np.random.default_rng(5).choice([4, 9, 3, 11], (30, 30)).astype(np.uint8)
        scene = masked(scene, beside(write_tif, scene, "m.tif", codes, factor=2))
        expected = KINDS["scl"].read(codes[None]).repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(reasons(scene, scene.window), expected)
        seen = whole(scene).valid
        np.testing.assert_array_equal(seen, (expected & (CLOUD | SHADOW)) == 0)

    def test_windows_are_those_of_the_whole(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        codes = np.random.default_rng(5).choice([4, 4, 4, 9], (20, 20)).astype(np.uint8)
        path = beside(write_tif, scene, "m.tif", codes, factor=3)
        scene = masked(scene, path, margin_px=1.5)
        every = reasons(scene, scene.window)
        assert 0.3 < (every != 0).mean() < 1
        for window in (Window(7, 11, 23, 60), Window(59, 0, 60, 1), Window(0, 0, 60, 5)):
            np.testing.assert_array_equal(
                reasons(scene, window), every[window.within(scene.window)]
            )
        outside = reasons(scene, Window(-10, -10, 0, 0))
        assert not outside.any()

    def test_a_mask_in_another_projection(self, write_tif: WriteTif) -> None:
        scene = image(write_tif, side=120)
        row, col = np.indices((120, 120))
        truth = np.where(np.hypot(row - 70, col - 45) < 25, 9, 4).astype(np.uint8)
        transform = Affine(0.00005, 0, 122.999, 0, -0.00005, 39.029)
        degrees = np.zeros((400, 400), np.uint8)
        rasterio.warp.reproject(
            truth, degrees, src_transform=UTM, src_crs="EPSG:32651", dst_transform=transform,
            dst_crs="EPSG:4326", resampling=rasterio.warp.Resampling.nearest,
        )  # fmt: skip
        assert (degrees == 9).any()
        path = write_tif(degrees[None], "m.tif", crs="EPSG:4326", transform=transform)
        found = reasons(masked(scene, path), scene.window)
        agree = ((found & CLOUD) != 0) == (truth == 9)
        inside = (found & UNUSABLE) == 0
        assert agree[inside].mean() > 0.985

    def test_a_margin_is_in_metres_around_cloud_and_shadow_alone(self, write_tif: WriteTif) -> None:
        scene = image(write_tif, "a_20240606.tif")
        codes = np.full((60, 60), 4, np.uint8)
        codes[30, 30], codes[10, 10], codes[50, 10] = 9, 11, 0
        beside(write_tif, scene, "a_20240606_SCL.tif", codes)
        ((mask,), _) = find_masks(scene, cloud_margin_m=51)
        found = reasons(replace(scene, masks=(mask,)), scene.window)
        row, col = np.indices((60, 60))
        near = np.hypot(row - 30, col - 30) <= 5
        np.testing.assert_array_equal((found & CLOUD) != 0, near)
        assert np.argwhere(found & SNOW).tolist() == [[10, 10]]
        assert np.argwhere(found & UNUSABLE).tolist() == [[50, 10]]

    def test_landsats_dilated_clouds_get_no_second_margin(self, write_tif: WriteTif) -> None:
        scene = image(write_tif, "a_20240606.tif")
        beside(write_tif, scene, "a_20240606_QA_PIXEL.tif", np.zeros((60, 60), np.uint16))
        ((mask,), _) = find_masks(scene, cloud_margin_m=100)
        assert mask.margin_px == 0

    def test_masked_pixels_enter_no_mean(self, write_tif: WriteTif) -> None:
        pixels = np.full((1, 40, 40), 1000, np.uint16)
        pixels[:, :20] = 9000
        scene = opened(write_tif(pixels, "a.tif"))
        codes = np.full((40, 40), 4, np.uint8)
        codes[:20] = 9
        scene = masked(scene, beside(write_tif, scene, "m.tif", codes))
        read = read_window(scene, Window(10, 0, 30, 40), bands=[1], decimate=20)
        assert read.data[0, 0].tolist() == [1000, 1000]

    def test_snow_and_saturation_alone_leave_a_pixel_valid(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        codes = np.full((60, 60), 11, np.uint8)
        codes[:30] = 1
        scene = masked(scene, beside(write_tif, scene, "m.tif", codes))
        assert whole(scene).valid.all()
        assert set(np.unique(reasons(scene, scene.window))) == {SNOW, SATURATED}

    def test_a_mask_moves_with_its_scene(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        codes = np.full((60, 60), 4, np.uint8)
        codes[20, 30] = 9
        scene = masked(scene, beside(write_tif, scene, "m.tif", codes))
        shift = Shift.constant(5.0, -7.0)
        found = reasons_on(scene.masks, scene.geobox, scene.window, shift)
        assert np.argwhere(found).tolist() == [[25, 23]]

    def test_one_that_has_changed_since_is_refused(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        scene = masked(scene, beside(write_tif, scene, "m.tif", np.full((60, 60), 4, np.uint8)))
        write_tif(np.full((1, 9, 9), 4, np.uint8), "m.tif")
        with pytest.raises(InputError, match=r"m\.tif: has changed"):
            reasons(scene, scene.window)


# A user's own


class Half:
    """The left half of an image of 60 px, as an outline."""

    def mask(self, geobox: GeoBox) -> NDArray[np.bool_]:
        cols = np.arange(geobox.shape[1]) + 0.5
        x = geobox.affine.a * cols + geobox.affine.c
        return np.broadcast_to(x < 500_300, tuple(geobox.shape))


class TestUserMasks:
    def masks(self, scene: Scene, left_out: LeftOut | None = None, **names: Any) -> Any:
        own = {"before": SceneOptions(mask=names.pop("before", None))}
        options = DetectOptions(masks=MaskOptions(**names), **own)
        return user_masks(scene, options, left_out or LeftOut())

    def test_for_both_and_for_one(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        paths = []
        for name, at in (("both.tif", 10), ("one.tif", 40)):
            codes = np.zeros((60, 60), np.float32)
            codes[at] = 0.25
            paths.append(beside(write_tif, scene, name, codes))
        masks, files = self.masks(scene, mask=str(paths[0]), before=str(paths[1]))
        assert [file.name for file in files] == ["both.tif", "one.tif"]
        seen = whole(replace(scene, masks=masks)).valid
        assert np.flatnonzero(~seen.any(axis=1)).tolist() == [10, 40]
        assert str(paths[0].parent) not in masks[0].source

        later = replace(scene, role="after")
        assert [file.name for file in self.masks(later, mask=str(paths[0]))[1]] == ["both.tif"]

    def test_its_nodata_forbids_nothing(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        codes = np.full((60, 60), 255, np.uint8)
        codes[:5], codes[5:9] = 1, 0
        path = write_tif(codes[None], "m.tif", nodata=255)
        masks, _ = self.masks(scene, mask=str(path))
        np.testing.assert_array_equal(
            reasons(replace(scene, masks=masks), scene.window) != 0, codes == 1
        )

    def test_outlines(self, write_tif: WriteTif) -> None:
        scene = image(write_tif)
        left_out = LeftOut(
            drawn={"--mask": DrawnMask(outline=Half(), source="outlines")},
            files={"--mask": scene.files[0]},
        )
        masks, files = self.masks(scene, left_out, mask="half.geojson")
        assert files == (scene.files[0],)
        seen = whole(replace(scene, masks=masks)).valid
        assert not seen[:, :30].any()
        assert seen[:, 30:].all()

    @pytest.mark.parametrize(
        ("codes", "how", "found"),
        [
            (np.zeros((3, 60, 60), np.uint8), {}, "3 bands"),
            (np.zeros((1, 60, 60), np.uint8), {"crs": None}, "no CRS"),
            (
                np.zeros((1, 60, 60), np.uint8),
                {"transform": UTM @ Affine.translation(9999, 0)},
                "no pixel in common",
            ),
        ],
    )
    def test_what_cannot_be_used_is_refused(
        self, write_tif: WriteTif, codes: NDArray[Any], how: dict[str, Any], found: str
    ) -> None:
        scene = image(write_tif)
        path = write_tif(codes, "m.tif", **how)
        with pytest.raises(InputError) as caught:
            self.masks(scene, before=str(path))
        assert str(caught.value).startswith("m.tif")
        assert found in str(caught.value.found)
        assert caught.value.option == "--before-mask"

    def test_one_that_is_not_there(self, write_tif: WriteTif) -> None:
        with pytest.raises(MissingInputError) as caught:
            self.masks(image(write_tif), mask="nowhere.tif")
        assert caught.value.option == "--mask"


# Real ones


@pytest.mark.data
class TestReal:
    def test_planet_udm2(self, data: Path, tmp_path: Path) -> None:
        # Cloud and fill as the item's own metadata have them: 0.08 % and 1.67 % of the file.
        path = data / "pairs/planet_udm2/20200629_030740_0f28_3B_udm2_clip.tif"
        with rasterio.open(path) as dataset:
            found = KINDS["udm2"].read(dataset.read())
        assert (found & CLOUD != 0).sum() == 4281
        assert not (found & SHADOW).any()
        assert (found & UNUSABLE != 0).sum() == 90673 + 35372 + 1404 + 39884 + 1352

    def test_scl_beside_its_image(self, data: Path) -> None:
        path = data / "pairs/sentinel2_barbellino/S2A2A_20170703_022_Barbellino_BOA_10.tif"
        scene = opened(path)
        (mask,), _ = find_masks(scene)
        assert mask.path.name == "S2A2A_20170703_022_Barbellino_SCL_10.tif"
        with rasterio.open(mask.path) as dataset:
            codes = dataset.read(1)
        cloud = np.isin(codes, (8, 9, 10)).repeat(2, 0).repeat(2, 1)
        found = reasons(replace(scene, masks=(mask,)), scene.window)
        np.testing.assert_array_equal((found & CLOUD) != 0, cloud)
        assert cloud.any()

    def test_bqa_beside_its_band(self, data: Path) -> None:
        folder = data / "pairs/landsat8_new_york"
        shares = {}
        for path in sorted(folder.glob("*_B4.TIF")):
            scene = opened(path)
            (mask,), cautions = find_masks(scene)
            assert (mask.kind, cautions) == ("bqa", ())
            found = reasons(replace(scene, masks=(mask,)), scene.window)
            seen = (found & UNUSABLE) == 0
            # Fill of the mask is fill of the image.
            with rasterio.open(path) as dataset:
                assert ((dataset.read(1) != 0) == seen).mean() > 0.98
            shares[path.name] = float((found & CLOUD != 0)[seen].mean())
        assert min(shares.values()) < 0.2
        assert max(shares.values()) > 0.4
