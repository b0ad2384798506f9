"""Which masks each scene of a pair gets, by what there is and what the user asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from imagery.bands import BandPairs
from imagery.clouds._learned import is_reliable, learn, unfit
from imagery.clouds._suspected import BITS, Suspicion, suspect, write_suspicion
from imagery.errors import InputError
from imagery.grid import Extent, Plan, ground_pixel
from imagery.masks import CLOUD_KINDS, LeftOut, find_masks, hashed, user_masks
from imagery.observed import LEFT_OUT, VALID_BITS, Observed
from imagery.options import DetectOptions
from imagery.overview import Overview
from imagery.record import Caution, StepRecord
from imagery.scene import DrawnMask, InputFile, Mask, Role, Scene

NOT_TESTED = "not tested"
_RADAR_BANDS = {"vv", "vh", "hh", "hv"}


@dataclass(frozen=True, kw_only=True, eq=False)
class Masked:
    """Both scenes with their masks, and what is known of clouds in them."""

    scenes: dict[Role, Scene]
    told: dict[Role, str]
    """In words, by what clouds were told: ``"Sentinel-2 SCL (x_SCL.tif)"``, ``"not tested"``."""

    rasters: dict[str, Path]
    """``clouds_before``, ``clouds_after`` and ``suspected_clouds``, those that were made."""

    sources: dict[Role, list[dict[str, Any]]]
    """The masks as the record names them."""

    cautions: tuple[Caution, ...]

    @property
    def unmasked(self) -> dict[Role, Scene]:
        """The scenes as they came, for pictures: who looks must see the clouds."""
        return {role: replace(scene, masks=()) for role, scene in self.scenes.items()}

    @property
    def tested(self) -> bool:
        """Whether clouds were looked for in both images."""
        return not any(text.startswith(NOT_TESTED) for text in self.told.values())

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """Where too little is left of the images, say that masks may have taken it."""
        try:
            yield
        except InputError as error:
            named = [mask.source for scene in self.scenes.values() for mask in scene.masks]
            if error.option != "--nodata" or not named:
                raise
            raise InputError(
                error.message,
                found=f"{error.found}; masked by {', '.join(dict.fromkeys(named))}",
                needed=error.needed,
                option="--clouds, --cloud-margin",
            ) from error

    def record(self, options: DetectOptions, left_out: LeftOut, observed: Observed) -> StepRecord:
        """The record of the step, once the shares are known."""
        names = {
            name: value and Path(value).name
            for name, value in (("mask", options.masks.mask), ("ignore", options.masks.ignore))
        }
        return StepRecord(
            step="mask",
            numbers={
                "clouds": dict(self.told),
                "tested": self.tested,
                "sources": self.sources,
                "shares": {role: observed.masked.get(role, {}) for role in self.scenes},
                "ignored": left_out.files.get("--ignore"),
            },
            options=asdict(options.masks) | names,
            cautions=self.cautions + self._without_effect(options, observed),
        )

    def _without_effect(self, options: DetectOptions, observed: Observed) -> tuple[Caution, ...]:
        """A caution for masks of the user of which nothing lies in the area."""
        given = {
            "--mask": options.masks.mask,
            "--before-mask": options.before.mask,
            "--after-mask": options.after.mask,
            "--ignore": options.masks.ignore,
        }
        named = [f"{option} {Path(file).name}" for option, file in given.items() if file]
        if not named or VALID_BITS[LEFT_OUT] in observed.by_reason:
            return ()
        return (Caution("mask-without-effect", f"{', '.join(named)}: masks nothing in the area."),)


@dataclass
class _Draft:
    """What is gathered for one scene."""

    masks: list[Mask | DrawnMask] = field(default_factory=list)
    files: dict[str, InputFile] = field(default_factory=dict)
    """By source."""

    told: str = ""

    def add(self, mask: Mask | DrawnMask, file: InputFile) -> None:
        self.masks.append(mask)
        self.files[mask.source] = file


def mask_scenes(
    plan: Plan,
    views: Mapping[Role, Overview],
    bands: BandPairs,
    *,
    area: Extent | None,
    left_out: LeftOut,
    options: DetectOptions,
    folder: Path,
    executor: Executor,
) -> Masked:
    """Give each scene the masks that there are and that are asked for.

    Parameters
    ----------
    plan, views, bands
        What is to be compared, opened and not yet aligned.
    area
        What shares are told of; the display window where None.
    left_out
        Outlines of the user.
    options
        Of them, ``masks`` and each scene's ``mask``.
    folder
        Takes the rasters of clouds that are made here.
    executor
        Runs tiles.

    Raises
    ------
    InputError
        If a mask of the user can't be used, or the way that ``--clouds`` names isn't there.
    """
    scenes = {role: view.scene for role, view in views.items()}
    drafts: dict[Role, _Draft] = {}
    cautions: list[Caution] = []
    rasters: dict[str, Path] = {}
    for role, scene in scenes.items():
        draft = drafts[role] = _Draft()
        for mask, file in zip(*user_masks(scene, options, left_out), strict=True):
            draft.add(mask, file)
        if options.masks.clouds == "none":
            draft.told = f"{NOT_TESTED} (--clouds none)"
        elif _is_radar(scene):
            draft.told = "radar sees through clouds"
        elif options.masks.clouds != "suspected":
            cautions += _from_product(draft, scene, options)
            path = folder / f"clouds_{role}.tif"
            if not draft.told and _from_network(draft, scene, plan, options, path, executor):
                rasters[path.stem] = path
    if not all(draft.told for draft in drafts.values()):
        found = suspect(plan, views, bands, area=area, executor=executor)
        cautions += _from_suspicion(drafts, scenes, found, options, folder, rasters)
    return Masked(
        scenes={
            role: replace(
                scene,
                masks=tuple(drafts[role].masks),
                files=tuple(dict.fromkeys((*scene.files, *drafts[role].files.values()))),
            )
            for role, scene in scenes.items()
        },
        told={role: draft.told for role, draft in drafts.items()},
        rasters=rasters,
        sources={role: _sources(draft) for role, draft in drafts.items()},
        cautions=tuple(cautions),
    )


def _is_radar(scene: Scene) -> bool:
    named = {band.name for band in scene.bands}
    return bool(named & _RADAR_BANDS) or any(name.startswith("sar:") for name in scene.facts)


def _from_product(draft: _Draft, scene: Scene, options: DetectOptions) -> tuple[Caution, ...]:
    """Take the masks that lie beside the scene."""
    masks, cautions = find_masks(scene, cloud_margin_m=options.masks.cloud_margin)
    if options.masks.clouds == "learned":
        masks = tuple(mask for mask in masks if mask.kind not in CLOUD_KINDS)
    for mask in masks:
        draft.add(mask, hashed(mask.path))
    clouds = [mask.source for mask in masks if mask.kind in CLOUD_KINDS]
    draft.told = clouds[0] if clouds else ""
    if not clouds and options.masks.clouds == "product":
        raise InputError(
            f"{scene.name}: no mask of clouds lies beside it",
            found="; ".join(caution.message for caution in cautions) or "none by a product's name",
            needed="SCL, QA_PIXEL, UDM2 or the like, named as the product names it",
            option="--clouds, or --mask with a mask of your own",
        )
    return cautions


def _from_network(
    draft: _Draft,
    scene: Scene,
    plan: Plan,
    options: DetectOptions,
    path: Path,
    executor: Executor,
) -> bool:
    """Classify the scene, where the network is there and made for such images."""
    asked = options.masks.clouds == "learned"
    why = unfit(scene)
    if why and asked:
        raise InputError(
            f"{scene.name}: its clouds can't be told by the network",
            found=why,
            needed="pip install twopass[clouds], and an image of reflectance with blue, green, red "
            "and nir",
            option="--clouds",
        )
    if why or not (asked or is_reliable(scene)):
        return False
    mask = learn(scene, plan, path=path, executor=executor, margin_m=options.masks.cloud_margin)
    draft.add(mask, hashed(path))
    draft.told = mask.source
    return True


def _from_suspicion(
    drafts: dict[Role, _Draft],
    scenes: Mapping[Role, Scene],
    found: Suspicion | str,
    options: DetectOptions,
    folder: Path,
    rasters: dict[str, Path],
) -> list[Caution]:
    """Tell of suspected clouds, and mask them where that is asked for."""
    open_roles: list[Role] = [role for role, draft in drafts.items() if not draft.told]
    asked = options.masks.clouds == "suspected"
    if isinstance(found, str):
        if asked:
            raise InputError(
                "clouds can't be suspected in these images",
                found=found,
                needed="pixels up to 15 m, seen in both",
                option="--clouds",
            )
        for role in open_roles:
            drafts[role].told = f"{NOT_TESTED} (no mask; {found})"
        return []
    # Where a better mask is there, it has the word.
    told = sum(BITS[role] for role in open_roles)
    found = replace(found, bits=found.bits & np.uint8(told))
    path = folder / "suspected_clouds.tif"
    if asked or found.bits.any():
        write_suspicion(found, path)
        rasters[path.stem] = path
    cautions = []
    for role in open_roles:
        there = bool((found.bits & BITS[role]).any())
        how = f"{'' if there else 'none '}suspected from brightness and shadow"
        drafts[role].told = (
            f"{how}{', and masked' if there else ''}" if asked else f"no mask; {how}"
        )
        if asked:
            drafts[role].add(
                Mask(
                    kind=f"suspected-{role}",
                    path=path,
                    geobox=found.geobox,
                    margin_px=options.masks.cloud_margin / ground_pixel(found.geobox),
                    source=f"suspected clouds ({path.name})",
                ),
                hashed(path),
            )
        if found.share[role]:
            cautions.append(_suspicion_caution(role, scenes[role], found, masked=asked))
    return cautions


def _suspicion_caution(role: Role, scene: Scene, found: Suspicion, *, masked: bool) -> Caution:
    share = 100 * found.share[role]
    amount = f"{share:.0f} %" if share >= 1 else "less than 1 %"
    sun = "" if found.sun[role] else ", with the sun's direction unknown"
    done = "they are masked" if masked else "they are not masked: look, and use --mask if they are"
    return Caution(
        f"clouds-suspected-{role}",
        f"{scene.name}: clouds or their shadows are suspected in {amount} of the area, from "
        f"brightness and shadow alone{sun}; {done}.",
    )


def _sources(draft: _Draft) -> list[dict[str, Any]]:
    return [
        {
            "source": mask.source,
            "file": draft.files[mask.source].name,
            "sha256": draft.files[mask.source].sha256,
            "margin_m": mask.margin_px * ground_pixel(mask.geobox)
            if isinstance(mask, Mask)
            else 0.0,
        }
        for mask in draft.masks
    ]
