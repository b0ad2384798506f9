"""What a decision rests on and what holds, in plain sentences for report and summary."""

from __future__ import annotations

from imagery.decision._ask import Ask
from imagery.decision._audit import Likeness
from imagery.decision._bound import Bound
from imagery.decision._composition import Composition
from imagery.decision._decoys import TILE_SIDE, Decoys
from imagery.decision._ground import Reach

NOT_COVERED = "moved vehicles, shadows or season"
"""What a null simulated from one scene doesn't know."""

RANK_CONFIDENCE = 0.9

_WORTH_TELLING = 1.2
"""Factor of the cut on rough ground below which nobody need know."""


def not_asked(high: float, pixels: int) -> tuple[str, ...]:
    """Of a decision without a rate."""
    return (
        f"The rate of false alarms is not known: none was asked for. A change reaches {high:.3g} "
        f"standard deviations, which about one of the {pixels:,} unchanged pixels seen is expected "
        "to, if they follow the distribution fitted to their bulk; nothing verifies that.",
    )


def by_rule(rule: str) -> tuple[str, ...]:
    """Of regions that are all kept."""
    return (
        "The rate of false alarms is not known: none was asked for. Every region of pixels above "
        f"the cut is told; the cut is {rule}, which looks at pixels alone.",
    )


def passed(decoys: Decoys, *, alarms: int, expected: float, area_km2: float) -> str:
    """Of decoys beside a decision that asked for no rate."""
    return (
        f"In {decoys.words}, {_counted(alarms)} {_reach(alarms)} as far: about "
        f"{_number(expected)} on as much ground as is seen here ({area_km2:.3g} km²), and as many "
        f"here if these places are alike{_but(decoys)}."
    )


def no_tile(decoys: Decoys) -> str:
    """Of quiet places too small to tell anything."""
    return (
        f"The {decoys.kind} that were named ({'; '.join(decoys.pairs)}) hold no whole tile of "
        f"{TILE_SIDE} px that is seen, and so tell nothing."
    )


def asked(
    ask: Ask,
    bound: Bound,
    *,
    decoys: Decoys,
    likeness: Likeness,
    here: Composition,
    reach: Reach,
    area_km2: float,
    expected: float,
    kept: int,
    drawn_on: bool,
) -> tuple[str, ...]:
    """Of a decision that a rate or a share was asked of."""
    if bound.high > 0:
        passing = f"{_counted(bound.alarms)} {_reach(bound.alarms)} the cut of {bound.high:.3g}"
    else:
        passing = f"{_counted(bound.alarms)} in all: every candidate is kept"
    sentences = [
        f"The decision rests on {decoys.words}, in {_counted(len(decoys.tiles), 'tile')}; found "
        f"there: {passing}.",
        f"Asked: {ask.words}.",
    ]
    if bound.high > 0 and reach.times[-1] >= _WORTH_TELLING:
        sentences.insert(
            1,
            f"That cut is for the smoothest ground; on rougher ground it is up to "
            f"{reach.times[-1]:.2g} times as high, as strengths reach as much farther there where "
            "nothing happened.",
        )
    alike = likeness.alike and not here.objections
    lead = _lead(decoys, alike=alike, drawn_on=drawn_on)
    rate = ask.per_km2(area_km2)
    if rate is None:
        sentences.append(f"{lead}: {_share(bound, expected=expected, kept=kept)}{_but(decoys)}.")
    else:
        if drawn_on:
            sentences.append(
                "That is rarer than so small an area of decoys can show: the cut is extrapolated, "
                "from a tail fitted to their scores."
            )
        sure = ask.confidence
        how = "on average" if sure is None else f"with {sure * 100:.3g} % confidence"
        sentences.append(
            f"{lead}: at most {_number(bound.value)} per km², {how}; as asked, {rate:.3g}/km² × "
            f"{area_km2:.3g} km² = {_number(expected)} in what is seen of the area{_but(decoys)}."
        )
    sentences.append(
        "This is an average over places and passes that are like the decoys, and no probability "
        "of any one outline."
    )
    sentences.append(sentence(likeness.words))
    sentences += [sentence(why) for why in here.objections]
    if here.per_km2 is not None and not here.objections:
        sentences.append(
            f"On smooth and rough ground mixed as in the area, the decoys raise about "
            f"{_number(here.per_km2)} alarms per km² at this cut{_but(decoys)}."
        )
    if decoys.kind == "simulated":
        sentences.append(
            "The decoys are simulated from the scene itself: that certifies nothing, and "
            f"does not cover {NOT_COVERED}."
        )
    return tuple(sentences)


def ranks(bound: int, count: int, decoys: Decoys) -> str:
    """Of the bounds by rank, where changes were told."""
    false = "none" if bound == 0 else f"at most {bound:,}"
    return (
        f"If false ones are as in the decoys, {false} of the {_counted(count, 'change')} told "
        f"{'is' if bound < 2 else 'are'} false, with {RANK_CONFIDENCE * 100:.3g} % "
        f"confidence{_but(decoys)}."
    )


def sentence(words: str) -> str:
    """Words with a capital and a full stop."""
    return f"{words[:1].upper()}{words[1:]}."


def _lead(decoys: Decoys, *, alike: bool, drawn_on: bool) -> str:
    """How much stands behind the number that follows."""
    if drawn_on:
        return "What the fit expects"
    if decoys.kind == "simulated":
        return "What holds in the simulation"
    return "What holds" if alike else "What would hold, were the decoys like this pair"


def _share(bound: Bound, *, expected: float, kept: int) -> str:
    if not kept:
        return "no region can be told with so small a share of false ones, and none is"
    return (
        f"at most {bound.value * 100:.2g} % false on average, {_number(expected)} of the "
        f"{_counted(kept, 'change')} told"
    )


def _but(decoys: Decoys) -> str:
    """Goes with every number of simulated decoys."""
    return f" (does not cover {NOT_COVERED})" if decoys.kind == "simulated" else ""


def _counted(number: int, noun: str = "region") -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _number(value: float) -> str:
    """Two digits, and never as 1.3e+02."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _reach(number: int) -> str:
    return "reaches" if number == 1 else "reach"
