"""Two scenes in, a change map out: read, align, normalise, difference, threshold, regions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.blockwise import Progress, engine
from imagery.clouds import Masked
from imagery.comparability import Comparability
from imagery.coregister import Alignment, SeamLines
from imagery.deciding import ask_of, decider, what_is_missed
from imagery.decision import Decision
from imagery.decoys import Quiet
from imagery.evidence import Evidence, gather
from imagery.fitted import Examine, FittedPair, fit_pair
from imagery.grid import Extent, Plan
from imagery.injected import Missed
from imagery.kept import Keeping
from imagery.masks import LeftOut
from imagery.observed import VALID_BITS, Observed
from imagery.options import DetectOptions, EngineOptions
from imagery.preview import Stretch, write_previews
from imagery.record import Caution, StepRecord
from imagery.regions import Regions
from imagery.scene import Role, Scene
from imagery.scoring import ScoredMap, score_map
from imagery.stamp import Stamp
from imagery.steps import decision_record, regions_record
from imagery.threshold import Cut, parse_rule
from imagery.warp import crop
from imagery.write import create

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
    """Of single pixels: candidates lie above it."""

    decision: Decision
    """Of regions: which of them are changes, and what is known of false ones."""

    rank_bounds: NDArray[np.int64] | None
    """How many of each change and those above it may be false, where decoys tell."""

    missed: Missed | None
    """What would not be found, where a rate was asked for."""

    regions: Regions
    observed: Observed
    evidence: Evidence
    """What kind of change each region is, and what may explain it away."""

    clouds: Masked
    """What is known of clouds in either image."""

    stretch: Stretch
    geobox: GeoBox
    """The grid of the rasters: the display window of the working grid."""

    rasters: dict[str, Path]
    """score, change, valid, shift, before_preview and after_preview; shift_error where the
    alignment was measured; clouds_before, clouds_after, suspected_clouds where they were made."""

    inputs: tuple[Stamp, ...]
    """Every file of the two images and of their masks, as it was first."""

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
    keeping: Keeping | None = None,
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
    keeping
        Where steps are kept until the result is safe, and taken over from a run that was killed;
        nowhere by default.

    Raises
    ------
    InputError
        If an image can't be used, or too little of the area is seen in both.
    AlignmentError
        If the co-registration is not trusted; nothing is differenced then.
    """
    options, left_out = options or DetectOptions(), left_out or LeftOut()
    tell = progress or (lambda _: None)
    parse_rule(options.threshold.threshold)  # slips are told now, not after the alignment
    ask_of(options)
    with (
        ExitStack() as undo,
        tempfile.TemporaryDirectory(dir=folder) as scratch,
        engine(engine_options or EngineOptions()) as executor,
    ):
        found = _detect(
            before,
            after,
            folder=folder,
            scratch=Path(scratch),
            extent=extent,
            seams=seams,
            left_out=left_out,
            options=options,
            executor=executor,
            tell=tell,
            examine=examine,
            undo=undo,
            keeping=keeping,
        )
        undo.pop_all()
    return found


def _detect(
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
    keeping: Keeping | None,
) -> ChangeMap:
    """The same within the engine; ``undo`` removes rasters that a refusal would leave behind."""
    fitted = fit_pair(
        before,
        after,
        folder=folder,
        scratch=scratch,
        extent=extent,
        seams=seams,
        left_out=left_out,
        options=options,
        executor=executor,
        tell=tell,
        examine=examine,
        undo=undo,
        keeping=keeping,
    )
    plan, clouds = fitted.plan, fitted.clouds
    how = Quiet(
        extent=extent,
        left_out=left_out,
        options=options,
        folder=folder,
        executor=executor,
        tell=tell,
    )
    scored = fitted.kept.done("difference", lambda: _scored(fitted, how))
    evidence = gather(
        plan,
        fitted.scenes,
        fitted.bands,
        pair=fitted.pair,
        alignment=fitted.alignment,
        comparability=fitted.comparability,
        measure=fitted.measure,
        sample=fitted.sample,
        scored=scored,
        executor=executor,
        tell=tell,
    )
    missed = what_is_missed(fitted, scored.decision, options=options, executor=executor)
    tell(Progress("draw", 0, 1))
    drawn, stretch = _drawn(fitted, folder=folder, executor=executor)
    read, *steps = fitted.steps
    return ChangeMap(
        scenes=fitted.scenes,
        plan=plan,
        bands=fitted.bands,
        comparability=fitted.comparability,
        alignment=fitted.alignment,
        cut=fitted.cut,
        decision=scored.decision,
        rank_bounds=scored.bounds,
        missed=missed,
        regions=scored.regions,
        observed=scored.observed,
        evidence=evidence,
        clouds=clouds,
        stretch=stretch,
        geobox=crop(plan.geobox, plan.display),
        rasters={**scored.rasters, **clouds.rasters, **drawn},
        inputs=fitted.inputs,
        steps=(
            read,
            clouds.record(options, left_out, scored.observed),
            *steps,
            decision_record(scored.decision, missed, options),
            regions_record(scored, plan, options),
            evidence.record,
        ),
    )


def _scored(fitted: FittedPair, how: Quiet) -> ScoredMap:
    """The map pass, with the decision on its regions."""
    return score_map(
        fitted.plan,
        fitted.pair,
        fitted.measure,
        area=fitted.area,
        ignored=how.left_out.ignored,
        cut=fitted.cut,
        decide=decider(fitted, how),
        options=how.options,
        folder=how.folder,
        executor=how.executor,
        tell=how.tell,
    )


def _drawn(
    fitted: FittedPair, *, folder: Path, executor: Executor
) -> tuple[dict[str, Path], Stretch]:
    """Rasters to look at: the shift, and both images as shown."""
    alignment = fitted.alignment
    shift = _write_shift(fitted.plan, alignment, folder)
    previews, stretch = write_previews(
        fitted.plan,
        fitted.views,
        fitted.bands,
        alignment.shift,
        fitted.radiometry,
        folder=folder,
        executor=executor,
    )
    return shift | {f"{role}_preview": path for role, path in previews.items()}, stretch


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
