"""The map pass: a score for every pixel, the rasters, the regions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window, tiles_in_panels, tiles_over
from imagery.blockwise import Progress, map_tiles
from imagery.decision import Decision, Reach
from imagery.grid import Extent, Plan
from imagery.measure import Measure
from imagery.observed import Codes, Observed, Tally, check_coverage, codes_of
from imagery.options import DetectOptions
from imagery.regions import (
    Regions,
    ScoredTile,
    TileRegions,
    beside,
    keep_regions,
    label_regions,
    regions_in,
)
from imagery.roughness import Cells, roughness_at, steps_of
from imagery.sampling import Pair, PairReader, gradients
from imagery.scene import Outline
from imagery.threshold import Cut
from imagery.warp import crop
from imagery.write import create

DEFAULT_MIN_PIXELS = 16


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredMap:
    """What the map pass found; ``rasters`` are score, change and valid."""

    regions: Regions
    """Their strengths as they were decided by: as on the smoothest ground."""

    bounds: NDArray[np.int64] | None
    """How many of each region and those above it may be false; shape (regions,)."""

    decision: Decision
    observed: Observed
    rasters: dict[str, Path]


Decide = Callable[[Regions, Observed, Cells], Decision]
"""From all regions that touch the area, what of it was seen, and its ground."""


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
    cut: Cut,
    decide: Decide,
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
    tiles = list(tiles_in_panels(window) if pair.tiled else tiles_over(window))
    tally = Tally()
    paths = {name: folder / f"{name}.tif" for name in ("score", "change", "valid")}
    nan = float("nan")
    with (
        # Overviews show the highest: a change of few pixels is seen in the smallest of them.
        create(
            paths["score"],
            geobox=geobox,
            count=1,
            dtype="float32",
            nodata=nan,
            overviews="highest",
        ) as scores,
        create(paths["valid"], geobox=geobox, count=1, dtype="uint8", nodata=None) as valids,
        # In a file without a name, so that memory stays flat and nothing is ever left behind.
        tempfile.TemporaryFile(dir=folder) as scratch,
    ):
        cells = Cells.over(window)
        run = partial(
            _map_tile,
            pair,
            measure,
            area,
            whole=window,
            threshold=cut.value,
            ignored=ignored,
            rough=options.decision.asks,
        )

        def results() -> Iterator[TileRegions]:
            done = map_tiles(run, tiles, executor=executor)
            for number, (tile, (scored, codes, regions)) in enumerate(done, start=1):
                place = tile.shifted(-window.top, -window.left)
                scores.write(place, scored.score[None])
                valids.write(place, codes.valid[None])
                tally.add(codes, scored.inside)
                cells.add(scored)
                tell(Progress("difference", number, len(tiles)))
                yield regions

        labelled = label_regions(
            results(), window=window, least_pixels=least_pixels(plan, options), spool=scratch
        )
        observed = tally.observed(plan, area)
        check_coverage(observed, pair, least=options.grid.min_coverage)
        decision = decide(labelled.regions, observed, cells)
        found = labelled.regions
        score = decision.scores(found.strength, cells.at(found.peak))
        kept = score >= decision.high
        keep_regions(labelled, kept)
        with create(
            paths["change"],
            geobox=geobox,
            count=1,
            dtype="uint32",
            nodata=0,
            overviews="highest",
        ) as changes:
            for tile in tiles:
                place = tile.shifted(-window.top, -window.left)
                changes.write(place, labelled.labels(tile)[None])
    return ScoredMap(
        regions=replace(labelled.regions, strength=score[kept]),
        bounds=None if decision.rank_bounds is None else decision.rank_bounds[kept],
        decision=decision,
        observed=observed,
        rasters=paths,
    )


def kept_changes(
    measure: Measure, *, low: float, high: float, least_pixels: int, reach: Reach | None = None
) -> Callable[[Pair], NDArray[np.bool_]]:
    """The decision on a window alone: where a pair holds regions large and strong enough.

    Regions end at the window's border.  With ``reach``, the rougher the ground, the stronger they
    must be.
    """
    return partial(
        _kept_changes, measure, low=low, high=high, least_pixels=least_pixels, reach=reach
    )


def _kept_changes(
    measure: Measure,
    pair: Pair,
    *,
    low: float,
    high: float,
    least_pixels: int,
    reach: Reach | None,
) -> NDArray[np.bool_]:
    normal = measure.normalised(pair)
    scores = measure.scored(normal)
    score = scores.score
    labels, count = ndimage.label(measure.candidates(normal, score, above=low), np.ones((3, 3)))
    numbers = np.arange(count + 1)
    strength = measure.strength(scores, normal.seen)
    if reach is not None:
        strength /= reach.at(roughness_at(normal, noise=measure.noise)).astype(np.float32)
    strongest = ndimage.maximum(strength, labels, numbers)
    kept = (np.bincount(labels.ravel()) >= least_pixels) & (strongest >= high)
    kept[0] = False
    return np.asarray(kept[labels])


def _map_tile(
    pair: PairReader,
    measure: Measure,
    area: Extent | None,
    window: Window,
    *,
    whole: Window,
    threshold: float,
    ignored: Outline | None,
    rough: bool,
) -> tuple[ScoredTile, Codes, TileRegions]:
    """A tile's scores, NaN where it isn't seen, what was observed, and its regions."""
    scored, codes = score_tile(
        pair, measure, area, window, threshold=threshold, ignored=ignored, rough=rough
    )
    regions = regions_in(scored, window=whole)
    shown = np.where(scored.seen, scored.score, np.float32(np.nan))
    return replace(scored, score=shown), codes, regions


def score_tile(
    pair: PairReader,
    measure: Measure,
    area: Extent | None,
    window: Window,
    *,
    threshold: float,
    ignored: Outline | None = None,
    rough: bool = False,
) -> tuple[ScoredTile, Codes]:
    """Scores, candidates and what was observed of a tile; ``area`` is all of it where None.

    ``rough`` asks for how rough the ground is too.
    """
    before, after = pair.read(window)
    padded = window.padded(pair.halo)
    errors = pair.errors(padded)
    codes = codes_of(pair, padded, before, after, errors, ignored=ignored)
    seen = codes.valid == 0
    spill = gradients(after.data, after.valid)
    spill *= errors
    # With its margin, at which outline and measure look; its own border is of no worth.
    normal = measure.normalised(
        Pair(
            before=before.data,
            after=after.data,
            spill=spill,
            error=errors,
            seen=seen,
            top=padded.top,
            left=padded.left,
        )
    )
    result = measure.scored(normal)
    candidate = measure.candidates(normal, result.score, above=threshold)
    inside = np.ones(window.shape, bool) if area is None else area.mask(crop(pair.grid, window))
    own = window.within(padded)
    scored = ScoredTile(
        window=window,
        score=result.score[own],
        strength=measure.strength(result, normal.seen)[own],
        signed=result.signed[own],
        candidate=candidate[own],
        seen=seen[own],
        beside_unseen=beside(~seen)[own],
        inside=inside,
        steps=steps_of(normal, window, noise=measure.noise) if rough else None,
    )
    return scored, codes.cut(*own)
