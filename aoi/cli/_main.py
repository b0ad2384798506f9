"""The commands, and how they end."""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import click

from aoi.cli._accuracy import accuracy
from aoi.cli._batch import batch
from aoi.cli._finding import archive, fetch, search
from aoi.cli._options import build, from_class
from aoi.cli._places import aoi
from aoi.cli._text import one_line
from aoi.options import AreaOptions, ProductOptions
from imagery.errors import TwopassError, UsageError
from imagery.options import AlignOptions, DetectOptions, EngineOptions, ReadOptions

_PATH = click.Path(path_type=Path)
_QUIET = click.option("--quiet", is_flag=True, help="Print nothing but errors.")
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


class Interrupted(Exception):
    """Ctrl-C, by a name that click lets pass: it would print an empty line of its own."""


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted from None


@click.group(
    cls=_Group,
    commands=[accuracy, aoi, archive, batch, fetch, search],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="twopass", message="twopass %(version)s")
def cli() -> None:
    """Tell what changed between two satellite images of a place, and prove it on a map."""


_STATUSES = (
    "Exit status: 0 done, also where no change was found; 1 a defect of twopass; 2 wrong usage; "
    "3 an input can't be used or an output can't be written; 4 the alignment isn't trusted; "
    "6 a rate of false alarms can't be honoured; 7 the cluster fails; 130 interrupted."
)


@cli.command(short_help="Compare two images of a place.", epilog=_STATUSES)
@click.argument("before", type=_PATH)
@click.argument("after", type=_PATH)
@from_class(AreaOptions)
@click.option("--out", type=_PATH, metavar="CASE", help="Case folder (default: case_BEFORE_AFTER).")
@from_class(DetectOptions)
@click.option(
    "--diagnose",
    type=_PATH,
    metavar="DIR",
    help="A folder for what shows how good the alignment is, or why it is refused.",
)
@from_class(ProductOptions)
@from_class(EngineOptions)
@_JSON
@_QUIET
def detect(
    before: Path,
    after: Path,
    out: Path | None,
    diagnose: Path | None,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Compare two images of a place: BEFORE and AFTER in, a case folder out."""
    from aoi.case import stem_of
    from aoi.cli._detect import run_detect
    from aoi.cli._show import Shown

    run_detect(
        before,
        after,
        out=Path(f"case_{stem_of(before)}_{stem_of(after)}") if out is None else out,
        area_options=build(AreaOptions, values),
        options=build(DetectOptions, values),
        products=build(ProductOptions, values),
        engine_options=build(EngineOptions, values),
        shown=Shown(as_json=as_json, quiet=quiet),
        diagnosis=diagnose,
    )


@cli.command(short_help="Align one image to another.")
@click.argument("images", type=_PATH, nargs=-1, metavar="REFERENCE TARGET")
@click.option(
    "--out",
    type=_PATH,
    metavar="ALIGNED.tif",
    help="The aligned image, a GeoTIFF (default: TARGET_aligned.tif).",
)
@from_class(AlignOptions, without=("allow_reversed",))
@click.option(
    "--save-transform",
    type=_PATH,
    metavar="FILE.json",
    help="Where what was measured is kept (default: ALIGNED.transform.json).",
)
@click.option(
    "--use-transform",
    type=_PATH,
    metavar="FILE.json",
    help="Move TARGET as this transform says: another band, mask or product of an aligned scene. "
    "REFERENCE is left out then.",
)
@click.option(
    "--save-ties",
    type=_PATH,
    metavar="FILE.gpkg",
    help="Every window that was measured, as points for a GIS.",
)
@click.option("--figure", type=_PATH, metavar="FILE.png", help="Draw the move and what it leaves.")
@click.option(
    "--diagnose",
    type=_PATH,
    metavar="DIR",
    help="A folder for what shows how good the alignment is, or why it is refused.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@from_class(EngineOptions)
@_JSON
@_QUIET
def align(
    images: tuple[Path, ...],
    out: Path | None,
    save_transform: Path | None,
    use_transform: Path | None,
    save_ties: Path | None,
    figure: Path | None,
    diagnose: Path | None,
    overwrite: bool,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> None:
    """Align TARGET to REFERENCE: co-registration alone, all bands of TARGET in one GeoTIFF."""
    from aoi.alignment.job import Products
    from aoi.cli._align import run_align
    from aoi.cli._show import Shown

    named = Path(f"{images[-1].stem}_aligned.tif") if images else Path("aligned.tif")
    run_align(
        images,
        products=Products(
            out=named if out is None else out,
            transform=save_transform,
            ties=save_ties,
            figure=figure,
            diagnosis=diagnose,
            overwrite=overwrite,
        ),
        use_transform=use_transform,
        options=build(AlignOptions, values),
        engine_options=build(EngineOptions, values),
        shown=Shown(as_json=as_json, quiet=quiet),
    )


@cli.command(short_help="Tell what files are, before they are used.")
@click.argument("files", type=_PATH, nargs=-1, metavar="FILE...")
@click.option(
    "--aoi",
    metavar="AREA",
    help="An area (as for detect) of which the share is told that an image covers.",
)
@click.option(
    "--quicklook", type=_PATH, metavar="DIR", help="A folder for a small picture of each image."
)
@click.option("--hash", "hashes", is_flag=True, help="Tell the SHA-256 of every file that is read.")
@from_class(ReadOptions, without=("bands", "allow_reversed", "dem"))
@_JSON
@_QUIET
def inspect(
    files: tuple[Path, ...],
    aoi: str | None,
    quicklook: Path | None,
    hashes: bool,
    as_json: bool,
    quiet: bool,
    **values: Any,
) -> int:
    """Tell what each FILE is (an image, a product's folder, metadata alone); of two, the pair."""
    from aoi.cli._inspect import run_inspect
    from aoi.cli._show import Shown

    return run_inspect(
        files,
        aoi=aoi,
        quicklook=quicklook,
        hashes=hashes,
        options=build(ReadOptions, values),
        shown=Shown(as_json=as_json, quiet=quiet),
    )


@cli.command(short_help="Run the main job on a SIMULATED pair.")
@click.option(
    "--out",
    type=_PATH,
    default=Path("demo"),
    show_default=True,
    metavar="DIR",
    help="Folder for the simulated pair and its case.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=20240613,
    show_default=True,
    metavar="N",
    help="Random seed.",
)
@click.option("--overwrite", is_flag=True, help="Replace an earlier demo.")
@_JSON
@_QUIET
def demo(out: Path, seed: int, overwrite: bool, as_json: bool, quiet: bool) -> None:
    """Make a SIMULATED pair of a parade ground and run the main job on it."""
    from aoi.cli._detect import run_demo
    from aoi.cli._show import Shown

    run_demo(out, seed=seed, overwrite=overwrite, shown=Shown(as_json=as_json, quiet=quiet))


@cli.command(short_help="Draw a case's maps and report again.")
@click.argument("case", type=_PATH)
@_JSON
@_QUIET
def report(case: Path, as_json: bool, quiet: bool) -> None:
    """Draw the maps and the report of CASE again, from the case alone."""
    from aoi.cli._show import Shown
    from aoi.workflow import redraw

    drawn = redraw(case)
    Shown(as_json=as_json, quiet=quiet).drawn(case, [p.relative_to(case) for p in drawn])


@cli.command()
def methods() -> None:
    """List every method of every step, with its source."""
    from aoi.cli._methods import lines

    for line in lines():
        click.echo(line)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status is returned, never raised.

    0 done, 1 a defect of ours, 2 wrong usage, 3 an input can't be used or an output can't be
    written, 4 the co-registration isn't trusted, 6 a rate of false alarms can't be honoured, 130
    interrupted.

    Parameters
    ----------
    arguments
        Words after the program's name; those of the process where None, whose stderr then holds
        nothing but our own words.
    """
    if arguments is None:
        _set_up_process()
        arguments = sys.argv[1:]
    as_json = "--json" in arguments
    try:
        status = cli.main(args=arguments, prog_name="twopass", standalone_mode=False)
        return int(status or 0)
    except TwopassError as error:
        return _refuse(error, status=error.exit_status, as_json=as_json)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return 2
    except click.ClickException as error:
        return _refuse(_usage(error), status=2, as_json=as_json)
    except (Interrupted, click.Abort):
        interrupted = TwopassError("interrupted; no new case was written")
        return _refuse(interrupted, status=130, as_json=as_json)
    except SystemExit:  # how click ends when the reader of our output has gone
        return 1
    except Exception as error:
        if _debugging():
            logging.getLogger(__name__).exception("a defect")
        defect = TwopassError(
            "a defect in twopass; please report it",
            found=f"{type(error).__name__}: {error}",
            option="TWOPASS_DEBUG=1 in the environment shows where",
        )
        return _refuse(defect, status=1, as_json=as_json)


def _debugging() -> bool:
    return bool(os.environ.get("TWOPASS_DEBUG"))


def _set_up_process() -> None:
    """What libraries tell programmers, in warnings and logs, is for debugging alone.

    What a user must know is in the record.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may lack the letters of a name
            stream.reconfigure(errors="replace")
    if _debugging():
        logging.basicConfig(level=logging.INFO)
        return
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())


def _usage(error: click.ClickException) -> UsageError:
    """A slip on the command line, in our own form."""
    context = getattr(error, "ctx", None)
    parameter = getattr(error, "param", None)
    return UsageError(
        one_line(error.format_message()).rstrip("."),
        needed=f"as in {context.command_path} --help" if context else None,
        option=parameter.opts[0] if isinstance(parameter, click.Option) else None,
    )


def _refuse(error: TwopassError, *, status: int, as_json: bool) -> int:
    click.echo(f"twopass: {one_line(str(error))}", err=True)
    if as_json:
        told = {name: getattr(error, name) for name in ("message", "found", "needed", "option")}
        told = {name: None if text is None else one_line(text) for name, text in told.items()}
        click.echo(json.dumps({"status": "refused", "exit_status": status, "error": told}))
    return status
