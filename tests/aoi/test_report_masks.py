"""What maps and page say of clouds and other masks."""

from __future__ import annotations

from pathlib import Path

import pytest
import rasterio
from fake_case import Fake, make_case

from aoi.report import draw_report, sheet, words
from aoi.report.contents import read_contents
from aoi.report.margins import swatches


@pytest.mark.parametrize(
    ("code", "why"),
    [
        (1, "not seen in both images"),
        (3, "not seen in both images"),
        (4, "not aligned well enough"),
        (8, "under cloud or its shadow"),
        (24, "under cloud or its shadow"),
        (32, "saturated in both images"),
        (64, "left out by the user"),
        (2 | 8, "not seen in both images, or under cloud or its shadow"),
        (
            1 | 16 | 64,
            "not seen in both images, under cloud or its shadow, or left out by the user",
        ),
    ],
)
def test_the_legend_tells_why_places_are_hatched(tmp_path: Path, code: int, why: str) -> None:
    case = make_case(tmp_path / "case", Fake(unseen=False))
    with rasterio.open(case / "rasters" / "valid.tif", "r+") as dataset:
        codes = dataset.read(1)
        codes[:10, :10] = code
        dataset.write(codes, 1)
    contents = read_contents(case)
    assert ("unobserved", why) in swatches(contents)
    assert contents.codes == {0, code}


def test_the_page_tells_which_masks_were_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet, "DPI", 40)
    told = {"before": "Sentinel-2 SCL (a_SCL.tif)", "after": "not tested <b>(none)</b>"}
    case = make_case(tmp_path / "case", Fake(result={"observed": {"clouds": told}}))
    draw_report(case)
    page = (case / "report.html").read_text()
    assert "Clouds: earlier image, Sentinel-2 SCL (a_SCL.tif); later image, not tested" in page
    assert "<b>(none)" not in page


def test_one_way_for_both_is_told_once() -> None:
    record = {"observed": {"clouds": {"before": "not tested", "after": "not tested"}}}
    assert words.clouds(record) == "Clouds: not tested."
    assert words.clouds({"observed": {}}) == ""
