"""How a STAC item's scene was seen, where its writers are known to mean something else.

What ``view:azimuth`` means was checked on items of three producers; each runs towards the
satellite, or isn't the direction of view at all:

- Maxar Open Data (``ard_metadata_version``): over neighbouring tiles of one pass the off-nadir
  angle falls in the direction of ``view:azimuth``, which so points to the satellite;
  ``view:incidence_angle`` is the satellite's elevation.
- Sentinel-2 (stactools): it is the granule's mean viewing incidence azimuth, towards the satellite;
  tiles at the swath's western edge state about 104°.
- Planet (stactools): in older ones it is that of the scan, in newer ones towards the satellite;
  ``pl:satellite_azimuth`` leads to the satellite.

Elsewhere what an item states is taken at its word.
"""

from __future__ import annotations

from typing import Any

from imagery.metadata._angles import azimuth, elevation, incidence, is_elevation, opposite, size
from imagery.metadata._model import Stated, plain
from imagery.record import Caution

_View = tuple[list[Stated], tuple[Caution, ...]]


def view(values: dict[str, Any], source: str) -> _View:
    """The angles of view and sun that need a thought.

    Parameters
    ----------
    values
        The item's properties, with those of the asset over them.
    source
        What to call the item.

    Returns
    -------
    stated, cautions
        For ``gathered``; a caution where a value was understood as something else than its name.
    """
    angle = values.get("view:incidence_angle")
    # Capella calls it the look angle; "eo:" was its place before STAC 1.0.
    keys = ("view:off_nadir", "eo:off_nadir", "view:look_angle")
    key = next((key for key in keys if values.get(key) is not None), keys[0])
    off_nadir = values.get(key)
    stated = [size("view:off_nadir", off_nadir, f"{source}: {key}")]
    for key in ("view:sun_azimuth", "eo:sun_azimuth", "s2:mean_solar_azimuth"):
        stated.append(azimuth("view:sun_azimuth", values.get(key), f"{source}: {key}"))
    for key in ("view:sun_elevation", "eo:sun_elevation"):
        stated.append(("view:sun_elevation", values.get(key), f"{source}: {key}"))
    zenith = values.get("s2:mean_solar_zenith")
    stated.append(elevation(zenith, f"{source}: s2:mean_solar_zenith"))
    cautions: tuple[Caution, ...] = ()
    if is_elevation(angle, off_nadir):
        stated.append(incidence(angle, f"{source}: view:incidence_angle"))
        cautions = (
            Caution(
                "incidence-is-elevation",
                f"{source}: its view:incidence_angle, {plain(str(angle))}°, cannot be one with "
                f"{plain(str(off_nadir))}° off nadir; it is taken as the satellite's elevation.",
            ),
        )
    else:
        stated.append(size("view:incidence_angle", angle, f"{source}: view:incidence_angle"))
    stated.append(_azimuth(values, source))
    if _is_planet(values) and "pl:satellite_azimuth" not in values and "view:azimuth" in values:
        cautions += (
            Caution(
                "azimuth-ignored",
                f"{source}: its view:azimuth is left out: items of Planet keep by that name "
                "either where the satellite is or how the scan runs.",
            ),
        )
    return stated, cautions


def _is_planet(values: dict[str, Any]) -> bool:
    return any(key.startswith("pl:") for key in values)


def _azimuth(values: dict[str, Any], source: str) -> Stated:
    value = values.get("view:azimuth")
    where = f"{source}: view:azimuth"
    if _is_planet(values):
        towards = values.get("pl:satellite_azimuth")
        return opposite("view:azimuth", towards, f"{source}: pl:satellite_azimuth")
    sentinel2 = any(key.startswith("s2:") for key in values)
    if sentinel2 or "ard_metadata_version" in values:
        return opposite("view:azimuth", value, where)
    return azimuth("view:azimuth", value, where)
