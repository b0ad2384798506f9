"""From what is asked, decoys and the area's regions to the cut, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagery.decision import _words
from imagery.decision._ask import Ask
from imagery.decision._audit import Likeness, audit
from imagery.decision._bound import Bound
from imagery.decision._composition import Composition, compose, cut_here
from imagery.decision._confidence import control_surely
from imagery.decision._decoys import Decoys, Ranked
from imagery.decision._extrapolate import check_reach, extrapolate
from imagery.decision._fdr import control_fdr, count_reaching
from imagery.decision._ground import Ground, Reach, fit_reach
from imagery.decision._ranks import rank_bounds
from imagery.decision._risk import control_risk
from imagery.empirical_null import Null, a_contrario
from imagery.errors import RateError
from imagery.record import Caution

Calibration = Literal["calibrated", "simulated", "extrapolated", "uncalibrated"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """Which regions are changes, and what is known of how many of them are false."""

    high: float
    """A region is a change where its score is no less."""

    calibration: Calibration
    reach: Reach = field(default_factory=Reach.alike)
    """What strengths are divided by, where the ground is rough, to be scores."""

    asked: str | None = None
    """In words."""

    bound: float | None = None
    """What holds: alarms per km², or the share of false ones; never more than asked."""

    expected_in_area: float | None = None
    """False changes in what is seen of the area, on average at most."""

    decoys_km2: float | None = None
    decoys_words: str | None = None
    rank_bounds: NDArray[np.int64] | None = None
    """For each region of the area, how many of it and those above may be false; shape (regions,)"""

    sentences: tuple[str, ...] = ()
    """For the report."""

    numbers: Mapping[str, Any]
    """For the record."""

    cautions: tuple[Caution, ...] = ()

    def scores(
        self, strengths: NDArray[np.floating], roughness: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """What regions are ranked and decided by: strengths as on the smoothest ground."""
        return np.asarray(strengths / self.reach.at(roughness))


def decide(
    ask: Ask,
    *,
    decoys: Decoys | None = None,
    regions: NDArray[np.floating],
    roughness: NDArray[np.floating] | None = None,
    area_km2: float,
    ground: Ground | None = None,
    strengths: NDArray[np.floating],
    null: Null | None,
    pixels: int,
    rule: str | None = None,
    doubts: tuple[str, ...] = (),
) -> Decision:
    """The cut for regions' scores.

    Where anything is asked, a region's score is its strength over how many times as far strengths
    reach on ground as rough, among the decoys, as on the smoothest: else a few leaning roofs
    would set the cut of a bare square, or a bare square that of roofs.

    Parameters
    ----------
    ask
        What the user asks.
    decoys
        Where nothing happened; needed where anything is asked.
    regions
        Strengths of the candidate regions that touch the area, shape (regions,).
    roughness
        Of the ground at each of them, of their shape; all alike where None.
    area_km2
        What is seen of the area.
    ground
        The same, cell by cell; nothing is told of it where None.
    strengths
        A sample of the strengths of all the pair's pixels seen, shape (pixels,).
    null
        Of the scores of single pixels.  A strength is the mean over nine, and reaches what one
        pixel does only where they agree wholly: noise of whatever correlation stays below this
        null.
    pixels
        Pixels seen on the map: as many tests.
    rule
        The rule that single pixels were cut by, where no decision on regions is wanted: all of
        them are kept then, if nothing else is asked.
    doubts
        Why the decoys may not stand for this pair, whatever they look like; in words.

    Raises
    ------
    RateError
        If what is asked can't be honoured, with the smallest rate that can and what is missing.
        Never where nothing is asked.
    ValueError
        If nothing of the area is seen.
    """
    if not 0 < area_km2 < np.inf:
        raise ValueError(f"{area_km2} km² of the area are seen")
    if ask.nothing:
        high = 0.0 if rule else a_contrario(null, pixels=pixels)
        told = _words.by_rule(rule) if rule else _words.not_asked(high, pixels)
        return _not_asked(null, decoys, high, told, scores=regions, area_km2=area_km2)
    if decoys is None:
        raise RateError(
            f"{ask.words} can't be honoured: there is nothing to compare with",
            found="no decoys",
            needed="a pair of images, or an area, where nothing happened",
            option="--quiet-pair, --quiet-area",
        )
    reach = fit_reach(decoys.ground)
    scores = regions if roughness is None else regions / reach.at(roughness)
    try:
        return _asked(
            ask,
            null,
            decoys.levelled(reach),
            reach=reach,
            scores=scores,
            area_km2=area_km2,
            ground=ground or Ground.unknown(),
            strengths=strengths,
            doubts=doubts,
        )
    except RateError as error:
        if ask.unit == "km2":
            raise
        raise RateError(  # rates are told per km², and the user asked in another unit
            f"{ask.words}, of which {area_km2:.3g} km² are seen: {error.message}",
            found=error.found,
            needed=error.needed,
            option=error.option,
        ) from error


def _asked(
    ask: Ask,
    null: Null | None,
    decoys: Decoys,
    *,
    reach: Reach,
    scores: NDArray[np.floating],
    area_km2: float,
    ground: Ground,
    strengths: NDArray[np.floating],
    doubts: tuple[str, ...],
) -> Decision:
    bound, drawn_on = _bound(ask, decoys, scores=scores, area_km2=area_km2)
    rate = ask.per_km2(area_km2)
    if rate is not None:
        # What is allowed holds for the decoys' ground as a whole, and a stricter cut keeps that.
        high = max(bound.high, cut_here(decoys, ground, allowed=rate))
        alarms = sum(int((scores >= high).sum()) for scores in decoys.tiles)
        bound = replace(bound, high=high, alarms=alarms)
    likeness = audit(decoys.strengths, strengths, names=decoys.pairs)
    ranked = decoys.ranked()
    bounds = _by_rank(ranked, decoys, scores=scores, area_km2=area_km2)
    kept = scores >= bound.high
    expected = bound.value * int(kept.sum()) if rate is None else rate * area_km2
    allowed = (bound.alarms + bound.dispersion) / decoys.km2 if rate is None else rate
    here = compose(decoys, ground, high=bound.high, allowed=allowed, dispersion=bound.dispersion)
    here = replace(here, objections=here.objections + doubts)
    alike = likeness.alike and not here.objections
    sentences = _words.asked(
        ask,
        bound,
        decoys=decoys,
        likeness=likeness,
        here=here,
        reach=reach,
        area_km2=area_km2,
        expected=expected,
        kept=int(kept.sum()),
        drawn_on=drawn_on,
    )
    if kept.any():
        most = int(bounds[kept].max())
        sentences = (*sentences, _words.ranks(most, int(kept.sum()), decoys))
    calibration = _calibration(decoys, alike=alike, drawn_on=drawn_on)
    return Decision(
        high=bound.high,
        calibration=calibration,
        reach=reach,
        asked=ask.words,
        bound=bound.value,
        expected_in_area=expected,
        decoys_km2=decoys.km2,
        decoys_words=decoys.words,
        rank_bounds=bounds,
        sentences=sentences,
        numbers={
            **_numbers(bound.high, calibration, null),
            "asked": ask.words,
            "bound": bound.value,
            "bound_is": "alarms per km2" if rate is not None else "share of false changes",
            "expected_in_area": expected,
            "alarms_in_decoys": bound.alarms,
            "dispersion": bound.dispersion,
            "distance": likeness.distance,
            "variance_ratio": likeness.variance_ratio,
            "roughness": reach.roughness,
            "reach": reach.times,
            "rougher_than_decoys": here.beyond,
            "alarms_per_km2_on_such_ground": here.per_km2,
            **_decoy_numbers(decoys),
        },
        cautions=_cautions(decoys, likeness, here, drawn_on=drawn_on),
    )


def check_within_reach(ask: Ask, most: Decoys, *, area_km2: float) -> None:
    """Refuse, before any work, a rate that simulated decoys without a single region can't show.

    Parameters
    ----------
    ask
        What the user asks; a share is never refused here.
    most
        As large as they may be, and empty.
    area_km2
        The area of interest.

    Raises
    ------
    RateError
        With the smallest rate that might be honoured.
    """
    rate = ask.per_km2(area_km2)
    if rate is None:
        return
    if ask.confidence is not None:
        control_surely(most, asked=rate, confidence=ask.confidence)
    else:
        check_reach(most, asked=rate)


def _bound(
    ask: Ask, decoys: Decoys, *, scores: NDArray[np.floating], area_km2: float
) -> tuple[Bound, bool]:
    """The bound, and whether it is drawn on beyond what the decoys' area shows."""
    rate = ask.per_km2(area_km2)
    if rate is None:
        share = ask.fdr or 0.0
        return control_fdr(scores.astype(np.float64), decoys, area_km2=area_km2, asked=share), False
    if ask.confidence is not None:
        return control_surely(decoys, asked=rate, confidence=ask.confidence), False
    try:
        return control_risk(decoys, asked=rate), False
    except RateError:
        # Only where nothing is certified anyway is a fitted tail allowed to speak.
        if decoys.kind != "simulated":
            raise
        return extrapolate(decoys, asked=rate), True


def _not_asked(
    null: Null | None,
    decoys: Decoys | None,
    high: float,
    sentences: tuple[str, ...],
    *,
    scores: NDArray[np.floating],
    area_km2: float,
) -> Decision:
    numbers = {**_numbers(high, "uncalibrated", null), "asked": None}
    if decoys is not None and not decoys.tiles:
        why = _words.no_tile(decoys)
        return Decision(
            high=high,
            calibration="uncalibrated",
            sentences=(*sentences, why),
            numbers=numbers,
            cautions=(Caution("decoys-too-small", why),),
        )
    if decoys is None:
        return Decision(high=high, calibration="uncalibrated", sentences=sentences, numbers=numbers)
    ranked = decoys.ranked()
    alarms = int(count_reaching(ranked.scores, np.array([high]))[0])
    expected = (alarms + 1) / decoys.km2 * area_km2
    told = _words.passed(decoys, alarms=alarms, expected=expected, area_km2=area_km2)
    return Decision(
        high=high,
        calibration="uncalibrated",
        expected_in_area=expected,
        decoys_km2=decoys.km2,
        decoys_words=decoys.words,
        rank_bounds=_by_rank(ranked, decoys, scores=scores, area_km2=area_km2),
        sentences=(*sentences, told),
        numbers={
            **numbers,
            "alarms_in_decoys": alarms,
            "expected_in_area": expected,
            **_decoy_numbers(decoys),
        },
    )


def _by_rank(
    ranked: Ranked, decoys: Decoys, *, scores: NDArray[np.floating], area_km2: float
) -> NDArray[np.int64]:
    return rank_bounds(
        scores,
        ranked.scores,
        area_ratio=area_km2 / decoys.km2,
        confidence=_words.RANK_CONFIDENCE,
        dispersion=ranked.dispersion(),
    )


def _calibration(decoys: Decoys, *, alike: bool, drawn_on: bool) -> Calibration:
    if drawn_on:
        return "extrapolated"
    if decoys.kind == "simulated":
        return "simulated"
    return "calibrated" if alike else "extrapolated"


def _cautions(
    decoys: Decoys, likeness: Likeness, here: Composition, *, drawn_on: bool
) -> tuple[Caution, ...]:
    found = []
    if decoys.kind == "simulated":
        found.append(
            Caution(
                "simulated-decoys",
                "The rate of false alarms is that of a simulated null: it certifies nothing, and "
                f"does not cover {_words.NOT_COVERED}.",
            )
        )
    if not likeness.alike:
        found.append(Caution("decoys-unlike", _words.sentence(likeness.words)))
    found += [Caution("decoys-unlike", _words.sentence(why)) for why in here.objections]
    if drawn_on:
        found.append(
            Caution(
                "rate-extrapolated",
                f"The rate asked for is rarer than {decoys.km2:.3g} km² of decoys can show; the "
                "cut is extrapolated from the tail of their scores.",
            )
        )
    return tuple(found)


def _numbers(high: float, calibration: Calibration, null: Null | None) -> dict[str, Any]:
    return {
        "high": high,
        "calibration": calibration,
        "null_shape": null.shape if null else None,
        "null_scale": null.scale if null else None,
    }


def _decoy_numbers(decoys: Decoys) -> dict[str, Any]:
    simulated = decoys.kind == "simulated"
    return {
        "decoys": decoys.kind,
        "decoy_pairs": list(decoys.pairs),
        "decoy_km2": decoys.km2,
        "decoy_tiles": len(decoys.tiles),
        "does_not_cover": _words.NOT_COVERED if simulated else None,
    }
