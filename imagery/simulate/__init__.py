"""Simulated pairs with known truth, for the demo, the laws and the benchmarks.

``parade_ground`` writes a before and an after image of an invented town around a parade ground, as
files that a real product could be; ``textured_pair`` makes a light pair in memory.  Nothing here is
a real acquisition, and every file says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imagery.errors import UsageError
from imagery.simulate._displacement import true_shift
from imagery.simulate._textured import TexturedPair, textured_pair

__all__ = ["SimulatedPair", "TexturedPair", "parade_ground", "textured_pair", "true_shift"]

MIN_SIZE = 400


@dataclass(frozen=True)
class SimulatedPair:
    """The files of a simulated pair.

    ``before`` and ``after`` are GeoTIFFs with a STAC item of the same stem beside each.
    """

    before: Path
    after: Path
    area: Path
    """GeoJSON: the outline of the paved square, an area of interest."""

    truth: Path
    """JSON: seed and parameters, among them the displacement that :func:`true_shift` evaluates."""

    planted: Path
    """GeoJSON: the outline on the ground of everything that only one of the images shows."""


def parade_ground(folder: Path, *, seed: int = 20240613, size: int = 1600) -> SimulatedPair:
    """Write a simulated before and after image of a parade ground, with their truth.

    The later image has two new walled rectangles of 34 x 22 m and rows of roped pens on the square;
    vehicles that came, went or moved; and what a change detector must not take for a change:
    another sun and view, haze, another gain, plants a week on, a cloud's edge with its shadow.  It
    is displaced by a few pixels, a small turn and smooth local waves, under the same geotransform.
    The earlier image lacks a corner.

    Parameters
    ----------
    folder
        Where to write ``before.tif``, ``after.tif``, their STAC items ``before.json`` and
        ``after.json``, ``area.geojson``, ``truth.json`` and ``planted.geojson``; made if it isn't
        there.  Files of these names are replaced.
    seed
        Seed of all chance: the same seed and size give the same pixels.
    size
        Rows and columns in pixels of 0.5 m, at least 400; the square lies in the middle.  The
        town reaches some 600 m around it: an image of more than 2400 px has empty margins.

    Returns
    -------
    SimulatedPair
        The paths.

    Raises
    ------
    UsageError
        If ``size`` is too small or ``seed`` negative.
    OutputError
        If a file cannot be written.

    Notes
    -----
    Images are uint16 counts of 11 bits in the bands blue, green, red and near infrared, EPSG:32651,
    nodata 0 (only in the corner that is missing from ``before``).  The scene is painted at 0.25 m:
    flat materials with fractal texture, prisms that lean with the view and cast shadows by the sun,
    crowns of trees as a canopy of heights.  The earlier image is the blurred scene taken at every
    second pixel, without interpolation; the later one is the cubic spline through its own blurred
    scene at the displaced places, so that the truth is analytic.
    """
    if size < MIN_SIZE or seed < 0:
        raise UsageError(
            "a parade ground of this kind cannot be simulated",
            found=f"size {size}, seed {seed}",
            needed=f"size of {MIN_SIZE} px or more, seed of 0 or more",
            option="size, seed",
        )
    # Painting needs libraries that a pair in memory does without.
    from imagery.simulate._pair import write_pair

    write_pair(folder, seed=seed, size=size)
    return SimulatedPair(
        before=folder / "before.tif",
        after=folder / "after.tif",
        area=folder / "area.geojson",
        truth=folder / "truth.json",
        planted=folder / "planted.geojson",
    )
