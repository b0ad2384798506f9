"""The command ``align`` as one function: an aligned image and its products, whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from aoi.places import drawn_seams
from aoi.report.alignment import check_reason
from imagery.align import (
    Measured,
    Moved,
    check_applicable,
    enforced,
    measure,
    move,
    open_stored,
    transform_of,
)
from imagery.blockwise import Progress, engine
from imagery.errors import OutputError, UsageError
from imagery.options import AlignOptions, EngineOptions
from imagery.ortho import Ground, ground_beside
from imagery.record import Caution, to_json
from imagery.scene import Scene
from imagery.transform import Transform, read_transform, write_transform

Tell = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Products:
    """What is written, and where."""

    out: Path
    transform: Path | None = None
    """Beside the image, as ``NAME.transform.json``, where None."""

    ties: Path | None = None
    figure: Path | None = None
    diagnosis: Path | None = None
    """A folder; written whether the alignment is refused or not."""

    overwrite: bool = False


def align_files(
    reference: Path | None,
    target: Path,
    *,
    products: Products,
    use_transform: Path | None = None,
    options: AlignOptions | None = None,
    engine_options: EngineOptions | None = None,
    progress: Tell | None = None,
) -> dict[str, Any]:
    """Align an image to another, or move it as a transform says, and write what is asked for.

    Parameters
    ----------
    reference
        The image that stays; None with ``use_transform``.
    target
        The image that is moved.
    products
        What to write.
    use_transform
        The transform file of an earlier alignment, in place of a reference.
    options, engine_options
        What is asked for; the defaults where None.
    progress
        Called as the work goes on.

    Returns
    -------
    dict
        What was done, as plain values.

    Raises
    ------
    imagery.errors.TwopassError
        With what was found, what is needed and the option to set; of the files asked for, nothing
        is left behind then but the diagnosis.
    """
    options, tell = options or AlignOptions(), progress or (lambda _: None)
    _check_request(reference, use_transform, products)
    check_reason(options.coregister.accept_alignment)
    places = _places(products, applied=use_transform is not None)
    inputs = [p for p in (reference, target, use_transform) if p is not None]
    _check_places(places, inputs, overwrite=products.overwrite)
    if products.diagnosis is not None:
        from aoi.alignment.diagnosis import check_free

        check_free(products.diagnosis)
    seams = drawn_seams(options.coregister, options.read)
    with (
        _staged(places, overwrite=products.overwrite) as files,
        engine(engine_options or EngineOptions()) as executor,
        ground_beside(products.out, executor=executor, tell=tell) as ground,
    ):
        if use_transform is not None:
            out = files["image"]
            return _apply(use_transform, target, out, places, options, executor, tell, ground)
        if reference is None:
            raise ValueError("a reference is needed, or a transform")
        found = measure(
            reference,
            target,
            options=options,
            executor=executor,
            tell=tell,
            seams=seams,
            ground=ground,
        )
        if products.diagnosis is not None:
            from aoi.alignment.diagnosis import diagnose

            diagnose(
                products.diagnosis,
                scenes=found.scenes,
                plan=found.plan,
                bands=found.bands,
                alignment=found.alignment,
                refusal=found.refusal,
            )
        return _write(found, target, files, places, options, executor, tell, ground)


def _write(
    found: Measured,
    target: Path,
    files: dict[str, Path],
    places: dict[str, Path],
    options: AlignOptions,
    executor: Executor,
    tell: Tell,
    ground: Ground,
) -> dict[str, Any]:
    alignment, transform = enforced(found), transform_of(found)
    stored = open_stored(target, options=options.read, ground=ground)
    moved = move(stored, transform, files["image"], options=options, executor=executor, tell=tell)
    write_transform(transform, files["transform"])
    if "ties" in files:
        from aoi.alignment.ties import write_ties

        write_ties(alignment.tie_points, found.plan, files["ties"])
    if "figure" in files:
        from aoi.alignment.figure import draw_alignment
        from aoi.alignment.pictures import picture
        from aoi.alignment.words import Told

        told = Told(
            scenes=found.scenes, plan=found.plan, alignment=alignment, refusal=found.refusal
        )
        still = picture(
            found.scenes[found.plan.still], found.plan, found.bands, role=found.plan.still
        )
        files["figure"].write_bytes(draw_alignment(told, still))
    initial = alignment.initial
    scenes = {"reference": found.scenes["before"], "target": found.scenes["after"]}
    return _told(moved, transform, places, found.cautions) | {
        "images": {name: _scene(scene) for name, scene in scenes.items()},
        "before_ce90_px": None if initial is None else initial.ce90,
    }


def _apply(
    use_transform: Path,
    target: Path,
    out: Path,
    places: dict[str, Path],
    options: AlignOptions,
    executor: Executor,
    tell: Tell,
    ground: Ground,
) -> dict[str, Any]:
    transform = read_transform(use_transform)
    stored = open_stored(target, options=options.read, ground=ground)
    cautions = (*stored.scene.cautions, *check_applicable(stored, transform))
    moved = move(stored, transform, out, options=options, executor=executor, tell=tell)
    return _told(moved, transform, places, cautions) | {
        "images": {"target": _scene(stored.scene)},
        "before_ce90_px": None,
    }


def _told(
    moved: Moved, transform: Transform, places: dict[str, Path], cautions: tuple[Caution, ...]
) -> dict[str, Any]:
    residual = transform.residual
    size = transform.pixel_size_m
    rows, cols = moved.geobox.shape
    every = dict.fromkeys((*cautions, *moved.cautions))
    told: dict[str, Any] = to_json(
        {
            "status": "aligned",
            "simulated": moved.stored.scene.simulated,
            "georeferenced": moved.geobox.crs is not None,
            "files": {name: place.name for name, place in places.items()},
            "alignment": {
                "verdict": transform.verdict,
                "accepted": transform.accepted,
                "model": transform.model,
                "reference": transform.reference.file,
                "shift_px": list(moved.shift_px),
                "pixel_size_m": size,
                "ce90_px": residual["ce90_px"] if residual else None,
                "ce90_m": residual["ce90_px"] * size if residual else None,
                "held_out": int(residual["ties"]) if residual else 0,
            },
            "image": {
                "rows": rows,
                "cols": cols,
                "bands": moved.stored.count,
                "dtype": moved.stored.scene.dtype,
                "resampling": moved.method,
            },
            "warnings": [asdict(caution) for caution in every],
        }
    )
    return told


def _scene(scene: Scene) -> dict[str, Any]:
    return {"file": scene.name, "date": str(scene.acquisition)}


def _check_request(reference: Path | None, use_transform: Path | None, products: Products) -> None:
    if (reference is None) == (use_transform is None):
        raise UsageError(
            "an image is aligned to a reference, or as a transform says",
            found="neither" if reference is None else "both",
            needed="REFERENCE TARGET, or TARGET with --use-transform",
            option="--use-transform",
        )
    if use_transform is None:
        return
    for flag, given in (
        ("--save-transform", products.transform),
        ("--save-ties", products.ties),
        ("--figure", products.figure),
        ("--diagnose", products.diagnosis),
    ):
        if given is not None:
            raise UsageError(
                f"{flag} tells what was measured, and with a transform nothing is",
                found="--use-transform too",
                needed="one of the two",
                option=flag,
            )


def _places(products: Products, *, applied: bool) -> dict[str, Path]:
    """Every file that is to be written; the image, which tells that all are there, last."""
    places: dict[str, Path] = {}
    if not applied:
        beside = products.out.with_name(f"{products.out.stem}.transform.json")
        places["transform"] = products.transform or beside
    for name, path in (("ties", products.ties), ("figure", products.figure)):
        if path is not None:
            places[name] = path
    return {**places, "image": products.out}


_OPTIONS = {
    "image": ("--out", (".tif", ".tiff")),
    "transform": ("--save-transform", (".json",)),
    "ties": ("--save-ties", (".gpkg",)),
    "figure": ("--figure", (".png",)),
}


def _check_places(places: dict[str, Path], inputs: list[Path], *, overwrite: bool) -> None:
    """Refuse what would be lost, or could not be written, before a long look at large files."""
    for name, path in places.items():
        flag, suffixes = _OPTIONS[name]
        if path.suffix.lower() not in suffixes:
            raise UsageError(
                f"{path.name or 'the output'}: is no name for what is written",
                found=path.suffix or "no suffix",
                needed=" or ".join(suffixes),
                option=flag,
            )
        folder = path.absolute().parent
        if not folder.is_dir():
            raise OutputError(
                f"{path.name}: cannot be written",
                found=f"no folder {folder.name}",
                needed="a folder that is there",
                option=flag,
            )
        if any(_same(path, other) for other in inputs):
            raise UsageError(
                f"{path.name}: is an input, which is never written to",
                found=f"{flag} {path.name}",
                needed="another name",
                option=flag,
            )
        if path.is_dir() or (not overwrite and (path.exists() or path.is_symlink())):
            raise UsageError(
                f"{path.name}: exists already",
                found="a folder" if path.is_dir() else "a file",
                needed="another name",
                option=flag + ("" if path.is_dir() else ", or --overwrite to replace it"),
            )
    if len({path.absolute() for path in places.values()}) < len(places):
        raise UsageError(
            "two products have one name",
            found=", ".join(sorted(path.name for path in places.values())),
            needed="a name for each",
        )


def _same(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)
    except OSError:
        return False


@contextmanager
def _staged(places: dict[str, Path], *, overwrite: bool) -> Iterator[dict[str, Path]]:
    """Names to write under, beside the places that the files take if the block ends well.

    Under a lock, so that a second run of the same command is refused, not mixed in.
    """
    out = places["image"]
    files = {
        name: path.with_name(f"{path.stem}.partial{path.suffix}") for name, path in places.items()
    }
    marker = out.with_name(f".{out.name}.lock")
    lock = FileLock(marker)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise OutputError(
            f"{out.name}: another run is writing this image",
            found=f"{marker.name}, locked",
            needed="another name, or the other run's end",
            option="--out",
        ) from None
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield files
        # Once more: something may have come there in the meantime.
        _check_places(places, [], overwrite=overwrite)
        for name, path in places.items():
            if files[name].exists():
                files[name].replace(path)
    except OSError as error:
        if isinstance(error, OutputError) or error.errno is None:
            raise
        raise _unwritable(out, error) from error
    finally:
        for path in files.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)
        if os.name == "nt":  # where an open file cannot be removed
            lock.release()
        with suppress(OSError):
            marker.unlink(missing_ok=True)
        lock.release()


def _unwritable(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{path.name}: cannot be written",
        found=error.strerror or str(error),
        needed="a folder that this account may write to, with room left",
        option="--out",
    )
