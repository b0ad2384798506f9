"""One way to align a target onto a reference, as a program: read, align, warp, write.

    python _methods.py METHOD REFERENCE TARGET ALIGNED.tif [POINTS.npy ESTIMATE.npy] [NAME=VALUE...]

With points, of shape (2, points): rows and cols of the reference, the displacement that the method
found is written too, of the same shape: what lies at ``p`` lies at ``p + estimate`` in the target.
That comes after the clock has stopped.  Each method imports its own library, so that the program
runs wherever that is installed.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np


def main():
    words = sys.argv[1:]
    settings = dict(word.split("=", 1) for word in words if "=" in word)
    method, reference, target, aligned, *points = [word for word in words if "=" not in word]
    estimate = METHODS[method](reference, target, aligned, settings)
    stop_the_clock()
    if points:
        rows, cols = np.load(points[0])
        np.save(points[1], estimate(rows, cols))


def stop_the_clock():
    """Tell the watching process that the work is done."""
    moment = time.time()
    file = os.environ.get("TWOPASS_BENCHMARK_DONE")
    if file:
        # Nothing but this process and its pools, which have ended by now.
        peak = max(
            resource.getrusage(who).ru_maxrss
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        kib = peak // (1024 if sys.platform == "darwin" else 1)
        Path(file).write_text(json.dumps([moment, kib]))


def ours(reference, target, aligned, settings):
    """The library, tile by tile."""
    from _ours import align, write_aligned

    answer = align(Path(reference), Path(target), workers=None)
    if not answer.accepted:
        sys.exit(f"{answer.verdict}: {answer.words}")
    write_aligned(answer, Path(aligned))
    shift, moving = answer.alignment.shift, answer.alignment.moving

    def displaced(rows, cols):
        if moving != "after":
            raise SystemExit("the target should be the one that moves")
        return -shift.at(rows, cols)

    return displaced


def phase_correlation(reference, target, aligned, settings):
    """One move for the whole image, as a script with scikit-image has it."""
    import rasterio
    from scipy import ndimage
    from skimage.registration import phase_cross_correlation

    with rasterio.open(reference) as dataset:
        still = dataset.read().astype(np.float32).mean(0)
    with rasterio.open(target) as dataset:
        moving, profile = dataset.read().astype(np.float32), dataset.profile
    options = {} if settings.get("normalization", "phase") == "phase" else {"normalization": None}
    move, *_ = phase_cross_correlation(still, moving.mean(0), upsample_factor=100, **options)
    with rasterio.open(aligned, "w", **profile) as dataset:
        for band, values in enumerate(moving, 1):
            warped = ndimage.shift(values, move, order=3, cval=0)
            dataset.write(np.clip(np.rint(warped), 0, 65535).astype(profile["dtype"]), band)
    return lambda rows, cols: np.stack(
        [np.full(rows.shape, -move[0]), np.full(cols.shape, -move[1])]
    )


def arosics_global(reference, target, aligned, settings):
    from arosics import COREG

    job = COREG(
        reference, target, path_out=aligned, fmt_out="GTIFF", align_grids=True, q=True,
        **{name: int(value) for name, value in settings.items()},
    )  # fmt: skip
    job.calculate_spatial_shifts()
    job.correct_shifts()
    return lambda rows, cols: arosics_field(job.coreg_info, target, rows, cols)


def arosics_local(reference, target, aligned, settings):
    from arosics import COREG_LOCAL

    job = COREG_LOCAL(
        reference, target, path_out=aligned, fmt_out="GTIFF", q=True, progress=False,
        **{name: int(value) for name, value in settings.items()},
    )  # fmt: skip
    job.correct_shifts()
    return lambda rows, cols: arosics_field(job.coreg_info, target, rows, cols)


def arosics_field(found, target, rows, cols):
    """Where its own warp takes pixels from: it is given an image of their coordinates to move."""
    from arosics import DESHIFTER
    from geoarray import GeoArray
    from scipy import ndimage

    image = GeoArray(target)
    height, width = image.rows, image.cols
    places = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1)
    # Far from zero, which stands for missing pixels.
    places = GeoArray(
        places.astype(np.float32) + 1000, image.geotransform, image.projection, nodata=0
    )
    mover = DESHIFTER(
        places, found, align_grids=True, q=True, progress=False, resamp_alg="bilinear"
    )
    mover.correct_shifts()
    moved = np.asarray(mover.arr_shifted, dtype=np.float64)
    left, step, _, top, _, _ = mover.updated_gt
    x0, y0 = image.geotransform[0], image.geotransform[3]
    at = rows - (y0 - top) / step, cols - (left - x0) / step
    found_at = np.stack(
        [ndimage.map_coordinates(np.where(b == 0, np.nan, b), at, order=1, cval=np.nan)
         for b in np.moveaxis(moved, -1, 0)]
    )  # fmt: skip
    return found_at - 1000 - np.stack([rows, cols])


METHODS = {
    "ours": ours,
    "phase_correlation": phase_correlation,
    "arosics_global": arosics_global,
    "arosics_local": arosics_local,
}

if __name__ == "__main__":
    main()
