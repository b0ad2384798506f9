"""The grid of a file, or a refusal that says which step or option is missing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from imagery.errors import InputError, UsageError

if TYPE_CHECKING:
    import pyproj

    from imagery.options import ReadOptions

_EARTH_RADII = 6.30e6, 6.45e6
"""Semi-major axes that some ellipsoid or sphere of the Earth has, in metres; Venus has 6.05e6."""

_WAY_OUT = "--no-georeference with --pixel-size, if positions don't matter"


def geobox_of(dataset: Any, *, name: str, options: ReadOptions) -> GeoBox:
    """The grid of a whole file.

    Raises
    ------
    InputError
        If the file doesn't say where on the Earth it lies.
    UsageError
        If options contradict each other or the file.
    """
    shape = (int(dataset.height), int(dataset.width))
    if options.no_georeference:
        return GeoBox(shape, _metric_frame(options), None)
    if options.pixel_size is not None:
        raise UsageError(
            "--pixel-size has a meaning only where positions have none",
            found=f"--pixel-size {options.pixel_size:g}",
            needed="--no-georeference too, or neither",
            option="--no-georeference",
        )
    transform = _transform(dataset, name=name)
    crs = _crs(dataset, name=name, given=options.crs)
    code = crs.to_epsg(min_confidence=100)
    # By its code where it is that very CRS: odc's CRS are equal, but hash by how they are written.
    geobox = GeoBox(shape, transform, CRS(crs if code is None else f"EPSG:{code}"))
    _check_on_earth(geobox, crs, name=name)
    return geobox


def _metric_frame(options: ReadOptions) -> Affine:
    if options.crs is not None:
        raise UsageError(
            "--no-georeference and --crs contradict each other",
            found=f"--crs {options.crs}",
            needed="one of the two",
            option="--no-georeference or --crs",
        )
    size = options.pixel_size
    if size is None or not math.isfinite(size) or size <= 0:
        raise UsageError(
            "--no-georeference needs the side of a pixel in metres",
            found="none" if size is None else f"{size:g}",
            needed="a number above 0",
            option="--pixel-size",
        )
    return Affine(size, 0, 0, 0, -size, 0)


def _transform(dataset: Any, *, name: str) -> Affine:
    transform: Affine = dataset.transform
    if transform == Affine.identity():
        raise _ungeoreferenced(dataset, name=name)
    if not all(math.isfinite(value) for value in tuple(transform)[:6]):
        raise InputError(
            f"{name}: its geotransform is not finite",
            found=_numbers(transform),
            needed="six finite numbers",
            option=_WAY_OUT,
        )
    # Relative to the pixel's sides, so that degrees and metres are judged alike.
    sides = math.hypot(transform.a, transform.d) * math.hypot(transform.b, transform.e)
    if sides == 0 or abs(transform.determinant) < 1e-6 * sides:
        raise InputError(
            f"{name}: its geotransform flattens the image to a line",
            found=_numbers(transform),
            needed="a geotransform whose determinant is not zero",
            option=_WAY_OUT,
        )
    return transform


def sensor_geometry(dataset: Any) -> Literal["RPC", "GCP"] | None:
    """What alone ties a file to the ground, where no geotransform does; None where one does.

    Coefficients come before points: they know heights.
    """
    if dataset.transform != Affine.identity():
        return None
    # Not dataset.rpcs, which raises where a coefficient is no number.
    if dataset.tags(ns="RPC"):
        return "RPC"
    return "GCP" if dataset.gcps[0] else None


def _ungeoreferenced(dataset: Any, *, name: str) -> InputError:
    geometry = sensor_geometry(dataset)
    if geometry is None:
        return InputError(
            f"{name}: is not georeferenced",
            found="no geotransform and no world file",
            needed="a georeferenced image, or a world file beside it and --crs",
            option=_WAY_OUT,
        )
    if geometry == "RPC":
        message, found = "has rational polynomial coefficients (RPC) only", "RPC"
        needed = "an elevation model or a mean height to put it on the ground (orthorectify it)"
    else:
        message, found = "has ground control points only", f"{len(dataset.gcps[0])} points"
        needed = "--dem, as your word that its points may put it on the ground (orthorectify it)"
    return InputError(
        f"{name}: {message}", found=found, needed=needed, option=f"--dem, or {_WAY_OUT}"
    )


def _crs(dataset: Any, *, name: str, given: str | None) -> pyproj.CRS:
    own = _own_crs(dataset, name=name)
    if given is None:
        if own is None:
            raise InputError(
                f"{name}: has no CRS",
                found="no CRS",
                needed="a CRS such as EPSG:32651",
                option=f"--crs, or {_WAY_OUT}",
            )
        return own
    said = _given_crs(given)
    if own is None:
        return said
    if not own.equals(said, ignore_axis_order=True) and not _same_code(own, said):
        raise UsageError(
            f"{name}: --crs contradicts the file",
            found=f"{_label(own)} in the file, {_label(said)} given",
            needed="the file's own CRS; reproject the image first if it is wrong",
            option="--crs",
        )
    return own


def _own_crs(dataset: Any, *, name: str) -> pyproj.CRS | None:
    import pyproj

    if not dataset.crs:
        return None
    try:
        crs = pyproj.CRS.from_wkt(dataset.crs.to_wkt())
    except (pyproj.exceptions.CRSError, ValueError) as error:
        raise InputError(
            f"{name}: its CRS cannot be understood", found=str(error)[:200], needed="a known CRS"
        ) from error
    if crs.is_compound:
        crs = crs.sub_crs_list[0]
    crs = crs.source_crs if crs.is_bound and crs.source_crs is not None else crs
    if crs.type_name == "Engineering CRS" or crs.ellipsoid is None:
        raise InputError(
            f"{name}: its CRS is a local one, without a place on the Earth",
            found=_label(crs),
            needed="a geographic or projected CRS",
            option=_WAY_OUT,
        )
    return _checked(crs, name=name)


def _given_crs(text: str) -> pyproj.CRS:
    import pyproj

    try:
        # Not GDAL's parser, which follows addresses and paths.
        crs = pyproj.CRS.from_user_input(text)
    except (pyproj.exceptions.CRSError, ValueError) as error:
        raise UsageError(
            "--crs is no CRS", found=text[:100], needed="such as EPSG:32651", option="--crs"
        ) from error
    if not (crs.is_projected or crs.is_geographic):
        raise UsageError(
            "--crs is not horizontal",
            found=_label(crs),
            needed="a geographic or projected CRS",
            option="--crs",
        )
    return _checked(crs, name="--crs")


def _checked(crs: pyproj.CRS, *, name: str) -> pyproj.CRS:
    if not (crs.is_projected or crs.is_geographic):
        raise InputError(
            f"{name}: its CRS is not horizontal",
            found=_label(crs),
            needed="a geographic or projected CRS",
        )
    radius = crs.ellipsoid.semi_major_metre if crs.ellipsoid is not None else math.nan
    if not _EARTH_RADII[0] < radius < _EARTH_RADII[1]:
        raise InputError(
            f"{name}: its CRS is not on Earth",
            found=f"{_label(crs)}, radius {radius / 1000:.0f} km",
            needed="a CRS of the Earth (radius 6378 km)",
        )
    return crs


def _check_on_earth(geobox: GeoBox, crs: pyproj.CRS, *, name: str) -> None:
    import pyproj

    rows, cols = geobox.shape
    a, b, c, d, e, f = tuple(geobox.affine)[:6]
    x, y = a * cols / 2 + b * rows / 2 + c, d * cols / 2 + e * rows / 2 + f
    # To the CRS's own geographic base, so that no grid of a datum is looked for.
    base = crs.geodetic_crs
    lon, lat = x, y
    if crs.is_projected and base is not None:
        lon, lat = pyproj.Transformer.from_crs(crs, base, always_xy=True).transform(x, y)
    if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90 and abs(lon) <= 540):
        raise InputError(
            f"{name}: its georeference puts it off the Earth",
            found=f"centre at {x:.6g}, {y:.6g} in {_label(crs)}",
            needed="a centre that has a longitude and a latitude",
            option=_WAY_OUT,
        )


def _same_code(one: pyproj.CRS, two: pyproj.CRS) -> bool:
    codes = one.to_epsg(), two.to_epsg()
    return codes[0] is not None and codes[0] == codes[1]


def _label(crs: pyproj.CRS) -> str:
    code = crs.to_epsg()
    return crs.name if code is None else f"EPSG:{code} ({crs.name})"


def _numbers(transform: Affine) -> str:
    return ", ".join(f"{value:g}" for value in tuple(transform)[:6])
