"""A sample that comes back labelled, from a file that may come from strangers."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.changes.accuracy._case_map import CaseMap
from aoi.changes.accuracy._estimate import Labelled
from aoi.changes.accuracy._sample import (
    FEWEST,
    LAYER,
    MOST_POINTS,
    STRATA,
    Stratum,
    centres,
    strata_of,
)
from imagery.errors import InputError, MissingInputError
from imagery.record import Caution, sha256_of
from imagery.scene import InputFile

ENOUGH = 5
"""Labels that differ from the others of their stratum, below which intervals are too narrow."""

_MAX_BYTES = 50_000_000
_COLUMNS = ("point", "reference", "row", "col", "seed", "buffer_m", "result")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """A sample as it came back."""

    file: InputFile
    points: Labelled
    strata: tuple[Stratum, ...]
    """With their labelled points."""

    drawn: int
    """Points in the file, labelled or not."""

    cautions: tuple[Caution, ...]


def read_sample(path: Path, found: CaseMap) -> Sample:
    """Read a labelled sample back.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it isn't a sample of this case, a point was moved, a label is neither 1 nor 0, or a
        stratum has no label.
    """
    table, size = _read_table(path)
    if set(table["result"].astype(str)) != {found.sha256[:16]}:
        raise _wrong(path, "was drawn from another result than the case's", table["result"].iloc[0])
    row, col = (_whole(path, table[name], name) for name in ("row", "col"))
    rows, cols = found.geobox.shape
    inside = (row >= 0) & (row < rows) & (col >= 0) & (col < cols)
    if not inside.all():
        raise _wrong(path, "has points off the case's rasters", f"{(~inside).sum()} points")
    gap = shapely.get_coordinates(table.geometry.to_numpy()) - centres(found, row, col)
    side = math.sqrt(abs(found.geobox.affine.determinant))
    if len(gap) != len(row) or not (np.abs(gap) < side / 100).all():
        raise _wrong(path, "has points that were moved", "another place than row and col say")
    if len(np.unique(np.column_stack([row, col]), axis=0)) < len(row):
        raise _wrong(path, "has a point twice", "two points in one pixel")
    width = float(table["buffer_m"].iloc[0])
    strata = strata_of(found, buffer_m=None if math.isnan(width) else width)
    stratum = strata[row, col]
    if (stratum == 255).any():
        raise _wrong(path, "has points that weren't drawn", "points where nothing was observed")
    labels = _labels(path, table)
    labelled = labels >= 0
    told = tuple(
        Stratum(
            name=name,
            pixels=int((strata == number).sum()),
            points=int((labelled & (stratum == number)).sum()),
        )
        for number, name in enumerate(STRATA)
    )
    bare = [one.name for one in told if one.pixels and not one.points]
    if bare:
        raise InputError(
            f"{path.name}: nobody labelled a point of the stratum {bare[0]!r}",
            found=f"{labelled.sum()} labels in the column reference",
            needed="labels in every stratum: 1 changed, 0 not",
            option="--sample",
        )
    points = Labelled(
        stratum=stratum[labelled].astype(np.intp),
        mapped=found.changed[row, col][labelled],
        reference=labels[labelled] == 1,
        sizes=[one.pixels for one in told],
    )
    held = tuple(one for one in told if one.pixels)
    return Sample(
        file=InputFile(path.name, sha256_of(path), size),
        points=points,
        strata=held,
        drawn=len(table),
        cautions=_cautions(
            path.name,
            points,
            held,
            told,
            unlabelled=int((~labelled).sum()),
            pixel_area_m2=found.pixel_area_m2,
        ),
    )


def _read_table(path: Path) -> tuple[Any, int]:
    """The layer of a GeoPackage that may come from a stranger."""
    import pyogrio
    import pyproj

    needed = "a GeoPackage that twopass accuracy sample wrote"
    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: no such file", found="none", needed=needed, option="--sample"
        )
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise _wrong(path, "is too large for a sample", f"{size / 1e6:.0f} MB")
    data = path.read_bytes()
    if data[:16] != b"SQLite format 3\0" or data[68:72] not in (b"GPKG", b"GP10", b"GP11"):
        raise _wrong(path, "is no GeoPackage", "other first bytes")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(application_id|WAL-enabled)")
            # From memory: GDAL then leaves no -wal and -shm files beside the user's.
            table = pyogrio.read_dataframe(
                io.BytesIO(data), layer=LAYER, max_features=MOST_POINTS + 1
            )
    except (RuntimeError, ValueError, pyproj.exceptions.CRSError) as error:
        raise _wrong(path, "cannot be read as a sample", error) from error
    missing = [name for name in _COLUMNS if name not in table]
    if missing or not hasattr(table, "geometry"):
        raise _wrong(path, "lacks columns of a sample", ", ".join(missing) or "no geometry")
    if not 1 <= len(table) <= MOST_POINTS:
        raise _wrong(path, "has no number of points that makes sense", len(table))
    kinds = set(table.geometry.geom_type)
    if kinds != {"Point"}:
        raise _wrong(path, "holds what isn't a point", ", ".join(sorted(map(str, kinds))))
    if len(set(table["buffer_m"].fillna(-1))) > 1:
        raise _wrong(path, "mixes two samples", "more than one buffer_m")
    return table, size


def _wrong(path: Path, what: str, found: object) -> InputError:
    return InputError(
        f"{path.name}: {what}",
        found=found,
        needed="the GeoPackage that twopass accuracy sample wrote for this case, with labels",
        option="--sample",
    )


def _whole(path: Path, column: Any, name: str) -> NDArray[np.int64]:
    values = np.asarray(column)
    if values.dtype.kind not in "iu":
        raise _wrong(path, f"has another column {name} than it was written with", values.dtype)
    return values.astype(np.int64)


def _labels(path: Path, table: Any) -> NDArray[np.int8]:
    """1, 0, and -1 where there is no label; whatever type a GIS made of the column."""
    import pandas as pd

    words = {"1": 1, "1.0": 1, "true": 1, "0": 0, "0.0": 0, "false": 0, "": -1}
    labels = np.empty(len(table), dtype=np.int8)
    for at, (point, value) in enumerate(zip(table["point"], table["reference"], strict=True)):
        word = "" if pd.isna(value) else str(value).strip().lower()
        if word not in words:
            raise InputError(
                f"{path.name}: point {point} has a label that means nothing",
                found=word[:60],
                needed="1 (changed), 0 (not), or nothing where nobody can tell",
                option="--sample",
            )
        labels[at] = words[word]
    return labels


def _cautions(
    name: str,
    points: Labelled,
    held: tuple[Stratum, ...],
    told: tuple[Stratum, ...],
    *,
    unlabelled: int,
    pixel_area_m2: float,
) -> tuple[Caution, ...]:
    cautions = []
    if unlabelled:
        cautions.append(
            Caution(
                "sample-unlabelled",
                f"{name}: {unlabelled} points have no label and are left out; the rest stands for "
                "them, which is wrong if what can't be told is changed more or less often.",
            )
        )
    few = [f"{one.name} ({one.points})" for one in held if one.points < min(FEWEST, one.pixels)]
    if few:
        cautions.append(
            Caution(
                "sample-small",
                f"{name}: fewer than {FEWEST} labelled points in {', '.join(few)}; errors and "
                "intervals are rough.",
            )
        )
    if not points.reference.any():
        cautions.append(
            Caution(
                "sample-no-change",
                f"{name}: no point is labelled as changed, so nothing can be said of what was "
                "missed, and the area of change is known as little as the sample is small.",
            )
        )
    cautions += _rarities(name, points, told, pixel_area_m2=pixel_area_m2)
    return tuple(cautions)


def _rarities(
    name: str, points: Labelled, told: tuple[Stratum, ...], *, pixel_area_m2: float
) -> list[Caution]:
    """Strata in which so few labels differ that a normal distribution is far from the truth."""
    cautions = []
    for number, one in enumerate(told):
        labels = points.reference[points.stratum == number]
        fewer = int(min(labels.sum(), (~labels).sum()))
        if len(labels) in (0, one.pixels) or fewer >= ENOUGH:
            continue
        if fewer:
            text = (
                f"only {fewer} of {len(labels)} labels differ in the stratum {one.name}: intervals "
                "that rest on them hold the truth less often than 95 % (88 % where two or three "
                "do)."
            )
        else:
            # What 95 % of samples would have shown at least one point of.
            hidden = 1 - 0.05 ** (1 / len(labels))
            text = (
                f"all {len(labels)} labels agree in the stratum {one.name}, whose error then "
                "counts as 0: intervals are too narrow. So many labels leave open that up to "
                f"{100 * hidden:.1f} % of it, {hidden * one.pixels * pixel_area_m2:,.0f} m², is "
                "otherwise."
            )
        cautions.append(Caution("sample-rare" if fewer else "sample-one-sided", f"{name}: {text}"))
    return cautions
