"""A task on a worker: run as it would run at home, on the same files."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagery.cluster._same import check_same, made_of
from imagery.env import close_handles, enter_for_good
from imagery.errors import InputError
from imagery.visit import Stamp, reading_for


@dataclass(frozen=True, kw_only=True)
class How:
    """What a task needs to know of the machine that it works for."""

    made_of: dict[str, str]
    base: Path
    memory: int


@dataclass(frozen=True, kw_only=True)
class Answer:
    value: Any
    files: dict[str, Stamp]
    worker: str


def as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def on_worker(
    work: Callable[..., Any], how: How, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Answer:
    """Run a task as it would run at home."""
    from distributed import get_worker

    worker = get_worker().address
    # A worker that came later than the run was not looked at.
    check_same(f"the worker {worker}", made_of(), how.made_of)
    with _site.at_work(how.memory), reading_for(how.base) as visit:
        try:
            value = work(*args, **kwargs)
        except InputError as error:
            if not visit.opening:
                raise
            raise InputError(
                f"{Path(visit.opening).name}: the worker {worker} can't open it",
                found=f"{visit.opening}: {error.found}",
                needed="the same file under the same path on every worker",
                option="--cluster",
            ) from None
    return Answer(value=value, files=visit.read, worker=worker)


class _Site:
    """What is set up in a worker's process, which may serve several runs at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._busy = 0
        self._limited = False

    @contextmanager
    def at_work(self, memory: int) -> Iterator[None]:
        """GDAL's environment in this thread, and one thread of BLAS in the process."""
        with self._lock:
            self._busy += 1
            if not self._limited:
                from threadpoolctl import threadpool_limits

                made_of()  # has loaded what has threads
                threadpool_limits(limits=1)
                self._limited = True
        try:
            enter_for_good(memory_mb=memory)
            yield
        finally:
            with self._lock:
                self._busy -= 1

    def close_files(self) -> None:
        """Close what the ended run read; where another is at work, its end does it."""
        with self._lock:
            if not self._busy:
                close_handles()


_site = _Site()


def close_files() -> None:
    """Close the files that a run has left open in a worker's process."""
    _site.close_files()
