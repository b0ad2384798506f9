"""Facts of a passage in words: what each is called, and its value with its unit."""

from __future__ import annotations

from imagery.metadata import FACTS

LABELS = {
    "platform": "Platform",
    "constellation": "Constellation",
    "instruments": "Instruments",
    "provider": "Provider",
    "credit": "Credit",
    "license": "Licence",
    "gsd": "Ground sample",
    "eo:cloud_cover": "Cloud cover",
    "view:off_nadir": "Off nadir",
    "view:incidence_angle": "Incidence angle",
    "view:azimuth": "View azimuth",
    "view:sun_azimuth": "Sun azimuth",
    "view:sun_elevation": "Sun elevation",
    "sat:orbit_state": "Orbit direction",
    "sat:relative_orbit": "Relative orbit",
    "sar:instrument_mode": "Radar mode",
    "sar:frequency_band": "Radar band",
    "sar:polarizations": "Polarisations",
    "sar:product_type": "Radar product",
    "sar:observation_direction": "Look direction",
    "processing:level": "Processing level",
    "processing:baseline": "Processing baseline",
}
"""In the order in which they are told."""


def in_order(names: set[str]) -> list[str]:
    """Names of facts in the order in which they are told; those without words last."""
    order = {name: place for place, name in enumerate(LABELS)}
    return sorted(names, key=lambda name: (order.get(name, len(order)), name))


def label(name: str) -> str:
    """What a fact is called."""
    return LABELS.get(name, name)


def fact_text(name: str, value: str | float) -> str:
    """The value of a fact with its unit: ``57.2°``, ``12.5 %``."""
    if isinstance(value, str):
        return value
    known = FACTS.get(name)
    unit = known.unit if known else ""
    return f"{value:.6g}{'' if unit in ('', '°') else ' '}{unit}"
