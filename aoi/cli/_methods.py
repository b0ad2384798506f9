"""Every method that a run may use, with where it is from, as lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

DECISIONS = (
    (
        "nothing asked",
        "About one of the pixels seen would pass, by the empirical null (Desolneux, Moisan & Morel "
        "2000; Efron 2004); uncalibrated.",
    ),
    (
        "--max-false-alarms",
        "At most so many false alarms on average: conformal risk control over tiles of decoys "
        "(Angelopoulos et al. 2022).",
    ),
    (
        "--confidence",
        "That rate with confidence: learn then test, by a Poisson bound (Angelopoulos et al. 2021; "
        "Garwood 1936).",
    ),
    (
        "--fdr",
        "At most such a share of false ones, on average: competition with decoys (Barber & Candès "
        "2015).",
    ),
    (
        "beyond the decoys",
        "A generalised Pareto tail, for simulated decoys alone (Pickands 1975; Hosking & Wallis "
        "1987); extrapolated.",
    ),
    (
        "rank_bound",
        "How many of the highest may be false, at all ranks at once (Katsevich & Ramdas 2020; "
        "Robbins 1970).",
    ),
)
"""Which regions are changes, by what is asked; docs/decision.md has the equations."""

_YEAR = r"((?:1[89]|20)\d\d)\b"
_CITED = re.compile(r"((?:[A-Z][\w-]+,? (?:& |et al\. )?)+)\(?" + _YEAR)


def lines() -> Iterator[str]:
    """Steps in the order of the flow, with the option that chooses each one's method."""
    from imagery import difference, normalise, threshold

    width = max(len(name) for name, _ in DECISIONS)
    for option, told, module in (
        ("normalise", "How the later image is brought to the earlier one's radiometry.", normalise),
        ("method", "How a pixel's difference is measured.", difference),
        ("threshold", "From which score on pixels are candidates.", threshold),
    ):
        yield f"--{option}: {told}"
        for name, function in module.METHODS.items():
            described = getattr(function, "score", function)
            yield f"  {name:{width}}  {_summary(described.__doc__ or '')}"
        yield ""
    yield "Decision: which regions of candidates are changes."
    for name, text in DECISIONS:
        yield f"  {name:{width}}  {text}"
    yield ""
    yield "Equations, papers and limits: docs/methods.md, docs/decision.md."


def _summary(documentation: str) -> str:
    """The first line, and the source that stands further down where it names none."""
    first, _, rest = documentation.strip().partition("\n")
    if re.search(_YEAR, first):
        return first
    source = _CITED.search(" ".join(rest.split()))
    return first if source is None else f"{first.rstrip('.')} (after {source[1]}{source[2]})."
