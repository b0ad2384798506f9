"""What an area asks for, from what a pixel was measured to cost: arithmetic alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WEEKS = 52


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What a pixel of a pair costs: one place on the ground, both images, all their bands."""

    decode_ns: float
    """Processor time to decode both images, on one thread."""

    work_ns: float
    """Processor time of the blocks, decoding among it: what workers share."""

    alone_ns: float
    """Processor time of the machine that asks, which doesn't shrink with more workers."""

    stored_bytes: float
    """One image as it is stored, all bands."""

    case_bytes: float
    """The case, rasters and all."""

    sent_bytes: float
    """Results that travel from the workers to the machine that asks."""

    idle: float = 0.2
    """Share of the workers' time that is spent waiting: for files, for tasks, at the end."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """An area that is compared again and again."""

    name: str
    area_km2: float
    pixel_m: float
    side_px: int
    """Side of the pieces that are compared as one pair each, a case of its own."""

    border_px: int
    """How far pieces overlap on every side: the surroundings that decide alignment and noise."""

    hours: float
    """In which it has to be done."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What it takes, each time, and for a year of weeks."""

    pixels: float
    pairs: int
    worked_pixels: float
    """With the borders of the pieces, which are read twice."""

    decode_hours: float
    """Processor hours that merely decoding takes."""

    work_hours: float
    threads: int
    """Of workers, in all."""

    asking: int
    """Runs side by side, each on one pair at a time: ``twopass detect`` processes."""

    seconds_a_pair: float
    """The longest that a pair may take, asking machine and all, where all workers work on it."""

    input_gb: float
    """One image of the area; a comparison reads two."""

    case_gb: float
    year_gb: float
    """Images and cases of a year of weeks, if all are kept."""

    gbit_s: float
    """From the workers to the machines that ask, while it runs."""


def size(job: Job, rates: Rates) -> Needs:
    """What a job takes at given rates.

    Raises
    ------
    ValueError
        If a number is not above 0, or a piece is no larger than its borders.
    """
    inner = job.side_px - 2 * job.border_px
    if min(job.area_km2, job.pixel_m, job.hours, inner) <= 0 or not 0 <= rates.idle < 1:
        raise ValueError(f"an area, pixels and pieces that are some; found {job}, {rates}")
    pixels = job.area_km2 * 1e6 / job.pixel_m**2
    pairs = math.ceil(pixels / inner**2)
    worked = pixels * (job.side_px / inner) ** 2
    seconds = job.hours * 3600
    work = worked * rates.work_ns * 1e-9
    alone = worked * rates.alone_ns * 1e-9
    threads = math.ceil(work / (seconds * (1 - rates.idle)))
    stored = worked * rates.stored_bytes / 1e9
    case = pixels * rates.case_bytes / 1e9
    each = job.side_px**2 * 1e-9
    return Needs(
        pixels=pixels,
        pairs=pairs,
        worked_pixels=worked,
        decode_hours=worked * rates.decode_ns * 1e-9 / 3600,
        work_hours=work / 3600,
        threads=threads,
        asking=math.ceil(alone / seconds),
        seconds_a_pair=each * (rates.alone_ns + rates.work_ns / (threads * (1 - rates.idle))),
        input_gb=stored,
        case_gb=case,
        year_gb=WEEKS * (stored + case),
        gbit_s=worked * rates.sent_bytes * 8 / seconds / 1e9,
    )


def table(jobs: Sequence[Job], rates: Rates) -> str:
    """The needs of several jobs as a table in Markdown, one column each."""
    found = [size(job, rates) for job in jobs]
    rows = {
        "area, km²": [f"{job.area_km2:,.0f}" for job in jobs],
        "ground sample, m": [f"{job.pixel_m:g}" for job in jobs],
        "to be done in, hours": [f"{job.hours:g}" for job in jobs],
        "pixels of a band, 10⁹": [f"{n.pixels / 1e9:.2f}" for n in found],
        "pairs": [f"{n.pairs:,}" for n in found],
        "pixels worked on, with borders, 10⁹": [f"{n.worked_pixels / 1e9:.2f}" for n in found],
        "processor hours to decode": [f"{n.decode_hours:.1f}" for n in found],
        "processor hours of the blocks": [f"{n.work_hours:.1f}" for n in found],
        "threads of workers": [f"{n.threads:,}" for n in found],
        "runs side by side": [f"{n.asking:,}" for n in found],
        "one image, GB": [f"{n.input_gb:,.1f}" for n in found],
        "cases, GB": [f"{n.case_gb:,.1f}" for n in found],
        "images and cases of a year of weeks, GB": [f"{n.year_gb:,.0f}" for n in found],
        "results on the network, Gbit/s": [f"{n.gbit_s:.2f}" for n in found],
    }
    head = ["", *(job.name for job in jobs)]
    lines = [head, ["---"] * len(head), *([name, *cells] for name, cells in rows.items())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("|  |", "| |")


PIECE, BORDER = 10_000, 667
"""A piece of a weekly mosaic, and its surroundings: 2 km of 3 m pixels on every side."""

JOBS = (
    Job(name="a city", area_km2=2_000, pixel_m=3, side_px=PIECE, border_px=BORDER, hours=1),
    Job(name="a province", area_km2=12_000, pixel_m=3, side_px=PIECE, border_px=BORDER, hours=1),
    Job(name="North Korea", area_km2=120_540, pixel_m=3, side_px=PIECE, border_px=BORDER, hours=1),
    Job(
        name="the same, by day", area_km2=120_540, pixel_m=3, side_px=PIECE, border_px=BORDER,
        hours=24,
    ),
)  # fmt: skip

MEASURED = Rates(
    decode_ns=114, work_ns=1800, alone_ns=1200, stored_bytes=5.7, case_bytes=13, sent_bytes=17
)
"""A simulated pair of 4096 px and three bands on two workers of one thread each, on two processors
that did other work as well; decoding and storing, of four bands of uint16, deflated."""
