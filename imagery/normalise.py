"""Relative radiometric normalisation: the later scene in the earlier one's radiometry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imagery.mad import fit_mad
from imagery.piecewise import map_values
from imagery.sampling import Sample

_ROUNDS = 30
_FEW, _LAST_ROUNDS = 40_000, 3
"""Pixels on which a fit takes its first steps, and how many are left for all of them."""

_CORE = 0.5
"""Share of the pixels, the least changed, on which a fit concentrates."""

_MAD_CORE = 0.3
"""Share of the pixels, the least altered, that the fit on canonical variates rests on."""

_KNOTS = 64


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """What the normalisation leaves of unchanged pixels of one kind."""

    texture: str
    """"smooth", "medium" or "rough": thirds, by what a misalignment spills."""

    brightness: str
    """"dark", "medium" or "bright": thirds, by the earlier scene's mean over the bands."""

    share: float
    """Of the sample's unchanged pixels."""

    residual: tuple[float, ...]
    """Robust standard deviation per band, in the earlier scene's units."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Radiometry:
    """Per band, a monotone piecewise linear map from the later scene's values to the earlier's.

    Two knots make a straight line; beyond the outer knots the outer pieces go on.
    """

    source: NDArray[np.float64]
    """Knots in the later scene's values, shape (bands, knots), rising."""

    target: NDArray[np.float64]
    """Their values in the earlier scene's radiometry, shape (bands, knots)."""

    method: str
    residual: tuple[float, ...]
    """Robust standard deviation of what is left, per band, in the earlier scene's units."""

    core_share: float
    """Share of the sample that counts as unchanged."""

    correlation: tuple[float, ...]
    """Correlation of the two scenes per band on the unchanged pixels."""

    strata: tuple[Stratum, ...] = ()
    """What is left by texture and brightness."""

    def apply(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The later scene's values, shape (bands, ...), in the earlier one's radiometry."""
        return self.apply_with_slope(values)[0]

    def of(self, bands: tuple[int, ...]) -> Radiometry:
        """The map of some of the bands, by their place from 0."""
        chosen = list(bands)
        return replace(self, source=self.source[chosen], target=self.target[chosen])

    def apply_with_slope(
        self, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The same, and how much the map stretches at each value, both of the values' shape."""
        mapped, slope = np.empty(values.shape, np.float32), np.empty(values.shape, np.float32)
        knots = zip(self.source, self.target, strict=True)
        for band, made, steep, (source, target) in zip(values, mapped, slope, knots, strict=True):
            map_values(
                np.ascontiguousarray(band, np.float32).reshape(-1),
                np.ascontiguousarray(source, np.float64),
                np.ascontiguousarray(target, np.float64),
                made.reshape(-1),
                steep.reshape(-1),
            )
        return mapped, slope


def fit_none(sample: Sample) -> Radiometry:
    """No normalisation: both scenes are already in the same units."""
    knots = np.tile([0.0, 1.0], (len(sample.before), 1))
    return _described(sample, source=knots, target=knots, method="none")


def fit_linear(sample: Sample) -> Radiometry:
    """A gain and an offset per band, by orthogonal regression on unchanged pixels.

    The fit concentrates on the half of the pixels that it explains best over all bands together
    (the concentration step of Rousseeuw & Van Driessen 1999), so that changed pixels have no say;
    on them the slope is that of the major axis, which treats both scenes alike (Canty, Nielsen &
    Schmidt 2004, Remote Sensing of Environment 91, sec. 2.2).
    """
    source, target = _line(sample, *_concentrated(sample))
    return _described(sample, source=source, target=target, method="linear")


def fit_monotone(sample: Sample) -> Radiometry:
    """A monotone map per band for display products, whose stretch is unknown.

    The quantiles of the two scenes are matched on the pixels that a linear fit holds for
    unchanged; outside of them a whole-image match would hide change.
    """
    gain, offset = _concentrated(sample)
    core = _core(sample.before, sample.after, gain, offset)
    # Levels shared by many pixels (a clipped white) would give knots that coincide.
    levels = np.linspace(0.005, 0.995, _KNOTS)
    source, target = [], []
    for slope, x, y in zip(gain, sample.before, sample.after, strict=True):
        knots, matched = np.quantile(y[core], levels), np.quantile(x[core], levels)
        inner = _rising(knots), _shared_by_ties(knots, matched)
        # Beyond what the core shows, the line's slope goes on.
        reach = float(np.ptp(y)) + 1.0
        ends = np.array([inner[0][0] - reach, inner[0][-1] + reach])
        values = np.array([inner[1][0], inner[1][-1]]) + slope * np.array([-reach, reach])
        source.append(np.concatenate([ends[:1], inner[0], ends[1:]]))
        target.append(np.concatenate([values[:1], inner[1], values[1:]]))
    return _described(sample, source=np.stack(source), target=np.stack(target), method="monotone")


def fit_irmad(sample: Sample) -> Radiometry:
    """A gain and an offset per band on what IR-MAD holds for unchanged (Canty & Nielsen 2008).

    Orthogonal regression on the pixels whose canonical variates differ least, found without any
    first guess of gain and offset.
    """
    x, y = sample.before.astype(np.float64), sample.after.astype(np.float64)
    spread_x, spread_y = _mad(x), _mad(y)
    ratio = np.where((spread_x > 0) & (spread_y > 0), spread_x / np.maximum(spread_y, 1e-30), 1.0)
    differing = fit_mad(x, y).statistic(x, y)
    core = differing <= np.quantile(differing, _MAD_CORE)
    gain, offset = _major_axis(x[:, core], y[:, core], fallback=ratio)
    for _ in range(3):  # in units of the gain found, both axes carry about the same noise
        gain, offset = _major_axis(x[:, core], y[:, core], fallback=gain)
    source, target = _line(sample, gain, offset)
    return _described(sample, source=source, target=target, method="irmad")


def choose(method: str, *, display_product: bool, radar: bool = False) -> str:
    """The method that "auto" stands for."""
    if method != "auto":
        return method
    if radar:
        return "none"  # the log ratio takes a gain away itself, and an offset would bend it
    return "monotone" if display_product else "linear"


def _line(
    sample: Sample, gain: NDArray[np.float64], offset: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two knots a band, at the ends of the later scene's values, on the line."""
    low, high = sample.after.min(axis=1).astype(float), sample.after.max(axis=1).astype(float)
    high = np.where(high > low, high, low + 1)
    source = np.stack([low, high], axis=1)
    return source, gain[:, None] * source + offset[:, None]


def _rising(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Knots that rise strictly: one that equals its forerunner is lifted by a hair."""
    hair = max(1e-6, float(np.ptp(knots)) * 1e-7)
    risen = knots.astype(np.float64)
    for i in range(1, len(risen)):
        risen[i] = max(risen[i], risen[i - 1] + hair)
    return risen


def _shared_by_ties(knots: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """One target, the mean, for knots of one value: at a clipped white the map must not jump."""
    _, tie, size = np.unique(knots, return_inverse=True, return_counts=True)
    return np.asarray((np.bincount(tie, weights=target) / size)[tie])


def _concentrated(sample: Sample) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = sample.before.astype(np.float64), sample.after.astype(np.float64)
    spread_x, spread_y = _mad(x), _mad(y)
    gain = np.where((spread_x > 0) & (spread_y > 0), spread_x / np.maximum(spread_y, 1e-30), 1.0)
    offset = np.median(x, axis=1) - gain * np.median(y, axis=1)
    # Most steps on a few of the pixels, which come about as close; the last on all of them.
    step = x.shape[1] // _FEW
    if step > 1:
        few = np.ascontiguousarray(x[:, ::step]), np.ascontiguousarray(y[:, ::step])
        gain, offset = _concentrate(*few, gain, offset, rounds=_ROUNDS)
    return _concentrate(x, y, gain, offset, rounds=_LAST_ROUNDS if step > 1 else _ROUNDS)


def _concentrate(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    gain: NDArray[np.float64],
    offset: NDArray[np.float64],
    *,
    rounds: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    for _ in range(rounds):
        core = _core(x, y, gain, offset)
        new_gain, new_offset = _major_axis(x[:, core], y[:, core], fallback=gain)
        done = np.abs(new_gain - gain).max() < 1e-5 * np.abs(gain).max()
        gain, offset = new_gain, new_offset
        if done:
            break
    return gain, offset


def _core(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    gain: NDArray[np.float64],
    offset: NDArray[np.float64],
) -> NDArray[np.bool_]:
    residual = gain[:, None] * y + offset[:, None] - x
    scale = _mad(residual - np.median(residual, axis=1, keepdims=True))
    distance = ((residual / np.maximum(scale, 1e-12)[:, None]) ** 2).sum(axis=0)
    core: NDArray[np.bool_] = distance <= np.quantile(distance, _CORE)
    return core


def _major_axis(
    x: NDArray[np.float64], y: NDArray[np.float64], *, fallback: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean_x, mean_y = x.mean(axis=1), y.mean(axis=1)
    variance_x, variance_y = x.var(axis=1), y.var(axis=1)
    shared = ((x - mean_x[:, None]) * (y - mean_y[:, None])).mean(axis=1)
    # In units of the present gain both axes carry about the same noise.
    variance_y, shared = variance_y * fallback**2, shared * fallback
    half = (variance_x - variance_y) / 2
    slope = (half + np.sqrt(half**2 + shared**2)) / np.where(shared == 0, np.inf, shared)
    gain = np.where((shared > 0) & np.isfinite(slope) & (slope > 0), slope * fallback, fallback)
    return gain, mean_x - gain * mean_y


def _mad(values: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = np.median(values, axis=1, keepdims=True)
    return np.asarray(1.4826 * np.median(np.abs(values - middle), axis=1))


def _described(
    sample: Sample, *, source: NDArray[np.float64], target: NDArray[np.float64], method: str
) -> Radiometry:
    fitted = Radiometry(
        source=source, target=target, method=method, residual=(), core_share=0.0, correlation=()
    )
    x = sample.before.astype(np.float64)
    mapped = fitted.apply(sample.after).astype(np.float64)
    residual = mapped - x
    residual -= np.median(residual, axis=1, keepdims=True)
    scale = _mad(residual)
    distance = ((residual / np.maximum(scale, 1e-12)[:, None]) ** 2).sum(axis=0)
    unchanged = distance <= 3 * len(x)
    return Radiometry(
        source=source,
        target=target,
        method=method,
        residual=tuple(float(s) for s in scale),
        core_share=float(unchanged.mean()),
        correlation=tuple(
            _correlation(a[unchanged], b[unchanged]) for a, b in zip(x, mapped, strict=True)
        ),
        strata=_strata(sample, residual, unchanged),
    )


def _strata(
    sample: Sample, residual: NDArray[np.float64], unchanged: NDArray[np.bool_]
) -> tuple[Stratum, ...]:
    """What is left in each of nine kinds of unchanged pixels; kinds without pixels are left out."""
    texture = _thirds(np.square(sample.spill.astype(np.float64)).sum(axis=(0, 1)))
    bright = _thirds(sample.before.mean(axis=0))
    found = []
    for i, rough in enumerate(("smooth", "medium", "rough")):
        for j, light in enumerate(("dark", "medium", "bright")):
            own = unchanged & (texture == i) & (bright == j)
            if own.any():
                found.append(
                    Stratum(
                        texture=rough,
                        brightness=light,
                        share=float(own.sum() / unchanged.sum()),
                        residual=tuple(float(s) for s in _mad(residual[:, own])),
                    )
                )
    return tuple(found)


def _thirds(values: NDArray[np.floating]) -> NDArray[np.int64]:
    """0, 1 or 2: the third that a value lies in."""
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values, side="left")


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


METHODS: Mapping[str, Callable[[Sample], Radiometry]] = {
    "none": fit_none,
    "linear": fit_linear,
    "monotone": fit_monotone,
    "irmad": fit_irmad,
}
