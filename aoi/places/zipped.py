"""Files inside a zip archive from a stranger: read into memory, bounded, never unpacked by name."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

MOST_DIRECTORY = 1_000_000
"""Bytes of an archive's list of entries, each at least 46."""

SHAPEFILE = (".shp", ".shx", ".dbf", ".prj", ".cpg")
"""The parts of a shapefile that say where its outlines are, the first three needed."""


def kml_in(data: bytes, *, most_bytes: int) -> bytes:
    """The document of a KMZ: ``doc.kml``, else the first KML in it; what it links to is not read.

    Parameters
    ----------
    data
        The archive.
    most_bytes
        How large the document may be, unpacked.

    Raises
    ------
    ValueError
        If there is none, it is too large, or the archive is none; the message says why.
    """
    with _opened(data) as (archive, entries):
        documents = [entry for entry in entries if _suffix(entry) == ".kml"]
        if not documents:
            raise ValueError("an archive without a .kml file")
        named = [entry for entry in documents if entry.filename.lower() == "doc.kml"]
        return _unpacked(archive, (named or documents)[0], most_bytes)


def shapefile_in(data: bytes, *, most_bytes: int) -> dict[str, bytes]:
    """The parts of the one shapefile in an archive, by suffix.

    Raises
    ------
    ValueError
        If there isn't exactly one, it is too large, or the archive is none.
    """
    with _opened(data) as (archive, entries):
        shapes = [entry for entry in entries if _suffix(entry) == ".shp"]
        if len(shapes) != 1:
            raise ValueError(f"an archive with {len(shapes) or 'no'} .shp files")
        stem = shapes[0].filename[: -len(".shp")].lower()
        parts: dict[str, bytes] = {}
        for entry in entries:
            suffix = _suffix(entry)
            if suffix in SHAPEFILE and entry.filename[: -len(suffix)].lower() == stem:
                left = most_bytes - sum(map(len, parts.values()))
                parts[suffix] = _unpacked(archive, entry, left)
    missing = [suffix for suffix in SHAPEFILE[:3] if suffix not in parts]
    if missing:
        raise ValueError(f"a shapefile without its {' and '.join(missing)}")
    return parts


@contextmanager
def _opened(data: bytes) -> Iterator[tuple[zipfile.ZipFile, list[zipfile.ZipInfo]]]:
    """An archive and its files; folders, and what systems hide in archives, left out."""
    _check_directory(data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
        raise ValueError(f"not a zip archive: {error}") from error
    with archive:
        yield archive, [entry for entry in archive.infolist() if _is_plain(entry)]


def _check_directory(data: bytes) -> None:
    """Refuse a list of entries so long that reading it alone would fill the memory."""
    start = data.rfind(b"PK\x05\x06", max(0, len(data) - 22 - 0xFFFF))
    if start < 0 or len(data) < start + 22:
        raise ValueError("not a zip archive: it has no end record")
    if int.from_bytes(data[start + 12 : start + 16], "little") > MOST_DIRECTORY:
        raise ValueError("an archive of too many files")


def _is_plain(entry: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(entry.filename).parts
    hidden = any(part.startswith((".", "__MACOSX")) for part in parts)  # ".." among them
    return not (entry.is_dir() or hidden or entry.filename.startswith("/"))


def _suffix(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(entry.filename).suffix.lower()


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most_bytes: int) -> bytes:
    """The bytes of an entry, counted while they are unpacked: its header may lie."""
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("an archive that is encrypted, or packed in an unusual way")
    try:
        with archive.open(entry) as stream:
            data = stream.read(most_bytes + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise ValueError(f"a damaged archive: {error}") from error
    if len(data) > most_bytes:
        raise ValueError(f"more than {most_bytes / 1e6:.0f} MB when unpacked")
    return data
