"""The case folder: its record, its manifest, its place."""

from __future__ import annotations

from aoi.case.folder import STEPS, free_place, new_case, stem_of
from aoi.case.manifest import MANIFEST, RECORD, read_manifest, renew_manifest, write_manifest
from aoi.case.record import case_record, case_schema, read_record, write_record

__all__ = [
    "MANIFEST",
    "RECORD",
    "STEPS",
    "case_record",
    "case_schema",
    "free_place",
    "new_case",
    "read_manifest",
    "read_record",
    "renew_manifest",
    "stem_of",
    "write_manifest",
    "write_record",
]
