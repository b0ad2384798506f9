"""From a fitted pair and what is asked to the decision on its regions."""

from __future__ import annotations

import math
from concurrent.futures import Executor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import spread_out, tiles_over
from imagery.decision import Ask, Decision, a_contrario, decide, fit_null, parse_ask
from imagery.decoys import Quiet, decoys_for
from imagery.errors import InputError, UsageError
from imagery.fitted import FittedPair
from imagery.injected import Missed, completeness
from imagery.observed import Observed
from imagery.options import DetectOptions
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
    singles = measure.singles(fitted.sample)
    pixel_km2 = fitted.pixel_km2
    around = plan.display.height * plan.display.width * pixel_km2
    area_km2 = around if fitted.area is None else fitted.area.area_m2 / 1e6
    high = a_contrario(fit_null(singles), pixels=math.ceil(area_km2 / pixel_km2))
    decided = partial(
        decide,
        ask,
        decoys=decoys_for(ask, fitted, high=high, area_km2=area_km2, how=how),
        # They are held against those of decoys that are asked; else nobody looks at them.
        strengths=np.zeros(0, np.float32) if ask.nothing else measure.strengths(fitted.sample),
        singles=singles,
        rule=_rule(fitted, how.options),
    )
    if ask.max_false_alarms is not None:
        decided(scores=np.zeros(0), area_km2=area_km2, pixels=1)

    def of_map(scores: NDArray[np.float64], observed: Observed) -> Decision:
        return decided(scores=scores, area_km2=observed.seen * pixel_km2, pixels=observed.seen)

    return of_map


def _rule(fitted: FittedPair, options: DetectOptions) -> str | None:
    """The rule that pixels are cut by, where it leaves nothing for regions to decide."""
    return None if options.threshold.threshold == "auto" else fitted.cut.rule


def what_is_missed(
    fitted: FittedPair, decision: Decision, *, options: DetectOptions, executor: Executor
) -> Missed | None:
    """What would be missed at a rate that was asked for; None where too little is unchanged."""
    if decision.asked is None:
        return None
    found = fitted.kept_changes(high=decision.high, options=options)
    # Of the area, where that has room; the surroundings may be of another kind.
    for window in (fitted.plan.display, fitted.plan.estimation):
        try:
            return completeness(
                fitted.pair,
                spread_out(list(tiles_over(window)), most=_INJECTED_TILES),
                found=found,
                pixel_size_m=fitted.plan.pixel_size_m,
                executor=executor,
            )
        except InputError:
            continue
    return None
