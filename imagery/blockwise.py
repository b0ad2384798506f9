"""The engine: run a function over tiles, on any executor, in order, with a bounded queue."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from threadpoolctl import threadpool_limits

from imagery.blocks import Window
from imagery.cluster import ClusterExecutor, cluster_executor
from imagery.env import raster_environment
from imagery.options import EngineOptions
from imagery.record import Caution

T = TypeVar("T")

_TASK_MB = 100
"""Memory that a task takes, about: 40 MB for a tile of four bands, 120 MB where an image is reduced
four times."""


@dataclass(frozen=True)
class Progress:
    """A step has got so far."""

    step: str
    done: int
    total: int
    cautions: tuple[Caution, ...] = ()
    """What should be known before the run goes on."""

    note: str = ""
    """A line for people, which warns of nothing."""


@contextmanager
def engine(options: EngineOptions) -> Iterator[Executor]:
    """Threads, or a cluster, and GDAL's environment for a run; handles are closed at its end.

    The memory and the workers decide how many tiles are at work at a time, never a number.
    """
    # One thread inside a task: several would fight over the processors (measured: seven times
    # slower), and sums would depend on their number.
    with (
        raster_environment(memory_mb=options.memory),
        threadpool_limits(limits=1),
        _threads(options) if options.cluster is None else cluster_executor(options) as pool,
    ):
        yield pool


@contextmanager
def _threads(options: EngineOptions) -> Iterator[Executor]:
    workers = options.workers or os.cpu_count() or 1
    workers = max(1, min(workers, options.memory // _TASK_MB))
    pool = ThreadPoolExecutor(workers, thread_name_prefix="twopass")
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def map_tiles(
    function: Callable[[Window], T],
    tiles: Iterable[Window],
    *,
    executor: Executor,
    in_flight: int | None = None,
) -> Iterator[tuple[Window, T]]:
    """Results of ``function`` for each tile, in the tiles' order.

    Parameters
    ----------
    function
        Takes a window and returns a value; it writes nothing.  The caller's thread does the
        writing, so that an error always surfaces.
    tiles
        The windows, in the order in which results are wanted.
    executor
        Any ``concurrent.futures`` executor.
    in_flight
        How many tiles may be at work or waiting to be taken; by default two for each processor, or
        as many as a cluster asks for.

    Raises
    ------
    Exception
        The first error of ``function``, after the tiles still waiting were cancelled.
    """
    pending: deque[tuple[Window, Future[T]]] = deque()
    try:
        for tile in tiles:
            pending.append((tile, executor.submit(function, tile)))
            # A cluster may grow while it works.
            if len(pending) >= (in_flight or _wanted(executor)):
                done, future = pending.popleft()
                yield done, future.result()
        while pending:
            done, future = pending.popleft()
            yield done, future.result()
    finally:
        for _, future in pending:
            future.cancel()


def _wanted(executor: Executor) -> int:
    if isinstance(executor, ClusterExecutor):
        return executor.in_flight
    return 2 * (os.cpu_count() or 1)
