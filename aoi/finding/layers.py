"""The bands of an item's assets on one grid: the coarsest asset's pixels, finer ones averaged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aoi.finding.choose import Chosen
from aoi.finding.item import Asset, Item, StoredBand
from imagery.blocks import Window
from imagery.errors import InputError, UsageError
from imagery.mask import can_hold

MOST_PIXELS = 1_500_000_000
_LEAST_RUN, _MOST_RUN = 64, 2048


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """One band of an asset, and its place on the common grid."""

    asset: Asset
    index: int
    """From 1; 0 is the asset's own mask."""

    name: str
    scale: float
    offset: float
    nodata: float | None
    window: Window
    """In the asset's own pixels, ``factor`` times as many as the grid's; may leave the asset."""

    factor: int
    run: int
    """Rows of the grid that are read at once: those of a row of the asset's blocks."""

    first: int
    """Rows of the grid before the asset's next row of blocks begins."""

    def runs(self, height: int) -> list[tuple[int, int]]:
        """(top, rows) of every run over the grid's rows."""
        tops = [0, *range(self.first or self.run, height, self.run)]
        ends = [*tops[1:], height]
        return [(top, end - top) for top, end in zip(tops, ends, strict=True)]


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """What all layers are brought to."""

    crs: Any
    transform: Any
    height: int
    width: int
    dtype: str
    nodata: float | None
    masked: bool = False
    """Whether the last layer is a mask."""


def coarsest(datasets: Sequence[Any]) -> Any:
    """The one with the largest pixels."""
    return max(datasets, key=lambda d: abs(d.transform.determinant))


def grid_of(datasets: Sequence[Any], window: Window, layers: Sequence[Layer]) -> Grid:
    """The common grid: a window of the coarsest asset, and the type that holds every band.

    Raises
    ------
    InputError
        If there are more pixels than one fetch may take.
    """
    reference = coarsest(datasets)
    dtypes = [np.dtype(d) for one in datasets for d in one.dtypes]
    if any(dtype.kind not in "uif" for dtype in dtypes):
        raise InputError("complex pixels aren't fetched", found=str(dtypes[0]), needed="numbers")
    dtype = str(np.result_type(*dtypes))
    nodatas = [layer.nodata for layer in layers if layer.nodata is not None]
    nodata = next((value for value in nodatas if can_hold(dtype, value)), None)
    if window.height * window.width * len(layers) > MOST_PIXELS:
        raise InputError(
            "the area is too large to be fetched at once",
            found=f"{window.height} x {window.width} px in {len(layers)} bands",
            needed=f"at most {MOST_PIXELS} px in all: a smaller area, margin, or fewer assets",
            option="--aoi",
        )
    transform = reference.transform * reference.transform.translation(window.left, window.top)
    return Grid(
        crs=reference.crs, transform=transform, height=window.height, width=window.width,
        dtype=dtype, nodata=nodata, masked=any(layer.index == 0 for layer in layers),
    )  # fmt: skip


def layers_of(
    item: Item, chosen: Sequence[Chosen], datasets: Sequence[Any], window: Window
) -> tuple[Layer, ...]:
    """Every band that was chosen, with its place; a mask that lies inside a file comes last.

    Raises
    ------
    UsageError
        If the assets' pixels don't fit into each other.
    """
    reference = coarsest(datasets)
    made: list[Layer] = []
    for one, dataset in zip(chosen, datasets, strict=True):
        factor, place = _place(item, one.asset, dataset, reference, window)
        block = max(1, dataset.block_shapes[0][0] // factor)
        run = max(block, -(-_LEAST_RUN // block) * block)
        run = min(run, max(_MOST_RUN // block * block, _MOST_RUN))
        first = -(place.top // factor) % run
        for index in one.indexes or range(1, dataset.count + 1):
            band = one.asset.bands[index - 1] if index <= len(one.asset.bands) else StoredBand()
            scale, offset = _scaling(item, band, dataset, index)
            made.append(
                Layer(
                    asset=one.asset, index=index, scale=scale, offset=offset,
                    name=_name(one.asset, band, dataset, index),
                    nodata=_nodata(dataset, band), window=place, factor=factor, run=run,
                    first=first,
                )
            )  # fmt: skip
    if len(chosen) == 1 and made[0].nodata is None and _has_mask(datasets[0]):
        last = made[0]
        made.append(
            Layer(
                asset=last.asset, index=0, name="mask", scale=1.0, offset=0.0, nodata=None,
                window=last.window, factor=1, run=last.run, first=last.first,
            )
        )  # fmt: skip
    return tuple(made)


def read_run(dataset: Any, layer: Layer, grid: Grid, top: int, rows: int) -> NDArray[Any]:
    """Rows of the grid from an asset, of shape (row, col)."""
    from rasterio.windows import Window as RasterioWindow

    factor, place = layer.factor, layer.window
    wanted = Window(
        place.top + top * factor, place.left, place.top + (top + rows) * factor, place.right
    )
    there = wanted.clipped(Window(0, 0, dataset.height, dataset.width))
    fill = 0 if layer.nodata is None else layer.nodata
    fine = np.full(wanted.shape, fill, "uint8" if layer.index == 0 else dataset.dtypes[0])
    if not there.empty:
        at = RasterioWindow(there.left, there.top, there.width, there.height)
        part = (
            dataset.dataset_mask(window=at)
            if layer.index == 0
            else dataset.read(layer.index, window=at)
        )
        fine[there.within(wanted)] = part
    return _averaged(fine, layer, grid)


def _averaged(fine: NDArray[Any], layer: Layer, grid: Grid) -> NDArray[Any]:
    """Means of what is there in blocks of factor x factor, and the grid's own word for nothing."""
    missing = _missing(fine, layer.nodata)
    if layer.factor > 1:
        factor = layer.factor
        shape = (fine.shape[0] // factor, factor, fine.shape[1] // factor, factor)
        seen = (~missing).reshape(shape).sum(axis=(1, 3))
        sums = np.where(missing, 0, fine).astype(np.float64).reshape(shape).sum(axis=(1, 3))
        fine = sums / np.maximum(seen, 1)
        if np.dtype(grid.dtype).kind in "ui":
            fine = np.rint(fine)
        missing = seen == 0
    out = fine.astype(grid.dtype)
    if grid.nodata is not None and layer.index != 0:
        out[missing] = grid.nodata
    return out


def _missing(pixels: NDArray[Any], nodata: float | None) -> NDArray[np.bool_]:
    missing = np.zeros(pixels.shape, bool)
    if pixels.dtype.kind == "f":
        missing |= np.isnan(pixels)
    if nodata is not None and not math.isnan(nodata):
        missing |= pixels == nodata
    return missing


def _place(
    item: Item, asset: Asset, dataset: Any, reference: Any, window: Window
) -> tuple[int, Window]:
    """How many times finer an asset is than the grid, and the window in its pixels."""
    way = ~dataset.transform * reference.transform
    factor = round(way.a)
    top, left = round(way.f), round(way.c)
    reach = max(reference.height, reference.width)
    off = max(abs(way.a - factor), abs(way.e - factor), abs(way.b), abs(way.d)) * reach
    if dataset.crs != reference.crs or factor < 1 or off > 0.1 or (
        max(abs(way.f - top), abs(way.c - left)) > 0.1
    ):  # fmt: skip
        raise UsageError(
            f"{item.id}: its assets lie on different grids",
            found=f"{asset.key}, whose pixels don't fit into those of the coarsest one",
            needed="assets of one grid, or whole multiples of it",
            option="--assets",
        )
    return factor, Window(
        window.top * factor + top, window.left * factor + left,
        window.bottom * factor + top, window.right * factor + left,
    )  # fmt: skip


def _scaling(item: Item, band: StoredBand, dataset: Any, index: int) -> tuple[float, float]:
    """Of the item where it says so, else of the file."""
    scale, offset = float(dataset.scales[index - 1]), float(dataset.offsets[index - 1])
    if band.scale:
        scale, offset = band.scale, band.offset or 0.0
    properties: Any = item.raw.get("properties") or {}
    if properties.get("earthsearch:boa_offset_applied") is True:
        # Earth Search states the offset although its pixels already have it.
        offset = 0.0
    return scale, offset


def _nodata(dataset: Any, band: StoredBand) -> float | None:
    if dataset.nodata is not None:
        return float(dataset.nodata)
    return band.nodata


def _has_mask(dataset: Any) -> bool:
    from rasterio.enums import ColorInterp, MaskFlags

    flags = dataset.mask_flag_enums[0]
    return MaskFlags.per_dataset in flags and ColorInterp.alpha not in dataset.colorinterp


def _name(asset: Asset, band: StoredBand, dataset: Any, index: int) -> str:
    own = (dataset.descriptions[index - 1] or "").strip()
    if band.name or own:
        return str(band.name or own)
    if dataset.count == 1:
        return asset.key
    colour = str(dataset.colorinterp[index - 1].name)
    return colour if colour in ("red", "green", "blue", "alpha") else f"{asset.key} {index}"
