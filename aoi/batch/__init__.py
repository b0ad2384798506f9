"""Many pairs: a table in, a case each, a summary."""

from __future__ import annotations

from aoi.batch.pairs import SUMMARY, BatchPair, read_pairs
from aoi.batch.processes import Processes
from aoi.batch.run import BatchOptions, Outcome, exit_status, run_batch, run_pair
from aoi.batch.summary import check_summary, line, lines, write_summary

__all__ = [
    "SUMMARY",
    "BatchOptions",
    "BatchPair",
    "Outcome",
    "Processes",
    "check_summary",
    "exit_status",
    "line",
    "lines",
    "read_pairs",
    "run_batch",
    "run_pair",
    "write_summary",
]
