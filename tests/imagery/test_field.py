from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.coregister._field import fit_field
from imagery.coregister._ties import Ties, agrees_with_neighbours, consensus
from imagery.shift import Shift

AREA = (0.0, 0.0, 1000.0, 1200.0)


def ties(
    move: Any, *, count: int = 400, noise: float = 0.05, wrong: float = 0.0, seed: int = 0
) -> Ties:
    """Ties on a lattice that measured ``move(row, col)``, and a share of wrong ones."""
    rng = np.random.default_rng(seed)
    side = int(np.sqrt(count))
    row, col = (
        a.ravel() for a in np.meshgrid(
            np.linspace(20, 980, side), np.linspace(20, 1180, side), indexing="ij"
        )
    )  # fmt: skip
    shift = np.stack(np.broadcast_arrays(*move(row, col), row)[:2], axis=1) + rng.normal(
        0, noise, (len(row), 2)
    )
    bad = rng.random(len(row)) < wrong
    shift[bad] = rng.uniform(-16, 16, (bad.sum(), 2))
    return Ties(
        row=row,
        col=col,
        shift=shift,
        covariance=np.tile(noise**2 * np.eye(2) + 1e-8, (len(row), 1, 1)),
        coherence=np.ones(len(row)),
        fold=((row // 125 + 2 * (col // 125)) % 5).astype(np.intp),
    )


def constant(row: NDArray[Any], col: NDArray[Any]) -> tuple[Any, Any]:
    return np.full_like(row, 2.5), np.full_like(row, -4.25)


def affine(row: NDArray[Any], col: NDArray[Any]) -> tuple[Any, Any]:
    return 2.5 + 0.002 * row - 0.001 * col, -4 + 0.0015 * row + 0.003 * col


def wavy(row: NDArray[Any], col: NDArray[Any]) -> tuple[Any, Any]:
    return (
        1 + 0.6 * np.sin(2 * np.pi * (row + 0.3 * col) / 700),
        -2 + 0.8 * np.cos(2 * np.pi * col / 800),
    )


def errors(shift: Shift, move: Any, *, margin: float = 40) -> NDArray[np.float64]:
    rows, cols = np.arange(margin, 1000 - margin, 30.0), np.arange(margin, 1200 - margin, 30.0)
    row, col = np.meshgrid(rows, cols, indexing="ij")
    truth = np.stack(np.broadcast_arrays(*move(row, col)))
    found: NDArray[np.float64] = np.hypot(*(shift.on_grid(rows, cols) - truth))
    return found


# The field


@pytest.mark.parametrize("wrong", [0.0, 0.2])
@pytest.mark.parametrize(
    ("move", "model", "within"),
    [(constant, "shift", 0.02), (affine, "affine", 0.02), (wavy, "local", 0.1)],
)
def test_the_simplest_model_that_predicts_is_taken(
    move: Any, model: str, within: float, wrong: float
) -> None:
    found = fit_field(ties(move, wrong=wrong), extent=AREA)
    assert found.model == model
    assert errors(found.shift, move).max() < within
    assert found.ties == pytest.approx(400 * (1 - wrong), abs=25)
    assert {"none", "shift", "affine"} < set(found.errors)


def still(row: NDArray[Any], col: NDArray[Any]) -> tuple[Any, Any]:
    return np.zeros_like(row), np.zeros_like(row)


def test_no_move_is_no_model() -> None:
    exact = fit_field(ties(still, noise=0), extent=AREA)
    assert exact.model == "none"
    assert exact.shift.zero
    assert errors(fit_field(ties(still), extent=AREA).shift, still).max() < 0.02


def test_few_ties_make_no_local_field() -> None:
    found = fit_field(ties(wavy, count=36), extent=AREA)
    assert found.model in ("shift", "affine")
    assert "local" not in found.errors


def test_a_fit_does_not_depend_on_the_order_of_the_ties() -> None:
    made = ties(wavy)
    order = np.random.default_rng(1).permutation(len(made))
    mixed = Ties(**{k: getattr(made, k)[order] for k in made.__dataclass_fields__})
    rows, cols = np.arange(0, 1000, 50.0), np.arange(0, 1200, 50.0)
    one, two = (fit_field(t, extent=AREA).shift.on_grid(rows, cols) for t in (made, mixed))
    np.testing.assert_allclose(one, two, atol=1e-6)


def test_between_far_ties_the_field_stays_tame() -> None:
    made = ties(wavy)
    left = made.where((made.col < 300) | (made.col > 800))
    found = fit_field(left, extent=AREA)
    assert errors(found.shift, wavy).max() < 2.5


@pytest.mark.parametrize(("move", "noise"), [(constant, 0.1), (affine, 0.3), (wavy, 0.05)])
def test_the_variance_is_no_less_than_that_of_the_error(move: Any, noise: float) -> None:
    ratios = []
    rows, cols = (
        a.ravel() for a in np.meshgrid(np.arange(40.0, 960, 60), np.arange(40.0, 1160, 60))
    )
    truth = np.stack(np.broadcast_arrays(*move(rows, cols), rows)[:2])
    for seed in range(8):
        found = fit_field(ties(move, noise=noise, seed=seed), extent=AREA)
        error = ((found.shift.at(rows, cols) - truth) ** 2).mean() if len(rows) else 0.0
        ratios.append(found.variance(rows, cols).mean() / error)
    # More for a simple move: what a local one may have missed counts too.
    assert 0.7 < np.median(ratios) < 10


def test_the_variance_grows_where_there_are_no_ties() -> None:
    made = ties(wavy)
    found = fit_field(made.where(made.col < 500), extent=AREA)
    near, far = found.variance(np.array([500.0, 500.0]), np.array([250.0, 1100.0]))
    assert far > 10 * near


def test_what_is_foretold_of_a_tie_comes_from_the_others() -> None:
    made = ties(constant, noise=0.05)
    spoilt = Ties(**{k: getattr(made, k).copy() for k in made.__dataclass_fields__})
    spoilt.shift[made.fold == 3] += 0.4
    found = fit_field(spoilt, extent=AREA)
    assert np.median(found.predicted[made.fold == 3]) == pytest.approx(0.4, abs=0.12)


# Consensus


@pytest.mark.parametrize("wrong", [0.3, 0.7])
def test_consensus_keeps_what_one_move_explains(wrong: float) -> None:
    made = ties(affine, wrong=wrong)
    truth = np.hypot(*(made.shift.T - np.stack(affine(made.row, made.col)))) < 1
    keep = consensus(made, tolerance=3.0)
    assert (keep & truth).sum() == truth.sum()
    assert (keep & ~truth).sum() < 0.1 * (~truth).sum()


def test_consensus_is_the_same_every_time() -> None:
    made = ties(affine, wrong=0.5)
    np.testing.assert_array_equal(consensus(made, tolerance=3), consensus(made, tolerance=3))


@pytest.mark.parametrize("count", [1, 4])
def test_consensus_of_hardly_any_ties(count: int) -> None:
    assert consensus(ties(constant, count=count), tolerance=3.0).all()


def test_ties_at_one_place_are_answered() -> None:
    one = ties(constant, count=1)
    many = Ties.joined([one] * 12)
    assert consensus(many, tolerance=3.0).all()
    assert agrees_with_neighbours(many, many.shift).all()


# Neighbours


def test_a_tie_that_stands_out_from_its_neighbours_goes() -> None:
    made = ties(constant)
    rest = made.shift - np.array([2.5, -4.25])
    rest[210] += 1.0
    keep = agrees_with_neighbours(made, rest)
    assert not keep[210]
    assert keep.mean() > 0.95


def test_what_is_small_does_not_stand_out() -> None:
    made = ties(constant, noise=0)
    rest = np.zeros_like(made.shift)
    rest[210] = 0.14
    assert agrees_with_neighbours(made, rest).all()


def test_no_ties_join_to_none_of_the_right_shapes() -> None:
    none = Ties.joined([])
    assert len(none) == 0
    assert none.shift.shape == (0, 2)
    assert none.covariance.shape == (0, 2, 2)
    assert len(Ties.joined([none, ties(constant), none])) == 400
