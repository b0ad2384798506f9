"""The commands that find imagery: search, fetch, archive.  What they need is imported when run."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aoi.cli._text import one_line
from imagery.errors import UsageError

if TYPE_CHECKING:
    from aoi.finding.item import Item
    from aoi.places import Area

_PATH = click.Path(path_type=Path)
_QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_ARCHIVE = click.option(
    "--archive",
    "archive_file",
    type=_PATH,
    metavar="FILE",
    help="The archive's file (default: TWOPASS_ARCHIVE, else one in the user's own folder).",
)


def own_archive(named: Path | None) -> Path:
    """The archive that is meant: the named one, the environment's, or the user's own."""
    if named is not None:
        return named
    told = os.environ.get("TWOPASS_ARCHIVE")
    if told:
        return Path(told)
    from platformdirs import user_data_path

    return user_data_path("twopass", appauthor=False) / "archive.parquet"


def _searching(command: Any) -> Any:
    """The options of a search, but its source."""
    for option in reversed(
        (
            click.option(
                "--aoi", required=True, metavar="AREA",
                help="Area of interest: a file, a name of the catalogue (see: twopass aoi list), "
                "or west,south,east,north in degrees.",
            ),
            click.option(
                "--before", metavar="DATE[/DATE]",
                help="Date of the earlier scene, or an interval.",
            ),
            click.option(
                "--after", metavar="DATE[/DATE]",
                help="Date of the later scene; left out, scenes of one date are listed.",
            ),
            click.option(
                "--days", type=click.FloatRange(min=0), default="3", show_default=True,
                metavar="DAYS", help="How many days around a date a scene may be.",
            ),
            click.option(
                "--max-cloud", type=click.FloatRange(0, 100), default="20", show_default=True,
                metavar="PERCENT", help="Leave out scenes with more cloud than this.",
            ),
            click.option(
                "--collections", metavar="LIST",
                help="Collections of the source, comma-separated (default: its usual ones).",
            ),
            click.option(
                "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N",
                help="Pairs, or scenes, that are listed.",
            ),
            click.option(
                "--read-masks", is_flag=True,
                help="Read each scene's mask of clouds over the area; asks the hosts of the files.",
            ),
            click.option(
                "--out", type=_PATH, metavar="SEARCH.json",
                help="Write the search with its STAC items, for twopass fetch.",
            ),
            click.option(
                "--quicklook", type=_PATH, metavar="FILE.png",
                help="Draw the first pairs; asks the hosts of the files.",
            ),
        )
    ):  # fmt: skip
        command = option(command)
    return command


@click.command(short_help="Find scenes of a place, and pairs of them.")
@_searching
@click.option(
    "--source",
    default="earth-search",
    show_default=True,
    metavar="SOURCE",
    help="earth-search, planetary-computer, archive (one's own), the address of a STAC API, or an "
    "archive's file.",
)
@click.option(
    "--pad",
    type=click.FloatRange(min=0, max=500),
    default="0",
    metavar="KM",
    help="Ask for a larger box, that of all places in the same cell of a lattice of this width.",
)
@_JSON
@_QUIET
def search(source: str, pad: float, as_json: bool, quiet: bool, **values: Any) -> None:
    """Find scenes of a place, and pairs of them, the most comparable first.

    A search tells a third party which place interests you: the source learns the area's box and the
    dates, and sees your IP address.  --pad hides the place in a larger box; --source archive asks
    nobody.
    """
    _run_search(source, pad=pad, archive_file=None, as_json=as_json, quiet=quiet, values=values)


@click.command(short_help="Fetch a place's part of scenes.")
@click.argument("what", metavar="SEARCH")
@click.option(
    "--pair", type=int, metavar="N", help="The pair, or scene, of a search to fetch, by its number."
)
@click.option(
    "--aoi",
    metavar="AREA",
    help="Area of interest, as for search (default: that of the search).",
)
@click.option(
    "--assets",
    metavar="LIST",
    help="Assets, by key or common name (default: red,green,blue,nir, else the whole image).",
)
@click.option(
    "--margin",
    type=click.FloatRange(min=0, max=100_000),
    default="2000",
    show_default=True,
    metavar="METRES",
    help="How far around the area; detect aligns by these surroundings.",
)
@click.option(
    "--out", type=_PATH, default=Path(), metavar="DIR", help="Folder for the files (default: here)."
)
@_JSON
@_QUIET
def fetch(
    what: str,
    pair: int | None,
    aoi: str | None,
    assets: str | None,
    margin: float,
    out: Path,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fetch the part of scenes that a place needs, each as one GeoTIFF with its STAC item.

    SEARCH is what twopass search --out wrote, or a STAC item's file or address.  The hosts of the
    files see which part is read, when, and from which IP address.  A fetch that was cut goes on
    when it is run again.
    """
    from aoi.cli._finding_words import pasted
    from aoi.cli._show import Shown
    from aoi.finding.fetch import fetch_item
    from aoi.finding.item import read_item
    from aoi.finding.reach import Signer
    from aoi.finding.search import listed_items
    from aoi.finding.sources import fetch_json, is_address
    from aoi.places import load_area

    if is_address(what):
        items: tuple[Item, ...] = (read_item(fetch_json(what), base=what),)
        area: Area | None = None
    else:
        items, area = listed_items(Path(what), number=pair)
    if aoi is not None:
        area = load_area(aoi)
    if area is None:
        raise UsageError(
            "an item alone doesn't say which part of it is wanted", needed="an area", option="--aoi"
        )
    shown, signer, got = Shown(as_json=as_json, quiet=quiet), Signer(), []
    with shown.progress() as progress:
        for item in items:
            got.append(
                fetch_item(
                    item,
                    area,
                    out=out,
                    assets=_words(assets),
                    margin_m=margin,
                    signer=signer,
                    progress=progress,
                )
            )
    lines = []
    for one in got:
        lines.append(f"{'kept' if one.reused else 'fetched':10} {one.image}: "
                     f"{', '.join(map(one_line, one.bands))}")  # fmt: skip
        if one.mask is not None:
            lines.append(f"{'mask':10} {one.mask}")
    if len(got) == 2:
        images = " ".join(shlex.quote(str(one.image)) for one in got)
        lines.append(f"next       twopass detect {images} --aoi {pasted(area, aoi)}")
    scenes = [
        {
            "image": str(one.image),
            "item": str(one.item),
            "mask": None if one.mask is None else str(one.mask),
            "bands": list(one.bands),
            "reused": one.reused,
        }
        for one in got
    ]
    shown.lines({"status": "fetched", "scenes": scenes}, lines)


@click.group()
def archive() -> None:
    """One's own scenes, found without asking anybody."""


@archive.command("add")
@click.argument("paths", type=_PATH, nargs=-1, required=True, metavar="PATH...")
@_ARCHIVE
@click.option("--checksum", is_flag=True, help="Keep the SHA-256 of each file too.")
@_JSON
@_QUIET
def add(
    paths: tuple[Path, ...],
    archive_file: Path | None,
    checksum: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Add images, products, folders of them, or STAC items; what is there already is renewed."""
    from aoi.cli._finding_words import added_lines
    from aoi.cli._show import Shown
    from aoi.finding.add import add_to_archive

    shown = Shown(as_json=as_json, quiet=quiet)
    with shown.progress() as progress:
        told = add_to_archive(
            paths, own_archive(archive_file), checksum=checksum, progress=progress
        )
    shown.lines(
        {
            "status": "added",
            "added": told.added,
            "renewed": told.renewed,
            "undated": told.undated,
            "masks": told.masks,
            "skipped": [{"name": name, "why": why} for name, why in told.skipped],
        },
        added_lines(told),
    )


@archive.command("list")
@_ARCHIVE
@_JSON
@_QUIET
def list_archive(archive_file: Path | None, as_json: bool, quiet: bool) -> None:
    """List every scene of the archive."""
    from aoi.cli._finding_words import listed, listed_lines
    from aoi.cli._show import Shown
    from aoi.finding.archive import every_item
    from aoi.finding.item import read_items

    items, _ = read_items(every_item(own_archive(archive_file)))
    items = tuple(sorted(items, key=lambda item: (str(item.acquisition), item.id)))
    shown = Shown(as_json=as_json, quiet=quiet)
    shown.lines({"status": "listed", "scenes": list(map(listed, items))}, listed_lines(items))


@archive.command("search")
@_searching
@_ARCHIVE
@click.option("--undated", is_flag=True, help="List scenes without a date too.")
@_JSON
@_QUIET
def search_own(archive_file: Path | None, as_json: bool, quiet: bool, **values: Any) -> None:
    """Find scenes of a place in one's own archive; nobody is asked."""
    _run_search("archive", pad=0.0, archive_file=archive_file, as_json=as_json, quiet=quiet,
                values=values)  # fmt: skip


@archive.command("remove")
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@_ARCHIVE
@_JSON
@_QUIET
def remove(ids: tuple[str, ...], archive_file: Path | None, as_json: bool, quiet: bool) -> None:
    """Take scenes out of the archive by their id; their files stay."""
    from aoi.cli._show import Shown
    from aoi.finding.archive import take_out

    gone, lacking = take_out(own_archive(archive_file), ids)
    if not gone:
        raise UsageError(
            "nothing was removed: no such scene in the archive",
            found=", ".join(lacking)[:200],
            needed="ids that twopass archive list shows",
        )
    shown = Shown(as_json=as_json, quiet=quiet)
    shown.lines(
        {"status": "removed", "removed": gone, "not_there": lacking},
        [f"archive    {gone} removed", *(f"not there  {one_line(name)}" for name in lacking)],
    )


def _run_search(
    source: str,
    *,
    pad: float,
    archive_file: Path | None,
    as_json: bool,
    quiet: bool,
    values: dict[str, Any],
) -> None:
    from aoi.cli._finding_words import search_lines
    from aoi.cli._show import Shown
    from aoi.finding.query import days_around
    from aoi.finding.search import search, source_named, told, write_search
    from aoi.places import load_area

    area = load_area(values["aoi"])
    dates = {
        role: None
        if values[role] is None
        else days_around(values[role], days=values["days"], option=f"--{role}")
        for role in ("before", "after")
    }
    undated = bool(values.get("undated"))
    if not any(dates.values()) and not undated:
        raise UsageError("a search needs a date", needed="--before, --after or both",
                         option="--before")  # fmt: skip
    asked = source_named(source, archive=own_archive(archive_file))
    if pad and isinstance(asked, Path):
        raise UsageError(
            "--pad has no meaning for an archive",
            found="a search that nobody is asked for",
            needed="--source of a STAC API, or no --pad",
            option="--pad",
        )
    found = search(
        area,
        source=asked,
        before=dates["before"],
        after=dates["after"],
        collections=_words(values["collections"]),
        max_cloud=values["max_cloud"],
        pad_km=pad,
        undated=undated,
        read_masks=values["read_masks"],
    )
    limit = values["limit"]
    if values["out"] is not None:
        write_search(found, values["out"], limit=limit)
    some = bool(found.pairs or (found.single and found.before))
    if values["quicklook"] is not None and some:
        from aoi.finding.quicklook import draw_quicklook

        draw_quicklook(found, values["quicklook"])
    shown = Shown(as_json=as_json, quiet=quiet)
    written = ("out", "quicklook") if some else ("out",)
    files = {key: str(values[key]) for key in written if values[key] is not None}
    status = "found" if some else "nothing-found"
    shown.lines({"status": status, **told(found, limit=limit), "files": files},
                search_lines(found, limit=limit))  # fmt: skip


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
