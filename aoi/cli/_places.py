"""The commands of places: list, show, add, remove, draw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aoi.cli._show import Shown
from aoi.cli._text import one_line
from imagery.errors import MissingInputError, UsageError

if TYPE_CHECKING:
    from aoi.places.area import Area
    from aoi.places.place import Place

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_CRS = click.option("--crs", metavar="CRS", help='CRS of a file that has none ("EPSG:32651").')
# Longitudes of half the Earth begin with a minus, as options do.
_MINUS = {"ignore_unknown_options": True}
_OVERWRITE = click.option("--overwrite", is_flag=True, help="Replace what is there of that name.")
_NAME = click.option("--name-local", metavar="TEXT", help="Its name in its own script.")


def _no_option(_context: click.Context, _argument: click.Parameter, text: str) -> str:
    """An area, which begins with a minus only where a number follows."""
    if text.startswith("-") and not text[1:2].isdigit() and text[1:2] != ".":
        raise click.NoSuchOption(text)
    return text


@click.group()
def aoi() -> None:
    """Places: those of the catalogue and one's own."""


@aoi.command("list", short_help="Name every place.")
@_JSON
def list_places(as_json: bool) -> None:
    """Name every place, one's own marked so."""
    from aoi.places import catalogue, own

    found = catalogue.every()
    _, unreadable = own.places()
    told = {
        "status": "listed",
        "places": [_brief(place) for place in found],
        "unreadable": [{"file": file.name, "why": file.why} for file in unreadable],
    }
    lines = [
        f"{one_line(place.slug):34} {one_line(_kind(place)):16} {one_line(_full_name(place))}"
        for place in found
    ]
    lines += [f"warning    {one_line(file.name)}: {one_line(file.why)}" for file in unreadable]
    Shown(as_json=as_json, quiet=False).lines(told, lines)


@aoi.command("show", short_help="Tell what is known of a place or area.", context_settings=_MINUS)
@click.argument("area", callback=_no_option)
@_CRS
@_JSON
def show_place(area: str, crs: str | None, as_json: bool) -> None:
    """Tell what is known of a place, or of any AREA: size, position, grids, time, sources."""
    import datetime as dt

    from aoi.places import catalogue, load_area
    from aoi.places.profile import profile

    place = catalogue.find(area)
    found = load_area(area, crs=crs)
    told = profile(found, at=dt.datetime.now(dt.UTC))
    told |= {} if place is None else _details(place)
    Shown(as_json=as_json, quiet=False).lines({"status": "shown"} | told, _profile_lines(told))


@aoi.command("add", short_help="Keep an area as a place of one's own.", context_settings=_MINUS)
@click.argument("area", callback=_no_option)
@click.option("--name", metavar="TEXT", required=True, help="The name that --aoi then takes.")
@_NAME
@click.option("--kind", metavar="TEXT", default="", help='What it is, such as "airport".')
@click.option("--source", "sources", metavar="TEXT", multiple=True, help="A document behind it.")
@click.option("--accuracy", metavar="METRES", type=float, help="How far it may be off.")
@click.option("--radius", metavar="METRES", type=float, help="Make circles of points.")
@_CRS
@_OVERWRITE
@_JSON
def add_place(
    area: str,
    name: str,
    name_local: str | None,
    kind: str,
    sources: tuple[str, ...],
    accuracy: float | None,
    radius: float | None,
    crs: str | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep an AREA (a file, WKT, or lon,lat,radius) as a place of one's own."""
    from aoi.places import load_area
    from aoi.places.adding import add, check_name

    check_name(name, name_local, overwrite=overwrite)
    place = add(
        load_area(area, crs=crs, radius_m=radius),
        name=name,
        name_local=name_local,
        kind=kind,
        sources=sources,
        accuracy_m=accuracy,
        overwrite=overwrite,
    )
    _tell_kept(place, as_json=as_json)


@aoi.command("remove", short_help="Forget a place of one's own.")
@click.argument("name")
@_JSON
def remove_place(name: str, as_json: bool) -> None:
    """Forget a place of one's own."""
    from aoi.places import catalogue, own

    place = catalogue.find(name)
    if place is None:
        raise MissingInputError(
            "no place of that name", found=name, needed="one of twopass aoi list"
        )
    if not place.own:
        raise UsageError(
            "a place of the catalogue cannot be removed",
            found=place.slug,
            needed="the name of an own place (twopass aoi list)",
        )
    own.remove(place.slug)
    told = {"status": "removed", "place": place.slug}
    Shown(as_json=as_json, quiet=False).lines(told, [f"removed    {one_line(place.slug)}"])


@aoi.command("draw", short_help="Draw an outline on an image.")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="FILE.geojson", help="Where it is written."
)
@click.option("--name", metavar="TEXT", help="Keep it as an own place of that name too.")
@_NAME
@_CRS
@click.option("--browser", is_flag=True, help="Open the page, instead of printing its address.")
@_OVERWRITE
@_JSON
def draw_place(
    image: Path,
    out: Path | None,
    name: str | None,
    name_local: str | None,
    crs: str | None,
    browser: bool,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Draw an outline on IMAGE, on a page that this machine alone can open."""
    from aoi.places.adding import add, check_name
    from aoi.places.drawing import ask, picture_of

    # Before anyone has drawn for nothing.
    if out is None and name is None:
        raise UsageError(
            "nothing says where the outline goes", needed="--out FILE.geojson, or --name TEXT"
        )
    if out is not None and out.exists() and not overwrite:
        raise UsageError(
            f"{out.name}: is there already", needed="another file", option="--out, or --overwrite"
        )
    if name is not None:
        check_name(name, name_local, overwrite=overwrite)
    area = ask(picture_of(image, crs=crs), tell=lambda address: _invite(address, open_it=browser))
    if out is not None:
        _write(area, out, name=name)
    place = None
    if name is not None:
        place = add(area, name=name, name_local=name_local, overwrite=overwrite)
    told = {
        "status": "drawn",
        "file": None if out is None else out.name,
        "place": None if place is None else place.slug,
        "area_m2": round(area.area_m2, 1),
    }
    lines = [f"area       {_size(area.area_m2)}"]
    lines += [] if out is None else [f"file       {out}"]
    lines += [] if place is None else [f"kept as    {one_line(place.slug)}"]
    Shown(as_json=as_json, quiet=False).lines(told, lines)


def _invite(address: str, *, open_it: bool) -> None:
    """Say on stderr, which nothing reads as a result, where the page is."""
    if open_it:
        import webbrowser

        webbrowser.open(address)
        return
    click.echo(f"open in a browser on this machine: {address}", err=True)
    click.echo("Ctrl-C ends without an outline", err=True)


def _write(area: Area, path: Path, *, name: str | None) -> None:
    import shapely

    geometry = json.loads(shapely.to_geojson(area.geometry))
    properties = {"name": name or path.stem, "source": area.source}
    content = {"type": "Feature", "properties": properties, "geometry": geometry}
    from aoi.output import write_whole

    text = json.dumps(content, ensure_ascii=False) + "\n"
    write_whole(path, text.encode(), option="--out")


def _tell_kept(place: Place, *, as_json: bool) -> None:
    size = place.area().area_m2
    told = {"status": "added", "place": place.slug, "area_m2": round(size, 1)}
    lines = [f"kept as    {one_line(place.slug)}", f"area       {_size(size)}"]
    Shown(as_json=as_json, quiet=False).lines(told, lines)


def _brief(place: Place) -> dict[str, Any]:
    lon, lat = place.area().centre
    return {
        "name": place.slug,
        "full_name": place.name,
        "name_local": place.name_local,
        "kind": place.kind,
        "own": place.own,
        "lon": round(lon, 5),
        "lat": round(lat, 5),
        "accuracy_m": place.accuracy_m,
    }


def _details(place: Place) -> dict[str, Any]:
    """What a place says beyond its area."""
    from dataclasses import asdict

    return {
        "place": place.slug,
        "kind": place.kind,
        "own": place.own,
        "outline": place.outline,
        "radius_m": place.radius_m,
        "accuracy_m": place.accuracy_m,
        "sources": [asdict(source) for source in place.sources],
    }


def _profile_lines(told: dict[str, Any]) -> Sequence[str]:
    """What is known of an area, one fact a line."""
    local = f" ({one_line(told['name_local'])})" if told["name_local"] else ""
    centre = told["centre"]
    zones = " and ".join(told["utm_zones"])
    if len(told["utm_zones"]) > 1:
        zones += ": across the border between them"
    elif told["utm_border_m"] is not None:
        zones += f", {told['utm_border_m'] / 1000:.1f} km from the next zone"
    minutes = told["solar_offset_minutes"]
    sun = f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
    zone = told["time_zone"] or "mean solar time, no zone is known"
    time = told["local_time"]
    west, south, east, north = (f"{number:.6f}" for number in told["bounds"])
    accuracy = one_line(told["accuracy"] or "not stated")
    if told.get("accuracy_m"):
        accuracy = f"{told['accuracy_m']:g} m: {accuracy}"
    lines = [
        f"{one_line(told['name'])}{local}",
        *([f"kind       {told['kind']}"] if told.get("kind") else []),
        f"outline    {one_line(told['source'])}; {told['vertices']} vertices, "
        f"{'valid' if told['valid'] else 'NOT valid'}",
        f"area       {_size(told['area_m2'])}",
        f"centre     {centre['lat']:.5f}, {centre['lon']:.5f} (latitude, longitude)",
        f"MGRS       {centre['mgrs']}",
        f"bounds     {west},{south},{east},{north} (west, south, east, north)",
        f"UTM        {zones}",
        f"time       {time[:10]} {time[11:16]}, UTC{told['utc_offset']} ({zone}); sun {sun}",
        f"accuracy   {accuracy}",
    ]
    return lines + _source_lines(told["sources"])


def _source_lines(sources: Sequence[Any]) -> list[str]:
    from aoi.places.place import Source

    lines = []
    for source in sources:
        known = Source(**source) if isinstance(source, dict) else source
        lines.append(f"source     {one_line(str(known))}")
        if isinstance(source, dict) and source["url"]:
            lines.append(f"           {one_line(source['url'])}")
    return lines


def _size(area_m2: float) -> str:
    return f"{area_m2:,.0f} m² ({area_m2 / 10_000:,.2f} ha)"


def _kind(place: Place) -> str:
    return ", ".join(filter(None, (place.kind, "own" if place.own else "")))


def _full_name(place: Place) -> str:
    return place.name + (f" ({place.name_local})" if place.name_local else "")
