"""Rational polynomial coefficients: from the ground to an image, as its vendor delivers it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.errors import InputError

Floats = NDArray[np.float64]

_AXES = ("LINE", "SAMP", "LAT", "LONG", "HEIGHT")
_POLYNOMIALS = ("LINE_NUM_COEFF", "LINE_DEN_COEFF", "SAMP_NUM_COEFF", "SAMP_DEN_COEFF")
_TEXT_LIMIT = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class Rpc:
    """The camera as ratios of cubic polynomials (RPC00B, NGA STDI-0002 vol. 1, appendix E).

    Positions on the ground are longitude, latitude (degrees, WGS 84) and height in metres above the
    ellipsoid; those in the image are rows and columns, whole numbers at pixel centres.
    """

    offset: Mapping[str, float]
    scale: Mapping[str, float]
    """By axis: ``LINE``, ``SAMP``, ``LAT``, ``LONG``, ``HEIGHT``."""

    coefficients: Floats
    """Shape (4, 20): numerator and denominator of the row, then of the column."""

    crs = "EPSG:4326"
    geographic = True
    uses_height = True

    @property
    def start(self) -> tuple[float, float]:
        """A place in the image's middle, from which others are looked for."""
        return self.offset["LONG"], self.offset["LAT"]

    @property
    def step(self) -> tuple[float, float]:
        """A small step on the ground."""
        return 1e-4 * self.scale["LONG"], 1e-4 * self.scale["LAT"]

    @property
    def height(self) -> float:
        """The mean height of what is shown, as the vendor says."""
        return self.offset["HEIGHT"]

    def pixels(self, x: Floats, y: Floats, height: Floats | float) -> tuple[Floats, Floats]:
        """Rows and columns of places on the ground; not finite where there are none."""
        lon = (x - self.offset["LONG"]) / self.scale["LONG"]
        lat = (y - self.offset["LAT"]) / self.scale["LAT"]
        up = (height - self.offset["HEIGHT"]) / self.scale["HEIGHT"]
        with np.errstate(all="ignore"):
            row_over, row_under, col_over, col_under = _cubics(self.coefficients, lon, lat, up)
            row = row_over / row_under * self.scale["LINE"] + self.offset["LINE"]
            col = col_over / col_under * self.scale["SAMP"] + self.offset["SAMP"]
        return row, col


def _cubics(coefficients: Floats, x: Floats, y: Floats, z: Floats | float) -> tuple[Floats, ...]:
    """The polynomials at places: x, y, z are longitude, latitude and height, normalised."""
    xx, yy, zz = x * x, y * y, z * z
    # The vendors' order of terms.
    terms = (
        x, y, z, x * y, x * z, y * z, xx, yy, zz, x * y * z,
        x * xx, x * yy, x * zz, xx * y, y * yy, y * zz, xx * z, yy * z, z * zz,
    )  # fmt: skip
    sums = []
    for first, *others in coefficients.tolist():
        total = np.full(np.shape(x), first)
        for coefficient, term in zip(others, terms, strict=True):
            if coefficient:
                total += coefficient * term
        sums.append(total)
    return tuple(sums)


def rpc_of(tags: Mapping[str, str], *, name: str) -> Rpc:
    """The coefficients of an image's tags.

    Parameters
    ----------
    tags
        Its domain ``RPC``, which GDAL also fills from files beside the image.
    name
        The image's name, for messages.

    Raises
    ------
    InputError
        If one is missing, no number, or impossible.
    """
    offset = {axis: _numbers(tags, f"{axis}_OFF", 1, name=name)[0] for axis in _AXES}
    scale = {axis: _numbers(tags, f"{axis}_SCALE", 1, name=name)[0] for axis in _AXES}
    for axis, value in scale.items():
        if not abs(value) > 0:
            raise _damaged(name, f"{axis}_SCALE {value:g}")
    if abs(offset["LAT"]) > 90 or abs(offset["LONG"]) > 360:
        raise _damaged(name, f"a middle at {offset['LONG']:g}, {offset['LAT']:g} degrees")
    rows = [_numbers(tags, key, 20, name=name) for key in _POLYNOMIALS]
    for key, row in zip(_POLYNOMIALS, rows, strict=True):
        if not any(row):
            raise _damaged(name, f"{key} all zero")
    return Rpc(offset=offset, scale=scale, coefficients=np.array(rows))


def _numbers(tags: Mapping[str, str], key: str, count: int, *, name: str) -> list[float]:
    text = tags.get(key, "")
    words = text[:_TEXT_LIMIT].split()
    if count == 1:
        words = words[:1]  # some writers add the unit
    try:
        values = [float(word) for word in words]
    except ValueError:
        values = []
    if len(values) != count or not np.isfinite(values).all():
        raise _damaged(name, f"{key} {' '.join(text[:60].split())!r}")
    return values


def _damaged(name: str, found: str) -> InputError:
    return InputError(
        f"{name}: its rational polynomial coefficients (RPC) can't be used",
        found=found,
        needed="20 finite coefficients each, offsets, and scales that are not zero",
    )
