"""What every trial is made of: crops of places, a displacement, a sensor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from _displacement import Displacement, random_waves
from _nature import Image, Rng, leaning, noisy
from _places import Place, picture
from numpy.typing import NDArray
from scipy import ndimage

PSF = 0.6
"""Blur, in px, that both images share: what is sampled between pixels has no artefact then."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A pair in memory.  0 is no data."""

    before: Image
    after: Image
    truth: Displacement | None = None
    ground: NDArray[np.bool_] | None = None
    """Where, on the before image, the truth holds: not on roofs, not under cloud."""

    pixel_m: float = 0.6
    """Side of a pixel of the before image, in which the truth counts."""

    coarser: int = 1
    """How many of them a pixel of the after image is wide."""

    area: tuple[int, int, int, int] | None = None
    """top, left, bottom, right px of an area of interest."""

    note: str = ""


def side_of(rng: Rng) -> int:
    return int(rng.choice([384, 512, 512, 640, 768]))


def picked(rng: Rng, library: Sequence[Place]) -> Place:
    """A sensor first, so that one with many places has no more say."""
    sensors = sorted({place.sensor for place in library})
    sensor = sensors[rng.integers(len(sensors))]
    fitting = [place for place in library if place.sensor == sensor]
    return fitting[rng.integers(len(fitting))]


def dated(rng: Rng, place: Place) -> Image:
    return picture(place.files[rng.integers(len(place.files))])


def _corner(rng: Rng, image: Image, side: tuple[int, int]) -> tuple[int, int]:
    room = image.shape[1] - side[0], image.shape[2] - side[1]
    return int(rng.integers(room[0] + 1)), int(rng.integers(room[1] + 1))


def cropped(rng: Rng, image: Image, side: int) -> Image:
    rows, cols = min(side, image.shape[1]), min(side, image.shape[2])
    top, left = _corner(rng, image, (rows, cols))
    return image[:, top : top + rows, left : left + cols]


def sensed(image: Image, rng: Rng, *, deviation: float = 1.2) -> Image:
    """As a sensor would have it: its blur and its noise."""
    return noisy(ndimage.gaussian_filter(image, (0, PSF, PSF)), rng, deviation=deviation)


def same_shape(*images: Image) -> list[Image]:
    rows, cols = (min(i.shape[axis] for i in images) for axis in (1, 2))
    return [i[:, :rows, :cols] for i in images]


def _displaced_by(
    rng: Rng, side: tuple[int, int], *, reach: float = 12.0, wave: float = 0.8
) -> Displacement:
    """A random displacement, none at all one time in six."""
    centre = (side[0] - 1) / 2, (side[1] - 1) / 2
    if rng.random() < 1 / 6:
        return Displacement(centre=centre)
    length, angle = rng.uniform(0, reach), rng.uniform(0, 2 * math.pi)
    return Displacement(
        centre=centre,
        move=(float(length * math.sin(angle)), float(length * math.cos(angle))),
        rotation=float(rng.uniform(-0.03, 0.03)),
        scale=float(1 + rng.uniform(-1e-4, 1e-4)),
        waves=random_waves(rng, count=3, amplitude=wave, lengths=(500, 1500)),
    )


class Sight(NamedTuple):
    """Two images of one ground, without noise, and how one lies against the other."""

    before: Image
    after: Image
    truth: Displacement


def sight_of(
    rng: Rng,
    first: Image,
    second: Image,
    side: int,
    *,
    reach: float = 12.0,
    lean: tuple[Image, tuple[float, float]] | None = None,
) -> Sight:
    """A crop of both; the second one displaced, with roofs that lean where heights are given."""
    margin = int(reach) + 6
    height, width = (min(a, b) - 2 * margin for a, b in zip(*_extents(first, second), strict=True))
    rows, cols = min(side, height), min(side, width)
    top, left = _corner(rng, first[:, : height + 2 * margin, : width + 2 * margin],
                        (rows + 2 * margin, cols + 2 * margin))  # fmt: skip
    truth = _displaced_by(rng, (rows, cols), reach=reach)
    place = np.s_[:, top : top + rows + 2 * margin, left : left + cols + 2 * margin]
    row, col = (a.astype(np.float64) for a in np.mgrid[:rows, :cols])
    moved = truth.of_after(row, col)
    if lean is not None:
        heights, direction = lean[0][:rows, :cols], lean[1]
        moved = moved + leaning(heights, direction)[0]
    at = row - moved[0] + margin, col - moved[1] + margin
    blurred = ndimage.gaussian_filter(second[place], (0, PSF, PSF))
    after = np.stack(
        [ndimage.map_coordinates(band, at, order=3, mode="reflect") for band in blurred]
    )
    before = ndimage.gaussian_filter(first[place], (0, PSF, PSF))
    return Sight(
        before[:, margin : margin + rows, margin : margin + cols], after.astype(np.float32), truth
    )


def _extents(*images: Image) -> list[tuple[int, int]]:
    return [(i.shape[1], i.shape[2]) for i in images]


def finished(sight: Sight, rng: Rng, *, noise: float = 1.5, **more: object) -> Trial:
    return Trial(
        before=noisy(sight.before, rng, deviation=noise),
        after=noisy(sight.after, rng, deviation=noise),
        truth=sight.truth,
        **more,  # type: ignore[arg-type]
    )
