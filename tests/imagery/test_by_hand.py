from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from numpy.typing import NDArray
from pairs import UTM, aligned, scene_of
from pyproj import Transformer

from imagery.env import raster_environment
from imagery.errors import AlignmentError, InputError, MissingInputError
from imagery.options import CoregisterOptions
from imagery.record import to_json
from imagery.scene import Scene

MOVE = (7.5, -12.25)
"""Rows and cols that bring the later image onto the earlier one."""


@pytest.fixture(autouse=True)
def rasters() -> Iterator[None]:
    with raster_environment():
        yield


@pytest.fixture
def scenes(tmp_path: Path) -> tuple[Scene, Scene]:
    """Two images that no window could align."""
    noise = np.random.default_rng(0).normal(100, 5, (2, 200, 300)).astype(np.float32)
    return scene_of(tmp_path, noise[0]), scene_of(tmp_path, noise[1], role="after")


def places(count: int, *, seed: int = 1) -> NDArray[np.float64]:
    """Positions (row, col) in the earlier image."""
    return np.random.default_rng(seed).uniform((20, 30), (180, 270), (count, 2))


def table(path: Path, columns: str, rows: Any) -> Path:
    lines = [columns, *(",".join(str(value) for value in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def pixel_table(path: Path, count: int = 9, *, error: float = 0.0, seed: int = 1) -> Path:
    """Ties as columns and rows; ``error`` spoils those that are checked."""
    before = places(count, seed=seed)
    after = before - MOVE
    after[2::3, 0] += error
    rows = np.column_stack([before[:, ::-1], after[:, ::-1]])
    return table(path, "before_col,before_row,after_col,after_row", rows)


def by_hand(scenes: tuple[Scene, Scene], path: Path, **options: Any) -> Any:
    return aligned(*scenes, options=CoregisterOptions(ties=str(path), **options))


def test_ties_in_pixels_move_the_later_scene(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    found = by_hand(scenes, pixel_table(tmp_path / "ties.csv"))
    assert (found.verdict, found.moving, found.ties) == ("trusted", "after", 6)
    np.testing.assert_allclose(found.shift.on_grid(np.zeros(1), np.zeros(1))[:, 0, 0], MOVE)
    assert found.residual.ties == 3
    assert found.residual.ce90 < 1e-6
    assert found.initial.median == pytest.approx(np.hypot(*MOVE))
    assert [c.code for c in found.record.cautions] == ["alignment-by-hand"]
    recorded = str(to_json(found.record))
    assert "ties.csv" in recorded
    assert str(tmp_path) not in recorded


def test_map_coordinates_and_degrees_say_the_same(
    scenes: tuple[Scene, Scene], tmp_path: Path
) -> None:
    before = places(9)
    after = before - MOVE
    x, y = [], []
    for place in (before, after):
        at = UTM @ (place[:, 1] + 0.5, place[:, 0] + 0.5)
        x.append(at[0])
        y.append(at[1])
    to_degrees = Transformer.from_crs("EPSG:32651", "EPSG:4326", always_xy=True)
    lon, lat = zip(*(to_degrees.transform(*at) for at in zip(x, y, strict=True)), strict=True)
    degrees = np.column_stack([lon[0], lat[0], lon[1], lat[1]])
    for columns, rows in (
        ("before_x,before_y,after_x,after_y", np.column_stack([x[0], y[0], x[1], y[1]])),
        ("before_lon,before_lat,after_lon,after_lat", degrees),
    ):
        found = by_hand(scenes, table(tmp_path / "ties.csv", columns, rows))
        shift = found.shift.on_grid(np.array([100.0]), np.array([150.0]))[:, 0, 0]
        np.testing.assert_allclose(shift, MOVE, atol=1e-3)


def test_an_affine_move_is_taken_where_it_foretells_better(
    scenes: tuple[Scene, Scene], tmp_path: Path
) -> None:
    before = places(12)
    after = before - (3 + 0.02 * before[:, :1]) * np.array([[1.0, 0.5]])
    rows = np.column_stack([before[:, ::-1], after[:, ::-1]])
    path = table(tmp_path / "ties.csv", "before_col,before_row,after_col,after_row", rows)
    found = by_hand(scenes, path)
    assert found.model == "affine"
    assert found.residual.ce90 < 1e-6


def test_the_finer_image_moves_in_pixels_of_the_coarser(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(100, 5, (200, 300)).astype(np.float32)
    before = scene_of(tmp_path, noise)
    after = scene_of(tmp_path, noise[:100, :150], role="after", transform=UTM * Affine.scale(2))
    at = places(9)
    # The same ground: pixel 2r + 0.5 of the finer image is pixel r of the coarser.
    there = (at - 0.5) / 2 + (4.0, 1.0)
    rows = np.column_stack([at[:, ::-1], there[:, ::-1]])
    path = table(tmp_path / "ties.csv", "before_col,before_row,after_col,after_row", rows)
    found = by_hand((before, after), path)
    assert found.moving == "before"
    shift = found.shift.on_grid(np.array([10.0]), np.array([10.0]))[:, 0, 0]
    np.testing.assert_allclose(shift, (4.0, 1.0), atol=1e-9)


def test_check_points_judge(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    usable = by_hand(scenes, pixel_table(tmp_path / "ties.csv", error=1.2))
    assert usable.verdict == "usable"
    assert usable.residual.ce90 == pytest.approx(1.2)
    bad = pixel_table(tmp_path / "ties.csv", error=2.5)
    with pytest.raises(AlignmentError, match=r"CE90 2\.50 px = 1\.25 m on 3 check points"):
        by_hand(scenes, bad)
    accepted = by_hand(scenes, bad, accept_alignment="the walls match")
    assert (accepted.verdict, accepted.accepted) == ("accepted", "the walls match")


def test_the_file_may_say_which_ties_check(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    before = places(8)
    after = before - MOVE
    after[-2:] += 0.7  # the last two alone are wrong
    rows = np.column_stack([before[:, ::-1], after[:, ::-1], np.arange(8) >= 6]).tolist()
    rows = [(*row[:4], int(row[4])) for row in rows]
    columns = "before_col, before_row, after_col, after_row, Check"
    found = by_hand(scenes, table(tmp_path / "ties.csv", columns, rows))
    assert (found.ties, found.residual.ties) == (6, 2)
    assert found.residual.median == pytest.approx(np.hypot(0.7, 0.7))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "columns none"),
        ("a,b,c\n1,2,3\n", "columns a, b, c"),
        ("before_x,before_y,after_x,after_y\n" + "1,2,3,4\n" * 5, "5 ties"),
        ("before_x,before_y,after_x,after_y\n" + "1,2,x,4\n" * 9, "'x' in column after_x"),
        ("before_x,before_y,after_x,after_y\n" + "1,2,nan,4\n" * 9, "'nan' in column after_x"),
        ("before_x,before_y,after_x,after_y\n" + "1,2\n" * 9, "'None' in column after_x"),
        (
            "before_x,before_y,after_x,after_y,check\n" + "1,2,3,4,maybe\n" * 9,
            "'maybe' in column check",
        ),
        ("before_x,before_y,after_x,after_y,check\n" + "1,2,3,4,0\n" * 9, "0 of them check"),
        ("\xff\xfe", "UTF-8"),
        ("x" * 1_000_001, "1,000,001 bytes"),
    ],
    ids=["empty", "columns", "few", "word", "nan", "short", "check", "no checks", "bytes", "large"],
)
def test_misuse_is_told(
    scenes: tuple[Scene, Scene], tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "ties.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="no ties that can be used") as caught:
        by_hand(scenes, path)
    assert message in str(caught.value)
    assert "--ties" in str(caught.value)


def test_a_missing_file_is_told(scenes: tuple[Scene, Scene], tmp_path: Path) -> None:
    with pytest.raises(MissingInputError, match="no such file of ties"):
        by_hand(scenes, tmp_path / "none.csv")
