"""Seams of a mosaic: found where there are some, drawn, and kept as values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pairs import bands_of, plan_of, scene_of
from scipy import ndimage

from imagery.align._carried import carried, whole_move
from imagery.blockwise import engine
from imagery.coregister import Alignment, coregister
from imagery.env import raster_environment
from imagery.errors import InputError, UsageError
from imagery.options import CoregisterOptions, EngineOptions
from imagery.scene import InputFile
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.shift_error import ShiftError
from imagery.simulate import textured_pair
from imagery.transform import (
    Image,
    Transform,
    read_transform,
    transform_numbers,
    transform_schema,
    write_transform,
)

SIDE = 640
BAND = 48
"""How far from the seam, px, the field is as good as elsewhere."""

Side = Callable[[Any, Any], Any]


@pytest.fixture(autouse=True, scope="module")
def rasters() -> Iterator[None]:
    with raster_environment():
        yield


def slanted(row: Any, col: Any) -> Any:
    return 0.4 * (row - SIDE / 2) + (col - 0.45 * SIDE) > 0


def bent(row: Any, col: Any) -> Any:
    return (col - 0.35 * SIDE) - 0.5 * abs(row - 0.4 * SIDE) > 0


def corner(row: Any, col: Any) -> Any:
    return (col > 0.45 * SIDE) & (row > 0.35 * SIDE)


def stripe(row: Any, col: Any) -> Any:
    return abs(col - SIDE / 2) < 0.2 * SIDE


def straight(row: Any, col: Any) -> Any:
    return (col > SIDE / 2) & (row > -1)


def broken(
    side: Side | None, jump: tuple[float, float], *, seed: int = 3, waves: float = 0.0
) -> tuple[NDArray[np.float32], NDArray[np.float32], Callable[[Any, Any], Any]]:
    """Two images, and the move of the later one, which jumps where ``side`` changes."""
    texture = textured_pair(shape=(SIDE + 80, SIDE + 80), seed=seed).before[0].astype(float)

    def smooth(row: Any, col: Any) -> Any:
        wave = waves * np.sin(2 * np.pi * (0.6 * row + 0.8 * col) / 500)
        return np.stack([0.7 + wave, -1.2 - wave])

    row, col = np.indices((SIDE, SIDE)).astype(float)
    leap = np.zeros((2, SIDE, SIDE))
    if side is not None:
        leap += np.where(side(row, col), 0.5, -0.5) * np.reshape(jump, (2, 1, 1))
    at = np.stack([row, col])
    for _ in range(4):  # the later image breaks on its own pixels
        at = np.stack([row, col]) + smooth(*at) + leap
    after = ndimage.map_coordinates(texture, at + 40, order=5, mode="reflect")
    before = texture[40 : 40 + SIDE, 40 : 40 + SIDE]
    noise = np.random.default_rng(seed).normal(0, 0.05, (2, SIDE, SIDE))

    def truth(row: Any, col: Any) -> Any:
        sign = 0.0 if side is None else np.where(side(row, col), 0.5, -0.5)
        return smooth(row, col) + sign * np.reshape(jump, (2, 1, 1))

    return (before + noise[0]).astype(np.float32), (after + noise[1]).astype(np.float32), truth


def aligned(
    folder: Path,
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    *,
    workers: int = 2,
    seams: Any = None,
    **options: Any,
) -> Alignment:
    one, other = scene_of(folder, before[None]), scene_of(folder, after[None], role="after")
    if seams is not None:
        options["seams"] = "elsewhere/seams.geojson"
    with engine(EngineOptions(workers=workers)) as executor:
        return coregister(
            plan_of(one, other),
            {"before": one, "after": other},
            bands_of(one, other),
            options=CoregisterOptions(**options),
            executor=executor,
            seams=seams,
        )


def check_broken(found: Alignment, side: Side, truth: Callable[[Any, Any], Any]) -> None:
    """The seam lies where it was made, and on both sides of it the field is right."""
    assert isinstance(found.shift, SeamedShift)
    rows = cols = np.arange(4.0, SIDE - 4, 4)
    row, col = np.meshgrid(rows, cols, indexing="ij")
    there = side(row, col)
    gap = np.where(
        there, ndimage.distance_transform_edt(there), ndimage.distance_transform_edt(~there)
    )
    part = found.shift.parts.on_grid(rows, cols)
    for number in np.unique(part):
        here = part == number
        stray = here & (there != (there[here].mean() > 0.5))
        assert 4 * gap[stray].max(initial=0) <= 24
    off = np.hypot(*(found.shift.on_grid(rows, cols) - truth(row, col)))[4 * gap > BAND]
    assert np.sqrt(np.mean(off**2)) <= 0.05


@pytest.mark.parametrize(
    ("side", "jump", "waves"),
    [
        (slanted, (0.8, -0.6), 0.0),
        (bent, (1.2, 1.6), 0.3),
        (corner, (-3.0, 1.0), 0.0),
        (stripe, (0.0, 2.0), 0.0),
        (straight, (4.4, 4.0), 0.0),
    ],
    ids=["slanted", "bent, with waves", "a corner", "a stripe", "half and half, 6 px"],
)
def test_a_seam_is_found(
    tmp_path: Path, side: Side, jump: tuple[float, float], waves: float
) -> None:
    before, after, truth = broken(side, jump, waves=waves)
    found = aligned(tmp_path, before, after)
    assert found.verdict == "trusted"
    check_broken(found, side, truth)
    told = found.record.numbers["seams"]
    assert told["file"] is None
    assert told["jump_px"] == pytest.approx(np.hypot(*jump), abs=0.2)
    assert sum(told["parts"]) == pytest.approx(1)
    assert [c.code for c in found.record.cautions] == ["seam-found"]


@pytest.mark.parametrize("waves", [0.3, 1.5])
@pytest.mark.parametrize("seed", [1])
def test_a_smooth_field_has_no_seam(tmp_path: Path, waves: float, seed: int) -> None:
    before, after, _ = broken(None, (0.0, 0.0), waves=waves, seed=seed)
    found = aligned(tmp_path, before, after)
    assert not isinstance(found.shift, SeamedShift)
    assert found.record.numbers["seams"] is None


def test_a_small_break_is_no_seam(tmp_path: Path) -> None:
    """A patch that moved, as a landslide does, is change."""
    before, after, _ = broken(None, (0.0, 0.0))
    after[300:420, 300:420] = np.roll(after, (3, 3), axis=(0, 1))[300:420, 300:420]
    assert not isinstance(aligned(tmp_path, before, after).shift, SeamedShift)


def test_the_boundary_is_badly_known(tmp_path: Path) -> None:
    before, after, _ = broken(straight, (0.0, 4.0))
    found = aligned(tmp_path, before, after)
    assert found.error is not None
    rows, cols = np.arange(0.0, SIDE, 40), np.arange(0.0, SIDE)
    error = found.error.on_grid(rows, cols)
    near = np.abs(cols - (SIDE - 1) / 2) <= 20
    assert (error[:, near] >= 1.8).all()
    far = np.abs(cols - (SIDE - 1) / 2) >= 80
    assert (error[:, far] <= 0.3).all()
    np.testing.assert_allclose(error[3], found.error.at(np.full(SIDE, 120.0), cols), atol=1e-12)


def test_workers_change_nothing(tmp_path: Path) -> None:
    before, after, _ = broken(bent, (1.2, 1.6))
    one, two = (aligned(tmp_path, before, after, workers=workers) for workers in (1, 2))
    assert isinstance(one.shift, SeamedShift)
    assert isinstance(two.shift, SeamedShift)
    np.testing.assert_array_equal(one.shift.parts.labels, two.shift.parts.labels)
    at = np.linspace(0, SIDE, 50)
    np.testing.assert_array_equal(one.shift.on_grid(at, at), two.shift.on_grid(at, at))


class Drawn:
    """Seams whose parts are those of a function of the grid's pixels."""

    file = InputFile("seams.geojson", "0" * 64, 100)

    def __init__(self, side: Side) -> None:
        self._side = side

    def parts(self, geobox: GeoBox) -> NDArray[np.uint8]:
        scale = SIDE // geobox.shape[0]
        row, col = np.indices(geobox.shape) * scale + (scale - 1) / 2
        return np.asarray(self._side(row, col)).astype(np.uint8)


def test_drawn_seams_are_followed(tmp_path: Path) -> None:
    before, after, truth = broken(slanted, (0.3, 0.2))
    found = aligned(tmp_path, before, after, seams=Drawn(slanted))
    check_broken(found, slanted, truth)
    assert found.record.numbers["seams"]["file"]["name"] == "seams.geojson"
    assert found.record.options["seams"] == "seams.geojson"
    assert found.record.cautions == ()


def test_a_part_without_ties_is_not_trusted(tmp_path: Path) -> None:
    def sliver(row: Any, col: Any) -> Any:
        return (col > SIDE - 24) & (row > -1)

    before, after, truth = broken(None, (0.0, 0.0))
    found = aligned(tmp_path, before, after, seams=Drawn(sliver))
    assert found.error is not None
    assert found.record.numbers["seams"]["unfitted"] == [1]
    assert "seam-part-unfitted" in [c.code for c in found.record.cautions]
    at = np.array([100.0])
    assert found.error.at(at, np.array([SIDE - 4.0])) >= 3
    assert found.shift.at(at, np.array([SIDE - 4.0])) == pytest.approx(
        truth(np.array([[100.0]]), np.array([[SIDE - 4.0]]))[:, 0], abs=0.05
    )


def test_ties_and_seams_exclude_each_other(tmp_path: Path) -> None:
    before, after, _ = broken(None, (0.0, 0.0))
    with pytest.raises(UsageError, match="breaks at no seam"):
        aligned(tmp_path, before, after, seams=Drawn(straight), ties="ties.csv")


def seamed(seed: int = 0) -> SeamedShift:
    rng = np.random.default_rng(seed)
    shifts = tuple(
        Shift(
            centre=(50.0, 60.0),
            scale=80.0,
            linear=rng.normal(size=(2, 3)),
            knot_origin=(-3.0, 8.0),
            knot_spacing=31.0,
            coefficients=rng.normal(size=(2, 6, 7)),
        )
        for _ in range(3)
    )
    labels = rng.integers(0, 3, (12, 15)).astype(np.uint8)
    return SeamedShift.of(shifts, Parts(origin=(-2.5, 4.0), spacing=8.0, labels=labels))


def test_each_part_has_its_own_shift() -> None:
    shift = seamed()
    rows, cols = np.arange(-20.0, 120), np.arange(-10.0, 140)
    whole, part = shift.on_grid(rows, cols), shift.parts.on_grid(rows, cols)
    for number, own in enumerate(shift.shifts):
        here = part == number
        np.testing.assert_array_equal(whole[:, here], own.on_grid(rows, cols)[:, here])
    row, col = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
    np.testing.assert_allclose(shift.at(row, col), whole.reshape(2, -1), atol=1e-12)
    np.testing.assert_array_equal(whole[:, 30:70, 20:90], shift.on_grid(rows[30:70], cols[20:90]))


def test_a_node_has_its_part_and_keeps_it_on_another_grid() -> None:
    shift = seamed()
    rows, cols = shift.parts.nodes
    np.testing.assert_array_equal(shift.parts.on_grid(rows, cols), shift.parts.labels)
    factor, origin = 3.0, (5.0, -7.0)
    other = shift.rescaled(factor, origin=origin)
    there = ((a + 0.5 - o) * factor - 0.5 for a, o in zip((rows, cols), origin, strict=True))
    np.testing.assert_allclose(
        other.on_grid(*there), factor * shift.on_grid(rows, cols), rtol=1e-9, atol=1e-9
    )


def test_a_part_needs_a_shift() -> None:
    with pytest.raises(ValueError, match="3 parts, and 2 shifts"):
        SeamedShift.of(seamed().shifts[:2], seamed().parts)


def test_zero_is_zero_in_every_part() -> None:
    still, parts = Shift.constant(0, 0), seamed().parts
    assert SeamedShift.of((still, still, still), parts).zero
    assert not SeamedShift.of((still, still, Shift.constant(0, 1)), parts).zero


def test_an_error_is_bilinear_whatever_the_window() -> None:
    rng = np.random.default_rng(1)
    error = ShiftError(
        rows=np.array([3.0, 10, 40]), cols=np.array([0.0, 7, 9, 30]), values=rng.random((3, 4))
    )
    rows, cols = np.arange(-5.0, 60), np.arange(-5.0, 50)
    whole = error.on_grid(rows, cols)
    np.testing.assert_array_equal(whole[20:30, 7:40], error.on_grid(rows[20:30], cols[7:40]))
    np.testing.assert_allclose(error.on_grid(error.rows, error.cols), error.values)
    row, col = (a.ravel() for a in np.meshgrid(rows, cols, indexing="ij"))
    np.testing.assert_allclose(error.at(row, col), whole.ravel(), atol=1e-12)
    assert error.on_grid(np.zeros(0), cols).shape == (0, len(cols))


def transform_with(shift: Shift) -> Transform:
    grid = GeoBox((100, 120), Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000), "EPSG:32651")
    image = Image(file="image.tif", sha256="0" * 64, geobox=grid)
    return Transform(
        grid=grid,
        pixel_size_m=0.5,
        shift=shift,
        model="local",
        verdict="trusted",
        accepted=None,
        residual=None,
        reference=image,
        target=image,
        software={"twopass": "0.1.0"},
    )


def test_a_transform_keeps_its_seams(tmp_path: Path) -> None:
    shift, path = seamed(), tmp_path / "t.json"
    write_transform(transform_with(shift), path)
    jsonschema.validate(json.loads(path.read_text("utf-8")), transform_schema())
    back = read_transform(path).shift
    assert isinstance(back, SeamedShift)
    np.testing.assert_array_equal(back.parts.labels, shift.parts.labels)
    at = np.arange(-20.0, 120)
    np.testing.assert_array_equal(back.on_grid(at, at), shift.on_grid(at, at))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("labels", [[0, 3], [0, 4]]),
        ("labels", [[0, 3, 3, 1]]),
        ("labels", [[0, 0]]),
        ("labels", [[0]]),
        ("labels", [[0.5, 2]]),
        ("labels", [[0, 9_999], [0, 9_999_999]]),
        ("labels", []),
        ("spacing", 0),
        ("origin", [0]),
        ("others", []),
        ("others", [{}]),
        ("more", 1),
    ],
)
def test_seams_from_elsewhere_are_checked(tmp_path: Path, key: str, value: object) -> None:
    values = transform_numbers(transform_with(seamed()))
    values["shift"]["seams"][key] = value
    path = tmp_path / "t.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(InputError, match=r"shift\.seams"):
        read_transform(path)


def test_a_move_that_breaks_is_no_whole_move() -> None:
    parts = Parts(origin=(0.0, 0.0), spacing=1.0, labels=np.array([[0, 1]], np.uint8))
    shift = SeamedShift.of((Shift.constant(2, 0), Shift.constant(3, 0)), parts)
    grid = transform_with(shift).grid
    assert whole_move(shift, grid) is None
    at = np.array([0.0, 7.0])
    np.testing.assert_array_equal(carried(shift, grid, grid).on_grid(at, at)[0], [[2, 3], [2, 3]])
