"""What decisions promise, held against many seeded trials whose truth is known.

False regions come one by one (Poisson) or in clusters of geometric size with a mean of 3 (counts
over-dispersed by 5), whose scores are independent or those of the whole cluster.  Scores have a
heavy tail: P(S > s) = (s / 3)^-5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.decision import Decoys, rank_bounds
from imagery.decision._confidence import control_surely
from imagery.decision._extrapolate import extrapolate, fit_tail
from imagery.decision._fdr import control_fdr
from imagery.decision._risk import control_risk
from imagery.errors import RateError

TILE = 0.1
"""km²."""


class Process(NamedTuple):
    together: float
    alike: bool

    def scores(
        self, rng: np.random.Generator, *, rate: float, km2: float
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Scores and tiles of the false regions in an area."""
        events = rng.poisson(rate / self.together * km2)
        size = rng.geometric(1 / self.together, events)
        tail = np.repeat(rng.random(events), size) if self.alike else rng.random(size.sum())
        tile = np.repeat(rng.integers(0, max(round(km2 / TILE), 1), events), size)
        # No two scores are quite the same, so that cuts can part a cluster.
        return 3 * (1 - tail) ** -0.2 * (1 + 1e-9 * rng.random(len(tail))), tile

    def decoys(self, rng: np.random.Generator, *, rate: float, km2: float) -> Decoys:
        scores, tile = self.scores(rng, rate=rate, km2=km2)
        order = np.lexsort((-scores, tile))
        ends = np.searchsorted(tile[order], np.arange(1, round(km2 / TILE)))
        tiles = tuple(np.split(scores[order], ends))
        return Decoys(kind="simulated", tiles=tiles, tile_km2=TILE, pairs=("trial",))


SINGLE, LOOSE, TIGHT = Process(1, alike=False), Process(3, alike=False), Process(3, alike=True)
every_process = pytest.mark.parametrize("process", [SINGLE, LOOSE, TIGHT])


def passing(cut: float) -> float:
    return min((max(cut, 3) / 3) ** -5, 1.0)


@every_process
@pytest.mark.parametrize("asked", [0.1, 1.0, 10.0])
def test_the_rate_holds_on_average(process: Process, asked: float) -> None:
    """Decoys of 25 alarms at the asked rate."""
    rng = np.random.default_rng(5)
    rate, km2 = 20 * asked, 25 / asked
    tiles = Process(*process)
    realised = []
    for _ in range(150):
        if km2 / TILE > 1000:  # the same process on a larger scale
            found = tiles.decoys(rng, rate=rate * km2 / 25, km2=25)
            stretched = Decoys(
                kind="simulated", tiles=found.tiles, tile_km2=TILE * km2 / 25, pairs=("trial",)
            )
        else:
            stretched = tiles.decoys(rng, rate=rate, km2=km2)
        realised.append(rate * passing(control_risk(stretched, asked=asked).high) / asked)
    error = np.std(realised) / len(realised) ** 0.5
    assert 0.6 < np.mean(realised) < 1.0 + 2 * error + (0.1 if process is TIGHT else 0)


def test_the_rate_of_single_alarms_is_what_theory_says() -> None:
    """The cut lets k = [rate (A + a) - 3] decoys pass: (k + 1) / A are expected."""
    rng = np.random.default_rng(0)
    realised = [
        20 * passing(control_risk(SINGLE.decoys(rng, rate=20, km2=20), asked=1.0).high)
        for _ in range(400)
    ]
    assert np.mean(realised) == pytest.approx(18 / 20, abs=0.04)


@every_process
def test_the_rate_holds_with_confidence(process: Process) -> None:
    rng = np.random.default_rng(2)
    broken, refused = 0, 0
    for _ in range(300):
        try:
            cut = control_surely(
                process.decoys(rng, rate=20, km2=30), asked=1.0, confidence=0.95
            ).high
        except RateError:
            refused += 1
            continue
        broken += 20 * passing(cut) > 1
    assert broken <= 300 * 0.05 + 2 * (300 * 0.05 * 0.95) ** 0.5
    assert refused < 10


@every_process
@pytest.mark.parametrize("asked", [0.05, 0.1, 0.2])
@pytest.mark.parametrize(("area", "changes"), [(0.2, 5), (2.0, 40)])
def test_the_share_of_false_ones_holds(
    process: Process, asked: float, area: float, changes: int
) -> None:
    rng = np.random.default_rng(4)
    shares, found = [], []
    for _ in range(150):
        decoys = process.decoys(rng, rate=20, km2=20)
        false, _ = process.scores(rng, rate=20, km2=area)
        true = 3 * (1e-3 + 0.03 * rng.random(changes)) ** -0.2
        try:
            high = control_fdr(
                np.concatenate([false, true]), decoys, area_km2=area, asked=asked
            ).high
        except RateError:
            high = np.inf
        wrong, right = (false >= high).sum(), (true >= high).sum()
        shares.append(wrong / max(wrong + right, 1))
        found.append(right / changes)
    error = np.std(shares) / len(shares) ** 0.5
    assert np.mean(shares) <= asked + 0.02 + 2 * error
    if asked > 0.05:
        assert np.mean(found) > 0.4


@every_process
@pytest.mark.parametrize(("area", "km2"), [(0.1, 20.0), (4.0, 4.0)])
def test_bounds_by_rank_hold_at_every_rank_at_once(
    process: Process, area: float, km2: float
) -> None:
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(200):
        decoys = process.decoys(rng, rate=20, km2=km2).ranked()
        false, _ = process.scores(rng, rate=20, km2=area)
        true = 3 * (0.3 * rng.random(6) + 1e-6) ** -0.2
        scores = np.concatenate([false, true])
        bounds = rank_bounds(
            scores, decoys.scores, area_ratio=area / km2, dispersion=decoys.dispersion()
        )
        among = (false >= scores[:, None]).sum(axis=1)
        held += bool((among <= bounds).all())
    assert held >= 200 * 0.9 - 2 * (200 * 0.09) ** 0.5


def test_a_tail_is_drawn_on_ten_times_beyond_the_decoys() -> None:
    rng = np.random.default_rng(8)
    for asked, most in ((0.1, 1.3), (0.02, 2.0)):
        realised = []
        for _ in range(150):
            decoys = SINGLE.decoys(rng, rate=60, km2=10)
            realised.append(60 * passing(extrapolate(decoys, asked=asked).high) / asked)
        assert 0.5 < np.median(realised) < most


@pytest.mark.parametrize(("shape", "scale"), [(0.0, 2.0), (0.2, 1.0), (-0.3, 1.0), (0.8, 1.0)])
def test_tails_are_fitted_within_sense(shape: float, scale: float) -> None:
    levels = (np.arange(100_000) + 0.5) / 100_000
    far = scale * (-np.log1p(-levels) if shape == 0 else ((1 - levels) ** -shape - 1) / shape)
    found, width = fit_tail(far)
    assert found == pytest.approx(np.clip(shape, 0, 0.5), abs=0.02)
    assert width / (1 - found) == pytest.approx(far.mean())
