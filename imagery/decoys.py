"""Regions that the map's own way finds where nothing happened."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window, spread_out, tiles_over
from imagery.blockwise import Progress, map_tiles
from imagery.decision import (
    TILE_SIDE,
    Ask,
    Decoys,
    Kind,
    check_within_reach,
    count_seen,
    cut_tiles,
    join,
)
from imagery.errors import TwopassError
from imagery.fitted import FittedPair, fit_pair
from imagery.grid import Extent, Plan, window_of
from imagery.masks import LeftOut
from imagery.measure import Measure
from imagery.nulls import fit_residuals, look, null_of
from imagery.options import DetectOptions, SceneOptions
from imagery.regions import TileRegions, label_regions, regions_in
from imagery.roughness import Cells
from imagery.sampling import MAX_TILES, MAX_WINDOWS, Pair, PairReader
from imagery.scene import Scene
from imagery.scoring import least_pixels, score_tile

_ALARMS = 16.0
"""False alarms at the rate asked for that a simulated null should hold, so that the cut rests on
more than a few."""

_TIMES_AREA = 8.0
"""How many times the area a simulated null covers where a share of false changes is asked for."""

_MOST_PIXELS = 48e6
"""Pixels of a simulated null at the most: a minute or two of work."""

_UPPER = (0.99, 0.995, 0.999)
"""Quantiles by which a null's strengths are held against the pair's."""

_AWAY = 4
"""Pixels around a change that its blur may reach."""

_STRENGTHS = 2000
"""Strengths kept of each compute tile, for the comparison with the pair."""


@dataclass(frozen=True, kw_only=True)
class Quiet:
    """How quiet places are looked at."""

    extent: Callable[[Scene, Scene], Extent | None] | None
    left_out: LeftOut
    options: DetectOptions
    folder: Path
    """For files that are removed again."""

    executor: Executor
    tell: Callable[[Progress], None]


def decoys_for(
    ask: Ask, fitted: FittedPair, *, high: float, area_km2: float, how: Quiet
) -> Decoys | None:
    """Regions of quiet pairs and quiet areas, else of a simulated null where a rate is asked.

    Parameters
    ----------
    ask
        What the user asks.
    fitted
        The pair that is decided on.
    high
        The strength from which regions count as changes where the null's noise is gathered.
    area_km2
        The area of interest.
    how
        The rest of what the pair's own way was given.

    Returns
    -------
    Decoys or None
        None where nothing is asked and the user named no quiet place.

    Raises
    ------
    InputError, AlignmentError
        If a quiet pair can't be used; the message says so.
    """
    found = [*_of_pairs(how), *_of_area(fitted, how)]
    if found:
        return join(found)
    if ask.nothing:
        return None
    return join(list(_simulated(ask, fitted, high=high, area_km2=area_km2, how=how)))


def _of_pairs(how: Quiet) -> Iterator[Decoys]:
    pairs = how.options.decision.quiet_pair
    for number, names in enumerate(pairs):
        how.tell(Progress("decoys", number, len(pairs)))
        # Images that had to be put on the ground lie in the scratch folder while they are read.
        with tempfile.TemporaryDirectory(dir=how.folder) as scratch, ExitStack() as undo:
            try:
                quiet = fit_pair(
                    *(Path(name) for name in names),
                    folder=Path(scratch),
                    scratch=Path(scratch),
                    extent=how.extent,
                    seams=None,
                    left_out=LeftOut(),
                    options=_for_others(how.options),
                    executor=how.executor,
                    tell=lambda _: None,
                    examine=None,
                    undo=undo,
                )
            except TwopassError as error:
                raise type(error)(
                    f"a quiet pair can't be used: {error.message}",
                    found=error.found,
                    needed=error.needed,
                    option=error.option or "--quiet-pair",
                ) from error
            window = whole_tiles(quiet.plan.estimation)
            # By number too: files of many folders have one name, and often no date.
            name = f"{number + 1}: {_name(quiet)}" if len(pairs) > 1 else _name(quiet)
            yield _looked("quiet pairs", quiet, quiet.pair, window, name=name, how=how)
        how.tell(Progress("decoys", number + 1, len(pairs)))


def _for_others(options: DetectOptions) -> DetectOptions:
    """The options without what they say of the two images themselves."""
    return replace(
        options,
        before=SceneOptions(bands=options.before.bands),
        after=SceneOptions(bands=options.after.bands),
        masks=replace(options.masks, mask=None, ignore=None),
        coregister=replace(options.coregister, ties=None, seams=None),
    )


def _name(fitted: FittedPair) -> str:
    return ", ".join(f"{scene.name} ({scene.acquisition})" for scene in fitted.scenes.values())


def _of_area(fitted: FittedPair, how: Quiet) -> Iterator[Decoys]:
    area = how.left_out.quiet
    if area is None:
        return
    window = whole_tiles(window_of(area, fitted.plan.geobox).clipped(fitted.plan.estimation))
    name = how.left_out.files["--quiet-area"].name
    yield _looked("quiet areas", fitted, fitted.pair, window, name=name, how=how, area=area)


def _simulated(
    ask: Ask, fitted: FittedPair, *, high: float, area_km2: float, how: Quiet
) -> Iterator[Decoys]:
    """Realisations of the pair's null, as many as the rate asked for needs."""
    plan, measure, name = fitted.plan, fitted.measure, "the scene itself"
    window = whole_tiles(plan.estimation)
    pixels = max(window.height * window.width, 1)
    most = max(1, math.floor(_MOST_PIXELS / pixels))
    check_within_reach(
        ask,
        Decoys(
            kind="simulated",
            tiles=(np.zeros(0),) * (most * (window.height * window.width // TILE_SIDE**2)),
            tile_km2=TILE_SIDE**2 * fitted.pixel_km2,
            pairs=(name,),
        ),
        area_km2=area_km2,
    )
    rate = ask.per_km2(area_km2)
    wanted_km2 = _TIMES_AREA * area_km2 if rate is None else _ALARMS / rate
    count = min(math.ceil(wanted_km2 / (pixels * fitted.pixel_km2)), most)
    found = fitted.kept_changes(high=high, options=how.options)
    residuals = fit_residuals(
        fitted.pair,
        spread_out(list(tiles_over(plan.estimation)), most=MAX_TILES),
        radiometry=fitted.radiometry,
        noise=measure.noise,
        found=found,
        executor=how.executor,
    )
    nulls = [
        null_of(
            fitted.pair,
            radiometry=fitted.radiometry,
            noise=measure.noise,
            residuals=residuals,
            seed=seed,
        )
        for seed in range(count)
    ]
    wider = widening(fitted.pair, nulls[0], measure, plan, found=found, executor=how.executor)
    for seed, null in enumerate(nulls):
        how.tell(Progress("decoys", seed, count))
        yield _looked("simulated", fitted, null, window, name=name, how=how, wider=wider)
    how.tell(Progress("decoys", count, count))


def widening(
    pair: PairReader,
    null: PairReader,
    measure: Measure,
    plan: Plan,
    *,
    found: Callable[[Pair], NDArray[np.bool_]],
    executor: Executor,
) -> float:
    """How many times as strong the pair's own upper bulk is as its null's, 1 at the least.

    A simulation forgets something, and errs towards too few false alarms.  Where nothing is found
    in the pair, its strengths from the 99 % to the 99.9 % quantile should be those of the null; if
    they are higher, whatever the reason, the null's are raised to them.
    """
    windows = spread_out(list(tiles_over(plan.estimation)), most=MAX_WINDOWS)

    def upper(reader: PairReader) -> NDArray[np.float64]:
        work = partial(_unfound, reader, measure, found)
        parts = [part for _, part in map_tiles(work, windows, executor=executor)]
        return np.quantile(np.concatenate(parts), _UPPER)

    return float(max(np.max(upper(pair) / np.maximum(upper(null), 1e-6)), 1.0))


def _unfound(
    reader: PairReader, measure: Measure, found: Callable[[Pair], NDArray[np.bool_]], window: Window
) -> NDArray[np.float32]:
    """Strengths of a window's seen pixels, away from what the decision keeps."""
    pair = look(reader, window)
    kept = ndimage.binary_dilation(found(pair), np.ones((3, 3)), iterations=_AWAY)
    strength = measure.strength(measure.score(pair), pair.seen)
    own = window.within(window.padded(reader.halo))
    return np.asarray(strength[own][(pair.seen & ~kept)[own]])


def _looked(
    kind: Kind,
    fitted: FittedPair,
    pair: PairReader,
    window: Window,
    *,
    name: str,
    how: Quiet,
    area: Extent | None = None,
    wider: float = 1.0,
) -> Decoys:
    """The regions of a window of whole tiles, by the pair's own measure and cut.

    ``wider`` raises every score.
    """
    low = fitted.cut.value / wider
    seen = np.zeros((window.height // TILE_SIDE, window.width // TILE_SIDE), np.int64)
    sample: list[NDArray[np.float32]] = [np.zeros(0, np.float32)]
    cells = Cells.over(window)

    def results() -> Iterator[TileRegions]:
        run = partial(score_tile, pair, fitted.measure, area, threshold=low, rough=True)
        for tile, (scored, _) in map_tiles(run, tiles_over(window), executor=how.executor):
            rows, cols = (
                slice(place.start // TILE_SIDE, -(-place.stop // TILE_SIDE))
                for place in tile.within(window)
            )
            here = scored.seen & scored.inside
            seen[rows, cols] = count_seen(here)
            cells.add(replace(scored, strength=wider * scored.strength))
            strengths = wider * scored.strength[here]
            sample.append(strengths[:: max(1, len(strengths) // _STRENGTHS)])
            yield regions_in(scored, window=window)

    with tempfile.TemporaryFile(dir=how.folder) as scratch:
        regions = label_regions(
            results(),
            window=window,
            least_pixels=least_pixels(fitted.plan, how.options),
            spool=scratch,
        ).regions
    rows, cols = np.divmod(regions.peak, max(window.width, 1))
    scores, roughness = wider * regions.strength, cells.at(regions.peak)
    members, tile_km2 = cut_tiles(rows, cols, scores, seen=seen, pixel_km2=fitted.pixel_km2)
    return Decoys(
        kind=kind,
        tiles=tuple(scores[of] for of in members),
        roughness=tuple(roughness[of] for of in members),
        tile_km2=tile_km2,
        pairs=(name,),
        strengths=(np.concatenate(sample),),
        ground=cells.ground(pixel_km2=fitted.pixel_km2),
    )


def whole_tiles(window: Window) -> Window:
    """The largest window of whole decoy tiles within another."""
    top, left = (-(-start // TILE_SIDE) * TILE_SIDE for start in (window.top, window.left))
    bottom, right = (end // TILE_SIDE * TILE_SIDE for end in (window.bottom, window.right))
    return Window(top, left, max(top, bottom), max(left, right))
