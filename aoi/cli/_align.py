"""The command that aligns one image to another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aoi.alignment.job import Products, align_files
from aoi.cli._show import Shown
from aoi.cli._text import one_line
from aoi.report.alignment import direction
from imagery.errors import TwopassError, UsageError
from imagery.options import AlignOptions, EngineOptions


def run_align(
    images: tuple[Path, ...],
    *,
    products: Products,
    use_transform: Path | None,
    options: AlignOptions,
    engine_options: EngineOptions,
    shown: Shown,
) -> None:
    """Align and tell of it."""
    wanted = 1 if use_transform is not None else 2
    if len(images) != wanted:
        raise UsageError(
            "TARGET alone is given with --use-transform, without it REFERENCE TARGET",
            found=f"{len(images)} image{'' if len(images) == 1 else 's'}",
            needed=str(wanted),
            option="--use-transform",
        )
    with _own_words(), shown.progress() as progress:
        told = align_files(
            images[0] if use_transform is None else None,
            images[-1],
            products=products,
            use_transform=use_transform,
            options=options,
            engine_options=engine_options,
            progress=progress,
        )
    shown.lines({**told, "out": str(products.out)}, aligned_lines(told))


@contextmanager
def _own_words() -> Iterator[None]:
    """Refusals in the words of this command: the pair's steps know a before and an after."""
    try:
        yield
    except TwopassError as error:
        said = (error.message, error.found, error.needed, error.option)
        message, found, needed, option = (
            None
            if text is None
            else text.replace("--before-", "--reference-").replace("--after-", "--target-")
            for text in said
        )
        if (message, found, needed, option) == said:
            raise
        kind = type(error)
        raise kind(message or "", found=found, needed=needed, option=option) from error


def aligned_lines(told: dict[str, Any]) -> list[str]:
    """What was done in words made from its numbers, one fact a line."""
    alignment, image = told["alignment"], told["image"]
    lines = ["SIMULATED  not a real acquisition"] if told["simulated"] else []
    for name, scene in told["images"].items():
        lines.append(f"{name:10} {one_line(scene['file'])}, {scene['date']}")
    if "reference" not in told["images"]:
        lines.append(f"reference  {one_line(alignment['reference'])}, by its transform")
    if alignment["ce90_px"] is None:
        text = f"{alignment['verdict']}: nothing could be measured"
    else:
        text = (
            f"{alignment['verdict']}: CE90 {alignment['ce90_px']:.2f} px = "
            f"{alignment['ce90_m']:.2f} m on {alignment['held_out']} held-out windows"
        )
        if told["before_ce90_px"] is not None:
            text += f" ({told['before_ce90_px']:.2f} px before)"
    lines.append(f"alignment  {text}")
    how = {
        "copied": "pixels untouched",
        "cubic": "resampled once",
        "nearest": "nearest pixels",
    }
    rows, cols = alignment["shift_px"]
    lines.append(f"moved      {direction(rows, cols)} (mean); {how[image['resampling']]}")
    lines.append(
        f"image      {one_line(told['files']['image'])}: {image['rows']} x {image['cols']} px, "
        f"{image['bands']} band{'' if image['bands'] == 1 else 's'}, {image['dtype']}"
    )
    lines += [
        f"{name:10} {one_line(told['files'][name])}"
        for name in ("transform", "ties", "figure")
        if name in told["files"]
    ]
    return lines + [f"warning    {one_line(w['message'])}" for w in told["warnings"]]
