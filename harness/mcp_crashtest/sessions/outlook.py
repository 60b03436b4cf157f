"""How much a session would play on a subject and how long that takes, without pytest around it and before anything is.

The scenarios are the installed ones. They are rehearsed as a session's forecast rehearses them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mcp_crashtest.laboratory.bench import Bench
from mcp_crashtest.laboratory.estimate import rehearsed, seconds
from mcp_crashtest.laboratory.laboratory import Laboratory
from mcp_crashtest.laboratory.trial import Trial
from mcp_crashtest.planning.budget import Budget
from mcp_crashtest.reporting.stars import Selection
from mcp_crashtest.sessions.catalogue import scenario_name, scenarios_folder

_PACKAGE, _PREFIX, _MARK = "mcp_crashtest.scenarios", "test_", "crashtest"


@dataclass(frozen=True, slots=True)
class Outlook:
    """About so many runs, and about so many seconds."""

    runs: int
    seconds: float


def outlook(bench: Bench, laboratory: Laboratory, budget: Budget) -> Outlook:
    """What ``certify`` would play on this bench with this budget."""
    selection = Selection(level=None, budget=budget)
    plans = []
    for name, level, client, scenario in installed():
        if selection.plays(level) and client == (bench.profile.client is not None):
            plans += rehearsed(scenario, bench, name, laboratory.seed, budget)
    return Outlook(len(plans), seconds(plans, bench, laboratory.bundle, laboratory.jobs))


def installed() -> Iterator[tuple[str, int, bool, Callable[[Trial], object]]]:
    """Name, level, whether it is for clients, and the function, of each installed scenario."""
    for path in sorted(scenarios_folder().glob(f"{_PREFIX}*.py")):
        module = importlib.import_module(f"{_PACKAGE}.{path.stem}")
        for name, found in vars(module).items():
            marks: list[Any] = [m for m in getattr(found, "pytestmark", ()) if m.name == _MARK]
            if name.startswith(_PREFIX) and callable(found) and marks and not marks[0].kwargs.get("asked"):
                said = marks[0].kwargs
                yield scenario_name(name), int(said["level"]), bool(said.get("client")), found
