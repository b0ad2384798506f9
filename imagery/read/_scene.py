"""Opening: all that is known of an image, or of a product, before its pixels are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from imagery.bands import name_bands
from imagery.env import gdal_messages, open_raster
from imagery.errors import InputError, UsageError
from imagery.metadata import (
    Metadata,
    number_of,
    overlap,
    parse_date,
    read_metadata,
    read_metadata_file,
)
from imagery.options import ReadOptions, SceneOptions
from imagery.products import Image, Product, find_product
from imagery.read._georeference import geobox_of
from imagery.read._header import check_header, check_pixels, reader_cautions, sound_scaling
from imagery.read._product import dtype_of, laid_out, nodata_of, read_headers, usual_bands
from imagery.read._validity import find_alpha, find_marks
from imagery.record import Caution, sha256_of
from imagery.scene import Acquisition, Alpha, Band, Fact, InputFile, Role, Scene
from imagery.stamp import Stamp

_COLOUR_DRIVERS = ("PNG", "JPEG", "WEBP")
_DOMAINS = ("", "IMAGERY", "IMD", "IMAGE_STRUCTURE")


def open_scene(
    path: Path,
    *,
    role: Role,
    scene_options: SceneOptions,
    read_options: ReadOptions,
    hashes: bool = True,
) -> Scene:
    """Open an image and understand it, or refuse it in one line.

    Parameters
    ----------
    path
        A GeoTIFF, COG, JPEG 2000, PNG, JPEG or WebP file; or a product of several files as one
        image (see ``docs/products.md``): its folder, or its own metadata file.
    role
        Which of the two scenes it is; errors name this one's options.
    scene_options
        What the user says of this scene; it wins over what the file says.
    read_options
        What the user says of both.
    hashes
        Whether the files are hashed, for which each is read whole; else ``Scene.files`` has empty
        ones.

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
        say where on the Earth it lies; or if a folder holds nothing that is one image.
    UsageError
        If an option is wrong in itself or contradicts the file.

    Notes
    -----
    Reads the header and the sidecars; pixels only, and sampled, where a band is tagged alpha and
    where nothing marks missing pixels, to look for an untagged border.  Of a
    product, the headers of all its bands.
    """
    found = find_product(path)
    if isinstance(found, Product):
        return _open_product(found, role, scene_options, read_options, hashes=hashes)
    return _open_image(found, role, scene_options, read_options, hashes=hashes)


def _open_image(
    image: Image,
    role: Role,
    scene_options: SceneOptions,
    read_options: ReadOptions,
    *,
    hashes: bool,
) -> Scene:
    path = image.path
    given = _given_acquisition(scene_options, role=role)
    with gdal_messages() as said, open_raster(path) as dataset:
        check_header(said, name=path.name)
        check_pixels(dataset, name=path.name)
        geobox = geobox_of(dataset, name=path.name, options=read_options)
        tags = {ns: _tags(dataset, ns) for ns in _DOMAINS}
        metadata = _with_files(read_metadata(path, tags), image.metadata)
        alpha, cautions = find_alpha(dataset, name=path.name)
        every, more = _bands(dataset, metadata, alpha=alpha, name=path.name)
        bands = _chosen(every, every, scene_options, read_options, role=role, name=path.name)
        marks = find_marks(dataset, bands, name=path.name, alpha=alpha, given=read_options.nodata)
        sidecars = [Path(file) for file in dataset.files[1:]] + list(metadata.files)
        driver, dtype = str(dataset.driver), str(dataset.dtypes[bands[0].index - 1])
        display_product = _is_display_product(dataset, bands)
        pages = _page_caution(dataset, name=path.name)
    reader = reader_cautions(said, name=path.name)
    acquisition, dates = _acquisition(given, metadata, name=path.name)
    facts = _facts(metadata, scene_options, role=role)
    files, stamps = _files(path.name, [path, *sidecars], hashes=hashes)
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
        files=files,
        stamps=stamps,
        cautions=(*pages, *reader, *cautions, *more, *marks.cautions, *metadata.cautions, *dates),
    )


def _open_product(
    product: Product,
    role: Role,
    scene_options: SceneOptions,
    read_options: ReadOptions,
    *,
    hashes: bool,
) -> Scene:
    name = product.path.name
    given = _given_acquisition(scene_options, role=role)
    every = read_headers(product, options=read_options)
    chosen = _chosen(
        tuple(header.band for header in every),
        usual_bands(every),
        scene_options,
        read_options,
        role=role,
        name=name,
    )
    geobox, bands = laid_out(product, every, chosen)
    headers = [header for band in bands for header in every if header.band.index == band.index]
    nodata, cautions = nodata_of(product, headers, given=read_options.nodata)
    metadata = _with_files(
        read_metadata(headers[0].layer.path, {"": headers[0].tags}), product.metadata
    )
    if product.path.is_dir():  # its name may tell what those of its files don't
        metadata = metadata.filled_by(read_metadata(product.path, {}))
    acquisition, dates = _acquisition(given, metadata, name=name)
    images = [file for h in headers for file in (h.layer.path, *h.sidecars)]
    files, stamps = _files(name, [*product.metadata, *images, *metadata.files], hashes=hashes)
    return Scene(
        path=product.path,
        role=role,
        geobox=geobox,
        driver=headers[0].driver,
        dtype=dtype_of(headers, bands),
        bands=bands,
        nodata=nodata,
        has_mask=any(header.mask for header in headers),
        alpha=None,
        collar=None,
        display_product=False,
        acquisition=acquisition,
        facts=_facts(metadata, scene_options, role=role),
        simulated=metadata.simulated,
        files=files,
        stamps=stamps,
        cautions=(
            *product.cautions,
            *(caution for header in headers for caution in header.cautions),
            *cautions,
            *metadata.cautions,
            *dates,
        ),
    )


def _with_files(metadata: Metadata, files: Sequence[Path]) -> Metadata:
    """Metadata, with those of files that weren't found from the image's name before them."""
    read = {file.absolute() for file in metadata.files}
    for file in reversed(files):
        said = None if file.absolute() in read else read_metadata_file(file)
        if said is not None:
            metadata = said.filled_by(metadata)
    return metadata


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
    bands: list[Band] = []
    cautions: list[Caution] = []
    for i, (canonical, source) in zip(kept, names, strict=True):
        scale, offset, ignored = sound_scaling(
            float(dataset.scales[i]), float(dataset.offsets[i]), name=name, band=f"band {i + 1}"
        )
        cautions += ignored
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
    usual: tuple[Band, ...],
    scene_options: SceneOptions,
    read_options: ReadOptions,
    *,
    role: Role,
    name: str,
) -> tuple[Band, ...]:
    """The bands that the user names, in this order, or the usual ones."""
    text, option = scene_options.bands, f"--{role}-bands"
    if text is None:
        text, option = read_options.bands, "--bands"
    if text is None:
        return usual
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


def _facts(metadata: Metadata, options: SceneOptions, *, role: Role) -> dict[str, Fact]:
    """What is known of the passage, the user's word first."""
    given = _given_facts(options, role=role)
    # The files' incidence angle belongs to their view, not to the user's.
    other = {"view:incidence_angle"} if options.view is not None else set()
    return {name: fact for name, fact in metadata.facts.items() if name not in other} | given


def _given_facts(options: SceneOptions, *, role: Role) -> dict[str, Fact]:
    """What the user says of the scene, which wins over what its files say."""
    given: dict[str, tuple[str | float | None, str]] = {
        "credit": (options.credit, "credit"),
        "license": (options.license, "license"),
    }
    if options.sun is not None:
        azimuth, elevation = _angles(options.sun, option=f"--{role}-sun", least=-90)
        given["view:sun_azimuth"] = (azimuth, "sun")
        given["view:sun_elevation"] = (elevation, "sun")
    if options.view is not None:
        azimuth, off_nadir = _angles(options.view, option=f"--{role}-view", least=0)
        given["view:azimuth"] = (azimuth, "view")
        given["view:off_nadir"] = (off_nadir, "view")
    return {
        name: Fact(value, f"option --{role}-{option}")
        for name, (value, option) in given.items()
        if value is not None
    }


def _angles(text: str, *, option: str, least: float) -> tuple[float, float]:
    """An azimuth from 0 to 360° and an angle from ``least`` to 90°."""
    parts = text.split(",")
    azimuth, angle = (number_of(part) for part in parts) if len(parts) == 2 else (None, None)
    if azimuth is not None and angle is not None:
        in_bounds = 0 <= azimuth <= 360 and least <= angle <= 90  # False for NaN
        if in_bounds:
            return azimuth, angle
    raise UsageError(
        f"{option}: not an azimuth and an angle",
        found=text[:100],
        needed=f"two numbers with a comma, from 0 to 360 and from {least:g} to 90 degrees",
        option=option,
    )


def _files(
    name: str, paths: Sequence[Path], *, hashes: bool
) -> tuple[tuple[InputFile, ...], tuple[Stamp, ...]]:
    """Each file that was read once, the first one first, with what proves which bytes they held."""
    files, stamps = [], []
    for file in dict.fromkeys(path.absolute() for path in paths):
        try:
            stamp = Stamp.of(file)  # first: what is hashed may be changed meanwhile
            digest = sha256_of(file) if hashes else ""
            files.append(InputFile(file.name, digest, stamp.size))
            stamps.append(replace(stamp, sha256=digest))
        except OSError as error:
            raise InputError(
                f"{name}: {file.name} cannot be read",
                found=error.strerror or str(error),
                needed="the image and what lies beside it, whole",
            ) from error
    return tuple(files), tuple(stamps)
