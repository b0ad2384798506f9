"""From what is asked, decoys and the area's regions to the cut, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from imagery.decision import _words
from imagery.decision._ask import Ask
from imagery.decision._audit import Likeness, audit
from imagery.decision._bound import Bound
from imagery.decision._confidence import control_surely
from imagery.decision._decoys import Decoys, Ranked
from imagery.decision._extrapolate import extrapolate
from imagery.decision._fdr import control_fdr, count_reaching
from imagery.decision._ranks import rank_bounds
from imagery.decision._risk import control_risk
from imagery.empirical_null import Null, a_contrario, fit_null
from imagery.errors import RateError
from imagery.record import Caution

Calibration = Literal["calibrated", "simulated", "extrapolated", "uncalibrated"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Decision:
    """Which regions are changes, and what is known of how many of them are false."""

    high: float
    """A region is a change where its score is no less."""

    calibration: Calibration
    null: Null | None
    """Of the pair's unchanged pixels, for how surprising a strength is."""

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


def decide(
    ask: Ask,
    *,
    decoys: Decoys | None = None,
    scores: NDArray[np.floating],
    area_km2: float,
    strengths: NDArray[np.floating],
    singles: NDArray[np.floating],
    pixels: int,
    rule: str | None = None,
) -> Decision:
    """The cut for regions' scores.

    Parameters
    ----------
    ask
        What the user asks.
    decoys
        Where nothing happened; needed where anything is asked.
    scores
        Of the candidate regions that touch the area, shape (regions,).
    area_km2
        What is seen of the area.
    strengths
        A sample of the strengths of all the pair's pixels seen, shape (pixels,).
    singles
        A sample of the scores of single pixels, shape (pixels,), which the null is fitted to.  A
        strength is the mean over nine, and reaches what one pixel does only where they agree
        wholly: noise of whatever correlation stays below this null.
    pixels
        Pixels seen on the map: as many tests.
    rule
        The rule that single pixels were cut by, where no decision on regions is wanted: all of
        them are kept then, if nothing else is asked.

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
    null = fit_null(singles)
    if ask.nothing:
        high = 0.0 if rule else a_contrario(null, pixels=pixels)
        told = _words.by_rule(rule) if rule else _words.not_asked(high, pixels)
        return _not_asked(null, decoys, high, told, scores=scores, area_km2=area_km2)
    if decoys is None:
        raise RateError(
            f"{ask.words} can't be honoured: there is nothing to compare with",
            found="no decoys",
            needed="a pair of images, or an area, where nothing happened",
            option="--quiet-pair, --quiet-area",
        )
    try:
        return _asked(ask, null, decoys, scores=scores, area_km2=area_km2, strengths=strengths)
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
    scores: NDArray[np.floating],
    area_km2: float,
    strengths: NDArray[np.floating],
) -> Decision:
    bound, drawn_on = _bound(ask, decoys, scores=scores, area_km2=area_km2)
    likeness = audit(decoys.strengths, strengths, names=decoys.pairs)
    ranked = decoys.ranked()
    bounds = _by_rank(ranked, decoys, scores=scores, area_km2=area_km2)
    kept = scores >= bound.high
    rate = ask.per_km2(area_km2)
    expected = bound.value * int(kept.sum()) if rate is None else rate * area_km2
    sentences = _words.asked(
        ask,
        bound,
        decoys=decoys,
        likeness=likeness,
        area_km2=area_km2,
        expected=expected,
        kept=int(kept.sum()),
        drawn_on=drawn_on,
    )
    if kept.any():
        most = int(bounds[kept].max())
        sentences = (*sentences, _words.ranks(most, int(kept.sum()), decoys))
    calibration = _calibration(decoys, likeness, drawn_on=drawn_on)
    return Decision(
        high=bound.high,
        calibration=calibration,
        null=null,
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
            **_decoy_numbers(decoys),
        },
        cautions=_cautions(decoys, likeness, drawn_on=drawn_on),
    )


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
    if decoys is None or not decoys.tiles:
        return Decision(
            high=high, calibration="uncalibrated", null=null, sentences=sentences, numbers=numbers
        )
    ranked = decoys.ranked()
    alarms = int(count_reaching(ranked.scores, np.array([high]))[0])
    expected = (alarms + 1) / decoys.km2 * area_km2
    told = _words.passed(decoys, alarms=alarms, expected=expected, area_km2=area_km2)
    return Decision(
        high=high,
        calibration="uncalibrated",
        null=null,
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


def _calibration(decoys: Decoys, likeness: Likeness, *, drawn_on: bool) -> Calibration:
    if drawn_on:
        return "extrapolated"
    if decoys.kind == "simulated":
        return "simulated"
    return "calibrated" if likeness.alike else "extrapolated"


def _cautions(decoys: Decoys, likeness: Likeness, *, drawn_on: bool) -> tuple[Caution, ...]:
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
