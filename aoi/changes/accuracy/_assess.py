"""A case held against a reference: pixels, objects, and how much of the area was judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aoi.changes.accuracy._case_map import CaseMap
from aoi.changes.accuracy._objects import MIN_OVERLAP, Objects, match_objects
from aoi.changes.accuracy._pixels import Confusion, Judged, Ranking, confusion, ranking
from aoi.changes.accuracy._reference import Reference
from imagery.errors import InputError
from imagery.record import Caution

FEW_OBJECTS = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class Assessment:
    """What a reference says of a case."""

    reference: Reference
    judged: NDArray[np.bool_]
    """Pixels of the area that were observed and that the reference judges, of shape (row, col)."""

    observed: int
    """Observed pixels of the area, judged or not."""

    pixels: Confusion
    ranking: Ranking
    objects: Objects
    cautions: tuple[Caution, ...]


def assess(found: CaseMap, reference: Reference, *, min_overlap: float = MIN_OVERLAP) -> Assessment:
    """Hold a case against a reference.

    Parameters
    ----------
    found
        The case.
    reference
        What changed, on its grid.
    min_overlap
        Share of an object's area that changes must cover for it to be found.

    Raises
    ------
    InputError
        If the reference judges no observed pixel.
    """
    judged = found.observed & (reference.objects >= 0)
    if not judged.any():
        raise InputError(
            f"{reference.file.name}: judges nothing that was observed",
            found=f"0 of {int(found.observed.sum())} observed pixels",
            needed="a reference of the case's area",
            option="--reference",
        )
    changed = reference.objects > 0

    def read() -> Iterator[Judged]:
        for rows, score in found.scores():
            here = judged[rows]
            yield score[here], changed[rows][here]

    objects = match_objects(
        reference.objects,
        found.regions,
        judged,
        geobox=found.geobox,
        pixel_area_m2=found.pixel_area_m2,
        min_overlap=min_overlap,
    )
    pixels = confusion(found.changed[judged], changed[judged])
    return Assessment(
        reference=reference,
        judged=judged,
        observed=int(found.observed.sum()),
        pixels=pixels,
        ranking=ranking(read),
        objects=objects,
        cautions=reference.cautions + _cautions(reference, pixels, objects),
    )


def _cautions(reference: Reference, pixels: Confusion, objects: Objects) -> tuple[Caution, ...]:
    name = reference.file.name
    if not pixels.both + pixels.reference_only:
        return (
            Caution(
                "reference-no-change",
                f"{name}: shows no change where it was held against the case, so nothing can be "
                "said of what was missed.",
            ),
        )
    if objects.objects < FEW_OBJECTS:
        step = 100 / objects.objects
        return (
            Caution(
                "reference-few-objects",
                f"{name}: only {objects.objects} of its objects are judged; one more or less moves "
                f"the completeness by {step:.0f} percentage points.",
            ),
        )
    return ()
