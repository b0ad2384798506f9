"""The commands that make a case."""

from __future__ import annotations

from pathlib import Path

from aoi.case import free_place
from aoi.cli._show import Shown
from aoi.options import AreaOptions, ProductOptions
from aoi.workflow import detect_case
from imagery.errors import UsageError
from imagery.options import DetectOptions, EngineOptions

_DEMO_FILES = (
    "before.tif",
    "after.tif",
    "before.json",
    "after.json",
    "area.geojson",
    "truth.json",
    "planted.geojson",
)


def run_detect(
    before: Path,
    after: Path,
    *,
    out: Path,
    area_options: AreaOptions,
    options: DetectOptions,
    products: ProductOptions,
    engine_options: EngineOptions,
    shown: Shown,
    diagnosis: Path | None = None,
) -> None:
    """Make a case and tell of it."""
    with shown.progress() as progress:
        record = detect_case(
            before,
            after,
            out=out,
            area_options=area_options,
            options=options,
            products=products,
            engine_options=engine_options,
            diagnosis=diagnosis,
            progress=progress,
        )
    shown.summary(record, out)


def run_demo(out: Path, *, seed: int, overwrite: bool, shown: Shown) -> None:
    """Make a simulated pair, and a case of it."""
    from imagery.simulate import parade_ground

    case = out / "case"
    # Before the pair is painted, which takes longest.
    free_place(case, overwrite=overwrite)
    _check_demo(out, overwrite=overwrite)
    shown.note("making a simulated pair of a parade ground")
    pair = parade_ground(out, seed=seed)
    run_detect(
        pair.before,
        pair.after,
        out=case,
        area_options=AreaOptions(aoi=str(pair.area), area_name="Kim Il Sung Square, simulated"),
        options=DetectOptions(),
        products=ProductOptions(overwrite=overwrite),
        engine_options=EngineOptions(),
        shown=shown,
    )


def _check_demo(out: Path, *, overwrite: bool) -> None:
    """Refuse to paint over images that may be the user's own."""
    there = [name for name in _DEMO_FILES if (out / name).exists()]
    if not there or (overwrite and "truth.json" in there):
        return
    raise UsageError(
        f"{out.absolute().name}: holds files that a demo would replace",
        found=", ".join(there),
        needed="another folder",
        option="--out" + (", or --overwrite to replace an earlier demo" if not overwrite else ""),
    )
