"""What would be missed: objects put into unchanged places, and how many of them are found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.blockwise import map_tiles
from imagery.errors import InputError, UsageError
from imagery.grid import Extent
from imagery.nulls import Found, look, with_after
from imagery.sampling import Pair, PairReader
from imagery.warp import crop

SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 14, 20)
"""Sides of the squares, px."""

CONTRASTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.6)
"""How much they are brighter or darker than their surroundings, as a share of these."""

USUAL = 0.3
"""The contrast for which the smallest size is told."""

LARGE_M = 5.0
"""The size in metres for which the faintest contrast is told; about a lorry's."""

COMPLETE = 0.9
BLUR = 0.6
"""Standard deviation, px, of the sensor's blur: 17 % of the contrast left at the Nyquist frequency,
as sensors for mapping have it."""

_SLOT = 32
"""Side, px, of the square that each object has for itself: the largest, and room around it."""

_EACH = 72
_FEWEST = 12
"""Objects tried of each size and contrast, and the fewest to tell anything."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Missed:
    """How many of the injected objects are found."""

    share: NDArray[np.float64]
    """Of those of ``SIZES`` (rows) and ``CONTRASTS`` (cols), made to rise with both."""

    tried: NDArray[np.int64]
    """Objects of each size and contrast."""

    pixel_size_m: float

    @property
    def smallest_m(self) -> float | None:
        """Side, m, from which nine in ten of a contrast of 30 % are found; None if of no size."""
        size = _crossing(SIZES, self.share[:, CONTRASTS.index(USUAL)])
        return None if size is None else size * self.pixel_size_m

    @property
    def faintest(self) -> float | None:
        """Contrast from which nine in ten of the largest squares are found; None if of none."""
        return _crossing(CONTRASTS, self.share[-1])

    @property
    def faintest_of_5_m(self) -> float | None:
        """The same for squares of 5 m; None as well if that is less than a pixel."""
        size = min(LARGE_M / self.pixel_size_m, SIZES[-1])
        if size < SIZES[0]:
            return None
        shares = [np.interp(math.log(size), np.log(SIZES), column) for column in self.share.T]
        return _crossing(CONTRASTS, np.array(shares))

    @property
    def numbers(self) -> dict[str, object]:
        """For the record."""
        return {
            "sizes_px": list(SIZES),
            "contrasts": list(CONTRASTS),
            "found": self.share.tolist(),
            "tried": self.tried.tolist(),
            "smallest_m": self.smallest_m,
            "faintest": self.faintest,
            "faintest_of_5_m": self.faintest_of_5_m,
        }

    @property
    def sentence(self) -> str:
        """What a reader should know, in plain words."""
        smallest, faintest = self.smallest_m, self.faintest
        largest = _metres(SIZES[-1] * self.pixel_size_m)
        often = "would be missed more often than one time in ten"
        if faintest is None:
            return (
                f"Even objects of {largest} that differ by {_percent(CONTRASTS[-1])} from what is "
                f"around them {often}."
            )
        if smallest is None:
            return (
                f"Objects that differ by less than {_percent(faintest)} from what is around them "
                f"{often}, whatever their size up to {largest}."
            )
        return (
            f"Objects smaller than {_metres(smallest)} (at {_percent(USUAL)} contrast) or fainter "
            f"than {_percent(faintest)} (at {largest}) {often}."
        )


def _metres(length: float) -> str:
    return f"{length:.2g} m" if length < 10 else f"{length:.0f} m"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def completeness(
    pair: PairReader,
    windows: Sequence[Window],
    *,
    found: Found,
    pixel_size_m: float,
    executor: Executor,
    area: Extent | None = None,
    blur: float = BLUR,
    seed: int = 0,
) -> Missed:
    """Inject squares into the later image where nothing was found, and look for them.

    A square adds its contrast times the mean brightness around it, the same share in every band:
    a grey object on a grey ground, which is harder to find than a coloured one.  The texture below
    and the noise stay.  It lies anywhere in its pixel and is blurred as the sensor blurs.  It is
    found if the decision, the one that makes the map, keeps a change on it.

    Parameters
    ----------
    pair
        The pair.
    windows
        Windows of the working grid, spread over what is to be told.
    found
        The decision.
    pixel_size_m
        Ground sample, m.
    executor
        Where windows are worked on.
    area
        Objects lie inside of it; anywhere where None.
    blur
        Standard deviation of the sensor's blur, px.
    seed
        Of the objects' places and signs.

    Raises
    ------
    UsageError
        If the blur or the pixel size makes no sense.
    InputError
        If too little is unchanged to put objects into.

    Notes
    -----
    Injection and recovery, as surveys of the sky tell their completeness (e.g. Fleming et al. 1995,
    Astronomical Journal 109, 1044).  Half of the objects are brighter, half darker.
    """
    if not (0 < pixel_size_m < math.inf and 0 < blur < math.inf):
        raise UsageError(
            "objects of this kind cannot be injected",
            found=f"blur {blur} px, pixels of {pixel_size_m} m",
            needed="both above 0",
        )
    work = partial(
        _tried,
        pair,
        found=found,
        area=area,
        # Both images pass the smoothing after the sensor.
        blur=math.hypot(blur, pair.smoothing),
        rounds=_rounds(windows),
        seed=seed,
    )
    counts = np.zeros((2, len(SIZES), len(CONTRASTS)), np.int64)
    for _, part in map_tiles(work, windows, executor=executor):
        counts += part
    hit, tried = counts
    if tried.min() < _FEWEST:
        raise InputError(
            f"{pair.before.name} and {pair.after.name} show too few unchanged places to tell what "
            "would be missed",
            found=f"{int(tried.sum())} squares of {_SLOT} px that are seen and unchanged",
            needed=f"{_FEWEST} for each of {tried.size} kinds of objects",
        )
    return Missed(share=_rising(hit / tried), tried=tried, pixel_size_m=pixel_size_m)


def _rounds(windows: Sequence[Window]) -> int:
    """How often objects are put into each window, so that there are enough of each kind."""
    slots = sum((w.height // _SLOT) * (w.width // _SLOT) for w in windows)
    return -(-_EACH * len(SIZES) * len(CONTRASTS) // max(slots, 1))


def _tried(
    pair: PairReader,
    window: Window,
    *,
    found: Found,
    area: Extent | None,
    blur: float,
    rounds: int,
    seed: int,
) -> NDArray[np.int64]:
    """Objects found and tried in one window; shape (2, sizes, contrasts)."""
    seen = look(pair, window)
    rows, cols = (length // _SLOT for length in window.shape)
    own = tuple(slice(pair.halo, pair.halo + _SLOT * count) for count in (rows, cols))
    quiet = seen.seen & (found(seen) == 0)
    if area is not None:
        quiet &= area.mask(crop(pair.grid, window.padded(pair.halo)))
    free = np.asarray(_slots(quiet[own]).all(axis=(2, 3)))
    counts = np.zeros((2, len(SIZES), len(CONTRASTS)), np.int64)
    if not free.any():
        return counts
    for number in range(min(rounds, _EACH)):
        rng = np.random.default_rng([seed, number, window.top % 2**32, window.left % 2**32])
        size, contrast = _kinds(int(free.sum()), rng)
        cover = _covers(np.array(SIZES, float)[size], blur, rng)
        sign = rng.choice([-1.0, 1.0], len(size))
        added = (sign * np.array(CONTRASTS)[contrast])[:, None, None] * cover
        kept = found(_with_objects(seen, own, free, added)) != 0
        core = cover >= 0.5 * cover.max(axis=(1, 2), keepdims=True)
        hit = (_slots(kept[own])[free] & core).any(axis=(1, 2))
        np.add.at(counts[0], (size[hit], contrast[hit]), 1)
        np.add.at(counts[1], (size, contrast), 1)
    return counts


def _kinds(count: int, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Numbers of size and contrast of objects, all pairs of them equally often, in any order."""
    kinds = len(SIZES) * len(CONTRASTS)
    size, contrast = np.divmod(
        (rng.integers(kinds) + rng.permutation(count)) % kinds, len(CONTRASTS)
    )
    return size, contrast


def _slots(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """An image as slots: shape (slot rows, slot cols, row, col)."""
    rows, cols = (length // _SLOT for length in image.shape)
    return image.reshape(rows, _SLOT, cols, _SLOT).swapaxes(1, 2)


def _covers(
    sides: NDArray[np.float64], blur: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """How much of each pixel a blurred square covers, each around the middle of its slot.

    Shape (objects, row, col).  Exact: a square, a pixel and a Gaussian all part by axes.
    """
    middle = (_SLOT - 1) / 2 + rng.uniform(-0.5, 0.5, (2, len(sides), 1))
    pixel = np.arange(_SLOT)
    first, last = middle - sides[:, None] / 2, middle + sides[:, None] / 2
    down, right = _edge(pixel - first, blur) - _edge(pixel - last, blur)
    return np.asarray(down[:, :, None] * right[:, None, :])


def _edge(distance: NDArray[np.float64], blur: float) -> NDArray[np.float64]:
    """Value of a pixel whose middle lies so far, px, beyond a step from 0 to 1 that is blurred."""
    from scipy.special import ndtr

    def integral(t: NDArray[np.float64]) -> NDArray[np.float64]:
        z = t / blur
        bell = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        return np.asarray(t * ndtr(z) + blur * bell)

    return integral(distance + 0.5) - integral(distance - 0.5)


def _with_objects(
    seen: Pair,
    own: tuple[slice, ...],
    free: NDArray[np.bool_],
    added: NDArray[np.float64],
) -> Pair:
    """A later image with objects, as shares of the brightness around each, in the free slots."""
    after = seen.after.copy()
    for band in after:
        slots = band[own].reshape(free.shape[0], _SLOT, free.shape[1], _SLOT).swapaxes(1, 2)
        around = np.abs(slots[free].mean(axis=(1, 2), keepdims=True))
        slots[free] += (around * added).astype(np.float32)
        band[own] = slots.swapaxes(1, 2).reshape(band[own].shape)
    return with_after(seen, after)


def _rising(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """A table that rises along both axes: midway between the closest such ones above and below."""
    above = np.maximum.accumulate(np.maximum.accumulate(share, axis=0), axis=1)
    flipped = share[::-1, ::-1]
    below = np.minimum.accumulate(np.minimum.accumulate(flipped, axis=0), axis=1)[::-1, ::-1]
    return np.asarray((above + below) / 2)


def _crossing(at: Sequence[float], share: NDArray[np.float64]) -> float | None:
    """Where a rising share reaches nine in ten, between steps by their logarithm."""
    enough = np.flatnonzero(share >= COMPLETE)
    if not len(enough):
        return None
    k = int(enough[0])
    if k == 0:
        return float(at[0])
    part = (COMPLETE - share[k - 1]) / (share[k] - share[k - 1])
    return float(at[k - 1] * (at[k] / at[k - 1]) ** part)
