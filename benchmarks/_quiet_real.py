"""Real pairs between which next to nothing happened, as decoys of each other."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from _decided import Run, held_against, mapped, run_of
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning
from scipy import ndimage

from imagery.masks import LeftOut
from imagery.options import DecisionOptions, DetectOptions, ReadOptions
from imagery.scene import InputFile

PART = "real"
LABEL_REACH = 5
"""Pixels around a label within which a region counts as what was labelled."""


@dataclass(frozen=True, kw_only=True)
class Several:
    """Pairs of one kind: each is decided on with the others as decoys."""

    name: str
    pairs: tuple[tuple[str, str], ...]
    pixel_m: float
    asks: tuple[str, ...]
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Split:
    """One pair, decided on in every second square; the other squares are decoys."""

    name: str
    pair: tuple[str, str]
    side_m: float
    asks: tuple[str, ...]


_FINE = "labelled/xbd_mexico_512/mexico-earthquake_000000{}/{}.png"
_NUMBERS = ("03", "07", "09", "13", "17")
"""Without the one that can't be aligned."""

_STEREO = "pairs/pleiades_kahramanmaras/{}_event_img{}.tif"
_WIDE = "pairs/sentinel2_berlin/{}_sub.tif"

SETS: tuple[Several | Split, ...] = (
    Several(
        name="colours, 1 m: five pairs with 0.2 % labelled change, buildings lean",
        pairs=tuple((_FINE.format(n, "before"), _FINE.format(n, "after")) for n in _NUMBERS),
        labels=tuple(_FINE.format(n, "label") for n in _NUMBERS),
        pixel_m=1.0,
        asks=("10/km2",),
    ),
    Several(
        name="panchromatic, 0.7 m: two pairs, each of one pass seen from two sides",
        pairs=tuple((_STEREO.format(w, 1), _STEREO.format(w, 2)) for w in ("pre", "post")),
        pixel_m=0.7,
        asks=("10/km2",),
    ),
    Split(
        name="Sentinel-2, 10 m: ten days apart with cloud, every second square of 10 km",
        pair=(
            _WIDE.format("tgt_S2A_20160529T153631_T33UUU"),
            _WIDE.format("ref_S2A_20160608T153121_T33UUU"),
        ),
        side_m=10_240.0,
        asks=("0.1/km2", "1/km2"),
    ),
)


@dataclass(frozen=True)
class Squares:
    """Every second square of a chequerboard over a raster's extent."""

    edges: tuple[float, float, float, float]
    side_m: float
    odd: bool

    @property
    def area_m2(self) -> float:
        left, bottom, right, top = self.edges
        return (right - left) * (top - bottom) / 2

    def bounds(self, crs: object) -> tuple[float, float, float, float]:
        return self.edges

    def mask(self, geobox: GeoBox) -> NDArray[np.bool_]:
        left, _, _, top = self.edges
        rows, cols = (np.arange(length) + 0.5 for length in geobox.shape)
        x, y = geobox.affine.c + geobox.affine.a * cols, geobox.affine.f + geobox.affine.e * rows
        down, right = (top - y) // self.side_m, (x - left) // self.side_m
        return np.asarray((down[:, None] + right) % 2 == self.odd)


def tasks_of(data: Path) -> list[tuple[int, int]]:
    """Set and target of each real run whose files are at hand."""
    found = []
    for number, kind in enumerate(SETS):
        files = [kind.pair] if isinstance(kind, Split) else kind.pairs
        if all((data / name).is_file() for pair in files for name in pair):
            targets = 2 if isinstance(kind, Split) else len(kind.pairs)
            found += [(number, target) for target in range(targets)]
    return found


def real_runs(task: tuple[int, int], *, data: Path, work: Path) -> list[Run]:
    kind, target = SETS[task[0]], task[1]
    if isinstance(kind, Split):
        return _split_runs(kind, target, data=data, work=work)
    pairs = [(data / before, data / after) for before, after in kind.pairs]
    others = tuple((str(b), str(a)) for n, (b, a) in enumerate(pairs) if n != target)
    truth = _labelled(data / kind.labels[target]) if kind.labels else np.zeros((1, 1), np.int32)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        for asked in kind.asks:
            options = DetectOptions(
                read=ReadOptions(no_georeference=True, pixel_size=kind.pixel_m),
                decision=DecisionOptions(max_false_alarms=asked, quiet_pair=others),
            )
            # What a label touches at all isn't sure to be false.
            see = held_against(truth, share=0.0)
            answer = mapped(pairs[target], options=options, work=work, see=see)
            found.append(run_of(answer, part=PART, scene=kind.name, asked=asked))
    return found


def _labelled(file: Path) -> NDArray[np.int32]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(file) as dataset:
            there = dataset.read(1) == 1
    near = ndimage.binary_dilation(there, np.ones((3, 3)), iterations=LABEL_REACH)
    return np.asarray(ndimage.label(near)[0], np.int32)


def _split_runs(kind: Split, target: int, *, data: Path, work: Path) -> list[Run]:
    pair = data / kind.pair[0], data / kind.pair[1]
    edges = _overlap(pair)
    quiet, area = (Squares(edges, kind.side_m, odd) for odd in (target == 0, target == 1))
    left_out = LeftOut(
        quiet=quiet, files={"--quiet-area": InputFile(name="squares", sha256="", size=0)}
    )
    found = []
    for asked in kind.asks:
        answer = mapped(
            pair,
            options=DetectOptions(decision=DecisionOptions(max_false_alarms=asked)),
            work=work,
            see=held_against(np.zeros((1, 1), np.int32)),
            extent=lambda before, after: area,
            left_out=left_out,
        )
        found.append(run_of(answer, part=PART, scene=kind.name, asked=asked))
    return found


def _overlap(files: Sequence[Path]) -> tuple[float, float, float, float]:
    bounds = []
    for file in files:
        with rasterio.open(file) as dataset:
            bounds.append(dataset.bounds)
    lefts, bottoms, rights, tops = zip(*bounds, strict=True)
    return max(lefts), max(bottoms), min(rights), min(tops)
