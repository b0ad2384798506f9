"""Two images on their way to a map: read, aligned, brought to one radiometry, a measure fitted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagery import difference, normalise
from imagery.bands import BandPairs, pair_bands
from imagery.blockwise import Progress
from imagery.clouds import Masked, mask_scenes
from imagery.comparability import Comparability, Pass, compare
from imagery.coregister import Alignment, SeamLines, coregister
from imagery.decision import Reach
from imagery.difference import Choice, choose
from imagery.grid import Extent, Plan, plan_pair
from imagery.kept import Keeping, Kept
from imagery.masks import LeftOut
from imagery.measure import (
    Measure,
    expected_misregistration,
    fit_measure,
    largest_misregistration,
)
from imagery.options import DetectOptions
from imagery.ortho import Ground
from imagery.overview import Overview, overviews
from imagery.record import StepRecord
from imagery.sampling import Pair, PairReader, Sample, sample_pair
from imagery.scene import Mask, Role, Scene, check_order
from imagery.scoring import kept_changes, least_pixels
from imagery.stamp import Stamp
from imagery.steps import difference_record, normalise_record, read_record, threshold_record
from imagery.threshold import Cut, find_threshold

Examine = Callable[[Plan, dict[Role, Scene], BandPairs, Alignment], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedPair:
    """All that a map pass needs, and what was found on the way."""

    scenes: dict[Role, Scene]
    """As they are; clouds are masked in those of ``pair``."""

    views: dict[Role, Overview]
    """The same, with copies on larger pixels."""

    area: Extent | None
    plan: Plan
    bands: BandPairs
    comparability: Comparability
    clouds: Masked
    alignment: Alignment
    pair: PairReader
    sample: Sample
    radiometry: normalise.Radiometry
    measure: Measure
    cut: Cut
    kept: Kept
    """Steps that are kept, those of the map pass to come too."""

    inputs: tuple[Stamp, ...]
    """Every file of the two images and of their masks, as it was first."""

    steps: tuple[StepRecord, ...]
    """Of reading, alignment, normalisation, difference and threshold, in this order."""

    @property
    def pixel_km2(self) -> float:
        """Area of a pixel of the working grid."""
        return self.plan.pixel_size_m**2 / 1e6

    def kept_changes(
        self, *, high: float, options: DetectOptions, reach: Reach | None = None
    ) -> Callable[[Pair], NDArray[np.bool_]]:
        """The decision on a window alone, at a least strength, or score, of its regions."""
        return kept_changes(
            self.measure,
            low=self.cut.value,
            high=high,
            least_pixels=least_pixels(self.plan, options),
            reach=reach,
        )


def fit_pair(
    before: Path,
    after: Path,
    *,
    folder: Path,
    scratch: Path,
    extent: Callable[[Scene, Scene], Extent | None] | None,
    seams: SeamLines | None,
    left_out: LeftOut,
    options: DetectOptions,
    executor: Executor,
    tell: Callable[[Progress], None],
    examine: Examine | None,
    undo: ExitStack,
    keeping: Keeping | None = None,
) -> FittedPair:
    """The way of two images up to the cut of single pixels; see :func:`imagery.detect.detect`.

    ``scratch`` is a folder that takes what is read as long as the result is used; ``undo`` removes
    rasters that a refusal would leave behind; ``keeping`` says where steps are kept.
    """
    tell(Progress("read", 0, 1))
    scenes = _opened(before, after, options, Ground(folder, executor=executor, tell=tell))
    order = check_order(*scenes.values(), allow_reversed=options.read.allow_reversed)
    area = extent(scenes["before"], scenes["after"]) if extent else None
    plan = plan_pair(scenes["before"], scenes["after"], area, options=options.grid)
    bands = _paired(scenes, options)
    comparability = _compared(scenes, plan)
    tell(Progress("read", 1, 1, comparability.cautions))
    views = overviews(plan, scenes, bands, folder=scratch, executor=executor)
    clouds = mask_scenes(
        plan,
        views,
        bands,
        area=area,
        left_out=left_out,
        options=options,
        folder=folder,
        executor=executor,
    )
    for path in clouds.rasters.values():
        undo.callback(path.unlink, missing_ok=True)
    inputs = _inputs(clouds)
    kept = Kept.begun(keeping, clouds.scenes, inputs=inputs, rasters=folder, tell=tell)
    scenes = clouds.unmasked
    tell(Progress("align", 0, 1))
    align = partial(
        coregister,
        plan,
        clouds.scenes,
        bands,
        options=options.coregister,
        executor=executor,
        seams=seams,
    )
    with clouds.blamed():
        found = kept.done("align", align)
    if examine is not None:
        examine(plan, scenes, bands, found)
    alignment = found.enforced()
    choice = _chosen(scenes, bands, alignment, comparability, options)
    pair = _reader(clouds.scenes, plan, bands, alignment, choice, options)
    tell(Progress("estimate", 0, 1))
    with clouds.blamed():
        sample = sample_pair(plan, pair, executor=executor, windows=options.decision.asks)
    radiometry = _fit_radiometry(sample, scenes, choice, options)
    measure = fit_measure(sample, radiometry, scenes, bands, choice=choice)
    cut = find_threshold(
        measure.score_sample(sample),
        options=options.threshold,
        own=measure.cut,
        asks=options.decision.asks,
    )
    return FittedPair(
        scenes=scenes,
        views=views,
        area=area,
        plan=plan,
        bands=bands,
        comparability=comparability,
        clouds=clouds,
        alignment=alignment,
        pair=pair,
        sample=sample,
        radiometry=radiometry,
        measure=measure,
        cut=cut,
        kept=kept,
        inputs=inputs,
        steps=(
            read_record(scenes, plan, bands, options, (*comparability.cautions, *order)),
            alignment.record,
            normalise_record(radiometry, bands, options),
            difference_record(measure, pair, sample, options),
            threshold_record(cut, options),
        ),
    )


def _opened(before: Path, after: Path, options: DetectOptions, ground: Ground) -> dict[Role, Scene]:
    read = options.read
    return {
        "before": ground.open(
            before, role="before", scene_options=options.before, read_options=read
        ),
        "after": ground.open(after, role="after", scene_options=options.after, read_options=read),
    }


def _inputs(clouds: Masked) -> tuple[Stamp, ...]:
    """The files of both images, and of the masks that are rasters."""
    scenes = clouds.scenes.values()
    masks = [mask.path for scene in scenes for mask in scene.masks if isinstance(mask, Mask)]
    own = [stamp for scene in scenes for stamp in scene.stamps]
    return (*own, *(Stamp.of(path) for path in dict.fromkeys(masks)))


def _compared(scenes: dict[Role, Scene], plan: Plan) -> Comparability:
    before, after = (Pass(acquisition=s.acquisition, facts=s.facts) for s in scenes.values())
    return compare(before, after, pixel_size_m=plan.pixel_size_m)


def _paired(scenes: dict[Role, Scene], options: DetectOptions) -> BandPairs:
    named = options.read.bands or options.before.bands or options.after.bands
    return pair_bands(scenes["before"], scenes["after"], explicit=bool(named))


def _chosen(
    scenes: dict[Role, Scene],
    bands: BandPairs,
    alignment: Alignment,
    comparability: Comparability,
    options: DetectOptions,
) -> Choice:
    return choose(
        options.difference,
        (scenes["before"], scenes["after"]),
        bands=len(bands.before),
        error_px=float(np.median(expected_misregistration(alignment).values)),
        season_days=comparability.season_days,
    )


def _reader(
    scenes: dict[Role, Scene],
    plan: Plan,
    bands: BandPairs,
    alignment: Alignment,
    choice: Choice,
    options: DetectOptions,
) -> PairReader:
    return PairReader(
        before=scenes["before"],
        after=scenes["after"],
        before_bands=bands.before,
        after_bands=bands.after,
        grid=plan.geobox,
        moving=plan.moving,
        shift=alignment.shift,
        error=expected_misregistration(alignment),
        largest_error=largest_misregistration(
            alignment, usable_ce90=options.coregister.usable_ce90
        ),
        smoothing=options.difference.smoothing,
        reach=difference.METHODS[choice.method].halo,
    )


def _fit_radiometry(
    sample: Sample, scenes: dict[Role, Scene], choice: Choice, options: DetectOptions
) -> normalise.Radiometry:
    method = normalise.choose(
        options.normalise.normalise,
        display_product=any(scene.display_product for scene in scenes.values()),
        radar=difference.METHODS[choice.method].radar,
    )
    return normalise.METHODS[method](sample)
