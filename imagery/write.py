"""Writing rasters: whole or not at all, and the same bytes for the same pixels."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
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


class RasterTarget:
    """A raster that is being written; :func:`create` makes it."""

    def __init__(self, dataset: Any, *, path: Path) -> None:
        self._dataset = dataset
        self._path = path

    def write(self, window: Window, data: NDArray[np.generic]) -> None:
        """Write a window.

        Parameters
        ----------
        window
            Inside the raster, in pixels from its own corner.
        data
            Of shape (band, row, col) and the raster's dtype.

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
        with _refusals(self._path):
            dataset.write(
                data, window=RasterioWindow(window.left, window.top, window.width, window.height)
            )


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
    holes.  Overviews are means in floats and pictures, nearest pixels in codes and labels.
    """
    if nodata is not None and not can_hold(dtype, nodata):
        raise ValueError(f"{path.name}: {dtype} cannot hold nodata {nodata}")
    if descriptions and len(descriptions) != count:
        raise ValueError(f"{path.name}: {count} bands, but {len(descriptions)} descriptions")
    raw, partial = (path.with_name(f"{path.name}.{end}") for end in ("raw.partial", "partial"))
    colours = _colours(descriptions, dtype)
    try:
        with _refusals(path):
            dataset = _open(raw, geobox, count=count, dtype=dtype, nodata=nodata, colours=colours)
        try:
            with _refusals(path):
                if descriptions:
                    dataset.descriptions = tuple(descriptions)
                dataset.update_tags(**(tags or {}))
            yield RasterTarget(dataset, path=path)
        finally:
            with _refusals(path):
                dataset.close()
        with _refusals(path):
            _check_whole(raw, geobox, count=count, dtype=dtype)
            means = np.dtype(dtype).kind == "f" or bool(colours)
            _compress(raw, partial, overviews="average" if means else "nearest")
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
) -> Any:
    import rasterio
    from rasterio.enums import ColorInterp

    rows, cols = geobox.shape
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
            photometric="RGB" if "red" in colours else "MINISBLACK",
        )
    if colours:
        dataset.colorinterp = [ColorInterp[colour] for colour in colours]
    return dataset


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


def _compress(raw: Path, partial: Path, *, overviews: Literal["average", "nearest"]) -> None:
    import rasterio.shutil

    rasterio.shutil.copy(
        str(raw.absolute()),
        str(partial.absolute()),
        driver="COG",
        compress="DEFLATE",
        predictor="YES",
        blocksize=_BLOCK,
        overviews="AUTO",
        overview_resampling=overviews.upper(),
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
