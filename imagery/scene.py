"""A scene: all that is known of one image before its pixels are read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from imagery.blocks import Window
from imagery.errors import UsageError
from imagery.record import Caution
from imagery.stamp import Stamp

Role = Literal["before", "after"]
Precision = Literal["second", "day", "interval", "unknown"]


@dataclass(frozen=True)
class Acquisition:
    """When a scene was acquired, how finely that is known, and who says so.

    ``start`` and ``end`` are UTC; they differ for an interval (a mosaic).  A day is held as its
    first and last second.  ``confirmed`` is False for a mere file time, which reaches no map.
    """

    start: dt.datetime | None = None
    end: dt.datetime | None = None
    precision: Precision = "unknown"
    source: str = "unknown"
    confirmed: bool = True

    @property
    def known(self) -> bool:
        return self.start is not None and self.confirmed

    def __str__(self) -> str:
        if self.start is None or self.end is None or not self.confirmed:
            return "date unknown"
        if self.precision == "day":
            return f"{self.start:%Y-%m-%d}"
        if self.precision == "interval":
            return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
        return f"{self.start:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True)
class Fact:
    """A value and who states it: ``Fact(57.2, "Landsat MTL: SUN_ELEVATION")``."""

    value: str | float
    source: str


Facts = Mapping[str, Fact]
"""What is known of a passage but its date, by the names of STAC (``"view:sun_elevation"``)."""


@dataclass(frozen=True)
class Stored:
    """Where a product of several files keeps a band."""

    path: Path
    index: int = 1
    """The band in that file, from 1."""

    factor: int = 1
    """How many of its pixels, each way, go into one of the scene's: they are averaged."""


@dataclass(frozen=True)
class Band:
    """One band of a file, or of a product of several.

    ``index`` counts from 1, as in the file, or in the product's list.  ``name`` is the canonical
    name (``"red"``), empty where nothing tells it, and ``named_by`` what tells it:
    ``"description"``, ``"product"`` or ``"colour interpretation"``.  Physical value = stored
    value x ``scale`` + ``offset``.
    """

    index: int
    name: str = ""
    named_by: str = ""
    description: str = ""
    scale: float = 1.0
    offset: float = 0.0
    stored: Stored | None = None
    """None where the band lies in the scene's own file."""

    @property
    def label(self) -> str:
        return self.name or self.description or f"band {self.index}"


@dataclass(frozen=True)
class InputFile:
    """A file that was read, as the record names it: never with its folder.

    ``sha256`` is empty where nobody asked for it.
    """

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Collar:
    """An untagged border of one constant value.

    ``coarse`` is True, on a grid ``factor`` times coarser than the scene, where the border reaches;
    a pixel is collar where it has ``values`` and lies there.
    """

    values: tuple[float, ...]
    """The stored value in each of the scene's bands, in their order."""

    factor: int
    coarse: tuple[bytes, ...]
    """Rows of the coarse mask, one byte (0 or 1) a column."""

    tolerance: float = 0.0
    """How far a stored value may be from ``values``: above 0 where compression was lossy."""


@dataclass(frozen=True)
class Alpha:
    """A band that says where the image is: a pixel is seen where it reaches ``opaque``."""

    index: int
    opaque: float


class Outline(Protocol):
    """An area that a user drew, as far as pixels need to know it."""

    def mask(self, geobox: GeoBox) -> NDArray[Any]:
        """True where a pixel's centre lies in it, of the grid's shape."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A raster that tells which of a scene's pixels show no ground."""

    kind: str
    """How its codes read: a key of ``imagery.masks.KINDS``."""

    path: Path
    indexes: tuple[int, ...] = (1,)
    """The bands that hold the codes, from 1."""

    geobox: GeoBox
    """Its own grid, which may be coarser than the scene's, or in another map projection."""

    nodata: float | None = None
    margin_px: float = 0.0
    """How far around clouds and their shadows it masks too, in its own pixels."""

    source: str
    """What it is, in words: ``"Sentinel-2 SCL (T51SXD_20240606T022531_SCL_20m.jp2)"``."""


@dataclass(frozen=True, kw_only=True)
class DrawnMask:
    """Outlines of what a user doesn't want to be used of a scene."""

    outline: Outline = field(hash=False, compare=False)
    source: str


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One image, opened and understood, as an immutable value; it holds no open file."""

    path: Path
    role: Role
    geobox: GeoBox
    """The whole image's own grid.  Its CRS is None only if the user said "not georeferenced"."""

    driver: str
    dtype: str
    bands: tuple[Band, ...]
    """The bands that carry measurement (alpha left out)."""

    nodata: float | None
    """The value that marks missing pixels, NaN among them; None where there is none."""

    has_mask: bool
    """Whether the file brings its own mask (internal, alpha)."""

    alpha: Alpha | None
    """The band that is a true alpha; None too where a band is merely tagged so."""

    collar: Collar | None
    display_product: bool
    """True for 8-bit colour exports, whose stretch is unknown: no radiometric claim."""

    acquisition: Acquisition
    facts: Facts = field(default_factory=dict, hash=False)
    """All else that is known of the passage, by STAC's names, each with its source."""

    simulated: bool
    files: tuple[InputFile, ...]
    """The image first, then every sidecar that was read."""

    masks: tuple[Mask | DrawnMask, ...] = ()
    """What tells of clouds and the like: where they do, no pixel of the scene is valid."""

    cautions: tuple[Caution, ...] = ()

    stamps: tuple[Stamp, ...] = field(default=(), repr=False, compare=False)
    """How each of ``files`` was when it was hashed."""

    called: str | None = None
    """The name of the image that it was made from, where ``path`` is a file that we made of it."""

    @property
    def name(self) -> str:
        return self.called or self.path.name

    @property
    def platform(self) -> str | None:
        return self._text("platform")

    @property
    def credit(self) -> str | None:
        return self._text("credit")

    @property
    def license(self) -> str | None:
        return self._text("license")

    @property
    def pixels_sha256(self) -> tuple[str, ...]:
        """Hashes of the files that hold the bands' pixels: what tells two scenes apart."""
        holders = {band.stored.path.name for band in self.bands if band.stored is not None}
        found = tuple(file.sha256 for file in self.files if file.name in holders)
        return found or (self.files[0].sha256,)

    def _text(self, name: str) -> str | None:
        fact = self.facts.get(name)
        return None if fact is None else str(fact.value)

    @property
    def window(self) -> Window:
        """The whole image as a window."""
        rows, cols = self.geobox.shape
        return Window(0, 0, rows, cols)


def check_order(before: Scene, after: Scene, *, allow_reversed: bool) -> tuple[Caution, ...]:
    """Refuse a pair whose earlier image was acquired after the later one.

    Days and intervals are compared by what they leave open: only where the whole of the one lies
    after the whole of the other is the order wrong.  A date that is unknown, or that of the file
    alone, says nothing.

    Returns
    -------
    tuple of Caution
        One where the images are the wrong way round and ``allow_reversed`` says that this is meant.

    Raises
    ------
    UsageError
        If they are, and nothing says so.
    """
    first, second = before.acquisition, after.acquisition
    if not (first.known and second.known):
        return ()
    if first.start is None or second.end is None or first.start <= second.end:
        return ()
    if allow_reversed:
        return (
            Caution(
                "order-reversed",
                f"{before.name} ({first}) was acquired after {after.name} ({second}), and is "
                "called the earlier one because --allow-reversed says so.",
            ),
        )
    raise UsageError(
        f"{before.name} (BEFORE) was acquired after {after.name} (AFTER)",
        found=f"BEFORE {first}, AFTER {second}",
        needed="the earlier image first",
        option="--allow-reversed, if that is meant; --before-date and --after-date, if not",
    )
