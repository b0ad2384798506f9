"""Trials of the campaign: pairs of a kind, made from places and a seed, with what is true of them.

``REFUSE`` are kinds that no alignment may be claimed for, ``ACCEPT`` kinds that have one; of
``EITHER`` a refusal is right, and so is an alignment that is.  A kind and a seed fix every pixel.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

import _related as own
import _unrelated as no
import numpy as np
from _nature import Rng
from _pieces import Trial
from _places import Place

Maker = Callable[[Rng, Sequence[Place]], Trial]


class Kind(NamedTuple):
    trials: int
    make: Maker
    says: str


def make(kind: str, seed: int, library: Sequence[Place]) -> Trial:
    """The trial of a kind and a seed."""
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    return KINDS[kind].make(rng, library)


REFUSE: dict[str, Kind] = {
    "unrelated, one sensor": Kind(40, no.unrelated_same, "two places that one sensor saw"),
    "unrelated, two sensors": Kind(40, no.unrelated_mixed, "two places that two sensors saw"),
    "turned": Kind(20, no.turned, "one place, turned or mirrored"),
    "unrelated, JPEG": Kind(15, no.unrelated_jpeg, "two places, one lattice of 8 px blocks"),
    "unrelated, stripes": Kind(15, no.unrelated_stripes, "two places, one sensor's stripes"),
    "unrelated, collar": Kind(15, no.unrelated_collar, "two places, one border of missing pixels"),
    "unrelated, enlarged": Kind(15, no.unrelated_enlarged, "two places, pixels repeated in both"),
    "unrelated, watermark": Kind(
        10, no.unrelated_watermark, "two places under one provider's mark"
    ),
    "cloud over one": Kind(30, no.cloud_one, "97 to 100 % of one image under opaque cloud"),
    "cloud over both": Kind(15, no.cloud_both, "95 to 100 % of each under its own cloud"),
    "sea": Kind(20, no.water, "two draws of waves under one light"),
    "sea, noise": Kind(15, no.water_noise, "noise, correlated over some pixels"),
    "sea, JPEG": Kind(20, no.water_jpeg, "two draws of waves, one lattice of 8 px blocks"),
    "sea, stripes": Kind(20, no.water_stripes, "two draws of waves, one sensor's stripes"),
    "sea, pattern": Kind(10, no.water_pattern, "two draws of waves, one weak pattern of detectors"),
}

EITHER: dict[str, Kind] = {
    "rows of trees": Kind(15, no.periodic, "one pattern that repeats; refused, or right"),
}

ACCEPT: dict[str, Kind] = {
    "dates, 5 to 30 m": Kind(40, own.dates, "two real dates, from orbit or orthorectified"),
    "dates, 0.2 to 1 m": Kind(
        40, own.fine_dates, "two real dates of 100 to 500 m of town or fields, roofs leaning"
    ),
    "seasons": Kind(40, own.seasons, "every class of ground with a radiometry of its own"),
    "half under cloud": Kind(30, own.half_cloud, "50 % of one image under opaque cloud"),
    "lean": Kind(40, own.lean, "roofs on 15 to 45 % lean by 2 to 8 px"),
    "area in 1 km²": Kind(20, own.area_in_1_km2, "an area of 0.1 km² in a scene of 1 km²"),
    "area in 25 km²": Kind(10, own.area_in_25_km2, "an area of 0.1 km² in a scene of 25 km²"),
    "change": Kind(15, own.change, "40 % of the ground is another"),
    "far apart": Kind(10, own.far_apart, "displaced by up to an eighth of the image"),
    "two resolutions": Kind(15, own.two_resolutions, "one image 2 or 3 times coarser"),
    "haze": Kind(15, own.faint, "8 to 20 % of the contrast is left in one"),
}

KINDS: dict[str, Kind] = {**REFUSE, **EITHER, **ACCEPT}
