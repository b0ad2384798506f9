"""An alignment as a small file: the shift, the grid that it is told on, and what it rests on.

It is plain JSON, so that it can be read, kept and applied years later, to other bands
and products of the same scene.  A file from elsewhere is untrusted: every value of it is checked.
"""

from __future__ import annotations

import importlib.metadata
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from imagery.errors import MissingInputError, OutputError
from imagery.record import to_json
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.untrusted import Untrusted

FORMAT, VERSION = "twopass-transform", 1

CONVENTION = (
    "aligned(p) = target(p - shift(p)); p and shift are (row, col) in px of the grid, rows down, "
    "whole numbers at pixel centres"
)

VERDICTS = ("trusted", "usable", "accepted")

_LONGEST_FILE = 16_000_000
_MOST_KNOTS = 1000
_MOST_PARTS = 16
_MOST_NODES = 10_000
_LARGEST_SIDE = 10_000_000
_SMOOTH = ("centre", "scale", "linear", "knot_origin", "knot_spacing", "coefficients")
_RESIDUAL = ("ce90_px", "median_px", "rmse_px", "nmad_px", "agreeing")


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image that took part: its file's name, its hash and its grid."""

    file: str
    sha256: str
    geobox: GeoBox


@dataclass(frozen=True, kw_only=True, eq=False)
class Transform:
    """How one image was aligned to another.

    The aligned image at ``p`` is the target at ``p - shift(p)``, with ``p`` in px of ``grid``,
    rows down, whole numbers at pixel centres.
    """

    grid: GeoBox
    """The working grid, on which the shift is told."""

    pixel_size_m: float
    """Side of its pixel on the ground."""

    shift: Shift
    model: str
    verdict: str
    """trusted, usable or accepted."""

    accepted: str | None
    """Why the user accepted an alignment that would have been refused."""

    residual: Mapping[str, float] | None
    """What is left on held-out ties, in px of ``grid``; None where it was not measured."""

    reference: Image
    target: Image
    software: Mapping[str, str]


def transform_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a transform file."""
    text = resources.files("imagery").joinpath("transform.schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def software() -> dict[str, str]:
    """Versions of what measured an alignment."""
    import pyproj
    import rasterio

    versions = {n: importlib.metadata.version(n) for n in ("twopass", "numpy", "scipy", "rasterio")}
    return versions | {"gdal": rasterio.__gdal_version__, "proj": pyproj.proj_version_str}


def write_transform(transform: Transform, path: Path) -> None:
    """Write a transform file; the same transform gives the same bytes.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    text = json.dumps(transform_numbers(transform), indent=1, ensure_ascii=False, allow_nan=False)
    # One pair or row of numbers a line, not one number.
    text = re.sub(r"\[\s+([^\[\]{}]*?)\s+\]", lambda m: f"[{_joined(m[1])}]", text)
    try:
        path.write_text(text + "\n", encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(
            f"{path.name}: cannot be written",
            found=error.strerror or str(error),
            needed="a folder that can be written to, and room on the disk",
        ) from error


def _joined(lines: str) -> str:
    return " ".join(line.strip() for line in lines.splitlines())


def transform_numbers(transform: Transform) -> dict[str, Any]:
    """The content of a transform file, as plain JSON values."""
    plain: dict[str, Any] = to_json(
        {
            "format": FORMAT,
            "version": VERSION,
            "convention": CONVENTION,
            "grid": _grid_numbers(transform.grid) | {"pixel_size_m": transform.pixel_size_m},
            "shift": shift_numbers(transform.shift),
            "model": transform.model,
            "verdict": transform.verdict,
            "accepted": transform.accepted,
            "residual": transform.residual,
            "reference": _image_numbers(transform.reference),
            "target": _image_numbers(transform.target),
            "software": transform.software,
        }
    )
    return plain


def shift_numbers(shift: Shift) -> dict[str, Any]:
    """A shift as plain values; :class:`Shift` and :class:`SeamedShift` say what they mean."""
    seams = _seam_numbers(shift) if isinstance(shift, SeamedShift) else None
    return _smooth_numbers(shift) | {"seams": seams}


def _seam_numbers(shift: SeamedShift) -> dict[str, Any]:
    parts = shift.parts
    return {
        "others": [_smooth_numbers(other) for other in shift.others],
        "origin": list(parts.origin),
        "spacing": parts.spacing,
        "labels": [_runs(row) for row in parts.labels],
    }


def _runs(labels: NDArray[np.uint8]) -> list[int]:
    """A row of labels as its runs: label, length, label, length, …"""
    starts = np.flatnonzero(np.diff(labels, prepend=labels[0] + 1))
    return np.column_stack([labels[starts], np.diff(starts, append=len(labels))]).ravel().tolist()


def _smooth_numbers(shift: Shift) -> dict[str, Any]:
    return {
        "centre": list(shift.centre),
        "scale": shift.scale,
        "linear": shift.linear.tolist(),
        "knot_origin": list(shift.knot_origin),
        "knot_spacing": shift.knot_spacing,
        "coefficients": None if shift.coefficients is None else shift.coefficients.tolist(),
    }


def _image_numbers(image: Image) -> dict[str, Any]:
    # Of a path, whoever wrote it, the name alone, without what could drive a terminal.
    name = re.split(r"[/\\]", image.file)[-1]
    name = "".join(c if c.isprintable() else "?" for c in name) or "?"
    return {"file": name, "sha256": image.sha256} | _grid_numbers(image.geobox)


def _grid_numbers(geobox: GeoBox) -> dict[str, Any]:
    crs = geobox.crs
    return {
        "epsg": None if crs is None else crs.to_epsg(),
        "wkt": None if crs is None else crs.to_wkt(),
        "affine": [float(value) for value in tuple(geobox.affine)[:6]],
        "shape": [int(side) for side in geobox.shape],
    }


def read_transform(path: Path) -> Transform:
    """A transform from its file.

    Raises
    ------
    MissingInputError
        If there is no such file.
    InputError
        If it is anything but a transform of this version, with the place that is wrong.
    """
    reader = _Reader(
        path.name, kind="transform", schema="transform.schema.json", option="--use-transform"
    )
    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise reader.wrong("the file", f"{path.stat().st_size:,} bytes", "16 MB at the most")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInputError(
            f"{path.name}: no such file",
            needed="a transform that twopass align wrote",
            option="--use-transform",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise reader.wrong("the file", str(error)[:100], "a text file") from error
    try:
        values = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise reader.wrong("the file", str(error)[:100], "JSON") from error
    return reader.transform(values)


def _no_constant(word: str) -> float:
    raise ValueError(f"{word} is no number in JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key that stands there twice")
    return found


class _Reader(Untrusted):
    """Reads a transform."""

    def transform(self, values: Any) -> Transform:
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise self.wrong("format", type(values).__name__, f'an object with "{FORMAT}"')
        if type(values.get("version")) is not int or values["version"] != VERSION:
            raise self.wrong("version", values.get("version"), str(VERSION))
        keys = "format version convention grid shift model verdict accepted residual reference"
        root = self.object(values, "the file", [*keys.split(), "target", "software"])
        grid = self.object(root["grid"], "grid", ["epsg", "wkt", "affine", "shape", "pixel_size_m"])
        if root["verdict"] not in VERDICTS:
            raise self.wrong("verdict", root["verdict"], "one of " + ", ".join(VERDICTS))
        residual = root["residual"]
        if residual is not None:
            known = [*_RESIDUAL, "ties"]
            residual = {
                key: self.number(value, f"residual.{key}", least=0, most=1e9)
                for key, value in self.object(residual, "residual", known).items()
            }
        said = root["software"]
        if not isinstance(said, dict) or len(said) > 50:
            raise self.wrong("software", type(said).__name__, "versions by name")
        return Transform(
            grid=self._geobox(grid, "grid"),
            pixel_size_m=self.number(
                grid["pixel_size_m"], "grid.pixel_size_m", least=1e-6, most=1e6
            ),
            shift=self._shift(root["shift"]),
            model=self.text(root["model"], "model", longest=40),
            verdict=root["verdict"],
            accepted=None
            if root["accepted"] is None
            else self.text(root["accepted"], "accepted", longest=2000),
            residual=residual,
            reference=self._image(root["reference"], "reference"),
            target=self._image(root["target"], "target"),
            software={
                self.text(k, "software", longest=40): self.text(v, f"software.{k}", longest=80)
                for k, v in said.items()
            },
        )

    def _shift(self, values: Any) -> Shift:
        found = self.object(values, "shift", [*_SMOOTH, "seams"])
        seams = found.pop("seams")
        first = self._smooth(found, "shift")
        if seams is None:
            return first
        place = "shift.seams"
        told = self.object(seams, place, ["others", "origin", "spacing", "labels"])
        others = told["others"]
        if not isinstance(others, list) or not 1 <= len(others) < _MOST_PARTS:
            raise self.wrong(f"{place}.others", type(others).__name__, "one to 15 shifts")
        parts = Parts(
            origin=_pair(self.numbers(told["origin"], f"{place}.origin", length=(2, 2))),
            spacing=self.number(told["spacing"], f"{place}.spacing", least=1e-6, most=1e9),
            labels=self._labels(told["labels"], f"{place}.labels", most=len(others)),
        )
        smooth = (self._smooth(other, f"{place}.others") for other in others)
        return SeamedShift.of((first, *smooth), parts)

    def _labels(self, value: Any, place: str, *, most: int) -> NDArray[np.uint8]:
        if not isinstance(value, list) or not 1 <= len(value) <= _MOST_NODES:
            raise self.wrong(place, type(value).__name__, "rows of labels and lengths")
        rows = []
        for row in value:
            runs = self.numbers(row, place, length=(2, 2 * _MOST_NODES))
            label, length = np.array(runs[::2]), np.array(runs[1::2])
            whole = all(type(number) is int for number in row) and len(label) == len(length)
            if not whole or label.min() < 0 or label.max() > most or length.min() < 1:
                raise self.wrong(place, row[:4], f"labels from 0 to {most}, each with its length")
            if length.sum() > _MOST_NODES:
                raise self.wrong(place, length.sum(), f"rows of {_MOST_NODES} nodes at the most")
            rows.append(np.repeat(label.astype(np.uint8), length.astype(np.intp)))
        if len({len(row) for row in rows}) > 1:
            raise self.wrong(place, "rows of several lengths", "rows of one length")
        return np.stack(rows)

    def _smooth(self, values: Any, place: str) -> Shift:
        found = self.object(values, place, _SMOOTH)
        linear = self.table(found["linear"], f"{place}.linear", rows=(2, 2), cols=(3, 3))
        coefficients = found["coefficients"]
        if coefficients is not None:
            if not isinstance(coefficients, list) or len(coefficients) != 2:
                raise self.wrong(f"{place}.coefficients", type(coefficients).__name__, "two tables")
            knots = (4, _MOST_KNOTS)
            both = [self.table(c, f"{place}.coefficients", rows=knots, cols=knots)
                    for c in coefficients]  # fmt: skip
            if both[0].shape != both[1].shape:
                raise self.wrong(f"{place}.coefficients", "tables of two sizes", "of one size")
            coefficients = np.stack(both)
        pair = (2, 2)
        return Shift(
            centre=_pair(self.numbers(found["centre"], f"{place}.centre", length=pair)),
            scale=self.number(found["scale"], f"{place}.scale", least=1e-6, most=1e9),
            linear=linear,
            knot_origin=_pair(
                self.numbers(found["knot_origin"], f"{place}.knot_origin", length=pair)
            ),
            knot_spacing=self.number(
                found["knot_spacing"], f"{place}.knot_spacing", least=1e-6, most=1e9
            ),
            coefficients=coefficients,
        )

    def _image(self, values: Any, place: str) -> Image:
        found = self.object(values, place, ["file", "sha256", "epsg", "wkt", "affine", "shape"])
        name = self.text(found["file"], f"{place}.file", longest=255)
        if re.search(r"[/\\]", name):
            raise self.wrong(f"{place}.file", name, "a file's name without its folder")
        sha256 = found["sha256"]
        if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise self.wrong(f"{place}.sha256", sha256, "64 hexadecimal digits")
        return Image(file=name, sha256=sha256, geobox=self._geobox(found, place))

    def _geobox(self, values: Mapping[str, Any], place: str) -> GeoBox:
        affine = self.numbers(values["affine"], f"{place}.affine", length=(6, 6), most=1e10)
        transform = Affine(*affine)
        sides = math.hypot(affine[0], affine[3]) * math.hypot(affine[1], affine[4])
        if not abs(transform.determinant) > 1e-6 * sides > 0:
            raise self.wrong(f"{place}.affine", affine, "an affine that can be inverted")
        shape = values["shape"]
        if (
            not isinstance(shape, list)
            or len(shape) != 2
            or not all(type(side) is int and 1 <= side <= _LARGEST_SIDE for side in shape)
        ):
            raise self.wrong(f"{place}.shape", shape, "two whole numbers from 1 on")
        return GeoBox((shape[0], shape[1]), transform, self._crs(values, place))

    def _crs(self, values: Mapping[str, Any], place: str) -> CRS | None:
        import pyproj
        from pyproj.exceptions import CRSError

        wkt, epsg = values["wkt"], values["epsg"]
        if wkt is None and epsg is None:
            return None
        try:
            # WKT alone: other words for a CRS may name files.
            crs = pyproj.CRS.from_wkt(self.text(wkt, f"{place}.wkt", longest=50_000))
            if epsg is None:
                return CRS(crs)
            if type(epsg) is not int or not 1000 <= epsg <= 999_999:
                raise self.wrong(f"{place}.epsg", epsg, "a code of EPSG's, or null")
            said = pyproj.CRS.from_epsg(epsg)
        except CRSError as error:
            raise self.wrong(f"{place}.wkt", error, "a CRS as WKT") from error
        if not said.equals(crs, ignore_axis_order=True) and crs.to_epsg(50) != epsg:
            raise self.wrong(f"{place}.epsg", f"EPSG:{epsg}", f"the CRS of {place}.wkt")
        return CRS(f"EPSG:{epsg}")


def _pair(values: Sequence[float]) -> tuple[float, float]:
    return values[0], values[1]
