"""Clouds of a pair: which masks are taken, what is suspected, what is told, what it changes."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pairs import UTM, Box, bands_of, opened_as, plan_of, written
from scipy import ndimage

import imagery.overview
from imagery.blockwise import engine
from imagery.clouds import Masked, mask_scenes, touched_by_clouds
from imagery.clouds._learned import learn, unfit
from imagery.clouds._suspected import BITS, Suspicion, suspect
from imagery.detect import ChangeMap, detect
from imagery.errors import InputError
from imagery.masks import CLOUD, SHADOW, LeftOut
from imagery.observed import (
    BLINDED,
    CLOUD_AFTER,
    CLOUD_BEFORE,
    LEFT_OUT,
    NOT_AFTER,
    VALID_BITS,
)
from imagery.options import DetectOptions, EngineOptions, GridOptions, MaskOptions, SceneOptions
from imagery.overview import Overview, overviews
from imagery.read import reasons
from imagery.record import to_json
from imagery.scene import Fact, Role, Scene
from imagery.simulate import textured_pair

PIXEL = 1.5
SUN = {"view:sun_azimuth": Fact(150.0, "test"), "view:sun_elevation": Fact(50.0, "test")}

network = pytest.mark.skipif(
    importlib.util.find_spec("ukis_csmask") is None, reason="ukis-csmask is not installed"
)


@pytest.fixture
def executor() -> Iterator[Executor]:
    with engine(EngineOptions(workers=2)) as pool:
        yield pool


# Suspicion


def clouds(shape: tuple[int, int], seed: int, *, n: int = 4) -> NDArray[np.float64]:
    """Opacity of clouds of 60 to 180 m radius with soft, ragged edges."""
    rng = np.random.default_rng(seed)
    rough = ndimage.gaussian_filter(rng.standard_normal(shape), 25 / PIXEL)
    rough /= rough.std()
    row, col = np.indices(shape)
    cover = np.zeros(shape)
    for _ in range(n):
        at = rng.uniform(0.1, 0.9, 2) * shape
        away = np.hypot(row - at[0], col - at[1]) * PIXEL / rng.uniform(60, 180) + 0.25 * rough
        cover = np.maximum(cover, np.clip((1.1 - away) / 0.3, 0, 1))
    return cover


def under(
    ground: NDArray[Any], cover: NDArray[np.float64], seed: int, *, shadow: float = 450.0
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """An image below clouds whose shadows lie so many metres off the sun, and where those are."""
    rng = np.random.default_rng(seed + 100)
    away = np.radians(150 + 180)
    move = (-shadow * np.cos(away) / PIXEL, shadow * np.sin(away) / PIXEL)
    shade = ndimage.shift(cover, move, order=1)
    lumps = ndimage.gaussian_filter(rng.standard_normal(cover.shape), 10 / PIXEL)
    top = 1.25 * np.percentile(ground, 99.5) * (1 + 0.4 * lumps)
    image = ground * (1 - 0.55 * shade) * (1 - 0.9 * cover) + 0.9 * cover * top
    return image, shade > 0.5


def suspected_in(folder: Path, scenes: dict[Role, Scene]) -> Suspicion | str:
    plan, bands = plan_of(scenes["before"], scenes["after"]), bands_of(*scenes.values())
    with ThreadPoolExecutor(2) as executor:
        views = overviews(plan, scenes, bands, folder=folder, executor=executor)
        return suspect(plan, views, bands, area=None, executor=executor)


def suspected(
    folder: Path, before: NDArray[Any], after: NDArray[Any], *, sun: bool = True, **how: Any
) -> Suspicion | str:
    transform = how.pop("transform", Affine(PIXEL, 0, 400_000, 0, -PIXEL, 4_320_000))
    scenes: dict[Role, Scene] = {}
    for role, image in (("before", before), ("after", after)):
        counts = image.round().clip(0, 4000).astype(np.uint16)
        path = written(folder, role, counts, transform=transform, **how)
        scenes[role] = replace(opened_as(path, role), facts=SUN if sun else {})  # type: ignore[arg-type, index]
    return suspected_in(folder, scenes)


def on(found: Suspicion, shape: tuple[int, int], role: Role) -> NDArray[np.bool_]:
    """The bits of a date on the image's pixels, nearest."""
    rows, cols = (np.arange(n) * m // n for n, m in zip(shape, found.bits.shape, strict=True))
    return np.asarray((found.bits & BITS[role])[np.ix_(rows, cols)] != 0)


@pytest.mark.usefixtures("environment")
class TestSuspicion:
    SHAPE = (900, 900)

    @pytest.mark.parametrize("sun", [True, False])
    @pytest.mark.parametrize("seed", [0, 3])
    @pytest.mark.parametrize("pixels", [4_000_000, 200_000])
    def test_clouds_with_shadows_are_found_in_their_date_alone(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        pixels: int,
        seed: int,
        *,
        sun: bool,
    ) -> None:
        # In the images themselves, and in copies on pixels twice as large.
        monkeypatch.setattr(imagery.overview, "PIXELS", pixels)
        made = textured_pair(shape=self.SHAPE, bands=3, seed=seed, noise=0.1, changes=8)
        cover = clouds(self.SHAPE, seed)
        after, shade = under(made.after * 40 + 100, cover, seed)
        found = suspected(tmp_path, made.before * 40 + 100, after, sun=sun)
        assert isinstance(found, Suspicion)
        there, cloud = on(found, self.SHAPE, "after"), cover > 0.5
        near = ndimage.binary_dilation(cloud | shade, iterations=27)  # 40 m
        assert there[cloud].mean() > (0.95 if sun else 0.6)
        assert there[shade].mean() > (0.65 if sun else 0.5)
        assert near[there].mean() > 0.9
        assert not on(found, self.SHAPE, "before").any()
        assert found.share["after"] == pytest.approx(there.mean(), abs=0.01)
        assert found.sun == {"before": sun, "after": sun}

    @pytest.mark.parametrize("shadow", [0.0, 20.0])
    @pytest.mark.parametrize("pixels", [4_000_000, 200_000])
    def test_a_large_new_roof_is_no_cloud(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shadow: float, pixels: int
    ) -> None:
        monkeypatch.setattr(imagery.overview, "PIXELS", pixels)
        made = textured_pair(shape=self.SHAPE, bands=3, seed=5, noise=0.1)
        cover = np.zeros(self.SHAPE)
        cover[300:400, 500:600] = 1  # 2.25 ha
        after, _ = under(made.after * 40 + 100, cover, 5, shadow=shadow)
        found = suspected(tmp_path, made.before * 40 + 100, after)
        assert isinstance(found, Suspicion)
        assert not found.bits.any()

    def test_shadows_towards_the_sun_are_none(self, tmp_path: Path) -> None:
        made = textured_pair(shape=self.SHAPE, bands=3, seed=0, noise=0.1)
        # One cloud: the shadow of another might lie where this one's should.
        cover = clouds(self.SHAPE, 0, n=1)
        after, _ = under(made.after * 40 + 100, cover, 0, shadow=-450)
        before = made.before * 40 + 100
        assert not suspected(tmp_path, before, after).bits.any()  # type: ignore[union-attr]
        anywhere = suspected(tmp_path, before, after, sun=False)
        assert anywhere.bits.any()  # type: ignore[union-attr]

    def test_coloured_brightness_is_no_cloud(self, tmp_path: Path) -> None:
        made = textured_pair(shape=self.SHAPE, bands=3, seed=0, noise=0.1)
        after, _ = under(made.after * 40 + 100, clouds(self.SHAPE, 0), 0)
        before = made.before * 40 + 100
        red = after * np.array([1.0, 0.55, 0.4])[:, None, None]
        scenes: dict[Role, Scene] = {}
        for role, image in (("before", before), ("after", red)):
            path = written(
                tmp_path,
                role,
                image.astype(np.uint16),
                transform=Affine(PIXEL, 0, 400_000, 0, -PIXEL, 4_320_000),
            )
            with rasterio.open(path, "r+") as dataset:
                dataset.descriptions = ("red", "green", "blue")
            scenes[role] = opened_as(path, role)  # type: ignore[arg-type, index]
        found = suspected_in(tmp_path, scenes)
        assert isinstance(found, Suspicion)
        assert not found.bits.any()

    def test_coarse_pixels_and_empty_images_say_why(self, tmp_path: Path) -> None:
        image = np.full((1, 40, 40), 500.0)
        coarse = Affine(30, 0, 400_000, 0, -30, 4_320_000)
        assert "too coarse" in suspected(tmp_path, image, image, transform=coarse)  # type: ignore[operator]
        assert "too few" in suspected(tmp_path, image, image, nodata=500)  # type: ignore[operator]


@pytest.mark.data
@pytest.mark.usefixtures("environment")
class TestSuspicionOfRealImages:
    SETS = ("levir_cd_1024", "whu_cd", "xbd", "xbd_mexico_512", "fotbcd")
    GROUND = (0.5, 0.2, 0.8, 1.0, 0.2)

    def pair(self, folder: Path, path: Path, pixel: float) -> Suspicion | str:
        other = path.with_name(path.name.replace("before", "after"))
        frame: dict[str, Any] = {}
        with rasterio.open(path) as dataset:
            if dataset.crs is None:
                frame = {"no_georeference": True, "pixel_size": pixel}
        before, after = opened_as(path, "before", **frame), opened_as(other, "after", **frame)
        scenes: dict[Role, Scene] = {"before": before, "after": after}
        return suspected_in(folder, scenes)

    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    def test_none_where_there_are_none(self, tmp_path: Path, data: Path) -> None:
        shares = {}
        for name, pixel in zip(self.SETS, self.GROUND, strict=True):
            for path in sorted((data / "labelled" / name).rglob("before.*")):
                found = self.pair(tmp_path, path, pixel)
                assert isinstance(found, Suspicion)
                shares[f"{name}/{path.parent.name}"] = max(found.share.values())
        assert len(shares) >= 15
        assert max(shares.values()) < 0.01, shares

    @pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
    @pytest.mark.parametrize("name", ["test_0682", "train_0603", "train_0544", "train_0147"])
    def test_where_anyone_sees_them(self, tmp_path: Path, data: Path, name: str) -> None:
        (path,) = (data / "labelled" / "ombria_s2" / name).glob("before.*")
        found = self.pair(tmp_path, path, 10.0)
        assert isinstance(found, Suspicion)
        assert found.share["after"] > 0.1
        assert found.share["before"] < 0.05


# The network

BANDS = ("blue", "green", "red", "nir", "swir16", "swir22")
REFLECTANCE = (0.05, 0.08, 0.07, 0.30, 0.22, 0.13)


def reflectance_scene(
    folder: Path,
    side: int = 600,
    *,
    bands: tuple[str, ...] = BANDS,
    scale: float = 1e-4,
    pixel: float = 10.0,
    cover: NDArray[np.float64] | None = None,
    shape: tuple[int, int] | None = None,
) -> Scene:
    """Vegetation at six wavelengths in counts of 1/10000, below clouds if there are any."""
    shape = shape or (side, side)
    made = textured_pair(shape=(max(shape), max(shape)), bands=len(bands), seed=1).before - 10
    base = np.array([dict(zip(BANDS, REFLECTANCE, strict=True)).get(b, 0.1) for b in bands])
    ground = base[:, None, None] * (1 + 0.18 * made)[:, : shape[0], : shape[1]]
    if cover is not None:
        rng = np.random.default_rng(7)
        lumps = 0.55 + 0.6 * ndimage.gaussian_filter(rng.standard_normal(cover.shape), 6)
        shade = ndimage.shift(cover, (40, -25), order=1) * (1 - cover)
        ground = ground * (1 - 0.6 * shade) * (1 - cover) + lumps * cover
    counts = (ground.clip(0.005, 1) * 10_000).astype(np.uint16)
    path = written(folder, "s", counts, transform=Affine(pixel, 0, 4e5, 0, -pixel, 4.32e6))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = bands
        dataset.scales = (scale,) * len(bands)
    return opened_as(path, "before")


@pytest.mark.usefixtures("environment")
class TestNetwork:
    @pytest.mark.parametrize(
        ("how", "why"),
        [
            ({}, ""),
            ({"bands": BANDS[:4]}, ""),
            ({"bands": BANDS[:3]}, "named blue, green, red and nir"),
            ({"pixel": 0.5}, "made for pixels of 10 to 50 m"),
            ({"scale": 1.0}, "no reflectance"),
        ],
    )
    @network
    def test_what_it_is_made_for(self, tmp_path: Path, how: dict[str, Any], why: str) -> None:
        found = unfit(reflectance_scene(tmp_path, side=40, **how))
        assert why in found
        assert bool(found) == bool(why)

    @network
    def test_counts_of_sentinel_2_are_reflectance(self, tmp_path: Path) -> None:
        scene = reflectance_scene(tmp_path, side=40, scale=1.0)
        known = replace(scene, facts={"platform": Fact("sentinel-2a", "test")})
        assert (unfit(known), bool(unfit(scene))) == ("", True)

    def test_one_that_is_not_installed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scene = reflectance_scene(tmp_path, side=40)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert unfit(scene) == "ukis-csmask is not installed"

    @network
    @pytest.mark.slow
    def test_clouds_on_vegetation(self, tmp_path: Path, executor: Executor) -> None:
        rng = np.random.default_rng(4)
        rough = ndimage.gaussian_filter(rng.standard_normal((600, 600)), 40)
        cover = np.clip((rough / rough.std() - 0.7) / 0.5, 0, 1)
        scene = reflectance_scene(tmp_path, cover=cover)
        plan = plan_of(scene, replace(scene, role="after"))
        path = tmp_path / "clouds.tif"
        mask = learn(scene, plan, path=path, executor=executor, margin_m=0)
        found = reasons(replace(scene, masks=(mask,)), scene.window)
        cloud = (found & (CLOUD | SHADOW)) != 0
        assert cloud[cover > 0.9].mean() > 0.9
        assert (cover > 0)[cloud].mean() > 0.75
        with rasterio.open(path) as dataset:
            assert dataset.res == (30, 30)
            assert (dataset.dtypes, dataset.profile["tiled"]) == (("uint8",), True)
            assert set(np.unique(dataset.read())) <= {0, 1, 2}
        assert "6 bands, L1C" in mask.source

    @network
    @pytest.mark.slow
    def test_a_small_image_is_no_trouble(self, tmp_path: Path, executor: Executor) -> None:
        scene = reflectance_scene(tmp_path, shape=(50, 90))
        plan = plan_of(scene, replace(scene, role="after"))
        mask = learn(scene, plan, path=tmp_path / "c.tif", executor=executor, margin_m=100)
        assert tuple(mask.geobox.shape) == (17, 30)
        assert mask.margin_px == pytest.approx(100 / 30, rel=2e-3)


# Which masks are taken


def pair_of(
    folder: Path, names: tuple[str, str] = ("a_20240606", "a_20240912"), *, side: int = 64
) -> dict[Role, Scene]:
    pixels = np.random.default_rng(0).integers(100, 900, (1, side, side)).astype(np.uint16)
    return {
        "before": opened_as(written(folder, names[0], pixels), "before"),
        "after": opened_as(written(folder, names[1], pixels), "after"),
    }


def chosen(folder: Path, scenes: dict[Role, Scene], executor: Executor, **options: Any) -> Masked:
    plan = plan_of(scenes["before"], scenes["after"])
    out = folder / "out"
    out.mkdir(exist_ok=True)
    return mask_scenes(
        plan,
        {role: Overview.same(scene) for role, scene in scenes.items()},
        bands_of(scenes["before"], scenes["after"]),
        area=None,
        left_out=LeftOut(),
        options=DetectOptions(masks=MaskOptions(**options)),
        folder=out,
        executor=executor,
    )


def scl(folder: Path, name: str, side: int = 64, code: int = 4) -> Path:
    return written(folder, name, np.full((side, side), code, np.uint8))


class TestChoice:
    def test_a_products_mask_comes_first(self, tmp_path: Path, executor: Executor) -> None:
        scl(tmp_path, "a_20240606_SCL")
        found = chosen(tmp_path, pair_of(tmp_path), executor)
        assert found.told["before"] == "Sentinel-2 SCL (a_20240606_SCL.tif)"
        assert found.told["after"] == "no mask; none suspected from brightness and shadow"
        assert found.tested
        assert [mask.kind for mask in found.scenes["before"].masks] == ["scl"]  # type: ignore[union-attr]
        assert found.scenes["after"].masks == ()
        assert [file.name for file in found.scenes["before"].files] == [
            "a_20240606.tif", "a_20240606_SCL.tif",
        ]  # fmt: skip
        (source,) = found.sources["before"]
        assert source["file"] == "a_20240606_SCL.tif"
        assert len(source["sha256"]) == 64
        assert source["margin_m"] == pytest.approx(100)
        assert all(scene.masks == () for scene in found.unmasked.values())

    def test_none_is_none(self, tmp_path: Path, executor: Executor) -> None:
        scl(tmp_path, "a_20240606_SCL")
        found = chosen(tmp_path, pair_of(tmp_path), executor, clouds="none")
        assert set(found.told.values()) == {"not tested (--clouds none)"}
        assert not found.tested
        assert (found.scenes["before"].masks, found.rasters) == ((), {})

    def test_without_any_and_too_coarse_nothing_was_tested(
        self, tmp_path: Path, executor: Executor
    ) -> None:
        pixels = np.ones((1, 64, 64), np.uint16)
        coarse = Affine(30, 0, 400_000, 0, -30, 4_320_000)
        scenes: dict[Role, Scene] = {
            role: opened_as(written(tmp_path, role, pixels, transform=coarse), role)
            for role in ("before", "after")
        }
        found = chosen(tmp_path, scenes, executor)
        assert not found.tested
        assert "too coarse" in found.told["before"]

    def test_radar_sees_through_clouds(self, tmp_path: Path, executor: Executor) -> None:
        scenes = pair_of(tmp_path)
        scenes = {
            role: replace(scene, facts={"sar:frequency_band": Fact("C", "test")})
            for role, scene in scenes.items()
        }
        found = chosen(tmp_path, scenes, executor)
        assert set(found.told.values()) == {"radar sees through clouds"}
        assert found.tested

    @pytest.mark.parametrize(
        ("clouds", "found"), [("product", "none by a product's name"), ("learned", "")]
    )
    def test_a_way_that_is_not_there_is_refused(
        self, tmp_path: Path, executor: Executor, clouds: str, found: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            chosen(tmp_path, pair_of(tmp_path), executor, clouds=clouds)
        assert found in str(caught.value.found)
        assert (caught.value.option or "").startswith("--clouds")
        assert str(caught.value).startswith("a_20240606.tif")

    @pytest.mark.parametrize("clouds_", ["auto", "suspected"])
    def test_suspicion_masks_where_it_is_asked_to(
        self, tmp_path: Path, executor: Executor, clouds_: str
    ) -> None:
        shape = (900, 900)
        made = textured_pair(shape=shape, bands=3, seed=0, noise=0.1)
        after, _ = under(made.after * 40 + 100, clouds(shape, 0), 0)
        suspected(tmp_path, made.before * 40 + 100, after)
        scenes: dict[Role, Scene] = {
            role: opened_as(tmp_path / f"{role}.tif", role) for role in ("before", "after")
        }
        found = chosen(tmp_path, scenes, executor, clouds=clouds_, cloud_margin=0)
        (caution,) = found.cautions
        assert caution.code == "clouds-suspected-after"
        assert "sun's direction unknown" in caution.message
        assert ("they are not masked" in caution.message) == (clouds_ == "auto")
        assert list(found.rasters) == ["suspected_clouds"]
        how = "suspected from brightness and shadow"
        expected = f"no mask; {how}" if clouds_ == "auto" else f"{how}, and masked"
        assert found.told["after"] == expected
        assert "none suspected" in found.told["before"]
        masks = found.scenes["after"].masks
        if clouds_ == "auto":
            assert masks == ()
            return
        cover = reasons(found.scenes["after"], found.scenes["after"].window) != 0
        assert 0.05 < cover.mean() < 0.3
        assert not reasons(found.scenes["before"], found.scenes["before"].window).any()


# From end to end

SIDE = 640


def textures() -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    made = textured_pair(shape=(SIDE, SIDE), bands=2, shift=(1.0, -2.0), seed=3, noise=0.05)
    before, after = made.before * 100, made.after * 100
    after[:, 80:100, 90:110] += 900  # in the clear
    after[:, 420:440, 400:420] += 900  # below the earlier image's clouds
    return tuple(image.clip(1, 2047).round().astype(np.uint16) for image in (before, after))  # type: ignore[return-value]


def detected(
    folder: Path, images: tuple[NDArray[Any], NDArray[Any]] | None = None, **how: Any
) -> ChangeMap:
    out = folder / "rasters"
    out.mkdir(parents=True)
    before, after = images or textures()
    paths = [
        written(folder, name, image, nodata=0)
        for name, image in (("a_20240606", before), ("a_20240912", after))
    ]
    return detect(*paths, folder=out, **how)


def codes_of(found: ChangeMap) -> NDArray[np.uint8]:
    with rasterio.open(found.rasters["valid"]) as dataset:
        return np.asarray(dataset.read(1))


def cloudy_codes() -> NDArray[np.uint8]:
    """70 % of cloud: all but a strip along the top."""
    codes = np.full((SIDE, SIDE), 9, np.uint8)
    codes[: round(0.3 * SIDE)] = 4
    return codes


@pytest.fixture(scope="module")
def cloudy(tmp_path_factory: pytest.TempPathFactory) -> ChangeMap:
    """A square in the clear strip of a scene of which 70 % are cloud."""
    folder = tmp_path_factory.mktemp("cloudy") / "x"
    folder.mkdir()
    written(folder, "a_20240606_SCL", cloudy_codes())
    area = Box(400_020, 4_320_000 - 75, 400_080, 4_320_000 - 20)
    return detected(
        folder,
        extent=lambda before, after: area,
        options=DetectOptions(masks=MaskOptions(cloud_margin=5)),
    )


class TestDetection:
    def test_a_clear_square_below_a_cloudy_scene_passes(self, cloudy: ChangeMap) -> None:
        assert cloudy.observed.share == 1
        assert cloudy.alignment.verdict == "trusted"
        assert len(cloudy.regions) == 1
        assert cloudy.clouds.told["before"] == "Sentinel-2 SCL (a_20240606_SCL.tif)"

    def test_clouds_are_drawn_in_the_pictures(self, cloudy: ChangeMap) -> None:
        with rasterio.open(cloudy.rasters["before_preview"]) as dataset:
            assert (dataset.read(dataset.count) == 255).all()

    def test_the_step_is_in_the_record(self, cloudy: ChangeMap) -> None:
        step = next(step for step in cloudy.steps if step.step == "mask")
        assert step.numbers["tested"] is True
        assert step.numbers["sources"]["before"][0]["file"] == "a_20240606_SCL.tif"
        assert step.options["clouds"] == "auto"
        assert str(cloudy.rasters["valid"].parent) not in str(to_json(step))

    def test_the_whole_is_told_by_reason(self, tmp_path: Path) -> None:
        folder = tmp_path / "x"
        folder.mkdir()
        written(folder, "a_20240606_SCL", cloudy_codes())
        late = np.full((SIDE, SIDE), 4, np.uint8)
        late[:, 500:], late[300:400, :50] = 3, 0
        written(folder, "a_20240912_SCL", late)
        user = np.zeros((SIDE, SIDE), np.uint8)
        user[:20, :20] = 1
        mask = written(folder, "own", user)
        found = detected(
            folder,
            options=DetectOptions(
                masks=MaskOptions(cloud_margin=0), before=SceneOptions(mask=str(mask))
            ),
        )
        valid = codes_of(found)
        # Away from borders, and from where two reasons meet within what resampling reaches.
        assert (valid[40:180, 40:480] == 0).all()
        assert (valid[200:290, 60:480] == CLOUD_BEFORE).all()
        assert (valid[40:180, 510:600] == CLOUD_AFTER).all()
        assert (valid[200:, 510:600] == CLOUD_BEFORE | CLOUD_AFTER).all()
        assert (valid[310:390, 5:40] == CLOUD_BEFORE | NOT_AFTER).all()
        assert (valid[4:18, 2:18] == LEFT_OUT).all()
        told = found.observed.by_reason
        for bit, why in VALID_BITS.items():
            assert told.get(why, 0) == pytest.approx(((valid & bit) != 0).mean())
        assert sum(told.values()) > 1 - found.observed.share  # they overlap
        assert found.observed.masked["before"]["cloud"] == pytest.approx(0.7, abs=0.01)
        assert found.observed.masked["before"]["masked by the user"] == pytest.approx(400 / SIDE**2)
        with rasterio.open(found.rasters["change"]) as dataset:
            changes = dataset.read(1)
        assert not changes[valid != 0].any()

    def test_only_too_little_is_refused(self, tmp_path: Path) -> None:
        folder = tmp_path / "x"
        folder.mkdir()
        written(folder, "a_20240606_SCL", cloudy_codes())
        with pytest.raises(InputError, match="cloud or its shadow in the earlier image") as caught:
            detected(
                folder,
                options=DetectOptions(
                    grid=GridOptions(min_coverage=0.9), masks=MaskOptions(cloud_margin=0)
                ),
            )
        assert caught.value.option == "--min-coverage"
        assert list((folder / "rasters").iterdir()) == []

    def test_masks_that_leave_nothing_are_named(self, tmp_path: Path) -> None:
        folder = tmp_path / "x"
        folder.mkdir()
        written(folder, "a_20240606_SCL", np.full((SIDE, SIDE), 9, np.uint8))
        with pytest.raises(InputError, match="no pixel seen in both") as caught:
            detected(folder)
        assert "masked by Sentinel-2 SCL (a_20240606_SCL.tif)" in str(caught.value.found)
        assert caught.value.option == "--clouds, --cloud-margin"

    def test_a_mask_without_effect_is_told(self, tmp_path: Path) -> None:
        folder = tmp_path / "x"
        folder.mkdir()
        mask = written(folder, "own", np.zeros((SIDE, SIDE), np.uint8))
        found = detected(folder, options=DetectOptions(after=SceneOptions(mask=str(mask))))
        told = [c.message for c in found.cautions if c.code == "mask-without-effect"]
        assert told == ["--after-mask own.tif: masks nothing in the area."]

    def test_masked_pixels_decide_nothing(self, tmp_path: Path) -> None:
        results = []
        for name, level in (("x", 1500), ("y", 2000)):
            folder = tmp_path / name
            folder.mkdir()
            codes = cloudy_codes()
            written(folder, "a_20240606_SCL", codes)
            before, after = textures()
            before = before.copy()
            before[:, codes == 9] = level
            found = detected(
                folder, (before, after), options=DetectOptions(masks=MaskOptions(cloud_margin=0))
            )
            with rasterio.open(found.rasters["score"]) as dataset:
                results.append((found.cut.value, dataset.read(1)))
        assert results[0][0] == results[1][0]
        np.testing.assert_array_equal(results[0][1], results[1][1])

    def test_ignored_outlines_hold_no_change_but_are_estimated(self, tmp_path: Path) -> None:
        (tmp_path / "x").mkdir()
        (tmp_path / "y").mkdir()
        box = Box(400_000, 4_319_900, 400_320, 4_320_000)  # the top third
        left_out = LeftOut(ignored=box)
        every = detected(tmp_path / "x", options=DetectOptions())
        found = detected(tmp_path / "y", left_out=left_out, options=DetectOptions())
        valid = codes_of(found)
        assert ((valid[:200] & LEFT_OUT) != 0).all()
        assert ((valid[200:] & LEFT_OUT) == 0).all()
        assert found.cut.value == every.cut.value
        assert len(found.regions) < len(every.regions)
        assert found.observed.by_reason["left out by the user"] == pytest.approx(200 / SIDE)

    def test_saturated_in_both_tells_nothing_and_in_one_stays(self, tmp_path: Path) -> None:
        made = textured_pair(shape=(SIDE, SIDE), bands=2, seed=3, noise=0.05)
        before, after = (
            (image * 10 + 20).clip(1, 254).astype(np.uint8) for image in (made.before, made.after)
        )
        before[:, 100:140, 100:140] = after[:, 100:140, 100:140] = 255
        after[:, 300:330, 300:330] = 255
        before[0, 200:240, 500:540] = after[0, 200:240, 500:540] = 255  # in one band alone
        (tmp_path / "x").mkdir()
        found = detected(tmp_path / "x", (before, after))
        valid = codes_of(found)
        blind = valid == BLINDED
        assert blind[103:137, 103:137].all()
        assert blind.sum() <= 42 * 42
        assert (valid[303:327, 303:327] == 0).all()
        assert (valid[203:237, 503:537] == 0).all()
        assert len(found.regions) == 1


# Regions at clouds


def test_regions_that_meet_clouds(tmp_path: Path, environment: None) -> None:
    grid = GeoBox((60, 60), UTM, "EPSG:32651")
    changes, valid = np.zeros((60, 60), np.uint32), np.zeros((60, 60), np.uint8)
    bits = np.zeros((20, 20), np.uint8)
    changes[5:9, 5:9], changes[5:9, 20:24], changes[30:34, 5:9], changes[50:54, 50:54] = 1, 2, 3, 4
    valid[5:9, 9:12] = CLOUD_BEFORE
    valid[5:9, 24:27] = 1  # merely not seen
    bits[10, 1] = 2
    rasters = {
        "change": written(tmp_path, "change", changes, transform=grid.affine),
        "valid": written(tmp_path, "valid", valid, transform=grid.affine),
    }
    assert touched_by_clouds(rasters) == {1}
    rasters["suspected_clouds"] = written(
        tmp_path, "suspected", bits, transform=grid.affine * Affine.scale(3)
    )
    assert touched_by_clouds(rasters) == {1, 3}
