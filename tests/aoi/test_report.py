"""Maps and page of a fake case: what they say, what they must not say, and how they are written."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from fake_case import Fake, boxes_in_rows, make_case, unmeasured
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from aoi.report import alignment as told_of
from aoi.report import draw_report, layout, sheet, words
from aoi.report.contents import cropped, read_contents
from aoi.report.labels import place_labels
from aoi.report.layers import COLOURS, draw_image, panel_on
from aoi.report.margins import swatches
from imagery.errors import InputError, MissingInputError, OutputError

UNKNOWN_DATE = {
    "text": "date unknown",
    "start": None,
    "end": None,
    "precision": "unknown",
    "source": "unknown",
    "confirmed": True,
}
FILE_TIME = {
    "text": "2023-05-11 08:00 UTC",
    "start": "2023-05-11T08:00:00Z",
    "end": None,
    "precision": "second",
    "source": "TIFFTAG_DATETIME",
    "confirmed": False,
}


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of few pixels: what stands where doesn't depend on it."""
    monkeypatch.setattr(sheet, "DPI", 40)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is drawn, as matplotlib holds it."""
    seen: list[Figure] = []
    real = sheet.picture_of

    def keep(figure: Figure) -> Image.Image:
        seen.append(figure)
        return real(figure)

    monkeypatch.setattr(layout, "picture_of", keep)
    return seen


class Page(HTMLParser):
    """What a browser would fetch, and what a reader would read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.alts: list[str] = []
        self.meta: dict[str, str] = {}
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        values = {key: value or "" for key, value in attrs}
        self.fetched += [
            values[key]
            for key in ("src", "href", "srcset", "action", "data", "poster", "xlink:href")
            if key in values
        ]
        assert not any(key.startswith("on") for key in values)
        if tag == "img":
            self.alts.append(values.get("alt", ""))
        if tag == "meta" and "http-equiv" in values:
            self.meta[values["http-equiv"]] = values["content"]

    def handle_data(self, data: str) -> None:
        self.text += data


def drawn(tmp_path: Path, fake: Fake) -> tuple[Path, Page]:
    case = make_case(tmp_path / "case", fake)
    draw_report(case)
    return case, Page((case / "report.html").read_text())


def texts(figure: Figure) -> list[Text]:
    return [item for item in figure.findobj(Text) if item.get_text() and item.get_visible()]


def said(figure: Figure) -> str:
    return " | ".join(item.get_text() for item in texts(figure))


def test_everything_is_written_and_returned(tmp_path: Path) -> None:
    case = make_case(tmp_path / "case")
    (case / "maps").mkdir()
    (case / "maps" / "site_99.png").write_bytes(b"of an earlier drawing")
    written = draw_report(case)
    names = {path.relative_to(case).as_posix() for path in written}
    expected = {f"maps/{name}.png" for name in ("before", "after", "changes", "overview")}
    assert names == expected | {f"maps/site_0{n}.png" for n in range(1, 7)} | {"report.html"}
    on_disk = {path.relative_to(case).as_posix() for path in case.rglob("*") if path.is_file()}
    assert {name for name in on_disk if name.startswith("maps/")} == names - {"report.html"}
    for path in written[:-1]:
        with Image.open(path) as image:
            image.load()
            assert image.info["Title"].startswith("Parade ground")
            assert "Sample Space Inc." in image.info["Copyright"]
            assert "SIMULATED" in image.info["Description"]


def test_drawing_again_gives_the_same_bytes(tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", Fake(boxes=boxes_in_rows(2)))
    first = {path.name: path.read_bytes() for path in draw_report(case)}
    assert first == {path.name: path.read_bytes() for path in draw_report(case)}


def test_the_page_asks_no_network_and_runs_no_script(tmp_path: Path) -> None:
    case, page = drawn(tmp_path, Fake())
    assert page.fetched
    assert all(url.startswith(("data:image/", "#")) for url in page.fetched)
    assert "default-src 'none'" in page.meta["Content-Security-Policy"]
    assert not {"script", "iframe", "link", "object", "embed", "base"} & set(page.tags)
    style = (case / "report.html").read_text().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert all(page.alts)
    assert len(page.alts) == 10
    assert (case / "report.html").stat().st_size < 15_000_000


def test_the_page_tells_the_record(tmp_path: Path) -> None:
    case, page = drawn(tmp_path, Fake())
    result = json.loads((case / "case.json").read_text())["result"]
    assert "7 sites (9 outlines) with visible difference" in page.text
    assert "in the 97.3 % of the area seen in both images" in page.text
    assert "The rate of false alarms is not known (uncalibrated)." in page.text
    assert "No rate of false alarms is certified." in page.text
    assert "a region of candidates is outlined where its own score reaches 12.1" in page.text
    assert "doesn't mean that an outline is cleared" in page.text
    for item in (*result["outputs"], *result["scenes"].values()):
        assert item["sha256"] in page.text
    for warning in result["warnings"]:
        assert warning["message"] in page.text
    assert "Aligned to 0.12 px = 0.06 m (CE90 on the ground), trusted" in page.text
    assert words.SIMULATED in page.text
    assert str(tmp_path) not in (case / "report.html").read_text()


def test_text_of_a_record_stays_text(tmp_path: Path, figures: list[Figure]) -> None:
    fake = Fake(
        name="<script>alert(1)</script>\x07\u202e",
        before={"credit": '=HYPERLINK("http://a.example","x")', "platform": "$\\frac{$"},
        after={"credit": "$\\frac{$ <img src=x onerror=alert(1)>", "license": "{{ 7 * 7 }}"},
        result={"warnings": [{"code": "a", "message": "</style><script>alert(2)</script>"}]},
    )
    case, page = drawn(tmp_path, fake)
    html = (case / "report.html").read_text()
    assert "<script" not in html.lower()
    assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert '=HYPERLINK("http://a.example","x")' in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "\x07" not in html
    assert "\u202e" not in html
    for figure in figures:
        assert "$\\frac{$" in said(figure)
        assert all(not item.get_parse_math() for item in texts(figure))


def test_every_map_bears_dates_credits_licence_and_the_mark_of_simulation(
    tmp_path: Path, figures: list[Figure]
) -> None:
    drawn(tmp_path, Fake())
    assert len(figures) == 10
    for figure in figures:
        text = said(figure)
        for part in (
            "2024-06-06 02:10 UTC",
            "2024-09-12 02:14 UTC",
            "© 2024 Sample Space Inc.",
            "© 2024 Example Imaging PBC",
            "licence: CC BY 4.0",
            "WorldView-2",
            "SkySat-C",
            "aligned to 0.12 px = 0.06 m (CE90 on the ground), trusted",
            "uncalibrated",
            "Parade ground",
        ):
            assert part in text
        assert text.count(words.SIMULATED) == 2 * len(figure.axes)  # banner and watermark


@pytest.mark.parametrize(
    "fake",
    [
        Fake(),
        Fake(crs=None, shape=(90, 300)),
        Fake(shape=(300, 90), rotation=20),
        Fake(name="A very long name of an area " * 6, before={"credit": "x" * 600}),
        Fake(
            unaligned=True, result={"alignment": {"verdict": "accepted", "accepted": "why " * 99}}
        ),
    ],
    ids=["plain", "wide", "tall", "long", "accepted"],
)
def test_no_text_leaves_its_sheet_or_lies_on_another(
    tmp_path: Path, figures: list[Figure], fake: Fake
) -> None:
    drawn(tmp_path, fake)
    for figure in figures:
        width, height = figure.get_size_inches() * figure.dpi
        boxes = [item.get_window_extent() for item in texts(figure)]
        for box, item in zip(boxes, texts(figure), strict=True):
            assert box.x0 >= 0, item.get_text()
            assert box.y0 >= 0, item.get_text()
            assert box.x1 <= width + 1, item.get_text()
            assert box.y1 <= height + 1, item.get_text()
        lines = [item.get_window_extent() for item in figure.texts]
        for n, one in enumerate(lines):
            for other in lines[n + 1 :]:
                shared = min(one.x1, other.x1) - max(one.x0, other.x0)
                deep = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert shared <= 1 or deep <= 0.2 * min(one.height, other.height)


REFUSAL = {"message": "No.", "found": "CE90 2.45 px", "needed": "at most 2 px"}
REASON = "Held against <b>twelve</b> corners of roads, $\\frac{1}{2}$ px off at the most. "


def test_every_map_bears_the_whole_reason_for_an_alignment_that_was_accepted(
    tmp_path: Path, figures: list[Figure]
) -> None:
    reason = (REASON * 6).strip()
    assert 4 * 100 < len(reason) <= told_of.MOST_OF_A_REASON
    alignment = {"verdict": "accepted", "accepted": reason, "refusal": REFUSAL}
    case, page = drawn(tmp_path, Fake(result={"alignment": alignment}))
    assert len(figures) == 10
    for figure in figures:
        lines = [t.get_text() for t in texts(figure) if to_hex(t.get_color()) == sheet.RED]
        assert f"accepted by the analyst. Reason given: {reason}" in " ".join(lines)
        assert "(CE90 on the ground), accepted" in said(figure)
    for path in (case / "maps").iterdir():
        with Image.open(path) as image:
            assert image.info["Description"].endswith(reason)
    assert page.text.count(reason) == 2
    assert "<b>twelve" not in (case / "report.html").read_text()
    assert "was refused (CE90 2.45 px; at most 2 px is needed)" in page.text


def test_places_that_are_not_aligned_are_hatched_and_told(
    tmp_path: Path, figures: list[Figure]
) -> None:
    case, page = drawn(tmp_path, Fake(unaligned=True))
    assert "In 4.1 % of the area the move isn't known to within 2 px" in page.text
    assert "97.3 % of the area seen in both images and well aligned" in page.text
    assert any("not seen in both images, or not aligned well enough" in said(f) for f in figures)
    assert {2, 4} <= read_contents(case).codes
    only = read_contents(make_case(tmp_path / "only", Fake(unaligned=True, unseen=False)))
    assert ("unobserved", "not aligned well enough") in swatches(only)


class TestAlignmentInWords:
    """Each verdict, from the record alone."""

    def told(self, **values: Any) -> dict[str, Any]:
        base = {
            "verdict": "trusted", "ce90_px": 0.2, "ce90_m": 0.1, "all_ce90_px": 0.9,
            "all_ce90_m": 0.45, "on_ground": 0.7, "judged_by": "held-out blocks", "held_out": 61,
            "ties": 240, "model": "affine", "moving": "after",
            "limits": {"trusted_px": 0.5, "usable_px": 2.0},
        }  # fmt: skip
        return {"alignment": base | values, "observed": {"share": 1.0, "reasons": {}}}

    @pytest.mark.parametrize(
        ("values", "line", "meaning"),
        [
            ({}, "aligned to 0.20 px = 0.10 m (CE90 on the ground), trusted", "below the limit"),
            (
                {"verdict": "usable", "ce90_px": 1.2},
                "aligned to 1.20 px = 0.10 m (CE90 on the ground), usable",
                "The residual is above 0.5 px, below which an alignment is trusted",
            ),
            (
                {"verdict": "usable", "on_ground": 0.4},
                "aligned to 0.20 px = 0.10 m (CE90 on the ground), usable",
                "only 40 % of the check points show ground and nothing that leans",
            ),
            (
                {"verdict": "accepted", "accepted": "why", "refusal": REFUSAL},
                "aligned to 0.20 px = 0.10 m (CE90 on the ground), accepted",
                "This alignment was refused (CE90 2.45 px; at most 2 px is needed)",
            ),
            (
                unmeasured(verdict="accepted", accepted="why", refusal=REFUSAL),
                "alignment accepted, not measured",
                "the analyst accepted it all the same",
            ),
            (
                unmeasured(verdict="not measured"),
                "alignment not measured",
                "could not be measured",
            ),
        ],
    )
    def test_verdicts(self, values: dict[str, Any], line: str, meaning: str) -> None:
        record = self.told(**values)
        assert told_of.alignment(record) == line
        assert meaning in told_of.meaning(record)
        assert bool(told_of.acceptance(record)) == (values.get("verdict") == "accepted")

    def test_what_judges_is_named(self) -> None:
        assert "61 check points (held out of the fit)" in told_of.method(self.told())
        crossed = self.told(judged_by="cross-validation over blocks")
        assert "(each against a fit without its surroundings)" in told_of.method(crossed)
        assert "(each against a fit without its surroundings)" in told_of.meaning(crossed)

    def test_remarks(self) -> None:
        (one,) = told_of.remarks(self.told())
        assert one.startswith("30 % of the check points lie on structures that lean")
        assert one.endswith("CE90 of all is 0.90 px = 0.45 m.")
        assert told_of.remarks(self.told(on_ground=1.0)) == []
        expected = {"expected_median_ce90_px": 0.3, "expected_largest_ce90_px": 1.1}
        told = " ".join(told_of.remarks(self.told(coverage_90=0.87, **expected)))
        assert "expected to be 0.30 px in the middle, and 1.10 px where it is worst" in told
        assert "87 % of the check points lie within the limits" in told

    def test_the_table(self) -> None:
        rows = {name: (px, m) for name, px, m in told_of.rows(self.told(shift_px=[-2.4, 5]))}
        assert rows["CE90 on the ground"] == ("0.20 px", "0.10 m")
        assert rows["CE90 of all, on raised structures too"] == ("0.90 px", "0.45 m")
        assert rows["RMSE on the ground"] == ("not measured", "")
        assert rows["Mean move applied"] == ("2.40 px up, 5.00 px right", "")


def test_without_georeference_no_place_on_the_earth_is_named(
    tmp_path: Path, figures: list[Figure]
) -> None:
    _, page = drawn(tmp_path, Fake(crs=None, grey=True))
    for figure in figures:
        assert "not georeferenced" in said(figure)
        assert "°" not in said(figure)
        assert "N" not in [item.get_text() for item in texts(figure)]
        assert any(item.get_text().endswith(" m") for item in texts(figure))
    assert "not georeferenced" in page.text
    for word in ("Latitude", "longitude", "MGRS", "° N", "° E"):
        assert word not in page.text


def test_no_change_is_never_said_without_the_share_that_was_seen(
    tmp_path: Path, figures: list[Figure]
) -> None:
    case, page = drawn(tmp_path, Fake(boxes=[], result={"status": "no change found"}))
    assert "was found in the 97.3 % of the area seen in both images" in page.text
    assert "no change" not in page.text.lower()
    assert not list((case / "maps").glob("site_*.png"))
    changes = figures[-1]
    assert "97.3 % of the area seen in both images" in said(changes)


@pytest.mark.parametrize("acquisition", [UNKNOWN_DATE, FILE_TIME], ids=["none", "file-time"])
def test_an_unknown_date_is_said_in_red(
    tmp_path: Path, figures: list[Figure], acquisition: dict[str, Any]
) -> None:
    fake = Fake(boxes=boxes_in_rows(2), after={"acquisition": acquisition})
    case, page = drawn(tmp_path, fake)
    assert '<span class="alert">date unknown</span>' in (case / "report.html").read_text()
    assert "2023-05-11" not in page.text
    for figure in figures:
        assert "2023-05-11" not in said(figure)
        assert red(figure, "date unknown")


def test_a_missing_credit_is_said_in_red(tmp_path: Path, figures: list[Figure]) -> None:
    fake = Fake(boxes=boxes_in_rows(2), before={"credit": None, "license": None})
    case, page = drawn(tmp_path, fake)
    assert '<span class="alert">credit unknown</span>' in (case / "report.html").read_text()
    assert "licence unknown" in page.text
    assert all(red(figure, "credit unknown") for figure in figures)


def red(figure: Figure, words: str) -> bool:
    return any(
        item.get_text() == words and to_hex(item.get_color()) == sheet.RED for item in texts(figure)
    )


def test_two_hundred_polygons_are_listed_and_numbered(
    tmp_path: Path, figures: list[Figure]
) -> None:
    fake = Fake(shape=(300, 300), boxes=boxes_in_rows(200, pitch=8.0), simulated=False)
    case, page = drawn(tmp_path, fake)
    assert page.tags.count("tr") > 200
    assert len(list((case / "maps").glob("site_*.png"))) == 6
    changes = next(figure for figure in figures if "of 100 sites numbered" in said(figure))
    numbers = [item.get_text() for item in texts(changes) if item.get_text().isdigit()]
    assert f"{len(numbers)} of 100 sites numbered, the strongest" in said(changes)
    assert len(set(numbers)) == len(numbers)
    assert "1" in numbers


def test_labels_keep_clear_of_each_other_and_of_what_they_name() -> None:
    targets = [(10.0 * n, 50.0, 10.0 * n + 4, 54.0) for n in range(1, 9)]
    placed = place_labels(
        targets, [(6.0, 3.0)] * 8, within=(0, 0, 100, 100), keep=targets, taken=[(0, 54, 50, 70)]
    )
    assert len(placed) == 8
    for n, one in enumerate(placed):
        for other in [item.box for item in placed[n + 1 :]] + [*targets, (0, 54, 50, 70)]:
            apart = (
                one.box[2] <= other[0]
                or other[2] <= one.box[0]
                or one.box[3] <= other[1]
                or other[3] <= one.box[1]
            )
            assert apart


@pytest.mark.parametrize(
    "fake",
    [
        Fake(),
        Fake(south_up=True),
        Fake(rotation=110),
        Fake(crs="EPSG:4326"),
        Fake(crs="EPSG:3857", rotation=-60, south_up=True),
        Fake(crs=None),
        Fake(finer=3),
    ],
    ids=["plain", "south-up", "rotated", "degrees", "mercator-turned", "metric", "finer"],
)
def test_outlines_lie_on_what_they_outline(tmp_path: Path, fake: Fake) -> None:
    contents = read_contents(make_case(tmp_path / "case", fake))
    site = next(site for site in contents.sites if site.number == 3)  # dark on light paving
    part = cropped(contents, site.changes[0].outline.buffer(9).bounds)
    here = next(site for site in part.sites if site.number == 3)
    for view, outline in (
        (contents, site.changes[0].outline),
        (part, here.changes[0].outline),
    ):
        frame = view.frame
        wide, high = 4.0, 4.0 * frame.height / frame.width
        seen = []
        for picture in (view.before, view.after):
            figure = sheet.blank(width=wide, height=high)
            axes = sheet.axes_at(figure, left=0, top=0, width=wide, height=high)
            draw_image(panel_on(axes, frame, width=wide), picture)
            for spine in axes.spines.values():
                spine.set_visible(False)
            pixels = np.asarray(sheet.picture_of(figure).convert("L"), float)
            x, y = outline.centroid.x, outline.centroid.y
            row = int((1 - y / frame.height) * pixels.shape[0])
            col = int(x / frame.width * pixels.shape[1])
            seen.append(pixels[row - 1 : row + 2, col - 1 : col + 2].mean())
        assert seen[0] > 130
        assert seen[1] < 120


def test_colours_of_directions_differ_for_every_kind_of_colour_vision() -> None:
    from skimage.color import deltaE_ciede2000, rgb2lab

    # Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
    visions = {
        "normal": np.eye(3),
        "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
        "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
        "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
    }
    for matrix in visions.values():
        seen = []
        for colour in COLOURS.values():
            value = np.array(matplotlib.colors.to_rgb(colour))
            linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
            mixed = np.clip(np.asarray(matrix) @ linear, 0, 1)
            back = np.where(mixed <= 0.0031308, 12.92 * mixed, 1.055 * mixed ** (1 / 2.4) - 0.055)
            seen.append(rgb2lab(back[None, None])[0, 0])
        difference: Any = deltaE_ciede2000
        assert (
            min(difference(one, other) for n, one in enumerate(seen) for other in seen[n + 1 :])
            > 20
        )


def test_the_users_settings_of_matplotlib_neither_matter_nor_change(tmp_path: Path) -> None:
    case = make_case(tmp_path / "case", Fake(boxes=boxes_in_rows(2)))
    plain = (draw_report(case)[0]).read_bytes()
    with matplotlib.rc_context({"axes.facecolor": "red", "font.size": 30, "image.origin": "lower"}):
        before = dict(matplotlib.rcParams)
        again = draw_report(case)[0].read_bytes()
        assert dict(matplotlib.rcParams) == before
    assert again == plain


def test_loading_the_package_loads_no_matplotlib() -> None:
    code = "import aoi.report, sys; sys.exit('matplotlib' in sys.modules)"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)


def test_a_report_that_cannot_be_written_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = make_case(tmp_path / "case", Fake(boxes=[]))
    (case / "report.html").write_text("the old one")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match="No space left"):
        draw_report(case)
    assert (case / "report.html").read_text() == "the old one"
    assert not list(case.rglob("*.partial"))


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (None, MissingInputError),
        ("not JSON", InputError),
        ('{"schema": 2, "result": {}}', InputError),
        ('{"schema": 1, "result": {"georeferenced": true}}', InputError),
    ],
    ids=["none", "no-json", "schema", "torn"],
)
def test_a_folder_that_is_no_case_is_refused(
    tmp_path: Path, text: str | None, error: type[Exception]
) -> None:
    case = make_case(tmp_path / "case", Fake(boxes=[], shape=(20, 20)))
    (case / "case.json").unlink()
    if text is not None:
        (case / "case.json").write_text(text)
    with pytest.raises(error):
        draw_report(case)
    assert not (case / "report.html").exists()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, "100 %"),
        (0.99999, "more than 99.9 %"),
        (0.9734, "97.3 %"),
        (0.0, "0 %"),
        (0.0002, "less than 0.1 %"),
        (None, "unknown share"),
    ],
)
def test_a_share_never_rounds_up_to_the_whole(value: float | None, expected: str) -> None:
    assert words.share(value) == expected
