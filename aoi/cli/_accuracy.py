"""The commands that hold a case against a reference, and that draw a sample to be labelled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from aoi.cli._show import Shown
from aoi.cli._text import one_line
from imagery.errors import OutputError, TwopassError, UsageError

if TYPE_CHECKING:
    from aoi.changes.accuracy import CaseMap
    from imagery.record import Caution

RECORD, OBJECTS = "accuracy.json", "objects.gpkg"

_PATH = click.Path(path_type=Path)
_QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


class _Accuracy(click.Group):
    """``twopass accuracy CASE`` is short for ``twopass accuracy assess CASE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["assess", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Accuracy, short_help="Hold a case against what really changed.")
def accuracy() -> None:
    """Hold a case against a reference of what changed, or a sample that a person labelled.

    twopass accuracy CASE is short for twopass accuracy assess CASE.
    """


@accuracy.command("assess")
@click.argument("case", type=_PATH)
@click.option(
    "--reference",
    type=_PATH,
    metavar="FILE",
    help="What changed: polygons (in a file as for --aoi), or a mask (1 changed, 0 not, 255 "
    "ignore).",
)
@click.option(
    "--reference-kind",
    "kind",
    type=click.Choice(["auto", "polygons", "mask"]),
    default="auto",
    show_default=True,
    help="What the reference is. auto: by its first bytes.",
)
@click.option(
    "--within",
    metavar="AREA",
    help="The part of the area that the reference covers (default: all of it, or as far as a mask "
    "reaches).",
)
@click.option("--crs", metavar="CRS", help="CRS of a vector file that has none.")
@click.option(
    "--min-overlap",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.1,
    show_default=True,
    metavar="SHARE",
    help="Share of an object's area that changes must cover for it to be found.",
)
@click.option(
    "--sample",
    type=_PATH,
    metavar="FILE.gpkg",
    help="A labelled sample (see: twopass accuracy sample), for accuracy and area with their "
    "errors.",
)
@click.option(
    "--out", type=_PATH, metavar="DIR", help="A folder for accuracy.json and objects.gpkg."
)
@click.option("--overwrite", is_flag=True, help="Replace these files.")
@_JSON
@_QUIET
def assess_case(case: Path, as_json: bool, quiet: bool, **values: Any) -> None:
    """Hold CASE against a reference, a labelled sample, or both."""
    run_accuracy(case, shown=Shown(as_json=as_json, quiet=quiet), **values)


@accuracy.command("sample")
@click.argument("case", type=_PATH)
@click.option(
    "--per-stratum",
    type=click.INT,
    default=50,
    show_default=True,
    metavar="N",
    help="Points among changed pixels, and as many among unchanged ones.",
)
@click.option(
    "--buffer",
    type=click.FLOAT,
    metavar="METRES",
    help="Draw as many points again among unchanged pixels this near to a change.",
)
@click.option(
    "--seed", type=click.INT, default=0, show_default=True, metavar="N", help="Random seed."
)
@click.option(
    "--out",
    type=_PATH,
    default=Path("sample.gpkg"),
    show_default=True,
    metavar="FILE.gpkg",
    help="The points, with an empty column to label them in.",
)
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
@_JSON
@_QUIET
def sample_case(case: Path, as_json: bool, quiet: bool, **values: Any) -> None:
    """Draw a stratified random sample of CASE, for a person to label in a GIS."""
    run_sample(case, shown=Shown(as_json=as_json, quiet=quiet), **values)


def run_accuracy(
    case: Path,
    *,
    reference: Path | None,
    kind: Literal["auto", "polygons", "mask"],
    within: str | None,
    crs: str | None,
    min_overlap: float,
    sample: Path | None,
    out: Path | None,
    overwrite: bool,
    shown: Shown,
) -> None:
    """Hold a case against a reference, a sample, or both, and tell of it."""
    from aoi.case import read_record, write_record
    from aoi.changes.accuracy import (
        assess,
        estimate,
        read_case_map,
        read_reference,
        read_sample,
        told_of_reference,
        told_of_sample,
        write_objects,
    )
    from aoi.cli._accuracy_words import accuracy_lines

    if reference is None and sample is None:
        raise UsageError(
            "a case is held against something",
            found="neither a reference nor a sample",
            needed="a file of what changed, or a labelled sample",
            option="--reference, --sample",
        )
    if out is not None:
        inputs = [path for path in (reference, sample) if path is not None]
        _check_free([out / RECORD, out / OBJECTS], case, inputs, overwrite=overwrite)
    found = read_case_map(case, read_record(case)["result"])
    told: dict[str, Any] = {"status": "assessed", "case": found.name, "simulated": found.simulated}
    cautions: tuple[Caution, ...] = ()
    assessment = None
    if reference is not None:
        area = None if within is None else _area(within, found, crs)
        held = read_reference(reference, found, kind=kind, within=area, crs=crs)
        assessment = assess(found, held, min_overlap=min_overlap)
        told["against_reference"] = told_of_reference(assessment, found)
        cautions += assessment.cautions
    if sample is not None:
        labelled = read_sample(sample, found)
        told["against_sample"] = told_of_sample(labelled, estimate(labelled.points), found)
        cautions += labelled.cautions
    told["warnings"] = [asdict(caution) for caution in cautions]
    if out is not None:
        _make(out)
        write_record(told, out / RECORD)
        if assessment is not None:
            write_objects(assessment, found, out / OBJECTS)
    shown.lines({**told, "case": str(case)}, accuracy_lines(told))


def run_sample(
    case: Path,
    *,
    out: Path,
    per_stratum: int,
    buffer: float | None,
    seed: int,
    overwrite: bool,
    shown: Shown,
) -> None:
    """Draw a sample and tell of it."""
    from aoi.case import read_record
    from aoi.changes.accuracy import draw_sample, read_case_map

    _check_free([out], case, [], overwrite=overwrite)
    if out.suffix.lower() != ".gpkg":
        raise UsageError(
            "a sample is a GeoPackage", found=out.name, needed="a name in .gpkg", option="--out"
        )
    found = read_case_map(case, read_record(case)["result"])
    strata = draw_sample(found, out, per_stratum=per_stratum, buffer_m=buffer, seed=seed)
    told = {
        "status": "drawn",
        "case": str(case),
        "out": str(out),
        "seed": seed,
        "buffer_m": buffer,
        "strata": [asdict(stratum) for stratum in strata],
    }
    lines = [f"sample     {sum(one.points for one in strata)} points, in random order"]
    lines += [f"{'':10} {one.points} of {one.pixels:,} px {one.name}" for one in strata]
    lines.append(f"file       {one_line(str(out))}")
    lines.append("next       fill the column reference: 1 changed, 0 not, empty if nobody can tell")
    shown.lines(told, lines)


def _area(text: str, found: CaseMap, crs: str | None) -> Any:
    from aoi.places import load_area

    try:
        return load_area(text, georeferenced=found.area.georeferenced, crs=crs)
    except TwopassError as error:
        if error.option != "--aoi":
            raise
        raise type(error)(
            error.message, found=error.found, needed=error.needed, option="--within"
        ) from error


def _check_free(
    places: Sequence[Path], case: Path, inputs: Sequence[Path], *, overwrite: bool
) -> None:
    """Refuse to write into the case, over an input, or over what is there."""
    inside = Path(os.path.realpath(case))
    taken = {Path(os.path.realpath(path)) for path in inputs}
    for place in places:
        real = Path(os.path.realpath(place))
        if inside in real.parents:
            raise UsageError(
                f"{place.name}: would lie in the case, where nothing else may be",
                found=inside.name,
                needed="another folder",
                option="--out",
            )
        if real in taken:
            raise UsageError(
                f"{place.name}: is an input, which is never written to",
                found=place.name,
                needed="another folder",
                option="--out",
            )
        if place.exists() and not overwrite:
            raise UsageError(
                f"{place.name}: is there already",
                found=place.name,
                needed="another place",
                option="--out, or --overwrite to replace it",
            )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.name}: cannot be made",
            found=error.strerror,
            needed="a folder to write into",
            option="--out",
        ) from error
