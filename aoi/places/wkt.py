"""Outlines as well-known text (WKT), with or without an EPSG code before it (EWKT)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import shapely

MOST_NESTED = 6
"""Brackets within brackets: a multipolygon in a collection in a collection has as many."""

_START = re.compile(
    r"\s*(?:SRID\s*=\s*(?P<code>\d{1,6})\s*;)?\s*"
    r"(?:MULTI)?(?:POLYGON|POINT|LINESTRING|GEOMETRYCOLLECTION)\s*(?:ZM?|M)?\s*(?:\(|EMPTY)",
    re.IGNORECASE,
)


def looks_like_wkt(text: str) -> bool:
    """Whether a text begins as the well-known text of a geometry does."""
    return _START.match(text) is not None


def wkt_geometry(text: str) -> tuple[Any, Any]:
    """The geometry of a well-known text, and its CRS, None where no code tells it.

    Raises
    ------
    ValueError
        If it is none; the message says why.
    """
    import pyproj

    start = _START.match(text)
    if start is None:
        raise ValueError("no well-known text of an outline")
    if _nested(text) > MOST_NESTED:
        raise ValueError(f"brackets more than {MOST_NESTED} deep")
    crs = None
    if start["code"] is not None:
        try:
            crs = pyproj.CRS.from_epsg(int(start["code"]))
        except pyproj.exceptions.CRSError as error:
            raise ValueError(f"an SRID that is no EPSG code: {start['code']}") from error
        text = text.split(";", 1)[1]
    try:
        with np.errstate(invalid="ignore"):  # of NaN, which is refused where areas are checked
            return shapely.from_wkt(text.strip()), crs
    except (shapely.errors.ShapelyError, ValueError) as error:
        raise ValueError(f"not well-known text: {error}") from error


def _nested(text: str) -> int:
    depth = deepest = 0
    for letter in text:
        if letter == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif letter == ")":
            depth -= 1
    return deepest
