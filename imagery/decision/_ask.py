"""What a user asks of the decision: a rate of false alarms, a share of false ones, or nothing."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from imagery.errors import UsageError

Unit = Literal["km2", "area"]

_RATE = re.compile(r"\s*(?P<number>[0-9.eE+-]+)\s*/\s*(?P<unit>km2|km²|area)\s*")


@dataclass(frozen=True, kw_only=True)
class Ask:
    """At most one of a rate and a false discovery rate; with neither, nothing was asked."""

    max_false_alarms: float | None = None
    """False alarms that are taken, per ``unit``."""

    unit: Unit = "km2"
    confidence: float | None = None
    """That the rate holds for these very decoys; None asks for it on average over decoys."""

    fdr: float | None = None
    """Share of the changes told that may be false, on average."""

    @property
    def nothing(self) -> bool:
        """Whether neither a rate nor a share was asked."""
        return self.max_false_alarms is None and self.fdr is None

    def per_km2(self, area_km2: float) -> float | None:
        """The rate per km², where one was asked; ``area_km2`` is what was seen of the area."""
        if self.max_false_alarms is None or self.unit == "km2":
            return self.max_false_alarms
        return self.max_false_alarms / area_km2

    @property
    def words(self) -> str:
        """The question in words, after "asked:"."""
        if self.fdr is not None:
            return f"at most {self.fdr * 100:.3g} % of the changes told are false, on average"
        if self.max_false_alarms is None:
            return "nothing"
        number = self.max_false_alarms
        alarms = f"{number:.3g} false alarm{'' if number == 1 else 's'}"
        where = "per km²" if self.unit == "km2" else "in the area"
        sure = self.confidence
        how = "on average" if sure is None else f"with {sure * 100:.3g} % confidence"
        return f"at most {alarms} {where}, {how}"


def parse_ask(
    *,
    max_false_alarms: str | None = None,
    confidence: float | None = None,
    fdr: float | None = None,
    rule: str | None = None,
) -> Ask:
    """What the options ask for.

    Parameters
    ----------
    max_false_alarms
        "1/km2", "2.5/km2" or "1/area".
    confidence
        From 0.5 to below 1; with a rate alone.
    fdr
        Between 0 and 1.
    rule
        A threshold rule that the user names, None where the default stands.

    Raises
    ------
    UsageError
        If two of the asks exclude each other, or one makes no sense.
    """
    given = {"--max-false-alarms": max_false_alarms, "--fdr": fdr, "--threshold": rule}
    asks = [flag for flag, value in given.items() if value is not None]
    if len(asks) > 1:
        raise UsageError(
            "these options ask for different decisions",
            found=" and ".join(asks),
            needed="one of them",
            option=asks[-1],
        )
    if confidence is not None and max_false_alarms is None:
        raise UsageError(
            "--confidence says how sure a rate of false alarms is to hold, and none is asked for",
            found=confidence,
            needed="--max-false-alarms beside it",
            option="--confidence",
        )
    _within("--fdr", fdr, above=0.0)
    _within("--confidence", confidence, least=0.5)
    number, unit = (None, "km2") if max_false_alarms is None else _rate(max_false_alarms)
    return Ask(
        max_false_alarms=number,
        unit="area" if unit == "area" else "km2",
        confidence=confidence,
        fdr=fdr,
    )


def _rate(text: str) -> tuple[float, str]:
    found = _RATE.fullmatch(text)
    try:
        number = float(found["number"]) if found else math.nan
    except ValueError:
        number = math.nan
    if found is None or not 0 < number < math.inf:
        raise UsageError(
            "no such rate of false alarms",
            found=text,
            needed="a number above 0 per km2 or per area, such as 1/km2 or 1/area",
            option="--max-false-alarms",
        )
    return number, found["unit"]


def _within(flag: str, value: float | None, *, least: float = 0.0, above: float = -1.0) -> None:
    if value is not None and not (least <= value < 1 and value > above):
        raise UsageError(
            f"{flag} is out of bounds",
            found=value,
            needed=f"from {least:g} to below 1" if above < 0 else "between 0 and 1",
            option=flag,
        )
