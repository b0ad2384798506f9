from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from imagery.errors import UsageError
from imagery.options import ThresholdOptions
from imagery.threshold import METHODS, Cut, find_threshold, parse_rule


def cut(scores: NDArray[np.float32], rule: str) -> Cut:
    return find_threshold(scores, options=ThresholdOptions(threshold=rule))


def chi(
    degrees: int, count: int = 400_000, *, scale: float = 1.0, seed: int = 0
) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (scale * np.sqrt(rng.chisquare(degrees, count))).astype(np.float32)


def mixed(share: float = 0.1) -> NDArray[np.float32]:
    """Scores of unchanged pixels, and a share of changed ones around 12."""
    scores = chi(3, 100_000)
    count = int(share * len(scores))
    scores[:count] = np.random.default_rng(1).normal(12, 2, count).clip(0)
    return scores


def binned(scores: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The histogram that the methods see: 512 bins up to the 99.9 % quantile."""
    top = float(np.quantile(scores, 0.999))
    counts, edges = np.histogram(np.minimum(scores, top), 512, (0, top))
    edges = edges.astype(np.float64)
    return counts, (edges[1:] + edges[:-1]) / 2


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_otsu_parts_the_histogram_into_the_classes_that_differ_most(share: float) -> None:
    from skimage.filters import threshold_otsu

    scores = mixed(share)
    counts, centres = binned(scores)
    width = float(centres[1] - centres[0])
    values = np.repeat(centres, counts)
    edges = centres[:-1] + width / 2
    below = [values[: int(n)] for n in np.cumsum(counts)[:-1]]
    above = [values[int(n) :] for n in np.cumsum(counts)[:-1]]
    between = [
        len(one) * len(two) * (one.mean() - two.mean()) ** 2 if len(one) and len(two) else 0
        for one, two in zip(below, above, strict=True)
    ]
    found = cut(scores, "otsu").value
    assert found == pytest.approx(edges[int(np.argmax(between))], abs=1.01 * width)
    assert found == pytest.approx(threshold_otsu(hist=(counts, centres)), abs=1.01 * width)


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_triangle_is_scikit_images(share: float) -> None:
    from skimage.filters import threshold_triangle

    scores = mixed(share)
    scores[0] = 0
    top = float(np.quantile(scores, 0.999))
    width = top / 512
    # Theirs makes its own histogram, from the lowest value, now 0, to the highest.
    theirs = threshold_triangle(np.minimum(scores, top).astype(float), nbins=512)
    assert cut(scores, "triangle").value == pytest.approx(theirs, abs=1.01 * width)


def test_kittler_illingworth_finds_the_crossing_of_two_gaussians() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(10, 1, 90_000), rng.normal(20, 2, 10_000)])
    # Least error: 0.9 N(10, 1) = 0.1 N(20, 2) between the means.
    x = np.linspace(10, 20, 100_001)
    ratio = 0.9 * np.exp(-((x - 10) ** 2) / 2) - 0.05 * np.exp(-((x - 20) ** 2) / 8)
    crossing = x[np.flatnonzero(ratio < 0)[0]]
    found = cut(scores.astype(np.float32), "kittler-illingworth").value
    assert found == pytest.approx(crossing, abs=0.25)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_null_leaves_one_pixel_in_ten_thousand(degrees: int, scale: float) -> None:
    scores = chi(degrees, 400_000, scale=scale)
    flagged = (scores > cut(scores, "null").value).mean()
    assert 0.5e-4 < flagged < 2e-4


def test_null_is_never_below_three_standard_deviations() -> None:
    assert cut(chi(1, scale=0.3), "null").value == 3


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_changed_pixels_hardly_move_the_null(share: float) -> None:
    scores, clean = mixed(share), cut(chi(3, 100_000), "null").value
    found = cut(scores, "null").value
    assert clean * 0.95 < found < clean * 1.25
    assert (scores > found).mean() > 0.9 * share


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3])
def test_where_all_else_agrees_exactly_what_differs_stands_out(share: float) -> None:
    scores = np.zeros(100_000, np.float32)
    count = int(share * len(scores))
    scores[:count] = np.random.default_rng(0).uniform(20, 4000, count)
    assert (scores > cut(scores, "null").value).sum() == count


@pytest.mark.parametrize("value", [0.0, 0.02, 2.75, 4e5])
@pytest.mark.parametrize("method", METHODS)
def test_where_all_score_alike_nothing_stands_out(method: str, value: float) -> None:
    scores = np.full(5000, value, np.float32)
    assert not (scores > cut(scores, method).value).any()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_scores_are_answered(method: str, count: int) -> None:
    found = METHODS[method](np.arange(count, dtype=np.float32))
    assert isinstance(found, float)
    assert np.isfinite(found)


@pytest.mark.parametrize("method", METHODS)
def test_a_few_huge_scores_do_not_swallow_the_rest(method: str) -> None:
    scores = mixed(0.1)
    scores[:20] = 1e6
    assert 2 < cut(scores, method).value < 15


def test_percentile_and_number() -> None:
    scores = np.arange(101, dtype=np.float32)
    assert cut(scores, "percentile:97.5") == Cut(97.5, "percentile 97.5")
    assert cut(scores, "6.5") == cut(scores, "fixed:6.5") == Cut(6.5, "fixed at 6.5")
    assert cut(scores, "0").value == 0


@pytest.mark.parametrize(
    "rule",
    [
        "", "otso", "otsu:3", "percentile", "percentile:", "percentile:101", "percentile:-1",
        "percentile:nan", "-1", "nan", "inf", "fixed", "fixed:x", "fixed:-2", "1,5", "null:1",
    ],
)  # fmt: skip
def test_a_rule_without_meaning_is_refused(rule: str) -> None:
    with pytest.raises(UsageError, match=r"no such threshold rule.*--threshold") as caught:
        parse_rule(rule)
    assert caught.value.found == rule
    for method in METHODS:
        assert caught.value.needed is not None
        assert method in caught.value.needed
