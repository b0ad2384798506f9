"""The field of a mosaic: one for each part, and where between them it is badly known."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from scipy import ndimage

from imagery.blocks import Window
from imagery.coregister._boundary import seen_parts
from imagery.coregister._coarse import NEAR as AGREE
from imagery.coregister._coarse import CoarseShift
from imagery.coregister._field import FittedField, fit_field
from imagery.coregister._measure import Found
from imagery.coregister._pair import MatchPair, coarse_grid
from imagery.coregister._parts import find_parts
from imagery.coregister._ties import Ties
from imagery.grid import Plan
from imagery.record import Caution
from imagery.scene import InputFile
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.shift_error import ShiftError

Floats = NDArray[np.float64]

_FINEST, _COARSEST, _MOST_NODES = 2, 8, 2048
"""Distance of the nodes that tell the parts apart, px, and how many along the longer side."""

_PLAIN = 0.12
"""Where a smooth field foretells 95 % of all ties to so many px, no seam is looked for."""

_BAND = 1.25
"""How far from where ties place a boundary the images may, in steps of the ties."""

_UNSURE_FOUND, _UNSURE_DRAWN = 24.0, 8.0
"""How far a boundary may be off, px: one that was found, and one that was drawn."""

_UNKNOWN_ERROR = 3.0
"""Standard error, px, in a part that holds too few ties to be fitted by itself."""


_LEAST_TELLING, _LEAST_APART, _MOST_MIXED = 0.6, 0.1, 0.05
"""Two moves lie side by side where so many of the windows agree with one of them, so many with
the lesser one, and so few stand among those of the other."""


class SeamLines(Protocol):
    """Seams that a user drew, as far as pixels need to know them."""

    @property
    def file(self) -> InputFile:
        """Where they stand."""
        ...

    def parts(self, geobox: GeoBox) -> NDArray[np.uint8]:
        """The number, from 0 on, of the part that each pixel's centre lies in."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Seams:
    """Parts of an area, and what is known of the seams between them."""

    parts: Parts
    drawn: InputFile | None
    """The file of the user who drew them; None where they were found."""

    shifts: tuple[Shift, ...] = ()
    guessed: Parts | None = None
    """1 where no tie is near enough to tell which part a place lies in."""

    unfitted: tuple[int, ...] = ()
    """Numbers of the parts that follow the field of all."""

    def blurred(self, error: ShiftError, area: Window) -> ShiftError:
        """An error of the shift, with that of the place of the seams."""
        step = max(8.0, max(area.shape) / _MOST_NODES)
        rows, cols = (
            np.linspace(first, last - 1.0, max(2, int((last - first) / step) + 1))
            for first, last in ((area.top, area.bottom), (area.left, area.right))
        )
        values = error.on_grid(rows, cols)
        part = self.parts.on_grid(rows, cols)
        guessed = self.guessed is not None and self.guessed.on_grid(rows, cols) > 0
        unsure = _UNSURE_FOUND if self.drawn is None else _UNSURE_DRAWN
        for number in np.unique(part):
            gap, index = ndimage.distance_transform_edt(part == number, return_indices=True)
            # Nodes all around the band, so that between them nothing of it is lost.
            near = (part == number) & ((gap * step <= unsure + step) | guessed)
            if not near.any():
                continue
            other = part[tuple(index)][near]
            row, col = rows[np.nonzero(near)[0]], cols[np.nonzero(near)[1]]
            values[near] = np.maximum(values[near], self._jump(int(number), other, row, col) / 2)
        for number in self.unfitted:
            values = np.where(part == number, np.maximum(values, _UNKNOWN_ERROR), values)
        return ShiftError(rows=rows, cols=cols, values=values)

    def jumps(self) -> Floats:
        """The jump at each node beside a seam, px."""
        labels = self.parts.labels
        rows, cols = self.parts.nodes
        found = [np.zeros(0)]
        for axis in (0, 1):
            here, there = (np.moveaxis(labels, axis, 0)[cut] for cut in (np.s_[:-1], np.s_[1:]))
            at = np.nonzero(np.moveaxis(here != there, 0, axis))
            row, col = rows[at[0]], cols[at[1]]
            beside = np.moveaxis(there, 0, axis)[at]
            own = labels[at]
            for number in np.unique(own):
                one = own == number
                found.append(self._jump(int(number), beside[one], row[one], col[one]))
        return np.concatenate(found)

    def _jump(self, number: int, other: NDArray[np.uint8], row: Floats, col: Floats) -> Floats:
        here = self.shifts[number].at(row, col)
        jump = np.zeros(len(row))
        for beside in np.unique(other):
            one = other == beside
            there = self.shifts[int(beside)].at(row[one], col[one])
            jump[one] = np.hypot(*(there - here[:, one]))
        return jump

    def numbers(self) -> dict[str, Any]:
        """What the record tells."""
        jumps = self.jumps()
        share = np.bincount(self.parts.labels.ravel(), minlength=len(self.shifts))
        return {
            "file": None if self.drawn is None else asdict(self.drawn),
            "parts": [float(s) for s in share / share.sum()],
            "unfitted": list(self.unfitted),
            "jump_px": float(np.median(jumps)) if len(jumps) else 0.0,
        }

    def cautions(self) -> tuple[Caution, ...]:
        """What the user is told."""
        told = []
        if self.drawn is None:
            numbers = self.numbers()
            told.append(
                Caution(
                    "seam-found",
                    f"The shift jumps by {numbers['jump_px']:.1f} px along a line across the "
                    f"images, as where a mosaic joins: {self.parts.count} parts are aligned by "
                    "themselves. Changes along that line may be misalignment; --seams FILE draws "
                    "it where it is known.",
                )
            )
        if self.unfitted:
            told.append(
                Caution(
                    "seam-part-unfitted",
                    f"{len(self.unfitted)} of {self.parts.count} parts between the seams hold too "
                    "few windows to be aligned by themselves, and follow the others.",
                )
            )
        return tuple(told)


def drawn_seams(plan: Plan, lines: SeamLines) -> Seams:
    """Seams that a user drew, over the area that is matched."""
    spacing = _spacing(plan.estimation)
    geobox, _ = coarse_grid(plan.geobox, plan.estimation, factor=spacing)
    return Seams(parts=_over(plan.estimation, spacing, lines.parts(geobox)), drawn=lines.file)


def find_seams(
    pair: MatchPair, found: Found, field: FittedField, kept: NDArray[np.bool_], executor: Executor
) -> Seams | None:
    """Seams at which the ties' shift jumps; None where it doesn't."""
    ties = found.fit
    rest = ties.left_by(field.shift)
    known = np.isfinite(field.predicted).all(axis=1)
    rest[np.flatnonzero(kept)[known]] = field.predicted[known]
    if len(ties) == 0 or np.quantile(np.hypot(*rest.T), 0.95) < _PLAIN:
        return None
    step = float(max(pair.step, pair.size // 2) * pair.coarseness)
    part = find_parts(ties, pair.area, step=step, extent=pair.extent)
    if not part.any():
        return None
    shifts = tuple(
        fit_field(ties.where(part == number), extent=pair.extent).shift
        for number in range(int(part.max()) + 1)
    )
    spacing = _spacing(pair.area)
    parts, guessed = _between_ties(ties, part, shifts, pair.area, spacing, far_off=pair.block)
    seen = seen_parts(pair, parts, shifts, reach=_BAND * step, executor=executor)
    return Seams(parts=seen, guessed=guessed, drawn=None)


def side_by_side(found: CoarseShift) -> bool:
    """Whether the windows that agree with a move and with its rival lie in places of their own.

    As in a mosaic; what repeats itself fits both ways everywhere.
    """
    from scipy.spatial import cKDTree

    matches = found.matches
    if found.rival is None:
        return False
    one, other = (
        matches.textured & (np.abs(matches.shift - move).max(axis=1) <= AGREE)
        for move in (found.shift, found.rival)
    )
    told = (one | other) & (matches.coherence > 0)
    label = other[told].astype(float)
    least = _LEAST_TELLING * found.windows
    if min(label.sum(), len(label) - label.sum()) < max(9, _LEAST_APART * found.windows):
        return False
    points = np.column_stack([matches.row, matches.col])[told]
    _, nine = cKDTree(points).query(points, k=9)
    odd = np.abs(label[nine[:, 1:]].mean(axis=1) - label) > 0.5
    return bool(len(label) >= least and odd.mean() <= _MOST_MIXED)


def _spacing(area: Window) -> int:
    return int(np.clip(-(-max(area.shape) // _MOST_NODES), _FINEST, _COARSEST))


def _over(area: Window, spacing: int, labels: NDArray[np.uint8]) -> Parts:
    middle = (spacing - 1) / 2
    return Parts(
        origin=(area.top + middle, area.left + middle), spacing=float(spacing), labels=labels
    )


def _between_ties(
    ties: Ties,
    part: NDArray[np.intp],
    shifts: Sequence[Shift],
    area: Window,
    spacing: int,
    *,
    far_off: float,
) -> tuple[Parts, Parts]:
    """Each node in the part of the nearest tie that its part's field fits; and where that may err.

    Which is where no tie lies within ``far_off`` px, and one of another part at most twice as far.
    """
    from scipy.spatial import cKDTree

    off = np.stack([np.hypot(*ties.left_by(s).T) for s in shifts])
    good = off.argmin(axis=0) == part
    points = np.column_stack([ties.row, ties.col])
    shape = tuple(max(1, side // spacing) for side in area.shape)
    # Every fourth node is enough: ties are dozens of px apart.
    coarse = tuple(-(-side // 4) for side in shape)
    row, col = np.meshgrid(
        area.top + spacing * (4 * np.arange(coarse[0]) + 2),
        area.left + spacing * (4 * np.arange(coarse[1]) + 2),
        indexing="ij",
    )
    places = np.column_stack([row.ravel(), col.ravel()])
    far = np.stack(
        [cKDTree(points[good & (part == k)]).query(places)[0] for k in range(len(shifts))]
    )
    first, second = np.sort(far, axis=0)[:2]
    guessed = (first > far_off) & (second < 2 * first)

    def filled(values: NDArray[Any]) -> Parts:
        nodes = values.reshape(coarse).astype(np.uint8).repeat(4, axis=0).repeat(4, axis=1)
        return _over(area, spacing, nodes[: shape[0], : shape[1]])

    return filled(far.argmin(axis=0)), filled(guessed)


def of_parts(found: Found, seams: Seams) -> list[Found]:
    """The windows of each part."""
    part = seams.parts.at(found.ties.row, found.ties.col)
    share = [float((part == number).mean()) for number in range(seams.parts.count)]
    return [
        replace(
            found,
            ties=found.ties.where(part == number),
            textured=round(found.textured * share[number]),
            textured_held_out=round(found.textured_held_out * share[number]),
        )
        for number in range(seams.parts.count)
    ]


def joined(
    found: Found,
    whole: FittedField,
    fits: Sequence[tuple[NDArray[np.bool_], FittedField] | None],
    seams: Seams,
) -> tuple[NDArray[np.bool_], FittedField]:
    """The ties kept, and the field, of fits to the parts; None follows the field of all."""
    ties = found.fit
    part = seams.parts.at(ties.row, ties.col)
    kept = np.zeros(len(ties), bool)
    predicted = np.full((len(ties), 2), np.nan)
    for number, fit in enumerate(fits):
        if fit is not None:
            here = np.flatnonzero(part == number)[fit[0]]
            kept[here], predicted[here] = True, fit[1].predicted
    fields = [whole if fit is None else fit[1] for fit in fits]
    seams = replace(
        seams,
        shifts=tuple(field.shift for field in fields),
        unfitted=tuple(number for number, fit in enumerate(fits) if fit is None),
    )
    order = ("none", "shift", "affine", "local")

    def variance(row: Floats, col: Floats) -> Floats:
        part = seams.parts.at(row, col)
        values = np.empty(len(row))
        for number in np.unique(part):
            one = part == number
            values[one] = fields[int(number)].variance(row[one], col[one])
        return values

    field = FittedField(
        shift=SeamedShift.of(seams.shifts, seams.parts),
        model=max((f.model for f in fields), key=order.index),
        errors={
            name: float(np.mean([f.errors[name] for f in fields]))
            for name in order
            if all(name in f.errors for f in fields)
        },
        ties=sum(field.ties for fit, field in zip(fits, fields, strict=True) if fit is not None),
        predicted=predicted[kept],
        variance=variance,
        seams=seams,
    )
    return kept, field
