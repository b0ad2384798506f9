"""Both images around the regions of a tile, read where there are any."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.env import handle
from imagery.evidence._around import (
    MARGIN,
    Of,
    Pixels,
    boxes_of,
    outward,
    pixels_around,
    windows_over,
)
from imagery.evidence._displaced import FAN
from imagery.evidence._model import Traits
from imagery.evidence._setting import Setting
from imagery.evidence._sums import View, add_traits
from imagery.measure import Measure
from imagery.sampling import PairReader


@dataclass(frozen=True, kw_only=True, eq=False)
class TraitReader:
    """Collects the traits of the regions in a tile.  Small, and fit to travel."""

    pair: PairReader
    measure: Measure
    setting: Setting
    changes: Path
    """The raster of region ids, over the display window."""

    display: Window

    @property
    def margin(self) -> int:
        """Pixels around a tile that are looked at."""
        reach = math.ceil(self.setting.displacements.reach) + 2
        return max(MARGIN, reach, self.pair.halo)

    def __call__(self, window: Window) -> tuple[Of, Traits] | None:
        """Ids, and sums of that part of each that lies in the window; None where there is none."""
        padded = window.padded(self.margin)
        labels = self._labels(padded)
        if not labels.any():
            return None
        ids, pixels = pixels_around(labels, window.within(padded))
        if not len(ids):
            return None
        traits = Traits.none(
            len(ids),
            bands=len(self.measure.noise.mean),
            displacements=len(self.setting.displacements),
        )
        boxes = boxes_of(pixels, len(ids))
        for part, chosen in windows_over(boxes, margin=self.margin, within=padded):
            cut = part.within(padded)
            corner = cut[0].start, cut[1].start
            view = self._view(
                part,
                np.ascontiguousarray(labels[cut]),
                pixels.chosen(chosen[pixels.place]).moved(-corner[0], -corner[1]),
                boxes[chosen] - np.repeat(corner, 2),
            )
            add_traits(traits, view, self.setting, self.display)
        return ids - 1, traits

    def _labels(self, padded: Window) -> NDArray[np.uint32]:
        there = padded.clipped(self.display)
        place = there.shifted(-self.display.top, -self.display.left)
        found: NDArray[np.uint32] = handle(self.changes).read(
            1, window=((place.top, place.bottom), (place.left, place.right))
        )
        if there == padded:
            return found
        labels = np.zeros(padded.shape, np.uint32)
        labels[there.within(padded)] = found
        return labels

    def _view(self, window: Window, labels: NDArray[np.uint32], pixels: Pixels, boxes: Of) -> View:
        """Both images over a window; ``pixels`` and ``boxes`` count from its corner."""
        before, after = self.pair.read(window.padded(-self.pair.halo))
        seen = before.valid & after.valid
        pixels = pixels.chosen(seen[pixels.rows, pixels.cols])
        errors = self._errors(window, pixels)
        near = np.flatnonzero(self._near(window, boxes, errors))
        noise = self.setting.noise.astype(np.float32)[:, None]
        mean = self.measure.noise.mean.astype(np.float32)[:, None]
        mapped, bright = np.zeros_like(after.data), np.zeros((2, *seen.shape), np.float32)
        own, other = (x.data.reshape(len(x.data), -1).take(near, axis=1) for x in (before, after))
        other = self.measure.radiometry.apply(other)
        for place, values in enumerate(other):
            mapped[place].put(near, values)
        # Taken off the later image: where nothing changed, both are the same on average.
        for place, values in enumerate((own, other - mean)):
            bright[place].put(near, (values / noise).mean(axis=0))
        return View(
            window=window,
            pixels=pixels,
            seen=seen,
            images=(before.data, mapped),
            stored=(before.data, after.data),
            scenes=(
                (self.pair.before, self.pair.before_bands),
                (self.pair.after, self.pair.after_bands),
            ),
            mean=mean,
            bright=bright,
            errors=errors,
            outward=outward(labels, boxes, pixels.rows, pixels.cols),
        )

    def _errors(self, window: Window, pixels: Pixels) -> NDArray[np.float32]:
        rows, cols = pixels.rows + window.top, pixels.cols + window.left
        return self.pair.error.at(rows.astype(np.float64), cols.astype(np.float64)).astype(
            np.float32
        )

    def _near(self, window: Window, boxes: Of, errors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Pixels that a displacement of a region's own may meet, and their neighbours."""
        farthest = max(FAN) * float(errors.max(initial=0))
        reach = math.ceil(max(self.setting.displacements.reach, farthest)) + 1
        near = np.zeros(window.shape, bool)
        for top, bottom, left, right in boxes.tolist():
            near[max(top - reach, 0) : bottom + reach, max(left - reach, 0) : right + reach] = True
        return near
