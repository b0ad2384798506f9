"""Option classes: fields that say what they are, and the refusal of what they can't take.

Standard library only, so that ``twopass --help`` starts fast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, field, fields, is_dataclass
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from imagery.errors import UsageError


def option(
    default: Any,
    help: str,  # the word that the command line uses
    *,
    metavar: str | None = None,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
) -> Any:
    """A field of an option class, with what the command line and the docs say of it.

    ``least`` and ``most`` bound a number; it is more than ``above``.  Where any of them is given,
    the number is finite.
    """
    return field(
        default=default,
        metadata={"help": help, "metavar": metavar, "least": least, "most": most, "above": above},
    )


class Strict:
    """Refuses unknown words, numbers out of bounds and, in plain values, unknown keys."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        for known in fields(self):  # type: ignore[arg-type]
            value, hint = getattr(self, known.name), hints[known.name]
            flag = "--" + known.name.replace("_", "-")
            choices = get_args(hint) if get_origin(hint) is Literal else ()
            if choices and value not in choices:
                raise UsageError(
                    f"{flag} is unknown", found=value, needed=", ".join(choices), option=flag
                )
            needed = _bounds(known.metadata)
            if value is None or not needed or _within(value, known.metadata):
                continue
            found = f"{value:.10g}" if isinstance(value, float) else value
            raise UsageError(f"{flag} is out of bounds", found=found, needed=needed, option=flag)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Options from a mapping, such as the ``options`` of a record.

        Raises
        ------
        UsageError
            If a key is unknown, at whatever depth.
        """
        if not isinstance(values, Mapping):
            raise UsageError(
                f"{cls.__name__} needs its options by name", found=values, needed="a mapping"
            )
        known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]
        for key in values:
            if key not in known:
                raise UsageError(
                    f"unknown option {key!r} in {cls.__name__}",
                    needed="one of " + ", ".join(sorted(known)),
                )
        hints = get_type_hints(cls)
        filled: dict[str, Any] = {}
        for key, value in values.items():
            kind = hints[key]
            if isinstance(kind, type) and issubclass(kind, Strict):
                filled[key] = kind.from_mapping(value)
            elif get_origin(kind) is tuple:  # JSON knows lists alone
                filled[key] = tuple(tuple(item) for item in value)
            else:
                filled[key] = value
        return cls(**filled)


def _bounds(of: Mapping[str, Any]) -> str:
    """The bounds of a number in words, empty where it has none."""
    words = []
    if of.get("above") is not None:
        words.append(f"above {of['above']:.10g}")
    if of.get("least") is not None:
        words.append(f"from {of['least']:.10g}")
    if of.get("most") is not None:
        words.append(f"up to {of['most']:.10g}")
    return "a number " + " ".join(words) if words else ""


def _within(value: object, of: Mapping[str, Any]) -> bool:
    least, most, above = of["least"], of["most"], of["above"]
    return (
        isinstance(value, (int, float))
        and math.isfinite(value)
        and (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
    )


def option_fields(kind: type) -> dict[str, Any]:
    """The fields of an option class that are options themselves, not nested classes of options."""
    hints = get_type_hints(kind)
    return {
        f.name: f
        for f in fields(kind)
        if not (isinstance(hints[f.name], type) and is_dataclass(hints[f.name]))
        and (f.default is not MISSING or f.default_factory is not MISSING)
    }
