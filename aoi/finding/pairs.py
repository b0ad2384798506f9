"""From items to candidate pairs, the most useful first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aoi.finding.item import Item
from aoi.finding.query import covered_share
from imagery.bands import canonical_name
from imagery.record import Caution

if TYPE_CHECKING:
    from aoi.places import Area
    from imagery.comparability import Comparability

MOST_FINER = 4.0
"""An image more times finer than the other than this is no pair: detect refuses it."""

_SIZE_UNKNOWN_M = 10.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """A scene that shows some of the area."""

    item: Item
    covered: float
    """Share of the area inside the scene's outline, 0 to 1."""

    cloud: float | None = None
    """Share of cloud in per cent; None where nobody says."""

    cloud_over: str = "scene"
    """Of what: ``"scene"`` as the catalogue says it, ``"area"`` as its mask says it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pair:
    """A scene before and one after, and how comparable they are."""

    before: Candidate
    after: Candidate
    comparability: Comparability

    @property
    def covered(self) -> float:
        """The lesser share of the area."""
        return min(self.before.covered, self.after.covered)

    @property
    def cloud(self) -> float | None:
        """The greater share of cloud; None where one isn't known."""
        both = (self.before.cloud, self.after.cloud)
        return None if None in both else max(c for c in both if c is not None)


def candidates(
    items: Iterable[Item],
    area: Area,
    *,
    clouds: Mapping[tuple[str, str], float] | None = None,
) -> tuple[Candidate, ...]:
    """Items as candidates, the best first.

    Parameters
    ----------
    items
        They meet the area.
    area
        The area.
    clouds
        Cloud over the area in per cent, by collection and id, where masks were read.
    """
    found = []
    for item in items:
        over = (clouds or {}).get((item.collection, item.id))
        cloud = item.number("eo:cloud_cover") if over is None else over
        found.append(
            Candidate(
                item=item,
                covered=covered_share(item, area),
                cloud=cloud,
                cloud_over="scene" if over is None else "area",
            )
        )
    return tuple(sorted(found, key=lambda c: (*_seen(c.covered, c.cloud), *_when(c.item))))


def clear_enough(found: Iterable[Candidate], *, max_cloud: float) -> tuple[Candidate, ...]:
    """Candidates without more cloud than that; where nobody says, they stay."""
    return tuple(c for c in found if c.cloud is None or c.cloud <= max_cloud)


def pairs_of(before: Sequence[Candidate], after: Sequence[Candidate]) -> tuple[Pair, ...]:
    """Every pair of comparable sensors, ranked.

    Notes
    -----
    The order is by what is seen first: the share of the area in steps of 5 %, cloud in steps of
    10 %; then by how comparable the two are (lean, shadow, season, orbit); then by cloud itself.
    """
    from imagery.comparability import Pass, compare

    found = []
    names = [bands_of(two.item) for two in after]
    for one in before:
        own = bands_of(one.item)
        for two, other in zip(after, names, strict=True):
            if not (bands_fit(own, other) and _comparable(one.item, two.item)):
                continue
            sizes = [c.item.number("gsd") or _SIZE_UNKNOWN_M for c in (one, two)]
            passes = [Pass(acquisition=c.item.acquisition, facts=c.item.facts) for c in (one, two)]
            comparability = compare(passes[0], passes[1], pixel_size_m=max(sizes))
            found.append(Pair(before=one, after=two, comparability=comparability))
    return tuple(sorted(found, key=_rank))


def bands_of(item: Item) -> frozenset[str]:
    """The common names of an item's bands; empty where it doesn't tell them."""
    return frozenset(
        band.name
        for asset in item.assets.values()
        if asset.is_image
        for band in asset.bands
        if canonical_name(band.name)
    )


def bands_fit(before: frozenset[str], after: frozenset[str]) -> bool:
    """Whether two scenes have a band in common, or both don't tell theirs."""
    return bool(before & after) or not (before or after)


def bands_apart(before: Iterable[Candidate], after: Iterable[Candidate]) -> tuple[Caution, ...]:
    """A caution where scenes are no pairs for want of a band in common."""
    firsts, seconds = (Counter(bands_of(one.item) for one in part) for part in (before, after))
    number = sum(
        many * more
        for one, many in firsts.items()
        for two, more in seconds.items()
        if not bands_fit(one, two)
    )
    if not number:
        return ()
    text = f"{number} combination(s) of scenes without a band in common are no pairs."
    return (Caution("bands-apart", text),)


def newest_versions(items: Iterable[Item]) -> tuple[tuple[Item, ...], tuple[Caution, ...]]:
    """Of several processings of one acquisition, the newest alone.

    One acquisition is one platform, one second and one place to a hundredth of a degree, at one
    level of processing; the newest has the highest baseline, then the latest date of its item.
    """
    best: dict[Any, Item] = {}
    dropped: list[str] = []
    for item in items:
        key = _acquisition_key(item)
        other = best.get(key)
        if other is None:
            best[key] = item
        elif _version(item) > _version(other):
            best[key] = item
            dropped.append(f"{other.id} by {item.id}")
        else:
            dropped.append(f"{item.id} by {other.id}")
    if not dropped:
        return tuple(best.values()), ()
    told = "; ".join(dropped[:3]) + ("; ..." if len(dropped) > 3 else "")
    text = f"{len(dropped)} older processing(s) of the same acquisition left out: {told}"
    return tuple(best.values()), (Caution("older-processing", text),)


def _acquisition_key(item: Item) -> Any:
    when = item.acquisition
    if not when.known or when.precision != "second" or not item.text("platform"):
        return (item.collection, item.id)
    place = tuple(round(side, 2) for side in item.footprint.bounds)
    level = item.text("processing:level").upper()
    return (item.text("platform").lower(), when.start, place, level)


def _version(item: Item) -> tuple[Any, ...]:
    properties: Any = item.raw.get("properties") or {}
    dates = (properties.get(name) for name in ("updated", "published", "created"))
    latest = next((date for date in dates if isinstance(date, str)), "")
    return (item.text("processing:baseline"), latest, item.collection, item.id)


def _comparable(before: Item, after: Item) -> bool:
    from imagery.comparability import is_radar

    first, second = before.acquisition, after.acquisition
    if first.known and second.known and not first.end < second.start:  # type: ignore[operator]
        return False
    if is_radar(before.facts) != is_radar(after.facts):
        return False
    sizes = [item.number("gsd") for item in (before, after)]
    if None in sizes:
        return True
    low, high = sorted(size for size in sizes if size is not None)
    return high <= MOST_FINER * low


def _rank(pair: Pair) -> tuple[Any, ...]:
    ids = (pair.before.item.id, pair.after.item.id)
    return (
        *_seen(pair.covered, pair.cloud),
        pair.comparability.penalty,
        101.0 if pair.cloud is None else pair.cloud,
        *ids,
    )


def _seen(covered: float, cloud: float | None) -> tuple[int, int]:
    """Steps of what is seen: nobody's word on cloud counts as 30 %."""
    return -int(covered * 20 + 1e-9), int((30.0 if cloud is None else cloud) // 10)


def _when(item: Item) -> tuple[Any, ...]:
    start = item.acquisition.start if item.acquisition.known else None
    return (start is None, start.isoformat() if start else "", item.collection, item.id)
