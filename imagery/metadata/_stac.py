"""STAC items beside the image.  They are untrusted: every type is checked.

Source: SpatioTemporal Asset Catalog, item specification 1.0 and 1.1.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from imagery.bands import canonical_name
from imagery.metadata._dates import parse_date, product_time
from imagery.metadata._model import Metadata, gathered, plain
from imagery.record import Caution
from imagery.scene import Acquisition, Precision

SIZE_LIMIT = 5_000_000
_CUTS = 8
_LONG = dt.timedelta(days=1)


def read(path: Path, tags: Mapping[str, Mapping[str, str]]) -> Metadata | None:
    """What a STAC item beside the image says.

    Parameters
    ----------
    path
        The image.  Its item has the same stem, or a shorter one and an asset that is this image;
        the folder is not listed.
    tags
        Not used.
    """
    for candidate, same_stem in _candidates(path):
        item = _load(candidate)
        if item is None:
            continue
        asset = _asset_of(item, path.name)
        if asset is not None or same_stem:
            return _understood(item, asset or {}, candidate)
    return None


def _candidates(path: Path) -> Iterator[tuple[Path, bool]]:
    stem = path.stem
    yield path.with_name(stem + ".json"), True
    yield path.with_name(path.name + ".json"), True
    yield path.with_name(stem + "_metadata.json"), True
    # Products append the asset to the item's name: 20170831_172754_101c_3B_AnalyticMS.tif.
    for _ in range(_CUTS):
        cut = max(stem.rfind("_"), stem.rfind("-"))
        if cut <= 0:
            return
        stem = stem[:cut]
        yield path.with_name(stem + ".json"), False
        yield path.with_name(stem + "_metadata.json"), False


def _load(path: Path) -> dict[str, Any] | None:
    """The item in a file, or None where there is none."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as stream:
            content = stream.read(SIZE_LIMIT + 1)
        if len(content) > SIZE_LIMIT:
            return None
        item = json.loads(content)
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(item, dict) or item.get("type") != "Feature":
        return None
    if not isinstance(item.get("stac_version"), str) or not isinstance(
        item.get("properties"), dict
    ):
        return None
    return item


def _asset_of(item: dict[str, Any], name: str) -> dict[str, Any] | None:
    """The item's asset that is the image of this name."""
    assets = item.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str):
            continue
        try:
            basename = PurePosixPath(unquote(urlsplit(href).path)).name
        except ValueError:
            continue
        if basename.lower() == name.lower():
            return dict(asset)
    return None


def _understood(item: dict[str, Any], asset: dict[str, Any], path: Path) -> Metadata:
    properties: dict[str, Any] = item["properties"]
    source = f"STAC item {path.name}"
    acquisition, cautions = _acquisition(properties, source)
    facts, left_out = gathered(
        (
            ("platform", _platform(properties), f"{source}: platform"),
            ("credit", properties.get("attribution"), f"{source}: attribution"),
            ("credit", _providers(properties.get("providers")), f"{source}: providers"),
            ("license", properties.get("license"), f"{source}: license"),
        )
    )
    return Metadata(
        acquisition=acquisition,
        facts=facts,
        bands=_bands(asset),
        files=(path,),
        cautions=cautions + left_out,
    )


def _acquisition(
    properties: dict[str, Any], source: str
) -> tuple[Acquisition | None, tuple[Caution, ...]]:
    moment, first, last = (
        properties.get(key) for key in ("datetime", "start_datetime", "end_datetime")
    )
    try:
        if isinstance(first, str) and isinstance(last, str):
            start, end, _ = parse_date(f"{first.strip()}/{last.strip()}")
            # A scene takes seconds; what took days is a mosaic, whose "datetime" is nominal.
            if end - start > _LONG or not isinstance(moment, str):
                precision: Precision = "interval" if end > start else "second"
                both = f"{source}: start_datetime, end_datetime"
                return Acquisition(start, end, precision, both), ()
        if isinstance(moment, str):
            return product_time(moment, f"{source}: datetime"), ()
    except ValueError as error:
        return None, (Caution("metadata-ignored", f"{source}: its date is left out: {error}."),)
    return None, ()


def _platform(properties: dict[str, Any]) -> str:
    platform = plain(properties.get("platform"))
    family = plain(properties.get("constellation"))
    # "101c" alone tells nobody that it is a PlanetScope satellite.
    if family and not platform.lower().startswith(family.lower()):
        return f"{family} {platform}".strip()
    return platform


def _providers(providers: object) -> str:
    names = []
    for provider in providers if isinstance(providers, list) else ():
        roles = provider.get("roles") if isinstance(provider, dict) else None
        if isinstance(roles, list) and ("producer" in roles or "licensor" in roles):
            name = plain(provider.get("name"))
            if name and name not in names:
                names.append(name)
    return ", ".join(names)


def _bands(asset: dict[str, Any]) -> tuple[str, ...]:
    """Common names of the asset's bands, ``""`` for a band that has none that we know."""
    bands = asset.get("eo:bands", asset.get("bands"))
    if not isinstance(bands, list) or len(bands) > 1000:
        return ()
    names = []
    for band in bands:
        name = ""
        if isinstance(band, dict):
            name = plain(band.get("eo:common_name") or band.get("common_name"))
        names.append(canonical_name(name) or name if name else "")
    return tuple(names) if any(names) else ()
