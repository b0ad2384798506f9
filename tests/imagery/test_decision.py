"""What is decided from what is asked: cuts, words, refusals, on cases with a known answer."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.decision import (
    TILE_SIDE,
    Ask,
    Decision,
    Decoys,
    a_contrario,
    audit,
    count_seen,
    cut_tiles,
    decide,
    fit_null,
    join,
    parse_ask,
    rank_bounds,
)
from imagery.decision._bound import Bound
from imagery.decision._confidence import control_surely
from imagery.decision._fdr import control_fdr
from imagery.decision._ranks import _log_mixture
from imagery.decision._risk import control_risk
from imagery.errors import InputError, RateError, UsageError
from imagery.record import to_json


def strengths(count: int = 20_000, *, shape: float = 9.0, scale: float = 1.0) -> NDArray[Any]:
    """Quantiles of an unchanged pair's strengths, in an order that no test rests on."""
    from scipy.stats import gamma

    levels = (np.arange(count) + 0.5) / count
    return np.sqrt(gamma.ppf(levels, shape, scale=scale)).astype(np.float32)


def decoys(
    *highest: float,
    tiles: int = 20,
    km2: float = 1.0,
    kind: Any = "quiet pairs",
    like: NDArray[Any] | None = None,
) -> Decoys:
    """One region a tile, with these scores, and empty tiles up to ``tiles``."""
    filled = tuple(np.array([score]) for score in highest)
    return Decoys(
        kind=kind,
        tiles=filled + (np.zeros(0),) * (tiles - len(highest)),
        tile_km2=km2,
        pairs=("2023-04-01 to 2023-05-03",),
        strengths=(strengths() if like is None else like,),
    )


def decision(ask: Ask, decoys: Decoys | None, scores: list[float], **more: Any) -> Decision:
    given = {
        "area_km2": 0.075,
        "strengths": strengths(),
        "null": fit_null(strengths()),
        "pixels": 10**6,
        **more,
    }
    return decide(ask, decoys=decoys, regions=np.array(scores, np.float32), **given)


class TestAsk:
    @pytest.mark.parametrize(
        ("text", "number", "unit"),
        [
            ("1/km2", 1, "km2"),
            ("2.5/km2", 2.5, "km2"),
            ("1e-1 / km²", 0.1, "km2"),
            ("1/area", 1, "area"),
        ],
    )
    def test_rates_are_read(self, text: str, number: float, unit: str) -> None:
        ask = parse_ask(max_false_alarms=text)
        assert (ask.max_false_alarms, ask.unit, ask.nothing) == (number, unit, False)

    @pytest.mark.parametrize("text", ["1", "0/km2", "-1/km2", "1/ha", "inf/km2", "1e/km2", "", "/"])
    def test_no_rate_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match="--max-false-alarms"):
            parse_ask(max_false_alarms=text)

    @pytest.mark.parametrize(
        "given",
        [
            {"max_false_alarms": "1/km2", "fdr": 0.1},
            {"fdr": 0.1, "rule": "otsu"},
            {"max_false_alarms": "1/km2", "rule": "5"},
            {"confidence": 0.95},
            {"confidence": 0.95, "fdr": 0.1},
            {"fdr": 0.0},
            {"fdr": 1.0},
            {"fdr": float("nan")},
            {"max_false_alarms": "1/km2", "confidence": 0.4},
            {"max_false_alarms": "1/km2", "confidence": 1.0},
        ],
    )
    def test_what_contradicts_is_refused(self, given: dict[str, Any]) -> None:
        with pytest.raises(UsageError):
            parse_ask(**given)

    def test_nothing_and_a_rule_ask_for_no_rate(self) -> None:
        assert parse_ask().nothing
        assert parse_ask(rule="otsu").nothing

    def test_an_area_is_a_unit(self) -> None:
        assert parse_ask(max_false_alarms="1/area").per_km2(0.08) == pytest.approx(12.5)
        assert parse_ask(max_false_alarms="1/km2").per_km2(0.08) == 1
        assert parse_ask(fdr=0.1).per_km2(0.08) is None

    def test_it_says_what_it_asks(self) -> None:
        sure = parse_ask(max_false_alarms="1/km2", confidence=0.95)
        assert sure.words == "at most 1 false alarm per km², with 95 % confidence"
        assert (
            parse_ask(max_false_alarms="2/area").words
            == "at most 2 false alarms in the area, on average"
        )
        assert "10 %" in parse_ask(fdr=0.1).words


class TestTiles:
    def test_pixels_seen_are_counted_by_tile(self) -> None:
        seen = np.random.default_rng(0).random((70, 45)) < 0.7
        counts = count_seen(seen, side=20)
        assert counts.shape == (4, 3)
        assert counts[3, 2] == seen[60:, 40:].sum()
        assert counts.sum() == seen.sum()

    def test_regions_go_to_the_tile_of_their_pixel(self) -> None:
        seen = np.array([[100, 79], [80, 100]])
        scores = np.array([3, 5, 9, 4, 6], np.float32)
        members, km2 = cut_tiles(
            np.array([0, 9, 3, 10, 19]),
            np.array([0, 9, 12, 5, 19]),
            scores,
            seen=seen,
            pixel_km2=0.5,
            side=10,
        )
        # The upper right tile is seen too little: its region of 9 is left out with it.
        assert [scores[of].tolist() for of in members] == [[5, 3], [4], [6]]
        assert km2 == pytest.approx(0.5 * 280 / 3)

    def test_nothing_seen_and_nothing_found(self) -> None:
        none = np.zeros(0, np.int64)
        few = cut_tiles(none, none, np.zeros(0), seen=np.array([[10]]), pixel_km2=1.0)
        assert few == ((), 0.0)
        full = np.full((2, 2), TILE_SIDE**2)
        tiles, _ = cut_tiles(none, none, np.zeros(0), seen=full, pixel_km2=1.0)
        assert [len(tile) for tile in tiles] == [0, 0, 0, 0]

    def test_a_region_outside_is_a_wrong_call(self) -> None:
        one = np.array([10])
        with pytest.raises(ValueError, match="outside"):
            cut_tiles(one, one * 0, one * 1.0, seen=np.array([[100]]), pixel_km2=1.0, side=10)

    def test_over_dispersion_is_the_variance_over_the_mean_of_the_counts(self) -> None:
        rng = np.random.default_rng(1)
        counts = rng.negative_binomial(1, 0.3, 60)
        tiles = tuple(np.sort(rng.random(n))[::-1] for n in counts)
        found = Decoys(kind="quiet pairs", tiles=tiles, tile_km2=1, pairs=("a",)).ranked()
        spread = found.dispersion()
        assert spread[-1] == pytest.approx(counts.var(ddof=1) / counts.mean())
        cut = found.cut(50)
        above = np.array([(tile >= cut).sum() for tile in tiles])
        assert above.sum() == 50
        assert spread[50] == pytest.approx(max(above.var(ddof=1) / above.mean(), 1))
        assert (spread[:30] == spread[30]).all()

    def test_several_pairs_are_joined(self) -> None:
        both = join([decoys(5, tiles=10), decoys(7, 6, tiles=30, km2=1.2)])
        assert both.km2 == pytest.approx(10 + 36)
        assert both.ranked().scores.tolist() == [7, 6, 5]
        assert both.words.startswith("2 quiet pairs (2023-04-01")
        assert len(both.strengths) == 2

    def test_pairs_of_other_pixels_are_refused(self) -> None:
        with pytest.raises(InputError, match=r"factor of 10 .*--quiet-pair"):
            join([decoys(), decoys(km2=100.0)])
        with pytest.raises(ValueError, match="one kind"):
            join([decoys(), decoys(kind="simulated")])


class TestRisk:
    def test_the_cut_lies_just_above_the_first_region_that_is_too_many(self) -> None:
        # (K + 3) / 21 <= 0.25 for K up to 2.
        bound = control_risk(decoys(9, 8, 7, 6), asked=0.25)
        assert 7 < bound.high <= np.nextafter(7, 8)
        assert bound.value == pytest.approx(5 / 21)
        assert bound.alarms == 2

    def test_regions_of_one_score_pass_together_or_not(self) -> None:
        assert control_risk(decoys(9, 7, 7, 7), asked=0.25).alarms == 1

    def test_every_candidate_passes_where_the_rate_is_met_by_all(self) -> None:
        assert control_risk(decoys(9, 8), asked=1.0).high == 0
        assert control_risk(decoys(), asked=1.0).high == 0

    def test_what_comes_together_counts_together(self) -> None:
        clusters = tuple(np.full(8, 9.0 - i) for i in range(5)) + (np.zeros(0),) * 95
        crowd = Decoys(kind="quiet pairs", tiles=clusters, tile_km2=1.0, pairs=("a",))
        assert control_risk(crowd, asked=0.25).dispersion == pytest.approx(7.37, abs=0.01)
        with pytest.raises(RateError, match=r"0\.0793"):  # 8 in 101
            control_risk(crowd, asked=0.05)

    def test_a_refusal_names_what_would_be_honoured(self) -> None:
        with pytest.raises(RateError) as refused:
            control_risk(decoys(tiles=10), asked=0.1)
        assert refused.value.exit_status == 6
        assert isinstance(refused.value, RuntimeError)
        assert "10 km²" in (refused.value.found or "")
        assert refused.value.needed == "29 km², 19 km² more"
        smallest = re.search(r"that can is (\S+) per km²", refused.value.message)
        assert smallest is not None
        assert control_risk(decoys(tiles=10), asked=float(smallest[1])).alarms == 0
        assert control_risk(decoys(tiles=29), asked=0.1).alarms == 0

    def test_no_tile_is_a_refusal_too(self) -> None:
        for control in (control_risk, control_at_95):
            with pytest.raises(RateError, match="no tile"):
                control(decoys(tiles=0), asked=1.0)


def control_at_95(found: Decoys, *, asked: float) -> Bound:
    return control_surely(found, asked=asked, confidence=0.95)


class TestConfidence:
    @pytest.mark.parametrize(("alarms", "needed"), [(0, 2.996), (1, 4.744), (3, 7.754)])
    def test_it_takes_garwoods_area(self, alarms: int, needed: float) -> None:
        scores = [20.0 - i for i in range(10)]
        enough = control_at_95(decoys(*scores, km2=1.001 * needed / 20), asked=1.0)
        assert enough.alarms == alarms
        if alarms:
            short = control_at_95(decoys(*scores, km2=0.999 * needed / 20), asked=1.0)
            assert short.alarms == alarms - 1
        else:
            with pytest.raises(RateError, match="95 % confidence") as refused:
                control_at_95(decoys(*scores, km2=0.999 * needed / 20), asked=1.0)
            assert (refused.value.needed or "").startswith("3 km²")

    def test_clusters_cost_their_size(self) -> None:
        single = decoys(*(20.0 - i for i in range(40)), tiles=400, km2=0.1)
        tiles = tuple(np.full(4, 20.0 - i) for i in range(10)) + (np.zeros(0),) * 390
        crowd = Decoys(kind="quiet pairs", tiles=tiles, tile_km2=0.1, pairs=("a",))
        assert control_at_95(crowd, asked=0.75).alarms < control_at_95(single, asked=0.75).alarms


class TestShare:
    def test_the_area_competes_with_decoys(self) -> None:
        # r = 1 / 20: (1 + D) / 20 / R <= 0.1 asks for R >= (1 + D) / 2.
        found = decoys(9.5, 8.5, 7.5, 6.5, 5.5)
        bound = control_fdr(np.array([6.0, 8.0, 9.0]), found, area_km2=1.0, asked=0.1)
        assert (bound.high, bound.alarms) == (6, 4)
        assert bound.value == pytest.approx(5 / 20 / 3)
        strict = control_fdr(np.array([6.0, 8.0, 9.0]), found, area_km2=1.0, asked=0.08)
        assert strict.high == 8

    def test_none_is_told_where_decoys_win(self) -> None:
        found = decoys(*np.linspace(10, 11, 20))
        bound = control_fdr(np.array([6.0, 8.0]), found, area_km2=1.0, asked=0.1)
        assert bound.high > 11
        assert decision(parse_ask(fdr=0.1), found, []).high > 11

    def test_a_share_that_no_score_could_reach_is_refused(self) -> None:
        with pytest.raises(RateError, match=r"50 % \| found: 2 regions in 20 km².*--fdr") as no:
            control_fdr(np.array([6.0, 8.0]), decoys(), area_km2=20.0, asked=0.1)
        assert no.value.needed == "80 km² of decoys more"
        with pytest.raises(RateError, match="without decoys"):
            control_fdr(np.array([6.0]), decoys(tiles=0), area_km2=1.0, asked=0.1)


class TestRanks:
    def test_the_mixture_is_an_integral_over_alternatives(self) -> None:
        chance, false, others = 0.05, 4.0, 9.0
        edges = np.sin(np.linspace(np.arcsin(chance**0.5), np.pi / 2, 200_001)) ** 2
        weight = np.full(len(edges), 1.0)  # the angle's density is that of Jeffreys
        q = np.clip(edges, 0, 1 - 1e-15)
        ratio = (q / chance) ** false * ((1 - q) / (1 - chance)) ** others
        expected = np.log((ratio * weight).mean())
        found = _log_mixture(np.array([false]), np.array([others]), chance)[0]
        assert found == pytest.approx(expected, abs=1e-4)

    def test_no_decoy_above_leaves_few_doubts(self) -> None:
        scores = np.array([3.0, 50.0, 40.0, 30.0])
        bounds = rank_bounds(scores, np.linspace(4, 5, 200), area_ratio=0.01)
        assert bounds[1:].tolist() == [0, 0, 0]
        assert bounds[0] == 1

    def test_bounds_grow_by_one_at_most_and_ties_share(self) -> None:
        rng = np.random.default_rng(0)
        scores, others = rng.integers(0, 20, 60), rng.integers(0, 15, 80)
        bounds = rank_bounds(scores * 1.0, others * 1.0, area_ratio=0.8)
        order = np.argsort(-scores, kind="stable")
        for value in np.unique(scores):
            assert len(set(bounds[scores == value])) == 1
        assert (np.diff(bounds[order]) >= 0).all()
        assert (bounds[order] <= [(scores >= s).sum() for s in scores[order]]).all()

    def test_nothing_found(self) -> None:
        assert rank_bounds(np.zeros(0), np.ones(3), area_ratio=1.0).shape == (0,)
        assert rank_bounds(np.ones(2), np.zeros(0), area_ratio=1.0).tolist() == [2, 2]


class TestAudit:
    def test_the_unit_of_strength_does_not_matter(self) -> None:
        alike = audit([3 * strengths(30_000)], strengths())
        assert alike.alike
        assert alike.distance < 0.001
        assert alike.variance_ratio == pytest.approx(1, abs=0.01)

    def test_change_does_not_matter_either(self) -> None:
        changed = np.concatenate([strengths(), np.full(1000, 40, np.float32)])
        assert audit([strengths()], changed).alike

    @pytest.mark.parametrize("shape", [4.0, 30.0])
    def test_another_spread_is_told_with_its_pair(self, shape: float) -> None:
        like = audit([strengths(), strengths(shape=shape)], strengths(), names=("one", "two"))
        assert not like.alike
        assert "(two)" in like.words
        assert (like.variance_ratio > 1.25) == (shape < 9)

    def test_few_pixels_tell_nothing(self) -> None:
        for samples in ([], [strengths(4000)], [np.zeros(9000)]):
            like = audit(samples, strengths())
            assert not like.alike
            assert "too few" in like.words


class TestAContrario:
    @pytest.mark.parametrize("shape", [1.0, 9.0, 36.0])
    def test_the_null_is_found_under_change(self, shape: float) -> None:
        null = fit_null(strengths(50_000, shape=shape, scale=0.3))
        assert null is not None
        assert null.shape == pytest.approx(shape, rel=0.01)
        assert null.scale == pytest.approx(0.3, rel=0.01)

    def test_one_unchanged_pixel_in_the_map_is_expected_above_the_cut(self) -> None:
        # Of shape 1, the squared strength is exponential: P(s > h) = exp(-h^2 / scale).
        null = fit_null(strengths(50_000, shape=1.0, scale=2.0))
        high = a_contrario(null, pixels=10**7)
        assert high == pytest.approx((2 * np.log(1e7)) ** 0.5, rel=1e-3)
        assert null is not None
        assert null.reaching(np.array([high]))[0] == pytest.approx(1e-7, rel=1e-6)

    def test_it_is_never_below_three(self) -> None:
        assert a_contrario(fit_null(strengths(scale=1e-3)), pixels=1000) == 3
        for nothing in (np.zeros(0), np.zeros(1000), np.array([0] * 60 + [1] * 40)):
            assert fit_null(nothing) is None
            assert a_contrario(None, pixels=10**6) == 3


class TestDecide:
    RATE = parse_ask(max_false_alarms="1/km2")

    def test_nothing_asked_is_uncalibrated_and_never_refused(self) -> None:
        alone = decision(Ask(), None, [4.0, 9.0])
        assert alone.calibration == "uncalibrated"
        assert alone.high == a_contrario(fit_null(strengths()), pixels=10**6)
        assert alone.rank_bounds is None
        assert "not known" in alone.sentences[0]
        assert alone.asked is alone.bound is alone.expected_in_area is None
        assert decision(Ask(), decoys(tiles=0), []).high == alone.high

    def test_decoys_that_were_not_asked_for_still_tell(self) -> None:
        told = decision(Ask(), decoys(99.0), [9.0])
        assert told.calibration == "uncalibrated"
        assert told.expected_in_area == pytest.approx(2 / 20 * 0.075)
        assert "1 region reaches as far" in told.sentences[1]

    def test_a_rate_is_calibrated_by_quiet_pairs(self) -> None:
        found = decision(self.RATE, decoys(9, 8, 7), [4.0, 50.0])
        assert (found.calibration, found.high) == ("calibrated", 0)
        text = " ".join(found.sentences)
        assert (
            "1 quiet pair (2023-04-01 to 2023-05-03), 20 km², in 20 tiles; found there: 3" in text
        )
        assert "Asked: at most 1 false alarm per km², on average." in text
        assert "What holds: at most 0.29 per km²" in text
        assert "1/km² × 0.075 km² = 0.075" in text
        assert "no probability of any one outline" in text
        assert "season" not in text
        assert found.cautions == ()

    def test_a_rate_per_area(self) -> None:
        found = decision(parse_ask(max_false_alarms="1/area"), decoys(9), [50.0])
        assert found.expected_in_area == pytest.approx(1)
        ask = parse_ask(max_false_alarms="1/area")
        with pytest.raises(
            RateError, match=r"1 false alarm in the area, on average, of which 0.08"
        ):
            decision(ask, decoys(km2=0.001), [50.0], area_km2=0.08)

    def test_simulated_decoys_certify_nothing(self) -> None:
        found = decision(self.RATE, decoys(9, 8, kind="simulated"), [50.0])
        assert found.calibration == "simulated"
        assert [c.code for c in found.cautions] == ["simulated-decoys"]
        numbers = [s for s in found.sentences if s.startswith(("What holds in", "If false"))]
        assert len(numbers) == 2
        for sentence in [*numbers, found.sentences[-2]]:
            assert "does not cover moved vehicles, shadows or season" in sentence
        assert found.numbers["does_not_cover"] == "moved vehicles, shadows or season"

    def test_decoys_that_are_unlike_only_extrapolate(self) -> None:
        found = decision(self.RATE, decoys(9, like=strengths(shape=3.0)), [50.0])
        assert found.calibration == "extrapolated"
        assert [c.code for c in found.cautions] == ["decoys-unlike"]
        text = " ".join(found.sentences)
        assert "not like this pair's" in text
        assert "What would hold, were the decoys like this pair: at most" in text

    def test_a_rarer_rate_is_drawn_on_from_simulated_decoys_alone(self) -> None:
        tail = 5 - np.log(np.arange(1, 200) / 200)
        rare = parse_ask(max_false_alarms="0.1/km2")
        found = decision(rare, decoys(*tail, tiles=250, km2=0.08, kind="simulated"), [50.0])
        assert found.calibration == "extrapolated"
        assert found.high == pytest.approx(5 + np.log(199 / 2), abs=0.15)
        assert "extrapolated" in " ".join(found.sentences)
        assert "rate-extrapolated" in [c.code for c in found.cautions]
        for kind, ask in (("quiet pairs", rare), ("simulated", Ask(max_false_alarms=0.004))):
            with pytest.raises(RateError):
                decision(ask, decoys(*tail, tiles=250, km2=0.08, kind=kind), [50.0])
        with pytest.raises(RateError, match="too few regions"):
            decision(rare, decoys(9, 8, kind="simulated"), [50.0])

    def test_confidence_and_share(self) -> None:
        sure = parse_ask(max_false_alarms="1/km2", confidence=0.95)
        found = decision(sure, decoys(9, 8, 7), [50.0])
        assert found.bound is not None
        assert 0.37 < found.bound < 0.39  # 7.754 / 20
        assert "with 95 % confidence; as asked" in " ".join(found.sentences)
        shared = decision(parse_ask(fdr=0.1), decoys(9, 8, 7), [50.0, 40.0, 3.0])
        assert shared.expected_in_area == pytest.approx(4 * 0.075 / 20)
        assert "false on average, 0.015 of the 3 changes told." in " ".join(shared.sentences)
        none = decision(parse_ask(fdr=0.001), decoys(*[60.0] * 20), [50.0] * 9)
        assert "and none is." in " ".join(none.sentences)

    def test_an_ask_without_decoys_is_refused(self) -> None:
        with pytest.raises(RateError, match="no decoys"):
            decision(self.RATE, None, [50.0])

    @pytest.mark.parametrize("area", [0.0, float("nan"), -1.0])
    def test_an_area_of_which_nothing_is_seen_is_a_wrong_call(self, area: float) -> None:
        with pytest.raises(ValueError, match="are seen"):
            decision(self.RATE, decoys(), [], area_km2=area)

    def test_inputs_stay_and_numbers_are_plain(self) -> None:
        scores = np.array([4, 9, 2], np.float32)
        scores.setflags(write=False)
        found = decide(
            self.RATE,
            decoys=decoys(9),
            regions=scores,
            area_km2=1.0,
            strengths=strengths(),
            null=fit_null(strengths()),
            pixels=100,
        )
        numbers = to_json(found.numbers)
        assert numbers["bound"] == found.bound
        assert numbers["decoy_pairs"] == ["2023-04-01 to 2023-05-03"]
        assert found.rank_bounds is not None
        assert found.rank_bounds.shape == scores.shape
