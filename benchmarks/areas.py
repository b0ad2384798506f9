"""Areas: whether the 90 % interval of a change's area holds the true area of planted objects.

    python benchmarks/areas.py [--trials 40] [--seed 2026] [--threshold RULE] [--readme]

Objects of known area are planted into grounds where nothing else changes (``_planting.py``), and
found as twopass does: normalised, scored, cut, outlined and labelled.  Real grounds are windows of
single images at the path in TWOPASS_DATA, each used twice with noise of its own; without it, towns
are simulated alone.  ``--readme`` puts the tables between their markers in docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import shapely
from _places import simulated_places
from _planting import Image, Planted, Trial, plant, windows
from _tables import machine, markdown, publish, today, wilson
from numpy.typing import NDArray
from rasterio.features import shapes

from aoi.changes.interval import Outlining, area_interval
from imagery import difference, normalise
from imagery.blocks import Window
from imagery.empirical_null import a_contrario, fit_null
from imagery.measure import Measure
from imagery.options import ThresholdOptions
from imagery.regions import Regions, ScoredTile, keep_regions, label_regions, regions_in
from imagery.sampling import Pair, Sample, gradients
from imagery.scoring import DEFAULT_MIN_PIXELS
from imagery.shift_error import ShiftError
from imagery.strength import strength_of
from imagery.threshold import find_threshold

HERE = Path(__file__).resolve().parent
LEAST_SHIFT = 0.1
"""What the pipeline adds to the expected misregistration, px."""

ONE_IN = 7
"""Pixels, of which one is in the sample that fits rest on."""

FOUND = 0.5
"""Intersection over union from which a polygon is that of an object."""

REAL: dict[str, tuple[str, ...]] = {
    "real": (
        "naip_north_dakota/m_4709963_se_14_1_20090818.tif",
        "landsat_peru/1985.tif",
        "gaofen2/before.tif",
        "pleiades_kahramanmaras/pre_event_img1.tif",
        "sentinel2_berlin/ref_S2A_20160608T153121_T33UUU_sub.tif",
        "landsat8_montreal/cog2.tif",
    ),
    "real, held out": (
        "aster_esfahan/aster_1.tif",
        "cross_sensor_south_africa/ngi_rgb_byte_1.tif",
        "cross_sensor_south_africa/sentinel2_b432_byte.tif",
        "bear_lake_two_sensors/source1.tif",
        "pleiades_kahramanmaras/post_event_img2.tif",
        "naip_north_dakota/m_4709963_se_14_1_20190904.tif",
    ),
}
"""Files of grounds.  The interval was made with the first, and never saw the second."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A polygon, and the object that it is of."""

    ground: str
    planted: Planted
    beside: float
    area: float
    low: float
    high: float

    @property
    def truth(self) -> float:
        return float(self.planted.outline.area)


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Objects planted on one kind of ground: found as one polygon, in parts, or not at all."""

    ground: str
    one: int
    parts: int
    missed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40, help="pairs on each kind of ground")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threshold", default=ThresholdOptions().threshold, metavar="RULE")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    found: list[Found] = []
    counts = []
    with tempfile.TemporaryDirectory() as work:
        for ground, files in grounds(Path(work)).items():
            rows: list[Found] = []
            tally = np.zeros(3, int)
            for image in windows(files, most=options.trials, rng=rng):
                new, counted = searched(
                    plant(image, rng), ground=ground, threshold=options.threshold
                )
                rows += new
                tally += counted
            found += rows
            one, parts, missed = tally.tolist()
            counts.append(Counts(ground=ground, one=one, parts=parts, missed=missed))
    text = report(found, counts, seed=options.seed)
    print(text)
    if options.readme:
        publish(HERE.parent, "areas", text)


def grounds(work: Path) -> dict[str, tuple[Path, ...]]:
    """Files of grounds by kind."""
    found = {"simulated": tuple(place.files[0] for place in simulated_places(work))}
    data = os.environ.get("TWOPASS_DATA")
    for kind, names in REAL.items() if data else ():
        files = tuple(Path(data or "") / "pairs" / name for name in names)
        found[kind] = tuple(file for file in files if file.is_file())
    return {kind: files for kind, files in found.items() if files}


def searched(
    trial: Trial, *, ground: str, threshold: str
) -> tuple[list[Found], tuple[int, int, int]]:
    """The polygons that are of objects; and objects found as one, in parts, and not at all."""
    error = float(np.hypot(trial.beside / np.sqrt(2), LEAST_SHIFT))
    regions, labels, cut = changes(trial, error=error, rule=threshold)
    polygons = outlines(labels)
    low, high = area_interval(
        polygons,
        strength=regions.score_mean,
        how=Outlining(threshold=cut, misregistration=ShiftError.constant(error)),
    )
    areas, rows, parts, missed = shapely.area(polygons), [], 0, 0
    for planted in trial.objects:
        common = shapely.area(shapely.intersection(polygons, planted.outline))
        agreement = common / (areas + planted.outline.area - common)
        if not (common > 0).any():
            missed += 1
        elif agreement.max() <= FOUND:
            parts += 1
        else:
            best = int(agreement.argmax())
            rows.append(
                Found(
                    ground=ground,
                    planted=planted,
                    beside=trial.beside,
                    area=float(areas[best]),
                    low=float(low[best]),
                    high=float(high[best]),
                )
            )
    return rows, (len(rows), parts, missed)


def changes(trial: Trial, *, error: float, rule: str) -> tuple[Regions, NDArray[np.uint32], float]:
    """The changes of a pair, as the pipeline finds them, where they lie, and the threshold."""
    before, after = trial.before, trial.after
    seen = np.ones(before.shape[1:], bool)
    spill = gradients(after, seen) * np.float32(error)
    sample = Sample(
        before=_thinned(before),
        after=_thinned(after),
        spill=_thinned(spill),
        seen=seen.size,
        total=seen.size,
    )
    radiometry = normalise.METHODS["linear"](sample)
    noise = difference.fit_noise(
        radiometry.apply(sample.after) - sample.before, quantisation=np.full(len(before), 1 / 6)
    )
    measure = Measure(method="cva", radiometry=radiometry, noise=noise)
    singles = measure.score_sample(sample)
    cut = find_threshold(singles, options=ThresholdOptions(threshold=rule)).value
    pair = measure.normalised(
        Pair(
            before=before,
            after=after,
            spill=spill,
            error=np.full(seen.shape, error, np.float32),
            seen=seen,
        )
    )
    scores = measure.scored(pair)
    window = Window(0, 0, *seen.shape)
    tile = ScoredTile(
        window=window,
        score=scores.score,
        signed=scores.signed,
        strength=strength_of(scores.score, seen),
        candidate=measure.candidates(pair, scores.score, above=cut),
        seen=seen,
        beside_unseen=~seen,
        inside=seen,
    )
    parts = [regions_in(tile, window=window)]
    found = label_regions(parts, window=window, least_pixels=DEFAULT_MIN_PIXELS, spool=io.BytesIO())
    high = a_contrario(fit_null(singles), pixels=seen.size) if rule == "auto" else 0.0
    keep_regions(found, found.regions.strength >= high)
    return found.regions, found.labels(window), cut


def _thinned(values: Image) -> Image:
    return np.ascontiguousarray(values.reshape(*values.shape[:-2], -1)[..., ::ONE_IN])


def outlines(labels: NDArray[np.uint32]) -> NDArray[np.object_]:
    """Polygons in pixel coordinates, in the order of the ids."""
    pieces: dict[int, list[shapely.Geometry]] = {}
    for piece, region in shapes(labels.astype(np.int32), mask=labels > 0):
        pieces.setdefault(int(region), []).append(shapely.geometry.shape(piece))
    return np.array([shapely.MultiPolygon(pieces[n]) for n in sorted(pieces)], dtype=object)


SIZES = (("4 to 100 px²", 0, 100), ("100 to 600 px²", 100, 600), ("above 600 px²", 600, np.inf))
CONTRASTS = (("10 to 20 %", 0, 0.2), ("20 to 40 %", 0.2, 0.4), ("40 to 60 %", 0.4, 1))
BESIDE = (("0 to 0.15 px", 0, 0.15), ("0.15 to 0.3 px", 0.15, 0.3), ("0.3 to 0.4 px", 0.3, 1))
SHAPES = {"rectangle": "rectangles", "L": "L-shapes", "disc": "discs", "wall": "walls of 2 px"}


def report(found: Sequence[Found], counts: Sequence[Counts], *, seed: int) -> str:
    """All tables in Markdown."""
    classes: list[tuple[str, Callable[[Found], bool]]] = [("all", lambda _: True)]
    classes += [(name, _on(name)) for name in dict.fromkeys(one.ground for one in counts)]
    classes += [(name, _between(lambda f: f.truth, a, b)) for name, a, b in SIZES]
    classes += [(name, _shaped(shape)) for shape, name in SHAPES.items()]
    classes += [
        ("contrast " + name, _between(lambda f: abs(f.planted.contrast), a, b))
        for name, a, b in CONTRASTS
    ]
    classes += [
        ("misregistered by " + name, _between(lambda f: f.beside, a, b)) for name, a, b in BESIDE
    ]
    rows = [line(name, [f for f in found if member(f)]) for name, member in classes]
    head = ("class", "polygons", "truth inside the interval", "truth below", "truth above",
            "area / truth, median", "half width / area, median")  # fmt: skip
    lead = (
        f"{today()}; {machine()}. Seed {seed}. In brackets, the 95 % interval of the share "
        "(Wilson)."
    )
    planted = markdown(
        ("ground", "objects", "found as one", "in parts or swollen", "not found"),
        [(c.ground, c.one + c.parts + c.missed, c.one, c.parts, c.missed) for c in counts],
    )
    return "\n\n".join([lead, markdown(head, rows), planted])


def _on(ground: str) -> Callable[[Found], bool]:
    return lambda found: found.ground == ground


def _shaped(shape: str) -> Callable[[Found], bool]:
    return lambda found: found.planted.shape == shape


def _between(value: Callable[[Found], float], low: float, high: float) -> Callable[[Found], bool]:
    return lambda found: low <= value(found) < high


def line(name: str, found: Sequence[Found]) -> tuple[str, ...]:
    """One class: how often its intervals hold the truth."""
    count = len(found)
    if not count:
        return (name, "0", "–", "–", "–", "–", "–")
    below = sum(f.truth < f.low for f in found)
    above = sum(f.truth > f.high for f in found)
    held = count - below - above
    low, high = wilson(held, count)
    return (
        name,
        str(count),
        f"{held / count:.1%} ({low:.1%} to {high:.1%})",
        f"{below / count:.1%}",
        f"{above / count:.1%}",
        f"{median(f.area / f.truth for f in found):.2f}",
        f"{median((f.high - f.low) / 2 / f.area for f in found):.2f}",
    )


if __name__ == "__main__":
    main()
