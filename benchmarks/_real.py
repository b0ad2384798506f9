"""Real pairs: the verdict, the residual before and after, and how honest the expected error is."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from _ours import Answer, align, write_aligned
from _tables import markdown
from numpy.typing import NDArray
from skimage.registration import phase_cross_correlation

from imagery.options import ReadOptions

CE90 = 2.146
"""Radius that holds 90 % of a circular Gaussian, in its standard deviations along an axis."""

BLOCK_M = 3000.0
WINDOW = 64
"""Side, in px, of the windows that an independent method measures in held-out blocks."""

LEAST_CORRELATION = 0.7


@dataclass(frozen=True, kw_only=True)
class RealPair:
    """Two files of one place."""

    name: str
    before: str
    after: str
    bands: tuple[str | None, str | None] = (None, None)
    pixel_size: float | None = None
    """Metres, of images without a georeference."""


PAIRS = (
    RealPair(
        name="Sentinel-2, Berlin, 10 days",
        before="sentinel2_berlin/ref_S2A_20160608T153121_T33UUU_sub.tif",
        after="sentinel2_berlin/tgt_S2A_20160529T153631_T33UUU_sub.tif",
    ),
    RealPair(
        name="Landsat composites, Peru, 2015 to 2020",
        before="landsat_peru/2015.tif",
        after="landsat_peru/2020.tif",
    ),
    RealPair(
        name="Landsat composites, Peru, 1985 to 2020",
        before="landsat_peru/1985.tif",
        after="landsat_peru/2020.tif",
    ),
    RealPair(
        name="NAIP 5 m, North Dakota, 2009 to 2012",
        before="naip_north_dakota/m_4709963_se_14_1_20090818.tif",
        after="naip_north_dakota/m_4709963_se_14_1_20120731.tif",
    ),
    RealPair(
        name="NAIP 5 m, North Dakota, 2017 to 2019",
        before="naip_north_dakota/m_4709963_se_14_1_20170827.tif",
        after="naip_north_dakota/m_4709963_se_14_1_20190904.tif",
    ),
    RealPair(
        name="Landsat 8, Montreal, winter to summer",
        before="landsat8_montreal/cog1.tif",
        after="landsat8_montreal/cog2.tif",
    ),
    RealPair(
        name="ASTER, Esfahan, rotated grid",
        before="aster_esfahan/aster_1.tif",
        after="aster_esfahan/aster_2.tif",
    ),
    RealPair(
        name="Pleiades, Kahramanmaras, sensor geometry",
        before="pleiades_kahramanmaras/pre_event_img1.tif",
        after="pleiades_kahramanmaras/post_event_img1.tif",
        pixel_size=0.7,
    ),
    RealPair(
        name="Sentinel-2 against Landsat 8, South Africa",
        before="cross_sensor_south_africa/landsat8_byte.tif",
        after="cross_sensor_south_africa/sentinel2_b432_byte.tif",
        bands=("4,3,2", "1,2,3"),
    ),
)


def real_table(root: Path) -> str:
    lines = [row(root, pair) for pair in PAIRS if (root / pair.before).is_file()]
    head = ("pair", "verdict", "CE90 before", "CE90 after, on the ground", "with raised ties",
            "ties", "model", "within the expected error")  # fmt: skip
    parts = [
        "Real pairs with the defaults; CE90 in px on the windows that the co-registration holds "
        "out. Last, the share of them within the radius that holds nine in ten by the errors "
        "expected.",
        markdown(head, lines),
    ]
    if (root / PAIRS[0].before).is_file():
        parts.append(held_out_line(root, PAIRS[0]))
    return "\n\n".join(parts)


def row(root: Path, pair: RealPair) -> tuple[str, ...]:
    answer = _aligned(root, pair)
    if not answer.residual():
        return (pair.name, answer.verdict, "", found(answer.words), "", "", "", "")
    alignment = answer.alignment
    return (
        pair.name,
        answer.verdict,
        _ce90(answer.residual("initial")),
        _ce90(answer.residual()),
        _ce90(answer.residual("residual_all")),
        str(answer.residual().ties),
        str(getattr(alignment, "model", "")),
        coverage(answer),
    )


def _aligned(root: Path, pair: RealPair, after: Path | None = None) -> Answer:
    read = (
        ReadOptions(no_georeference=True, pixel_size=pair.pixel_size)
        if pair.pixel_size
        else ReadOptions()
    )
    return align(
        root / pair.before, after or root / pair.after, read=read, bands=pair.bands, workers=None
    )


def found(words: str) -> str:
    """What a refusal found, out of its one line."""
    parts = [part for part in words.split(" | ") if part.startswith("found: ")]
    return parts[0].removeprefix("found: ") if parts else words


def _ce90(residual: Any) -> str:
    return f"{residual.ce90:.2f}" if residual is not None else ""


def coverage(answer: Answer) -> str:
    """Share of the held-out ties on the ground that lie within 90 % of what they should err by."""
    ties: Any = getattr(answer.alignment, "tie_points", None)
    if ties is None:
        return ""
    keep = ties.held_out & (ties.status == "ground")
    if keep.sum() < 20:
        return ""
    distance = np.hypot(*ties.residual[keep].T) / ties.sigma[keep]
    return f"{(distance <= CE90).mean():.0%} of {keep.sum()}"


def held_out_line(root: Path, pair: RealPair) -> str:
    """The residual in blocks that the co-registration never saw, by a method of another library.

    Every fifth block of 3 km of the target is emptied before the co-registration; in these blocks
    alone, windows of the whole target, as it came and as the field moves it, are then measured
    against the reference by scikit-image's phase correlation.
    """
    with tempfile.TemporaryDirectory() as scratch:
        emptied, aligned = Path(scratch) / "emptied.tif", Path(scratch) / "aligned.tif"
        with rasterio.open(root / pair.after) as dataset:
            data, profile, affine = dataset.read(), dataset.profile, dataset.transform
        held = held_out(affine, data.shape[1:])
        with rasterio.open(emptied, "w", **profile) as dataset:
            dataset.write(np.where(held, profile["nodata"], data))
        answer = _aligned(root, pair, emptied)
        if not answer.accepted or answer.plan is None or answer.scenes is None:
            return f"{pair.name}, blocks of 3 km held out: {answer.verdict}"
        still, moving = answer.plan.still, answer.plan.moving
        # The field of the emptied target moves the whole one.
        if moving == "after":
            from dataclasses import replace

            whole = replace(answer.scenes["after"], path=root / pair.after, collar=None)
            answer = replace(answer, scenes={**answer.scenes, "after": whole})
        write_aligned(answer, aligned)
        files = {"before": root / pair.before, "after": root / pair.after}
        before = errors_in(files[still], files[moving], held_out)
        after = errors_in(files[still], aligned, held_out)
    both = before.keys() & after.keys()
    first, second = (np.array([e[k] for k in sorted(both)]) for e in (before, after))
    return (
        f"{pair.name}: in blocks of 3 km that the co-registration was not given, on "
        f"{len(both)} windows measured by scikit-image's phase correlation, CE90 "
        f"{np.percentile(first, 90):.2f} px before and {np.percentile(second, 90):.2f} px after "
        f"(median {np.median(first):.2f} and {np.median(second):.2f} px)."
    )


def held_out(affine: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """True in every fifth block of the map; blocks are counted in metres, alike in both images."""
    rows, cols = np.arange(shape[0]) + 0.5, np.arange(shape[1]) + 0.5
    down = np.floor((affine.f + affine.e * rows) / BLOCK_M).astype(int)
    across = np.floor((affine.c + affine.a * cols) / BLOCK_M).astype(int)
    return np.asarray((down[:, None] + 2 * across[None, :]) % 5 == 0)


def errors_in(
    still: Path, moving: Path, where: Callable[[Any, tuple[int, int]], NDArray[np.bool_]]
) -> dict[tuple[int, int], float]:
    """Length in px of the move of each textured window inside the held-out blocks, by its place."""
    with rasterio.open(still) as first, rasterio.open(moving) as second:
        affine = first.transform
        down = round((second.transform.f - affine.f) / affine.e)
        across = round((second.transform.c - affine.c) / affine.a)
        a, b = first.read(1).astype(np.float32), second.read(1).astype(np.float32)
    held = where(affine, a.shape)
    found_errors = {}
    for top in range(0, a.shape[0] - WINDOW, WINDOW // 2):
        for left in range(0, a.shape[1] - WINDOW, WINDOW // 2):
            place = np.s_[top : top + WINDOW, left : left + WINDOW]
            other = b[
                max(top - down, 0) : max(top - down + WINDOW, 0),
                max(left - across, 0) : max(left - across + WINDOW, 0),
            ]
            one = a[place]
            if not held[place].all() or other.shape != one.shape:
                continue
            if (one == 0).any() or (other == 0).any() or min(one.std(), other.std()) < 1:
                continue
            taper = np.outer(np.hanning(WINDOW), np.hanning(WINDOW))
            pair = [(i - i.mean()) * taper for i in (one, other)]
            move, *_ = phase_cross_correlation(*pair, upsample_factor=100, normalization=None)
            if np.abs(move).max() > 8:
                continue
            if np.corrcoef(one.ravel(), other.ravel())[0, 1] > LEAST_CORRELATION:
                found_errors[top, left] = float(np.hypot(*move))
    return found_errors
