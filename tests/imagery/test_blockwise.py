from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pairs import bands_of, plan_of, scene_of

from imagery.blocks import Window, tiles_over
from imagery.blockwise import engine, map_tiles
from imagery.env import raster_environment
from imagery.options import EngineOptions
from imagery.sampling import PairReader
from imagery.shift import Shift
from imagery.shift_error import ShiftError

TILES = list(tiles_over(Window(0, 0, 4 * 512, 5 * 512)))


class Serial(Executor):
    """Does the work at once, in the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


class Never(Executor):
    """Takes work, and does it when told to."""

    def __init__(self) -> None:
        self.futures: list[Future[Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.futures.append(Future())
        return self.futures[-1]


def test_results_come_in_the_order_of_the_tiles() -> None:
    def slow_at_first(tile: Window) -> Window:
        time.sleep(0.02 if tile.top == 0 else 0)
        return tile

    with ThreadPoolExecutor(4) as executor:
        found = list(map_tiles(slow_at_first, TILES, executor=executor, in_flight=7))
    assert found == [(tile, tile) for tile in TILES]


def test_any_executor_does() -> None:
    found = list(map_tiles(lambda tile: tile.top, TILES, executor=Serial()))
    assert found == [(tile, tile.top) for tile in TILES]


def test_no_tiles_give_nothing() -> None:
    assert list(map_tiles(lambda tile: tile, [], executor=Serial())) == []


@pytest.mark.parametrize("executor", [Serial(), ThreadPoolExecutor(2)])
def test_an_error_surfaces_in_its_turn(executor: Executor) -> None:
    def fails_late(tile: Window) -> int:
        if tile == TILES[7]:
            raise RuntimeError("tile 7")
        return tile.left

    work = map_tiles(fails_late, TILES, executor=executor, in_flight=3)
    assert [next(work)[0] for _ in range(7)] == TILES[:7]
    with pytest.raises(RuntimeError, match="tile 7"):
        next(work)
    executor.shutdown()


def test_after_an_error_what_waits_is_cancelled() -> None:
    executor = Never()
    work = map_tiles(lambda tile: tile, TILES, executor=executor, in_flight=5)
    timer = threading.Timer(0.05, lambda: executor.futures[0].set_exception(OSError("the disk")))
    timer.start()
    with pytest.raises(OSError, match="the disk"):
        next(work)
    assert len(executor.futures) == 5
    assert all(future.cancelled() for future in executor.futures[1:])


def test_a_caller_that_stops_cancels_what_waits() -> None:
    executor = Never()
    work = map_tiles(lambda tile: tile, TILES, executor=executor, in_flight=3)
    threading.Timer(0.05, lambda: executor.futures[0].set_result(1)).start()
    assert next(work) == (TILES[0], 1)
    work.close()  # type: ignore[attr-defined]
    assert all(future.cancelled() for future in executor.futures[1:])


@pytest.mark.parametrize("limit", [1, 2, 6])
def test_the_queue_is_bounded(limit: int) -> None:
    waiting = most = 0

    class Counting(Serial):
        def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            return super().submit(fn, *args, **kwargs)

    def endless() -> Iterator[Window]:
        while True:
            yield TILES[0]

    for number, _ in enumerate(
        map_tiles(lambda tile: tile, endless(), executor=Counting(), in_flight=limit)
    ):
        waiting -= 1
        if number == 40:
            break
    assert most == limit


@pytest.mark.parametrize(
    ("options", "workers"),
    [
        (EngineOptions(workers=2), 2),
        (EngineOptions(workers=1), 1),
        (EngineOptions(workers=4, memory=64), 1),
        (EngineOptions(workers=4, memory=250), 2),
    ],
)
def test_an_engine_has_as_many_workers_as_fit_and_one_thread_in_each(
    options: EngineOptions, workers: int
) -> None:
    from threadpoolctl import threadpool_info

    seen: set[str] = set()

    def work(tile: Window) -> set[int]:
        time.sleep(0.005)
        seen.add(threading.current_thread().name)
        return {pool["num_threads"] for pool in threadpool_info()}

    with engine(options) as executor:
        threads = [found for _, found in map_tiles(work, TILES, executor=executor)]
    assert len(seen) == workers
    assert set().union(*threads) <= {1}


def test_an_engine_that_ends_in_an_error_leaves_no_thread() -> None:
    def work(tile: Window) -> None:
        raise ValueError("wrong")

    before = threading.active_count()
    with pytest.raises(ValueError, match="wrong"), engine(EngineOptions(workers=2)) as executor:
        list(map_tiles(work, TILES, executor=executor))
    assert threading.active_count() == before


def test_a_task_can_travel_to_a_process(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((2, 60, 70)).astype(np.float32)
    with raster_environment():
        before, after = scene_of(tmp_path, image), scene_of(tmp_path, image, role="after")
        pair = PairReader(
            before=before,
            after=after,
            before_bands=bands_of(before, after).before,
            after_bands=bands_of(before, after).after,
            grid=plan_of(before, after).geobox,
            moving="after",
            shift=Shift.constant(0.4, -0.3),
            error=ShiftError.constant(0.3),
            largest_error=np.inf,
            smoothing=0.8,
        )
        window = Window(10, 0, 30, 70)
        travelled = pickle.loads(pickle.dumps(pair))  # noqa: S301
        here, there = pair.read(window), travelled.read(window)
    for one, two in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.data, two.data)
        np.testing.assert_array_equal(one.valid, two.valid)
