"""The blocks of a raster and of its overviews, compressed as soon as each is whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.write._halve import Overviews, halved

BLOCK = 256
"""Side of a block, px: a whole compute tile makes four, and one of the first overview."""

COMPRESSION_LEVEL = 1


@dataclass(kw_only=True, eq=False)
class Image:
    """The raster, or one of its overviews: where the compressed blocks of it lie."""

    shape: tuple[int, int]
    """(rows, cols)."""

    blocks: NDArray[np.int64] = field(init=False)
    """Offset and size in the spool, of shape (block row, block col, 2)."""

    masks: NDArray[np.int64] = field(init=False)
    """The same of its mask, where there is one."""

    waiting: dict[tuple[int, int], _Waiting] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rows, cols = (-(-side // BLOCK) for side in self.shape)
        self.blocks, self.masks = (np.zeros((rows, cols, 2), np.int64) for _ in range(2))

    def window(self, row: int, col: int) -> Window:
        """The pixels of a block, fewer at the last row and column."""
        place = Window(row * BLOCK, col * BLOCK, (row + 1) * BLOCK, (col + 1) * BLOCK)
        return place.clipped(Window(0, 0, *self.shape))


@dataclass(kw_only=True, eq=False)
class _Waiting:
    """A block of which only a part was written so far."""

    data: NDArray[Any]
    valid: NDArray[np.bool_]
    written: int = 0
    """Pixels."""


class Blocks:
    """Takes windows and keeps compressed blocks, of the raster and of every overview.

    What is held is what blocks wait for: with windows in row-major order, a row of blocks.
    """

    def __init__(
        self,
        spool: BinaryIO,
        *,
        shape: tuple[int, int],
        count: int,
        dtype: str,
        nodata: float | None,
        overviews: Overviews,
        alpha: bool,
        mask: bool,
    ) -> None:
        """Prepare for a raster.

        Parameters
        ----------
        spool
            Takes the compressed blocks, one after another, from where it stands.
        shape, count, dtype
            Of the raster.
        nodata
            What marks missing values; what is never written becomes it, or 0 where it is None.
        overviews
            What stands for four pixels.
        alpha
            Whether the last band tells which pixels are seen.
        mask
            Whether windows come with a mask.
        """
        import pyarrow

        self.mask = mask
        self.images = [Image(shape=shape)]
        while max(self.images[-1].shape) > BLOCK:
            rows, cols = self.images[-1].shape
            self.images.append(Image(shape=(-(-rows // 2), -(-cols // 2))))
        self._spool, self._end = spool, 0
        self._count, self._dtype, self._nodata = count, np.dtype(dtype), nodata
        self._overviews, self._alpha = overviews, alpha
        self._lowest = nodata is not None and (
            np.isnan(nodata) or (self._dtype.kind in "iu" and nodata == np.iinfo(dtype).min)
        )
        """Whether a missing value is below all others, or no number."""

        self._codec = pyarrow.Codec("zstd", compression_level=COMPRESSION_LEVEL)

    @property
    def predictor(self) -> int:
        """TIFF's code of what is stored of a value: 2, its difference to the left, or 1, itself.

        Differences make images a tenth smaller in no more time.  They do nothing for ids; for
        floats they would, in three times the time, and by 7 % for scores.
        """
        return 2 if self._dtype.kind in "iu" and self._dtype.itemsize <= 2 else 1

    def put(self, window: Window, data: NDArray[Any], valid: NDArray[np.bool_] | None) -> None:
        """Take a window inside the raster, each pixel once.

        Raises
        ------
        OSError
            If the spool can't be written to.
        ValueError
            If a block is whole already.
        """
        self._put(0, window, data, valid)

    def finish(self) -> None:
        """Take it that no more windows come."""
        for level, image in enumerate(self.images):
            for row, col in np.argwhere(image.blocks[..., 1] == 0).tolist():
                waiting = image.waiting.pop((row, col), None) or self._empty(image.window(row, col))
                self._keep(level, (row, col), waiting.data, waiting.valid)

    def _put(
        self, level: int, window: Window, data: NDArray[Any], valid: NDArray[np.bool_] | None
    ) -> None:
        image = self.images[level]
        for row in range(window.top // BLOCK, -(-window.bottom // BLOCK)):
            for col in range(window.left // BLOCK, -(-window.right // BLOCK)):
                if image.blocks[row, col, 1]:
                    raise ValueError(f"{window} was written before, in whole or in part")
                whole = image.window(row, col)
                here = whole.clipped(window)
                part = here.within(window)
                values = data[(slice(None), *part)]
                seen = None if valid is None else valid[part]
                if here == whole:
                    self._keep(level, (row, col), values, seen)
                    continue
                waiting = image.waiting.get((row, col)) or self._empty(whole)
                image.waiting[row, col] = waiting
                place = here.within(whole)
                waiting.data[(slice(None), *place)] = values
                waiting.valid[place] = True if seen is None else seen
                waiting.written += here.height * here.width
                if waiting.written >= whole.height * whole.width:
                    del image.waiting[row, col]
                    self._keep(level, (row, col), waiting.data, waiting.valid)

    def _empty(self, window: Window) -> _Waiting:
        return _Waiting(
            data=np.full((self._count, *window.shape), self._nodata or 0, self._dtype),
            valid=np.zeros(window.shape, bool),
        )

    def _keep(
        self,
        level: int,
        place: tuple[int, int],
        data: NDArray[Any],
        valid: NDArray[np.bool_] | None,
    ) -> None:
        """Compress a whole block, and hand what an overview shows of it to that."""
        image = self.images[level]
        image.blocks[place] = self._spooled(self._encoded(data))
        if self.mask:
            seen = np.ones(data.shape[1:], bool) if valid is None else valid
            image.masks[place] = self._spooled(np.packbits(_filled(seen), axis=1))
        else:
            seen = None
        if level + 1 == len(self.images):
            return
        small = halved(
            data,
            self._usable(data, seen),
            how=self._overviews,
            missing=self._nodata or 0,
        )
        top, left = (BLOCK // 2 * index for index in place)
        window = Window(top, left, top + small.shape[1], left + small.shape[2])
        some = None if seen is None else halved(seen[None], None, how="highest", missing=0)[0]
        self._put(level + 1, window, small, some)

    def _usable(
        self, data: NDArray[Any], seen: NDArray[np.bool_] | None
    ) -> NDArray[np.bool_] | None:
        """Which values count for an overview, of the data's shape; all of them where None."""
        if seen is not None:
            return np.broadcast_to(seen, data.shape)
        if self._alpha:
            usable = np.broadcast_to(data[-1] > 0, data.shape).copy()
            usable[-1] = True
            return usable
        if self._nodata is None or (self._overviews == "highest" and self._lowest):
            return None
        if np.isnan(self._nodata):
            return np.asarray(~np.isnan(data))
        return np.asarray(data != self._dtype.type(self._nodata))

    def _encoded(self, data: NDArray[Any]) -> NDArray[Any]:
        """The block as a TIFF holds it: by pixel, and within rows by difference."""
        values = np.ascontiguousarray(_filled(data.transpose(1, 2, 0)))
        if self.predictor == 1:
            return values
        # Unsigned, differences wrap around, as they are meant to.
        values = values.view(f"u{values.itemsize}")
        stored = values.copy()
        stored[:, 1:] -= values[:, :-1]
        return stored

    def _spooled(self, block: NDArray[Any]) -> tuple[int, int]:
        packed = self._codec.compress(block, asbytes=True)
        self._spool.write(packed)
        start, self._end = self._end, self._end + len(packed)
        return start, len(packed)


def _filled(values: NDArray[Any]) -> NDArray[Any]:
    """A block of the last row or column with zeros in place of what lies beyond the raster."""
    rows, cols = values.shape[:2]
    if (rows, cols) == (BLOCK, BLOCK):
        return values
    whole = np.zeros((BLOCK, BLOCK, *values.shape[2:]), values.dtype)
    whole[:rows, :cols] = values
    return whole
