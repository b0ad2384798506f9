"""Kinds and flags on small scenes whose change is known, and the sums that they rest on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pairs import alignment_of, bands_of, opened_as, plan_of, written
from scipy import ndimage

import imagery.evidence._around
from imagery.blocks import Window, tiles_over
from imagery.comparability import Pass, compare
from imagery.difference import Noise
from imagery.evidence import TESTS, Evidence, gather, judge
from imagery.evidence._around import grow, outward, windows_over
from imagery.evidence._collect import TraitReader
from imagery.evidence._displaced import Displacements, explained, fan, left_over, line
from imagery.evidence._model import Traits
from imagery.evidence._setting import (
    in_order,
    lean_vector,
    setting_of,
    shadow_vector,
    unit,
)
from imagery.measure import Measure
from imagery.normalise import Radiometry
from imagery.record import StepRecord, to_json
from imagery.sampling import PairReader, Sample
from imagery.scene import Acquisition, Fact, Facts
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.shift_error import ShiftError

pytestmark = pytest.mark.usefixtures("environment")

Image = NDArray[np.float32]

SIZE = 120
MIDDLE = (slice(45, 65), slice(50, 74))
NOISE = 2.0
SUN = {"view:sun_azimuth": 180.0, "view:sun_elevation": 45.0}
"""From the south: shadows fall up the image, one metre by metre."""

SKY = {"blue": 0.44, "green": 0.36, "red": 0.30, "nir": 0.24}
RGBN = ("red", "green", "blue", "nir")


def ground(*levels: float, texture: float = 0.0, seed: int = 1) -> Image:
    """Bands of even ground, with noise and a texture that both dates share."""
    rng = np.random.default_rng(99)
    rough = ndimage.gaussian_filter(rng.normal(size=(SIZE, SIZE)), 1)
    rough *= texture / rough.std()
    noise = np.random.default_rng(seed).normal(0, NOISE / 2, (len(levels), SIZE, SIZE))
    level = np.array(levels)[:, None, None]
    return np.asarray(level + rough + noise, np.float32)


def placed(image: Image, *levels: float, at: tuple[slice, slice] = MIDDLE) -> Image:
    """The image with other levels at a place, and its own noise."""
    changed = image.copy()
    part = changed[:, *at]
    changed[:, *at] = part - part.mean(axis=(1, 2), keepdims=True) + np.array(levels)[:, None, None]
    return changed


def labels_at(*places: tuple[slice, slice]) -> NDArray[np.uint32]:
    labels = np.zeros((SIZE, SIZE), np.uint32)
    for number, place in enumerate(places, start=1):
        labels[place] = number
    return labels


def day(date: int) -> Acquisition:
    start = dt.datetime(2024, 6, date, tzinfo=dt.UTC)
    end = start + dt.timedelta(hours=23, minutes=59, seconds=59)
    return Acquisition(start=start, end=end, precision="day", source="a test")


def facts_of(**values: float) -> Facts:
    return {name: Fact(value, "a test") for name, value in values.items()}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A pair, its regions, and how it was taken."""

    before: Image
    after: Image
    labels: NDArray[np.uint32] = dataclasses.field(default_factory=lambda: labels_at(MIDDLE))
    names: Sequence[str] = ()
    facts: tuple[dict[str, float], dict[str, float]] = ({}, {})
    dates: tuple[Acquisition, Acquisition] = (day(1), day(8))
    dtype: str = "uint16"
    error: float = 0.2
    shift: Shift = Shift.constant(0, 0)  # noqa: RUF009  (a frozen value)
    verdict: str = "trusted"
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)


class Pair:
    """What the steps before would hand over for a case."""

    def __init__(self, folder: Path, case: Case) -> None:
        self.case = case
        scenes = []
        for place, (role, image) in enumerate((("before", case.before), ("after", case.after))):
            top = np.iinfo(case.dtype).max
            path = written(folder, role, np.clip(image.round(), 1, top).astype(case.dtype))
            scene = opened_as(path, role)  # type: ignore[arg-type]
            bands = scene.bands
            if case.names:
                bands = tuple(
                    dataclasses.replace(band, name=name)
                    for band, name in zip(bands, case.names, strict=True)
                )
            scenes.append(
                dataclasses.replace(
                    scene,
                    bands=bands,
                    display_product=False,
                    facts=facts_of(**case.facts[place]),
                    acquisition=case.dates[place],
                )
            )
        self.scenes = {"before": scenes[0], "after": scenes[1]}
        self.plan = plan_of(*scenes)
        self.bands = bands_of(*scenes)
        count = len(case.before)
        knots = np.tile([0.0, 1000.0], (count, 1))
        self.measure = Measure(
            method="cva",
            radiometry=Radiometry(
                source=knots, target=knots, method="none", residual=(), core_share=1.0,
                correlation=(),
            ),
            noise=Noise(mean=np.zeros(count), covariance=np.eye(count) * NOISE**2),
        )  # fmt: skip
        self.alignment = alignment_of(
            shift=case.shift,
            verdict=case.verdict,
            record=StepRecord(step="coregister", numbers=case.numbers),
        )
        self.pair = PairReader(
            before=scenes[0],
            after=scenes[1],
            before_bands=self.bands.before,
            after_bands=self.bands.after,
            grid=self.plan.geobox,
            moving="after",
            shift=Shift.constant(0, 0),
            error=ShiftError.constant(case.error),
            largest_error=math.inf,
            smoothing=0.0,
        )
        # The sample's darkest pixels tell what light the air adds: here, none.
        dark = np.zeros((count, 300), np.float32)
        self.sample = Sample(
            before=dark, after=dark, spill=np.zeros((2, *dark.shape), np.float32), seen=300,
            total=300,
        )  # fmt: skip
        self.changes = written(folder, "change", case.labels)

    def setting(self) -> Any:
        passes = (Pass(acquisition=s.acquisition, facts=s.facts) for s in self.scenes.values())
        return setting_of(
            self.plan,
            self.scenes,  # type: ignore[arg-type]
            self.bands,
            alignment=self.alignment,
            comparability=compare(*passes, pixel_size_m=self.plan.pixel_size_m),
            measure=self.measure,
            sample=self.sample,
            error_px=self.case.error,
        )

    def reader(self) -> TraitReader:
        return TraitReader(
            pair=self.pair,
            measure=self.measure,
            setting=self.setting(),
            changes=self.changes,
            display=self.plan.display,
        )

    def evidence(self) -> Evidence:
        passes = (Pass(acquisition=s.acquisition, facts=s.facts) for s in self.scenes.values())
        with ThreadPoolExecutor(2) as executor:
            return gather(
                self.plan,
                self.scenes,  # type: ignore[arg-type]
                self.bands,
                pair=self.pair,
                alignment=self.alignment,
                comparability=compare(*passes, pixel_size_m=self.plan.pixel_size_m),
                measure=self.measure,
                sample=self.sample,
                scored=SimpleNamespace(  # type: ignore[arg-type]
                    rasters={"change": self.changes}, regions=range(int(self.case.labels.max()))
                ),
                executor=executor,
                tell=lambda _: None,
            )


def told(folder: Path, case: Case) -> Evidence:
    return Pair(folder, case).evidence()


def verdict(folder: Path, flag: str, case: Case) -> tuple[str, str]:
    found = told(folder, case).verdicts[0][flag]
    return found.state, found.sentence


class TestKinds:
    def kind(self, folder: Path, before: Image, after: Image, **how: Any) -> str:
        return told(folder, Case(before=before, after=after, **how)).kinds[0]

    def test_what_the_later_image_alone_shows_appeared(self, tmp_path: Path) -> None:
        before, after = ground(200, texture=4), ground(200, texture=4, seed=2)
        assert self.kind(tmp_path, before, placed(after, 300)) == "appeared"

    def test_the_other_way_round_it_disappeared(self, tmp_path: Path) -> None:
        before, after = ground(200, texture=4), ground(200, texture=4, seed=2)
        assert self.kind(tmp_path, placed(before, 300), after) == "disappeared"

    def test_what_both_show_is_modified(self, tmp_path: Path) -> None:
        before, after = ground(200), ground(200, seed=2)
        assert self.kind(tmp_path, placed(before, 260), placed(after, 300)) == "modified"

    def test_what_has_no_outline_is_of_the_surface(self, tmp_path: Path) -> None:
        rows, cols = np.indices((SIZE, SIZE)) - np.array([55, 62])[:, None, None]
        dome = 40 * np.exp(-(rows**2 + cols**2) / (2 * 22**2))
        before, after = ground(200, texture=20), ground(200, texture=20, seed=2)
        assert self.kind(tmp_path, before, after + dome.astype(np.float32)) == "surface"

    def test_where_the_earlier_image_is_too_rough_to_have_shown_it(self, tmp_path: Path) -> None:
        rough = ground(200, texture=60)
        evidence = told(tmp_path, Case(before=rough, after=placed(ground(200, seed=2), 260)))
        assert evidence.kinds == ("modified",)
        assert "might not have shown it" in evidence.reasons(1)

    @pytest.mark.parametrize("dates", [(Acquisition(), day(8)), (day(8), day(1)), (day(1), day(1))])
    def test_without_a_known_order_it_is_in_one_image_only(
        self, tmp_path: Path, dates: tuple[Acquisition, Acquisition]
    ) -> None:
        before, after = ground(200), placed(ground(200, seed=2), 300)
        assert self.kind(tmp_path, before, after, dates=dates) == "only_in_second"
        reasons = told(tmp_path, Case(before=after, after=before, dates=dates)).reasons(1)
        assert reasons.startswith("Visible in the first image, not discernible in the second: ")

    def test_without_a_ring_nothing_is_claimed(self, tmp_path: Path) -> None:
        labels = np.ones((SIZE, SIZE), np.uint32)
        evidence = told(tmp_path, Case(before=ground(1), after=ground(90), labels=labels))
        assert evidence.kinds == ("modified",)
        assert "not tested" in evidence.reasons(1)


class TestDisplacements:
    def scene(self) -> tuple[Image, Image]:
        """A block that leans by 4 px to the right between the dates."""
        before, after = ground(200, texture=4), ground(200, texture=4, seed=2)
        return (
            placed(before, 320, at=(slice(40, 70), slice(40, 70))),
            placed(after, 320, at=(slice(40, 70), slice(44, 74))),
        )

    LEFT, RIGHT = (slice(40, 70), slice(40, 44)), (slice(40, 70), slice(70, 74))
    VIEWS = (
        {"view:azimuth": 90.0, "view:incidence_angle": 0.0},
        {"view:azimuth": 90.0, "view:incidence_angle": 15.0},
    )

    def test_a_top_that_leans_is_flagged_with_its_height(self, tmp_path: Path) -> None:
        before, after = self.scene()
        evidence = told(
            tmp_path,
            Case(
                before=before,
                after=after,
                labels=labels_at(self.LEFT, self.RIGHT),
                facts=self.VIEWS,
            ),
        )
        # 2 m at tan 15° are 7.5 m; the move tried that is just long enough is 4.3 px.
        for number in (0, 1):
            found = evidence.verdicts[number]["PARALLAX"]
            assert found.state == "flagged"
            assert "that of something 8 m tall" in found.sentence

    def test_it_is_not_where_the_view_leans_another_way(self, tmp_path: Path) -> None:
        before, after = self.scene()
        north = tuple(view | {"view:azimuth": 0.0} for view in self.VIEWS)
        case = Case(before=before, after=after, labels=labels_at(self.RIGHT), facts=north)  # type: ignore[arg-type]
        assert verdict(tmp_path, "PARALLAX", case)[0] == "clear"

    def test_without_angles_the_ties_tell_the_axis(self, tmp_path: Path) -> None:
        before, after = self.scene()
        how = {"before": before, "after": after, "labels": labels_at(self.RIGHT)}
        along = Case(**how, numbers={"lean": {"axis": [0.0, -1.0]}})
        across = Case(**how, numbers={"lean": {"axis": [1.0, 0.0]}})
        assert verdict(tmp_path, "PARALLAX", along)[0] == "flagged"
        assert verdict(tmp_path, "PARALLAX", across)[0] == "clear"
        assert verdict(tmp_path, "PARALLAX", Case(**how))[0] == "untested"

    def test_one_view_clears_all(self, tmp_path: Path) -> None:
        before, after = self.scene()
        case = Case(before=before, after=after, facts=(self.VIEWS[1], self.VIEWS[1]))
        state, sentence = verdict(tmp_path, "PARALLAX", case)
        assert state == "clear"
        assert "moves by 0.0 px" in sentence

    def test_what_appeared_is_no_top(self, tmp_path: Path) -> None:
        before, after = ground(200), placed(ground(200, seed=2), 320)
        case = Case(before=before, after=after, facts=self.VIEWS)
        assert verdict(tmp_path, "PARALLAX", case)[0] == "clear"

    def test_what_the_alignments_error_explains(self, tmp_path: Path) -> None:
        cols = np.arange(SIZE).repeat(SIZE).reshape(SIZE, SIZE).T
        first = 200 + 60 * np.sin(cols / 3)
        moved = 200 + 60 * np.sin((cols - 0.5) / 3)
        how = {"before": ground(0) + first[None], "after": ground(0, seed=2) + moved[None]}
        state, sentence = verdict(tmp_path, "ALIGNMENT", Case(**how, error=0.3))
        assert state == "flagged"
        assert "(0.60 px)" in sentence
        assert verdict(tmp_path, "ALIGNMENT", Case(**how, error=0.05))[0] == "clear"

    def test_nothing_explains_more_than_half_of_what_appeared(self) -> None:
        before = np.zeros((60, 60), np.float32)
        after = before.copy()
        after[25:35, 25:35] = 50
        rows, cols = np.nonzero(after)
        tried = Displacements.of([line("lean", (0.6, 0.8), reach=15, both_ways=True), fan("error")])
        left = left_over(
            before, after, np.ones_like(after, bool), (rows, cols), place=np.zeros(100, np.int64),
            count=1, errors=np.full(100, 0.5, np.float32), displacements=tried,
        )  # fmt: skip
        energy = np.array([2500.0, 2500.0]) * 100
        for name in ("lean", "error"):
            found = explained(tried, name, energy=energy, left=left[0])
            assert found is not None
            assert found.share <= 0.5 + 1e-6
        assert explained(tried, "shadow", energy=energy, left=left[0]) is None
        assert explained(tried, "lean", energy=np.array([9.0, 0.0]), left=left[0]) is None

    def test_all_of_what_is_displaced_is_explained(self) -> None:
        image = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(80, 80)), 3).astype(
            np.float32
        )
        moved = np.roll(image, (2, 4), axis=(0, 1))
        rows, cols = (x.ravel() for x in np.mgrid[30:50, 30:50])
        tried = Displacements.of([line("lean", unit((2, 4)), reach=20**0.5, both_ways=False)])
        left = left_over(
            image, moved, np.ones_like(image, bool), (rows, cols),
            place=np.zeros(400, np.int64), count=1, errors=np.zeros(400, np.float32),
            displacements=tried,
        )  # fmt: skip
        total = float(((moved - image)[rows, cols] ** 2).sum())
        found = explained(tried, "lean", energy=np.array([total, total]), left=left[0])
        assert found is not None
        assert found.share == pytest.approx(1, abs=1e-4)
        assert found.move == pytest.approx((2, 4))
        assert found.length == pytest.approx(20**0.5)

    def test_where_nothing_is_seen_nothing_is_explained(self) -> None:
        image = np.random.default_rng(3).normal(size=(20, 20)).astype(np.float32)
        seen = np.zeros_like(image, bool)
        seen[10, 10] = True
        tried = Displacements.of([fan("error")])
        at = np.array([10]), np.array([10])
        left = left_over(
            image, image + 3, seen, at, place=np.zeros(1, np.int64), count=1,
            errors=np.ones(1, np.float32), displacements=tried,
        )  # fmt: skip
        np.testing.assert_allclose(left, 9, rtol=1e-6)


class TestShadow:
    STRIP = (slice(36, 45), slice(50, 74))
    """North of the block in the middle: where a sun in the south throws its shadow."""

    def pair(self, factors: dict[str, float], at: tuple[slice, slice]) -> tuple[Image, Image]:
        """A block that is new, and darkened ground."""
        levels = dict(zip(RGBN, (200.0, 190.0, 170.0, 220.0), strict=True))
        before, after = ground(*levels.values()), ground(*levels.values(), seed=2)
        after = placed(after, 320, 310, 300, 330)
        return before, placed(after, *(levels[b] * factors[b] for b in RGBN), at=at)

    def case(self, factors: dict[str, float], at: tuple[slice, slice], **how: Any) -> Case:
        before, after = self.pair(factors, at)
        return Case(before=before, after=after, labels=labels_at(at), names=RGBN, **how)

    def test_the_shadow_of_what_is_new(self, tmp_path: Path) -> None:
        case = self.case(SKY, self.STRIP, facts=(SUN, SUN))
        state, sentence = verdict(tmp_path, "SHADOW", case)
        assert state == "flagged"
        assert "may be a shadow in the later image" in sentence.lower()
        # 9 rows of half a metre under a sun at 45°.
        assert "something 5 m tall" in sentence or "something 4 m tall" in sentence

    def test_one_that_went(self, tmp_path: Path) -> None:
        before, after = self.pair(SKY, self.STRIP)
        case = Case(
            before=after, after=before, labels=labels_at(self.STRIP), names=RGBN, facts=(SUN, SUN)
        )
        state, sentence = verdict(tmp_path, "SHADOW", case)
        assert (state, "earlier image" in sentence) == ("flagged", True)

    def test_the_sun_stands_on_the_other_side(self, tmp_path: Path) -> None:
        north = SUN | {"view:sun_azimuth": 0.0}
        case = self.case(SKY, self.STRIP, facts=(north, north))
        state, sentence = verdict(tmp_path, "SHADOW", case)
        assert state == "clear"
        assert "the same open ground" in sentence

    def test_dark_paint_is_none(self, tmp_path: Path) -> None:
        paint = dict.fromkeys(RGBN, 0.4)
        case = self.case(paint, self.STRIP, facts=(SUN, SUN))
        state, sentence = verdict(tmp_path, "SHADOW", case)
        assert state == "clear"
        assert "blue lost 1.0" in sentence or "blue lost 0.99" in sentence

    def test_water_is_none(self, tmp_path: Path) -> None:
        water = {"blue": 0.6, "green": 0.5, "red": 0.45, "nir": 0.12}
        assert verdict(tmp_path, "SHADOW", self.case(water, self.STRIP))[0] == "clear"

    def test_a_patch_on_open_ground_is_none(self, tmp_path: Path) -> None:
        alone = (slice(90, 99), slice(20, 44))
        case = self.case(SKY, alone, facts=(SUN, SUN))
        assert verdict(tmp_path, "SHADOW", case)[0] == "clear"

    def test_colour_alone_flags_and_says_so(self, tmp_path: Path) -> None:
        state, sentence = verdict(tmp_path, "SHADOW", self.case(SKY, self.STRIP))
        assert state == "flagged"
        assert "the sun's direction is unknown" in sentence

    def test_one_band_needs_the_sun(self, tmp_path: Path) -> None:
        before, after = (image[:1] for image in self.pair(SKY, self.STRIP))
        how = {"before": before, "after": after, "labels": labels_at(self.STRIP)}
        assert verdict(tmp_path, "SHADOW", Case(**how))[0] == "untested"
        assert verdict(tmp_path, "SHADOW", Case(**how, facts=(SUN, SUN)))[0] == "flagged"

    def test_what_brightens_in_one_band_is_none(self, tmp_path: Path) -> None:
        case = self.case(SKY | {"nir": 1.5}, self.STRIP, facts=(SUN, SUN))
        assert verdict(tmp_path, "SHADOW", case)[0] == "clear"


class TestCovers:
    def case(self, names: Sequence[str], before: Sequence[float], after: Sequence[float]) -> Case:
        base = [200.0] * len(names)
        return Case(
            before=placed(ground(*base), *before), after=placed(ground(*base, seed=2), *after),
            names=names,
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("before", "after", "expected"),
        [
            ((60, 300), (60, 200), "flagged"),  # NDVI 0.67, 0.54: both are plants
            ((60, 300), (150, 190), "flagged"),  # mown, with an outline in both
            ((190, 210), (150, 190), "clear"),  # none at all
        ],
    )
    def test_plants(
        self, tmp_path: Path, before: Sequence[float], after: Sequence[float], expected: str
    ) -> None:
        case = self.case(("red", "nir"), before, after)
        assert verdict(tmp_path, "VEGETATION", case)[0] == expected

    def test_a_roof_in_a_meadow_is_not_flagged(self, tmp_path: Path) -> None:
        meadow = ground(60, 300)
        case = Case(
            before=meadow, after=placed(ground(60, 300, seed=2), 280, 300), names=("red", "nir")
        )
        state, sentence = verdict(tmp_path, "VEGETATION", case)
        assert state == "clear"
        assert "an outline of its own" in sentence

    def test_colours_flag_plants_and_clear_none(self, tmp_path: Path) -> None:
        names = ("red", "green", "blue")
        grown = self.case(names, (150, 150, 150), (80, 140, 70))
        assert verdict(tmp_path, "VEGETATION", grown)[0] == "flagged"
        grey = self.case(names, (150, 150, 150), (90, 90, 90))
        assert verdict(tmp_path, "VEGETATION", grey)[0] == "untested"
        assert verdict(tmp_path, "WATER", grey)[0] == "untested"
        assert verdict(tmp_path, "SNOW", grey)[0] == "untested"

    def test_water_in_both_images(self, tmp_path: Path) -> None:
        names = ("green", "nir")
        waves = self.case(names, (120, 40), (150, 60))
        assert verdict(tmp_path, "WATER", waves)[0] == "flagged"
        flood = self.case(names, (120, 240), (150, 60))
        assert verdict(tmp_path, "WATER", flood)[0] == "clear"

    def test_snow_in_one_image(self, tmp_path: Path) -> None:
        names = ("green", "swir16")
        state, sentence = verdict(tmp_path, "SNOW", self.case(names, (150, 160), (700, 90)))
        assert state == "flagged"
        assert "Snow in the later image" in sentence
        bare = self.case(names, (150, 160), (250, 240))
        assert verdict(tmp_path, "SNOW", bare)[0] == "clear"

    def test_without_names_they_are_untested(self, tmp_path: Path) -> None:
        evidence = told(tmp_path, Case(before=ground(200), after=placed(ground(200), 300)))
        assert {"VEGETATION", "WATER", "SNOW", "SHADOW", "PARALLAX"} == set(evidence.untested(1))


class TestDefects:
    def test_overexposed(self, tmp_path: Path) -> None:
        before, after = ground(100), ground(100, seed=2)
        after[:, *MIDDLE] = 400
        state, sentence = verdict(
            tmp_path, "QUALITY", Case(before=before, after=after, dtype="uint8")
        )
        assert state == "flagged"
        assert "100% of it is overexposed in the later image" in sentence

    def test_blocks_of_a_compression(self, tmp_path: Path) -> None:
        steps = np.random.default_rng(5).normal(0, 12, (SIZE // 8, SIZE // 8)).repeat(8, 0)
        before = ground(120) + steps.repeat(8, 1).astype(np.float32)[None]
        after = placed(ground(120, seed=2), 160)
        state, sentence = verdict(
            tmp_path, "QUALITY", Case(before=before, after=after, dtype="uint8")
        )
        assert state == "flagged"
        assert "n the earlier image steps are" in sentence
        deeper = Case(before=before, after=after, dtype="uint16")
        assert verdict(tmp_path, "QUALITY", deeper)[0] == "clear"

    def test_seams_of_a_mosaic(self, tmp_path: Path) -> None:
        parts = Parts(origin=(0, 0), spacing=40, labels=np.array([[0, 1, 1]] * 3, np.uint8))
        shift = SeamedShift.of((Shift.constant(0, 0), Shift.constant(2, 0)), parts)
        how = {"before": ground(200), "after": placed(ground(200), 300)}
        seam = labels_at((slice(30, 60), slice(17, 24)), (slice(30, 60), slice(60, 70)))
        evidence = told(tmp_path, Case(**how, labels=seam, shift=shift))
        assert [v["SEAM"].state for v in evidence.verdicts] == ["flagged", "clear"]
        assert told(tmp_path, Case(**how)).verdicts[0]["SEAM"].state == "clear"
        unmeasured = told(tmp_path, Case(**how, verdict="not measured"))
        assert unmeasured.verdicts[0]["SEAM"].state == "untested"


class TestSums:
    def test_tiles_add_up_to_the_whole(self, tmp_path: Path) -> None:
        labels = labels_at(MIDDLE, (slice(0, 9), slice(110, 120)), (slice(62, 80), slice(78, 83)))
        base = (200.0, 190.0, 170.0, 220.0)
        reader = Pair(
            tmp_path,
            Case(
                before=ground(*base, texture=9), after=ground(*base, texture=15, seed=2),
                labels=labels, names=RGBN, dtype="uint8",
                facts=(SUN | TestDisplacements.VIEWS[0],
                       SUN | {"view:sun_azimuth": 140.0} | TestDisplacements.VIEWS[1]),
            ),
        ).reader()  # fmt: skip
        window = Window(0, 0, SIZE, SIZE)

        def summed(tiles: Sequence[Window]) -> Traits:
            total = Traits.none(3, bands=4, displacements=len(reader.setting.displacements))
            for tile in tiles:
                part = reader(tile)
                if part is not None:
                    total.add(*part)
            return total

        whole = summed([window])
        for size in (23, 64):
            parts = summed(list(tiles_over(window, size=size)))
            for field in dataclasses.fields(Traits):
                np.testing.assert_allclose(
                    getattr(parts, field.name), getattr(whole, field.name), rtol=2e-5, atol=1e-2
                )
        assert whole.pixels.tolist() == [480, 90, 90]
        assert reader(Window(100, 0, 120, 20)) is None

    @pytest.mark.parametrize("reading", [0, 10**9])
    def test_windows_of_their_own_give_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reading: int
    ) -> None:
        labels = labels_at(
            (slice(8, 16), slice(8, 20)), (slice(90, 110), slice(15, 21)),
            (slice(60, 64), slice(88, 112)),
        )  # fmt: skip
        reader = Pair(
            tmp_path,
            Case(before=ground(200, texture=9), after=ground(200, texture=9, seed=2),
                 labels=labels, shift=Shift.constant(0.3, 0.4), facts=(SUN, SUN)),
        ).reader()  # fmt: skip
        window = Window(0, 0, SIZE, SIZE)
        expected = reader(window)
        monkeypatch.setattr(imagery.evidence._around, "_READING", reading)
        found = reader(window)
        assert expected is not None
        assert found is not None
        for field in dataclasses.fields(Traits):
            np.testing.assert_allclose(
                getattr(found[1], field.name), getattr(expected[1], field.name), rtol=1e-5
            )

    def test_regions_far_apart_are_read_one_by_one(self) -> None:
        boxes = np.array([(0, 20, 0, 20), (5, 30, 22, 40), (900, 940, 900, 930)])
        whole = Window(100, 100, 1100, 1100)
        (near, first), (far, second) = windows_over(boxes, margin=12, within=whole)
        if first[2]:
            (near, first), (far, second) = (far, second), (near, first)
        assert near == Window(100, 100, 142, 152)
        assert far == Window(988, 988, 1052, 1042)
        assert (first.tolist(), second.tolist()) == ([True, True, False], [False, False, True])
        many = np.tile(boxes, (10, 1))
        ((window, regions),) = windows_over(many, margin=12, within=whole)
        assert window == Window(100, 100, 1052, 1042)
        assert regions.all()

    def test_regions_grow_alike_in_every_part(self) -> None:
        labels = labels_at(MIDDLE, (slice(67, 80), slice(50, 74)))
        grown, rounds = grow(labels, rounds=6)
        assert grown[66, 60] == 2  # between the two: the larger id
        assert rounds[44, 60] == 1
        assert rounds[39, 60] == 6
        assert grown[38, 60] == 0
        part, _ = grow(labels[30:90, 40:90], rounds=6)
        np.testing.assert_array_equal(part[6:-6, 6:-6], grown[36:84, 46:84])

    def test_out_of_a_region_leads_out(self) -> None:
        boxes = np.array([(40, 70, 45, 79)])
        way = outward(labels_at(MIDDLE), boxes, np.array([44, 55]), np.array([62, 75]))
        assert way[:, 0] == pytest.approx((-1, 0), abs=1e-3)
        assert way[:, 1] == pytest.approx((0, 1), abs=1e-2)

    def test_out_of_a_region_is_down_a_gaussian(self) -> None:
        labels = labels_at(MIDDLE, (slice(67, 80), slice(50, 74)))
        near = ndimage.gaussian_filter((labels > 0).astype(np.float32), 3.0, truncate=2.0)
        expected = -np.stack(np.gradient(near))
        expected /= np.maximum(np.hypot(*expected), 1e-6)
        rows, cols = np.nonzero(grow(labels, rounds=6)[0])
        boxes = np.array([(39, 71, 44, 80), (61, 86, 44, 80)])
        found = outward(labels, boxes, rows, cols)
        np.testing.assert_allclose(found, expected[:, rows, cols], atol=1e-6)

    def test_the_length_along_a_direction(self) -> None:
        rows, cols = np.mgrid[0:20, 0:6].reshape(2, -1)
        sums = [x.sum() for x in (rows, cols, rows * rows, rows * cols, cols * cols)]
        region = dataclasses.replace(
            Traits.none(1, bands=1, displacements=0),
            pixels=np.float64(120), moments=np.array(sums, np.float64),
        )  # fmt: skip
        assert region.extent((1, 0)) == pytest.approx(20)
        assert region.extent((0, 1)) == pytest.approx(6)

    def test_the_input_stays_as_it_is_and_nothing_is_answered(self, tmp_path: Path) -> None:
        labels = np.zeros((SIZE, SIZE), np.uint32)
        pair = Pair(tmp_path, Case(before=ground(9), after=ground(9), labels=labels))
        evidence = pair.evidence()
        assert len(evidence) == 0
        assert to_json(evidence.record.numbers) == {"kinds": {}, "tests": {}}
        with rasterio.open(pair.changes) as raster:
            assert not raster.read(1).any()

    def test_a_region_that_is_not_seen_is_answered(self, tmp_path: Path) -> None:
        pair = Pair(tmp_path, Case(before=ground(9), after=ground(9)))
        traits = Traits.none(1, bands=1, displacements=len(pair.setting().displacements))
        evidence = judge(traits, pair.setting())
        assert evidence.kinds == ("modified",)
        assert set(evidence.verdicts[0]) == set(TESTS)


class TestSetting:
    def axes(self, tmp_path: Path) -> Any:
        from imagery.evidence._setting import ground_axes

        return ground_axes(Pair(tmp_path, Case(before=ground(9), after=ground(9))).plan)

    def test_shadows_fall_away_from_the_sun(self, tmp_path: Path) -> None:
        axes = self.axes(tmp_path)
        # Half-metre pixels, 1.15° west of the zone's middle: north is 0.72° off.
        row, col = shadow_vector(facts_of(**SUN), axes) or (0, 0)
        assert (row, col) == pytest.approx((-2, 0), abs=0.04)
        low = facts_of(**{"view:sun_azimuth": 90.0, "view:sun_elevation": 30.0})
        assert shadow_vector(low, axes) == pytest.approx((0, -2 * 3**0.5), abs=0.06)

    @pytest.mark.parametrize("elevation", [-3.0, 0.0, 90.0])
    def test_a_sun_that_throws_no_shadow(self, tmp_path: Path, elevation: float) -> None:
        sun = facts_of(**{"view:sun_azimuth": 90.0, "view:sun_elevation": elevation})
        assert shadow_vector(sun, self.axes(tmp_path)) is None
        assert shadow_vector(sun, None) is None

    def test_tops_lean_as_the_comparison_says(self, tmp_path: Path) -> None:
        views = (
            facts_of(**{"view:azimuth": 30.0, "view:incidence_angle": 12.0}),
            facts_of(**{"view:azimuth": 310.0, "view:incidence_angle": 24.0}),
        )
        lean = lean_vector(*views, self.axes(tmp_path))
        passes = (Pass(acquisition=Acquisition(), facts=view) for view in views)
        expected = compare(*passes, pixel_size_m=0.5, height_m=1).lean_px
        assert lean is not None
        assert math.hypot(*lean) == pytest.approx(expected, rel=2e-3)
        assert lean_vector(views[0], {}, self.axes(tmp_path)) is None

    def test_days_that_leave_the_order_open(self) -> None:
        assert in_order(day(1), day(2))
        assert not in_order(day(2), day(2))
        assert not in_order(day(2), day(1))
        assert not in_order(dataclasses.replace(day(1), confirmed=False), day(2))
