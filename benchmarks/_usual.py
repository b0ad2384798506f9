"""The script that one would write without a toolkit, as a program.

    python _usual.py BEFORE AFTER MASK.tif CHANGES.geojson

rasterio, one move for the whole image by scikit-image's phase correlation (not normalised, which
does better on such images), every band brought to mean 0 and deviation 1, the length of the
difference, Otsu's cut, pieces of 16 px and more, their outlines.  Everything in memory, and in
single precision where the libraries let it be.
"""

import json
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.features import shapes, sieve
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.registration import phase_cross_correlation

LEAST = 16


def main():
    before_path, after_path, mask_path, outlines_path = sys.argv[1:]
    before, seen_before, profile = opened(before_path)
    after, seen_after, _ = opened(after_path)

    move, *_ = phase_cross_correlation(
        before.mean(0), after.mean(0), upsample_factor=100, normalization=None
    )
    for band in after:
        band[:] = ndimage.shift(band, move, order=3)
    seen = seen_before & (ndimage.shift(seen_after.astype(np.float32), move, order=1) > 0.999)

    squares = np.zeros(seen.shape, np.float32)
    for one, other in zip(before, after, strict=True):
        squares += (standard(other, seen) - standard(one, seen)) ** 2
    length = np.sqrt(squares)
    changed = (seen & (length > threshold_otsu(length[seen]))).astype(np.uint8)
    changed = sieve(changed, LEAST)

    profile.update(count=1, dtype="uint8", nodata=None, compress=None)
    with rasterio.open(mask_path, "w", **profile) as dataset:
        dataset.write(changed, 1)
    with Path(outlines_path).open("w", encoding="utf-8") as file:
        for outline, _ in shapes(changed, mask=changed == 1, transform=profile["transform"]):
            feature = {"type": "Feature", "properties": {}, "geometry": outline}
            file.write(json.dumps(feature) + "\n")


def opened(path):
    with rasterio.open(path) as dataset:
        pixels, profile = dataset.read(), dataset.profile
    return pixels.astype(np.float32), (pixels != profile["nodata"]).all(0), profile


def standard(band, seen):
    values = band[seen]
    return (band - values.mean(dtype=np.float64)) / values.std(dtype=np.float64)


if __name__ == "__main__":
    main()
