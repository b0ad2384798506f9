"""Trials of one ground, seen twice: an alignment exists."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from _nature import Image, Rng, cloud_over, fractal, raised, season
from _pieces import Sight, Trial, cropped, dated, finished, picked, side_of, sight_of
from _places import Place, picture
from scipy import ndimage


def dates(rng: Rng, library: Sequence[Place]) -> Trial:
    """Two real dates that are known to lie within a pixel of each other."""
    return _two_dates(rng, [place for place in library if place.aligned], library)


def fine_dates(rng: Rng, library: Sequence[Place]) -> Trial:
    """Two real dates of fine pixels, with roofs that lean and ground that moves: no truth."""
    trial = _two_dates(rng, [place for place in library if not place.aligned], library)
    return Trial(before=trial.before, after=trial.after, note=trial.note)


def _two_dates(rng: Rng, fitting: Sequence[Place], library: Sequence[Place]) -> Trial:
    """Of a ground with dates; where there is none, of one with two seasons."""
    several = [place for place in fitting if len(place.files) > 1]
    if not several:
        return seasons(rng, library)
    place = picked(rng, several)
    first, second = rng.choice(len(place.files), 2, replace=False)
    images = picture(place.files[first]), picture(place.files[second])
    sight = sight_of(rng, *images, side_of(rng) + 128)
    return finished(sight, rng, noise=1.0, note=f"{place.name} {first}>{second}")


def seasons(rng: Rng, library: Sequence[Place]) -> Trial:
    place = picked(rng, library)
    first = dated(rng, place)
    strength = float(rng.uniform(0.5, 1.2))
    sight = sight_of(rng, first, season(first, rng, strength=strength), side_of(rng))
    return finished(sight, rng, note=f"{place.name}, strength {strength:.2f}")


def half_cloud(rng: Rng, library: Sequence[Place]) -> Trial:
    place = picked(rng, library)
    first = dated(rng, place)
    sight = sight_of(rng, first, season(first, rng, strength=0.3), side_of(rng))
    after, clear = cloud_over(sight.after, 0.5, rng)
    return finished(sight._replace(after=after), rng, ground=clear, note=place.name)


def lean(rng: Rng, library: Sequence[Place]) -> Trial:
    """Another view by 25°: roofs move along one axis, the ground doesn't."""
    place = picked(rng, library)
    first = dated(rng, place)
    cover, size = float(rng.uniform(0.15, 0.45)), float(rng.uniform(2, 8))
    heights = raised(first.shape[1:], rng, cover=cover)
    direction = [(size, 0.0), (0.0, size), (-size, 0.0), (0.0, -size)][rng.integers(4)]
    sight = sight_of(rng, first, first, side_of(rng), lean=(heights, direction))
    shape = sight.before.shape[1:]
    near = ndimage.binary_dilation(heights[: shape[0], : shape[1]] > 0, iterations=int(size) + 2)
    note = f"{place.name}, {cover:.0%} raised, lean up to {size:.1f} px"
    return finished(sight, rng, ground=~near, note=note)


def _wide(rng: Rng, library: Sequence[Place], side: int) -> Image:
    """A ground of ``side`` px: a real one, continued by mirrors where it ends."""
    place = picked(rng, library)
    image = picture(place.files[rng.integers(len(place.files))], 2200)
    need = [max(0, side - have) for have in image.shape[1:]]
    wide = np.pad(image, ((0, 0), (0, need[0]), (0, need[1])), mode="symmetric")
    # Mirrors alone would make a pattern that repeats itself.
    return wide + 15 * fractal(wide.shape[1:], 3.0, rng) if any(need) else wide


def _small_area(rng: Rng, library: Sequence[Place], *, scene_m: float, pixel: float) -> Trial:
    side = round(scene_m / pixel)
    ground = _wide(rng, library, side + 40)
    sight = sight_of(rng, ground, season(ground, rng, strength=0.3), side, reach=12)
    inside = round(math.sqrt(1e5) / pixel)
    top, left = (int(rng.integers(s - inside + 1)) for s in sight.before.shape[1:])
    area = (top, left, top + inside, left + inside)
    return finished(sight, rng, pixel_m=pixel, area=area, note=f"{pixel:g} m")


def area_in_1_km2(rng: Rng, library: Sequence[Place]) -> Trial:
    pixel = float(rng.choice([1.0, 2.0]))
    return _small_area(rng, library, scene_m=1000, pixel=pixel)


def area_in_25_km2(rng: Rng, library: Sequence[Place]) -> Trial:
    return _small_area(rng, library, scene_m=5000, pixel=2.5)


def change(rng: Rng, library: Sequence[Place]) -> Trial:
    """Two fifths of the ground are built over in between."""
    place = picked(rng, library)
    first = dated(rng, place)
    other = cropped(rng, dated(rng, picked(rng, library)), 2048)
    missing = [max(0, a - b) for a, b in zip(first.shape[1:], other.shape[1:], strict=True)]
    fill = np.pad(other, ((0, 0), *((0, m) for m in missing)), mode="symmetric")
    fill = fill[:, : first.shape[1], : first.shape[2]]
    sites = raised(first.shape[1:], rng, cover=0.4, sides=(30, 160)) > 0
    second = season(np.where(sites, fill, first), rng, strength=0.3)
    sight = sight_of(rng, first, second, side_of(rng))
    return finished(sight, rng, note=place.name)


def faint(rng: Rng, library: Sequence[Place]) -> Trial:
    """Haze leaves a tenth of the contrast."""
    place = picked(rng, library)
    first = dated(rng, place)
    sight = sight_of(rng, first, first, side_of(rng))
    contrast = float(rng.uniform(0.08, 0.2))
    after = 190 + contrast * (sight.after - sight.after.mean())
    return finished(sight._replace(after=after), rng, note=f"{place.name}, {contrast:.2f}")


def far_apart(rng: Rng, library: Sequence[Place]) -> Trial:
    """Displaced by up to an eighth of the ground."""
    large = [p for p in library if min(picture(p.files[0]).shape[1:]) >= 640] or list(library)
    place = picked(rng, large)
    first = dated(rng, place)
    reach = min(first.shape[1:]) / 8
    sight = sight_of(rng, first, season(first, rng, strength=0.3), 768, reach=reach)
    return finished(sight, rng, note=place.name)


def two_resolutions(rng: Rng, library: Sequence[Place]) -> Trial:
    """The later image is two or three times coarser."""
    place = picked(rng, library)
    first = dated(rng, place)
    sight = sight_of(rng, first, season(first, rng, strength=0.3), 768)
    times = int(rng.integers(2, 4))
    rows, cols = (length // times * times for length in sight.after.shape[1:])
    blocks = sight.after[:, :rows, :cols].reshape(3, rows // times, times, cols // times, times)
    sight = Sight(sight.before[:, :rows, :cols], blocks.mean((2, 4)), sight.truth)
    return finished(sight, rng, coarser=times, note=f"{place.name}, {times} times")
