"""How comparable the images are: told before the run, kept in the record, shown on the page."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fake_case import Fake, make_case
from small_pair import Pair

from aoi.alignment.stored import _plan, _scene
from aoi.case import case_schema, read_record
from aoi.cli import main
from aoi.cli._show import _Steps
from aoi.report import draw_report
from aoi.report.comparability import HEEDED, comparability, heeded
from imagery.blockwise import Progress
from imagery.record import Caution

LEAN = "Tops of 10 m buildings move"
MOMENTS = {"before": "2024-06-06T02:10:00Z", "after": "2024-06-13T02:10:00Z"}


def fact(value: str | float, name: str) -> dict[str, Any]:
    return {"value": value, "source": f"STAC item: {name}"}


@pytest.fixture(scope="module")
def leaning(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """The pair with items that say that it was seen from two sides."""
    folder = tmp_path_factory.mktemp("leaning")
    for role, azimuth in (("before", 90.0), ("after", 270.0)):
        shutil.copy(pair.folder / f"{role}.tif", folder)
        properties = {
            "datetime": MOMENTS[role],
            "platform": "worldview-3",
            "view:off_nadir": 20.0,
            "view:azimuth": azimuth,
            "view:sun_elevation": 66.0,
            "view:sun_azimuth": 130.0,
            "license": "CC-BY-4.0",
        }
        item = {"type": "Feature", "stac_version": "1.0.0", "properties": properties}
        (folder / f"{role}.json").write_text(json.dumps(item))
    shutil.copy(pair.area, folder)
    return Pair(folder, pair.first, pair.second)


@pytest.fixture(scope="module")
def told(leaning: Pair, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """A case of it, and what was said on stdout and stderr."""
    out = tmp_path_factory.mktemp("cases") / "case"
    words = ["detect", str(leaning.before), str(leaning.after), "--aoi", str(leaning.area)]
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        assert main([*words, "--out", str(out)]) == 0
    return out, stdout.getvalue(), stderr.getvalue()


class TestRecord:
    def test_it_holds_facts_and_comparability(self, told: tuple[Path, str, str]) -> None:
        record = read_record(told[0])
        jsonschema.Draft202012Validator(case_schema()).validate(record)
        result = record["result"]
        facts = result["scenes"]["before"]["facts"]
        assert facts["view:off_nadir"]["value"] == 20
        assert "before.json" in facts["view:off_nadir"]["source"]
        found = result["comparability"]
        # 2 x 10 m x tan(20°), on pixels of 1 m
        assert found["lean"]["most_px"] == pytest.approx(7.28, abs=0.02)
        assert (found["days"], found["same_platform"]) == (7, True)

    def test_what_leans_is_the_first_of_the_warnings(self, told: tuple[Path, str, str]) -> None:
        first, *others = read_record(told[0])["result"]["warnings"]
        assert (first["code"], first["message"].startswith(LEAN)) == ("lean", True)
        assert "lean" not in {item["code"] for item in others}

    def test_a_scene_comes_back_with_its_facts(self, told: tuple[Path, str, str]) -> None:
        result = read_record(told[0])["result"]
        plan = _plan(result["grid"], moving="after")
        scene = _scene("before", result["scenes"]["before"], plan)
        assert scene.platform == "worldview-3"
        assert scene.license == "CC-BY-4.0"
        assert scene.facts["view:azimuth"].value == 90


class TestTold:
    def test_the_lean_is_told_before_the_run(self, told: tuple[Path, str, str]) -> None:
        _, out, err = told
        assert err.startswith(f"warning    {LEAN} 7.3 px (7.3 m)")
        assert f"warning    {LEAN}" in out

    @pytest.mark.parametrize("word", ["--json", "--quiet"])
    def test_but_not_to_programs(
        self, leaning: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str], word: str
    ) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("aoi.workflow._draw", lambda case: ())
            words = ["detect", str(leaning.before), str(leaning.after), word]
            assert main([*words, "--out", str(tmp_path / "case")]) == 0
        said = capsys.readouterr()
        assert said.err == ""
        if word == "--json":
            assert json.loads(said.out)["warnings"][0]["code"] == "lean"

    def test_on_a_terminal_it_stands_on_a_line_above_the_bars(self) -> None:
        from rich.console import Console
        from rich.progress import Progress as Bars

        written = io.StringIO()
        console = Console(file=written, force_terminal=True, width=60, color_system=None)
        with Bars(console=console, auto_refresh=False) as bars:
            message = f"[b]{'long ' * 20}\x1b[31m"
            _Steps(bars).show(Progress("read", 1, 1, (Caution("lean", message),)))
        # A terminal clears the line of the bars first.
        assert f"\r\x1b[2Kwarning    [b]{'long ' * 20}[31m\n" in written.getvalue()


class TestPage:
    def test_the_lean_heads_the_page_in_a_box(self, told: tuple[Path, str, str]) -> None:
        page = (told[0] / "report.html").read_text("utf-8")
        box = re.search(r'<div class="heed".*?</div>', page, re.DOTALL)
        assert box is not None
        assert LEAN in box[0]
        assert "roof is not where it was" in box[0]
        assert page.index(box[0]) < page.index("<main>")

    def test_a_section_compares_the_images(self, told: tuple[Path, str, str]) -> None:
        page = (told[0] / "report.html").read_text("utf-8")
        section = re.search(r'<section id="comparability">.*?</section>', page, re.DOTALL)
        assert section is not None
        text = " ".join(re.sub(r"<[^>]+>", " ", section[0]).split())
        assert "Taken 7 days apart, in the same season." in text
        assert "View azimuth 90° 270°" in text
        assert "Sun elevation 66° 66°" in text
        assert '<a href="#comparability">' in page

    def test_each_fact_stands_among_the_inputs_with_its_source(
        self, told: tuple[Path, str, str]
    ) -> None:
        page = (told[0] / "report.html").read_text("utf-8")
        row = re.search(r'<th scope="row">Off nadir</th><td>20°<br>from ([^<]+)</td>', page)
        assert row is not None
        assert "before.json" in row[1]

    def test_a_record_without_them_is_drawn_without_them(self, tmp_path: Path) -> None:
        case = make_case(tmp_path / "case", Fake())
        draw_report(case)
        page = (case / "report.html").read_text("utf-8")
        assert 'id="comparability"' not in page
        assert 'class="heed"' not in page


class TestWords:
    def record(self, warnings: list[Mapping[str, Any]], **facts: Any) -> dict[str, Any]:
        scene = {"facts": {name: fact(value, name) for name, value in facts.items()}}
        return {
            "warnings": warnings,
            "scenes": {"before": scene, "after": {}},
            "comparability": {"sentences": ["One.", "Unknown: two."], "unknown": ["Unknown: two."]},
        }

    @pytest.mark.parametrize("code", HEEDED)
    def test_what_bears_on_every_outline_is_heeded(self, code: str) -> None:
        warnings = [{"code": "other", "message": "No."}, {"code": code, "message": "Yes."}]
        found = heeded(self.record(warnings))
        assert found[0] == "Yes."
        assert len(found) == (2 if code == "lean" else 1)

    def test_what_is_unknown_stands_apart_and_is_called_so(self) -> None:
        found = comparability(self.record([], **{"view:sun_elevation": 30.0}))
        assert found is not None
        assert (found["sentences"], found["unknown"]) == (["One."], ["Unknown: two."])
        assert ("Sun elevation", ["30°", "unknown"]) in found["rows"]
        assert "View azimuth" not in dict(found["rows"])

    def test_hostile_text_is_cleaned(self) -> None:
        found = comparability(self.record([], **{"sat:orbit_state": "asc\u202eending\x07"}))
        assert found is not None
        assert ("Orbit direction", ["ascending", "unknown"]) in found["rows"]
