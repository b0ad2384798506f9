"""Co-registration: measure the shift of one scene against the other, fit it, judge it, enforce it.

Coarse to fine: a whole-image shift on a reduced image, then windows, with an affine move and a
smooth local field fitted to them.  A fifth of the windows, in spatial blocks, is held out before
anything is fitted; the residual is measured on them after the warp, and decides.
"""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace

from imagery.bands import BandPairs
from imagery.blocks import Window
from imagery.coregister._field import (
    FittedField,
    Ties,
    agrees_with_neighbours,
    consensus,
    fit_field,
)
from imagery.coregister._measure import measure
from imagery.coregister._pair import MatchPair, first_guess, match_pair
from imagery.coregister._verdict import (
    MIN_SUPPORT,
    MIN_TIES,
    TOLERANCE,
    Alignment,
    Residual,
    judged,
    no_consensus,
    not_measured,
)
from imagery.grid import Plan
from imagery.options import CoregisterOptions
from imagery.scene import Role, Scene
from imagery.shift import Shift

__all__ = ["Alignment", "Residual", "coregister"]


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
    pair = match_pair(plan, scenes, bands)
    guess, support, judges = first_guess(pair)
    if judges >= MIN_TIES and support < MIN_SUPPORT:
        raise no_consensus(scenes, support, judges)
    prior = guess
    for search, tolerance in ((pair.size // 4, TOLERANCE), (pair.size // 16, TOLERANCE / 2)):
        found = measure(pair, prior, search=search, held_out=False, executor=executor)
        if found.textured < MIN_TIES:
            return not_measured(plan, options, found.textured)
        ties = _accepted(found.ties, prior, tolerance=tolerance)
        if len(ties) < max(MIN_TIES, MIN_SUPPORT * found.textured):
            raise no_consensus(scenes, len(ties) / found.textured, found.textured)
        field = fit_field(ties, shape=_corners(pair.area))
        prior = field.shift
    field = _refined(pair, field, executor=executor)
    return judged(plan, pair, scenes, field, options=options, executor=executor)


def _refined(pair: MatchPair, field: FittedField, *, executor: Executor) -> FittedField:
    """The field fitted anew on windows half as large, more of which hold nothing but ground."""
    small = replace(pair, size=pair.size // 2)
    found = measure(small, field.shift, search=2, held_out=False, executor=executor)
    ties = _accepted(found.ties, field.shift, tolerance=TOLERANCE / 6)
    if len(ties) < field.ties:
        return field
    return fit_field(ties, shape=_corners(pair.area))


def _corners(area: Window) -> tuple[float, float, float, float]:
    return float(area.top), float(area.left), float(area.bottom), float(area.right)


def _accepted(ties: Ties, prior: Shift, *, tolerance: float) -> Ties:
    """The ties that agree on one affine move on top of the prior, and with their neighbours."""
    if not len(ties):
        return ties
    rest = ties.shift - prior.at(ties.row, ties.col).T
    keep = consensus(replace(ties, shift=rest), tolerance=tolerance)
    ties, rest = ties.where(keep), rest[keep]
    if len(ties) < MIN_TIES:
        return ties
    return ties.where(agrees_with_neighbours(ties, rest))
