"""manifest-sha256.txt: what every file of a case must hash to, in the form of ``sha256sum``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagery.errors import InputError, OutputError
from imagery.record import sha256_of

RECORD = "case.json"
MANIFEST = "manifest-sha256.txt"

_DERIVED_FILES = ("report.html", "report.pdf")
_DERIVED_FOLDER = "maps/"


def write_manifest(case: Path, *, known: Mapping[str, str] | None = None) -> None:
    """List every file of a case but the manifest itself, with its SHA-256, sorted by name.

    Parameters
    ----------
    case
        The case folder.
    known
        SHA-256 of files that were hashed before and not touched since, by name.

    Raises
    ------
    OutputError
        If the folder cannot be written to.
    """
    known = known or {}
    _write(case, {name: known.get(name) or sha256_of(case / name) for name in _names(case)})


def renew_manifest(case: Path) -> None:
    """Renew the lines of what is drawn from the case; the others stay, whatever the files hold now.

    A case without a manifest gets none: nobody could say what its files were.

    Raises
    ------
    InputError
        If the manifest is damaged.
    OutputError
        If the folder cannot be written to.
    """
    if not (case / MANIFEST).is_file():
        return
    kept = {name: sha for name, sha in read_manifest(case).items() if not is_derived(name)}
    drawn = {name: sha256_of(case / name) for name in _names(case) if is_derived(name)}
    _write(case, kept | drawn)


def read_manifest(case: Path) -> dict[str, str]:
    """SHA-256 by name, as a case's manifest lists them.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    try:
        text = (case / MANIFEST).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _damaged(case, f"{MANIFEST} cannot be read") from error
    found = {}
    for line in text.splitlines():
        sha, name = line[:64], line[66:]
        if line[64:66] != "  " or not name or set(sha) - set("0123456789abcdef"):
            raise _damaged(case, f"{MANIFEST} with the line {line[:40]!r}")
        found[name] = sha
    return found


def listed_names(case: Path) -> set[str]:
    """The names in a case's manifest; none where it cannot be read."""
    try:
        return set(read_manifest(case))
    except InputError:
        return set()


def is_derived(name: str) -> bool:
    """Whether a file, named relative to its case, is drawn from the rest of it."""
    return name in _DERIVED_FILES or name.startswith(_DERIVED_FOLDER)


def _names(case: Path) -> list[str]:
    """Every file but the manifest and hidden ones, such as the lock."""
    return sorted(
        path.relative_to(case).as_posix()
        for path in case.rglob("*")
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    )


def _write(case: Path, lines: Mapping[str, str]) -> None:
    partial = case / f".{MANIFEST}.partial"
    try:
        text = "".join(f"{sha}  {name}\n" for name, sha in sorted(lines.items()))
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(case / MANIFEST)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{MANIFEST}: cannot be written",
            found=error.strerror or type(error).__name__,
            needed="a case that this account may write to, with room left",
        ) from error


def _damaged(case: Path, found: str) -> InputError:
    return InputError(
        f"{case.absolute().name}: its manifest is damaged",
        found=found,
        needed="a case as twopass detect wrote it",
    )
