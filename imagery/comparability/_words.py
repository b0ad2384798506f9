"""What the comparability of two passes means, in plain sentences."""

from __future__ import annotations

from collections.abc import Iterator

from imagery.comparability._geometry import implausible, incidence, number
from imagery.comparability._model import Comparability, Displacement, Pass
from imagery.record import Caution
from imagery.scene import Facts

MOST_LEAN_PX = MOST_SHADOW_PX = 3.0
"""What moves further shows as a change of its own: the eye finds 2 px, outlines keep 3."""

LOW_SUN_DEG = 10.0
_SEEN_PX = 0.5
"""What moves less, whatever the side, needs no side."""

_MONTH = 365.25 / 12
OTHER_SEASON_DAYS = 45.0
"""Days in the circle of the year beyond which two dates are of different seasons."""

_ROLES = ("before", "after")
_IMAGES = {"before": "the earlier image", "after": "the later image"}


def sentences(found: Comparability, before: Pass, after: Pass) -> Iterator[str]:
    """What is known."""
    if found.days is not None:
        to_the_day = any(one.acquisition.precision != "second" for one in (before, after))
        yield _apart(found, to_the_day=to_the_day)
    first, second = before.facts, after.facts
    if not any(found.radar):
        yield from _sun(found, first, second)
        yield from _view(found, first, second)
    if found.same_platform is not None:
        yield _platforms(found, *(_fact(facts, "platform") for facts in (first, second)))
    if found.same_orbit is not None:
        yield (
            "Both were taken from the same orbit."
            if found.same_orbit
            else f"Taken from different orbits{_named(first, second)}."
        )


def unknown(found: Comparability, before: Pass, after: Pass, *, same_view: bool) -> Iterator[str]:
    """What is not known, each with the option that supplies it."""
    passes = dict(zip(_ROLES, (before, after), strict=True))

    def lacking(*names: str) -> list[str]:
        return [
            r for r, p in passes.items() if any(number(p.facts, name) is None for name in names)
        ]

    undated = [role for role, one in passes.items() if not one.acquisition.known]
    yield from _lack("the date", undated, "date")
    if all(found.radar):
        yield from _side(before.facts, after.facts)
    if any(found.radar):
        return
    sunless = lacking("view:sun_elevation", "view:sun_azimuth")
    yield from _lack("where the sun stood", sunless, "sun")
    angles = [role for role, one in passes.items() if incidence(one.facts) is None]
    if angles and not (same_view and len(angles) == 2):
        yield from _lack("from where it was seen", angles, "view")
    elif found.lean is not None and found.lean.px is None and found.lean.most_px > _SEEN_PX:
        yield from _lack("from which side it was seen", lacking("view:azimuth"), "view")


def _side(before: Facts, after: Facts) -> Iterator[str]:
    """What decides whether two radar images are comparable at all, where either lacks it."""
    lacking = [
        words
        for name, words in (
            ("sat:orbit_state", "the direction of flight"),
            ("sar:observation_direction", "the direction of look"),
        )
        if not (_fact(before, name) and _fact(after, name))
    ]
    if lacking:
        yield (
            f"Unknown: {' and '.join(lacking)} of either image; radar images from two sides are "
            "not comparable."
        )


def cautions(found: Comparability, before: Pass, after: Pass) -> Iterator[Caution]:
    """What must be known before the difference is believed."""
    yield from incomparable(found, before, after)
    if any(found.radar):
        return
    height = f"{found.height_m:g} m"
    if found.lean is not None and found.lean.most_px > MOST_LEAN_PX:
        bounds = ", depending on the sides from which they were taken"
        yield Caution(
            "lean",
            f"Tops of {height} buildings move {_moved(found.lean, found)} between the images"
            f"{bounds if found.lean.px is None else ''}: roofs and walls will show as changes.",
        )
    if found.shadow is not None and found.shadow.most_px > MOST_SHADOW_PX:
        yield Caution(
            "shadow",
            f"Shadows of {height} buildings end {_moved(found.shadow, found)} apart: their edges "
            "will show as changes.",
        )
    for image, elevation in _elevations(before, after):
        if 0 < elevation < LOW_SUN_DEG:
            yield Caution(
                "low-sun",
                f"The sun stood only {elevation:.0f}° high in {image}: long shadows hide much of "
                "the ground.",
            )


def incomparable(found: Comparability, before: Pass, after: Pass) -> tuple[Caution, ...]:
    """Why the two can't be compared at all; none where they can."""
    if found.radar[0] != found.radar[1]:
        text = "One image is radar and the other is not: nearly everything will show as a change."
        return (Caution("radar-optical", text),)
    if found.radar[0]:
        differences = "; ".join(_radar_differences(before.facts, after.facts))
        text = f"The radar images are not comparable: {differences}."
        return (Caution("radar-geometry", text),) if differences else ()
    return tuple(
        Caution(
            "night",
            f"The sun stood {-elevation:.0f}° below the horizon in {image}: it was taken by night, "
            "or its metadata are wrong.",
        )
        for image, elevation in _elevations(before, after)
        if elevation <= 0
    )


def _elevations(before: Pass, after: Pass) -> Iterator[tuple[str, float]]:
    for image, one in zip(_IMAGES.values(), (before, after), strict=True):
        elevation = number(one.facts, "view:sun_elevation")
        if elevation is not None:
            yield image, elevation


def _radar_differences(before: Facts, after: Facts) -> Iterator[str]:
    """What differs between two radar passes that makes the ground look another way."""
    for name, words in (
        ("sat:orbit_state", "directions of flight"),
        ("sar:observation_direction", "look directions"),
        ("sar:frequency_band", "frequency bands"),
    ):
        values = [_fact(facts, name).lower() for facts in (before, after)]
        if all(values) and values[0] != values[1]:
            yield f"different {words} ({values[0]} before, {values[1]} after)"
    first, second = (
        {word.strip() for word in _fact(facts, "sar:polarizations").upper().split(",")} - {""}
        for facts in (before, after)
    )
    if first and second and not first & second:
        yield (
            f"no polarisation in common ({', '.join(sorted(first))} before, "
            f"{', '.join(sorted(second))} after)"
        )


def _apart(found: Comparability, *, to_the_day: bool) -> str:
    days, season = found.days or 0.0, found.season_days
    if days < 0.5 and to_the_day:
        return "Taken on about the same day."
    if days * 24 < 1 and not to_the_day:
        minutes = round(days * 24 * 60)
        if minutes == 0:
            return "Taken within one minute."
        return f"Taken {minutes} minute{'' if minutes == 1 else 's'} apart."
    if days < 1 and not to_the_day:
        return f"Taken {days * 24:.1f} hours apart."
    if days < 1:
        text = "Taken about a day apart"
    elif days < 730:
        text = f"Taken {days:,.0f} day{'' if round(days) == 1 else 's'} apart"
    else:
        text = f"Taken {days / 365.25:.1f} years apart"
    if season is None:
        return f"{text}; a season can't be told of an interval so long."
    if season <= OTHER_SEASON_DAYS:
        return f"{text}, in the same season."
    months = round(season / _MONTH)
    return f"{text}, {months} months apart in the year: plants, snow and water differ by season."


def _sun(found: Comparability, before: Facts, after: Facts) -> Iterator[str]:
    high = [number(facts, "view:sun_elevation") for facts in (before, after)]
    if high[0] is None or high[1] is None:
        return
    text = f"The sun stood {high[0]:.0f}° high before and {high[1]:.0f}° after"
    if found.sun_azimuth_change_deg is not None:
        text += f", {abs(found.sun_azimuth_change_deg):.0f}° apart around the horizon"
    if found.shadow is not None:
        text += (
            f": shadows of {found.height_m:g} m buildings are {_px(found.shadow.before_px)} and "
            f"{_px(found.shadow.after_px)} px long and end {_moved(found.shadow, found)} apart"
        )
    yield text + "."


def _view(found: Comparability, before: Facts, after: Facts) -> Iterator[str]:
    angles = [incidence(facts) for facts in (before, after)]
    if angles[0] is None or angles[1] is None or found.lean is None:
        return
    yield (
        f"Seen {angles[0]:.0f}° from the vertical before and {angles[1]:.0f}° after: tops of "
        f"{found.height_m:g} m buildings move {_moved(found.lean, found)} between the images."
    )
    for image, facts in zip(_IMAGES.values(), (before, after), strict=True):
        if implausible(facts):
            yield (
                f"The incidence angle that is stated for {image} can't belong to its off-nadir "
                "angle, which is used instead."
            )


def _platforms(found: Comparability, first: str, second: str) -> str:
    if found.same_platform:
        return f"One platform: {first}."
    kind = "of one family" if found.same_family else "with different sensors"
    return f"Two platforms {kind}: {first} before and {second} after."


def _moved(moved: Displacement, found: Comparability) -> str:
    """A displacement in px and on the ground: the value, or its bounds."""
    least, most = moved.least_px, moved.most_px
    if moved.px is not None:
        return f"{_px(most)} px ({_px(most * found.pixel_size_m)} m)"
    ground = _range(least * found.pixel_size_m, most * found.pixel_size_m)
    return f"{_range(least, most)} px ({ground} m)"


def _range(least: float, most: float) -> str:
    """Two bounds; one number where they read the same."""
    low, high = _px(least), _px(most)
    return low if low == high else f"{low} to {high}"


def _px(length: float) -> str:
    return f"{length:.1f}" if length < 10 else f"{length:,.0f}"


def _lack(what: str, roles: list[str], option: str) -> Iterator[str]:
    if not roles:
        return
    images = " and ".join(_IMAGES[role] for role in roles)
    options = " and ".join(f"--{role}-{option}" for role in roles)
    supply = "supplies" if len(roles) == 1 else "supply"
    yield f"Unknown: {what} ({images}); {options} {supply} it."


def _named(before: Facts, after: Facts) -> str:
    """The two orbits in brackets, where both have a direction or a number that differs."""
    for name, word in (("sat:orbit_state", ""), ("sat:relative_orbit", "number ")):
        values = [_fact(facts, name) for facts in (before, after)]
        if all(values) and values[0] != values[1]:
            return f" ({word}{values[0]} before, {values[1]} after)"
    return ""


def _fact(facts: Facts, name: str) -> str:
    fact = facts.get(name)
    if fact is None:
        return ""
    return f"{fact.value:g}" if isinstance(fact.value, float) else str(fact.value)
