"""The map pass: the fitted measure, a score for every pixel, the rasters, the regions."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagery import difference, normalise, outline
from imagery.bands import BandPairs
from imagery.blocks import Window, tiles_over
from imagery.blockwise import Progress, map_tiles
from imagery.coregister import Alignment
from imagery.grid import Extent, Plan
from imagery.observed import Codes, Observed, Tally, check_coverage, codes_of
from imagery.options import DetectOptions, DifferenceOptions
from imagery.regions import Regions, ScoredTile, beside, label_regions
from imagery.sampling import PairReader, Sample, gradients
from imagery.scene import Outline, Role, Scene
from imagery.shift_error import CE90, ShiftError
from imagery.warp import crop
from imagery.write import create

DEFAULT_MIN_PIXELS = 16
_UNMEASURED_SHIFT = 0.5
_LEAST_SHIFT = 0.1
"""Misregistration assumed along each axis, px: where it wasn't measured, and at the least."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Measure:
    """The fitted way from two scenes' pixels to scores."""

    method: str
    radiometry: normalise.Radiometry
    noise: difference.Noise

    def score(
        self,
        before: NDArray[np.float32],
        after: NDArray[np.float32],
        spill: NDArray[np.float32],
    ) -> difference.Scores:
        """Scores of pixels, shape (bands, ...).

        ``spill``, shape (2, bands, ...), is what one standard error of the alignment changes in
        the later scene.
        """
        return self.scored(self.change(before, after), after, spill)

    def change(
        self, before: NDArray[np.float32], after: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """The change vector, shape (bands, ...): later minus earlier, in the earlier's units."""
        return self.radiometry.apply(after) - before

    def scored(
        self,
        change: NDArray[np.float32],
        after: NDArray[np.float32],
        spill: NDArray[np.float32],
    ) -> difference.Scores:
        """Scores, as :meth:`score`, of a change vector that is at hand."""
        spill = spill * self.radiometry.slope(after)
        return difference.METHODS[self.method](change, spill, self.noise)

    def in_noise(self, change: NDArray[np.float32]) -> NDArray[np.float32]:
        """A change vector whitened by the noise's covariance."""
        whiten = np.linalg.inv(np.linalg.cholesky(self.noise.covariance)).astype(np.float32)
        mean = self.noise.mean.astype(np.float32).reshape(-1, *[1] * (change.ndim - 1))
        return np.tensordot(whiten, change - mean, axes=1)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredMap:
    """What the map pass found; ``rasters`` are score, change and valid."""

    regions: Regions
    observed: Observed
    rasters: dict[str, Path]


def fit_measure(
    sample: Sample,
    radiometry: normalise.Radiometry,
    scenes: Mapping[Role, Scene],
    bands: BandPairs,
    *,
    options: DifferenceOptions,
) -> Measure:
    """The measure with the noise that the sample shows."""
    return Measure(
        method=options.method,
        radiometry=radiometry,
        noise=difference.fit_noise(
            radiometry.apply(sample.after) - sample.before,
            quantisation=_quantisation(scenes, bands, radiometry),
        ),
    )


def expected_misregistration(alignment: Alignment) -> ShiftError:
    """How far pixels may be off after the alignment: along each axis, and no less than 0.1 px."""
    if alignment.error is None:
        return ShiftError.constant(_UNMEASURED_SHIFT)
    error = alignment.error
    return replace(error, values=np.hypot(error.values, _LEAST_SHIFT))


def largest_misregistration(alignment: Alignment, *, usable_ce90: float) -> float:
    """Beyond which error a pixel counts as not observed; nowhere, if the user accepted it so."""
    if alignment.verdict in ("trusted", "usable"):
        return math.hypot(usable_ce90 / CE90, _LEAST_SHIFT)
    return math.inf


def _quantisation(
    scenes: Mapping[Role, Scene], bands: BandPairs, radiometry: normalise.Radiometry
) -> NDArray[np.float64]:
    """Variance that rounding to stored integers adds to the difference, per band."""
    total = np.zeros(len(bands.before))
    index: dict[Role, tuple[int, ...]] = {"before": bands.before, "after": bands.after}
    for role, scene in scenes.items():
        if np.dtype(scene.dtype).kind not in "iu":
            continue
        scale = {band.index: band.scale for band in scene.bands}
        step = np.array([scale[i] for i in index[role]])
        if role == "after":
            ends = np.ptp(radiometry.target, axis=1) / np.ptp(radiometry.source, axis=1)
            step = step * ends
        total += step**2 / 12
    return total


def least_pixels(plan: Plan, options: DetectOptions) -> int:
    """Smallest region kept, in px of the working grid."""
    if options.regions.min_area is None:
        return DEFAULT_MIN_PIXELS
    return max(1, round(options.regions.min_area / plan.pixel_size_m**2))


def score_map(
    plan: Plan,
    pair: PairReader,
    measure: Measure,
    *,
    area: Extent | None,
    ignored: Outline | None = None,
    threshold: float,
    options: DetectOptions,
    folder: Path,
    executor: Executor,
    tell: Callable[[Progress], None],
) -> ScoredMap:
    """Score every pixel of the display window, write the rasters, join the regions.

    Raises
    ------
    InputError
        If too little of the area is seen in both images; no raster is left then.
    """
    window = plan.display
    geobox = crop(plan.geobox, window)
    tiles = list(tiles_over(window))
    tally = Tally()
    paths = {name: folder / f"{name}.tif" for name in ("score", "change", "valid")}
    nan = float("nan")
    with (
        create(paths["score"], geobox=geobox, count=1, dtype="float32", nodata=nan) as scores,
        create(paths["valid"], geobox=geobox, count=1, dtype="uint8", nodata=None) as valids,
        # In a file without a name, so that memory stays flat and nothing is ever left behind.
        tempfile.TemporaryFile(dir=folder) as scratch,
    ):
        labels: NDArray[np.uint32] = np.memmap(scratch, np.uint32, "w+", shape=window.shape)

        def results() -> Iterator[ScoredTile]:
            run = partial(_score_tile, pair, measure, area, threshold=threshold, ignored=ignored)
            done = map_tiles(run, tiles, executor=executor)
            for number, (tile, (scored, codes)) in enumerate(done, start=1):
                place = tile.shifted(-window.top, -window.left)
                scores.write(place, np.where(scored.seen, scored.score, np.float32(nan))[None])
                valids.write(place, codes.valid[None])
                tally.add(codes, scored.inside)
                tell(Progress("difference", number, len(tiles)))
                yield scored

        labelled = label_regions(
            results(),
            window=window,
            least_pixels=least_pixels(plan, options),
            labels=labels,
        )
        observed = tally.observed(plan, area)
        check_coverage(observed, pair, least=options.grid.min_coverage)
        with create(paths["change"], geobox=geobox, count=1, dtype="uint32", nodata=0) as changes:
            for tile in tiles:
                rows, cols = tile.within(window)
                changes.write(tile.shifted(-window.top, -window.left), labels[rows, cols][None])
    return ScoredMap(regions=labelled.regions, observed=observed, rasters=paths)


def _score_tile(
    pair: PairReader,
    measure: Measure,
    area: Extent | None,
    window: Window,
    *,
    threshold: float,
    ignored: Outline | None = None,
) -> tuple[ScoredTile, Codes]:
    before, after = pair.read(window)
    padded = window.padded(pair.halo)
    errors = pair.errors(padded)
    codes = codes_of(pair, padded, before, after, errors, ignored=ignored)
    # With the margin that the outline looks at.
    wide = window.padded(outline.HALO)
    rows, cols = wide.within(padded)
    x, y = before.data[:, rows, cols], after.data[:, rows, cols]
    spill = gradients(after.data, after.valid)[:, :, rows, cols] * errors[rows, cols]
    change = measure.change(x, y)
    result = measure.scored(change, y, spill)
    candidate = (codes.valid[rows, cols] == 0) & (result.score > threshold)
    candidate = outline.covered(result.score, measure.in_noise(change), candidate)
    inside = np.ones(window.shape, bool) if area is None else area.mask(crop(pair.grid, window))
    own = window.within(wide)
    rows, cols = window.within(padded)
    scored = ScoredTile(
        window=window,
        score=result.score[own],
        signed=result.signed[own],
        candidate=candidate[own],
        seen=codes.valid[rows, cols] == 0,
        beside_unseen=beside(codes.valid != 0)[rows, cols],
        inside=inside,
    )
    return scored, codes.cut(rows, cols)
