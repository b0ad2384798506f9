"""Accuracy on simulated pairs with known truth, beside the usual script, and on real pairs.

    python benchmarks/accuracy.py [--seeds 3] [--readme]

Prints two tables in Markdown; ``--readme`` puts them between the markers in README.md.  Real pairs
are read at the path in TWOPASS_DATA and left out without it.  The usual script is what an analyst
would write with the same libraries: scikit-image's global phase correlation, a SciPy shift, a
z-scored change vector, Otsu's threshold and regions of 16 px and more.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
from rasterio.features import rasterize
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.registration import phase_cross_correlation

from aoi.options import AreaOptions
from aoi.workflow import detect_case
from imagery.errors import TwopassError
from imagery.options import DetectOptions, ReadOptions, SceneOptions
from imagery.shift import Shift
from imagery.simulate import SimulatedPair, parade_ground, true_shift

ROOT = Path(__file__).resolve().parents[1]
OURS, SCRIPT = "twopass, defaults", "usual script"
KINDS = ("walled_rectangle", "pen")

REAL = {
    "Sentinel-2, Berlin, 10 days": (
        "sentinel2_berlin/tgt_S2A_20160529T153631_T33UUU_sub.tif",
        "sentinel2_berlin/ref_S2A_20160608T153121_T33UUU_sub.tif",
    ),
    "NAIP 5 m, North Dakota, 2017 to 2019": (
        "naip_north_dakota/m_4709963_se_14_1_20170827.tif",
        "naip_north_dakota/m_4709963_se_14_1_20190904.tif",
    ),
    "NAIP 5 m, North Dakota, 2009 to 2012": (
        "naip_north_dakota/m_4709963_se_14_1_20090818.tif",
        "naip_north_dakota/m_4709963_se_14_1_20120731.tif",
    ),
    "Landsat composites, Peru, 2015 to 2020": ("landsat_peru/2015.tif", "landsat_peru/2020.tif"),
    "Landsat composites, Peru, 1985 to 2020": ("landsat_peru/1985.tif", "landsat_peru/2020.tif"),
    "ASTER, Esfahan, rotated grid": ("aster_esfahan/aster_1.tif", "aster_esfahan/aster_2.tif"),
    "Landsat 8, Montreal, winter to summer": (
        "landsat8_montreal/cog1.tif",
        "landsat8_montreal/cog2.tif",
    ),
    "Sentinel-2 against Landsat 8, South Africa": (
        "cross_sensor_south_africa/landsat8_byte.tif",
        "cross_sensor_south_africa/sentinel2_b432_byte.tif",
    ),
    "Gaofen-2, the same file twice": ("gaofen2/before.tif", "gaofen2/after.tif"),
    "Pleiades, Kahramanmaras, sensor geometry": (
        "pleiades_kahramanmaras/pre_event_img1.tif",
        "pleiades_kahramanmaras/post_event_img1.tif",
    ),
    "Two places (Gaofen-2 against Landsat, Peru)": ("gaofen2/before.tif", "landsat_peru/2020.tif"),
}
UNREFERENCED = (
    "Pleiades, Kahramanmaras, sensor geometry",
    "Two places (Gaofen-2 against Landsat, Peru)",
)


@dataclass(frozen=True)
class Figures:
    """What one method reaches on one simulated pair."""

    shift_rmse: float
    found: dict[str, tuple[int, int]]
    regions: int
    false_area_m2: float
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    text = "\n\n".join([simulated_table(options.seeds), real_table()]).strip()
    print(text)
    if options.readme:
        readme = ROOT / "README.md"
        pattern = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
        content = readme.read_text(encoding="utf-8")
        readme.write_text(pattern.sub(rf"\g<1>\n{text}\n\n\g<2>", content), encoding="utf-8")


def simulated_table(seeds: int) -> str:
    results: dict[str, list[Figures]] = {OURS: [], SCRIPT: []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(1, seeds + 1):
            pair = parade_ground(Path(folder) / str(seed), seed=seed)
            results[OURS].append(ours(pair, Path(folder) / f"case{seed}"))
            results[SCRIPT].append(usual_script(pair))
    lines = [
        f"Simulated parade ground, 1600 × 1600 px, 4 bands, {seeds} seeds; medians. Area: the "
        f"paved square. Machine: {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "| | shift error, RMSE px | walled rectangles found | pens found | regions | "
        "flagged on the square where nothing was planted | seconds |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in results.items():
        found = [
            "/".join(str(sum(f.found[kind][i] for f in figures)) for i in (0, 1)) for kind in KINDS
        ]
        lines.append(
            f"| {name} | {statistics.median(f.shift_rmse for f in figures):.3f} | {found[0]} | "
            f"{found[1]} | {statistics.median(f.regions for f in figures):,.0f} | "
            f"{statistics.median(f.false_area_m2 for f in figures):,.0f} m² | "
            f"{statistics.median(f.seconds for f in figures):.0f} |"
        )
    return "\n".join(lines)


def ours(pair: SimulatedPair, case: Path) -> Figures:
    start = time.perf_counter()
    record = detect_case(
        pair.before, pair.after, out=case, area_options=AreaOptions(aoi=str(pair.area))
    )["result"]
    seconds = time.perf_counter() - start
    numbers = next(s for s in record["steps"] if s["step"] == "coregister")["numbers"]["shift"]
    coefficients = numbers["coefficients"]
    shift = Shift(
        centre=tuple(numbers["centre"]),
        scale=numbers["scale"],
        linear=np.array(numbers["linear"]),
        knot_origin=tuple(numbers["knot_origin"]),
        knot_spacing=numbers["knot_spacing"],
        coefficients=None if coefficients is None else np.array(coefficients),
    )
    with rasterio.open(case / "rasters" / "change.tif") as dataset:
        labels, transform = dataset.read(1), dataset.transform
    return scored(pair, labels, transform, shift, seconds)


def usual_script(pair: SimulatedPair) -> Figures:
    start = time.perf_counter()
    with rasterio.open(pair.before) as dataset:
        before, transform = dataset.read().astype(np.float32), dataset.transform
    with rasterio.open(pair.after) as dataset:
        after = dataset.read().astype(np.float32)
    move, *_ = phase_cross_correlation(before.mean(0), after.mean(0), upsample_factor=100)
    after = np.stack([ndimage.shift(band, move, order=3, mode="nearest") for band in after])
    scaled = [
        (a - a.mean((1, 2))[:, None, None]) / a.std((1, 2))[:, None, None] for a in (before, after)
    ]
    size = np.sqrt(((scaled[1] - scaled[0]) ** 2).sum(0))
    labels, count = ndimage.label(size > threshold_otsu(size), np.ones((3, 3)))
    labels[np.bincount(labels.ravel(), minlength=count + 1)[labels] < 16] = 0
    seconds = time.perf_counter() - start
    return scored(pair, labels, transform, Shift.constant(*map(float, move)), seconds)


def scored(pair: SimulatedPair, labels, transform, shift: Shift, seconds: float) -> Figures:
    """Hold a label image against what was planted, on the paved square alone."""

    def burnt(shapes) -> np.ndarray:
        return rasterize(shapes, out_shape=labels.shape, transform=transform, dtype="uint8") > 0

    with rasterio.open(pair.before) as dataset:
        crs, whole = dataset.crs, dataset.transform
    square = burnt(gpd.read_file(pair.area).to_crs(crs).geometry)
    planted = gpd.read_file(pair.planted).to_crs(crs)
    found = {}
    for kind in KINDS:
        hits = [
            (labels[burnt([shape])] > 0).any() for shape in planted[planted.kind == kind].geometry
        ]
        found[kind] = (int(sum(hits)), len(hits))
    # Two metres around the planted: walls lean and cast a thin shadow.
    near = burnt(planted.geometry.buffer(2.0))
    rows, cols = (np.linspace(axis.min(), axis.max(), 40) for axis in np.nonzero(square))
    rows = rows + (transform.f - whole.f) / whole.e
    cols = cols + (transform.c - whole.c) / whole.a
    r, c = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
    error = shift.at(r, c) - true_shift(json.loads(pair.truth.read_text()), r, c)
    return Figures(
        shift_rmse=float(np.sqrt((error**2).sum(axis=0).mean())),
        found=found,
        regions=len(np.unique(labels[square])) - 1,
        false_area_m2=float((square & ~near & (labels > 0)).sum() * abs(whole.a * whole.e)),
        seconds=seconds,
    )


def real_table() -> str:
    root = os.environ.get("TWOPASS_DATA")
    if not root:
        return ""
    lines = [
        "Real pairs with the defaults; CE90 on held-out windows.",
        "",
        "| pair | verdict | CE90 before | CE90 after | sites |",
        "|---|---|---|---|---|",
    ]
    for name, (before, after) in REAL.items():
        lines.append(
            f"| {name} | {' | '.join(real_row(Path(root) / 'pairs', name, before, after))} |"
        )
    return "\n".join(lines)


def real_row(root: Path, name: str, before: str, after: str) -> list[str]:
    options = DetectOptions(
        read=ReadOptions(no_georeference=True, pixel_size=0.7)
        if name in UNREFERENCED
        else ReadOptions(),
        before=SceneOptions(bands="4,3,2") if "South Africa" in name else SceneOptions(),
        after=SceneOptions(bands="1,2,3")
        if "South Africa" in name or "Two places" in name
        else SceneOptions(),
    )
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = detect_case(
                root / before, root / after, out=Path(folder) / "case", options=options
            )["result"]
        except TwopassError as error:
            return [f"refused (exit {error.exit_status})", "", error.found or "", ""]
    alignment = result["alignment"]
    return [
        alignment["verdict"],
        f"{alignment['before_ce90_px']:.2f} px",
        f"{alignment['ce90_px']:.2f} px = {alignment['ce90_m']:.3g} m",
        str(result["changes"]["sites"]),
    ]


if __name__ == "__main__":
    main()
