"""Text from files, made fit for a terminal."""

from __future__ import annotations

import unicodedata


def one_line(text: str) -> str:
    """The text on one line, without control characters, which could drive a terminal."""
    return " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
