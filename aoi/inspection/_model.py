"""What an inspection finds of one file, as values."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from imagery.comparability import is_radar, seen_aside
from imagery.errors import TwopassError
from imagery.grid import ground_pixel
from imagery.record import Caution
from imagery.scene import Acquisition, Facts, InputFile, Scene

_SUPPLIED = {
    "sun": ("view:sun_elevation", "view:sun_azimuth"),
    "view": ("view:off_nadir", "view:incidence_angle"),
    "credit": ("credit",),
    "license": ("license",),
}
"""What a comparison wants to know beside the date, by its option: facts of which any will do."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How the pixels lie in the file."""

    block: tuple[int, int]
    """(rows, cols) of a block, px."""

    tiled: bool
    overviews: tuple[int, ...]
    compression: str
    cloud_optimised: bool


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How much of an image, and of an area, holds data; shares from 0 to 1."""

    valid: float
    sampled: bool
    """Whether ``valid`` was estimated from tiles spread over a large image."""

    area: str | None = None
    """The area's name; None where none was asked for."""

    area_inside: float | None = None
    """Share of the area that lies in the image; None where that can't be told."""

    area_valid: float | None = None
    """Share of the area that holds data."""

    area_clear: float | None = None
    """Share of the area that holds data and that no mask beside the image forbids."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """One file: an image (or a product), metadata alone, or the reason why it can't be used."""

    name: str
    scene: Scene | None = None
    """None for metadata alone."""

    acquisition: Acquisition = field(default_factory=Acquisition)
    facts: Facts = field(default_factory=dict, hash=False)
    files: tuple[InputFile, ...] = ()
    cautions: tuple[Caution, ...] = ()
    storage: Storage | None = None
    coverage: Coverage | None = None
    centre: tuple[float, float] | None = None
    """(longitude, latitude) of the middle; None where it isn't georeferenced."""

    footprint: Any = None
    """A polygon in longitude and latitude, or in the metric frame; None where it can't be told."""

    refusal: TwopassError | None = None

    @property
    def pixel_size_m(self) -> float | None:
        """Side of a pixel on the ground; of metadata alone what they state."""
        if self.scene is not None:
            return ground_pixel(self.scene.geobox)
        stated = self.facts.get("gsd")
        return None if stated is None or isinstance(stated.value, str) else float(stated.value)

    @property
    def georeferenced(self) -> bool:
        """Whether it lies on the Earth, as all does that isn't an image without a CRS."""
        return self.scene is None or self.scene.geobox.crs is not None

    @property
    def solar_time(self) -> dt.datetime | None:
        """Mean solar time at the middle of the image; None where only the day is known."""
        when = self.acquisition
        if self.centre is None or when.precision != "second" or not when.known:
            return None
        start = when.start
        return None if start is None else start + dt.timedelta(hours=self.centre[0] / 15)

    @property
    def lacks_view_azimuth(self) -> bool:
        """Whether it was seen from aside, and nobody says from which side."""
        return seen_aside(self.facts) and "view:azimuth" not in self.facts

    @property
    def missing(self) -> list[str]:
        """What is unknown, by the end of the option that supplies it: ``"date"``, ``"sun"``."""
        lacking = [] if self.acquisition.known else ["date"]
        for option, names in _SUPPLIED.items():
            # Radar images are lit and seen by what tells of neither.
            if option in ("sun", "view") and is_radar(self.facts):
                continue
            if not any(name in self.facts for name in names) or (
                option == "view" and self.lacks_view_azimuth
            ):
                lacking.append(option)
        return lacking
