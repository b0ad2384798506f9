"""What was asked of decisions and what was realised, in tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
from _decided import Run
from _tables import machine, markdown, share, today

K = TypeVar("K")
DRAWS = 2000
WARNINGS = (
    "decoys-unlike",
    "alignment-",
    "clouds-suspected",
    "shift-extrapolated",
    "bands-uncorrelated",
)
"""Codes of cautions, or how they start, that say that a rate may not hold."""


def report(runs: Sequence[Run], *, seed: int, seconds: float) -> str:
    lead = f"{today()}; {machine()}. Seed {seed}; {seconds / 60:.0f} min in all."
    parts = [lead]
    tables: tuple[tuple[str, Callable[[list[Run]], str], str], ...] = (
        ("nulls", rates, NULLS),
        ("real", rates, REAL),
        ("objects", shares, SHARES),
        ("objects", beside_otsu, OTSU),
        ("vehicles", vehicles, VEHICLES),
        ("sabotage", sabotage, SABOTAGE),
        ("city", cities, CITY),
        ("speed", speed, SPEED),
    )
    for part, table, words in tables:
        own = [run for run in runs if run.part.startswith(part)]
        if own:
            parts += [words, table(own)]
    return "\n\n".join(parts)


NULLS = (
    "**Nothing happened; the null is simulated from the scene.** Alarms over what the rate asked "
    "for lets expect, pooled over scenes, with a 95 % interval of bootstrapped scenes. Above "
    "twice: scenes with more than twice the alarms, in brackets those where chance (Poisson, 5 %) "
    "doesn't explain it."
)
REAL = (
    "**Real pairs between which next to nothing happened; the decoys are the other pairs, or "
    "other squares.** Regions that touch a labelled change don't count."
)
SHARES = (
    "**Shares of false changes**, over scenes with 5, 15 and 50 objects of 4 to 20 px and 5 to "
    "40 % contrast."
)
OTSU = (
    "**What is found, beside Otsu's cut of the same scores.** Otsu's regions have one knob, their "
    "least area: it is raised until no more are false than among ours."
)
VEHICLES = (
    "**Vehicles** of 3 × 6 m and 15 % contrast, darker or brighter, on bare ground in pixels of "
    "0.5 m, 50 a scene."
)
SABOTAGE = (
    "**Sabotage.** The pair differs from what the decoys know. Warned: by a caution about decoys, "
    "alignment or clouds. Silent: more than twice the alarms expected, without any."
)
CITY = (
    "**A bare square among leaning roofs.** Pairs of a simulated city, the decoys two other pairs "
    "of it on which nothing happened: seen from other sides, with other vehicles. Alarms where "
    "nothing happened, and what is told of an event on the square."
)
SPEED = "**What an ask costs**, one thread."


def rates(runs: list[Run]) -> str:
    head = ("pairs", "asked", "refused", "km²", "alarms", "expected", "realised / asked",
            "scenes above twice")  # fmt: skip
    rows = []
    for (part, scene), group in _grouped(runs, lambda r: (r.part, "" if _sim(r) else r.scene)):
        for asked, own in _grouped(group, lambda r: r.asked):
            good = [r for r in own if not r.refused]
            rows.append(
                (
                    scene or f"simulated, {part.removeprefix('nulls ')}",
                    asked,
                    f"{len(own) - len(good)} of {len(own)}",
                    f"{sum(r.km2 for r in good):.3g}",
                    sum(r.false for r in good),
                    f"{sum(r.expected for r in good):.3g}",
                    pooled(good),
                    above_twice(good),
                )
            )
    return markdown(head, rows)


def _sim(run: Run) -> bool:
    return run.part.startswith("nulls")


def pooled(runs: Sequence[Run]) -> str:
    """Alarms over expected ones, with the interval that bootstrapped scenes give."""
    if not runs:
        return "–"
    false, expected = (
        np.array([getattr(r, n) for r in runs], float) for n in ("false", "expected")
    )
    drawn = np.random.default_rng(0).integers(len(runs), size=(DRAWS, len(runs)))
    ratios = false[drawn].sum(axis=1) / expected[drawn].sum(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return f"{false.sum() / expected.sum():.2f} ({low:.2f} to {high:.2f})"


def above_twice(runs: Sequence[Run]) -> str:
    return f"{sum(map(twice, runs))} ({sum(map(surely_twice, runs))}) of {len(runs)}"


def twice(run: Run) -> bool:
    return run.false > 2 * run.expected


def surely_twice(run: Run) -> bool:
    """Whether so many alarms are rarer than 5 % at twice the rate."""
    from scipy.stats import poisson

    return twice(run) and float(poisson.sf(run.false - 1, 2 * run.expected)) < 0.05


def shares(runs: list[Run]) -> str:
    head = ("asked", "refused", "told", "false, pooled", "false, mean over scenes", "objects found")
    rows = []
    for asked, own in _grouped(runs, lambda r: r.asked):
        if not asked.endswith("%"):
            continue
        good = [r for r in own if not r.refused]
        told, false = (sum(getattr(r, name) for r in good) for name in ("told", "false"))
        each = np.mean([r.false / max(r.told, 1) for r in good]) if good else float("nan")
        refused = f"{len(own) - len(good)} of {len(own)}"
        rows.append((asked, refused, told, share(false, told), f"{each:.1%}", found_of(good)))
    return markdown(head, rows)


def found_of(runs: Iterable[Run]) -> str:
    runs = list(runs)
    return share(sum(r.found for r in runs), sum(r.planted for r in runs))


def beside_otsu(runs: list[Run]) -> str:
    head = ("decision", "refused", "false per km²", "objects found")
    rows = []
    for part, scenes in _grouped(runs, lambda r: r.part):
        rate = next(r.asked for r in scenes if r.asked.endswith("/km2"))
        for asked, name in (
            (rate, f"pixels of {part.removeprefix('objects ')}, {rate} asked"),
            ("", "the same, nothing asked"),
            ("otsu, cut to ours", "the same, Otsu, no more false than ours"),
            ("otsu", "the same, Otsu"),
        ):
            own = [r for r in scenes if r.asked == asked]
            good = [r for r in own if not r.refused]
            km2 = sum(r.km2 for r in good)
            false = sum(r.false for r in good) / km2 if km2 else float("nan")
            rows.append(
                (name, f"{len(own) - len(good)} of {len(own)}", f"{false:.3g}", found_of(good))
            )
    return markdown(head, rows)


def vehicles(runs: list[Run]) -> str:
    head = ("sensor's noise", "asked", "refused", "found", "told over planted", "false per km²")
    rows = []
    for (scene, asked), own in _grouped(runs, lambda r: (r.scene, r.asked)):
        good = [r for r in own if not r.refused]
        count = sum(r.told for r in good) / max(sum(r.planted for r in good), 1)
        false = sum(r.false for r in good) / max(sum(r.km2 for r in good), 1e-9)
        refused = f"{len(own) - len(good)} of {len(own)}"
        rows.append(
            (scene, asked or "nothing", refused, found_of(good), f"{count:.2f}", f"{false:.2g}")
        )
    return markdown(head, rows)


def sabotage(runs: list[Run]) -> str:
    head = ("sabotage", "decoys", "refused", "warned", "realised / asked", "above twice", "silent")
    rows = []
    for (what, part), own in _grouped(runs, lambda r: (r.scene, r.part)):
        good = [r for r in own if not r.refused]
        silent = sum(twice(r) and not warned(r) for r in good)
        rows.append(
            (
                what,
                part.removeprefix("sabotage, "),
                f"{len(own) - len(good)} of {len(own)}",
                sum(map(warned, good)),
                pooled(good),
                above_twice(good),
                silent,
            )
        )
    return markdown(head, rows)


def cities(runs: list[Run]) -> str:
    head = ("pair", "asked", "refused", "km²", "alarms", "expected", "realised / asked", "found",
            "calibrated")  # fmt: skip
    rows = []
    for (scene, asked), own in _grouped(runs, lambda r: (r.scene, r.asked)):
        good = [r for r in own if not r.refused]
        event = any(r.planted for r in own)
        rows.append(
            (
                scene,
                asked,
                f"{len(own) - len(good)} of {len(own)}",
                f"{sum(r.km2 for r in good):.3g}",
                "–" if event else sum(r.false for r in good),
                f"{sum(r.expected for r in good):.3g}",
                "–" if event else pooled(good),
                found_of(good) if event else "–",
                sum(r.calibration == "calibrated" for r in good),
            )
        )
    return markdown(head, rows)


def warned(run: Run) -> bool:
    return any(code.startswith(WARNINGS) for code in run.codes)


def speed(runs: list[Run]) -> str:
    rows = []
    for scene, own in _grouped(runs, lambda r: r.scene):
        plain = next(r.seconds for r in own if not r.asked)
        for r in own:
            times = f"{r.seconds / plain:.1f}" if not r.refused else "refused"
            rows.append((scene, r.asked or "nothing", f"{r.seconds:.1f}", times))
    return markdown(("pair", "asked", "s", "times"), rows)


def _grouped(runs: Iterable[Run], key: Callable[[Run], K]) -> list[tuple[K, list[Run]]]:
    groups: dict[K, list[Run]] = {}
    for run in runs:
        groups.setdefault(key(run), []).append(run)
    return list(groups.items())
