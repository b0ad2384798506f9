"""Drawn sheets as files: PNG for the folder, JPEG for the page."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping

import numpy as np
from PIL import Image

_LEVEL = 1
"""Of deflate: maps are mostly photographs, which level 6 makes 2 % smaller in twice the time."""

_UP = 2
"""PNG's code of rows that are stored as their difference to the one above."""


def png_of(image: Image.Image, about: Mapping[str, str], *, dpi: int) -> bytes:
    """A sheet, red, green, blue, as a PNG file; the same for the same input.

    Written by hand after the PNG specification: one filter for all rows, where others try five for
    each, which takes longer than all the rest and makes maps no smaller.

    Parameters
    ----------
    image
        The sheet.
    about
        Title, credits and the like, which the file carries.
    dpi
        Pixels an inch.
    """
    pixels = np.asarray(image)
    high, wide = pixels.shape[:2]
    rows = pixels.reshape(high, -1)
    lines = np.empty((high, 1 + rows.shape[1]), np.uint8)
    lines[:, 0] = _UP
    lines[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=lines[1:, 1:])
    metre = round(dpi / 0.0254)
    notes = [
        _chunk(b"iTXt", key.encode("latin-1") + bytes(5) + text.encode())
        for key, text in about.items()
    ]
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 8, 2, 0, 0, 0)),
            *notes,
            _chunk(b"pHYs", struct.pack(">IIB", metre, metre, 1)),
            _chunk(b"IDAT", zlib.compress(lines.data, _LEVEL)),
            _chunk(b"IEND", b""),
        ]
    )


def jpeg_of(image: Image.Image, *, quality: int) -> bytes:
    """A sheet as a JPEG file."""
    target = io.BytesIO()
    # Full colour resolution: half of it would smear the thin coloured outlines.
    image.save(target, format="JPEG", quality=quality, subsampling=0, optimize=True)
    return target.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(data, zlib.crc32(kind))
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)
