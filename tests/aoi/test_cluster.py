"""The blocks on a Dask cluster, against a real one on the loopback."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_pair import counts, write_image

import imagery
from aoi.options import AreaOptions
from imagery import errors
from imagery.blocks import Window, tiles_over
from imagery.blockwise import Progress, engine, map_tiles
from imagery.cluster import ClusterExecutor
from imagery.errors import ClusterError, InputError, UsageError
from imagery.options import EngineOptions

pytest.importorskip("distributed", reason="the extra [cluster] is not installed")

ROOT = Path(imagery.__file__).parents[1]
TILES = list(tiles_over(Window(0, 0, 2048, 2048)))


@dataclass
class Cluster:
    """A scheduler and workers, each a process of its own."""

    folder: Path
    address: str = ""
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def options(self) -> EngineOptions:
        return EngineOptions(cluster=self.address)

    def start(self) -> None:
        told = self.folder / "scheduler.json"
        self.scheduler = self._process("dask_scheduler", "--scheduler-file", str(told), "--port=0")
        wait_until(lambda: told.exists() and told.read_text().strip().endswith("}"))
        self.address = json.loads(told.read_text())["address"]

    def add_worker(self, *arguments: str, path: Path = ROOT) -> subprocess.Popen[bytes]:
        arguments = ("--no-nanny", "--nthreads=1", *arguments)
        worker = self._process("dask_worker", self.address, *arguments, path=path)
        self.workers.append(worker)
        return worker

    def _process(self, program: str, *arguments: str, path: Path = ROOT) -> subprocess.Popen[bytes]:
        # Tasks of this module are known there too, but not the folder that this process is in.
        there = os.pathsep.join([str(path), str(Path(__file__).parent)])
        common = ("--host=127.0.0.1", "--no-dashboard")
        with (self.folder / f"{program}_{len(self.workers)}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{program}", *arguments, *common],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": there},
                stdout=log,
                stderr=log,
            )


def wait_until(true: Callable[[], bool], *, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.05)


@contextmanager
def running(folder: Path, *, workers: int) -> Iterator[Cluster]:
    made = Cluster(folder)
    try:
        made.start()
        for _ in range(workers):
            made.add_worker()
        yield made
    finally:
        for process in (*made.workers, made.scheduler):
            if process is not None:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("cluster"), workers=2) as made:
        yield made


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pair of a few tiles."""
    from imagery.simulate import textured_pair

    folder = tmp_path_factory.mktemp("images")
    made = textured_pair(shape=(900, 1100), shift=(1.3, -0.7), seed=3, noise=0.05, changes=5)
    for name, image in (("before", made.before), ("after", made.after)):
        write_image(folder / f"{name}.tif", counts(image))
    return folder


# ---- Tasks, which workers import from this module ----


def opened(path: Path, _tile: Window) -> tuple[int, int]:
    from imagery.env import handle

    return tuple(handle(path).shape)


def surroundings(_tile: Window) -> dict[str, Any]:
    from rasterio._env import get_gdal_config
    from threadpoolctl import threadpool_info

    names = ("GDAL_DISABLE_READDIR_ON_OPEN", "PROJ_NETWORK", "GDAL_NUM_THREADS")
    return {
        "gdal": {name: get_gdal_config(name) for name in names},
        "threads": {pool["num_threads"] for pool in threadpool_info()},
        "process": os.getpid(),
    }


def refused(error: Exception, tile: Window) -> None:
    if tile == TILES[3]:
        raise error


def slow(_tile: Window) -> None:
    time.sleep(60)


def place(values: np.ndarray[Any, Any], tile: Window) -> float:
    return float(values[tile.top // 512, tile.left // 512])


# ---- The same answer ----


def test_a_case_is_the_same_though_a_worker_is_killed(
    cluster: Cluster, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aoi.workflow import detect_case

    monkeypatch.setattr("aoi.workflow._draw", lambda _case: ())
    monkeypatch.chdir(images)
    dying = cluster.add_worker()

    def kill(progress: Progress) -> None:
        if progress.step == "difference":
            dying.kill()

    def made(name: str, options: EngineOptions, tell: Callable[[Progress], None]) -> dict[str, Any]:
        return detect_case(
            # Relative: the workers are in another folder.
            Path("before.tif"),
            Path("after.tif"),
            out=tmp_path / name,
            area_options=AreaOptions(),
            engine_options=options,
            progress=tell,
        )

    here = made("here", EngineOptions(workers=2), lambda _: None)
    there = made("there", cluster.options, kill)
    assert dying.wait(timeout=10) == -9
    assert here["result"]["status"] == "changes"
    assert here["result"] == there["result"]
    files = sorted(p for p in (tmp_path / "here").rglob("*") if p.is_file())
    same = [p for p in files if p.name not in ("case.json", "manifest-sha256.txt")]
    assert {"score.tif", "change.tif", "valid.tif", "changes.gpkg"} <= {p.name for p in same}
    for path in same:
        twin = tmp_path / "there" / path.relative_to(tmp_path / "here")
        assert path.read_bytes() == twin.read_bytes(), path.name
    record = (tmp_path / "there" / "case.json").read_text()
    assert "127.0.0.1" not in record
    assert "tcp:" not in record


def test_an_aligned_image_is_the_same(cluster: Cluster, images: Path, tmp_path: Path) -> None:
    from imagery.align import align_images

    for name, options in (("here", EngineOptions(workers=2)), ("there", cluster.options)):
        out = tmp_path / f"{name}.tif"
        align_images(images / "before.tif", images / "after.tif", out, engine_options=options)
    assert (tmp_path / "here.tif").read_bytes() == (tmp_path / "there.tif").read_bytes()


def test_results_come_in_order_and_what_is_common_is_sent_once(cluster: Cluster) -> None:
    values = np.arange(16.0).reshape(4, 4)
    work = partial(place, values)
    with engine(cluster.options) as executor:
        assert isinstance(executor, ClusterExecutor)
        assert [v for _, v in map_tiles(work, TILES, executor=executor)] == values.ravel().tolist()
        assert executor._sent(work) is executor._sent(work)
        assert executor._sent(place) is not executor._sent(work)


def test_as_much_is_in_flight_as_there_are_threads_and_memory_for(cluster: Cluster) -> None:
    with engine(cluster.options) as executor:
        assert isinstance(executor, ClusterExecutor)
        assert executor.in_flight == 4
        executor._threads = 1000
        assert executor.in_flight == 100


def test_a_task_runs_in_the_environment_of_a_run(cluster: Cluster) -> None:
    with engine(cluster.options) as executor:
        here = surroundings(TILES[0])
        there = [v for _, v in map_tiles(surroundings, TILES, executor=executor)]
    assert None not in here["gdal"].values()
    for told in there:
        assert told["gdal"] == here["gdal"]
        assert told["threads"] == here["threads"] == {1}
        assert told["process"] != here["process"]


# ---- Errors ----


def children(of: type[errors.TwopassError]) -> Iterator[type[errors.TwopassError]]:
    for child in of.__subclasses__():
        yield child
        yield from children(child)


@pytest.mark.parametrize("kind", [errors.TwopassError, *children(errors.TwopassError)])
def test_every_error_survives_the_way(kind: type[errors.TwopassError]) -> None:
    error = kind("wrong", found=1, needed="2", option="--it")
    came = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(came) is kind
    assert vars(came) == vars(error)
    assert str(came) == str(error)


def test_a_refusal_arrives_as_it_was(cluster: Cluster) -> None:
    error = errors.AlignmentError("not trusted", found="3 px", needed="1 px", option="--it")
    with (
        pytest.raises(errors.AlignmentError) as told,
        engine(cluster.options) as executor,
    ):
        list(map_tiles(partial(refused, error), TILES, executor=executor))
    assert str(told.value) == str(error)


def test_a_file_that_a_worker_does_not_find(cluster: Cluster, tmp_path: Path) -> None:
    path = tmp_path / "only_here.tif"
    with (
        pytest.raises(InputError) as told,
        engine(cluster.options) as executor,
    ):
        list(map_tiles(partial(opened, path), TILES[:2], executor=executor))
    assert "only_here.tif: the worker tcp://127.0.0.1:" in told.value.message
    assert str(path) in str(told.value.found)
    assert "no" in str(told.value.found)


def test_a_file_that_is_another_on_a_worker(
    cluster: Cluster, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = partial(opened, images / "before.tif")
    with engine(cluster.options) as executor:
        assert list(map_tiles(work, TILES[:1], executor=executor)) == [(TILES[0], (900, 1100))]
        monkeypatch.setattr("imagery.cluster._executor.stamp", lambda _path: (7, "0" * 64))
        with pytest.raises(InputError, match=r"before.tif: is another file on the worker tcp://"):
            list(map_tiles(work, TILES[:1], executor=executor))


# ---- A cluster that is not as it should be ----


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("localhost", {}),
        ("tcp://localhost", {}),
        ("http://localhost:8786", {}),
        ("tcp://:8786", {}),
        ("inproc://1/2/3:4", {}),
        ("tcp://localhost:8786", {"workers": 2}),
    ],
)
def test_wrong_usage(address: str, options: dict[str, Any]) -> None:
    with (
        pytest.raises(UsageError, match="--cluster"),
        engine(EngineOptions(cluster=address, **options)),
    ):
        pass


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(UsageError, match=r"pip install twopass\[cluster\]"),
        engine(EngineOptions(cluster="tcp://127.0.0.1:8786")),
    ):
        pass


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_nobody_there(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagery.cluster._CONNECT_S", 0.5)
    with (
        pytest.raises(ClusterError, match="can't be reached"),
        engine(EngineOptions(cluster=f"{scheme}://127.0.0.1:9")),
    ):
        pass


def test_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("imagery.cluster._same.PATIENCE_S", 1.0)
    with (
        running(tmp_path, workers=0) as empty,
        pytest.raises(ClusterError, match=r"no worker .* none after 1 s"),
        engine(empty.options),
    ):
        pass


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("", "has other versions than this machine"),
        ("raise ImportError('half installed')", "has no twopass that starts"),
    ],
)
def test_a_worker_of_another_make(start: str, said: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "imagery", other / "imagery")
    with (other / "imagery" / "__init__.py").open("a") as source:
        source.write(f"\n{start}\n")
    with running(tmp_path, workers=0) as mixed:
        mixed.add_worker(path=other)
        with (
            pytest.raises(ClusterError, match=f"worker tcp://.* {said}") as told,
            engine(mixed.options),
        ):
            pass
    assert "twopass" in str(told.value.needed)


def test_too_little_memory(tmp_path: Path) -> None:
    with running(tmp_path, workers=0) as small:
        small.add_worker("--memory-limit=500MB")
        with (
            pytest.raises(ClusterError, match=r"too little memory .* 476 MB for 1"),
            engine(small.options),
        ):
            pass


@pytest.mark.parametrize(
    ("dies", "said"),
    [("workers", "no worker left that works .* none for 1 s"), ("scheduler", "scheduler is gone")],
)
def test_it_ends_where_all_die(
    dies: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("imagery.cluster._executor.PATIENCE_S", 1.0)
    with running(tmp_path, workers=2) as made, ExitStack() as stack:
        executor = stack.enter_context(engine(made.options))
        futures = [executor.submit(slow, tile) for tile in TILES[:4]]
        time.sleep(1)
        for process in made.workers if dies == "workers" else [made.scheduler]:
            assert process is not None
            process.kill()
        start = time.monotonic()
        with pytest.raises(ClusterError, match=said):
            futures[0].result(timeout=60)
        assert time.monotonic() - start < 40
        with pytest.raises(ClusterError):
            futures[3].result(timeout=60)
