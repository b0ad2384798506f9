"""Which files beside an image are looked for: by names that are made from its own.

No folder is listed, but an old SAFE's for one name.  A product's fixed folders are walked upwards
only, and only from an image whose name is that product's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

_CUTS = 8
_STEM_ENDS = (
    ".json",
    "_metadata.json",
    "_extended.json",
    ".stac.json",
    ".stac.v2.json",
    ".IMD",
    ".imd",
    ".XML",
    ".xml",
    ".txt",
    ".dim",
)
_CUT_ENDS = (
    ".json",
    "_metadata.json",
    "_metadata.xml",
    "_metadata_clip.xml",
    "_METADATA.json",
    "_extended.json",
    ".stac.json",
    ".stac.v2.json",
)
"""Ends that are a product's own: a plain .xml of a shorter stem may be another image's."""

_LANDSAT = re.compile(
    r"^(L[COTEM]0\d_[A-Z0-9]{4}_\d{6}_\d{8}_\d{8}_\d{2}_[A-Z0-9]{2}|L[COTEM]\d{14}[A-Z]{3}\d{2})_"
)
_SENTINEL2 = re.compile(
    r"^(?:(?:L2A_)?T\d{2}[A-Z]{3}_\d{8}T\d{6}_|S2[A-D]_)|^(?:B\d[\dA]|TCI|SCL|AOT|WVP)(?:_\d\dm)?$"
)
_NAMED = re.compile(r"^(?:(?:L2A_)?T\d{2}[A-Z]{3}_\d{8}T\d{6}_|S2[A-D]_)")
_OLD_GRANULE = re.compile(r"^(S2[A-D]_OPER)_MSI_(L(?:1C|2A)_.+)_(?:B\d[\dA]|TCI)(?:_\d\dm)?$")
_SENTINEL1 = re.compile(r"^(?:s1[a-d]-|S1[A-D]_)|^(?:iw|ew|s\d|wv)-[hv]{2}$")
_TILE = re.compile(r"_R\d+C\d+")


def candidates(path: Path) -> Iterator[Path]:
    """Paths at which metadata of an image may lie, the surest first, none of them twice."""
    seen: set[Path] = set()
    for candidate in (*_by_stem(path), *_in_product(path), *_by_shorter_stem(path)):
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def _by_stem(path: Path) -> Iterator[Path]:
    yield path.with_name(path.name + ".json")
    stems = dict.fromkeys((path.stem, _TILE.sub("", path.stem)))
    for stem in stems:
        for end in _STEM_ENDS:
            yield path.with_name(stem + end)
        # Airbus: IMG_PHR1B_..._R1C1.TIF and DIM_PHR1B_....XML.
        if stem.startswith("IMG_"):
            for end in (".XML", ".xml"):
                yield path.with_name("DIM_" + stem[4:] + end)
    if path.stem.lower() == "imagery":  # DIMAP 1 (SPOT 1 to 5)
        for name in ("METADATA.DIM", "metadata.dim"):
            yield path.with_name(name)


def _by_shorter_stem(path: Path) -> Iterator[Path]:
    # Products append the asset to the item's name: 20170831_172754_101c_3B_AnalyticMS.tif.
    stem = path.stem
    for _ in range(_CUTS):
        cut = max(stem.rfind("_"), stem.rfind("-"))
        if cut <= 0:
            return
        stem = stem[:cut]
        for end in _CUT_ENDS:
            yield path.with_name(stem + end)


def _in_product(path: Path) -> Iterator[Path]:
    landsat = _LANDSAT.match(path.stem + "_")
    if landsat:
        # The same three times: the first that is there is enough.
        files = [
            path.with_name(f"{landsat[1]}_MTL{end}") for end in (".txt", ".TXT", ".xml", ".json")
        ]
        yield from [file for file in files if _is_file(file)][:1]
    if _SENTINEL1.match(path.stem) and path.parent.name == "measurement":
        product = path.parent.parent
        yield product / "annotation" / (path.stem + ".xml")
        yield product / "manifest.safe"
    if _SENTINEL2.match(path.stem):
        yield from _sentinel2(path)


def _sentinel2(path: Path) -> Iterator[Path]:
    """Of the product: SAFE keeps an image in GRANULE/g/IMG_DATA/R10m, buckets in a flat folder."""
    # "B04.jp2" alone doesn't tell of which product it is: no further up than the bucket's folder.
    parents = list(path.parents)[: 5 if _NAMED.match(path.stem) else 2]
    old = _OLD_GRANULE.match(path.stem)
    for folder in parents[:3]:
        if old:
            yield folder / f"{old[1]}_MTD_{old[2]}.xml"
        for name in ("MTD_TL.xml", "metadata.xml"):
            yield folder / name
    for folder in parents:
        for name in ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml", "product_metadata.xml", "tileInfo.json"):
            yield folder / name
        if folder.name.upper().endswith(".SAFE"):
            yield from _old_product(folder)
            yield folder / "manifest.safe"
            return


def _old_product(safe: Path) -> list[Path]:
    """The product's file before 2016, whose name can't be told from an image's."""
    try:
        return sorted(islice(safe.glob("S2?_OPER_MTD_SAF*.xml"), 2))
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
