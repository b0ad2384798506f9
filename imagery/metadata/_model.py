"""What metadata say of one image, each fact with who says it."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from imagery.record import Caution
from imagery.scene import Acquisition

TEXT_LIMIT = 300


@dataclass(frozen=True)
class Said:
    """A text and its source: ``Said("sentinel-2a", "STAC item before.json: platform")``."""

    text: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What one source, or all of them, say of an image; None where nothing is said."""

    acquisition: Acquisition | None = None
    platform: Said | None = None
    credit: Said | None = None
    license: Said | None = None

    bands: tuple[str, ...] = ()
    """Canonical names of the file's bands, in its order, where a product gives them."""

    simulated: bool = False

    files: tuple[Path, ...] = ()
    """The sidecars that were read."""

    cautions: tuple[Caution, ...] = ()

    def filled_by(self, other: Metadata) -> Metadata:
        """These metadata, with what they lack taken from ``other``; files and cautions add up."""
        values = {f.name: getattr(self, f.name) or getattr(other, f.name) for f in fields(Metadata)}
        values["files"] = tuple(dict.fromkeys(self.files + other.files))
        values["cautions"] = self.cautions + other.cautions
        return Metadata(**values)


def plain(value: object) -> str:
    """A text from a file, fit to be printed: one line, no control characters, not endless.

    Empty where ``value`` is no text.
    """
    if not isinstance(value, str):
        return ""
    printable = "".join(c if c.isprintable() else " " for c in value[: 4 * TEXT_LIMIT])
    text = re.sub(r"\s+", " ", printable).strip()
    return text if len(text) <= TEXT_LIMIT else text[: TEXT_LIMIT - 1] + "…"


def said(value: object, source: str) -> Said | None:
    """A text with its source, or None where ``value`` is no text."""
    text = plain(value)
    return Said(text, source) if text else None
