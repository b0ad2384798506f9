"""False alarms: whether the rates that are asked for hold, and what is found at them.

    python benchmarks/false_alarms.py [--quick] [--processes 2] [--seed 2026] [--readme]

Pairs of invented ground (``_scenery.py``), on which nothing happened or objects are planted, are
decided on as a user would: at a rate of false alarms, at a share of false changes, without any.
Real pairs between which next to nothing happened (``_quiet_real.py``) are read at the path in
TWOPASS_DATA, each decided on with the others as decoys.  ``--quick`` takes a tenth of it.
``--readme`` puts the tables between their markers in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from _alarm_tables import report
from _decided import Held, Run, held_against, mapped, run_of
from _places import simulated_places
from _quiet_city import AREA_KM2, EVENT, SQUARE, numbered, write_quiet
from _quiet_real import real_runs, tasks_of
from _scenery import GROUNDS, USUAL, Look, ground_of, scattered, truth_of, write_scene
from _tables import publish
from odc.geo.geobox import GeoBox

from imagery.errors import TwopassError
from imagery.options import DecisionOptions, DetectOptions, ThresholdOptions
from imagery.simulate import parade_ground

ROOT = Path(__file__).resolve().parents[1]

FINE, COARSE = 0.6, 10.0
SIZES = {FINE: 1536, COARSE: 768}
"""Sides of pairs where nothing happened, px: large, so that a rate shows."""

RATES = {FINE: ("10/km2",), COARSE: ("1/km2", "0.1/km2")}
RARE, ON_RARE = "1/km2", ("rough", "roofs")
"""Asked of fine pixels on a few grounds alone: it takes 48 million pixels of decoys."""

SHARES = (0.05, 0.1, 0.2)
OBJECT_RATE = {FINE: "10/km2", COARSE: "1/km2"}
OBJECT_SIZE = 768
COUNTS = (5, 15, 50)

SABOTAGE: dict[str, Look] = {
    "none": USUAL,
    "half a pixel of distortion that no alignment follows": Look(distortion=0.5),
    "a patch of thin haze, 30 %": Look(patch=0.3),
    "another season": Look(season=0.3),
    "twice the noise": Look(noise=2.0),
}
SABOTAGED = ("rough", "roofs")
SABOTAGE_RATE, SABOTAGE_SIZE, QUIET_PAIRS = "20/km2", 768, 3

VEHICLE_PX, VEHICLE_CONTRAST, VEHICLES = (6.0, 12.0), 0.15, 50
VEHICLE_RATE, VEHICLE_SIZE, VEHICLE_PIXEL = "1/km2", 1024, 0.5
VEHICLE_NOISES = (1.0, 2.0)

CITIES, CITY_SIZE, CITY_RATE, CITY_QUIET = 3, 1200, "10/km2", 2
"""Cities, their sides, px of 0.5 m, and quiet pairs that each is decided on with."""

Task = tuple[str, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a tenth of it")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--work", type=Path, help="folder for the pairs")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(dir=options.work) as scratch:
        work = Path(scratch)
        simulated_places(work)  # once, before the processes read them
        runs = [
            run
            for found in done(
                tasks(options.only, quick=options.quick),
                partial(runs_of, work=work, seed=options.seed),
                processes=options.processes,
            )
            for run in found
        ]
    text = report(runs, seed=options.seed, seconds=time.perf_counter() - start)
    print(text)
    if options.readme:
        publish(ROOT, "false-alarms", text)


def real_data() -> Path | None:
    data = os.environ.get("TWOPASS_DATA")
    return Path(data) if data else None


def tasks(only: Sequence[str], *, quick: bool) -> list[Task]:
    """Part and number of each task, the long ones first."""
    data = real_data()
    counts = {
        "nulls": 2 * len(GROUNDS),
        "vehicles": len(VEHICLE_NOISES),
        "sabotage": len(SABOTAGED),
        "objects": len(GROUNDS),
        "real": len(tasks_of(data)) if data else 0,
        "city": CITIES,
        "speed": 2,
    }
    # Those of coarse pixels are short.
    numbers = {part: [1] if quick else list(range(count)) for part, count in counts.items()}
    if quick:
        numbers |= {"city": [], "vehicles": [], "sabotage": [], "real": [], "speed": []}
    return [(part, number) for part in PARTS if part in only for number in numbers[part]]


def done(todo: Sequence[Task], work: partial[list[Run]], *, processes: int) -> Iterator[list[Run]]:
    """The tasks' runs; those of speed come last, alone."""
    together = [task for task in todo if task[0] != "speed"]
    alone = [task for task in todo if task[0] == "speed"]
    if processes > 1 and len(together) > 1:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            yield from told(pool.map(work, together))
    else:
        yield from told(map(work, together))
    yield from told(map(work, alone))


def told(results: Iterator[list[Run]]) -> Iterator[list[Run]]:
    for runs in results:
        for run in runs:
            what = run.refused[:110] or f"told {run.told}, false {run.false}, found {run.found}"
            where = f"{run.part}, {run.scene[:40]}, {run.asked or 'nothing asked'}"
            print(f"{where}: {what}; {run.seconds:.1f} s", file=sys.stderr, flush=True)
        yield runs


def runs_of(task: Task, *, work: Path, seed: int) -> list[Run]:
    part, number = task
    with tempfile.TemporaryDirectory(dir=work) as own:
        rng = np.random.default_rng([seed, list(PARTS).index(part), number])
        return PARTS[part](number, rng, Path(own))


def place(number: int) -> tuple[str, float]:
    """A ground and a pixel size; the sizes take turns, and each ground has both in the end."""
    return GROUNDS[number % len(GROUNDS)], (FINE, COARSE)[number % 2]


def asking(asked: str) -> DetectOptions:
    """Options for a rate ("1/km2"), a share ("5 %"), Otsu's cut ("otsu") or nothing ("")."""
    if asked == "otsu":
        return DetectOptions(threshold=ThresholdOptions(threshold="otsu"))
    if asked.endswith("%"):
        return DetectOptions(decision=DecisionOptions(fdr=float(asked[:-1]) / 100))
    return DetectOptions(decision=DecisionOptions(max_false_alarms=asked or None))


def nulls(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    """Nothing happened, and the null is simulated from the scene itself."""
    kind, pixel = place(number)
    size = SIZES[pixel]
    pair = write_scene(work, ground_of(kind, size, rng, work=work.parent), pixel_m=pixel, rng=rng)
    see = held_against(np.zeros((size, size), np.int32))
    return [
        run_of(
            mapped(pair, options=asking(asked), work=work, see=see),
            part=f"nulls {pixel:g} m",
            scene=kind,
            asked=asked,
        )
        for asked in (*RATES[pixel], *([RARE] if pixel == FINE and kind in ON_RARE else []))
    ]


def objects(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    """Objects of many sizes: shares of false ones, and what is found beside Otsu's cut."""
    kind, pixel = place(number)
    ground = ground_of(kind, OBJECT_SIZE, rng, work=work.parent)
    count = COUNTS[number % len(COUNTS)]
    items = scattered(count, OBJECT_SIZE, rng, sides=(4, 20), contrasts=(0.05, 0.4))
    pair = write_scene(work, ground, pixel_m=pixel, rng=rng, objects=items)
    see = held_against(truth_of(items, OBJECT_SIZE))
    found = []
    rate = OBJECT_RATE[pixel]
    for asked in (*(f"{share:.0%}".replace("%", " %") for share in SHARES), "", rate):
        answer = mapped(pair, options=asking(asked), work=work, see=see)
        found.append(
            run_of(answer, part=f"objects {pixel:g} m", scene=kind, asked=asked, planted=count)
        )
    ours = found[-1]
    answer = mapped(pair, options=asking("otsu"), work=work, see=see)
    told = partial(run_of, part=f"objects {pixel:g} m", scene=kind, planted=count)
    found.append(told(answer, asked="otsu"))
    if not isinstance(answer, TwopassError) and not ours.refused:
        found.append(told(no_more_false(answer, ours.false), asked="otsu, cut to ours"))
    return found


def no_more_false(answer: tuple[Any, Held, float], false: int) -> tuple[Any, Held, float]:
    """The map without its smallest regions, so many that no more are false."""
    found, held, seconds = answer
    sizes = np.sort(held.pixels[~held.true])[::-1]
    least = 0 if len(sizes) <= false else int(sizes[false]) + 1
    kept = held.pixels >= least
    region, item = held.touched
    meet = kept[region]
    number = np.cumsum(kept) - 1
    return (
        found,
        Held(
            pixels=held.pixels[kept],
            true=held.true[kept],
            touched=np.stack([number[region[meet]], item[meet]]),
            km2=held.km2,
        ),
        seconds,
    )


def vehicles(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    """Vehicles of 3 by 6 m on bare ground."""
    noise = VEHICLE_NOISES[number]
    items = scattered(
        VEHICLES,
        VEHICLE_SIZE,
        rng,
        sides=VEHICLE_PX,
        contrasts=(VEHICLE_CONTRAST, VEHICLE_CONTRAST),
        oblong=True,
    )
    ground = ground_of("bare", VEHICLE_SIZE, rng, work=work)
    pair = write_scene(
        work, ground, pixel_m=VEHICLE_PIXEL, rng=rng, look=Look(noise=noise), objects=items
    )
    see = held_against(truth_of(items, VEHICLE_SIZE))
    return [
        run_of(
            mapped(pair, options=asking(asked), work=work, see=see),
            part="vehicles",
            scene=f"noise {noise:g} %",
            asked=asked,
            planted=VEHICLES,
        )
        for asked in (VEHICLE_RATE, "")
    ]


def sabotage(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    """Pairs that differ from their decoys in a way that breaks the promise."""
    kind = SABOTAGED[number]
    seed = int(rng.integers(1 << 30))

    def written(name: str, look: Look) -> tuple[Path, Path]:
        own = np.random.default_rng([seed, *name.encode()])
        ground = ground_of(kind, SABOTAGE_SIZE, own, work=work.parent)
        return write_scene(work / name, ground, pixel_m=FINE, rng=own, look=look)

    quiet = [written(f"quiet{n}", USUAL) for n in range(QUIET_PAIRS)]
    see = held_against(np.zeros((1, 1), np.int32))
    found = []
    for what, look in SABOTAGE.items():
        pair = written("target", look)
        for decoys in ((), tuple((str(b), str(a)) for b, a in quiet)):
            options = DetectOptions(
                decision=DecisionOptions(max_false_alarms=SABOTAGE_RATE, quiet_pair=decoys)
            )
            name = "quiet pairs" if decoys else "simulated null"
            answer = mapped(pair, options=options, work=work, see=see)
            found.append(run_of(answer, part=f"sabotage, {name}", scene=what, asked=SABOTAGE_RATE))
    return found


def city(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    """A bare square among leaning roofs: another quiet pair, and one with an event."""
    seed = int(rng.integers(1 << 30))
    pairs = [
        write_quiet(work / f"quiet{n}", seed=seed, pair=n, size=CITY_SIZE)
        for n in range(CITY_QUIET + 1)
    ]
    event = parade_ground(work / "event", seed=seed, size=CITY_SIZE)
    with rasterio.open(event.before) as dataset:
        geobox = GeoBox(dataset.shape, dataset.transform, dataset.crs)
    options = DetectOptions(
        decision=DecisionOptions(
            max_false_alarms=CITY_RATE,
            quiet_pair=tuple((str(b), str(a)) for b, a in pairs[:CITY_QUIET]),
        )
    )
    # Of a region on the square most lies there; what is told of the event is looked for alone.
    see = held_against(numbered((SQUARE,), geobox), share=0.5)
    told = partial(run_of, part="city", asked=CITY_RATE)
    quiet = mapped(pairs[-1], options=options, work=work, see=see)
    found = [told(quiet, scene="quiet")]
    if not isinstance(quiet, TwopassError):
        _, held, _ = quiet
        rate, on = float(CITY_RATE.removesuffix("/km2")), int(held.true.sum())
        rest = held.km2 - AREA_KM2
        whole = found.pop()
        found += [
            replace(whole, scene=scene, false=false, km2=km2, expected=rate * km2)
            for scene, false, km2 in (
                ("nothing happened, on the square", on, AREA_KM2),
                ("nothing happened, around it", len(held.true) - on, rest),
            )
        ]
    answer = mapped(
        (event.before, event.after),
        options=options,
        work=work,
        see=held_against(numbered(EVENT, geobox), share=0.0),
        extent=lambda before, after: SQUARE,
    )
    return [*found, told(answer, scene="two walled rectangles", planted=len(EVENT))]


def speed(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    """The same scene with and without a rate, in turns."""
    pixel = (FINE, COARSE)[number]
    size = SIZES[pixel]
    ground = ground_of("roofs", size, rng, work=work)
    pair = write_scene(work, ground, pixel_m=pixel, rng=rng)
    see = held_against(np.zeros((1, 1), np.int32))
    return [
        run_of(
            mapped(pair, options=asking(asked), work=work, see=see),
            part="speed",
            scene=f"{size} px of {pixel:g} m",
            asked=asked,
        )
        for asked in ("", RATES[pixel][0])
    ]


def real(number: int, rng: np.random.Generator, work: Path) -> list[Run]:
    data = real_data()
    if data is None:
        return []
    return real_runs(tasks_of(data)[number], data=data, work=work)


PARTS = {
    "nulls": nulls,
    "vehicles": vehicles,
    "sabotage": sabotage,
    "real": real,
    "objects": objects,
    "city": city,
    "speed": speed,
}

if __name__ == "__main__":
    main()
