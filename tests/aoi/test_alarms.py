"""False alarms as users meet them: options, refusals, record, words, page and maps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fake_case import Fake, make_case
from matplotlib.text import Text
from small_pair import SIDE, Pair, counts, square, write_image, write_outline

from aoi.case import case_schema
from aoi.cli import main
from aoi.cli._show import summary_lines
from aoi.report import alarms, draw_report, layout, sheet
from imagery.errors import MissingInputError, RateError
from imagery.options import DecisionOptions, DetectOptions
from imagery.record import sha256_of

Undrawn = Callable[..., dict[str, Any]]
GAP = "moved vehicles, shadows or season"

SIMULATED: dict[str, Any] = {
    "decision": {
        "asked": "at most 1 false alarm per km², on average",
        "calibration": "simulated",
        "bound": 0.93,
        "bound_is": "alarms per km2",
        "expected_in_area": 0.0748,
        "decoys": {
            "kind": "simulated",
            "words": "a null simulated from the scene itself, 12 km²",
            "km2": 12.0,
            "alarms": 6,
            "does_not_cover": GAP,
        },
        "sentences": ["The decision rests on <b>a null</b>.", "It certifies nothing."],
        "missed": {
            "sentence": "Objects smaller than 2.4 m would be missed.",
            "smallest_m": 2.4,
            "faintest": 0.2,
            "faintest_of_5_m": 0.25,
        },
    },
    "changes": {"calibration": "simulated"},
    "options": {"detect": {"decision": {"max_false_alarms": "1 / km2", "fdr": None}}},
}


def told(polygons: int = 9, **parts: Any) -> dict[str, Any]:
    """A result with a decision; ``parts`` change it."""
    found = SIMULATED["decision"] | parts
    return {
        "decision": found,
        "changes": {
            "polygons": polygons,
            "calibration": found["calibration"],
            "threshold": 3.6,
            "threshold_rule": "tail-fdr",
        },
        "options": SIMULATED["options"],
    }


class TestWords:
    def test_a_rate_of_simulated_decoys(self) -> None:
        result = told()
        expected = f"asked 1/km²: at most 0.075 expected here (simulated; does not cover {GAP})"
        assert alarms.briefly(result) == expected
        assert "1 per square kilometre" in alarms.briefly(result, spelled=True)
        assert alarms.headline(result) == f"Asked{expected[5:]}."
        assert alarms.sentences(result)[-1] == "Objects smaller than 2.4 m would be missed."

    def test_a_rate_with_confidence_of_quiet_pairs(self) -> None:
        decoys = SIMULATED["decision"]["decoys"] | {"kind": "quiet pairs", "does_not_cover": None}
        result = told(calibration="calibrated", decoys=decoys, expected_in_area=1.0)
        result["options"] = {
            "detect": {"decision": {"max_false_alarms": "1/area", "confidence": 0.95}}
        }
        assert alarms.briefly(result) == (
            "asked 1/area with 95 % confidence: at most 1 expected here (calibrated)"
        )
        assert "No rate of false alarms is certified" not in alarms.certainty(result)

    @pytest.mark.parametrize(
        ("polygons", "expected"),
        [(37, "at most 3.3 of 37 expected here"), (0, "no change is told")],
    )
    def test_a_share(self, polygons: int, expected: str) -> None:
        result = told(polygons, bound_is="share of false changes", expected_in_area=3.3)
        result["options"] = {"detect": {"decision": {"fdr": 0.1}}}
        assert alarms.briefly(result).startswith(f"asked at most 10 % false: {expected} (simul")
        assert GAP in alarms.briefly(result)

    def test_nothing_asked(self) -> None:
        nothing = {"asked": None, "calibration": "uncalibrated", "expected_in_area": None}
        result = told(**nothing, decoys=None)
        assert alarms.briefly(result) == "not known (uncalibrated)"
        assert alarms.headline(result) == "The rate of false alarms is not known (uncalibrated)."
        decoys = SIMULATED["decision"]["decoys"] | {"kind": "quiet areas", "does_not_cover": None}
        beside = told(**nothing | {"expected_in_area": 127.3}, decoys=decoys)
        assert alarms.briefly(beside) == (
            "not known (uncalibrated); quiet areas raise about 127 on as much ground"
        )

    def test_what_is_drawn_on_is_no_bound(self) -> None:
        assert "about 0.075 expected" in alarms.briefly(told(calibration="extrapolated"))

    def test_how_outlines_came_about(self) -> None:
        two = alarms.certainty(told(least_score=6.2147))
        assert "above 3.6 (by the rule “tail-fdr”) are candidates" in two
        assert "reaches 6.21" in two
        assert "Every region of pixels with a score above 3.6" in alarms.certainty(
            told(least_score=0.0)
        )


class TestDrawn:
    def test_the_page_and_every_map(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sheet, "DPI", 40)
        seen = []
        real = sheet.picture_of
        monkeypatch.setattr(layout, "picture_of", lambda f: (seen.append(f), real(f))[1])
        case = make_case(tmp_path / "case", Fake(result=SIMULATED))
        draw_report(case)
        html = (case / "report.html").read_text()
        assert html.count(f"does not cover {GAP}") >= 2  # the fact, the section
        assert "rests on &lt;b&gt;a null&lt;/b&gt;." in html
        assert "Objects smaller than 2.4 m would be missed." in html
        for figure in seen:
            words = " ".join(t.get_text() for t in figure.findobj(Text))
            assert "simulated; does not cover" in words.replace("\n", " ")

    def test_nothing_found_tells_what_would_be_missed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sheet, "DPI", 40)
        seen = []
        real = sheet.picture_of
        monkeypatch.setattr(layout, "picture_of", lambda f: (seen.append(f), real(f))[1])
        case = make_case(tmp_path / "case", Fake(boxes=[], result=SIMULATED))
        draw_report(case)
        html = (case / "report.html").read_text()
        lead = html[html.index('<p class="lead">') : html.index("<nav")]
        assert "Objects smaller than 2.4 m would be missed." in lead
        told = [" ".join(t.get_text() for t in figure.findobj(Text)) for figure in seen]
        assert sum("Objects smaller than 2.4 m" in text for text in told) >= 2

    def test_the_table(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sheet, "DPI", 40)
        boxes = [(site, -30.0, 20.0 * site - 50, 46.0, 18.0, 50.0 - site) for site in (1, 2, 3, 4)]
        case = make_case(tmp_path / "case", Fake(boxes=boxes))
        draw_report(case)
        html = " ".join((case / "report.html").read_text().split())
        assert '828 <span class="muted">(745 to 994)</span>' in html
        assert "Flags: none raised. Untested: 6, see above. Visible in the later image" in html
        assert "<strong>Flags: EDGE.</strong>" in html
        assert "lows are added to lows" in html
        assert "False, at" not in html  # without decoys


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two images of another texture, between which nothing happened."""
    from imagery.simulate import textured_pair

    made = textured_pair(shape=(SIDE, SIDE), shift=(0.4, 0.2), seed=8, noise=0.05, changes=0)
    folder = tmp_path_factory.mktemp("somebodys_quiet_folder")
    first = write_image(folder / "calm_1.tif", counts(made.before))
    second = write_image(folder / "calm_2.tif", counts(made.after))
    return str(first), str(second)


def wrong(record: dict[str, Any]) -> list[str]:
    """What in a record is against the schema."""
    found = jsonschema.Draft202012Validator(case_schema()).iter_errors(record)
    return [f"{error.json_path}: {error.message}" for error in found]


def options(**asked: Any) -> DetectOptions:
    return DetectOptions(decision=DecisionOptions(**asked))


class TestRecord:
    def test_a_quiet_pair(
        self, pair: Pair, undrawn: Undrawn, quiet: tuple[str, str], tmp_path: Path
    ) -> None:
        how = options(max_false_alarms="100/km2", quiet_pair=(quiet,))
        record = undrawn(pair.before, pair.after, tmp_path / "case", options=how)
        assert wrong(record) == []
        result = record["result"]
        found = result["decision"]
        assert found["asked"] == "at most 100 false alarms per km², on average"
        assert found["decoys"]["kind"] == "quiet pairs"
        assert 0 < found["bound"] <= 100
        assert found["calibration"] == result["changes"]["calibration"] != "uncalibrated"
        (named,) = found["quiet_pairs"]
        for role, path in zip(("before", "after"), quiet, strict=True):
            (file,) = named[role]
            size = Path(path).stat().st_size
            assert file == {"name": Path(path).name, "sha256": sha256_of(path), "size": size}
        assert "somebodys_quiet_folder" not in json.dumps(record)
        assert result["changes"]["method"] == "cva"
        assert DetectOptions.from_mapping(result["options"]["detect"]).decision.quiet_pair == (
            ("calm_1.tif", "calm_2.tif"),
        )
        changes = json.loads((tmp_path / "case" / "changes.geojson").read_text())["features"]
        bounds = [change["properties"]["rank_bound"] for change in changes]
        assert bounds == sorted(bounds)
        assert all(type(bound) is int for bound in bounds)
        assert any(line.startswith("alarms     asked 100/km²") for line in summary_lines(result))

    def test_a_quiet_area_without_a_rate(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        calm = write_outline(tmp_path / "calm.geojson", square(122.999, 39.024, 0.006))
        record = undrawn(
            pair.before, pair.after, tmp_path / "case", options=options(quiet_area=str(calm))
        )
        assert wrong(record) == []
        found = record["result"]["decision"]
        assert found["quiet_area"]["sha256"] == sha256_of(calm)
        assert (found["asked"], found["calibration"]) == (None, "uncalibrated")
        assert found["decoys"]["kind"] == "quiet areas"
        assert str(tmp_path) not in json.dumps(record)

    def test_bounds_of_all_areas_are_sums(self, case: Path) -> None:
        changes = json.loads((case / "case.json").read_text())["result"]["changes"]
        rows = [
            feature["properties"]
            for feature in json.loads((case / "changes.geojson").read_text())["features"]
        ]
        for end in ("low", "high"):
            total = sum(row[f"area_{end}_m2"] for row in rows)
            assert changes[f"area_{end}_m2"] == pytest.approx(total, abs=0.01)
        assert changes["area_in_aoi_low_m2"] <= changes["area_in_aoi_m2"]
        assert changes["area_in_aoi_m2"] <= changes["area_in_aoi_high_m2"]

    def test_a_missing_quiet_pair_is_told_at_once(
        self, pair: Pair, undrawn: Undrawn, quiet: tuple[str, str], tmp_path: Path
    ) -> None:
        how = options(quiet_pair=((quiet[0], "nothing.tif"),))
        with pytest.raises(MissingInputError, match=r"^nothing\.tif") as caught:
            undrawn(pair.before, pair.after, tmp_path / "case", options=how)
        assert caught.value.option == "--quiet-pair"


class TestRefused:
    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            (["--max-false-alarms", "1/km2"], 6, "km² more"),
            (["--max-false-alarms", "1/area"], 6, "at most 1 false alarm in the area"),
            (["--fdr", "0.1"], 6, "false ones can't be honoured"),
            (["--max-false-alarms", "1/km2", "--fdr", "0.1"], 2, "--max-false-alarms and --fdr"),
            (["--fdr", "0.1", "--threshold", "otsu"], 2, "--fdr and --threshold"),
            (["--max-false-alarms", "1/km2", "--threshold", "9"], 2, "different decisions"),
            (["--confidence", "0.9"], 2, "--max-false-alarms beside it"),
            (["--max-false-alarms", "few"], 2, "no such rate"),
            (["--fdr", "0"], 2, "--fdr is out of bounds"),
        ],
    )
    def test_in_one_line(
        self,
        words: list[str],
        status: int,
        said: str,
        pair: Pair,
        quiet: tuple[str, str],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        command = ["detect", str(pair.before), str(pair.after), "--quiet-pair", *quiet, *words]
        assert main([*command, "--out", str(tmp_path / "case"), "--json"]) == status
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert said in err
        error = json.loads(out)
        assert error["exit_status"] == status
        if status == RateError.exit_status:
            assert "km²" in error["error"]["needed"]
            assert "smallest" in error["error"]["message"]
        assert not (tmp_path / "case").exists()
