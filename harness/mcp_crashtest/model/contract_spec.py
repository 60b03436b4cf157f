"""Which durability pattern a subject offers, and the calls by which it is driven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.offers import ANSWER, ListSpec, StatsSpec


class ContractKind(StrEnum):
    """A durability pattern over MCP."""

    RESUMABLE_TOOL = "resumable-tool"
    RESOURCE_TASK = "resource-task"
    TOOL_TASK = "tool-task"
    TASKS_EXTENSION = "tasks-extension"
    TASKS_2025 = "tasks-2025"
    SSE_RESUME = "sse-resume"

    @property
    def blocking(self) -> bool:
        """Whether it is one call that comes back with the output, made again after a crash."""
        return self in (ContractKind.RESUMABLE_TOOL, ContractKind.SSE_RESUME)

    @property
    def is_of_protocol(self) -> bool:
        """Whether the protocol itself says what a task is: then no profile has to say where its handle stands."""
        return self in (ContractKind.TASKS_EXTENSION, ContractKind.TASKS_2025)

    @property
    def operations(self) -> frozenset[str]:
        """What the pattern itself says how to ask for, beside following a job."""
        return _OWN.get(self, frozenset())


_OWN: Mapping[ContractKind, frozenset[str]] = {
    ContractKind.TASKS_EXTENSION: frozenset({"cancel", ANSWER}),
    ContractKind.TASKS_2025: frozenset({"cancel", "list"}),
}


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A call about a task; ``arguments`` may hold ``{handle}``, and ``{task_id}``, the last part of a handle."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StatusSpec:
    """How one asks how a job stands: a tool's call, or a resource; both may hold placeholders, ``{handle}`` among them.

    Of a call that comes back with the output it shows the progress meanwhile, where nothing else does.
    """

    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """Which pattern the subject offers, the call that starts the job, and the one that asks how it stands.

    What else can be asked of it about a task: to cancel, pause and resume it, to give it what it asks for, to list all
    tasks, to count them. ``poison`` is a call for a job that cannot be done, and is not to do harm to others.
    """

    kind: ContractKind
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    status: StatusSpec | None = None
    cancel: ToolSpec | None = None
    pause: ToolSpec | None = None
    resume: ToolSpec | None = None
    answer: ToolSpec | None = None
    list: ListSpec | None = None
    stats: StatsSpec | None = None
    poison: ToolSpec | None = None

    def offers(self, operation: str) -> bool:
        """Whether this can be asked of the subject: the profile says how, or the pattern itself."""
        return getattr(self, operation, None) is not None or operation in self.kind.operations
