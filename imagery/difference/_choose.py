"""Which measure suits a pair, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from imagery.comparability import OTHER_SEASON_DAYS
from imagery.difference._vector import BADLY_ALIGNED
from imagery.errors import InputError
from imagery.options import DifferenceOptions
from imagery.scene import Scene

_SIDES = ("sat:orbit_state", "sar:observation_direction")
_SLANT = ("SLC", "SSC", "SCS")
"""Product types of complex images in slant range."""


@dataclass(frozen=True)
class Choice:
    """A measure's name, its options filled in, and the reason for it in words."""

    method: str
    options: DifferenceOptions
    why: str


def choose(
    options: DifferenceOptions,
    scenes: tuple[Scene, Scene],
    *,
    bands: int,
    error_px: float,
    season_days: float | None,
    radar_methods: frozenset[str],
) -> Choice:
    """The measure that the options ask for, or that suits the pair.

    Parameters
    ----------
    options
        Of the difference; a method that is named is kept.
    scenes
        The earlier and the later one.
    bands, error_px
        How many bands are compared, and the middle of the standard errors that the alignment is
        expected to have along an axis.
    season_days
        Days between both in the circle of the year; None where unknown.
    radar_methods
        Names of the measures that are for radar alone.

    Raises
    ------
    InputError
        If the method doesn't suit the pair, or two radar images can't be compared.
    """
    stated = [scene for scene in scenes if _is_radar(scene)]
    told = options.radar_units != "auto"
    radar = told or len(stated) == 2
    if len(stated) == 1 and not told:
        raise InputError(
            f"{scenes[0].name} and {scenes[1].name} are not both radar images",
            found=f"radar by its metadata: {stated[0].name}",
            needed="two images of one kind",
            option="--radar-units, if both are",
        )
    if radar:
        _check_geometry(*scenes)
    if options.method in radar_methods and not radar:
        raise InputError(
            f"nothing says that {scenes[0].name} and {scenes[1].name} are radar images",
            found=f"--method {options.method}",
            needed="sar: facts in the metadata of both, or what their pixels hold",
            option="--radar-units",
        )
    if radar and options.radar_units == "auto":
        options = replace(options, radar_units=_units(scenes[0]))
    if options.method != "auto":
        return Choice(options.method, options, "asked for by --method")
    if radar:
        by = "--radar-units says" if told else "both images' metadata say"
        return Choice("energy-log-ratio", options, f"{by} that the images are radar's")
    if error_px > BADLY_ALIGNED:
        return Choice(
            "robust-cva",
            options,
            f"the alignment is expected to err by {error_px:.2f} px along an axis, more than "
            f"{BADLY_ALIGNED:g}",
        )
    if season_days is not None and season_days > OTHER_SEASON_DAYS:
        return Choice(
            "anomalous",
            options,
            f"taken {season_days:.0f} days apart in the year: what most of the ground did is the "
            "season",
        )
    return Choice("cva", options, f"optical images, {bands} {'band' if bands == 1 else 'bands'}")


def _is_radar(scene: Scene) -> bool:
    return any(name.startswith("sar:") for name in scene.facts)


def _units(scene: Scene) -> Literal["amplitude", "intensity"]:
    """Detected products (GRD) hold amplitude; calibrated backscatter is an intensity."""
    fact = scene.facts.get("sar:product_type")
    return "amplitude" if fact is not None and "GRD" in str(fact.value).upper() else "intensity"


def _check_geometry(before: Scene, after: Scene) -> None:
    for scene in (before, after):
        fact = scene.facts.get("sar:product_type")
        if fact is not None and str(fact.value).upper() in _SLANT:
            raise InputError(
                f"{scene.name} is a complex image in slant range",
                found=f"{fact.value} ({fact.source})",
                needed="ground range: detect and terrain-correct it first, or take the GRD or RTC "
                "product of the same pass",
            )
    for name in _SIDES:
        first, second = before.facts.get(name), after.facts.get(name)
        if first and second and str(first.value).lower() != str(second.value).lower():
            raise InputError(
                f"{before.name} and {after.name} look at the ground from different sides",
                found=f"{name} {first.value} and {second.value}",
                needed="two passes of one direction, best of one relative orbit: what is bright "
                "from one side lies in shadow from the other",
            )
