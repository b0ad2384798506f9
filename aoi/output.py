"""Files written whole or not at all."""

from __future__ import annotations

from pathlib import Path

from imagery.errors import OutputError


def write_whole(path: Path, data: bytes, *, option: str | None = None) -> Path:
    """Write a file beside its place and rename it, so that no half file ever stands there.

    Raises
    ------
    OutputError
        If it cannot be written; ``option`` is the one that named it.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{path.name}: cannot be written",
            found=error.strerror or str(error),
            needed="a folder that can be written to",
            option=option,
        ) from error
    return path
