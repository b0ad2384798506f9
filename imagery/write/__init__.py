"""Writing rasters: whole or not at all, and the same bytes for the same pixels."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.env import RASTER_ERRORS, georeference_unwarned
from imagery.errors import OutputError
from imagery.mask import can_hold
from imagery.write._blocks import BLOCK, Blocks
from imagery.write._halve import Overviews
from imagery.write._layout import Tag, part_of, read_tags, write_layout

__all__ = ["Looks", "Overviews", "RasterTarget", "create"]


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What a raster says of itself beside its pixels, where it is to be like another one."""

    colours: tuple[str, ...] = ()
    """Colour interpretation of each band, in GDAL's words."""

    colormap: Mapping[int, tuple[int, ...]] | None = None
    """The table of colours of a single band."""

    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    band_tags: tuple[Mapping[str, str], ...] = ()
    mask: bool = False
    """Whether a mask inside the file marks missing pixels."""


class RasterTarget:
    """A raster that is being written; :func:`create` makes it."""

    def __init__(self, blocks: Blocks, *, shape: tuple[int, int, int], dtype: str, path: Path):
        self._blocks, self._shape, self._dtype, self._path = blocks, shape, dtype, path

    def write(
        self, window: Window, data: NDArray[np.generic], *, valid: NDArray[np.bool_] | None = None
    ) -> None:
        """Write a window.

        Parameters
        ----------
        window
            Inside the raster, in pixels from its own corner; no pixel of it was written before.
        data
            Of shape (band, row, col) and the raster's dtype.
        valid
            True where usable, of shape (row, col), for a raster with a mask.

        Raises
        ------
        OutputError
            If the disk refuses.
        ValueError
            If the window leaves the raster or was written before, or shape or dtype are not the
            raster's.
        """
        count, rows, cols = self._shape
        if not Window(0, 0, rows, cols).contains(window):
            raise ValueError(f"{window} leaves the raster of {rows} x {cols} px")
        if data.shape != (count, *window.shape) or data.dtype != self._dtype:
            raise ValueError(
                f"data must be {self._dtype} of shape {(count, *window.shape)}; "
                f"found {data.dtype} of shape {data.shape}"
            )
        if window.empty:
            return
        with _refusals(self._path):
            self._blocks.put(window, data, valid)


@contextmanager
def create(
    path: Path,
    *,
    geobox: GeoBox,
    count: int,
    dtype: str,
    nodata: float | None,
    descriptions: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    looks: Looks | None = None,
    overviews: Overviews | None = None,
) -> Iterator[RasterTarget]:
    """Write a cloud-optimised GeoTIFF: tiled, compressed by Zstandard, with overviews.

    Parameters
    ----------
    path
        The file to be.  It appears, or is replaced, whole, when the block ends well; if
        it ends in an exception, nothing is left.
    geobox
        The raster's grid; its CRS may be None.
    count, dtype
        Number and kind of bands.
    nodata
        The value that marks missing pixels, which the dtype must be able to hold; what is
        never written becomes it (0 where it is None).
    descriptions
        One a band, or none.  ``red``, ``green``, ``blue`` and a last ``alpha`` in 8 bits are
        also tagged as colours.
    tags
        Texts to write into the file.
    looks
        What else it says of its bands, in place of what their descriptions and dtype tell.
    overviews
        What a pixel of an overview shows of the four below it.  By default means of floats and
        pictures, and nearest pixels of codes and labels.

    Yields
    ------
    RasterTarget
        Takes windows in whatever order, each pixel once.  In row-major order no more is held than
        a row of blocks; in another one, what blocks wait for.

    Raises
    ------
    OutputError
        If the file cannot be written, wholly.
    ValueError
        If the dtype cannot hold ``nodata``, or descriptions are not one a band.

    Notes
    -----
    A block is compressed as soon as it is whole, and its overviews are made from it then.  All of
    them wait in a nameless file beside, to be laid out in a fixed order at the end: small ones
    first, as viewers want them, whatever the order that windows came in.
    """
    if nodata is not None and not can_hold(dtype, nodata):
        raise ValueError(f"{path.name}: {dtype} cannot hold nodata {nodata}")
    if descriptions and len(descriptions) != count:
        raise ValueError(f"{path.name}: {count} bands, but {len(descriptions)} descriptions")
    looks = looks or Looks(colours=_colours(descriptions, dtype))
    if overviews is None:
        overviews = "means" if np.dtype(dtype).kind == "f" or looks.colours else "nearest"
    shape = geobox.shape.y, geobox.shape.x
    partial = path.with_name(f"{path.name}.partial")
    with _refusals(path):
        spool = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed below
    try:
        blocks = Blocks(
            spool,
            shape=shape,
            count=count,
            dtype=dtype,
            nodata=nodata,
            overviews=overviews,
            alpha=looks.colours[-1:] == ("alpha",),
            mask=looks.mask,
        )
        with _refusals(path):
            header = _header(
                geobox,
                count=count,
                dtype=dtype,
                nodata=nodata,
                descriptions=descriptions,
                tags=tags or {},
                looks=looks,
                predictor=blocks.predictor,
            )
        yield RasterTarget(blocks, shape=(count, *shape), dtype=dtype, path=path)
        with _refusals(path):
            _lay_out(partial, blocks, header, spool)
            partial.replace(path)
    finally:
        # What it still had to write when the disk was full is of no use any more.
        with contextlib.suppress(OSError):
            spool.close()
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def _lay_out(path: Path, blocks: Blocks, header: Mapping[int, Tag], spool: BinaryIO) -> None:
    """Write the file and wait until it is on the disk."""
    blocks.finish()
    parts = []
    for level, image in enumerate(blocks.images):
        for mask, places in ((False, image.blocks), (True, image.masks)):
            if blocks.mask or not mask:
                parts.append(part_of(header, image.shape, places, overview=level > 0, mask=mask))
    with path.open("wb") as stream:
        write_layout(stream, parts, spool)
        stream.flush()
        os.fsync(stream.fileno())


def _header(
    geobox: GeoBox,
    *,
    count: int,
    dtype: str,
    nodata: float | None,
    descriptions: Sequence[str],
    tags: Mapping[str, str],
    looks: Looks,
    predictor: int,
) -> dict[int, Tag]:
    """What GDAL writes into the header of such a raster, taken from one without pixels."""
    from rasterio.enums import ColorInterp
    from rasterio.io import MemoryFile

    rows, cols = geobox.shape
    palette = looks.colormap is not None
    picture = looks.colours[:3] == ("red", "green", "blue")
    with MemoryFile() as memory:
        # Pixels of 1 m without a georeference are the flipped identity, which rasterio warns of.
        with georeference_unwarned():
            dataset = memory.open(
                driver="GTiff",
                height=rows,
                width=cols,
                count=count,
                dtype=dtype,
                crs=None if geobox.crs is None else geobox.crs.to_wkt(),
                transform=geobox.affine,
                nodata=nodata,
                tiled=True,
                blockxsize=BLOCK,
                blockysize=BLOCK,
                interleave="pixel",
                compress="ZSTD",
                predictor=predictor,
                sparse_ok=True,
                bigtiff="NO",
                endianness="NATIVE",
                photometric="PALETTE" if palette else "RGB" if picture else "MINISBLACK",
            )
        with dataset:
            if looks.colours and not palette:
                dataset.colorinterp = [ColorInterp[colour] for colour in looks.colours]
            if descriptions:
                dataset.descriptions = tuple(descriptions)
            dataset.update_tags(**tags)
            _dress(dataset, looks)
        return read_tags(memory.read())


def _dress(dataset: Any, looks: Looks) -> None:
    """Give a new file its colours, scales, units and tags."""
    if looks.colormap is not None:
        dataset.write_colormap(1, dict(looks.colormap))
    for name in ("scales", "offsets", "units"):
        if values := getattr(looks, name):
            setattr(dataset, name, values)
    for number, tags in enumerate(looks.band_tags, start=1):
        if tags:
            dataset.update_tags(number, **tags)


def _colours(descriptions: Sequence[str], dtype: str) -> tuple[str, ...]:
    """Colour interpretations of an 8-bit picture, none for anything else."""
    names = list(descriptions)
    alpha = names[-1:] == ["alpha"]
    picture = names[:-1] if alpha else names
    if dtype != "uint8" or not (alpha or picture == ["red", "green", "blue"]):
        return ()
    if len(picture) == 3:  # shown as red, green and blue, whatever the bands are
        return ("red", "green", "blue", *["alpha"] * alpha)
    return ("gray", *["undefined"] * (len(picture) - 1), "alpha")


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except RASTER_ERRORS as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{path.name}: cannot be written",
            found=str(error.__cause__ or error)[:200],
            needed="a folder that can be written to, and room on the disk",
        ) from error
