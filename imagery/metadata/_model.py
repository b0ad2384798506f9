"""What metadata say of one image, each fact with who says it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from imagery.metadata._platforms import spelled
from imagery.record import Caution
from imagery.scene import Acquisition, Fact, Facts

TEXT_LIMIT = 300

Stated = tuple[str, object, str]
"""Name (one of ``FACTS``), value as it was found, and source."""


@dataclass(frozen=True)
class Known:
    """A fact that is known by name: a text, or a number within bounds."""

    unit: str = ""
    least: float | None = None
    """None for a text."""

    most: float = math.inf
    whole: bool = False


_TEXT = Known()
_DEGREES = Known("°", 0, 360)

FACTS: Mapping[str, Known] = {
    "platform": _TEXT,
    "constellation": _TEXT,
    "instruments": _TEXT,
    "provider": _TEXT,
    "credit": _TEXT,
    "license": _TEXT,
    "gsd": Known("m", 0.001, 1e5),
    "eo:cloud_cover": Known("%", 0, 100),
    "view:off_nadir": Known("°", 0, 90),
    "view:incidence_angle": Known("°", 0, 90),
    "view:azimuth": _DEGREES,
    "view:sun_azimuth": _DEGREES,
    "view:sun_elevation": Known("°", -90, 90),
    "sat:orbit_state": _TEXT,
    "sat:relative_orbit": Known("", 0, 100_000, whole=True),
    "sar:instrument_mode": _TEXT,
    "sar:frequency_band": _TEXT,
    "sar:polarizations": _TEXT,
    "sar:product_type": _TEXT,
    "sar:observation_direction": _TEXT,
    "processing:level": _TEXT,
    "processing:baseline": _TEXT,
}
"""Every fact that readers may state: STAC's names, and ``credit`` and ``provider``, which are ours.

``view:azimuth`` is, as in STAC, the direction from the point under the satellite to the scene:
where the top of what is tall is displaced to.  Several values of one name stand with commas.
"""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What one source, or all of them, say of an image; empty where nothing is said."""

    acquisition: Acquisition | None = None
    facts: Facts = field(default_factory=dict)
    """By the names in ``FACTS``."""

    bands: tuple[str, ...] = ()
    """Canonical names of the file's bands, in its order, where a product gives them."""

    simulated: bool = False

    files: tuple[Path, ...] = ()
    """The sidecars that were read."""

    cautions: tuple[Caution, ...] = ()

    def filled_by(self, other: Metadata) -> Metadata:
        """These metadata, with what they lack taken from ``other``; files and cautions add up."""
        return Metadata(
            acquisition=self.acquisition or other.acquisition,
            facts={**other.facts, **self.facts},
            bands=self.bands or other.bands,
            simulated=self.simulated or other.simulated,
            files=tuple(dict.fromkeys(self.files + other.files)),
            cautions=self.cautions + other.cautions,
        )


def listed(value: object) -> str | None:
    """Several texts, with commas between; a text alone stays what it is."""
    if isinstance(value, str):
        return value
    if not isinstance(value, (list, tuple)):
        return None
    return ", ".join(text for item in value[:20] if (text := plain(item))) or None


def plain(value: object) -> str:
    """A text from a file, fit to be printed: one line, no control characters, not endless.

    Empty where ``value`` is no text.
    """
    if not isinstance(value, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in value[: 4 * TEXT_LIMIT])
    text = re.sub(r"\s+", " ", printable).strip()
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def gathered(
    stated: Iterable[Stated],
) -> tuple[dict[str, Fact], tuple[Caution, ...]]:
    """The facts of one source, those left out that no such thing can be.

    Parameters
    ----------
    stated
        Name (one of ``FACTS``), value as it was found, and source.  None, empty texts and NaN state
        nothing.  The first that states a name wins.

    Returns
    -------
    facts, cautions
        A caution for each value that is out of bounds, or no number where one is due.
    """
    facts: dict[str, Fact] = {}
    cautions: list[Caution] = []
    for name, value, source in stated:
        if name in facts or value is None:
            continue
        known = FACTS[name]
        if known.least is None:
            text = _shown(value)
            if text:
                facts[name] = Fact(spelled(text) if name == "platform" else text, source)
            continue
        number = number_of(value)
        if number is None and isinstance(value, str) and not value.strip():
            continue
        if number is not None and math.isnan(number):
            continue
        if number is None or not known.least <= number <= known.most:
            cautions.append(
                Caution(
                    "metadata-ignored",
                    f"{source}: {name} {_shown(value)[:60] or type(value).__name__} is left out: "
                    f"it is from {known.least:g} to "
                    f"{known.most:g} {known.unit}".rstrip()
                    + ".",
                )
            )
            continue
        facts[name] = Fact(int(number) if known.whole else number + 0.0, source)  # no "-0"
    return facts, tuple(cautions)


def _shown(value: object) -> str:
    """A text, or a number as one; empty for anything else."""
    number = None if isinstance(value, str) else number_of(value)
    return plain(value) if number is None else f"{number:.15g}"


def number_of(value: object) -> float | None:
    """A number, or a text that is one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
