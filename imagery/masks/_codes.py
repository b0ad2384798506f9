"""How the codes of quality masks read: each kind as a function on arrays, with its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[Any]
Reasons = NDArray[np.uint8]

CLOUD, SHADOW, SATURATED, UNUSABLE, USER, SNOW = (1 << bit for bit in range(6))
"""Bits of a reason; several may be set.  ``SHADOW`` is a cloud's."""

MASKING = CLOUD | SHADOW | UNUSABLE | USER
"""Where a pixel shows nothing.  Snow is ground cover and only counted; what is saturated in one
image is still at least so bright, and only tells nothing where it is saturated in both."""

WORDS: Mapping[int, str] = {
    CLOUD: "cloud",
    SHADOW: "cloud shadow",
    SATURATED: "saturated",
    UNUSABLE: "unusable",
    USER: "masked by the user",
    SNOW: "snow",
}

PROBABLE = 50
"""Cloud probability, in per cent, from which a pixel is cloud."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of mask: what it is called, how its codes read, what else is to be known of it."""

    title: str
    read: Callable[[Codes], Reasons]
    """From stored codes, shape (band, row, col), to reasons, shape (row, col)."""

    largest: int
    """The largest code that such a mask can hold: what holds a larger one is another thing."""

    bands: int = 1
    bare: bool = True
    """Whether clouds end at their last pixel, so that a margin has to be put around them."""


def _marked(shape: tuple[int, ...], *marks: tuple[NDArray[np.bool_], int]) -> Reasons:
    reasons = np.zeros(shape, np.uint8)
    for where, reason in marks:
        reasons[where] |= reason
    return reasons


def _any(codes: Codes, *bits: int) -> NDArray[np.bool_]:
    """Where any of the bits is set."""
    return np.asarray((codes.astype(np.int64) & sum(1 << bit for bit in bits)) != 0)


def _high(codes: Codes, bit: int) -> NDArray[np.bool_]:
    """Where the two bits from ``bit`` on say "high confidence" (3)."""
    return np.asarray((codes.astype(np.int64) >> bit) & 3 == 3)


def _qa_pixel(codes: Codes) -> Reasons:
    """Landsat Collection 2 QA_PIXEL: USGS LSDS-1619 (Landsat 8-9) and LSDS-1618 (4-7).

    Bit 0 fill, 1 dilated cloud, 2 cirrus, 3 cloud, 4 cloud shadow, 5 snow.
    """
    code = codes[0]
    return _marked(
        code.shape,
        (_any(code, 0), UNUSABLE),
        (_any(code, 1, 2, 3), CLOUD),
        (_any(code, 4), SHADOW),
        (_any(code, 5), SNOW),
    )


def _bqa(codes: Codes) -> Reasons:
    """Landsat Collection 1 BQA: USGS LSDS-1873 (Landsat 8), LSDS-1834 (4-7).

    Bit 0 fill, 2-3 saturation (3: five bands or more), 4 cloud; confidences of two bits, 3 being
    high: 7-8 cloud shadow, 9-10 snow, 11-12 cirrus.
    """
    code = codes[0]
    return _marked(
        code.shape,
        (_any(code, 0), UNUSABLE),
        (_high(code, 2), SATURATED),
        (_any(code, 4) | _high(code, 11), CLOUD),
        (_high(code, 7), SHADOW),
        (_high(code, 9), SNOW),
    )


def _pixel_qa(codes: Codes) -> Reasons:
    """Landsat Collection 1 pixel_qa of surface reflectance: USGS LSDS-1368 and LSDS-1370.

    Bit 0 fill, 3 cloud shadow, 4 snow, 5 cloud, 8-9 cirrus confidence.
    """
    code = codes[0]
    return _marked(
        code.shape,
        (_any(code, 0), UNUSABLE),
        (_any(code, 5) | _high(code, 8), CLOUD),
        (_any(code, 3), SHADOW),
        (_any(code, 4), SNOW),
    )


def _qa_radsat(codes: Codes) -> Reasons:
    """Landsat QA_RADSAT: USGS LSDS-1619 and LSDS-1618.

    Bits 1 to 3 are blue, green and red of Landsat 8-9, and green, red and near infrared of Landsat
    4-7: saturated where all of them are.
    """
    code = codes[0]
    return _marked(code.shape, (np.asarray((code & 0b1110) == 0b1110), SATURATED))


def _scl(codes: Codes) -> Reasons:
    """Sentinel-2 scene classification: ESA, Sentinel-2 Products Specification Document, L2A SCL.

    0 no data, 1 saturated or defective, 3 cloud shadow, 8 and 9 cloud of medium and high
    probability, 10 thin cirrus, 11 snow or ice.  2 (dark area, topographic shadow) and 7
    (unclassified) are ground.
    """
    code = codes[0]
    return _marked(
        code.shape,
        (np.asarray(code == 0), UNUSABLE),
        (np.asarray(code == 1), SATURATED),
        (np.asarray(code == 3), SHADOW),
        (np.asarray((code >= 8) & (code <= 10)), CLOUD),
        (np.asarray(code == 11), SNOW),
    )


def _probability(codes: Codes) -> Reasons:
    """Sentinel-2 cloud probability in per cent (MSK_CLDPRB): ESA, the same document."""
    code = codes[0]
    return _marked(code.shape, (np.asarray(code >= PROBABLE), CLOUD))


def _classi(codes: Codes) -> Reasons:
    """Sentinel-2 MSK_CLASSI, from baseline 04.00: ESA, the same document, L1C masks.

    Three bands of 0 and 1: opaque cloud, cirrus, snow.
    """
    opaque, cirrus, snow = (np.asarray(code == 1) for code in codes[:3])
    return _marked(opaque.shape, (opaque | cirrus, CLOUD), (snow, SNOW))


def _qa60(codes: Codes) -> Reasons:
    """Sentinel-2 QA60, as Earth Engine's catalogue has it: bit 10 opaque cloud, 11 cirrus."""
    code = codes[0]
    return _marked(code.shape, (_any(code, 10, 11), CLOUD))


def _udm2(codes: Codes) -> Reasons:
    """Planet UDM2: Planet, Usable Data Masks (docs.planet.com/data/imagery/udm).

    Bands of 0 and 1: 2 snow, 3 cloud shadow, 5 heavy haze (none in UDM2.1), 6 cloud; through light
    haze, band 4, the ground is seen.  Band 8 is the old UDM; of it fill and bad data count, not its
    cloud, which the other bands tell better.
    """
    return _marked(
        codes.shape[1:],
        (np.asarray((codes[4] == 1) | (codes[5] == 1)), CLOUD),
        (np.asarray(codes[2] == 1), SHADOW),
        (np.asarray(codes[1] == 1), SNOW),
        (np.asarray((codes[7] & 0b1111_1101) != 0), UNUSABLE),
    )


def _udm(codes: Codes) -> Reasons:
    """Planet UDM: Planet, Combined Imagery Product Specification.

    Bit 0 fill, 1 cloud (and snow; no shadow, no haze), 2 to 7 missing or suspect in a band.
    """
    code = codes[0]
    return _marked(
        code.shape, (_any(code, 1), CLOUD), (np.asarray((code & 0b1111_1101) != 0), UNUSABLE)
    )


def _learned(codes: Codes) -> Reasons:
    """What ``imagery.clouds`` writes: 1 cloud, 2 cloud shadow."""
    code = codes[0]
    return _marked(code.shape, (np.asarray(code == 1), CLOUD), (np.asarray(code == 2), SHADOW))


def _suspected_before(codes: Codes) -> Reasons:
    """Bit 1 of ``suspected_clouds.tif``: cloud or shadow suspected in the earlier image."""
    return _marked(codes.shape[1:], (_any(codes[0], 0), CLOUD))


def _suspected_after(codes: Codes) -> Reasons:
    """Bit 2 of the same: in the later image."""
    return _marked(codes.shape[1:], (_any(codes[0], 1), CLOUD))


def _user(codes: Codes) -> Reasons:
    """A user's raster: all but 0 is not to be used; NaN says nothing."""
    code = codes[0]
    return _marked(code.shape, (np.asarray((code != 0) & (code == code)), USER))


KINDS: Mapping[str, Kind] = {
    "scl": Kind(title="Sentinel-2 SCL", read=_scl, largest=11),
    "qa-pixel": Kind(title="Landsat QA_PIXEL", read=_qa_pixel, largest=65535, bare=False),
    "bqa": Kind(title="Landsat BQA, Collection 1", read=_bqa, largest=8191),
    "pixel-qa": Kind(title="Landsat pixel_qa, Collection 1", read=_pixel_qa, largest=2047),
    "udm2": Kind(title="Planet UDM2", read=_udm2, largest=255, bands=8),
    "udm": Kind(title="Planet UDM", read=_udm, largest=255),
    "classi": Kind(title="Sentinel-2 MSK_CLASSI", read=_classi, largest=1, bands=3),
    "cloud-probability": Kind(
        title=f"Sentinel-2 cloud probability, {PROBABLE} % or more",
        read=_probability,
        largest=100,
    ),
    "qa60": Kind(title="Sentinel-2 QA60", read=_qa60, largest=3072),
    "qa-radsat": Kind(title="Landsat QA_RADSAT", read=_qa_radsat, largest=65535),
    "learned": Kind(title="learned cloud mask (ukis-csmask)", read=_learned, largest=2),
    "suspected-before": Kind(title="suspected clouds", read=_suspected_before, largest=3),
    "suspected-after": Kind(title="suspected clouds", read=_suspected_after, largest=3),
    "user": Kind(title="mask of the user", read=_user, largest=0, bare=False),
}
"""Every kind of mask, by the name that ``Mask.kind`` holds, those of products the surest first."""

CLOUD_KINDS = (
    "scl", "qa-pixel", "bqa", "pixel-qa", "udm2", "udm", "classi", "cloud-probability", "qa60",
)  # fmt: skip
"""Masks of clouds that come with products; the first that is found is used."""
