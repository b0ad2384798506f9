"""Sentinel-2: SAFE folders of both namings, granules, and the flat folders of the clouds.

Sources: ESA, Sentinel-2 Products Specification Document (S2-PDGS-TAS-DI-PSD), and SentiWiki,
"S2 Products": reflectance = (stored + ADD_OFFSET) / QUANTIFICATION_VALUE, where the offset came
with processing baseline 04.00; stored 0 is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from imagery.bands import canonical_name
from imagery.errors import InputError
from imagery.metadata._documents import load
from imagery.products._files import kept_inside, listed, number
from imagery.products._model import Layer, Product
from imagery.record import Caution

BANDS = (
    "B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12",
)  # fmt: skip
"""In the order of ``band_id`` in the metadata, which starts at 0."""

_SKY = ("B09", "B10")
"""Water vapour and cirrus, which show the air and not the ground."""

_TEN_METRES = ("B02", "B03", "B04", "B08")

QUANTIFICATION = 10_000.0
BASELINE_OF_OFFSET, OFFSET = 4.0, -1000.0
OWN_BASELINE = 99.0
"""From here on the number tells of a user's own processing, not of an offset."""

_PRODUCT_FILE = re.compile(
    r"^(?:MTD_MSIL(?:1C|2A)|S2[A-D]_(?:OPER|USER)_MTD_SAF.+|product_metadata)\.xml$", re.IGNORECASE
)
_GRANULE_FILE = re.compile(
    r"^(?:MTD_TL|S2[A-D]_(?:OPER|USER)_MTD_L\w+_TL_.+|metadata)\.xml$", re.IGNORECASE
)
_IMAGE = re.compile(
    r"^(?:(?P<granule>(?:L2A_)?T\d{2}[A-Z]{3}_\d{8}T\d{6}|S2[A-D]_.+?)_)?"
    r"(?P<band>B(?:0\d|1[0-2]|8A))(?:_(?P<size>10|20|60)m)?\.(?:jp2|tiff?)$",
    re.IGNORECASE,
)
_BASELINE_IN_NAME = re.compile(r"_N(\d\d)[._]?(\d\d)(?:_|\.SAFE$|$)")
_SIZES = ("R10m", "R20m", "R60m")


@dataclass(frozen=True)
class _Stored:
    """An image of a band."""

    path: Path
    band: str
    granule: str
    size: int
    """Its pixel in metres where the name tells it; 0, the band's own, where not."""


def find_safe(folder: Path) -> Product | None:
    """A SAFE folder, or one of its granules."""
    if any(_PRODUCT_FILE.match(path.name) for path in listed(folder)):
        granules = [path for path in listed(folder / "GRANULE") if path.is_dir()]
        if len(granules) > 1:
            raise InputError(
                f"{folder.name}: holds {len(granules)} granules",
                found=", ".join(path.name for path in granules[:6]),
                needed="one granule's folder, from its folder GRANULE",
            )
        if granules:
            return _product(folder, folder, granules[0])
    if (folder / "IMG_DATA").is_dir():
        root = folder.parent.parent if folder.parent.name == "GRANULE" else folder
        return _product(folder, root, folder)
    return None


def find_loose(folder: Path) -> Product | None:
    """Images with Sentinel-2's names, as the clouds keep them, without the folders of a SAFE."""
    images = _images([folder, *(folder / size for size in _SIZES)], folder)
    metadata = _metadata(folder, folder)
    if not images or not (metadata or len(images) > 1):
        return None
    return _understood(folder, folder, images, metadata)


def of_file(path: Path) -> Product | None:
    """The product whose metadata file this is."""
    if not (_PRODUCT_FILE.match(path.name) or _GRANULE_FILE.match(path.name)):
        return None
    found = find_safe(path.parent) or find_loose(path.parent)
    if found is None and path.name.startswith("MTD_"):
        raise _without_images(path, "no GRANULE folder and no images beside it")
    return found


def _product(path: Path, root: Path, granule: Path) -> Product:
    inner = granule / "IMG_DATA"
    images = _images([inner, *(inner / size for size in _SIZES)], root)
    if not images:
        raise _without_images(path, "none in GRANULE/*/IMG_DATA")
    return _understood(path, root, images, _metadata(root, granule))


def _without_images(path: Path, found: str) -> InputError:
    return InputError(
        f"{path.name}: is a Sentinel-2 product without its images",
        found=found,
        needed="the whole product",
    )


def _images(folders: Iterable[Path], root: Path) -> list[_Stored]:
    """Images of bands, each band once, where it is finest."""
    finest: dict[tuple[str, str], _Stored] = {}
    for folder in folders:
        for path in listed(folder):
            match = _IMAGE.match(path.name)
            if match is None:
                continue
            size = match["size"] or (folder.name[1:3] if folder.name in _SIZES else "0")
            band, granule = match["band"].upper(), match["granule"] or ""
            image = _Stored(kept_inside(root, path), band, granule, int(size))
            known = finest.setdefault((granule, band), image)
            if image.size < known.size:
                finest[granule, band] = image
    return list(finest.values())


def _metadata(root: Path, granule: Path) -> tuple[Path, ...]:
    """The product's metadata, then the granule's."""
    own = [path for path in listed(root) if _PRODUCT_FILE.match(path.name)]
    tile = [path for path in listed(granule) if _GRANULE_FILE.match(path.name)]
    info = [granule / "tileInfo.json"] if (granule / "tileInfo.json").is_file() else []
    return tuple(kept_inside(root, path) for path in dict.fromkeys(own + tile + info))


def _understood(
    path: Path, root: Path, images: Sequence[_Stored], metadata: tuple[Path, ...]
) -> Product:
    granules = sorted({image.granule for image in images})
    if len(granules) > 1:
        raise InputError(
            f"{path.name}: holds images of {len(granules)} Sentinel-2 granules",
            found=", ".join(granules[:6]),
            needed="a folder for each",
        )
    scale, offsets, cautions = _radiometry(path, root, granules[0], metadata)
    of = {image.band: image for image in images}
    layers = tuple(
        Layer(
            path=of[band].path,
            number=position + 1,
            code=band,
            name=canonical_name(band, platform="sentinel-2"),
            usual=band not in _SKY,
            scale=scale,
            offset=offsets.get(position, 0.0),
        )
        for position, band in enumerate(BANDS)
        if band in of
    )
    return Product(
        path=path,
        kind="Sentinel-2 product",
        layers=layers,
        nodata=0.0,
        metadata=metadata,
        cautions=(*cautions, *_missing(path, of)),
    )


def _missing(path: Path, there: Iterable[str]) -> tuple[Caution, ...]:
    """A caution where some of the bands that are used by default were not delivered."""
    missing = [band for band in _TEN_METRES if band not in set(there)]
    if not missing or len(missing) == len(_TEN_METRES):
        return ()
    return (
        Caution("product-incomplete", f"{path.name}: has no image of band {', '.join(missing)}."),
    )


def _radiometry(
    path: Path, root: Path, granule: str, metadata: Sequence[Path]
) -> tuple[float, dict[int, float], tuple[Caution, ...]]:
    """Scale, offsets by ``band_id``, and a caution where nothing tells them."""
    names = [root.name, granule, *(_product_name(file) for file in metadata)]
    baseline = next((found for name in names if (found := baseline_in(name)) is not None), None)
    for file in metadata:
        stated = _stated(file)
        if stated is None:
            continue
        quantification, added, own_baseline = stated
        baseline = own_baseline if own_baseline is not None else baseline
        if not added and baseline is not None:
            added = _documented(baseline)
        return _reflectance(quantification, added)
    if baseline is not None and baseline < OWN_BASELINE:
        return _reflectance(QUANTIFICATION, _documented(baseline))
    caution = Caution(
        "product-unscaled",
        f"{path.name}: nothing beside its images tells their scale and offset (MTD_MSIL1C.xml or "
        "MTD_MSIL2A.xml would): the stored numbers are compared, not reflectance.",
    )
    return 1.0, {}, (caution,)


def _reflectance(
    quantification: float, added: dict[int, float]
) -> tuple[float, dict[int, float], tuple[Caution, ...]]:
    return 1 / quantification, {band: add / quantification for band, add in added.items()}, ()


def documented_offset(baseline: float) -> float:
    """What a processing baseline brings, in stored numbers, where nothing lists it."""
    return OFFSET if BASELINE_OF_OFFSET <= baseline < OWN_BASELINE else 0.0


def _documented(baseline: float) -> dict[int, float]:
    return dict.fromkeys(range(len(BANDS)), documented_offset(baseline))


def baseline_in(name: str) -> float | None:
    """The processing baseline that a product's name holds: 4.0 of ``..._N0400_R008_...``."""
    match = _BASELINE_IN_NAME.search(name)
    return None if match is None else float(f"{match[1]}.{match[2]}")


def _product_name(file: Path) -> str:
    """The product's name in a ``tileInfo.json``."""
    document = load(file) if file.suffix.lower() == ".json" else None
    name = (document.json or {}).get("productName") if document is not None else None
    return name if isinstance(name, str) else ""


def _stated(file: Path) -> tuple[float, dict[int, float], float | None] | None:
    """Quantification value, offsets by band and baseline, as a product's metadata state them.

    None where it is no such file, or its quantification value is no sound number.
    """
    document = load(file) if _PRODUCT_FILE.match(file.name) else None
    if document is None or document.xml is None:
        return None
    quantification: float | None = None
    added: dict[int, float] = {}
    baseline: float | None = None
    for element in document.xml.iter():
        name, value = element.tag, number(element.text)
        if value is None:
            continue
        # In the naming before 2016: L1C_L2A_Quantification_Values_List/L2A_BOA_QUANTIFICATION_VALUE
        if name in ("QUANTIFICATION_VALUE", "BOA_QUANTIFICATION_VALUE") or name.endswith(
            "L2A_BOA_QUANTIFICATION_VALUE"
        ):
            quantification = value if 0 < value <= 1e6 else None
        elif name in ("RADIO_ADD_OFFSET", "BOA_ADD_OFFSET") and abs(value) <= 65535:
            band = number(element.get("band_id"))
            if band is not None and band in range(len(BANDS)):
                added[int(band)] = value
        elif name == "PROCESSING_BASELINE":
            baseline = value
    return None if quantification is None else (quantification, added, baseline)
