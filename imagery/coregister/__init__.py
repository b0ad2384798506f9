"""Co-registration: measure the shift of one scene against the other, fit it, judge it, enforce it.

Coarse to fine: a whole-image shift on a reduced image, an affine move from windows, then a smooth
local field.  A fifth of the windows, in spatial blocks, is held out before anything is fitted; the
residual is measured on them after the warp, and decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.bands import BandPairs
from imagery.blocks import Window, tiles_over
from imagery.blockwise import map_tiles
from imagery.coregister._coarse import coarse_shift
from imagery.coregister._field import (
    FittedField,
    Ties,
    agrees_with_neighbours,
    consensus,
    fit_field,
)
from imagery.coregister._match import Matches, match_windows
from imagery.errors import AlignmentError
from imagery.grid import Plan
from imagery.options import CoregisterOptions
from imagery.record import Caution, StepRecord
from imagery.scene import Role, Scene
from imagery.shift import Shift
from imagery.warp import crop, warp_window

__all__ = ["Alignment", "Residual", "coregister"]

Verdict = Literal["trusted", "usable", "not measured"]

_COARSE_SIDE = 1024
_MAX_TILES = 144
"""Tiles measured at the most: a smooth field needs no more, however large the scene."""

_WINDOWS = 2500
"""Windows measured, about, where the area is large enough for them."""

_MIN_TIES = 8
"""Held-out ties below which a residual is not a measurement."""

_MIN_SUPPORT = 0.10
"""Share of textured windows that must agree with one move; unrelated scenes reach 1 to 3 %."""

_DECOY_QUANTILE = 0.99
"""A tie must cohere better than this share of windows matched with another place's."""

_TOLERANCE = 3.0
"""Farther than this from the field, in px, a window shows something that moved, not the ground."""

_MIN_AGREEING = 0.5
"""Share of the held-out windows that match at all which must agree with the field."""


@dataclass(frozen=True, kw_only=True)
class Residual:
    """What is left of the misalignment, from held-out ties, in px of the working grid."""

    ce90: float
    """90th percentile of the radial error."""

    median: float
    rmse: float
    nmad: float
    """1.4826 times the median absolute deviation, mean of both axes."""

    ties: int
    agreeing: float
    """Share of the held-out windows that match at all whose match lies within 3 px of the field;
    the others show change, and are not counted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Alignment:
    """The result of the co-registration."""

    shift: Shift
    moving: Role
    verdict: Verdict
    residual: Residual | None
    """After the warp; None where it could not be measured."""

    initial: Residual | None
    """Before: the geolocation error between the two scenes as they came."""

    ties: int
    model: str
    record: StepRecord


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pair:
    """What the matching of any window needs; small, and fit to travel to a worker."""

    still: Scene
    moving: Scene
    still_bands: tuple[int, ...]
    moving_bands: tuple[int, ...]
    still_weights: NDArray[np.float64]
    moving_weights: NDArray[np.float64]
    grid: GeoBox
    area: Window
    size: int
    """Side of a window in px."""

    @property
    def step(self) -> int:
        """Distance between windows: half a window, or as much as some thousands of them need."""
        rows, cols = self.area.shape
        wanted = (rows * cols / _WINDOWS) ** 0.5
        return int(min(max(self.size // 2, wanted // 8 * 8), 2 * self.size))

    @property
    def block(self) -> int:
        """Side in px of the blocks in which windows are held out."""
        longest = max(self.area.shape)
        return max(2 * self.size, -(-longest // 12))


def coregister(
    plan: Plan,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    *,
    options: CoregisterOptions,
    executor: Executor,
) -> Alignment:
    """Measure, fit, judge and enforce the alignment of the moving scene.

    Parameters
    ----------
    plan
        The working grid and the window over which to estimate.
    scenes
        Both scenes.
    bands
        The bands that both have.
    options
        The limits of the verdict.
    executor
        Where tiles are matched.

    Raises
    ------
    AlignmentError
        If the windows agree on no move, or the residual on held-out ties exceeds the limit.

    Notes
    -----
    Too few windows with texture to judge (snow, sea, a tiny clip) is "not measured": nothing is
    moved, nothing is claimed, and the caller is warned.
    """
    pair = _prepare(plan, scenes, bands)
    guess, support, judges = _first_guess(pair)
    if judges >= _MIN_TIES and support < _MIN_SUPPORT:
        raise _no_consensus(scenes, support, judges)
    prior = guess
    for search, tolerance in ((pair.size // 4, _TOLERANCE), (pair.size // 16, _TOLERANCE / 2)):
        found = _measure(pair, prior, search=search, held_out=False, executor=executor)
        if found.textured < _MIN_TIES:
            return _not_measured(plan, options, found.textured)
        ties = _accepted(found.ties, prior, tolerance=tolerance)
        if len(ties) < max(_MIN_TIES, _MIN_SUPPORT * found.textured):
            raise _no_consensus(scenes, len(ties) / found.textured, found.textured)
        field = fit_field(ties, shape=_corners(pair.area))
        prior = field.shift
    field = _refined(pair, field, executor=executor)
    return _judged(plan, pair, scenes, field, options=options, executor=executor)


def _refined(pair: _Pair, field: FittedField, *, executor: Executor) -> FittedField:
    """The field fitted anew on windows half as large, more of which hold nothing but ground."""
    small = replace(pair, size=pair.size // 2)
    found = _measure(small, field.shift, search=2, held_out=False, executor=executor)
    ties = _accepted(found.ties, field.shift, tolerance=_TOLERANCE / 6)
    if len(ties) < field.ties:
        return field
    return fit_field(ties, shape=_corners(pair.area))


def _corners(area: Window) -> tuple[float, float, float, float]:
    return float(area.top), float(area.left), float(area.bottom), float(area.right)


def _prepare(plan: Plan, scenes: dict[Role, Scene], bands: BandPairs) -> _Pair:
    index = {"before": bands.before, "after": bands.after}
    still, moving = plan.still, plan.moving
    shortest = min(plan.estimation.shape)
    return _Pair(
        still=scenes[still],
        moving=scenes[moving],
        still_bands=tuple(index[still]),
        moving_bands=tuple(index[moving]),
        still_weights=_band_weights(plan, scenes[still], index[still]),
        moving_weights=_band_weights(plan, scenes[moving], index[moving]),
        grid=plan.geobox,
        area=plan.estimation,
        size=64 if shortest >= 192 else 32,
    )


def _coarse_grid(grid: GeoBox, area: Window) -> tuple[GeoBox, Window, int]:
    """A reduced grid over the area, the window on it, and how many times it is reduced."""
    factor = max(1, -(-max(area.shape) // _COARSE_SIDE))
    cropped = crop(grid, area)
    shape = max(1, area.height // factor), max(1, area.width // factor)
    coarse = GeoBox(shape, cropped.affine * Affine.scale(factor), grid.crs)
    return coarse, Window(0, 0, *shape), factor


def _band_weights(plan: Plan, scene: Scene, bands: Iterable[int]) -> NDArray[np.float64]:
    """Weights, shape (1, bands), that make of the bands one image in which all have equal say."""
    bands = tuple(bands)
    coarse, window, _ = _coarse_grid(plan.geobox, plan.estimation)
    small = warp_window(scene, coarse, window, bands=bands)
    if not small.valid.any():
        return np.ones((1, len(bands))) / len(bands)
    values = small.data[:, small.valid]
    low, high = np.percentile(values, [5, 95], axis=1)
    spread = np.where(high > low, high - low, np.inf)
    if not np.isfinite(spread).any():
        return np.ones((1, len(bands))) / len(bands)
    return np.asarray((1 / spread / len(bands))[None])


def _first_guess(pair: _Pair) -> tuple[Shift, float, int]:
    coarse, window, factor = _coarse_grid(pair.grid, pair.area)
    still = warp_window(
        pair.still, coarse, window, bands=pair.still_bands, weights=pair.still_weights
    )
    moving = warp_window(
        pair.moving, coarse, window, bands=pair.moving_bands, weights=pair.moving_weights
    )
    if not (still.valid.any() and moving.valid.any()) or min(window.shape) < 48:
        return Shift.constant(0.0, 0.0), 0.0, 0
    found = coarse_shift(still.data[0], moving.data[0], (still.valid, moving.valid))
    rows, cols = found.shift
    return Shift.constant(float(rows * factor), float(cols * factor)), found.support, found.windows


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """Windows measured over the area."""

    ties: Ties
    """Those that cohere better than windows of unrelated ground."""

    textured: int
    """Windows with structure in both scenes."""


def _measure(
    pair: _Pair, prior: Shift, *, search: int, held_out: bool, executor: Executor
) -> _Found:
    """Match the windows over the area, the held-out ones or the others."""
    tiles = _spread_out(list(tiles_over(pair.area)))
    match = partial(_match_tile, pair, prior, search=search, held_out=held_out)
    parts = [part for _, part in map_tiles(match, tiles, executor=executor)]
    ties = Ties.joined([part[0] for part in parts])
    decoys = np.concatenate([part[1] for part in parts])
    floor = float(np.quantile(decoys, _DECOY_QUANTILE)) if len(decoys) else 1.0
    return _Found(ties=ties.where(ties.coherence > floor), textured=len(ties))


def _spread_out(tiles: list[Window]) -> list[Window]:
    """At most so many tiles as are needed, evenly over the list."""
    if len(tiles) <= _MAX_TILES:
        return tiles
    chosen = np.unique(np.linspace(0, len(tiles) - 1, _MAX_TILES).round().astype(int))
    return [tiles[i] for i in chosen]


def _match_tile(
    pair: _Pair, prior: Shift, tile: Window, *, search: int, held_out: bool
) -> tuple[Ties, NDArray[np.float64]]:
    """Ties of the textured windows whose centre lies in a tile, and the coherence of decoys."""
    top, left, block = _windows(pair, tile, held_out=held_out)
    if not len(top):
        return Ties.joined([]), np.zeros(0)
    size = pair.size
    frame = Window(
        int(top.min()), int(left.min()), int(top.max()) + size, int(left.max()) + size
    ).padded(search)
    still = warp_window(
        pair.still, pair.grid, frame, bands=pair.still_bands, weights=pair.still_weights
    )
    moving = warp_window(
        pair.moving,
        pair.grid,
        frame,
        bands=pair.moving_bands,
        weights=pair.moving_weights,
        shift=prior,
    )
    match = partial(
        match_windows,
        still.data[0],
        moving.data[0],
        (still.valid, moving.valid),
        tops=top - frame.top,
        lefts=left - frame.left,
        size=size,
        search=search,
    )
    matches = match()
    row, col = matches.row + frame.top, matches.col + frame.left
    measured = matches.shift
    ties = Ties(
        row=row,
        col=col,
        # The prior was applied at the place that the scene is moved from.
        shift=measured + prior.at(row - measured[:, 0], col - measured[:, 1]).T,
        covariance=matches.covariance,
        coherence=matches.coherence,
        block=block,
    )
    return ties.where(matches.textured), _decoys(match, top, left, size=size)


def _windows(
    pair: _Pair, tile: Window, *, held_out: bool
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """First row, first column and block of the windows whose centre lies in a tile."""
    size, step, area = pair.size, pair.step, pair.area
    tops, lefts = (
        np.arange(
            -(-(start - size // 2) // step) * step, -(-(stop - size // 2) // step) * step, step
        )
        for start, stop in ((tile.top, tile.bottom), (tile.left, tile.right))
    )
    top, left = (a.ravel() for a in np.meshgrid(tops, lefts, indexing="ij"))
    block_row = (top + size // 2 - area.top) // pair.block
    block_col = (left + size // 2 - area.left) // pair.block
    # A knight's move from block to block: every fifth one, never two side by side.
    held = (block_row + 2 * block_col) % 5 == 0
    inside = (
        (top >= area.top)
        & (left >= area.left)
        & (top + size <= area.bottom)
        & (left + size <= area.right)
    )
    keep = inside & (held == held_out)
    return top[keep], left[keep], (block_row * 1000 + block_col)[keep]


def _decoys(
    match: Callable[..., Matches],
    top: NDArray[np.intp],
    left: NDArray[np.intp],
    *,
    size: int,
) -> NDArray[np.float64]:
    """Coherence of windows matched with windows that share no ground with them."""
    against = np.roll(np.arange(len(top)), len(top) // 2)
    decoy = match(against=against)
    apart = np.maximum(np.abs(top - top[against]), np.abs(left - left[against])) >= size
    return np.asarray(decoy.coherence[decoy.textured & apart])


def _accepted(ties: Ties, prior: Shift, *, tolerance: float) -> Ties:
    """The ties that agree on one affine move on top of the prior, and with their neighbours."""
    if not len(ties):
        return ties
    rest = ties.shift - prior.at(ties.row, ties.col).T
    keep = consensus(replace(ties, shift=rest), tolerance=tolerance)
    ties, rest = ties.where(keep), rest[keep]
    if len(ties) < _MIN_TIES:
        return ties
    return ties.where(agrees_with_neighbours(ties, rest))


def _judged(
    plan: Plan,
    pair: _Pair,
    scenes: dict[Role, Scene],
    field: FittedField,
    *,
    options: CoregisterOptions,
    executor: Executor,
) -> Alignment:
    found = _measure(pair, field.shift, search=pair.size // 8, held_out=True, executor=executor)
    held = found.ties
    if len(held) < _MIN_TIES:
        return _not_measured(plan, options, found.textured)
    rest = held.shift - field.shift.at(held.row, held.col).T
    near = np.hypot(*rest.T) <= _TOLERANCE
    if near.mean() < _MIN_AGREEING:
        raise _no_consensus(scenes, float(near.mean()), len(held), needed=_MIN_AGREEING)
    residual = _residual(rest[near], agreeing=float(near.mean()))
    initial = _residual(held.shift[near], agreeing=float(near.mean()))
    if residual.ce90 > options.usable_ce90:
        raise AlignmentError(
            f"{scenes['before'].name} and {scenes['after'].name} could not be aligned well enough, "
            "so nothing was differenced",
            found=f"CE90 {residual.ce90:.2f} px = {residual.ce90 * plan.pixel_size_m:.2f} m "
            f"on {residual.ties} held-out windows",
            needed=f"at most {options.usable_ce90:g} px",
            option="--usable-ce90",
        )
    trusted = residual.ce90 <= options.trusted_ce90
    cautions: tuple[Caution, ...] = ()
    if not trusted:
        cautions = (
            Caution(
                "alignment-usable",
                f"The alignment is only usable: CE90 {residual.ce90:.2f} px "
                f"({residual.ce90 * plan.pixel_size_m:.2f} m), above {options.trusted_ce90:g} px. "
                "Thin changes along edges may be misalignment.",
            ),
        )
    verdict: Verdict = "trusted" if trusted else "usable"
    return Alignment(
        shift=field.shift,
        moving=plan.moving,
        verdict=verdict,
        residual=residual,
        initial=initial,
        ties=field.ties,
        model=field.model,
        record=StepRecord(
            step="coregister",
            numbers={
                "verdict": verdict,
                "moving": plan.moving,
                "model": field.model,
                "ties": field.ties,
                "window_px": pair.size,
                "residual_px": asdict(residual),
                "initial_px": asdict(initial),
                "cross_validation_px": field.errors,
                "mean_shift_px": _mean_shift(field.shift, plan.result),
                "shift": _shift_numbers(field.shift),
            },
            options=asdict(options),
            cautions=cautions,
        ),
    )


def _residual(errors: NDArray[np.float64], *, agreeing: float) -> Residual:
    radial = np.hypot(*errors.T)
    deviation = np.abs(errors - np.median(errors, axis=0))
    return Residual(
        ce90=float(np.percentile(radial, 90)),
        median=float(np.median(radial)),
        rmse=float(np.sqrt(np.mean(radial**2))),
        nmad=float(1.4826 * np.median(deviation, axis=0).mean()),
        ties=len(errors),
        agreeing=agreeing,
    )


def _mean_shift(shift: Shift, window: Window) -> list[float]:
    rows = np.linspace(window.top, window.bottom, 9)
    cols = np.linspace(window.left, window.right, 9)
    return [float(v) for v in shift.on_grid(rows, cols).mean(axis=(1, 2))]


def _shift_numbers(shift: Shift) -> dict[str, Any]:
    return {
        "centre": list(shift.centre),
        "scale": shift.scale,
        "linear": shift.linear.tolist(),
        "knot_origin": list(shift.knot_origin),
        "knot_spacing": shift.knot_spacing,
        "coefficients": None if shift.coefficients is None else shift.coefficients.tolist(),
    }


def _not_measured(plan: Plan, options: CoregisterOptions, textured: int) -> Alignment:
    caution = Caution(
        "alignment-not-measured",
        f"The alignment could not be measured: only {textured} windows hold enough structure. "
        "The scenes were compared as they came; edges may be misalignment.",
    )
    return Alignment(
        shift=Shift.constant(0.0, 0.0),
        moving=plan.moving,
        verdict="not measured",
        residual=None,
        initial=None,
        ties=0,
        model="none",
        record=StepRecord(
            step="coregister",
            numbers={"verdict": "not measured", "moving": plan.moving, "textured": textured},
            options=asdict(options),
            cautions=(caution,),
        ),
    )


def _no_consensus(
    scenes: dict[Role, Scene], share: float, windows: int, *, needed: float = _MIN_SUPPORT
) -> AlignmentError:
    return AlignmentError(
        f"{scenes['before'].name} and {scenes['after'].name} could not be aligned: their windows "
        "agree on no common move, as with images of two places or one under cloud",
        found=f"{share:.0%} of {windows} textured windows agree",
        needed=f"at least {needed:.0%}",
    )
