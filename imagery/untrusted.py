"""Values of a JSON file from elsewhere: each is checked, and the first that is wrong is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.errors import InputError


class Untrusted:
    """Reads untrusted values, and names the place of the first that is wrong."""

    def __init__(self, name: str, *, kind: str, schema: str, option: str) -> None:
        self._name, self._kind, self._schema, self._option = name, kind, schema, option

    def wrong(self, place: str, found: object, needed: str) -> InputError:
        """The refusal of the file."""
        return InputError(
            f"{self._name}: is no {self._kind} that this version reads: {place} is wrong",
            found=" ".join(str(found).split())[:100],
            needed=needed,
            option=self._option,
        )

    def object(self, value: Any, place: str, keys: Sequence[str]) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self.wrong(place, type(value).__name__, "an object")
        if odd := sorted(set(value) ^ set(keys)):
            state = "unknown" if odd[0] in value else "missing"
            raise self.wrong(place, f"{odd[0]!r} {state}", f"the keys of {self._schema}")
        return value

    def text(self, value: Any, place: str, *, longest: int) -> str:
        if not isinstance(value, str) or not value or len(value) > longest:
            raise self.wrong(place, str(value)[:40], f"a text of 1 to {longest} characters")
        if not all(c.isprintable() or c in "\n\t" for c in value):
            raise self.wrong(place, ascii(value[:40]), "a text without control characters")
        return value

    def number(self, value: Any, place: str, *, least: float, most: float) -> float:
        if type(value) not in (int, float) or not least <= value <= most:  # False for NaN too
            raise self.wrong(place, value, f"a number from {least:g} to {most:g}")
        return float(value)

    def numbers(
        self, value: Any, place: str, *, length: tuple[int, int], most: float = 1e9
    ) -> list[float]:
        if not isinstance(value, list) or not length[0] <= len(value) <= length[1]:
            raise self.wrong(place, type(value).__name__, f"{length[0]} to {length[1]} numbers")
        return [self.number(v, place, least=-most, most=most) for v in value]

    def table(
        self, value: Any, place: str, *, rows: tuple[int, int], cols: tuple[int, int]
    ) -> NDArray[np.float64]:
        if not isinstance(value, list) or not rows[0] <= len(value) <= rows[1]:
            raise self.wrong(place, type(value).__name__, f"{rows[0]} to {rows[1]} rows")
        table = [self.numbers(row, place, length=cols) for row in value]
        if len({len(row) for row in table}) > 1:
            raise self.wrong(place, "rows of several lengths", "rows of one length")
        return np.array(table, np.float64)
