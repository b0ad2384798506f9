"""The commands, and what they print."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from aoi.cli._options import build, from_class
from aoi.options import AreaOptions, ProductOptions
from imagery.errors import TwopassError
from imagery.options import DetectOptions, EngineOptions

_PATH = click.Path(path_type=Path)
_QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


class Failed(Exception):
    """A command that ends with a status of its own."""

    def __init__(self, status: int) -> None:
        self.status = status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="twopass", message="twopass %(version)s")
def cli() -> None:
    """Tell what changed between two satellite images of a place, and prove it on a map."""


@cli.command()
@click.argument("before", type=_PATH)
@click.argument("after", type=_PATH)
@from_class(AreaOptions)
@click.option("--out", type=_PATH, metavar="CASE", help="Case folder (default: case_BEFORE_AFTER).")
@from_class(DetectOptions)
@from_class(ProductOptions)
@from_class(EngineOptions)
@_JSON
@_QUIET
def detect(
    before: Path, after: Path, out: Path | None, as_json: bool, quiet: bool, **values: Any
) -> None:
    """Compare two images of a place: BEFORE and AFTER in, a case folder out."""
    from aoi.cli._show import Shown

    _run_detect(
        before,
        after,
        out=out or Path(f"case_{before.stem}_{after.stem}"),
        values=values,
        shown=Shown(as_json=as_json, quiet=quiet),
    )


@cli.command()
@click.option(
    "--out",
    type=_PATH,
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the simulated pair and its case.",
)
@click.option("--seed", type=click.INT, default=20240613, show_default=True, help="Random seed.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier demo.")
@_JSON
@_QUIET
def demo(out: Path, seed: int, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Make a SIMULATED pair of a parade ground and run the main job on it."""
    from aoi.cli._show import Shown
    from imagery.simulate import parade_ground

    shown = Shown(as_json=as_json, quiet=quiet)
    shown.note("making a simulated pair of a parade ground")
    pair = parade_ground(out, seed=seed)
    values = _defaults(detect) | {
        "aoi": str(pair.area),
        "area_name": "Kim Il Sung Square, simulated",
        "overwrite": overwrite,
    }
    _run_detect(pair.before, pair.after, out=out / "case", values=values, shown=shown)


@cli.command()
@click.argument("case", type=_PATH)
@_QUIET
def report(case: Path, quiet: bool) -> None:
    """Draw the maps and the report of CASE again, from the case alone."""
    from aoi.workflow import redraw

    drawn = redraw(case)
    if not quiet:
        click.echo(f"drawn: {len(drawn)} files; report: {case / 'report.html'}")


@cli.group()
def aoi() -> None:
    """Places of the catalogue."""


@aoi.command("list")
def list_places() -> None:
    """Name every place of the catalogue."""
    from aoi.places import names, place

    for name in names():
        click.echo(f"{name:32} {place(name).name}")


@aoi.command("show")
@click.argument("name")
def show_place(name: str) -> None:
    """Tell what is known of a place, its sources and its accuracy."""
    from aoi.places import place

    found = place(name)
    lon, lat = found.centre
    click.echo(f"{found.name}" + (f" ({found.name_local})" if found.name_local else ""))
    click.echo(f"centre    {lat:.5f} N, {lon:.5f} E")
    click.echo(f"area      {found.area_m2:,.0f} m²")
    click.echo(f"accuracy  {found.accuracy or 'not stated'}")
    for source in found.sources:
        click.echo(f"source    {source}")


@cli.command()
def methods() -> None:
    """List every method of every step, with its source."""
    from imagery import difference, normalise, threshold

    for step, module in (
        ("normalise", normalise),
        ("method", difference),
        ("threshold", threshold),
    ):
        click.echo(f"--{step}")
        for name, function in module.METHODS.items():
            summary = (function.__doc__ or "").strip().splitlines()[0]
            click.echo(f"  {name:20} {summary}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is returned, never raised.

    0 done, 1 a defect of ours, 2 wrong usage, 3 an input can't be used, 4 the co-registration
    isn't trusted, 130 interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in arguments
    try:
        status = cli.main(args=arguments, prog_name="twopass", standalone_mode=False)
        return int(status or 0)
    except TwopassError as error:
        return _refuse(str(error), error, status=error.exit_status, as_json=as_json)
    except click.ClickException as error:
        # A click error knows the command; its own message may span lines.
        text = " ".join(error.format_message().split())
        return _refuse(text, None, status=2, as_json=as_json)
    except (KeyboardInterrupt, click.Abort):
        return _refuse("interrupted; nothing was written", None, status=130, as_json=as_json)
    except Exception as error:
        text = f"a defect in twopass ({type(error).__name__}: {error}); please report it"
        _trace_if_asked()
        return _refuse(text, None, status=1, as_json=as_json)


def _trace_if_asked() -> None:
    import os
    import traceback

    if os.environ.get("TWOPASS_DEBUG"):
        traceback.print_exc()


def _refuse(text: str, error: TwopassError | None, *, status: int, as_json: bool) -> int:
    from aoi.cli._text import one_line

    click.echo(f"twopass: {one_line(text)}", err=True)
    if as_json:
        told = {
            "message": one_line(error.message if error else text),
            "found": error and error.found,
            "needed": error and error.needed,
            "option": error and error.option,
        }
        click.echo(json.dumps({"status": "refused", "exit_status": status, "error": told}))
    return status


def _defaults(command: Any) -> dict[str, Any]:
    """The values of a command's options where the user gives none."""
    return {
        parameter.name: parameter.default
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.name not in ("out", "as_json", "quiet")
    }


def _run_detect(
    before: Path, after: Path, *, out: Path, values: dict[str, Any], shown: Any
) -> None:
    from aoi.workflow import detect_case

    with shown.progress() as progress:
        record = detect_case(
            before,
            after,
            out=out,
            area_options=build(AreaOptions, values),
            options=build(DetectOptions, values),
            products=build(ProductOptions, values),
            engine=build(EngineOptions, values),
            progress=progress,
        )
    shown.summary(record, out)
