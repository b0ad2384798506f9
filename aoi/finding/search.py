"""A search from the question to ranked pairs, and its file, from which scenes are fetched."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely
from shapely.errors import ShapelyError

from aoi.finding.api import search_api
from aoi.finding.archive import search_archive
from aoi.finding.files import moved_hrefs, read_json
from aoi.finding.item import Item, read_item
from aoi.finding.pairs import (
    Candidate,
    Pair,
    bands_apart,
    candidates,
    clear_enough,
    newest_versions,
    pairs_of,
)
from aoi.finding.query import Days, Query
from aoi.finding.sources import Source, api_named, is_address
from aoi.output import write_whole
from aoi.places import Area
from imagery.errors import InputError, UsageError
from imagery.record import Caution, to_json

if TYPE_CHECKING:
    from aoi.finding.reach import Signer

KIND = "twopass search"


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a search found, the best first."""

    area: Area
    source: str
    before: tuple[Candidate, ...]
    after: tuple[Candidate, ...]
    pairs: tuple[Pair, ...]
    cautions: tuple[Caution, ...]
    single: bool
    """Whether scenes of one date alone were asked for."""


def search(
    area: Area,
    *,
    source: str | Path,
    before: Days | None,
    after: Days | None,
    collections: Sequence[str] = (),
    max_cloud: float = 100.0,
    pad_km: float = 0.0,
    undated: bool = False,
    read_masks: bool = False,
    signer: Signer | None = None,
) -> Found:
    """Find scenes of an area, and pairs of them.

    Parameters
    ----------
    area
        On the Earth.
    source
        A STAC API by name or address, or an archive's file.
    before, after
        The days; with one alone, scenes are found and no pairs.
    collections
        Those of the source that are wanted; the source's usual ones where none.
    max_cloud
        Scenes with more cloud than this, in per cent, are left out.
    pad_km
        How much larger a box the source is asked for; see :func:`aoi.finding.query.padded`.
    undated
        Whether scenes of an archive without a date are wanted too.
    read_masks
        Whether masks of clouds are read over the area.
    signer
        Signs addresses that want it.

    Raises
    ------
    UsageError, InputError
        If the source is none, or doesn't answer.
    """
    asked = [days for days in (before, after) if days is not None]
    items: list[tuple[Item, ...]] = []
    cautions: list[Caution] = []
    spans: list[Days | None] = [*asked] or [None]
    for days in spans:
        query = Query(
            area=area, days=days, collections=tuple(collections), pad_km=pad_km, undated=undated
        )
        found, told = _ask(source, query)
        found, older = newest_versions(found)
        items.append(found)
        cautions += [*told, *older]
    clouds: dict[tuple[str, str], float] = {}
    if read_masks:
        from aoi.finding.clouds import clouds_over
        from aoi.finding.reach import Signer

        every = {(i.collection, i.id): i for part in items for i in part}
        clouds, told = clouds_over(every.values(), area, signer=signer or Signer())
        cautions += told
    scenes = [
        clear_enough(candidates(part, area, clouds=clouds), max_cloud=max_cloud) for part in items
    ]
    hidden = sum(map(len, items)) - sum(map(len, scenes))
    if hidden:
        text = f"{hidden} scene(s) with more than {max_cloud:g} % cloud are left out."
        cautions.append(Caution("too-cloudy", text))
    single = len(scenes) < 2
    if not all(scenes) and isinstance(source, Path):
        cautions += _elsewhen(
            source, area, [d for d, s in zip(spans, scenes, strict=True) if not s]
        )
    if before is not None and after is not None and before.start > after.end:
        text = "The earlier scene's days lie after the later one's: exchange --before and --after."
        cautions.append(Caution("dates-reversed", text))
    if not single:
        cautions += bands_apart(scenes[0], scenes[1])
    return Found(
        area=area,
        source=source.name if isinstance(source, Path) else _api(source).name,
        before=scenes[0],
        after=() if single else scenes[1],
        pairs=() if single else pairs_of(scenes[0], scenes[1]),
        cautions=tuple(dict.fromkeys(cautions)),
        single=single,
    )


def _elsewhen(archive: Path, area: Area, spans: Sequence[Days | None]) -> list[Caution]:
    """What an archive has at a place where it has nothing of the days asked for."""
    there, _ = search_archive(archive, Query(area=area, undated=True))
    dated = [item for item in there if item.acquisition.start is not None]
    told = []
    if not there:
        told.append(Caution("none-there", "No scene of the archive shows any of the area."))
    for days in spans:
        if days is None or not dated:
            continue
        near = sorted(dated, key=lambda item: _far(item, days))[:3]
        text = (
            f"{len(dated)} dated scene(s) show the area, none of {days.start:%Y-%m-%d} to "
            f"{days.end:%Y-%m-%d} that is wanted; the nearest: "
            + ", ".join(dict.fromkeys(str(item.acquisition) for item in near))
        )
        told.append(Caution("other-dates", text))
    if len(there) > len(dated):
        text = (
            f"{len(there) - len(dated)} scene(s) without a date show the area: archive search "
            "--undated lists them."
        )
        told.append(Caution("undated-there", text))
    return told


def _far(item: Item, days: Days) -> float:
    when: Any = item.acquisition
    gaps = (when.start - days.end, days.start - when.end)
    return float(max(gap.total_seconds() for gap in gaps))


def _ask(source: str | Path, query: Query) -> tuple[tuple[Item, ...], tuple[Caution, ...]]:
    if isinstance(source, Path):
        return search_archive(source, query)
    return search_api(_api(source), query)


def _api(source: str) -> Source:
    return api_named(source)


# As a file


def told(found: Found, *, limit: int) -> dict[str, Any]:
    """The search as JSON values, without the items."""
    pairs = [_told_pair(n, pair) for n, pair in enumerate(found.pairs[:limit], start=1)]
    scenes = [_told_scene(n, one) for n, one in enumerate(found.before[:limit], start=1)]
    return {
        "kind": KIND,
        "schema": 1,
        "source": found.source,
        "area": {
            "name": found.area.name,
            "geometry": json.loads(shapely.to_geojson(found.area.geometry)),
        },
        "found": {
            "before": len(found.before),
            "after": len(found.after),
            "pairs": len(found.pairs),
        },
        ("scenes" if found.single else "pairs"): scenes if found.single else pairs,
        "warnings": to_json(found.cautions),
    }


def _told_pair(number: int, pair: Pair) -> dict[str, Any]:
    values = pair.comparability
    return {
        "pair": number,
        "before": _told_scene(None, pair.before),
        "after": _told_scene(None, pair.after),
        "covered": round(pair.covered, 4),
        "comparability": {
            "penalty": round(values.penalty, 3),
            "days": values.days,
            "season_days": values.season_days,
            "sun_elevation_change_deg": values.sun_elevation_change_deg,
            "sun_azimuth_change_deg": values.sun_azimuth_change_deg,
            "shadow_px": values.shadow_px,
            "lean_px": values.lean_px,
            "same_orbit": values.same_orbit,
            "same_platform": values.same_platform,
            "sentences": list(values.sentences),
            "warnings": to_json(values.cautions),
        },
    }


def _told_scene(number: int | None, one: Candidate) -> dict[str, Any]:
    item = one.item
    return ({} if number is None else {"scene": number}) | {
        "id": item.id,
        "collection": item.collection or None,
        "date": str(item.acquisition),
        "platform": item.text("platform") or None,
        "covered": round(one.covered, 4),
        "footprint": item.footprint_of,
        "cloud": one.cloud,
        "cloud_over": one.cloud_over,
        "gsd": item.number("gsd"),
        "off_nadir": item.number("view:off_nadir"),
        "sun_elevation": item.number("view:sun_elevation"),
        "sun_azimuth": item.number("view:sun_azimuth"),
        "credit": item.text("credit") or None,
        "license": item.text("license") or None,
    }


def write_search(found: Found, path: Path, *, limit: int) -> None:
    """Write a search with the items of what it lists, for ``fetch``.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    listed = (
        found.before[:limit]
        if found.single
        else tuple(one for pair in found.pairs[:limit] for one in (pair.before, pair.after))
    )
    folder = path.absolute().parent
    items = {
        (one.item.collection, one.item.id): moved_hrefs(dict(one.item.raw), one.item.base, folder)
        for one in listed
    }
    content = told(found, limit=limit)
    content["items"] = {"type": "FeatureCollection", "features": list(items.values())}
    text = json.dumps(to_json(content), indent=1, ensure_ascii=False) + "\n"
    write_whole(path, text.encode(), option="--out")


def listed_items(path: Path, *, number: int | None) -> tuple[tuple[Item, ...], Area | None]:
    """The items of a pair (or scene) of a search's file, or the one item that a file holds.

    Parameters
    ----------
    path
        What :func:`write_search` wrote, or a STAC item.
    number
        The pair's or scene's number, from 1.

    Returns
    -------
    (items, area)
        The area of the search; None for an item.

    Raises
    ------
    UsageError
        If there is no such pair.
    InputError
        If the file is neither.
    """
    content = read_json(path)
    base = str(path.absolute().parent)
    if not isinstance(content, dict) or content.get("kind") != KIND:
        return (read_item(content, base=base),), None
    try:
        rows: Any = content.get("pairs", content.get("scenes"))
        if number is None or not 1 <= number <= len(rows):
            raise UsageError(
                f"{path.name}: lists {len(rows)}, and one of them is to be fetched",
                found="none named" if number is None else number,
                needed=f"1 to {len(rows)}",
                option="--pair",
            )
        row = rows[number - 1]
        wanted = [row[role] for role in ("before", "after")] if "before" in row else [row]
        every = [read_item(raw, base=base) for raw in content["items"]["features"]]
        by_key = {(item.collection or None, item.id): item for item in every}
        items = tuple(by_key[scene["collection"], scene["id"]] for scene in wanted)
        area = Area(
            name=str(content["area"]["name"])[:200],
            geometry=shapely.geometry.shape(content["area"]["geometry"]),
            source=f"search {path.name}",
        )
    except (KeyError, TypeError, AttributeError, IndexError, ShapelyError) as error:
        raise InputError(
            f"{path.name}: is not as twopass search writes it",
            found=f"{type(error).__name__}: {error}"[:200],
            needed="an untouched file of twopass search --out",
        ) from error
    return items, area


def source_named(text: str, *, archive: Path) -> str | Path:
    """What ``--source`` means: ``archive`` for one's own, an archive's file, or a STAC API.

    Raises
    ------
    UsageError
        If it is none of these.
    """
    if text == "archive":
        return archive
    if not is_address(text) and text.lower().endswith((".parquet", ".geoparquet")):
        return Path(text)
    return _api(text).name if not is_address(text) else text
