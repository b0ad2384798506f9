"""The words on a case's accuracy, which always name what it was held against."""

from __future__ import annotations

from typing import Any

from aoi.cli._text import one_line


def accuracy_lines(told: dict[str, Any]) -> list[str]:
    """What was found in words made from its numbers, one fact a line."""
    lines = ["SIMULATED  not a real acquisition"] if told["simulated"] else []
    lines.append(f"case       {one_line(told['case'])}")
    if "against_reference" in told:
        lines += _reference_lines(told["against_reference"])
    if "against_sample" in told:
        lines += _sample_lines(told["against_sample"])
    return lines + [f"warning    {one_line(w['message'])}" for w in told["warnings"]]


def _reference_lines(told: dict[str, Any]) -> list[str]:
    reference, judged = told["reference"], told["judged"]
    pixels, objects = told["pixels"], told["objects"]
    within = "" if reference["within"] is None else f", within {one_line(reference['within'])}"
    lines = [
        f"reference  {one_line(reference['file'])}: {reference['kind']}, "
        f"{_many(reference['objects'], 'object')}{within}",
        f"judged     {judged['pixels']:,} px, {_area_text(judged['area_m2'])}: "
        f"{_percent(judged['share_of_area'])} of the area, "
        f"{_percent(judged['share_of_observed'])} of what was observed of it",
    ]
    if reference["kind"] == "polygons":
        lines.append(f"{'':10} what lies outside the polygons counts as unchanged")
    lines += [
        f"pixels     both {pixels['both']:,}, map alone {pixels['map_only']:,}, "
        f"reference alone {pixels['reference_only']:,}, neither {pixels['neither']:,}",
        f"{'':10} precision {_share(pixels['precision'])}, recall {_share(pixels['recall'])}, "
        f"F1 {_share(pixels['f1'])}, IoU {_share(pixels['iou'])}, "
        f"overall {_share(pixels['overall'])}, kappa {_share(pixels['kappa'])}",
        f"scores     average precision {_share(pixels['average_precision'])}, "
        f"AUROC {_share(pixels['auroc'])}",
    ]
    if pixels["oracle_f1"] is not None:
        threshold = pixels["oracle_threshold"]
        at = "any score" if threshold is None else f"score >= {threshold:.4g}"
        lines.append(
            f"{'':10} oracle: best F1 {_share(pixels['oracle_f1'])} at {at}, "
            "chosen with the reference"
        )
    return lines + _object_lines(objects)


def _object_lines(objects: dict[str, Any]) -> list[str]:
    lines = [
        f"objects    {objects['found']} of {objects['judged']} found (at least "
        f"{_percent(objects['min_overlap'])} of their area; {objects['touched']} touched): "
        f"completeness {_share(objects['completeness'])}",
        f"changes    {objects['correct']} of {objects['changes']} touch an object: correctness "
        f"{_share(objects['correctness'])}; {objects['false_per_km2']:.3g} false per km² judged",
        f"{'':10} object F1 {_share(objects['f1'])}; one object, many changes: "
        f"{objects['one_to_many']}; one change, many objects: {objects['many_to_one']}",
    ]
    if objects["distance_median_m"] is not None:
        lines.append(
            f"{'':10} centres apart: median {objects['distance_median_m']:.2f} m, "
            f"90 % within {objects['distance_90_m']:.2f} m"
        )
    if objects["sizes"]:
        lines.append(f"{'by size':10} {'m²':>16} {'found':>12} {'correct':>12}")
    for size in objects["sizes"]:
        high = "and more" if size["high_m2"] is None else f"to {size['high_m2']:,.0f}"
        found = f"{size['found']}/{size['objects']}"
        correct = f"{size['correct']}/{size['changes']}"
        lines.append(f"{'':10} {size['low_m2']:>7,.0f} {high:>8} {found:>12} {correct:>12}")
    return lines


def _sample_lines(told: dict[str, Any]) -> list[str]:
    sample, area = told["sample"], told["area"]
    lines = [
        f"sample     {one_line(sample['file'])}: {sample['kind']}; {sample['labelled']} of "
        f"{_many(sample['points'], 'point')} have a label",
        f"{'':10} drawn from {sample['pixels']:,} px, {_area_text(sample['area_m2'])}: "
        f"{_percent(sample['share_of_area'])} of the area, all that was observed of it",
    ]
    lines += [
        f"{'':10} {one['points']} of {one['pixels']:,} px {one['name']}" for one in sample["strata"]
    ]
    lines.append(f"{'estimated':10} {'':22} {'value':>7} {'error':>7} {'95 %':>15}")
    for name, value in (
        ("user's, changed", told["users"]["changed"]),
        ("user's, unchanged", told["users"]["unchanged"]),
        ("producer's, changed", told["producers"]["changed"]),
        ("producer's, unchanged", told["producers"]["unchanged"]),
        ("overall", told["overall"]),
    ):
        between = f"{_share(value['low'])} to {_share(value['high'])}"
        lines.append(
            f"{'':10} {name:22} {_share(value['value']):>7} {_share(value['error']):>7} "
            f"{between:>15}"
        )
    if area["low_m2"] is None:
        between = "error unknown"
    else:
        between = f"{_area_text(area['low_m2'])} to {_area_text(area['high_m2'])} by 95 %"
    lines.append(
        f"area       changed {_area_text(area['adjusted_m2'])} ({between}); "
        f"the map has {_area_text(area['mapped_m2'])}"
    )
    return lines


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"


def _percent(value: float) -> str:
    """A share in percent: all and none are said of nothing less."""
    percent = 100 * value
    if 0 < percent < 0.1:
        return "under 0.1 %"
    if 99.9 < percent < 100:
        return "over 99.9 %"
    return f"{percent:.3g} %"


def _area_text(square_metres: float) -> str:
    if square_metres < 100_000:
        return f"{square_metres:,.0f} m²"
    return f"{square_metres / 10_000:,.1f} ha"


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
