"""Co-registration: measure the shift of one scene against the other, fit it, judge it, enforce it.

Coarse to fine: a whole-image shift on a reduced image, then its windows, then windows at full
resolution, with an affine move and a smooth local field fitted to them.  A fifth of the windows,
in spatial blocks, is held out from every fit; the residual on them decides.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagery.bands import BandPairs
from imagery.coregister._alignment import Alignment, Residual, TiePoints
from imagery.coregister._by_hand import fit_by_hand
from imagery.coregister._coarse import CoarseShift, coarse_shift
from imagery.coregister._field import FittedField, fit_affine, fit_field
from imagery.coregister._ground import find_lean
from imagery.coregister._measure import SETTLED, Found, measure, reduced_ties
from imagery.coregister._pair import MatchPair, Reduced, Similarity, match_pair
from imagery.coregister._refusals import (
    LEAST_KEPT,
    MIN_TIES,
    lost,
    no_consensus,
    not_measured,
    refused,
    repeated,
)
from imagery.coregister._seams import (
    SeamLines,
    Seams,
    drawn_seams,
    find_seams,
    joined,
    of_parts,
    side_by_side,
)
from imagery.coregister._ties import accepted
from imagery.coregister._verdict import TOLERANCE, judged, judged_by_hand
from imagery.errors import UsageError
from imagery.grid import Plan
from imagery.options import CoregisterOptions
from imagery.scene import Role, Scene
from imagery.shift import Shift

__all__ = ["Alignment", "Residual", "SeamLines", "TiePoints", "coregister"]

_SEARCH = 8
"""How far around the prior windows are searched at full resolution, px."""

_FAR = 4
"""Reduction of the first image from which a sparse search comes before the dense one."""

_SIMILARITIES: tuple[Similarity, ...] = ("phase", "gradient phase")

_SMALLEST = 128
"""Side of the smallest image that is matched, px."""

_PILOT_BLOCKS = 12
_CLEARLY = 0.85
"""Larger windows are taken where they bring the scatter of the ties below this share."""

_FINE = 0.1
"""Scatter, px, below which no larger window is tried."""

_LARGEST = 256
"""Side of the largest window tried, px."""

_MOST = 0.6
_ROUGH = 0.3
"""Where fewer of the windows agree by phase than this, and scatter by more than so many px, mutual
information is tried: it asks less of the radiometry.  Not elsewhere: between leaning roofs and
the ground it sides with the roofs more firmly (0.2 px against 0.1 on the simulated square)."""

_PASSES = 3

_GROUND_ROUNDS = 2

_LEAST_ON_GROUND = 0.25
"""Share of the ties that must lie on the ground for the field to follow it alone."""


def coregister(
    plan: Plan,
    scenes: dict[Role, Scene],
    bands: BandPairs,
    *,
    options: CoregisterOptions,
    executor: Executor,
    seams: SeamLines | None = None,
) -> Alignment:
    """Measure, fit and judge the alignment of the moving scene.

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
    seams
        Where the field may break, as ``options.seams`` names it; found where None.

    Returns
    -------
    Alignment
        With its verdict; :meth:`Alignment.enforced` raises where that is "refused": the windows
        agree on no move, or the residual on held-out ties exceeds the limit.

    Raises
    ------
    InputError
        If no pixel is seen in both scenes, or one of them shows nothing.

    Notes
    -----
    Too few windows with texture to judge (snow, sea, a tiny clip) is "not measured": nothing is
    moved, nothing is claimed, and the caller is warned.
    """
    if (options.seams is None) != (seams is None):
        raise ValueError("options.seams names what seams holds: both are given, or none is")
    if options.ties is not None and seams is not None:
        raise UsageError(
            "ties set by hand are fitted by one field, which breaks at no seam",
            found="--ties and --seams",
            needed="one of the two",
            option="--seams",
        )
    if options.ties is not None:
        by_hand = fit_by_hand(Path(options.ties), plan, scenes)
        return judged_by_hand(plan, scenes, by_hand, options=options)
    pair, reduced = match_pair(plan, scenes, bands, executor=executor)
    guess = first_guess(reduced, executor=executor)
    found = guess.found
    if found.windows < MIN_TIES or not (found.significant or found.could_tell):
        return not_measured(plan, options, found.windows)
    if not found.significant:
        return refused(plan, no_consensus(scenes, found.agreeing, found.windows), options)
    drawn = None if seams is None else drawn_seams(plan, seams)
    if found.rival is not None and drawn is None and not side_by_side(found):
        rows, cols = (
            (one - other) * guess.factor
            for one, other in zip(found.rival, found.shift, strict=True)
        )
        return refused(plan, repeated(scenes, (rows, cols)), options)
    pair = replace(pair, similarity=guess.similarity)
    prior = _prior(pair, guess, executor=executor)
    pair, fit = _matched(pair, prior, executor=executor)
    if fit is None:
        return refused(plan, lost(scenes), options)
    fit = _along_seams(pair, fit, drawn, executor=executor)
    return judged(plan, pair, scenes, fit.found, fit.field, fit.kept, options=options)


@dataclass(frozen=True, kw_only=True, eq=False)
class Guess:
    """The move of the whole image."""

    found: CoarseShift
    similarity: Similarity
    """By what windows agree best."""

    factor: int
    """Pixels of the working grid, each way, for one of the image on which they do."""


def first_guess(reduced: Reduced, *, executor: Executor) -> Guess:
    """The move of the whole image, on the first of ever smaller images that is sure of it.

    Between seasons and years, fine texture changes and coarse forms stay.
    """
    best: Guess | None = None
    while best is None or reduced.shortest >= 2 * _SMALLEST:
        reduced = reduced if best is None else reduced.halved()
        for similarity in _SIMILARITIES:
            view = reduced.as_edges() if similarity == "gradient phase" else reduced
            still, moving = view.still, view.moving
            valid = still.valid, moving.valid
            found = coarse_shift(still.data[0], moving.data[0], valid, executor=executor)
            guess = Guess(found=found, similarity=similarity, factor=reduced.factor)
            # Edges are drawn by smoothing, which makes a structure of mere noise.
            if found.sure or (best is None and found.windows < MIN_TIES):
                return guess
            if best is None or guess.found.rank > best.found.rank:
                best = guess
    return best


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fit:
    """A field, and the windows that it was fitted to."""

    found: Found
    kept: NDArray[np.bool_]
    field: FittedField


def _fitted(pair: MatchPair, found: Found, prior: Shift, *, tolerance: float) -> _Fit | None:
    """The field through the ties that agree; None where too few do."""
    ties = found.fit
    kept = accepted(ties, prior, tolerance=tolerance)
    if kept.sum() < max(MIN_TIES, LEAST_KEPT * found.textured):
        return None
    return _Fit(found=found, kept=kept, field=fit_field(ties.where(kept), extent=pair.extent))


def _prior(pair: MatchPair, guess: Guess, *, executor: Executor) -> Shift:
    """The shift through the windows of the reduced image, to a px or two."""
    factor = guess.factor
    shift = Shift.constant(*(float(move * factor) for move in guess.found.shift))
    found = reduced_ties(pair, guess.found, factor=factor)
    fit = _fitted(pair, found, shift, tolerance=max(TOLERANCE, 1.5 * factor))
    if fit is None:  # few windows: all that is known is the whole image's move
        return shift
    if factor <= _FAR or _Trial.of(fit).scatter <= _SEARCH / 4:
        return fit.field.shift
    # Large windows here and there, where the prior may be off by many px.
    wide = replace(pair, size=2 * pair.size)
    search = min(2 * factor, pair.size)
    found = measure(wide, fit.field.shift, search=search, executor=executor, most_blocks=36)
    wide_fit = _fitted(wide, found, fit.field.shift, tolerance=max(TOLERANCE, 0.5 * factor))
    return fit.field.shift if wide_fit is None else wide_fit.field.shift


def _matched(pair: MatchPair, prior: Shift, *, executor: Executor) -> tuple[MatchPair, _Fit | None]:
    """The field from windows over the whole area, and the way of matching that it took."""
    fit = _dense(pair, prior, executor=executor)
    if fit is None or _Trial.of(fit).scatter > _FINE:
        best = _best_matching(pair, prior, executor=executor)
        if best != pair:
            pair, fit = best, _dense(best, prior, executor=executor)
    return pair, None if fit is None else _on_the_ground(pair, fit)


def _best_matching(pair: MatchPair, prior: Shift, *, executor: Executor) -> MatchPair:
    """The pair with the way of matching whose ties scatter least, on a few tiles.

    Small windows hold one surface where ground and roofs mix; large ones see through noise, haze
    and seasons, and coarse ones through changes of the fine texture.
    """
    best, found = pair, _try(pair, prior, executor=executor)
    if found.poor:
        for coarseness in (1, 2, 4):
            if 4 * pair.size * coarseness > min(pair.area.shape) or not found.poor:
                break
            for similarity in (pair.similarity, "information"):
                other = replace(pair, similarity=similarity, coarseness=coarseness)
                told = _try(other, prior, executor=executor)
                if told.scatter < found.scatter:
                    best, found = other, told
    while (
        found.scatter > _FINE
        and not found.leaning
        and best.size < _LARGEST
        and 8 * best.size * best.coarseness <= min(pair.area.shape)
    ):
        larger = replace(best, size=2 * best.size)
        told = _try(larger, prior, executor=executor)
        if told.scatter > _CLEARLY * found.scatter:
            break
        best, found = larger, told
    return best


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """How one way of matching does on a few tiles."""

    scatter: float
    """90 % radius of what a field leaves of ties that it wasn't fitted to, px."""

    share: float
    """Share of the windows that the field keeps."""

    leaning: bool = False
    """Whether structures lean: larger windows would hold ground and roofs."""

    @property
    def poor(self) -> bool:
        """Whether another way should be tried."""
        return self.share < _MOST and self.scatter > _ROUGH

    @classmethod
    def of(cls, fit: _Fit | None) -> _Trial:
        if fit is None:
            return cls(scatter=float("inf"), share=0.0)
        ties = fit.found.fit
        return cls(
            scatter=float(np.nanquantile(np.hypot(*fit.field.predicted.T), 0.9)),
            share=float(fit.kept.sum() / fit.found.textured),
            leaning=find_lean(ties.left_by(fit.field.shift)) is not None,
        )


def _try(pair: MatchPair, prior: Shift, *, executor: Executor) -> _Trial:
    found = measure(pair, prior, search=_SEARCH, executor=executor, most_blocks=_PILOT_BLOCKS)
    return _Trial.of(_fitted(pair, found, prior, tolerance=TOLERANCE))


def _on_the_ground(pair: MatchPair, fit: _Fit) -> _Fit:
    """The field through the ties on the ground alone, where structures lean out of it.

    Next to each other they lean alike, so that a local field would follow them.  What leans is
    therefore told from a field that can't: an affine one first, then that of the ground so found.
    But only where a local field leaves a lean: waves along one direction are no roofs.
    """
    ties = fit.found.fit
    lean = find_lean(ties.left_by(fit.field.shift))
    if lean is None:
        return fit
    shift = fit_affine(ties.where(fit.kept), extent=pair.extent)
    ground_fit = fit
    for _ in range(_GROUND_ROUNDS):
        residual = ties.left_by(shift)
        lean = find_lean(residual) or (None if lean is None else lean.at_ground_of(residual))
        if lean is None:  # what was drawn out along one direction, the ground follows as well
            return fit
        ground = lean.on_ground(residual)
        if ground.sum() < max(MIN_TIES, _LEAST_ON_GROUND * len(ties)):
            return fit
        field = fit_field(ties.where(ground), extent=pair.extent)
        ground_fit = _Fit(found=fit.found, kept=ground, field=field)
        shift, lean = field.shift, None
    return ground_fit


def _along_seams(pair: MatchPair, fit: _Fit, drawn: Seams | None, *, executor: Executor) -> _Fit:
    """A field for each part of a mosaic; the same where there is no seam."""
    seams = drawn or find_seams(pair, fit.found, fit.field, fit.kept, executor)
    if seams is None:
        return fit
    fits = []
    for found in of_parts(fit.found, seams):
        alone = None
        if len(found.fit) >= MIN_TIES:
            prior = fit_field(found.fit, extent=pair.extent).shift
            alone = _fitted(pair, found, prior, tolerance=TOLERANCE / 2)
        # Waves of a small part lie along one direction, as what leans does; a local field tells.
        if alone is not None and _Trial.of(alone).leaning:
            alone = _on_the_ground(pair, alone)
        fits.append(None if alone is None else (alone.kept, alone.field))
    kept, field = joined(fit.found, fit.field, fits, seams)
    return _Fit(found=fit.found, kept=kept, field=field)


def _dense(pair: MatchPair, prior: Shift, *, executor: Executor) -> _Fit | None:
    """The field from windows over the whole area, measured again until it settles."""
    fit: _Fit | None = None
    known: tuple[Found, Shift] | None = None
    for number in range(_PASSES):
        tolerance = TOLERANCE if number == 0 else TOLERANCE / 2
        found = measure(pair, prior, search=_SEARCH, executor=executor, known=known)
        fit = _fitted(pair, found, prior, tolerance=tolerance)
        if fit is None:  # what is there doesn't bear a second look
            return None
        ties = found.fit.where(fit.kept)
        moved = fit.field.shift.at(ties.row, ties.col) - prior.at(ties.row, ties.col)
        known, prior = (found, prior), fit.field.shift
        if np.quantile(np.hypot(*moved), 0.95) < SETTLED:
            break
    return fit
