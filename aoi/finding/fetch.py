"""The part of a scene that a place needs, as one local GeoTIFF with its STAC item beside it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from odc.geo.geobox import GeoBox

from aoi.finding.choose import Chosen, choose
from aoi.finding.clouds import mask_of
from aoi.finding.files import read_json, resolved
from aoi.finding.item import Item
from aoi.finding.layers import Grid, Layer, coarsest, grid_of, layers_of, read_run
from aoi.finding.partial import Partial
from aoi.finding.reach import Signer, opened
from aoi.finding.sources import without_secrets
from aoi.finding.window import window_on
from aoi.output import write_whole
from aoi.places import Area
from aoi.places.area import footprint
from imagery.blocks import Window
from imagery.blockwise import Progress
from imagery.env import RASTER_ERRORS, raster_environment
from imagery.errors import InputError, OutputError
from imagery.record import sha256_of, to_json
from imagery.write import Looks, create

SOURCE, REQUEST = "twopass:source_href", "twopass:request"
_ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What lies on the disk now."""

    image: Path
    item: Path
    mask: Path | None
    bands: tuple[str, ...]
    reused: bool
    """Whether all of it was there, whole, and nobody was asked."""


def fetch_item(
    item: Item,
    area: Area,
    *,
    out: Path,
    assets: Sequence[str] = (),
    margin_m: float = 2000.0,
    signer: Signer | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Fetched:
    """Fetch an area of an item: its pixels, its mask of clouds, and the item itself.

    Parameters
    ----------
    item
        The item.
    area
        What is wanted of it; whoever serves the files sees which part is read.
    out
        The folder for ``ID.tif``, ``ID.json`` and the mask, such as ``ID_SCL.tif``.
    assets
        Keys or common names; where none, those of :func:`choose`.
    margin_m
        How far around the area, in metres: the surroundings that a co-registration needs.
    signer
        Signs addresses that want it.
    progress
        Told of every run of rows.

    Returns
    -------
    Fetched
        The files.  Where a run was cut, the next one with the same words goes on; where they are
        whole, nothing is asked for again.

    Raises
    ------
    UsageError
        If the item has no such asset, or the assets don't fit together.
    InputError
        If the area isn't in it, or a server fails after retries.
    OutputError
        If the disk refuses.
    """
    chosen = choose(item, assets)
    name = file_name(item)
    signer = Signer() if signer is None else signer
    image, beside = out / f"{name}.tif", out / f"{name}.json"
    key = _key(item, chosen, area, margin_m)
    kept = _kept(beside, key)
    masked = mask_of(item)
    mask_path = out / f"{name}_{masked[2]}.tif" if masked else None
    if kept is not None:
        mask = mask_path if mask_path is not None and mask_path.is_file() else None
        bands = tuple(str(b.get("name", "")) for b in kept["assets"]["data"].get("eo:bands", []))
        return Fetched(image=image, item=beside, mask=mask, bands=bands, reused=True)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    with raster_environment(), _alone(image):
        written = _fetch(item, chosen, area, image, key, margin_m, signer, progress)
        described = {"data": _described(written, item, chosen)}
        mask = None
        if masked is not None and mask_path is not None:
            only = (Chosen(masked[0]),)
            got = _fetch(item, only, area, mask_path, key, margin_m, signer, progress)
            described[masked[0].key] = _described(got, item, only)
            mask = mask_path
        _write_item(beside, _local_item(item, written, described, key))
    bands = tuple(layer.name for layer in written.layers if layer.index)
    return Fetched(image=image, item=beside, mask=mask, bands=bands, reused=False)


def file_name(item: Item) -> str:
    """The item's id as the stem of a file, on any system."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", item.id).strip("._-")[:120] or "scene"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Written:
    path: Path
    grid: Grid
    layers: tuple[Layer, ...]

    @property
    def geobox(self) -> GeoBox:
        return GeoBox((self.grid.height, self.grid.width), self.grid.transform, self.grid.crs)


def _fetch(
    item: Item,
    chosen: Sequence[Chosen],
    area: Area,
    path: Path,
    key: str,
    margin_m: float,
    signer: Signer,
    progress: Callable[[Progress], None],
) -> _Written:
    """One file: every run of rows that isn't there yet is read, then all are put together."""
    with ExitStack() as stack, _named_failures(item, path):
        datasets = [stack.enter_context(opened(item, one.asset, signer)) for one in chosen]
        window = window_on(coarsest(datasets), area, margin_m=margin_m)
        if window is None:
            raise InputError(
                f"{item.id}: doesn't reach AOI {area.name!r}",
                found="no overlap",
                needed="a scene that shows some of the area",
                option="--aoi",
            )
        layers = layers_of(item, chosen, datasets, window)
        grid = grid_of(datasets, window, layers)
        sources = {one.asset.key: dataset for one, dataset in zip(chosen, datasets, strict=True)}
        partial = Partial(
            path.with_name(path.name + ".fetching"),
            key=f"{key} {tuple(grid.transform)[:6]} {[len(layers), layers[0].name]}",
            shape=(len(layers), grid.height, grid.width),
            dtype=grid.dtype,
        )
        runs = [(n, *run) for n, layer in enumerate(layers) for run in layer.runs(grid.height)]
        for done, (number, top, rows) in enumerate(runs, start=1):
            layer = layers[number]
            if not partial.has(number, top, rows):
                pixels = read_run(sources[layer.asset.key], layer, grid, top, rows)
                partial.write(number, top, pixels)
            progress(Progress("fetch", done, len(runs)))
    written = _Written(path=path, grid=grid, layers=layers)
    _assemble(written, partial)
    partial.remove()
    return written


def _assemble(written: _Written, partial: Partial) -> None:
    grid = written.grid
    bands = [(n, layer) for n, layer in enumerate(written.layers) if layer.index]
    names = [layer.name for _, layer in bands]
    picture = grid.dtype == "uint8" and names[:3] == ["red", "green", "blue"]
    rest = ["alpha" if name == "alpha" else "undefined" for name in names[3:]]
    looks = Looks(
        colours=("red", "green", "blue", *rest) if picture else (),
        scales=tuple(layer.scale for _, layer in bands),
        offsets=tuple(layer.offset for _, layer in bands),
        mask=grid.masked,
    )
    with create(
        written.path, geobox=written.geobox, count=len(bands), dtype=grid.dtype,
        nodata=grid.nodata, descriptions=names, looks=looks,
        overviews="means" if grid.dtype != "uint8" or picture else "nearest",
    ) as target:  # fmt: skip
        for top in range(0, grid.height, _ROWS):
            rows = min(_ROWS, grid.height - top)
            data = np.stack([partial.read(n, top, rows) for n, _ in bands])
            valid = partial.read(len(bands), top, rows) != 0 if grid.masked else None
            target.write(Window(top, 0, top + rows, grid.width), data, valid=valid)


# The item beside it


def _described(written: _Written, item: Item, chosen: Sequence[Chosen]) -> dict[str, Any]:
    """The asset of a file that was written."""
    bands = [layer for layer in written.layers if layer.index]
    nodata = written.grid.nodata
    told = {} if nodata is None else {"nodata": nodata if nodata == nodata else "nan"}
    sources = [_public(one.asset.href, item) for one in chosen]
    return {
        "href": quote(written.path.name),
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "roles": list(chosen[0].asset.roles) or ["data"],
        "eo:bands": [_named_band(layer) for layer in bands],
        "raster:bands": [
            {"data_type": written.grid.dtype, "scale": b.scale, "offset": b.offset, **told}
            for b in bands
        ],
        "file:size": written.path.stat().st_size,
        "file:checksum": "1220" + sha256_of(written.path),
        SOURCE: sources[0] if len(sources) == 1 else sources,
    }


def _named_band(layer: Layer) -> dict[str, str]:
    from imagery.bands import canonical_name

    common = canonical_name(layer.name)
    return {"name": layer.name} | ({"common_name": common} if common else {})


def _public(href: str, item: Item) -> str:
    """Where a file came from: an address without secrets, or a file's name alone."""
    where = resolved(href, item.base)
    return where.name if isinstance(where, Path) else without_secrets(where)


def _local_item(
    item: Item, written: _Written, assets: Mapping[str, Any], key: str
) -> dict[str, Any]:
    """The item of the window: the scene's properties, the files of this folder."""
    outline = footprint(written.geobox)
    # In one order, and times in one form: however a catalogue writes an item, it is the same.
    properties = {
        name: re.sub(r"\.0+Z$", "Z", value) if isinstance(value, str) else value
        for name, value in sorted(dict(item.raw["properties"]).items())
        if name not in ("proj:shape", "proj:transform", "proj:bbox", "proj:geometry")
    }
    made: dict[str, Any] = {
        "type": "Feature",
        "stac_version": item.raw.get("stac_version", "1.0.0"),
        "stac_extensions": item.raw.get("stac_extensions", []),
        "id": item.id,
        "geometry": json.loads(_geojson(outline)),
        "bbox": [round(side, 7) for side in outline.bounds],
        "properties": {**properties, REQUEST: key},
        "links": [],
        "assets": dict(assets),
    }
    if item.collection:
        made["collection"] = item.collection
    return dict(to_json(made))


def _geojson(outline: Any) -> str:
    import shapely

    return str(shapely.to_geojson(shapely.set_precision(outline.simplify(1e-6), 1e-7)))


def _write_item(path: Path, item: Mapping[str, Any]) -> None:
    write_whole(
        path, (json.dumps(item, indent=1, ensure_ascii=False) + "\n").encode(), option="--out"
    )


# What is there already


def _key(item: Item, chosen: Sequence[Chosen], area: Area, margin_m: float) -> str:
    """A hash of what is asked for: the same words give the same one."""
    asked = [
        [item.collection, item.id],
        [[one.asset.key, _public(one.asset.href, item), list(one.indexes)] for one in chosen],
        [round(side, 9) for side in area.geometry.bounds],
        margin_m,
    ]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


def _kept(path: Path, key: str) -> dict[str, Any] | None:
    """The item of an earlier fetch of the same, if its files are whole."""
    if not path.is_file():
        return None
    try:
        item: Any = read_json(path)
        if item["properties"][REQUEST] != key:
            return None
        for asset in item["assets"].values():
            file = resolved(asset["href"], str(path.parent))
            if not isinstance(file, Path) or file.parent != path.parent:
                return None
            if "1220" + sha256_of(file) != asset["file:checksum"]:
                return None
    except (InputError, OSError, KeyError, TypeError, AttributeError):
        return None
    return dict(item)


@contextmanager
def _alone(image: Path) -> Iterator[None]:
    """One run at a time on one scene."""
    from filelock import FileLock, Timeout

    place = image.with_name(image.name + ".lock")
    try:
        with FileLock(place, timeout=0):
            yield
    except Timeout:
        raise OutputError(
            f"{image.name}: another run is fetching this scene",
            found="a lock that is held",
            needed="the other run's end, or another folder",
            option="--out",
        ) from None
    finally:
        with contextlib.suppress(OSError):
            place.unlink(missing_ok=True)


@contextmanager
def _named_failures(item: Item, path: Path) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except RASTER_ERRORS as error:
        if isinstance(error, OutputError):
            raise
        # GDAL's words hold the address, and a query may sign it.
        said = re.sub(r"/vsicurl/\S+|\?[^\s,'\"]+", "", str(error.__cause__ or error))
        raise InputError(
            f"{item.id}: a part of it could not be read",
            found=said[:200],
            needed=f"its server's answer: run the same command again; what {path.name} already "
            "has is kept and not asked for again",
        ) from error


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path.name}: cannot be written",
        found=error.strerror or str(error),
        needed="a folder that can be written to, and room on the disk",
        option="--out",
    )
