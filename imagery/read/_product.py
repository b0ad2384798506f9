"""A product's bands on one grid: that of the coarsest, onto which finer ones are averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from imagery.env import gdal_messages, open_raster
from imagery.errors import InputError, UsageError
from imagery.mask import can_hold
from imagery.options import ReadOptions
from imagery.products import Layer, Product
from imagery.read._georeference import geobox_of
from imagery.read._header import check_header, check_pixels, reader_cautions, sound_scaling
from imagery.read._validity import own_mask
from imagery.record import Caution
from imagery.scene import Band, Stored

_ASIDE = 0.01
"""How far, in pixels of the finer file, two grids' corners may be apart and still be one."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """What a band's file tells of it before a pixel is read."""

    layer: Layer
    geobox: GeoBox
    driver: str
    dtype: str
    nodata: float | None
    mask: bool
    band: Band
    tags: Mapping[str, str]
    """Its plain ones: what GDAL gathers in others from a product's metadata, those tell better."""

    sidecars: tuple[Path, ...]
    cautions: tuple[Caution, ...]

    @property
    def area(self) -> float:
        """Of a pixel, in the square of its CRS's unit."""
        return abs(float(self.geobox.affine.determinant))


def read_headers(product: Product, *, options: ReadOptions) -> tuple[Header, ...]:
    """The headers of all the files of a product, by the numbers of their bands.

    Raises
    ------
    InputError
        If one of them can't be used.
    UsageError
        If the user wants positions to be ignored, which tell how the files belong together.
    """
    if options.no_georeference:
        raise UsageError(
            f"{product.path.name}: --no-georeference works on a single image",
            found=f"a {product.kind} of {len(product.layers)} files",
            needed="one of its files, or its georeference",
            option="--no-georeference",
        )
    return tuple(_header(layer, options) for layer in product.layers)


def _header(layer: Layer, options: ReadOptions) -> Header:
    name = layer.path.name
    with gdal_messages() as said, open_raster(layer.path) as dataset:
        check_header(said, name=name)
        check_pixels(dataset, name=name)
        place = layer.index - 1
        if place >= dataset.count:
            raise InputError(
                f"{name}: has no band {layer.index}", found=f"{dataset.count}", needed="that band"
            )
        scale, offset, cautions = sound_scaling(
            *(float(dataset.scales[place]), float(dataset.offsets[place]))
            if layer.scale is None
            else (layer.scale, layer.offset or 0.0),
            name=name,
            band=layer.code,
        )
        return Header(
            layer=layer,
            geobox=geobox_of(dataset, name=name, options=options),
            driver=str(dataset.driver),
            dtype=str(dataset.dtypes[place]),
            nodata=dataset.nodatavals[place],
            mask=own_mask(dataset),
            band=Band(
                index=layer.number,
                name=layer.name,
                named_by="product" if layer.name else "",
                description=layer.code,
                scale=scale,
                offset=offset,
            ),
            tags=dataset.tags(),
            sidecars=tuple(Path(file) for file in dataset.files[1:]),
            cautions=(*reader_cautions(said, name=name), *cautions),
        )


def usual_bands(headers: Sequence[Header]) -> tuple[Band, ...]:
    """The bands that are used where nobody chooses: of the ground, of the finest pixel."""
    shown = [header for header in headers if header.layer.usual] or list(headers)
    finest = min(header.area for header in shown)
    return tuple(h.band for h in shown if math.isclose(h.area, finest, rel_tol=1e-6))


def laid_out(
    product: Product, headers: Sequence[Header], bands: Sequence[Band]
) -> tuple[GeoBox, tuple[Band, ...]]:
    """The grid of some bands together, and the bands with where they are stored.

    Raises
    ------
    InputError
        If their grids aren't whole fractions of the coarsest one, corner on corner.
    """
    of = {header.band.index: header for header in headers}
    chosen = [of[band.index] for band in bands]
    coarsest = max(chosen, key=lambda header: header.area)
    stored = []
    for header in chosen:
        factor = _factor(header.geobox, coarsest.geobox)
        if factor is None:
            raise _unlike(product, header, coarsest)
        layer = header.layer
        stored.append(replace(header.band, stored=Stored(layer.path, layer.index, factor)))
    return coarsest.geobox, tuple(stored)


def _factor(fine: GeoBox, coarse: GeoBox) -> int | None:
    """How many pixels of the one, each way, make one of the other; None where that is no number."""
    size, whole = (abs(float(g.affine.determinant)) for g in (fine, coarse))
    factor = max(1, round(math.sqrt(whole / size)))
    rows, cols = coarse.shape
    cells = math.ceil(fine.shape[0] / factor), math.ceil(fine.shape[1] / factor)
    if fine.crs != coarse.crs or cells != (rows, cols):
        return None
    into = ~fine.affine * coarse.affine
    scaled = Affine.scale(factor)
    for corner in ((0, 0), (cols, 0), (0, rows), (cols, rows)):
        if math.dist(into * corner, scaled * corner) > _ASIDE:
            return None
    return factor


def _unlike(product: Product, one: Header, other: Header) -> InputError:
    return InputError(
        f"{product.path.name}: its bands {one.band.label} and {other.band.label} don't lie on "
        "grids that fit into each other",
        found="; ".join(
            f"{header.layer.code}: {_grid_text(header.geobox)}" for header in (one, other)
        ),
        needed="one CRS, and pixels of which a whole number, from one corner on, makes another's",
        option="--bands, to use those of one grid",
    )


def _grid_text(geobox: GeoBox) -> str:
    rows, cols = geobox.shape
    a, b, c, d, e, f = tuple(geobox.affine)[:6]
    size = f"{math.hypot(a, d):g} x {math.hypot(b, e):g}"
    return f"{rows} x {cols} px of {size} from {c:.10g}, {f:.10g} in {geobox.crs}"


def nodata_of(
    product: Product, headers: Sequence[Header], *, given: float | None
) -> tuple[float | None, tuple[Caution, ...]]:
    """The stored value that marks missing pixels in the bands that are used."""
    value = next((v for v in (given, product.nodata, headers[0].nodata) if v is not None), None)
    if value is None or can_hold(headers[0].dtype, value):
        return value, ()
    # "--nodata nan" is how a user says that integer images have none.
    if given is not None and math.isnan(value):
        return None, ()
    message = (
        f"{product.path.name}: nodata {value:g} is left out, because {headers[0].dtype} pixels "
        "cannot hold it."
    )
    return None, (Caution("nodata-ignored", message),)


def dtype_of(headers: Sequence[Header], bands: Sequence[Band]) -> str:
    """The type that holds the values of all bands; means are no whole numbers any more."""
    averaged = any(band.stored is not None and band.stored.factor > 1 for band in bands)
    types: list[Any] = [np.dtype(header.dtype) for header in headers]
    return "float32" if averaged else str(np.result_type(*types))
