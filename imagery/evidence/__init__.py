"""A reason beside every change: its kind, and what may explain it away.

A pass over the tiles that hold regions collects sums over each; tests read them.  No test drops a
region.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor

import numpy as np

from imagery.bands import BandPairs
from imagery.blocks import tiles_over
from imagery.blockwise import Progress, map_tiles
from imagery.comparability import Comparability
from imagery.coregister import Alignment
from imagery.evidence import _cover, _defects
from imagery.evidence._collect import TraitReader
from imagery.evidence._kind import kind_of
from imagery.evidence._model import Evidence, Traits, Verdict
from imagery.evidence._parallax import parallax
from imagery.evidence._setting import Setting, setting_of
from imagery.evidence._shadow import shadow
from imagery.grid import Plan
from imagery.measure import Measure
from imagery.sampling import PairReader, Sample
from imagery.scene import Role, Scene
from imagery.scoring import ScoredMap

__all__ = ["TESTS", "Evidence", "Verdict", "gather"]

TESTS: Mapping[str, Callable[[Traits, Setting], Verdict]] = {
    "SHADOW": shadow,
    "PARALLAX": parallax,
    "VEGETATION": _cover.vegetation,
    "WATER": _cover.water,
    "SNOW": _cover.snow,
    "SEAM": _defects.seam,
    "QUALITY": _defects.quality,
    "ALIGNMENT": _defects.alignment,
}
"""The tests, by the flag that each raises."""


def gather(
    plan: Plan,
    scenes: Mapping[Role, Scene],
    bands: BandPairs,
    *,
    pair: PairReader,
    alignment: Alignment,
    comparability: Comparability,
    measure: Measure,
    sample: Sample,
    scored: ScoredMap,
    executor: Executor,
    tell: Callable[[Progress], None],
) -> Evidence:
    """Tell of every region what kind of change it is, and what may explain it away.

    Parameters
    ----------
    plan, scenes, bands, pair, alignment, comparability, measure, sample
        What the steps before found.
    scored
        The regions, and the raster of their ids over the display window of the plan.
    executor, tell
        Runs the tiles; hears of them.
    """
    setting = setting_of(
        plan,
        scenes,
        bands,
        alignment=alignment,
        comparability=comparability,
        measure=measure,
        sample=sample,
        error_px=float(np.median(pair.error.values)),
    )
    reader = TraitReader(
        pair=pair,
        measure=measure,
        setting=setting,
        changes=scored.rasters["change"],
        display=plan.display,
    )
    count = len(scored.regions)
    traits = Traits.none(count, bands=len(bands.names), displacements=len(setting.displacements))
    tiles = list(tiles_over(plan.display)) if count else []
    for number, (_, part) in enumerate(map_tiles(reader, tiles, executor=executor), start=1):
        if part is not None:
            traits.add(*part)
        tell(Progress("evidence", number, len(tiles)))
    return judge(traits, setting)


def judge(traits: Traits, setting: Setting) -> Evidence:
    """Kind and verdicts of every region, from what is known of it."""
    regions = [traits.of(number) for number in range(len(traits.pixels))]
    kinds = [kind_of(region, setting) for region in regions]
    return Evidence(
        kinds=tuple(kind for kind, _ in kinds),
        kind_reasons=tuple(reason for _, reason in kinds),
        verdicts=tuple(
            {name: test(region, setting) for name, test in TESTS.items()} for region in regions
        ),
    )
