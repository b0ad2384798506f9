"""Fonts that have the glyphs of a text: never a box."""

from __future__ import annotations

from functools import lru_cache
from importlib import metadata
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font


@lru_cache(maxsize=2)
def font_files(*, bold: bool = False) -> tuple[Path, ...]:
    """Fonts to draw with, the preferred one first.

    NanumGothic (SIL Open Font License), which holds Latin and Hangul, where the distribution
    ``koreanize-matplotlib`` is installed; its package isn't imported, because that changes
    matplotlib's settings.  Then DejaVu Sans, which matplotlib brings along.
    """
    found = []
    wanted = "NanumGothicBold.ttf" if bold else "NanumGothic.ttf"
    try:
        files = metadata.files("koreanize-matplotlib") or []
    except metadata.PackageNotFoundError:
        files = []
    found += [Path(str(file.locate())) for file in files if file.name == wanted]
    dejavu = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    found.append(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / dejavu)
    return tuple(path for path in found if path.is_file())


@lru_cache(maxsize=4096)
def font_for(text: str, *, bold: bool = False) -> Path | None:
    """The first font that has a glyph for every character, or None.

    Fonts of the system are asked only when those of :func:`font_files` don't do.
    """
    for path in font_files(bold=bold):
        if has_glyphs(path, text):
            return path
    for path in sorted({Path(entry.fname) for entry in font_manager.fontManager.ttflist}):
        # "Last Resort" has a glyph for everything: a box.
        if "LastResort" not in path.name and path.is_file() and has_glyphs(path, text):
            return path
    return None


def has_glyphs(path: Path, text: str) -> bool:
    """Whether a font has a glyph for every character of the text."""
    return {ord(character) for character in text} <= _characters(path)


@lru_cache(maxsize=256)
def _characters(path: Path) -> frozenset[int]:
    try:
        found = frozenset(FT2Font(str(path)).get_charmap())
    except (OSError, RuntimeError, ValueError):
        return frozenset()  # a font of the system that FreeType can't open is no font for us
    # Korean fonts draw the backslash as a Won sign, which would alter a credit line.
    return found - {ord("\\")} if path.name.startswith("Nanum") else found
