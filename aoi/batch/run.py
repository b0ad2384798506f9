"""A pair as a case, and many of them on any executor."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from aoi.batch.pairs import BatchPair
from aoi.options import AreaOptions, ProductOptions
from imagery.errors import TwopassError, UsageError
from imagery.options import DetectOptions, EngineOptions

Status = Literal["done", "done before", "failed", "not run"]


@dataclass(frozen=True, kw_only=True)
class BatchOptions:
    """What is asked for of every pair."""

    out: Path
    """The folder of the cases."""

    area: AreaOptions
    detect: DetectOptions
    products: ProductOptions
    engine: EngineOptions
    """Of one case."""

    diagnosis: Path | None = None
    """A folder for a diagnosis of each."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a pair."""

    name: str
    status: Status
    exit_status: int = 0
    """As ``twopass detect`` would have ended."""

    changes: int | None = None
    verdict: str | None = None
    """Of the alignment."""

    message: str = ""
    """The refusal, or the warnings."""


def run_pair(pair: BatchPair, options: BatchOptions) -> Outcome:
    """Make the case of a pair, unless it is there; for any executor's workers.

    A pair that can't be compared is an outcome, never an error.
    """
    try:
        return _run(pair, options)
    except TwopassError as error:
        return _failed(pair, error.exit_status, str(error))
    except Exception as error:  # one pair's defect isn't the others'
        logging.getLogger(__name__).exception("a defect")
        # No more of it: its words may tell where on this machine files lie.
        return _failed(
            pair, 1, f"a defect in twopass ({type(error).__name__}); TWOPASS_DEBUG=1 shows where"
        )


def _run(pair: BatchPair, options: BatchOptions) -> Outcome:
    from aoi.batch.done import difference
    from aoi.case import read_record
    from aoi.case.folder import is_case
    from aoi.workflow import detect_case

    out = _place(pair, options.out)
    area = options.area
    if pair.area is not None:
        area = replace(area, aoi=pair.area)
    if pair.title is not None:
        area = replace(area, area_name=pair.title)
    detect = replace(
        options.detect,
        before=replace(options.detect.before, **pair.said.get("before", {})),
        after=replace(options.detect.after, **pair.said.get("after", {})),
    )
    if is_case(out):
        found = difference(
            out,
            pair.before,
            pair.after,
            area_options=area,
            options=detect,
            products=options.products,
        )
        if found is None:
            return _told(pair, "done before", read_record(out))
        if not options.products.overwrite:
            raise UsageError(
                f"{pair.name}: exists already, and is not what this run would make",
                found=found,
                needed="another folder",
                option="--out, or --overwrite to replace such cases",
            )
    record = detect_case(
        pair.before,
        pair.after,
        out=out,
        area_options=area,
        options=detect,
        products=options.products,
        engine_options=options.engine,
        diagnosis=None if options.diagnosis is None else options.diagnosis / pair.name,
    )
    return _told(pair, "done", record)


def _place(pair: BatchPair, folder: Path) -> Path:
    """Where the case comes to lie: in the folder, wherever links there lead."""
    place = folder / pair.name
    if place.resolve().parent != folder.resolve():
        raise UsageError(
            f"{pair.name}: leaves the folder of the batch",
            found="a link, or no mere name",
            needed="a folder in it",
            option="--out",
        )
    return place


def _told(pair: BatchPair, status: Status, record: dict[str, Any]) -> Outcome:
    result = record["result"]
    return Outcome(
        name=pair.name,
        status=status,
        changes=result["changes"]["polygons"],
        verdict=result["alignment"]["verdict"],
        message=" ".join(warning["message"] for warning in result["warnings"]),
    )


def _failed(pair: BatchPair, status: int, message: str) -> Outcome:
    return Outcome(name=pair.name, status="failed", exit_status=status, message=message)


def run_batch(
    pairs: Sequence[BatchPair],
    options: BatchOptions,
    *,
    executor: Executor,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> tuple[Outcome, ...]:
    """Make the cases of pairs, and tell of each as it comes.

    Parameters
    ----------
    pairs, options
        What to run.
    executor
        Any executor; an interruption shuts it down.
    tell
        Called with each outcome, in the order in which they come.

    Returns
    -------
    tuple[Outcome, ...]
        In the order of the pairs.  After an interruption those that weren't done are ``not run``.
    """
    found: dict[str, Outcome] = {}
    futures = {executor.submit(run_pair, pair, options): pair for pair in pairs}
    try:
        for future in as_completed(futures):
            outcome = _outcome(futures[future], future)
            found[outcome.name] = outcome
            tell(outcome)
    except BaseException as error:
        executor.shutdown(wait=True, cancel_futures=True)
        if not isinstance(error, KeyboardInterrupt):
            raise
    return tuple(
        found.get(pair.name) or Outcome(name=pair.name, status="not run") for pair in pairs
    )


def _outcome(pair: BatchPair, future: Future[Outcome]) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool:
        return _failed(pair, 1, "its process ended early: out of memory, it may be")


def exit_status(outcomes: Sequence[Outcome]) -> int:
    """How a batch ends: 0, 130 if it was interrupted, else the smallest of what failed."""
    if any(outcome.status == "not run" for outcome in outcomes):
        return 130
    return min((o.exit_status for o in outcomes if o.status == "failed"), default=0)
