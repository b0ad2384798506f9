"""A change map of the library's, held against what is known to have happened."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from imagery.detect import ChangeMap, detect
from imagery.errors import TwopassError
from imagery.grid import Extent
from imagery.masks import LeftOut
from imagery.options import DetectOptions, EngineOptions
from imagery.scene import Scene

OF_OBJECT = 0.2
"""Share of a region's pixels that must lie on or beside objects; else it is false.  A region that
covers half of the scene has found nothing."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one decision told, and how much of it is false."""

    part: str
    scene: str
    asked: str
    refused: str = ""
    """Why there is no map, or nothing."""

    km2: float = 0.0
    expected: float = 0.0
    """False regions at the rate asked for; 0 where no rate was."""

    told: int = 0
    false: int = 0
    planted: int = 0
    found: int = 0
    codes: tuple[str, ...] = ()
    """Of all the cautions."""

    calibration: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Held:
    """Regions of a map beside the objects that are there."""

    pixels: NDArray[np.int64]
    true: NDArray[np.bool_]
    touched: NDArray[np.int64]
    """Region, from 0, and object, wherever they meet; shape (2, meetings)."""

    km2: float

    def found(self, kept: NDArray[np.bool_]) -> int:
        """Objects on which one of the regions kept lies."""
        region, item = self.touched
        return len(np.unique(item[(kept & self.true)[region]]))

    def false(self, kept: NDArray[np.bool_]) -> int:
        return int((kept & ~self.true).sum())


def mapped(
    pair: tuple[Path, Path],
    *,
    options: DetectOptions,
    work: Path,
    see: Callable[[ChangeMap], Held],
    extent: Callable[[Scene, Scene], Extent | None] | None = None,
    left_out: LeftOut | None = None,
) -> tuple[ChangeMap, Held, float] | TwopassError:
    """The map, what is seen of it before its files go, and its seconds; or why there is none."""
    with tempfile.TemporaryDirectory(dir=work) as folder:
        start = time.perf_counter()
        try:
            found = detect(
                *pair,
                folder=Path(folder),
                options=options,
                extent=extent,
                left_out=left_out,
                # Scenes run beside each other instead.
                engine_options=EngineOptions(workers=1),
            )
        except TwopassError as error:
            return error
        seconds = time.perf_counter() - start
        return found, see(found), seconds


def held_against(
    truth: NDArray[np.integer], *, share: float = OF_OBJECT
) -> Callable[[ChangeMap], Held]:
    """Hold maps against the number of the object at each px of the earlier image, 0 for none.

    A region is true where this ``share`` of its pixels, and one at the least, lie on objects.
    """

    def see(found: ChangeMap) -> Held:
        with rasterio.open(found.rasters["change"]) as dataset:
            labels = dataset.read(1)
        link = ~found.scenes["before"].geobox.affine * found.geobox.affine
        top, left = round(link.f), round(link.c)
        here = np.zeros(labels.shape, truth.dtype)
        (row, first_row, rows), (col, first_col, cols) = (
            # Where both begin, on the map and in the truth, and how much they share.
            (max(-start, 0), max(start, 0), max(min(start + length, whole) - max(start, 0), 0))
            for start, length, whole in zip((top, left), labels.shape, truth.shape, strict=True)
        )
        here[row : row + rows, col : col + cols] = truth[
            first_row : first_row + rows, first_col : first_col + cols
        ]
        regions = len(found.regions.pixels)
        on = np.bincount(labels[here > 0], minlength=regions + 1)[1:]
        both = (labels > 0) & (here > 0)
        touched = np.unique(
            np.stack([labels[both].astype(np.int64) - 1, here[both].astype(np.int64)]), axis=1
        )
        return Held(
            pixels=found.regions.pixels,
            true=on
            >= np.maximum(share * np.bincount(labels.ravel(), minlength=regions + 1)[1:], 1),
            touched=touched,
            km2=found.observed.seen * found.plan.pixel_size_m**2 / 1e6,
        )

    return see


def run_of(
    answer: tuple[ChangeMap, Held, float] | TwopassError,
    *,
    part: str,
    scene: str,
    asked: str,
    planted: int = 0,
) -> Run:
    """The counts of a decision; a rate is read from ``asked`` where it is one per km²."""
    if isinstance(answer, TwopassError):
        why = f"{type(answer).__name__}: {answer}"
        return Run(part=part, scene=scene, asked=asked, refused=why, planted=planted)
    found, held, seconds = answer
    every = np.ones(len(held.true), bool)
    rate = float(asked.removesuffix("/km2")) if asked.endswith("/km2") else 0.0
    return Run(
        part=part,
        scene=scene,
        asked=asked,
        km2=held.km2,
        expected=rate * held.km2,
        told=len(every),
        false=held.false(every),
        planted=planted,
        found=held.found(every),
        codes=tuple(sorted({caution.code for caution in found.cautions})),
        calibration=found.decision.calibration,
        seconds=seconds,
    )
