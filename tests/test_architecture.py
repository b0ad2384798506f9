"""The shape of the packages, read from their sources: who imports whom, and what no module may do.

The layout in ``docs/architecture.md`` is held module by module in ``test_docs.py``; here stand the
rules that hold whatever is added.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ORDER = {
    "imagery": (
        # values
        "errors", "blocks", "block_cache", "raster", "record", "strict", "options", "stamp",
        "scene", "compiled", "shift", "seamed_shift", "shift_error", "untrusted", "codec",
        # in and out
        "visit", "env", "mask", "rounding", "bands", "metadata", "comparability", "grid_file",
        "grid", "positions", "masks", "products", "read", "write", "transform", "cluster",
        "blockwise",
        # steps
        "resample", "warp", "overview", "ortho", "coregister", "outline", "sampling", "mad",
        "piecewise", "normalise", "empirical_null", "threshold", "difference", "nulls",
        "injected", "strength", "decision", "regions", "roughness", "observed", "clouds",
        "measure", "scoring", "evidence", "preview", "aligned", "steps", "kept", "fitted",
        "decoys", "deciding",
        # pipeline
        "align", "detect",
        # beside the flow
        "simulate",
    ),
    "aoi": (
        "options", "output", "facts", "places", "geopackage", "changes", "case", "report",
        "finding", "inspection", "alignment", "inputs", "workflow", "batch", "cli", "__main__",
    ),
}  # fmt: skip
"""What each package holds, in the order of the flow: a module imports what stands to its left."""

LONGEST_MODULE, LONGEST_FUNCTION = 400, 100

OPENERS = {"imagery/env.py", "imagery/write/__init__.py"}
"""The only modules that open rasters."""

SIMULATOR = "imagery/simulate/"
"""Writes the files of its pairs by itself, as a product from elsewhere would be."""

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ORDER
    for path in (ROOT / package).rglob("*.py")
)

every_module = pytest.mark.parametrize("module", MODULES)


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text("utf-8"))


def package_of(module: str) -> str:
    return module.split("/")[0]


def room_of(module: str) -> str:
    """The module or folder of a package that a file belongs to; none for the package's own."""
    inner = module.split("/", 1)[1].removesuffix(".py")
    return "" if inner == "__init__" else inner.split("/")[0]


@cache
def imported(module: str) -> frozenset[str]:
    """Dotted names that a module imports, wherever in it, with what it takes of them."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


def rooms_imported(module: str) -> Iterator[str]:
    """The rooms of its own package that a module imports, its own among them."""
    package = package_of(module)
    for name in imported(module):
        parts = name.split(".")
        if parts[0] == package and len(parts) > 1 and parts[1] in ORDER[package]:
            yield parts[1]


def calls(module: str) -> Iterator[tuple[str, int]]:
    """What a module calls, as dotted text, and where."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


# The arrow


def test_the_order_names_every_module_and_no_other() -> None:
    for package, order in ORDER.items():
        there = {room_of(m) for m in MODULES if package_of(m) == package} - {""}
        assert there == set(order)
        assert len(order) == len(set(order))


@every_module
def test_a_module_imports_only_what_stands_to_its_left(module: str) -> None:
    room = room_of(module)
    if not room:  # a package's own list of public names
        return
    order = ORDER[package_of(module)]
    right = {other for other in rooms_imported(module) if order.index(other) > order.index(room)}
    assert right == set()


@pytest.mark.parametrize("package", ORDER)
def test_files_do_not_import_each_other_in_a_circle(package: str) -> None:
    files = {m for m in MODULES if package_of(m) == package and room_of(m)}
    links = {m: {f for n in imported(m) if (f := file_of(n)) in files and f != m} for m in files}
    while links:
        free = {m for m, others in links.items() if not others & set(links)}
        assert free, f"in a circle: {sorted(links)}"
        links = {m: others for m, others in links.items() if m not in free}


def file_of(name: str) -> str | None:
    """The file that a dotted name stands for, or whose content it is."""
    parts = name.split(".")
    for end in (len(parts), len(parts) - 1):
        for file in ("/".join(parts[:end]) + ".py", "/".join([*parts[:end], "__init__.py"])):
            if file in MODULES:
                return file
    return None


@every_module
def test_pixels_know_no_places_and_nobody_knows_the_scripts(module: str) -> None:
    forbidden = {"scripts", "tests", "benchmarks", "notebooks"}
    forbidden |= {"aoi"} if package_of(module) == "imagery" else set()
    assert {name.split(".")[0] for name in imported(module)} & forbidden == set()


@every_module
def test_no_step_imports_the_simulator(module: str) -> None:
    if package_of(module) == "imagery" and room_of(module) not in ("simulate", ""):
        assert "simulate" not in rooms_imported(module)


# Size


@every_module
def test_a_module_fits_into_the_head(module: str) -> None:
    assert len((ROOT / module).read_text("utf-8").splitlines()) <= LONGEST_MODULE


@every_module
def test_a_function_fits_on_a_page(module: str) -> None:
    long = {
        node.name: length
        for node in ast.walk(tree(module))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert long == {}


# What no module does


@every_module
def test_input_is_not_checked_by_assert(module: str) -> None:
    assert [n.lineno for n in ast.walk(tree(module)) if isinstance(n, ast.Assert)] == []


@every_module
def test_nothing_from_outside_is_run_or_unpickled(module: str) -> None:
    runs = {"eval", "exec", "compile", "__import__", "os.system", "os.popen"}
    loads = {"load", "loads", "Unpickler"}
    wrong = []
    for name, line in calls(module):
        parts = name.split(".")
        unpickles = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"} & set(parts[:-1])
        if name in runs or (unpickles and parts[-1] in loads):
            wrong.append((name, line))
    assert wrong == []
    assert not any("allow_pickle=True" in ast.unparse(n) for n in ast.walk(tree(module))
                   if isinstance(n, ast.Call))  # fmt: skip


@every_module
def test_libraries_do_not_print(module: str) -> None:
    said = [line for name, line in calls(module) if name in ("print", "pprint", "sys.stdout.write")]
    if room_of(module) != "cli":
        assert said == []


@every_module
def test_rasters_are_opened_in_one_place_alone(module: str) -> None:
    opened = [
        (name, line)
        for name, line in calls(module)
        if name in ("rasterio.open", "rasterio.vrt.WarpedVRT", "WarpedVRT", "MemoryFile")
    ]
    if module not in OPENERS and not module.startswith(SIMULATOR):
        assert opened == []
    assert "rasterio.open" not in imported(module)


@every_module
def test_chance_is_seeded(module: str) -> None:
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name.endswith("default_rng"):
            assert node.args, f"line {node.lineno}: a generator without a seed"
        of = re.match(r"(?:(?:np|numpy)\.)?random\.(\w+)", name)
        assert of is None or of[1] in ("default_rng", "Generator", "SeedSequence"), name


@every_module
def test_nothing_is_configured_on_import(module: str) -> None:
    """No call stands alone at the top of a module: no start method, no plotting style."""
    alone = [
        node.lineno
        for node in tree(module).body
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ]
    assert alone == []
