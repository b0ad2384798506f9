"""A folder that shows why an alignment was refused, or how good it is."""

from __future__ import annotations

import io
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from aoi.alignment.figure import draw_alignment
from aoi.alignment.pictures import Picture, picture
from aoi.alignment.ties import write_ties
from aoi.alignment.words import Told, advice, verdict
from imagery.bands import BandPairs
from imagery.coregister import Alignment, TiePoints
from imagery.errors import AlignmentError, OutputError, UsageError
from imagery.grid import Plan
from imagery.record import to_json
from imagery.scene import Role, Scene

RECORD = "diagnosis.json"
FILES = ("before.png", "after.png", "ties.gpkg", "alignment.png", RECORD)


def check_free(folder: Path, *, option: str = "--diagnose") -> None:
    """Refuse a folder whose files are not those of an earlier diagnosis.

    Raises
    ------
    UsageError
        If something stands where the diagnosis is to be written.
    """
    if folder.is_dir():
        there = [name for name in FILES if (folder / name).exists()]
        if not there or RECORD in there:
            return
        found = ", ".join(there)
    elif folder.exists() or folder.is_symlink():
        found = "a file"
    else:
        return
    raise UsageError(
        f"{folder.name}: is in the way, and no diagnosis",
        found=found,
        needed="a folder to make, an empty one or an earlier diagnosis",
        option=option,
    )


def diagnose(
    folder: Path,
    *,
    scenes: dict[Role, Scene],
    plan: Plan,
    bands: BandPairs,
    alignment: Alignment | None,
    refusal: AlignmentError | None = None,
) -> dict[str, Any]:
    """Write what tells why an alignment was refused, or how good it is.

    ``before.png`` and ``after.png`` show both images on one grid as they came, ``alignment.png``
    the figure, ``ties.gpkg`` every window, and ``diagnosis.json`` the numbers.

    Parameters
    ----------
    folder
        Made where it isn't there; files of an earlier diagnosis are replaced.
    scenes, plan, bands
        What was aligned.
    alignment
        What was found; None where the measuring itself was refused.
    refusal
        Why it was refused; ``alignment.refusal`` where None.

    Returns
    -------
    dict
        What stands in ``diagnosis.json``.

    Raises
    ------
    UsageError
        If the folder holds other files of these names.
    OutputError
        If it can't be written.

    Notes
    -----
    It reads pixels, so it is to be called inside the engine, or a raster environment.
    """
    check_free(folder)
    if refusal is None and alignment is not None:
        refusal = alignment.refusal
    told = Told(scenes=scenes, plan=plan, alignment=alignment, refusal=refusal)
    ties = TiePoints.none() if alignment is None else alignment.tie_points
    pictures = {role: picture(scene, plan, bands, role=role) for role, scene in scenes.items()}
    record = _record(told, ties)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for role, shown in pictures.items():
            (folder / f"{role}.png").write_bytes(_png(shown))
        (folder / "alignment.png").write_bytes(draw_alignment(told, pictures[plan.still]))
        write_ties(ties, plan, folder / "ties.gpkg")
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / RECORD).write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(
            f"{folder.name}: cannot be written",
            found=error.strerror or str(error),
            needed="a folder that this account may write to, with room left",
            option="--diagnose",
        ) from error
    return record


def _png(shown: Picture) -> bytes:
    target = io.BytesIO()
    Image.fromarray(shown.rgba).save(target, format="PNG")
    return target.getvalue()


def _record(told: Told, ties: TiePoints) -> dict[str, Any]:
    found, plan = told.alignment, told.plan
    refusal = told.refusal
    record: dict[str, Any] = to_json(
        {
            "format": "twopass-diagnosis",
            "version": 1,
            "verdict": told.verdict,
            "in_words": verdict(told),
            "advice": advice(told),
            "refusal": None
            if refusal is None
            else {n: getattr(refusal, n) for n in ("message", "found", "needed", "option")},
            "moving": plan.moving,
            "images": {role: _scene(scene) for role, scene in told.scenes.items()},
            "grid": {
                "crs": None if plan.geobox.crs is None else str(plan.geobox.crs),
                "affine": list(plan.geobox.affine[:6]),
                "shape": list(plan.geobox.shape),
                "pixel_size_m": plan.pixel_size_m,
                "measured": asdict(plan.estimation),
            },
            "ties": {
                "all": len(ties),
                "held_out": int(ties.held_out.sum()),
                **{name: int((ties.status == name).sum()) for name in
                   ("ground", "raised", "outlier")},
            },
            "numbers": {} if found is None else found.record.numbers,
            "warnings": [] if found is None else [asdict(c) for c in found.record.cautions],
            "files": {
                "before.png": "the earlier image or the reference, as it came, on the grid",
                "after.png": "the later image or the target, as it came, on the same pixels",
                "alignment.png": "the figure",
                "ties.gpkg": "every window that was measured",
            },
        }
    )  # fmt: skip
    return record


def _scene(scene: Scene) -> dict[str, Any]:
    return {
        "file": scene.name,
        "sha256": scene.files[0].sha256,
        "date": str(scene.acquisition),
        "shape": list(scene.geobox.shape),
    }
