"""Items in files of this machine, and where their hrefs lead."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit
from urllib.request import url2pathname

from aoi.finding.sources import is_address
from imagery.errors import InputError, MissingInputError

LARGEST_JSON = 300_000_000
IDS = ("id", "scene_id", "product_id", "catalog_id", "catalogid", "catid", "identifier")
"""Properties that hold the id of an item that has none."""


def read_json(path: Path, *, option: str | None = None) -> Any:
    """A JSON file, not larger than it may be.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no JSON.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_JSON + 1)
        if len(content) > LARGEST_JSON:
            raise ValueError(f"more than {LARGEST_JSON} bytes")
        return json.loads(content)
    except FileNotFoundError as error:
        raise MissingInputError(
            f"{path.name}: no such file", needed="a JSON file", option=option
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path.name}: cannot be read as JSON",
            found=str(error)[:200],
            needed="a STAC item, or what twopass search wrote",
            option=option,
        ) from error


def features_of(content: Any) -> list[Any]:
    """The items of a JSON file, one or a FeatureCollection's, each with an id if it can have one.

    An id that lacks is taken from the properties, where catalogues of images put their own.
    """
    many = isinstance(content, dict) and isinstance(content.get("features"), list)
    return [_with_id(one) for one in (content["features"] if many else [content])]


def _with_id(item: Any) -> Any:
    properties = item.get("properties") if isinstance(item, dict) else None
    if not isinstance(properties, dict) or item.get("id") not in (None, ""):
        return item
    lower = {str(key).lower(): value for key, value in properties.items()}
    for name in IDS:
        value = lower.get(name)
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return {**item, "id": str(value)}
    return item


def stands_alone(path: Path, images: Sequence[str]) -> bool:
    """Whether a JSON file holds STAC items that describe no image beside them.

    Parameters
    ----------
    path
        The file.
    images
        Stems of the images in its folder.
    """
    stem = path.name.partition(".")[0]
    if any(
        image == stem or image.startswith((f"{stem}_", f"{stem}-", f"{stem}.")) for image in images
    ):
        return False
    try:
        content = read_json(path)
    except InputError:
        return False
    if not isinstance(content, dict) or content.get("type") not in ("Feature", "FeatureCollection"):
        return False
    items = [one for one in features_of(content) if isinstance(one, dict) and _is_stac(one)]
    return bool(items) and not any(_lies_beside(one, path.parent) for one in items)


def _is_stac(item: Any) -> bool:
    return "stac_version" in item or isinstance(item.get("assets"), dict)


def _lies_beside(item: Any, folder: Path) -> bool:
    """Whether a file that an item names is one of its folder's."""
    assets = item.get("assets")
    for asset in assets.values() if isinstance(assets, dict) else ():
        href = asset.get("href") if isinstance(asset, dict) else None
        if isinstance(href, str) and href.lower().endswith((".tif", ".tiff", ".jp2")):
            try:
                where = resolved(href, str(folder))
            except InputError:
                continue
            if isinstance(where, Path) and where.is_file():
                return True
    return False


def resolved(href: str, base: str) -> str | Path:
    """Where an href leads: an address on the web, or a file of this machine.

    Parameters
    ----------
    href
        As the item has it.
    base
        The folder or address that a relative one starts from.

    Raises
    ------
    InputError
        If it leads neither way: s3:// and the like need an account.
    """
    if is_address(href):
        return href
    if is_address(base):
        if "://" in href:
            raise _unreachable(href)
        return urljoin(base, href)
    if href.lower().startswith("file://"):
        return Path(url2pathname(urlsplit(href).path))
    if "://" in href or href.startswith("/vsi"):
        raise _unreachable(href)
    plain, decoded = Path(base) / href, Path(base) / unquote(href)
    return plain if not decoded.exists() and plain.exists() else decoded


def _unreachable(href: str) -> InputError:
    return InputError(
        "an asset lies where twopass doesn't read",
        found=f"{href.partition('://')[0]}://",
        needed="http(s), or a file; another source may hold the same image",
        option="--source",
    )


def href_from(path: Path, folder: Path) -> str:
    """The href of a file as seen from a folder: relative where there is a way."""
    try:
        way = os.path.relpath(path.absolute(), folder.absolute())
    except ValueError:  # another drive
        return path.absolute().as_uri()
    return quote(Path(way).as_posix(), safe="/~")


def moved_hrefs(item: Any, base: str, folder: Path) -> Any:
    """An item whose hrefs, relative to ``base`` so far, are to be read from another folder.

    Addresses on the web stay; files become relative to ``folder``.
    """
    assets = item.get("assets") if isinstance(item, dict) else None
    if not isinstance(assets, dict):
        return item
    moved = {}
    for key, asset in assets.items():
        href = asset.get("href") if isinstance(asset, dict) else None
        if isinstance(href, str):
            try:
                where = resolved(href, base)
            except InputError:
                where = href
            to = href_from(where, folder) if isinstance(where, Path) else where
            moved[key] = {**asset, "href": to}
        else:
            moved[key] = asset
    return {**item, "assets": moved}
