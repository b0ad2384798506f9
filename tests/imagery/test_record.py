from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pytest

from imagery.record import Caution, StepRecord, sha256_of, to_json


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass(frozen=True)
class Nested:
    at: dt.datetime
    colour: Colour
    path: Path


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        (True, True),
        (3, 3),
        ("Kim Il-sung-gwangjang 김일성광장", "Kim Il-sung-gwangjang 김일성광장"),
        (0.25, 0.25),
        (float("nan"), None),
        (float("inf"), None),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), None),
        (np.int64(7), 7),
        (np.bool_(True), True),
        (np.array([[1.0, np.nan], [np.inf, 2.0]]), [[1.0, None], [None, 2.0]]),
        (np.zeros(0), []),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (dt.date(2024, 6, 13), "2024-06-13"),
        (dt.datetime(2024, 6, 13, 2, 10, tzinfo=dt.UTC), "2024-06-13T02:10:00+00:00"),
        (Path("/secret/place/before.tif"), "before.tif"),
        (PureWindowsPath(r"C:\secret\before.tif"), "before.tif"),
        ({"b", "a"}, ["a", "b"]),
        ((1, (2, 3)), [1, [2, 3]]),
        ({1: np.float32(2), "x": {"y": Path("a/b")}}, {"1": 2.0, "x": {"y": "b"}}),
        (range(3), [0, 1, 2]),
        ("bad \udcff name", "bad ? name"),
    ],
)
def test_values_become_plain(value: Any, plain: Any) -> None:
    found = to_json(value)
    assert found == plain
    assert type(found) is type(plain)
    json.dumps(found, allow_nan=False)


def test_a_step_becomes_plain_at_every_depth() -> None:
    nested = Nested(dt.datetime(2024, 1, 1), Colour.RED, Path("/a/b.tif"))
    record = StepRecord(
        step="read",
        numbers={"nested": [nested], "nan": {"x": float("nan")}},
        cautions=(Caution("odd", "Something is odd."),),
    )
    assert to_json(record) == {
        "step": "read",
        "numbers": {
            "nested": [{"at": "2024-01-01T00:00:00", "colour": "red", "path": "b.tif"}],
            "nan": {"x": None},
        },
        "options": {},
        "cautions": [{"code": "odd", "message": "Something is odd."}],
    }


@pytest.mark.parametrize("value", [object(), 1j, lambda: 1, Nested])
def test_what_has_no_plain_form_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="a record cannot hold a"):
        to_json({"deep": [value]})


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    assert sha256_of(path) == sha256_of(str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()
