"""Two scenes in, a change map out: read, align, normalise, difference, threshold, regions."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery import difference, normalise
from imagery.bands import BandPairs, pair_bands
from imagery.blocks import Window, tiles_over
from imagery.blockwise import engine, map_tiles
from imagery.coregister import Alignment, coregister
from imagery.errors import InputError, UsageError
from imagery.grid import Extent, Plan, plan_pair
from imagery.options import DetectOptions, EngineOptions
from imagery.preview import Stretch, write_previews
from imagery.read import open_scene
from imagery.record import Caution, StepRecord
from imagery.regions import LabelledMap, Regions, ScoredTile, label_regions
from imagery.sampling import PairReader, Sample, gradients, sample_pair
from imagery.scene import Role, Scene
from imagery.threshold import Cut, find_threshold
from imagery.warp import crop
from imagery.write import create

DEFAULT_MIN_PIXELS = 16
_UNMEASURED_SHIFT = 0.5
_LEAST_SHIFT = 0.1
"""Misregistration assumed along each axis, px: where it wasn't measured, and at the least."""

VALID_CODES = {
    0: "seen in both images",
    1: "not seen in the earlier image",
    2: "not seen in the later image",
    3: "not seen in either image",
}


@dataclass(frozen=True)
class Progress:
    """A step has got so far."""

    step: str
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Observed:
    """How much of the area both images show, in px of the working grid."""

    pixels: int
    seen: int
    by_reason: dict[str, float]
    """Share of the area for each reason why it was not seen."""

    @property
    def share(self) -> float:
        return self.seen / self.pixels if self.pixels else 0.0


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
    """score, change, valid, shift, before_preview and after_preview."""

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
    options: DetectOptions | None = None,
    engine_options: EngineOptions | None = None,
    progress: Callable[[Progress], None] | None = None,
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
    options
        What decides the result.
    engine_options
        Workers and memory, which decide no number.
    progress
        Called with a message as the work goes on.

    Raises
    ------
    InputError
        If an image can't be used, or too little of the area is seen in both.
    AlignmentError
        If the co-registration is not trusted; nothing is differenced then.
    """
    options = options or DetectOptions()
    tell = progress or (lambda _: None)
    with engine(engine_options or EngineOptions()) as executor:
        tell(Progress("read", 0, 1))
        scenes: dict[Role, Scene] = {
            "before": open_scene(
                before,
                role="before",
                scene_options=options.before,
                read_options=options.read,
            ),
            "after": open_scene(
                after, role="after", scene_options=options.after, read_options=options.read
            ),
        }
        area = extent(scenes["before"], scenes["after"]) if extent else None
        plan = plan_pair(scenes["before"], scenes["after"], area, options=options.grid)
        bands = pair_bands(
            scenes["before"],
            scenes["after"],
            explicit=bool(options.read.bands or options.before.bands or options.after.bands),
        )
        tell(Progress("align", 0, 1))
        alignment = coregister(plan, scenes, bands, options=options.coregister, executor=executor)
        pair = PairReader(
            before=scenes["before"],
            after=scenes["after"],
            before_bands=tuple(bands.before),
            after_bands=tuple(bands.after),
            grid=plan.geobox,
            moving=plan.moving,
            shift=alignment.shift,
            smoothing=options.difference.smoothing,
        )
        tell(Progress("estimate", 0, 1))
        sample = sample_pair(plan, pair, executor=executor)
        _check_varies(sample, scenes, bands)
        radiometry = _fit_radiometry(sample, scenes, options)
        measure = _fit_measure(sample, radiometry, alignment, scenes, bands, options)
        cut = _fit_cut(sample, measure, options)
        labelled, observed, rasters = _map(
            plan, pair, area, measure, cut, options, folder, executor, tell
        )
        _check_coverage(observed, scenes, options)
        tell(Progress("draw", 0, 1))
        rasters["shift"] = _write_shift(plan, alignment, folder)
        previews, stretch = write_previews(
            plan, scenes, bands, alignment.shift, radiometry, folder=folder
        )
        rasters |= {f"{role}_preview": path for role, path in previews.items()}
    steps = (
        _read_record(scenes, plan, bands, options),
        alignment.record,
        _normalise_record(radiometry, bands, options),
        _difference_record(measure, sample, options),
        StepRecord(
            step="threshold",
            numbers={"threshold": cut.value, "rule": cut.rule},
            options=asdict(options.threshold),
        ),
        StepRecord(
            step="regions",
            numbers={
                "regions": len(labelled.regions),
                "least_pixels": _least_pixels(plan, options),
                "observed_share": observed.share,
            },
            options=asdict(options.regions),
        ),
    )
    return ChangeMap(
        scenes=scenes,
        plan=plan,
        bands=bands,
        alignment=alignment,
        cut=cut,
        regions=labelled.regions,
        observed=observed,
        stretch=stretch,
        geobox=crop(plan.geobox, plan.display),
        rasters=rasters,
        steps=steps,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measure:
    """The fitted way from two scenes' pixels to scores."""

    method: str
    radiometry: normalise.Radiometry
    noise: difference.Noise

    def score(
        self,
        before: NDArray[np.float32],
        after: NDArray[np.float32],
        gradient: NDArray[np.float32],
    ) -> difference.Scores:
        mapped = self.radiometry.apply(after)
        slope = self.radiometry.slope(after)
        return difference.METHODS[self.method](mapped - before, gradient * slope, self.noise)


def _check_varies(sample: Sample, scenes: dict[Role, Scene], bands: BandPairs) -> None:
    for role, values in (("before", sample.before), ("after", sample.after)):
        if not (values.max(axis=1) > values.min(axis=1)).any():
            raise InputError(
                f"{scenes[role].name}: no band varies over the part that both images show",  # type: ignore[index]
                found=f"the value {values[0, 0]:g} everywhere",
                needed="an image with something to see",
                option="--nodata",
            )


def _fit_radiometry(
    sample: Sample, scenes: dict[Role, Scene], options: DetectOptions
) -> normalise.Radiometry:
    display = any(scene.display_product for scene in scenes.values())
    method = normalise.choose(options.normalise.normalise, display_product=display)
    return normalise.METHODS[method](sample)


def _fit_measure(
    sample: Sample,
    radiometry: normalise.Radiometry,
    alignment: Alignment,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    options: DetectOptions,
) -> _Measure:
    residual = alignment.residual
    registration = (
        _UNMEASURED_SHIFT
        if residual is None
        else max(_LEAST_SHIFT, residual.median / 1.1774)  # a Rayleigh median in standard deviations
    )
    return _Measure(
        method=options.difference.method,
        radiometry=radiometry,
        noise=difference.fit_noise(
            radiometry.apply(sample.after) - sample.before,
            registration=registration,
            quantisation=_quantisation(scenes, bands, radiometry),
        ),
    )


def _quantisation(
    scenes: dict[Role, Scene], bands: BandPairs, radiometry: normalise.Radiometry
) -> NDArray[np.float64]:
    """Variance that rounding to stored integers adds to the difference, per band."""
    total = np.zeros(len(bands.before))
    for role, index in (("before", bands.before), ("after", bands.after)):
        scene = scenes[role]  # type: ignore[index]
        if np.dtype(scene.dtype).kind not in "iu":
            continue
        scale = {band.index: band.scale for band in scene.bands}
        step = np.array([scale[i] for i in index])
        if role == "after":
            ends = np.ptp(radiometry.target, axis=1) / np.ptp(radiometry.source, axis=1)
            step = step * ends
        total += step**2 / 12
    return total


def _fit_cut(sample: Sample, measure: _Measure, options: DetectOptions) -> Cut:
    scores = measure.score(sample.before, sample.after, sample.gradient).score
    return find_threshold(scores, options=options.threshold)


def _least_pixels(plan: Plan, options: DetectOptions) -> int:
    if options.regions.min_area is None:
        return DEFAULT_MIN_PIXELS
    if options.regions.min_area < 0:
        raise UsageError(
            "--min-area must not be negative",
            found=f"{options.regions.min_area:g}",
            needed="0 or more square metres",
            option="--min-area",
        )
    return max(1, round(options.regions.min_area / plan.pixel_size_m**2))


def _map(
    plan: Plan,
    pair: PairReader,
    area: Extent | None,
    measure: _Measure,
    cut: Cut,
    options: DetectOptions,
    folder: Path,
    executor: Executor,
    tell: Callable[[Progress], None],
) -> tuple[LabelledMap, Observed, dict[str, Path]]:
    """Score every pixel of the display window, write the rasters, label the regions."""
    window = plan.display
    geobox = crop(plan.geobox, window)
    tiles = list(tiles_over(window))
    counts = np.zeros(4, np.int64)
    paths = {name: folder / f"{name}.tif" for name in ("score", "change", "valid")}
    score_file = create(
        paths["score"], geobox=geobox, count=1, dtype="float32", nodata=float("nan")
    )
    valid_file = create(paths["valid"], geobox=geobox, count=1, dtype="uint8", nodata=None)
    with score_file as scores, valid_file as valids, _scratch(window.shape, folder) as labels:

        def results() -> Iterator[ScoredTile]:
            run = partial(_score_tile, pair, area, measure)
            done = map_tiles(run, tiles, executor=executor)
            for number, (tile, (scored, code)) in enumerate(done, start=1):
                place = tile.shifted(-window.top, -window.left)
                scores.write(place, np.where(scored.seen, scored.score, np.float32("nan"))[None])
                valids.write(place, code[None])
                counts[:] += np.bincount(code[scored.inside], minlength=4)
                tell(Progress("difference", number, len(tiles)))
                yield scored

        labelled = label_regions(
            results(),
            window=window,
            threshold=cut.value,
            least_pixels=_least_pixels(plan, options),
            labels=labels,
        )
        with create(paths["change"], geobox=geobox, count=1, dtype="uint32", nodata=0) as changes:
            for tile in tiles:
                rows, cols = tile.within(window)
                changes.write(tile.shifted(-window.top, -window.left), labels[rows, cols][None])
    return labelled, _observed(counts, plan, area), paths


def _score_tile(
    pair: PairReader, area: Extent | None, measure: _Measure, window: Window
) -> tuple[ScoredTile, NDArray[np.uint8]]:
    before, after = pair.read(window)
    slope = gradients(after.data)
    before, after, (rows, cols) = (
        pair.cut(before, window),
        pair.cut(after, window),
        window.within(window.padded(pair.halo)),
    )
    result = measure.score(before.data, after.data, slope[:, :, rows, cols])
    code = (~before.valid).astype(np.uint8) + 2 * (~after.valid).astype(np.uint8)
    seen = code == 0
    inside = np.ones(window.shape, bool) if area is None else area.mask(crop(pair.grid, window))
    return (
        ScoredTile(
            window=window, score=result.score, signed=result.signed, seen=seen, inside=inside
        ),
        code,
    )


class _scratch:
    """Zeros of a shape, in a file that goes when the work is done, so that memory stays flat."""

    def __init__(self, shape: tuple[int, int], folder: Path) -> None:
        self._shape, self._folder = shape, folder

    def __enter__(self) -> NDArray[np.uint32]:
        handle, self._path = tempfile.mkstemp(suffix=".labels", dir=self._folder)
        os.close(handle)
        return np.memmap(self._path, np.uint32, "w+", shape=self._shape)

    def __exit__(self, *_: object) -> None:
        Path(self._path).unlink()


def _observed(counts: NDArray[np.int64], plan: Plan, area: Extent | None) -> Observed:
    total = int(counts.sum())
    reasons = {VALID_CODES[code]: int(counts[code]) for code in (1, 2, 3)}
    if area is not None and not plan.display.contains(plan.result):
        # Part of the area lies beyond the images' overlap, where no pixel was looked at.
        whole = max(total, round(area.area_m2 / plan.pixel_size_m**2))
        reasons["outside the images' overlap"] = whole - total
        total = whole
    return Observed(
        pixels=total,
        seen=int(counts[0]),
        by_reason={why: n / total for why, n in reasons.items() if n},
    )


def _check_coverage(observed: Observed, scenes: dict[Role, Scene], options: DetectOptions) -> None:
    if observed.share < options.grid.min_coverage or not observed.seen:
        why = ", ".join(f"{share:.1%} {reason}" for reason, share in observed.by_reason.items())
        raise InputError(
            f"too little of the area is seen in both {scenes['before'].name} and "
            f"{scenes['after'].name}",
            found=f"{observed.share:.1%} seen ({why})",
            needed=f"at least {options.grid.min_coverage:.0%}",
            option="--min-coverage",
        )


def _write_shift(plan: Plan, alignment: Alignment, folder: Path) -> Path:
    """The applied shift, (rows, cols) in px, at every 32nd pixel of the display window."""
    step, window = 32, plan.display
    shape = -(-window.height // step), -(-window.width // step)
    geobox = GeoBox(shape, crop(plan.geobox, window).affine * Affine.scale(step), plan.geobox.crs)
    rows = window.top + (np.arange(shape[0], dtype=np.float64) + 0.5) * step - 0.5
    cols = window.left + (np.arange(shape[1], dtype=np.float64) + 0.5) * step - 0.5
    path = folder / "shift.tif"
    with create(
        path,
        geobox=geobox,
        count=2,
        dtype="float32",
        nodata=None,
        descriptions=("rows", "cols"),
        tags={"MOVING": alignment.moving, "UNIT": "px of the working grid"},
    ) as raster:
        raster.write(Window(0, 0, *shape), alignment.shift.on_grid(rows, cols).astype(np.float32))
    return path


def _read_record(
    scenes: dict[Role, Scene], plan: Plan, bands: BandPairs, options: DetectOptions
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
        options=asdict(options.read) | asdict(options.grid),
        cautions=(
            *scenes["before"].cautions,
            *scenes["after"].cautions,
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


def _difference_record(measure: _Measure, sample: Sample, options: DetectOptions) -> StepRecord:
    return StepRecord(
        step="difference",
        numbers={
            "method": measure.method,
            "noise_mean": measure.noise.mean.tolist(),
            "noise_covariance": measure.noise.covariance.tolist(),
            "registration_px": measure.noise.registration,
            "sampled_pixels": int(sample.before.shape[1]),
        },
        options=asdict(options.difference),
    )
