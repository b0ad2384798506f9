"""The image to move as it is stored: every band, in its own numbers, with all that it says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from imagery.env import open_raster
from imagery.errors import InputError
from imagery.metadata import tag_of
from imagery.options import ReadOptions, SceneOptions
from imagery.ortho import ORTHO, Ground, how_on_ground
from imagery.products import Product, find_product
from imagery.read import open_scene
from imagery.read._georeference import geobox_of
from imagery.read._validity import own_mask
from imagery.record import sha256_of
from imagery.scene import Acquisition, Band, InputFile, Scene
from imagery.write import Looks

_FOREIGN = ("IMAGE_STRUCTURE", "DERIVED_SUBDATASETS", "SUBDATASETS", "RPC", "GEOLOCATION")
"""Domains of tags that tell of the file, or of a geometry that the move replaces."""

_STALE = ("STATISTICS_", "AREA_OR_POINT", "TWOPASS_ALIGNED_")
"""Starts of the names of tags that are no longer so."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An image to move, and how the moved one is to be written."""

    scene: Scene
    """Its bands in their stored numbers: scale 1, offset 0."""

    groups: tuple[tuple[int, ...], ...]
    """Bands, by their index in the file, that are valid together; together, all but alpha."""

    count: int
    """Bands of the file, alpha among them."""

    nodata: float | None
    """What marks missing pixels in the moved image; None where alpha or a mask does."""

    descriptions: tuple[str, ...]
    tags: Mapping[str, str]
    looks: Looks

    @property
    def classes(self) -> bool:
        """Whether its numbers are places in a table of colours."""
        return self.looks.colormap is not None


def open_stored(path: Path, *, options: ReadOptions, ground: Ground | None = None) -> Stored:
    """Open an image to be moved.

    Without ``ground``, one that isn't on the ground is refused.

    Raises
    ------
    imagery.errors.TwopassError
        As :func:`imagery.read.open_scene`, but for images with a table of colours, which are
        classes and can be moved.
    """
    path = _one_file(path)
    with open_raster(path) as dataset:
        colormap = _colormap(dataset)
        paletted = "palette" in {colour.name for colour in dataset.colorinterp}
    options = replace(options, bands=None)
    if paletted:
        scene = _open_palette(path, options=options)
    else:
        opened = open_scene if ground is None else ground.open
        scene = opened(path, role="after", scene_options=SceneOptions(), read_options=options)
    nodata, mask = _mark(scene)
    with open_raster(path) as dataset:
        descriptions = tuple(text or "" for text in dataset.descriptions)
        tags = _other_tags(dataset) | _kept(dataset.tags()) | _provenance(scene)
        looks = Looks(
            colours=tuple(colour.name for colour in dataset.colorinterp),
            colormap=colormap,
            scales=tuple(dataset.scales),
            offsets=tuple(dataset.offsets),
            units=tuple(unit or "" for unit in dataset.units),
            band_tags=tuple(_kept(dataset.tags(i)) for i in dataset.indexes),
            mask=mask,
        )
        count = dataset.count
    plain = tuple(replace(band, scale=1.0, offset=0.0) for band in scene.bands)
    return Stored(
        scene=replace(scene, bands=plain),
        groups=_groups(scene),
        count=count,
        nodata=nodata,
        descriptions=descriptions,
        tags=tags,
        looks=looks,
    )


def _one_file(path: Path) -> Path:
    """The image, which may be the only one in its folder."""
    found = find_product(path)
    if isinstance(found, Product):
        raise InputError(
            f"{found.path.name}: is a {found.kind}, and only one file can be moved",
            found=f"{len(found.layers)} files of a band each",
            needed="one of them, or one image, which gdalbuildvrt -separate and then "
            "gdal_translate make of them; the image that stays may be a product",
        )
    return found.path


def _mark(scene: Scene) -> tuple[float | None, bool]:
    """What marks missing pixels after the move: a nodata value, and whether a mask."""
    if scene.nodata is not None:
        return scene.nodata, False
    if scene.alpha is not None:
        return None, False
    if scene.dtype.startswith("float") and not scene.has_mask:
        return float("nan"), False
    return None, True


def _groups(scene: Scene) -> tuple[tuple[int, ...], ...]:
    """Bands that end apart at a swath's edge stay apart; a mask counts for all of them."""
    indexes = tuple(band.index for band in scene.bands)
    by_band = scene.nodata is not None or scene.dtype.startswith("float")
    # In 8 bits, 0 and 255 are missing only where all the bands are.
    clipped = scene.dtype == "uint8" and scene.nodata in (0, 255)
    if not by_band or clipped or scene.has_mask:
        return (indexes,)
    return tuple((index,) for index in indexes)


def _open_palette(path: Path, *, options: ReadOptions) -> Scene:
    """An image with a table of colours, which is nothing to compare, as a scene to move."""
    with open_raster(path) as dataset:
        given = options.nodata
        nodata = dataset.nodatavals[0] if given is None else given
        return Scene(
            path=path,
            role="after",
            geobox=geobox_of(dataset, name=path.name, options=options),
            driver=str(dataset.driver),
            dtype=str(dataset.dtypes[0]),
            bands=tuple(Band(index) for index in dataset.indexes),
            # NaN is how a user says that an integer image has none.
            nodata=None if nodata is None or nodata != nodata else float(nodata),
            has_mask=own_mask(dataset),
            alpha=None,
            collar=None,
            display_product=False,
            acquisition=Acquisition(),
            simulated=False,
            files=(InputFile(path.name, sha256_of(path), path.stat().st_size),),
        )


def _colormap(dataset: Any) -> Mapping[int, tuple[int, ...]] | None:
    if dataset.count != 1:
        return None
    try:
        table: Mapping[int, tuple[int, ...]] = dataset.colormap(1)
    except ValueError:  # there is none
        return None
    return table if dataset.dtypes[0] in ("uint8", "uint16") else None


def _kept(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if not key.startswith(_STALE)}


def _other_tags(dataset: Any) -> dict[str, str]:
    """Tags of other domains (IMD, IMAGERY) by plain names: a cloud-optimised file has no others."""
    return {
        f"{domain}_{key}": value
        for domain in dataset.tag_namespaces()
        if domain not in _FOREIGN and not domain.lower().startswith("xml:")
        for key, value in _kept(dataset.tags(ns=domain)).items()
    }


def _provenance(scene: Scene) -> dict[str, str]:
    """What stood beside the image or in its name, and would be lost with them."""
    told = {"TWOPASS_ACQUIRED": _when(scene.acquisition), ORTHO: how_on_ground(scene)}
    facts = {tag_of(name): str(fact.value) for name, fact in scene.facts.items()}
    return facts | {key: value for key, value in told.items() if value}


def _when(acquisition: Acquisition) -> str | None:
    """ISO 8601 with no more precision than is known; None where the date isn't confirmed."""
    start, end = acquisition.start, acquisition.end
    if start is None or end is None or not acquisition.confirmed:
        return None
    if acquisition.precision == "day":
        return f"{start:%Y-%m-%d}"
    if acquisition.precision == "second":
        return _second(start)
    return f"{_second(start)}/{_second(end)}"


def _second(time: dt.datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"
