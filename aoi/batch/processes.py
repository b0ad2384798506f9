"""Some processes, each of which works on one case at a time."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Processes(Executor):
    """An executor of spawned processes, of which one that dies takes its own work along alone.

    In a plain pool it would take that of all others; and a case may well run out of memory, or into
    a fault of a library.

    Parameters
    ----------
    count
        How many work at a time; each is started when there is work for it.
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count)
        self._free: SimpleQueue[_Worker] = SimpleQueue()
        self._workers = [_Worker() for _ in range(count)]
        for worker in self._workers:
            self._free.put(worker)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function of a module in one of the processes."""
        return self._threads.submit(self._run, fn, *args, **kwargs)

    def _run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        worker = self._free.get()
        try:
            return worker.run(fn, *args, **kwargs)
        finally:
            self._free.put(worker)

    def shutdown(  # as every executor's
        self,
        wait: bool = True,  # noqa: FBT001, FBT002
        *,
        cancel_futures: bool = False,
    ) -> None:
        """End the processes; with ``cancel_futures`` what is at work ends too, and cleans up."""
        self._threads.shutdown(wait=False, cancel_futures=cancel_futures)
        if cancel_futures:
            for worker in self._workers:
                worker.interrupt()
        self._threads.shutdown(wait=wait)
        for worker in self._workers:
            worker.close(wait=wait)


class _Worker:
    """A process, started anew if it died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._pid: int | None = None
        self._interrupted = False

    def run(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        if self._pool is None:
            # Spawned, never forked: a fork copies locks that threads hold.
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin)
            _deafen()  # after the pool is made, which undoes it
        try:
            self._pid = self._pool.submit(os.getpid).result()
            if self._interrupted:
                raise SystemExit
            return self._pool.submit(function, *args, **named).result()
        except BrokenProcessPool:
            self.close()
            raise

    def interrupt(self) -> None:
        self._interrupted = True
        if self._pid is not None:
            with suppress(OSError):  # it has ended
                os.kill(self._pid, signal.SIGTERM)

    def close(self, *, wait: bool = True) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=wait)
        self._pool = self._pid = None


def _deafen() -> None:
    """Keep Ctrl-C from what this thread starts: a process that just begins would cry out."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _begin() -> None:
    """Set a process up: who started it hears Ctrl-C, and ends it so that it cleans up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    # What libraries tell programmers is for debugging alone, as in the command itself.
    if os.environ.get("TWOPASS_DEBUG"):
        logging.basicConfig(level=logging.INFO)
        return
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())


def _end(_signal: int, _frame: object) -> None:
    raise SystemExit(130)
