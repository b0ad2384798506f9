from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from imagery.errors import InputError, MissingInputError, OutputError
from imagery.shift import Shift
from imagery.transform import (
    Image,
    Transform,
    read_transform,
    transform_numbers,
    transform_schema,
    write_transform,
)

UTM = Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000)
RESIDUAL = {
    "ce90_px": 0.21, "median_px": 0.1, "rmse_px": 0.13, "nmad_px": 0.08, "ties": 58.0,
    "agreeing": 0.97,
}  # fmt: skip


def local_shift() -> Shift:
    rng = np.random.default_rng(5)
    return Shift(
        centre=(300.0, 350.5),
        scale=350.0,
        linear=rng.normal(size=(2, 3)),
        knot_origin=(0.25, -3.0),
        knot_spacing=96.0,
        coefficients=rng.normal(size=(2, 8, 9)),
    )


def made(*, crs: str | None = "EPSG:32651", shift: Shift | None = None, **more: Any) -> Transform:
    grid = GeoBox((600, 700), UTM, crs)
    return Transform(
        **{
            "grid": grid,
            "pixel_size_m": 0.5,
            "shift": shift or local_shift(),
            "model": "local",
            "verdict": "trusted",
            "accepted": None,
            "residual": RESIDUAL,
            "reference": Image(file="ref.tif", sha256="0" * 64, geobox=grid),
            "target": Image(file="tgt.tif", sha256="a" * 64, geobox=grid),
            "software": {"twopass": "0.1.0"},
            **more,
        }
    )


@pytest.mark.parametrize("crs", ["EPSG:32651", "EPSG:4326", None, "+proj=tmerc +lon_0=126.3"])
def test_a_transform_comes_back_to_the_last_bit(tmp_path: Path, crs: str | None) -> None:
    path, before = tmp_path / "t.json", made(crs=crs)
    write_transform(before, path)
    after = read_transform(path)
    for name in ("linear", "coefficients"):
        assert np.array_equal(getattr(after.shift, name), getattr(before.shift, name))
    for name in ("centre", "scale", "knot_origin", "knot_spacing"):
        assert getattr(after.shift, name) == getattr(before.shift, name)
    assert after.grid == before.grid
    assert after.target == before.target
    assert (after.verdict, after.residual, after.accepted) == ("trusted", RESIDUAL, None)
    write_transform(after, tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("crs", ["EPSG:32651", None])
@pytest.mark.parametrize("shift", [local_shift(), Shift.constant(1.5, -2)])
def test_what_is_written_keeps_the_schema(crs: str | None, shift: Shift) -> None:
    schema = transform_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(transform_numbers(made(crs=crs, shift=shift)), schema)
    accepted = made(verdict="accepted", accepted="no other image", residual=None)
    jsonschema.validate(transform_numbers(accepted), schema)


def test_an_odd_name_can_be_read_back(tmp_path: Path) -> None:
    image = Image(file="a\n\x1b[2J \udcff서울.tif", sha256="0" * 64, geobox=made().grid)
    write_transform(made(reference=image), tmp_path / "t.json")
    assert read_transform(tmp_path / "t.json").reference.file == "a??[2J ?서울.tif"


def test_no_folder_is_written(tmp_path: Path) -> None:
    image = Image(file="/home/someone/a.tif", sha256="0" * 64, geobox=made().grid)
    write_transform(made(reference=image), tmp_path / "t.json")
    assert "someone" not in (tmp_path / "t.json").read_text("utf-8")


Change = Callable[[dict[str, Any]], None]


def setting(*path: Any, to: Any) -> Change:
    def change(values: dict[str, Any]) -> None:
        place: Any = values
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (setting("format", to="other"), "format"),
        (setting("version", to=2), "version"),
        (setting("version", to=True), "version"),
        (setting("extra", to=1), "'extra' unknown"),
        (lambda v: v.pop("shift"), "'shift' missing"),
        (setting("verdict", to="refused"), "verdict"),
        (setting("shift", to=[]), "shift"),
        (setting("shift", "scale", to=0), "shift.scale"),
        (setting("shift", "scale", to=1e400), "Infinity"),
        (setting("shift", "scale", to=True), "shift.scale"),
        (setting("shift", "centre", to=[1]), "shift.centre"),
        (setting("shift", "linear", 0, 0, to="1"), "shift.linear"),
        (setting("shift", "linear", 0, 0, to=float("nan")), "NaN"),
        (setting("shift", "linear", 0, 0, to=1e300), "shift.linear"),
        (setting("shift", "linear", 0, to=[1.0, 2.0]), "shift.linear"),
        (setting("shift", "coefficients", to=[[[0.0] * 4] * 3] * 2), "shift.coefficients"),
        (setting("shift", "coefficients", to=[[[0.0] * 4] * 4, [[0.0] * 5] * 4]), "coefficients"),
        (setting("shift", "coefficients", 0, 1, to=[0.0] * 8), "coefficients"),
        (setting("shift", "coefficients", to=[[[0.0] * 1001] * 4] * 2), "coefficients"),
        (setting("grid", "shape", to=[0, 5]), "grid.shape"),
        (setting("grid", "shape", to=[10**12, 5]), "grid.shape"),
        (setting("grid", "shape", to=[5.0, 5]), "grid.shape"),
        (setting("grid", "affine", to=[0, 0, 0, 0, 0, 0]), "grid.affine"),
        (setting("grid", "affine", to=[1, 1, 0, 1, 1, 0]), "grid.affine"),
        (setting("grid", "epsg", to=32652), "grid.epsg"),
        (setting("grid", "epsg", to=10**9), "grid.epsg"),
        (setting("grid", "wkt", to="+proj=longlat +nadgrids=/etc/passwd"), "grid.wkt"),
        (setting("grid", "wkt", to="EPSG:32651"), "grid.wkt"),
        (setting("grid", "wkt", to="x" * 60_000), "grid.wkt"),
        (setting("grid", "pixel_size_m", to=0), "grid.pixel_size_m"),
        (setting("target", "file", to="../../etc/x.tif"), "target.file"),
        (setting("target", "file", to="a\x1b[2J.tif"), "target.file"),
        (setting("target", "file", to=""), "target.file"),
        (setting("target", "sha256", to="0" * 63), "target.sha256"),
        (setting("residual", "ties", to=-1), "residual.ties"),
        (setting("residual", to={}), "residual"),
        (setting("software", to={"a": 1}), "software.a"),
        (setting("accepted", to=5), "accepted"),
    ],
)
def test_a_hostile_file_is_refused_with_its_place(
    tmp_path: Path, change: Change, place: str
) -> None:
    values = copy.deepcopy(transform_numbers(made()))
    change(values)
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_transform(path)
    text = str(caught.value)
    assert place in text
    assert "bad.json" in text
    assert str(tmp_path) not in text
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "content",
    [
        b"", b"[", b"[" * 200_000, b"\xff\xfe", b"null", b"[1]", b'{"a": 1, "a": 2}',
        b"9" * 10_000, b'{"format": "twopass-transform", "version": 1e999}',
    ],
    ids=range(9),
)  # fmt: skip
def test_what_is_no_transform_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.json: is no transform"):
        read_transform(path)


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.json"
    with path.open("wb") as stream:
        stream.truncate(20_000_000)
    with pytest.raises(InputError, match="16 MB"):
        read_transform(path)
    with pytest.raises(MissingInputError, match="no such file"):
        read_transform(tmp_path / "none.json")
    with pytest.raises(InputError):
        read_transform(tmp_path)
    with pytest.raises(OutputError):
        write_transform(made(), tmp_path / "no" / "t.json")
