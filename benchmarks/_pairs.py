"""Pairs whose displacement is known everywhere, from real imagery.

    python benchmarks/_pairs.py --scenario full --size 4096 --seed 7 --out FOLDER [--base FILE...]
                                [--bands 4] [--compress deflate]

The ground is sampled twice as finely as the pair.  Where a base image is smaller than that, the
ground is quilted from random crops: real texture, an invented layout.  The before image is every
second pixel of the blurred ground, without interpolation; the after image is the cubic spline
through the blurred ground at the displaced places.  A fourth band, near infrared, is invented from
the colours.  ``truth.tif`` tells what changed: 0 no, 1 yes, 255 not seen in both.  Everything is
made in strips of rows over a file on disk, which takes 12 bytes a pixel of the pair while it is
made, so that memory doesn't grow with the size.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from _displacement import Displacement, random_waves
from _places import picture, simulated_places
from _quilt import quilted
from numpy.typing import NDArray
from rasterio.transform import from_origin
from scipy import ndimage
from skimage.draw import polygon

PIXEL = 0.6
PSF = 1.0
"""Deviation of the blur in pixels of the ground: half a pixel of the pair."""

STRIP = 256
COARSE = 16
"""Pixels over which the displacement is taken as one where the truth is drawn: it varies by less
than a third of a pixel over them."""

NAMES = ("red", "green", "blue", "nir")
SHARE_CHANGED = 0.015


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """How two images of a ground differ."""

    move: tuple[float, float] = (0.0, 0.0)
    """Rows and cols, px."""

    rotation: float = 0.0
    scale: float = 1.0
    wave: float = 0.0
    """Amplitude of the local part, px."""

    haze: float = 0.0
    changes: bool = False
    collars: bool = False
    """Whether either image misses a slanted border."""


_FULL = Scenario(rotation=0.01, scale=1.00005, wave=1.2, haze=0.12, changes=True, collars=True)
_TURNED = replace(_FULL, rotation=0.05, scale=1.0002)

SCENARIOS: dict[str, Scenario] = {
    "shift": Scenario(move=(-1.68, 2.37)),
    "full": replace(_FULL, move=(-1.68, 2.37)),
    "big": replace(_TURNED, move=(-17.6, 23.4)),
    "far": replace(_TURNED, move=(-59.7, 80.3)),
}

_GAIN = np.array([1.12, 0.95, 1.05, 0.9])
_OFFSET = np.array([60.0, -30.0, 20.0, 40.0])
_HAZE = 2600 * np.array([1.0, 1.1, 1.25, 0.8])
_MATERIALS = np.array(
    [[222, 216, 208], [58, 60, 64], [196, 158, 112], [28, 48, 66], [66, 112, 48], [176, 78, 58]],
    float,
)


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What is known of a pair."""

    scenario: str
    size: int
    seed: int
    collars: bool
    displacement: Displacement

    def valid(self, rows: NDArray[np.float64], cols: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether what a before pixel shows has data in both images."""
        return self.seen(rows, cols, self.displacement.of_before(rows, cols))

    def seen(self, rows: Any, cols: Any, move: NDArray[np.float64]) -> NDArray[np.bool_]:
        """The same, of pixels whose displacement is known."""
        row, col = rows + move[0], cols + move[1]
        last = self.size - 2
        seen = (row >= 1) & (row <= last) & (col >= 1) & (col <= last)
        if self.collars:
            seen &= ~no_before(self.size, rows, cols) & ~no_after(self.size, row, col)
        return np.asarray(seen)

    def points(self, count: int = 64) -> NDArray[np.float64]:
        """Valid points of the before image, shape (2, points), from a lattice over all of it."""
        line = np.linspace(0, self.size - 1, count)
        rows, cols = (a.ravel() for a in np.meshgrid(line, line, indexing="ij"))
        keep = self.valid(rows, cols)
        return np.stack([rows[keep], cols[keep]])

    @classmethod
    def read(cls, folder: Path) -> Truth:
        values = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
        return cls(**values | {"displacement": Displacement.from_json(values["displacement"])})

    def write(self, folder: Path) -> None:
        text = json.dumps(asdict(self), indent=1)
        (folder / "truth.json").write_text(text, encoding="utf-8")


def no_before(size: int, rows: Any, cols: Any) -> NDArray[np.bool_]:
    return np.asarray(cols + 0.35 * rows < 0.10 * size)


def no_after(size: int, rows: Any, cols: Any) -> NDArray[np.bool_]:
    return np.asarray(cols - 0.20 * rows > 0.90 * size)


class Patch(NamedTuple):
    """Something that one image alone shows."""

    outline: NDArray[np.float64]
    """Rows and cols on the ground, shape (corners, 2)."""

    colour: NDArray[np.float64]
    when: str
    seed: int


class Ground(NamedTuple):
    """The ground on disk, twice as fine as the pair, with a margin around it."""

    pixels: NDArray[np.uint8]
    margin: int
    patches: list[Patch]


def write_pair(
    folder: Path,
    *,
    scenario: str,
    size: int,
    seed: int,
    base: Sequence[Path] = (),
    bands: int = 3,
    compress: str | None = None,
) -> Truth:
    """Write ``before.tif``, ``after.tif`` (uint16, nodata 0), ``truth.tif`` and ``truth.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = SCENARIOS[scenario]
    rng = np.random.default_rng([seed, size])
    displacement = Displacement(
        centre=((size - 1) / 2, (size - 1) / 2),
        move=kind.move,
        rotation=kind.rotation,
        scale=kind.scale,
        waves=random_waves(rng, count=4, amplitude=kind.wave, lengths=(900, 2500))
        if kind.wave
        else (),
    )
    truth = Truth(
        scenario=scenario, size=size, seed=seed, collars=kind.collars, displacement=displacement
    )
    edge = np.linspace(0, size - 1, 9)
    reach = np.abs(displacement.of_after(edge[:, None], edge[None, :])).max() + 2 * kind.wave
    margin = 2 * math.ceil(reach) + 32
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        files = list(base) or simulated_base(folder.parent / "towns")
        canvas = Path(scratch) / "ground.u8"
        pixels = quilted([picture(f, 100_000) for f in files], 2 * (size + margin), rng, canvas)
        patches = planted(size, margin, pixels, rng) if kind.changes else []
        ground = Ground(pixels, margin, patches)
        for role in ("before", "after"):
            parts = strips(role, truth, kind, ground, bands=bands)
            _write(folder / f"{role}.tif", size, parts, bands=bands, compress=compress)
        _write_truth(folder / "truth.tif", size, changed_strips(truth, ground))
        del pixels, ground, parts
    truth.write(folder)
    return truth


def simulated_base(folder: Path) -> list[Path]:
    return [place.files[0] for place in simulated_places(folder)]


def planted(
    size: int, margin: int, pixels: NDArray[np.uint8], rng: np.random.Generator
) -> list[Patch]:
    """Patches over a share of the ground, none over another, each unlike what it covers."""
    taken = np.zeros((size // 8 + 1, size // 8 + 1), bool)
    patches: list[Patch] = []
    area = 0.0
    while area < SHARE_CHANGED * size * size:
        radius = float(np.exp(rng.uniform(math.log(4), math.log(30))))
        centre = rng.uniform(50, size - 50, 2)
        low, high = (
            np.clip((centre + s * (1.5 * radius + 8)) // 8, 0, None).astype(int) for s in (-1, 1)
        )
        place = np.s_[low[0] : high[0] + 1, low[1] : high[1] + 1]
        if taken[place].any():
            continue
        taken[place] = True
        outline = _outline(radius, rng) + centre
        row, col = (2 * centre + margin).astype(int)
        below = pixels[:, row : row + 8, col : col + 8].reshape(3, -1).mean(1)
        unlike = [m for m in _MATERIALS if np.abs(m - below).mean() > 30]
        rows, cols = outline.T
        area += 0.5 * abs(rows @ np.roll(cols, 1) - cols @ np.roll(rows, 1))
        patches.append(
            Patch(
                outline=2 * outline + margin,
                colour=unlike[rng.integers(len(unlike))],
                when="after" if rng.random() < 0.6 else "before",
                seed=int(rng.integers(1 << 30)),
            )
        )
    return patches


def _outline(radius: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A turned rectangle or a ragged oval."""
    turn = rng.uniform(0, math.pi)
    if rng.random() < 0.6:
        a, b = radius, radius * rng.uniform(0.4, 1)
        corners = np.array([[-a, -b], [a, -b], [a, b], [-a, b]])
    else:
        angles = np.linspace(0, 2 * math.pi, 24, endpoint=False)
        b = radius * rng.uniform(0.5, 1)
        corners = np.c_[radius * np.cos(angles), b * np.sin(angles)]
        corners *= rng.uniform(0.85, 1.15, (24, 1))
    matrix = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    return np.asarray(corners @ matrix.T)


def strips(
    role: str, truth: Truth, kind: Scenario, ground: Ground, *, bands: int = 3
) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """An image of the pair, strip by strip: its first row and its pixels."""
    size, margin = truth.size, ground.margin
    cols = np.arange(size, dtype=np.float64)[None, :]
    for first in range(0, size, STRIP):
        rows = np.arange(first, min(first + STRIP, size), dtype=np.float64)[:, None]
        moved = truth.displacement.of_after(rows, cols) if role == "after" else np.zeros((2, 1, 1))
        at = 2 * (rows - moved[0]) + margin, 2 * (cols - moved[1]) + margin
        top, bottom = math.floor(at[0].min()) - 16, math.ceil(at[0].max()) + 17
        shown = np.array(ground.pixels[:, top:bottom], dtype=np.float32)
        paint(shown, top, [patch for patch in ground.patches if patch.when == role])
        if bands == 4:
            shown = np.concatenate([shown, near_infrared(shown)[None]])
        rng = np.random.default_rng([truth.seed, role == "after", first])
        strip = np.empty((bands, len(rows), size), np.uint16)
        for band, values in enumerate(shown):
            blurred = ndimage.gaussian_filter(values, PSF, truncate=5, mode="reflect")
            if role == "before":
                start = 2 * first + margin - top
                seen = blurred[start : start + 2 * len(rows) : 2, margin : margin + 2 * size : 2]
            else:
                where = [np.broadcast_to(a, (len(rows), size)) for a in (at[0] - top, at[1])]
                seen = ndimage.map_coordinates(blurred, where, order=3, mode="reflect")
            counts = 200 + 14.0 * seen
            if role == "after":
                counts = _hazy(counts, band, kind.haze, rows, cols, size)
            counts += rng.standard_normal(counts.shape) * np.sqrt(144 + 0.12 * counts.clip(0))
            strip[band] = np.clip(np.rint(counts), 1, 65535)
        if kind.collars:
            empty = (no_before if role == "before" else no_after)(size, rows, cols)
            strip[:, empty] = 0
        yield first, strip


def near_infrared(shown: NDArray[np.float32]) -> NDArray[np.float32]:
    """What plants would look like: bright where green outweighs red and blue."""
    red, green, blue = shown
    return np.clip(70 + 0.5 * green + 2 * (green - (red + blue) / 2), 1, 255)


def changed_strips(truth: Truth, ground: Ground) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """What changed, on the before image's pixels: 0 no, 1 yes, 255 not seen in both."""
    size = truth.size
    outlines = [(patch.outline - ground.margin) / 2 for patch in ground.patches]
    cols = np.arange(size)[None, :]
    for first in range(0, size, STRIP):
        rows = np.arange(first, min(first + STRIP, size))[:, None]
        coarse = truth.displacement.of_before(
            rows[::COARSE] + COARSE / 2, cols[:, ::COARSE] + COARSE / 2
        )
        move = coarse.repeat(COARSE, 1).repeat(COARSE, 2)[:, : len(rows), :size]
        strip = np.zeros((1, len(rows), size), np.uint8)
        for outline in outlines:
            if outline[:, 0].max() >= first and outline[:, 0].min() < first + len(rows):
                row, col = polygon(outline[:, 0] - first, outline[:, 1], strip.shape[1:])
                strip[0, row, col] = 1
        strip[0, ~truth.seen(rows, cols, move)] = 255
        yield first, strip


def _hazy(
    counts: NDArray[np.float64], band: int, haze: float, rows: Any, cols: Any, size: int
) -> NDArray[np.float64]:
    length = max(size, 1500)
    share = haze * (
        1
        + np.sin(2 * np.pi * (0.9 * cols + 0.5 * rows) / length)
        * np.cos(2 * np.pi * 0.7 * rows / length)
    )
    return np.asarray((counts * _GAIN[band] + _OFFSET[band]) * (1 - share) + _HAZE[band] * share)


def paint(shown: NDArray[np.float32], top: int, patches: Sequence[Patch]) -> None:
    """Draw patches onto rows of the ground from ``top`` on, the same whatever rows those are."""
    height, width = shown.shape[1:]
    for patch in patches:
        low = patch.outline.min(axis=0).astype(int) - 1
        shape = tuple(patch.outline.max(axis=0).astype(int) - low + 3)
        if low[0] >= top + height or low[0] + shape[0] <= top:
            continue
        grain = np.random.default_rng(patch.seed).normal(0, 9, shape)
        row, col = polygon(*(patch.outline - low).T, shape)
        values = np.clip(patch.colour[:, None] + grain[row, col], 1, 255)
        row, col = row + low[0] - top, col + low[1]
        inside = (row >= 0) & (row < height) & (col >= 0) & (col < width)
        shown[:, row[inside], col[inside]] = values[:, inside]


def _write(
    path: Path,
    size: int,
    parts: Iterator[tuple[int, NDArray[np.uint16]]],
    *,
    bands: int,
    compress: str | None,
) -> None:
    layout: dict[str, Any] = {"blockxsize": 256, "blockysize": 256}
    if compress:
        layout = {
            "blockxsize": 512, "blockysize": 512, "compress": compress, "num_threads": "all_cpus",
        }  # fmt: skip
    with _created(path, size, count=bands, dtype="uint16", nodata=0, **layout) as dataset:
        if bands == len(NAMES):
            dataset.descriptions = NAMES
        for first, strip in parts:
            dataset.write(strip, window=((first, first + strip.shape[1]), (0, size)))


def _write_truth(path: Path, size: int, parts: Iterator[tuple[int, NDArray[np.uint8]]]) -> None:
    with _created(
        path, size, count=1, dtype="uint8", nodata=255, blockxsize=256, blockysize=256,
        compress="deflate",
    ) as dataset:  # fmt: skip
        for first, strip in parts:
            dataset.write(strip, window=((first, first + strip.shape[1]), (0, size)))


def _created(path: Path, size: int, **profile: Any) -> Any:
    return rasterio.open(
        path, "w", driver="GTiff", width=size, height=size, crs="EPSG:32633",
        transform=from_origin(300_000, 5_200_000, PIXEL, PIXEL), tiled=True, BIGTIFF="IF_SAFER",
        **profile,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", choices=SCENARIOS, default="full")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--base", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--bands", type=int, choices=(3, 4), default=3)
    parser.add_argument("--compress", metavar="NAME", help="GDAL's name of a compression")
    options = parser.parse_args()
    if not options.base:
        print("no --base: the ground is a simulated town", file=sys.stderr)
    # A row of blocks is enough: by default GDAL would keep a twentieth of the machine's memory.
    with rasterio.Env(GDAL_CACHEMAX=256 * 2**20):
        write_pair(
            options.out,
            scenario=options.scenario,
            size=options.size,
            seed=options.seed,
            base=options.base,
            bands=options.bands,
            compress=options.compress,
        )


if __name__ == "__main__":
    main()
