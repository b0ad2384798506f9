"""Opening: all that is known of an image before its pixels are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from imagery.bands import name_bands
from imagery.env import gdal_messages, open_raster
from imagery.errors import InputError, UsageError
from imagery.metadata import Metadata, overlap, parse_date, read_metadata
from imagery.options import ReadOptions, SceneOptions
from imagery.read._georeference import geobox_of
from imagery.read._validity import find_alpha, find_marks
from imagery.record import Caution, sha256_of
from imagery.scene import Acquisition, Alpha, Band, Fact, InputFile, Role, Scene

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_COLOUR_DRIVERS = ("PNG", "JPEG", "WEBP")
_HARMLESS = ("ascending order", "Photometric type-related", "Unknown field with tag")
"""Words of GDAL's on untidy tags, which decide nothing here."""

_DOMAINS = ("", "IMAGERY", "IMD", "IMAGE_STRUCTURE")


def open_scene(
    path: Path, *, role: Role, scene_options: SceneOptions, read_options: ReadOptions
) -> Scene:
    """Open an image and understand it, or refuse it in one line.

    Parameters
    ----------
    path
        A GeoTIFF, COG, JPEG 2000, PNG, JPEG or WebP file.
    role
        Which of the two scenes it is; errors name this one's options.
    scene_options
        What the user says of this scene; it wins over what the file says.
    read_options
        What the user says of both.

    Returns
    -------
    Scene
        An immutable value that holds no open file.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If the file is unreadable, has no pixels to compare (palette, complex values), or doesn't
        say where on the Earth it lies.
    UsageError
        If an option is wrong in itself or contradicts the file.

    Notes
    -----
    Reads the header and the sidecars; pixels only, and sampled, where a band is tagged alpha and
    where nothing marks missing pixels, to look for an untagged border.
    """
    given = _given_acquisition(scene_options, role=role)
    with gdal_messages() as said, open_raster(path) as dataset:
        _check_header(said, name=path.name)
        _check_pixels(dataset, name=path.name)
        geobox = geobox_of(dataset, name=path.name, options=read_options)
        metadata = read_metadata(path, {ns: _tags(dataset, ns) for ns in _DOMAINS})
        alpha, cautions = find_alpha(dataset, name=path.name)
        every, more = _bands(dataset, metadata, alpha=alpha, name=path.name)
        bands = _chosen(every, scene_options, read_options, role=role, name=path.name)
        marks = find_marks(dataset, bands, name=path.name, alpha=alpha, given=read_options.nodata)
        sidecars = [Path(file) for file in dataset.files[1:]] + list(metadata.files)
        driver, dtype = str(dataset.driver), str(dataset.dtypes[bands[0].index - 1])
        display_product = _is_display_product(dataset, bands)
        pages = _page_caution(dataset, name=path.name)
    reader = _reader_cautions(said, name=path.name)
    acquisition, dates = _acquisition(given, metadata, name=path.name)
    facts = {**metadata.facts, **_given_facts(scene_options, role=role)}
    return Scene(
        path=path,
        role=role,
        geobox=geobox,
        driver=driver,
        dtype=dtype,
        bands=bands,
        nodata=marks.nodata,
        has_mask=marks.mask or alpha is not None,
        alpha=alpha,
        collar=marks.collar,
        display_product=display_product,
        acquisition=acquisition,
        facts=facts,
        simulated=metadata.simulated,
        files=_files(path, sidecars),
        cautions=(*pages, *reader, *cautions, *more, *marks.cautions, *metadata.cautions, *dates),
    )


def _check_header(said: Sequence[str], *, name: str) -> None:
    """Refuse a file whose tags reach beyond its end: GDAL goes on as if they weren't there."""
    for message in said:
        if "IO error" in message:
            raise InputError(
                f"{name}: damaged or cut off: its header can't be read whole",
                found=message.removeprefix(f"{name}: ")[:200],
                needed="a whole file",
            )


def _reader_cautions(said: Sequence[str], *, name: str) -> tuple[Caution, ...]:
    told = [
        " ".join(message.removeprefix(f"{name}: ").split())[:200]
        for message in dict.fromkeys(said)
        if not any(harmless in message for harmless in _HARMLESS)
    ]
    return tuple(
        Caution("reader-message", f"{name}: the library that reads it says: {text}")
        for text in told[:3]
    )


def _check_pixels(dataset: Any, *, name: str) -> None:
    from rasterio.enums import ColorInterp

    if dataset.count == 0 or dataset.width == 0 or dataset.height == 0:
        raise InputError(
            f"{name}: has no pixels",
            found=f"{dataset.count} bands of {dataset.height} x {dataset.width} px",
            needed="at least one band and one pixel",
        )
    unfit = [dtype for dtype in dataset.dtypes if dtype not in DTYPES]
    if unfit:
        kind = "complex" if unfit[0].startswith("complex") else unfit[0]
        raise InputError(
            f"{name}: its pixels are {kind} numbers, which this program doesn't compare",
            found=unfit[0],
            needed="one of " + ", ".join(DTYPES),
        )
    if ColorInterp.palette in dataset.colorinterp:
        raise InputError(
            f"{name}: is a palette image, whose numbers are places in a table of colours",
            found="a colour table",
            needed="RGB, which 'gdal_translate -expand rgb' makes of it",
        )


def _tags(dataset: Any, domain: str) -> Mapping[str, str]:
    tags: Mapping[str, str] = dataset.tags(ns=domain) if domain else dataset.tags()
    return tags


def _page_caution(dataset: Any, *, name: str) -> tuple[Caution, ...]:
    pages = len(dataset.subdatasets)
    if pages < 2:
        return ()
    return (Caution("first-page", f"{name}: has {pages} images inside; the first is used."),)


def _bands(
    dataset: Any, metadata: Metadata, *, alpha: Alpha | None, name: str
) -> tuple[tuple[Band, ...], tuple[Caution, ...]]:
    """Every band of the file that carries measurement."""
    kept = [i for i in range(dataset.count) if alpha is None or i + 1 != alpha.index]
    platform = metadata.facts.get("platform")
    names = name_bands(
        [dataset.descriptions[i] for i in kept],
        colours=[dataset.colorinterp[i].name for i in kept],
        platform=None if platform is None else str(platform.value),
        product=metadata.bands,
    )
    bands, cautions = [], []
    for i, (canonical, source) in zip(kept, names, strict=True):
        scale, offset = float(dataset.scales[i]), float(dataset.offsets[i])
        if not (0 < abs(scale) < 1e30 and abs(offset) < 1e30):  # False for NaN
            cautions.append(
                Caution(
                    "scale-ignored",
                    f"{name}: band {i + 1}'s scale {scale:g} and offset {offset:g} are left out.",
                )
            )
            scale, offset = 1.0, 0.0
        bands.append(
            Band(
                index=i + 1,
                name=canonical,
                named_by=source,
                description=" ".join((dataset.descriptions[i] or "").split())[:100],
                scale=scale,
                offset=offset,
            )
        )
    return tuple(bands), tuple(cautions)


def _chosen(
    bands: tuple[Band, ...],
    scene_options: SceneOptions,
    read_options: ReadOptions,
    *,
    role: Role,
    name: str,
) -> tuple[Band, ...]:
    """The bands that the user names, in this order, or all."""
    text, option = scene_options.bands, f"--{role}-bands"
    if text is None:
        text, option = read_options.bands, "--bands"
    if text is None:
        return bands
    chosen: list[Band] = []
    for word in (part.strip() for part in text.split(",")):
        band = _find(bands, word)
        if band is None or band in chosen:
            raise UsageError(
                f"{name}: {'band twice' if band else 'no such band'}",
                found=f"{word!r} in {text!r}"[:200],
                needed="different ones of " + ", ".join(_choice(b) for b in bands[:30]),
                option=option,
            )
        chosen.append(band)
    return tuple(chosen)


def _find(bands: Sequence[Band], word: str) -> Band | None:
    if word.isdecimal():
        return next((band for band in bands if band.index == int(word)), None)
    same = [b for b in bands if word and word.lower() in (b.name, b.description.lower())]
    return same[0] if len(same) == 1 else None


def _choice(band: Band) -> str:
    label = band.name or band.description
    return f"{band.index} ({label})" if label else str(band.index)


def _is_display_product(dataset: Any, bands: Sequence[Band]) -> bool:
    from rasterio.enums import ColorInterp

    if any(dataset.dtypes[band.index - 1] != "uint8" for band in bands):
        return False
    if any(band.scale != 1 or band.offset != 0 for band in bands):
        return False  # a quantity in 8 bits, not a picture
    colours = {ColorInterp.red, ColorInterp.green, ColorInterp.blue}
    return (
        dataset.driver in _COLOUR_DRIVERS
        or colours <= set(dataset.colorinterp)
        or len(bands) == 3  # colours, though their tag was lost
    )


def _given_acquisition(options: SceneOptions, *, role: Role) -> Acquisition | None:
    if options.date is None:
        return None
    try:
        start, end, precision = parse_date(options.date)
    except ValueError as error:
        raise UsageError(
            f"--{role}-date: {error}",
            found=options.date[:100],
            needed="a day (2024-06-06), a time (2024-06-06T02:10Z) or START/END",
            option=f"--{role}-date",
        ) from error
    return Acquisition(start, end, precision, f"option --{role}-date")


def _acquisition(
    given: Acquisition | None, metadata: Metadata, *, name: str
) -> tuple[Acquisition, tuple[Caution, ...]]:
    own = metadata.acquisition
    if given is not None:
        if own is not None and own.known and not overlap(given, own):
            message = f"{name}: {own.source} says {own}, but {given.source} says {given}: used."
            return given, (Caution("date-overridden", message),)
        return given, ()
    if own is None:
        return Acquisition(), ()
    if not own.confirmed and own.start is not None:
        message = (
            f"{name}: its only date, {own.start:%Y-%m-%d %H:%M}, is that of the file "
            f"(TIFFTAG_DATETIME), which may be months after the exposure: not used."
        )
        return own, (Caution("date-not-confirmed", message),)
    return own, ()


def _given_facts(options: SceneOptions, *, role: Role) -> dict[str, Fact]:
    """What the user says of the scene, which wins over what its files say."""
    given = {"credit": options.credit, "license": options.license}
    return {
        name: Fact(value, f"option --{role}-{name}")
        for name, value in given.items()
        if value is not None
    }


def _files(path: Path, sidecars: Sequence[Path]) -> tuple[InputFile, ...]:
    """The image, then each sidecar once, with what proves which bytes were read."""
    files = []
    for file in dict.fromkeys([path.absolute(), *(s.absolute() for s in sidecars)]):
        try:
            files.append(InputFile(file.name, sha256_of(file), file.stat().st_size))
        except OSError as error:
            raise InputError(
                f"{path.name}: {file.name} cannot be read",
                found=error.strerror or str(error),
                needed="the image and what lies beside it, whole",
            ) from error
    return tuple(files)
