"""The house is built downwards: no room imports one above it, and three programs share no code.

The rooms of the harness stand in ``FLOORS``; a module that is not there has no place yet, and fails here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = ("harness", "reference_server", "reference_client", "scenarios")

# From the ground up. A room may import itself and any room of a lower floor; rooms of one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("model",),
    ("planning", "checkers", "profiles", "files", "verdicts"),
    ("wire", "subjects", "ledger", "recorder"),
    ("faults", "contracts"),
    ("clients", "client_words", "outputs", "testimony"),
    ("stage",),
    ("runner", "client_runner"),
    ("laboratory",),
    ("trial",),
    ("reporting",),
    ("plugin", "replaying"),
    ("certify",),
    ("cli",),
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}

# The programs may import: the scenarios use the harness, and nobody else knows anybody.
MAY_IMPORT = {
    "harness": {"harness"},
    "reference_server": {"reference_server"},
    "reference_client": {"reference_client"},
    "scenarios": {"scenarios", "harness"},
}

# The pure core has no clock, no randomness of its own, and no hands.
PURE = ("model", "planning", "checkers")
IMPURE = {"asyncio", "socket", "subprocess", "time", "random", "os", "threading", "secrets", "pathlib", "tempfile"}


def imports(source: str, module: str, *, package: bool = False) -> Iterator[tuple[int, str]]:
    """Every module that this source imports, by statement or by name, with its line; relative ones made absolute.

    What ``from a import b`` imports is ``a.b``: whether ``b`` is a module is for the reader to say.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: None if package and node.level == 1 else -(node.level - package)]
            origin = ".".join([*(base if node.level else ()), *filter(None, [node.module])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
            name = node.args[0]
            if called in ("import_module", "__import__") and isinstance(name, ast.Constant):
                yield node.lineno, str(name.value)


def complaints(source: str, module: str, *, package: bool = False) -> list[str]:
    """What is wrong with the imports of a module, in words that say what to do."""
    program, *inner = module.split(".")
    room = inner[0] if inner else ""
    if program == "harness" and room and room not in FLOOR_OF:
        return [f"{module} has no place in the house: add {room!r} to FLOORS in tests/test_layers.py, as low as it can"]
    found = []
    for line, imported in imports(source, module, package=package):
        other, *within = imported.split(".")
        if other in PROGRAMS and other not in MAY_IMPORT[program]:
            found.append(f"{module}:{line} imports {imported}: {program} knows nothing of {other}")
        if program == "harness" and room in PURE and other in IMPURE:
            found.append(f"{module}:{line} imports {other}: {room} is pure")
        if program == "harness" and other == "harness" and within and within[0] != room:
            found += _upward(f"{module}:{line}", room, within[0])
    return found


def _upward(place: str, room: str, imported: str) -> list[str]:
    if imported.startswith("__") or not room:
        return [] if imported.startswith("__") else [f"{place} imports {imported}: the package itself imports nothing"]
    if imported not in FLOOR_OF:
        return [f"{place} imports harness.{imported}, which has no place in FLOORS in tests/test_layers.py"]
    if FLOOR_OF[imported] < FLOOR_OF[room]:
        return []
    return [f"{place} imports harness.{imported}, which is not below {room}: move the code, or mend FLOORS"]


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of the four programs, by its name."""
    for program in PROGRAMS:
        for path in sorted((ROOT / program).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(sources())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    path = MODULES[module]
    assert complaints(path.read_text(encoding="utf-8"), module, package=path.name == "__init__.py") == []


def test_every_room_of_the_table_stands() -> None:
    standing = {module.split(".")[1] for module in MODULES if module.startswith("harness.")}
    assert set(FLOOR_OF) <= standing, "take what was torn down out of FLOORS"


def test_no_room_stands_on_two_floors() -> None:
    assert len(FLOOR_OF) == sum(map(len, FLOORS))


# --- the checker of layers can fail


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("harness.model.plan", "from harness.wire.session import Session", "which is not below model"),
        ("harness.model.plan", "import harness.checkers.judge", "which is not below model"),
        ("harness.model.plan", "from harness import runner", "harness.runner, which is not below model"),
        ("harness.model.plan", "from ..wire import http", "harness.wire, which is not below model"),
        ("harness.model.plan", "from .. import cli", "harness.cli, which is not below model"),
        ("harness.model.plan", "def f():\n    import harness.runner", "harness.model.plan:2"),
        ("harness.model.plan", "import importlib\nimportlib.import_module('harness.runner')", "not below model"),
        ("harness.planning.search", "from harness.checkers import judge", "which is not below planning"),
        ("harness.runner", "from harness.trial import Trial", "which is not below runner"),
        ("harness.wire.http", "from harness.subjects.process import Process", "which is not below wire"),
        ("harness.model.plan", "import time", "model is pure"),
        ("harness.checkers.judge", "from os import path", "checkers is pure"),
        ("harness.planning.search", "import asyncio.subprocess", "planning is pure"),
        ("harness.cli", "import reference_server", "harness knows nothing of reference_server"),
        ("harness.cli", "from scenarios import conftest", "harness knows nothing of scenarios"),
        ("reference_server.app", "from harness.model.plan import Phase", "reference_server knows nothing of harness"),
        ("reference_server.app", "import reference_client", "reference_server knows nothing of reference_client"),
        ("reference_client.app", "import reference_server", "reference_client knows nothing of reference_server"),
        ("reference_client", "import harness", "reference_client knows nothing of harness"),
        ("scenarios.test_x", "import reference_server", "scenarios knows nothing of reference_server"),
        ("harness", "from harness.cli import main", "the package itself imports nothing"),
        ("harness.attic.trunk", "", "add 'attic' to FLOORS in tests/test_layers.py"),
        ("harness.cli", "from harness.attic import trunk", "which has no place in FLOORS"),
    ],
)
def test_a_planted_import_is_found(module: str, source: str, said: str) -> None:
    [complaint] = complaints(source, module, package=module == "harness")
    assert said in complaint


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("harness.checkers.judge", "from harness.model.errors import UsageError\nfrom harness.checkers import records"),
        ("harness.planning.search", "import hypothesis\nimport contextlib"),
        ("harness.wire.messages", "from harness import __version__"),
        ("harness.runner", "import asyncio\nimport time\nfrom harness.faults import process"),
        ("harness.model.plan", "from . import errors\nfrom .profile import fill"),
        ("scenarios.test_x", "from harness.trial import Trial\nimport pytest"),
        ("reference_server.app", "import os\nfrom reference_server.store import Store\nfrom . import limits"),
        ("harness.contracts.client", "import_module(name)"),
    ],
)
def test_a_downward_import_is_none(module: str, source: str) -> None:
    assert complaints(source, module) == []


def test_a_relative_import_of_a_package_is_from_itself() -> None:
    assert list(imports("from . import errors\nfrom .plan import Plan", "harness.model", package=True)) == [
        (1, "harness.model.errors"),
        (2, "harness.model.plan.Plan"),
    ]
    assert list(imports("from ..wire import http", "harness.model", package=True)) == [(1, "harness.wire.http")]
