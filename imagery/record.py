"""What a step found, as a value: numbers, options and warnings that go into the case's record."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

Json = Any  # None, bool, int, float, str, and lists and dictionaries of them


@dataclass(frozen=True)
class Caution:
    """A warning that the user must see, and that no log holds alone.

    Attributes
    ----------
    code
        A stable word for programs, such as ``"untagged-collar"``.
    message
        One sentence for people.
    """

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """The record of one step of the pipeline.

    Attributes
    ----------
    step
        The step's name, as in the flow: ``"read"``, ``"coregister"``, ...
    numbers
        What was found, as plain JSON values.
    options
        The step's own options, filled in.
    cautions
        The warnings that the step raised.
    """

    step: str
    numbers: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    cautions: tuple[Caution, ...] = ()


def to_json(value: object) -> Json:
    """Turn dataclasses, paths, dates, enums and NumPy values into plain JSON values.

    NaN and the infinities become ``None``, because JSON has no word for them.  A path becomes its
    name alone: no record may tell where on a machine a file lay.

    Raises
    ------
    TypeError
        For a value that has no plain form.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return to_json(value.value)
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        # A file's name may hold bytes that are no UTF-8, which no JSON can.
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, PurePath):
        return value.name
    if isinstance(value, (dt.datetime, dt.date)):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # NumPy scalars and arrays
        return to_json(value.tolist())
    if isinstance(value, (set, frozenset)):
        return [to_json(item) for item in sorted(value)]
    if isinstance(value, Sequence):
        return [to_json(item) for item in value]
    raise TypeError(f"a record cannot hold a {type(value).__name__}: {value!r}")


def sha256_of(path: PurePath | str) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
