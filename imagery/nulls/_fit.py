"""The residual of a pair in unchanged places, gathered once for all realisations."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery import outline
from imagery.blocks import Window
from imagery.blockwise import map_tiles
from imagery.difference import Noise
from imagery.errors import InputError
from imagery.normalise import Radiometry
from imagery.nulls._look import Found, look
from imagery.nulls._noise import SIDE, Residuals, turned
from imagery.nulls._spilled import in_expected, whitened
from imagery.nulls._strata import measured, stratum
from imagery.sampling import Pair, PairReader

_MOST, _LEAST = 384, 16
"""Blocks kept at the most; and at the least, even where some of their pixels changed."""

_RIM = outline.HALO + 1
"""Pixels around a change that its blur may reach."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Blocks:
    """Blocks of one window; those with values are the least changed."""

    values: NDArray[np.float32]
    texture: NDArray[np.float64]
    brightness: NDArray[np.float64]
    changed: NDArray[np.float64]
    all_texture: NDArray[np.float64]
    all_brightness: NDArray[np.float64]
    """Of every block that is seen whole, changed or not."""


def fit_residuals(
    pair: PairReader,
    windows: Sequence[Window],
    *,
    radiometry: Radiometry,
    noise: Noise,
    found: Found,
    executor: Executor,
) -> Residuals:
    """Gather blocks of the pair's residual from places where nothing was found.

    A block's residual is the later scene, in the earlier one's radiometry, less the earlier one, in
    units of what is expected at each pixel of noise and of misalignment together.  If both are as
    expected, that is noise alone, of one size on an edge and on a lawn; the null then adds a
    misalignment of its own.

    Parameters
    ----------
    pair
        The real pair.
    windows
        Windows of the working grid, spread over what is to be told.
    radiometry, noise
        What the measure was fitted with.
    found
        The decision whose changes are left out, with the pixels around them.
    executor
        Where windows are worked on.

    Raises
    ------
    InputError
        If no block is seen whole in both scenes.
    """
    limit = max(8, 2 * _MOST // max(len(windows), 1))
    work = partial(_blocks, pair, radiometry=radiometry, noise=noise, found=found, limit=limit)
    parts = [part for _, part in map_tiles(work, windows, executor=executor)]

    def joined(name: str) -> NDArray[np.float64]:
        return np.concatenate([getattr(part, name) for part in parts]) if parts else np.zeros(0)

    changed = joined("changed")
    if not len(changed):
        raise InputError(
            f"{pair.before.name} and {pair.after.name} show no place to learn their noise from",
            found=f"no square of {SIDE} px that is seen whole in both",
            needed="at least one",
        )
    best = np.argsort(changed, kind="stable")
    best = best[: max(_LEAST, int((changed == 0).sum()))]
    # Evenly over the windows, if there are more than enough.
    best = np.sort(best)[
        np.unique(np.linspace(0, len(best) - 1, min(_MOST, len(best))).round().astype(int))
    ]
    thirds = [1 / 3, 2 / 3]
    ends = (
        np.quantile(joined("all_texture"), thirds),
        np.quantile(joined("all_brightness"), thirds),
    )
    values = np.concatenate([part.values for part in parts])[best]
    return Residuals.of(
        values,
        stratum(joined("texture")[best], joined("brightness")[best], ends=ends),
        ends=ends,
        changed=float(changed[best].max()),
    )


def _blocks(
    pair: PairReader,
    window: Window,
    *,
    radiometry: Radiometry,
    noise: Noise,
    found: Found,
    limit: int,
) -> _Blocks:
    """The window's blocks, the ``limit`` least changed of them with their values."""
    seen_here = look(pair, window)
    changed = found(seen_here) != 0
    changed = ndimage.binary_dilation(changed, np.ones((3, 3), bool), iterations=_RIM)
    own = (
        slice(pair.halo, pair.halo + window.height // SIDE * SIDE),
        slice(pair.halo, pair.halo + window.width // SIDE * SIDE),
    )
    before, seen = seen_here.before[(slice(None), *own)], seen_here.seen[own]
    scale = np.sqrt(np.diag(noise.covariance))
    texture, brightness = (a.ravel() for a in measured(before, seen, scale=scale, side=SIDE))
    share = _by_square(changed[own]).mean(axis=1)
    whole = np.flatnonzero(_by_square(seen).all(axis=1))
    order = whole[np.argsort(share[whole], kind="stable")][:limit]
    bands, across = len(before), window.width // SIDE
    values = np.zeros((len(order), bands, SIDE, SIDE), np.float32)
    for value, number in zip(values, order, strict=True):
        top, left = (pair.halo + SIDE * n for n in divmod(int(number), across))
        place = slice(top, top + SIDE), slice(left, left + SIDE)
        value[...] = _mended(_residual(seen_here, place, radiometry, noise), changed[place])
    return _Blocks(
        values=values,
        texture=texture[order],
        brightness=brightness[order],
        changed=share[order],
        all_texture=texture[whole],
        all_brightness=brightness[whole],
    )


def _by_square(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels by square, shape (squares, pixels)."""
    rows, cols = (length // SIDE for length in mask.shape)
    squares = mask.reshape(rows, SIDE, cols, SIDE).swapaxes(1, 2)
    return squares.reshape(rows * cols, SIDE * SIDE)


def _residual(
    seen: Pair, place: tuple[slice, slice], radiometry: Radiometry, noise: Noise
) -> NDArray[np.float32]:
    at = (slice(None), *place)
    mapped, slope = radiometry.apply_with_slope(seen.after[at])
    mean = noise.mean.astype(np.float32)[:, None, None]
    difference = whitened(mapped - seen.before[at] - mean, noise)
    spill = whitened(seen.spill[(slice(None), *at)] * slope, noise)
    return in_expected(difference, spill)


def _mended(block: NDArray[np.float32], changed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A block whose changed pixels are taken from its other sides, which are noise of one size."""
    if not changed.any():
        return block
    mended, left = block.copy(), changed.copy()
    for way in range(1, 8):
        take = left & ~turned(changed, way)
        mended[:, take] = turned(block, way)[:, take]
        left &= ~take
    mended[:, left] = 0
    return mended
