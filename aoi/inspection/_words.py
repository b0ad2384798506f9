"""What an inspection finds, as lines for people: a label and what it says."""

from __future__ import annotations

from collections.abc import Iterator

from aoi.facts import fact_text, in_order, label
from aoi.inspection._model import Coverage, Inspected, Storage
from aoi.inspection._overlap import Overlap
from aoi.inspection._pair import Pair
from aoi.report.words import clean, number, share
from imagery.scene import Acquisition, Band, Scene

_MOST_BANDS = 16

Row = tuple[str, str]


def file_rows(found: Inspected, *, roles: tuple[str, ...], hashes: bool) -> Iterator[Row]:
    """One file that can be used."""
    if found.scene is None:
        yield "file", f"{found.name} (metadata alone, no image)"
    else:
        yield "file", found.name
        yield from _image_rows(found, found.scene)
    yield "date", _date(found)
    for name in in_order(set(found.facts)):
        fact = found.facts[name]
        yield label(name).lower(), f"{fact_text(name, fact.value)} {_source(fact.source, found)}"
    if found.missing:
        options = ", ".join(f"--{roles[0]}-{what}" for what in found.missing)
        other = f" (or --{roles[1]}-…)" if len(roles) > 1 else ""
        named = {"license": "licence"}
        if found.lacks_view_azimuth:
            named["view"] = "view azimuth"
        what = ", ".join(named.get(one, one) for one in found.missing)
        yield "unknown", f"{what}: detect's {options}{other}"
    if hashes:
        for file in found.files:
            yield "sha256", f"{file.sha256}  {file.name}"
    elif len(found.files) > 1:
        yield "read too", ", ".join(file.name for file in found.files[1:])
    for caution in found.cautions:
        yield "warning", caution.message


def _image_rows(found: Inspected, scene: Scene) -> Iterator[Row]:
    rows, cols = scene.geobox.shape
    size = found.pixel_size_m or 0.0
    if scene.simulated:
        yield "SIMULATED", "not a real acquisition"
    if found.storage is not None:
        yield "format", f"{scene.driver}, {_stored(found.storage)}"
    yield (
        "size",
        f"{rows:,} x {cols:,} px (rows x columns), {_ground(rows * size)} x {_ground(cols * size)}",
    )
    yield "grid", _grid(scene, size)
    if found.centre is not None:
        yield "middle", "{1:.4f}, {0:.4f} (latitude, longitude)".format(*found.centre)
    yield "bands", _bands(scene)
    scaled = _scaled(scene.bands)
    if scaled:
        yield "values", scaled
    yield "not data", _unmarked(scene)
    yield "masks", ", ".join(mask.source for mask in scene.masks) or "none found beside it"
    if found.coverage is not None:
        yield from _coverage(found.coverage)


def _stored(storage: Storage) -> str:
    rows, cols = storage.block
    parts = [f"{'tiles' if storage.tiled else 'strips'} of {rows} x {cols} px"]
    factors = ", ".join(str(factor) for factor in storage.overviews)
    parts.append(f"overviews {factors}" if factors else "no overviews")
    parts.append(
        "not compressed" if storage.compression == "none" else f"compressed ({storage.compression})"
    )
    if storage.cloud_optimised:
        parts.append("cloud-optimised")
    return ", ".join(parts)


def _grid(scene: Scene, size: float) -> str:
    crs = scene.geobox.crs
    if crs is None:
        return f"not georeferenced, {number(size)} m a pixel by --pixel-size"
    code = crs.to_epsg()
    named = f"EPSG:{code}" if code else clean(crs.proj.name)
    return f"{named}, {number(size)} m a pixel on the ground"


def _ground(length: float) -> str:
    return f"{number(length / 1000)} km" if length >= 10_000 else f"{number(length)} m"


def _bands(scene: Scene) -> str:
    labels = [band.label for band in scene.bands[:_MOST_BANDS]]
    more = len(scene.bands) - len(labels)
    listed = ", ".join(labels) + (f" and {more} more" if more else "")
    display = ", an 8-bit picture whose stretch is unknown" if scene.display_product else ""
    return f"{len(scene.bands)}: {listed} ({scene.dtype}{display})"


def _scaled(bands: tuple[Band, ...]) -> str:
    """How stored values become physical ones, by band where they differ."""
    kinds: dict[tuple[float, float], list[str]] = {}
    for band in bands:
        kinds.setdefault((band.scale, band.offset), []).append(band.label)
    if set(kinds) == {(1.0, 0.0)}:
        return ""
    return "; ".join(
        f"stored x {scale:g} {'+' if offset >= 0 else '-'} {abs(offset):g}"
        + ("" if len(kinds) == 1 else f" ({', '.join(names[:_MOST_BANDS])})")
        for (scale, offset), names in kinds.items()
    )


def _unmarked(scene: Scene) -> str:
    marks = []
    if scene.nodata is not None:
        marks.append(f"nodata {scene.nodata:.10g}")
    if scene.alpha is not None:
        marks.append(f"alpha (band {scene.alpha.index})")
    elif scene.has_mask:
        marks.append("the file's own mask")
    if scene.collar is not None:
        marks.append("an untagged border")
    return ", ".join(marks) or "nothing marks it"


def _coverage(found: Coverage) -> Iterator[Row]:
    about = ", by a sample" if found.sampled else ""
    yield "pixels", f"{share(found.valid)} hold data{about}"
    if found.area is None:
        return
    if found.area_inside is None:
        yield "area", f"{clean(found.area)}: can't be told across the antimeridian"
    elif found.area_inside == 0:
        yield "area", f"{clean(found.area)}: none of it lies in the image"
    else:
        yield (
            "area",
            f"{clean(found.area)}: {share(found.area_inside)} lies in the image, "
            f"{share(found.area_valid)} holds data"
            + (
                "" if found.area_clear is None else f", {share(found.area_clear)} clear by its mask"
            ),
        )


def _date(found: Inspected) -> str:
    when = found.acquisition
    if not when.known:
        return "unknown" + _file_time(when)
    local = found.solar_time
    solar = "" if local is None else f", about {local:%H:%M} by the sun"
    precise = "an interval" if when.precision == "interval" else f"to the {when.precision}"
    return f"{when}{solar}, {precise} {_source(when.source, found)}"


def _file_time(when: Acquisition) -> str:
    if when.start is None:
        return ""
    return f"; the file was written {when.start:%Y-%m-%d} [{when.source}]"


def _source(source: str, found: Inspected) -> str:
    """Who says so, without the name of the file that is told of anyway."""
    return f"[{source.replace(f' {found.name}', '')}]"


def _overlap(found: Overlap | None) -> str:
    if found is None:
        return "can't be told: bounds that nobody states, or across the antimeridian"
    if found.area_m2 == 0:
        return "the two share no ground"
    return f"{share(found.share)} of the smaller, {number(found.area_m2 / 1e6)} km²"


def pair_rows(pair: Pair, before: Inspected, after: Inspected) -> Iterator[Row]:
    """Two files together."""
    yield "pair", f"{before.name} and {after.name}"
    if pair.comparability is not None:
        told = {f"-{what} " for one in (before, after) for what in one.missing}
        sentences = [
            sentence
            for sentence in pair.comparability.sentences
            # What a file lacks has been told of the file.
            if sentence not in pair.comparability.unknown or not any(w in sentence for w in told)
        ]
        for place, sentence in enumerate(sentences or ["nothing is known of when and whence"]):
            yield ("" if place else "comparable"), sentence.replace("; --", "; detect's --", 1)
    else:
        yield "comparable", "can't be told: neither states the size of its pixels"
    yield "overlap", _overlap(pair.overlap)
    if pair.area_shared == 0:
        yield "area", f"none of {clean(pair.area)} lies in both images"
    elif pair.area_shared is not None:
        yield "area", f"{share(pair.area_shared)} of {clean(pair.area)} lies in both images"
    names = {"before": before.name, "after": after.name}
    if pair.plan is not None:
        whose = names[pair.plan.reference] if pair.plan.reference != "other" else "another"
        yield "common grid", f"that of {whose}, {number(pair.plan.pixel_size_m)} m a pixel"
        for role, why in pair.plan.reasons.items():
            yield "", f"{names[role]} is resampled: {why}"
        if not pair.plan.reasons:
            yield "", "neither is resampled onto it: pixels coincide"
    if pair.bands is not None:
        yield "common bands", f"{', '.join(pair.bands.names)} (paired by {pair.bands.how})"
    if pair.refusal is not None:
        yield "refused", str(pair.refusal)
    for caution in pair.cautions:
        yield "warning", caution.message
