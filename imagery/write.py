"""Writing rasters: whole or not at all, and the same bytes for the same pixels."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.env import RASTER_ERRORS, georeference_unwarned
from imagery.errors import OutputError
from imagery.mask import can_hold

_BLOCK = 256


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

    means: bool = True
    """Whether overviews are means; else nearest pixels."""

    fast: bool = False
    """Compressed by Zstandard instead of deflate: in half the time, for other readers than GDAL's
    oldest."""


class RasterTarget:
    """A raster that is being written; :func:`create` makes it."""

    def __init__(self, dataset: Any, *, path: Path) -> None:
        self._dataset = dataset
        self._path = path

    def write(
        self, window: Window, data: NDArray[np.generic], *, valid: NDArray[np.bool_] | None = None
    ) -> None:
        """Write a window.

        Parameters
        ----------
        window
            Inside the raster, in pixels from its own corner.
        data
            Of shape (band, row, col) and the raster's dtype.
        valid
            True where usable, of shape (row, col), for a raster with a mask.

        Raises
        ------
        OutputError
            If the disk refuses.
        ValueError
            If the window leaves the raster, or shape or dtype are not the raster's.
        """
        from rasterio.windows import Window as RasterioWindow

        dataset = self._dataset
        if not Window(0, 0, dataset.height, dataset.width).contains(window):
            raise ValueError(f"{window} leaves the raster of {dataset.height} x {dataset.width} px")
        if data.shape != (dataset.count, *window.shape) or data.dtype != dataset.dtypes[0]:
            raise ValueError(
                f"data must be {dataset.dtypes[0]} of shape {(dataset.count, *window.shape)}; "
                f"found {data.dtype} of shape {data.shape}"
            )
        if window.empty:
            return
        place = RasterioWindow(window.left, window.top, window.width, window.height)
        with _refusals(self._path):
            dataset.write(data, window=place)
            if valid is not None:
                # Inside the file: beside it, a mask is lost when the file is moved.
                with _mask_inside():
                    dataset.write_mask(valid, window=place)


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
) -> Iterator[RasterTarget]:
    """Write a cloud-optimised GeoTIFF: tiled, deflated, with overviews.

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

    Yields
    ------
    RasterTarget
        Takes windows in whatever order.

    Raises
    ------
    OutputError
        If the file cannot be written, wholly.
    ValueError
        If the dtype cannot hold ``nodata``, or descriptions are not one a band.

    Notes
    -----
    Windows go to an uncompressed file beside, which is copied in row-major order at the end:
    compressed tiles that are written twice, or in another order, would give other bytes and leave
    holes.  Overviews are means in floats and pictures, nearest pixels in codes and labels, unless
    ``looks`` says otherwise.
    """
    if nodata is not None and not can_hold(dtype, nodata):
        raise ValueError(f"{path.name}: {dtype} cannot hold nodata {nodata}")
    if descriptions and len(descriptions) != count:
        raise ValueError(f"{path.name}: {count} bands, but {len(descriptions)} descriptions")
    raw, partial = (path.with_name(f"{path.name}.{end}") for end in ("raw.partial", "partial"))
    colours = _colours(descriptions, dtype) if looks is None else list(looks.colours)
    try:
        with _refusals(path):
            dataset = _open(
                raw,
                geobox,
                count=count,
                dtype=dtype,
                nodata=nodata,
                colours=colours,
                palette=looks is not None and looks.colormap is not None,
            )
        try:
            with _refusals(path):
                if descriptions:
                    dataset.descriptions = tuple(descriptions)
                dataset.update_tags(**(tags or {}))
                if looks is not None:
                    _dress(dataset, looks)
            yield RasterTarget(dataset, path=path)
        finally:
            with _refusals(path):
                dataset.close()
        with _refusals(path):
            _check_whole(raw, geobox, count=count, dtype=dtype)
            if looks is None:
                looks = Looks(means=np.dtype(dtype).kind == "f" or bool(colours))
            overviews: Literal["average", "nearest"] = "average" if looks.means else "nearest"
            _compress(raw, partial, overviews=overviews, fast=looks.fast)
            partial.replace(path)
    finally:
        for leftover in (raw, partial, *_temporary(partial)):
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


def _open(
    raw: Path,
    geobox: GeoBox,
    *,
    count: int,
    dtype: str,
    nodata: float | None,
    colours: Sequence[str],
    palette: bool,
) -> Any:
    import rasterio
    from rasterio.enums import ColorInterp

    rows, cols = geobox.shape
    picture = list(colours[:3]) == ["red", "green", "blue"]
    # Pixels of 1 m without a georeference are the flipped identity, which rasterio warns of.
    with georeference_unwarned():
        dataset = rasterio.open(
            raw.absolute(),
            "w",
            driver="GTiff",
            height=rows,
            width=cols,
            count=count,
            dtype=dtype,
            crs=None if geobox.crs is None else geobox.crs.to_wkt(),
            transform=geobox.affine,
            nodata=nodata,
            tiled=True,
            blockxsize=_BLOCK,
            blockysize=_BLOCK,
            bigtiff="IF_SAFER",
            photometric="PALETTE" if palette else "RGB" if picture else "MINISBLACK",
        )
    if colours and not palette:
        dataset.colorinterp = [ColorInterp[colour] for colour in colours]
    return dataset


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


def _mask_inside() -> Any:
    import rasterio

    return rasterio.Env(GDAL_TIFF_INTERNAL_MASK="YES")


def _colours(descriptions: Sequence[str], dtype: str) -> list[str]:
    """Colour interpretations of an 8-bit picture, none for anything else."""
    names = list(descriptions)
    alpha = names[-1:] == ["alpha"]
    picture = names[:-1] if alpha else names
    if dtype != "uint8" or not (alpha or picture == ["red", "green", "blue"]):
        return []
    if len(picture) == 3:  # shown as red, green and blue, whatever the bands are
        return ["red", "green", "blue"] + ["alpha"] * alpha
    return ["gray"] + ["undefined"] * (len(picture) - 1) + ["alpha"]


def _check_whole(raw: Path, geobox: GeoBox, *, count: int, dtype: str) -> None:
    """Refuse a file that the disk took in part: GDAL tells of that only in its log."""
    rows, cols = geobox.shape
    tiles = math.ceil(rows / _BLOCK) * math.ceil(cols / _BLOCK)
    needed = tiles * _BLOCK * _BLOCK * count * np.dtype(dtype).itemsize
    if raw.stat().st_size < needed:
        raise OSError("the disk is full")


def _compress(
    raw: Path, partial: Path, *, overviews: Literal["average", "nearest"], fast: bool
) -> None:
    import rasterio.shutil

    rasterio.shutil.copy(
        str(raw.absolute()),
        str(partial.absolute()),
        driver="COG",
        compress="ZSTD" if fast else "DEFLATE",
        level=1 if fast else 6,
        predictor="YES",
        blocksize=_BLOCK,
        overviews="AUTO",
        overview_resampling=overviews.upper(),
        # In one thread: with more, GDAL (3.10) lets a full disk go unnoticed.
        bigtiff="IF_SAFER",
    )
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())


def _temporary(partial: Path) -> list[Path]:
    """What GDAL leaves beside a COG whose writing failed."""
    return [
        partial.with_name(partial.name + end)
        for end in (".ovr.tmp", ".msk.ovr.tmp", ".warped.tif.tmp", ".aux.xml")
    ]


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
