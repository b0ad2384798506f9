"""What of an area was observed, and why the rest was not: the bits of ``valid.tif``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from imagery.blocks import Window
from imagery.errors import InputError
from imagery.grid import Extent, Plan
from imagery.masks import CLOUD, SATURATED, SHADOW, USER, WORDS
from imagery.raster import Raster
from imagery.read import reasons_on
from imagery.sampling import PairReader
from imagery.scene import Outline, Role, Scene
from imagery.warp import crop

NOT_BEFORE, NOT_AFTER, UNALIGNED, CLOUD_BEFORE, CLOUD_AFTER, BLINDED, LEFT_OUT = (
    1 << bit for bit in range(7)
)

VALID_BITS: Mapping[int, str] = {
    NOT_BEFORE: "not seen in the earlier image",
    NOT_AFTER: "not seen in the later image",
    UNALIGNED: "not aligned well enough",
    CLOUD_BEFORE: "cloud or its shadow in the earlier image",
    CLOUD_AFTER: "cloud or its shadow in the later image",
    BLINDED: "saturated in both images",
    LEFT_OUT: "left out by the user",
}
"""Why a pixel was not observed; several may hold.  0 is a pixel that was."""

_ROLES: Mapping[Role, tuple[int, int]] = {
    "before": (NOT_BEFORE, CLOUD_BEFORE),
    "after": (NOT_AFTER, CLOUD_AFTER),
}

_REACH = 2
"""How many pixels around a masked one the resampling makes invalid too."""

_FULL = 1e-4
"""How far below saturation, of its value, a resampled pixel still counts as saturated."""


@dataclass(frozen=True, kw_only=True)
class Observed:
    """How much of the area both images show, in px of the working grid."""

    pixels: int
    seen: int
    by_reason: dict[str, float]
    """Share of the area for each reason why it was not seen; shares overlap where two hold."""

    masked: dict[Role, dict[str, float]] = field(default_factory=dict)
    """Share of the area that each image's masks call cloud, cloud shadow, snow and so on."""

    @property
    def share(self) -> float:
        return self.seen / self.pixels if self.pixels else 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Codes:
    """Why pixels of a window were not observed."""

    valid: NDArray[np.uint8]
    """Bits of ``VALID_BITS``, 0 where observed, of shape (row, col)."""

    masked: dict[Role, NDArray[np.uint8]]
    """What the masks of each scene say, bits of ``imagery.masks``."""

    def cut(self, rows: slice, cols: slice) -> Codes:
        """A part of the window."""
        masked = {role: reasons[rows, cols] for role, reasons in self.masked.items()}
        return Codes(valid=self.valid[rows, cols], masked=masked)


class Tally:
    """Counts codes over the area, tile by tile."""

    def __init__(self) -> None:
        self._valid = np.zeros(256, np.int64)
        self._masked: dict[Role, NDArray[np.int64]] = {}

    def add(self, codes: Codes, inside: NDArray[np.bool_]) -> None:
        # Most tiles lie inside, and need no copy of what does.
        within = slice(None) if inside.all() else inside
        self._valid += _counted(codes.valid[within])
        for role, reasons in codes.masked.items():
            counts = self._masked.setdefault(role, np.zeros(256, np.int64))
            counts += _counted(reasons[within])

    def observed(self, plan: Plan, area: Extent | None) -> Observed:
        """The shares, of the whole area also where part of it lies beyond the images' overlap."""
        total = looked_at = int(self._valid.sum())
        reasons = {why: _with(self._valid, bit) for bit, why in VALID_BITS.items()}
        if area is not None and not plan.display.contains(plan.result):
            total = max(looked_at, round(area.area_m2 / plan.pixel_size_m**2))
            reasons["outside the images' overlap"] = total - looked_at
        masked = {
            role: {word: _with(counts, bit) / total for bit, word in WORDS.items()}
            for role, counts in self._masked.items()
        }
        return Observed(
            pixels=total,
            seen=int(self._valid[0]),
            by_reason={why: n / total for why, n in reasons.items() if n},
            masked={
                role: {word: share for word, share in shares.items() if share}
                for role, shares in masked.items()
            },
        )


def _counted(codes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """How often each code comes."""
    if codes.any():
        return np.bincount(codes.ravel(), minlength=256)
    none = np.zeros(256, np.int64)
    none[0] = codes.size
    return none


def _with(counts: NDArray[np.int64], bit: int) -> int:
    return int(counts[(np.arange(256) & bit) != 0].sum())


def codes_of(
    pair: PairReader,
    window: Window,
    before: Raster,
    after: Raster,
    errors: NDArray[np.float32],
    *,
    ignored: Outline | None,
) -> Codes:
    """Why pixels of a window were not observed.

    Parameters
    ----------
    pair
        Where the scenes lie on the grid, and which misplacement is too large.
    window
        A window of the working grid.
    before, after
        Both scenes over it, aligned.
    errors
        Standard error of the alignment over it, px.
    ignored
        What the user wants to be left out.
    """
    valid = np.zeros(window.shape, np.uint8)
    masked: dict[Role, NDArray[np.uint8]] = {}
    blind = np.ones(window.shape, bool)
    for scene, raster, bands in (
        (pair.before, before, pair.before_bands),
        (pair.after, after, pair.after_bands),
    ):
        shift = pair.shift if scene.role == pair.moving else None
        reasons = reasons_on(scene.masks, pair.grid, window, shift)
        valid |= _unseen(scene.role, ~raster.valid, reasons)
        blind &= saturated(scene, bands, raster.data) | ((reasons & SATURATED) != 0)
        if scene.masks:
            masked[scene.role] = reasons
    valid[(valid == 0) & blind] = BLINDED
    if ignored is not None:
        valid[ignored.mask(crop(pair.grid, window))] |= LEFT_OUT
    valid[(valid == 0) & (errors > pair.largest_error)] = UNALIGNED
    return Codes(valid=valid, masked=masked)


def _unseen(role: Role, unseen: NDArray[np.bool_], reasons: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bits of what one scene doesn't show: what a mask says, else that it isn't seen."""
    absent, cloudy = _ROLES[role]
    bits = np.zeros(unseen.shape, np.uint8)
    if not unseen.any():
        return bits
    for reason, bit in ((CLOUD | SHADOW, cloudy), (USER, LEFT_OUT)):
        marked = (reasons & reason) != 0
        if marked.any():
            around = ndimage.binary_dilation(marked, np.ones((3, 3)), iterations=_REACH)
            bits[unseen & around] |= bit
    bits[unseen & (bits == 0)] = absent
    return bits


def saturated(scene: Scene, bands: tuple[int, ...], data: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where all bands are at the end of the file's range, which no nodata value takes."""
    dtype = np.dtype(scene.dtype)
    if dtype.kind not in "iu" or scene.nodata == np.iinfo(dtype).max:
        return np.zeros(data.shape[1:], bool)
    known = {band.index: band for band in scene.bands}
    full = np.ones(data.shape[1:], bool)
    for values, index in zip(data, bands, strict=True):
        band = known[index]
        reach = np.iinfo(dtype).max * band.scale * (1 - _FULL) + band.offset
        full &= values >= reach if band.scale > 0 else values <= reach
        if not full.any():  # as almost everywhere
            break
    return full


def check_coverage(observed: Observed, pair: PairReader, *, least: float) -> None:
    """Refuse to compare where too little of the area was observed."""
    if observed.share >= least and observed.seen:
        return
    why = ", ".join(f"{share:.1%} {reason}" for reason, share in observed.by_reason.items())
    raise InputError(
        f"too little of the area is seen in both {pair.before.name} and {pair.after.name}",
        found=f"{observed.share:.1%} seen" + (f" ({why})" if why else ""),
        needed=f"at least {least:.0%}",
        option="--min-coverage",
    )
