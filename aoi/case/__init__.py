"""The case folder: its record, its manifest, its place."""

from __future__ import annotations

from aoi.case.folder import free_place, new_case
from aoi.case.manifest import MANIFEST, RECORD, read_manifest, renew_manifest, write_manifest
from aoi.case.record import case_record, case_schema, read_record, write_record

__all__ = [
    "MANIFEST",
    "RECORD",
    "case_record",
    "case_schema",
    "free_place",
    "new_case",
    "read_manifest",
    "read_record",
    "renew_manifest",
    "write_manifest",
    "write_record",
]
