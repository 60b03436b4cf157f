"""mcp-crashtest: the crash-test lab for MCP servers and clients that run long tasks.

Data flows one way: profile + seed -> plan -> conductor -> history -> checkers -> verdict -> report.

What a scenario of your own needs is importable from here, and only that is promised to stay::

    from mcp_crashtest import Batch, Fault, Phase, Plan, Trial, Victim

Nothing is imported before it is asked for: pytest loads this package in every session, whether it is used or not.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_crashtest.laboratory.trial import Trial
    from mcp_crashtest.model.coordinates import Batch, Coordinate, During, Moment, Phase, Since, Window, WindowName
    from mcp_crashtest.model.errors import (
        CrashtestError,
        HarnessError,
        NotAssessed,
        SubjectError,
        Unproven,
        UsageError,
        Violation,
    )
    from mcp_crashtest.model.faults import KINDS, Fault, Victim
    from mcp_crashtest.model.plan import Absence, Plan, Size
    from mcp_crashtest.model.profile import Profile, Workload
    from mcp_crashtest.planning.exhaustive import every
    from mcp_crashtest.planning.randomized import plans

__version__ = "0.1.0"

_HOMES = {
    "laboratory.trial": ("Trial",),
    "model.coordinates": ("Batch", "Coordinate", "During", "Moment", "Phase", "Since", "Window", "WindowName"),
    "model.errors": (
        "CrashtestError",
        "HarnessError",
        "NotAssessed",
        "SubjectError",
        "Unproven",
        "UsageError",
        "Violation",
    ),
    "model.faults": ("KINDS", "Fault", "Victim"),
    "model.plan": ("Absence", "Plan", "Size"),
    "model.profile": ("Profile", "Workload"),
    "planning.exhaustive": ("every",),
    "planning.randomized": ("plans",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "KINDS",
    "Absence",
    "Batch",
    "Coordinate",
    "CrashtestError",
    "During",
    "Fault",
    "HarnessError",
    "Moment",
    "NotAssessed",
    "Phase",
    "Plan",
    "Profile",
    "Since",
    "Size",
    "SubjectError",
    "Trial",
    "Unproven",
    "UsageError",
    "Victim",
    "Violation",
    "Window",
    "WindowName",
    "Workload",
    "__version__",
    "every",
    "plans",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for (PEP 562)."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    """What can be asked for."""
    return sorted(__all__)
