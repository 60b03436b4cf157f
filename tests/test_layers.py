"""The house is built downwards: no room imports one above it, and three programs share no code.

The rooms of the harness stand in ``FLOORS``; a module that is not there has no place yet, and fails here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Where each stands; scenarios are installed as mcp_crashtest.scenarios.
PROGRAMS = {
    "mcp_crashtest": ROOT / "harness" / "mcp_crashtest",
    "reference_server": ROOT / "reference_server",
    "reference_client": ROOT / "reference_client",
    "scenarios": ROOT / "scenarios",
}

# From the ground up. A room may import itself and any room of a lower floor; rooms of one floor do not know each other.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("model",),
    ("telling",),
    ("planning", "checkers", "files", "wire", "reporting"),
    ("subjects", "contracts", "page"),
    ("stage", "proposing"),
    ("faults",),
    ("laboratory",),
    ("sessions",),
    ("commands", "plugin"),
    ("cli",),
    ("entry",),
)
FLOOR_OF = {room: number for number, floor in enumerate(FLOORS) for room in floor}

# The programs may import: the scenarios use the harness, and nobody else knows anybody.
MAY_IMPORT = {
    "mcp_crashtest": {"mcp_crashtest"},
    "reference_server": {"reference_server"},
    "reference_client": {"reference_client"},
    "scenarios": {"scenarios", "mcp_crashtest"},
}

# The pure core has no clock, no randomness of its own, and no hands.
PURE = ("model", "telling", "planning", "checkers", "proposing")
IMPURE = {"asyncio", "socket", "subprocess", "time", "random", "os", "threading", "secrets", "pathlib", "tempfile"}


def imports(source: str, module: str, *, package: bool = False) -> Iterator[tuple[int, str]]:
    """Every module that this source imports, by statement or by name, with its line; relative ones made absolute.

    What ``from a import b`` imports is ``a.b``: whether ``b`` is a module is for the reader to say.
    """
    for node in _walked(ast.parse(source), types_too=not (package and "." not in module)):
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


def _walked(tree: ast.AST, *, types_too: bool) -> Iterator[ast.AST]:
    """Every node. The package itself may name types of its rooms, which it imports when it is asked for them."""
    for node in ast.iter_child_nodes(tree):
        if not types_too and isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            continue
        yield node
        yield from _walked(node, types_too=types_too)


def complaints(source: str, module: str, *, package: bool = False) -> list[str]:
    """What is wrong with the imports of a module, in words that say what to do."""
    program, *inner = module.split(".")
    room = inner[0] if inner else ""
    if program == "mcp_crashtest" and room and room not in FLOOR_OF:
        return [f"{module} has no place in the house: add {room!r} to FLOORS in tests/test_layers.py, as low as it can"]
    found = []
    for line, imported in imports(source, module, package=package):
        other, *within = imported.split(".")
        if other in PROGRAMS and other not in MAY_IMPORT[program]:
            found.append(f"{module}:{line} imports {imported}: {program} knows nothing of {other}")
        if program == "mcp_crashtest" and room in PURE and other in IMPURE:
            found.append(f"{module}:{line} imports {other}: {room} is pure")
        if program == "mcp_crashtest" and other == "mcp_crashtest" and within and within[0] != room:
            found += _upward(f"{module}:{line}", room, within[0])
    return found


def _upward(place: str, room: str, imported: str) -> list[str]:
    if imported.startswith("__") or not room:
        return [] if imported.startswith("__") else [f"{place} imports {imported}: the package itself imports nothing"]
    if imported not in FLOOR_OF:
        return [f"{place} imports mcp_crashtest.{imported}, which has no place in FLOORS in tests/test_layers.py"]
    if FLOOR_OF[imported] < FLOOR_OF[room]:
        return []
    return [f"{place} imports mcp_crashtest.{imported}, which is not below {room}: move the code, or mend FLOORS"]


def sources() -> Iterator[tuple[str, Path]]:
    """Every module of the four programs, by its name."""
    for program, folder in PROGRAMS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = (program, *path.relative_to(folder).with_suffix("").parts)
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = dict(sources())


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    path = MODULES[module]
    assert complaints(path.read_text(encoding="utf-8"), module, package=path.name == "__init__.py") == []


def test_every_room_of_the_table_stands() -> None:
    standing = {module.split(".")[1] for module in MODULES if module.startswith("mcp_crashtest.")}
    assert set(FLOOR_OF) <= standing, "take what was torn down out of FLOORS"


def test_no_room_stands_on_two_floors() -> None:
    assert len(FLOOR_OF) == sum(map(len, FLOORS))


# --- the checker of layers can fail


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("mcp_crashtest.model.plan", "from mcp_crashtest.wire.session import Session", "which is not below model"),
        ("mcp_crashtest.model.plan", "import mcp_crashtest.checkers.judge", "which is not below model"),
        (
            "mcp_crashtest.model.plan",
            "from mcp_crashtest import stage",
            "mcp_crashtest.stage, which is not below model",
        ),
        ("mcp_crashtest.model.plan", "from ..wire import http", "mcp_crashtest.wire, which is not below model"),
        ("mcp_crashtest.model.plan", "from .. import cli", "mcp_crashtest.cli, which is not below model"),
        ("mcp_crashtest.model.plan", "def f():\n    import mcp_crashtest.stage", "mcp_crashtest.model.plan:2"),
        (
            "mcp_crashtest.model.plan",
            "import importlib\nimportlib.import_module('mcp_crashtest.stage')",
            "not below model",
        ),
        ("mcp_crashtest.planning.search", "from mcp_crashtest.checkers import judge", "which is not below planning"),
        ("mcp_crashtest.stage.stage", "from mcp_crashtest.laboratory import trial", "which is not below stage"),
        ("mcp_crashtest.wire.http", "from mcp_crashtest.subjects.process import Process", "which is not below wire"),
        ("mcp_crashtest.model.plan", "import time", "model is pure"),
        ("mcp_crashtest.checkers.judge", "from os import path", "checkers is pure"),
        ("mcp_crashtest.planning.search", "import asyncio.subprocess", "planning is pure"),
        ("mcp_crashtest.cli", "import reference_server", "mcp_crashtest knows nothing of reference_server"),
        ("mcp_crashtest.cli", "from scenarios import conftest", "mcp_crashtest knows nothing of scenarios"),
        (
            "reference_server.app",
            "from mcp_crashtest.model.plan import Phase",
            "reference_server knows nothing of mcp_crashtest",
        ),
        ("reference_server.app", "import reference_client", "reference_server knows nothing of reference_client"),
        ("reference_client.app", "import reference_server", "reference_client knows nothing of reference_server"),
        ("reference_client", "import mcp_crashtest", "reference_client knows nothing of mcp_crashtest"),
        ("scenarios.test_x", "import reference_server", "scenarios knows nothing of reference_server"),
        ("mcp_crashtest", "from mcp_crashtest.cli import main", "the package itself imports nothing"),
        ("mcp_crashtest.attic.trunk", "", "add 'attic' to FLOORS in tests/test_layers.py"),
        ("mcp_crashtest.cli", "from mcp_crashtest.attic import trunk", "which has no place in FLOORS"),
    ],
)
def test_a_planted_import_is_found(module: str, source: str, said: str) -> None:
    [complaint] = complaints(source, module, package=module == "mcp_crashtest")
    assert said in complaint


@pytest.mark.parametrize(
    ("module", "source"),
    [
        (
            "mcp_crashtest.checkers.judge",
            "from mcp_crashtest.model.errors import UsageError\nfrom mcp_crashtest.checkers import records",
        ),
        ("mcp_crashtest.planning.search", "import hypothesis\nimport contextlib"),
        ("mcp_crashtest.wire.messages", "from mcp_crashtest import __version__"),
        ("mcp_crashtest.laboratory.play", "import asyncio\nimport time\nfrom mcp_crashtest.faults import process"),
        ("mcp_crashtest.model.plan", "from . import errors\nfrom .profile import fill"),
        ("scenarios.test_x", "from mcp_crashtest import Trial\nimport pytest"),
        ("reference_server.app", "import os\nfrom reference_server.store import Store\nfrom . import limits"),
        ("mcp_crashtest.contracts.client", "import_module(name)"),
    ],
)
def test_a_downward_import_is_none(module: str, source: str) -> None:
    assert complaints(source, module) == []


def test_a_relative_import_of_a_package_is_from_itself() -> None:
    assert list(imports("from . import errors\nfrom .plan import Plan", "mcp_crashtest.model", package=True)) == [
        (1, "mcp_crashtest.model.errors"),
        (2, "mcp_crashtest.model.plan.Plan"),
    ]
    assert list(imports("from ..wire import http", "mcp_crashtest.model", package=True)) == [
        (1, "mcp_crashtest.wire.http")
    ]
