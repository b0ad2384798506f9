"""What a search found, and what an archive holds, in lines."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aoi.cli._text import one_line
from aoi.finding.item import Item
from aoi.finding.pairs import Candidate
from aoi.finding.search import Found
from aoi.finding.sources import without_secrets
from aoi.places import Area, load_area
from imagery.errors import TwopassError

if TYPE_CHECKING:
    from aoi.finding.add import Added  # which opens images: a search needs none of that


def search_lines(found: Found, *, limit: int) -> list[str]:
    """Pairs, or scenes, and what the search warns of; an id is never broken, to be copied."""
    lines = [f"source     {one_line(found.source)}", f"area       {one_line(found.area.name)}"]
    if found.single:
        lines.append(f"found      {counted(len(found.before), 'scene')}")
        for number, one in enumerate(found.before[:limit], start=1):
            lines += ["", f"scene {number}", *_scene("", one)]
    else:
        lines.append(
            f"found      {counted(len(found.before), 'scene')} before, {len(found.after)} after, "
            f"{counted(len(found.pairs), 'pair')}"
        )
        for number, pair in enumerate(found.pairs[:limit], start=1):
            days = pair.comparability.days
            apart = "unknown time" if days is None else f"{days:.0f} d"
            lines += [
                "",
                f"pair {number:<6} {apart} apart, penalty {pair.comparability.penalty:.1f}",
            ]
            lines += [*_scene("before", pair.before), *_scene("after", pair.after)]
    if found.pairs:
        lines += ["", "pair 1"]
        lines += [f"  {one_line(text)}" for text in found.pairs[0].comparability.sentences]
    if found.before or found.after:
        lines.append("")
    lines += [f"warning    {one_line(caution.message)}" for caution in found.cautions]
    return lines


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _scene(role: str, one: Candidate) -> list[str]:
    item = one.item
    platform = one_line(item.text("platform") or "platform unknown")
    fill = " (fill may count)" if item.footprint_of == "grid" else ""
    return [
        f"  {role:8} {item.acquisition}  {platform}",
        f"  {'':8} {one_line(item.id)}",
        f"  {'':8} footprint covers {one.covered:.0%}{fill}; cloud: {cloud(one)}",
    ]


def listed_lines(items: Sequence[Item]) -> list[str]:
    """What an archive holds: an id, then when, by what, where its middle lies, and its file."""
    lines = []
    for item in items:
        told = listed(item)
        lon, lat = told["centre"]
        more = f" and {len(told['files']) - 1} more" if len(told["files"]) > 1 else ""
        file = one_line(told["files"][0]) + more if told["files"] else "no file"
        lines += [
            one_line(item.id),
            f"  {told['date']}  {one_line(told['platform'] or 'platform unknown')}  "
            f"lon {lon:.4f}, lat {lat:.4f}",
            f"  {file}",
        ]
    return [*lines, counted(len(items), "scene")]


def listed(item: Item) -> dict[str, Any]:
    """A scene of an archive as JSON values; hrefs are relative to the archive."""
    west, south, east, north = item.footprint.bounds
    return {
        "id": item.id,
        "date": str(item.acquisition),
        "platform": item.text("platform") or None,
        "bbox": [round(side, 6) for side in (west, south, east, north)],
        "centre": [round((west + east) / 2, 6), round((south + north) / 2, 6)],
        "files": [without_secrets(a.href) for a in item.assets.values() if a.is_image],
    }


def added_lines(told: Added) -> list[str]:
    """What came of filling an archive, every file that isn't in it named."""
    lines = [f"archive    {told.added} added, {told.renewed} renewed"]
    lines += [f"undated    {one_line(name)}: found only with --undated" for name in told.undated]
    lines += [f"mask       {one_line(name)}: left out, a mask by its name" for name in told.masks]
    lines += [f"skipped    {one_line(name)}: {one_line(why)}" for name, why in told.skipped]
    return lines


def pasted(area: Area, asked: str | None) -> str:
    """An area as ``--aoi`` takes it: the user's own words, else a name or box that means it."""
    if asked is not None:
        return shlex.quote(asked)
    try:
        if load_area(area.name).geometry.equals(area.geometry):
            return shlex.quote(area.name)
    except TwopassError:
        pass
    return ",".join(f"{side:.7g}" for side in area.geometry.bounds)


def cloud(one: Candidate) -> str:
    """Cloud in words: of the area where a mask was read, else of the whole scene."""
    if one.cloud is None:
        return "unknown"
    return f"{one.cloud:.0f} % of the {'area' if one.cloud_over == 'area' else 'scene'}"
