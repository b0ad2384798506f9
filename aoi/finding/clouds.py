"""Cloud over the area itself, from the masks that come with products."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from aoi.finding.item import Asset, Item
from aoi.finding.reach import Signer, opened
from aoi.finding.window import window_on
from aoi.places import Area
from imagery.env import RASTER_ERRORS, raster_environment
from imagery.errors import InputError
from imagery.masks import CLOUD, KINDS, SHADOW, UNUSABLE
from imagery.record import Caution

MASKS = {"scl": ("scl", "SCL"), "qa_pixel": ("qa-pixel", "QA_PIXEL"), "udm2": ("udm2", "udm2")}
"""Assets that are masks, by the end of their key: their kind, and what they are called on disk."""

_MOST_PIXELS = 4_000_000


def mask_of(item: Item) -> tuple[Asset, str, str] | None:
    """The asset of an item that masks clouds, its kind and its name on disk."""
    for ending, (kind, name) in MASKS.items():
        for key, asset in item.assets.items():
            if asset.is_image and key.lower().endswith(ending):
                return asset, kind, name
    return None


def clouds_over(
    items: Iterable[Item], area: Area, *, signer: Signer
) -> tuple[dict[tuple[str, str], float], tuple[Caution, ...]]:
    """Share of cloud, of its shadow and of what else shows nothing, in the area, in per cent.

    Each mask is read over the area alone, by range requests.

    Returns
    -------
    (shares, cautions)
        By collection and id, where there is a mask; cautions where there is none, or it can't be
        read.
    """
    shares: dict[tuple[str, str], float] = {}
    failed: list[str] = []
    without: list[str] = []
    with raster_environment():
        for item in items:
            found = mask_of(item)
            if found is None:
                without.append(item.id)
                continue
            try:
                share = _share(item, found[0], found[1], area, signer)
            except InputError as error:
                failed.append(f"{item.id}: {error}")
                continue
            except RASTER_ERRORS as error:
                failed.append(f"{item.id}: {str(error)[:100]}")
                continue
            if share is not None:
                shares[item.collection, item.id] = share
    cautions: list[Caution] = []
    if without:
        text = (
            f"{len(without)} scene(s) have no mask of clouds that can be read over the area "
            f"({' or '.join(MASKS)}); the scene's own number stands: {without[0]}"
        )
        cautions.append(Caution("cloud-mask-none", text))
    if failed:
        text = f"{len(failed)} cloud mask(s) can't be read; the scene's own number stands: "
        cautions.append(Caution("cloud-mask-unread", text + failed[0]))
    return shares, tuple(cautions)


def _share(item: Item, asset: Asset, kind: str, area: Area, signer: Signer) -> float | None:
    """Of the part of the area that the image reaches; None where it reaches none."""
    from rasterio.windows import Window as RasterioWindow

    with opened(item, asset, signer) as dataset:
        window = window_on(dataset, area, margin_m=0)
        if window is None:
            return None
        step = max(1, int(np.sqrt(window.height * window.width / _MOST_PIXELS)))
        place = RasterioWindow(window.left, window.top, window.width, window.height)
        shape = (-(-window.height // step), -(-window.width // step))
        codes: Any = dataset.read(window=place, out_shape=(dataset.count, *shape))
        corner = dataset.transform * dataset.transform.translation(window.left, window.top)
        pixel = corner.scale(window.width / shape[1], window.height / shape[0])
        grid = GeoBox(shape, corner * pixel, dataset.crs)
    if len(codes) < KINDS[kind].bands:
        return None
    reasons = KINDS[kind].read(codes)
    inside = area.mask(grid)
    seen = inside & ((reasons & UNUSABLE) == 0)
    if not seen.any():
        return None
    return float(100 * ((reasons[seen] & (CLOUD | SHADOW)) != 0).mean())
