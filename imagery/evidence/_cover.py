"""VEGETATION, WATER, SNOW: covers that change by themselves."""

from __future__ import annotations

from imagery.evidence._kind import outlines
from imagery.evidence._model import AFTER, BEFORE, Traits, Verdict
from imagery.evidence._setting import Setting

PLANTS = 0.3
"""NDVI of a closed enough cover of plants (Tucker 1979; bare soil stays below 0.2)."""

GREENER = 0.1
"""Change of NDVI that is more than the light's: half of what parts soil from plants."""

_GREEN, _GREENER = 0.05, 0.03
"""Excess of green over the mean of red and blue, of their sum, in plants; and its change."""

SNOW = 0.4
"""NDSI of snow, where green is above ``SNOW_GREEN`` (Hall, Riggs & Salomonson 1995)."""

SNOW_GREEN = 0.1
_WHITE = 0.15
_DARK_NIR = 0.05
"""Reflectance in near infrared below which even ground is water."""


def vegetation(region: Traits, setting: Setting) -> Verdict:
    """Whether plants that grew, withered or were mown make the difference."""
    index = _index(region, setting, ("nir", "nir08"), ("red",))
    if index is None:
        return _by_greenness(region, setting)
    before, after = index
    words = f"NDVI {before:.2f} before, {after:.2f} after"
    if max(index) < PLANTS:
        return Verdict("clear", f"No plants in either image: {words}.")
    if min(index) >= PLANTS:
        return Verdict("flagged", f"Plants in both images: {words}.")
    if after - before < GREENER and before - after < GREENER:
        return Verdict("clear", f"About as green: {words}.")
    bare = AFTER if after < before else BEFORE
    if _object_at(region, bare):
        return Verdict("clear", f"Plants in one image, and an outline of its own instead: {words}.")
    return Verdict("flagged", f"Plants that changed: {words}.")


def water(region: Traits, setting: Setting) -> Verdict:
    """Whether both images show water, whose waves and glint differ from day to day."""
    index = _index(region, setting, ("green",), ("nir", "nir08"))
    if index is not None:
        words = f"NDWI {index[0]:.2f} before, {index[1]:.2f} after"
        if min(index) > 0:
            return Verdict("flagged", f"Water in both images: {words}.")
        return Verdict("clear", f"Not water in both images: {words}.")
    nir = _first(setting, ("nir", "nir08"))
    if nir is None or not setting.physical:
        return Verdict("untested", "There are no bands of green and near infrared.")
    values = [float(region.mean(date)[nir]) for date in (BEFORE, AFTER)]
    words = f"near infrared {values[0]:.3f} before, {values[1]:.3f} after"
    if max(values) < _DARK_NIR:
        return Verdict("flagged", f"As dark as water in both images: {words}.")
    return Verdict("clear", f"Too bright for water: {words}.")


def snow(region: Traits, setting: Setting) -> Verdict:
    """Whether snow lies in one image at least."""
    index = _index(region, setting, ("green",), ("swir16",))
    if index is not None:
        green = [float(region.mean(date)[setting.band["green"]]) for date in (BEFORE, AFTER)]
        words = f"NDSI {index[0]:.2f} before, {index[1]:.2f} after"
        white = [
            ndsi > SNOW and (bright > SNOW_GREEN or not setting.physical)
            for ndsi, bright in zip(index, green, strict=True)
        ]
        if any(white):
            return Verdict("flagged", f"Snow in {_which(white, setting)}: {words}.")
        return Verdict("clear", f"No snow in either image: {words}.")
    return _by_whiteness(region, setting)


def _by_greenness(region: Traits, setting: Setting) -> Verdict:
    """A display's colours can tell of plants, but not that there are none."""
    if not {"red", "green", "blue"} <= setting.band.keys():
        return Verdict("untested", "There are no bands of red and near infrared.")
    excess = []
    for date in (BEFORE, AFTER):
        red, green, blue = (_level(region, date, setting, n) for n in ("red", "green", "blue"))
        excess.append((green - (red + blue) / 2) / max(red + green + blue, 1e-9))
    words = f"excess green {excess[0]:.2f} before, {excess[1]:.2f} after"
    bare = AFTER if excess[1] < excess[0] else BEFORE
    changed = abs(excess[1] - excess[0]) >= _GREENER and max(excess) >= _GREEN
    if changed and not (min(excess) < _GREEN and _object_at(region, bare)):
        return Verdict("flagged", f"Green that changed, by colour alone: {words}.")
    return Verdict("untested", f"Colour alone doesn't rule out plants: {words}.")


def _by_whiteness(region: Traits, setting: Setting) -> Verdict:
    """White, even ground without an outline may be snow; nothing else rules it out."""
    if not {"red", "green", "blue"} <= setting.band.keys() or not setting.physical:
        return Verdict("untested", "There is no band of short-wave infrared.")
    white = []
    for date in (BEFORE, AFTER):
        colours = [_level(region, date, setting, n) for n in ("red", "green", "blue")]
        even = max(colours) - min(colours) <= _WHITE * max(colours)
        white.append(min(colours) > SNOW and even)
    found = outlines(region)
    if any(white) and found is not None and not any(outline.seen for outline in found):
        return Verdict(
            "flagged", f"White and without an outline, as snow, in {_which(white, setting)}."
        )
    return Verdict("untested", "There is no band of short-wave infrared.")


def _index(
    region: Traits, setting: Setting, above: tuple[str, ...], below: tuple[str, ...]
) -> tuple[float, float] | None:
    """A normalised difference of two bands before and after; None without them."""
    first, second = _first(setting, above), _first(setting, below)
    if first is None or second is None:
        return None
    found = []
    for date in (BEFORE, AFTER):
        light = setting.light(region.mean(date))
        total = light[first] + light[second]
        found.append(float((light[first] - light[second]) / total) if total > 0 else 0.0)
    return found[0], found[1]


def _first(setting: Setting, names: tuple[str, ...]) -> int | None:
    return next((setting.band[name] for name in names if name in setting.band), None)


def _level(region: Traits, date: int, setting: Setting, name: str) -> float:
    return float(setting.light(region.mean(date))[setting.band[name]])


def _object_at(region: Traits, date: int) -> bool:
    """Whether something with an outline of its own stands there at that date alone."""
    found = outlines(region)
    return found is not None and found[date].seen and not found[1 - date].seen


def _which(dates: list[bool], setting: Setting) -> str:
    if all(dates):
        return "both images"
    return f"the {setting.called[dates.index(True)]} image"
