"""The least that any comparison must do, as a program: decode both images, write one mask.

    python _floor.py BEFORE AFTER MASK.tif WORKERS

Every block of both images is decoded once, with all its bands, by as many threads as the
comparison has workers (GDAL decodes without Python's lock), and thrown away.  The mask is one value
in uint8, not compressed.
"""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import rasterio

BATCH = 8
"""Blocks that a thread takes at a time."""

ROWS = 512


def main():
    before, after, mask, workers = sys.argv[1:]
    files = threading.local()

    def decode(path, windows):
        if path not in vars(files):
            setattr(files, path, rasterio.open(path))
        for window in windows:
            getattr(files, path).read(window=window)

    with ThreadPoolExecutor(int(workers)) as pool:
        done = []
        for path in (before, after):
            with rasterio.open(path) as dataset:
                windows = [window for _, window in dataset.block_windows(1)]
                profile = dataset.profile
            done += [pool.submit(decode, path, part) for part in batches(windows)]
        for part in done:
            part.result()
    write(mask, profile)


def batches(windows):
    return [windows[start : start + BATCH] for start in range(0, len(windows), BATCH)]


def write(path, profile):
    height, width = profile["height"], profile["width"]
    grid = {name: profile[name] for name in ("height", "width", "crs", "transform")}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", **grid) as dataset:
        for top in range(0, height, ROWS):
            rows = min(ROWS, height - top)
            part = np.ones((1, rows, width), np.uint8)
            dataset.write(part, window=((top, top + rows), (0, width)))


if __name__ == "__main__":
    # GDAL's cache holds what a thread is at, not the scene: each block is asked for once.
    with rasterio.Env(GDAL_CACHEMAX=128 * 2**20):
        main()
