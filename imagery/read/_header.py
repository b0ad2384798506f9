"""What a file's header tells before anything is made of it, and what of that is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from imagery.errors import InputError
from imagery.record import Caution

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_HARMLESS = ("ascending order", "Photometric type-related", "Unknown field with tag")
"""Words of GDAL's on untidy tags, which decide nothing here."""


def check_header(said: Sequence[str], *, name: str) -> None:
    """Refuse a file whose tags reach beyond its end: GDAL goes on as if they weren't there."""
    for message in said:
        if "IO error" in message:
            raise InputError(
                f"{name}: damaged or cut off: its header can't be read whole",
                found=message.removeprefix(f"{name}: ")[:200],
                needed="a whole file",
            )


def reader_cautions(said: Sequence[str], *, name: str) -> tuple[Caution, ...]:
    """What GDAL said of a file, but for what decides nothing."""
    told = [
        " ".join(message.removeprefix(f"{name}: ").split())[:200]
        for message in dict.fromkeys(said)
        if not any(harmless in message for harmless in _HARMLESS)
    ]
    return tuple(
        Caution("reader-message", f"{name}: the library that reads it says: {text}")
        for text in told[:3]
    )


def check_pixels(dataset: Any, *, name: str) -> None:
    """Refuse a file whose pixels are nothing to compare.

    Raises
    ------
    InputError
        If it has none, or they are complex numbers or places in a table of colours.
    """
    from rasterio.enums import ColorInterp

    if dataset.count == 0 or dataset.width == 0 or dataset.height == 0:
        raise InputError(
            f"{name}: has no pixels",
            found=f"{dataset.count} bands of {dataset.height} x {dataset.width} px",
            needed="at least one band and one pixel",
        )
    unfit = [dtype for dtype in dataset.dtypes if dtype not in DTYPES]
    if unfit:
        kind = "complex" if unfit[0].startswith("complex") else unfit[0]
        raise InputError(
            f"{name}: its pixels are {kind} numbers, which this program doesn't compare",
            found=unfit[0],
            needed="one of " + ", ".join(DTYPES),
        )
    if ColorInterp.palette in dataset.colorinterp:
        raise InputError(
            f"{name}: is a palette image, whose numbers are places in a table of colours",
            found="a colour table",
            needed="RGB, which 'gdal_translate -expand rgb' makes of it",
        )


def sound_scaling(
    scale: float, offset: float, *, name: str, band: str
) -> tuple[float, float, tuple[Caution, ...]]:
    """Scale and offset, or 1 and 0 with a caution where they are fit for no arithmetic."""
    if 0 < abs(scale) < 1e30 and abs(offset) < 1e30:  # False for NaN
        return scale, offset, ()
    message = f"{name}: {band}'s scale {scale:g} and offset {offset:g} are left out."
    return 1.0, 0.0, (Caution("scale-ignored", message),)
