"""The command that tells what files are."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from aoi.cli._show import Shown
from aoi.cli._text import one_line
from aoi.inspection import (
    Inspected,
    file_rows,
    file_values,
    inspect_file,
    inspect_pair,
    pair_rows,
    pair_values,
    write_quicklooks,
)
from aoi.places import load_area
from imagery.env import raster_environment
from imagery.errors import InputError, UsageError
from imagery.options import ReadOptions
from imagery.scene import Role

_ROLES: tuple[Role, Role] = ("before", "after")


def run_inspect(
    files: tuple[Path, ...],
    *,
    aoi: str | None,
    quicklook: Path | None,
    hashes: bool,
    options: ReadOptions,
    shown: Shown,
) -> int:
    """Tell what files are; the exit status is 3 where one, or the pair, can't be used."""
    if not files:
        raise UsageError("nothing to inspect", needed="an image, a folder or a metadata file")
    area = None
    if aoi is not None:
        area = load_area(aoi, georeferenced=not options.no_georeference, crs=options.crs)
    paired = len(files) == 2
    values = []
    found: list[Inspected] = []
    with raster_environment():
        for place, path in enumerate(files):
            role = _ROLES[min(place, 1)]
            one = inspect_file(path, role=role, area=area, options=options, hashes=hashes)
            found.append(one)
            roles = (role,) if paired else _ROLES
            values.append(file_values(one, roles=roles, hashes=hashes))
            if one.refusal is not None:
                click.echo(f"twopass: {one_line(str(one.refusal))}", err=True)
            else:
                _tell(shown, file_rows(one, roles=roles, hashes=hashes))
        pair = inspect_pair(*found, area=area) if paired else None
        if pair is not None and not any(one.refusal for one in found):
            _tell(shown, pair_rows(pair, *found))
            if pair.refusal is not None and not shown.talks:
                # Its row isn't shown, and a status of 3 wants a reason.
                click.echo(f"twopass: {one_line(str(pair.refusal))}", err=True)
        if quicklook is not None:
            scenes = [one.scene for one in found if one.scene is not None]
            for path in write_quicklooks(scenes, quicklook):
                shown.note(f"{'quicklook':20} {one_line(str(path))}")
    refused = any(one.refusal for one in found) or (pair is not None and pair.refusal is not None)
    status = InputError.exit_status if refused else 0
    if shown.as_json:
        told = None if pair is None else pair_values(pair, *found)
        whole = {"status": "inspected", "exit_status": status, "files": values, "pair": told}
        click.echo(json.dumps(whole))
    return status


def _tell(shown: Shown, rows: Iterable[tuple[str, str]]) -> None:
    """Rows with their labels in one column, and an empty line after them."""
    for label, text in rows:
        shown.note(f"{label:20} {one_line(text)}".rstrip())
    shown.note("")
