"""What is said about a subject before a run: how to start and reach it, its contract, its claims, and the workload.

Profiles are written in TOML; reading and checking the text is the work of ``mcp_crashtest.files.profiles``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from mcp_crashtest.model.coordinates import Phase
from mcp_crashtest.model.offers import ANSWER, OPERATIONS, TRESPASS, ListSpec, Principal, StatsSpec
from mcp_crashtest.model.paths import placeholders

LIVENESS_S = 10.0
"""How long nothing may move where no time of recovery is claimed."""
_PLACES = ("python", "here", "port", "listen_fd", "state_dir", "ledger")
_JOBS = ("total_records", "batch_size", "client_id", "run_id")
_KEYS = frozenset({"client_id", "run_id"})
SITE_NAMES = frozenset({*_PLACES, *_JOBS})
"""What stands for itself in every template of a profile: the placeholders that the lab fills for each run."""

_PATIENCE = 3


class ContractKind(StrEnum):
    """A durability pattern over MCP."""

    RESUMABLE_TOOL = "resumable-tool"
    RESOURCE_TASK = "resource-task"
    TOOL_TASK = "tool-task"
    TASKS_EXTENSION = "tasks-extension"

    @property
    def blocking(self) -> bool:
        """Whether it is one call that comes back with the output, made again after a crash."""
        return self is ContractKind.RESUMABLE_TOOL

    @property
    def operations(self) -> frozenset[str]:
        """What the pattern itself says how to ask for, beside following a job."""
        return frozenset({"cancel", ANSWER}) if self is ContractKind.TASKS_EXTENSION else frozenset()


class Semantics(StrEnum):
    """How often a record may appear in the output."""

    EXACTLY_ONCE = "exactly-once"
    AT_LEAST_ONCE = "at-least-once"


class Stop(StrEnum):
    """Whom a planned restart sends SIGTERM: the process that the command starts, or its whole group."""

    LEADER = "leader"
    GROUP = "group"


class Kill(StrEnum):
    """Whom a kill is to reach: the process group, or everybody who belongs to the server, in whatever session."""

    GROUP = "group"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class SubjectSpec:
    """How to start and reach the subject.

    ``command`` may hold ``{port}``, ``{listen_fd}``, ``{state_dir}``, ``{ledger}``, ``{python}`` and ``{here}`` (the
    profile's folder). A command with ``{listen_fd}`` inherits a listening socket that the lab keeps over restarts.
    ``crash_points`` are the phases at which the subject parks itself when CRASHTEST_POINTS says so. ``stop`` is for
    launchers that do not pass SIGTERM on, ``kill`` for workers that are meant to outlive the server's own process.
    """

    command: str | None = None
    url: str | None = None
    protocols: tuple[str, ...] = ()
    crash_points: tuple[Phase, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()
    cold: bool = False
    ready_deadline_s: float = 30.0
    stop: Stop = Stop.LEADER
    kill: Kill = Kill.GROUP

    @property
    def inherits_socket(self) -> bool:
        """Whether it is given a listening socket that the lab keeps over restarts."""
        return self.command is not None and "{listen_fd}" in self.command


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A call about a task; ``arguments`` may hold ``{handle}``, and ``{task_id}``, the last part of a handle."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """Which pattern the subject offers, the call that starts the job, and the one that asks how it stands.

    What else can be asked of it about a task: to cancel, pause and resume it, to give it what it asks for, to list all
    tasks, to count them.
    """

    kind: ContractKind
    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    status: ToolSpec | None = None
    cancel: ToolSpec | None = None
    pause: ToolSpec | None = None
    resume: ToolSpec | None = None
    answer: ToolSpec | None = None
    list: ListSpec | None = None
    stats: StatsSpec | None = None

    def offers(self, operation: str) -> bool:
        """Whether this can be asked of the subject: the profile says how, or the pattern itself."""
        return getattr(self, operation, None) is not None or operation in self.kind.operations


class Unit(StrEnum):
    """What progress is counted in, where no total stands beside it."""

    RECORDS = "records"
    PERCENT = "percent"
    FRACTION = "fraction"


@dataclass(frozen=True, slots=True)
class RecordsSpec:
    """Where the final output's records are found: behind a tool, a resource or in a file, or in the result itself.

    ``items`` is the path of the list within the document (not for line formats), ``next`` the path of what leads to
    the next page (a resource's URI, a tool's ``{next}``), ``key`` the path of a record's identity within the record.
    With ``sqlite``, a database file, the records are the rows of ``query``. All of them may hold placeholders: of the
    command, and names or paths in the document that says that the job is done.
    """

    key: str
    file: str | None = None
    resource: str | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sqlite: str | None = None
    query: str | None = None
    items: str = "$"
    next: str | None = None

    @property
    def sources(self) -> Mapping[str, str]:
        """Where they are, but for the result itself: one of these, or none."""
        named = {"file": self.file, "resource": self.resource, "tool": self.tool, "sqlite": self.sqlite}
        return {name: where for name, where in named.items() if where is not None}


DEFAULT_PATHS = {"status": "$.status", "progress": "$.progress", "total": "$.total"}


@dataclass(frozen=True, slots=True)
class ObserveSpec:
    """Where status, progress, count and records stand in what the subject answers; None is what nobody has written.

    ``total`` may be a number too, for a total that is always the same. ``words`` are the subject's own words for a
    status, by ours: completed, failed, cancelled, and running for one that is no end.
    """

    handle: str | None = None
    status: str | None = None
    progress: str | None = None
    total: str | float | None = None
    unit: Unit | None = None
    count: str | None = None
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    records: RecordsSpec | None = None

    def path(self, name: str) -> str:
        """The path of status, progress or total: the written one, or the usual one."""
        written = getattr(self, name)
        return written if isinstance(written, str) else DEFAULT_PATHS[name]

    @property
    def written(self) -> Mapping[str, str]:
        """The paths that somebody has written, by key; those within records apart."""
        named = {name: getattr(self, name) for name in ("handle", "status", "progress", "total", "count")}
        return {name: path for name, path in named.items() if isinstance(path, str)}


@dataclass(frozen=True, slots=True)
class Claims:
    """What the subject promises. The lab tests claims, not wishes.

    ``recovery_deadline_s`` None: nothing is promised, and only a bound of liveness holds.
    """

    semantics: Semantics = Semantics.EXACTLY_ONCE
    resumes: bool = True
    ordered: bool = True
    deterministic: bool = True
    recovery_deadline_s: float | None = None

    @property
    def liveness_s(self) -> float:
        """How long nothing may move after a restart, beside the time that the work itself needs.

        Where a short time is claimed we wait for longer than that: late is something else than never.
        """
        claimed_s = self.recovery_deadline_s
        return LIVENESS_S if claimed_s is None else max(claimed_s, min(LIVENESS_S, _PATIENCE * claimed_s))


@dataclass(frozen=True, slots=True)
class Workload:
    """The job: ``records`` in batches of ``batch``; ``input_file`` is written by the lab before the first boot."""

    records: int = 103
    batch: int = 10
    input_file: str | None = None

    @property
    def batches(self) -> int:
        """How many batches the job has; the last may be short."""
        return -(-self.records // self.batch)


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """A client under test: how to start it, and where it shows its result and its state.

    ``command`` may hold ``{url}``, ``{client_dir}`` (a folder of its own, kept over restarts), ``{job}`` (a name that
    stays the same over restarts) and whatever the server's command may hold but the socket. It is to end by itself with
    exit code 0 and a JSON document on standard output, in which ``result`` are the paths of what must equal the golden
    run's. ``state`` is its state file, JSON, in which its task's handle stands at one of the paths ``handle``.
    """

    command: str
    result: tuple[str, ...]
    state: str | None = None
    handle: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is said about one subject; with ``client``, that is the subject, and ``subject`` its server.

    The first of the ``principals`` is whose job it is; the others are to reach nothing of it.
    """

    name: str
    subject: SubjectSpec
    contract: ContractSpec
    observe: ObserveSpec = field(default_factory=ObserveSpec)
    claims: Claims = Claims()
    workload: Workload = Workload()
    client: ClientSpec | None = None
    principals: tuple[Principal, ...] = ()
    folder: str = "."

    @property
    def operations(self) -> frozenset[str]:
        """The operations that can be driven; there are none on a call that comes back with the output."""
        if self.client or self.contract.kind.blocking:
            return frozenset()
        offered = {name for name in OPERATIONS if self.contract.offers(name)}
        return frozenset(offered | ({TRESPASS} if len(self.principals) > 1 else set()))

    @property
    def headers(self) -> Mapping[str, str]:
        """What goes with every request of whoever has the job done."""
        return self.principals[0].headers if self.principals else {}

    @property
    def shares_its_output(self) -> bool:
        """Whether a job that is submitted twice, because nobody heard the answer, may write its output twice.

        So it is where the output lies in one place for all jobs, and no key tells the second submission from another.
        """
        records = self.observe.records
        place = None if records is None else records.file or records.sqlite
        if self.contract.kind.blocking or place is None:
            return False
        told = {name.partition(".")[0] for name in placeholders((place, records.query if records else None))}
        return not told - SITE_NAMES and not _KEYS & set(placeholders(self.contract.arguments))

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits that change with anything that is said here but the folder."""
        tables = {k: v for k, v in self.to_json().items() if k != "folder"}
        tables["observe"] = DEFAULT_PATHS | tables["observe"]
        return hashlib.sha256(json.dumps(tables, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Encode; what is None, or nobody has said, is left out."""
        tables = _without_none(asdict(self))
        if not self.principals:
            del tables["principals"]
        tables["observe"] = {k: v for k, v in tables["observe"].items() if v != {}}
        if records := tables["observe"].get("records"):
            tables["observe"]["records"] = {k: v for k, v in records.items() if v != {}}
        return tables


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in table.items() if v is not None}
