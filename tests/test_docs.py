"""The documents say what is so: links, the layout, options, methods, commands."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest

from aoi.cli._main import cli
from imagery import difference, normalise, threshold
from imagery.options import DifferenceOptions
from imagery.sampling import Pair

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])
MODULES = {
    path.relative_to(ROOT).as_posix()
    for package in ("imagery", "aoi")
    for path in (ROOT / package).rglob("*.py")
}

OTHER_TOOLS = {
    "--help", "--version", "--system-site-packages",
    # of Dask, and of Slurm
    "--host", "--hostfile", "--memory-limit", "--no-dashboard", "--nthreads", "--nworkers",
    "--protocol", "--scheduler-file", "--cpus-per-task", "--mem-per-cpu", "--ntasks",
}  # fmt: skip
"""Options that the pages name and that belong to every command, or to another program."""

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def between(page: Path, marker: str) -> str:
    """The text between ``<!-- marker -->`` and ``<!-- /marker -->``."""
    found = re.search(f"<!-- {marker} -->\n(.*?)<!-- /{marker} -->", page.read_text("utf-8"), re.S)
    assert found is not None, f"{name_of(page)} has no markers {marker!r}"
    return found[1]


def commands(
    group: click.Group = cli, prefix: str = "twopass"
) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, in alphabetical order."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def flags(command: click.Command) -> set[str]:
    return {flag for p in command.params if isinstance(p, click.Option) for flag in p.opts}


def plain(text: str | None) -> str:
    """A help text in one line of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")


def command_table() -> str:
    lines = ["| command | does |", "|---|---|"]
    for name, command in commands():
        arguments = " ".join(
            str(p.make_metavar(click.Context(command)))
            for p in command.params
            if isinstance(p, click.Argument)
        )
        lines.append(f"| `{f'{name} {arguments}'.strip()}` | {plain(command.help)} |")
    return "\n".join(lines) + "\n"


def option_table(command: str, *, beyond: str | None = None) -> str:
    """The options of a command, in the order of its help; but for those of another, alike."""
    lines = ["| option | value | default | meaning |", "|---|---|---|---|"]
    others = [] if beyond is None else cli.commands[beyond].params
    alike = {(other.opts[0], other.help) for other in others if isinstance(other, click.Option)}
    for option in cli.commands[command].params:
        if not isinstance(option, click.Option) or (option.opts[0], option.help) in alike:
            continue
        choice = isinstance(option.type, click.Choice)
        value = "" if option.is_flag else option.metavar or ""
        if choice and isinstance(option.type, click.Choice):
            value = ", ".join(f"`{word}`" for word in option.type.choices)
        shown = option.show_default
        default = f"`{shown if isinstance(shown, str) else option.default}`" if shown else ""
        cells = (f"`{option.opts[0]}`", value, default, plain(option.help))
        lines.append(f"| {' | '.join(cells)} |".replace("  ", " "))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.is_relative_to(ROOT), f"{target} leaves the repository"
        assert place.exists(), f"{target} is not there"
        if anchor:
            assert anchor in anchors(place), f"{target}: no such heading"


def test_every_page_is_in_the_index() -> None:
    listed = set(LINK.findall((DOCS / "README.md").read_text("utf-8")))
    for page in DOCS.glob("*.md"):
        assert page.name == "README.md" or page.name in listed


class TestLayout:
    PAGE = DOCS / "architecture.md"

    def rows(self) -> list[str]:
        """The modules of the layout tables, in their order."""
        return re.findall(r"^\| `((?:imagery|aoi)/[\w/]+\.py)` \|", prose(self.PAGE), re.MULTILINE)

    def test_it_names_every_module_and_no_other(self) -> None:
        assert sorted(self.rows()) == sorted(MODULES)

    def test_a_module_imports_only_what_stands_above_it(self) -> None:
        above: set[str] = set()
        wrong = []
        for module in self.rows():
            wrong += [(module, other) for other in imported(module) - above - {module}]
            above.add(module)
        assert wrong == []

    def test_no_step_imports_the_simulator(self) -> None:
        pixels = [m for m in MODULES if m.startswith("imagery/") and "/simulate/" not in m]
        assert {m for m in pixels for other in imported(m) if "/simulate/" in other} == set()


def imported(module: str) -> set[str]:
    """The project's modules that a module imports, wherever in it, but for types alone."""
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {file for name in names if (file := file_of(name)) is not None}
    return found


def file_of(name: str) -> str | None:
    """The module that a dotted name stands for, or whose content it is."""
    parts = name.split(".")
    for end in (len(parts), len(parts) - 1):
        path = "/".join(parts[:end])
        for file in (f"{path}.py", f"{path}/__init__.py"):
            if file in MODULES:
                return file
    return None


class TestOptions:
    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_what_a_page_names_exists(self, page: Path) -> None:
        known = OTHER_TOOLS.union(*(flags(command) for _, command in commands()))
        for program in (DOCS.parent / "benchmarks").glob("[!_]*.py"):
            known |= set(re.findall(r'add_argument\(\s*"(--[a-z-]+)"', program.read_text("utf-8")))
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", page.read_text("utf-8")))
        assert named <= known

    @pytest.mark.parametrize("command", ["detect", "align", "inspect", "fetch", "search"])
    def test_the_table_of_a_command_is_complete(self, command: str) -> None:
        expected = option_table(command)
        found = between(DOCS / "command-line.md", f"options of {command}")
        assert found == expected, f"put there:\n{expected}"

    def test_a_batch_takes_every_option_of_detect(self) -> None:
        assert flags(cli.commands["batch"]) == flags(cli.commands["detect"]) | {"--jobs"}
        expected = option_table("batch", beyond="detect")
        found = between(DOCS / "command-line.md", "options of batch")
        assert found == expected, f"put there:\n{expected}"


def test_the_table_of_commands_is_complete() -> None:
    expected = command_table()
    assert between(DOCS / "command-line.md", "commands") == expected, f"put there:\n{expected}"


def test_commands_that_the_pages_show_exist() -> None:
    groups = {"twopass aoi", "twopass accuracy", "twopass archive"}
    known = groups | {name for name, _ in commands()}
    for page in PAGES:
        text = page.read_text("utf-8")
        shown = re.findall(r"(?:^|`)(twopass (?:aoi )?[a-z]+)", text, re.MULTILINE)
        assert set(shown) <= known, name_of(page)


class TestMethods:
    PAGE = DOCS / "methods.md"
    REGISTRIES = (
        ("Normalisation", normalise.METHODS),
        ("Difference", difference.METHODS),
        ("Threshold", threshold.METHODS),
    )

    def section(self, heading: str) -> str:
        found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", prose(self.PAGE), re.M | re.S)
        assert found is not None
        return found[1]

    @pytest.mark.parametrize(("heading", "registry"), REGISTRIES)
    def test_each_has_its_section_and_no_other_has(
        self, heading: str, registry: dict[str, object]
    ) -> None:
        titles = re.findall(r"^### `([a-z-]+)`$", self.section(heading), re.MULTILINE)
        assert titles == list(registry)

    def test_each_says_where_it_is_from_and_what_it_cannot_do(self) -> None:
        for heading, registry in self.REGISTRIES:
            parts = re.split(r"^### ", self.section(heading), flags=re.MULTILINE)[1:]
            for part in parts[: len(registry)]:
                if part.startswith("`none`"):
                    continue
                assert "- Source:" in part, part
                assert "- Limits:" in part, part

    def test_the_worked_example_works(self) -> None:
        text = (DOCS / "architecture.md").read_text("utf-8")
        (code,) = re.findall(r"^```python\n(def fit\(tiles.*?)^```", text, re.M | re.S)
        scope = {"np": np, **vars(difference)}
        exec(code, scope)  # noqa: S102  # the page's own code
        assert list(scope["METHODS"]) == [*difference.METHODS, "largest"]
        noise = difference.Noise(mean=np.zeros(2), covariance=np.diag([1.0, 4.0]))
        pixels = np.array([[[3.0, 0.0]], [[-2.0, 0.0]]], np.float32)
        pair = Pair(
            before=np.zeros_like(pixels),
            after=pixels,
            spill=np.zeros((2, 2, 1, 2), np.float32),
            error=np.zeros((1, 2), np.float32),
            seen=np.ones((1, 2), bool),
        )
        method = scope["METHODS"]["largest"]
        found = method.score(pair, method.fit([pair], noise, DifferenceOptions()))
        assert found.score.tolist() == [[3.0, 0.0]]
        assert found.signed.tolist() == [[1.0, 0.0]]
        assert found.score.dtype == found.signed.dtype == np.float32


def test_every_core_dependency_has_a_row() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = [
        *project["project"]["dependencies"],
        *(r for extra in project["project"]["optional-dependencies"].values() for r in extra),
        *project["dependency-groups"]["build"],
    ]
    names = {re.split(r"[<>=!~ \[;]", requirement)[0].lower() for requirement in needed}
    rows = re.findall(
        r"^\| ([\w-]+) \| .* \|", (DOCS / "dependencies.md").read_text("utf-8"), re.MULTILINE
    )
    assert {row.lower() for row in rows} - {"package"} == names
