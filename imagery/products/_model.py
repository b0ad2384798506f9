"""A product as a value: which files keep which bands, and what their numbers mean."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagery.record import Caution


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A band of a product."""

    path: Path
    number: int
    """In the product's own list, from 1: the same whichever of its files are there."""

    code: str
    """What the provider calls it: ``"B04"``."""

    name: str = ""
    """The canonical name, empty where it has none."""

    index: int = 1
    """The band in its file, from 1."""

    usual: bool = True
    """Whether it shows the ground in reflected light: others are used only when asked for."""

    scale: float | None = None
    offset: float | None = None
    """Physical value = stored value x scale + offset; None where only the file may tell."""


@dataclass(frozen=True, kw_only=True)
class Product:
    """An image in several files."""

    path: Path
    """The folder, or the metadata file, that stands for it."""

    kind: str
    """``"Landsat product"``, for messages."""

    layers: tuple[Layer, ...]
    """By number."""

    nodata: float | None = None
    """The stored value that the provider documents as missing; None where only the files tell."""

    metadata: tuple[Path, ...] = ()
    """Files of metadata, the surest first."""

    cautions: tuple[Caution, ...] = ()


@dataclass(frozen=True)
class Image:
    """One image in one file, with metadata whose names don't lead to it."""

    path: Path
    metadata: tuple[Path, ...] = ()
