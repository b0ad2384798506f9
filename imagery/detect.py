"""Two scenes in, a change map out: read, align, normalise, difference, threshold, regions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery import normalise
from imagery.bands import BandPairs, pair_bands
from imagery.blocks import Window
from imagery.blockwise import Progress, engine
from imagery.coregister import Alignment, SeamLines, coregister
from imagery.grid import Extent, Plan, plan_pair
from imagery.options import DetectOptions, EngineOptions
from imagery.preview import Stretch, write_previews
from imagery.read import open_scene
from imagery.record import Caution, StepRecord
from imagery.regions import Regions
from imagery.sampling import PairReader, Sample, sample_pair
from imagery.scene import Role, Scene, check_order
from imagery.scoring import (
    VALID_CODES,
    Measure,
    Observed,
    ScoredMap,
    expected_misregistration,
    fit_measure,
    largest_misregistration,
    least_pixels,
    score_map,
)
from imagery.threshold import Cut, find_threshold, parse_rule
from imagery.warp import crop
from imagery.write import create

Examine = Callable[[Plan, dict[Role, Scene], BandPairs, Alignment], None]

__all__ = ["VALID_CODES", "ChangeMap", "Observed", "Progress", "detect"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ChangeMap:
    """The result of a comparison: rasters in a folder, and what is known of them."""

    scenes: dict[Role, Scene]
    plan: Plan
    bands: BandPairs
    alignment: Alignment
    cut: Cut
    regions: Regions
    observed: Observed
    stretch: Stretch
    geobox: GeoBox
    """The grid of the rasters: the display window of the working grid."""

    rasters: dict[str, Path]
    """score, change, valid, shift, before_preview and after_preview; shift_error where the
    alignment was measured."""

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
        An existing folder that takes the rasters.
    extent
        Makes the area of interest once both scenes are known; the scenes' overlap by default.
    options, seams
        What decides the result; seams are what the file of ``options.coregister.seams`` holds.
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
    options = options or DetectOptions()
    tell = progress or (lambda _: None)
    parse_rule(options.threshold.threshold)  # a slip is told now, not after the alignment
    with engine(engine_options or EngineOptions()) as executor:
        tell(Progress("read", 0, 1))
        scenes = _opened(before, after, options)
        order = check_order(
            scenes["before"], scenes["after"], allow_reversed=options.read.allow_reversed
        )
        area = extent(scenes["before"], scenes["after"]) if extent else None
        plan = plan_pair(scenes["before"], scenes["after"], area, options=options.grid)
        bands = _paired(scenes, options)
        tell(Progress("align", 0, 1))
        how = options.coregister
        found = coregister(plan, scenes, bands, options=how, executor=executor, seams=seams)
        if examine is not None:
            examine(plan, scenes, bands, found)
        alignment = found.enforced()
        pair = _reader(scenes, plan, bands, alignment, options)
        tell(Progress("estimate", 0, 1))
        sample = sample_pair(plan, pair, executor=executor)
        radiometry = _fit_radiometry(sample, scenes, options)
        measure = fit_measure(sample, radiometry, scenes, bands, options=options.difference)
        cut = _fit_cut(sample, measure, options)
        scored = score_map(
            plan,
            pair,
            measure,
            area=area,
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
            **_write_shift(plan, alignment, folder),
            **{f"{role}_preview": path for role, path in previews.items()},
        }
    return ChangeMap(
        scenes=scenes,
        plan=plan,
        bands=bands,
        alignment=alignment,
        cut=cut,
        regions=scored.regions,
        observed=scored.observed,
        stretch=stretch,
        geobox=crop(plan.geobox, plan.display),
        rasters=rasters,
        steps=(
            _read_record(scenes, plan, bands, options, order),
            alignment.record,
            _normalise_record(radiometry, bands, options),
            _difference_record(measure, pair, sample, options),
            _threshold_record(cut, options),
            _regions_record(scored, plan, options),
        ),
    )


def _opened(before: Path, after: Path, options: DetectOptions) -> dict[Role, Scene]:
    read = options.read
    return {
        "before": open_scene(
            before, role="before", scene_options=options.before, read_options=read
        ),
        "after": open_scene(after, role="after", scene_options=options.after, read_options=read),
    }


def _paired(scenes: dict[Role, Scene], options: DetectOptions) -> BandPairs:
    named = options.read.bands or options.before.bands or options.after.bands
    return pair_bands(scenes["before"], scenes["after"], explicit=bool(named))


def _reader(
    scenes: dict[Role, Scene],
    plan: Plan,
    bands: BandPairs,
    alignment: Alignment,
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
    )


def _fit_radiometry(
    sample: Sample, scenes: dict[Role, Scene], options: DetectOptions
) -> normalise.Radiometry:
    display = any(scene.display_product for scene in scenes.values())
    method = normalise.choose(options.normalise.normalise, display_product=display)
    return normalise.METHODS[method](sample)


def _fit_cut(sample: Sample, measure: Measure, options: DetectOptions) -> Cut:
    scores = measure.score(sample.before, sample.after, sample.spill).score
    return find_threshold(scores, options=options.threshold)


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


def _read_record(
    scenes: dict[Role, Scene],
    plan: Plan,
    bands: BandPairs,
    options: DetectOptions,
    order: tuple[Caution, ...],
) -> StepRecord:
    return StepRecord(
        step="read",
        numbers={
            "bands": list(bands.names),
            "bands_paired_by": bands.how,
            "reference": plan.reference,
            "resampled_because": dict(plan.reasons),
            "pixel_size_m": plan.pixel_size_m,
        },
        # Of a file that gives the grid, its name alone: no record tells where it lay.
        options=asdict(options.read)
        | asdict(options.grid)
        | {"grid": Path(options.grid.grid).name},
        cautions=(
            *scenes["before"].cautions,
            *scenes["after"].cautions,
            *order,
            *plan.cautions,
            *bands.cautions,
        ),
    )


def _normalise_record(
    radiometry: normalise.Radiometry, bands: BandPairs, options: DetectOptions
) -> StepRecord:
    low = [
        f"{name} ({value:.2f})"
        for name, value in zip(bands.names, radiometry.correlation, strict=True)
        if value < 0.3
    ]
    cautions: tuple[Caution, ...] = ()
    if low:
        cautions = (
            Caution(
                "bands-uncorrelated",
                f"Bands that hardly agree between the images even where nothing changed: "
                f"{', '.join(low)}. They may show different colours: check --before-bands and "
                "--after-bands.",
            ),
        )
    return StepRecord(
        step="normalise",
        numbers={
            "method": radiometry.method,
            "source_knots": radiometry.source.tolist(),
            "target_knots": radiometry.target.tolist(),
            "residual": list(radiometry.residual),
            "correlation": list(radiometry.correlation),
            "core_share": radiometry.core_share,
        },
        options=asdict(options.normalise),
        cautions=cautions,
    )


def _difference_record(
    measure: Measure, pair: PairReader, sample: Sample, options: DetectOptions
) -> StepRecord:
    return StepRecord(
        step="difference",
        numbers={
            "method": measure.method,
            "noise_mean": measure.noise.mean.tolist(),
            "noise_covariance": measure.noise.covariance.tolist(),
            "registration_px": float(np.median(pair.error.values)),
            "sampled_pixels": int(sample.before.shape[1]),
        },
        options=asdict(options.difference),
    )


def _threshold_record(cut: Cut, options: DetectOptions) -> StepRecord:
    return StepRecord(
        step="threshold",
        numbers={"threshold": cut.value, "rule": cut.rule},
        options=asdict(options.threshold),
    )


def _regions_record(scored: ScoredMap, plan: Plan, options: DetectOptions) -> StepRecord:
    return StepRecord(
        step="regions",
        numbers={
            "regions": len(scored.regions),
            "least_pixels": least_pixels(plan, options),
            "observed_share": scored.observed.share,
        },
        options=asdict(options.regions),
    )
