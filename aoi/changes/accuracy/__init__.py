"""A case's change map held against a reference, or against a sample that a person labelled."""

from aoi.changes.accuracy._assess import Assessment, assess
from aoi.changes.accuracy._case_map import CaseMap, read_case_map
from aoi.changes.accuracy._estimate import (
    Accuracy,
    Estimate,
    Labelled,
    estimate,
    stratified_ratio,
)
from aoi.changes.accuracy._labels import Sample, read_sample
from aoi.changes.accuracy._objects import MIN_OVERLAP, Objects, SizeClass, match_objects
from aoi.changes.accuracy._pixels import Confusion, Ranking, confusion, ranking
from aoi.changes.accuracy._reference import Reference, read_reference
from aoi.changes.accuracy._sample import Stratum, draw_sample, strata_of
from aoi.changes.accuracy._told import told_of_reference, told_of_sample
from aoi.changes.accuracy._write import write_objects

__all__ = [
    "MIN_OVERLAP",
    "Accuracy",
    "Assessment",
    "CaseMap",
    "Confusion",
    "Estimate",
    "Labelled",
    "Objects",
    "Ranking",
    "Reference",
    "Sample",
    "SizeClass",
    "Stratum",
    "assess",
    "confusion",
    "draw_sample",
    "estimate",
    "match_objects",
    "ranking",
    "read_case_map",
    "read_reference",
    "read_sample",
    "strata_of",
    "stratified_ratio",
    "told_of_reference",
    "told_of_sample",
    "write_objects",
]
