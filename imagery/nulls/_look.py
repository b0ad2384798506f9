"""Both images over a window, as a decision sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.sampling import Pair, PairReader, gradients, read_pair

Found = Callable[[Pair], NDArray[Any]]
"""The decision on a window of both images: not zero where a change is kept, of shape (row, col)."""


def look(pair: PairReader, window: Window) -> Pair:
    """Both images over a window with the reader's halo around it."""
    return read_pair(pair, window.padded(pair.halo))


def with_after(pair: Pair, after: NDArray[np.float32]) -> Pair:
    """The same with another later image, of shape (band, row, col)."""
    return replace(pair, after=after, spill=gradients(after, pair.seen) * pair.error)
