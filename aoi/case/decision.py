"""What the record tells readers of the decision: what was asked, what holds, on what it rests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagery.decision import Decision
from imagery.errors import MissingInputError
from imagery.masks import LeftOut
from imagery.options import DecisionOptions
from imagery.products import Image, find_product
from imagery.record import sha256_of
from imagery.scene import InputFile

if TYPE_CHECKING:
    from imagery.detect import ChangeMap


def decision_part(found: ChangeMap, quiet: Mapping[str, Any]) -> dict[str, Any]:
    """The part ``decision`` of a result; every number of it stands among the steps too.

    Parameters
    ----------
    found
        The change map.
    quiet
        The files of quiet places, as :func:`quiet_files` names them.
    """
    decision, missed = found.decision, found.missed
    return {
        "asked": decision.asked,
        "calibration": decision.calibration,
        "least_score": decision.high,
        "bound": decision.bound,
        "bound_is": decision.numbers.get("bound_is"),
        "expected_in_area": decision.expected_in_area,
        "decoys": _decoys(decision),
        **quiet,
        "sentences": decision.sentences,
        "missed": None
        if missed is None
        else {
            "sentence": missed.sentence,
            "smallest_m": missed.smallest_m,
            "faintest": missed.faintest,
            "faintest_of_5_m": missed.faintest_of_5_m,
        },
    }


def _decoys(decision: Decision) -> dict[str, Any] | None:
    """The places where nothing happened; None where none were looked at."""
    if decision.decoys_words is None:
        return None
    return {
        "kind": decision.numbers["decoys"],
        "words": decision.decoys_words,
        "km2": decision.decoys_km2,
        "alarms": decision.numbers["alarms_in_decoys"],
        "does_not_cover": decision.numbers["does_not_cover"],
    }


def quiet_files(options: DecisionOptions, left_out: LeftOut) -> dict[str, Any]:
    """The files of quiet pairs and of the quiet area, each by name, hash and size.

    Raises
    ------
    MissingInputError
        If one isn't there, which is better told before a long look at the images.
    """
    return {
        "quiet_pairs": [
            {role: _files(Path(name)) for role, name in zip(("before", "after"), pair, strict=True)}
            for pair in options.quiet_pair
        ],
        "quiet_area": left_out.files.get("--quiet-area"),
    }


def quiet_paths(path: Path) -> list[Path]:
    """An image's file, or those of a product of several: its metadata and its usual bands."""
    product = find_product(path)
    if isinstance(product, Image):
        return [product.path]
    bands = [layer.path for layer in product.layers if layer.usual]
    return list(dict.fromkeys((*product.metadata, *bands)))


def _files(path: Path) -> list[InputFile]:
    paths = quiet_paths(path)
    for file in paths:
        if not file.is_file():
            raise MissingInputError(
                f"{file.name}: no such file",
                found="nothing of that name in its folder",
                needed="the images of a quiet pair on this machine",
                option="--quiet-pair",
            )
    return [InputFile(file.name, sha256_of(file), file.stat().st_size) for file in paths]
