"""What a case tells and keeps of its alignment, whatever the verdict; diagnoses beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import jsonschema
import numpy as np
import pytest
import rasterio
from PIL import Image
from small_pair import SIDE, Pair, counts, write_image

from aoi.alignment.stored import figure_of
from aoi.case import MANIFEST, RECORD, case_schema, read_manifest, read_record
from aoi.cli import main
from aoi.cli._show import summary_lines
from aoi.workflow import detect_case
from imagery.errors import AlignmentError, InputError, UsageError
from imagery.options import CoregisterOptions, DetectOptions
from imagery.record import sha256_of

Undrawn = Callable[..., dict[str, Any]]
Captured = pytest.CaptureFixture[str]

DIAGNOSIS = {"after.png", "alignment.png", "before.png", "diagnosis.json", "ties.gpkg"}
REASON = "Held against the corners of <b>twelve</b> roads."


def check(record: dict[str, Any]) -> dict[str, Any]:
    """The alignment of a record that follows the schema."""
    jsonschema.validate(record, case_schema(), cls=jsonschema.Draft202012Validator)
    alignment: dict[str, Any] = record["result"]["alignment"]
    return alignment


def strict(reason: str | None = None) -> DetectOptions:
    """Options that refuse any real pair, unless there is a reason."""
    return DetectOptions(
        coregister=CoregisterOptions(trusted_ce90=0, usable_ce90=1e-6, accept_alignment=reason)
    )


@pytest.fixture(scope="module")
def unrelated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two textures that have nothing in common."""
    from imagery.simulate import textured_pair

    folder = tmp_path_factory.mktemp("unrelated")
    first, second = (
        textured_pair(shape=(2 * SIDE, 2 * SIDE), seed=seed).before for seed in (3, 77)
    )
    return (
        write_image(folder / "one.tif", counts(first)),
        write_image(folder / "other.tif", counts(second)),
    )


class TestMeasured:
    def test_the_record(self, case: Path) -> None:
        found = check(read_record(case))
        assert found["accepted"] is found["refusal"] is None
        assert found["shift_px"] == pytest.approx([1.3, -0.7], abs=0.05)
        assert found["shift_m"] == pytest.approx(np.hypot(1.3, 0.7), abs=0.05)
        assert found["ties"] > 8
        assert found["held_out"] >= 8
        assert found["window_px"] >= 16
        assert 0 < found["median_px"] <= found["ce90_px"] < found["before_ce90_px"]
        assert 0 < found["ce90_px"] <= found["all_ce90_px"] + 1e-9
        assert 0 < found["expected_median_ce90_px"] <= found["expected_largest_ce90_px"]
        assert 0.5 < found["coverage_90"] <= 1
        for name in ("ce90", "all_ce90", "before_ce90", "expected_largest_ce90"):
            assert found[f"{name}_m"] == pytest.approx(found[f"{name}_px"], rel=0.01)  # 1 m

    def test_every_window_and_the_image_under_them_are_kept(self, case: Path) -> None:
        ties = gpd.read_file(case / "ties.gpkg", layer="ties")
        alignment = check(read_record(case))
        assert (ties["use"] == "fit").sum() >= alignment["ties"]
        kept = {output["path"] for output in read_record(case)["result"]["outputs"]}
        names = {"ties.gpkg", "rasters/context_preview.tif", "rasters/shift_error.tif"}
        assert names <= kept
        assert names | {"maps/alignment.png"} <= read_manifest(case).keys()
        window = read_record(case)["result"]["grid"]["estimation"]
        with rasterio.open(case / "rasters" / "context_preview.tif") as raster:
            assert raster.count == 2
            assert raster.shape == (window["bottom"] - window["top"], window["right"])

    def test_the_figure_is_drawn_from_the_case_alone(self, case: Path, tmp_path: Path) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(case, moved)
        (moved / "maps" / "alignment.png").unlink()
        assert main(["report", str(moved), "--quiet"]) == 0
        drawn = (moved / "maps" / "alignment.png").read_bytes()
        assert drawn == (case / "maps" / "alignment.png").read_bytes()
        with Image.open(moved / "maps" / "alignment.png") as image:
            assert image.info["Title"] == "after.tif aligned to before.tif"
        assert 'alt="Map of the windows' in (moved / "report.html").read_text()

    def test_a_case_whose_ties_are_gone_has_no_figure(self, case: Path, tmp_path: Path) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(case, moved)
        (moved / "ties.gpkg").unlink()
        assert figure_of(moved) is None
        assert main(["report", str(moved), "--quiet"]) == 0
        assert not (moved / "maps" / "alignment.png").exists()
        assert 'alt="Map of the windows' not in (moved / "report.html").read_text()

    def test_a_damaged_record_is_refused(self, case: Path, tmp_path: Path) -> None:
        moved = tmp_path / "moved"
        shutil.copytree(case, moved)
        record = read_record(moved)
        del record["result"]["alignment"]["moving"]
        (moved / RECORD).write_text(json.dumps(record))
        with pytest.raises(InputError, match=r"moved: .* alignment is damaged"):
            figure_of(moved)


def test_what_was_not_measured_leaves_no_ties(pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
    small = [
        write_image(tmp_path / f"{name}.tif", array[:, :40, :40], tiled=False)
        for name, array in (("b", pair.first), ("a", pair.second))
    ]
    found = check(undrawn(*small, tmp_path / "case"))
    assert found["verdict"] == "not measured"
    assert found["shift_px"] is found["expected_median_ce90_px"] is found["coverage_90"] is None
    assert not (tmp_path / "case" / "ties.gpkg").exists()
    assert figure_of(tmp_path / "case") is None


def test_ties_set_by_hand_are_named_without_their_folder(pair: Pair, tmp_path: Path) -> None:
    places = [(row, col) for row in (40, 160, 280) for col in (40, 160, 280)]
    lines = [f"{col},{row},{col + 0.7},{row - 1.3}" for row, col in places]
    hand = tmp_path / "hand.csv"
    hand.write_text("\n".join(["before_col,before_row,after_col,after_row", *lines]))
    out = tmp_path / "case"
    options = DetectOptions(coregister=CoregisterOptions(ties=str(hand)))
    record = detect_case(pair.before, pair.after, out=out, options=options)
    found = check(record)
    assert found["ties_file"] == {
        "name": "hand.csv",
        "sha256": sha256_of(hand),
        "size": hand.stat().st_size,
    }
    assert record["result"]["options"]["detect"]["coregister"]["ties"] == "hand.csv"
    assert str(tmp_path) not in (out / RECORD).read_text()
    assert found["shift_px"] == pytest.approx([1.3, -0.7], abs=1e-3)
    assert found["window_px"] is None
    assert "Ties set by hand, in hand.csv" in (out / "report.html").read_text()
    assert (out / "maps" / "alignment.png").is_file()
    assert f"on {found['held_out']} held-out check points" in "".join(
        summary_lines(record["result"])
    )


class TestAccepted:
    def test_two_places_go_through_for_a_reason(
        self, unrelated: tuple[Path, Path], tmp_path: Path, capsys: Captured
    ) -> None:
        out = tmp_path / "case"
        images = [str(path) for path in unrelated]
        assert main(["detect", *images, "--out", str(out), "--accept-alignment", REASON]) == 0
        said = capsys.readouterr().out
        assert "alignment  accepted: none was found" in said
        assert f"accepted   {REASON}" in said
        record = read_record(out)
        found = check(record)
        assert (found["verdict"], found["accepted"]) == ("accepted", REASON)
        assert "agree" in found["refusal"]["found"]
        assert found["shift_px"] is found["ce90_px"] is None
        assert "alignment-accepted" in {w["code"] for w in record["result"]["warnings"]}
        assert record["result"]["options"]["detect"]["coregister"]["accept_alignment"] == REASON
        with rasterio.open(out / "rasters" / "shift.tif") as raster:
            assert not raster.read().any()
        page = (out / "report.html").read_text()
        assert "Held against the corners of &lt;b&gt;twelve&lt;/b&gt; roads." in page
        maps = sorted((out / "maps").iterdir())
        assert {"before.png", "after.png", "changes.png", "overview.png"} <= {m.name for m in maps}
        for path in maps:
            with Image.open(path) as image:
                assert image.info["Description"].endswith(f"Reason given: {REASON}")

    def test_what_was_found_is_applied(self, pair: Pair, undrawn: Undrawn, tmp_path: Path) -> None:
        record = undrawn(pair.before, pair.after, tmp_path / "case", options=strict(REASON))
        found = check(record)
        assert found["verdict"] == "accepted"
        assert found["refusal"]["needed"].startswith("at most")
        assert found["shift_px"] == pytest.approx([1.3, -0.7], abs=0.05)
        assert record["result"]["observed"]["share"] > 0.9
        assert record["result"]["observed"]["reasons"].keys() <= {"not seen in the later image"}
        assert figure_of(tmp_path / "case") is not None

    def test_a_reason_that_is_not_needed_changes_nothing(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        options = DetectOptions(coregister=CoregisterOptions(accept_alignment=REASON))
        found = check(undrawn(pair.before, pair.after, tmp_path / "case", options=options))
        assert (found["verdict"], found["accepted"]) == ("trusted", None)

    @pytest.mark.parametrize("reason", ["", "  \n", "\u202e\x07", "why " * 200])
    def test_no_reason_is_wrong_usage(
        self, reason: str, pair: Pair, tmp_path: Path, capsys: Captured
    ) -> None:
        out = tmp_path / "case"
        images = [str(pair.before), str(pair.after)]
        assert main(["detect", *images, "--out", str(out), "--accept-alignment", reason]) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert "option: --accept-alignment" in err
        assert list(tmp_path.iterdir()) == []


class TestDiagnosis:
    def test_of_a_refusal(
        self, unrelated: tuple[Path, Path], tmp_path: Path, capsys: Captured
    ) -> None:
        folder = tmp_path / "why"
        words = [*map(str, unrelated), "--out", str(tmp_path / "case"), "--diagnose", str(folder)]
        assert main(["detect", *words, "--json"]) == 4
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert err.rstrip().endswith("why shows why")
        assert str(tmp_path) not in out + err
        assert [path.name for path in tmp_path.iterdir()] == ["why"]
        assert {path.name for path in folder.iterdir()} == DIAGNOSIS
        told = json.loads((folder / "diagnosis.json").read_text())
        assert told["verdict"] == "refused"
        assert told["advice"]

    def test_of_a_refusal_with_ties(self, pair: Pair, tmp_path: Path) -> None:
        folder = tmp_path / "why"
        with pytest.raises(AlignmentError, match=r"option: --usable-ce90.*; why shows why"):
            detect_case(
                pair.before, pair.after, out=tmp_path / "c", options=strict(), diagnosis=folder
            )
        assert len(gpd.read_file(folder / "ties.gpkg", layer="ties")) > 8

    def test_without_it_the_refusal_names_it(self, pair: Pair, tmp_path: Path) -> None:
        with pytest.raises(AlignmentError, match=r"--usable-ce90.*; --diagnose DIR shows why"):
            detect_case(pair.before, pair.after, out=tmp_path / "c", options=strict())

    def test_of_an_alignment_that_is_used(
        self, pair: Pair, undrawn: Undrawn, tmp_path: Path
    ) -> None:
        folder = tmp_path / "how"
        record = undrawn(pair.before, pair.after, tmp_path / "case", diagnosis=folder)
        assert {path.name for path in folder.iterdir()} == DIAGNOSIS
        assert json.loads((folder / "diagnosis.json").read_text())["verdict"] == "trusted"
        again = undrawn(pair.before, pair.after, tmp_path / "again", diagnosis=folder)
        assert again["result"] == record["result"]
        assert "diagnos" not in json.dumps(record["result"]["options"])
        assert "how" not in (tmp_path / "case" / MANIFEST).read_text()

    @pytest.mark.parametrize("place", ["case", "case/why", "case.partial", "case.partial/why"])
    def test_not_in_the_case(self, pair: Pair, tmp_path: Path, place: str) -> None:
        with pytest.raises(UsageError, match=r"lies in it.*option: --diagnose"):
            detect_case(pair.before, pair.after, out=tmp_path / "case", diagnosis=tmp_path / place)
        assert list(tmp_path.iterdir()) == []

    def test_never_over_other_files(self, pair: Pair, tmp_path: Path) -> None:
        (tmp_path / "before.png").write_bytes(b"mine")
        with pytest.raises(UsageError, match=r"option: --diagnose"):
            detect_case(pair.before, pair.after, out=tmp_path / "c", diagnosis=tmp_path)
        (tmp_path / "diagnosis.json").write_text("{}")
        with pytest.raises(UsageError, match="is an input"):
            detect_case(tmp_path / "before.png", pair.after, out=tmp_path / "c", diagnosis=tmp_path)
        assert (tmp_path / "before.png").read_bytes() == b"mine"
