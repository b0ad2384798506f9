"""Which pixels are usable: nodata, alpha and untagged collars, as pure functions on arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imagery.scene import Collar

HUGE = 1e30
"""No image holds such a value, and its square overflows float32: it is a mark, not a pixel."""

_RELATIVE = 1e-6
"""How far a nodata value may be from the pixels' own: tags write it in decimal digits."""

_MIN_RUN = 16
_MIN_SHARE = 0.01
_MIN_RUN_UNUSUAL = 64
_MIN_SHARE_UNUSUAL = 0.10
_FEATHER = 0.05
_RING = 16  # px around a collar that lossy compression (8 or 16 px blocks) may have stained


def can_hold(dtype: np.dtype[np.generic] | str, value: float) -> bool:
    """Whether pixels of ``dtype`` can have ``value`` at all."""
    kind = np.dtype(dtype)
    if kind.kind == "f":
        # Beyond the largest by rounding: tags say -3.4029e+38 for the end of float32.
        return not math.isfinite(value) or abs(value) / 1.001 <= float(np.finfo(kind).max)
    if not float(value).is_integer():  # NaN and the infinities too
        return False
    limits = np.iinfo(kind)
    return bool(limits.min <= int(value) <= limits.max)


def is_nodata(values: NDArray[np.generic], nodata: float) -> NDArray[np.bool_]:
    """Where ``values`` are ``nodata``, allowing in floats for the rounding of the tag's digits.

    Parameters
    ----------
    values
        Stored values, of any shape and real dtype.
    nodata
        The mark; NaN matches NaN; a value that the dtype cannot hold matches nothing.
    """
    if not can_hold(values.dtype, nodata):
        return np.zeros(values.shape, bool)
    if values.dtype.kind != "f":
        return np.asarray(values == values.dtype.type(nodata))
    if math.isnan(nodata):
        return np.asarray(np.isnan(values))
    if nodata == 0 or math.isinf(nodata):
        return np.asarray(values == nodata)
    near = values.astype(np.float64)
    # Subtraction overflows to infinity at the ends of the range, which is far enough.
    with np.errstate(over="ignore", invalid="ignore"):
        near -= nodata
    return np.asarray(np.abs(near) <= _RELATIVE * abs(nodata))


def valid_pixels(raw: NDArray[np.generic], *, nodata: float | None) -> NDArray[np.bool_]:
    """Where a pixel is usable, from its stored values alone.

    Parameters
    ----------
    raw
        Stored values before scale and offset, of shape (band, row, col).
    nodata
        The value that marks missing pixels, or None.

    Returns
    -------
    ndarray
        True where usable, of shape (row, col).

    Notes
    -----
    A pixel is missing where *any* band is nodata, because at a swath's edge bands end apart; but
    in 8-bit data with 0 or 255 as nodata, only where *all* bands are, because a stretch to 8 bits
    clips real dark and bright pixels onto these values.  NaN, infinities and values beyond
    1e30 are missing, whatever the tag says.
    """
    marked = nodata is not None and can_hold(raw.dtype, nodata)
    if raw.dtype.kind != "f" and not marked:
        return np.ones(raw.shape[1:], bool)
    # Band by band, without a mask of all of them: this runs over every pixel that is read.
    every = raw.dtype == np.uint8 and nodata in (0, 255)
    missing = np.full(raw.shape[1:], every)
    for band in raw:
        if marked and nodata is not None:
            (np.logical_and if every else np.logical_or)(
                missing, is_nodata(band, nodata), out=missing
            )
        if raw.dtype.kind == "f":
            missing |= ~(np.abs(band) <= HUGE)  # true of NaN too
    return ~missing


def opaque_value(samples: Sequence[NDArray[np.generic]]) -> float | None:
    """The value of an alpha band that means "seen", or None where the band is no alpha.

    Parameters
    ----------
    samples
        Stored values of the band from here and there, at least one pixel in all.

    Notes
    -----
    A real alpha is 0 and one more value, or constant, but for a few per cent of feathered edges.
    A fourth near-infrared band is often tagged alpha, because writers tag a fourth band so
    when they are told nothing.
    """
    values = np.concatenate([np.asarray(sample).ravel() for sample in samples])
    top = values.max()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return None
    if top == 0:
        return float(np.iinfo(values.dtype).max) if values.dtype.kind in "iu" else 1.0
    if top < 0:
        return None
    between = (values != 0) & (values != top)
    return float(top) if between.mean() <= _FEATHER else None


@dataclass(frozen=True, eq=False)
class Edges:
    """The outermost pixels of an image at full resolution, each of shape (band, n)."""

    top: NDArray[np.generic]
    bottom: NDArray[np.generic]
    left: NDArray[np.generic]
    right: NDArray[np.generic]


@dataclass(frozen=True)
class _Run:
    side: str
    start: int
    stop: int


def find_collar(
    coarse: NDArray[np.generic],
    edges: Edges,
    *,
    factor: int,
    tolerance: float = 0.0,
) -> tuple[Collar, float] | None:
    """Find a border of one constant value that no tag declares.

    Parameters
    ----------
    coarse
        Stored values, sampled on a grid ``factor`` times coarser whose last row and column may
        be cut, of shape (band, row, col).
    edges
        The outermost rows and columns, not sampled: a collar may be thinner than ``factor``.
    factor
        How much coarser ``coarse`` is than the image.
    tolerance
        How far a stored value may be from the collar's, for lossy compression.

    Returns
    -------
    (Collar, share) or None
        ``share`` is the share of the image that the collar covers.  None where there is no collar,
        and where the whole image is one value: a border of nothing.

    Notes
    -----
    The value must fill runs of at least 16 px and 1 % of the border where it is one that
    software pads with (an end of the dtype's range, or -9999); others, which may be a
    flat sea, 64 px and 10 %.  From such runs the collar grows through equal neighbours, so that a
    black roof inside the image stays valid.
    """
    from scipy import ndimage

    found = _border_value(edges)
    if found is None:
        return None
    value, runs = found
    equal = (coarse == value[:, None, None]).all(axis=0)
    seeds = _seeds(runs, shape=(equal.shape[0], equal.shape[1]), factor=factor)
    around = np.ones((3, 3), bool)
    parts, _ = ndimage.label(equal | seeds, structure=around)
    # Not binary_propagation, which takes a pass over the image for every pixel of depth.
    reach = np.isin(parts, np.unique(parts[seeds]))
    if reach.all() and equal.all():
        return None
    share = float((reach & equal).mean())
    # One cell more: the sampled pixel of a cell may lie outside of a border that cuts the cell.
    cells = 1 if tolerance == 0 else max(1, math.ceil(_RING / factor))
    reach = ndimage.binary_dilation(reach, structure=around, iterations=cells)
    collar = Collar(
        values=tuple(float(v) for v in value),
        factor=factor,
        coarse=tuple(row.tobytes() for row in reach.astype(np.uint8)),
        tolerance=tolerance,
    )
    return collar, share


def in_collar(
    raw: NDArray[np.generic], collar: Collar, *, values: Sequence[float], top: int, left: int
) -> NDArray[np.bool_]:
    """Where pixels belong to a collar.

    Parameters
    ----------
    raw
        Stored values, of shape (band, row, col), whose first pixel is (``top``, ``left``) of the
        image.
    collar
        The collar.
    values
        Its value in each band of ``raw``.
    top, left
        Where ``raw`` lies in the image.
    """
    rows, cols = raw.shape[1:]
    if rows == 0 or cols == 0:
        return np.zeros((rows, cols), bool)
    f = collar.factor
    lines = collar.coarse[top // f : (top + rows - 1) // f + 1]
    coarse = np.frombuffer(b"".join(lines), np.uint8).reshape(len(lines), -1).astype(bool)
    row = (top + np.arange(rows)) // f - top // f
    col = (left + np.arange(cols)) // f
    near = coarse[row[:, None], col[None, :]]
    if near.any():
        for band, value in zip(raw, values, strict=True):
            if collar.tolerance:
                near &= np.abs(band.astype(np.float64) - value) <= collar.tolerance
            else:
                near &= band == band.dtype.type(value)
    return near


def _border_value(edges: Edges) -> tuple[NDArray[np.generic], list[_Run]] | None:
    """The value that fills most of the border in long runs, and these runs."""
    runs: dict[bytes, list[_Run]] = {}
    values: dict[bytes, NDArray[np.generic]] = {}
    length = 0
    for side in ("top", "bottom", "left", "right"):
        line: NDArray[np.generic] = getattr(edges, side)
        length += line.shape[1]
        steps = np.flatnonzero((line[:, 1:] != line[:, :-1]).any(axis=0)) + 1
        starts = np.concatenate([[0], steps])
        stops = np.concatenate([steps, [line.shape[1]]])
        for start, stop in zip(starts, stops, strict=True):
            if stop - start >= _MIN_RUN:
                value = np.ascontiguousarray(line[:, start])
                runs.setdefault(value.tobytes(), []).append(_Run(side, int(start), int(stop)))
                values[value.tobytes()] = value
    best: tuple[int, bytes] | None = None
    for key, found in runs.items():
        shortest, least = (
            (_MIN_RUN, _MIN_SHARE)
            if _is_padding(values[key])
            else (_MIN_RUN_UNUSUAL, _MIN_SHARE_UNUSUAL)
        )
        found[:] = [run for run in found if run.stop - run.start >= shortest]
        total = sum(run.stop - run.start for run in found)
        if found and total >= least * length and (best is None or (total, key) > best):
            best = total, key
    return None if best is None else (values[best[1]], runs[best[1]])


def _is_padding(value: NDArray[np.generic]) -> bool:
    usual = {0.0, 255.0, 65535.0, -9999.0, -32768.0}
    if value.dtype.kind in "iu":
        limits = np.iinfo(value.dtype.str)
        usual |= {float(limits.min), float(limits.max)}
    return float(value[0]) in usual and bool((value == value[0]).all())


def _seeds(runs: Sequence[_Run], *, shape: tuple[int, int], factor: int) -> NDArray[np.bool_]:
    """The cells of the coarse grid that runs along the border touch."""
    seeds = np.zeros(shape, bool)
    for run in runs:
        cells = slice(run.start // factor, (run.stop - 1) // factor + 1)
        if run.side in ("top", "bottom"):
            seeds[0 if run.side == "top" else -1, cells] = True
        else:
            seeds[cells, 0 if run.side == "left" else -1] = True
    return seeds
