"""What was measured on large pairs, as tables, and against what was aimed at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

from _tables import markdown

FLOOR_RATIO = 4.0
PEAK_GB, PEAK_GROWTH = 1.2, 0.10
TIME_SPREAD = 0.15
TWO_WORKERS = 1.7
HELP_S, IMPORT_S = 0.3, 0.5
OF_AROSICS = 1 / 10
OF_USUAL_MEMORY = 1 / 4

Row = tuple[str, str, str, bool]
"""What, the aim, what was measured, and whether it reaches the aim."""


def lead(results: dict[str, Any]) -> str:
    """The machine, the versions, the pairs."""
    rounds, beside = results["rounds"]
    return (
        f"{results['date']}; {results['machine']}. {results['versions']}. Ground: "
        f"{results['ground']}. {results['workers']} workers but where another number stands. "
        f"Median of {rounds} run(s); of AROSICS and the usual script, {beside}; above "
        f"{results['huge']:,} px, 1."
    )


def figures(results: dict[str, Any]) -> str:
    """Every program on every pair."""
    rows = []
    for size, pair in results["pairs"].items():
        floor = middle(pair, "floor", "seconds") if "floor" in pair["runs"] else math.nan
        for name, runs in pair["runs"].items():
            seconds = [run["seconds"] for run in runs]
            took = f"{median(seconds):.1f}"
            if len(seconds) > 1:
                took += f" ({min(seconds):.1f} to {max(seconds):.1f})"
            right = pair["f1"].get(name)
            rows.append(
                (f"{int(size):,}", name, took, f"{middle(pair, name, 'cpu_seconds'):.1f}",
                 f"{median(seconds) / floor:.1f}",
                 f"{1e9 * median(seconds) / int(size) ** 2:.0f}",
                 f"{gigabytes(pair, name):.2f}", "" if right is None else f"{right:.3f}")
            )  # fmt: skip
        rows += [(f"{int(size):,}", name, "failed", *[""] * 5) for name in pair["failed"]]
    head = ("px a side", "program", "seconds", "processor seconds", "times the floor",
            "ns a pixel", "peak memory, GB", "F1")  # fmt: skip
    return markdown(head, rows)


def aims(results: dict[str, Any]) -> str:
    """What was aimed at, and what was reached."""
    pairs = {int(size): pair for size, pair in results["pairs"].items()}
    tellers: Sequence[Callable[[dict[int, Any], dict[str, Any]], list[Row]]] = (
        _floor, _peak, _constant, _workers, _start_up, _arosics, _usual,
    )  # fmt: skip
    rows = [row for tell in tellers for row in tell(pairs, results)]
    said = [(*row, "yes" if reached else "**no**") for *row, reached in rows]
    return markdown(("what", "aim", "measured", "reached"), said)


def profile_table(results: dict[str, Any]) -> str:
    """Where the time of one run goes."""
    profile = results["profile"]
    steps = profile["steps"]
    whole = sum(row["seconds"] for row in steps.values())
    rows = [
        (name, f"{row['seconds']:.1f}", f"{row['seconds'] / whole:.0%}",
         f"{row['cpu_seconds']:.1f}", f"{row['peak_mib'] * 2**20 / 1e9:.2f}")
        for name, row in steps.items()
    ]  # fmt: skip
    used = sum(row["cpu_seconds"] for row in steps.values())
    rows.append(("all", f"{whole:.1f}", "100%", f"{used:.1f}", ""))
    head = ("step", "seconds", "share", "processor seconds", "peak memory so far, GB")
    return (
        f"{results['date']}; {results['machine']}. {results['versions']}. A pair of "
        f"{profile['size']:,} px a side, four bands, {results['workers']} workers, one run.\n\n"
        f"{markdown(head, rows)}"
    )


def middle(pair: dict[str, Any], name: str, what: str) -> float:
    return median(run[what] for run in pair["runs"][name])


def gigabytes(pair: dict[str, Any], name: str) -> float:
    return middle(pair, name, "peak_mib") * 2**20 / 1e9


def _floor(pairs: dict[int, Any], _: dict[str, Any]) -> list[Row]:
    rows = []
    for size, pair in pairs.items():
        if not {"floor", "detect"} <= set(pair["runs"]):
            continue
        ours, least = (middle(pair, name, "seconds") for name in ("detect", "floor"))
        used = middle(pair, "detect", "cpu_seconds") / middle(pair, "floor", "cpu_seconds")
        rows.append(
            (f"`detect`, {size:,} px a side, against the floor", f"at most {FLOOR_RATIO:g} ×",
             f"{ours / least:.1f} × ({ours:.1f} s against {least:.1f} s; {used:.1f} × by "
             "processor time)", ours <= FLOOR_RATIO * least)
        )  # fmt: skip
    return rows


def _peak(pairs: dict[int, Any], _: dict[str, Any]) -> list[Row]:
    peaks = {size: gigabytes(p, "detect") for size, p in pairs.items() if "detect" in p["runs"]}
    if not peaks:
        return []
    sizes = at_sizes(peaks)
    rows = [
        ("its peak memory", f"at most {PEAK_GB:g} GB",
         f"{', '.join(f'{peak:.2f}' for peak in peaks.values())} GB at {sizes}",
         max(peaks.values()) <= PEAK_GB)
    ]  # fmt: skip
    if len(peaks) > 1:
        growth = peaks[max(peaks)] / peaks[min(peaks)] - 1
        rows.append(
            ("growth of its peak memory", f"at most {PEAK_GROWTH:.0%}",
             f"{growth:+.0%} from {min(peaks):,} to {max(peaks):,} px", growth <= PEAK_GROWTH)
        )  # fmt: skip
    return rows


def _constant(pairs: dict[int, Any], _: dict[str, Any]) -> list[Row]:
    each = {
        size: 1e9 * middle(pair, "detect", "seconds") / size**2
        for size, pair in pairs.items()
        if "detect" in pair["runs"]
    }
    if len(each) < 2:
        return []
    spread = max(each.values()) / min(each.values()) - 1
    return [
        ("its time for a pixel", f"the same within {TIME_SPREAD:.0%}",
         f"{', '.join(f'{ns:.0f}' for ns in each.values())} ns at {at_sizes(each)}: within "
         f"{spread:.0%}", spread <= TIME_SPREAD)
    ]  # fmt: skip


def _workers(pairs: dict[int, Any], results: dict[str, Any]) -> list[Row]:
    rows = []
    for size, pair in pairs.items():
        if not {"detect", "detect, 1 worker"} <= set(pair["runs"]):
            continue
        one, several = (middle(pair, n, "seconds") for n in ("detect, 1 worker", "detect"))
        rows.append(
            (f"{results['workers']} workers against 1, {size:,} px", f"at least {TWO_WORKERS:g} ×",
             f"{one / several:.2f} ×", one >= TWO_WORKERS * several)
        )  # fmt: skip
    return rows


def _start_up(_: dict[int, Any], results: dict[str, Any]) -> list[Row]:
    found = results["start_up"]
    aimed = {"twopass --help": HELP_S, "import imagery": IMPORT_S}
    return [
        (f"`{name}`", f"at most {aim:g} s",
         f"{found[name]:.2f} s (Python alone: {found['python']:.2f} s)", found[name] <= aim)
        for name, aim in aimed.items() if name in found
    ]  # fmt: skip


def _arosics(pairs: dict[int, Any], _: dict[str, Any]) -> list[Row]:
    rows = []
    for size, pair in pairs.items():
        if not {"align", "AROSICS local"} <= set(pair["runs"]):
            continue
        ours, theirs = (middle(pair, name, "seconds") for name in ("align", "AROSICS local"))
        rows.append(
            (f"`align`, {size:,} px, against AROSICS local", "at most 1/10 of the time",
             f"1/{theirs / ours:.1f} ({ours:.1f} s against {theirs:.1f} s)",
             ours <= OF_AROSICS * theirs)
        )  # fmt: skip
    return rows


def _usual(pairs: dict[int, Any], _: dict[str, Any]) -> list[Row]:
    rows = []
    for size, pair in pairs.items():
        if not {"detect", "usual script"} <= set(pair["runs"]):
            continue
        both = ("detect", "usual script")
        ours, theirs = (middle(pair, name, "seconds") for name in both)
        small, large = (gigabytes(pair, name) for name in both)
        right, wrong = (pair["f1"][name] for name in both)
        beside = f"`detect`, {size:,} px, against the usual script"
        rows += [
            (f"{beside}: time", "less", f"{ours / theirs:.2f} × ({ours:.1f} s against "
             f"{theirs:.1f} s)", ours < theirs),
            (f"{beside}: memory", "at most 1/4", f"1/{large / small:.1f} ({small:.2f} GB against "
             f"{large:.2f} GB)", small <= OF_USUAL_MEMORY * large),
            (f"{beside}: F1 of pixels", "more", f"{right:.3f} against {wrong:.3f}",
             right > wrong),
        ]  # fmt: skip
    return rows


def at_sizes(found: dict[int, float]) -> str:
    return f"{', '.join(f'{size:,}' for size in found)} px a side"
