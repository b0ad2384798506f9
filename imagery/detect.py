"""Two scenes in, a change map out: read, align, normalise, difference, threshold, regions."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery import difference, normalise
from imagery.bands import BandPairs, pair_bands
from imagery.blocks import Window
from imagery.blockwise import Progress, engine
from imagery.clouds import Masked, mask_scenes
from imagery.comparability import Comparability, Pass, compare
from imagery.coregister import Alignment, SeamLines, coregister
from imagery.difference import Choice, choose
from imagery.grid import Extent, Plan, plan_pair
from imagery.masks import LeftOut
from imagery.observed import VALID_BITS, Observed
from imagery.options import DetectOptions, EngineOptions
from imagery.ortho import Ground
from imagery.preview import Stretch, write_previews
from imagery.record import Caution, StepRecord
from imagery.regions import Regions
from imagery.sampling import PairReader, Sample, sample_pair
from imagery.scene import Role, Scene, check_order
from imagery.scoring import (
    Measure,
    expected_misregistration,
    fit_measure,
    largest_misregistration,
    score_map,
)
from imagery.steps import (
    difference_record,
    normalise_record,
    read_record,
    regions_record,
    threshold_record,
)
from imagery.threshold import Cut, find_threshold, parse_rule
from imagery.warp import crop
from imagery.write import create

Examine = Callable[[Plan, dict[Role, Scene], BandPairs, Alignment], None]

__all__ = ["VALID_BITS", "ChangeMap", "Observed", "Progress", "detect"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangeMap:
    """The result of a comparison: rasters in a folder, and what is known of them."""

    scenes: dict[Role, Scene]
    plan: Plan
    bands: BandPairs
    comparability: Comparability
    alignment: Alignment
    cut: Cut
    regions: Regions
    observed: Observed
    clouds: Masked
    """What is known of clouds in either image."""

    stretch: Stretch
    geobox: GeoBox
    """The grid of the rasters: the display window of the working grid."""

    rasters: dict[str, Path]
    """score, change, valid, shift, before_preview and after_preview; shift_error where the
    alignment was measured; clouds_before, clouds_after, suspected_clouds where they were made."""

    steps: tuple[StepRecord, ...]

    @property
    def cautions(self) -> tuple[Caution, ...]:
        """All the steps' warnings, in the order of the flow, each once."""
        return tuple(dict.fromkeys(c for step in self.steps for c in step.cautions))


def detect(
    before: Path,
    after: Path,
    *,
    folder: Path,
    extent: Callable[[Scene, Scene], Extent | None] | None = None,
    seams: SeamLines | None = None,
    left_out: LeftOut | None = None,
    options: DetectOptions | None = None,
    engine_options: EngineOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
    examine: Examine | None = None,
) -> ChangeMap:
    """Tell what changed between two images of a place.

    Parameters
    ----------
    before, after
        The image files, earlier and later.
    folder
        An existing folder that takes the rasters, and images that had to be put on the ground.
    extent
        Makes the area of interest once both scenes are known; the scenes' overlap by default.
    options, seams, left_out
        What decides the result; seams are what the file of ``options.coregister.seams`` holds,
        and ``left_out`` the outlines in files that ``options.masks`` names.
    engine_options
        Workers and memory, which decide no number.
    progress, examine
        Called with messages; and with what the co-registration found, before it is refused.

    Raises
    ------
    InputError
        If an image can't be used, or too little of the area is seen in both.
    AlignmentError
        If the co-registration is not trusted; nothing is differenced then.
    """
    options, left_out = options or DetectOptions(), left_out or LeftOut()
    tell = progress or (lambda _: None)
    parse_rule(options.threshold.threshold)  # a slip is told now, not after the alignment
    with ExitStack() as undo, engine(engine_options or EngineOptions()) as executor:
        found = _detect(
            before,
            after,
            folder=folder,
            extent=extent,
            seams=seams,
            left_out=left_out,
            options=options,
            executor=executor,
            tell=tell,
            examine=examine,
            undo=undo,
        )
        undo.pop_all()
    return found


def _detect(
    before: Path,
    after: Path,
    *,
    folder: Path,
    extent: Callable[[Scene, Scene], Extent | None] | None,
    seams: SeamLines | None,
    left_out: LeftOut,
    options: DetectOptions,
    executor: Executor,
    tell: Callable[[Progress], None],
    examine: Examine | None,
    undo: ExitStack,
) -> ChangeMap:
    """The same within the engine; ``undo`` removes rasters that a refusal would leave behind."""
    tell(Progress("read", 0, 1))
    scenes = _opened(before, after, options, Ground(folder, executor=executor, tell=tell))
    order = check_order(*scenes.values(), allow_reversed=options.read.allow_reversed)
    area = extent(scenes["before"], scenes["after"]) if extent else None
    plan = plan_pair(scenes["before"], scenes["after"], area, options=options.grid)
    bands = _paired(scenes, options)
    comparability = _compared(scenes, plan)
    tell(Progress("read", 1, 1, comparability.cautions))
    clouds = mask_scenes(
        plan,
        scenes,
        bands,
        area=area,
        left_out=left_out,
        options=options,
        folder=folder,
        executor=executor,
    )
    for path in clouds.rasters.values():
        undo.callback(path.unlink, missing_ok=True)
    scenes = clouds.unmasked
    tell(Progress("align", 0, 1))
    how = options.coregister
    with clouds.blamed():
        found = coregister(plan, clouds.scenes, bands, options=how, executor=executor, seams=seams)
    if examine is not None:
        examine(plan, scenes, bands, found)
    alignment = found.enforced()
    choice = _chosen(scenes, plan, bands, alignment, options)
    pair = _reader(clouds.scenes, plan, bands, alignment, choice, options)
    tell(Progress("estimate", 0, 1))
    with clouds.blamed():
        sample = sample_pair(plan, pair, executor=executor)
    radiometry = _fit_radiometry(sample, scenes, choice, options)
    measure = fit_measure(sample, radiometry, scenes, bands, choice=choice)
    cut = _fit_cut(sample, measure, options)
    scored = score_map(
        plan,
        pair,
        measure,
        area=area,
        ignored=left_out.ignored,
        threshold=cut.value,
        options=options,
        folder=folder,
        executor=executor,
        tell=tell,
    )
    tell(Progress("draw", 0, 1))
    previews, stretch = write_previews(
        plan, scenes, bands, alignment.shift, radiometry, folder=folder
    )
    rasters = {
        **scored.rasters,
        **clouds.rasters,
        **_write_shift(plan, alignment, folder),
        **{f"{role}_preview": path for role, path in previews.items()},
    }
    return ChangeMap(
        scenes=scenes,
        plan=plan,
        bands=bands,
        comparability=comparability,
        alignment=alignment,
        cut=cut,
        regions=scored.regions,
        observed=scored.observed,
        clouds=clouds,
        stretch=stretch,
        geobox=crop(plan.geobox, plan.display),
        rasters=rasters,
        steps=(
            read_record(scenes, plan, bands, options, (*comparability.cautions, *order)),
            clouds.record(options, left_out, scored.observed),
            alignment.record,
            normalise_record(radiometry, bands, options),
            difference_record(measure, pair, sample, options),
            threshold_record(cut, options),
            regions_record(scored, plan, options),
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


def _compared(scenes: dict[Role, Scene], plan: Plan) -> Comparability:
    before, after = (Pass(acquisition=s.acquisition, facts=s.facts) for s in scenes.values())
    return compare(before, after, pixel_size_m=plan.pixel_size_m)


def _paired(scenes: dict[Role, Scene], options: DetectOptions) -> BandPairs:
    named = options.read.bands or options.before.bands or options.after.bands
    return pair_bands(scenes["before"], scenes["after"], explicit=bool(named))


def _chosen(
    scenes: dict[Role, Scene],
    plan: Plan,
    bands: BandPairs,
    alignment: Alignment,
    options: DetectOptions,
) -> Choice:
    return choose(
        options.difference,
        (scenes["before"], scenes["after"]),
        bands=len(bands.before),
        pixel_size_m=plan.pixel_size_m,
        error_px=float(np.median(expected_misregistration(alignment).values)),
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


def _fit_cut(sample: Sample, measure: Measure, options: DetectOptions) -> Cut:
    scores = measure.score_sample(sample)
    return find_threshold(scores, options=options.threshold, own=measure.cut)


def _write_shift(plan: Plan, alignment: Alignment, folder: Path) -> dict[str, Path]:
    """The applied shift, (rows, cols), and its expected error, at every 32nd pixel; all in px."""
    step, window = 32, plan.display
    shape = -(-window.height // step), -(-window.width // step)
    geobox = GeoBox(shape, crop(plan.geobox, window).affine * Affine.scale(step), plan.geobox.crs)
    rows = window.top + (np.arange(shape[0], dtype=np.float64) + 0.5) * step - 0.5
    cols = window.left + (np.arange(shape[1], dtype=np.float64) + 0.5) * step - 0.5
    layers: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]] = {
        "shift": (("rows", "cols"), alignment.shift.on_grid(rows, cols))
    }
    if alignment.error is not None:
        error = alignment.error.on_grid(rows, cols)[None]
        layers["shift_error"] = (("standard error along an axis",), error)
    paths = {name: folder / f"{name}.tif" for name in layers}
    for name, (descriptions, values) in layers.items():
        with create(
            paths[name],
            geobox=geobox,
            count=len(values),
            dtype="float32",
            nodata=None,
            descriptions=descriptions,
            tags={"MOVING": alignment.moving, "UNIT": "px of the working grid"},
        ) as raster:
            raster.write(Window(0, 0, *shape), values.astype(np.float32))
    return paths
