"""Which assets of an item are fetched, and which of their bands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aoi.finding.clouds import mask_of
from aoi.finding.item import Asset, Item
from imagery.bands import canonical_name
from imagery.errors import UsageError

REFLECTANCE = ("red", "green", "blue", "nir")
WHOLE = ("visual", "data", "analytic", "image", "ortho_analytic", "ortho_visual")
_ALSO = {"nir": ("nir", "nir08")}


@dataclass(frozen=True)
class Chosen:
    """An asset and the bands of it, from 1; all where none are named."""

    asset: Asset
    indexes: tuple[int, ...] = ()


def choose(item: Item, words: Sequence[str]) -> tuple[Chosen, ...]:
    """The assets that words name: by key, or by the common name of a band.

    Parameters
    ----------
    item
        The item.
    words
        What the user names; where none, red, green, blue and near infrared if the item has them as
        bands, else the asset that holds the whole image.

    Raises
    ------
    UsageError
        If the item has no such image.
    """
    if not words:
        return _usual(item)
    found = [_named(item, word) for word in words]
    lacking = [word for word, one in zip(words, found, strict=True) if one is None]
    if lacking:
        raise UsageError(
            f"{item.id}: has no such asset",
            found=", ".join(lacking)[:200],
            needed="of " + _offer(item),
            option="--assets",
        )
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _usual(item: Item) -> tuple[Chosen, ...]:
    bands = [one for word in REFLECTANCE if (one := _named(item, word)) is not None]
    if len(bands) >= 3:
        return tuple(dict.fromkeys(bands))
    for word in WHOLE:
        one = _by_key(item, word)
        if one is not None:
            return (one,)
    if bands:
        return tuple(dict.fromkeys(bands))
    mask = mask_of(item)
    images = [a for a in item.assets.values() if a.is_image and (mask is None or a is not mask[0])]
    measured = [a for a in images if {"data", "reflectance", "visual"} & set(a.roles)] or images
    if len(measured) != 1:
        raise UsageError(
            f"{item.id}: has {len(measured) or 'no'} images, and none is known as the one to take",
            found=_offer(item),
            needed="the assets to fetch",
            option="--assets",
        )
    return (Chosen(measured[0]),)


def _named(item: Item, word: str) -> Chosen | None:
    whole = _by_key(item, word)
    if whole is not None:
        return whole
    names = _ALSO.get(word.lower(), (canonical_name(word) or word.lower(),))
    # A single band first: it is smaller to read than one of several in a picture.
    for asset in sorted(item.assets.values(), key=lambda a: (len(a.bands), _clumsy(a))):
        for number, band in enumerate(asset.bands, start=1):
            if asset.is_image and band.name in names and "visual" not in asset.roles:
                return Chosen(asset, () if len(asset.bands) == 1 else (number,))
    return None


def _by_key(item: Item, word: str) -> Chosen | None:
    for key, asset in item.assets.items():
        if key.lower() == word.lower() and asset.is_image:
            return Chosen(asset)
    return None


def _clumsy(asset: Asset) -> bool:
    """JPEG 2000 is read in larger parts than a cloud-optimised GeoTIFF."""
    return "jp2" in asset.media or asset.href.partition("?")[0].lower().endswith(".jp2")


def _offer(item: Item) -> str:
    keys = [key for key, asset in item.assets.items() if asset.is_image]
    return ", ".join(keys[:40]) or "none: no GeoTIFF or JPEG 2000 asset"
