"""The masks that came with an image: found by the product's own names beside it, or in its file.

Names decide alone; no folder is listed.  A file that isn't what its name says is left out with a
caution, for what lies beside an image may be anything.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.env import RASTER_ERRORS, open_raster
from imagery.errors import InputError
from imagery.grid import ground_pixel
from imagery.masks._codes import CLOUD_KINDS, KINDS
from imagery.positions import positions_in
from imagery.record import Caution
from imagery.scene import Acquisition, Mask, Scene

_SUFFIXES = {
    "scl": ("SCL_20m", "SCL_60m", "SCL"),
    "qa-pixel": ("QA_PIXEL",),
    "bqa": ("BQA",),
    "pixel-qa": ("pixel_qa",),
    "udm2": ("udm2", "udm2_clip", "ortho_udm2", "ortho_udm2_clip"),
    "udm": ("DN_udm", "DN_udm_clip", "udm", "udm_clip"),
    "classi": ("MSK_CLASSI_B00",),
    "cloud-probability": ("MSK_CLDPRB_20m", "CLDPRB", "CLD", "cloud"),
    "qa60": ("QA60",),
    "qa-radsat": ("QA_RADSAT", "radsat_qa"),
}
"""What products, and a search that fetches them, append to an image's identifier."""

_FOLDERS = {
    "scl": ("../R20m/{id}_SCL_20m.jp2", "../R60m/{id}_SCL_60m.jp2"),
    "classi": ("../QI_DATA/MSK_CLASSI_B00.jp2", "../../QI_DATA/MSK_CLASSI_B00.jp2"),
    "cloud-probability": ("../../QI_DATA/MSK_CLDPRB_20m.jp2",),
}
"""Where they lie in a Sentinel-2 product, from the folder of the images' files."""

_BAND_NAMES = {
    "scl": "scl",
    "qa_pixel": "qa-pixel",
    "pixel_qa": "pixel-qa",
    "qa_radsat": "qa-radsat",
    "msk_cldprb": "cloud-probability",
    "qa60": "qa60",
}
"""Masks that a file holds as bands of their own, by what they are called there."""

_GRANULE = re.compile(r"^(?:L2A_)?(T\d{2}[A-Z]{3}_\d{8}T\d{6})_[A-Z0-9]{3}(?:_\d{2}m)?$")
_SCENE_ID = re.compile(r"^L[COTEM]\d{14}")
"""Of a Landsat scene before the collections."""

_DAY = re.compile(r"(?<!\d)(?:19|20)\d{6}(?!\d)")
"""In an identifier: what has neither may be another image's."""

_CUTS = 6
_SAMPLE = 512

_QA60_EMPTY = (
    dt.datetime(2022, 1, 25, tzinfo=dt.UTC),
    dt.datetime(2024, 2, 28, tzinfo=dt.UTC),
)
"""Between these days QA60 holds zeros that mean nothing (Earth Engine's catalogue: from processing
baseline 04.00, 2022-01-25, the mask it is made of is no longer there; until 2024-02-28)."""


@dataclass(frozen=True)
class _Place:
    kind: str
    path: Path
    index: int | None = None
    """The band of the image's own file that it is; None for a file of its own."""


def find_masks(
    scene: Scene, *, cloud_margin_m: float = 0.0
) -> tuple[tuple[Mask, ...], tuple[Caution, ...]]:
    """The masks that came with a scene.

    Parameters
    ----------
    scene
        The opened scene; of a product of several files, the first band's file is looked from.
    cloud_margin_m
        How far around clouds and their shadows is masked too, in metres, where the mask itself
        leaves no margin.

    Returns
    -------
    masks, cautions
        At most one mask of clouds, and with it that of saturation.  A caution for a file that lies
        where a mask should and is none, and where one covers the image only in part.
    """
    stored = scene.bands[0].stored if scene.bands else None
    image = scene.path if stored is None else stored.path
    places = list(_in_file(image)) + list(_beside(image))
    masks: list[Mask] = []
    cautions: list[Caution] = []
    for kinds in (CLOUD_KINDS, ("qa-radsat",)):
        for place in (place for kind in kinds for place in places if place.kind == kind):
            found = _understood(place, scene, cloud_margin_m)
            if isinstance(found, Mask):
                masks.append(found)
                cautions += _partly(found, scene)
                break
            cautions.append(Caution("mask-ignored", f"{place.path.name}: is left out: {found}."))
    return tuple(masks), tuple(cautions)


def _in_file(image: Path) -> Iterator[_Place]:
    if not image.is_file():
        return
    with open_raster(image) as dataset:
        for index, said in enumerate(dataset.descriptions, start=1):
            kind = _BAND_NAMES.get((said or "").strip().lower())
            if kind is not None:
                yield _Place(kind, image, index)


def _beside(image: Path) -> Iterator[_Place]:
    """Files that are there, by the names that products give them."""
    granule = _GRANULE.match(image.stem)
    for kind, places in _FOLDERS.items() if granule else ():
        for name in places:
            path = image.parent / name.format(id=granule[1] if granule else "")
            if _is_file(path):
                yield _Place(kind, path)
    extensions = dict.fromkeys((image.suffix, ".tif", ".TIF", ".tiff", ".jp2"))
    for base, rest in _bases(image.stem):
        for kind, suffixes in _SUFFIXES.items():
            spelled = dict.fromkeys(s for x in suffixes for s in (x, x.lower(), x.upper()))
            for suffix in spelled:
                for extension in extensions:
                    path = image.with_name(f"{base}_{suffix}{rest}{extension}")
                    if path != image and _is_file(path):
                        yield _Place(kind, path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _bases(stem: str) -> Iterator[tuple[str, str]]:
    """An identifier, and what follows the mask's own word: ``_10`` of ``x_BOA_10``."""
    yield stem, ""
    words = stem.split("_")
    least = 1 if _SCENE_ID.match(stem) else 2
    for kept in range(len(words) - 1, max(least, len(words) - _CUTS) - 1, -1):
        base = "_".join(words[:kept])
        if not (_SCENE_ID.match(base) or _DAY.search(base)):
            return
        yield base, ""
        if words[kept + 1 :]:
            yield base, "_" + "_".join(words[kept + 1 :])


def _understood(place: _Place, scene: Scene, margin_m: float) -> Mask | str:
    """The mask, or what is wrong with it."""
    kind = KINDS[place.kind]
    if place.kind == "qa60" and _in_gap(scene.acquisition):
        return "from 2022-01-25 to 2024-02-28 its zeros mean nothing"
    try:
        with open_raster(place.path) as dataset:
            wrong = _wrong(dataset, place, scene)
            if wrong:
                return wrong
            geobox = _geobox(dataset, scene)
    except InputError as error:
        return error.found or error.message
    except RASTER_ERRORS as error:
        return str(error)[:200] or "it can't be read"
    where = "" if place.index is None else f"band {place.index} of "
    return Mask(
        kind=place.kind,
        path=place.path,
        indexes=tuple(range(1, kind.bands + 1)) if place.index is None else (place.index,),
        geobox=geobox,
        margin_px=margin_m / ground_pixel(geobox) if kind.bare else 0.0,
        source=f"{kind.title} ({where}{place.path.name})",
    )


def _wrong(dataset: Any, place: _Place, scene: Scene) -> str:
    """Why a file is no such mask, empty where it is one."""
    kind = KINDS[place.kind]
    index = place.index or 1
    if place.index is None and dataset.count != kind.bands:
        return f"{kind.title} has {kind.bands} band(s), not {dataset.count}"
    dtype = str(dataset.dtypes[index - 1])
    if np.dtype(dtype).kind not in "iu":
        return f"{kind.title} has whole numbers, not {dtype}"
    if np.dtype(dtype).itemsize == 1 and kind.largest > 255:
        # Stretched to 8 bits with the image's other bands, its codes are no codes any more.
        return f"{kind.title} has codes of 16 bits, not {dtype}"
    if (dataset.crs is None) != (scene.geobox.crs is None):
        return "it has a CRS and the image has none" if dataset.crs else "it has no CRS"
    if dataset.crs is None and dataset.shape != tuple(scene.geobox.shape):
        return "neither it nor the image is georeferenced, and their sizes differ"
    from rasterio.windows import Window as RasterioWindow

    rows, cols = (min(side, _SAMPLE) for side in dataset.shape)
    middle = RasterioWindow((dataset.width - cols) // 2, (dataset.height - rows) // 2, cols, rows)
    sample = dataset.read(index, window=middle)
    if sample.max() > kind.largest or sample.min() < 0:
        return f"it holds {int(sample.max())}, which is no code of {kind.title}"
    return ""


def _geobox(dataset: Any, scene: Scene) -> GeoBox:
    if dataset.crs is None:
        return scene.geobox
    return GeoBox(dataset.shape, dataset.transform, dataset.crs)


def _in_gap(acquisition: Acquisition) -> bool:
    start, end = acquisition.start, acquisition.end
    if not acquisition.known or start is None or end is None:
        return False
    return start < _QA60_EMPTY[1] and end >= _QA60_EMPTY[0]


def covered_share(mask: Mask, scene: Scene) -> float:
    """The share of the image that a mask reaches, from a lattice of points."""
    rows, cols = scene.geobox.shape
    lattice = GeoBox(
        (33, 33), scene.geobox.affine * Affine.scale(cols / 33, rows / 33), scene.geobox.crs
    )
    row, col = positions_in(mask.geobox, lattice, Window(0, 0, 33, 33), None)
    height, width = mask.geobox.shape
    inside = (row >= -0.5) & (row < height - 0.5) & (col >= -0.5) & (col < width - 0.5)
    return float(inside.mean())


def _partly(mask: Mask, scene: Scene) -> list[Caution]:
    share = covered_share(mask, scene)
    if share > 0.999:
        return []
    message = (
        f"{scene.name}: {mask.source} covers {share:.0%} of the image; clouds elsewhere are "
        "not masked."
    )
    return [Caution("mask-partly", message)]
