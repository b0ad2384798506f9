"""An analyst's own archive: STAC items in one file that nobody else is asked about.

The file is stac-geoparquet 1.0, one row an item: what is known of it by STAC's names as columns,
for any tool that reads such files, and the item as it came as JSON in one more.  Items of different
products disagree on the types of their own properties, which columns alone couldn't hold.  Rows are
sorted by place and date, so that a search reads only the row groups whose bounds and dates it
meets.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from aoi.finding.item import Item, read_items
from aoi.finding.query import Query, matching
from imagery.errors import InputError, MissingInputError, OutputError
from imagery.record import Caution, to_json

ROWS_A_GROUP = 2048
WHOLE = "twopass:item"
"""The column that holds the item as it came."""

_CELL_DEGREES = 5.0
_TIMES = ("datetime", "start_datetime", "end_datetime")
_WAY = "permissive"
_AT_ONCE = 5000
_MOST_COLUMNS = 60
"""Images of an item that have columns of their own."""


def search_archive(path: Path, query: Query) -> tuple[tuple[Item, ...], tuple[Caution, ...]]:
    """The items of an archive that match; nobody is asked.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no archive.
    """
    file = _opened(path)
    groups = [n for n in range(file.num_row_groups) if _may_match(file, n, query)]
    rows: list[dict[str, Any]] = []
    for number in groups:
        wanted = _matching_rows(file, number, query)
        if len(wanted):
            group = file.read_row_group(number, columns=_columns(file))
            rows += _items_of(group.take(wanted.tolist()))  # of an array, Arrow imports pandas
    items, cautions = read_items(rows, base=str(path.absolute().parent))
    found = matching(items, query)
    if query.collections:
        found = tuple(item for item in found if item.collection in query.collections)
    return found, cautions


def every_item(path: Path) -> Iterator[dict[str, Any]]:
    """Every item of an archive as JSON values, in the order of the file."""
    file = _opened(path)
    for number in range(file.num_row_groups):
        yield from _items_of(file.read_row_group(number, columns=_columns(file)))


def count(path: Path) -> int:
    """How many items an archive holds."""
    return int(_opened(path).metadata.num_rows)


def put(path: Path, items: Sequence[Item]) -> int:
    """Add items to an archive, or renew those that it has by collection and id.

    Parameters
    ----------
    path
        The archive; it is made where there is none.
    items
        The items.

    Returns
    -------
    int
        How many were there already.

    Raises
    ------
    InputError
        If the file is another table, whose columns have other types.
    OutputError
        If the file can't be written.

    Notes
    -----
    The archive is read, joined and written as one Arrow table, of some kilobytes an item; it takes
    its place whole.
    """
    import pyarrow as pa
    from stac_geoparquet.arrow import parse_stac_items_to_arrow

    if not items:
        return 0
    with _locked(path):
        old = _opened(path).read() if path.exists() else None
        parts = [
            parse_stac_items_to_arrow(map(_row, items[n : n + _AT_ONCE])).read_all()
            for n in range(0, len(items), _AT_ONCE)
        ]
        table = pa.concat_tables(parts, promote_options=_WAY)
        renewed = 0
        if old is not None:
            keys = set(_keys(table))
            stay = np.array([key not in keys for key in _keys(old)], bool)
            renewed = int((~stay).sum())
            parts = [old.filter(pa.array(stay)), table]
            try:
                table = pa.concat_tables(parts, promote_options=_WAY)
            except (pa.ArrowException, TypeError) as error:
                raise _unfit(path, str(error)) from error
        _write(path, table.take(pa.array(_order(table))))
    return renewed


def take_out(path: Path, ids: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """Take items out of an archive by their id; returns how many, and the ids that aren't there."""
    import pyarrow as pa

    wanted = set(ids)
    with _locked(path):
        table = _opened(path).read()
        names = table["id"].to_pylist()
        stay = np.array([name not in wanted for name in names], bool)
        if not stay.all():
            _write(path, table.filter(pa.array(stay)))
    return int((~stay).sum()), tuple(sorted(wanted - set(names)))


def _columns(file: Any) -> list[str] | None:
    """The one column to read, or all where the archive isn't ours."""
    return [WHOLE] if WHOLE in file.schema_arrow.names else None


def _items_of(table: Any) -> list[Any]:
    """Rows as items again; what isn't one is left to :func:`read_items` to say."""
    if table.column_names == [WHOLE]:
        return [_loaded(text) for text in table[WHOLE].to_pylist()]
    from stac_geoparquet.arrow import stac_table_to_items

    return list(stac_table_to_items(table))


def _loaded(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def _opened(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: no such archive",
            found="nothing of that name",
            needed="a file that twopass archive add made",
            option="--archive, or TWOPASS_ARCHIVE in the environment",
        )
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise _unfit(path, str(error)) from error
    lacking = {"id", "geometry", "bbox", "datetime"} - set(file.schema_arrow.names)
    if lacking:
        raise _unfit(path, f"no columns {', '.join(sorted(lacking))}")
    return file


def _unfit(path: Path, found: str) -> InputError:
    return InputError(
        f"{path.name}: is no archive of scenes",
        found=" ".join(found.split())[:200],
        needed="stac-geoparquet, as twopass archive add makes it",
        option="--archive",
    )


# Which rows


def _may_match(file: Any, number: int, query: Query) -> bool:
    """Whether a row group can hold what is asked for, by its statistics."""
    group = file.metadata.row_group(number)
    least: dict[str, Any] = {}
    most: dict[str, Any] = {}
    for column in range(group.num_columns):
        told = group.column(column)
        if told.path_in_schema in _INDEX and told.statistics and told.statistics.has_min_max:
            # As stored: of times, Arrow would make pandas' own, and import it.
            least[told.path_in_schema] = told.statistics.min_raw
            most[told.path_in_schema] = told.statistics.max_raw
    west, south, east, north = query.box
    if (
        least.get("bbox.xmin", west) > east
        or most.get("bbox.xmax", east) < west
        or least.get("bbox.ymin", south) > north
        or most.get("bbox.ymax", north) < south
    ):
        return False
    if query.days is None or query.undated or "start_datetime" in file.schema_arrow.names:
        return True
    first, last = least.get("datetime"), most.get("datetime")
    if first is None or last is None or file.schema_arrow.field("datetime").type.unit != "us":
        return True
    start, end = _ends(query)
    return bool(first <= end.astype(np.int64) and last >= start.astype(np.int64))


_INDEX = ("bbox.xmin", "bbox.ymin", "bbox.xmax", "bbox.ymax", *_TIMES)


def _matching_rows(file: Any, number: int, query: Query) -> NDArray[np.int64]:
    """The rows of a group that meet the box and the days, read from these columns alone."""
    there = [name for name in _TIMES if name in file.schema_arrow.names]
    table = file.read_row_group(number, columns=["bbox", *there])
    box = table["bbox"].combine_chunks()
    west, south, east, north = query.box
    sides = {name: _numbers(box.field(name)) for name in ("xmin", "ymin", "xmax", "ymax")}
    meets = (sides["xmin"] <= east) & (sides["xmax"] >= west)
    meets &= (sides["ymin"] <= north) & (sides["ymax"] >= south)
    if query.days is not None:
        moment = _moments(table, "datetime")
        start, end = (_moments(table, name) for name in ("start_datetime", "end_datetime"))
        start = np.where(np.isnat(start), moment, start)
        end = np.where(np.isnat(end), moment, end)
        first, last = _ends(query)
        meets &= ((start <= last) & (end >= first)) | (np.isnat(start) & query.undated)
    return np.flatnonzero(meets)


def _ends(query: Query) -> tuple[np.datetime64, np.datetime64]:
    days = query.days
    ends = () if days is None else (days.start, days.end)
    first, last = (np.datetime64(end.replace(tzinfo=None), "us") for end in ends)
    return first, last


def _numbers(column: Any) -> NDArray[np.float64]:
    # Without empty places, for which Arrow would import pandas.
    return np.asarray(column.fill_null(math.nan).to_numpy(zero_copy_only=True), np.float64)


def _moments(table: Any, name: str) -> NDArray[np.datetime64]:
    if name not in table.column_names:
        return np.full(len(table), "NaT", "datetime64[us]")
    import pyarrow as pa

    # Through whole numbers, whose least is NaT: for times, Arrow would import pandas.
    column = table[name].cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    numbers = column.combine_chunks().fill_null(np.iinfo(np.int64).min)
    return np.asarray(numbers.to_numpy(zero_copy_only=True)).view("datetime64[us]")


# Writing


def _row(item: Item) -> dict[str, Any]:
    """An item in the form whose columns have the same types for every item."""
    properties: dict[str, Any] = {name: fact.value for name, fact in item.facts.items()}
    when = item.acquisition
    properties |= {"datetime": None, "start_datetime": None, "end_datetime": None}
    if when.known and when.start is not None and when.end is not None:
        if when.precision == "second":
            properties["datetime"] = f"{when.start:%Y-%m-%dT%H:%M:%SZ}"
        else:
            properties["start_datetime"] = f"{when.start:%Y-%m-%dT%H:%M:%SZ}"
            properties["end_datetime"] = f"{when.end:%Y-%m-%dT%H:%M:%SZ}"
    properties[WHOLE] = json.dumps(to_json(item.raw), separators=(",", ":"))
    images = [asset for asset in item.assets.values() if asset.is_image][:_MOST_COLUMNS]
    return {
        "type": "Feature",
        "stac_version": "1.1.0",
        "stac_extensions": [],
        "id": item.id,
        "collection": item.collection,
        "geometry": shapely.geometry.mapping(item.footprint),
        "bbox": list(item.footprint.bounds),
        "properties": properties,
        "links": [],
        "assets": {a.key: {"href": a.href, "type": a.media, "roles": a.roles} for a in images},
    }


def _keys(table: Any) -> list[tuple[Any, Any]]:
    names = table["id"].to_pylist()
    collections = (
        table["collection"].to_pylist()
        if "collection" in table.column_names
        else [None] * len(names)
    )
    return list(zip(collections, names, strict=True))


def _order(table: Any) -> NDArray[np.int64]:
    """Rows by place, in cells of some degrees, and in a cell by date."""
    box = table["bbox"].combine_chunks()
    row, col = (
        np.floor((_numbers(box.field(low)) + _numbers(box.field(high))) / 2 / _CELL_DEGREES)
        for low, high in (("ymin", "ymax"), ("xmin", "xmax"))
    )
    return np.lexsort((_moments(table, "datetime"), col, row))


def _write(path: Path, table: Any) -> None:
    from stac_geoparquet.arrow import to_parquet

    partial = path.with_name(path.name + ".partial")
    try:
        reader = table.combine_chunks().to_reader(max_chunksize=ROWS_A_GROUP)
        to_parquet(reader, partial, compression="zstd")
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """One writer at a time; the others wait, and say so after a minute."""
    from filelock import FileLock, Timeout

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(path.name + ".lock"), timeout=60):
            yield
    except Timeout:
        raise OutputError(
            f"{path.name}: another run is writing this archive",
            found="a lock that is held",
            needed="the other run's end",
            option="--archive",
        ) from None
    except PermissionError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path.name}: cannot be written",
        found=error.strerror or str(error)[:200],
        needed="a folder that can be written to, and room on the disk",
        option="--archive",
    )
