"""What is loaded, and when: nobody waits for a library that isn't used yet.

Modules are counted, and processor time, not seconds: a busy machine makes no test fail.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

HEAVY = (
    *("numpy", "scipy", "numba", "skimage", "pandas", "geopandas", "pyarrow", "matplotlib", "PIL"),
    *("rasterio", "pyproj", "shapely", "odc.geo", "xarray", "dask", "pyogrio", "jinja2", "rich"),
    *("requests", "pystac_client", "threadpoolctl", "onnxruntime"),
)
LATE = ("scipy", "numba", "skimage", "pandas", "geopandas", "pyarrow", "matplotlib", "PIL")
"""What only steps after the reading, or the products, use."""

FIRST = f"""
import os, sys
from pathlib import Path
from aoi.workflow import detect_case

def tell(message):
    print(message.step, [name for name in {LATE} if name in sys.modules], flush=True)
    os._exit(0)

detect_case(Path("before.tif"), Path("after.tif"), out=Path("case"), progress=tell)
"""
"""Ends with the first message of progress: what comes after it is another test's."""


def loaded(code: str) -> list[str]:
    """The lines that a new process prints, and nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "statement",
    ["import imagery", "import aoi", "import imagery.options, imagery.errors", "import aoi.cli"],
)
def test_an_import_loads_no_library(statement: str) -> None:
    code = f"{statement}\nimport sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert loaded(code) == ["[]"]


@pytest.mark.parametrize(
    "command", [(), ("detect",), ("batch",), ("align",), ("demo",), ("archive", "add")]
)
def test_neither_does_help(command: tuple[str, ...]) -> None:
    code = (
        f"import sys; from aoi.cli import main; main([*{command}, '--help']);"
        f"print([m for m in {HEAVY} if m in sys.modules])"
    )
    assert loaded(code)[-1] == "[]"


@pytest.mark.skipif(os.name == "nt", reason="times of POSIX")
def test_help_is_fast() -> None:
    """The least of three, in processor time."""

    def spent() -> float:
        times = os.times()
        return times.children_user + times.children_system

    taken = []
    for command in ("detect", "batch", "align"):
        before = spent()
        assert loaded(f"from aoi.cli import main; main([{command!r}, '--help'])")
        taken.append(spent() - before)
    assert min(taken) < 0.3


def test_the_first_bar_stands_before_libraries_of_later_steps_are_loaded(tmp_path: Path) -> None:
    code = f"import os; os.chdir({str(tmp_path)!r})\n{FIRST}"
    assert loaded(code) == ["read []"]


def test_the_compiler_is_loaded_by_the_first_loop_that_runs() -> None:
    code = """
import sys
import numpy as np
from imagery.resample import prefilter
print("numba" in sys.modules)
prefilter(np.zeros((1, 40, 40), np.float32))
print("numba" in sys.modules)
"""
    assert loaded(code) == ["False", "True"]
