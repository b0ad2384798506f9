"""ALIGNMENT, SEAM, QUALITY: differences that the images' making explains."""

from __future__ import annotations

import math

from imagery.evidence._displaced import explained
from imagery.evidence._model import COUNT, SQUARES, SUM, Traits, Verdict
from imagery.evidence._setting import Setting

_HALF = 0.5
SATURATED = 0.2
"""Share of a region's pixels at the end of the file's range above which its tone is not known."""

BLOCKY = 1.25
"""Steps at the borders of compression's blocks over those elsewhere."""

_SURE = 4.0
_LEAST_STEPS = 20


def alignment(region: Traits, setting: Setting) -> Verdict:
    """Whether what the alignment may be off explains half of the difference."""
    found = explained(setting.displacements, "error", energy=region.energy, left=region.displaced)
    if found is None:
        return Verdict("clear", "It differs in colour, which no displacement explains.")
    words = (
        f"a displacement of {found.length:.0f} standard error{'s' if found.length > 1.5 else ''} "
        f"of the alignment ({found.length * setting.error_px:.2f} px) explains {found.share:.0%}"
    )
    if found.share >= _HALF:
        return Verdict("flagged", f"May be misaligned: {words}.")
    return Verdict("clear", f"Not for the alignment: {words}.")


def seam(region: Traits, setting: Setting) -> Verdict:
    """Whether it lies at a seam along which the alignment breaks."""
    if not setting.seams_sought:
        return Verdict("untested", "The alignment was not measured, so no seam was sought.")
    if setting.parts is None or not region.seam:
        return Verdict("clear", "The alignment breaks at no seam here.")
    share = float(region.seam / region.pixels)
    return Verdict("flagged", f"{share:.0%} of it lies at a seam of a mosaic.")


def quality(region: Traits, setting: Setting) -> Verdict:
    """Whether it is overexposed, or drawn by the blocks of a lossy compression."""
    told = []
    for date, name in enumerate(setting.called):
        share = float(region.saturated[date] / max(float(region.pixels), 1))
        if share >= SATURATED:
            told.append(f"{share:.0%} of it is overexposed in the {name} image")
        ratio = _blockiness(region, date)
        if ratio is not None:
            told.append(
                f"in the {name} image steps are {ratio:.1f} times larger at the borders of blocks"
            )
    if told:
        words = "; ".join(told)
        return Verdict("flagged", f"{words[:1].upper()}{words[1:]}.")
    return Verdict("clear", "Neither overexposed nor drawn by a compression's blocks.")


def _blockiness(region: Traits, date: int) -> float | None:
    """Mean step at borders of 8 x 8 blocks over that elsewhere; None where it isn't surely larger.

    After Wang, Bovik & Evans 2000 (ICIP, blind measurement of blocking artifacts), in space.
    """
    border, other = region.steps[date]
    if min(border[COUNT], other[COUNT]) < _LEAST_STEPS:
        return None
    at, beside = border[SUM] / border[COUNT], other[SUM] / other[COUNT]
    spread = max(border[SQUARES] / border[COUNT] - at * at, 0.0) / border[COUNT]
    spread += max(other[SQUARES] / other[COUNT] - beside * beside, 0.0) / other[COUNT]
    if beside <= 0 or at < BLOCKY * beside or at - beside < _SURE * math.sqrt(spread):
        return None
    return float(at / beside)
