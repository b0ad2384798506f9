"""Two files as a pair: how comparable they are, and what a comparison would do with them."""

from __future__ import annotations

from dataclasses import dataclass

from aoi.inspection._model import Inspected
from aoi.inspection._overlap import Overlap, area_shared, overlap
from aoi.places import Area
from imagery.bands import BandPairs, pair_bands
from imagery.comparability import Comparability, Pass, compare
from imagery.errors import InputError, TwopassError
from imagery.grid import LARGEST_RATIO, Plan, plan_pair
from imagery.options import GridOptions
from imagery.record import Caution
from imagery.scene import check_order


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What is known of two files together; None where it can't be told."""

    comparability: Comparability | None = None
    plan: Plan | None = None
    bands: BandPairs | None = None
    overlap: Overlap | None = None
    area: str | None = None
    """The area's name; None where none was asked for."""

    area_shared: float | None = None
    """Share of the area that lies in both; None where that can't be told."""

    refusal: TwopassError | None = None
    """Why ``twopass detect`` would not compare them."""

    @property
    def cautions(self) -> tuple[Caution, ...]:
        parts = (self.comparability, self.plan, self.bands)
        return tuple(caution for part in parts if part is not None for caution in part.cautions)


def inspect_pair(before: Inspected, after: Inspected, *, area: Area | None = None) -> Pair:
    """Tell of two files in the order in which they would be compared.

    Parameters
    ----------
    before, after
        What is known of each.
    area
        An area that both are to show.
    """
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
    else:
        refusal = _unlike_sizes(before, after)
    common = shared = None
    if before.georeferenced == after.georeferenced:
        common = overlap(before.footprint, after.footprint, georeferenced=before.georeferenced)
        if area is not None and area.georeferenced == before.georeferenced:
            shared = area_shared(area, before.footprint, after.footprint)
    refusal = refusal or _apart(before, after, common, area=area, shared=shared)
    return Pair(
        comparability=_comparability(before, after, plan),
        plan=plan,
        bands=bands,
        overlap=common,
        area=None if area is None else area.name,
        area_shared=shared,
        refusal=refusal,
    )


def _comparability(before: Inspected, after: Inspected, plan: Plan | None) -> Comparability | None:
    sizes = [size for one in (before, after) if (size := one.pixel_size_m) is not None]
    if plan is not None:
        sizes = [plan.pixel_size_m]
    if not sizes:
        return None
    first, second = (Pass(acquisition=one.acquisition, facts=one.facts) for one in (before, after))
    return compare(first, second, pixel_size_m=max(sizes))


def _apart(
    before: Inspected,
    after: Inspected,
    common: Overlap | None,
    *,
    area: Area | None,
    shared: float | None,
) -> InputError | None:
    """Why there is nothing to compare on the ground; None where there is."""
    if common is not None and common.area_m2 == 0:
        return InputError(
            f"{before.name} and {after.name} share no ground", needed="two images of one place"
        )
    if area is not None and shared == 0:
        return InputError(
            f"none of the area lies in both {before.name} and {after.name}",
            found=area.name,
            needed="an area that both show",
            option="--aoi",
        )
    return None


def _unlike_sizes(before: Inspected, after: Inspected) -> InputError | None:
    """Pixels of images that aren't here, as different as no grid is made of."""
    sizes = {
        one.name: size for one in (before, after) if (size := one.pixel_size_m) is not None and size
    }
    if len(sizes) < 2:
        return None
    finer, coarser = sorted(sizes, key=lambda name: sizes[name])
    ratio = sizes[coarser] / sizes[finer]
    if ratio <= LARGEST_RATIO:
        return None
    return InputError(
        f"{finer} is {ratio:,.1f} times finer than {coarser}",
        found=f"{sizes[finer]:g} m against {sizes[coarser]:g} m a pixel",
        needed=f"a ratio up to {LARGEST_RATIO:g}",
        option="--resolution",
    )
