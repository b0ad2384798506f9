"""An executor whose tasks run on a cluster, and end with a reason where it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Executor, Future, InvalidStateError
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from imagery.cluster._same import PATIENCE_S, made_of, workers_of
from imagery.cluster._worker import Answer, How, as_it_is, close_files, on_worker
from imagery.errors import ClusterError, InputError, TwopassError
from imagery.visit import Stamp, stamp

T = TypeVar("T")

_RETRIES = 2
"""How often a block that failed is tried again, as on a shared file system that stalls.  Blocks of
workers that die are done again in any case."""

_LOOK_S = 5.0
"""How often the workers are counted."""

_RESULT_MB = 10
"""Memory on this machine for each result that waits to be taken, about: 2 to 14 MB."""


class ClusterExecutor(Executor):
    """Runs tasks on a cluster as if they ran here.

    Parameters
    ----------
    client
        A ``distributed.Client``.
    memory
        MB that a run aims at, here and for the cache of a worker's GDAL.
    """

    def __init__(self, client: Any, *, memory: int) -> None:
        self._client = client
        self._pool = client.get_executor(pure=False, retries=_RETRIES)
        self._how = How(made_of=made_of(), base=Path.cwd(), memory=memory)
        self._most = memory // _RESULT_MB
        self._shared: tuple[object, Any] | None = None
        self._open: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._lost: ClusterError | None = None
        self._threads = self._count()
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, name="twopass-cluster", daemon=True)
        self._watch.start()

    @property
    def in_flight(self) -> int:
        """How many tasks keep the cluster at work; no more than fit, as results, into memory."""
        return max(2, min(2 * self._threads, self._most))

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """A task for the cluster; its error, or the cluster's, is raised by the future."""
        if self._lost is not None:
            raise self._lost
        future: Future[T] = Future()
        with self._lock:
            self._open.add(future)
        inner = self._pool.submit(on_worker, self._sent(fn), self._how, args, kwargs)
        inner.add_done_callback(partial(self._hand_over, future))
        future.add_done_callback(partial(self._let_go, inner))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 (Executor's own)
        """End the watch; what is still at work is dropped, as nobody waits for it."""
        self._ended.set()
        self._shared = None
        self._pool.shutdown(wait=False)
        if self._lost is None and self._client.status == "running":
            with suppress(OSError, TimeoutError):
                self._client.run(close_files, on_error="ignore")
        self._watch.join(timeout=_LOOK_S)

    def _sent(self, function: Callable[..., Any]) -> Any:
        """A function with all that it holds, which may be megabytes: sent once, not with each task.

        It is sent as a task and not scattered: what dies with a worker is made again.
        """
        if self._shared is None or self._shared[0] is not function:
            self._shared = function, self._client.submit(as_it_is, function, pure=False)
        return self._shared[1]

    def _hand_over(self, future: Future[Any], inner: Future[Answer]) -> None:
        # Whoever waits may have been told something else already, such as that all is lost.
        with suppress(InvalidStateError):
            try:
                answer = inner.result()
                for path, seen in answer.files.items():
                    _check_file(path, seen, answer.worker)
                future.set_result(answer.value)
            except CancelledError:
                future.set_exception(_gone())
            except Exception as error:
                future.set_exception(_told(error))

    def _let_go(self, inner: Future[Any], future: Future[Any]) -> None:
        with self._lock:
            self._open.discard(future)
        if future.cancelled():
            inner.cancel()

    def _count(self) -> int:
        return sum(threads for _, threads, _ in workers_of(self._client))

    def _look(self) -> None:
        """Count the cluster's threads now and then; give up where there are none for long."""
        seen = time.monotonic()
        while not self._ended.wait(_LOOK_S):
            try:
                threads = self._count()
            except Exception:  # whatever it is, nobody answers
                threads = 0
            if threads:
                self._threads, seen = threads, time.monotonic()
            elif time.monotonic() - seen > PATIENCE_S:
                self._give_up()

    def _give_up(self) -> None:
        self._lost = ClusterError(
            "the cluster has no worker left that works",
            found=f"none for {PATIENCE_S:g} s: gone, or paused for want of memory",
            needed="workers that stay: their logs tell why they went",
            option="--cluster",
        )
        with self._lock:
            waiting = list(self._open)
        for future in waiting:
            with suppress(InvalidStateError):
                future.set_exception(self._lost)


def _check_file(path: str, seen: Stamp, worker: str) -> None:
    try:
        own: Stamp | None = stamp(Path(path))
    except OSError:
        own = None
    if own != seen:
        raise InputError(
            f"{Path(path).name}: is another file on the worker {worker}",
            found=f"{path}: {_described(seen)} there, {_described(own)} here",
            needed="the same file under the same path on every worker",
            option="--cluster",
        )


def _described(found: Stamp | None) -> str:
    return "none" if found is None else f"{found[0]} bytes ({found[1][:8]})"


def _gone() -> ClusterError:
    return ClusterError(
        "the cluster's scheduler is gone, or has dropped the run",
        found="blocks that were cancelled",
        needed="a scheduler that stays: its log tells more",
        option="--cluster",
    )


def _told(error: Exception) -> Exception:
    """The error of a task, in our words where it is Dask's own."""
    if isinstance(error, TwopassError):
        return error
    from distributed import KilledWorker

    if isinstance(error, KilledWorker):
        return ClusterError(
            "workers died, one after the other, at the same block",
            found=f"{error.allowed_failures + 1} of them, {error.last_worker.address} last",
            needed="workers with more memory (dask worker --memory-limit), or fewer threads each",
            option="--cluster",
        )
    return error
