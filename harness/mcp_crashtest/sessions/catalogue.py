"""The catalogue: every scenario that is installed with the lab, whatever a session selects or collects.

It is read from their source: a session may collect only some of them, or, where workers play, none at all.
"""

from __future__ import annotations

import ast
import importlib.util
from functools import cache
from pathlib import Path

from mcp_crashtest.model.errors import HarnessError
from mcp_crashtest.model.verdict import HIGHEST_LEVEL
from mcp_crashtest.reporting.stars import Listed

_SCENARIOS = "mcp_crashtest.scenarios"
_MARK, _PREFIX = "crashtest", "test_"


def scenarios_folder() -> Path:
    """Where the scenarios are installed; raises HarnessError."""
    spec = importlib.util.find_spec(_SCENARIOS)
    if spec is None or not spec.submodule_search_locations:
        raise HarnessError("the scenarios are not installed beside the lab: install mcp-crashtest anew")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def standard() -> tuple[Listed, ...]:
    """Every scenario of ours, in the order of their files; raises HarnessError."""
    found: list[Listed] = []
    for path in sorted(scenarios_folder().glob(f"{_PREFIX}*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in tree.body:
            if isinstance(function, ast.FunctionDef) and function.name.startswith(_PREFIX):
                found += _listed(function)
    return tuple(found)


def highest(*, client: bool) -> int:
    """The highest level that can be earned: it and every level below it has all of its scenarios."""
    levels = {listed.level for listed in standard() if listed.client == client}
    return min(next(level for level in range(1, max(levels) + 2) if level + 1 not in levels), HIGHEST_LEVEL)


def is_standard(path: Path) -> bool:
    """Whether a file is one of ours."""
    return path.resolve().is_relative_to(scenarios_folder().resolve())


def scenario_name(function: str) -> str:
    """A scenario's name: its function's, without ``test_``."""
    return function.removeprefix(_PREFIX).replace("_", "-")


def _listed(function: ast.FunctionDef) -> list[Listed]:
    found = []
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", None) == _MARK:
            said = {keyword.arg: ast.literal_eval(keyword.value) for keyword in decorator.keywords}
            found.append(Listed(scenario_name(function.name), said["level"], said.get("client", False)))
    return found
