"""A null of a pair: the later image as it would be had nothing happened."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from imagery.blocks import Window
from imagery.difference import Noise
from imagery.normalise import Radiometry
from imagery.nulls._fit import fit_residuals
from imagery.nulls._look import Found, look, with_after
from imagery.nulls._noise import OVERLAP, Residuals
from imagery.nulls._spilled import coloured
from imagery.nulls._strata import CELL, cells_over, measured, stratum
from imagery.nulls._wander import Wander
from imagery.raster import Raster
from imagery.sampling import PairReader
from imagery.warp import warp_window

__all__ = [
    "Found",
    "NullReader",
    "Residuals",
    "fit_residuals",
    "look",
    "null_of",
    "with_after",
]

WANDERING = 128.0
"""Correlation length, px, of the error that remains in an alignment: about the distance of the
windows that its ties are matched in."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NullReader(PairReader):
    """Reads the earlier image, and an imagined later one in which nothing happened.

    The imagined one is the earlier image, displaced by an error as it is expected of the alignment,
    with noise as the pair has it where nothing was found, in the later image's radiometry.  It is
    valid where the later image is.  It knows no vehicles that moved, no shadows, no season.
    """

    radiometry: Radiometry
    noise: Noise
    residuals: Residuals
    seed: int
    """Of the realisation."""

    def read(self, window: Window) -> tuple[Raster, Raster]:
        """The earlier image and the imagined one over a window, as :meth:`PairReader.read`."""
        before, real = super().read(window)
        padded = window.padded(self.halo)
        noise = self.residuals.over(padded, self._strata(padded), seed=self.seed)
        noise = coloured(noise, self.noise) + self.noise.mean.astype(np.float32)[:, None, None]
        after = undone(self._displaced(padded, before) + noise, self.radiometry)
        return before, Raster(data=after, valid=real.valid, geobox=real.geobox)

    def _displaced(self, padded: Window, before: Raster) -> NDArray[np.float32]:
        shift = Wander.around(
            self.shift if self.before.role == self.moving else None,
            error=self.error,
            length=WANDERING,
            seed=self.seed,
        )
        moved = self._smoothed(
            warp_window(self.before, self.grid, padded, bands=self.before_bands, shift=shift)
        )
        # A pixel beside a hole has no displaced neighbour to take from.
        return np.where(moved.valid, moved.data, before.data)

    def _strata(self, padded: Window) -> NDArray[np.intp]:
        """The stratum of every cell around a window, each looked at whole."""
        cells = cells_over(padded, reach=OVERLAP)
        around = Window(*(CELL * n for n in (cells.top, cells.left, cells.bottom, cells.right)))
        shift = self.shift if self.before.role == self.moving else None
        # With a margin, so that the smoothing of a cell doesn't depend on the window.
        wide = around.padded(self.halo)
        whole = self._smoothed(
            warp_window(self.before, self.grid, wide, bands=self.before_bands, shift=shift)
        )
        rows, cols = around.within(wide)
        scale = np.sqrt(np.diag(self.noise.covariance))
        texture, brightness = measured(
            whole.data[:, rows, cols], whole.valid[rows, cols], scale=scale, side=CELL
        )
        return stratum(texture, brightness, ends=self.residuals.ends)


def null_of(
    pair: PairReader,
    *,
    radiometry: Radiometry,
    noise: Noise,
    residuals: Residuals,
    seed: int,
) -> NullReader:
    """A realisation of the null of a pair, to be read in its place."""
    return NullReader(
        **{f.name: getattr(pair, f.name) for f in fields(PairReader)},
        radiometry=radiometry,
        noise=noise,
        residuals=residuals,
        seed=seed,
    )


def undone(values: NDArray[np.float32], radiometry: Radiometry) -> NDArray[np.float32]:
    """Values of the earlier image's radiometry, shape (bands, ...), in the later one's.

    Where the map is flat, so that many values of the later image mean one, the lowest is taken.
    """
    later = np.empty_like(values)
    for band, (source, target) in enumerate(zip(radiometry.source, radiometry.target, strict=True)):
        first = np.concatenate([[True], np.diff(target) > 0])
        knots, known = target[first], source[first]
        later[band] = np.interp(values[band], knots, known)
        for end, inner, beyond in ((0, 1, np.minimum), (-1, -2, np.maximum)):
            slope = (known[end] - known[inner]) / (knots[end] - knots[inner])
            later[band] += beyond(values[band] - knots[end], 0) * slope
    return later
