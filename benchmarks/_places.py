"""The ground of the campaign: images of places, real ones where there are any.

Real imagery is read at the path in TWOPASS_DATA, or given by ``--base``; without both, towns are
simulated.  Every image becomes float32, (band, row, col), three bands, from 1 to 255.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import rasterio
from _nature import Image
from rasterio.errors import NotGeoreferencedWarning
from rasterio.windows import Window

from imagery.simulate import parade_ground


@dataclass(frozen=True)
class Place:
    """Images of one ground on one lattice of pixels."""

    name: str
    sensor: str
    """Places of one sensor are unrelated pairs of the hard sort."""

    files: tuple[Path, ...]
    """Dates of one ground; one alone serves for whatever needs no second date."""

    aligned: bool = True
    """Whether the dates are known to lie within a pixel of each other."""


_BOTH = ("before", "after")
_LEVIR = "labelled/levir_cd_1024"
_XBD = "labelled/xbd_mexico_512/mexico-earthquake_000000"
_NAIP = "pairs/naip_north_dakota/m_4709963_se_14_1_{}.tif"

CATALOGUE: tuple[tuple[str, str, str, tuple[str, ...], bool], ...] = (
    ("levir 12", "google", f"{_LEVIR}/test_12/{{}}.png", _BOTH, False),
    ("levir 1", "google", f"{_LEVIR}/train_1/{{}}.png", _BOTH, False),
    ("fotbcd 114", "aerial", "labelled/fotbcd/test_114_d29/{}.tif", _BOTH, False),
    ("fotbcd 13825", "aerial", "labelled/fotbcd/train_13825_d88/{}.tif", _BOTH, False),
    ("fotbcd 17870", "aerial", "labelled/fotbcd/train_17870_d33/{}.tif", _BOTH, False),
    ("fotbcd 142", "aerial", "labelled/fotbcd/val_142_d92/{}.tif", _BOTH, False),
    ("fotbcd 25", "aerial", "labelled/fotbcd/val_25_d29/{}.tif", _BOTH, False),
    ("whu 16", "whu", "labelled/whu_cd/lgpnet_test_16/{}.tif", _BOTH, False),
    ("whu 2", "whu", "labelled/whu_cd/lgpnet_train_2/{}.tif", _BOTH, False),
    ("whu 3", "whu", "labelled/whu_cd/lgpnet_train_3/{}.tif", _BOTH, False),
    ("whu 121", "whu", "labelled/whu_cd/ucdscm_000121/{}.png", _BOTH, False),
    *((f"mexico {n}", "maxar", f"{_XBD}{n}/{{}}.png", _BOTH, False)
      for n in ("03", "07", "08", "09", "13", "17")),
    ("florence", "maxar", "labelled/xbd/hurricane-florence_00000018/{}.png", _BOTH, False),
    ("dubai", "sentinel2", "labelled/oscd_rgb/dubai/{}.png", _BOTH, True),
    ("nanjing", "landsat", "labelled/landsat_taizhou_nanjing/nanjing/{}.tif", _BOTH, True),
    ("taizhou", "landsat", "labelled/landsat_taizhou_nanjing/taizhou/{}.tif", _BOTH, True),
    ("north dakota", "naip", _NAIP, ("20090818", "20120731", "20170827", "20190904"), True),
    ("peru", "landsat", "pairs/landsat_peru/{}.tif",
     ("1985", "1995", "2005", "2010", "2015", "2020"), True),
    ("gaofen", "gaofen", "pairs/gaofen2/{}.tif", ("before",), True),
    ("maras", "pleiades", "pairs/pleiades_kahramanmaras/{}_img1.tif", ("pre_event",), True),
    ("berlin", "sentinel2", "pairs/sentinel2_berlin/ref_S2A_{}_T33UUU_sub.tif",
     ("20160608T153121",), True),
    ("montreal", "landsat", "pairs/landsat8_montreal/{}.tif", ("cog2",), True),
)  # fmt: skip
"""Name, sensor, file of a date, dates, and whether these lie within a pixel of each other."""


def places(data: Path | None, base: Sequence[Path], *, work: Path) -> list[Place]:
    """All the places at hand; simulated towns, written into ``work``, where there are none."""
    found = [Place(path.stem, "base", (path,)) for path in base]
    if data:
        for name, sensor, file, dates, aligned in CATALOGUE:
            files = tuple(data / file.format(date) for date in dates)
            if all(path.is_file() for path in files):
                found.append(Place(name, sensor, files, aligned))
    return found or simulated_places(work)


def simulated_places(work: Path, *, size: int = 1600) -> list[Place]:
    """Two towns around parade grounds, the second one turned: all towns share their streets."""
    found = []
    for number in (1, 2):
        folder = work / f"town{number}"
        if not (folder / "truth.json").exists():
            town = parade_ground(folder, seed=number, size=size)
            if number == 2:
                _turn(town.before)
        found.append(Place(f"town {number}", f"simulated {number}", (folder / "before.tif",)))
    return found


def _turn(path: Path) -> None:
    with rasterio.open(path, "r+") as dataset:
        dataset.write(np.rot90(dataset.read(), axes=(1, 2)))


@lru_cache(maxsize=24)
def picture(file: Path, largest: int = 1100) -> Image:
    """A file's densest part, (3, row, col), from 1 to 255; at most ``largest`` px a side."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(file) as dataset:
            bands = [min(b, dataset.count) for b in (1, 2, 3)]
            height, width = dataset.height, dataset.width
            rows, cols = min(height, largest), min(width, largest)
            window = Window((width - cols) // 2, (height - rows) // 2, cols, rows)
            data = dataset.read(bands, window=window).astype(np.float32)
    valid = data.max(0) > 0
    if data.max() > 255:
        low, high = np.percentile(data[:, valid], [0.5, 99.5])
        data = (data - low) / (high - low) * 220 + 15
    data = np.clip(data, 1, 255)
    data[:, ~valid] = 0
    return _trimmed(data)


def _trimmed(data: Image) -> Image:
    """Without the rows and cols at the edges that hold more than a few empty pixels."""
    while (empty := (data.max(0) == 0)).any() and min(data.shape[1:]) > 64:
        shares = {
            (1, 0): empty[0].mean(),
            (1, -1): empty[-1].mean(),
            (2, 0): empty[:, 0].mean(),
            (2, -1): empty[:, -1].mean(),
        }
        (axis, end), share = max(shares.items(), key=lambda item: item[1])
        if share < 0.02:
            break
        step = max(1, math.ceil(min(data.shape[1:]) / 100))
        keep = slice(step, None) if end == 0 else slice(None, -step)
        data = data[:, keep] if axis == 1 else data[:, :, keep]
    return np.ascontiguousarray(np.where(data > 0, data, 1))
