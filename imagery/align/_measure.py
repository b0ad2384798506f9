"""What the co-registration finds of a reference and a target, and whether it may be used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path

from imagery.bands import BandPairs, pair_bands
from imagery.blockwise import Progress
from imagery.coregister import Alignment, Residual, SeamLines, coregister
from imagery.errors import AlignmentError
from imagery.grid import Plan, ground_pixel, plan_pair
from imagery.metadata import plain
from imagery.options import AlignOptions, GridOptions, SceneOptions
from imagery.ortho import Ground
from imagery.read import open_scene
from imagery.record import Caution
from imagery.scene import Role, Scene
from imagery.transform import Image, Transform, software

Tell = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """Two images, and what the co-registration found of them."""

    scenes: dict[Role, Scene]
    """The reference as ``before``, the target as ``after``."""

    plan: Plan
    bands: BandPairs
    alignment: Alignment | None
    """None where the measuring itself was refused."""

    refusal: AlignmentError | None
    """Why the alignment can't be trusted, whether the user accepted it or not; None where it can.
    """

    accepted: str | None
    """The user's reason to go on whatever is found."""

    cautions: tuple[Caution, ...]


def measure(
    reference: Path,
    target: Path,
    *,
    options: AlignOptions,
    executor: Executor,
    tell: Tell,
    seams: SeamLines | None = None,
    ground: Ground | None = None,
) -> Measured:
    """Open both images and measure how the target must be moved.

    A refusal of the co-registration is returned, not raised; :func:`enforced` raises it.  Without
    ``ground``, an image that isn't on the ground is refused.

    Raises
    ------
    InputError
        If an image can't be used.
    """
    tell(Progress("read", 0, 1))
    asked: tuple[tuple[Role, Path, str | None], ...] = (
        ("before", reference, options.reference_bands),
        ("after", target, options.target_bands),
    )
    scenes: dict[Role, Scene] = {
        role: (open_scene if ground is None else ground.open)(
            path,
            role=role,
            scene_options=SceneOptions(bands=bands),
            read_options=options.read,
        )
        for role, path, bands in asked
    }
    # It is the ratio that a comparison limits, not an alignment: name the coarser grid.
    sizes = {role: ground_pixel(scene.geobox) for role, scene in scenes.items()}
    coarser: Role = "after" if sizes["after"] > sizes["before"] * 1.01 else "before"
    plan = plan_pair(scenes["before"], scenes["after"], None, options=GridOptions(grid=coarser))
    plan = replace(plan, moving="after", cautions=())
    explicit = any((options.read.bands, options.reference_bands, options.target_bands))
    bands = pair_bands(scenes["before"], scenes["after"], explicit=explicit)
    tell(Progress("align", 0, 1))
    alignment, refusal = None, None
    try:
        alignment = coregister(
            plan, scenes, bands, options=options.coregister, executor=executor, seams=seams
        )
        refusal = alignment.refusal
    except AlignmentError as error:
        refusal = error
    found = (*(c for s in scenes.values() for c in s.cautions), *_same_image(scenes))
    if alignment is not None:
        found += alignment.record.cautions
    return Measured(
        scenes=scenes,
        plan=plan,
        bands=bands,
        alignment=alignment,
        refusal=refusal,
        accepted=options.coregister.accept_alignment,
        cautions=tuple(dict.fromkeys((*found, *bands.cautions))),
    )


def _same_image(scenes: Mapping[Role, Scene]) -> tuple[Caution, ...]:
    before, after = scenes["before"], scenes["after"]
    if before.pixels_sha256 != after.pixels_sha256:
        return ()
    message = f"{before.name} and {after.name} are the same image: they hold the same bytes."
    return (Caution("same-image", message),)


def enforced(found: Measured) -> Alignment:
    """The alignment, if it may be used.

    Raises
    ------
    AlignmentError
        If it isn't trusted, or could not be measured, and the user hasn't accepted it.

    Notes
    -----
    What could not be measured is no alignment: an image that was written as it came, and says that
    it is aligned, would be believed.
    """
    alignment = found.alignment
    if alignment is None:
        raise found.refusal or ValueError("neither an alignment nor a refusal")
    alignment.enforced()
    if alignment.verdict == "not measured" and not found.accepted:
        raise AlignmentError(
            f"{found.scenes['after'].name} was not aligned: no shift against "
            f"{found.scenes['before'].name} could be measured",
            found="; ".join(c.message for c in alignment.record.cautions) or "no tie",
            needed="images with enough structure in common",
            option="--accept-alignment",
        )
    return alignment


def transform_of(found: Measured) -> Transform:
    """What was measured, to be kept.

    Raises
    ------
    AlignmentError
        As :func:`enforced`.
    """
    alignment = enforced(found)
    residual = alignment.residual
    given = None
    if alignment.verdict in ("accepted", "not measured"):
        given = plain(found.accepted) or "no reason given"
    return Transform(
        grid=found.plan.geobox,
        pixel_size_m=found.plan.pixel_size_m,
        shift=alignment.shift,
        model=alignment.model,
        verdict="accepted" if given else alignment.verdict,
        accepted=given,
        residual=None if residual is None else _residual(residual),
        reference=_image(found.scenes["before"]),
        target=_image(found.scenes["after"]),
        software=software(),
    )


def _residual(residual: Residual) -> dict[str, float]:
    px = {f"{name}_px": getattr(residual, name) for name in ("ce90", "median", "rmse", "nmad")}
    return px | {"ties": residual.ties, "agreeing": residual.agreeing}


def _image(scene: Scene) -> Image:
    return Image(file=scene.name, sha256=scene.files[0].sha256, geobox=scene.geobox)
