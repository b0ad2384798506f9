"""Values as JSON and arrays: the same again, bit for bit, and nothing else than what is listed."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imagery.codec import Apart, Codec
from imagery.errors import AlignmentError
from imagery.shift import Shift


@dataclass(frozen=True)
class Point:
    x: Any
    y: Any = None


@dataclass(frozen=True)
class Other:
    x: Any


CODEC = Codec(Point, Shift, AlignmentError)


def through(value: Any, folder: Path = Path("there")) -> Any:
    """A value, taken apart, written as JSON, and joined."""
    parts = CODEC.apart(value, folder=folder)
    tree = json.loads(json.dumps(parts.tree, allow_nan=False))
    return CODEC.joined(replace(parts, tree=tree), folder=folder)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -(2**70), 1.5, -0.0, 1e-320, math.inf, -math.inf, "é\udcff", ""),
        *((), (1, (2.0, "a")), [], [1, [None]], {}, {"a": 1, 2: (3,), (0, "b"): {}}),
        *(Point(1), Point(Point(1, [2]), {"a": Point(0.1)}), Path("there") / "a.tif"),
    ],
)
def test_plain_values(value: Any) -> None:
    found = through(value)
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)


def test_nan() -> None:
    assert math.isnan(through(float("nan")))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.zeros((0, 2), np.int64),
        np.array([True, False]),
        np.array(["ground", "é"]),
        np.array([np.nan, -0.0, np.inf]),
        np.array(3.5),
    ],
)
def test_arrays(array: Any) -> None:
    found = through((array, array))[1]
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("scalar", [np.float32(0.1), np.float64(0.1), np.int64(3), np.bool_(True)])
def test_scalars_stay_of_their_type(scalar: Any) -> None:
    found = through(scalar)
    assert (found, type(found)) == (scalar, type(scalar))


def test_an_error_that_is_a_value() -> None:
    found = through(AlignmentError("why", found="a", needed="b", option="--c"))
    assert type(found) is AlignmentError
    assert str(found) == "why | found: a | needed: b | option: --c"


@pytest.mark.parametrize(
    "value",
    [
        *(Other(1), {1, 2}, b"bytes", 1j, AlignmentError, KeyError("a"), object()),
        *(np.array([object()]), np.zeros(2, [("a", float)]), [Other(1)], {"a": Other(1)}),
    ],
)
def test_what_is_not_listed_is_not_kept(value: Any) -> None:
    with pytest.raises(TypeError, match="can't be kept"):
        CODEC.apart(value, folder=Path())


def test_a_namesake_is_not_kept() -> None:
    @dataclass(frozen=True)
    class Point:
        x: int

    with pytest.raises(TypeError, match="can't be kept"):
        CODEC.apart(Point(1), folder=Path())
    with pytest.raises(ValueError, match="two classes"):
        Codec(Other, type("Other", (), {}))


def test_a_file_elsewhere_is_not_kept() -> None:
    with pytest.raises(ValueError, match=r"b\.tif lies elsewhere"):
        CODEC.apart(Path("there/deeper/b.tif"), folder=Path("there"))


WHOLE = CODEC.apart((Point(np.arange(3), Path("f/a.tif")), math.inf), folder=Path("f"))


def items(parts: Any) -> Any:
    return parts["tree"]["items"]


DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an unknown class": lambda p: items(p)[0].update({"class": "Other"}),
    "a module's name": lambda p: items(p)[0].update({"class": "os.system"}),
    "a class that is no text": lambda p: items(p)[0].update({"class": ["Point"]}),
    "a field less": lambda p: items(p)[0]["fields"].pop("y"),
    "a field more": lambda p: items(p)[0]["fields"].update(z=1),
    "fields that are none": lambda p: items(p)[0].update(fields=None),
    "another shape": lambda p: items(p)[0]["fields"]["x"].update(shape=[4]),
    "another type": lambda p: items(p)[0]["fields"]["x"].update(dtype="<f4"),
    "an array that isn't there": lambda p: items(p)[0]["fields"]["x"].update(name="arr_9"),
    "an array as a scalar": lambda p: items(p)[0]["fields"]["x"].update(kind="scalar"),
    "an array that nothing names": lambda p: p["arrays"].update(arr_1=np.zeros(1)),
    "a file that nothing names": lambda p: p.update(files=("a.tif", "b.tif")),
    "a file elsewhere": lambda p: items(p)[0]["fields"]["y"].update(name="../a.tif"),
    "a number that is none": lambda p: items(p)[1].update(value="much"),
    "an unknown kind": lambda p: items(p)[1].update(kind="code"),
    "no kind": lambda p: items(p)[1].pop("kind"),
    "a bare list": lambda p: items(p).append([1]),
    "items that are none": lambda p: p["tree"].update(items=5),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_as_written_is_refused(damage: str) -> None:
    CODEC.joined(WHOLE, folder=Path("f"))
    parts = {"tree": WHOLE.tree, "arrays": dict(WHOLE.arrays), "files": WHOLE.files}
    parts = copy.deepcopy(parts)
    DAMAGES[damage](parts)
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong
        CODEC.joined(Apart(**parts), folder=Path("f"))


def test_no_depth_breaks_it() -> None:
    tree: Any = 1
    for _ in range(300):
        tree = {"kind": "list", "items": [tree]}
    with pytest.raises(ValueError, match="too deep"):
        CODEC.joined(Apart(tree=tree, arrays={}), folder=Path())
