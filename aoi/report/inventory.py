"""What went into a case and what came out of it, as rows for the page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from aoi.facts import fact_text, in_order, label
from aoi.report import words
from aoi.report.contents import Contents
from imagery.record import Json


def record_rows(contents: Contents) -> dict[str, Any]:
    """The page's section on the record: inputs, area, grid, software, outputs, run."""
    record, run = contents.result, contents.run
    area, grid = record["area"], record["grid"]
    centre = area.get("centre") if record["georeferenced"] else None
    about = [
        ("Area", words.area(area.get("area_m2"))),
        ("Outline from", words.clean(area.get("source"))),
        ("Accuracy of the outline", words.clean(area.get("accuracy")) or "unknown"),
        ("Sources", words.plain(area.get("sources"))),
    ]
    if area.get("file"):
        file = _file(area["file"], name=words.file_name(area["file"].get("name")))
        about.append(("Outline's file", f"{file['name']}, SHA-256 {file['sha256']}"))
    if centre:
        about.append(
            (
                "Centre",
                f"{centre['lat']:.4f}, {centre['lon']:.4f} (lat, lon)"
                + (f"; MGRS {words.clean(centre['mgrs'])}" if centre.get("mgrs") else ""),
            )
        )
    frames = [
        (f"{name.capitalize()} window", _window(grid[name]))
        for name in ("result", "display", "estimation")
        if grid.get(name)
    ]
    return {
        "area": about,
        "scenes": _scene_rows(record["scenes"], georeferenced=record["georeferenced"]),
        "grid": [
            ("CRS", _crs_name(grid.get("crs"), georeferenced=record["georeferenced"])),
            ("Pixel", f"{words.number(grid.get('pixel_size_m'))} m"),
            ("Rows, columns", words.plain(grid.get("shape"))),
            ("Transform", ", ".join(f"{value:.10g}" for value in grid["transform"][:6])),
            ("Reference", words.clean(grid.get("reference"))),
            ("Why resampled", words.plain(grid.get("reasons"))),
            *frames,
        ],
        "software": [(words.clean(k), words.clean(v)) for k, v in record["software"].items()],
        "outputs": [_file(item, name=item.get("path")) for item in record.get("outputs") or ()],
        "run": [
            (label, words.plain(run.get(key)))
            for label, key in (("Started", "start"), ("Ended", "end"), ("Workers", "workers"))
            if run.get(key) is not None
        ],
    }


def _scene_rows(
    scenes: Mapping[str, Json], *, georeferenced: bool
) -> list[tuple[str, list[list[str]], bool]]:
    """Rows of the table of inputs: label, the lines of each of the two cells, monospaced or not."""

    def both(label: str, cell: Any, *, mono: bool = False) -> tuple[str, list[list[str]], bool]:
        cells = [cell(scenes[role]) for role in ("before", "after")]
        return label, [item if isinstance(item, list) else [item] for item in cells], mono

    return [
        both("Image", lambda s: words.file_name(s.get("name"))),
        both("File", lambda s: words.file_name(s.get("file"))),
        both("SHA-256", lambda s: words.clean(s.get("sha256")), mono=True),
        both("Size", lambda s: _bytes(s.get("size"))),
        both("Sidecars", _sidecars),
        both("Acquired", lambda s: words.date(s) or "date unknown"),
        both("Date from", lambda s: _date_source(s.get("acquisition") or {})),
        both("Platform", lambda s: _stated(s, "platform", words.platform(s))),
        both("Credit", lambda s: _stated(s, "credit", words.credit(s) or "credit unknown")),
        both(
            "Licence",
            lambda s: _stated(s, "license", words.clean(s.get("license")) or "licence unknown"),
        ),
        *(both(label(name), partial(_fact, name=name)) for name in _facts(scenes)),
        both("CRS", lambda s: _crs_name(s.get("crs"), georeferenced=georeferenced)),
        both("Rows, columns", lambda s: words.plain(s.get("shape"))),
        both("Pixel", lambda s: f"{words.number(s.get('pixel_size_m'))} m"),
        both("Bands used", lambda s: words.plain(s.get("bands"))),
        both("Stored as", lambda s: words.clean(s.get("dtype")) or "unknown"),
        both("Nodata", lambda s: words.plain(s.get("nodata"))),
        both("Display product", lambda s: words.plain(s.get("display_product"))),
        both("Simulated", lambda s: words.plain(s.get("simulated"))),
    ]


def _file(item: Mapping[str, Json], *, name: Json) -> dict[str, str]:
    return {
        "name": words.clean(name),
        "sha256": words.clean(item.get("sha256")),
        "size": _bytes(item.get("size")),
    }


def _sidecars(scene: Mapping[str, Json]) -> list[str]:
    return [
        f"{words.file_name(item.get('name'))} (SHA-256 {words.clean(item.get('sha256'))})"
        for item in scene.get("sidecars") or ()
    ] or ["none"]


def _facts(scenes: Mapping[str, Json]) -> list[str]:
    """The facts that either scene states, but those that have a row of their own."""
    stated = {name for scene in scenes.values() for name in scene.get("facts") or {}}
    return in_order(stated - {"platform", "credit", "license"})


def _fact(scene: Mapping[str, Json], *, name: str) -> list[str]:
    fact = (scene.get("facts") or {}).get(name)
    return _stated(scene, name, words.clean(fact_text(name, fact["value"])) if fact else "unknown")


def _stated(scene: Mapping[str, Json], name: str, text: str) -> list[str]:
    """A fact and, on a line below it, who states it."""
    fact = (scene.get("facts") or {}).get(name)
    return [text, f"from {words.clean(fact.get('source'))}"] if fact else [text]


def _date_source(acquisition: Mapping[str, Json]) -> str:
    source = words.clean(acquisition.get("source")) or "unknown"
    precision = words.clean(acquisition.get("precision"))
    known = f"{source}, to the {precision}" if precision in {"second", "day"} else source
    return known if acquisition.get("confirmed") is not False else f"{known}, not confirmed"


def _crs_name(crs: Json, *, georeferenced: bool) -> str:
    if not crs:
        return words.NOT_GEOREFERENCED if not georeferenced else "unknown"
    try:
        found = CRS.from_user_input(crs)
    except CRSError:
        return words.clean(crs)
    code = found.to_authority()
    name = words.clean(found.name)
    return f"{name} ({code[0]}:{code[1]})" if code else name


def _window(window: Mapping[str, int]) -> str:
    return (
        f"rows {window['top']:,} to {window['bottom']:,}, "
        f"columns {window['left']:,} to {window['right']:,}"
    )


def _bytes(size: Json) -> str:
    return "unknown" if size is None else f"{size:,} bytes"
