"""How one file marks missing pixels: nodata, mask, alpha, or an untagged collar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.mask import Edges, can_hold, find_collar, opaque_value
from imagery.read._decode import decode
from imagery.record import Caution
from imagery.scene import Alpha, Band, Collar

_COARSE_SIDE = 1024
_SAMPLE = 64
_STRIP = 512
_LOSSY_TOLERANCE = 8.0  # of 255: what JPEG at a usual quality leaves of a flat black border


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What marks missing pixels in one file."""

    nodata: float | None
    alpha: Alpha | None
    mask: bool
    collar: Collar | None
    cautions: tuple[Caution, ...]


def own_mask(dataset: Any) -> bool:
    """Whether the file has a mask, inside or as ``.msk``, that is neither nodata nor alpha."""
    from rasterio.enums import MaskFlags

    usual = {MaskFlags.all_valid, MaskFlags.alpha, MaskFlags.nodata}
    return any(not usual & set(flags) for flags in dataset.mask_flag_enums)


def find_alpha(dataset: Any, *, name: str) -> tuple[Alpha | None, tuple[Caution, ...]]:
    """The band that is a true alpha, and a caution where one is merely tagged so."""
    from rasterio.enums import ColorInterp

    tagged = [i + 1 for i, c in enumerate(dataset.colorinterp) if c == ColorInterp.alpha]
    if not tagged or dataset.count == 1:
        return None, ()
    index = tagged[-1]
    if dataset.driver in ("PNG", "WEBP"):
        # Their fourth band can be nothing else; soft edges there don't darken the colours.
        return Alpha(index, 32768.0 if dataset.dtypes[index - 1] == "uint16" else 128.0), ()
    opaque = opaque_value(_samples(dataset, index, name=name))
    if opaque is not None:
        return Alpha(index, opaque), ()
    caution = Caution(
        "alpha-is-measurement",
        f"{name}: band {index} is tagged alpha but holds many values: used as an image band.",
    )
    return None, (caution,)


def find_marks(
    dataset: Any,
    bands: Sequence[Band],
    *,
    name: str,
    alpha: Alpha | None,
    given: float | None,
) -> Marks:
    """All that marks missing pixels in a file.

    Parameters
    ----------
    dataset
        The open file.
    bands
        The bands that are used; an untagged collar has one value in each of them.
    name
        The file's name, for messages.
    alpha
        Its alpha band.
    given
        The nodata value that the user gave, which overrides the file's.
    """
    nodata, cautions = _nodata(dataset, bands, name=name, given=given)
    mask = own_mask(dataset)
    collar: Collar | None = None
    if nodata is None and given is None and not mask and alpha is None:
        collar, more = _collar(dataset, bands, name=name)
        cautions += more
    return Marks(nodata=nodata, alpha=alpha, mask=mask, collar=collar, cautions=cautions)


def _nodata(
    dataset: Any, bands: Sequence[Band], *, name: str, given: float | None
) -> tuple[float | None, tuple[Caution, ...]]:
    own = [dataset.nodatavals[band.index - 1] for band in bands]
    value = given if given is not None else own[0]
    if value is None:
        return None, ()
    value = float(value)
    dtype = dataset.dtypes[bands[0].index - 1]
    if not can_hold(dtype, value):
        # "--nodata nan" is how a user says that an integer image has none.
        if given is not None and math.isnan(value):
            return None, ()
        caution = Caution(
            "nodata-ignored",
            f"{name}: nodata {value:g} is left out, because {dtype} pixels cannot hold it.",
        )
        return None, (caution,)
    if given is None and len({repr(v) for v in own}) > 1:
        caution = Caution(
            "nodata-differs",
            f"{name}: bands declare different nodata values; {value:g} is used for all.",
        )
        return value, (caution,)
    return value, ()


def _collar(
    dataset: Any, bands: Sequence[Band], *, name: str
) -> tuple[Collar | None, tuple[Caution, ...]]:
    rows, cols = dataset.height, dataset.width
    indexes = [band.index for band in bands]
    factor = max(1, math.ceil(max(rows, cols) / _COARSE_SIDE))
    coarse = _decimated(dataset, indexes, factor=factor, name=name)
    edges = _edges(dataset, indexes, name=name)
    lossy = dataset.dtypes[0] == "uint8" and _is_lossy(dataset)
    tolerance = _LOSSY_TOLERANCE if lossy else 0.0
    found = find_collar(coarse, edges, factor=factor, tolerance=tolerance)
    if found is None:
        return None, ()
    collar, share = found
    values = ", ".join(f"{value:g}" for value in dict.fromkeys(collar.values))
    caution = Caution(
        "untagged-collar",
        f"{name}: a border of {values} over {_percent(share)} of the image is tagged by nothing; "
        f"it is taken as missing (if it is real, give --nodata nan).",
    )
    return collar, (caution,)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else "less than 1 %"


def _is_lossy(dataset: Any) -> bool:
    structure = dataset.tags(ns="IMAGE_STRUCTURE")
    return (
        dataset.driver in ("JPEG", "WEBP")
        or "JPEG" in structure.get("COMPRESSION", "")
        or structure.get("COMPRESSION_REVERSIBILITY", "").startswith("LOSSY")
    )


def _samples(dataset: Any, index: int, *, name: str) -> list[NDArray[np.generic]]:
    """The band sampled over the whole image, and whole in its corners and centre."""
    rows, cols = dataset.height, dataset.width
    factor = max(1, math.ceil(max(rows, cols) / _COARSE_SIDE))
    samples = [_decimated(dataset, [index], factor=factor, name=name)]
    if factor > 1:
        for top in {0, max(0, rows // 2 - _SAMPLE // 2), max(0, rows - _SAMPLE)}:
            for left in {0, max(0, cols // 2 - _SAMPLE // 2), max(0, cols - _SAMPLE)}:
                bottom, right = min(rows, top + _SAMPLE), min(cols, left + _SAMPLE)
                samples.append(decode(dataset, [index], (top, left, bottom, right), name=name))
    return samples


def _decimated(dataset: Any, indexes: list[int], *, factor: int, name: str) -> NDArray[np.generic]:
    cols = math.ceil(dataset.width / factor)
    step = max(1, _STRIP // factor) * factor
    strips = []
    # In strips, because GDAL samples one band after the other, each through the whole file.
    for top in range(0, dataset.height, step):
        bottom = min(dataset.height, top + step)
        shape = (math.ceil((bottom - top) / factor), cols)
        corners = (top, 0, bottom, dataset.width)
        strips.append(decode(dataset, indexes, corners, name=name, out_shape=shape))
    return np.concatenate(strips, axis=1)


def _edges(dataset: Any, indexes: list[int], *, name: str) -> Edges:
    rows, cols = dataset.height, dataset.width
    left, right = [], []
    # Both sides of a strip in turn: a file without tiles is then decoded once, not twice.
    for top in range(0, rows, _STRIP):
        bottom = min(rows, top + _STRIP)
        left.append(decode(dataset, indexes, (top, 0, bottom, 1), name=name)[:, :, 0])
        right.append(decode(dataset, indexes, (top, cols - 1, bottom, cols), name=name)[:, :, 0])
    return Edges(
        top=decode(dataset, indexes, (0, 0, 1, cols), name=name)[:, 0],
        bottom=decode(dataset, indexes, (rows - 1, 0, rows, cols), name=name)[:, 0],
        left=np.concatenate(left, axis=1),
        right=np.concatenate(right, axis=1),
    )
