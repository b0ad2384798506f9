"""Decoded blocks of files, shared by all threads, so that each is decoded once while it is needed.

GDAL keeps blocks for each open file, and a file is opened by each thread: with its cache alone, two
threads decode everything that lies between them twice, and every tile's surroundings again.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.generic]


class BlockCache:
    """The blocks that were asked for last, up to a number of bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        """Bytes that blocks may take; what is larger than an eighth of it is better not kept."""

        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, Future[Block]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, decode: Callable[[], Block]) -> Block:
        """The block of this key, by ``decode`` if it isn't kept; not to be written into.

        Who asks for a block that another thread is decoding waits for it.

        Raises
        ------
        Exception
            What ``decode`` raises; nothing is kept then.
        """
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            else:
                made = self._kept[key] = Future[Any]()
        if found is not None:
            return found.result()
        try:
            block = decode()
        except BaseException as error:
            with self._lock:
                if self._kept.get(key) is made:
                    del self._kept[key]
            made.set_exception(error)
            raise
        block.flags.writeable = False
        made.set_result(block)
        self._count(key, made)
        return block

    def clear(self) -> None:
        """Forget all blocks."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0

    def _count(self, key: Hashable, made: Future[Block]) -> None:
        with self._lock:
            if self._kept.get(key) is not made:  # cleared in the meantime
                return
            self._bytes += made.result().nbytes
            for oldest in list(self._kept):
                if self._bytes <= self.limit:
                    return
                if self._kept[oldest].done():
                    self._bytes -= self._kept.pop(oldest).result().nbytes


BLOCKS = BlockCache(64 * 2**20)
"""Of this process; the raster environment sets its limit and clears it."""
