"""The only place that opens rasters: which drivers, which siblings, no network, how much cache."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rasterio
from rasterio._err import CPLE_BaseError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from imagery.block_cache import BLOCKS
from imagery.errors import InputError, MissingInputError
from imagery.visit import found_at, note

SIGNATURES = (
    (b"II*\0", "GTiff"),
    (b"MM\0*", "GTiff"),
    (b"II+\0", "GTiff"),
    (b"MM\0+", "GTiff"),
    (b"\0\0\0\x0cjP  ", "JP2OpenJPEG"),
    (b"\xffO\xffQ", "JP2OpenJPEG"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"RIFF", "WEBP"),
)
"""First bytes of the formats that are read, with their driver.  The driver is named on opening:
VRT, WMS, PDF and the like, which read elsewhere or run code, are never tried."""

RASTER_ERRORS: tuple[type[Exception], ...] = (RasterioError, CPLE_BaseError, OSError, SystemError)
"""What rasterio raises.  GDAL's own errors pass through it bare in places, such as copies, and a
failure that GDAL doesn't explain comes as a SystemError.
"""

_HANDLES_PER_THREAD = 32
"""As many as two products of a dozen bands have, with masks: closing a file drops its blocks."""
_local = threading.local()
_every_cache: list[dict[tuple[str, int], Any]] = []
_lock = threading.Lock()
_opening = threading.Lock()


@contextmanager
def raster_environment(*, memory_mb: int = 1000) -> Iterator[None]:
    """Run a block with GDAL set as this project needs it.

    Parameters
    ----------
    memory_mb
        The memory that the run may take; a quarter of it, 256 MB at the most, goes to decoded
        blocks, and a sixteenth, 64 MB at the most, to GDAL's own, whose default (5 % of the
        machine) alone took 1.5 GB on mere reading.
    """
    with _environment(memory_mb):
        try:
            yield
        finally:
            close_handles()


def enter_for_good(*, memory_mb: int) -> None:
    """The same for this thread alone, from now on: a cluster's worker knows no end of a run.

    What GDAL is told outside of a program's main thread counts in that thread only.
    """
    if getattr(_local, "environment", None) is None:
        _local.environment = _environment(memory_mb)
        _local.environment.__enter__()


def _environment(memory_mb: int) -> rasterio.Env:
    BLOCKS.limit = max(16, min(256, memory_mb // 4)) * 2**20
    return rasterio.Env(
        # In bytes: rasterio hands it to GDALSetCacheMax64, which, unlike the option of that
        # name, knows no megabytes.  125 would mean 125 bytes, and every block decoded again.
        GDAL_CACHEMAX=max(16, min(64, memory_mb // 16)) * 2**20,
        # Sidecars are asked for by name; folders are not listed.
        GDAL_DISABLE_READDIR_ON_OPEN="TRUE",
        GDAL_PAM_ENABLED="YES",
        GDAL_GEOREF_SOURCES="PAM,INTERNAL,TABFILE,WORLDFILE",
        # Nothing inside a file may lead to the network.
        CPL_VSIL_CURL_ALLOWED_EXTENSIONS=".none",
        GDAL_HTTP_MAX_RETRY=0,
        PROJ_NETWORK="OFF",
        GDAL_NUM_THREADS=1,
        # What no handler of rasterio's takes would go to stderr, where only our own lines stand.
        CPL_LOG=os.environ.get("CPL_LOG", os.devnull),
    )


@contextmanager
def georeference_unwarned() -> Iterator[None]:
    """Open a raster in this block without rasterio's warning that it is not georeferenced.

    One thread at a time, because Python's list of warning filters belongs to all of them.
    """
    with _opening, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


@contextmanager
def gdal_messages() -> Iterator[list[str]]:
    """Gather what GDAL warns of in this thread, which rasterio hands to a log.

    Yields
    ------
    list of str
        Fills up while the block runs.
    """
    gatherer = _Gatherer()
    log = logging.getLogger("rasterio._env")
    log.addHandler(gatherer)
    try:
        yield gatherer.messages
    finally:
        log.removeHandler(gatherer)


class _Gatherer(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            # As in "CPLE_AppDefined in scene.tif: TIFFReadDirectory: ..."
            self.messages.append(record.getMessage().split(" in ", maxsplit=1)[-1])


def open_raster(path: Path, *, option: str | None = None) -> Any:
    """Open a raster for reading, with a supported driver only.

    The caller closes the dataset.  ``option`` is the one that named the file, for the refusal.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If the file is no raster that a supported driver reads.
    """
    path = found_at(path)
    try:
        if not path.is_file():
            raise _missing(path, option)
        with path.open("rb") as stream:
            start = stream.read(16)
        driver = next((name for first, name in SIGNATURES if start.startswith(first)), None)
        if driver is None:
            raise _unreadable(path, option)
        # The filters of warnings belong to the process, so one thread at a time may change them.
        with _lock, warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            # An absolute path has no scheme: rasterio takes "a:b.tif" for an address.
            dataset = rasterio.open(path.absolute(), driver=driver)
        note(path)
        return dataset
    except InputError:
        raise
    except UnicodeEncodeError as error:
        raise InputError(
            f"{path.name}: GDAL cannot open a file whose path is not UTF-8",
            found=ascii(path.name),
            needed="another name, or another folder's",
            option=option,
        ) from error
    except (RasterioError, OSError) as error:
        raise _unreadable(path, option) from error


REMOTE: dict[str, Any] = {
    # A server that is busy is asked again after 1, 2, 4 and 8 seconds.
    "GDAL_HTTP_MAX_RETRY": 4,
    "GDAL_HTTP_RETRY_DELAY": 1,
    "GDAL_HTTP_RETRY_CODES": "429,500,502,503,504",
    "GDAL_HTTP_CONNECTTIMEOUT": 15,
    "GDAL_HTTP_TIMEOUT": 120,
    "GDAL_HTTP_LOW_SPEED_LIMIT": 100,
    "GDAL_HTTP_LOW_SPEED_TIME": 30,
    "GDAL_HTTP_USERAGENT": "twopass",
    "GDAL_INGESTED_BYTES_AT_OPEN": 32768,
}
"""How GDAL asks a server for parts of an image."""


@contextmanager
def open_remote(address: str) -> Iterator[Any]:
    """Read parts of a raster on the web, by range requests for this one address and no other.

    To be used only where the user asked for the network, in :func:`raster_environment`.

    Parameters
    ----------
    address
        An http or https address whose path ends in ``.tif``, ``.tiff`` or ``.jp2``; a query after
        it may sign it.

    Yields
    ------
    rasterio.DatasetReader
        Closed, and forgotten by GDAL's cache, when the block ends.

    Raises
    ------
    InputError
        If the address is no such one, or the server doesn't give the file, after retries.
    """
    from rasterio.errors import RasterioIOError

    bare = address.partition("?")[0].lower()
    name = bare.rpartition("/")[2][:100]
    driver = next((d for end, d in _REMOTE_DRIVERS.items() if bare.endswith(end)), None)
    if not bare.startswith(("http://", "https://")) or driver is None:
        raise InputError(
            f"{name}: is not read from the web",
            found=bare.partition("://")[0] + "://...",
            needed="http(s), and a GeoTIFF or JPEG 2000 file",
        )
    path = f"/vsicurl/{address}"
    with rasterio.Env(**REMOTE, CPL_VSIL_CURL_ALLOWED_FILENAME=path, CPL_VSIL_CURL_NON_CACHED=path):
        try:
            with _lock, warnings.catch_warnings():
                warnings.simplefilter("ignore", NotGeoreferencedWarning)
                dataset = rasterio.open(path, driver=driver)
        except (RasterioIOError, CPLE_BaseError) as error:
            # GDAL's words hold the address, and its query may sign it.
            said = str(error).replace(path, name).replace(address, name).partition("?")[0]
            raise InputError(
                f"{name}: its server doesn't give it",
                found=" ".join(said.split())[:200],
                needed="a server that answers range requests: try again later",
            ) from None
        with dataset:
            _check_mask_was_read(dataset, name)
            yield dataset


def _check_mask_was_read(dataset: Any, name: str) -> None:
    """Refuse a file whose mask the server withheld: GDAL goes on as if there were none."""
    with gdal_messages() as said:
        _ = dataset.mask_flag_enums
    retries = sum("Retrying" in message for message in said)
    if retries >= int(REMOTE["GDAL_HTTP_MAX_RETRY"]):
        raise InputError(
            f"{name}: its server doesn't give all of its header",
            found=f"no answer, asked {retries} times",
            needed="the whole file: try again later",
        )


_REMOTE_DRIVERS = {".tif": "GTiff", ".tiff": "GTiff", ".jp2": "JP2OpenJPEG"}


def _unreadable(path: Path, option: str | None) -> InputError:
    return InputError(
        f"{path.name}: cannot be read as an image",
        found=_first_bytes(path),
        needed="a whole GeoTIFF, COG, JPEG 2000, PNG, JPEG or WebP file",
        option=option,
    )


def handle(path: Path) -> Any:
    """A dataset for this thread, kept open for the next read and closed by the environment."""
    cache: dict[tuple[str, int], Any] | None = getattr(_local, "cache", None)
    if cache is None:
        cache = _local.cache = {}
        with _lock:
            _every_cache.append(cache)
    path = found_at(path)
    key = version(path)
    if key not in cache:
        while len(cache) >= _HANDLES_PER_THREAD:
            cache.pop(next(iter(cache))).close()
        cache[key] = open_raster(path)
    note(path)
    return cache[key]


def version(path: Path | str) -> tuple[str, int]:
    """A file as it is now: its path and when it was last written."""
    try:
        return str(path), Path(path).stat().st_mtime_ns
    except FileNotFoundError as error:
        raise _missing(Path(path)) from error


def close_handles() -> None:
    """Close every dataset that :func:`handle` opened, in whatever thread, and forget its blocks."""
    BLOCKS.clear()
    with _lock:
        for cache in _every_cache:
            for dataset in cache.values():
                dataset.close()
            cache.clear()


def _missing(path: Path, option: str | None = None) -> MissingInputError:
    needed = "a GeoTIFF, COG, JPEG 2000, PNG, JPEG or WebP file on this machine"
    if path.is_dir():
        name = path.name or path.absolute().name
        return MissingInputError(
            f"{name}: is a folder", found="a folder", needed=needed, option=option
        )
    there = path.absolute().parent.is_dir()
    found = "nothing of that name in its folder" if there else "not even its folder"
    return MissingInputError(
        f"{path.name}: no such file", found=found, needed=needed, option=option
    )


def _first_bytes(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            start = stream.read(40)
    except OSError as error:
        return error.strerror or str(error)
    if not start:
        return "an empty file"
    if start.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, not the file itself"
    if start[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "a TIFF that is damaged or cut off"
    if start.lstrip()[:1] == b"<":
        return "a text file (XML, HTML or VRT)"
    return f"a file of {path.stat().st_size} bytes that starts with {start[:8]!r}"
