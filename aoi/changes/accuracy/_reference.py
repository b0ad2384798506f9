"""A reference on the grid of a case: polygons or a mask, as numbered objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from aoi.changes.accuracy._case_map import CaseMap
from aoi.changes.accuracy._mask import IGNORE, read_mask
from aoi.places import Area
from aoi.places.files import read_outlines
from aoi.places.position import pyproj_crs, through
from imagery.env import SIGNATURES
from imagery.errors import InputError, MissingInputError
from imagery.record import Caution, sha256_of
from imagery.scene import InputFile

Kind = Literal["polygons", "mask"]

NOT_JUDGED = -1
_CHORD_M, _CHORD_DEGREES = 1000.0, 0.01
_MOST_OVERLAPS = 5_000_000
_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What changed by a reference, on the grid of a case."""

    file: InputFile
    kind: Kind
    objects: NDArray[np.int32]
    """Of shape (row, col): the number of the object, 0 where the reference shows no change,
    -1 where it doesn't say."""

    count: int
    """Objects that the file holds, on the grid or off it."""

    within: str | None
    """The part of the area that the reference covers, in words; None for all of it."""

    cautions: tuple[Caution, ...] = ()


def read_reference(
    path: Path,
    found: CaseMap,
    *,
    kind: Literal["auto", "polygons", "mask"] = "auto",
    within: Area | None = None,
    crs: Any = None,
) -> Reference:
    """Bring a reference onto the grid of a case.

    Parameters
    ----------
    path
        Polygons around what changed, in a file of any format that areas are read from; or a mask,
        a raster of one band with 1 where it changed, 0 where it didn't, 255 where nobody knows.
    found
        The case.
    kind
        What the file is; by its first bytes where ``"auto"``.
    within
        The part of the area that the reference covers; by default all of it, as far as a mask
        reaches.
    crs
        The CRS of polygons whose file has none.

    Returns
    -------
    Reference
        A pixel is changed where its centre lies in a polygon, or in a mask's pixel of 1.  Polygons
        too small or thin to hold a centre get every pixel that they touch.  Polygons that overlap
        are one object; those that touch stay apart.  Objects of a mask are its 8-connected regions.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it cannot be used as a reference of this case.
    """
    if kind == "auto":
        kind = "mask" if _is_raster(path) else "polygons"
    if kind == "mask":
        file, objects, count, cautions = _from_mask(path, found.geobox)
    else:
        file, objects, count, cautions = _from_polygons(path, found.geobox, crs=crs)
    if within is not None:
        objects[~within.mask(found.geobox)] = NOT_JUDGED
    return Reference(
        file=file,
        kind=kind,
        objects=objects,
        count=count,
        within=None if within is None else within.name,
        cautions=cautions,
    )


def _is_raster(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            start = stream.read(16)
    except OSError:  # whoever reads it says what is wrong
        return False
    return any(start.startswith(first) for first, _ in SIGNATURES)


_Found = tuple[InputFile, NDArray[np.int32], int, tuple[Caution, ...]]


def _from_polygons(path: Path, geobox: GeoBox, *, crs: Any) -> _Found:
    try:
        outlines = read_outlines(path)
    except (InputError, MissingInputError) as error:
        raise type(error)(
            error.message, found=error.found, needed=error.needed, option="--reference"
        ) from error
    if not outlines.polygons:
        raise InputError(
            f"{path.name}: holds no polygon",
            found=f"{outlines.others} points or lines" if outlines.others else "no geometry",
            needed="outlines of what changed, or a mask, whose zeros say that nothing did",
            option="--reference",
        )
    system = outlines.crs if outlines.crs is not None else crs
    if geobox.crs is not None and system is None:
        raise InputError(f"{path.name}: has no CRS", found="none", needed="its CRS", option="--crs")
    shapes = np.array(outlines.polygons, dtype=object)
    cautions = []
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        shapes = _valid(shapes)
        cautions.append(
            Caution(
                "reference-mended",
                f"{path.name}: {broken.sum()} of {len(shapes)} outlines cross themselves and were "
                "mended; see that they enclose what they should.",
            )
        )
    if outlines.others:
        cautions.append(
            Caution(
                "reference-not-polygons",
                f"{path.name}: {outlines.others} points or lines are left out; a reference is made "
                "of polygons.",
            )
        )
    # A projection's rounding may cross what only just didn't.
    shapes = _without_overlaps(path, _valid(_on_grid(path, shapes, system, geobox)))
    return outlines.file, _burnt(shapes, geobox), len(shapes), tuple(cautions)


def _valid(shapes: NDArray[Any]) -> NDArray[Any]:
    mended = shapely.make_valid(shapes, method="structure")
    return np.where(shapely.is_valid(shapes), shapes, mended)


def _on_grid(path: Path, shapes: NDArray[Any], crs: Any, geobox: GeoBox) -> NDArray[Any]:
    """The shapes in the grid's pixel coordinates: x the column, y the row, (0, 0) a corner."""
    import pyproj

    if geobox.crs is not None:
        try:
            theirs, ours = pyproj_crs(crs), pyproj_crs(geobox.crs)
            move = pyproj.Transformer.from_crs(theirs, ours, always_xy=True)
        except pyproj.exceptions.ProjError as error:
            raise InputError(
                f"{path.name}: its CRS has no way to the case's",
                found=getattr(crs, "name", crs),
                needed="a CRS on the Earth",
                option="--reference",
            ) from error
        # A straight edge of one projection isn't straight in another: 1 km leaves 2 cm.
        unit = theirs.axis_info[0].unit_conversion_factor or 1.0
        step = _CHORD_DEGREES if theirs.is_geographic else _CHORD_M / unit
        shapes = shapely.segmentize(shapes, np.maximum(step, shapely.length(shapes) / 2000))
        shapes = shapely.transform(shapes, lambda xy: np.column_stack(move.transform(*xy.T)))
    if not np.isfinite(shapely.get_coordinates(shapes)).all():
        raise InputError(
            f"{path.name}: lies where the case's CRS has no coordinates",
            found="an infinite coordinate",
            needed="polygons in the area",
            option="--reference",
        )
    return np.asarray(shapely.transform(shapes, through(~geobox.affine)), dtype=object)


def _without_overlaps(path: Path, shapes: NDArray[Any]) -> NDArray[Any]:
    """Shapes that share an interior point, directly or through others, as one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    tree = shapely.STRtree(shapes)
    links = [np.empty((2, 0), dtype=np.int64)]
    looked_at = 0
    for first in range(0, len(shapes), _AT_ONCE):
        one, other = tree.query(shapes[first : first + _AT_ONCE], predicate="intersects")
        one = one + first
        one, other = one[one < other], other[one < other]
        looked_at += len(one)
        if looked_at > _MOST_OVERLAPS:
            raise InputError(
                f"{path.name}: its polygons lie on one another",
                found=f"more than {_MOST_OVERLAPS} pairs that meet",
                needed="one polygon a change",
                option="--reference",
            )
        inside = shapely.relate_pattern(shapes[one], shapes[other], "T********")
        links.append(np.stack([one[inside], other[inside]]))
    one, other = np.concatenate(links, axis=1)
    if not len(one):
        return shapes
    graph = coo_array((np.ones(len(one)), (one, other)), shape=(len(shapes), len(shapes)))
    _, group = connected_components(graph, directed=False)
    order = np.argsort(group, kind="stable")
    cuts = np.flatnonzero(np.diff(group[order])) + 1
    united = [shapely.union_all(shapes[part]) for part in np.split(order, cuts)]
    return np.array(united, dtype=object)


def _burnt(shapes: NDArray[Any], geobox: GeoBox) -> NDArray[np.int32]:
    from rasterio.features import rasterize

    rows, cols = geobox.shape
    number = np.arange(1, len(shapes) + 1)
    here = shapely.intersects(shapes, shapely.box(0, 0, cols, rows)) & ~shapely.is_empty(shapes)
    objects = np.zeros((rows, cols), dtype=np.int32)
    if not here.any():
        return objects
    rasterize(zip(shapes[here], number[here].tolist(), strict=True), out=objects)
    held = np.zeros(len(shapes) + 1, dtype=bool)
    held[objects] = True
    small = here & ~held[1:]
    if small.any():
        touched = rasterize(
            zip(shapes[small], number[small].tolist(), strict=True),
            out_shape=(rows, cols),
            all_touched=True,
            dtype="int32",
        )
        objects = np.where(objects > 0, objects, touched)
    return objects


def _from_mask(path: Path, geobox: GeoBox) -> _Found:
    from scipy import ndimage

    values = read_mask(path, geobox)
    objects, count = ndimage.label(values == 1, structure=np.ones((3, 3)), output=np.int32)
    objects[values == IGNORE] = NOT_JUDGED
    if (values == IGNORE).all():
        raise InputError(
            f"{path.name}: says nothing about the case's area",
            found=f"only {IGNORE} there, which is ignored, or another place",
            needed="a mask of the area: 1 changed, 0 not, 255 ignore",
            option="--reference",
        )
    file = InputFile(path.name, sha256_of(path), path.stat().st_size)
    return file, objects, int(count), ()
