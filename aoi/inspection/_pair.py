"""Two files as a pair: how comparable they are, and what a comparison would do with them."""

from __future__ import annotations

from dataclasses import dataclass

from aoi.inspection._model import Inspected
from imagery.bands import BandPairs, pair_bands
from imagery.comparability import Comparability, Pass, compare
from imagery.errors import TwopassError
from imagery.grid import Plan, plan_pair
from imagery.options import GridOptions
from imagery.record import Caution
from imagery.scene import check_order


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is known of two files together; None where it can't be told."""

    comparability: Comparability | None = None
    plan: Plan | None = None
    bands: BandPairs | None = None
    refusal: TwopassError | None = None
    """Why ``twopass detect`` would not compare them."""

    @property
    def cautions(self) -> tuple[Caution, ...]:
        parts = (self.comparability, self.plan, self.bands)
        return tuple(caution for part in parts if part is not None for caution in part.cautions)


def inspect_pair(before: Inspected, after: Inspected) -> Pair:
    """Tell of two files in the order in which they would be compared."""
    if before.refusal is not None or after.refusal is not None:
        return Pair(refusal=before.refusal or after.refusal)
    plan, bands, refusal = None, None, None
    if before.scene is not None and after.scene is not None:
        try:
            check_order(before.scene, after.scene, allow_reversed=False)
            plan = plan_pair(before.scene, after.scene, None, options=GridOptions())
            bands = pair_bands(before.scene, after.scene, explicit=False)
        except TwopassError as error:
            refusal = error
    sizes = [size for one in (before, after) if (size := one.pixel_size_m) is not None]
    if plan is not None:
        sizes = [plan.pixel_size_m]
    if not sizes:
        return Pair(plan=plan, bands=bands, refusal=refusal)
    first, second = (Pass(acquisition=one.acquisition, facts=one.facts) for one in (before, after))
    comparability = compare(first, second, pixel_size_m=max(sizes))
    return Pair(comparability=comparability, plan=plan, bands=bands, refusal=refusal)
