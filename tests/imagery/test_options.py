from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, asdict, fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from imagery import difference, normalise, options, strict, threshold
from imagery.errors import UsageError
from imagery.options import (
    AlignOptions,
    DetectOptions,
    DifferenceOptions,
    EngineOptions,
    GridOptions,
    NormaliseOptions,
    Strict,
)
from imagery.strict import option_fields


def classes(kind: type = Strict) -> Iterator[type[Any]]:
    """Every option class of this package."""
    for child in kind.__subclasses__():
        if child.__module__ == options.__name__:
            yield child
        yield from classes(child)


CLASSES = sorted(classes(), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("module", [options, strict])
def test_options_import_the_standard_library_alone(module: ModuleType) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
    ours, others = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            others |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            name = node.module or ""
            (ours if name.startswith("imagery") else others).add(name)
    assert {name.split(".")[0] for name in others} <= sys.stdlib_module_names
    assert ours  # errors import nothing at all
    assert ours <= {"imagery.errors", "imagery.strict"}


@pytest.mark.parametrize("kind", CLASSES)
def test_options_come_back_from_their_plain_values(kind: type[Any]) -> None:
    value = kind()
    assert kind.from_mapping(asdict(value)) == value
    assert kind.from_mapping({}) == value


def test_changed_options_come_back_from_their_plain_values() -> None:
    value = DetectOptions(
        grid=GridOptions(grid="after", resolution=2.5, min_coverage=0.2),
        normalise=NormaliseOptions(normalise="monotone"),
        difference=DifferenceOptions(method="difference", smoothing=1.5),
    )
    assert DetectOptions.from_mapping(asdict(value)) == value


@pytest.mark.parametrize("kind", CLASSES)
def test_an_unknown_key_is_refused(kind: type[Any]) -> None:
    with pytest.raises(UsageError, match=f"unknown option 'colour' in {kind.__name__}"):
        kind.from_mapping({"colour": 1})


@pytest.mark.parametrize("step", [field.name for field in fields(DetectOptions)])
def test_an_unknown_key_is_refused_at_every_level(step: str) -> None:
    with pytest.raises(UsageError, match=r"unknown option 'colour'.*needed: one of") as caught:
        DetectOptions.from_mapping({step: {"colour": 1}})
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("value", ["after", 3, None, ["x"]])
def test_a_step_needs_its_options_by_name(value: Any) -> None:
    with pytest.raises(UsageError, match="GridOptions needs its options by name"):
        DetectOptions.from_mapping({"grid": value})


@pytest.mark.parametrize("kind", CLASSES)
def test_options_are_frozen_and_told(kind: type[Any]) -> None:
    value = kind()
    name = fields(kind)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(value, name, 1)
    with pytest.raises(TypeError):
        kind(1)  # by name only
    for field in option_fields(kind).values():
        assert field.metadata["help"].endswith((".", ")."))


@pytest.mark.parametrize("kind", CLASSES)
def test_bounds_are_kept(kind: type[Any]) -> None:
    for field in option_fields(kind).values():
        least, most, above = (field.metadata[key] for key in ("least", "most", "above"))
        beyond = [] if most is None else [most + 1]
        beyond += [] if least is None else [least - 1]
        beyond += [] if above is None else [above, above - 1]
        for value in beyond and [*beyond, float("nan"), float("inf"), -float("inf"), "7"]:
            with pytest.raises(UsageError, match="is out of bounds") as caught:
                kind(**{field.name: value})
            assert caught.value.option == "--" + field.name.replace("_", "-")


def test_bounds_themselves_are_within() -> None:
    assert EngineOptions(workers=1).workers == 1
    assert GridOptions(min_coverage=1, margin=0).min_coverage == 1


@pytest.mark.parametrize("kind", CLASSES)
def test_an_unknown_word_is_refused(kind: type[Any]) -> None:
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is Literal:
            with pytest.raises(UsageError, match=r"is unknown.*found: best") as caught:
                kind(**{name: "best"})
            for choice in get_args(hint):
                assert choice in str(caught.value)
                kind(**{name: choice})


def choices(kind: type[Any], name: str) -> set[str]:
    return set(get_args(get_type_hints(kind)[name]))


def test_choices_are_what_the_registries_hold() -> None:
    assert choices(NormaliseOptions, "normalise") - {"auto"} == set(normalise.METHODS)
    assert choices(DifferenceOptions, "method") - {"auto"} == set(difference.METHODS)
    help_text = option_fields(options.ThresholdOptions)["threshold"].metadata["help"]
    for name in threshold.METHODS:
        assert name in help_text


def test_every_step_has_its_class_in_the_whole() -> None:
    nested = {hint for hint in get_type_hints(DetectOptions).values() if is_dataclass(hint)}
    assert nested == set(CLASSES) - {DetectOptions, EngineOptions, AlignOptions}
