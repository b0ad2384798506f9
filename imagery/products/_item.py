"""STAC items whose assets lie beside them: one image, or a product with a file a band.

Sources: STAC specification 1.0 and 1.1; extensions eo, raster and projection.  Assets are looked
for on this machine only, below the item's own folder; nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from imagery.bands import canonical_name
from imagery.errors import InputError
from imagery.metadata._documents import load
from imagery.products import _sentinel2
from imagery.products._files import RASTERS, kept_inside, listed, number
from imagery.products._model import Image, Layer, Product
from imagery.products._single import MASK_NAME
from imagery.record import Caution

_MOST_ITEMS, _MOST_ASSETS = 20, 500
_NO_BAND = {
    "thumbnail", "overview", "metadata", "visual", "cloud", "cloud-shadow", "saturation",
    "snow-ice", "water-mask", "data-mask",
}  # fmt: skip
"""Roles of assets that are no measurement."""

_APPLIED = ("earthsearch:boa_offset_applied", "sentinel:boa_offset_applied")
_BASELINE = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:baseline")
_PRODUCT_NAME = ("s2:product_uri", "s2:product_id", "sentinel:product_id")


@dataclass(frozen=True)
class _Asset:
    """An asset that is an image on this machine."""

    key: str
    path: Path
    said: Mapping[str, Any]
    bands: tuple[Mapping[str, Any], ...]
    """What is said of each of its bands."""

    roles: frozenset[str]


def find(folder: Path) -> Product | Image | None:
    """A folder with one item."""
    files = [path for path in listed(folder) if path.suffix.lower() in (".json", ".geojson")]
    if len(files) > _MOST_ITEMS:
        return None
    found = [item for path in files if (item := _understood(path)) is not None]
    if len(found) != 1:
        return None
    return found[0]


def of_file(path: Path) -> Product | Image | None:
    """What an item stands for; None where it is none.

    Raises
    ------
    InputError
        If none of its images is here, or several that don't belong together are.
    """
    found = _understood(path)
    if found is None and isinstance(_item(path).get("stac_version"), str):
        raise InputError(
            f"{path.name}: is a STAC item, and none of its images lies beside it",
            found="the metadata alone",
            needed="its images below its folder; 'twopass fetch' gets them",
        )
    return found


def _item(path: Path) -> Mapping[str, Any]:
    """The item in a file; empty where there is none."""
    document = load(path) if path.suffix.lower() in (".json", ".geojson") else None
    item = (document.json or {}) if document is not None else {}
    return item if item.get("type") == "Feature" else {}


def _understood(path: Path) -> Product | Image | None:
    """What an item stands for; None where it is none, or has no images here."""
    item = _item(path)
    properties = item.get("properties")
    if not isinstance(properties, dict):
        return None
    assets = [asset for asset in _local(item, path) if not MASK_NAME.search(asset.path.stem)]
    layers = _layers(assets, properties, item)
    if len(layers) > 1:
        return _product(path, layers, assets, properties)
    measured = [a for a in assets if not a.roles & _NO_BAND]
    shown = [a for a in assets if "visual" in a.roles]
    images = list(dict.fromkeys(asset.path for asset in (measured or shown)))
    if len(images) > 1:
        raise InputError(
            f"{path.name}: its item has {len(images)} images here",
            found=", ".join(image.name for image in images[:6]),
            needed="one of these images in place of the item",
        )
    return Image(images[0], (path,)) if images else None


def _local(item: Mapping[str, Any], path: Path) -> Iterator[_Asset]:
    assets = item.get("assets")
    if not isinstance(assets, dict) or len(assets) > _MOST_ASSETS:
        return
    for key, said in assets.items():
        href = said.get("href") if isinstance(said, dict) else None
        place = _place(href, path) if isinstance(href, str) else None
        if place is None or place.suffix.lower() not in RASTERS:
            continue
        bands = said.get("eo:bands", said.get("bands"))
        raster = said.get("raster:bands")
        many = max(len(x) for x in (bands, raster, [None]) if isinstance(x, list))
        roles = said.get("roles")
        yield _Asset(
            key=key,
            path=place,
            said=said,
            bands=tuple({**_at(raster, i), **_at(bands, i)} for i in range(min(many, 1000))),
            roles=frozenset(r for r in roles if isinstance(r, str))
            if isinstance(roles, list)
            else frozenset(),
        )


def _place(href: str, item: Path) -> Path | None:
    """Where an asset lies: as the item says, or, if that is elsewhere, under its name beside it."""
    try:
        parts = urlsplit(href)
        path = PurePosixPath(unquote(parts.path))
        here = not parts.scheme and not parts.netloc and not path.is_absolute()
        place = item.parent / (path if here else path.name)
        there = place.is_file()
    except (OSError, ValueError):
        return None
    return kept_inside(item.parent, place) if there else None


def _at(values: object, place: int) -> dict[str, Any]:
    found = values[place] if isinstance(values, list) and place < len(values) else None
    return found if isinstance(found, dict) else {}


def _layers(
    assets: list[_Asset], properties: Mapping[str, Any], item: Mapping[str, Any]
) -> list[Layer]:
    """Assets of one band each that have a canonical name; of several of one name, the finest."""
    platform = properties.get("platform")
    finest: dict[str, tuple[float, _Asset]] = {}
    for asset in assets:
        if len(asset.bands) != 1 or asset.roles & _NO_BAND:
            continue
        name = _name(asset, platform if isinstance(platform, str) else None)
        size = _pixel_size(asset)
        if name and (name not in finest or size < finest[name][0]):
            finest[name] = size, asset
    baseline = _baseline(properties, item)
    layers = []
    for place, (name, (_, asset)) in enumerate(finest.items(), start=1):
        scale, offset = _scaling(asset, properties, baseline)
        layers.append(
            Layer(
                path=asset.path,
                number=place,
                code=asset.key,
                name=name,
                usual=name not in ("pan", "cirrus", "nir09", "lwir", "lwir11", "lwir12"),
                scale=scale,
                offset=offset,
            )
        )
    return layers


def _name(asset: _Asset, platform: str | None) -> str:
    band = asset.bands[0]
    for text in (
        band.get("eo:common_name", band.get("common_name")),
        band.get("name"),
        asset.key,
        asset.path.stem.rpartition("_")[2],
    ):
        name = canonical_name(text, platform=platform) if isinstance(text, str) else ""
        # Sentinel-2 has three of that common name, which their numbers tell apart.
        if name and name != "rededge":
            return name
    return ""


def _pixel_size(asset: _Asset) -> float:
    transform = asset.said.get("proj:transform")
    candidates = (
        asset.bands[0].get("spatial_resolution"),
        asset.said.get("gsd"),
        transform[0] if isinstance(transform, list) and transform else None,
    )
    return next((size for value in candidates if (size := number(value))), 0.0)


def _scaling(
    asset: _Asset, properties: Mapping[str, Any], baseline: float | None
) -> tuple[float | None, float | None]:
    """Scale and offset of an asset; (None, None) where only the file may tell."""
    band = asset.bands[0]
    scale, offset = (
        next((x for value in places if (x := number(value)) is not None), None)
        for places in (
            (band.get("scale"), band.get("raster:scale"), asset.said.get("raster:scale")),
            (band.get("offset"), band.get("raster:offset"), asset.said.get("raster:offset")),
        )
    )
    if scale is None and baseline is None:
        return None, None
    scale = 1 / _sentinel2.QUANTIFICATION if scale is None else scale
    if not 0 < abs(scale) < 1e30 or (offset is not None and abs(offset) > 1e30):
        return None, None
    if any(properties.get(name) is True for name in _APPLIED):
        # Earth Search states the offset of the original beside pixels that hold it already.
        return scale, 0.0
    if offset is None and baseline is not None:
        offset = _sentinel2.documented_offset(baseline) * scale
    return scale, offset or 0.0


def _baseline(properties: Mapping[str, Any], item: Mapping[str, Any]) -> float | None:
    """The processing baseline of a Sentinel-2 item; None for any other."""
    family = f"{properties.get('platform')} {properties.get('constellation')}".lower()
    if "sentinel-2" not in family:
        return None
    stated = next((x for key in _BASELINE if (x := number(properties.get(key))) is not None), None)
    names = [properties.get(key) for key in _PRODUCT_NAME] + [item.get("id")]
    told = (_sentinel2.baseline_in(name) for name in names if isinstance(name, str))
    found = stated if stated is not None else next((x for x in told if x is not None), None)
    return None if found is None or found >= _sentinel2.OWN_BASELINE else found


def _product(
    path: Path, layers: list[Layer], assets: list[_Asset], properties: Mapping[str, Any]
) -> Product:
    nodata = (number(band.get("nodata")) for asset in assets for band in asset.bands)
    sentinel2 = "sentinel-2" in f"{properties.get('platform')} {properties.get('constellation')}"
    unscaled = sentinel2 and any(layer.scale is None for layer in layers)
    cautions: tuple[Caution, ...] = ()
    if unscaled:
        message = (
            f"{path.name}: states neither its bands' scale and offset nor a processing baseline: "
            "the stored numbers are compared, not reflectance."
        )
        cautions = (Caution("product-unscaled", message),)
    return Product(
        path=path,
        kind="STAC item",
        layers=tuple(layers),
        nodata=next((x for x in nodata if x is not None), 0.0 if sentinel2 else None),
        metadata=(path,),
        cautions=cautions,
    )
