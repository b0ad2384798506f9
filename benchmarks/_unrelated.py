"""Trials that nothing can align, whatever the two images share all the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from _nature import (
    Image,
    Rng,
    cloud_over,
    fractal,
    glint,
    jpeg,
    noisy,
    orchard,
    sea,
    stripes,
)
from _pieces import Trial, cropped, dated, finished, picked, same_shape, sensed, side_of, sight_of
from _places import Place
from numpy.typing import NDArray
from scipy import ndimage

# Places


def _two_places(rng: Rng, library: Sequence[Place], *, same_sensor: bool) -> tuple[Image, Image]:
    """Crops of grounds that have nothing in common."""
    side = side_of(rng)
    for _ in range(100):
        first, second = picked(rng, library), picked(rng, library)
        if first == second or (first.sensor == second.sensor) != same_sensor:
            if not (same_sensor and first == second):
                continue
            halves = _halves(dated(rng, first))
            if min(halves[0].shape[1:]) < 192:
                continue
            pair = [cropped(rng, half, side) for half in halves]
            return tuple(same_shape(*pair))  # type: ignore[return-value]
        pair = [cropped(rng, dated(rng, place), side) for place in (first, second)]
        return tuple(same_shape(*pair))  # type: ignore[return-value]
    halves = _halves(dated(rng, library[0]))
    return tuple(same_shape(*halves))  # type: ignore[return-value]


def _halves(image: Image) -> tuple[Image, Image]:
    if image.shape[1] >= image.shape[2]:
        return image[:, : image.shape[1] // 2], image[:, image.shape[1] // 2 :]
    return image[:, :, : image.shape[2] // 2], image[:, :, image.shape[2] // 2 :]


def unrelated_same(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _two_places(rng, library, same_sensor=True)
    return Trial(before=sensed(first, rng), after=sensed(second, rng))


def unrelated_mixed(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _two_places(rng, library, same_sensor=False)
    return Trial(before=sensed(first, rng), after=sensed(second, rng))


def turned(rng: Rng, library: Sequence[Place]) -> Trial:
    place = picked(rng, library)
    first = cropped(rng, dated(rng, place), side_of(rng))
    side = min(first.shape[1:])
    first = first[:, :side, :side]
    turn = int(rng.integers(1, 6))
    second = np.rot90(first, turn, (1, 2)) if turn < 4 else first[:, :: -1 if turn == 4 else 1]
    second = second[:, :, ::-1] if turn == 5 else second
    return Trial(before=sensed(first, rng), after=sensed(second, rng), note=place.name)


def unrelated_jpeg(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _two_places(rng, library, same_sensor=bool(rng.random() < 0.5))
    quality = int(rng.integers(5, 40))
    soft = rng.uniform(0.5, 4.0)
    pair = [jpeg(ndimage.gaussian_filter(i, (0, soft, soft)), quality) for i in (first, second)]
    return Trial(
        before=noisy(pair[0], rng, deviation=0.3),
        after=noisy(pair[1], rng, deviation=0.3),
        note=f"quality {quality}, blur {soft:.1f}",
    )


def unrelated_stripes(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _two_places(rng, library, same_sensor=True)
    slant = 0.0 if rng.random() < 0.5 else float(rng.uniform(-0.25, 0.25))
    deviation = float(rng.uniform(1.0, 5.0))
    pattern = stripes(first.shape[1:], rng, deviation=deviation, slant=slant)
    return Trial(
        before=sensed(first, rng) + pattern,
        after=sensed(second, rng) + pattern,
        note=f"deviation {deviation:.1f}, slant {slant:.2f}",
    )


def unrelated_collar(rng: Rng, library: Sequence[Place]) -> Trial:
    """One border of missing pixels in both, as a swath or a tile leaves it."""
    first, second = _two_places(rng, library, same_sensor=True)
    empty = _collar(first.shape[1:], rng)
    before, after = sensed(first, rng), sensed(second, rng)
    return Trial(before=np.where(empty, 0, before), after=np.where(empty, 0, after))


def unrelated_enlarged(rng: Rng, library: Sequence[Place]) -> Trial:
    """Both enlarged by repeating pixels, as an export from a web map is: one lattice of edges."""
    first, second = _two_places(rng, library, same_sensor=bool(rng.random() < 0.5))
    times = int(rng.integers(2, 5))
    pair = []
    for image in (first, second):
        small = sensed(image, rng)[:, ::times, ::times]
        pair.append(np.repeat(np.repeat(small, times, axis=1), times, axis=2))
    return Trial(
        before=noisy(pair[0], rng, deviation=0.5),
        after=noisy(pair[1], rng, deviation=0.5),
        note=f"{times} times",
    )


def unrelated_watermark(rng: Rng, library: Sequence[Place]) -> Trial:
    """One provider's mark, faint and repeated, over two places."""
    first, second = _two_places(rng, library, same_sensor=True)
    mark = (fractal((24, 90), 2.0, rng) > 0.6) * float(rng.uniform(8, 30))
    pattern = np.zeros(first.shape[1:], np.float32)
    for top in range(20, pattern.shape[0] - 24, 170):
        for left in range(10, pattern.shape[1] - 90, 210):
            pattern[top : top + 24, left : left + 90] = mark
    return Trial(before=sensed(first, rng) + pattern, after=sensed(second, rng) + pattern)


def _collar(shape: tuple[int, int], rng: Rng) -> NDArray[np.bool_]:
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    angle = rng.uniform(0, 2 * math.pi)
    along = rows * math.sin(angle) + cols * math.cos(angle)
    ragged = 4 * np.sign(np.sin(along * 0 + rows / rng.uniform(3, 9)))
    return np.asarray(along + ragged < np.quantile(along, rng.uniform(0.15, 0.45)))


# Cloud


def cloud_one(rng: Rng, library: Sequence[Place]) -> Trial:
    ground = dated(rng, picked(rng, library))
    sight = sight_of(rng, ground, ground, side_of(rng))
    cover = float(rng.choice([0.97, 0.985, 1.0]))
    after, _ = cloud_over(sight.after, cover, rng)
    return finished(sight._replace(after=after), rng, note=f"cover {cover:.1%}")


def cloud_both(rng: Rng, library: Sequence[Place]) -> Trial:
    ground = dated(rng, picked(rng, library))
    sight = sight_of(rng, ground, ground, side_of(rng))
    before, after = (
        cloud_over(image, float(rng.uniform(0.95, 1.0)), rng)[0] for image in sight[:2]
    )
    return finished(sight._replace(before=before, after=after), rng)


# Sea


def _seas(rng: Rng) -> tuple[Image, Image]:
    side = side_of(rng)
    wind, peak = float(rng.uniform(0, math.pi)), float(rng.uniform(6, 40))
    turn = float(rng.choice([0.0, 0.0, 0.3]))
    first = sea((side, side), rng, wind=wind, peak=peak, depth=float(rng.uniform(1.5, 7)))
    second = sea((side, side), rng, wind=wind + turn, peak=peak, depth=float(rng.uniform(1.5, 7)))
    light = glint((side, side), float(rng.uniform(0, 2 * math.pi)))
    return first + light, second + light


def water(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _seas(rng)
    return Trial(
        before=noisy(first, rng, deviation=1.0, blur=0.7),
        after=noisy(second, rng, deviation=1.0, blur=0.7),
    )


def water_noise(rng: Rng, library: Sequence[Place]) -> Trial:
    side = side_of(rng)
    light, swell = 40 + glint((side, side), 1.0), float(rng.choice([0.0, 6.0]))
    levels = [np.stack(3 * [light + swell * fractal((side, side), 4.0, rng)]) for _ in range(2)]
    blur, deviation = float(rng.uniform(0.4, 2.5)), float(rng.uniform(0.8, 4))
    return Trial(
        before=noisy(levels[0], rng, deviation=deviation, blur=blur),
        after=noisy(levels[1], rng, deviation=deviation, blur=blur),
        note=f"blur {blur:.1f}, deviation {deviation:.1f}",
    )


def water_jpeg(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _seas(rng)
    quality = int(rng.integers(5, 70))
    pair = [jpeg(noisy(i, rng, deviation=1.0, blur=0.7), quality) for i in (first, second)]
    return Trial(before=pair[0], after=pair[1], note=f"quality {quality}")


def water_stripes(rng: Rng, library: Sequence[Place]) -> Trial:
    first, second = _seas(rng)
    slant = 0.0 if rng.random() < 0.5 else float(rng.uniform(-0.25, 0.25))
    deviation = float(rng.uniform(0.5, 3))
    pattern = stripes(first.shape[1:], rng, deviation=deviation, slant=slant)
    return Trial(
        before=noisy(first, rng, deviation=1.0, blur=0.7) + pattern,
        after=noisy(second, rng, deviation=1.0, blur=0.7) + pattern,
        note=f"deviation {deviation:.1f}, slant {slant:.2f}",
    )


def water_pattern(rng: Rng, library: Sequence[Place]) -> Trial:
    """A fixed pattern of the sensor, weaker than its noise."""
    first, second = _seas(rng)
    share = float(rng.uniform(0.1, 0.4))
    pattern = share * rng.standard_normal(first.shape[1:], dtype=np.float32)
    return Trial(
        before=noisy(first, rng, deviation=1.0) + pattern,
        after=noisy(second, rng, deviation=1.0) + pattern,
        note=f"pattern {share:.2f} of the noise",
    )


def periodic(rng: Rng, library: Sequence[Place]) -> Trial:
    """Rows of trees, everywhere alike: may be refused; must not be aligned to the wrong row."""
    side, period = side_of(rng), float(rng.uniform(5, 14))
    ground = orchard((side + 60, side + 60), rng, period=period)
    sight = sight_of(rng, ground, ground, side, reach=20)
    return finished(sight, rng, noise=4.0, note=f"period {period:.1f} px")
