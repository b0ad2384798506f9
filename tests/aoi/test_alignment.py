"""What is made of an alignment, and the command that aligns."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from PIL import Image

from aoi.alignment import words as told_in
from aoi.alignment.diagnosis import diagnose
from aoi.alignment.figure import draw_alignment
from aoi.alignment.job import Products, align_files
from aoi.alignment.pictures import picture
from aoi.alignment.ties import ARROWS, EXAGGERATION, LAYER, write_ties
from aoi.alignment.words import Told
from aoi.cli import main
from imagery.align import Measured, measure
from imagery.blockwise import engine
from imagery.coregister import TiePoints
from imagery.env import raster_environment
from imagery.errors import AlignmentError, OutputError, UsageError
from imagery.options import AlignOptions, EngineOptions, ReadOptions
from imagery.simulate import textured_pair

UTM = Affine(0.5, 0, 400_000, 0, -0.5, 4_320_000)
Captured = pytest.CaptureFixture[str]


def written(path: Path, image: NDArray[Any], **how: Any) -> Path:
    profile = {"crs": "EPSG:32651", "transform": UTM, "photometric": "minisblack", **how}
    with rasterio.open(
        path, "w", driver="GTiff", count=image.shape[0], height=image.shape[1],
        width=image.shape[2], dtype=image.dtype, **profile,
    ) as dataset:  # fmt: skip
        dataset.write(image)
    return path


@dataclass(frozen=True)
class Pair:
    reference: Path
    target: Path
    other: Path
    """Of another place."""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    made = textured_pair(shape=(400, 400), shift=(2.4, -5.6), seed=2, bands=2)
    strange = textured_pair(shape=(400, 400), seed=77, bands=2)
    return Pair(
        written(folder / "ref.tif", made.before),
        written(folder / "tgt.tif", made.after),
        written(folder / "other.tif", strange.before),
    )


@pytest.fixture(scope="module")
def measured(pair: Pair) -> Measured:
    with engine(EngineOptions(workers=2)) as executor:
        return measure(
            pair.reference, pair.target, options=AlignOptions(), executor=executor,
            tell=lambda _: None,
        )  # fmt: skip


@pytest.fixture
def rasters() -> Iterator[None]:
    with raster_environment():
        yield


def some_ties(measured: Measured) -> TiePoints:
    """Ties of every kind."""
    return TiePoints(
        row=np.array([10.0, 20, 30, 40]),
        col=np.array([100.0, 110, 120, 130]),
        shift=np.array([[1.0, -2.0], [1.1, -2.2], [4.0, 4.0], [1.5, -2.0]]),
        residual=np.array([[0.1, -0.2], [0.0, 0.3], [3.0, 4.0], [0.5, 0.0]]),
        sigma=np.full(4, 0.1),
        coherence=np.array([0.9, 0.8, 0.2, 0.7]),
        held_out=np.array([False, True, True, False]),
        status=np.array(["ground", "ground", "outlier", "raised"]),
    )


class TestTies:
    def test_points_lie_at_their_windows_and_axes_are_named(
        self, tmp_path: Path, measured: Measured
    ) -> None:
        path = tmp_path / "ties.gpkg"
        write_ties(some_ties(measured), measured.plan, path)
        assert pyogrio.list_layers(path)[:, 0].tolist()[:2] == [LAYER, ARROWS]
        frame = gpd.read_file(path, layer=LAYER)
        assert frame.crs.to_epsg() == 32651
        first = frame.iloc[0]
        # Half a metre a pixel, the centre of pixel (10, 100).
        assert (first.geometry.x, first.geometry.y) == (400_050.25, 4_319_994.75)
        assert (first.shift_x_px, first.shift_y_px) == (-2.0, 1.0)
        assert (first.residual_x_px, first.residual_y_px) == (-0.2, 0.1)
        assert frame["residual_px"].tolist() == pytest.approx([0.2236, 0.3, 5.0, 0.5], abs=1e-4)
        assert frame["use"].tolist() == ["fit", "check", "check", "fit"]
        assert frame["status"].tolist() == ["ground", "ground", "outlier", "raised"]
        assert frame["residual_m"][2] == pytest.approx(2.5, rel=1e-3)

    def test_lines_are_exaggerated_and_say_so(self, tmp_path: Path, measured: Measured) -> None:
        path = tmp_path / "ties.gpkg"
        write_ties(some_ties(measured), measured.plan, path)
        line = gpd.read_file(path, layer=ARROWS).iloc[0]
        (x0, y0), (x1, y1) = line.geometry.coords
        # 0.1 px down and 0.2 px to the left, 50 times as long.
        assert (x1 - x0, y1 - y0) == pytest.approx((-0.2 * 50 * 0.5, -0.1 * 50 * 0.5))
        assert line.exaggeration == EXAGGERATION

    def test_each_layer_brings_a_style_that_qgis_reads(
        self, tmp_path: Path, measured: Measured
    ) -> None:
        path = tmp_path / "ties.gpkg"
        write_ties(some_ties(measured), measured.plan, path)
        with closing(sqlite3.connect(path)) as database:
            rows = database.execute("SELECT f_table_name, styleQML FROM layer_styles").fetchall()
        assert [name for name, _ in rows] == [LAYER, ARROWS]
        for _, qml in rows:
            root = ElementTree.fromstring(qml.split("\n", 1)[1])  # noqa: S314  (our own)
            renderer = root.find("renderer-v2")
            assert renderer is not None
            assert renderer.get("attr") == "residual_px"
            assert len(renderer.findall("ranges/range")) == len(renderer.findall("symbols/symbol"))

    def test_the_same_ties_give_the_same_bytes(self, tmp_path: Path, measured: Measured) -> None:
        for name in ("a.gpkg", "b.gpkg"):
            write_ties(some_ties(measured), measured.plan, tmp_path / name)
        assert (tmp_path / "a.gpkg").read_bytes() == (tmp_path / "b.gpkg").read_bytes()

    def test_no_ties_and_no_crs(self, tmp_path: Path, measured: Measured) -> None:
        plan = replace(measured.plan, geobox=GeoBox((400, 400), Affine(1, 0, 0, 0, -1, 0), None))
        for ties in (TiePoints.none(), some_ties(measured)):
            write_ties(ties, plan, tmp_path / "t.gpkg")
            frame = gpd.read_file(tmp_path / "t.gpkg", layer=LAYER)
            assert len(frame) == len(ties)
            assert frame.crs is None or not frame.crs.to_epsg()

    def test_a_folder_that_is_not_there(self, tmp_path: Path, measured: Measured) -> None:
        with pytest.raises(OutputError):
            write_ties(some_ties(measured), measured.plan, tmp_path / "no" / "t.gpkg")


def told_of(measured: Measured, **changes: Any) -> Told:
    return replace(
        Told(
            scenes=measured.scenes,
            plan=measured.plan,
            alignment=measured.alignment,
            refusal=measured.refusal,
        ),
        **changes,
    )


REFUSAL = AlignmentError("no", found="3% of 90 textured windows agree", needed="at least 10%")


@pytest.mark.usefixtures("rasters")
class TestFigure:
    def shown(self, measured: Measured, told: Told) -> Image.Image:
        still = picture(measured.scenes["before"], measured.plan, measured.bands, role="before")
        return Image.open(io.BytesIO(draw_alignment(told, still)))

    def test_it_is_a_picture_that_says_what_it_is(self, measured: Measured) -> None:
        image = self.shown(measured, told_of(measured))
        assert image.format == "PNG"
        assert image.width > 1200
        assert image.info["Title"] == "tgt.tif aligned to ref.tif"
        assert image.info["Description"].startswith("Trusted: 90 % of the errors are below 0.0")
        again = self.shown(measured, told_of(measured))
        assert np.array_equal(np.asarray(image), np.asarray(again))

    def test_a_refusal_warns_in_red(self, measured: Measured) -> None:
        fine = np.asarray(self.shown(measured, told_of(measured)).convert("RGB")).astype(int)
        bad = told_of(measured, alignment=None, refusal=REFUSAL)
        image = self.shown(measured, bad)
        pixels = np.asarray(image.convert("RGB")).astype(int)
        strip = pixels[: pixels.shape[0] // 8]
        red = (strip[..., 0] > 150) & (strip[..., 1] < 60)
        assert red.mean() > 0.2
        assert (fine[: fine.shape[0] // 8, :, 1] < 60).mean() < 0.05
        assert image.info["Description"] == (
            "Refused: 3% of 90 textured windows agree; at least 10% is needed."
        )

    @pytest.mark.parametrize("name", ["$x^2$ \\frac {a} <b>&.tif", "서울 광장 2024.tif", "x" * 300])
    def test_names_are_drawn_as_they_are(self, measured: Measured, name: str) -> None:
        scenes = dict(measured.scenes)
        scenes["after"] = replace(scenes["after"], path=Path(name))
        self.shown(measured, told_of(measured, scenes=scenes))

    def test_ties_of_every_kind_and_none(self, measured: Measured) -> None:
        alignment = measured.alignment
        assert alignment is not None
        for ties in (some_ties(measured), TiePoints.none()):
            self.shown(measured, told_of(measured, alignment=replace(alignment, tie_points=ties)))

    def test_a_strip_has_room(self, measured: Measured) -> None:
        from imagery.blocks import Window

        for window in (Window(0, 0, 400, 30), Window(0, 0, 30, 400)):
            plan = replace(measured.plan, estimation=window)
            thin = replace(measured, plan=plan)
            self.shown(thin, told_of(thin))


def test_words_say_which_way(measured: Measured) -> None:
    told = told_of(measured)
    assert told_in.direction(2.4, -5.6) == "2.40 px down, 5.60 px left"
    assert told_in.direction(-2.4, 5.6) == "2.40 px up, 5.60 px right"
    assert "2.40 px down, 5.60 px left, 3.0 m on the ground" in told_in.move(told)
    accepted = replace(
        measured.alignment, verdict="accepted", accepted="only pair", refusal=REFUSAL
    )  # type: ignore[type-var]
    text = told_in.verdict(told_of(measured, alignment=accepted, refusal=REFUSAL))
    assert text.startswith("Refused, and accepted by the analyst: 3% of 90")
    assert text.endswith("Reason given: only pair.")


@pytest.mark.usefixtures("rasters")
class TestDiagnosis:
    def test_it_shows_a_refusal_from_all_sides(self, tmp_path: Path, measured: Measured) -> None:
        folder = tmp_path / "diag"
        found = diagnose(
            folder, scenes=measured.scenes, plan=measured.plan, bands=measured.bands,
            alignment=None, refusal=REFUSAL,
        )  # fmt: skip
        assert sorted(p.name for p in folder.iterdir()) == [
            "after.png", "alignment.png", "before.png", "diagnosis.json", "ties.gpkg",
        ]  # fmt: skip
        assert json.loads((folder / "diagnosis.json").read_text("utf-8")) == found
        assert found["verdict"] == "refused"
        assert found["refusal"]["found"] == REFUSAL.found
        assert found["advice"]
        assert str(tmp_path) not in (folder / "diagnosis.json").read_text("utf-8")
        sizes = set()
        for role in ("before", "after"):
            with Image.open(folder / f"{role}.png") as shown:
                sizes.add(shown.size)
        assert len(sizes) == 1

    def test_an_earlier_diagnosis_is_replaced_and_nothing_else(
        self, tmp_path: Path, measured: Measured
    ) -> None:
        how: dict[str, Any] = {
            "scenes": measured.scenes, "plan": measured.plan, "bands": measured.bands,
            "alignment": measured.alignment,
        }  # fmt: skip
        diagnose(tmp_path, **how)
        found = diagnose(tmp_path, **how)
        assert (found["verdict"], found["refusal"]) == ("trusted", None)
        assert found["ties"]["all"] == len(measured.alignment.tie_points)  # type: ignore[union-attr]
        (tmp_path / "diagnosis.json").unlink()
        with pytest.raises(UsageError, match="no diagnosis"):
            diagnose(tmp_path, **how)
        with pytest.raises(UsageError, match="in the way"):
            diagnose(tmp_path / "before.png", **how)


class TestCommand:
    def test_an_image_and_all_its_products(
        self, pair: Pair, tmp_path: Path, capsys: Captured
    ) -> None:
        out = [tmp_path / name for name in ("o.tif", "t.gpkg", "f.png")]
        arguments = ["align", str(pair.reference), str(pair.target), "--out", str(out[0])]
        arguments += ["--save-ties", str(out[1]), "--figure", str(out[2])]
        assert main(arguments) == 0
        said, err = capsys.readouterr()
        assert err == ""
        assert "reference  ref.tif, date unknown" in said
        assert "alignment  trusted: CE90" in said
        assert "moved      2.40 px down, 5.60 px left (mean); resampled once" in said
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "f.png", "o.tif", "o.transform.json", "t.gpkg",
        ]  # fmt: skip
        with rasterio.open(out[0]) as dataset:
            assert dataset.count == 2
        # The same again needs a word.
        assert main(arguments) == 2
        assert "exists already" in capsys.readouterr().err
        assert main([*arguments, "--overwrite", "--quiet"]) == 0
        assert capsys.readouterr() == ("", "")

    def test_a_transform_moves_another_product(
        self, pair: Pair, tmp_path: Path, capsys: Captured
    ) -> None:
        out = tmp_path / "o.tif"
        assert main(["align", str(pair.reference), str(pair.target), "--out", str(out),
                     "--quiet"]) == 0  # fmt: skip
        mask = np.zeros((1, 80, 80), np.uint8)
        mask[0, 20:40, 30:60] = 1
        path = written(tmp_path / "mask.tif", mask, transform=UTM * Affine.scale(5), nodata=255)
        arguments = ["align", str(path), "--use-transform", str(tmp_path / "o.transform.json")]
        arguments += ["--resampling", "nearest", "--out", str(tmp_path / "m.tif"), "--json"]
        assert main(arguments) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["status"] == "aligned"
        assert told["exit_status"] == 0
        assert told["files"] == {"image": "m.tif"}
        assert told["image"]["resampling"] == "nearest"
        assert [w["code"] for w in told["warnings"]] == ["transform-of-other-file"]

    def test_a_refusal_ends_with_4_and_writes_nothing(
        self, pair: Pair, tmp_path: Path, capsys: Captured
    ) -> None:
        arguments = ["align", str(pair.reference), str(pair.other)]
        arguments += ["--out", str(tmp_path / "o.tif"), "--figure", str(tmp_path / "f.png")]
        assert main(arguments) == 4
        assert capsys.readouterr().err.startswith("twopass: ")
        assert list(tmp_path.iterdir()) == []
        assert main([*arguments, "--diagnose", str(tmp_path / "why"), "--json"]) == 4
        assert json.loads(capsys.readouterr().out)["status"] == "refused"
        assert [p.name for p in tmp_path.iterdir()] == ["why"]

    def test_a_refusal_can_be_accepted_with_a_reason(self, pair: Pair, tmp_path: Path) -> None:
        arguments = ["align", str(pair.reference), str(pair.other), "--quiet"]
        arguments += ["--out", str(tmp_path / "o.tif"), "--figure", str(tmp_path / "f.png")]
        assert main([*arguments, "--accept-alignment", "no other image"]) == 0
        with rasterio.open(tmp_path / "o.tif") as dataset:
            assert dataset.tags()["TWOPASS_ALIGNED_VERDICT"] == "accepted"
            assert dataset.tags()["TWOPASS_ALIGNED_ACCEPTED"] == "no other image"

    def test_no_reason_is_wrong_usage(
        self, pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        arguments = ["align", str(pair.reference), str(pair.other)]
        arguments += ["--out", str(tmp_path / "o.tif"), "--accept-alignment", " "]
        assert main(arguments) == 2
        assert "option: --accept-alignment" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("arguments", "status", "word"),
        [
            ([], 2, "0 images"),
            (["{ref}"], 2, "1 image"),
            (["{ref}", "{tgt}", "{tgt}"], 2, "3 images"),
            (["{ref}", "{tgt}", "--use-transform", "t.json"], 2, "TARGET alone"),
            (["{tgt}", "--use-transform", "{out}/none.json"], 3, "no such file"),
            (["{tgt}", "--use-transform", "{tgt}"], 3, "is no transform"),
            (["{tgt}", "--use-transform", "t.json", "--save-ties", "x.gpkg"], 2, "--save-ties"),
            (["{tgt}", "--use-transform", "t.json", "--diagnose", "x"], 2, "--diagnose"),
            (["{ref}", "{tgt}", "--out", "{out}/o.png"], 2, ".tif"),
            (["{ref}", "{tgt}", "--out", "{tgt}"], 2, "is an input"),
            (["{ref}", "{tgt}", "--out", "{ref}", "--overwrite"], 2, "is an input"),
            (["{ref}", "{tgt}", "--out", "{out}/no/o.tif"], 3, "no folder no"),
            (["{ref}", "{tgt}", "--out", "{out}"], 2, "no suffix"),
            (["{ref}", "{tgt}", "--figure", "{out}/f.jpg"], 2, ".png"),
            (["{ref}", "{tgt}", "--save-ties", "{out}/f.shp"], 2, ".gpkg"),
            (["{ref}", "{tgt}", "--grid", "coarser"], 3, "no such grid"),
            (["{ref}", "{tgt}", "--extent", "all"], 2, "--extent"),
            (["{ref}", "{tgt}", "--target-bands", "9"], 2, "--target-bands"),
            (["{ref}", "{out}/none.tif"], 3, "no such file"),
            (["{ref}", "{tgt}", "--allow-reversed"], 2, "--allow-reversed"),
        ],
    )
    def test_misuse(
        self, pair: Pair, tmp_path: Path, capsys: Captured, arguments: list[str], status: int,
        word: str,
    ) -> None:  # fmt: skip
        places = {"ref": pair.reference, "tgt": pair.target, "out": tmp_path}
        words = [a.format(**places) for a in arguments]
        if "--out" not in words:
            words += ["--out", str(tmp_path / "o.tif")]
        assert main(["align", *words]) == status
        out, err = capsys.readouterr()
        assert out == ""
        assert word in err
        assert err.count("\n") == 1
        assert list(tmp_path.iterdir()) == []

    def test_the_figure_may_not_be_the_image_s_own_name(self, pair: Pair, tmp_path: Path) -> None:
        products = Products(out=tmp_path / "o.tif", transform=tmp_path / "o.tif")
        with pytest.raises(UsageError):
            align_files(pair.reference, pair.target, products=products)


class TestFiles:
    def test_what_fails_late_leaves_what_was_there(
        self, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out = tmp_path / "o.tif"
        out.write_bytes(b"mine")

        def full(*_: Any, **__: Any) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("aoi.alignment.ties.write_ties", full)
        products = Products(out=out, ties=tmp_path / "t.gpkg", overwrite=True)
        with pytest.raises(OutputError, match="No space left"):
            align_files(pair.reference, pair.target, products=products)
        assert [p.name for p in tmp_path.iterdir()] == ["o.tif"]
        assert out.read_bytes() == b"mine"

    def test_a_second_run_of_the_same_is_refused(self, pair: Pair, tmp_path: Path) -> None:
        from filelock import FileLock

        with (
            FileLock(tmp_path / ".o.tif.lock"),
            pytest.raises(OutputError, match="another run"),
        ):
            align_files(
                pair.reference, pair.target, products=Products(out=tmp_path / "o.tif"),
            )  # fmt: skip

    def test_not_georeferenced(self, tmp_path: Path) -> None:
        made = textured_pair(shape=(300, 300), shift=(3.0, 1.5), seed=5)
        paths = [
            written(tmp_path / f"{n}.tif", image, crs=None, transform=Affine.scale(3, -3))
            for n, image in (("r", made.before), ("t", made.after))
        ]
        products = Products(
            out=tmp_path / "o.tif", ties=tmp_path / "t.gpkg", figure=tmp_path / "f.png"
        )
        read = ReadOptions(no_georeference=True, pixel_size=0.7)
        told = align_files(*paths, products=products, options=AlignOptions(read=read))
        assert told["georeferenced"] is False
        assert told["alignment"]["shift_px"] == pytest.approx([3.0, 1.5], abs=0.05)
        told = align_files(
            None, paths[1], products=Products(out=tmp_path / "o2.tif"),
            use_transform=tmp_path / "o.transform.json", options=AlignOptions(read=read),
        )  # fmt: skip
        assert (tmp_path / "o2.tif").read_bytes() == (tmp_path / "o.tif").read_bytes()
