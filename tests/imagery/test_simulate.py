"""The simulated pairs hold what their truth says."""

from __future__ import annotations

import hashlib
import json
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from pyproj import Geod
from scipy.ndimage import map_coordinates
from shapely.geometry import shape as geometry
from skimage.registration import phase_cross_correlation

from imagery.errors import UsageError
from imagery.simulate import SimulatedPair, parade_ground, textured_pair, true_shift
from imagery.simulate._displacement import displacement, make_displacement, origin_of
from imagery.simulate._frame import Frame, box
from imagery.simulate._ground import covered
from imagery.simulate._sensor import sample_lattice, sample_moved

SIZE = 400


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> SimulatedPair:
    return parade_ground(tmp_path_factory.mktemp("pair"), seed=7, size=SIZE)


@pytest.fixture(scope="module")
def truth(pair: SimulatedPair) -> Any:
    return json.loads(pair.truth.read_text(encoding="utf-8"))


def read(path: Path) -> NDArray[np.uint16]:
    with rasterio.open(path) as source:
        pixels: NDArray[np.uint16] = source.read()
    return pixels


def script() -> dict[str, Any]:
    return runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "make_sample.py"))


def digest(path: Path) -> str:
    return hashlib.sha256(read(path).tobytes()).hexdigest()


def test_same_seed_gives_the_same_bytes(
    pair: SimulatedPair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second time by the script, which so is run too."""
    main = script()["main"]
    assert main(["--out", str(tmp_path), "--seed", "7", "--size", str(SIZE)]) == 0
    written = {Path(line).name: Path(line) for line in capsys.readouterr().out.splitlines()}
    assert set(written) == {"before.tif", "after.tif", "truth.json", "planted.geojson"}
    assert digest(written["before.tif"]) == digest(pair.before)
    assert digest(written["after.tif"]) == digest(pair.after)
    assert written["truth.json"].read_bytes() == pair.truth.read_bytes()
    assert written["planted.geojson"].read_bytes() == pair.planted.read_bytes()


def test_files_are_what_a_product_would_be(pair: SimulatedPair) -> None:
    with rasterio.open(pair.before) as before, rasterio.open(pair.after) as after:
        assert before.transform == after.transform
        for source in (before, after):
            assert source.crs.to_epsg() == 32651
            assert source.res == (0.5, 0.5)
            assert source.descriptions == ("blue", "green", "red", "nir")
            assert set(source.dtypes) == {"uint16"}
            assert source.nodata == 0
            assert source.profile["tiled"]
            assert source.profile["compress"] == "deflate"


@pytest.mark.parametrize("role", ["before", "after"])
def test_files_say_that_they_are_simulated(pair: SimulatedPair, role: str) -> None:
    path: Path = getattr(pair, role)
    with rasterio.open(path) as source:
        tags = source.tags()
    assert tags["TWOPASS_SIMULATED"] == "YES"
    assert tags["TIFFTAG_IMAGEDESCRIPTION"].startswith("SIMULATED image, not a real acquisition:")
    item = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert item["properties"]["platform"] == "simulated"
    assert item["assets"]["visual"]["href"] == f"./{path.name}"
    day = {"before": "2024-06-06T02:17:00Z", "after": "2024-06-13T02:31:00Z"}
    assert item["properties"]["datetime"] == day[role]


def test_nodata_lies_in_the_promised_corner_only(pair: SimulatedPair, truth: Any) -> None:
    missing = (read(pair.before) == 0).any(axis=0)
    legs = truth["nodata"]["legs_px"]
    rows, cols = np.nonzero(missing)
    assert missing[-1, -1]
    assert missing.mean() == pytest.approx(truth["nodata"]["share"])
    assert rows.min() >= SIZE - 1 - legs["right"]
    assert cols.min() >= SIZE - 1 - legs["bottom"]
    assert (read(pair.after) > 0).all()


def test_walled_rectangles_have_the_stated_size(pair: SimulatedPair, truth: Any) -> None:
    features = json.loads(pair.planted.read_text(encoding="utf-8"))["features"]
    walled = [item for item in features if item["properties"]["kind"] == "walled_rectangle"]
    assert len(walled) == truth["planted"]["walled_rectangle"] == 2
    geod = Geod(ellps="WGS84")
    for item in walled:
        outline = geometry(item["geometry"])
        assert outline.exterior.is_ccw
        assert item["properties"]["area_m2"] == pytest.approx(34 * 22, rel=2e-3)
        lon, lat = outline.exterior.xy
        sides = sorted(geod.line_lengths(lon, lat))
        assert sides == pytest.approx([22, 22, 34, 34], rel=1e-3)


def test_walls_appear_where_they_are_planted(pair: SimulatedPair, truth: Any) -> None:
    before, after = (read(path)[2].astype(float) for path in (pair.before, pair.after))
    aligned = align(after, truth)
    outer = box(-6, 34, 34, 22)
    # The walls' roofs lean a little, so their middle line is asked for.
    ring = np.concatenate([box(-6, 34, 32.7, 20.7), box(-6, 34, 32.7, 20.7)[:1]])
    line = np.concatenate([np.linspace(a, b, 40) for a, b in pairwise(ring)])
    frame = Frame(SIZE)
    assert frame.holds(outer, inside=1.0)
    gain = [map_coordinates(image, frame.image(line), order=1) for image in (before, aligned)]
    inside = [
        map_coordinates(image, frame.image(box(-6, 34, 20, 12)), order=1)
        for image in (before, aligned)
    ]
    assert np.median(gain[1]) > 1.5 * np.median(gain[0])
    assert np.median(inside[1]) < 1.3 * np.median(inside[0])


def align(after: NDArray[np.float64], truth: Any) -> NDArray[np.float64]:
    rows, cols = np.mgrid[: after.shape[0], : after.shape[1]].astype(float)
    aligned: NDArray[np.float64] = map_coordinates(
        after, np.stack([rows, cols]) - true_shift(truth, rows, cols), order=3, mode="nearest"
    )
    return aligned


def test_true_shift_agrees_with_phase_correlation(pair: SimulatedPair, truth: Any) -> None:
    before, after = (read(path)[2].astype(float) for path in (pair.before, pair.after))
    side = 96
    correlate: Any = phase_cross_correlation  # it has no types
    taper = np.hanning(side)[:, None] * np.hanning(side)
    # Unchanged paving, on three sides of the walled rectangles.
    for top, left in ((20, 230), (150, 60), (150, 270)):
        expected = true_shift(truth, top + (side - 1) / 2, left + (side - 1) / 2)
        # Whole pixels are taken off first, so that both windows show the same ground.
        down, right = np.rint(-expected).astype(int)
        one = before[top : top + side, left : left + side]
        two = after[top + down : top + down + side, left + right : left + right + side]
        found, _, _ = correlate(
            (one - one.mean()) * taper,
            (two - two.mean()) * taper,
            upsample_factor=100,
            normalization=None,
        )
        assert found - [down, right] == pytest.approx(expected, abs=0.1)


def test_true_shift_takes_any_shape(truth: Any) -> None:
    assert true_shift(truth, 3.0, 4.5).shape == (2,)
    field = true_shift(truth, np.arange(5)[:, None], np.arange(7)[None, :])
    assert field.shape == (2, 5, 7)
    assert field.dtype == np.float64
    assert field[:, 3, 4] == pytest.approx(true_shift(truth, 3, 4))


def test_origin_inverts_the_displacement() -> None:
    model = make_displacement(200, np.random.default_rng(3))
    origin = origin_of(model, 200)
    back = origin + displacement(model, origin[0], origin[1])
    assert np.abs(back - np.indices((200, 200))).max() < 1e-5


def test_sampling_shows_the_place_that_it_is_asked_for() -> None:
    frame = Frame(40)
    rows, cols = np.mgrid[: frame.side, : frame.side].astype(np.float32)
    corner = frame.transform[2], frame.transform[5]
    assert corner == pytest.approx((738297.5 - 10, 4322546.0 + 10))
    pixels = np.indices((40, 40)).astype(float)
    origin = pixels - np.array([5.37, -3.62])[:, None, None]
    for axis, ramp in enumerate((rows, cols)):
        place = (ramp / 2 - 24).astype(np.float32)  # in image pixels
        assert sample_lattice(place, 40, 0.45) == pytest.approx(pixels[axis], abs=1e-3)
        assert sample_moved(place, origin, 0.45) == pytest.approx(origin[axis], abs=1e-3)


def test_covered_pixels_are_those_whose_centre_lies_inside() -> None:
    rows, cols = np.array([-2.0, 3.5, 9.2, 4.0]), np.array([3.0, 11.3, 6.1, -1.5])
    for turn in (slice(None), slice(None, None, -1)):
        mask = np.zeros((8, 10), dtype=bool)
        mask.reshape(-1)[covered(rows[turn], cols[turn], shape=mask.shape)] = True
        outline = geometry({"type": "Polygon", "coordinates": [list(zip(cols, rows, strict=True))]})
        expected = [
            [outline.covers(geometry({"type": "Point", "coordinates": (c, r)})) for c in range(10)]
            for r in range(8)
        ]
        assert (mask == expected).all()


def test_too_small_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="400"):
        parade_ground(tmp_path, size=399)
    assert script()["main"](["--out", str(tmp_path), "--size", "399"]) == UsageError.exit_status
    assert not list(tmp_path.iterdir())


def test_texture_moves_by_whole_pixels() -> None:
    """aligned(p) = after(p - shift): with shift (3, -2), after(0, 2) shows before(3, 0)."""
    made = textured_pair(shape=(64, 80), shift=(3.0, -2.0), bands=2)
    assert made.before.dtype == made.after.dtype == np.float32
    assert np.abs(made.after[:, :-3, 2:] - made.before[:, 3:, :-2]).max() < 1e-4
    assert not made.changed.any()


def test_texture_moves_by_fractions() -> None:
    shift = (1.4, -2.3)
    made = textured_pair(shape=(96, 96), shift=shift, seed=2)
    rows, cols = np.mgrid[:96, :96].astype(float)
    aligned = map_coordinates(made.after[0], [rows - shift[0], cols - shift[1]], order=5)
    inside = slice(8, -8), slice(8, -8)
    # What is left is the spline's own error at the finest scales.
    assert np.abs(aligned - made.before[0])[inside].max() < 0.05


def test_texture_does_not_depend_on_what_is_done_to_it() -> None:
    plain = textured_pair(shape=(50, 40), seed=5)
    other = textured_pair(shape=(50, 40), seed=5, shift=(2.5, 1.0), gain=2, offset=1, changes=3)
    assert np.array_equal(plain.before, other.before)
    assert np.array_equal(plain.before, plain.after)
    assert not np.array_equal(plain.before, textured_pair(shape=(50, 40), seed=6).before)


def test_changes_lie_where_the_mask_says() -> None:
    made = textured_pair(shape=(128, 128), changes=4, gain=1.5, offset=-2.0, seed=1)
    difference = np.abs((made.after[0] + 2.0) / 1.5 - made.before[0])
    assert made.changed.any()
    assert np.median(difference[made.changed]) > 3
    assert np.median(difference[~made.changed]) < 0.05


def test_noise_has_the_stated_deviation() -> None:
    made = textured_pair(shape=(200, 200), noise=0.5)
    assert (made.after - made.before).std() == pytest.approx(0.5 * np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("shape", [(1, 40), (40, 1), (1, 1)])
def test_texture_of_one_row(shape: tuple[int, int]) -> None:
    made = textured_pair(shape=shape, changes=1)
    assert made.after.shape == (1, *shape)
    assert np.isfinite(made.after).all()


@pytest.mark.parametrize(
    "wrong", [{"bands": 0}, {"shape": (0, 4)}, {"noise": -1.0}, {"changes": -1}, {"seed": -1}]
)
def test_impossible_textures_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        textured_pair(**wrong)
