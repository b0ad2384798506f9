"""From a fitted pair and what is asked to the decision on its regions."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from functools import partial

import numpy as np

from imagery.blocks import spread_out, tiles_over
from imagery.decision import Ask, Decision, a_contrario, decide, fit_null, parse_ask
from imagery.decoys import Quiet, decoys_for
from imagery.errors import InputError, UsageError
from imagery.fitted import FittedPair
from imagery.injected import Missed, completeness
from imagery.observed import Observed
from imagery.options import DetectOptions
from imagery.regions import Regions
from imagery.roughness import Cells
from imagery.scoring import Decide

_INJECTED_TILES = 6
"""Tiles that objects are put into, to learn what would be missed."""


def ask_of(options: DetectOptions) -> Ask:
    """What the options ask for.

    Raises
    ------
    UsageError
        If they ask for several things, or for one that makes no sense.
    """
    asked, rule = options.decision, options.threshold.threshold
    if asked.quiet_pair and asked.quiet_area:
        raise UsageError(
            "quiet pairs and quiet areas say how often a false alarm comes in different ways",
            found="--quiet-pair and --quiet-area",
            needed="one of them",
            option="--quiet-area",
        )
    return parse_ask(
        max_false_alarms=asked.max_false_alarms,
        confidence=asked.confidence,
        fdr=asked.fdr,
        rule=None if rule == "auto" else rule,
    )


def decider(fitted: FittedPair, how: Quiet) -> Decide:
    """The decision on regions, with the decoys that it rests on.

    Raises
    ------
    RateError
        If the rate asked for can't be honoured, before the map is made.
    """
    plan, measure = fitted.plan, fitted.measure
    ask = ask_of(how.options)
    null = fit_null(measure.singles(fitted.sample))
    pixel_km2 = fitted.pixel_km2
    around = plan.display.height * plan.display.width * pixel_km2
    area_km2 = around if fitted.area is None else fitted.area.area_m2 / 1e6
    high = a_contrario(null, pixels=math.ceil(area_km2 / pixel_km2))
    decided = partial(
        decide,
        ask,
        decoys=fitted.kept.done(
            "decoys", partial(decoys_for, ask, fitted, high=high, area_km2=area_km2, how=how)
        ),
        # They are held against those of decoys that are asked; else nobody looks at them.
        strengths=np.zeros(0, np.float32) if ask.nothing else measure.strengths(fitted.sample),
        null=null,
        rule=_rule(fitted, how.options),
        doubts=_doubts(fitted, how.options),
    )
    if ask.max_false_alarms is not None:
        decided(regions=np.zeros(0), area_km2=area_km2, pixels=1)

    def of_map(regions: Regions, observed: Observed, cells: Cells) -> Decision:
        return decided(
            regions=regions.strength,
            roughness=cells.at(regions.peak),
            area_km2=observed.seen * pixel_km2,
            ground=cells.ground(pixel_km2=pixel_km2),
            pixels=observed.seen,
        )

    return of_map


def _rule(fitted: FittedPair, options: DetectOptions) -> str | None:
    """The rule that pixels are cut by, where it leaves nothing for regions to decide."""
    return None if options.threshold.threshold == "auto" else fitted.cut.rule


def _doubts(fitted: FittedPair, options: DetectOptions) -> tuple[str, ...]:
    """What no likeness of unchanged pixels would show: clouds come and go."""
    if options.masks.clouds == "suspected":  # they are masked, then
        return ()
    found = {caution.code for caution in fitted.clouds.cautions}
    return tuple(
        f"clouds are suspected in {scene.name} and not masked, and nothing tells that the decoys "
        "have as many"
        for role, scene in fitted.scenes.items()
        if f"clouds-suspected-{role}" in found
    )


def what_is_missed(
    fitted: FittedPair, decision: Decision, *, options: DetectOptions, executor: Executor
) -> Missed | None:
    """What would be missed at a rate that was asked for; None where too little is unchanged."""
    if decision.asked is None:
        return None
    found = fitted.kept_changes(high=decision.high, options=options, reach=decision.reach)
    # Of the area, where that has room; the surroundings may be of another kind.
    for window, area in ((fitted.plan.display, fitted.area), (fitted.plan.estimation, None)):
        try:
            return completeness(
                fitted.pair,
                spread_out(list(tiles_over(window)), most=_INJECTED_TILES),
                found=found,
                pixel_size_m=fitted.plan.pixel_size_m,
                executor=executor,
                area=area,
            )
        except InputError:
            continue
    return None
