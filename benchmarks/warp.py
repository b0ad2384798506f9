"""How fast an image is resampled, beside SciPy and GDAL, and how fast it is read.

    python benchmarks/warp.py [--rounds 15]

Prints a table in Markdown: medians of rounds in which all ways take turns, on one thread, so that
what else the machine does falls on all of them alike.  The image is made up (noise of 16 bits,
three bands, with nodata) and cached by GDAL; the shift is a smooth one, some pixels strong.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.warp import Resampling, reproject
from scipy import ndimage

from imagery.blocks import Window
from imagery.env import handle, raster_environment
from imagery.options import ReadOptions, SceneOptions
from imagery.read import open_scene, read_window
from imagery.scene import Scene
from imagery.shift import Shift
from imagery.warp import warp_window

SIDE, TILE, BANDS, HALO = 4096, 512, (1, 2, 3), 16
TRANSFORM = Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000)
WINDOW = Window(1024, 1024, 1024 + TILE, 1024 + TILE)
CRS = "EPSG:32651"

SMOOTH = Shift(
    centre=(SIDE / 2, SIDE / 2),
    scale=SIDE / 2,
    linear=np.array([[4.0, -1.5, 0.7], [-7.0, 0.4, 2.1]]),
    knot_origin=(-20.0, -20.0),
    knot_spacing=256.0,
    coefficients=np.random.default_rng(5).normal(0, 0.8, (2, 20, 20)),
)


def image(path: Path) -> None:
    values = np.random.default_rng(0).integers(1, 4000, (len(BANDS), SIDE, SIDE)).astype(np.uint16)
    with rasterio.open(
        path, "w", driver="GTiff", width=SIDE, height=SIDE, count=len(BANDS), dtype="uint16",
        nodata=0, crs=CRS, transform=TRANSFORM, tiled=True, blockxsize=512, blockysize=512,
    ) as dataset:  # fmt: skip
        dataset.write(values)


def raw(path: Path, window: Window) -> NDArray[np.uint16]:
    at = rasterio.windows.Window(window.left, window.top, window.width, window.height)
    return np.asarray(handle(path).read(BANDS, window=at))


def by_scipy(path: Path) -> None:
    """The same by spline_filter and map_coordinates in single precision."""
    padded = WINDOW.padded(HALO)
    rows, cols = (np.arange(start, start + TILE, dtype=float) for start in (1024, 1024))
    move = SMOOTH.on_grid(rows, cols)
    at = rows[:, None] - move[0] - padded.top, cols[None, :] - move[1] - padded.left
    for band in raw(path, padded).astype(np.float32):
        spline = ndimage.spline_filter(band, order=3, output=np.float32, mode="mirror")
        ndimage.map_coordinates(spline, at, output=np.float32, order=3, prefilter=False)


def by_gdal(path: Path) -> None:
    """GDAL's cubic convolution by a fraction of a pixel: less smooth, and no shift that varies."""
    padded = WINDOW.padded(HALO)
    source = raw(path, padded)
    out = np.zeros((len(BANDS), TILE, TILE), np.float32)
    reproject(
        source.astype(np.float32),
        out,
        src_transform=TRANSFORM * Affine.translation(padded.left, padded.top),
        dst_transform=TRANSFORM * Affine.translation(WINDOW.left + 0.3, WINDOW.top + 0.4),
        src_crs=CRS,
        dst_crs=CRS,
        resampling=Resampling.cubic,
        num_threads=1,
    )


def medians(ways: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of processor time of this thread."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.thread_time()
            way()
            if number:  # the first round warms up
                taken[name].append(time.thread_time() - start)
    return {name: statistics.median(times) for name, times in taken.items()}


def start_up() -> tuple[float, float, float]:
    """Seconds of processor time to import numba, and to import the warp first and later."""

    def child(code: str, cache: str) -> float:
        head = "import numpy, scipy.ndimage, rasterio, pyproj, odc.geo.geobox, time\n"
        tail = "\nprint(time.process_time() - start)"
        code = f"{head}start = time.process_time()\n{code}{tail}"
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "NUMBA_CACHE_DIR": cache},
            capture_output=True,
            text=True,
            check=True,
        )
        return float(done.stdout)

    with tempfile.TemporaryDirectory() as cache:
        numba = statistics.median(child("import numba", cache) for _ in range(3))
        first = child("import imagery.warp", cache)
        later = statistics.median(child("import imagery.warp", cache) for _ in range(3))
    return numba, first, later


def table(scene: Scene, path: Path, rounds: int) -> None:
    tile = TILE * TILE * len(BANDS) / 1e6
    warps = medians(
        {
            "twopass, smooth shift": lambda: warp_window(
                scene, scene.geobox, WINDOW, bands=BANDS, shift=SMOOTH
            ),
            "SciPy, the same": lambda: by_scipy(path),
            "GDAL cubic, constant shift": lambda: by_gdal(path),
        },
        rounds,
    )
    ours = warps["twopass, smooth shift"]
    print("| a tile of 512 px, 3 bands | ms | Mpx/s, a band | times twopass |\n|---|---|---|---|")
    for name, taken in warps.items():
        print(f"| {name} | {1000 * taken:.1f} | {tile / taken:.0f} | {taken / ours:.1f} |")
    near = Window(1000, 1000, 1608, 1608)
    reads = {
        "608 px": (lambda: read_window(scene, near, bands=BANDS), lambda: raw(path, near)),
        "4096 px by 4": (
            lambda: read_window(scene, scene.window, bands=BANDS, decimate=4),
            lambda: raw(path, scene.window),
        ),
    }
    print("\n| read, 3 bands of 16 bits | ms | rasterio alone, ms | ratio |\n|---|---|---|---|")
    for name, (own, bare) in reads.items():
        found = medians({"own": own, "bare": bare}, rounds)
        print(
            f"| {name} | {1000 * found['own']:.1f} | {1000 * found['bare']:.1f} "
            f"| {found['own'] / found['bare']:.1f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, raster_environment():
        path = Path(folder) / "image.tif"
        image(path)
        scene = open_scene(
            path, role="before", scene_options=SceneOptions(), read_options=ReadOptions()
        )
        table(scene, path, rounds)
    numba, first, later = start_up()
    print(
        f"\nImporting numba takes {numba:.2f} s; the warp's loops, with it and what else it "
        f"imports, {first:.1f} s when they are first compiled and {later:.2f} s from then on."
    )


if __name__ == "__main__":
    main()
