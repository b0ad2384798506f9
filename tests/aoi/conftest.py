"""A small pair of images, made once, and cases of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_pair import SIDE, Pair, counts, square, write_image, write_outline


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two textures of 320 m with three planted changes, 1.5 px apart."""
    from imagery.simulate import textured_pair

    made = textured_pair(shape=(SIDE, SIDE), shift=(1.3, -0.7), seed=3, noise=0.05, changes=3)
    folder = tmp_path_factory.mktemp("someones_secret_folder")
    found = Pair(folder, counts(made.before), counts(made.after))
    write_image(found.before, found.first)
    write_image(found.after, found.second)
    write_outline(found.area, square(123.0006, 39.0268, 0.002))
    return found


@pytest.fixture(scope="session")
def case(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole case, drawn too, made by the command line from absolute paths.  Don't write to it."""
    from aoi.cli import main

    out = tmp_path_factory.mktemp("cases") / "case"
    status = main(
        [
            *("detect", str(pair.before), str(pair.after), "--aoi", str(pair.area)),
            *("--before-date", "2024-06-06T02:10Z", "--after-date", "2024-06-13"),
            *("--before-credit", "One", "--after-credit", "Two", "--out", str(out), "--quiet"),
        ]
    )
    assert status == 0
    return out


@pytest.fixture(scope="session")
def undrawn() -> Callable[..., dict[str, Any]]:
    """Runs the main job without drawing, which takes longest; returns the record."""
    from aoi.workflow import detect_case

    def run(before: Path, after: Path, out: Path, **options: Any) -> dict[str, Any]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("aoi.workflow._draw", lambda case: ())
            return detect_case(before, after, out=out, **options)

    return run
