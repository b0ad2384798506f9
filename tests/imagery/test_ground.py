from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.coregister._ground import Lean, find_lean


def residuals(
    *,
    raised: float = 0.3,
    angle: float = 40.0,
    noise: float = 0.08,
    count: int = 800,
    seed: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Residuals of ties, some of which lie on roofs that lean; and which do."""
    rng = np.random.default_rng(seed)
    rest = rng.normal(0, noise, (count, 2))
    roof = rng.random(count) < raised
    axis = np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    rest[roof] += rng.uniform(0.5, 4.0, (roof.sum(), 1)) * axis
    return rest, roof


def found(rest: NDArray[np.float64]) -> Lean:
    lean = find_lean(rest)
    assert lean is not None
    return lean


@pytest.mark.parametrize("angle", [0.0, 40.0, 90.0, 139.0, -75.0])
def test_the_direction_of_the_lean_points_to_the_roofs(angle: float) -> None:
    rest, roof = residuals(angle=angle)
    lean = found(rest)
    axis = np.array([np.sin(np.deg2rad(angle)), np.cos(np.deg2rad(angle))])
    assert np.array(lean.axis) @ axis > 0.995
    assert lean.one_sided
    assert lean.across == pytest.approx(0.08, rel=0.25)
    assert lean.ground == pytest.approx(0, abs=0.08)
    assert (lean.raised(rest) == roof).mean() > 0.98
    assert not (lean.on_ground(rest) & roof).any()


def test_a_lean_to_both_sides_has_its_ground_where_most_ties_agree() -> None:
    rest, roof = residuals(raised=0.5, angle=10)
    rest[roof] *= np.random.default_rng(1).choice([-1, 1], (roof.sum(), 1))
    lean = found(rest)
    assert not lean.one_sided
    assert lean.ground == pytest.approx(0, abs=0.1)
    assert (lean.raised(rest) == roof).mean() > 0.98


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("count", [25, 100, 1000])
def test_what_scatters_to_all_sides_does_not_lean(count: int, seed: int) -> None:
    assert find_lean(residuals(raised=0, count=count, noise=0.3, seed=seed)[0]) is None


def test_a_few_wrong_matches_are_no_lean() -> None:
    rest, _ = residuals(raised=0)
    wrong = np.random.default_rng(2).uniform(-8, 8, (80, 2))
    assert find_lean(np.concatenate([rest, wrong])) is None


def test_too_few_ties_tell_nothing() -> None:
    assert find_lean(residuals(count=19)[0]) is None
    assert find_lean(np.zeros((0, 2))) is None


def test_ties_that_coincide_do_not_lean() -> None:
    assert find_lean(np.zeros((100, 2))) is None


def test_what_lies_to_the_side_is_neither_ground_nor_roof() -> None:
    rest, _ = residuals(angle=0)
    lean = found(rest)
    aside = np.array([[1.0, 0.0], [-2.0, 0.5], [0.0, 30.0]])
    assert not lean.raised(aside).any()
    assert not lean.on_ground(aside).any()
