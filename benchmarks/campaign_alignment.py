"""How often an alignment is wrongly accepted, and how often wrongly refused.

    python benchmarks/campaign_alignment.py [--tenth] [--only KIND] [--seed N] [--out FOLDER]

Each trial is a pair made from a place and a seed; ``--only KIND --seed N`` makes one again and
keeps its files.  Places are read at the path in TWOPASS_DATA and from ``--base``; without both,
towns are simulated.  An alignment counts as accepted where its verdict is trusted or usable, and as
wrong where nothing can be aligned, or where the CE90 of its true error on the ground is above 2 px.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from statistics import fmean, median

import numpy as np
import rasterio
from _nature import Image
from _ours import Answer, align
from _places import Place, places
from _tables import machine, markdown, publish, share, today
from _trials import EITHER, KINDS, REFUSE, Trial, make
from affine import Affine
from numpy.typing import NDArray
from rasterio.transform import from_origin

ROOT = Path(__file__).resolve().parents[1]
OFF = 2.0
"""CE90 in px of the true error on the ground above which an accepted alignment is wrong."""

CE90 = 2.146
"""Radius that holds 90 % of a circular Gaussian, in its standard deviations along an axis."""

ORIGIN = 300_000.0, 4_320_000.0


@dataclass(frozen=True, kw_only=True)
class Row:
    """One trial, as the CSV has it."""

    group: str
    kind: str
    seed: int
    side: str
    verdict: str
    accepted: bool
    wrong: bool
    ce90_said: float | None
    ce90_all_said: float | None
    ce90_true: float | None
    """CE90 in px of the true error, on the ground, over the area."""

    median_true: float | None
    within_said: float | None
    """Share of the ground where the true error is within 2.146 expected standard errors."""

    seconds: float
    note: str
    words: str


@dataclass(frozen=True)
class Rectangle:
    """An area of interest, as far as the library needs to know it."""

    edges: tuple[float, float, float, float]

    @property
    def area_m2(self) -> float:
        left, bottom, right, top = self.edges
        return (right - left) * (top - bottom)

    def bounds(self, crs: object) -> tuple[float, float, float, float]:
        return self.edges

    def mask(self, geobox: object) -> NDArray[np.bool_]:
        raise NotImplementedError("the co-registration asks for no mask")


def main() -> None:
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        data = os.environ.get("TWOPASS_DATA")
        library = places(Path(data) if data else None, options.base, work=Path(scratch))
        if all(place.sensor.startswith("simulated") for place in library):
            print("no real imagery (TWOPASS_DATA, --base): towns are simulated", file=sys.stderr)
        keep = options.out if options.seed is not None else None
        if options.seed is not None and not options.only:
            raise SystemExit("--seed needs --only KIND")
        tasks = chosen(options.only, options.seed, tenth=options.tenth)
        work = partial(run, library=library, keep=keep)
        rows = list(done(tasks, work, processes=options.processes))
    options.out.mkdir(parents=True, exist_ok=True)
    if options.seed is None:
        write_csv(options.out / "campaign.csv", rows)
    text = report(rows, tenth=options.tenth)
    print(text)
    if options.readme:
        publish(ROOT, "campaign", text)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tenth", action="store_true", help="the first tenth of each kind")
    parser.add_argument("--only", help="this kind, or all whose name holds this")
    parser.add_argument("--seed", type=int, help="one trial, whose files are kept")
    parser.add_argument("--base", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "output")
    parser.add_argument("--readme", action="store_true", help="renew the table in the pages")
    return parser.parse_args()


def chosen(only: str | None, seed: int | None, *, tenth: bool) -> list[tuple[str, int]]:
    """Kinds and seeds, the kinds taking turns so that an early look sees all of them."""
    tasks = []
    for kind, (trials, _, _) in KINDS.items():
        if only and kind != only and (only in KINDS or only not in kind):
            continue
        seeds = range(-(-trials // 10) if tenth else trials) if seed is None else [seed]
        tasks += [(number, kind) for number in seeds]
    order = {kind: number for number, kind in enumerate(KINDS)}
    return [(kind, number) for number, kind in sorted(tasks, key=lambda t: (t[0], order[t[1]]))]


def done(tasks: Sequence[tuple[str, int]], work: partial[Row], *, processes: int) -> Iterable[Row]:
    if processes < 2 or len(tasks) < 2:
        results: Iterable[Row] = map(work, tasks)
        yield from told(results, len(tasks))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        yield from told(pool.map(work, tasks), len(tasks))


def told(rows: Iterable[Row], total: int) -> Iterable[Row]:
    for number, row in enumerate(rows, 1):
        if row.wrong:
            print(
                f"{number}/{total}  {row.kind}  --seed {row.seed}  {row.verdict}  "
                f"true CE90 {row.ce90_true}  {row.note}  {row.words}",
                file=sys.stderr,
                flush=True,
            )
        yield row


def run(task: tuple[str, int], *, library: Sequence[Place], keep: Path | None) -> Row:
    """Make a trial, align it, hold the answer against what is true."""
    kind, seed = task
    trial = make(kind, seed, library)
    with tempfile.TemporaryDirectory() as scratch:
        folder = keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        before = written(folder / "before.tif", trial.before, trial.pixel_m)
        after = written(folder / "after.tif", trial.after, trial.coarser * trial.pixel_m)
        start = time.perf_counter()
        answer = align(before, after, extent=area_of(trial))
        seconds = time.perf_counter() - start
    errors, within = true_errors(trial, answer)
    return row_of(kind, seed, trial, answer, errors, within, seconds)


def row_of(
    kind: str,
    seed: int,
    trial: Trial,
    answer: Answer,
    errors: NDArray[np.float64] | None,
    within: float | None,
    seconds: float,
) -> Row:
    ce90 = None if errors is None else float(np.percentile(errors, 90))
    off = answer.accepted and ce90 is not None and ce90 > OFF
    group = "refuse" if kind in REFUSE else "either" if kind in EITHER else "accept"
    wrong = {
        "refuse": answer.accepted,
        "either": off,
        "accept": off or not answer.accepted,
    }[group]
    said, said_all = answer.residual(), answer.residual("residual_all")
    return Row(
        group=group,
        kind=kind,
        seed=seed,
        side="×".join(map(str, trial.before.shape[1:])),
        verdict=answer.verdict,
        accepted=answer.accepted,
        wrong=wrong,
        ce90_said=None if said is None else round(said.ce90, 3),
        ce90_all_said=None if said_all is None else round(said_all.ce90, 3),
        ce90_true=None if ce90 is None else round(ce90, 3),
        median_true=None if errors is None else round(float(np.median(errors)), 3),
        within_said=None if within is None else round(within, 3),
        seconds=round(seconds, 2),
        note=trial.note,
        words=answer.words,
    )


def written(path: Path, image: Image, pixel: float) -> Path:
    """A trial's image as an 11-bit product would be."""
    counts = np.where(image.max(0) > 0, np.clip(np.rint(image * 8), 1, 65535), 0).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", count=len(image), height=image.shape[1], width=image.shape[2],
        dtype="uint16", nodata=0, crs="EPSG:32651", transform=transform_of(pixel), tiled=True,
    ) as dataset:  # fmt: skip
        dataset.write(counts)
    return path


def transform_of(pixel: float) -> Affine:
    return from_origin(*ORIGIN, pixel, pixel)


def area_of(trial: Trial) -> Rectangle | None:
    if trial.area is None:
        return None
    top, left, bottom, right = trial.area
    x0, y0 = transform_of(trial.pixel_m) * (left, top)
    x1, y1 = transform_of(trial.pixel_m) * (right, bottom)
    return Rectangle((x0, y1, x1, y0))


def true_errors(trial: Trial, answer: Answer) -> tuple[NDArray[np.float64] | None, float | None]:
    """Radial errors in px on a lattice over the ground, and the share within what was said."""
    alignment = answer.alignment
    if trial.truth is None or alignment is None or answer.plan is None or not answer.accepted:
        return None, None
    height, width = trial.before.shape[1:]
    top, left, bottom, right = trial.area or (0, 0, height, width)
    rows, cols = np.linspace(top, bottom - 1, 64), np.linspace(left, right - 1, 64)
    grid_rows, grid_cols = np.meshgrid(rows, cols, indexing="ij")
    # The working grid may be coarser than the before image, or start elsewhere.
    link = ~answer.plan.geobox.affine * transform_of(trial.pixel_m)
    grid = (rows + 0.5) * link.e + link.f - 0.5, (cols + 0.5) * link.a + link.c - 0.5
    true = trial.truth.shift(alignment.moving, grid_rows, grid_cols) * link.a
    errors = np.hypot(*(alignment.shift.on_grid(*grid) - true))
    seen = np.ones(errors.shape, bool)
    if trial.ground is not None:
        seen = trial.ground[np.rint(grid_rows).astype(int), np.rint(grid_cols).astype(int)]
    if not seen.any():
        return None, None
    expected = getattr(alignment, "error", None)
    within = None
    if expected is not None:
        within = float((errors <= CE90 * expected.on_grid(*grid))[seen].mean())
    return errors[seen], within


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, [f.name for f in fields(Row)])
        table.writeheader()
        table.writerows(asdict(row) for row in rows)


def report(rows: Sequence[Row], *, tenth: bool) -> str:
    """The summary: each kind, then the rates."""
    lines = []
    for kind, (_, _, says) in KINDS.items():
        some = [row for row in rows if row.kind == kind]
        if not some:
            continue
        errors = [row.ce90_true for row in some if row.accepted and row.ce90_true is not None]
        lines.append(
            (
                kind,
                says,
                len(some),
                sum(row.accepted for row in some),
                sum(row.verdict.startswith("refused") for row in some),
                sum(row.verdict == "not measured" for row in some),
                share(sum(row.wrong for row in some), len(some)),
                f"{median(errors):.2f} / {max(errors):.2f}" if errors else "",
            )
        )
    head = ("kind", "what", "trials", "accepted", "refused", "not measured",
            "wrong (95 % interval)", "true CE90 of the accepted, median / worst, px")  # fmt: skip
    lead = (
        f"{'A tenth of the campaign' if tenth else 'The campaign'}, {today()}; {machine()}. "
        f"Median {median(row.seconds for row in rows):.1f} s a trial."
    )
    return "\n\n".join([lead, *rates(rows), markdown(head, lines)])


def rates(rows: Sequence[Row]) -> list[str]:
    """The two rates, and whether the expected error holds."""
    foreign = [row for row in rows if row.group != "accept"]
    own = [row for row in rows if row.group == "accept"]
    off = sum(row.wrong and row.accepted for row in own)
    within = [row.within_said for row in own if row.within_said is not None]
    held = (
        f"\n- The true error is within the expected 90 % radius on {fmean(within):.0%} of the "
        f"ground, mean over {len(within)} accepted pairs (median {median(within):.0%})."
        if within
        else ""
    )
    return [
        f"- Wrongly accepted: {share(sum(r.wrong for r in foreign), len(foreign))}.\n"
        f"- Wrongly refused: {share(sum(not r.accepted for r in own), len(own))}.\n"
        f"- Accepted, but off by more than {OFF:g} px on the ground: "
        f"{share(off, sum(r.accepted for r in own))}.{held}"
    ]


if __name__ == "__main__":
    main()
