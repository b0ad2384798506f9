"""Products: what providers deliver as a folder of files, found and understood as one image.

A finder is a function ``find(folder) -> Product | Image | None`` that knows a provider's folder by
the names in it; it opens no image.  A new product is a module with one such function and a line in
``FINDERS``, the surest first.  Where a folder holds something that can't be one image, a finder
refuses it and names the step that is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from imagery.errors import InputError, MissingInputError
from imagery.products import _item, _landsat, _sentinel2, _single
from imagery.products._model import Image, Layer, Product
from imagery.products._single import MASK_NAME

__all__ = ["FINDERS", "MASK_NAME", "Image", "Layer", "Product", "find_product"]

Finder = Callable[[Path], Product | Image | None]

FINDERS: tuple[Finder, ...] = (
    _sentinel2.find_safe,
    _landsat.find,
    _item.find,
    _sentinel2.find_loose,
    _single.find_planet,
    _single.find,
)

_ARCHIVES = ((b"PK\3\4", "unzip"), (b"\x1f\x8b", "tar -xf"))


def find_product(path: Path) -> Product | Image:
    """What a path stands for: an image, or a product of several files.

    Parameters
    ----------
    path
        An image, which stands for itself; a folder; or a product's own metadata file
        (``MTD_MSIL2A.xml``, ``..._MTL.txt``, a STAC item).

    Raises
    ------
    MissingInputError
        If it is a folder without an image.
    InputError
        If it is an archive, or a folder that holds several images that don't belong together, or
        the tiles of one.
    """
    try:
        folder, file = path.is_dir(), path.is_file()
    except OSError:  # the opener says it better
        return Image(path)
    if folder:
        return _in_folder(_named(path))
    if not file:
        return Image(path)
    _check_no_archive(path)
    for of_file in (_sentinel2.of_file, _landsat.of_file, _item.of_file):
        found = of_file(path.absolute())
        if found is not None:
            return found
    return Image(path)


def _named(folder: Path) -> Path:
    """The folder under a name of its own, which ``.`` and ``..`` are not."""
    absolute = folder.absolute()
    return absolute.resolve() if absolute.name in ("", "..") else absolute


def _in_folder(folder: Path) -> Product | Image:
    for find in FINDERS:
        found = find(folder)
        if found is not None:
            return found
    inner = _single.only_folder(folder)
    if inner is not None:
        return _in_folder(inner)
    raise MissingInputError(
        f"{folder.name}: is a folder without an image",
        found=_single.contents(folder),
        needed="an image, or a product's folder with its images in it",
    )


def _check_no_archive(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            start = stream.read(4)
    except OSError:
        return  # the opener says it better
    step = next((step for first, step in _ARCHIVES if start.startswith(first)), None)
    if step is None and path.suffix.lower() == ".tar":
        step = "tar -xf"
    if step is not None:
        raise InputError(
            f"{path.name}: is an archive; unpack it first",
            found="an archive of files",
            needed=f"the folder that '{step}' makes of it",
        )
