"""Command-line options made from the option classes, so that the two can't drift."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import click

C = TypeVar("C", bound=Callable[..., Any])
T = TypeVar("T")


def from_class(kind: type, *, prefix: str = "", without: Collection[str] = ()) -> Callable[[C], C]:
    """Decorate a command with every option of a class, nested classes included.

    A nested class whose options mean the scene (``before``, ``after``) gives its own name to them
    as a prefix; the others' names stand alone.  What ``without`` names has no meaning for the
    command and keeps its default.
    """

    def decorate(command: C) -> C:
        for field, path, hint in reversed(list(_leaves(kind, prefix=prefix))):
            if path in without:
                continue
            command = click.option(
                _flag(path),
                _parameter(path),
                help=field.metadata["help"],
                metavar=field.metadata["metavar"],
                default=_plain(field.default),
                show_default=field.default not in (None, False, ()),
                **_type(hint),
            )(command)
        return command

    return decorate


def build(kind: type[T], values: Mapping[str, Any], *, prefix: str = "") -> T:
    """The option class, filled from a command's parameters."""
    hints = get_type_hints(kind)
    filled: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            filled[field.name] = build(hint, values, prefix=_nested(prefix, field.name))
        else:
            # What the command was decorated without keeps its default.
            filled[field.name] = values.get(_parameter(prefix + field.name), field.default)
    return kind(**filled)


def _leaves(kind: type, *, prefix: str) -> Any:
    hints = get_type_hints(kind)
    for field in fields(kind):
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _leaves(hint, prefix=_nested(prefix, field.name))
        else:
            yield field, prefix + field.name, hint


def _nested(prefix: str, name: str) -> str:
    return f"{name}_" if name in ("before", "after") else prefix


def _flag(path: str) -> str:
    return "--" + path.replace("_", "-")


def _parameter(path: str) -> str:
    return path


def _plain(default: Any) -> Any:
    """The default as help shows it: 2000, not 2000.0, which click turns into the number again."""
    return f"{default:g}" if isinstance(default, float) else default


def _type(hint: Any) -> dict[str, Any]:
    """What click needs to know of a type."""
    if get_origin(hint) is Literal:
        return {"type": click.Choice([str(choice) for choice in get_args(hint)])}
    if get_origin(hint) is tuple:  # of pairs of files
        return {"type": (click.STRING, click.STRING), "multiple": True}
    plain = [part for part in get_args(hint) if part is not type(None)] or [hint]
    if plain == [bool]:
        return {"is_flag": True}
    return {"type": {int: click.INT, float: click.FLOAT, str: click.STRING}[plain[0]]}
