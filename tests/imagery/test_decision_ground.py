"""Decoys whose ground is of many kinds: one cut for all of them, and what it is worth on each."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.decision import (
    Decision,
    Decoys,
    Ground,
    Reach,
    check_within_reach,
    decide,
    fit_reach,
    parse_ask,
)
from imagery.errors import RateError

ASK = parse_ask(max_false_alarms="10/km2")
CELLS_A_TILE, CELL_KM2, TILES = 256, 64e-6, 120
BARE, ROOFS = 0.4, 4.0
"""Roughness: half of a map is near the one, half near the other."""

TIMES = 8.0
"""How much farther strengths reach on roofs."""

DRAWS = 24


def kinds(rng: np.random.Generator, count: int, *, roofs: float) -> NDArray[np.float64]:
    """The roughness of cells, a share of them of roofs."""
    middle = np.where(rng.random(count) < roofs, ROOFS, BARE)
    return np.asarray(middle * np.exp(rng.normal(0, 0.2, count)))


def drawn(rng: np.random.Generator, rough: NDArray[Any], *, times: float) -> NDArray[np.float64]:
    """The strongest of each cell, of a tail whose size depends on the ground."""
    size = np.where(rough > np.sqrt(BARE * ROOFS), times, 1.0)
    return np.asarray(4 * size * (1 + rng.pareto(4, len(rough))))


def quiet(
    rng: np.random.Generator, *, roofs: float = 0.5, tiles: int = TILES, times: float = TIMES
) -> Decoys:
    """A region in every fifth cell."""
    rough = [kinds(rng, CELLS_A_TILE, roofs=roofs) for _ in range(tiles)]
    strong = [drawn(rng, cells, times=times) for cells in rough]
    take = [np.argsort(-s[::5], kind="stable") for s in strong]
    return Decoys(
        kind="quiet pairs",
        tiles=tuple(s[::5][o] for s, o in zip(strong, take, strict=True)),
        tile_km2=CELLS_A_TILE * CELL_KM2,
        pairs=("spring",),
        strengths=(bulk(),),
        roughness=tuple(r[::5][o] for r, o in zip(rough, take, strict=True)),
        ground=ground_of(np.concatenate(rough), np.concatenate(strong)),
    )


def ground_of(rough: NDArray[Any], strong: NDArray[Any]) -> Ground:
    return Ground(roughness=rough, strongest=strong, km2=np.full(len(rough), CELL_KM2))


def bulk() -> NDArray[Any]:
    return np.linspace(0.5, 1.5, 20_000).astype(np.float32)


def decided(
    decoys: Decoys,
    *,
    area: Ground | None,
    regions: Any = (),
    rough: Any = (),
    ask: Any = ASK,
    doubts: tuple[str, ...] = (),
) -> Decision:
    return decide(
        ask,
        decoys=decoys,
        regions=np.asarray(regions, float),
        roughness=np.asarray(rough, float),
        area_km2=1.0 if area is None else float(area.km2.sum()),
        ground=area,
        strengths=bulk(),
        null=None,
        pixels=1000,
        doubts=doubts,
    )


def area_of(rng: np.random.Generator, *, roofs: float, cells: int = 1200) -> Ground:
    rough = kinds(rng, cells, roofs=roofs)
    return ground_of(rough, drawn(rng, rough, times=TIMES))


class TestReach:
    def test_it_is_how_much_farther_strengths_reach_on_rough_ground(self) -> None:
        found = fit_reach(quiet(np.random.default_rng(1)).ground)
        assert found.times[0] == 1
        assert (np.diff(found.times) >= 0).all()
        assert found.at(np.array([ROOFS]))[0] == pytest.approx(TIMES, rel=0.25)
        assert found.at(np.array([BARE]))[0] == pytest.approx(1, rel=0.15)
        # Beyond what was seen it goes on as at the end.
        far = found.at(np.array([0.0, 1e9]))
        assert far.tolist() == pytest.approx([1, found.times[-1]])

    def test_where_ground_is_of_no_matter_it_is_about_one(self) -> None:
        found = fit_reach(quiet(np.random.default_rng(2), times=1.0).ground)
        assert found.times[-1] == pytest.approx(1, abs=0.15)

    def test_few_cells_and_weak_ones_tell_no_kinds_apart(self) -> None:
        few = ground_of(np.linspace(0, 5, 150), np.linspace(3, 90, 150))
        weak = ground_of(np.linspace(0, 5, 900), np.linspace(0, 2.9, 900))
        for ground in (few, weak, Ground.unknown()):
            assert (fit_reach(ground).at(np.array([0.0, 1.0, 5.0])) == 1).all()

    def test_levelled_scores_stay_in_order_with_their_ground(self) -> None:
        reach = Reach(roughness=np.array([1.0, 4.0]), times=np.array([1.0, 10.0]))
        found = Decoys(
            kind="quiet pairs",
            tiles=(np.array([50.0, 20.0]), np.zeros(0)),
            tile_km2=1.0,
            pairs=("a",),
            roughness=(np.array([4.0, 1.0]), np.zeros(0)),
        ).levelled(reach)
        assert found.tiles[0].tolist() == pytest.approx([20.0, 5.0])
        assert found.roughness[0].tolist() == [1.0, 4.0]
        # Between kinds of ground, by logarithms.
        assert reach.at(np.array([2.0]))[0] == pytest.approx(10**0.5)


class TestOneCut:
    def test_what_is_found_on_bare_ground_is_no_longer_up_to_roofs(self) -> None:
        rng = np.random.default_rng(3)
        decoys, area = quiet(rng), area_of(rng, roofs=0.0)
        there = decided(decoys, area=area, regions=[25.0, 25.0], rough=[BARE, ROOFS])
        score = there.scores(np.array([25.0, 25.0]), np.array([BARE, ROOFS]))
        assert (score >= there.high).tolist() == [True, False]
        # Without roughness one cut holds for all, and nothing of that strength passes.
        alike = decide(
            ASK,
            decoys=Decoys(
                kind=decoys.kind,
                tiles=decoys.tiles,
                tile_km2=decoys.tile_km2,
                pairs=decoys.pairs,
                strengths=decoys.strengths,
            ),
            regions=np.array([25.0]),
            area_km2=1.0,
            strengths=bulk(),
            null=None,
            pixels=1000,
        )
        assert alike.high > 60

    @pytest.mark.parametrize("roofs", [0.0, 0.5, 1.0])
    def test_the_rate_holds_on_each_kind_of_ground(self, roofs: float) -> None:
        """Held back: as many alarms as asked, at the most, on bare ground and on roofs alone."""
        alarms = km2 = 0.0
        for seed in range(DRAWS):
            rng = np.random.default_rng([7, seed])
            area = area_of(rng, roofs=roofs, cells=8000)
            rough, strong = area.roughness[::5], area.strongest[::5]
            found = decided(quiet(rng), area=area, regions=strong, rough=rough)
            alarms += int((found.scores(strong, rough) >= found.high).sum())
            km2 += float(area.km2.sum())
        assert alarms / km2 <= 1.15 * ASK.per_km2(1.0)  # type: ignore[operator]
        assert alarms / km2 >= 0.3 * ASK.per_km2(1.0)  # type: ignore[operator]

    def test_shares_and_ranks_rest_on_the_same_scores(self) -> None:
        rng = np.random.default_rng(4)
        found = decided(
            quiet(rng),
            area=area_of(rng, roofs=0.0),
            regions=[40.0] * 20,
            rough=[BARE] * 20,
            ask=parse_ask(fdr=0.1),
        )
        assert found.high <= 40
        assert found.rank_bounds is not None
        assert found.rank_bounds.max() <= 4


class TestComposition:
    def test_an_area_of_the_same_ground_is_calibrated(self) -> None:
        rng = np.random.default_rng(5)
        found = decided(quiet(rng), area=area_of(rng, roofs=0.5))
        assert found.calibration == "calibrated"
        assert found.cautions == ()
        assert found.numbers["rougher_than_decoys"] < 0.05
        assert any("mixed as in the area" in line for line in found.sentences)
        assert any("times as high" in line for line in found.sentences)

    def test_what_likeness_would_not_show_is_extrapolated_too(self) -> None:
        rng = np.random.default_rng(5)
        found = decided(
            quiet(rng), area=area_of(rng, roofs=0.5), doubts=("clouds are suspected in b.tif",)
        )
        assert found.calibration == "extrapolated"
        assert [c.message for c in found.cautions] == ["Clouds are suspected in b.tif."]
        assert "Clouds are suspected in b.tif." in found.sentences

    def test_roofs_that_no_decoy_shows_are_extrapolated(self) -> None:
        rng = np.random.default_rng(6)
        found = decided(quiet(rng, roofs=0.0), area=area_of(rng, roofs=0.6))
        assert found.calibration == "extrapolated"
        assert [c.code for c in found.cautions] == ["decoys-unlike"]
        assert "rougher ground than nearly all" in found.cautions[0].message
        assert found.numbers["rougher_than_decoys"] == pytest.approx(0.6, abs=0.05)

    def test_an_area_of_ground_that_alarms_come_from_gets_a_stricter_cut(self) -> None:
        """One of eight kinds of ground raises alarms of its own, which no share of cells shows."""
        rng = np.random.default_rng(8)
        decoys = quiet(rng, times=1.0)
        street = [rough > np.quantile(decoys.ground.roughness, 0.9) for rough in decoys.roughness]
        loud = Decoys(
            kind=decoys.kind,
            tiles=tuple(
                np.sort(np.where(at & (s > 6), 5 * s, s))[::-1]
                for s, at in zip(decoys.tiles, street, strict=True)
            ),
            roughness=tuple(
                r[np.argsort(-np.where(at & (s > 6), 5 * s, s))]
                for s, r, at in zip(decoys.tiles, decoys.roughness, street, strict=True)
            ),
            tile_km2=decoys.tile_km2,
            pairs=decoys.pairs,
            strengths=decoys.strengths,
            ground=decoys.ground,
        )
        same = decided(loud, area=ground_of(decoys.ground.roughness, decoys.ground.strongest))
        loudest = np.full(1000, np.quantile(decoys.ground.roughness, 0.95))
        here = decided(loud, area=ground_of(loudest, loudest))
        assert here.high > same.high
        assert here.numbers["alarms_per_km2_on_such_ground"] <= 10
        assert here.calibration == "calibrated"
        # A share has no rate to hold it to; it is told instead.
        share = decided(
            loud,
            area=ground_of(loudest, loudest),
            regions=[60.0] * 300,
            rough=[loudest[0]] * 300,
            ask=parse_ask(fdr=0.5),
        )
        assert share.calibration == "extrapolated"
        assert "mixed as here" in share.cautions[-1].message

    def test_quiet_places_without_a_whole_tile_are_told(self) -> None:
        none = Decoys(kind="quiet areas", tiles=(), tile_km2=0.0, pairs=("lawn.geojson",))
        found = decided(none, area=None, ask=parse_ask())
        assert found.calibration == "uncalibrated"
        assert [c.code for c in found.cautions] == ["decoys-too-small"]
        assert "lawn.geojson" in found.sentences[-1]
        assert "256 px" in found.sentences[-1]

    @pytest.mark.parametrize(("rate", "sure"), [("0.001/km2", None), ("0.3/km2", 0.95)])
    def test_a_rate_beyond_the_largest_simulation_is_refused_at_once(
        self, rate: str, sure: float | None
    ) -> None:
        most = Decoys(
            kind="simulated", tiles=(np.zeros(0),) * 90, tile_km2=0.1, pairs=("the scene",)
        )
        with pytest.raises(RateError, match=r"smallest rate that can is 0\.(0112|333) per km²"):
            check_within_reach(
                parse_ask(max_false_alarms=rate, confidence=sure), most, area_km2=1.0
            )
        check_within_reach(parse_ask(max_false_alarms="0.4/km2"), most, area_km2=1.0)
        check_within_reach(parse_ask(fdr=0.1), most, area_km2=1.0)

    def test_nothing_is_told_of_ground_that_isn_t_known(self) -> None:
        found = decided(quiet(np.random.default_rng(9)), area=None)
        assert found.numbers["alarms_per_km2_on_such_ground"] is None
