"""Real pairs, run through with the defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aoi.workflow import detect_case
from imagery.errors import AlignmentError
from imagery.options import DetectOptions, ReadOptions, SceneOptions

pytestmark = [pytest.mark.data, pytest.mark.slow]

BERLIN = (
    "sentinel2_berlin/tgt_S2A_20160529T153631_T33UUU_sub.tif",
    "sentinel2_berlin/ref_S2A_20160608T153121_T33UUU_sub.tif",
)
PERU = ("landsat_peru/1985.tif", "landsat_peru/2020.tif")
NAIP = (
    "naip_north_dakota/m_4709963_se_14_1_20170827.tif",
    "naip_north_dakota/m_4709963_se_14_1_20190904.tif",
)


def run(data: Path, out: Path, names: tuple[str, str], **options: Any) -> dict[str, Any]:
    before, after = (data / "pairs" / name for name in names)
    result: dict[str, Any] = detect_case(before, after, out=out, options=DetectOptions(**options))[
        "result"
    ]
    assert (out / "report.html").stat().st_size > 100_000
    measured = result["alignment"]["verdict"] != "not measured"
    assert (out / "ties.gpkg").is_file() == (out / "maps" / "alignment.png").is_file() == measured
    return result


def test_a_known_offset_is_found(data: Path, tmp_path: Path) -> None:
    """The offset of this pair was measured by others: 1.82 px in rows, -0.7 px in cols."""
    alignment = run(data, tmp_path / "case", BERLIN)["alignment"]
    assert alignment["verdict"] == "trusted"
    assert alignment["ce90_px"] <= 0.25
    assert alignment["before_ce90_px"] > 1.5
    # The earlier scene is the reference here, so the later one moves the other way.
    assert alignment["shift_px"] == pytest.approx([-1.82, 0.65], abs=0.15)


def test_huge_change_does_not_move_an_aligned_pair(data: Path, tmp_path: Path) -> None:
    result = run(data, tmp_path / "case", PERU)
    assert result["alignment"]["verdict"] in ("trusted", "usable")
    assert max(map(abs, result["alignment"]["shift_px"])) <= 0.15
    # The river moved and a city grew: tens to hundreds of km², not a few pixels, not all.
    assert 20e6 < result["changes"]["area_m2"] < 600e6


def test_a_season_apart(data: Path, tmp_path: Path) -> None:
    result = run(data, tmp_path / "case", NAIP)
    assert result["alignment"]["verdict"] in ("trusted", "usable")
    assert result["scenes"]["before"]["acquisition"]["text"] == "2017-08-27"
    assert result["status"] == "changes"


def test_the_same_file_twice(data: Path, tmp_path: Path) -> None:
    result = run(data, tmp_path / "case", ("gaofen2/before.tif", "gaofen2/after.tif"))
    assert result["status"] == "no change found"
    assert result["alignment"]["shift_px"] == [0, 0]


def test_two_sensors(data: Path, tmp_path: Path) -> None:
    names = (
        "cross_sensor_south_africa/landsat8_byte.tif",
        "cross_sensor_south_africa/sentinel2_b432_byte.tif",
    )
    result = run(
        data,
        tmp_path / "case",
        names,
        before=SceneOptions(bands="4,3,2"),
        after=SceneOptions(bands="1,2,3"),
    )
    assert result["grid"]["reference"] == "before"
    assert result["grid"]["pixel_size_m"] == pytest.approx(30, rel=0.01)
    assert result["alignment"]["verdict"] == "trusted"
    assert any(w["code"] == "coarse-grid" for w in result["warnings"])


def test_two_utm_zones(data: Path, tmp_path: Path) -> None:
    names = (
        "naip_two_utm_zones/m_3607824_se_17_1_20160620_subset.tif",
        "naip_two_utm_zones/m_3607717_sw_18_1_20160620_subset.tif",
    )
    result = run(data, tmp_path / "case", names)
    assert "EPSG:26918 against EPSG:26917" in result["grid"]["reasons"][0]
    assert result["alignment"]["verdict"] == "not measured"


def test_a_rotated_grid(data: Path, tmp_path: Path) -> None:
    result = run(
        data, tmp_path / "case", ("aster_esfahan/aster_1.tif", "aster_esfahan/aster_2.tif")
    )
    assert result["alignment"]["verdict"] == "trusted"
    assert result["grid"]["transform"][1] != 0


def test_images_of_24_by_42_pixels(data: Path, tmp_path: Path) -> None:
    names = (
        "sentinel2_barbellino/S2A1C_20170703_022_Barbellino_TOA_10.tif",
        "sentinel2_barbellino/S2A1C_20190723_022_Barbellino_TOA_10.tif",
    )
    result = run(data, tmp_path / "case", names)
    assert result["alignment"]["verdict"] == "not measured"
    assert result["observed"]["share"] == 1


def test_two_places_are_refused(data: Path, tmp_path: Path) -> None:
    """Without their georeference nothing but the pixels tells that these are not one place."""
    with pytest.raises(AlignmentError) as refused:
        run(
            data,
            tmp_path / "case",
            ("gaofen2/before.tif", "landsat_peru/2020.tif"),
            read=ReadOptions(no_georeference=True, pixel_size=4.0),
            after=SceneOptions(bands="1,2,3"),
        )
    assert refused.value.exit_status == 4
    assert not any(tmp_path.iterdir())
