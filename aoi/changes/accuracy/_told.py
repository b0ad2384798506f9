"""Assessments as plain JSON values, which never stand without what they were held against."""

from __future__ import annotations

from typing import Any

from aoi.changes.accuracy._assess import Assessment
from aoi.changes.accuracy._case_map import CaseMap
from aoi.changes.accuracy._estimate import Accuracy, Estimate
from aoi.changes.accuracy._labels import Sample
from aoi.changes.accuracy._objects import Objects
from imagery.record import to_json


def told_of_reference(assessment: Assessment, found: CaseMap) -> dict[str, Any]:
    """What a reference says of a case.

    Returns
    -------
    dict
        ``reference``, ``judged``, ``pixels`` and ``objects``; a measure without a meaning is None.
    """
    reference, pixels, ranked = assessment.reference, assessment.pixels, assessment.ranking
    judged = pixels.pixels
    told: dict[str, Any] = to_json(
        {
            "reference": {
                "file": reference.file.name,
                "sha256": reference.file.sha256,
                "kind": reference.kind,
                "objects": reference.count,
                "within": reference.within,
            },
            "judged": {
                "pixels": judged,
                "area_m2": judged * found.pixel_area_m2,
                "share_of_area": found.share_of_area(judged),
                "share_of_observed": judged / assessment.observed,
            },
            "pixels": {
                "both": pixels.both,
                "map_only": pixels.map_only,
                "reference_only": pixels.reference_only,
                "neither": pixels.neither,
                "precision": pixels.precision,
                "recall": pixels.recall,
                "f1": pixels.f1,
                "iou": pixels.iou,
                "overall": pixels.overall,
                "kappa": pixels.kappa,
                "average_precision": ranked.average_precision,
                "auroc": ranked.auroc,
                "oracle_f1": ranked.oracle_f1,
                "oracle_threshold": ranked.oracle_threshold,
            },
            "objects": _objects(assessment.objects),
        }
    )
    return told


def _objects(objects: Objects) -> dict[str, Any]:
    return {
        "judged": objects.objects,
        "found": objects.found,
        "touched": objects.touched,
        "changes": objects.changes,
        "correct": objects.correct,
        "min_overlap": objects.min_overlap,
        "completeness": objects.completeness,
        "correctness": objects.correctness,
        "f1": objects.f1,
        "one_to_many": objects.one_to_many,
        "many_to_one": objects.many_to_one,
        "distance_median_m": objects.distance_median_m,
        "distance_90_m": objects.distance_90_m,
        "false_per_km2": objects.false_per_km2,
        "sizes": [
            {
                "low_m2": size.low_m2,
                "high_m2": size.high_m2,
                "objects": size.objects,
                "found": size.found,
                "completeness": size.completeness,
                "changes": size.changes,
                "correct": size.correct,
                "correctness": size.correctness,
            }
            for size in objects.sizes
        ],
    }


def told_of_sample(sample: Sample, accuracy: Accuracy, found: CaseMap) -> dict[str, Any]:
    """What a labelled sample says of a case.

    Returns
    -------
    dict
        ``sample``, ``matrix`` (shares; rows the map's changed and unchanged, columns the
        reference's), ``users``, ``producers``, ``overall``, and ``area`` of change in m².
    """
    pixels = int(found.observed.sum())
    total = pixels * found.pixel_area_m2
    changed, mapped = accuracy.changed, int((found.changed & found.observed).sum())
    interval = changed.interval
    told: dict[str, Any] = to_json(
        {
            "sample": {
                "file": sample.file.name,
                "sha256": sample.file.sha256,
                "kind": "stratified random sample, labelled by a person",
                "points": sample.drawn,
                "labelled": len(sample.points.stratum),
                "strata": sample.strata,
                "pixels": pixels,
                "area_m2": total,
                "share_of_area": found.share_of_area(pixels),
            },
            "matrix": accuracy.matrix,
            "users": {
                "changed": _estimate(accuracy.users_changed),
                "unchanged": _estimate(accuracy.users_unchanged),
            },
            "producers": {
                "changed": _estimate(accuracy.producers_changed),
                "unchanged": _estimate(accuracy.producers_unchanged),
            },
            "overall": _estimate(accuracy.overall),
            "area": {
                "mapped_m2": mapped * found.pixel_area_m2,
                "adjusted_m2": None if changed.value is None else changed.value * total,
                "error_m2": None if changed.error is None else changed.error * total,
                "low_m2": None if interval is None else interval[0] * total,
                "high_m2": None if interval is None else interval[1] * total,
            },
        }
    )
    return told


def _estimate(estimate: Estimate) -> dict[str, Any]:
    low, high = estimate.interval or (None, None)
    return {"value": estimate.value, "error": estimate.error, "low": low, "high": high}
