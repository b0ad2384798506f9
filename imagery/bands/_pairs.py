"""Which bands of two scenes show the same part of the spectrum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from imagery.bands._names import sensor_of
from imagery.errors import InputError
from imagery.record import Caution
from imagery.scene import Band, Scene


@dataclass(frozen=True, kw_only=True)
class BandPairs:
    """Which band of the one scene goes with which band of the other."""

    before: tuple[int, ...]
    """Indexes in the earlier file, from 1."""

    after: tuple[int, ...]
    """Indexes in the later file, as many."""

    names: tuple[str, ...]
    """What to call each pair."""

    how: str
    """What the pairing rests on: ``"option"``, ``"description"``, ``"product"``,
    ``"colour interpretation"`` or ``"position"``, the weakest where there are several."""

    cautions: tuple[Caution, ...]
    display: tuple[int, ...]
    """Positions in the pairs, counted from 0, of red, green and blue, or of a single band."""


_WEAKEST_LAST = ("description", "product", "colour interpretation", "position")


def pair_bands(before: Scene, after: Scene, *, explicit: bool) -> BandPairs:
    """Pair the bands of two scenes.

    Parameters
    ----------
    before, after
        The scenes, with the bands that may be used, in order.
    explicit
        Whether the user chose the bands: then they pair by position.

    Raises
    ------
    InputError
        If nothing tells which bands go together; it names the options that do.
    """
    b, a = before.bands, after.bands
    if explicit and len(b) == len(a):
        return _pairs(zip(b, a, strict=True), how="option", cautions=_differing(b, a))
    if len(b) == len(a) and _agree_by_position(b, a):
        return _in_order(b, a)
    pairs, how = _by_name(b, a)
    if not pairs:
        pairs, how = _by_description(before, after)
    if pairs:
        return _pairs(pairs, how=how, cautions=_left_out(before, after, pairs))
    nameless = not any(x.name for x in b) or not any(x.name for x in a)
    if nameless and len(b) == len(a):
        return _pairs(zip(b, a, strict=True), how="position", cautions=(_position_caution(b, a),))
    raise InputError(
        f"{before.name}, {after.name}: nothing tells which bands go together",
        found=f"{_listed(b)} before, {_listed(a)} after",
        needed="bands of one part of the spectrum, in one order",
        option="--before-bands and --after-bands",
    )


def _agree_by_position(b: Sequence[Band], a: Sequence[Band]) -> bool:
    """Whether some bands are named, each alike in both, and the rest in neither."""
    return any(x.name for x in b) and all(x.name == y.name for x, y in zip(b, a, strict=True))


def _in_order(b: Sequence[Band], a: Sequence[Band]) -> BandPairs:
    pairs = list(zip(b, a, strict=True))
    unnamed = [x for x, _ in pairs if not x.name]
    cautions: tuple[Caution, ...] = ()
    if unnamed and not all(x.description and x.description == y.description for x, y in pairs):
        numbers = ", ".join(str(x.index) for x in unnamed)
        cautions = (
            Caution("bands-by-position", f"Band {numbers} has no name: paired by its position."),
        )
    how = max((_how(x, y) for x, y in pairs if x.name), key=_WEAKEST_LAST.index)
    return _pairs(pairs, how=how, cautions=cautions)


def _by_name(b: Sequence[Band], a: Sequence[Band]) -> tuple[list[tuple[Band, Band]], str]:
    there = {band.name: band for band in a if band.name}
    pairs = [(band, there[band.name]) for band in b if band.name in there]
    how = max((_how(x, y) for x, y in pairs), key=_WEAKEST_LAST.index, default="")
    return pairs, how


def _by_description(before: Scene, after: Scene) -> tuple[list[tuple[Band, Band]], str]:
    """Pair by equal words, which mean the same only on one sensor (``"B4"``)."""
    one, two = before.platform, after.platform
    if one != two and (sensor_of(one) is None or sensor_of(one) != sensor_of(two)):
        return [], ""
    pairs = []
    for band in before.bands:
        same = [x for x in after.bands if x.description and x.description == band.description]
        again = [x for x in before.bands if x.description == band.description]
        if len(same) == 1 and len(again) == 1:
            pairs.append((band, same[0]))
    return pairs, "description"


def _pairs(
    pairs: Iterable[tuple[Band, Band]], *, how: str, cautions: tuple[Caution, ...]
) -> BandPairs:
    both = list(pairs)
    names = tuple(x.name or y.name or x.label for x, y in both)
    rgb = [names.index(name) for name in ("red", "green", "blue") if name in names]
    display = (0, 1, 2) if len(both) >= 3 else (0,)
    return BandPairs(
        before=tuple(x.index for x, _ in both),
        after=tuple(y.index for _, y in both),
        names=names,
        how=how,
        cautions=cautions,
        display=tuple(rgb) if len(rgb) == 3 else display,
    )


def _how(one: Band, two: Band) -> str:
    return max(one.named_by, two.named_by, key=_WEAKEST_LAST.index)


def _listed(bands: Sequence[Band]) -> str:
    count = f"{len(bands)} band{'' if len(bands) == 1 else 's'}"
    return f"{count} ({', '.join(band.label for band in bands[:12])})"


def _left_out(
    before: Scene, after: Scene, pairs: Sequence[tuple[Band, Band]]
) -> tuple[Caution, ...]:
    left = [
        f"{band.label} of {scene.name}"
        for scene, used in ((before, {x for x, _ in pairs}), (after, {y for _, y in pairs}))
        for band in scene.bands
        if band not in used
    ]
    if not left:
        return ()
    more = f" and {len(left) - 6} more" if len(left) > 6 else ""
    common = "the one common band" if len(pairs) == 1 else f"the {len(pairs)} common bands"
    return (
        Caution(
            "bands-left-out",
            f"Uses {common} ({', '.join(x.label for x, _ in pairs)}); "
            f"left out: {', '.join(left[:6])}{more}.",
        ),
    )


def _position_caution(b: Sequence[Band], a: Sequence[Band]) -> Caution:
    if len(b) == 1:
        message = "Nothing tells that the two images' bands show the same part of the spectrum."
    else:
        message = (
            f"Nothing names the bands of both images: the {len(b)} bands are paired by position."
        )
    return Caution("bands-by-position", message)


def _differing(b: Sequence[Band], a: Sequence[Band]) -> tuple[Caution, ...]:
    unlike = [
        f"{x.name} with {y.name}"
        for x, y in zip(b, a, strict=True)
        if x.name and y.name and x.name != y.name
    ]
    if not unlike:
        return ()
    return (Caution("bands-differ", f"The bands that were chosen differ: {', '.join(unlike)}."),)
