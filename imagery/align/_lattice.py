"""Where the aligned image lies: on whose pixels, and how far it reaches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from imagery.align._carried import places
from imagery.blocks import Window
from imagery.errors import InputError, UsageError
from imagery.grid import footprint_window, ground_pixel, outline
from imagery.grid_file import grid_of_file
from imagery.options import AlignOptions
from imagery.record import Caution
from imagery.shift import Shift
from imagery.warp import crop

_LARGEST_SIDE = 2_000_000
"""Pixels of an output along a side: what is larger is a slip of the grid, not an image."""

_FINER = 1.5
"""From so many times finer pixels than the image's own on, the user is told."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The grid of the aligned image, and what its user must know of it."""

    geobox: GeoBox
    cautions: tuple[Caution, ...]


def place_output(
    target: GeoBox,
    *,
    reference: GeoBox,
    measured: GeoBox,
    shift: Shift,
    home: GeoBox,
    options: AlignOptions,
) -> Place:
    """Decide the grid of the aligned image.

    Parameters
    ----------
    target
        The image to move.
    reference
        The image that it was aligned to.
    measured
        The image whose alignment was measured: ``target``, or another product of that scene.
    shift, home
        The move, and the grid that it is told on.
    options
        Whose pixels, and how far.

    Raises
    ------
    InputError
        If nothing is left of the image there.
    UsageError
        If the grid is none for these images.
    """
    lattice = _lattice(target, reference, options.grid)
    shown = _moved_footprint(target, lattice, shift, home)
    still = footprint_window(reference, lattice)
    window = {"overlap": shown.clipped(still), "target": shown, "reference": still}[options.extent]
    if window.empty or shown.clipped(still).empty:
        raise InputError(
            "nothing is left of the image: moved, it doesn't overlap with the reference",
            found="no common pixel",
            needed="two images of one place",
        )
    if max(window.shape) > _LARGEST_SIDE:
        raise UsageError(
            "the aligned image would be too large",
            found=f"{window.height:,} x {window.width:,} px",
            needed=f"at most {_LARGEST_SIDE:,} px a side",
            option="--grid",
        )
    known = _moved_footprint(measured, lattice, shift, home).clipped(still)
    return Place(
        geobox=crop(lattice, window),
        cautions=_cautions(target, lattice, beyond=not known.contains(window.clipped(shown))),
    )


def _cautions(target: GeoBox, lattice: GeoBox, *, beyond: bool) -> tuple[Caution, ...]:
    found = []
    if beyond:
        found.append(
            Caution(
                "shift-extrapolated",
                "The aligned image reaches beyond the part where the shift was measured: there it "
                "is extrapolated, and nothing is known of its error.",
            )
        )
    ratio = ground_pixel(target) / ground_pixel(lattice)
    if ratio > _FINER:
        found.append(
            Caution(
                "finer-grid",
                f"The grid is {ratio:.1f} times finer than the image: the aligned image holds no "
                "more detail than before.",
            )
        )
    return tuple(found)


def _lattice(target: GeoBox, reference: GeoBox, name: str) -> GeoBox:
    """The pixels to write on, as a grid that may reach anywhere."""
    if name == "reference":
        return reference
    if name == "target":
        return target
    if name != "auto":
        return grid_of_file(
            Path(name),
            georeferenced=target.crs is not None,
            words=("auto", "reference", "target"),
            use="write on",
        )
    if abs(ground_pixel(target) / ground_pixel(reference) - 1) <= 0.01:
        return reference
    # The image's own pixel size, from the corner of the reference, so that whole products of one
    # scene come to lie on each other.
    if target.crs == reference.crs:
        of, by = target.affine, reference.affine
        across = math.hypot(of.a, of.d) / math.hypot(by.a, by.d)
        down = math.hypot(of.b, of.e) / math.hypot(by.b, by.e)
    else:
        across = down = ground_pixel(target) / ground_pixel(reference)
    rows, cols = reference.shape
    shape = max(1, math.ceil(rows / down)), max(1, math.ceil(cols / across))
    return GeoBox(shape, reference.affine * Affine.scale(across, down), reference.crs)


def _moved_footprint(image: GeoBox, lattice: GeoBox, shift: Shift, home: GeoBox) -> Window:
    """The window of the lattice that holds an image after its move."""
    rows, cols = outline(image)
    row, col = places(image, home, rows - 0.5, cols - 0.5)
    if not (np.isfinite(row).all() and np.isfinite(col).all()):
        return footprint_window(image, lattice)  # which refuses, in words
    # The aligned place q of a place p of the image is where q - shift(q) = p.
    at = np.stack([row, col])
    for _ in range(4):
        at = np.stack([row, col]) + shift.at(at[0], at[1])
    row, col = places(home, lattice, at[0], at[1])
    row, col = row + 0.5, col + 0.5
    # The rounding forgives float noise in the transform, far below a thousandth of a pixel.
    return Window(
        math.floor(row.min() + 1e-6),
        math.floor(col.min() + 1e-6),
        math.ceil(row.max() - 1e-6),
        math.ceil(col.max() - 1e-6),
    )
