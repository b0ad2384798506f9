"""Whether a cluster would give the same answer: versions, processors, memory."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from imagery.errors import ClusterError
from imagery.options import EngineOptions

PATIENCE_S = 60.0
"""How long a run waits for a first worker, and for another where all are gone."""

_BASE_MB, _THREAD_MB = 400, 200
"""Memory of a worker before its first task, GDAL's cache left out, and of each task at work."""

_DECIDING = ("numpy", "scipy", "numba", "rasterio", "pyproj", "shapely", "odc-geo")


@cache
def made_of() -> dict[str, str]:
    """What decides bits in this process, by name."""
    import pyproj
    import rasterio
    import scipy.linalg  # noqa: F401 (brings its BLAS)
    from threadpoolctl import threadpool_info

    source = hashlib.sha256()
    package = Path(__file__).parents[1]
    for path in sorted(package.rglob("*.py")):
        source.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    blas = {
        f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}".strip()
        for pool in threadpool_info()
        if pool["user_api"] == "blas"
    }
    twopass = importlib.metadata.version("twopass")
    return {
        "twopass": f"{twopass} (source {source.hexdigest()[:8]})",
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: importlib.metadata.version(name) for name in _DECIDING},
        "GDAL": rasterio.__gdal_version__,
        "PROJ": pyproj.proj_version_str,
        "system": " ".join((platform.system(), platform.machine(), *platform.libc_ver())).strip(),
        "BLAS": ", ".join(sorted(blas)),
    }


def check_cluster(client: Any, options: EngineOptions) -> None:
    """Refuse a cluster that would fail, or give another answer, before it is put to work."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except TimeoutError as error:
        raise ClusterError(
            "the cluster has no worker",
            found=f"none after {PATIENCE_S:g} s",
            needed="at least one: dask worker SCHEDULER",
            option="--cluster",
        ) from error
    own = made_of()
    # The scheduler passes tasks on: it has to know what they are, but computes nothing.
    check_same("the scheduler", _ask_scheduler(client), {"twopass": own["twopass"]})
    for worker, told in client.run(made_of, on_error="return").items():
        check_same(f"the worker {worker}", told, own)
    for worker, threads, limit in workers_of(client):
        needed = _BASE_MB + threads * _THREAD_MB + options.memory // 4
        if 0 < limit < needed * 2**20:
            raise ClusterError(
                f"the worker {worker} has too little memory for its threads",
                found=f"{limit // 2**20} MB for {threads}",
                needed=f"{needed} MB: more by --memory-limit, or fewer by --nthreads",
                option="dask worker --memory-limit or --nthreads",
            )


def _ask_scheduler(client: Any) -> Any:
    try:
        return client.run_on_scheduler(made_of)
    except Exception as error:  # whatever importing raises there
        return error


def check_same(who: str, told: Any, own: Mapping[str, str]) -> None:
    if not isinstance(told, dict):
        raise ClusterError(
            f"{who} has no twopass that starts",
            found=f"{type(told).__name__}: {told}"[:300],
            needed=f"twopass {own['twopass']}, installed as here",
            option="--cluster",
        )
    differ = [name for name in own if told.get(name) != own[name]]
    if differ:
        raise ClusterError(
            f"{who} has other versions than this machine, and might give another answer",
            found=", ".join(f"{name} {told.get(name, 'none')}" for name in differ),
            needed=", ".join(f"{name} {own[name]}" for name in differ),
            option="--cluster",
        )


def workers_of(client: Any) -> list[tuple[str, int, int]]:
    """Address, threads and bytes of memory (0 for no limit) of every worker that works."""
    found: list[tuple[str, int, int]] = client.run_on_scheduler(_running)
    return found


def _running(dask_scheduler: Any) -> list[tuple[str, int, int]]:
    running = dask_scheduler.running
    return [(state.address, state.nthreads, state.memory_limit or 0) for state in running]
