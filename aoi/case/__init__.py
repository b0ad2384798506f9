"""The case folder: its record, its manifest, its place."""

from __future__ import annotations

from aoi.case.folder import MANIFEST, RECORD, new_case, write_manifest
from aoi.case.record import case_record, read_record, write_record

__all__ = [
    "MANIFEST",
    "RECORD",
    "case_record",
    "new_case",
    "read_record",
    "write_manifest",
    "write_record",
]
