"""STAC items, in a file beside the image or from a server.  They are untrusted: all is checked.

Source: SpatioTemporal Asset Catalog, item specification 0.9 to 1.1, and its extensions eo, view,
sat, sar and processing.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from imagery.bands import canonical_name
from imagery.metadata._dates import Told, parse_date, product_time
from imagery.metadata._documents import Document
from imagery.metadata._model import FACTS, Metadata, Stated, gathered, listed, plain
from imagery.metadata._stac_quirks import view
from imagery.record import Caution
from imagery.scene import Acquisition

_LONG = dt.timedelta(days=1)
_TOO_MANY = 10_000

_ALSO = {
    "platform": ("eo:platform",),
    "gsd": ("eo:gsd",),
    "instruments": ("eo:instrument",),
    "processing:level": ("landsat:correction", "s2:product_type"),
    "processing:baseline": ("s2:processing_baseline", "processing:version"),
}
"""Names that item writers use, or used before STAC 1.0, for what has another name here."""

_SENTINEL2_LEVEL = re.compile(r"^S2MSI(1C|2A)$")

_APART = ("platform", "constellation", "license", "credit", "provider")
_VAGUE = ("proprietary", "various", "other")


def facts_of_item(item: object, asset: str | None = None, *, source: str = "STAC item") -> Metadata:
    """What a STAC item says of its scene.

    Parameters
    ----------
    item
        The item as JSON gives it, from wherever.
    asset
        Key of one of its assets, whose own values (``gsd``) win over the item's.
    source
        What to call the item: ``"STAC item x.json"``.

    Returns
    -------
    Metadata
        Empty where ``item`` is no item.  It never raises for what the item holds.
    """
    if not isinstance(item, dict) or not isinstance(item.get("properties"), dict):
        return Metadata()
    assets = item.get("assets")
    chosen = assets.get(asset) if isinstance(assets, dict) and asset is not None else None
    return _said(item, chosen if isinstance(chosen, dict) else {}, source)


def understood(document: Document, image: str | None = None) -> Metadata | None:
    """What an item in a file says of an image.

    Parameters
    ----------
    document
        The file.
    image
        The image's name; None where none is asked for.  An item whose file has another stem than
        the image must have an asset that is this image.
    """
    item = document.json
    if item is None:
        return None
    if item.get("type") == "FeatureCollection":
        return _of_several(document, item, image)
    if not is_item(item):
        return None
    asset = None if image is None else asset_of(item, image)
    if asset is None and image is not None and not _same_stem(document.name, image):
        return None
    said = _said(item, asset or {}, f"STAC item {document.name}")
    return replace(said, files=(document.path,))


def _of_several(
    document: Document, collection: dict[str, Any], image: str | None
) -> Metadata | None:
    """Of the items of a search or a catalogue, the only one, or that of the image."""
    features = collection.get("features")
    items = [
        item
        for item in (features[:_TOO_MANY] if isinstance(features, list) else ())
        if isinstance(item, dict) and isinstance(item.get("properties"), dict)
    ]
    items = [item for item in items if "datetime" in item["properties"]]
    if image is not None:
        items = [item for item in items if asset_of(item, image) is not None]
    if not items or (image is not None and len(items) > 1):
        return None
    if len(items) > 1:
        message = f"{document.name}: holds {len(items)} STAC items, which are of several images."
        return Metadata(files=(document.path,), cautions=(Caution("several-items", message),))
    asset = None if image is None else asset_of(items[0], image)
    said = _said(items[0], asset or {}, f"STAC item in {document.name}")
    return replace(said, files=(document.path,))


def is_item(item: dict[str, Any]) -> bool:
    """Whether a JSON object is a STAC item."""
    return (
        item.get("type") == "Feature"
        and isinstance(item.get("stac_version"), str)
        and isinstance(item.get("properties"), dict)
    )


def _same_stem(name: str, image: str) -> bool:
    stem = image.rpartition(".")[0] or image
    return name.lower() in {
        f"{start}{end}".lower()
        for start in (stem, image)
        for end in (".json", "_metadata.json", ".stac.json", ".stac.v2.json")
    }


def asset_of(item: dict[str, Any], name: str) -> dict[str, Any] | None:
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


def _said(item: dict[str, Any], asset: dict[str, Any], source: str) -> Metadata:
    properties: dict[str, Any] = item["properties"]
    acquisition, cautions = _acquisition(properties, source)
    stated = list(_stated(properties, asset, source))
    stated += [
        ("platform", _platform(properties), f"{source}: platform"),
        ("platform", properties.get("constellation"), f"{source}: constellation"),
        ("constellation", properties.get("constellation"), f"{source}: constellation"),
        ("credit", properties.get("attribution"), f"{source}: attribution"),
        ("credit", _providers(properties, "producer", "licensor"), f"{source}: providers"),
        ("provider", _providers(properties, "host", "processor"), f"{source}: providers"),
        ("license", _license(item, properties), f"{source}: license"),
    ]
    viewed, noted = view({**properties, **asset}, source)
    facts, left_out = gathered([*viewed, *stated])
    return Metadata(
        acquisition=acquisition,
        facts=facts,
        bands=_bands(asset),
        cautions=cautions + noted + left_out,
    )


def _stated(properties: dict[str, Any], asset: dict[str, Any], source: str) -> Iterator[Stated]:
    """All that goes by one name in the item and here, but the angles, which need a thought."""
    for name in FACTS:
        if name in _APART or name.startswith("view:"):
            continue
        for where in (asset, properties):
            for key in (name, *_ALSO.get(name, ())):
                value = where.get(key)
                if name == "eo:cloud_cover" and value == -1:
                    value = None  # Landsat's word for "nobody looked"
                if FACTS[name].least is None:
                    value = _SENTINEL2_LEVEL.sub(r"L\1", listed(value) or "")
                yield name, value, f"{source}: {key}"


def _acquisition(properties: dict[str, Any], source: str) -> Told:
    moment, first, last = (
        properties.get(key) for key in ("datetime", "start_datetime", "end_datetime")
    )
    try:
        if isinstance(first, str) and isinstance(last, str):
            start, end, _ = parse_date(f"{first.strip()}/{last.strip()}")
            both = f"{source}: start_datetime, end_datetime"
            # A scene takes seconds; what took days is a mosaic, whose "datetime" is nominal.
            if end - start > _LONG or (end > start and not isinstance(moment, str)):
                return Acquisition(start, end, "interval", both), ()
            if not isinstance(moment, str):
                return product_time(first, both), ()
        if isinstance(moment, str):
            return product_time(moment, f"{source}: datetime"), ()
    except ValueError as error:
        return None, (Caution("metadata-ignored", f"{source}: its date is left out: {error}."),)
    return None, ()


def _platform(properties: dict[str, Any]) -> str:
    keys = ("platform", *_ALSO["platform"])
    platform = next((text for key in keys if (text := plain(properties.get(key)))), "")
    family = plain(properties.get("constellation") or properties.get("pl:provider"))
    # "101c" alone tells nobody that it is a PlanetScope satellite.
    numbered = family.lower() in ("planetscope", "skysat")
    if platform and numbered and not platform.lower().startswith(family.lower()):
        return f"{family} {platform}"
    return platform


def _providers(properties: dict[str, Any], *roles: str) -> str:
    names = []
    providers = properties.get("providers")
    for provider in providers[:100] if isinstance(providers, list) else ():
        held = provider.get("roles") if isinstance(provider, dict) else None
        if isinstance(held, list) and any(role in held for role in roles):
            name = plain(provider.get("name"))
            if name and name not in names:
                names.append(name)
    return ", ".join(names)


def _license(item: dict[str, Any], properties: dict[str, Any]) -> str:
    """The licence; where its name says nothing, or is missing, with the link to its text."""
    name = plain(properties.get("license"))
    if name and name.lower() not in _VAGUE:
        return name
    links = item.get("links")
    for link in links[:200] if isinstance(links, list) else ():
        if isinstance(link, dict) and link.get("rel") == "license":
            href = plain(link.get("href"))
            if href.startswith(("https://", "http://")):
                return f"{name}, {href}".removeprefix(", ").partition("?")[0]
    return name


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
