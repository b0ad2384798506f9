"""What a file's bands are called: words, codes of known sensors, colours, known products."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = {
    "coastal": "coastal coastalaerosol coastalblue ultrablue aerosol aerosols",
    "blue": "blue b rgbblue",
    "green": "green g rgbgreen",
    "green05": "greeni green1",
    "yellow": "yellow",
    "red": "red r rgbred",
    "rededge": "rededge vegetationrededge re",
    "rededge071": "rededge1 vegetationrededge1 rededge071",
    "rededge075": "rededge2 vegetationrededge2 rededge075",
    "rededge078": "rededge3 vegetationrededge3 rededge078",
    "nir": "nir nearinfrared nearir nir1 n infrared",
    "nir08": "nir08 narrownir narrownearinfrared nirnarrow",
    "nir09": "nir09 nir2 watervapour watervapor",
    "cirrus": "cirrus",
    "swir16": "swir16 swir1 shortwaveinfrared1",
    "swir22": "swir22 swir2 shortwaveinfrared2",
    "lwir": "lwir thermal tir tir1 thermalinfrared",
    "lwir11": "lwir11 thermalinfrared1",
    "lwir12": "lwir12 thermalinfrared2 tir2",
    "pan": "pan panchromatic p",
    "vv": "vv",
    "vh": "vh",
    "hh": "hh",
    "hv": "hv",
}
_CANONICAL = {word: name for name, words in _WORDS.items() for word in words.split()}

_COLOURS = ("red", "green", "blue", "pan", "coastal", "rededge", "nir")

_NOISE = re.compile(
    r"\b(?:band|channel)\s*\d+[a-z]?\b|\b(?:band|channel|surface|toa|boa|reflectance|visible|"
    r"gamma0|sigma0|beta0|b\d{1,2}a?|\d{3,4}(?:\.\d+)?\s*nm|nm)\b|^\s*\d+\b"
)
_CODE = re.compile(
    r"^(?:(?:sr|st|toa|boa|oli|tirs|tm|etm|msi)[_ ])?b(?:and)?[_ ]?0?(\d{1,2}a?)$", re.IGNORECASE
)

# Band numbers of sensors whose products are named by number.  Sources: ESA, Sentinel-2 user
# handbook, and USGS, Landsat 4-7 and 8-9 data format control books.
_NUMBERS = {
    "sentinel-2": {
        "1": "coastal",
        "2": "blue",
        "3": "green",
        "4": "red",
        "5": "rededge071",
        "6": "rededge075",
        "7": "rededge078",
        "8": "nir",
        "8a": "nir08",
        "9": "nir09",
        "10": "cirrus",
        "11": "swir16",
        "12": "swir22",
    },
    "landsat-8": {
        "1": "coastal",
        "2": "blue",
        "3": "green",
        "4": "red",
        "5": "nir08",
        "6": "swir16",
        "7": "swir22",
        "8": "pan",
        "9": "cirrus",
        "10": "lwir11",
        "11": "lwir12",
    },
    "landsat-7": {
        "1": "blue",
        "2": "green",
        "3": "red",
        "4": "nir08",
        "5": "swir16",
        "6": "lwir",
        "7": "swir22",
        "8": "pan",
    },
}

# Order of bands in products that come as one file.
_PRODUCTS = {
    ("planetscope", 4): "blue green red nir",
    ("planetscope", 8): "coastal blue green05 green yellow red rededge nir",
    ("skysat", 4): "blue green red nir",
    ("naip", 4): "red green blue nir",
    ("maxar", 4): "blue green red nir",
    ("maxar", 8): "coastal blue green yellow red rededge nir nir09",
}

_SENSORS = (
    (re.compile(r"^(sentinel-?2|s2)[a-d]?$"), "sentinel-2"),
    (re.compile(r"^(landsat-?|l[ceot]0?)[89]$"), "landsat-8"),
    (re.compile(r"^(landsat-?|l[et]0?)[457]$"), "landsat-7"),
    (re.compile(r"^planetscope\b"), "planetscope"),
    (re.compile(r"^(skysat\b|ssc\d+|ss\d\d$)"), "skysat"),
    (re.compile(r"^naip$"), "naip"),
    (re.compile(r"^(wv0?[234]|ge0?1|qb0?2|worldview-?[234]|geoeye-?1|quickbird-?2)$"), "maxar"),
)


def sensor_of(platform: str | None) -> str | None:
    """The family of sensors that a platform's name stands for, or None."""
    text = (platform or "").lower().replace("_", "-").replace(" ", "-").strip("-")
    return next((sensor for pattern, sensor in _SENSORS if pattern.search(text)), None)


def canonical_name(description: str, *, platform: str | None = None) -> str:
    """The canonical name that a band's description tells, or "".

    ``"B4"`` tells red of Sentinel-2 and near infrared of Landsat 7, so that such codes tell
    something only where the platform is known.
    """
    code = _CODE.match(description.strip())
    if code:
        return _NUMBERS.get(sensor_of(platform) or "", {}).get(code[1].lower(), "")
    text = re.sub(r"[_\-/:;,.()\[\]]+", " ", description.lower())
    word = re.sub(r"\s+", "", _NOISE.sub(" ", text))
    return _CANONICAL.get(word, "")


def name_bands(
    descriptions: Sequence[str | None],
    *,
    colours: Sequence[str],
    platform: str | None = None,
    product: Sequence[str] = (),
) -> list[tuple[str, str]]:
    """Name the bands of a file.

    Parameters
    ----------
    descriptions
        The file's own descriptions, one a band.
    colours
        The file's colour interpretation, one a band (``"red"``, ``"gray"``, ``"undefined"``).
    platform
        The platform, where known.
    product
        Canonical names that metadata of the product give, one a band, or none.

    Returns
    -------
    list of (name, named_by)
        The canonical name and what tells it, both ``""`` where nothing does.  Of description,
        metadata, colour interpretation and a known order of bands the first that tells any
        band's name is followed; a later one fills gaps if it contradicts no name.

    Notes
    -----
    Writers call three bands of anything red, green and blue: a false-colour image is named wrong
    by its colour interpretation.  Two such images still pair rightly.
    """
    known = _PRODUCTS.get((sensor_of(platform) or "", len(descriptions)), "").split()
    candidates = (
        ([canonical_name(d or "", platform=platform) for d in descriptions], "description"),
        (list(product), "product"),
        ([colour if colour in _COLOURS else "" for colour in colours], "colour interpretation"),
        (known, "product"),
    )
    found = [("", "")] * len(descriptions)
    for told, source in candidates:
        if len(told) != len(found):
            continue
        names = [name if told.count(name) == 1 else "" for name in told]
        if any(old and new and old != new for (old, _), new in zip(found, names, strict=True)):
            continue
        taken = {old for old, _ in found}
        found = [
            (old, said) if old or not new or new in taken else (new, source)
            for (old, said), new in zip(found, names, strict=True)
        ]
    return found
