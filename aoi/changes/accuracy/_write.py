"""The objects of an assessment as a GeoPackage: what was found and missed, right and false."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.changes.accuracy._assess import Assessment
from aoi.changes.accuracy._case_map import CaseMap
from aoi.geopackage import Layer, qml, symbol, write_layers
from aoi.places.position import through

_TRUE, _FALSE = "26,152,80,255", "215,48,39,255"


def write_objects(assessment: Assessment, found: CaseMap, path: Path) -> None:
    """Write the layers ``reference`` and ``changes``, as judged: on the grid, cut where it ends.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    objects, judged = assessment.objects, assessment.judged
    theirs = np.where(judged, assessment.reference.objects, 0)
    ours = np.where(judged, found.regions, 0)
    layers = [
        _layer("reference", "found", theirs, objects.object_hits, found),
        _layer("changes", "correct", ours, objects.change_hits, found),
    ]
    write_layers(layers, path)


def _layer(
    name: str, column: str, numbers: NDArray[Any], hits: dict[int, bool], found: CaseMap
) -> Layer:
    import geopandas as gpd

    outlines = _outlines(numbers)
    ids = sorted(outlines)
    geometry = shapely.transform(
        np.array([outlines[number] for number in ids], dtype=object), through(found.geobox.affine)
    )
    crs = found.geobox.crs
    frame = gpd.GeoDataFrame(
        {
            "number": np.array(ids, dtype=np.int64),
            column: np.array([int(hits[number]) for number in ids], dtype=np.int64),
            "area_m2": np.array([outlines[n].area for n in ids], float) * found.pixel_area_m2,
        },
        geometry=geometry,
        crs=None if crs is None else crs.to_wkt(),
    )
    about = f"{name}: {column} 1, else 0"
    return Layer(name=name, frame=frame, kind="MultiPolygon", style=_qml(column), about=about)


def _outlines(numbers: NDArray[Any]) -> dict[int, Any]:
    """The pixels of each number above 0 as one geometry, in pixel coordinates."""
    from rasterio.features import shapes

    # Ids may exceed what GDAL draws outlines of, so they are counted through.
    where = numbers > 0
    ids = np.unique(numbers[where])
    small = np.zeros(numbers.shape, dtype=np.int32)
    small[where] = np.searchsorted(ids, numbers[where])
    pieces: dict[int, list[Any]] = {}
    for outline, at in shapes(small, mask=where, connectivity=4):
        rings = outline["coordinates"]
        pieces.setdefault(int(ids[int(at)]), []).append(shapely.Polygon(rings[0], rings[1:]))
    return {number: shapely.MultiPolygon(parts) for number, parts in pieces.items()}


def _qml(column: str) -> str:
    """A QGIS style: green where the column is 1, red where it is 0."""
    categories, symbols = [], []
    for value, colour in (("1", _TRUE), ("0", _FALSE)):
        label = column if value == "1" else f"not {column}"
        categories.append(
            f'<category value="{value}" type="long" symbol="{value}" label="{label}"'
            ' render="true"/>'
        )
        options = {"style": "no", "outline_color": colour, "outline_width": "0.5"}
        symbols.append(symbol("fill", value, options))
    return qml(
        "categorizedSymbol",
        f"<categories>{''.join(categories)}</categories><symbols>{''.join(symbols)}</symbols>",
        attributes=f' attr="{column}"',
    )
