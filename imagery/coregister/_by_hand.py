"""An alignment from ties that a person set."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imagery.coregister._alignment import Residual, TiePoints
from imagery.coregister._field import fit_affine, fit_constant, fit_field
from imagery.coregister._ties import Ties
from imagery.errors import InputError, MissingInputError
from imagery.grid import Plan, moved, transformer
from imagery.record import sha256_of
from imagery.scene import InputFile, Role, Scene
from imagery.shift import Shift

LEAST = 6
"""Ties needed: four to fit and two to check."""

_MANY = 16
"""Ties to fit from which a local field may be chosen."""

_LARGEST_FILE = 1_000_000
"""Bytes; a tie takes about 50."""

_FORMS = {
    "map": ("before_x", "before_y", "after_x", "after_y"),
    "lon/lat": ("before_lon", "before_lat", "after_lon", "after_lat"),
    "pixel": ("before_col", "before_row", "after_col", "after_row"),
}
"""Columns of the file: coordinates of each image's own CRS, degrees (WGS 84), or each image's own
pixels, whose centres are whole numbers."""

_YES = ("1", "true", "yes", "check")
_NO = ("0", "false", "no", "fit", "")


@dataclass(frozen=True, kw_only=True, eq=False)
class HandFit:
    """The field through ties set by hand, and what the others say of it."""

    shift: Shift
    model: str
    residual: Residual
    initial: Residual
    points: TiePoints
    file: InputFile
    fitted: int


def fit_by_hand(path: Path, plan: Plan, scenes: dict[Role, Scene]) -> HandFit:
    """Read ties from a file, fit those that are no check points, and judge by those that are.

    The simplest model that foretells the ties best is taken, of a shift, an affine move and, with
    16 ties or more, a local field.  The 90 % error is the largest of fewer than ten check points.

    Parameters
    ----------
    path
        A CSV file, UTF-8, with a header: ``before_x, before_y, after_x, after_y`` in the images'
        own CRS, the same with ``lon`` and ``lat`` in degrees, or with ``col`` and ``row`` in each
        image's own pixels; and, if wanted, ``check``, 1 for check points.  Without it every third
        tie is one.
    plan, scenes
        What is aligned.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is no such table, or holds too few ties.
    """
    ties = _read(path, plan, scenes)
    fit, check = ties.where(~ties.held_out), ties.where(ties.held_out)
    shift, model = _fitted(fit, plan)
    residual = ties.left_by(shift)
    return HandFit(
        shift=shift,
        model=model,
        residual=Residual.of(residual[ties.held_out], agreeing=1.0, few=True),
        initial=Residual.of(check.shift, agreeing=1.0, few=True),
        points=TiePoints(
            row=ties.row,
            col=ties.col,
            shift=ties.shift,
            residual=residual,
            sigma=np.full(len(ties), float(np.sqrt((residual**2).mean()))),
            coherence=np.ones(len(ties)),
            held_out=ties.held_out,
            status=np.full(len(ties), "ground"),
        ),
        file=InputFile(path.name, sha256_of(path), path.stat().st_size),
        fitted=len(fit),
    )


def _read(path: Path, plan: Plan, scenes: dict[Role, Scene]) -> Ties:
    rows, form = _table(path)
    if form != "pixel" and plan.geobox.crs is None:
        raise _unusable(path, f"columns {', '.join(_FORMS[form])}", "col and row: no georeference")
    numbers = np.array([[_number(path, row, name) for name in _FORMS[form]] for row in rows])
    columns: dict[Role, NDArray[np.float64]] = {"before": numbers[:, :2], "after": numbers[:, 2:]}
    places = {role: _on_grid(at, form, scenes[role], plan) for role, at in columns.items()}
    still, moving = places[plan.still], places[plan.moving]
    check = _checks(path, rows)
    if len(rows) < LEAST or check.sum() < 2 or (~check).sum() < 4:
        raise _unusable(
            path,
            f"{len(rows)} ties, {int(check.sum())} of them check points",
            f"at least {LEAST}: four to fit and two to check",
        )
    fold = 1 + np.arange(len(rows)) % 4
    return Ties(
        row=still[:, 0],
        col=still[:, 1],
        shift=still - moving,
        covariance=np.tile(0.25 * np.eye(2), (len(rows), 1, 1)),
        coherence=np.ones(len(rows)),
        fold=np.where(check, 0, fold),
    )


def _table(path: Path) -> tuple[list[dict[str, Any]], str]:
    if not path.is_file():
        raise MissingInputError(
            f"{path.name}: no such file of ties",
            needed="a CSV file",
            option="--ties",
        )
    if path.stat().st_size > _LARGEST_FILE:
        raise _unusable(path, f"{path.stat().st_size:,} bytes", f"at most {_LARGEST_FILE:,}")
    try:
        table = csv.DictReader(io.StringIO(path.read_text("utf-8-sig")), strict=True)
        names = [name.strip().lower() for name in table.fieldnames or ()]
        table.fieldnames = names
        rows = list(table)
    except (UnicodeDecodeError, csv.Error) as error:
        raise _unusable(path, str(error), "a CSV file in UTF-8") from error
    for form, needed in _FORMS.items():
        if set(needed) <= set(names):
            return rows, form
    wanted = "; or ".join(", ".join(columns) for columns in _FORMS.values())
    raise _unusable(path, "columns " + (", ".join(names[:12]) or "none"), f"columns {wanted}")


def _number(path: Path, row: dict[str, Any], name: str) -> float:
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise _unusable(path, f"{str(row[name])[:40]!r} in column {name}", "a number")
    return value


def _checks(path: Path, rows: list[dict[str, Any]]) -> NDArray[np.bool_]:
    if not rows or "check" not in rows[0]:
        return np.asarray(np.arange(len(rows)) % 3 == 2)
    words = [str(row["check"] or "").strip().lower() for row in rows]
    for word in words:
        if word not in (*_YES, *_NO):
            raise _unusable(path, f"{word[:40]!r} in column check", "1 or 0")
    return np.array([word in _YES for word in words], bool)


def _on_grid(
    places: NDArray[np.float64], form: str, scene: Scene, plan: Plan
) -> NDArray[np.float64]:
    """Where places of an image lie on the working grid: (row, col), pixel centres whole numbers."""
    x, y = places[:, 0], places[:, 1]
    source: Any = scene.geobox.crs
    if form == "pixel":
        x, y = moved(scene.geobox.affine, x + 0.5, y + 0.5)
    elif form == "lon/lat":
        source = "EPSG:4326"
    if source != plan.geobox.crs:
        x, y = transformer(source, plan.geobox.crs).transform(x, y)
    col, row = moved(~plan.geobox.affine, np.asarray(x), np.asarray(y))
    return np.stack([row - 0.5, col - 0.5], axis=1)


def _fitted(ties: Ties, plan: Plan) -> tuple[Shift, str]:
    area = plan.estimation
    extent = float(area.top), float(area.left), float(area.bottom), float(area.right)
    if len(ties) >= _MANY:
        field = fit_field(ties, extent=extent)
        return field.shift, field.model
    fits = {"shift": fit_constant, "affine": fit_affine}
    errors = {}
    for name, fit in fits.items():
        rest = []
        for one in range(len(ties)):
            others = np.arange(len(ties)) != one
            shift = fit(ties.where(others), extent=extent)
            here = ties.where(~others)
            rest.append(np.hypot(*here.left_by(shift).T).item())
        errors[name] = float(np.median(rest))
    best = min(errors, key=lambda name: errors[name])
    return fits[best](ties, extent=extent), best


def _unusable(path: Path, found: str, needed: str) -> InputError:
    return InputError(
        f"{path.name}: no ties that can be used", found=found, needed=needed, option="--ties"
    )
