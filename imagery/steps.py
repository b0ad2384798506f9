"""What the steps of a detection tell for the record, where a step's own module doesn't."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from imagery import normalise
from imagery.bands import BandPairs
from imagery.decision import Decision
from imagery.grid import Plan
from imagery.injected import Missed
from imagery.measure import Measure
from imagery.options import DetectOptions
from imagery.record import Caution, StepRecord, to_json
from imagery.sampling import PairReader, Sample
from imagery.scene import Role, Scene
from imagery.scoring import ScoredMap, least_pixels
from imagery.threshold import Cut


def read_record(
    scenes: dict[Role, Scene],
    plan: Plan,
    bands: BandPairs,
    options: DetectOptions,
    of_the_pair: tuple[Caution, ...],
) -> StepRecord:
    """What opening, planning and pairing found."""
    return StepRecord(
        step="read",
        numbers={
            "bands": list(bands.names),
            "bands_paired_by": bands.how,
            "reference": plan.reference,
            "resampled_because": dict(plan.reasons),
            "pixel_size_m": plan.pixel_size_m,
        },
        # Of a file that gives grid or heights, its name alone: no record tells where it lay.
        options=asdict(options.read)
        | {"dem": options.read.dem and Path(options.read.dem).name}
        | asdict(options.grid)
        | {"grid": Path(options.grid.grid).name},
        cautions=(
            *of_the_pair,
            *scenes["before"].cautions,
            *scenes["after"].cautions,
            *plan.cautions,
            *bands.cautions,
        ),
    )


def normalise_record(
    radiometry: normalise.Radiometry, bands: BandPairs, options: DetectOptions
) -> StepRecord:
    """How the later image was brought to the earlier one's radiometry."""
    low = [
        f"{name} ({value:.2f})"
        for name, value in zip(bands.names, radiometry.correlation, strict=True)
        if value < 0.3
    ]
    cautions: tuple[Caution, ...] = ()
    if low:
        cautions = (
            Caution(
                "bands-uncorrelated",
                f"Bands that hardly agree between the images even where nothing changed: "
                f"{', '.join(low)}. They may show different colours: check --before-bands and "
                "--after-bands.",
            ),
        )
    return StepRecord(
        step="normalise",
        numbers={
            "method": radiometry.method,
            "source_knots": radiometry.source.tolist(),
            "target_knots": radiometry.target.tolist(),
            "residual": list(radiometry.residual),
            "correlation": list(radiometry.correlation),
            "core_share": radiometry.core_share,
            "strata": to_json(radiometry.strata),
        },
        options=asdict(options.normalise),
        cautions=cautions,
    )


def difference_record(
    measure: Measure, pair: PairReader, sample: Sample, options: DetectOptions
) -> StepRecord:
    """The measure, and the noise that it counts in."""
    return StepRecord(
        step="difference",
        numbers={
            "method": measure.method,
            "why": measure.why,
            "noise_mean": measure.noise.mean.tolist(),
            "noise_covariance": measure.noise.covariance.tolist(),
            "registration_px": float(np.median(pair.error.values)),
            "sampled_pixels": int(sample.before.shape[1]),
            "fitted": None if measure.fitted is measure.noise else to_json(measure.fitted),
        },
        options=asdict(options.difference),
    )


def threshold_record(cut: Cut, options: DetectOptions) -> StepRecord:
    """The cut."""
    return StepRecord(
        step="threshold",
        numbers={"threshold": cut.value, "rule": cut.rule},
        options=asdict(options.threshold),
    )


def decision_record(
    decision: Decision, missed: Missed | None, options: DetectOptions
) -> StepRecord:
    """What was asked, which decoys speak for it, what holds, and what would be missed."""
    return StepRecord(
        step="decision",
        numbers={
            **to_json(decision.numbers),
            "sentences": list(decision.sentences),
            "missed": None if missed is None else missed.numbers,
        },
        options=options.decision.named(),
        cautions=decision.cautions,
    )


def regions_record(scored: ScoredMap, plan: Plan, options: DetectOptions) -> StepRecord:
    """How many regions, and how large they had to be."""
    return StepRecord(
        step="regions",
        numbers={
            "regions": len(scored.regions),
            "least_pixels": least_pixels(plan, options),
            "observed_share": scored.observed.share,
        },
        options=asdict(options.regions),
    )
