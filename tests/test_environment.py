"""The wheel's metadata, both locks and the conda environment ask for the same."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

CONDA_NAMES = {"matplotlib": "matplotlib-base"}
"""Packages that conda-forge names otherwise."""

NOT_ON_CONDA = {"koreanize-matplotlib"}
"""Packages that only pip has."""


def by_name(texts: list[str]) -> dict[str, Requirement]:
    requirements = [Requirement(text) for text in texts]
    return {canonicalize_name(r.name): r for r in requirements}


CORE = by_name(PROJECT["project"]["dependencies"])
EXTRAS = PROJECT["project"]["optional-dependencies"]
TEST = by_name([text for extra in EXTRAS.values() for text in extra])
BUILD = by_name(PROJECT["dependency-groups"]["build"])
EVERY = CORE | TEST | BUILD


def lower_bound(requirement: Requirement) -> str:
    (bound,) = requirement.specifier
    assert bound.operator == ">=", f"{requirement}: a lower bound alone"
    return bound.version


def locked(name: str) -> dict[str, list[Requirement]]:
    """What a lock pins, by name; twice where it depends on Python or the system."""
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            pinned = Requirement(line.removesuffix("\\").strip())
            found.setdefault(canonicalize_name(pinned.name), []).append(pinned)
    return found


def version_of(pinned: Requirement) -> str:
    (exact,) = pinned.specifier
    assert exact.operator == "==", f"{pinned}: one version"
    return exact.version


@pytest.fixture(scope="module")
def conda() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8")))


def test_the_conda_environment_asks_for_the_same(conda: dict[str, Any]) -> None:
    *plain, pip = conda["dependencies"]
    asked = dict(text.split(maxsplit=1) for text in plain if text != "pip")
    assert asked.pop("python") == PROJECT["project"]["requires-python"]
    expected = {
        CONDA_NAMES.get(name, name): f">={lower_bound(requirement)}"
        for name, requirement in CORE.items()
        if name not in NOT_ON_CONDA
    }
    assert asked == expected
    assert pip == {"pip": [*(str(CORE[name]) for name in sorted(NOT_ON_CONDA)), "-e ."]}
    assert conda["name"] == PROJECT["project"]["name"]
    assert conda["channels"] == ["conda-forge", "nodefaults"]


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_lock_holds_a_version_that_will_do(name: str) -> None:
    for pinned in locked("constraints-test.txt")[name]:
        assert EVERY[name].specifier.contains(version_of(pinned)), f"{pinned}: make lock"


def test_what_a_user_gets_is_what_was_tested() -> None:
    core, tested = locked("constraints.txt"), locked("constraints-test.txt")
    assert set(CORE | BUILD) <= set(core)
    assert not set(core) & (set(TEST) - set(CORE | BUILD))
    for name, pins in core.items():
        assert {str(pin) for pin in pins} == {str(pin) for pin in tested[name]}, "make lock"


@pytest.mark.parametrize("name", sorted(EVERY))
def test_the_least_versions_are_the_lower_bounds(name: str) -> None:
    bound = lower_bound(EVERY[name])
    for pinned in locked("constraints-min.txt")[name]:
        exact = version_of(pinned)
        assert EVERY[name].specifier.contains(exact)
        # 1.4 may stand as 1.4.0; some projects' first release of a series has another patch.
        assert exact == bound or exact.startswith(f"{bound}."), f"{pinned}: make lock"


@pytest.mark.parametrize("lock", ["constraints.txt", "constraints-test.txt"])
def test_every_line_of_the_lock_has_its_hashes(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = text.replace("\\\n", " ").splitlines()
    assert len(entries) > 40
    assert [entry for entry in entries if entry and "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["constraints.txt", "constraints-test.txt", "constraints-min.txt"])
def test_a_lock_pins_each_package_once_for_a_place(lock: str) -> None:
    for name, pins in locked(lock).items():
        for version in ("3.11.9", "3.14.0"):
            place = {
                **default_environment(),
                "python_full_version": version,
                "python_version": ".".join(version.split(".")[:2]),
            }
            here = [p for p in pins if p.marker is None or p.marker.evaluate(place)]
            assert len(here) <= 1, name


def test_the_build_asks_for_what_the_lock_installs() -> None:
    """``make`` builds without isolation, from the lock."""
    (needed,) = PROJECT["build-system"]["requires"]
    assert str(BUILD["hatchling"]) == needed


def test_what_is_installed_is_what_is_here() -> None:
    from importlib.metadata import requires, version

    assert version("twopass") == PROJECT["project"]["version"]
    told = [text for text in requires("twopass") or [] if "extra ==" not in text]
    assert {str(r) for r in by_name(told).values()} == {str(r) for r in CORE.values()}
