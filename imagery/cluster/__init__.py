"""The blocks on a Dask cluster: the same tasks, on workers that reach the same files.

Scheduling, retries and the wire are Dask's own (``Client.get_executor``).  Added is what makes the
answer the same as on one machine: the same versions, GDAL's environment, one thread a task, the
same files; and an end, with a reason, where no worker is left.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from imagery.cluster._executor import ClusterExecutor
from imagery.cluster._same import check_cluster
from imagery.errors import ClusterError, UsageError
from imagery.options import EngineOptions

__all__ = ["ClusterExecutor", "cluster_executor"]

_CONNECT_S = 30.0


@contextmanager
def cluster_executor(options: EngineOptions) -> Iterator[ClusterExecutor]:
    """An executor on the cluster of ``options``, whose workers were looked at first.

    Raises
    ------
    UsageError
        If the address is none, or Dask is not installed.
    ClusterError
        If the cluster can't be reached, has no worker, too little memory, or other versions.
    """
    address = _address(options)
    try:
        import dask
        from distributed import Client
    except ImportError as error:
        raise UsageError(
            "--cluster works by Dask, which is not installed",
            found=str(error),
            needed="pip install twopass[cluster]",
            option="--cluster",
        ) from error
    settings = {"distributed.admin.large-graph-warning-threshold": "1GB"}
    with dask.config.set(settings), _quiet():
        try:
            client = Client(address, timeout=_CONNECT_S, set_as_default=False, name="twopass")
        except (OSError, TimeoutError, TypeError, RuntimeError, ValueError) as error:
            raise ClusterError(
                "the cluster can't be reached",
                found=f"{address}: {error or type(error).__name__}",
                needed="the address of a Dask scheduler; for tls:// also Dask's own settings",
                option="--cluster",
            ) from error
        with client:
            check_cluster(client, options)
            executor = ClusterExecutor(client, memory=options.memory)
            try:
                yield executor
            finally:
                executor.shutdown()


def _address(options: EngineOptions) -> str:
    address = options.cluster or ""
    scheme, _, rest = address.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in ("tcp", "tls") or not host or not port.isdecimal():
        raise UsageError(
            "--cluster is no address of a Dask scheduler",
            found=address[:100],
            needed="tcp://HOST:PORT or tls://HOST:PORT",
            option="--cluster",
        )
    if options.workers is not None:
        raise UsageError(
            "--workers and --cluster contradict each other",
            found=f"--workers {options.workers}",
            needed="one of the two: a cluster's workers bring their threads",
            option="--workers or --cluster",
        )
    return address


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log off stderr: what matters of it is said by our own errors."""
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)
