"""A STAC item from elsewhere: checked once, then a value.

Source: SpatioTemporal Asset Catalog, item specification 1.0 and 1.1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from shapely.errors import ShapelyError

from imagery.bands import canonical_name
from imagery.errors import InputError
from imagery.metadata import facts_of_item, plain
from imagery.record import Caution
from imagery.scene import Acquisition, Facts

MOST_ASSETS, MOST_VERTICES, LONGEST_HREF = 500, 100_000, 8_000
FOOTPRINT = "twopass:footprint"
"""Property: whether the outline is that of valid ``data`` or of the ``grid``, fill included."""

_IMAGES = (".tif", ".tiff", ".jp2")


@dataclass(frozen=True)
class StoredBand:
    """What an item says of one band of an asset; None where it says nothing."""

    name: str = ""
    """The canonical name, else the item's own, else empty."""

    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None


@dataclass(frozen=True, kw_only=True)
class Asset:
    """One file of an item."""

    key: str
    href: str
    media: str = ""
    roles: tuple[str, ...] = ()
    bands: tuple[StoredBand, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether it can be a GeoTIFF or JPEG 2000 file, by its media type and its name."""
        path = self.href.partition("?")[0].lower()
        wanted = not self.media or "tiff" in self.media or "jp2" in self.media
        return wanted and path.endswith(_IMAGES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Item:
    """One acquisition as a catalogue describes it."""

    id: str
    collection: str
    footprint: Any
    """A shapely geometry in longitude and latitude."""

    acquisition: Acquisition
    facts: Facts = field(default_factory=dict)
    assets: Mapping[str, Asset] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    """The item as it came."""

    base: str = ""
    """The folder or address that relative hrefs start from."""

    @property
    def footprint_of(self) -> str | None:
        """``"data"`` or ``"grid"``, which may hold fill; None where the catalogue doesn't say."""
        properties = self.raw.get("properties")
        told = properties.get(FOOTPRINT) if isinstance(properties, dict) else None
        return told if told in ("data", "grid") else None

    def number(self, name: str) -> float | None:
        """A fact that is a number, or None."""
        fact = self.facts.get(name)
        return float(fact.value) if fact and isinstance(fact.value, (int, float)) else None

    def text(self, name: str) -> str:
        """A fact as text, empty where it isn't known."""
        fact = self.facts.get(name)
        return str(fact.value) if fact else ""


def read_item(raw: object, *, base: str = "") -> Item:
    """Understand a STAC item; what it says wrongly is left out where it isn't needed.

    Parameters
    ----------
    raw
        The item as JSON values.
    base
        The folder or address that its relative hrefs start from.

    Raises
    ------
    InputError
        If it is no item, or says neither what it is called nor where it lies.
    """
    if not isinstance(raw, dict) or raw.get("type") != "Feature":
        raise InputError("no STAC item", found=type(raw).__name__, needed="a GeoJSON Feature")
    name = plain(raw.get("id"))
    properties = raw.get("properties")
    if not name or not isinstance(properties, dict):
        lacks = "properties" if name else "id"
        raise InputError(
            f"STAC item {name or '?'}: lacks its {lacks}",
            found=", ".join(sorted(map(str, raw))[:10]),
            needed=f'a STAC item, which has "{lacks}" beside its "type"',
        )
    said = facts_of_item(raw, source=f"STAC item {name}")
    return Item(
        id=name,
        collection=plain(raw.get("collection")),
        footprint=_footprint(raw, name),
        # A date that is wrong or missing is unknown: listed as such, found only when asked for.
        acquisition=said.acquisition or Acquisition(),
        facts=said.facts,
        assets=_assets(raw.get("assets")),
        raw=raw,
        base=base,
    )


def read_items(
    raw: Iterable[object], *, base: str = ""
) -> tuple[tuple[Item, ...], tuple[Caution, ...]]:
    """Every item that can be understood, each once, and a caution for what can't."""
    found: dict[tuple[str, str], Item] = {}
    unfit: list[str] = []
    for one in raw:
        try:
            item = read_item(one, base=base)
        except InputError as error:
            unfit.append(str(error))
            continue
        found.setdefault((item.collection, item.id), item)
    cautions: tuple[Caution, ...] = ()
    if unfit:
        text = f"{len(unfit)} item(s) can't be understood and are left out: {unfit[0]}"
        cautions = (Caution("items-unfit", text),)
    return tuple(found.values()), cautions


def _footprint(raw: dict[str, Any], name: str) -> Any:
    """The outline, or the bounding box where the outline can't be used."""
    try:
        with np.errstate(invalid="ignore"):
            outline = shapely.force_2d(shapely.geometry.shape(raw["geometry"]))
        small = shapely.get_num_coordinates(outline) <= MOST_VERTICES
        finite = bool(np.isfinite(shapely.get_coordinates(outline)).all())
        if small and finite and _on_earth(outline.bounds):
            return outline if outline.is_valid else shapely.make_valid(outline)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ShapelyError):
        pass
    box = raw.get("bbox")
    if isinstance(box, list) and len(box) in (4, 6):
        half = len(box) // 2
        corners = (*box[:2], *box[half : half + 2])
        if _on_earth(corners) and corners[0] < corners[2] and corners[1] < corners[3]:
            return shapely.box(*corners)
    raise InputError(
        f"STAC item {name}: doesn't say where it lies",
        found="neither an outline nor a bounding box in degrees",
        needed="geometry or bbox",
    )


def _on_earth(bounds: tuple[Any, ...]) -> bool:
    if not all(isinstance(n, (int, float)) and math.isfinite(n) for n in bounds):
        return False
    west, south, east, north = bounds
    return bool(-180.1 <= west <= east <= 180.1 and -90.1 <= south <= north <= 90.1)


def _assets(assets: object) -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for key, asset in list(assets.items())[:MOST_ASSETS] if isinstance(assets, dict) else ():
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str) or not 0 < len(href) <= LONGEST_HREF:
            continue
        roles = asset.get("roles")
        found[plain(key)] = Asset(
            key=plain(key),
            href=href,
            media=plain(asset.get("type")).lower(),
            roles=tuple(map(plain, roles[:20])) if isinstance(roles, list) else (),
            bands=_bands(asset),
        )
    return found


def _bands(asset: Mapping[str, Any]) -> tuple[StoredBand, ...]:
    """Bands as STAC 1.0 (``eo:bands``, ``raster:bands``) or 1.1 (``bands``) describe them."""
    named, stored = (
        part if isinstance(part, list) and len(part) <= 1000 else []
        for part in (asset.get("eo:bands", asset.get("bands")), asset.get("raster:bands"))
    )
    count = max(len(named), len(stored))
    found = []
    for number in range(count):
        told: dict[str, Any] = {}
        for part in (asset, *(p[number] for p in (named, stored) if number < len(p))):
            told |= part if isinstance(part, dict) else {}
        common = plain(told.get("eo:common_name") or told.get("common_name"))
        own = plain(named[number].get("name")) if _is_dict(named, number) else ""
        found.append(
            StoredBand(
                name=canonical_name(common) or common or own,
                scale=_number(told.get("raster:scale", told.get("scale"))),
                offset=_number(told.get("raster:offset", told.get("offset"))),
                nodata=_number(told.get("nodata")),
            )
        )
    return tuple(found)


def _is_dict(parts: list[Any], number: int) -> bool:
    return number < len(parts) and isinstance(parts[number], dict)


def _number(value: object) -> float | None:
    if value == "nan":
        return math.nan
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < 1e30 else None
