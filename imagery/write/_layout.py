"""How a cloud-optimised GeoTIFF is laid out: all headers first, small overviews before large ones.

After the TIFF 6.0 specification, BigTIFF (https://libtiff.gitlab.io/libtiff/specification/bigtiff.html)
and GDAL's COG driver, whose words at the start tell readers that the layout is so.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_GHOST = (
    b"LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    b"BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
_GHOST_AREA = b"GDAL_STRUCTURAL_METADATA_SIZE=%06d bytes\n" % len(_GHOST) + _GHOST

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 16: 8}
"""Bytes of a value, by TIFF's code of its type."""

_SHORT, _LONG, _LONG8 = 3, 4, 16

SUBFILE, WIDTH, LENGTH, BITS, COMPRESSION, PHOTOMETRIC, SAMPLES = 254, 256, 257, 258, 259, 262, 277
_OFFSETS, _SIZES_OF_BLOCKS = 324, 325
_OF_OVERVIEWS = frozenset({258, 259, 262, 277, 284, 317, 320, 322, 323, 338, 339, 42113})
"""What an overview repeats: kind and colours of pixels, blocks, nodata.  Not the georeference."""
_OF_MASKS = frozenset({259, 284, 322, 323})
_OVERVIEW, _MASK = 1, 4

_LARGEST_CLASSIC = 2**32 - 1
"""Bytes that a TIFF's offsets of 32 bits reach; beyond, it is a BigTIFF."""

_TRAILER, _AROUND = 4, 8
"""Bytes after a block, its last ones once more, and with its size before it: so that a reader on
the web has it in one request, and knows that it is whole."""


@dataclass(frozen=True)
class Tag:
    """One entry of a header."""

    kind: int
    values: bytes

    @property
    def count(self) -> int:
        return len(self.values) // _SIZES[self.kind]


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One image of the file, its overview, or a mask: a header and blocks."""

    tags: Mapping[int, Tag]
    blocks: NDArray[np.int64]
    """Where its blocks lie in the spool, in their order: offset and size, shape (blocks, 2)."""


def read_tags(tiff: bytes) -> dict[int, Tag]:
    """The first header of a TIFF file that is no BigTIFF, in this machine's byte order."""
    (start,) = struct.unpack_from("=I", tiff, 4)
    (count,) = struct.unpack_from("=H", tiff, start)
    tags = {}
    for number in range(count):
        place = start + 2 + 12 * number
        tag, kind, length = struct.unpack_from("=HHI", tiff, place)
        size = _SIZES[kind] * length
        at = place + 8 if size <= 4 else struct.unpack_from("=I", tiff, place + 8)[0]
        tags[tag] = Tag(kind, tiff[at : at + size])
    return tags


def part_of(
    tags: Mapping[int, Tag],
    shape: tuple[int, int],
    blocks: NDArray[np.int64],
    *,
    overview: bool = False,
    mask: bool = False,
) -> Part:
    """An image of a shape, an overview or a mask of it, with the tags that belong there."""
    own = dict(tags)
    if overview or mask:
        kept = _OF_MASKS if mask else _OF_OVERVIEWS
        own = {tag: value for tag, value in own.items() if tag in kept}
        own[SUBFILE] = _long(_OVERVIEW * overview + _MASK * mask)
    if mask:
        own |= {BITS: _short(1), PHOTOMETRIC: _short(4), SAMPLES: _short(1)}
    own |= {LENGTH: _long(shape[0]), WIDTH: _long(shape[1])}
    for tag in (_OFFSETS, _SIZES_OF_BLOCKS):
        own.pop(tag, None)
    return Part(tags=own, blocks=blocks.reshape(-1, 2))


def write_layout(target: BinaryIO, parts: Sequence[Part], spool: BinaryIO) -> None:
    """Write the file.

    Parameters
    ----------
    target
        Where it goes, from its start.
    parts
        The image first, then what belongs to it, the larger ones first.
    spool
        Where the blocks lie.
    """
    stored = sum(int((part.blocks[:, 1] + _AROUND).sum()) for part in parts)
    headers = sum(_size_of(part, big=True) for part in parts)
    big = len(_start(0, big=True)) + headers + stored > _LARGEST_CLASSIC
    start = _start(0, big=big)
    # Headers lie one after another, then the blocks of the last part, then of the one before.
    at = len(start)
    places = []
    for part in parts:
        places.append(at)
        at += _size_of(part, big=big)
    offsets: dict[int, NDArray[np.int64]] = {}
    for number in reversed(range(len(parts))):
        ends = at + np.cumsum(parts[number].blocks[:, 1] + _AROUND)
        offsets[number] = ends - parts[number].blocks[:, 1] - _TRAILER
        at = int(ends[-1])
    target.write(_start(places[0], big=big))
    for number, part in enumerate(parts):
        following = places[number + 1] if number + 1 < len(parts) else 0
        target.write(_header(part, offsets[number], places[number], following, big=big))
    for part in reversed(parts):
        for offset, size in part.blocks.tolist():
            spool.seek(offset)
            block = spool.read(size)
            target.write(struct.pack("<I", size) + block + block[-_TRAILER:])


def _start(first: int, *, big: bool) -> bytes:
    """The file's first bytes, ended on a whole word of eight."""
    order = b"II" if struct.pack("=H", 1) == b"\1\0" else b"MM"
    # The ghost area follows the first header's place at once, or GDAL would not find it.
    size = (16 if big else 8) + len(_GHOST_AREA)
    words = struct.pack("=HHHQ", 43, 8, 0, first) if big else struct.pack("=HI", 42, first)
    return order + words + _GHOST_AREA + bytes(-size % 8)


def _with_places(part: Part, offsets: NDArray[np.int64], *, big: bool) -> dict[int, Tag]:
    kind, dtype = (_LONG8, np.uint64) if big else (_LONG, np.uint32)
    sizes = part.blocks[:, 1]
    return {
        **part.tags,
        _OFFSETS: Tag(kind, offsets.astype(dtype).tobytes()),
        _SIZES_OF_BLOCKS: Tag(_LONG, sizes.astype(np.uint32).tobytes()),
    }


def _size_of(part: Part, *, big: bool) -> int:
    return len(_header(part, part.blocks[:, 0] * 0, 0, 0, big=big))


def _header(
    part: Part, offsets: NDArray[np.int64], place: int, following: int, *, big: bool
) -> bytes:
    """A header that lies at a place, with the values that are too long for its entries after it."""
    tags = _with_places(part, offsets, big=big)
    count, entry, word = ("=Q", "=HHQ", "=Q") if big else ("=H", "=HHI", "=I")
    inline = struct.calcsize(word)
    fixed = struct.calcsize(count) + len(tags) * (struct.calcsize(entry) + inline) + inline
    at = place + fixed + -fixed % 8
    entries, beyond = [struct.pack(count, len(tags))], [bytes(-fixed % 8)]
    for number, tag in sorted(tags.items()):
        entries.append(struct.pack(entry, number, tag.kind, tag.count))
        if len(tag.values) <= inline:
            entries.append(tag.values.ljust(inline, b"\0"))
            continue
        entries.append(struct.pack(word, at))
        beyond.append(tag.values + bytes(-len(tag.values) % 8))
        at += len(beyond[-1])
    return b"".join([*entries, struct.pack(word, following), *beyond])


def _short(value: int) -> Tag:
    return Tag(_SHORT, struct.pack("=H", value))


def _long(value: int) -> Tag:
    return Tag(_LONG, struct.pack("=I", value))
