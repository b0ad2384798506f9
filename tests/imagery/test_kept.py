"""What a run keeps of its steps: taken over whole and for the same run, or not at all."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pairs import written

import imagery.deciding
import imagery.detect
import imagery.fitted
from imagery.blockwise import Progress
from imagery.codec import Apart
from imagery.coregister import Alignment
from imagery.detect import ChangeMap, detect
from imagery.errors import AlignmentError, InputError
from imagery.kept import CODEC, STEPS, Keeping, Kept
from imagery.options import DecisionOptions, DetectOptions
from imagery.record import sha256_of
from imagery.seamed_shift import Parts, SeamedShift
from imagery.shift import Shift
from imagery.simulate import textured_pair

ASKED = DetectOptions(decision=DecisionOptions(fdr=0.3))
"""Decoys are simulated for it, so that every step that can be kept is."""


@dataclasses.dataclass(frozen=True)
class Folder:
    """A pair of images, and where one run after another writes and keeps."""

    path: Path

    def run(
        self, name: str, *, kept: str | None, options: DetectOptions = ASKED
    ) -> tuple[ChangeMap, list[str]]:
        out = self.path / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        told: list[Progress] = []
        found = detect(
            self.path / "a.tif",
            self.path / "b.tif",
            folder=out,
            options=options,
            progress=told.append,
            keeping=Keeping(folder=self.path / kept, decisive=1) if kept else None,
        )
        return found, [message.note for message in told if message.note]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = textured_pair(shape=(300, 300), shift=(1.3, -2.4), seed=11, noise=0.08, changes=3)
    path = tmp_path_factory.mktemp("kept")
    for name, image in (("a", made.before), ("b", made.after)):
        written(path, name, (image * 100).round().clip(1, 2047).astype(np.uint16))
    return Folder(path)


@pytest.fixture(scope="module")
def first(folder: Folder) -> ChangeMap:
    """A run that keeps every step."""
    found, notes = folder.run("first", kept="steps")
    assert notes == []
    assert sorted(p.name for p in (folder.path / "steps").iterdir()) == sorted(STEPS)
    return found


@pytest.fixture
def steps(folder: Folder, first: ChangeMap, tmp_path: Path) -> Path:
    """A copy of what it kept, that may be harmed."""
    shutil.copytree(folder.path / "steps", folder.path / tmp_path.name)
    return folder.path / tmp_path.name


def same(one: Any, two: Any) -> bool:
    """Whether two values are the same, bit for bit; of paths, their names."""
    if dataclasses.is_dataclass(one) and not isinstance(one, type):
        names = [f.name for f in dataclasses.fields(one)]
        return type(one) is type(two) and all(
            same(getattr(one, name), getattr(two, name)) for name in names
        )
    if isinstance(one, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (two.dtype, two.shape, two.tobytes())
    if isinstance(one, dict):
        return list(one) == list(two) and all(same(one[key], two[key]) for key in one)
    if isinstance(one, (tuple, list)):
        return len(one) == len(two) and all(map(same, one, two))
    if isinstance(one, Path):
        return one.name == two.name
    return type(one) is type(two) and repr(one) == repr(two)


def parts_of(found: ChangeMap) -> tuple[Any, ...]:
    scored = found.regions, found.rank_bounds, found.decision, found.observed
    return found.alignment, *scored, found.rasters, found.evidence, found.steps, found.missed


def rasters_of(found: ChangeMap) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in found.rasters.items()}


def never(*_: Any, **__: Any) -> Any:
    raise AssertionError("is taken over")


def test_keeping_changes_nothing(folder: Folder, first: ChangeMap) -> None:
    plain, _ = folder.run("plain", kept=None)
    assert len(plain.regions) > 0
    assert same(parts_of(plain), parts_of(first))
    assert rasters_of(plain) == rasters_of(first)


def test_what_was_kept_is_taken_over(
    folder: Folder, first: ChangeMap, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imagery.fitted, "coregister", never)
    monkeypatch.setattr(imagery.deciding, "decoys_for", never)
    monkeypatch.setattr(imagery.detect, "score_map", never)
    again, notes = folder.run("again", kept=steps.name)
    assert notes == [
        "an interrupted run had done align, decoys, difference: this one goes on from there"
    ]
    assert same(parts_of(again), parts_of(first))
    assert rasters_of(again) == rasters_of(first)


def test_a_part_of_it_too(folder: Folder, first: ChangeMap, steps: Path) -> None:
    shutil.rmtree(steps / "difference")
    again, notes = folder.run("again", kept=steps.name)
    assert "had done align, decoys:" in notes[0]
    assert same(parts_of(again), parts_of(first))
    assert rasters_of(again) == rasters_of(first)


def left(folder: Folder, steps: Path, *, decisive: Any = 1) -> tuple[str, ...]:
    """The steps that a run takes over, which is stopped then."""
    told: list[str] = []

    class Stop(Exception):
        pass

    def stop(message: Progress) -> None:
        told.append(message.note)
        if message.step == "align":
            raise Stop

    with pytest.raises(Stop):
        detect(
            folder.path / "a.tif",
            folder.path / "b.tif",
            folder=folder.path / "first",
            options=ASKED,
            progress=stop,
            keeping=Keeping(folder=steps, decisive=decisive),
        )
    note = "".join(told)
    assert sorted(p.name for p in steps.iterdir()) == sorted(s for s in STEPS if s in note)
    return tuple(step for step in STEPS if step in note)


def test_nothing_is_taken_over_for_another_run(folder: Folder, steps: Path) -> None:
    """Whatever decides the result: here what the caller says, and one of the images."""
    kept = folder.path / "steps"
    assert left(folder, steps, decisive=1) == STEPS
    assert left(folder, steps, decisive=2) == ()
    shutil.rmtree(steps)
    shutil.copytree(kept, steps)
    image = folder.path / "b.tif"
    whole = image.read_bytes()
    try:
        image.write_bytes(whole + b"\0")
        assert left(folder, steps) == ()
    finally:
        image.write_bytes(whole)


def changed(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()  # a link of another step's or run's file
    path.write_bytes(bytes(data))


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[:-1])


@pytest.mark.parametrize("harm", [changed, cut, Path.unlink])
def test_a_step_that_is_not_whole_is_done_anew(
    folder: Folder, steps: Path, harm: Callable[[Path], None]
) -> None:
    """Whichever of its files it is."""
    kept = folder.path / "steps"
    harmed = [p.relative_to(kept) for p in sorted(kept.rglob("*")) if p.is_file()]
    assert len(harmed) == 12
    for name in harmed:
        shutil.rmtree(steps)
        shutil.copytree(kept, steps)
        harm(steps / name)
        others = tuple(step for step in STEPS if step != name.parts[0])
        assert left(folder, steps) == others, name


def test_what_a_kill_leaves_half_is_cleared(folder: Folder, steps: Path) -> None:
    (steps / "align").rename(steps / "align.partial")
    (steps / "decoys" / "more.npz").write_bytes(b"")
    (steps / "note.txt").write_text("of nobody")
    assert left(folder, steps) == ("difference",)


def test_fields_of_another_state_of_the_code(folder: Folder, first: ChangeMap, steps: Path) -> None:
    """Sums and key agree, and the value doesn't fit: the step is done anew."""
    value, sums = (steps / "align" / name for name in ("value.json", "sums.json"))
    tree = json.loads(value.read_text())
    tree["tree"]["fields"]["more"] = 1
    value.write_text(json.dumps(tree))
    told = json.loads(sums.read_text())
    told["sha256"]["value.json"] = sha256_of(value)
    sums.write_text(json.dumps(told))
    again, _ = folder.run("again", kept=steps.name)
    assert same(parts_of(again), parts_of(first))


def test_where_there_are_no_links_files_are_copied(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    done, _ = folder.run("copied", kept=tmp_path.name, options=DetectOptions())
    again, notes = folder.run("copied too", kept=tmp_path.name, options=DetectOptions())
    assert notes
    assert rasters_of(again) == rasters_of(done)


def test_an_image_that_changes_meanwhile(folder: Folder, tmp_path: Path) -> None:
    image = folder.path / "b.tif"
    whole, times = image.read_bytes(), image.stat()

    def change(message: Progress) -> None:
        if message.step == "align":
            image.write_bytes(whole)

    steps = folder.path / tmp_path.name
    try:
        with pytest.raises(InputError, match=r"b\.tif: was changed while it was being used"):
            detect(
                folder.path / "a.tif",
                image,
                folder=tmp_path,
                progress=change,
                keeping=Keeping(folder=steps, decisive=1),
            )
    finally:
        os.utime(image, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert list(steps.iterdir()) == []


def through(value: Any) -> Any:
    parts = CODEC.apart(value, folder=Path())
    tree = json.loads(json.dumps(parts.tree, allow_nan=False))
    return CODEC.joined(Apart(tree=tree, arrays=parts.arrays), folder=Path())


def seamed() -> SeamedShift:
    labels: NDArray[np.uint8] = np.eye(3, dtype=np.uint8)
    rng = np.random.default_rng(1)
    local = dataclasses.replace(Shift.constant(1, 2), coefficients=rng.normal(size=(2, 5, 6)))
    parts = Parts(origin=(0.5, -3.0), spacing=8.0, labels=labels)
    return SeamedShift.of((local, Shift.constant(0.1, -7)), parts)


def test_alignments_of_every_sort(first: ChangeMap) -> None:
    refusal = AlignmentError("it is poor", found="CE90 3 px", needed="at most 2 px", option="--x")
    accepted: Alignment = dataclasses.replace(
        first.alignment,
        shift=seamed(),
        verdict="accepted",
        refusal=refusal,
        accepted="I looked",
        residual=None,
        error=None,
    )
    found = through(accepted)
    assert str(found.refusal) == str(refusal)
    plain = dataclasses.replace(found, refusal=None)
    assert same(plain, dataclasses.replace(accepted, refusal=None))
    rows = np.arange(20.0)
    assert same(found.shift.on_grid(rows, rows), accepted.shift.on_grid(rows, rows))


def test_nothing_kept_is_nothing_written(tmp_path: Path) -> None:
    assert Kept().done("align", lambda: 5) == 5
    assert list(tmp_path.iterdir()) == []
