"""Change maps against labels, one setting for all, beside classical methods on the same pixels.

    python benchmarks/change.py [--methods auto ...] [--sets NAME ...] [--planted DIR ...]

Labelled pairs are read at the path in TWOPASS_DATA; a planted pair is a folder with before.tif,
after.tif and truth.tif.  One setting serves all pairs; what the data are (radar or not, the size
of a pixel) is told.  ``--readme`` puts the tables between their markers in
docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from _classical import OPTICAL, RADAR
from _tables import machine, markdown, publish, today
from numpy.typing import NDArray
from scipy import ndimage

from imagery.detect import detect
from imagery.errors import TwopassError
from imagery.options import CoregisterOptions, DetectOptions, DifferenceOptions, ReadOptions

ROOT = Path(__file__).resolve().parents[1]
IGNORED = 255

LARGE = 30
"""Pixels from which on an object should be found."""


@dataclass(frozen=True)
class Kind:
    """What is known of a set of pairs beforehand."""

    title: str
    pixel_m: float
    radar: bool = False


SETS = {
    "landsat_taizhou_nanjing": Kind("Landsat, 30 m, two cities", 30),
    "oscd_rgb": Kind("Sentinel-2 colours, Dubai", 10),
    "dsifn_256": Kind("Land cover, 2 m", 2),
    "fotbcd": Kind("Buildings, aerial 0.2 m", 0.2),
    "levir_cd_1024": Kind("Buildings, 0.5 m", 0.5),
    "whu_cd": Kind("Buildings, aerial 0.2 m, WHU", 0.2),
    "ombria_s2": Kind("Floods, Sentinel-2 colours", 10),
    "sar_classic": Kind("Radar: five classic pairs", 20, radar=True),
    "ombria_s1": Kind("Radar: floods, Sentinel-1", 10, radar=True),
}


@dataclass(frozen=True)
class Judged:
    """A change map held against a label."""

    hits: int
    false: int
    missed: int
    right: int
    precision: float
    """Average precision of the scores; NaN without a changed pixel."""

    @property
    def f1(self) -> float:
        return 2 * self.hits / max(1, 2 * self.hits + self.false + self.missed)

    @property
    def kappa(self) -> float:
        total = self.hits + self.false + self.missed + self.right
        found, there = self.hits + self.false, self.hits + self.missed
        chance = (found * there + (total - found) * (total - there)) / total**2
        return ((self.hits + self.right) / total - chance) / max(1 - chance, 1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--methods", nargs="+", default=["auto"])
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--most", type=int, default=1000, help="pairs of a set, the first by name")
    parser.add_argument("--planted", type=Path, nargs="*", default=[], metavar="DIR")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    parts = []
    data = os.environ.get("TWOPASS_DATA")
    if data:
        rows = [
            row
            for name in options.sets
            for row in rows_of(Path(data) / "labelled" / name, options.methods, options.most)
        ]
        head = ["pairs", "method", "F1, pooled", "average precision", "kappa, mean", "kappa, least"]
        parts.append(
            "Pixels, against labels. F1 over all pixels of a set together; average precision of "
            f"the scores, and kappa, of each pair. {today()}, {machine()}.\n\n"
            + markdown(head, rows)
        )
    if options.planted:
        rows = [row for folder in options.planted for row in planted(folder, options.methods)]
        parts.append(
            "Planted objects, known to the pixel.\n\n"
            + markdown(
                [
                    "pair",
                    "method",
                    "F1",
                    "average precision",
                    f"objects of {LARGE} px and more found",
                    "changes that touch no object",
                ],
                rows,
            )
        )
    text = "\n\n".join(parts)
    print(text)
    if options.readme:
        publish(ROOT, "change", text)


def rows_of(folder: Path, methods: list[str], most: int) -> Iterator[list[str]]:
    """A row of the table for each method, ours first."""
    kind = SETS[folder.name]
    pairs = sorted(path for path in folder.iterdir() if path.is_dir())[:most]
    for method in methods:
        found = [ours(pair, kind, method) for pair in pairs]
        yield row(f"{kind.title} ({len(pairs)})", f"twopass, {method}", found)
    for name, function in (RADAR if kind.radar else OPTICAL).items():
        found = []
        for pair in pairs:
            before, after, label = images(pair)
            valid = np.ones(label.shape, bool)
            found.append(judged(*function(before, after, valid), label, valid))
        yield row(f"{kind.title} ({len(pairs)})", name, found)


def row(pairs: str, method: str, found: list[Judged | None]) -> list[str]:
    good = [f for f in found if f is not None]
    if not good:
        return [pairs, method, "refused", "", "", ""]
    refused = f" ({len(found) - len(good)} refused)" if len(good) < len(found) else ""
    pooled = Judged(
        *(sum(getattr(f, name) for f in good) for name in ("hits", "false", "missed", "right")),
        precision=float(np.nanmean([f.precision for f in good])),
    )
    kappas = [f.kappa for f in good]
    return [
        pairs,
        method + refused,
        f"{pooled.f1:.3f}",
        f"{pooled.precision:.3f}",
        f"{np.mean(kappas):.3f}",
        f"{min(kappas):.3f}",
    ]


def ours(pair: Path, kind: Kind, method: str) -> Judged | None:
    """The regions that the whole way outlines, on pixels that it observed; None where refused."""
    options = DetectOptions(
        read=ReadOptions(no_georeference=True, pixel_size=kind.pixel_m),
        # The pairs come aligned, and some are too small or too changed for a verdict.
        coregister=CoregisterOptions(accept_alignment="a labelled pair"),
        difference=DifferenceOptions(
            method=method,  # type: ignore[arg-type]
            radar_units="amplitude" if kind.radar else "auto",
        ),
    )
    return scored(pair, options, images(pair)[2])


def scored(pair: Path, options: DetectOptions, label: NDArray[np.uint8]) -> Judged | None:
    found = mapped(pair, options)
    if found is None:
        return None
    return judged(found.score, found.change > 0, label[found.rows, found.cols], found.seen)


@dataclass(frozen=True, kw_only=True, eq=False)
class Mapped:
    """The rasters of a change map, and where they lie on the images."""

    change: NDArray[np.uint32]
    score: NDArray[np.float32]
    seen: NDArray[np.bool_]
    rows: slice
    cols: slice


def mapped(pair: Path, options: DetectOptions) -> Mapped | None:
    """What the whole way makes of a pair; None where it is refused."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            found = detect(
                file_of(pair, "before"), file_of(pair, "after"), folder=Path(scratch),
                options=options,
            )  # fmt: skip
        except TwopassError as error:
            print(f"{pair.name}: {error}")
            return None
        change, score, valid = (
            rasterio.open(found.rasters[name]).read(1) for name in ("change", "score", "valid")
        )
    window = found.plan.display
    return Mapped(
        change=change,
        score=score,
        seen=valid == 0,
        rows=slice(window.top, window.bottom),
        cols=slice(window.left, window.right),
    )


def planted(folder: Path, methods: list[str]) -> Iterator[list[str]]:
    with rasterio.open(folder / "truth.tif") as dataset:
        truth = (dataset.read(1) > 0).astype(np.uint8)
    for method in methods:
        options = DetectOptions(
            difference=DifferenceOptions(method=method)  # type: ignore[arg-type]
        )
        found = mapped(folder, options)
        name = f"twopass, {method}"
        if found is None:
            yield [folder.name, name, "refused", "", "", ""]
            continue
        there = truth[found.rows, found.cols]
        figures = judged(found.score, found.change > 0, there, found.seen)
        objects, false = counted(found.change, there > 0, found.seen)
        yield [
            folder.name,
            name,
            f"{figures.f1:.3f}" if there.any() else "",
            f"{figures.precision:.3f}" if there.any() else "",
            objects,
            str(false),
        ]


def counted(
    change: NDArray[np.integer], there: NDArray[np.bool_], seen: NDArray[np.bool_]
) -> tuple[str, int]:
    """How many of the large objects are touched by a change, and changes that touch none."""
    labels, count = ndimage.label(there & seen, np.ones((3, 3)))
    numbers = np.arange(1, count + 1)
    large = ndimage.sum(there, labels, numbers) >= LARGE
    hit = np.asarray(ndimage.maximum(change > 0, labels, numbers), bool)
    touching = set(np.unique(change[there])) - {0}
    return f"{int((hit & large).sum())} of {int(large.sum())}", int(change.max()) - len(touching)


def judged(
    score: NDArray[np.floating],
    change: NDArray[np.bool_],
    label: NDArray[np.uint8],
    valid: NDArray[np.bool_],
) -> Judged:
    """Figures on the labelled, valid pixels."""
    use = valid & (label != IGNORED)
    there, found = label[use] == 1, change[use]
    return Judged(
        hits=int((found & there).sum()),
        false=int((found & ~there).sum()),
        missed=int((~found & there).sum()),
        right=int((~found & ~there).sum()),
        precision=average_precision(score[use], there),
    )


def average_precision(score: NDArray[np.floating], there: NDArray[np.bool_]) -> float:
    """Mean over the changed pixels of the precision at each one's score."""
    if not there.any():
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(there[order])
    precision = hits / np.arange(1, len(hits) + 1)
    return float(precision[there[order]].mean())


def images(pair: Path) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint8]]:
    """Both images, and the label: 0 unchanged, 1 changed, 255 ignored."""
    read = {
        name: rasterio.open(file_of(pair, name)).read() for name in ("before", "after", "label")
    }
    label = read["label"][0]
    if not (IGNORED in label and 1 in label) and label.max() > 1:
        label = (label > 0).astype(np.uint8)
    return read["before"].astype(float), read["after"].astype(float), label


def file_of(pair: Path, name: str) -> Path:
    return next(path for path in sorted(pair.glob(f"{name}.*")) if path.suffix in (".tif", ".png"))


if __name__ == "__main__":
    main()
