"""The two passes over the town: when, from where, through what air, by what sensor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Pass:
    """One acquisition.  Tuples over bands are blue, green, red, nir."""

    role: str
    datetime: str
    off_nadir: float
    """Degrees from the vertical."""

    view_azimuth: float
    """Degrees from north of the direction from the sub-satellite point to the scene (as STAC has
    it): roofs lean that way."""

    sun_azimuth: float
    sun_elevation: float
    gain: tuple[float, float, float, float]
    """Counts by unit of reflectance."""

    offset: tuple[float, float, float, float]
    """Counts of haze and sensor at reflectance 0."""

    haze: float
    """Relative swing of the haze over the image."""

    psf: float
    """Standard deviation of the point spread in image pixels."""

    read_noise: float
    """Counts."""

    shot_noise: float
    """Variance by count."""

    season: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    """Factor on the reflectance of plants."""


# Sun angles are those of 39.0195 N, 125.7525 E at the stated times (low-precision formulae of the
# Astronomical Almanac), so that shadows, metadata and clock agree.
BEFORE = Pass(
    role="before",
    datetime="2024-06-06T02:17:00Z",
    off_nadir=9.2,
    view_azimuth=262.0,
    sun_azimuth=128.5,
    sun_elevation=66.6,
    gain=(1580.0, 1720.0, 1660.0, 1500.0),
    offset=(128.0, 92.0, 62.0, 38.0),
    haze=0.10,
    psf=0.42,
    read_noise=2.2,
    shot_noise=0.035,
)
AFTER = Pass(
    role="after",
    datetime="2024-06-13T02:31:00Z",
    off_nadir=15.6,
    view_azimuth=287.0,
    sun_azimuth=133.5,
    sun_elevation=68.9,
    gain=(1465.0, 1640.0, 1625.0, 1470.0),
    offset=(176.0, 124.0, 84.0, 47.0),
    haze=0.18,
    psf=0.50,
    read_noise=2.6,
    shot_noise=0.040,
    season=(0.97, 1.07, 0.94, 1.13),
)
